//! Exit codes, `init`, `check`, what a wrong configuration gets, the shapes of `--json`.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value as Json, json};

use super::office::{CUSTOMERS, Office, STAFF, VIEW, problems, text};
use super::workbook::{Workbook, rows};

fn keys(value: &Json) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[test]
fn each_kind_of_failure_has_its_exit_code() {
    let office = Office::with(STAFF);
    let here = |arguments: &[&str], code: i32| office.program(arguments).ends(code);
    here(&["--help"], 0);
    here(&["--version"], 0);
    here(&[], 2);
    here(&["synk"], 2);
    here(&["sync", "--dryrun"], 2);
    here(&["sync", "--config", "nowhere.toml"], 2).says("nowhere.toml");
    // There is no store yet: nothing to look at, and looking makes none.
    for arguments in [
        &["status"][..],
        &["record", "list"],
        &["record", "show", "--key", "C-1"],
        &["review", "list"],
        &["change", "list"],
        &["store", "check"],
        &["store", "rebuild"],
        &["workbook", "versions"],
    ] {
        here(arguments, 1).says("hint:");
    }
    assert!(!office.path("data").exists());
    office.save("share/staff.xlsx", &rows(&["Customer ID|Name", "C-1|Amber"]));
    office.sync_quietly();
    here(&["record", "show", "--key", "C-9"], 1).says("C-9");
    here(&["record", "show", "--key", "C-1", "--table", "suppliers"], 2).says("customers");
    here(&["record", "list", "--as", "nobody@example.com"], 2).says("nobody@example.com");
    here(&["record", "list", "--at", "yesterday"], 2).says("2026-03-01");
    here(&["record", "set", "--key", "C-1", "nam=x"], 2).says("name");
    here(&["record", "set", "--key", "C-1", "name"], 2).says("FIELD=VALUE");
    here(&["record", "set", "--key", "C-1", "since=31/31/26"], 1).says("since");
    here(&["record", "set", "--key", "C-1", "name=Beryl", "--as", "han.meimei@example.com"], 1).says("Finance");
    here(&["review", "show", "0000"], 1).says("review");
    here(&["review", "decide", "0000", "incoming"], 1);
    here(&["review", "decide", "0000", "perhaps"], 2);
    here(&["review", "decide", "0000", "value"], 2);
    here(&["change", "show", "0000"], 1).says("arrival");
    here(&["change", "revert", "0000"], 1);
    for id in ["", "0", "019"] {
        here(&["change", "show", id], 1).says("at least 4");
        here(&["change", "revert", id], 1).says("at least 4");
        here(&["review", "show", id], 1).says("at least 4");
    }
    here(&["review", "list", "--at", "2026-03-01"], 2);
    here(&["review", "show", "0000", "--at", "2026-03-01"], 2);
    assert_eq!(office.value("C-1", "name"), "Amber");
}

#[test]
fn what_is_not_built_yet_says_so() {
    let office = Office::with(STAFF);
    for arguments in [
        &["access", "explain", "--person", "li.lei@example.com"][..],
        &["access", "matrix"],
        &["audit", "verify"],
        &["backup", "create"],
        &["key", "new", "x"],
        &["schema", "export"],
        &["record", "erase", "--key", "C-1"],
        &["record", "pack", "--key", "C-1"],
        &["record", "recipients"],
    ] {
        office.program(arguments).ends(2).says("not supported yet");
    }
    for (section, line) in
        [("[backup]\ndirectory = \"/mnt/backup\"\n", 1), ("[audit]\ncheckpoint_path = \"/mnt/x\"\n", 1)]
    {
        office.configure(&format!("{CUSTOMERS}{section}"));
        let configuration = String::from_utf8(office.read("daybook.toml")).expect("UTF-8");
        let line = configuration.lines().count() - section.lines().count() + line;
        office.program(&["check"]).ends(2).says("not supported yet").says(&format!("daybook.toml:{line}:"));
        office.program(&["sync"]).ends(2);
    }
}

