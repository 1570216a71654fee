//! Dates and times: from date cells, serial numbers, and texts as people write them.
//!
//! What could be two dates is refused: `03/04/2025`, two-digit years, a bare `2025`. There is no time zone here:
//! a time is the office's local time, and a text with an offset is refused rather than shifted.
//!
//! A date field takes the date of a cell that also has a time; a datetime field takes a date as its midnight.

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::{ToSpan, Unit};

use crate::model::Value;
use crate::model::compare::{compatible, is_invisible};

use super::fault::Fault;
use scan::Scan;

mod scan;

pub(super) const NOT_A_DATE: Fault = Fault::new("not-a-date", "is not a date", "Write the date as 2026-03-31.");
pub(super) const NOT_A_DATETIME: Fault =
    Fault::new("not-a-datetime", "is not a date and time", "Write it as 2026-03-31 14:30.");
const AMBIGUOUS: Fault =
    Fault::new("ambiguous-date", "could be more than one date", "Write the date with its whole year, as 2026-03-31.");
const OFFSET: Fault = Fault::new(
    "time-zone-offset",
    "has a time zone, and Daybook keeps the office's own time",
    "Write the office's time without a zone, as 2026-03-31 14:30.",
);

/// Years that are kept. A year of fewer than four digits is a slip of the pen.
const YEARS: std::ops::RangeInclusive<i16> = 1000..=9999;
/// Numbers without a date format that are taken for Excel's serial days: 1927-05-18 to 2173-10-13. Smaller ones may be
/// years, larger ones `yyyymm` or `yymmdd`.
const SERIALS: std::ops::Range<f64> = 10_000.0..100_000.0;
/// Serial 0 of the 1900 system for days after February 1900, in which Excel counts a 29th.
const SERIAL_EPOCH: Date = jiff::civil::date(1899, 12, 30);
const SECONDS_PER_DAY: f64 = 86_400.0;

/// The nearest second. Spreadsheets keep 14:30 as a fraction of a day, which is not exact.
pub(super) fn to_second(at: DateTime) -> DateTime {
    at.round(Unit::Second).unwrap_or(at)
}

pub(super) fn date_of_datetime(at: DateTime) -> Result<Value, Fault> {
    dated(at).map(|at| Value::Date(at.date())).ok_or(NOT_A_DATE)
}

pub(super) fn datetime_of_datetime(at: DateTime) -> Result<Value, Fault> {
    dated(at).map(Value::DateTime).ok_or(NOT_A_DATETIME)
}

/// The moment to the second, if it has a date: a time alone is kept as a fraction of a day before the first.
fn dated(at: DateTime) -> Option<DateTime> {
    let at = to_second(at);
    let is_time_alone = at.date() == SERIAL_EPOCH || at.date() == jiff::civil::date(1899, 12, 31);
    (YEARS.contains(&at.year()) && !is_time_alone).then_some(at)
}

/// A number cell without a date format: `20250301`, else a serial day of the 1900 system if it can be nothing else.
pub(super) fn date_of_number(typed: f64) -> Result<Value, Fault> {
    moment_of_number(typed, NOT_A_DATE).map(|at| Value::Date(at.date()))
}

pub(super) fn datetime_of_number(typed: f64) -> Result<Value, Fault> {
    moment_of_number(typed, NOT_A_DATETIME).map(Value::DateTime)
}

fn moment_of_number(typed: f64, fault: Fault) -> Result<DateTime, Fault> {
    #[expect(clippy::cast_possible_truncation, reason = "the ranges fit")]
    if (10_000_101.0..100_000_000.0).contains(&typed) && typed.fract() == 0.0 {
        return date_of_digits(typed as i64).map(|date| date.to_datetime(Time::midnight())).ok_or(fault);
    }
    if !SERIALS.contains(&typed) {
        return Err(if (1.0..10_000_000.0).contains(&typed) { AMBIGUOUS } else { fault });
    }
    #[expect(clippy::cast_possible_truncation, reason = "a serial has five digits, a day 86,400 seconds")]
    let (days, seconds) = (typed.trunc() as i64, (typed.fract() * SECONDS_PER_DAY).round() as i64);
    SERIAL_EPOCH.to_datetime(Time::midnight()).checked_add(days.days().seconds(seconds)).map_err(|_| fault)
}

