//! `first`: the earlier edit wins.
//!
//! It compares the times of the two edits. Ties go to the higher rank, then to the source whose name sorts last,
//! then to the greater value, as in `latest`. A blank counts like a value.

use super::{Contest, Resolution};
use crate::merge::contest::Contender;

/// Prefers the earlier edit.
pub(super) fn resolve(contest: &Contest<'_>) -> Resolution {
    contest.prefer(|a: &Contender<'_>, b: &Contender<'_>| {
        b.side.edited_at.cmp(&a.side.edited_at).then_with(|| a.by_recency(b))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merge::contest::tests::{settle, text, text_field};

    #[test]
    fn the_earlier_edit_wins_though_it_came_later() {
        let at = |stored, incoming| settle(resolve, &text_field(), (&text("x"), stored), (&text("y"), incoming));
        assert_eq!(at(2, 1), Resolution::Incoming);
        assert_eq!(at(1, 2), Resolution::Stored);
        assert_eq!(at(1, 1), Resolution::Incoming, "source b sorts after a");
    }
}
