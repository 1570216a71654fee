//! Entries: what an arrival said of a record, and what became of each cell. The journal is made of them,
//! and the ledger is what follows from them.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::{Arrival, Cell, FieldId, Problem, RecordId, Review, ReviewId, RowHash, StateNo, TableName};

/// What became of a cell that arrived. Each edit ends as exactly one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Outcome {
    /// It says what is stored already, or was not touched; remembered as seen.
    Unchanged,
    /// It is the current value.
    Applied,
    /// A rule preferred another value, knowingly.
    Superseded,
    /// The access rules or a constraint did not allow it; its author is told.
    Refused,
    /// A person has to choose between it and what is stored.
    Conflict,
    /// It waits for a person as part of a held arrival or of a held row.
    Held,
}

impl Outcome {
    /// Its name in `--json` output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Applied => "applied",
            Self::Superseded => "superseded",
            Self::Refused => "refused",
            Self::Conflict => "conflict",
            Self::Held => "held",
        }
    }
}

/// What an arrival said of one cell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellEntry {
    /// Which field.
    pub field: FieldId,
    /// What became of it.
    pub outcome: Outcome,
    /// Which rule decided: an index into [`Posting::rules`].
    pub rule: u16,
    /// What the place shows now: it becomes the source's baseline.
    pub seen: Cell,
    /// What stood there before; `None` where nothing was known of the cell.
    pub before: Option<Box<Before>>,
}

impl CellEntry {
    /// What the ledger holds if the cell was applied.
    pub fn posted(&self) -> &Cell {
        self.before.as_ref().and_then(|before| before.posted.as_ref()).unwrap_or(&self.seen)
    }
}

/// What was known of a cell when an edit of it arrived.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// What the source was last known to show: the base that the edit was made against.
    pub base: Option<Cell>,
    /// What the ledger held; `None` if it was never filled.
    pub stored: Option<Cell>,
    /// What the ledger holds now, where that is not `seen`: a union, a decision for another value.
    pub posted: Option<Cell>,
}

/// Whether the source still has the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Presence {
    /// The row is there.
    Seen,
    /// The row was there and is gone.
    Missing,
    /// The arrival is not a sheet: the source's baseline has no part in it.
    Elsewhere,
}

/// What the arrival did to the record as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Life {
    /// Nothing: it went on living, or it was archived already.
    Unchanged,
    /// The record is new.
    Created,
    /// It left all views; its history stays.
    Archived,
    /// It came back from the archive.
    Restored,
}

/// What an arrival said of one record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordEntry {
    /// Which record.
    pub record: RecordId,
    /// The row in the sheet, from 1.
    pub row: Option<u32>,
    /// The row's hash: if it comes again, the row says nothing new.
    pub hash: RowHash,
    /// Whether the source still has the record.
    pub presence: Presence,
    /// What the arrival did to the record as a whole.
    pub life: Life,
    /// The cells that say something new to the baseline or to the ledger, ascending by field.
    pub cells: Vec<CellEntry>,
    /// Keys that the record has from now on; empty if no key changed.
    pub keys: Vec<KeyEntry>,
}

impl RecordEntry {
    /// Whether it changes the record, so that the record's version goes up.
    pub fn changes_record(&self) -> bool {
        self.life != Life::Unchanged
            || !self.keys.is_empty()
            || self.cells.iter().any(|cell| cell.outcome == Outcome::Applied)
    }
}

/// A key of a record: by it the record is found again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyEntry {
    /// Which key.
    pub index: KeyIndex,
    /// Its text in the form for comparison; `None` takes the key away.
    pub text: Option<CompactString>,
}

/// Which of a table's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum KeyIndex {
    /// The primary key, its parts joined by U+001F.
    Primary,
    /// A field with `unique = true`.
    Unique(FieldId),
}

/// What a source shows from now on, beside the entries of its rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateAdvance {
    /// The state that the entries' baselines are relative to: the newest one.
    pub after: Option<StateNo>,
    /// Rows that could not be given to a record, and problems that have been told, as keyed digests:
    /// what is in here is not told again. It replaces what was there.
    pub told: Vec<u64>,
}

/// A change to the steward's queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReviewChange {
    /// A question is put, or one that was open is put anew with what arrived since.
    Open(Box<Review>),
    /// A question is answered, or has gone away by itself.
    Close {
        /// Which one.
        id: ReviewId,
        /// How: `incoming`, `stored`, `base`, `value`, `accept`, `reject`, or `withdrawn`.
        how: CompactString,
    },
}

/// All that one transaction writes. The journal keeps it; the ledger follows from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posting {
    /// What arrived.
    pub arrival: Arrival,
    /// Names of the rules that decided: `clean`, `latest`, an access rule's id …
    pub rules: Vec<CompactString>,
    /// What it said of which record; a record at most once.
    pub records: Vec<RecordEntry>,
    /// Changes to the steward's queue.
    pub reviews: Vec<ReviewChange>,
    /// The source's new state; `None` if the arrival is not a sheet or is held.
    pub state: Option<StateAdvance>,
    /// What was wrong with it, as it was told.
    pub problems: Vec<Problem>,
}

/// A record as the ledger holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRecord {
    /// Its id.
    pub id: RecordId,
    /// Its table.
    pub table: TableName,
    /// How many postings changed it.
    pub version: u64,
    /// Whether it was archived.
    pub archived: bool,
    /// When it last changed.
    pub updated_at: super::Timestamp,
    /// Its cells that were ever filled, ascending by field; a cleared one is [`Cell::Blank`].
    pub cells: Vec<(FieldId, StoredCell)>,
}

impl StoredRecord {
    /// The cell of a field; `None` if it was never filled.
    pub fn cell(&self, field: FieldId) -> Option<&StoredCell> {
        self.cells.binary_search_by_key(&field, |(id, _)| *id).ok().map(|index| &self.cells[index].1)
    }

    /// The value of a field; `None` if it was never filled or is cleared.
    pub fn value(&self, field: FieldId) -> Option<&super::Value> {
        self.cell(field).and_then(|stored| stored.cell.value())
    }
}

/// A cell of the ledger with where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCell {
    /// [`Cell::Value`] or [`Cell::Blank`].
    pub cell: Cell,
    /// Who said so.
    pub stamp: std::sync::Arc<Stamp>,
}

/// Where a stored value comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Stamp {
    /// The arrival that set it.
    pub arrival: super::ArrivalId,
    /// Its source.
    pub source: super::SourceName,
    /// The source's rank then.
    pub rank: i32,
    /// When it was edited.
    pub edited_at: super::Timestamp,
    /// Filled cells of the record's row in that arrival, for the rule `most-complete`.
    pub filled: u16,
    /// The plugin that set it; `None` if a person did. What a plugin made of what somebody typed is the plugin's.
    #[serde(skip)]
    pub plugin: Option<super::plugin::PluginName>,
}
