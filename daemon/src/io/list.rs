//! Finds the files that a path or a glob means.
//!
//! Only `*`, `**` and `?` are special. Brackets stand for themselves: offices write `[2026] 客户.xlsx`, and nobody
//! writes character classes. Names that begin with a dot are found only by a pattern that begins with one. Letters
//! A–Z match without regard to case, because shares are mostly served to Windows.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern};

/// How many files one pattern may mean: more is a pattern that was written by mistake.
const FILES_MAX: usize = 100_000;
/// How many folders deep `**` looks.
const DEPTH_MAX: usize = 64;

/// Whether a pattern has a `*` or a `?`.
pub fn is_glob(pattern: &Path) -> bool {
    pattern.components().any(|component| is_wild(component.as_os_str()))
}

/// The folder that must be there for the pattern to mean anything: all before the first part with a `*` or `?`;
/// for a plain path, its folder. Never empty: `.` for a bare name.
pub fn glob_root(pattern: &Path) -> PathBuf {
    let mut root = PathBuf::new();
    if is_glob(pattern) {
        root.extend(pattern.components().take_while(|component| !is_wild(component.as_os_str())));
    } else if let Some(parent) = pattern.parent() {
        root.push(parent);
    }
    if root.as_os_str().is_empty() {
        root.push(".");
    }
    root
}

fn is_wild(part: &OsStr) -> bool {
    part.as_encoded_bytes().iter().any(|byte| matches!(byte, b'*' | b'?'))
}

/// The files that the pattern means, sorted. An error if the root folder can't be listed: then nothing is known.
///
/// Folders below the root that vanish or that may not be entered are passed over. Any other failure (a server that
/// went away half way) fails the whole, so that the files it would have had don't look deleted.
pub(super) fn list(pattern: &Path) -> io::Result<Vec<PathBuf>> {
    let root = glob_root(pattern);
    if !is_glob(pattern) {
        // The folder is asked for by itself: a look at a file in a folder that is gone says only "not found".
        fs::metadata(&root)?;
        return Ok(if fs::symlink_metadata(pattern).is_ok() { vec![pattern.to_owned()] } else { Vec::new() });
    }
    drop(fs::read_dir(&root)?);
    let skip = pattern.components().take_while(|component| !is_wild(component.as_os_str())).count();
    let parts =
        pattern.components().skip(skip).map(|part| Part::parse(part.as_os_str())).collect::<io::Result<Vec<_>>>()?;
    let mut found = BTreeSet::new();
    walk(&root, &parts, 0, &mut found)?;
    Ok(found.into_iter().collect())
}

/// One component of a pattern.
enum Part {
    Literal(PathBuf),
    Wild { pattern: Pattern, hidden: bool },
    AnyFolders,
}

impl Part {
    fn parse(part: &OsStr) -> io::Result<Self> {
        if !is_wild(part) {
            return Ok(Self::Literal(part.into()));
        }
        let invalid = |reason: String| io::Error::new(io::ErrorKind::InvalidInput, reason);
        let text = part.to_str().ok_or_else(|| invalid("a pattern must be Unicode text".to_owned()))?;
        if text == "**" {
            return Ok(Self::AnyFolders);
        }
        let mut escaped = String::with_capacity(text.len());
        for character in text.chars() {
            match character {
                '[' => escaped.push_str("[[]"),
                ']' => escaped.push_str("[]]"),
                other => escaped.push(other),
            }
        }
        let pattern = Pattern::new(&escaped).map_err(|error| invalid(format!("`{text}`: {error}")))?;
        Ok(Self::Wild { pattern, hidden: text.starts_with('.') })
    }
}

