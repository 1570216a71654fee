//! Writing into the workbooks that people keep: what others changed, refusals put back, answers, new rows.
//!
//! What the file will show is committed as a state of its source, with the new file's digest, before the file is replaced. If
//! the program dies in between, the file is still the older one and carries its older mark: it is read as what it is, and
//! written into again. The file is replaced only while nobody has it open and it still is the file that was taken; a save
//! that comes between is put back in its place and taken first.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::error::PipelineError;
use super::held;
use super::layout::{LaidRow, Layout};
use super::plan::{Plan, Planner};
use super::publication::{Published, entry, write_error};
use super::{Pipeline, Shows, file_name};
use crate::codec::patch::{CellRefusal, NewCell, PatchRequest, Patched, RowPatch};
use crate::codec::read::{FileKind, ReadFailure, ReadRequest};
use crate::io::{Fingerprint, Replaced, uuid_v7};
use crate::model::entry::{Posting, StateAdvance};
use crate::model::problem::Code;
use crate::model::{
    Actor, Arrival, ArrivalId, ArrivalKind, Cell, CellEntry, CellRef, FieldId, Mark, Outcome, Presence, Problem,
    RecordEntry, RecordId, Revision, RowHash, SourceName, StateNo, Timestamp, Value,
};
use crate::publish::workbook::new_cell;
use crate::source::workbook::{PATCH_HINDERED, SourceFile, file_kind, open_elsewhere};
use crate::store::{ArrivalFilter, CommitError, Snapshot, SourceState};

/// A cell could not be written into a person's workbook.
const NOT_WRITTEN: Code = Code("cell-not-written");
/// Rows could not be appended to a person's workbook.
const NOT_APPENDED: Code = Code("rows-not-appended");
/// The file is not the one that was read; it is read again.
const MOVED: &str = "moved";

/// What is known of a file that is written into, since it was last taken.
pub(super) struct WrittenFile {
    /// The file that `layout` is of.
    fingerprint: Fingerprint,
    layout: Layout,
    /// Cells that could not be written, by their row, with what they were to hold: they are not tried again.
    unwritable: HashSet<(u32, FieldId, Cell)>,
    /// Why the file as a whole can't be written into.
    refused: Option<ReadFailure>,
    /// Why rows can't be appended.
    append_refused: Option<CellRefusal>,
    /// The revision at which there was nothing to write.
    idle_at: Option<Revision>,
    /// The revision at which there was something to write.
    busy_at: Option<Revision>,
    /// The newest state of the source when `layout` was made: the two belong together.
    state: Option<StateNo>,
    /// What has to be told and was not yet.
    untold: Vec<Problem>,
}

impl WrittenFile {
    pub(super) fn new(fingerprint: Fingerprint, layout: Layout, state: Option<StateNo>) -> Self {
        let unwritable = HashSet::new();
        let (refused, append_refused, idle_at, busy_at) = (None, None, None, None);
        Self { fingerprint, layout, unwritable, refused, append_refused, idle_at, busy_at, state, untold: Vec::new() }
    }
}

/// A patch that is to be made.
struct Prepared {
    plan: Plan,
    request: PatchRequest,
    /// The file's last save waits for a decision: nothing is written but answers.
    held: bool,
    /// The revision that it was planned at.
    seen: Revision,
    newest: Option<StateNo>,
    told: Vec<u64>,
}

