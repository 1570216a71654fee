//! Plugins as the office has them: in `daybook.toml`, between the save and the store.

use serde_json::Value as Json;

use rustix::process::Signal;

use super::office::{CUSTOMERS, Office, problems, text, wait_until};
use super::workbook::rows;
use crate::plugins::fixture::Fixture;

/// The staff's workbook, into which is written.
const STAFF: &str = r#"
[[workbook]]
name = "staff"
path = "share/staff.xlsx"
table = "customers"
acts_as = "role:staff"
sync = "two-way"
"#;

const GOOD: &str = include_str!("../plugins/good.wat");

/// A component that does one job of those in `good.wat`.
pub(super) fn component(job: &str) -> Vec<u8> {
    plugin(job).component()
}

/// The same, not built yet.
pub(super) fn plugin(job: &str) -> Fixture {
    let mut parts = GOOD.split("  (func $JOB(");
    let common = parts.next().expect("there are helpers");
    let own = parts.find(|part| part.starts_with(job)).expect("there is such a job");
    Fixture::new(&format!("{common}  (func $JOB({own}"))
}

/// An office with a plugin that does one job.
fn office(job: &str, settings: &str) -> Office {
    let office = Office::new(&format!("{}{STAFF}{}", customers(""), section(settings)));
    office.write("plugins/own.wasm", &component(job));
    office
}

/// The usual customers, with a note.
pub(super) fn customers(note: &str) -> String {
    let field = format!("[[table.field]]\nname = \"note\"\nheaders = [\"备注\", \"Note\"]\n{note}\n[[access]]");
    CUSTOMERS.replacen("[[access]]", &field, 1)
}

fn section(settings: &str) -> String {
    format!("[[plugin]]\nname = \"own\"\npath = \"plugins/own.wasm\"\ntable = \"customers\"\n{settings}\n")
}

fn save(office: &Office, lines: &[&str]) {
    office.save("share/staff.xlsx", &rows(lines));
}

fn codes(report: &Json) -> Vec<String> {
    problems(report).into_iter().map(|(code, _)| code).collect()
}

/// `note` must be filled.
const CHECKED: &str = "reads = [\"note\"]";

#[test]
fn a_row_with_an_error_is_held_and_the_others_are_taken() {
    let office = office("validate", CHECKED);
    save(&office, &["Customer ID|Name|Note|Daybook", "C-1|Amber|tea|", "C-2|Bronze||", "C-3|Copper|x|"]);
    let report = office.sync();
    assert_eq!(codes(&report), ["plugin-held"], "{report}");
    let message = text(&report["problems"][0]["message"]);
    assert!(message.contains("the plugin `own` 1.0.0 found `empty`: 空. The row was held"), "{message}");
    assert_eq!(office.list(&["record", "list"]).len(), 2);
    let book = office.open("share/staff.xlsx");
    assert_eq!(book.value("C-1", "Daybook"), "Saved");
    assert_eq!(book.value("C-2", "Daybook"), "Waiting for a decision; Not saved: Note: 空");
    assert_eq!(book.value("C-2", "Name"), "Bronze");
    let review = &office.reviews()[0];
    assert_eq!((&review["kind"], &review["place"]), (&"plugin".into(), &"staff.xlsx!Sheet1!A3".into()), "{review}");
    office.sync_idly();

    // What the steward accepts is posted as it was typed.
    office.program(&["review", "decide", &office.review(), "accept"]).ends(0);
    assert_eq!(office.value("C-2", "name"), "Bronze");
    office.sync_quietly();
    assert_eq!(office.open("share/staff.xlsx").value("C-2", "Daybook"), "Saved");
    assert!(office.reviews().is_empty());
    office.sync_idly();
    office.store_is_sound();
}

