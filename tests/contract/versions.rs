//! `daybook workbook versions|restore`.

use std::os::unix::fs::PermissionsExt as _;

use daybook::io::OsEntropy;
use daybook::model::Timestamp;
use daybook::store::{MasterKey, Options, Store};
use serde_json::json;

use super::office::{Office, STAFF, text};
use super::workbook::{Workbook, rows};

/// 2026-03-01T09:30:00.125+08:00
const KEPT_AT: i64 = 1_772_328_600_125;

/// An office in which Daybook has replaced the staff's workbook twice.
fn office() -> (Office, [Vec<u8>; 2]) {
    let office = Office::with(STAFF);
    let sheets = [&["Customer ID|Name", "C-1|Amber"], &["Customer ID|Name", "C-1|Beryl"]];
    let versions = sheets.map(|sheet| rows(sheet).xlsx());
    office.write("share/staff.xlsx", &versions[0]);
    office.sync_quietly();
    let key = String::from_utf8(office.read("keys/daybook.key")).expect("a key");
    let key = MasterKey::parse(&key).expect("a key");
    let path = office.path("data/daybook.db");
    let mut store = Store::open(&path, &key, Box::new(OsEntropy), Options::default()).expect("a store");
    for (version, at) in versions.iter().zip([KEPT_AT, KEPT_AT + 60_000]) {
        store.keep_version(&"staff".into(), Timestamp(at), "staff.xlsx", version, 10).expect("it can be kept");
    }
    (office, versions)
}

#[test]
fn earlier_versions_are_listed_newest_first() {
    let (office, versions) = office();
    let line = |version: usize, at: &str| json!({"source": "staff", "at": at, "file_name": "staff.xlsx", "bytes": versions[version].len()});
    let expected = [line(1, "2026-03-01T09:31:00.125+08:00"), line(0, "2026-03-01T09:30:00.125+08:00")];
    assert_eq!(office.list(&["workbook", "versions"]), expected);
    assert_eq!(office.list(&["workbook", "versions", "staff"]), expected);
    office.program(&["workbook", "versions"]).ends(0).says("staff.xlsx").says("2 earlier versions");
    office.program(&["workbook", "versions", "stuff"]).ends(2).says("staff");
}

#[test]
fn a_version_is_written_to_a_new_file_only() {
    let (office, versions) = office();
    let listed = office.list(&["workbook", "versions"]);
    let restore =
        |at: &str, to: &str| office.program(&["workbook", "restore", "staff", "--at", at, "--to", to, "--json"]);
    // A time as it was listed, one in between, and a day.
    for (number, (at, version)) in
        [(text(&listed[1]["at"]), 0), ("2026-03-01T09:30:59+08:00".to_owned(), 0), ("2026-03-01".to_owned(), 1)]
            .iter()
            .enumerate()
    {
        let to = format!("restored-{number}.xlsx");
        let line = restore(at, &to).ends(0).json();
        assert_eq!((&line["at"], &line["to"]), (&listed[1 - version]["at"], &json!(to)));
        assert_eq!(office.read(&to), versions[*version]);
        let mode = office.path(&to).metadata().expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "nobody else sees it yet");
    }
    let workbook = office.read("share/staff.xlsx");
    restore("2026-03-01", "share/staff.xlsx").ends(1).says("is there already");
    assert_eq!(office.read("share/staff.xlsx"), workbook);
    restore("2026-02-28", "new.xlsx").ends(1).says("workbook versions staff");
    restore("2026-03-01", "no/new.xlsx").ends(1).says("folder");
    restore("yesterday", "new.xlsx").ends(2);
    assert!(!office.path("new.xlsx").exists());
    let arguments = ["workbook", "restore", "staff", "--at", "2026-03-01", "--to", "told.xlsx"];
    office.program(&arguments).ends(0).says("close the workbook").says("older copy");
    assert_eq!(Workbook::open(&office.path("told.xlsx")).value("C-1", "Name"), "Beryl");
    office.sync_idly();
}
