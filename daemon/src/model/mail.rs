//! A mail that Daybook sends: to whom, which one it is, its bytes as they will always be.
//!
//! All is checked when it is made, so that whoever hands it to a server has nothing left to refuse: no address with a
//! line's end in it, no line that a server could take for the end of the mail, and the Message-ID that the bytes say.

use std::fmt;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::ArrivalId;

/// The size of a mail that Daybook sends: what most servers take, with an attachment in it.
pub const OUTGOING_BYTES_MAX: usize = 25 << 20;
/// The longest address (RFC 5321, 4.5.3.1.3, without the angle brackets).
const ADDRESS_BYTES_MAX: usize = 254;
/// The longest Message-ID that is taken: one fits into a line with its field's name.
const MESSAGE_ID_BYTES_MAX: usize = 200;
/// The longest line, without its end (RFC 5322, 2.1.1).
const LINE_BYTES_MAX: usize = 998;

/// Why something can't be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadMail {
    /// Not one plain address.
    #[error("`{0}` is not an address that a mail can be sent to")]
    Address(String),
    /// Not a Message-ID, or not one that is taken.
    #[error("this is not a Message-ID")]
    MessageId,
    /// The kind is not a word in lower case.
    #[error("`{0}` is not a kind of mail")]
    Kind(String),
    /// The bytes are not a mail that can be sent as it is.
    #[error("the mail's bytes can't be sent: {0}")]
    Bytes(&'static str),
}

/// One address, in lower case: a local part, `@`, a domain; nothing that would mean something else to a server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MailAddress(String);

impl MailAddress {
    /// Checks an address. Letters beyond ASCII are taken; a server that can't have them says so.
    pub fn parse(text: &str) -> Result<Self, BadMail> {
        let bad = || BadMail::Address(text.chars().filter(|letter| !letter.is_control()).take(80).collect());
        let is_harmless =
            |letter: char| !(letter.is_control() || letter.is_whitespace() || "<>()[],;:\\\"".contains(letter));
        let (local, domain) = text.split_once('@').ok_or_else(bad)?;
        let dots = |part: &str| part.split('.').all(|piece| !piece.is_empty());
        let is_good = text.len() <= ADDRESS_BYTES_MAX && text.chars().all(is_harmless) && !domain.contains('@');
        if is_good && dots(local) && dots(domain) { Ok(Self(text.to_lowercase())) } else { Err(bad()) }
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands behind the `@`.
    pub fn domain(&self) -> &str {
        self.0.split_once('@').map_or("", |(_, domain)| domain)
    }
}

impl TryFrom<String> for MailAddress {
    type Error = BadMail;

    fn try_from(text: String) -> Result<Self, BadMail> {
        Self::parse(&text)
    }
}

impl From<MailAddress> for String {
    fn from(address: MailAddress) -> Self {
        address.0
    }
}

impl fmt::Display for MailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of one mail for ever, without the angle brackets. A retry sends the same one, so that what comes twice is
/// seen to be one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MessageId(String);

impl MessageId {
    /// Makes one of sixteen random bytes: nobody can guess it who has not got the mail.
    pub fn of(random: [u8; 16], domain: &str) -> Result<Self, BadMail> {
        Self::parse(&format!("daybook.{:032x}@{domain}", u128::from_be_bytes(random)))
    }

    /// Reads one, with or without the angle brackets. Only letters, digits and `. _ + = -` stand on both sides of the `@`:
    /// it becomes a part of a file's name.
    pub fn parse(text: &str) -> Result<Self, BadMail> {
        let inner = text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(text);
        let is_plain = |part: &str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._+=-".contains(&byte);
            !part.is_empty() && !part.starts_with('.') && part.bytes().all(plain)
        };
        let (left, right) = inner.split_once('@').ok_or(BadMail::MessageId)?;
        let is_good = inner.len() <= MESSAGE_ID_BYTES_MAX && is_plain(left) && is_plain(right);
        if is_good { Ok(Self(inner.to_owned())) } else { Err(BadMail::MessageId) }
    }

