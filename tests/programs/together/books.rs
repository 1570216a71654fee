//! The three workbooks of one table, and the office that they belong to.

use std::collections::BTreeMap;
use std::path::Path;

use encoding_rs::GB18030;
use jiff::ToSpan;
use rust_xlsxwriter::{ExcelDateTime, Format, Workbook};

use super::oracle::KEY;
use crate::contract::office::Office;
use crate::programs::LibreOffice;
use crate::programs::libreoffice::Csv;

/// One workbook.
#[derive(Debug)]
pub(super) struct Book {
    pub(super) name: &'static str,
    pub(super) file: &'static str,
    /// Titles and fields; a title without a field is the workbook's own.
    columns: &'static [(&'static str, &'static str)],
    /// What its people may not change.
    pub(super) forbidden: &'static [&'static str],
    /// Whether it gets a row for each record.
    pub(super) is_growing: bool,
    pub(super) is_text: bool,
}

/// One with all records, one with answers and formulas of its own, and an export of another program.
pub(super) static BOOKS: [Book; 3] = [
    Book {
        name: "office",
        file: "share/office.xlsx",
        columns: &[
            ("Customer ID", KEY),
            ("Name", "name"),
            ("Credit", "credit"),
            ("Since", "since"),
            ("E-mail", "email"),
            ("Note", "note"),
        ],
        forbidden: &[],
        is_growing: true,
        is_text: false,
    },
    Book {
        name: "desk",
        file: "share/desk.xlsx",
        columns: &[
            ("Name", "name"),
            ("Customer ID", KEY),
            ("Credit", "credit"),
            ("Double", ""),
            ("Note", "note"),
            ("Daybook", ""),
        ],
        forbidden: &["credit"],
        is_growing: false,
        is_text: false,
    },
    Book {
        name: "till",
        file: "share/till.csv",
        columns: &[
            ("客户编号", KEY),
            ("客户名称", "name"),
            ("信用额度", "credit"),
            ("日期", "since"),
            ("备注", "note"),
        ],
        forbidden: &[],
        is_growing: false,
        is_text: true,
    },
];

impl Book {
    /// Its fields.
    pub(super) fn fields(&self) -> impl Iterator<Item = &'static str> {
        self.columns.iter().map(|(_, field)| *field).filter(|field| !field.is_empty())
    }

    /// Where its fields stand under these titles.
    pub(super) fn columns_in(&self, titles: &[String]) -> Vec<(&'static str, usize)> {
        let place = |title: &str| titles.iter().position(|own| own == title);
        let columns = self.columns.iter().filter(|(_, field)| !field.is_empty());
        columns.map(|(title, field)| (*field, place(title).expect("the titles stay"))).collect()
    }

    /// Opens it; whether that was possible.
    pub(super) fn open(&self, program: &mut LibreOffice, path: &Path) -> bool {
        if self.is_text { program.open_csv(path, Csv::Gb18030) } else { program.open(path) }
    }
}

const OFFICE: &str = r#"
[[class]]
name = "contract"
[[person]]
email = "chief@example.com"
roles = ["staff"]
[[table]]
name = "customers"
primary_key = ["customer_id"]
[[table.field]]
name = "customer_id"
headers = ["Customer ID", "客户编号"]
generate = "C-{:06}"
constraints = { required = true, pattern = "C-[0-9]+" }
[[table.field]]
name = "name"
headers = ["Name", "客户名称"]
[[table.field]]
name = "credit"
type = "number"
headers = ["Credit", "信用额度"]
class = "contract"
[[table.field]]
name = "since"
type = "date"
headers = ["Since", "日期"]
conflict = "latest"
[[table.field]]
name = "email"
format = "email"
headers = ["E-mail", "邮箱"]
[[table.field]]
name = "note"
headers = ["Note", "备注"]
conflict = "latest"
[[access]]
id = "staff"
role = "staff"
table = "customers"
relation = "all"
read = ["basic", "contract"]
write = ["basic", "contract"]
create = true
reason = "Staff keep the list"
[[access]]
id = "desk"
role = "desk"
table = "customers"
relation = "all"
read = ["basic", "contract"]
write = ["basic"]
create = true
reason = "The desk does not set the credit"
[[workbook]]
name = "office"
path = "share/office.xlsx"
table = "customers"
acts_as = "role:staff"
sync = "two-way"
rows = "all"
missing_rows = "review"
[[workbook]]
name = "desk"
path = "share/desk.xlsx"
table = "customers"
acts_as = "role:desk"
sync = "two-way"
status_header = "Daybook"
missing_rows = "review"
[[workbook]]
name = "till"
path = "share/till.csv"
table = "customers"
acts_as = "role:staff"
sync = "two-way"
missing_rows = "review"
"#;

