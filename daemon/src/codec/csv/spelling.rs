//! How a text file spells what is no text: dates, yes and no, and texts that a spreadsheet program would run.
//!
//! A date or a truth value is written as the column's other cells write theirs, so that the file stays of one kind.

use std::fmt::Write as _;

use jiff::civil::{Date, DateTime};

use super::super::canonical::{Canonical, text};
use super::super::patch::NewCell;

/// So many filled cells of a column say how it is spelled.
const JUDGED_CELLS: u32 = 1000;

/// Pairs of words for yes and no; the first of equally frequent ones counts.
const WORDS: [(&str, &str); 14] = [
    ("TRUE", "FALSE"),
    ("是", "否"),
    ("True", "False"),
    ("true", "false"),
    ("1", "0"),
    ("Yes", "No"),
    ("YES", "NO"),
    ("yes", "no"),
    ("Y", "N"),
    ("y", "n"),
    ("有", "无"),
    ("对", "错"),
    ("√", "×"),
    ("✓", "✗"),
];

/// How a date is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DateForm {
    /// `2026-03-01`
    Iso,
    /// `2026/3/1`
    Slashes,
    /// `2026/03/01`
    PaddedSlashes,
    /// `2026年3月1日`
    Chinese,
    /// `20260301`
    Digits,
}

impl DateForm {
    /// In the order in which a form is preferred where cells fit several (`2026/11/12`).
    const ALL: [Self; 5] = [Self::Iso, Self::Slashes, Self::PaddedSlashes, Self::Chinese, Self::Digits];

    fn write(self, date: Date) -> String {
        let (year, month, day) = (date.year(), date.month(), date.day());
        match self {
            Self::Iso => date.to_string(),
            Self::Slashes => format!("{year}/{month}/{day}"),
            Self::PaddedSlashes => format!("{year:04}/{month:02}/{day:02}"),
            Self::Chinese => format!("{year}年{month}月{day}日"),
            Self::Digits => format!("{year:04}{month:02}{day:02}"),
        }
    }

    /// Whether a time may follow after a space.
    fn takes_time(self) -> bool {
        matches!(self, Self::Iso | Self::Slashes | Self::PaddedSlashes)
    }
}

/// What the cells of one column showed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Spelling {
    filled: u32,
    dates: [u32; DateForm::ALL.len()],
    words: [u32; WORDS.len()],
}

impl Spelling {
    /// Whether enough cells were seen.
    pub(super) fn is_settled(&self) -> bool {
        self.filled >= JUDGED_CELLS
    }

    /// Takes the text of one more cell of the column into account.
    pub(super) fn learn(&mut self, written: &str) {
        let written = written.trim();
        if written.is_empty() || self.is_settled() {
            return;
        }
        self.filled += 1;
        for (count, (yes, no)) in self.words.iter_mut().zip(WORDS) {
            *count += u32::from(written == yes || written == no);
        }
        let day = written.split([' ', 'T']).next().unwrap_or_default();
        if let Some(date) = date_of(day) {
            for (count, form) in self.dates.iter_mut().zip(DateForm::ALL) {
                *count += u32::from(form.write(date) == day);
            }
        }
    }

    /// The text of a cell; `None` for a blank one. It is in the form in which it will be read.
    pub(super) fn write(&self, cell: &NewCell) -> Option<String> {
        match cell {
            NewCell::Blank => None,
            NewCell::Text(written) | NewCell::Number(written) => match text(written)? {
                Canonical::Text(written) => Some(written.into_owned()),
                _ => None,
            },
            NewCell::Boolean(flag) => Some(self.word(*flag).to_owned()),
            NewCell::Date(date) => Some(self.date_form().write(*date)),
            NewCell::DateTime(at) => Some(self.write_time(*at)),
        }
    }

    fn word(&self, flag: bool) -> &'static str {
        let most = self.words.iter().max().copied().unwrap_or_default();
        let index = self.words.iter().position(|count| *count == most).unwrap_or_default();
        let (yes, no) = WORDS[index];
        if flag { yes } else { no }
    }

    /// The form that most cells have, and more than half of them; ISO if there is none.
    fn date_form(&self) -> DateForm {
        let most = self.dates.iter().max().copied().unwrap_or_default();
        let index = self.dates.iter().position(|count| *count == most).unwrap_or_default();
        if most * 2 > self.filled { DateForm::ALL[index] } else { DateForm::Iso }
    }

    fn write_time(&self, at: DateTime) -> String {
        let form = Some(self.date_form()).filter(|form| form.takes_time()).unwrap_or(DateForm::Iso);
        let mut written = form.write(at.date());
        // Writing to a text never fails.
        write!(written, " {:02}:{:02}:{:02}", at.hour(), at.minute(), at.second()).unwrap_or_default();
        written
    }
}

