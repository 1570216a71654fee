//! Mailboxes: all of them once in a pass, or each in a thread of its own beside the daemon's loop.
//!
//! A mailbox waits for its server, so it has a thread; the store is the loop's. The thread asks the loop what is known and what becomes of each mail, and
//! waits for the answer: what is answered is durable. When the loop has ended nobody answers, and a mail stays where it is.

use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};

use super::Event;
use crate::config::MailboxConfig;
use crate::io::OsEntropy;
use crate::io::transport::Stop;
use crate::model::problem::Code;
use crate::model::{Problem, SourceName};
use crate::pipeline::mail::TookMail;
use crate::pipeline::{Pipeline, PipelineError, Report};
use crate::source::mailbox::{
    Desk, MailFailure, MailId, MailState, Mailbox, Progress, PutAside, RawMail, Round, Surroundings, Verdict, open,
    round, serve,
};

/// What became of a mail could not be kept.
const NOT_TAKEN: Code = Code("mail-later");
/// So many rounds of one mailbox belong to a pass: what is left comes at the next one.
const ROUNDS_MAX: usize = 100;

/// Reads every mailbox until nothing more stands in its inbox.
pub fn read_mailboxes(pipeline: &mut Pipeline) -> Result<Report, PipelineError> {
    let mut report = Report::default();
    // To take a mail is to move it.
    if pipeline.config().office.observe_only {
        return Ok(report);
    }
    let bytes_max = pipeline.config().limits.mail_bytes_max;
    for config in pipeline.config().mailboxes.clone() {
        let mut mailbox = opened(pipeline, &config, Stop::default())?;
        let mut desk = OwnDesk { pipeline: &mut *pipeline, config: &config, report: Report::default() };
        for _ in 0..ROUNDS_MAX {
            let result = round(mailbox.as_mut(), &mut desk, bytes_max);
            let has_more = result.as_ref().is_ok_and(|round| round.has_more);
            desk.report.problems.extend(problems(&config, result));
            if !has_more {
                break;
            }
        }
        report.add(desk.report);
    }
    Ok(report)
}

fn opened(pipeline: &mut Pipeline, config: &MailboxConfig, stop: Stop) -> Result<Box<dyn Mailbox>, PipelineError> {
    let progress = pipeline.mailbox_progress(&config.name)?;
    let clock = pipeline.parts().clock.clone();
    Ok(open(config, progress, Surroundings { clock, entropy: Box::new(OsEntropy), stop }))
}

/// What was wrong with a round, and remembers it for those who ask how things are.
fn problems(config: &MailboxConfig, result: Result<Round, MailFailure>) -> Vec<Problem> {
    let problems = match result {
        Ok(round) => round.problems,
        Err(failure) => vec![*failure.problem],
    };
    problems.into_iter().map(|problem| problem.in_source(config.name.as_str())).collect()
}

/// Remembers whether a mailbox could be read.
fn note(pipeline: &mut Pipeline, mailbox: &SourceName, state: &MailState) {
    let now = pipeline.now();
    let noted = match state.problem() {
        Some(problem) => pipeline.store().note_unread(mailbox, now, &problem.clone().in_source(mailbox.as_str())),
        None => pipeline.store().note_read(mailbox),
    };
    if let Err(error) = noted {
        tracing::warn!(%error, "`daybook status` may say something else of a mailbox than the log");
    }
}

/// What can't be kept now: the mail stays, and comes again.
fn later(config: &MailboxConfig, error: &PipelineError) -> Problem {
    let message = format!("a mail could not be taken: {error}. It stays in the inbox and comes again.");
    Problem::new(NOT_TAKEN, config.address.as_str(), message, "See the log if it goes on.")
        .in_source(config.name.as_str())
}

/// What became of a mail, as the mailbox is told; all else goes into the report.
fn answer(config: &MailboxConfig, took: Result<TookMail, PipelineError>, report: &mut Report) -> Verdict {
    match took {
        Ok(took) => {
            report.add(took.report);
            took.verdict
        }
        Err(error) => {
            report.problems.push(later(config, &error));
            Verdict::Later
        }
    }
}

/// A desk that has the pipeline at hand.
struct OwnDesk<'a> {
    pipeline: &'a mut Pipeline,
    config: &'a MailboxConfig,
    report: Report,
}

impl Desk for OwnDesk<'_> {
    fn keep(&mut self, progress: Progress) -> Result<(), Problem> {
        let kept = self.pipeline.keep_mailbox_progress(&self.config.name, &progress);
        kept.map_err(|error| later(self.config, &error))
    }

    fn known(&self, id: &MailId) -> Option<Verdict> {
        // Not known for now: its bytes will tell.
        self.pipeline.mail_known(&self.config.name, id).unwrap_or_default()
    }

    fn take(&mut self, mail: RawMail) -> Verdict {
        let took = self.pipeline.take_mail(self.config, &mail);
        answer(self.config, took, &mut self.report)
    }

    fn put_aside(&mut self, id: &MailId, why: PutAside) -> Verdict {
        let took = self.pipeline.put_mail_aside(&self.config.name, id, &why);
        answer(self.config, took, &mut self.report)
    }

    fn note(&mut self, state: &MailState, _result: &Result<Round, MailFailure>) {
        note(self.pipeline, &self.config.name, state);
    }
}

