//! Open Document spreadsheets (`ods`), streamed.
//!
//! A reader of our own: the parser for the other formats lays a whole document out in memory with every repetition
//! written out, and an office program repeats rows and columns to the sheet's edge. Two passes over `content.xml`: one
//! for the sheets' names, one for the cells of the chosen sheet. Formulas appear as their last result; where they
//! stand is told in the same pass.

use std::collections::HashSet;
use std::io::{Read, Seek};

use calamine::{Data, Sheet, SheetType, SheetVisible};
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};

use super::canonical::{Canonical, Raw, text};
use super::formula_runs::FormulaRuns;
use super::package::{Package, Xml, attribute, elements, texts};
use super::read::{ReadFailure, choose_sheet};
use super::rows::{Rows, Stop};
use super::sheet::{FormulaRun, Properties};
use super::xlsx::properties::{REVISION, SOURCE};

const CONTENT: &str = "content.xml";
/// No sheet is wider; what a repetition writes beyond is left out.
const COLUMNS_END: u32 = 16_384;

/// Reads the requested sheet.
pub(super) fn read<R: Read + Seek>(package: &mut Package<R>, mut rows: Rows<'_>) -> Result<(), Stop> {
    if is_encrypted(package) {
        return Err(ReadFailure::encrypted().into());
    }
    let sheets = sheets(package)?;
    let chosen = choose_sheet(&sheets, rows.request())?;
    let position = sheets.iter().position(|sheet| sheet.name == chosen.name).unwrap_or(0);
    rows.describe(Some(chosen), properties(package));
    let mut table = Table::find(package.part(CONTENT).ok_or_else(broken)?, position)?;
    let mut formulas = FormulaRuns::new(rows.request().header_row, rows.request().columns_max);
    let mut number = 1_u32;
    while let Some(row) = table.next_row()? {
        let last = number.saturating_add(row.repeated - 1);
        for place in &row.formulas {
            place.add_to(&mut formulas, number, last);
        }
        for _ in 0..if row.cells.is_empty() { 0 } else { row.repeated } {
            rows.push(number, &row.cells)?;
            number = number.saturating_add(1);
        }
        if row.cells.is_empty() {
            number = number.saturating_add(row.repeated);
        }
    }
    if rows.wants_formulas() {
        rows.formulas(formulas.into_runs())?;
    }
    rows.end()
}

fn broken() -> ReadFailure {
    ReadFailure::damaged("The document's XML is broken.")
}

fn is_encrypted<R: Read + Seek>(package: &mut Package<R>) -> bool {
    let mut is_encrypted = false;
    if let Some(mut xml) = package.small_part("META-INF/manifest.xml") {
        elements(&mut xml, |element| {
            is_encrypted = element.local_name().as_ref() == "encryption-data";
            !is_encrypted
        });
    }
    is_encrypted
}

fn properties<R: Read + Seek>(package: &mut Package<R>) -> Properties {
    let mut properties = Properties::default();
    if let Some(mut xml) = package.small_part("meta.xml") {
        texts(&mut xml, |element, name, text| match (element, name) {
            ("creator", _) => properties.editor = Some(text),
            // Most programs write the local time without its zone; then it is unknown.
            ("date", _) => properties.modified_ms = text.parse().ok().map(jiff::Timestamp::as_millisecond),
            ("user-defined", SOURCE) => properties.source = Some(text),
            ("user-defined", REVISION) => properties.revision = text.trim_end_matches(".0").parse().ok(),
            _ => {}
        });
    }
    properties
}

/// The sheets in order, with those hidden whose style says so.
fn sheets<R: Read + Seek>(package: &mut Package<R>) -> Result<Vec<Sheet>, ReadFailure> {
    let mut hidden = HashSet::new();
    let mut style = String::new();
    let mut sheets = Vec::new();
    let mut is_spreadsheet = false;
    elements(&mut package.part(CONTENT).ok_or_else(broken)?, |element| {
        match element.name().as_ref() {
            "style:style" => style = attribute(element, "name").unwrap_or_default(),
            "style:table-properties" if attribute(element, "display").as_deref() == Some("false") => {
                hidden.insert(style.clone());
            }
            "office:spreadsheet" => is_spreadsheet = true,
            "table:table" if attribute(element, "is-sub-table").is_none() => {
                let is_hidden = attribute(element, "style-name").is_some_and(|style| hidden.contains(&style));
                sheets.push(Sheet {
                    name: attribute(element, "name").unwrap_or_default(),
                    typ: SheetType::WorkSheet,
                    visible: if is_hidden { SheetVisible::Hidden } else { SheetVisible::Visible },
                });
            }
            _ => {}
        }
        true
    });
    if is_spreadsheet { Ok(sheets) } else { Err(ReadFailure::not_a_workbook("The file is no spreadsheet document.")) }
}

