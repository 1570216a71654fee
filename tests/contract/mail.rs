//! Mails through the program: a maildir in, receipts out as files.

use serde_json::Value as Json;

use super::office::{Office, problems, wait_until};

/// A mailbox, and a folder for what is sent.
pub(super) const MAIL: &str = r#"
[[mailbox]]
name = "capture"
address = "capture@example.com"
table = "customers"
maildir = "data/mail"
authentication = "none"
since = 2020-01-01
[smtp]
directory = "data/outbox"
from = "capture@example.com"
"#;

pub(super) fn office(language: &str) -> Office {
    office_with(language, "")
}

/// An office with mails, and more in its configuration.
pub(super) fn office_with(language: &str, more: &str) -> Office {
    let office = Office::with(&format!("{MAIL}{more}"));
    let configuration = String::from_utf8(office.read("daybook.toml")).expect("UTF-8");
    let from = if configuration.contains("language = \"en\"") { "en" } else { "zh-CN" };
    let configuration = configuration.replace(&format!("language = \"{from}\""), &format!("language = \"{language}\""));
    office.write("daybook.toml", configuration.as_bytes());
    for folder in ["new", "cur", "tmp"] {
        std::fs::create_dir_all(office.path("data/mail").join(folder)).expect("a maildir");
    }
    office
}

/// A mail of a person, delivered into the maildir.
pub(super) fn deliver(office: &Office, name: &str, from: &str, more: &str, text: &str) {
    let mail = format!(
        "From: {from}\r\nTo: capture@example.com\r\nSubject: update\r\nMessage-ID: <{name}@mail.example.com>\r\n\
         MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n{more}\r\n{text}\r\n"
    );
    office.write(&format!("data/mail/new/{name}"), mail.as_bytes());
}

/// The receipts, each with its header and its plain text decoded.
pub(super) fn receipts(office: &Office) -> Vec<(String, String)> {
    sent(office).iter().map(|bytes| read(bytes)).collect()
}

/// The mails that were sent, oldest first.
pub(super) fn sent(office: &Office) -> Vec<Vec<u8>> {
    let folder = office.path("data/outbox");
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("it can be listed").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "eml"));
    paths.sort_by_key(|path| path.metadata().and_then(|meta| meta.modified()).expect("the system says it"));
    paths.iter().map(|path| std::fs::read(path).expect("it can be read")).collect()
}

fn read(bytes: &[u8]) -> (String, String) {
    let mail = mail_parser::MessageParser::default().parse(bytes).expect("it is a mail");
    let head = String::from_utf8_lossy(bytes);
    let head = head.split("\r\n\r\n").next().unwrap_or_default().to_owned();
    (head, mail.body_text(0).expect("it has a text").into_owned())
}

/// The last receipt: what its outcome header says, and its text.
pub(super) fn last(office: &Office) -> (String, String) {
    let (head, text) = receipts(office).pop().expect("there is a receipt");
    let outcome = head.lines().find_map(|line| line.strip_prefix("X-Daybook-Outcome: ")).expect("it has an outcome");
    (outcome.trim().to_owned(), text)
}

pub(super) const CHIEF: &str = "chief@example.com";

#[test]
fn a_mail_adds_and_changes_a_record_and_is_answered_line_by_line() {
    let office = office("en");
    deliver(
        &office,
        "1",
        CHIEF,
        "",
        "Customer ID: C-1\r\nName: Amber Trading\r\nStage: lead\r\nCredit: plenty\r\n\r\nThanks!\r\n",
    );
    let report = office.sync();
    assert_eq!((&report["arrivals"], &report["sent"]), (&1.into(), &1.into()), "{report}");
    assert_eq!(office.value("C-1", "name"), "Amber Trading");
    let (outcome, text) = last(&office);
    assert_eq!(outcome, "applied=2 unchanged=0 refused=1 conflicts=0 held=0 not-understood=0", "{text}");
    assert!(text.contains("Customers C-1 (new)") && text.contains("Name: (empty) → Amber Trading  [saved]"), "{text}");
    assert!(text.contains("Credit: plenty  [not saved: not a number]"), "{text}");
    let (head, _) = receipts(&office).pop().expect("there is one");
    for line in [
        "To: chief@example.com",
        "In-Reply-To: <1@mail.example.com>",
        "Auto-Submitted: auto-replied",
        "X-Daybook-Arrival: ",
    ] {
        assert!(head.contains(line), "{line}: {head}");
    }
    assert!(office.path("data/mail/new").read_dir().expect("it is there").next().is_none(), "the mail was moved");

    // The place is the mail; the same mail again changes nothing and is not answered again.
    let history = office.list(&["record", "history", "--key", "C-1"]);
    assert_eq!(
        (&history[0]["place"], &history[0]["actor"]),
        (&"1@mail.example.com".into(), &CHIEF.into()),
        "{history:?}"
    );
    deliver(
        &office,
        "1",
        CHIEF,
        "",
        "Customer ID: C-1\r\nName: Amber Trading\r\nStage: lead\r\nCredit: plenty\r\n\r\nThanks!\r\n",
    );
    office.sync_quietly();
    assert_eq!(receipts(&office).len(), 1);
    office.sync_idly();
    office.store_is_sound();
}

