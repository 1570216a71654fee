//! A mailbox on an IMAP server.
//!
//! A connection that broke is made anew at the next call, later after each failure. What the server numbers anew is listed from
//! the begin. What keeps the protocol from waiting for ever stands in `guard.rs`.

mod answer;
mod connect;
mod guard;
mod session;

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

use self::session::{Fault, Session};
use super::failure::{MAILBOX_LOGIN, MAILBOX_UNTRUSTED};
use super::{
    Backoff, Destination, Fetched, Filed, Listing, MailFailure, MailId, MailState, Mailbox, Numbering, Patience,
    Progress, RawMail, Surroundings, Waiting, Woken,
};
use crate::config::{ImapConfig, MailFolders, MailTls, Since};

/// Mails of which size and time are asked at once.
const OUTLINES_MAX: usize = 200;
/// A mail whose fetching fails so often is put aside; nonsense from the server counts [`NONSENSE_COUNTS`], a mere break one.
const FAILURES_MAX: u32 = 12;
/// See [`FAILURES_MAX`].
const NONSENSE_COUNTS: u32 = 4;
/// Mails whose failures are remembered.
const FAILING_MAX: usize = 1000;
/// How far the server's clock may be from ours, for mails that arrived around the first connection.
const SKEW_MS: i64 = 5 * 60 * 1000;
/// Between a hint and the look that it asks for.
const HINT_PAUSE: Duration = Duration::from_millis(200);
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// What to do if a mail can't be moved.
const MOVE_HINT: &str = "Does the account have the right to make that folder, and is there room? Some servers want all folders inside \
                         INBOX: `folders = { done = \"INBOX/Daybook/Done\", refused = \"INBOX/Daybook/Refused\" }`.";

/// How long things take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImapTimes {
    /// On the connection.
    pub patience: Patience,
    /// The longest IDLE: a hint may have been lost.
    pub idle_max: Duration,
    /// Between two looks at a server without IDLE.
    pub poll: Duration,
    /// The first wait after a failure, and the longest.
    pub retry_ms: (i64, i64),
    /// The same after the server has refused who we are: too many tries lock an account.
    pub login_retry_ms: (i64, i64),
}

impl Default for ImapTimes {
    fn default() -> Self {
        Self {
            patience: Patience::default(),
            idle_max: Duration::from_mins(5),
            poll: Duration::from_mins(1),
            retry_ms: (2_000, 600_000),
            login_retry_ms: (120_000, 3_600_000),
        }
    }
}

/// A mailbox on a server.
pub struct ImapMailbox {
    imap: ImapConfig,
    folders: MailFolders,
    since: Since,
    times: ImapTimes,
    surroundings: Surroundings,
    account: String,
    progress: Option<Progress>,
    session: Option<Session>,
    /// Whether the session has done something that was asked.
    has_worked: bool,
    state: MailState,
    backoff: Backoff,
    login_backoff: Backoff,
    is_idle_refused: bool,
    /// Mails that failed, and how badly: only of the present numbering.
    failing: HashMap<u32, u32>,
}

impl ImapMailbox {
    /// Takes an account and what the store knows of its progress. It connects at the first call.
    pub fn new(
        imap: ImapConfig,
        folders: MailFolders,
        since: Since,
        times: ImapTimes,
        progress: Option<Progress>,
        surroundings: Surroundings,
    ) -> Self {
        let account = format!("{}@{}:{}", imap.user, imap.host, imap.port);
        if imap.tls == MailTls::None {
            tracing::warn!(account, "the connection to the mail server is not encrypted");
        }
        Self {
            imap,
            folders,
            since,
            times,
            surroundings,
            account,
            progress,
            session: None,
            has_worked: false,
            state: MailState::New,
            backoff: Backoff::new(times.retry_ms.0, times.retry_ms.1),
            login_backoff: Backoff::new(times.login_retry_ms.0, times.login_retry_ms.1),
            is_idle_refused: false,
            failing: HashMap::new(),
        }
    }

    fn id(&self, uid_validity: u32, uid: u32) -> MailId {
        MailId::Imap { account: self.account.clone(), folder: self.folders.inbox.clone(), uid_validity, uid }
    }

