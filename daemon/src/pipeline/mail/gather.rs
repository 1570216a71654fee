//! All rows of a mail, put together: its own text's and those of its workbooks.
//!
//! A record is posted once. Of rows about the same record, those that agree are taken as one; if they say different things of a
//! field, none of them is taken. A row that says of no record which it is, is refused here.

use std::collections::HashMap;

use compact_str::CompactString;

use super::super::numbers::has_no_key;
use crate::extract::CellProblem;
use crate::identify;
use crate::model::{Cell, FieldId, Row, Table};

/// What is to be done with a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is posted.
    Post,
    /// Another row says it as well, and is posted with it.
    Repeated,
    /// It is not taken, for this reason: a problem's code.
    Refused(CompactString),
}

/// The rows of a mail, each with what is to be done with it.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) rows: Vec<Row>,
    pub(super) fates: Vec<Fate>,
    pub(super) problems: Vec<CellProblem>,
    /// Cells that are posted with another row than they stand in: by row and field, with that row.
    moved: HashMap<(u32, FieldId), u32>,
}

impl Gathered {
    /// The rows that are posted.
    pub(super) fn posted(&self) -> Vec<Row> {
        let rows = self.rows.iter().zip(&self.fates).filter(|(_, fate)| **fate == Fate::Post);
        rows.map(|(row, _)| row.clone()).collect()
    }

    /// The row with which a row's cell is posted.
    pub(super) fn row_of(&self, row: u32, field: FieldId) -> u32 {
        self.moved.get(&(row, field)).copied().unwrap_or(row)
    }
}

/// Puts the rows together.
pub(super) fn gather(table: &Table, mut rows: Vec<Row>, mut problems: Vec<CellProblem>) -> Gathered {
    let mut fates = vec![Fate::Post; rows.len()];
    let mut groups: HashMap<CompactString, Vec<usize>> = HashMap::new();
    let mut keyless: HashMap<Vec<(FieldId, Cell)>, usize> = HashMap::new();
    for (at, row) in rows.iter().enumerate() {
        match &row.key {
            Some(key) => groups.entry(identify::joined(key)).or_default().push(at),
            None if is_numbered(table, row) => {
                if keyless.insert(row.cells.clone(), at).is_some() {
                    fates[at] = Fate::Repeated;
                }
            }
            None => fates[at] = Fate::Refused(why_no_key(table, row, &problems)),
        }
    }
    let mut moved: HashMap<(u32, FieldId), u32> = HashMap::new();
    for group in groups.into_values().filter(|group| group.len() > 1) {
        if is_contradictory(table, &rows, &group) {
            for at in group {
                fates[at] = Fate::Refused(CompactString::const_new("said-twice"));
            }
            continue;
        }
        // The row that says most stands for the others; of equal ones the first.
        let main = group.iter().copied().rev().max_by_key(|at| rows[*at].cells.len()).unwrap_or(group[0]);
        for at in group.into_iter().filter(|at| *at != main) {
            fates[at] = Fate::Repeated;
            let more: Vec<(FieldId, Cell)> =
                rows[at].cells.iter().filter(|(id, _)| rows[main].cell(*id).is_none()).cloned().collect();
            moved.extend(more.iter().map(|(id, _)| ((rows[at].number, *id), rows[main].number)));
            rows[main].cells.extend(more);
            rows[main].cells.sort_by_key(|(id, _)| *id);
        }
    }
    for problem in &mut problems {
        let to = problem.field.and_then(|field| moved.get(&(problem.row, field)));
        problem.row = to.copied().unwrap_or(problem.row);
    }
    Gathered { rows, fates, problems, moved }
}

/// Whether a row is a new record that Daybook numbers: all else of its key is there.
fn is_numbered(table: &Table, row: &Row) -> bool {
    let is_there = |id: &FieldId| {
        row.cell(*id).is_some_and(|cell| cell.value().is_some())
            || table.field(*id).is_some_and(|field| field.generate.is_some())
    };
    has_no_key(table, row) && table.primary_key.iter().all(is_there) && says_something(table, &row.cells)
}

fn why_no_key(table: &Table, row: &Row, problems: &[CellProblem]) -> CompactString {
    let is_of_key = |problem: &&CellProblem| {
        problem.row == row.number && problem.field.is_some_and(|field| table.primary_key.contains(&field))
    };
    let first = problems.iter().find(is_of_key);
    first.map_or(CompactString::const_new("no-key"), |problem| problem.problem.code.as_str().into())
}