#[test]
fn rights_are_the_senders_and_nothing_is_shown_that_she_may_not_see() {
    let office = office("zh-CN");
    office
        .program(&[
            "record",
            "set",
            "--key",
            "C-1",
            "name=琥珀",
            "phone=13800138000",
            "credit=5000",
            "owner=li.lei@example.com",
        ])
        .ends(0);
    deliver(
        &office,
        "2",
        "li.lei@example.com",
        "",
        "客户编号：C-1\r\n客户名称：琥珀贸易\r\n电话：13900139000\r\n信用额度：9\r\n",
    );
    office.sync();
    assert_eq!(office.value("C-1", "name"), "琥珀贸易");
    assert_eq!(office.value("C-1", "credit"), 5000);
    let (outcome, text) = last(&office);
    assert_eq!(outcome, "applied=1 unchanged=0 refused=2 conflicts=0 held=0 not-understood=0", "{text}");
    assert!(text.contains("客户名称: 琥珀 → 琥珀贸易  [已保存]"), "{text}");
    assert!(!text.contains("13800138000") && !text.contains("5000"), "{text}");
    // Somebody else's customer is as one that isn't there.
    office.program(&["record", "set", "--key", "C-2", "name=青铜", "owner=chief@example.com"]).ends(0);
    deliver(&office, "3", "li.lei@example.com", "", "查看 C-2\r\n");
    office.sync();
    assert!(last(&office).1.contains("没有这条记录"), "{}", last(&office).1);
    deliver(&office, "4", "li.lei@example.com", "", "查看 C-1\r\n");
    office.sync();
    let (_, text) = last(&office);
    assert!(text.contains("客户名称: 琥珀贸易") && !text.contains("13800138000") && !text.contains("5000"), "{text}");
}

#[test]
fn strangers_get_no_answer_and_no_rights() {
    let office = office("en");
    deliver(&office, "5", "stranger@example.org", "", "Customer ID: C-9\r\nName: Evil\r\n");
    deliver(&office, "6", "chief@example.com, li.lei@example.com", "", "Customer ID: C-9\r\nName: Evil\r\n");
    deliver(&office, "7", CHIEF, "Auto-Submitted: auto-replied\r\n", "Customer ID: C-3\r\nName: Robot\r\n");
    let report = office.sync();
    let codes: Vec<String> = problems(&report).into_iter().map(|(code, _)| code).collect();
    let automatic = codes.iter().filter(|code| *code == "mail-automatic").count();
    assert_eq!((codes.len(), automatic), (3, 1), "{report}");
    assert!(receipts(&office).is_empty(), "an automatic answer is not answered");
    assert!(office.list(&["record", "list"]).is_empty(), "and changes nothing: it says what it says to everybody");
    office.sync_idly();
    // The steward finds both at any time, and takes off the list what is done with.
    let mut listed = office.list(&["refused", "list"]);
    listed.sort_by_key(|mail| mail["from"].to_string());
    let from: Vec<&str> = listed.iter().filter_map(|mail| mail["from"].as_str()).collect();
    assert_eq!(from, ["chief@example.com, li.lei@example.com", "stranger@example.org"], "{listed:?}");
    assert!(listed.iter().all(|mail| mail["problem"]["code"] == "mail-refused" && mail["kept"] == false), "{listed:?}");
    let id = listed[1]["id"].as_str().expect("it has an id");
    let saved = office.program(&["refused", "save", id, "--to", "stranger.eml"]).ends(1);
    assert!(saved.err.contains("data/mail/5"), "{}", saved.err);
    office.program(&["refused", "forget", id]).ends(0);
    assert_eq!(
        (office.list(&["refused", "list"]).len(), office.json(&["status"])["mails"]["refused"].as_u64()),
        (1, Some(1))
    );
}

#[test]
fn a_mail_that_was_refused_is_judged_anew_when_it_is_moved_back() {
    let office = office("en");
    let text = "Customer ID: C-9\r\nName: Agate\r\n";
    deliver(&office, "1", "new@example.com", "", text);
    assert_eq!(problems(&office.sync())[0].0, "mail-refused");
    let bytes = office.read("data/mail/.Daybook.Refused/cur/1:2,S");
    let configuration = String::from_utf8(office.read("daybook.toml")).expect("UTF-8");
    let person = "[[person]]\nemail = \"new@example.com\"\nroles = [\"staff\"]\n";
    office.write("daybook.toml", format!("{configuration}{person}").as_bytes());
    // A mail program gives it another name.
    office.write("data/mail/new/2", &bytes);
    office.sync();
    assert_eq!((office.value("C-9", "name"), receipts(&office).len()), ("Agate".into(), 1));
    assert!(office.list(&["refused", "list"]).is_empty(), "what was taken after all is refused no longer");
    office.write("data/mail/new/3", &bytes);
    office.sync();
    assert_eq!(receipts(&office).len(), 1, "once");
    office.sync_idly();
}

