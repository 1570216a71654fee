//! Workbooks as LibreOffice writes them: saving the same data again changes nothing, in each of its formats.
//!
//! Where `soffice` is, it converts; `DAYBOOK_REQUIRE_PROGRAMS` makes its absence a failure. The files in `tests/golden/` were
//! written by it (`DAYBOOK_WRITE_GOLDEN=1 cargo test libreoffice` writes them anew) and are always tried.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;

use super::office::{CUSTOMERS, Office, STAFF, VIEW};
use super::workbook::{Cell, Sheet};
use crate::programs::soffice;

const FORMATS: [&str; 3] = ["xlsx", "ods", "xls"];

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden").join(name)
}

/// What tempts a spreadsheet to change it.
fn data() -> Sheet {
    let line = |id: &str, name: &str, phone: &str, credit: f64, day: (u16, u8, u8), stage: &str| {
        vec![id.into(), name.into(), phone.into(), credit.into(), Cell::Date(day.0, day.1, day.2), stage.into()]
    };
    let titles = ["Customer ID", "Name", "Phone", "Credit", "Since", "Stage"];
    let mut sheet = Sheet(vec![
        titles.map(Cell::from).to_vec(),
        line("C-1", "示例贸易有限公司", "13800138000", 1234.5, (2026, 3, 1), "lead"),
        line("C-2", "Line one\nline two", "010-65529988", 0.1, (1999, 12, 31), "signed"),
        line("C-3", "00123", "+44 20 7946 0958", 100_000.0, (2026, 2, 28), "offer"),
        line("C-4", "=1+1", "13800138001", 0.0, (2024, 2, 29), "lead"),
        line("C-5", "a <b> & \"c\" 'd'", "13800138002", 333.333_333_333_333_3, (1904, 1, 1), "lead"),
    ]);
    sheet.0.push(vec!["C-6".into(), "only a name".into(), Cell::Blank, Cell::Blank, Cell::Blank, Cell::Blank]);
    sheet
}

/// An office that has taken the data from `share/staff.xlsx` and written the view.
fn office() -> Office {
    let office = Office::with(&format!("{STAFF}{VIEW}"));
    office.save("share/staff.xlsx", &data());
    assert_eq!(office.sync_quietly()["applied"], 32);
    office.sync_idly();
    office
}

/// Holds that a file has the same data as what is known of the source `staff`.
fn is_the_same(format: &str, bytes: &[u8]) {
    let office = office();
    office.configure(&format!("{CUSTOMERS}{}{VIEW}", STAFF.replace("xlsx", format)));
    office.write(&format!("share/staff.{format}"), bytes);
    let report = office.sync_quietly();
    assert_eq!((&report["changes"], &report["rows"]), (&json!(0), &json!(6 + 6)), "{format}: {report}");
    office.sync_idly();
    assert_eq!(office.value("C-2", "name"), "Line one\nline two");
}

/// Holds that a view that LibreOffice saved is the view, and takes edits.
fn is_the_view(bytes: &[u8]) {
    let office = office();
    office.write("share/all.xlsx", bytes);
    let mut view = office.open("share/all.xlsx");
    assert_eq!(view.property("Daybook.Source").as_deref(), Some("all"), "LibreOffice keeps the marks");
    assert!(view.property("Daybook.Revision").is_some());
    let report = office.sync_quietly();
    assert_eq!((&report["changes"], &report["conflicts"]), (&json!(0), &json!(0)), "{report}");
    office.sync_idly();
    view.set("C-1", "Name", "Amber").save();
    let report = office.sync_quietly();
    assert_eq!((&report["changes"], &report["applied"]), (&json!(1), &json!(1)), "{report}");
    assert_eq!(office.value("C-1", "name"), "Amber");
    office.sync_idly();
    office.store_is_sound();
}

/// Converts a file in a profile of its own, so that a LibreOffice of the person who tests is left alone.
pub(crate) fn convert(program: &Path, profile: &Path, from: &Path, format: &str) -> Vec<u8> {
    let out = tempfile::tempdir().expect("a folder");
    let status = Command::new(program)
        .arg(format!("-env:UserInstallation=file://{}", profile.display()))
        .args(["--headless", "--norestore", "--convert-to", format, "--outdir"])
        .args([out.path(), from])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("soffice can be started");
    assert!(status.success());
    let name = from.with_extension(format).file_name().expect("a name").to_owned();
    fs::read(out.path().join(name)).expect("soffice wrote the file")
}

#[test]
fn saving_in_libreoffice_changes_nothing() {
    let Some(program) = soffice() else { return };
    let profile = tempfile::tempdir().expect("a folder");
    let office = office();
    for format in FORMATS {
        let bytes = convert(&program, profile.path(), &office.path("share/staff.xlsx"), format);
        if std::env::var_os("DAYBOOK_WRITE_GOLDEN").is_some() {
            fs::write(golden(&format!("staff.{format}")), &bytes).expect("a golden file");
        }
        is_the_same(format, &bytes);
    }
    let bytes = convert(&program, profile.path(), &office.path("share/all.xlsx"), "xlsx");
    if std::env::var_os("DAYBOOK_WRITE_GOLDEN").is_some() {
        fs::write(golden("view.xlsx"), &bytes).expect("a golden file");
    }
    is_the_view(&bytes);
}

#[test]
fn what_libreoffice_wrote_changes_nothing() {
    for format in FORMATS {
        is_the_same(format, &fs::read(golden(&format!("staff.{format}"))).expect("a golden file"));
    }
    is_the_view(&fs::read(golden("view.xlsx")).expect("a golden file"));
}
