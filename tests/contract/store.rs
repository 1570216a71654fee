//! The store: its key, what lies in its files, rebuilding it, and being killed at any moment.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::office::{CUSTOMERS, Office, STAFF, VIEW, files_below, text};
use super::workbook::{Sheet, rows};

fn mode(office: &Office, name: &str) -> u32 {
    office.path(name).metadata().expect("it is there").permissions().mode() & 0o777
}

fn office() -> Office {
    let office = Office::with(&format!("{STAFF}{VIEW}"));
    office
        .save("share/staff.xlsx", &rows(&["Customer ID|Name|Phone", "C-1|Amber|13812345678", "C-2|Beryl|13900139000"]));
    office
}

#[test]
fn a_key_that_others_may_read_is_refused() {
    let office = office();
    for open in [0o644, 0o640, 0o604, 0o666] {
        fs::set_permissions(office.path("keys/daybook.key"), fs::Permissions::from_mode(open)).expect("a mode");
        office.program(&["sync"]).ends(1).says("daybook.key").says("chmod 600");
        assert!(!office.path("data").exists());
    }
    fs::set_permissions(office.path("keys/daybook.key"), fs::Permissions::from_mode(0o400)).expect("a mode");
    office.sync_quietly();
}

#[test]
fn a_wrong_key_says_so_and_harms_nothing() {
    let office = office();
    office.sync_quietly();
    office.program(&["init", "other"]).ends(0);
    let right = office.read("keys/daybook.key");
    fs::copy(office.path("other/keys/daybook.key"), office.path("keys/daybook.key")).expect("a key");
    let before: Vec<Vec<u8>> =
        files_below(&office.path("data")).iter().map(|path| fs::read(path).expect("a file")).collect();
    for arguments in [&["sync"][..], &["record", "list"], &["status"], &["store", "check"], &["store", "rebuild"]] {
        let ran = office.program(arguments).ends(1).says("key");
        assert!(!ran.err.contains(String::from_utf8_lossy(&right).trim()), "no key in a message");
    }
    let after: Vec<Vec<u8>> =
        files_below(&office.path("data")).iter().map(|path| fs::read(path).expect("a file")).collect();
    assert!(before == after, "nothing was written");
    for bad in [&b""[..], b"short", &[0xff; 64]] {
        office.write("keys/daybook.key", bad);
        office.program(&["record", "list"]).ends(1).says("daybook.key");
    }
    office.write("keys/daybook.key", &right);
    assert_eq!(office.value("C-1", "name"), "Amber");
    // Without its key the store is not made anew.
    fs::remove_file(office.path("keys/daybook.key")).expect("the key");
    office.program(&["sync"]).ends(1).says("daybook.key");
    assert!(!office.path("keys/daybook.key").exists());
}

#[test]
fn a_key_beside_the_store_is_refused() {
    let office = office();
    let configuration = String::from_utf8(office.read("daybook.toml")).expect("UTF-8");
    for key in ["data/daybook.key", "data/keys/daybook.key", "keys/../data/daybook.key"] {
        office.write("daybook.toml", configuration.replace("keys/daybook.key", key).as_bytes());
        office.program(&["check"]).ends(2).says("key_file");
    }
}

