//! What the tests of all formats share, and a run over the corpus.

use std::io::{self, Cursor, Write};
use std::path::{Path, PathBuf};

use zip::write::SimpleFileOptions;

use super::read::{FileKind, ReadRequest, read};
use super::sheet::{FormulaRun, Frame, RawCell, RawRow, ReadRow, SheetHead};

/// What a read gave.
pub(super) struct Outcome {
    pub(super) head: Option<SheetHead>,
    pub(super) rows: Vec<ReadRow>,
    /// Code, row and column of each problem.
    pub(super) problems: Vec<(String, Option<u32>, Option<u32>)>,
    pub(super) formulas: Vec<FormulaRun>,
    /// The code of the failure; `None` if the sheet was read to its end.
    pub(super) failure: Option<String>,
}

impl Outcome {
    pub(super) fn hashes(&self) -> Vec<u128> {
        self.rows
            .iter()
            .map(|row| match row {
                ReadRow::Known { hash, .. } | ReadRow::Read(RawRow { hash, .. }) => *hash,
            })
            .collect()
    }

    pub(super) fn numbers(&self) -> Vec<u32> {
        self.rows
            .iter()
            .map(|row| match row {
                ReadRow::Known { number, .. } | ReadRow::Read(RawRow { number, .. }) => *number,
            })
            .collect()
    }

    /// The cells of the rows that were read.
    pub(super) fn cells(&self) -> Vec<Vec<(u32, RawCell)>> {
        self.rows
            .iter()
            .filter_map(|row| match row {
                ReadRow::Known { .. } => None,
                ReadRow::Read(row) => Some(row.cells.clone()),
            })
            .collect()
    }

    pub(super) fn titles(&self) -> Vec<&str> {
        self.head.iter().flat_map(|head| &head.columns).map(|(_, title)| title.as_str()).collect()
    }
}

pub(super) fn request(kind: FileKind) -> ReadRequest {
    ReadRequest::new(kind, *b"sixteen bytes ok")
}

/// Reads bytes and checks what holds for every read: one head before any row, one end and nothing behind it.
pub(super) fn outcome(bytes: Vec<u8>, request: &ReadRequest) -> Outcome {
    let mut outcome =
        Outcome { head: None, rows: Vec::new(), problems: Vec::new(), formulas: Vec::new(), failure: None };
    let mut is_done = false;
    let result = read(Cursor::new(bytes), request, &mut |frame| {
        assert!(!is_done, "a frame after the last");
        match frame {
            Frame::Head(head) => {
                assert!(outcome.head.replace(head).is_none(), "two heads");
            }
            Frame::Rows(rows) => {
                assert!(outcome.head.is_some(), "rows before the head");
                outcome.rows.extend(rows);
            }
            Frame::Problem { code, row, column, .. } => outcome.problems.push((code, row, column)),
            Frame::Formulas(runs) => {
                assert!(outcome.head.is_some(), "formulas before the head");
                outcome.formulas.extend(runs);
            }
            Frame::End { rows } => {
                assert_eq!(rows as usize, outcome.rows.len());
                is_done = true;
            }
            Frame::Failed(failure) => {
                outcome.failure = Some(failure.code);
                is_done = true;
            }
        }
        io::Result::Ok(())
    });
    assert!(result.is_ok() && is_done);
    outcome
}

/// A zip of these parts.
pub(super) fn zipped(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in parts {
        zip.start_file(*name, SimpleFileOptions::default()).expect("a part begins");
        zip.write_all(text.as_bytes()).expect("a part is written");
    }
    zip.finish().expect("a zip ends").into_inner()
}

/// The smallest workbook around these rows, with shared strings if there are any.
pub(super) fn minimal_xlsx(sheet_data: &str, shared_strings: &str) -> Vec<u8> {
    let parts = minimal_parts(sheet_data, shared_strings);
    let parts: Vec<(&str, &str)> = parts.iter().map(|(name, text)| (*name, text.as_str())).collect();
    zipped(&parts)
}

