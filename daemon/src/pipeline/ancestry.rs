//! What is known of a source, and which of its states a save descends from.
//!
//! `merge::descent` decides; this gathers what it decides by, and answers for each record what stood in the state
//! that was chosen.

use std::collections::{HashMap, HashSet};

use super::compose::Came;
use super::error::PipelineError;
use super::ids::{IdMap, IdSet};
use super::sheet::Sheet;
use crate::merge::descent::{self, Candidate, Descent, DifferingRow, Save, StateKind};
use crate::model::{ArrivalId, Cell, FieldId, Mark, RecordId, RowHash, StateNo, Table};
use crate::store::{IndexRow, Snapshot, SourceState};

/// Cells by record.
type Cells = HashMap<RecordId, Vec<(FieldId, Cell)>>;

/// What the store knows of a source.
pub(super) struct Known {
    /// Its states, newest first.
    pub states: Vec<SourceState>,
    /// The newest one.
    pub newest: Option<StateNo>,
    /// The rows of the newest state, ascending by record.
    pub rows: Vec<IndexRow>,
    /// The records of its rows by hash.
    pub by_hash: IdMap<RowHash, RecordId>,
}

impl Known {
    /// Reads it.
    pub(super) fn load(snapshot: &Snapshot<'_>, sheet: &Sheet) -> Result<Self, PipelineError> {
        let source = &sheet.arrival.source;
        let states = snapshot.states(source)?;
        let newest = states.first().map(|state| state.no);
        let mut rows = match newest {
            Some(newest) => snapshot.state_index(source, newest)?,
            None => Vec::new(),
        };
        rows.sort_unstable_by_key(|row| row.record);
        let mut by_hash = IdMap::default();
        if !sheet.known.is_empty() {
            by_hash.reserve(rows.len());
            let shown = rows.iter().filter(|row| !row.missing && row.hash != RowHash::UNKNOWN);
            by_hash.extend(shown.map(|row| (row.hash, row.record)));
        }
        Ok(Self { states, newest, rows, by_hash })
    }

    /// What the newest state says of a record's row; `None` if it never had one.
    pub(super) fn row(&self, record: RecordId) -> Option<&IndexRow> {
        self.rows.binary_search_by_key(&record, |row| row.record).ok().map(|index| &self.rows[index])
    }

    /// How many rows the newest state has.
    pub(super) fn count(&self) -> u64 {
        self.rows.iter().filter(|row| !row.missing).count() as u64
    }
}

/// The state that a save descends from.
pub(super) struct Ancestry {
    descent: Option<Descent>,
    /// What the chosen state showed of records that were read, or in which states differ.
    base: Option<Cells>,
    /// What the newest state showed of them.
    newest: Cells,
    /// Records in which the chosen state and the newest one differ.
    differing: HashSet<RecordId>,
    /// Records of `differing` that the chosen state had.
    had: HashSet<RecordId>,
    arrival: Option<ArrivalId>,
    state: Option<StateNo>,
}