impl Pipeline {
    /// Writes into a file what others changed, if there is anything.
    pub fn write_into(&mut self, spec: usize, file: &SourceFile) -> Result<Published, PipelineError> {
        let path = &file.path;
        let Some(there) = self.fingerprint(path)? else { return Ok(Published::Missing) };
        let held = match self.shows_otherwise(file, &there)? {
            Some(Published::Held) => true,
            Some(other) => return Ok(other),
            None => false,
        };
        if let Some(hindered) = self.hindered(path)? {
            return Ok(hindered);
        }
        let prepared = match self.prepare(spec, file, there, held)? {
            Preparation::Unread | Preparation::Done if held => return Ok(Published::Held),
            Preparation::Unread => return Ok(Published::Unread),
            Preparation::Done => return Ok(Published::Unchanged),
            Preparation::Ready(prepared) => prepared,
        };
        if let Some(hindered) = self.hindered(path)? {
            return Ok(hindered);
        }
        let (patched, bytes, before) = match self.patch(path, there, &prepared.request)? {
            Some(Ok(made)) => made,
            Some(Err(failure)) if failure.code == MOVED => return Ok(Published::Unread),
            Some(Err(failure)) if failure.code == PATCH_HINDERED.0 => {
                return Err(write_error(path, &failure.message.trim_end_matches('.')));
            }
            Some(Err(failure)) => return Ok(self.refused(file, failure)),
            None => return Ok(Published::Saved),
        };
        self.note_refusals(file, &prepared, &patched);
        if bytes.is_empty() {
            return Ok(if held { Published::Held } else { Published::Unchanged });
        }
        self.put(file, there, &prepared, &patched, &bytes, &before)
    }

    /// Puts a patched file in the place of what it was made from, once the state that it shows is committed.
    fn put(
        &mut self,
        file: &SourceFile,
        there: Fingerprint,
        prepared: &Prepared,
        patched: &Patched,
        bytes: &[u8],
        before: &[u8],
    ) -> Result<Published, PipelineError> {
        let (path, now, kept) = (&file.path, self.now(), self.config.store.backups_kept);
        let posting = self.posting(file, prepared, patched, bytes, now);
        // Making the patch took a while, in which somebody may have opened the file.
        if let Some(open) = self.opened_elsewhere(path) {
            return Ok(open);
        }
        self.store
            .keep_version(&file.name, now, &file_name(path), before, kept)
            .map_err(|error| write_error(path, &error))?;
        match self.store.commit(prepared.seen, &posting, &[]) {
            Ok(_) => {}
            Err(CommitError::Moved { .. }) => return Ok(Published::Moved),
            Err(error) => return Err(error.into()),
        }
        if let Some(open) = self.opened_elsewhere(path) {
            self.unsettle(path);
            return Ok(open);
        }
        let replaced = self.parts.disk.replace(path, bytes, Some(there)).map_err(|error| {
            // The state stands in the store and not in the file: the file has to be looked at before the next try.
            self.unsettle(path);
            write_error(path, &error)
        })?;
        match replaced {
            Replaced::Done(fingerprint) => {
                self.settle(path, fingerprint, if prepared.held { Shows::Other } else { Shows::Newest });
                self.laid_out_anew(path, fingerprint, posting.arrival.mark.revision, prepared, patched);
                Ok(if prepared.held { Published::Answered } else { Published::Written(Vec::new()) })
            }
            Replaced::Moved => {
                self.unsettle(path);
                Ok(Published::Saved)
            }
            // It is a person's own file: her save goes back to its place, with all that she did in it, and is taken first.
            Replaced::Overtaken { now, kept, .. } => {
                self.unsettle(path);
                self.parts.disk.give_back(path, &kept, now).map_err(|error| write_error(path, &error))?;
                Ok(Published::Saved)
            }
        }
    }

    /// Whether a file's content is known: as a state of the source, or as a save that was held, answered or not.
    pub fn is_known(&mut self, source: &SourceName, digest: &[u8; 32]) -> Result<bool, PipelineError> {
        let snapshot = self.store.snapshot()?;
        let is_state = snapshot.states(source)?.iter().any(|state| state.mark.digest == *digest);
        Ok(is_state || held::has_arrived(&snapshot, source, digest)?)
    }

    /// Whether a file's content is what Daybook wrote, and nothing of the source was taken since.
    pub fn is_last_written(&mut self, source: &SourceName, digest: &[u8; 32]) -> Result<bool, PipelineError> {
        let snapshot = self.store.snapshot()?;
        let is_newest = |state: &SourceState| state.written && state.mark.digest == *digest;
        Ok(snapshot.states(source)?.first().is_some_and(is_newest) || held::is_last_answer(&snapshot, source, digest)?)
    }

