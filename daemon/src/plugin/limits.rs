//! What a plugin may use: all limits in one place. What an office may need otherwise stands in [`PluginLimits`].
//!
//! [`PluginLimits`]: crate::model::plugin::PluginLimits

use std::time::Duration;

/// The largest component. One made of Python has 18 MB, one of Rust less than 0.1 MB.
pub const PLUGIN_BYTES_MAX: u64 = 64 << 20;
/// The most address space of the child that compiles. Thirty thousand functions take 300 MB, Python's 18 MB take less than 1 GB.
pub const COMPILE_BYTES_MAX: u64 = 2 << 30;
/// How long the child may compile. Python's 18 MB take 9 to 15 s on an idle core, and the child gives way to other work.
pub const COMPILE_TIME_MAX: Duration = Duration::from_mins(2);

/// What the child that compiles may use.
#[derive(Clone, Copy, Debug)]
pub struct CompileLimits {
    /// Its address space.
    pub memory_bytes_max: u64,
    /// How long it may take.
    pub time_max: Duration,
}

impl Default for CompileLimits {
    /// [`COMPILE_BYTES_MAX`] and [`COMPILE_TIME_MAX`].
    fn default() -> Self {
        Self { memory_bytes_max: COMPILE_BYTES_MAX, time_max: COMPILE_TIME_MAX }
    }
}

/// The largest result of a compilation that is taken: several times the largest that was seen.
pub const ARTEFACT_BYTES_MAX: u64 = 512 << 20;
/// How many compiled plugins the cache keeps.
pub const CACHE_ENTRIES_MAX: usize = 32;

/// The most rows that an instance is given: a fresh instance then costs 4 % of a batch.
pub const BATCH_ROWS_MAX: usize = 256;
/// The most bytes that wasmtime copies out of an instance for one answer or one line of the log, counted before they are
/// copied: a plugin can name one text many times over, so its memory limit does not bound this.
pub const ANSWER_BYTES_MAX: usize = 4 << 20;
/// The most issues or labels that a plugin may have for each row of a batch, on average.
pub const ANSWERS_PER_ROW_MAX: usize = 32;
/// The most rows that a plugin may read in one line of a mail, on average.
pub const READINGS_PER_LINE_MAX: usize = 4;
/// The most rows that a plugin may read in a mail.
pub const READINGS_MAX: usize = 1_000;
/// The longest message or reason, in characters; the rest is cut.
pub const MESSAGE_CHARS_MAX: usize = 300;
/// The longest code of an issue, in bytes.
pub const CODE_BYTES_MAX: usize = 64;
/// The most digits in a code: less than any number that tells of a person.
pub const CODE_DIGITS_MAX: usize = 3;
/// The longest value of a cell, in characters: what Excel takes.
pub const VALUE_CHARS_MAX: usize = 32_767;

/// The most elements of all tables of an instance. Python's plugins have 12 thousand.
pub const TABLE_ELEMENTS_MAX: usize = 100_000;
/// The most core instances within an instance; a plugin with stubs for WASI has about twenty.
pub const INSTANCES_MAX: usize = 64;
/// The most memories of an instance.
pub const MEMORIES_MAX: usize = 8;
/// The most tables of an instance.
pub const TABLES_MAX: usize = 32;
/// How many plugins have an instance at a time: one that is asked, and one that is being loaded.
pub const AT_ONCE_MAX: usize = 2;
/// The elements for which a table has a place: addresses alone. What is wanted beyond [`TABLE_ELEMENTS_MAX`] is refused when the instance starts, in words
/// of its own; what has no place at all, when it is loaded.
pub const PLACE_ELEMENTS_MAX: usize = 1 << 24;
/// So much of a memory's or table's place stays with the process when its instance has ended: what a batch of rows usually takes.
pub const RESIDENT_BYTES_MAX: usize = 2 << 20;
/// The most stack that a plugin's code may use.
pub const WASM_STACK_BYTES_MAX: usize = 1 << 20;
/// The stack of the thread that plugins run in: theirs, and what the host needs below and above it.
pub const THREAD_STACK_BYTES: usize = 4 << 20;

/// The most lines that a plugin may log for each batch; the rest is dropped, and how many there were is logged.
pub const LOG_LINES_MAX: u32 = 20;
/// The longest line of the log, in characters; the rest is cut.
pub const LOG_LINE_CHARS_MAX: usize = 300;

/// How often a deadline is looked at.
pub const TICK: Duration = Duration::from_millis(5);
/// How many times its `time_max` a plugin may spend in vain within one request: enough to find one row among
/// [`BATCH_ROWS_MAX`] that makes it loop, which takes nine attempts. After that the remaining rows have failed.
///
/// So a request takes at most (batches + 12 + 1) × `time_max`, whatever the plugin does; see also [`REQUEST_TIMES_MAX`].
pub const VAIN_TIMES_MAX: u32 = 12;
/// How many times its `time_max` a plugin may spend within one request in all: at the usual second more than a hundred seconds would
/// keep all other saves waiting. An honest plugin takes some ms for a batch, so a hundred batches at their limit are none.
pub const REQUEST_TIMES_MAX: u32 = 100;

/// So many batches in a row without a single answer stop a plugin.
pub const LOST_BATCHES_MAX: u32 = 5;
/// A batch with fewer rows counts as lost only if the fault has nothing to do with them: one person may try one row again and again.
pub const LOST_ROWS_MIN: usize = 8;
/// As how many lost batches a request counts that used up its time in vain.
pub const VAIN_REQUEST_WEIGHT: u32 = 3;
/// How long a stopped plugin rests before it is tried again. Doubled each time that the trial fails.
pub const REST_MS: i64 = 10 * 60 * 1000;
/// The longest rest.
pub const REST_MS_MAX: i64 = 6 * 60 * 60 * 1000;
/// After how long a plugin's file is looked at again that could be seen and not read.
pub const READ_AGAIN_MS: i64 = 5_000;
