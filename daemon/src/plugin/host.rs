//! The host: loads the office's plugins, asks them, swaps them when their files change, and says how they are.
//!
//! A plugin that can't be loaded or was stopped costs only its own rows, which come back as failed; the daemon goes on. Whether rows without
//! an answer are held or taken is decided by the caller, by the plugin's `on_failure`.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use compact_str::CompactString;
use wasmtime::Engine;
use wasmtime::component::Linker;

use super::asking::Asking;
use super::batch::{Outcome, ask_all};
use super::cache::Cache;
use super::fault::Fault;
use super::fit;
use super::gate::{Gate, ReadValue};
use super::guest::{Guest, Reply, Ticker, linker};
use super::inspect::{self, Surface};
use super::limits::{CompileLimits, LOST_ROWS_MIN};
use super::loaded::{Loaded, Loading, Manifest};
use super::slot::{Slot, State};
use super::{Answered, FailedRow, Plugins, Request, compile};
use crate::io::{Clock, Disk, Program};
use crate::model::plugin::{
    Dispute, Issue, PluginChange, PluginJob, PluginLimits, PluginMail, PluginName, PluginReading, PluginSetup,
    Resolution,
};
use crate::model::{Code, Problem, Table};

/// A plugin had no answer for some rows.
pub const FAILED: Code = Code("plugin-failed");
/// A plugin keeps failing and is not asked for a while.
pub const STOPPED: Code = Code("plugin-stopped");
/// wasmtime itself can't be started.
pub const NO_ENGINE: Code = Code("plugin-engine");

/// What a host is made of.
pub struct HostParts {
    /// Runs the child that compiles: Daybook itself.
    pub compiler: Program,
    /// What that child may use.
    pub compile_limits: CompileLimits,
    /// Where compiled plugins are kept: a folder of Daybook's own.
    pub cache_folder: PathBuf,
    /// A secret of Daybook's own, from which the key of the cache is derived.
    pub cache_key: [u8; 32],
    /// Says when a stopped plugin has rested. Deadlines don't depend on it.
    pub clock: Arc<dyn Clock>,
    /// Where plugins lie.
    pub disk: Arc<dyn Disk>,
    /// Reads what a plugin says a cell should hold: `extract::parse_text`.
    pub read_value: ReadValue,
    /// Counts fuel, so that what a row costs can be told repeatably: for `plugin test`. Slower.
    pub metered: bool,
    /// The office's tables: a plugin that does not get along with the fields of its own is not loaded. Of a table that is not among them nothing is
    /// known.
    pub tables: Vec<Table>,
}

/// What all plugins share.
pub(super) struct Core {
    engine: Engine,
    linker: Linker<Guest>,
    cache: Cache,
    ticker: Ticker,
    disk: Arc<dyn Disk>,
    clock: Arc<dyn Clock>,
    read_value: ReadValue,
    tables: Vec<Table>,
    metered: bool,
    /// Held while a plugin is loaded: there are places for so many instances, see `limits::AT_ONCE_MAX`.
    loading: Mutex<()>,
}

/// Runs the office's plugins.
pub struct Host {
    core: Arc<Core>,
    slots: Vec<Slot>,
}

/// What a plugin used, repeatably.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    /// The rows that it was given.
    pub rows: u64,
    /// The fuel that it used for them, the start of its instances included.
    pub fuel: u64,
}

impl Measured {
    /// Fuel for each row.
    pub fn fuel_per_row(&self) -> u64 {
        self.fuel / self.rows.max(1)
    }
}

/// How a plugin is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Its name in the configuration.
    pub name: PluginName,
    /// Whether it is asked.
    pub state: PluginState,
    /// What it says of itself, if it is loaded.
    pub manifest: Option<Manifest>,
    /// SHA-256 of its file, if it is loaded.
    pub sha256: Option<[u8; 32]>,
    /// What went wrong last, in a sentence.
    pub last_error: Option<String>,
    /// Why the file that lies in its place by now was refused, while the version before goes on.
    pub refused: Option<Problem>,
}

/// Whether a plugin is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PluginState {
    /// It is.
    Loaded,
    /// It could not be loaded.
    Refused,
    /// It kept failing, and rests.
    Stopped,
}

