//! A plugin's place in the host: what stands there now, what may take its place, and how it has done.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;

use super::batch::Outcome;
use super::breaker::Breaker;
use super::host::{Core, FAILED, PluginState, STOPPED, Status};
use super::inspect::NOT_READABLE;
use super::limits::{LOST_BATCHES_MAX, READ_AGAIN_MS};
use super::loaded::Loaded;
use crate::io::Fingerprint;
use crate::model::plugin::PluginSetup;
use crate::model::{Code, Problem};

/// The file is a plugin, and not a newer version of the one in whose place it lies.
pub const OTHER: Code = Code("plugin-other");

/// The configuration says things of a plugin that are taken only by a start.
pub const RESTART: Code = Code("plugin-restart");

/// What stands in a slot.
pub(super) enum State {
    /// A plugin that can be asked.
    Loaded(Arc<Loaded>),
    /// None, for this reason.
    Refused(Problem),
}

/// What a plugin has done since it was loaded.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counters {
    pub(super) rows: u64,
    pub(super) fuel: u64,
}

/// A plugin's place.
pub(super) struct Slot {
    pub(super) setup: PluginSetup,
    pub(super) state: State,
    pub(super) breaker: Breaker,
    pub(super) counters: Counters,
    last_error: Option<String>,
    /// What is wrong with the file that lies there, while another version goes on.
    refused: Option<Problem>,
    /// When the file is looked at again though it has not changed: it could not be read.
    read_again_ms: Option<i64>,
    /// The file that was last looked at, whatever came of it.
    looked_at: Option<Fingerprint>,
    candidate: Option<Receiver<Result<Loaded, Problem>>>,
    /// It has been replaced, and nobody has asked about that yet.
    replaced: bool,
    /// The end of the rest that was told last.
    rested: Option<i64>,
    /// What the configuration says by now and only a start can follow; it was told.
    unfollowed: Option<PluginSetup>,
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
        let read_again_ms = problem.as_ref().and_then(|problem| read_again_ms(core, problem));
        let (breaker, counters) = Default::default();
        let slot = Self {
            setup,
            state,
            breaker,
            counters,
            last_error,
            refused: None,
            read_again_ms,
            looked_at,
            candidate: None,
            replaced: false,
            rested: None,
            unfollowed: None,
        };
        (slot, problem)
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

    /// Takes note of the file and the pin that the configuration names by now; they are looked at by the next [`Slot::refresh`].
    ///
    /// Whatever else of the section has changed, the stages know only from a start on. A plugin must not be run by half of it.
    pub(super) fn follow(&mut self, named: &PluginSetup) -> Option<Problem> {
        let is_same_file = named.path == self.setup.path && named.sha256 == self.setup.sha256;
        if is_same_file && self.unfollowed.take().is_some() {
            self.refused = None;
        }
        if is_same_file || named.disabled || self.unfollowed.as_ref() == Some(named) {
            return None;
        }
        let as_named = PluginSetup { path: named.path.clone(), sha256: named.sha256, ..self.setup.clone() };
        if as_named == *named {
            self.setup = as_named;
            self.candidate = None;
            self.unfollowed = None;
            self.read_again_ms = Some(i64::MIN);
            return None;
        }
        self.unfollowed = Some(named.clone());
        let name = &self.setup.name;
        let message = format!(
            "`{name}` has another file in `daybook.toml`, and its section says other things too. The file before goes on."
        );
        let problem =
            Problem::new(RESTART, name.as_str(), message, "Restart Daybook: it takes such changes when it starts.");
        self.refused = Some(problem.clone());
        Some(problem)
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
                    self.settle(core, result)
                }
            };
        }
        // A share that is away for a moment is no reason to say anything while the old one runs.
        let Ok(now) = core.disk().fingerprint(&self.setup.path) else { return None };
        let is_due = self.read_again_ms.is_some_and(|at| core.clock().now_ms() >= at);
        if now == self.looked_at && !is_due {
            return None;
        }
        self.looked_at = now;
        self.read_again_ms = None;
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

    fn settle(&mut self, core: &Core, result: Result<Loaded, Problem>) -> Option<Problem> {
        match result.and_then(|loaded| self.succeeded_by(loaded)) {
            Ok(loaded) => {
                tracing::info!(plugin = %self.setup.name, version = %loaded.version.version, "a plugin was replaced");
                self.state = State::Loaded(Arc::new(loaded));
                self.replaced = true;
                self.breaker = Breaker::default();
                self.last_error = None;
                self.refused = None;
                None
            }
            Err(problem) => {
                self.read_again_ms = read_again_ms(core, &problem);
                let problem = self.kept(problem);
                // A file that still can't be read was told.
                let is_told = self.read_again_ms.is_some() && self.last_error.as_ref() == Some(&problem.message);
                self.last_error = Some(problem.message.clone());
                (!is_told).then_some(problem)
            }
        }
    }

    /// Refuses a candidate that is not a newer version of the plugin that is loaded.
    fn succeeded_by(&self, candidate: Loaded) -> Result<Loaded, Problem> {
        let Some(before) = self.loaded() else { return Ok(candidate) };
        match candidate.manifest.succeeds(&before.manifest) {
            Ok(()) => Ok(candidate),
            Err(why) => Err(other(&self.setup.name, &why)),
        }
    }

    /// Whether it has been replaced or has rested, and that was not told yet.
    pub(super) fn take_renewed(&mut self, now_ms: i64) -> bool {
        let ended = self.breaker.rest_ended(now_ms);
        let has_rested = ended.is_some() && ended != self.rested;
        self.rested = ended.or(self.rested);
        std::mem::take(&mut self.replaced) || has_rested
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
                self.refused = Some(problem.clone());
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
        self.counters.rows += rows as u64;
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
            refused: self.refused.clone(),
        }
    }
}

/// When a file is looked at again that could not be read; what was read and is no good has to change first.
fn read_again_ms(core: &Core, problem: &Problem) -> Option<i64> {
    (problem.code == NOT_READABLE.0).then(|| core.clock().now_ms().saturating_add(READ_AGAIN_MS))
}

/// Words why a plugin is not a newer version of the one in its place.
pub fn other(name: &str, why: &str) -> Problem {
    let hint = "Put a newer version of the same plugin there. Another plugin gets a section of its own: `daybook plugin install`.";
    Problem::new(OTHER, name, format!("`{name}` {why}. It was not loaded."), hint)
}
