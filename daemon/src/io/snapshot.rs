//! Private copies of a file's bytes, so that what was hashed is what is read.
//!
//! The copy lies in memory (Linux) or in an unnamed temporary file (elsewhere), never in a folder that others see.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::Arc;

use sha2::{Digest, Sha256};

/// How many bytes are copied and hashed at a time.
const CHUNK_BYTES: usize = 1 << 18;

/// A private copy of a file's bytes, that nothing can change any more.
#[derive(Debug)]
pub struct Snapshot {
    /// A file without a name: a prefix of the caller's, then the copied bytes.
    pub file: File,
    /// Where in `file` the copied bytes begin: the length of the prefix.
    pub start: u64,
    /// How many bytes were copied.
    pub bytes: u64,
    /// SHA-256 of the copied bytes, without the prefix.
    pub digest: [u8; 32],
}

impl Snapshot {
    /// Copies what `source` gives, after `prefix`, so that a child gets both as one file without a second copy.
    ///
    /// More than `bytes_max` is [`io::ErrorKind::FileTooLarge`].
    pub fn copy(prefix: &[u8], source: &mut dyn Read, bytes_max: u64) -> io::Result<Self> {
        let mut file = anonymous_file()?;
        file.write_all(prefix)?;
        let mut hash = Sha256::new();
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut bytes = 0_u64;
        loop {
            let count = match source.read(&mut chunk) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            bytes += count as u64;
            if bytes > bytes_max {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            hash.update(&chunk[..count]);
            file.write_all(&chunk[..count])?;
        }
        seal(&file);
        file.rewind()?;
        Ok(Self { file, start: prefix.len() as u64, bytes, digest: hash.finalize().into() })
    }

    /// Reads the copied bytes, without the prefix.
    pub fn reader(&self) -> io::Result<SnapshotReader> {
        let file = Arc::new(self.file.try_clone()?);
        Ok(SnapshotReader { file, start: self.start, bytes: self.bytes, position: 0 })
    }

    /// All copied bytes.
    pub fn to_vec(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.reader()?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// Reads a snapshot. It has a position of its own, and so has each clone.
#[derive(Clone, Debug)]
pub struct SnapshotReader {
    file: Arc<File>,
    start: u64,
    bytes: u64,
    position: u64,
}

impl Read for SnapshotReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.bytes.saturating_sub(self.position);
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let count = read_at(&self.file, &mut buffer[..wanted], self.start + self.position)?;
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for SnapshotReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.bytes.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

/// Makes a file that has no name and that no other process can open.
#[cfg(target_os = "linux")]
fn anonymous_file() -> io::Result<File> {
    use rustix::fs::{MemfdFlags, memfd_create};
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // Kernels before 6.3 don't know the first form; hardened newer ones allow nothing else.
    let file = memfd_create("daybook", flags | MemfdFlags::NOEXEC_SEAL).or_else(|_| memfd_create("daybook", flags))?;
    Ok(file.into())
}

#[cfg(not(target_os = "linux"))]
fn anonymous_file() -> io::Result<File> {
    tempfile::tempfile()
}

/// Makes the bytes unchangeable, also for a child that inherits the file. A help, not a promise: failing is no harm.
#[cfg(target_os = "linux")]
fn seal(file: &File) {
    use rustix::fs::{SealFlags, fcntl_add_seals};
    let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
    if let Err(error) = fcntl_add_seals(file, seals) {
        tracing::debug!(%error, "a snapshot could not be sealed");
    }
}

#[cfg(not(target_os = "linux"))]
fn seal(_file: &File) {}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], position: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, position)
}

#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], position: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, position)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    #[test]
    fn the_digest_and_the_reader_leave_the_prefix_out() {
        let snapshot = Snapshot::copy(b"head", &mut &b"abc"[..], 3).unwrap();
        // SHA-256 of "abc", from FIPS 180-4.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let hex = snapshot.digest.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        assert_eq!(hex, expected);
        assert_eq!((snapshot.start, snapshot.bytes), (4, 3));
        assert_eq!(snapshot.to_vec().unwrap(), b"abc");
        let mut whole = Vec::new();
        let mut file = &snapshot.file;
        file.read_to_end(&mut whole).unwrap();
        assert_eq!(whole, b"headabc");
    }

    #[test]
    fn more_than_the_limit_is_refused() {
        let error = Snapshot::copy(b"head", &mut &b"abcd"[..], 3).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn a_reader_seeks_within_the_copied_bytes_only() {
        let snapshot = Snapshot::copy(b"head", &mut &b"0123456789"[..], 100).unwrap();
        let mut reader = snapshot.reader().unwrap();
        let mut other = reader.clone();
        assert_eq!(reader.seek(SeekFrom::End(-2)).unwrap(), 8);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "89");
        assert!(reader.seek(SeekFrom::Start(0)).is_ok());
        assert!(reader.seek(SeekFrom::Current(-1)).is_err());
        assert_eq!(reader.seek(SeekFrom::Start(99)).unwrap(), 99);
        assert_eq!(reader.read(&mut [0; 4]).unwrap(), 0);
        text.clear();
        other.read_to_string(&mut text).unwrap();
        assert_eq!(text, "0123456789");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_snapshot_cannot_be_changed() {
        let mut snapshot = Snapshot::copy(b"", &mut &b"abc"[..], 3).unwrap();
        assert!(snapshot.file.write_all(b"x").is_err());
        assert!(snapshot.file.set_len(0).is_err());
    }
}
