//! Reviews: questions that only a person can answer.

use serde::{Deserialize, Serialize};

use super::{Actor, ArrivalId, Cell, FieldId, RecordId, ReviewId, SourceName, TableName, Timestamp};

/// What kind of question it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ReviewKind {
    /// Two edits of one value.
    Conflict,
    /// A row vanished from a sheet.
    MissingRow,
    /// An arrival changed more than the guard allows; it is held whole.
    MassChange,
    /// A row that may be a record whose row is gone, under another key; or a column that may be a field's.
    Ambiguous,
    /// A row in which a plugin found an error, or for which it had no answer; it is held.
    Plugin,
}

impl ReviewKind {
    /// Its name in `--json` output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Conflict => "conflict",
            Self::MissingRow => "missing-row",
            Self::MassChange => "mass-change",
            Self::Ambiguous => "ambiguous",
            Self::Plugin => "plugin",
        }
    }
}

/// A question for a steward.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// Its id.
    pub id: ReviewId,
    /// What kind.
    pub kind: ReviewKind,
    /// The table.
    pub table: TableName,
    /// The record; `None` for a held arrival.
    pub record: Option<RecordId>,
    /// The field; `None` if it is about the whole record or arrival.
    pub field: Option<FieldId>,
    /// The fields of the same group that are decided along, with what arrived for each.
    pub group: Vec<(FieldId, Cell)>,
    /// What the edit was made against.
    pub base: Option<Cell>,
    /// What is stored at the time of asking.
    pub stored: Option<Cell>,
    /// What arrived.
    pub incoming: Option<Cell>,
    /// The source that brought it.
    pub source: SourceName,
    /// `客户.xlsx!客户!C14`.
    pub place: String,
    /// In whose name.
    pub actor: Actor,
    /// The arrival that raised it.
    pub arrival: ArrivalId,
    /// When.
    pub at: Timestamp,
    /// A held arrival's extent: changed cells, missing rows, rows.
    pub extent: Option<Extent>,
}

/// How much a held arrival would change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    /// Cells that would change or clear a value.
    pub changed_cells: u64,
    /// Cells that were known before.
    pub known_cells: u64,
    /// Rows that are gone, or stand under another key than before.
    pub missing_rows: u64,
    /// Rows that were known before.
    pub known_rows: u64,
}
