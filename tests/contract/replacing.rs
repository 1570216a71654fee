//! Plugins that are replaced and pinned, while the daemon runs and while it does not; and what the commands for them say when something is wrong.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output, Stdio};

use rustix::process::Signal;

use super::office::{Office, wait_until};
use super::plugins::{component, customers, plugin};
use super::workbook::rows;
use crate::plugins::fixture::Fixture;

const STAFF: &str = r#"
[[workbook]]
name = "staff"
path = "share/staff.xlsx"
table = "customers"
acts_as = "role:staff"
sync = "two-way"
"#;

/// An office with two customers, and a plugin of it that is installed, pinned and holds rows without a note.
fn office() -> Office {
    let office = bare();
    office.write("built/check.wasm", &component("validate"));
    let install = ["plugin", "install", "built/check.wasm", "--name", "check", "--reads", "note"];
    office.program(&install).ends(0).says("pinned");
    office
}

fn bare() -> Office {
    let office = Office::new(&format!("{}{STAFF}", customers("")));
    office.save("share/staff.xlsx", &rows(&["Customer ID|Name|Note", "C-1|Amber|tea", "C-2|Bronze|milk"]));
    office
}

fn configuration(office: &Office) -> String {
    String::from_utf8(office.read("daybook.toml")).expect("UTF-8")
}

/// Runs the program in a shell that has limited it first.
fn limited(office: &Office, limits: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{limits}; exec \"$0\" \"$@\"")).arg(env!("CARGO_BIN_EXE_daybook"));
    command.args(arguments).current_dir(office.path("")).stdin(Stdio::null());
    command.output().expect("the program can be started")
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

const REPLACE: [&str; 6] = ["plugin", "install", "built/next.wasm", "--replace", "--name", "check"];

#[test]
fn another_plugin_is_no_newer_version() {
    let office = office();
    let before = configuration(&office);
    office.write("built/next.wasm", &plugin("validate").id("best").version("1.1.0").component());
    office.program(&REPLACE).ends(1).says("calls itself `best`").says("`test`");
    // Its rows would go through unchecked.
    office.write("built/next.wasm", &plugin("normalise").version("1.1.0").component());
    office.program(&REPLACE).ends(1).says("does no longer `validate`");
    assert_eq!(configuration(&office), before);
    assert_eq!(office.read("plugins/check.wasm"), office.read("built/check.wasm"));
}

#[test]
fn a_plugin_is_replaced_by_one_write_of_the_configuration() {
    let office = office();
    office.sync_quietly();
    // So long that it can't be written within the limit below, unlike a plugin.
    let long = format!("{}#{}\n", configuration(&office), "x".repeat(12 << 20));
    office.write("daybook.toml", long.as_bytes());
    office.write("built/next.wasm", &plugin("validate").version("1.1.0").component());
    // The machine stops between.
    let stopped = limited(&office, "ulimit -f 16384", &REPLACE);
    assert!(stopped.status.signal().is_some(), "{}", said(&stopped));
    assert_eq!(office.read("plugins/check.wasm"), office.read("built/check.wasm"));
    office.program(&["sync"]).ends(0);
    // It only fails.
    let failed = limited(&office, "trap '' XFSZ; ulimit -f 16384", &REPLACE);
    assert_eq!(failed.status.code(), Some(1), "{}", said(&failed));
    let message = said(&failed);
    assert!(message.contains("daybook.toml` can't be written") && message.contains("hint: "), "{message}");
    assert!(!message.contains(".daybook-"), "{message}");
    assert_eq!(office.read("daybook.toml"), long.as_bytes());
    office.program(&["sync"]).ends(0);

    office.program(&REPLACE).ends(0).says("1.1.0");
    let line = &office.list(&["plugin", "list"])[0];
    assert_eq!((&line["version"], &line["state"]), (&"1.1.0".into(), &"loaded".into()), "{line}");
    let path = line["path"].as_str().expect("a path").to_owned();
    let hash = line["sha256"].as_str().expect("a hash").to_owned();
    assert!(path.ends_with(&format!("plugins/check-{}.wasm", &hash[..8])), "{path}");
    assert_eq!(office.read("plugins/check.wasm"), office.read("built/check.wasm"), "the one before is kept");
    office.program(&["sync"]).ends(0);
}

