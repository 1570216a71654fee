//! Yes and no, in the office's two languages.

use crate::model::Value;
use crate::model::compare::folded;

use super::fault::Fault;

pub(super) const NOT_A_BOOLEAN: Fault =
    Fault::new("not-a-boolean", "is neither yes nor no", "Write 是 or 否, yes or no.");

const YES: [&str; 11] = ["true", "yes", "y", "t", "1", "是", "有", "对", "√", "✓", "✔"];
const NO: [&str; 13] = ["false", "no", "n", "f", "0", "否", "无", "错", "不是", "没有", "×", "✗", "✘"];

pub(super) fn of_text(written: &str) -> Result<Value, Fault> {
    let word = folded(written);
    if YES.contains(&word.as_str()) {
        Ok(Value::Boolean(true))
    } else if NO.contains(&word.as_str()) {
        Ok(Value::Boolean(false))
    } else {
        Err(NOT_A_BOOLEAN)
    }
}

pub(super) fn of_number(typed: f64) -> Result<Value, Fault> {
    if typed.to_bits() == 1.0_f64.to_bits() {
        Ok(Value::Boolean(true))
    } else if typed == 0.0 {
        Ok(Value::Boolean(false))
    } else {
        Err(NOT_A_BOOLEAN)
    }
}

#[cfg(test)]
mod tests {
    use crate::codec::sheet::RawCell;
    use crate::extract::sample::{check, read, typed};
    use crate::model::FieldType;

    #[test]
    fn yes_and_no_in_both_languages() {
        let field = typed(FieldType::Boolean);
        check(&field, &["TRUE", "是", "有", "Yes", "ｙ", "1", "√", "对"].map(|written| (written, "true")));
        check(&field, &["False", "否", "无", "no", "N", "0", "×", "错"].map(|written| (written, "false")));
        check(&field, &["maybe", "2", "是否", "yesno"].map(|written| (written, "!not-a-boolean")));
        assert_eq!(read(&RawCell::Number(1.0), &field), "true");
        assert_eq!(read(&RawCell::Number(-0.0), &field), "false");
        assert_eq!(read(&RawCell::Number(2.0), &field), "!not-a-boolean");
    }
}
