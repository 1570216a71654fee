//! Numbers that Daybook hands out to records that come without a key.

use std::collections::HashSet;

use compact_str::{CompactString, ToCompactString};

use super::error::PipelineError;
use crate::identify;
use crate::model::entry::KeyIndex;
use crate::model::schema::Generator;
use crate::model::{Cell, FieldId, Row, Table, Value};
use crate::store::Snapshot;

/// Hands out numbers for records that come without a key.
pub(super) struct Numbers<'a> {
    snapshot: &'a Snapshot<'a>,
    table: &'a Table,
    next: u64,
    /// The keys that rows of the same sheet come with.
    claimed: HashSet<CompactString>,
}

impl<'a> Numbers<'a> {
    pub(super) fn new(snapshot: &'a Snapshot<'a>, table: &'a Table, rows: &[Row]) -> Result<Self, PipelineError> {
        let next = match generated(table) {
            Some((field, _)) => snapshot.last_number(&table.name, field)?.map_or(1, |last| last.saturating_add(1)),
            None => 1,
        };
        let claimed = match generated(table) {
            Some(_) => rows.iter().filter_map(|row| row.key.as_deref()).map(identify::joined).collect(),
            None => HashSet::new(),
        };
        Ok(Self { snapshot, table, next, claimed })
    }

    /// The next number that no record has.
    pub(super) fn next(&mut self) -> Result<CompactString, PipelineError> {
        let Some((field, generator)) = generated(self.table) else { return Ok(CompactString::default()) };
        loop {
            let text = generator.format(self.next).to_compact_string();
            self.next += 1;
            let key = self.table.key_of(&[(field, Cell::Value(Value::Text(text.clone())))]);
            let key = key.map(|key| identify::joined(&key)).unwrap_or_default();
            if self.claimed.contains(&key) {
                continue;
            }
            let taken =
                self.snapshot.records_by_key(&self.table.name, KeyIndex::Primary, std::slice::from_ref(&key))?;
            if taken.is_empty() {
                return Ok(text);
            }
        }
    }
}

/// The field whose numbers Daybook hands out.
pub(super) fn generated(table: &Table) -> Option<(FieldId, &Generator)> {
    table
        .primary_key
        .iter()
        .find_map(|id| table.field(*id).and_then(|field| field.generate.as_ref().map(|generator| (*id, generator))))
}

/// Whether the generated key is empty in a row, not unreadable.
pub(super) fn has_no_key(table: &Table, row: &Row) -> bool {
    generated(table).is_some_and(|(field, _)| row.cell(field).is_none_or(|cell| *cell == Cell::Blank))
}
