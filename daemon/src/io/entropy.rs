//! Random bytes, and the identifiers made of them.

use uuid::{Builder, Uuid};

/// Gives random bytes.
pub trait Entropy: Send {
    /// Fills `bytes`.
    fn fill(&mut self, bytes: &mut [u8]);
}

/// The operating system's random numbers, fit for keys.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    /// Panics if the system has no random source: nothing that Daybook does is safe then.
    fn fill(&mut self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("invariant: the operating system has a random source");
    }
}

/// Numbers that follow from a seed (`SplitMix64`): for tests and simulations, never for keys.
#[derive(Clone, Debug)]
pub struct SeededEntropy {
    state: u64,
}

impl SeededEntropy {
    /// Makes a sequence that is the same for the same seed, on every machine.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next number. Constants from Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

impl Entropy for SeededEntropy {
    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let number = self.next().to_le_bytes();
            chunk.copy_from_slice(&number[..chunk.len()]);
        }
    }
}

/// Draws from another source in larger pieces: for the ids of many records, a call of the system each is slow.
///
/// What is left over is dropped unused. Not for keys: drawn bytes lie in memory for a while.
pub struct Pooled<'a> {
    source: &'a mut dyn Entropy,
    pool: [u8; POOL_BYTES],
    used: usize,
}

/// Bytes of a piece: some hundred ids.
const POOL_BYTES: usize = 4096;

impl<'a> Pooled<'a> {
    /// Takes the source; nothing is drawn yet.
    pub fn new(source: &'a mut dyn Entropy) -> Self {
        Self { source, pool: [0; POOL_BYTES], used: POOL_BYTES }
    }
}

impl Entropy for Pooled<'_> {
    fn fill(&mut self, bytes: &mut [u8]) {
        if bytes.len() > POOL_BYTES {
            return self.source.fill(bytes);
        }
        if bytes.len() > POOL_BYTES - self.used {
            self.source.fill(&mut self.pool);
            self.used = 0;
        }
        let end = self.used + bytes.len();
        bytes.copy_from_slice(&self.pool[self.used..end]);
        self.used = end;
    }
}

/// Makes a version 7 UUID (RFC 9562): 48 bits of milliseconds, then 74 random bits.
///
/// Ids of different milliseconds sort by time; within one millisecond their order is random. Times before 1970 count
/// as 1970.
pub fn uuid_v7(now_ms: i64, entropy: &mut dyn Entropy) -> Uuid {
    let mut random = [0; 10];
    entropy.fill(&mut random);
    Builder::from_unix_timestamp_millis(u64::try_from(now_ms).unwrap_or(0), &random).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitmix_gives_its_published_sequence() {
        let mut entropy = SeededEntropy::new(1_234_567);
        let mut bytes = [0; 20];
        entropy.fill(&mut bytes);
        assert_eq!(bytes[..8], 6_457_827_717_110_365_317_u64.to_le_bytes());
        assert_eq!(bytes[8..16], 3_203_168_211_198_807_973_u64.to_le_bytes());
        assert_eq!(bytes[16..], 9_817_491_932_198_370_423_u64.to_le_bytes()[..4]);
    }

    #[test]
    fn a_pool_gives_no_byte_twice() {
        let mut source = SeededEntropy::new(3);
        let mut expected = vec![0; 2 * POOL_BYTES];
        let (first, second) = expected.split_at_mut(POOL_BYTES);
        source.fill(first);
        source.fill(second);
        let mut source = SeededEntropy::new(3);
        let mut pool = Pooled::new(&mut source);
        let mut drawn = Vec::new();
        for _ in 0..2 * (POOL_BYTES / 1000) {
            let mut bytes = [0; 1000];
            pool.fill(&mut bytes);
            drawn.extend_from_slice(&bytes);
        }
        // 96 bytes of each piece are too few for another thousand, and are left out.
        assert_eq!(drawn[..4000], expected[..4000]);
        assert_eq!(drawn[4000..], expected[POOL_BYTES..POOL_BYTES + 4000]);
    }

    #[test]
    fn ids_sort_by_time_and_say_their_version() {
        let mut entropy = SeededEntropy::new(7);
        let ids: Vec<Uuid> = (0..100).map(|ms| uuid_v7(1_700_000_000_000 + ms, &mut entropy)).collect();
        assert!(ids.is_sorted());
        assert!(ids.iter().all(|id| id.get_version_num() == 7 && id.get_variant() == uuid::Variant::RFC4122));
        assert_ne!(uuid_v7(0, &mut entropy), uuid_v7(0, &mut entropy));
        assert!(uuid_v7(-5, &mut entropy).to_string().starts_with("00000000-0000-7"));
    }

    #[test]
    fn the_system_fills_every_byte() {
        let mut seen = [0_u8; 64];
        for _ in 0..16 {
            let mut bytes = [0; 64];
            OsEntropy.fill(&mut bytes);
            for (seen, byte) in seen.iter_mut().zip(bytes) {
                *seen |= byte;
            }
        }
        assert!(seen.iter().all(|byte| *byte != 0));
    }
}
