//! Which files a workbook source means.
//!
//! In comes a path or a glob, out come files with the names of their sources. What spreadsheet programs and Daybook leave
//! beside workbooks is passed over. If the folder itself is gone, or a glob that had files finds its folder empty (as a share
//! that is not mounted leaves it), nothing is known of its files: that is [`Listing::Offline`], and never "deleted".

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io;
use std::path::{Path, PathBuf};

use crate::codec::read::FileKind;
use crate::io::replace::is_leftover;
use crate::io::{Disk, glob_root, is_glob};
use crate::model::SourceName;

use super::poll::Sight;

/// Stands in the name of a copy that Daybook keeps beside a view, of what a person saved there. It is no source.
pub const KEPT: &str = ".daybook-kept-";

/// A workbook source of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkbookSource {
    /// Its name in the configuration.
    pub name: String,
    /// A file, or a glob with `*`, `**` or `?` that makes each file a source of its own.
    pub pattern: PathBuf,
    /// Files that other sources or views have, and that a glob must not mean too.
    pub except: Vec<PathBuf>,
    /// The names of a glob's files that were taken before.
    pub seen: BTreeSet<SourceName>,
}

/// One file with the name of the source that it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceFile {
    /// `sales-east`, or `sales-east:2026/客户.xlsx` for a file that a glob means: relative to the folder before the first
    /// wildcard, with `/` on every platform.
    pub name: SourceName,
    /// Where it lies.
    pub path: PathBuf,
}

/// The files of a source.
#[derive(Debug)]
pub enum Listing {
    /// These. A source that is a plain path always has its one file, whether that is there or not.
    Files(Vec<SourceFile>),
    /// The folder can't be listed.
    Offline {
        /// The folder.
        root: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// What a look at a source came to.
#[derive(Debug)]
pub struct Looked {
    /// Its files, and what was seen of each.
    pub files: Vec<(SourceFile, Sight)>,
    /// The folder and why it can't be listed: then nothing is known of any file.
    pub offline: Option<(PathBuf, io::Error)>,
}

/// A folder whose changes are worth a look.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WatchedFolder {
    /// The folder.
    pub path: PathBuf,
    /// Whether the folders below it count too.
    pub recursive: bool,
}

impl WorkbookSource {
    /// The folder to watch for this source.
    pub fn watched_folder(&self) -> WatchedFolder {
        let path = glob_root(&self.pattern);
        let below = self.pattern.strip_prefix(&path).map_or(1, |rest| rest.components().count());
        WatchedFolder { path, recursive: is_glob(&self.pattern) && below > 1 }
    }

    /// Adds a file that was taken, so that it counts as one that was there.
    pub fn remember(&mut self, name: &SourceName) {
        if is_glob(&self.pattern) {
            self.seen.insert(name.clone());
        }
    }

    /// The files that were taken before, where they would lie; the own one of a source that is a plain path.
    pub fn seen_files(&self) -> Vec<SourceFile> {
        if !is_glob(&self.pattern) {
            return vec![self.own_file()];
        }
        let root = glob_root(&self.pattern);
        let file = |name: &SourceName| {
            let relative = name.as_str().strip_prefix(&self.name)?.strip_prefix(':')?;
            Some(SourceFile { name: name.clone(), path: root.join(relative) })
        };
        self.seen.iter().filter_map(file).collect()
    }

    fn own_file(&self) -> SourceFile {
        SourceFile { name: SourceName::new(&self.name), path: self.pattern.clone() }
    }
}

/// Lists the files of a source, sorted by path.
pub fn list(disk: &dyn Disk, source: &WorkbookSource) -> Listing {
    list_knowing(disk, source, &[])
}

fn list_knowing(disk: &dyn Disk, source: &WorkbookSource, known: &[SourceFile]) -> Listing {
    let root = glob_root(&source.pattern);
    let mut paths = match disk.list(&source.pattern) {
        Ok(paths) => paths,
        Err(error) => return Listing::Offline { root, error },
    };
    if !is_glob(&source.pattern) {
        return Listing::Files(vec![source.own_file()]);
    }
    paths.retain(|path| !is_ignored(path) && !source.except.contains(path));
    if paths.is_empty()
        && !(source.seen.is_empty() && known.is_empty())
        && disk.list(&root.join("*")).is_ok_and(|all| all.is_empty())
    {
        let error = io::Error::other("it is empty, as the place of a share that is not mounted is");
        return Listing::Offline { root, error };
    }
    let before = source.seen.iter().chain(known.iter().map(|file| &file.name));
    Listing::Files(named(&source.name, &root, paths, before))
}

/// Gives files their sources' names. One that was renamed in the case of its letters only stays the source that it was.
fn named<'a>(
    source: &str,
    root: &Path,
    paths: Vec<PathBuf>,
    before: impl Iterator<Item = &'a SourceName>,
) -> Vec<SourceFile> {
    let mut files: Vec<SourceFile> =
        paths.into_iter().map(|path| SourceFile { name: file_name(source, root, &path), path }).collect();
    let there: HashSet<SourceName> = files.iter().map(|file| file.name.clone()).collect();
    let (still, gone): (HashSet<&SourceName>, HashSet<&SourceName>) = before.partition(|name| there.contains(*name));
    let mut renamed: BTreeMap<String, &SourceName> =
        gone.into_iter().map(|name| (name.as_str().to_lowercase(), name)).collect();
    for file in &mut files {
        if !still.contains(&file.name)
            && let Some(name) = renamed.remove(&file.name.as_str().to_lowercase())
        {
            file.name = name.clone();
        }
    }
    files
}

