//! Which cells of a worksheet hold formulas, told by the part's tags alone.
//!
//! In comes the sheet's part as a stream; out go runs of cells one below the other. Places are told as the parser of the
//! values tells them: by a cell's reference, else behind the cell before it. What an array formula fills holds a formula's
//! result like the cell that has it, so its whole area counts.

use std::io::Read;

use super::super::formula_runs::FormulaRuns;
use super::super::sheet::FormulaRun;
use super::lexer::{Broken, Kind, Step, Tag, step};
use super::plain_rows::PlainRows;
use super::reference::{Area, Place};

/// The bytes that are read at once.
const BUFFER_BYTES: usize = 1 << 17;
/// The most bytes of one tag, comment or CDATA section.
const PIECE_BYTES_MAX: usize = 16 << 20;

/// The formulas below the titles of a sheet, in columns below a limit, by column and row.
///
/// A part that is no XML gives the formulas that stand before it breaks: the values were read, and they decide.
pub(in super::super) fn runs(part: impl Read, header_row: u32, columns_max: u32) -> Vec<FormulaRun> {
    let mut formulas = Formulas { row: 0, column: 0, runs: FormulaRuns::new(header_row, columns_max) };
    // What could be told before the part broke is right all the same.
    walk(part, |tag| formulas.take(tag)).ok();
    formulas.runs.into_runs()
}

/// Whether any cell of a worksheet holds a formula; a sheet that is no XML may have some.
pub(in super::super) fn has_any(part: impl Read) -> bool {
    let mut found = false;
    let walked = walk(part, |tag| {
        found |= tag.local_name() == b"f" && tag.kind != Kind::Close;
        Ok(!found)
    });
    found || walked.is_err()
}

