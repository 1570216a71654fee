//! The one way in and out: which cells a plugin sees, and what of its answer is believed.
//!
//! In: the columns that the office lists in `reads`, then those of `writes` that are not among them; of the latter a plugin is sent the name and never
//! the content. All other fields of a row are not sent at all. Out: positions, types and constraints of all that it says are checked.
//! One wrong item makes the whole answer wrong: what a plugin meant by the rest is not guessed. Texts for people are cleaned and cut.
//!
//! What is wrong is said in words of Daybook's own, without any number that the plugin chose: it goes into the log, and a telephone number fits into a
//! position.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use unicode_normalization::{UnicodeNormalization, is_nfc};

use super::fault::Fault;
use super::limits::{
    ANSWERS_PER_ROW_MAX, CODE_BYTES_MAX, CODE_DIGITS_MAX, MESSAGE_CHARS_MAX, READINGS_MAX, READINGS_PER_LINE_MAX,
    VALUE_CHARS_MAX,
};
use super::wire::{mail, merge, types};
use super::words;
use crate::model::compare::trimmed;
use crate::model::plugin::{
    Dispute, Issue, PluginChange, PluginReading, PluginRow, PluginSetup, PluginVerdict, Resolution, Severity,
};
use crate::model::{Cell, Code, Field, FieldId, FieldType, Table, Value};

/// What codes of Daybook's own begin with.
const RESERVED: &str = "plugin-";

/// Reads a text as a value of a field and checks the field's constraints, as for a cell that a person typed.
///
/// It stands in `extract`, which the host does not name; whoever makes the host hands it in.
pub type ReadValue = Arc<dyn Fn(&str, &Field) -> Result<Cell, Code> + Send + Sync>;

/// The columns of a plugin, and what it may do with each.
pub(super) struct Gate<'a> {
    table: &'a Table,
    columns: Vec<&'a Field>,
    /// So many columns from the first are shown with their content.
    shown: usize,
    /// By a field's number: its column among those that are shown.
    places: Vec<Option<u16>>,
    writes: &'a [FieldId],
    read_value: &'a ReadValue,
    wire: Vec<types::Column<'a>>,
}

/// Cells on their way to a plugin, row by row.
pub(super) struct Cells<'a> {
    texts: Vec<Option<Cow<'a, str>>>,
    columns: usize,
}

impl<'a> Gate<'a> {
    /// Makes the gate; the error names what the table does not have.
    pub(super) fn new(setup: &'a PluginSetup, table: &'a Table, read_value: &'a ReadValue) -> Result<Self, Fault> {
        let added = setup.writes.iter().filter(|field| !setup.reads.contains(field));
        let columns: Option<Vec<&Field>> = setup.reads.iter().chain(added).map(|field| table.field(*field)).collect();
        let columns = columns.filter(|_| setup.table == table.name);
        let columns = columns.ok_or_else(|| Fault::NotStarted("its fields are not in this table".to_owned()))?;
        let wire = columns
            .iter()
            .map(|field| types::Column {
                name: field.name.as_str(),
                kind: kind(field.field_type),
                required: field.constraints.required,
            })
            .collect();
        let mut places = Vec::new();
        for (index, field) in (0..).zip(&setup.reads) {
            let number = usize::from(field.0);
            if places.len() <= number {
                places.resize(number + 1, None);
            }
            places[number] = Some(index);
        }
        Ok(Self { table, columns, shown: setup.reads.len(), places, writes: &setup.writes, read_value, wire })
    }

