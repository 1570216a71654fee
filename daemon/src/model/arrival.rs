//! Arrivals: everything that enters, each with who brought it and where it came from.

use serde::{Deserialize, Serialize};

use super::{ArrivalId, FieldId, Place, ReviewId, Revision, SourceName, TableName, Timestamp};

/// In whose name something is done. The access rules decide by this and by nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Actor {
    /// A person of the configuration, by e-mail in lower case.
    Person(String),
    /// A post rather than a person: `role:sales@sales/east`.
    Role {
        /// The role's name.
        role: String,
        /// The department in which the role is held, if any.
        department: Option<String>,
    },
    /// Whoever may run the command line beside the key file: the steward at the machine. All rights.
    Steward,
    /// Daybook itself, for what it writes: publications.
    Daybook,
}

/// Writes the actor as the configuration would: `li.lei@example.com`, `role:sales@sales/east`, `steward`, `daybook`.
impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Person(email) => f.write_str(email),
            Self::Role { role, department: Some(department) } => write!(f, "role:{role}@{department}"),
            Self::Role { role, department: None } => write!(f, "role:{role}"),
            Self::Steward => f.write_str("steward"),
            Self::Daybook => f.write_str("daybook"),
        }
    }
}

/// What an arrival is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ArrivalKind {
    /// A save of a workbook or of a view.
    Workbook,
    /// `record set` or an edit in the console.
    Edit,
    /// A steward's answer to a review.
    Decision(ReviewId),
    /// The opposite of an earlier arrival.
    Revert(ArrivalId),
    /// Daybook wrote a view: what it shows now is what its readers will edit.
    Publication,
    /// A mail of somebody who was proved.
    Mail,
}

/// What a file says of itself: evidence of which state a save descends from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// SHA-256 of the file.
    pub digest: [u8; 32],
    /// The property `Daybook.Revision`: at which revision Daybook wrote the file that this one came from.
    pub revision: Option<Revision>,
    /// `lastModifiedBy` of the document properties: the claimed editor. Never used for access.
    pub editor: Option<String>,
    /// `modified` of the document properties.
    pub modified: Option<Timestamp>,
}

/// One thing that entered. Its entries say what it said of which record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// Its id.
    pub id: ArrivalId,
    /// When Daybook took it.
    pub at: Timestamp,
    /// When it was edited, as far as is known: a file's modification time, never later than `at`.
    /// The rules `latest` and `first` compare it.
    pub edited_at: Timestamp,
    /// What it is.
    pub kind: ArrivalKind,
    /// The source that brought it; `console` for commands and decisions.
    pub source: SourceName,
    /// The source's rank, for the rule `source-order`.
    pub rank: i32,
    /// In whose name.
    pub actor: Actor,
    /// The table that it is about.
    pub table: TableName,
    /// The file and sheet, or a mail's Message-ID; `None` if it is neither.
    pub place: Option<Place>,
    /// Which column (from 0) meant which field, ascending by field.
    pub columns: Vec<(FieldId, u32)>,
    /// What the file says of itself.
    pub mark: Mark,
}

impl Arrival {
    /// The place of one of its cells: `客户.xlsx!客户!C14`; the source's name if it is not a file.
    pub fn place_of(&self, row: Option<u32>, field: FieldId) -> String {
        let Some(place) = &self.place else { return self.source.to_string() };
        if self.kind == ArrivalKind::Mail {
            return place.whole();
        }
        let column = self.columns.iter().find(|(id, _)| *id == field).map(|(_, column)| *column);
        match (row, column) {
            (Some(row), Some(column)) => place.cell(super::CellRef { row, column }),
            (Some(row), None) => place.row(row),
            (None, _) => place.whole(),
        }
    }
}
