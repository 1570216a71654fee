//! What people do beside the workbooks: set a field, decide a review, revert an arrival.
//!
//! Each is an arrival like any other. In come what was asked for and one snapshot; out goes a [`Posting`].

use std::collections::HashMap;

use compact_str::CompactString;

use super::compose::{Came, Composed, Composer, Creator, Incoming, Settings, Supplied};
use super::consult::{Case, Said};
use super::error::PipelineError;
use super::hindrance::Remembered;
use super::recognised::incoming_key;
use super::report::Report;
use crate::access::{Decider, Subject};
use crate::extract;
use crate::identify;
use crate::io::{Entropy, uuid_v7};
use crate::model::entry::{Before, KeyIndex, Posting, ReviewChange};
use crate::model::{
    Actor, Arrival, ArrivalId, ArrivalKind, Cell, CellEntry, FieldId, Life, Outcome, Presence, Problem, RecordEntry,
    RecordId, Review, ReviewKind, RowHash, StoredRecord, Table,
};
use crate::store::Snapshot;

const NO_SETTINGS: Settings = Settings { ignore_blanks: false, refused: None, decided: true };

/// How a person answers a review.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// What arrived.
    Incoming,
    /// What is stored.
    Stored,
    /// What the edit was made against.
    Base,
    /// Post the held arrival; archive the missing row; the row is that record, the column that field.
    Accept,
    /// Don't post it; keep the row; the row is a new record, the column none of ours.
    Reject,
    /// Another value, as typed.
    Value(String),
}

impl Decision {
    /// Its name in the review's history.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Incoming => "incoming",
            Self::Stored => "stored",
            Self::Base => "base",
            Self::Accept => "accept",
            Self::Reject => "reject",
            Self::Value(_) => "value",
        }
    }
}

/// Asks the office's plugins about a row.
pub(super) type Consult<'a> = &'a dyn Fn(&Case<'_>) -> (Said, Vec<Problem>);

/// What a person answers to which question.
#[derive(Clone, Copy)]
pub(super) struct Answered<'a> {
    /// The question.
    pub(super) review: &'a Review,
    /// The answer.
    pub(super) decision: &'a Decision,
    /// Asks the office's plugins.
    pub(super) consult: Consult<'a>,
}

/// What `record set` asks for.
pub(super) struct Wanted<'a> {
    /// The record's key: one text for each field of the primary key.
    pub(super) key: &'a [String],
    /// The fields and what they are to hold.
    pub(super) values: &'a [(FieldId, Cell)],
    /// Who is responsible, if the record is new.
    pub(super) creator: &'a Creator,
    /// Asks the office's plugins.
    pub(super) consult: Consult<'a>,
}

/// Makes the posting of `record set`: fields of one record, which is added if there is none with the key.
pub(super) fn set(
    snapshot: &Snapshot<'_>,
    table: &Table,
    decider: &Decider,
    arrival: Arrival,
    wanted: &Wanted<'_>,
    entropy: &mut dyn Entropy,
) -> Result<(Posting, Report), PipelineError> {
    let mut cells = key_cells(table, wanted.key)?;
    let text = table.key_of(&cells).map(|key| identify::joined(&key)).unwrap_or_default();
    let found = snapshot.records_by_key(&table.name, KeyIndex::Primary, std::slice::from_ref(&text))?.remove(&text);
    let stored = match found {
        Some(id) => snapshot.record(&table.name, id)?,
        None => None,
    };
    if stored.is_some() {
        cells.clear();
    }
    for (field, cell) in wanted.values {
        cells.retain(|(id, _)| id != field);
        cells.push((*field, cell.clone()));
    }
    cells.sort_by_key(|(field, _)| *field);
    if let Some(stored) = &stored {
        clash_of_keys(snapshot, table, stored, &cells)?;
    }
    let record = found.unwrap_or_else(|| RecordId::new(uuid_v7(arrival.at.0, entropy)));
    let supplied = if stored.is_none() { wanted.creator.supplies(table, &cells) } else { Vec::new() };
    let base = stored.as_ref().map(stored_cells);
    let row = || Incoming { supplied: supplied.clone(), ..typed(record, stored.as_ref(), &cells, base.as_deref()) };
    let (said, problems) = match Case::of(table, decider, &arrival, NO_SETTINGS.ignore_blanks, row()) {
        Some(case) => (wanted.consult)(&case),
        None => (Said::default(), Vec::new()),
    };
    let values = said.values().map(|(field, cell)| (field, cell.clone()));
    let taken = taken_keys(snapshot, table, &cells.iter().cloned().chain(values).collect::<Vec<_>>())?;
    let open = held_commands(snapshot, table, &arrival, found, &cells)?;
    let mut composer = Composer::new(table, decider, arrival, NO_SETTINGS, &open, taken);
    for problem in problems {
        composer.problem(problem);
    }
    if let Composed::Entry(entry) = composer.row(Incoming { said, ..row() }, entropy) {
        composer.push(entry);
    }
    composer.withdraw_held_rows();
    Ok(composer.finish(None))
}

