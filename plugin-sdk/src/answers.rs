//! What a rule says: of rows, of cells, of disputes and of mails.

use crate::bindings::base::daybook::plugin::types;
use crate::bindings::mail::exports::daybook::plugin::mail as mail_wire;
use crate::bindings::merge::exports::daybook::plugin::merge as merge_wire;
use crate::{Column, Row};

pub use crate::bindings::base::daybook::plugin::types::Severity;

/// What is wrong with rows, as a validator tells it.
#[derive(Debug, Default)]
pub struct Issues {
    pub(crate) row: u32,
    pub(crate) told: Vec<types::Issue>,
}

impl Issues {
    /// The row is held until its author corrects it or a person decides.
    ///
    /// `code` says which rule, for programs, and never changes: lower case with hyphens, like `check-digit`; at most 64 bytes and 3 digits,
    /// and not beginning with `plugin-`. With any other code the whole answer is refused. `message` says what is wrong and what to
    /// do, for office people; what is longer than 300 characters is cut. The cell is named beside it, so the message need not.
    pub fn error(&mut self, column: Column, code: &str, message: impl Into<String>) {
        self.tell(Some(column), Severity::Error, code, message);
    }

    /// The row is taken, and its author and the steward are told.
    pub fn warning(&mut self, column: Column, code: &str, message: impl Into<String>) {
        self.tell(Some(column), Severity::Warning, code, message);
    }

    /// The row is taken, and its author is told.
    pub fn info(&mut self, column: Column, code: &str, message: impl Into<String>) {
        self.tell(Some(column), Severity::Info, code, message);
    }

    /// Any of these; without a column it is of the row as a whole.
    pub fn tell(&mut self, column: Option<Column>, severity: Severity, code: &str, message: impl Into<String>) {
        self.told.push(types::Issue {
            row: self.row,
            column: column.map(Column::position),
            severity,
            code: code.to_owned(),
            message: message.into(),
        });
    }
}

/// The cells that should be different, as a normaliser tells it.
#[derive(Debug)]
pub struct Changes<'r> {
    pub(crate) row: Row<'r>,
    pub(crate) told: Vec<types::Change>,
}

impl Changes<'_> {
    /// The cell should hold this. Nothing is told if it does already. `reason` is for office people.
    ///
    /// A second change of the cell takes the first one's place.
    pub fn set(&mut self, column: Column, value: impl Into<String>, reason: impl Into<String>) {
        self.change(column, Some(value.into()), reason.into());
    }

    /// The cell should be empty.
    pub fn clear(&mut self, column: Column, reason: impl Into<String>) {
        self.change(column, None, reason.into());
    }

    fn change(&mut self, column: Column, value: Option<String>, reason: String) {
        let (row, at) = (self.row.position(), column.position());
        // This row's changes stand at the end.
        let back = self.told.iter().rev().take_while(|change| change.row == row).position(|change| change.column == at);
        if let Some(back) = back {
            self.told.remove(self.told.len() - 1 - back);
        }
        let value = value.filter(|value| !value.is_empty());
        if self.row.cell(column).text() != value.as_deref() {
            self.told.push(types::Change { row, column: at, value, reason });
        }
    }
}

/// The classes that rows belong to, as a classifier tells it.
#[derive(Debug, Default)]
pub struct Labels {
    pub(crate) row: u32,
    pub(crate) told: Vec<types::Label>,
}

impl Labels {
    /// The row belongs to this class, without doubt.
    pub fn add(&mut self, name: impl Into<String>) {
        self.add_with(name, 1.0);
    }

    /// The row belongs to this class with a confidence from 0 to 1. The most certain class counts, and of equally certain ones the first.
    pub fn add_with(&mut self, name: impl Into<String>, confidence: f32) {
        let confidence = if confidence.is_nan() { 0.0 } else { confidence.clamp(0.0, 1.0) };
        self.told.push(types::Label { row: self.row, name: name.into(), confidence });
    }
}

/// What becomes of a disputed cell, with the reason for office people.
#[derive(Clone, Debug)]
pub struct Verdict {
    pub(crate) verdict: merge_wire::Verdict,
    pub(crate) reason: String,
}

impl Verdict {
    /// What is stored stays.
    pub fn stored(reason: impl Into<String>) -> Self {
        Self { verdict: merge_wire::Verdict::Stored, reason: reason.into() }
    }

    /// What came in takes its place.
    pub fn incoming(reason: impl Into<String>) -> Self {
        Self { verdict: merge_wire::Verdict::Incoming, reason: reason.into() }
    }

    /// A value that is made of both takes its place.
    pub fn value(value: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { verdict: merge_wire::Verdict::Value(Some(value.into())), reason: reason.into() }
    }

    /// The cell becomes empty.
    pub fn empty(reason: impl Into<String>) -> Self {
        Self { verdict: merge_wire::Verdict::Value(None), reason: reason.into() }
    }

    /// A person decides.
    pub fn ask(reason: impl Into<String>) -> Self {
        Self { verdict: merge_wire::Verdict::Ask, reason: reason.into() }
    }
}

/// A mail whose sender is known.
#[derive(Clone, Copy, Debug)]
pub struct Mail<'m>(pub(crate) &'m mail_wire::Message);

impl<'m> Mail<'m> {
    /// The sender's address.
    pub fn sender(self) -> &'m str {
        &self.0.sender
    }

    /// The subject.
    pub fn subject(self) -> &'m str {
        &self.0.subject
    }

    /// When it was sent, like `2026-03-01T08:30:00+08:00`.
    pub fn sent_at(self) -> &'m str {
        &self.0.sent_at
    }

    /// What the sender wrote, without quotes, forwards and signature.
    pub fn text(self) -> &'m str {
        &self.0.text
    }

    /// The lines of the text with their numbers, from 1, without blanks at their ends.
    pub fn lines(self) -> impl Iterator<Item = (u32, &'m str)> {
        (1..).zip(self.0.text.lines().map(str::trim))
    }
}

/// The rows that a mail speaks of, as a reader of mails tells it.
#[derive(Debug)]
pub struct Readings {
    pub(crate) columns: usize,
    pub(crate) told: Vec<mail_wire::Reading>,
}

impl Readings {
    /// A row that stands in this line, with the cells that the mail speaks of.
    ///
    /// With more than four rows for each line of the mail on average, or more than 1,000, the whole answer is refused.
    pub fn add<V: Into<String>>(&mut self, line: u32, cells: impl IntoIterator<Item = (Column, V)>) {
        let mut row = vec![None; self.columns];
        for (column, value) in cells {
            if let Some(cell) = row.get_mut(column.index()) {
                *cell = Some(value.into());
            }
        }
        self.told.push(mail_wire::Reading { cells: row, line });
    }
}
