//! The sections about the office as a whole: `[office]`, `[store]`, `[guard]`, `[limits]`, `[watch]`.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use compact_str::CompactString;
use jiff::tz::TimeZone;

use super::defaults;
use super::paths::{plain, resolve};
use super::problem::ProblemKind;
use super::reader::{Item, Reader};

/// The office.
#[derive(Clone, Debug)]
pub struct Office {
    /// Its name; empty if it is not given.
    pub name: String,
    /// The language of receipts, console and reports.
    pub language: Language,
    /// The default region of phone numbers: two capital letters.
    pub country: CompactString,
    /// The time zone in which dates are read and shown.
    pub timezone: TimeZone,
    /// Whether Daybook reads and reports only: it writes nothing back and sends nothing.
    pub observe_only: bool,
}

/// A language that Daybook speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Simplified Chinese, `zh-CN`.
    ZhCn,
    /// English, `en`.
    En,
}

/// The words for languages.
pub(super) const LANGUAGES: [(&str, Language); 2] = [("zh-CN", Language::ZhCn), ("en", Language::En)];

impl Language {
    /// Its tag, as in the configuration.
    pub fn tag(self) -> &'static str {
        match self {
            Self::ZhCn => "zh-CN",
            Self::En => "en",
        }
    }
}

/// The most versions of a workbook that may be kept.
const BACKUPS_KEPT_MAX: u32 = 1000;

/// Where the store and its key are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreConfig {
    /// The database file.
    pub path: PathBuf,
    /// The key that opens it.
    pub key: KeySource,
    /// How many earlier versions of each workbook that Daybook writes into are kept, sealed, beside the database.
    pub backups_kept: u32,
}

/// Where the key comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// A file, never inside the store's directory.
    File(PathBuf),
    /// The name of a credential that systemd hands over: the file `$CREDENTIALS_DIRECTORY/NAME`.
    Credential(String),
}

/// What makes an arrival a mass change, which a person has to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guard {
    /// An arrival that changes more than this part of the cells is held; 0 to 100.
    pub changed_cells_max_percent: u8,
    /// An arrival in which more than this part of the rows is missing is held; 0 to 100.
    pub missing_rows_max_percent: u8,
    /// Sheets with fewer rows are not guarded.
    pub rows_min: u32,
}

/// What something from outside may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The size of a workbook's file.
    pub workbook_bytes_max: u64,
    /// The size of all that a workbook's zip container unpacks to.
    pub unpacked_bytes_max: u64,
    /// Rows of a sheet.
    pub rows_max: u32,
    /// Columns of a sheet.
    pub columns_max: u32,
    /// The content of one cell.
    pub cell_bytes_max: u32,
    /// The time in which a workbook must have been read.
    pub read_seconds_max: u32,
    /// The memory of the process that reads a workbook.
    pub child_memory_bytes_max: u64,
    /// The size of a mail.
    pub mail_bytes_max: u64,
    /// Rows of all workbooks that come with one mail.
    pub attachment_rows_max: u32,
    /// Receipts that one person is sent within `receipts_hours`; then a digest takes their place.
    pub receipts_max: u32,
    /// See `receipts_max`.
    pub receipts_hours: u32,
    /// A decision can be sent by mail for so many days after it was offered.
    pub decision_days: u32,
}

/// How files are watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watch {
    /// Whether the system's file events are used beside polling. On a network share there are none.
    pub events: bool,
    /// A file is read once it has not changed for so long.
    pub quiet_ms: u64,
    /// All sources are looked at so often.
    pub poll_seconds: u64,
}

/// Reads `[office]`.
pub(super) fn read_office(root: &mut Reader<'_>) -> Office {
    let mut reader = root.section("office");
    let name = reader.item("name").and_then(Item::text).map_or_else(String::new, |name| name.value);
    let language = reader.item("language").and_then(|item| item.one_of(&LANGUAGES));
    let country = read_country(&mut reader).unwrap_or_else(|| CompactString::const_new(defaults::COUNTRY));
    let timezone = read_timezone(&mut reader).unwrap_or(TimeZone::UTC);
    let observe_only = reader.item("observe_only").and_then(Item::boolean).unwrap_or(false);
    reader.finish();
    Office { name, language: language.map_or(defaults::LANGUAGE, |found| found.value), country, timezone, observe_only }
}

fn read_country(reader: &mut Reader<'_>) -> Option<CompactString> {
    let country = reader.item("country")?.text()?;
    if country.value.len() != 2 || !country.value.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        let message = format!("`{}` is not a country's two letters", country.value);
        reader.report.add(&country.spot, ProblemKind::WrongValue, message, "ISO 3166-1, as `CN` or `SG`");
        return None;
    }
    Some(country.value.to_ascii_uppercase().into())
}

fn read_timezone(reader: &mut Reader<'_>) -> Option<TimeZone> {
    let Some(item) = reader.item("timezone") else {
        return TimeZone::get(defaults::TIMEZONE).ok();
    };
    let name = item.text()?;
    let zone = TimeZone::get(&name.value).ok();
    if zone.is_none() {
        let message = format!("there is no time zone `{}`", name.value);
        reader.report.add(&name.spot, ProblemKind::WrongValue, message, "IANA names, as `Asia/Shanghai`");
    }
    zone
}

