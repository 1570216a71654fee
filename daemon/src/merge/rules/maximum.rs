//! `maximum`: the larger value wins.
//!
//! Numbers and dates by size, texts by code point, true after false; a value before a blank. Two values of
//! different types, as after the field's type was changed, are not compared: a person decides. There are no ties:
//! equal values are no contest.

use std::cmp::Ordering;

use super::{Contest, Resolution};

/// Prefers the larger value.
pub(super) fn resolve(contest: &Contest<'_>) -> Resolution {
    extreme(contest, Ordering::Greater)
}

/// Prefers the value that stands in this order to the other; any value to a blank.
pub(super) fn extreme(contest: &Contest<'_>, wanted: Ordering) -> Resolution {
    match (contest.stored.cell.value(), contest.incoming.cell.value()) {
        (_, None) => Resolution::Stored,
        (None, Some(_)) => Resolution::Incoming,
        (Some(stored), Some(incoming)) => match incoming.compare(stored) {
            Some(order) if order == wanted => Resolution::Incoming,
            Some(_) => Resolution::Stored,
            None => Resolution::Ask,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merge::contest::tests::{settle, text, text_field};
    use crate::model::{Cell, Value};

    #[test]
    fn the_larger_value_wins_and_any_value_beats_a_blank() {
        let number = |number| Cell::Value(Value::Integer(number));
        let check = |stored: &Cell, incoming: &Cell| settle(resolve, &text_field(), (stored, 1), (incoming, 1));
        assert_eq!(check(&number(2), &number(10)), Resolution::Incoming);
        assert_eq!(check(&number(10), &number(2)), Resolution::Stored);
        assert_eq!(check(&number(-1), &Cell::Blank), Resolution::Stored);
        assert_eq!(check(&Cell::Blank, &number(-1)), Resolution::Incoming);
        assert_eq!(check(&number(2), &text("10")), Resolution::Ask);
    }
}