/// The date that a text in one of the forms says.
fn date_of(written: &str) -> Option<Date> {
    let groups: Vec<&str> = written.split(|c: char| !c.is_ascii_digit()).filter(|group| !group.is_empty()).collect();
    let (year, month, day) = match groups.as_slice() {
        [digits] if digits.len() == 8 => (digits.get(..4)?, digits.get(4..6)?, digits.get(6..)?),
        [year, month, day] => (*year, *month, *day),
        _ => return None,
    };
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

/// What programs that open a text file take for the end of a field, whatever this file's own delimiter is.
const FIELD_ENDS: [char; 6] = [',', ';', '\t', '|', '\r', '\n'];

/// Whether a spreadsheet program that opens the file would take the text, or what stands in it behind something that the
/// program may take for a delimiter, for a formula and run it.
pub(super) fn is_formula_like(written: &str) -> bool {
    let mut pieces = written.split(FIELD_ENDS);
    // The first piece is the beginning of the whole. Quotes are none to a program that splits behind them.
    pieces.next();
    begins_formula(written) || pieces.any(|piece| begins_formula(piece.trim_start_matches([' ', '"'])))
}

/// Whether a field that begins like this would be taken for a formula.
///
/// The first characters are those of OWASP's page "CSV Injection"
/// (<https://owasp.org/www-community/attacks/CSV_Injection>), their full-width forms among them. Behind a sign, digits
/// and what stands between the digits of numbers, dates and phone numbers call nothing and refer to nothing.
fn begins_formula(written: &str) -> bool {
    let mut characters = written.trim_start_matches(' ').chars();
    match characters.next() {
        Some('=' | '@' | '＝' | '＠' | '\t' | '\r' | '\n') => true,
        Some('+' | '-' | '＋' | '－') => !is_number_or_phone(characters.as_str()),
        _ => false,
    }
}

fn is_number_or_phone(unsigned: &str) -> bool {
    let is_harmless = |character: char| character.is_ascii_digit() || " -.,()/%".contains(character);
    let is_power = || unsigned.parse::<f64>().is_ok() && unsigned.starts_with(|c: char| c.is_ascii_digit());
    unsigned.chars().all(is_harmless) || is_power()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn column(cells: &[&str]) -> Spelling {
        let mut spelling = Spelling::default();
        for cell in cells {
            spelling.learn(cell);
        }
        spelling
    }

    #[test]
    fn dates_are_written_as_the_columns_other_dates() {
        let day = date(2026, 3, 1);
        for (cells, written) in [
            (&[][..], "2026-03-01"),
            (&["2025-11-12", "2025-01-02"], "2026-03-01"),
            (&["2025/11/12"], "2026/3/1"),
            (&["2025/11/12", "2025/1/2"], "2026/3/1"),
            (&["2025/11/12", "2025/01/02"], "2026/03/01"),
            (&["2025年1月2日", "", "2025年11月12日"], "2026年3月1日"),
            (&["20250102"], "20260301"),
            (&["2025/1/2", "soon", "later"], "2026-03-01"),
            (&["13800138", "99999999"], "2026-03-01"),
            (&["2025/1/2 8:30"], "2026/3/1"),
        ] {
            assert_eq!(column(cells).write(&NewCell::Date(day)).as_deref(), Some(written), "{cells:?}");
        }
        let at = NewCell::DateTime(day.at(8, 30, 0, 0));
        assert_eq!(column(&["2025/1/2 8:30"]).write(&at).as_deref(), Some("2026/3/1 08:30:00"));
        assert_eq!(column(&["20250102"]).write(&at).as_deref(), Some("2026-03-01 08:30:00"));
    }

    #[test]
    fn yes_and_no_are_the_columns_words() {
        for (cells, written) in [
            (&[][..], "TRUE"),
            (&["否", "否", "0"], "是"),
            (&["0", "1"], "1"),
            (&["no"], "yes"),
            (&["perhaps"], "TRUE"),
        ] {
            assert_eq!(column(cells).write(&NewCell::Boolean(true)).as_deref(), Some(written), "{cells:?}");
        }
        assert_eq!(column(&["是"]).write(&NewCell::Boolean(false)).as_deref(), Some("否"));
    }

    #[test]
    fn texts_lose_what_the_reader_drops() {
        let write = |text: &str| column(&[]).write(&NewCell::Text(text.into()));
        assert_eq!(write("a\r\nb\0c").as_deref(), Some("a\nbc"));
        assert_eq!(write("\0\u{1}"), None);
    }

    #[test]
    fn formulas_are_told_from_numbers_and_phones() {
        for harmful in [
            "=1+1",
            "@SUM(A1)",
            "\tx",
            "\r=1",
            "\n=1",
            "+A1",
            "-2+cmd|' /C calc'!A0",
            " =1",
            "＝1",
            "＋A1",
            "-inf",
            "+e5",
            "--A1",
            "a,=1",
            "a; @SUM(A1)",
            "a\t+A1",
            "a|\"=1\"",
            "a\r\n-A1",
            "1,2;＝1",
        ] {
            assert!(is_formula_like(harmful), "{harmful}");
        }
        for harmless in [
            "",
            "-",
            "a, b; c|d\te\nf",
            "1,-2;+3",
            "a,b=1",
            "+86 138-0013-8000",
            "+44 (0)20 7946 0958",
            "-12.50",
            "-1e5",
            "a=b",
            "a@b.cn",
            "1-2",
            "'=1",
        ] {
            assert!(!is_formula_like(harmless), "{harmless}");
        }
    }
}
