//! Records and changes on the command line: setting, looking back, taking back.

use serde_json::{Value as Json, json};

use super::office::{Office, STAFF, VIEW, text};
use super::workbook::rows;

fn office() -> Office {
    let office = Office::with(&format!("{STAFF}{VIEW}"));
    office
        .save("share/staff.xlsx", &rows(&["Customer ID|Name|Phone", "C-1|Amber|13812345678", "C-2|Beryl|13900139000"]));
    office.sync_quietly();
    office
}

#[test]
fn setting_a_field_is_an_arrival_like_any_other() {
    let office = office();
    let report = office.json(&[
        "record",
        "set",
        "--key",
        "C-1",
        "name=Agate",
        "since=2026年3月1日",
        "--as",
        "chief@example.com",
    ]);
    assert_eq!((&report["arrivals"], &report["applied"]), (&json!(1), &json!(2)));
    assert_eq!(office.value("C-1", "since"), "2026-03-01");
    let history = office.list(&["record", "history", "--key", "C-1"]);
    let line = history.iter().rfind(|line| line["field"] == "name").expect("a line");
    assert_eq!((&line["actor"], &line["previous"]), (&json!("chief@example.com"), &json!("Amber")));
    assert_eq!(office.sync_quietly()["published"], 1);
    assert_eq!(office.open("share/all.xlsx").value("C-1", "Name"), "Agate");
    office.sync_idly();
    // A new key is a new record; an empty value clears.
    office.program(&["record", "set", "--key", "C-3", "name=Coral"]).ends(0);
    office.program(&["record", "set", "--key", "C-1", "since="]).ends(0);
    assert_eq!(office.value("C-1", "since"), Json::Null);
    assert_eq!(office.list(&["record", "list"]).len(), 3);
    // What the record says already is no change.
    let revision = office.revision();
    assert_eq!(office.json(&["record", "set", "--key", "C-1", "name=Agate"])["changes"], 0);
    assert_eq!(office.revision(), revision, "nothing new, nothing written");
    // The key of one record can't become that of another.
    office.program(&["record", "set", "--key", "C-1", "customer_id=C-2"]).ends(1);
    office.program(&["record", "set", "--key", "X-1", "name=x"]).ends(1);
    office.program(&["record", "set", "--key", "C-1", "credit=-5"]).ends(1).says("credit");
    office.program(&["record", "set", "--key", "C-1", "name=x", "--as", "li.lei@example.com"]).ends(1);
    assert_eq!(office.value("C-1", "name"), "Agate");
    office.store_is_sound();
}

#[test]
fn a_record_may_be_seen_as_it_was() {
    let office = office();
    let before = text(&office.json(&["record", "show", "--key", "C-1"])["updated_at"]);
    std::thread::sleep(std::time::Duration::from_millis(5));
    office.program(&["record", "set", "--key", "C-1", "name=Agate"]).ends(0);
    office.program(&["record", "set", "--key", "C-3", "name=Coral"]).ends(0);
    let then = office.json(&["record", "show", "--key", "C-1", "--at", &before]);
    assert_eq!(then["fields"]["name"], "Amber");
    assert_eq!(then["fields"]["phone"], "13812345678");
    assert_eq!(office.value("C-1", "name"), "Agate");
    assert_eq!(office.list(&["record", "list", "--at", &before]).len(), 2);
    assert_eq!(office.list(&["record", "history", "--key", "C-1", "--at", &before]).len(), 3);
    office.program(&["record", "show", "--key", "C-1", "--at", "2020-01-01"]).ends(1);
    assert!(office.list(&["record", "list", "--at", "2020-01-01T00:00:00+08:00"]).is_empty());
    let masked = office.json(&["record", "show", "--key", "C-1", "--at", &before, "--as", "han.meimei@example.com"]);
    assert_eq!(masked["fields"]["phone"], "138****5678");
    assert_eq!(office.list(&["record", "search", "Amber", "--at", &before]).len(), 1);
    assert_eq!(office.list(&["record", "search", "Amber"]).len(), 0);
}