/// Looks at every file of a source, and at those of `known` that the source had and that are not listed any more.
pub fn look(disk: &dyn Disk, source: &WorkbookSource, known: &[SourceFile]) -> Looked {
    let mut files = match list_knowing(disk, source, known) {
        Listing::Files(files) => files,
        Listing::Offline { root, error } => {
            tracing::debug!(source = source.name, %error, "a source is offline");
            let mut files = known.to_vec();
            if !is_glob(&source.pattern) && known.is_empty() {
                files.push(source.own_file());
            }
            let files = files.into_iter().map(|file| (file, Sight::Offline)).collect();
            return Looked { files, offline: Some((root, error)) };
        }
    };
    let listed: HashSet<SourceName> = files.iter().map(|file| file.name.clone()).collect();
    files.extend(known.iter().filter(|file| !listed.contains(&file.name)).cloned());
    let sight = |file: &SourceFile| match disk.fingerprint(&file.path) {
        Ok(Some(fingerprint)) => Sight::There(fingerprint),
        Ok(None) => Sight::Nothing,
        Err(error) => {
            tracing::debug!(source = file.name.as_str(), %error, "a file can't be looked at");
            Sight::Offline
        }
    };
    let files = files.into_iter().map(|file| (sight(&file), file)).map(|(sight, file)| (file, sight)).collect();
    Looked { files, offline: None }
}

/// The kind of file that its name says; `None` for one that is no workbook by its name.
pub fn file_kind(path: &Path) -> Option<FileKind> {
    match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "xlsx" | "xlsm" => Some(FileKind::Xlsx),
        "xls" => Some(FileKind::Xls),
        "xlsb" => Some(FileKind::Xlsb),
        "ods" => Some(FileKind::Ods),
        "csv" | "tsv" | "txt" => Some(FileKind::Csv),
        _ => None,
    }
}

/// Whether a file is one that programs leave beside workbooks: owner files, half-written saves, hidden files.
pub fn is_ignored(path: &Path) -> bool {
    let Some(name) = path.file_name() else { return true };
    if is_leftover(name) {
        return true;
    }
    // A name that is no Unicode text can't be a source's name.
    let Some(name) = name.to_str() else { return true };
    name.starts_with('.') || name.contains(KEPT) || name.starts_with("~$") || is_half_saved(path)
}

/// Whether a file's name is that of a save that is not finished: eight hexadecimal digits as Excel's, or `*.tmp`.
pub(super) fn is_half_saved(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return false };
    let is_excel_save = name.len() == 8 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_excel_save || path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("tmp"))
}

