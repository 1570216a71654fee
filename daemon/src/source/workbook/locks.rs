//! Who has a workbook open, as far as the files beside it say.
//!
//! Excel leaves an owner file `~$NAME`, `LibreOffice` `.~lock.NAME#`. Both stay behind after a crash, so an old one counts
//! for nothing. Neither is proof: a program that leaves no such file may have the workbook open.

use std::path::Path;

use super::files::is_half_saved;
use crate::io::{Disk, Fingerprint};

/// An owner file older than this is left from a crash, or of somebody who has gone home.
const STALE_MS: i64 = 24 * 60 * 60 * 1000;
/// A temporary file of a save older than this is left from one that failed.
const REPLACING_MS: i64 = 60_000;
/// Owner files are far smaller: Excel's has 165 bytes.
const OWNER_FILE_BYTES_MAX: u64 = 64 << 10;

/// Who has a workbook open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedBy {
    /// The name that the person gave the program; `None` if it can't be told.
    pub person: Option<String>,
    /// When it was opened, in milliseconds since 1970.
    pub since_ms: i64,
}

/// Says whether a program has the workbook open. What can't be looked at counts as not open.
pub fn open_elsewhere(disk: &dyn Disk, path: &Path, now_ms: i64) -> Option<LockedBy> {
    let name = path.file_name()?.to_str()?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let excel = excel_names(name).into_iter().map(|name| (folder.join(name), excel_person as PersonOf));
    let libreoffice = [(folder.join(format!(".~lock.{name}#")), libreoffice_person as PersonOf)];
    excel.chain(libreoffice).find_map(|(owner_file, person_of)| {
        let fingerprint = disk.fingerprint(&owner_file).ok().flatten()?;
        let since_ms = fresh_since(&fingerprint, now_ms)?;
        Some(LockedBy { person: read(disk, &owner_file).as_deref().and_then(person_of), since_ms })
    })
}

/// Whether a path is that of an owner or lock file: when it goes, somebody has closed a workbook.
pub fn is_owner_file(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with("~$") || (name.starts_with(".~lock.") && name.ends_with('#')))
}

/// Whether a workbook that is not there is probably between two steps of a save: Excel writes a temporary file beside it,
/// deletes it, and gives the temporary file its name. Where a name may not be taken, that last step fails if something
/// has been put there meanwhile.
pub fn is_being_replaced(disk: &dyn Disk, path: &Path, now_ms: i64) -> bool {
    let folder = path.parent().unwrap_or(Path::new(""));
    let fresh = |beside: &Path| {
        let modified_ms = disk.fingerprint(beside).ok().flatten().map(|found| found.modified_ns / 1_000_000);
        modified_ms.is_some_and(|at| (i128::from(now_ms) - at).abs() <= i128::from(REPLACING_MS))
    };
    let beside = disk.list(&folder.join("*")).unwrap_or_default();
    beside.iter().any(|beside| is_half_saved(beside) && fresh(beside))
}

type PersonOf = fn(&[u8]) -> Option<String>;

/// The names that the owner file may have. Long names may lose one or two characters in front, as Word's do.
fn excel_names(name: &str) -> Vec<String> {
    let length = Path::new(name).file_stem().and_then(|stem| stem.to_str()).map_or(0, |stem| stem.chars().count());
    let dropped: &[usize] = match length {
        0..=6 => &[0],
        7 => &[0, 1],
        _ => &[0, 2],
    };
    dropped.iter().map(|dropped| format!("~${}", name.chars().skip(*dropped).collect::<String>())).collect()
}

/// When the owner file was written, unless that is too long ago (or, with a wrong clock, too far ahead).
fn fresh_since(fingerprint: &Fingerprint, now_ms: i64) -> Option<i64> {
    let since_ms = i64::try_from(fingerprint.modified_ns / 1_000_000).ok()?;
    (now_ms.abs_diff(since_ms) <= STALE_MS.unsigned_abs()).then_some(since_ms)
}

/// The owner file's bytes. Windows may refuse to let anyone read it while the workbook is open.
fn read(disk: &dyn Disk, path: &Path) -> Option<Vec<u8>> {
    disk.snapshot(path, OWNER_FILE_BYTES_MAX).and_then(|snapshot| snapshot.to_vec()).ok()
}

/// The name in Excel's owner file: its length in byte 55, then (from 57) so many UTF-16 units. Older versions fill only
/// the first part: its length in byte 0, then so many bytes, of which only ASCII can be told.
fn excel_person(bytes: &[u8]) -> Option<String> {
    let wide = || {
        let length = usize::from(*bytes.get(55)?);
        let units = bytes.get(57..57 + 2 * length)?.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
        String::from_utf16(&units.collect::<Vec<_>>()).ok()
    };
    let narrow = || {
        let length = usize::from(*bytes.first()?);
        let text = bytes.get(1..=length)?;
        text.is_ascii().then(|| String::from_utf8_lossy(text).into_owned())
    };
    wide().and_then(|text| named(&text)).or_else(|| narrow().and_then(|text| named(&text)))
}

