//! The seed's numbers: which thing happens next.

use daybook::io::{Entropy, SeededEntropy};

/// Throws dice that fall the same for the same seed.
pub(crate) struct Dice(SeededEntropy);

impl Dice {
    /// The dice of a seed; each `stream` is another sequence.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        Self(SeededEntropy::new(seed.wrapping_mul(0x9E37_79B9).wrapping_add(stream << 40)))
    }

    /// A number below `end`; 0 if `end` is 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        let end = end as u64;
        usize::try_from((u64::from_le_bytes(bytes) >> 11).checked_rem(end).unwrap_or(0)).unwrap_or(0)
    }

    /// True in `percent` of a hundred throws.
    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of several; `None` if there are none.
    pub(crate) fn pick<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        all.get(self.below(all.len()))
    }

    /// Puts them in another order.
    pub(crate) fn shuffle<T>(&mut self, all: &mut [T]) {
        for end in (1..all.len()).rev() {
            all.swap(end, self.below(end + 1));
        }
    }
}
