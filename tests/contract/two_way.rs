//! Workbooks that people keep and that others' changes are put into: what is written, what is left alone, what is answered.

use std::collections::BTreeMap;

use encoding_rs::GB18030;
use serde_json::Value as Json;

use super::office::{CUSTOMERS, Office, problems, text, wait_until};
use super::workbook::{Cell, Workbook, rows};

/// A workbook of Li Lei's, who may change names and not stages, and sees telephone numbers only masked.
const LI: &str = r#"
[[workbook]]
name = "li"
path = "share/li.xlsx"
table = "customers"
acts_as = "li.lei@example.com"
sync = "two-way"
"#;

/// The staff's workbook, into which is written.
pub(super) const TWO_WAY: &str = r#"
[[workbook]]
name = "staff"
path = "share/staff.xlsx"
table = "customers"
acts_as = "role:staff"
sync = "two-way"
"#;

/// All customers are Li Lei's.
const LIST: [&str; 4] = [
    "Customer ID|Name|Phone|Stage|Note|Owner",
    "C-1|Amber|13800000001|lead|likes tea|li.lei@example.com",
    "C-2|Bronze|13800000002|lead||li.lei@example.com",
    "C-3|Copper|13800000003|offer|x|li.lei@example.com",
];

fn office(sources: &str) -> Office {
    let office = Office::with(sources);
    office.save("share/staff.xlsx", &rows(&LIST));
    office
}

/// The parts of a workbook, without what a patch may touch.
fn untouched(book: &Workbook) -> BTreeMap<String, Vec<u8>> {
    let may_change = ["xl/worksheets/sheet1.xml", "docProps/custom.xml", "[Content_Types].xml", "_rels/.rels"];
    let parts = book.parts().iter().filter(|(name, _)| !may_change.contains(&name.as_str()));
    parts.map(|(name, bytes)| (name.clone(), bytes.clone())).collect()
}

#[test]
fn what_others_change_is_put_into_the_cell_and_nothing_else() {
    let office = office(TWO_WAY);
    office.sync();
    assert_eq!(office.sync()["published"], 0, "there was nothing to write");
    let before = office.open("share/staff.xlsx");
    assert_eq!(before.property("Daybook.Source"), None, "an untouched workbook carries no mark");
    office.program(&["record", "set", "--key", "C-2", "phone=13900000002", "since=2026-03-01"]).ends(0);
    let report = office.sync_quietly();
    assert_eq!((report["published"].as_u64(), report["arrivals"].as_u64()), (Some(1), Some(0)), "{report}");
    let after = office.open("share/staff.xlsx");
    assert_eq!(untouched(&after), untouched(&before));
    assert_eq!(after.value("C-2", "Phone"), "13900000002");
    let mut expected = before.rows();
    expected[2][2] = "13900000002".to_owned();
    assert_eq!(after.rows(), expected, "one cell differs");
    assert_eq!(after.property("Daybook.Source").as_deref(), Some("staff"));
    assert!(after.property("Daybook.Revision").is_some());
    office.sync_idly();
    office.store_is_sound();

    // The version before is kept, sealed, and can be had back.
    let versions = office.list(&["workbook", "versions", "staff"]);
    assert_eq!(versions.len(), 1, "{versions:?}");
    let at = text(&versions[0]["at"]);
    let back = office.path("share/before.xlsx");
    office.program(&["workbook", "restore", "staff", "--at", &at, "--to", back.to_str().expect("a path")]).ends(0);
    assert_eq!(Workbook::open(&back).rows(), before.rows());
}

#[test]
fn a_save_in_one_workbook_is_seen_in_the_other() {
    let sources = format!("{TWO_WAY}{LI}");
    let office = office(&sources);
    office.save("share/li.xlsx", &rows(&["Name|Customer ID|Stage|Daybook", "Amber|C-1|lead|", "Bronze|C-2|lead|"]));
    office.sync();
    assert_eq!(office.open("share/li.xlsx").value("Amber", "Daybook"), "Saved");
    office.open("share/li.xlsx").set("Amber", "Name", "Ambrosia").save();
    let report = office.sync_quietly();
    assert_eq!(report["applied"], 1, "{report}");
    assert_eq!(office.open("share/staff.xlsx").value("C-1", "Name"), "Ambrosia");
    office.open("share/staff.xlsx").set("C-2", "Stage", "signed").save();
    office.sync_quietly();
    assert_eq!(office.open("share/li.xlsx").value("Bronze", "Stage"), "signed");
    office.sync_idly();
    office.store_is_sound();
}

