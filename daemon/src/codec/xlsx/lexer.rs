//! The tags of an XML part, with the places where they stand.
//!
//! In come bytes; out go tags as slices of them, so that a caller can splice the part and leave the rest as it is, byte
//! for byte. Text, comments, CDATA sections and processing instructions are passed over. Nothing is decoded and nothing is
//! copied; a document type declaration is refused, because what stands behind it may mean anything.

use std::ops::Range;

use memchr::memmem::Finder;
use memchr::{memchr, memchr2};

/// The bytes are no XML that is understood here.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the XML is broken or of an unusual kind")]
pub(in super::super) struct Broken;

/// What a tag does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Kind {
    /// `<c>`
    Open,
    /// `</c>`
    Close,
    /// `<c/>`
    Empty,
}

/// One tag.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Tag<'a> {
    pub(in super::super) kind: Kind,
    /// With its prefix, if it has one.
    pub(in super::super) name: &'a [u8],
    /// What stands between the name and the end of the tag.
    attributes: &'a [u8],
    /// Where the tag begins.
    pub(in super::super) start: usize,
    /// Where the attributes begin.
    attributes_start: usize,
    /// Behind the tag.
    pub(in super::super) end: usize,
}

/// One attribute.
#[derive(Clone, Debug)]
pub(in super::super) struct Attribute<'a> {
    /// With its prefix, if it has one.
    pub(in super::super) name: &'a [u8],
    /// As it is written: entities are not resolved.
    pub(in super::super) value: &'a [u8],
    /// Where the value stands, without its quotes.
    pub(in super::super) place: Range<usize>,
}

impl<'a> Tag<'a> {
    /// The name without its prefix.
    pub(in super::super) fn local_name(&self) -> &'a [u8] {
        local(self.name)
    }

    /// Whether anything may stand in the element: it is no end and not empty.
    pub(in super::super) fn is_open(&self) -> bool {
        self.kind == Kind::Open
    }

    /// The attributes, in order; an error for what is none.
    pub(in super::super) fn attributes(&self) -> Attributes<'a> {
        Attributes { bytes: self.attributes, at: 0, base: self.attributes_start }
    }

    /// The attribute with exactly this name.
    pub(in super::super) fn attribute(&self, name: &[u8]) -> Result<Option<Attribute<'a>>, Broken> {
        for attribute in self.attributes() {
            let attribute = attribute?;
            if attribute.name == name {
                return Ok(Some(attribute));
            }
        }
        Ok(None)
    }

    /// The value of the attribute with exactly this name, as it is written.
    pub(in super::super) fn value(&self, name: &[u8]) -> Result<Option<&'a [u8]>, Broken> {
        Ok(self.attribute(name)?.map(|attribute| attribute.value))
    }

    /// Where a further attribute may be written: behind the last one.
    pub(in super::super) fn attributes_end(&self) -> usize {
        self.attributes_start + self.attributes.trim_ascii_end().len()
    }
}

/// A name without its prefix.
pub(in super::super) fn local(name: &[u8]) -> &[u8] {
    memchr(b':', name).and_then(|colon| name.get(colon + 1..)).unwrap_or(name)
}

/// The attributes of a tag.
pub(in super::super) struct Attributes<'a> {
    bytes: &'a [u8],
    at: usize,
    base: usize,
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<Attribute<'a>, Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        self.at = after_white_space(self.bytes, self.at);
        if self.at >= self.bytes.len() {
            return None;
        }
        let attribute = self.attribute();
        if attribute.is_none() {
            self.at = self.bytes.len();
        }
        Some(attribute.ok_or(Broken))
    }
}

impl<'a> Attributes<'a> {
    fn attribute(&mut self) -> Option<Attribute<'a>> {
        let rest = self.bytes.get(self.at..)?;
        let equals = memchr(b'=', rest)?;
        let name = rest.get(..equals)?.trim_ascii_end();
        let quote_at = after_white_space(self.bytes, self.at + equals + 1);
        let quote = *self.bytes.get(quote_at).filter(|quote| matches!(quote, b'"' | b'\''))?;
        let begin = quote_at + 1;
        let length = memchr(quote, self.bytes.get(begin..)?)?;
        let value = self.bytes.get(begin..begin + length)?;
        self.at = begin + length + 1;
        let is_name = !name.is_empty() && !name.iter().any(|byte| matches!(byte, b' '..=b'"' | b'\'' | b'\t'..=b'\r'));
        is_name.then_some(Attribute { name, value, place: self.base + begin..self.base + begin + length })
    }
}

fn after_white_space(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
        at += 1;
    }
    at
}