    /// The number of a mail, if it is one of this mailbox in its present numbering.
    fn uid_of(&self, id: &MailId) -> Option<u32> {
        let MailId::Imap { account, folder, uid_validity, uid } = id else { return None };
        let now = self.session.as_ref()?.folder.uid_validity;
        (*account == self.account && *folder == self.folders.inbox && *uid_validity == now).then_some(*uid)
    }

    /// Connects if there is no connection; fails at once while it is too early for another try.
    fn connect(&mut self) -> Result<(), MailFailure> {
        if self.session.is_some() {
            return Ok(());
        }
        let now = self.surroundings.clock.now_ms();
        if let MailState::Offline { retry_ms, problem, .. } = &self.state
            && now < *retry_ms
            // A clock that was set back must not make anyone wait for the old time.
            && *retry_ms - now <= self.times.retry_ms.1.max(self.times.login_retry_ms.1)
        {
            return Err(MailFailure { problem: problem.clone(), is_offline: true });
        }
        let opened = connect::open(&self.imap, &self.account, self.times.patience, &self.surroundings.stop)
            .and_then(|opened| Session::begin(opened, &self.folders.inbox, self.times.patience.command, &self.account));
        match opened {
            Ok(session) => {
                self.state = MailState::Connected { since_ms: now };
                self.has_worked = false;
                self.session = Some(session);
                Ok(())
            }
            Err(failure) => Err(self.lost(MailFailure { is_offline: true, ..failure })),
        }
    }

    /// Notes that the connection is of no more use, and when to try again.
    fn lost(&mut self, failure: MailFailure) -> MailFailure {
        if let Some(broken) = self.session.take().and_then(|session| session.control.broken()) {
            self.is_idle_refused |= broken.is_idle_refused;
        }
        let now = self.surroundings.clock.now_ms();
        let is_refused = [MAILBOX_LOGIN.0, MAILBOX_UNTRUSTED.0].contains(&failure.problem.code.as_str());
        let backoff = if is_refused { &mut self.login_backoff } else { &mut self.backoff };
        let retry_ms = now.saturating_add(backoff.failed(self.surroundings.entropy.as_mut()));
        let since_ms = match self.state {
            MailState::Offline { since_ms, .. } => since_ms,
            _ => now,
        };
        tracing::debug!(account = self.account, problem = failure.problem.message, "offline");
        self.state = MailState::Offline { since_ms, retry_ms, problem: failure.problem.clone() };
        failure
    }

    /// Notes that the server does what is asked.
    fn worked(&mut self) {
        if !self.has_worked {
            self.has_worked = true;
            self.backoff.worked();
            self.login_backoff.worked();
        }
    }

    /// Does something with the session, connecting first if need be.
    fn with<T>(&mut self, what: &str, work: impl FnOnce(&mut Session) -> Result<T, Fault>) -> Result<T, MailFailure> {
        self.connect()?;
        let Some(session) = &mut self.session else {
            return Err(Fault::Broken("there is no connection".to_owned()).failure(&self.account, what));
        };
        match work(session) {
            Ok(value) => Ok(value),
            Err(fault) => {
                let failure = fault.failure(&self.account, what);
                Err(if failure.is_offline { self.lost(failure) } else { failure })
            }
        }
    }

    /// Where reading begins; decided at the first connection, and anew if the server has numbered its mails anew.
    fn settle_progress(&mut self) -> Option<(Progress, bool)> {
        let folder = self.session.as_ref()?.folder;
        let of = |uid_from| Some(Numbering { uid_validity: folder.uid_validity, uid_from });
        let (progress, is_renumbered) = match self.progress {
            None => {
                let now = self.surroundings.clock.now_ms();
                let (since_ms, uid_from) = match self.since {
                    Since::Now => (now, Some(folder.uid_next)),
                    Since::At(since_ms) => (since_ms, None),
                };
                (Progress { since_ms, numbering: of(uid_from) }, false)
            }
            Some(Progress { numbering: Some(numbering), .. }) if numbering.uid_validity == folder.uid_validity => {
                (self.progress?, false)
            }
            Some(Progress { since_ms, numbering }) => {
                self.failing.clear();
                // By time only. What arrived around the first connection is rather listed twice than not at all.
                let is_first = numbering.is_some_and(|numbering| numbering.uid_from.is_some());
                let since_ms = since_ms.saturating_sub(if is_first { SKEW_MS } else { 0 });
                (Progress { since_ms, numbering: of(None) }, true)
            }
        };
        self.progress = Some(progress);
        Some((progress, is_renumbered))
    }