#[test]
fn no_value_lies_in_the_stores_files() {
    let office = office();
    office.open("share/staff.xlsx").set("C-1", "Name", "示例贸易有限公司").set("C-2", "Name", "Aventurine").save();
    office.sync_quietly();
    // Held sheets, refused values and open questions are kept too.
    office.open("share/staff.xlsx").set("C-2", "Phone", "seventeen-odd").save();
    office.sync();
    office.open("share/all.xlsx").set("C-1", "Name", "Chrysoprase").save();
    office.open("share/staff.xlsx").set("C-1", "Name", "Rhodochrosite").save();
    office.sync();
    let running = office.start(&["run"]);
    let written: Vec<_> = files_below(&office.path("data"));
    assert!(written.len() >= 2, "a store and its keys: {written:?}");
    let words = [
        "示例贸易",
        "Aventurine",
        "Chrysoprase",
        "Rhodochrosite",
        "seventeen",
        "13812345678",
        "C-1",
        "staff.xlsx",
        "customer_id",
    ];
    for path in &written {
        let bytes = fs::read(path).unwrap_or_default();
        for word in words {
            let wide: Vec<u8> = word.encode_utf16().flat_map(u16::to_le_bytes).collect();
            for form in [word.as_bytes(), &wide] {
                if form.len() < 6 {
                    continue; // so short a text comes about by chance
                }
                let found = bytes.windows(form.len()).any(|window| window == form);
                assert!(!found, "`{word}` lies in {}", path.display());
            }
        }
        assert!(!bytes.starts_with(b"SQLite format 3"), "{} is not encrypted", path.display());
    }
    drop(running);
    assert_eq!(mode(&office, "data") & 0o077, 0, "the store's folder is its owner's");
    for path in files_below(&office.path("data")) {
        let mode = path.metadata().expect("a file").permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}", path.display());
    }
}

/// All that can be asked of a store.
fn everything(office: &Office) -> Vec<Json> {
    let mut all = office.list(&["record", "list", "--archived"]);
    for key in ["C-1", "C-2"] {
        all.extend(office.list(&["record", "history", "--key", key]));
    }
    all.extend(office.list(&["review", "list", "--all"]));
    all.extend(office.list(&["change", "list"]));
    all
}

#[test]
fn a_rebuilt_ledger_is_the_same() {
    let office = office();
    office.sync_quietly();
    office.open("share/all.xlsx").set("C-1", "Name", "Agate").save();
    office.open("share/staff.xlsx").set("C-1", "Name", "Jade").set("C-2", "Phone", "none").save();
    office.sync();
    office.program(&["record", "set", "--key", "C-3", "name=Coral", "credit=12.50", "since=2026-03-01"]).ends(0);
    office.program(&["review", "decide", &office.review(), "value", "Opal"]).ends(0);
    office.open("share/staff.xlsx").remove("C-2").save();
    office.sync_quietly();
    office.program(&["record", "set", "--key", "C-1", "name=Onyx"]).ends(0);
    let newest = text(&office.list(&["change", "list"])[0]["id"]);
    office.program(&["change", "revert", &newest]).ends(0);
    let before = everything(&office);
    office.store_is_sound();
    assert!(office.json(&["store", "rebuild"])["arrivals"].as_u64().is_some_and(|count| count > 5));
    assert_eq!(everything(&office), before);
    office.store_is_sound();
    office.sync_quietly();
    office.sync_idly();
    office.open("share/staff.xlsx").set("C-1", "Phone", "13700137000").save();
    assert_eq!(office.sync_quietly()["applied"], 1, "it goes on");
    office.store_is_sound();
}

#[test]
fn a_damaged_store_is_not_used() {
    let office = office();
    office.sync_quietly();
    let store = office.read("data/daybook.db");
    let damaged = |at: usize| {
        let mut bytes = store.clone();
        bytes[at..at + 64].fill(0x5a);
        bytes
    };
    // Any page, the last one too; a part; another file.
    let pages = [1, 3, 5, 7].map(|eighth| damaged(store.len() / 8 * eighth)).into_iter();
    for bytes in pages.chain([damaged(store.len() - 100), store[..100].to_vec(), b"not a store, not at all".to_vec()]) {
        for left in ["data/daybook.db-wal", "data/daybook.db-shm"] {
            fs::remove_file(office.path(left)).ok();
        }
        office.write("data/daybook.db", &bytes);
        office.program(&["store", "check"]).ends(1);
    }
    office.write("data/daybook.db", &store);
    assert_eq!(office.value("C-1", "name"), "Amber");
}

