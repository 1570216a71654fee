//! What a mail's own header says: sender, addressees, ids, date, and marks of automatic mail.

use mail_parser::{HeaderValue, MessageParser};

use super::entity::{Entity, trim};
use super::fault::MimeFault;
use super::{Address, Glance, Loops, Mail, MessageId, MimeLimits, charset, words};

/// The most ids that are kept of one header, the newest ones.
const IDS_MAX: usize = 100;
/// The longest id that is kept, in bytes.
const ID_BYTES_MAX: usize = 250;
/// The longest address that is one, in bytes (RFC 5321: 64 + 1 + 255).
const ADDRESS_BYTES_MAX: usize = 320;
/// The longest subject that is kept, in characters.
const SUBJECT_CHARS_MAX: usize = 1000;
/// The longest sender and subject that are shown of a mail that can't be taken, in characters.
const GLANCE_CHARS_MAX: usize = 200;
/// The most senders that are shown of one.
const GLANCE_SENDERS_MAX: usize = 3;

/// Reads the header.
pub(super) fn read(entity: &Entity<'_>, limits: &MimeLimits) -> Result<Mail, MimeFault> {
    if !entity.has_headers() {
        return Err(MimeFault::Malformed);
    }
    let mut headers = entity.all("from");
    let from = match (headers.next(), headers.next()) {
        (None, _) => return Err(MimeFault::NoFrom),
        (Some(_), Some(_)) => return Err(MimeFault::SeveralFrom),
        (Some(raw), None) => sender(addresses("From", raw, limits)?)?,
    };
    let all = |name: &'static str| -> Result<Vec<Address>, MimeFault> {
        let mut found = Vec::new();
        for raw in entity.all(name) {
            found.extend(addresses("To", raw, limits)?);
            if found.len() > limits.addresses_max {
                return Err(MimeFault::TooManyAddresses);
            }
        }
        Ok(found)
    };
    let mut delivered_to = all("delivered-to")?;
    delivered_to.extend(all("x-original-to")?);
    delivered_to.extend(all("envelope-to")?);
    let subject = match entity.first("subject") {
        Some(raw) => words::decoded(raw).ok_or(MimeFault::UndecodableText)?,
        None => String::new(),
    };
    Ok(Mail {
        from,
        to: all("to")?,
        cc: all("cc")?,
        delivered_to,
        subject: printable(&subject).chars().take(SUBJECT_CHARS_MAX).collect(),
        message_id: entity.first("message-id").and_then(|raw| ids(raw).pop()),
        in_reply_to: entity.first("in-reply-to").map(ids).unwrap_or_default(),
        references: entity.first("references").map(ids).unwrap_or_default(),
        date_s: entity.first("date").and_then(date),
        loops: loops(entity),
        ..Mail::default()
    })
}