    /// Asks for a source to be written, if nobody has.
    pub fn ask_to_publish(&mut self, spec: usize) -> Result<(), PipelineError> {
        let task = super::publish_task(&self.specs[spec].name);
        let now = self.now();
        Ok(self.store.add_task(&task, now)?)
    }

    /// Whether what Daybook wrote into a file's column of answers still stands there. Who saved an older copy, or one whose mark
    /// was lost, has put the answers back that stood in it; and while a save was held, its rows were answered in the file alone.
    pub(super) fn knows_answers(&mut self, source: &SourceName, mark: &Mark) -> Result<bool, PipelineError> {
        let snapshot = self.store.snapshot()?;
        let states = snapshot.states(source)?;
        let written = states.iter().find(|state| state.written);
        let is_its = |state: &SourceState| {
            state.mark.digest == mark.digest || (mark.revision.is_some() && mark.revision == state.mark.revision)
        };
        Ok(written.is_none_or(is_its) && !was_answered_since(&snapshot, source, written.map(|state| state.arrival))?)
    }

    /// What is to be said of a file that does not show what was taken of it last, or whose last save is held.
    fn shows_otherwise(&mut self, file: &SourceFile, there: &Fingerprint) -> Result<Option<Published>, PipelineError> {
        Ok(match self.shows(&file.path, there) {
            None | Some(Shows::Own) => Some(Published::Saved),
            Some(Shows::Other | Shows::Newest) if held::has_held_save(&self.store.snapshot()?, &file.name)? => {
                Some(Published::Held)
            }
            Some(Shows::Other) => Some(Published::Strange),
            Some(Shows::Newest) if self.has_nothing_to_write(&file.path)? => Some(Published::Unchanged),
            Some(Shows::Newest) => None,
        })
    }

    /// Whether somebody has the file open now: her program would not know of a file that is put in its place.
    fn opened_elsewhere(&self, path: &Path) -> Option<Published> {
        let open = open_elsewhere(self.parts.disk.as_ref(), path, self.now().0)?;
        Some(Published::Open(open.person))
    }

    /// What keeps a file from being written into that was to be written into when it was planned last.
    fn hindered(&mut self, path: &Path) -> Result<Option<Published>, PipelineError> {
        let Some(busy_at) = self.written.get(path).and_then(|written| written.busy_at) else { return Ok(None) };
        if self.store.snapshot()?.revision() != busy_at {
            return Ok(None);
        }
        if let Some(failure) = self.written.get(path).and_then(|written| written.refused.as_ref()) {
            return Ok(Some(Published::Refused { why: failure.message.clone() }));
        }
        Ok(self.opened_elsewhere(path))
    }

    /// What is to be told of a file that is written into, and was not told yet.
    pub fn take_untold(&mut self, path: &Path) -> Vec<Problem> {
        self.written.get_mut(path).map(|written| std::mem::take(&mut written.untold)).unwrap_or_default()
    }

    /// Whether there was nothing to write when it was looked at last, and nobody has committed anything since.
    fn has_nothing_to_write(&mut self, path: &Path) -> Result<bool, PipelineError> {
        let idle_at = self.written.get(path).and_then(|written| written.idle_at);
        Ok(idle_at.is_some() && idle_at == Some(self.store.snapshot()?.revision()))
    }

