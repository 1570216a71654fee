//! Paths of the configuration: resolved against its directory, and compared without asking the disk.

use std::path::{Component, Path, PathBuf};

/// The directory that relative paths are relative to: the configuration file's.
pub(super) fn directory_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// A path of the configuration, seen from where Daybook runs.
pub(super) fn resolve(directory: &Path, text: &str) -> PathBuf {
    directory.join(text.strip_prefix("./").unwrap_or(text))
}

/// A pattern of the configuration: what the directory itself is called has no special meaning.
pub(super) fn resolve_pattern(directory: &Path, text: &str) -> PathBuf {
    match directory.to_str() {
        Some(directory) => resolve(Path::new(&glob::Pattern::escape(directory)), text),
        None => resolve(directory, text),
    }
}

/// Whether a path is a pattern that may mean several files.
pub(super) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// The path without `.` and `..`, for comparison only: a link may lead elsewhere.
pub(super) fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => match plain.components().next_back() {
                Some(Component::Normal(_)) => {
                    plain.pop();
                }
                Some(Component::RootDir) => {}
                _ => plain.push(".."),
            },
            other => plain.push(other),
        }
    }
    plain
}

/// Whether a pattern means a path.
pub(super) fn matches(pattern: &Path, path: &Path) -> bool {
    let options = glob::MatchOptions { require_literal_separator: true, ..glob::MatchOptions::new() };
    let Some(pattern) = plain(pattern).to_str().and_then(|text| glob::Pattern::new(text).ok()) else { return false };
    pattern.matches_path_with(&plain(path), options)
}

/// The extension of a file's path in lower case; none for a directory's.
pub(super) fn extension_of(text: &str) -> Option<String> {
    let extension = Path::new(text).extension().filter(|_| !text.ends_with('/'))?;
    extension.to_str().map(str::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_compared_without_dots() {
        for (path, expected) in [
            ("./a/./b", "a/b"),
            ("a/../b", "b"),
            ("../a", "../a"),
            ("a/../../b", "../b"),
            ("/../a", "/a"),
            ("/srv/daybook/../x", "/srv/x"),
        ] {
            assert_eq!(plain(Path::new(path)), Path::new(expected), "{path}");
        }
    }

    #[test]
    fn a_file_without_folder_lies_here() {
        assert_eq!(directory_of(Path::new("daybook.toml")), Path::new("."));
        assert_eq!(directory_of(Path::new("/etc/daybook/daybook.toml")), Path::new("/etc/daybook"));
    }

    #[test]
    fn a_pattern_does_not_cross_folders_and_the_directory_is_no_pattern() {
        let pattern = resolve_pattern(Path::new("/srv/a[1]"), "share/*.xlsx");
        assert!(matches(&pattern, Path::new("/srv/a[1]/share/b.xlsx")));
        assert!(!matches(&pattern, Path::new("/srv/a[1]/share/east/b.xlsx")));
        assert!(!matches(&pattern, Path::new("/srv/a1/share/b.xlsx")));
    }
}
