//! A running instance: what it may use, what it may log, and the thread and deadline that it runs under.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};
use std::{io, thread};

use wasmtime::component::{HasSelf, Instance, InstancePre, Linker};
use wasmtime::{Engine, ResourceLimiter, Store};

use super::fault::Fault;
use super::limits::{
    ANSWER_BYTES_MAX, INSTANCES_MAX, LOG_LINE_CHARS_MAX, LOG_LINES_MAX, MEMORIES_MAX, TABLE_ELEMENTS_MAX, TABLES_MAX,
    THREAD_STACK_BYTES, TICK,
};
use super::wire::host::{Host, Level};
use super::{wire, words};
use crate::model::plugin::PluginLimits;

/// Fuel that nothing uses up within its deadline.
const FUEL: u64 = u64::MAX >> 1;

/// What belongs to one instance.
pub(super) struct Guest {
    plugin: Arc<str>,
    memory_bytes_max: usize,
    memory_bytes: usize,
    memory_refused: bool,
    table_elements: usize,
    lines_left: u32,
    lines_dropped: u64,
    is_discreet: bool,
}

impl Guest {
    fn new(bounds: &Bounds) -> Self {
        Self {
            plugin: Arc::clone(&bounds.plugin),
            is_discreet: bounds.is_discreet,
            memory_bytes_max: usize::try_from(bounds.limits.memory_bytes_max).unwrap_or(usize::MAX),
            memory_bytes: 0,
            memory_refused: false,
            table_elements: 0,
            lines_left: LOG_LINES_MAX,
            lines_dropped: 0,
        }
    }
}

impl ResourceLimiter for Guest {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        // All memories of the instance count together. A growth that then fails stays counted, which errs on the safe side.
        let bytes = self.memory_bytes.saturating_add(desired.saturating_sub(current));
        if bytes > self.memory_bytes_max {
            self.memory_refused = true;
            return Ok(false);
        }
        self.memory_bytes = bytes;
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let elements = self.table_elements.saturating_add(desired.saturating_sub(current));
        if elements > TABLE_ELEMENTS_MAX {
            return Ok(false);
        }
        self.table_elements = elements;
        Ok(true)
    }

    fn instances(&self) -> usize {
        INSTANCES_MAX
    }

    fn tables(&self) -> usize {
        TABLES_MAX
    }

    fn memories(&self) -> usize {
        MEMORIES_MAX
    }
}

impl Host for Guest {
    fn log(&mut self, level: Level, message: String) {
        if self.lines_left == 0 {
            self.lines_dropped += 1;
            return;
        }
        self.lines_left -= 1;
        let message = if self.is_discreet {
            "(a line that is left out: this plugin sees more than the class `basic`)".to_owned()
        } else {
            words::line(&message, LOG_LINE_CHARS_MAX)
        };
        let plugin = self.plugin.as_ref();
        match level {
            Level::Debug => tracing::debug!(plugin, "{message}"),
            Level::Info => tracing::info!(plugin, "{message}"),
            Level::Warn => tracing::warn!(plugin, "{message}"),
            Level::Error => tracing::error!(plugin, "{message}"),
        }
    }
}

impl wire::types::Host for Guest {}

impl Drop for Guest {
    fn drop(&mut self) {
        if self.lines_dropped > 0 {
            let (plugin, dropped) = (self.plugin.as_ref(), self.lines_dropped);
            tracing::warn!(plugin, dropped, "lines of a plugin were dropped: it logged more than it may for one batch");
        }
    }
}

/// What an instance may import: `daybook:plugin/host`, and nothing else.
pub(super) fn linker(engine: &Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    wire::host::add_to_linker::<Guest, HasSelf<Guest>>(&mut linker, |guest| guest)?;
    wire::types::add_to_linker::<Guest, HasSelf<Guest>>(&mut linker, |guest| guest)?;
    Ok(linker)
}

/// How a plugin is run.
#[derive(Clone, Debug)]
pub(super) struct Bounds {
    /// Its name, for the log.
    pub(super) plugin: Arc<str>,
    /// What it may use.
    pub(super) limits: PluginLimits,
    /// Fuel is counted.
    pub(super) metered: bool,
    /// It sees cells that don't belong into a log, so neither do its lines.
    pub(super) is_discreet: bool,
}

/// An answer, and the fuel that was used for it if that is counted.
pub(super) type Reply<T> = (Result<T, Fault>, u64);

/// Makes a fresh instance, asks it once and throws it away.
///
/// The deadline is set before the instance comes into being, so it covers start functions, allocation, the call and
/// what is done after it.
pub(super) fn ask<T>(
    pre: &InstancePre<Guest>,
    bounds: &Bounds,
    question: impl FnOnce(&mut Store<Guest>, &Instance) -> wasmtime::Result<T>,
) -> Reply<T> {
    let mut store = Store::new(pre.engine(), Guest::new(bounds));
    store.limiter(|guest| guest);
    store.set_hostcall_fuel(ANSWER_BYTES_MAX);
    store.set_epoch_deadline(ticks(bounds.limits.time_max));
    if bounds.metered
        && let Err(error) = store.set_fuel(FUEL)
    {
        return (Err(Fault::NotStarted(error.to_string())), 0);
    }
    let fault = |store: &Store<Guest>, error: &wasmtime::Error| {
        tracing::debug!(plugin = bounds.plugin.as_ref(), error = format!("{error:?}"), "a plugin had no answer");
        let refused = store.data().memory_refused.then_some(bounds.limits.memory_bytes_max);
        Fault::of(error, bounds.limits.time_max, refused)
    };
    let instance = match pre.instantiate(&mut store) {
        Ok(instance) => instance,
        Err(error) => return (Err(fault(&store, &error).at_start()), 0),
    };
    let answer = question(&mut store, &instance).map_err(|error| fault(&store, &error));
    let used = if bounds.metered { store.get_fuel().map_or(0, |left| FUEL - left) } else { 0 };
    (answer, used)
}

/// How many ticks a time is: never less than it.
fn ticks(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(TICK.as_nanos())).unwrap_or(u64::MAX >> 1).saturating_add(1)
}

/// Moves the deadlines of an engine on, as long as somebody waits for a plugin. No thread runs otherwise.
#[derive(Debug)]
pub(super) struct Ticker {
    started: Instant,
    /// When the last tick was, in nanoseconds since `started`.
    last: AtomicU64,
}

impl Ticker {
    pub(super) fn new() -> Self {
        Self { started: Instant::now(), last: AtomicU64::new(0) }
    }

    /// Runs `work` in a thread that has stack enough, and moves the deadlines on until it is done.
    ///
    /// Two that wait at the same time don't make the ticks shorter.
    pub(super) fn run<T: Send>(&self, engine: &Engine, work: impl FnOnce() -> T + Send) -> io::Result<T> {
        thread::scope(|scope| {
            let (done, waiting) = mpsc::channel::<()>();
            let worker = thread::Builder::new().name("plugin".to_owned()).stack_size(THREAD_STACK_BYTES);
            let worker = worker.spawn_scoped(scope, move || {
                let _done = done;
                work()
            })?;
            while let Err(RecvTimeoutError::Timeout) = waiting.recv_timeout(TICK) {
                self.tick(engine);
            }
            worker.join().map_err(|_| io::Error::other("the thread of the plugin has died"))
        })
    }

    fn tick(&self, engine: &Engine) {
        let now = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let last = self.last.load(Ordering::Relaxed);
        let due = u128::from(now - last.min(now)) * 10 >= TICK.as_nanos() * 9;
        if due && self.last.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            engine.increment_epoch();
        }
    }
}
