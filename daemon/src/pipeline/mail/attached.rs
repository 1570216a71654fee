//! The workbooks that came with a mail, read.
//!
//! Each is read by the same limited child as the workbooks of the office, and typed by the same extraction. What is wrong with one costs only
//! that one. In difference to a watched workbook it is a statement and no state: an empty cell says nothing, `（清空）` clears, what a formula
//! shows counts as typed, and a record that is not in it is none of its business. An attachment's name is told and never used as a path.

use serde::{Deserialize, Serialize};

use super::super::Pipeline;
use super::super::columns::PastColumns;
use super::super::typed::Typed;
use crate::codec::mime::{self, Attachment, AttachmentKind, Mail, MimeLimits};
use crate::codec::read::{FileKind, ReadRequest};
use crate::codec::sheet::{RawCell, RawRow, ReadRow, SheetHead};
use crate::extract::CellProblem;
use crate::extract::mail::{Chosen, MailReading, is_cleared};
use crate::model::problem::Code;
use crate::model::{AttachedSheet, Cell, CellRef, FieldId, Place, Problem, Row, RowHash, SourceName, Table};
use crate::publish::returned;
use crate::source::workbook::{FetchLimits, ReadAttachment, read_attachment};

/// An attached zip would unpack to far more than it is.
const ZIP_RATIO: Code = Code("zip-ratio");
/// The mail has more workbooks than are read.
const TOO_MANY: Code = Code("too-many-workbooks");
/// Reading the mail's workbooks has taken as long as it may.
const TIMED_OUT: Code = Code("timed-out");

/// An attachment is no workbook.
const NOT_A_WORKBOOK: Code = Code("not-a-workbook");
/// Endings of files of which nobody expects that they are read: pictures, signatures, invitations, cards.
const ASIDE: [&str; 21] = [
    "png", "jpg", "jpeg", "gif", "bmp", "svg", "webp", "heic", "tif", "tiff", "ico", "emz", "wmz", "p7s", "p7m", "p7c",
    "asc", "sig", "pgp", "ics", "vcf",
];
/// A mail is attached that was not chosen to be read.
const NOT_CHOSEN: Code = Code("forward-not-read");

/// What a reader says if there are no titles in their row.
const HEADER_MISSING: &str = "header-missing";
/// What it says if there is no such sheet.
const SHEET_MISSING: &str = "sheet-missing";
/// A further sheet of a workbook looks like one that could be read.
const OTHER_SHEET: Code = Code("other-sheet");

/// So many workbooks of one mail are read.
const WORKBOOKS_MAX: usize = 10;
/// In so many visible sheets of a workbook the titles are looked for.
const SHEETS_MAX: u32 = 8;
/// How many problems are told of one workbook.
const PROBLEMS_MAX: usize = 100;
/// The titles are looked for in so many rows from the top: above them people write what the sheet is.
const HEADER_ROWS_MAX: u32 = 5;

/// What the workbooks of a mail say.
#[derive(Debug, Default)]
pub(super) struct Attached {
    pub(super) sheets: Vec<ReadSheet>,
    /// The workbooks that can't be read, by name.
    pub(super) unread: Vec<(String, Problem)>,
}

/// The sheet of one workbook.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ReadSheet {
    /// Its place among the mail's rows.
    pub(super) sheet: AttachedSheet,
    /// Its titles, by column from 0.
    pub(super) titles: Vec<(u32, String)>,
    /// Its rows, numbered among the mail's.
    pub(super) rows: Vec<Row>,
    /// What stands in those rows, as it was typed.
    pub(super) raw: Vec<RawRow>,
    /// What can't be read in single cells.
    pub(super) problems: Vec<CellProblem>,
    /// What is wrong with its columns, each with the title.
    pub(super) columns: Vec<(Problem, String)>,
}

impl Attached {
    /// The sheets as the arrival keeps them.
    pub(super) fn places(&self) -> Vec<AttachedSheet> {
        self.sheets.iter().map(|read| read.sheet.clone()).collect()
    }

    /// All that is wrong with whole workbooks and columns.
    pub(super) fn problems(&self) -> impl Iterator<Item = &Problem> {
        let columns = self.sheets.iter().flat_map(|read| read.columns.iter().map(|(problem, _)| problem));
        self.unread.iter().map(|(_, problem)| problem).chain(columns)
    }
}

