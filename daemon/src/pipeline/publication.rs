//! Writing views: from the ledger, as their readers may see it, to a workbook.
//!
//! What a view shows is committed as a state of its source before the file is replaced: from then on its readers'
//! edits are compared with that. If the program dies in between, the file still carries its older mark, and the view is
//! written again.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::error::PipelineError;
use super::{Pipeline, REREAD, Shows, file_name};
use crate::access::{Sight, Subject, mask};
use crate::codec::xlsx::write::MODIFIED_MS;
use crate::config::{Condition, ViewConfig};
use crate::io::{Replaced, uuid_v7};

use crate::model::entry::{Posting, StateAdvance};
use crate::model::problem::Code;
use crate::model::row::cell_of;
use crate::model::{
    Actor, Arrival, ArrivalId, ArrivalKind, Cell, CellEntry, FieldId, Life, Mark, Outcome, Place, Presence, Problem,
    RecordEntry, RecordId, Review, ReviewKind, Revision, RowHash, SourceName, StateNo, StoredRecord, Table, Timestamp,
};
use crate::publish::{self, Shown, View, ViewRecord, ViewSpec};
use crate::source::workbook::{KEPT, open_elsewhere};
use crate::store::{CommitError, IndexRow, PendingTask, Snapshot};

/// What became of a view.
#[derive(Debug)]
pub enum Published {
    /// The file shows what it should already.
    Unchanged,
    /// The file was written.
    Written(Vec<Problem>),
    /// Somebody has the file open, by this name if it is known; it is tried again.
    Open(Option<String>),
    /// The file was saved since it was last taken: it has to be taken first.
    Saved,
    /// It is not known how the file is laid out: it has to be read again.
    Unread,
    /// There is no file that could be written into.
    Missing,
    /// The file as a whole can't be written into.
    Refused {
        /// Why.
        why: String,
    },
    /// A save of it is held for a person, and is not written over before she has decided.
    Held,
    /// Rows of a save that is held for a person were told that they wait.
    Answered,
    /// It shows something that no state says: a save that was held. It has to be looked at again; if nobody has accepted
    /// it, it was rejected.
    Strange,
    /// Others changed the store meanwhile: it is made again.
    Moved,
    /// Somebody saved while the file was being replaced: these bytes have to be taken.
    Overtaken {
        /// What they saved.
        lost: Vec<u8>,
        /// Where it still lies, until it is taken.
        kept: PathBuf,
    },
}

/// A view that is to be written.
struct Made {
    view: View,
    /// The revision that it was made at.
    seen: Revision,
    posting: Posting,
    /// The file has rows that the view does not have.
    keep: bool,
}

/// A record of the view, with where its values come from.
struct Visible {
    shown: ViewRecord,
    /// The newest arrival that set one of its cells, by field.
    set_by: Vec<(FieldId, ArrivalId)>,
}

impl Pipeline {
    /// Writes a view if what it should show has changed.
    pub fn publish(&mut self, view: usize) -> Result<Published, PipelineError> {
        let config = self.config.views[view].clone();
        let path = config.path.clone();
        let there = self.fingerprint(&path)?;
        let shows = match there.map(|fingerprint| self.shows(&path, &fingerprint)) {
            Some(None) => return Ok(Published::Saved),
            Some(shows) => shows,
            None => None,
        };
        if self.is_held(&config)? {
            return Ok(Published::Held);
        }
        let now = self.now();
        let Some(Made { view: made, seen, posting, keep }) = self.make_view(&config, now, shows)? else {
            return Ok(Published::Unchanged);
        };
        if let Some(open) = open_elsewhere(self.parts.disk.as_ref(), &path, now.0) {
            return Ok(Published::Open(open.person));
        }
        let bytes = made.bytes().map_err(|error| write_error(&path, &error))?;
        let mut problems = made.problems;
        if keep {
            problems.extend(self.keep_copy(&config, now)?);
        }
        match self.store.commit(seen, &posting, &[]) {
            Ok(_) => {}
            Err(CommitError::Moved { .. }) => return Ok(Published::Moved),
            Err(error) => return Err(error.into()),
        }
        let replaced = self.parts.disk.replace(&path, &bytes, there).map_err(|error| {
            // The state stands in the store and not in the file: the file has to be looked at before the next try.
            self.unsettle(&path);
            write_error(&path, &error)
        })?;
        match replaced {
            Replaced::Done(fingerprint) => {
                self.settle(&path, fingerprint, Shows::Newest);
                Ok(Published::Written(problems))
            }
            Replaced::Moved => Ok(Published::Saved),
            Replaced::Overtaken { now, lost, kept } => {
                self.settle(&path, now, Shows::Own);
                Ok(Published::Overtaken { lost, kept })
            }
        }
    }

