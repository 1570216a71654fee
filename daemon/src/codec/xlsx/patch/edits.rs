//! A part and what is to be written in place of some of its bytes.

use std::io::{self, BufRead, Read, Write};
use std::ops::Range;

/// A part's bytes with edits that are not yet carried out: the part is not copied for them.
pub(super) struct Spliced {
    bytes: Vec<u8>,
    edits: Vec<Edit>,
}

/// New bytes in place of some; an empty place is between two bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    place: Range<usize>,
    text: Vec<u8>,
}

impl Edit {
    /// Writes in place of what stands there.
    pub(super) fn replace(place: Range<usize>, text: impl Into<Vec<u8>>) -> Self {
        Self { place, text: text.into() }
    }

    /// Writes in between.
    pub(super) fn insert(at: usize, text: impl Into<Vec<u8>>) -> Self {
        Self { place: at..at, text: text.into() }
    }
}

impl Spliced {
    /// A part with its edits. Edits at the same place are carried out in the order given; `None` if two of them meet
    /// or one leaves the part.
    pub(super) fn new(bytes: Vec<u8>, mut edits: Vec<Edit>) -> Option<Self> {
        edits.sort_by_key(|edit| (edit.place.start, edit.place.end));
        let mut at = 0;
        for edit in &edits {
            if edit.place.start < at || edit.place.end < edit.place.start || edit.place.end > bytes.len() {
                return None;
            }
            at = edit.place.end;
        }
        Some(Self { bytes, edits })
    }

    /// Whether anything is to be written.
    pub(super) fn is_edited(&self) -> bool {
        !self.edits.is_empty()
    }

    /// Writes the part as it is with its edits.
    pub(super) fn write_to(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut at = 0;
        for edit in &self.edits {
            out.write_all(self.bytes.get(at..edit.place.start).unwrap_or_default())?;
            out.write_all(&edit.text)?;
            at = edit.place.end;
        }
        out.write_all(self.bytes.get(at..).unwrap_or_default())
    }

    /// The edits, ascending; they don't meet.
    pub(super) fn into_edits(self) -> Vec<Edit> {
        self.edits
    }
}

/// Whether a part is another one with these edits, and has the same bytes everywhere else.
pub(super) fn is_spliced(mut old: impl BufRead, edits: &[Edit], mut new: impl BufRead) -> bool {
    let mut at = 0;
    for edit in edits {
        let Some(kept) = edit.place.start.checked_sub(at) else { return false };
        let replaced = (edit.place.end - edit.place.start) as u64;
        let is_passed = |old: &mut dyn Read| io::copy(&mut old.take(replaced), &mut io::sink());
        if !is_same(&mut old, &mut new, Some(kept))
            || !is_passed(&mut old).is_ok_and(|passed| passed == replaced)
            || !is_same(&mut edit.text.as_slice(), &mut (&mut new).take(edit.text.len() as u64), None)
        {
            return false;
        }
        at = edit.place.end;
    }
    is_same(&mut old, &mut new, None)
}

/// Whether the next bytes of two streams are the same: so many, or all up to the end of both.
pub(super) fn is_same(one: &mut dyn BufRead, other: &mut dyn BufRead, count: Option<usize>) -> bool {
    let mut left = count.unwrap_or(usize::MAX);
    while left > 0 {
        let (Ok(first), Ok(second)) = (one.fill_buf(), other.fill_buf()) else { return false };
        let length = first.len().min(second.len()).min(left);
        if length == 0 {
            return count.is_none() && first.is_empty() && second.is_empty();
        }
        if first.get(..length) != second.get(..length) {
            return false;
        }
        one.consume(length);
        other.consume(length);
        left -= length;
    }
    true
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    #[test]
    fn edits_are_carried_out_in_order() {
        let edits =
            vec![Edit::replace(6..7, "X"), Edit::insert(3, "a"), Edit::insert(3, "b"), Edit::replace(3..5, "-")];
        let mut out = Vec::new();
        Spliced::new(b"0123456789".to_vec(), edits).unwrap().write_to(&mut out).unwrap();
        assert_eq!(out, b"012ab-5X789");
    }

    #[test]
    fn only_the_edits_may_differ() {
        let edits = [Edit::insert(3, "ab"), Edit::replace(3..5, "-"), Edit::replace(6..7, "")];
        let old = b"0123456789".as_slice();
        // Small buffers, so that pieces meet in all ways.
        let is_spliced = |new: &[u8]| is_spliced(io::BufReader::with_capacity(2, old), &edits, new);
        assert!(is_spliced(b"012ab-5789"));
        for other in ["012ab-5788", "012ab-578", "012ab-57899", "112ab-5789", "012ac-5789", "012ab-", "0123456789", ""]
        {
            assert!(!is_spliced(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn edits_that_meet_are_refused() {
        for edits in [
            vec![Edit::replace(1..4, ""), Edit::replace(3..5, "")],
            vec![Edit::replace(1..4, ""), Edit::insert(2, "x")],
            vec![Edit::replace(8..11, "")],
        ] {
            assert!(Spliced::new(b"0123456789".to_vec(), edits).is_none());
        }
    }
}
