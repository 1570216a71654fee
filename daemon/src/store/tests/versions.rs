//! Earlier versions of workbooks: how many are kept, and what lies on the disk.

use super::*;

fn at(ms: i64) -> Timestamp {
    Timestamp(1_700_000_000_000 + ms)
}

fn sales() -> SourceName {
    "sales-east".into()
}

fn keep(store: &mut Store, ms: i64, bytes: &[u8], kept: u32) {
    store.keep_version(&sales(), at(ms), "客户.xlsx", bytes, kept).unwrap();
}

/// The times and contents that are kept, newest first.
fn kept(store: &Store) -> Vec<(i64, Vec<u8>)> {
    let versions = store.versions(Some(&sales())).unwrap();
    let content = |version: &Version| store.version(&version.source, version.at).unwrap().to_vec();
    versions.iter().map(|version| (version.at.0 - at(0).0, content(version))).collect()
}

fn shelf(folder: &tempfile::TempDir) -> std::path::PathBuf {
    path(folder).with_file_name("daybook.db.workbooks")
}

#[test]
fn the_newest_are_kept_and_the_oldest_go() {
    let folder = tempfile::tempdir().unwrap();
    for mut store in [in_memory(), on_disk(&folder)] {
        for (ms, bytes) in [(1, b"one"), (2, b"two"), (3, b"six")] {
            keep(&mut store, ms, bytes, 2);
        }
        assert_eq!(kept(&store), [(3, b"six".to_vec()), (2, b"two".to_vec())]);
        // The same millisecond again: nothing is lost, and no two have one time.
        keep(&mut store, 3, b"ten", 3);
        assert_eq!(kept(&store), [(4, b"ten".to_vec()), (3, b"six".to_vec()), (2, b"two".to_vec())]);
        keep(&mut store, 50, b"ten", 3);
        assert_eq!(kept(&store).len(), 3, "a write that is tried again keeps nothing twice");
        assert_eq!(kept(&store)[0], (4, b"ten".to_vec()));
        // A clock that was set back does not throw away what was just kept.
        keep(&mut store, 0, b"old", 2);
        assert_eq!(kept(&store), [(4, b"ten".to_vec()), (0, b"old".to_vec())]);
        store.keep_version(&"other".into(), at(9), "b.csv", b"", 1).unwrap();
        keep(&mut store, 10, b"new", 0);
        assert_eq!(kept(&store), [], "0 keeps nothing");
        let other = Version { source: "other".into(), at: at(9), file_name: "b.csv".to_owned(), bytes: 0 };
        assert_eq!(store.versions(None).unwrap(), [other]);
        assert!(store.version(&"other".into(), at(9)).unwrap().is_empty());
        let error = store.version(&sales(), at(10)).unwrap_err();
        assert!(matches!(error, StoreError::UnknownVersion { .. }), "{error}");
    }
    let next = reopen(&folder).unwrap();
    assert_eq!(next.versions(None).unwrap().len(), 1, "they outlive the program");
}

#[test]
fn a_store_without_versions_makes_no_folder() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = on_disk(&folder);
    keep(&mut store, 1, b"one", 0);
    assert!(store.versions(None).unwrap().is_empty());
    assert!(!shelf(&folder).exists());
}

#[cfg(unix)]
#[test]
fn no_plain_byte_of_a_workbook_lies_on_the_disk() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let mut store = on_disk(&folder);
    let workbook = "PK\u{3}\u{4} Secretname 13800138000 xl/worksheets/sheet1.xml ".repeat(2_000);
    keep(&mut store, 1, workbook.as_bytes(), 10);
    drop(store);
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&shelf(&folder)), 0o700);
    let all: Vec<_> = std::fs::read_dir(shelf(&folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(all.len(), 1);
    for file in &all {
        assert_eq!(mode(file), 0o600);
        let name = file.file_name().unwrap().to_str().unwrap();
        assert!(!name.contains("sales") && !name.contains("客户"), "{name}");
        let bytes = std::fs::read(file).unwrap();
        assert!(bytes.len() > workbook.len());
        for needle in ["Secretname", "138001", "sheet1", "sales", "客户", "xlsx", "PK\u{3}\u{4}"] {
            assert!(!bytes.windows(needle.len()).any(|window| window == needle.as_bytes()), "`{needle}`");
        }
    }
    assert_eq!(kept(&reopen(&folder).unwrap()), [(1, workbook.into_bytes())]);
}

#[test]
fn a_version_that_was_moved_changed_or_cut_does_not_open() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = on_disk(&folder);
    keep(&mut store, 1, b"one", 10);
    keep(&mut store, 2, b"two", 10);
    let path = |ms: i64| {
        let named = |entry: &std::fs::DirEntry| entry.file_name().to_str().unwrap().contains(&at(ms).0.to_string());
        std::fs::read_dir(shelf(&folder)).unwrap().map(Result::unwrap).find(named).unwrap().path()
    };
    let (first, second) = (path(1), path(2));
    let whole = std::fs::read(&first).unwrap();
    let unreadable = |store: &Store, ms: i64, what: &str| {
        let error = store.version(&sales(), at(ms)).unwrap_err();
        assert!(matches!(error, StoreError::Unreadable(_)), "{what}: {error}");
    };
    for place in 0..whole.len() {
        let mut changed = whole.clone();
        changed[place] ^= 1;
        overwrite(&first, &changed);
        unreadable(&store, 1, "changed");
        overwrite(&first, &whole[..place]);
        unreadable(&store, 1, "cut");
    }
    overwrite(&second, &whole);
    unreadable(&store, 2, "under another time");
    overwrite(&first, &whole);
    assert_eq!(kept(&store), [(1, b"one".to_vec())], "one that does not open hides no other");
}

fn overwrite(path: &std::path::Path, bytes: &[u8]) {
    use std::io::Write as _;
    let mut file = std::fs::OpenOptions::new().write(true).truncate(true).open(path).unwrap();
    file.write_all(bytes).unwrap();
}