fn walk(folder: &Path, parts: &[Part], depth: usize, found: &mut BTreeSet<PathBuf>) -> io::Result<()> {
    let Some((first, rest)) = parts.split_first() else { return Ok(()) };
    if depth > DEPTH_MAX {
        return Ok(());
    }
    match first {
        Part::Literal(name) => take(&folder.join(name), rest, depth, found),
        Part::Wild { pattern, hidden } => {
            for path in entries(folder)? {
                let Some(name) = path.file_name().and_then(OsStr::to_str) else { continue };
                if (*hidden || !name.starts_with('.')) && pattern.matches_with(name, MATCHING) {
                    take(&path, rest, depth, found)?;
                }
            }
            Ok(())
        }
        Part::AnyFolders => {
            // `**` at the end means every file below.
            let every = [Part::Wild { pattern: Pattern::new("*").unwrap_or_default(), hidden: false }];
            walk(folder, if rest.is_empty() { &every } else { rest }, depth, found)?;
            for path in entries(folder)? {
                let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
                // Links to folders are not followed here: they may lead in a circle.
                if !hidden && fs::symlink_metadata(&path).is_ok_and(|data| data.is_dir()) {
                    walk(&path, parts, depth + 1, found)?;
                }
            }
            Ok(())
        }
    }
}

const MATCHING: MatchOptions =
    MatchOptions { case_sensitive: false, require_literal_separator: true, require_literal_leading_dot: false };

fn take(path: &Path, rest: &[Part], depth: usize, found: &mut BTreeSet<PathBuf>) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(data) if rest.is_empty() => {
            if data.is_file() {
                if found.len() == FILES_MAX {
                    return Err(io::Error::other(format!("the pattern means more than {FILES_MAX} files")));
                }
                found.insert(path.to_owned());
            }
            Ok(())
        }
        Ok(data) if data.is_dir() => walk(path, rest, depth + 1, found),
        Ok(_) => Ok(()),
        Err(error) if is_passed_over(&error) => Ok(()),
        Err(error) => Err(error),
    }
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.path())).collect(),
        Err(error) if is_passed_over(&error) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn is_passed_over(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied | io::ErrorKind::NotADirectory)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::File::create(path).unwrap();
        }
        folder
    }

    fn check(folder: &Path, pattern: &str, expected: &[&str]) {
        let found = list(&folder.join(pattern)).unwrap();
        let names: Vec<_> = found.iter().map(|path| path.strip_prefix(folder).unwrap().to_str().unwrap()).collect();
        assert_eq!(names, expected, "for {pattern}");
    }

    #[test]
    fn patterns_mean_files() {
        let folder =
            tree(&["a.xlsx", "b.XLSX", "sub/c.xlsx", "sub/deep/d.xlsx", ".hidden.xlsx", ".h/e.xlsx", "[1].xlsx"]);
        let root = folder.path();
        check(root, "*.xlsx", &["[1].xlsx", "a.xlsx", "b.XLSX"]);
        check(root, "?.xlsx", &["a.xlsx", "b.XLSX"]);
        check(root, "**/*.xlsx", &["[1].xlsx", "a.xlsx", "b.XLSX", "sub/c.xlsx", "sub/deep/d.xlsx"]);
        check(root, "sub/**", &["sub/c.xlsx", "sub/deep/d.xlsx"]);
        check(root, "*/c.xlsx", &["sub/c.xlsx"]);
        check(root, "[1]*", &["[1].xlsx"]);
        check(root, ".h*", &[".hidden.xlsx"]);
        check(root, "a.xlsx", &["a.xlsx"]);
        check(root, "none.xlsx", &[]);
        check(root, "*.ods", &[]);
    }

    #[test]
    fn a_vanished_root_is_an_error_and_no_empty_list() {
        let folder = tree(&[]);
        for pattern in ["gone/*.xlsx", "gone/a.xlsx", "gone/**/a.xlsx"] {
            let error = list(&folder.path().join(pattern)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::NotFound, "for {pattern}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_a_circle_ends() {
        let folder = tree(&["sub/a.xlsx"]);
        std::os::unix::fs::symlink(folder.path(), folder.path().join("sub/up")).unwrap();
        check(folder.path(), "**/*.xlsx", &["sub/a.xlsx"]);
    }

    #[test]
    fn the_root_is_what_stands_before_the_first_wildcard() {
        for (pattern, root) in [
            ("/share/[a]/*.xlsx", "/share/[a]"),
            ("/share/x/y.xlsx", "/share/x"),
            ("y.xlsx", "."),
            ("*.xlsx", "."),
            ("share/**/*.xlsx", "share"),
        ] {
            assert_eq!(glob_root(Path::new(pattern)), Path::new(root), "for {pattern}");
        }
    }
}