#[test]
fn all_that_is_wrong_with_a_configuration_is_told_at_once() {
    let office = Office::with(STAFF);
    let body = CUSTOMERS
        .replace("primary_key", "primarykey")
        .replace("role = \"finance\"\ntable", "role = \"finanze\"\ntable")
        + &STAFF.replace("\"customers\"", "\"costumers\"")
        + "[[view]]\nname = \"v\"\npath = \"share/v.csv\"\ntable = \"customers\"\nfor = \"nobody@example.com\"\nfields = [\"nmae\"]\n\
           [guard]\nrows_min = \"many\"\n[limits]\nrows = 3\n";
    office.configure(&body);
    let configuration = String::from_utf8(office.read("daybook.toml")).expect("UTF-8");
    let line_of = |part: &str| configuration.lines().position(|line| line.contains(part)).expect(part) + 1;
    let mut ran = office.program(&["check"]).ends(2);
    for (part, words) in [
        ("primarykey", "primary_key"),
        ("finanze", "finanze"),
        ("costumers", "customers"),
        ("share/v.csv", ".xlsx"),
        ("for = \"nobody", "nobody@example.com"),
        ("nmae", "name"),
        ("rows_min", "rows_min"),
        ("rows = 3", "rows_max"),
    ] {
        let place = format!("daybook.toml:{}:", line_of(part));
        let line =
            ran.err.lines().find(|line| line.contains(&place)).unwrap_or_else(|| panic!("{place} in {}", ran.err));
        assert!(line.contains(words), "{line}");
        ran = ran.says(words);
    }
    let ran = office.program(&["sync", "--json"]).ends(2);
    assert!(problems(&ran.json()).len() >= 8);
    office.write("daybook.toml", b"[office\nname = 1");
    office.program(&["check"]).ends(2).says("daybook.toml:1:");
    office.write("daybook.toml", b"[office]\nname = \"\xff\"");
    office.program(&["check"]).ends(2);
}

#[test]
fn init_never_overwrites() {
    let office = Office::bare();
    let made = office.json(&["init", "new"]);
    assert_eq!(keys(&made), ["config", "key"]);
    let (config, key) = (office.read("new/daybook.toml"), office.read("new/keys/daybook.key"));
    let mode = office.path("new/keys/daybook.key").metadata().expect("a key").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    office.program(&["init", "new"]).ends(1).says("daybook.toml");
    std::fs::remove_file(office.path("new/daybook.toml")).expect("a configuration");
    office.program(&["init", "new"]).ends(1).says("daybook.key");
    assert!(!office.path("new/daybook.toml").exists(), "nothing is written beside a key that is there");
    assert_eq!(office.read("new/keys/daybook.key"), key);
    office.write("new/daybook.toml", &config);
    // What it writes is a configuration that holds.
    office.program(&["check", "--config", "new/daybook.toml"]).ends(0);
    office.program(&["sync", "--config", "new/daybook.toml"]).ends(0);
    assert!(office.path("new/data/daybook.db").exists(), "paths are relative to the configuration");
    assert_ne!(office.json(&["init", "other"])["key"], made["key"]);
    assert_ne!(office.read("other/keys/daybook.key"), key, "each key is fresh");
}

