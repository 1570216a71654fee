//! Lists: several texts in one cell.

use compact_str::CompactString;

use crate::model::Value;

use super::text;

/// What separates items: semicolon, comma, 顿号, bar, line break, in both widths.
const SEPARATORS: [char; 10] = [';', '；', ',', '，', '、', '|', '｜', '\n', '\r', '\u{2028}'];

/// The items of a text in canonical form, sorted and each once; `None` if there is none.
pub(super) fn of_text(written: &str) -> Option<Value> {
    let mut items: Vec<CompactString> = written.split(SEPARATORS).filter_map(text::canonical).collect();
    items.sort_unstable();
    items.dedup();
    (!items.is_empty()).then(|| Value::List(items.into()))
}

#[cfg(test)]
mod tests {
    use crate::codec::sheet::RawCell;
    use crate::extract::sample::{check, read, typed};
    use crate::model::FieldType;

    #[test]
    fn a_list_has_no_order_and_no_repetition() {
        let field = typed(FieldType::List);
        check(
            &field,
            &[
                ("b; a；c、a", "a; b; c"),
                ("c,b|a\nb", "a; b; c"),
                ("上海，北京", "上海; 北京"),
                ("one item", "one item"),
                (" ;；, ", "-"),
                ("a; #N/A", "!cell-error"),
            ],
        );
        assert_eq!(read(&RawCell::Number(5.0), &field), "5");
    }
}
