//! What a source said last of a record's fields, and what became of it: from the record's history.
//!
//! It tells what stood in a cell before something forbidden was typed into it, and why what still stands there was refused.

use compact_str::CompactString;

use crate::model::{ArrivalId, ArrivalKind, Cell, FieldId, Outcome, SourceName};
use crate::store::HistoryItem;

/// The rules of the composer by which a value is refused that nobody could have kept.
const INVALID: [&str; 2] = ["required", "unique"];

/// The source's last word about each field of a record.
pub(super) struct Recalled(Vec<(FieldId, Last)>);

/// The last word about one field.
pub(super) struct Last {
    /// The rule that refused it; `None` if it was not refused.
    pub(super) refused_by: Option<CompactString>,
    /// What stood in the cell.
    pub(super) seen: Cell,
    /// The arrival that said so.
    pub(super) arrival: ArrivalId,
    /// What stood there before the first of the refused edits that ends with this one; `None` if that is not known.
    pub(super) before: Option<Cell>,
}

impl Last {
    /// Whether it was refused because no such value may be kept, not because its author may not change it.
    pub(super) fn is_invalid(&self) -> bool {
        matches!(self.seen, Cell::Raw(_)) || self.refused_by.as_deref().is_some_and(|rule| INVALID.contains(&rule))
    }
}

impl Recalled {
    /// Gathers it from a record's history, which comes oldest first.
    pub(super) fn of_history(items: Vec<HistoryItem>, source: &SourceName) -> Self {
        let mut recalled = Self(Vec::new());
        let own = |item: &HistoryItem| item.arrival.source == *source && item.arrival.kind == ArrivalKind::Workbook;
        let mut was_known = false;
        for item in items.into_iter().filter(own) {
            // What a cell still showed is no word about it: a copy that is saved again repeats what was refused.
            for cell in item.entry.cells.into_iter().filter(|cell| cell.outcome != Outcome::Unchanged) {
                let rule = item.rules.get(usize::from(cell.rule)).cloned().unwrap_or_default();
                let refused_by = (cell.outcome == Outcome::Refused).then_some(rule);
                // An empty cell of a row that was there is in no baseline.
                let base = cell.before.and_then(|before| before.base).or(was_known.then_some(Cell::Blank));
                let arrival = item.arrival.id;
                recalled.note(cell.field, Last { refused_by, seen: cell.seen, arrival, before: base });
            }
            was_known = true;
        }
        recalled
    }

    fn note(&mut self, field: FieldId, mut last: Last) {
        match self.0.iter_mut().find(|(id, _)| *id == field) {
            Some((_, earlier)) => {
                // What was refused when the cell was first seen is what stood there.
                if earlier.refused_by.is_some() && last.refused_by.is_some() && earlier.before.is_some() {
                    last.before = earlier.before.take();
                }
                *earlier = last;
            }
            None => self.0.push((field, last)),
        }
    }

    /// The last word about a field.
    pub(super) fn of(&self, field: FieldId) -> Option<&Last> {
        self.0.iter().find(|(id, _)| *id == field).map(|(_, last)| last)
    }

    /// The fields whose last word was refused, with the rule that refused it.
    pub(super) fn refused(&self) -> impl Iterator<Item = (FieldId, &Last, &CompactString)> {
        self.0.iter().filter_map(|(field, last)| Some((*field, last, last.refused_by.as_ref()?)))
    }
}
