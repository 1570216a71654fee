//! The one canonical form of a cell, from which both its share of the row's hash and its [`RawCell`] are made.
//!
//! Two ways of writing the same content (a shared or an inline string, a serial number or ISO text for a date, 1900 or
//! 1904 dates) give the same canonical form, so that a re-saved workbook has the rows that it had. Texts are borrowed
//! where they need no cleaning: a row that is known costs no allocation.

use std::borrow::Cow;

use calamine::{Data, DataRef, ExcelDateTime, ExcelDateTimeType};
use compact_str::{CompactString, ToCompactString, format_compact};
use jiff::civil::{Date, DateTime, Time, date};
use jiff::{SignedDuration, SignedDurationRound, ToSpan, Unit};

use super::sheet::RawCell;

const DAY_SECONDS: i64 = 86_400;
/// What lies between the first days of the two date systems of workbooks.
const DAYS_FROM_1900_TO_1904: i64 = 1_462;
/// The serial number of 29 February 1900, a day that never was but that 1900 workbooks count.
const PHANTOM_DAY: i64 = 60;
/// The serial number of the day after 9999-12-31.
const DAY_AFTER_LAST: i64 = 2_958_466;
/// The day with serial number 0, counted back from the days after the phantom one.
const EPOCH: Date = date(1899, 12, 30);

/// A cell that holds something.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Canonical<'a> {
    /// Not empty.
    Text(Cow<'a, str>),
    Number(f64),
    Boolean(bool),
    /// Seconds since the start of 1899-12-30, without a time zone.
    Moment(i64),
    /// Seconds.
    Span(i64),
    Error(Cow<'a, str>),
}

/// A cell as a parser gives it.
pub(super) trait Raw {
    /// Its canonical form; `None` if it is empty.
    fn canonical(&self) -> Option<Canonical<'_>>;
}

impl Raw for DataRef<'_> {
    #[inline]
    fn canonical(&self) -> Option<Canonical<'_>> {
        match self {
            Self::Empty => None,
            Self::String(value) => text(value),
            Self::SharedString(value) => text(value),
            Self::Float(value) => Some(number(*value)),
            Self::Int(value) => Some(whole(*value)),
            Self::Bool(value) => Some(Canonical::Boolean(*value)),
            Self::DateTime(value) => Some(serial(*value)),
            Self::DateTimeIso(value) | Self::DurationIso(value) => iso(value),
            Self::Error(value) => Some(Canonical::Error(value.to_string().into())),
        }
    }
}

impl Raw for Data {
    fn canonical(&self) -> Option<Canonical<'_>> {
        match self {
            Self::Empty => None,
            Self::String(value) => text(value),
            Self::Float(value) => Some(number(*value)),
            Self::Int(value) => Some(whole(*value)),
            Self::Bool(value) => Some(Canonical::Boolean(*value)),
            Self::DateTime(value) => Some(serial(*value)),
            Self::DateTimeIso(value) | Self::DurationIso(value) => iso(value),
            Self::Error(value) => Some(Canonical::Error(value.to_string().into())),
        }
    }
}

impl<T: Raw + ?Sized> Raw for &T {
    fn canonical(&self) -> Option<Canonical<'_>> {
        (**self).canonical()
    }
}

impl Raw for str {
    fn canonical(&self) -> Option<Canonical<'_>> {
        text(self)
    }
}

