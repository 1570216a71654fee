//! The daemon: one loop over one closed set of events, and the single pass that `daybook sync` is.
//!
//! The loop's thread owns the pipeline. Reading workbooks, the slow part, happens in threads that only send back what
//! they read. Nothing is decided here: what is ready is `source`'s, what happens to it is `pipeline`'s.

mod leftovers;
mod mailboxes;
mod mailing;
mod pass;
mod publishing;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

pub use self::leftovers::take_leftovers;
pub use self::mailboxes::{MailRequest, read_mailboxes};
pub use self::mailing::{send_due, send_mails};
pub use self::pass::{Readied, Reading, plugin_source, sync, workbook_sources};
pub use self::publishing::{publish_due, publish_everything};

use self::mailboxes::Mailboxes;
use self::mailing::Sending;
use crate::io::Fingerprint;
use crate::model::Problem;
use crate::pipeline::{Pipeline, PipelineError, Report, Shows, Taken};
use crate::publish::mail::Delivery;
use crate::source::workbook::fetch::{CHANGING, FetchFailure, MISSING, TRUNCATED};
use crate::source::workbook::{
    Again, FilePoll, PollTimes, Sight, SourceFile, Step, Watch, WorkbookSource, is_owner_file, look,
};
use crate::store::QueuedMail;

/// How many workbooks are read at the same time.
const READERS_MAX: usize = 2;
/// The loop looks at the clock at least so often.
const TICK_MS_MAX: i64 = 1_000;

/// The code of what can't be looked at.
const OFFLINE: &str = "offline";

/// How long the daemon leaves the store alone after it failed.
const STORE_RETRY_MS: i64 = 5_000;

/// Everything that can happen to the daemon.
#[derive(Debug)]
pub enum Event {
    /// Something may have changed at this path.
    Hint(PathBuf),
    /// A workbook was read, or not.
    Read {
        /// The file.
        path: PathBuf,
        /// It as it was when the reading began.
        fingerprint: Fingerprint,
        /// What was read; `None` if it is byte for byte what was seen last.
        result: Box<Readied>,
    },
    /// A mail was handed over, or not.
    Mailed {
        /// Which one.
        mail: Box<QueuedMail>,
        /// What became of it; `None` if it was not tried.
        delivery: Option<Delivery>,
    },
    /// A mailbox asks.
    Mail {
        /// Which one, by its place in the configuration.
        mailbox: usize,
        /// What it asks.
        request: MailRequest,
    },
    /// The daemon is to end.
    Stop,
}

/// What the daemon tells while it runs.
pub trait Observer {
    /// An arrival was taken from a file, with these results.
    fn took(&mut self, path: &Path, report: &Report);
    /// Something is wrong that is no part of an arrival.
    fn problem(&mut self, problem: &Problem);
    /// Views were written.
    fn published(&mut self, count: u64);
    /// Mails were sent.
    fn sent(&mut self, count: u64);
}

/// A file that is watched.
struct Watched {
    spec: usize,
    file: SourceFile,
    poll: FilePoll,
    reading: bool,
    everything: bool,
    /// What the poll was last told that Daybook took or wrote.
    settled: Option<Fingerprint>,
    /// What was last taken or written when the reading began.
    began: Option<(Fingerprint, Shows)>,
    told: Option<String>,
}

/// The daemon's state.
pub struct App<'a> {
    pipeline: &'a mut Pipeline,
    observer: &'a mut dyn Observer,
    sources: Vec<WorkbookSource>,
    /// The sources whose folder can't be listed.
    offline: HashSet<usize>,
    watch: Option<Watch>,
    files: HashMap<PathBuf, Watched>,
    times: PollTimes,
    events: Receiver<Event>,
    sender: Sender<Event>,
    reading: usize,
    sending: Option<Sending>,
}

/// Ends a running daemon.
#[derive(Clone, Debug)]
pub struct Stopper(Sender<Event>);

impl Stopper {
    /// Asks the daemon to end; one that has ended already does not mind.
    pub fn stop(&self) {
        if self.0.send(Event::Stop).is_err() {
            tracing::debug!("the daemon has ended already");
        }
    }
}

impl<'a> App<'a> {
    /// Prepares the daemon.
    pub fn new(pipeline: &'a mut Pipeline, observer: &'a mut dyn Observer) -> Self {
        let (sender, events) = mpsc::channel();
        let watch = &pipeline.config().watch;
        let quiet_ms = i64::try_from(watch.quiet_ms).unwrap_or(i64::MAX);
        let times = PollTimes { quiet_ms, ..PollTimes::default() };
        let sources = workbook_sources(pipeline);
        pipeline.be_patient();
        let (offline, files) = (HashSet::new(), HashMap::new());
        let sending = Sending::start(pipeline.config(), sender.clone());
        Self { pipeline, observer, sources, offline, watch: None, files, times, events, sender, reading: 0, sending }
    }

