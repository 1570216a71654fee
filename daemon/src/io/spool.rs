//! Folders into which other programs put files, and out of which Daybook moves them whole.
//!
//! Links are never followed and pipes never waited for: whoever may put a file there may put those there too.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read};
use std::path::Path;
use std::time::UNIX_EPOCH;

use super::replace::sync_folder;

/// Entries of a folder that are looked at.
const ENTRIES_MAX: usize = 1_000_000;

/// What is known of a file without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpoolFile {
    /// Its size.
    pub bytes: u64,
    /// When it was last written, in milliseconds since 1970.
    pub modified_ms: i64,
}

/// The names in a folder, in no order. An error if the folder is not there.
pub fn names(folder: &Path) -> io::Result<Vec<OsString>> {
    fs::read_dir(folder)?.take(ENTRIES_MAX).map(|entry| entry.map(|entry| entry.file_name())).collect()
}

/// Looks at a file; `None` if nothing is there, or something that is no regular file.
pub fn look(path: &Path) -> io::Result<Option<SpoolFile>> {
    match fs::symlink_metadata(path) {
        Ok(data) if data.is_file() => Ok(Some(SpoolFile { bytes: data.len(), modified_ms: modified_ms(&data) })),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads a regular file; [`io::ErrorKind::FileTooLarge`] before more than `bytes_max` is read.
pub fn read(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let file = open_itself(path)?;
    let data = file.metadata()?;
    if !data.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    let mut bytes = Vec::new();
    if data.len() <= bytes_max {
        file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
    }
    if data.len() > bytes_max || bytes.len() as u64 > bytes_max {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}

/// Moves a file to a name that is free, durably; [`io::ErrorKind::AlreadyExists`] if it is taken.
pub fn move_to(from: &Path, to: &Path) -> io::Result<()> {
    // A link can't take a name that is taken. The file has two names for a moment, and is the same under both.
    match fs::hard_link(from, to) {
        Ok(()) => {}
        Err(error) if matches!(error.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound) => {
            return Err(error);
        }
        Err(_) => return move_without_links(from, to),
    }
    sync(to)?;
    fs::remove_file(from)?;
    sync(from)
}

/// Where there are no hard links: looks first. Nobody but Daybook puts anything into the folder that it moves to.
#[expect(clippy::disallowed_methods, reason = "the file is moved as it is, to a name that is free")]
fn move_without_links(from: &Path, to: &Path) -> io::Result<()> {
    if fs::symlink_metadata(to).is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    fs::rename(from, to)?;
    sync(to)?;
    sync(from)
}

/// Whether two names lead to the same file: a move that was interrupted left both.
pub fn is_same_file(one: &Path, other: &Path) -> bool {
    let key = |path: &Path| fs::symlink_metadata(path).ok().map(|data| super::Fingerprint::of(&data));
    let (one, other) = (key(one), key(other));
    one.is_some_and(|one| one.file != 0) && one == other
}

/// Removes one of several names of a file.
pub fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)?;
    sync(path)
}

/// Makes a folder, and those above it that are missing, for the account and its group (0770 less the mask).
pub fn create_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o770);
    builder.create(path)
}

fn sync(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), sync_folder)
}

fn modified_ms(data: &fs::Metadata) -> i64 {
    let since = data.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    since.and_then(|since| i64::try_from(since.as_millis()).ok()).unwrap_or(0)
}

#[cfg(unix)]
fn open_itself(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::NOFOLLOW;
    File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path)
}

#[cfg(not(unix))]
fn open_itself(path: &Path) -> io::Result<File> {
    if fs::symlink_metadata(path)?.is_symlink() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a link"));
    }
    File::open(path)
}

#[cfg(all(test, unix))]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
#[expect(clippy::disallowed_methods, reason = "the test makes the files that others make")]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_within_limits_and_links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (a, link) = (folder.path().join("a"), folder.path().join("link"));
        fs::write(&a, "four").unwrap();
        std::os::unix::fs::symlink(&a, &link).unwrap();
        assert_eq!(read(&a, 4).unwrap(), b"four");
        assert_eq!(read(&a, 3).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert!(read(&link, 4).is_err());
        assert_eq!(look(&a).unwrap().unwrap().bytes, 4);
        assert_eq!(look(&link).unwrap(), None);
        assert_eq!(look(folder.path()).unwrap(), None);
        assert_eq!(names(folder.path()).unwrap().len(), 2);
        assert!(names(&folder.path().join("none")).is_err());
    }

    #[test]
    fn a_move_takes_no_name_that_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b, c) = (folder.path().join("a"), folder.path().join("b"), folder.path().join("c"));
        fs::write(&a, "a").unwrap();
        fs::write(&b, "b").unwrap();
        assert_eq!(move_to(&a, &b).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        move_to(&a, &c).unwrap();
        assert_eq!((fs::read(&c).unwrap(), a.exists()), (b"a".to_vec(), false));
        assert_eq!(move_without_links(&c, &b).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        move_without_links(&c, &a).unwrap();
        fs::hard_link(&a, &c).unwrap();
        assert!(is_same_file(&a, &c) && !is_same_file(&a, &b));
        remove(&c).unwrap();
        assert!(a.exists());
    }
}
