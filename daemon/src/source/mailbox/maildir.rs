//! A mailbox in a maildir: what a mail server on this machine, or the demo, delivers into.
//!
//! A delivery is complete when its file stands in `new/` (mail readers move it to `cur/`); what is in `tmp/` is not looked at. What is no
//! regular file is none either. Other folders lie inside as Maildir++ has them: `.Daybook.Done`.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::failure::{MAILBOX_FOLDER, MAILBOX_SETUP};
use super::{
    Destination, Fetched, Filed, Listing, MailFailure, MailId, MailState, Mailbox, Progress, RawMail, Surroundings,
    Waiting, Woken, utf7,
};
use crate::config::{MailFolders, Since};
use crate::io::spool::{self, SpoolFile};
use crate::io::transport::SLICE;
use crate::source::workbook::{Watch, WatchedFolder};

/// Where complete deliveries stand.
const STANDS_IN: [&str; 2] = ["new", "cur"];
/// What a maildir consists of.
const PARTS: [&str; 3] = ["tmp", "new", "cur"];
/// The longest name of a file: the limit of most file systems.
const NAME_BYTES_MAX: usize = 255;
/// Names that are tried when one is taken.
const NAMES_MAX: u32 = 100;
/// The longest time between two looks: other machines' deliveries make no events.
const POLL: Duration = Duration::from_secs(10);
/// A file system's clock lags behind by some milliseconds, and some count in seconds.
const SLACK_MS: i64 = 1_000;

/// A maildir.
pub struct MaildirMailbox {
    path: PathBuf,
    folders: MailFolders,
    since: Since,
    progress: Option<Progress>,
    surroundings: Surroundings,
    state: MailState,
    watch: Option<(Watch, Receiver<PathBuf>)>,
}

impl MaildirMailbox {
    /// Takes a maildir and what the store knows of its progress. It is looked at at the first call, and made if it is missing.
    pub fn new(
        path: PathBuf,
        folders: MailFolders,
        since: Since,
        progress: Option<Progress>,
        surroundings: Surroundings,
    ) -> Self {
        Self { path, folders, since, progress, surroundings, state: MailState::New, watch: None }
    }

    fn place(&self) -> String {
        self.path.display().to_string()
    }

    fn id(&self, name: &str) -> MailId {
        MailId::Maildir { folder: self.place(), name: name.to_owned() }
    }

    /// Notes that the maildir can't be used.
    fn lost(&mut self, what: &str, error: &io::Error) -> MailFailure {
        let now = self.surroundings.clock.now_ms();
        let since_ms = match self.state {
            MailState::Offline { since_ms, .. } => since_ms,
            _ => now,
        };
        let place = self.place();
        let message = format!("The maildir `{place}` can't be {what}: {error}. No mails are taken; it is tried again.");
        let failure = MailFailure::offline(MAILBOX_SETUP, &place, message, "Has Daybook's account the right to?");
        self.state = MailState::Offline { since_ms, retry_ms: now, problem: failure.problem.clone() };
        self.watch = None;
        failure
    }

    /// One mail could not be moved or read.
    fn one(&self, name: &str, what: &str, error: &io::Error) -> MailFailure {
        let message = format!("`{name}` in `{}` can't be {what}: {error}. It stays, and is tried again.", self.place());
        MailFailure::one(MAILBOX_FOLDER, &self.place(), message, "Has Daybook's account the right to?")
    }

    /// The mails that stand here, by their unique names, with the path of each.
    fn standing(&self) -> io::Result<BTreeMap<String, PathBuf>> {
        let mut standing = BTreeMap::new();
        for part in STANDS_IN {
            let folder = self.path.join(part);
            for name in spool::names(&folder)? {
                let Some(text) = name.to_str() else {
                    tracing::warn!(folder = %folder.display(), "a file whose name is not UTF-8 is no mail");
                    continue;
                };
                if let Some(unique) = unique_name(text) {
                    standing.insert(unique.to_owned(), folder.join(&name));
                }
            }
        }
        Ok(standing)
    }

    /// Where a mail stands now: a mail reader may have moved it.
    fn find(&self, id: &MailId) -> io::Result<Option<(String, PathBuf)>> {
        let MailId::Maildir { folder, name } = id else { return Ok(None) };
        if *folder != self.place() || unique_name(name) != Some(name) {
            return Ok(None);
        }
        let fresh = self.path.join("new").join(name);
        if spool::look(&fresh)?.is_some() {
            return Ok(Some((name.clone(), fresh)));
        }
        Ok(self.standing()?.remove_entry(name))
    }

    fn make(&self) -> io::Result<()> {
        PARTS.iter().try_for_each(|part| spool::create_folder(&self.path.join(part)))
    }

