//! Which record each row of a sheet means.
//!
//! `identify` decides by the keys; this asks the store for what it decides by, and gives ids to new records.

use std::collections::HashSet;

use compact_str::CompactString;

use super::ancestry::Known;
use super::error::PipelineError;
use super::ids::{IdMap, IdSet};
use super::numbers::{generated, has_no_key};
use super::sheet::{Context, Sheet};
use crate::identify::{self, Identity, keyless};
use crate::io::{Entropy, Pooled, uuid_v7};
use crate::model::entry::KeyIndex;
use crate::model::{RecordId, Row};
use crate::store::Snapshot;

/// The rows of a sheet by what they mean.
pub(super) struct Placed {
    /// Rows that were read: position in [`Sheet::rows`] and the record; `true` if the record is new.
    pub(super) read: Vec<(usize, RecordId, bool)>,
    /// Rows that belong to no record: position and what is wrong.
    pub(super) orphans: Vec<(usize, Orphan)>,
    /// Records that are in the sheet, whatever became of their rows.
    pub(super) present: IdSet<RecordId>,
    /// Row numbers of records whose row is as the newest state has it.
    pub(super) untouched: IdMap<RecordId, u32>,
}

/// Why a row belongs to no record.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Orphan {
    NoKey,
    Duplicate,
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
        for (number, hash) in &sheet.known {
            let Some(record) = known.by_hash.get(hash) else { return Ok(None) };
            untouched.insert(*record, *number);
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
            orphans: Vec::new(),
            present: IdSet::default(),
            untouched,
        };
        let mut keyless = Vec::new();
        let mut entropy = Pooled::new(entropy);
        let at = sheet.arrival.at.0;
        for (position, (row, identity)) in sheet.rows.iter().zip(identities).enumerate() {
            match identity {
                Identity::Known(record) if placed.untouched.contains_key(&record) => {
                    placed.orphans.push((position, Orphan::Duplicate));
                }
                Identity::Known(record) => {
                    present.insert(record);
                    placed.read.push((position, record, false));
                }
                Identity::New => placed.read.push((position, RecordId::new(uuid_v7(at, &mut entropy)), true)),
                Identity::Duplicate => {
                    let record = row.key.as_deref().and_then(|key| found.get(&identify::joined(key)));
                    present.extend(record);
                    placed.orphans.push((position, Orphan::Duplicate));
                }
                Identity::Keyless if generated(context.table).is_some() && has_no_key(context.table, row) => {
                    keyless.push(position);
                }
                Identity::Keyless => placed.orphans.push((position, Orphan::NoKey)),
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
}
