//! A mail from its bytes to its posting and its receipt: who sent it, what it says, what becomes of it, and what she is told.
//!
//! In comes a mail as a mailbox handed it out. Whatever it is, what became of it is durable when [`Pipeline::take_mail`] returns, in one transaction with
//! the posting and the receipt, so that the mail may be moved; the same mail again changes nothing. A mail that is nobody's is refused without a word to whoever
//! sent it, and shown to the steward. Nothing in a mail gives rights but its proved sender.

mod account;
mod asking;
mod attached;
mod deciding;
mod digest;
mod gather;
mod held;
mod poison;
mod posting;
mod readers;
mod rows;
mod template;
mod token;

use std::cell::RefCell;

use self::account::Telling;
use self::asking::Asking;
use self::deciding::Deciding;
use self::poison::Keep;
use self::readers::ReadCell;
use self::token::Token;
use super::command;
use super::compose::Composer;
use super::{Along, CommitError, Pipeline, PipelineError, Report, TRIES_MAX, command::key_cells, joined_key};
use super::{Task, publish_tasks, table_of};
use crate::access::Decider;
use crate::codec::mime::{self, Mail, MimeLimits};
use crate::config::{MailboxConfig, SmtpConfig};
use crate::extract::mail::{self as extract, Command, MailReading};
use crate::io::{Entropy, uuid_v7};
use crate::model::entry::{KeyIndex, Posting};
use crate::model::problem::Code;
use crate::model::{
    Actor, Arrival, ArrivalId, ArrivalKind, MailAddress, Mark, MessageId, OutgoingMail, Place, Problem, ReviewId,
    SourceName, Table, TableName, Timestamp,
};
use crate::publish::receipt::{self, Account, Reply, Thread};
use crate::source::mailbox::sender::{self, Defect, Header, Verdict as Sender};
use crate::source::mailbox::{MailId, Progress, RawMail, Verdict};
use crate::store::{Answering, HeldPayload, Offer, Snapshot, TakenMail, Untold};

/// A mail gives nobody's rights.
pub const MAIL_REFUSED: Code = Code("mail-refused");
/// An automatic answer would have changed or asked something.
pub const MAIL_AUTOMATIC: Code = Code("mail-automatic");
/// A mail was put aside without having been read.
pub const MAIL_PUT_ASIDE: Code = Code("mail-put-aside");
/// What became of a mail could not be kept; it comes again.
pub const MAIL_LATER: Code = Code("mail-later");

/// The kind of mail that tells what became of one.
const RECEIPT: &str = "receipt";
/// The kind of mail that says that receipts are left out for a while.
const PAUSE: &str = "receipts-paused";

/// What became of a mail, for its mailbox and for whoever is told of the pass.
#[derive(Debug)]
pub struct TookMail {
    /// What the mailbox is to do with it.
    pub verdict: Verdict,
    /// What was posted, and what is wrong.
    pub report: Report,
}

/// Who a mail is from, and where her answer goes.
struct Author {
    actor: Actor,
    /// The address that she wrote from; `None` if nobody may answer.
    answer_to: Option<MailAddress>,
}

/// What is asked of the store by one mail.
struct Asked<'a> {
    mail: &'a Mail,
    author: &'a Author,
    /// The id of the mail that is answered.
    answered: Option<String>,
    arrival: Arrival,
    /// That it is taken; `None` if that was noted before.
    taken: Option<TakenMail>,
    /// What is kept for a person's decision, and with which question.
    held: RefCell<Option<(ReviewId, Vec<u8>)>>,
    /// What is committed with a decision, if it is one.
    deciding: RefCell<Option<Deciding>>,
}

/// What was made of a mail on one snapshot.
type Made = (Posting, Report, Account);

impl Pipeline {
    /// Whether a mail with these bytes was taken before: then it is noted under this id, so that the next look need not fetch it.
    pub fn take_again(&mut self, mailbox: &SourceName, id: &MailId, sha256: &[u8; 32]) -> Result<bool, PipelineError> {
        let is_taken = self.store.is_taken(mailbox, sha256)?;
        if is_taken {
            let now = self.now();
            self.store.note_taken(&taken(mailbox, id, Some(*sha256)), &[], now)?;
        }
        Ok(is_taken)
    }

