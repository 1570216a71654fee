//! Atomic replacement of files that other people may be saving at the same moment.
//!
//! The new bytes are written beside the file and made durable; then the two names are exchanged in one step, so that at
//! every moment the name leads to one whole file. Between the last look and that step somebody may save. Therefore the
//! file that was replaced is looked at *afterwards*: if it is not the one that was expected, its bytes are handed back
//! as an arrival and stay on the disk until that arrival is durable.
//!
//! Where the file system can't exchange (CIFS, NFS), a hard link keeps the replaced file instead. A program that replaces
//! the file by a rename within the few microseconds between that link and ours is not seen then; one that writes in place is.
//! Where there are no hard links either, nothing is kept.
//!
//! A link to a file is followed: the file it leads to is replaced, and the link stays. The file's owner, mode and
//! extended attributes (access lists among them) are kept; if that can't be done and people would lose access, nothing is
//! replaced.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use tempfile::TempPath;

use super::disk::{Disk, Fingerprint, RealDisk, Replaced};

/// What an interrupted replacement leaves is named so.
pub(super) const LEFTOVERS: &str = ".daybook-*.tmp";
const LEFTOVER_PREFIX: &str = ".daybook-";
const LEFTOVER_SUFFIX: &str = ".tmp";

/// The mode of a new file in a shared folder: the folder's group may read and write it, others may not. An office that
/// wants another mode sets it once; it is kept from then on.
const SHARED_MODE: u32 = 0o660;

/// The most bytes of an overtaken save that are handed back. A larger one stays where it is, and the error names it.
const LOST_BYTES_MAX: u64 = 1 << 30;

/// What the names of a file's leftovers begin with: they tell one file's from another's, and nobody its name.
pub fn leftover_prefix(target: &Path) -> String {
    let name = target.file_name().unwrap_or_default().as_encoded_bytes();
    let mark = siphasher::sip::SipHasher13::new().hash(name);
    format!("{LEFTOVER_PREFIX}{mark:016x}-")
}

/// Whether a file's name (without folders) is one that an interrupted replacement of the target leaves.
pub fn is_leftover_of(name: &OsStr, target: &Path) -> bool {
    is_leftover(name) && name.as_encoded_bytes().starts_with(leftover_prefix(target).as_bytes())
}

/// Whether a file's name (without folders) is one that an interrupted replacement leaves.
pub fn is_leftover(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(LEFTOVER_PREFIX.as_bytes()) && name.ends_with(LEFTOVER_SUFFIX.as_bytes())
}

/// Writes a file that must not be there yet, whole or not at all; [`io::ErrorKind::AlreadyExists`] if it is there.
pub fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_new_with_mode(path, bytes, 0o644)
}

pub(super) fn write_new_with_mode(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let folder = folder_of(path);
    let written = write_beside(path, bytes, Rights::Mode(mode))?;
    match put_new(written, path)? {
        Some(_) => sync_folder(folder),
        None => Err(io::ErrorKind::AlreadyExists.into()),
    }
}

