//! The rows of a mail to a posting: each means one record, and what it says of it is edited, permitted and merged as in a workbook.
//!
//! A mail has no baseline. Its author saw at most what was stored when she wrote it: that is the base, and of a cell that somebody has set since nothing
//! is known, so that both values are put to a person or to the field's rule; what she says of that cell next renews the question or takes it back. Of a record that she may not see she learns nothing, not even that it is there. A row without a key, of a table whose keys Daybook hands out, is a new record
//! unless its author can see one that says all of it already: so what is sent twice is taken once.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use compact_str::CompactString;

use super::super::command::{is_said_anew, taken_keys};
use super::super::compose::{Came, Composed, Composer, Creator, Incoming, Settings, Supplied};
use super::super::consult::{Case, Said};
use super::super::edits;
use super::super::error::PipelineError;
use super::super::hindrance::Remembered;
use super::super::numbers::{Numbers, generated};
use super::super::report::Report;
use super::gather::says_something;
use super::readers::ReadCell;
use crate::access::{Decider, Rights, Sight, Subject};
use crate::extract::CellProblem;
use crate::identify;
use crate::io::{Entropy, uuid_v7};
use crate::model::entry::{KeyIndex, Posting};
use crate::model::{
    Arrival, Cell, FieldId, Presence, Problem, RecordEntry, RecordId, Review, ReviewKind, Row, RowHash, StoredRecord,
    Table, Timestamp, Value,
};
use crate::publish::answer::Remark;
use crate::store::{Snapshot, WantedReviews};

pub(super) const SETTINGS: Settings = Settings { ignore_blanks: false, refused: None, decided: false };

/// What asks the office's plugins about all rows of a mail at once.
pub(super) type Consult<'a> = dyn Fn(&[Case<'_>]) -> (Vec<Said>, Vec<Problem>) + 'a;

/// What is to be posted.
pub(super) struct Wanted<'a> {
    pub(super) rows: &'a [Row],
    /// What could not be read in single cells.
    pub(super) problems: &'a [CellProblem],
    /// When the mail was written: nothing that was stored later was seen by its author.
    pub(super) written_at: Timestamp,
    /// Who is responsible for a record that is new.
    pub(super) creator: &'a Creator,
    pub(super) consult: &'a Consult<'a>,
    /// What plugins have read in the mail.
    pub(super) read: &'a [ReadCell],
}

/// What became of a row.
#[derive(Debug)]
pub(super) struct Taken {
    /// The record that it means; a new id if there was none.
    pub(super) record: RecordId,
    /// The record as it was stored.
    pub(super) stored: Option<StoredRecord>,
    pub(super) became: Became,
}

/// What became of a row as a whole.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Became {
    /// Its cells say more.
    Posted,
    /// It says what is stored already.
    Nothing,
    /// Nothing of it was taken, for this reason: a problem's code.
    Refused(CompactString),
    /// It waits for a person: what its author may be told of why.
    Held(Vec<Remark>),
}

/// A row with all that is known of it.
struct Prepared<'a> {
    row: &'a Row,
    /// Its number, if it stands in an attached sheet.
    number: Option<u32>,
    record: RecordId,
    stored: Option<StoredRecord>,
    cells: Vec<(FieldId, Cell)>,
    base: Option<Vec<(FieldId, Cell)>>,
    supplied: Vec<Supplied>,
    problems: Vec<CellProblem>,
    /// Why it is not posted.
    stands: Option<Became>,
    /// Its author may see nothing of the record: she is told what she would be told if it were not there.
    unseen: bool,
}

impl Prepared<'_> {
    fn incoming(&self, said: Said) -> Incoming<'_> {
        Incoming {
            record: self.record,
            row: self.number,
            hash: RowHash::UNKNOWN,
            cells: &self.cells,
            base: self.base.as_deref(),
            newest: self.base.as_deref(),
            stored: self.stored.as_ref(),
            doubtful: &[],
            current: true,
            supplied: self.supplied.clone(),
            problems: self.problems.clone(),
            came: Came::AsBefore,
            remembered: Remembered::Nothing,
            said,
        }
    }
}