/// The open questions about earlier commands of the same person that plugins have held, and of which she says all anew.
pub(super) fn held_commands(
    snapshot: &Snapshot<'_>,
    table: &Table,
    arrival: &Arrival,
    record: Option<RecordId>,
    cells: &[(FieldId, Cell)],
) -> Result<Vec<Review>, PipelineError> {
    let mut open = snapshot.open_reviews_of(&arrival.source, Some(ReviewKind::Plugin))?;
    open.retain(|review| is_said_anew(review, table, arrival, record, cells));
    Ok(open)
}

/// Whether a question is about an earlier command of the same person that plugins have held, and of which she says all anew.
pub(super) fn is_said_anew(
    review: &Review,
    table: &Table,
    arrival: &Arrival,
    record: Option<RecordId>,
    cells: &[(FieldId, Cell)],
) -> bool {
    let is_own = review.kind == ReviewKind::Plugin && review.table == table.name && review.actor == arrival.actor;
    let is_about = || {
        let key = || table.key_of(&review.group) == table.key_of(cells);
        review.record == record && (record.is_some() || key())
    };
    let says = |(field, _): &(FieldId, Cell)| cells.iter().any(|(id, _)| id == field);
    is_own && is_about() && review.group.iter().all(says)
}

/// Refuses a key that another record has.
fn clash_of_keys(
    snapshot: &Snapshot<'_>,
    table: &Table,
    stored: &StoredRecord,
    cells: &[(FieldId, Cell)],
) -> Result<(), PipelineError> {
    let mut parts = Vec::new();
    for field in &table.primary_key {
        let now = cells.iter().find(|(id, _)| id == field).map(|(_, cell)| cell.clone());
        parts.extend(now.or_else(|| stored.cell(*field).map(|stored| stored.cell.clone())).map(|cell| (*field, cell)));
    }
    parts.sort_by_key(|(field, _)| *field);
    let Some(key) = table.key_of(&parts).map(|key| identify::joined(&key)) else { return Ok(()) };
    let other = snapshot.records_by_key(&table.name, KeyIndex::Primary, std::slice::from_ref(&key))?.remove(&key);
    match other {
        Some(other) if other != stored.id => {
            Err(PipelineError::Refused("another record has this key already; nothing was changed".to_owned()))
        }
        _ => Ok(()),
    }
}

/// The key that a person typed, as cells.
pub fn key_cells(table: &Table, key: &[String]) -> Result<Vec<(FieldId, Cell)>, PipelineError> {
    if key.len() != table.primary_key.len() {
        let names: Vec<&str> =
            table.primary_key.iter().filter_map(|id| table.field(*id)).map(|field| field.name.as_str()).collect();
        return Err(PipelineError::Refused(format!("the key of `{}` is {}", table.name, names.join(","))));
    }
    let mut cells = Vec::with_capacity(key.len());
    for (id, text) in table.primary_key.iter().zip(key) {
        let Some(field) = table.field(*id) else { continue };
        let cell = extract::parse_text(text, field).map_err(|error| PipelineError::Refused(error.message.clone()))?;
        cells.push((*id, cell));
    }
    cells.sort_by_key(|(field, _)| *field);
    Ok(cells)
}

