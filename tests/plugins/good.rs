//! A plugin that does what it should.

use daybook::model::plugin::{Dispute, PluginJob, PluginVerdict, Severity};
use daybook::model::{FieldId, Value};
use daybook::plugin::{PluginState, Plugins};

use super::{Bench, ask, good, host, row, rows};

#[test]
fn every_job_is_answered() {
    let mut bench = Bench::new();
    let setup = bench.setup("good", &good());
    assert_eq!(bench.load(std::slice::from_ref(&setup)), []);
    let all = [PluginJob::Normalise, PluginJob::Validate, PluginJob::Classify, PluginJob::Merge];
    assert_eq!(bench.host.jobs(&setup.name), all);
    let rows = rows(&["甲", "", "乙"]);

    let answered = ask!(bench, normalise, &setup, &rows);
    assert_eq!((answered.failed, answered.problems), (vec![], vec![]));
    let changes: Vec<_> =
        answered.answers.iter().map(|change| (change.row, change.field, change.value.clone())).collect();
    let x = Some(Value::Text("X".into()));
    assert_eq!(changes, [(0, FieldId(1), x.clone()), (1, FieldId(1), x.clone()), (2, FieldId(1), x)]);
    assert_eq!(answered.version.expect("it is loaded").version, "1.0.0");

    let issues = ask!(bench, validate, &setup, &rows).answers;
    assert_eq!(issues.len(), 1);
    assert_eq!((issues[0].row, issues[0].field, issues[0].severity), (1, Some(FieldId(1)), Severity::Error));
    assert_eq!((issues[0].code.as_str(), issues[0].message.as_str()), ("empty", "空"));

    let labels = ask!(bench, classify, &setup, &rows).answers;
    assert_eq!(labels.len(), 3, "the most certain label counts");
    assert_eq!((labels[2].field, labels[2].value.clone()), (FieldId(1), Some(Value::Text("gold".into()))));

    let dispute = |row| Dispute { row, field: FieldId(1), base: None, stored: None, incoming: None };
    let resolutions = ask!(bench, resolve, &setup, &rows, &[dispute(2), dispute(0)]).answers;
    let verdicts: Vec<_> = resolutions.iter().map(|answer| (answer.dispute, &answer.verdict)).collect();
    assert_eq!(verdicts, [(0, &PluginVerdict::Incoming), (1, &PluginVerdict::Incoming)]);

    assert_eq!(bench.host.status()[0].state, PluginState::Loaded);
}

#[test]
fn only_the_offending_rows_of_a_batch_fail() {
    let mut bench = Bench::new();
    let mut setup = bench.setup("good", &good());
    // Nine attempts meet the loop before its row is found; the rest of the time is for a busy machine's delays.
    setup.limits.time_max = std::time::Duration::from_secs(1);
    assert_eq!(bench.load(std::slice::from_ref(&setup)), []);
    let mut rows: Vec<_> = (0..700).map(|number| row(&format!("n{number}"))).collect();
    rows[3] = row("!trap");
    rows[300] = row("~loop");
    rows[301] = row("?decline");
    rows[302] = row("");
    let answered = ask!(bench, validate, &setup, &rows);
    let failed: Vec<_> = answered.failed.iter().map(|failed| failed.row).collect();
    assert_eq!(failed, [3, 300, 301]);
    assert!(answered.failed[1].why.starts_with("`good` 1.0.0 took longer than 1000 ms"), "{:?}", answered.failed);
    assert!(answered.failed[2].why.contains("it can't use what it was sent: empty"), "{:?}", answered.failed);
    assert_eq!(answered.answers.iter().map(|issue| issue.row).collect::<Vec<_>>(), [302]);
    assert_eq!(answered.problems.len(), 1);
    assert_eq!(bench.host.status()[0].state, PluginState::Loaded, "three rows stop no plugin");
}

