//! The cells of one worksheet, streamed by calamine.
//!
//! A cell that the parser can't read (an error token or a cell type that it does not know) becomes an error cell with a
//! problem, and reading goes on. Broken XML in the middle fails the whole file: the rows behind it would look deleted.
//! Never asks for a range or for formulas: both allocate what the file claims, not what it holds.

use std::io::{Read, Seek};

use calamine::{CellErrorType, DataRef, Reader, Xlsx, XlsxCellReader, XlsxError};

use super::super::canonical::{Canonical, Raw};
use super::super::package::{Package, attribute, elements, zip_failure};
use super::super::read::{ReadFailure, choose_sheet};
use super::super::rows::{Rows, Stop};
use super::super::shared::Shared;
use super::formulas;
use super::parts::Parts;
use super::places::{CellPlace, Places, misplaced};
use super::properties;

/// The least bytes that one shared string takes: `<si/>`.
const SHARED_STRING_BYTES_MIN: u64 = 5;

/// Reads the requested sheet.
pub(in super::super) fn read<R: Read + Seek>(
    input: &Shared<R>,
    package: &mut Package<R>,
    mut rows: Rows<'_>,
) -> Result<(), Stop> {
    let parts = Parts::find(package)?;
    check_shared_strings(package, &parts)?;
    let mut workbook = Xlsx::new(input.clone()).map_err(failure)?;
    let sheet = choose_sheet(workbook.sheets_metadata(), rows.request())?;
    let name = sheet.name.clone();
    rows.describe(Some(sheet), properties::read(package));
    let sheet_part = parts.part_of(&name).map(str::to_owned);
    let mut reader = workbook.worksheet_cells_reader(&name).map_err(failure)?;
    let mut row = RowCells { index: 0, cells: Vec::new(), last_column: 0, is_sorted: true };
    let mut count = 0_usize;
    let unreadable = loop {
        match reader.next_cell() {
            Ok(Some(cell)) => {
                count += 1;
                let (cell_row, column) = cell.get_position();
                if cell_row != row.index {
                    row.finish(&mut rows)?;
                    row.index = cell_row;
                }
                row.push(column, XlsxCell::Read(cell));
            }
            Ok(None) => break None,
            Err(error) => break Some(token(error)?),
        }
    };
    if let Some(token) = unreadable {
        let part = sheet_part.as_deref().and_then(|part| package.part(part));
        let mut places = Places::new(part.ok_or_else(misplaced)?);
        places.skip(count)?;
        row.add_unreadable(&mut rows, places.next()?.ok_or_else(misplaced)?, token)?;
        read_beside(&mut reader, &mut places, &mut row, &mut rows)?;
    }
    row.finish(&mut rows)?;
    drop(reader);
    if rows.wants_formulas()
        && let Some(part) = sheet_part.as_deref().and_then(|part| package.stream(part))
    {
        rows.formulas(formulas::runs(part, rows.request().header_row, rows.request().columns_max))?;
    }
    rows.end()
}

/// Reads on behind an unreadable cell, with the places told by the second pass.
fn read_beside<'a, R: Read + Seek>(
    reader: &mut XlsxCellReader<'a, Shared<R>>,
    places: &mut Places<'_, R>,
    row: &mut RowCells<'a>,
    rows: &mut Rows<'_>,
) -> Result<(), Stop> {
    loop {
        match reader.next_cell() {
            Ok(Some(cell)) => {
                let place = places.next()?.ok_or_else(misplaced)?;
                if place.is_stated && cell.get_position() != (place.row, place.column) {
                    return Err(misplaced().into());
                }
                row.add(rows, (place.row, place.column), XlsxCell::Read(cell))?;
            }
            Ok(None) => return Ok(()),
            Err(error) => {
                let token = token(error)?;
                row.add_unreadable(rows, places.next()?.ok_or_else(misplaced)?, token)?;
            }
        }
    }
}

/// The cells of the row that is being read; the buffer is used for all rows.
struct RowCells<'a> {
    index: u32,
    cells: Vec<(u32, XlsxCell<'a>)>,
    last_column: u32,
    is_sorted: bool,
}

impl<'a> RowCells<'a> {
    fn add(&mut self, rows: &mut Rows<'_>, (row, column): (u32, u32), cell: XlsxCell<'a>) -> Result<(), Stop> {
        if row != self.index {
            self.finish(rows)?;
            self.index = row;
        }
        self.push(column, cell);
        Ok(())
    }

    #[inline]
    fn push(&mut self, column: u32, cell: XlsxCell<'a>) {
        self.is_sorted &= self.cells.is_empty() || self.last_column < column;
        self.last_column = column;
        self.cells.push((column, cell));
    }

    fn add_unreadable(&mut self, rows: &mut Rows<'_>, place: CellPlace, token: &'static str) -> Result<(), Stop> {
        let message = format!("The cell can't be read ({token}).");
        rows.problem("cell-unreadable", place.row + 1, place.column, &message, "Type the cell's value again.")?;
        self.add(rows, (place.row, place.column), XlsxCell::Unreadable(token))
    }

