//! Hints that something has changed in a watched folder.
//!
//! Events only make the daemon look sooner. They are never believed and never needed: other machines' changes on a network
//! share make none, and a full queue loses some. Polling finds everything.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use crate::io::replace::is_leftover;
use crate::model::Problem;
use crate::model::problem::Code;

use super::files::WatchedFolder;

/// A folder can't be watched; changes in it are found by polling.
pub const WATCH_FAILED: Code = Code("watch-failed");

/// Hints are collected for so long, so that a save that makes ten events makes one hint.
const COLLECT: Duration = Duration::from_millis(200);
/// Events that wait to be collected. Beyond, the system's own queue fills, and says so when it overflows.
const EVENTS_MAX: usize = 1024;
/// Paths that are collected. Beyond, the hint is the watched folders.
const PATHS_MAX: usize = 4096;

/// Watches folders as long as it lives.
pub struct Watch {
    watcher: Option<RecommendedWatcher>,
    folders: Vec<WatchedFolder>,
    collector: Option<JoinHandle<()>>,
}

impl Watch {
    /// Begins to watch. A hint is the path of a file that may have changed, or a watched folder of which anything may have.
    ///
    /// What can't be watched is a problem of the code [`WATCH_FAILED`], and no more than that.
    pub fn start(folders: Vec<WatchedFolder>, hints: Sender<PathBuf>) -> (Self, Vec<Problem>) {
        let (events, collected) = mpsc::sync_channel(EVENTS_MAX);
        let all: Vec<PathBuf> = folders.iter().map(|folder| folder.path.clone()).collect();
        let collector = thread::Builder::new().name("watch hints".to_owned());
        let collector = collector.spawn(move || collect(&collected, &hints, &all, COLLECT));
        let watcher = match &collector {
            Ok(_) => {
                notify::recommended_watcher(move |event| pass_on(event, &events)).map_err(|error| error.to_string())
            }
            Err(error) => Err(error.to_string()),
        };
        match watcher {
            Ok(watcher) => {
                let mut watch = Self { watcher: Some(watcher), folders, collector: collector.ok() };
                let problems = watch.renew();
                (watch, problems)
            }
            Err(error) => {
                let problems = folders.iter().map(|folder| problem(folder, &error)).collect();
                (Self { watcher: None, folders, collector: collector.ok() }, problems)
            }
        }
    }

    /// Watches all folders anew: one that was away and came back is no longer watched. Call it after a source was offline.
    pub fn renew(&mut self) -> Vec<Problem> {
        let Some(watcher) = &mut self.watcher else { return Vec::new() };
        let mut problems = Vec::new();
        for folder in &self.folders {
            // Forgets a folder of the same name that is gone. It is an error for one that was never watched.
            if let Err(error) = watcher.unwatch(&folder.path) {
                tracing::trace!(%error, "a folder was not watched before");
            }
            let mode = if folder.recursive { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive };
            if let Err(error) = watcher.watch(&folder.path, mode) {
                problems.push(problem(folder, &error.to_string()));
            }
        }
        problems
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // The collector ends when the watcher, which holds the sender of the events, is gone.
        self.watcher = None;
        if let Some(collector) = self.collector.take()
            && collector.join().is_err()
        {
            tracing::warn!("the collector of hints has died");
        }
    }
}

fn problem(folder: &WatchedFolder, error: &str) -> Problem {
    let path = folder.path.display().to_string();
    let message = format!("`{path}` can't be watched: {error}. Changes in it are found by looking at intervals.");
    let hint = "It works without; changes are seen somewhat later. On Linux, `fs.inotify.max_user_watches` limits how many \
                folders can be watched.";
    Problem::new(WATCH_FAILED, path, message, hint)
}

/// What the watcher's thread hands to the collector.
enum Note {
    Changed(PathBuf),
    /// Some events were lost.
    Anything,
}