pub(super) fn taken_keys(
    snapshot: &Snapshot<'_>,
    table: &Table,
    cells: &[(FieldId, Cell)],
) -> Result<HashMap<(KeyIndex, CompactString), RecordId>, PipelineError> {
    let mut taken = HashMap::new();
    for (id, cell) in cells {
        let (Some(field), Some(value)) = (table.field(*id), cell.value()) else { continue };
        if field.constraints.unique {
            let Some(text) = field.key_text(value) else { continue };
            let index = KeyIndex::Unique(*id);
            let found = snapshot.records_by_key(&table.name, index, std::slice::from_ref(&text))?;
            taken.extend(found.into_iter().map(|(text, record)| ((index, text), record)));
        }
    }
    Ok(taken)
}

/// Composes cells of one record that did not come in a sheet.
fn one(
    composer: &mut Composer<'_>,
    record: RecordId,
    stored: Option<&StoredRecord>,
    cells: &[(FieldId, Cell)],
    supplied: Vec<Supplied>,
    entropy: &mut dyn Entropy,
) {
    let base = stored.map(stored_cells);
    let incoming = Incoming { supplied, ..typed(record, stored, cells, base.as_deref()) };
    if let Composed::Entry(entry) = composer.row(incoming, entropy) {
        composer.push(entry);
    }
}

/// What a person sees when she types a command is what is stored: that is the base.
fn stored_cells(stored: &StoredRecord) -> Vec<(FieldId, Cell)> {
    stored.cells.iter().map(|(field, stored)| (*field, stored.cell.clone())).collect()
}

/// Cells of one record that did not come in a sheet.
fn typed<'a>(
    record: RecordId,
    stored: Option<&'a StoredRecord>,
    cells: &'a [(FieldId, Cell)],
    base: Option<&'a [(FieldId, Cell)]>,
) -> Incoming<'a> {
    Incoming {
        record,
        row: None,
        hash: RowHash::UNKNOWN,
        cells,
        base,
        newest: base,
        stored,
        doubtful: &[],
        current: true,
        supplied: Vec::new(),
        problems: Vec::new(),
        came: Came::AsBefore,
        remembered: Remembered::Nothing,
        said: Said::default(),
    }
}

