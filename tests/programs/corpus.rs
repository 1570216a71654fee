//! What other programs see in the workbooks of the corpus after one free cell of each was patched: that cell, and nothing else.
//!
//! LibreOffice exports all sheets of the original and of the patched file as text, and openpyxl tells what it finds in both. The
//! expectation is made from the original by the same program, so nothing of Daybook's reading is trusted.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use zip::ZipArchive;

use serde_json::{Value as Json, json};

use super::openpyxl::{Dump, place};
use super::soffice;
use crate::patching::{Pair, TEXT, pairs};

/// LibreOffice ends without a word after some hundred and twenty documents in one run.
const FILES_MAX: usize = 100;
/// Text, comma, quote, UTF-8, from row 1, no types, numbers as they are shown, no formulas, all sheets.
/// <https://help.libreoffice.org/latest/en-US/text/shared/guide/csv_params.html>
const EXPORT: &str = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,-1";
/// Formulas with these give something else at each look.
const VOLATILE: [&str; 8] = ["RAND(", "RANDBETWEEN(", "RANDARRAY(", "NOW(", "TODAY(", "OFFSET(", "INDIRECT(", "INFO("];

/// Before or after the patch.
const SIDES: [&str; 2] = ["before", "after"];

/// The sheets of a workbook as rows of texts, by name.
type Sheets = BTreeMap<String, Vec<Vec<String>>>;

/// Lays originals and patched files into a folder: `007-before.xlsx`, `007-after.xlsx`.
fn laid_out(pairs: &[Pair], folder: &Path) -> Vec<[PathBuf; 2]> {
    let lay = |(number, pair): (usize, &Pair)| {
        let end = pair.path.extension().unwrap_or_default().to_string_lossy().into_owned();
        SIDES.map(|side| {
            let path = folder.join(format!("{number:03}-{side}.{end}"));
            let bytes = if side == SIDES[0] { &pair.before } else { &pair.after };
            fs::write(&path, bytes).expect("the file can be written");
            path
        })
    };
    pairs.iter().enumerate().map(lay).collect()
}

/// Whether a formula of the workbook may give another result at each look.
fn is_volatile(bytes: &[u8]) -> bool {
    let mut zip = ZipArchive::new(std::io::Cursor::new(bytes)).expect("a zip");
    (0..zip.len()).any(|index| {
        let mut part = zip.by_index(index).expect("a part");
        let mut text = Vec::new();
        if !part.name().is_ok_and(|name| name.to_lowercase().contains("worksheets")) {
            return false;
        }
        std::io::Read::read_to_end(&mut part, &mut text).expect("the part can be read");
        let text = String::from_utf8_lossy(&text);
        VOLATILE.iter().any(|name| text.contains(name))
    })
}

/// Exports files with one LibreOffice; those that it can't read have no export.
fn export(program: &Path, files: &[PathBuf], to: &Path) {
    let profile = tempfile::tempdir().expect("a folder");
    let output = Command::new(program)
        .arg(format!("-env:UserInstallation=file://{}", profile.path().display()))
        .args(["--headless", "--convert-to", EXPORT, "--outdir"])
        .arg(to)
        .args(files)
        .stdin(Stdio::null())
        .output()
        .expect("LibreOffice can be started");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "LibreOffice ends with {}: {told}", output.status);
}

/// What was exported, by number and side.
fn exported(folder: &Path) -> BTreeMap<(usize, String), Sheets> {
    let mut workbooks: BTreeMap<(usize, String), Sheets> = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("the folder of the exports") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let mut parts = name.splitn(3, '-').map(str::to_owned);
        let (number, side) = (parts.next().expect("a number"), parts.next().expect("a side"));
        let text = fs::read_to_string(&path).expect("it is UTF-8");
        let number = number.parse().expect("a number");
        let sheet = parts.next().unwrap_or_default();
        workbooks.entry((number, side)).or_default().insert(sheet, split(&text));
    }
    workbooks
}

/// The rows of a text that LibreOffice wrote: commas, quotes where they are needed, doubled within.
fn split(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut field, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => field.extend(letters.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut field)),
            '\n' if !quoted => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            other => field.push(other),
        }
    }
    rows
}

