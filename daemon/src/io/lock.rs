//! One daemon per store: an exclusive lock on a file beside it.
//!
//! The lock belongs to the open file, so it ends with the process, however that ends. The file itself stays: removing it
//! would let two processes each lock a file of the same name.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use super::private;

/// Why a lock was not had.
#[derive(Debug, thiserror::Error)]
pub enum LockFailure {
    /// Another process has it; its number, if it left it.
    #[error("another Daybook uses this store{}", .process.map(|number| format!(" (process {number})")).unwrap_or_default())]
    Held {
        /// The other process's number.
        process: Option<u32>,
    },
    /// The lock file could not be opened or locked.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Holding this value is holding the lock.
#[derive(Debug)]
pub struct StoreLock {
    _file: File,
}

impl StoreLock {
    /// Takes the lock, or says at once that it is held.
    pub fn acquire(path: &Path) -> Result<Self, LockFailure> {
        let mut file = private::open_file(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LockFailure::Held { process: holder(&mut file) }),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Self { _file: file })
    }
}

fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_refused_until_the_first_lets_go() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("daybook.lock");
        let lock = StoreLock::acquire(&path).unwrap();
        let refused = StoreLock::acquire(&path).unwrap_err();
        let ours = std::process::id();
        assert!(matches!(refused, LockFailure::Held { process: Some(process) } if process == ours), "{refused}");
        drop(lock);
        StoreLock::acquire(&path).unwrap();
    }

    #[test]
    fn a_folder_that_is_not_there_is_no_held_lock() {
        let folder = tempfile::tempdir().unwrap();
        let error = StoreLock::acquire(&folder.path().join("none/daybook.lock")).unwrap_err();
        assert!(matches!(error, LockFailure::Io(_)));
    }
}
