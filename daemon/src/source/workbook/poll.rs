//! Decides when a file is ready to be read.
//!
//! In come what was seen of the file and when; out comes what to do. Nothing here looks at a disk or a clock. A file is
//! ready if it differs from what was last taken of it and has stayed the same for a while: somebody may be in the middle
//! of saving it. A file that is gone is reported after a while, and never concluded to be deleted.

use crate::io::Fingerprint;

/// How long things take. All are settings of the office's share rather than laws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PollTimes {
    /// How long a file must have stayed the same.
    pub quiet_ms: i64,
    /// The same for an empty file: `LibreOffice` empties a file before it writes into it.
    pub empty_quiet_ms: i64,
    /// How long a file must have been away: Excel deletes a file before it puts the new one in its place.
    pub gone_after_ms: i64,
    /// The wait after a first failure to read. It doubles with each further one.
    pub retry_ms_min: i64,
    /// The longest wait after a failure.
    pub retry_ms_max: i64,
}

impl Default for PollTimes {
    fn default() -> Self {
        Self {
            quiet_ms: 2_000,
            empty_quiet_ms: 60_000,
            gone_after_ms: 30_000,
            retry_ms_min: 5_000,
            retry_ms_max: 600_000,
        }
    }
}

impl PollTimes {
    /// No waiting at all: for a single pass, in which the check around the copy has to do.
    pub const AT_ONCE: Self =
        Self { quiet_ms: 0, empty_quiet_ms: 0, gone_after_ms: 0, retry_ms_min: 0, retry_ms_max: 0 };
}

/// What was seen of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// The file is there.
    There(Fingerprint),
    /// Its folder is there, and it isn't.
    Nothing,
    /// It could not be looked at.
    Offline,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing: the file is as it was taken.
    Idle,
    /// Look again then, or when there is a hint.
    Wait {
        /// When.
        until_ms: i64,
    },
    /// Read it. Then say [`FilePoll::taken`] or [`FilePoll::failed`].
    Ready(Fingerprint),
    /// Report the file as missing.
    Gone {
        /// Since when it has been away.
        since_ms: i64,
    },
    /// Report the source as offline.
    Offline {
        /// Since when.
        since_ms: i64,
    },
}

/// The state of one file.
#[derive(Clone, Debug, Default)]
pub struct FilePoll {
    taken: Option<Fingerprint>,
    /// What was last called ready: an answer to anything older comes too late.
    offered: Option<Fingerprint>,
    candidate: Option<Candidate>,
    away_since_ms: Option<i64>,
    offline_since_ms: Option<i64>,
}

#[derive(Clone, Copy, Debug)]
struct Candidate {
    fingerprint: Fingerprint,
    since_ms: i64,
    failures: u32,
    retry_at_ms: i64,
}

impl FilePoll {
    /// Begins with what was last taken of the file, as the store remembers it.
    pub fn new(taken: Option<Fingerprint>) -> Self {
        Self { taken, ..Self::default() }
    }

    /// Takes in what was seen, and says what to do. Seeing the same again later is what lets time pass.
    pub fn observe(&mut self, sight: Sight, now_ms: i64, times: &PollTimes) -> Step {
        match sight {
            Sight::There(fingerprint) => {
                self.away_since_ms = None;
                self.offline_since_ms = None;
                self.see_file(fingerprint, now_ms, times)
            }
            Sight::Nothing => {
                self.candidate = None;
                self.offline_since_ms = None;
                let since_ms = earliest(&mut self.away_since_ms, now_ms);
                let until_ms = since_ms.saturating_add(times.gone_after_ms);
                if now_ms >= until_ms { Step::Gone { since_ms } } else { Step::Wait { until_ms } }
            }
            Sight::Offline => {
                // What happened meanwhile is not known, so all waiting begins anew.
                self.candidate = None;
                self.away_since_ms = None;
                Step::Offline { since_ms: earliest(&mut self.offline_since_ms, now_ms) }
            }
        }
    }

