//! Reads a workbook or CSV file as frames.
//!
//! In comes a file's bytes and a [`ReadRequest`]; out go [`Frame`]s. The kind of the file is told by its content: an
//! `.xls` that is really an xlsx is read as what it is. What looks hostile or half-saved is refused before a parser sees
//! it. Parsers run inside `catch_unwind`; an allocation that fails still ends the process, which is why it is a child.

use std::io::{self, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};

use calamine::{Sheet, SheetType, SheetVisible};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use super::rows::{Beside, Rows, Stop};
use super::shared::Shared;
use super::sheet::Frame;
use super::{csv, ods, ole, package, xls, xlsb, xlsx};

/// The kind of a file, as its name's ending says. The content decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileKind {
    /// `xlsx`, `xlsm`.
    Xlsx,
    /// `xls`.
    Xls,
    /// `xlsb`.
    Xlsb,
    /// `ods`.
    Ods,
    /// `csv`, `tsv`, `txt`.
    Csv,
}

/// What to read and within which limits.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReadRequest {
    /// The kind of the file, as its name says.
    pub kind: FileKind,
    /// The sheet's name; `None` for a visible one, see `position`.
    pub sheet: Option<String>,
    /// Which of the visible sheets, from 0, if none is named.
    pub position: u32,
    /// The row of the titles, from 1.
    pub header_row: u32,
    /// The key of the rows' hashes.
    pub hash_key: [u8; 16],
    /// The title of a column that Daybook fills. Its cells are sent, but are no part of a row's hash: an answer that is
    /// written into a row leaves the row as it was.
    pub answer_header: Option<String>,
    /// The hashes of rows that need not be sent again, sorted.
    pub known: Vec<u128>,
    /// The most rows that hold something.
    pub rows_max: u32,
    /// The most columns; cells beyond are left out with a problem, titles beyond refuse the file.
    pub columns_max: u32,
    /// The most bytes of one cell's text in UTF-8.
    pub cell_bytes_max: u32,
    /// The most bytes that the parts of a zip may have together, unpacked.
    pub unpacked_bytes_max: u64,
}

impl ReadRequest {
    /// A request for the first sheet with titles in row 1, no known rows and usual limits.
    pub fn new(kind: FileKind, hash_key: [u8; 16]) -> Self {
        Self {
            kind,
            sheet: None,
            position: 0,
            header_row: 1,
            hash_key,
            answer_header: None,
            known: Vec::new(),
            rows_max: 1_048_576,
            columns_max: 512,
            cell_bytes_max: 128 << 10,
            unpacked_bytes_max: 1 << 30,
        }
    }
}

/// Why a file could not be read or patched. Codes of reading: `empty-file`, `truncated`, `damaged`, `encrypted`, `not-a-workbook`,
/// `encoding-unknown`, `sheet-missing`, `header-missing`, `too-many-rows`, `too-many-columns`, `too-many-problems`,
/// `too-large`, `unreadable`. Further codes of patching: `not-patchable`, `signed`, `shared-workbook`, `moved`,
/// `patch-check-failed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadFailure {
    /// A stable kebab-case name.
    pub code: String,
    /// What is wrong. Never a cell's content.
    pub message: String,
    /// What a person can do.
    pub hint: String,
}

impl ReadFailure {
    pub(super) fn new(code: &str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), hint: hint.into() }
    }

    pub(super) fn damaged(message: impl Into<String>) -> Self {
        Self::new(
            "damaged",
            message,
            "Open the file in a spreadsheet program, let it repair the file, and save it again.",
        )
    }

    pub(super) fn truncated() -> Self {
        let hint = "If somebody is saving it right now, wait. Otherwise take an earlier version of the file.";
        Self::new("truncated", "The file ends too early, as if it had been saved or copied only in part.", hint)
    }

    /// There are fewer sheets than were asked for.
    pub(super) fn no_further_sheet() -> Self {
        Self::new("sheet-missing", "The workbook has no further sheet.", "Look at the sheets that it has.")
    }

    pub(super) fn encrypted() -> Self {
        let hint = "Save it without a password for opening it; protected sheets are fine.";
        Self::new("encrypted", "The workbook is encrypted with a password.", hint)
    }

    pub(super) fn too_large(message: impl Into<String>) -> Self {
        Self::new("too-large", message, "Remove what is not needed from the file, or raise the limit.")
    }

    pub(super) fn not_a_workbook(message: impl Into<String>) -> Self {
        Self::new("not-a-workbook", message, "Open it in a spreadsheet program and save it as an xlsx workbook.")
    }

    pub(super) fn no_sense() -> Self {
        Self::unreadable("The file's structure makes no sense to the reader.")
    }

    pub(super) fn unreadable(message: impl Into<String>) -> Self {
        Self::new("unreadable", message, "Open it in a spreadsheet program and save it as an xlsx workbook.")
    }
}