#[test]
fn what_answers_a_receipt_by_itself_is_not_answered() {
    let office = office("zh-CN");
    deliver(&office, "1", CHIEF, "", "客户编号：C-1\r\n客户名称：琥珀\r\n");
    office.sync();
    let receipt = String::from_utf8(sent(&office).pop().expect("there is one")).expect("UTF-8");
    // A receipt of another Daybook's, of which a gateway on the way has left one mark at a time.
    let marks =
        ["X-Daybook-Arrival", "X-Daybook-Outcome", "X-Daybook-Loop", "Auto-Submitted", "X-Auto-Response-Suppress"];
    for mark in marks {
        let line = receipt.lines().find(|line| line.starts_with(mark)).expect("a receipt has all of them");
        deliver(&office, mark, CHIEF, &format!("{line}\r\n"), "客户编号：C-1\r\n客户名称：琥珀\r\n");
    }
    // Web mail in a person's absence: nothing says so but the subject, in whatever letters (GB 2312, Base64).
    for (name, subject) in [("web", "=?gb2312?B?19S2r7vYuLQ6u9i4tKO6a2g=?="), ("plain", "自动回复: 回复：客户")]
    {
        let mail = format!(
            "From: {CHIEF}\r\nTo: capture@example.com\r\nSubject: {subject}\r\nMessage-ID: <{name}@mail.example.com>\r\n\
             MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n我在休假。\r\n"
        );
        office.write(&format!("data/mail/new/{name}"), mail.as_bytes());
    }
    let report = office.sync();
    assert_eq!((&report["arrivals"], &report["sent"]), (&7.into(), &0.into()), "{report}");
    assert_eq!(receipts(&office).len(), 1);
}

#[test]
fn what_was_saved_is_taken_back_by_an_answer_to_its_receipt() {
    let office = office("en");
    office.program(&["record", "set", "--key", "C-1", "name=Amber", "stage=lead"]).ends(0);
    deliver(&office, "8", CHIEF, "", "Customer ID: C-1\r\nName: Agate\r\n");
    office.sync();
    assert_eq!(office.value("C-1", "name"), "Agate");
    let (head, _) = receipts(&office).pop().expect("there is one");
    let id = head.lines().find_map(|line| line.strip_prefix("Message-ID: ")).expect("it has an id").trim().to_owned();
    // Somebody else can't.
    deliver(&office, "9", "han.meimei@example.com", &format!("In-Reply-To: {id}\r\n"), "undo\r\n");
    office.sync();
    assert_eq!(office.value("C-1", "name"), "Agate");
    deliver(
        &office,
        "10",
        CHIEF,
        &format!("In-Reply-To: {id}\r\n"),
        "undo\r\n\r\n> Customers C-1\r\n>   Name: Amber → Agate\r\n",
    );
    office.sync();
    assert_eq!(office.value("C-1", "name"), "Amber");
    let (_, text) = last(&office);
    let at = text
        .split_once("Your changes of ")
        .and_then(|(_, rest)| rest.split_once(" were undone."))
        .expect("it says so")
        .0;
    assert!(
        at.len() == 16 && at.chars().all(|char| char.is_ascii_digit() || "- :".contains(char)),
        "as a person reads it: {at}"
    );
    office.store_is_sound();
}

#[test]
fn a_mail_that_comes_late_does_not_write_over_what_was_changed_since() {
    let office = office("en");
    office.program(&["record", "set", "--key", "C-1", "name=Amber"]).ends(0);
    deliver(&office, "12", CHIEF, "Date: Mon, 2 Mar 2026 09:00:00 +0800\r\n", "Customer ID: C-1\r\nName: Agate\r\n");
    office.sync();
    assert_eq!(office.value("C-1", "name"), "Amber");
    let (outcome, text) = last(&office);
    assert!(outcome.contains("applied=0") && outcome.contains("conflicts=1"), "{outcome}");
    assert!(text.contains("Amber → Agate  [waits for a decision"), "{text}");
    office.program(&["review", "decide", &office.review(), "incoming"]).ends(0);
    assert_eq!(office.value("C-1", "name"), "Agate");
}

#[test]
fn the_daemon_takes_a_mail_and_answers_it() {
    let office = office("en");
    let daemon = office.start(&["run"]);
    wait_until("the daemon has a store", || office.path("data/daybook.db").exists());
    deliver(&office, "11", CHIEF, "", "Customer ID: C-1\r\nName: Amber\r\n");
    wait_until("the receipt is written", || !receipts(&office).is_empty());
    assert_eq!(office.value("C-1", "name"), "Amber");
    let status: Json = office.json(&["status"]);
    let source = status["sources"].as_array().into_iter().flatten().find(|source| source["kind"] == "mailbox");
    assert_eq!(source.map(|source| &source["state"]), Some(&"ok".into()), "{status}");
    daemon.signal(rustix::process::Signal::TERM);
    daemon.ended("the daemon").ends(0);
    office.sync_idly();
    office.store_is_sound();
}