impl Pipeline {
    /// Reads the workbooks that the mail's author has chosen.
    pub(super) fn read_attached(
        &self,
        source: &SourceName,
        mail: &Mail,
        reading: &MailReading,
        table: &Table,
    ) -> Attached {
        let time = Time { began_ms: self.parts.clock.now_ms(), seconds_max: self.config.limits.read_seconds_max };
        let mut attached = Attached::default();
        let mut rows_above = u32::try_from(reading.rows.len()).unwrap_or(u32::MAX);
        let mut rows_left = self.config.limits.attachment_rows_max;
        for (at, chosen) in reading.attachments.iter().enumerate() {
            let found = match chosen {
                Chosen::Own(at) => mail.attachments.get(*at),
                Chosen::Forwarded(at) => reading.forwarded.as_ref().and_then(|mail| mail.attachments.get(*at)),
            };
            let Some(attachment) = found else { continue };
            let name = shown_name(attachment, at + 1);
            let read = if at < WORKBOOKS_MAX {
                self.read_one((source, &name), attachment, table, (rows_above, rows_left), &time)
            } else {
                let what = format!("more than {WORKBOOKS_MAX} workbooks came with one mail");
                Err(refused(TOO_MANY, &name, &what, "Send them in several mails."))
            };
            match read {
                Ok((read, others)) => {
                    attached.unread.extend(others.into_iter().map(|sheet| {
                        let (name, problem) = other_sheet(&name, &sheet);
                        (name, problem.in_source(source.as_str()))
                    }));
                    rows_left = rows_left.saturating_sub(u32::try_from(read.raw.len()).unwrap_or(u32::MAX));
                    rows_above = read.raw.last().map_or(rows_above, |last| last.number);
                    attached.sheets.push(read);
                }
                Err(problem) => attached.unread.push((name, problem.in_source(source.as_str()))),
            }
        }
        if reading.command.is_none() {
            let unread = mail.attachments.iter().enumerate().filter_map(|(at, one)| not_read(one, at + 1));
            attached.unread.extend(unread.map(|(name, problem)| (name, problem.in_source(source.as_str()))));
        }
        attached
    }

    /// Reads the first visible sheet of a workbook that has the key's title. Of further ones that have it, too, the names are given: which of several
    /// sheets is meant is a guess, and last year's is a wrong one.
    fn read_one(
        &self,
        (source, name): (&SourceName, &str),
        attachment: &Attachment,
        table: &Table,
        (rows_above, rows_left): (u32, u32),
        time: &Time,
    ) -> Result<(ReadSheet, Vec<String>), Problem> {
        if mime::is_bomb(&attachment.bytes, &MimeLimits::default()) {
            let hint = "Open the workbook, clear what is not needed, save it, and send it again.";
            return Err(refused(ZIP_RATIO, name, "it would unpack to far more than a workbook needs", hint));
        }
        let file = File { source, name, attachment, table, time };
        let mut first = None;
        for position in 0..SHEETS_MAX {
            match self.read_sheet(&file, position, rows_left) {
                Ok(read) => {
                    let further = position + 1..read.head.visible_sheets.min(SHEETS_MAX);
                    let others = further.filter_map(|at| self.keyed_sheet(&file, at)).collect();
                    return Ok((read.rows.finish(read.head.columns, read.problems, rows_above), others));
                }
                Err(Miss::NoKey(problem)) => first = first.or(Some(problem)),
                Err(Miss::NoSheet(problem)) => return Err(first.unwrap_or(problem)),
                Err(Miss::Unreadable(problem)) => return Err(problem),
            }
        }
        Err(first.unwrap_or_else(|| refused(Code("missing-key-column"), name, "no column is that of the key", "")))
    }

