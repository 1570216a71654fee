//! `daybook sync`, `run`, `status`.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::thread;

use serde_json::{Value as Json, json};

use super::open::{Make, open};
use super::output::{Out, plural};
use super::plugins::look;
use super::{Failure, Outcome};
use crate::app::{self, App, Observer, workbook_sources};
use crate::error::Words;
use crate::io::{Disk, StoreLock};
use crate::model::{Problem, SourceName, Timestamp};
use crate::pipeline::{Pipeline, Report};
use crate::source::workbook::{Listing, SourceFile, WorkbookSource, list, open_elsewhere};
use crate::store::{LastSeen, PendingTask};

/// One pass over all sources.
pub(crate) fn sync(config: Option<&Path>, dry: bool, out: &mut Out) -> Outcome {
    let mut pipeline = open(config, if dry { Make::InMemory } else { Make::Yes })?;
    start_plugins(&mut pipeline)?;
    let spinner = out.spinner("reading workbooks");
    let report = app::sync(&mut pipeline, dry)?;
    drop(spinner);
    if !out.json && pipeline.config().office.observe_only {
        out.message("observe_only is set: no view is written, no mail is sent");
    }
    out.report(&report, dry);
    Ok(())
}

/// The daemon.
pub(crate) fn run(config: Option<&Path>, out: &mut Out) -> Outcome {
    let mut pipeline = open(config, Make::Yes)?;
    let _lock = lock(&pipeline)?;
    start_plugins(&mut pipeline)?;
    run_until_signalled(&mut pipeline, &mut Log)?;
    if !out.json {
        out.message("daybook ended");
    }
    Ok(())
}

/// Loads the plugins; with a file that is not the one that was pinned nothing is begun.
fn start_plugins(pipeline: &mut Pipeline) -> Result<(), Failure> {
    let started = pipeline.plugins().start();
    started.map_err(|problem| Failure::Failed(Words::new(problem.message, problem.hint)))
}

/// Takes the lock that keeps a second daemon from the same store.
pub(crate) fn lock(pipeline: &Pipeline) -> Result<StoreLock, Failure> {
    let path = pipeline.config().store.path.with_extension("lock");
    StoreLock::acquire(&path).map_err(|error| {
        Failure::Failed(Words::new(
            error.to_string(),
            "Only one `daybook run` may work on a store; `daybook status` looks at it.",
        ))
    })
}

/// Runs the daemon's loop until SIGTERM, SIGINT or SIGHUP.
pub(crate) fn run_until_signalled(pipeline: &mut Pipeline, observer: &mut dyn Observer) -> Result<(), Failure> {
    let app = App::new(pipeline, observer);
    let stopper = app.stopper();
    let mut signals = signal_hook::iterator::Signals::new([
        signal_hook::consts::SIGTERM,
        signal_hook::consts::SIGINT,
        signal_hook::consts::SIGHUP,
    ])?;
    let handle = signals.handle();
    let waiting = thread::Builder::new().name("signals".to_owned()).spawn(move || {
        if signals.forever().next().is_some() {
            notify(&[sd_notify::NotifyState::Stopping]);
            stopper.stop();
        }
    })?;
    notify(&[sd_notify::NotifyState::Ready]);
    let ended = app.run();
    handle.close();
    if waiting.join().is_err() {
        tracing::warn!("the thread that waits for signals ended badly");
    }
    Ok(ended?)
}

/// Tells systemd, if it asked to be told.
fn notify(states: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "systemd was not told");
    }
}

/// Tells what happens to the log. Messages carry no values of classes above basic.
struct Log;

impl Observer for Log {
    fn took(&mut self, path: &Path, report: &Report) {
        tracing::info!(
            file = %path.display(),
            rows = report.rows,
            applied = report.applied,
            refused = report.refused,
            conflicts = report.conflicts,
            held = report.held,
            "taken"
        );
        report.problems.iter().for_each(|problem| self.problem(problem));
    }

    fn problem(&mut self, problem: &Problem) {
        tracing::warn!(source = problem.source, code = problem.code, hint = problem.hint, "{}", problem.message);
    }

    fn published(&mut self, count: u64) {
        tracing::info!(views = count, "written");
    }

