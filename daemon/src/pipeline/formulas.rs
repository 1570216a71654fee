//! Formulas in synced columns: what they show is seen, and is no edit.
//!
//! In come typed rows and where the file has formulas; the cells there become [`Cell::Formula`] and are not complained of. A
//! column of the key keeps its values: by them the row's record is found. Keys that count themselves move when a row is inserted; a save
//! in which that happens is held.

use std::collections::HashMap;

use crate::codec::sheet::FormulaRun;
use crate::extract::{CellProblem, Columns};
use crate::model::{Cell, FieldId, Row, Table};

/// Whether a column of the key holds formulas.
pub(super) fn are_in_key(columns: &Columns, table: &Table, runs: &[FormulaRun]) -> bool {
    let is_of_key =
        |column: u32| columns.mapped.iter().any(|(field, at)| *at == column && table.primary_key.contains(field));
    runs.iter().any(|run| is_of_key(run.column))
}

/// Marks the cells that hold formulas.
pub(super) fn mark(
    rows: &mut [Row],
    problems: &mut Vec<CellProblem>,
    columns: &Columns,
    table: &Table,
    runs: &[FormulaRun],
) {
    let formulas = Formulas::of(columns, table, runs);
    if formulas.0.is_empty() {
        return;
    }
    for row in rows {
        for (field, cell) in &mut row.cells {
            if formulas.has(row.number, *field) {
                *cell = match std::mem::replace(cell, Cell::Blank) {
                    Cell::Value(result) => Cell::Formula(Some(Box::new(result))),
                    _ => Cell::Formula(None),
                };
            }
        }
    }
    problems.retain(|problem| problem.field.is_none_or(|field| !formulas.has(problem.row, field)));
}

/// The rows of each field's formulas, as first and last row, ascending.
struct Formulas(HashMap<FieldId, Vec<(u32, u32)>>);

impl Formulas {
    fn of(columns: &Columns, table: &Table, runs: &[FormulaRun]) -> Self {
        let fields: HashMap<u32, FieldId> = columns
            .mapped
            .iter()
            .filter(|(field, _)| !table.primary_key.contains(field))
            .map(|(field, column)| (*column, *field))
            .collect();
        let mut formulas: HashMap<FieldId, Vec<(u32, u32)>> = HashMap::new();
        for run in runs {
            if let Some(field) = fields.get(&run.column) {
                formulas.entry(*field).or_default().push((run.first, run.last));
            }
        }
        for rows in formulas.values_mut() {
            rows.sort_unstable();
        }
        Self(formulas)
    }

    fn has(&self, row: u32, field: FieldId) -> bool {
        self.0.get(&field).is_some_and(|runs| {
            let after = runs.partition_point(|(first, _)| *first <= row);
            after > 0 && runs[after - 1].1 >= row
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::sample::typed;
    use crate::model::schema::Title;
    use crate::model::{Code, Field, FieldType, Problem, RowHash, Value};

    #[test]
    fn results_are_marked_and_not_complained_of() {
        let text = |text: &str| Cell::Value(Value::Text(text.into()));
        let table = Table {
            name: "customers".into(),
            title: Title::default(),
            primary_key: vec![FieldId(0)],
            owner: None,
            department: None,
            fields: (0..3).map(|id| Field { id: FieldId(id), ..typed(FieldType::String) }).collect(),
        };
        let columns = Columns {
            mapped: vec![(FieldId(0), 0), (FieldId(1), 2), (FieldId(2), 1)],
            keyed: true,
            answer: None,
            unknown: Vec::new(),
        };
        let row = |number| Row {
            number,
            hash: RowHash::UNKNOWN,
            cells: vec![(FieldId(0), text("k")), (FieldId(1), text("a")), (FieldId(2), Cell::Raw("#N/A".into()))],
            key: None,
        };
        let mut rows = vec![row(2), row(3), row(4)];
        let problem = |row, field| CellProblem {
            row,
            field: Some(FieldId(field)),
            problem: Problem::new(Code("not-a-date"), "", "", ""),
        };
        let mut problems = vec![problem(2, 2), problem(3, 2), problem(4, 2)];
        let run = |column, first, last| FormulaRun { column, first, last };
        let runs = [run(0, 2, 4), run(1, 3, 3), run(2, 4, 9), run(2, 2, 2), run(7, 1, 9)];
        mark(&mut rows, &mut problems, &columns, &table, &runs);
        let formula = |result: Option<&str>| Cell::Formula(result.map(|text| Box::new(Value::Text(text.into()))));
        let cells: Vec<Vec<Cell>> =
            rows.into_iter().map(|row| row.cells.into_iter().map(|(_, cell)| cell).collect()).collect();
        let raw = Cell::Raw("#N/A".into());
        assert_eq!(cells[0], [text("k"), formula(Some("a")), raw.clone()]);
        assert_eq!(cells[1], [text("k"), text("a"), formula(None)]);
        assert_eq!(cells[2], [text("k"), formula(Some("a")), raw]);
        assert_eq!(problems.iter().map(|problem| problem.row).collect::<Vec<_>>(), [2, 4]);
    }
}
