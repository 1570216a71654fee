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