    /// Plans what is to be written.
    fn prepare(
        &mut self,
        spec: usize,
        file: &SourceFile,
        there: Fingerprint,
        held: bool,
    ) -> Result<Preparation, PipelineError> {
        let spec = self.specs[spec].clone();
        let Some(writing) = &spec.writing else { return Ok(Preparation::Done) };
        let Some(written) = self.written.get_mut(&file.path).filter(|written| written.fingerprint == there) else {
            return Ok(Preparation::Unread);
        };
        let table = super::table_of(&self.config, &spec.table)?;
        let snapshot = self.store.snapshot()?;
        let planner = Planner {
            snapshot: &snapshot,
            table,
            decider: &self.decider,
            policy: &self.config.policy,
            spec: &spec,
            writing,
            source: &file.name,
            layout: &written.layout,
            texts: &self.texts,
        };
        let newest = snapshot.states(&file.name)?.first().map(|state| state.no);
        if newest != written.state {
            // Another process has taken or written the file: the layout is not of what the store says that it shows.
            return Ok(Preparation::Unread);
        }
        let plan = if held { Some(planner.waiting()) } else { planner.plan()? };
        let Some(mut plan) = plan else { return Ok(Preparation::Unread) };
        note_formulas(written, &plan, table, &file.name);
        leave_out_unwritable(written, &mut plan);
        let seen = snapshot.revision();
        if plan.is_empty() {
            (written.idle_at, written.busy_at) = (Some(seen), None);
            return Ok(Preparation::Done);
        }
        written.busy_at = Some(seen);
        let told = snapshot.told(&file.name)?;
        let hash_key = snapshot.row_hash_key(&file.name);
        drop(snapshot);
        let layout = &written.layout;
        let request = PatchRequest {
            rows: plan.rows.iter().map(|row| row_patch(row.number, row.hash, &row.cells, layout)).collect(),
            appended: plan.appended.iter().map(|(_, cells)| new_cells(cells, layout)).collect(),
            last_row: layout.last_row(spec.header_row),
            source: file.name.to_string(),
            // A save that is held stays one of the state that it was made from.
            revision: (!held).then_some(seen.0 + 1),
            words: [self.texts.get("view-no").into(), self.texts.get("view-yes").into()],
            read: self.read_request(&spec, &file.path, hash_key, Vec::new()),
        };
        Ok(Preparation::Ready(Box::new(Prepared { plan, request, held, seen, newest, told })))
    }

    /// How a source's file is read.
    pub fn read_request(
        &self,
        spec: &super::SourceSpec,
        path: &Path,
        hash_key: [u8; 16],
        known: Vec<u128>,
    ) -> ReadRequest {
        let limits = &self.config.limits;
        ReadRequest {
            sheet: spec.sheet.clone(),
            header_row: spec.header_row,
            answer_header: spec.writing.as_ref().map(|writing| writing.status_header.clone()),
            known,
            rows_max: limits.rows_max,
            columns_max: limits.columns_max,
            cell_bytes_max: limits.cell_bytes_max,
            unpacked_bytes_max: limits.unpacked_bytes_max,
            ..ReadRequest::new(file_kind(path).unwrap_or(FileKind::Xlsx), hash_key)
        }
    }

    /// Patches a private copy of the file: what was done, the new bytes and those before. `None` if the file has changed.
    fn patch(&self, path: &Path, there: Fingerprint, request: &PatchRequest) -> Result<Option<Made>, PipelineError> {
        let failed = |error: &dyn std::fmt::Display| write_error(path, error);
        let prefix = self.parts.patcher.prefix(request).map_err(|error| failed(&error))?;
        let copied = self.parts.disk.snapshot_after(&prefix, path, self.config.limits.workbook_bytes_max);
        let snapshot = copied.map_err(|error| failed(&error))?;
        if self.fingerprint(path)? != Some(there) || snapshot.bytes != there.bytes {
            return Ok(None);
        }
        let before = if self.config.store.backups_kept > 0 {
            snapshot.to_vec().map_err(|error| failed(&error))?
        } else {
            Vec::new()
        };
        let made = self.parts.patcher.patch(snapshot, request);
        Ok(Some(made.map(|(patched, bytes)| (patched, bytes, before))))
    }

    /// Remembers that a file can't be written into.
    fn refused(&mut self, file: &SourceFile, failure: ReadFailure) -> Published {
        let place = file_name(&file.path);
        let message = format!("{place}: it could not be written into, and is as it was. {}", failure.message);
        let (source, code, hint) = (file.name.to_string(), failure.code.clone(), failure.hint.clone());
        let why = failure.message.clone();
        if let Some(written) = self.written.get_mut(&file.path) {
            written.untold.push(Problem { source, place, code, message, hint });
            written.refused = Some(failure);
        }
        Published::Refused { why }
    }

