//! What holds for every sheet and every patch, and for bytes that nobody meant.

#![expect(clippy::unwrap_used, reason = "a failed test may panic")]

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use jiff::civil::date;
use proptest::prelude::*;
use rust_xlsxwriter::{ExcelDateTime, Format, Table, Workbook};
use zip::ZipArchive;

use super::super::super::patch::{NewCell, PatchRequest, patch};
use super::super::super::read::FileKind;
use super::super::super::shared::Shared;
use super::super::super::sheet::RawCell;
use super::super::super::trial::{minimal_parts, outcome, request, zipped};
use super::tests::{SHEET, asked};

/// The cells of a sheet by row from 1 and column from 0, without the titles.
type Model = BTreeMap<u32, BTreeMap<u32, RawCell>>;

const COLUMNS: u32 = 6;
/// Columns whose cells, also empty ones, are formatted: as dates, and as text.
const DATES: u32 = 2;
const TEXTS: u32 = 3;

fn any_cell() -> impl Strategy<Value = NewCell> {
    let day = (1900_i16..2100, 1_i8..13, 1_i8..29).prop_map(|(year, month, day)| date(year, month, day));
    let time = (0_i8..24, 0_i8..60, 0_i8..60);
    prop_oneof![
        Just(NewCell::Blank),
        "[ -~客户\u{e9}\n\t]{1,12}|_x[0-9A-Fa-f]{4}_| \u{1f600} ".prop_map(|text| NewCell::Text(text.into())),
        (-1_000_000_i64..1_000_000, 0_u32..6).prop_map(|(digits, scale)| {
            NewCell::Number(rust_decimal::Decimal::new(digits, scale).to_string().into())
        }),
        any::<bool>().prop_map(NewCell::Boolean),
        day.clone().prop_map(NewCell::Date),
        (day, time).prop_map(|(day, (hour, minute, second))| NewCell::DateTime(day.at(hour, minute, second, 0))),
    ]
}

/// What a cell shows once the new content is in it.
fn shown(column: u32, cell: &NewCell) -> Option<RawCell> {
    let text = |text: String| Some(RawCell::Text(text.into()));
    match cell {
        NewCell::Blank => None,
        NewCell::Text(written) => text(written.to_string()),
        NewCell::Number(digits) if column == DATES || column == TEXTS => text(digits.to_string()),
        NewCell::Number(digits) => Some(RawCell::Number(digits.parse().unwrap())),
        NewCell::Boolean(value) if column == TEXTS => text(if *value { "TRUE" } else { "FALSE" }.to_owned()),
        NewCell::Boolean(value) => Some(RawCell::Boolean(*value)),
        NewCell::Date(day) if column == DATES => Some(RawCell::DateTime(day.at(0, 0, 0, 0))),
        NewCell::Date(day) => text(day.to_string()),
        NewCell::DateTime(at) if column == DATES => Some(RawCell::DateTime(*at)),
        NewCell::DateTime(at) => text(at.strftime("%Y-%m-%d %H:%M:%S").to_string()),
    }
}

#[derive(Clone, Debug)]
struct Office {
    /// For each row its cells; rows in between may be missing.
    rows: BTreeMap<u32, BTreeMap<u32, u32>>,
    has_table: bool,
}

fn any_office() -> impl Strategy<Value = Office> {
    let cells = prop::collection::btree_map(0..COLUMNS, 0_u32..1000, 1..6);
    (prop::collection::btree_map(2_u32..14, cells, 0..8), any::<bool>())
        .prop_map(|(rows, has_table)| Office { rows, has_table })
}