fn pass_on(event: notify::Result<Event>, events: &SyncSender<Note>) {
    let notes = match event {
        Ok(event) if event.need_rescan() => vec![Note::Anything],
        Ok(event) if is_change(event.kind) => {
            let paths = event.paths.into_iter();
            paths.filter(|path| !path.file_name().is_some_and(is_leftover)).map(Note::Changed).collect()
        }
        Ok(_) => Vec::new(),
        Err(error) => {
            tracing::debug!(%error, "the watcher failed");
            vec![Note::Anything]
        }
    };
    for note in notes {
        // The collector is gone when nobody takes hints any more.
        if events.send(note).is_err() {
            return;
        }
    }
}

/// Reading a file makes events too, and they mean nothing; the end of writing does.
fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(access) => access == AccessKind::Close(AccessMode::Write),
        EventKind::Any | EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_) | EventKind::Other => true,
    }
}

/// Sends each path once a while, until the watcher or the taker is gone.
fn collect(events: &Receiver<Note>, hints: &Sender<PathBuf>, folders: &[PathBuf], collect_for: Duration) {
    while let Ok(first) = events.recv() {
        let until = Instant::now() + collect_for;
        let mut paths = BTreeSet::new();
        let mut next = Some(first);
        while let Some(note) = next {
            match note {
                Note::Changed(path) if paths.len() < PATHS_MAX => {
                    paths.insert(path);
                }
                Note::Changed(_) | Note::Anything => paths.extend(folders.iter().cloned()),
            }
            next = events.recv_timeout(until.saturating_duration_since(Instant::now())).ok();
        }
        for path in paths {
            if hints.send(path).is_err() {
                return;
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
#[expect(clippy::disallowed_methods, reason = "the test makes the files that people make")]
mod tests {
    use super::*;
    use std::fs;

    /// Far longer than a hint takes; a test that waits for it has failed.
    const LONG: Duration = Duration::from_mins(5);

    #[test]
    fn a_save_gives_a_hint_and_reading_gives_none() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let read_only = root.join("read.xlsx");
        fs::write(&read_only, "x").unwrap();
        let (hints, received) = mpsc::channel();
        let (watch, problems) = Watch::start(vec![WatchedFolder { path: root.clone(), recursive: false }], hints);
        assert_eq!(problems, []);
        fs::read(&read_only).unwrap();
        fs::write(root.join(".daybook-1.tmp"), "x").unwrap();
        let saved = root.join("saved.xlsx");
        fs::write(&saved, "x").unwrap();
        assert_eq!(received.recv_timeout(LONG).unwrap(), saved);
        drop(watch);
        assert!(received.iter().all(|path| path == saved));
    }

    #[test]
    fn a_folder_that_is_away_is_a_problem_until_it_is_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap().join("share");
        let (hints, received) = mpsc::channel();
        let (mut watch, problems) = Watch::start(vec![WatchedFolder { path: path.clone(), recursive: true }], hints);
        assert_eq!(problems.iter().map(|problem| problem.code.as_str()).collect::<Vec<_>>(), [WATCH_FAILED.0]);
        fs::create_dir(&path).unwrap();
        assert_eq!(watch.renew(), []);
        fs::write(path.join("a.xlsx"), "x").unwrap();
        assert_eq!(received.recv_timeout(LONG).unwrap(), path.join("a.xlsx"));
    }

    #[test]
    fn many_events_are_few_hints_and_lost_ones_mean_all_folders() {
        let (events, collected) = mpsc::sync_channel(EVENTS_MAX);
        let (hints, received) = mpsc::channel();
        for _ in 0..EVENTS_MAX - 1 {
            events.send(Note::Changed("share/a.xlsx".into())).unwrap();
        }
        events.send(Note::Anything).unwrap();
        drop(events);
        collect(&collected, &hints, &["other".into(), "share".into()], LONG);
        drop(hints);
        let paths: Vec<PathBuf> = received.iter().collect();
        assert_eq!(paths, ["other", "share", "share/a.xlsx"].map(PathBuf::from));
    }
}