/// Makes the posting of a mail's rows, and tells what became of each, in their order.
pub(super) fn post(
    snapshot: &Snapshot<'_>,
    table: &Table,
    decider: &Decider,
    arrival: Arrival,
    wanted: &Wanted<'_>,
    entropy: &mut dyn Entropy,
) -> Result<(Posting, Report, Vec<Taken>), PipelineError> {
    let prepared = prepare(snapshot, table, (decider, &arrival), wanted, entropy)?;
    let asked: Vec<usize> = (0..prepared.len()).filter(|at| prepared[*at].stands.is_none()).collect();
    let mut said: HashMap<usize, Said> = HashMap::new();
    let mut problems = Vec::new();
    let mut cases = Vec::new();
    let mut whose = Vec::new();
    for at in asked {
        let incoming = prepared[at].incoming(Said::default());
        if let Some(case) = Case::of(table, decider, &arrival, SETTINGS.ignore_blanks, incoming) {
            cases.push(case);
            whose.push(at);
        }
    }
    if !cases.is_empty() {
        let (answers, told) = (wanted.consult)(&cases);
        said.extend(whose.into_iter().zip(answers));
        problems = told;
    }
    drop(cases);
    let mut used: Vec<(FieldId, Cell)> = prepared.iter().flat_map(|row| row.cells.iter().cloned()).collect();
    used.extend(said.values().flat_map(|said| said.values().map(|(field, cell)| (field, cell.clone()))));
    let taken = taken_keys(snapshot, table, &used)?;
    let open = asked_before(snapshot, table, &arrival, &prepared)?;
    let mut composer = Composer::new(table, decider, arrival, SETTINGS, &open, taken);
    for problem in problems {
        composer.problem(problem);
    }
    let mut outcomes = Vec::with_capacity(prepared.len());
    for (at, row) in prepared.into_iter().enumerate() {
        let became = if let Some(became) = row.stands {
            became
        } else {
            let mut said = said.remove(&at).unwrap_or_default();
            name_readers(&row, wanted.read, &mut said);
            let became = compose(&mut composer, &row, said, entropy);
            if row.unseen { Became::Refused(CompactString::const_new("forbidden")) } else { became }
        };
        outcomes.push(Taken { record: row.record, stored: row.stored, became });
    }
    composer.withdraw_held_rows();
    let (posting, report) = composer.finish(None);
    Ok((posting, report, outcomes))
}