    /// Whether a save of the view, or a row of it, waits for a decision, or for being read again after one.
    fn is_held(&mut self, config: &ViewConfig) -> Result<bool, PipelineError> {
        let is_reread = |task: &PendingTask| task.task.kind == REREAD && task.task.target == config.name.as_str();
        if self.store.tasks()?.iter().any(is_reread) {
            return Ok(true);
        }
        let snapshot = self.store.snapshot()?;
        let open = super::sheet::open_reviews(&snapshot, &config.name)?;
        let waits = |review: &Review| match review.kind {
            // What is typed in a row that a plugin holds is only there.
            ReviewKind::MassChange | ReviewKind::Plugin => true,
            ReviewKind::Ambiguous => review.record.is_some(),
            ReviewKind::Conflict | ReviewKind::MissingRow => false,
        };
        Ok(open.iter().any(waits))
    }

    /// Keeps what a person saved beside the view, because it has rows that no record was made of and that the view
    /// will not have: nothing that was typed is to be lost.
    fn keep_copy(&self, config: &ViewConfig, now: Timestamp) -> Result<Option<Problem>, PipelineError> {
        let (disk, path) = (self.parts.disk.as_ref(), &config.path);
        let copied = disk.snapshot(path, self.config.limits.workbook_bytes_max).and_then(|copy| copy.to_vec());
        let bytes = copied.map_err(|error| write_error(path, &error))?;
        self.keep(&config.name, path, &bytes, now)
    }

    /// Keeps a save of a view beside it. `None` if one was kept in this very second already.
    pub fn keep(
        &self,
        view: &SourceName,
        path: &Path,
        bytes: &[u8],
        now: Timestamp,
    ) -> Result<Option<Problem>, PipelineError> {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let at = jiff::Timestamp::from_millisecond(now.0).unwrap_or_default();
        let at = at.to_zoned(self.config.office.timezone.clone()).strftime("%Y%m%d-%H%M%S").to_string();
        let kept = path.with_file_name(format!("{stem}{KEPT}{at}.xlsx"));
        match self.parts.disk.replace(&kept, bytes, None).map_err(|error| write_error(&kept, &error))? {
            Replaced::Done(_) => {}
            Replaced::Moved | Replaced::Overtaken { .. } => return Ok(None),
        }
        let (file, name) = (file_name(path), file_name(&kept));
        let problem = Problem::new(
            Code("copy-kept"),
            file.clone(),
            format!(
                "{file}: not all of what was saved in it was taken over, and it is written anew. The file as it was saved is kept as {name}."
            ),
            "Copy from there what is still needed, then delete the copy.",
        );
        Ok(Some(problem.in_source(view.as_str())))
    }