#[test]
fn forbidden_edits_are_put_back_and_invalid_ones_stay_with_an_answer() {
    let office = office(&format!("{TWO_WAY}{LI}"));
    let list = rows(&[
        "Customer ID|Name|Stage|Phone|Since|Daybook",
        "C-1|Amber|lead|old number||",
        "C-2|Bronze|lead|||",
        "C-9|Zinc|lead|||",
    ]);
    office.save("share/li.xlsx", &list);
    let report = office.sync();
    let codes: Vec<String> = problems(&report).into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes, ["unknown-column", "not-a-phone", "forbidden"], "{report}");
    let book = office.open("share/li.xlsx");
    assert_eq!(book.value("C-9", "Daybook"), "Not saved: you may not change this");
    assert_eq!(book.value("C-1", "Phone"), "old number", "what she may not see is left as it is");
    assert_eq!(book.value("C-1", "Daybook"), "Not saved: Phone: not a phone number");
    assert_eq!(book.value("C-2", "Daybook"), "Saved");

    let mut book = office.open("share/li.xlsx");
    book.set("C-2", "Stage", "signed").set("C-1", "Since", "31/31/26").set("C-2", "Name", "Bronzer").save();
    let report = office.sync();
    let codes: Vec<String> = problems(&report).into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes, ["not-a-date", "forbidden"], "{report}");
    let book = office.open("share/li.xlsx");
    assert_eq!(book.value("C-2", "Stage"), "lead", "put back");
    assert_eq!(book.value("C-2", "Name"), "Bronzer");
    assert_eq!(book.value("C-2", "Daybook"), "Not saved: Stage: Sales keep their own customers");
    assert_eq!(book.value("C-1", "Since"), "31/31/26", "stays as typed");
    assert!(book.value("C-1", "Daybook").contains("Since: not a date"), "{}", book.value("C-1", "Daybook"));
    assert_eq!(office.open("share/staff.xlsx").value("C-2", "Name"), "Bronzer");
    office.sync_idly();

    // Corrected: it is saved, and the answer says only what is still wrong.
    office.open("share/li.xlsx").set("C-1", "Since", "2026-03-31").save();
    office.sync();
    let book = office.open("share/li.xlsx");
    assert_eq!(book.value("C-1", "Daybook"), "Not saved: Phone: not a phone number");
    assert_eq!(office.value("C-1", "since"), "2026-03-31");
    assert_eq!(office.value("C-1", "phone"), "13800000001");
    office.sync_idly();
}

#[test]
fn a_conflict_stays_as_typed_until_it_is_decided() {
    let office = office(&format!("{TWO_WAY}{LI}"));
    office.save("share/li.xlsx", &rows(&["Customer ID|Name|Daybook", "C-1|Amber|", "C-2|Bronze|"]));
    office.sync();
    office.open("share/li.xlsx").set("C-1", "Name", "Li's").save();
    office.open("share/staff.xlsx").set("C-1", "Name", "Staff's").save();
    let report = office.sync();
    assert_eq!((report["applied"].as_u64(), report["conflicts"].as_u64()), (Some(1), Some(1)), "{report}");
    let book = office.open("share/li.xlsx");
    let (typed, other) = if book.value("C-1", "Name") == "Li's" { ("Li's", "Staff's") } else { ("Staff's", "Li's") };
    let asked = if office.value("C-1", "name") == "Li's" { "share/staff.xlsx" } else { "share/li.xlsx" };
    assert_eq!(office.open("share/li.xlsx").value("C-1", "Name"), "Li's", "{typed} {other}");
    assert_eq!(office.open("share/staff.xlsx").value("C-1", "Name"), "Staff's");
    if asked == "share/li.xlsx" {
        assert_eq!(book.value("C-1", "Daybook"), "Waiting for a decision: Name");
    }
    let review = office.review();
    office.program(&["review", "decide", &review, "value", "Agreed"]).ends(0);
    office.sync();
    for file in ["share/li.xlsx", "share/staff.xlsx"] {
        assert_eq!(office.open(file).value("C-1", "Name"), "Agreed", "{file}");
    }
    assert_eq!(office.open("share/li.xlsx").value("C-1", "Daybook"), "Saved");
    office.sync_idly();
}