    /// Reads a sheet. The titles are taken from the first row in which the key has one.
    fn read_sheet(&self, file: &File<'_>, position: u32, rows_max: u32) -> Result<ReadAttachment<Taker>, Miss> {
        let File { source, name, table, .. } = *file;
        let reasons = returned::reason_title(table, &self.texts);
        let fetch = self.fetch_limits();
        let mut first = None;
        for header_row in 1..=HEADER_ROWS_MAX {
            if file.time.is_up(self.parts.clock.now_ms()) {
                let what = "reading the mail's workbooks took too long";
                return Err(Miss::Unreadable(refused(TIMED_OUT, name, what, "Send it in a mail of its own.")));
            }
            let request = self.request(file, position, header_row, rows_max);
            let begin = |head: &SheetHead| {
                let past = PastColumns::default();
                Taker::new(Typed::begin(table.clone(), name.to_owned(), header_row, Some(&reasons), &past, head))
            };
            let reader = self.parts.reader.as_ref();
            match read_attachment(reader, (source, name), &file.attachment.bytes, &request, &fetch, begin) {
                Ok(read) if read.rows.typed.columns.keyed => return Ok(read),
                Ok(read) => first = first.or(read.rows.typed.problems.into_iter().next()),
                // The row is blank, or the sheet ends above it.
                Err(problem) if problem.code == HEADER_MISSING => first = first.or(Some(*problem)),
                Err(problem) if problem.code == SHEET_MISSING => return Err(Miss::NoSheet(*problem)),
                Err(problem) => return Err(first.map_or(Miss::Unreadable(*problem), Miss::NoKey)),
            }
        }
        let none = || refused(Code("missing-key-column"), name, "no column is that of the key", "");
        Err(Miss::NoKey(first.unwrap_or_else(none)))
    }

    /// The name of a sheet if it has the key's title, too. Its titles alone are looked at: however large it is, it is told.
    fn keyed_sheet(&self, file: &File<'_>, position: u32) -> Option<String> {
        let fetch = self.fetch_limits();
        (1..=HEADER_ROWS_MAX).take_while(|_| !file.time.is_up(self.parts.clock.now_ms())).find_map(|header_row| {
            let request = self.request(file, position, header_row, 1);
            let mut keyed = None;
            let look = |head: &SheetHead| {
                let past = PastColumns::default();
                let typed = Typed::begin(file.table.clone(), file.name.to_owned(), header_row, None, &past, head);
                keyed = typed.columns.keyed.then(|| head.sheet.clone()).flatten();
                TitlesOnly
            };
            let reader = self.parts.reader.as_ref();
            // A second row ends it: that is no matter.
            read_attachment(reader, (file.source, file.name), &file.attachment.bytes, &request, &fetch, look).ok();
            keyed
        })
    }

    fn request(&self, file: &File<'_>, position: u32, header_row: u32, rows_max: u32) -> ReadRequest {
        let limits = &self.config.limits;
        ReadRequest {
            position,
            header_row,
            rows_max,
            columns_max: limits.columns_max,
            cell_bytes_max: limits.cell_bytes_max,
            unpacked_bytes_max: limits.unpacked_bytes_max,
            ..ReadRequest::new(file.kind(), [0; 16])
        }
    }

    fn fetch_limits(&self) -> FetchLimits {
        FetchLimits { workbook_bytes_max: self.config.limits.workbook_bytes_max, problems_max: PROBLEMS_MAX }
    }
}

/// Takes no row of a sheet of which only the titles are looked at.
struct TitlesOnly;

impl Extend<ReadRow> for TitlesOnly {
    fn extend<I: IntoIterator<Item = ReadRow>>(&mut self, _rows: I) {}
}

/// An attached workbook, and what it is read for.
struct File<'a> {
    source: &'a SourceName,
    name: &'a str,
    attachment: &'a Attachment,
    table: &'a Table,
    time: &'a Time,
}

impl File<'_> {
    fn kind(&self) -> FileKind {
        match self.attachment.kind {
            AttachmentKind::Sheet(kind) => kind,
            AttachmentKind::Mail | AttachmentKind::Other => FileKind::Xlsx,
        }
    }
}

/// Why nothing was read in a sheet.
enum Miss {
    /// The key has no title there.
    NoKey(Problem),
    /// There is no such sheet.
    NoSheet(Problem),
    /// The workbook can't be read.
    Unreadable(Problem),
}

/// How long the reading of a mail's workbooks may take: all of them as long as one.
struct Time {
    began_ms: i64,
    seconds_max: u32,
}