    /// Remembers which cells and rows could not be written.
    fn note_refusals(&mut self, file: &SourceFile, prepared: &Prepared, patched: &Patched) {
        let Some(written) = self.written.get_mut(&file.path) else { return };
        let place = &written.layout.place;
        let (rows, first) = (&prepared.plan.rows, patched.appended.first().map_or(u32::MAX, |(number, _)| *number));
        for refused in &patched.refused {
            let cells = if let Ok(index) = rows.binary_search_by_key(&refused.row, |row| row.number) {
                rows[index].cells.as_slice()
            } else {
                let index = refused.row.checked_sub(first).and_then(|index| usize::try_from(index).ok());
                let appended = index.and_then(|index| prepared.plan.appended.get(index));
                appended.map_or(&[][..], |(_, cells)| cells.as_slice())
            };
            let field = field_at(&written.layout, refused.column);
            let Some((field, cell)) = cells.iter().find(|(id, _)| Some(*id) == field) else { continue };
            written.unwritable.insert((refused.row, *field, cell.clone()));
            if *field == FieldId::ANSWER {
                continue;
            }
            let at = place.cell(CellRef { row: refused.row, column: refused.column });
            let message = format!(
                "{at}: the cell was not brought up to date: {}. What is stored is another value; the cell is as it was.",
                refused.why.reason()
            );
            let problem = Problem::new(NOT_WRITTEN, at, message, refused.why.hint());
            written.untold.push(problem.in_source(file.name.as_str()));
        }
        if let Some(why) = patched.append_refused {
            written.append_refused = Some(why);
            let (at, count) = (place.whole(), prepared.plan.appended.len());
            let rows = if count == 1 { "1 new row was".to_owned() } else { format!("{count} new rows were") };
            let message = format!("{at}: {rows} not appended: {}.", why.reason());
            written.untold.push(Problem::new(NOT_APPENDED, at, message, why.hint()).in_source(file.name.as_str()));
        }
    }

    /// What the file shows from now on.
    fn posting(
        &mut self,
        file: &SourceFile,
        prepared: &Prepared,
        patched: &Patched,
        bytes: &[u8],
        now: Timestamp,
    ) -> Posting {
        let layout = self.written.get(&file.path).map(|written| &written.layout);
        let (mark, place, columns) = layout.map_or_else(Default::default, |layout| {
            (layout.mark.clone(), Some(layout.place.clone()), layout.columns.clone())
        });
        let arrival = Arrival {
            id: ArrivalId::new(uuid_v7(now.0, self.parts.entropy.as_mut())),
            at: now,
            edited_at: now,
            kind: ArrivalKind::Publication,
            source: file.name.clone(),
            rank: 0,
            actor: Actor::Daybook,
            table: prepared_table(&self.specs, &file.name, &self.config),
            place,
            columns,
            mark: Mark {
                digest: Sha256::digest(bytes).into(),
                // A text file carries no mark: what is saved of it later says nothing of when it was opened.
                revision: match prepared.request.revision {
                    None => mark.revision,
                    Some(revision) => (prepared.request.read.kind != FileKind::Csv).then_some(Revision(revision)),
                },
                editor: mark.editor,
                modified: mark.modified,
            },
            sheets: Vec::new(),
        };
        // What a held save shows is no state of its source, so neither is what Daybook answers in it.
        let layout = layout.filter(|_| !prepared.held);
        let records = layout.map(|layout| entries(layout, &prepared.plan, patched)).unwrap_or_default();
        let advance = StateAdvance { after: prepared.newest, told: prepared.told.clone() };
        let state = (!prepared.held).then_some(advance);
        Posting { arrival, rules: vec!["shown".into()], records, reviews: Vec::new(), state, problems: Vec::new() }
    }

