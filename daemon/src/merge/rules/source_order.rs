//! `source-order`: the source with the higher rank wins.
//!
//! It compares the `rank` that each source had when it brought its value. Ties go to the later edit, then to the
//! source whose name sorts last, then to the greater value. A blank counts like a value: what the leading source
//! has cleared is cleared.

use super::{Contest, Resolution};
use crate::merge::contest::Contender;

/// Prefers the source with the higher rank.
pub(super) fn resolve(contest: &Contest<'_>) -> Resolution {
    contest.prefer(|a: &Contender<'_>, b: &Contender<'_>| a.side.rank.cmp(&b.side.rank).then_with(|| a.by_recency(b)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merge::contest::tests::{text, text_field};
    use crate::merge::contest::{Contender, Side};
    use crate::model::{SourceName, Timestamp};

    #[test]
    fn the_rank_decides_then_the_time() {
        let (a, b) = (SourceName::new("a"), SourceName::new("b"));
        let (x, y, field) = (text("x"), text("y"), text_field());
        let check = |stored: (i32, i64), incoming: (i32, i64)| {
            let side = |source, (rank, at)| Side { source, rank, edited_at: Timestamp(at), filled: 0 };
            resolve(&Contest {
                field: &field,
                base: None,
                stored: Contender { side: side(&a, stored), cell: &x },
                incoming: Contender { side: side(&b, incoming), cell: &y },
            })
        };
        assert_eq!(check((10, 1), (5, 2)), Resolution::Stored);
        assert_eq!(check((5, 2), (10, 1)), Resolution::Incoming);
        assert_eq!(check((5, 2), (5, 1)), Resolution::Stored);
    }
}