impl Ancestry {
    /// Settles it. `read` are the records whose rows were read, with the rows' positions.
    pub(super) fn of(
        snapshot: &Snapshot<'_>,
        table: &Table,
        sheet: &Sheet,
        known: &Known,
        read: &IdMap<RecordId, usize>,
        present: &IdSet<RecordId>,
    ) -> Result<Self, PipelineError> {
        let Some(newest) = known.newest else { return Ok(Self::none()) };
        let source = &sheet.arrival.source;
        let candidates = candidates(&sheet.arrival.mark, &known.states);
        let oldest = candidates.iter().map(|candidate| candidate.no).min().unwrap_or(newest);
        let changed = if oldest < newest { snapshot.state_changes(source, oldest, newest)? } else { Vec::new() };
        let mut ids: Vec<RecordId> = read.keys().copied().collect();
        ids.extend(changed.iter().filter(|record| !read.contains_key(*record)));
        let cells = |state: StateNo, ids: &[RecordId]| snapshot.baseline(&table.name, source, state, ids);
        let newest_cells = cells(newest, &ids)?;

        let mut states: Vec<(Cells, HashSet<RecordId>)> = Vec::with_capacity(candidates.len());
        for candidate in &candidates {
            let rows = snapshot.state_rows(source, candidate.no, &changed)?;
            let had = rows.into_iter().filter(|row| !row.missing).map(|row| row.record).collect();
            states.push((cells(candidate.no, &changed)?, had));
        }
        let rows: Vec<DifferingRow<'_>> = changed
            .iter()
            .map(|record| DifferingRow {
                record: *record,
                states: states
                    .iter()
                    .map(|(cells, had)| cells.get(record).filter(|_| had.contains(record)).map(Vec::as_slice))
                    .collect(),
                incoming: match read.get(record) {
                    Some(position) => Some(sheet.rows[*position].cells.as_slice()),
                    None if present.contains(record) => newest_cells.get(record).map(Vec::as_slice),
                    None => None,
                },
            })
            .collect();
        let changed_set: HashSet<RecordId> = changed.iter().copied().collect();
        let edited_elsewhere = sheet.rows.len() > read.len()
            || read.iter().any(|(record, position)| {
                !changed_set.contains(record)
                    && newest_cells.get(record).is_none_or(|before| differs(before, &sheet.rows[*position].cells))
            });
        let save = Save { mark: &sheet.arrival.mark, candidates: &candidates, rows: &rows, edited_elsewhere };
        let descent = match unreplaced(sheet, &known.states) {
            Some(state) => {
                Some(Descent { state, newest: false, doubtful_cells: Vec::new(), doubtful_rows: Vec::new() })
            }
            None => descent::descend(table, &save),
        };
        drop(rows);
        let chosen = descent.as_ref().map_or(newest, |descent| descent.state);
        if chosen == newest {
            let arrival = known.states.first().map(|state| state.arrival);
            return Ok(Self {
                descent,
                base: None,
                newest: newest_cells,
                differing: HashSet::new(),
                had: HashSet::new(),
                arrival,
                state: Some(newest),
            });
        }
        let had = match candidates.iter().position(|candidate| candidate.no == chosen) {
            Some(index) => std::mem::take(&mut states[index].1),
            None => HashSet::new(),
        };
        let arrival = known.states.iter().find(|state| state.no == chosen).map(|state| state.arrival);
        let base = cells(chosen, &ids)?;
        let differing = snapshot.state_changes(source, chosen, newest)?.into_iter().collect();
        Ok(Self { descent, base: Some(base), newest: newest_cells, differing, had, arrival, state: Some(chosen) })
    }

    fn none() -> Self {
        Self {
            descent: None,
            base: None,
            newest: HashMap::new(),
            differing: HashSet::new(),
            had: HashSet::new(),
            arrival: None,
            state: None,
        }
    }

    /// Whether the save descends from the newest state.
    pub(super) fn is_current(&self) -> bool {
        self.base.is_none()
    }

    /// What the chosen state showed of a record; `None` if it did not show it.
    pub(super) fn base(&self, record: RecordId) -> Option<&[(FieldId, Cell)]> {
        match &self.base {
            None => self.newest(record),
            Some(base) => base.get(&record).map(Vec::as_slice),
        }
    }

    /// What the newest state showed of a record.
    pub(super) fn newest(&self, record: RecordId) -> Option<&[(FieldId, Cell)]> {
        self.newest.get(&record).map(Vec::as_slice)
    }

    /// The chosen state; `None` at a first sync.
    pub(super) fn state(&self) -> Option<StateNo> {
        self.state
    }

    /// How the row of a record came into the save. An older copy that still has a row brings nothing back.
    pub(super) fn came(&self, known: &Known, record: RecordId) -> Came {
        let Some(row) = known.row(record) else { return Came::AsBefore };
        let was_lost = if self.differing.contains(&record) { !self.had.contains(&record) } else { row.missing };
        match (was_lost, row.missing && !self.is_row_doubtful(record)) {
            (true, true) => Came::Back,
            (true, false) => Came::Anew,
            (false, _) => Came::AsBefore,
        }
    }

