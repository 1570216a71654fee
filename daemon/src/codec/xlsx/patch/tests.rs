//! Each rule of the patch on a small workbook made by hand.

#![expect(clippy::unwrap_used, reason = "a failed test may panic")]

use std::io::{Cursor, Read};

use jiff::civil::date;
use zip::ZipArchive;

use super::super::super::patch::{CellRefusal, NewCell, PatchRequest, Patched, RowPatch, patch};
use super::super::super::read::{FileKind, ReadFailure};
use super::super::super::sheet::RawCell;
use super::super::super::trial::{minimal_parts, outcome, request, zipped};

/// A workbook by its parts; those named here stand in place of, or beside, the smallest ones.
pub(super) struct Book {
    parts: Vec<(String, String)>,
}

pub(super) const SHEET: &str = "xl/worksheets/sheet1.xml";
const WORKBOOK: &str = "xl/workbook.xml";
const STYLES: &str = r#"<styleSheet><numFmts><numFmt numFmtId="164" formatCode="yyyy\-mm\-dd"/></numFmts><cellXfs>
    <xf numFmtId="0"/><xf numFmtId="164"/><xf numFmtId="49"/><xf numFmtId="0"><protection locked="0"/></xf><xf numFmtId="14"/></cellXfs></styleSheet>"#;
const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

impl Book {
    /// Around these rows.
    fn rows(rows: &str) -> Self {
        Self::sheet(&format!("<worksheet><sheetData>{rows}</sheetData></worksheet>"))
    }

