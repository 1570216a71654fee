//! An exact decimal number.

use std::cmp::Ordering;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};

/// The most digits behind the point.
const SCALE_MAX: u32 = 18;

/// An exact decimal number in the contract's form, like `-1234.50`: for amounts, which binary fractions can't hold.
///
/// It has up to 18 digits behind the point, and so many before it that the whole fits in 38 digits. Numbers of the same value
/// are equal, however many zeros they were written with.
///
/// ```
/// use daybook_plugin_sdk::Decimal;
///
/// let price = Decimal::parse("1234.50").unwrap();
/// assert_eq!(price, Decimal::parse("1234.5").unwrap());
/// assert!(price > Decimal::from(1234));
/// assert_eq!(price.to_string(), "1234.5");
/// assert_eq!((price + Decimal::parse("0.505").unwrap()).to_string(), "1235.005");
/// ```
///
/// In settings it is a number, or a text where the exact digits matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Decimal {
    /// The number is `units` / 10^`scale`; `units` doesn't end in 0 unless `scale` is 0.
    units: i128,
    scale: u32,
}

impl Decimal {
    /// Zero.
    pub const ZERO: Self = Self { units: 0, scale: 0 };

    /// Reads digits with at most one `.` between them and at most one `-` in front; no other form.
    pub fn parse(text: &str) -> Option<Self> {
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let point_without_digits = fraction.is_empty() && whole.len() != unsigned.len();
        if whole.is_empty() || point_without_digits || fraction.len() > SCALE_MAX as usize {
            return None;
        }
        let mut units: i128 = 0;
        for byte in whole.bytes().chain(fraction.bytes()) {
            if !byte.is_ascii_digit() {
                return None;
            }
            units = units.checked_mul(10)?.checked_add(i128::from(byte - b'0'))?;
        }
        if unsigned.len() != text.len() {
            units = -units;
        }
        Some(Self { units, scale: u32::try_from(fraction.len()).ok()? }.shortest())
    }

    /// Whether it is below zero.
    pub const fn is_negative(self) -> bool {
        self.units < 0
    }

    /// Whether it is zero.
    pub const fn is_zero(self) -> bool {
        self.units == 0
    }

    /// How many digits it needs behind the point.
    pub const fn scale(self) -> u32 {
        self.scale
    }

    /// The nearest binary fraction, for reckoning in which the last digit doesn't matter.
    #[expect(clippy::cast_precision_loss, reason = "that is what the name says")]
    pub fn to_f64(self) -> f64 {
        self.units as f64 / 10_f64.powi(self.scale.cast_signed())
    }

    /// The sum, if it fits.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let scale = self.scale.max(other.scale);
        let units = self.at(scale)?.checked_add(other.at(scale)?)?;
        Some(Self { units, scale }.shortest())
    }

    /// The units at a scale that is not smaller than its own.
    fn at(self, scale: u32) -> Option<i128> {
        self.units.checked_mul(10_i128.checked_pow(scale - self.scale)?)
    }

    fn shortest(mut self) -> Self {
        while self.scale > 0 && self.units % 10 == 0 {
            self.units /= 10;
            self.scale -= 1;
        }
        self
    }
}

impl From<i64> for Decimal {
    fn from(number: i64) -> Self {
        Self { units: number.into(), scale: 0 }
    }
}

impl std::ops::Add for Decimal {
    type Output = Self;

    /// # Panics
    ///
    /// If the sum has more than 38 digits.
    fn add(self, other: Self) -> Self {
        self.checked_add(other).expect("a sum has at most 38 digits")
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let scale = self.scale.max(other.scale);
        // What doesn't fit at the finer scale is larger than all that does.
        let beyond = |number: &Self| if number.units < 0 { i128::MIN } else { i128::MAX };
        let units = |number: &Self| number.at(scale).unwrap_or_else(|| beyond(number));
        units(self).cmp(&units(other))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.units < 0 { "-" } else { "" };
        let power = 10_u128.pow(self.scale);
        let (whole, fraction) = (self.units.unsigned_abs() / power, self.units.unsigned_abs() % power);
        if self.scale == 0 {
            return write!(f, "{sign}{whole}");
        }
        write!(f, "{sign}{whole}.{fraction:0width$}", width = self.scale as usize)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FromSettings)
    }
}

/// Reads a number or a text.
struct FromSettings;

impl Visitor<'_> for FromSettings {
    type Value = Decimal;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, or a text like \"1234.50\"")
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Decimal, E> {
        Ok(number.into())
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Decimal, E> {
        Ok(Decimal { units: number.into(), scale: 0 })
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Decimal, E> {
        // The shortest digits that mean this very fraction: what was typed.
        self.visit_str(&number.to_string())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Decimal, E> {
        Decimal::parse(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).expect("the test's own number")
    }

    #[test]
    fn numbers_of_one_value_are_equal_and_ordered() {
        let ascending = [
            "-100000000000000000000",
            "-1.5",
            "-0.000000000000000001",
            "0",
            "0.1",
            "0.10001",
            "2",
            "9999999999999999999999",
        ];
        for pair in ascending.windows(2) {
            assert!(decimal(pair[0]) < decimal(pair[1]), "{pair:?}");
        }
        assert_eq!(decimal("-0.00"), Decimal::ZERO);
        assert_eq!(decimal("1.10"), decimal("1.1"));
        // At the scale of the other this has more digits than there is room for.
        assert!(decimal("99999999999999999999999999999999999999") > decimal("0.000000000000000001"));
    }

    #[test]
    fn only_the_contracts_form_is_a_number() {
        for text in ["", "-", ".5", "5.", "1e5", "+1", "1,000", "1.2.3", "--1", "１", "0.1234567890123456789"] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }

    #[test]
    fn it_is_written_as_it_is_read() {
        for text in ["0", "-12", "1234.5", "-0.05", "0.000000000000000001"] {
            assert_eq!(decimal(text).to_string(), text);
        }
    }

    #[test]
    fn settings_have_numbers_or_texts() {
        let read = |json: &str| serde_json::from_str::<Decimal>(json).map(|number| number.to_string());
        assert_eq!(read("100000").ok().as_deref(), Some("100000"));
        assert_eq!(read("0.1").ok().as_deref(), Some("0.1"));
        assert_eq!(read("\"1234.50\"").ok().as_deref(), Some("1234.5"));
        assert!(read("\"viel\"").is_err() && read("true").is_err() && read("1e300").is_err());
    }
}