    /// What ends it from elsewhere, such as a signal's handler.
    pub fn stopper(&self) -> Stopper {
        Stopper(self.sender.clone())
    }

    /// Runs until it is stopped.
    pub fn run(mut self) -> Result<(), PipelineError> {
        self.watch = self.begin_to_watch();
        self.publish(take_leftovers);
        self.publish(publish_everything);
        let poll_ms = i64::try_from(self.pipeline.config().watch.poll_seconds.saturating_mul(1000)).unwrap_or(i64::MAX);
        let mut look_at = self.pipeline.now().0;
        let (mut publish_at, mut send_at) = (look_at, look_at);
        let mailboxes = Mailboxes::start(self.pipeline, &self.sender)?;
        loop {
            let now = self.pipeline.now().0;
            if now >= look_at {
                self.refresh_plugins();
                pass::note_plugins(self.pipeline);
                look_at = self.look(now).min(now.saturating_add(poll_ms));
            }
            if self.pipeline.now().0 >= publish_at && !self.publish(publish_due) {
                publish_at = self.pipeline.now().0.saturating_add(STORE_RETRY_MS);
            }
            if self.pipeline.now().0 >= send_at && !self.send() {
                send_at = self.pipeline.now().0.saturating_add(STORE_RETRY_MS);
            }
            let wait = (look_at - self.pipeline.now().0).clamp(0, TICK_MS_MAX);
            match self.events.recv_timeout(Duration::from_millis(u64::try_from(wait).unwrap_or(0))) {
                Ok(Event::Hint(path)) => {
                    tracing::trace!(path = %path.display(), "hint");
                    self.wake_writers(&path);
                    look_at = self.pipeline.now().0;
                }
                Ok(Event::Read { path, fingerprint, result }) => {
                    self.read(&path, fingerprint, *result);
                    look_at = self.pipeline.now().0;
                }
                Ok(Event::Mailed { mail, delivery }) => self.mailed(&mail, delivery.as_ref()),
                Ok(Event::Mail { mailbox, request }) => self.mail(mailbox, request),
                Ok(Event::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        if let Some(sending) = self.sending.take() {
            let report = sending.end(self.pipeline, &self.events);
            self.published(&report);
        }
        mailboxes.end(self.events);
        pass::forget_refused(self.pipeline);
        Ok(())
    }

    /// Answers a mailbox.
    fn mail(&mut self, mailbox: usize, request: MailRequest) {
        let report = Mailboxes::answer(self.pipeline, mailbox, request);
        if report.arrivals > 0 {
            let name = self.pipeline.config().mailboxes.get(mailbox).map(|mailbox| mailbox.address.clone());
            self.observer.took(Path::new(&name.unwrap_or_default()), &report);
        } else {
            report.problems.iter().for_each(|problem| self.observer.problem(problem));
        }
    }

    /// Takes plugins that were replaced, and puts to them what they hold.
    fn refresh_plugins(&mut self) {
        for problem in self.pipeline.plugins().refresh() {
            self.observer.problem(&problem);
        }
        if let Err(error) = self.pipeline.put_again() {
            tracing::warn!(%error, "what plugins hold is put to them again when its source is saved");
        }
    }

    /// Hands out mails that are due; false if the store failed, which may pass.
    fn send(&mut self) -> bool {
        let Some(sending) = &mut self.sending else { return true };
        let handed = sending.hand_out(self.pipeline);
        if let Err(error) = &handed {
            tracing::error!(%error, "mails can't be read from the store now; it is tried again");
        }
        handed.is_ok()
    }

    /// Notes what became of a mail.
    fn mailed(&mut self, mail: &QueuedMail, delivery: Option<&Delivery>) {
        let Some(sending) = &mut self.sending else { return };
        match sending.ended(self.pipeline, mail, delivery) {
            Ok(report) => self.published(&report),
            Err(error) => tracing::error!(%error, "what became of a mail could not be noted; it is sent again"),
        }
    }

    /// Takes in or writes views; false if the store failed, which may pass.
    fn publish(&mut self, work: fn(&mut Pipeline) -> Result<Report, PipelineError>) -> bool {
        match work(self.pipeline) {
            Ok(report) => {
                self.published(&report);
                true
            }
            Err(error) => {
                tracing::error!(%error, "the store can't be used now; it is tried again");
                false
            }
        }
    }

    fn published(&mut self, report: &Report) {
        if report.published > 0 {
            self.observer.published(report.published);
        }
        if report.sent > 0 {
            self.observer.sent(report.sent);
        }
        for problem in &report.problems {
            self.observer.problem(problem);
        }
    }

    /// Begins to listen for hints.
    fn begin_to_watch(&mut self) -> Option<Watch> {
        if !self.pipeline.config().watch.events {
            return None;
        }
        let folders = self.sources.iter().map(WorkbookSource::watched_folder).collect();
        let (hints, paths) = mpsc::channel::<PathBuf>();
        let (watch, problems) = Watch::start(folders, hints);
        for problem in &problems {
            self.observer.problem(problem);
        }
        let sender = self.sender.clone();
        let relay = thread::Builder::new().name("hints".to_owned()).spawn(move || {
            for path in paths {
                if sender.send(Event::Hint(path)).is_err() {
                    break;
                }
            }
        });
        if let Err(error) = relay {
            tracing::warn!(%error, "changes are found by looking only");
        }
        Some(watch)
    }

    /// Looks at every source; says when to look again.
    fn look(&mut self, now: i64) -> i64 {
        let mut next = i64::MAX;
        let mut gone = Vec::new();
        let disk = self.pipeline.parts().disk.clone();
        for spec in 0..self.sources.len() {
            let known: Vec<SourceFile> = self
                .files
                .values()
                .filter(|watched| watched.spec == spec)
                .map(|watched| watched.file.clone())
                .collect();
            let looked = look(disk.as_ref(), &self.sources[spec], &known);
            let is_offline = looked.offline.is_some();
            self.tell_offline(spec, looked.offline);
            for (file, sight) in looked.files {
                let settled = self.pipeline.settled(&file.path);
                let watched = self.files.entry(file.path.clone()).or_insert_with(|| Watched {
                    spec,
                    file,
                    poll: FilePoll::new(None),
                    reading: false,
                    everything: false,
                    settled: None,
                    began: None,
                    told: None,
                });
                // Only what is new is passed on: the poll may know of a later save already, which could not be read.
                if let Some((settled, _)) = settled
                    && watched.settled != Some(settled)
                {
                    watched.settled = Some(settled);
                    watched.poll.expect_own(settled);
                }
                if watched.reading {
                    continue;
                }
                // Away once more is to be told once more.
                if matches!(sight, Sight::There(_)) && watched.told.as_deref().is_some_and(is_away) {
                    watched.told = None;
                }
                match watched.poll.observe(sight, now, &self.times) {
                    Step::Idle => {}
                    Step::Wait { until_ms } => next = next.min(until_ms),
                    Step::Ready(fingerprint) if self.reading < READERS_MAX => {
                        let path = watched.file.path.clone();
                        self.start(&path, fingerprint);
                    }
                    Step::Ready(_) => next = next.min(now + TICK_MS_MAX),
                    Step::Gone { .. } => gone.push((watched.file.path.clone(), MISSING.0)),
                    Step::Offline { .. } if is_offline => {}
                    Step::Offline { .. } => gone.push((watched.file.path.clone(), OFFLINE)),
                }
            }
        }
        for (path, code) in gone {
            self.tell_away(&path, code);
        }
        next
    }

    /// Tells once that a source's folder can't be listed. When it can again, it is watched anew, and what could not be
    /// written there meanwhile is written.
    fn tell_offline(&mut self, spec: usize, offline: Option<(PathBuf, std::io::Error)>) {
        match offline {
            Some((root, error)) if self.offline.insert(spec) => {
                let problem = pass::offline(&self.sources[spec].name, &root, &error);
                self.observer.problem(&problem);
            }
            None if self.offline.remove(&spec) => {
                tracing::info!(source = self.sources[spec].name, "its folder can be listed again");
                let problems = self.watch.as_mut().map(Watch::renew).unwrap_or_default();
                for problem in &problems {
                    self.observer.problem(problem);
                }
                self.publish(publish_everything);
            }
            Some(_) | None => {}
        }
    }

    /// Tries at once what waits for a workbook to be closed, if this path was the sign that it is open.
    fn wake_writers(&mut self, path: &Path) {
        if !is_owner_file(path) || !matches!(self.pipeline.fingerprint(path), Ok(None)) {
            return;
        }
        let now = self.pipeline.now();
        if let Err(error) = self.pipeline.store().wake_tasks(now) {
            tracing::warn!(%error, "what waits for a workbook to be closed waits on");
        }
    }

    /// Tells once that a source's file or folder is not there. A view that Daybook has yet to write is no problem.
    fn tell_away(&mut self, path: &Path, code: &'static str) {
        let Some(watched) = self.files.get_mut(path) else { return };
        let is_view = self.pipeline.specs()[watched.spec].view.is_some();
        if watched.told.as_deref() == Some(code) || (is_view && code == MISSING.0) {
            return;
        }
        watched.told = Some(code.to_owned());
        let problem = pass::away(&watched.file, code);
        self.observer.problem(&problem);
    }

    /// Begins to read a file in a thread of its own.
    fn start(&mut self, path: &Path, fingerprint: Fingerprint) {
        let Some(watched) = self.files.get_mut(path) else { return };
        let reading = match Reading::prepare(self.pipeline, watched.spec, &watched.file, watched.everything) {
            Ok(reading) => reading,
            Err(error) => {
                tracing::error!(%error, path = %path.display(), "a workbook can't be taken now");
                watched.poll.failed(fingerprint, self.pipeline.now().0, &self.times);
                return;
            }
        };
        watched.reading = true;
        watched.began = self.pipeline.settled(path);
        let (sender, path) = (self.sender.clone(), path.to_owned());
        let work = move || {
            let result = Box::new(reading.read());
            if sender.send(Event::Read { path, fingerprint, result }).is_err() {
                tracing::debug!("a workbook was read after the daemon ended");
            }
        };
        match thread::Builder::new().name("reader".to_owned()).spawn(work) {
            Ok(_) => self.reading += 1,
            Err(error) => {
                tracing::error!(%error, "no thread for reading; it is tried again");
                watched.reading = false;
                watched.poll.failed(fingerprint, self.pipeline.now().0, &self.times);
            }
        }
    }

    /// Takes what a thread has read.
    fn read(&mut self, path: &Path, fingerprint: Fingerprint, result: Readied) {
        self.reading = self.reading.saturating_sub(1);
        let Some(watched) = self.files.get_mut(path) else { return };
        watched.reading = false;
        if self.pipeline.settled(path) != watched.began {
            // A later save was taken meanwhile, or the file was written: what was read is old, and the file is looked at anew.
            return;
        }
        match result {
            Ok(None) => {
                watched.poll.taken(fingerprint);
                watched.told = None;
                pass::note_reading(self.pipeline, &watched.file.name, None);
                self.pipeline.settle(path, fingerprint, Shows::Newest);
            }
            Ok(Some(fetched)) => {
                let (spec, name, at) = (watched.spec, watched.file.name.clone(), fetched.fingerprint);
                match self.pipeline.take(spec, &name, path, fetched, false) {
                    Ok(Taken::Done(report)) => {
                        watched.everything = false;
                        watched.told = None;
                        watched.poll.taken(at);
                        pass::note_reading(self.pipeline, &name, None);
                        self.sources[spec].remember(&name);
                        self.observer.took(path, &report);
                    }
                    Ok(Taken::Refused(problems)) => {
                        watched.poll.taken(at);
                        pass::note_reading(self.pipeline, &name, problems.first());
                        for problem in &problems {
                            self.observer.problem(problem);
                        }
                    }
                    Ok(Taken::ReadAgain) => watched.everything = true,
                    Err(error) => {
                        // One file's trouble is not the others': it is tried again later.
                        watched.poll.failed(fingerprint, self.pipeline.now().0, &self.times);
                        self.observer.problem(&pass::not_taken(&watched.file, &error));
                    }
                }
            }
            Err(failure) => {
                match failure.again {
                    Again::Later => watched.poll.failed(fingerprint, self.pipeline.now().0, &self.times),
                    Again::WhenChanged => watched.poll.taken(failure.fingerprint.unwrap_or(fingerprint)),
                }
                if is_passing(&failure, &watched.poll, self.pipeline.now().0, &self.times) {
                    return;
                }
                pass::note_reading(self.pipeline, &watched.file.name, Some(&failure.problem));
                let code = failure.problem.code.clone();
                if watched.told.as_ref() != Some(&code) {
                    watched.told = Some(code);
                    self.observer.problem(&failure.problem);
                }
            }
        }
    }
}

/// Whether a file that could not be read is probably in the middle of a save: nobody needs to be told of that.
///
/// One that is not there is told of when it stays away; half a workbook, when it has stayed half for long.
fn is_passing(failure: &FetchFailure, poll: &FilePoll, now_ms: i64, times: &PollTimes) -> bool {
    let code = failure.problem.code.as_str();
    let half = code == TRUNCATED.0 && poll.unchanged_ms(now_ms) < times.empty_quiet_ms;
    half || code == CHANGING.0 || code == MISSING.0
}

/// Whether what was told of a file is that it is not there.
fn is_away(code: &str) -> bool {
    code == MISSING.0 || code == OFFLINE
}
