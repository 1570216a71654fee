//! Values in their one canonical form, and cells: what a place in a sheet may hold.

use std::cmp::Ordering;
use std::fmt;

use compact_str::CompactString;
use jiff::civil;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// A typed value in canonical form: two values mean the same if and only if they are equal.
///
/// What brings a written text into this form stands in `extract`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Value {
    /// Text without outer white space, never empty, line ends as `\n`.
    Text(CompactString),
    /// A whole number.
    Integer(i64),
    /// A decimal number without trailing zeros; from a workbook, rounded to 15 significant digits.
    Number(#[serde(with = "decimal")] Decimal),
    /// True or false.
    Boolean(bool),
    /// A calendar date.
    Date(#[serde(with = "civil_date")] civil::Date),
    /// A local date and time, in the office's time zone, to the second.
    DateTime(#[serde(with = "civil_datetime")] civil::DateTime),
    /// Texts without order or repetition, kept sorted; never empty.
    List(Box<[CompactString]>),
}

impl Value {
    /// Orders two values of one type; texts by code point. `None` for different types.
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => Some(a.cmp(b)),
            (Self::Integer(a), Self::Integer(b)) => Some(a.cmp(b)),
            (Self::Number(a), Self::Number(b)) => Some(a.cmp(b)),
            (Self::Boolean(a), Self::Boolean(b)) => Some(a.cmp(b)),
            (Self::Date(a), Self::Date(b)) => Some(a.cmp(b)),
            (Self::DateTime(a), Self::DateTime(b)) => Some(a.cmp(b)),
            (Self::List(a), Self::List(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }
}

/// Writes the value as a person reads it: dates as `2026-03-01`, lists joined by `; `.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Integer(number) => number.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Boolean(flag) => flag.fmt(f),
            Self::Date(date) => date.fmt(f),
            Self::DateTime(at) => at.strftime("%Y-%m-%dT%H:%M:%S").fmt(f),
            Self::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        f.write_str("; ")?;
                    }
                    f.write_str(item)?;
                }
                Ok(())
            }
        }
    }
}

/// What a place holds, or held when somebody saw it.
///
/// "Absent" (the sheet has no such column) and "never filled" are the absence of a `Cell`;
/// [`Cell::Blank`] is a place that is there and empty. In the ledger a `Blank` says that the value was cleared.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Cell {
    /// There, and empty.
    Blank,
    /// A value in canonical form.
    Value(Value),
    /// What was typed and could not be read as the field's type. Remembered as seen, never posted.
    Raw(CompactString),
    /// A mask that Daybook showed in place of a value that the reader may not see.
    Masked(CompactString),
    /// A formula, with its last result as the field's type; `None` if that is empty, an error or not of the type.
    /// Remembered as seen. A result that changes is no edit.
    Formula(Option<Box<Value>>),
}

impl Cell {
    /// The value, if the cell holds one.
    pub fn value(&self) -> Option<&Value> {
        match self {
            Self::Value(value) => Some(value),
            Self::Blank | Self::Raw(_) | Self::Masked(_) | Self::Formula(_) => None,
        }
    }

    /// Whether a place that showed `self` and now shows `seen` was left alone.
    ///
    /// A mask is left alone if the same text still stands there, whatever it was read as; a formula if any formula does.
    pub fn is_same_as(&self, seen: &Self) -> bool {
        match (self, seen) {
            (Self::Masked(mask), Self::Raw(text)) | (Self::Raw(text), Self::Masked(mask)) => mask == text,
            (Self::Masked(mask), Self::Value(value)) | (Self::Value(value), Self::Masked(mask)) => {
                value.to_string() == mask.as_str()
            }
            (Self::Formula(_), Self::Formula(_)) => true,
            _ => self == seen,
        }
    }
}

impl From<Value> for Cell {
    fn from(value: Value) -> Self {
        Self::Value(value)
    }
}

/// Writes the cell as a person reads it; a blank is the empty text, a formula its result.
impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blank => Ok(()),
            Self::Value(value) => value.fmt(f),
            Self::Raw(text) | Self::Masked(text) => f.write_str(text),
            Self::Formula(result) => result.as_ref().map_or(Ok(()), |value| value.fmt(f)),
        }
    }
}

/// Keeps a decimal as its digits and how many of them stand after the point: the crate's own form can't be read back
/// from a format that does not describe itself, such as the store's.
mod decimal {
    use rust_decimal::Decimal;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(number: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
        (number.mantissa(), number.scale()).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
        let (mantissa, scale) = Deserialize::deserialize(deserializer)?;
        Decimal::try_from_i128_with_scale(mantissa, scale).map_err(D::Error::custom)
    }
}

/// Keeps a date as year, month, day.
mod civil_date {
    use jiff::civil::Date;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
    pub(super) fn serialize<S: Serializer>(date: &Date, serializer: S) -> Result<S::Ok, S::Error> {
        (date.year(), date.month(), date.day()).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
        let (year, month, day) = Deserialize::deserialize(deserializer)?;
        Date::new(year, month, day).map_err(D::Error::custom)
    }
}

/// Keeps a date and time as its six numbers.
mod civil_datetime {
    use jiff::civil::DateTime;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(at: &DateTime, serializer: S) -> Result<S::Ok, S::Error> {
        (at.year(), at.month(), at.day(), at.hour(), at.minute(), at.second()).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTime, D::Error> {
        let (year, month, day, hour, minute, second) = Deserialize::deserialize(deserializer)?;
        DateTime::new(year, month, day, hour, minute, second, 0).map_err(D::Error::custom)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    #[test]
    fn every_type_of_value_can_be_read_back_from_the_store() {
        let values = [
            Value::Text("示例".into()),
            Value::Integer(-5),
            Value::Number("-12500.50".parse().unwrap()),
            Value::Number(Decimal::MAX),
            Value::Boolean(true),
            Value::Date(civil::date(2026, 3, 31)),
            Value::DateTime(civil::date(2026, 3, 31).at(9, 30, 0, 0)),
            Value::List(["a".into(), "b".into()].into()),
        ];
        for value in values {
            let cell = Cell::Value(value);
            let bytes = postcard::to_stdvec(&cell).unwrap();
            assert_eq!(postcard::from_bytes::<Cell>(&bytes).unwrap(), cell);
        }
    }
}