    /// The arrival that made the chosen state.
    pub(super) fn base_arrival(&self) -> Option<ArrivalId> {
        self.arrival
    }

    /// The fields of a record of which it is not clear whether they were reverted or come from an older copy.
    pub(super) fn doubtful(&self, record: RecordId, cells: &[(FieldId, Cell)]) -> Vec<FieldId> {
        let Some(descent) = &self.descent else { return Vec::new() };
        let whole = descent.is_row_doubtful(record);
        let is_doubtful = |field: &FieldId| whole || descent.doubtful_cells.binary_search(&(record, *field)).is_ok();
        cells.iter().map(|(field, _)| *field).filter(is_doubtful).collect()
    }

    /// Whether it is doubtful that a record's row came or went.
    pub(super) fn is_row_doubtful(&self, record: RecordId) -> bool {
        self.descent.as_ref().is_some_and(|descent| descent.is_row_doubtful(record))
    }

    /// The records whose row is as the newest state has it, but not as the chosen one had it.
    pub(super) fn reread(&self, untouched: &IdMap<RecordId, u32>) -> Vec<RecordId> {
        let mut records: Vec<RecordId> =
            self.differing.iter().filter(|record| untouched.contains_key(*record)).copied().collect();
        records.sort_unstable();
        records
    }

    /// The records that the chosen state had and the save has not.
    pub(super) fn gone(&self, known: &Known, present: &IdSet<RecordId>) -> Vec<RecordId> {
        let had = |row: &IndexRow| match &self.base {
            Some(_) if self.differing.contains(&row.record) => self.had.contains(&row.record),
            _ => !row.missing,
        };
        let gone = known.rows.iter().filter(|row| !present.contains(&row.record) && had(row));
        gone.map(|row| row.record).collect()
    }

    /// The records that only the newest state has: the save can't have them.
    pub(super) fn never_had(&self, known: &Known, present: &IdSet<RecordId>) -> Vec<RecordId> {
        let mut records: Vec<RecordId> = self
            .differing
            .iter()
            .filter(|record| !self.had.contains(*record) && !present.contains(*record))
            .filter(|record| known.row(**record).is_some_and(|row| !row.missing))
            .copied()
            .collect();
        records.sort_unstable();
        records
    }
}

/// The states that the save may descend from. A mark that no kept state has says nothing: then it is as if there were none.
fn candidates<'a>(mark: &Mark, states: &'a [SourceState]) -> Vec<Candidate<'a>> {
    let all = || {
        states.iter().map(|state| Candidate {
            no: state.no,
            kind: if state.written { StateKind::Written } else { StateKind::Seen },
            mark: &state.mark,
        })
    };
    let marked = descent::candidates(mark, all());
    if marked.is_empty() {
        return descent::candidates(&Mark { revision: None, ..mark.clone() }, all());
    }
    marked
}

/// The state that a file still is, byte for byte, because what Daybook committed since never took its place: the newer
/// states are all Daybook's, and the file was saved before the first of them. A text file says nothing else of that.
fn unreplaced(sheet: &Sheet, states: &[SourceState]) -> Option<StateNo> {
    let digest = sheet.arrival.mark.digest;
    let index = states.iter().position(|state| state.mark.digest == digest && digest != [0; 32])?;
    let (newer, own) = (&states[..index], states.get(index)?);
    let first = newer.last()?;
    let is_left = newer.iter().all(|state| state.written) && sheet.arrival.edited_at < first.at;
    is_left.then_some(own.no)
}

/// Whether a row shows something else than before.
fn differs(before: &[(FieldId, Cell)], now: &[(FieldId, Cell)]) -> bool {
    now.iter().any(|(field, seen)| match crate::model::row::cell_of(before, *field) {
        Some(cell) => !cell.is_same_as(seen),
        None => *seen != Cell::Blank,
    })
}
