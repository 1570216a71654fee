//! What others than Daybook itself have read in a mail's lines, put to what it says.
//!
//! It is treated as if the mail's author had written it as labels with values in that line: it is typed by the fields' rules, it joins the row of
//! the same key, and where it says something else than what Daybook has read, neither is taken.

use compact_str::CompactString;

use super::form::{Draft, DraftCell};
use super::labels::{Labels, Parsed};
use super::records::{self, Typed, TypedCell};
use super::{Class, Line, MailReading, Spot, words};
use crate::model::compare::folded;
use crate::model::{Field, FieldId, Table};

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

/// A cell of a mail's row, by its record and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddedCell {
    /// The row's key.
    pub key: Option<Vec<CompactString>>,
    /// The field.
    pub field: FieldId,
    /// Where it stands.
    pub spot: Spot,
}

/// The lines that a mail's author wrote as text herself: no quote, no signature, no command, nothing of a table or of another mail.
///
/// A line that is known to tell of a field that may not be seen, or to be a part of its value, or of which that is not clear, is withheld.
pub fn own_lines(reading: &MailReading, table: &Table, may_see: impl Fn(FieldId) -> bool) -> Vec<OwnLine> {
    let labels = Labels::of(table);
    let sees_all = table.fields.iter().all(|field| may_see(field.id));
    let is_open = |line: &Line| {
        // The rows say also what another plugin has read in the line.
        let mut fields = spots_at(reading, line.spot).chain(line.fields.iter().copied()).peekable();
        let is_known = line.class != Class::Update || fields.peek().is_some();
        sees_all || (is_known && fields.all(&may_see) && tells_only(&labels, &line.text, &may_see))
    };
    let own = reading.lines.iter().enumerate().filter(|(_, line)| {
        let is_read = matches!(line.class, Class::Update | Class::Prose | Class::NotUnderstood(_));
        line.is_own && is_read && line.spot.table == 0 && !line.spot.forwarded
    });
    let own = own.map(|(at, line)| OwnLine { at, text: if is_open(line) { line.text.clone() } else { String::new() } });
    own.collect()
}

/// A mail's subject; empty if it is withheld, as a line is.
pub fn own_subject(subject: &str, table: &Table, may_see: impl Fn(FieldId) -> bool) -> String {
    let sees_all = table.fields.iter().all(|field| may_see(field.id));
    let is_open = sees_all || tells_only(&Labels::of(table), subject, &may_see);
    if is_open { subject.to_owned() } else { String::new() }
}

/// The fields of rows that have a cell from this place.
fn spots_at(reading: &MailReading, spot: Spot) -> impl Iterator<Item = FieldId> {
    let all = reading.rows.iter().flat_map(|row| &row.spots);
    all.filter(move |(_, own)| *own == spot).map(|(field, _)| *field)
}

/// Whether the labels in a text are clear, and all of fields that may be seen; and no title of another field stands in it.
fn tells_only(labels: &Labels, text: &str, may_see: &impl Fn(FieldId) -> bool) -> bool {
    let said = folded(text);
    let mut hidden = labels.table.fields.iter().filter(|field| !may_see(field.id)).flat_map(|field| &field.headers);
    if hidden.any(|title| said.contains(folded(title).as_str())) {
        return false;
    }
    match labels.parse(text) {
        Parsed::Labels(found) => found.iter().all(|one| may_see(one.field)),
        Parsed::Ambiguous(_) | Parsed::Unclear => false,
        Parsed::Unknown(..) | Parsed::Telling | Parsed::Text => true,
    }
}

