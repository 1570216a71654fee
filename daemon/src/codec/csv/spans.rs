//! Where each field of a text file stands in the file's own bytes.
//!
//! A patch must leave every byte alone that it was not asked to change, and decoding and encoding again is no identity
//! for GB18030 and Big5. So the bytes are walked as they are, a character at a time: the second byte of a Chinese
//! character may be `|` or a letter. The file was read before; that its bytes are valid is known.

use std::ops::Range;

use encoding_rs::{BIG5, Encoding, GB18030, UTF_8, UTF_16BE, UTF_16LE};

use super::layout::Layout;
use super::split::{Machine, Step};

/// What stands for a character that is no ASCII.
const NO_ASCII: u8 = 0x80;

/// One row's places in the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RowSpan {
    /// The row's number, from 1; 0 for a first line that only states the delimiter.
    pub(super) number: u32,
    /// Its fields with their quotes, without delimiters. Never empty.
    pub(super) fields: Vec<Range<usize>>,
    /// Its line end; empty if the file ends without one.
    pub(super) line_end: Range<usize>,
}

/// Walks a file's rows.
pub(super) struct Spans<'a> {
    bytes: &'a [u8],
    encoding: &'static Encoding,
    machine: Machine,
    at: usize,
    number: u32,
}

impl<'a> Spans<'a> {
    /// Starts before the first row of a file with this layout.
    pub(super) fn new(bytes: &'a [u8], layout: Layout) -> Self {
        let at = match Encoding::for_bom(bytes) {
            Some((encoding, length)) if encoding == layout.encoding => length,
            _ => 0,
        };
        let number = u32::from(!layout.is_stated);
        Self { bytes, encoding: layout.encoding, machine: Machine::new(layout.delimiter), at, number }
    }

    /// The next row, written over `row`; whether there is one.
    pub(super) fn next(&mut self, row: &mut RowSpan) -> bool {
        row.fields.clear();
        let mut begin = self.at;
        while let Some((character, end)) = self.character() {
            let start = std::mem::replace(&mut self.at, end);
            match self.machine.step(character) {
                Step::Keep | Step::Drop => {}
                Step::FieldEnd => {
                    row.fields.push(begin..start);
                    begin = end;
                }
                Step::RowEnd => {
                    row.fields.push(begin..start);
                    // The line feed of a pair is dropped by the machine; it is a part of this line's end.
                    if character == b'\r'
                        && let Some((b'\n', end)) = self.character()
                    {
                        self.machine.step(b'\n');
                        self.at = end;
                    }
                    self.finish(row, start);
                    return true;
                }
            }
        }
        if begin == self.at && row.fields.is_empty() {
            return false;
        }
        row.fields.push(begin..self.at);
        self.finish(row, self.at);
        true
    }

    fn finish(&mut self, row: &mut RowSpan, line_end: usize) {
        row.number = self.number;
        row.line_end = line_end..self.at;
        self.number = self.number.saturating_add(1);
    }

    /// The character at the current place, if it is ASCII, and where it ends.
    fn character(&self) -> Option<(u8, usize)> {
        let rest = self.bytes.get(self.at..)?;
        let first = *rest.first()?;
        let second = rest.get(1).copied().unwrap_or_default();
        let (character, length) = if self.encoding == UTF_16LE {
            (if second == 0 && first.is_ascii() { first } else { NO_ASCII }, 2)
        } else if self.encoding == UTF_16BE {
            (if first == 0 && second.is_ascii() { second } else { NO_ASCII }, 2)
        } else if first.is_ascii() || self.encoding == UTF_8 {
            (first, 1)
        } else if self.encoding == GB18030 {
            match (first, second) {
                // The euro sign of code page 936 stands alone.
                (0x80, _) => (NO_ASCII, 1),
                (_, b'0'..=b'9') => (NO_ASCII, 4),
                _ => (NO_ASCII, 2),
            }
        } else {
            debug_assert_eq!(self.encoding, BIG5, "the encodings that are looked for");
            (NO_ASCII, 2)
        };
        Some((character, (self.at + length).min(self.bytes.len())))
    }
}

