//! How programs save and how shares behave: no edit is lost, nothing looks deleted, nobody is alarmed for nothing.

use std::fs;
use std::io::Write as _;

use rustix::process::Signal;
use serde_json::json;

use super::office::{Office, Ran, Running, STAFF, VIEW, problems, text, wait_until};
use super::workbook::{Workbook, rows};

/// Every file in the folder, views left out.
const ALL: &str = r#"
[[workbook]]
name = "sales"
path = "share/*.xlsx"
table = "customers"
acts_as = "role:staff"
"#;

/// A workbook in a folder of its own, so that the daemon's work can be seen while the share is away.
const NEAR: &str = r#"
[[workbook]]
name = "near"
path = "near/near.xlsx"
table = "customers"
acts_as = "role:staff"
"#;

fn people() -> super::workbook::Sheet {
    rows(&["Customer ID|Name|E-mail", "C-1|Amber|", "C-2|Beryl|", "C-3|Coral|", "C-4|Diamond|"])
}

/// The bytes of a workbook with another name in it.
fn renamed(office: &Office, file: &str, key: &str, name: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("copy.xlsx");
    fs::copy(office.path(file), &copy).expect("the workbook");
    Workbook::open(&copy).set(key, "Name", name).save();
    fs::read(copy).expect("the copy")
}

fn state(office: &Office, source: &str) -> (String, serde_json::Value) {
    let status = office.json(&["status"]);
    let sources = status["sources"].as_array().expect("sources");
    let found = sources.iter().find(|line| line["name"] == source);
    let found = found.unwrap_or_else(|| panic!("no `{source}` in {status}"));
    (text(&found["state"]), found["error"].clone())
}

fn shows(office: &Office, view: &str, key: &str, name: &str) -> bool {
    office.path(view).exists() && office.open(view).has(key) && office.open(view).value(key, "Name") == name
}

/// Ends the daemon, which has to have lost and alarmed nothing.
fn end(daemon: Running) -> Ran {
    daemon.signal(Signal::TERM);
    daemon.ended("the daemon").ends(0)
}

/// Changes something by the command line and waits until the daemon has put it into the view: it has looked at all since.
fn let_it_look(office: &Office, view: &str, name: &str) {
    office.program(&["record", "set", "--key", "C-4", &format!("name={name}")]).ends(0);
    wait_until("the daemon works on", || shows(office, view, "C-4", name));
}

#[test]
fn excel_writes_beside_deletes_and_renames() {
    let office = Office::with(&format!("{ALL}{}", VIEW.replace("share/", "views/")));
    fs::create_dir(office.path("views")).expect("a folder");
    office.save("share/客户.xlsx", &people());
    let daemon = office.start(&["run"]);
    wait_until("the view is written", || shows(&office, "views/all.xlsx", "C-1", "Amber"));
    for (round, name) in ["Agate", "Jade", "Opal"].iter().enumerate() {
        let saved = renamed(&office, "share/客户.xlsx", "C-1", name);
        office.write("share/Cedd4100", &saved);
        fs::remove_file(office.path("share/客户.xlsx")).expect("the workbook");
        let_it_look(&office, "views/all.xlsx", &format!("Diamond {round}"));
        fs::rename(office.path("share/Cedd4100"), office.path("share/客户.xlsx")).expect("the temporary file");
        wait_until("the edit is in the view", || shows(&office, "views/all.xlsx", "C-1", name));
    }
    let ran = end(daemon);
    assert!(!ran.err.contains("WARN"), "nobody is alarmed: {}", ran.err);
    let sources: Vec<_> = office.json(&["status"])["sources"].as_array().expect("sources").clone();
    let names: Vec<&str> = sources.iter().filter_map(|line| line["name"].as_str()).collect();
    assert_eq!(names, ["sales:客户.xlsx", "all"], "the temporary file is no source");
    assert!(office.reviews().is_empty());
    assert_eq!(office.list(&["record", "list"]).len(), 4);
    office.store_is_sound();
}

