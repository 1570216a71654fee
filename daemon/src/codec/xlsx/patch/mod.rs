//! Changes cells of a person's own workbook in place: a splice of the sheet's XML, with all else copied as it is.
//!
//! In come the workbook's bytes and a [`PatchRequest`]; out go the new file's bytes and what was done, or why nothing was. Only bytes
//! of the cells meant are written anew, and what must go with them: the sheet's extent, tables and filters that grow with
//! appended rows, the wish that formulas are calculated when the file is opened, and Daybook's mark. Shared strings, styles and
//! formulas are never touched. What is not understood is refused, and the result is read back before it is given out.

use std::io::{Read, Seek, SeekFrom};

use super::super::patch::{CellRefusal, NewCell, PatchRequest, Patched, RefusedCell};
use super::super::read::{ReadFailure, broken_input};
use super::super::shared::Shared;
use check::Reading;
use draft::Draft;

mod draft;
mod splice;

mod append;
mod cover;
mod row;
mod sheet;

mod content;
mod styles;

mod marks;
mod table;
mod workbook;

mod archive;
mod edits;
mod refusal;

mod check;
mod meant;

#[cfg(test)]
mod foreign;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod planted;
#[cfg(test)]
mod tests;

/// What was done of the request.
#[derive(Default)]
pub(super) struct Plan {
    /// The rows of the request that were changed.
    changed: Vec<u32>,
    appended: Vec<u32>,
    refused: Vec<RefusedCell>,
    append_refused: Option<CellRefusal>,
}

/// Patches a workbook.
pub(in super::super) fn patch<R: Read + Seek>(
    input: &Shared<R>,
    request: &PatchRequest,
) -> Result<(Patched, Vec<u8>), ReadFailure> {
    if !is_in_order(request) {
        return Err(check::failed("the request is out of order"));
    }
    let original = bytes_of(input)?;
    let mut draft = Draft::make(&original, request)?;
    let bytes = std::mem::take(&mut draft.bytes);
    let patched = checked(&original, &bytes, &draft, request)?;
    Ok((patched, bytes))
}

/// Whether rows and cells ascend, and all rows stand below the titles.
fn is_in_order(request: &PatchRequest) -> bool {
    let ascend = |cells: &[(u32, NewCell)]| cells.is_sorted_by(|(one, _), (next, _)| one < next);
    request.rows.is_sorted_by(|one, next| one.number < next.number)
        && request.rows.first().is_none_or(|row| row.number > request.read.header_row)
        && request.rows.iter().all(|row| ascend(&row.cells))
        && request.appended.iter().all(|cells| ascend(cells))
        && (request.appended.is_empty() || request.rows.last().is_none_or(|row| row.number <= request.last_row))
}

fn bytes_of<R: Read + Seek>(input: &Shared<R>) -> Result<Vec<u8>, ReadFailure> {
    let mut input = input.clone();
    let mut bytes = Vec::with_capacity(usize::try_from(input.length()).unwrap_or(0));
    let read = input.seek(SeekFrom::Start(0)).and_then(|_| input.read_to_end(&mut bytes));
    read.map(|_| bytes).map_err(|error| broken_input(&error))
}

/// Reads both files and compares them.
fn checked(original: &[u8], result: &[u8], draft: &Draft, request: &PatchRequest) -> Result<Patched, ReadFailure> {
    let numbers = check::numbers(request, &draft.plan);
    let read = |bytes| Reading::of(bytes, &request.read, &numbers);
    if result.is_empty() {
        let before = read(original)?;
        check::is_unmoved(&before, request)?;
        let told =
            |numbers: &[u32]| numbers.iter().map(|number| (*number, before.hash(*number, &request.read))).collect();
        let plan = &draft.plan;
        return Ok(Patched {
            rows: told(&plan.changed),
            appended: Vec::new(),
            refused: plan.refused.clone(),
            append_refused: plan.append_refused,
        });
    }
    // The old file and then the formulas beside the new one and its parts: the check takes little longer than one reading.
    let beside = || {
        let before = read(original);
        (before, check::formulas_stand(&draft.formulas, result, &draft.part, request))
    };
    let ((before, formulas), after, members) = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().spawn_scoped(scope, beside).ok();
        let after = read(result);
        let members = check::members_stand(original, result, &draft.edited, draft.added);
        let no_sense = || (Err(ReadFailure::no_sense()), Ok(()));
        // Without threads they take turns.
        (thread.map_or_else(beside, |thread| thread.join().unwrap_or_else(|_| no_sense())), after, members)
    });
    let before = before?;
    check::is_unmoved(&before, request)?;
    let after = after.map_err(check::unread)?;
    if before.sheet() != Some(&draft.sheet) {
        return Err(check::failed("it is another sheet"));
    }
    formulas?;
    members?;
    check::is_as_meant(&before, &after, &draft.plan, request)
}