    /// The schema that is sent with each batch.
    pub(super) fn schema(&self) -> types::Schema<'_> {
        types::Schema { table: self.table.name.as_str(), columns: &self.wire }
    }

    /// The cells that the plugin may see.
    pub(super) fn cells<'r>(&self, rows: impl ExactSizeIterator<Item = &'r PluginRow>) -> Cells<'r> {
        let columns = self.columns.len();
        let mut texts = Vec::new();
        texts.resize_with(rows.len() * columns, || None);
        for (row, texts) in rows.zip(texts.chunks_exact_mut(columns.max(1))) {
            for (id, cell) in &row.cells {
                // Only columns that are shown have a place here.
                let Some(Some(index)) = self.places.get(usize::from(id.0)) else { continue };
                let index = usize::from(*index);
                texts[index] = shown(cell, self.columns[index]);
            }
        }
        Cells { texts, columns }
    }

    /// Checks issues. `rows` is how many were sent.
    pub(super) fn issues(&self, answer: Vec<types::Issue>, rows: usize) -> Result<Vec<Issue>, Fault> {
        few(answer.len(), rows * ANSWERS_PER_ROW_MAX)?;
        let mut issues = Vec::with_capacity(answer.len());
        for issue in answer {
            let row = position(issue.row, rows, "row")?;
            let field = issue.column.map(|column| self.column(column).map(|field| field.id)).transpose()?;
            if !is_code(&issue.code) {
                return Err(bad(format!(
                    "an issue's code is not one: small letters, `-`, at most {CODE_DIGITS_MAX} digits, and no `{RESERVED}` at its beginning"
                )));
            }
            let message = words::line(&issue.message, MESSAGE_CHARS_MAX);
            if message.is_empty() {
                return Err(bad("an issue has no message".to_owned()));
            }
            let severity = match issue.severity {
                types::Severity::Info => Severity::Info,
                types::Severity::Warning => Severity::Warning,
                types::Severity::Error => Severity::Error,
            };
            issues.push(Issue { row, field, severity, code: issue.code.into(), message });
        }
        issues.sort_by_key(|issue| issue.row);
        Ok(issues)
    }

    /// Checks changes: of columns in `writes` only, and at most one for each cell.
    pub(super) fn changes(&self, answer: Vec<types::Change>, rows: usize) -> Result<Vec<PluginChange>, Fault> {
        few(answer.len(), rows * self.columns.len())?;
        let mut seen = HashSet::with_capacity(answer.len());
        let mut changes = Vec::with_capacity(answer.len());
        for change in answer {
            let row = position(change.row, rows, "row")?;
            let field = self.column(change.column)?;
            if !self.writes.contains(&field.id) {
                return Err(bad(format!("it sets `{}`, which is not in its `writes`", field.name)));
            }
            if !seen.insert((row, field.id)) {
                return Err(bad(format!("it sets `{}` twice in one row", field.name)));
            }
            let value = self.value(field, change.value)?;
            let reason = words::line(&change.reason, MESSAGE_CHARS_MAX);
            changes.push(PluginChange { row, field: field.id, value, reason });
        }
        changes.sort_by_key(|change| change.row);
        Ok(changes)
    }

    /// Checks labels, and makes the most certain of each row a change of the first field in `writes`.
    pub(super) fn labels(&self, answer: Vec<types::Label>, rows: usize) -> Result<Vec<PluginChange>, Fault> {
        few(answer.len(), rows * ANSWERS_PER_ROW_MAX)?;
        let target = self.writes.first().and_then(|field| self.table.field(*field));
        let field = target.ok_or_else(|| Fault::NotStarted("it classifies, and its `writes` is empty".to_owned()))?;
        let mut best: Vec<Option<(f32, Option<Value>)>> = vec![None; rows];
        for label in answer {
            let row = position(label.row, rows, "row")?;
            if !(0.0..=1.0).contains(&label.confidence) {
                return Err(bad("it gives a confidence that is not from 0 to 1".to_owned()));
            }
            let value = self.value(field, Some(label.name))?;
            if value.is_none() {
                return Err(bad("a label has no name".to_owned()));
            }
            let place = &mut best[row];
            if place.as_ref().is_none_or(|(confidence, _)| label.confidence > *confidence) {
                *place = Some((label.confidence, value));
            }
        }
        let change = |(row, best): (usize, Option<(f32, Option<Value>)>)| {
            let (confidence, value) = best?;
            // One digit after the comma is as certain as anybody needs.
            let reason = format!("{:.1} %", f64::from(confidence) * 100.0);
            Some(PluginChange { row, field: field.id, value, reason })
        };
        Ok(best.into_iter().enumerate().filter_map(change).collect())
    }

    /// Disputes on their way to a plugin: its own columns only. Gives the texts, whose owner the caller is.
    pub(super) fn dispute<'d>(&self, dispute: &'d Dispute) -> Result<Disputed<'d>, Fault> {
        let place = self.columns.iter().position(|field| field.id == dispute.field);
        let column = place.filter(|column| *column < self.shown && self.writes.contains(&dispute.field));
        let column = column.ok_or_else(|| {
            let name = self.table.field(dispute.field).map_or("?", |field| field.name.as_str());
            Fault::NotStarted(format!("`{name}` is disputed, and not in both its `reads` and its `writes`"))
        })?;
        let text = |value: &'d Option<Value>| value.as_ref().map(wire_text);
        Ok(Disputed {
            column: u32::try_from(column).unwrap_or(u32::MAX),
            base: text(&dispute.base),
            stored: text(&dispute.stored),
            incoming: text(&dispute.incoming),
        })
    }

    /// Checks resolutions. `disputes` are those that were sent; positions in the answer mean them.
    pub(super) fn resolutions(
        &self,
        answer: Vec<merge::Resolution>,
        disputes: &[&Dispute],
    ) -> Result<Vec<Resolution>, Fault> {
        few(answer.len(), disputes.len())?;
        let mut seen = HashSet::with_capacity(answer.len());
        let mut resolutions = Vec::with_capacity(answer.len());
        for resolution in answer {
            let index = position(resolution.dispute, disputes.len(), "dispute")?;
            if !seen.insert(index) {
                return Err(bad("it resolves one dispute twice".to_owned()));
            }
            let field = disputes.get(index).and_then(|dispute| self.table.field(dispute.field));
            let field = field.ok_or_else(|| bad("it resolves what was not disputed".to_owned()))?;
            let verdict = match resolution.verdict {
                merge::Verdict::Stored => PluginVerdict::Stored,
                merge::Verdict::Incoming => PluginVerdict::Incoming,
                merge::Verdict::Value(value) => PluginVerdict::Value(self.value(field, value)?),
                merge::Verdict::Ask => PluginVerdict::Ask,
            };
            let reason = words::line(&resolution.reason, MESSAGE_CHARS_MAX);
            resolutions.push(Resolution { dispute: index, verdict, reason });
        }
        Ok(resolutions)
    }

    /// Checks what a plugin has read in a mail of so many lines: cells of columns in `writes`, and those that say which record it is.
    pub(super) fn readings(&self, answer: Vec<mail::Reading>, lines: usize) -> Result<Vec<PluginReading>, Fault> {
        few(answer.len(), lines.saturating_mul(READINGS_PER_LINE_MAX).min(READINGS_MAX))?;
        let mut readings = Vec::with_capacity(answer.len());
        for reading in answer {
            // Lines are counted from 1.
            let line = reading.line.checked_sub(1).and_then(|line| inside(line, lines));
            let line =
                line.ok_or_else(|| bad(format!("it names a line that was not sent: there are {lines}, from 1")))?;
            if reading.cells.len() != self.columns.len() {
                let columns = self.columns.len();
                return Err(bad(format!(
                    "a row that it read has another number of cells than there are columns ({columns})"
                )));
            }
            let mut cells = Vec::new();
            for (field, cell) in self.columns.iter().zip(reading.cells) {
                let Some(text) = cell else { continue };
                if !self.writes.contains(&field.id) && !self.table.primary_key.contains(&field.id) {
                    return Err(bad(format!("it sets `{}`, which is not in its `writes`", field.name)));
                }
                // An empty text says nothing, as in a mail.
                if !trimmed(&text).is_empty() {
                    cells.extend(self.value(field, Some(text))?.map(|value| (field.id, value)));
                }
            }
            cells.sort_by_key(|(field, _)| *field);
            readings.push(PluginReading { line, cells });
        }
        Ok(readings)
    }

    fn column(&self, column: u32) -> Result<&'a Field, Fault> {
        let there = self.columns.len();
        let column = inside(column, there).map(|column| self.columns[column]);
        column.ok_or_else(|| bad(format!("it names a column that is not there: there are {there}, from 0")))
    }

    /// Reads what a cell should hold, as a value of its field.
    fn value(&self, field: &Field, given: Option<String>) -> Result<Option<Value>, Fault> {
        let text = given.map(|text| words::cell(trimmed(&text)).nfc().collect::<String>());
        let text = text.as_deref().map(trimmed).filter(|text| !text.is_empty());
        let Some(text) = text else {
            if field.constraints.required || self.table.primary_key.contains(&field.id) {
                return Err(bad(format!("it empties `{}`, which each record must have", field.name)));
            }
            return Ok(None);
        };
        if text.chars().nth(VALUE_CHARS_MAX).is_some() {
            return Err(bad(format!("its value for `{}` is longer than a cell can hold", field.name)));
        }
        if !has_form(text, field.field_type) {
            return Err(bad(format!("its value for `{}` has not the form of {}", field.name, form(field.field_type))));
        }
        // The value itself is in no message: the field may be one that the reader of the log must not see.
        match (self.read_value)(text, field) {
            Ok(Cell::Value(value)) => Ok(Some(value)),
            Ok(_) => Err(bad(format!("its value for `{}` is none", field.name))),
            Err(code) => Err(bad(format!("its value for `{}` was refused ({})", field.name, code.0))),
        }
    }
}