#[test]
fn check_shows_the_mapping_and_changes_nothing() {
    let office = Office::with(&format!("{STAFF}{VIEW}"));
    office.save("share/staff.xlsx", &rows(&["手机|Customer ID|Favourite|Name", "13800138000|C-1|tea|Amber"]));
    let before = super::office::files_below(&office.path(""));
    // A column of the person's own is told, and is nothing wrong.
    let ran = office.program(&["check", "--json"]).ends(0);
    let found = ran.json();
    let source = &found["sources"][0];
    assert_eq!(source["name"], "staff");
    assert_eq!(source["rows"], 1);
    assert_eq!(source["headers"], json!(["手机", "Customer ID", "Favourite", "Name"]));
    assert_eq!(
        source["mapping"],
        json!([
            {"title": "手机", "field": "phone"},
            {"title": "Customer ID", "field": "customer_id"},
            {"title": "Favourite", "field": null},
            {"title": "Name", "field": "name"},
        ])
    );
    assert_eq!(problems(&found), [("unknown-column".to_owned(), "staff.xlsx!Sheet1!C1".to_owned())]);
    office.save("share/staff.xlsx", &rows(&["手机|Customer ID|Name", "13800138000|C-1|Amber"]));
    office.program(&["check"]).ends(0).says("手机").says("phone");
    assert_eq!(super::office::files_below(&office.path("")), before, "no store, no view");
    std::fs::remove_file(office.path("share/staff.xlsx")).expect("a workbook");
    let ran = office.program(&["check", "--json"]).ends(1);
    assert_eq!(problems(&ran.json()).len(), 1);
    office.write("keys/daybook.key", b"not a key");
    office.save("share/staff.xlsx", &rows(&["Customer ID|Name", "C-1|Amber"]));
    office.program(&["check"]).ends(1).says("key");
}

#[test]
fn status_says_what_is_wrong_with_a_file() {
    let office = Office::with(STAFF);
    office.save("share/staff.xlsx", &rows(&["Customer ID|Name", "C-1|Amber"]));
    office.sync_quietly();
    office.write("share/staff.xlsx", b"");
    let source = office.json(&["status"])["sources"][0].clone();
    assert_eq!((&source["state"], &source["error"]), (&json!("empty"), &json!("the file is empty")));
    std::fs::remove_file(office.path("share/staff.xlsx")).expect("a workbook");
    let source = office.json(&["status"])["sources"][0].clone();
    assert_eq!((&source["state"], &source["error"]), (&json!("missing"), &json!("the file is not there")));
}

#[test]
fn check_compares_the_key_with_the_store() {
    let office = Office::with(STAFF);
    office.save("share/staff.xlsx", &rows(&["Customer ID|Name", "C-1|Amber"]));
    office.sync_quietly();
    let before = office.read("data/daybook.db");
    office.program(&["check"]).ends(0);
    assert_eq!(office.read("data/daybook.db"), before);
    office.program(&["init", "other"]).ends(0);
    office.write("keys/daybook.key", &office.read("other/keys/daybook.key"));
    let found = problems(&office.program(&["check", "--json"]).ends(1).json());
    assert_eq!(found.iter().map(|(code, _)| code.as_str()).collect::<Vec<_>>(), ["key"]);
}

