//! Drafts to rows: values are typed, records of the same key are put together, and what can't be taken is told.

use compact_str::CompactString;

use crate::codec::sheet::RawCell;
use crate::model::row::cell_of;
use crate::model::{Cell, Field, FieldId, Problem, Row, RowHash};

use super::super::{CellProblem, value};
use super::form::{Draft, DraftCell, Form};
use super::labels::{Labels, is_cleared, is_clearing_word, is_transition};
use super::{Class, Line, MailReading, MailRow, Spot, is_readable, words};

/// A record whose values are typed.
pub(super) struct Typed {
    pub(super) key: Option<Vec<CompactString>>,
    pub(super) cells: Vec<TypedCell>,
}

pub(super) struct TypedCell {
    pub(super) field: FieldId,
    pub(super) cell: Cell,
    pub(super) spot: Spot,
    pub(super) lines: Vec<usize>,
    pub(super) problem: Option<Problem>,
    /// Whether the mail gives another value, too: then neither is taken.
    pub(super) is_contested: bool,
}

/// Types all drafts of a mail's texts into the reading, and takes over the lines.
pub(super) fn finish(forms: Vec<Form>, labels: &Labels<'_>, reading: &mut MailReading) {
    let mut records: Vec<Typed> = Vec::new();
    for form in forms {
        let offset = reading.lines.len();
        reading.lines.extend(form.lines);
        reading.problems.extend(form.problems.into_iter().map(words::of_mail));
        for mut draft in form.drafts {
            for cell in &mut draft.cells {
                for line in &mut cell.lines {
                    *line += offset;
                    if let Some(line) = reading.lines.get_mut(*line) {
                        line.fields.push(cell.field);
                    }
                }
            }
            if let Some(typed) = typed(draft, labels, &mut reading.lines) {
                merge(&mut records, typed, labels, &mut reading.lines);
            }
        }
    }
    for record in records {
        post(record, labels, reading);
    }
}

/// Says of lines that they were not understood.
fn not_understood(lines: &mut [Line], at: &[usize], problem: &Problem) {
    for index in at {
        if let Some(line) = lines.get_mut(*index).filter(|line| line.class == Class::Update) {
            line.class = Class::NotUnderstood(problem.clone());
        }
    }
}

/// Types a draft. `None` if it is not said which record it is about; its lines are told then.
pub(super) fn typed(draft: Draft, labels: &Labels<'_>, lines: &mut [Line]) -> Option<Typed> {
    let all_lines: Vec<usize> = draft.cells.iter().flat_map(|cell| cell.lines.clone()).collect();
    let first = draft.cells.first().map(|cell| cell.spot)?;
    let is_announced = draft.is_announced;
    let mut cells: Vec<TypedCell> = Vec::new();
    for cell in draft.cells {
        let Some(field) = labels.table.field(cell.field) else { continue };
        if let Some(problem) = &cell.refused {
            not_understood(lines, &cell.lines, problem);
        } else if cell.typed.trim().is_empty() {
            not_understood(lines, &cell.lines, &words::nothing_said(cell.spot));
        } else if is_doubtful_clearing(&cell.typed, field) {
            not_understood(lines, &cell.lines, &words::clearing_word(cell.spot));
        } else if is_transition(&cell.typed) {
            not_understood(lines, &cell.lines, &words::transition(cell.spot));
        } else {
            add(&mut cells, typed_cell(cell, field, labels), field, lines);
        }
    }
    cells.sort_by_key(|cell| cell.field);
    for id in &labels.table.primary_key {
        let part = cells.iter().find(|cell| cell.field == *id);
        let problem = match part {
            Some(part) if part.cell.value().is_some() && !part.is_contested => continue,
            Some(part) => part.problem.clone().unwrap_or_else(|| words::no_key(part.spot, title(labels, *id))),
            None if may_be_new(&cells, labels) && is_announced => continue,
            None if may_be_new(&cells, labels) => words::not_announced(first, title(labels, *id)),
            None => words::no_key(first, title(labels, *id)),
        };
        not_understood(lines, &all_lines, &problem);
        return None;
    }
    let pairs: Vec<(FieldId, Cell)> = cells.iter().map(|cell| (cell.field, cell.cell.clone())).collect();
    Some(Typed { key: labels.table.key_of(&pairs), cells })
}

/// Whether a bare word for clearing may be what is to be done with the value; where it is an option of the field, it is that.
fn is_doubtful_clearing(typed: &str, field: &Field) -> bool {
    let is_option = field.constraints.allowed.iter().any(|option| option.as_str() == typed.trim());
    !is_option && !is_cleared(typed) && is_clearing_word(typed)
}

fn title<'a>(labels: &Labels<'a>, id: FieldId) -> &'a str {
    labels.table.field(id).map_or("", Field::title)
}