/// What a mailbox's thread asks of the loop, with the way back for the answer.
#[derive(Debug)]
pub enum MailRequest {
    /// Where reading begins is to be kept.
    Keep(Progress, Sender<Result<(), Problem>>),
    /// Whether a mail is known.
    Known(MailId, Sender<Option<Verdict>>),
    /// A mail is to be taken.
    Take(Box<RawMail>, Sender<Verdict>),
    /// A mail is to be put aside.
    PutAside(MailId, PutAside, Sender<Verdict>),
    /// How a round ended.
    Note(MailState, Vec<Problem>),
}

/// The threads of the mailboxes.
pub(super) struct Mailboxes {
    stop: Stop,
    threads: Vec<JoinHandle<()>>,
}

impl Mailboxes {
    /// Starts a thread for each mailbox.
    pub(super) fn start(pipeline: &mut Pipeline, events: &Sender<Event>) -> Result<Self, PipelineError> {
        let (stop, mut threads) = (Stop::default(), Vec::new());
        if pipeline.config().office.observe_only {
            return Ok(Self { stop, threads });
        }
        let bytes_max = pipeline.config().limits.mail_bytes_max;
        for (number, config) in pipeline.config().mailboxes.clone().into_iter().enumerate() {
            let mut mailbox = opened(pipeline, &config, stop.clone())?;
            let (events, own) = (events.clone(), stop.clone());
            let work = move || {
                let mut desk = FarDesk { number, config: Arc::new(config), events, told: None };
                serve(mailbox.as_mut(), &mut desk, bytes_max, &own);
            };
            match thread::Builder::new().name("mailbox".to_owned()).spawn(work) {
                Ok(thread) => threads.push(thread),
                Err(error) => {
                    tracing::error!(%error, "no thread for a mailbox; it is not read until the daemon is started anew");
                }
            }
        }
        Ok(Self { stop, threads })
    }

    /// Answers what a thread asks.
    pub(super) fn answer(pipeline: &mut Pipeline, number: usize, request: MailRequest) -> Report {
        let mut report = Report::default();
        let Some(config) = pipeline.config().mailboxes.get(number).cloned() else { return report };
        let mut desk = OwnDesk { pipeline, config: &config, report: Report::default() };
        // Whoever asked may have been stopped meanwhile: then the answer is of no use to anybody.
        match request {
            MailRequest::Keep(progress, back) => back.send(desk.keep(progress)).unwrap_or_default(),
            MailRequest::Known(id, back) => back.send(desk.known(&id)).unwrap_or_default(),
            MailRequest::Take(mail, back) => back.send(desk.take(*mail)).unwrap_or_default(),
            MailRequest::PutAside(id, why, back) => back.send(desk.put_aside(&id, why)).unwrap_or_default(),
            MailRequest::Note(state, problems) => {
                note(desk.pipeline, &config.name, &state);
                desk.report.problems.extend(problems);
            }
        }
        report.add(desk.report);
        report
    }

    /// Ends the threads. A question that was asked already finds nobody, and its mail stays.
    pub(super) fn end(self, events: mpsc::Receiver<Event>) {
        self.stop.stop();
        // Drops every question, with the way back for its answer.
        drop(events);
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::warn!("the thread of a mailbox ended badly");
            }
        }
    }
}

/// A desk in a thread of its own, that asks the loop.
struct FarDesk {
    number: usize,
    config: Arc<MailboxConfig>,
    events: Sender<Event>,
    /// What was told last of the mailbox as a whole: it is told once.
    told: Option<String>,
}

impl FarDesk {
    /// Asks and waits; `None` if the loop has ended.
    fn ask<T>(&self, request: impl FnOnce(Sender<T>) -> MailRequest) -> Option<T> {
        let (back, answer) = mpsc::channel();
        self.events.send(Event::Mail { mailbox: self.number, request: request(back) }).ok()?;
        answer.recv().ok()
    }
}

impl Desk for FarDesk {
    fn keep(&mut self, progress: Progress) -> Result<(), Problem> {
        let ended = || {
            let message = "Daybook is ending; the mailbox is read at the next start.";
            Problem::new(NOT_TAKEN, self.config.address.as_str(), message, "")
        };
        self.ask(|back| MailRequest::Keep(progress, back)).unwrap_or_else(|| Err(ended()))
    }

    fn known(&self, id: &MailId) -> Option<Verdict> {
        self.ask(|back| MailRequest::Known(id.clone(), back)).unwrap_or(Some(Verdict::Later))
    }

    fn take(&mut self, mail: RawMail) -> Verdict {
        self.ask(|back| MailRequest::Take(Box::new(mail), back)).unwrap_or(Verdict::Later)
    }

    fn put_aside(&mut self, id: &MailId, why: PutAside) -> Verdict {
        self.ask(|back| MailRequest::PutAside(id.clone(), why, back)).unwrap_or(Verdict::Later)
    }

    fn note(&mut self, state: &MailState, result: &Result<Round, MailFailure>) {
        let mut told = problems(&self.config, result.clone());
        let whole = result.as_ref().err().map(|failure| failure.problem.message.clone());
        if whole.is_some() && whole == self.told {
            told.clear();
        }
        self.told = whole;
        // The loop may have ended.
        self.events
            .send(Event::Mail { mailbox: self.number, request: MailRequest::Note(state.clone(), told) })
            .unwrap_or_default();
    }
}
