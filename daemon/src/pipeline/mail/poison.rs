//! A mail that can't be taken because of what is in it: it is put aside, told of, and blocks nothing.
//!
//! What works on one mail's content alone runs inside [`sound`]: a panic there costs that mail and not the daemon. After [`TRIES_MAX`] failures that have to
//! do with the mail it is refused: noted, so that it does not come again, and told to its author, if that can be done, and to the steward. A store that
//! can't write now is no reason: then the mail stays in the inbox.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::super::{Pipeline, PipelineError, Report};
use super::{Asked, Author, MAIL_PUT_ASIDE, TookMail, nothing, taken};
use crate::codec::mime::{self, Glance, Mail, MimeLimits};
use crate::config::MailboxConfig;
use crate::model::{Problem, SourceName};
use crate::source::mailbox::{MailId, PutAside, RawMail, Verdict};
use crate::store::{Refusal, TakenMail};

/// So often a mail is tried before it is put aside.
pub(super) const TRIES_MAX: u32 = 3;

/// What its author is told: a code with words in the catalogue.
const TOLD: &str = "put-aside";
const HINT: &str = "Look at it in the folder of refused mails (`daybook refused list`), and answer whoever sent it.";
const DEFECT_HINT: &str = "Look at it with `daybook refused list` and `save`, and enter by hand what it says. Report the defect, with the log.";

/// Does a piece of work on a mail's content; a panic in it is an error.
pub(super) fn sound<T>(doing: &'static str, work: impl FnOnce() -> T) -> Result<T, PipelineError> {
    // What a panic says may be words of the mail: it is left out.
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| PipelineError::Defect(doing))
}

impl Pipeline {
    /// Notes that a mail is put aside, and tells the steward.
    pub fn put_mail_aside(
        &mut self,
        mailbox: &SourceName,
        id: &MailId,
        why: &PutAside,
    ) -> Result<TookMail, PipelineError> {
        let what = match why {
            PutAside::TooLarge { bytes, bytes_max } => {
                format!("it has {bytes} bytes, and {bytes_max} are allowed (`mail_bytes_max`)")
            }
            PutAside::Unreadable { reason } => format!("the server can't hand it out: {reason}"),
        };
        self.note_aside(mailbox, id, None, told(mailbox, id, &what, HINT))
    }

    /// Notes that a mail is put aside of which no word goes to anybody but the steward. `raw` is the mail, if it could be had.
    fn note_aside(
        &mut self,
        mailbox: &SourceName,
        id: &MailId,
        raw: Option<&RawMail>,
        told: Problem,
    ) -> Result<TookMail, PipelineError> {
        let refusal = Some(refusal(&told, raw.map_or(&[], |raw| &raw.bytes), Keep::Whole));
        let sha256 = raw.map(|raw| raw.sha256);
        let taken = TakenMail { refusal, ..taken(mailbox, id, sha256) };
        let now = self.now();
        self.store.note_taken(&taken, &[], now)?;
        Ok(refused(told, Report::default()))
    }

    /// Puts a mail aside that can't be taken because of an error that has to do with the mail. Without `author` nobody is answered.
    pub(super) fn give_up(
        &mut self,
        mailbox: &MailboxConfig,
        raw: &RawMail,
        author: Option<&Author>,
        error: &PipelineError,
    ) -> Result<TookMail, PipelineError> {
        let hint = if matches!(error, PipelineError::Defect(_)) { DEFECT_HINT } else { HINT };
        let problem = told(&mailbox.name, &raw.id, &error.to_string(), hint);
        let answered = author.map(|author| self.refuse_with_word(mailbox, raw, author, &problem));
        match answered {
            Some(Ok(report)) => Ok(refused(problem, report)),
            Some(Err(error)) if !error.is_of_content() => Err(error),
            // Not even that can be said of it.
            Some(Err(_)) | None => self.note_aside(&mailbox.name, &raw.id, Some(raw), problem),
        }
    }

    /// Posts that nothing was taken, and answers so.
    fn refuse_with_word(
        &mut self,
        mailbox: &MailboxConfig,
        raw: &RawMail,
        author: &Author,
        problem: &Problem,
    ) -> Result<Report, PipelineError> {
        let mail: Mail = mime::read(&raw.bytes, &MimeLimits::default()).unwrap_or_default();
        let arrival = self.mail_arrival(mailbox, raw, &mail, author, &mailbox.table);
        let refusal = Some(refusal(problem, &raw.bytes, Keep::Whole));
        let known = taken(&mailbox.name, &raw.id, Some(raw.sha256));
        let taken = TakenMail { refusal, arrival: Some(arrival.id), ..known };
        let answered = mail.message_id.as_ref().map(|id| id.as_str().to_owned());
        let (held, deciding) = (RefCell::default(), RefCell::default());
        let asked = Asked { mail: &mail, author, answered, arrival, taken: Some(taken), held, deciding };
        self.post_mail(&asked, &mailbox.table, |_, table, decider, arrival, _| {
            let mut made = nothing(table, decider, arrival);
            made.0.problems.push(problem.clone());
            made.2.remarks.push(TOLD.to_owned());
            Ok(made)
        })
    }
}

/// What is kept of a refused mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// What it says of itself.
    Head,
    /// That, and its bytes.
    Whole,
}

/// What the steward finds of a refused mail. `bytes` is empty if it could not be had.
pub(super) fn refusal(problem: &Problem, bytes: &[u8], keep: Keep) -> Refusal {
    let Glance { from, subject } = mime::glance(bytes);
    let bytes = (keep == Keep::Whole && !bytes.is_empty()).then(|| bytes.into());
    Refusal { problem: problem.clone(), from, subject, bytes }
}

fn told(mailbox: &SourceName, id: &MailId, what: &str, hint: &str) -> Problem {
    let message = format!("{id}: {what}. It was put aside, and nothing of it was taken over.");
    Problem::new(MAIL_PUT_ASIDE, id.to_string(), message, hint).in_source(mailbox.as_str())
}

fn refused(problem: Problem, mut report: Report) -> TookMail {
    report.problems.push(problem);
    TookMail { verdict: Verdict::Refused, report }
}