#[test]
fn libreoffice_empties_the_file_and_writes_into_it_piece_by_piece() {
    let office = Office::with(&format!("{STAFF}{VIEW}"));
    office.save("share/staff.xlsx", &people());
    let daemon = office.start(&["run"]);
    wait_until("the view is written", || shows(&office, "share/all.xlsx", "C-1", "Amber"));
    let saved = renamed(&office, "share/staff.xlsx", "C-1", "Agate");
    let mut file = fs::File::create(office.path("share/staff.xlsx")).expect("the workbook");
    let_it_look(&office, "share/all.xlsx", "Diamond 1");
    assert_eq!(state(&office, "staff"), ("empty".to_owned(), json!("the file is empty")));
    for (number, piece) in saved.chunks(saved.len() / 3 + 1).enumerate() {
        let_it_look(&office, "share/all.xlsx", &format!("Diamond 1{number}"));
        assert_eq!(office.value("C-1", "name"), "Amber", "half a workbook is none");
        file.write_all(piece).expect("it can be written");
    }
    wait_until("the edit is taken", || office.value("C-1", "name") == "Agate");
    let ran = end(daemon);
    assert!(!ran.err.contains("WARN"), "nobody is alarmed: {}", ran.err);
    assert!(office.reviews().is_empty());
    assert_eq!(state(&office, "staff").0, "ok");
    office.store_is_sound();
}

/// While a save is under way, others change something: it reaches the workbook after the save, and takes nothing of it.
#[test]
fn a_workbook_that_daybook_writes_into_is_left_alone_while_it_is_saved() {
    let two_way = STAFF.replace("acts_as", "sync = \"two-way\"\nacts_as");
    let office = Office::with(&format!("{two_way}{VIEW}"));
    office.save("share/staff.xlsx", &people());
    let daemon = office.start(&["run"]);
    wait_until("the view is written", || shows(&office, "share/all.xlsx", "C-1", "Amber"));
    let begin_excel = |saved: &[u8]| {
        office.write("share/Cedd4100", saved);
        fs::remove_file(office.path("share/staff.xlsx")).expect("the workbook");
    };
    let end_excel = || fs::rename(office.path("share/Cedd4100"), office.path("share/staff.xlsx")).expect("the save");
    for (round, name) in ["Agate", "Jade", "Opal"].iter().enumerate() {
        let saved = renamed(&office, "share/staff.xlsx", "C-1", name);
        begin_excel(&saved);
        let other = format!("Excel {round}");
        let_it_look(&office, "share/all.xlsx", &other);
        assert!(!office.path("share/staff.xlsx").exists(), "nothing is put there");
        end_excel();
        wait_until("the edit is taken", || office.value("C-1", "name") == *name);
        wait_until("the other's change is written", || shows(&office, "share/staff.xlsx", "C-4", &other));

        let saved = renamed(&office, "share/staff.xlsx", "C-2", name);
        let mut file = fs::File::create(office.path("share/staff.xlsx")).expect("the workbook");
        let (first, rest) = saved.split_at(saved.len() / 2);
        let other = format!("LibreOffice {round}");
        let_it_look(&office, "share/all.xlsx", &other);
        file.write_all(first).expect("it can be written");
        let_it_look(&office, "share/all.xlsx", &format!("{other} still"));
        file.write_all(rest).expect("it can be written");
        drop(file);
        wait_until("the edit is taken", || office.value("C-2", "name") == *name);
        wait_until("the other's change is written", || {
            shows(&office, "share/staff.xlsx", "C-4", &format!("{other} still"))
        });
        assert!(shows(&office, "share/staff.xlsx", "C-1", name) && shows(&office, "share/staff.xlsx", "C-2", name));
    }
    let ran = end(daemon);
    assert!(!ran.err.contains("WARN"), "nobody is alarmed: {}", ran.err);
    assert!(office.reviews().is_empty());
    office.sync_idly();
    office.store_is_sound();
}

