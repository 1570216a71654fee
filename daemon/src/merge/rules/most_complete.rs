//! `most-complete`: the side whose row has more filled cells wins.
//!
//! It prefers a value to a blank, then compares how many cells of the row were filled when each value came. Ties go
//! to the later edit, then as in `latest`. In a group the cells of the group are counted.

use super::{Contest, Resolution};
use crate::merge::contest::Contender;

/// Prefers the side with more filled cells.
pub(super) fn resolve(contest: &Contest<'_>) -> Resolution {
    let key = |side: &Contender<'_>| (side.is_filled(), side.side.filled);
    contest.prefer(|a: &Contender<'_>, b: &Contender<'_>| key(a).cmp(&key(b)).then_with(|| a.by_recency(b)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merge::contest::Side;
    use crate::merge::contest::tests::{text, text_field};
    use crate::model::{SourceName, Timestamp};

    #[test]
    fn a_fuller_row_wins_and_a_blank_never_does() {
        let (a, b) = (SourceName::new("a"), SourceName::new("b"));
        let field = text_field();
        let check = |stored: (&str, u16), incoming: (&str, u16)| {
            let side = |source, filled| Side { source, rank: 0, edited_at: Timestamp(0), filled };
            resolve(&Contest {
                field: &field,
                base: None,
                stored: Contender { side: side(&a, stored.1), cell: &text(stored.0) },
                incoming: Contender { side: side(&b, incoming.1), cell: &text(incoming.0) },
            })
        };
        assert_eq!(check(("x", 3), ("y", 2)), Resolution::Stored);
        assert_eq!(check(("x", 2), ("y", 3)), Resolution::Incoming);
        assert_eq!(check(("x", 2), ("y", 2)), Resolution::Incoming);
        assert_eq!(check(("x", 2), ("", 9)), Resolution::Stored);
        assert_eq!(check(("", 9), ("y", 2)), Resolution::Incoming);
    }
}
