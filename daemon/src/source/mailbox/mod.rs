//! Mails that staff send to an address of Daybook's: on an IMAP server, or in a maildir.
//!
//! A [`Mailbox`] lists what stands in its inbox, hands out one mail at a time, and moves it away when its arrival is durable. It
//! remembers nothing of its own: what was taken is the store's to say. [`round()`] does that in the one safe order.
//!
//! - *Once.* A mail is the same by its [`MailId`], which the server promises never to give to another, and by its [`RawMail::sha256`].
//!   The store keeps both. A crash between commit and move shows the mail again: it is known, and only moved.
//! - *A server that numbers anew* (another UIDVALIDITY) has made all ids worthless: [`Listing::is_renumbered`] says so, and what is
//!   listed is compared by its hash, which `round` does always.
//! - *From now on.* The first connection decides where reading begins ([`Progress`]). The store keeps that before anything is taken.
//! - *Poison.* A mail that is too large, or breaks the connection each time that it is fetched, is put aside and stops no other. One that can't be
//!   taken for now stays, and is fetched again later each time ([`PutOff`]).
//! - Nothing waits for ever, and a server that lies costs no more than a bounded answer.
//!
//! It posts nothing, reads no mail's content, and believes nothing in one.

mod backoff;
mod failure;
pub mod imap;
pub mod maildir;
mod put_off;
mod round;
pub mod sender;
mod utf7;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::backoff::Backoff;
pub use self::failure::{
    MAILBOX_FOLDER, MAILBOX_LOGIN, MAILBOX_OFFLINE, MAILBOX_SETUP, MAILBOX_UNTRUSTED, MailFailure,
};
pub use self::imap::{ImapMailbox, ImapTimes};
pub use self::maildir::MaildirMailbox;
pub use self::put_off::PutOff;
pub use self::round::{Desk, PutAside, Round, Verdict, round, serve};
use crate::config::{MailPlace, MailboxConfig};
pub use crate::io::transport::{Patience, Stop};
use crate::io::{Clock, Entropy};
use crate::model::Problem;

/// Which mail it is: never given to another one of the same mailbox.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum MailId {
    /// A mail on a server.
    Imap {
        /// The account: `user@host:port`.
        account: String,
        /// The folder that it arrived in.
        folder: String,
        /// The server's promise that UIDs mean what they meant: another number, and none does.
        uid_validity: u32,
        /// The mail's number.
        uid: u32,
    },
    /// A mail in a maildir.
    Maildir {
        /// The maildir's path, as configured.
        folder: String,
        /// The file's unique name, without the flags behind it.
        name: String,
    },
}

/// Writes what a person can find the mail by.
impl fmt::Display for MailId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Imap { account, folder, uid, .. } => write!(f, "mail {uid} in {folder} of {account}"),
            Self::Maildir { folder, name } => write!(f, "{folder}/{name}"),
        }
    }
}

/// Where reading began. The store keeps it, and hands it in when the mailbox is made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Mails that arrived earlier (milliseconds since 1970) are left alone.
    pub since_ms: i64,
    /// The server's numbering at that time; `None` for a maildir.
    pub numbering: Option<Numbering>,
}

/// From which of a server's numbers on mails are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbering {
    /// The numbering that it belongs to.
    pub uid_validity: u32,
    /// Mails with lower numbers are left alone. `None`: no number says so, only the time.
    pub uid_from: Option<u32>,
}

/// What a mailbox works with.
pub struct Surroundings {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Random bytes, for the waits.
    pub entropy: Box<dyn Entropy>,
    /// Ends all waits.
    pub stop: Stop,
}

/// A mail that stands in the inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Which one.
    pub id: MailId,
    /// Its size, as the server says.
    pub bytes: u64,
}

/// What stands in the inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The mails, oldest first; those whose fetching has failed before come last.
    pub mails: Vec<Waiting>,
    /// Whether there are more than were asked for.
    pub has_more: bool,
    /// Where reading begins: to be kept before any of the mails is taken.
    pub progress: Progress,
    /// Whether the server has numbered its mails anew since `progress` was kept: only the hash tells what was taken.
    pub is_renumbered: bool,
}

