//! What the styles of a workbook's cells mean for what is written into them.

use std::collections::HashMap;
use std::io::{Read, Seek};

use super::super::super::package::{Package, attribute, elements};

/// The number format `@`: what is typed stays text.
const TEXT_FORMAT: u32 = 49;

/// What one style means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Style {
    /// How numbers appear.
    pub(super) format: Format,
    /// Whether the cell can't be typed over in a protected sheet.
    pub(super) is_locked: bool,
}

/// How a number appears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// As a number.
    Number,
    /// As a date, a date with a time, or a time of day.
    Date,
    /// As a span of time.
    Span,
    /// As text.
    Text,
}

/// A cell without a style, or with one that is not there.
const DEFAULT: Style = Style { format: Format::Number, is_locked: true };

/// The styles by their number.
#[derive(Default)]
pub(super) struct Styles(Vec<Style>);

impl Styles {
    /// Reads the styles of a workbook; a workbook without the part has none.
    pub(super) fn read<R: Read + Seek>(package: &mut Package<R>, part: &str) -> Self {
        let mut styles = Vec::new();
        let Some(mut xml) = package.small_part(part) else { return Self(styles) };
        let mut codes: HashMap<u32, Format> = HashMap::new();
        let mut section = String::new();
        elements(&mut xml, |element| {
            let name = element.local_name();
            match (name.as_ref(), section.as_str()) {
                (
                    "numFmts" | "fonts" | "fills" | "borders" | "cellStyleXfs" | "cellXfs" | "cellStyles" | "dxfs"
                    | "tableStyles" | "colors" | "extLst",
                    _,
                ) => name.as_ref().clone_into(&mut section),
                ("numFmt", "numFmts") => {
                    let number = attribute(element, "numFmtId").and_then(|number| number.parse().ok());
                    if let (Some(number), Some(code)) = (number, attribute(element, "formatCode")) {
                        codes.insert(number, format_of(&code));
                    }
                }
                ("xf", "cellXfs") => {
                    let number = attribute(element, "numFmtId").and_then(|number| number.parse().ok()).unwrap_or(0);
                    let format = codes.get(&number).copied().unwrap_or_else(|| built_in(number));
                    styles.push(Style { format, is_locked: true });
                }
                ("protection", "cellXfs") => {
                    let locked = attribute(element, "locked");
                    if let Some(style) = styles.last_mut() {
                        style.is_locked = !matches!(locked.as_deref(), Some("0" | "false"));
                    }
                }
                _ => {}
            }
            true
        });
        Self(styles)
    }

    /// What a style means.
    pub(super) fn get(&self, number: u32) -> Style {
        self.0.get(number as usize).copied().unwrap_or(DEFAULT)
    }
}

/// The formats that are not written out (ECMA-376, 18.8.30, with those of East Asian versions).
fn built_in(number: u32) -> Format {
    match number {
        14..=22 | 27..=36 | 45 | 47 | 50..=58 => Format::Date,
        46 => Format::Span,
        TEXT_FORMAT => Format::Text,
        _ => Format::Number,
    }
}

/// What a format code makes of a number, as the reader tells it: a date that it would not tell would be written as a
/// number that nobody reads as a date. Only the code's first section counts.
fn format_of(code: &str) -> Format {
    if code.trim() == "@" {
        return Format::Text;
    }
    let (mut is_quoted, mut depth, mut before) = (false, 0_u32, ' ');
    let (mut is_clock_unit, mut is_half_day) = (false, false);
    let mut characters = code.chars();
    while let Some(character) = characters.next() {
        let lower = character.to_ascii_lowercase();
        match lower {
            '"' if is_quoted => is_quoted = false,
            '\\' | '_' | '*' => {
                // What follows is no part of the format.
                before = characters.next().unwrap_or(' ');
                continue;
            }
            _ if is_quoted => {}
            '"' => is_quoted = true,
            ';' => return Format::Number,
            '[' => depth += 1,
            ']' if depth == 1 && is_clock_unit => return Format::Span,
            ']' => depth = depth.saturating_sub(1),
            'a' if depth == 0 && !is_half_day => is_half_day = true,
            'p' | 'm' | '/' if depth == 0 && is_half_day => return Format::Date,
            'd' | 'm' | 'h' | 'y' | 's' if depth == 0 && !is_half_day => return Format::Date,
            _ if is_clock_unit && lower == before.to_ascii_lowercase() => {}
            _ => is_clock_unit = before == '[' && matches!(lower, 'm' | 'h' | 's'),
        }
        before = character;
    }
    Format::Number
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use std::io::Cursor;

    use super::super::super::super::shared::Shared;
    use super::super::super::super::trial::zipped;
    use super::*;

    #[test]
    fn codes_mean_what_the_reader_takes_them_for() {
        for (code, expected) in [
            ("yyyy-mm-dd", Format::Date),
            ("yyyy\"年\"m\"月\"d\"日\"", Format::Date),
            ("[$-804]yyyy/m/d;@", Format::Date),
            ("h:mm AM/PM", Format::Date),
            ("[h]:mm:ss", Format::Span),
            ("[ss]", Format::Span),
            ("#,##0.00_);[Red](#,##0.00)", Format::Number),
            ("0.00\"d\"", Format::Number),
            ("\\d0", Format::Number),
            ("General", Format::Number),
            ("@", Format::Text),
        ] {
            assert_eq!(format_of(code), expected, "{code}");
        }
    }

    #[test]
    fn styles_are_read_by_number() {
        let xml = r#"<x:styleSheet><x:numFmts><x:numFmt numFmtId="164" formatCode="dd/mm/yyyy"/></x:numFmts>
            <x:cellStyleXfs><x:xf numFmtId="14"><x:protection locked="0"/></x:xf></x:cellStyleXfs>
            <x:cellXfs><x:xf numFmtId="0"/><x:xf numFmtId="164"/><x:xf numFmtId="49"><x:protection locked="0"/></x:xf>
            <x:xf numFmtId="22"><x:protection hidden="1"/></x:xf></x:cellXfs>
            <x:dxfs><x:dxf><x:numFmt numFmtId="164" formatCode="0"/><x:protection locked="0"/></x:dxf></x:dxfs></x:styleSheet>"#;
        let zip = zipped(&[("xl/styles.xml", xml)]);
        let mut package = Package::open(Shared::new(Cursor::new(zip)).unwrap(), 1 << 20).unwrap();
        let styles = Styles::read(&mut package, "xl/styles.xml");
        let seen: Vec<_> =
            (0..5).map(|number| styles.get(number)).map(|style| (style.format, style.is_locked)).collect();
        let number = (Format::Number, true);
        assert_eq!(seen, [number, (Format::Date, true), (Format::Text, false), (Format::Date, true), number]);
    }
}
