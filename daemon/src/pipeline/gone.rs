//! Rows that are gone from a sheet: whether their records stay, are archived, or are asked about.
//!
//! In come the rows that the save has, and what its source showed before; out go entries, questions and refusals, in the
//! composer. It writes nothing.

use std::collections::HashMap;

use compact_str::CompactString;

use super::compose::Composer;
use super::error::PipelineError;
use super::sheet::Work;
use crate::access::{self, Subject};
use crate::io::Entropy;
use crate::merge::contest::same;
use crate::merge::missing;
use crate::model::entry::ReviewChange;
use crate::model::problem::Code;
use crate::model::review::Extent;
use crate::model::row::cell_of;
use crate::model::{
    Cell, FieldId, Life, Outcome, Presence, Problem, RecordEntry, RecordId, Review, ReviewKind, RowHash, StoredCell,
    StoredRecord, Table,
};

impl Work<'_> {
    /// The rows that are gone.
    pub(super) fn missing(
        &self,
        composer: &mut Composer<'_>,
        open: &[Review],
        extent: &mut Extent,
        entropy: &mut dyn Entropy,
    ) -> Result<(), PipelineError> {
        for review in open.iter().filter(|review| review.kind == ReviewKind::MissingRow) {
            if review.record.is_some_and(|record| self.placed.present.contains(&record)) {
                composer.review(ReviewChange::Close { id: review.id, how: CompactString::const_new("withdrawn") });
            }
        }
        let gone = self.ancestry.gone(self.known, &self.placed.present);
        let stored = self.snapshot.records(&self.context.table.name, &gone)?;
        let shown = match self.ancestry.state() {
            Some(state) => {
                let arrival = &self.sheet.arrival;
                self.snapshot.baseline(&arrival.table, &arrival.source, state, &gone)?
            }
            None => HashMap::new(),
        };
        for record in &gone {
            extent.missing_rows += 1;
            let shown = shown.get(record).map_or(&[][..], Vec::as_slice);
            let life = match stored.get(record) {
                Some(stored) if !stored.archived => self.one_missing(composer, stored, shown, entropy),
                _ => Life::Unchanged,
            };
            composer.push(missing_entry(*record, life));
        }
        // Rows that only the newest state has, and that the state which this save descends from never had.
        for record in self.ancestry.never_had(self.known, &self.placed.present) {
            composer.push(missing_entry(record, Life::Unchanged));
        }
        Ok(())
    }

    /// Decides about one record whose row is gone; `shown` is what the row showed in the state that the save descends from.
    fn one_missing(
        &self,
        composer: &mut Composer<'_>,
        stored: &StoredRecord,
        shown: &[(FieldId, Cell)],
        entropy: &mut dyn Entropy,
    ) -> Life {
        if self.blanket().is_some() {
            return Life::Unchanged;
        }
        let policy = match self.context.spec.missing_rows {
            crate::config::MissingRows::Keep => missing::MissingRows::Keep,
            crate::config::MissingRows::Archive => missing::MissingRows::Archive,
            crate::config::MissingRows::Review => missing::MissingRows::Review,
        };
        let doubtful = self.ancestry.is_row_doubtful(stored.id);
        match missing::fate(policy, stored, |field, cell| self.is_unseen(field, cell, shown), doubtful) {
            missing::Fate::Keep => Life::Unchanged,
            missing::Fate::Archive => self.archive(composer, stored),
            missing::Fate::Review(_) => {
                let review = Self::question(composer, ReviewKind::MissingRow, Some(stored.id), entropy);
                composer.review(ReviewChange::Open(Box::new(review)));
                composer.report.count(Outcome::Held);
                Life::Unchanged
            }
        }
    }

    /// Whether whoever had these cells before her had not seen what is stored of one.
    ///
    /// Of a column that the sheet does not have she could see nothing; there what was stored later counts.
    fn is_unseen(&self, field: FieldId, stored: &StoredCell, shown: &[(FieldId, Cell)]) -> bool {
        let has_column = self.sheet.arrival.columns.iter().any(|(id, _)| *id == field);
        let (true, Some(field)) = (has_column, self.context.table.field(field)) else {
            // Ids of arrivals ascend with time, so what came after the state has a greater one.
            return self.ancestry.base_arrival().is_none_or(|base| stored.stamp.arrival > base);
        };
        match (cell_of(shown, field.id), &stored.cell) {
            (Some(Cell::Masked(mask)), Cell::Value(value)) => access::mask(field, value) != *mask,
            // An unreadable text stood in the place of what was stored.
            (Some(Cell::Raw(_)), _) => self.ancestry.base_arrival().is_none_or(|base| stored.stamp.arrival > base),
            (Some(shown), stored) => !same(field, shown, stored),
            (None, stored) => *stored != Cell::Blank,
        }
    }

    fn archive(&self, composer: &mut Composer<'_>, stored: &StoredRecord) -> Life {
        let table = self.context.table;
        let subject = Subject::of(table, |field| stored.value(field));
        let rights = self.context.decider.rights(&self.sheet.arrival.actor, table, &subject);
        match self.context.decider.permit_archive(&rights, table, stored) {
            Ok(_) => {
                composer.report.count(Outcome::Applied);
                Life::Archived
            }
            Err(refusal) => {
                composer.report.count(Outcome::Refused);
                let key = stored_key(table, stored);
                let place = composer.arrival().place.as_ref().map_or_else(String::new, crate::model::Place::whole);
                composer.problem(Problem::new(
                    Code("forbidden"),
                    place.clone(),
                    format!("{place}: the row of `{key}` is gone, but the record stays: {}.", refusal.reason),
                    "Ask the data steward to archive the record, or put the row back.",
                ));
                Life::Unchanged
            }
        }
    }
}

fn missing_entry(record: RecordId, life: Life) -> RecordEntry {
    RecordEntry {
        record,
        row: None,
        hash: RowHash::UNKNOWN,
        presence: Presence::Missing,
        life,
        cells: Vec::new(),
        keys: Vec::new(),
    }
}

/// The primary key of a stored record, for a message.
fn stored_key(table: &Table, stored: &StoredRecord) -> String {
    let parts: Vec<String> =
        table.primary_key.iter().filter_map(|field| stored.value(*field)).map(ToString::to_string).collect();
    parts.join(",")
}