/// What a component is, for `plugin inspect`.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// What its bytes say.
    pub surface: Surface,
    /// What it says of itself, or why it would not be loaded.
    pub manifest: Result<Manifest, Problem>,
}

/// Whether Daybook must not start with this problem: a file is not the one that IT has named by its hash.
pub fn forbids_start(problem: &Problem) -> bool {
    problem.code == inspect::PIN.0
}

impl Core {
    /// Loads a plugin anew, without its file's hash being known.
    pub(super) fn load(&self, setup: &PluginSetup) -> Result<Loaded, Problem> {
        let file = inspect::take(self.disk.as_ref(), &setup.name, &setup.path, setup.sha256.as_ref())?;
        let (bytes, sha256) = (file.bytes, file.digest);
        let component = inspect::compile(&self.cache, &self.engine, &setup.name, file)?;
        let surface = Surface::of(&component, &self.engine, bytes, sha256);
        let settings = Some(setup.settings.as_str());
        let loading = Loading { name: &setup.name, settings, limits: setup.limits, metered: self.metered };
        let loaded = self.run_alone(|| {
            let loaded = Loaded::new(&self.linker, &component, &surface, &loading)?;
            let table = self.tables.iter().find(|table| table.name == setup.table);
            fit::check(&loaded, setup, table, &self.read_value, self.clock.now_ms()).map(|()| loaded)
        });
        loaded.unwrap_or_else(|error| Err(no_engine(&setup.name, &error.to_string())))
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        self.clock.as_ref()
    }

    pub(super) fn disk(&self) -> &dyn Disk {
        self.disk.as_ref()
    }

    /// Runs one at a time.
    fn run_alone<T: Send>(&self, work: impl FnOnce() -> T + Send) -> std::io::Result<T> {
        let _loading = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        self.run(work)
    }

    fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> std::io::Result<T> {
        self.ticker.run(&self.engine, work)
    }
}

fn no_engine(name: &str, why: &str) -> Problem {
    let hint = "The machine may lack memory or processes; see the log.";
    Problem::new(NO_ENGINE, name, format!("`{name}`: plugins can't be run: {why}. It was not loaded."), hint)
}

/// Words why there is no engine for any plugin.
fn unstarted(why: &str) -> Problem {
    let hint = "They need about 80 GB of address space, of which they use little: look at `ulimit -v`, and at `LimitAS=` of the service.";
    Problem::new(NO_ENGINE, "plugins", format!("plugins can't be run: {why}. None was loaded."), hint)
}

impl Host {
    /// Makes a host without plugins.
    pub fn new(parts: HostParts) -> Result<Self, Problem> {
        let HostParts { compiler, compile_limits, cache_folder, cache_key, clock, disk, read_value, metered, tables } =
            parts;
        let engine = compile::running(metered).map_err(|error| unstarted(&error.to_string()))?;
        let linker = linker(&engine).map_err(|error| unstarted(&error.to_string()))?;
        let cache = Cache::new(&engine, cache_folder, &cache_key, compiler, compile_limits, metered);
        let core = Core {
            engine,
            linker,
            cache,
            ticker: Ticker::new(),
            disk,
            clock,
            read_value,
            tables,
            metered,
            loading: Mutex::new(()),
        };
        Ok(Self { core: Arc::new(core), slots: Vec::new() })
    }

    /// Loads these plugins in place of all that there were, and gives all that is wrong with them.
    ///
    /// With a problem that [`forbids_start`] Daybook must not start; with any other it goes on without that plugin.
    pub fn load(&mut self, setups: &[PluginSetup]) -> Vec<Problem> {
        let mut problems = Vec::new();
        self.slots.clear();
        for setup in setups.iter().filter(|setup| !setup.disabled) {
            let (slot, problem) = Slot::load(&self.core, setup.clone());
            problems.extend(problem);
            problems.extend(slot.loaded().and_then(|loaded| fit::idle(loaded, &slot.setup)));
            self.slots.push(slot);
        }
        let used: Vec<[u8; 32]> = self.slots.iter().filter_map(|slot| Some(slot.loaded()?.version.sha256)).collect();
        self.core.cache.tidy(&used);
        problems
    }

