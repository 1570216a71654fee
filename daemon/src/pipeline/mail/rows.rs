//! The rows of a mail to a posting: each means one record, and what it says of it is edited, permitted and merged as in a workbook.
//!
//! A mail has no baseline. Its author saw at most what was stored when she wrote it: that is the base, and of a cell that somebody has set since nothing
//! is known, so that both values are put to a person or to the field's rule.

use std::collections::{HashMap, HashSet};

use compact_str::CompactString;

use super::super::command::{held_commands, taken_keys};
use super::super::compose::{Came, Composed, Composer, Creator, Incoming, Settings, Supplied};
use super::super::consult::{Case, Said};
use super::super::edits;
use super::super::error::PipelineError;
use super::super::hindrance::Remembered;
use super::super::report::Report;
use super::readers::ReadCell;
use crate::access::Decider;
use crate::extract::CellProblem;
use crate::identify;
use crate::io::{Entropy, uuid_v7};
use crate::model::entry::{KeyIndex, Posting};
use crate::model::{Arrival, Cell, FieldId, Problem, RecordId, Review, Row, RowHash, StoredRecord, Table, Timestamp};
use crate::publish::answer::Remark;
use crate::store::Snapshot;

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
    record: RecordId,
    stored: Option<StoredRecord>,
    cells: Vec<(FieldId, Cell)>,
    base: Option<Vec<(FieldId, Cell)>>,
    supplied: Vec<Supplied>,
    problems: Vec<CellProblem>,
    /// Another row of the mail is about the same record.
    again: bool,
}

impl Prepared<'_> {
    fn incoming(&self, said: Said) -> Incoming<'_> {
        Incoming {
            record: self.record,
            row: None,
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
    let prepared = prepare(snapshot, table, &arrival, wanted, entropy)?;
    let asked: Vec<usize> = (0..prepared.len()).filter(|at| !prepared[*at].again).collect();
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
    let mut open: Vec<Review> = Vec::new();
    for row in prepared.iter().filter(|row| !row.again) {
        let known = row.stored.as_ref().map(|stored| stored.id);
        open.extend(held_commands(snapshot, table, &arrival, known, &row.row.cells)?);
    }
    open.sort_by_key(|review| review.id);
    open.dedup_by_key(|review| review.id);
    let mut composer = Composer::new(table, decider, arrival, SETTINGS, &open, taken);
    for problem in problems {
        composer.problem(problem);
    }
    let mut outcomes = Vec::with_capacity(prepared.len());
    for (at, row) in prepared.into_iter().enumerate() {
        let became = if row.again {
            Became::Refused(CompactString::const_new("said-twice"))
        } else {
            let mut said = said.remove(&at).unwrap_or_default();
            name_readers(&row, wanted.read, &mut said);
            compose(&mut composer, &row, said, entropy)
        };
        outcomes.push(Taken { record: row.record, stored: row.stored, became });
    }
    composer.withdraw_held_rows();
    let (posting, report) = composer.finish(None);
    Ok((posting, report, outcomes))
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
    match composer.row(incoming, entropy) {
        Composed::Entry(entry) => {
            composer.push(entry);
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
    arrival: &Arrival,
    wanted: &Wanted<'a>,
    entropy: &mut dyn Entropy,
) -> Result<Vec<Prepared<'a>>, PipelineError> {
    let text = |row: &Row| row.key.as_deref().map(identify::joined).unwrap_or_default();
    let texts: Vec<CompactString> = wanted.rows.iter().map(text).collect();
    let found = snapshot.records_by_key(&table.name, KeyIndex::Primary, &texts)?;
    let ids: Vec<RecordId> = found.values().copied().collect();
    let mut records = snapshot.records(&table.name, &ids)?;
    let mut seen: HashSet<CompactString> = HashSet::new();
    let mut prepared = Vec::with_capacity(texts.len());
    for (row, text) in wanted.rows.iter().zip(texts) {
        let known = found.get(&text).copied();
        let again = !seen.insert(text);
        let stored = known.and_then(|id| records.remove(&id));
        let is_key = |field: &FieldId| table.primary_key.contains(field);
        let mut cells = row.cells.clone();
        if stored.is_some() {
            cells.retain(|(field, _)| !is_key(field));
        }
        // What its author can have seen. A later value is none of that.
        let base = stored.as_ref().map(|stored| {
            let was_there = |stamp: &crate::model::entry::Stamp| stamp.edited_at <= wanted.written_at;
            let cells = stored.cells.iter().filter(|(_, cell)| was_there(&cell.stamp));
            cells.map(|(field, cell)| (*field, cell.cell.clone())).collect()
        });
        let supplied = if stored.is_none() { wanted.creator.supplies(table, &cells) } else { Vec::new() };
        let problems = wanted.problems.iter().filter(|problem| problem.row == row.number).cloned().collect();
        let record = known.unwrap_or_else(|| RecordId::new(uuid_v7(arrival.at.0, entropy)));
        prepared.push(Prepared { row, record, stored, cells, base, supplied, problems, again });
    }
    Ok(prepared)
}