    /// Remembers how a file is laid out after it was written into.
    fn laid_out_anew(
        &mut self,
        path: &Path,
        fingerprint: Fingerprint,
        mark: Option<Revision>,
        prepared: &Prepared,
        patched: &Patched,
    ) {
        let Some(written) = self.written.get_mut(path) else { return };
        let plan = &prepared.plan;
        written.fingerprint = fingerprint;
        if !prepared.held {
            written.state = Some(StateNo(prepared.newest.map_or(0, |newest| newest.0) + 1));
        }
        let layout = &mut written.layout;
        layout.mark.revision = mark;
        let hashes: HashMap<u32, RowHash> =
            patched.rows.iter().map(|(number, hash)| (*number, RowHash(*hash))).collect();
        for row in &mut layout.rows {
            row.hash = hashes.get(&row.number).copied().unwrap_or(row.hash);
        }
        for (number, hash) in layout.orphans.iter_mut().chain(&mut layout.withheld) {
            *hash = hashes.get(number).copied().unwrap_or(*hash);
        }
        for row in plan.rows.iter().filter(|row| hashes.contains_key(&row.number)) {
            if let Some((_, Cell::Value(Value::Text(answer)))) = row.cells.iter().find(|(id, _)| *id == FieldId::ANSWER)
            {
                layout.answers.insert(row.number, answer.clone());
            }
        }
        for ((record, cells), (number, hash)) in plan.appended.iter().zip(&patched.appended) {
            layout.rows.push(LaidRow { record: *record, number: *number, hash: RowHash(*hash), is_read: true });
            layout.present.insert(*record);
            if let Some((_, Cell::Value(Value::Text(answer)))) = cells.iter().find(|(id, _)| *id == FieldId::ANSWER) {
                layout.answers.insert(*number, answer.clone());
            }
        }
        layout.rows.sort_unstable_by_key(|row| row.record);
    }
}

/// Whether Daybook has, or may have, answered a held save in a source's file after an arrival: such a publication makes no state.
fn was_answered_since(
    snapshot: &Snapshot<'_>,
    source: &SourceName,
    since: Option<ArrivalId>,
) -> Result<bool, PipelineError> {
    let filter = ArrivalFilter { source: Some(source.clone()), before: None, limit: Some(super::RECENT_ARRIVALS) };
    let lines = snapshot.arrivals(&filter)?;
    let newer = lines.iter().position(|line| Some(line.arrival.id) == since);
    // Behind those that are looked at there may be others.
    let may_be_more = newer.is_none() && lines.len() >= super::RECENT_ARRIVALS as usize;
    let mut newer = lines.iter().take(newer.unwrap_or(lines.len()));
    Ok(may_be_more || newer.any(|line| line.arrival.kind == ArrivalKind::Publication))
}

/// What was done, the new bytes and the bytes before; or why nothing was.
type Made = Result<(Patched, Vec<u8>, Vec<u8>), ReadFailure>;

/// What there is to write.
enum Preparation {
    /// It is not known how the file is laid out.
    Unread,
    /// Nothing.
    Done,
    /// This.
    Ready(Box<Prepared>),
}

fn prepared_table(
    specs: &[super::SourceSpec],
    source: &SourceName,
    config: &crate::config::Config,
) -> crate::model::TableName {
    let spec = specs.iter().find(|spec| super::is_of(spec.name.as_str(), source.as_str()));
    spec.map_or_else(|| config.tables[0].name.clone(), |spec| spec.table.clone())
}

/// The field of a column.
fn field_at(layout: &Layout, column: u32) -> Option<FieldId> {
    if layout.answer == Some(column) {
        return Some(FieldId::ANSWER);
    }
    layout.columns.iter().find(|(_, at)| *at == column).map(|(field, _)| *field)
}

/// The column of a field.
fn column_of(layout: &Layout, field: FieldId) -> Option<u32> {
    if field == FieldId::ANSWER {
        return layout.answer;
    }
    layout.columns.iter().find(|(id, _)| *id == field).map(|(_, column)| *column)
}