    fn see_file(&mut self, fingerprint: Fingerprint, now_ms: i64, times: &PollTimes) -> Step {
        if self.taken == Some(fingerprint) {
            self.candidate = None;
            return Step::Idle;
        }
        let fresh = Candidate { fingerprint, since_ms: now_ms, failures: 0, retry_at_ms: i64::MIN };
        let candidate = self.candidate.get_or_insert(fresh);
        if candidate.fingerprint != fingerprint {
            *candidate = fresh;
        }
        // A clock that was set back must not make anyone wait for the old time.
        candidate.since_ms = candidate.since_ms.min(now_ms);
        candidate.retry_at_ms = candidate.retry_at_ms.min(now_ms.saturating_add(times.retry_ms_max));
        let quiet_ms = if fingerprint.bytes == 0 { times.empty_quiet_ms } else { times.quiet_ms };
        let until_ms = candidate.since_ms.saturating_add(quiet_ms).max(candidate.retry_at_ms);
        if now_ms < until_ms {
            return Step::Wait { until_ms };
        }
        self.offered = Some(fingerprint);
        Step::Ready(fingerprint)
    }

    /// Says that the file as it was ready has been taken, or can't be used unless it changes.
    ///
    /// It does nothing if Daybook has written the file since it was ready: [`FilePoll::expect_own`] is the later truth.
    pub fn taken(&mut self, fingerprint: Fingerprint) {
        if self.offered == Some(fingerprint) {
            self.taken = Some(fingerprint);
            self.offered = None;
        }
    }

    /// Says that reading the file as it was ready has failed, and that another try may succeed.
    pub fn failed(&mut self, fingerprint: Fingerprint, now_ms: i64, times: &PollTimes) {
        // A file that has changed since begins without failures.
        if let Some(candidate) = self.candidate.as_mut().filter(|candidate| candidate.fingerprint == fingerprint) {
            let delay = times.retry_ms_min.saturating_mul(1 << candidate.failures.min(32));
            candidate.failures = candidate.failures.saturating_add(1);
            candidate.retry_at_ms = now_ms.saturating_add(delay.min(times.retry_ms_max));
        }
    }

    /// Says that Daybook has written the file, and that it looks so now: that is no arrival.
    pub fn expect_own(&mut self, fingerprint: Fingerprint) {
        self.taken = Some(fingerprint);
        self.offered = None;
    }

    /// For how long the file has stayed as it is without having been taken.
    pub fn unchanged_ms(&self, now_ms: i64) -> i64 {
        self.candidate.map_or(0, |candidate| now_ms.saturating_sub(candidate.since_ms).max(0))
    }

    /// What was last taken of the file or written to it.
    pub fn last_taken(&self) -> Option<Fingerprint> {
        self.taken
    }
}