/// Puts rows to a reading. Gives the cells that the mail's rows have only by them.
///
/// A line that Daybook had not understood stays so: of the rest of it nothing was read.
pub fn add(reading: &mut MailReading, table: &Table, mut added: Vec<AddedRow>) -> Vec<AddedCell> {
    added.retain(|row| !row.cells.is_empty());
    if added.is_empty() {
        return Vec::new();
    }
    let labels = Labels::of(table);
    let before = cells_of(reading);
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
    let unread_forward = words::forward_not_read().code;
    let has_forwarded = reading.problems.iter().any(|told| told.problem.code == unread_forward);
    let nothing = [words::nothing_found().code, unread_forward];
    reading.problems.retain(|told| told.row == 0 && !nothing.contains(&told.problem.code));
    for AddedRow { at, cells } in added {
        let Some(line) = reading.lines.get_mut(at) else { continue };
        if line.class == Class::Prose {
            line.class = Class::Update;
        }
        let spot = line.spot;
        spots.push(spot);
        let cell = |(field, typed)| DraftCell { field, typed, spot, lines: vec![at], refused: None };
        let draft = Draft { cells: cells.into_iter().map(cell).collect(), is_announced: true };
        if let Some(mut typed) = records::typed(draft, &labels, &mut reading.lines) {
            leave_contested(&mut typed, at, &labels, reading);
            records::merge(&mut records, typed, &labels, &mut reading.lines);
        }
    }
    for record in records {
        records::post(record, &labels, reading);
    }
    super::settle(reading, has_forwarded);
    let mut now = cells_of(reading);
    now.retain(|cell| spots.contains(&cell.spot) && !before.contains(cell));
    now
}

/// Takes away what the mail has said differently before: a further word does not decide it.
fn leave_contested(typed: &mut Typed, at: usize, labels: &Labels<'_>, reading: &mut MailReading) {
    let Some(key) = typed.key.clone() else { return };
    let is_contested = |field: FieldId| reading.contested.iter().any(|(own, id)| *own == key && *id == field);
    let Some(first) = typed.cells.iter().find(|cell| is_contested(cell.field)) else { return };
    let title = labels.table.field(first.field).map_or("", Field::title);
    let problem = words::said_twice(first.spot, title);
    typed.cells.retain(|cell| !is_contested(cell.field));
    if let Some(line) = reading.lines.get_mut(at) {
        line.class = Class::NotUnderstood(problem);
    }
}

/// All cells of a reading's rows.
fn cells_of(reading: &MailReading) -> Vec<AddedCell> {
    let cells = reading.rows.iter().flat_map(|row| {
        row.spots.iter().map(|(field, spot)| AddedCell { key: row.row.key.clone(), field: *field, spot: *spot })
    });
    cells.collect()
}

fn lines_at(reading: &MailReading, spot: Spot) -> Vec<usize> {
    reading.lines.iter().enumerate().filter(|(_, line)| line.spot == spot).map(|(at, _)| at).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Mailbox, read, sample};
    use super::*;
    use crate::codec::mime::{self, MimeLimits};
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

    /// The lines of a mail's text as they are put to a plugin, which may not see the remark unless it is said.
    fn shown(body: &str, sees_remark: bool) -> Vec<String> {
        let table = sample::customers();
        let remark = table.field_named("remark").map(|field| field.id);
        let raw = format!("From: a@example.com\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{body}");
        let limits = MimeLimits::default();
        let mail = mime::read(raw.as_bytes(), &limits).expect("it is a mail");
        let mailbox = Mailbox { address: "capture@example.com", table: &table.name };
        let reading = read(&mail, &[sample::customers()], &mailbox, false, &limits).expect("it can be read");
        let lines = own_lines(&reading, &table, |field| sees_remark || Some(field) != remark);
        lines.into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn the_further_lines_of_a_value_that_may_not_be_seen_are_withheld() {
        let body = "客户编号：C-000001\n备注：\n底价八万\n不要外传\n电话：13800138000\n\n明天开会\n";
        assert_eq!(shown(body, false), ["客户编号：C-000001", "", "", "", "电话：13800138000", "明天开会"]);
        assert_eq!(shown(body, true), body.lines().filter(|line| !line.is_empty()).collect::<Vec<_>>());
    }

    #[test]
    fn they_are_withheld_also_where_the_value_was_not_taken() {
        for (body, expected) in [
            ("电话：13800138000\n备注：\n底价八万\n\n明天开会\n", vec!["电话：13800138000", "", "", "明天开会"]),
            ("客户编号：C-000001\n备注：见下\n底价八万\n\n明天开会\n", vec!["客户编号：C-000001", "", "", "明天开会"]),
            (
                "客户编号：C-000001\n备注：\n底价八万\n备注：\n底价九万\n\n明天开会\n",
                vec!["客户编号：C-000001", "", "", "", "", "明天开会"],
            ),
        ] {
            assert_eq!(shown(body, false), expected, "{body}");
        }
    }
}