/// Makes the posting of a decision. A held arrival that is accepted is posted by the caller.
pub(super) fn decide(
    snapshot: &Snapshot<'_>,
    table: &Table,
    decider: &Decider,
    arrival: Arrival,
    answered: Answered<'_>,
    entropy: &mut dyn Entropy,
) -> Result<(Posting, Report), PipelineError> {
    let Answered { review, decision, .. } = answered;
    let stored = match review.record {
        Some(id) => snapshot.record(&table.name, id)?,
        None => None,
    };
    let close = ReviewChange::Close { id: review.id, how: decision.name().into() };
    match (review.kind, decision, stored) {
        (ReviewKind::Conflict, Decision::Accept | Decision::Reject, _) => Err(PipelineError::Refused(
            "a conflict is decided by `incoming`, `stored`, `base` or `value TEXT`".to_owned(),
        )),
        (ReviewKind::Conflict, _, Some(stored)) => {
            let cells = decided_cells(table, review, decision, &stored)?;
            let taken = taken_keys(snapshot, table, &cells)?;
            let open: Vec<Review> = Vec::new();
            let mut composer = Composer::new(table, decider, arrival, NO_SETTINGS, &open, taken);
            require_rights(decider, composer.arrival(), table, &stored, review)?;
            one(&mut composer, stored.id, Some(&stored), &cells, Vec::new(), entropy);
            if composer.has_refused() {
                let reason = composer.report.problems.first().map_or("", |problem| problem.message.as_str());
                return Err(PipelineError::Refused(reason.to_owned()));
            }
            let life =
                if stored.archived && *decision == Decision::Incoming { Life::Restored } else { Life::Unchanged };
            if life == Life::Restored {
                // Whoever brings a record back answers for all of it, as whoever puts it away.
                let subject = Subject::of(table, |field| stored.value(field));
                let rights = decider.rights(&composer.arrival().actor, table, &subject);
                let permitted = decider.permit_archive(&rights, table, &stored);
                permitted.map_err(|refusal| PipelineError::Refused(refusal.reason.clone()))?;
            }
            composer.set_life(stored.id, life);
            composer.review(close);
            Ok(composer.finish(None))
        }
        (ReviewKind::MissingRow, Decision::Accept | Decision::Reject | Decision::Stored, Some(stored)) => {
            let open: Vec<Review> = Vec::new();
            let mut composer = Composer::new(table, decider, arrival, NO_SETTINGS, &open, HashMap::new());
            let subject = Subject::of(table, |field| stored.value(field));
            let rights = decider.rights(&composer.arrival().actor, table, &subject);
            decider
                .permit_archive(&rights, table, &stored)
                .map_err(|refusal| PipelineError::Refused(refusal.reason.clone()))?;
            if *decision == Decision::Accept {
                composer.report.count(Outcome::Applied);
                composer.push(whole(stored.id, Life::Archived));
            }
            composer.review(close);
            Ok(composer.finish(None))
        }
        (ReviewKind::MassChange, Decision::Reject, _)
        | (ReviewKind::Plugin, Decision::Reject | Decision::Stored, _) => {
            let open: Vec<Review> = Vec::new();
            let mut composer = Composer::new(table, decider, arrival, NO_SETTINGS, &open, HashMap::new());
            composer.review(close);
            Ok(composer.finish(None))
        }
        (ReviewKind::Ambiguous, Decision::Accept | Decision::Reject, stored) => {
            ambiguous(snapshot, table, decider, arrival, review, (decision, stored.as_ref()), entropy)
        }
        (ReviewKind::Plugin, Decision::Accept | Decision::Incoming, stored) => {
            accept_row(snapshot, table, decider, arrival, answered, stored.as_ref(), entropy)
        }
        (ReviewKind::MissingRow | ReviewKind::MassChange | ReviewKind::Ambiguous | ReviewKind::Plugin, _, _) => {
            Err(PipelineError::Refused("this is decided by `accept` or `reject`".to_owned()))
        }
        (ReviewKind::Conflict, _, None) => {
            Err(PipelineError::Refused("the record that it is about is gone".to_owned()))
        }
    }
}

/// Posts what a row changed that a plugin has held. A new row whose key Daybook hands out is taken when its source is read again: only
/// there can the number be written into its row.
fn accept_row(
    snapshot: &Snapshot<'_>,
    table: &Table,
    decider: &Decider,
    arrival: Arrival,
    answered: Answered<'_>,
    stored: Option<&StoredRecord>,
    entropy: &mut dyn Entropy,
) -> Result<(Posting, Report), PipelineError> {
    let Answered { review, decision, consult } = answered;
    let close = ReviewChange::Close { id: review.id, how: decision.name().into() };
    let cells = &review.group;
    let record = match (review.record, stored) {
        (Some(_), Some(stored)) => {
            clash_of_keys(snapshot, table, stored, cells)?;
            stored.id
        }
        (Some(_), None) => return Err(PipelineError::Refused("the record that it is about is gone".to_owned())),
        (None, _) => {
            let Some(key) = table.key_of(cells).map(|key| identify::joined(&key)) else {
                let open: Vec<Review> = Vec::new();
                let mut composer = Composer::new(table, decider, arrival, NO_SETTINGS, &open, HashMap::new());
                composer.review(close);
                return Ok(composer.finish(None));
            };
            let found = snapshot.records_by_key(&table.name, KeyIndex::Primary, std::slice::from_ref(&key))?;
            if found.contains_key(&key) {
                return Err(PipelineError::Refused("another record has this key by now".to_owned()));
            }
            RecordId::new(uuid_v7(arrival.at.0, entropy))
        }
    };
    let base = stored.map(stored_cells);
    let row = || typed(record, stored, cells, base.as_deref());
    let (mut said, problems) = Case::of(table, decider, &arrival, NO_SETTINGS.ignore_blanks, row())
        .map_or_else(Default::default, |case| consult(&case));
    let values = said.set.iter().map(|(field, cell, _)| (*field, cell.clone()));
    let taken = taken_keys(snapshot, table, &cells.iter().cloned().chain(values).collect::<Vec<_>>())?;
    said.set.retain(|(field, cell, _)| {
        let text = table.field(*field).zip(cell.value()).and_then(|(field, value)| field.key_text(value));
        let other = text.and_then(|text| taken.get(&(KeyIndex::Unique(*field), text)));
        other.is_none_or(|other| *other == record)
    });
    // What they find wrong has been decided, and in what form the rest is to be stored.
    let said = Said { set: said.set, typed: said.typed, ..Said::default() };
    let open: Vec<Review> = Vec::new();
    let mut composer = Composer::new(table, decider, arrival, NO_SETTINGS, &open, taken);
    if let Composed::Entry(entry) = composer.row(Incoming { said, ..row() }, entropy) {
        composer.push(entry);
    }
    if composer.has_refused() {
        let reason = composer.report.problems.first().map_or("", |problem| problem.message.as_str());
        return Err(PipelineError::Refused(reason.to_owned()));
    }
    for problem in problems {
        composer.problem(problem);
    }
    let mut held_by: Vec<&str> = review.held.iter().map(|reason| reason.rule.as_str()).collect();
    held_by.dedup();
    composer.decided_over(&held_by);
    composer.review(close);
    Ok(composer.finish(None))
}

