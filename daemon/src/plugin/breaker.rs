//! Stops a plugin that keeps failing, and tries it again after a rest.
//!
//! A few rows that a plugin can't take are found and told, and stop nothing. What stops a plugin are larger batches that it answered
//! nothing of, one after the other, or that it can't be started for, and requests in which it used up the time that may be spent in vain.

use super::limits::{LOST_BATCHES_MAX, REST_MS, REST_MS_MAX, VAIN_REQUEST_WEIGHT};

/// Whether a plugin may be asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Breaker {
    /// Lost batches since the last good one.
    lost: u32,
    /// How often it was stopped since the last good batch.
    stops: u32,
    /// Until when it rests.
    until_ms: Option<i64>,
    /// It has rested, and the next batch decides.
    on_trial: bool,
}

impl Breaker {
    /// Whether it may be asked now; after a rest once, to see.
    pub(super) fn lets_ask(&mut self, now_ms: i64) -> bool {
        let Some(until_ms) = self.until_ms else { return true };
        // A clock that was set back must not make the rest longer than the longest.
        if now_ms < until_ms && until_ms - now_ms <= REST_MS_MAX {
            return false;
        }
        self.until_ms = None;
        self.on_trial = true;
        true
    }

    /// Whether it is stopped.
    pub(super) fn is_open(&self) -> bool {
        self.until_ms.is_some()
    }

    /// Until when it rests, in milliseconds since 1970.
    pub(super) fn rests_until_ms(&self) -> Option<i64> {
        self.until_ms
    }

    /// A batch was answered in full.
    pub(super) fn good(&mut self) {
        *self = Self::default();
    }

    /// A batch has no answer at all. Whether that stops the plugin.
    pub(super) fn lost(&mut self, now_ms: i64) -> bool {
        self.add(1, now_ms)
    }

    /// The time that may be spent in vain is used up. Whether that stops the plugin.
    pub(super) fn in_vain(&mut self, now_ms: i64) -> bool {
        self.add(VAIN_REQUEST_WEIGHT, now_ms)
    }

    fn add(&mut self, weight: u32, now_ms: i64) -> bool {
        if self.until_ms.is_some() {
            return false;
        }
        self.lost = self.lost.saturating_add(weight);
        if self.lost < LOST_BATCHES_MAX && !self.on_trial {
            return false;
        }
        let rest = REST_MS.saturating_mul(1 << self.stops.min(16)).min(REST_MS_MAX);
        *self = Self { lost: 0, stops: self.stops + 1, until_ms: Some(now_ms.saturating_add(rest)), on_trial: false };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_that_keeps_failing_rests_longer_each_time() {
        let mut breaker = Breaker::default();
        let mut now = 0;
        for _ in 1..LOST_BATCHES_MAX {
            assert!(!breaker.lost(now));
        }
        assert!(breaker.lost(now) && breaker.is_open());
        let mut rests = Vec::new();
        for _ in 0..8 {
            let begin = now;
            while !breaker.lets_ask(now) {
                now += 60_000;
            }
            rests.push(now - begin);
            assert!(breaker.lost(now), "one failed trial is enough");
        }
        assert_eq!(rests[..3], [REST_MS, 2 * REST_MS, 4 * REST_MS]);
        assert_eq!(rests[7], REST_MS_MAX);
        assert!(breaker.lets_ask(now + REST_MS_MAX));
        breaker.good();
        assert_eq!(breaker, Breaker::default());
    }

    #[test]
    fn good_batches_in_between_and_single_rows_stop_nothing() {
        let mut breaker = Breaker::default();
        for _ in 0..100 {
            for _ in 1..LOST_BATCHES_MAX {
                assert!(!breaker.lost(0));
            }
            breaker.good();
        }
        assert!(breaker.lets_ask(0));
    }

    #[test]
    fn two_requests_in_vain_stop_it_and_a_clock_set_back_does_not_keep_it_stopped() {
        let mut breaker = Breaker::default();
        assert!(!breaker.in_vain(1_000_000_000_000));
        assert!(breaker.in_vain(1_000_000_000_000));
        assert!(!breaker.lets_ask(1_000_000_000_000));
        assert!(breaker.lets_ask(0), "a year before");
    }
}