/// `20250301` as a date.
fn date_of_digits(digits: i64) -> Option<Date> {
    let year = i16::try_from(digits / 10_000).ok()?;
    date_of(year, i8::try_from(digits / 100 % 100).ok()?, i8::try_from(digits % 100).ok()?)
}

fn date_of(year: i16, month: i8, day: i8) -> Option<Date> {
    Date::new(year, month, day).ok().filter(|_| YEARS.contains(&year))
}

pub(super) fn date_of_text(written: &str) -> Result<Value, Fault> {
    if let Some(date) = iso_date(written) {
        return Ok(Value::Date(date));
    }
    moment_of_text(written, NOT_A_DATE).map(|at| Value::Date(at.date()))
}

pub(super) fn datetime_of_text(written: &str) -> Result<Value, Fault> {
    moment_of_text(written, NOT_A_DATETIME).map(Value::DateTime)
}

/// `2025-03-01`, which most dates are.
fn iso_date(text: &str) -> Option<Date> {
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1] = text.as_bytes() else { return None };
    let mut number = 0_i64;
    for digit in [y0, y1, y2, y3, m0, m1, d0, d1] {
        if !digit.is_ascii_digit() {
            return None;
        }
        number = number * 10 + i64::from(digit - b'0');
    }
    date_of_digits(number)
}

fn moment_of_text(written: &str, fault: Fault) -> Result<DateTime, Fault> {
    let text = compatible(written).to_lowercase();
    let mut scan = Scan::new(&text);
    let before = weekday(&mut scan);
    let date = match read_date(&mut scan) {
        Ok(date) => date,
        Err(Doubt::None) => return Err(fault),
        Err(Doubt::Ambiguous) => return Err(AMBIGUOUS),
    };
    let after = weekday(&mut scan);
    if [before, after].into_iter().flatten().any(|named| named != date.weekday()) {
        return Err(fault);
    }
    if scan.is_done() {
        return Ok(date.to_datetime(Time::midnight()));
    }
    let time = read_time(&mut scan).ok_or_else(|| fault.clone())?;
    if scan.is_done() {
        return Ok(date.to_datetime(time));
    }
    Err(if is_offset(scan.rest()) { OFFSET } else { fault })
}

/// Why a text has no date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doubt {
    /// It is none.
    None,
    /// It could be two.
    Ambiguous,
}

/// A run of digits: its number, and how many they are.
type Digits = (i64, usize);

/// Reads a date at the scan's position and the white space after it.
fn read_date(scan: &mut Scan<'_>) -> Result<Date, Doubt> {
    let date = if let Some(month) = scan.month() {
        scan.skip(&['.', '-', '/', ',']);
        let day = scan.digits().ok_or(Doubt::None)?;
        scan.skip_word(&["st", "nd", "rd", "th"]);
        scan.skip(&[',', '-', '/', '.']);
        let year = scan.digits().ok_or(Doubt::None)?;
        with_month(year, month, day)?
    } else {
        let first = scan.digits().ok_or(Doubt::None)?;
        if first.1 == 8 { date_of_digits(first.0).ok_or(Doubt::None)? } else { after_first(scan, first)? }
    };
    Ok(date)
}

