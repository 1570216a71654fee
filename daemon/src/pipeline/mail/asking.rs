//! Which open questions a person may decide by mail, and what her receipt says of them.
//!
//! Her rights decide, as on the command line: of two values, whoever may write the fields, and so see them; of a row that is gone or has another key, whoever
//! may do that to the record. What the steward alone decides (rows and workbooks that are held, columns) is never offered. Every value has passed
//! [`Rights::sight`].

use std::sync::Arc;

use super::super::recognised::incoming_key;
use super::super::{PipelineError, table_of};
use super::account::shown;
use super::token::{self, Claims};
use crate::access::{Decider, Rights, Sight as Permitted, Subject};
use crate::config::Config;
use crate::model::entry::{Posting, ReviewChange, Stamp, StoredCell};
use crate::model::{
    Actor, Arrival, ArrivalKind, FieldId, Life, Outcome, Review, ReviewKind, StoredRecord, Table, Timestamp,
};
use crate::publish::receipt::{Answer, Asks, Choice, Question};
use crate::publish::view::{header, table_title};
use crate::store::{Snapshot, WantedReviews};
use crate::text::Language;

/// The most questions of a receipt.
pub(super) const QUESTIONS_MAX: usize = 20;

/// What questions are asked with.
pub(super) struct Asking<'a> {
    pub(super) snapshot: &'a Snapshot<'a>,
    pub(super) decider: &'a Decider,
    pub(super) config: &'a Config,
    pub(super) language: Language,
    pub(super) actor: &'a Actor,
    pub(super) now: Timestamp,
}

/// The questions that a receipt asks, and whether there are more.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) questions: Vec<Question>,
    pub(super) has_more: bool,
}

/// The ways in which a person may answer a question; `None` if it is not hers to decide.
pub(super) fn choices(
    decider: &Decider,
    table: &Table,
    actor: &Actor,
    review: &Review,
    stored: &StoredRecord,
) -> Option<[Choice; 2]> {
    if !matches!(actor, Actor::Person(_)) || review.record != Some(stored.id) {
        return None;
    }
    let rights = rights(decider, table, actor, stored);
    // One that is no longer configured is of no class, and nobody's to write.
    let may_write = |id: FieldId| table.field(id).is_some_and(|field| rights.may_write(&field.class).is_ok());
    let may_write_all = || review.field.is_some() && fields(review).all(may_write);
    match review.kind {
        ReviewKind::Conflict => {
            // To take what was sent brings a record back that was put away.
            let may_restore = !stored.archived || decider.permit_archive(&rights, table, stored).is_ok();
            (may_restore && may_write_all()).then_some([Choice::Incoming, Choice::Stored])
        }
        ReviewKind::Ambiguous => may_write_all().then_some([Choice::Accept, Choice::Reject]),
        ReviewKind::MissingRow => {
            let may = !stored.archived && decider.permit_archive(&rights, table, stored).is_ok();
            may.then_some([Choice::Accept, Choice::Reject])
        }
        ReviewKind::MassChange | ReviewKind::Plugin => None,
    }
}

/// The fields that a question is about.
fn fields(review: &Review) -> impl Iterator<Item = FieldId> + '_ {
    review.field.into_iter().chain(review.group.iter().map(|(field, _)| *field))
}

pub(super) fn rights(decider: &Decider, table: &Table, actor: &Actor, stored: &StoredRecord) -> Rights {
    decider.rights(actor, table, &Subject::of(table, |field| stored.value(field)))
}

/// The record's key, as far as it may be seen.
pub(super) fn visible_key(table: &Table, rights: &Rights, stored: &StoredRecord) -> String {
    let parts = table.primary_key.iter().filter_map(|id| {
        let field = table.field(*id)?;
        (rights.sight(&field.class) == Permitted::Clear).then(|| stored.value(*id).map(ToString::to_string))?
    });
    parts.collect::<Vec<_>>().join(" ")
}

/// What kind of question a receipt asks.
pub(super) fn asks(kind: ReviewKind) -> Asks {
    match kind {
        ReviewKind::MissingRow => Asks::MissingRow,
        ReviewKind::Ambiguous => Asks::OtherKey,
        ReviewKind::Conflict | ReviewKind::MassChange | ReviewKind::Plugin => Asks::Value,
    }
}