    fn sent(&mut self, count: u64) {
        tracing::info!(mails = count, "sent");
    }
}

/// What there is and what waits.
pub(crate) fn status(config: Option<&Path>, out: &mut Out) -> Outcome {
    let mut pipeline = open(config, Make::No)?;
    let tasks = pipeline.store().tasks()?;
    let parked = tasks.iter().filter(|task| task.parked).count() as u64;
    let pending = tasks.len() as u64 - parked;
    let mails = pipeline.store().mail_counts()?;
    let now = pipeline.now();
    let refused = pipeline.store().refused_count(now)?;
    let unsent = unsent(&mut pipeline)?;
    let (revision, reviews, records, seen) = {
        let look = pipeline.look()?;
        let mut records = serde_json::Map::new();
        for table in &look.config.tables {
            records.insert(table.name.to_string(), json!(look.snapshot.count(&table.name)?));
        }
        (look.snapshot.revision().0, look.snapshot.open_reviews()?, records, look.snapshot.sources_last_seen()?)
    };
    let sources = sources(&mut pipeline, &tasks, &seen)?;
    let status = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "store": { "path": pipeline.config().store.path, "revision": revision, "records": records },
        "sources": sources,
        "outbox": { "pending": pending + mails.pending, "parked": parked + mails.parked },
        "mails": { "pending": mails.pending, "parked": mails.parked, "refused": refused, "error": unsent },
        "reviews": reviews,
        "plugins": look::lines(&mut pipeline)?,
    });
    if out.json {
        out.value(&status);
    } else {
        tell(&status, out);
        for line in status["plugins"].as_array().into_iter().flatten() {
            look::tell(line, out);
        }
    }
    Ok(())
}

/// Why mails wait: the newest reason, of a parked one first.
fn unsent(pipeline: &mut Pipeline) -> Result<Option<String>, Failure> {
    let counts = pipeline.store().mail_counts()?;
    if counts.pending + counts.parked > 0 && pipeline.config().smtp.is_none() {
        return Ok(Some("there is no `[smtp]` in the configuration, so no mail is sent".to_owned()));
    }
    let mails = pipeline.store().mails()?;
    let newest =
        mails.into_iter().filter(|mail| mail.error.is_some()).max_by_key(|mail| (mail.parked, mail.created_at));
    Ok(newest.and_then(|mail| mail.error))
}

/// Each source as it is now, with what was wrong with it last.
fn sources(pipeline: &mut Pipeline, tasks: &[PendingTask], seen: &[LastSeen]) -> Result<Vec<Json>, Failure> {
    let zone = pipeline.config().office.timezone.clone();
    let disk = pipeline.parts().disk.clone();
    let now = pipeline.now();
    let unread = pipeline.store().unread()?;
    let unread: HashMap<&str, &str> =
        unread.iter().map(|unread| (unread.problem.source.as_str(), unread.problem.message.as_str())).collect();
    let seen: HashMap<&str, Timestamp> = seen.iter().map(|seen| (seen.source.as_str(), seen.at)).collect();
    let mut lines = Vec::new();
    for (spec, source) in workbook_sources(pipeline).iter().enumerate() {
        let is_view = pipeline.specs()[spec].view.is_some();
        for (file, offline) in files(disk.as_ref(), source) {
            // A pattern's files wait together: the task says which of them can't be written.
            let own = |task: &&PendingTask| task.task.target == file.name.as_str() || task.task.target == source.name;
            let waiting = tasks.iter().find(own);
            let unread = unread.get(file.name.as_str()).map(|&message| message.to_owned());
            let (state, wrong) = match (offline, state(disk.as_ref(), &file, is_view, now)) {
                (Some(error), _) => ("offline", Some(error)),
                (None, ("ok", None)) if unread.is_some() => ("unreadable", unread),
                (None, ("open", None)) => ("open", unread),
                (None, found) => found,
            };
            let last = seen.get(file.name.as_str());
            lines.push(json!({
                "name": file.name.as_str(),
                "kind": if is_view { "view" } else { "workbook" },
                "path": file.path,
                "state": state,
                "last_seen_at": last.map(|at| at.to_rfc3339(&zone)),
                "pending": u32::from(waiting.is_some()),
                "error": wrong.or_else(|| waiting.and_then(|task| task.error.clone())),
            }));
        }
    }
    for mailbox in &pipeline.config().mailboxes {
        let wrong = unread.get(mailbox.name.as_str()).map(|&message| message.to_owned());
        lines.push(json!({
            "name": mailbox.name.as_str(),
            "kind": "mailbox",
            "address": mailbox.address,
            "state": if wrong.is_some() { "offline" } else { "ok" },
            "last_seen_at": seen.get(mailbox.name.as_str()).map(|at| at.to_rfc3339(&zone)),
            "pending": 0,
            "error": wrong,
        }));
    }
    Ok(lines)
}

