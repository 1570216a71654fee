//! Cells for the workbooks that people keep: what is stored, as a file holds it.
//!
//! A person's own workbook is never written anew: `codec::patch` changes single cells of it.

use compact_str::{CompactString, ToCompactString};
use rust_decimal::Decimal;

use crate::codec::patch::NewCell;
use crate::codec::xlsx::write::clean;
use crate::model::{Cell, Value};

/// The digits that a number in a workbook keeps.
const DIGITS_MAX: u32 = 15;
/// What stands between the items of a list in one cell.
const LIST_SEPARATOR: &str = "; ";

/// A cell as it is put into a person's workbook; `None` for what is never written: what was typed and can't be read, masks,
/// formulas.
///
/// A number of more digits than a workbook keeps is written as text, as it would be another one otherwise.
pub fn new_cell(cell: &Cell) -> Option<NewCell> {
    let text = |text: CompactString| if text.is_empty() { NewCell::Blank } else { NewCell::Text(text) };
    Some(match cell {
        Cell::Blank => NewCell::Blank,
        Cell::Value(value) => match value {
            Value::Text(written) => text(clean(written).map_or_else(|| written.clone(), |clean| clean.trim().into())),
            Value::Integer(number) => digits(Decimal::from(*number)),
            Value::Number(number) => digits(*number),
            Value::Boolean(flag) => NewCell::Boolean(*flag),
            Value::Date(date) => NewCell::Date(*date),
            Value::DateTime(at) => NewCell::DateTime(*at),
            Value::List(items) => text(items.join(LIST_SEPARATOR).into()),
        },
        Cell::Raw(_) | Cell::Masked(_) | Cell::Formula(_) => return None,
    })
}

fn digits(number: Decimal) -> NewCell {
    let number = number.normalize();
    let written = number.to_compact_string();
    let count = number.mantissa().unsigned_abs().checked_ilog10().map_or(1, |log| log + 1);
    if count > DIGITS_MAX { NewCell::Text(written) } else { NewCell::Number(written) }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    #[test]
    fn values_become_cells_that_read_back_the_same() {
        let number = |text: &str| new_cell(&Cell::Value(Value::Number(text.parse().unwrap())));
        assert_eq!(number("-12500.50"), Some(NewCell::Number("-12500.5".into())));
        assert_eq!(number("0"), Some(NewCell::Number("0".into())));
        assert_eq!(number("123456789012345"), Some(NewCell::Number("123456789012345".into())));
        assert_eq!(number("1234567890123456"), Some(NewCell::Text("1234567890123456".into())));
        assert_eq!(number("1000000000000000000"), Some(NewCell::Text("1000000000000000000".into())));
        let text = |text: &str| new_cell(&Cell::Value(Value::Text(text.into())));
        assert_eq!(text("a\u{1}b"), Some(NewCell::Text("ab".into())));
        assert_eq!(text("客户\n二"), Some(NewCell::Text("客户\n二".into())));
        let list = Cell::Value(Value::List(["a".into(), "b".into()].into()));
        assert_eq!(new_cell(&list), Some(NewCell::Text("a; b".into())));
        assert_eq!(new_cell(&Cell::Blank), Some(NewCell::Blank));
        for never in [Cell::Raw("31/31".into()), Cell::Masked("***".into()), Cell::Formula(None)] {
            assert_eq!(new_cell(&never), None);
        }
    }
}