impl Asking<'_> {
    /// Asks what a posting that is about to be committed leaves open.
    pub(super) fn of_posting(&self, table: &Table, posting: &Posting) -> Result<Asked, PipelineError> {
        let mut asked = Asked::default();
        for change in &posting.reviews {
            let ReviewChange::Open(review) = change else { continue };
            let Some(record) = review.record else { continue };
            let Some(stored) = self.snapshot.record(&table.name, record)? else { continue };
            // Hers before and after: nobody gets a say by what the same mail changes.
            if choices(self.decider, table, self.actor, review, &stored).is_some() {
                let after = after(stored, posting);
                self.add(&mut asked, table, review, &after, Some(&posting.arrival))?;
            }
        }
        Ok(asked)
    }

    /// Asks what is open and hers to decide, oldest first: one page of it, from 1. It looks at no more questions than it needs.
    pub(super) fn of_page(&self, page: u32) -> Result<Asked, PipelineError> {
        let mut asked = Asked::default();
        let mut before = QUESTIONS_MAX.saturating_mul(usize::try_from(page.saturating_sub(1)).unwrap_or(usize::MAX));
        let kinds = [ReviewKind::Conflict, ReviewKind::MissingRow, ReviewKind::Ambiguous];
        let wanted = WantedReviews { source: None, actor: None, kinds: &kinds, is_about: &|_| true };
        for id in self.snapshot.open_reviews_wanted(&wanted)? {
            let Some(kept) = self.snapshot.review(id)? else { continue };
            let Ok(table) = table_of(self.config, &kept.review.table) else { continue };
            let Some(record) = kept.review.record else { continue };
            let Some(stored) = self.snapshot.record(&table.name, record)? else { continue };
            if choices(self.decider, table, self.actor, &kept.review, &stored).is_none() {
                continue;
            }
            if before > 0 {
                before -= 1;
                continue;
            }
            self.add(&mut asked, table, &kept.review, &stored, None)?;
            if asked.has_more {
                break;
            }
        }
        Ok(asked)
    }

    /// Asks one question, if it is hers to decide. `posted` is the arrival that is about to be committed.
    pub(super) fn add(
        &self,
        asked: &mut Asked,
        table: &Table,
        review: &Review,
        stored: &StoredRecord,
        posted: Option<&Arrival>,
    ) -> Result<(), PipelineError> {
        let (Actor::Person(person), Some(smtp)) = (self.actor, &self.config.smtp) else { return Ok(()) };
        let Some(choices) = choices(self.decider, table, self.actor, review, stored) else { return Ok(()) };
        if asked.questions.len() >= QUESTIONS_MAX {
            asked.has_more = true;
            return Ok(());
        }
        let state = token::state(self.snapshot, review, stored.version);
        let ends_hour = token::ends_hour(self.now, self.config.limits.decision_days);
        let options = choices.map(|choice| Answer {
            choice,
            token: Claims { review: review.id, choice, ends_hour, state }.token(self.snapshot, person).to_string(),
            to: smtp.from.as_str().to_owned(),
        });
        let rights = rights(self.decider, table, self.actor, stored);
        let values = incoming_key(review).into_iter().filter_map(|(id, incoming)| {
            let field = table.field(id)?;
            let now = stored.cell(id).map(|stored| &stored.cell);
            let title = header(field, self.language).to_owned();
            Some((title, shown(field, &rights, now), shown(field, &rights, Some(&incoming))))
        });
        let raised_by = match posted.filter(|posted| posted.id == review.arrival) {
            Some(posted) => Some(posted.kind.clone()),
            None => self.snapshot.arrival(review.arrival)?.map(|arrival| arrival.kind),
        };
        // The place of a mail is an id that says nothing to a reader, and another person's mail is none of hers.
        let is_of_sheet = raised_by.is_some_and(|kind| kind != ArrivalKind::Mail);
        asked.questions.push(Question {
            asks: asks(review.kind),
            title: table_title(table, self.language),
            key: visible_key(table, &rights, stored),
            place: is_of_sheet.then(|| review.place.clone()),
            values: values.collect(),
            options: options.to_vec(),
        });
        Ok(())
    }
}

/// A record as a posting leaves it.
fn after(mut stored: StoredRecord, posting: &Posting) -> StoredRecord {
    let Some(entry) = posting.records.iter().find(|entry| entry.record == stored.id) else { return stored };
    let arrival = &posting.arrival;
    let stamp = Arc::new(Stamp {
        arrival: arrival.id,
        source: arrival.source.clone(),
        rank: arrival.rank,
        edited_at: arrival.edited_at,
        filled: 0,
        plugin: None,
    });
    for cell in entry.cells.iter().filter(|cell| cell.outcome == Outcome::Applied) {
        let now = StoredCell { cell: cell.posted().clone(), stamp: Arc::clone(&stamp) };
        match stored.cells.binary_search_by_key(&cell.field, |(id, _)| *id) {
            Ok(at) => stored.cells[at].1 = now,
            Err(at) => stored.cells.insert(at, (cell.field, now)),
        }
    }
    match entry.life {
        Life::Archived => stored.archived = true,
        Life::Restored | Life::Created => stored.archived = false,
        Life::Unchanged => {}
    }
    stored.version += u64::from(entry.changes_record());
    stored
}
