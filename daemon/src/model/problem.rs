//! Problems: what is wrong with something that arrived, in a form that outlives the run.

use serde::{Deserialize, Serialize};

/// A stable, kebab-case name of a kind of problem. The words for a person are made in `error.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(pub &'static str);

/// Something that is wrong at a place. One problem never stops the rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The source's name; empty if it is not about a source.
    pub source: String,
    /// Where: `客户.xlsx!客户!C14`, a file, a mail's Message-ID; empty if it is about the whole source.
    pub place: String,
    /// A stable kebab-case name.
    pub code: String,
    /// What happened and what Daybook did about it. Never the content of a class above basic.
    pub message: String,
    /// What a person can do now.
    pub hint: String,
}

impl Problem {
    /// Makes a problem without a source; [`Problem::in_source`] adds it.
    pub fn new(code: Code, place: impl Into<String>, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            source: String::new(),
            place: place.into(),
            code: code.0.to_owned(),
            message: message.into(),
            hint: hint.into(),
        }
    }

    /// Says which source the problem is about.
    #[must_use]
    pub fn in_source(mut self, source: &str) -> Self {
        source.clone_into(&mut self.source);
        self
    }
}
