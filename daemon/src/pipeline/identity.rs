//! Which record a row is where its key alone does not say: copied rows, corrected keys, rows that exchanged their cells.
//!
//! `identify::corrected` decides by what it is given; this asks the store for that, and gives the rows to their
//! records. It comes after [`Placed`] and before the rows are composed. What is not certain is withheld: the
//! row becomes no record, and the record whose row is gone is not missing, until a person has decided. Nothing of that
//! has to be remembered, because the next save shows the same rows again.

use std::collections::{HashMap, HashSet};

use super::ancestry::{Ancestry, Known};
use super::error::PipelineError;
use super::held::RejectedRows;
use super::ids::IdSet;
use super::placing::{Placed, Why};
use super::recognised::{Cells, Recognised, Rekeyed, denied};
use super::sheet::{Context, Sheet, open_reviews};
use crate::identify;
use crate::identify::corrected::{self, Changed, Gone, Pair};
use crate::model::row::cell_of;
use crate::model::{Cell, FieldId, RecordId, Review, ReviewKind, Row, StateNo, Table};
use crate::store::Snapshot;

/// Against so many of a source's other rows the rarity of a value is measured.
const SAMPLE_ROWS: usize = 1_000;
/// Settles which state a save descends from and which records its rows are.
pub(super) fn recognise(
    snapshot: &Snapshot<'_>,
    sheet: &Sheet,
    context: &Context<'_>,
    (known, rejected): (&Known, &RejectedRows),
    placed: &mut Placed,
) -> Result<(Ancestry, Recognised), PipelineError> {
    let is_rejected = context.is_rejected();
    let scene = Scene { snapshot, sheet, table: context.table, known, rejected, is_rejected };
    let mut ancestry = scene.ancestry(placed)?;
    let Some(state) = ancestry.state() else { return Ok((ancestry, Recognised::default())) };
    scene.find_strangers(placed, &ancestry, state)?;
    let moved = scene.give_by_shown_keys(placed, &ancestry, state)?;
    if scene.give_originals(placed, state)? || moved {
        ancestry = scene.ancestry(placed)?;
    }
    let mut recognised = Recognised::default();
    if !context.spec.read_only {
        (ancestry, recognised) = scene.find_corrected(placed, ancestry)?;
    }
    recognised.exchanged = scene.count_exchanged(placed, &ancestry);
    Ok((ancestry, recognised))
}

/// All that it is found out by.
struct Scene<'a> {
    snapshot: &'a Snapshot<'a>,
    sheet: &'a Sheet,
    table: &'a Table,
    known: &'a Known,
    /// Rows that were rejected with an earlier save: they are nobody's with another key.
    rejected: &'a RejectedRows,
    /// A person has decided that nothing of the save is taken: nothing of it is asked about any more.
    is_rejected: bool,
}