#[test]
fn a_running_daemon_takes_what_the_commands_installed_and_pinned() {
    let office = office();
    office.sync_quietly();
    let daemon = office.start(&["run"]);
    let state = || office.program(&["--json", "plugin", "list"]).lines()[0].clone();
    let mut names = 0;
    let mut held_by = || {
        names += 1;
        let name = format!("Amber {names}");
        office.open("share/staff.xlsx").set("C-1", "Name", name.as_str()).set("C-1", "Note", "").save();
        let held = || {
            let history = office.list(&["record", "history", "--key", "C-1"]);
            let line = history.iter().rfind(|line| line["outcome"] == "held" && line["value"] == name.as_str());
            line.and_then(|line| line["rule"].as_str()?.split(['@', '#']).nth(1).map(str::to_owned))
        };
        wait_until("the save is held", || held().is_some());
        held().expect("it was held")
    };
    assert_eq!(held_by(), "1.0.0");
    office.write("built/next.wasm", &plugin("validate").version("1.1.0").component());
    office.program(&REPLACE).ends(0).says("running daemon takes it");
    wait_until("the new version is asked", || held_by() == "1.1.0");

    // A file that is not the pinned one is refused, and `list` and `status` know it of the daemon.
    let path = state()["path"].as_str().expect("a path").to_owned();
    std::fs::write(office.path("new"), plugin("validate").version("1.2.0").component()).expect("a file");
    std::fs::rename(office.path("new"), &path).expect("it can be renamed");
    wait_until("the refusal is known", || {
        state()["error"].as_str().is_some_and(|error| error.contains("Version 1.1.0 goes on."))
    });
    assert_eq!(state()["state"], "refused");
    assert_eq!(office.json(&["status"])["plugins"][0]["state"], "refused");
    assert_eq!(held_by(), "1.1.0");
    office.program(&["plugin", "pin", "check"]).ends(0).says("running daemon takes it");
    wait_until("the pinned version is asked", || held_by() == "1.2.0");
    wait_until("nothing is wrong any more", || state()["state"] == "loaded");
    daemon.signal(Signal::TERM);
    let ran = daemon.ended("the daemon").ends(0);
    assert_eq!(ran.err.matches("find out who has").count(), 1, "only of the file that nobody had named: {}", ran.err);
    office.store_is_sound();
}

#[test]
fn what_a_daemon_has_refused_is_forgotten_when_it_ends() {
    let office = office();
    office.sync_quietly();
    let daemon = office.start(&["run"]);
    // A wrong file would keep it from starting: so it is running first.
    office.open("share/staff.xlsx").set("C-1", "Name", "Ambra").save();
    wait_until("the daemon runs", || office.value("C-1", "name") == "Ambra");
    let state = || office.program(&["--json", "plugin", "list"]).lines()[0]["state"].clone();
    std::fs::write(office.path("new"), b"no plugin").expect("a file");
    std::fs::rename(office.path("new"), office.path("plugins/check.wasm")).expect("it can be renamed");
    let noted = || office.program(&["--json", "plugin", "list"]).out.contains("Version 1.0.0 goes on.");
    wait_until("the refusal is known", noted);
    daemon.signal(Signal::TERM);
    daemon.ended("the daemon").ends(0);
    assert_eq!(state(), "refused", "the file is no good, whoever looks");
    assert!(!noted(), "nothing goes on");
    office.write("plugins/check.wasm", &component("validate"));
    assert_eq!(state(), "loaded");
}

#[test]
fn only_a_plugin_is_overwritten_by_one() {
    let office = office();
    let before = office.read("daybook.toml");
    let pack = ["plugin", "pack", "built/check.wasm", "--to", "daybook.toml"];
    office.program(&pack).ends(1).says("`daybook.toml`").says("--to");
    assert_eq!(office.read("daybook.toml"), before);
    office.program(&["plugin", "pack", "built/check.wasm", "--to", "built"]).ends(1).says("`built`").says("--to");
    for _ in 0..2 {
        office.program(&["plugin", "pack", "built/check.wasm", "--to", "built/packed.wasm"]).ends(0);
    }
    // An empty module and an empty component are no plugins.
    office.write("built/module.wasm", b"\0asm\x01\0\0\0");
    office
        .program(&["plugin", "pack", "built/module.wasm"])
        .ends(1)
        .says("daybook:plugin/meta")
        .says("was not written");
    assert!(!office.path("built/module.plugin.wasm").exists());
    office.write("built/component.wasm", b"\0asm\x0d\0\x01\0");
    office.program(&["plugin", "pack", "built/component.wasm"]).ends(1).says("daybook:plugin/meta");
}