/// A mail as it came.
#[derive(Clone, PartialEq, Eq)]
pub struct RawMail {
    /// Which one.
    pub id: MailId,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// SHA-256 of the bytes.
    pub sha256: [u8; 32],
    /// When it arrived in the mailbox, in milliseconds since 1970, if that is known.
    pub arrived_ms: Option<i64>,
}

/// Leaves the content out.
impl fmt::Debug for RawMail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawMail").field("id", &self.id).field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}

/// What came of fetching a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// The mail.
    Mail(Box<RawMail>),
    /// It is no longer in the inbox.
    Gone,
    /// It has more bytes than allowed, and was not read.
    TooLarge {
        /// How many.
        bytes: u64,
    },
    /// It could not be fetched, several times, while others could.
    Unreadable {
        /// Why not, in words.
        reason: String,
    },
}

/// Where a mail is moved to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// To those that were taken.
    Done,
    /// To those that can't be.
    Refused,
}

/// What came of moving a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filed {
    /// It stands in the other folder.
    Moved,
    /// It was no longer in the inbox.
    Gone,
}

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// Something may have changed.
    Hint,
    /// The time is over. Look all the same: hints get lost.
    Elapsed,
    /// All is to end.
    Stopped,
}

/// How it stands with a mailbox, for `status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailState {
    /// It was not looked at yet.
    New,
    /// It can be read.
    Connected {
        /// Since when, in milliseconds since 1970.
        since_ms: i64,
    },
    /// It can't.
    Offline {
        /// Since when, in milliseconds since 1970.
        since_ms: i64,
        /// When it is tried again.
        retry_ms: i64,
        /// Why not.
        problem: Box<Problem>,
    },
}

impl MailState {
    /// Why it can't be read, if it can't.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Offline { problem, .. } => Some(problem),
            Self::New | Self::Connected { .. } => None,
        }
    }
}

/// A mailbox. Its calls block, each for a bounded time, so it has a thread of its own.
///
/// After a failure all can be called again; until it is time to try again, they fail with the same words at once.
pub trait Mailbox: Send {
    /// Lists what stands in the inbox, at most `mails_max` mails; those that `skip` says are left out.
    fn list(&mut self, skip: &dyn Fn(&MailId) -> bool, mails_max: usize) -> Result<Listing, MailFailure>;

    /// Fetches a mail, unless it has more than `bytes_max` bytes. It stays in the inbox, and unread.
    fn fetch(&mut self, id: &MailId, bytes_max: u64) -> Result<Fetched, MailFailure>;

    /// Moves a mail out of the inbox; the folder is made if it is missing. Only after its arrival is durable.
    fn file(&mut self, id: &MailId, to: Destination) -> Result<Filed, MailFailure>;

    /// Moves several mails, and says how many were moved. If it fails, it is not known which: each may be moved by itself then.
    fn file_all(&mut self, ids: &[MailId], to: Destination) -> Result<u64, MailFailure> {
        ids.iter().try_fold(0, |moved, id| Ok(moved + u64::from(self.file(id, to)? == Filed::Moved)))
    }

    /// Waits until something may have arrived, for a bounded time, or until it is time to try again.
    fn wait(&mut self, longest: Duration) -> Woken;

    /// How it stands.
    fn state(&self) -> &MailState;
}

/// Makes the mailbox that is configured; nothing is looked at yet. `progress` is what was last kept of it.
pub fn open(config: &MailboxConfig, progress: Option<Progress>, surroundings: Surroundings) -> Box<dyn Mailbox> {
    let (folders, since) = (config.folders.clone(), config.since);
    match &config.place {
        MailPlace::Imap(imap) => {
            let times = ImapTimes::default();
            Box::new(ImapMailbox::new(imap.clone(), folders, since, times, progress, surroundings))
        }
        MailPlace::Maildir(path) => Box::new(MaildirMailbox::new(path.clone(), folders, since, progress, surroundings)),
    }
}