impl Canonical<'_> {
    /// Appends the cell's share of the row's bytes: what it is, where it stands and how long it is in eight bytes, then
    /// its content. No two different rows have the same bytes, for columns below 2^24 and texts below 4 GB.
    #[inline]
    pub(super) fn append(&self, column: u32, row: &mut Vec<u8>) {
        let head = |tag: u8, length: usize| (u64::from(tag) << 56) | (u64::from(column) << 32) | length as u64;
        let (tag, content) = match self {
            Self::Text(value) => return append_text(head(b't', value.len()), value, row),
            Self::Error(value) => return append_text(head(b'e', value.len()), value, row),
            Self::Number(value) => (b'n', value.to_bits()),
            Self::Moment(value) => (b'm', value.cast_unsigned()),
            Self::Span(value) => (b's', value.cast_unsigned()),
            Self::Boolean(value) => (b'b', u64::from(*value)),
        };
        let both = u128::from(head(tag, 0)) | (u128::from(content) << 64);
        row.extend_from_slice(&both.to_le_bytes());
    }

    /// How many bytes its text has; 0 for what is no text.
    #[inline]
    pub(super) fn text_bytes(&self) -> usize {
        match self {
            Self::Text(value) | Self::Error(value) => value.len(),
            Self::Number(_) | Self::Boolean(_) | Self::Moment(_) | Self::Span(_) => 0,
        }
    }

    /// The cell as it is sent.
    pub(super) fn to_cell(&self) -> RawCell {
        match self {
            Self::Text(value) => RawCell::Text(CompactString::from(value.as_ref())),
            Self::Error(value) => RawCell::Error(CompactString::from(value.as_ref())),
            Self::Number(value) => RawCell::Number(*value),
            Self::Boolean(value) => RawCell::Boolean(*value),
            Self::Span(value) => RawCell::Duration(clock(*value)),
            Self::Moment(value) => moment(*value).map_or(RawCell::Empty, RawCell::DateTime),
        }
    }

    /// The cell as a title: how a person would write it.
    pub(super) fn to_title(&self) -> CompactString {
        match self {
            Self::Text(value) | Self::Error(value) => value.trim().into(),
            // As `Display` of the standard library writes it: 2024, not 2024.0.
            Self::Number(value) => format_compact!("{value}"),
            Self::Boolean(value) => value.to_compact_string(),
            Self::Span(value) => clock(*value),
            Self::Moment(value) => match moment(*value) {
                Some(at) if at.time() == Time::midnight() => at.date().to_compact_string(),
                Some(at) => at.to_compact_string(),
                None => CompactString::default(),
            },
        }
    }
}

#[inline]
fn append_text(head: u64, value: &str, row: &mut Vec<u8>) {
    row.reserve(size_of::<u64>() + value.len());
    row.extend_from_slice(&head.to_le_bytes());
    row.extend_from_slice(value.as_bytes());
}

/// A text with `\n` line ends and without control characters; `None` if nothing is left.
#[inline]
pub(super) fn text(value: &str) -> Option<Canonical<'_>> {
    if !may_need_cleaning(value.as_bytes()) || !value.bytes().any(|byte| byte < b' ' && byte != b'\n' && byte != b'\t')
    {
        return (!value.is_empty()).then_some(Canonical::Text(Cow::Borrowed(value)));
    }
    let mut cleaned = String::with_capacity(value.len());
    let mut characters = value.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\r' => {
                characters.next_if_eq(&'\n');
                cleaned.push('\n');
            }
            '\n' | '\t' => cleaned.push(character),
            character if character < ' ' => {}
            character => cleaned.push(character),
        }
    }
    (!cleaned.is_empty()).then_some(Canonical::Text(Cow::Owned(cleaned)))
}

/// Whether any byte is below the space, eight bytes at a time: this runs over every text of a workbook, and nearly none
/// has such a byte.
#[inline]
fn may_need_cleaning(bytes: &[u8]) -> bool {
    const SPACES: u64 = u64::from_ne_bytes([b' '; 8]);
    const TOPS: u64 = u64::from_ne_bytes([0x80; 8]);
    let (words, rest) = bytes.as_chunks::<8>();
    let below = words.iter().fold(0, |below, word| {
        let word = u64::from_ne_bytes(*word);
        // A byte below the space borrows, which sets its top bit; a byte from 0x80 on had it set before.
        below | (word.wrapping_sub(SPACES) & !word)
    });
    below & TOPS != 0 || rest.iter().any(|byte| *byte < b' ')
}

/// A number; the two zeros are one, and so are all that are no number.
#[inline]
fn number<'a>(value: f64) -> Canonical<'a> {
    if value.is_nan() {
        return Canonical::Number(f64::NAN);
    }
    Canonical::Number(if value == 0.0 { 0.0 } else { value })
}