    /// The folder inside the maildir that has this name, made if it is missing.
    fn inner_folder(&self, name: &str) -> io::Result<PathBuf> {
        let folder = self.path.join(folder_name(name));
        if spool::names(&folder.join("cur")).is_err() {
            for part in PARTS {
                spool::create_folder(&folder.join(part))?;
            }
            // By this file delivery agents know that it is a folder inside another maildir.
            match crate::io::replace::write_new(&folder.join("maildirfolder"), b"") {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
        }
        Ok(folder)
    }

    /// Begins to watch, once; without watching it is only slower.
    fn watch(&mut self) -> Option<&Receiver<PathBuf>> {
        if self.watch.is_none() {
            let (hints, received) = mpsc::channel();
            let watched = |part: &str| WatchedFolder { path: self.path.join(part), recursive: false };
            let (watch, problems) = Watch::start(STANDS_IN.map(watched).into(), hints);
            for problem in &problems {
                tracing::debug!(problem = problem.message, "the maildir is looked at at intervals");
            }
            self.watch = Some((watch, received));
        }
        self.watch.as_ref().map(|(_, hints)| hints)
    }
}

impl Mailbox for MaildirMailbox {
    fn list(&mut self, skip: &dyn Fn(&MailId) -> bool, mails_max: usize) -> Result<Listing, MailFailure> {
        if self.watch.is_none() {
            self.make().map_err(|error| self.lost("made", &error))?;
            // Before the look, so that nothing comes between.
            self.watch();
        }
        let now = self.surroundings.clock.now_ms();
        let progress = *self.progress.get_or_insert(Progress {
            since_ms: match self.since {
                Since::Now => now.saturating_sub(SLACK_MS),
                Since::At(since_ms) => since_ms,
            },
            numbering: None,
        });
        let standing = self.standing().map_err(|error| self.lost("listed", &error))?;
        let mut found: Vec<(SpoolFile, MailId)> = Vec::new();
        for (name, path) in standing {
            let id = self.id(&name);
            match spool::look(&path) {
                Ok(Some(file)) if file.modified_ms >= progress.since_ms && !skip(&id) => found.push((file, id)),
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, name, "a mail can't be looked at"),
            }
        }
        found.sort_by(|(one, one_id), (other, other_id)| (one.modified_ms, one_id).cmp(&(other.modified_ms, other_id)));
        let has_more = found.len() > mails_max;
        found.truncate(mails_max);
        if !matches!(self.state, MailState::Connected { .. }) {
            self.state = MailState::Connected { since_ms: now };
        }
        let mails = found.into_iter().map(|(file, id)| Waiting { id, bytes: file.bytes }).collect();
        Ok(Listing { mails, has_more, progress, is_renumbered: false })
    }

    fn fetch(&mut self, id: &MailId, bytes_max: u64) -> Result<Fetched, MailFailure> {
        let found = self.find(id).map_err(|error| self.lost("listed", &error))?;
        let Some((name, path)) = found else { return Ok(Fetched::Gone) };
        let file = spool::look(&path).map_err(|error| self.one(&name, "looked at", &error))?;
        let Some(file) = file else { return Ok(Fetched::Gone) };
        match spool::read(&path, bytes_max) {
            Ok(bytes) => {
                let sha256 = Sha256::digest(&bytes).into();
                let arrived_ms = Some(file.modified_ms);
                Ok(Fetched::Mail(Box::new(RawMail { id: id.clone(), bytes, sha256, arrived_ms })))
            }
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => Ok(Fetched::TooLarge { bytes: file.bytes }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Fetched::Gone),
            Err(error) => Err(self.one(&name, "read", &error)),
        }
    }

    fn file(&mut self, id: &MailId, to: Destination) -> Result<Filed, MailFailure> {
        let found = self.find(id).map_err(|error| self.lost("listed", &error))?;
        let Some((name, path)) = found else { return Ok(Filed::Gone) };
        let folder = match to {
            Destination::Done => &self.folders.done,
            Destination::Refused => &self.folders.refused,
        };
        let moved = self.inner_folder(folder).and_then(|folder| move_into(&path, &folder.join("cur"), &name));
        match moved {
            Ok(()) => Ok(Filed::Moved),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Filed::Gone),
            Err(error) => Err(self.one(&name, &format!("moved to `{folder}`"), &error)),
        }
    }

    fn wait(&mut self, longest: Duration) -> Woken {
        let stop = self.surroundings.stop.clone();
        let until = Instant::now() + longest.min(POLL);
        let Some(hints) = self.watch() else { return Woken::Elapsed };
        while !stop.is_stopped() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Woken::Elapsed;
            }
            match hints.recv_timeout(left.min(SLICE)) {
                Ok(_) => {
                    // One look answers all that came so far.
                    while hints.try_recv().is_ok() {}
                    return Woken::Hint;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return if stop.sleep(left) { Woken::Elapsed } else { Woken::Stopped };
                }
            }
        }
        Woken::Stopped
    }

    fn state(&self) -> &MailState {
        &self.state
    }
}

/// A file's name without the flags that mail readers put behind it; `None` if it is no mail, or one that is deleted.
fn unique_name(name: &str) -> Option<&str> {
    let (unique, flags) = name.split_once(":2,").unwrap_or((name, ""));
    let is_mail = !unique.is_empty() && !unique.starts_with('.') && !unique.contains(['/', ':']);
    (is_mail && !flags.contains('T')).then_some(unique)
}

/// A folder's name as Maildir++ writes it. No part of it leads out of the maildir.
fn folder_name(name: &str) -> String {
    let parts: Vec<String> = name.split('/').map(|part| utf7::encode(part).replace(['.', '/'], "_")).collect();
    format!(".{}", parts.join("."))
}

/// Moves a mail into a folder's `cur/`, as one that was seen.
fn move_into(from: &Path, cur: &Path, name: &str) -> io::Result<()> {
    for try_number in 0..NAMES_MAX {
        let number = if try_number == 0 { String::new() } else { format!(",daybook={try_number}") };
        let end = format!("{number}:2,S");
        let room = NAME_BYTES_MAX.saturating_sub(end.len());
        let name = name.get(..name.floor_char_boundary(room)).unwrap_or_default();
        let to = cur.join(format!("{name}{end}"));
        match spool::move_to(from, &to) {
            // A move that was interrupted between its two steps.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && spool::is_same_file(from, &to) => {
                return spool::remove(from);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            result => return result,
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

#[cfg(all(test, unix))]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
#[expect(clippy::disallowed_methods, reason = "the test delivers as a mail server does")]
mod tests;
