//! Rows, typed one by one as the reader gives them.
//!
//! In come a sheet's titles and then its raw rows, in the sheet's order; out come typed rows with what could not be read.
//! It needs no store, so that it can work in the thread that reads, beside the reader.

use std::collections::HashMap;

use compact_str::CompactString;

use crate::codec::sheet::{RawCell, RawRow, ReadRow, SheetHead};
use crate::extract::{self, CellProblem, Columns, Heading};
use crate::model::{Place, Problem, Row, RowHash, Table};

/// The rows of a sheet, typed.
#[derive(Clone, Debug)]
pub struct Typed {
    pub(super) table: Table,
    pub(super) place: Place,
    pub(super) columns: Columns,
    /// What is wrong with the titles.
    pub(super) problems: Vec<Problem>,
    pub(super) rows: Vec<Row>,
    /// The rows whose hash the store knows: number and hash.
    pub(super) known: Vec<(u32, RowHash)>,
    pub(super) cell_problems: Vec<CellProblem>,
    /// What stands in the column of answers, by row, for the rows that were read in full.
    pub(super) answers: HashMap<u32, CompactString>,
}

impl Typed {
    /// Finds out what the columns of the file's sheet mean for the table. `header_row` is the titles' row, from 1, and
    /// `answer` the title of the column that Daybook fills.
    pub fn begin(table: Table, file: String, header_row: u32, answer: Option<&str>, head: &SheetHead) -> Self {
        let place = Place { file, sheet: head.sheet.clone() };
        let heading = Heading { place: &place, row: header_row, own: answer.as_slice() };
        let (columns, problems) = Columns::map(head, &table, &heading);
        let (rows, known, cell_problems) = (Vec::new(), Vec::new(), Vec::new());
        Self { table, place, columns, problems, rows, known, cell_problems, answers: HashMap::new() }
    }
}

impl Extend<ReadRow> for Typed {
    fn extend<I: IntoIterator<Item = ReadRow>>(&mut self, rows: I) {
        if !self.columns.keyed {
            return;
        }
        for row in rows {
            match row {
                ReadRow::Known { number, hash } => self.known.push((number, RowHash(hash))),
                ReadRow::Read(raw) => {
                    if let Some(answer) = self.columns.answer.and_then(|column| answer_in(&raw, column)) {
                        self.answers.insert(raw.number, answer);
                    }
                    let typed = extract::row(&raw, &self.columns, &self.table, &self.place, &mut self.cell_problems);
                    self.rows.extend(typed);
                }
            }
        }
    }
}

/// The text in a row's column of answers; `None` if nothing stands there.
fn answer_in(row: &RawRow, column: u32) -> Option<CompactString> {
    let index = row.cells.binary_search_by_key(&column, |(column, _)| *column).ok()?;
    match &row.cells[index].1 {
        RawCell::Text(text) | RawCell::Error(text) | RawCell::Duration(text) => Some(text.clone()),
        RawCell::Empty => None,
        RawCell::Number(_) | RawCell::Boolean(_) | RawCell::DateTime(_) => Some(CompactString::const_new("?")),
    }
}