/// Whether a record without a key can only be a new one: Daybook numbers it, and all that a record needs is there. A
/// telephone number and an address alone are what a signature has.
fn may_be_new(cells: &[TypedCell], labels: &Labels<'_>) -> bool {
    let mut keys = labels.table.primary_key.iter().filter_map(|id| labels.table.field(*id));
    let required = |field: &&Field| field.constraints.required && !labels.is_key(field.id);
    let mut needed = labels.table.fields.iter().filter(required).peekable();
    let is_there = |field: &Field| {
        cells.iter().any(|cell| cell.field == field.id && cell.cell.value().is_some() && !cell.is_contested)
    };
    keys.all(|field| field.generate.is_some() || is_there(field)) && needed.peek().is_some() && needed.all(is_there)
}

fn typed_cell(cell: DraftCell, field: &Field, labels: &Labels<'_>) -> TypedCell {
    let DraftCell { field: id, typed, spot, lines, .. } = cell;
    let (cell, problem) = if is_cleared(&typed) {
        (Cell::Blank, None)
    } else {
        let raw = RawCell::Text(CompactString::from(typed.as_str()));
        match value::read(&raw, field, field.constraints.unique || labels.is_key(id)) {
            Ok(cell) => (cell, None),
            Err(error) => {
                let message =
                    format!("{spot}: {} The value was not taken over; the rest of the record was.", error.message);
                let problem = Problem::new(error.code, spot.to_string(), message, error.hint);
                (Cell::Raw(value::typed_text(&raw)), Some(problem))
            }
        }
    };
    TypedCell { field: id, cell, spot, lines, problem, is_contested: false }
}

/// Adds a cell to a record's. One that is there already has to say the same, or neither is taken.
fn add(cells: &mut Vec<TypedCell>, cell: TypedCell, field: &Field, lines: &mut [Line]) {
    let Some(before) = cells.iter_mut().find(|before| before.field == cell.field) else {
        cells.push(cell);
        return;
    };
    if !before.is_contested && field.says_same(&before.cell, &cell.cell) {
        before.lines.extend(cell.lines);
        return;
    }
    let problem = words::said_twice(cell.spot, field.title());
    not_understood(lines, &before.lines, &problem);
    not_understood(lines, &cell.lines, &problem);
    before.problem = Some(problem);
    before.is_contested = true;
}

/// Puts a record to the others: one of the same key takes it in.
pub(super) fn merge(records: &mut Vec<Typed>, record: Typed, labels: &Labels<'_>, lines: &mut [Line]) {
    let same = record.key.as_ref().and_then(|key| records.iter_mut().find(|other| other.key.as_ref() == Some(key)));
    let Some(other) = same else {
        records.push(record);
        return;
    };
    for cell in record.cells {
        let Some(field) = labels.table.field(cell.field) else { continue };
        if labels.is_key(cell.field) {
            if let Some(own) = other.cells.iter_mut().find(|own| own.field == cell.field) {
                own.lines.extend(cell.lines);
            }
        } else {
            let is_contested = cell.is_contested;
            add(&mut other.cells, cell, field, lines);
            if let Some(own) = other.cells.iter_mut().find(|own| own.field == field.id) {
                own.is_contested |= is_contested;
            }
        }
    }
    other.cells.sort_by_key(|cell| cell.field);
}

/// Makes a row of a record, with a problem for each value that can't be read.
pub(super) fn post(mut record: Typed, labels: &Labels<'_>, reading: &mut MailReading) {
    if let Some(key) = &record.key {
        let contested = record.cells.iter().filter(|cell| cell.is_contested);
        reading.contested.extend(contested.map(|cell| (key.clone(), cell.field)));
    }
    record.cells.retain(|cell| !cell.is_contested);
    if record.cells.iter().all(|cell| labels.is_key(cell.field)) {
        for cell in &record.cells {
            // What was said of it is told where it stands.
            let next = cell.lines.iter().max().and_then(|line| reading.lines.get(line + 1));
            if next.is_some_and(|next| matches!(next.class, Class::NotUnderstood(_))) {
                for line in &cell.lines {
                    reading.lines[*line].class = Class::Prose;
                }
            } else {
                not_understood(&mut reading.lines, &cell.lines, &words::key_alone(cell.spot));
            }
        }
        return;
    }
    let number = u32::try_from(reading.rows.len() + 1).unwrap_or(u32::MAX);
    let spots = record.cells.iter().map(|cell| (cell.field, cell.spot)).collect();
    for cell in &mut record.cells {
        if let Some(problem) = cell.problem.take() {
            reading.problems.push(CellProblem { row: number, field: Some(cell.field), problem });
        }
    }
    let cells: Vec<(FieldId, Cell)> = record.cells.into_iter().map(|cell| (cell.field, cell.cell)).collect();
    let key_is_readable = labels.table.primary_key.iter().all(|id| cell_of(&cells, *id).is_none_or(is_readable));
    let key = if key_is_readable { record.key } else { None };
    reading.rows.push(MailRow { row: Row { number, hash: RowHash::UNKNOWN, cells, key }, spots });
}
