//! Changes single fields of a text file in its own encoding, delimiter, quoting and line ends.
//!
//! In come the file and a [`PatchRequest`]; out go the patched bytes and what was done. Only the bytes of changed fields
//! are replaced: blank lines, ragged rows, mixed line ends and a missing last line end stay. A row that is too short gets
//! the delimiters that it lacks; appended rows have the quoting of the row above them. It never writes what a spreadsheet
//! program would run as a formula, and never a character that the file's encoding would lose. A file of ASCII alone without
//! a mark has no encoding for others: Excel would open UTF-8 without a mark in the code page of the machine.
//!
//! CSV has no document properties: `source` and `revision` are not written.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};

use super::super::patch::{CellRefusal, NewCell, PatchRequest, Patched, RefusedCell};
use super::super::read::{ReadFailure, broken_input};
use super::super::shared::Shared;
use super::super::sheet::RawCell;
use super::check::{Changes, Intent, Reading, Splice, spliced};
use super::layout::{DELIMITERS, Layout};
use super::spans::{RowSpan, Spans, encoded, field_text};
use super::spelling::{Spelling, is_formula_like};

/// Patches a text file: what was done, and the new bytes (empty if nothing had to be changed).
///
/// A cell that already reads as asked is left as it is and counts as done. A row that holds nothing any more is no row to
/// the reader, and not told of. A cell of an appended row that is refused is told with the number that the row got; the
/// row is appended without it.
///
/// # Errors
/// What reading says; `moved` if a row is not as it was read; `text-ambiguous` if the new texts would make the file look
/// like one in another encoding or with another delimiter.
pub(in crate::codec) fn patch<R: Read + Seek>(
    mut input: Shared<R>,
    request: &PatchRequest,
) -> Result<(Patched, Vec<u8>), ReadFailure> {
    let is_wanted = |number: u32| request.rows.binary_search_by_key(&number, |row| row.number).is_ok();
    let before = Reading::of(input.rewound(), &request.read, is_wanted)?;
    hold_rows(&before, request)?;
    let layout = Layout::find(&mut input)?;
    let mut bytes = Vec::new();
    input.seek(SeekFrom::Start(0)).and_then(|_| input.read_to_end(&mut bytes)).map_err(|error| broken_input(&error))?;
    let mut draft = Draft::new(&bytes, layout, request, &before);
    draft.change_rows();
    draft.append_rows();
    let Draft { splices, changes, appended, refused, append_refused, .. } = draft;
    let patched = spliced(&bytes, &splices);
    let intent = Intent { bytes: &bytes, before: &before, layout, splices: &splices, changes: &changes };
    let after = intent.check(&patched, &request.read)?;
    let hashed = |number: u32| after.hash(number).map(|hash| (number, hash));
    let is_old = |number: &u32| appended.first().is_none_or(|first| number < first);
    let patched_rows = changes.into_keys().filter(is_old).filter_map(hashed).collect();
    let done = Patched {
        rows: patched_rows,
        appended: appended.iter().copied().filter_map(hashed).collect(),
        refused,
        append_refused,
    };
    Ok((done, if splices.is_empty() { Vec::new() } else { patched }))
}

/// Holds that the rows of the request are those of the file.
fn hold_rows(before: &Reading, request: &PatchRequest) -> Result<(), ReadFailure> {
    let are_there = request.rows.iter().all(|row| before.hash(row.number) == Some(row.hash));
    let has_last = request.last_row == request.read.header_row || before.hash(request.last_row).is_some();
    if are_there && has_last {
        return Ok(());
    }
    Err(ReadFailure::new(
        "moved",
        "Rows of the file are not as they were read. Nothing was written.",
        "Somebody may have saved it just now; it is read again and patched then.",
    ))
}