/// Reads the file and hands each frame to the sink. The last frame is `End` or `Failed`.
///
/// # Errors
/// Only what the sink says. What is wrong with the file is a frame.
pub fn read(
    input: impl Read + Seek,
    request: &ReadRequest,
    sink: &mut dyn FnMut(Frame) -> io::Result<()>,
) -> io::Result<()> {
    caught(|sink| read_as_what_it_is(input, Rows::new(request, sink)), sink)
}

/// Reads as [`read`] does, but sends in full the rows with these numbers, ascending, and of all others the hash; gives a
/// sum of what is told by neither.
pub(super) fn read_rows(
    input: impl Read + Seek,
    request: &ReadRequest,
    numbers: &[u32],
    sink: &mut dyn FnMut(Frame) -> io::Result<()>,
) -> io::Result<Beside> {
    let mut beside = Beside::default();
    caught(|sink| read_as_what_it_is(input, Rows::telling(request, numbers, &mut beside, sink)), sink)?;
    Ok(beside)
}

/// Runs a reader, and ends with what stopped it.
fn caught(
    reader: impl FnOnce(&mut dyn FnMut(Frame) -> io::Result<()>) -> Result<(), Stop>,
    sink: &mut dyn FnMut(Frame) -> io::Result<()>,
) -> io::Result<()> {
    // Nothing of what is inside is used after a panic but the sink, and that is not called by parsers.
    match catch_unwind(AssertUnwindSafe(|| reader(sink))) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(Stop::Sink(error))) => Err(error),
        Ok(Err(Stop::Failed(failure))) => sink(Frame::Failed(failure)),
        Err(_) => sink(Frame::Failed(ReadFailure::no_sense())),
    }
}

fn read_as_what_it_is(input: impl Read + Seek, rows: Rows<'_>) -> Result<(), Stop> {
    let input = Shared::new(input).map_err(|error| broken_input(&error))?;
    match told(&input, rows.request())? {
        Told::Package(mut package, kind) => match kind {
            FileKind::Xlsb => xlsb::read(&input.rewound(), &mut package, rows),
            FileKind::Ods => ods::read(&mut package, rows),
            FileKind::Xlsx | FileKind::Xls | FileKind::Csv => xlsx::read(&input.rewound(), &mut package, rows),
        },
        Told::Ole => xls::read(input.rewound(), rows),
        Told::Text => csv::read(input.rewound(), rows),
    }
}

/// What a file is, told by its content.
pub(super) enum Told<R> {
    /// A zip that holds a workbook of this kind; only what [`package::Package::kind`] gives.
    Package(package::Package<R>, FileKind),
    /// An Excel 97 workbook, checked.
    Ole,
    /// Text with separators.
    Text,
}

/// Tells what a file is; what is no workbook, or looks hostile, is an error.
pub(super) fn told<R: Read + Seek>(input: &Shared<R>, request: &ReadRequest) -> Result<Told<R>, ReadFailure> {
    match sniff(&mut input.rewound(), request.kind).map_err(|error| broken_input(&error))? {
        Content::Empty => {
            Err(ReadFailure::new("empty-file", "The file is empty.", "Save the workbook again, or restore the file."))
        }
        Content::Zip => {
            let mut package = package::Package::open(input.rewound(), request.unpacked_bytes_max)?;
            let kind = package.kind()?;
            Ok(Told::Package(package, kind))
        }
        Content::Ole => {
            ole::check(input.rewound())?;
            Ok(Told::Ole)
        }
        Content::Text => Ok(Told::Text),
        Content::Blank => Err(ReadFailure::truncated()),
        Content::Foreign(what) => Err(ReadFailure::not_a_workbook(format!("The file is {what}."))),
    }
}

