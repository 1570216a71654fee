//! What a person's own workbook is to show instead of what it shows.
//!
//! In come the layout of the file, one snapshot of the store and the rights of whoever the workbook acts as; out goes a
//! [`Plan`]. Nothing is written here. The rules:
//!
//! - A cell that shows something else than what is stored gets what is stored, if the workbook's actor may see it as it is.
//! - What was typed and waits for a decision, or can't be read, stays as typed until it is decided or corrected.
//! - What was typed and forbidden is put back to what stood there before.
//! - What was never stored and never stood there otherwise is left alone: nobody else has it.
//! - A formula is never written over. Rows are never removed.

mod answers;

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use compact_str::CompactString;

use super::error::PipelineError;
use super::layout::{LaidRow, Layout};
use super::publication::meets;
use super::recall::Recalled;
use super::spec::SourceSpec;
use crate::access::{Decider, Rights, Sight, Subject};
use crate::config::Writing;
use crate::merge::contest::same;
use crate::model::policy::Policy;
use crate::model::row::cell_of;
use crate::model::{
    ArrivalId, Cell, Field, FieldId, RecordId, ReviewKind, RowHash, SourceName, StateNo, StoredRecord, Table,
};
use crate::publish::answer::{self, Answer};
use crate::publish::order;
use crate::store::{ArrivalFilter, Snapshot};
use crate::text::Texts;

/// How many records are looked at together.
const CHUNK_ROWS: usize = 4096;
/// Of how many rows at most the history is looked up: more are changed at once only at a first sync, and then nothing was
/// there before.
const RECALLS_MAX: usize = 20_000;
/// How many arrivals are looked through for refusals; of more, it is assumed that there were some.
const ARRIVALS_MAX: u32 = 100;
/// What is to be written.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Rows that are there, ascending by number.
    pub(super) rows: Vec<PlannedRow>,
    /// Rows that are to be appended, in their order.
    pub(super) appended: Vec<AppendedRow>,
    /// Formulas that show something else than what is stored: row, field, what is stored.
    pub(super) formulas: Vec<(u32, FieldId, Cell)>,
}

impl Plan {
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.appended.is_empty()
    }
}

/// A record that gets a row, with what the row is to show.
pub(super) type AppendedRow = (RecordId, Vec<(FieldId, Cell)>);

/// A row whose cells are to be written.
#[derive(Debug)]
pub(super) struct PlannedRow {
    /// The row's number, from 1.
    pub(super) number: u32,
    /// The row's hash in the file.
    pub(super) hash: RowHash,
    /// Whose it is, if it is anybody's.
    pub(super) record: Option<RecordId>,
    /// What its cells are to show, ascending by field; [`FieldId::ANSWER`] is the column of answers.
    pub(super) cells: Vec<(FieldId, Cell)>,
}

/// All that a plan is made of.
pub(super) struct Planner<'a> {
    pub(super) snapshot: &'a Snapshot<'a>,
    pub(super) table: &'a Table,
    pub(super) decider: &'a Decider,
    pub(super) policy: &'a Policy,
    pub(super) spec: &'a SourceSpec,
    pub(super) writing: &'a Writing,
    pub(super) source: &'a SourceName,
    pub(super) layout: &'a Layout,
    pub(super) texts: &'a Texts,
}

/// What is known of the source beside its rows.
struct Background {
    newest: StateNo,
    /// The last save that was taken.
    last_save: Option<ArrivalId>,
    /// Records whose row has changed since Daybook wrote what the file is made of; `None`: it never did, so all have.
    touched: Option<HashSet<RecordId>>,
    /// Fields that wait for a decision; none if the whole row does.
    waiting: HashMap<RecordId, Vec<FieldId>>,
    /// Records about whose row a question is open: no row of theirs is appended.
    asked: HashSet<RecordId>,
    /// The arrival that wrote what the file is made of; `None` if Daybook never wrote into it.
    since: Option<ArrivalId>,
    /// Whether anything of the source was refused since.
    refused: bool,
    /// How many histories may still be looked up.
    recalls: usize,
}

impl Background {
    fn is_touched(&self, record: RecordId) -> bool {
        self.touched.as_ref().is_none_or(|touched| touched.contains(&record))
    }

    /// What of a record waits for a decision: its fields, or none if it is the row; `None` if nothing does.
    fn waits_for(&self, record: RecordId) -> Option<Vec<FieldId>> {
        self.waiting.get(&record).cloned().or_else(|| self.asked.contains(&record).then(Vec::new))
    }