/// Makes the posting of a decision on what a row or a column is. Where a row is a record's, its key is corrected here;
/// all else comes when the source is read again.
fn ambiguous(
    snapshot: &Snapshot<'_>,
    table: &Table,
    decider: &Decider,
    arrival: Arrival,
    review: &Review,
    (decision, stored): (&Decision, Option<&StoredRecord>),
    entropy: &mut dyn Entropy,
) -> Result<(Posting, Report), PipelineError> {
    let cells = incoming_key(review);
    let taken = taken_keys(snapshot, table, &cells)?;
    let open: Vec<Review> = Vec::new();
    let mut composer = Composer::new(table, decider, arrival, NO_SETTINGS, &open, taken);
    match stored {
        Some(stored) => require_rights(decider, composer.arrival(), table, stored, review)?,
        None if review.record.is_some() => {
            return Err(PipelineError::Refused("the record that it is about is gone".to_owned()));
        }
        None if composer.arrival().actor != Actor::Steward => {
            return Err(PipelineError::Refused("what a column means is decided by the steward".to_owned()));
        }
        None => {}
    }
    if let (Decision::Accept, Some(stored)) = (decision, stored) {
        clash_of_keys(snapshot, table, stored, &cells)?;
        one(&mut composer, stored.id, Some(stored), &cells, Vec::new(), entropy);
        if composer.has_refused() {
            let reason = composer.report.problems.first().map_or("", |problem| problem.message.as_str());
            return Err(PipelineError::Refused(reason.to_owned()));
        }
    }
    composer.review(ReviewChange::Close { id: review.id, how: decision.name().into() });
    Ok(composer.finish(None))
}

/// Who decides must be allowed to write what is decided, also where the decision changes nothing.
fn require_rights(
    decider: &Decider,
    arrival: &Arrival,
    table: &Table,
    stored: &StoredRecord,
    review: &Review,
) -> Result<(), PipelineError> {
    let subject = Subject::of(table, |field| stored.value(field));
    let rights = decider.rights(&arrival.actor, table, &subject);
    let fields = review.field.iter().chain(review.group.iter().map(|(field, _)| field));
    for field in fields.filter_map(|id| table.field(*id)) {
        rights.may_write(&field.class).map_err(|refusal| PipelineError::Refused(refusal.reason.clone()))?;
    }
    Ok(())
}

