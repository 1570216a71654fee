//! One row at a time: edits, access, merge, and the entry that the journal keeps of them.
//!
//! In come a row as it was read, what its source was known to show, and the stored record; out go a
//! [`RecordEntry`], changes to the steward's queue and problems. It reads no store: whoever calls it has.

use std::collections::{HashMap, HashSet};

use compact_str::CompactString;

use super::consult::{Resolved, Said};
use super::edits;
use super::formulas::FormulaNews;
use super::heed::{HeldRow, normalise};
use super::hindrance::{Blanket, FORBIDDEN_HINT, Hindrance, Remembered};
use super::questions::Questions;
use super::report::Report;
use crate::access::{Decider, Permitted, Rights, Sight};
use crate::extract::CellProblem;
use crate::identify;
use crate::io::Entropy;
use crate::merge::{self, Merged, Proposal, Side, Verdict};
use crate::model::entry::{Before, KeyEntry, KeyIndex, Posting, ReviewChange, StateAdvance};
use crate::model::problem::Code;
use crate::model::row::cell_of;
use crate::model::{
    Arrival, Cell, CellEntry, Edit, Field, FieldId, HeldReason, Life, Outcome, Presence, Problem, RecordEntry,
    RecordId, Review, ReviewId, ReviewKind, RowHash, StoredRecord, Table, Value,
};
use crate::publish::answer::Remark;

/// The rule in the history of what a person has decided.
const DECISION: &str = "decision";

/// A row for the composer.
pub(super) struct Incoming<'a> {
    /// The record that it means; an id that the store does not know yet for a new one.
    pub record: RecordId,
    /// The row in the sheet, from 1.
    pub row: Option<u32>,
    /// Its hash.
    pub hash: RowHash,
    /// What it shows, ascending by field.
    pub cells: &'a [(FieldId, Cell)],
    /// What the state that the save descends from showed of the record; `None` if it did not show it.
    pub base: Option<&'a [(FieldId, Cell)]>,
    /// What the newest state showed of it.
    pub newest: Option<&'a [(FieldId, Cell)]>,
    /// The record as stored; `None` if it is new.
    pub stored: Option<&'a StoredRecord>,
    /// Cells of which it is not clear whether they were reverted or come from an older copy.
    pub doubtful: &'a [FieldId],
    /// The save descends from the newest state of its source.
    pub current: bool,
    /// Fields that Daybook fills in for a new record, which its row leaves empty.
    pub supplied: Vec<Supplied>,
    /// What `extract` could not read in this row.
    pub problems: Vec<CellProblem>,
    /// How the row came into the sheet.
    pub came: Came,
    /// What is remembered of the row as it stands.
    pub remembered: Remembered,
    /// What plugins said of it.
    pub said: Said,
}

/// A field that Daybook fills in, and with what.
pub(super) type Supplied = (FieldId, Value);

/// Who is responsible for a record that is added without saying so.
#[derive(Clone, Debug, Default)]
pub(super) struct Creator {
    /// E-mail; `None` for a role.
    pub(super) owner: Option<String>,
    /// Department.
    pub(super) department: Option<String>,
}

impl Creator {
    /// The owner and department of a new record, where its row leaves them empty.
    pub(super) fn supplies(&self, table: &Table, cells: &[(FieldId, Cell)]) -> Vec<Supplied> {
        let fields = [(table.owner, &self.owner), (table.department, &self.department)];
        let empty = |field: &FieldId| cell_of(cells, *field).is_none_or(|cell| *cell == Cell::Blank);
        fields
            .into_iter()
            .filter_map(|(field, value)| Some((field.filter(empty)?, Value::Text(value.as_deref()?.into()))))
            .collect()
    }
}

/// How a row came into its sheet, as against the state that the save descends from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Came {
    /// It was there already, or its record was never in the sheet.
    AsBefore,
    /// That state had lost it, so its author added it; `base` is what it showed last.
    Anew,
    /// So it is, and the source has not had it since: it brings its record back from the archive.
    Back,
}