impl Cells<'_> {
    /// The cells as borrowed texts, all rows one after the other.
    pub(super) fn borrowed(&self) -> Vec<Option<&str>> {
        self.texts.iter().map(Option::as_deref).collect()
    }

    /// The rows over [`Cells::borrowed`].
    pub(super) fn rows<'b>(&self, borrowed: &'b [Option<&'b str>]) -> Vec<types::Row<'b>> {
        let rows = borrowed.chunks_exact(self.columns.max(1));
        (0..).zip(rows).map(|(id, cells)| types::Row { id, cells }).collect()
    }
}

/// A disputed cell on its way to a plugin.
pub(super) struct Disputed<'d> {
    column: u32,
    base: Option<Cow<'d, str>>,
    stored: Option<Cow<'d, str>>,
    incoming: Option<Cow<'d, str>>,
}

impl Disputed<'_> {
    /// The same as the contract has it; `row` is the position in the batch.
    pub(super) fn wire(&self, row: usize) -> merge::Dispute<'_> {
        merge::Dispute {
            row: u32::try_from(row).unwrap_or(u32::MAX),
            column: self.column,
            base: self.base.as_deref(),
            stored: self.stored.as_deref(),
            incoming: self.incoming.as_deref(),
        }
    }
}

/// What a plugin is shown of a cell.
///
/// Never a mask. A text that could not be read as its field is shown where the column holds text, so that a normaliser can mend it.
fn shown<'r>(cell: &'r Cell, field: &Field) -> Option<Cow<'r, str>> {
    match cell {
        Cell::Value(value) => Some(wire_text(value)),
        Cell::Formula(result) => result.as_deref().map(wire_text),
        Cell::Raw(text) if field.field_type == FieldType::String => {
            let text = trimmed(text);
            (!text.is_empty()).then(|| composed(text))
        }
        Cell::Blank | Cell::Raw(_) | Cell::Masked(_) => None,
    }
}

