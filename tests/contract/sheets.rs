//! Files of every kind, good and bad: each is read, or gets a problem with place, code and hint while the others go on.

use std::fs;
use std::path::PathBuf;

use encoding_rs::{BIG5, GB18030};
use serde_json::{Value as Json, json};

use super::office::{Office, STAFF, VIEW, problems, text};
use super::workbook::{Cell, Sheet, Workbook, rows};

/// A workbook named `good`, which is read after the one that tests are about.
const GOOD: &str = r#"
[[workbook]]
name = "good"
path = "share/good.xlsx"
table = "customers"
acts_as = "role:staff"
"#;

#[test]
fn text_files_are_read_in_every_encoding_and_with_every_separator() {
    let lines = ["客户编号|客户名称|电话", "C-1|示例贸易有限公司|13800138000", "C-2|北京電腦商店|13900139000"];
    let sheet = rows(&lines);
    let comma = sheet.csv(",");
    let encoded = |encoding: &'static encoding_rs::Encoding, text: &str| {
        let (bytes, _, lost) = encoding.encode(text);
        assert!(!lost);
        bytes.into_owned()
    };
    let traditional = comma.replace("客户编号", "Customer ID").replace("客户名称", "Name").replace("电话", "Phone");
    let traditional = traditional.replace("示例贸易有限公司", "範例貿易有限公司");
    let utf16: Vec<u8> = std::iter::once(0xfeff).chain(comma.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    for (what, bytes, name) in [
        ("UTF-8", comma.clone().into_bytes(), "示例贸易有限公司"),
        ("UTF-8 with BOM", format!("\u{feff}{comma}").into_bytes(), "示例贸易有限公司"),
        ("semicolons", sheet.csv(";").into_bytes(), "示例贸易有限公司"),
        ("tabs", sheet.csv("\t").into_bytes(), "示例贸易有限公司"),
        ("line feeds", comma.replace("\r\n", "\n").into_bytes(), "示例贸易有限公司"),
        ("quotes", comma.replace("示例", "\"示例").replace("公司", "公司\"").into_bytes(), "示例贸易有限公司"),
        ("GB18030", encoded(GB18030, &comma), "示例贸易有限公司"),
        ("Big5", encoded(BIG5, &traditional), "範例貿易有限公司"),
    ] {
        let office = Office::with(&STAFF.replace("xlsx", "csv"));
        office.write("share/staff.csv", &bytes);
        let report = office.sync_quietly();
        assert_eq!(office.value("C-1", "name"), name, "{what}: {report}");
        assert_eq!(office.value("C-2", "phone"), "13900139000", "{what}");
        office.sync_idly();
    }
    // What can't be read says so.
    let office = Office::with(&format!("{}{GOOD}", STAFF.replace("xlsx", "csv")));
    office.save("share/good.xlsx", &rows(&["Customer ID|Name", "C-9|Opal"]));
    office.write("share/staff.csv", &utf16);
    let report = office.sync();
    if problems(&report).is_empty() {
        assert_eq!(office.value("C-1", "name"), "示例贸易有限公司", "UTF-16");
    }
    assert_eq!(office.value("C-9", "name"), "Opal");
}

#[test]
fn the_same_data_in_another_format_is_no_change() {
    let office = Office::with(&STAFF.replace("staff.xlsx", "staff.csv"));
    let sheet = Sheet(vec![
        vec!["Customer ID".into(), "Name".into(), "Phone".into(), "Since".into(), "Credit".into()],
        vec!["C-1".into(), "Amber".into(), "13800138000".into(), Cell::Date(2026, 3, 1), 1234.5.into()],
        vec!["C-2".into(), "Beryl".into(), "010-65529988".into(), Cell::Date(2025, 12, 31), 0.1.into()],
    ]);
    office.write("share/staff.csv", sheet.csv(",").as_bytes());
    assert_eq!(office.sync_quietly()["applied"], 10);
    let csv = String::from_utf8(office.read("share/staff.csv")).expect("UTF-8");
    office.write("share/staff.csv", csv.replace(',', ";").replace("2026-03-01", "2026/3/1").as_bytes());
    assert_eq!(office.sync_quietly()["changes"], 0);
    // The source's file is an .xlsx from now on.
    office.configure(&format!("{}{STAFF}", super::office::CUSTOMERS));
    office.save("share/staff.xlsx", &sheet);
    assert_eq!(office.sync_quietly()["changes"], 0);
    // Phones as numbers, dates as texts: the same.
    let mut sheet = sheet;
    sheet.0[1][2] = 13_800_138_000.0.into();
    sheet.0[1][3] = "2026年3月1日".into();
    sheet.0[2][4] = "0.10".into();
    office.save("share/staff.xlsx", &sheet);
    assert_eq!(office.sync_quietly()["changes"], 0);
    assert_eq!(office.value("C-1", "credit"), 1234.5);
}