/// The cells that a decision posts.
fn decided_cells(
    table: &Table,
    review: &Review,
    decision: &Decision,
    stored: &StoredRecord,
) -> Result<Vec<(FieldId, Cell)>, PipelineError> {
    let Some(field) = review.field.and_then(|id| table.field(id)) else {
        return Err(PipelineError::Refused("the field that it is about is no longer configured".to_owned()));
    };
    if !review.group.is_empty() && matches!(decision, Decision::Base | Decision::Value(_)) {
        let why =
            "these fields belong together: decide `incoming` or `stored`, and correct single fields by `record set`";
        return Err(PipelineError::Refused(why.to_owned()));
    }
    if *decision == Decision::Base && review.base.is_none() {
        return Err(PipelineError::Refused("nothing is known of what stood there before".to_owned()));
    }
    let mut cells = match decision {
        Decision::Incoming => {
            let mut cells = review.group.clone();
            cells.push((field.id, review.incoming.clone().unwrap_or(Cell::Blank)));
            cells
        }
        Decision::Base => vec![(field.id, review.base.clone().unwrap_or(Cell::Blank))],
        Decision::Value(text) => {
            let cell =
                extract::parse_text(text, field).map_err(|error| PipelineError::Refused(error.message.clone()))?;
            vec![(field.id, cell)]
        }
        Decision::Stored | Decision::Accept | Decision::Reject => Vec::new(),
    };
    // A blank where nothing was ever filled changes nothing.
    cells.retain(|(field, cell)| *cell != Cell::Blank || stored.cell(*field).is_some());
    cells.retain(|(_, cell)| matches!(cell, Cell::Blank | Cell::Value(_)));
    cells.sort_by_key(|(field, _)| *field);
    Ok(cells)
}

/// Makes the opposite of an arrival: each value that it set goes back to what stood there before, unless somebody
/// has changed it since; then a person is asked.
pub(super) fn revert(
    snapshot: &Snapshot<'_>,
    table: &Table,
    decider: &Decider,
    arrival: Arrival,
    reverted: &Posting,
    entropy: &mut dyn Entropy,
) -> Result<(Posting, Report), PipelineError> {
    if reverted.arrival.kind == ArrivalKind::Publication {
        return Err(PipelineError::Refused("Daybook wrote a view then; that changed no record".to_owned()));
    }
    let ids: Vec<RecordId> = reverted.records.iter().map(|entry| entry.record).collect();
    let stored = snapshot.records(&table.name, &ids)?;
    let settings = Settings { ignore_blanks: false, refused: None, decided: false };
    let open: Vec<Review> = Vec::new();
    let back: Vec<(FieldId, Cell)> = reverted
        .records
        .iter()
        .flat_map(|entry| &entry.cells)
        .filter(|cell| cell.outcome == Outcome::Applied)
        .map(|cell| (cell.field, previous(cell)))
        .collect();
    let taken = taken_keys(snapshot, table, &back)?;
    let mut composer = Composer::new(table, decider, arrival, settings, &open, taken);
    for entry in &reverted.records {
        let Some(stored) = stored.get(&entry.record) else { continue };
        if cells_clash(snapshot, table, entry, stored)? {
            not_reverted(&mut composer, stored, "another record has its key by now");
            continue;
        }
        match entry.life {
            Life::Created => revert_creation(&mut composer, decider, table, reverted.arrival.id, stored),
            Life::Archived if stored.archived => revert_life(&mut composer, decider, table, stored, Life::Restored),
            Life::Restored if !stored.archived => {
                revert_cells(&mut composer, entry, stored, entropy);
                revert_life(&mut composer, decider, table, stored, Life::Archived);
            }
            _ => revert_cells(&mut composer, entry, stored, entropy),
        }
    }
    if composer.is_empty() {
        return Err(PipelineError::Refused("that arrival changed nothing that could be reverted".to_owned()));
    }
    Ok(composer.finish(None))
}

/// Puts a record away that the reverted arrival added, unless somebody has worked on it since.
fn revert_creation(
    composer: &mut Composer<'_>,
    decider: &Decider,
    table: &Table,
    reverted: ArrivalId,
    stored: &StoredRecord,
) {
    if stored.archived {
        return;
    }
    if stored.cells.iter().any(|(_, cell)| cell.stamp.arrival != reverted) {
        not_reverted(composer, stored, "others have changed the record since");
        return;
    }
    revert_life(composer, decider, table, stored, Life::Archived);
}

/// Archives or restores a record, if the actor may.
fn revert_life(composer: &mut Composer<'_>, decider: &Decider, table: &Table, stored: &StoredRecord, life: Life) {
    let subject = Subject::of(table, |field| stored.value(field));
    let rights = decider.rights(&composer.arrival().actor, table, &subject);
    match decider.permit_archive(&rights, table, stored) {
        Ok(_) => {
            composer.report.count(Outcome::Applied);
            composer.set_life(stored.id, life);
        }
        Err(refusal) => not_reverted(composer, stored, refusal.reason.trim_end_matches('.')),
    }
}