#[expect(
    clippy::cast_precision_loss,
    reason = "workbooks hold 30-bit integers; all numbers are doubles to their users"
)]
fn whole<'a>(value: i64) -> Canonical<'a> {
    Canonical::Number(value as f64)
}

/// A serial number with a date or time format. What is below one day is a time of day; what is no day that ever was
/// stays a number.
fn serial<'a>(value: ExcelDateTime) -> Canonical<'a> {
    let days = value.as_f64();
    if !days.is_finite() || days.abs() > 1e9 {
        return number(days);
    }
    #[expect(clippy::cast_possible_truncation, reason = "bounded above")]
    #[expect(clippy::cast_precision_loss, reason = "86400 is exact")]
    let seconds = (days * DAY_SECONDS as f64).round() as i64;
    if value.is_duration() || (0..DAY_SECONDS).contains(&seconds) {
        return Canonical::Span(seconds);
    }
    // There is no getter for the date system; a date equals itself made in the system that it was made in.
    let is_1904 = value == ExcelDateTime::new(days, ExcelDateTimeType::DateTime, true);
    match (seconds.div_euclid(DAY_SECONDS), is_1904) {
        (..=-1 | DAY_AFTER_LAST.., _) | (PHANTOM_DAY, false) => number(days),
        (day, false) if day < PHANTOM_DAY => Canonical::Moment(seconds + DAY_SECONDS),
        (_, false) => Canonical::Moment(seconds),
        (day, true) if day + DAYS_FROM_1900_TO_1904 >= DAY_AFTER_LAST => number(days),
        (_, true) => Canonical::Moment(seconds + DAYS_FROM_1900_TO_1904 * DAY_SECONDS),
    }
}

/// An ISO 8601 date, date and time, time or duration; anything else is text.
fn iso(value: &str) -> Option<Canonical<'_>> {
    let trimmed = value.trim();
    let local = trimmed.strip_suffix('Z').unwrap_or(trimmed);
    if let Some(at) = local.parse::<DateTime>().ok().and_then(|at| at.round(Unit::Second).ok()) {
        return Some(Canonical::Moment(seconds_of(at)));
    }
    if let Ok(time) = local.parse::<Time>() {
        let since_midnight = time.duration_since(Time::midnight());
        return Some(Canonical::Span(rounded_seconds(since_midnight)));
    }
    match trimmed.parse::<SignedDuration>() {
        Ok(duration) => Some(Canonical::Span(rounded_seconds(duration))),
        Err(_) => text(value),
    }
}

fn rounded_seconds(duration: SignedDuration) -> i64 {
    duration.round(SignedDurationRound::new().smallest(Unit::Second)).unwrap_or(duration).as_secs()
}

fn seconds_of(at: DateTime) -> i64 {
    at.duration_since(EPOCH.at(0, 0, 0, 0)).as_secs()
}

/// The date and time that is so many seconds after the start of [`EPOCH`].
fn moment(seconds: i64) -> Option<DateTime> {
    EPOCH.at(0, 0, 0, 0).checked_add(seconds.seconds()).ok()
}