#[test]
fn a_row_without_a_key_gets_its_number_written_back() {
    let body = CUSTOMERS.replacen(
        r#"headers = ["Customer ID", "客户编号"]"#,
        "headers = [\"Customer ID\", \"客户编号\"]\ngenerate = \"C-{:06}\"",
        1,
    );
    let office = Office::new(&format!("{body}{TWO_WAY}"));
    office.save("share/staff.xlsx", &rows(&["Customer ID|Name|Daybook", "C-7|Amber|", "|Bronze|"]));
    office.sync_quietly();
    let book = office.open("share/staff.xlsx");
    assert_eq!(book.rows()[2][..2], ["C-000001".to_owned(), "Bronze".to_owned()]);
    assert_eq!(office.value("C-000001", "name"), "Bronze");
    office.sync_idly();
    // She sorts, and adds another.
    let mut book = office.open("share/staff.xlsx");
    book.append(&[Cell::Blank, "Copper".into()]).save();
    office.sync_quietly();
    assert_eq!(office.open("share/staff.xlsx").rows()[3][..3], ["C-000008", "Copper", "Saved"].map(str::to_owned));
    assert_eq!(office.list(&["record", "list"]).len(), 3);
}

#[test]
fn records_that_match_are_appended() {
    let all = format!("{LI}rows = \"all\"\nwhere = {{ stage = [\"lead\"] }}\n");
    let office = office(&format!("{TWO_WAY}{all}"));
    office.save("share/li.xlsx", &rows(&["Stage|Customer ID|Name|Phone|Daybook", "lead|C-2|Bronze||"]));
    let report = office.sync();
    assert!(report["published"].as_u64() >= Some(1), "{report}");
    let book = office.open("share/li.xlsx").rows();
    assert_eq!(
        book[2],
        ["lead", "C-1", "Amber", "", "Saved"].map(str::to_owned),
        "no number that she sees masked only"
    );
    assert_eq!(book.len(), 3, "C-3 is an offer: {book:?}");
    office.sync_idly();
    office.open("share/staff.xlsx").append(&["C-4".into(), "Dural".into(), Cell::Blank, "lead".into()]).save();
    office.sync();
    assert_eq!(office.open("share/li.xlsx").rows().len(), 3, "C-4 has no owner, and Li may see only her own");
    office.program(&["record", "set", "--key", "C-4", "owner=li.lei@example.com"]).ends(0);
    office.sync_quietly();
    assert_eq!(office.open("share/li.xlsx").rows()[3][1], "C-4");
    // A row that she deletes is asked about, and does not come back by itself.
    office.open("share/li.xlsx").remove("lead").save();
    office.sync();
    assert_eq!(office.reviews().len(), 1);
    assert_eq!(office.open("share/li.xlsx").rows().iter().filter(|row| row[1] == "C-2").count(), 0);
    office.sync_idly();
}

#[test]
fn records_that_a_workbook_brings_get_no_second_row() {
    let office = office(&format!("{TWO_WAY}rows = \"all\"\n"));
    office.sync();
    assert_eq!(office.open("share/staff.xlsx").rows().len(), LIST.len());
    office.open("share/staff.xlsx").append(&["C-4".into(), "Dural".into()]).save();
    office.sync();
    assert_eq!(office.open("share/staff.xlsx").rows().len(), LIST.len() + 1);
    office.sync_idly();
}

#[test]
fn an_open_workbook_waits_and_says_so() {
    let office = office(TWO_WAY);
    office.sync();
    office.write("share/.~lock.staff.xlsx#", "李雷,li,PC1,01.03.2026 09:00,file:///x;".as_bytes());
    office.program(&["record", "set", "--key", "C-1", "name=Ambrosia"]).ends(0);
    assert_eq!(office.sync()["published"], 0);
    assert_eq!(office.open("share/staff.xlsx").value("C-1", "Name"), "Amber");
    let status = office.json(&["status"]);
    assert_eq!((status["outbox"]["pending"].as_u64(), status["outbox"]["parked"].as_u64()), (Some(1), Some(0)));
    let source = &status["sources"][0];
    assert_eq!((source["state"].as_str(), source["pending"].as_u64()), (Some("open"), Some(1)), "{status}");
    assert!(text(&source["error"]).contains("李雷"), "{status}");
    std::fs::remove_file(office.path("share/.~lock.staff.xlsx#")).expect("the lock was there");
    office.sync();
    assert_eq!(office.open("share/staff.xlsx").value("C-1", "Name"), "Ambrosia");
    assert_eq!(office.json(&["status"])["outbox"]["pending"], 0);
}

#[test]
fn the_daemon_writes_when_the_workbook_is_closed() {
    let office = office(&format!("{TWO_WAY}{LI}"));
    office.save("share/li.xlsx", &rows(&["Customer ID|Name", "C-1|Amber"]));
    office.sync();
    office.write("share/~$staff.xlsx", b"\x02Li");
    let running = office.start(&["run"]);
    office.open("share/li.xlsx").set("C-1", "Name", "Ambrosia").save();
    wait_until("the save is taken", || office.value("C-1", "name") == "Ambrosia");
    assert_eq!(office.open("share/staff.xlsx").value("C-1", "Name"), "Amber", "it is open");
    std::fs::remove_file(office.path("share/~$staff.xlsx")).expect("the owner file was there");
    wait_until("it is written", || office.open("share/staff.xlsx").value("C-1", "Name") == "Ambrosia");
    running.signal(rustix::process::Signal::TERM);
    running.ended("the daemon").ends(0);
    office.sync_idly();
}

