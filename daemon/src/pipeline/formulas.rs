//! Formulas in synced columns: what they show is seen, and is no edit.
//!
//! In come typed rows and where the file has formulas; the cells there become [`Cell::Formula`] and are not complained of. A
//! column of the key keeps its values: by them the row's record is found. Keys that count themselves move when a row is inserted; a save
//! in which that happens is held.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use super::compose::Incoming;
use crate::codec::sheet::FormulaRun;
use crate::extract::{CellProblem, Columns};
use crate::model::problem::Code;
use crate::model::row::cell_of;
use crate::model::{Arrival, Cell, Field, FieldId, Problem, Row, Table};

/// A synced cell holds a formula.
const FORMULA: Code = Code("formula");
/// A formula in a synced cell was typed over.
const FORMULA_REPLACED: Code = Code("formula-replaced");

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

/// A row's cells, with the results of formulas in the place of those that nothing is known or stored of: the first that is
/// seen of such a cell is taken, so that the record is not without it.
pub(super) fn with_first_results<'a>(incoming: &Incoming<'a>) -> Cow<'a, [(FieldId, Cell)]> {
    let is_first = |field: FieldId| {
        incoming.stored.is_none_or(|stored| stored.cell(field).is_none())
            && incoming.base.is_none_or(|base| cell_of(base, field).is_none())
    };
    let has_first = |(field, cell): &(FieldId, Cell)| matches!(cell, Cell::Formula(Some(_))) && is_first(*field);
    if !incoming.cells.iter().any(has_first) {
        return Cow::Borrowed(incoming.cells);
    }
    let taken = |(field, cell): &(FieldId, Cell)| match cell {
        Cell::Formula(Some(result)) if is_first(*field) => (*field, Cell::Value((**result).clone())),
        other => (*field, other.clone()),
    };
    Cow::Owned(incoming.cells.iter().map(taken).collect())
}

/// What there is to tell of formulas in one arrival.
#[derive(Default)]
pub(super) struct FormulaNews {
    /// Fields in which formulas are new: the first place, and how many.
    new: BTreeMap<FieldId, (String, u32)>,
}

impl FormulaNews {
    /// Notes formulas that are new in a row; tells of those that were typed over.
    pub(super) fn note(&mut self, arrival: &Arrival, table: &Table, incoming: &Incoming<'_>) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (field, seen) in incoming.cells {
            let before = incoming.newest.and_then(|cells| cell_of(cells, *field));
            match (before, seen) {
                (Some(Cell::Formula(_)), Cell::Formula(_)) => {}
                (_, Cell::Formula(_)) => {
                    let place = arrival.place_of(incoming.row, *field);
                    self.new.entry(*field).or_insert_with(|| (place, 0)).1 += 1;
                }
                (Some(Cell::Formula(_)), _) => {
                    problems.push(typed_over(arrival.place_of(incoming.row, *field), table, *field));
                }
                _ => {}
            }
        }
        problems
    }

    /// Tells once a field where formulas are new.
    pub(super) fn told(self, table: &Table) -> Vec<Problem> {
        let tell = |(field, (place, count)): (FieldId, (String, u32))| {
            let title = table.field(field).map_or("", Field::title);
            let (cells, hold) = if count == 1 { ("1 cell", "holds") } else { (&*format!("{count} cells"), "hold") };
            let message = format!(
                "{place}: {cells} of `{title}` {hold} a formula. What a formula shows is taken where nothing was stored yet; when \
                 its result changes later, that is no edit."
            );
            let hint = "To have changes of these cells taken, type values instead of formulas.";
            Problem::new(FORMULA, place, message, hint)
        };
        self.new.into_iter().map(tell).collect()
    }
}

/// Tells that a formula was typed over: from now on what is typed there counts.
fn typed_over(place: String, table: &Table, field: FieldId) -> Problem {
    let title = table.field(field).map_or("", Field::title);
    let message = format!(
        "{place}: the formula in `{title}` was typed over. What stands there now is taken as typed, like in any other cell."
    );
    let hint = "If the formula was overwritten by accident, put it back (Ctrl-Z, or copy it from a neighbouring row).";
    Problem::new(FORMULA_REPLACED, place, message, hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::sample::typed;
    use crate::model::schema::Title;
    use crate::model::{FieldType, RowHash, Value};

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
