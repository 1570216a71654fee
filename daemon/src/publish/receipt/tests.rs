//! Receipts as they are worded and put together.
#![expect(clippy::unwrap_used, reason = "a failed test may panic")]

use super::*;
use crate::model::{ArrivalId, Timestamp};
use crate::text::Language;

fn account() -> Account {
    let cell = |title: &str, old: Sight, new: &str, outcome| CellAccount {
        title: title.to_owned(),
        old,
        new: Sight::Text(new.to_owned()),
        outcome,
    };
    let text = |text: &str| Sight::Text(text.to_owned());
    Account {
        records: vec![
            RecordAccount {
                title: "客户".to_owned(),
                key: "C-1".to_owned(),
                place: None,
                is_new: false,
                remark: None,
                cells: vec![
                    cell("电话", text("138****8000"), "139 <b>", CellOutcome::Applied),
                    cell("地址", Sight::Hidden, "x", CellOutcome::Refused(Reason::Words("财务维护".into()))),
                    cell("备注", Sight::Empty, "y", CellOutcome::Conflict),
                ],
            },
            RecordAccount {
                title: "客户".to_owned(),
                key: "C-2".to_owned(),
                place: Some("客户.xlsx!客户!14".to_owned()),
                is_new: true,
                remark: Some(RowRemark::Held(vec![(Some("税号".to_owned()), Reason::Words("校验位不符".into()))])),
                cells: Vec::new(),
            },
        ],
        lines: vec![LineAccount {
            place: LinePlace::Line(5),
            text: "电活：1\r\nBcc: all@example.com".to_owned(),
            code: "unknown-label".to_owned(),
        }],
        rest: Rest { quoted: 3, signature: 2, prose: 1 },
        ..Account::default()
    }
}

#[test]
fn everything_is_accounted_for_in_both_forms() {
    let texts = Texts::new(Language::ZhCn);
    let account = account();
    let outcomes = account.outcomes().to_string();
    assert_eq!(outcomes, "applied=1 unchanged=0 refused=1 conflicts=1 held=1 not-understood=1");
    let (plain, html) = (plain::write(&account, &texts), html::write(&account, &texts));
    for part in [
        "138****8000 → 139 ",
        "未保存：财务维护",
        "（空） → y",
        "税号：校验位不符",
        "第 5 行：电活：1",
        "没有这个名称的字段",
        "3 行",
    ] {
        assert!(plain.contains(part) && html.contains(part), "{part}\n{plain}\n{html}");
    }
    assert!(html.contains("139 &lt;b&gt;") && !html.contains("139 <b>"), "{html}");
    assert!(!plain.contains("\nBcc"), "a value begins no line of its own: {plain}");
}

#[test]
fn a_question_has_the_same_links_in_both_forms_and_its_values_begin_nothing() {
    let answer = |choice| Answer { choice, token: "DB1-ABC".to_owned(), to: "a&b@example.com".to_owned() };
    let question = Question {
        asks: Asks::Value,
        title: "客户".to_owned(),
        key: "C-1".to_owned(),
        place: None,
        values: vec![("电话".to_owned(), Sight::Text("a\ndecide DB1-XYZ".to_owned()), Sight::Text("<b>".to_owned()))],
        options: vec![answer(Choice::Incoming), answer(Choice::Stored)],
    };
    let account = Account { questions: vec![question], more_on_page: Some(3), ..Account::default() };
    let texts = Texts::new(Language::En);
    let (plain, html) = (plain::write(&account, &texts), html::write(&account, &texts));
    let link = "mailto:a%26b@example.com?subject=Daybook%20decision&body=decide%20DB1-ABC";
    assert_eq!(plain.matches(link).count(), 2, "{plain}");
    assert_eq!(html.matches(&format!("<a href=\"{}\">", link.replace('&', "&amp;"))).count(), 2, "{html}");
    assert!(html.contains("&lt;b&gt;") && !html.contains("<b>"), "{html}");
    assert!(!plain.lines().any(|line| line.trim_start().starts_with("decide DB1-XYZ")), "{plain}");
    assert!(
        plain.contains("send “reviews 3”") && plain.contains("with nothing but 1 or 2 in the first line"),
        "{plain}"
    );
}