/// What a file's first bytes say that it is.
pub(super) enum Content {
    Empty,
    Zip,
    Ole,
    Text,
    /// Zeros where the content should be: a copy that was not finished.
    Blank,
    Foreign(&'static str),
}

pub(super) fn sniff<R: Read + Seek>(input: &mut Shared<R>, kind: FileKind) -> io::Result<Content> {
    let mut head = Vec::new();
    input.seek(SeekFrom::Start(0))?;
    input.by_ref().take(512).read_to_end(&mut head)?;
    let text = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&head).trim_ascii_start();
    Ok(match head.as_slice() {
        [] => Content::Empty,
        [b'P', b'K', 3 | 5, 4 | 6, ..] => Content::Zip,
        [0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1, ..] => Content::Ole,
        bytes if bytes.iter().all(|byte| *byte == 0) => Content::Blank,
        _ if kind == FileKind::Csv => Content::Text,
        [9, 0 | 2 | 4 | 8, ..] => Content::Foreign("a workbook of a program from before 1995"),
        [b'%', b'P', b'D', b'F', ..] => Content::Foreign("a PDF"),
        [b'{', b'\\', b'r', b't', b'f', ..] => Content::Foreign("a text document (RTF)"),
        _ if text.first() == Some(&b'<') => Content::Foreign("a web page or XML, with a workbook's name"),
        bytes if !bytes.contains(&0) => Content::Foreign("plain text such as CSV, with a workbook's name"),
        _ => Content::Foreign("no workbook that is known here"),
    })
}

pub(super) fn broken_input(error: &io::Error) -> ReadFailure {
    ReadFailure::unreadable(format!("The file's bytes can't be read ({}).", error.kind()))
}

/// The sheet that is read.
pub(super) struct ChosenSheet {
    pub(super) name: String,
    /// How many sheets can be seen, it included.
    pub(super) visible: u32,
}

/// Chooses the sheet: the one with the name, else the one whose name differs only in case, width or outer spaces; a
/// visible one by its position if no name is wanted. If none can be seen, the first one counts as visible.
pub(super) fn choose_sheet(sheets: &[Sheet], request: &ReadRequest) -> Result<ChosenSheet, ReadFailure> {
    let wanted = request.sheet.as_deref();
    let mut worksheets = sheets.iter().filter(|sheet| sheet.typ == SheetType::WorkSheet);
    let mut visible: Vec<&Sheet> = worksheets.clone().filter(|sheet| sheet.visible == SheetVisible::Visible).collect();
    if visible.is_empty() {
        visible.extend(worksheets.clone().next());
    }
    let chosen = match wanted {
        None => usize::try_from(request.position).ok().and_then(|at| visible.get(at).copied()),
        Some(name) => worksheets
            .clone()
            .find(|sheet| sheet.name == name)
            .or_else(|| worksheets.find(|sheet| folded(&sheet.name) == folded(name))),
    };
    if let Some(sheet) = chosen {
        let visible = u32::try_from(visible.len()).unwrap_or(u32::MAX);
        return Ok(ChosenSheet { name: sheet.name.clone(), visible });
    }
    let message = match wanted {
        Some(name) => format!("There is no sheet `{name}`."),
        None if request.position > 0 => return Err(ReadFailure::no_further_sheet()),
        None => "The workbook has no sheet with cells.".to_owned(),
    };
    let names: Vec<String> = sheets.iter().take(20).map(|sheet| format!("`{}`", sheet.name)).collect();
    let hint = format!("Its sheets are: {}. Rename one, or change `sheet` in the configuration.", names.join(", "));
    Err(ReadFailure::new("sheet-missing", message, hint))
}