/// The files of a source, also those that are gone; with each, why its folder can't be listed.
fn files(disk: &dyn Disk, source: &WorkbookSource) -> Vec<(SourceFile, Option<String>)> {
    match list(disk, source) {
        Listing::Files(mut files) => {
            let listed: HashSet<SourceName> = files.iter().map(|file| file.name.clone()).collect();
            let is_gone =
                |file: &SourceFile| !listed.contains(&file.name) && matches!(disk.fingerprint(&file.path), Ok(None));
            files.extend(source.seen_files().into_iter().filter(is_gone));
            files.into_iter().map(|file| (file, None)).collect()
        }
        Listing::Offline { error, .. } => {
            let mut files = source.seen_files();
            if files.is_empty() {
                files.push(SourceFile { name: source.name.as_str().into(), path: source.pattern.clone() });
            }
            files.into_iter().map(|file| (file, Some(error.to_string()))).collect()
        }
    }
}

/// How a source's file is, and why it can't be read, as far as that shows without opening it.
fn state(disk: &dyn Disk, file: &SourceFile, is_view: bool, now: Timestamp) -> (&'static str, Option<String>) {
    match disk.fingerprint(&file.path) {
        Ok(Some(found)) if found.bytes == 0 => ("empty", Some("the file is empty".to_owned())),
        Ok(Some(_)) if open_elsewhere(disk, &file.path, now.0).is_some() => ("open", None),
        Ok(Some(_)) => ("ok", None),
        Ok(None) if is_view => ("not-written", None),
        Ok(None) => ("missing", Some("the file is not there".to_owned())),
        Err(error) => ("unreadable", Some(error.to_string())),
    }
}

fn tell(status: &Json, out: &mut Out) {
    let text = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    out.line(format!("daybook {}; store at revision {}", text(&status["version"]), status["store"]["revision"]));
    if let Some(records) = status["store"]["records"].as_object() {
        for (table, count) in records {
            out.line(format!("  {table}: {count} records"));
        }
    }
    for source in status["sources"].as_array().into_iter().flatten() {
        let last = source["last_seen_at"].as_str().unwrap_or("never");
        let error = source["error"].as_str().map(|error| format!("  ({error})")).unwrap_or_default();
        out.line(format!(
            "  {:<8} {:<11} {}  last seen {last}{error}",
            text(&source["kind"]),
            text(&source["state"]),
            text(&source["name"])
        ));
    }
    let mails = &status["mails"];
    let of_mails = |state: &str| mails[state].as_u64().unwrap_or(0);
    let of_views = |state: &str| status["outbox"][state].as_u64().unwrap_or(0).saturating_sub(of_mails(state));
    let pending = of_views("pending");
    let reviews = status["reviews"].as_u64().unwrap_or(0);
    out.line(format!(
        "{pending} view{} to write, {} parked; {reviews} question{} for the steward",
        plural(pending),
        of_views("parked"),
        plural(reviews)
    ));
    let (waiting, parked) = (of_mails("pending"), of_mails("parked"));
    if waiting + parked > 0 {
        let error = mails["error"].as_str().map(|error| format!("  ({error})")).unwrap_or_default();
        out.line(format!("{waiting} mail{} to send, {parked} parked{error}", plural(waiting)));
    }
    if parked > 0 {
        out.line("  `daybook outbox list` shows them, `daybook outbox retry ID` tries one again");
    }
    let refused = of_mails("refused");
    if refused > 0 {
        out.line(format!("{refused} mail{} refused or put aside: `daybook refused list`", plural(refused)));
    }
}