#[test]
fn a_plugin_that_loops_on_every_row_costs_a_bounded_time_and_is_stopped() {
    let mut bench = Bench::new();
    let setup = bench.setup("good", &good());
    assert_eq!(bench.load(std::slice::from_ref(&setup)), []);
    let looping = rows(&["~"; 600]);
    let started = std::time::Instant::now();
    let first = ask!(bench, validate, &setup, &looping);
    // Thirteen times 250 ms, and as much again for a busy machine.
    assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());
    assert_eq!(first.failed.len(), 600);
    let second = ask!(bench, validate, &setup, &looping);
    assert_eq!(
        second.problems.iter().map(|problem| problem.code.as_str()).collect::<Vec<_>>(),
        ["plugin-failed", "plugin-stopped"]
    );
    assert_eq!(bench.host.status()[0].state, PluginState::Stopped);

    let fine = rows(&["甲"]);
    let stopped = ask!(bench, validate, &setup, &fine);
    assert_eq!((stopped.failed.len(), stopped.problems.len()), (1, 0), "it is told once");
    bench.clock.advance(10 * 60 * 1000);
    assert_eq!(ask!(bench, validate, &setup, &fine).failed, []);
    assert_eq!(bench.host.status()[0].state, PluginState::Loaded);
}

#[test]
fn the_same_rows_get_the_same_answers_and_use_the_same_fuel() {
    let bench = Bench::new();
    let setup = bench.setup("good", &good());
    let rows: Vec<_> = (0..300).map(|number| row(if number % 7 == 0 { "" } else { "甲" })).collect();
    let mut seen = Vec::new();
    for _ in 0..2 {
        let mut bench = Bench { host: host(&bench.folder.path().join("cache"), &bench.clock, true), ..Bench::new() };
        assert_eq!(bench.load(std::slice::from_ref(&setup)), []);
        let answers = ask!(bench, validate, &setup, &rows).answers;
        let measured = bench.host.measured(&setup.name).expect("fuel is counted");
        assert_eq!(measured.rows, 300);
        assert!(measured.fuel_per_row() > 10, "{measured:?}");
        seen.push((answers, measured));
    }
    assert_eq!(seen[0], seen[1]);
}

#[test]
fn a_component_can_be_looked_at() {
    let bench = Bench::new();
    let setup = bench.setup("good", &good());
    let inspection = bench.host.inspect(&setup.path, setup.limits).expect("it is a component");
    assert_eq!(inspection.surface.worlds(), ["normaliser", "validator", "classifier", "merger"]);
    assert!(inspection.surface.imports.iter().all(|name| name.starts_with("daybook:plugin/")));
    assert_eq!(inspection.manifest.expect("it would be loaded").id, "test");
}

#[test]
fn what_a_failure_says_is_left_out_where_it_may_quote_cells() {
    let mut bench = Bench::new();
    let setup = bench.setup("good", &good());
    assert_eq!(bench.load(std::slice::from_ref(&setup)), []);
    let declined = [row("?decline")];
    let told = ask!(bench, validate, &setup, &declined);
    assert!(told.failed[0].why.contains("it can't use what it was sent: empty"), "{told:?}");
    // The same of a column whose content not everybody may see who reads of it.
    bench.table.fields[1].class = "sensitive".into();
    let told = ask!(bench, validate, &setup, &declined);
    let all = format!("{told:?}");
    assert!(told.failed[0].why.contains("its words are left out") && !all.contains("empty"), "{all}");
}

/// The office has named a job, so it counts on it.
#[test]
fn a_plugin_that_can_t_do_what_the_office_names_is_not_loaded() {
    let mut bench = Bench::new();
    let mut setup = bench.setup("good", &good());
    setup.jobs = Some(vec![PluginJob::Validate, PluginJob::Mail]);
    let problems = bench.load(std::slice::from_ref(&setup));
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(problems[0].code, "plugin-jobs", "{problems:?}");
    let message = &problems[0].message;
    assert!(
        message.contains("`good` 1.0.0") && message.contains("`mail`") && !message.contains("`validate`, `mail`"),
        "{message}"
    );
    assert!(problems[0].hint.contains("normalise, validate, classify, merge"), "{problems:?}");
    assert_eq!(bench.host.status()[0].state, PluginState::Refused);
    // That it can do more is nobody's concern.
    setup.jobs = Some(vec![PluginJob::Validate]);
    assert_eq!(bench.load(std::slice::from_ref(&setup)), []);
}
