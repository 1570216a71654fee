//! Why a plugin had no answer, in words that follow its name: "`uscc` 1.2.0 …".

use std::fmt;
use std::time::Duration;

use wasmtime::Trap;

use super::limits::{ANSWER_BYTES_MAX, MESSAGE_CHARS_MAX};
use super::{wire, words};

/// Why a plugin had no answer for some rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It took longer than it may.
    TimedOut(Duration),
    /// It took longer for all rows of a request than it may.
    TooSlow(Duration),
    /// It wanted more memory than it may have, in bytes.
    OutOfMemory(u64),
    /// It called itself too deep.
    TooDeep,
    /// It said more than it may.
    TooMuch,
    /// It broke off.
    Trapped(String),
    /// It can't be started, whatever the rows.
    NotStarted(String),
    /// It said itself that it has no answer.
    Declined {
        /// What kind of reason.
        kind: &'static str,
        /// The reason.
        why: String,
        /// Other rows would get the same.
        always: bool,
    },
    /// Its answer is none that it may give.
    BadAnswer(String),
}

impl Fault {
    /// Reads what wasmtime says. `memory_refused`: the instance was refused memory before.
    pub(super) fn of(error: &wasmtime::Error, time_max: Duration, memory_refused: Option<u64>) -> Self {
        match error.downcast_ref::<Trap>() {
            Some(Trap::Interrupt) => return Self::TimedOut(time_max),
            Some(Trap::StackOverflow) => return Self::TooDeep,
            _ => {}
        }
        if let Some(bytes_max) = memory_refused {
            return Self::OutOfMemory(bytes_max);
        }
        let cause = error.root_cause().to_string();
        // wasmtime has no type for it.
        if cause.contains("hostcalls") {
            return Self::TooMuch;
        }
        Self::Trapped(words::line(&cause, MESSAGE_CHARS_MAX))
    }

    /// The same, of an instance that did not come into being.
    pub(super) fn at_start(self) -> Self {
        match self {
            Self::Trapped(why) => Self::NotStarted(why),
            other => other,
        }
    }

    /// The same without what the plugin said itself, and without the numbers that wasmtime quotes of it: it may have put cells into them that not
    /// everybody may see who reads of the fault.
    pub(super) fn without_words(self) -> Self {
        match self {
            Self::Declined { kind, always, .. } => {
                Self::Declined { kind, why: "its words are left out, as they may quote cells".to_owned(), always }
            }
            Self::Trapped(why) => Self::Trapped(without_numbers(&why)),
            other => other,
        }
    }

    /// Whether fewer rows could go better.
    pub(super) fn depends_on_rows(&self) -> bool {
        !matches!(self, Self::NotStarted(_) | Self::Declined { always: true, .. })
    }
}

/// A text with `…` in the place of each number.
fn without_numbers(text: &str) -> String {
    let mut left = String::with_capacity(text.len());
    for char in text.chars() {
        if !char.is_ascii_digit() {
            left.push(char);
        } else if !left.ends_with('…') {
            left.push('…');
        }
    }
    left
}

impl From<wire::types::Failure> for Fault {
    fn from(failure: wire::types::Failure) -> Self {
        use wire::types::Failure;
        let (kind, why, always) = match failure {
            Failure::BadSettings(why) => ("its settings make no sense", why, true),
            Failure::BadInput(why) => ("it can't use what it was sent", why, false),
            Failure::Unsupported(why) => ("it does not do this", why, true),
            Failure::Internal(why) => ("something went wrong in it", why, false),
        };
        Self::Declined { kind, why: words::line(&why, MESSAGE_CHARS_MAX), always }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut(after) => write!(f, "took longer than {} ms and was stopped", after.as_millis()),
            Self::TooSlow(after) => {
                write!(f, "took longer than {} ms for all rows together and was stopped", after.as_millis())
            }
            Self::OutOfMemory(bytes) => {
                write!(f, "wanted more than the {} KiB of memory that it may have", bytes >> 10)
            }
            Self::TooDeep => f.write_str("called itself too deep and was stopped"),
            Self::TooMuch => write!(f, "said more than the {} KiB that it may say at a time", ANSWER_BYTES_MAX >> 10),
            Self::Trapped(why) => write!(f, "broke off: {why}"),
            Self::NotStarted(why) => write!(f, "could not be started: {why}"),
            Self::Declined { kind, why, .. } => write!(f, "gave no answer, {kind}: {why}"),
            Self::BadAnswer(what) => write!(f, "gave an answer that it may not give: {what}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// wasmtime quotes what it found: which number that is, the plugin has chosen.
    #[test]
    fn without_words_a_fault_has_no_number_of_the_plugins_own() {
        let told = |why: &str| Fault::Trapped(why.to_owned()).without_words().to_string();
        assert_eq!(told("unexpected discriminant: 138"), "broke off: unexpected discriminant: …");
        assert_eq!(
            told("invalid utf-8 sequence of 1 bytes from index 13800"),
            "broke off: invalid utf-… sequence of … bytes from index …"
        );
        assert_eq!(told("wasm trap: integer divide by zero"), "broke off: wasm trap: integer divide by zero");
        let declined = Fault::Declined { kind: "it does not do this", why: "13800138000".to_owned(), always: true };
        assert!(!declined.without_words().to_string().contains("138"));
        // These are Daybook's own numbers.
        let timed_out = Fault::TimedOut(Duration::from_millis(250));
        assert_eq!(timed_out.clone().without_words(), timed_out);
    }
}
