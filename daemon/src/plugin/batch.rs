//! Rows to a plugin in batches; a batch without an answer is halved until the offending rows are found.
//!
//! Each attempt has an instance of its own, so nothing of a failed one lives on. Looking for rows is bounded: once attempts in vain have
//! taken [`VAIN_TIMES_MAX`] times `time_max` within a request, all rows that are left have failed; and so they have once all attempts together
//! have taken [`REQUEST_TIMES_MAX`] times as much.

use std::ops::Range;
use std::time::{Duration, Instant};

use super::FailedRow;
use super::breaker::Breaker;
use super::fault::Fault;
use super::limits::{BATCH_ROWS_MAX, REQUEST_TIMES_MAX, VAIN_TIMES_MAX};

/// What came of all batches of a request.
#[derive(Debug)]
pub(super) struct Outcome<T> {
    /// The answers, ascending by row.
    pub(super) answers: Vec<T>,
    /// The rows without one, ascending.
    pub(super) failed: Vec<FailedRow>,
    /// What went wrong first.
    pub(super) first: Option<Fault>,
    /// The plugin was stopped.
    pub(super) stopped: bool,
    /// It failed in a way that has nothing to do with the rows.
    pub(super) never_starts: bool,
}

/// Asks for all rows. `ask` gets the positions of the rows in the request.
///
/// `name` and version stand before each reason. A batch of fewer than `lost_min` rows stops no plugin, unless the fault has nothing to do with them.
pub(super) fn ask_all<T>(
    (rows, lost_min): (usize, usize),
    name: &str,
    time_max: Duration,
    breaker: &mut Breaker,
    now_ms: &dyn Fn() -> i64,
    ask: &mut dyn FnMut(Range<usize>) -> Result<Vec<T>, Fault>,
) -> Outcome<T> {
    let mut outcome =
        Outcome { answers: Vec::new(), failed: Vec::new(), first: None, stopped: false, never_starts: false };
    let all = time_max.saturating_mul(REQUEST_TIMES_MAX);
    let mut budget = Budget { left: time_max.saturating_mul(VAIN_TIMES_MAX), all, time_max };
    for begin in (0..rows).step_by(BATCH_ROWS_MAX) {
        let batch = begin..rows.min(begin + BATCH_ROWS_MAX);
        let failed_before = outcome.failed.len();
        let exhausted = !halve(batch.clone(), name, &mut budget, &mut outcome, ask);
        let failed = outcome.failed.len() - failed_before;
        // A few rows without an answer are those rows' fault as likely as the plugin's.
        let tells_of_plugin = batch.len() >= lost_min || outcome.never_starts;
        outcome.stopped = if exhausted {
            breaker.in_vain(now_ms())
        } else if failed == batch.len() && tells_of_plugin {
            breaker.lost(now_ms())
        } else {
            if failed == 0 {
                breaker.good();
            }
            false
        };
        if outcome.stopped || exhausted {
            let why = if outcome.stopped {
                format!("{name} was stopped, because it kept failing.")
            } else {
                format!("{name} had used up its time with other rows.")
            };
            outcome.failed.extend((batch.end..rows).map(|row| FailedRow { row, why: why.clone() }));
            break;
        }
        if budget.all.is_zero() && batch.end < rows {
            // What it says is right: that is no reason to stop it for other requests.
            let fault = Fault::TooSlow(all);
            let why = format!("{name} {fault}.");
            outcome.failed.extend((batch.end..rows).map(|row| FailedRow { row, why: why.clone() }));
            outcome.first.get_or_insert(fault);
            break;
        }
    }
    outcome
}

/// Time that attempts may still take.
struct Budget {
    /// Those without an answer.
    left: Duration,
    /// Time that all attempts may still take.
    all: Duration,
    /// The most that an attempt counts for: a busy machine's delays are not the plugin's.
    time_max: Duration,
}

