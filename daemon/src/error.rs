//! The one place that words an error for a person: what happened, and what to do.

use std::fmt;

use crate::pipeline::PipelineError;
use crate::store::StoreError;

/// An error in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// What happened.
    pub what: String,
    /// What a person can do; empty if there is nothing to say.
    pub hint: String,
}

impl Words {
    /// Words an error and its hint.
    pub fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), hint: hint.into() }
    }
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if !self.hint.is_empty() {
            write!(f, "\nhint: {}", self.hint)?;
        }
        Ok(())
    }
}

impl From<&PipelineError> for Words {
    fn from(error: &PipelineError) -> Self {
        let hint = match error {
            PipelineError::Store(error) => return Self::from(error),
            PipelineError::Commit(_) | PipelineError::Busy(_) => "Try again; if it stays so, see the log.",
            PipelineError::Unknown { what: "review", .. } => "`daybook review list` shows the open ones.",
            PipelineError::Unknown { what: "arrival", .. } => "`daybook change list` shows the newest ones.",
            PipelineError::Unknown { .. } => "Look at the names in the configuration.",
            PipelineError::NotUnique(_) | PipelineError::Refused(_) => "",
            PipelineError::Write { .. } => "Look whether Daybook's account may write there and the disk has room.",
            PipelineError::Defect(_) | PipelineError::Unsendable(_) => "Report it, with the log.",
            PipelineError::Held(_) => "Save the workbook again; it is taken anew.",
        };
        Self::new(error.to_string(), hint)
    }
}

impl From<&StoreError> for Words {
    fn from(error: &StoreError) -> Self {
        let hint = match error {
            StoreError::Missing(_) => "`daybook sync` or `daybook run` makes it.",
            StoreError::WrongKey { .. } => "Name the right file as `key_file` under `[store]`.",
            StoreError::NotAStore(_) => "Look at `path` under `[store]`.",
            StoreError::Damaged { .. } => "Keep the damaged file; restore the newest backup beside it.",
            StoreError::NotWritten(_) => "The workbooks are as they were; nothing is lost.",
            _ => "",
        };
        Self::new(error.to_string(), hint)
    }
}