impl Time {
    fn is_up(&self, now_ms: i64) -> bool {
        now_ms.saturating_sub(self.began_ms) / 1000 >= i64::from(self.seconds_max)
    }
}

/// What is told of an attachment that somebody may mean to be read, and that is not; `None` if it is nothing of the kind.
fn not_read(attachment: &Attachment, number: usize) -> Option<(String, Problem)> {
    let ending = attachment.name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    let is_aside = attachment.inline || ending.is_some_and(|ending| ASIDE.contains(&ending.as_str()));
    let name = shown_name(attachment, number);
    let problem = match attachment.kind {
        AttachmentKind::Other if !is_aside => {
            let hint = "Send what is to be recorded as a workbook, or write it into the mail.";
            refused(NOT_A_WORKBOOK, &name, "it is no workbook", hint)
        }
        AttachmentKind::Mail => {
            let hint =
                "If it is to be read, forward the mail again and write `转发内容` or `forwarded` in the first line.";
            refused(NOT_CHOSEN, &name, "it is another mail", hint)
        }
        AttachmentKind::Other | AttachmentKind::Sheet(_) => return None,
    };
    Some((name, problem))
}

/// What an attachment is called where it is told of.
fn shown_name(attachment: &Attachment, number: usize) -> String {
    if attachment.name.is_empty() { format!("attachment-{number}") } else { attachment.name.clone() }
}

/// A further sheet that was not read, as it is told.
fn other_sheet(name: &str, sheet: &str) -> (String, Problem) {
    let shown = format!("{name}!{sheet}");
    let hint = "If it is meant, too, send it as a workbook of its own.";
    let problem = refused(OTHER_SHEET, &shown, "one sheet of each workbook is read, and another one was", hint);
    (shown, problem)
}

fn refused(code: Code, name: &str, what: &str, hint: &str) -> Problem {
    Problem::new(code, name, format!("{name}: {what}. Nothing was taken from it."), hint)
}

/// Types rows as they come, and keeps what was typed.
struct Taker {
    typed: Typed,
    raw: Vec<RawRow>,
}

impl Taker {
    fn new(typed: Typed) -> Self {
        Self { typed, raw: Vec::new() }
    }

    fn take(&mut self, raw: RawRow) {
        let mapped = &self.typed.columns.mapped;
        let is_clearing = |(column, cell): &&(u32, RawCell)| {
            matches!(cell, RawCell::Text(text) if is_cleared(text)) && mapped.iter().any(|(_, own)| own == column)
        };
        let cleared: Vec<u32> = raw.cells.iter().filter(is_clearing).map(|(column, _)| *column).collect();
        let cleared: Vec<FieldId> = mapped.iter().filter(|(_, own)| cleared.contains(own)).map(|(id, _)| *id).collect();
        let before = self.typed.rows.len();
        let kept = raw.cells.iter().filter(|cell| !is_clearing(cell)).cloned().collect();
        self.typed.extend([ReadRow::Read(RawRow { cells: kept, ..raw })]);
        if self.typed.rows.len() == before && !cleared.is_empty() {
            let row = Row { number: raw.number, hash: RowHash::UNKNOWN, cells: Vec::new(), key: None };
            self.typed.rows.push(row);
        }
        let Some(row) = self.typed.rows.get_mut(before) else { return };
        row.hash = RowHash::UNKNOWN;
        row.cells.retain(|(_, cell)| *cell != Cell::Blank);
        row.cells.extend(cleared.into_iter().map(|field| (field, Cell::Blank)));
        row.cells.sort_by_key(|(field, _)| *field);
        self.raw.push(raw);
    }

