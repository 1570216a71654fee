//! Text in its canonical form.

use compact_str::CompactString;

use crate::model::compare::trimmed;

use super::fault::Fault;

/// The digits of an id or a telephone number are lost once a spreadsheet has shown it as `1.38E+10` and saved that.
pub(super) const SCIENTIFIC_NOTATION: Fault = Fault::new(
    "scientific-notation",
    "is a number in scientific notation: some of its digits are lost",
    "Format the column as text and type the whole number again.",
);

/// Trims invisible characters, makes line ends `\n`, and drops the `_x000D_` that some writers leave behind.
/// `None` if nothing is left.
pub(super) fn canonical(written: &str) -> Option<CompactString> {
    let text = trimmed(written);
    if !text.bytes().any(|b| b == b'\r' || b == b'_') || !(text.contains('\r') || has_escaped_return(text)) {
        return (!text.is_empty()).then(|| CompactString::from(text));
    }
    let text = text.replace("_x000D_", "\r").replace("_x000d_", "\r").replace("\r\n", "\n").replace('\r', "\n");
    let text = trimmed(&text);
    (!text.is_empty()).then(|| CompactString::from(text))
}

fn has_escaped_return(text: &str) -> bool {
    text.contains("_x000D_") || text.contains("_x000d_")
}

/// Whether a spreadsheet wrote this: `1.38E+10`, two digits at least after the sign.
pub(super) fn is_scientific(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['E', 'e']) else { return false };
    let Some(exponent) = exponent.strip_prefix(['+', '-']) else { return false };
    let is_digits = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let mantissa = mantissa.strip_prefix('-').unwrap_or(mantissa);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    whole.len() == 1 && is_digits(whole) && is_digits(fraction) && exponent.len() >= 2 && is_digits(exponent)
}

#[cfg(test)]
mod tests {
    use crate::codec::sheet::RawCell;
    use crate::extract::sample::{check, read, text, typed};
    use crate::extract::value;
    use crate::model::{Field, FieldType, Format};

    #[test]
    fn text_is_trimmed_and_has_one_kind_of_line_end() {
        check(
            &typed(FieldType::String),
            &[
                ("  上海 贸易\u{3000}", "上海 贸易"),
                ("\u{feff}\u{202a}C-1\u{202c}", "C-1"),
                ("a\r\nb\rc\nd", "a\nb\nc\nd"),
                ("a_x000D_\nb_x000D_", "a\nb"),
                ("a_b", "a_b"),
                ("Ａ１", "Ａ１"),
                ("\u{200b}\u{3000}", "-"),
                ("#N/A", "!cell-error"),
                ("#########", "!cell-error"),
                ("#1 customer", "#1 customer"),
                ("1.38E+10", "1.38E+10"),
            ],
        );
    }

    #[test]
    fn ids_typed_as_numbers_keep_their_digits() {
        let field = typed(FieldType::String);
        assert_eq!(read(&RawCell::Number(13_800_000_000.0), &field), "13800000000");
        assert_eq!(read(&RawCell::Number(999_999_999_999_999.0), &field), "999999999999999");
        assert_eq!(read(&RawCell::Number(0.1 + 0.2), &field), "0.3");
        assert_eq!(read(&RawCell::Number(-1.5), &field), "-1.5");
        assert_eq!(read(&RawCell::Number(1.101_011_990_030_712e17), &field), "!number-lost-digits");
        assert_eq!(read(&RawCell::Number(f64::NAN), &field), "!number-out-of-range");
        assert_eq!(read(&RawCell::Boolean(true), &field), "TRUE");
    }

    #[test]
    fn digits_lost_to_scientific_notation_are_told_where_they_matter() {
        let plain = typed(FieldType::String);
        let phone = Field { format: Some(Format::Phone), ..plain.clone() };
        for written in ["1.38E+10", "1E+17", "1.1010119900307e+17"] {
            assert_eq!(read(&text(written), &phone), "!scientific-notation");
            assert_eq!(
                value::read(&text(written), &plain, true).map_err(|error| error.code.0),
                Err("scientific-notation")
            );
        }
        for written in ["1E5", "12E+10", "E+10", "1.38E+1x", "1.E+10"] {
            assert!(value::read(&text(written), &plain, true).is_ok(), "{written}");
        }
    }
}
