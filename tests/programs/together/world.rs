//! What the store, the queue of questions and the workbooks show, as the programs around Daybook see it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::books::{BOOKS, Book};
use super::oracle::KEY;
use crate::contract::office::Office;
use crate::programs::LibreOffice;

/// A line of a record's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) key: String,
    pub(super) field: String,
    pub(super) value: String,
    pub(super) source: String,
    pub(super) outcome: String,
}

/// An open question to the steward.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) key: String,
    pub(super) field: String,
    pub(super) stored: String,
    pub(super) incoming: String,
    pub(super) source: String,
}

/// All that can be seen from outside. Values are texts as a person would write them.
#[derive(Debug, Default)]
pub(super) struct World {
    /// By key and field.
    pub(super) records: BTreeMap<String, BTreeMap<String, String>>,
    /// Each record's lines in their order.
    pub(super) history: Vec<Line>,
    pub(super) questions: Vec<Question>,
    /// The rows of each workbook, by field.
    pub(super) books: BTreeMap<&'static str, Vec<BTreeMap<String, String>>>,
    /// The workbooks that get a row for each record.
    pub(super) growing: BTreeSet<&'static str>,
}

impl World {
    /// Asks the program and opens the workbooks in LibreOffice.
    pub(super) fn seen(office: &Office, program: &mut LibreOffice) -> Self {
        let mut world = Self::default();
        let mut keys = BTreeMap::new();
        for record in office.list(&["record", "list"]) {
            let fields = record["fields"].as_object().expect("a record has fields");
            let fields: BTreeMap<String, String> =
                fields.iter().map(|(field, value)| (field.clone(), plain(value))).collect();
            let key = fields.get(KEY).cloned().unwrap_or_default();
            keys.insert(plain(&record["id"]), key.clone());
            world.records.insert(key, fields);
        }
        for key in world.records.keys() {
            world.history.extend(office.list(&["record", "history", "--key", key]).iter().map(|line| Line {
                key: key.clone(),
                field: plain(&line["field"]),
                value: plain(&line["value"]),
                source: plain(&line["source"]),
                outcome: plain(&line["outcome"]),
            }));
        }
        for review in office.reviews() {
            let record = plain(&review["record"]);
            world.questions.push(Question {
                id: plain(&review["id"]),
                kind: plain(&review["kind"]),
                key: keys.get(&record).cloned().unwrap_or(record),
                field: plain(&review["field"]),
                stored: plain(&review["stored"]),
                incoming: plain(&review["incoming"]),
                source: plain(&review["source"]),
            });
        }
        for book in &BOOKS {
            world.books.insert(book.name, rows(&shown(office, program, book), book));
            if book.is_growing {
                world.growing.insert(book.name);
            }
        }
        world
    }
}

/// The cells of a closed workbook, as LibreOffice shows them.
fn shown(office: &Office, program: &mut LibreOffice, book: &Book) -> Vec<Vec<String>> {
    let path = office.path(book.file);
    assert!(book.open(program, &path), "{} is closed", book.name);
    let shown = program.show(&path);
    program.close(&path);
    shown
}

/// The rows that hold something, by field.
pub(super) fn rows(shown: &[Vec<String>], book: &Book) -> Vec<BTreeMap<String, String>> {
    let columns = book.columns_in(&shown[0]);
    let row = |cells: &Vec<String>| -> BTreeMap<String, String> {
        columns.iter().map(|(field, column)| ((*field).to_owned(), canonical(field, &cells[*column]))).collect()
    };
    shown.iter().skip(1).map(row).filter(|row| row.values().any(|text| !text.is_empty())).collect()
}

/// A cell's text as the store writes it.
fn canonical(field: &str, text: &str) -> String {
    let digits: Vec<&str> =
        text.split(|letter: char| !letter.is_ascii_digit()).filter(|part| !part.is_empty()).collect();
    match (field, digits.as_slice()) {
        ("since", [year, month, day]) => format!("{year}-{month:0>2}-{day:0>2}"),
        _ => text.to_owned(),
    }
}

/// A JSON value as a person would write it.
fn plain(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}
