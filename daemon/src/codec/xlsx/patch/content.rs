//! What a cell is to hold, in the form that its style asks for, and the XML of it.
//!
//! A date is a serial number where the cell shows dates, else ISO text; a number is text where the cell shows text or where it
//! would be taken for a date. So what is read back is what was meant, whatever the cell looks like.

use std::io::Write as _;

use compact_str::CompactString;
use jiff::civil::{Date, DateTime, date};

use super::super::super::patch::NewCell;
use super::super::write::CELL_CHARS_MAX;
use super::styles::Format;

/// The day before day 1 in workbooks that count from 1900, for days from March 1900 on: they count a 29 February 1900.
const ZERO_1900: Date = date(1899, 12, 30);
/// The first day after the one that never was.
const FIRST_AFTER_LEAP: Date = date(1900, 3, 1);
/// The day with number 0 in workbooks that count from 1904.
const ZERO_1904: Date = date(1904, 1, 1);
const DAY_SECONDS: f64 = 86_400.0;

/// What stands in a cell's XML.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Content {
    /// No value.
    Blank,
    /// A text in the cell itself.
    Inline(String),
    /// A number, or the serial number of a moment.
    Number(String),
    /// True or false.
    Boolean(bool),
}

impl Content {
    /// The form for a cell with this format; `None` if it is a text longer than a cell may be.
    pub(super) fn of(cell: &NewCell, format: Format, is_1904: bool, bytes_max: usize) -> Option<Self> {
        let content = match cell {
            NewCell::Blank => Self::Blank,
            NewCell::Text(text) => Self::text(text),
            NewCell::Number(digits) => match digits.parse::<f64>() {
                Ok(number) if number.is_finite() && format == Format::Number && is_plain(digits) => {
                    Self::Number(digits.to_string())
                }
                _ => Self::text(digits),
            },
            NewCell::Boolean(value) if format == Format::Text => Self::text(if *value { "TRUE" } else { "FALSE" }),
            NewCell::Boolean(value) => Self::Boolean(*value),
            NewCell::Date(date) => match serial(date.at(0, 0, 0, 0), is_1904) {
                Some(serial) if format == Format::Date => Self::Number(serial.to_string()),
                _ => Self::text(&date.to_string()),
            },
            NewCell::DateTime(at) => match serial(*at, is_1904) {
                Some(serial) if format == Format::Date => Self::Number(serial.to_string()),
                _ => Self::text(&at.strftime("%Y-%m-%d %H:%M:%S").to_string()),
            },
        };
        match &content {
            Self::Inline(text) if text.len() > bytes_max || text.encode_utf16().count() > CELL_CHARS_MAX => None,
            _ => Some(content),
        }
    }

    fn text(text: &str) -> Self {
        let text = cleaned(text);
        if text.is_empty() { Self::Blank } else { Self::Inline(text) }
    }

    /// The cell's type, as the attribute `t` says it; `None` for a number or nothing.
    pub(super) fn kind(&self) -> Option<&'static str> {
        match self {
            Self::Blank | Self::Number(_) => None,
            Self::Inline(_) => Some("inlineStr"),
            Self::Boolean(_) => Some("b"),
        }
    }

    /// Writes what stands inside of the cell's element.
    pub(super) fn write(&self, prefix: &str, out: &mut Vec<u8>) {
        let value = |value: &str| format!("<{prefix}v>{value}</{prefix}v>").into_bytes();
        match self {
            Self::Blank => {}
            Self::Number(digits) => out.extend(value(digits)),
            Self::Boolean(true) => out.extend(value("1")),
            Self::Boolean(false) => out.extend(value("0")),
            Self::Inline(text) => {
                out.extend(format!("<{prefix}is><{prefix}t xml:space=\"preserve\">").into_bytes());
                escape(text, out);
                out.extend(format!("</{prefix}t></{prefix}is>").into_bytes());
            }
        }
    }
}

/// Digits with a sign and a point, perhaps a power of ten, and no word such as `inf`.
fn is_plain(digits: &str) -> bool {
    digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'))
}

/// A text as a workbook can hold it: `\n` line ends, none of the control characters that XML doesn't have.
fn cleaned(text: &str) -> String {
    let unified = if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text.to_owned() };
    super::super::write::clean(&unified).map_or(unified, CompactString::into_string)
}

