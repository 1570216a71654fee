//! Plugins that mean harm, or are broken: each costs its own rows, is named, and leaves the host as it was.
//!
//! After each of them a good plugin of the same host is asked. `the_daemon_stays_small` runs them all in a process of its own
//! and looks at the most memory that it had.

use std::time::{Duration, Instant};

use daybook::model::FieldId;
use daybook::model::plugin::{Dispute, PluginJob, PluginMail, PluginRow, PluginSetup};
use daybook::plugin::limits::{CompileLimits, LOG_LINE_CHARS_MAX, LOG_LINES_MAX, PLUGIN_BYTES_MAX};
use daybook::plugin::{Answered, PluginState, forbids_start};

use super::{Bench, Fixture, ask, good, limited_host, rows, setup};

/// No case may take longer: each has one row, `time_max` is 250 ms, and a machine may be busy.
const LONG: Duration = Duration::from_secs(10);

/// What the flood of log lines may take.
const FLOOD: Duration = Duration::from_mins(1);

/// A case: its name, its text, its job, and what is told of it.
type Case = (&'static str, &'static str, &'static str);

macro_rules! cases {
    ($($file:literal: $job:literal => $told:literal),+ $(,)?) => {
        [$(($job, include_str!(concat!("hostile/", $file, ".wat")), $told)),+]
    };
}

/// Those that are loaded, and fail when they are asked.
const ASKED: &[Case] = &cases![
    "loop": "validate" => "took longer than 250 ms",
    "realloc-loop": "validate" => "took longer than 250 ms",
    "realloc-outside": "validate" => "realloc return",
    "realloc-calls": "validate" => "cannot leave component instance",
    "recursion": "validate" => "called itself too deep",
    "grow": "validate" => "wanted more than the 16384 KiB",
    "list-outside": "validate" => "out of bounds",
    "list-long": "validate" => "list pointer/length out of bounds",
    "unaligned": "validate" => "not aligned",
    "utf8": "validate" => "utf-8",
    "row-range": "validate" => "a row that was not sent: there are 1",
    "column-range": "validate" => "a column that is not there: there are 3",
    "enum-range": "validate" => "unexpected discriminant: 9",
    "alias": "validate" => "said more than the 4096 KiB",
    "log-long": "validate" => "said more than the 4096 KiB",
    "duplicate": "normalise" => "sets `name` twice",
    "not-in-writes": "normalise" => "sets `amount`, which is not in its `writes`",
    "nan": "classify" => "a confidence that is not from 0 to 1",
    "count-merge": "merge" => "it has more items than the 1 that it may have",
    "count-validate": "validate" => "it has more items than the 32 that it may have",
    "count-normalise": "normalise" => "it has more items than the 3 that it may have",
    "count-classify": "classify" => "it has more items than the 32 that it may have",
    "count-mail": "mail" => "it has more items than the 4 that it may have",
];

/// Those that are not even loaded.
const REFUSED: &[Case] = &cases![
    "start-loop": "plugin-manifest" => "took longer than 250 ms",
    "start-trap": "plugin-manifest" => "could not be started",
    "memory-4gib": "plugin-manifest" => "wanted more than the 16384 KiB",
    "table": "plugin-manifest" => "could not be started",
    "description": "plugin-manifest" => "calls itself `[31`",
];

/// What the office says of a plugin that has to do with mails: it may read them.
fn for_job(job: &str, setup: PluginSetup) -> PluginSetup {
    PluginSetup { jobs: (job == "mail").then(|| vec![PluginJob::Mail]), ..setup }
}

/// Asks for one row, and a good plugin after it; gives why the row failed.
fn run(bench: &mut Bench, evil: &PluginSetup, fine: &PluginSetup, job: &str) -> Vec<String> {
    fn why<T>(answered: Answered<T>) -> Vec<String> {
        assert!(answered.failed.is_empty() || answered.answers.is_empty());
        answered.failed.into_iter().map(|failed| failed.why).collect()
    }
    let one = rows(&["甲"]);
    let started = Instant::now();
    let told = match job {
        "normalise" => why(ask!(*bench, normalise, evil, &one)),
        "classify" => why(ask!(*bench, classify, evil, &one)),
        "merge" => {
            let dispute = Dispute { row: 0, field: FieldId(1), base: None, stored: None, incoming: None };
            why(ask!(*bench, resolve, evil, &one, &[dispute]))
        }
        "mail" => {
            let mail = PluginMail { lines: vec!["甲".to_owned()], ..PluginMail::default() };
            why(ask!(*bench, read_mail, evil, &[PluginRow { cells: Vec::new() }], &mail))
        }
        _ => why(ask!(*bench, validate, evil, &one)),
    };
    assert!(started.elapsed() < LONG, "{job}: {:?}", started.elapsed());
    let after = ask!(*bench, validate, fine, &rows(&["", "乙"]));
    assert_eq!((after.failed.len(), after.answers.len()), (0, 1), "the good plugin answers as before");
    told
}

#[test]
fn each_is_contained_when_it_is_asked() {
    let mut bench = Bench::new();
    let fine = bench.setup("good", &good());
    for (job, text, expected) in ASKED {
        let evil = for_job(job, bench.setup("evil", &Fixture::new(text)));
        assert_eq!(bench.load(&[evil.clone(), fine.clone()]), [], "{text}");
        let told = run(&mut bench, &evil, &fine, job);
        assert_eq!(told.len(), 1, "{text}");
        assert!(told[0].starts_with("`evil` 1.0.0 ") && told[0].contains(expected), "{text}: {told:?}");
        let last = bench.host.status()[0].last_error.clone().unwrap_or_default();
        assert!(last.contains(expected) && last.contains("1 of 1 rows"), "{last}");
    }
}

#[test]
fn each_is_refused_when_it_is_loaded() {
    let mut bench = Bench::new();
    let fine = bench.setup("good", &good());
    for (code, text, expected) in REFUSED {
        let evil = bench.setup("evil", &Fixture::new(text));
        let problems = bench.load(&[evil.clone(), fine.clone()]);
        assert_eq!(problems.len(), 1, "{text}");
        assert_eq!(problems[0].code, *code, "{problems:?}");
        assert!(problems[0].message.contains(expected), "{problems:?}");
        assert!(!problems[0].message.contains('\u{1b}'), "{problems:?}");
        assert!(!forbids_start(&problems[0]));
        let told = run(&mut bench, &evil, &fine, "validate");
        assert_eq!(told, [problems[0].message.as_str()]);
        assert_eq!(bench.host.status()[0].state, PluginState::Refused);
    }
}

#[test]
fn files_that_are_no_plugins_are_refused_in_words_that_say_what_they_are() {
    let wat = |text: &str| wat::parse_str(text).expect("the text is valid");
    let component = good().component();
    let mut garbage = component.clone();
    garbage.truncate(component.len() / 2);
    let files: [(&str, Vec<u8>, &str, &str); 9] = [
        (
            "module",
            wat(include_str!("hostile/core-module.wat")),
            "plugin-not-a-component",
            "is a core WebAssembly module",
        ),
        ("text", b"#!/bin/sh\n".to_vec(), "plugin-not-a-component", "is not WebAssembly"),
        ("empty", Vec::new(), "plugin-not-a-component", "is empty"),
        ("half", garbage, "plugin-not-a-component", "no valid component"),
        ("import", wat(include_str!("hostile/forbidden-import.wat")), "plugin-import", "`wasi:cli/environment@0.2.3`"),
        ("type", wat(include_str!("hostile/wrong-type.wat")), "plugin-manifest", "`meta`"),
        ("other", wat("(component)"), "plugin-not-a-component", "does not export"),
        ("old", good_for("0.9.0"), "plugin-version", "version 0.9.0"),
        ("next", good_for("2.0.0"), "plugin-version", "version 2.0.0"),
    ];
    let mut bench = Bench::new();
    for (name, bytes, code, expected) in files {
        let path = bench.write(name, &bytes);
        let problems = bench.load(&[setup(name, path)]);
        assert_eq!(problems.len(), 1, "{name}");
        assert_eq!(problems[0].code, code, "{problems:?}");
        assert!(problems[0].message.contains(expected), "{problems:?}");
        assert!(problems[0].message.contains("not loaded") && !problems[0].hint.is_empty(), "{problems:?}");
    }
    let patched = bench.write("patched", &good_for("1.0.7"));
    assert_eq!(bench.load(&[setup("patched", patched)]), [], "1.0.x go together");
}

fn good_for(contract: &'static str) -> Vec<u8> {
    good().contract(contract).component()
}

#[test]
fn a_description_that_does_not_agree_with_the_exports_is_refused() {
    let mut bench = Bench::new();
    let text = include_str!("hostile/loop.wat");
    for says in [&["merge"][..], &["validate", "merge"], &["validate", "validate"], &[]] {
        let lying = bench.setup("lying", &Fixture::new(text).says(says));
        let problems = bench.load(&[lying]);
        assert_eq!(problems.len(), 1, "{says:?}");
        assert_eq!(problems[0].code, "plugin-manifest");
    }
}

#[test]
fn a_file_that_is_too_large_is_refused_before_it_is_read_whole() {
    let mut bench = Bench::new();
    let path = bench.folder.path().join("large.wasm");
    let file = std::fs::File::create(&path).expect("the file can be made");
    file.set_len(PLUGIN_BYTES_MAX + 1).expect("the file can be long");
    let problems = bench.load(&[setup("large", path)]);
    assert_eq!(problems[0].code, "plugin-too-large");
}

#[test]
fn a_file_with_another_hash_keeps_the_daemon_from_starting() {
    let mut bench = Bench::new();
    let mut pinned = bench.setup("pinned", &good());
    pinned.sha256 = Some([9; 32]);
    let problems = bench.load(std::slice::from_ref(&pinned));
    assert_eq!(problems[0].code, "plugin-hash");
    assert!(forbids_start(&problems[0]) && problems[0].message.contains(&"09".repeat(32)), "{problems:?}");
}

#[test]
fn nothing_is_remembered_from_one_batch_to_the_next() {
    let mut bench = Bench::new();
    let state = bench.setup("state", &Fixture::new(include_str!("hostile/state.wat")));
    assert_eq!(bench.load(std::slice::from_ref(&state)), []);
    let many = rows(&["甲"; 600]);
    for _ in 0..3 {
        let answered = ask!(bench, validate, &state, &many);
        assert_eq!((answered.answers, answered.failed), (vec![], vec![]));
    }
}

#[test]
fn a_flood_of_log_lines_is_dropped_and_the_answer_taken() {
    // All of a process's log is one, so the test is alone in its own.
    if !is_alone("a_flood_of_log_lines_is_dropped_and_the_answer_taken") {
        return;
    }
    let log = Log::default();
    let own = log.clone();
    tracing_subscriber::fmt().with_max_level(tracing::Level::DEBUG).with_writer(move || own.clone()).init();
    let mut bench = Bench::new();
    let mut flood = bench.setup("flood", &Fixture::new(include_str!("hostile/log-flood.wat")));
    // Thousands of lines are to be dropped, not to run out of time.
    flood.limits.time_max = FLOOD;
    assert_eq!(bench.load(std::slice::from_ref(&flood)), []);
    let before = log.lines().len();
    assert_eq!(ask!(bench, validate, &flood, &rows(&["甲"])).failed, []);
    let lines = log.lines().split_off(before);
    let last = lines.last().expect("something is logged");
    assert!(last.contains("lines of a plugin were dropped"), "{last}");
    assert_eq!(lines.len() as u64, u64::from(LOG_LINES_MAX) + 1, "{lines:?}");
    assert!(lines.iter().all(|line| line.chars().count() < LOG_LINE_CHARS_MAX + 200), "{lines:?}");

    // What sees more than the basics logs none of its own words.
    bench.table.fields[1].class = "sensitive".into();
    let before = log.lines().len();
    assert_eq!(ask!(bench, validate, &flood, &rows(&["甲"])).failed, []);
    let lines = log.lines().split_off(before);
    assert!(lines.iter().filter(|line| line.contains("a line that is left out")).count() > 1, "{lines:?}");
}

/// What is logged.
#[derive(Clone, Default)]
struct Log(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl Log {
    fn lines(&self) -> Vec<String> {
        let bytes = self.0.lock().expect("nobody has panicked with it");
        String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("nobody has panicked with it").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A component whose compilation takes thousands of times its size.
fn compile_bomb(functions: usize) -> Vec<u8> {
    let body = "(local.set 0 (i32.mul (i32.add (local.get 0) (i32.const 77)) (i32.xor (local.get 0) (i32.const 5))))"
        .repeat(30);
    let text = format!("(func (param i32) (result i32) {body} (local.get 0))").repeat(functions);
    Fixture::new(&format!("{} {text}", include_str!("hostile/loop.wat"))).component()
}

#[test]
fn a_child_that_compiles_ends_at_its_limits() {
    let bomb = compile_bomb(12_000);
    // It would take some 300 MB.
    let limits = [
        (CompileLimits { time_max: Duration::from_millis(100), ..CompileLimits::default() }, "it was stopped after"),
        (CompileLimits { memory_bytes_max: 128 << 20, ..CompileLimits::default() }, "it ran out of memory"),
    ];
    for (limits, why) in limits {
        let mut bench = Bench::new();
        bench.host = limited_host(&bench.folder.path().join("cache"), &bench.clock, limits, false);
        let bomb = setup("bomb", bench.write("bomb", &bomb));
        let problems = bench.load(&[bomb]);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0].code, "plugin-not-compiled", "{problems:?}");
        assert!(problems[0].message.contains(why), "{problems:?}");
    }
}

#[test]
fn the_daemon_stays_small() {
    if !is_alone("the_daemon_stays_small") {
        return;
    }
    let bomb = compile_bomb(4000);
    let mut bench = Bench::new();
    let fine = bench.setup("good", &good());
    let built = |cases: &[Case]| -> Vec<_> {
        cases.iter().map(|(what, text, _)| (*what, Fixture::new(text).component())).collect()
    };
    let (asked, refused) = (built(ASKED), built(REFUSED));
    let flood = Fixture::new(include_str!("hostile/log-flood.wat")).component();
    assert_eq!(bench.load(std::slice::from_ref(&fine)), []);
    let before = peak_bytes();
    for (job, component) in asked {
        let evil = for_job(job, setup("evil", bench.write("evil", &component)));
        assert_eq!(bench.load(&[evil.clone(), fine.clone()]), [], "{job}: it is loaded");
        assert_eq!(run(&mut bench, &evil, &fine, job).len(), 1, "{job}: it fails");
    }
    for (code, component) in refused {
        let evil = setup("evil", bench.write("evil", &component));
        let problems = bench.load(&[evil.clone(), fine.clone()]);
        assert_eq!(problems.iter().map(|problem| problem.code.as_str()).collect::<Vec<_>>(), [code]);
        run(&mut bench, &evil, &fine, "validate");
    }
    let mut flood = setup("flood", bench.write("flood", &flood));
    flood.limits.time_max = FLOOD;
    assert_eq!(bench.load(std::slice::from_ref(&flood)), []);
    assert_eq!(ask!(bench, validate, &flood, &rows(&["甲"])).failed, [], "all its lines are dropped");
    let bomb = setup("bomb", bench.write("bomb", &bomb));
    assert_eq!(bench.load(&[bomb, fine]), [], "the bomb is compiled and loaded");
    let states: Vec<_> = bench.host.status().iter().map(|status| status.state).collect();
    assert_eq!(states, [PluginState::Loaded; 2]);
    // The bomb's machine code is a few MiB; an instance has 16 MiB at most, an answer 4.
    let grown = peak_bytes() - before;
    assert!(grown < 96 << 20, "the process grew by {} KiB", grown >> 10);
}

/// Whether a test of this file has a process of its own; if not, it is run in one, and has to succeed there.
#[expect(clippy::disallowed_methods, reason = "the test runs itself once more")]
fn is_alone(test: &str) -> bool {
    const ALONE: &str = "DAYBOOK_TEST_HOSTILE_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let own = std::env::current_exe().expect("the test knows its own file");
    let mut command = std::process::Command::new(own);
    command.args(["--exact", &format!("plugins::hostile::{test}"), "--nocapture"]).env(ALONE, "1");
    let run = command.output().expect("the test can be started");
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&run.stderr));
    false
}

/// The most memory that this process ever had.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("this is Linux");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("the kernel says it");
    let kib: u64 = line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("it is a number");
    kib << 10
}