    /// The numbers of the mails that are to be listed, those that failed before last.
    fn find(&mut self, progress: Progress, skip: &dyn Fn(&MailId) -> bool) -> Result<Vec<u32>, MailFailure> {
        let Some(Numbering { uid_validity, uid_from }) = progress.numbering else { return Ok(Vec::new()) };
        let query = match uid_from {
            Some(uid_from) => format!("UID {uid_from}:*"),
            // The server compares days, in a time zone of its own.
            None => format!("SINCE {}", imap_day(progress.since_ms.saturating_sub(DAY_MS))),
        };
        let mut uids = self.with("search", |session| session.search(&query))?;
        // `n:*` means the last mail too, though its number may be lower.
        uids.retain(|uid| uid_from.is_none_or(|from| *uid >= from) && !skip(&self.id(uid_validity, *uid)));
        uids.sort_by_key(|uid| (self.failing.contains_key(uid), *uid));
        Ok(uids)
    }

    /// Notes that fetching a mail failed; says whether it has failed too often.
    fn failed(&mut self, uid: u32, is_nonsense: bool) -> bool {
        if self.failing.len() >= FAILING_MAX {
            self.failing.clear();
        }
        let failures = self.failing.entry(uid).or_default();
        *failures = failures.saturating_add(if is_nonsense { NONSENSE_COUNTS } else { 1 });
        *failures >= FAILURES_MAX
    }

    fn fetch_body(
        &mut self,
        id: &MailId,
        uid: u32,
        outline: session::Outline,
        bytes_max: u64,
    ) -> Result<Fetched, MailFailure> {
        let what = format!("hand out mail {uid}");
        let Some(session) = &mut self.session else { return Ok(Fetched::Gone) };
        let control = session.control.clone();
        match session.body(uid, bytes_max) {
            Ok(Some(bytes)) if bytes.len() as u64 > bytes_max => Ok(Fetched::TooLarge { bytes: bytes.len() as u64 }),
            Ok(Some(bytes)) => {
                self.failing.remove(&uid);
                let sha256 = Sha256::digest(&bytes).into();
                Ok(Fetched::Mail(Box::new(RawMail { id: id.clone(), bytes, sha256, arrived_ms: outline.arrived_ms })))
            }
            result => {
                let fault = match result {
                    Err(fault) => fault,
                    Ok(_) => Fault::Refused("the server names it and hands nothing out".to_owned()),
                };
                let is_nonsense = control.broken().is_none_or(|broken| broken.is_nonsense);
                let failure = fault.failure(&self.account, &what);
                let too_often = self.failed(uid, is_nonsense);
                let failure = if failure.is_offline { self.lost(failure) } else { failure };
                if too_often && !self.surroundings.stop.is_stopped() {
                    return Ok(Fetched::Unreadable { reason: failure.problem.message });
                }
                Err(failure)
            }
        }
    }
}

impl Mailbox for ImapMailbox {
    fn list(&mut self, skip: &dyn Fn(&MailId) -> bool, mails_max: usize) -> Result<Listing, MailFailure> {
        self.connect()?;
        let Some((progress, is_renumbered)) = self.settle_progress() else {
            let fault = Fault::Broken("there is no connection".to_owned());
            let failure = fault.failure(&self.account, "search");
            return Err(self.lost(failure));
        };
        let uids = self.find(progress, skip)?;
        let by_time = progress.numbering.is_none_or(|numbering| numbering.uid_from.is_none());
        let uid_validity = progress.numbering.map_or(0, |numbering| numbering.uid_validity);
        let mut mails = Vec::new();
        let mut has_more = false;
        for some in uids.chunks(OUTLINES_MAX) {
            if mails.len() >= mails_max {
                has_more = true;
                break;
            }
            let outlines = self.with("tell the size of mails", |session| session.outlines(some))?;
            for uid in some {
                let Some(outline) = outlines.get(uid) else { continue };
                if by_time && outline.arrived_ms.is_some_and(|at| at < progress.since_ms) {
                    continue;
                }
                if mails.len() == mails_max {
                    has_more = true;
                    break;
                }
                mails.push(Waiting { id: self.id(uid_validity, *uid), bytes: outline.bytes });
            }
        }
        self.worked();
        Ok(Listing { mails, has_more, progress, is_renumbered })
    }