    /// Takes note of what the configuration says by now: files and pins are followed at the next [`Host::refresh`], anything else only by a start.
    pub fn follow(&mut self, setups: &[PluginSetup]) -> Vec<Problem> {
        let named = |slot: &Slot| setups.iter().find(|setup| setup.name == slot.setup.name);
        self.slots.iter_mut().filter_map(|slot| named(slot).and_then(|setup| slot.follow(setup))).collect()
    }

    /// Looks whether files of plugins have changed; call it between arrivals. It does not wait for the compiler.
    ///
    /// A changed file is loaded aside and takes the old one's place at a later call, once it is fit; one that is not is told once, and the
    /// old one goes on.
    pub fn refresh(&mut self) -> Vec<Problem> {
        self.slots.iter_mut().filter_map(|slot| slot.refresh(&self.core)).collect()
    }

    /// The plugins that have been replaced since this was last asked, or have rested.
    pub fn renewed(&mut self) -> Vec<PluginName> {
        let now = self.core.clock.now_ms();
        let renewed = self.slots.iter_mut().filter_map(|slot| slot.take_renewed(now).then(|| slot.setup.name.clone()));
        renewed.collect()
    }

    /// Whether a changed file is being loaded.
    pub fn is_refreshing(&self) -> bool {
        self.slots.iter().any(Slot::is_refreshing)
    }

    /// How the plugins are, in the order of the configuration.
    pub fn status(&self) -> Vec<Status> {
        self.slots.iter().map(Slot::status).collect()
    }

    /// What a plugin has used since it was loaded, if the host counts fuel.
    pub fn measured(&self, name: &PluginName) -> Option<Measured> {
        let slot = self.slots.iter().find(|slot| slot.setup.name == *name)?;
        self.core.metered.then_some(Measured { rows: slot.counters.rows, fuel: slot.counters.fuel })
    }

    /// Says what a file is, without settings and without rows.
    pub fn inspect(&self, path: &std::path::Path, limits: PluginLimits) -> Result<Inspection, Problem> {
        let name = path.file_stem().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let file = inspect::take(self.core.disk(), &name, path, None).map_err(|problem| {
            let is_unreadable = problem.code == inspect::NOT_READABLE.0;
            // No configuration has to do with it.
            let hint = "Look whether the name is right, and whether this account may read it. A plugin is built before it is looked at.";
            if is_unreadable { Problem { hint: hint.to_owned(), ..problem } } else { problem }
        })?;
        let (bytes, sha256) = (file.bytes, file.digest);
        let component = inspect::compile(&self.core.cache, &self.core.engine, &name, file)?;
        let surface = Surface::of(&component, &self.core.engine, bytes, sha256);
        let loading = Loading { name: &name, settings: None, limits, metered: self.core.metered };
        let core = &*self.core;
        let loaded = core.run_alone(|| Loaded::new(&core.linker, &component, &surface, &loading));
        let loaded = loaded.unwrap_or_else(|error| Err(no_engine(&name, &error.to_string())));
        Ok(Inspection { surface, manifest: loaded.map(|loaded| loaded.manifest) })
    }

    /// Asks a plugin for all rows of a request, in batches.
    fn answer<T: Send>(&mut self, request: &Request<'_>, question: Question<'_, T>) -> Answered<T> {
        self.answer_rows(request, LOST_ROWS_MIN, question)
    }

