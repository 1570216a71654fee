//! Plugins that read mails: what they read in a line is posted as if the sender had written it as a label with its value.

use super::mail::{CHIEF, MAIL, deliver, last};
use super::office::{Office, problems};
use crate::plugins::fixture::Fixture;

const OWNED: &str = "li.lei@example.com";

/// An office whose mails are put to `status-words`.
fn office(plugin: &str) -> Office {
    office_with("jobs = [\"mail\"]", plugin)
}

/// The same, which says more or less of the plugin's jobs.
fn office_with(jobs: &str, plugin: &str) -> Office {
    let section = format!(
        "{MAIL}[[plugin]]\nname = \"words\"\npath = \"plugins/words.wasm\"\ntable = \"customers\"\n{jobs}\n\
         reads = [\"customer_id\", \"stage\"]\nwrites = [\"stage\"]\n{plugin}"
    );
    let office = Office::with(&section);
    let component = example_plugins::component("status-words").unwrap_or_else(|why| panic!("{why}"));
    office.write("plugins/words.wasm", component);
    for folder in ["new", "cur", "tmp"] {
        std::fs::create_dir_all(office.path("data/mail").join(folder)).expect("a maildir");
    }
    for (key, name, owner) in [("C-1", "Amber", OWNED), ("C-2", "Bronze", OWNED), ("C-3", "Copper", CHIEF)] {
        let (key, name, owner) = (key.to_owned(), format!("name={name}"), format!("owner={owner}"));
        office.program(&["record", "set", "--key", &key, &name, "stage=lead", "credit=7", &owner]).ends(0);
    }
    office
}

const SETTINGS: &str = "settings = { key = \"customer_id\", prefix = \"C-\", field = \"stage\", words = { signed = [\"签了\", \"signed\"], lost = [\"丢单\"] } }\n";

#[test]
fn a_plugin_reads_what_daybook_does_not_understand() {
    let office = office(SETTINGS);
    deliver(
        &office,
        "1",
        CHIEF,
        "",
        "各位好：\r\n\r\nC-1 今天签了，合同下周寄出\r\nC-2 可能会丢单吧？\r\n客户编号：C-2\r\n客户名称：青铜贸易\r\n\r\n谢谢\r\n",
    );
    office.sync();
    assert_eq!(office.value("C-1", "stage"), "signed");
    assert_eq!((office.value("C-2", "stage"), office.value("C-2", "name")), ("lead".into(), "青铜贸易".into()));
    let (outcome, text) = last(&office);
    assert!(outcome.starts_with("applied=2 unchanged=0 refused=0 conflicts=0 held=0"), "{outcome}: {text}");
    assert!(text.contains("lead → signed"), "{text}");

    // The history names the plugin beside the sender, whose rights it has.
    let history = office.list(&["record", "history", "--key", "C-1"]);
    let newest =
        history.iter().find(|line| line["field"] == "stage" && line["value"] == "signed").expect("it is there");
    assert!(newest["rule"].as_str().is_some_and(|rule| rule.starts_with("plugin:words@1.0.0#")), "{newest}");
    assert_eq!((&newest["actor"], &newest["place"]), (&CHIEF.into(), &"1@mail.example.com".into()));
    // Sales may see the stage and not change it, and C-3 is none of hers.
    for key in ["C-2", "C-3"] {
        deliver(&office, key, OWNED, "", &format!("{key} 签了\r\n"));
        office.sync();
        assert_eq!(office.value(key, "stage"), "lead");
        let (outcome, text) = last(&office);
        assert!(outcome.contains("applied=0") && outcome.contains("refused=1"), "{outcome}: {text}");
        assert!(!text.contains("Copper"), "{text}");
    }
    office.sync_idly();
    office.store_is_sound();
}

#[test]
fn what_is_quoted_or_said_otherwise_in_the_mail_is_not_taken() {
    let office = office(SETTINGS);
    let quoted = "您好\r\n\r\n在 2026年3月1日，李雷 <li.lei@example.com> 写道：\r\n> C-1 签了\r\n";
    deliver(&office, "3", CHIEF, "", quoted);
    office.sync();
    assert_eq!(office.value("C-1", "stage"), "lead", "another mail's line");
    // Two statements about one cell: neither is taken, and both lines are told of.
    deliver(&office, "4", CHIEF, "", "客户编号：C-2\r\n阶段：lost\r\n客户名称：青铜\r\n\r\nC-2 签了\r\n");
    office.sync();
    assert_eq!((office.value("C-2", "stage"), office.value("C-2", "name")), ("lead".into(), "青铜".into()));
    let (outcome, text) = last(&office);
    assert!(outcome.starts_with("applied=1 ") && outcome.ends_with("not-understood=2"), "{outcome}: {text}");
}

