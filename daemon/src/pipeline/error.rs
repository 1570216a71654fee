//! What can stop the pipeline as a whole. What is wrong with one cell, row or file is a problem, not an error.

use crate::store::{CommitError, StoreError};

/// Why something could not be done.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A commit failed.
    #[error("the change could not be saved: {0}")]
    Commit(#[source] CommitError),
    /// Others kept changing the store while this change was being made.
    #[error("the store changed {0} times while this change was being made; nothing was saved")]
    Busy(u32),
    /// Something that was asked for is not there.
    #[error("there is no {what} `{name}`")]
    Unknown {
        /// What kind of thing.
        what: &'static str,
        /// How it was called.
        name: String,
    },
    /// The beginning of an id fits several things.
    #[error("`{0}` fits more than one id; give more of it")]
    NotUnique(String),
    /// What was asked for makes no sense for what it was asked of.
    #[error("{0}")]
    Refused(String),
    /// A workbook could not be written.
    #[error("`{path}` could not be written: {error}")]
    Write {
        /// The file.
        path: String,
        /// Why.
        error: String,
    },
    /// What was kept for a decision can't be read back.
    #[error("what was kept of a held arrival can't be read: {0}")]
    Held(String),
    /// A mail or a workbook that was to be sent can't be put together.
    #[error("what was to be sent can't be put together: {0}")]
    Unsendable(String),
    /// The program itself failed at it: while what was done.
    #[error("Daybook failed while {0}; this is a defect of the program")]
    Defect(&'static str),
}

impl PipelineError {
    /// Whether it lies in what was to be taken, so that it comes again with that; otherwise the store or the machine may be better next time.
    pub fn is_of_content(&self) -> bool {
        match self {
            Self::Store(error) => error.is_of_content(),
            Self::Unknown { .. }
            | Self::NotUnique(_)
            | Self::Refused(_)
            | Self::Held(_)
            | Self::Unsendable(_)
            | Self::Defect(_) => true,
            Self::Commit(_) | Self::Busy(_) | Self::Write { .. } => false,
        }
    }
}

impl From<CommitError> for PipelineError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Store(error) => Self::Store(error),
            other => Self::Commit(other),
        }
    }
}
