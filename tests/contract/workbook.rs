//! Workbooks as people make and change them: new ones by `rust_xlsxwriter`, changes in the XML of what is there, so that
//! all else in the file (properties, protection, formats) stays as it was.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use calamine::{Data, Reader, Xlsx};
use regex::Regex;
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook as NewWorkbook};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

/// When a workbook says that it was saved: each a minute after the one before, as people do. (The test's own pace, several
/// saves a second, would say that one can't come from the other.)
fn saving_time() -> i64 {
    static SAVED: AtomicU32 = AtomicU32::new(0);
    1_780_000_000 + 60 * i64::from(SAVED.fetch_add(1, Ordering::Relaxed))
}

/// One cell that is to be written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    Blank,
    Text(String),
    Number(f64),
    Date(u16, u8, u8),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        if text.is_empty() { Self::Blank } else { Self::Text(text.to_owned()) }
    }
}

impl From<f64> for Cell {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

/// A sheet's rows, the titles first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sheet(pub Vec<Vec<Cell>>);

/// Rows of texts: `rows(&["Customer ID|Name", "C-1|Amber"])`.
pub(crate) fn rows(lines: &[&str]) -> Sheet {
    Sheet(lines.iter().map(|line| line.split('|').map(|text| Cell::from(text.trim())).collect()).collect())
}

impl Sheet {
    pub(crate) fn xlsx(&self) -> Vec<u8> {
        self.xlsx_named("Sheet1")
    }

    pub(crate) fn xlsx_named(&self, sheet: &str) -> Vec<u8> {
        let saved = ExcelDateTime::from_timestamp(saving_time()).expect("a time");
        let mut workbook = NewWorkbook::new();
        workbook.set_properties(&DocProperties::new().set_creation_datetime(&saved));
        let date = Format::new().set_num_format("yyyy-mm-dd");
        let worksheet = workbook.add_worksheet().set_name(sheet).expect("a sheet's name");
        for (row, cells) in (0_u32..).zip(&self.0) {
            for (column, cell) in (0_u16..).zip(cells) {
                let written = match cell {
                    Cell::Blank => continue,
                    Cell::Text(text) => worksheet.write_string(row, column, text),
                    Cell::Number(number) => worksheet.write_number(row, column, *number),
                    Cell::Date(year, month, day) => {
                        let at = ExcelDateTime::from_ymd(*year, *month, *day).expect("a date");
                        worksheet.write_datetime_with_format(row, column, at, &date)
                    }
                };
                written.expect("the cell can be written");
            }
        }
        workbook.save_to_buffer().expect("the workbook can be written")
    }

    /// As text with a separator.
    pub(crate) fn csv(&self, separator: &str) -> String {
        let cell = |cell: &Cell| match cell {
            Cell::Blank => String::new(),
            Cell::Text(text) => text.clone(),
            Cell::Number(number) => number.to_string(),
            Cell::Date(year, month, day) => format!("{year}-{month:02}-{day:02}"),
        };
        let line = |row: &Vec<Cell>| row.iter().map(cell).collect::<Vec<_>>().join(separator);
        self.0.iter().map(line).map(|line| line + "\r\n").collect()
    }
}

/// A workbook that is there, opened by somebody who changes cells and saves.
pub(crate) struct Workbook {
    path: PathBuf,
    parts: Vec<(String, Vec<u8>)>,
}

impl Workbook {
    pub(crate) fn open(path: &Path) -> Self {
        let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut archive = ZipArchive::new(file).expect("a zip file");
        let mut parts = Vec::new();
        for index in 0..archive.len() {
            let mut part = archive.by_index(index).expect("a part");
            let mut bytes = Vec::new();
            part.read_to_end(&mut bytes).expect("the part can be read");
            let name = part.name().expect("a part's name").into_owned();
            parts.push((name, bytes));
        }
        Self { path: path.to_owned(), parts }
    }

    /// The names and bytes of all its parts.
    pub(crate) fn parts(&self) -> &[(String, Vec<u8>)] {
        &self.parts
    }

