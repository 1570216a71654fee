//! One round over an inbox, in the one order that neither loses a mail nor takes one twice.
//!
//! Where reading begins is kept before anything is taken; an arrival is durable before its mail is moved. A mail that is known
//! already (a crash came between) is only moved. One mail's trouble is not the others'.

use std::time::Duration;

use super::{Destination, Fetched, Filed, Listing, MailFailure, MailId, MailState, Mailbox, Progress, RawMail, Stop};
use crate::model::Problem;

/// Mails that one round takes.
const MAILS_MAX: usize = 500;
/// So many mails are moved at a time: to move one takes a server as long as to move many.
const MOVES_MAX: usize = 50;
/// The longest wait between two rounds: hints get lost.
const WAIT_MAX: Duration = Duration::from_mins(5);
/// The wait after something failed that is not the mailbox: the store, say.
const AGAIN: Duration = Duration::from_secs(5);

/// What became of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Its arrival is durable; it is moved to those that were taken.
    Done,
    /// It can't be taken, and that is durable; it is moved aside.
    Refused,
    /// Nothing is durable yet; it stays and comes again.
    Later,
}

/// Why a mail is put aside without having been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PutAside {
    /// It has too many bytes.
    TooLarge {
        /// How many.
        bytes: u64,
        /// How many are allowed.
        bytes_max: u64,
    },
    /// The server can't hand it out.
    Unreadable {
        /// Why not, in words.
        reason: String,
    },
}

/// Whoever takes mails: the store knows what it has.
pub trait Desk {
    /// Keeps where reading begins. An error ends the round.
    fn keep(&mut self, progress: Progress) -> Result<(), Problem>;

    /// What became of this mail, if its id is known.
    fn known(&self, id: &MailId) -> Option<Verdict>;

    /// Whether the mail failed not long ago and is left alone in this round.
    fn is_put_off(&self, _id: &MailId) -> bool {
        false
    }

    /// Takes a mail, or knows by its hash that it has been taken. What it answers is durable.
    fn take(&mut self, mail: RawMail) -> Verdict;

    /// Learns that a mail could not be fetched or moved: it is left alone for a while.
    fn failed(&mut self, _id: &MailId) {}

    /// Notes that a mail is put aside. What it answers is durable.
    fn put_aside(&mut self, id: &MailId, why: PutAside) -> Verdict;

    /// Learns how a round ended and how it stands with the mailbox: for `status`, and to tell of problems.
    fn note(&mut self, _state: &MailState, _result: &Result<Round, MailFailure>) {}
}

/// What a round has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Mails that were taken or refused.
    pub taken: u64,
    /// Mails that were moved.
    pub moved: u64,
    /// Mails that stay: they come again.
    pub left: u64,
    /// Whether there are more, so that another round should follow at once.
    pub has_more: bool,
    /// What failed with single mails.
    pub problems: Vec<Problem>,
}

/// Round after round, with waits between them, until it is stopped. It has a thread of its own.
pub fn serve(mailbox: &mut dyn Mailbox, desk: &mut dyn Desk, bytes_max: u64, stop: &Stop) {
    while !stop.is_stopped() {
        let result = round(mailbox, desk, bytes_max);
        desk.note(mailbox.state(), &result);
        let woken = match result {
            Ok(Round { has_more: true, .. }) => continue,
            // The mailbox itself knows when to try again; whatever else failed may work soon.
            Err(failure) if !failure.is_offline => mailbox.wait(AGAIN),
            _ => mailbox.wait(WAIT_MAX),
        };
        tracing::trace!(?woken, "looking at the mailbox");
    }
}

/// Takes what stands in the inbox. An error is the whole mailbox's; what was done before it is done.
pub fn round(mailbox: &mut dyn Mailbox, desk: &mut dyn Desk, bytes_max: u64) -> Result<Round, MailFailure> {
    let listing = mailbox.list(&|id| desk.is_put_off(id), MAILS_MAX)?;
    let Listing { mails, has_more, progress, .. } = listing;
    desk.keep(progress).map_err(|problem| MailFailure { problem: Box::new(problem), is_offline: false })?;
    let mut round = Round { has_more, ..Round::default() };
    let mut moves = Moves::default();
    for waiting in mails {
        let result = take_one(mailbox, desk, &waiting.id, bytes_max, &mut round);
        match result {
            Err(failure) if failure.is_offline => return Err(failure),
            Err(failure) => round.failed(desk, &waiting.id, failure),
            Ok(None) => {}
            Ok(Some(to)) => moves.of(to).push(waiting.id),
        }
        if moves.done.len() + moves.refused.len() >= MOVES_MAX {
            moves.make(mailbox, desk, &mut round)?;
        }
    }
    moves.make(mailbox, desk, &mut round)?;
    // Without progress another round would only do the same again.
    round.has_more &= round.moved > 0;
    Ok(round)
}

/// Mails whose arrivals are durable, and that are to be moved.
#[derive(Default)]
struct Moves {
    done: Vec<MailId>,
    refused: Vec<MailId>,
}

impl Moves {
    fn of(&mut self, to: Destination) -> &mut Vec<MailId> {
        match to {
            Destination::Done => &mut self.done,
            Destination::Refused => &mut self.refused,
        }
    }

    /// Moves them all; one by one if that fails, so that one mail's trouble is not the others'.
    fn make(&mut self, mailbox: &mut dyn Mailbox, desk: &mut dyn Desk, round: &mut Round) -> Result<(), MailFailure> {
        for to in [Destination::Done, Destination::Refused] {
            let ids = std::mem::take(self.of(to));
            if ids.is_empty() {
                continue;
            }
            match mailbox.file_all(&ids, to) {
                Ok(moved) => round.moved += moved,
                Err(failure) if failure.is_offline => {
                    // One of them may be what breaks the connection: those behind come first now.
                    for id in &ids {
                        desk.failed(id);
                    }
                    return Err(failure);
                }
                Err(failure) if ids.len() == 1 => round.failed(desk, &ids[0], failure),
                Err(_) => {
                    for id in &ids {
                        match mailbox.file(id, to) {
                            // One that is gone was moved with the others.
                            Ok(Filed::Moved | Filed::Gone) => round.moved += 1,
                            Err(failure) if failure.is_offline => return Err(failure),
                            Err(failure) => round.failed(desk, id, failure),
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

impl Round {
    /// A mail stays, because of this.
    fn failed(&mut self, desk: &mut dyn Desk, id: &MailId, failure: MailFailure) {
        desk.failed(id);
        self.left += 1;
        self.problems.push(*failure.problem);
    }
}

/// Takes a mail; where it is to be moved to, if it is.
fn take_one(
    mailbox: &mut dyn Mailbox,
    desk: &mut dyn Desk,
    id: &MailId,
    bytes_max: u64,
    round: &mut Round,
) -> Result<Option<Destination>, MailFailure> {
    let verdict = if let Some(verdict) = desk.known(id) {
        verdict
    } else {
        let verdict = match mailbox.fetch(id, bytes_max)? {
            Fetched::Gone => return Ok(None),
            Fetched::Mail(mail) => desk.take(*mail),
            Fetched::TooLarge { bytes } => desk.put_aside(id, PutAside::TooLarge { bytes, bytes_max }),
            Fetched::Unreadable { reason } => desk.put_aside(id, PutAside::Unreadable { reason }),
        };
        round.taken += u64::from(verdict != Verdict::Later);
        verdict
    };
    Ok(match verdict {
        Verdict::Done => Some(Destination::Done),
        Verdict::Refused => Some(Destination::Refused),
        Verdict::Later => {
            round.left += 1;
            None
        }
    })
}