/// Makes the workbook as another program would, and says what it shows.
fn make(office: &Office) -> (Vec<u8>, Model) {
    let mut workbook = Workbook::new();
    let day = Format::new().set_num_format("yyyy-mm-dd");
    let text = Format::new().set_num_format("@");
    let sheet = workbook.add_worksheet();
    sheet.set_column_format(u16::try_from(DATES).unwrap(), &day).unwrap();
    sheet.set_column_format(u16::try_from(TEXTS).unwrap(), &text).unwrap();
    for column in 0..COLUMNS {
        sheet.write(0, u16::try_from(column).unwrap(), format!("T{column}")).unwrap();
    }
    let mut model = Model::new();
    for (number, cells) in &office.rows {
        for (column, value) in cells {
            let (row, at) = (number - 1, u16::try_from(*column).unwrap());
            let cell = match *column {
                0 => RawCell::Text(format!("text {value}").into()),
                DATES => {
                    RawCell::DateTime(date(2026, 1, 1).saturating_add(jiff::Span::new().days(*value)).at(0, 0, 0, 0))
                }
                TEXTS => RawCell::Text(value.to_string().into()),
                _ => RawCell::Number(f64::from(*value)),
            };
            let written = match &cell {
                RawCell::DateTime(_) => {
                    let first = ExcelDateTime::from_ymd(2026, 1, 1).unwrap().to_excel();
                    sheet.write_with_format(row, at, first + f64::from(*value), &day)
                }
                RawCell::Text(value) if *column == TEXTS => sheet.write_with_format(row, at, value.as_str(), &text),
                RawCell::Text(value) => sheet.write(row, at, value.as_str()),
                _ => sheet.write(row, at, f64::from(*value)),
            };
            written.unwrap();
            model.entry(*number).or_default().insert(*column, cell);
        }
    }
    if office.has_table {
        let last = office.rows.keys().last().map_or(1, |number| number - 1);
        sheet.add_table(0, 0, last, u16::try_from(COLUMNS - 1).unwrap(), &Table::new()).unwrap();
    }
    (workbook.save_to_buffer().unwrap(), model)
}

/// Puts what is asked for into the model.
fn apply(model: &mut Model, number: u32, cells: &[(u32, NewCell)]) {
    let row = model.entry(number).or_default();
    for (column, cell) in cells {
        match shown(*column, cell) {
            Some(cell) => drop(row.insert(*column, cell)),
            None => drop(row.remove(column)),
        }
    }
    if row.is_empty() {
        model.remove(&number);
    }
}

fn model_of(bytes: Vec<u8>) -> Model {
    let seen = outcome(bytes, &request(FileKind::Xlsx));
    assert_eq!(seen.failure, None);
    seen.numbers().into_iter().zip(seen.cells()).map(|(number, cells)| (number, cells.into_iter().collect())).collect()
}

/// The model with words for flags as flags: which of the two a cell gets depends on its neighbour.
fn without_words(mut model: Model) -> Model {
    for cell in model.values_mut().flat_map(BTreeMap::values_mut) {
        match cell {
            RawCell::Text(word) if word == "是" || word == "TRUE" => *cell = RawCell::Boolean(true),
            RawCell::Text(word) if word == "否" || word == "FALSE" => *cell = RawCell::Boolean(false),
            _ => {}
        }
    }
    model
}