/// A name or title without what people don't see in it: case, width and outer spaces.
pub(super) fn folded(name: &str) -> String {
    name.trim().nfkc().collect::<String>().trim().to_lowercase()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::super::sheet::{RawCell, ReadRow};
    use super::super::trial::{minimal_xlsx, outcome, request, zipped};
    use super::*;

    /// A workbook of two sheets, the first hidden; written by another program than the parser's authors'.
    fn workbook() -> Vec<u8> {
        let mut workbook = rust_xlsxwriter::Workbook::new();
        workbook.add_worksheet().set_name("lists").unwrap().set_hidden(true);
        let sheet = workbook.add_worksheet().set_name("客户").unwrap().set_active(true);
        let date = rust_xlsxwriter::Format::new().set_num_format("yyyy-mm-dd");
        for (column, title) in (0..).zip(["Name", " Since ", "Turnover", "Active"]) {
            sheet.write(0, column, title).unwrap();
        }
        for row in 1..=3_u32 {
            sheet.write(row, 0, format!("Li {row}")).unwrap();
            sheet.write_with_format(row, 1, 45_000 + row, &date).unwrap();
            sheet.write(row, 2, f64::from(row) / 3.0).unwrap();
            sheet.write(row, 3, row == 1).unwrap();
        }
        workbook.save_to_buffer().unwrap()
    }

    #[test]
    fn the_first_visible_sheet_is_read() {
        let seen = outcome(workbook(), &request(FileKind::Xlsx));
        assert_eq!(seen.head.as_ref().unwrap().sheet.as_deref(), Some("客户"));
        assert_eq!(seen.titles(), ["Name", "Since", "Turnover", "Active"]);
        assert_eq!(seen.numbers(), [2, 3, 4]);
        assert_eq!(
            seen.cells()[0],
            [
                (0, RawCell::Text("Li 1".into())),
                (1, RawCell::DateTime(jiff::civil::date(2023, 3, 16).at(0, 0, 0, 0))),
                (2, RawCell::Number(1.0 / 3.0)),
                (3, RawCell::Boolean(true)),
            ]
        );
    }

    #[test]
    fn known_rows_are_not_sent_again() {
        let first = outcome(workbook(), &request(FileKind::Xlsx));
        let mut again = request(FileKind::Xlsx);
        again.known = first.hashes();
        again.known.remove(1);
        again.known.sort_unstable();
        let second = outcome(workbook(), &again);
        assert_eq!(second.hashes(), first.hashes());
        let known: Vec<bool> = second.rows.iter().map(|row| matches!(row, ReadRow::Known { .. })).collect();
        assert_eq!(known, [true, false, true]);
        again.hash_key = [0; 16];
        assert_eq!(outcome(workbook(), &again).cells().len(), 3);
    }

    #[test]
    fn the_same_content_written_differently_has_the_same_hashes() {
        let inline = r#"<row r="1"><c r="A1" t="inlineStr"><is><t>Name</t></is></c></row>
            <row r="2"><c r="A2" t="inlineStr"><is><t>Li Lei</t></is></c><c r="C2"><v>1.50</v></c></row>"#;
        let shared = r#"<row><c t="s"><v>1</v></c></row><row><c t="s"><v>0</v></c><c/><c t="n"><v>15E-1</v></c></row>"#;
        let strings = r"<sst><si><r><t>Li</t></r><r><t xml:space='preserve'> Lei</t></r><rPh sb='0' eb='2'><t>ri</t></rPh></si><si><t>Name</t></si></sst>";
        let one = outcome(minimal_xlsx(inline, ""), &request(FileKind::Xlsx));
        let two = outcome(minimal_xlsx(shared, strings), &request(FileKind::Xlsx));
        assert_eq!(one.cells(), [[(0, RawCell::Text("Li Lei".into())), (2, RawCell::Number(1.5))]]);
        assert_eq!(one.hashes(), two.hashes());
        assert_eq!(one.cells(), two.cells());
    }

    #[test]
    fn any_change_of_a_cell_changes_the_hash() {
        let hash = |cells: &str| {
            let rows = format!(r#"<row r="1"><c r="A1"><v>1</v></c></row><row r="2">{cells}</row>"#);
            outcome(minimal_xlsx(&rows, ""), &request(FileKind::Xlsx)).hashes()
        };
        let variants = [
            r#"<c r="A2"><v>1</v></c>"#,
            r#"<c r="B2"><v>1</v></c>"#,
            r#"<c r="A2"><v>1.0000000000000002</v></c>"#,
            r#"<c r="A2" t="str"><v>1</v></c>"#,
            r#"<c r="A2" t="b"><v>1</v></c>"#,
            r#"<c r="A2" t="d"><v>2020-01-01</v></c>"#,
            r#"<c r="A2" t="str"><v>a</v></c><c r="B2" t="str"><v>b</v></c>"#,
            r#"<c r="A2" t="str"><v>ab</v></c>"#,
            r#"<c r="A2" t="e"><v>#N/A</v></c>"#,
            r#"<c r="A2" t="str"><v>#N/A</v></c>"#,
        ];
        let hashes: std::collections::HashSet<Vec<u128>> = variants.iter().map(|cells| hash(cells)).collect();
        assert_eq!(hashes.len(), variants.len());
        assert_eq!(hash(r#"<c r="A2"/><c r="C2" t="str"><v></v></c>"#), [] as [u128; 0]);
    }

    #[test]
    fn an_equal_row_is_known_once() {
        let rows = r#"<row r="1"><c r="A1"><v>1</v></c></row><row r="2"><c r="A2"><v>7</v></c></row><row r="3"><c r="A3"><v>7</v></c></row>"#;
        let mut request = request(FileKind::Xlsx);
        request.known = outcome(minimal_xlsx(rows, ""), &request).hashes();
        let seen = outcome(minimal_xlsx(rows, ""), &request);
        assert!(
            matches!(seen.rows.as_slice(), [ReadRow::Known { number: 2, .. }, ReadRow::Read(row)] if row.number == 3)
        );
    }

    #[test]
    fn the_content_tells_the_kind() {
        let code = |bytes: &[u8], kind| outcome(bytes.to_vec(), &request(kind)).failure.unwrap_or_default();
        assert_eq!(outcome(workbook(), &request(FileKind::Xls)).rows.len(), 3);
        assert_eq!(outcome(workbook(), &request(FileKind::Csv)).rows.len(), 3);
        assert_eq!(code(b"", FileKind::Xlsx), "empty-file");
        assert_eq!(code(&[0; 4096], FileKind::Xlsx), "truncated");
        assert_eq!(code(b"<html><table>", FileKind::Xls), "not-a-workbook");
        assert_eq!(code(b"a,b\n1,2\n", FileKind::Xlsx), "not-a-workbook");
        assert_eq!(code(&zipped(&[("readme.txt", "hello")]), FileKind::Xlsx), "not-a-workbook");
    }

    #[test]
    fn a_workbook_cut_anywhere_is_never_read() {
        let bytes = workbook();
        for length in (1..bytes.len()).step_by(bytes.len() / 40) {
            let seen = outcome(bytes[..length].to_vec(), &request(FileKind::Xlsx));
            assert!(seen.failure.is_some(), "{length} bytes of {}", bytes.len());
        }
    }

    #[test]
    fn broken_xml_fails_the_whole_file() {
        let bytes = minimal_xlsx(r#"<row r="1"><c r="A1"><v>1</v></c></row><row r="2"><c r="A2"><v>1<"#, "");
        assert_eq!(outcome(bytes, &request(FileKind::Xlsx)).failure.as_deref(), Some("damaged"));
    }

    #[test]
    fn sheets_are_found_by_name() {
        let mut request = request(FileKind::Xlsx);
        for (wanted, expected) in
            [("客户", None), (" ＬＩＳＴＳ ", Some("header-missing")), ("x", Some("sheet-missing"))]
        {
            request.sheet = Some(wanted.to_owned());
            assert_eq!(outcome(workbook(), &request).failure.as_deref(), expected, "{wanted}");
        }
    }

    #[test]
    fn sheets_are_found_by_their_place_among_those_that_are_seen() {
        let mut request = request(FileKind::Xlsx);
        request.sheet = None;
        for (position, kind, bytes, expected) in [
            (9, FileKind::Xlsx, workbook(), Some("sheet-missing")),
            (0, FileKind::Csv, b"a,b\n1,2\n".to_vec(), None),
            (1, FileKind::Csv, b"a,b\n1,2\n".to_vec(), Some("sheet-missing")),
        ] {
            (request.position, request.kind) = (position, kind);
            assert_eq!(outcome(bytes, &request).failure.as_deref(), expected, "{position} {kind:?}");
        }
    }

    #[test]
    fn limits_hold() {
        let failing = |change: fn(&mut ReadRequest)| {
            let mut request = request(FileKind::Xlsx);
            change(&mut request);
            outcome(workbook(), &request).failure.unwrap_or_default()
        };
        assert_eq!(failing(|request| request.rows_max = 2), "too-many-rows");
        assert_eq!(failing(|request| request.rows_max = 3), "");
        assert_eq!(failing(|request| request.columns_max = 3), "too-many-columns");
        assert_eq!(failing(|request| request.unpacked_bytes_max = 1000), "too-large");
        assert_eq!(failing(|request| request.header_row = 9), "header-missing");
        assert_eq!(failing(|request| request.header_row = 3), "");
    }

    #[test]
    fn far_and_long_cells_are_problems() {
        let rows = r#"<row r="1"><c r="A1"><v>1</v></c></row><row r="2"><c r="A2" t="str"><v>long</v></c></row>
            <row r="1048576"><c r="XFD1048576"><v>1</v></c></row>"#;
        let mut request = request(FileKind::Xlsx);
        request.cell_bytes_max = 3;
        let seen = outcome(minimal_xlsx(rows, ""), &request);
        assert_eq!(seen.cells(), [[(0, RawCell::Error("#TOO-LONG!".into()))]]);
        let far = ("stray-cell".to_owned(), Some(1_048_576), Some(16_383));
        assert_eq!(seen.problems, [("cell-too-long".to_owned(), Some(2), Some(0)), far]);
    }
}