    /// Takes a mail whose sender was looked for. An error means that nothing of it is durable.
    pub fn take_mail(
        &mut self,
        mailbox: &MailboxConfig,
        raw: &RawMail,
        sent: Result<Sender, Defect>,
    ) -> Result<TookMail, PipelineError> {
        if self.take_again(&mailbox.name, &raw.id, &raw.sha256)? {
            return Ok(TookMail { verdict: Verdict::Done, report: Report::default() });
        }
        let Ok(sent) = sent else {
            return self.give_up(mailbox, raw, None, &PipelineError::Defect("its sender was looked for"));
        };
        let (identity, from) = match sent {
            Sender::Person { identity, from } => (identity, from),
            Sender::Refused(reason) => {
                let message = format!(
                    "{}: nobody's mail: {reason}. Nothing of it was taken over, and nobody was answered.",
                    raw.id
                );
                let hint = "If it is a colleague's, look at it in the folder of refused mails (`daybook refused list` lists them); `authentication` and `[[person]]` say whose mails are believed. Corrected, send it again, or move it back into the inbox of the server.";
                let problem = Problem::new(MAIL_REFUSED, raw.id.to_string(), message, hint);
                let problem = problem.in_source(mailbox.name.as_str());
                // A stranger's mail is not kept here: it lies in the folder of refused mails.
                let refusal = Some(poison::refusal(&problem, &raw.bytes, Keep::Head));
                let now = self.now();
                self.store.note_taken(
                    &TakenMail { refusal, ..taken(&mailbox.name, &raw.id, Some(raw.sha256)) },
                    &[],
                    now,
                )?;
                let problems = vec![problem];
                return Ok(TookMail { verdict: Verdict::Refused, report: Report { problems, ..Report::default() } });
            }
            Sender::Wait(reason) => {
                let message = format!("{}: {reason}.", raw.id);
                let problem =
                    Problem::new(MAIL_LATER, raw.id.to_string(), message, "").in_source(mailbox.name.as_str());
                return Ok(TookMail {
                    verdict: Verdict::Later,
                    report: Report { problems: vec![problem], ..Report::default() },
                });
            }
        };
        let author = match self.author(&identity, from.as_str(), &raw.bytes) {
            Ok(author) => author,
            Err(error) => return self.give_up(mailbox, raw, None, &error),
        };
        let mut tried = 0;
        loop {
            tried += 1;
            match self.take_from(mailbox, raw, &author) {
                Ok(report) => return Ok(TookMail { verdict: Verdict::Done, report }),
                Err(error) if !error.is_of_content() => return Err(error),
                Err(error) if tried >= poison::TRIES_MAX => return self.give_up(mailbox, raw, Some(&author), &error),
                Err(error) => tracing::warn!(mail = %raw.id, %error, "the mail is tried again"),
            }
        }
    }

    /// What became of a mail, if its id is known.
    pub fn mail_known(&self, mailbox: &SourceName, id: &MailId) -> Result<Option<Verdict>, PipelineError> {
        Ok(self.store.taken_by_id(mailbox, &stored_id(id))?.map(verdict))
    }