fn row_patch(number: u32, hash: RowHash, cells: &[(FieldId, Cell)], layout: &Layout) -> RowPatch {
    RowPatch { number, hash: hash.0, cells: new_cells(cells, layout) }
}

fn new_cells(cells: &[(FieldId, Cell)], layout: &Layout) -> Vec<(u32, NewCell)> {
    let placed = cells.iter().filter_map(|(field, cell)| Some((column_of(layout, *field)?, new_cell(cell)?)));
    let mut placed: Vec<(u32, NewCell)> = placed.collect();
    placed.sort_by_key(|(column, _)| *column);
    placed
}

/// Takes out of a plan what could not be written before.
fn leave_out_unwritable(written: &WrittenFile, plan: &mut Plan) {
    for row in &mut plan.rows {
        let number = row.number;
        row.cells.retain(|(field, cell)| !written.unwritable.contains(&(number, *field, cell.clone())));
    }
    plan.rows.retain(|row| !row.cells.is_empty());
    if written.append_refused.is_some() {
        plan.appended.clear();
    }
}

/// Remembers formulas that show something else than what is stored.
fn note_formulas(written: &mut WrittenFile, plan: &Plan, table: &crate::model::Table, source: &SourceName) {
    for (row, field, stored) in &plan.formulas {
        let is_new = written.unwritable.insert((*row, *field, stored.clone()));
        let (true, Some(column)) = (is_new, column_of(&written.layout, *field)) else { continue };
        let at = written.layout.place.cell(CellRef { row: *row, column });
        let title = table.field(*field).map_or("", crate::model::Field::title);
        let message = format!(
            "{at}: the cell of `{title}` holds a formula that shows another value than what is stored. It was not written over."
        );
        let hint = "Type the value in the place of the formula, or correct what the formula counts with.";
        written.untold.push(Problem::new(NOT_WRITTEN, at, message, hint).in_source(source.as_str()));
    }
}

/// An entry for each record whose row was written.
fn entries(layout: &Layout, plan: &Plan, patched: &Patched) -> Vec<RecordEntry> {
    let hashes: HashMap<u32, u128> = patched.rows.iter().copied().collect();
    let refused: HashSet<(u32, u32)> = patched.refused.iter().map(|cell| (cell.row, cell.column)).collect();
    let was_written = |number: u32, field: FieldId| {
        column_of(layout, field).is_some_and(|column| !refused.contains(&(number, column)))
    };
    let rows = plan.rows.iter().filter_map(|row| {
        let (record, hash) = (row.record?, *hashes.get(&row.number)?);
        let cells = row.cells.iter().filter(|(field, _)| was_written(row.number, *field));
        Some(shown_entry(record, row.number, hash, cells))
    });
    let appended = plan.appended.iter().zip(&patched.appended).map(|((record, cells), (number, hash))| {
        let written = cells.iter().filter(|(field, _)| was_written(*number, *field));
        shown_entry(*record, *number, *hash, written)
    });
    rows.chain(appended).collect()
}

fn shown_entry<'a>(
    record: RecordId,
    number: u32,
    hash: u128,
    cells: impl Iterator<Item = &'a (FieldId, Cell)>,
) -> RecordEntry {
    let cells = cells.map(|(field, cell)| {
        let seen = as_shown(cell);
        CellEntry { field: *field, outcome: Outcome::Unchanged, rule: 0, seen, before: None }
    });
    let mut cells: Vec<CellEntry> = cells.collect();
    cells.sort_by_key(|cell| cell.field);
    RecordEntry { row: Some(number), hash: RowHash(hash), ..entry(record, Presence::Seen, cells) }
}

/// What a read of the file will give for a cell that was written.
fn as_shown(cell: &Cell) -> Cell {
    match (cell, new_cell(cell)) {
        (Cell::Value(Value::Text(_)), Some(NewCell::Text(text))) => Cell::Value(Value::Text(text)),
        (Cell::Value(Value::Text(_)), Some(NewCell::Blank)) => Cell::Blank,
        _ => cell.clone(),
    }
}