/// Calls `take` with each tag of a stream until it says `false`, but with none inside of rows that hold no formula. The memory
/// is that of the longest tag.
fn walk(mut part: impl Read, mut take: impl FnMut(&Tag<'_>) -> Result<bool, Broken>) -> Result<(), Broken> {
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut plain: Option<PlainRows> = None;
    let (mut at, mut filled) = (0, 0);
    loop {
        let count = part.read(buffer.get_mut(filled..).ok_or(Broken)?).map_err(|_| Broken)?;
        filled += count;
        let bytes = buffer.get(..filled).ok_or(Broken)?;
        loop {
            match step(bytes, at)? {
                Step::Tag(tag) => {
                    at = tag.end;
                    if !take(&tag)? {
                        return Ok(());
                    }
                    if tag.is_open() && tag.local_name() == b"row" {
                        let plain = plain.get_or_insert_with(|| PlainRows::new(tag.name));
                        at = plain.pass(bytes, &tag).map_or(at, |row| row.end);
                    }
                }
                Step::Short(from) => {
                    at = from;
                    break;
                }
            }
        }
        if count == 0 {
            return if at == filled { Ok(()) } else { Err(Broken) };
        }
        buffer.copy_within(at..filled, 0);
        filled -= at;
        at = 0;
        if filled == buffer.len() {
            if filled >= PIECE_BYTES_MAX {
                return Err(Broken);
            }
            buffer.resize(filled * 2, 0);
        }
    }
}

/// Takes the tags of a worksheet and keeps where formulas stand.
struct Formulas {
    row: u32,
    column: u32,
    runs: FormulaRuns,
}

impl Formulas {
    /// Takes one tag; `false` once no more are kept.
    #[inline]
    fn take(&mut self, tag: &Tag<'_>) -> Result<bool, Broken> {
        match (tag.local_name(), tag.kind) {
            (b"row", Kind::Close) => self.end_row(),
            (b"row", kind) => {
                if let Some(number) = tag.value(b"r")? {
                    self.row = row_number(number).ok_or(Broken)? - 1;
                }
                if kind == Kind::Empty {
                    self.end_row();
                }
            }
            (b"c", Kind::Open | Kind::Empty) => {
                if let Some(reference) = tag.value(b"r")? {
                    let place = Place::parse(reference).ok_or(Broken)?;
                    (self.row, self.column) = (place.row - 1, place.column);
                }
                self.column += 1;
            }
            (b"f", Kind::Open | Kind::Empty) => {
                let place = Place { row: self.row + 1, column: self.column.saturating_sub(1) };
                add(&mut self.runs, place, array(tag)?);
                return Ok(!self.runs.is_full());
            }
            (b"sheetData", Kind::Close) => return Ok(false),
            _ => {}
        }
        Ok(true)
    }

    fn end_row(&mut self) {
        self.row = self.row.saturating_add(1);
        self.column = 0;
    }
}

/// Keeps a formula, and the area that it fills if it is an array formula.
pub(in super::super) fn add(runs: &mut FormulaRuns, place: Place, array: Option<Area>) {
    runs.add(FormulaRun { column: place.column, first: place.row, last: place.row });
    if let Some(area) = array {
        runs.add_area(area.first.column, area.last.column, (area.first.row, area.last.row));
    }
}

/// The area that an array formula or a data table fills, if it is more than one cell.
pub(in super::super) fn array(formula: &Tag<'_>) -> Result<Option<Area>, Broken> {
    if !matches!(formula.value(b"t")?, Some(b"array" | b"dataTable")) {
        return Ok(None);
    }
    let area = formula.value(b"ref")?.map(|area| Area::parse(area).ok_or(Broken)).transpose()?;
    Ok(area.filter(|area| !area.is_single()))
}

/// Reads a row's number.
pub(in super::super) fn row_number(text: &[u8]) -> Option<u32> {
    let number = str::from_utf8(text).ok()?.parse().ok()?;
    (1..=super::reference::ROWS_MAX).contains(&number).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a few bytes at a time, so that tags are cut everywhere.
    struct Dripping<'a>(&'a [u8]);

    impl Read for Dripping<'_> {
        fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
            let count = self.0.len().min(bytes.len()).min(3);
            let (now, rest) = self.0.split_at(count);
            bytes.iter_mut().zip(now).for_each(|(to, from)| *to = *from);
            self.0 = rest;
            Ok(count)
        }
    }

    fn told(rows: &str) -> Vec<(u32, u32, u32)> {
        let xml = format!("<worksheet><sheetData>{rows}</sheetData><f/></worksheet>");
        let runs = runs(Dripping(xml.as_bytes()), 1, 4);
        runs.iter().map(|run| (run.column, run.first, run.last)).collect()
    }

    #[test]
    fn runs_are_told_by_column() {
        let row = |number: u32| {
            format!(
                r#"<row r="{number}"><c r="A{number}"><f>1</f><v>1</v></c><c r="C{number}" t="e"><f si="0"/></c></row>"#
            )
        };
        let rows: String = [1, 2, 3, 5].into_iter().map(row).collect();
        assert_eq!(told(&rows), [(0, 2, 3), (0, 5, 5), (2, 2, 3), (2, 5, 5)]);
    }

    #[test]
    fn cells_without_references_are_counted() {
        let rows = "<row/><row><c/><x:c><x:f>1</x:f></x:c><c/></row><row><c><v>1</v></c><c><f>1</f></c></row>";
        assert_eq!(told(rows), [(1, 2, 3)]);
    }

    #[test]
    fn what_an_array_fills_counts() {
        let rows =
            r#"<row r="2"><c r="B2"><f t="array" ref="B2:XFD9">x</f></c></row><row r="3"><c r="B3"><f>1</f></c></row>"#;
        assert_eq!(told(rows), [(1, 2, 9), (2, 2, 9), (3, 2, 9)]);
    }

    #[test]
    fn any_formula_is_found_once() {
        assert!(has_any(&b"<worksheet><c><f/></c>"[..]));
        assert!(!has_any(&b"<worksheet><c><v>f</v><!-- <f> --></c></worksheet>"[..]));
    }
}
