//! Binary Office Open XML workbooks: `xlsb`, streamed by calamine.
//!
//! Unlike in `xlsx`, the parser does not say where an unreadable cell stands, and nothing else here can: one such cell
//! fails the file. Where formulas stand is told by a walk of our own over the sheet's records: the parser would write each
//! formula out, and fail at one that it does not know.

use std::io::{self, BufReader, Read, Seek};

use calamine::{DataRef, Reader, Xlsb, XlsbError};

use super::formula_runs::FormulaRuns;
use super::package::{Package, zip_failure};
use super::read::{ReadFailure, choose_sheet};
use super::rows::{Rows, Stop};
use super::shared::Shared;
use super::sheet::FormulaRun;
use super::xlsx::properties;

/// Reads the requested sheet.
pub(super) fn read<R: Read + Seek>(
    input: &Shared<R>,
    package: &mut Package<R>,
    mut rows: Rows<'_>,
) -> Result<(), Stop> {
    let mut workbook = Xlsb::new(input.clone()).map_err(failure)?;
    let sheet = choose_sheet(workbook.sheets_metadata(), rows.request())?;
    let name = sheet.name.clone();
    rows.describe(Some(sheet), properties::read(package));
    let mut reader = workbook.worksheet_cells_reader(&name).map_err(failure)?;
    let mut row: Vec<(u32, DataRef<'_>)> = Vec::new();
    let mut row_index = 0;
    while let Some(cell) = reader.next_cell().map_err(failure)? {
        let (cell_row, cell_column) = cell.get_position();
        if cell_row != row_index && !row.is_empty() {
            rows.push(row_index + 1, &row)?;
            row.clear();
        }
        row_index = cell_row;
        row.push((cell_column, cell.get_value().clone()));
    }
    if !row.is_empty() {
        rows.push(row_index + 1, &row)?;
    }
    if rows.wants_formulas()
        && let Some(part) = sheet_part(package, &name)
        && let Some(part) = package.stream(&part)
    {
        let runs = FormulaRuns::new(rows.request().header_row, rows.request().columns_max);
        let mut formulas = RowRuns { row: 0, runs };
        // What could be told before the part broke is right all the same.
        walk(part, |record| take_formula(record, &mut formulas)).ok();
        rows.formulas(formulas.runs.into_runs())?;
    }
    rows.end()
}

/// The most bytes of a record that are looked at; longer ones hold texts.
const RECORD_BYTES_MAX: u64 = 4096;

/// One record of a binary part ([MS-XLSB] 2.1.4).
struct Record<'a> {
    kind: u16,
    /// Its beginning.
    bytes: &'a [u8],
}

impl Record<'_> {
    fn number(&self, at: usize) -> Option<u32> {
        let bytes = self.bytes.get(at..at.checked_add(4)?)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?))
    }

    /// A text, and where it ends.
    fn text(&self, at: usize) -> Option<(String, usize)> {
        let begin = at.checked_add(4)?;
        let end = usize::try_from(self.number(at)?).ok()?.checked_mul(2)?.checked_add(begin)?;
        let (units, _) = self.bytes.get(begin..end)?.as_chunks::<2>();
        let units: Vec<u16> = units.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
        Some((String::from_utf16_lossy(&units), end))
    }
}