fn wire_text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Text(text) => composed(text),
        Value::List(_) => Cow::Owned(value.to_string().nfc().collect()),
        Value::Boolean(true) => Cow::Borrowed("true"),
        Value::Boolean(false) => Cow::Borrowed("false"),
        other => Cow::Owned(other.to_string()),
    }
}

fn composed(text: &str) -> Cow<'_, str> {
    // What stands below U+0300, and the ordinary Chinese characters, are in this form whatever stands beside them (Unicode 16, `NFC_QC`).
    let is_plain = |char: char| char < '\u{300}' || ('\u{4e00}'..='\u{9fff}').contains(&char);
    if text.is_ascii() || text.chars().all(is_plain) || is_nfc(text) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.nfc().collect())
    }
}

fn kind(field_type: FieldType) -> types::Kind {
    match field_type {
        FieldType::String | FieldType::DateTime | FieldType::List => types::Kind::Text,
        FieldType::Integer => types::Kind::Integer,
        FieldType::Number => types::Kind::Decimal,
        FieldType::Boolean => types::Kind::Flag,
        FieldType::Date => types::Kind::Date,
    }
}

/// Whether a text has the one form that the contract asks for. What people write otherwise is not for programs.
fn has_form(text: &str, field_type: FieldType) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let date = |text: &str| {
        let mut parts = text.split('-');
        let lengths = [4, 2, 2];
        lengths.iter().all(|length| parts.next().is_some_and(|part| part.len() == *length && digits(part)))
            && parts.next().is_none()
    };
    match field_type {
        FieldType::String | FieldType::List => true,
        FieldType::Integer => digits(unsigned),
        FieldType::Number => {
            let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
            digits(whole) && digits(fraction)
        }
        FieldType::Boolean => matches!(text, "true" | "false"),
        FieldType::Date => date(text),
        FieldType::DateTime => text.split_once('T').is_some_and(|(day, time)| {
            let mut parts = time.split(':');
            let two = |part: Option<&str>| part.is_some_and(|part| part.len() == 2 && digits(part));
            date(day) && two(parts.next()) && two(parts.next()) && two(parts.next()) && parts.next().is_none()
        }),
    }
}

fn form(field_type: FieldType) -> &'static str {
    match field_type {
        FieldType::String | FieldType::List => "a text",
        FieldType::Integer => "a whole number like `-12`",
        FieldType::Number => "a number like `1234.50`",
        FieldType::Boolean => "`true` or `false`",
        FieldType::Date => "a date like `2026-03-01`",
        FieldType::DateTime => "a time like `2026-03-01T08:30:00`",
    }
}

fn position(given: u32, count: usize, what: &str) -> Result<usize, Fault> {
    inside(given, count).ok_or_else(|| bad(format!("it names a {what} that was not sent: there are {count}, from 0")))
}

fn inside(given: u32, count: usize) -> Option<usize> {
    usize::try_from(given).ok().filter(|index| *index < count)
}

fn few(count: usize, most: usize) -> Result<(), Fault> {
    if count > most { Err(bad(format!("it has more items than the {most} that it may have"))) } else { Ok(()) }
}

/// Whether a text is a code. No telephone number and no amount fits into one. A word does: where a plugin's words are left out, its codes
/// are left out, too.
fn is_code(code: &str) -> bool {
    (1..=CODE_BYTES_MAX).contains(&code.len())
        && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && code.bytes().filter(u8::is_ascii_digit).count() <= CODE_DIGITS_MAX
        && !code.starts_with(RESERVED)
}

fn bad(what: String) -> Fault {
    Fault::BadAnswer(what)
}

#[cfg(test)]
mod tests;