/// Two hundred customers; `state` names how they are called.
fn many(state: &str) -> Sheet {
    let line = |number: usize| format!("C-{number}|{state} {number}|{}", 13_800_138_000_u64 + number as u64);
    let lines: Vec<String> = std::iter::once("Customer ID|Name|Phone".to_owned()).chain((1..=200).map(line)).collect();
    rows(&lines.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn killed_at_any_moment_it_goes_on_with_nothing_done_twice() {
    let guard = "[guard]\nchanged_cells_max_percent = 100\n";
    let office = Office::with(&format!("{STAFF}{VIEW}{guard}"));
    // Moments spread over a pass by a fixed sequence: the pass takes some hundred milliseconds.
    let mut moment = 7_u64;
    for round in 0..12 {
        office.save("share/staff.xlsx", &many(&format!("round {}", round / 3)));
        let running = office.start(&["sync"]);
        moment = moment.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(Duration::from_millis((moment >> 33) % 400));
        running.signal(rustix::process::Signal::KILL);
        running.ended("a killed sync");
        if office.path("data/daybook.db").exists() {
            office.store_is_sound();
        }
    }
    office.save("share/staff.xlsx", &many("round 3"));
    office.sync_quietly();
    office.sync_idly();
    office.store_is_sound();
    assert_eq!(office.list(&["record", "list"]).len(), 200);
    let history = office.list(&["record", "history", "--key", "C-7"]);
    let created: Vec<&Json> = history.iter().filter(|line| line["field"] == "customer_id").collect();
    assert_eq!(created.len(), 1, "a record is made once: {created:?}");
    let names: Vec<&Json> = history.iter().filter(|line| line["field"] == "name").map(|line| &line["value"]).collect();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "no change twice: {names:?}");
    assert_eq!(names.last(), Some(&&json!("round 3 7")));
    let view = office.open("share/all.xlsx");
    assert_eq!(view.value("C-200", "Name"), "round 3 200");
    let left: Vec<_> = files_below(&office.path("share"));
    assert_eq!(left.len(), 2, "no temporary files stay: {left:?}");
    let hidden = fs::read_dir(office.path("share")).expect("a folder").count();
    assert_eq!(hidden, 2, "nor hidden ones");
}

#[test]
fn a_store_whose_making_was_cut_short_is_finished() {
    let office = office();
    // What a kill leaves behind, step by step: the files are made empty, then the check file, then the databases.
    let files = ["data/daybook.db", "data/daybook.keys.db", "data/daybook.db.keycheck"];
    for made in 1..=3 {
        fs::remove_dir_all(office.path("data")).ok();
        for name in &files[..made] {
            office.write(name, b"");
            fs::set_permissions(office.path(name), fs::Permissions::from_mode(0o600)).expect("a mode");
        }
        office.sync_quietly();
        office.store_is_sound();
        assert_eq!(office.value("C-1", "name"), "Amber", "{made}");
    }
    // A store that holds something and has lost its data keys is damaged, and stays as it is.
    for lost in [true, false] {
        fs::remove_file(office.path("data/daybook.keys.db")).ok();
        fs::remove_file(office.path("data/daybook.keys.db-wal")).ok();
        if !lost {
            office.write("data/daybook.keys.db", b"");
        }
        office.program(&["sync"]).ends(1).says("daybook.keys.db").says("backup");
        assert_eq!(office.path("data/daybook.keys.db").exists(), !lost);
    }
}

#[test]
fn a_store_made_with_other_tables_goes_on_with_these() {
    let office = office();
    office.sync_quietly();
    let more = CUSTOMERS.replace(
        "[[table.field]]\nname = \"name\"",
        "[[table.field]]\nname = \"nick\"\n[[table.field]]\nname = \"name\"",
    );
    office.configure(&format!("{more}{STAFF}{VIEW}"));
    office.sync();
    assert_eq!(office.value("C-1", "name"), "Amber", "a field keeps its values when others come before it");
    assert_eq!(office.value("C-1", "nick"), Json::Null);
    office.program(&["record", "set", "--key", "C-1", "nick=Amy"]).ends(0);
    assert_eq!(office.value("C-1", "nick"), "Amy");
    office.store_is_sound();
}