#[test]
fn a_glob_makes_one_source_of_each_file() {
    let several = STAFF.replace("share/staff.xlsx", "share/sales/*.xlsx");
    let office = Office::with(&format!("{several}{VIEW}"));
    office.save("share/sales/east.xlsx", &rows(&["Customer ID|Name", "C-1|Amber"]));
    office.save("share/sales/west.xlsx", &rows(&["Customer ID|Name", "C-2|Beryl"]));
    office.write("share/sales/~$west.xlsx", b"lock");
    office.write("share/sales/.daybook-x.tmp", b"PK");
    let report = office.sync_quietly();
    assert_eq!((&report["arrivals"], &report["applied"]), (&json!(2), &json!(4)), "{report}");
    office.sync_idly();
    let names = |office: &Office| -> Vec<String> {
        let status = office.json(&["status"]);
        let sources = status["sources"].as_array().expect("sources").iter();
        sources.filter(|source| source["kind"] == "workbook").map(|source| text(&source["name"])).collect()
    };
    let listed = names(&office);
    assert_eq!(listed.len(), 2, "neither the view nor a lock file: {listed:?}");
    assert!(listed[0].contains("east.xlsx") && listed[1].contains("west.xlsx"), "{listed:?}");
    // A new file is a new source; one that goes takes nothing along.
    office.save("share/sales/north.xlsx", &rows(&["Customer ID|Name", "C-3|Coral", "C-1|Amber"]));
    assert_eq!(office.sync_quietly()["applied"], 2);
    fs::remove_file(office.path("share/sales/east.xlsx")).expect("the file");
    office.sync();
    assert_eq!(office.list(&["record", "list"]).len(), 3);
    assert!(office.reviews().is_empty(), "a file that is gone is no deletion of its rows");
    office.open("share/sales/west.xlsx").set("C-2", "Name", "Citrine").save();
    assert_eq!(office.sync()["applied"], 1);
    assert_eq!(office.open("share/all.xlsx").value("C-2", "Name"), "Citrine");
}

#[test]
fn a_file_of_a_glob_that_is_moved_is_the_same_source() {
    let several = STAFF
        .replace("share/staff.xlsx", "share/sales/**/*.xlsx")
        .replace("acts_as", "missing_rows = \"review\"\nacts_as");
    let office = Office::with(&format!("{several}{VIEW}"));
    let titles = "Customer ID|Name|Phone";
    office.save("share/sales/east.xlsx", &rows(&[titles, "C-1|Amber|13800138000", "C-2|Beryl|", "C-3|Coral|"]));
    office.save("share/sales/west.xlsx", &rows(&[titles, "C-9|Opal|"]));
    office.sync_quietly();
    // Somebody takes a row out, and others change what the workbook shows.
    office.open("share/sales/east.xlsx").remove("C-3").save();
    office.sync_quietly();
    let question = office.review();
    office.program(&["record", "set", "--key", "C-1", "name=Agate"]).ends(0);
    office.sync_quietly();

    let named = |office: &Office| -> Vec<String> {
        let status = office.json(&["status"]);
        let sources = status["sources"].as_array().expect("sources").iter();
        sources.filter(|source| source["kind"] == "workbook").map(|source| text(&source["name"])).collect()
    };
    fs::create_dir_all(office.path("share/sales/2026")).expect("a folder");
    for (from, to) in [("east.xlsx", "2026/east.xlsx"), ("2026/east.xlsx", "2026/客户 east.xlsx")] {
        fs::rename(office.path(&format!("share/sales/{from}")), office.path(&format!("share/sales/{to}")))
            .expect("it moves");
        let report = office.sync();
        assert_eq!(
            problems(&report).iter().map(|(code, _)| code.as_str()).collect::<Vec<_>>(),
            ["file-moved"],
            "{report}"
        );
        assert_eq!((&report["changes"], &report["conflicts"]), (&json!(0), &json!(0)), "{report}");
        assert_eq!(office.review(), question);
        assert_eq!(office.reviews()[0]["source"], format!("staff:{to}"), "{to}");
        office.sync_quietly();
        office.sync_idly();
        assert!(named(&office).contains(&format!("staff:{to}")), "{:?}", named(&office));
    }
    assert_eq!(office.value("C-1", "name"), "Agate", "what others changed is not asked about");
    // An edit is compared with what its people saw, and a row that comes back answers the question.
    let mut book = office.open("share/sales/2026/客户 east.xlsx");
    book.set("C-1", "Phone", "13600136000").append(&["C-3".into(), "Coral".into()]).save();
    let report = office.sync_quietly();
    assert_eq!((&report["applied"], &report["conflicts"]), (&json!(1), &json!(0)), "{report}");
    assert_eq!(office.value("C-1", "name"), "Agate");
    assert!(office.reviews().is_empty());
    // A copy takes nothing over: its original is there.
    fs::copy(office.path("share/sales/west.xlsx"), office.path("share/sales/west 2.xlsx")).expect("a copy");
    let report = office.sync_quietly();
    assert_eq!(report["applied"], 0, "{report}");
    assert_eq!(named(&office).len(), 3, "{:?}", named(&office));
    office.sync_idly();
    office.store_is_sound();
}

