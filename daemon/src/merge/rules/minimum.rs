//! `minimum`: the smaller value wins.
//!
//! Numbers and dates by size, texts by code point, false before true; a value before a blank. Two values of
//! different types, as after the field's type was changed, are not compared: a person decides. There are no ties:
//! equal values are no contest.

use std::cmp::Ordering;

use super::{Contest, Resolution, maximum};

/// Prefers the smaller value.
pub(super) fn resolve(contest: &Contest<'_>) -> Resolution {
    maximum::extreme(contest, Ordering::Less)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merge::contest::tests::{settle, text, text_field};
    use crate::model::{Cell, Value};

    #[test]
    fn the_smaller_value_wins_and_a_blank_is_not_small() {
        let date = |day| Cell::Value(Value::Date(jiff::civil::date(2026, 3, day)));
        let check = |stored: &Cell, incoming: &Cell| settle(resolve, &text_field(), (stored, 1), (incoming, 1));
        assert_eq!(check(&date(2), &date(1)), Resolution::Incoming);
        assert_eq!(check(&date(1), &date(2)), Resolution::Stored);
        assert_eq!(check(&date(1), &Cell::Blank), Resolution::Stored);
        assert_eq!(check(&Cell::Blank, &date(1)), Resolution::Incoming);
        assert_eq!(check(&date(1), &text("x")), Resolution::Ask);
    }
}