pub(super) fn remove_leftover(path: &Path) -> io::Result<()> {
    if !path.file_name().is_some_and(is_leftover) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a leftover of Daybook's"));
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// See [`Disk::replace`].
pub(super) fn replace(path: &Path, bytes: &[u8], expected: Option<Fingerprint>) -> io::Result<Replaced> {
    replace_by(path, bytes, expected, &mut exchange)
}

/// See [`Disk::give_back`].
pub(super) fn give_back(path: &Path, kept: &Path, ours: &Fingerprint) -> io::Result<()> {
    let target = follow(path)?;
    match exchange(kept, &target) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::Unsupported => return give_back_by_rename(&target, kept, ours),
        Err(error) => return Err(error),
    }
    let out = RealDisk.fingerprint(kept)?;
    if out.is_some_and(|out| out.is_same_but_moved(ours)) {
        remove_leftover(kept)?;
    } else {
        // Somebody has saved once more: that is the later state of the file. The earlier one stays a leftover.
        exchange(kept, &target)?;
    }
    sync_folder(folder_of(&target))
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that replaces files")]
fn give_back_by_rename(target: &Path, kept: &Path, ours: &Fingerprint) -> io::Result<()> {
    let at_name = RealDisk.fingerprint(target)?;
    if at_name.is_some_and(|at_name| at_name.is_same_but_moved(ours)) {
        fs::rename(kept, target)?;
    }
    sync_folder(folder_of(target))
}

/// Exchanges two names in one step, or fails with [`io::ErrorKind::Unsupported`]. Tests hand in one that lets
/// somebody save first.
type Exchange<'a> = &'a mut dyn FnMut(&Path, &Path) -> io::Result<()>;

fn replace_by(
    path: &Path,
    bytes: &[u8],
    expected: Option<Fingerprint>,
    exchange: Exchange<'_>,
) -> io::Result<Replaced> {
    let target = follow(path)?;
    let folder = folder_of(&target);
    if RealDisk.fingerprint(&target)? != expected {
        return Ok(Replaced::Moved);
    }
    let Some(expected) = expected else {
        let written = write_beside(&target, bytes, Rights::Mode(SHARED_MODE))?;
        let Some(now) = put_new(written, &target)? else { return Ok(Replaced::Moved) };
        sync_folder(folder)?;
        return Ok(Replaced::Done(now));
    };

    let written = write_beside(&target, bytes, Rights::Like(&target))?;
    let own = written.fingerprint;
    let kept = match swap(written, &target, &expected, exchange)? {
        Swapped::Kept(kept) => Some(kept),
        Swapped::Unkept => None,
        Swapped::Refused => return Ok(Replaced::Moved),
    };
    let now = fingerprint_after(&target, own);
    let synced = sync_folder(folder);
    match kept {
        Some(kept) => look_at_replaced(kept, &expected, now, synced),
        None => synced.map(|()| Replaced::Done(now)),
    }
}

/// Looks whether the file that was replaced is the expected one. It is removed only if it is known to be that: in any doubt
/// it may be somebody's save, and that it was overtaken counts for more than whether the names are durable.
fn look_at_replaced(
    kept: TempPath,
    expected: &Fingerprint,
    now: Fingerprint,
    synced: io::Result<()>,
) -> io::Result<Replaced> {
    let replaced = RealDisk.fingerprint(&kept);
    if matches!(&replaced, Ok(Some(replaced)) if replaced.is_same_but_moved(expected)) {
        synced?;
        if let Err(error) = kept.close() {
            tracing::warn!(%error, "the file that was replaced could not be removed; it is a leftover now");
        }
        return Ok(Replaced::Done(now));
    }
    let kept = kept.keep().map_err(|error| error.error)?;
    if let Err(error) = synced {
        tracing::warn!(%error, path = %kept.display(), "the folder of an overtaken save could not be made durable");
    }
    replaced?;
    let lost = read_lost(&kept)?;
    Ok(Replaced::Overtaken { now, lost, kept })
}

/// Bytes that lie beside the file that they are to replace.
struct Written {
    path: TempPath,
    fingerprint: Fingerprint,
}

/// What rights a written file gets.
#[derive(Clone, Copy)]
enum Rights<'a> {
    Mode(u32),
    Like(&'a Path),
}

/// Writes the bytes beside the file whose place they are to take.
fn write_beside(target: &Path, bytes: &[u8], rights: Rights<'_>) -> io::Result<Written> {
    let (folder, prefix) = (folder_of(target), leftover_prefix(target));
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(LEFTOVER_SUFFIX).rand_bytes(12);
    if let Rights::Mode(mode) = rights {
        set_mode(&mut builder, mode);
    }
    let (mut file, path) = builder.tempfile_in(folder)?.into_parts();
    file.write_all(bytes)?;
    if let Rights::Like(other) = rights {
        keep_rights(other, &file)?;
    }
    file.sync_all()?;
    // Some file systems set the time of the last write when the file is closed.
    drop(file);
    let fingerprint = RealDisk.fingerprint(&path)?.ok_or(io::ErrorKind::NotFound)?;
    Ok(Written { path, fingerprint })
}

/// Where the replaced file is after the exchange.
enum Swapped {
    /// Under this name; it is removed when the value is dropped.
    Kept(TempPath),
    /// Nowhere: the file system can't keep it.
    Unkept,
    /// It was not replaced: it is gone, or not the expected one.
    Refused,
}

fn swap(written: Written, target: &Path, expected: &Fingerprint, exchange: Exchange<'_>) -> io::Result<Swapped> {
    match exchange(&written.path, target) {
        Ok(()) => Ok(Swapped::Kept(written.path)),
        // An application that saves deletes the file first, and renames afterwards.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Swapped::Refused),
        Err(error) if error.kind() == io::ErrorKind::Unsupported => swap_by_link(written, target, expected),
        Err(error) => {
            let at_name = RealDisk.fingerprint(&written.path);
            if !matches!(at_name, Ok(Some(at_name)) if at_name.is_same_but_moved(&written.fingerprint)) {
                // It was exchanged in spite of the error: what lies there is not ours to remove.
                written.path.keep().map_err(|error| error.error)?;
            }
            Err(error)
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that replaces files")]
fn swap_by_link(written: Written, target: &Path, expected: &Fingerprint) -> io::Result<Swapped> {
    let link = tempfile::Builder::new()
        .prefix(&leftover_prefix(target))
        .suffix(LEFTOVER_SUFFIX)
        .rand_bytes(12)
        .make_in(folder_of(target), |path| fs::hard_link(target, path));
    let kept = match link {
        Ok(link) => Some(link.into_temp_path()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Swapped::Refused),
        Err(_) => None,
    };
    let at_name = RealDisk.fingerprint(target)?;
    if !at_name.is_some_and(|at_name| at_name.is_same_but_moved(expected)) {
        return Ok(Swapped::Refused);
    }
    fs::rename(&written.path, target)?;
    written.path.keep().map_err(|error| error.error)?;
    Ok(kept.map_or(Swapped::Unkept, Swapped::Kept))
}

/// Gives written bytes their name if nothing has it; `None` if something has. The new file's fingerprint otherwise.
#[expect(clippy::disallowed_methods, reason = "this is the one place that renames files")]
fn put_new(written: Written, target: &Path) -> io::Result<Option<Fingerprint>> {
    let moved = rename_to_free_name(&written.path, target).or_else(|error| {
        if error.kind() != io::ErrorKind::Unsupported {
            return Err(error);
        }
        // A link can't take a name that is taken, so it is as good, where there are links.
        match fs::hard_link(&written.path, target) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
            Err(_) if fs::symlink_metadata(target).is_ok() => Err(io::ErrorKind::AlreadyExists.into()),
            Err(_) => fs::rename(&written.path, target),
            Ok(()) => fs::remove_file(&written.path),
        }
    });
    match moved {
        Ok(()) => {
            written.path.keep().map_err(|error| error.error)?;
            Ok(Some(fingerprint_after(target, written.fingerprint)))
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
        Err(error) => Err(error),
    }
}

/// The fingerprint of the file that we put there. If somebody has saved since, ours as it was: then the poller sees
/// the difference.
fn fingerprint_after(target: &Path, own: Fingerprint) -> Fingerprint {
    match RealDisk.fingerprint(target) {
        Ok(Some(now)) if now.is_same_but_moved(&own) => now,
        _ => own,
    }
}

fn read_lost(kept: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(kept)?.take(LOST_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LOST_BYTES_MAX {
        let text = format!("a save that came between is too large to take; it lies in {}", kept.display());
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
    }
    Ok(bytes)
}

/// The file that a link leads to; the path itself if it is no link.
pub(super) fn follow(path: &Path) -> io::Result<PathBuf> {
    match fs::symlink_metadata(path) {
        Ok(data) if data.is_symlink() => fs::canonicalize(path),
        _ => Ok(path.to_owned()),
    }
}

pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes the names in a folder durable. Some file systems can't, and say so; that is no failure of ours.
#[cfg(unix)]
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        Err(error)
            if !matches!(
                error.kind(),
                io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied
            ) =>
        {
            Err(error)
        }
        _ => Ok(()),
    }
}

#[cfg(not(unix))]
pub(super) fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// Exchanges two names in one step.
#[cfg(any(target_os = "linux", target_vendor = "apple"))]
fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    rename_with(one, other, rustix::fs::RenameFlags::EXCHANGE)
}

#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
fn exchange(_one: &Path, _other: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Renames unless the new name is taken, in one step.
#[cfg(any(target_os = "linux", target_vendor = "apple"))]
fn rename_to_free_name(from: &Path, to: &Path) -> io::Result<()> {
    rename_with(from, to, rustix::fs::RenameFlags::NOREPLACE)
}

#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
fn rename_to_free_name(_from: &Path, _to: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(any(target_os = "linux", target_vendor = "apple"))]
fn rename_with(from: &Path, to: &Path, flags: rustix::fs::RenameFlags) -> io::Result<()> {
    use rustix::fs::{CWD, renameat_with};
    use rustix::io::Errno;
    renameat_with(CWD, from, CWD, to, flags).map_err(|error| match error {
        // A file system that doesn't know the flag says "invalid".
        Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP => io::ErrorKind::Unsupported.into(),
        other => other.into(),
    })
}

/// Sets the mode of a file to be made; the process's mask takes from it what it takes from every file.
#[cfg(unix)]
fn set_mode(builder: &mut tempfile::Builder<'_, '_>, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    builder.permissions(fs::Permissions::from_mode(mode));
}

#[cfg(not(unix))]
fn set_mode(_builder: &mut tempfile::Builder<'_, '_>, _mode: u32) {}

/// Gives `new` the owner, mode and extended attributes of the file at `path`.
#[cfg(unix)]
fn keep_rights(path: &Path, new: &File) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
    let old = fs::metadata(path)?;
    let mine = new.metadata()?;
    let owner = mine.uid() == old.uid() || fchown(new, Some(old.uid()), None).is_ok();
    let group = mine.gid() == old.gid() || fchown(new, None, Some(old.gid())).is_ok();
    let mode = old.mode() & 0o777;
    if !access_is_kept(mode, owner, group) {
        let text = "its owner would lose access: Daybook may not give the new file to that owner or group";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    new.set_permissions(fs::Permissions::from_mode(mode))?;
    copy_attributes(path, new);
    Ok(())
}

#[cfg(not(unix))]
fn keep_rights(_path: &Path, _new: &File) -> io::Result<()> {
    Ok(())
}

/// Whether those who could use a file still can, if only its owner or only its group could be kept, or neither.
///
/// An owner who is no longer the owner comes in as one of the group or of the others.
#[cfg(unix)]
fn access_is_kept(mode: u32, owner_kept: bool, group_kept: bool) -> bool {
    let (owner, group, others) = (mode >> 6 & 0o6, mode >> 3 & 0o6, mode & 0o6);
    let owner_ok = owner_kept || owner & !others == 0 || (group_kept && owner & !group == 0);
    let group_ok = group_kept || group & !others == 0;
    owner_ok && group_ok
}

/// Copies extended attributes, as far as the file system lets us: access lists, and what Samba keeps of Windows' rights.
#[cfg(target_os = "linux")]
fn copy_attributes(path: &Path, new: &File) {
    use rustix::fs::{XattrFlags, fgetxattr, flistxattr, fsetxattr};
    /// The most that Linux lets names, and a value, be.
    const ATTRIBUTE_BYTES_MAX: usize = 1 << 16;
    let copy = || -> io::Result<()> {
        let old = File::open(path)?;
        let mut names = vec![0; ATTRIBUTE_BYTES_MAX];
        let count = flistxattr(&old, &mut names[..])?;
        let mut value = vec![0; ATTRIBUTE_BYTES_MAX];
        for name in names[..count].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
            let set = fgetxattr(&old, name, &mut value[..])
                .and_then(|count| fsetxattr(new, name, &value[..count], XattrFlags::empty()));
            if let Err(error) = set {
                tracing::debug!(%error, name = %String::from_utf8_lossy(name), "an extended attribute was not kept");
            }
        }
        Ok(())
    };
    if let Err(error) = copy() {
        tracing::debug!(%error, "extended attributes were not kept");
    }
}

#[cfg(all(unix, not(target_os = "linux")))]
fn copy_attributes(_path: &Path, _new: &File) {}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
#[expect(clippy::disallowed_methods, reason = "the test does what other people's programs do")]
mod tests {
    use super::*;

    struct Share {
        folder: tempfile::TempDir,
        path: PathBuf,
    }

    impl Share {
        fn new(content: &str) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("客户.xlsx");
            fs::write(&path, content).unwrap();
            Self { folder, path }
        }

        fn fingerprint(&self) -> Fingerprint {
            RealDisk.fingerprint(&self.path).unwrap().unwrap()
        }

        fn content(&self) -> String {
            fs::read_to_string(&self.path).unwrap()
        }

        fn leftovers(&self) -> Vec<PathBuf> {
            RealDisk.leftovers(self.folder.path()).unwrap()
        }
    }

    fn unsupported(_: &Path, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    #[test]
    fn the_expected_file_is_replaced_and_nothing_is_left() {
        let share = Share::new("old");
        for exchange in [exchange, unsupported] {
            let before = share.fingerprint();
            let Replaced::Done(now) = replace_by(&share.path, b"new", Some(before), &mut { exchange }).unwrap() else {
                panic!("not replaced")
            };
            assert_eq!(share.content(), "new");
            assert_eq!(now, share.fingerprint());
            assert_eq!(share.leftovers(), Vec::<PathBuf>::new());
        }
    }

    #[test]
    fn another_file_than_the_expected_one_is_left_alone() {
        let share = Share::new("old");
        let before = share.fingerprint();
        fs::write(&share.path, "edited").unwrap();
        assert_eq!(replace(&share.path, b"new", Some(before)).unwrap(), Replaced::Moved);
        assert_eq!(replace(&share.path, b"new", None).unwrap(), Replaced::Moved);
        assert_eq!(share.content(), "edited");
        fs::remove_file(&share.path).unwrap();
        assert_eq!(replace(&share.path, b"new", Some(before)).unwrap(), Replaced::Moved);
        assert!(!share.path.exists());
        assert_eq!(share.leftovers(), Vec::<PathBuf>::new());
    }

    #[test]
    fn a_new_file_never_takes_a_name_that_is_taken() {
        let share = Share::new("old");
        let other = share.folder.path().join("new.xlsx");
        let Replaced::Done(now) = replace(&other, b"new", None).unwrap() else { panic!("not written") };
        assert_eq!(RealDisk.fingerprint(&other).unwrap(), Some(now));
        let written = write_beside(&share.path, b"x", Rights::Mode(SHARED_MODE)).unwrap();
        assert_eq!(put_new(written, &share.path).unwrap(), None);
        assert_eq!(share.content(), "old");
        assert_eq!(write_new(&other, b"again").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(share.leftovers(), Vec::<PathBuf>::new());
    }

    /// A program that writes in place goes on writing into the file that was exchanged: that very file comes back.
    #[test]
    fn what_came_between_is_given_back_as_the_same_file() {
        let share = Share::new("old");
        let before = share.fingerprint();
        let mut writer = None;
        let replaced = replace_by(&share.path, b"new", Some(before), &mut |one, other| {
            writer = Some(File::options().write(true).truncate(true).open(other).unwrap());
            exchange(one, other)
        });
        let Replaced::Overtaken { now, kept, .. } = replaced.unwrap() else { panic!("not overtaken") };
        give_back(&share.path, &kept, &now).unwrap();
        writer.unwrap().write_all(b"edited").unwrap();
        assert_eq!(share.content(), "edited");
        assert_eq!(share.leftovers(), Vec::<PathBuf>::new());
    }

    #[test]
    fn nothing_is_given_back_over_a_later_save() {
        let share = Share::new("ours");
        let ours = share.fingerprint();
        let kept = share.path.with_file_name(format!("{}0.tmp", leftover_prefix(&share.path)));
        fs::write(&kept, "earlier").unwrap();
        fs::write(&share.path, "later").unwrap();
        give_back(&share.path, &kept, &ours).unwrap();
        assert_eq!(share.content(), "later");
        assert_eq!(share.leftovers(), std::slice::from_ref(&kept));
        assert!(is_leftover_of(kept.file_name().unwrap(), &share.path));
        assert!(!is_leftover_of(kept.file_name().unwrap(), Path::new("other.xlsx")));
    }

    /// Excel and `LibreOffice` rename a new file over the old one; others write into it.
    #[test]
    fn what_is_saved_between_check_and_exchange_is_handed_back() {
        let save_by_rename = |path: &Path| {
            let beside = path.with_extension("saving");
            fs::write(&beside, "edited").unwrap();
            fs::rename(&beside, path).unwrap();
        };
        let save_in_place = |path: &Path| fs::write(path, "edited").unwrap();
        for save in [&save_by_rename as &dyn Fn(&Path), &save_in_place] {
            let share = Share::new("old");
            let before = share.fingerprint();
            let replaced = replace_by(&share.path, b"new", Some(before), &mut |one, other| {
                save(other);
                exchange(one, other)
            });
            let Replaced::Overtaken { now, lost, kept } = replaced.unwrap() else { panic!("not noticed") };
            assert_eq!((share.content().as_str(), lost.as_slice()), ("new", &b"edited"[..]));
            assert_eq!(now, share.fingerprint());
            // A crash before the arrival is durable finds it again.
            assert_eq!(share.leftovers(), std::slice::from_ref(&kept));
            assert_eq!(fs::read(&kept).unwrap(), b"edited");
            RealDisk.remove_leftover(&kept).unwrap();
            RealDisk.remove_leftover(&kept).unwrap();
            assert_eq!(share.leftovers(), Vec::<PathBuf>::new());
        }
    }

    #[test]
    fn without_exchange_a_save_before_the_link_is_noticed() {
        let share = Share::new("old");
        let before = share.fingerprint();
        let replaced = replace_by(&share.path, b"new", Some(before), &mut |one, other| {
            fs::write(other, "edited").unwrap();
            unsupported(one, other)
        });
        assert_eq!(replaced.unwrap(), Replaced::Moved);
        assert_eq!(share.content(), "edited");
        assert_eq!(share.leftovers(), Vec::<PathBuf>::new());
    }

    #[test]
    fn a_file_that_is_being_saved_is_not_replaced() {
        let share = Share::new("old");
        let before = share.fingerprint();
        let replaced = replace_by(&share.path, b"new", Some(before), &mut |one, other| {
            fs::remove_file(other).unwrap();
            exchange(one, other)
        });
        assert_eq!(replaced.unwrap(), Replaced::Moved);
        assert_eq!(share.leftovers(), Vec::<PathBuf>::new());
    }

    #[test]
    fn a_failure_leaves_the_old_file_and_nothing_else() {
        let share = Share::new("old");
        let before = share.fingerprint();
        let full = &mut |_: &Path, _: &Path| Err(io::ErrorKind::StorageFull.into());
        let error = replace_by(&share.path, b"new", Some(before), full).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert_eq!(share.content(), "old");
        assert_eq!(share.leftovers(), Vec::<PathBuf>::new());
    }

    #[test]
    fn an_error_after_the_exchange_keeps_what_was_replaced() {
        let share = Share::new("old");
        let before = share.fingerprint();
        let replaced = replace_by(&share.path, b"new", Some(before), &mut |one, other| {
            exchange(one, other)?;
            Err(io::ErrorKind::TimedOut.into())
        });
        assert!(replaced.is_err());
        let [kept] = share.leftovers().try_into().unwrap();
        assert_eq!(fs::read_to_string(kept).unwrap(), "old");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_was_replaced_and_can_not_be_looked_at_is_kept() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let share = Share::new("old");
        let before = share.fingerprint();
        let mut kept = PathBuf::new();
        let replaced = replace_by(&share.path, b"new", Some(before), &mut |one, other| {
            exchange(one, other)?;
            // A pipe can't be looked at as a file, as a file can't whose share has just failed.
            fs::remove_file(one)?;
            one.clone_into(&mut kept);
            Ok(mknodat(CWD, one, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?)
        });
        assert_eq!(replaced.unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert!(kept.exists(), "it may be somebody's save of that moment");
    }

    #[test]
    fn an_overtaken_save_is_told_though_the_folder_can_not_be_made_durable() {
        let share = Share::new("edited");
        let failed = || Err(io::ErrorKind::StorageFull.into());
        let (now, edited) = (share.fingerprint(), share.fingerprint());
        let old = Fingerprint { bytes: edited.bytes + 1, ..edited };
        let beside = |name: &str| {
            let path = share.folder.path().join(format!(".daybook-{name}.tmp"));
            fs::copy(&share.path, &path).unwrap();
            TempPath::try_from_path(path).unwrap()
        };
        let Ok(Replaced::Overtaken { lost, kept, .. }) = look_at_replaced(beside("1"), &old, now, failed()) else {
            panic!("not told")
        };
        assert_eq!((lost.as_slice(), kept.exists()), (&b"edited"[..], true));
        // Where nobody has saved, the error is all there is to tell.
        let expected = beside("2");
        let fingerprint = RealDisk.fingerprint(&expected).unwrap().unwrap();
        let error = look_at_replaced(expected, &fingerprint, now, failed()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }

    #[cfg(unix)]
    #[test]
    fn leftovers_of_a_link_lie_where_it_leads() {
        let (share, other) = (Share::new("old"), tempfile::tempdir().unwrap());
        let link = other.path().join("link.xlsx");
        std::os::unix::fs::symlink(&share.path, &link).unwrap();
        let replaced = replace_by(&link, b"new", Some(share.fingerprint()), &mut |one, other| {
            fs::write(other, "edited").unwrap();
            exchange(one, other)
        });
        let Replaced::Overtaken { kept, .. } = replaced.unwrap() else { panic!("not noticed") };
        assert_eq!(RealDisk.leftovers_of(&link).unwrap(), std::slice::from_ref(&kept));
        assert_eq!(RealDisk.leftovers_of(&share.path).unwrap(), std::slice::from_ref(&kept));
        // What was left while the link was a file of its own is found too.
        let own = other.path().join(format!("{}0.tmp", leftover_prefix(&link)));
        fs::write(&own, "earlier").unwrap();
        let mut expected = vec![own, kept];
        expected.sort();
        assert_eq!(RealDisk.leftovers_of(&link).unwrap(), expected);
    }

    #[test]
    fn only_leftovers_are_removed_as_leftovers() {
        let share = Share::new("old");
        assert!(RealDisk.remove_leftover(&share.path).is_err());
        assert_eq!(share.content(), "old");
        let names = [(".daybook-a1B2.tmp", true), ("daybook-a.tmp", false), (".daybook-a.xlsx", false)];
        for (name, expected) in names {
            assert_eq!(is_leftover(OsStr::new(name)), expected, "for {name}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn mode_and_link_stay() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let share = Share::new("old");
        fs::set_permissions(&share.path, fs::Permissions::from_mode(0o640)).unwrap();
        let link = share.folder.path().join("link.xlsx");
        symlink(&share.path, &link).unwrap();
        assert!(matches!(replace(&link, b"new", Some(share.fingerprint())).unwrap(), Replaced::Done(_)));
        assert_eq!(share.content(), "new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::metadata(&share.path).unwrap().permissions().mode() & 0o7777, 0o640);
        let new = share.folder.path().join("new.xlsx");
        replace(&new, b"new", None).unwrap();
        assert_eq!(fs::metadata(&new).unwrap().permissions().mode() & 0o007, 0);
    }

    /// Only the superuser may give files away, so only she can see that it is done.
    #[cfg(unix)]
    #[test]
    fn the_owner_stays() {
        use std::os::unix::fs::{MetadataExt, chown};
        let share = Share::new("old");
        let given = chown(&share.path, Some(12_345), Some(54_321)).is_ok();
        let (uid, gid) = (fs::metadata(&share.path).unwrap().uid(), fs::metadata(&share.path).unwrap().gid());
        assert_eq!(given, uid == 12_345);
        replace(&share.path, b"new", Some(share.fingerprint())).unwrap();
        let data = fs::metadata(&share.path).unwrap();
        assert_eq!((data.uid(), data.gid()), (uid, gid));
    }

    #[cfg(unix)]
    #[test]
    fn nobody_loses_access() {
        for (mode, owner_kept, group_kept, expected) in [
            (0o600, true, false, true),
            (0o600, false, true, false),
            (0o660, false, true, true),
            (0o660, false, false, false),
            (0o644, false, true, false),
            (0o640, true, false, false),
            (0o666, false, false, true),
        ] {
            assert_eq!(access_is_kept(mode, owner_kept, group_kept), expected, "{mode:o} {owner_kept} {group_kept}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn extended_attributes_stay_where_there_are_any() {
        use rustix::fs::{XattrFlags, getxattr, setxattr};
        let share = Share::new("old");
        let set = setxattr(&share.path, "user.DOSATTRIB", b"0x20", XattrFlags::empty()).is_ok();
        replace(&share.path, b"new", Some(share.fingerprint())).unwrap();
        let mut value = [0; 16];
        let kept = getxattr(&share.path, "user.DOSATTRIB", &mut value[..]);
        assert_eq!(kept.ok().map(|count| &value[..count]), set.then_some(&b"0x20"[..]));
    }
}
