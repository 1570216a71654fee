//! When to try again: later each time, and not all at the same moment.

use crate::io::Entropy;

/// The waits after failures in a row. It looks at no clock.
#[derive(Clone, Debug)]
pub struct Backoff {
    min_ms: i64,
    max_ms: i64,
    failures: u32,
}

impl Backoff {
    /// The first wait is about `min_ms`, the longest about `max_ms`.
    pub fn new(min_ms: i64, max_ms: i64) -> Self {
        Self { min_ms, max_ms, failures: 0 }
    }

    /// Notes a failure; says how long to wait: between half and all of a time that doubles with each one.
    pub fn failed(&mut self, entropy: &mut dyn Entropy) -> i64 {
        let doubled = self.min_ms.saturating_mul(1_i64.checked_shl(self.failures.min(32)).unwrap_or(i64::MAX));
        self.failures = self.failures.saturating_add(1);
        let whole = doubled.min(self.max_ms).max(1);
        let mut bytes = [0; 8];
        entropy.fill(&mut bytes);
        let half = whole / 2;
        let random = i64::try_from(u64::from_le_bytes(bytes) >> 1).unwrap_or(0);
        half + random % (whole - half + 1)
    }

    /// Notes that it works again.
    pub fn worked(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::SeededEntropy;

    #[test]
    fn waits_grow_and_have_an_end() {
        let mut entropy = SeededEntropy::new(1);
        let mut backoff = Backoff::new(1000, 60_000);
        let waits: Vec<i64> = (0..200).map(|_| backoff.failed(&mut entropy)).collect();
        assert!((500..=1000).contains(&waits[0]) && (1000..=2000).contains(&waits[1]));
        assert!(waits[6..].iter().all(|wait| (30_000..=60_000).contains(wait)), "{waits:?}");
        assert!(waits[6..].windows(2).any(|two| two[0] != two[1]), "they differ");
        backoff.worked();
        assert!(backoff.failed(&mut entropy) <= 1000);
    }
}
