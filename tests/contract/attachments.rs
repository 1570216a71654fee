//! Workbooks that come with mails, the rows that go back, and blank workbooks that are asked for.

use std::io::Cursor;

use calamine::{Data, Reader, Xlsx};
use encoding_rs::GB18030;
use lettre::message::header::ContentType;
use lettre::message::{Attachment, MultiPart, SinglePart};
use mail_parser::MimeHeaders;

use super::mail::{CHIEF, last, office_with, sent};
use super::office::{Office, problems};
use super::sheets::{encrypted, with_part};
use super::workbook::{Cell, Sheet, rows};

const LI: &str = "li.lei@example.com";

/// A mail with files, delivered into the maildir.
pub(super) fn send(office: &Office, id: &str, from: &str, text: &str, files: &[(&str, Vec<u8>)]) {
    let address = |text: &str| lettre::message::Mailbox::new(None, text.parse().expect("an address"));
    let plain = MultiPart::mixed().singlepart(SinglePart::plain(text.to_owned()));
    let body = files.iter().fold(plain, |body, (name, bytes)| {
        let kind = ContentType::parse("application/octet-stream").expect("a type");
        body.singlepart(Attachment::new((*name).to_owned()).body(bytes.clone(), kind))
    });
    let mail = lettre::Message::builder()
        .from(address(from))
        .to(address("capture@example.com"))
        .subject("customers")
        .message_id(Some(format!("<{id}@mail.example.com>")))
        .multipart(body)
        .expect("a mail");
    office.write(&format!("data/mail/new/{id}"), &mail.formatted());
}

/// The workbooks of the last receipt, by name.
fn workbooks(office: &Office) -> Vec<(String, Vec<u8>)> {
    let bytes = sent(office).pop().expect("there is a receipt");
    let mail = mail_parser::MessageParser::default().parse(&bytes).expect("it is a mail");
    let file = |part: &mail_parser::MessagePart<'_>| {
        (part.attachment_name().expect("it has a name").to_owned(), part.contents().to_vec())
    };
    mail.attachments().map(file).collect()
}

/// The cells of a workbook's first sheet as texts, and the sheet's name.
fn cells(bytes: &[u8]) -> (String, Vec<Vec<String>>) {
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).expect("a workbook");
    let name = workbook.sheet_names()[0].clone();
    let formulas = workbook.worksheet_formula(&name).expect("it can be read");
    assert!(formulas.is_empty(), "it has formulas: {formulas:?}");
    let range = workbook.worksheet_range(&name).expect("it can be read");
    let rows = range.rows().map(|row| row.iter().map(ToString::to_string).collect()).collect();
    (name, rows)
}

/// Corrects cells of a workbook that came back, and makes a new one of it as its reader's program would.
fn corrected(bytes: &[u8], change: &[(usize, usize, Cell)]) -> Vec<u8> {
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).expect("a workbook");
    let range = workbook.worksheet_range_at(0).expect("a sheet").expect("it can be read");
    let cell = |cell: &Data| match cell {
        Data::Empty => Cell::Blank,
        Data::Float(number) => Cell::Number(*number),
        other => Cell::Text(other.to_string()),
    };
    let mut sheet: Vec<Vec<Cell>> = range.rows().map(|row| row.iter().map(cell).collect()).collect();
    for (row, column, new) in change {
        sheet[*row][*column] = new.clone();
    }
    Sheet(sheet).xlsx_named("any")
}

fn set(office: &Office, key: &str, values: &[&str]) {
    office.program(&[&["record", "set", "--key", key], values].concat()).ends(0);
}

