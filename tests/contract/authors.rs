//! The commands for those who write the office's rules and for those who install them.

use super::office::Office;
use super::plugins::{component, customers};
use super::workbook::rows;

const STAFF: &str = r#"
# What the staff keep.
[[workbook]]
name = "staff"
path = "share/staff.xlsx"
table = "customers"
acts_as = "role:staff"
sync = "two-way"
"#;

fn office() -> Office {
    let office = Office::new(&format!("{}{STAFF}", customers("")));
    office.save("share/staff.xlsx", &rows(&["Customer ID|Name|Note", "C-1|Amber|tea", "C-2|Bronze|"]));
    office.write("built/check.wasm", &component("validate"));
    office
}

#[test]
fn a_file_says_what_it_is() {
    let office = office();
    let inspected = office.json(&["plugin", "inspect", "built/check.wasm"]);
    assert_eq!(inspected["manifest"]["version"], "1.0.0", "{inspected}");
    assert_eq!(inspected["worlds"], serde_json::json!(["validator"]));
    assert_eq!(inspected["sha256"].as_str().map(str::len), Some(64));
    office.program(&["plugin", "inspect", "built/check.wasm"]).ends(0).says("validator");
    office.write("built/none.wasm", b"not a plugin");
    let ran = office.program(&["plugin", "inspect", "built/none.wasm"]).ends(1);
    assert!(ran.err.contains("hint:"), "{}", ran.err);
    office.program(&["plugin", "inspect", "built/away.wasm"]).ends(1);
}

#[test]
fn a_plugin_is_tried_installed_pinned_and_switched_off() {
    let office = office();
    office.sync_quietly();
    let before = String::from_utf8(office.read("daybook.toml")).expect("UTF-8");
    let install = ["plugin", "install", "built/check.wasm", "--name", "check", "--reads", "note"];
    office.program(&[install.as_slice(), &["--settings", "a = 1, b = \"x\""]].concat()).ends(0).says("pinned");
    let after = String::from_utf8(office.read("daybook.toml")).expect("UTF-8");
    assert!(after.starts_with(before.trim_end()), "what stood there stays: {after}");
    assert!(after.contains("settings = { a = 1, b = \"x\" }"), "{after}");
    assert_eq!(office.read("plugins/check.wasm"), office.read("built/check.wasm"));
    office.program(&install).ends(2).says("already");
    office.program(&["check"]).ends(0);

    let line = &office.list(&["plugin", "list"])[0];
    let shown = (&line["name"], &line["state"], &line["version"], &line["pinned"]);
    assert_eq!(shown, (&"check".into(), &"loaded".into(), &"1.0.0".into(), &true.into()), "{line}");
    assert_eq!(office.json(&["status"])["plugins"][0]["state"], "loaded");

    // What it would do with what is stored: nothing is posted.
    let trial = office.json(&["plugin", "try", "check", "--dry-run"]);
    assert_eq!((&trial["rows"], &trial["errors"], &trial["changes"]), (&2.into(), &1.into(), &0.into()), "{trial}");
    assert_eq!((&trial["sample"][0]["record"], &trial["sample"][0]["code"]), (&"C-2".into(), &"empty".into()));
    assert!(office.reviews().is_empty());
    office.program(&["plugin", "try", "nobody"]).ends(1);

    // Another file is refused until it is pinned.
    office.write("plugins/check.wasm", &super::plugins::plugin("validate").version("1.1.0").component());
    office.program(&["sync"]).ends(1).says("daybook plugin pin check");
    office.program(&["check"]).ends(1);
    office.program(&["plugin", "pin", "check"]).ends(0);
    // One that could not do its job here is not pinned.
    let pinned = office.read("daybook.toml");
    office.write("plugins/check.wasm", &component("classify"));
    office.program(&["plugin", "pin", "check"]).ends(1).says("no field to write it into");
    assert_eq!(office.read("daybook.toml"), pinned);
    office.program(&["plugin", "pin", "nobody"]).ends(2);

    office.program(&["plugin", "disable", "check"]).ends(0);
    assert_eq!(office.list(&["plugin", "list"])[0]["state"], "disabled");
    office.write("plugins/check.wasm", b"broken");
    office.sync_idly();
    office.program(&["plugin", "enable", "check"]).ends(1).says("daybook plugin pin check");
    office.sync_idly();
}