    /// The same; from how many rows on a batch without any answer tells of the plugin.
    fn answer_rows<T: Send>(
        &mut self,
        request: &Request<'_>,
        lost_min: usize,
        question: Question<'_, T>,
    ) -> Answered<T> {
        let rows = request.rows.len();
        let name = &request.setup.name;
        let Some(slot) = self.slots.iter_mut().find(|slot| slot.setup.name == *name) else {
            return nothing(rows, &format!("`{name}` is not loaded."));
        };
        let loaded = match &slot.state {
            State::Loaded(loaded) => Arc::clone(loaded),
            State::Refused(problem) => return nothing(rows, &problem.message),
        };
        let title = loaded.title();
        let version = Some(loaded.version.clone());
        if !slot.breaker.lets_ask(self.core.clock.now_ms()) {
            let answered = nothing(rows, &format!("{title} is stopped, because it kept failing."));
            return Answered { version, ..answered };
        }
        if rows == 0 {
            return Answered { version, ..nothing(0, "") };
        }
        let (core, clock, breaker) = (&self.core, &self.core.clock, &mut slot.breaker);
        let (read_value, title_ref) = (&core.read_value, title.as_str());
        let time_max = loaded.bounds.limits.time_max;
        let run = core.run(|| {
            let mut fuel = 0;
            // The gate stands on what this request says, so a plugin never sees by yesterday's permissions.
            let outcome = match Gate::new(request.setup, request.table, read_value) {
                Ok(gate) => {
                    let asking = Asking::new(&loaded, &gate, request);
                    let is_discreet = asking.bounds.is_discreet;
                    let mut ask = |rows: Range<usize>| {
                        let (answers, used) = question(&asking, rows);
                        fuel += used;
                        answers.map_err(|fault| if is_discreet { fault.without_words() } else { fault })
                    };
                    ask_all((rows, lost_min), title_ref, time_max, breaker, &|| clock.now_ms(), &mut ask)
                }
                Err(fault) => unasked(rows, title_ref, fault),
            };
            (outcome, fuel)
        });
        let (outcome, fuel) =
            run.unwrap_or_else(|error| (unasked(rows, &title, Fault::NotStarted(error.to_string())), 0));
        let problems = slot.count(&outcome, rows, fuel, &title, core.clock.now_ms());
        Answered { version, answers: outcome.answers, failed: outcome.failed, problems }
    }
}

/// Asks for some rows of a request.
type Question<'q, T> = &'q (dyn Fn(&Asking<'_>, Range<usize>) -> Reply<Vec<T>> + Sync);

impl Plugins for Host {
    fn refresh(&mut self) -> Vec<Problem> {
        Host::refresh(self)
    }

    fn renewed(&mut self) -> Vec<PluginName> {
        Host::renewed(self)
    }

    fn status(&mut self) -> Vec<Status> {
        Host::status(self)
    }

    fn jobs(&mut self, name: &PluginName) -> Vec<PluginJob> {
        let slot = self.slots.iter().find(|slot| slot.setup.name == *name);
        slot.and_then(Slot::loaded).map_or_else(Vec::new, |loaded| loaded.manifest.jobs.clone())
    }

    fn normalise(&mut self, request: &Request<'_>) -> Answered<PluginChange> {
        self.answer(request, &|asking, range| asking.normalise(range))
    }

    fn validate(&mut self, request: &Request<'_>) -> Answered<Issue> {
        self.answer(request, &|asking, range| asking.validate(range))
    }

    fn classify(&mut self, request: &Request<'_>) -> Answered<PluginChange> {
        self.answer(request, &|asking, range| asking.classify(range))
    }

    fn resolve(&mut self, request: &Request<'_>, disputes: &[Dispute]) -> Answered<Resolution> {
        // Ascending by row, so that the disputes of a batch stand together.
        let mut order: Vec<usize> = (0..disputes.len()).collect();
        order.sort_by_key(|index| disputes[*index].row);
        let mut answered = self.answer(request, &|asking, range| {
            let begin = order.partition_point(|index| disputes[*index].row < range.start);
            let end = order.partition_point(|index| disputes[*index].row < range.end);
            asking.resolve(range, disputes, &order[begin..end])
        });
        answered.answers.sort_by_key(|resolution| resolution.dispute);
        answered
    }

    fn read_mail(&mut self, request: &Request<'_>, mail: &PluginMail) -> Answered<PluginReading> {
        // A mail is all that it is asked about at a time.
        self.answer_rows(request, 1, &|asking, _| asking.read(mail))
    }
}

/// No answer for any row, and nothing new to tell of it.
fn nothing<T>(rows: usize, why: &str) -> Answered<T> {
    let failed = (0..rows).map(|row| FailedRow { row, why: why.to_owned() }).collect();
    Answered { version: None, answers: Vec::new(), failed, problems: Vec::new() }
}

/// No row could be asked about.
fn unasked<T>(rows: usize, title: &str, fault: Fault) -> Outcome<T> {
    let why: CompactString = format!("{title} {fault}.").into();
    let failed = (0..rows).map(|row| FailedRow { row, why: why.to_string() }).collect();
    Outcome { answers: Vec::new(), failed, first: Some(fault), stopped: false, never_starts: true }
}
