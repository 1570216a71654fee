//! Numbers: from number cells, and from texts as people write amounts.
//!
//! A spreadsheet keeps 15 significant digits, and writers differ in what they make of the rest (0.1162332380673584
//! becomes 0.116233238067358 in WPS). So a number cell is rounded to 15 digits. A text keeps all its digits.

use compact_str::{CompactString, ToCompactString};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::model::Value;
use crate::model::compare::{compatible, is_invisible};

use super::fault::Fault;

pub(super) const NOT_A_NUMBER: Fault =
    Fault::new("not-a-number", "is not a number", "Write it in digits, such as 1234.50.");
const NOT_AN_INTEGER: Fault =
    Fault::new("not-an-integer", "is not a whole number", "Write a whole number, without decimals.");
const OUT_OF_RANGE: Fault =
    Fault::new("number-out-of-range", "is larger than Daybook can keep", "Check the number of zeros.");
const LOST_DIGITS: Fault = Fault::new(
    "number-lost-digits",
    "has more than 15 digits, and a spreadsheet keeps only 15 of a number",
    "Format the column as text and type the whole number again.",
);
const LOST_DIGITS_SHOWN: Fault = Fault::new(
    "scientific-notation",
    "is a number in scientific notation: some of its digits may be lost",
    "Type the whole number.",
);

/// From here on a whole number has 16 digits.
const WHOLE_MAX: f64 = 1e15;
/// What stands before or after an amount; longest first.
const CURRENCIES: [&str; 8] = ["人民币", "rmb", "cny", "元整", "元", "圆", "¥", "$"];
/// Units that multiply.
const UNITS: [(&str, i64); 2] = [("万", 10_000), ("亿", 100_000_000)];

/// A number cell in a text field: ids and telephone numbers that a spreadsheet took for numbers.
pub(super) fn text_of(typed: f64) -> Result<CompactString, Fault> {
    if typed.abs() >= WHOLE_MAX {
        return Err(LOST_DIGITS);
    }
    decimal_of(typed).map(|number| number.to_compact_string()).ok_or(OUT_OF_RANGE)
}

pub(super) fn integer_of(typed: f64) -> Result<Value, Fault> {
    if typed.abs() >= WHOLE_MAX {
        return Err(LOST_DIGITS);
    }
    to_integer(decimal_of(typed).ok_or(OUT_OF_RANGE)?)
}

pub(super) fn number_of(typed: f64) -> Result<Value, Fault> {
    decimal_of(typed).map(Value::Number).ok_or(OUT_OF_RANGE)
}

pub(super) fn integer_of_text(written: &str) -> Result<Value, Fault> {
    let amount = Amount::read(written)?;
    if amount.scientific {
        return Err(LOST_DIGITS_SHOWN);
    }
    if amount.percent { Err(NOT_AN_INTEGER) } else { to_integer(amount.number) }
}

pub(super) fn number_of_text(written: &str) -> Result<Value, Fault> {
    let amount = Amount::read(written)?;
    let number = if amount.percent {
        // Two more decimals: an amount with 27 has no room for them and is rounded.
        amount.number.checked_div(Decimal::ONE_HUNDRED).ok_or(OUT_OF_RANGE)?
    } else {
        amount.number
    };
    Ok(Value::Number(number.normalize()))
}

fn to_integer(number: Decimal) -> Result<Value, Fault> {
    if !number.fract().is_zero() {
        return Err(NOT_AN_INTEGER);
    }
    number.to_i64().map(Value::Integer).ok_or(OUT_OF_RANGE)
}

/// A number cell as a decimal of 15 significant digits, without trailing zeros.
///
/// `None` for infinities, for what is no number, and beyond 7.9e28. What is smaller than 1e-28 is zero: it is what
/// remains when a formula takes equal amounts from each other.
pub(super) fn decimal_of(typed: f64) -> Option<Decimal> {
    if !typed.is_finite() {
        return None;
    }
    if typed.fract() == 0.0 && typed.abs() < WHOLE_MAX {
        #[expect(clippy::cast_possible_truncation, reason = "a whole number of at most 15 digits fits")]
        return Some(Decimal::from(typed as i64));
    }
    if let Some(number) = amount_of(typed) {
        return Some(number);
    }
    // One digit, a point, 14 digits, an exponent: the standard library rounds exactly.
    let text = format!("{typed:.14e}");
    let (mantissa, exponent) = text.split_once('e')?;
    let mut digits: i128 = mantissa.chars().filter(|c| *c != '.').collect::<String>().parse().ok()?;
    let mut exponent = exponent.parse::<i32>().ok()? - 14;
    while exponent < 0 && digits % 10 == 0 && digits != 0 {
        digits /= 10;
        exponent += 1;
    }
    while exponent < -28 && digits != 0 {
        digits = if exponent == -29 { (digits + 5 * digits.signum()) / 10 } else { digits / 10 };
        exponent += 1;
    }
    if digits == 0 {
        return Some(Decimal::ZERO);
    }
    let Ok(scale) = u32::try_from(-exponent) else {
        let factor = 10_i128.checked_pow(exponent.unsigned_abs())?;
        return Decimal::try_from_i128_with_scale(digits.checked_mul(factor)?, 0).ok();
    };
    Decimal::try_from_i128_with_scale(digits, scale).ok().map(|number| number.normalize())
}

