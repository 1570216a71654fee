//! Lines in Daybook's log, for whoever runs it.
//!
//! They are cut, and only so many are taken for each batch. Cells must not stand in them: the log is read by people who may
//! not see them. Natively, in a rule's own tests, they go to standard error.

pub use crate::bindings::base::daybook::plugin::host::Level;

/// Writes a line.
pub fn line(level: Level, message: &str) {
    #[cfg(target_family = "wasm")]
    crate::bindings::base::daybook::plugin::host::log(level, message);
    #[cfg(not(target_family = "wasm"))]
    #[expect(clippy::print_stderr, reason = "that is where a test's log goes")]
    {
        eprintln!("{level:?}: {message}");
    }
}

/// Writes a line that matters to an author.
pub fn debug(message: &str) {
    line(Level::Debug, message);
}

/// Writes a line that is good to know.
pub fn info(message: &str) {
    line(Level::Info, message);
}

/// Writes a line of something that is odd, and nothing is lost.
pub fn warn(message: &str) {
    line(Level::Warn, message);
}

/// Writes a line of something that somebody must see to.
pub fn error(message: &str) {
    line(Level::Error, message);
}

/// Lets a panic name its place in the log before the batch ends. Its message may hold cells, so it is left out.
#[doc(hidden)]
pub fn panics() {
    #[cfg(target_family = "wasm")]
    std::panic::set_hook(Box::new(|panic| {
        if let Some(place) = panic.location() {
            error(&format!("the plugin panicked at {}:{}", place.file(), place.line()));
        }
    }));
}
