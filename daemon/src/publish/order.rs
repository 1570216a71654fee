//! The order of a view's rows: as a person counts, `C-2` before `C-10`.
//!
//! In: what two rows show in their key columns. Out: which comes first. It never looks at what a row does not show,
//! as the order alone would tell something of a hidden key.

use std::cmp::Ordering;

use crate::model::{Cell, Value};

/// Orders two cells: values, then masks and what could not be read, then blanks. Numbers and dates go by size, texts
/// as [`natural`] says.
pub fn cells(a: &Cell, b: &Cell) -> Ordering {
    match (a, b) {
        (Cell::Value(Value::Text(a)), Cell::Value(Value::Text(b)))
        | (Cell::Raw(a) | Cell::Masked(a), Cell::Raw(b) | Cell::Masked(b)) => natural(a, b),
        (Cell::Value(a), Cell::Value(b)) => a.compare(b).unwrap_or_else(|| kind(a).cmp(&kind(b))),
        _ => rank(a).cmp(&rank(b)),
    }
}

const fn rank(cell: &Cell) -> u8 {
    match cell {
        Cell::Value(_) => 0,
        Cell::Raw(_) | Cell::Masked(_) | Cell::Formula(_) => 1,
        Cell::Blank => 2,
    }
}

const fn kind(value: &Value) -> u8 {
    match value {
        Value::Integer(_) => 0,
        Value::Number(_) => 1,
        Value::Boolean(_) => 2,
        Value::Date(_) => 3,
        Value::DateTime(_) => 4,
        Value::Text(_) => 5,
        Value::List(_) => 6,
    }
}

/// Orders two texts with each run of digits as one number: a total order, equal only for equal texts.
pub fn natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    loop {
        let (Some(x), Some(y)) = (left.chars().next(), right.chars().next()) else {
            // The shorter one first; texts that differ only in leading zeros go by code point.
            return left.len().cmp(&right.len()).then_with(|| a.cmp(b));
        };
        if x.is_ascii_digit() && y.is_ascii_digit() {
            let (number, left_rest) = digits(left);
            let (other, right_rest) = digits(right);
            let order = number.len().cmp(&other.len()).then_with(|| number.cmp(other));
            if order != Ordering::Equal {
                return order;
            }
            (left, right) = (left_rest, right_rest);
        } else if x == y {
            left = left.split_at(x.len_utf8()).1;
            right = right.split_at(y.len_utf8()).1;
        } else {
            return x.cmp(&y);
        }
    }
}

/// The run of digits at the start without its leading zeros, and what follows the run.
fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    let (run, rest) = text.split_at(end);
    (run.trim_start_matches('0'), rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn counts_as_a_person_does() {
        let sorted = ["", "C-02", "C-2", "C-10", "C-10a", "C-10b", "C-99999999999999999999999", "D", "客户2", "客户10"];
        for (index, a) in sorted.iter().enumerate() {
            for b in sorted.iter().skip(index + 1) {
                assert_eq!(natural(a, b), Ordering::Less, "{a} {b}");
            }
        }
    }

    proptest! {
        #[test]
        fn is_a_total_order(a in "[0a-]{0,6}", b in "[01a-]{0,6}", c in "[01a]{0,6}") {
            prop_assert_eq!(natural(&a, &b), natural(&b, &a).reverse());
            prop_assert_eq!(natural(&a, &b) == Ordering::Equal, a == b);
            let mut three = [&a, &b, &c];
            three.sort_by(|x, y| natural(x, y));
            prop_assert!(natural(three[0], three[2]) != Ordering::Greater);
        }
    }
}