#[test]
fn a_held_change_waits_until_it_is_corrected_or_decided() {
    let office = office("validate", CHECKED);
    save(&office, &["Customer ID|Name|Note|Daybook", "C-1|Amber|tea|", "C-2|Bronze|milk|"]);
    office.sync_quietly();
    office.open("share/staff.xlsx").set("C-1", "Note", "").set("C-1", "Name", "Ambrosia").save();
    let report = office.sync();
    assert_eq!((&report["held"], &report["applied"]), (&2.into(), &0.into()), "{report}");
    assert_eq!(office.value("C-1", "name"), "Amber", "a row is held whole");
    let history = office.list(&["record", "history", "--key", "C-1"]);
    let held: Vec<&Json> = history.iter().filter(|line| line["outcome"] == "held").collect();
    assert_eq!(held.len(), 2, "{history:?}");
    assert!(text(&held[0]["rule"]).starts_with("plugin:own@1.0.0#"), "{}", held[0]);
    assert_eq!(office.open("share/staff.xlsx").value("C-1", "Name"), "Ambrosia", "it stays as typed");

    // Others' changes of the row don't write over what waits.
    office.program(&["record", "set", "--key", "C-1", "stage=signed"]).ends(0);
    office.sync();
    assert_eq!(office.open("share/staff.xlsx").value("C-1", "Name"), "Ambrosia");
    let first = office.review();

    // Another wrong save is another question; the right one is taken as a whole.
    office.open("share/staff.xlsx").set("C-1", "Name", "Ambra").save();
    office.sync();
    assert_ne!(office.review(), first);
    office.open("share/staff.xlsx").set("C-1", "Note", "coffee").save();
    let report = office.sync_quietly();
    assert_eq!((&report["held"], &report["applied"]), (&0.into(), &2.into()), "{report}");
    assert_eq!((office.value("C-1", "name"), office.value("C-1", "note")), ("Ambra".into(), "coffee".into()));
    assert!(office.reviews().is_empty(), "the question is withdrawn");
    assert_eq!(office.open("share/staff.xlsx").value("C-1", "Daybook"), "Saved");

    // What the steward rejects stays as typed, and says so.
    office.open("share/staff.xlsx").set("C-2", "Note", "").save();
    office.sync();
    office.program(&["review", "decide", &office.review(), "reject"]).ends(0);
    office.sync_quietly();
    let book = office.open("share/staff.xlsx");
    assert_eq!(book.value("C-2", "Daybook"), "Not saved: the save was rejected");
    assert_eq!(office.value("C-2", "note"), "milk");
    assert!(office.reviews().is_empty(), "it is not asked again");
    office.sync_idly();
    office.store_is_sound();
}

#[test]
fn a_normalised_value_takes_the_place_of_the_typed_one_and_comes_back_into_the_workbook() {
    let office = office("normalise", "reads = [\"note\"]\nwrites = [\"note\"]");
    save(&office, &["Customer ID|Name|Note", "C-1|Amber|tea", "C-2|Bronze|milk"]);
    let report = office.sync_quietly();
    assert_eq!(office.value("C-1", "note"), "X", "{report}");
    assert_eq!(office.open("share/staff.xlsx").value("C-1", "Note"), "X");
    let history = office.list(&["record", "history", "--key", "C-1"]);
    let line = history.iter().find(|line| line["field"] == "note").expect("the note has a history");
    assert!(text(&line["rule"]).starts_with("plugin:own@1.0.0#"), "{line}");
    office.sync_idly();
    // Typed again as before: it is the same again.
    office.open("share/staff.xlsx").set("C-1", "Note", "tea").save();
    let report = office.sync_quietly();
    assert_eq!((&report["applied"], office.value("C-1", "note")), (&0.into(), "X".into()), "{report}");
    assert_eq!(office.open("share/staff.xlsx").value("C-1", "Note"), "X");
    // A command goes the same way.
    office.program(&["record", "set", "--key", "C-2", "note=other"]).ends(0);
    assert_eq!(office.value("C-2", "note"), "X");
    office.sync_quietly();
    office.sync_idly();
    office.store_is_sound();
}

#[test]
fn a_class_is_set_beside_what_was_typed_and_never_over_it() {
    let office = office("classify", "reads = [\"name\"]\nwrites = [\"note\"]");
    save(&office, &["Customer ID|Name|Note", "C-1|Amber|", "C-2|Bronze|typed"]);
    office.sync_quietly();
    assert_eq!((office.value("C-1", "note"), office.value("C-2", "note")), ("gold".into(), "typed".into()));
    assert_eq!(office.open("share/staff.xlsx").value("C-1", "Note"), "gold");
    office.sync_idly();
    // What somebody typed stands at the next change of the row, too; when it is cleared, the plugin has its say.
    office.open("share/staff.xlsx").set("C-2", "Name", "Bronzer").save();
    office.sync_quietly();
    assert_eq!(office.value("C-2", "note"), "typed");
    office.open("share/staff.xlsx").set("C-2", "Note", "").save();
    office.sync_quietly();
    office.open("share/staff.xlsx").set("C-2", "Name", "Bronzest").save();
    office.sync_quietly();
    assert_eq!(office.value("C-2", "note"), "gold");
    office.sync_idly();
    office.store_is_sound();
}

