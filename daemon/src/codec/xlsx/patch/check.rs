//! The read back: before a new file is given out, it is read like any other and compared with the old one.
//!
//! Rows: those of the request hold what the request says, wherever nothing was refused, and all else is read as before. What may
//! be read where something was asked for is told from the request alone (`meant.rs`), not by what wrote it. Bytes: an
//! edited part is the old one with the edits, and every other part is the same, byte for byte as it is packed. From the
//! writer come only the cells that it left alone, the edits and the numbers of the rows; the reader is the ordinary one.

use std::collections::{BTreeMap, HashSet};
use std::io::{BufReader, Cursor};

use compact_str::CompactString;
use zip::ZipArchive;

use super::super::super::package::Package;
use super::super::super::patch::{NewCell, PatchRequest, Patched};
use super::super::super::read::{ReadFailure, ReadRequest, broken_input, read_rows};
use super::super::super::rows::{Beside, empty_row_hash};
use super::super::super::shared::Shared;
use super::super::super::sheet::{FormulaRun, Frame, RawCell, RawRow, ReadRow, SheetHead};
use super::super::formulas::runs;
use super::Plan;
use super::edits::{Edit, is_same, is_spliced};
use super::meant::is_meant;

/// What a file shows.
pub(super) struct Reading {
    head: Option<SheetHead>,
    /// Number and hash of every row.
    rows: Vec<(u32, u128)>,
    /// The cells of the rows that were asked for.
    cells: BTreeMap<u32, Vec<(u32, RawCell)>>,
    /// What is told by neither.
    beside: Beside,
}

impl Reading {
    /// Reads a file with the ordinary reader; the cells only of the rows with these numbers, ascending.
    pub(super) fn of(bytes: &[u8], request: &ReadRequest, numbers: &[u32]) -> Result<Self, ReadFailure> {
        let mut reading = Self { head: None, rows: Vec::new(), cells: BTreeMap::new(), beside: Beside::default() };
        let mut failure = None;
        let read = read_rows(Cursor::new(bytes), request, numbers, &mut |frame| {
            match frame {
                Frame::Head(head) => reading.head = Some(head),
                Frame::Rows(rows) => rows.into_iter().for_each(|row| reading.take(row)),
                Frame::Failed(reason) => failure = Some(reason),
                Frame::Problem { .. } | Frame::Formulas(_) | Frame::End { .. } => {}
            }
            Ok(())
        });
        reading.beside = read.map_err(|error| broken_input(&error))?;
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
    if !carries_mark(original, result, request) {
        return Err(failed("it does not carry the right mark"));
    }
    if original.beside != result.beside {
        return Err(failed("an answer, a title or a cell beyond the limits differs"));
    }
    let asked = asked(request, plan);
    let others = |reading: &Reading| {
        reading.rows.iter().filter(|(number, _)| !asked.contains_key(number)).copied().collect::<Vec<(u32, u128)>>()
    };
    if others(original) != others(result) {
        return Err(failed("another row differs"));
    }
    let mut refused: HashSet<(u32, u32)> = plan.refused.iter().map(|cell| (cell.row, cell.column)).collect();
    for (number, cells) in asked {
        let mut cells: BTreeMap<u32, &NewCell> = cells.iter().map(|(column, cell)| (*column, cell)).collect();
        cells.retain(|column, _| !refused.remove(&(number, *column)));
        if !is_changed(original.row(number), result.row(number), &cells, &request.words) {
            return Err(failed(&format!("row {number} does not hold what was to be written")));
        }
    }
    if !refused.is_empty() {
        return Err(failed("a cell was refused that nobody asked for"));
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

/// Whether the result carries the mark that was asked for, or none but the file's own.
fn carries_mark(original: &Reading, result: &Reading, request: &PatchRequest) -> bool {
    let (Some(before), Some(after)) = (&original.head, &result.head) else { return false };
    let (before, after) = (&before.properties, &after.properties);
    match request.revision {
        None => before.revision == after.revision && before.source == after.source,
        Some(revision) => {
            after.revision == Some(revision) && after.source.as_deref().unwrap_or_default() == request.source.trim()
        }
    }
}

/// The rows of the request with their numbers, those that were appended among them.
fn asked<'a>(request: &'a PatchRequest, plan: &Plan) -> BTreeMap<u32, &'a [(u32, NewCell)]> {
    let appended = if plan.append_refused.is_some() { &[] } else { request.appended.as_slice() };
    let changed = request.rows.iter().map(|row| (row.number, row.cells.as_slice()));
    let appended =
        (request.last_row.saturating_add(1)..).zip(appended).map(|(number, cells)| (number, cells.as_slice()));
    changed.chain(appended).collect()
}

/// The numbers of these rows, ascending.
pub(super) fn numbers(request: &PatchRequest, plan: &Plan) -> Vec<u32> {
    asked(request, plan).into_keys().collect()
}

/// Whether a row holds what was asked for, and else what it held.
fn is_changed(
    before: &[(u32, RawCell)],
    after: &[(u32, RawCell)],
    asked: &BTreeMap<u32, &NewCell>,
    words: &[CompactString; 2],
) -> bool {
    let others = |cells: &[(u32, RawCell)]| -> Vec<(u32, RawCell)> {
        cells.iter().filter(|(column, _)| !asked.contains_key(column)).cloned().collect()
    };
    let found = |column: &u32| after.iter().find(|(own, _)| own == column).map(|(_, cell)| cell);
    is_equal(&others(before), &others(after)) && asked.iter().all(|(column, new)| is_meant(new, found(column), words))
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

/// Holds that the edited members are the old ones with their edits, that all others are the same, packed bytes included, and
/// that only so many were added.
pub(super) fn members_stand(
    original: &[u8],
    result: &[u8],
    edited: &BTreeMap<usize, Vec<Edit>>,
    added: usize,
) -> Result<(), ReadFailure> {
    let open = |bytes| ZipArchive::new(Cursor::new(bytes)).map_err(|_| failed("its directory can't be read"));
    let (mut before, mut after) = (open(original)?, open(result)?);
    if after.len() != before.len() + added || after.comment() != before.comment() {
        return Err(failed("its directory is another"));
    }
    for index in 0..before.len() {
        let unreadable = |_| failed("a part can't be read");
        let old = before.by_index_raw(index).map_err(unreadable)?;
        let new = after.by_index_raw(index).map_err(unreadable)?;
        if old.name_raw() != new.name_raw() || old.compression() != new.compression() {
            return Err(failed("a part has another name"));
        }
        if let Some(edits) = edited.get(&index) {
            drop((old, new));
            let old = BufReader::new(before.by_index(index).map_err(unreadable)?);
            let new = BufReader::new(after.by_index(index).map_err(unreadable)?);
            if !is_spliced(old, edits, new) {
                return Err(failed("an edited part differs where nothing was edited"));
            }
            continue;
        }
        let says = |part: &zip::read::ZipFile<'_, _>| (part.crc32(), part.size(), part.compressed_size());
        if says(&old) != says(&new) || !is_same(&mut BufReader::new(old), &mut BufReader::new(new), None) {
            return Err(failed("a part that nobody edited differs"));
        }
    }
    Ok(())
}

/// The new file can't be read. If it passes a limit that the old one kept, that is no defect.
pub(super) fn unread(failure: ReadFailure) -> ReadFailure {
    if !matches!(failure.code.as_str(), "too-large" | "too-many-rows") {
        return failed(&failure.message);
    }
    let message =
        format!("With the changes in it, the workbook would pass a limit: {} It was left alone.", failure.message);
    ReadFailure { message, ..failure }
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
