//! A part and what is to be written in place of some of its bytes.

use std::io::{self, Write};
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
