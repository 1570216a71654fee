//! What the styles of a workbook's cells mean for what is written into them.

use std::collections::HashMap;
use std::io::{Read, Seek};

use quick_xml::escape::unescape;

use super::super::super::package::Package;
use super::super::super::read::ReadFailure;
use super::super::lexer::{Broken, Kind, Lexer, Tag};
use super::refusal::{not_understood, refuse_encodings};
use super::sheet::{children, number};

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

/// The usual style in a workbook that says nothing of styles.
const DEFAULT: Style = Style { format: Format::Number, is_locked: true };

/// The styles by their number.
#[derive(Default)]
pub(super) struct Styles(Vec<Style>);

impl Styles {
    /// Reads the styles of a workbook; a workbook without the part has none.
    ///
    /// # Errors
    /// `not-patchable` if they are not understood: a date would become a text in a cell that shows dates.
    pub(super) fn read<R: Read + Seek>(
        package: &mut Package<R>,
        part: &str,
        bytes_max: u64,
    ) -> Result<Self, ReadFailure> {
        let Some(xml) = package.bytes(part, bytes_max)? else { return Ok(Self::default()) };
        refuse_encodings(&xml)?;
        Self::scan(&xml).map_err(|Broken| not_understood("the list of its styles"))
    }

    /// Only the children of `cellXfs` have numbers; what programs keep inside of one (`extLst`) is passed over.
    fn scan(xml: &[u8]) -> Result<Self, Broken> {
        let mut lexer = Lexer::new(xml, 0);
        let root = lexer.tag()?;
        if root.local_name() != b"styleSheet" {
            return Err(Broken);
        }
        let prefix = root.name.get(..root.name.len() - root.local_name().len()).ok_or(Broken)?;
        let prefix = str::from_utf8(prefix).map_err(|_| Broken)?;
        let mut codes: HashMap<u32, Format> = HashMap::new();
        let mut styles = Vec::new();
        while root.is_open() {
            let section = lexer.tag()?;
            if section.kind == Kind::Close {
                break;
            }
            match section.name.strip_prefix(prefix.as_bytes()) {
                Some(b"numFmts") => children(&mut lexer, &section, prefix, b"numFmt", |format, _| {
                    if let (Some(number), Some(code)) = (number(format, b"numFmtId")?, format.value(b"formatCode")?) {
                        let code = unescape(str::from_utf8(code).map_err(|_| Broken)?).map_err(|_| Broken)?;
                        codes.insert(number, format_of(&code));
                    }
                    Ok(())
                })?,
                Some(b"cellXfs") => children(&mut lexer, &section, prefix, b"xf", |style, inside| {
                    let number = number(style, b"numFmtId")?.unwrap_or(0);
                    let format = codes.get(&number).copied().unwrap_or_else(|| built_in(number));
                    styles.push(Style { format, is_locked: is_locked(style, inside, prefix)? });
                    Ok(())
                })?,
                _ => {
                    lexer.pass(&section)?;
                }
            }
        }
        Ok(Self(styles))
    }

    /// What a style means; an error for one that is not there, because nothing tells how such a cell looks.
    pub(super) fn get(&self, number: u32) -> Result<Style, Broken> {
        match self.0.get(number as usize) {
            Some(style) => Ok(*style),
            None if number == 0 && self.0.is_empty() => Ok(DEFAULT),
            None => Err(Broken),
        }
    }
}

/// Whether a style's cells are locked, as they are unless it says otherwise.
fn is_locked<'a>(style: &Tag<'a>, mut inside: Lexer<'a>, prefix: &str) -> Result<bool, Broken> {
    let mut is_locked = true;
    children(&mut inside, style, prefix, b"protection", |protection, _| {
        is_locked = !matches!(protection.value(b"locked")?, Some(b"0" | b"false"));
        Ok(())
    })?;
    Ok(is_locked)
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
        let styles = Styles::scan(xml.as_bytes()).unwrap();
        let seen: Vec<_> =
            (0..4).map(|number| styles.get(number).unwrap()).map(|style| (style.format, style.is_locked)).collect();
        let number = (Format::Number, true);
        assert_eq!(seen, [number, (Format::Date, true), (Format::Text, false), (Format::Date, true)]);
        assert_eq!(styles.get(4), Err(Broken));
        assert!(Styles::default().get(0).is_ok() && Styles::default().get(1).is_err());
    }

    #[test]
    fn what_stands_inside_of_a_style_is_no_style() {
        let inner = r#"<extLst><ext><cellXfs><xf numFmtId="49"/></cellXfs><protection locked="0"/></ext></extLst>"#;
        let xml = format!(
            r#"<styleSheet><numFmts><numFmt numFmtId="164" formatCode="yyyy&quot;年&quot;"/></numFmts><cellXfs><xf>{inner}</xf><xf numFmtId="164"/></cellXfs>{inner}</styleSheet>"#
        );
        let styles = Styles::scan(xml.as_bytes()).unwrap();
        assert_eq!(styles.get(0).unwrap(), DEFAULT);
        assert_eq!(styles.get(1).unwrap().format, Format::Date);
        assert!(styles.get(2).is_err());
        for wrong in
            ["<styles/>", "<styleSheet><cellXfs>", "<styleSheet><cellXfs><xf numFmtId=\"x\"/></cellXfs></styleSheet>"]
        {
            assert!(Styles::scan(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