/// Reads what follows the first number of a date: another number or the name of a month.
fn after_first(scan: &mut Scan<'_>, first: Digits) -> Result<Date, Doubt> {
    if scan.skip_word(&["年"]) {
        let month = scan.digits().ok_or(Doubt::None)?;
        if !scan.skip_word(&["月"]) {
            return Err(Doubt::None);
        }
        let day = scan.digits().ok_or(Doubt::None)?;
        scan.skip_word(&["日", "号"]);
        return year_first(first, month, day);
    }
    scan.skip_word(&["st", "nd", "rd", "th"]);
    let separator = scan.skip(&['-', '/', '.', ',']);
    if let Some(month) = scan.month() {
        scan.skip(&['-', '/', '.', ',']);
        let last = scan.digits().ok_or(Doubt::None)?;
        return if first.1 == 4 { with_month(first, month, last) } else { with_month(last, month, first) };
    }
    let (Some('-' | '/' | '.'), Some(second)) = (separator, scan.digits()) else { return Err(Doubt::None) };
    // The two separators are the same: `2025-3.1` is a slip.
    if scan.skip(&['-', '/', '.']) != separator {
        return Err(Doubt::None);
    }
    let third = scan.digits().ok_or(Doubt::None)?;
    if first.1 == 4 {
        year_first(first, second, third)
    } else if third.1 == 4 {
        day_and_month(first, second, third)
    } else {
        short_year(first, second, third)
    }
}

/// A date of a year, a month and a day that are known to be so.
fn year_first(year: Digits, month: Digits, day: Digits) -> Result<Date, Doubt> {
    let date = checked(year.0, month, day);
    match year.1 {
        4 => date.ok_or(Doubt::None),
        2 if checked(2000 + year.0, month, day).is_some() => Err(Doubt::Ambiguous),
        _ => Err(Doubt::None),
    }
}

fn with_month(year: Digits, month: i64, day: Digits) -> Result<Date, Doubt> {
    year_first(year, (month, 2), day)
}

/// `03/04/2025` is the third of April or the fourth of March; `13/04/2025` and `04/04/2025` are clear.
fn day_and_month(first: Digits, second: Digits, year: Digits) -> Result<Date, Doubt> {
    let (day_first, month_first) = (checked(year.0, second, first), checked(year.0, first, second));
    match (day_first, month_first) {
        (Some(a), Some(b)) if a != b => Err(Doubt::Ambiguous),
        (Some(date), _) | (None, Some(date)) => Ok(date),
        (None, None) => Err(Doubt::None),
    }
}

/// Three short numbers: ambiguous if any reading is a date, for the century is not said.
fn short_year(a: Digits, b: Digits, c: Digits) -> Result<Date, Doubt> {
    let readings = [(a, b, c), (c, b, a), (c, a, b)];
    let is_date = |(year, month, day): (Digits, Digits, Digits)| {
        year.1 == 2 && (checked(2000 + year.0, month, day).is_some() || checked(1900 + year.0, month, day).is_some())
    };
    Err(if readings.into_iter().any(is_date) { Doubt::Ambiguous } else { Doubt::None })
}

fn checked(year: i64, month: Digits, day: Digits) -> Option<Date> {
    if month.1 > 2 || day.1 > 2 {
        return None;
    }
    date_of(i16::try_from(year).ok()?, i8::try_from(month.0).ok()?, i8::try_from(day.0).ok()?)
}

/// Reads the name of a weekday, which long date formats show: `星期六`, `(周六)`, `Saturday,`.
fn weekday(scan: &mut Scan<'_>) -> Option<Weekday> {
    const NAMES: [(Weekday, [&str; 5]); 7] = [
        (Weekday::Monday, ["monday", "mon", "星期一", "周一", "礼拜一"]),
        (Weekday::Tuesday, ["tuesday", "tue", "星期二", "周二", "礼拜二"]),
        (Weekday::Wednesday, ["wednesday", "wed", "星期三", "周三", "礼拜三"]),
        (Weekday::Thursday, ["thursday", "thu", "星期四", "周四", "礼拜四"]),
        (Weekday::Friday, ["friday", "fri", "星期五", "周五", "礼拜五"]),
        (Weekday::Saturday, ["saturday", "sat", "星期六", "周六", "礼拜六"]),
        (Weekday::Sunday, ["sunday", "sun", "星期日", "周日", "星期天"]),
    ];
    if scan.is_done() || scan.rest().starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    scan.try_each(|scan| {
        scan.skip(&['(', ',']);
        let found = NAMES.iter().find(|(_, names)| scan.skip_word(names)).map(|(day, _)| *day)?;
        scan.skip(&[')', ',', '.']);
        Some(found)
    })
}

