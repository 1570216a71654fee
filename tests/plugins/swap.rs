//! A plugin's file is replaced while the daemon runs.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use daybook::io::{Disk, Fingerprint, RealDisk, Replaced, Snapshot};
use daybook::model::Problem;
use daybook::model::plugin::PluginSetup;
use sha2::{Digest, Sha256};

use super::{Bench, Fixture, ask, good, on_disk, rename, rows};

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
    assert_eq!((bench.host.renewed(), bench.host.renewed()), (vec![setup.name.clone()], vec![]), "it is told once");

    bench.write("good", b"not a plugin");
    let problems = refresh(&mut bench);
    assert_eq!(problems.len(), 1);
    assert!(problems[0].message.ends_with("Version 1.1.0 goes on."), "{problems:?}");
    assert_eq!((refresh(&mut bench), bench.host.renewed()), (vec![], vec![]), "it is told once");
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

#[test]
fn another_plugin_does_not_take_its_place() {
    let mut bench = Bench::new();
    let setup = bench.setup("good", &good());
    assert_eq!(bench.load(std::slice::from_ref(&setup)), []);
    bench.write("good", &good().id("best").version("2.0.0").component());
    let problems = refresh(&mut bench);
    assert_eq!(problems.iter().map(|problem| problem.code.as_str()).collect::<Vec<_>>(), ["plugin-other"]);
    let message = &problems[0].message;
    assert!(message.contains("calls itself `best`") && message.ends_with("Version 1.0.0 goes on."), "{message}");
    // One that has lost a job would let through what the job was there for.
    bench.write("good", &good().says(&["normalise"]).version("2.0.0").component());
    let message = &refresh(&mut bench)[0].message;
    assert!(message.contains("does no longer `validate`"), "{message}");
    assert_eq!((version(&bench).as_str(), bench.host.renewed()), ("1.0.0", vec![]));
    let refused = bench.host.status()[0].refused.clone().expect("it is known later");
    assert!(refused.message.contains("does no longer `validate`"), "{refused:?}");
    bench.write("good", &good().version("2.0.0").component());
    assert_eq!((refresh(&mut bench), version(&bench).as_str()), (vec![], "2.0.0"));
    assert_eq!(bench.host.status()[0].refused, None);
}

#[test]
fn what_the_configuration_names_by_now_is_looked_at() {
    let mut bench = Bench::new();
    let mut setup = bench.setup("good", &good());
    assert_eq!(bench.load(std::slice::from_ref(&setup)), []);
    setup.sha256 = bench.host.status()[0].sha256;
    assert_eq!(bench.load(std::slice::from_ref(&setup)), []);
    // A pinned file of another name takes the place, and nobody has to ask who has replaced anything.
    let newer = good().version("1.1.0").component();
    let beside = PluginSetup {
        path: bench.write("newer", &newer),
        sha256: Some(Sha256::digest(&newer).into()),
        ..setup.clone()
    };
    assert_eq!(bench.host.follow(std::slice::from_ref(&beside)), []);
    assert_eq!((refresh(&mut bench), version(&bench).as_str()), (vec![], "1.1.0"));
    assert_eq!(bench.host.renewed(), [setup.name.clone()]);
    assert_eq!(bench.host.follow(std::slice::from_ref(&beside)), [], "the same again is nothing new");
    assert!(!bench.host.is_refreshing());
    // A pin that the file does not have is refused, and the right one is taken, though the file has not changed.
    assert_eq!(bench.host.follow(&[PluginSetup { sha256: setup.sha256, ..beside.clone() }]), []);
    assert_eq!((refresh(&mut bench)[0].code.as_str(), version(&bench).as_str()), ("plugin-hash", "1.1.0"));
    assert_eq!(bench.host.follow(std::slice::from_ref(&setup)), []);
    assert_eq!((refresh(&mut bench), version(&bench).as_str()), (vec![], "1.0.0"));
    // With other settings or rights it is another matter: that wants a start.
    let more = PluginSetup { settings: "{\"a\":1}".into(), ..beside };
    assert_eq!(bench.host.follow(std::slice::from_ref(&more))[0].code, "plugin-restart");
    assert_eq!((refresh(&mut bench), version(&bench).as_str()), (vec![], "1.0.0"));
    assert_eq!(bench.host.follow(&[more]), [], "it is told once");
}

/// A disk whose files can be seen and, for a while, not be read.
struct Faulty(AtomicBool);

impl Disk for Faulty {
    fn fingerprint(&self, path: &Path) -> io::Result<Option<Fingerprint>> {
        RealDisk.fingerprint(path)
    }

    fn list(&self, pattern: &Path) -> io::Result<Vec<PathBuf>> {
        RealDisk.list(pattern)
    }

    fn snapshot_after(&self, prefix: &[u8], path: &Path, bytes_max: u64) -> io::Result<Snapshot> {
        if self.0.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::StaleNetworkFileHandle.into());
        }
        RealDisk.snapshot_after(prefix, path, bytes_max)
    }

    fn replace(&self, path: &Path, bytes: &[u8], expected: Option<Fingerprint>) -> io::Result<Replaced> {
        RealDisk.replace(path, bytes, expected)
    }

    fn give_back(&self, path: &Path, kept: &Path, ours: Fingerprint) -> io::Result<()> {
        RealDisk.give_back(path, kept, ours)
    }

    fn leftovers_of(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        RealDisk.leftovers_of(path)
    }

    fn remove_leftover(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove_leftover(path)
    }
}

#[test]
fn a_file_that_can_not_be_read_for_a_moment_is_tried_again() {
    let mut bench = Bench::new();
    let disk = Arc::new(Faulty(AtomicBool::new(true)));
    bench.host = on_disk(&bench.folder.path().join("cache"), &bench.clock, disk.clone());
    let setup = bench.setup("good", &good());
    assert_eq!(bench.load(std::slice::from_ref(&setup))[0].code, "plugin-not-readable");
    let later = |bench: &mut Bench| {
        bench.clock.advance(60_000);
        refresh(bench)
    };
    assert_eq!(later(&mut bench), [], "it is told once");
    disk.0.store(false, Ordering::Relaxed);
    assert_eq!((later(&mut bench), version(&bench).as_str()), (vec![], "1.0.0"));
    // The same of a file that was replaced.
    disk.0.store(true, Ordering::Relaxed);
    bench.write("good", &good().version("1.1.0").component());
    let problems = later(&mut bench);
    assert!(problems[0].message.ends_with("Version 1.0.0 goes on."), "{problems:?}");
    assert_eq!(later(&mut bench), [], "it is told once");
    disk.0.store(false, Ordering::Relaxed);
    assert_eq!((later(&mut bench), version(&bench).as_str()), (vec![], "1.1.0"));
    assert_eq!(bench.host.status()[0].last_error, None);
}