#[test]
fn a_pin_that_is_no_hash_is_corrected_by_pin() {
    let office = office();
    let (before, after) = (configuration(&office), "sha256 = \"abc\"");
    let pinned = before.lines().find(|line| line.starts_with("sha256")).expect("it is pinned");
    office.write("daybook.toml", before.replace(pinned, after).as_bytes());
    office.program(&["check"]).ends(2).says("daybook plugin pin");
    office.program(&["plugin", "pin", "check"]).ends(0);
    assert_eq!(configuration(&office), before);
}

#[test]
fn a_plugin_that_could_not_be_loaded_is_not_switched_on() {
    let office = office();
    office.program(&["plugin", "disable", "check"]).ends(0).says("started anew");
    let enabled = office.program(&["plugin", "enable", "check"]).ends(0).says("started anew");
    assert!(!enabled.out.contains("again"), "it may never have run: {}", enabled.out);
    office.program(&["plugin", "disable", "check"]).ends(0);
    office.write("plugins/check.wasm", &plugin("validate").version("1.1.0").component());
    office.program(&["plugin", "enable", "check"]).ends(1).says("daybook plugin pin check");
    assert_eq!(office.list(&["plugin", "list"])[0]["state"], "disabled");
    office.program(&["plugin", "enable", "nobody"]).ends(2);
}

#[test]
fn a_trial_says_why_it_can_not_be_made_and_says_it_once() {
    let office = office();
    office.sync_quietly();
    office.write("plugins/check.wasm", b"broken");
    let text = configuration(&office);
    let pinned = text.lines().find(|line| line.starts_with("sha256")).expect("it is pinned").to_owned();
    office.write("daybook.toml", text.replace(&format!("{pinned}\n"), "").as_bytes());
    let tried = office.program(&["plugin", "try", "check"]).ends(1);
    let all = format!("{}{}", tried.out, tried.err);
    assert_eq!(all.matches("is not WebAssembly").count(), 1, "{all}");
    for (job, what) in [("merge", "conflicts"), ("mail", "mails")] {
        office.write("plugins/check.wasm", &one_job(job).component());
        let tried = office.program(&["plugin", "try", "check"]).ends(1).says(what);
        assert!(!tried.out.contains("0 cells"), "{}", tried.out);
    }
}

/// A plugin of one job that breaks off when it is asked.
fn one_job(job: &str) -> Fixture {
    Fixture::new(&format!("(func $JOB({job}) unreachable)"))
}

#[test]
fn a_list_without_an_engine_says_why() {
    let office = office();
    office.sync_quietly();
    // Less address space than the places of instances take.
    let listed = limited(&office, "ulimit -v 16000000", &["plugin", "list"]);
    assert_eq!(listed.status.code(), Some(1), "{}", said(&listed));
    let text = said(&listed);
    assert!(text.contains("plugins can't be run") && text.contains("address space"), "{text}");
}

#[test]
fn a_list_shows_hashes_and_no_figures_that_nobody_counted() {
    let office = office();
    let line = &office.list(&["plugin", "list"])[0];
    assert!(line.get("rows").is_none() && line.get("failed_rows").is_none(), "{line}");
    let hash = line["sha256"].as_str().expect("a hash");
    office.program(&["plugin", "list"]).ends(0).says(&hash[..16]);
    // Nor does a schema have to be read as JSON.
    office.write("built/uscc.wasm", example_plugins::component("uscc").unwrap_or_else(|why| panic!("{why}")));
    office.program(&["plugin", "inspect", "built/uscc.wasm"]).ends(0).says("settings field (string) = \"tax_id\"\n");
}

#[test]
fn refused_settings_are_told_of_the_option_that_was_typed() {
    let office = bare();
    let segment = example_plugins::component("segment").unwrap_or_else(|why| panic!("{why}"));
    office.write("built/segment.wasm", segment);
    let install = ["plugin", "install", "built/segment.wasm", "--reads", "name", "--writes", "note"];
    let ran = office.program(&install).ends(1).says("`--settings ").says("plugin inspect built/segment.wasm");
    assert!(!ran.err.contains("daybook.toml"), "{}", ran.err);
}