/// Replaces a text in a part of a workbook.
pub(super) fn with_part(bytes: &[u8], change: impl Fn(&str, &str) -> String) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.xlsx");
    fs::write(&path, bytes).expect("a file");
    Workbook::open(&path).with_parts(change)
}

/// What Excel makes of a workbook with a password: an OLE file whose directory has the encrypted package, and nothing else.
pub(super) fn encrypted() -> Vec<u8> {
    const END: u32 = 0xffff_fffe;
    let mut file = vec![0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];
    file.resize(24, 0);
    // Versions, little endian, sectors of 512 and 64 bytes, one sector of sector numbers, the directory in sector 1.
    for number in [0x3e_u16, 3, 0xfffe, 9, 6, 0, 0, 0] {
        file.extend(number.to_le_bytes());
    }
    for number in [0_u32, 1, 1, 0, 4096, END, 0, END, 0, 0] {
        file.extend(number.to_le_bytes());
    }
    file.resize(512, 0xff);
    // Sector 0 says which sector follows which: itself, the directory, then the package in 8 sectors.
    for number in [0xffff_fffd, END].into_iter().chain(3..10).chain([END]) {
        file.extend(u32::to_le_bytes(number));
    }
    file.resize(1024, 0xff);
    let entries = [
        ("Root Entry", 5_u8, 1_u32, u32::MAX, END, 0_u32),
        ("EncryptedPackage", 2, u32::MAX, 2, 2, 4096),
        ("EncryptionInfo", 2, u32::MAX, u32::MAX, END, 0),
    ];
    for (name, kind, child, right, start, bytes) in entries {
        let begin = file.len();
        file.extend(name.encode_utf16().flat_map(u16::to_le_bytes));
        file.resize(begin + 64, 0);
        file.extend(u16::try_from(2 * name.len() + 2).expect("a short name").to_le_bytes());
        file.extend([kind, 1]);
        for number in [u32::MAX, right, child] {
            file.extend(number.to_le_bytes());
        }
        file.resize(begin + 116, 0);
        file.extend(start.to_le_bytes());
        file.extend(bytes.to_le_bytes());
        file.resize(begin + 128, 0);
    }
    file.resize(1536 + 4096, 0);
    file
}

