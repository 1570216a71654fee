//! What was found out of rows beyond their keys: how it is told, and the questions that a person has to answer.

use std::collections::{HashMap, HashSet};

use compact_str::CompactString;

use super::compose::Composer;
use super::error::PipelineError;
use super::telling::Telling;
use crate::io::{Entropy, uuid_v7};
use crate::model::entry::ReviewChange;
use crate::model::problem::Code;
use crate::model::{Cell, FieldId, Outcome, Place, Problem, RecordId, Review, ReviewId, ReviewKind, SourceName, Table};
use crate::store::Snapshot;

/// So many corrected keys of one save are told one by one.
const TOLD_MAX: usize = 20;
/// Keys of this class may be quoted in messages.
const QUOTABLE_CLASS: &str = "basic";

/// Cells, ascending by field.
pub(super) type Cells = Vec<(FieldId, Cell)>;

/// What was found out of rows beyond their keys.
#[derive(Default)]
pub(super) struct Recognised {
    /// Rows that are a record with another key.
    pub(super) corrected: Vec<Rekeyed>,
    /// Rows that may be one.
    pub(super) asked: Vec<Rekeyed>,
    /// How many records' rows are gone and wait for a decision.
    pub(super) waiting: u64,
    /// How many rows show what others of them showed before.
    pub(super) exchanged: u64,
}

/// A row that is, or may be, a record whose key was another one.
pub(super) struct Rekeyed {
    pub(super) record: RecordId,
    /// The row in the sheet, from 1.
    pub(super) row: u32,
    /// The parts of the key that differ: what they were, and what they are. At least one.
    pub(super) parts: Vec<(FieldId, Cell, Cell)>,
}

impl Recognised {
    /// How many rows the guard has to count as gone: each stands under another key than before, or may.
    pub(super) fn moved(&self) -> u64 {
        self.corrected.len() as u64 + self.waiting + self.exchanged
    }

    /// Tells of corrected keys and exchanged rows, and puts, renews and withdraws the questions. `open` are the open
    /// reviews of the source.
    pub(super) fn tell(
        &self,
        composer: &mut Composer<'_>,
        telling: &mut Telling,
        table: &Table,
        open: &[Review],
        entropy: &mut dyn Entropy,
    ) {
        self.tell_corrected(composer, table);
        if self.exchanged > 1 {
            let place = composer.arrival().place.as_ref().map_or_else(String::new, Place::whole);
            composer.problem(Problem::new(
                Code("rows-exchanged"),
                place.clone(),
                format!("{place}: {} rows show what others of them showed before. They were taken as edits, by their keys.", self.exchanged),
                "If rows were sorted without the column of the key, take it back with `daybook change revert`, and sort the whole rows.",
            ));
        }
        for rekeyed in &self.asked {
            let place = composer.arrival().place_of(Some(rekeyed.row), rekeyed.field());
            if rekeyed.is_untold(telling) {
                composer.problem(Problem::new(
                    Code("key-unclear"),
                    place.clone(),
                    format!("{place}: no record has this key, and the row may be one whose row is gone. Nothing of the row was taken over."),
                    "Decide with `daybook review list` and `daybook review decide ID accept` (the same record, its key corrected) or `reject` (a new record).",
                ));
            }
        }
        self.ask(composer, table, open, entropy);
    }

    /// Notes as told what is still asked. Of a save that a person has rejected nothing is asked anew.
    pub(super) fn keep_told(&self, telling: &mut Telling) {
        for rekeyed in &self.asked {
            rekeyed.is_untold(telling);
        }
    }

    /// Tells of keys that were taken as corrected.
    fn tell_corrected(&self, composer: &mut Composer<'_>, table: &Table) {
        let records: HashSet<RecordId> = self.corrected.iter().map(|rekeyed| rekeyed.record).collect();
        let applied = composer.applied(&records, &table.primary_key);
        let corrected: Vec<&Rekeyed> =
            self.corrected.iter().filter(|rekeyed| applied.contains(&rekeyed.record)).collect();
        for rekeyed in corrected.iter().take(TOLD_MAX) {
            let place = composer.arrival().place_of(Some(rekeyed.row), rekeyed.field());
            let keys = if rekeyed.is_quotable(table) {
                format!(" from `{}` to `{}`", rekeyed.old_key(), rekeyed.new_key())
            } else {
                String::new()
            };
            composer.problem(Problem::new(
                Code("key-corrected"),
                place.clone(),
                format!("{place}: the rest of the row is as it was, so its key was taken as corrected{keys}. It is the same record."),
                "If it is another one, take it back with `daybook change revert`, and add the row below the old one.",
            ));
        }
        if corrected.len() > TOLD_MAX {
            let place = composer.arrival().place.as_ref().map_or_else(String::new, Place::whole);
            composer.problem(Problem::new(
                Code("key-corrected"),
                place.clone(),
                format!("{place}: {} more keys were taken as corrected.", corrected.len() - TOLD_MAX),
                "`daybook change show` lists them.",
            ));
        }
    }