#[test]
fn status_tells_why_a_file_could_not_be_read_until_it_can() {
    let office = Office::with(&format!("{STAFF}{VIEW}"));
    office.save("share/staff.xlsx", &people());
    office.sync_quietly();
    let good = office.read("share/staff.xlsx");
    for (bad, words) in [
        (good[..good.len() / 2].to_vec(), "ends too early"),
        (b"no workbook".to_vec(), "staff.xlsx"),
        (rows(&["Phone|Name", "1|Amber"]).xlsx(), "staff.xlsx"),
    ] {
        office.write("share/staff.xlsx", &bad);
        let report = office.json(&["sync", "--dry-run"]);
        assert_eq!(problems(&report).len(), 1, "{report}");
        assert_eq!(state(&office, "staff").0, "ok", "a dry run notes nothing");
        let told = text(&office.sync()["problems"][0]["message"]);
        let (state_now, error) = state(&office, "staff");
        assert_eq!((state_now.as_str(), text(&error)), ("unreadable", told.clone()));
        assert!(told.contains(words), "{told}");
        office.write("share/staff.xlsx", &good);
        office.sync_idly();
        assert_eq!(state(&office, "staff"), ("ok".to_owned(), json!(null)));
    }
    // The daemon tells it too, and of a view that somebody has spoilt.
    let daemon = office.start(&["run"]);
    office.write("share/all.xlsx", b"no workbook");
    wait_until("it is noticed", || state(&office, "all").0 == "unreadable");
    assert_eq!(office.read("share/all.xlsx"), b"no workbook", "it is not written over");
    end(daemon);
    fs::remove_file(office.path("share/all.xlsx")).expect("the view");
    office.sync_quietly();
    assert!(shows(&office, "share/all.xlsx", "C-1", "Amber"));
    assert_eq!(state(&office, "all"), ("ok".to_owned(), json!(null)));
}

#[test]
fn another_case_of_the_letters_is_the_same_file_for_a_glob() {
    let office = Office::with(&format!("{ALL}{}", VIEW.replace("share/", "views/")));
    fs::create_dir(office.path("views")).expect("a folder");
    office.save("share/客户.XLSX", &people());
    office.save("share/Second.xlsx", &rows(&["Customer ID|Name", "C-1|Amber"]));
    office.sync_quietly();
    // Two people, one cell: a question.
    office.program(&["record", "set", "--key", "C-1", "name=Agate"]).ends(0);
    office.open("share/客户.XLSX").set("C-1", "Name", "Jade").save();
    assert_eq!(office.sync_quietly()["conflicts"], 1);
    let question = office.review();
    let rename = |from: &str, to: &str| fs::rename(office.path(from), office.path(to)).expect("the file");
    rename("share/客户.XLSX", "share/客户.xlsx");
    rename("share/Second.xlsx", "share/second.xlsx");
    office.sync_idly();
    assert_eq!(office.review(), question, "the question is not asked again");
    // Renamed and edited between two looks.
    rename("share/客户.xlsx", "share/客户.Xlsx");
    office.open("share/客户.Xlsx").set("C-2", "Name", "Bronze").save();
    assert_eq!(office.sync_quietly()["applied"], 1);
    let daemon = office.start(&["run"]);
    wait_until("the view is written", || shows(&office, "views/all.xlsx", "C-2", "Bronze"));
    rename("share/客户.Xlsx", "share/客户.xlsx");
    office.open("share/客户.xlsx").set("C-3", "Name", "Copper").save();
    wait_until("the edit is in the view", || shows(&office, "views/all.xlsx", "C-3", "Copper"));
    let ran = end(daemon);
    assert!(!ran.err.contains("WARN"), "nobody is alarmed: {}", ran.err);
    assert_eq!(office.review(), question);
    assert_eq!(office.list(&["record", "list"]).len(), 4);
    let status = office.json(&["status"]);
    let states: Vec<_> =
        status["sources"].as_array().expect("sources").iter().map(|line| text(&line["state"])).collect();
    assert_eq!(states, ["ok", "ok", "ok"], "{status}");
    office.store_is_sound();
}