fn file_name(source: &str, root: &Path, path: &Path) -> SourceName {
    // `glob_root` is `.` for a bare pattern, and the paths found don't begin with it everywhere.
    let relative = path.strip_prefix(root).unwrap_or(path);
    let parts: Vec<_> = relative.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    SourceName::new(&format!("{source}:{}", parts.join("/")))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
#[expect(clippy::disallowed_methods, reason = "the test makes the files that people make")]
mod tests {
    use super::*;
    use crate::io::RealDisk;
    use std::fs;

    fn source(pattern: PathBuf) -> WorkbookSource {
        WorkbookSource { name: "sales".to_owned(), pattern, except: Vec::new(), seen: BTreeSet::new() }
    }

    fn names(listing: Listing) -> Vec<String> {
        match listing {
            Listing::Files(files) => files.into_iter().map(|file| file.name.to_string()).collect(),
            Listing::Offline { error, .. } => panic!("offline: {error}"),
        }
    }

    #[test]
    fn a_glob_makes_a_source_a_file_and_passes_leftovers_over() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("东区")).unwrap();
        let all = [
            "客户.xlsx",
            "东区/客户.xlsx",
            "~$客户.xlsx",
            ".~lock.客户.xlsx#",
            "a.TMP",
            "Cedd4100",
            "view.xlsx",
            "b.csv",
        ];
        for name in all.into_iter().chain([".daybook-0011.tmp", ".hidden.xlsx"]) {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        let mut source = source(folder.path().join("**/*"));
        source.except.push(folder.path().join("view.xlsx"));
        assert_eq!(names(list(&RealDisk, &source)), ["sales:b.csv", "sales:东区/客户.xlsx", "sales:客户.xlsx"]);
    }

    #[test]
    fn which_names_are_ignored() {
        for (name, ignored) in [
            ("Cedd4100", true),
            ("Cedd410", false),
            ("Cedd4100.xlsx", false),
            ("客户表格", false),
            ("~$客户.xlsx", true),
            (".~lock.客户.xlsx#", true),
            ("客户.tmp", true),
            ("客户.xlsx", false),
        ] {
            assert_eq!(is_ignored(Path::new(name)), ignored, "for {name}");
        }
    }

    #[test]
    fn a_plain_path_is_its_source_also_while_it_is_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".kept on purpose.xlsx");
        let source = source(path.clone());
        assert_eq!(names(list(&RealDisk, &source)), ["sales"]);
        let [(file, sight)] = look(&RealDisk, &source, &[]).files.try_into().unwrap();
        assert_eq!((file.path, sight), (path.clone(), Sight::Nothing));
        fs::write(&path, "x").unwrap();
        assert!(matches!(look(&RealDisk, &source, &[]).files[..], [(_, Sight::There(_))]));
    }

    #[test]
    fn a_vanished_folder_is_offline_and_deletes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let share = folder.path().join("share");
        fs::create_dir(&share).unwrap();
        fs::write(share.join("a.xlsx"), "x").unwrap();
        let source = source(share.join("*.xlsx"));
        let Listing::Files(known) = list(&RealDisk, &source) else { panic!("offline") };
        fs::rename(&share, folder.path().join("elsewhere")).unwrap();
        assert!(matches!(list(&RealDisk, &source), Listing::Offline { root, .. } if root == share));
        let offline = look(&RealDisk, &source, &known);
        assert_eq!(offline.files, [(known[0].clone(), Sight::Offline)]);
        assert!(offline.offline.is_some_and(|(root, _)| root == share));
        // The place where it was mounted is there and empty.
        fs::create_dir(&share).unwrap();
        let emptied = look(&RealDisk, &source, &known);
        assert_eq!(emptied.files, [(known[0].clone(), Sight::Offline)]);
        assert!(emptied.offline.is_some_and(|(_, error)| error.to_string().contains("empty")));
        assert!(look(&RealDisk, &source, &[]).offline.is_none(), "a folder that never had a file may be empty");
        let seen = WorkbookSource { seen: BTreeSet::from([known[0].name.clone()]), ..source.clone() };
        assert!(look(&RealDisk, &seen, &[]).offline.is_some(), "nor is it the first run");
        fs::write(share.join("b.xlsx"), "x").unwrap();
        let one_gone = look(&RealDisk, &source, &known);
        assert!(one_gone.offline.is_none());
        assert_eq!(one_gone.files[1], (known[0].clone(), Sight::Nothing));
    }

    #[test]
    fn a_file_renamed_in_the_case_of_its_letters_stays_the_source_that_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let source = source(folder.path().join("*"));
        let rename = |from: &str, to: &str| fs::rename(folder.path().join(from), folder.path().join(to)).unwrap();
        fs::write(folder.path().join("客户.XLSX"), "x").unwrap();
        fs::write(folder.path().join("Other.xlsx"), "x").unwrap();
        let Listing::Files(known) = list(&RealDisk, &source) else { panic!("offline") };
        rename("客户.XLSX", "客户.xlsx");
        rename("Other.xlsx", "another.xlsx");
        let seen = WorkbookSource { seen: known.iter().map(|file| file.name.clone()).collect(), ..source.clone() };
        assert_eq!(names(list(&RealDisk, &seen)), ["sales:another.xlsx", "sales:客户.XLSX"]);
        // The daemon does not look for it at the old place, but it does for the one with another name.
        let looked = look(&RealDisk, &source, &known).files;
        let found: Vec<_> = looked.iter().map(|(file, sight)| (file.name.as_str(), *sight == Sight::Nothing)).collect();
        assert_eq!(found, [("sales:another.xlsx", false), ("sales:客户.XLSX", false), ("sales:Other.xlsx", true)]);
        // Two files whose names differ in case are two sources.
        fs::write(folder.path().join("客户.XLSX"), "x").unwrap();
        assert_eq!(names(list(&RealDisk, &seen)), ["sales:another.xlsx", "sales:客户.XLSX", "sales:客户.xlsx"]);
    }

    #[test]
    fn the_folder_to_watch_goes_as_deep_as_the_glob() {
        for (pattern, path, recursive) in [
            ("/share/a.xlsx", "/share", false),
            ("/share/*.xlsx", "/share", false),
            ("/share/*/a.xlsx", "/share", true),
            ("/share/**/*.xlsx", "/share", true),
            ("*.xlsx", ".", false),
        ] {
            let expected = WatchedFolder { path: path.into(), recursive };
            assert_eq!(source(pattern.into()).watched_folder(), expected, "for {pattern}");
        }
    }
}