/// The serial number of a moment; `None` if the workbook's calendar does not have it or takes it for a time of day.
fn serial(at: DateTime, is_1904: bool) -> Option<f64> {
    let zero = match is_1904 {
        true => ZERO_1904,
        false if at.date() >= FIRST_AFTER_LEAP => ZERO_1900,
        false => ZERO_1900.tomorrow().ok()?,
    };
    let days = f64::from(at.date().since(zero).ok()?.get_days());
    let seconds = f64::from(i32::from(at.hour()) * 3600 + i32::from(at.minute()) * 60 + i32::from(at.second()));
    (days >= 1.0).then_some(days + seconds / DAY_SECONDS)
}

/// Writes a text as XML: `_x0041_` in it is the text and no escape, line ends and white space stay.
pub(super) fn escape(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'&' => out.extend(b"&amp;"),
            b'<' => out.extend(b"&lt;"),
            b'>' => out.extend(b"&gt;"),
            b'"' => out.extend(b"&quot;"),
            b'_' if is_escape(bytes.get(at..).unwrap_or_default()) => out.extend(b"_x005F_"),
            byte => out.push(*byte),
        }
    }
}

/// Writes a text as an attribute's value or as plain XML text, where `_x0041_` has no meaning.
pub(super) fn escape_plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            character if character < ' ' => {}
            character => out.push(character),
        }
    }
    out
}

fn is_escape(bytes: &[u8]) -> bool {
    let Some([b'_', b'x', digits @ .., b'_']) = bytes.get(..7) else { return false };
    digits.iter().all(u8::is_ascii_hexdigit)
}

/// What a style number is written as; nothing for the usual one.
pub(super) fn write_style(style: u32, out: &mut Vec<u8>) {
    if style != 0 {
        write!(out, " s=\"{style}\"").ok();
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    fn content(cell: &NewCell, format: Format) -> Content {
        Content::of(cell, format, false, 1 << 20).unwrap()
    }

    fn xml(cell: &NewCell, format: Format) -> String {
        let mut out = Vec::new();
        content(cell, format).write("x:", &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_style_decides_the_form() {
        let number = NewCell::Number("-12500.50".into());
        assert_eq!(xml(&number, Format::Number), "<x:v>-12500.50</x:v>");
        for format in [Format::Text, Format::Date, Format::Span] {
            assert_eq!(content(&number, format), Content::Inline("-12500.50".into()));
        }
        assert_eq!(content(&NewCell::Number("inf".into()), Format::Number), Content::Inline("inf".into()));
        assert_eq!(xml(&NewCell::Boolean(true), Format::Date), "<x:v>1</x:v>");
        assert_eq!(content(&NewCell::Boolean(false), Format::Text), Content::Inline("FALSE".into()));
        let day = NewCell::Date(date(2026, 3, 1));
        assert_eq!(xml(&day, Format::Date), "<x:v>46082</x:v>");
        assert_eq!(content(&day, Format::Number), Content::Inline("2026-03-01".into()));
        let at = NewCell::DateTime(date(2026, 3, 1).at(8, 30, 0, 0));
        assert_eq!(xml(&at, Format::Date), "<x:v>46082.354166666664</x:v>");
        assert_eq!(content(&at, Format::Span), Content::Inline("2026-03-01 08:30:00".into()));
    }

    #[test]
    fn each_calendar_has_its_days() {
        let day = |year, month, day| date(year, month, day).at(0, 0, 0, 0);
        assert_eq!(serial(day(1900, 1, 1), false), Some(1.0));
        assert_eq!(serial(day(1900, 2, 28), false), Some(59.0));
        assert_eq!(serial(day(1900, 3, 1), false), Some(61.0));
        assert_eq!(serial(day(9999, 12, 31), false), Some(2_958_465.0));
        assert_eq!(serial(day(1899, 12, 31), false), None);
        assert_eq!(serial(day(1904, 1, 2), true), Some(1.0));
        assert_eq!(serial(day(1904, 1, 1), true), None);
        assert_eq!(serial(day(2026, 3, 1), true), Some(46_082.0 - 1462.0));
    }

    #[test]
    fn texts_stay_what_they_are() {
        let text = NewCell::Text(" a<b>&\"c\"\r\n_x0041_ _x00 \u{8}\u{ffff}客 ".into());
        assert_eq!(
            xml(&text, Format::Number),
            "<x:is><x:t xml:space=\"preserve\"> a&lt;b&gt;&amp;&quot;c&quot;\n_x005F_x0041_ _x00 客 </x:t></x:is>"
        );
        assert_eq!(content(&NewCell::Text("\u{1}".into()), Format::Text), Content::Blank);
        let long =
            |length: usize| Content::of(&NewCell::Text("😀".repeat(length).into()), Format::Text, false, 1 << 20);
        assert!(long(16_383).is_some() && long(16_384).is_none());
        assert!(Content::of(&NewCell::Text("12345".into()), Format::Text, false, 4).is_none());
    }
}