/// Files that can't be taken, with the code that they get.
fn bad_files() -> Vec<(&'static str, Vec<u8>, &'static [&'static str])> {
    let good = rows(&["Customer ID|Name", "C-1|Amber"]).xlsx();
    let mut noise = good.clone();
    let middle = noise.len() / 2;
    for byte in &mut noise[middle..middle + 64] {
        *byte ^= 0x5a;
    }
    let bomb = with_part(&good, |name, text| match name {
        "xl/worksheets/sheet1.xml" => text.replace("</sheetData>", &format!("{}</sheetData>", " ".repeat(40_000_000))),
        _ => text.to_owned(),
    });
    vec![
        ("empty", Vec::new(), &["empty-file"]),
        ("truncated", good[..good.len() * 2 / 3].to_vec(), &["truncated", "not-a-workbook", "damaged"]),
        ("only its beginning", good[..20].to_vec(), &["truncated", "not-a-workbook", "damaged"]),
        ("damaged", noise, &["damaged", "truncated", "unreadable", "not-a-workbook"]),
        ("a text", b"Customer ID,Name\nC-1,Amber\n".to_vec(), &["not-a-workbook"]),
        ("a web page", b"<html><table><tr><td>C-1</td></tr></table></html>".to_vec(), &["not-a-workbook"]),
        ("encrypted", encrypted(), &["encrypted"]),
        ("another sheet", rows(&["Customer ID|Name", "C-1|Amber"]).xlsx_named("Other"), &["sheet-missing"]),
        ("no titles", rows(&[""]).xlsx(), &["header-missing"]),
        ("unpacks to more than is allowed", bomb, &["too-large"]),
        ("more rows than are allowed", rows(&["Customer ID|Name"; 300]).xlsx(), &["too-many-rows", "too-large"]),
    ]
}

#[test]
fn a_bad_file_gets_a_problem_and_the_others_go_on() {
    let sources = STAFF.replace("acts_as", "sheet = \"Sheet1\"\nacts_as");
    let limits = "[limits]\nunpacked_bytes_max = 20000000\nrows_max = 200\n";
    let office = Office::with(&format!("{sources}{GOOD}{VIEW}{limits}"));
    office.save("share/staff.xlsx", &rows(&["Customer ID|Name", "C-1|Amber", "C-2|Beryl"]));
    office.save("share/good.xlsx", &rows(&["Customer ID|Name", "C-9|Opal"]));
    office.sync_quietly();
    for (index, (what, bytes, codes)) in bad_files().into_iter().enumerate() {
        office.write("share/staff.xlsx", &bytes);
        office.open("share/good.xlsx").set("C-9", "Name", format!("Opal {index}").as_str()).save();
        let report = office.sync();
        let found = problems(&report);
        assert_eq!(found.len(), 1, "{what}: {report}");
        assert!(codes.contains(&found[0].0.as_str()), "{what}: {report}");
        assert!(found[0].1.contains("staff.xlsx"), "{what}: {report}");
        assert_eq!(report["problems"][0]["source"], "staff", "{what}");
        assert_eq!(office.value("C-9", "name"), format!("Opal {index}"), "{what}: the others go on");
        assert_eq!(office.list(&["record", "list"]).len(), 3, "{what}: nothing is lost");
        assert!(office.reviews().is_empty(), "{what}: its rows are not missing");
        office.program(&["check"]).ends(1).says("hint:");
        assert_eq!(office.read("share/staff.xlsx"), bytes, "{what}: it is left as it is");
    }
    // It is put right, and all goes on.
    office.save("share/staff.xlsx", &rows(&["Customer ID|Name", "C-1|Agate", "C-2|Beryl"]));
    assert_eq!(office.sync_quietly()["applied"], 1);
    // Gone, and its folder gone.
    fs::remove_file(office.path("share/staff.xlsx")).expect("the file");
    assert_eq!(problems(&office.sync()).iter().map(|(code, _)| code.as_str()).collect::<Vec<_>>(), ["missing-file"]);
    office.store_is_sound();
}

#[test]
fn a_share_that_is_away_is_no_deletion() {
    let office = Office::with(&format!("{}{}", STAFF.replace("share/", "far/"), GOOD));
    office.write("far/staff.xlsx", &rows(&["Customer ID|Name", "C-1|Amber"]).xlsx());
    office.save("share/good.xlsx", &rows(&["Customer ID|Name", "C-9|Opal"]));
    office.sync_quietly();
    fs::rename(office.path("far"), office.path("away")).expect("the folder");
    office.open("share/good.xlsx").set("C-9", "Name", "Jade").save();
    let report = office.sync();
    assert_eq!(problems(&report).iter().map(|(code, _)| code.as_str()).collect::<Vec<_>>(), ["offline"], "{report}");
    assert_eq!(report["applied"], 1);
    assert_eq!(office.json(&["status"])["sources"][0]["state"], "offline");
    fs::rename(office.path("away"), office.path("far")).expect("the folder");
    office.sync_idly();
}

#[test]
fn cells_that_spreadsheets_have_spoilt_are_told() {
    let office = Office::with(STAFF);
    let sheet =
        rows(&["Customer ID|Name|Phone|Since", "C-1|Amber|1.38E+10|2026-03-01", "C-2|Beryl|13900139000|2026-03-02"]);
    office.save("share/staff.xlsx", &sheet);
    let report = office.sync();
    assert_eq!(problems(&report).len(), 1, "{report}");
    assert_eq!(problems(&report)[0].1, "staff.xlsx!Sheet1!C2", "{report}");
    assert_eq!(office.value("C-1", "phone"), Json::Null);
    assert_eq!(office.value("C-1", "name"), "Amber", "the rest of the row is posted");
    // Error values of formulas.
    let spoilt = with_part(&office.read("share/staff.xlsx"), |name, text| match name {
        "xl/worksheets/sheet1.xml" => {
            let cell = |place: &str, error: &str| format!(r#"<c r="{place}" t="e"><f>X()</f><v>{error}</v></c>"#);
            let pattern =
                |place: &str| regex::Regex::new(&format!(r#"<c r="{place}"[^>]*>.*?</c>"#)).expect("a pattern");
            let text = pattern("B3").replace(text, regex::NoExpand(&cell("B3", "#SPILL!"))).into_owned();
            pattern("D3").replace(&text, regex::NoExpand(&cell("D3", "#N/A"))).into_owned()
        }
        _ => text.to_owned(),
    });
    office.write("share/staff.xlsx", &spoilt);
    let report = office.sync();
    let mut places: Vec<String> = problems(&report).into_iter().map(|(_, place)| place).collect();
    places.sort();
    assert_eq!(places, ["staff.xlsx!Sheet1!B3", "staff.xlsx!Sheet1!D3"], "{report}");
    assert_eq!(office.value("C-2", "name"), "Beryl", "an error clears nothing");
    assert_eq!(office.value("C-2", "since"), "2026-03-02");
    office.sync_idly();
}

#[test]
fn titles_may_stand_lower_and_on_another_sheet() {
    let office = Office::with(&STAFF.replace("acts_as", "sheet = \"客户\"\nheader_row = 3\nacts_as"));
    let sheet = rows(&["Our customers", "", "Customer ID||Name", "C-1||Amber"]);
    office.write("share/staff.xlsx", &sheet.xlsx_named("客户"));
    office.sync_quietly();
    assert_eq!(office.value("C-1", "name"), "Amber");
    let history = office.list(&["record", "history", "--key", "C-1"]);
    let name = history.iter().find(|line| line["field"] == "name").expect("a line");
    assert_eq!(name["place"], "staff.xlsx!客户!C4");
}

/// The files from the wild, or nothing with a word where they are absent.
fn corpus(folders: &[&str]) -> Vec<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    if !root.is_dir() {
        #[expect(clippy::print_stderr, reason = "a test that is left out says so")]
        {
            eprintln!("skipped: {} is not there", root.display());
        }
        return Vec::new();
    }
    let mut files: Vec<PathBuf> =
        folders.iter().flat_map(|folder| super::office::files_below(&root.join(folder))).collect();
    files.sort();
    files
}

#[test]
fn files_from_the_wild_are_read_or_told() {
    let known = ["xlsx", "xlsm", "xls", "xlsb", "ods", "csv"];
    let files: Vec<PathBuf> = corpus(&["hostile", "workbooks"])
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| known.contains(&extension.to_string_lossy().as_ref())))
        .filter(|path| path.metadata().is_ok_and(|found| found.len() < 2_000_000))
        .collect();
    if files.is_empty() {
        return;
    }
    let patterns = known.iter().map(|extension| {
        STAFF
            .replace("\"staff\"", &format!("\"{extension}\""))
            .replace("share/staff.xlsx", &format!("wild/*.{extension}"))
    });
    let limits = "[limits]\nread_seconds_max = 20\n";
    let office = Office::with(&format!("{}{GOOD}{limits}", patterns.collect::<String>()));
    for (index, path) in files.iter().enumerate() {
        let name = path.file_name().expect("a name").to_string_lossy();
        office.write(&format!("wild/{index:03}-{name}"), &fs::read(path).expect("a file"));
    }
    office.save("share/good.xlsx", &rows(&["Customer ID|Name", "C-9|Opal"]));
    let report = office.sync();
    let told = problems(&report);
    assert_eq!(office.value("C-9", "name"), "Opal");
    for (index, file) in files.iter().enumerate() {
        // None of them is a list of our customers: each has to say why it was not taken.
        let name = format!("{index:03}-");
        assert!(told.iter().any(|(_, place)| place.contains(&name)), "{}", file.display());
    }
    assert!(told.iter().all(|(code, _)| code != "timed-out" && code != "reader-failed"), "{told:?}");
    assert!(told.iter().any(|(code, _)| code == "encrypted"), "{told:?}");
    assert_eq!(office.list(&["record", "list"]).len(), 1);
}
