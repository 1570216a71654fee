//! Office mails: what each says, line by line.
//!
//! `tests/golden/mail/` holds a mail (`NAME.eml`) for each case, and beside it what it must come to (`NAME.txt`), written by hand from the
//! mail: comments that say what the case is about, then what is read, then each line that is not blank with what becomes of it.
//!
//! The corpus of mails from the wild is read for bounds: each gets a verdict, and none of them is long in coming.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use daybook::codec::mime::{self, Mail, MimeLimits};
use daybook::config;
use daybook::extract::mail::{Chosen, ChosenBy, Class, Command, MailReading, Mailbox, read};
use daybook::model::{Cell, Table, TableName};
use proptest::prelude::*;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/mail")
}

/// The tables of the office that the mails are written to.
fn tables() -> Vec<Table> {
    let path = folder().join("office.toml");
    let text = fs::read_to_string(&path).expect("it is there");
    config::load(&path, &text).expect("it is a configuration").tables
}

/// What a mail comes to, in the words of the golden folder.
fn says(raw: &[u8], tables: &[Table]) -> String {
    let limits = MimeLimits::default();
    let mail = match mime::read(raw, &limits) {
        Ok(mail) => mail,
        Err(fault) => return format!("refused {}\n", fault.code()),
    };
    let own = TableName::new("customers");
    let mailbox = Mailbox { address: "capture@example.com", table: &own };
    match read(&mail, tables, &mailbox, false, &limits) {
        Ok(reading) => {
            let table = tables.iter().find(|table| table.name == reading.table).expect("it is one of them");
            shown(&reading, &mail, table)
        }
        Err(refusal) => format!("refused {}\n", refusal.problem.code),
    }
}

fn shown(reading: &MailReading, mail: &Mail, table: &Table) -> String {
    let by = match reading.chosen_by {
        ChosenBy::Mailbox => "mailbox",
        ChosenBy::Address => "address",
        ChosenBy::Subject => "subject",
    };
    let mut out = format!("table {} by {by}\n", reading.table);
    let mut line = |text: String| writeln!(out, "{text}").expect("a text takes more");
    for row in &reading.rows {
        let cell = |(id, cell): &(_, Cell)| {
            let name = table.field(*id).map_or("?", |field| field.name.as_str());
            match cell {
                Cell::Blank => format!("{name} cleared"),
                Cell::Value(_) => format!("{name}={}", one_line(&cell.to_string())),
                Cell::Raw(_) | Cell::Masked(_) | Cell::Formula(_) => {
                    format!("{name} unreadable {}", one_line(&cell.to_string()))
                }
            }
        };
        line(format!("row {}", row.row.cells.iter().map(cell).collect::<Vec<_>>().join(" | ")));
    }
    match &reading.command {
        Some(Command::Template) => line("command template".to_owned()),
        Some(Command::Show(key)) => line(format!("command show {}", key.join(" "))),
        Some(Command::Undo) => line("command undo".to_owned()),
        Some(Command::Forwarded) => line("command forwarded".to_owned()),
        Some(Command::Attachment(name)) => line(format!("command attachment {name}")),
        Some(Command::Decide(token)) => line(format!("command decide {token}")),
        Some(Command::Choose(chosen)) => line(format!("command choose {chosen:?}")),
        Some(Command::Reviews(page)) => line(format!("command reviews {page}")),
        None => {}
    }
    for chosen in &reading.attachments {
        let (whose, from, at) = match chosen {
            Chosen::Own(at) => ("own", Some(mail), at),
            Chosen::Forwarded(at) => ("forwarded", reading.forwarded.as_deref(), at),
        };
        let name = from.and_then(|mail| mail.attachments.get(*at)).map_or("?", |one| one.name.as_str());
        line(format!("attachment {whose} {name}"));
    }
    for problem in &reading.problems {
        let field = problem.field.and_then(|id| table.field(id)).map_or("", |field| field.name.as_str());
        let place = if problem.row == 0 { String::new() } else { format!(" row {} {field}", problem.row) };
        line(format!("problem {}{place}", problem.problem.code));
    }
    if !reading.lines.is_empty() {
        line(String::new());
    }
    for one in &reading.lines {
        let class = match &one.class {
            Class::Update => "update".to_owned(),
            Class::Title => "title".to_owned(),
            Class::Command => "command".to_owned(),
            Class::Prose => "prose".to_owned(),
            Class::Quote => "quote".to_owned(),
            Class::Signature => "signature".to_owned(),
            Class::NotUnderstood(problem) => format!("not-understood {}", problem.code),
        };
        line(format!("{class} | {}", one_line(&one.text)).trim_end().to_owned());
    }
    out
}

fn one_line(text: &str) -> String {
    text.replace('\n', "⏎").replace('\t', "⇥")
}