    fn fetch(&mut self, id: &MailId, bytes_max: u64) -> Result<Fetched, MailFailure> {
        self.connect()?;
        let Some(uid) = self.uid_of(id) else { return Ok(Fetched::Gone) };
        if self.failing.get(&uid).is_some_and(|failures| *failures >= FAILURES_MAX) {
            return Ok(Fetched::Unreadable { reason: "it could not be fetched several times".to_owned() });
        }
        let outlines = self.with("tell the size of a mail", |session| session.outlines(&[uid]))?;
        match outlines.get(&uid) {
            None => Ok(Fetched::Gone),
            Some(outline) if outline.bytes > bytes_max => Ok(Fetched::TooLarge { bytes: outline.bytes }),
            Some(outline) => self.fetch_body(id, uid, *outline, bytes_max),
        }
    }

    fn file(&mut self, id: &MailId, to: Destination) -> Result<Filed, MailFailure> {
        Ok(if self.file_all(std::slice::from_ref(id), to)? > 0 { Filed::Moved } else { Filed::Gone })
    }

    fn file_all(&mut self, ids: &[MailId], to: Destination) -> Result<u64, MailFailure> {
        self.connect()?;
        let uids: Vec<u32> = ids.iter().filter_map(|id| self.uid_of(id)).collect();
        let what = match uids[..] {
            [] => return Ok(0),
            [uid] => format!("mail {uid}"),
            [first, .., last] => format!("{} mails, from {first} to {last},", uids.len()),
        };
        let folder = match to {
            Destination::Done => self.folders.done.clone(),
            Destination::Refused => self.folders.refused.clone(),
        };
        let what = format!("move {what} to `{folder}`");
        let moved = self.with(&what, |session| session.move_to(&uids, &folder)).map_err(|mut failure| {
            if !failure.is_offline {
                MOVE_HINT.clone_into(&mut failure.problem.hint);
            }
            failure
        })?;
        for uid in uids {
            self.failing.remove(&uid);
        }
        Ok(moved as u64)
    }

    fn wait(&mut self, longest: Duration) -> Woken {
        let stop = self.surroundings.stop.clone();
        let sleep = |long: Duration| if stop.sleep(long) { Woken::Elapsed } else { Woken::Stopped };
        let Some(session) = &mut self.session else {
            let left_ms = match &self.state {
                MailState::Offline { retry_ms, .. } => retry_ms.saturating_sub(self.surroundings.clock.now_ms()),
                _ => 0,
            };
            return sleep(longest.min(Duration::from_millis(u64::try_from(left_ms).unwrap_or(0))));
        };
        let result = if session.abilities.idle && !self.is_idle_refused {
            session.idle(longest.min(self.times.idle_max))
        } else {
            if !stop.sleep(longest.min(self.times.poll)) {
                return Woken::Stopped;
            }
            session.poll()
        };
        match result {
            // Mails come in groups, and a server that always has news must not keep us busy.
            Ok(true) if !stop.sleep(HINT_PAUSE) => Woken::Stopped,
            Ok(true) => Woken::Hint,
            Ok(false) => Woken::Elapsed,
            Err(_) if stop.is_stopped() => Woken::Stopped,
            Err(fault) => {
                let failure = fault.failure(&self.account, "wait for mails");
                self.lost(MailFailure { is_offline: true, ..failure });
                Woken::Elapsed
            }
        }
    }

    fn state(&self) -> &MailState {
        &self.state
    }
}

/// A day as IMAP writes it, in UTC: `1-Mar-2026`.
fn imap_day(at_ms: i64) -> String {
    let at = Timestamp::from_millisecond(at_ms.max(0)).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(TimeZone::UTC);
    at.strftime("%-d-%b-%Y").to_string()
}

#[cfg(test)]
mod tests {
    use super::imap_day;

    #[test]
    fn a_day_is_written_as_imap_does() {
        assert_eq!(imap_day(1_772_323_200_000), "1-Mar-2026");
        assert_eq!(imap_day(-5), "1-Jan-1970");
    }
}
