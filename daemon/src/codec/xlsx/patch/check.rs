//! The read back: before a new file is given out, it is read like any other and compared with the old one.
//!
//! Exactly the intended cells differ, formulas stand where they stood, and every other part is the same, byte for byte as it is
//! packed. This shares nothing with what makes the new file but the list of what was meant.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use zip::ZipArchive;

use super::super::super::package::Package;
use super::super::super::patch::{PatchRequest, Patched};
use super::super::super::read::{ReadFailure, ReadRequest, broken_input, read_rows};
use super::super::super::rows::empty_row_hash;
use super::super::super::shared::Shared;
use super::super::super::sheet::{FormulaRun, Frame, RawCell, RawRow, ReadRow, SheetHead};
use super::super::formulas::runs;
use super::Plan;
use super::row::Written;

/// What a file shows.
pub(super) struct Reading {
    head: Option<SheetHead>,
    /// Number and hash of every row.
    rows: Vec<(u32, u128)>,
    /// The cells of the rows that were asked for.
    cells: BTreeMap<u32, Vec<(u32, RawCell)>>,
}

impl Reading {
    /// Reads a file with the ordinary reader; the cells only of the rows with these numbers, ascending.
    pub(super) fn of(bytes: &[u8], request: &ReadRequest, numbers: &[u32]) -> Result<Self, ReadFailure> {
        let mut reading = Self { head: None, rows: Vec::new(), cells: BTreeMap::new() };
        let mut failure = None;
        read_rows(Cursor::new(bytes), request, numbers, &mut |frame| {
            match frame {
                Frame::Head(head) => reading.head = Some(head),
                Frame::Rows(rows) => rows.into_iter().for_each(|row| reading.take(row)),
                Frame::Failed(reason) => failure = Some(reason),
                Frame::Problem { .. } | Frame::Formulas(_) | Frame::End { .. } => {}
            }
            Ok(())
        })
        .map_err(|error| broken_input(&error))?;
        failure.map_or(Ok(reading), Err)
    }

    fn take(&mut self, row: ReadRow) {
        match row {
            ReadRow::Known { number, hash } => self.rows.push((number, hash)),
            ReadRow::Read(RawRow { number, hash, cells }) => {
                self.rows.push((number, hash));
                self.cells.insert(number, cells);
            }
        }
    }

    /// The name of the sheet that was read.
    pub(super) fn sheet(&self) -> Option<&str> {
        self.head.as_ref().and_then(|head| head.sheet.as_deref())
    }

    /// The hash of a row; that of an empty one if nothing stands there.
    pub(super) fn hash(&self, number: u32, request: &ReadRequest) -> u128 {
        let found = self.rows.binary_search_by_key(&number, |(number, _)| *number).ok();
        found
            .and_then(|index| self.rows.get(index))
            .map_or_else(|| empty_row_hash(&request.hash_key), |(_, hash)| *hash)
    }

    fn row(&self, number: u32) -> &[(u32, RawCell)] {
        self.cells.get(&number).map_or(&[], Vec::as_slice)
    }
}

/// Holds that the rows of the request are as they were read.
pub(super) fn is_unmoved(original: &Reading, request: &PatchRequest) -> Result<(), ReadFailure> {
    match request.rows.iter().find(|row| original.hash(row.number, &request.read) != row.hash) {
        None => Ok(()),
        Some(row) => Err(ReadFailure::new(
            "moved",
            format!("Row {} is not as it was read; somebody has changed the file.", row.number),
            "Nothing is to be done: the file is read again first.",
        )),
    }
}

/// Holds that the new file shows what was meant and nothing else, and says what was done.
pub(super) fn is_as_meant(
    original: &Reading,
    result: &Reading,
    plan: &Plan,
    request: &PatchRequest,
) -> Result<Patched, ReadFailure> {
    if original.sheet() != result.sheet() || titles(original) != titles(result) {
        return Err(failed("its titles are others"));
    }
    if !carries_mark(result, request) {
        return Err(failed("it does not carry the mark"));
    }
    let is_meant = |number: u32| plan.rows.binary_search_by_key(&number, |(number, _)| *number).is_ok();
    let others = |reading: &Reading| {
        reading.rows.iter().filter(|(number, _)| !is_meant(*number)).copied().collect::<Vec<(u32, u128)>>()
    };
    if others(original) != others(result) {
        return Err(failed("another row differs"));
    }
    for (number, written) in &plan.rows {
        if !is_equal(&expected(original.row(*number), written), result.row(*number)) {
            return Err(failed(&format!("row {number} does not hold what was to be written")));
        }
    }
    let told = |numbers: &[u32]| numbers.iter().map(|number| (*number, result.hash(*number, &request.read))).collect();
    Ok(Patched {
        rows: told(&plan.changed),
        appended: told(&plan.appended),
        refused: plan.refused.clone(),
        append_refused: plan.append_refused,
    })
}

