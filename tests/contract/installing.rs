//! What IT is told of a plugin that is installed: what it is asked for, and what it is shown.

use super::office::Office;

/// An office with a component that reads mails beside it.
fn office() -> Office {
    let office = Office::with("");
    let component = example_plugins::component("status-words").unwrap_or_else(|why| panic!("{why}"));
    office.write("built/words.wasm", component);
    office
}

const SETTINGS: &str = "key = \"customer_id\", prefix = \"C-\", field = \"stage\", words = { signed = [\"签了\"] }";

/// As a person types it.
fn install() -> Vec<&'static str> {
    let install = ["plugin", "install", "built/words.wasm", "--name", "words", "--reads", "customer_id,stage"];
    [install.as_slice(), &["--writes", "stage", "--settings", SETTINGS]].concat()
}

#[test]
fn whoever_installs_a_reader_of_mails_is_told_and_it_is_written_down() {
    let office = office();
    let told = "It reads mails: of each, the sender, subject and lines that name no hidden field.";
    office.program(&install()).ends(0).says(told);
    let text = String::from_utf8(office.read("daybook.toml")).expect("UTF-8");
    assert!(text.contains("\njobs = [\"mail\"]\n"), "{text}");
    office.program(&["check"]).ends(0).says("words: asked for mail");
    let check = office.json(&["check"]);
    assert_eq!(check["plugins"], serde_json::json!([{ "name": "words", "table": "customers", "jobs": ["mail"] }]));
    assert_eq!(office.list(&["plugin", "list"])[0]["jobs"], serde_json::json!(["mail"]));

    let office = self::office();
    let installed = office.json(&install());
    assert_eq!(installed["jobs"], serde_json::json!(["mail"]), "{installed}");
    // What it could do besides is not what it does.
    let text = String::from_utf8(office.read("daybook.toml")).expect("UTF-8");
    office.write("daybook.toml", text.replace("\njobs = [\"mail\"]\n", "\n").as_bytes());
    assert_eq!(office.list(&["plugin", "list"])[0]["jobs"], serde_json::json!([]));
    office.program(&["check"]).ends(1).says("words: asked for no job").says("`words` 1.0.0 reads mails");
}

#[test]
fn whoever_installs_another_plugin_reads_nothing_of_mails() {
    let office = office();
    let component = super::plugins::component("validate");
    office.write("built/check.wasm", &component);
    let ran = office.program(&["plugin", "install", "built/check.wasm", "--name", "own", "--reads", "name"]).ends(0);
    assert!(!ran.out.contains("mails"), "{}", ran.out);
    let text = String::from_utf8(office.read("daybook.toml")).expect("UTF-8");
    assert!(!text.contains("jobs"), "{text}");
    office.program(&["check"]).ends(0).says("own: asked for validate");
}

/// A note that is made of a credit limit tells of it to those who may see notes only.
#[test]
fn it_is_told_where_a_plugin_may_carry_something_to_those_who_may_not_see_it() {
    let office = Office::new(&super::plugins::customers("class = \"service\""));
    office.write("built/note.wasm", &super::plugins::component("classify"));
    let install = |name: &'static str, reads: &'static str| {
        ["plugin", "install", "built/note.wasm", "--name", name, "--reads", reads, "--writes", "note"]
    };
    let told = "`own` reads `credit` (class contract) and sets `note` (class service): whoever may see `note` may learn something of `credit`.";
    office.program(&install("own", "name,credit")).ends(0).says(told);
    office.program(&["check"]).ends(0).says(told).says("1 notice");
    let problems = office.json(&["check"])["problems"].clone();
    assert_eq!(problems.as_array().map(Vec::len), Some(1), "{problems}");
    assert_eq!(
        (&problems[0]["code"], &problems[0]["source"]),
        (&"plugin-flow".into(), &"plugins".into()),
        "{problems}"
    );
    // Whoever sees notes sees names, too.
    let ran = office.program(&install("other", "name")).ends(0);
    assert!(!ran.out.contains("may learn") && !ran.err.contains("may learn"), "{}{}", ran.out, ran.err);
    assert_eq!(office.json(&["check"])["problems"].as_array().map(Vec::len), Some(1));
}
