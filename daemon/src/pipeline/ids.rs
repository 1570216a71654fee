//! Maps by ids and by row hashes: 200,000 rows are looked up several times each save.
//!
//! Ids are random and row hashes are keyed, so nobody outside can choose them, and hashing them again protects nothing.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

/// A map whose keys are ids of ours or row hashes.
pub(super) type IdMap<K, V> = HashMap<K, V, BuildHasherDefault<IdHasher>>;
/// A set of ids of ours.
pub(super) type IdSet<K> = HashSet<K, BuildHasherDefault<IdHasher>>;

/// Takes the last eight bytes: in a version 7 UUID they are random but for the two highest bits.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct IdHasher(u64);

impl IdHasher {
    /// Brings the random bits into all places: 2^64 divided by the golden ratio, odd (Knuth, vol. 3, 6.4).
    const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;
}

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(last) = bytes.last_chunk::<8>() {
            self.0 = u64::from_be_bytes(*last).wrapping_mul(Self::SPREAD);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::hash::BuildHasher;

    use super::*;
    use crate::io::{SeededEntropy, uuid_v7};
    use crate::model::{RecordId, RowHash};

    #[test]
    fn ids_of_one_moment_are_spread() {
        let mut entropy = SeededEntropy::new(1);
        let build = BuildHasherDefault::<IdHasher>::default();
        let ids = (0..4096).map(|_| RecordId::new(uuid_v7(1_772_000_000_000, &mut entropy)));
        let hashes: Vec<u64> = ids.map(|id| build.hash_one(id)).collect();
        for shift in [0, 52] {
            let places: HashSet<u64> = hashes.iter().map(|hash| (hash >> shift) & 0xfff).collect();
            // 4096 balls in 4096 bins leave a share of 1/e of them empty.
            assert!(places.len() > 2500, "{} places", places.len());
        }
        assert_ne!(build.hash_one(RowHash(1)), build.hash_one(RowHash(1 << 64)));
    }
}
