//! Which record each row of a sheet means.
//!
//! `identify` decides by the keys; this asks the store for what it decides by, and gives ids to new records.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use compact_str::CompactString;

use super::ancestry::Known;
use super::error::PipelineError;
use super::ids::{IdMap, IdSet};
use super::numbers::{generated, has_no_key};
use super::sheet::{Context, Sheet};
use crate::identify::{self, Identity, keyless};
use crate::io::{Entropy, Pooled, uuid_v7};
use crate::model::entry::KeyIndex;
use crate::model::{RecordId, Row, RowHash};
use crate::store::Snapshot;

/// The rows of a sheet by what they mean.
pub(super) struct Placed {
    /// Rows that were read: position in [`Sheet::rows`] and the record; `true` if the record is new.
    pub(super) read: Vec<(usize, RecordId, bool)>,
    /// Rows that belong to no record.
    pub(super) orphans: Vec<Orphan>,
    /// Those of them that share the key of a record with others: the record, and the row's position.
    pub(super) doubles: Vec<(RecordId, usize)>,
    /// Those that share a key that no record has: the row's position.
    pub(super) strangers: Vec<usize>,
    /// Records that are in the sheet, whatever became of their rows.
    pub(super) present: IdSet<RecordId>,
    /// Row numbers of records whose row is as the newest state has it.
    pub(super) untouched: IdMap<RecordId, u32>,
}

/// A row that belongs to no record.
pub(super) struct Orphan {
    /// Its position in [`Sheet::rows`]; `None` if its hash was enough.
    pub(super) position: Option<usize>,
    /// Its number in the sheet, from 1.
    pub(super) number: u32,
    pub(super) hash: RowHash,
    pub(super) why: Why,
}

/// Why a row belongs to no record.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    NoKey,
    /// Several rows have its key, and nobody can tell which of them the record is.
    Duplicate,
    /// Another row has its key, and is the record's as it was.
    Copy,
}

impl Placed {
    /// Finds each row's record. `None` if a hash is not known any more.
    pub(super) fn of(
        snapshot: &Snapshot<'_>,
        sheet: &Sheet,
        context: &Context<'_>,
        known: &Known,
        entropy: &mut dyn Entropy,
    ) -> Result<Option<Self>, PipelineError> {
        let mut untouched = IdMap::default();
        untouched.reserve(sheet.known.len());
        let mut orphans = Vec::new();
        for (number, hash) in &sheet.known {
            let Some(record) = known.by_hash.get(hash) else { return Ok(None) };
            match untouched.entry(*record) {
                Entry::Vacant(free) => {
                    free.insert(*number);
                }
                // The very same row again.
                Entry::Occupied(_) => {
                    orphans.push(Orphan { position: None, number: *number, hash: *hash, why: Why::Copy });
                }
            }
        }
        let mut present: IdSet<RecordId> = untouched.keys().copied().collect();
        let keys: Vec<CompactString> =
            sheet.rows.iter().filter_map(|row| row.key.as_deref()).map(identify::joined).collect();
        let found = snapshot.records_by_key(&context.table.name, KeyIndex::Primary, &keys)?;
        let identities = identify::identify(&sheet.rows, &HashSet::<identify::Key>::new(), &|key| {
            found.get(&identify::joined(key)).copied()
        });
        let mut placed = Self {
            read: Vec::with_capacity(sheet.rows.len()),
            orphans,
            doubles: Vec::new(),
            strangers: Vec::new(),
            present: IdSet::default(),
            untouched,
        };
        let mut keyless = Vec::new();
        let mut entropy = Pooled::new(entropy);
        let at = sheet.arrival.at.0;
        for (position, (row, identity)) in sheet.rows.iter().zip(identities).enumerate() {
            let orphan = |why| Orphan { position: Some(position), number: row.number, hash: row.hash, why };
            match identity {
                Identity::Known(record) if placed.untouched.contains_key(&record) => {
                    placed.orphans.push(orphan(Why::Copy));
                }
                Identity::Known(record) => {
                    present.insert(record);
                    placed.read.push((position, record, false));
                }
                Identity::New => placed.read.push((position, RecordId::new(uuid_v7(at, &mut entropy)), true)),
                Identity::Duplicate => {
                    let record = row.key.as_deref().and_then(|key| found.get(&identify::joined(key)));
                    let has_row = record.is_some_and(|record| placed.untouched.contains_key(record));
                    present.extend(record);
                    match record {
                        Some(record) if !has_row => placed.doubles.push((*record, position)),
                        Some(_) => {}
                        None => placed.strangers.push(position),
                    }
                    placed.orphans.push(orphan(if has_row { Why::Copy } else { Why::Duplicate }));
                }
                Identity::Keyless if generated(context.table).is_some() && has_no_key(context.table, row) => {
                    keyless.push(position);
                }
                Identity::Keyless => placed.orphans.push(orphan(Why::NoKey)),
            }
        }
        placed.present = present;
        placed.place_keyless(snapshot, sheet, known, &keyless, &mut entropy)?;
        Ok(Some(placed))
    }

