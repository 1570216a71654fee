//! Excel 97 workbooks: `xls`, through calamine, after [`super::ole`] has found that they fit memory.

use std::io::{Read, Seek};

use calamine::{Data, Reader, Xls, XlsError};

use super::read::{ReadFailure, choose_sheet};
use super::rows::{Rows, Stop};
use super::shared::Shared;
use super::sheet::Properties;

/// Reads the requested sheet. An `xls` carries no properties that Daybook uses.
pub(super) fn read<R: Read + Seek>(input: Shared<R>, mut rows: Rows<'_>) -> Result<(), Stop> {
    let mut workbook = Xls::new(input).map_err(failure)?;
    let sheet = choose_sheet(workbook.sheets_metadata(), rows.request())?;
    let name = sheet.name.clone();
    rows.describe(Some(sheet), Properties::default());
    let range = workbook.worksheet_range(&name).map_err(failure)?;
    drop(workbook);
    let (first_row, first_column) = range.start().unwrap_or_default();
    for (number, cells) in (first_row + 1..).zip(range.rows()) {
        let row: Vec<(u32, &Data)> =
            (first_column..).zip(cells).filter(|(_, cell)| !matches!(cell, Data::Empty)).collect();
        rows.push(number, &row)?;
    }
    rows.end()
}

/// Words a parser's error. Its own text may quote a cell, so it is not passed on.
#[expect(clippy::needless_pass_by_value, reason = "as `map_err` hands it")]
fn failure(error: XlsError) -> ReadFailure {
    match error {
        XlsError::Password => ReadFailure::encrypted(),
        XlsError::Io(_) | XlsError::Cfb(_) => ReadFailure::truncated(),
        _ => ReadFailure::unreadable("The workbook holds something that the reader does not know."),
    }
}