#[test]
fn another_case_of_the_letters_is_another_file_for_a_fixed_path() {
    let office = Office::with(STAFF);
    office.save("share/staff.xlsx", &people());
    office.sync_quietly();
    fs::rename(office.path("share/staff.xlsx"), office.path("share/Staff.xlsx")).expect("the file");
    let report = office.sync();
    assert_eq!(problems(&report).iter().map(|(code, _)| code.as_str()).collect::<Vec<_>>(), ["missing-file"]);
    assert_eq!(report["arrivals"], 0);
    assert_eq!(state(&office, "staff").0, "missing");
    assert!(office.reviews().is_empty());
    fs::rename(office.path("share/Staff.xlsx"), office.path("share/staff.xlsx")).expect("the file");
    office.sync_idly();
}

#[test]
fn an_older_copy_with_the_time_of_the_newer_one_is_seen_and_takes_nothing_back() {
    let office = Office::with(&format!("{STAFF}{NEAR}"));
    office.save("share/staff.xlsx", &people());
    office.write("near/near.xlsx", &rows(&["Customer ID|Name", "C-9|Opal"]).xlsx());
    fs::copy(office.path("share/staff.xlsx"), office.path("share/older")).expect("a copy");
    let daemon = office.start(&["run"]);
    // Looking while the store is being made stops nobody.
    let stored = |key: &str, field: &str, value: &str| {
        let ran = office.program(&["--json", "record", "show", "--key", key]);
        ran.code == 0 && ran.json()["fields"][field] == value
    };
    wait_until("it is taken", || stored("C-4", "name", "Diamond"));
    let newer = [("C-1", "Agate"), ("C-2", "Bronze"), ("C-3", "Copper"), ("C-4", "Dust")];
    let mut book = office.open("share/staff.xlsx");
    for (key, name) in newer {
        book.set(key, "Name", name);
    }
    book.save();
    wait_until("the edits are taken", || stored("C-4", "name", "Dust"));
    let time = office.path("share/staff.xlsx").metadata().and_then(|found| found.modified()).expect("a time");
    let restore = || {
        let older = fs::File::options().append(true).open(office.path("share/older")).expect("the copy");
        older.set_modified(time).expect("the time can be set");
        drop(older);
        fs::copy(office.path("share/older"), office.path("share/restored")).expect("a copy");
        let restored = fs::File::options().append(true).open(office.path("share/restored")).expect("the copy");
        restored.set_modified(time).expect("the time can be set");
        fs::rename(office.path("share/restored"), office.path("share/staff.xlsx")).expect("the copy");
    };
    // As it was, then with something that was typed into it.
    restore();
    office.open("near/near.xlsx").set("C-9", "Name", "Jade").save();
    wait_until("the daemon works on", || stored("C-9", "name", "Jade"));
    office.open("share/older").set("C-4", "E-mail", "dust@example.com").save();
    restore();
    wait_until("what is new in it is taken", || stored("C-4", "email", "dust@example.com"));
    end(daemon);
    for (key, name) in newer {
        assert_eq!(office.value(key, "name"), name, "nothing is taken back");
    }
    office.sync();
    office.sync_idly();
    office.store_is_sound();
}

/// An office whose workbook, glob and view lie on a share that can go away, and a workbook that stays near.
fn far_office() -> Office {
    let glob = ALL.replace("share/*.xlsx", "far/*.csv");
    let office =
        Office::with(&format!("{}{glob}{}{NEAR}", STAFF.replace("share/", "far/"), VIEW.replace("share/", "far/")));
    office.write("far/staff.xlsx", &people().xlsx());
    office.write("far/one.csv", rows(&["Customer ID|Name", "C-5|Emerald"]).csv(",").as_bytes());
    office.write("far/two.csv", rows(&["Customer ID|Name", "C-6|Flint"]).csv(",").as_bytes());
    office.write("near/near.xlsx", &rows(&["Customer ID|Name", "C-9|Opal"]).xlsx());
    office
}

