//! What has been told of a source: a problem that stands is told once, not at every save.
//!
//! A problem of a record's cell is remembered by the cell's baseline. This is for what has none: problems of the sheet
//! as a whole, and rows that belong to no record.

use std::collections::HashSet;

/// What has been told of a source, and what is to be remembered as told.
pub(super) struct Telling {
    pub(super) before: HashSet<u64>,
    pub(super) now: Vec<u64>,
}

impl Telling {
    /// Notes that a problem stands; true if it was not told before.
    pub(super) fn is_new(&mut self, code: &str, parts: &[&[u8]]) -> bool {
        let digest = Self::digest(code, parts);
        self.now.push(digest);
        !self.before.contains(&digest)
    }

    /// Whether the set that is to be remembered is another one.
    pub(super) fn has_changed(&self) -> bool {
        self.now.iter().copied().collect::<HashSet<_>>() != self.before
    }

    pub(super) fn digest(code: &str, parts: &[&[u8]]) -> u64 {
        use std::hash::Hasher;
        let mut hasher = siphasher::sip::SipHasher13::new();
        hasher.write(code.as_bytes());
        for part in parts {
            hasher.write(&[0xff]);
            hasher.write(part);
        }
        hasher.finish()
    }
}
