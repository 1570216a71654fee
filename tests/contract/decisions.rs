//! Decisions by mail through the program: what a receipt asks, its links and words in reply, and everything that does not count.

use super::mail::{CHIEF, deliver, last, office, receipts};
use super::office::{Office, text};
use super::workbook::rows;

pub(super) const LI_LEI: &str = "li.lei@example.com";
pub(super) const HAN: &str = "han.meimei@example.com";
/// A mail that was written before what is stored.
pub(super) const LATE: &str = "Date: Mon, 2 Mar 2026 09:00:00 +0800\r\n";

/// An office in which Li Lei's mail about her customer is in conflict with what is stored.
pub(super) fn in_conflict(language: &str) -> Office {
    let office = office(language);
    let record = ["record", "set", "--key", "C-1", "name=Amber", "phone=13800138000", "credit=5000"];
    office.program(&[record.as_slice(), &["owner=li.lei@example.com"]].concat()).ends(0);
    deliver(&office, "first", LI_LEI, LATE, "客户编号：C-1\r\n客户名称：Agate\r\n");
    office.sync();
    assert_eq!(office.value("C-1", "name"), "Amber");
    office
}

/// The links of a receipt's text, each as a mail program opens it: the address, the subject and the text.
pub(super) fn links(text: &str) -> Vec<(String, String, String)> {
    let links = text.split_whitespace().filter_map(|word| word.strip_prefix("mailto:"));
    let opened = links.map(|link| {
        let (to, query) = link.split_once('?').expect("the link has a subject and a text");
        let parts: Vec<(&str, String)> = query
            .split('&')
            .map(|part| part.split_once('=').expect("a name and a value"))
            .map(|(name, value)| (name, decoded(value)))
            .collect();
        let part = |wanted: &str| {
            let found = parts.iter().find(|(name, _)| *name == wanted);
            found.map_or_else(|| panic!("no {wanted}: {link}"), |(_, value)| value.clone())
        };
        (decoded(to), part("subject"), part("body"))
    });
    opened.collect()
}

/// A text of a link (RFC 3986, 2.1).
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let pair: String = rest.by_ref().take(2).map(char::from).collect();
        bytes.push(u8::from_str_radix(&pair, 16).expect("two hexadecimal digits"));
    }
    String::from_utf8(bytes).expect("UTF-8")
}

/// Sends what a link of the last receipt opens, as this person.
pub(super) fn follow(office: &Office, name: &str, from: &str, link: &(String, String, String)) -> String {
    let (to, _, body) = link;
    assert_eq!(to, "capture@example.com");
    deliver(office, name, from, "", body);
    office.sync();
    last(office).1
}

/// The Message-ID of the last receipt, as a header that answers it.
fn in_reply(office: &Office) -> String {
    let (head, _) = receipts(office).pop().expect("there is a receipt");
    let id = head.lines().find_map(|line| line.strip_prefix("Message-ID: ")).expect("it has an id");
    format!("In-Reply-To: {}\r\n", id.trim())
}

/// A text as a mail program quotes it.
fn quote(text: &str) -> String {
    text.lines().fold(String::new(), |quoted, line| quoted + "> " + line + "\r\n")
}

/// Nothing was decided: the question is open, and the value stands.
#[track_caller]
fn still_open(office: &Office) {
    assert_eq!(office.value("C-1", "name"), "Amber");
    assert_eq!(office.reviews().len(), 1);
}

#[test]
fn a_link_decides_a_conflict_once_and_an_answer_takes_it_back() {
    let office = in_conflict("en");
    let (outcome, asked) = last(&office);
    assert!(outcome.contains("conflicts=1"), "{outcome}");
    assert!(
        asked.contains("Take what was sent – 客户名称: Agate") || asked.contains("Take what was sent – Name: Agate"),
        "{asked}"
    );
    assert!(asked.contains("Keep what is stored – Name: Amber"), "{asked}");
    let found = links(&asked);
    assert_eq!(found.len(), 2, "{asked}");
    assert!(found.iter().all(|(_, subject, _)| subject == "Daybook decision"), "{found:?}");

    let told = follow(&office, "second", LI_LEI, &found[0]);
    assert!(
        told.contains("Decided: Customers C-1 has what was sent.") && told.contains("Name: Amber → Agate"),
        "{told}"
    );
    assert_eq!(office.value("C-1", "name"), "Agate");
    assert!(office.reviews().is_empty());
    let history = office.list(&["record", "history", "--key", "C-1"]);
    let decided = history.iter().rfind(|line| line["field"] == "name").expect("it is in the history");
    assert_eq!((text(&decided["actor"]), text(&decided["place"])), (LI_LEI.into(), "second@mail.example.com".into()));
    let changes = office.list(&["change", "list"]);
    assert_eq!((text(&changes[0]["kind"]), text(&changes[0]["actor"])), ("decision".into(), LI_LEI.into()));

    // Sent again it does nothing, nor does the other one.
    let decision = in_reply(&office);
    let told = follow(&office, "third", LI_LEI, &found[0]);
    assert!(told.contains("was sent before, and counts once"), "{told}");
    let told = follow(&office, "fourth", LI_LEI, &found[1]);
    assert!(told.contains("This is decided already"), "{told}");
    assert_eq!(office.value("C-1", "name"), "Agate");

    deliver(&office, "fifth", LI_LEI, &decision, "undo\r\n");
    office.sync();
    assert_eq!(office.value("C-1", "name"), "Amber");
    office.sync_idly();
    office.store_is_sound();
}