/// What stands next in bytes that may go on.
pub(in super::super) enum Step<'a> {
    /// A tag.
    Tag(Tag<'a>),
    /// Nothing more up to here; what stands from here on is incomplete. It is the bytes' end if nothing is open.
    Short(usize),
}

/// The first tag from a place on.
#[inline]
pub(in super::super) fn step(bytes: &[u8], mut at: usize) -> Result<Step<'_>, Broken> {
    loop {
        let Some(offset) = bytes.get(at..).and_then(|rest| memchr(b'<', rest)) else {
            return Ok(Step::Short(bytes.len()));
        };
        let start = at + offset;
        let passed = match bytes.get(start + 1..) {
            Some([b'?', ..]) => after(bytes, start + 2, b"?>"),
            Some([b'!', b'-', b'-', ..]) => after(bytes, start + 4, b"-->"),
            Some([b'!', b'[', b'C', b'D', b'A', b'T', b'A', b'[', ..]) => after(bytes, start + 9, b"]]>"),
            Some([b'!', rest @ ..]) if b"[CDATA[".starts_with(rest) || b"--".starts_with(rest) => None,
            Some([b'!', ..]) => return Err(Broken),
            Some(_) => return tag(bytes, start),
            None => None,
        };
        match passed {
            Some(end) => at = end,
            None => return Ok(Step::Short(start)),
        }
    }
}

fn after(bytes: &[u8], from: usize, end: &[u8]) -> Option<usize> {
    let rest = bytes.get(from..)?;
    Finder::new(end).find(rest).map(|offset| from + offset + end.len())
}

#[inline]
fn tag(bytes: &[u8], start: usize) -> Result<Step<'_>, Broken> {
    let Some(end) = tag_end(bytes, start + 1)? else { return Ok(Step::Short(start)) };
    let inner = bytes.get(start + 1..end - 1).ok_or(Broken)?;
    let (kind, inner, name_start) = match inner {
        [b'/', name @ ..] => (Kind::Close, name, start + 2),
        [inner @ .., b'/'] => (Kind::Empty, inner, start + 1),
        inner => (Kind::Open, inner, start + 1),
    };
    let length = inner.iter().position(u8::is_ascii_whitespace).unwrap_or(inner.len());
    let (name, attributes) = inner.split_at_checked(length).ok_or(Broken)?;
    if name.is_empty() || name.contains(&b'<') || name.contains(&b'=') {
        return Err(Broken);
    }
    Ok(Step::Tag(Tag { kind, name, attributes, start, attributes_start: name_start + length, end }))
}

/// Behind the `>` that ends a tag; a `>` inside of quotes does not.
#[inline]
fn tag_end(bytes: &[u8], from: usize) -> Result<Option<usize>, Broken> {
    // Nearly always the first `>` is it: all quotes before it are closed, and only one kind of them is used.
    let rest = bytes.get(from..).unwrap_or_default();
    let Some(length) = memchr(b'>', rest) else { return Ok(None) };
    let inside = rest.get(..length).unwrap_or_default();
    let (mut quotes, mut others) = (0_usize, 0_usize);
    for byte in inside {
        quotes += usize::from(*byte == b'"');
        others += usize::from(matches!(*byte, b'\'' | b'<'));
    }
    if others == 0 && quotes.is_multiple_of(2) { Ok(Some(from + length + 1)) } else { quoted_tag_end(bytes, from) }
}

#[cold]
fn quoted_tag_end(bytes: &[u8], from: usize) -> Result<Option<usize>, Broken> {
    let mut at = from;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(offset) = rest.iter().position(|byte| matches!(byte, b'>' | b'"' | b'\'' | b'<')) else {
            return Ok(None);
        };
        match rest.get(offset).copied() {
            Some(b'>') => return Ok(Some(at + offset + 1)),
            Some(b'<') | None => return Err(Broken),
            Some(quote) => {
                let inside = rest.get(offset + 1..).unwrap_or_default();
                let Some(found) = memchr2(quote, b'<', inside) else { return Ok(None) };
                if inside.get(found) == Some(&b'<') {
                    return Err(Broken);
                }
                at += offset + found + 2;
            }
        }
    }
}