/// The open questions that these rows may answer: those about rows of the same person that plugins hold and of which she says all anew, and those about values
/// that she has sent before. What others have sent is theirs, and a mail that was written before the one that asks takes nothing of it back.
fn asked_before(
    snapshot: &Snapshot<'_>,
    table: &Table,
    arrival: &Arrival,
    prepared: &[Prepared<'_>],
) -> Result<Vec<Review>, PipelineError> {
    let rows = || prepared.iter().filter(|row| row.stands.is_none());
    let mut open = snapshot.open_reviews_of(&arrival.source, Some(ReviewKind::Plugin))?;
    open.retain(|review| {
        rows().any(|row| {
            let known = row.stored.as_ref().map(|stored| stored.id);
            is_said_anew(review, table, arrival, known, &row.row.cells)
        })
    });
    // Of a new record nobody has asked anything.
    let known = rows().filter(|row| !row.unseen && row.stored.is_some());
    let about: HashSet<RecordId> = known.map(|row| row.record).collect();
    if about.is_empty() {
        return Ok(open);
    }
    let wanted = WantedReviews {
        source: Some(&arrival.source),
        actor: Some(&arrival.actor),
        kinds: &[ReviewKind::Conflict],
        is_about: &|record| about.contains(&record),
    };
    for id in snapshot.open_reviews_wanted(&wanted)? {
        let Some(review) = snapshot.review(id)?.map(|kept| kept.review) else { continue };
        let raised_by = snapshot.arrival(review.arrival)?;
        if raised_by.is_none_or(|raised_by| raised_by.edited_at <= arrival.edited_at) {
            open.push(review);
        }
    }
    Ok(open)
}

/// Lets the history name the plugins that read cells in the mail.
fn name_readers(row: &Prepared<'_>, read: &[ReadCell], said: &mut Said) {
    for cell in read.iter().filter(|cell| cell.row == row.row.number) {
        let is_normalised = said.normalised.iter().any(|(field, ..)| *field == cell.field);
        let typed = row.cells.iter().find(|(field, typed)| *field == cell.field && !matches!(typed, Cell::Raw(_)));
        if let Some((field, typed)) = typed.filter(|_| !is_normalised) {
            said.normalised.push((*field, typed.clone(), cell.rule.clone()));
        }
    }
}

fn compose(composer: &mut Composer<'_>, row: &Prepared<'_>, said: Said, entropy: &mut dyn Entropy) -> Became {
    let told = composer.report.problems.len();
    let incoming = row.incoming(said);
    let mut typed = row.incoming(Said::default());
    let edits = edits::of(composer.table(), composer.arrival(), SETTINGS.ignore_blanks, &mut typed);
    let rights = edits::rights(composer.decider(), composer.table(), composer.arrival(), &typed, &edits);
    let remarks = composer.remarks(&incoming, &rights);
    // Also what her record shows already: she may have asked for something else before. What an attached sheet shows as it is stored is a copy.
    let written = row.cells.iter().filter(|_| row.number.is_none());
    for (field, _) in written.filter(|(_, cell)| matches!(cell, Cell::Value(_) | Cell::Blank)) {
        composer.touch(row.record, *field);
    }
    match composer.row(incoming, entropy) {
        Composed::Entry(entry) => {
            // A mail is no state, also where it has a sheet: what it does not show is none of its business.
            composer.push(RecordEntry { presence: Presence::Elsewhere, ..entry });
            Became::Posted
        }
        Composed::Nothing => Became::Nothing,
        Composed::Refused => {
            let first = composer.report.problems.get(told);
            Became::Refused(first.map_or(CompactString::const_new("forbidden"), |problem| problem.code.as_str().into()))
        }
        Composed::Held { .. } => Became::Held(remarks),
    }
}

fn prepare<'a>(
    snapshot: &Snapshot<'_>,
    table: &Table,
    (decider, arrival): (&Decider, &Arrival),
    wanted: &Wanted<'a>,
    entropy: &mut dyn Entropy,
) -> Result<Vec<Prepared<'a>>, PipelineError> {
    let text = |row: &Row| row.key.as_deref().map(identify::joined);
    let texts: Vec<Option<CompactString>> = wanted.rows.iter().map(text).collect();
    let keys: Vec<CompactString> = texts.iter().flatten().cloned().collect();
    let found = snapshot.records_by_key(&table.name, KeyIndex::Primary, &keys)?;
    let ids: Vec<RecordId> = found.values().copied().collect();
    let mut records = snapshot.records(&table.name, &ids)?;
    let viewpoint = decider.viewpoint(&arrival.actor, table);
    let seen_already = known_already(snapshot, table, (decider, arrival), wanted.rows)?;
    let mut problems: HashMap<u32, Vec<CellProblem>> = HashMap::new();
    for problem in wanted.problems {
        problems.entry(problem.row).or_default().push(problem.clone());
    }
    let mut numbers = Numbers::new(snapshot, table, wanted.rows)?;
    let in_sheets = arrival.sheets.first().map_or(u32::MAX, |sheet| sheet.rows_above);
    let mut seen: HashSet<CompactString> = HashSet::new();
    let mut prepared = Vec::with_capacity(texts.len());
    for (row, text) in wanted.rows.iter().zip(texts) {
        let known = text.as_ref().and_then(|text| found.get(text)).copied();
        let again = text.is_some_and(|text| !seen.insert(text));
        let stored = known.and_then(|id| records.remove(&id));
        let rights = stored.as_ref().map(|stored| viewpoint.rights(&Subject::of(table, |field| stored.value(field))));
        let unseen = rights.as_ref().is_some_and(|rights| !rights.any());
        let is_key = |field: &FieldId| table.primary_key.contains(field);
        let mut cells = row.cells.clone();
        if stored.is_some() {
            cells.retain(|(field, _)| !is_key(field));
        }
        let stands = match (again, says_something(table, &row.cells), &stored) {
            (true, ..) => Some(Became::Refused(CompactString::const_new("said-twice"))),
            (_, false, Some(_)) if !unseen => Some(Became::Nothing),
            (_, false, _) => Some(Became::Refused(CompactString::const_new("key-alone"))),
            _ => seen_already.contains(&row.number).then_some(Became::Nothing),
        };
        let base = stored.as_ref().zip(rights.as_ref()).map(|(stored, rights)| {
            let said = cells.iter().map(|(field, _)| *field).collect();
            base(table, stored, rights, &said, wanted.written_at)
        });
        let mut supplied = Vec::new();
        if stored.is_none() && stands.is_none() {
            supplied = wanted.creator.supplies(table, &cells);
            if let (None, Some((field, _))) = (&row.key, generated(table)) {
                supplied.push((field, Value::Text(numbers.next()?)));
            }
        }
        prepared.push(Prepared {
            row,
            number: (row.number > in_sheets).then_some(row.number),
            record: known.unwrap_or_else(|| RecordId::new(uuid_v7(arrival.at.0, entropy))),
            stored,
            cells,
            base,
            supplied,
            problems: problems.remove(&row.number).unwrap_or_default(),
            stands,
            unseen,
        });
    }
    Ok(prepared)
}

