//! `latest`: the later edit wins.
//!
//! It compares the times of the two edits: a file's modification time, not the time of arrival. Ties go to the
//! higher rank, then to the source whose name sorts last, then to the greater value. A blank counts like a value:
//! who cleared it last, cleared it.

use super::{Contest, Resolution};
use crate::merge::contest::Contender;

/// Prefers the later edit.
pub(super) fn resolve(contest: &Contest<'_>) -> Resolution {
    contest.prefer(|a: &Contender<'_>, b: &Contender<'_>| a.by_recency(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merge::contest::tests::{settle, text, text_field};

    #[test]
    fn the_time_decides_then_the_sources_name() {
        let check = |stored: (&str, i64), incoming: (&str, i64), expected: Resolution| {
            let resolution =
                settle(resolve, &text_field(), (&text(stored.0), stored.1), (&text(incoming.0), incoming.1));
            assert_eq!(resolution, expected, "{stored:?} {incoming:?}");
        };
        check(("x", 1), ("y", 2), Resolution::Incoming);
        check(("x", 2), ("y", 1), Resolution::Stored);
        check(("z", 1), ("y", 1), Resolution::Incoming);
        check(("x", 1), ("", 2), Resolution::Incoming);
    }
}