impl Scene<'_> {
    fn ancestry(&self, placed: &Placed) -> Result<Ancestry, PipelineError> {
        let (read, present) = (placed.read_records(), &placed.present);
        Ancestry::of(self.snapshot, self.table, self.sheet, self.known, &read, present)
    }

    /// What the source showed of some records at a state, ascending by record.
    fn shown(&self, state: StateNo, records: &[RecordId]) -> Result<Vec<(RecordId, Cells)>, PipelineError> {
        let arrival = &self.sheet.arrival;
        let mut shown: Vec<_> =
            self.snapshot.baseline(&arrival.table, &arrival.source, state, records)?.into_iter().collect();
        shown.sort_unstable_by_key(|(record, _)| *record);
        Ok(shown)
    }

    /// Of rows that share the key of a record, gives it the one that is as before: the others are its copies. If none is,
    /// nobody can tell. True if a record got its row.
    fn give_originals(&self, placed: &mut Placed, state: StateNo) -> Result<bool, PipelineError> {
        let mut records: Vec<RecordId> = placed.doubles.iter().map(|(record, _)| *record).collect();
        records.sort_unstable();
        records.dedup();
        let shown: HashMap<_, _> = self.shown(state, &records)?.into_iter().collect();
        let mut given: HashMap<RecordId, usize> = HashMap::new();
        for (record, position) in &placed.doubles {
            let is_as_before = |before: &Vec<(FieldId, Cell)>| {
                let row = &self.sheet.rows[*position].cells;
                row.iter().all(|(field, seen)| self.says_same(*field, cell_of(before, *field), seen))
            };
            if shown.get(record).is_some_and(is_as_before) {
                given.entry(*record).or_insert(*position);
            }
        }
        let is_copy = |(record, position): &&(RecordId, usize)| given.get(record).is_some_and(|own| own != position);
        let copies: HashSet<usize> = placed.doubles.iter().filter(is_copy).map(|(_, position)| *position).collect();
        for orphan in &mut placed.orphans {
            if orphan.position.is_some_and(|position| copies.contains(&position)) {
                orphan.why = Why::Copy;
            }
        }
        let originals: HashSet<usize> = given.values().copied().collect();
        placed.orphans.retain(|orphan| !orphan.position.is_some_and(|position| originals.contains(&position)));
        placed.read.extend(given.iter().map(|(record, position)| (*position, *record, false)));
        placed.read.sort_unstable_by_key(|(position, ..)| *position);
        Ok(!given.is_empty())
    }

    /// Gives rows to the records that showed their keys in this source, where the key is not that record's any more: it was
    /// corrected elsewhere, and the file does not know. True if a row was given.
    fn give_by_shown_keys(
        &self,
        placed: &mut Placed,
        ancestry: &Ancestry,
        state: StateNo,
    ) -> Result<bool, PipelineError> {
        let is_suspect = |(position, record, new): &&(usize, RecordId, bool)| {
            let row = &self.sheet.rows[*position];
            let differs = |base: &[(FieldId, Cell)]| {
                let mut key = self.table.primary_key.iter();
                key.any(|field| row.cell(*field).is_some_and(|now| !self.says_same(*field, cell_of(base, *field), now)))
            };
            row.key.is_some() && (*new || ancestry.base(*record).is_some_and(differs))
        };
        let suspects: Vec<(usize, RecordId, bool)> = placed.read.iter().filter(is_suspect).copied().collect();
        if suspects.is_empty() {
            return Ok(false);
        }
        let mut records = ancestry.gone(self.known, &placed.present);
        records.extend(suspects.iter().filter(|(.., new)| !new).map(|(_, record, _)| *record));
        let mut by_key = self.shown_keys(&records, state)?;
        self.add_earlier_keys(&mut by_key, &records, &suspects)?;
        let own = |position: usize| by_key.get(self.sheet.rows[position].key.as_ref()?).copied().flatten();
        let given: Vec<(usize, RecordId)> = suspects
            .iter()
            .filter_map(|(position, record, _)| Some((*position, own(*position).filter(|own| own != record)?)))
            .collect();
        let moved: HashSet<usize> = given.iter().map(|(position, _)| *position).collect();
        let staying: HashMap<RecordId, usize> = placed
            .read
            .iter()
            .filter(|(position, ..)| !moved.contains(position))
            .map(|(position, record, _)| (*record, *position))
            .collect();
        for (_, record, _) in suspects.iter().filter(|(position, _, new)| !new && moved.contains(position)) {
            placed.present.remove(record);
        }
        // A record that has a row by its key of today, and another by the key of before: one of the two is a copy.
        let (doubles, given): (Vec<_>, Vec<_>) =
            given.into_iter().partition(|(_, record)| staying.contains_key(record));
        placed.rekey(&given);
        let shared: HashMap<usize, RecordId> = doubles
            .into_iter()
            .flat_map(|(position, record)| [(position, record), (staying[&record], record)])
            .collect();
        placed.share(self.sheet, &shared);
        Ok(!moved.is_empty())
    }

    /// Adds the keys of new rows that records showed in other states, where the rows resemble them: an older copy still has
    /// the key that was corrected since. Which state the save descends from is decided once the rows have their records.
    fn add_earlier_keys(
        &self,
        by_key: &mut HashMap<identify::Key, Option<RecordId>>,
        records: &[RecordId],
        suspects: &[(usize, RecordId, bool)],
    ) -> Result<(), PipelineError> {
        let mut strange: HashMap<&identify::Key, &Row> = suspects
            .iter()
            .filter(|(.., new)| *new)
            .filter_map(|(position, ..)| Some((self.sheet.rows[*position].key.as_ref()?, &self.sheet.rows[*position])))
            .filter(|(key, _)| !by_key.contains_key(*key))
            .collect();
        let (Some(newest), Some(oldest)) = (self.known.states.first(), self.known.states.last()) else { return Ok(()) };
        if strange.is_empty() || records.is_empty() {
            return Ok(());
        }
        let changed = self.snapshot.state_changes(&self.sheet.arrival.source, oldest.no, newest.no)?;
        let records: Vec<RecordId> =
            records.iter().filter(|record| changed.binary_search(record).is_ok()).copied().collect();
        for state in &self.known.states {
            if strange.is_empty() || records.is_empty() {
                break;
            }
            for (record, cells) in self.shown(state.no, &records)? {
                let Some(key) = identify::key_of(self.table, &cells) else { continue };
                let is_it = |row: &&Row| corrected::resembles(self.table, &row.cells, &cells);
                if strange.get(&key).is_some_and(is_it) {
                    strange.remove(&key);
                    by_key.insert(key, Some(record));
                }
            }
        }
        Ok(())
    }

    /// Which record showed which key in a state; `None` where two did, for then it says nothing.
    fn shown_keys(
        &self,
        records: &[RecordId],
        state: StateNo,
    ) -> Result<HashMap<identify::Key, Option<RecordId>>, PipelineError> {
        let mut by_key: HashMap<identify::Key, Option<RecordId>> = HashMap::new();
        for (record, cells) in self.shown(state, records)? {
            if let Some(key) = identify::key_of(self.table, &cells) {
                by_key.entry(key).and_modify(|known| *known = None).or_insert(Some(record));
            }
        }
        Ok(by_key)
    }

    /// Finds the record of rows that share a key which no record has any more: the one that showed it.
    fn find_strangers(&self, placed: &mut Placed, ancestry: &Ancestry, state: StateNo) -> Result<(), PipelineError> {
        if placed.strangers.is_empty() {
            return Ok(());
        }
        let by_key = self.shown_keys(&ancestry.gone(self.known, &placed.present), state)?;
        for position in std::mem::take(&mut placed.strangers) {
            let key = self.sheet.rows[position].key.as_ref();
            if let Some(record) = key.and_then(|key| by_key.get(key)).copied().flatten() {
                placed.present.insert(record);
                placed.doubles.push((record, position));
            }
        }
        Ok(())
    }

    /// Gives rows with a corrected key to their records, and withholds those of which a person has to decide.
    fn find_corrected(&self, placed: &mut Placed, ancestry: Ancestry) -> Result<(Ancestry, Recognised), PipelineError> {
        let may_be_corrected = |row: &Row| row.key.is_some() && !self.rejected.contain(row.hash);
        let positions: Vec<usize> = placed
            .read
            .iter()
            .filter(|(position, _, new)| *new && may_be_corrected(&self.sheet.rows[*position]))
            .map(|(position, ..)| *position)
            .collect();
        let gone = if positions.is_empty() { Vec::new() } else { ancestry.gone(self.known, &placed.present) };
        let (false, Some(state)) = (gone.is_empty(), ancestry.state()) else {
            return Ok((ancestry, Recognised::default()));
        };
        let shown = self.shown(state, &gone)?;
        let pairs = self.pairs(&positions, &shown, state, placed)?;
        let of = |pair: &Pair| (positions[pair.row], shown[pair.gone].0);
        let rekeyed = |pair: &Pair| self.rekeyed(positions[pair.row], &shown[pair.gone]);

        let corrected: Vec<(usize, RecordId)> = pairs.corrected.iter().map(of).collect();
        placed.rekey(&corrected);
        let again = if corrected.is_empty() { None } else { Some(self.ancestry(placed)?) };
        let (asked, mut withheld, mut waiting) = if self.is_rejected {
            // The others are added rows like any other, which are refused, and their records' rows are gone.
            let asked = self.asked_before(&pairs.asked, rekeyed)?;
            let (positions, records): (HashSet<usize>, IdSet<RecordId>) = asked.iter().map(of).unzip();
            (asked, positions, records)
        } else {
            let withheld = pairs.waiting_rows.iter().map(|row| positions[*row]).collect();
            (pairs.asked, withheld, pairs.waiting_gone.iter().map(|gone| shown[*gone].0).collect())
        };
        let mut recognised = Recognised { asked: asked.iter().map(rekeyed).collect(), ..Recognised::default() };
        let ancestry = match again {
            None => ancestry,
            Some(again) if self.is_rejected || again.state() == ancestry.state() => {
                recognised.corrected = pairs.corrected.iter().map(rekeyed).collect();
                again
            }
            // With these rows the save looks like another state's, in which they may have shown something else.
            Some(_) => {
                recognised.asked.extend(pairs.corrected.iter().map(rekeyed));
                withheld.extend(corrected.iter().map(|(position, _)| *position));
                waiting.extend(corrected.iter().map(|(_, record)| *record));
                ancestry
            }
        };
        recognised.waiting = waiting.len() as u64;
        placed.withhold(&withheld, waiting);
        Ok((ancestry, recognised))
    }

    /// Those pairs about which a question is open already.
    fn asked_before(&self, asked: &[Pair], rekeyed: impl Fn(&Pair) -> Rekeyed) -> Result<Vec<Pair>, PipelineError> {
        let mut open = open_reviews(self.snapshot, &self.sheet.arrival.source)?;
        open.retain(|review| review.kind == ReviewKind::Ambiguous);
        let is_open = |pair: &&Pair| {
            let rekeyed = rekeyed(pair);
            let is_its =
                |review: &Review| review.record == Some(rekeyed.record) && rekeyed.is_asked_by(self.table, review);
            open.iter().any(is_its)
        };
        Ok(asked.iter().filter(is_open).copied().collect())
    }

    /// Pairs rows with gone records, without the pairs to which a person has said no.
    fn pairs(
        &self,
        positions: &[usize],
        shown: &[(RecordId, Cells)],
        state: StateNo,
        placed: &Placed,
    ) -> Result<corrected::Pairs, PipelineError> {
        let rows: Vec<&Row> = positions.iter().map(|position| &self.sheet.rows[*position]).collect();
        let gone: Vec<Gone<'_>> = shown.iter().map(|(record, cells)| Gone { record: *record, cells }).collect();
        let there: Vec<RecordId> = self
            .known
            .rows
            .iter()
            .filter(|row| !row.missing && placed.present.contains(&row.record))
            .map(|row| row.record)
            .collect();
        let step = there.len().div_ceil(SAMPLE_ROWS).max(1);
        let sample: Vec<RecordId> = there.into_iter().step_by(step).collect();
        let others = self.shown(state, &sample)?;
        let others: Vec<&[(FieldId, Cell)]> = others.iter().map(|(_, cells)| cells.as_slice()).collect();
        let pairs = corrected::pair(self.table, &rows, &gone, &others, &|_| false);
        if pairs.corrected.is_empty() && pairs.asked.is_empty() {
            return Ok(pairs);
        }
        let denied = denied(self.snapshot, &self.sheet.arrival.source)?;
        let is_denied = |pair: Pair| {
            let says =
                |(field, incoming): &(FieldId, Cell)| self.says_same(*field, rows[pair.row].cell(*field), incoming);
            denied.get(&gone[pair.gone].record).is_some_and(|keys| keys.iter().any(|key| key.iter().all(says)))
        };
        if denied.is_empty() {
            return Ok(pairs);
        }
        Ok(corrected::pair(self.table, &rows, &gone, &others, &is_denied))
    }

    /// A row and a record with the parts of the key in which they differ.
    fn rekeyed(&self, position: usize, (record, shown): &(RecordId, Cells)) -> Rekeyed {
        let row = &self.sheet.rows[position];
        let parts = self.table.primary_key.iter().filter_map(|field| {
            let (before, now) = (cell_of(shown, *field), row.cell(*field)?);
            let differs = !self.says_same(*field, before, now);
            differs.then(|| (*field, before.cloned().unwrap_or(Cell::Blank), now.clone()))
        });
        Rekeyed { record: *record, row: row.number, parts: parts.collect() }
    }

    /// How many rows of known records show what others of them showed.
    fn count_exchanged(&self, placed: &Placed, ancestry: &Ancestry) -> u64 {
        let is_key = |field: &FieldId| self.table.primary_key.contains(field);
        let mut changed: Vec<Changed<'_>> = Vec::new();
        for (position, record, new) in &placed.read {
            let row = &self.sheet.rows[*position];
            let Some(base) = ancestry.base(*record).filter(|_| !new) else { continue };
            let differs = |(field, seen): &(FieldId, Cell)| {
                !is_key(field) && !self.says_same(*field, cell_of(base, *field), seen)
            };
            if row.cells.iter().any(differs) {
                changed.push(Changed { now: &row.cells, before: base });
            }
        }
        corrected::exchanged(self.table, &changed).len() as u64
    }

    /// Whether a cell says what stood there; no cell and a blank say the same.
    fn says_same(&self, field: FieldId, before: Option<&Cell>, seen: &Cell) -> bool {
        let before = before.unwrap_or(&Cell::Blank);
        self.table.field(field).is_none_or(|field| field.says_same(before, seen))
    }
}