    /// It without the angle brackets.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for MessageId {
    type Error = BadMail;

    fn try_from(text: String) -> Result<Self, BadMail> {
        Self::parse(&text)
    }
}

impl From<MessageId> for String {
    fn from(id: MessageId) -> Self {
        id.0
    }
}

/// Writes it as a header does, with the angle brackets.
impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.0)
    }
}

/// Which mail of the outbox: what a person names it by on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutgoingId(pub [u8; 16]);

impl fmt::Display for OutgoingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

/// A mail to be sent, to one recipient.
#[derive(Clone, PartialEq, Eq)]
pub struct OutgoingMail {
    kind: CompactString,
    to: MailAddress,
    message_id: MessageId,
    bytes: Vec<u8>,
    answers: Option<ArrivalId>,
}

impl OutgoingMail {
    /// Checks a mail. `kind` is a word such as `receipt`; of one kind an arrival is answered to a person once.
    ///
    /// `bytes` are what is sent, for ever: lines that end with CR LF and are not too long, and in the head one `Message-ID`, the
    /// one that is handed in. The envelope's sender is not among it: that is always `<>`.
    pub fn new(
        kind: &str,
        to: MailAddress,
        message_id: MessageId,
        bytes: Vec<u8>,
        answers: Option<ArrivalId>,
    ) -> Result<Self, BadMail> {
        let is_word = !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        if !is_word || kind.len() > 40 {
            return Err(BadMail::Kind(kind.chars().filter(|letter| !letter.is_control()).take(40).collect()));
        }
        check_lines(&bytes)?;
        check_message_id(&bytes, &message_id)?;
        Ok(Self { kind: kind.into(), to, message_id, bytes, answers })
    }

    /// What it is: `receipt` …
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Whom it is for.
    pub fn to(&self) -> &MailAddress {
        &self.to
    }

    /// Which one it is.
    pub fn message_id(&self) -> &MessageId {
        &self.message_id
    }

    /// All of it.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The arrival that it answers.
    pub fn answers(&self) -> Option<ArrivalId> {
        self.answers
    }
}

/// Leaves the content out.
impl fmt::Debug for OutgoingMail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, to, message_id, bytes, answers } = self;
        f.debug_struct("OutgoingMail")
            .field("kind", kind)
            .field("to", to)
            .field("message_id", message_id)
            .field("bytes", &bytes.len())
            .field("answers", answers)
            .finish()
    }
}

fn check_lines(bytes: &[u8]) -> Result<(), BadMail> {
    if bytes.len() > OUTGOING_BYTES_MAX {
        return Err(BadMail::Bytes("there are too many"));
    }
    let Some(lines) = bytes.strip_suffix(b"\r\n") else { return Err(BadMail::Bytes("they don't end with a line")) };
    for line in lines.split(|byte| *byte == b'\n') {
        // The last one has lost its end above.
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.len() > LINE_BYTES_MAX {
            return Err(BadMail::Bytes("a line is too long"));
        }
        if line.contains(&b'\r') || line.contains(&0) {
            return Err(BadMail::Bytes("a line holds a control character that ends it elsewhere"));
        }
    }
    let has_bare_end = bytes.windows(2).any(|pair| pair[1] == b'\n' && pair[0] != b'\r') || bytes.starts_with(b"\n");
    if has_bare_end { Err(BadMail::Bytes("a line ends without CR")) } else { Ok(()) }
}

