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
    /// The sheets of workbooks that came with a mail, ascending by `rows_above`. They lie beside the other fields in the journal.
    #[serde(skip)]
    pub sheets: Vec<AttachedSheet>,
}

/// A sheet of a workbook that came with a mail. The rows of all sheets of a mail are numbered in one line, so that a number
/// says which row of which sheet it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachedSheet {
    /// The attachment's name and the sheet's.
    pub place: Place,
    /// Which column (from 0) meant which field, ascending by field.
    pub columns: Vec<(FieldId, u32)>,
    /// What is taken from a row's number to get the row in the sheet, from 1. Numbers up to it are those of sheets before, or of the mail's
    /// own text.
    pub rows_above: u32,
}

impl Arrival {
    /// The place of one of its cells: `客户.xlsx!客户!C14`; the source's name if it is not a file.
    pub fn place_of(&self, row: Option<u32>, field: FieldId) -> String {
        let Some(Spot { place, columns, row }) = self.spot(row) else { return self.source.to_string() };
        let column = columns.iter().find(|(id, _)| *id == field).map(|(_, column)| *column);
        match (row, column) {
            (Some(row), Some(column)) => place.cell(super::CellRef { row, column }),
            (Some(row), None) => place.row(row),
            (None, _) => place.whole(),
        }
    }

    /// The place of one of its rows: `客户.xlsx!客户!14`; the source's name if it is not a file.
    pub fn place_of_row(&self, row: Option<u32>) -> String {
        match self.spot(row) {
            Some(Spot { place, row: Some(row), .. }) => place.row(row),
            Some(Spot { place, row: None, .. }) => place.whole(),
            None => self.source.to_string(),
        }
    }

    /// Where a row stands; `None` if it is no file.
    fn spot(&self, row: Option<u32>) -> Option<Spot<'_>> {
        let place = self.place.as_ref()?;
        if self.kind != ArrivalKind::Mail {
            return Some(Spot { place, columns: &self.columns, row });
        }
        let sheet = row.and_then(|row| self.sheets.iter().rfind(|sheet| sheet.rows_above < row));
        Some(match (sheet, row) {
            (Some(sheet), Some(row)) => {
                Spot { place: &sheet.place, columns: &sheet.columns, row: Some(row - sheet.rows_above) }
            }
            _ => Spot { place, columns: &[], row: None },
        })
    }
}

/// The file and sheet that a row stands in, its columns, and its number there.
struct Spot<'a> {
    place: &'a Place,
    columns: &'a [(FieldId, u32)],
    row: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_a_mail_stands_in_its_text_or_in_one_of_its_sheets() {
        let sheet = |file: &str, column, rows_above| AttachedSheet {
            place: Place { file: file.to_owned(), sheet: (rows_above == 3).then(|| "客户".to_owned()) },
            columns: vec![(FieldId(1), column)],
            rows_above,
        };
        let arrival = Arrival {
            id: ArrivalId::from_bytes([1; 16]),
            at: Timestamp(0),
            edited_at: Timestamp(0),
            kind: ArrivalKind::Mail,
            source: "capture".into(),
            rank: 0,
            actor: Actor::Steward,
            table: "customers".into(),
            place: Some(Place { file: "1@mail.example.com".to_owned(), sheet: None }),
            columns: Vec::new(),
            mark: Mark::default(),
            sheets: vec![sheet("客户.xlsx", 2, 3), sheet("b.csv", 0, 20)],
        };
        for (row, cell, whole) in [
            (None, "1@mail.example.com", "1@mail.example.com"),
            (Some(3), "1@mail.example.com", "1@mail.example.com"),
            (Some(4), "客户.xlsx!客户!C1", "客户.xlsx!客户!1"),
            (Some(20), "客户.xlsx!客户!C17", "客户.xlsx!客户!17"),
            (Some(22), "b.csv!A2", "b.csv!2"),
        ] {
            assert_eq!((arrival.place_of(row, FieldId(1)).as_str(), arrival.place_of_row(row).as_str()), (cell, whole));
        }
        assert_eq!(arrival.place_of(Some(22), FieldId(9)), "b.csv!2");
    }
}