/// Asks for a batch, and for its halves if it has no answer. Whether there was time to find out all rows.
fn halve<T>(
    batch: Range<usize>,
    name: &str,
    budget: &mut Budget,
    outcome: &mut Outcome<T>,
    ask: &mut dyn FnMut(Range<usize>) -> Result<Vec<T>, Fault>,
) -> bool {
    let mut waiting = vec![batch];
    let mut last = None;
    while let Some(rows) = waiting.pop() {
        if budget.left.is_zero()
            && let Some(fault) = &last
        {
            let why = format!("{name} {fault}; it had no time left to find out with which row.");
            outcome.failed.extend(rows.map(|row| FailedRow { row, why: why.clone() }));
            continue;
        }
        let started = Instant::now();
        let answered = ask(rows.clone());
        let took = started.elapsed().min(budget.time_max);
        budget.all = budget.all.saturating_sub(took);
        match answered {
            Ok(answers) => outcome.answers.extend(answers),
            Err(fault) => {
                budget.left = budget.left.saturating_sub(took);
                if rows.len() > 1 && fault.depends_on_rows() {
                    let middle = rows.start + rows.len() / 2;
                    waiting.push(middle..rows.end);
                    waiting.push(rows.start..middle);
                } else {
                    let why = format!("{name} {fault}.");
                    outcome.failed.extend(rows.map(|row| FailedRow { row, why: why.clone() }));
                }
                outcome.never_starts |= !fault.depends_on_rows();
                outcome.first.get_or_insert_with(|| fault.clone());
                last = Some(fault);
            }
        }
    }
    !budget.left.is_zero()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::limits::{LOST_ROWS_MIN, REQUEST_TIMES_MAX};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn run(rows: usize, bad: &BTreeSet<usize>, breaker: &mut Breaker) -> (Outcome<usize>, usize) {
        let mut asked = 0;
        let mut ask = |rows: Range<usize>| {
            asked += 1;
            if rows.clone().any(|row| bad.contains(&row)) {
                Err(Fault::Trapped("bad".to_owned()))
            } else {
                Ok(rows.collect())
            }
        };
        let outcome = ask_all((rows, LOST_ROWS_MIN), "`p` 1", Duration::from_mins(1), breaker, &|| 0, &mut ask);
        (outcome, asked)
    }

    proptest! {
        #[test]
        fn exactly_the_offending_rows_fail(rows in 0_usize..700, bad in prop::collection::btree_set(0_usize..700, 0..6)) {
            let (outcome, asked) = run(rows, &bad, &mut Breaker::default());
            let bad: Vec<usize> = bad.into_iter().filter(|row| *row < rows).collect();
            let failed: Vec<usize> = outcome.failed.iter().map(|failed| failed.row).collect();
            prop_assert_eq!(&failed, &bad);
            prop_assert_eq!(outcome.answers, (0..rows).filter(|row| !bad.contains(row)).collect::<Vec<_>>());
            // Each offending row costs two attempts a level at most.
            prop_assert!(asked <= rows.div_ceil(BATCH_ROWS_MAX) + bad.len() * 16);
        }
    }

    /// It answers all that it is asked, each batch a moment before its deadline: nothing is in vain, and the pipeline waits.
    #[test]
    fn a_plugin_that_is_slow_and_answers_has_so_much_time_for_a_request() {
        let time_max = Duration::from_millis(2);
        let mut asked = 0;
        let mut ask = |rows: Range<usize>| {
            asked += 1;
            std::thread::sleep(time_max);
            Ok(rows.collect::<Vec<_>>())
        };
        let batches = REQUEST_TIMES_MAX as usize + 20;
        let rows = batches * BATCH_ROWS_MAX;
        let mut breaker = Breaker::default();
        let outcome = ask_all((rows, LOST_ROWS_MIN), "`p` 1", time_max, &mut breaker, &|| 0, &mut ask);
        assert_eq!(asked, REQUEST_TIMES_MAX);
        let answered = REQUEST_TIMES_MAX as usize * BATCH_ROWS_MAX;
        assert_eq!((outcome.answers.len(), outcome.failed.len()), (answered, rows - answered));
        assert_eq!(outcome.failed[0].row, answered);
        assert_eq!(outcome.failed[0].why, "`p` 1 took longer than 200 ms for all rows together and was stopped.");
        assert_eq!(outcome.first, Some(Fault::TooSlow(time_max * REQUEST_TIMES_MAX)));
        assert!(!outcome.stopped && !breaker.is_open(), "what it says is right");
    }

    #[test]
    fn a_fault_that_does_not_depend_on_rows_is_met_once_a_batch() {
        let mut asked = 0;
        let mut ask = |_: Range<usize>| -> Result<Vec<()>, Fault> {
            asked += 1;
            Err(Fault::NotStarted("no".to_owned()))
        };
        let mut breaker = Breaker::default();
        let outcome = ask_all((10_000, LOST_ROWS_MIN), "`p` 1", Duration::from_mins(1), &mut breaker, &|| 0, &mut ask);
        assert_eq!((outcome.failed.len(), asked), (10_000, 5), "the breaker stops the rest");
        assert!(outcome.stopped && breaker.is_open());
    }

    #[test]
    fn a_row_that_is_tried_again_and_again_stops_nothing_and_a_plugin_that_cannot_start_is_stopped() {
        let ask_often = |rows: usize, fault: Fault| {
            let mut breaker = Breaker::default();
            let mut ask = |_: Range<usize>| -> Result<Vec<()>, Fault> { Err(fault.clone()) };
            (0..20).any(|_| {
                ask_all((rows, LOST_ROWS_MIN), "`p` 1", Duration::from_mins(1), &mut breaker, &|| 0, &mut ask).stopped
            })
        };
        assert!(!ask_often(1, Fault::Trapped("bad".to_owned())));
        assert!(!ask_often(LOST_ROWS_MIN - 1, Fault::Trapped("bad".to_owned())));
        assert!(ask_often(LOST_ROWS_MIN, Fault::Trapped("bad".to_owned())));
        assert!(ask_often(1, Fault::NotStarted("no".to_owned())));
    }

    #[test]
    fn rows_that_all_take_too_long_cost_a_bounded_time() {
        let time_max = Duration::from_millis(2);
        let mut asked = 0;
        let mut ask = |_: Range<usize>| -> Result<Vec<()>, Fault> {
            asked += 1;
            std::thread::sleep(time_max);
            Err(Fault::TimedOut(time_max))
        };
        let outcome = ask_all((1000, LOST_ROWS_MIN), "`p` 1", time_max, &mut Breaker::default(), &|| 0, &mut ask);
        assert_eq!(outcome.failed.len(), 1000);
        assert!(asked <= VAIN_TIMES_MAX, "{asked}");
        assert!(!outcome.stopped, "once is not always");
    }
}
