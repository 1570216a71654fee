//! Edits: what a source changed against what it was last known to show.

use super::{Cell, FieldId};

/// One cell that a source changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Which field.
    pub field: FieldId,
    /// What the source showed before; `None` if nothing is known of it, as at a first sync.
    pub base: Option<Cell>,
    /// What it shows now: [`Cell::Value`] or [`Cell::Blank`].
    pub incoming: Cell,
}
