//! Passes over rows of plain cells, many times faster than tag by tag.
//!
//! Nearly all rows of a large sheet hold values and nothing else, and nobody asks for them. A row is plain if neither a formula nor
//! anything that could look like a tag (a comment, a CDATA section) stands in it; then its end is the next end tag of that name.

use memchr::memmem::Finder;

use super::lexer::Tag;

/// What to look for in rows whose elements have a certain prefix.
pub(in super::super) struct PlainRows {
    name: Vec<u8>,
    end: Finder<'static>,
    /// What makes a row not plain: a formula, another row (the end was written otherwise), what is no tag.
    others: [Finder<'static>; 4],
    values: [Finder<'static>; 2],
}

/// A row that was passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct PlainRow {
    /// Where its end tag begins.
    pub(in super::super) end: usize,
    /// Whether a value stands in it.
    pub(in super::super) is_filled: bool,
}

impl PlainRows {
    /// For rows with this name, prefix included.
    pub(in super::super) fn new(name: &[u8]) -> Self {
        let prefix = name.strip_suffix(b"row").unwrap_or_default();
        let finder = |pieces: &[&[u8]]| Finder::new(&pieces.concat()).into_owned();
        Self {
            name: name.to_vec(),
            end: finder(&[b"</", name, b">"]),
            others: [finder(&[b"<", prefix, b"f"]), finder(&[b"<", name]), finder(&[b"<!"]), finder(&[b"<?"])],
            values: [finder(&[b"<", prefix, b"v"]), finder(&[b"<", prefix, b"is"])],
        }
    }

    /// Passes over the row that has just begun; `None` if it must be walked tag by tag.
    #[inline]
    pub(in super::super) fn pass(&self, bytes: &[u8], begun: &Tag<'_>) -> Option<PlainRow> {
        if !begun.is_open() || begun.name != self.name {
            return None;
        }
        let rest = bytes.get(begun.end..)?;
        let length = self.end.find(rest)?;
        let inside = rest.get(..length)?;
        if self.others.iter().any(|other| other.find(inside).is_some()) {
            return None;
        }
        let is_filled = self.values.iter().any(|value| value.find(inside).is_some());
        Some(PlainRow { end: begun.end + length, is_filled })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::super::lexer::Lexer;
    use super::*;

    fn pass(xml: &str) -> Option<(&str, bool)> {
        let tag = Lexer::new(xml.as_bytes(), 0).tag().unwrap();
        let row = PlainRows::new(b"x:row").pass(xml.as_bytes(), &tag)?;
        Some((xml.get(row.end..).unwrap(), row.is_filled))
    }

    #[test]
    fn plain_rows_are_passed_to_their_end() {
        assert_eq!(pass("<x:row r='1'><x:c><x:v>1</x:v></x:c></x:row><a/>"), Some(("</x:row><a/>", true)));
        assert_eq!(pass("<x:row><x:c t='inlineStr'><x:is><x:t/></x:is></x:c></x:row>"), Some(("</x:row>", true)));
        assert_eq!(pass("<x:row><x:c s='1'/><x:c></x:c></x:row>"), Some(("</x:row>", false)));
    }

    #[test]
    fn all_others_are_walked() {
        for xml in [
            "<x:row/><x:row></x:row>",
            "<x:row><x:c><x:f>1</x:f></x:c></x:row>",
            "<x:row><!-- </x:row> --></x:row>",
            "<x:row><x:c><x:v><![CDATA[</x:row>]]></x:v></x:c></x:row>",
            "<x:row><?p </x:row> ?></x:row>",
            "<x:row></x:row ><x:row></x:row>",
            "<x:row><x:c/>",
            "<row></row>",
        ] {
            assert_eq!(pass(xml), None, "{xml}");
        }
    }
}