/// Walks over the tags of a whole part.
#[derive(Clone)]
pub(in super::super) struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Lexer<'a> {
    /// Walks from a place on.
    pub(in super::super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    /// The next tag; `None` at the end.
    #[inline]
    pub(in super::super) fn next(&mut self) -> Result<Option<Tag<'a>>, Broken> {
        match step(self.bytes, self.at)? {
            Step::Tag(tag) => {
                self.at = tag.end;
                Ok(Some(tag))
            }
            Step::Short(at) if at == self.bytes.len() => Ok(None),
            Step::Short(_) => Err(Broken),
        }
    }

    /// The next tag, where the part can't end.
    #[inline]
    pub(in super::super) fn tag(&mut self) -> Result<Tag<'a>, Broken> {
        self.next()?.ok_or(Broken)
    }

    /// Goes behind the element that has just begun and gives the place of its inside and of the whole.
    pub(in super::super) fn pass(&mut self, begun: &Tag<'a>) -> Result<Element, Broken> {
        match begun.kind {
            Kind::Close => return Err(Broken),
            Kind::Empty => return Ok(Element { inside: begun.end..begun.end, whole: begun.start..begun.end }),
            Kind::Open => {}
        }
        let mut depth = 0_usize;
        loop {
            let tag = self.tag()?;
            match tag.kind {
                Kind::Open => depth += 1,
                Kind::Empty => {}
                Kind::Close if depth > 0 => depth -= 1,
                Kind::Close if tag.name == begun.name => {
                    return Ok(Element { inside: begun.end..tag.start, whole: begun.start..tag.end });
                }
                Kind::Close => return Err(Broken),
            }
        }
    }
}

/// Where an element stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Element {
    /// Between its tags.
    pub(in super::super) inside: Range<usize>,
    /// With its tags.
    pub(in super::super) whole: Range<usize>,
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    fn names(xml: &str) -> Result<Vec<String>, Broken> {
        let mut lexer = Lexer::new(xml.as_bytes(), 0);
        let mut names = Vec::new();
        while let Some(tag) = lexer.next()? {
            let name = String::from_utf8_lossy(tag.name);
            names.push(match tag.kind {
                Kind::Open => name.into_owned(),
                Kind::Close => format!("/{name}"),
                Kind::Empty => format!("{name}/"),
            });
        }
        Ok(names)
    }

    #[test]
    fn tags_are_found_among_all_that_looks_like_tags() {
        let xml = "\u{feff}<?xml version='1.0'?><!-- <a> --><x:r a=\"1>2\" b='/>'>\
            <![CDATA[<no></no>]]>text > text<?p <q>?><e /><f\n/></x:r >\n";
        assert_eq!(names(xml).unwrap(), ["x:r", "e/", "f/", "/x:r"]);
    }

    #[test]
    fn attributes_are_told_with_their_places() {
        let xml = br#"<c r="A1" x:s = 'two "words"' t=""/>"#;
        let tag = Lexer::new(xml, 0).tag().unwrap();
        let seen: Vec<_> = tag.attributes().map(Result::unwrap).collect();
        let values: Vec<_> = seen.iter().map(|attribute| (attribute.name, attribute.value)).collect();
        assert_eq!(values, [(&b"r"[..], &b"A1"[..]), (b"x:s", b"two \"words\""), (b"t", b"")]);
        assert!(seen.iter().all(|attribute| &xml[attribute.place.clone()] == attribute.value));
        assert_eq!(&xml[tag.attributes_end()..], b"/>");
    }

    #[test]
    fn what_is_no_xml_is_refused() {
        for xml in
            ["<a", "<a b='1>", "<a <b>", "<!DOCTYPE x><a/>", "<>", "</>", "<a b='<'/>", "<!-- ", "<![CDATA[", "<"]
        {
            assert_eq!(names(xml), Err(Broken), "{xml}");
        }
        for xml in ["<a b/>", "<a b=1/>", "<a ='1'/>", "<a b c='1'/>", "<a b='1/>'c/>"] {
            let tag = Lexer::new(xml.as_bytes(), 0).tag().unwrap();
            assert!(tag.attributes().any(|attribute| attribute.is_err()), "{xml}");
        }
    }

    #[test]
    fn an_element_is_passed_with_all_that_is_in_it() {
        let xml = b"<r><a><a/><b><a></a></b></a><z/></r>";
        let mut lexer = Lexer::new(xml, 3);
        let tag = lexer.tag().unwrap();
        let element = lexer.pass(&tag).unwrap();
        assert_eq!(
            (&xml[element.whole], &xml[element.inside]),
            (&b"<a><a/><b><a></a></b></a>"[..], &b"<a/><b><a></a></b>"[..])
        );
        assert_eq!(lexer.tag().unwrap().name, b"z");
        let mut crossed = Lexer::new(b"<a><b></a></b>", 0);
        let tag = crossed.tag().unwrap();
        assert_eq!(crossed.pass(&tag), Err(Broken));
    }
}