/// The decimal of a number with two or four decimals, which most amounts have.
///
/// If a whole number of at most 15 digits divided by 100 gives just this double, then that quotient is what a person
/// typed: a double tells all decimals of 15 digits apart.
fn amount_of(typed: f64) -> Option<Decimal> {
    [(100.0, 2), (10_000.0, 4)].into_iter().find_map(|(factor, scale)| {
        let whole = (typed * factor).round();
        let exact = whole.abs() < WHOLE_MAX && (whole / factor).to_bits() == typed.to_bits();
        #[expect(clippy::cast_possible_truncation, reason = "a whole number of at most 15 digits fits")]
        exact.then(|| Decimal::new(whole as i64, scale).normalize())
    })
}

/// An amount as a person writes it.
struct Amount {
    number: Decimal,
    percent: bool,
    scientific: bool,
}

impl Amount {
    /// Reads `1,234.50`, `１２３４`, `￥1,234.50元`, `3.5万`, `12%`, `(1,234.50)`, `-¥5`, `1.5E-3`.
    ///
    /// A comma separates thousands and nothing else: `1,5` and `1.234,50` are refused, not guessed.
    fn read(written: &str) -> Result<Self, Fault> {
        if let Some(number) = plain(written) {
            return number.map(|number| Self { number, percent: false, scientific: false });
        }
        let text: String = compatible(written)
            .chars()
            .filter(|c| !is_invisible(*c))
            .flat_map(char::to_lowercase)
            .map(|c| if matches!(c, '\u{2212}' | '\u{2013}') { '-' } else { c })
            .collect();
        let (inner, bracketed) = match text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
            Some(inner) => (inner, true),
            None => (text.as_str(), false),
        };
        let (rest, sign_before) = without_sign(inner);
        let rest = CURRENCIES.iter().find_map(|mark| rest.strip_prefix(mark)).unwrap_or(rest);
        let (rest, sign_after) = without_sign(rest);
        if usize::from(bracketed) + usize::from(sign_before.is_some()) + usize::from(sign_after.is_some()) > 1 {
            return Err(NOT_A_NUMBER);
        }
        let negative = bracketed || sign_before == Some('-') || sign_after == Some('-');
        let rest = CURRENCIES.iter().find_map(|mark| rest.strip_suffix(mark)).unwrap_or(rest);
        let (rest, percent) = rest.strip_suffix('%').map_or((rest, false), |rest| (rest, true));
        let unit = UNITS.iter().find_map(|(unit, factor)| Some((rest.strip_suffix(unit)?, *factor)));
        let (digits, factor) = unit.filter(|_| !percent).unwrap_or((rest, 1));
        let (number, scientific) = number_of_digits(digits)?;
        let number = number.checked_mul(Decimal::from(factor)).ok_or(OUT_OF_RANGE)?;
        Ok(Self { number: if negative { -number } else { number }.normalize(), percent, scientific })
    }
}

/// The text without its sign, and the sign.
fn without_sign(text: &str) -> (&str, Option<char>) {
    match text.strip_prefix(['-', '+']) {
        Some(rest) => (rest, text.chars().next()),
        None => (text, None),
    }
}

/// The number of a text that is nothing but digits, a sign and a point, which most are. `None` if it is not.
fn plain(text: &str) -> Option<Result<Decimal, Fault>> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    is_plain(digits).then(|| text.parse::<Decimal>().map(|number| number.normalize()).map_err(|_| OUT_OF_RANGE))
}

