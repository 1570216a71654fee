//! Files that people share with Daybook: looked at, copied, replaced.
//!
//! A [`Disk`] is handed to whoever works with such files, so that a simulation can hand in one with faults.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::snapshot::Snapshot;
use super::{list, replace};

/// What a file's metadata says: two that differ mean that the file may have changed.
///
/// All parts are compared with `!=`, never with "newer than": a restored older copy is a change too.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Serialize, Deserialize)]
pub struct Fingerprint {
    /// The size.
    pub bytes: u64,
    /// When the content changed, in nanoseconds since 1970.
    pub modified_ns: i128,
    /// When the content, name or rights changed; 0 where the platform doesn't say.
    pub changed_ns: i128,
    /// The device that the file lies on; 0 where the platform doesn't say.
    pub device: u64,
    /// The file's number on the device; 0 where the platform doesn't say.
    pub file: u64,
}

impl Fingerprint {
    /// Reads it from metadata.
    pub fn of(data: &Metadata) -> Self {
        fingerprint_of(data)
    }

    /// Whether both are the same file with the same content. Moving a file changes `changed_ns`, so that isn't compared.
    #[must_use]
    pub fn is_same_but_moved(&self, other: &Self) -> bool {
        Self { changed_ns: 0, ..*self } == Self { changed_ns: 0, ..*other }
    }
}

/// How a [`Disk::replace`] ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Replaced {
    /// The file has the new bytes; this is its fingerprint.
    Done(Fingerprint),
    /// The file was not the expected one: nothing was written.
    Moved,
    /// Somebody saved between the check and the exchange. The file has the new bytes, and theirs have to be taken as
    /// an arrival of their own.
    Overtaken {
        /// The file as it is now, with our bytes.
        now: Fingerprint,
        /// What they saved.
        lost: Vec<u8>,
        /// Where it still lies. Once the arrival is durable, [`Disk::remove_leftover`] takes it away.
        kept: PathBuf,
    },
}

/// Looks at, copies and replaces files.
pub trait Disk: Send + Sync {
    /// What the file's metadata says; `None` if nothing is there. Something that is no file is an error.
    fn fingerprint(&self, path: &Path) -> io::Result<Option<Fingerprint>>;

    /// The files that a path or a glob means, sorted. An error if the folder before the first wildcard can't be
    /// listed: the share is offline, and nothing may be concluded from it.
    fn list(&self, pattern: &Path) -> io::Result<Vec<PathBuf>>;

    /// Copies the file's bytes behind `prefix`; [`io::ErrorKind::FileTooLarge`] if there are more than `bytes_max`.
    fn snapshot_after(&self, prefix: &[u8], path: &Path, bytes_max: u64) -> io::Result<Snapshot>;

    /// Copies the file's bytes; [`io::ErrorKind::FileTooLarge`] if there are more than `bytes_max`.
    fn snapshot(&self, path: &Path, bytes_max: u64) -> io::Result<Snapshot> {
        self.snapshot_after(&[], path, bytes_max)
    }

    /// Puts `bytes` in the place of the file, whole or not at all, if the file is still the expected one
    /// (`None`: if nothing is there).
    fn replace(&self, path: &Path, bytes: &[u8], expected: Option<Fingerprint>) -> io::Result<Replaced>;

    /// Puts a save that [`Replaced::Overtaken`] names back in its place, the same file and not a copy of it, if what stands there
    /// is still `ours`; otherwise it stays where it is, as a leftover.
    fn give_back(&self, path: &Path, kept: &Path, ours: Fingerprint) -> io::Result<()>;

    /// What interrupted replacements of one file left, sorted.
    fn leftovers_of(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        leftovers_beside(self, path)
    }

    /// What interrupted replacements left in a folder, sorted.
    ///
    /// Each is either bytes that Daybook was writing, or a file that was just replaced, and that may hold what somebody
    /// saved: look whether its digest is known, and take it as an arrival if it is not, before it is removed.
    fn leftovers(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        self.list(&folder.join(replace::LEFTOVERS))
    }

    /// Removes a leftover; anything else is refused. One that is gone already is no error.
    fn remove_leftover(&self, path: &Path) -> io::Result<()>;
}

