//! What becomes of a question that a mail raised when its author says more of the cell: her word renews it or takes it back, nobody else's does.

use serde_json::Value as Json;

use super::attachments::send;
use super::decisions::{HAN, LATE, LI_LEI, follow, in_conflict, links};
use super::mail::{CHIEF, deliver, last, office};
use super::office::{Office, text};
use super::workbook::rows;

/// A mail that was written a day before the usual one.
const EARLIER: &str = "Date: Sun, 1 Mar 2026 09:00:00 +0800\r\n";

/// Takes one more mail.
fn says(office: &Office, name: &str, from: &str, head: &str, text: &str) {
    deliver(office, name, from, head, text);
    office.sync();
}

/// What arrived by each open question.
fn asked(office: &Office) -> Vec<Json> {
    office.reviews().iter().map(|review| review["incoming"].clone()).collect()
}

/// How a question ended.
fn ended(office: &Office, id: &str) -> String {
    let all = office.list(&["review", "list", "--all"]);
    let ended = all.iter().find(|review| review["id"] == id).expect("it is listed");
    text(&ended["decided"])
}

#[test]
fn her_next_word_about_the_cell_renews_the_question_and_voids_its_links() {
    let office = in_conflict("en");
    let before = links(&last(&office).1);
    let id = office.review();
    says(&office, "second", LI_LEI, LATE, "Customer ID: C-1\r\nName: Onyx\r\n");
    assert_eq!((office.review(), asked(&office)), (id, vec!["Onyx".into()]));
    let told = last(&office).1;
    assert!(told.contains("Take what was sent – Name: Onyx"), "{told}");
    let told = follow(&office, "third", LI_LEI, &before[0]);
    assert!(told.contains("was changed meanwhile") && told.contains("Name: Onyx") && !told.contains("Agate"), "{told}");
    assert_eq!(office.value("C-1", "name"), "Amber");
    follow(&office, "fourth", LI_LEI, &links(&told)[0]);
    assert_eq!((office.value("C-1", "name"), office.reviews().len()), ("Onyx".into(), 0));
    office.store_is_sound();
}

#[test]
fn her_word_for_what_is_stored_takes_the_question_back() {
    for head in [LATE, ""] {
        let office = in_conflict("en");
        let (id, before) = (office.review(), links(&last(&office).1));
        says(&office, "second", LI_LEI, head, "Customer ID: C-1\r\nName: Amber\r\n");
        assert_eq!((ended(&office, &id), asked(&office)), ("withdrawn".into(), vec![]), "{head}");
        let told = follow(&office, "third", LI_LEI, &before[0]);
        assert!(told.contains("no longer open"), "{told}");
        assert_eq!(office.value("C-1", "name"), "Amber");
        office.store_is_sound();
    }
}

#[test]
fn a_question_that_is_settled_by_a_later_word_of_hers_is_closed() {
    let office = in_conflict("en");
    says(&office, "second", LI_LEI, "", "Customer ID: C-1\r\nName: Onyx\r\n");
    assert_eq!((office.value("C-1", "name"), asked(&office)), ("Onyx".into(), vec![]));
}

#[test]
fn what_her_mail_does_not_mention_stays_asked() {
    let office = in_conflict("en");
    let (id, before) = (office.review(), links(&last(&office).1));
    let texts =
        ["Customer ID: C-1\r\nSince: 2026-03-01\r\n", "Customer ID: C-1\r\nName:\r\n", "reviews\r\n", "Thanks!\r\n"];
    for (number, text) in texts.iter().enumerate() {
        says(&office, &format!("other-{number}"), LI_LEI, "", text);
        assert_eq!((office.review(), asked(&office)), (id.clone(), vec!["Agate".into()]), "{text}");
    }
    assert_eq!(before.len(), 2);
}

#[test]
fn nobody_elses_word_touches_her_question() {
    let office = in_conflict("en");
    let id = office.review();
    says(&office, "second", CHIEF, LATE, "Customer ID: C-1\r\nName: Onyx\r\n");
    assert_eq!(asked(&office), ["Agate", "Onyx"]);
    says(&office, "third", CHIEF, LATE, "Customer ID: C-1\r\nName: Amber\r\n");
    assert_eq!((office.review(), asked(&office)), (id.clone(), vec!["Agate".into()]), "hers alone is left");
    // Who may not see the record says nothing of it.
    says(&office, "fourth", HAN, LATE, "Customer ID: C-1\r\nName: Amber\r\n");
    assert_eq!((office.review(), asked(&office)), (id, vec!["Agate".into()]));
}

#[test]
fn what_she_wrote_before_takes_nothing_back() {
    let office = in_conflict("en");
    says(&office, "second", LI_LEI, EARLIER, "Customer ID: C-1\r\nName: Amber\r\n");
    assert_eq!(asked(&office), ["Agate"]);
}

#[test]
fn a_question_of_which_she_takes_back_a_part_is_another_one() {
    let office = office("en");
    let configuration = String::from_utf8(office.read("daybook.toml")).expect("UTF-8");
    let grouped = ["headers = [\"Name\", \"客户名称\"]", "headers = [\"Since\", \"日期\"]"]
        .iter()
        .fold(configuration, |text, line| text.replace(line, &format!("{line}\ngroup = \"deal\"")));
    office.write("daybook.toml", grouped.as_bytes());
    let record = ["record", "set", "--key", "C-1", "name=Amber", "since=2026-01-01", "owner=li.lei@example.com"];
    office.program(&record).ends(0);
    says(&office, "first", LI_LEI, LATE, "Customer ID: C-1\r\nName: Agate\r\nSince: 2026-02-02\r\n");
    let (id, before) = (office.review(), links(&last(&office).1));
    says(&office, "second", LI_LEI, LATE, "Customer ID: C-1\r\nSince: 2026-01-01\r\n");
    assert_eq!(office.review(), id);
    // Neither the record nor the arrival that asks is another one: what is asked is.
    let told = follow(&office, "third", LI_LEI, &before[0]);
    assert!(told.contains("was changed meanwhile") && told.contains("Take what was sent – Name: Agate"), "{told}");
    assert!(!told.contains("2026-02-02"), "{told}");
    assert_eq!(office.value("C-1", "name"), "Amber");
    follow(&office, "fourth", LI_LEI, &links(&told)[0]);
    assert_eq!((office.value("C-1", "name"), office.value("C-1", "since")), ("Agate".into(), "2026-01-01".into()));
}

#[test]
fn a_workbook_that_shows_what_is_stored_takes_no_question_back() {
    let office = in_conflict("en");
    let book = rows(&["Customer ID|Name|Phone", "C-1|Amber|13900139000"]).xlsx_named("customers");
    send(&office, "second", LI_LEI, "the new number\n", &[("customers.xlsx", book)]);
    office.sync();
    assert_eq!(asked(&office), vec![Json::from("Agate")], "its cell is a copy, and no word of hers");
}