fn cells() -> impl Strategy<Value = Vec<(u32, NewCell)>> {
    prop::collection::btree_map(0..COLUMNS + 2, any_cell(), 0..5).prop_map(|cells| cells.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_is_read_afterwards_is_the_model(
        office in any_office(),
        changes in prop::collection::btree_map(2_u32..16, cells(), 0..6),
        appended in prop::collection::vec(cells(), 0..4),
    ) {
        let (bytes, mut model) = make(&office);
        prop_assert_eq!(&model_of(bytes.clone()), &model);
        let last_row = model.keys().last().copied().unwrap_or(1);
        let flat: Vec<(u32, u32, NewCell)> = changes
            .iter()
            .filter(|(number, _)| appended.is_empty() || **number <= last_row)
            .flat_map(|(number, cells)| cells.iter().map(|(column, cell)| (*number, *column, cell.clone())))
            .collect();
        let mut asked = asked(&bytes, &flat);
        asked.appended.clone_from(&appended);
        asked.last_row = last_row;
        let (patched, new) = patch(Cursor::new(&bytes), &asked).unwrap();
        prop_assert!(patched.refused.is_empty() && patched.append_refused.is_none());
        for row in &asked.rows {
            apply(&mut model, row.number, &row.cells);
        }
        for ((number, _), cells) in patched.appended.iter().zip(&appended) {
            apply(&mut model, *number, cells);
        }
        let new = if new.is_empty() { bytes } else { new };
        prop_assert_eq!(without_words(model_of(new)), without_words(model));
    }
}

/// A small sheet with all that is looked at, around which nothing is wrong.
fn whole() -> String {
    concat!(
        "<?xml version=\"1.0\"?><!-- c --><worksheet><dimension ref=\"A1:B3\"/><cols><col min=\"1\" max=\"2\" style=\"0\"/></cols><sheetData>",
        "<row r=\"1\"><c r=\"A1\" t=\"str\"><v>A</v></c></row><row r=\"2\" spans=\"1:2\"><c r=\"A2\" s=\"0\"><v>1</v></c><c r=\"B2\">",
        "<f t=\"array\" ref=\"B2:B3\">1</f><v>1</v></c></row><row r=\"3\"><c r=\"A3\" t=\"inlineStr\"><is><t><![CDATA[<]]></t></is></c></row></sheetData>",
        "<sheetProtection sheet=\"0\"/><autoFilter ref=\"A1:B3\"/><mergeCells><mergeCell ref=\"C2:D2\"/></mergeCells>",
        "<conditionalFormatting sqref=\"A2:A3\"><cfRule/></conditionalFormatting></worksheet>"
    )
    .to_owned()
}

/// Patches a workbook with this sheet. A panic of ours is not caught here; that of a parser becomes a failure.
fn try_sheet(sheet: &[u8], asked: &PatchRequest) -> Option<Vec<u8>> {
    let text = String::from_utf8_lossy(sheet);
    let parts = minimal_parts("", "");
    let parts: Vec<(&str, &str)> =
        parts.iter().map(|(name, part)| (*name, if *name == SHEET { text.as_ref() } else { part.as_str() })).collect();
    let input = Shared::new(Cursor::new(zipped(&parts))).unwrap();
    super::patch(&input, asked).ok().map(|(_, bytes)| bytes)
}

fn asked_of_whole() -> PatchRequest {
    let parts = minimal_parts("", "");
    let sheet = whole();
    let parts: Vec<(&str, &str)> =
        parts.iter().map(|(name, part)| (*name, if *name == SHEET { sheet.as_str() } else { part.as_str() })).collect();
    let mut asked = asked(&zipped(&parts), &[(2, 0, NewCell::Boolean(true)), (3, 4, NewCell::Text("x".into()))]);
    asked.appended = vec![vec![(0, NewCell::Text("new".into()))]];
    asked
}

#[test]
fn a_sheet_cut_anywhere_is_refused() {
    let (sheet, asked) = (whole(), asked_of_whole());
    assert!(try_sheet(sheet.as_bytes(), &asked).is_some_and(|bytes| !bytes.is_empty()));
    for length in 0..sheet.len() {
        let cut = sheet.as_bytes().get(..length).unwrap();
        assert!(try_sheet(cut, &asked).is_none(), "{length}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn other_bytes_in_a_sheet_never_pass_for_it(
        flips in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(b"<>/\"'=& -![]?xr1:\0\xff".to_vec())), 1..6),
    ) {
        let mut sheet = whole().into_bytes();
        for (at, byte) in flips {
            let at = at.index(sheet.len());
            sheet[at] = byte;
        }
        // It is refused, or it is a sheet and was patched: then the read back has seen what was meant.
        let asked = asked_of_whole();
        if let Some(bytes) = try_sheet(&sheet, &asked).filter(|bytes| !bytes.is_empty()) {
            let mut zip = ZipArchive::new(Cursor::new(bytes)).unwrap();
            let mut new = Vec::new();
            zip.by_name(SHEET).unwrap().read_to_end(&mut new).unwrap();
            prop_assert!(new.len() > sheet.len());
        }
    }
}