    /// What was read, its rows numbered behind `rows_above` others.
    fn finish(self, titles: Vec<(u32, String)>, told: Vec<Problem>, rows_above: u32) -> ReadSheet {
        let Typed { place, columns, problems: of_titles, mut rows, mut cell_problems, .. } = self.typed;
        let mut raw = self.raw;
        // Rows are as many as the limits allow: no sum passes the largest number.
        let numbers = rows.iter_mut().map(|row| &mut row.number).chain(raw.iter_mut().map(|row| &mut row.number));
        for number in numbers.chain(cell_problems.iter_mut().map(|problem| &mut problem.row)) {
            *number = number.saturating_add(rows_above);
        }
        // A cell that the reader can't make out comes as an error value too: `extract` tells of it, once and in its row.
        let told = told.into_iter().filter(|problem| problem.code != "cell-unreadable");
        let all = of_titles.into_iter().chain(told).take(PROBLEMS_MAX);
        let named = all.map(|problem| {
            let title = title_at(&problem.place, &place, &titles);
            (problem, title)
        });
        let columns_told = named.collect();
        let sheet = AttachedSheet { place, columns: columns.mapped, rows_above };
        ReadSheet { sheet, titles, rows, raw, problems: cell_problems, columns: columns_told }
    }
}

impl Extend<ReadRow> for Taker {
    fn extend<I: IntoIterator<Item = ReadRow>>(&mut self, rows: I) {
        for row in rows {
            if let (ReadRow::Read(raw), true) = (row, self.typed.columns.keyed) {
                self.take(raw);
            }
        }
    }
}

/// The title at a place in the title row; empty if it is another place.
fn title_at(place: &str, sheet: &Place, titles: &[(u32, String)]) -> String {
    let is_there = |column: u32| {
        let rows = 1..=HEADER_ROWS_MAX;
        rows.into_iter().any(|row| sheet.cell(CellRef { row, column }) == place)
    };
    titles.iter().find(|(column, _)| is_there(*column)).map(|(_, title)| title.clone()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::sheet::Properties;
    use crate::extract::sample::{field, table};
    use crate::model::FieldType;

    fn read(titles: &[&str], rows: &[&[&str]]) -> ReadSheet {
        let table = table(vec![
            field(0, "customer_id", FieldType::String, &["客户编号"]),
            field(1, "phone", FieldType::String, &["电话"]),
            field(2, "amount", FieldType::Number, &["金额"]),
        ]);
        let columns: Vec<(u32, String)> = (0..).zip(titles.iter().map(|title| (*title).to_owned())).collect();
        let head =
            SheetHead { sheet: Some("客户".into()), visible_sheets: 1, columns, properties: Properties::default() };
        let typed = Typed::begin(table, "客户.xlsx".into(), 1, Some("原因"), &PastColumns::default(), &head);
        let mut taker = Taker::new(typed);
        let cell = |text: &&str| if text.is_empty() { RawCell::Empty } else { RawCell::Text((*text).into()) };
        taker.extend((2..).zip(rows).map(|(number, row)| {
            let cells = (0..).zip(row.iter().map(cell)).filter(|(_, cell)| *cell != RawCell::Empty).collect();
            ReadRow::Read(RawRow { number, hash: 0, cells })
        }));
        taker.finish(head.columns, Vec::new(), 10)
    }

    #[test]
    fn an_empty_cell_says_nothing_and_a_word_clears() {
        let read = read(
            &["客户编号", "电话", "备注", "金额", "原因"],
            &[&["C-1", "", "x", "many", "why"], &["C-2", "（清空）"], &["", "", "only this"], &["", "(clear)"]],
        );
        let shown: Vec<String> = read
            .rows
            .iter()
            .map(|row| {
                let cells = row.cells.iter().map(|(id, cell)| format!("{}={cell:?}", id.0)).collect::<Vec<_>>();
                format!("{} {} {}", row.number, row.key.is_some(), cells.join(" "))
            })
            .collect();
        assert_eq!(
            shown,
            [
                "12 true 0=Value(Text(\"C-1\")) 2=Raw(\"many\")",
                "13 true 0=Value(Text(\"C-2\")) 1=Blank",
                "15 false 1=Blank"
            ]
        );
        assert_eq!(read.raw.iter().map(|row| row.number).collect::<Vec<_>>(), [12, 13, 15]);
        assert_eq!(read.raw[1].cells[1].1, RawCell::Text("（清空）".into()), "what was typed is kept");
        let wrong = &read.problems[0];
        assert_eq!((wrong.row, wrong.problem.place.as_str()), (12, "客户.xlsx!客户!D2"));
        let (told, title) = &read.columns[0];
        assert_eq!((told.code.as_str(), title.as_str(), read.columns.len()), ("unknown-column", "备注", 1));
    }
}