/// The rows of one table.
struct Table<'a, R: Read + Seek> {
    xml: Xml<'a, R>,
    buffer: Vec<u8>,
}

#[derive(Default)]
struct Row {
    repeated: u32,
    cells: Vec<(u32, OdsCell)>,
    formulas: Vec<FormulaCells>,
}

/// Cells of one row that hold formulas.
struct FormulaCells {
    first_column: u32,
    last_column: u32,
    /// How many rows an array formula fills.
    rows: u32,
}

impl FormulaCells {
    fn add_to(&self, runs: &mut FormulaRuns, first_row: u32, last_row: u32) {
        if self.rows > 1 {
            let last_row = last_row.saturating_add(self.rows - 1);
            return runs.add_area(self.first_column, self.last_column, (first_row, last_row));
        }
        for column in self.first_column..=self.last_column {
            runs.add(FormulaRun { column, first: first_row, last: last_row });
        }
    }
}

#[derive(Clone)]
enum OdsCell {
    Value(Data),
    Error(String),
}

impl Raw for OdsCell {
    fn canonical(&self) -> Option<Canonical<'_>> {
        match self {
            Self::Value(value) => value.canonical(),
            Self::Error(token) => match text(token) {
                Some(Canonical::Text(token)) => Some(Canonical::Error(token)),
                _ => Some(Canonical::Error("#ERROR!".into())),
            },
        }
    }
}

impl<'a, R: Read + Seek> Table<'a, R> {
    /// Goes to the table with this position.
    fn find(mut xml: Xml<'a, R>, position: usize) -> Result<Self, ReadFailure> {
        let mut before = 0;
        let mut is_found = false;
        elements(&mut xml, |element| {
            if element.name().as_ref() == "table:table" && attribute(element, "is-sub-table").is_none() {
                is_found = before == position;
                before += 1;
            }
            !is_found
        });
        if is_found { Ok(Self { xml, buffer: Vec::new() }) } else { Err(broken()) }
    }

    fn next_row(&mut self) -> Result<Option<Row>, ReadFailure> {
        loop {
            self.buffer.clear();
            match self.xml.read_event_into(&mut self.buffer) {
                Ok(Event::Start(element)) if element.name().as_ref() == "table:table-row" => {
                    let repeated = count(&element, "number-rows-repeated");
                    let row = Row { repeated, ..Row::default() };
                    return Ok(Some(self.cells(row)?));
                }
                // Pictures and drawings of the sheet may hold tables of their own.
                Ok(Event::Start(element)) if element.name().as_ref() == "table:shapes" => self.skip()?,
                Ok(Event::End(element)) if element.name().as_ref() == "table:table" => return Ok(None),
                Ok(Event::Eof) | Err(_) => return Err(broken()),
                Ok(_) => {}
            }
        }
    }

    fn cells(&mut self, mut row: Row) -> Result<Row, ReadFailure> {
        let mut column = 0_u32;
        loop {
            self.buffer.clear();
            let (typed, repeated) = match self.xml.read_event_into(&mut self.buffer) {
                Ok(Event::Start(element)) if element.local_name().as_ref().ends_with("table-cell") => {
                    (Typed::of(&element), count(&element, "number-columns-repeated"))
                }
                Ok(Event::End(element)) if element.name().as_ref() == "table:table-row" => return Ok(row),
                Ok(Event::Eof) | Err(_) => return Err(broken()),
                Ok(_) => continue,
            };
            let end = column.saturating_add(repeated).min(COLUMNS_END);
            if let Some((columns, rows)) = typed.formula
                && column < end
            {
                let last_column = (end - 1).max(column.saturating_add(columns - 1)).min(COLUMNS_END - 1);
                row.formulas.push(FormulaCells { first_column: column, last_column, rows });
            }
            if let Some(cell) = typed.with_text(self.paragraphs()?) {
                row.cells.extend((column..end).map(|column| (column, cell.clone())));
            }
            column = column.saturating_add(repeated);
        }
    }

