//! Mails: bytes to plain structures. Nothing of the domain.
//!
//! In comes a mail as it was fetched, with [`MimeLimits`]. Out goes a [`Mail`]: who it says it is from, the ids by which
//! mails refer to each other, marks of automatic mail, its texts as [`Passage`]s and its attachments; or a [`MimeFault`],
//! after which nothing of it may be posted. Limits are checked before what they limit is laid out in memory; foreign
//! parsers run inside `catch_unwind`. Letters that can't be told for certain, an attachment with two names and two
//! senders are refused, never guessed.
//!
//! Not decided here: whether the sender is who it says (a header is a claim), what any of the text means, and what its
//! author wrote now: a passage's [`Mark`] says only what the page's own structure does. An attached mail is handed out
//! as bytes; whoever chooses to read it calls [`read`] again.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::read::FileKind;

mod attachment;
mod charset;
mod cms;
mod entity;
mod envelope;
mod fault;
mod grid;
mod html;
mod params;
mod plain;
mod style;
mod tnef;
mod tree;
mod words;

#[cfg(test)]
mod laws;

pub use attachment::is_bomb;
pub use fault::MimeFault;

/// The limits of one mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MimeLimits {
    /// The most bytes of the whole mail.
    pub mail_bytes_max: usize,
    /// The most parts, those that hold others included.
    pub parts_max: usize,
    /// How many parts may lie in each other.
    pub depth_max: usize,
    /// The most header lines of one entity.
    pub headers_max: usize,
    /// The most bytes of one entity's header.
    pub header_bytes_max: usize,
    /// The most addresses of one header.
    pub addresses_max: usize,
    /// The most bytes of one text, before and after its transport encoding is taken off.
    pub text_bytes_max: usize,
    /// The most lines and table cells of one text.
    pub passages_max: usize,
    /// The most attachments.
    pub attachments_max: usize,
    /// The most bytes of one attachment.
    pub attachment_bytes_max: usize,
    /// How many times its own size an attached zip may claim to unpack to, once that is more than `zip_unpacked_bytes_free`.
    pub zip_ratio_max: u64,
    /// Below this many unpacked bytes a zip's ratio does not matter: small workbooks of equal cells pack well.
    pub zip_unpacked_bytes_free: u64,
}

impl Default for MimeLimits {
    fn default() -> Self {
        Self {
            mail_bytes_max: 25 << 20,
            parts_max: 200,
            depth_max: 12,
            headers_max: 500,
            header_bytes_max: 256 << 10,
            addresses_max: 200,
            text_bytes_max: 4 << 20,
            passages_max: 200_000,
            attachments_max: 50,
            attachment_bytes_max: 25 << 20,
            zip_ratio_max: 100,
            zip_unpacked_bytes_free: 32 << 20,
        }
    }
}

/// A mail, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mail {
    /// The one address of the one `From` header. A claim, until the sender is authenticated.
    pub from: Address,
    /// The addresses of `To`.
    pub to: Vec<Address>,
    /// The addresses of `Cc`.
    pub cc: Vec<Address>,
    /// The addresses of `Delivered-To`, `X-Original-To` and `Envelope-To`, newest first.
    pub delivered_to: Vec<Address>,
    /// The subject, decoded; empty if there is none.
    pub subject: String,
    /// The mail's own id, if it is well-formed.
    pub message_id: Option<MessageId>,
    /// The mails that it answers.
    pub in_reply_to: Vec<MessageId>,
    /// The thread that it belongs to, oldest first.
    pub references: Vec<MessageId>,
    /// When it says it was written, in seconds since 1970 UTC. A claim.
    pub date_s: Option<i64>,
    /// Marks of automatic mail.
    pub loops: Loops,
    /// Its texts, in order.
    pub bodies: Vec<Body>,
    /// Its attachments, in order.
    pub attachments: Vec<Attachment>,
    /// What was passed over, in order.
    pub notices: Vec<Notice>,
}

/// An address with the name that stood beside it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// The display name, without control characters; empty if there is none. Never a sign of who it is.
    pub name: String,
    /// `local@domain`, as it is written.
    pub address: String,
}

/// The id of a mail without its angle brackets: visible ASCII with an `@`, safe to be written into a header.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MessageId(String);

impl MessageId {
    /// The id, without angle brackets.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What says that a mail was written by a program, or goes round in a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loops {
    /// `Auto-Submitted`, in lower case without its comments, if it is not `no`.
    pub auto_submitted: Option<String>,
    /// Whether `X-Auto-Response-Suppress` is there.
    pub response_suppressed: bool,
    /// `Precedence`, in lower case, if it is `bulk`, `junk` or `list`.
    pub precedence: Option<String>,
    /// Whether a list's header is there (`List-Id` or any other `List-…`).
    pub from_list: bool,
    /// Whether `Return-Path` is `<>`.
    pub null_return_path: bool,
    /// The values of `X-Daybook-Arrival`: Daybook's own answers carry it.
    pub own_marks: Vec<String>,
}