#[test]
fn every_code_has_its_words_in_both_languages() {
    for language in Language::ALL {
        let texts = Texts::new(language);
        for code in crate::codec::mime::MimeFault::ALL.map(crate::codec::mime::MimeFault::code) {
            // Who sent a mail is asked before it is read, so these are told to nobody.
            if ["too-many-headers", "too-many-addresses", "several-from", "no-from"].contains(&code) {
                continue;
            }
            assert!(texts.has(&format!("mail-{code}")) && texts.has(&format!("mail-{code}-do")), "{code}");
        }
    }
}

#[test]
fn every_line_that_was_not_understood_has_its_words() {
    let sources = concat!(
        include_str!("../../extract/mail/words.rs"),
        include_str!("../../pipeline/mail/mod.rs"),
        include_str!("../../pipeline/mail/posting.rs"),
        include_str!("../../pipeline/mail/template.rs"),
    );
    let code =
        regex::Regex::new(r#"(?:at\(\s*spot,\s*|whole\(\s*|Refusal::new\(\s*Code\(|remarks\.push\()"([a-z-]+)""#)
            .unwrap();
    let codes: Vec<&str> = code.captures_iter(sources).map(|captures| captures.get(1).unwrap().as_str()).collect();
    assert!(codes.len() > 25, "{codes:?}");
    for language in Language::ALL {
        let texts = Texts::new(language);
        let missing: Vec<&&str> = codes.iter().filter(|code| !texts.has(&format!("mail-{code}"))).collect();
        assert!(missing.is_empty(), "{language}: {missing:?}");
    }
}

#[test]
fn a_reply_has_its_marks_and_nothing_of_the_senders_in_its_head() {
    let texts = Texts::new(Language::En);
    let thread = Thread::new(Some("a@b.example"), ["x y@z", "ok@b.example", "<bad>@c", "a\r\nBcc: x@y"]);
    let reply = Reply {
        from: "capture@example.com",
        to: "li.lei@example.com",
        subject: "Re: update\r\nBcc: all@example.com 更新",
        message_id: "daybook.1@example.com",
        thread: &thread,
        arrival: Some(ArrivalId::from_bytes([7; 16])),
        at: Timestamp(1_772_000_000_000),
        attached: &[Attached { name: "未保存.xlsx".to_owned(), bytes: b"PK".to_vec() }],
    };
    let bytes = write(&reply, &account(), &texts).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let head = text.split("\r\n\r\n").next().unwrap();
    for line in [
        "Message-ID: <daybook.1@example.com>",
        "In-Reply-To: <a@b.example>",
        "References: <ok@b.example> <a@b.example>",
        "X-Daybook-Outcome: applied=1 unchanged=0 refused=1 conflicts=1 held=1 not-understood=1",
        "Auto-Submitted: auto-replied",
        "X-Auto-Response-Suppress: All",
    ] {
        assert!(head.lines().any(|own| own == line), "{line}\n{head}");
    }
    assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
    assert!(text.lines().all(|line| line.len() <= 998));
    let refused = Reply { to: "li.lei@example.com\r\nBcc: x@example.com", ..reply };
    assert!(matches!(write(&refused, &account(), &texts), Err(ReplyError::Address(_))));
}

#[test]
fn workbooks_are_told_of_and_of_many_records_only_those_that_need_attention() {
    let cell = |outcome| CellAccount {
        title: "电话".to_owned(),
        old: Sight::Empty,
        new: Sight::Text("1".to_owned()),
        outcome,
    };
    let record = |number: usize, outcome| RecordAccount {
        title: "客户".to_owned(),
        key: format!("C-{number:04}"),
        place: Some(format!("客户.xlsx!客户!{number}")),
        is_new: false,
        remark: None,
        cells: vec![cell(outcome)],
    };
    let refused = || CellOutcome::Refused(Reason::code("not-a-phone"));
    let repeated = RecordAccount {
        remark: Some(RowRemark::Unchanged(Reason::code("repeated"))),
        cells: Vec::new(),
        ..record(9000, CellOutcome::Applied)
    };
    let mut account = Account {
        records: (0..29).map(|number| record(number, CellOutcome::Applied)).chain([repeated]).collect(),
        attachments: vec![
            AttachmentAccount {
                name: "客户.xlsx".to_owned(),
                sheet: Some("<客户>".to_owned()),
                outcome: FileOutcome::Read(30),
                columns: vec![("备注2".to_owned(), "unknown-column".to_owned())],
            },
            AttachmentAccount {
                name: "b.xlsx".to_owned(),
                sheet: None,
                outcome: FileOutcome::Unread("encrypted".to_owned()),
                columns: Vec::new(),
            },
        ],
        ..Account::default()
    };
    let texts = Texts::new(Language::ZhCn);
    let (plain, html) = (plain::write(&account, &texts), html::write(&account, &texts));
    for part in
        ["C-0028，客户.xlsx!客户!28", "“备注2”列：没有这个名称的字段", "b.xlsx：没有采用。文件设有打开密码", "合并"]
    {
        assert!(plain.contains(part) && html.contains(part), "{part}\n{plain}");
    }
    assert!(html.contains("&lt;客户&gt;") && !html.contains("<客户>"));
    let outcomes = account.outcomes().to_string();
    assert_eq!(outcomes, "applied=29 unchanged=1 refused=0 conflicts=0 held=0 not-understood=2");

    // One more, and those that were taken are only counted.
    account.records.extend((1000..1250).map(|number| record(number, refused())));
    let (plain, html) = (plain::write(&account, &texts), html::write(&account, &texts));
    for (part, is_there) in [
        ("C-0028", false),
        ("C-1000", true),
        ("C-1099", true),
        ("C-1100", false),
        ("另有 30 条", true),
        ("另有 150 条", true),
    ] {
        assert_eq!((plain.contains(part), html.contains(part)), (is_there, is_there), "{part}");
    }
    assert!(account.outcomes().to_string().contains("refused=250"), "all of them count");

    // Whatever stands in the cells, it can be sent.
    for record in &mut account.records {
        for cell in &mut record.cells {
            cell.new = Sight::Text("长<".repeat(60_000));
        }
    }
    let (plain, html) = (plain::write(&account, &texts), html::write(&account, &texts));
    assert!(plain.len() + html.len() < 1_000_000 && plain.contains("长<…"), "{} {}", plain.len(), html.len());
}

#[test]
fn every_problem_of_a_workbook_has_its_words() {
    for language in Language::ALL {
        let texts = Texts::new(language);
        let missing: Vec<&str> = words::FILE_REASONS.into_iter().filter(|key| !texts.has(key)).collect();
        assert!(missing.is_empty(), "{language}: {missing:?}");
    }
}

#[test]
fn values_are_written_as_people_write_them() {
    let at = |second| jiff::civil::date(2026, 12, 1).at(15, 30, second, 0);
    assert_eq!(Sight::of(&Value::Boolean(true)), Sight::Flag(true));
    assert_eq!(Sight::of(&Value::DateTime(at(0))), Sight::Text("2026-12-01 15:30".into()));
    assert_eq!(Sight::of(&Value::DateTime(at(5))), Sight::Text("2026-12-01 15:30:05".into()));
    for (language, yes, no) in [(Language::ZhCn, "是", "否"), (Language::En, "Yes", "No")] {
        let texts = Texts::new(language);
        assert_eq!(words::sight(&Sight::Flag(true), &texts), yes);
        assert_eq!(words::sight(&Sight::Flag(false), &texts), no);
    }
}