    /// The paragraphs of the cell that has just begun, up to its end. Notes and drawings are not the cell's text.
    fn paragraphs(&mut self) -> Result<String, ReadFailure> {
        let mut text = String::new();
        let mut paragraphs = 0;
        let mut depth = 0;
        loop {
            self.buffer.clear();
            match self.xml.read_event_into(&mut self.buffer) {
                Ok(Event::Start(element)) => match (depth, element.name().as_ref()) {
                    (0, "text:p") => {
                        if paragraphs > 0 {
                            text.push('\n');
                        }
                        paragraphs += 1;
                        depth = 1;
                    }
                    (0, _) | (_, "text:ruby-text" | "office:annotation") => self.skip()?,
                    (_, name) => {
                        match name {
                            "text:s" => text.extend(std::iter::repeat_n(' ', count(&element, "c").min(1000) as usize)),
                            "text:tab" => text.push('\t'),
                            "text:line-break" => text.push('\n'),
                            _ => {}
                        }
                        depth += 1;
                    }
                },
                Ok(Event::End(_)) if depth == 0 => return Ok(text),
                Ok(Event::End(_)) => depth -= 1,
                Ok(Event::Text(piece)) if depth > 0 => push_collapsed(&mut text, &piece),
                Ok(Event::CData(piece)) if depth > 0 => push_collapsed(&mut text, &piece),
                Ok(Event::GeneralRef(name)) if depth > 0 => match name.resolve_char_ref() {
                    Ok(Some(character)) => text.push(character),
                    _ => text.push_str(quick_xml::escape::resolve_predefined_entity(&name).unwrap_or_default()),
                },
                Ok(Event::Eof) | Err(_) => return Err(broken()),
                Ok(_) => {}
            }
        }
    }

    /// Skips to the end of the element that has just begun.
    fn skip(&mut self) -> Result<(), ReadFailure> {
        let mut depth = 1;
        while depth > 0 {
            self.buffer.clear();
            match self.xml.read_event_into(&mut self.buffer) {
                Ok(Event::Start(_)) => depth += 1,
                Ok(Event::End(_)) => depth -= 1,
                Ok(Event::Eof) | Err(_) => return Err(broken()),
                Ok(_) => {}
            }
        }
        Ok(())
    }
}

/// A cell's attributes, from which its value is made.
struct Typed {
    value: Option<Data>,
    is_error: bool,
    /// How many columns and rows its formula fills, if it has one.
    formula: Option<(u32, u32)>,
}

impl Typed {
    fn of(element: &BytesStart<'_>) -> Self {
        let mut typed = Self { value: None, is_error: false, formula: None };
        let mut spanned = (1, 1);
        let mut attributes = element.attributes();
        attributes.with_checks(false);
        for attribute in attributes.filter_map(Result::ok) {
            let Ok(value) = attribute.normalized_value(XmlVersion::Implicit1_0) else { continue };
            match attribute.key.as_ref() {
                "office:value" => typed.value = value.trim().parse().ok().map(Data::Float),
                "office:date-value" => typed.value = Some(Data::DateTimeIso(value.into_owned())),
                "office:time-value" => typed.value = Some(Data::DurationIso(value.into_owned())),
                "office:boolean-value" => typed.value = Some(Data::Bool(value.eq_ignore_ascii_case("true"))),
                "office:string-value" => typed.value = Some(Data::String(value.into_owned())),
                "calcext:value-type" => typed.is_error = value == "error",
                "table:formula" => typed.formula = Some((1, 1)),
                "table:number-matrix-columns-spanned" => spanned.0 = value.parse().unwrap_or(1).max(1),
                "table:number-matrix-rows-spanned" => spanned.1 = value.parse().unwrap_or(1).max(1),
                _ => {}
            }
        }
        typed.formula = typed.formula.map(|_| spanned);
        typed
    }

    fn with_text(self, text: String) -> Option<OdsCell> {
        if self.is_error {
            return Some(OdsCell::Error(text));
        }
        let value = self.value.unwrap_or(Data::String(text));
        (!matches!(&value, Data::String(text) if text.is_empty())).then_some(OdsCell::Value(value))
    }
}

/// A repetition; 1 if it is not said or makes no sense.
fn count(element: &BytesStart<'_>, name: &str) -> u32 {
    attribute(element, name).and_then(|count| count.parse().ok()).filter(|count| *count > 0).unwrap_or(1)
}

