//! `longest`: the longer text wins.
//!
//! It counts characters, of values that are no text in the way they are written. A blank is the shortest. Ties go
//! to the later edit, then as in `latest`. In a group the characters of all its cells are counted.

use super::{Contest, Resolution};
use crate::merge::contest::Contender;

/// Prefers the longer text.
pub(super) fn resolve(contest: &Contest<'_>) -> Resolution {
    let length = |side: &Contender<'_>| side.cell.value().map_or(0, |value| value.to_string().chars().count());
    contest.prefer(|a: &Contender<'_>, b: &Contender<'_>| length(a).cmp(&length(b)).then_with(|| a.by_recency(b)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merge::contest::tests::{settle, text, text_field};

    #[test]
    fn characters_are_counted_and_not_bytes() {
        let check =
            |stored: &str, incoming: &str| settle(resolve, &text_field(), (&text(stored), 2), (&text(incoming), 1));
        assert_eq!(check("李雷", "abc"), Resolution::Incoming);
        assert_eq!(check("abc", "李雷"), Resolution::Stored);
        assert_eq!(check("abc", "xyz"), Resolution::Stored, "the later edit");
        assert_eq!(check("a", ""), Resolution::Stored);
        assert_eq!(check("", "a"), Resolution::Incoming);
    }
}
