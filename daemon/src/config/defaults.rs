//! What holds where the configuration says nothing.

use crate::model::plugin::OnFailure;

/// `office.language`: receipts and reports in Chinese.
pub(super) const LANGUAGE: super::Language = super::Language::ZhCn;
/// `office.country`: the default region of phone numbers.
pub(super) const COUNTRY: &str = "CN";
/// `office.timezone`.
pub(super) const TIMEZONE: &str = "Asia/Shanghai";
/// `store.path`, relative to the configuration.
pub(super) const STORE_PATH: &str = "data/daybook.db";
/// `store.backups_kept`: enough to find the one before a bad day.
pub(super) const BACKUPS_KEPT: u32 = 10;
/// `table.field.class`.
pub(super) const CLASS: &str = "basic";
/// The classes of information that are always there.
pub(super) const CLASSES: [&str; 4] = [CLASS, "transaction", "service", "sensitive"];
/// `workbook.header_row`: the titles stand in the first row.
pub(super) const HEADER_ROW: u32 = 1;
/// `workbook.status_header`: the column in which each row is answered.
pub(super) const STATUS_HEADER: &str = "Daybook";
/// `workbook.missing_rows`: a person decides.
pub(super) const MISSING_ROWS: super::MissingRows = super::MissingRows::Review;
/// `workbook.blank_cells`: a cell that was emptied clears the value.
pub(super) const BLANK_CELLS: super::BlankCells = super::BlankCells::Clear;
/// `workbook.rank`.
pub(super) const RANK: i32 = 0;
/// `plugin.on_failure`: what a plugin could not look at waits for a person.
pub(super) const ON_FAILURE: OnFailure = OnFailure::Hold;
/// `plugin.memory_bytes_max`: enough for Python, many times what a rule in Rust needs.
pub(super) const PLUGIN_MEMORY_BYTES_MAX: u64 = 64 << 20;
/// `plugin.time_ms_max`: for a batch of 256 rows.
pub(super) const PLUGIN_TIME_MS_MAX: u64 = 1000;
/// `[guard]`.
pub(super) const GUARD: super::Guard =
    super::Guard { changed_cells_max_percent: 30, missing_rows_max_percent: 10, rows_min: 20 };
/// `[limits]`. A sheet of Excel has 1,048,576 rows; a cell holds 32,767 characters of up to four bytes.
pub(super) const LIMITS: super::Limits = super::Limits {
    workbook_bytes_max: 100 << 20,
    unpacked_bytes_max: 2 << 30,
    rows_max: 1 << 20,
    columns_max: 1024,
    cell_bytes_max: 128 << 10,
    read_seconds_max: 120,
    child_memory_bytes_max: 1 << 30,
    mail_bytes_max: 25 << 20,
    attachment_rows_max: 50_000,
    receipts_max: 20,
    receipts_hours: 2,
    decision_days: 14,
};
/// `[watch]`.
pub(super) const WATCH: super::Watch = super::Watch { events: true, quiet_ms: 300, poll_seconds: 5 };
/// `mailbox.imap.port` with TLS from the first byte (RFC 8314).
pub(super) const IMAPS_PORT: u16 = 993;
/// `mailbox.imap.port` otherwise.
pub(super) const IMAP_PORT: u16 = 143;
/// `smtp.port` with TLS from the first byte (RFC 8314).
pub(super) const SUBMISSIONS_PORT: u16 = 465;
/// `smtp.port` otherwise (RFC 6409).
pub(super) const SUBMISSION_PORT: u16 = 587;
/// `mailbox.folders`.
pub(super) const INBOX: &str = "INBOX";
/// Where mails go that were taken.
pub(super) const DONE: &str = "Daybook/Done";
/// Where mails go that can't be.
pub(super) const REFUSED: &str = "Daybook/Refused";