/// `08:30:05`, `-36:00:00`.
fn clock(seconds: i64) -> CompactString {
    let sign = if seconds < 0 { "-" } else { "" };
    let all = seconds.unsigned_abs();
    format_compact!("{sign}{:02}:{:02}:{:02}", all / 3600, all / 60 % 60, all % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dated(days: f64, is_1904: bool) -> RawCell {
        serial(ExcelDateTime::new(days, ExcelDateTimeType::DateTime, is_1904)).to_cell()
    }

    fn spanned(days: f64) -> RawCell {
        serial(ExcelDateTime::new(days, ExcelDateTimeType::TimeDelta, false)).to_cell()
    }

    #[test]
    fn serial_numbers_become_dates() {
        let at = |year, month, day, hour, minute, second| {
            RawCell::DateTime(date(year, month, day).at(hour, minute, second, 0))
        };
        assert_eq!(dated(1.0, false), at(1900, 1, 1, 0, 0, 0));
        assert_eq!(dated(59.5, false), at(1900, 2, 28, 12, 0, 0));
        assert_eq!(dated(61.0, false), at(1900, 3, 1, 0, 0, 0));
        assert_eq!(dated(45_943.541, false), at(2025, 10, 13, 12, 59, 2));
        assert_eq!(dated(45_943.541 - 1462.0, true), at(2025, 10, 13, 12, 59, 2));
        assert_eq!(dated(1.0, true), at(1904, 1, 2, 0, 0, 0));
        assert_eq!(dated(2_958_465.0, false), at(9999, 12, 31, 0, 0, 0));
        // A float that falls short of a whole second, and of a whole day.
        assert_eq!(dated(44_484.791_666_666_7, false), at(2021, 10, 15, 19, 0, 0));
        assert_eq!(dated(44_484.999_999_999_9, false), at(2021, 10, 16, 0, 0, 0));
    }

    #[test]
    fn days_that_never_were_stay_numbers() {
        // The third rounds up to the day that never was.
        for days in [60.0, 60.5, 59.999_999_99, -1.0, 2_958_466.0, 1e18, f64::INFINITY] {
            assert_eq!(dated(days, false), RawCell::Number(days));
        }
        assert!(matches!(dated(f64::NAN, false), RawCell::Number(_)));
        assert_eq!(dated(2_957_004.0, true), RawCell::Number(2_957_004.0));
    }

    #[test]
    fn times_and_spans_are_written_as_a_clock() {
        assert_eq!(dated(0.354_224_537, false), RawCell::Duration("08:30:05".into()));
        assert_eq!(dated(0.0, true), RawCell::Duration("00:00:00".into()));
        assert_eq!(spanned(1.5), RawCell::Duration("36:00:00".into()));
        assert_eq!(spanned(-0.5), RawCell::Duration("-12:00:00".into()));
        for (written, read) in [("PT36H00M00S", "36:00:00"), ("PT8H30M4.6S", "08:30:05"), ("08:30:05", "08:30:05")] {
            assert_eq!(iso(written).map(|cell| cell.to_cell()), Some(RawCell::Duration(read.into())));
        }
    }

    #[test]
    fn iso_text_and_serial_number_are_one() {
        let serial = serial(ExcelDateTime::new(45_943.5, ExcelDateTimeType::DateTime, false));
        for written in ["2025-10-13T12:00:00", "2025-10-13T12:00:00Z", "2025-10-13T11:59:59.7", " 2025-10-13T12:00 "] {
            assert_eq!(iso(written), Some(serial.clone()), "{written}");
        }
        assert_eq!(iso("2025-10-13").map(|cell| cell.to_title()), Some("2025-10-13".into()));
        assert_eq!(iso("next week"), Some(Canonical::Text("next week".into())));
    }

    #[test]
    fn texts_lose_what_nobody_typed() {
        let cleaned = |value| text(value).map(|cell| cell.to_cell());
        assert_eq!(cleaned("a\r\nb\rc\nd\te"), Some(RawCell::Text("a\nb\nc\nd\te".into())));
        assert_eq!(cleaned("a\u{0}\u{7}b"), Some(RawCell::Text("ab".into())));
        assert_eq!(cleaned("\u{0}"), None);
        assert_eq!(cleaned(""), None);
        assert_eq!(cleaned("long enough for\u{1f} words\u{1}"), Some(RawCell::Text("long enough for words".into())));
        assert!(matches!(text("two\nlines, and more"), Some(Canonical::Text(Cow::Borrowed(_)))));
        assert!(matches!(text(" 客户 "), Some(Canonical::Text(Cow::Borrowed(" 客户 ")))));
    }

    #[test]
    fn titles_read_as_written() {
        assert_eq!(number(2024.0).to_title(), "2024");
        assert_eq!(Canonical::Text(" Name\n".into()).to_title(), "Name");
    }
}