#[test]
fn who_has_lost_a_record_has_lost_its_past() {
    let office = office();
    let lei = ["--as", "li.lei@example.com"];
    office.program(&["record", "set", "--key", "C-1", "owner=li.lei@example.com"]).ends(0);
    let hers = office.json(&[&["record", "show", "--key", "C-1"][..], &lei].concat());
    let then = text(&hers["updated_at"]);
    std::thread::sleep(std::time::Duration::from_millis(5));
    office.program(&["record", "set", "--key", "C-1", "owner=chief@example.com"]).ends(0);
    office.program(&["record", "set", "--key", "C-2", "owner=li.lei@example.com"]).ends(0);
    let at = ["--at", &then, lei[0], lei[1]];
    office.program(&[&["record", "show", "--key", "C-1"][..], &at].concat()).ends(1);
    office.program(&[&["record", "history", "--key", "C-1"][..], &at].concat()).ends(1);
    assert!(office.list(&[&["record", "search", "Amber"][..], &at].concat()).is_empty());
    // What is hers now she may follow back, whoever had it.
    let listed = office.list(&[&["record", "list"][..], &at].concat());
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(listed[0]["fields"]["customer_id"], "C-2");
    assert_eq!(office.list(&[&["record", "search", "Beryl"][..], &at].concat()).len(), 1);
    let shown = office.json(&[&["record", "show", "--key", "C-2"][..], &at].concat());
    assert_eq!(shown["fields"]["owner"], Json::Null);
}

#[test]
fn an_arrival_may_be_taken_back() {
    let office = office();
    office.open("share/staff.xlsx").set("C-1", "Name", "Agate").set("C-2", "Name", "Coral").save();
    office.sync_quietly();
    let changes = office.list(&["change", "list", "--source", "staff"]);
    let id = text(&changes[0]["id"]);
    assert_eq!(changes[0]["applied"], 2);
    let shown = office.json(&["change", "show", &id]);
    let lines = shown["changes"].as_array().expect("changes");
    assert_eq!(lines.len(), 2);
    assert!(lines.iter().all(|line| line["outcome"] == "applied"), "{shown}");
    // Somebody has changed one of the two since.
    office.program(&["record", "set", "--key", "C-2", "name=Citrine"]).ends(0);
    assert_eq!(office.json(&["change", "revert", "--dry-run", &id])["applied"], 1);
    assert_eq!(office.value("C-1", "name"), "Agate");
    let report = office.json(&["change", "revert", &id]);
    assert_eq!((&report["applied"], &report["conflicts"]), (&json!(1), &json!(1)), "{report}");
    assert_eq!(office.value("C-1", "name"), "Amber");
    assert_eq!(office.value("C-2", "name"), "Citrine", "a person decides about that one");
    assert_eq!(office.reviews().len(), 1);
    let newest = &office.list(&["change", "list"])[0];
    assert_eq!((&newest["kind"], &newest["of"]), (&json!("revert"), &json!(id)));
    office.sync_quietly();
    assert_eq!(office.open("share/all.xlsx").value("C-1", "Name"), "Amber");
    office.sync_idly();
    // The workbook still shows what was taken back: that is no new edit.
    office.open("share/staff.xlsx").set("C-2", "Phone", "13700137000").save();
    office.sync_quietly();
    assert_eq!(office.value("C-1", "name"), "Amber");
    // A revert may be reverted.
    let revert = text(&newest["id"]);
    office.program(&["change", "revert", &revert]).ends(0);
    assert_eq!(office.value("C-1", "name"), "Agate");
    office.store_is_sound();
}

#[test]
fn added_records_are_put_away_by_a_revert() {
    let office = office();
    let first = text(&office.list(&["change", "list", "--source", "staff"])[0]["id"]);
    office.program(&["record", "set", "--key", "C-2", "name=Coral"]).ends(0);
    let ran = office.program(&["change", "revert", &first, "--as", "han.meimei@example.com"]).ends(1);
    assert!(!ran.err.is_empty());
    assert_eq!(office.list(&["record", "list"]).len(), 2);
    let ran = office.program(&["change", "revert", &first]).ends(1).says("changed the record since");
    assert!(!ran.out.contains("read") && !ran.out.contains("written"), "only a pass reads and writes: {}", ran.out);
    let set = office.program(&["record", "set", "--key", "C-2", "name=Coral"]).ends(0);
    assert_eq!(set.out, "no changes\n");
    office.program(&["record", "show", "--key", "C-1"]).ends(0).says("archived");
    assert!(!office.program(&["record", "show", "--key", "C-2"]).ends(0).out.contains("archived"));
    assert!(!office.program(&["sync", "--dry-run"]).ends(0).out.contains("view"), "a trial writes none");
    let left = office.list(&["record", "list"]);
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["fields"]["name"], "Coral", "others have worked on it");
    office.sync_quietly();
    assert!(!office.open("share/all.xlsx").has("C-1"));
    office.store_is_sound();
}
