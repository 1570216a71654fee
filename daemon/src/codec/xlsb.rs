//! Binary Office Open XML workbooks: `xlsb`, streamed by calamine.
//!
//! Unlike in `xlsx`, the parser does not say where an unreadable cell stands, and nothing else here can: one such cell
//! fails the file.

use std::io::{Read, Seek};

use calamine::{DataRef, Reader, Xlsb, XlsbError};

use super::package::{Package, zip_failure};
use super::read::{ReadFailure, choose_sheet};
use super::rows::{Rows, Stop};
use super::shared::Shared;
use super::xlsx::properties;

/// Reads the requested sheet.
pub(super) fn read<R: Read + Seek>(
    input: &Shared<R>,
    package: &mut Package<R>,
    mut rows: Rows<'_>,
) -> Result<(), Stop> {
    let mut workbook = Xlsb::new(input.clone()).map_err(failure)?;
    let name = choose_sheet(workbook.sheets_metadata(), rows.request().sheet.as_deref())?;
    rows.describe(Some(name.clone()), properties::read(package));
    let mut reader = workbook.worksheet_cells_reader(&name).map_err(failure)?;
    let mut row: Vec<(u32, DataRef<'_>)> = Vec::new();
    let mut row_index = 0;
    while let Some(cell) = reader.next_cell().map_err(failure)? {
        let (cell_row, cell_column) = cell.get_position();
        if cell_row != row_index && !row.is_empty() {
            rows.push(row_index + 1, &row)?;
            row.clear();
        }
        row_index = cell_row;
        row.push((cell_column, cell.get_value().clone()));
    }
    if !row.is_empty() {
        rows.push(row_index + 1, &row)?;
    }
    rows.end()
}

/// Words a parser's error. Its own text may quote a cell, so it is not passed on.
fn failure(error: XlsbError) -> ReadFailure {
    match error {
        XlsbError::Password => ReadFailure::encrypted(),
        XlsbError::Zip(error) => zip_failure(&error),
        XlsbError::Io(_) | XlsbError::Xml(_) => ReadFailure::damaged("The workbook's content is broken."),
        _ => ReadFailure::unreadable("The workbook holds something that the reader does not know."),
    }
}
