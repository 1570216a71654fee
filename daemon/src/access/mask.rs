//! Masks: what is shown of a value whose class may not be read.
//!
//! A mask tells a reader which of two values she has before her, and not the value. The number of stars is fixed,
//! so that it does not tell the length.

use compact_str::{CompactString, format_compact};

use crate::model::{Field, Format, Value};

/// Masks a value: a phone as `138****5678`, an e-mail as `l***@example.com`, a number of a person or company by its
/// last four characters, any other text by its first; numbers, dates and lists as `***`.
///
/// What is too short to hide enough shows nothing.
pub fn mask(field: &Field, value: &Value) -> CompactString {
    let Value::Text(text) = value else { return "***".into() };
    match field.format {
        Some(Format::Phone) => phone(text),
        Some(Format::Email) => email(text),
        Some(Format::Uuid | Format::Uscc | Format::CnId) => number(text),
        None if field.generate.is_some() => number(text),
        Some(Format::Uri) | None => first(text),
    }
}

/// Keeps the first three and the last four of at least eleven digits, the last two of at least seven.
fn phone(text: &str) -> CompactString {
    let mut digits: Vec<char> = text.chars().filter(char::is_ascii_digit).collect();
    // The country's code is no part of what people recognise: +86 138… is shown as 138….
    if text.trim_start().starts_with("+86") && digits.len() > 11 {
        digits.drain(..2);
    }
    let tail = |count: usize| digits[digits.len() - count..].iter().collect::<CompactString>();
    match digits.len() {
        11.. => format_compact!("{}****{}", digits[..3].iter().collect::<CompactString>(), tail(4)),
        7..=10 => format_compact!("****{}", tail(2)),
        _ => "****".into(),
    }
}

/// Keeps the first character and the domain.
fn email(text: &str) -> CompactString {
    match text.rsplit_once('@') {
        Some((person, domain)) => format_compact!("{}@{domain}", first(person)),
        None => first(text),
    }
}

/// Keeps the last four of at least eight characters.
fn number(text: &str) -> CompactString {
    let count = text.chars().count();
    if count < 8 {
        "****".into()
    } else {
        format_compact!("****{}", text.chars().skip(count - 4).collect::<CompactString>())
    }
}

/// Keeps the first of at least two characters.
fn first(text: &str) -> CompactString {
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(first), Some(_)) => format_compact!("{first}***"),
        _ => "***".into(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::decider::tests::customers;
    use super::*;
    use crate::model::schema::Generator;

    fn masked(format: Option<Format>, text: &str) -> String {
        let field = Field { format, ..customers().fields[3].clone() };
        mask(&field, &Value::Text(text.into())).into()
    }

    #[test]
    fn each_format_keeps_what_people_recognise() {
        let cases = [
            (Some(Format::Phone), "13812345678", "138****5678"),
            (Some(Format::Phone), "+86 138-1234-5678", "138****5678"),
            (Some(Format::Phone), "8765432", "****32"),
            (Some(Format::Phone), "110", "****"),
            (Some(Format::Email), "li.lei@example.com", "l***@example.com"),
            (Some(Format::Email), "l@example.com", "***@example.com"),
            (Some(Format::Email), "no address", "n***"),
            (Some(Format::CnId), "11010519491231002X", "****002X"),
            (Some(Format::Uscc), "1234", "****"),
            (None, "李雷", "李***"),
            (None, "李", "***"),
            (Some(Format::Uri), "https://example.com/secret", "h***"),
        ];
        for (format, text, expected) in cases {
            assert_eq!(masked(format, text), expected, "{text}");
        }
    }

    #[test]
    fn numbers_dates_and_generated_keys() {
        let mut field = customers().fields[3].clone();
        assert_eq!(mask(&field, &Value::Integer(12)), "***");
        assert_eq!(mask(&field, &Value::Date(jiff::civil::date(2026, 3, 1))), "***");
        assert_eq!(mask(&field, &Value::List(["vip".into()].into())), "***");
        field.generate = Some(Generator { prefix: "C-".into(), width: 6, suffix: String::new() });
        assert_eq!(mask(&field, &Value::Text("C-000042".into())), "****0042");
    }

    proptest! {
        #[test]
        fn a_mask_hides_at_least_a_third_of_what_it_is_made_of(
            text in "[0-9a-z李雷]{1,30}",
            format in prop::sample::select(vec![
                None, Some(Format::Phone), Some(Format::Email), Some(Format::Uuid), Some(Format::Uscc), Some(Format::Uri),
            ]),
        ) {
            let shown = masked(format, &text).chars().filter(|shown| *shown != '*').count();
            let digits = text.chars().filter(char::is_ascii_digit).count();
            let hidden_from = if format == Some(Format::Phone) { digits } else { text.chars().count() };
            prop_assert!(shown == 0 || shown * 3 <= hidden_from * 2, "{shown} of {hidden_from}");
        }
    }
}