#[test]
fn a_word_in_reply_decides_what_the_receipt_asks() {
    let office = in_conflict("zh-CN");
    let (_, asked) = last(&office);
    assert!(asked.contains("采用来信的值：客户名称 Agate") || asked.contains("采用来信的值：Name Agate"), "{asked}");
    let reply = in_reply(&office);
    // Somebody else's reply to it, and a word that means nothing here, decide nothing.
    deliver(&office, "second", CHIEF, &reply, "1\r\n");
    office.sync();
    assert!(last(&office).1.contains("没有可以用这个词决定的事项"), "{}", last(&office).1);
    deliver(&office, "third", LI_LEI, &reply, "接受\r\n");
    office.sync();
    still_open(&office);
    let quoted = quote(&asked);
    deliver(
        &office,
        "fourth",
        LI_LEI,
        &reply,
        &format!("您好，\r\n1\r\n\r\n在 2026年11月28日，Daybook 写道：\r\n{quoted}"),
    );
    office.sync();
    assert!(last(&office).1.contains("已决定：客户 C-1 采用来信的值。"), "{}", last(&office).1);
    assert_eq!(office.value("C-1", "name"), "Agate");
    deliver(&office, "fifth", LI_LEI, &reply, "保留原值\r\n");
    office.sync();
    assert!(last(&office).1.contains("这一项已有决定"), "{}", last(&office).1);
    assert_eq!(office.value("C-1", "name"), "Agate");
    office.store_is_sound();
}

#[test]
fn a_token_is_nobody_elses_and_a_changed_one_is_none() {
    let office = in_conflict("en");
    let found = links(&last(&office).1);
    for (name, from) in [("second", CHIEF), ("third", HAN)] {
        let told = follow(&office, name, from, &found[0]);
        assert!(told.contains("it was not made for you"), "{told}");
        assert!(!told.contains("Amber") && !told.contains("Agate") && !told.contains("C-1"), "{told}");
        still_open(&office);
    }
    let (to, subject, body) = &found[0];
    let at = body.len() - 20;
    let other = if body[at..=at] == *"A" { "B" } else { "A" };
    let changed = format!("{}{other}{}", &body[..at], &body[at + 1..]);
    for (name, body) in
        [("fourth", changed), ("fifth", body[..body.len() - 9].to_owned()), ("sixth", format!("{body}A"))]
    {
        let told = follow(&office, name, LI_LEI, &(to.clone(), subject.clone(), body));
        assert!(told.contains("it is not complete"), "{told}");
        still_open(&office);
    }
    // A machine that answers for her does not decide for her.
    deliver(&office, "seventh", LI_LEI, "Auto-Submitted: auto-replied\r\n", body);
    office.sync();
    still_open(&office);
    // Small letters and a broken line are what programs do.
    let (word, token) = body.split_once(' ').expect("a word and a token");
    let broken = format!("{word}\r\n{}\r\n{}", token[..30].to_lowercase(), &token[30..]);
    let told = follow(&office, "eighth", LI_LEI, &(to.clone(), subject.clone(), broken));
    assert!(told.contains("Decided:"), "{told}");
    assert_eq!(office.value("C-1", "name"), "Agate");
}

#[test]
fn what_is_quoted_decides_nothing() {
    let office = in_conflict("en");
    let (_, asked) = last(&office);
    let (found, reply) = (links(&asked), in_reply(&office));
    let quoted = quote(&asked);
    let body = &found[0].2;
    let texts = [
        format!("Thanks, I will look at it.\r\n\r\n{quoted}"),
        format!("> {body}\r\n"),
        format!("{quoted}\r\n"),
        format!("See below.\r\n\r\n-----Original Message-----\r\nFrom: capture@example.com\r\n\r\n{body}\r\n1\r\n"),
        format!("Can you tell me what this means?\r\n\r\n{body}\r\n"),
    ];
    for (number, text) in texts.iter().enumerate() {
        deliver(&office, &format!("quote-{number}"), LI_LEI, &reply, text);
        office.sync();
        still_open(&office);
        assert!(!last(&office).1.contains("Decided"), "{}", last(&office).1);
    }
}

