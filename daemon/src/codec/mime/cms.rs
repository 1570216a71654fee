//! The content of an S/MIME message in binary form (`smime.p7m`): a small walk through BER, bounded by the bytes there are.
//!
//! Nothing is verified: that it is signed makes it no truer. Who sent a mail is found out elsewhere.

/// How deep elements may lie in each other.
const DEPTH_MAX: usize = 24;

const OCTET_STRING: u8 = 0x04;
const OBJECT_ID: u8 = 0x06;
/// A tag's bit that says that elements lie within.
const CONSTRUCTED: u8 = 0x20;
/// 1.2.840.113549.1.7, the arc of PKCS #7's content types.
const PKCS7: [u8; 8] = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07];
/// 1.2.840.113549.1.9.16.1.23: authenticated enveloped data.
const AUTH_ENVELOPED: [u8; 11] = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x10, 0x01, 0x17];

/// What a PKCS #7 message is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Signed {
    /// Signed data with this content, a MIME entity.
    Content(Vec<u8>),
    /// It is encrypted.
    Enveloped,
    /// Anything else: certificates, or no PKCS #7 at all.
    Other,
}

/// Finds the content of a PKCS #7 message.
pub(super) fn content(bytes: &[u8]) -> Signed {
    opened(bytes).unwrap_or(Signed::Other)
}

fn opened(bytes: &[u8]) -> Option<Signed> {
    let mut message = Elements(bytes).next()?.within()?;
    let kind = message.next()?;
    if kind.tag != OBJECT_ID {
        return None;
    }
    match kind.content.strip_prefix(&PKCS7) {
        Some([2]) => {}
        // Enveloped, signed and enveloped, encrypted data.
        Some([3 | 4 | 6]) => return Some(Signed::Enveloped),
        _ if kind.content == AUTH_ENVELOPED => return Some(Signed::Enveloped),
        _ => return None,
    }
    // SignedData: version, digest algorithms, the content.
    let mut signed = message.next()?.within()?.next()?.within()?;
    signed.next()?;
    signed.next()?;
    let mut held = signed.next()?.within()?;
    held.next().filter(|kind| kind.tag == OBJECT_ID)?;
    // No content: a signature that stands beside what it signs, or certificates alone.
    let text = held.next()?.within()?.next()?;
    let mut content = Vec::new();
    octets(&text, &mut content, 0)?;
    Some(Signed::Content(content))
}

/// Puts the pieces of an octet string together.
fn octets(element: &Element<'_>, content: &mut Vec<u8>, depth: usize) -> Option<()> {
    if element.tag == OCTET_STRING {
        content.extend_from_slice(element.content);
        return Some(());
    }
    if element.tag != OCTET_STRING | CONSTRUCTED || depth > DEPTH_MAX {
        return None;
    }
    for piece in element.within()? {
        octets(&piece, content, depth + 1)?;
    }
    Some(())
}

/// An element: its tag and what it holds, without an end mark.
#[derive(Clone, Copy)]
struct Element<'a> {
    tag: u8,
    content: &'a [u8],
}

impl<'a> Element<'a> {
    /// The elements within.
    fn within(&self) -> Option<Elements<'a>> {
        (self.tag & CONSTRUCTED != 0).then_some(Elements(self.content))
    }
}

/// The elements of some bytes.
struct Elements<'a>(&'a [u8]);

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        let (element, rest) = element(self.0, 0)?;
        self.0 = rest;
        Some(element)
    }
}

/// Reads one element, and gives what follows it. The end mark of an element of unknown length is none.
fn element(bytes: &[u8], depth: usize) -> Option<(Element<'_>, &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&length, rest) = rest.split_first()?;
    if (tag, length) == (0, 0) || tag & 0x1F == 0x1F || depth > DEPTH_MAX {
        return None;
    }
    let length = match length {
        0x80 => return (tag & CONSTRUCTED != 0).then(|| of_unknown_length(tag, rest, depth)).flatten(),
        short @ ..0x80 => return held(tag, rest, usize::from(short)),
        long => usize::from(long & 0x7F),
    };
    if length > 4 {
        return None;
    }
    let (digits, rest) = rest.split_at_checked(length)?;
    held(tag, rest, digits.iter().fold(0, |number, digit| number << 8 | usize::from(*digit)))
}

fn held(tag: u8, rest: &[u8], length: usize) -> Option<(Element<'_>, &[u8])> {
    let (content, rest) = rest.split_at_checked(length)?;
    Some((Element { tag, content }, rest))
}

/// Finds the end of an element of unknown length: the end mark behind its last element.
fn of_unknown_length(tag: u8, bytes: &[u8], depth: usize) -> Option<(Element<'_>, &[u8])> {
    let mut rest = bytes;
    while let Some((_, after)) = element(rest, depth + 1) {
        rest = after;
    }
    let after = rest.strip_prefix(&[0, 0])?;
    let content = bytes.get(..bytes.len() - rest.len())?;
    Some((Element { tag, content }, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap_or(0).to_be_bytes();
        [&[tag, 0x82, length[0], length[1]], content].concat()
    }

    fn open(tag: u8, content: &[u8]) -> Vec<u8> {
        [&[tag, 0x80], content, &[0, 0]].concat()
    }

    fn id(last: u8) -> Vec<u8> {
        held(OBJECT_ID, &[&PKCS7[..], &[last]].concat())
    }

    fn message(kind: u8, wrap: fn(u8, &[u8]) -> Vec<u8>, text: &[u8]) -> Vec<u8> {
        let inner = wrap(0x30, &[id(1), wrap(0xA0, text)].concat());
        let data = wrap(0x30, &[held(0x02, &[1]), wrap(0x31, &[]), inner, held(0x31, b"x")].concat());
        wrap(0x30, &[id(kind), wrap(0xA0, &data)].concat())
    }

    #[test]
    fn signed_content_is_read_in_both_forms() {
        let text = held(OCTET_STRING, b"Content-Type: text/plain\r\n\r\nhello");
        let expected = Signed::Content(b"Content-Type: text/plain\r\n\r\nhello".to_vec());
        assert_eq!(content(&message(2, held, &text)), expected);
        let pieces = [held(OCTET_STRING, b"Content-Type: text/plain\r\n"), held(OCTET_STRING, b"\r\nhello")].concat();
        assert_eq!(content(&message(2, open, &open(0x24, &pieces))), expected);
    }

    #[test]
    fn encrypted_is_told_and_nonsense_is_survived() {
        assert_eq!(content(&message(3, held, &[])), Signed::Enveloped);
        assert_eq!(content(b"no"), Signed::Other);
        assert_eq!(content(&[0x30, 0x80].repeat(100_000)), Signed::Other);
        let whole = message(2, open, &held(OCTET_STRING, b"hello"));
        for end in 0..whole.len() {
            content(&whole[..end]);
        }
    }
}
