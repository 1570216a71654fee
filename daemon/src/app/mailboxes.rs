//! Mailboxes: all of them once in a pass, or each in a thread of its own beside the daemon's loop.
//!
//! A mailbox waits for its server, so it has a thread; the store is the loop's. The thread asks the loop what is known and what becomes of each mail, and
//! waits for the answer: what is answered is durable. When the loop has ended nobody answers, and a mail stays where it is.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::Event;
use crate::config::MailboxConfig;
use crate::io::transport::Stop;
use crate::io::{Clock, OsEntropy};
use crate::model::problem::Code;
use crate::model::{Problem, SourceName};
use crate::pipeline::mail::TookMail;
use crate::pipeline::{Pipeline, PipelineError, Report};
use crate::source::mailbox::sender::{Authenticator, Defect, Verdict as Sender};
use crate::source::mailbox::{
    Desk, MailFailure, MailId, MailState, Mailbox, Progress, PutAside, PutOff, RawMail, Round, Surroundings, Verdict,
    open, round, serve,
};

/// What became of a mail could not be kept.
const NOT_TAKEN: Code = Code("mail-later");
/// The program failed while it read a mailbox.
const BROKE: Code = Code("mailbox-defect");
/// How long a mailbox is left alone after that.
const BROKE_WAIT: Duration = Duration::from_mins(1);
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
        let (put_off, authenticator) = (put_off(pipeline), authenticator(pipeline, &config));
        let office = Office { pipeline: &mut *pipeline, config: &config, report: Report::default() };
        let mut desk = OwnDesk { office, authenticator, put_off };
        for _ in 0..ROUNDS_MAX {
            let result = round(mailbox.as_mut(), &mut desk, bytes_max);
            let has_more = result.as_ref().is_ok_and(|round| round.has_more);
            desk.office.report.problems.extend(problems(&config, result));
            if !has_more {
                break;
            }
        }
        report.add(desk.office.report);
    }
    Ok(report)
}

fn opened(pipeline: &mut Pipeline, config: &MailboxConfig, stop: Stop) -> Result<Box<dyn Mailbox>, PipelineError> {
    let progress = pipeline.mailbox_progress(&config.name)?;
    let clock = pipeline.parts().clock.clone();
    Ok(open(config, progress, Surroundings { clock, entropy: Box::new(OsEntropy), stop }))
}

/// A mailbox's mails that are tried again later: none yet.
fn put_off(pipeline: &Pipeline) -> PutOff {
    PutOff::new(pipeline.parts().clock.clone(), Box::new(OsEntropy))
}

fn authenticator(pipeline: &Pipeline, config: &MailboxConfig) -> Authenticator {
    Authenticator::new(&config.authentication, &pipeline.config().policy.people)
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

/// What a desk asks of the pipeline, in this mailbox's name.
struct Office<'a> {
    pipeline: &'a mut Pipeline,
    config: &'a MailboxConfig,
    report: Report,
}

impl Office<'_> {
    fn keep(&mut self, progress: Progress) -> Result<(), Problem> {
        let kept = self.pipeline.keep_mailbox_progress(&self.config.name, &progress);
        kept.map_err(|error| later(self.config, &error))
    }

    fn known(&self, id: &MailId) -> Option<Verdict> {
        // Not known for now: its bytes will tell.
        self.pipeline.mail_known(&self.config.name, id).unwrap_or_default()
    }

    /// Whether the same mail was taken before.
    fn again(&mut self, id: &MailId, sha256: &[u8; 32]) -> bool {
        // Not known for now: it is asked again when the mail is taken.
        self.pipeline.take_again(&self.config.name, id, sha256).unwrap_or_default()
    }

    fn take(&mut self, mail: &RawMail, sent: Sent) -> Verdict {
        let took = self.pipeline.take_mail(self.config, mail, sent);
        answer(self.config, took, &mut self.report)
    }

    fn put_aside(&mut self, id: &MailId, why: &PutAside) -> Verdict {
        let took = self.pipeline.put_mail_aside(&self.config.name, id, why);
        answer(self.config, took, &mut self.report)
    }
}

/// A desk that has the pipeline at hand.
struct OwnDesk<'a> {
    office: Office<'a>,
    authenticator: Authenticator,
    put_off: PutOff,
}