    /// The file with other texts in its parts.
    pub(crate) fn with_parts(mut self, change: impl Fn(&str, &str) -> String) -> Vec<u8> {
        for (name, bytes) in &mut self.parts {
            if let Ok(text) = str::from_utf8(bytes) {
                *bytes = change(name, text).into_bytes();
            }
        }
        self.bytes()
    }

    fn bytes(&self) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in &self.parts {
            writer.start_file(name.as_str(), SimpleFileOptions::default()).expect("a part can be begun");
            writer.write_all(bytes).expect("a part can be written");
        }
        writer.finish().expect("the file can be ended").into_inner()
    }

    /// The first sheet's cells as texts, by row and column.
    pub(crate) fn rows(&self) -> Vec<Vec<String>> {
        let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(self.bytes())).expect("a workbook");
        let range = workbook.worksheet_range_at(0).expect("a sheet").expect("it can be read");
        let show = |cell: &Data| match cell {
            Data::DateTime(at) => {
                #[expect(clippy::cast_possible_truncation, reason = "the days of a date")]
                let days = jiff::Span::new().days(at.as_f64() as i64);
                jiff::civil::date(1899, 12, 30).saturating_add(days).to_string()
            }
            other => other.to_string(),
        };
        range.rows().map(|row| row.iter().map(show).collect()).collect()
    }

    /// The row (from 1) with a key in its first column.
    #[track_caller]
    fn row_of(&self, key: &str) -> usize {
        let rows = self.rows();
        rows.iter().position(|row| row[0] == key).unwrap_or_else(|| panic!("no `{key}` in {rows:?}")) + 1
    }

    /// Whether there is a row with a key in its first column.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.rows().iter().any(|row| row[0] == key)
    }

    /// The place of a cell, by key and title: `C14`.
    #[track_caller]
    pub(crate) fn place(&self, key: &str, title: &str) -> String {
        let rows = self.rows();
        let column = rows[0].iter().position(|own| own == title);
        let column = column.unwrap_or_else(|| panic!("no `{title}` in {:?}", rows[0]));
        format!("{}{}", letter(column), self.row_of(key))
    }

    /// The text of a cell, by key and title.
    #[track_caller]
    pub(crate) fn value(&self, key: &str, title: &str) -> String {
        let rows = self.rows();
        let column = rows[0].iter().position(|own| own == title);
        let column = column.unwrap_or_else(|| panic!("no `{title}` in {:?}", rows[0]));
        rows[self.row_of(key) - 1][column].clone()
    }

    fn sheet(&mut self) -> &mut Vec<u8> {
        let part = self.parts.iter_mut().find(|(name, _)| name == "xl/worksheets/sheet1.xml");
        &mut part.expect("the first sheet").1
    }

    fn change(&mut self, change: impl FnOnce(&str) -> String) -> &mut Self {
        let sheet = self.sheet();
        let text = String::from_utf8(std::mem::take(sheet)).expect("XML is UTF-8");
        *sheet = change(&text).into_bytes();
        self
    }

    /// Types something into a cell, by key and title.
    #[track_caller]
    pub(crate) fn set(&mut self, key: &str, title: &str, cell: impl Into<Cell>) -> &mut Self {
        let place = self.place(key, title);
        let cell = cell.into();
        self.change(|sheet| typed(sheet, &place, &cell))
    }

    /// Types something into a cell by its place.
    pub(crate) fn set_at(&mut self, place: &str, cell: impl Into<Cell>) -> &mut Self {
        let cell = cell.into();
        self.change(|sheet| typed(sheet, place, &cell))
    }

    /// Removes a row, by key, with what stands in it.
    #[track_caller]
    pub(crate) fn remove(&mut self, key: &str) -> &mut Self {
        let row = self.row_of(key);
        let pattern = Regex::new(&format!(r#"(?s)<row r="{row}"[^>]*?(/>|>.*?</row>)"#)).expect("a pattern");
        self.change(|sheet| {
            assert!(pattern.is_match(sheet), "row {row}");
            pattern.replace(sheet, "").into_owned()
        })
    }

    /// Types a row below the last one that shows something.
    pub(crate) fn append(&mut self, cells: &[Cell]) -> &mut Self {
        let shows = |row: &Vec<String>| row.iter().any(|cell| !cell.is_empty());
        let number = self.rows().iter().rposition(shows).map_or(1, |last| last + 2);
        let places = (0..cells.len()).map(|column| format!("{}{number}", letter(column)));
        self.change(|sheet| {
            let mut sheet = sheet.to_owned();
            if !sheet.contains(&format!(r#"<row r="{number}""#)) {
                sheet = sheet.replacen("</sheetData>", &format!(r#"<row r="{number}"></row></sheetData>"#), 1);
            }
            places.zip(cells).fold(sheet, |sheet, (place, cell)| typed(&sheet, &place, cell))
        })
    }

    /// Saves it as spreadsheet programs do: with the time in its properties, beside, then over the old one.
    pub(crate) fn save(&mut self) {
        let modified = Regex::new("(<dcterms:modified[^>]*>)[^<]*").expect("a pattern");
        if let Some((_, core)) = self.parts.iter_mut().find(|(name, _)| name == "docProps/core.xml") {
            let text = String::from_utf8(std::mem::take(core)).expect("XML is UTF-8");
            let at = jiff::Timestamp::from_second(saving_time()).expect("a time");
            *core = modified.replace(&text, format!("${{1}}{at}")).into_owned().into_bytes();
        }
        let beside = self.path.with_extension("saving");
        fs::write(&beside, self.bytes()).expect("the file can be written");
        fs::rename(beside, &self.path).expect("the file can be replaced");
    }

    /// A custom document property.
    pub(crate) fn property(&self, name: &str) -> Option<String> {
        let (_, bytes) = self.parts.iter().find(|(part, _)| part == "docProps/custom.xml")?;
        let text = String::from_utf8_lossy(bytes).into_owned();
        let pattern =
            Regex::new(&format!(r#"name="{}"[^>]*>\s*<vt:[^>]*>([^<]*)<"#, regex::escape(name))).expect("a pattern");
        Some(pattern.captures(&text)?[1].to_owned())
    }
}

/// The sheet with another content of one cell; its format stays.
#[track_caller]
fn typed(sheet: &str, place: &str, cell: &Cell) -> String {
    let pattern = Regex::new(&format!(r#"(?s)<c r="{place}"([^>]*?)(/>|>.*?</c>)"#)).expect("a pattern");
    let style = Regex::new(r#"s="\d+""#).expect("a pattern");
    if let Some(found) = pattern.captures(sheet) {
        let style = style.find(&found[1]).map_or("", |found| found.as_str());
        return pattern.replace(sheet, regex::NoExpand(&xml(place, style, cell))).into_owned();
    }
    // The cell is not there: it goes behind the last one before it in its row.
    let row: String = place.chars().filter(char::is_ascii_digit).collect();
    let begin = sheet.find(&format!(r#"<row r="{row}""#)).unwrap_or_else(|| panic!("row {row} is there"));
    let end = begin + sheet[begin..].find("</row>").unwrap_or_else(|| panic!("row {row} has cells"));
    let cells = Regex::new(r#"<c r="([A-Z]+)\d+""#).expect("a pattern");
    let column: String = place.chars().filter(char::is_ascii_alphabetic).collect();
    let order = |letters: &str| (letters.len(), letters.to_owned());
    let later = cells.captures_iter(&sheet[begin..end]).find(|found| order(&found[1]) > order(&column));
    let at = later.map_or(end, |found| begin + found.get(0).expect("the whole").start());
    format!("{}{}{}", &sheet[..at], xml(place, "", cell), &sheet[at..])
}

fn xml(place: &str, style: &str, cell: &Cell) -> String {
    let mut out = String::new();
    match cell {
        Cell::Blank => write!(out, r#"<c r="{place}" {style}/>"#),
        Cell::Text(text) => {
            let text = text.replace('&', "&amp;").replace('<', "&lt;");
            write!(out, r#"<c r="{place}" {style} t="inlineStr"><is><t>{text}</t></is></c>"#)
        }
        Cell::Number(number) => write!(out, r#"<c r="{place}" {style}><v>{number}</v></c>"#),
        Cell::Date(..) => panic!("a date is typed as a text or a number here"),
    }
    .expect("a text can be written");
    out
}

fn letter(column: usize) -> char {
    char::from(b'A' + u8::try_from(column).expect("few columns"))
}
