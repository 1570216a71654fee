//! The harness itself: what LibreOffice is told to do is what Daybook and openpyxl see, and it is gone when it should be.

use encoding_rs::GB18030;
use rustix::process::test_kill_process_group;
use serde_json::json;

use super::LibreOffice;
use super::libreoffice::{Csv, lock_of};
use super::openpyxl::Dump;
use crate::contract::office::{Office, STAFF, VIEW, wait_until};
use crate::contract::workbook::{Cell, Sheet, rows};

fn staff() -> Sheet {
    let mut sheet = rows(&["Customer ID|Name|Phone|Credit|Since"]);
    for (key, name, credit) in [("C-1", "示例贸易", 1200.5), ("C-2", "Beryl", 0.0), ("C-3", "Coral", 7.0)] {
        let cells = vec![key.into(), name.into(), "13800138000".into(), credit.into(), Cell::Date(2026, 3, 1)];
        sheet.0.push(cells);
    }
    sheet
}

fn office() -> Office {
    let office = Office::with(&format!("{STAFF}{VIEW}"));
    office.save("share/staff.xlsx", &staff());
    office.sync_quietly();
    office.sync_idly();
    office
}

#[test]
fn an_edit_in_libreoffice_is_one_edit() {
    let Some(mut program) = LibreOffice::start() else { return };
    let office = office();
    let path = office.path("share/staff.xlsx");
    assert!(program.open(&path));
    assert!(lock_of(&path).exists(), "LibreOffice says that it has the file open");
    assert_eq!(program.show(&path)[1], ["C-1", "示例贸易", "13800138000", "1200.5", "2026-03-01"]);
    program.set(&path, (2, 1), "Agate");
    program.save(&path);
    program.close(&path);
    assert!(!lock_of(&path).exists());
    let report = office.sync_quietly();
    assert_eq!((&report["changes"], &report["applied"]), (&json!(1), &json!(1)), "{report}");
    assert_eq!(office.value("C-2", "name"), "Agate");
    office.sync_idly();
    if let Some(dump) = Dump::of(&path) {
        assert_eq!((dump.cell("B3"), dump.cell("B2")), (&json!("Agate"), &json!("示例贸易")));
        assert_eq!((dump.cell("D2"), dump.cell("E4")), (&json!(1200.5), &json!("2026-03-01T00:00:00")));
        assert_eq!(dump.found("merges"), &json!([]));
    }
}

#[test]
fn rows_in_another_order_are_no_edits() {
    let Some(mut program) = LibreOffice::start() else { return };
    let office = office();
    let path = office.path("share/staff.xlsx");
    program.open(&path);
    program.sort_down(&path, 0);
    program.insert_row(&path, 1);
    program.save(&path);
    let report = office.sync();
    assert_eq!(report["changes"], 0, "{report}");
    program.set(&path, (1, 0), "C-4");
    program.set(&path, (1, 4), json!({ "date": "2026-04-05" }));
    program.set(&path, (2, 3), 8);
    program.set(&path, (3, 2), json!(null));
    program.insert_row(&path, 3);
    program.delete_row(&path, 3);
    program.save(&path);
    program.close(&path);
    let report = office.sync_quietly();
    assert_eq!(report["applied"], 2 + 1 + 1, "{report}");
    assert_eq!(office.value("C-4", "since"), "2026-04-05");
    assert_eq!(office.value("C-3", "credit"), 8);
    assert_eq!(office.value("C-2", "phone"), json!(null));
}

#[test]
fn libreoffice_keeps_the_marks() {
    let Some(mut program) = LibreOffice::start() else { return };
    let office = office();
    let path = office.path("share/all.xlsx");
    let marked = office.open("share/all.xlsx").property("Daybook.Revision");
    program.open(&path);
    let shown = program.show(&path);
    let row = shown.iter().position(|row| row[0] == "C-3").expect("the view shows the record");
    program.set(&path, (row, 1), "Chalk");
    program.save(&path);
    assert_eq!(program.properties(&path)["Daybook.Source"], "all");
    program.close(&path);
    let saved = office.open("share/all.xlsx");
    assert_eq!(saved.property("Daybook.Source").as_deref(), Some("all"));
    assert_eq!(saved.property("Daybook.Revision"), marked);
    if let Some(dump) = Dump::of(&path) {
        assert_eq!(dump.property("Daybook.Source"), "all");
    }
    let report = office.sync_quietly();
    assert_eq!((&report["changes"], &report["applied"]), (&json!(1), &json!(1)), "{report}");
    assert_eq!(office.value("C-3", "name"), "Chalk");
}

#[test]
fn libreoffice_edits_text_files() {
    let Some(mut program) = LibreOffice::start() else { return };
    let office = Office::with(&STAFF.replace("xlsx", "csv"));
    let written = "客户编号,客户名称,电话\r\nC-1,示例贸易,013800138000\r\nC-2,\"Beryl, Ltd\",010-65529988\r\n";
    let path = office.path("share/staff.csv");
    office.write("share/staff.csv", &GB18030.encode(written).0);
    office.sync_quietly();
    assert!(program.open_csv(&path, Csv::Gb18030));
    assert!(lock_of(&path).exists());
    program.set(&path, (1, 1), "李雷");
    program.save(&path);
    program.close(&path);
    let report = office.sync_quietly();
    assert_eq!((&report["changes"], &report["applied"]), (&json!(1), &json!(1)), "{report}");
    assert_eq!(office.value("C-1", "name"), "李雷");
    assert_eq!(
        GB18030.decode(&office.read("share/staff.csv")).0,
        written.replace("示例贸易", "李雷").replace("\r\n", "\n")
    );
    // And in UTF-8, as another program would convert it.
    office.write("share/staff.csv", written.as_bytes());
    program.open_csv(&path, Csv::Utf8);
    assert_eq!(program.show(&path)[2][1], "Beryl, Ltd");
}

#[test]
fn two_of_them_respect_each_others_locks() {
    let (Some(mut one), Some(mut other)) = (LibreOffice::start(), LibreOffice::start()) else { return };
    let office = office();
    let path = office.path("share/staff.xlsx");
    assert!(one.open(&path));
    assert!(!other.open(&path), "it is open already");
    one.close(&path);
    assert!(other.open(&path));
}

#[test]
fn it_is_gone_after_the_test() {
    let Some(mut program) = LibreOffice::start() else { return };
    let office = office();
    let path = office.path("share/staff.xlsx");
    program.open(&path);
    let group = program.group();
    assert!(test_kill_process_group(group).is_ok());
    drop(program);
    wait_until("no process is left", || test_kill_process_group(group).is_err());
    assert!(!lock_of(&path).exists(), "it closed what was open");
}
