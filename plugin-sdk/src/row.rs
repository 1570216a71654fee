//! A row, and a disputed cell of one.

use crate::bindings::base::daybook::plugin::types;
use crate::bindings::merge::exports::daybook::plugin::merge as wire;
use crate::{Cell, Column};

/// A row of a batch. It borrows; reading its cells copies nothing.
#[derive(Clone, Copy, Debug)]
pub struct Row<'r> {
    position: u32,
    row: &'r types::Row,
}

impl<'r> Row<'r> {
    pub(crate) const fn new(position: u32, row: &'r types::Row) -> Self {
        Self { position, row }
    }

    /// A column's cell. A column that the office lets the plugin write and not read is always empty.
    pub fn cell(self, column: Column) -> Cell<'r> {
        Cell::new(self.row.cells.get(column.index()).and_then(Option::as_deref))
    }

    /// Its position in the batch, from 0.
    pub const fn position(self) -> u32 {
        self.position
    }
}

/// A cell that two people changed differently.
#[derive(Clone, Copy, Debug)]
pub struct Dispute<'r> {
    dispute: &'r wire::Dispute,
    row: Row<'r>,
}

impl<'r> Dispute<'r> {
    pub(crate) const fn new(dispute: &'r wire::Dispute, row: Row<'r>) -> Self {
        Self { dispute, row }
    }

    /// The column of the cell.
    pub const fn column(self) -> Column {
        Column::at(self.dispute.column)
    }

    /// The record as it is stored.
    pub const fn row(self) -> Row<'r> {
        self.row
    }

    /// What both people saw.
    pub fn base(self) -> Cell<'r> {
        Cell::new(self.dispute.base.as_deref())
    }

    /// What the one made of it, which is stored.
    pub fn stored(self) -> Cell<'r> {
        Cell::new(self.dispute.stored.as_deref())
    }

    /// What the other made of it, which has just come in.
    pub fn incoming(self) -> Cell<'r> {
        Cell::new(self.dispute.incoming.as_deref())
    }
}