    /// Makes a view and the posting of what it shows; `None` if the file shows that already.
    fn make_view(
        &mut self,
        config: &ViewConfig,
        now: Timestamp,
        shows: Option<Shows>,
    ) -> Result<Option<Made>, PipelineError> {
        let table = super::table_of(&self.config, &config.table)?;
        let snapshot = self.store.snapshot()?;
        let seen = snapshot.revision();
        let states = snapshot.states(&config.name)?;
        let newest = states.first();
        let last_save = states.iter().find(|state| !state.written).map(|state| state.arrival);
        let mut records = visible(&snapshot, &self.decider, table, config)?;
        let before = Before::load(&snapshot, table, config, newest.map(|state| state.no), &records)?;
        if let (true, Some(last_save)) = (config.editable, last_save) {
            for record in &mut records {
                before.keep_typed(record, last_save);
            }
        }
        let spec = spec(&self.decider, config, table, seen);
        let view = publish::view(&spec, table, records.into_iter().map(|record| record.shown), &self.texts);
        let is_newest = shows == Some(Shows::Newest);
        if is_newest && newest.is_some_and(|state| state.written && state.mark.digest == view.digest) {
            return Ok(None);
        }
        let told = snapshot.told(&config.name)?;
        let was_saved = newest.is_some_and(|state| !state.written);
        let keep = shows == Some(Shows::Other) || (is_newest && was_saved && !told.is_empty());
        let records = before.differences(&view);
        if is_newest && !keep && was_saved && records.is_empty() {
            return Ok(None);
        }
        let place = Place { file: file_name(&config.path), sheet: Some(view.sheet.name.clone()) };
        let arrival = Arrival {
            id: ArrivalId::new(uuid_v7(now.0, self.parts.entropy.as_mut())),
            at: now,
            edited_at: now,
            kind: ArrivalKind::Publication,
            source: config.name.clone(),
            rank: 0,
            actor: Actor::Daybook,
            table: table.name.clone(),
            place: Some(place),
            columns: view.columns.clone(),
            mark: Mark {
                digest: view.digest,
                revision: Some(Revision(seen.0 + 1)),
                editor: None,
                modified: Some(Timestamp(MODIFIED_MS)),
            },
            sheets: Vec::new(),
        };
        // What stood in the file and was told is not in it any more.
        let state = Some(StateAdvance { after: newest.map(|state| state.no), told: Vec::new() });
        let problems = view.problems.clone();
        let posting = Posting { arrival, rules: vec!["shown".into()], records, reviews: Vec::new(), state, problems };
        Ok(Some(Made { view, seen, posting, keep }))
    }

    /// What the file's metadata says.
    pub fn fingerprint(&self, path: &Path) -> Result<Option<crate::io::Fingerprint>, PipelineError> {
        self.parts.disk.fingerprint(path).map_err(|error| write_error(path, &error))
    }
}

pub(super) fn write_error(path: &Path, error: &dyn std::fmt::Display) -> PipelineError {
    PipelineError::Write { path: path.display().to_string(), error: error.to_string() }
}

/// The shape of a view.
fn spec(decider: &crate::access::Decider, config: &ViewConfig, table: &Table, seen: Revision) -> ViewSpec {
    let viewpoint = decider.viewpoint(&config.reader, table);
    let fields: Vec<FieldId> = match &config.fields {
        Some(fields) => fields.clone(),
        None => table.fields.iter().map(|field| field.id).collect(),
    };
    let hidden = table
        .fields
        .iter()
        .filter(|field| viewpoint.best_sight(&field.class) == Sight::Hidden)
        .map(|field| field.id)
        .collect();
    let fillable = if config.editable && viewpoint.may_ever_create() {
        table.fields.iter().filter(|field| viewpoint.may_ever_write(&field.class)).map(|field| field.id).collect()
    } else {
        Vec::new()
    };
    ViewSpec {
        source: config.name.to_string(),
        file: file_name(&config.path),
        title: None,
        fields,
        hidden,
        fillable,
        editable: config.editable,
        revision: Revision(seen.0 + 1),
    }
}

/// The records of a view, as its reader may see them.
fn visible(
    snapshot: &Snapshot<'_>,
    decider: &crate::access::Decider,
    table: &Table,
    config: &ViewConfig,
) -> Result<Vec<Visible>, PipelineError> {
    let viewpoint = decider.viewpoint(&config.reader, table);
    let mut records = Vec::new();
    snapshot.for_each_record(&table.name, |record| {
        if !record.archived {
            let subject = Subject::of(table, |field| record.value(field));
            let rights = viewpoint.rights(&subject);
            let may_know = |condition: &Condition| {
                table.field(condition.field).is_some_and(|field| rights.sight(&field.class) == Sight::Clear)
            };
            let fits = config.conditions.iter().all(|condition| may_know(condition) && meets(&record, condition));
            if rights.any() && fits {
                let cells = table.fields.iter().map(|field| {
                    let stored = record.cell(field.id).map_or(Cell::Blank, |stored| stored.cell.clone());
                    let writable = config.editable && rights.may_write(&field.class).is_ok();
                    let shown = match (rights.sight(&field.class), &stored) {
                        (Sight::Hidden, _) => Shown::Hidden,
                        (Sight::Masked, Cell::Value(value)) => Shown::Masked(mask(field, value)),
                        (Sight::Masked, _) => Shown::Value(Cell::Blank, false),
                        (Sight::Clear, _) => Shown::Value(stored, writable),
                    };
                    (field.id, shown)
                });
                let shown = ViewRecord { id: record.id, cells: cells.collect() };
                let set_by = record.cells.iter().map(|(field, stored)| (*field, stored.stamp.arrival)).collect();
                records.push(Visible { shown, set_by });
            }
        }
        ControlFlow::Continue(())
    })?;
    Ok(records)
}