/// What became of a row.
pub(super) enum Composed {
    /// It says something new.
    Entry(RecordEntry),
    /// It says nothing new.
    Nothing,
    /// It would be a new record and is refused: it has no record, and is remembered by its hash only.
    Refused,
    /// It is held, and nothing of it is posted: it is remembered by its hash only.
    Held {
        /// So many values that were there would change, and were not told of before.
        changed: u64,
        /// The question about it; `None` if a person has decided that it is not taken.
        asked: Option<ReviewId>,
    },
}

/// Makes the entries of one arrival.
pub(super) struct Composer<'a> {
    table: &'a Table,
    decider: &'a Decider,
    arrival: Arrival,
    settings: Settings,
    questions: Questions<'a>,
    taken: HashMap<(KeyIndex, CompactString), RecordId>,
    rules: Vec<CompactString>,
    records: Vec<RecordEntry>,
    reviews: Vec<ReviewChange>,
    formulas: FormulaNews,
    /// Rows that did not become a record, by number, and the code of the reason.
    pub refused_rows: Vec<(u32, CompactString)>,
    /// The open questions about rows of the source that plugins have held.
    pub held_before: Vec<&'a Review>,
    /// Those of them that stand.
    pub held_still: HashSet<ReviewId>,
    /// Rows that are held.
    pub held_rows: Vec<HeldRow>,
    /// What plugins said of rows that were taken.
    pub told_rows: Vec<(u32, Vec<Remark>)>,
    /// How many rows are held that were not held before.
    pub held_anew: u64,
    /// Why, each reason once.
    pub held_reasons: Vec<HeldReason>,
    /// What was done so far.
    pub report: Report,
}

/// How the source's edits are taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    /// An empty cell is no statement.
    pub ignore_blanks: bool,
    /// Why nothing of the arrival may be taken, if so it is.
    pub refused: Option<Blanket>,
    /// Whether the edit is a person's decision: it is posted whatever the conflict rule says.
    pub decided: bool,
}

impl<'a> Composer<'a> {
    /// Starts an arrival. `open` are the open conflicts that this source raised; `taken` are the unique keys, among
    /// those that the arrival uses, that a record has already.
    pub(super) fn new(
        table: &'a Table,
        decider: &'a Decider,
        arrival: Arrival,
        settings: Settings,
        open: &'a [Review],
        taken: HashMap<(KeyIndex, CompactString), RecordId>,
    ) -> Self {
        let questions = Questions::new(table, &arrival.source, open);
        let is_held = |review: &&Review| review.kind == ReviewKind::Plugin && review.source == arrival.source;
        let held_before = open.iter().filter(is_held).collect();
        Self {
            table,
            decider,
            arrival,
            settings,
            questions,
            taken,
            rules: Vec::new(),
            records: Vec::new(),
            reviews: Vec::new(),
            formulas: FormulaNews::default(),
            refused_rows: Vec::new(),
            held_before,
            held_still: HashSet::new(),
            held_rows: Vec::new(),
            told_rows: Vec::new(),
            held_anew: 0,
            held_reasons: Vec::new(),
            report: Report::default(),
        }
    }

