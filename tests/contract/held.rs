//! Saves of a two-way workbook that are held: what their authors are told, and what of it stands when they are decided.

use super::office::{Office, problems, text};
use super::two_way::{TWO_WAY, save_thirty, thirty, with_a_held_save};
use super::workbook::rows;

#[test]
fn an_answer_that_waits_is_found_stale_however_often_the_workbook_was_saved_since() {
    let office = Office::with(TWO_WAY);
    save_thirty(&office, 0);
    office.sync_quietly();
    let name_all = |name: &str| {
        let mut book = office.open("share/staff.xlsx");
        for number in 1..30 {
            book.set(&format!("C-{number}"), "Name", format!("{name} {number}").as_str());
        }
        book.save();
    };
    name_all("renamed");
    office.sync();
    assert_eq!(office.open("share/staff.xlsx").value("C-1", "Daybook"), "Waiting for a decision");
    // She takes her changes back, and keeps the workbook open while she goes on.
    office.write("share/~$staff.xlsx", b"\x02Li");
    name_all("as it was");
    office.sync_quietly();
    for number in 0..21 {
        office.open("share/staff.xlsx").set("C-30", "Name", format!("edit {number}").as_str()).save();
        office.sync_quietly();
    }
    std::fs::remove_file(office.path("share/~$staff.xlsx")).expect("the owner file was there");
    office.sync_quietly();
    let book = office.open("share/staff.xlsx");
    assert_eq!((book.value("C-1", "Daybook"), book.value("C-30", "Daybook")), ("Saved".to_owned(), "Saved".to_owned()));
    office.sync_idly();
}

#[test]
fn no_kept_version_is_promised_where_none_is_kept() {
    let office = with_a_held_save();
    let configuration = String::from_utf8(office.read("daybook.toml")).expect("UTF-8");
    office.write("daybook.toml", configuration.replace("[store]", "[store]\nbackups_kept = 0").as_bytes());
    office.sync();
    let report = office.program(&["review", "decide", &office.review(), "reject", "--json"]).json();
    assert_eq!(problems(&report).len(), 1, "{report}");
    let hint = text(&report["problems"][0]["hint"]);
    assert!(hint.contains("record history") && !hint.contains("workbook restore"), "{hint}");
    office.sync_quietly();
    assert_eq!(office.open("share/staff.xlsx").value("C-1", "Name"), "as it was 1");
}

#[test]
fn held_and_rejected_saves_are_answered_in_chinese() {
    let office = Office::with(TWO_WAY);
    let configuration = String::from_utf8(office.read("daybook.toml")).expect("UTF-8");
    office.write("daybook.toml", configuration.replace("language = \"en\"", "language = \"zh-CN\"").as_bytes());
    save_thirty(&office, 0);
    office.sync_quietly();
    let answer = |key: &str| office.open("share/staff.xlsx").value(key, "Daybook");
    assert_eq!(answer("C-1"), "已保存");
    let mut lines = thirty(29);
    lines.push("C-31|new|lead|".to_owned());
    office.save("share/staff.xlsx", &rows(&lines.iter().map(String::as_str).collect::<Vec<_>>()));
    office.sync();
    assert_eq!((answer("C-1"), answer("C-31")), ("等待决定".to_owned(), "等待决定".to_owned()));
    office.program(&["review", "decide", &office.review(), "reject"]).ends(0);
    office.sync_quietly();
    assert_eq!(answer("C-1"), "未保存：客户名称：这次保存被驳回");
    assert_eq!(answer("C-31"), "未保存：这次保存被驳回");
    assert_eq!(answer("C-30"), "已保存");
    office.sync_idly();
}
