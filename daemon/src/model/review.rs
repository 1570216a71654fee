//! Reviews: questions that only a person can answer.

use compact_str::CompactString;
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
    /// Why plugins hold it; none of any other kind.
    pub held: Vec<HeldReason>,
}

/// Why a plugin holds a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldReason {
    /// The plugin's rule for the history: `plugin:NAME@VERSION#HASH`, or without version and hash if it could not be loaded.
    pub rule: CompactString,
    /// The field; `None` for the row as a whole.
    pub field: Option<FieldId>,
    /// Which of the plugin's rules; `plugin-failed` if it had no answer.
    pub code: CompactString,
    /// In its own words, which may quote what it saw.
    pub message: String,
    /// The fields that it saw: its words are for those who may see them all.
    pub reads: Vec<FieldId>,
}

impl HeldReason {
    /// The plugin's name and, if it was loaded, its version.
    pub fn plugin(&self) -> (&str, Option<&str>) {
        let rule = self.rule.strip_prefix("plugin:").unwrap_or(&self.rule);
        match rule.split_once('@') {
            Some((name, rest)) => (name, Some(rest.split('#').next().unwrap_or(rest))),
            None => (rule, None),
        }
    }

    /// Whether it is the same as another, however it is worded: a plugin that fails may fail otherwise each time.
    pub fn is_like(&self, other: &Self) -> bool {
        (&self.rule, self.field, &self.code) == (&other.rule, other.field, &other.code)
    }
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
