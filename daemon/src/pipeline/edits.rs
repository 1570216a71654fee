//! What a row changes, and what its author may do with its record: settled once for the plugins and for the composer.
//!
//! In come a row as it was read, what its source was known to show, and the stored record. Nothing is decided here.

use super::compose::{Came, Incoming};
use super::formulas::with_first_results;
use crate::access::{Decider, Rights, Subject};
use crate::merge;
use crate::model::{Arrival, Cell, Edit, Table};

/// The edits of a row, ascending by field, with what Daybook fills in.
pub(super) fn of(table: &Table, arrival: &Arrival, ignore_blanks: bool, incoming: &mut Incoming<'_>) -> Vec<Edit> {
    let mut edits = merge::edits(table, incoming.base, &with_first_results(incoming));
    if ignore_blanks {
        edits.retain(|edit| edit.incoming != Cell::Blank);
    }
    if incoming.came != Came::AsBefore && incoming.stored.is_some_and(|stored| !stored.archived) {
        // Whoever added the row anew had nothing of the record before her: what she typed contends with what is
        // stored, and what she left empty says nothing.
        edits.retain(|edit| edit.incoming != Cell::Blank);
        for edit in &mut edits {
            edit.base = None;
        }
        incoming.base = None;
    }
    for (field, value) in &incoming.supplied {
        edits.retain(|edit| edit.field != *field);
        edits.push(Edit { field: *field, base: None, incoming: Cell::Value(value.clone()) });
    }
    edits.sort_by_key(|edit| edit.field);
    base_on_own_word(arrival, incoming, &mut edits);
    edits
}

/// Lets an edit follow the stored value where that is this very source's own word: whatever its newest state shows instead
/// was refused and never posted, so the value is what its author had before.
fn base_on_own_word(arrival: &Arrival, incoming: &Incoming<'_>, edits: &mut [Edit]) {
    let Some(stored) = incoming.stored.filter(|_| incoming.current) else { return };
    for edit in edits.iter_mut().filter(|edit| edit.base.is_some()) {
        let own = stored.cell(edit.field).filter(|cell| cell.stamp.source == arrival.source);
        if let Some(own) = own {
            edit.base = Some(own.cell.clone());
        }
    }
}

/// What the actor may do with the record: as stored, or for a new one as the row says.
pub(super) fn rights(
    decider: &Decider,
    table: &Table,
    arrival: &Arrival,
    incoming: &Incoming<'_>,
    edits: &[Edit],
) -> Rights {
    let subject = match incoming.stored {
        Some(stored) => Subject::of(table, |field| stored.value(field)),
        None => Subject::of(table, |field| {
            edits.iter().find(|edit| edit.field == field).and_then(|edit| edit.incoming.value())
        }),
    };
    decider.rights(&arrival.actor, table, &subject)
}
