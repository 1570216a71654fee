//! An open session: each command with its own time and size, and words for what fails.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::guard::{Control, Guard};
use crate::source::mailbox::failure::{MAILBOX_FOLDER, MAILBOX_OFFLINE, quoted};
use crate::source::mailbox::{MailFailure, utf7};

/// The answer to a command that has a small one.
pub(super) const ANSWER_BYTES_MAX: u64 = 1 << 20;
/// The answer to a search: the numbers of a million mails.
const SEARCH_BYTES_MAX: u64 = 16 << 20;
/// What stands around a mail in an answer.
const AROUND_BYTES: u64 = 64 << 10;

/// How often a search is repeated while its answers tell of news.
const SEARCHES_MAX: usize = 3;

/// Why a command failed.
#[derive(Debug)]
pub(super) enum Fault {
    /// The server said no; the session goes on.
    Refused(String),
    /// The session is of no more use.
    Broken(String),
}

impl Fault {
    /// The server's words, if it said no.
    pub(super) fn refusal(&self) -> Option<&str> {
        match self {
            Self::Refused(words) => Some(words),
            Self::Broken(_) => None,
        }
    }

    /// Words it: what the mailbox `place` could not do.
    pub(super) fn failure(&self, place: &str, what: &str) -> MailFailure {
        match self {
            Self::Refused(words) => {
                let message = format!("{place} could not {what}: {}. It is tried again.", quoted(words, None));
                let hint = "Does the account have the right to do that, and is there room?";
                MailFailure::one(MAILBOX_FOLDER, place, message, hint)
            }
            Self::Broken(words) => {
                let message = format!(
                    "The connection to {place} broke while it was to {what}: {}. It is tried again.",
                    quoted(words, None)
                );
                MailFailure::offline(MAILBOX_OFFLINE, place, message, "If it stays so: is the server in order?")
            }
        }
    }
}

/// Runs something of the crate's; a panic in it breaks the session and nothing else.
pub(super) fn guarded<T>(control: &Control, work: impl FnOnce() -> imap::Result<T>) -> Result<T, Fault> {
    let result = catch_unwind(AssertUnwindSafe(work));
    let error = match result {
        Ok(Ok(value)) if control.broken().is_none() => return Ok(value),
        Ok(Ok(_)) => None,
        Ok(Err(imap::Error::No(_) | imap::Error::Bad(_))) => return Err(Fault::Refused(control.words())),
        Ok(Err(error @ imap::Error::Validate(_))) => return Err(Fault::Refused(error.to_string())),
        Ok(Err(error)) => Some(error),
        Err(_) => {
            control.break_with("its answer could not be understood".to_owned(), true);
            None
        }
    };
    if let Some(error) = error {
        // The crate calls what it can't read a goodbye. The guard has told real ones by then.
        let words = match error {
            imap::Error::Bye(_) | imap::Error::Parse(_) | imap::Error::Unexpected(_) => {
                "its answer could not be understood".to_owned()
            }
            error => error.to_string(),
        };
        control.break_with(words, true);
    }
    Err(Fault::Broken(control.broken().map_or_else(String::new, |broken| broken.reason)))
}

/// What a server can do.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Abilities {
    pub(super) idle: bool,
    moves: bool,
    expunges_by_uid: bool,
}

/// The folder that is open.
#[derive(Clone, Copy, Debug)]
pub(super) struct Folder {
    pub(super) uid_validity: u32,
    pub(super) uid_next: u32,
}

/// What a server says of a mail without handing it out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outline {
    pub(super) bytes: u64,
    pub(super) arrived_ms: Option<i64>,
}

/// A session with an open folder.
pub(super) struct Session {
    inner: imap::Session<Guard>,
    pub(super) control: Control,
    long: Duration,
    pub(super) abilities: Abilities,
    delimiter: Option<String>,
    pub(super) folder: Folder,
}