    /// Gives rows without a key to the records that were made of them before, or to new ones.
    pub(super) fn place_keyless(
        &mut self,
        snapshot: &Snapshot<'_>,
        sheet: &Sheet,
        known: &Known,
        positions: &[usize],
        entropy: &mut dyn Entropy,
    ) -> Result<(), PipelineError> {
        if positions.is_empty() {
            return Ok(());
        }
        let gone = known.rows.iter().filter(|row| !row.missing && !self.present.contains(&row.record));
        let gone: Vec<RecordId> = gone.map(|row| row.record).collect();
        let mut shown: Vec<_> = match known.newest {
            Some(newest) => {
                snapshot.baseline(&sheet.arrival.table, &sheet.arrival.source, newest, &gone)?.into_iter().collect()
            }
            None => Vec::new(),
        };
        shown.sort_by_key(|(id, _)| *id);
        let baselines: Vec<keyless::Baseline<'_>> =
            shown.iter().map(|(record, cells)| keyless::Baseline { record: *record, row: None, cells }).collect();
        let rows: Vec<&Row> = positions.iter().map(|position| &sheet.rows[*position]).collect();
        for (position, found) in positions.iter().zip(keyless::match_rows(&rows, &baselines)) {
            let record = found.unwrap_or_else(|| RecordId::new(uuid_v7(sheet.arrival.at.0, entropy)));
            self.present.insert(record);
            self.read.push((*position, record, found.is_none()));
        }
        self.read.sort_by_key(|(position, _, _)| *position);
        Ok(())
    }

    /// The records of the rows that were read, with the rows.
    pub(super) fn read_records(&self) -> IdMap<RecordId, usize> {
        self.read.iter().filter(|(_, _, new)| !new).map(|(position, record, _)| (*record, *position)).collect()
    }

    /// Gives rows that seemed new to records whose key they correct: each row's position with its record.
    pub(super) fn rekey(&mut self, corrected: &[(usize, RecordId)]) {
        let records: HashMap<usize, RecordId> = corrected.iter().copied().collect();
        for (position, record, new) in &mut self.read {
            if let Some(corrected) = records.get(position) {
                (*record, *new) = (*corrected, false);
            }
        }
        self.present.extend(records.into_values());
    }

    /// Takes rows out, by position, that share a record with others.
    pub(super) fn share(&mut self, sheet: &Sheet, shared: &HashMap<usize, RecordId>) {
        self.read.retain(|(position, ..)| !shared.contains_key(position));
        let mut shared: Vec<(usize, RecordId)> = shared.iter().map(|(position, record)| (*position, *record)).collect();
        shared.sort_unstable();
        for (position, record) in shared {
            let row = &sheet.rows[position];
            self.doubles.push((record, position));
            self.present.insert(record);
            let position = Some(position);
            self.orphans.push(Orphan { position, number: row.number, hash: row.hash, why: Why::Duplicate });
        }
    }

    /// Takes rows out, by position, and counts records as present of which it is not known whether they are.
    pub(super) fn withhold(&mut self, positions: &HashSet<usize>, records: IdSet<RecordId>) {
        self.read.retain(|(position, ..)| !positions.contains(position));
        self.present.extend(records);
    }
}