/// Whether a record meets a view's condition.
pub(super) fn meets(record: &StoredRecord, condition: &Condition) -> bool {
    record.value(condition.field).is_some_and(|value| {
        let text = value.to_string();
        condition.values.iter().any(|wanted| *wanted == text)
    })
}

/// What the source was last known to show.
struct Before {
    cells: HashMap<RecordId, Vec<(FieldId, Cell)>>,
    index: Vec<IndexRow>,
}

impl Before {
    fn load(
        snapshot: &Snapshot<'_>,
        table: &Table,
        config: &ViewConfig,
        newest: Option<StateNo>,
        records: &[Visible],
    ) -> Result<Self, PipelineError> {
        let Some(newest) = newest else { return Ok(Self { cells: HashMap::new(), index: Vec::new() }) };
        let ids: Vec<RecordId> = records.iter().map(|record| record.shown.id).collect();
        let cells = snapshot.baseline(&table.name, &config.name, newest, &ids)?;
        Ok(Self { cells, index: snapshot.state_index(&config.name, newest)? })
    }

    /// Leaves what a reader typed and could not be read where she typed it, until she or somebody else corrects it.
    fn keep_typed(&self, record: &mut Visible, last_save: ArrivalId) {
        let Some(before) = self.cells.get(&record.shown.id) else { return };
        for (field, shown) in &mut record.shown.cells {
            let newer = record.set_by.iter().any(|(id, arrival)| id == field && *arrival > last_save);
            if let (false, Some(raw @ Cell::Raw(_)), Shown::Value(_, true)) = (newer, cell_of(before, *field), &*shown)
            {
                *shown = Shown::Value(raw.clone(), true);
            }
        }
    }

    /// An entry for each record that the view shows otherwise than before, and for each that is gone from it.
    fn differences(&self, view: &View) -> Vec<RecordEntry> {
        let missing: HashSet<RecordId> = self.index.iter().filter(|row| row.missing).map(|row| row.record).collect();
        let mut entries = Vec::new();
        for (record, cells) in &view.shown {
            let known = self.cells.get(record).map(Vec::as_slice);
            let is_new = |field: FieldId, cell: &Cell| match known.and_then(|known| cell_of(known, field)) {
                Some(before) => before != cell,
                None => *cell != Cell::Blank,
            };
            let changed: Vec<CellEntry> = cells
                .iter()
                .filter(|(field, cell)| is_new(*field, cell))
                .map(|(field, cell)| {
                    let (field, seen) = (*field, cell.clone());
                    CellEntry { field, outcome: Outcome::Unchanged, rule: 0, seen, before: None }
                })
                .collect();
            if !changed.is_empty() || known.is_none() || missing.contains(record) {
                entries.push(entry(*record, Presence::Seen, changed));
            }
        }
        let shown: HashSet<RecordId> = view.shown.iter().map(|(record, _)| *record).collect();
        let gone = self.index.iter().filter(|row| !row.missing && !shown.contains(&row.record));
        entries.extend(gone.map(|row| entry(row.record, Presence::Missing, Vec::new())));
        entries
    }
}

pub(super) fn entry(record: RecordId, presence: Presence, cells: Vec<CellEntry>) -> RecordEntry {
    RecordEntry { record, row: None, hash: RowHash::UNKNOWN, presence, life: Life::Unchanged, cells, keys: Vec::new() }
}