    /// With this sheet.
    fn sheet(xml: &str) -> Self {
        let parts = minimal_parts("", "").into_iter().map(|(name, text)| (name.to_owned(), text)).collect();
        let mut book = Self { parts };
        book.set(SHEET, xml);
        book.set("xl/styles.xml", STYLES);
        let styles = format!(r#"<Relationship Id="rId9" Type="{OFFICE}/styles" Target="styles.xml"/></Relationships>"#);
        let relations = "xl/_rels/workbook.xml.rels";
        let related = book.get(relations).replace("</Relationships>", &styles);
        book.set(relations, &related);
        book
    }

    fn with(mut self, name: &str, text: &str) -> Self {
        self.set(name, text);
        self
    }

    fn set(&mut self, name: &str, text: &str) {
        match self.parts.iter_mut().find(|(part, _)| part == name) {
            Some((_, old)) => text.clone_into(old),
            None => self.parts.push((name.to_owned(), text.to_owned())),
        }
    }

    fn get(&self, name: &str) -> &str {
        self.parts.iter().find(|(part, _)| part == name).map_or("", |(_, text)| text)
    }

    fn bytes(&self) -> Vec<u8> {
        let parts: Vec<(&str, &str)> = self.parts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        zipped(&parts)
    }

    /// A request for these cells, with the rows' hashes as they are.
    fn request(&self, cells: &[(u32, u32, NewCell)]) -> PatchRequest {
        asked(&self.bytes(), cells)
    }

    /// Sets cells and gives what was done, and the parts afterwards.
    fn patch(&self, cells: &[(u32, u32, NewCell)]) -> (Patched, Self) {
        self.ask(&self.request(cells)).unwrap()
    }

    fn ask(&self, request: &PatchRequest) -> Result<(Patched, Self), ReadFailure> {
        let (patched, bytes) = patch(Cursor::new(self.bytes()), request)?;
        let bytes = if bytes.is_empty() { self.bytes() } else { bytes };
        let mut zip = ZipArchive::new(Cursor::new(bytes)).unwrap();
        let mut parts = Vec::new();
        for index in 0..zip.len() {
            let mut part = zip.by_index(index).unwrap();
            let mut text = String::new();
            part.read_to_string(&mut text).unwrap();
            parts.push((part.name().unwrap().into_owned(), text));
        }
        Ok((patched, Self { parts }))
    }

    /// Appends rows below a row.
    fn append(&self, last_row: u32, rows: &[&[(u32, NewCell)]]) -> (Patched, Self) {
        let mut request = self.request(&[]);
        request.last_row = last_row;
        request.appended = rows.iter().map(|cells| cells.to_vec()).collect();
        self.ask(&request).unwrap()
    }

    fn code(&self, cells: &[(u32, u32, NewCell)]) -> String {
        self.ask(&self.request(cells)).err().unwrap().code
    }
}

/// A request for these cells (row, column, content) of a file as it is.
pub(super) fn asked(bytes: &[u8], cells: &[(u32, u32, NewCell)]) -> PatchRequest {
    let read = request(FileKind::Xlsx);
    let seen = outcome(bytes.to_vec(), &read);
    let empty = super::super::super::rows::empty_row_hash(&read.hash_key);
    let hashes: Vec<(u32, u128)> = seen.numbers().into_iter().zip(seen.hashes()).collect();
    let mut rows: Vec<RowPatch> = Vec::new();
    for (number, column, cell) in cells {
        let hash = hashes.iter().find(|(row, _)| row == number).map_or(empty, |(_, hash)| *hash);
        match rows.last_mut().filter(|row| row.number == *number) {
            Some(row) => row.cells.push((*column, cell.clone())),
            None => rows.push(RowPatch { number: *number, hash, cells: vec![(*column, cell.clone())] }),
        }
    }
    let last_row = hashes.last().map_or(1, |(number, _)| *number);
    PatchRequest {
        read,
        rows,
        appended: Vec::new(),
        last_row,
        source: "sales".into(),
        revision: Some(7),
        words: ["否".into(), "是".into()],
    }
}

fn text(text: &str) -> NewCell {
    NewCell::Text(text.into())
}

fn number(digits: &str) -> NewCell {
    NewCell::Number(digits.into())
}

const TITLES: &str = r#"<row r="1"><c r="A1" t="str"><v>A</v></c><c r="B1" t="str"><v>B</v></c></row>"#;

/// The rows of a sheet.
fn rows(xml: &str) -> &str {
    let rows = xml.split_once("<sheetData>").unwrap().1.split_once("</sheetData>").unwrap().0;
    rows.strip_prefix(TITLES).unwrap_or(rows)
}

#[test]
fn each_kind_of_content_is_written_and_nothing_else() {
    let old = r#"<!-- <c> --><row r="2" spans="1:3" x:y="z"><c r="A2" s="3" t="s" cm="1" vm='2'><v>0</v></c><c r="C2" s="1"><v>1</v></c></row>"#;
    let book = Book::rows(&format!("{TITLES}{old}<row r=\"3\"/>"))
        .with("xl/sharedStrings.xml", "<sst><si><t>old</t></si></sst>");
    let day = NewCell::Date(date(2026, 3, 1));
    let (patched, new) =
        book.patch(&[(2, 0, text("a & b")), (2, 1, NewCell::Boolean(true)), (2, 2, day), (2, 4, number("1.50"))]);
    assert_eq!(
        rows(new.get(SHEET)),
        "<!-- <c> --><row r=\"2\" spans=\"1:5\" x:y=\"z\"><c r=\"A2\" s=\"3\" t=\"inlineStr\"><is><t xml:space=\"preserve\">a &amp; b</t></is></c>\
         <c r=\"B2\" t=\"b\"><v>1</v></c><c r=\"C2\" s=\"1\"><v>46082</v></c><c r=\"E2\"><v>1.50</v></c></row><row r=\"3\"/>"
    );
    assert_eq!(patched.rows.len(), 1);
    assert_eq!(patched.refused, []);
    let seen = outcome(new.bytes(), &request(FileKind::Xlsx));
    assert_eq!(seen.hashes(), [patched.rows[0].1]);
    let properties = seen.head.unwrap().properties;
    assert_eq!((properties.source.as_deref(), properties.revision), (Some("sales"), Some(7)));
    for part in ["xl/styles.xml", "xl/sharedStrings.xml", WORKBOOK] {
        assert_eq!(book.get(part), new.get(part), "{part}");
    }
}

#[test]
fn blank_cells_keep_their_style() {
    let book = Book::rows(&format!(
        "{TITLES}<row r=\"2\"><c r=\"A2\" s=\"3\" t=\"b\"><v>1</v></c><c r=\"B2\"><v>1</v></c><c r=\"C2\" s=\"1\"/></row>"
    ));
    let (_, new) = book.patch(&[(2, 0, NewCell::Blank), (2, 2, NewCell::Blank), (2, 3, NewCell::Blank)]);
    assert_eq!(
        rows(new.get(SHEET)),
        "<row r=\"2\"><c r=\"A2\" s=\"3\"/><c r=\"B2\"><v>1</v></c><c r=\"C2\" s=\"1\"/></row>"
    );
}

#[test]
fn a_flag_is_a_word_where_people_write_words() {
    let book = Book::rows(&format!(
        "{TITLES}<row r=\"2\"><c r=\"A2\" t=\"str\"><v>是</v></c><c r=\"B2\" t=\"b\"><v>1</v></c></row><row r=\"3\"><c r=\"B3\" s=\"1\"/></row>"
    ));
    let flag = NewCell::Boolean;
    let (_, new) = book.patch(&[(2, 0, flag(false)), (2, 1, flag(false)), (3, 0, flag(true)), (3, 1, flag(true))]);
    assert_eq!(
        rows(new.get(SHEET)),
        "<row r=\"2\"><c r=\"A2\" t=\"inlineStr\"><is><t xml:space=\"preserve\">否</t></is></c><c r=\"B2\" t=\"b\"><v>0</v></c></row>\
         <row r=\"3\"><c r=\"A3\" t=\"inlineStr\"><is><t xml:space=\"preserve\">是</t></is></c><c r=\"B3\" s=\"1\" t=\"b\"><v>1</v></c></row>"
    );
}

#[test]
fn a_change_of_nothing_gives_no_file() {
    let book = Book::rows(&format!("{TITLES}<row r=\"2\"><c r=\"A2\"><f>1</f><v>1</v></c></row>"));
    let (patched, bytes) =
        patch(Cursor::new(book.bytes()), &book.request(&[(2, 0, text("x")), (2, 3, NewCell::Blank)])).unwrap();
    assert!(bytes.is_empty());
    assert_eq!(patched.refused.iter().map(|cell| cell.why).collect::<Vec<_>>(), [CellRefusal::Formula]);
}

#[test]
fn prefixed_and_empty_rows_are_written() {
    let sheet = r#"<x:worksheet xmlns:x="http://purl.oclc.org/ooxml/spreadsheetml/main"><x:sheetData><x:row><x:c t="str"><x:v>A</x:v></x:c></x:row><x:row r="2" ht="20"/><x:row r="4"><x:c r="A4"/></x:row></x:sheetData></x:worksheet>"#;
    let (_, new) = Book::sheet(sheet).patch(&[(2, 1, number("5")), (3, 0, text("t")), (4, 0, NewCell::Boolean(false))]);
    assert!(new.get(SHEET).contains(
        r#"<x:row r="2" ht="20"><x:c r="B2"><x:v>5</x:v></x:c></x:row><x:row r="3"><x:c r="A3" t="inlineStr"><x:is><x:t xml:space="preserve">t</x:t></x:is></x:c></x:row><x:row r="4"><x:c r="A4" t="b"><x:v>0</x:v></x:c></x:row>"#
    ));
}

#[test]
fn cells_without_references_keep_their_places() {
    let book = Book::rows(
        "<row><c t=\"str\"><v>A</v></c></row><row><c><v>1</v></c><c s=\"2\"><v>2</v></c><c><v>3</v></c></row><row><c><v>4</v></c></row>",
    );
    let (_, new) = book.patch(&[(2, 1, number("9")), (2, 5, text("end"))]);
    let seen = outcome(new.bytes(), &request(FileKind::Xlsx));
    let expected = [RawCell::Number(1.0), RawCell::Text("9".into()), RawCell::Number(3.0)];
    let mut cells: Vec<(u32, RawCell)> = (0..).zip(expected).collect();
    cells.push((5, RawCell::Text("end".into())));
    assert_eq!(seen.cells(), [cells, vec![(0, RawCell::Number(4.0))]]);
}

#[test]
fn new_cells_look_like_their_surroundings() {
    let cols = r#"<cols><col min="1" max="9" style="2"/></cols>"#;
    let data = r#"<row r="2"><c r="B2" s="1"><v>1</v></c></row><row r="3"><c r="A3"><v>1</v></c></row><row r="4" s="4" customFormat="1"><c r="A4"><v>1</v></c></row><row r="5" s="4"><c r="A5"><v>1</v></c></row>"#;
    let book = Book::sheet(&format!("<worksheet>{cols}<sheetData>{TITLES}{data}</sheetData></worksheet>"));
    let day = || NewCell::Date(date(2026, 3, 1));
    let (_, new) = book.patch(&[(2, 2, day()), (3, 1, day()), (4, 2, day()), (5, 3, day())]);
    let inline = r#"t="inlineStr"><is><t xml:space="preserve">2026-03-01</t></is></c>"#;
    for cell in [
        // Nothing above but the titles: the column's look, which is text.
        format!("<c r=\"C2\" s=\"2\" {inline}"),
        "<c r=\"B3\" s=\"1\"><v>46082</v></c>".to_owned(),
        "<c r=\"C4\" s=\"4\"><v>46082</v></c>".to_owned(),
        format!("<c r=\"D5\" s=\"2\" {inline}"),
    ] {
        assert!(new.get(SHEET).contains(&cell), "{cell}: {}", new.get(SHEET));
    }
}

#[test]
fn days_are_counted_as_the_workbook_does() {
    let book = Book::rows(&format!("{TITLES}<row r=\"2\"><c r=\"A2\" s=\"1\"><v>1</v></c></row>"));
    let workbook = book.get(WORKBOOK).replace("<sheets>", "<workbookPr date1904=\"1\"/><sheets>");
    let (_, new) = book.with(WORKBOOK, &workbook).patch(&[(2, 0, NewCell::Date(date(2026, 3, 1)))]);
    assert!(new.get(SHEET).contains("<v>44620</v>"));
}

#[test]
fn what_may_not_be_written_is_refused_cell_by_cell() {
    let data = r#"<row r="2"><c r="A2"><f>1+1</f><v>2</v></c><c r="B2"><f t="array" ref="B2:B3">x</f><v>1</v></c><c r="C2"><v>1</v></c></row><row r="3"><c r="A3"><f t="shared" si="0"/><v>1</v></c><c r="B3"><v>2</v></c><c r="C3"><v>1</v></c></row>"#;
    let merges = r#"<mergeCells count="1"><mergeCell ref="C2:D3"/></mergeCells>"#;
    let book = Book::sheet(&format!("<worksheet><sheetData>{TITLES}{data}</sheetData>{merges}</worksheet>"));
    let long = text(&"x".repeat(32_768));
    let cells = [
        (2, 0, text("x")),
        (2, 1, text("x")),
        (2, 2, text("kept")),
        (2, 3, text("x")),
        (3, 0, text("x")),
        (3, 1, text("x")),
        (3, 2, text("x")),
        (3, 4, long),
        (3, 600, text("x")),
    ];
    let (patched, new) = book.patch(&cells);
    let refused: Vec<_> = patched.refused.iter().map(|cell| (cell.row, cell.column, cell.why)).collect();
    assert_eq!(
        refused,
        [
            (2, 0, CellRefusal::Formula),
            (2, 1, CellRefusal::Formula),
            (2, 3, CellRefusal::Merged),
            (3, 0, CellRefusal::Formula),
            (3, 1, CellRefusal::Array),
            (3, 2, CellRefusal::Merged),
            (3, 4, CellRefusal::TooLong),
            (3, 600, CellRefusal::NoRoom),
        ]
    );
    assert_eq!(patched.rows.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [2]);
    assert!(new.get(SHEET).contains("kept"));
    assert!(new.get(WORKBOOK).contains("<calcPr fullCalcOnLoad=\"1\"/>"));
}

#[test]
fn a_cell_that_holds_more_than_a_value_is_left_alone() {
    let book = Book::rows(&format!("{TITLES}<row r=\"2\"><c r=\"A2\"><v>1</v><extLst/></c></row>"));
    let (patched, new) = book.patch(&[(2, 0, text("x")), (2, 1, text("y"))]);
    assert_eq!(
        patched.refused.iter().map(|cell| (cell.column, cell.why)).collect::<Vec<_>>(),
        [(0, CellRefusal::Extended)]
    );
    assert!(new.get(SHEET).contains("<v>1</v><extLst/></c><c r=\"B2\" t=\"inlineStr\">"));
}

#[test]
fn locked_cells_of_a_protected_sheet_are_refused() {
    let sheet = |protection: &str| {
        let data = r#"<row r="2"><c r="A2"><v>1</v></c><c r="B2" s="3"><v>1</v></c></row>"#;
        Book::sheet(&format!(
            "<worksheet><cols><col min=\"4\" max=\"4\" style=\"3\"/></cols><sheetData>{TITLES}{data}</sheetData>{protection}</worksheet>"
        ))
    };
    let cells = [(2, 0, text("x")), (2, 1, text("x")), (2, 2, text("x")), (2, 3, text("x"))];
    let (patched, _) = sheet("<sheetProtection sheet=\"1\" objects=\"1\"/>").patch(&cells);
    let refused: Vec<_> = patched.refused.iter().map(|cell| (cell.column, cell.why)).collect();
    assert_eq!(refused, [(0, CellRefusal::Locked), (2, CellRefusal::Locked)]);
    assert_eq!(sheet("<sheetProtection sheet=\"0\"/>").patch(&cells).0.refused, []);
    assert_eq!(
        sheet("<sheetProtection sheet=\"1\"/>").append(2, &[&[(0, text("x"))]]).0.append_refused,
        Some(CellRefusal::Protected)
    );
}

#[test]
fn a_file_that_passes_a_limit_is_not_given_out() {
    let book = Book::rows(&format!("{TITLES}<row r=\"2\"><c r=\"A2\"><v>1</v></c></row>"));
    let cells = [(2, 0, text(&"x".repeat(5000)))];
    let mut request = book.request(&cells);
    request.read.unpacked_bytes_max = 5000;
    assert_eq!(book.ask(&request).err().unwrap().code, "too-large");
    request.read.unpacked_bytes_max = 50_000;
    assert!(book.ask(&request).is_ok());
    let mut request = book.request(&[(2, 0, text("x")), (3, 0, text("x"))]);
    request.read.rows_max = 1;
    assert_eq!(book.ask(&request).err().unwrap().code, "too-many-rows");
    // A sheet that is packed too well to be read again.
    let mut request = book.request(&[(2, 0, text("x"))]);
    request.appended = vec![(0..500).map(|column| (column, text(&"x".repeat(32_767)))).collect(); 2];
    assert_eq!(book.ask(&request).err().unwrap().code, "too-large");
}

#[test]
fn a_row_that_moved_refuses_the_file() {
    let book = Book::rows(&format!("{TITLES}<row r=\"2\"><c r=\"A2\"><v>1</v></c></row>"));
    let mut request = book.request(&[(2, 0, text("x"))]);
    request.rows[0].hash ^= 1;
    assert_eq!(book.ask(&request).err().unwrap().code, "moved");
    request = book.request(&[(2, 0, text("x")), (5, 0, text("x"))]);
    request.rows[1].hash = 5;
    assert_eq!(book.ask(&request).err().unwrap().code, "moved");
}

#[test]
fn files_that_a_patch_would_harm_are_refused() {
    let book = || Book::rows(&format!("{TITLES}<row r=\"2\"><c r=\"A2\"><v>1</v></c></row>"));
    let cells = [(2, 0, text("x"))];
    assert_eq!(book().with("_xmlsignatures/sig1.xml", "<x/>").code(&cells), "signed");
    assert_eq!(book().with("xl/revisions/revisionHeaders.xml", "<x/>").code(&cells), "shared-workbook");
    assert_eq!(book().with("XL/Styles.xml", "<x/>").code(&cells), "not-patchable");
    let unknown = book().get(SHEET).replace("<c r=\"A2\">", "<c r=\"A2\" s=\"5\">");
    assert_eq!(book().with(SHEET, &unknown).code(&cells), "not-patchable");
    let swapped = book().get(SHEET).replace("<c r=\"A2\">", "<c r=\"B2\"/><c r=\"A2\">");
    assert_eq!(book().with(SHEET, &swapped).code(&cells), "not-patchable");
    for head in ["<?xml version=\"1.0\" encoding=\"GB2312\"?>", "<!DOCTYPE worksheet>"] {
        let sheet = format!("{head}{}", book().get(SHEET));
        assert_eq!(book().with(SHEET, &sheet).code(&cells), "not-patchable", "{head}");
    }
    let marked = format!("\u{feff}<?xml version='1.0' encoding='utf-8'?>{}", book().get(SHEET));
    assert_eq!(book().with(SHEET, &marked).patch(&cells).0.refused, []);
    let mut request = book().request(&cells);
    request.read.sheet = Some("T".into());
    assert_eq!(book().ask(&request).err().unwrap().code, "sheet-missing");
}

#[test]
fn a_strict_workbook_stays_one() {
    let strict = |text: &str| {
        text.replace(OFFICE, "http://purl.oclc.org/ooxml/officeDocument/relationships").replace(
            "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
            "http://purl.oclc.org/ooxml/spreadsheetml/main",
        )
    };
    let mut book = Book::rows(&format!("{TITLES}<row r=\"2\"><c r=\"A2\" s=\"1\" t=\"d\"><v>2026-01-31</v></c></row>"));
    for (_, text) in &mut book.parts {
        *text = strict(text);
    }
    let cells = [(2, 0, NewCell::Date(date(2026, 3, 1))), (2, 1, text("x"))];
    let (patched, new) = book.patch(&cells);
    assert_eq!((patched.refused.len(), patched.rows.len()), (0, 1));
    assert!(new.get(SHEET).contains("<c r=\"A2\" s=\"1\"><v>46082</v></c>"), "{}", new.get(SHEET));
    for (part, name) in [
        ("_rels/.rels", "Type=\"http://purl.oclc.org/ooxml/officeDocument/relationships/customProperties\""),
        ("docProps/custom.xml", "<Properties xmlns=\"http://purl.oclc.org/ooxml/officeDocument/customProperties\""),
    ] {
        assert!(new.get(part).contains(name), "{part}: {}", new.get(part));
    }
    assert!(new.parts.iter().all(|(_, text)| !text.contains("/2006/relationships")));
    let seen = outcome(new.bytes(), &request(FileKind::Xlsx));
    let day = RawCell::DateTime(date(2026, 3, 1).at(0, 0, 0, 0));
    assert_eq!(seen.cells(), [[(0, day), (1, RawCell::Text("x".into()))]]);
    let properties = seen.head.unwrap().properties;
    assert_eq!((properties.source.as_deref(), properties.revision), (Some("sales"), Some(7)));
    // The mark is set anew where it stands.
    let (_, again) = new.patch(&[(2, 1, text("y"))]);
    assert_eq!(again.get("_rels/.rels"), new.get("_rels/.rels"));
}

/// A sheet with three columns, whose data ends in row 3.
fn grown() -> Book {
    let sheet = format!(
        r#"<worksheet><dimension ref="A1:B3"/><sheetData>{TITLES}<row r="2"><c r="A2"><v>1</v></c></row><row r="3" spans="1:2" ht="30" customHeight="1" hidden="1" x14ac:dyDescent="0.2"><c r="A3" s="2" t="str"><v>n</v></c><c r="B3" s="1"><v>2</v></c><c r="D3" s="4"/></row></sheetData><autoFilter ref="A1:B3"/><conditionalFormatting sqref="A2:B3 D3"><cfRule/></conditionalFormatting><dataValidations><dataValidation sqref="B2:B3"/></dataValidations></worksheet>"#
    );
    let names = r#"</sheets><definedNames><definedName name="_xlnm._FilterDatabase" localSheetId="0">S!$A$1:$B$3</definedName></definedNames>"#;
    let book = Book::sheet(&sheet);
    let workbook = book.get(WORKBOOK).replace("</sheets>", names);
    book.with(WORKBOOK, &workbook)
}

fn with_table(book: Book, area: &str, more: &str) -> Book {
    let relations = format!(
        r#"<Relationships><Relationship Id="r1" Type="{OFFICE}/table" Target="../tables/table1.xml"/></Relationships>"#
    );
    let table = format!(r#"<table ref="{area}" {more}><autoFilter ref="{area}"/></table>"#);
    book.with("xl/worksheets/_rels/sheet1.xml.rels", &relations).with("xl/tables/table1.xml", &table)
}

#[test]
fn appended_rows_look_like_the_last_one_and_all_grows() {
    let book = with_table(grown(), "A1:B3", "");
    let new = [(0, text("x")), (1, NewCell::Date(date(2026, 3, 1)))];
    let (patched, grown) = book.append(3, &[&new, &[(1, number("5"))]]);
    assert_eq!(patched.append_refused, None);
    assert_eq!(patched.appended.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [4, 5]);
    assert!(grown.get(SHEET).contains(
        "<row r=\"4\" ht=\"30\" customHeight=\"1\" x14ac:dyDescent=\"0.2\"><c r=\"A4\" s=\"2\" t=\"inlineStr\"><is><t xml:space=\"preserve\">x</t></is></c>\
         <c r=\"B4\" s=\"1\"><v>46082</v></c><c r=\"D4\" s=\"4\"/></row>\
         <row r=\"5\" ht=\"30\" customHeight=\"1\" x14ac:dyDescent=\"0.2\"><c r=\"A5\" s=\"2\"/><c r=\"B5\" s=\"1\" t=\"inlineStr\"><is><t xml:space=\"preserve\">5</t></is></c>\
         <c r=\"D5\" s=\"4\"/></row></sheetData>"
    ), "{}", grown.get(SHEET));
    for part in [
        "<dimension ref=\"A1:B5\"/>",
        "<autoFilter ref=\"A1:B5\"/>",
        "<conditionalFormatting sqref=\"A2:B5 D3\">",
        "<dataValidation sqref=\"B2:B5\"/>",
    ] {
        assert!(grown.get(SHEET).contains(part), "{part}");
    }
    assert!(grown.get(WORKBOOK).contains("S!$A$1:$B$5<"));
    assert_eq!(grown.get("xl/tables/table1.xml"), "<table ref=\"A1:B5\" ><autoFilter ref=\"A1:B5\"/></table>");
}

#[test]
fn rows_that_stand_ready_are_used() {
    let sheet = grown().get(SHEET).replace(
        "</sheetData>",
        "<row r=\"4\"><c r=\"A4\" s=\"1\"/></row><row r=\"9\"><c r=\"A9\" s=\"1\"/></row></sheetData>",
    );
    let (_, new) = grown()
        .with(SHEET, &sheet)
        .append(3, &[&[(0, NewCell::Date(date(2026, 3, 1))), (1, text("x"))], &[(0, text("y"))]]);
    assert!(
        new.get(SHEET)
            .contains("<row r=\"4\"><c r=\"A4\" s=\"1\"><v>46082</v></c><c r=\"B4\" s=\"1\" t=\"inlineStr\">")
    );
    assert!(new.get(SHEET).contains("</row><row r=\"9\"><c r=\"A9\" s=\"1\"/></row></sheetData>"));
}

#[test]
fn rows_are_appended_only_where_there_is_room() {
    let refusal = |book: Book, last_row: u32| book.append(last_row, &[&[(0, text("x"))]]).0.append_refused;
    let sheet = |from: &str, to: &str| grown().with(SHEET, &grown().get(SHEET).replace(from, to));
    assert_eq!(refusal(grown(), 3), None);
    assert_eq!(refusal(grown(), 2), Some(CellRefusal::RowsBelow));
    let formula = sheet("</sheetData>", "<row r=\"7\"><c r=\"A7\" t=\"str\"><f>\"\"</f><v></v></c></row></sheetData>");
    assert_eq!(refusal(formula, 3), Some(CellRefusal::RowsBelow));
    let merged = sheet("</worksheet>", "<mergeCells><mergeCell ref=\"C3:C4\"/></mergeCells></worksheet>");
    assert_eq!(refusal(merged, 3), Some(CellRefusal::NoRoom));
    assert_eq!(refusal(with_table(grown(), "A1:B4", "totalsRowCount=\"1\""), 3), Some(CellRefusal::TotalsRow));
    assert_eq!(refusal(with_table(grown(), "D4:E9", ""), 3), Some(CellRefusal::NoRoom));
    assert_eq!(refusal(with_table(grown(), "D2:E3", ""), 3), None);
    assert_eq!(refusal(grown(), 1_048_576), Some(CellRefusal::NoRoom));
    let mut request = grown().request(&[]);
    request.read.rows_max = 2;
    request.appended = vec![vec![(0, text("x"))]];
    assert_eq!(grown().ask(&request).unwrap().0.append_refused, Some(CellRefusal::NoRoom));
    assert_eq!(grown().append(3, &[&[(0, text("x"))]]).1.get("xl/worksheets/sheet1.xml").matches("<row ").count(), 4);
}

#[test]
fn a_table_with_room_keeps_its_end() {
    let (_, new) = with_table(grown(), "A1:B9", "").append(3, &[&[(0, text("x"))]]);
    assert!(new.get("xl/tables/table1.xml").contains("ref=\"A1:B9\""));
    let (_, new) = with_table(grown(), "A1:B4", "").append(3, &[&[(0, text("x"))], &[(0, text("y"))]]);
    assert!(new.get("xl/tables/table1.xml").contains("<autoFilter ref=\"A1:B5\"/>"));
}

#[test]
fn a_list_beside_the_records_does_not_grow() {
    let (patched, new) = with_table(grown(), "D1:E3", "totalsRowCount=\"1\"").append(3, &[&[(0, text("x"))]]);
    assert_eq!(patched.append_refused, None);
    assert!(new.get("xl/tables/table1.xml").contains("<table ref=\"D1:E3\""));
    let (_, new) = grown().append(3, &[&[(3, text("x"))]]);
    for part in ["<autoFilter ref=\"A1:B3\"/>", "sqref=\"A2:B3 D3\"", "<dataValidation sqref=\"B2:B3\"/>"] {
        assert!(new.get(SHEET).contains(part), "{part}: {}", new.get(SHEET));
    }
    assert!(new.get(WORKBOOK).contains("S!$A$1:$B$3<"));
}

#[test]
fn rules_of_one_kind_do_not_grow_into_each_other() {
    let below = "<dataValidation sqref=\"B4:B9\"/></dataValidations>";
    let sheet = grown().get(SHEET).replace("</dataValidations>", below);
    let (_, new) = grown().with(SHEET, &sheet).append(3, &[&[(0, text("x")), (1, text("y"))]]);
    for part in ["sqref=\"A2:B4 D3\"", "<dataValidation sqref=\"B2:B3\"/><dataValidation sqref=\"B4:B9\"/>"] {
        assert!(new.get(SHEET).contains(part), "{part}: {}", new.get(SHEET));
    }
}

#[test]
fn rows_are_appended_to_titles_alone() {
    let book = Book::rows(TITLES);
    let (patched, new) = book.append(1, &[&[(0, text("x"))], &[]]);
    assert_eq!(patched.appended.len(), 2);
    assert_eq!(
        rows(new.get(SHEET)),
        "<row r=\"2\"><c r=\"A2\" t=\"inlineStr\"><is><t xml:space=\"preserve\">x</t></is></c></row><row r=\"3\"></row>"
    );
}

#[test]
fn formulas_elsewhere_are_calculated_too() {
    let book = Book::rows(&format!("{TITLES}<row r=\"2\"><c r=\"A2\"><v>1</v></c></row>"));
    let workbook = book.get(WORKBOOK).replace("</sheets>", "<sheet name=\"T\" sheetId=\"2\" r:id=\"rId7\"/></sheets>");
    let relation = format!(
        r#"<Relationship Id="rId7" Type="{OFFICE}/worksheet" Target="worksheets/sheet2.xml"/></Relationships>"#
    );
    let relations = book.get("xl/_rels/workbook.xml.rels").replace("</Relationships>", &relation);
    let book = book.with(WORKBOOK, &workbook).with("xl/_rels/workbook.xml.rels", &relations);
    let other =
        |formula: &str| format!("<worksheet><sheetData><row><c>{formula}<v>1</v></c></row></sheetData></worksheet>");
    let book = book.with("xl/worksheets/sheet2.xml", &other(""));
    assert!(!book.patch(&[(2, 0, text("x"))]).1.get(WORKBOOK).contains("calcPr"));
    let book = book.with("xl/worksheets/sheet2.xml", &other("<f>S!A2</f>"));
    assert!(book.patch(&[(2, 0, text("x"))]).1.get(WORKBOOK).contains("<calcPr fullCalcOnLoad=\"1\"/>"));
}