    /// Puts a question for each unclear row, unless the same one is open; withdraws those that are none any more.
    fn ask(&self, composer: &mut Composer<'_>, table: &Table, open: &[Review], entropy: &mut dyn Entropy) {
        let mut open: HashMap<RecordId, &Review> = open
            .iter()
            .filter(|review| review.kind == ReviewKind::Ambiguous)
            .filter_map(|review| Some((review.record?, review)))
            .collect();
        for rekeyed in &self.asked {
            let earlier = open.remove(&rekeyed.record);
            if earlier.is_some_and(|review| rekeyed.is_asked_by(table, review)) {
                continue;
            }
            let id =
                earlier.map_or_else(|| ReviewId::new(uuid_v7(composer.arrival().at.0, entropy)), |review| review.id);
            let review = rekeyed.question(composer, id);
            composer.review(ReviewChange::Open(Box::new(review)));
            composer.report.count(Outcome::Held);
        }
        let mut withdrawn: Vec<ReviewId> = open.into_values().map(|review| review.id).collect();
        withdrawn.sort_unstable();
        for id in withdrawn {
            composer.review(ReviewChange::Close { id, how: CompactString::const_new("withdrawn") });
        }
    }
}

impl Rekeyed {
    /// The first part of the key that differs.
    fn field(&self) -> FieldId {
        self.parts.first().map_or(FieldId(0), |(field, ..)| *field)
    }

    /// Notes that it is asked; true if that was not told before.
    fn is_untold(&self, telling: &mut Telling) -> bool {
        telling.is_new("key-unclear", &[self.record.as_bytes(), self.new_key().as_bytes()])
    }

    fn old_key(&self) -> String {
        self.parts.iter().map(|(_, before, _)| before.to_string()).collect::<Vec<_>>().join(",")
    }

    fn new_key(&self) -> String {
        self.parts.iter().map(|(.., now)| now.to_string()).collect::<Vec<_>>().join(",")
    }

    /// Whether the key may stand in a message.
    fn is_quotable(&self, table: &Table) -> bool {
        self.parts.iter().all(|(field, ..)| table.field(*field).is_some_and(|field| field.class == QUOTABLE_CLASS))
    }

    /// Whether an open question of the record is about this key.
    pub(super) fn is_asked_by(&self, table: &Table, review: &Review) -> bool {
        let asked = incoming_key(review);
        asked.len() == self.parts.len()
            && self.parts.iter().all(|(id, _, now)| {
                let same = |(field, cell): &(FieldId, Cell)| {
                    field == id && table.field(*id).is_some_and(|field| field.says_same(cell, now))
                };
                asked.iter().any(same)
            })
    }

    fn question(&self, composer: &Composer<'_>, id: ReviewId) -> Review {
        let arrival = composer.arrival();
        let first = self.parts.first();
        Review {
            id,
            kind: ReviewKind::Ambiguous,
            table: arrival.table.clone(),
            record: Some(self.record),
            field: Some(self.field()),
            group: self.parts.iter().skip(1).map(|(field, _, now)| (*field, now.clone())).collect(),
            base: first.map(|(_, before, _)| before.clone()),
            stored: None,
            incoming: first.map(|(.., now)| now.clone()),
            source: arrival.source.clone(),
            place: arrival.place_of(Some(self.row), self.field()),
            actor: arrival.actor.clone(),
            arrival: arrival.id,
            at: arrival.at,
            extent: None,
        }
    }
}

/// The parts of the key that a question is about, as they arrived.
pub(super) fn incoming_key(review: &Review) -> Cells {
    let first = review.field.zip(review.incoming.clone());
    first.into_iter().chain(review.group.iter().cloned()).collect()
}

/// The keys that a person has said are not a record's, by record.
pub(super) fn denied(
    snapshot: &Snapshot<'_>,
    source: &SourceName,
) -> Result<HashMap<RecordId, Vec<Cells>>, PipelineError> {
    let mut denied: HashMap<RecordId, Vec<Cells>> = HashMap::new();
    for kept in snapshot.reviews(false)? {
        let was_denied = kept.closed.is_some_and(|closed| closed.how == "reject");
        if let (ReviewKind::Ambiguous, true, Some(record)) = (kept.review.kind, was_denied, kept.review.record)
            && kept.review.source == *source
        {
            denied.entry(record).or_default().push(incoming_key(&kept.review));
        }
    }
    Ok(denied)
}