/// Reads `[store]`. `None` if it does not say where the key is.
pub(super) fn read_store(root: &mut Reader<'_>, directory: &Path) -> Option<StoreConfig> {
    let mut reader = root.section("store");
    let report = reader.report;
    let path = reader.item("path").and_then(Item::text);
    let path = path.map_or_else(|| defaults::STORE_PATH.to_owned(), |path| path.value);
    let path = resolve(directory, &path);
    let file = reader.item("key_file");
    let credential = reader.item("key_credential");
    let backups_kept = reader.item("backups_kept").and_then(|item| item.whole(&(0..=BACKUPS_KEPT_MAX)));
    let section = reader.spot.clone();
    reader.finish();
    let key = match (file, credential) {
        (Some(_), Some(second)) => {
            let message = "the key comes from `key_file` or from `key_credential`, not from both";
            report.add(&second.spot, ProblemKind::Contradiction, message, "remove one of them");
            return None;
        }
        (None, None) => {
            let hint = "make a key with `daybook key new FILE`, or name a credential of systemd in `key_credential`";
            report.add(&section.at_key("key_file"), ProblemKind::MissingKey, "missing", hint);
            return None;
        }
        (Some(file), None) => {
            let file = file.text()?;
            let resolved = resolve(directory, &file.value);
            // Who copies or backs up the store's directory must not carry its key along.
            let home = plain(path.parent().unwrap_or(directory));
            if plain(&resolved).starts_with(&home) {
                let message = format!("the key may not lie in the store's directory, `{}`", home.display());
                let hint = "put the store into a directory of its own, as `data/daybook.db`, and the key beside it, \
                            as `keys/daybook.key`";
                report.add(&file.spot, ProblemKind::Contradiction, message, hint);
            }
            KeySource::File(resolved)
        }
        (None, Some(credential)) => {
            let name = credential.text()?;
            if name.value.contains('/') || name.value == "." || name.value == ".." {
                let hint = "systemd puts the file into its own directory; give its name alone";
                report.add(&name.spot, ProblemKind::WrongValue, "must be a name, is a path", hint);
            }
            KeySource::Credential(name.value)
        }
    };
    let backups_kept = backups_kept.map_or(defaults::BACKUPS_KEPT, |count| count.value);
    Some(StoreConfig { path, key, backups_kept })
}

/// Reads `[guard]`.
pub(super) fn read_guard(root: &mut Reader<'_>) -> Guard {
    let mut reader = root.section("guard");
    let or = defaults::GUARD;
    let guard = Guard {
        changed_cells_max_percent: bounded(
            &mut reader,
            "changed_cells_max_percent",
            0..=100,
            or.changed_cells_max_percent,
        ),
        missing_rows_max_percent: bounded(
            &mut reader,
            "missing_rows_max_percent",
            0..=100,
            or.missing_rows_max_percent,
        ),
        rows_min: bounded(&mut reader, "rows_min", 0..=u32::MAX, or.rows_min),
    };
    reader.finish();
    guard
}

/// Sizes are read as TOML's signed numbers.
const BYTES: RangeInclusive<u64> = 1..=(i64::MAX as u64);

/// Reads `[limits]`.
pub(super) fn read_limits(root: &mut Reader<'_>) -> Limits {
    let mut reader = root.section("limits");
    let or = defaults::LIMITS;
    let limits = Limits {
        workbook_bytes_max: bounded(&mut reader, "workbook_bytes_max", BYTES, or.workbook_bytes_max),
        unpacked_bytes_max: bounded(&mut reader, "unpacked_bytes_max", BYTES, or.unpacked_bytes_max),
        rows_max: bounded(&mut reader, "rows_max", 1..=u32::MAX, or.rows_max),
        // The last column of any known format is XFD.
        columns_max: bounded(&mut reader, "columns_max", 1..=16_384, or.columns_max),
        cell_bytes_max: bounded(&mut reader, "cell_bytes_max", 1..=u32::MAX, or.cell_bytes_max),
        read_seconds_max: bounded(&mut reader, "read_seconds_max", 1..=86_400, or.read_seconds_max),
        // Below this the reading process does not even start.
        child_memory_bytes_max: bounded(
            &mut reader,
            "child_memory_bytes_max",
            64 << 20..=*BYTES.end(),
            or.child_memory_bytes_max,
        ),
        mail_bytes_max: bounded(&mut reader, "mail_bytes_max", BYTES, or.mail_bytes_max),
        attachment_rows_max: bounded(&mut reader, "attachment_rows_max", 1..=1_048_576, or.attachment_rows_max),
        receipts_max: bounded(&mut reader, "receipts_max", 1..=100_000, or.receipts_max),
        // A week: what was sent is remembered for longer than that.
        receipts_hours: bounded(&mut reader, "receipts_hours", 1..=168, or.receipts_hours),
        // That a token was used is remembered for longer than a year.
        decision_days: bounded(&mut reader, "decision_days", 1..=365, or.decision_days),
    };
    reader.finish();
    limits
}

/// Reads `[watch]`.
pub(super) fn read_watch(root: &mut Reader<'_>) -> Watch {
    let mut reader = root.section("watch");
    let or = defaults::WATCH;
    let watch = Watch {
        events: reader.item("events").and_then(Item::boolean).unwrap_or(or.events),
        quiet_ms: bounded(&mut reader, "quiet_ms", 0..=60_000, or.quiet_ms),
        poll_seconds: bounded(&mut reader, "poll_seconds", 1..=86_400, or.poll_seconds),
    };
    reader.finish();
    watch
}

/// A whole number within a range, or else the default.
fn bounded<T>(reader: &mut Reader<'_>, key: &'static str, range: RangeInclusive<T>, or: T) -> T
where
    T: TryFrom<i64> + PartialOrd + std::fmt::Display,
{
    reader.item(key).and_then(|item| item.whole(&range)).map_or(or, |found| found.value)
}
