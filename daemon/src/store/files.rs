//! The store's files: where they are, how they are made, and the check file that tells a wrong key from damage.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::error::StoreError;
use super::keys::{Secrets, hex};

/// What the check file's one line begins with.
const CHECK_PREFIX: &str = "daybook-store-1";

/// The paths of a store.
pub(super) struct Files {
    /// Journal and ledger: what the configuration names.
    pub(super) main: PathBuf,
    /// The data keys, apart, so that a backup of the journal does not hold them.
    pub(super) keys: PathBuf,
    /// The check file.
    pub(super) check: PathBuf,
}

/// What the check file says of a key.
pub(super) enum Checked {
    /// It is the store's.
    Right,
    /// It is not; here is the id of the store's.
    Wrong(String),
    /// There is no check file, or it can't be read as one.
    Unknown,
}

impl Files {
    pub(super) fn of(main: &Path) -> Self {
        let mut check = main.as_os_str().to_owned();
        check.push(".keycheck");
        Self { main: main.to_owned(), keys: main.with_extension("keys.db"), check: check.into() }
    }

    /// Makes empty files that only their owner may read, and their folder if need be.
    ///
    /// A program that opens the store as soon as the first file is there may make the others before we do, see
    /// [`Self::finish`].
    pub(super) fn make(&self, secrets: &Secrets) -> Result<(), StoreError> {
        if let Some(folder) = self.main.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            make_folder(folder).map_err(StoreError::file(folder))?;
        }
        for path in [&self.keys, &self.check] {
            if path.exists() {
                return Err(StoreError::Exists(path.clone()));
            }
        }
        make_file(&self.main, b"")?;
        self.make_keys()?;
        unless_there(self.write_check(secrets))
    }

    /// Makes what is lacking of a store whose two databases are still empty: what is written in none needs no key.
    pub(super) fn finish(&self, secrets: &Secrets) -> Result<(), StoreError> {
        self.make_keys()?;
        match fs::remove_file(&self.check) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::file(&self.check)(error)),
            _ => unless_there(self.write_check(secrets)),
        }
    }

    /// Makes an empty file for the data keys, if there is none.
    pub(super) fn make_keys(&self) -> Result<(), StoreError> {
        unless_there(make_file(&self.keys, b""))
    }

    /// Writes the check file.
    pub(super) fn write_check(&self, secrets: &Secrets) -> Result<(), StoreError> {
        make_file(&self.check, check_line(secrets).as_bytes())
    }

    /// Compares a key with the check file.
    pub(super) fn check(&self, secrets: &Secrets) -> Result<Checked, StoreError> {
        let line = match fs::read(&self.check) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Checked::Unknown),
            Err(error) => return Err(StoreError::file(&self.check)(error)),
        };
        if line == check_line(secrets) {
            return Ok(Checked::Right);
        }
        let mut words = line.split_whitespace();
        Ok(match (words.next(), words.next(), words.next()) {
            (Some(CHECK_PREFIX), Some(id), Some(_)) => Checked::Wrong(id.to_owned()),
            _ => Checked::Unknown,
        })
    }
}

/// Whether a file is not there or holds nothing.
pub(super) fn is_empty(path: &Path) -> bool {
    fs::metadata(path).map_or_else(|error| error.kind() == io::ErrorKind::NotFound, |found| found.len() == 0)
}

/// That another program made a file first is no error.
fn unless_there(made: Result<(), StoreError>) -> Result<(), StoreError> {
    match made {
        Err(StoreError::Exists(_)) => Ok(()),
        other => other,
    }
}

fn check_line(secrets: &Secrets) -> String {
    format!("{CHECK_PREFIX} {} {}\n", hex(&secrets.key_id).as_str(), hex(&secrets.check()).as_str())
}

fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn make_file(path: &Path, content: &[u8]) -> Result<(), StoreError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(path).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()
    });
    match written {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(StoreError::Exists(path.to_owned())),
        other => other.map_err(StoreError::file(path)),
    }
}