/// Its parts.
pub(super) fn minimal_parts(sheet_data: &str, shared_strings: &str) -> Vec<(&'static str, String)> {
    const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let sheet = format!(r#"<worksheet xmlns="{MAIN}"><sheetData>{sheet_data}</sheetData></worksheet>"#);
    let workbook = format!(
        r#"<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets><sheet name="S" sheetId="1" r:id="rId1"/></sheets></workbook>"#
    );
    let relations = |inner: &str| format!("<Relationships>{inner}</Relationships>");
    let package =
        relations(&format!(r#"<Relationship Id="r" Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/>"#));
    let book = relations(&format!(
        r#"<Relationship Id="rId1" Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="{OFFICE}/sharedStrings" Target="sharedStrings.xml"/>"#
    ));
    let strings = if shared_strings.is_empty() { "<sst/>" } else { shared_strings };
    vec![
        ("[Content_Types].xml", "<Types/>".to_owned()),
        ("_rels/.rels", package),
        ("xl/workbook.xml", workbook),
        ("xl/_rels/workbook.xml.rels", book),
        ("xl/worksheets/sheet1.xml", sheet),
        ("xl/sharedStrings.xml", strings.to_owned()),
    ]
}

const CODES: [&str; 13] = [
    "encrypted",
    "truncated",
    "damaged",
    "empty-file",
    "not-a-workbook",
    "encoding-unknown",
    "sheet-missing",
    "header-missing",
    "too-many-rows",
    "too-many-columns",
    "too-many-problems",
    "too-large",
    "unreadable",
];

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.filter_map(Result::ok) {
        let path = entry.path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

fn kind_of(path: &Path) -> Option<FileKind> {
    match path.extension()?.to_str()?.to_lowercase().as_str() {
        "xlsx" | "xlsm" => Some(FileKind::Xlsx),
        "xls" => Some(FileKind::Xls),
        "xlsb" => Some(FileKind::Xlsb),
        "ods" => Some(FileKind::Ods),
        "csv" => Some(FileKind::Csv),
        _ => None,
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test says so; a listing is asked for")]
fn every_file_of_the_corpus_ends_well() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    let corpus = std::env::var_os("DAYBOOK_CORPUS").map_or(corpus, PathBuf::from);
    let mut paths = Vec::new();
    files(&corpus.join("workbooks"), &mut paths);
    files(&corpus.join("hostile"), &mut paths);
    if paths.is_empty() {
        eprintln!("skipped: no corpus at {}", corpus.display());
        return;
    }
    paths.sort();
    let list = std::env::var_os("DAYBOOK_CORPUS_LIST").is_some();
    for path in paths {
        let Some(kind) = kind_of(&path) else { continue };
        let Ok(bytes) = std::fs::read(&path) else { continue };
        if list {
            eprint!("{} ", path.display());
        }
        let seen = outcome(bytes, &request(kind));
        if list {
            eprintln!("{} rows, {} problems, {:?}", seen.rows.len(), seen.problems.len(), seen.failure);
        }
        if let Some(code) = seen.failure {
            assert!(CODES.contains(&code.as_str()), "{}: {code}", path.display());
        }
    }
}

#[test]
fn hostile_files_are_refused_or_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus/hostile");
    let folder = std::env::var_os("DAYBOOK_CORPUS").map_or(folder, |corpus| PathBuf::from(corpus).join("hostile"));
    let failure = |name: &str| {
        let bytes = std::fs::read(folder.join(name)).ok()?;
        Some(outcome(bytes, &request(FileKind::Xlsx)).failure.unwrap_or_default())
    };
    for (name, expected) in [
        ("uniquecount.xlsx", "damaged"),
        ("uniquecount_max.xlsx", "damaged"),
        ("sst_othername.xlsx", "unreadable"),
        ("dup.xlsx", "damaged"),
        ("corner.xlsx", ""),
        ("si_huge.xlsx", ""),
        ("spill.xlsx", ""),
        ("bad_t.xlsx", ""),
    ] {
        assert!(failure(name).is_none_or(|code| code == expected), "{name}: {:?}", failure(name));
    }
}