/// In a paragraph, written white space counts as one space; further ones are elements.
fn push_collapsed(text: &mut String, piece: &str) {
    for character in piece.chars() {
        match character {
            ' ' | '\t' | '\r' | '\n' => {
                if !text.ends_with([' ', '\n']) {
                    text.push(' ');
                }
            }
            character => text.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::read::FileKind;
    use super::super::sheet::{FormulaRun, RawCell};
    use super::super::trial::{outcome, request, zipped};

    fn content(tables: &str) -> Vec<u8> {
        let content = format!(
            r#"<office:document-content><office:automatic-styles><style:style style:name="ta2"><style:table-properties table:display="false"/></style:style></office:automatic-styles><office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body></office:document-content>"#
        );
        zipped(&[("content.xml", &content)])
    }

    #[test]
    fn values_texts_and_repetitions_are_read() {
        let bytes = content(
            r#"<table:table table:name="hidden" table:style-name="ta2"/><table:table table:name="S">
            <table:table-header-rows><table:table-row><table:table-cell office:value-type="string"><text:p>A</text:p></table:table-cell></table:table-row></table:table-header-rows>
            <table:table-row table:number-rows-repeated="2"><table:table-cell table:number-columns-repeated="3"/></table:table-row>
            <table:table-row table:number-rows-repeated="2"><table:table-cell office:value-type="string"><office:annotation><text:p>note</text:p></office:annotation><text:p>Li <text:s text:c="2"/>Lei &amp; <text:span>Co</text:span></text:p><text:p>2</text:p></table:table-cell><table:covered-table-cell/><table:table-cell office:value="2.5" table:number-columns-repeated="2"><text:p>2,50</text:p></table:table-cell></table:table-row>
            <table:table-row><table:table-cell office:date-value="2026-03-01"/><table:table-cell office:time-value="PT08H30M05S"/><table:table-cell office:boolean-value="true"/><table:table-cell office:string-value="" calcext:value-type="error"><text:p>#N/A</text:p></table:table-cell></table:table-row>
            <table:table-row table:number-rows-repeated="1048570"><table:table-cell table:number-columns-repeated="16384"/></table:table-row></table:table>"#,
        );
        let seen = outcome(bytes, &request(FileKind::Ods));
        assert_eq!(seen.failure, None);
        assert_eq!(seen.numbers(), [4, 5, 6]);
        let cells = seen.cells();
        let text = RawCell::Text("Li   Lei & Co\n2".into());
        assert_eq!(cells[0], [(0, text), (2, RawCell::Number(2.5)), (3, RawCell::Number(2.5))]);
        assert_eq!(cells[0], cells[1]);
        let date = RawCell::DateTime(jiff::civil::date(2026, 3, 1).at(0, 0, 0, 0));
        let time = RawCell::Duration("08:30:05".into());
        let expected = [date, time, RawCell::Boolean(true), RawCell::Error("#N/A".into())];
        assert_eq!(cells[2], (0..).zip(expected).collect::<Vec<_>>());
    }

    #[test]
    fn formulas_are_told() {
        let bytes = content(
            r#"<table:table table:name="S"><table:table-row><table:table-cell office:value="1"/></table:table-row>
            <table:table-row table:number-rows-repeated="2"><table:table-cell/><table:table-cell table:formula="of:=1" office:value="1" table:number-columns-repeated="2"/></table:table-row>
            <table:table-row><table:table-cell/><table:table-cell table:formula="of:=1" office:value="1"/><table:table-cell table:formula="of:={1}" table:number-matrix-columns-spanned="2" table:number-matrix-rows-spanned="3" office:value="1"/></table:table-row></table:table>"#,
        );
        let seen = outcome(bytes, &request(FileKind::Ods));
        let run = |column, first, last| FormulaRun { column, first, last };
        assert_eq!(seen.formulas, [run(1, 2, 4), run(2, 2, 6), run(3, 4, 6)]);
    }

    #[test]
    fn repetitions_are_bounded() {
        let row = r#"<table:table-row table:number-rows-repeated="4000000000"><table:table-cell office:value="1" table:number-columns-repeated="4000000000"/></table:table-row>"#;
        let mut request = request(FileKind::Ods);
        request.rows_max = 5;
        request.columns_max = 20_000;
        let seen = outcome(content(&format!(r#"<table:table table:name="S">{row}</table:table>"#)), &request);
        assert_eq!(seen.failure.as_deref(), Some("too-many-rows"));
    }

    #[test]
    fn an_encrypted_document_is_told() {
        let manifest = "<manifest:manifest><manifest:file-entry><manifest:encryption-data/></manifest:file-entry></manifest:manifest>";
        let bytes = zipped(&[("content.xml", "\u{1}\u{2}"), ("META-INF/manifest.xml", manifest)]);
        assert_eq!(outcome(bytes, &request(FileKind::Ods)).failure.as_deref(), Some("encrypted"));
    }
}
