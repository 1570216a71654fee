//! What may be read in a cell once the request is done, told from the request alone.
//!
//! In come what was asked for and what the reader found; out goes whether the one is the other. How a cell looks decides
//! in which of the forms it is written, and that is the writer's business: here all that say the same are taken, and no
//! code is shared with it.

use compact_str::CompactString;

use super::super::super::canonical::{Canonical, text};
use super::super::super::patch::NewCell;
use super::super::super::sheet::RawCell;

/// Whether a cell holds what was asked for. The words are those for false and true.
pub(super) fn is_meant(asked: &NewCell, found: Option<&RawCell>, words: &[CompactString; 2]) -> bool {
    match (asked, found) {
        (NewCell::Blank, None) => true,
        (NewCell::Text(asked), found) => is_text(asked, found),
        (NewCell::Number(digits), Some(RawCell::Number(found))) => digits.parse() == Ok(*found),
        (NewCell::Number(digits), found) => is_text(digits, found),
        (NewCell::Boolean(asked), Some(RawCell::Boolean(found))) => asked == found,
        (NewCell::Boolean(asked), found) => {
            let word = if *asked { "TRUE" } else { "FALSE" };
            is_text(word, found) || is_text(&words[usize::from(*asked)], found)
        }
        (NewCell::Date(asked), Some(RawCell::DateTime(found))) => asked.at(0, 0, 0, 0) == *found,
        (NewCell::Date(asked), found) => is_text(&asked.to_string(), found),
        (NewCell::DateTime(asked), Some(RawCell::DateTime(found))) => asked == found,
        (NewCell::DateTime(asked), found) => is_text(&asked.strftime("%Y-%m-%d %H:%M:%S").to_string(), found),
        (NewCell::Blank, Some(_)) => false,
    }
}

/// Whether a cell holds a text as the reader gives it, without the two characters that XML lacks beside the control ones.
fn is_text(asked: &str, found: Option<&RawCell>) -> bool {
    let asked = asked.replace(['\u{fffe}', '\u{ffff}'], "");
    match (text(&asked), found) {
        (Some(Canonical::Text(asked)), Some(RawCell::Text(found))) => asked == found.as_str(),
        (asked, found) => asked.is_none() && found.is_none(),
    }
}

#[cfg(test)]
mod tests {
    use std::iter::repeat;

    use jiff::civil::date;

    use super::*;

    fn check(asked: &NewCell, found: Option<&RawCell>, expected: bool) {
        assert_eq!(is_meant(asked, found, &["否".into(), "是".into()]), expected, "{asked:?} {found:?}");
    }

    fn word(text: &str) -> RawCell {
        RawCell::Text(text.into())
    }

    #[test]
    fn each_form_of_the_same_is_taken_and_nothing_else() {
        let day = date(2026, 3, 1);
        let noon = day.at(12, 0, 0, 0);
        for (asked, taken, others) in [
            (NewCell::Text("a\r\nb\u{1}\u{ffff}".into()), vec![word("a\nb")], vec![word("a"), RawCell::Number(1.0)]),
            (
                NewCell::Number("1.50".into()),
                vec![RawCell::Number(1.5), word("1.50")],
                vec![RawCell::Number(1.51), word("1.5"), RawCell::Boolean(true)],
            ),
            (
                NewCell::Boolean(true),
                vec![RawCell::Boolean(true), word("TRUE"), word("是")],
                vec![RawCell::Boolean(false), word("否"), word("FALSE"), RawCell::Number(1.0)],
            ),
            (
                NewCell::Date(day),
                vec![RawCell::DateTime(day.at(0, 0, 0, 0)), word("2026-03-01")],
                vec![RawCell::DateTime(noon), word("2026-03-02"), RawCell::Number(46_082.0)],
            ),
            (
                NewCell::DateTime(noon),
                vec![RawCell::DateTime(noon), word("2026-03-01 12:00:00")],
                vec![RawCell::DateTime(day.at(0, 0, 0, 0)), word("2026-03-01")],
            ),
        ] {
            for (found, expected) in taken.iter().zip(repeat(true)).chain(others.iter().zip(repeat(false))) {
                check(&asked, Some(found), expected);
            }
            check(&asked, None, false);
        }
        check(&NewCell::Blank, None, true);
        check(&NewCell::Blank, Some(&word("x")), false);
        check(&NewCell::Text("\u{1}".into()), None, true);
        check(&NewCell::Number("-0".into()), Some(&RawCell::Number(0.0)), true);
        check(&NewCell::Number("inf".into()), Some(&word("inf")), true);
    }
}