impl Loops {
    /// Whether any mark is there: such a mail is never answered.
    pub fn any(&self) -> bool {
        *self != Self::default()
    }
}

/// One text of a mail, in one form or two.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// The plain text.
    pub plain: Option<Vec<Passage>>,
    /// The page.
    pub html: Option<Vec<Passage>>,
}

/// A line or a table of a text, with what the text's structure says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passage {
    /// What the structure says.
    pub mark: Mark,
    /// What stands there.
    pub content: Content,
}

/// What the structure of a text says of a passage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Nothing.
    None,
    /// It is part of another mail: `>` before it, a `blockquote`, a mail program's own element.
    Quote,
    /// It is a signature: a mail program's own element.
    Signature,
}

/// A passage's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A line, without control characters but tabs; empty for a blank one. Its outer white space is kept in plain text.
    Line(String),
    /// A table of a page.
    Grid(Grid),
}

/// A table of a page, row by row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grid {
    /// The rows, each with the cells that begin in it.
    pub rows: Vec<Vec<GridCell>>,
}

/// One cell of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GridCell {
    /// Its text, trimmed; lines are parted by `\n`.
    pub text: String,
    /// How many columns it spans; 1 for an ordinary cell.
    pub columns: u32,
    /// How many rows it spans; 1 for an ordinary cell.
    pub rows: u32,
}

/// A file that came with a mail.
#[derive(Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Its name without folders and invisible characters; empty if it has none.
    pub name: String,
    /// What it is, by its name and type.
    pub kind: AttachmentKind,
    /// Whether the mail shows it within its text, such as a logo in a signature.
    pub inline: bool,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for Attachment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, kind, inline, bytes } = self;
        write!(f, "Attachment({name:?}, {kind:?}, inline: {inline}, {} bytes)", bytes.len())
    }
}

/// What an attachment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttachmentKind {
    /// A workbook or a file of separated values; the child that reads it looks at its content.
    Sheet(FileKind),
    /// A mail.
    Mail,
    /// Anything else: it is not read.
    Other,
}

/// Something that was passed over while a mail was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The mail is signed; the signature was not verified.
    SignatureNotVerified,
    /// A `winmail.dat` holds the text in a form (RTF) that is not read.
    RichTextNotRead,
    /// A `winmail.dat` is damaged; what could be read of it was.
    WinmailDamaged,
    /// A part that holds others has no end; what there is was read.
    PartUnfinished,
}

/// What a mail says of itself, for somebody who looks at one that could not be taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Glance {
    /// Whom it names as its senders.
    pub from: String,
    /// What it says it is about.
    pub subject: String,
}

/// How much of a mail [`glance`] looks at, in bytes.
const GLANCE_BYTES_MAX: usize = 64 << 10;

/// Looks at a mail's header, whatever is wrong with it; empty where nothing can be made out.
pub fn glance(bytes: &[u8]) -> Glance {
    let looked_at = || {
        let head = without_mbox_line(bytes.get(..GLANCE_BYTES_MAX).unwrap_or(bytes));
        let limits = MimeLimits { header_bytes_max: GLANCE_BYTES_MAX, ..MimeLimits::default() };
        entity::Entity::split(head, &limits).map(|entity| envelope::glance(&entity)).unwrap_or_default()
    };
    catch_unwind(AssertUnwindSafe(looked_at)).unwrap_or_default()
}

/// Reads a mail.
pub fn read(bytes: &[u8], limits: &MimeLimits) -> Result<Mail, MimeFault> {
    if bytes.len() > limits.mail_bytes_max {
        return Err(MimeFault::TooLarge);
    }
    // Nothing of what is inside is used after a panic.
    catch_unwind(AssertUnwindSafe(|| read_caught(bytes, limits))).unwrap_or(Err(MimeFault::Malformed))
}

fn read_caught(bytes: &[u8], limits: &MimeLimits) -> Result<Mail, MimeFault> {
    let entity = entity::Entity::split(without_mbox_line(bytes), limits)?;
    let mut mail = envelope::read(&entity, limits)?;
    tree::read(&entity, limits, &mut mail)?;
    Ok(mail)
}

/// Without the line `From … date` by which mailbox files part their mails.
fn without_mbox_line(bytes: &[u8]) -> &[u8] {
    if bytes.starts_with(b"From ") {
        memchr::memchr(b'\n', bytes).and_then(|end| bytes.get(end + 1..)).unwrap_or_default()
    } else {
        bytes
    }
}