#[test]
fn rows_of_a_workbook_are_taken_one_by_one_and_those_that_are_not_come_back() {
    let office = office_with("en", "");
    for key in ["C-1", "C-3", "C-4"] {
        set(&office, key, &["name=Amber", "credit=5000", "owner=li.lei@example.com"]);
    }
    let mut book = rows(&[
        "客户编号|客户名称|信用额度|日期|爱好",
        "C-1|Agate||2026-03-01|chess",
        "C-2|Beryl",
        "C-3|=HYPERLINK(\"x\")||31/31/26",
        "C-4|Amber",
        "X-9|Opal",
    ]);
    book.0[1][2] = Cell::Number(9.5);
    send(&office, "1", LI, "您好，见附件。\n", &[("客户.xlsx", book.xlsx_named("客户"))]);
    let report = office.sync();
    let (outcome, text) = last(&office);
    assert_eq!(outcome, "applied=3 unchanged=1 refused=4 conflicts=0 held=0 not-understood=1", "{text}\n{report}");
    for part in [
        "客户.xlsx: 5 rows of the sheet “客户” were read.",
        "Column “爱好”: no field has this title.",
        "Customers C-1, 客户.xlsx!客户!2",
        "Name: Amber → Agate  [saved]",
        "Credit: 9.5  [not saved: you may not change this]",
        "Customers C-2, 客户.xlsx!客户!3",
        "Since: 31/31/26  [not saved: not a date (such as 2026-03-01)]",
        "Customers X-9, 客户.xlsx!客户!6",
        "are attached, each with the reason",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(!text.contains("5000"), "{text}");
    assert_eq!((office.value("C-1", "name"), office.value("C-1", "credit")), ("Agate".into(), 5000.into()));
    let history = office.list(&["record", "history", "--key", "C-1"]);
    let place = |field: &str| {
        let is_it = |line: &&serde_json::Value| line["field"] == field && line["source"] == "capture";
        history.iter().find(is_it).map(|line| line["place"].clone())
    };
    assert_eq!(place("name"), Some("客户.xlsx!客户!B2".into()), "{history:?}");
    assert_eq!(place("credit"), Some("客户.xlsx!客户!C2".into()));
    let told = problems(&report);
    for (code, place) in
        [("unknown-column", "客户.xlsx!客户!E1"), ("pattern", "客户.xlsx!客户!6"), ("not-a-date", "客户.xlsx!客户!D4")]
    {
        assert!(told.contains(&(code.to_owned(), place.to_owned())), "{code}: {told:?}");
    }

    // What comes back is what she wrote, and nothing that is stored.
    let (name, bytes) = workbooks(&office).pop().expect("a workbook comes back");
    assert_eq!(name, "not saved - 客户.xlsx");
    let (sheet, back) = cells(&bytes);
    assert_eq!(sheet, "客户");
    assert_eq!(back[0], ["客户编号", "客户名称", "信用额度", "日期", "爱好", "Reason"]);
    assert_eq!(back[1][..5], ["C-1", "Agate", "9.5", "2026-03-01", "chess"]);
    assert_eq!(back[1][5], "Credit: you may not change this");
    assert_eq!(back[2][..2], ["C-2", "Beryl"]);
    assert_eq!(back[3][1..4], ["=HYPERLINK(\"x\")", "", "31/31/26"]);
    assert_eq!((back[4][0].as_str(), back.len()), ("X-9", 5), "{back:?}");
    assert_eq!(back[4][5], "Customer ID: not of the expected form");

    // Corrected and sent back it is taken; the reasons are no change of anything.
    let again = corrected(&bytes, &[(3, 3, Cell::Date(2026, 3, 2)), (1, 2, Cell::Blank)]);
    send(&office, "2", LI, "改好了。\n", &[(&name, again)]);
    office.sync();
    let (outcome, text) = last(&office);
    assert_eq!(outcome, "applied=1 unchanged=3 refused=2 conflicts=0 held=0 not-understood=1", "{text}");
    assert_eq!(office.value("C-3", "since"), "2026-03-02");
    assert_eq!(office.value("C-3", "name"), "=HYPERLINK(\"x\")");
    assert_eq!(workbooks(&office)[0].0, "not saved - 客户.xlsx", "it is marked once");
    office.store_is_sound();
    office.program(&["store", "rebuild"]).ends(0);
    let history = office.list(&["record", "history", "--key", "C-1"]);
    assert!(history.iter().any(|line| line["place"] == "客户.xlsx!客户!B2"), "{history:?}");
}

#[test]
fn a_text_file_of_a_chinese_office_adds_and_changes_records() {
    let office = office_with("zh-CN", "");
    set(&office, "C-1", &["name=琥珀", "phone=13800138000", "stage=lead"]);
    let text =
        rows(&["客户编号|客户名称|手机|阶段", "C-1||13900139000|（清空）", "C-2|翡翠贸易|021-55550100|offer"]).csv(",");
    send(&office, "1", CHIEF, "", &[("客户.csv", GB18030.encode(&text).0.into_owned())]);
    let report = office.sync();
    let (outcome, text) = last(&office);
    assert_eq!(outcome, "applied=5 unchanged=0 refused=0 conflicts=0 held=0 not-understood=0", "{text}\n{report}");
    assert!(text.contains("全部已保存") && text.contains("客户.csv：读取了 2 行。"), "{text}");
    assert!(text.contains("客户 C-2（新增），客户.csv!3"), "{text}");
    let record = office.record("C-1");
    assert_eq!(
        (&record["name"], &record["phone"]),
        (&"琥珀".into(), &"13900139000".into()),
        "an empty cell says nothing"
    );
    assert!(record["stage"].is_null(), "a word clears: {record}");
    let history = office.list(&["record", "history", "--key", "C-2"]);
    assert!(history.iter().any(|line| line["place"] == "客户.csv!B3" && line["actor"] == CHIEF), "{history:?}");
    assert!(workbooks(&office).is_empty());

    // The same attachment in another mail changes nothing.
    let text =
        rows(&["客户编号|客户名称|手机|阶段", "C-1||13900139000|（清空）", "C-2|翡翠贸易|021-55550100|offer"]).csv(",");
    send(&office, "2", CHIEF, "", &[("客户.csv", GB18030.encode(&text).0.into_owned())]);
    office.sync_quietly();
    let (outcome, _) = last(&office);
    assert_eq!(outcome, "applied=0 unchanged=5 refused=0 conflicts=0 held=0 not-understood=0");
}

#[test]
fn workbooks_and_lines_of_one_mail_go_together() {
    let office = office_with("en", "");
    let first = rows(&["Customer ID|Name|Stage", "C-1|Amber|lead", "C-2|Beryl|lead", "C-4|Opal|lead"]);
    // Above the titles it says what the sheet is.
    let second =
        rows(&["Customers of May", "", "Customer ID|Name|Since", "C-1||2026-05-01", "C-2|Coral|", "C-4|Opal|"]);
    let lines = "Customer ID: C-3\nName: Topaz\n\nCustomer ID: C-1\nE-mail: a@example.com\n";
    let files = [("a.xlsx", first.xlsx()), ("b.xlsx", second.xlsx_named("May"))];
    send(&office, "1", CHIEF, lines, &files);
    office.sync();
    let (outcome, text) = last(&office);
    // C-1: four cells from three places. C-2: said twice, differently. C-4: said twice alike.
    assert_eq!(outcome, "applied=7 unchanged=3 refused=2 conflicts=0 held=0 not-understood=0", "{text}");
    let record = office.record("C-1");
    assert_eq!(
        (&record["name"], &record["since"], &record["email"]),
        (&"Amber".into(), &"2026-05-01".into(), &"a@example.com".into())
    );
    assert_eq!((office.value("C-3", "name"), office.value("C-4", "name")), ("Topaz".into(), "Opal".into()));
    assert_eq!(office.list(&["record", "list"]).len(), 3, "C-2 is not there");
    let back = workbooks(&office);
    let names: Vec<&str> = back.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["not saved - a.xlsx", "not saved - b.xlsx"]);
    let (_, rows) = cells(&back[1].1);
    assert_eq!(
        rows,
        [["Customer ID", "Name", "Since", "Reason"], ["C-2", "Coral", "", "it is said twice, and differently"]]
    );
    let history = office.list(&["record", "history", "--key", "C-3"]);
    assert_eq!(history[0]["place"], "1@mail.example.com", "{history:?}");
    office.store_is_sound();
}