/// Nothing of these mails is anybody's to post by a plugin.
#[test]
fn what_is_not_certainly_the_senders_own_reaches_no_plugin() {
    let office = office(SETTINGS);
    let wrapped =
        "好的\r\n\r\n在 2026年3月1日，李雷 <li.lei@example.com> 写道：\r\n> 我们开过会，\r\nC-1 签了，下周付款\r\n";
    let signed = "收到\r\n\r\n此致\r\n敬礼\r\nC-2 签了\r\n客户编号：C-2 签了\r\n";
    let forwarded = "转发内容\r\n\r\n---------- 转发的邮件 ----------\r\n发件人：somebody@example.org\r\n主题：进展\r\n\r\nC-3 签了\r\n";
    for (name, text) in [("6", wrapped), ("7", signed), ("8", forwarded)] {
        deliver(&office, name, CHIEF, "", text);
        office.sync();
    }
    let page = "From: chief@example.com\r\nTo: capture@example.com\r\nSubject: update\r\nMessage-ID: <9@mail.example.com>\r\n\
                MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n\
                --b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nC-1 还没签\r\n\
                --b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>C-1 签了</p>\r\n--b--\r\n";
    office.write("data/mail/new/9", page.as_bytes());
    office.sync();
    // What the mail says differently is decided by nobody else.
    let contested = "客户编号：C-2\r\n阶段：lead\r\n阶段：lost\r\n\r\nC-2 签了\r\n";
    deliver(&office, "10", CHIEF, "", contested);
    office.sync();
    for key in ["C-1", "C-2", "C-3"] {
        assert_eq!(office.value(key, "stage"), "lead", "{key}");
    }
}

#[test]
fn what_a_plugin_did_not_read_of_a_line_is_told() {
    let office = office(SETTINGS);
    deliver(&office, "11", CHIEF, "", "C-1 签了，地址改为上海市示例路1号，邮编 2000001\r\n");
    office.sync();
    assert_eq!(office.value("C-1", "stage"), "signed");
    let (outcome, text) = last(&office);
    assert!(outcome.starts_with("applied=1 ") && outcome.ends_with("not-understood=1"), "{outcome}: {text}");
}

#[test]
fn a_reader_without_an_answer_costs_what_it_alone_would_have_read() {
    let office = office(SETTINGS);
    let broken = Fixture::new("(func $JOB(mail) unreachable)").component();
    office.write("plugins/words.wasm", &broken);
    deliver(&office, "5", CHIEF, "", "客户编号：C-1\r\n客户名称：琥珀贸易\r\n\r\nC-2 签了\r\n");
    let report = office.sync();
    assert_eq!(office.value("C-1", "name"), "琥珀贸易");
    assert_eq!(office.value("C-2", "stage"), "lead");
    let codes: Vec<String> = problems(&report).into_iter().map(|(code, _)| code).collect();
    assert!(codes.contains(&"plugin-failed".to_owned()), "{report}");
    let (outcome, text) = last(&office);
    assert!(outcome.starts_with("applied=1 "), "{outcome}: {text}");
    assert!(text.contains("had no answer") && text.contains("tell your IT"), "{text}");
}

#[test]
fn a_reader_that_has_no_answer_to_five_mails_in_a_row_is_stopped() {
    let office = office(SETTINGS);
    let broken = Fixture::new("(func $JOB(mail) unreachable)").component();
    office.write("plugins/words.wasm", &broken);
    let codes = |mails: std::ops::Range<u32>| {
        for number in mails {
            deliver(&office, &format!("lost-{number:02}"), CHIEF, "", "C-2 签了\r\n");
        }
        let report = office.sync();
        problems(&report).into_iter().map(|(code, _)| code).collect::<Vec<_>>()
    };
    assert!(!codes(0..4).contains(&"plugin-stopped".to_owned()), "four are not enough");
    assert!(codes(4..9).contains(&"plugin-stopped".to_owned()), "five are");
    assert_eq!(office.value("C-2", "stage"), "lead");
}

/// A component that also reads mails must not be shown those of an office that has never said so.
#[test]
fn mails_are_shown_to_no_plugin_of_which_the_office_does_not_say_so() {
    let office = office_with("", SETTINGS);
    deliver(&office, "12", CHIEF, "", "C-1 签了\r\n客户编号：C-2\r\n客户名称：青铜贸易\r\n");
    office.sync();
    assert_eq!((office.value("C-1", "stage"), office.value("C-2", "name")), ("lead".into(), "青铜贸易".into()));
    // It does nothing here, and that is told: somebody has installed it for something.
    office.program(&["check"]).ends(1).says("`words` 1.0.0 reads mails").says("`jobs = [\"mail\"]`");
}

#[test]
fn a_reader_that_is_not_there_holds_no_save_and_the_senders_are_told() {
    let office = office(SETTINGS);
    std::fs::remove_file(office.path("plugins/words.wasm")).expect("it was there");
    office.program(&["record", "set", "--key", "C-1", "name=Amethyst"]).ends(0);
    assert_eq!(office.value("C-1", "name"), "Amethyst");
    deliver(&office, "13", CHIEF, "", "C-2 签了\r\n客户编号：C-1\r\n客户名称：琥珀贸易\r\n");
    office.sync();
    assert_eq!((office.value("C-1", "name"), office.value("C-2", "stage")), ("琥珀贸易".into(), "lead".into()));
    let (outcome, text) = last(&office);
    assert!(text.contains("had no answer") && text.contains("tell your IT"), "{outcome}: {text}");
}