impl Session {
    /// Learns what the server can do, and opens a folder.
    pub(super) fn begin(
        (inner, control): super::connect::Opened,
        inbox: &str,
        long: Duration,
        place: &str,
    ) -> Result<Self, MailFailure> {
        let folder = Folder { uid_validity: 0, uid_next: 1 };
        let abilities = Abilities::default();
        let mut session = Self { inner, control, long, abilities, delimiter: None, folder };
        let offers = session.run(ANSWER_BYTES_MAX, imap::Session::capabilities);
        let offers = offers.map_err(|fault| fault.failure(place, "tell what it can do"))?;
        session.abilities = Abilities {
            idle: offers.has_str("IDLE"),
            moves: offers.has_str("MOVE"),
            expunges_by_uid: offers.has_str("UIDPLUS"),
        };
        let names = session.run(ANSWER_BYTES_MAX, |inner| inner.list(None, None));
        let names = names.map_err(|fault| fault.failure(place, "list its folders"))?;
        session.delimiter = names.iter().next().and_then(|name| name.delimiter().map(str::to_owned));
        let name = session.name(inbox);
        let found = session.run(ANSWER_BYTES_MAX, |inner| inner.select(&name));
        let found = found.map_err(|fault| fault.failure(place, &format!("open the folder `{inbox}`")))?;
        let Some(uid_validity) = found.uid_validity else {
            let fault = Fault::Refused("the server does not number its mails".to_owned());
            return Err(fault.failure(place, "be read"));
        };
        let uid_next = match found.uid_next {
            Some(uid_next) => uid_next,
            // A server may leave it out, and then it is the number behind the last.
            None => match session.search_once("UID 1:*") {
                Ok(uids) => uids.last().map_or(1, |last| last.saturating_add(1)),
                Err(fault) => return Err(fault.failure(place, "tell which number it gives next")),
            },
        };
        session.folder = Folder { uid_validity, uid_next };
        Ok(session)
    }

    /// A folder's name as the server writes it.
    fn name(&self, name: &str) -> String {
        let delimiter = self.delimiter.as_deref().unwrap_or("/");
        utf7::encode(name).replace('/', delimiter)
    }

    fn run<T>(
        &mut self,
        bytes_max: u64,
        work: impl FnOnce(&mut imap::Session<Guard>) -> imap::Result<T>,
    ) -> Result<T, Fault> {
        self.control.begin(self.long, bytes_max);
        let result = guarded(&self.control, || work(&mut self.inner));
        // The guard has seen the news among them.
        drop(self.inner.take_all_unsolicited());
        result
    }

    /// The numbers of the mails that are not deleted, sorted. The query is ours and never from a mail.
    ///
    /// A server may search what it knew before, and tell what is new only behind the result: then it is asked again.
    pub(super) fn search(&mut self, query: &str) -> Result<Vec<u32>, Fault> {
        let mut uids = Vec::new();
        for _ in 0..SEARCHES_MAX {
            self.control.take_news();
            uids = self.search_once(query)?;
            if !self.control.has_news() {
                break;
            }
        }
        Ok(uids)
    }

    fn search_once(&mut self, query: &str) -> Result<Vec<u32>, Fault> {
        let query = format!("{query} UNDELETED");
        let found = self.run(SEARCH_BYTES_MAX, |inner| inner.uid_search(&query))?;
        let mut uids: Vec<u32> = found.into_iter().collect();
        uids.sort_unstable();
        Ok(uids)
    }

    /// Which of these mails are in the folder.
    fn present(&mut self, uids: &[u32]) -> Result<Vec<u32>, Fault> {
        let found = self.search_once(&format!("UID {}", set_of(uids)))?;
        Ok(uids.iter().copied().filter(|uid| found.contains(uid)).collect())
    }

    /// Size and time of mails; those that are gone are missing.
    pub(super) fn outlines(&mut self, uids: &[u32]) -> Result<BTreeMap<u32, Outline>, Fault> {
        let set = set_of(uids);
        let bytes_max = ANSWER_BYTES_MAX.saturating_mul(4);
        let fetched = self.run(bytes_max, |inner| inner.uid_fetch(&set, "(UID RFC822.SIZE INTERNALDATE)"))?;
        let outlines = fetched.iter().filter_map(|mail| {
            let arrived_ms = mail.internal_date().map(|at| at.timestamp_millis());
            Some((mail.uid?, Outline { bytes: u64::from(mail.size?), arrived_ms }))
        });
        Ok(outlines.filter(|(uid, _)| uids.contains(uid)).collect())
    }