/// The machine's disk.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn fingerprint(&self, path: &Path) -> io::Result<Option<Fingerprint>> {
        match fs::metadata(path) {
            Ok(data) if data.is_file() => Ok(Some(Fingerprint::of(&data))),
            Ok(_) => Err(not_a_file()),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn list(&self, pattern: &Path) -> io::Result<Vec<PathBuf>> {
        list::list(pattern)
    }

    fn snapshot_after(&self, prefix: &[u8], path: &Path, bytes_max: u64) -> io::Result<Snapshot> {
        let mut file = open_without_waiting(path)?;
        let data = file.metadata()?;
        if !data.is_file() {
            return Err(not_a_file());
        }
        if data.len() > bytes_max {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Snapshot::copy(prefix, &mut file, bytes_max)
    }

    fn replace(&self, path: &Path, bytes: &[u8], expected: Option<Fingerprint>) -> io::Result<Replaced> {
        replace::replace(path, bytes, expected)
    }

    fn give_back(&self, path: &Path, kept: &Path, ours: Fingerprint) -> io::Result<()> {
        replace::give_back(path, kept, &ours)
    }

    /// A link is followed, as it is when the file is replaced.
    fn leftovers_of(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        let mut leftovers = leftovers_beside(self, path)?;
        let target = replace::follow(path)?;
        if target != path {
            leftovers.extend(leftovers_beside(self, &target)?);
            leftovers.sort();
            leftovers.dedup();
        }
        Ok(leftovers)
    }

    fn remove_leftover(&self, path: &Path) -> io::Result<()> {
        replace::remove_leftover(path)
    }
}

fn leftovers_beside(disk: &(impl Disk + ?Sized), path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut leftovers = disk.leftovers(replace::folder_of(path))?;
    leftovers.retain(|leftover| leftover.file_name().is_some_and(|name| replace::is_leftover_of(name, path)));
    Ok(leftovers)
}

fn not_a_file() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file")
}

/// Opens a file for reading. A pipe that somebody put in its place doesn't make it wait.
#[cfg(unix)]
fn open_without_waiting(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path)
}

#[cfg(not(unix))]
fn open_without_waiting(path: &Path) -> io::Result<File> {
    File::open(path)
}

#[cfg(unix)]
fn fingerprint_of(data: &Metadata) -> Fingerprint {
    use std::os::unix::fs::MetadataExt;
    let nanoseconds = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
    Fingerprint {
        bytes: data.size(),
        modified_ns: nanoseconds(data.mtime(), data.mtime_nsec()),
        changed_ns: nanoseconds(data.ctime(), data.ctime_nsec()),
        device: data.dev(),
        file: data.ino(),
    }
}

#[cfg(not(unix))]
fn fingerprint_of(data: &Metadata) -> Fingerprint {
    let modified = data.modified().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    let modified_ns = modified.and_then(|since| i128::try_from(since.as_nanos()).ok()).unwrap_or(0);
    Fingerprint { bytes: data.len(), modified_ns, changed_ns: 0, device: 0, file: 0 }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
#[expect(clippy::disallowed_methods, reason = "the test makes the files that people make")]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_tells_files_and_contents_apart() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        assert_eq!(RealDisk.fingerprint(&a).unwrap(), None);
        fs::write(&a, "one").unwrap();
        let first = RealDisk.fingerprint(&a).unwrap().unwrap();
        assert_eq!(RealDisk.fingerprint(&a).unwrap(), Some(first));
        fs::rename(&a, &b).unwrap();
        let moved = RealDisk.fingerprint(&b).unwrap().unwrap();
        assert!(first.is_same_but_moved(&moved));
        fs::write(&b, "three").unwrap();
        assert!(!first.is_same_but_moved(&RealDisk.fingerprint(&b).unwrap().unwrap()));
        assert!(RealDisk.fingerprint(folder.path()).is_err());
    }

    /// A copy restored with its old time has another size or number, and that is enough.
    #[cfg(unix)]
    #[test]
    fn an_older_copy_with_the_same_time_and_size_differs() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&a, "one").unwrap();
        fs::write(&b, "two").unwrap();
        let first = RealDisk.fingerprint(&a).unwrap().unwrap();
        let time = fs::metadata(&a).unwrap().modified().unwrap();
        File::options().write(true).open(&b).unwrap().set_modified(time).unwrap();
        fs::rename(&b, &a).unwrap();
        let second = RealDisk.fingerprint(&a).unwrap().unwrap();
        assert_eq!((first.bytes, first.modified_ns), (second.bytes, second.modified_ns));
        assert_ne!(first, second);
    }

    #[test]
    fn a_snapshot_keeps_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("客户.xlsx");
        fs::write(&path, "before").unwrap();
        let snapshot = RealDisk.snapshot_after(b"prefix", &path, 6).unwrap();
        fs::write(&path, "after!").unwrap();
        assert_eq!(snapshot.to_vec().unwrap(), b"before");
        assert_eq!(RealDisk.snapshot(&path, 5).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(RealDisk.snapshot(&folder.path().join("none"), 5).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(RealDisk.snapshot(folder.path(), 5).is_err());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_pipe_in_the_place_of_a_file_is_refused_and_not_waited_for() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe.xlsx");
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        assert!(RealDisk.snapshot(&path, 5).is_err());
        assert!(RealDisk.fingerprint(&path).is_err());
    }
}