#[test]
fn a_file_that_is_not_there_has_nothing_to_do_with_the_configuration() {
    let office = office();
    for command in ["inspect", "test"] {
        for file in ["built/away.wasm", "built"] {
            let ran = office.program(&["plugin", command, file, "--json"]).ends(1).says(file);
            let hint = ran.err.lines().find(|line| line.contains("hint:")).unwrap_or_default();
            assert!(!hint.is_empty() && !hint.contains("`path`"), "{}", ran.err);
        }
    }
}

#[test]
fn what_a_plugin_needs_to_be_loaded_can_be_given_to_it() {
    let office = bare();
    // 128 MiB before it has done anything.
    let large = "(memory (export \"memory\") 2048) (func $JOB(validate) unreachable)";
    office.write("built/large.wasm", &Fixture::new(large).component());
    let install = ["plugin", "install", "built/large.wasm", "--name", "large", "--reads", "note"];
    office.program(&install).ends(1).says("memory_bytes_max");
    office.program(&["plugin", "inspect", "built/large.wasm"]).ends(1).says("memory_bytes_max");
    let more = ["--memory-bytes-max", "268435456", "--time-ms-max", "2000"];
    office.program(&[install.as_slice(), &more].concat()).ends(0);
    assert!(configuration(&office).contains("memory_bytes_max = 268435456\ntime_ms_max = 2000\n"));
    office.program(&["plugin", "pin", "large"]).ends(0);
    office.write("built/next.wasm", &Fixture::new(large).version("1.1.0").component());
    office.program(&["plugin", "install", "built/next.wasm", "--replace", "--name", "large"]).ends(0).says("1.1.0");
    office.program(&["plugin", "inspect", "built/large.wasm", "--memory-bytes-max", "268435456"]).ends(0);
    // What takes long says so: here two MiB of a section that means nothing.
    let mut long = component("validate");
    long.extend([0, 0x84, 0x80, 0x80, 0x01, 3]);
    long.extend(b"pad");
    long.resize(long.len() + (2 << 20), 0);
    office.write("built/long.wasm", &long);
    office.program(&["plugin", "inspect", "built/long.wasm"]).ends(0).says("compiling built/long.wasm");
}

#[test]
fn a_test_names_the_plugin_its_version_the_row_and_the_column() {
    let office = office();
    let test = |name: &str, text: &str| {
        office.write(name, text.as_bytes());
        office.program(&["plugin", "test", "built/check.wasm", "--fixtures", name])
    };
    let column = "[[column]]\nname = \"note\"\n";
    let trap = format!("{column}[[row]]\ncells = [\"tea\"]\n[[row]]\ncells = [\"!trap\"]\n");
    test("trap.toml", &trap).ends(1).says("`test` 1.0.0 broke off").says("row 1");
    let wide = format!("{column}[[row]]\ncells = [\"tea\", \"milk\"]\n");
    test("wide.toml", &wide).ends(1).says("row 0 has 2 cells, and there is 1 column");
    let kind = "[[column]]\nname = \"note\"\nkind = \"money\"\n";
    test("kind.toml", kind).ends(1).says("use one of text, integer, decimal, date, flag");
    let wrong = format!("{column}[[row]]\ncells = [\"\"]\n");
    let ran = test("wrong.toml", &wrong).ends(1).says("`empty`").says("in `note`");
    assert!(!ran.out.contains("Some(") && !ran.out.contains("SaidIssue"), "{}", ran.out);
    for (option, value) in [("--time-ms-max", "0"), ("--memory-bytes-max", "0"), ("--time-ms-max", "60001")] {
        office.program(&["plugin", "test", "built/check.wasm", option, value]).ends(2).says(option);
    }
}

#[test]
fn a_plugin_that_failed_has_found_nothing() {
    let office = office();
    office.save("share/staff.xlsx", &rows(&["Customer ID|Name|Note", "C-1|Amber|!trap"]));
    office.sync();
    let listed = office.program(&["review", "list"]).ends(0).says("the plugin `check` 1.0.0 had no answer");
    assert!(!listed.out.contains("found"), "{}", listed.out);
}
