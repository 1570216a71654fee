//! Arrivals to typed rows, with a problem for each cell that can't be read.
//!
//! In come the title row and raw rows as `codec` read them, with the table that the sheet is about. Out go rows of
//! cells in canonical form, and problems in plain words. What can't be read for certain is never guessed: the cell
//! becomes [`Cell::Raw`], which is remembered as seen and never posted. A problem never stops the rest of the row.
//!
//! Not decided here: whether a row may lack a required field, whether a key is unique, which record a row means.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use crate::codec::sheet::{RawCell, RawRow};
use crate::model::{Cell, CellRef, Field, FieldId, Place, Problem, Row, RowHash, Table};

mod boolean;
mod columns;
mod constraint;
mod date;
mod fault;
mod format;
mod list;
pub mod mail;
mod number;
mod text;
mod value;

#[cfg(test)]
mod laws;
#[cfg(test)]
pub(crate) mod sample;

pub use columns::{Columns, Heading};
pub use fault::ValueError;

/// A problem of one cell, with the field it is about.
///
/// The field tells the pipeline which problems are none: a mask that Daybook showed and that still stands there is
/// no telephone number, and nobody has to be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellProblem {
    /// The row's number in the sheet, from 1.
    pub row: u32,
    /// The field; `None` if it is about the whole row.
    pub field: Option<FieldId>,
    /// What is wrong.
    pub problem: Problem,
}

/// Types one row. `None` if every cell that means a field is blank: such a row is no row.
///
/// The row gets one cell for each column that means a field. `raw.cells` is ascending by column. A cell that can't
/// be read becomes [`Cell::Raw`] with the typed text, and a problem is added to `problems`.
pub fn row(
    raw: &RawRow,
    columns: &Columns,
    table: &Table,
    place: &Place,
    problems: &mut Vec<CellProblem>,
) -> Option<Row> {
    let mut filled = false;
    let mut cells = Vec::with_capacity(columns.mapped.len());
    for &(id, column) in &columns.mapped {
        let Some(field) = table.field(id) else { continue };
        let typed = match raw.cells.binary_search_by_key(&column, |(column, _)| *column) {
            Ok(index) => &raw.cells[index].1,
            Err(_) => &RawCell::Empty,
        };
        let names_record = field.constraints.unique || table.primary_key.contains(&id);
        let cell = match value::read(typed, field, names_record) {
            Ok(cell) => cell,
            Err(error) => {
                problems.push(problem_of(error, CellRef { row: raw.number, column }, id, place));
                Cell::Raw(value::typed_text(typed))
            }
        };
        filled |= cell != Cell::Blank;
        cells.push((id, cell));
    }
    if !filled {
        return None;
    }
    let key = table.key_of(&cells);
    Some(Row { number: raw.number, hash: RowHash(raw.hash), cells, key })
}

/// Types one cell as a field's; what can't be read is [`Cell::Raw`].
pub fn cell(raw: &RawCell, field: &Field) -> Cell {
    value::read(raw, field, field.constraints.unique).unwrap_or_else(|_| Cell::Raw(value::typed_text(raw)))
}

/// Reads a text as a value of a field, as `record set` and a steward's decision type it. An empty one is a blank.
pub fn parse_text(text: &str, field: &Field) -> Result<Cell, ValueError> {
    value::read(&RawCell::Text(CompactString::from(text)), field, field.constraints.unique)
}

/// The problem of a cell that could not be read.
fn problem_of(error: ValueError, cell: CellRef, field: FieldId, place: &Place) -> CellProblem {
    let at = place.cell(cell);
    let message = format!("{at}: {} The cell was not taken over; the rest of the row was.", error.message);
    let problem = Problem::new(error.code, at, message, error.hint);
    CellProblem { row: cell.row, field: Some(field), problem }
}