#[test]
fn every_golden_mail_says_what_is_expected() {
    let tables = tables();
    let mut names = BTreeSet::new();
    let mut wrong = Vec::new();
    for entry in fs::read_dir(folder()).expect("it is there") {
        let path = entry.expect("it can be listed").path();
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_owned();
        let name = path.file_stem().and_then(|name| name.to_str()).expect("it has a name").to_owned();
        if ending == "txt" {
            assert!(path.with_extension("eml").exists(), "{name}: no such mail");
        }
        if ending != "eml" {
            continue;
        }
        let raw = fs::read(&path).expect("it can be read");
        assert!(raw.is_ascii(), "{name}: what a tool may re-encode is no golden mail");
        let expected = fs::read_to_string(path.with_extension("txt")).unwrap_or_default();
        let mut expected: Vec<&str> = expected.lines().filter(|line| !line.starts_with('#')).collect();
        expected.push("");
        let expected = expected.join("\n");
        let found = says(&raw, &tables);
        if found != expected {
            wrong.push(format!("== {name}\n-- expected\n{expected}-- found\n{found}"));
        }
        names.insert(name);
    }
    assert!(wrong.is_empty(), "{} of {}\n{}", wrong.len(), names.len(), wrong.join("\n"));
    assert!(names.len() >= 60, "{}", names.len());
}

/// All files below a folder.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

/// What a verdict is counted as.
fn kind(verdict: &str) -> String {
    if verdict.starts_with("refused") { verdict.trim().to_owned() } else { "read".to_owned() }
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that is left out says so")]
fn every_mail_of_the_corpus_gets_a_verdict() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus/mail");
    let mut all = Vec::new();
    files(&corpus, &mut all);
    if all.is_empty() {
        eprintln!("skipped: there is no corpus");
        return;
    }
    let tables = tables();
    let (mut verdicts, mut count) = (BTreeMap::<String, usize>::new(), 0);
    for path in all {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        let bytes = fs::read(&path).expect("it can be read");
        // Fixtures of reply parsers are texts: each is read as the body of a mail.
        let head = b"From: wang.fang@example.com\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n";
        let html = b"From: wang.fang@example.com\r\nContent-Type: text/html; charset=utf-8\r\n\r\n";
        let mails: Vec<Vec<u8>> = match ending {
            "eml" => vec![bytes],
            "txt" => vec![[head.as_slice(), &bytes].concat()],
            "html" | "htm" => vec![[html.as_slice(), &bytes].concat()],
            _ => continue,
        };
        for mail in mails {
            let begin = Instant::now();
            let verdict = says(&mail, &tables);
            assert!(begin.elapsed() < Duration::from_secs(5), "{}: {:?}", path.display(), begin.elapsed());
            assert!(!verdict.contains('\u{FFFD}'), "{}", path.display());
            // Nobody in the corpus writes of this office's records.
            assert!(!verdict.contains("\nrow "), "{}: {verdict}", path.display());
            *verdicts.entry(kind(&verdict)).or_default() += 1;
            count += 1;
        }
    }
    let known: BTreeSet<&str> = mime::MimeFault::ALL.iter().map(|fault| fault.code()).collect();
    for verdict in verdicts.keys().filter(|verdict| *verdict != "read") {
        let code = verdict.trim_start_matches("refused ");
        assert!(known.contains(code) || code == "text-and-html-disagree", "{verdict}");
    }
    assert!(count >= 150 && verdicts.get("read").is_some_and(|read| *read > count / 2), "{count}: {verdicts:?}");
}

/// What a record's fields may hold, by their labels: values that can be read, and that no reader could end elsewhere.
fn record() -> impl Strategy<Value = Vec<(&'static str, &'static str, String)>> {
    let letters = "[一二三上海市示例路公司甲乙丙A-Za-z][一二三上海市示例路公司甲乙丙A-Za-z0-9]{0,12}";
    (
        "[0-9]{1,9}".prop_map(|number| ("customer_id", "客户编号", format!("C-{number}"))),
        proptest::option::of(letters.prop_map(|text| ("name", "客户名称", text))),
        proptest::option::of("[2-8][0-9]{7}".prop_map(|number| ("phone", "Phone", format!("021-{number}")))),
        proptest::option::of("[a-z]{1,8}".prop_map(|text| ("email", "E-mail", format!("{text}@example.com")))),
        proptest::option::of(letters.prop_map(|text| ("address", "地址", text))),
        proptest::sample::select(vec!["潜在", "报价", "签约"]).prop_map(|stage| ("stage", "Stage", stage.to_owned())),
        proptest::option::of((0..10_000_000_u32).prop_map(|amount| ("credit", "信用额度", amount.to_string()))),
    )
        .prop_map(|(key, name, phone, email, address, stage, credit)| {
            let more = [name, phone, email, address, Some(stage), credit];
            std::iter::once(key).chain(more.into_iter().flatten()).collect()
        })
}

