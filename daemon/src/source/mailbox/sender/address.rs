//! The one address of the one From, and what it takes for two addresses to be the same.
//!
//! Of RFC 5322 only what mail programs write is taken: `a@b.c`, `<a@b.c>`, `Name <a@b.c>`, `"Name" <a@b.c>`. A comment, a group, a route,
//! a quoted local part, an IP literal, a trailing dot, anything not ASCII in the address: refused. What an address is made of is [`Email`]'s to say. The display name is skipped, never read.

use super::header::Header;
use super::reason::Reason;
use crate::model::email::{Email, is_domain};

/// The most bytes of a From.
pub const FROM_BYTES_MAX: usize = 2000;

/// Whether what `signer` vouches for holds for addresses at `domain`: it is the same name, or one above. Whoever has a zone decides
/// over all names below it, so this needs no list of public suffixes; a name below vouches for nothing above it, which is where
/// this is stricter than DMARC.
pub(super) fn is_aligned(signer: &str, domain: &str) -> bool {
    if !is_domain(signer) {
        return false;
    }
    let (signer, domain) = (signer.to_ascii_lowercase(), domain.to_ascii_lowercase());
    domain.strip_suffix(signer.as_str()).is_some_and(|below| below.is_empty() || below.ends_with('.'))
}

/// The one address of the one From.
pub fn from_address(header: &Header<'_>) -> Result<Email, Reason> {
    let mut fields = header.all("from");
    let field = fields.next().ok_or(Reason::FromMissing)?;
    if fields.next().is_some() {
        return Err(Reason::FromRepeated);
    }
    if field.value.len() > FROM_BYTES_MAX {
        return Err(Reason::FromSeveral);
    }
    let address = sole_address(&field.value)?;
    let address = std::str::from_utf8(address).ok().and_then(Email::parse);
    address.ok_or(Reason::FromMalformed)
}

/// Cuts the address out of a From: all of it, or what stands between the only angle brackets at its end.
fn sole_address(value: &[u8]) -> Result<&[u8], Reason> {
    let mut at = 0;
    let mut open = None;
    let mut has_name = false;
    while let Some(byte) = value.get(at) {
        match byte {
            b'"' => {
                at = quoted_end(value, at).ok_or(Reason::FromMalformed)?;
                has_name = true;
            }
            b'(' | b')' => return Err(Reason::FromComment),
            b',' | b';' | b':' => return Err(Reason::FromSeveral),
            b'<' => {
                open = Some(at);
                break;
            }
            0..=8 | 10..=31 | 127 | b'>' | b'[' | b']' | b'\\' => return Err(Reason::FromMalformed),
            _ => {}
        }
        at += 1;
    }
    let Some(open) = open else {
        return if has_name { Err(Reason::FromMalformed) } else { Ok(value) };
    };
    let (name, inner) = (value.get(..open).unwrap_or_default(), value.get(open + 1..).unwrap_or_default());
    // An `@` in a name without quotation marks is a second address to some readers.
    if !has_name && name.contains(&b'@') {
        return Err(Reason::FromSeveral);
    }
    for (byte, reason) in [(b'(', Reason::FromComment), (b',', Reason::FromSeveral), (b';', Reason::FromSeveral)] {
        if inner.contains(&byte) {
            return Err(reason);
        }
    }
    inner.strip_suffix(b">").ok_or(Reason::FromMalformed)
}

/// Where the quoted text that begins here ends: at its closing mark.
fn quoted_end(value: &[u8], begin: usize) -> Option<usize> {
    let mut at = begin + 1;
    loop {
        match value.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &str, expected: Result<&str, Reason>) {
        let mail = format!("From: {value}\r\n\r\n");
        let header = Header::read(mail.as_bytes()).unwrap();
        assert_eq!(from_address(&header), expected.map(|text| Email::parse(text).unwrap()), "{value}");
    }

    #[test]
    fn what_mail_programs_write_is_read() {
        let li = Ok("li.lei@example.com");
        for value in [
            "li.lei@example.com",
            "Li.Lei@Example.COM",
            "<li.lei@example.com>",
            "李雷 <li.lei@example.com>",
            "\"Li, Lei (sales) <boss@example.com>\" <li.lei@example.com>",
            "=?utf-8?B?5p2O6Zu3?= <li.lei@example.com>",
            "\"a\\\"b\"\r\n\t<li.lei@example.com>",
        ] {
            check(value, li);
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for (value, reason) in [
            ("li.lei@example.com, boss@example.com", Reason::FromSeveral),
            ("boss@example.com <li.lei@example.com>", Reason::FromSeveral),
            ("staff: li.lei@example.com;", Reason::FromSeveral),
            ("<@a.com,@b.com:li.lei@example.com>", Reason::FromSeveral),
            ("<@a.com:li.lei@example.com>", Reason::FromMalformed),
            ("li.lei@example.net(.example.com", Reason::FromComment),
            ("li.lei@example.com (Li Lei)", Reason::FromComment),
            ("<li.lei@example.com> <boss@example.com>", Reason::FromMalformed),
            ("<li.lei@example.com", Reason::FromMalformed),
            ("\"li.lei\"@example.com", Reason::FromMalformed),
            ("li.lei@[192.0.2.1]", Reason::FromMalformed),
            ("li.lei@192.0.2.1", Reason::FromMalformed),
            ("li.lei@example.com.", Reason::FromMalformed),
            ("li.lei@example..com", Reason::FromMalformed),
            ("li.lei@localhost", Reason::FromMalformed),
            ("li.lei @example.com", Reason::FromMalformed),
            ("li.lei@exam\u{200b}ple.com", Reason::FromMalformed),
            ("=?utf-8?Q?li.lei=40example.com?=", Reason::FromMalformed),
            ("=?utf-8?Q?li.lei?=@example.com", Reason::FromMalformed),
            ("\"li.lei@example.com", Reason::FromMalformed),
            ("", Reason::FromMalformed),
        ] {
            check(value, Err(reason));
        }
    }

    #[test]
    fn only_the_same_zone_or_one_above_vouches() {
        assert!(is_aligned("example.com", "example.com") && is_aligned("Example.com", "mail.EXAMPLE.com"));
        for other in ["mail.example.com", "ample.com", "com", "", ".com", "example.com.", "example.org"] {
            assert!(!is_aligned(other, "example.com"), "{other}");
        }
    }
}