/// What has to be known of the file's rows before one is changed.
#[derive(Default)]
struct Survey {
    /// How the columns that get a date or a truth value spell theirs.
    spellings: BTreeMap<u32, Spelling>,
    /// How many fields the header row has.
    header_width: usize,
    /// The row below which rows are appended.
    last: RowSpan,
    /// The line end of the rows up to there; empty if there is none.
    line_end: Vec<u8>,
}

impl Survey {
    fn of(bytes: &[u8], layout: Layout, request: &PatchRequest) -> Self {
        let cells = request.rows.iter().map(|row| &row.cells).chain(&request.appended).flatten();
        let is_spelled = |cell: &NewCell| matches!(cell, NewCell::Boolean(_) | NewCell::Date(_) | NewCell::DateTime(_));
        let spelled = cells.filter(|(_, cell)| is_spelled(cell)).map(|(column, _)| (*column, Spelling::default()));
        let mut survey = Self { spellings: spelled.collect(), ..Self::default() };
        let mut spans = Spans::new(bytes, layout);
        let mut row = RowSpan::default();
        while spans.next(&mut row) {
            if row.number <= request.last_row && !row.line_end.is_empty() {
                survey.line_end.clear();
                survey.line_end.extend_from_slice(&bytes[row.line_end.clone()]);
            }
            if row.number == request.read.header_row {
                survey.header_width = row.fields.len();
            }
            if row.number > request.read.header_row {
                survey.learn(bytes, layout, &row);
            }
            if row.number == request.last_row {
                survey.last = row.clone();
            }
        }
        survey
    }

    fn learn(&mut self, bytes: &[u8], layout: Layout, row: &RowSpan) {
        for (column, spelling) in &mut self.spellings {
            if let Some(field) = row.fields.get(*column as usize).filter(|_| !spelling.is_settled()) {
                spelling.learn(&field_text(&bytes[field.clone()], layout));
            }
        }
    }
}

/// A patch in the making.
struct Draft<'a> {
    bytes: &'a [u8],
    /// Whether nothing in the file tells an encoding.
    is_ascii: bool,
    layout: Layout,
    request: &'a PatchRequest,
    before: &'a Reading,
    survey: Survey,
    /// Ascending, without overlaps.
    splices: Vec<Splice>,
    /// What each changed or appended row is to hold.
    changes: BTreeMap<u32, Changes>,
    /// The numbers of appended rows.
    appended: Vec<u32>,
    refused: Vec<RefusedCell>,
    append_refused: Option<CellRefusal>,
}

impl<'a> Draft<'a> {
    fn new(bytes: &'a [u8], layout: Layout, request: &'a PatchRequest, before: &'a Reading) -> Self {
        Self {
            bytes,
            is_ascii: bytes.is_ascii(),
            layout,
            request,
            before,
            survey: Survey::of(bytes, layout, request),
            splices: Vec::new(),
            changes: BTreeMap::new(),
            appended: Vec::new(),
            refused: Vec::new(),
            append_refused: None,
        }
    }

    fn change_rows(&mut self) {
        let mut patches = self.request.rows.iter().peekable();
        let mut spans = Spans::new(self.bytes, self.layout);
        let mut row = RowSpan::default();
        while patches.peek().is_some() && spans.next(&mut row) {
            if let Some(patch) = patches.next_if(|patch| patch.number == row.number) {
                self.change_row(&row, &patch.cells);
            }
        }
    }

