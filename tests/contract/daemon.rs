//! The daemon: it watches, merges and publishes until it is told to stop.

use std::time::Instant;

use rustix::process::Signal;
use serde_json::json;

use super::office::{DEADLINE, Office, STAFF, VIEW, wait_until};
use super::workbook::rows;

fn office(more: &str) -> Office {
    let office = Office::with(&format!("{STAFF}{VIEW}{more}"));
    office.save("share/staff.xlsx", &rows(&["Customer ID|Name", "C-1|Amber", "C-2|Beryl"]));
    office
}

fn shows(office: &Office, key: &str, name: &str) -> bool {
    office.path("share/all.xlsx").exists()
        && office.open("share/all.xlsx").has(key)
        && office.open("share/all.xlsx").value(key, "Name") == name
}

#[test]
fn a_save_reaches_the_view_while_the_daemon_runs() {
    for watch in ["", "events = false"] {
        let office = office("");
        let configuration = String::from_utf8(office.read("daybook.toml")).expect("UTF-8");
        office.write("daybook.toml", configuration.replace("[watch]", &format!("[watch]\n{watch}")).as_bytes());
        let daemon = office.start(&["run"]);
        wait_until("the view is written", || shows(&office, "C-2", "Beryl"));
        office.open("share/staff.xlsx").set("C-1", "Name", "Agate").save();
        wait_until("the edit is in the view", || shows(&office, "C-1", "Agate"));
        office.open("share/all.xlsx").set("C-2", "Name", "Coral").save();
        wait_until("the view's edit is in the store", || office.value("C-2", "name") == "Coral");
        // A bad file stops nothing.
        let good = office.read("share/staff.xlsx");
        office.write("share/staff.xlsx", b"PK not a workbook");
        office.program(&["record", "set", "--key", "C-1", "name=Opal"]).ends(0);
        wait_until("a command's change is in the view", || shows(&office, "C-1", "Opal"));
        office.write("share/staff.xlsx", &good);
        assert_eq!(office.json(&["status"])["reviews"], 0, "it can be looked at while it runs");
        let begin = Instant::now();
        daemon.signal(Signal::TERM);
        let ran = daemon.ended("the daemon").ends(0);
        assert!(begin.elapsed() < DEADLINE / 3, "{:?}", begin.elapsed());
        assert!(!ran.err.contains("panicked"), "{}", ran.err);
        for value in ["Amber", "Agate", "Opal", "Coral"] {
            assert!(!ran.err.contains(value), "no values in the log: {}", ran.err);
        }
        office.sync_quietly();
        office.sync_idly();
        assert_eq!(office.value("C-1", "name"), "Opal");
        office.store_is_sound();
    }
}

#[test]
fn only_one_daemon_works_on_a_store() {
    let office = office("");
    let first = office.start(&["run"]);
    wait_until("the first one runs", || shows(&office, "C-1", "Amber"));
    let second = office.start(&["run"]);
    second.ended("a second daemon").ends(1).says("daybook status");
    office.program(&["store", "rebuild"]).ends(1);
    // Being killed leaves nothing that keeps the next one out.
    first.signal(Signal::KILL);
    first.ended("a killed daemon");
    let next = office.start(&["run"]);
    office.open("share/staff.xlsx").set("C-1", "Name", "Agate").save();
    wait_until("the next one goes on", || shows(&office, "C-1", "Agate"));
    next.signal(Signal::INT);
    next.ended("the daemon").ends(0);
    office.store_is_sound();
}

#[test]
fn a_pass_beside_the_daemon_does_nothing_twice() {
    let office = office("");
    let daemon = office.start(&["run"]);
    wait_until("the daemon runs", || shows(&office, "C-1", "Amber"));
    for name in ["Agate", "Jade", "Opal"] {
        office.open("share/staff.xlsx").set("C-1", "Name", name).save();
        let ran = office.program(&["sync"]);
        assert!(ran.code == 0 || ran.code == 1, "{ran:?}");
        wait_until("the view shows it", || shows(&office, "C-1", name));
    }
    daemon.signal(Signal::TERM);
    daemon.ended("the daemon").ends(0);
    let history = office.list(&["record", "history", "--key", "C-1"]);
    let names: Vec<_> = history.iter().filter(|line| line["field"] == "name").map(|line| &line["value"]).collect();
    assert_eq!(names, [&json!("Amber"), &json!("Agate"), &json!("Jade"), &json!("Opal")]);
    office.store_is_sound();
}