/// A value of a field that is unlike all others of other numbers.
pub(super) fn value(field: &str, number: usize) -> String {
    match field {
        KEY => format!("C-{}", 900_000 + number),
        "name" => format!("Name {number}"),
        "credit" => (1000 + number).to_string(),
        "since" => {
            let days = i64::try_from(number).expect("few edits");
            jiff::civil::date(2000, 1, 1).saturating_add(days.days()).to_string()
        }
        "email" => format!("p{number}@example.com"),
        "note" => format!("Note {number}, as typed"),
        other => panic!("no field `{other}`"),
    }
}

/// The records at the start.
pub(super) fn start(count: usize) -> BTreeMap<String, BTreeMap<&'static str, String>> {
    let fields = |number: usize| {
        let values = ["name", "credit", "since", "email", "note"].map(|field| (field, value(field, number)));
        values.into_iter().chain([(KEY, format!("C-{number}"))]).collect()
    };
    (1..=count).map(|number| (format!("C-{number}"), fields(number))).collect()
}

/// The office with its three workbooks, which show all records.
pub(super) fn office(records: &BTreeMap<String, BTreeMap<&'static str, String>>) -> Office {
    let office = Office::new(OFFICE);
    for book in &BOOKS {
        let bytes = if book.is_text { text_file(book, records) } else { workbook(book, records) };
        office.write(book.file, &bytes);
    }
    office
}

fn text_file(book: &Book, records: &BTreeMap<String, BTreeMap<&'static str, String>>) -> Vec<u8> {
    let mut text = book.columns.iter().map(|(title, _)| *title).collect::<Vec<_>>().join(",") + "\r\n";
    for record in records.values() {
        let cell = |field: &&str| match record[field].as_str() {
            date if *field == "since" => date.replace("-0", "/").replace('-', "/"),
            text if text.contains(',') => format!("\"{text}\""),
            text => text.to_owned(),
        };
        text += &book.fields().map(|field| cell(&field)).collect::<Vec<_>>().join(",");
        text += "\r\n";
    }
    GB18030.encode(&text).0.into_owned()
}

fn workbook(book: &Book, records: &BTreeMap<String, BTreeMap<&'static str, String>>) -> Vec<u8> {
    let mut workbook = Workbook::new();
    let bold = Format::new().set_bold();
    let date = Format::new().set_num_format("yyyy-mm-dd");
    let sheet = workbook.add_worksheet();
    for (column, (title, _)) in (0..).zip(book.columns) {
        sheet.write_with_format(0, column, *title, &bold).expect("a title");
    }
    for (row, record) in (1..).zip(records.values()) {
        for (column, (title, field)) in (0..).zip(book.columns) {
            let written = match (*title, *field) {
                ("Double", _) => sheet.write_formula(row, column, format!("=C{}*2", row + 1).as_str()),
                (_, "") => continue,
                (_, "credit") => sheet.write(row, column, record["credit"].parse::<f64>().expect("a number")),
                (_, "since") => {
                    let day = ExcelDateTime::parse_from_str(&record["since"]).expect("a date");
                    sheet.write_with_format(row, column, &day, &date)
                }
                (_, field) => sheet.write(row, column, record[field].as_str()),
            };
            written.expect("a cell");
        }
    }
    workbook.save_to_buffer().expect("the workbook can be written")
}