    fn is_waiting(&self, record: RecordId, field: FieldId) -> bool {
        self.waiting.get(&record).is_some_and(|fields| fields.is_empty() || fields.contains(&field))
    }
}

/// A record's row, with all that is known of it.
struct Scene<'a> {
    row: &'a LaidRow,
    stored: &'a StoredRecord,
    /// What the row shows.
    shown: &'a [(FieldId, Cell)],
    rights: Rights,
}

impl Planner<'_> {
    /// Makes the plan; `None` if nothing is known of the source yet.
    pub(super) fn plan(&self) -> Result<Option<Plan>, PipelineError> {
        let Some(mut background) = self.background()? else { return Ok(None) };
        let mut plan = Plan::default();
        for chunk in self.layout.rows.chunks(CHUNK_ROWS) {
            self.chunk(chunk, &mut background, &mut plan)?;
        }
        if self.layout.answer.is_some() {
            let orphans = self.layout.orphans.iter().filter_map(|(number, hash)| self.nobodys(*number, *hash));
            let withheld = self.layout.withheld.iter();
            let withheld =
                withheld.filter_map(|(number, hash)| self.answered(*number, *hash, &self.withheld_answer(*number)));
            plan.rows.extend(orphans.chain(withheld));
        }
        plan.rows.sort_unstable_by_key(|row| row.number);
        if self.writing.appends {
            plan.appended = self.appended(&mut background)?;
        }
        Ok(Some(plan))
    }

    /// Makes the plan for a file whose last save is held: each row in which it says something new is answered, and all
    /// else stays as it was saved.
    pub(super) fn waiting(&self) -> Plan {
        if self.layout.answer.is_none() {
            return Plan::default();
        }
        let waiting = Answer::Waiting(Vec::new(), Vec::new());
        let rows = self.layout.rows.iter().filter(|row| self.layout.news.contains(&row.number));
        let mut rows: Vec<PlannedRow> = rows.filter_map(|row| self.answered(row.number, row.hash, &waiting)).collect();
        rows.sort_unstable_by_key(|row| row.number);
        Plan { rows, ..Plan::default() }
    }

    fn background(&self) -> Result<Option<Background>, PipelineError> {
        let states = self.snapshot.states(self.source)?;
        let Some(newest) = states.first().map(|state| state.no) else { return Ok(None) };
        // Who saved an older copy has not seen what Daybook has written since; nor does the file, if the program died before it
        // could be replaced.
        let mark = self.layout.mark.revision;
        let written = states.iter().find(|state| state.written && state.mark.revision == mark);
        let touched = match written {
            Some(written) => Some(self.snapshot.state_changes(self.source, written.no, newest)?.into_iter().collect()),
            None => None,
        };
        let mut waiting: HashMap<RecordId, Vec<FieldId>> = HashMap::new();
        let mut asked = HashSet::new();
        for review in super::sheet::open_reviews(self.snapshot, self.source)? {
            let Some(record) = review.record else { continue };
            match (review.kind, review.field) {
                (ReviewKind::Conflict, Some(field)) => {
                    let fields = waiting.entry(record).or_default();
                    fields.push(field);
                    fields.extend(review.group.iter().map(|(field, _)| *field));
                }
                _ => {
                    asked.insert(record);
                }
            }
        }
        for fields in waiting.values_mut() {
            fields.sort_unstable();
            fields.dedup();
        }
        let last_save = states.iter().find(|state| !state.written).map(|state| state.arrival);
        let since = written.map(|state| state.arrival);
        let refused = self.was_anything_refused(since)?;
        Ok(Some(Background { newest, last_save, touched, waiting, asked, since, refused, recalls: RECALLS_MAX }))
    }

    /// Whether a cell of the source was refused after an arrival of its own.
    fn was_anything_refused(&self, since: Option<ArrivalId>) -> Result<bool, PipelineError> {
        let filter = ArrivalFilter { source: Some(self.source.clone()), before: None, limit: Some(ARRIVALS_MAX) };
        let lines = self.snapshot.arrivals(&filter)?;
        let all = lines.len() < ARRIVALS_MAX as usize
            || since.is_some_and(|since| lines.iter().any(|line| line.arrival.id == since));
        let newer = lines.iter().take_while(|line| Some(line.arrival.id) != since);
        Ok(!all || newer.into_iter().any(|line| line.tally.refused > 0))
    }

    fn chunk(&self, rows: &[LaidRow], background: &mut Background, plan: &mut Plan) -> Result<(), PipelineError> {
        let ids: Vec<RecordId> = rows.iter().map(|row| row.record).collect();
        let stored = self.snapshot.records(&self.table.name, &ids)?;
        let shown = self.snapshot.baseline(&self.table.name, self.source, background.newest, &ids)?;
        for row in rows {
            let Some(stored) = stored.get(&row.record) else {
                // It would have been a new record, and was refused.
                plan.rows.extend(self.layout.answer.and_then(|_| self.nobodys(row.number, row.hash)));
                continue;
            };
            let shown = shown.get(&row.record).map_or(&[][..], Vec::as_slice);
            let subject = Subject::of(self.table, |field| stored.value(field));
            let rights = self.decider.rights(&self.spec.actor, self.table, &subject);
            let cells = self.row(&Scene { row, stored, shown, rights }, background, plan)?;
            if !cells.is_empty() {
                let (number, hash, record) = (row.number, row.hash, Some(row.record));
                plan.rows.push(PlannedRow { number, hash, record, cells });
            }
        }
        Ok(())
    }

    /// What the cells of a record's row are to show.
    fn row(
        &self,
        scene: &Scene<'_>,
        background: &mut Background,
        plan: &mut Plan,
    ) -> Result<Vec<(FieldId, Cell)>, PipelineError> {
        let mut cells = Vec::new();
        let mut recalled = None;
        // Something in the row may have been refused.
        let mut is_suspect = false;
        if !scene.stored.archived {
            for (id, _) in &self.layout.columns {
                let Some(field) = self.table.field(*id) else { continue };
                let shown = cell_of(scene.shown, *id).unwrap_or(&Cell::Blank);
                match self.wanted(field, shown, scene, background, &mut recalled)? {
                    Wanted::Nothing => {}
                    Wanted::AsTyped => is_suspect = true,
                    Wanted::News(cell) => cells.push((*id, cell)),
                    Wanted::Back(cell) => {
                        is_suspect = true;
                        cells.push((*id, cell));
                    }
                    Wanted::Formula(stored) => plan.formulas.push((scene.row.number, *id, stored)),
                }
            }
        }
        if self.layout.answer.is_some()
            && let Some(text) = self.answer(scene, !cells.is_empty(), is_suspect, background, &mut recalled)?
        {
            cells.push((FieldId::ANSWER, text_cell(text)));
        }
        Ok(cells)
    }

    /// What one cell is to show.
    fn wanted(
        &self,
        field: &Field,
        shown: &Cell,
        scene: &Scene<'_>,
        background: &mut Background,
        recalled: &mut Option<Recalled>,
    ) -> Result<Wanted, PipelineError> {
        let record = scene.row.record;
        if background.is_waiting(record, field.id) || matches!(shown, Cell::Masked(_)) {
            return Ok(Wanted::Nothing);
        }
        let stored = scene.stored.cell(field.id);
        if scene.rights.sight(&field.class) != Sight::Clear {
            let is_hers = *shown != Cell::Blank && stored.is_none_or(|stored| !same(field, shown, &stored.cell));
            return match (is_hers, background.is_touched(record)) {
                (_, true) => self.put_back(field, shown, record, background, recalled),
                (true, false) => Ok(Wanted::AsTyped),
                (false, false) => Ok(Wanted::Nothing),
            };
        }
        let Some(stored) = stored else {
            return match shown {
                Cell::Blank | Cell::Formula(_) => Ok(Wanted::Nothing),
                Cell::Raw(_) => Ok(Wanted::AsTyped),
                _ if !background.is_touched(record) => Ok(Wanted::AsTyped),
                _ => self.put_back(field, shown, record, background, recalled),
            };
        };
        let is_older = background.last_save.is_some_and(|last| stored.stamp.arrival <= last);
        Ok(match shown {
            shown if same(field, shown, &stored.cell) => Wanted::Nothing,
            Cell::Formula(_) => Wanted::Formula(stored.cell.clone()),
            // What was typed and can't be read stays until somebody has said something newer of the cell.
            Cell::Raw(_) if is_older => Wanted::AsTyped,
            _ if is_older && self.is_invalid(field, record, background, recalled)? => Wanted::AsTyped,
            _ if is_older => Wanted::Back(stored.cell.clone()),
            _ => Wanted::News(stored.cell.clone()),
        })
    }

    /// Whether what stands in a cell was refused because no such value may be kept: then it stays as typed until it is
    /// corrected. So does what can't be looked up any more.
    fn is_invalid(
        &self,
        field: &Field,
        record: RecordId,
        background: &mut Background,
        recalled: &mut Option<Recalled>,
    ) -> Result<bool, PipelineError> {
        let Some(recalled) = self.recall(record, background, recalled)? else { return Ok(true) };
        Ok(recalled.of(field.id).is_some_and(|last| last.refused_by.is_some() && last.is_invalid()))
    }

    /// What stood in a cell before something forbidden was typed into it.
    fn put_back(
        &self,
        field: &Field,
        shown: &Cell,
        record: RecordId,
        background: &mut Background,
        recalled: &mut Option<Recalled>,
    ) -> Result<Wanted, PipelineError> {
        let Some(recalled) = self.recall(record, background, recalled)? else { return Ok(Wanted::AsTyped) };
        let last = recalled.of(field.id).filter(|last| last.refused_by.is_some());
        Ok(match last {
            None => Wanted::Nothing,
            Some(last) if last.is_invalid() || !same(field, &last.seen, shown) => Wanted::AsTyped,
            Some(last) => match &last.before {
                Some(before @ (Cell::Blank | Cell::Value(_))) if !same(field, before, shown) => {
                    Wanted::Back(before.clone())
                }
                _ => Wanted::AsTyped,
            },
        })
    }

    /// Looks up what the source said last of each field of a record; `None` if that was asked too often.
    fn recall<'r>(
        &self,
        record: RecordId,
        background: &mut Background,
        recalled: &'r mut Option<Recalled>,
    ) -> Result<Option<&'r Recalled>, PipelineError> {
        if recalled.is_none() {
            let Some(left) = background.recalls.checked_sub(1) else { return Ok(None) };
            background.recalls = left;
            *recalled = Some(Recalled::of_history(self.snapshot.history(record)?, self.source));
        }
        Ok(recalled.as_ref())
    }

    /// The records that have no row and are to get one, in the order of their keys.
    fn appended(&self, background: &mut Background) -> Result<Vec<AppendedRow>, PipelineError> {
        let viewpoint = self.decider.viewpoint(&self.spec.actor, self.table);
        let mut found: Vec<AppendedRow> = Vec::new();
        self.snapshot.for_each_record(&self.table.name, |record| {
            if record.archived || self.layout.present.contains(&record.id) || background.asked.contains(&record.id) {
                return ControlFlow::Continue(());
            }
            let subject = Subject::of(self.table, |field| record.value(field));
            let rights = viewpoint.rights(&subject);
            let is_clear =
                |id: FieldId| self.table.field(id).is_some_and(|field| rights.sight(&field.class) == Sight::Clear);
            let fits =
                self.writing.conditions.iter().all(|condition| is_clear(condition.field) && meets(&record, condition));
            if fits && self.table.primary_key.iter().all(|id| is_clear(*id)) {
                let value = |id: &FieldId| record.cell(*id).filter(|_| is_clear(*id)).map(|stored| stored.cell.clone());
                let cells = self.layout.columns.iter().filter_map(|(id, _)| Some((*id, value(id)?)));
                found.push((record.id, cells.filter(|(_, cell)| *cell != Cell::Blank).collect()));
            }
            ControlFlow::Continue(())
        })?;
        let key = |cells: &[(FieldId, Cell)], id: &FieldId| cell_of(cells, *id).cloned().unwrap_or(Cell::Blank);
        found.sort_by(|(a_id, a), (b_id, b)| {
            let by_key = self.table.primary_key.iter().map(|id| order::cells(&key(a, id), &key(b, id)));
            by_key.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then).then(a_id.cmp(b_id))
        });
        if self.layout.answer.is_some() {
            let ids: Vec<RecordId> = found.iter().map(|(record, _)| *record).collect();
            let shown = self.snapshot.state_rows(self.source, background.newest, &ids)?;
            let shown: HashSet<RecordId> = shown.into_iter().map(|row| row.record).collect();
            for (record, cells) in &mut found {
                let was_shown = shown.contains(record);
                let answer = if was_shown { self.answer_below(*record, background)? } else { Answer::Saved };
                cells.push((FieldId::ANSWER, text_cell(answer::text(&answer, self.table, self.texts))));
            }
        }
        Ok(found)
    }
}

/// What a cell is to show.
enum Wanted {
    /// Nothing: it shows what it should.
    Nothing,
    /// Nothing, though it shows something else than what is stored: what was typed stays.
    AsTyped,
    /// It is to show this, which somebody else has said since.
    News(Cell),
    /// It is to show this again: what was typed was not taken.
    Back(Cell),
    /// It would have to show this, but it holds a formula.
    Formula(Cell),
}

fn text_cell(text: CompactString) -> Cell {
    Cell::Value(crate::model::Value::Text(text))
}