/// Calls `take` with each record until it says `false`.
fn walk(part: impl Read, mut take: impl FnMut(&Record<'_>) -> bool) -> io::Result<()> {
    let mut part = BufReader::new(part);
    let mut buffer = Vec::new();
    loop {
        let (kind, length) = (variable(&mut part, 2)?, variable(&mut part, 4)?);
        buffer.clear();
        let looked_at = u64::from(length).min(RECORD_BYTES_MAX);
        part.by_ref().take(looked_at).read_to_end(&mut buffer)?;
        io::copy(&mut part.by_ref().take(u64::from(length) - looked_at), &mut io::sink())?;
        if !take(&Record { kind: u16::try_from(kind).unwrap_or(u16::MAX), bytes: &buffer }) {
            return Ok(());
        }
    }
}

/// A number in groups of seven bits, the least first.
fn variable(part: &mut impl Read, bytes_max: u32) -> io::Result<u32> {
    let mut number = 0;
    for group in 0..bytes_max {
        let mut byte = [0];
        part.read_exact(&mut byte)?;
        number |= u32::from(byte[0] & 0x7F) << (7 * group);
        if byte[0] & 0x80 == 0 {
            break;
        }
    }
    Ok(number)
}

/// The part of the sheet with this name.
fn sheet_part<R: Read + Seek>(package: &mut Package<R>, name: &str) -> Option<String> {
    const SHEET: u16 = 156;
    const WORKBOOK: &str = "xl/workbook.bin";
    let mut id = None;
    let list = package.stream(WORKBOOK)?;
    walk(list, |record| {
        if record.kind == SHEET
            && let Some((relation, end)) = record.text(8)
            && record.text(end).is_some_and(|(sheet, _)| sheet == name)
        {
            id = Some(relation);
        }
        id.is_none()
    })
    .ok();
    let id = id?;
    package.relations(WORKBOOK).into_iter().find(|relation| relation.id == id).map(|relation| relation.target)
}

/// Keeps where a record says that a formula stands; `false` behind the cells.
fn take_formula(record: &Record<'_>, formulas: &mut RowRuns) -> bool {
    const ROW: u16 = 0;
    const FORMULAS: std::ops::RangeInclusive<u16> = 8..=11;
    const ARRAY: u16 = 426;
    const END: u16 = 146;
    match record.kind {
        ROW => formulas.row = record.number(0).unwrap_or(0).saturating_add(1),
        ARRAY => {
            if let [Some(first), Some(last), Some(first_column), Some(last_column)] =
                [0, 4, 8, 12].map(|at| record.number(at))
            {
                formulas.runs.add_area(first_column, last_column, (first.saturating_add(1), last.saturating_add(1)));
            }
        }
        kind if FORMULAS.contains(&kind) => {
            if let Some(column) = record.number(0) {
                formulas.runs.add(FormulaRun { column, first: formulas.row, last: formulas.row });
            }
        }
        _ => {}
    }
    record.kind != END && !formulas.runs.is_full()
}

/// The runs so far, and the row that the records stand in.
struct RowRuns {
    row: u32,
    runs: FormulaRuns,
}

/// Words a parser's error. Its own text may quote a cell, so it is not passed on.
fn failure(error: XlsbError) -> ReadFailure {
    match error {
        XlsbError::Password => ReadFailure::encrypted(),
        XlsbError::Zip(error) => zip_failure(&error),
        XlsbError::Io(_) | XlsbError::Xml(_) => ReadFailure::damaged("The workbook's content is broken."),
        _ => ReadFailure::unreadable("The workbook holds something that the reader does not know."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Records by kind and content, as they stand in a part.
    fn part(records: &[(u16, &[u8])]) -> Vec<u8> {
        let mut part = Vec::new();
        let byte = |number: usize| u8::try_from(number & 0x7F).unwrap_or(0);
        for (kind, bytes) in records {
            let kind = usize::from(*kind);
            if kind >= 0x80 {
                part.push(byte(kind) | 0x80);
            }
            part.push(byte(if kind < 0x80 { kind } else { kind >> 7 }));
            part.extend([byte(bytes.len()) | 0x80, byte(bytes.len() >> 7)]);
            part.extend(*bytes);
        }
        part
    }

    fn numbers(numbers: &[u32]) -> Vec<u8> {
        numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
    }

    #[test]
    fn formulas_are_found_among_the_records() {
        let (row, next, array) = (numbers(&[1, 0]), numbers(&[2]), numbers(&[2, 4, 5, 6]));
        let (one, two, long) = (numbers(&[0, 1]), numbers(&[3]), vec![0; 5000]);
        let bytes = part(&[
            (0, &row),
            (9, &one),
            (2, &one),
            (7, &long),
            (0, &next),
            (8, &one),
            (11, &two),
            (426, &array),
            (146, &[]),
            (8, &one),
        ]);
        for length in 0..=bytes.len() {
            let mut formulas = RowRuns { row: 0, runs: FormulaRuns::new(1, 100) };
            walk(bytes.get(..length).unwrap_or_default(), |record| take_formula(record, &mut formulas)).ok();
            if length == bytes.len() {
                let run = |column, first, last| FormulaRun { column, first, last };
                assert_eq!(formulas.runs.into_runs(), [run(0, 2, 3), run(3, 3, 3), run(5, 3, 5), run(6, 3, 5)]);
            }
        }
    }
}
