//! Every workbook of the corpus is patched in one free cell, and given a new row, or refused with a reason.
//!
//! The oracle shares nothing with the patch: it counts the elements of each part by name, before and after, with another parser,
//! and compares all other members of the zip packed as they are.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use daybook::codec::child::{read_patch_answer, write_patch_request};
use daybook::codec::patch::{NewCell, PatchRequest, Patched, RowPatch, patch};
use daybook::codec::read::{FileKind, ReadFailure, ReadRequest, read};
use daybook::codec::sheet::{Frame, RawCell, RawRow, ReadRow};
use quick_xml::events::Event;
use zip::ZipArchive;

/// Titles are looked for so far down.
const HEADER_ROWS_MAX: u32 = 12;
/// What may change beside the sheet: the mark and what leads to it, the wish to calculate, tables and filters that grow.
const BESIDE: [&str; 3] = ["[content_types].xml", "_rels/.rels", "docprops/custom.xml"];

/// The workbooks from the wild, or none with a word where they are absent.
fn workbooks() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    let root = std::env::var_os("DAYBOOK_CORPUS").map_or(root, PathBuf::from);
    let mut found = Vec::new();
    let mut folders = vec![root.join("workbooks"), root.join("hostile")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().and_then(OsStr::to_str).is_some_and(|end| matches!(end, "xlsx" | "xlsm")) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// What a sheet shows: its last title's column and its rows.
struct Shown {
    request: ReadRequest,
    columns: u32,
    rows: Vec<RawRow>,
}

/// Reads the first visible sheet, with the titles in the first row that has any.
fn shown(bytes: &[u8]) -> Result<Shown, ReadFailure> {
    let mut request = ReadRequest::new(FileKind::Xlsx, [7; 16]);
    loop {
        let (mut columns, mut rows, mut failure) = (0, Vec::new(), None);
        read(Cursor::new(bytes), &request, &mut |frame| {
            match frame {
                Frame::Head(head) => columns = head.columns.last().map_or(0, |(column, _)| column + 1),
                Frame::Rows(read) => rows.extend(read.into_iter().filter_map(|row| match row {
                    ReadRow::Read(row) => Some(row),
                    ReadRow::Known { .. } => None,
                })),
                Frame::Failed(reason) => failure = Some(reason),
                Frame::Problem { .. } | Frame::Formulas(_) | Frame::End { .. } => {}
            }
            Ok(())
        })
        .expect("the sink takes all");
        match failure {
            None => return Ok(Shown { request, columns, rows }),
            Some(reason) if reason.code == "header-missing" && request.header_row < HEADER_ROWS_MAX => {
                request.header_row += 1;
            }
            Some(reason) => return Err(reason),
        }
    }
}

/// What is written into a free cell.
pub(crate) const TEXT: &str = "Daybook <was> here & there";

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    Cell,
    Row,
}

/// Asks for a text in a free cell of the first row, or in a new row.
fn asked(shown: &Shown, ask: Ask) -> PatchRequest {
    let text = NewCell::Text(TEXT.into());
    let last_row = shown.rows.last().map_or(shown.request.header_row, |row| row.number);
    let mut request = PatchRequest {
        read: shown.request.clone(),
        rows: Vec::new(),
        appended: Vec::new(),
        last_row,
        source: "wild".into(),
        revision: Some(12),
        words: ["no".into(), "yes".into()],
    };
    match shown.rows.first().filter(|_| ask == Ask::Cell) {
        Some(row) => {
            let column = row.cells.last().map_or(0, |(column, _)| column + 1).max(shown.columns);
            request.rows.push(RowPatch { number: row.number, hash: row.hash, cells: vec![(column, text)] });
        }
        None => request.appended.push(vec![(shown.columns, text)]),
    }
    request
}

/// How often each element stands in each part, by the part's name in lower case; parts that are no XML are left out.
type Census = BTreeMap<String, BTreeMap<String, usize>>;

