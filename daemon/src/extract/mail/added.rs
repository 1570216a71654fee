//! What others than Daybook itself have read in a mail's lines, put to what it says.
//!
//! It is treated as if the mail's author had written it as labels with values in that line: it is typed by the fields' rules, it joins the row of
//! the same key, and where it says something else than what Daybook has read, neither is taken.

use super::form::{Draft, DraftCell};
use super::labels::{Labels, Parsed};
use super::records::{self, Typed, TypedCell};
use super::{Class, MailReading, Spot, words};
use crate::model::{FieldId, Table};

/// A line of the author's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnLine {
    /// Its position in [`MailReading::lines`].
    pub at: usize,
    /// What stands there; empty if it is withheld.
    pub text: String,
}

/// A row that was read in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddedRow {
    /// The line's position in [`MailReading::lines`].
    pub at: usize,
    /// What it says of which field, as a person types it.
    pub cells: Vec<(FieldId, String)>,
}

/// The lines that a mail's author wrote as text herself: no quote, no signature, no command, nothing of a table or of another mail.
///
/// A line that is known to tell of a field that may not be seen, or of which that is not clear, is withheld.
pub fn own_lines(reading: &MailReading, table: &Table, may_see: impl Fn(FieldId) -> bool) -> Vec<OwnLine> {
    let labels = Labels::of(table);
    let sees_all = table.fields.iter().all(|field| may_see(field.id));
    let is_open = |spot: Spot, text: &str| {
        let mut of_rows = reading.rows.iter().flat_map(|row| &row.spots).filter(|(_, own)| *own == spot);
        let of_labels = tells_only(&labels, text, &may_see);
        sees_all || (of_labels && of_rows.all(|(field, _)| may_see(*field)))
    };
    let own = reading.lines.iter().enumerate().filter(|(_, line)| {
        let is_own = matches!(line.class, Class::Update | Class::Prose | Class::NotUnderstood(_));
        is_own && line.spot.table == 0 && !line.spot.forwarded
    });
    let own = own.map(|(at, line)| {
        let text = if is_open(line.spot, &line.text) { line.text.clone() } else { String::new() };
        OwnLine { at, text }
    });
    own.collect()
}

/// A mail's subject; empty if it is withheld, as a line is.
pub fn own_subject(subject: &str, table: &Table, may_see: impl Fn(FieldId) -> bool) -> String {
    let sees_all = table.fields.iter().all(|field| may_see(field.id));
    let is_open = sees_all || tells_only(&Labels::of(table), subject, &may_see);
    if is_open { subject.to_owned() } else { String::new() }
}

/// Whether the labels in a text are clear, and all of fields that may be seen.
fn tells_only(labels: &Labels, text: &str, may_see: &impl Fn(FieldId) -> bool) -> bool {
    match labels.parse(text) {
        Parsed::Labels(found) => found.iter().all(|one| may_see(one.field)),
        Parsed::Ambiguous(_) | Parsed::Unclear => false,
        Parsed::Unknown(..) | Parsed::Telling | Parsed::Text => true,
    }
}

/// Puts rows to a reading. Gives the fields and places of cells that the mail's rows have only by them.
pub fn add(reading: &mut MailReading, table: &Table, added: Vec<AddedRow>) -> Vec<(FieldId, Spot)> {
    if added.is_empty() {
        return Vec::new();
    }
    let labels = Labels::of(table);
    let before: Vec<(FieldId, Spot)> = reading.rows.iter().flat_map(|row| row.spots.clone()).collect();
    let mut spots = Vec::new();
    let mut records: Vec<Typed> = std::mem::take(&mut reading.rows)
        .into_iter()
        .map(|row| {
            let key = row.row.key.clone();
            let cells = row.row.cells.into_iter().zip(row.spots).map(|((field, cell), (_, spot))| {
                let own = |told: &&super::CellProblem| told.row == row.row.number && told.field == Some(field);
                TypedCell {
                    field,
                    cell,
                    spot,
                    lines: lines_at(reading, spot),
                    problem: reading.problems.iter().find(own).map(|told| told.problem.clone()),
                    is_contested: false,
                }
            });
            Typed { key, cells: cells.collect() }
        })
        .collect();
    // Those of cells were taken over, and a mail of which something is taken has something.
    reading.problems.retain(|told| told.row == 0 && told.problem.code != words::nothing_found().code);
    for AddedRow { at, cells } in added {
        let Some(line) = reading.lines.get_mut(at) else { continue };
        line.class = Class::Update;
        let spot = line.spot;
        spots.push(spot);
        let cell = |(field, typed)| DraftCell { field, typed, spot, lines: vec![at], refused: None };
        let draft = Draft { cells: cells.into_iter().map(cell).collect() };
        if let Some(typed) = records::typed(draft, &labels, &mut reading.lines) {
            records::merge(&mut records, typed, &labels, &mut reading.lines);
        }
    }
    for record in records {
        records::post(record, &labels, reading);
    }
    super::settle(reading);
    let all = reading.rows.iter().flat_map(|row| &row.spots);
    all.filter(|(field, spot)| spots.contains(spot) && !before.contains(&(*field, *spot))).copied().collect()
}

fn lines_at(reading: &MailReading, spot: Spot) -> Vec<usize> {
    reading.lines.iter().enumerate().filter(|(_, line)| line.spot == spot).map(|(at, _)| at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::sample::{field, table};
    use crate::model::FieldType;

    #[test]
    fn a_subject_that_tells_of_what_may_not_be_seen_is_withheld() {
        let table = table(vec![
            field(0, "customer_id", FieldType::String, &["客户编号"]),
            field(1, "phone", FieldType::String, &["电话"]),
        ]);
        for (subject, shown) in [("客户编号：C-1", true), ("电话：13800138000", false), ("客户更新", true), ("", true)]
        {
            let seen = |sees_phone| own_subject(subject, &table, |field| sees_phone || field != FieldId(1));
            assert_eq!(seen(false), if shown { subject } else { "" }, "{subject}");
            assert_eq!(seen(true), subject);
        }
    }
}
