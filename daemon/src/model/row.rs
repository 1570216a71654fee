//! Rows as `extract` makes them: typed cells with their places.

use compact_str::CompactString;

use serde::{Deserialize, Serialize};

use super::{Cell, FieldId, RowHash};

/// One row of a sheet, typed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    /// The row's number in the sheet, from 1.
    pub number: u32,
    /// The keyed hash of the row's raw cells; [`RowHash::UNKNOWN`] for rows that did not come from a file.
    pub hash: RowHash,
    /// One cell for each column that means a field, in ascending order of the field.
    pub cells: Vec<(FieldId, Cell)>,
    /// The primary key in its form for comparison, one part a field; `None` if a part is empty or unreadable.
    pub key: Option<Vec<CompactString>>,
}

impl Row {
    /// The cell of a field; `None` if the sheet has no such column.
    pub fn cell(&self, field: FieldId) -> Option<&Cell> {
        cell_of(&self.cells, field)
    }
}

/// The cell of a field in a list that is sorted by field.
pub fn cell_of(cells: &[(FieldId, Cell)], field: FieldId) -> Option<&Cell> {
    cells.binary_search_by_key(&field, |(id, _)| *id).ok().map(|index| &cells[index].1)
}

/// A place in a file, as a person writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The file's name without its folders.
    pub file: String,
    /// The sheet's name; `None` for CSV.
    pub sheet: Option<String>,
}

impl Place {
    /// `客户.xlsx!客户!C14`, or `客户.csv!C14`.
    pub fn cell(&self, cell: CellRef) -> String {
        match &self.sheet {
            Some(sheet) => format!("{}!{}!{}", self.file, sheet, cell),
            None => format!("{}!{}", self.file, cell),
        }
    }

    /// `客户.xlsx!客户!14`: a whole row.
    pub fn row(&self, row: u32) -> String {
        match &self.sheet {
            Some(sheet) => format!("{}!{}!{}", self.file, sheet, row),
            None => format!("{}!{}", self.file, row),
        }
    }

    /// `客户.xlsx!客户`: the whole sheet.
    pub fn whole(&self) -> String {
        match &self.sheet {
            Some(sheet) => format!("{}!{}", self.file, sheet),
            None => self.file.clone(),
        }
    }
}

/// A cell's position, written as `C14`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CellRef {
    /// The row, from 1.
    pub row: u32,
    /// The column, from 0 (`A`).
    pub column: u32,
}

impl std::fmt::Display for CellRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut letters = Vec::with_capacity(3);
        let mut rest = self.column + 1;
        while rest > 0 {
            let digit = (rest - 1) % 26;
            letters.push(char::from(b'A' + u8::try_from(digit).unwrap_or(0)));
            rest = (rest - 1) / 26;
        }
        for letter in letters.iter().rev() {
            write!(f, "{letter}")?;
        }
        write!(f, "{}", self.row)
    }
}
