//! `union`: a list keeps the items of both sides, without those that either removed.
//!
//! With a base it is a three-way merge of sets: an item that the base had stays if both sides kept it; an item that
//! the base did not have stays if either side added it. A blank is the empty list, so clearing a list removes what
//! its author saw, and what another added meanwhile stays. Without a base nothing was removed, and the filled side
//! stays whole. Items are compared as they are written. What is no list goes to a person. It looks at no stamp, so
//! there are no ties.

use std::collections::BTreeSet;

use compact_str::CompactString;

use super::{Contest, Resolution};
use crate::model::{Cell, Value};

/// Joins the two lists.
pub(super) fn resolve(contest: &Contest<'_>) -> Resolution {
    let (Some(stored), Some(incoming)) = (items(contest.stored.cell), items(contest.incoming.cell)) else {
        return Resolution::Ask;
    };
    let base = contest.base.and_then(items).unwrap_or_default();
    let kept = stored.intersection(&incoming);
    let added = stored.symmetric_difference(&incoming).filter(|item| !base.contains(*item));
    let joined: BTreeSet<&CompactString> = kept.chain(added).copied().collect();
    if joined == stored {
        return Resolution::Stored;
    }
    if joined == incoming {
        return Resolution::Incoming;
    }
    let items: Box<[CompactString]> = joined.into_iter().cloned().collect();
    Resolution::Posted(if items.is_empty() { Cell::Blank } else { Cell::Value(Value::List(items)) })
}

/// The items of a list; `None` if the cell is something else.
fn items(cell: &Cell) -> Option<BTreeSet<&CompactString>> {
    match cell {
        Cell::Blank => Some(BTreeSet::new()),
        Cell::Value(Value::List(items)) => Some(items.iter().collect()),
        Cell::Value(_) | Cell::Raw(_) | Cell::Masked(_) | Cell::Formula(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merge::contest::tests::{text, text_field};
    use crate::merge::contest::{Contender, Side};
    use crate::model::{SourceName, Timestamp};

    /// A list of one-letter items; the empty text is a blank.
    fn list(items: &str) -> Cell {
        let items: Box<[CompactString]> = items.chars().map(|letter| std::iter::once(letter).collect()).collect();
        if items.is_empty() { Cell::Blank } else { Cell::Value(Value::List(items)) }
    }

    fn join(base: Option<&Cell>, stored: &Cell, incoming: &Cell) -> Resolution {
        let source = SourceName::new("a");
        let side = Side { source: &source, rank: 0, edited_at: Timestamp(0), filled: 0 };
        resolve(&Contest {
            field: &text_field(),
            base,
            stored: Contender { side, cell: stored },
            incoming: Contender { side, cell: incoming },
        })
    }

    #[test]
    fn what_either_added_stays_and_what_either_removed_goes() {
        let cases = [
            (None, "a", "b", Resolution::Posted(list("ab"))),
            (None, "ab", "b", Resolution::Stored),
            (None, "a", "", Resolution::Stored),
            (None, "", "a", Resolution::Incoming),
            (Some("ab"), "abc", "a", Resolution::Posted(list("ac"))),
            (Some("ab"), "a", "b", Resolution::Posted(list(""))),
            (Some("ab"), "abc", "", Resolution::Posted(list("c"))),
            (Some("a"), "ab", "abc", Resolution::Incoming),
        ];
        for (base, stored, incoming, expected) in cases {
            assert_eq!(
                join(base.map(list).as_ref(), &list(stored), &list(incoming)),
                expected,
                "{base:?} {stored} {incoming}"
            );
        }
    }

    #[test]
    fn what_is_no_list_is_asked_about() {
        assert_eq!(join(None, &text("a"), &list("b")), Resolution::Ask);
        assert_eq!(join(None, &list("b"), &text("a")), Resolution::Ask);
        assert_eq!(join(Some(&text("a")), &list("b"), &list("c")), Resolution::Posted(list("bc")));
    }
}
