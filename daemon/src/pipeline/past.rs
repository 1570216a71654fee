//! A record as it was known at an earlier time, from its history.

use crate::model::entry::{CellEntry, Stamp};
use crate::model::plugin::plugin_of_rule;
use crate::model::{FieldId, Life, Outcome, RecordId, StoredCell, StoredRecord, Table, Timestamp};
use crate::store::HistoryItem;

/// The record as the postings up to and at `at` made it; `None` if it was not there yet.
///
/// `history` is the record's whole history, oldest first.
pub fn record_at(table: &Table, id: RecordId, history: &[HistoryItem], at: Timestamp) -> Option<StoredRecord> {
    let mut record: Option<StoredRecord> = None;
    for item in history.iter().take_while(|item| item.arrival.at <= at) {
        let entry = &item.entry;
        if record.is_none() && entry.life != Life::Created {
            continue;
        }
        let record = record.get_or_insert_with(|| StoredRecord {
            id,
            table: table.name.clone(),
            version: 0,
            archived: false,
            updated_at: item.arrival.at,
            cells: Vec::new(),
        });
        let stamp = |cell: &CellEntry| {
            let rule = item.rules.get(usize::from(cell.rule));
            std::sync::Arc::new(Stamp {
                arrival: item.arrival.id,
                source: item.arrival.source.clone(),
                rank: item.arrival.rank,
                edited_at: item.arrival.edited_at,
                filled: 0,
                plugin: rule.and_then(|rule| plugin_of_rule(rule)).map(Into::into),
            })
        };
        let mut changed = entry.life != Life::Unchanged;
        for cell in entry.cells.iter().filter(|cell| cell.outcome == Outcome::Applied) {
            changed = true;
            put(&mut record.cells, cell.field, StoredCell { cell: cell.posted().clone(), stamp: stamp(cell) });
        }
        match entry.life {
            Life::Archived => record.archived = true,
            Life::Restored => record.archived = false,
            Life::Created | Life::Unchanged => {}
        }
        if changed {
            record.version += 1;
            record.updated_at = item.arrival.at;
        }
    }
    record
}

fn put(cells: &mut Vec<(FieldId, StoredCell)>, field: FieldId, cell: StoredCell) {
    match cells.binary_search_by_key(&field, |(id, _)| *id) {
        Ok(index) => cells[index].1 = cell,
        Err(index) => cells.insert(index, (field, cell)),
    }
}
