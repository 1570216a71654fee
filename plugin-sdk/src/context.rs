//! What a rule may know of the world.

use crate::bindings::base::daybook::plugin::types;
use crate::{Date, Failure};

/// What a rule may know of the world: the date, and the office's language.
///
/// There is no clock and no chance, so the same rows always get the same answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    as_of: Date,
    language: Language,
    read_only: bool,
}

/// The language of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Simplified Chinese.
    Chinese,
    /// English: for every locale that isn't Chinese.
    English,
}

impl Context {
    pub(crate) fn new(context: &types::Context) -> Result<Self, Failure> {
        let as_of = Date::parse(&context.as_of)
            .ok_or_else(|| Failure::BadInput(format!("`as-of` is `{}`, which is no date", context.as_of)))?;
        let language = if context.locale.starts_with("zh") { Language::Chinese } else { Language::English };
        Ok(Self { as_of, language, read_only: context.read_only })
    }

    /// Today in the office's time zone.
    pub const fn as_of(self) -> Date {
        self.as_of
    }

    /// The language that messages should be in.
    pub const fn language(self) -> Language {
        self.language
    }

    /// Whether this is a trial, and nothing will be stored.
    pub const fn read_only(self) -> bool {
        self.read_only
    }

    /// The one of two wordings that is in the office's language.
    pub fn say<T>(self, chinese: T, english: T) -> T {
        match self.language {
            Language::Chinese => chinese,
            Language::English => english,
        }
    }
}