#[test]
fn json_has_the_shapes_of_the_contract() {
    let office = Office::with(&format!("{STAFF}{VIEW}"));
    office.save(
        "share/staff.xlsx",
        &rows(&["Customer ID|Name|Phone|Since|Credit", "C-1|Amber|13800138000|2026-03-01|12.50"]),
    );
    let report = office.sync_quietly();
    let wanted = [
        "applied",
        "arrivals",
        "changes",
        "conflicts",
        "held",
        "problems",
        "published",
        "refused",
        "rows",
        "sent",
        "unchanged",
    ];
    let mut found = keys(&report);
    found.retain(|key| *key != "superseded"); // added to the contract's: what a rule settled
    found.sort_unstable();
    assert_eq!(found, wanted);
    assert_eq!((&report["arrivals"], &report["rows"], &report["published"]), (&json!(1), &json!(1), &json!(1)));
    assert_eq!((&report["changes"], &report["applied"]), (&json!(5), &json!(5)));

    let record = office.json(&["record", "show", "--key", "C-1"]);
    assert_eq!(keys(&record), ["fields", "id", "masked", "table", "updated_at", "version"]);
    assert_eq!(record["table"], "customers");
    assert_eq!(record["fields"]["since"], "2026-03-01");
    assert_eq!(record["fields"]["credit"], json!(12.5));
    assert_eq!(record["fields"]["stage"], Json::Null);
    let at = text(&record["updated_at"]);
    assert!(at.contains('T') && at.ends_with("+08:00"), "{at}");

    let history = office.list(&["record", "history", "--key", "C-1"]);
    assert_eq!(history.len(), 5);
    let name = history.iter().find(|line| line["field"] == "name").expect("a line for the name");
    let wanted =
        ["actor", "arrival", "at", "field", "outcome", "place", "previous", "record", "rule", "source", "value"];
    let mut found = keys(name);
    found.retain(|key| *key != "claimed_editor");
    found.sort_unstable();
    assert_eq!(found, wanted);
    assert_eq!(name["place"], "staff.xlsx!Sheet1!B2");
    assert_eq!((&name["outcome"], &name["value"]), (&json!("applied"), &json!("Amber")));
    assert_eq!((&name["previous"], &name["actor"]), (&Json::Null, &json!("role:staff")));

    let status = office.json(&["status"]);
    assert_eq!(keys(&status), ["mails", "outbox", "plugins", "reviews", "sources", "store", "version"]);
    assert_eq!(keys(&status["outbox"]), ["parked", "pending"]);
    assert_eq!(status["mails"], json!({ "pending": 0, "parked": 0, "refused": 0, "error": null }));
    assert_eq!(status["reviews"], 0);
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    for (index, (name, kind)) in [("staff", "workbook"), ("all", "view")].iter().enumerate() {
        let source = &status["sources"][index];
        assert_eq!((&source["name"], &source["kind"], &source["state"]), (&json!(name), &json!(kind), &json!("ok")));
        assert!(text(&source["last_seen_at"]).ends_with("+08:00"));
        assert_eq!((&source["pending"], &source["error"]), (&json!(0), &Json::Null));
    }
    office.program(&["status"]).ends(0).says("staff");
}

#[test]
fn a_dry_run_commits_nothing() {
    let office = Office::with(&format!("{STAFF}{VIEW}"));
    office.save("share/staff.xlsx", &rows(&["Customer ID|Name", "C-1|Amber"]));
    let report = office.json(&["sync", "--dry-run"]);
    assert_eq!(report["applied"], 2);
    assert!(!office.path("data/daybook.db").exists());
    assert!(!office.path("share/all.xlsx").exists());
    office.sync_quietly();
    office.open("share/staff.xlsx").set("C-1", "Name", "Beryl").save();
    let revision = office.revision();
    assert_eq!(office.json(&["sync", "--dry-run"])["applied"], 1);
    assert_eq!(office.json(&["record", "set", "--dry-run", "--key", "C-1", "name=Coral"])["applied"], 1);
    assert_eq!(office.revision(), revision);
    assert_eq!(office.value("C-1", "name"), "Amber");
    assert_eq!(office.open("share/all.xlsx").value("C-1", "Name"), "Amber");
    assert_eq!(office.sync_quietly()["applied"], 1, "what a dry run saw is still to be done");
}

#[test]
fn an_office_that_observes_only_writes_nothing() {
    let office = Office::with(&format!("{STAFF}{VIEW}"));
    let configuration = String::from_utf8(office.read("daybook.toml")).expect("UTF-8");
    let observing = configuration.replace("language = \"en\"", "language = \"en\"\nobserve_only = true");
    office.write("daybook.toml", observing.as_bytes());
    office.save("share/staff.xlsx", &rows(&["Customer ID|Name", "C-1|Amber"]));
    assert_eq!(office.sync_quietly()["published"], 0);
    assert!(!office.path("share/all.xlsx").exists());
    assert_eq!(office.value("C-1", "name"), "Amber", "it reads");
    office.write("daybook.toml", configuration.as_bytes());
    assert_eq!(office.sync_quietly()["published"], 1);
    assert!(Workbook::open(&office.path("share/all.xlsx")).has("C-1"));
}
