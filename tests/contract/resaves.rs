//! A workbook that another program saved again, with nothing edited, is no change: whole ways from file to store.
//!
//! What has the same hash is proven with the reader; here stands above all what is written with other bytes and means the
//! same for its field.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use super::office::Office;
use super::workbook::rows;

const TABLE: &str = r#"
[[person]]
email = "chief@example.com"
roles = ["staff"]
[[table]]
name = "customers"
primary_key = ["customer_id"]
[[table.field]]
name = "customer_id"
headers = ["Customer ID"]
[[table.field]]
name = "name"
headers = ["Name"]
[[table.field]]
name = "phone"
format = "phone"
headers = ["Phone"]
[[table.field]]
name = "citizen"
format = "cn-id"
headers = ["Citizen"]
[[table.field]]
name = "amount"
type = "number"
headers = ["Amount"]
[[table.field]]
name = "count"
type = "integer"
headers = ["Count"]
[[table.field]]
name = "active"
type = "boolean"
headers = ["Active"]
[[table.field]]
name = "since"
type = "date"
headers = ["Since"]
[[table.field]]
name = "seen"
type = "datetime"
headers = ["Seen"]
[[table.field]]
name = "tags"
type = "list"
headers = ["Tags"]
[[access]]
id = "all"
role = "staff"
table = "customers"
relation = "all"
read = ["basic"]
write = ["basic"]
create = true
reason = "Staff keep the list"
[[workbook]]
name = "staff"
path = "share/staff.xlsx"
table = "customers"
acts_as = "role:staff"
[[view]]
name = "all"
path = "share/all.xlsx"
table = "customers"
for = "role:staff"
editable = true
"#;

const TITLES: [&str; 10] =
    ["Customer ID", "Name", "Phone", "Citizen", "Amount", "Count", "Active", "Since", "Seen", "Tags"];

/// The title, what the store shows, and the spellings of a cell: attributes, and what stands in it.
type Case = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const NUMBER: &str = "";
const TEXT: &str = r#"t="str""#;
/// The style of dates that the workbook's writer gives.
const DATED: &str = r#"s="1""#;
const ISO: &str = r#"t="d""#;