    /// Where reading of a mailbox began; `None` if it was never read.
    pub fn mailbox_progress(&self, mailbox: &SourceName) -> Result<Option<Progress>, PipelineError> {
        let kept = self.store.mailbox_progress(mailbox)?;
        // What can't be read any more is as good as none: mails are known by their hashes.
        Ok(kept.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// Keeps where reading of a mailbox began.
    pub fn keep_mailbox_progress(&mut self, mailbox: &SourceName, progress: &Progress) -> Result<(), PipelineError> {
        let bytes = serde_json::to_vec(progress).map_err(|error| PipelineError::Held(error.to_string()))?;
        Ok(self.store.keep_mailbox_progress(mailbox, &bytes)?)
    }

    /// Who wrote it, and whether anybody may answer.
    fn author(&self, identity: &str, from: &str, bytes: &[u8]) -> Result<Author, PipelineError> {
        let actor = Actor::Person(identity.to_owned());
        let mailboxes = self.config.mailboxes.iter().map(|mailbox| mailbox.address.as_str());
        let own: Vec<&str> = self.config.smtp.iter().map(|smtp| smtp.from.as_str()).chain(mailboxes).collect();
        let person = Sender::Person {
            identity: identity.to_owned(),
            from: sender::Email::parse(from).ok_or_else(|| PipelineError::Refused("no plain address".to_owned()))?,
        };
        let may_answer = Header::read(bytes).is_ok_and(|header| sender::may_answer(&header, &person, &own).is_ok());
        let sends = self.config.smtp.is_some() && !self.config.office.observe_only;
        let answer_to = (may_answer && sends).then(|| MailAddress::parse(from).ok()).flatten();
        Ok(Author { actor, answer_to })
    }

    /// Takes a mail of a proved sender.
    fn take_from(&mut self, mailbox: &MailboxConfig, raw: &RawMail, author: &Author) -> Result<Report, PipelineError> {
        let limits = MimeLimits {
            mail_bytes_max: usize::try_from(self.config.limits.mail_bytes_max).unwrap_or(usize::MAX),
            ..MimeLimits::default()
        };
        let read = mime::read(&raw.bytes, &limits);
        let empty = Mail::default();
        let mail = read.as_ref().unwrap_or(&empty);
        let place = extract::Mailbox { address: &mailbox.address, table: &mailbox.table };
        let is_asked = self.offered(mail, author)?.is_some();
        let mut reading = match &read {
            Ok(mail) => {
                let reading = || extract::read(mail, &self.config.tables, &place, is_asked, &limits);
                poison::sound("it was read", reading)?.map_err(|refusal| refusal.problem)
            }
            Err(fault) => Err(Problem::new(Code(fault.code()), "", fault.message(), fault.hint())),
        };
        let table = reading.as_ref().map_or_else(|_| mailbox.table.clone(), |reading| reading.table.clone());
        let arrival = self.mail_arrival(mailbox, raw, mail, author, &table);
        let taken = TakenMail { arrival: Some(arrival.id), ..taken(&mailbox.name, &raw.id, Some(raw.sha256)) };
        // It says what its owner's machine says to everybody, with her signature below. (A subject alone may be about automatic answers.)
        let is_machines = sender::is_automatic_answer(mail.loops.auto_submitted.as_deref());
        let (read_cells, told) = match &mut reading {
            Ok(reading) if is_machines => (Vec::new(), dropped(raw, reading).into_iter().collect()),
            Ok(reading) => self.put_to_readers(reading, mail, author, arrival.edited_at)?,
            Err(_) => Default::default(),
        };
        let answered = mail.message_id.as_ref().map(|id| id.as_str().to_owned());
        let (held, deciding) = (RefCell::default(), RefCell::default());
        let asked = Asked { mail, author, answered, arrival, taken: Some(taken), held, deciding };
        let mut report = match &reading {
            // She is not answered.
            Ok(_) if is_machines => {
                self.post_mail(&asked, &table, |_, table, decider, arrival, _| Ok(nothing(table, decider, arrival)))
            }
            Err(problem) => {
                let code = problem.code.clone();
                let told = problem.clone().in_source(mailbox.name.as_str());
                self.post_mail(&asked, &table, |_, table, decider, arrival, _| {
                    let mut made = nothing(table, decider, arrival);
                    made.0.problems.push(told.clone());
                    made.1.problems.push(told.clone());
                    made.2.remarks.push(code.clone());
                    Ok(made)
                })
            }
            Ok(reading) => match &reading.command {
                Some(Command::Show(key)) => {
                    let key: Vec<String> = key.iter().map(ToString::to_string).collect();
                    self.show(&asked, &table, reading, &key)
                }
                Some(Command::Undo) => self.undo(&asked, &table, reading),
                Some(Command::Template) => self.send_template(&asked, &table, reading),
                Some(Command::Decide(token)) => self.decide_by_token(&asked, &table, reading, token),
                Some(Command::Choose(chosen)) => self.decide_by_word(&asked, &table, reading, *chosen),
                Some(Command::Reviews(page)) => self.send_reviews(&asked, &table, reading, *page),
                _ => self.change(&asked, &table, reading, &read_cells),
            },
        }?;
        let of_mailbox = |problem: Problem| problem.in_source(mailbox.name.as_str());
        report.problems.extend(told.into_iter().map(of_mailbox));
        Ok(report)
    }

    /// Puts a mail to the plugins that read mails of its table.
    fn put_to_readers(
        &mut self,
        reading: &mut MailReading,
        mail: &Mail,
        author: &Author,
        written: Timestamp,
    ) -> Result<(Vec<ReadCell>, Vec<Problem>), PipelineError> {
        let table = table_of(&self.config, &reading.table)?;
        let context = self.world(false);
        let sent_at = written.to_rfc3339(&self.config.office.timezone);
        let sender = author.actor.to_string();
        let told = readers::Told { sender: &sender, subject: &mail.subject, sent_at };
        let plugins = self.parts.plugins.as_mut();
        let setups = &self.config.plugins;
        poison::sound("plugins read it", || readers::read(reading, table, &told, plugins, setups, &context))
    }

    /// An arrival with when it was written, as far as that is known: never later than it came.
    fn mail_arrival(
        &mut self,
        mailbox: &MailboxConfig,
        raw: &RawMail,
        mail: &Mail,
        author: &Author,
        table: &TableName,
    ) -> Arrival {
        let now = self.parts.clock.now_ms();
        let came = raw.arrived_ms.unwrap_or(now).min(now);
        let said = mail.date_s.and_then(|seconds| seconds.checked_mul(1000)).unwrap_or(came);
        // A date tells to the second: what was stored within it may have been seen.
        let written = said.saturating_add(999).min(came);
        let id = mail.message_id.as_ref().map_or_else(|| raw.id.to_string(), |id| id.as_str().to_owned());
        Arrival {
            id: ArrivalId::new(uuid_v7(now, self.parts.entropy.as_mut())),
            at: Timestamp(now),
            edited_at: Timestamp(written),
            kind: ArrivalKind::Mail,
            source: mailbox.name.clone(),
            rank: 0,
            actor: author.actor.clone(),
            table: table.clone(),
            place: Some(Place { file: id, sheet: None }),
            columns: Vec::new(),
            mark: Mark { digest: raw.sha256, ..Mark::default() },
            sheets: Vec::new(),
        }
    }

    /// Answers with a record as its author may see it.
    fn show(
        &mut self,
        asked: &Asked<'_>,
        table: &TableName,
        reading: &MailReading,
        key: &[String],
    ) -> Result<Report, PipelineError> {
        let policy = self.config.policy.clone();
        let language = self.texts.language();
        self.post_mail(asked, table, |snapshot, table, decider, arrival, _| {
            let actor = arrival.actor.clone();
            let mut made = nothing(table, decider, arrival);
            let parts = key_cells(table, key).ok().and_then(|cells| table.key_of(&cells));
            let text = parts.map(|parts| joined_key(&parts)).unwrap_or_default();
            let found = snapshot.records_by_key(&table.name, KeyIndex::Primary, std::slice::from_ref(&text))?;
            let record = match found.get(&text) {
                Some(id) => snapshot.record(&table.name, *id)?,
                None => None,
            };
            let telling = Telling::new(table, decider, &policy, &actor, language);
            // One that may not be seen is as one that isn't there.
            match record.and_then(|record| telling.show(&record)) {
                Some(shown) => made.2.shown.push(shown),
                None => made.2.remarks.push("show-none".to_owned()),
            }
            account::of_lines(reading, &mut made.2);
            Ok(made)
        })
    }

    /// Takes back what the mail changed whose receipt is answered.
    fn undo(&mut self, asked: &Asked<'_>, table: &TableName, reading: &MailReading) -> Result<Report, PipelineError> {
        let to = asked.author.answer_to.as_ref();
        let mut answered = None;
        for id in asked.mail.in_reply_to.iter().chain(asked.mail.references.iter().rev()) {
            let (Some(to), Ok(id)) = (to, MessageId::parse(id.as_str())) else { continue };
            answered = self.store.answered_by(&id, to)?;
            if answered.is_some() {
                break;
            }
        }
        let undone = match answered {
            Some(arrival) => self.store.snapshot()?.posting(arrival)?,
            None => None,
        };
        // Only her own, whatever the receipt says.
        let undone = undone.filter(|posting| posting.arrival.actor == asked.author.actor);
        let zone = self.config.office.timezone.clone();
        let about = undone.as_ref().map_or_else(|| table.clone(), |undone| undone.arrival.table.clone());
        self.post_mail(asked, &about, |snapshot, table, decider, arrival, entropy| {
            let Some(undone) = &undone else {
                let mut made = nothing(table, decider, arrival);
                made.2.remarks.push("undo-none".to_owned());
                return Ok(made);
            };
            let id = arrival.id;
            let mut made = match command::revert(snapshot, table, decider, arrival.clone(), undone, entropy) {
                Ok((mut posting, report)) => {
                    posting.arrival.id = id;
                    let mut account = Account::default();
                    let partly = report.refused + report.conflicts > 0;
                    account.undone = Some(minute(undone.arrival.at, &zone));
                    account.remarks.extend(partly.then(|| "undo-partly".to_owned()));
                    (posting, report, account)
                }
                Err(PipelineError::Refused(_)) => {
                    let mut made = nothing(table, decider, arrival);
                    made.2.remarks.push("undo-none".to_owned());
                    made
                }
                Err(error) => return Err(error),
            };
            account::of_lines(reading, &mut made.2);
            Ok(made)
        })
    }

    /// Makes and commits a mail's posting with its receipt, anew if others committed meanwhile.
    fn post_mail(
        &mut self,
        asked: &Asked<'_>,
        table: &TableName,
        make: impl Fn(&Snapshot<'_>, &Table, &Decider, Arrival, &mut dyn Entropy) -> Result<Made, PipelineError>,
    ) -> Result<Report, PipelineError> {
        let table = table_of(&self.config, table)?.clone();
        let mut random = [0; 16];
        self.parts.entropy.fill(&mut random);
        for _ in 0..TRIES_MAX {
            let snapshot = self.store.snapshot()?;
            let seen = snapshot.revision();
            let arrival = Arrival { table: table.name.clone(), ..asked.arrival.clone() };
            let (decider, entropy) = (&self.decider, self.parts.entropy.as_mut());
            let made = poison::sound("it was posted", || make(&snapshot, &table, decider, arrival, entropy));
            let (posting, mut report, mut account) = made??;
            let asking = Asking {
                snapshot: &snapshot,
                decider: &self.decider,
                config: &self.config,
                language: self.texts.language(),
                actor: &asked.author.actor,
                now: asked.arrival.at,
            };
            let open = asking.of_posting(&table, &posting)?;
            account.questions.extend(open.questions);
            // Those are open as all others by then, and told with them.
            account.more_on_page = account.more_on_page.or(open.has_more.then_some(1));
            drop(snapshot);
            report.arrivals = 1;
            let (mail, mut answering) = self.answer(asked, &account, random)?;
            let mails: Vec<OutgoingMail> = mail.into_iter().collect();
            let deciding = asked.deciding.borrow();
            answering.used = deciding.as_ref().map(|deciding| deciding.tag);
            let changed = posting
                .records
                .iter()
                .any(|entry| !entry.cells.is_empty() || entry.life != crate::model::Life::Unchanged);
            // What a decision lets in comes first; what it does not, is put right where it was typed.
            let mut tasks: Vec<Task> = deciding.iter().filter_map(|deciding| deciding.reread.clone()).collect();
            if changed || deciding.is_some() {
                tasks.extend(publish_tasks(&self.specs, &table.name));
            }
            drop(deciding);
            let held = asked.held.borrow();
            let held = held.as_ref().map(|(review, rows)| HeldPayload { review: *review, rows });
            let (taken, answering) = (asked.taken.as_ref(), Some(&answering));
            let along = Along { tasks: &tasks, mails: &mails, taken, held, answering };
            match self.store.commit_along(seen, &posting, along) {
                Ok(_) => return Ok(report),
                Err(CommitError::AlreadyDone) => return Ok(Report::default()),
                Err(CommitError::Moved { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(PipelineError::Busy(TRIES_MAX))
    }

    /// The mail that answers it, and what is kept beside it; no mail if nobody is to be answered.
    fn answer(
        &self,
        asked: &Asked<'_>,
        account: &Account,
        random: [u8; 16],
    ) -> Result<(Option<OutgoingMail>, Answering), PipelineError> {
        let mut answering = Answering::default();
        let (Some(to), Some(smtp)) = (&asked.author.answer_to, &self.config.smtp) else { return Ok((None, answering)) };
        // The header block says it in many ways, and some programs in the subject alone.
        if is_automatic(asked.mail) {
            return Ok((None, answering));
        }
        let limits = &self.config.limits;
        let window_ms = i64::from(limits.receipts_hours) * 3_600_000;
        let Arrival { at, id: arrival, .. } = asked.arrival;
        let since = at.0.saturating_sub(window_ms);
        let queued = |kind: &str| self.store.mails_queued_since(to, kind, Timestamp(since));
        let is_enough = queued(RECEIPT)? >= u64::from(limits.receipts_max);
        if is_enough {
            let untold = Untold { to: to.clone(), arrival, at, outcomes: digest::kept(account.outcomes()) };
            answering.untold = Some((untold, Timestamp(at.0.saturating_add(window_ms))));
        }
        let (kind, account) = match is_enough {
            true if queued(PAUSE)? > 0 => return Ok((None, answering)),
            true => (PAUSE, Account { remarks: vec![PAUSE.to_owned()], is_notice: true, ..Account::default() }),
            false => (RECEIPT, account.clone()),
        };
        let unsendable = |what: String| PipelineError::Unsendable(what);
        let message_id = message_id(smtp, random)?;
        answering.offer = offer(&account, &message_id, to);
        let answered = asked.answered.as_deref();
        let reply = Reply {
            from: smtp.from.as_str(),
            to: to.as_str(),
            subject: &asked.mail.subject,
            message_id: message_id.as_str(),
            thread: &Thread::new(answered, asked.mail.references.iter().map(mime::MessageId::as_str)),
            arrival: Some(asked.arrival.id),
            at: asked.arrival.at,
            attached: &account.attached,
        };
        let written = poison::sound("it was answered", || receipt::write(&reply, &account, &self.texts))?;
        let bytes = written.map_err(|error| unsendable(error.to_string()))?;
        let mail = OutgoingMail::new(kind, to.clone(), message_id, bytes, Some(asked.arrival.id));
        mail.map(|mail| (Some(mail), answering)).map_err(|error| unsendable(error.to_string()))
    }
}

/// A name for a mail of ours, that nobody can guess.
fn message_id(smtp: &SmtpConfig, random: [u8; 16]) -> Result<MessageId, PipelineError> {
    MessageId::of(random, smtp.from.domain()).map_err(|error| PipelineError::Unsendable(error.to_string()))
}

/// What a receipt offers to a word in reply: the answers to its one question.
fn offer(account: &Account, mail: &MessageId, to: &MailAddress) -> Option<Offer> {
    let tokens = match account.questions.as_slice() {
        [] => return None,
        [one] => one.options.iter().filter_map(|answer| Token::parse(&answer.token)).collect(),
        _ => Vec::new(),
    };
    let tokens = tokens.iter().map(|token: &Token| token.bytes().to_vec()).collect();
    Some(Offer { mail: mail.clone(), to: to.clone(), tokens })
}

/// A time as a person reads it, to the minute.
fn minute(at: Timestamp, zone: &jiff::tz::TimeZone) -> String {
    let text = at.to_rfc3339(zone);
    text.get(..16).map_or_else(|| text.clone(), |begin| begin.replace('T', " "))
}

/// A posting that says nothing of any record.
fn nothing(table: &Table, decider: &Decider, arrival: Arrival) -> Made {
    let open = Vec::new();
    let settings = rows::SETTINGS;
    let composer = Composer::new(table, decider, arrival, settings, &open, std::collections::HashMap::new());
    let (posting, report) = composer.finish(None);
    (posting, report, Account::default())
}

fn verdict(refused: bool) -> Verdict {
    if refused { Verdict::Refused } else { Verdict::Done }
}

/// Whether a machine has answered for the mail's author, by its header or its subject: it gets no answer, and decides nothing.
fn is_automatic(mail: &Mail) -> bool {
    sender::is_automatic_answer(mail.loops.auto_submitted.as_deref()) || sender::is_automatic_subject(&mail.subject)
}

/// What is told of an automatic answer that would have changed or asked something.
fn dropped(raw: &RawMail, reading: &MailReading) -> Option<Problem> {
    if reading.rows.is_empty() && reading.attachments.is_empty() && reading.command.is_none() {
        return None;
    }
    let message = format!(
        "{}: an automatic answer, which changes nothing. Nothing of it was taken over, and nobody was answered.",
        raw.id
    );
    let hint = "If its owner means what it says, she has to send it herself.";
    Some(Problem::new(MAIL_AUTOMATIC, raw.id.to_string(), message, hint))
}

/// That a mail is taken, as long as nothing else is known of it.
fn taken(mailbox: &SourceName, id: &MailId, sha256: Option<[u8; 32]>) -> TakenMail {
    TakenMail { mailbox: mailbox.clone(), id: stored_id(id), sha256, refusal: None, arrival: None }
}

/// A mail's id as the store keeps it: names and numbers of the server, nothing of a person's.
fn stored_id(id: &MailId) -> Vec<u8> {
    // A structure of texts and numbers can always be written.
    serde_json::to_vec(id).unwrap_or_else(|_| id.to_string().into_bytes())
}