#[test]
fn a_record_that_was_changed_meanwhile_is_asked_about_anew() {
    let office = in_conflict("en");
    let found = links(&last(&office).1);
    office.program(&["record", "set", "--key", "C-1", "name=Beryl"]).ends(0);
    let told = follow(&office, "second", LI_LEI, &found[0]);
    assert!(told.contains("was changed meanwhile"), "{told}");
    assert_eq!(office.value("C-1", "name"), "Beryl");
    assert!(told.contains("Keep what is stored – Name: Beryl"), "{told}");
    let anew = links(&told);
    assert_eq!(anew.len(), 2, "{told}");
    let told = follow(&office, "third", LI_LEI, &anew[1]);
    assert!(told.contains("Decided: Customers C-1 keeps what was stored."), "{told}");
    assert_eq!(office.value("C-1", "name"), "Beryl");
    assert!(office.reviews().is_empty());
}

#[test]
fn whoever_may_decide_is_told_what_there_is_to_decide_and_nobody_else() {
    let office = in_conflict("en");
    deliver(&office, "second", HAN, "", "reviews\r\n");
    office.sync();
    let (_, told) = last(&office);
    assert!(told.contains("There is nothing open that you may decide."), "{told}");
    assert!(!told.contains("Amber") && !told.contains("Agate") && links(&told).is_empty(), "{told}");
    deliver(&office, "third", CHIEF, "", "待定\r\n");
    office.sync();
    let (_, told) = last(&office);
    assert!(told.contains("To be decided by you: 1") && told.contains("Name: Agate"), "{told}");
    let found = links(&told);
    // Her rights are gone: the token is still hers, and decides nothing.
    let configuration = String::from_utf8(office.read("daybook.toml")).expect("UTF-8");
    let other = "roles = [\"finance\"]\n[[person]]\nemail = \"other@example.com\"\nroles = [\"staff\"]";
    let without = configuration.replace("roles = [\"staff\"]", other);
    office.write("daybook.toml", without.as_bytes());
    let refused = follow(&office, "fourth", CHIEF, &found[0]);
    assert!(refused.contains("You may not decide this.") && links(&refused).is_empty(), "{refused}");
    assert!(!refused.contains("Amber") && !refused.contains("Agate"), "{refused}");
    office.write("daybook.toml", configuration.as_bytes());
    still_open(&office);
    let told = follow(&office, "fifth", CHIEF, &found[0]);
    assert!(told.contains("Decided"), "{told}");
    assert_eq!(office.value("C-1", "name"), "Agate");
}

#[test]
fn a_receipt_that_asks_several_things_is_answered_by_its_links() {
    let office = in_conflict("en");
    office.program(&["record", "set", "--key", "C-2", "name=Onyx", "owner=li.lei@example.com"]).ends(0);
    deliver(&office, "second", LI_LEI, LATE, "Customer ID: C-2\r\nName: Opal\r\n");
    office.sync();
    deliver(&office, "third", LI_LEI, "", "reviews\r\n");
    office.sync();
    let (_, told) = last(&office);
    let found = links(&told);
    assert_eq!(found.len(), 4, "{told}");
    let reply = in_reply(&office);
    deliver(&office, "fourth", LI_LEI, &reply, "1\r\n");
    office.sync();
    assert!(last(&office).1.contains("asks several things"), "{}", last(&office).1);
    assert_eq!(office.reviews().len(), 2);
    follow(&office, "fifth", LI_LEI, &found[2]);
    assert_eq!((office.value("C-1", "name"), office.value("C-2", "name")), ("Amber".into(), "Opal".into()));
    assert_eq!(office.reviews().len(), 1);
}

/// The configuration of the staff's workbook.
const WORKBOOK: &str = "[[workbook]]\nname = \"staff\"\npath = \"share/staff.xlsx\"\ntable = \"customers\"\nacts_as = \"role:staff\"\nmissing_rows = \"review\"\n";