const CASES: &[Case] = &[
    ("Name", "\"Li\"", &[(TEXT, "Li"), (TEXT, "Li "), (TEXT, " Li"), (TEXT, "Li_x000D_\n")]),
    ("Name", "\"Zoé\"", &[(TEXT, "Zo\u{e9}"), (TEXT, "Zoe\u{301}")]),
    ("Name", "\"00123\"", &[(TEXT, "00123")]),
    ("Name", "\"123\"", &[(TEXT, "123"), (NUMBER, "123"), (NUMBER, "1.23E2")]),
    ("Name", "\"a\\nb\"", &[(TEXT, "a\nb"), (TEXT, "a\r\nb"), (TEXT, "a_x000D_\nb")]),
    ("Phone", "\"13800138000\"", &[(TEXT, "13800138000"), (NUMBER, "13800138000"), (NUMBER, "1.3800138E+10")]),
    ("Phone", "\"138 0013 8000\"", &[(TEXT, "138 0013 8000"), (TEXT, "13800138000"), (NUMBER, "13800138000")]),
    ("Citizen", "\"11010519491231002X\"", &[(TEXT, "11010519491231002X"), (TEXT, "11010519491231002x")]),
    ("Amount", "0.116233238067358", &[(NUMBER, "0.1162332380673584"), (NUMBER, "0.116233238067358")]),
    (
        "Amount",
        "333.333333333333",
        &[(NUMBER, "333.3333333333333"), (NUMBER, "333.333333333333"), (TEXT, "333.333333333333")],
    ),
    ("Amount", "0.3", &[(NUMBER, "0.30000000000000004"), (NUMBER, "0.3"), (NUMBER, "0.300"), (TEXT, "0.30")]),
    ("Amount", "1234.5", &[(NUMBER, "1234.5"), (TEXT, "1,234.50"), (NUMBER, "1.2345E3")]),
    ("Amount", "0.07", &[(NUMBER, "7.0000000000000007E-2"), (NUMBER, "0.07"), (TEXT, "7%")]),
    ("Count", "7", &[(NUMBER, "7"), (NUMBER, "7.0"), (TEXT, "7"), (NUMBER, "6.9999999999999996")]),
    ("Active", "true", &[(r#"t="b""#, "1"), (TEXT, "TRUE"), (TEXT, "true"), (TEXT, "是")]),
    ("Active", "false", &[(r#"t="b""#, "0"), (TEXT, "FALSE"), (TEXT, "否")]),
    (
        "Since",
        "\"2026-03-01\"",
        &[
            (DATED, "46082"),
            (DATED, "46082.0"),
            (ISO, "2026-03-01"),
            (ISO, "2026-03-01T00:00:00.000Z"),
            (TEXT, "2026-03-01"),
            (TEXT, "2026/3/1"),
            (TEXT, "2026年3月1日"),
        ],
    ),
    (
        "Seen",
        "\"2026-03-01T09:30:10+08:00\"",
        &[
            (DATED, "46082.395949074074"),
            (DATED, "46082.3959490741"),
            (ISO, "2026-03-01T09:30:10"),
            (TEXT, "2026-03-01 09:30:10"),
        ],
    ),
    ("Tags", "[\"a\",\"b\"]", &[(TEXT, "a;b"), (TEXT, "a; b"), (TEXT, "a；b"), (TEXT, "b;a")]),
];

/// A workbook with a row a case, each in the spelling of this number, or in its last one.
fn spelled(number: usize, is_1904: bool) -> Vec<u8> {
    let mut sheet = String::new();
    for (row, (title, _, spellings)) in (2..).zip(CASES) {
        let column = TITLES.iter().position(|own| own == title).expect("a title");
        let column = char::from(b'A' + u8::try_from(column).expect("few columns"));
        let (attributes, content) = spellings[number.min(spellings.len() - 1)];
        let content = match content.parse::<f64>() {
            Ok(days) if is_1904 && attributes == DATED => (days - 1462.0).to_string(),
            _ => content.to_owned(),
        };
        write!(
            sheet,
            r#"<row r="{row}"><c r="A{row}" t="str"><v>C-{row}</v></c><c r="{column}{row}" {attributes}><v>{content}</v></c></row>"#
        )
        .expect("a text");
    }
    // The one date in the second row makes the style that dates have.
    let mut sheet_with_style = rows(&[&TITLES.join("|")]);
    sheet_with_style.0.push(vec![super::workbook::Cell::Date(2026, 3, 1)]);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("book.xlsx");
    std::fs::write(&path, sheet_with_style.xlsx()).expect("a workbook");
    let second_row = regex::Regex::new(r#"(?s)<row r="2".*?</row>"#).expect("a pattern");
    super::workbook::Workbook::open(&path).with_parts(|name, text| match name {
        "xl/worksheets/sheet1.xml" => second_row.replace(text, regex::NoExpand(&sheet)).into_owned(),
        "xl/workbook.xml" if is_1904 => {
            assert!(text.contains("<workbookPr"), "{text}");
            text.replacen("<workbookPr", r#"<workbookPr date1904="1""#, 1)
        }
        _ => text.to_owned(),
    })
}

#[test]
fn other_spellings_are_no_changes() {
    let office = Office::new(TABLE);
    office.write("share/staff.xlsx", &spelled(0, false));
    office.sync_quietly();
    for (row, (title, shown, _)) in (2..).zip(CASES) {
        let shown: Json = serde_json::from_str(shown).expect("JSON");
        let value = office.value(&format!("C-{row}"), &title.to_lowercase());
        assert!(
            value == shown || value.as_f64().is_some_and(|value| Some(value) == shown.as_f64()),
            "{title}: {value}, not {shown}"
        );
    }
    let most = CASES.iter().map(|(_, _, spellings)| spellings.len()).max().expect("cases");
    let revision = office.revision();
    for (number, is_1904) in (0..most).flat_map(|number| [(number, false), (number, true)]) {
        office.write("share/staff.xlsx", &spelled(number, is_1904));
        let report = office.sync_quietly();
        for count in ["changes", "applied", "refused", "conflicts", "held", "published"] {
            assert_eq!(report[count], json!(0), "{count} in spelling {number}, 1904: {is_1904}: {report}");
        }
        assert!(office.reviews().is_empty());
    }
    // What was shown may be noted anew, so that an edit is compared with it; what is stored stays as it was typed first.
    assert!(office.revision() >= revision);
    for (row, (title, _, _)) in (2..).zip(CASES) {
        let history = office.list(&["record", "history", "--key", &format!("C-{row}")]);
        let lines = history.iter().filter(|line| line["field"] == title.to_lowercase().as_str()).count();
        assert_eq!(lines, 1, "{title}: {history:?}");
    }
    office.store_is_sound();
}

#[test]
fn libreoffice_may_save_any_of_them_again() {
    let Some(program) = crate::programs::soffice() else { return };
    let profile = tempfile::tempdir().expect("a folder");
    let office = Office::new(TABLE);
    office.write("share/staff.xlsx", &spelled(0, false));
    office.sync_quietly();
    for (number, is_1904) in [(0, false), (1, true), (2, false)] {
        office.write("copy.xlsx", &spelled(number, is_1904));
        let saved = super::libreoffice::convert(&program, profile.path(), &office.path("copy.xlsx"), "xlsx");
        assert_ne!(saved, office.read("copy.xlsx"));
        office.write("share/staff.xlsx", &saved);
        let report = office.sync_quietly();
        assert_eq!((&report["changes"], &report["published"]), (&json!(0), &json!(0)), "{number}: {report}");
        assert!(office.reviews().is_empty());
    }
}

#[test]
fn another_value_is_a_change() {
    let office = Office::new(TABLE);
    office.write("share/staff.xlsx", &spelled(0, false));
    office.sync_quietly();
    let mut book = office.open("share/staff.xlsx");
    let row_of = |title: &str| CASES.iter().position(|(own, ..)| *own == title).expect("a case") + 2;
    let row = row_of("Amount");
    book.set_at(&format!("E{row}"), 0.116_233_238_067_36).save();
    assert_eq!(office.sync_quietly()["changes"], 1, "the fourteenth digit");
    book.set_at(&format!("B{}", row_of("Name")), "LI").save();
    assert_eq!(office.sync_quietly()["changes"], 1, "capitals may be corrected");
}