fn titles(reading: &Reading) -> Option<&[(u32, String)]> {
    reading.head.as_ref().map(|head| head.columns.as_slice())
}

fn carries_mark(reading: &Reading, request: &PatchRequest) -> bool {
    let Some(head) = &reading.head else { return false };
    let source = head.properties.source.as_deref().unwrap_or_default();
    head.properties.revision == Some(request.revision) && source == request.source.trim()
}

/// A row's cells with what was written.
fn expected(before: &[(u32, RawCell)], written: &Written) -> Vec<(u32, RawCell)> {
    let mut cells: BTreeMap<u32, RawCell> = before.iter().cloned().collect();
    for (column, cell) in written {
        match cell {
            Some(cell) => drop(cells.insert(*column, cell.clone())),
            None => drop(cells.remove(column)),
        }
    }
    cells.into_iter().collect()
}

fn is_equal(one: &[(u32, RawCell)], other: &[(u32, RawCell)]) -> bool {
    one.len() == other.len()
        && one.iter().zip(other).all(|((column, cell), (other_column, other_cell))| {
            column == other_column
                && match (cell, other_cell) {
                    // The reader knows but one zero and one NaN.
                    (RawCell::Number(one), RawCell::Number(other)) => one.to_bits() == other.to_bits(),
                    (one, other) => one == other,
                }
        })
}

/// Holds that formulas stand where they stood.
pub(super) fn formulas_stand(
    before: &[FormulaRun],
    result: &[u8],
    part: &str,
    request: &PatchRequest,
) -> Result<(), ReadFailure> {
    let input = Shared::new(Cursor::new(result)).map_err(|error| broken_input(&error))?;
    let mut package = Package::open(input, u64::MAX)?;
    let Some(part) = package.stream(part) else { return Err(failed("the sheet is gone")) };
    let after = runs(part, request.read.header_row, request.read.columns_max);
    if before == after { Ok(()) } else { Err(failed("a formula is gone")) }
}

/// Holds that all members but the edited ones are the same, packed bytes included, and that only so many were added.
pub(super) fn members_stand(original: &[u8], result: &[u8], edited: &[usize], added: usize) -> Result<(), ReadFailure> {
    let open = |bytes| ZipArchive::new(Cursor::new(bytes)).map_err(|_| failed("its directory can't be read"));
    let (mut before, mut after) = (open(original)?, open(result)?);
    if after.len() != before.len() + added || after.comment() != before.comment() {
        return Err(failed("its directory is another"));
    }
    for index in 0..before.len() {
        let unreadable = |_| failed("a part can't be read");
        let mut old = before.by_index_raw(index).map_err(unreadable)?;
        let mut new = after.by_index_raw(index).map_err(unreadable)?;
        if old.name_raw() != new.name_raw() || old.compression() != new.compression() {
            return Err(failed("a part has another name"));
        }
        if edited.contains(&index) {
            continue;
        }
        let says = |part: &zip::read::ZipFile<'_, _>| (part.crc32(), part.size(), part.compressed_size());
        if says(&old) != says(&new) || !is_same(&mut old, &mut new) {
            return Err(failed("a part that nobody edited differs"));
        }
    }
    Ok(())
}

/// Whether two streams hold the same bytes.
fn is_same(one: &mut impl Read, other: &mut impl Read) -> bool {
    const CHUNK: u64 = 1 << 16;
    let (mut first, mut second) = (Vec::new(), Vec::new());
    loop {
        first.clear();
        second.clear();
        let read = one.take(CHUNK).read_to_end(&mut first).and_then(|_| other.take(CHUNK).read_to_end(&mut second));
        if read.is_err() || first != second {
            return false;
        }
        if first.is_empty() {
            return true;
        }
    }
}

/// The new file is not what it should be. That is a defect of the program; the file is left alone.
pub(super) fn failed(what: &str) -> ReadFailure {
    ReadFailure::new(
        "patch-check-failed",
        format!(
            "The changed workbook did not pass the check that comes before it is given out: {what}. The file was left alone."
        ),
        "This is a defect of the program. Please report it with the file, if it may be shown.",
    )
}