/// An office in which the row of C-1 is gone from the staff's workbook, and the chief is asked about it.
fn with_a_row_gone() -> Office {
    let office = office("en");
    office.write("daybook.toml", &[office.read("daybook.toml"), WORKBOOK.as_bytes().to_vec()].concat());
    office.save(
        "share/staff.xlsx",
        &rows(&["Customer ID|Name|Owner", "C-1|Amber|li.lei@example.com", "C-2|Beryl|", "C-3|Onyx|"]),
    );
    office.sync_quietly();
    office.open("share/staff.xlsx").remove("C-1").save();
    office.sync_quietly();
    assert_eq!(office.reviews()[0]["kind"], "missing-row");
    office
}

/// The keys of the records that are not put away.
fn listed(office: &Office) -> Vec<String> {
    let listed = office.list(&["record", "list"]);
    let mut keys: Vec<String> = listed.iter().map(|record| text(&record["fields"]["customer_id"])).collect();
    keys.sort();
    keys
}

#[test]
fn a_record_that_was_put_away_by_mail_comes_back_by_an_answer() {
    let office = with_a_row_gone();
    deliver(&office, "first", CHIEF, "", "reviews\r\n");
    office.sync();
    let found = links(&last(&office).1);
    let told = follow(&office, "second", CHIEF, &found[0]);
    assert!(told.contains("was put away"), "{told}");
    assert_eq!(listed(&office), ["C-2", "C-3"]);
    assert!(told.contains("reply to this mail with “undo”"), "{told}");
    let reply = in_reply(&office);
    deliver(&office, "third", CHIEF, &reply, "undo\r\n");
    office.sync();
    assert!(last(&office).1.contains("were undone"), "{}", last(&office).1);
    assert_eq!(listed(&office), ["C-1", "C-2", "C-3"]);
    office.store_is_sound();
}

#[test]
fn a_record_that_is_kept_by_mail_leaves_nothing_to_undo() {
    let office = with_a_row_gone();
    deliver(&office, "first", CHIEF, "", "reviews\r\n");
    office.sync();
    let found = links(&last(&office).1);
    let told = follow(&office, "second", CHIEF, &found[1]);
    assert!(told.contains("is kept") && !told.contains("undo"), "{told}");
    assert_eq!(listed(&office), ["C-1", "C-2", "C-3"]);
}

#[test]
fn a_row_that_is_gone_is_decided_by_mail_by_who_may_and_a_held_save_is_not() {
    let office = with_a_row_gone();
    let configuration = office.read("daybook.toml");
    // Whose record it is may write some of it, and not archive all of it.
    office.program(&["record", "set", "--key", "C-1", "credit=5000"]).ends(0);
    deliver(&office, "first", LI_LEI, "", "reviews\r\n");
    office.sync();
    assert!(last(&office).1.contains("There is nothing open"), "{}", last(&office).1);
    deliver(&office, "second", CHIEF, "", "reviews\r\n");
    office.sync();
    let (_, told) = last(&office);
    assert!(
        told.contains("Customers C-1: its row is gone from the workbook.") && told.contains("staff.xlsx"),
        "{told}"
    );
    let told = follow(&office, "third", CHIEF, &links(&told)[0]);
    assert!(told.contains("Decided: Customers C-1 was put away."), "{told}");
    assert!(office.reviews().is_empty());
    assert_eq!(listed(&office), ["C-2", "C-3"]);
    office.store_is_sound();

    // Most rows change at once: that is the steward's.
    let many = |name: &str| {
        let lines: Vec<String> = (10..40).map(|number| format!("C-{number}|{name} {number}|")).collect();
        let lines: Vec<&str> =
            std::iter::once("Customer ID|Name|Owner").chain(lines.iter().map(String::as_str)).collect();
        rows(&lines)
    };
    office.save("share/many.xlsx", &many("Amber"));
    let other = WORKBOOK.replace("staff\"\npath", "many\"\npath").replace("staff.xlsx", "many.xlsx");
    office.write("daybook.toml", &[configuration, other.into_bytes()].concat());
    office.sync();
    office.save("share/many.xlsx", &many("Beryl"));
    office.sync();
    assert_eq!(office.reviews()[0]["kind"], "mass-change");
    deliver(&office, "fourth", CHIEF, "", "reviews\r\n");
    office.sync();
    assert!(last(&office).1.contains("There is nothing open"), "{}", last(&office).1);
}

#[test]
fn a_list_number_in_a_reply_is_no_answer() {
    let office = in_conflict("en");
    let reply = in_reply(&office);
    let lists = ["1.\r\n", "2。\r\n", "1、\r\n", "  1:  \r\n"];
    for (number, list) in lists.iter().enumerate() {
        let rows = format!("{list}Customer ID: C-1\r\nStage: lead\r\nSince: 2026-03-0{}\r\n", number + 1);
        deliver(&office, &format!("list-{number}"), LI_LEI, &reply, &rows);
        office.sync();
        let (outcome, told) = last(&office);
        assert!(outcome.starts_with("applied=1 ") && outcome.contains("refused=1 "), "{list}: {outcome}: {told}");
        still_open(&office);
    }
    deliver(&office, "word", LI_LEI, &reply, "采用来信。\r\n");
    office.sync();
    still_open(&office);
}