#[test]
fn what_would_be_a_wrong_configuration_is_not_written() {
    let office = office();
    let before = office.read("daybook.toml");
    let install = ["plugin", "install", "built/check.wasm", "--reads", "notes"];
    office.program(&install).ends(2).says("did you mean `note`?");
    let install = ["plugin", "install", "built/check.wasm", "--reads", "note", "--settings", "= 3"];
    office.program(&install).ends(2).says("--settings");
    // The plugin itself has a say: this one wants rules, and knows no setting of that name.
    let segment = example_plugins::component("segment").unwrap_or_else(|why| panic!("{why}"));
    office.write("built/segment.wasm", segment);
    let install = ["plugin", "install", "built/segment.wasm", "--reads", "name", "--writes", "note"];
    office.program(&install).ends(1).says("refuses its settings");
    assert_eq!(office.read("daybook.toml"), before);
    assert!(!office.path("plugins").exists());
}

#[test]
fn fixtures_run_through_the_real_component() {
    let office = office();
    let fixture = |rows: &str| format!("[[column]]\nname = \"note\"\n{rows}");
    let right = fixture(
        "[[row]]\ncells = [\"tea\"]\n[[row]]\ncells = [\"\"]\nissues = [{ column = \"note\", code = \"empty\", says = \"空\" }]\n",
    );
    office.write("built/fixtures/notes.toml", right.as_bytes());
    let run = || office.list(&["plugin", "test", "built/check.wasm"]);
    let (first, again) = (run(), run());
    assert_eq!((&first[0]["fixture"], &first[0]["holds"]), (&"notes.toml".into(), &true.into()), "{first:?}");
    assert!(first[0]["fuel_per_row"].as_u64().is_some_and(|fuel| fuel > 0), "{first:?}");
    assert_eq!(first, again, "its work is told repeatably");

    office.write("more/wrong.toml", fixture("[[row]]\ncells = [\"\"]\n").as_bytes());
    let ran = office.program(&["plugin", "test", "built/check.wasm", "--fixtures", "more"]).ends(1);
    assert!(
        ran.out.contains("wrong.toml: row 0, issues:") && ran.err.contains("1 of 1 fixture"),
        "{}{}",
        ran.out,
        ran.err
    );
    office.write("more/wrong.toml", b"[[colum]]\n");
    office.program(&["plugin", "test", "built/check.wasm", "--fixtures", "more"]).ends(1).says("wrong.toml");
}

#[test]
fn a_plugin_that_misses_a_field_or_a_place_to_write_is_not_installed() {
    let office = office();
    let before = office.read("daybook.toml");
    let example = |name: &str| example_plugins::component(name).unwrap_or_else(|why| panic!("{why}"));
    office.write("built/uscc.wasm", example("uscc"));
    let install = ["plugin", "install", "built/uscc.wasm", "--reads", "note"];
    office.program(&install).ends(1).says("the field `tax_id`").says("was not loaded");
    office.write("built/segment.wasm", &component("classify"));
    let install = ["plugin", "install", "built/segment.wasm", "--reads", "note", "--name", "segment"];
    office.program(&install).ends(1).says("no field to write it into");
    assert_eq!(office.read("daybook.toml"), before);
    // What stands in the configuration already is found by `check`.
    let section = "[[plugin]]\nname = \"own\"\npath = \"built/uscc.wasm\"\ntable = \"customers\"\nreads = [\"note\"]\n";
    let office = self::office();
    let configuration = String::from_utf8(office.read("daybook.toml")).expect("UTF-8");
    office.write("daybook.toml", format!("{configuration}{section}").as_bytes());
    office.write("built/uscc.wasm", example("uscc"));
    office.program(&["check"]).ends(1).says("the field `tax_id`");
}

#[test]
fn a_plugin_is_tried_before_it_is_in_use_and_replaced_by_a_newer_one() {
    let office = office();
    office.sync_quietly();
    let install = ["plugin", "install", "built/check.wasm", "--name", "check", "--reads", "note", "--disabled"];
    office.program(&install).ends(0).says("daybook plugin enable check");
    assert_eq!(office.list(&["plugin", "list"])[0]["state"], "disabled");
    let trial = office.json(&["plugin", "try", "check"]);
    assert_eq!((&trial["errors"], &trial["failed"]), (&1.into(), &0.into()), "{trial}");
    office.sync_idly();
    office.program(&["plugin", "enable", "check"]).ends(0);

    office.write("built/next.wasm", &super::plugins::plugin("validate").version("1.1.0").component());
    office.program(&["plugin", "install", "built/next.wasm", "--replace", "--name", "check"]).ends(0).says("1.1.0");
    let line = &office.list(&["plugin", "list"])[0];
    assert_eq!((&line["version"], &line["pinned"], &line["state"]), (&"1.1.0".into(), &true.into(), &"loaded".into()));
    office.program(&["sync"]).ends(0);
    office.program(&["plugin", "install", "built/next.wasm", "--replace", "--name", "nobody"]).ends(2);
    office.write("built/none.wasm", b"not a plugin");
    office.program(&["plugin", "install", "built/none.wasm", "--replace", "--name", "check"]).ends(1);
    office.program(&["sync"]).ends(0);
}