fn census(bytes: &[u8]) -> Census {
    let mut zip = ZipArchive::new(Cursor::new(bytes)).expect("a zip");
    let mut census = Census::new();
    for index in 0..zip.len() {
        let mut part = zip.by_index(index).expect("a part");
        let name = part.name().expect("a name").to_lowercase().replace('\\', "/");
        if !Path::new(&name).extension().is_some_and(|end| end == "xml" || end == "rels" || end == "vml") {
            continue;
        }
        let mut text = Vec::new();
        part.read_to_end(&mut text).expect("the part can be read");
        census.insert(name, elements(&text));
    }
    census
}

fn elements(xml: &[u8]) -> BTreeMap<String, usize> {
    let mut reader = quick_xml::Reader::from_reader(xml);
    let mut counts = BTreeMap::new();
    loop {
        match reader.read_event() {
            Ok(Event::Start(element) | Event::Empty(element)) => {
                *counts.entry(element.name().as_ref().to_owned()).or_default() += 1;
            }
            Ok(Event::Eof) | Err(_) => return counts,
            Ok(_) => {}
        }
    }
}

/// Name and packed bytes of each member.
fn packed(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut zip = ZipArchive::new(Cursor::new(bytes)).expect("a zip");
    let mut members = Vec::new();
    for index in 0..zip.len() {
        let mut member = zip.by_index_raw(index).expect("a member");
        let mut content = Vec::new();
        member.read_to_end(&mut content).expect("the member can be read");
        members.push((member.name().expect("a name").to_lowercase().replace('\\', "/"), content));
    }
    members
}

/// Holds that nothing was lost and only what may change did.
fn holds(path: &Path, ask: Ask, old: &[u8], new: &[u8]) {
    let (before, after) = (packed(old), packed(new));
    let names = |members: &[(String, Vec<u8>)]| members.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&before), names(&after)[..before.len()], "{}", path.display());
    let changed: Vec<&str> =
        before.iter().zip(&after).filter(|(one, other)| one != other).map(|(one, _)| one.0.as_str()).collect();
    let (before, after) = (census(old), census(new));
    let holds = |part: &str, element: &str| {
        before.get(part).is_some_and(|counts| counts.keys().any(|name| name.rsplit(':').next() == Some(element)))
    };
    let sheets = changed.iter().filter(|part| holds(part, "sheetData")).count();
    let beside = |part: &str| BESIDE.contains(&part) || holds(part, "sheets") || holds(part, "tableColumns");
    assert_eq!(sheets, 1, "{}: one sheet is changed", path.display());
    for part in &changed {
        assert!(holds(part, "sheetData") || beside(part), "{}: {part} has nothing to do with it", path.display());
    }
    for (part, counts) in &before {
        for (element, count) in counts {
            let now = after.get(part).and_then(|counts| counts.get(element)).copied().unwrap_or(0);
            assert!(now >= *count, "{}: {part} had {count} of <{element}> and has {now}", path.display());
        }
    }
    for part in changed.iter().filter(|part| ask == Ask::Cell && holds(part, "sheetData")) {
        let all = |census: &Census| census.get(*part).map_or(0, |counts| counts.values().sum::<usize>());
        assert!(all(&after) <= all(&before) + 4, "{}: {part} has more than a cell and its row", path.display());
    }
}

/// The column that something is asked for in.
fn column_of(request: &PatchRequest) -> u32 {
    request.rows.first().map_or_else(|| request.appended[0][0].0, |row| row.cells[0].0)
}

/// Holds that the new file shows what was asked for.
fn shows(path: &Path, patched: &Patched, request: &PatchRequest, new: &[u8]) {
    let after = shown(new).expect("the new file is read");
    let (number, hash) = patched.rows.first().or(patched.appended.first()).expect("a row was changed");
    let row = after.rows.iter().find(|row| row.number == *number).expect("the row is there");
    assert_eq!(row.hash, *hash, "{}", path.display());
    let column = column_of(request);
    let cell = row.cells.iter().find(|(at, _)| *at == column).map(|(_, cell)| cell);
    assert_eq!(cell, Some(&RawCell::Text(TEXT.into())), "{}", path.display());
}

