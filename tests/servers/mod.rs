//! Mail servers: real ones, as ordinary processes on this machine, and one that does all that a server must not.
//!
//! Dovecot is no part of a Rust toolchain. Where it is absent, its tests say so and pass; `DAYBOOK_REQUIRE_PROGRAMS` makes the absence a
//! failure. `.ci/run` installs it and sets that.

#![expect(clippy::disallowed_methods, reason = "these tests start mail servers and write what office people write")]

mod dovecot;
mod mock_imap;
mod mock_smtp;
mod postfix;

mod hangs;
mod imap;
mod logins;
mod outbox;
mod sending;
mod through;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use daybook::config::{Credential, ImapConfig, MailFolders, MailTls, Since};
use daybook::io::{OsEntropy, SystemClock};
use daybook::model::Problem;
use daybook::source::mailbox::imap::ImapTimes;
use daybook::source::mailbox::{
    Desk, ImapMailbox, MailFailure, MailId, MailState, Mailbox, Patience, Progress, PutAside, RawMail, Round, Stop,
    Surroundings, Verdict, round,
};

/// Far longer than anything here takes; what takes longer hangs.
const LONG: Duration = Duration::from_mins(1);
/// What a mail may have here.
const BYTES_MAX: u64 = 100_000;

/// Waits of the tests: some tenths of a second, so that a machine with much to do passes, too.
fn short() -> ImapTimes {
    ImapTimes {
        patience: Patience {
            connect: Duration::from_secs(2),
            silence: Duration::from_secs(1),
            command: Duration::from_secs(3),
        },
        idle_max: Duration::from_secs(2),
        poll: Duration::from_millis(100),
        retry_ms: (1, 20),
        login_retry_ms: (1, 20),
    }
}

/// Times for a server that is not to be given up: a busy machine answers late.
fn patient() -> ImapTimes {
    ImapTimes { patience: Patience::default(), idle_max: LONG, ..short() }
}

fn surroundings() -> Surroundings {
    Surroundings { clock: Arc::new(SystemClock), entropy: Box::new(OsEntropy), stop: Stop::default() }
}

fn folders() -> MailFolders {
    MailFolders { inbox: "INBOX".into(), done: "Daybook/Done".into(), refused: "Daybook/已拒绝".into() }
}

/// An account on this machine.
fn account(port: u16, tls: MailTls, credential: Credential, ca_file: Option<&Path>) -> ImapConfig {
    let ca_file = ca_file.map(Path::to_owned);
    ImapConfig { host: "127.0.0.1".into(), port, tls, user: "capture".into(), credential, ca_file }
}

fn open(imap: ImapConfig, since: Since, times: ImapTimes, progress: Option<Progress>) -> ImapMailbox {
    ImapMailbox::new(imap, folders(), since, times, progress, surroundings())
}

/// Does something until it succeeds, as the daemon does: failures come and go.
#[track_caller]
fn until_done<T>(what: &str, mut work: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(value) = work() {
            return value;
        }
        assert!(begin.elapsed() < LONG, "{what}: not in {LONG:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A desk that knows mails by id and by hash, as the store does.
#[derive(Default)]
struct Ledger {
    progress: Option<Progress>,
    ids: HashMap<MailId, Verdict>,
    hashes: HashSet<[u8; 32]>,
    /// What was taken, by the word behind `Subject: `.
    taken: Vec<String>,
    /// What was known by its hash only.
    again: u32,
    aside: Vec<PutAside>,
    /// How often it was told how a round ended.
    notes: u32,
}

impl Desk for Ledger {
    fn keep(&mut self, progress: Progress) -> Result<(), Problem> {
        self.progress = Some(progress);
        Ok(())
    }

    fn known(&self, id: &MailId) -> Option<Verdict> {
        self.ids.get(id).copied()
    }

    fn take(&mut self, mail: RawMail) -> Verdict {
        self.ids.insert(mail.id, Verdict::Done);
        if self.hashes.insert(mail.sha256) {
            let text = String::from_utf8(mail.bytes).expect("the tests' mails are UTF-8");
            let subject = text.lines().find_map(|line| line.strip_prefix("Subject: "));
            self.taken.push(subject.expect("it has a subject").to_owned());
        } else {
            self.again += 1;
        }
        Verdict::Done
    }

    fn put_aside(&mut self, id: &MailId, why: PutAside) -> Verdict {
        self.ids.insert(id.clone(), Verdict::Refused);
        self.aside.push(why);
        Verdict::Refused
    }

    fn note(&mut self, _state: &MailState, _result: &Result<Round, MailFailure>) {
        self.notes += 1;
    }
}

impl Ledger {
    fn round(&mut self, mailbox: &mut dyn Mailbox) -> Result<Round, MailFailure> {
        round(mailbox, self, BYTES_MAX)
    }

    /// Rounds until so many mails were taken.
    #[track_caller]
    fn until_taken(&mut self, mailbox: &mut dyn Mailbox, count: usize) {
        until_done("mails are taken", || {
            if let Err(failure) = self.round(mailbox) {
                assert!(failure.is_offline, "{failure:?}");
            }
            (self.taken.len() >= count).then_some(())
        });
        assert_eq!(self.taken.len(), count, "{:?}", self.taken);
    }
}

/// A mail with a subject.
fn mail(subject: &str) -> Vec<u8> {
    format!("From: li.lei@example.com\r\nTo: capture@test.local\r\nSubject: {subject}\r\n\r\n电话：13800138000\r\n")
        .into_bytes()
}