#[test]
fn a_plugin_decides_the_conflicts_of_its_field() {
    let office = Office::new(&format!(
        "{}{STAFF}{}{}",
        customers("conflict = \"plugin:own\""),
        STAFF.replace("staff", "other").replace("role:other", "role:staff"),
        section("reads = [\"note\"]\nwrites = [\"note\"]")
    ));
    office.write("plugins/own.wasm", &component("merge"));
    for file in ["share/staff.xlsx", "share/other.xlsx"] {
        office.save(file, &rows(&["Customer ID|Name|Note", "C-1|Amber|tea"]));
    }
    office.sync_quietly();
    office.open("share/staff.xlsx").set("C-1", "Note", "first").save();
    office.open("share/other.xlsx").set("C-1", "Note", "second").save();
    let report = office.sync_quietly();
    assert_eq!((&report["conflicts"], office.value("C-1", "note")), (&0.into(), "second".into()), "{report}");
    let history = office.list(&["record", "history", "--key", "C-1"]);
    let line = history.iter().rfind(|line| line["field"] == "note").expect("the note has a history");
    assert!(text(&line["rule"]).starts_with("plugin:own@1.0.0#"), "{line}");
    office.store_is_sound();
}

#[test]
fn rows_without_an_answer_are_held_or_taken_as_the_office_says() {
    for (on_failure, code, taken) in [("hold", "plugin-held", 1), ("skip", "plugin-skipped", 2)] {
        let office = office("validate", &format!("{CHECKED}\non_failure = \"{on_failure}\""));
        save(&office, &["Customer ID|Name|Note", "C-1|Amber|!trap", "C-2|Bronze|milk"]);
        let report = office.sync();
        assert!(codes(&report).contains(&code.to_owned()), "{report}");
        assert_eq!(office.list(&["record", "list"]).len(), taken, "{on_failure}");
        office.store_is_sound();
    }
}

#[test]
fn a_file_that_is_not_the_pinned_one_stops_the_start_and_any_other_trouble_does_not() {
    let office = office("validate", &format!("{CHECKED}\nsha256 = \"{}\"", "0".repeat(64)));
    save(&office, &["Customer ID|Name|Note", "C-1|Amber|tea"]);
    office.program(&["sync"]).ends(1).says("sha256");
    assert!(!office.path("data/daybook.db").exists() || office.list(&["record", "list"]).is_empty());

    let office = self::office("validate", CHECKED);
    save(&office, &["Customer ID|Name|Note", "C-1|Amber|tea"]);
    office.write("plugins/own.wasm", b"no plugin");
    let report = office.sync();
    assert_eq!(report["held"], 3, "what a check could not look at waits: {report}");
    office.write("plugins/own.wasm", &component("validate"));
    office.sync();
    assert_eq!(office.list(&["record", "list"]).len(), 1, "the row is taken once it can be checked");
    assert!(office.reviews().is_empty());
}

/// By which version of the plugin the edits of a note were held, oldest first.
fn held_by(office: &Office, key: &str) -> Vec<String> {
    let history = office.list(&["record", "history", "--key", key]);
    let held = history.iter().filter(|line| line["outcome"] == "held" && line["field"] == "note");
    let version = |rule: String| rule.split(['@', '#']).nth(1).map(str::to_owned);
    held.filter_map(|line| version(text(&line["rule"]))).collect()
}

