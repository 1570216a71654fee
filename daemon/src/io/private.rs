//! Folders and files that only Daybook's own account may enter: the store, the keys.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

use zeroize::Zeroizing;

use super::replace::{sync_folder, write_new_with_mode};

/// Makes a folder, and those above it that are missing, for this account only (0700). One that is there stays as it is.
pub fn create_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    for_us_only_folder(&mut builder);
    builder.create(path)
}

/// Makes an empty file for this account only (0600); [`io::ErrorKind::AlreadyExists`] if it is there.
pub fn create_file(path: &Path) -> io::Result<File> {
    let file = private_options().create_new(true).open(path)?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        sync_folder(folder)?;
    }
    Ok(file)
}

/// Opens a file for reading and writing, and makes it for this account only (0600) if it is not there.
pub fn open_file(path: &Path) -> io::Result<File> {
    private_options().create(true).truncate(false).open(path)
}

/// Writes a file for this account only (0600), whole or not at all; [`io::ErrorKind::AlreadyExists`] if it is there.
pub fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_new_with_mode(path, bytes, 0o600)
}

/// Refuses ([`io::ErrorKind::PermissionDenied`]) a file that others may read or write, or that belongs to another account.
pub fn check_private(path: &Path) -> io::Result<()> {
    check(&fs::metadata(path)?)
}

/// Reads a file that must be private, as [`check_private`] says; it is checked after it was opened.
pub fn read(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let data = file.metadata()?;
    check(&data)?;
    // A byte more than there is: the end shows without a larger buffer.
    let room = data.len().min(bytes_max).saturating_add(1);
    let mut bytes = Vec::with_capacity(usize::try_from(room).unwrap_or_default());
    file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > bytes_max {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}

/// Reads a password or token: the one line of a file that must be private.
///
/// Editors end a file with a line's end, which is no part of it; what else stands at its ends may be.
pub fn read_line(path: &Path, bytes_max: u64) -> io::Result<Zeroizing<String>> {
    let bad = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why);
    let bytes = Zeroizing::new(read(path, bytes_max)?);
    let text = std::str::from_utf8(&bytes).map_err(|_| bad("it is not UTF-8"))?.trim_end_matches(['\r', '\n']);
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err(bad("it must hold one line"));
    }
    Ok(Zeroizing::new(text.to_owned()))
}

/// Reads the beginning of a file that must be private, at most so many bytes.
pub fn read_start(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    check(&file.metadata()?)?;
    let mut bytes = Vec::new();
    file.take(bytes_max).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The names in a folder, in no order; none if the folder is not there.
pub fn list(folder: &Path) -> io::Result<Vec<OsString>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.file_name())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Removes a file; one that is gone already is no error.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn private_options() -> OpenOptions {
    let mut options = File::options();
    options.read(true).write(true);
    for_us_only(&mut options);
    options
}

#[cfg(unix)]
fn for_us_only(options: &mut OpenOptions) {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
}

#[cfg(not(unix))]
fn for_us_only(_options: &mut OpenOptions) {}

#[cfg(unix)]
fn for_us_only_folder(builder: &mut DirBuilder) {
    std::os::unix::fs::DirBuilderExt::mode(builder, 0o700);
}

#[cfg(not(unix))]
fn for_us_only_folder(_builder: &mut DirBuilder) {}

#[cfg(unix)]
fn check(data: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    let refused = |reason: String| Err(io::Error::new(io::ErrorKind::PermissionDenied, reason));
    if !data.is_file() {
        return refused("it is not a regular file".to_owned());
    }
    let mode = data.mode() & 0o777;
    if mode & 0o077 != 0 {
        return refused(format!("others may use it (mode {mode:04o}); `chmod 600` makes it private"));
    }
    let ours = rustix::process::geteuid().as_raw();
    if data.uid() != ours && data.uid() != 0 {
        return refused(format!("it belongs to account {}, and Daybook runs as {ours}", data.uid()));
    }
    Ok(())
}

#[cfg(not(unix))]
fn check(data: &Metadata) -> io::Result<()> {
    if data.is_file() {
        Ok(())
    } else {
        Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is not a regular file"))
    }
}

#[cfg(all(test, unix))]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_is_made_is_private() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("data/inner");
        create_folder(&folder).unwrap();
        create_folder(&folder).unwrap();
        assert_eq!((mode(&folder), mode(folder.parent().unwrap())), (0o700, 0o700));
        let key = folder.join("daybook.key");
        write_new(&key, b"secret").unwrap();
        assert_eq!(mode(&key), 0o600);
        assert_eq!(read(&key, 6).unwrap(), b"secret");
        assert_eq!(read(&key, 5).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(write_new(&key, b"other").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(create_file(&key).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(read(&key, 6).unwrap(), b"secret");
        assert_eq!(read_start(&key, 3).unwrap(), b"sec");
        assert_eq!(list(&folder).unwrap(), ["daybook.key"]);
        assert!(list(&folder.join("none")).unwrap().is_empty());
        open_file(&folder.join("lock")).unwrap();
        assert_eq!(mode(&folder.join("lock")), 0o600);
        remove(&key).unwrap();
        remove(&key).unwrap();
        assert_eq!(list(&folder).unwrap(), ["lock"]);
    }

    #[test]
    fn a_key_that_others_may_read_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let key = root.path().join("daybook.key");
        create_file(&key).unwrap();
        for (mode, private) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false), (0o620, false)] {
            fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(check_private(&key).is_ok(), private, "for {mode:o}");
            assert_eq!(read(&key, 9).is_ok(), private, "for {mode:o}");
        }
        assert!(check_private(root.path()).is_err());
        assert_eq!(check_private(&root.path().join("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
