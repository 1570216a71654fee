//! Sending mails: all that are due in one pass, or in a thread beside the daemon's loop.
//!
//! One program sends at a time: who sends holds a lock beside the store, which ends with the process. So a mail that is on its
//! way in the daemon is not sent by a `daybook sync` meanwhile, and what a crash leaves is due again at once.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::Event;
use crate::config::Config;
use crate::io::StoreLock;
use crate::io::transport::Stop;
use crate::pipeline::mailing::{DueMail, MAILS_NOT_SENT, courier};
use crate::pipeline::{Pipeline, PipelineError, Report};
use crate::publish::mail::{BRISK, Courier, Delivery, UNHURRIED};
use crate::store::QueuedMail;

/// How many mails are handed to the thread at a time.
const BATCH_MAX: usize = 16;
/// After so long a single pass leaves the rest to the next one.
const PASS_MAX: Duration = Duration::from_mins(5);
/// How long the daemon, told to end, waits for the mail that is on its way.
const LAST_MAIL: Duration = Duration::from_secs(10);
/// How long after that for its thread to notice.
const LAST_WORD: Duration = Duration::from_secs(2);

/// Sends what is due, as it is configured; nothing while another program sends.
pub fn send_mails(pipeline: &mut Pipeline) -> Result<Report, PipelineError> {
    let Some(mut courier) = courier(pipeline.config(), BRISK, &Stop::default()) else { return Ok(Report::default()) };
    queue_digests(pipeline);
    let now = pipeline.now();
    if pipeline.store().mails_due(now, 1)?.is_empty() {
        return Ok(Report::default());
    }
    let Some(_lock) = lock(pipeline.config()) else { return Ok(Report::default()) };
    send_due(pipeline, courier.as_mut())
}

/// Queues digests that are due. What hinders one hinders no other mail.
fn queue_digests(pipeline: &mut Pipeline) {
    if let Err(error) = pipeline.queue_digests() {
        tracing::warn!(%error, "a digest can't be made; other mails go on");
    }
}

/// Sends what is due by this courier, until the server can't be used or it takes too long.
pub fn send_due(pipeline: &mut Pipeline, courier: &mut dyn Courier) -> Result<Report, PipelineError> {
    let mut report = Report::default();
    let begin = Instant::now();
    let mut due = pipeline.mails_due(BATCH_MAX)?;
    while !due.is_empty() {
        for due in due {
            let delivery = hand_over(courier, &due);
            report.add(pipeline.mail_ended(&due.mail, &delivery)?);
            match delivery {
                Delivery::Sent => wake(pipeline)?,
                Delivery::Offline { why } => {
                    put_off_all(pipeline, &why)?;
                    break;
                }
                Delivery::Later { .. } | Delivery::Never { .. } => {}
            }
            if begin.elapsed() > PASS_MAX {
                courier.rest();
                return Ok(report);
            }
        }
        due = pipeline.mails_due(BATCH_MAX)?;
    }
    courier.rest();
    Ok(report)
}

/// Hands one mail over. A defect costs this mail a try, and not the others theirs.
fn hand_over(courier: &mut dyn Courier, due: &DueMail) -> Delivery {
    let tried = panic::catch_unwind(AssertUnwindSafe(|| courier.deliver(&due.letter())));
    tried.unwrap_or_else(|_| {
        let why = "Daybook itself failed with it; the log says more".to_owned();
        tracing::error!(mail = %due.mail.id, "a defect: handing the mail over panicked");
        Delivery::Later { why }
    })
}

/// Puts all off that is due: the server can't be used.
fn put_off_all(pipeline: &mut Pipeline, why: &str) -> Result<(), PipelineError> {
    let now = pipeline.now();
    let due = pipeline.store().mails_due(now, usize::MAX)?;
    pipeline.mails_put_off(&due, why)
}

/// The server takes mails: what was put off because it did not is due.
fn wake(pipeline: &mut Pipeline) -> Result<(), PipelineError> {
    let now = pipeline.now();
    pipeline.store().wake_mails(now)?;
    Ok(())
}

/// The lock of the one who sends; `None` while another has it.
fn lock(config: &Config) -> Option<StoreLock> {
    let path = config.store.path.with_extension("sending");
    match StoreLock::acquire(&path) {
        Ok(lock) => Some(lock),
        Err(error) => {
            tracing::debug!(%error, "mails are left to the one who sends them");
            None
        }
    }
}

/// The thread that hands mails over, and what it has in hand.
pub(super) struct Sending {
    orders: Option<Sender<DueMail>>,
    /// How many mails it has in hand.
    busy: usize,
    /// No further mail is begun.
    enough: Arc<AtomicBool>,
    stop: Stop,
    thread: Option<JoinHandle<()>>,
    lock: Option<StoreLock>,
    /// What was told of the server, and need not be told again.
    told: Option<String>,
}

