//! Programs that may be absent.

/// Says that a program is absent: its figure is left out.
#[expect(clippy::print_stderr, reason = "a benchmark talks to the terminal")]
pub(crate) fn absent<T>(what: &str) -> Option<T> {
    eprintln!("left out: {what} is absent");
    None
}