/// Reads `14:30`, `14:30:00.5`, `下午2:30`, `2:30 pm`, `14时30分`, `14点`, after an optional `t`.
fn read_time(scan: &mut Scan<'_>) -> Option<Time> {
    scan.skip_word(&["t"]);
    scan.skip(&[',']);
    let before = half_of_day(scan);
    let (hour, _) = scan.short_digits()?;
    let mut parts = [hour, 0, 0];
    if scan.skip(&[':']).is_some() {
        parts[1] = scan.digits().filter(|(_, length)| *length == 2)?.0;
        if scan.skip(&[':']).is_some() {
            parts[2] = scan.digits().filter(|(_, length)| *length == 2)?.0;
            if scan.skip(&['.']).is_some() {
                // Less than a second is not kept.
                scan.digits()?;
            }
        }
    } else if scan.skip_word(&["时", "点"]) {
        if let Some((minute, _)) = scan.short_digits() {
            parts[1] = minute;
            scan.skip_word(&["分"]).then_some(())?;
            if let Some((second, _)) = scan.short_digits() {
                parts[2] = second;
                scan.skip_word(&["秒"]).then_some(())?;
            }
        }
    } else if before.is_none() && !scan.is_before_word(&["am", "pm"]) {
        return None;
    }
    let half = match (before, half_of_day(scan)) {
        (Some(_), Some(_)) => return None,
        (before, after) => before.or(after),
    };
    let hour = match half {
        Some(Half::Morning) if parts[0] <= 12 => parts[0] % 12,
        Some(Half::Morning) => return None,
        Some(Half::Afternoon) if parts[0] < 12 => parts[0] + 12,
        None | Some(Half::Afternoon) => parts[0],
    };
    let small = |number: i64| i8::try_from(number).ok();
    Time::new(small(hour)?, small(parts[1])?, small(parts[2])?, 0).ok()
}

#[derive(Clone, Copy)]
enum Half {
    Morning,
    Afternoon,
}

fn half_of_day(scan: &mut Scan<'_>) -> Option<Half> {
    if scan.skip_word(&["上午", "am", "a.m."]) {
        Some(Half::Morning)
    } else if scan.skip_word(&["下午", "pm", "p.m."]) {
        Some(Half::Afternoon)
    } else {
        None
    }
}

/// Whether this is what RFC 3339 ends with: `z`, `+08:00`.
fn is_offset(rest: &str) -> bool {
    let digits = rest.strip_prefix(['+', '-', '\u{2212}']).unwrap_or_default();
    let is_zone = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit() || c == ':' || is_invisible(c));
    is_zone || matches!(rest, "z" | "utc" | "gmt")
}

#[cfg(test)]
mod tests {
    use jiff::civil::datetime;

    use crate::codec::sheet::RawCell;
    use crate::extract::sample::{check, read, typed};
    use crate::model::FieldType;

    #[test]
    fn dates_are_read_as_people_write_them() {
        let written = [
            "2025-03-01",
            "2025-3-1",
            "2025/3/1",
            "2025.3.1",
            "2025. 3. 1",
            "2025年3月1日",
            "2025年03月01号",
            "2025 年 3 月 1 日",
            "20250301",
            "1 March 2025",
            "1st March, 2025",
            "Mar 1, 2025",
            "March 1st 2025",
            "01-Mar-2025",
            "2025-Mar-01",
            "1 mar. 2025",
            "２０２５－０３－０１",
            "2025年3月1日 星期六",
            "Saturday, 1 March 2025",
            "2025-03-01 (周六)",
            "2025-03-01 14:30",
            "2025-03-01T00:00:00",
            "2025/3/1 0:00:00",
        ];
        check(&typed(FieldType::Date), &written.map(|written| (written, "2025-03-01")));
    }