#[test]
fn a_replaced_file_is_taken_while_the_daemon_runs_and_a_bad_one_is_not() {
    let office = office("validate", CHECKED);
    save(&office, &["Customer ID|Name|Note", "C-1|Amber|tea", "C-2|Beryl|milk"]);
    office.sync_quietly();
    let daemon = office.start(&["run"]);
    // Each save that is held says by which version. A swap comes between two of them, at a moment of the daemon's own.
    let mut names = 0;
    let mut held_anew = || {
        let before = held_by(&office, "C-1").len();
        names += 1;
        office
            .open("share/staff.xlsx")
            .set("C-1", "Name", format!("Amber {names}").as_str())
            .set("C-1", "Note", "")
            .save();
        wait_until("the save is held", || held_by(&office, "C-1").len() > before);
        held_by(&office, "C-1").pop().expect("it was held")
    };
    assert_eq!(held_anew(), "1.0.0");
    let replace = |bytes: &[u8]| {
        office.write("plugins/own.new", bytes);
        std::fs::rename(office.path("plugins/own.new"), office.path("plugins/own.wasm")).expect("it can be renamed");
    };
    replace(&plugin("validate").version("1.1.0").component());
    wait_until("the new version is asked", || held_anew() == "1.1.0");
    replace(b"not a plugin");
    // It is looked at within a second or two; the version before goes on all the time.
    for _ in 0..4 {
        assert_eq!(held_anew(), "1.1.0");
    }
    office.open("share/staff.xlsx").set("C-1", "Note", "coffee").save();
    wait_until("what is right is taken", || office.value("C-1", "note") == "coffee");
    replace(&plugin("validate").version("1.2.0").component());
    wait_until("a good file is taken again", || held_anew() == "1.2.0");
    daemon.signal(Signal::TERM);
    let ran = daemon.ended("the daemon").ends(0);
    assert!(ran.err.contains("Version 1.1.0 goes on."), "{}", ran.err);
    office.store_is_sound();
}

#[test]
fn a_plugin_that_keeps_failing_is_stopped_and_status_says_so() {
    let office = office("validate", CHECKED);
    // Each row makes it break off; so many that they are several batches.
    let lines = (0..1300).map(|number| format!("C-{number}|Amber|!{number}"));
    let lines: Vec<String> = std::iter::once("Customer ID|Name|Note".to_owned()).chain(lines).collect();
    save(&office, &lines.iter().map(String::as_str).collect::<Vec<_>>());
    let report = office.sync();
    assert!(codes(&report).iter().any(|code| code == "plugin-stopped"), "{report}");
    let stopped =
        report["problems"].as_array().into_iter().flatten().find(|problem| problem["code"] == "plugin-stopped");
    let hint = text(&stopped.expect("it is told")["hint"]);
    assert!(hint.contains("`daybook plugin disable own`"), "{hint}");
    let line = office.json(&["status"])["plugins"][0].clone();
    assert_eq!(line["state"], "stopped", "{line}");
    assert!(text(&line["error"]).contains("broke off"), "{line}");
    // What the hint says can be done.
    office.program(&["plugin", "disable", "own"]).ends(0);
    office.program(&["check"]).ends(0);
    assert_eq!(office.json(&["status"])["plugins"][0]["state"], "disabled");
}

#[test]
fn what_a_broken_plugin_holds_is_taken_when_it_is_replaced_while_the_daemon_runs() {
    let office = office("validate", CHECKED);
    office.write("plugins/own.wasm", b"no plugin");
    save(&office, &["Customer ID|Name|Note|Daybook", "C-1|Amber|tea|", "C-2|Bronze||"]);
    let daemon = office.start(&["run"]);
    let answer = |key: &str| office.open("share/staff.xlsx").value(key, "Daybook");
    wait_until("the rows are held", || answer("C-1").contains("a check could not be run"));
    let review = &office.reviews()[0];
    assert_eq!((&review["why"][0]["plugin"], &review["why"][0]["code"]), (&"own".into(), &"plugin-failed".into()));
    office.write("plugins/own.new", &component("validate"));
    std::fs::rename(office.path("plugins/own.new"), office.path("plugins/own.wasm")).expect("it can be renamed");
    wait_until("what was held is put to the good plugin", || answer("C-1") == "Saved");
    assert_eq!(answer("C-2"), "Waiting for a decision; Not saved: Note: 空");
    daemon.signal(Signal::TERM);
    daemon.ended("the daemon").ends(0);
    let why = &office.reviews()[0]["why"][0];
    assert_eq!((&why["version"], &why["code"], &why["message"]), (&"1.0.0".into(), &"empty".into(), &"空".into()));
    let shown = office.program(&["review", "show", &office.review()]).ends(0);
    assert!(shown.out.contains("the plugin `own` 1.0.0 found `empty` in `note`: 空"), "{}", shown.out);
    office.store_is_sound();
}