fn check_message_id(bytes: &[u8], message_id: &MessageId) -> Result<(), BadMail> {
    let head_end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(bytes.len());
    let head = String::from_utf8_lossy(&bytes[..head_end]);
    // A field goes on in lines that begin with white space.
    let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
    let mut ids = unfolded.split("\r\n").filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("message-id").then(|| value.trim().to_owned())
    });
    match (ids.next(), ids.next()) {
        (Some(id), None) if id == message_id.to_string() => Ok(()),
        (Some(_), None) => Err(BadMail::Bytes("they name another Message-ID")),
        (None, _) => Err(BadMail::Bytes("they name no Message-ID")),
        (Some(_), Some(_)) => Err(BadMail::Bytes("they name two Message-IDs")),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_and_plain() {
        assert_eq!(MailAddress::parse("Li.Lei@Example.com").unwrap().as_str(), "li.lei@example.com");
        assert_eq!(MailAddress::parse("李雷@例子.公司").unwrap().domain(), "例子.公司");
        for bad in [
            "",
            "@",
            "a@",
            "@b",
            "a b@c",
            "a@b@c",
            "a@b\r\nRCPT TO:<x@y>",
            "a\0@b",
            "<a@b>",
            "a@b>",
            "a,b@c",
            "\"a\"@b",
            "a..b@c",
            "a@b.",
            ".a@b",
            "a@[127.0.0.1]",
            "a@b\u{2028}",
            "李雷 <a@b>",
        ] {
            assert!(MailAddress::parse(bad).is_err(), "{bad:?}");
        }
        assert!(MailAddress::parse(&format!("{}@b", "a".repeat(300))).is_err());
        assert!(!MailAddress::parse("a\r\nb@c").unwrap_err().to_string().contains('\n'));
    }

    #[test]
    fn a_message_id_is_what_was_drawn() {
        let id = MessageId::of([0xAB; 16], "example.com").unwrap();
        assert_eq!(id.to_string(), format!("<daybook.{}@example.com>", "ab".repeat(16)));
        assert_eq!(MessageId::parse(&id.to_string()).unwrap(), id);
        for bad in ["", "a", "a@", "@b", "a/../b@c", ".a@b", "a b@c", "a@b>\r\nX: <c", "a@b@c", "<a@b"] {
            assert!(MessageId::parse(bad).is_err(), "{bad:?}");
        }
    }

    fn check(bytes: &str) -> Result<OutgoingMail, BadMail> {
        let to = MailAddress::parse("li.lei@example.com").unwrap();
        OutgoingMail::new("receipt", to, MessageId::parse("a@b").unwrap(), bytes.into(), None)
    }

    #[test]
    fn bytes_are_sent_as_they_are_or_not_at_all() {
        let mail = check("message-id:\r\n <a@b>\r\nTo: x\r\n\r\n.\r\nMessage-ID: <other@b>\r\n").unwrap();
        assert!(!format!("{mail:?}").contains("other"), "what stands in it is shown nowhere");
        check("Message-ID: <a@b>\r\n").unwrap();
        for (bad, why) in [
            ("Message-ID: <a@b>\r\n\r\nend", "don't end"),
            ("Message-ID: <a@b>\r\n\r\na\n.\nb\r\n", "without CR"),
            ("Message-ID: <a@b>\r\n\r\na\r.\r\n", "control character"),
            ("Message-ID: <a@b>\r\n\r\n\0\r\n", "control character"),
            ("Message-ID: <a@c>\r\n\r\n", "another"),
            ("Message-ID: <a@b>\r\nMESSAGE-ID: <a@b>\r\n\r\n", "two"),
            ("To: x\r\n\r\nMessage-ID: <a@b>\r\n", "no Message-ID"),
            ("\n\r\n", "without CR"),
            ("", "don't end"),
        ] {
            assert!(check(bad).unwrap_err().to_string().contains(why), "{bad:?}");
        }
        assert!(check(&format!("Message-ID: <a@b>\r\n\r\n{}\r\n", "x".repeat(999))).is_err());
    }

    #[test]
    fn a_kind_is_a_word() {
        let make = |kind: &str| {
            let to = MailAddress::parse("a@b").unwrap();
            OutgoingMail::new(kind, to, MessageId::parse("a@b").unwrap(), b"Message-ID: <a@b>\r\n".to_vec(), None)
        };
        assert!(make("receipt").is_ok() && make("daily-digest").is_ok());
        assert!(make("").is_err() && make("Receipt").is_err() && make("a\nb").is_err());
    }
}
