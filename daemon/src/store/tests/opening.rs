//! What opening says of each thing that can be wrong, and what lies on the disk.

use super::*;

fn other_key() -> MasterKey {
    MasterKey::parse(&KEY_TEXT.replace("0011", "1100")).unwrap()
}

fn refusal(folder: &tempfile::TempDir, key: &MasterKey) -> String {
    Store::open(&path(folder), key, entropy(), Options::default()).map(|_| ()).unwrap_err().to_string()
}

fn filled() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut store = on_disk(&folder);
    commit(&mut store, &sheet(1, None, (0..200).map(|number| created(number, "Secretname")).collect()));
    folder
}

fn files(folder: &tempfile::TempDir) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(path(folder).parent().unwrap()).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

fn overwrite(path: &std::path::Path, bytes: &[u8]) {
    use std::io::Write as _;
    let mut file = std::fs::OpenOptions::new().write(true).truncate(true).open(path).unwrap();
    file.write_all(bytes).unwrap();
}

#[test]
fn nothing_there() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(reopen(&folder), Err(StoreError::Missing(_))));
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "opening makes no file");
}

#[test]
fn a_store_is_never_made_over_another() {
    let folder = filled();
    let made = Store::create(&path(&folder), &master(), entropy(), Options::default());
    assert!(matches!(made, Err(StoreError::Exists(_))));
    assert_eq!(name_of(&mut reopen(&folder).unwrap(), 3), Some("Secretname".to_owned()));
}

#[test]
fn another_key_is_told_from_damage() {
    let folder = filled();
    assert!(refusal(&folder, &other_key()).contains("was made with another key"));
    let check = path(&folder).with_extension("db.keycheck");
    std::fs::remove_file(&check).unwrap();
    assert!(refusal(&folder, &other_key()).contains("is not a Daybook store, or it was made with another key"));
    assert!(!check.exists(), "a wrong key writes no check file");
    reopen(&folder).unwrap();
    assert!(check.exists(), "the right key writes it again");
}

#[test]
fn another_file_and_a_damaged_one() {
    let folder = filled();
    let whole = std::fs::read(path(&folder)).unwrap();
    overwrite(&path(&folder), &whole[..whole.len() / 2]);
    assert!(refusal(&folder, &master()).contains("is damaged"), "cut");
    overwrite(&path(&folder), b"");
    assert!(refusal(&folder, &master()).contains("is damaged (it is empty)"));
    overwrite(&path(&folder), &vec![b'x'; 20_000]);
    assert!(refusal(&folder, &master()).contains("is damaged"), "overwritten");
    std::fs::remove_file(path(&folder).with_extension("db.keycheck")).unwrap();
    assert!(refusal(&folder, &master()).contains("is not a Daybook store"));
    overwrite(&path(&folder), &whole);
    std::fs::remove_file(path(&folder).with_extension("keys.db")).unwrap();
    assert!(refusal(&folder, &master()).contains("data keys beside it is gone"));
}

#[test]
fn a_newer_format_is_refused() {
    let folder = filled();
    let store = reopen(&folder).unwrap();
    store.conn.execute_batch("PRAGMA user_version = 99").unwrap();
    drop(store);
    assert!(matches!(reopen(&folder), Err(StoreError::Newer { found: 99, .. })));
}

#[test]
fn a_flipped_bit_is_never_read_as_a_value() {
    let folder = filled();
    let whole = std::fs::read(path(&folder)).unwrap();
    for at in (0..whole.len()).step_by(whole.len() / 60) {
        let mut flipped = whole.clone();
        flipped[at] ^= 4;
        overwrite(&path(&folder), &flipped);
        let Ok(mut store) = reopen(&folder) else { continue };
        let read = store.snapshot().and_then(|snapshot| {
            snapshot.for_each_record(&table_name(), |record| {
                assert_eq!(record.value(FieldId(1)).unwrap().to_string(), "Secretname");
                ControlFlow::Continue(())
            })
        });
        assert!(read.is_ok() || matches!(read, Err(StoreError::Unreadable(_))), "{read:?}");
    }
}

#[test]
fn no_value_lies_open_in_any_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = on_disk(&folder);
    commit(&mut store, &sheet(1, None, (0..200).map(|number| created(number, "Secretname")).collect()));
    let opened = Posting { reviews: vec![open_review(review(1, Some(3)))], ..posting(2) };
    commit(&mut store, &opened);
    let held = HeldPayload { review: review_id(2), rows: b"Secretname" };
    let holding = Posting { reviews: vec![open_review(review(2, None))], ..posting(3) };
    store.commit_along(Revision(2), &holding, Along { held: Some(held), ..Along::default() }).unwrap();
    let scan = |files: Vec<std::path::PathBuf>| {
        for file in files {
            let bytes = std::fs::read(&file).unwrap();
            for needle in ["Secretname", "incoming", "C-000", "customer", "SQLite", "客户"] {
                let found = bytes.windows(needle.len()).any(|window| window == needle.as_bytes());
                assert!(!found, "`{needle}` in {}", file.display());
            }
        }
    };
    assert!(files(&folder).len() >= 5, "with both logs");
    scan(files(&folder));
    drop(store);
    scan(files(&folder));
}

#[test]
fn behind_the_cipher_of_the_database_the_values_are_sealed_too() {
    let folder = filled();
    let store = reopen(&folder).unwrap();
    for table in ["record", "entry_block", "baseline_rows", "baseline_cells", "arrival", "key_index"] {
        let mut statement = store.conn.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            for column in 0..columns {
                let value = format!("{:?}", row.get_ref(column).unwrap());
                let bytes = row.get_ref(column).unwrap().as_blob().map(<[u8]>::to_vec).unwrap_or_default();
                assert!(!value.contains("Secretname") && !bytes.windows(10).any(|at| at == b"Secretname"), "{table}");
            }
        }
    }
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_the_files() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let store = on_disk(&folder);
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(path(&folder).parent().unwrap()), 0o700);
    for file in files(&folder) {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    drop(store);
}