/// Tells that a record stays as it is.
fn not_reverted(composer: &mut Composer<'_>, stored: &StoredRecord, why: &str) {
    composer.report.count(Outcome::Refused);
    composer.problem(Problem::new(
        crate::model::problem::Code("not-reverted"),
        stored.id.to_string(),
        format!("a record that this arrival changed stays as it is: {why}."),
        "Look at it with `daybook record history`, and change it by hand if it is wrong.",
    ));
}

/// Whether the key that a record would have again is another record's.
fn cells_clash(
    snapshot: &Snapshot<'_>,
    table: &Table,
    entry: &RecordEntry,
    stored: &StoredRecord,
) -> Result<bool, PipelineError> {
    let cells: Vec<(FieldId, Cell)> = entry
        .cells
        .iter()
        .filter(|cell| cell.outcome == Outcome::Applied && entry.life != Life::Created)
        .map(|cell| (cell.field, previous(cell)))
        .collect();
    let of_key = cells.iter().any(|(field, _)| table.primary_key.contains(field));
    if !of_key {
        return Ok(false);
    }
    match clash_of_keys(snapshot, table, stored, &cells) {
        Ok(()) => Ok(false),
        Err(PipelineError::Refused(_)) => Ok(true),
        Err(error) => Err(error),
    }
}

fn revert_cells(composer: &mut Composer<'_>, entry: &RecordEntry, stored: &StoredRecord, entropy: &mut dyn Entropy) {
    let mut base = Vec::new();
    let mut cells = Vec::new();
    for cell in entry.cells.iter().filter(|cell| cell.outcome == Outcome::Applied) {
        base.push((cell.field, cell.posted().clone()));
        cells.push((cell.field, previous(cell)));
    }
    if cells.is_empty() {
        return;
    }
    // A value that somebody has changed since goes to a person, whatever the field's rule.
    let is_now = |field: FieldId, posted: &Cell| stored.cell(field).is_some_and(|stored| stored.cell == *posted);
    let doubtful: Vec<FieldId> =
        base.iter().filter(|(field, posted)| !is_now(*field, posted)).map(|(field, _)| *field).collect();
    let incoming = Incoming { doubtful: &doubtful, ..typed(entry.record, Some(stored), &cells, Some(&base)) };
    if let Composed::Entry(entry) = composer.row(incoming, entropy) {
        composer.push(entry);
    }
}

/// What was stored before a cell was applied.
fn previous(cell: &CellEntry) -> Cell {
    cell.before.as_deref().and_then(|Before { stored, .. }| stored.clone()).unwrap_or(Cell::Blank)
}

/// An entry about a record as a whole.
fn whole(record: RecordId, life: Life) -> RecordEntry {
    RecordEntry {
        record,
        row: None,
        hash: RowHash::UNKNOWN,
        presence: Presence::Elsewhere,
        life,
        cells: Vec::new(),
        keys: Vec::new(),
    }
}

/// So much of an id has to be given: less is more likely a slip than an id.
const PREFIX_MIN: usize = 4;

/// Finds a thing by the beginning of its id, as people type it.
pub fn by_prefix<T: Clone>(
    what: &'static str,
    prefix: &str,
    all: impl Iterator<Item = (String, T)>,
) -> Result<T, PipelineError> {
    let prefix = prefix.to_lowercase();
    if prefix.chars().count() < PREFIX_MIN {
        let what = format!("`{prefix}` is too little of an id; give at least {PREFIX_MIN} characters of it");
        return Err(PipelineError::Refused(what));
    }
    let mut found: Vec<T> = Vec::new();
    for (id, thing) in all {
        if id == prefix {
            return Ok(thing);
        }
        if id.starts_with(&prefix) {
            found.push(thing);
        }
    }
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(PipelineError::Unknown { what, name: prefix }),
        _ => Err(PipelineError::NotUnique(prefix)),
    }
}