    /// The bytes of a mail, which stays unread; `None` if the server hands none out.
    pub(super) fn body(&mut self, uid: u32, bytes_max: u64) -> Result<Option<Vec<u8>>, Fault> {
        let bytes_max = bytes_max.saturating_add(AROUND_BYTES);
        let fetched = self.run(bytes_max, |inner| inner.uid_fetch(uid.to_string(), "(UID BODY.PEEK[])"))?;
        let mail = fetched.iter().find(|mail| mail.uid == Some(uid));
        Ok(mail.and_then(|mail| mail.body()).map(|body| self.control.literal(body)))
    }

    /// Moves mails to a folder, which is made if it is missing; gives how many of them were there.
    pub(super) fn move_to(&mut self, uids: &[u32], folder: &str) -> Result<usize, Fault> {
        let present = self.present(uids)?;
        if present.is_empty() {
            return Ok(0);
        }
        let (name, set) = (self.name(folder), set_of(&present));
        match self.try_move(&set, &name) {
            Err(Fault::Refused(words)) => {
                tracing::debug!(words = words.as_str(), "a mail could not be moved; perhaps the folder is missing");
                match self.make_folder(&name) {
                    // It is there, so that was not the reason.
                    Err(Fault::Refused(_)) => return Err(Fault::Refused(words)),
                    made => made?,
                }
                self.try_move(&set, &name)?;
            }
            result => result?,
        }
        if !self.present(&present)?.is_empty() {
            return Err(Fault::Refused("it says that the mail was moved, and it is still there".to_owned()));
        }
        Ok(present.len())
    }

    fn make_folder(&mut self, name: &str) -> Result<(), Fault> {
        self.run(ANSWER_BYTES_MAX, |inner| inner.create(name))?;
        if let Err(fault) = self.run(ANSWER_BYTES_MAX, |inner| inner.subscribe(name)) {
            tracing::debug!(?fault, name, "the folder is there, though not subscribed to");
        }
        Ok(())
    }

    fn try_move(&mut self, set: &str, name: &str) -> Result<(), Fault> {
        if self.abilities.moves {
            return self.run(ANSWER_BYTES_MAX, |inner| inner.uid_mv(set, name));
        }
        // If this is interrupted behind the copy, the next try makes another copy; the mail itself is taken once all the same.
        let quoted = format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""));
        self.run(ANSWER_BYTES_MAX, |inner| inner.uid_copy(set, &quoted))?;
        self.run(ANSWER_BYTES_MAX, |inner| inner.uid_store(set, "+FLAGS.SILENT (\\Deleted)"))?;
        if self.abilities.expunges_by_uid {
            self.run(ANSWER_BYTES_MAX, |inner| inner.uid_expunge(set))?;
        }
        // Otherwise it stays marked as deleted, which `search` leaves out: a plain EXPUNGE would remove others' mails too.
        Ok(())
    }

    /// Waits in IDLE until something arrives; false if nothing did. Without waiting if something has arrived already.
    pub(super) fn idle(&mut self, longest: Duration) -> Result<bool, Fault> {
        if self.control.take_news() {
            return Ok(true);
        }
        self.control.begin_idle(self.long);
        let result = guarded(&self.control, || {
            let mut handle = self.inner.idle();
            handle.timeout(longest).keepalive(false);
            handle.wait_while(|_| false)
        });
        let woken = result? == imap::extensions::idle::WaitOutcome::MailboxChanged;
        Ok(woken)
    }

    /// Asks for nothing: news may come with the answer; true if some did.
    pub(super) fn poll(&mut self) -> Result<bool, Fault> {
        self.run(ANSWER_BYTES_MAX, imap::Session::noop)?;
        Ok(self.control.take_news())
    }
}

/// Mails as a command names them: `3,5,8`.
fn set_of(uids: &[u32]) -> String {
    uids.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}
