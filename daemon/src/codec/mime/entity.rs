//! One entity of a mail: its header lines as they stand, its body, and how the body is packed for transport.
//!
//! Nothing is decoded here but base64 and quoted-printable. The mail's own header and each part's are entities alike.

use std::borrow::Cow;

use super::MimeLimits;
use super::fault::MimeFault;
use super::params::Params;

/// An entity: header lines and a body.
#[derive(Clone, Debug)]
pub(super) struct Entity<'a> {
    /// Names and raw values, folded lines included, in order.
    fields: Vec<(&'a [u8], &'a [u8])>,
    /// What follows the first empty line.
    pub(super) body: &'a [u8],
}

impl<'a> Entity<'a> {
    /// Splits an entity into header lines and body, within the limits of headers.
    pub(super) fn split(bytes: &'a [u8], limits: &MimeLimits) -> Result<Self, MimeFault> {
        let mut fields: Vec<(&[u8], &[u8])> = Vec::new();
        let mut at = 0;
        let mut field_start: Option<(usize, usize)> = None;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            let line_end = memchr::memchr(b'\n', rest).map_or(bytes.len(), |end| at + end + 1);
            let line = bytes.get(at..line_end).unwrap_or_default();
            let is_end = line.is_empty() || line == b"\n" || line == b"\r\n";
            let continues = !is_end && matches!(line.first(), Some(b' ' | b'\t')) && field_start.is_some();
            if !continues {
                if let Some((start, colon)) = field_start.take() {
                    fields.push((trim(&bytes[start..colon]), &bytes[colon + 1..at]));
                }
                if is_end {
                    return Ok(Self { fields, body: bytes.get(line_end..).unwrap_or_default() });
                }
                field_start = memchr::memchr(b':', line).map(|colon| (at, at + colon));
            }
            at = line_end;
            if at > limits.header_bytes_max || fields.len() > limits.headers_max {
                return Err(MimeFault::TooManyHeaders);
            }
        }
    }

    /// The raw values of a header, in order. `name` is in lower case.
    pub(super) fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'a [u8]> + 's {
        self.fields.iter().filter(move |(own, _)| own.eq_ignore_ascii_case(name.as_bytes())).map(|(_, raw)| *raw)
    }

    /// The raw value of the first header of that name.
    pub(super) fn first(&self, name: &str) -> Option<&'a [u8]> {
        self.fields.iter().find(|(own, _)| own.eq_ignore_ascii_case(name.as_bytes())).map(|(_, raw)| *raw)
    }

    /// Whether any header line is there.
    pub(super) fn has_headers(&self) -> bool {
        !self.fields.is_empty()
    }

    /// The content type with its parameters; empty if the entity names none.
    pub(super) fn content_type(&self) -> Params {
        self.first("content-type").map(Params::parse).unwrap_or_default()
    }

    /// The disposition with its parameters; empty if the entity names none.
    pub(super) fn disposition(&self) -> Params {
        self.first("content-disposition").map(Params::parse).unwrap_or_default()
    }

    /// The body with its transport encoding taken off.
    ///
    /// # Errors
    /// `malformed` if it is said to be base64 and is none.
    pub(super) fn decoded(&self) -> Result<Cow<'a, [u8]>, MimeFault> {
        let encoding = self.first("content-transfer-encoding").map(Params::parse).unwrap_or_default();
        match encoding.value.as_str() {
            "base64" => base64(self.body).map(Cow::Owned),
            "quoted-printable" => Ok(Cow::Owned(quoted_printable(self.body))),
            _ => Ok(Cow::Borrowed(self.body)),
        }
    }
}

/// Without white space at its ends.
pub(super) fn trim(bytes: &[u8]) -> &[u8] {
    bytes.trim_ascii()
}

/// Decodes base64. What stands behind the padding (a list server's footer, say) makes it malformed, as does a letter of no digit.
pub(super) fn base64(body: &[u8]) -> Result<Vec<u8>, MimeFault> {
    if trim(body).is_empty() {
        return Ok(Vec::new());
    }
    mail_parser::decoders::base64::base64_decode(trim(body)).ok_or(MimeFault::Malformed)
}

/// Decodes quoted-printable. An `=` that introduces no two digits stays, as every mail program has it.
pub(super) fn quoted_printable(body: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(body.len());
    for line in body.split_inclusive(|b| *b == b'\n') {
        let end = if line.ends_with(b"\r\n") {
            line.len() - 2
        } else {
            line.strip_suffix(b"\n").map_or(line.len(), <[u8]>::len)
        };
        let (content, line_end) = line.split_at(end);
        // White space at a line's end was added on the way.
        let mut content = content.trim_ascii_end();
        let soft = content.ends_with(b"=");
        if soft {
            content = &content[..content.len() - 1];
        }
        let mut rest = content;
        while let Some((first, after)) = rest.split_first() {
            let digits = after.get(..2).and_then(|pair| Some((hex(pair[0])?, hex(pair[1])?)));
            match digits {
                Some((high, low)) if *first == b'=' => {
                    decoded.push(high << 4 | low);
                    rest = after.get(2..).unwrap_or_default();
                }
                _ => {
                    decoded.push(*first);
                    rest = after;
                }
            }
        }
        if !soft {
            decoded.extend_from_slice(line_end);
        }
    }
    decoded
}

/// The value of a hexadecimal digit.
pub(super) fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    #[test]
    fn headers_end_at_the_first_empty_line() {
        let raw = b"From: a@b.example\r\nSubject: one\r\n two\r\nnonsense\r\n\r\nbody: x\r\n";
        let entity = Entity::split(raw, &MimeLimits::default()).unwrap();
        assert_eq!(entity.first("subject"), Some(&b" one\r\n two\r\n"[..]));
        assert_eq!(entity.fields.len(), 2);
        assert_eq!(entity.body, b"body: x\r\n");
        let bare = Entity::split(b"\nbody", &MimeLimits::default()).unwrap();
        assert!(!bare.has_headers());
        assert_eq!(bare.body, b"body");
        assert_eq!(Entity::split(b"A: b", &MimeLimits::default()).unwrap().first("a"), Some(&b" b"[..]));
    }

    #[test]
    fn too_many_headers_are_refused_before_they_are_read() {
        let many = "A: b\n".repeat(10_000);
        assert_eq!(Entity::split(many.as_bytes(), &MimeLimits::default()).unwrap_err(), MimeFault::TooManyHeaders);
        let long = format!("A: {}\n", "b".repeat(1 << 20));
        assert_eq!(Entity::split(long.as_bytes(), &MimeLimits::default()).unwrap_err(), MimeFault::TooManyHeaders);
    }

    #[test]
    fn quoted_printable_is_decoded_leniently() {
        assert_eq!(quoted_printable(b"=E7=94=B5=\r\nx =3D 1=2 \r\n="), "电x = 1=2\r\n".as_bytes());
    }
}