    /// The table that the arrival is about.
    pub(super) fn table(&self) -> &'a Table {
        self.table
    }

    /// The access rules.
    pub(super) fn decider(&self) -> &'a Decider {
        self.decider
    }

    /// The arrival that is being made.
    pub(super) fn arrival(&self) -> &Arrival {
        &self.arrival
    }

    /// Takes a row.
    pub(super) fn row(&mut self, mut incoming: Incoming<'_>, entropy: &mut dyn Entropy) -> Composed {
        let mut edits = edits::of(self.table, &self.arrival, self.settings.ignore_blanks, &mut incoming);
        normalise(&incoming, &mut edits);
        let rights = edits::rights(self.decider, self.table, &self.arrival, &incoming, &edits);
        if let Some(held) = self.hold(&incoming, &edits, &rights, entropy) {
            return held;
        }
        let judged = if incoming.stored.is_none() {
            self.judge_new(&incoming, edits, &rights)
        } else {
            Some(self.judge(&incoming, edits, &rights))
        };
        let Some((mut cells, permitted)) = judged else { return Composed::Refused };
        self.settle(&incoming, permitted, &mut cells, entropy);
        self.set_by_plugins(&incoming, &mut cells);
        self.warn(&incoming, &cells, &rights);
        for problem in self.formulas.note(&self.arrival, self.table, &incoming) {
            self.problem(problem);
        }
        self.remember(&mut incoming, &mut cells);
        if cells.is_empty() && incoming.stored.is_some() && incoming.newest.is_some() && incoming.came != Came::Back {
            return Composed::Nothing;
        }
        if incoming.stored.is_some_and(|stored| stored.archived) && incoming.base.is_none() && incoming.row.is_some() {
            self.tell_archived(&incoming);
        }
        let entry = self.entry(&incoming, cells);
        Composed::Entry(entry)
    }

    /// Tells that a row means a record that was archived: nobody sees it in a view.
    fn tell_archived(&mut self, incoming: &Incoming<'_>) {
        let place = self.place_of_row(incoming.row);
        let message = format!("{place}: the row's record was archived. It stays archived.");
        let hint = "Ask the data steward to bring it back (`daybook change revert` of the arrival that archived it), or delete the row.";
        self.problem(Problem::new(Code("archived-record"), place, message, hint));
    }

    /// Adds an entry to the arrival.
    pub(super) fn push(&mut self, entry: RecordEntry) {
        self.records.push(entry);
    }

    /// Says what the arrival did to a record as a whole; the record gets an entry if it has none.
    pub(super) fn set_life(&mut self, record: RecordId, life: Life) {
        match self.records.iter_mut().find(|entry| entry.record == record) {
            Some(entry) => entry.life = life,
            None if life == Life::Unchanged => {}
            None => self.records.push(RecordEntry {
                record,
                row: None,
                hash: RowHash::UNKNOWN,
                presence: Presence::Elsewhere,
                life,
                cells: Vec::new(),
                keys: Vec::new(),
            }),
        }
    }

    /// Adds a change to the steward's queue.
    pub(super) fn review(&mut self, change: ReviewChange) {
        self.reviews.push(change);
    }

    /// Adds a problem that has not been told.
    pub(super) fn problem(&mut self, problem: Problem) {
        self.report.problems.push(problem.in_source(self.arrival.source.as_str()));
    }

    /// Tells of something that is not taken. Of a save that a person has rejected it is told as a whole.
    fn refusal(&mut self, problem: Problem) {
        if !self.is_rejected() {
            self.problem(problem);
        }
    }

    /// The rows in which the arrival says something new.
    pub(super) fn rows_with_news(&self) -> HashSet<u32> {
        let says = |entry: &&RecordEntry| {
            entry.life != Life::Unchanged || entry.cells.iter().any(|cell| cell.outcome != Outcome::Unchanged)
        };
        let entries = self.records.iter().filter(says).filter_map(|entry| entry.row);
        entries.chain(self.refused_rows.iter().map(|(row, _)| *row)).collect()
    }

    /// Which of some records had one of some fields applied.
    pub(super) fn applied(&self, records: &HashSet<RecordId>, fields: &[FieldId]) -> HashSet<RecordId> {
        let has = |cell: &CellEntry| cell.outcome == Outcome::Applied && fields.contains(&cell.field);
        let entries = self.records.iter().filter(|entry| records.contains(&entry.record));
        entries.filter(|entry| entry.cells.iter().any(has)).map(|entry| entry.record).collect()
    }

    /// Whether anything was said so far that is worth a transaction.
    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty() && self.reviews.is_empty() && self.report.problems.is_empty()
    }

    /// Whether all that was said so far is how rows that were there already stand in the file, not what they show.
    pub(super) fn is_bare(&self, was_there: impl Fn(RecordId) -> bool) -> bool {
        let bare = |entry: &RecordEntry| {
            entry.presence == Presence::Seen
                && entry.life == Life::Unchanged
                && entry.cells.is_empty()
                && entry.keys.is_empty()
                && was_there(entry.record)
        };
        self.reviews.is_empty() && self.report.problems.is_empty() && self.records.iter().all(bare)
    }

    /// Whether a row's cell has been refused in this arrival, so that its author must be shown what stands.
    pub(super) fn has_refused(&self) -> bool {
        self.report.refused > 0
    }

    /// Ends the arrival.
    pub(super) fn finish(mut self, state: Option<StateAdvance>) -> (Posting, Report) {
        for problem in std::mem::take(&mut self.formulas).told(self.table) {
            self.problem(problem);
        }
        let mut report = self.report;
        report.arrivals = 1;
        let posting = Posting {
            arrival: self.arrival,
            rules: self.rules,
            records: self.records,
            reviews: self.reviews,
            state,
            problems: report.problems.clone(),
        };
        (posting, report)
    }

    /// The index of a rule's name.
    pub(super) fn rule(&mut self, name: &str) -> u16 {
        if let Some(index) = self.rules.iter().position(|rule| rule == name) {
            return u16::try_from(index).unwrap_or(u16::MAX);
        }
        self.rules.push(CompactString::new(name));
        u16::try_from(self.rules.len() - 1).unwrap_or(u16::MAX)
    }

    /// Says in the history over whose hold a person has decided.
    pub(super) fn decided_over(&mut self, rules: &[&str]) {
        for rule in self.rules.iter_mut().filter(|rule| *rule == DECISION) {
            *rule = std::iter::once(DECISION).chain(rules.iter().copied()).collect::<Vec<_>>().join(", ").into();
        }
    }

    /// Decides about a new record: its cells, or `None` if there may be none; says why.
    fn judge_new(&mut self, incoming: &Incoming<'_>, edits: Vec<Edit>, rights: &Rights) -> Option<Judged> {
        if let Some(blanket) = self.blanket(incoming) {
            self.refuse_new(incoming, &edits, blanket.code(), blanket.reason(), blanket.hint());
            return None;
        }
        let mut cells = Vec::new();
        let mut unhindered = Vec::with_capacity(edits.len());
        for edit in edits {
            match self.hindrance(incoming, &edit, rights) {
                Some(hindrance) => cells.push((edit, hindrance)),
                None => unhindered.push(edit),
            }
        }
        let record = match self.decider.permit_create(rights, self.table, unhindered) {
            Ok(record) => record.into_inner(),
            Err((edits, refusal)) => {
                self.refuse_new(incoming, &edits, Code("forbidden"), &refusal.reason, FORBIDDEN_HINT);
                return None;
            }
        };
        cells.extend(record.refused.into_iter().map(|(edit, refusal)| (edit, Hindrance::forbidden(&refusal))));
        let mut cells: Vec<CellEntry> =
            cells.into_iter().map(|(edit, hindrance)| self.hinder(incoming, edit, hindrance)).collect();
        let permitted = self.without_clashes(incoming, record.edits, &mut cells);
        let lacking = self.table.fields.iter().find(|field| {
            let required = field.constraints.required || self.table.primary_key.contains(&field.id);
            required
                && !permitted.iter().any(|edit| edit.get().field == field.id && edit.get().incoming.value().is_some())
        });
        if let Some(field) = lacking {
            let reason = format!("`{}` is empty or was not accepted, and no record is kept without it", field.title());
            let hint = format!("Fill in `{}` and save again.", field.title());
            let edits: Vec<Edit> = permitted.into_iter().map(Permitted::into_inner).collect();
            self.refuse_new(incoming, &edits, Code("required"), &reason, &hint);
            return None;
        }
        Some((cells, permitted))
    }

    /// Tells that a row does not become a record.
    fn refuse_new(&mut self, incoming: &Incoming<'_>, edits: &[Edit], code: Code, reason: &str, hint: &str) {
        self.refused_rows.extend(incoming.row.map(|row| (row, CompactString::const_new(code.0))));
        if matches!(incoming.remembered, Remembered::Refused | Remembered::Rejected) {
            return;
        }
        let place = self.place_of_row(incoming.row);
        for _ in edits.iter().filter(|edit| edit.incoming != Cell::Blank) {
            self.report.count(Outcome::Refused);
        }
        let message = format!("{place}: the new row was not taken over: {}.", sentence(reason));
        self.refusal(Problem::new(code, place, message, hint));
    }

    /// Decides about the edits of a record that is there.
    fn judge(&mut self, incoming: &Incoming<'_>, edits: Vec<Edit>, rights: &Rights) -> Judged {
        let mut cells = Vec::with_capacity(edits.len());
        let mut permitted = Vec::with_capacity(edits.len());
        let companions = merge::companions(self.table, incoming.stored, incoming.base, incoming.cells, &edits);
        for edit in edits {
            if let Some(hindrance) = self.hindrance(incoming, &edit, rights) {
                cells.push(self.hinder(incoming, edit, hindrance));
                continue;
            }
            match self.decider.permit(rights, self.table, edit) {
                Ok(edit) => permitted.push(edit),
                Err((edit, refusal)) => cells.push(self.hinder(incoming, edit, Hindrance::forbidden(&refusal))),
            }
        }
        let mut permitted = self.without_clashes(incoming, permitted, &mut cells);
        if !permitted.is_empty() && self.blanket(incoming).is_none() && !self.settings.decided {
            // Nobody made these edits, so nobody is told if one is not permitted; the merge asks a person then.
            let companions = companions.into_iter().filter(|edit| self.clash(incoming, edit).is_none());
            let companions: Vec<Edit> = companions.collect();
            permitted
                .extend(companions.into_iter().filter_map(|edit| self.decider.permit(rights, self.table, edit).ok()));
        }
        (cells, permitted)
    }

    /// Takes out the permitted edits whose value belongs to another record.
    fn without_clashes(
        &mut self,
        incoming: &Incoming<'_>,
        permitted: Vec<Permitted<Edit>>,
        cells: &mut Vec<CellEntry>,
    ) -> Vec<Permitted<Edit>> {
        let mut free = Vec::with_capacity(permitted.len());
        for edit in permitted {
            match self.clash(incoming, edit.get()) {
                None => free.push(edit),
                Some(hindrance) => cells.push(self.hinder(incoming, edit.into_inner(), hindrance)),
            }
        }
        free
    }

    /// Posts what was permitted: as decided by a person, or as the merge says.
    fn settle(
        &mut self,
        incoming: &Incoming<'_>,
        permitted: Vec<Permitted<Edit>>,
        cells: &mut Vec<CellEntry>,
        entropy: &mut dyn Entropy,
    ) {
        if self.settings.decided {
            for edit in permitted {
                cells.push(self.decided(incoming, edit.into_inner()));
            }
        } else {
            let resolved = self.resolved(incoming);
            let merged = self.merge(incoming, permitted, &resolved);
            self.take_merged(incoming, merged, cells, entropy);
        }
        cells.sort_by_key(|cell| cell.field);
    }

    /// Merges what was permitted with what is stored.
    fn merge(&self, incoming: &Incoming<'_>, edits: Vec<Permitted<Edit>>, resolved: &[Resolved]) -> Vec<Merged> {
        let filled = incoming.cells.iter().filter(|(_, cell)| *cell != Cell::Blank).count();
        let side = Side {
            source: &self.arrival.source,
            rank: self.arrival.rank,
            edited_at: self.arrival.edited_at,
            filled: u16::try_from(filled).unwrap_or(u16::MAX),
        };
        let alive;
        let stored = match incoming.stored {
            Some(stored) if stored.archived && incoming.came == Came::Back => {
                alive = StoredRecord { archived: false, ..stored.clone() };
                Some(&alive)
            }
            other => other,
        };
        let proposal =
            Proposal { edits, base: incoming.base, doubtful: incoming.doubtful, current: incoming.current, resolved };
        merge::merge_record(self.table, stored, proposal, &side)
    }

    /// Why nothing of a row may be taken, if so it is: because of the whole arrival, or of what was decided about the row before.
    fn blanket(&self, incoming: &Incoming<'_>) -> Option<Blanket> {
        let is_rejected = incoming.remembered == Remembered::Rejected;
        self.settings.refused.or(is_rejected.then_some(Blanket::Rejected))
    }

    /// Why an edit can't be taken, apart from the access rules.
    fn hindrance(&mut self, incoming: &Incoming<'_>, edit: &Edit, rights: &Rights) -> Option<Hindrance> {
        let field = self.table.field(edit.field)?;
        let stored = incoming.stored.and_then(|record| record.cell(edit.field)).map(|stored| &stored.cell);
        let same = stored.is_some_and(|stored| same_cell(field, stored, &edit.incoming));
        if same && rights.sight(&field.class) == Sight::Clear {
            return Some(Hindrance::Same);
        }
        if let Some(blanket) = self.blanket(incoming).filter(|_| incoming.stored.is_some()) {
            return Some(Hindrance::Refuse {
                code: blanket.code(),
                reason: blanket.reason().to_owned(),
                hint: blanket.hint().to_owned(),
                rule: CompactString::const_new(blanket.code().0),
            });
        }
        let required = field.constraints.required || self.table.primary_key.contains(&field.id);
        if edit.incoming == Cell::Blank && required && incoming.stored.is_some() {
            return Some(Hindrance::Refuse {
                code: Code("required"),
                reason: format!("`{}` may not be empty", field.title()),
                hint: format!("Fill in `{}` and save again.", field.title()),
                rule: CompactString::const_new("required"),
            });
        }
        None
    }

    /// Whether a value that must be unique belongs to another record.
    /// Asked of permitted edits only: who may not change a value learns nothing of others' by trying.
    pub(super) fn clash(&mut self, incoming: &Incoming<'_>, edit: &Edit) -> Option<Hindrance> {
        let field = self.table.field(edit.field)?;
        if !field.constraints.unique || self.table.primary_key == [field.id] {
            return None;
        }
        let key = (KeyIndex::Unique(field.id), field.key_text(edit.incoming.value()?)?);
        match self.taken.get(&key) {
            Some(record) if *record != incoming.record => Some(Hindrance::Refuse {
                code: Code("not-unique"),
                reason: format!("another record has this `{}` already", field.title()),
                hint: "Look the other record up, and correct the one that is wrong.".to_owned(),
                rule: CompactString::const_new("unique"),
            }),
            _ => {
                self.taken.insert(key, incoming.record);
                None
            }
        }
    }

    /// Notes that the source says something else of a cell now. A save that a person has rejected says nothing.
    pub(super) fn touch(&mut self, record: RecordId, field: FieldId) {
        if !self.is_rejected() {
            self.questions.touch(record, field);
        }
    }

    /// Whether a person has rejected the whole arrival.
    pub(super) fn is_rejected(&self) -> bool {
        self.settings.refused == Some(Blanket::Rejected)
    }

    /// Writes down an edit that was not taken.
    pub(super) fn hinder(&mut self, incoming: &Incoming<'_>, mut edit: Edit, hindrance: Hindrance) -> CellEntry {
        match hindrance {
            Hindrance::Same => {
                self.touch(incoming.record, edit.field);
                self.cell_entry(incoming, edit, Outcome::Unchanged, "same", None)
            }
            Hindrance::Refuse { code, reason, hint, rule } => {
                self.touch(incoming.record, edit.field);
                let title = self.table.field(edit.field).map_or("", Field::title);
                let place = self.arrival.place_of(incoming.row, edit.field);
                let message = format!(
                    "{place}: the change of `{title}` was not taken over: {}. What is stored stays.",
                    sentence(&reason)
                );
                self.refusal(Problem::new(code, place, message, hint));
                if self.is_rejected() {
                    // An empty cell of a row that was there is in no baseline; it is what is put back.
                    edit.base = edit.base.or(incoming.base.map(|_| Cell::Blank));
                }
                self.cell_entry(incoming, edit, Outcome::Refused, &rule, None)
            }
        }
    }

    /// Posts an edit that a person decided.
    fn decided(&mut self, incoming: &Incoming<'_>, edit: Edit) -> CellEntry {
        let stored = incoming.stored.and_then(|record| record.cell(edit.field)).map(|stored| &stored.cell);
        if stored == Some(&edit.incoming) {
            self.cell_entry(incoming, edit, Outcome::Unchanged, DECISION, None)
        } else {
            self.cell_entry(incoming, edit, Outcome::Applied, DECISION, None)
        }
    }

    /// Turns verdicts into entries, and conflicts into questions: one for each group of fields.
    fn take_merged(
        &mut self,
        incoming: &Incoming<'_>,
        merged: Vec<Merged>,
        cells: &mut Vec<CellEntry>,
        entropy: &mut dyn Entropy,
    ) {
        let mut asked: Vec<Edit> = Vec::new();
        cells.reserve_exact(merged.len());
        for Merged { edit, verdict, rule, along, .. } in merged {
            if along && verdict == Verdict::Unchanged {
                continue;
            }
            let (outcome, posted) = match verdict {
                Verdict::Unchanged => (Outcome::Unchanged, None),
                Verdict::Apply(cell) => (Outcome::Applied, (cell != edit.incoming).then_some(cell)),
                Verdict::Superseded => (Outcome::Superseded, None),
                Verdict::Conflict => (Outcome::Conflict, None),
            };
            self.questions.touch(incoming.record, edit.field);
            if outcome == Outcome::Conflict {
                asked.push(edit.clone());
            }
            cells.push(self.cell_entry(incoming, edit, outcome, &rule, posted));
        }
        let arrival = &self.arrival;
        let review = |id: ReviewId, edit: &Edit| Review {
            id,
            kind: ReviewKind::Conflict,
            table: arrival.table.clone(),
            record: Some(incoming.record),
            field: Some(edit.field),
            group: Vec::new(),
            base: edit.base.clone(),
            stored: incoming.stored.and_then(|record| record.cell(edit.field)).map(|stored| stored.cell.clone()),
            incoming: Some(edit.incoming.clone()),
            source: arrival.source.clone(),
            place: arrival.place_of(incoming.row, edit.field),
            actor: arrival.actor.clone(),
            arrival: arrival.id,
            at: arrival.at,
            extent: None,
            held: Vec::new(),
        };
        let id = || ReviewId::new(crate::io::uuid_v7(arrival.at.0, entropy));
        self.reviews.extend(self.questions.put(incoming.record, asked, review, id));
    }

    /// Adds what the place shows beyond the edits, so that the baseline is what was seen; tells what can't be read.
    fn remember(&mut self, incoming: &mut Incoming<'_>, cells: &mut Vec<CellEntry>) {
        let problems = std::mem::take(&mut incoming.problems);
        for (field, seen) in incoming.cells {
            let newest = incoming.newest.and_then(|cells| cell_of(cells, *field));
            let known = newest.is_some_and(|newest| newest.is_same_as(seen));
            // An emptied cell that says nothing leaves the baseline as it was: what is typed there next is an edit of that.
            let blank = *seen == Cell::Blank && (newest.is_none() || self.settings.ignore_blanks);
            if known || blank || cells.iter().any(|cell| cell.field == *field) {
                continue;
            }
            let problem = problems.iter().find(|problem| problem.field == Some(*field)).map(|found| &found.problem);
            let edit = Edit { field: *field, base: newest.cloned(), incoming: seen.clone() };
            let entry = match (seen, problem) {
                (Cell::Raw(_), Some(problem)) => {
                    self.problem(problem.clone());
                    let rule = problem.code.clone();
                    self.cell_entry(incoming, edit, Outcome::Refused, &rule, None)
                }
                _ => CellEntry {
                    field: *field,
                    outcome: Outcome::Unchanged,
                    rule: self.rule("seen"),
                    seen: edit.incoming,
                    before: None,
                },
            };
            cells.push(entry);
        }
        cells.sort_by_key(|cell| cell.field);
    }

    /// One cell's entry; counts it.
    pub(super) fn cell_entry(
        &mut self,
        incoming: &Incoming<'_>,
        edit: Edit,
        outcome: Outcome,
        rule: &str,
        posted: Option<Cell>,
    ) -> CellEntry {
        self.report.count(outcome);
        let said = &incoming.said;
        let normalised = said.normalised.iter().find(|(field, cell, _)| *field == edit.field && *cell == edit.incoming);
        let rule = match normalised {
            Some((_, _, by)) if outcome == Outcome::Applied && posted.is_none() => self.rule(by),
            _ => self.rule(rule),
        };
        let stored = incoming.stored.and_then(|record| record.cell(edit.field)).map(|stored| stored.cell.clone());
        // Neither stands in the place itself.
        let supplied = incoming.supplied.iter().any(|(field, _)| *field == edit.field)
            || said.set.iter().any(|(field, _, _)| *field == edit.field)
            || normalised.is_some();
        let shown = cell_of(incoming.cells, edit.field);
        let (seen, posted) = match shown {
            // The place shows something else than what is posted of it.
            Some(formula @ Cell::Formula(_)) => (formula.clone(), Some(posted.unwrap_or(edit.incoming))),
            shown if supplied => (shown.cloned().unwrap_or(Cell::Blank), Some(posted.unwrap_or(edit.incoming))),
            _ => (edit.incoming, posted),
        };
        let known = edit.base.is_some() || stored.is_some() || posted.is_some();
        let before = known.then(|| Box::new(Before { base: edit.base, stored, posted }));
        CellEntry { field: edit.field, outcome, rule, seen, before }
    }

    /// The entry of a whole row.
    fn entry(&mut self, incoming: &Incoming<'_>, mut cells: Vec<CellEntry>) -> RecordEntry {
        let life = match incoming.stored {
            None => Life::Created,
            Some(stored) if stored.archived && incoming.came == Came::Back => Life::Restored,
            Some(_) => Life::Unchanged,
        };
        let mut keys = self.keys(incoming, &cells);
        // A first sync keeps hundreds of thousands of these until they are committed.
        cells.shrink_to_fit();
        keys.shrink_to_fit();
        let presence = if incoming.row.is_some() { Presence::Seen } else { Presence::Elsewhere };
        RecordEntry { record: incoming.record, row: incoming.row, hash: incoming.hash, presence, life, cells, keys }
    }

    /// The keys that the record has from now on, if the entry changes one.
    fn keys(&self, incoming: &Incoming<'_>, cells: &[CellEntry]) -> Vec<KeyEntry> {
        let applied =
            |field: FieldId| cells.iter().find(|cell| cell.field == field && cell.outcome == Outcome::Applied);
        let now = |field: FieldId| -> Option<Cell> {
            match applied(field) {
                Some(cell) => Some(cell.posted().clone()),
                None => incoming.stored.and_then(|record| record.cell(field)).map(|stored| stored.cell.clone()),
            }
        };
        let mut keys = Vec::new();
        if self.table.primary_key.iter().any(|field| applied(*field).is_some()) {
            let mut parts: Vec<(FieldId, Cell)> =
                self.table.primary_key.iter().filter_map(|field| Some((*field, now(*field)?))).collect();
            parts.sort_by_key(|(field, _)| *field);
            let text = identify::key_of(self.table, &parts).map(|key| identify::joined(&key));
            keys.push(KeyEntry { index: KeyIndex::Primary, text });
        }
        for field in self.table.fields.iter().filter(|field| field.constraints.unique) {
            if let Some(cell) = applied(field.id) {
                let text = cell.posted().value().and_then(|value| field.key_text(value));
                keys.push(KeyEntry { index: KeyIndex::Unique(field.id), text });
            }
        }
        keys
    }

    /// Where a row is, for a message.
    pub(super) fn place_of_row(&self, row: Option<u32>) -> String {
        self.arrival.place_of_row(row)
    }
}

/// The entries of cells that are settled, and the edits that may be merged.
type Judged = (Vec<CellEntry>, Vec<Permitted<Edit>>);

/// A reason as part of a sentence: without its full stop.
fn sentence(reason: &str) -> &str {
    reason.trim_end_matches(['.', '。'])
}

/// Whether two cells of a field mean the same.
fn same_cell(field: &Field, a: &Cell, b: &Cell) -> bool {
    match (a, b) {
        (Cell::Value(a), Cell::Value(b)) => field.means_same(a, b),
        _ => a == b,
    }
}