#[test]
fn a_word_before_rows_decides_nothing_and_the_rows_count_unless_they_answer_a_question() {
    let office = in_conflict("en");
    let reply = in_reply(&office);
    let rows = "Customer ID: C-1\r\nSince: 2026-03-01\r\n";
    for (number, word) in ["1", "accept"].iter().enumerate() {
        deliver(&office, &format!("asked-{number}"), LI_LEI, &reply, &format!("{word}\r\n{rows}"));
        office.sync();
        let (outcome, told) = last(&office);
        assert!(outcome.starts_with("applied=0 "), "{outcome}: {told}");
        assert!(told.contains("The mail has both a command and changes."), "{told}");
    }
    still_open(&office);
    // Of a mail that asks nothing, or asked somebody else, a word can't be an answer.
    let other = "In-Reply-To: <lunch@mail.example.com>\r\n";
    for (number, head) in [other, reply.as_str()].iter().enumerate() {
        let text = format!("1\r\nCustomer ID: C-1\r\nSince: 2026-03-0{}\r\n", number + 2);
        deliver(&office, &format!("other-{number}"), CHIEF, head, &text);
        office.sync();
        let (outcome, told) = last(&office);
        assert!(outcome.starts_with("applied=1 ") && outcome.ends_with("not-understood=1"), "{outcome}: {told}");
        assert!(told.contains("line 1: 1") && told.contains("asks nothing that this word could decide"), "{told}");
    }
    assert_eq!(office.value("C-1", "since"), "2026-03-03");
    still_open(&office);
}

#[test]
fn a_question_of_a_mailbox_that_is_gone_names_no_mail() {
    let office = in_conflict("en");
    let configuration = String::from_utf8(office.read("daybook.toml")).expect("UTF-8");
    let other = configuration.replace("name = \"capture\"", "name = \"intake\"");
    office.write("daybook.toml", other.as_bytes());
    deliver(&office, "second", CHIEF, "", "reviews\r\n");
    office.sync();
    let (_, told) = last(&office);
    assert!(told.contains("there are two different values") && links(&told).len() == 2, "{told}");
    assert!(!told.contains("first@mail.example.com"), "{told}");
}

#[test]
fn who_may_not_bring_a_record_back_does_not_decide_what_would() {
    let office = in_conflict("en");
    let (found, id) = (links(&last(&office).1), office.review());
    let added = office.list(&["change", "list"]).pop().expect("it was added");
    office.program(&["change", "revert", &text(&added["id"])]).ends(0);
    assert!(listed(&office).is_empty());
    let told = follow(&office, "second", LI_LEI, &found[0]);
    assert!(told.contains("You may not decide this.") && links(&told).is_empty(), "{told}");
    office.program(&["review", "decide", &id, "incoming", "--as", LI_LEI]).ends(1);
    assert!(listed(&office).is_empty() && office.review() == id);
    // Whoever may put it away may bring it back so.
    deliver(&office, "third", CHIEF, "", "reviews\r\n");
    office.sync();
    let told = follow(&office, "fourth", CHIEF, &links(&last(&office).1)[0]);
    assert!(told.contains("has what was sent") && told.contains("with “undo”"), "{told}");
    assert_eq!((listed(&office), office.value("C-1", "name")), (vec!["C-1".to_owned()], "Agate".into()));
}

#[test]
fn a_subject_that_a_machine_writes_decides_nothing() {
    let office = in_conflict("en");
    let (before, found) = (receipts(&office).len(), links(&last(&office).1));
    let reply = in_reply(&office);
    let subjects = ["Auto-Reply: Daybook decision", "自动回复: Daybook decision", "Out of office: update"];
    for (number, (subject, body)) in subjects.iter().zip([found[0].2.as_str(), "1", &found[0].2]).enumerate() {
        let mail = format!(
            "From: {LI_LEI}\r\nTo: capture@example.com\r\nSubject: {subject}\r\nMessage-ID: <auto-{number}@mail.example.com>\r\n\
             MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n{reply}\r\n{body}\r\n"
        );
        office.write(&format!("data/mail/new/auto-{number}"), mail.as_bytes());
        office.sync();
        still_open(&office);
    }
    assert_eq!(receipts(&office).len(), before, "a machine is not answered");
    assert!(follow(&office, "herself", LI_LEI, &found[0]).contains("Decided:"));
}
