//! Rows, typed one by one as the reader gives them.
//!
//! In come a sheet's titles and then its raw rows, in the sheet's order; out come typed rows with what could not be read.
//! It needs no store, so that it can work in the thread that reads, beside the reader.

use std::collections::HashMap;

use compact_str::CompactString;

use super::columns::{PastColumns, SAMPLE_ROWS, Titled};
use crate::codec::sheet::{RawCell, RawRow, ReadRow, SheetHead};
use crate::extract::{self, CellProblem, Columns, Heading};
use crate::model::compare::folded;
use crate::model::{FieldId, Place, Problem, Row, RowHash, Table};

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
    /// Columns that hold a field under a title that no header says.
    pub(super) renamed: Vec<Titled>,
    /// Fields that the source had a column for, and that have none now.
    pub(super) lacking: Vec<FieldId>,
    /// The fields do not stand in the columns in which the source's newest state had them.
    pub(super) moved: bool,
    /// Where columns without a field may be theirs: what is needed to find that out.
    pub(super) unsure: Option<Unsure>,
}

/// Columns whose titles mean nothing, in a sheet that has lost columns.
#[derive(Clone, Debug)]
pub(super) struct Unsure {
    /// The fields that lack a column.
    pub(super) lacking: Vec<FieldId>,
    /// The columns, with their titles.
    pub(super) columns: Vec<(u32, String)>,
    /// What they show in the first rows: the row's position, if it is one, and a cell for each of the columns.
    pub(super) sample: Vec<(Option<usize>, Vec<RawCell>)>,
}

/// So many columns whose titles mean nothing are looked at.
const UNKNOWN_MAX: usize = 32;

impl Unsure {
    /// The title of a column.
    pub(super) fn title(&self, column: u32) -> Option<&str> {
        self.columns.iter().find(|(own, _)| *own == column).map(|(_, title)| title.as_str())
    }

    /// Keeps what the columns show in a row, if it is one of the first.
    fn keep(&mut self, raw: &RawRow, position: Option<usize>) {
        if self.sample.len() >= SAMPLE_ROWS {
            return;
        }
        let cell = |column: &u32| match raw.cells.binary_search_by_key(column, |(column, _)| *column) {
            Ok(index) => raw.cells[index].1.clone(),
            Err(_) => RawCell::Empty,
        };
        self.sample.push((position, self.columns.iter().map(|(column, _)| cell(column)).collect()));
    }
}

impl Typed {
    /// Finds out what the columns of the file's sheet mean for the table. `header_row` is the titles' row, from 1, and
    /// `answer` the title of the column that Daybook fills.
    pub fn begin(
        table: Table,
        file: String,
        header_row: u32,
        answer: Option<&str>,
        past: &PastColumns,
        head: &SheetHead,
    ) -> Self {
        let place = Place { file, sheet: head.sheet.clone() };
        let heading = Heading { place: &place, row: header_row, own: answer.as_slice(), remembered: &[] };
        let (mut columns, mut problems) = Columns::map(head, &table, &heading);
        let lacking = |columns: &Columns| -> Vec<FieldId> {
            past.before.iter().filter(|id| columns.of(**id).is_none() && table.field(**id).is_some()).copied().collect()
        };
        let remembered = remembered(&columns, &lacking(&columns), past);
        if !remembered.is_empty() {
            (columns, problems) = Columns::map(head, &table, &Heading { remembered: &remembered, ..heading });
        }
        let is_remembered = |field: FieldId, title: &str| remembered.contains(&(folded(title), field));
        let renamed = columns.mapped.iter().filter_map(|(field, column)| {
            let (_, title) = head.columns.iter().find(|(own, title)| own == column && is_remembered(*field, title))?;
            Some(Titled { field: *field, column: *column, title: title.clone() })
        });
        let renamed = renamed.collect();
        let lacking = lacking(&columns);
        let moved = past.newest.as_ref().is_some_and(|newest| *newest != columns.mapped);
        let unsure = (!lacking.is_empty() && !columns.unknown.is_empty()).then(|| Unsure {
            lacking: lacking.clone(),
            columns: columns.unknown.iter().take(UNKNOWN_MAX).cloned().collect(),
            sample: Vec::new(),
        });
        Self {
            table,
            place,
            columns,
            problems,
            rows: Vec::new(),
            known: Vec::new(),
            cell_problems: Vec::new(),
            answers: HashMap::new(),
            renamed,
            lacking,
            moved,
            unsure,
        }
    }
}

/// The titles that are known to mean fields that lack a column, folded.
fn remembered(columns: &Columns, lacking: &[FieldId], past: &PastColumns) -> Vec<(CompactString, FieldId)> {
    let mut remembered = Vec::new();
    for (_, title) in columns.unknown.iter().take(UNKNOWN_MAX) {
        let title = folded(title);
        let field = lacking.iter().find(|field| past.means(&title, **field));
        remembered.extend(field.map(|field| (title.clone(), *field)));
    }
    remembered
}

impl Extend<ReadRow> for Typed {
    fn extend<I: IntoIterator<Item = ReadRow>>(&mut self, rows: I) {
        let keyed = self.columns.keyed;
        if !keyed && self.unsure.is_none() {
            return;
        }
        for row in rows {
            match row {
                ReadRow::Read(raw) if !keyed => {
                    if let Some(unsure) = &mut self.unsure {
                        unsure.keep(&raw, None);
                    }
                }
                ReadRow::Known { number, hash } => self.known.push((number, RowHash(hash))),
                ReadRow::Read(raw) => {
                    if let Some(answer) = self.columns.answer.and_then(|column| answer_in(&raw, column)) {
                        self.answers.insert(raw.number, answer);
                    }
                    let typed = extract::row(&raw, &self.columns, &self.table, &self.place, &mut self.cell_problems);
                    if let (Some(unsure), true) = (&mut self.unsure, typed.is_some()) {
                        unsure.keep(&raw, Some(self.rows.len()));
                    }
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