/// Text in a file's encoding; `None` if it would not be read as the same text.
pub(super) fn encoded(text: &str, encoding: &'static Encoding) -> Option<Vec<u8>> {
    if encoding == UTF_8 {
        return Some(text.as_bytes().to_vec());
    }
    if encoding == UTF_16LE {
        return Some(text.encode_utf16().flat_map(u16::to_le_bytes).collect());
    }
    if encoding == UTF_16BE {
        return Some(text.encode_utf16().flat_map(u16::to_be_bytes).collect());
    }
    // A file with such characters is not taken to be in this encoding when it is read.
    if text.chars().any(super::text::is_for_private_use) {
        return None;
    }
    let (bytes, _, has_unmappable) = encoding.encode(text);
    let back = encoding.decode_without_bom_handling_and_without_replacement(&bytes)?;
    (!has_unmappable && back == text).then(|| bytes.into_owned())
}

/// The text of a field as the reader reads it, given its bytes with their quotes.
pub(super) fn field_text(bytes: &[u8], layout: Layout) -> String {
    let (decoded, _) = layout.encoding.decode_without_bom_handling(bytes);
    let mut machine = Machine::new(layout.delimiter);
    let kept = decoded.chars().filter(|character| {
        let byte = u8::try_from(*character).ok().filter(u8::is_ascii).unwrap_or(NO_ASCII);
        machine.step(byte) == Step::Keep
    });
    kept.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(bytes: &[u8], encoding: &'static Encoding, delimiter: u8) -> Vec<(u32, Vec<String>, usize)> {
        let layout = Layout { encoding, delimiter, is_stated: false };
        let mut spans = Spans::new(bytes, layout);
        let (mut row, mut rows) = (RowSpan::default(), Vec::new());
        while spans.next(&mut row) {
            let texts = row.fields.iter().map(|field| field_text(&bytes[field.clone()], layout)).collect();
            rows.push((row.number, texts, row.line_end.len()));
        }
        rows
    }

    #[test]
    fn fields_are_found_in_every_encoding() {
        // In GB18030 the last bytes of these are `|` and a letter, in Big5 those of the others are.
        for (encoding, name) in
            [(UTF_8, "寍a"), (UTF_16LE, "簍😀"), (UTF_16BE, "簍😀"), (GB18030, "寍亅€😀ḿ"), (BIG5, "育功許")]
        {
            let text = format!("a|{name}\r\n\n\"{name}|\"\"\n\"|x\r");
            let bytes = encoded(&text, encoding).unwrap_or_else(|| panic!("{}", encoding.name()));
            let expected = vec![
                (1, vec!["a".to_owned(), name.to_owned()], 2),
                (2, vec![String::new()], 1),
                (3, vec![format!("{name}|\"\n"), "x".to_owned()], 1),
            ];
            let wide = if matches!(encoding.name(), "UTF-16LE" | "UTF-16BE") { 2 } else { 1 };
            let seen = rows(&bytes, encoding, b'|');
            let seen: Vec<_> = seen.into_iter().map(|(number, texts, end)| (number, texts, end / wide)).collect();
            assert_eq!(seen, expected, "{}", encoding.name());
        }
    }

    #[test]
    fn a_row_without_an_end_is_a_row() {
        assert_eq!(rows(b"a\nb", UTF_8, b',')[1], (2, vec!["b".to_owned()], 0));
        assert_eq!(rows(b"a\n,", UTF_8, b',')[1], (2, vec![String::new(); 2], 0));
        assert_eq!(rows(b"a\n\"\"", UTF_8, b',').len(), 2);
        assert_eq!(rows(b"a\n", UTF_8, b',').len(), 1);
        assert_eq!(rows(b"", UTF_8, b',').len(), 0);
    }

    #[test]
    fn what_would_be_read_otherwise_is_not_encoded() {
        assert!(encoded("简体", BIG5).is_none());
        assert!(encoded("😀", BIG5).is_none());
        assert!(encoded("\u{E000}", GB18030).is_none());
        assert!(encoded("\u{E000}", UTF_16LE).is_some());
        assert!(encoded("简体繁體😀", GB18030).is_some());
    }
}
