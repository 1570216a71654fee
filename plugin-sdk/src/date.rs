//! A day of the calendar.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer};

/// A day of the Gregorian calendar, from the year 1 to 9999, in the contract's form: `2026-03-01`.
///
/// ```
/// use daybook_plugin_sdk::Date;
///
/// let signed = Date::parse("2026-03-01").unwrap();
/// assert_eq!(signed.days_until(Date::new(2027, 3, 1).unwrap()), 365);
/// assert_eq!(signed.to_string(), "2026-03-01");
/// assert_eq!(Date::parse("2026-02-29"), None);
/// ```
///
/// In settings it is a text of the same form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// The day, if the calendar has it.
    pub const fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        if year >= 1 && year <= 9999 && month >= 1 && month <= 12 && day >= 1 && day <= days_in(year, month) {
            Some(Self { year, month, day })
        } else {
            None
        }
    }

    /// Reads `2026-03-01`, and no other form.
    pub fn parse(text: &str) -> Option<Self> {
        let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text.as_bytes() else { return None };
        let pair = |tens: u8, ones: u8| Some(digit(tens)? * 10 + digit(ones)?);
        let year = u16::from(pair(y1, y2)?) * 100 + u16::from(pair(y3, y4)?);
        Self::new(year, pair(m1, m2)?, pair(d1, d2)?)
    }

    /// The year, from 1 to 9999.
    pub const fn year(self) -> u16 {
        self.year
    }

    /// The month, from 1 to 12.
    pub const fn month(self) -> u8 {
        self.month
    }

    /// The day of the month, from 1 to 31.
    pub const fn day(self) -> u8 {
        self.day
    }

    /// How many days later `other` is; negative if it is earlier.
    pub const fn days_until(self, other: Self) -> i32 {
        other.number() - self.number()
    }

    /// The days since the 1st of March of the year 0: leap days come last in years that begin in March.
    const fn number(self) -> i32 {
        let month = (self.month as i32 + 9) % 12;
        let year = self.year as i32 - month / 10;
        365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + self.day as i32 - 1
    }
}

const fn digit(byte: u8) -> Option<u8> {
    if byte.is_ascii_digit() { Some(byte - b'0') } else { None }
}

const fn days_in(year: u16, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => 31,
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom(format!("`{text}` is not a date like `2026-03-01`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_over_leap_years() {
        let date = |text| Date::parse(text).expect("the test's own date");
        assert_eq!(date("2000-02-28").days_until(date("2000-03-01")), 2);
        assert_eq!(date("1900-02-28").days_until(date("1900-03-01")), 1);
        assert_eq!(date("1970-01-01").days_until(date("2026-03-01")), 20_513);
        assert_eq!(date("2026-03-01").days_until(date("2025-12-31")), -60);
        assert_eq!(date("0001-01-01").days_until(date("9999-12-31")), 3_652_058);
    }

    #[test]
    fn only_the_contracts_form_is_a_date() {
        for text in
            ["", "2026-3-1", "2026/03/01", "2026-00-01", "2026-13-01", "2026-04-31", "0000-01-01", "２０２６-03-01"]
        {
            assert_eq!(Date::parse(text), None, "{text}");
        }
        assert_eq!(Date::parse("2024-02-29").map(|date| date.to_string()).as_deref(), Some("2024-02-29"));
    }
}