    fn finish(&mut self, rows: &mut Rows<'_>) -> Result<(), Stop> {
        if self.cells.is_empty() {
            return Ok(());
        }
        // Some writers don't keep the columns in order; two cells in one place are refused by `push`.
        if !std::mem::replace(&mut self.is_sorted, true) {
            self.cells.sort_by_key(|(column, _)| *column);
        }
        rows.push(self.index + 1, &self.cells)?;
        self.cells.clear();
        Ok(())
    }
}

/// A cell as the parser gave it, or what it stumbled over.
enum XlsxCell<'a> {
    Read(calamine::Cell<DataRef<'a>>),
    Unreadable(&'static str),
}

impl Raw for XlsxCell<'_> {
    #[inline]
    fn canonical(&self) -> Option<Canonical<'_>> {
        match self {
            // The parser's own name for it is another than the file's.
            Self::Read(cell) => match cell.get_value() {
                DataRef::Error(CellErrorType::GettingData) => Some(Canonical::Error("#GETTING_DATA".into())),
                value => value.canonical(),
            },
            Self::Unreadable(token) => Some(Canonical::Error((*token).into())),
        }
    }
}

/// What stands in an error cell, if the parser can go on behind it.
fn token(error: XlsxError) -> Result<&'static str, ReadFailure> {
    const KNOWN: [&str; 9] =
        ["#SPILL!", "#CALC!", "#GETTING_DATA", "#FIELD!", "#BLOCKED!", "#CONNECT!", "#UNKNOWN!", "#BUSY!", "#PYTHON!"];
    match error {
        XlsxError::CellError(token) => Ok(KNOWN.iter().find(|known| **known == token).copied().unwrap_or("#ERROR!")),
        XlsxError::CellTAttribute(_)
        | XlsxError::ParseFloat(_)
        | XlsxError::UnexpectedNode("v, f, or is")
        | XlsxError::Unexpected("Cell string index not found in shared strings table")
        | XlsxError::Unrecognized { typ: "boolean cell value", .. } => Ok("#UNREADABLE!"),
        other => Err(failure(other)),
    }
}

/// Words a parser's error. Its own text may quote a cell, so it is not passed on.
fn failure(error: XlsxError) -> ReadFailure {
    match error {
        XlsxError::Password => ReadFailure::encrypted(),
        XlsxError::Zip(error) => zip_failure(&error),
        XlsxError::Io(_) | XlsxError::Xml(_) | XlsxError::XmlAttr(_) | XlsxError::XmlEof(_) => {
            ReadFailure::damaged("The workbook's XML is broken.")
        }
        XlsxError::FileNotFound(_) | XlsxError::RelationshipNotFound => {
            ReadFailure::damaged("A part of the workbook is missing.")
        }
        XlsxError::WorksheetNotFound(_) => ReadFailure::damaged("The sheet's part of the workbook is missing."),
        XlsxError::NotAWorksheet(_) => ReadFailure::damaged("The sheet is no worksheet."),
        XlsxError::Alphanumeric(_)
        | XlsxError::RangeWithoutColumnComponent
        | XlsxError::RangeWithoutRowComponent
        | XlsxError::NumericColumn(_) => misplaced(),
        _ => ReadFailure::unreadable("The workbook holds something that the reader does not know."),
    }
}