/// Whether two of the rows say different things of a field.
fn is_contradictory(table: &Table, rows: &[Row], group: &[usize]) -> bool {
    let mut said: HashMap<FieldId, &Cell> = HashMap::new();
    group.iter().flat_map(|at| &rows[*at].cells).any(|(id, cell)| {
        let Some(field) = table.field(*id).filter(|field| !table.primary_key.contains(&field.id)) else { return false };
        said.insert(*id, cell).is_some_and(|before| !field.says_same(before, cell))
    })
}

/// Whether a row says something beside which record it is about.
pub(super) fn says_something(table: &Table, cells: &[(FieldId, Cell)]) -> bool {
    cells.iter().any(|(id, _)| !table.primary_key.contains(id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::sample::{field, table};
    use crate::model::problem::Code;
    use crate::model::schema::Generator;
    use crate::model::{FieldType, Problem, RowHash, Value};

    fn customers() -> Table {
        table(vec![
            field(0, "customer_id", FieldType::String, &["客户编号"]),
            field(1, "phone", FieldType::String, &["电话"]),
            field(2, "stage", FieldType::String, &["阶段"]),
        ])
    }

    /// Rows as `key|phone|stage`; what is empty is not said.
    fn check(table: &Table, lines: &[&str], expected: &[&str]) {
        let rows = (1..).zip(lines).map(|(number, line)| {
            let text = |text: &str| Cell::Value(Value::Text(text.into()));
            let cells = (0..).map(FieldId).zip(line.split('|')).filter(|(_, written)| !written.is_empty());
            let cells: Vec<(FieldId, Cell)> = cells.map(|(id, written)| (id, text(written))).collect();
            Row { number, hash: RowHash::UNKNOWN, key: table.key_of(&cells), cells }
        });
        let gathered = gather(table, rows.collect(), Vec::new());
        let shown = gathered.rows.iter().zip(&gathered.fates).map(|(row, fate)| match fate {
            Fate::Post => row.cells.iter().map(|(_, cell)| cell.to_string()).collect::<Vec<_>>().join("|"),
            Fate::Repeated => "=".to_owned(),
            Fate::Refused(code) => format!("!{code}"),
        });
        assert_eq!(shown.collect::<Vec<_>>(), expected, "{lines:?}");
    }

    #[test]
    fn rows_about_one_record_are_one_or_none() {
        let table = customers();
        check(&table, &["C-1|1|a", "C-2|1|a"], &["C-1|1|a", "C-2|1|a"]);
        check(&table, &["C-1|1|a", "c-1|1|a"], &["C-1|1|a", "="]);
        check(&table, &["C-1|1|", "C-1||a"], &["C-1|1|a", "="]);
        check(&table, &["C-1|1|", "C-1|1|a"], &["=", "C-1|1|a"]);
        check(&table, &["C-1|1|a", "C-2|1|a", "C-1|2|a"], &["!said-twice", "C-2|1|a", "!said-twice"]);
        check(&table, &["|1|a"], &["!no-key"]);
    }

    #[test]
    fn rows_that_are_numbered_are_told_apart_by_all_they_say() {
        let mut table = customers();
        table.fields[0].generate = Some(Generator { prefix: "C-".into(), width: 6, suffix: String::new() });
        check(&table, &["|1|a", "|2|a", "|1|a"], &["1|a", "2|a", "="]);
    }

    #[test]
    fn a_cell_that_can_t_be_read_goes_with_its_row() {
        let table = customers();
        let key = || (FieldId(0), Cell::Value(Value::Text("C-1".into())));
        let row = |number, cells: Vec<(FieldId, Cell)>| Row {
            number,
            hash: RowHash::UNKNOWN,
            key: table.key_of(&cells),
            cells,
        };
        let rows = vec![
            row(1, vec![key(), (FieldId(1), Cell::Value(Value::Text("1".into())))]),
            row(2, vec![key(), (FieldId(2), Cell::Raw("?".into()))]),
        ];
        let problem = CellProblem { row: 2, field: Some(FieldId(2)), problem: Problem::new(Code("x"), "", "", "") };
        let gathered = gather(&table, rows, vec![problem]);
        assert_eq!((gathered.rows[0].cells.len(), gathered.problems[0].row), (3, 1));
    }
}
