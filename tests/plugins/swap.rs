//! A plugin's file is replaced while the daemon runs.

use std::time::{Duration, Instant};

use daybook::model::Problem;

use super::{Bench, Fixture, ask, good, rename, rows};

/// Calls `refresh` as the daemon does between arrivals, until nothing is being loaded.
fn refresh(bench: &mut Bench) -> Vec<Problem> {
    let mut problems = bench.host.refresh();
    let begun = Instant::now();
    while bench.host.is_refreshing() {
        assert!(begun.elapsed() < Duration::from_mins(2), "the candidate is never ready");
        std::thread::sleep(Duration::from_millis(10));
        problems.extend(bench.host.refresh());
    }
    problems
}

fn version(bench: &Bench) -> String {
    bench.host.status()[0].manifest.as_ref().expect("it is loaded").version.clone()
}

#[test]
fn a_better_version_takes_its_place_and_a_broken_one_does_not() {
    let mut bench = Bench::new();
    let setup = bench.setup("good", &good());
    assert_eq!(bench.load(std::slice::from_ref(&setup)), []);
    assert_eq!(refresh(&mut bench), []);

    bench.write("good", &good().version("1.1.0").component());
    assert_eq!((version(&bench).as_str(), refresh(&mut bench)), ("1.0.0", vec![]));
    assert_eq!(version(&bench), "1.1.0");

    bench.write("good", b"not a plugin");
    let problems = refresh(&mut bench);
    assert_eq!(problems.len(), 1);
    assert!(problems[0].message.ends_with("Version 1.1.0 goes on."), "{problems:?}");
    assert_eq!(refresh(&mut bench), [], "it is told once");
    assert_eq!(ask!(bench, validate, &setup, &rows(&["甲"])).failed, []);

    rename(&setup.path, &bench.folder.path().join("away"));
    assert_eq!(refresh(&mut bench)[0].code, "plugin-not-readable");
    assert_eq!(ask!(bench, validate, &setup, &rows(&["甲"])).failed, []);

    bench.write("good", &good().version("1.2.0").component());
    assert_eq!((refresh(&mut bench), version(&bench).as_str()), (vec![], "1.2.0"));
}

#[test]
fn another_file_in_the_place_of_a_pinned_one_is_refused() {
    let mut bench = Bench::new();
    let mut setup = bench.setup("good", &good());
    assert_eq!(bench.load(std::slice::from_ref(&setup)), []);
    setup.sha256 = bench.host.status()[0].sha256;
    assert_eq!(bench.load(std::slice::from_ref(&setup)), []);
    bench.write("good", &good().version("6.6.6").component());
    assert_eq!(refresh(&mut bench)[0].code, "plugin-hash");
    assert_eq!(version(&bench), "1.0.0");
}

#[test]
fn a_new_file_starts_a_plugin_that_was_stopped_or_refused() {
    let mut bench = Bench::new();
    let setup = bench.setup("late", &Fixture::new(include_str!("hostile/start-trap.wat")));
    assert_eq!(bench.load(std::slice::from_ref(&setup)).len(), 1);
    bench.write("late", &Fixture::new(include_str!("hostile/unaligned.wat")).component());
    assert_eq!(refresh(&mut bench), []);
    let several = rows(&["甲"; 8]);
    for _ in 0..5 {
        assert_eq!(ask!(bench, validate, &setup, &several).failed.len(), 8);
    }
    assert!(ask!(bench, validate, &setup, &rows(&["甲"])).failed[0].why.contains("is stopped"));
    bench.write("late", &good().component());
    assert_eq!(refresh(&mut bench), []);
    assert_eq!(ask!(bench, validate, &setup, &rows(&["甲"])).failed, []);
}