impl Desk for OwnDesk<'_> {
    fn keep(&mut self, progress: Progress) -> Result<(), Problem> {
        self.office.keep(progress)
    }

    fn known(&self, id: &MailId) -> Option<Verdict> {
        self.office.known(id)
    }

    fn is_put_off(&self, id: &MailId) -> bool {
        self.put_off.is_put_off(id)
    }

    fn failed(&mut self, id: &MailId) {
        self.put_off.note(id, Verdict::Later);
    }

    fn take(&mut self, mail: RawMail) -> Verdict {
        let verdict = if self.office.again(&mail.id, &mail.sha256) {
            Verdict::Done
        } else {
            let sent = self.authenticator.authenticate(&mail, self.office.pipeline.now().0);
            self.office.take(&mail, sent)
        };
        self.put_off.note(&mail.id, verdict);
        verdict
    }

    fn put_aside(&mut self, id: &MailId, why: PutAside) -> Verdict {
        let verdict = self.office.put_aside(id, &why);
        self.put_off.note(id, verdict);
        verdict
    }

    fn note(&mut self, state: &MailState, _result: &Result<Round, MailFailure>) {
        note(self.office.pipeline, &self.office.config.name, state);
    }
}

/// Who a mail is from, as far as that could be found out.
type Sent = Result<Sender, Defect>;

/// The way back for an answer.
type Back<T> = mpsc::Sender<T>;