/// What a mail says of itself at a glance, whatever is wrong with it: whom it names as its senders, and its subject. Nobody's word for anything.
pub(super) fn glance(entity: &Entity<'_>) -> Glance {
    let shown = |raw: &[u8]| {
        let text = words::decoded(raw).unwrap_or_else(|| String::from_utf8_lossy(raw).into_owned());
        // Marks of direction would let it seem another's.
        let text: String = text.chars().filter(|c| !is_direction_mark(*c)).take(GLANCE_CHARS_MAX).collect();
        printable(&text).split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let senders: Vec<String> = entity.all("from").take(GLANCE_SENDERS_MAX).map(shown).collect();
    Glance { from: senders.join(" | "), subject: entity.first("subject").map(shown).unwrap_or_default() }
}

/// Whether it turns the direction of text around (Unicode Standard Annex 9).
fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// The one sender.
fn sender(mut found: Vec<Address>) -> Result<Address, MimeFault> {
    match (found.pop(), found.is_empty()) {
        (None, _) => Err(MimeFault::NoFrom),
        (Some(_), false) => Err(MimeFault::SeveralFrom),
        (Some(address), true) => Ok(address),
    }
}

/// Reads the addresses of one header. What is no address is left out, but in `From` it is a second sender.
fn addresses(name: &str, raw: &[u8], limits: &MimeLimits) -> Result<Vec<Address>, MimeFault> {
    // Each address costs a comma or a semicolon: this bounds what the parser lays out.
    if raw.iter().filter(|b| matches!(b, b',' | b';' | b':')).count() > 4 * limits.addresses_max {
        return Err(MimeFault::TooManyAddresses);
    }
    let text = charset::text(raw, None, false).unwrap_or_else(|| String::from_utf8_lossy(raw).into_owned());
    let Some(HeaderValue::Address(list)) = parsed(name, text.as_bytes()) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for one in list.iter() {
        let address = one.address.as_deref().unwrap_or_default().trim();
        if is_address(address) {
            let shown = one.name.as_deref().filter(|name| !name.contains('\u{FFFD}')).unwrap_or_default();
            found.push(Address { name: printable(shown), address: address.to_owned() });
        } else if name == "From" && !(address.is_empty() && one.name.as_deref().unwrap_or_default().is_empty()) {
            // `a@example.com, b` or `<a@example.com> <c@example.org>`: not one clear sender.
            return Err(if text.matches('@').count() > 1 { MimeFault::SeveralFrom } else { MimeFault::NoFrom });
        }
    }
    if found.len() > limits.addresses_max {
        return Err(MimeFault::TooManyAddresses);
    }
    // The parser takes what stands between several angle brackets for one address.
    if name == "From" && found.len() == 1 && text.matches('<').count() > 1 && !text.contains('"') {
        return Err(MimeFault::SeveralFrom);
    }
    Ok(found)
}

fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    text.len() <= ADDRESS_BYTES_MAX
        && !local.is_empty()
        && !domain.is_empty()
        && !local.contains('@')
        && !text
            .chars()
            .any(|c| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>' | '(' | ')' | ',' | ';' | '\u{FFFD}'))
}

/// Has one header value read by mail-parser.
fn parsed(name: &str, value: &[u8]) -> Option<HeaderValue<'static>> {
    let raw = [name.as_bytes(), b": ", trim(value), b"\r\n\r\n"].concat();
    let message = MessageParser::new().with_minimal_headers().parse_headers(&raw)?;
    let header = message.parts.into_iter().next()?.headers.into_iter().next()?;
    Some(header.value.into_owned())
}

fn date(raw: &[u8]) -> Option<i64> {
    match parsed("Date", raw)? {
        HeaderValue::DateTime(at) if at.is_valid() => Some(at.to_timestamp()),
        _ => None,
    }
}

/// The well-formed ids of a header, in order; the newest hundred.
fn ids(raw: &[u8]) -> Vec<MessageId> {
    let mut found = Vec::new();
    for piece in raw.split(|b| *b == b'<').skip(1) {
        let Some(end) = memchr::memchr(b'>', piece) else { continue };
        let id = piece.get(..end).unwrap_or_default();
        let is_safe = id.len() <= ID_BYTES_MAX && id.contains(&b'@') && id.iter().all(u8::is_ascii_graphic);
        if is_safe && let Ok(id) = std::str::from_utf8(id) {
            found.push(MessageId(id.to_owned()));
        }
    }
    let skipped = found.len().saturating_sub(IDS_MAX);
    found.split_off(skipped)
}

fn loops(entity: &Entity<'_>) -> Loops {
    let token = |name: &str| {
        let raw = String::from_utf8_lossy(entity.first(name)?).to_ascii_lowercase();
        Some(raw.split([';', '(']).next().unwrap_or_default().trim().to_owned())
    };
    let lists =
        ["list-id", "list-post", "list-unsubscribe", "list-help", "list-owner", "list-archive", "list-subscribe"];
    Loops {
        auto_submitted: token("auto-submitted").filter(|value| value != "no"),
        response_suppressed: entity.first("x-auto-response-suppress").is_some(),
        precedence: token("precedence").filter(|value| matches!(value.as_str(), "bulk" | "junk" | "list")),
        from_list: lists.iter().any(|name| entity.first(name).is_some()),
        null_return_path: entity.first("return-path").is_some_and(|raw| trim(raw) == b"<>"),
        own_marks: entity.all("x-daybook-arrival").map(|raw| printable(&String::from_utf8_lossy(raw))).collect(),
    }
}