#[test]
fn a_bad_attachment_costs_only_itself() {
    let office = office_with("en", "[limits]\nattachment_rows_max = 50\n");
    let good = rows(&["Customer ID|Name", "C-1|Amber"]);
    let bomb = with_part(&good.xlsx(), |name, text| match name {
        "xl/worksheets/sheet1.xml" => text.replace("</sheetData>", &format!("{}</sheetData>", " ".repeat(40_000_000))),
        _ => text.to_owned(),
    });
    let many: Vec<String> = (0..60).map(|row| format!("C-{row}|x")).collect();
    let many: Vec<&str> = ["Customer ID|Name"].into_iter().chain(many.iter().map(String::as_str)).collect();
    let files = [
        ("locked.xlsx", encrypted()),
        ("bomb.xlsx", bomb),
        ("letter.xlsx", b"%PDF-1.4 it is none".to_vec()),
        ("no key.xlsx", rows(&["Name|Stage", "Amber|lead"]).xlsx()),
        ("many.xlsx", rows(&many).xlsx()),
        ("empty.csv", Vec::new()),
        ("../../etc/客\u{202e}户.xlsx", good.xlsx()),
        ("contract.pdf", b"%PDF-1.4".to_vec()),
        ("picture.png", b"\x89PNG".to_vec()),
    ];
    send(&office, "1", CHIEF, "Customer ID: C-2\nName: Beryl\n", &files);
    let report = office.sync();
    let (outcome, text) = last(&office);
    assert_eq!(outcome, "applied=2 unchanged=0 refused=0 conflicts=0 held=0 not-understood=7", "{text}\n{report}");
    for part in [
        "locked.xlsx: not saved. It is protected with a password.",
        "bomb.xlsx: not saved. Unpacked it would be far larger",
        "letter.xlsx: not saved. It is not a workbook.",
        "no key.xlsx: not saved. No column has the title of the key",
        "many.xlsx: not saved. It has more rows than are accepted by mail.",
        "empty.csv: not saved. It is empty.",
        "contract.pdf: not saved. It is not a workbook.",
        "客户.xlsx: 1 row of the sheet",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert_eq!((office.value("C-1", "name"), office.value("C-2", "name")), ("Amber".into(), "Beryl".into()));
    let codes: Vec<String> = problems(&report).into_iter().map(|(code, _)| code).collect();
    for code in ["encrypted", "zip-ratio", "not-a-workbook", "missing-key-column", "too-many-rows", "empty-file"] {
        assert!(codes.iter().any(|told| told == code), "{code}: {codes:?}");
    }
    office.sync_idly();
}

#[test]
fn a_workbook_that_changes_unexpectedly_much_waits_for_the_steward() {
    let office = office_with("en", "");
    let book = |name: &str| {
        let lines: Vec<String> = (1..=40).map(|row| format!("C-{row}|{name} {row}|lead")).collect();
        rows(&["Customer ID|Name|Stage"].into_iter().chain(lines.iter().map(String::as_str)).collect::<Vec<_>>()).xlsx()
    };
    send(&office, "1", CHIEF, "", &[("new.xlsx", book("Stone"))]);
    office.sync_quietly();
    let (outcome, text) = last(&office);
    assert_eq!(outcome, "applied=80 unchanged=0 refused=0 conflicts=0 held=0 not-understood=0");
    assert!(text.contains("40 further records were saved in full") && !text.contains("C-17"), "{text}");
    send(&office, "2", CHIEF, "Customer ID: C-41\nName: Amber\n", &[("all.xlsx", book("Gem"))]);
    let report = office.sync();
    let (outcome, text) = last(&office);
    assert_eq!(outcome, "applied=1 unchanged=0 refused=0 conflicts=0 held=40 not-understood=0", "{text}");
    assert!(text.contains("all.xlsx: waits for a decision.") && text.contains("unexpectedly much"), "{text}");
    assert_eq!(problems(&report), [("mass-change".to_owned(), "all.xlsx!Sheet1".to_owned())]);
    assert_eq!((office.value("C-7", "name"), office.value("C-41", "name")), ("Stone 7".into(), "Amber".into()));
    office.sync_idly();

    // Rejected, nothing of it is taken, and its sender is told.
    office.program(&["review", "decide", &office.review(), "reject"]).ends(0);
    office.sync();
    let (outcome, text) = last(&office);
    assert!(text.contains("all.xlsx: not saved. The data steward has decided"), "{text}");
    assert!(outcome.starts_with("applied=0"), "{outcome}");
    assert_eq!((office.value("C-7", "name"), office.reviews().len()), ("Stone 7".into(), 0));

    // Accepted, all of it is, with the rights of who sent it; what was set meanwhile is not written over unasked.
    send(&office, "4", CHIEF, "", &[("all.xlsx", book("Gem"))]);
    office.sync();
    set(&office, "C-9", &["name=Pearl"]);
    let question = &office.reviews()[0];
    assert_eq!(
        (&question["kind"], &question["extent"]["changed_cells"]),
        (&"mass-change".into(), &40.into()),
        "{question}"
    );
    office.program(&["review", "decide", &office.review(), "accept"]).ends(0);
    office.sync();
    let (outcome, text) = last(&office);
    assert_eq!(outcome, "applied=39 unchanged=40 refused=0 conflicts=1 held=0 not-understood=0", "{text}");
    assert_eq!((office.value("C-7", "name"), office.value("C-9", "name")), ("Gem 7".into(), "Pearl".into()));
    let history = office.list(&["record", "history", "--key", "C-7"]);
    assert!(history.iter().any(|line| line["place"] == "all.xlsx!Sheet1!B8" && line["actor"] == CHIEF), "{history:?}");
    office.program(&["review", "decide", &office.review(), "stored"]).ends(0);

    // Of many records a few are no mass.
    let few: Vec<String> = (1..=10).map(|row| format!("C-{row}|Beryl {row}")).collect();
    let few: Vec<&str> = ["Customer ID|Name"].into_iter().chain(few.iter().map(String::as_str)).collect();
    send(&office, "3", CHIEF, "", &[("few.xlsx", rows(&few).xlsx())]);
    office.sync_quietly();
    assert_eq!(office.value("C-7", "name"), "Beryl 7");
    office.store_is_sound();
}

#[test]
fn a_blank_workbook_is_sent_to_who_may_fill_it() {
    let guest = "[[person]]\nemail = \"guest@example.com\"\nroles = [\"visitor\"]\n";
    for (language, ask, name, sheet, titles) in [
        (
            "en",
            "template\n",
            "Customers - blank.xlsx",
            "Customers",
            ["Customer ID", "Name", "E-mail", "Owner", "Department", "Since"],
        ),
        ("zh-CN", "模板\n", "客户-空白表.xlsx", "客户", ["客户编号", "客户名称", "邮箱", "负责人", "部门", "日期"]),
    ] {
        let office = office_with(language, guest);
        set(&office, "C-1", &["name=Amber", "phone=13800138000", "owner=li.lei@example.com"]);
        send(&office, "1", LI, ask, &[]);
        office.sync_quietly();
        let (outcome, text) = last(&office);
        assert_eq!(outcome, "applied=0 unchanged=0 refused=0 conflicts=0 held=0 not-understood=0", "{text}");
        let (found, bytes) = workbooks(&office).pop().expect("a workbook is sent");
        assert_eq!(found, name);
        let (found, blank) = cells(&bytes);
        assert_eq!(found, sheet);
        let mut own = blank[0].clone();
        own.sort_unstable();
        let mut wanted = titles.map(str::to_owned).to_vec();
        wanted.sort_unstable();
        assert_eq!(own, wanted, "neither phone nor stage nor credit are hers to write");
        assert_eq!(blank[0][0], titles[0], "the key comes first");
        assert!(blank[1..].iter().flatten().all(String::is_empty), "{blank:?}");

        // Filled and sent back it is taken.
        let at = blank[0].iter().position(|title| title == titles[1]).expect("it has the name");
        let filled = rows(&[&blank[0].join("|"), &format!("C-1{}Agate", "|".repeat(at))]);
        send(&office, "2", LI, "", &[(name, filled.xlsx())]);
        office.sync_quietly();
        assert_eq!(office.value("C-1", "name"), "Agate", "{}", last(&office).1);

        send(&office, "3", "guest@example.com", ask, &[]);
        office.sync_quietly();
        let (outcome, text) = last(&office);
        assert!(workbooks(&office).is_empty(), "{text}");
        assert!(outcome.ends_with("not-understood=1"), "{outcome}");
        assert!(
            text.contains(if language == "en" {
                "no blank workbook for you"
            } else {
                "没有可以填写的空白表"
            }),
            "{text}"
        );
    }
}

/// Lets Daybook number the customers, and wants a name of each.
fn number_customers(office: &Office) {
    let configuration = String::from_utf8(office.read("daybook.toml")).expect("UTF-8");
    let numbered = configuration
        .replace(
            "constraints = { required = true, pattern = \"C-[0-9]+\" }",
            "generate = \"C-{:04}\"\nconstraints = { required = true, pattern = \"C-[0-9]+\" }",
        )
        .replace("headers = [\"Name\", \"客户名称\"]", "headers = [\"客户名称\"]\nconstraints = { required = true }");
    office.write("daybook.toml", numbered.as_bytes());
}

#[test]
fn a_row_without_a_key_tells_nothing_of_records_that_its_sender_may_not_see() {
    let intern = "[[person]]\nemail = \"intern@example.com\"\nroles = [\"intern\"]\n[[access]]\nid = \"intern-own\"\nrole = \"intern\"\n\
                  table = \"customers\"\nrelation = \"own\"\nread = [\"basic\"]\nwrite = [\"basic\"]\ncreate = true\n";
    let office = office_with("en", intern);
    number_customers(&office);
    let book = || vec![("new.xlsx", rows(&["客户编号|客户名称", "|琥珀"]).xlsx())];
    send(&office, "1", CHIEF, "", &book());
    office.sync_quietly();
    // The chief's customer is not hers to know.
    send(&office, "2", "intern@example.com", "", &book());
    office.sync_quietly();
    let (outcome, text) = last(&office);
    assert!(outcome.starts_with("applied=1 unchanged=0") && text.contains("C-0002 (new)"), "{outcome} {text}");
    // Her own is.
    send(&office, "3", "intern@example.com", "again", &book());
    office.sync_quietly();
    let (outcome, text) = last(&office);
    assert!(outcome.starts_with("applied=0 unchanged=1"), "{outcome} {text}");
    assert_eq!(office.list(&["record", "list"]).len(), 2);
}

#[test]
fn rows_without_a_key_get_a_number_once() {
    let office = office_with("zh-CN", "");
    number_customers(&office);
    let book = rows(&["客户编号|客户名称|阶段", "|琥珀|lead", "|翡翠|lead", "|琥珀|lead"]).xlsx();
    send(&office, "1", CHIEF, "", &[("新客户.xlsx", book.clone())]);
    office.sync_quietly();
    let (outcome, text) = last(&office);
    assert_eq!(outcome, "applied=4 unchanged=1 refused=0 conflicts=0 held=0 not-understood=0", "{text}");
    assert!(text.contains("客户 C-0001（新增）") && text.contains("客户 C-0002（新增）"), "{text}");
    // The same rows again are no new records, and a number that was handed out is not handed out again.
    send(&office, "2", CHIEF, "新增：\n客户名称：白银\n阶段：lead\n", &[("新客户.xlsx", book)]);
    office.sync_quietly();
    let (outcome, text) = last(&office);
    assert_eq!(outcome, "applied=2 unchanged=5 refused=0 conflicts=0 held=0 not-understood=0", "{text}");
    assert_eq!((office.value("C-0002", "name"), office.value("C-0003", "name")), ("翡翠".into(), "白银".into()));
    assert_eq!(office.list(&["record", "list"]).len(), 3);
    office.store_is_sound();
}

/// A workbook of several sheets, each with rows of texts; one whose name ends in `-` is hidden.
fn sheets_of(all: &[(&str, &[&str])]) -> Vec<u8> {
    let mut workbook = rust_xlsxwriter::Workbook::new();
    for (name, lines) in all {
        let sheet = workbook.add_worksheet();
        sheet.set_name(*name).expect("a name");
        sheet.set_hidden(name.ends_with('-'));
        for (row, line) in (0..).zip(*lines) {
            for (column, text) in (0..).zip(line.split('|')) {
                sheet.write(row, column, text).expect("it can be written");
            }
        }
    }
    workbook.save_to_buffer().expect("it can be made")
}

#[test]
fn the_first_sheet_with_the_tables_titles_is_read_and_further_ones_are_told() {
    let office = office_with("zh-CN", "");
    let book = sheets_of(&[
        ("封面", &["客户更新 2026"]),
        ("空白", &[]),
        ("隐藏-", &["客户编号|客户名称", "C-9|不该采用"]),
        ("华东", &["二季度", "客户编号|客户名称", "C-1|琥珀"]),
        ("华北", &["", "", "客户编号|客户名称", "C-2|玛瑙"]),
        ("说明", &["客户名称怎么填", "写全称"]),
    ]);
    send(&office, "1", CHIEF, "见附件\n", &[("更新.xlsx", book)]);
    office.sync();
    let (outcome, text) = last(&office);
    assert_eq!(outcome, "applied=1 unchanged=0 refused=0 conflicts=0 held=0 not-understood=1", "{text}");
    assert!(text.contains("更新.xlsx：读取了工作表“华东”的 1 行"), "{text}");
    assert!(text.contains("更新.xlsx!华北：没有采用。每个工作簿只读取一个工作表"), "{text}");
    assert!(!text.contains("说明") && !text.contains("封面") && !text.contains("隐藏"), "{text}");
    assert_eq!(office.list(&["record", "list"]).len(), 1);
    assert_eq!(office.value("C-1", "name"), "琥珀");
}

#[test]
fn a_mail_with_a_command_and_a_workbook_does_neither() {
    let office = office_with("en", "");
    set(&office, "C-1", &["name=Amber"]);
    let book = rows(&["Customer ID|Name", "C-1|Agate"]);
    for (number, command) in ["template", "show C-1", "reviews"].iter().enumerate() {
        let text = format!("{command}\n");
        send(&office, &number.to_string(), CHIEF, &text, &[("customers.xlsx", book.xlsx_named("customers"))]);
        office.sync();
        let (outcome, told) = last(&office);
        assert!(outcome.starts_with("applied=0 unchanged=0 refused=0 "), "{command}: {outcome}");
        assert!(told.contains("The mail has both a command and changes."), "{command}: {told}");
        assert!(workbooks(&office).is_empty() && !told.contains("Amber"), "{command}: {told}");
        assert_eq!(office.value("C-1", "name"), "Amber");
    }
}

#[test]
fn a_word_that_answers_nothing_leaves_the_workbook_beside_it_alone() {
    let office = office_with("en", "");
    set(&office, "C-1", &["name=Amber"]);
    let book = rows(&["Customer ID|Name", "C-1|Agate"]);
    send(&office, "1", CHIEF, "1\n", &[("customers.xlsx", book.xlsx_named("customers"))]);
    let reply = [b"In-Reply-To: <lunch@mail.example.com>\r\n".as_slice(), &office.read("data/mail/new/1")].concat();
    office.write("data/mail/new/1", &reply);
    office.sync();
    let (outcome, told) = last(&office);
    assert!(outcome.starts_with("applied=1 ") && outcome.ends_with("not-understood=1"), "{outcome}: {told}");
    assert_eq!(office.value("C-1", "name"), "Agate");
}

#[test]
fn a_row_that_got_its_number_comes_back_with_it() {
    let office = office_with("zh-CN", "");
    number_customers(&office);
    let book = rows(&["客户编号|客户名称|信用额度", "|琥珀|很多"]);
    send(&office, "1", CHIEF, "see attached\n", &[("new.xlsx", book.xlsx_named("new"))]);
    office.sync();
    let (outcome, text) = last(&office);
    assert!(outcome.contains("refused=1"), "{outcome} {text}");
    let returned = workbooks(&office).pop().expect("the row comes back").1;
    let (_, cells) = cells(&returned);
    let number = office.list(&["record", "list"])[0]["fields"]["customer_id"].as_str().expect("a number").to_owned();
    assert_eq!(cells[1][0], number, "{cells:?}");
    send(&office, "2", CHIEF, "corrected\n", &[("new.xlsx", corrected(&returned, &[(1, 2, Cell::Number(5000.0))]))]);
    office.sync();
    assert_eq!(office.list(&["record", "list"]).len(), 1, "it is the same record");
}

#[test]
fn a_further_sheet_is_told_however_large_it_is() {
    let office = office_with("zh-CN", "[limits]\nattachment_rows_max = 2\n");
    let book = sheets_of(&[
        ("华东", &["客户编号|客户名称", "C-1|琥珀"]),
        ("华北", &["客户编号|客户名称", "C-2|玛瑙", "C-3|翡翠", "C-4|白银"]),
    ]);
    send(&office, "1", CHIEF, "见附件\n", &[("更新.xlsx", book)]);
    office.sync();
    let (outcome, text) = last(&office);
    assert_eq!(outcome, "applied=1 unchanged=0 refused=0 conflicts=0 held=0 not-understood=1", "{text}");
    assert!(text.contains("更新.xlsx!华北：没有采用"), "{text}");
}
