//! A plugin's place in the host: what stands there now, what may take its place, and how it has done.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;

use super::batch::Outcome;
use super::breaker::Breaker;
use super::host::{Core, FAILED, PluginState, STOPPED, Status};
use super::inspect::NOT_READABLE;
use super::limits::LOST_BATCHES_MAX;
use super::loaded::Loaded;
use crate::io::Fingerprint;
use crate::model::Problem;
use crate::model::plugin::PluginSetup;

/// What stands in a slot.
pub(super) enum State {
    /// A plugin that can be asked.
    Loaded(Arc<Loaded>),
    /// None, for this reason.
    Refused(Problem),
}

/// What a plugin has done since Daybook was started.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counters {
    pub(super) batches: u64,
    pub(super) rows: u64,
    pub(super) failed_rows: u64,
    pub(super) fuel: u64,
}

/// A plugin's place.
pub(super) struct Slot {
    pub(super) setup: PluginSetup,
    pub(super) state: State,
    pub(super) breaker: Breaker,
    pub(super) counters: Counters,
    last_error: Option<String>,
    /// The file that was last looked at, whatever came of it.
    looked_at: Option<Fingerprint>,
    candidate: Option<Receiver<Result<Loaded, Problem>>>,
}

impl Slot {
    /// Loads a plugin, and gives what is wrong with it.
    pub(super) fn load(core: &Core, setup: PluginSetup) -> (Self, Option<Problem>) {
        // Looked at before it is read: a file that changes in between is looked at again.
        let looked_at = core.disk().fingerprint(&setup.path).unwrap_or_default();
        let (state, problem) = match core.load(&setup) {
            Ok(loaded) => {
                tracing::info!(plugin = %setup.name, version = %loaded.version.version, "a plugin was loaded");
                (State::Loaded(Arc::new(loaded)), None)
            }
            Err(problem) => (State::Refused(problem.clone()), Some(problem)),
        };
        let last_error = problem.as_ref().map(|problem| problem.message.clone());
        let (breaker, counters) = Default::default();
        (Self { setup, state, breaker, counters, last_error, looked_at, candidate: None }, problem)
    }

    pub(super) fn loaded(&self) -> Option<&Loaded> {
        match &self.state {
            State::Loaded(loaded) => Some(loaded),
            State::Refused(_) => None,
        }
    }

    pub(super) fn is_refreshing(&self) -> bool {
        self.candidate.is_some()
    }

    /// Takes a candidate that is ready, or begins to load one if the file has changed.
    pub(super) fn refresh(&mut self, core: &Arc<Core>) -> Option<Problem> {
        if let Some(candidate) = &self.candidate {
            return match candidate.try_recv() {
                Err(TryRecvError::Empty) => None,
                Err(TryRecvError::Disconnected) => {
                    self.candidate = None;
                    None
                }
                Ok(result) => {
                    self.candidate = None;
                    self.settle(result)
                }
            };
        }
        // A share that is away for a moment is no reason to say anything while the old one runs.
        let Ok(now) = core.disk().fingerprint(&self.setup.path) else { return None };
        if now == self.looked_at {
            return None;
        }
        self.looked_at = now;
        if now.is_none() {
            return Some(self.gone());
        }
        let (done, waiting) = mpsc::channel();
        let (core, setup) = (Arc::clone(core), self.setup.clone());
        let loader = thread::Builder::new().name("plugin loader".to_owned()).spawn(move || {
            // Nobody may be waiting any more: then the candidate is dropped.
            done.send(core.load(&setup)).unwrap_or_default();
        });
        match loader {
            Ok(_) => self.candidate = Some(waiting),
            Err(error) => {
                tracing::warn!(%error, "a changed plugin can't be loaded now; it is tried again");
                self.looked_at = None;
            }
        }
        None
    }

    fn settle(&mut self, result: Result<Loaded, Problem>) -> Option<Problem> {
        match result {
            Ok(loaded) => {
                tracing::info!(plugin = %self.setup.name, version = %loaded.version.version, "a plugin was replaced");
                self.state = State::Loaded(Arc::new(loaded));
                self.breaker = Breaker::default();
                self.last_error = None;
                None
            }
            Err(problem) => {
                let problem = self.kept(problem);
                self.last_error = Some(problem.message.clone());
                Some(problem)
            }
        }
    }

    fn gone(&mut self) -> Problem {
        let name = &self.setup.name;
        let message = format!("`{name}`: `{}` is gone.", self.setup.path.display());
        let hint = "Put the file back, or take the plugin out of `daybook.toml`.";
        let problem = self.kept(Problem::new(NOT_READABLE, name.as_str(), message, hint));
        self.last_error = Some(problem.message.clone());
        problem
    }

    /// Says what goes on in place of a refused candidate.
    fn kept(&mut self, mut problem: Problem) -> Problem {
        match &mut self.state {
            State::Loaded(loaded) => {
                problem.message = format!("{} Version {} goes on.", problem.message, loaded.version.version);
            }
            State::Refused(reason) => *reason = problem.clone(),
        }
        problem
    }

    /// Takes note of what came of a request, and says what is worth telling.
    pub(super) fn count<T>(
        &mut self,
        outcome: &Outcome<T>,
        rows: usize,
        fuel: u64,
        title: &str,
        now_ms: i64,
    ) -> Vec<Problem> {
        let failed = outcome.failed.len();
        self.counters.batches += outcome.batches;
        self.counters.rows += rows as u64;
        self.counters.failed_rows += failed as u64;
        self.counters.fuel += fuel;
        let mut problems = Vec::new();
        if let Some(first) = &outcome.first {
            let message = format!("{title} {first}. It had no answer for {failed} of {rows} rows.");
            self.last_error = Some(message.clone());
            let hint = "`on_failure` says what becomes of such rows. Show this to the plugin's author.";
            problems.push(Problem::new(FAILED, self.setup.name.as_str(), message, hint));
        }
        if outcome.stopped {
            let rest_ms = self.breaker.rests_until_ms().map_or(0, |until| until.saturating_sub(now_ms));
            let message = format!(
                "{title} kept failing ({LOST_BATCHES_MAX} times, or for too long) and is stopped; it is tried again after {} \
                 minutes at the earliest.",
                rest_ms / 60_000
            );
            let hint = format!(
                "Replace its file, or take it out of use with `daybook plugin disable {}`. A restart tries it at once.",
                self.setup.name
            );
            problems.push(Problem::new(STOPPED, self.setup.name.as_str(), message, hint));
        }
        problems
    }

    pub(super) fn status(&self) -> Status {
        let state = match &self.state {
            State::Refused(_) => PluginState::Refused,
            State::Loaded(_) if self.breaker.is_open() => PluginState::Stopped,
            State::Loaded(_) => PluginState::Loaded,
        };
        let loaded = self.loaded();
        Status {
            name: self.setup.name.clone(),
            state,
            manifest: loaded.map(|loaded| loaded.manifest.clone()),
            sha256: loaded.map(|loaded| loaded.version.sha256),
            last_error: self.last_error.clone(),
            batches: self.counters.batches,
            rows: self.counters.rows,
            failed_rows: self.counters.failed_rows,
        }
    }
}