/// On one line, without control characters and trimmed.
fn printable(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    spaced.trim().to_owned()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::super::read as read_mail;
    use super::*;

    #[test]
    fn a_glance_shows_what_can_be_shown_of_any_mail() {
        let look = |raw: &[u8]| {
            let Glance { from, subject } = super::super::glance(raw);
            (from, subject)
        };
        let two = "From: =?utf-8?B?5p2O6Zu3?= <li@example.com>\r\nFrom: \u{202E}moc.elpmaxe@ib\r\nSubject: a\r\n\tb\x1b[31m\r\n\r\n";
        let senders = "李雷 <li@example.com> | moc.elpmaxe@ib".to_owned();
        assert_eq!(look(two.as_bytes()), (senders, "a b [31m".to_owned()));
        let broken = look(b"Subject: \xFF\xFE\xFA =?utf-8?B?////?= x\r\n");
        assert!(broken.0.is_empty() && broken.1.ends_with('x'), "{broken:?}");
        let long = format!("From: {}\r\n\r\n", "李".repeat(100_000));
        assert!(look(long.as_bytes()).0.chars().count() <= GLANCE_CHARS_MAX);
        assert_eq!(look(b""), Default::default());
    }

    fn from(headers: &str) -> Result<String, &'static str> {
        let raw = format!("{headers}Subject: x\r\n\r\nbody\r\n");
        match read_mail(raw.as_bytes(), &MimeLimits::default()) {
            Ok(mail) => Ok(mail.from.address),
            Err(fault) => Err(fault.code()),
        }
    }

    #[test]
    fn the_sender_is_the_one_address_of_the_one_header() {
        for (headers, expected) in [
            ("From: a@example.com\r\n", Ok("a@example.com")),
            ("From: =?GBK?B?zfW3vA==?= <wang.fang@example.com>\r\n", Ok("wang.fang@example.com")),
            ("From: \"x <b@example.org>\" <a@example.com>\r\n", Ok("a@example.com")),
            ("From: a@example.com\r\nFrom: b@example.com\r\n", Err("several-from")),
            ("From: a@example.com, b@example.com\r\n", Err("several-from")),
            ("From: <a@example.com> <b@example.org>\r\n", Err("several-from")),
            ("From: nobody\r\n", Err("no-from")),
            ("From: \r\n", Err("no-from")),
            ("To: a@example.com\r\n", Err("no-from")),
            ("From: undisclosed:;\r\n", Err("no-from")),
        ] {
            assert_eq!(from(headers), expected.map(str::to_owned), "{headers}");
        }
    }

    #[test]
    fn a_hundred_thousand_addresses_are_refused() {
        let many = format!("From: a@example.com\r\nTo: {}\r\n", "a@b.cd,".repeat(30_000));
        assert_eq!(from(&many), Err("too-many-addresses"));
        let more = format!("From: a@example.com\r\n{}", "To: a@b.cd\r\n".repeat(300));
        assert_eq!(from(&more), Err("too-many-addresses"));
    }

    #[test]
    fn only_safe_ids_are_kept() {
        let raw = b"From: a@example.com\r\nMessage-ID: <one@example.com>\r\nIn-Reply-To: <a b@c> <no> <ok@x>\r\n\
            References: <1@x>\r\n <2@x>\r\nAuto-Submitted: auto-replied (x)\r\nPrecedence: bulk\r\nDate: Sat, 28 Nov 2026 09:00:00 +0800\r\n\r\n";
        let mail = read_mail(raw, &MimeLimits::default()).unwrap();
        assert_eq!(mail.message_id.unwrap().as_str(), "one@example.com");
        assert_eq!(mail.in_reply_to, [MessageId("ok@x".into())]);
        assert_eq!(mail.references.len(), 2);
        assert_eq!(mail.date_s, Some(1_795_827_600));
        assert_eq!(mail.loops.auto_submitted.as_deref(), Some("auto-replied"));
        assert!(mail.loops.any());
    }
}