/// The cells that differ: sheet, row, column, before and after.
fn differences<'a>(before: &'a Sheets, after: &'a Sheets) -> Vec<(&'a str, usize, usize, &'a str, &'a str)> {
    let cell = |sheet: &'a [Vec<String>], row: usize, column: usize| -> &'a str {
        sheet.get(row).and_then(|row| row.get(column)).map_or("", String::as_str)
    };
    let mut found = Vec::new();
    for (name, old) in before {
        let new = after.get(name).map_or(&[][..], Vec::as_slice);
        for row in 0..old.len().max(new.len()) {
            let columns = [old, new].map(|sheet| sheet.get(row).map_or(0, Vec::len));
            for column in 0..columns[0].max(columns[1]) {
                let (one, other) = (cell(old, row, column), cell(new, row, column));
                if one != other {
                    found.push((name.as_str(), row, column, one, other));
                }
            }
        }
    }
    found
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that is left out says so, and this one tells its counts")]
fn libreoffice_shows_the_patched_cell_and_all_else_as_before() {
    let Some(program) = soffice() else { return };
    let Some((pairs, least)) = patched() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let files = laid_out(&pairs, folder.path());
    let to = folder.path().join("exports");
    for files in files.concat().chunks(FILES_MAX) {
        export(&program, files, &to);
    }
    let exports = exported(&to);
    let (mut held, mut unread, mut volatile) = (0, 0, 0);
    for (number, pair) in pairs.iter().enumerate() {
        let path = pair.path.display();
        let [before, after] = SIDES.map(|side| exports.get(&(number, side.to_owned())));
        let Some(before) = before else {
            unread += 1;
            continue;
        };
        let after = after.unwrap_or_else(|| panic!("{path}: LibreOffice can't open the patched file"));
        let names = |sheets: &Sheets| sheets.keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(names(before), names(after), "{path}");
        if is_volatile(&pair.before) {
            volatile += 1;
            continue;
        }
        let found = differences(before, after);
        let place = found.iter().map(|(_, row, column, old, new)| (*row, *column, *old, *new)).collect::<Vec<_>>();
        assert_eq!(place, [(pair.row, pair.column, "", TEXT)], "{path}: {found:?}");
        held += 1;
    }
    eprintln!(
        "{held} exports differ in one cell; LibreOffice read {unread} not before either; {volatile} are volatile"
    );
    assert!(held >= least, "only {held} workbooks could be compared");
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that is left out says so, and this one tells its counts")]
fn openpyxl_finds_the_patched_cell_and_all_else_as_before() {
    let Some((pairs, _)) = patched() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let Some(dumps) = Dump::of_all(&laid_out(&pairs, folder.path()).concat()) else { return };
    let mut dumps = dumps.into_iter();
    let (mut held, mut unread, mut empty) = (0, 0, 0);
    for pair in &pairs {
        let path = pair.path.display();
        let (Some(before), Some(after)) = (dumps.next(), dumps.next()) else { panic!("{path}: two files, two dumps") };
        let Ok(before) = before.map(Dump::content) else {
            unread += 1;
            continue;
        };
        let after = after.unwrap_or_else(|why| panic!("{path}: openpyxl can't load the patched file: {why}")).content();
        let sheets = |content: &Json| content["sheets"].as_array().expect("a list of sheets").clone();
        if sheets(&before).is_empty() {
            // openpyxl finds no sheets in strict files.
            assert_eq!(after, before, "{path}");
            empty += 1;
            continue;
        }
        let changed = sheets(&before).iter().zip(&sheets(&after)).position(|(one, other)| one != other);
        let changed = changed.unwrap_or_else(|| panic!("{path}: nothing has changed"));
        let mut expected = before;
        let cells = &mut expected["sheets"][changed]["cells"];
        let was_there = cells.as_object_mut().expect("cells").insert(place(pair.row, pair.column), json!(TEXT));
        assert_eq!(was_there, None, "{path}: the cell was free");
        for area in ["filter", "tables", "conditional_formats", "validations"].into_iter().filter(|_| pair.appended) {
            expected["sheets"][changed][area] = after["sheets"][changed][area].clone();
        }
        assert_eq!(after, expected, "{path}");
        held += 1;
    }
    eprintln!(
        "{held} workbooks differ in one cell; openpyxl could load {unread} not before either, and found no sheets in {empty}"
    );
    // openpyxl finds sheets in some 175 of those of the whole corpus that can be patched.
    let least = if std::env::var_os("DAYBOOK_CORPUS").is_some() { 1 } else { 165 };
    assert!(held >= least, "only {held} workbooks could be compared");
}

/// The corpus, patched, and how many of it must be comparable; `None` with a word where there is none.
#[expect(clippy::print_stderr, reason = "a test that is left out says so")]
fn patched() -> Option<(Vec<Pair>, usize)> {
    let pairs = pairs();
    if pairs.is_empty() {
        eprintln!("skipped: there is no corpus");
        return None;
    }
    // A corpus of one's own may be smaller.
    let least = if std::env::var_os("DAYBOOK_CORPUS").is_some() { 1 } else { 200 };
    Some((pairs, least))
}

#[test]
fn exports_are_split_as_libreoffice_writes_them() {
    let rows = split("a,\"b, \"\"c\"\"\nd\",\n1,,x\n");
    assert_eq!(rows, [["a", "b, \"c\"\nd", ""], ["1", "", "x"]]);
    let sheets = |text: &str| Sheets::from([("S".to_owned(), split(text))]);
    let found = (sheets("a,b\n"), sheets("a,c\n,d\n"));
    assert_eq!(differences(&found.0, &found.1), [("S", 0, 1, "b", "c"), ("S", 1, 1, "", "d")]);
    assert_eq!([place(11, 27), place(0, 25)], ["AB12", "Z1"]);
}