/// How a mail program may write label lines.
fn rendered(records: &[Vec<(&str, &str, String)>], colon: &str, bullet: &str, line_end: &str) -> String {
    let mut text = String::new();
    for fields in records {
        for (_, label, value) in fields {
            write!(text, "{bullet}{label}{colon}{value}{line_end}").expect("a text takes more");
        }
        text.push_str(line_end);
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn label_lines_are_read_back_as_they_were(
        records in proptest::collection::btree_map("[0-9]", record(), 1..6),
        colon in proptest::sample::select(vec!["：", ":", ": ", " ： ", "：　"]),
        bullet in proptest::sample::select(vec!["", "- ", "  ", "• "]),
        line_end in proptest::sample::select(vec!["\r\n", "\n"]),
    ) {
        // Keys that differ: the same one twice is one record.
        let records: Vec<_> = records
            .into_iter()
            .map(|(digit, mut fields)| {
                fields[0].2.push_str(&digit);
                fields[0].2.insert(2, '1');
                fields
            })
            .collect();
        let mut keys: Vec<&str> = records.iter().map(|fields| fields[0].2.as_str()).collect();
        keys.sort_unstable();
        keys.dedup();
        prop_assume!(keys.len() == records.len());
        let body = rendered(&records, colon, bullet, line_end);
        let head = "From: wang.fang@example.com\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n";
        let found = says(format!("{head}{body}").as_bytes(), &TABLES);
        let mut expected = String::from("table customers by mailbox\n");
        for fields in &records {
            let cells: Vec<String> = fields.iter().map(|(name, _, value)| format!("{name}={value}")).collect();
            writeln!(expected, "row {}", cells.join(" | ")).expect("a text takes more");
        }
        let (read, lines) = found.split_once("\n\n").expect("it has lines");
        prop_assert_eq!(format!("{read}\n"), expected);
        prop_assert!(lines.lines().all(|line| line.starts_with("update | ")), "{lines}");
    }

    #[test]
    fn any_bytes_as_a_mail_give_a_verdict(bytes in proptest::collection::vec(any::<u8>(), 0..3000)) {
        stays_within_limits(&bytes);
        stays_within_limits(&[b"From: a@example.com\r\n\r\n".as_slice(), &bytes].concat());
    }

    /// Golden mails, cut, spoiled and put together.
    #[test]
    fn spoiled_mails_give_a_verdict(
        one in any::<proptest::sample::Index>(),
        other in any::<proptest::sample::Index>(),
        cut in any::<proptest::sample::Index>(),
        spoil in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..20),
    ) {
        let (one, other) = (one.get(&MAILS), other.get(&MAILS));
        let mut mail = [&one[..cut.index(one.len())], &other[cut.index(other.len())..]].concat();
        for (at, byte) in spoil {
            let at = at.index(mail.len().max(1));
            if let Some(spoiled) = mail.get_mut(at) {
                *spoiled = byte;
            }
        }
        stays_within_limits(&mail);
    }
}

static TABLES: LazyLock<Vec<Table>> = LazyLock::new(tables);

static MAILS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mut all = Vec::new();
    files(&folder(), &mut all);
    all.retain(|path| path.extension().is_some_and(|ending| ending == "eml"));
    all.sort();
    all.iter().map(|path| fs::read(path).expect("it can be read")).collect()
});

/// Reads bytes as a mail under narrow limits: there is a verdict, and no more is handed out than the limits allow.
fn stays_within_limits(bytes: &[u8]) {
    let limits = MimeLimits {
        mail_bytes_max: 2_500,
        parts_max: 6,
        depth_max: 3,
        headers_max: 20,
        addresses_max: 4,
        text_bytes_max: 1_500,
        passages_max: 60,
        attachments_max: 2,
        attachment_bytes_max: 200,
        ..MimeLimits::default()
    };
    let mail = match mime::read(bytes, &limits) {
        Ok(mail) => mail,
        Err(fault) => {
            assert!(mime::MimeFault::ALL.contains(&fault));
            return;
        }
    };
    assert!(bytes.len() <= limits.mail_bytes_max, "a mail that is too large was read");
    assert!(mail.attachments.len() <= limits.attachments_max);
    assert!(mail.attachments.iter().all(|one| one.bytes.len() <= limits.attachment_bytes_max));
    assert!(mail.to.len() <= limits.addresses_max && mail.cc.len() <= limits.addresses_max);
    assert!(mail.bodies.len() <= limits.parts_max);
    for text in mail.bodies.iter().flat_map(|body| [&body.plain, &body.html]).flatten() {
        assert!(text.len() <= limits.parts_max * limits.passages_max, "{}", text.len());
    }
    let verdict = says(bytes, &TABLES);
    assert!(!verdict.contains('\u{FFFD}'), "{verdict}");
}