/// Refuses shared strings that the parser would not find, and a declared count that it would believe.
fn check_shared_strings<R: Read + Seek>(package: &mut Package<R>, parts: &Parts) -> Result<(), ReadFailure> {
    let usual = format!("{}sharedStrings.xml", parts.folder);
    if let Some(part) = parts.related("sharedStrings")
        && !part.eq_ignore_ascii_case(&usual)
        && package.size(part).is_some()
    {
        return Err(ReadFailure::unreadable("The workbook keeps its texts in a part with an unusual name."));
    }
    let Some(size) = package.size(&usual) else { return Ok(()) };
    let Some(mut xml) = package.part(&usual) else { return Ok(()) };
    let mut declared = 0;
    elements(&mut xml, |element| {
        if element.local_name().as_ref() != "sst" {
            return true;
        }
        // A count that is no number is not believed by the parser either.
        declared = attribute(element, "uniqueCount").and_then(|count| count.trim().parse::<u64>().ok()).unwrap_or(0);
        false
    });
    if declared > size / SHARED_STRING_BYTES_MIN + 1 {
        return Err(ReadFailure::damaged("The workbook claims more texts than it can hold."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::super::read::FileKind;
    use super::super::super::sheet::{FormulaRun, RawCell};
    use super::super::super::trial::{minimal_xlsx, outcome, request};

    fn read(sheet_data: &str, strings: &str) -> super::super::super::trial::Outcome {
        let rows = format!(r#"<row r="1"><c r="A1" t="str"><v>Name</v></c></row>{sheet_data}"#);
        outcome(minimal_xlsx(&rows, strings), &request(FileKind::Xlsx))
    }

    #[test]
    fn an_unreadable_cell_does_not_move_the_others() {
        // Without references, the parser alone would put the cells behind a bad one a column to the left.
        for cells in [
            r#"<row r="2"><c r="A2"><v>1</v></c><c r="B2" t="e"><v>#SPILL!</v></c><c r="C2"><v>3</v></c></row>"#,
            r#"<row><c><v>1</v></c><c t="e"><v>#SPILL!</v></c><c><v>3</v></c></row>"#,
            r#"<row r="2"><c><v>1</v></c><c t="e"><f>x</f><v>#SPILL!</v></c><c r="C2"><v>3</v></c></row>"#,
        ] {
            let seen = read(cells, "");
            assert_eq!(seen.failure, None, "{cells}");
            let expected = [RawCell::Number(1.0), RawCell::Error("#SPILL!".into()), RawCell::Number(3.0)];
            assert_eq!(seen.cells(), [(0..).zip(expected).collect::<Vec<_>>()], "{cells}");
            assert_eq!(seen.problems, [("cell-unreadable".to_owned(), Some(2), Some(1))], "{cells}");
        }
    }

    #[test]
    fn all_kinds_of_unreadable_cells_are_passed_over() {
        let bad = [
            r#"<c t="zz"><v>1</v></c>"#,
            r#"<c t="n"><v>one</v></c>"#,
            r#"<c t="b"><v>7</v></c>"#,
            r#"<c t="s"><v>99</v></c>"#,
            r#"<c t="e"><v>#GETTING_DATA</v></c>"#,
            r"<c><extLst><x/></extLst></c>",
        ];
        for cell in bad {
            let seen = read(&format!("<row>{cell}<c><v>2</v></c></row><row><c><v>3</v></c></row>"), "");
            assert_eq!((seen.failure.as_deref(), seen.problems.len()), (None, 1), "{cell}");
            assert_eq!(seen.numbers(), [2, 3], "{cell}");
            assert_eq!(seen.rows.len(), 2);
        }
        let many = read(&format!("<row>{}</row>", bad[0].repeat(1001)), "");
        assert_eq!(many.failure.as_deref(), Some("too-many-problems"));
    }

    #[test]
    fn two_cells_in_one_place_are_refused() {
        for rows in [
            r#"<row r="2"><c r="A2"><v>1</v></c><c r="A2"><v>2</v></c></row>"#,
            r#"<row r="3"><c r="A3"><v>1</v></c></row><row r="2"><c r="A2"><v>2</v></c></row>"#,
        ] {
            assert_eq!(read(rows, "").failure.as_deref(), Some("damaged"), "{rows}");
        }
        let swapped = read(r#"<row r="2"><c r="B2"><v>2</v></c><c r="A2"><v>1</v></c></row>"#, "");
        assert_eq!(swapped.cells(), [[(0, RawCell::Number(1.0)), (1, RawCell::Number(2.0))]]);
    }

    #[test]
    fn escapes_are_decoded_once() {
        let strings =
            "<sst><si><t>_x0041_</t></si><si><t>_x005F_x0041_</t></si><si><t>a_x000D_&#10;b_x0000_</t></si></sst>";
        let seen = read(r#"<row><c t="s"><v>0</v></c><c t="s"><v>1</v></c><c t="s"><v>2</v></c></row>"#, strings);
        let expected = ["A", "_x0041_", "a\nb"].map(|text| RawCell::Text(text.into()));
        assert_eq!(seen.cells(), [(0..).zip(expected).collect::<Vec<_>>()]);
    }

    #[test]
    fn formulas_are_told_if_any_row_is_sent_in_full() {
        let rows = r#"<row r="1"><c r="A1" t="str"><v>Name</v></c></row><row r="2"><c r="B2" t="e"><f>1/0</f><v>#DIV/0!</v></c></row>
            <row r="3"><c r="A3"><v>1</v></c><c r="B3"><f t="shared" si="0"/><v>2</v></c></row>"#;
        let mut request = request(FileKind::Xlsx);
        let seen = outcome(minimal_xlsx(rows, ""), &request);
        assert_eq!(seen.formulas, [FormulaRun { column: 1, first: 2, last: 3 }]);
        request.known = seen.hashes();
        assert_eq!(outcome(minimal_xlsx(rows, ""), &request).formulas, []);
    }

    #[test]
    fn a_made_up_count_of_texts_is_refused() {
        for count in ["4000000000", "9223372036854775807"] {
            let strings = format!(r#"<sst uniqueCount="{count}"><si><t>x</t></si></sst>"#);
            assert_eq!(read("", &strings).failure.as_deref(), Some("damaged"));
        }
        assert_eq!(read("", r#"<sst uniqueCount="3"><si/><si/><si/></sst>"#).failure, None);
    }
}