    #[test]
    fn what_could_be_two_dates_is_not_guessed() {
        let field = typed(FieldType::Date);
        let ambiguous =
            ["03/04/2025", "3.4.2025", "25-03-01", "1/2/03", "01-Mar-25", "25年3月1日", "31/12/26", "29/2/00"];
        check(&field, &ambiguous.map(|written| (written, "!ambiguous-date")));
        check(&field, &[("13/04/2025", "2025-04-13"), ("04/13/2025", "2025-04-13"), ("04/04/2025", "2025-04-04")]);
        for number in [1.0, 2025.0, 3125.0, 202_503.0, 250_301.0] {
            assert_eq!(read(&RawCell::Number(number), &field), "!ambiguous-date", "{number}");
        }
    }

    #[test]
    fn what_is_no_date_is_told() {
        let none = [
            "31/31/26",
            "2025-02-29",
            "2025-13-01",
            "2025-00-10",
            "2025-03",
            "2025年3月",
            "2025",
            "45000",
            "soon",
            "2025-3.1",
            "0025-03-01",
            "2025-03-01 星期日",
            "2025-03-01 25:00",
            "2025-03-01 x",
            "2025 3 1",
            "123456789",
            "1 Marchen 2025",
            "2025-03-001",
            "3月1日",
            "-2025-03-01",
        ];
        check(&typed(FieldType::Date), &none.map(|written| (written, "!not-a-date")));
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        let written = [
            "2025-03-01 14:30",
            "2025-03-01 14:30:00",
            "2025-03-01T14:30:00",
            "2025-03-01T14:30:00.250",
            "2025年3月1日 14时30分",
            "2025年3月1日14时30分00秒",
            "2025年3月1日 下午2:30",
            "2025/3/1 下午02:30:00",
            "2025-03-01 2:30 PM",
            "20250301 14:30",
            "1 March 2025, 2:30 p.m.",
        ];
        let field = typed(FieldType::DateTime);
        check(&field, &written.map(|written| (written, "2025-03-01T14:30:00")));
        check(
            &field,
            &[
                ("2025-03-01", "2025-03-01T00:00:00"),
                ("2025-03-01 上午12:05", "2025-03-01T00:05:00"),
                ("2025-03-01 下午12:05", "2025-03-01T12:05:00"),
                ("2025-03-01 14点", "2025-03-01T14:00:00"),
                ("2025-03-01 9 am", "2025-03-01T09:00:00"),
                ("2025-03-01 上午13:05", "!not-a-datetime"),
                ("2025-03-01 14:3", "!not-a-datetime"),
                ("2025-03-01 14", "!not-a-datetime"),
                ("2025-03-01 24:00", "!not-a-datetime"),
                ("2025-03-01T14:30:00Z", "!time-zone-offset"),
                ("2025-03-01T14:30:00+08:00", "!time-zone-offset"),
                ("03/04/2025 14:30", "!ambiguous-date"),
                ("14:30", "!not-a-datetime"),
            ],
        );
    }

    #[test]
    fn date_cells_and_serials_are_dates() {
        let (date, moment) = (typed(FieldType::Date), typed(FieldType::DateTime));
        assert_eq!(read(&RawCell::Number(45_717.0), &date), "2025-03-01");
        assert_eq!(read(&RawCell::Number(45_717.604_166_666_664), &moment), "2025-03-01T14:30:00");
        assert_eq!(read(&RawCell::Number(20_250_301.0), &date), "2025-03-01");
        assert_eq!(read(&RawCell::Number(20_250_230.0), &date), "!not-a-date");
        assert_eq!(read(&RawCell::Number(-1.0), &date), "!not-a-date");
        assert_eq!(read(&RawCell::Number(f64::NAN), &date), "!not-a-date");
        let nearly = datetime(2025, 3, 1, 14, 29, 59, 999_999_500);
        assert_eq!(read(&RawCell::DateTime(nearly), &moment), "2025-03-01T14:30:00");
        assert_eq!(read(&RawCell::DateTime(nearly), &date), "2025-03-01");
        // A time without a date, as Excel and LibreOffice keep it.
        assert_eq!(read(&RawCell::DateTime(datetime(1899, 12, 31, 14, 30, 0, 0)), &date), "!not-a-date");
        assert_eq!(read(&RawCell::DateTime(datetime(1899, 12, 30, 14, 30, 0, 0)), &moment), "!not-a-datetime");
    }
}