    fn change_row(&mut self, row: &RowSpan, cells: &[(u32, NewCell)]) {
        let mut accepted = Changes::new();
        // What the row needs behind its last field, and how many fields it then has.
        let (mut tail, mut width) = (Vec::new(), row.fields.len());
        for (column, cell) in cells {
            let text = self.text_of(*column, cell);
            let shown = self.before.cell(row.number, *column);
            let is_there = match (&text, shown) {
                (Some(text), Some(RawCell::Text(shown))) => text == shown,
                (text, shown) => text.is_none() && shown.is_none(),
            };
            if is_there {
                accepted.push((*column, text));
                continue;
            }
            let place = row.fields.get(*column as usize);
            // A row of one field that becomes blank would be no more than its line end, and that may be taken for the
            // second half of the one before it.
            let is_alone = row.fields.len() == 1 && text.is_none();
            let was_quoted = is_alone || place.is_some_and(|place| self.is_quoted(place.start));
            match self.field(*column, text.as_deref(), was_quoted) {
                Ok(field) => {
                    if let Some(place) = place {
                        self.splices.push((place.clone(), field));
                    } else {
                        tail.extend(self.delimiters((*column as usize + 1).saturating_sub(width)));
                        tail.extend(field);
                        width = *column as usize + 1;
                    }
                    accepted.push((*column, text));
                }
                Err(why) => self.refused.push(RefusedCell { row: row.number, column: *column, why }),
            }
        }
        if !tail.is_empty() {
            self.splices.push((row.line_end.start..row.line_end.start, tail));
        }
        if !accepted.is_empty() {
            self.changes.insert(row.number, accepted);
        }
    }

    fn append_rows(&mut self) {
        let count = self.request.appended.len();
        if count == 0 {
            return;
        }
        self.append_refused = self.why_not_appended(count);
        if self.append_refused.is_some() {
            return;
        }
        let style: Vec<bool> = self.survey.last.fields.iter().map(|field| self.is_quoted(field.start)).collect();
        let mut rows = Vec::new();
        for (number, cells) in (self.request.last_row + 1..).zip(&self.request.appended) {
            let (row, accepted) = self.new_row(number, cells, &style);
            if accepted.is_empty() {
                // It would not be a row; what was refused in it says why.
                let why = self.refused.last().filter(|refused| refused.row == number).map(|refused| refused.why);
                self.append_refused = Some(why.unwrap_or(CellRefusal::NoRoom));
                self.refused.retain(|refused| refused.row <= self.request.last_row);
                self.changes.retain(|own, _| *own <= self.request.last_row);
                self.appended.clear();
                return;
            }
            self.appended.push(number);
            self.changes.insert(number, accepted);
            rows.push(row);
        }
        let end = match self.survey.line_end.as_slice() {
            // As RFC 4180 has it.
            [] => encoded("\r\n", self.layout.encoding).unwrap_or_default(),
            end => end.to_vec(),
        };
        let place = self.survey.last.line_end.end;
        // The new last row ends as the old one did.
        let new = if self.survey.last.line_end.is_empty() {
            rows.iter().flat_map(|row| [end.as_slice(), row]).flatten().copied().collect()
        } else {
            rows.iter().flat_map(|row| [row, end.as_slice()]).flatten().copied().collect()
        };
        self.splices.push((place..place, new));
    }

    fn why_not_appended(&self, count: usize) -> Option<CellRefusal> {
        let is_full = self.before.length() + count > self.request.read.rows_max as usize;
        let last = u32::try_from(count).ok().and_then(|count| self.request.last_row.checked_add(count));
        if self.before.last().is_some_and(|last| last > self.request.last_row) {
            Some(CellRefusal::RowsBelow)
        } else if is_full || last.is_none() {
            Some(CellRefusal::NoRoom)
        } else {
            None
        }
    }

    /// The bytes of an appended row without its line end, and what it is to hold.
    fn new_row(&mut self, number: u32, cells: &[(u32, NewCell)], style: &[bool]) -> (Vec<u8>, Changes) {
        let mut fields = BTreeMap::new();
        let mut accepted = Changes::new();
        for (column, cell) in cells {
            let Some(text) = self.text_of(*column, cell) else { continue };
            let is_quoted = style.get(*column as usize).copied().unwrap_or_default();
            match self.field(*column, Some(&text), is_quoted) {
                Ok(field) => {
                    fields.insert(*column as usize, field);
                    accepted.push((*column, Some(text)));
                }
                Err(why) => self.refused.push(RefusedCell { row: number, column: *column, why }),
            }
        }
        let width = fields.last_key_value().map_or(0, |(last, _)| last + 1).max(self.survey.header_width);
        let mut row = Vec::new();
        for column in 0..width {
            if column > 0 {
                row.extend(self.delimiters(1));
            }
            match fields.remove(&column) {
                Some(field) => row.extend(field),
                None if style.get(column).copied().unwrap_or_default() => row.extend(self.quotes()),
                None => {}
            }
        }
        (row, accepted)
    }