fn told_of(ran: &Ran, code: &str) -> usize {
    ran.err.matches(&format!("code=\"{code}\"")).count()
}

#[test]
fn a_share_that_vanishes_is_offline_and_comes_back_as_it_was() {
    let office = far_office();
    let daemon = office.start(&["run"]);
    wait_until("the view is written", || shows(&office, "far/all.xlsx", "C-9", "Opal"));
    let sources = ["staff", "sales:one.csv", "sales:two.csv", "all"];
    for name in ["Jade", "Onyx"] {
        fs::rename(office.path("far"), office.path("away")).expect("the share");
        for source in sources {
            wait_until("it is offline", || state(&office, source).0 == "offline");
        }
        office.open("near/near.xlsx").set("C-9", "Name", name).save();
        wait_until("the daemon works on", || office.value("C-9", "name") == name);
        wait_until("the view waits", || {
            let status = office.json(&["status"]);
            status["outbox"] == json!({"pending": 1, "parked": 0})
        });
        assert!(!office.path("far").exists(), "nothing is made in its place");
        fs::rename(office.path("away"), office.path("far")).expect("the share");
        wait_until("the view is written", || shows(&office, "far/all.xlsx", "C-9", name));
        for source in sources {
            wait_until("all is well", || state(&office, source).0 == "ok");
        }
    }
    let ran = end(daemon);
    assert_eq!(told_of(&ran, "offline"), 2 * 3, "each source is told of once each time: {}", ran.err);
    for code in ["missing-file", "view-not-written", "file-not-readable"] {
        assert_eq!(told_of(&ran, code), 0, "{}", ran.err);
    }
    assert!(office.reviews().is_empty());
    assert_eq!(office.list(&["record", "list"]).len(), 7);
    office.sync_idly();
    office.store_is_sound();
}

#[test]
fn a_share_that_is_away_at_the_start_is_told_of_and_written_when_it_comes() {
    let office = far_office();
    office.sync_quietly();
    fs::rename(office.path("far"), office.path("away")).expect("the share");
    office.open("near/near.xlsx").set("C-9", "Name", "Jade").save();
    let report = office.sync();
    let mut told = problems(&report);
    told.dedup();
    let far = office.path("far").display().to_string();
    assert_eq!(told, [("offline".to_owned(), far)], "{report}");
    assert_eq!((report["problems"].as_array().map(Vec::len), &report["applied"]), (Some(3), &json!(1)));
    let daemon = office.start(&["run"]);
    office.open("near/near.xlsx").set("C-9", "Name", "Onyx").save();
    wait_until("the daemon works", || office.value("C-9", "name") == "Onyx");
    fs::rename(office.path("away"), office.path("far")).expect("the share");
    wait_until("the view is written", || shows(&office, "far/all.xlsx", "C-9", "Onyx"));
    let ran = end(daemon);
    assert_eq!(told_of(&ran, "offline"), 3, "{}", ran.err);
    office.sync_idly();
}

#[test]
fn a_share_that_comes_back_empty_is_not_mounted() {
    let office = Office::with(&format!("{}{NEAR}", ALL.replace("share/*", "far/*")));
    office.write("far/one.xlsx", &people().xlsx());
    office.write("far/two.xlsx", &rows(&["Customer ID|Name", "C-5|Emerald"]).xlsx());
    office.write("near/near.xlsx", &rows(&["Customer ID|Name", "C-9|Opal"]).xlsx());
    office.sync_quietly();
    let daemon = office.start(&["run"]);
    fs::rename(office.path("far"), office.path("away")).expect("the share");
    fs::create_dir(office.path("far")).expect("the place where it was mounted");
    office.open("near/near.xlsx").set("C-9", "Name", "Jade").save();
    wait_until("the daemon works on", || office.value("C-9", "name") == "Jade");
    for source in ["sales:one.xlsx", "sales:two.xlsx"] {
        let (state, error) = state(&office, source);
        assert_eq!(state, "offline");
        assert!(text(&error).contains("empty"), "{error}");
    }
    let report = office.sync();
    assert_eq!(problems(&report).iter().map(|(code, _)| code.as_str()).collect::<Vec<_>>(), ["offline"], "{report}");
    fs::remove_dir(office.path("far")).expect("it is empty");
    fs::rename(office.path("away"), office.path("far")).expect("the share");
    office.open("far/one.xlsx").set("C-1", "Name", "Agate").save();
    wait_until("the edit is taken", || office.value("C-1", "name") == "Agate");
    let ran = end(daemon);
    assert!((1..=2).contains(&told_of(&ran, "offline")), "{}", ran.err);
    assert_eq!(told_of(&ran, "missing-file"), 0, "{}", ran.err);
    assert!(office.reviews().is_empty());
    assert_eq!(office.list(&["record", "list"]).len(), 6);
}