/// Patches one file and says what came of it.
fn tried(path: &Path, ask: Ask) -> Option<String> {
    let old = fs::read(path).ok()?;
    let shown = match shown(&old) {
        Ok(shown) => shown,
        Err(failure) => return Some(format!("not read: {}", failure.code)),
    };
    let request = asked(&shown, ask);
    let (patched, new) = match patch(Cursor::new(&old), &request) {
        Ok(done) => done,
        Err(failure) => {
            assert_ne!(failure.code, "patch-check-failed", "{}: {}", path.display(), failure.message);
            return Some(format!("refused: {}", failure.code));
        }
    };
    if new.is_empty() {
        let why = patched.refused.first().map(|cell| cell.why).or(patched.append_refused);
        return Some(format!("cell refused: {:?}", why.expect("a reason")));
    }
    holds(path, ask, &old, &new);
    shows(path, &patched, &request, &new);
    if let (Some(folder), Some(name)) = (std::env::var_os("DAYBOOK_KEEP_PATCHED"), path.file_name()) {
        #[expect(clippy::disallowed_methods, reason = "for a look with other programs")]
        fs::write(PathBuf::from(folder).join(format!("{ask:?}-{}", name.to_string_lossy())), &new)
            .expect("it can be kept");
    }
    Some("patched".to_owned())
}

/// A workbook of the corpus, and the same with [`TEXT`] in one free cell.
pub(crate) struct Pair {
    pub(crate) path: PathBuf,
    pub(crate) before: Vec<u8>,
    pub(crate) after: Vec<u8>,
    /// Where the text was put, from 0.
    pub(crate) row: usize,
    pub(crate) column: usize,
    /// Whether it is in a new row, with which tables, filters, formats and validations may grow.
    pub(crate) appended: bool,
}

/// The workbooks of the corpus that can be patched, for a look with other programs.
pub(crate) fn pairs() -> Vec<Pair> {
    let pair = |path: PathBuf| {
        let before = fs::read(&path).ok()?;
        let request = asked(&shown(&before).ok()?, Ask::Cell);
        let (patched, after) = patch(Cursor::new(&before), &request).ok()?;
        let (number, _) = patched.rows.first().or(patched.appended.first()).filter(|_| !after.is_empty())?;
        let row = usize::try_from(number - 1).ok()?;
        let column = usize::try_from(column_of(&request)).ok()?;
        Some(Pair { path, before, after, row, column, appended: request.rows.is_empty() })
    };
    workbooks().into_iter().filter_map(pair).collect()
}

#[expect(clippy::print_stderr, reason = "a test that is left out says so, and this one tells its counts")]
fn try_all(ask: Ask, patched_min: usize) {
    let paths = workbooks();
    if paths.is_empty() {
        eprintln!("skipped: there is no corpus");
        return;
    }
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for outcome in paths.iter().filter_map(|path| tried(path, ask)) {
        *counts.entry(outcome).or_default() += 1;
    }
    eprintln!("{ask:?}, {} workbooks: {counts:#?}", paths.len());
    let patched = counts.get("patched").copied().unwrap_or(0);
    // A corpus of one's own may be smaller.
    let least = if std::env::var_os("DAYBOOK_CORPUS").is_some() { 1 } else { patched_min };
    assert!(patched >= least, "only {patched} workbooks were patched");
}

#[test]
fn every_workbook_of_the_corpus_is_patched_or_refused_with_a_reason() {
    try_all(Ask::Cell, 240);
}

#[test]
fn every_workbook_of_the_corpus_gets_a_row_or_a_reason() {
    try_all(Ask::Row, 180);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the child is started as the daemon would start it")]
fn the_child_answers_as_the_library_does() {
    let mut workbook = rust_xlsxwriter::Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.write(0, 0, "Name").expect("a title");
    sheet.write(1, 0, "Li Lei").expect("a cell");
    let old = workbook.save_to_buffer().expect("a workbook");
    let request = asked(&shown(&old).expect("it is read"), Ask::Cell);
    let mut file = tempfile::tempfile().expect("a file");
    write_patch_request(&mut file, &request).expect("it is written");
    file.write_all(&old).expect("it is written");
    let child = Command::new(env!("CARGO_BIN_EXE_daybook"))
        .arg("patch-sheet")
        .stdin(file)
        .stderr(Stdio::inherit())
        .output()
        .expect("the child runs");
    assert!(child.status.success());
    let answer = read_patch_answer(&mut child.stdout.as_slice(), 1 << 20).expect("an answer");
    assert_eq!(answer, patch(Cursor::new(&old), &request));
}