    /// The text that a cell is to show; `None` for a blank one.
    fn text_of(&self, column: u32, cell: &NewCell) -> Option<String> {
        match self.survey.spellings.get(&column) {
            Some(spelling) => spelling.write(cell),
            None => Spelling::default().write(cell),
        }
    }

    /// A field's bytes with its quotes.
    fn field(&self, column: u32, text: Option<&str>, is_quoted: bool) -> Result<Vec<u8>, CellRefusal> {
        if column >= self.request.read.columns_max {
            return Err(CellRefusal::NoRoom);
        }
        let Some(text) = text else { return Ok(if is_quoted { self.quotes() } else { Vec::new() }) };
        if text.len() > self.request.read.cell_bytes_max as usize {
            return Err(CellRefusal::TooLong);
        }
        if is_formula_like(text) {
            return Err(CellRefusal::FormulaLike);
        }
        if self.is_ascii && !text.is_ascii() {
            return Err(CellRefusal::NotEncodable);
        }
        let bytes = if is_quoted || self.needs_quotes(text) {
            encoded(&format!("\"{}\"", text.replace('"', "\"\"")), self.layout.encoding)
        } else {
            encoded(text, self.layout.encoding)
        };
        bytes.ok_or(CellRefusal::NotEncodable)
    }

    /// Whether a text can't stand without quotes. Without them, what is a delimiter in other files could make this file
    /// look like one of those.
    fn needs_quotes(&self, text: &str) -> bool {
        text.bytes().any(|byte| {
            matches!(byte, b'"' | b'\n' | b'\r')
                || byte == self.layout.delimiter
                || !self.layout.is_stated && DELIMITERS.contains(&byte)
        })
    }

    /// Whether the field that begins here is quoted.
    fn is_quoted(&self, begin: usize) -> bool {
        let quote = encoded("\"", self.layout.encoding).unwrap_or_default();
        self.bytes.get(begin..).is_some_and(|field| field.starts_with(&quote))
    }

    fn quotes(&self) -> Vec<u8> {
        encoded("\"\"", self.layout.encoding).unwrap_or_default()
    }