/// The name in the lock file of `LibreOffice`: `name,account,host,time,url;`, with `\` before a comma within a name.
fn libreoffice_person(bytes: &[u8]) -> Option<String> {
    let text = str::from_utf8(bytes).ok()?;
    let mut fields = vec![String::new()];
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            ',' => fields.push(String::new()),
            ';' => break,
            '\\' => fields.last_mut()?.extend(characters.next()),
            other => fields.last_mut()?.push(other),
        }
    }
    // Somebody who has told `LibreOffice` no name has an account at least.
    fields.iter().take(2).find_map(|field| named(field))
}

/// A name, if it is one that can be shown.
fn named(text: &str) -> Option<String> {
    let text = text.trim_matches(|character: char| character.is_whitespace() || character == '\0');
    (!text.is_empty() && !text.contains(char::is_control)).then(|| text.to_owned())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
#[expect(clippy::disallowed_methods, reason = "the test makes the files that programs make")]
mod tests {
    use super::*;
    use crate::io::{Clock, RealDisk, SystemClock};
    use std::fs;

    /// An owner file as Excel writes it: 165 bytes.
    fn excel_owner(narrow: &[u8], wide: &str) -> Vec<u8> {
        let mut bytes = vec![u8::try_from(narrow.len()).unwrap()];
        bytes.extend(narrow);
        bytes.resize(55, b' ');
        bytes.extend([u8::try_from(wide.encode_utf16().count()).unwrap(), 0]);
        bytes.extend(wide.encode_utf16().flat_map(u16::to_le_bytes));
        while bytes.len() < 165 {
            bytes.extend([b' ', 0]);
        }
        bytes.truncate(165);
        bytes
    }

    /// Who has the workbook open, or `somebody`, or `nobody`.
    fn person(name: &str, owner_file: &str, content: &[u8]) -> String {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(owner_file), content).unwrap();
        match open_elsewhere(&RealDisk, &folder.path().join(name), SystemClock.now_ms()) {
            Some(locked) => locked.person.unwrap_or_else(|| "somebody".to_owned()),
            None => "nobody".to_owned(),
        }
    }

    #[test]
    fn owner_files_say_who() {
        let excel = excel_owner(b"????", "李雷 Li");
        let libreoffice = ".~lock.客户.xlsx#";
        for (name, owner_file, content, expected) in [
            ("客户.xlsx", "~$客户.xlsx", excel.as_slice(), "李雷 Li"),
            ("customers.xlsx", "~$stomers.xlsx", &excel, "李雷 Li"),
            ("客户.xlsx", "~$老客户.xlsx", &excel, "nobody"),
            ("客户.xlsx", "~$客户.xlsx", b"\x02Li", "Li"),
            ("客户.xlsx", "~$客户.xlsx", b"", "somebody"),
            ("客户.xlsx", "~$客户.xlsx", b"\xff\xff", "somebody"),
            ("客户.xlsx", libreoffice, ",li,PC1,01.03.2026 09:00,file:///x;".as_bytes(), "li"),
            ("客户.xlsx", libreoffice, "Li\\, Lei,li,PC1,01.03.2026 09:00,x;".as_bytes(), "Li, Lei"),
            ("客户.xlsx", libreoffice, b"\xff", "somebody"),
            ("客户.xls", libreoffice, ",li,;".as_bytes(), "nobody"),
        ] {
            assert_eq!(person(name, owner_file, content), expected, "{name} with {owner_file}");
        }
    }

    #[test]
    fn owner_files_are_told_by_their_names() {
        for (name, is_one) in [
            ("~$客户.xlsx", true),
            (".~lock.客户.xlsx#", true),
            (".~lock.客户.xlsx", false),
            ("客户.xlsx", false),
            ("客户~$.xlsx", false),
        ] {
            assert_eq!(is_owner_file(&Path::new("/share").join(name)), is_one, "{name}");
        }
    }

    #[test]
    fn a_save_that_is_not_finished_is_seen_beside_the_workbook() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("客户.xlsx");
        let now_ms = SystemClock.now_ms();
        assert!(!is_being_replaced(&RealDisk, &path, now_ms));
        fs::write(folder.path().join("other.xlsx"), "x").unwrap();
        assert!(!is_being_replaced(&RealDisk, &path, now_ms));
        fs::write(folder.path().join("Cedd4100"), "x").unwrap();
        assert!(is_being_replaced(&RealDisk, &path, now_ms));
        assert!(!is_being_replaced(&RealDisk, &path, now_ms + 2 * REPLACING_MS), "it failed");
    }

    #[test]
    fn an_owner_file_of_yesterday_counts_for_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("客户.xlsx");
        fs::write(folder.path().join("~$客户.xlsx"), excel_owner(b"Li", "Li")).unwrap();
        let since_ms = open_elsewhere(&RealDisk, &path, SystemClock.now_ms()).unwrap().since_ms;
        assert!(open_elsewhere(&RealDisk, &path, since_ms + STALE_MS).is_some());
        assert_eq!(open_elsewhere(&RealDisk, &path, since_ms + STALE_MS + 1), None);
        assert_eq!(open_elsewhere(&RealDisk, &path, since_ms - STALE_MS - 1), None);
    }
}