#[test]
fn text_files_are_written_in_their_own_way() {
    let source = "[[workbook]]\nname = \"export\"\npath = \"share/export.csv\"\ntable = \"customers\"\nacts_as = \"role:staff\"\nsync = \"two-way\"\n";
    let office = Office::with(source);
    let csv = "客户编号;客户名称;信用额度;备注\r\nC-1;\"琥珀; 一\";100;x\r\nC-2;青铜;200;\"\"\r\n";
    office.write("share/export.csv", &GB18030.encode(csv).0);
    office.sync();
    office.program(&["record", "set", "--key", "C-2", "name=青铜器", "credit=250.5"]).ends(0);
    office.sync();
    let written = office.read("share/export.csv");
    let expected = csv.replace("C-2;青铜;200", "C-2;青铜器;250.5");
    assert_eq!(GB18030.decode(&written).0, expected);
    office.sync_idly();
}

#[test]
fn formulas_are_no_edits_and_are_not_written_over() {
    let office = office(TWO_WAY);
    let credit = |formula: &str, result: u32| {
        let book = rows(&["Customer ID|Name|Credit", "C-1|Amber|", "C-2|Bronze|"]).xlsx();
        office.write("share/staff.xlsx", &book);
        let cell = format!(r#"<c r="C2"><f>{formula}</f><v>{result}</v></c>"#);
        let book = office.open("share/staff.xlsx").with_parts(|name, part| {
            if name == "xl/worksheets/sheet1.xml" {
                part.replacen("</row><row r=\"3\"", &format!("{cell}</row><row r=\"3\""), 1)
            } else {
                part.to_owned()
            }
        });
        office.write("share/staff.xlsx", &book);
    };
    credit("10*10", 100);
    let report = office.sync();
    assert_eq!(problems(&report), [("formula".to_owned(), "staff.xlsx!Sheet1!C2".to_owned())], "{report}");
    assert_eq!(office.value("C-1", "credit"), 100, "what it showed first is taken where nothing was stored");
    credit("RAND()", 77);
    let report = office.sync_quietly();
    assert_eq!(report["changes"], 0, "{report}");
    assert_eq!(office.value("C-1", "credit"), 100);
    // Others' changes don't overwrite it, and that is told.
    office.program(&["record", "set", "--key", "C-1", "credit=120", "name=Ambrosia"]).ends(0);
    let report = office.sync();
    assert_eq!(problems(&report), [("cell-not-written".to_owned(), "staff.xlsx!Sheet1!C2".to_owned())], "{report}");
    let book = office.open("share/staff.xlsx");
    assert_eq!((book.value("C-1", "Credit"), book.value("C-1", "Name")), ("77".to_owned(), "Ambrosia".to_owned()));
    // Typed over: an edit, and told as such.
    office.open("share/staff.xlsx").set("C-1", "Credit", 300.0).save();
    let report = office.sync();
    let codes: Vec<String> = problems(&report).into_iter().map(|(code, _)| code).collect();
    assert!(codes.contains(&"formula-replaced".to_owned()), "{report}");
    office.store_is_sound();
}

#[test]
fn a_copy_that_was_opened_yesterday_changes_only_what_was_changed_in_it() {
    let office = office(&format!("{TWO_WAY}{LI}"));
    office.save(
        "share/li.xlsx",
        &rows(&["Customer ID|Name|E-mail", "C-1|Amber|a@example.com", "C-2|Bronze|b@example.com"]),
    );
    office.sync();
    office.program(&["record", "set", "--key", "C-1", "name=One"]).ends(0);
    office.sync();
    // She has it open from here on.
    let mut open = office.open("share/li.xlsx");
    for (name, email) in [("Two", "a2@example.com"), ("Three", "a3@example.com")] {
        office.program(&["record", "set", "--key", "C-1", &format!("name={name}"), &format!("email={email}")]).ends(0);
        office.sync();
        assert_eq!(office.open("share/li.xlsx").value("C-1", "Name"), name);
    }
    open.set("C-2", "Name", "Bronzer").save();
    let report = office.sync();
    assert_eq!((report["applied"].as_u64(), report["conflicts"].as_u64()), (Some(1), Some(0)), "{report}");
    assert_eq!(office.value("C-1", "name"), "Three");
    assert_eq!(office.value("C-1", "email"), "a3@example.com");
    assert_eq!(office.value("C-2", "name"), "Bronzer");
    let book = office.open("share/li.xlsx");
    assert_eq!((book.value("C-1", "Name"), book.value("C-2", "Name")), ("Three".to_owned(), "Bronzer".to_owned()));
    office.sync_idly();
}

#[test]
fn what_can_not_be_written_into_is_refused_with_a_reason() {
    let source = TWO_WAY.replace("staff.xlsx", "staff.ods");
    let office = Office::with(&source);
    office.write("share/staff.ods", include_bytes!("../golden/staff.ods"));
    office.sync();
    office.program(&["record", "set", "--key", "C-1", "name=Ambrosia"]).ends(0);
    let before = office.read("share/staff.ods");
    let report = office.sync();
    assert_eq!(problems(&report), [("not-patchable".to_owned(), "staff.ods".to_owned())], "{report}");
    assert_eq!(office.read("share/staff.ods"), before);
    let status: Json = office.json(&["status"]);
    assert_eq!(status["sources"][0]["pending"], 1, "{status}");
    assert!(text(&status["sources"][0]["error"]).contains("only read"), "{status}");
}

#[test]
fn a_corrected_key_is_put_into_the_other_workbooks() {
    let second = TWO_WAY.replace("\"staff\"", "\"second\"").replace("staff.xlsx", "second.xlsx");
    let office = office(&format!("{TWO_WAY}{second}"));
    office.save("share/second.xlsx", &rows(&LIST));
    office.sync();
    let id = |key: &str| text(&office.json(&["record", "show", "--key", key])["id"]);
    let (amber, bronze) = (id("C-1"), id("C-2"));
    office.open("share/staff.xlsx").set("C-1", "Customer ID", "C-11").save();
    let report = office.sync();
    assert_eq!(problems(&report), [("key-corrected".to_owned(), "staff.xlsx!Sheet1!A2".to_owned())], "{report}");
    assert_eq!(id("C-11"), amber);
    let book = office.open("share/second.xlsx");
    assert_eq!((book.value("C-11", "Name"), book.has("C-1")), ("Amber".to_owned(), false), "{:?}", book.rows());
    office.sync_quietly();
    office.sync_idly();
    // A row of which it is not known whose it is stays as it was typed, and in the other workbook all stays.
    office.open("share/second.xlsx").set("C-2", "Customer ID", "C-22").set_at("B3", "Brass").save();
    let report = office.sync();
    assert_eq!(problems(&report), [("key-unclear".to_owned(), "second.xlsx!Sheet1!A3".to_owned())], "{report}");
    office.program(&["record", "set", "--key", "C-2", "stage=signed"]).ends(0);
    office.program(&["record", "set", "--key", "C-3", "stage=lead"]).ends(0);
    office.sync_quietly();
    let book = office.open("share/second.xlsx");
    assert_eq!((book.value("C-22", "Name"), book.value("C-22", "Stage")), ("Brass".to_owned(), "lead".to_owned()));
    assert_eq!(book.value("C-3", "Stage"), "lead");
    assert_eq!(office.open("share/staff.xlsx").value("C-2", "Stage"), "signed");
    office.program(&["review", "decide", &office.review(), "accept"]).ends(0);
    office.sync_quietly();
    assert_eq!(id("C-22"), bronze);
    for name in ["share/staff.xlsx", "share/second.xlsx"] {
        let book = office.open(name);
        assert_eq!(book.value("C-22", "Name"), "Brass", "{name}");
        assert_eq!(book.value("C-22", "Stage"), "signed", "{name}");
        assert!(!book.has("C-2"), "{name}: {:?}", book.rows());
    }
    office.sync_quietly();
    office.sync_idly();
    office.store_is_sound();
}

#[test]
fn what_can_not_stand_in_an_appended_row_is_told_and_is_not_taken_for_cleared() {
    let source = "[[workbook]]\nname = \"export\"\npath = \"share/export.csv\"\ntable = \"customers\"\nacts_as = \"role:staff\"\nsync = \"two-way\"\nrows = \"all\"\n";
    let office = office(&format!("{TWO_WAY}{source}"));
    office.sync();
    office.write("share/export.csv", b"Customer ID,Name,Phone\r\n");
    office.program(&["record", "set", "--key", "C-2", "name==1+1"]).ends(0);
    let report = office.sync();
    let told = problems(&report);
    assert!(told.contains(&("cell-not-written".to_owned(), "export.csv!B3".to_owned())), "{report}");
    let csv = String::from_utf8(office.read("share/export.csv")).expect("UTF-8");
    assert!(csv.contains("\r\nC-2,,13800000002\r\n"), "{csv}");
    office.write("share/export.csv", csv.replace("13800000002", "13900000002").as_bytes());
    office.sync();
    assert_eq!((office.value("C-2", "phone"), office.value("C-2", "name")), ("13900000002".into(), "=1+1".into()));
    office.store_is_sound();
}

#[test]
fn what_is_impossible_stays_refused_as_long_as_it_stands() {
    let unique = "format = \"email\"\nheaders = [\"E-mail\", \"邮箱\"]";
    let body = CUSTOMERS.replacen(unique, &format!("{unique}\nconstraints = {{ unique = true }}"), 1);
    assert_ne!(body, CUSTOMERS);
    let office = Office::new(&format!("{body}{TWO_WAY}"));
    let list = ["Customer ID|Name|E-mail|Daybook", "C-1|Amber|a@example.com|", "C-2|Bronze|b@example.com|"];
    office.save("share/staff.xlsx", &rows(&list));
    office.sync_quietly();
    let refused = "Not saved: E-mail: another record has this value";
    office.open("share/staff.xlsx").set("C-2", "E-mail", "a@example.com").save();
    office.sync();
    assert_eq!(office.open("share/staff.xlsx").value("C-2", "Daybook"), refused);
    office.open("share/staff.xlsx").set("C-2", "Name", "Bronzer").save();
    office.program(&["record", "set", "--key", "C-2", "phone=13800000002"]).ends(0);
    office.sync();
    let book = office.open("share/staff.xlsx");
    assert_eq!((book.value("C-2", "E-mail"), book.value("C-2", "Daybook")), ("a@example.com".into(), refused.into()));
    assert_eq!(office.value("C-2", "email"), "b@example.com");
    office.sync_idly();
    office.open("share/staff.xlsx").set("C-2", "E-mail", "c@example.com").save();
    office.sync();
    assert_eq!(office.open("share/staff.xlsx").value("C-2", "Daybook"), "Saved");
    office.sync_idly();
}

#[test]
fn what_stood_there_comes_back_also_where_the_stored_value_is_hidden() {
    let office = office(&format!("{TWO_WAY}{LI}"));
    office.save(
        "share/li.xlsx",
        &rows(&["Customer ID|Name|Phone|Stage|Since", "C-1|Amber|13800000001|lead|", "C-2|Bronze|||"]),
    );
    office.sync();
    // While the file is open she types twice; the first of the two is not what stood there.
    office.write("share/~$li.xlsx", b"\x02Li");
    for phone in ["13700000001", "13700000002"] {
        office.open("share/li.xlsx").set("C-1", "Phone", phone).set("C-2", "Stage", "signed").save();
        office.sync();
    }
    std::fs::remove_file(office.path("share/~$li.xlsx")).expect("the owner file was there");
    office.sync();
    let book = office.open("share/li.xlsx");
    assert_eq!(book.value("C-1", "Phone"), "13800000001");
    assert_eq!(book.value("C-2", "Stage"), "lead", "what is stored, and not what she may not write");
    assert_eq!((office.value("C-1", "phone"), office.value("C-2", "stage")), ("13800000001".into(), "lead".into()));
    office.sync_idly();
    // Into an empty cell of a class that she may not see.
    office.program(&["record", "set", "--key", "C-2", "phone="]).ends(0);
    office.open("share/li.xlsx").set("C-2", "Phone", "13700000003").save();
    office.sync();
    assert_eq!(office.open("share/li.xlsx").value("C-2", "Phone"), "");
    office.sync_idly();
}

#[test]
fn keys_that_count_themselves_move_no_records() {
    let office = office(TWO_WAY);
    let save = |names: &[&str]| {
        let mut list = vec!["Customer ID|Name|Phone".to_owned()];
        list.extend((1..).zip(names).map(|(number, name)| format!("C-{number}|{name}|1380000000{}", name.len())));
        let list: Vec<&str> = list.iter().map(String::as_str).collect();
        office.write("share/staff.xlsx", &rows(&list).xlsx());
        let key = regex::Regex::new(r#"<c r="(A([2-9]))"[^>]*>.*?</c>"#).expect("a pattern");
        let book = office.open("share/staff.xlsx").with_parts(|name, part| {
            if name != "xl/worksheets/sheet1.xml" {
                return part.to_owned();
            }
            let counted = |found: &regex::Captures<'_>| {
                let number = found[2].parse::<u32>().expect("a row") - 1;
                format!(r#"<c r="{}" t="str"><f>"C-"&amp;(ROW()-1)</f><v>C-{number}</v></c>"#, &found[1])
            };
            key.replace_all(part, counted).into_owned()
        });
        office.write("share/staff.xlsx", &book);
    };
    save(&["Amber", "Bronze", "Copper!", "Duralumin"]);
    office.sync();
    save(&["Amber", "Inserted", "Bronze", "Copper!", "Duralumin"]);
    let report = office.sync();
    let codes: Vec<String> = problems(&report).into_iter().map(|(code, _)| code).collect();
    assert_eq!((report["applied"].as_u64(), codes), (Some(0), vec!["mass-change".to_owned()]), "{report}");
    assert_eq!(office.value("C-2", "name"), "Bronze");
}

/// Thirty customers, of whom the first so many have a new name.
pub(super) fn thirty(renamed: usize) -> Vec<String> {
    let customer = |number| {
        let name = if number <= renamed { format!("renamed {number}") } else { format!("as it was {number}") };
        format!("C-{number}|{name}|lead|")
    };
    ["Customer ID|Name|Stage|Daybook".to_owned()].into_iter().chain((1..=30).map(customer)).collect()
}

/// An office in which a save that renames all thirty customers is held.
pub(super) fn with_a_held_save() -> Office {
    let office = Office::with(TWO_WAY);
    save_thirty(&office, 0);
    office.sync_quietly();
    assert_eq!(office.open("share/staff.xlsx").value("C-30", "Daybook"), "Saved");
    save_thirty(&office, 29);
    office
}

pub(super) fn save_thirty(office: &Office, renamed: usize) {
    let lines = thirty(renamed);
    office.save("share/staff.xlsx", &rows(&lines.iter().map(String::as_str).collect::<Vec<_>>()));
}

#[test]
fn a_held_save_stays_as_typed_and_its_rows_are_told_that_they_wait() {
    let office = with_a_held_save();
    let typed = office.open("share/staff.xlsx");
    let report = office.sync();
    assert_eq!((&report["held"], &report["published"]), (&29.into(), &1.into()), "{report}");
    let held = office.open("share/staff.xlsx");
    assert_eq!(held.value("C-1", "Daybook"), "Waiting for a decision");
    assert_eq!(held.value("C-30", "Daybook"), typed.value("C-30", "Daybook"), "this row was not changed");
    for (key, title) in [("C-1", "Name"), ("C-29", "Name"), ("C-30", "Name"), ("C-1", "Stage")] {
        assert_eq!(held.value(key, title), typed.value(key, title), "{key} {title} stays as typed");
    }
    let mark = |book: &Workbook| book.property("Daybook.Revision");
    assert_eq!(mark(&held), mark(&typed), "the save is still one of the state that it was made from");

    // The answers are known as Daybook's own: nothing new comes of them, and nothing else is written while the save is held.
    let review = office.review();
    let bytes = office.read("share/staff.xlsx");
    office.program(&["record", "set", "--key", "C-30", "stage=signed"]).ends(0);
    for _ in 0..2 {
        let report = office.sync();
        let counts = (&report["arrivals"], &report["held"], &report["published"]);
        assert_eq!(counts, (&0.into(), &0.into(), &0.into()), "{report}");
    }
    assert_eq!(office.read("share/staff.xlsx"), bytes, "it stays as it was saved while a person decides");
    assert_eq!(office.review(), review, "there is no second question");
    office.program(&["review", "decide", &review, "accept"]).ends(0);
    office.sync_quietly();
    let book = office.open("share/staff.xlsx");
    assert_eq!(office.value("C-1", "name"), "renamed 1");
    assert_eq!(book.value("C-1", "Name"), "renamed 1");
    assert_eq!(book.value("C-1", "Daybook"), "Saved");
    assert_eq!(book.value("C-30", "Stage"), "signed", "what waited is written now");
    office.sync_idly();
    office.store_is_sound();
}

#[test]
fn a_rejected_save_is_put_back_and_answered() {
    let office = with_a_held_save();
    // A row that is new in the rejected save is nowhere else: it stays.
    let mut lines = thirty(29);
    lines.push("C-31|new|lead|".to_owned());
    office.save("share/staff.xlsx", &rows(&lines.iter().map(String::as_str).collect::<Vec<_>>()));
    office.sync();
    office.program(&["record", "set", "--key", "C-30", "stage=signed"]).ends(0);
    let report = office.program(&["review", "decide", &office.review(), "reject", "--json"]).json();
    let told: Vec<String> = problems(&report).into_iter().map(|(code, _)| code).collect();
    assert_eq!((&report["applied"], told.as_slice()), (&0.into(), ["rejected".to_owned()].as_slice()), "{report}");
    office.sync();
    let book = office.open("share/staff.xlsx");
    for key in ["C-1", "C-29"] {
        assert_eq!(book.value(key, "Name"), office.value(key, "name"), "{key} shows what is stored");
        assert!(!book.value(key, "Name").starts_with("renamed"), "{key}");
        assert_eq!(book.value(key, "Daybook"), "Not saved: Name: the save was rejected");
    }
    assert_eq!(book.value("C-30", "Stage"), "signed", "what others changed meanwhile is written");
    assert_eq!(book.value("C-31", "Name"), "new");
    assert_eq!(book.value("C-31", "Daybook"), "Not saved: the save was rejected");
    assert_eq!(office.list(&["record", "list"]).len(), 30);
    let history = office.list(&["record", "history", "--key", "C-1"]);
    let refused = history.iter().find(|line| line["outcome"] == "refused").expect("the history tells it");
    assert_eq!((&refused["value"], &refused["rule"]), (&"renamed 1".into(), &"rejected".into()));
    office.sync_idly();

    // The workbook as it was saved is kept.
    let back = office.path("share/rejected.xlsx");
    office
        .program(&["workbook", "restore", "staff", "--at", "2099-01-01", "--to", back.to_str().expect("a path")])
        .ends(0);
    assert_eq!(Workbook::open(&back).value("C-1", "Name"), "renamed 1");

    // Who types some of it again, row by row, is taken at her word; so is who corrects the row that was added.
    office
        .open("share/staff.xlsx")
        .set("C-2", "Name", "renamed 2")
        .set("C-3", "Name", "renamed 3")
        .set("C-31", "Name", "really new")
        .save();
    let report = office.sync_quietly();
    assert_eq!((&report["held"], &report["conflicts"]), (&0.into(), &0.into()), "{report}");
    assert_eq!(office.value("C-2", "name"), "renamed 2");
    assert_eq!(office.value("C-31", "name"), "really new");
    assert_eq!(office.open("share/staff.xlsx").value("C-31", "Daybook"), "Saved");
    office.sync_idly();
    office.store_is_sound();
}

#[test]
fn a_trial_writes_into_no_workbook() {
    let office = office(TWO_WAY);
    office.sync();
    office.program(&["record", "set", "--key", "C-2", "stage=signed"]).ends(0);
    let before = office.read("share/staff.xlsx");
    office.program(&["sync", "--dry-run"]).ends(0);
    assert_eq!(office.read("share/staff.xlsx"), before);
    office.sync();
    assert_eq!(office.open("share/staff.xlsx").value("C-2", "Stage"), "signed");
}

#[test]
fn an_office_that_observes_only_writes_into_no_workbook() {
    let office = office(TWO_WAY);
    let configuration = String::from_utf8(office.read("daybook.toml")).expect("UTF-8");
    office.sync();
    let observing = configuration.replace("language = \"en\"", "language = \"en\"\nobserve_only = true");
    office.write("daybook.toml", observing.as_bytes());
    office.program(&["record", "set", "--key", "C-2", "stage=signed"]).ends(0);
    let before = office.read("share/staff.xlsx");
    assert_eq!(office.sync_quietly()["published"], 0);
    assert_eq!(office.read("share/staff.xlsx"), before);
    office.write("daybook.toml", configuration.as_bytes());
    assert_eq!(office.sync_quietly()["published"], 1);
    assert_eq!(office.open("share/staff.xlsx").value("C-2", "Stage"), "signed", "what waited is written now");
}

#[test]
fn a_workbook_whose_share_has_vanished_waits_for_it() {
    let office = office(TWO_WAY);
    office.sync();
    let (share, away) = (office.path("share"), office.path("away"));
    std::fs::rename(&share, &away).expect("the share goes away");
    office.program(&["record", "set", "--key", "C-2", "stage=signed"]).ends(0);
    let report = office.sync();
    let told: Vec<String> = problems(&report).into_iter().map(|(code, _)| code).collect();
    assert_eq!((told, &report["published"]), (vec!["offline".to_owned()], &0.into()), "{report}");
    assert!(!share.exists(), "nothing is made in its place");
    assert_eq!(office.list(&["record", "list"]).len(), 3, "nothing is deleted");
    std::fs::rename(&away, &share).expect("it comes back");
    // What waited is written now, or at the next pass if it was put off.
    wait_until("it is written", || {
        office.sync_quietly();
        office.open("share/staff.xlsx").value("C-2", "Stage") == "signed"
    });
    office.store_is_sound();
}
