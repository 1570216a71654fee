//! Lists of tags as DKIM has them (RFC 6376, 3.2): `v=1; d=example.com`, each tag once.

/// The most tags of a list.
const TAGS_MAX: usize = 32;

/// A list of tags.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tags<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Tags<'a> {
    /// Reads a list; `None` if a tag stands twice or something is no tag.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let mut tags: Vec<(&str, &str)> = Vec::new();
        let mut pieces = text.split(';').peekable();
        while let Some(piece) = pieces.next() {
            // Behind the last semicolon nothing needs to stand.
            if piece.trim().is_empty() && pieces.peek().is_none() && !tags.is_empty() {
                break;
            }
            let (name, value) = piece.split_once('=')?;
            let (name, value) = (name.trim(), value.trim());
            let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            // Other readers may take `D` for `d`.
            let is_taken = tags.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
            if !is_name || is_taken || name.bytes().any(|byte| byte.is_ascii_uppercase()) || tags.len() == TAGS_MAX {
                return None;
            }
            tags.push((name, value));
        }
        Some(Self(tags))
    }

    /// A tag's value.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }
}

/// Reads base64 with blanks anywhere; `None` if something else stands there.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut bits, mut held, mut padding) = (Vec::new(), 0_u32, 0_u32, 0);
    for byte in text.bytes().filter(|byte| !byte.is_ascii_whitespace()) {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                padding += 1;
                continue;
            }
            _ => return None,
        };
        if padding > 0 {
            return None;
        }
        bits = (bits << 6 | u32::from(six)) & 0xff_ffff;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).unwrap_or_default());
        }
    }
    (padding <= 2 && held < 6).then_some(bytes)
}

/// How many bits the modulus of an RSA key has, given its `SubjectPublicKeyInfo` (RFC 5280), or the bare `RSAPublicKey` (RFC 8017).
pub(super) fn rsa_bits(der: &[u8]) -> Option<usize> {
    const SEQUENCE: u8 = 0x30;
    let (outer, _) = element(der, SEQUENCE)?;
    let key = match element(outer, SEQUENCE) {
        Some((_algorithm, rest)) => {
            let (bits, _) = element(rest, 0x03)?;
            element(bits.strip_prefix(&[0])?, SEQUENCE)?.0
        }
        None => outer,
    };
    let (modulus, _) = element(key, 0x02)?;
    let start = modulus.iter().position(|byte| *byte != 0)?;
    let modulus = modulus.get(start..)?;
    Some(modulus.len() * 8 - modulus.first()?.leading_zeros() as usize)
}

/// Reads one DER element with this tag: what is in it, and what follows.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let [found, length, rest @ ..] = der else { return None };
    if *found != tag {
        return None;
    }
    let (length, rest) = match length {
        0..=0x7f => (usize::from(*length), rest),
        0x81 => (usize::from(*rest.first()?), rest.get(1..)?),
        0x82 => (usize::from(*rest.first()?) << 8 | usize::from(*rest.get(1)?), rest.get(2..)?),
        _ => return None,
    };
    rest.split_at_checked(length)
}