    fn delimiters(&self, count: usize) -> Vec<u8> {
        let delimiter = char::from(self.layout.delimiter).to_string();
        encoded(&delimiter.repeat(count), self.layout.encoding).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use encoding_rs::{BIG5, GB18030};
    use jiff::civil::date;

    use super::super::super::patch::{RowPatch, patch};
    use super::super::super::read::FileKind;
    use super::super::super::trial::{outcome, request};
    use super::*;

    type Cells<'a> = &'a [(u32, NewCell)];

    fn text(written: &str) -> NewCell {
        NewCell::Text(written.into())
    }

    /// A request for a file as it is, with the last row that holds something as the last row.
    fn asked(bytes: &[u8], rows: &[(u32, Cells)], appended: &[Cells]) -> PatchRequest {
        let seen = outcome(bytes.to_vec(), &request(FileKind::Csv));
        let numbers = seen.numbers();
        let hash = |number| seen.hashes()[numbers.iter().position(|own| *own == number).expect("a row")];
        PatchRequest {
            read: request(FileKind::Csv),
            rows: rows
                .iter()
                .map(|(number, cells)| RowPatch { number: *number, hash: hash(*number), cells: cells.to_vec() })
                .collect(),
            appended: appended.iter().map(|cells| cells.to_vec()).collect(),
            last_row: numbers.last().copied().unwrap_or(1),
            source: "staff".to_owned(),
            revision: Some(7),
            words: ["否".into(), "是".into()],
        }
    }

    fn patched(bytes: &[u8], rows: &[(u32, Cells)], appended: &[Cells]) -> (Patched, Vec<u8>) {
        patch(Cursor::new(bytes), &asked(bytes, rows, appended)).expect("it can be patched")
    }

    #[track_caller]
    fn check_text(before: &str, rows: &[(u32, Cells)], appended: &[Cells], after: &str) {
        let (done, bytes) = patched(before.as_bytes(), rows, appended);
        assert_eq!(String::from_utf8_lossy(&bytes), after);
        assert_eq!((done.refused.len(), done.append_refused), (0, None));
        assert_eq!((done.rows.len(), done.appended.len()), (rows.len(), appended.len()));
    }

    #[test]
    fn only_the_field_is_replaced() {
        let before = "a,b,c\r\n\n 1 ,\"x\"y,\n\"2\",z\r3,,";
        check_text(before, &[(3, &[(1, text("w"))])], &[], "a,b,c\r\n\n 1 ,\"w\",\n\"2\",z\r3,,");
        check_text(before, &[(4, &[(0, text("9"))])], &[], "a,b,c\r\n\n 1 ,\"x\"y,\n\"9\",z\r3,,");
        check_text(before, &[(4, &[(2, text("q"))])], &[], "a,b,c\r\n\n 1 ,\"x\"y,\n\"2\",z,q\r3,,");
        check_text(
            before,
            &[(5, &[(1, text("s\"; \nt")), (3, text("u"))])],
            &[],
            &before.replace("3,,", "3,\"s\"\"; \nt\",,u"),
        );
        check_text(before, &[(4, &[(0, NewCell::Blank), (1, text("y"))])], &[], &before.replace("\"2\",z", "\"\",y"));
    }

    #[test]
    fn rows_are_appended_as_the_last_one_is_written() {
        let row: Cells = &[(0, text("2")), (2, text("n"))];
        check_text("a,b,c\n\"1\",x\n", &[], &[row], "a,b,c\n\"1\",x\n\"2\",,n\n");
        check_text("a,b,c\r\n\"1\",\"x\"", &[], &[row, row], "a,b,c\r\n\"1\",\"x\"\r\n\"2\",\"\",n\r\n\"2\",\"\",n");
        check_text("a,b,c", &[], &[row], "a,b,c\r\n2,,n");
        check_text("a,b,c\n1,x\n\n\n", &[], &[row], "a,b,c\n1,x\n2,,n\n\n\n");
        check_text("a,b\n1,x\n", &[(2, &[(1, text("y"))])], &[row], "a,b\n1,y\n2,,n\n");
    }

    #[test]
    fn values_are_spelled_as_in_their_column() {
        let before = "id,vip,since,seen\n1,是,2025/3/1,2025/3/1 8:30\n2,,,\n";
        let day = date(2026, 3, 1);
        let cells: Cells = &[
            (0, NewCell::Number("-2.50".into())),
            (1, NewCell::Boolean(false)),
            (2, NewCell::Date(day)),
            (3, NewCell::DateTime(day.at(8, 0, 5, 0))),
        ];
        check_text(before, &[(3, cells)], &[], &before.replace("2,,,", "-2.50,否,2026/3/1,2026/3/1 08:00:05"));
    }

    #[test]
    fn what_is_refused_is_left_as_it_is() {
        let before = BIG5.encode("編號,b\n一,x\n").0.into_owned();
        let (done, bytes) = patched(
            &before,
            &[(2, &[(0, text("简")), (1, text("=1+1")), (600, text("far"))])],
            &[&[(0, text("二")), (1, text("+A1"))]],
        );
        let refused = |row, column, why| RefusedCell { row, column, why };
        assert_eq!(
            done.refused,
            [
                refused(2, 0, CellRefusal::NotEncodable),
                refused(2, 1, CellRefusal::FormulaLike),
                refused(2, 600, CellRefusal::NoRoom),
                refused(3, 1, CellRefusal::FormulaLike),
            ]
        );
        assert_eq!(bytes, BIG5.encode("編號,b\n一,x\n二,\n").0.as_ref());
        assert_eq!((done.rows.len(), done.appended.len()), (0, 1));
        let long = "x".repeat(request(FileKind::Csv).cell_bytes_max as usize + 1);
        let (done, bytes) = patched(b"a\n1\n", &[(2, &[(0, text(&long))])], &[&[(0, text("=1"))]]);
        assert_eq!(done.refused, [refused(2, 0, CellRefusal::TooLong)]);
        assert_eq!((done.append_refused, bytes.len()), (Some(CellRefusal::FormulaLike), 0));
    }

    #[test]
    fn a_file_of_ascii_alone_gets_no_other_letters() {
        let before = "a,b\n1,x\n";
        let (done, bytes) = patched(before.as_bytes(), &[(2, &[(0, text("2")), (1, text("李"))])], &[]);
        assert_eq!(done.refused, [RefusedCell { row: 2, column: 1, why: CellRefusal::NotEncodable }]);
        assert_eq!(bytes, b"a,b\n2,x\n");
        let marked = format!("\u{feff}{before}");
        check_text(&marked, &[(2, &[(1, text("李"))])], &[], &marked.replace('x', "李"));
    }

    #[test]
    fn rows_below_the_last_one_are_not_pushed_down() {
        let before = b"a,b\n1,x\n\ntotal,9\n";
        let mut request = asked(before, &[(2, &[(1, text("y"))])], &[&[(0, text("2"))]]);
        request.last_row = 2;
        let (done, bytes) = patch(Cursor::new(before), &request).expect("the cell can be patched");
        assert_eq!(done.append_refused, Some(CellRefusal::RowsBelow));
        assert_eq!(bytes, b"a,b\n1,y\n\ntotal,9\n");
    }

    #[test]
    fn another_file_than_the_one_that_was_read_is_left_alone() {
        let failing = |before: &[u8], now: &[u8]| {
            let request = asked(before, &[(2, &[(1, text("y"))])], &[]);
            patch(Cursor::new(now), &request).expect_err("it moved").code
        };
        assert_eq!(failing(b"a,b\n1,x\n", b"a,b\n1,z\n"), "moved");
        assert_eq!(failing(b"a,b\n1,x\n2,x\n", b"a,b\n1,x\n"), "moved");
        assert_eq!(failing(b"a,b\n1,x\n", b"a,b\n\n1,x\n"), "moved");
        assert_eq!(failing(b"a,b\n1,x\n", b"a,b\n1,\"x\n"), "damaged");
    }

    #[test]
    fn a_cell_that_reads_as_asked_is_not_touched() {
        let (done, bytes) = patched(b"a,b\n\"=1\",\n", &[(2, &[(0, text("=1")), (1, NewCell::Blank)])], &[]);
        assert_eq!((done.rows.len(), done.refused.len(), bytes.len()), (1, 0, 0));
        // A row that holds nothing any more is none.
        let (done, bytes) = patched(b"a\n1\n2\n", &[(2, &[(0, NewCell::Blank)])], &[]);
        assert_eq!((done.rows, bytes.as_slice()), (Vec::new(), b"a\n\"\"\n2\n".as_slice()));
    }

    #[test]
    fn a_text_that_hides_the_encoding_is_not_written() {
        // Its bytes are valid UTF-8 too.
        let before = GB18030.encode("a,b\n李,x\n").0.into_owned();
        let request = asked(&before, &[(2, &[(0, text("模"))])], &[]);
        assert_eq!(patch(Cursor::new(&before), &request).expect_err("it is ambiguous").code, "text-ambiguous");
    }
}
