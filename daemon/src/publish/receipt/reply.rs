//! A receipt as a mail: text and HTML, its headers, and what is attached.
//!
//! No name of a person and nothing a sender chose stands in an address header. The ids of other mails come checked ([`Thread`]).

use std::time::{Duration, SystemTime};

use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart};
use lettre::{Address, Message};

use super::{Account, html, plain};
use crate::model::{ArrivalId, Timestamp};
use crate::text::Texts;

/// The header by which Daybook knows its own mails, and answers none of them.
pub const LOOP_HEADER: &str = "X-Daybook-Loop";
/// The longest subject that is taken over, in characters.
const SUBJECT_CHARS_MAX: usize = 150;
/// The longest id of a mail that is taken over, in bytes: a header's line has at most 998 (RFC 5322).
const ID_BYTES_MAX: usize = 500;
/// The most ids of the thread that are taken over.
const REFERENCES_MAX: usize = 20;

/// Where a receipt goes, and what it answers.
#[derive(Clone, Copy, Debug)]
pub struct Reply<'a> {
    /// Daybook's address.
    pub from: &'a str,
    /// The reader's address.
    pub to: &'a str,
    /// The subject of the mail that it answers; empty if there was none.
    pub subject: &'a str,
    /// Its own id, without angle brackets.
    pub message_id: &'a str,
    /// The mails that it belongs to.
    pub thread: &'a Thread,
    /// The arrival that it tells of; `None` if nothing was posted.
    pub arrival: Option<ArrivalId>,
    /// When it was written.
    pub at: Timestamp,
    /// What is attached.
    pub attached: &'a [Attached],
}

/// A workbook that is attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attached {
    /// Its name.
    pub name: String,
    /// Its bytes, as xlsx.
    pub bytes: Vec<u8>,
}

/// The mails that a receipt belongs to. Only ids that are well-formed are in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thread {
    answered: Option<String>,
    references: Vec<String>,
}

impl Thread {
    /// A thread of the id of the answered mail and those that it names itself. What is not an id is left out.
    pub fn new<'a>(answered: Option<&'a str>, references: impl IntoIterator<Item = &'a str>) -> Self {
        let answered = answered.filter(|id| is_id(id)).map(str::to_owned);
        let mut all: Vec<String> = references.into_iter().filter(|id| is_id(id)).map(str::to_owned).collect();
        all.extend(answered.clone());
        let surplus = all.len().saturating_sub(REFERENCES_MAX);
        Self { answered, references: all.split_off(surplus) }
    }
}

/// Whether a text is an id as RFC 5322 has it, without its angle brackets: printable ASCII with one `@`.
fn is_id(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"<>()[]\\,;:\"".contains(&byte);
    text.len() <= ID_BYTES_MAX
        && text.bytes().all(is_plain)
        && text
            .split_once('@')
            .is_some_and(|(left, right)| !left.is_empty() && !right.is_empty() && !right.contains('@'))
}

/// Why a receipt can't be written.
#[derive(Debug, thiserror::Error)]
pub enum ReplyError {
    /// An address makes no sense.
    #[error("`{0}` is no address to which mail can be sent")]
    Address(String),
    /// The mail could not be put together.
    #[error("the receipt could not be put together: {0}")]
    Mail(#[from] lettre::error::Error),
}

/// Writes a receipt: the bytes that are sent, now and whenever they have to be sent again.
pub fn write(reply: &Reply<'_>, account: &Account, texts: &Texts) -> Result<Vec<u8>, ReplyError> {
    let mailbox = |text: &str| {
        let address: Address = text.parse().map_err(|_| ReplyError::Address(text.to_owned()))?;
        Ok::<_, ReplyError>(Mailbox::new(None, address))
    };
    let milliseconds = u64::try_from(reply.at.0).unwrap_or_default();
    let mut builder = Message::builder()
        .from(mailbox(reply.from)?)
        .to(mailbox(reply.to)?)
        .subject(subject(reply.subject, texts))
        .date(SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds))
        .message_id(Some(format!("<{}>", reply.message_id)));
    if let Some(answered) = &reply.thread.answered {
        builder = builder.in_reply_to(format!("<{answered}>"));
    }
    if !reply.thread.references.is_empty() {
        let all: Vec<String> = reply.thread.references.iter().map(|id| format!("<{id}>")).collect();
        builder = builder.references(all.join(" "));
    }
    let outcome = account.outcomes().to_string();
    let arrival = reply.arrival.map(|arrival| ("X-Daybook-Arrival", arrival.to_string()));
    let own = [
        ("X-Daybook-Outcome", outcome),
        ("Auto-Submitted", "auto-replied".to_owned()),
        ("X-Auto-Response-Suppress", "All".to_owned()),
        (LOOP_HEADER, "1".to_owned()),
    ];
    for (name, value) in arrival.into_iter().chain(own) {
        // ASCII of our own making, and short: a line that is not folded is found by the simplest program.
        let name = HeaderName::new_from_ascii_str(name);
        builder = builder.raw_header(HeaderValue::dangerous_new_pre_encoded(name, value.clone(), value));
    }
    let body = MultiPart::alternative_plain_html(plain::write(account, texts), html::write(account, texts));
    let message = if reply.attached.is_empty() {
        builder.multipart(body)?
    } else {
        let mixed = MultiPart::mixed().multipart(body);
        builder.multipart(reply.attached.iter().fold(mixed, |mixed, file| mixed.singlepart(attachment(file))))?
    };
    Ok(message.formatted())
}

fn attachment(file: &Attached) -> SinglePart {
    const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    let content_type = ContentType::parse(XLSX).unwrap_or(ContentType::TEXT_PLAIN);
    Attachment::new(file.name.clone()).body(file.bytes.clone(), content_type)
}

/// The subject: that of the answered mail, without what could begin another header or hide something.
fn subject(answered: &str, texts: &Texts) -> String {
    let mut plain: String = answered.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
    for prefix in ["Re:", "RE:", "re:", "回复：", "回复:", "答复：", "答复:"] {
        if let Some(rest) = plain.trim_start().strip_prefix(prefix) {
            plain = rest.to_owned();
        }
    }
    let plain: String = plain.trim().chars().take(SUBJECT_CHARS_MAX).collect();
    if plain.is_empty() {
        texts.get("receipt-subject-none")
    } else {
        texts.format("receipt-subject", &[("subject", plain.into())])
    }
}