/// Remembers the earliest time since when; a clock that was set back moves it.
fn earliest(since_ms: &mut Option<i64>, now_ms: i64) -> i64 {
    *since_ms.insert(since_ms.map_or(now_ms, |since_ms| since_ms.min(now_ms)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMES: PollTimes =
        PollTimes { quiet_ms: 10, empty_quiet_ms: 100, gone_after_ms: 50, retry_ms_min: 20, retry_ms_max: 60 };

    /// A file whose content is `bytes` long; all else is the same.
    fn print(bytes: u64) -> Fingerprint {
        Fingerprint { bytes, modified_ns: 1, changed_ns: 2, device: 3, file: 4 }
    }

    fn there(bytes: u64) -> Do {
        Do::See(Sight::There(print(bytes)))
    }

    enum Do {
        See(Sight),
        Taken(u64),
        Failed(u64),
        Own(u64),
    }

    use Do::{Failed, Own, See, Taken};
    use Step::{Gone, Idle, Offline, Ready, Wait};

    /// Runs what happens at which time; each sight has the step that is expected.
    fn check(last: Option<u64>, script: &[(i64, Do, Option<Step>)]) {
        let mut poll = FilePoll::new(last.map(print));
        for (number, (now_ms, act, expected)) in script.iter().enumerate() {
            let step = match act {
                See(sight) => Some(poll.observe(*sight, *now_ms, &TIMES)),
                Taken(bytes) => {
                    poll.taken(print(*bytes));
                    None
                }
                Failed(bytes) => {
                    poll.failed(print(*bytes), *now_ms, &TIMES);
                    None
                }
                Own(bytes) => {
                    poll.expect_own(print(*bytes));
                    None
                }
            };
            assert_eq!(step, *expected, "at step {number}");
        }
    }

    #[test]
    fn a_file_is_ready_when_it_has_been_quiet() {
        check(
            None,
            &[
                (0, there(5), Some(Wait { until_ms: 10 })),
                (9, there(5), Some(Wait { until_ms: 10 })),
                (9, there(6), Some(Wait { until_ms: 19 })),
                (19, there(6), Some(Ready(print(6)))),
                (20, there(6), Some(Ready(print(6)))),
                (20, Taken(6), None),
                (21, there(6), Some(Idle)),
            ],
        );
    }

    #[test]
    fn every_part_of_the_fingerprint_counts_whichever_way_it_differs() {
        let base = print(5);
        for other in [
            Fingerprint { bytes: 4, ..base },
            Fingerprint { modified_ns: 0, ..base },
            Fingerprint { changed_ns: 1, ..base },
            Fingerprint { device: 9, ..base },
            Fingerprint { file: 9, ..base },
        ] {
            let mut poll = FilePoll::new(Some(base));
            assert_eq!(poll.observe(Sight::There(other), 0, &PollTimes::AT_ONCE), Ready(other));
            assert_eq!(poll.observe(Sight::There(base), 0, &PollTimes::AT_ONCE), Idle);
        }
    }

    #[test]
    fn an_empty_file_waits_longer_and_is_reported_in_the_end() {
        check(
            Some(5),
            &[
                (0, there(0), Some(Wait { until_ms: 100 })),
                (99, there(0), Some(Wait { until_ms: 100 })),
                (100, there(0), Some(Ready(print(0)))),
                (100, Taken(0), None),
                (101, there(0), Some(Idle)),
            ],
        );
    }

    #[test]
    fn a_save_in_place_that_empties_the_file_first_is_one_arrival() {
        check(
            Some(5),
            &[
                (0, there(0), Some(Wait { until_ms: 100 })),
                (20, there(3), Some(Wait { until_ms: 30 })),
                (25, there(6), Some(Wait { until_ms: 35 })),
                (35, there(6), Some(Ready(print(6)))),
            ],
        );
    }

    #[test]
    fn what_daybook_wrote_is_no_arrival() {
        check(
            Some(5),
            &[
                (0, Own(7), None),
                (1, there(7), Some(Idle)),
                // Somebody saves over it, and that is one.
                (2, there(8), Some(Wait { until_ms: 12 })),
                (12, there(8), Some(Ready(print(8)))),
            ],
        );
    }

    #[test]
    fn a_poll_that_saw_the_own_write_before_it_was_told_forgets_it() {
        check(Some(5), &[(0, there(7), Some(Wait { until_ms: 10 })), (5, Own(7), None), (10, there(7), Some(Idle))]);
    }

    #[test]
    fn an_answer_from_before_an_own_write_changes_nothing() {
        check(
            Some(5),
            &[
                (0, there(6), Some(Wait { until_ms: 10 })),
                (10, there(6), Some(Ready(print(6)))),
                (11, Own(7), None),
                (12, Taken(6), None),
                (13, there(7), Some(Idle)),
            ],
        );
    }

    #[test]
    fn a_file_that_changes_while_it_is_read_is_read_again() {
        check(
            None,
            &[
                (0, there(6), Some(Wait { until_ms: 10 })),
                (10, there(6), Some(Ready(print(6)))),
                (11, there(7), Some(Wait { until_ms: 21 })),
                (12, Taken(6), None),
                (21, there(7), Some(Ready(print(7)))),
            ],
        );
    }

    #[test]
    fn a_restored_older_copy_is_an_arrival() {
        check(
            Some(5),
            &[
                (0, there(6), Some(Wait { until_ms: 10 })),
                (10, there(6), Some(Ready(print(6)))),
                (10, Taken(6), None),
                (20, there(5), Some(Wait { until_ms: 30 })),
                (30, there(5), Some(Ready(print(5)))),
            ],
        );
    }

    #[test]
    fn a_file_that_is_away_for_long_is_gone_and_comes_back_as_it_was() {
        check(
            Some(5),
            &[
                (0, See(Sight::Nothing), Some(Wait { until_ms: 50 })),
                (20, there(5), Some(Idle)),
                (30, See(Sight::Nothing), Some(Wait { until_ms: 80 })),
                (80, See(Sight::Nothing), Some(Gone { since_ms: 30 })),
                (999, See(Sight::Nothing), Some(Gone { since_ms: 30 })),
                (1000, there(5), Some(Idle)),
            ],
        );
    }

    #[test]
    fn time_offline_counts_for_nothing() {
        check(
            Some(5),
            &[
                (0, See(Sight::Nothing), Some(Wait { until_ms: 50 })),
                (40, See(Sight::Offline), Some(Offline { since_ms: 40 })),
                (90, See(Sight::Offline), Some(Offline { since_ms: 40 })),
                (91, See(Sight::Nothing), Some(Wait { until_ms: 141 })),
                (100, there(6), Some(Wait { until_ms: 110 })),
                (105, See(Sight::Offline), Some(Offline { since_ms: 105 })),
                (110, there(6), Some(Wait { until_ms: 120 })),
                (120, there(6), Some(Ready(print(6)))),
            ],
        );
    }

    #[test]
    fn failures_back_off_until_the_file_changes() {
        check(
            None,
            &[
                (0, there(6), Some(Wait { until_ms: 10 })),
                (10, there(6), Some(Ready(print(6)))),
                (10, Failed(6), None),
                (11, there(6), Some(Wait { until_ms: 30 })),
                (30, there(6), Some(Ready(print(6)))),
                (30, Failed(6), None),
                (31, there(6), Some(Wait { until_ms: 70 })),
                (70, there(6), Some(Ready(print(6)))),
                (70, Failed(6), None),
                // 80 ms would be next, but 60 ms are the longest.
                (71, there(6), Some(Wait { until_ms: 130 })),
                (80, there(7), Some(Wait { until_ms: 90 })),
                (85, Failed(6), None),
                (90, there(7), Some(Ready(print(7)))),
            ],
        );
    }

    #[test]
    fn a_clock_that_is_set_back_delays_by_no_more_than_one_wait() {
        check(
            None,
            &[
                (1000, there(6), Some(Wait { until_ms: 1010 })),
                (0, there(6), Some(Wait { until_ms: 10 })),
                (10, there(6), Some(Ready(print(6)))),
                (1000, Failed(6), None),
                (20, there(6), Some(Wait { until_ms: 80 })),
                (500, See(Sight::Nothing), Some(Wait { until_ms: 550 })),
                (100, See(Sight::Nothing), Some(Wait { until_ms: 150 })),
            ],
        );
    }

    #[test]
    fn many_failures_overflow_nothing() {
        let mut poll = FilePoll::new(None);
        let sight = Sight::There(print(6));
        for _ in 0..200 {
            poll.observe(sight, i64::MAX - 1, &TIMES);
            poll.failed(print(6), i64::MAX - 1, &TIMES);
        }
        assert_eq!(poll.observe(sight, i64::MAX - 1, &TIMES), Wait { until_ms: i64::MAX });
    }
}
