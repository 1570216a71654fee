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

    /// The same without what the plugin said itself: it may have put cells into it that not everybody may see who reads of the fault.
    pub(super) fn without_words(self) -> Self {
        match self {
            Self::Declined { kind, always, .. } => {
                Self::Declined { kind, why: "its words are left out, as they may quote cells".to_owned(), always }
            }
            other => other,
        }
    }

    /// Whether fewer rows could go better.
    pub(super) fn depends_on_rows(&self) -> bool {
        !matches!(self, Self::NotStarted(_) | Self::Declined { always: true, .. })
    }
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