#[test]
fn an_open_view_is_written_when_it_is_closed_and_a_stale_lock_keeps_nothing() {
    for lock in ["share/~$all.xlsx", "share/.~lock.all.xlsx#"] {
        let office = Office::with(&format!("{STAFF}{VIEW}"));
        office.save("share/staff.xlsx", &people());
        let daemon = office.start(&["run"]);
        wait_until("the view is written", || shows(&office, "share/all.xlsx", "C-1", "Amber"));
        office.write(lock, b",li,PC1,01.03.2026 09:00,file:///x;");
        office.program(&["record", "set", "--key", "C-1", "name=Agate"]).ends(0);
        wait_until("it waits", || {
            let status = office.json(&["status"]);
            let view = &status["sources"][1];
            view["state"] == "open"
                && view["pending"] == 1
                && view["error"].as_str().is_some_and(|why| why.contains("open"))
        });
        assert!(shows(&office, "share/all.xlsx", "C-1", "Amber"), "it is open");
        fs::remove_file(office.path(lock)).expect("the lock");
        wait_until("it is written", || shows(&office, "share/all.xlsx", "C-1", "Agate"));
        // Whether the program that left it still runs can't be told from here. After a day it counts for nothing.
        office.write(lock, b",li,PC1,01.03.2026 09:00,file:///x;");
        office.saved_ago(lock, 25 * 60 * 60);
        office.program(&["record", "set", "--key", "C-1", "name=Jade"]).ends(0);
        wait_until("it is written", || shows(&office, "share/all.xlsx", "C-1", "Jade"));
        end(daemon);
    }
}

#[test]
fn a_view_is_not_put_where_excel_is_about_to_rename_its_save() {
    let office = Office::with(&format!("{STAFF}{VIEW}"));
    office.save("share/staff.xlsx", &people());
    office.sync_quietly();
    let saved = renamed(&office, "share/all.xlsx", "C-2", "Bronze");
    office.write("share/Cedd4100", &saved);
    fs::remove_file(office.path("share/all.xlsx")).expect("the view");
    office.program(&["record", "set", "--key", "C-1", "name=Agate"]).ends(0);
    assert_eq!(office.sync_quietly()["published"], 0);
    assert!(!office.path("share/all.xlsx").exists());
    fs::rename(office.path("share/Cedd4100"), office.path("share/all.xlsx")).expect("the save");
    let report = office.sync_quietly();
    assert_eq!((&report["applied"], &report["conflicts"]), (&json!(1), &json!(0)), "{report}");
    assert_eq!((office.value("C-1", "name"), office.value("C-2", "name")), (json!("Agate"), json!("Bronze")));
    // What a failed save left keeps nothing for long.
    fs::rename(office.path("share/all.xlsx"), office.path("share/Cedd4100")).expect("the view");
    office.saved_ago("share/Cedd4100", 120);
    wait_until("it is written", || office.sync()["published"] == 1 || office.path("share/all.xlsx").exists());
    assert!(shows(&office, "share/all.xlsx", "C-2", "Bronze"));
}