/// What a row's author can have seen of its record. A later value is none of that, and of a value that she may not see she saw a mask
/// at most: whoever guesses it is not told that it is so already. (Whoever may change a value may see it.)
fn base(
    table: &Table,
    stored: &StoredRecord,
    rights: &Rights,
    said: &HashSet<FieldId>,
    written_at: Timestamp,
) -> Vec<(FieldId, Cell)> {
    let is_closed = |field: &&crate::model::Field| rights.sight(&field.class) != Sight::Clear;
    let closed: HashSet<FieldId> = table.fields.iter().filter(is_closed).map(|field| field.id).collect();
    let was_there = |stamp: &crate::model::entry::Stamp| stamp.edited_at <= written_at;
    let open = stored.cells.iter().filter(|(field, cell)| was_there(&cell.stamp) && !closed.contains(field));
    let open = open.map(|(field, cell)| (*field, cell.cell.clone()));
    let masks = closed.intersection(said).map(|field| (*field, Cell::Masked(CompactString::default())));
    let mut base: Vec<(FieldId, Cell)> = open.chain(masks).collect();
    base.sort_by_key(|(field, _)| *field);
    base
}

/// The rows without a key of which a record says all already that their author may see, by number.
fn known_already(
    snapshot: &Snapshot<'_>,
    table: &Table,
    (decider, arrival): (&Decider, &Arrival),
    rows: &[Row],
) -> Result<HashSet<u32>, PipelineError> {
    // Records are many: rows are looked up by the first thing that they say.
    let mut by_first: HashMap<(FieldId, CompactString), Vec<&Row>> = HashMap::new();
    for row in rows.iter().filter(|row| row.key.is_none()) {
        let form = |(id, cell): &(FieldId, Cell)| Some((*id, table.field(*id)?.comparison_text(cell.value()?)));
        if let Some(first) = row.cells.iter().find_map(form) {
            by_first.entry(first).or_default().push(row);
        }
    }
    let mut known = HashSet::new();
    if by_first.is_empty() {
        return Ok(known);
    }
    let viewpoint = decider.viewpoint(&arrival.actor, table);
    snapshot.for_each_record(&table.name, |record| {
        let rights = viewpoint.rights(&Subject::of(table, |field| record.value(field)));
        let says = |(id, cell): &(FieldId, Cell)| {
            let stored = record.cell(*id).map_or(&Cell::Blank, |stored| &stored.cell);
            let is_so = |field: &crate::model::Field| {
                rights.sight(&field.class) == Sight::Clear && field.says_same(stored, cell)
            };
            table.field(*id).is_some_and(is_so)
        };
        for (id, stored) in record.cells.iter().filter(|_| !record.archived) {
            let (Some(field), Some(value)) = (table.field(*id), stored.cell.value()) else { continue };
            let rows = by_first.get(&(*id, field.comparison_text(value)));
            let same = rows.into_iter().flatten().filter(|row| row.cells.iter().all(says));
            known.extend(same.map(|row| row.number));
        }
        ControlFlow::Continue(())
    })?;
    Ok(known)
}
