//! The simulation: an office of three editors, a steward and a Daybook whose power is cut, all driven by one seed. They keep a
//! workbook that Daybook reads, a view that it makes, and a workbook that it writes into.
//!
//! Clock, randomness and disk come in as arguments, so that a seed is a day that can be lived again:
//! `DAYBOOK_SIM_SEED=17 cargo test --test integration sim -- --nocapture` shows it. What the people do is written into a
//! naive log (`people`), and the `oracle` judges by that what Daybook made of it.

mod day;
pub(crate) mod dice;
mod disk;
mod office;
mod oracle;
mod people;
mod regressions;
mod sabotage;
mod sheet;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use day::{Ending, Sabotage, day};
use oracle::Met;

/// How many seeds a run of the tests lives through.
const SEEDS: u64 = 350;

/// Lives one seed's day. What panics in it is a violation too.
fn live(seed: u64, sabotage: Sabotage) -> Ending {
    catch_unwind(AssertUnwindSafe(|| day(seed, sabotage))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        let violations = vec![format!("panic: {}", text.unwrap_or_default())];
        Ending { violations, trace: Vec::new(), met: Met::default() }
    })
}

/// Lives the days of many seeds on all cores; gives the ones that ended badly, and what was met.
fn live_all(seeds: u64, sabotage: Sabotage) -> (Vec<(u64, Ending)>, Met) {
    let next = AtomicU64::new(0);
    let ended = Mutex::new((Vec::new(), Met::default()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds {
                        break;
                    }
                    let ending = live(seed, sabotage);
                    let mut ended = ended.lock().expect("no thread panics while it holds this");
                    ended.1.add(&ending.met);
                    if !ending.violations.is_empty() {
                        ended.0.push((seed, ending));
                    }
                }
            });
        }
    });
    let (mut bad, met) = ended.into_inner().expect("no thread panicked while it held this");
    bad.sort_by_key(|(seed, _)| *seed);
    (bad, met)
}

#[test]
#[expect(clippy::print_stdout, reason = "whoever asks for one seed wants to read its day")]
fn every_day_keeps_the_invariants() {
    if let Some(seed) = std::env::var("DAYBOOK_SIM_SEED").ok().and_then(|seed| seed.parse().ok()) {
        let ending = day(seed, Sabotage::Nothing);
        println!("{}", ending.trace.join("\n"));
        assert!(ending.violations.is_empty(), "seed {seed}: {:#?}", ending.violations);
        return;
    }
    let seeds = std::env::var("DAYBOOK_SIM_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(SEEDS);
    let (bad, met) = live_all(seeds, Sabotage::Nothing);
    println!("{met:?}");
    let told: Vec<String> = bad
        .iter()
        .take(40)
        .map(|(seed, ending)| format!("DAYBOOK_SIM_SEED={seed}: {}", ending.violations.join("\n    ")))
        .collect();
    assert!(bad.is_empty(), "{} of {seeds} seeds end badly:\n{}", bad.len(), told.join("\n"));
}

#[test]
fn the_same_seed_is_the_same_day() {
    for seed in 0..6 {
        let (one, other) = (live(seed, Sabotage::Nothing), live(seed, Sabotage::Nothing));
        assert!(!one.trace.is_empty(), "seed {seed} has no trace");
        assert_eq!(one.trace, other.trace, "seed {seed}");
    }
}

/// Lives sabotaged days until the oracle notices; says what it noticed.
fn noticed(seeds: u64, sabotage: Sabotage) -> Option<String> {
    (0..seeds).find_map(|seed| live(seed, sabotage).violations.into_iter().next())
}

#[test]
fn the_oracle_notices_that_deletes_win() {
    let noticed = noticed(400, Sabotage::DeletesWin).unwrap_or_default();
    assert!(noticed.contains("deleted:"), "it noticed {noticed:?}");
}

#[test]
fn the_oracle_notices_a_baseline_that_is_advanced_before_the_commit() {
    let noticed = noticed(40, Sabotage::BaselineFirst).unwrap_or_default();
    assert!(noticed.contains("lost:"), "it noticed {noticed:?}");
}

#[test]
fn the_oracle_notices_cells_that_are_not_written() {
    let noticed = noticed(40, Sabotage::Forgetful).unwrap_or_default();
    assert!(noticed.contains("own:"), "it noticed {noticed:?}");
}

#[test]
fn the_oracle_notices_that_nobody_looks_whether_the_file_is_the_one_that_was_read() {
    let noticed = noticed(100, Sabotage::Careless).unwrap_or_default();
    assert!(noticed.contains("lost:"), "it noticed {noticed:?}");
}
