//! What can go wrong in the store, in words for a person.

use std::path::{Path, PathBuf};

use super::FaultPoint;

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Nothing is there.
    #[error("there is no store at `{}`", .0.display())]
    Missing(PathBuf),
    /// A store would be made over something that is there.
    #[error("`{}` is there already; Daybook never makes a store over it", .0.display())]
    Exists(PathBuf),
    /// The check file says that the store belongs to another key.
    #[error(
        "`{}` was made with another key (its key is {expected}, the key file holds {found}); nothing was opened",
        .path.display()
    )]
    WrongKey {
        /// The database.
        path: PathBuf,
        /// The id of the key that it was made with.
        expected: String,
        /// The id of the key that was given.
        found: String,
    },
    /// The file is something else, or nothing says which key it has.
    #[error(
        "`{}` is not a Daybook store, or it was made with another key and its check file is gone; nothing was changed",
        .0.display()
    )]
    NotAStore(PathBuf),
    /// The key is right and the file can't be read.
    #[error("`{}` is damaged ({what}); nothing was changed. Restore it from a backup", .path.display())]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What was found.
        what: String,
    },
    /// A later version of Daybook wrote it.
    #[error(
        "`{}` has format {found} and this Daybook knows formats up to {known}; use the newer Daybook",
        .path.display()
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// No space, or the disk refuses to write.
    #[error("the store could not be written: {0}. Nothing of this arrival was kept; free some space and try again")]
    NotWritten(String),
    /// Somebody holds the database for longer than we wait.
    #[error("the store is in use by another program for longer than 30 seconds; try again")]
    Busy,
    /// A table that no configuration has named.
    #[error("the store has no table `{0}`")]
    UnknownTable(String),
    /// A record that is not there.
    #[error("the store has no record {0}")]
    UnknownRecord(String),
    /// An arrival that is not there.
    #[error("the store has no arrival {0}")]
    UnknownArrival(String),
    /// A source's state that is not there, or no longer.
    #[error("source `{name}` has no state {state} in the store")]
    UnknownState {
        /// The source.
        name: String,
        /// The state's number.
        state: u32,
    },
    /// A version of a workbook that is not kept, or no longer.
    #[error("no version of workbook `{source_name}` of {at} (milliseconds since 1970) is kept")]
    UnknownVersion {
        /// The workbook's source.
        source_name: String,
        /// When the version would have been replaced.
        at: i64,
    },
    /// Two records with one key. The pipeline prevents it: this is a defect.
    #[error("two records of table `{table}` would have the same key in index {index}; nothing was written")]
    KeyTaken {
        /// The table.
        table: String,
        /// 0: the primary key; otherwise a field's number and one.
        index: u32,
    },
    /// A posting that breaks the rules of postings. The pipeline prevents it: this is a defect.
    #[error("the posting is not well formed: {0}; nothing was written")]
    Posting(String),
    /// A value in the store that can't be read.
    #[error(
        "the store holds something that can't be read: {0}. If `daybook store check` says so too, restore it from a backup"
    )]
    Unreadable(String),
    /// More fields than can be numbered.
    #[error("table `{0}` has had more than 65535 fields")]
    TooManyFields(String),
    /// A file beside the database.
    #[error("`{}`: {source}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// What `SQLite` said, where nothing better is known.
    #[error("the database says: {0}")]
    Database(rusqlite::Error),
}

impl StoreError {
    /// Whether it lies in what was to be kept, so that it comes again with that; otherwise the disk or another program is in the way.
    pub fn is_of_content(&self) -> bool {
        use rusqlite::ErrorCode::{ConstraintViolation, ParameterOutOfRange, TooBig, TypeMismatch};
        match self {
            Self::KeyTaken { .. }
            | Self::Posting(_)
            | Self::UnknownRecord(_)
            | Self::UnknownArrival(_)
            | Self::TooManyFields(_) => true,
            Self::Database(error) => matches!(
                error.sqlite_error_code(),
                Some(ConstraintViolation | ParameterOutOfRange | TooBig | TypeMismatch)
            ),
            _ => false,
        }
    }

    /// Words an error that `SQLite` gave while this database was opened.
    pub(super) fn opening(path: &Path, key_is_right: bool, error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        match error.sqlite_error_code() {
            Some(NotADatabase | DatabaseCorrupt) if key_is_right => {
                Self::Damaged { path: path.to_owned(), what: "its pages do not decrypt".to_owned() }
            }
            Some(NotADatabase) => Self::NotAStore(path.to_owned()),
            _ => error.into(),
        }
    }

    /// Makes the error for a file beside the database.
    pub(super) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| Self::File { path: path.to_owned(), source }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseBusy, DatabaseCorrupt, DiskFull, NotADatabase, ReadOnly, SystemIoFailure};
        match error.sqlite_error_code() {
            Some(DatabaseBusy) => Self::Busy,
            Some(DiskFull | SystemIoFailure | ReadOnly) => Self::NotWritten(error.to_string()),
            Some(DatabaseCorrupt | NotADatabase) => Self::Unreadable("a page of the database".to_owned()),
            _ => Self::Database(error),
        }
    }
}

/// Why a posting was not committed.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Somebody committed since the snapshot: take a new one and work it out again.
    #[error("the store moved on from revision {seen} to {now}")]
    Moved {
        /// What the posting was worked out against.
        seen: u64,
        /// What is there.
        now: u64,
    },
    /// An arrival with this id has been committed: there is nothing to do.
    #[error("the arrival has been posted already")]
    AlreadyDone,
    /// A fault that a test asked for.
    #[error("stopped by a test at {0:?}")]
    Killed(FaultPoint),
    /// Everything else.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<rusqlite::Error> for CommitError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}