impl Sending {
    /// Starts the thread; `None` if nothing is to be sent.
    pub(super) fn start(config: &Config, events: Sender<Event>) -> Option<Self> {
        let stop = Stop::default();
        let courier = courier(config, UNHURRIED, &stop)?;
        let (orders, mails) = mpsc::channel();
        let enough = Arc::new(AtomicBool::new(false));
        let own = Arc::clone(&enough);
        let work = move || serve(courier, &mails, &events, &own);
        match thread::Builder::new().name("mails".to_owned()).spawn(work) {
            Ok(thread) => {
                Some(Self { orders: Some(orders), busy: 0, enough, stop, thread: Some(thread), lock: None, told: None })
            }
            Err(error) => {
                tracing::error!(%error, "no thread for sending mails; they wait until the daemon is started anew");
                None
            }
        }
    }

    /// Hands out what is due, if the thread has nothing in hand.
    pub(super) fn hand_out(&mut self, pipeline: &mut Pipeline) -> Result<(), PipelineError> {
        if self.busy > 0 {
            return Ok(());
        }
        queue_digests(pipeline);
        let due = pipeline.mails_due(BATCH_MAX)?;
        if due.is_empty() {
            self.lock = None;
            return Ok(());
        }
        if self.lock.is_none() {
            self.lock = lock(pipeline.config());
            // Looked at again under the lock: another program may have sent them meanwhile.
            return if self.lock.is_some() { self.hand_out(pipeline) } else { Ok(()) };
        }
        for mail in due {
            let taken = self.orders.as_ref().is_some_and(|orders| orders.send(mail).is_ok());
            self.busy += usize::from(taken);
        }
        Ok(())
    }

    /// Notes what became of a mail. That the server can't be used is told once.
    pub(super) fn ended(
        &mut self,
        pipeline: &mut Pipeline,
        mail: &QueuedMail,
        delivery: Option<&Delivery>,
    ) -> Result<Report, PipelineError> {
        self.busy = self.busy.saturating_sub(1);
        // Not tried: it is still due, or was put off with the others.
        let Some(delivery) = delivery else { return Ok(Report::default()) };
        let mut report = pipeline.mail_ended(mail, delivery)?;
        match delivery {
            Delivery::Sent => {
                self.told = None;
                wake(pipeline)?;
            }
            Delivery::Offline { why } => {
                put_off_all(pipeline, why)?;
                if self.told.as_ref() == Some(why) {
                    report.problems.retain(|problem| problem.code != MAILS_NOT_SENT.0);
                }
                self.told = Some(why.clone());
            }
            Delivery::Later { .. } | Delivery::Never { .. } => {}
        }
        Ok(report)
    }

    /// Ends the thread: the mail that is on its way gets some time, and what became of it is noted.
    pub(super) fn end(mut self, pipeline: &mut Pipeline, events: &Receiver<Event>) -> Report {
        self.enough.store(true, Ordering::SeqCst);
        self.orders = None;
        let mut report = Report::default();
        let (mut until, mut stopped) = (Instant::now() + LAST_MAIL, false);
        while self.busy > 0 {
            match events.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Event::Mailed { mail, delivery }) => match self.ended(pipeline, &mail, delivery.as_ref()) {
                    Ok(more) => report.add(more),
                    Err(error) => tracing::error!(%error, "what became of a mail could not be noted; it is sent again"),
                },
                Ok(_) => {}
                Err(_) if stopped => break,
                Err(_) => {
                    self.stop.stop();
                    (until, stopped) = (Instant::now() + LAST_WORD, true);
                }
            }
        }
        self.stop.stop();
        if self.busy == 0
            && let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::warn!("the thread that sends mails ended badly");
        }
        report
    }
}

/// The thread's work: one mail after the other, until there are no orders any more.
fn serve(mut courier: Box<dyn Courier>, mails: &Receiver<DueMail>, events: &Sender<Event>, enough: &AtomicBool) {
    let mut offline = false;
    loop {
        let due = match mails.try_recv() {
            Ok(due) => due,
            Err(mpsc::TryRecvError::Disconnected) => break,
            Err(mpsc::TryRecvError::Empty) => {
                // A batch is at its end.
                offline = false;
                match mails.recv_timeout(Duration::from_secs(5)) {
                    Ok(due) => due,
                    Err(mpsc::RecvTimeoutError::Timeout) => {
                        courier.rest();
                        let Ok(due) = mails.recv() else { break };
                        due
                    }
                    Err(mpsc::RecvTimeoutError::Disconnected) => break,
                }
            }
        };
        let delivery = (!offline && !enough.load(Ordering::SeqCst)).then(|| hand_over(courier.as_mut(), &due));
        offline |= matches!(delivery, Some(Delivery::Offline { .. }));
        if events.send(Event::Mailed { mail: Box::new(due.mail), delivery }).is_err() {
            break;
        }
    }
    courier.rest();
}