/// What a mailbox's thread asks of the loop, with the way back for the answer.
#[derive(Debug)]
pub enum MailRequest {
    /// Where reading begins is to be kept.
    Keep(Progress, Back<Result<(), Problem>>),
    /// Whether a mail is known.
    Known(MailId, Back<Option<Verdict>>),
    /// Whether a mail with these bytes was taken before; then it is noted under this id.
    Again(MailId, [u8; 32], Back<bool>),
    /// A mail is to be taken, whose sender was looked for.
    Take(Box<RawMail>, Sent, Back<Verdict>),
    /// A mail is to be put aside.
    PutAside(MailId, PutAside, Back<Verdict>),
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
    pub(super) fn start(pipeline: &mut Pipeline, events: &mpsc::Sender<Event>) -> Result<Self, PipelineError> {
        let (stop, mut threads) = (Stop::default(), Vec::new());
        if pipeline.config().office.observe_only {
            return Ok(Self { stop, threads });
        }
        let bytes_max = pipeline.config().limits.mail_bytes_max;
        for (number, config) in pipeline.config().mailboxes.clone().into_iter().enumerate() {
            let mut mailbox = opened(pipeline, &config, stop.clone())?;
            let (events, own, put_off) = (events.clone(), stop.clone(), put_off(pipeline));
            let (clock, authenticator) = (pipeline.parts().clock.clone(), authenticator(pipeline, &config));
            let work = move || {
                let config = Arc::new(config);
                let mut desk = FarDesk { number, config, events, clock, authenticator, put_off, told: None };
                serve_on(mailbox.as_mut(), &mut desk, bytes_max, &own, BROKE_WAIT);
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
        let Some(config) = pipeline.config().mailboxes.get(number).cloned() else { return Report::default() };
        let mut office = Office { pipeline, config: &config, report: Report::default() };
        // Whoever asked may have been stopped meanwhile: then the answer is of no use to anybody.
        match request {
            MailRequest::Keep(progress, back) => back.send(office.keep(progress)).unwrap_or_default(),
            MailRequest::Known(id, back) => back.send(office.known(&id)).unwrap_or_default(),
            MailRequest::Again(id, sha256, back) => back.send(office.again(&id, &sha256)).unwrap_or_default(),
            MailRequest::Take(mail, sent, back) => back.send(office.take(&mail, sent)).unwrap_or_default(),
            MailRequest::PutAside(id, why, back) => back.send(office.put_aside(&id, &why)).unwrap_or_default(),
            MailRequest::Note(state, problems) => {
                note(office.pipeline, &config.name, &state);
                office.report.problems.extend(problems);
            }
        }
        office.report
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

/// Serves a mailbox until it is stopped: a panic ends neither its thread nor, unnoticed, its being read.
fn serve_on(mailbox: &mut dyn Mailbox, desk: &mut FarDesk, bytes_max: u64, stop: &Stop, wait: Duration) {
    // What it leaves half done is an unfinished round: nothing is moved before it is durable.
    while catch_unwind(AssertUnwindSafe(|| serve(&mut *mailbox, &mut *desk, bytes_max, stop))).is_err() {
        let message = "Daybook failed while it read the mailbox; this is a defect of the program. Nothing is lost: it is read again in a minute.";
        let problem = Box::new(Problem::new(BROKE, desk.config.address.as_str(), message, "Report it, with the log."));
        let now = desk.clock.now_ms();
        let retry_ms = now.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
        let state = MailState::Offline { since_ms: now, retry_ms, problem: problem.clone() };
        desk.note(&state, &Err(MailFailure { problem, is_offline: true }));
        if !stop.sleep(wait) {
            return;
        }
    }
}

/// A desk in a thread of its own, that asks the loop.
struct FarDesk {
    number: usize,
    config: Arc<MailboxConfig>,
    events: mpsc::Sender<Event>,
    clock: Arc<dyn Clock>,
    /// Waits for name servers in this thread: nobody else is to wait for them.
    authenticator: Authenticator,
    put_off: PutOff,
    /// What was told last of the mailbox as a whole: it is told once.
    told: Option<String>,
}

impl FarDesk {
    /// Asks and waits; `None` if the loop has ended.
    fn ask<T>(&self, request: impl FnOnce(Back<T>) -> MailRequest) -> Option<T> {
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

    fn is_put_off(&self, id: &MailId) -> bool {
        self.put_off.is_put_off(id)
    }

    fn failed(&mut self, id: &MailId) {
        self.put_off.note(id, Verdict::Later);
    }

    fn take(&mut self, mail: RawMail) -> Verdict {
        let id = mail.id.clone();
        let verdict = match self.ask(|back| MailRequest::Again(id.clone(), mail.sha256, back)) {
            Some(true) => Verdict::Done,
            Some(false) => {
                let sent = self.authenticator.authenticate(&mail, self.clock.now_ms());
                self.ask(|back| MailRequest::Take(Box::new(mail), sent, back)).unwrap_or(Verdict::Later)
            }
            None => Verdict::Later,
        };
        self.put_off.note(&id, verdict);
        verdict
    }

    fn put_aside(&mut self, id: &MailId, why: PutAside) -> Verdict {
        let verdict = self.ask(|back| MailRequest::PutAside(id.clone(), why, back)).unwrap_or(Verdict::Later);
        self.put_off.note(id, verdict);
        verdict
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

#[cfg(test)]
#[expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a failed test may panic, and delivers as a mail server does"
)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config;
    use crate::io::{ManualClock, SeededEntropy};
    use crate::source::mailbox::sender::Reason;
    use crate::source::mailbox::{Destination, Fetched, Filed, Listing, Woken};

    const OFFICE: &str = "[office]\nname = \"Office\"\nlanguage = \"en\"\n[store]\npath = \"data/daybook.db\"\nkey_file = \"keys/key\"\n\
        [[table]]\nname = \"customers\"\nprimary_key = [\"id\"]\n[[table.field]]\nname = \"id\"\n\
        [[mailbox]]\nname = \"m\"\naddress = \"m@example.com\"\ntable = \"customers\"\nmaildir = \"mail\"\nsince = 2020-01-01\nauthentication = \"none\"\n";

    /// A mailbox whose first look breaks, and whose second ends all.
    struct Breaking(Stop, MailState, u32);

    impl Mailbox for Breaking {
        fn list(&mut self, _: &dyn Fn(&MailId) -> bool, _: usize) -> Result<Listing, MailFailure> {
            self.2 += 1;
            assert!(self.2 > 1, "it breaks");
            self.0.stop();
            let progress = Progress { since_ms: 0, numbering: None };
            Ok(Listing { mails: Vec::new(), has_more: false, progress, is_renumbered: false })
        }

        fn fetch(&mut self, _: &MailId, _: u64) -> Result<Fetched, MailFailure> {
            Ok(Fetched::Gone)
        }

        fn file(&mut self, _: &MailId, _: Destination) -> Result<Filed, MailFailure> {
            Ok(Filed::Gone)
        }

        fn wait(&mut self, _: Duration) -> Woken {
            Woken::Elapsed
        }

        fn state(&self) -> &MailState {
            &self.1
        }
    }

    #[test]
    fn a_mailbox_whose_reading_breaks_is_told_of_and_read_again() {
        let config = config::load(Path::new("/nowhere/daybook.toml"), OFFICE).expect("it is right");
        let config = Arc::new(config.mailboxes.into_iter().next().expect("there is one"));
        let (clock, stop) = (Arc::new(ManualClock::new(7)), Stop::default());
        let (events, told) = mpsc::channel();
        let answering = thread::spawn(move || {
            let mut codes = Vec::new();
            for event in told {
                match event {
                    Event::Mail { request: MailRequest::Keep(_, back), .. } => back.send(Ok(())).unwrap_or_default(),
                    Event::Mail { request: MailRequest::Note(state, problems), .. } => {
                        let code = state.problem().map(|problem| problem.code.clone());
                        codes.push((code, problems.len()));
                    }
                    _ => {}
                }
            }
            codes
        });
        let put_off = PutOff::new(clock.clone(), Box::new(SeededEntropy::new(1)));
        let authenticator = Authenticator::new(&config.authentication, &[]);
        let mut desk = FarDesk { number: 0, config, events, clock, authenticator, put_off, told: None };
        let mut mailbox = Breaking(stop.clone(), MailState::New, 0);
        serve_on(&mut mailbox, &mut desk, 1_000, &stop, Duration::ZERO);
        drop(desk);
        assert_eq!(mailbox.2, 2);
        assert_eq!(answering.join().expect("it ends"), [(Some("mailbox-defect".to_owned()), 1), (None, 0)]);
    }

    /// How many mails each of some looks leaves in an inbox with one mail, a quarter of an hour before the last of them; and how often that mail was put
    /// to the loop, which has one answer.
    fn looks(answer: Verdict, prepare: impl Fn(&Path)) -> ([u64; 4], u32) {
        let folder = tempfile::tempdir().expect("there is a folder for temporary files");
        let config = config::load(&folder.path().join("daybook.toml"), OFFICE).expect("it is right");
        let config = config.mailboxes.into_iter().next().expect("there is one");
        let new = folder.path().join("mail/new");
        std::fs::create_dir_all(&new).expect("it can be made");
        std::fs::write(new.join("1"), b"From: a@example.com\n\nx\n").expect("it can be written");
        prepare(&folder.path().join("mail"));
        let clock = Arc::new(ManualClock::new(crate::io::SystemClock.now_ms()));
        let entropy = || Box::new(SeededEntropy::new(1));
        let surroundings = Surroundings { clock: clock.clone(), entropy: entropy(), stop: Stop::default() };
        let mut mailbox = open(&config, None, surroundings);
        let (events, asked) = mpsc::channel();
        let answering = thread::spawn(move || {
            let mut taken = 0;
            for event in asked {
                let Event::Mail { request, .. } = event else { continue };
                match request {
                    MailRequest::Keep(_, back) => back.send(Ok(())).unwrap_or_default(),
                    MailRequest::Known(_, back) => back.send(None).unwrap_or_default(),
                    MailRequest::Again(.., back) => back.send(false).unwrap_or_default(),
                    MailRequest::Take(_, sent, back) => {
                        assert_eq!(sent, Ok(Sender::Refused(Reason::UnknownSender)), "its sender was looked for");
                        taken += 1;
                        back.send(answer).unwrap_or_default();
                    }
                    MailRequest::PutAside(..) | MailRequest::Note(..) => {}
                }
            }
            taken
        });
        let put_off = PutOff::new(clock.clone(), entropy());
        let authenticator = Authenticator::new(&config.authentication, &[]);
        let own = clock.clone();
        let config = Arc::new(config);
        let mut desk = FarDesk { number: 0, config, events, clock: own, authenticator, put_off, told: None };
        let mut look = |pause_ms| {
            clock.advance(pause_ms);
            round(mailbox.as_mut(), &mut desk, 1_000).expect("it can be read").left
        };
        let left = [look(0), look(0), look(0), look(15 * 60_000)];
        drop(desk);
        (left, answering.join().expect("it ends"))
    }

    #[test]
    fn a_mail_that_fails_is_left_alone_for_a_while() {
        let as_it_is = |_: &Path| {};
        assert_eq!(looks(Verdict::Done, as_it_is), ([0; 4], 1));
        assert_eq!(looks(Verdict::Later, as_it_is), ([1, 0, 0, 1], 2), "it can't be taken now");
        let blocked = |maildir: &Path| std::fs::write(maildir.join(".Daybook.Done"), b"").expect("it can be written");
        assert_eq!(looks(Verdict::Done, blocked), ([1, 0, 0, 1], 2), "it can't be moved");
    }
}
