//! Saves that are held whole for a person: knowing one again, and telling what becomes of it.

use std::collections::HashSet;

use compact_str::CompactString;

use super::compose::Composer;
use super::error::PipelineError;
use super::hindrance::REJECTED;
use super::sheet::{Decided, open_reviews};
use super::telling::Telling;
use crate::model::entry::ReviewChange;
use crate::model::problem::Code;
use crate::model::{Arrival, ArrivalId, ArrivalKind, Problem, Review, ReviewKind, RowHash, SourceName};
use crate::store::{ArrivalFilter, Snapshot};

/// How many arrivals of a source are looked through for a held save, and for what Daybook wrote into it.
const ANSWERED_ARRIVALS_MAX: u32 = 200;

/// Rows that were in no state of their source when a person rejected the whole save: each is remembered by its hash, as long as
/// it stands as it did.
pub(super) struct RejectedRows(HashSet<u64>);

impl RejectedRows {
    /// Takes them from what was told of the source. None are left in a save that a person has accepted as a whole.
    pub(super) fn of(told: &HashSet<u64>, decided: Option<Decided>) -> Self {
        Self(if matches!(decided, Some(Decided::Accepted(_))) { HashSet::new() } else { told.clone() })
    }

    pub(super) fn contain(&self, row: RowHash) -> bool {
        self.0.contains(&Self::digest(row))
    }

    /// What is to be remembered as told of such a row.
    pub(super) fn digest(row: RowHash) -> u64 {
        Telling::digest("rejected-row", &[&row.0.to_le_bytes()])
    }
}

/// Withdraws the question about a held save that is gone from the file. If the file is as it was before, its author
/// has taken the changes back; otherwise she is told that they went with a later save.
pub(super) fn withdraw(composer: &mut Composer<'_>, review: &Review, taken_back: bool) {
    composer.review(ReviewChange::Close { id: review.id, how: CompactString::const_new("withdrawn") });
    if taken_back {
        return;
    }
    let place = review.place.clone();
    composer.problem(Problem::new(
        Code("held-save-replaced"),
        place.clone(),
        format!("{place}: the save that was held has been replaced by a later one without those changes; nothing of it was taken over."),
        "If the changes were meant, make them again.",
    ));
}

/// Tells what becomes of a save that a person has rejected, and where it can be had: with versions of workbooks kept, there.
pub(super) fn tell_rejected(composer: &mut Composer<'_>, versions_kept: bool) {
    let place = composer.arrival().place.as_ref().map_or_else(String::new, crate::model::Place::whole);
    let refused = composer.report.refused;
    let message = format!(
        "{place}: the save was rejected, so nothing of it was taken over. The {refused} changed cells are put back to what is stored; rows that were added stay as typed, rows that were deleted stay in the store."
    );
    let hint = if versions_kept {
        "The workbook as it was saved is kept: `daybook workbook versions` lists it, `daybook workbook restore` writes it to a new file."
    } else {
        "Of the workbook as it was saved no version is kept (`backups_kept = 0`); what was typed over a record is in `daybook record history`."
    };
    composer.problem(Problem::new(REJECTED, place, message, hint));
}

/// Whether a save of a source waits for a decision.
pub(super) fn has_held_save(snapshot: &Snapshot<'_>, source: &SourceName) -> Result<bool, PipelineError> {
    let open = open_reviews(snapshot, source)?;
    Ok(open.iter().any(|review| review.kind == ReviewKind::MassChange))
}

/// Whether the same content of the source was held before, whatever a person said of it.
pub(super) fn was_held(snapshot: &Snapshot<'_>, source: &SourceName, digest: &[u8; 32]) -> Result<bool, PipelineError> {
    for kept in snapshot.reviews(false)? {
        let review = kept.review;
        let withdrawn = kept.closed.is_some_and(|closed| closed.how == "withdrawn");
        if review.kind == ReviewKind::MassChange && review.source == *source && !withdrawn {
            let posting = snapshot.posting(review.arrival)?;
            let is_it = posting.is_some_and(|posting| posting.arrival.mark.digest == *digest);
            if is_it || was_answered(snapshot, source, digest, review.arrival)? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Whether this is a held save in which Daybook has answered rows: such a publication makes no state.
fn was_answered(
    snapshot: &Snapshot<'_>,
    source: &SourceName,
    digest: &[u8; 32],
    held: ArrivalId,
) -> Result<bool, PipelineError> {
    let filter = ArrivalFilter { source: Some(source.clone()), before: None, limit: Some(ANSWERED_ARRIVALS_MAX) };
    for line in snapshot.arrivals(&filter)?.into_iter().take_while(|line| line.arrival.id > held) {
        if is_answer(snapshot, &line.arrival, digest)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a source's newest arrival is Daybook's answer in a held save, and its file this one.
pub(super) fn is_last_answer(
    snapshot: &Snapshot<'_>,
    source: &SourceName,
    digest: &[u8; 32],
) -> Result<bool, PipelineError> {
    let filter = ArrivalFilter { source: Some(source.clone()), before: None, limit: Some(1) };
    match snapshot.arrivals(&filter)?.first() {
        Some(newest) => is_answer(snapshot, &newest.arrival, digest),
        None => Ok(false),
    }
}

/// Whether a file's content has arrived from a source lately, or was written into it: whatever became of it, the journal has it.
pub(super) fn has_arrived(
    snapshot: &Snapshot<'_>,
    source: &SourceName,
    digest: &[u8; 32],
) -> Result<bool, PipelineError> {
    let filter = ArrivalFilter { source: Some(source.clone()), before: None, limit: Some(ANSWERED_ARRIVALS_MAX) };
    Ok(snapshot.arrivals(&filter)?.iter().any(|line| line.arrival.mark.digest == *digest))
}

fn is_answer(snapshot: &Snapshot<'_>, arrival: &Arrival, digest: &[u8; 32]) -> Result<bool, PipelineError> {
    if arrival.kind != ArrivalKind::Publication || arrival.mark.digest != *digest {
        return Ok(false);
    }
    Ok(snapshot.posting(arrival.id)?.is_some_and(|posting| posting.state.is_none()))
}