/// Digits with at most one point, and a digit on one side of it at least.
fn is_plain(text: &str) -> bool {
    let points = text.bytes().filter(|b| *b == b'.').count();
    points <= 1 && text.len() > points && text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

/// The number without sign, and whether it was written with an exponent.
fn number_of_digits(text: &str) -> Result<(Decimal, bool), Fault> {
    if let Some((mantissa, exponent)) = text.split_once('e') {
        let (exponent, sign) = without_sign(exponent);
        let small = !exponent.is_empty() && exponent.len() <= 3 && exponent.bytes().all(|b| b.is_ascii_digit());
        if !is_plain(mantissa) || !small {
            return Err(NOT_A_NUMBER);
        }
        // Through a double, which is what the spreadsheet had when it wrote this.
        let sign = if sign == Some('-') { "-" } else { "" };
        let number: f64 = format!("{mantissa}e{sign}{exponent}").parse().map_err(|_| NOT_A_NUMBER)?;
        return decimal_of(number).map(|number| (number, true)).ok_or(OUT_OF_RANGE);
    }
    let digits = without_thousands(text).ok_or(NOT_A_NUMBER)?;
    if !is_plain(&digits) {
        return Err(NOT_A_NUMBER);
    }
    digits.parse::<Decimal>().map(|number| (number, false)).map_err(|_| OUT_OF_RANGE)
}

/// Takes commas out that stand where thousands are separated; `None` if one stands elsewhere.
fn without_thousands(text: &str) -> Option<String> {
    if !text.contains(',') {
        return Some(text.to_owned());
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut groups = whole.split(',');
    let first = groups.next().is_some_and(|group| (1..=3).contains(&group.len()));
    let proper = first && groups.all(|group| group.len() == 3) && !fraction.contains(',');
    proper.then(|| text.replace(',', ""))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use crate::codec::sheet::RawCell;
    use crate::extract::sample::{check, read, typed};
    use crate::model::FieldType;

    #[test]
    fn amounts_are_read_as_people_write_them() {
        check(
            &typed(FieldType::Number),
            &[
                ("1234.50", "1234.5"),
                ("1,234.50", "1234.5"),
                ("１，２３４．５０", "1234.5"),
                ("￥1,234.50", "1234.5"),
                ("¥ 1 234", "1234"),
                ("1234元", "1234"),
                ("RMB 1234", "1234"),
                ("$-5", "-5"),
                ("-$5", "-5"),
                ("(1,234.50)", "-1234.5"),
                ("（5）", "-5"),
                ("−5", "-5"),
                ("+5", "5"),
                ("-0", "0"),
                (".5", "0.5"),
                ("5.", "5"),
                ("3.5万", "35000"),
                ("3.5万元", "35000"),
                ("1.2亿", "120000000"),
                ("12%", "0.12"),
                ("12.5％", "0.125"),
                ("1.5E-3", "0.0015"),
                ("1.38E+10", "13800000000"),
                ("0.1162332380673584", "0.1162332380673584"),
            ],
        );
    }

    #[test]
    fn what_is_no_clear_number_is_not_guessed() {
        check(
            &typed(FieldType::Number),
            &[
                ("1,5", "!not-a-number"),
                ("1.234,50", "!not-a-number"),
                ("1,2345", "!not-a-number"),
                (",123", "!not-a-number"),
                ("1.2.3", "!not-a-number"),
                ("--5", "!not-a-number"),
                ("-(5)", "!not-a-number"),
                ("-¥-5", "!not-a-number"),
                ("12%万", "!not-a-number"),
                ("万", "!not-a-number"),
                ("€5", "!not-a-number"),
                ("1_000", "!not-a-number"),
                ("¥", "!not-a-number"),
                ("五", "!not-a-number"),
                ("1e", "!not-a-number"),
                ("99999999999999999999999999999999", "!number-out-of-range"),
                ("1e99", "!number-out-of-range"),
            ],
        );
    }

    #[test]
    fn whole_numbers_have_no_fraction_and_all_their_digits() {
        check(
            &typed(FieldType::Integer),
            &[
                ("1,234", "1234"),
                ("3.5万", "35000"),
                ("5.0", "5"),
                ("9223372036854775807", "9223372036854775807"),
                ("5.5", "!not-an-integer"),
                ("12%", "!not-an-integer"),
                ("1.38E+10", "!scientific-notation"),
                ("9223372036854775808", "!number-out-of-range"),
            ],
        );
        let field = typed(FieldType::Integer);
        assert_eq!(read(&RawCell::Number(2.999_999_999_999_999_6), &field), "3");
        assert_eq!(read(&RawCell::Number(2.5), &field), "!not-an-integer");
        assert_eq!(read(&RawCell::Number(1_234_567_890_123_450.0), &field), "!number-lost-digits");
        assert_eq!(read(&RawCell::Boolean(true), &field), "!not-a-number");
    }

    proptest::proptest! {
        #[test]
        fn a_number_of_fifteen_digits_is_kept(digits in -999_999_999_999_999_i64..=999_999_999_999_999, scale in 0_u32..20) {
            let decimal = Decimal::new(digits, scale).normalize();
            proptest::prop_assert_eq!(decimal_of(decimal.to_string().parse().unwrap()), Some(decimal));
        }
    }

    #[test]
    fn a_number_cell_has_fifteen_digits() {
        let shown = |typed: f64| decimal_of(typed).map(|number| number.to_string());
        assert_eq!(shown(0.116_233_238_067_358_4), shown(0.116_233_238_067_358));
        assert_eq!(shown(0.1 + 0.2).as_deref(), Some("0.3"));
        assert_eq!(shown(1e20).as_deref(), Some("100000000000000000000"));
        assert_eq!(shown(-1.5e-9).as_deref(), Some("-0.0000000015"));
        assert_eq!(shown(1.5e-28).as_deref(), Some("0.0000000000000000000000000002"));
        assert_eq!(shown(1e-300).as_deref(), Some("0"));
        assert_eq!(shown(-0.0).as_deref(), Some("0"));
        assert_eq!(shown(1e29), None);
        assert_eq!(shown(f64::INFINITY), None);
    }
}
