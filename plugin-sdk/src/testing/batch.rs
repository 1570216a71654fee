//! A batch as the contract sends it.

use super::fixture::Fixture;
use crate::bindings::base::daybook::plugin::types;
use crate::bindings::mail::exports::daybook::plugin::mail;
use crate::bindings::merge::exports::daybook::plugin::merge;
use crate::{Classifier, Failure, Normaliser, Validator, glue};

/// A batch of rows as the contract sends it: for a rule's measurements without WebAssembly.
#[derive(Clone, Debug)]
pub struct Batch {
    pub(super) schema: types::Schema,
    pub(super) context: types::Context,
    pub(super) rows: Vec<types::Row>,
    pub(super) disputes: Vec<merge::Dispute>,
    pub(super) message: Option<mail::Message>,
}

impl Batch {
    /// The batch of a fixture.
    pub fn of(fixture: &Fixture) -> Self {
        let columns = fixture.columns.iter().map(|column| types::Column {
            name: column.name.clone(),
            kind: kind(&column.kind),
            required: column.required,
        });
        let rows = (0..).zip(&fixture.rows).map(|(id, row)| types::Row { id, cells: cells(&row.cells) });
        let position =
            |name: &str| (0..).zip(&fixture.columns).find(|(_, own)| own.name == name).map_or(0, |(at, _)| at);
        let disputes = fixture.disputes.iter().map(|dispute| merge::Dispute {
            row: dispute.row,
            column: position(&dispute.column),
            base: cell(&dispute.base),
            stored: cell(&dispute.stored),
            incoming: cell(&dispute.incoming),
        });
        let message = fixture.mail.as_ref().map(|mail| mail::Message {
            sender: mail.sender.clone(),
            subject: mail.subject.clone(),
            sent_at: mail.sent_at.clone(),
            text: mail.text.clone(),
        });
        Self {
            schema: types::Schema { table: fixture.table.clone(), columns: columns.collect() },
            context: types::Context {
                as_of: fixture.as_of.clone(),
                locale: fixture.locale.clone(),
                settings_json: fixture.settings_json(),
                read_only: false,
            },
            rows: rows.collect(),
            disputes: disputes.collect(),
            message,
        }
    }

    /// The same columns and settings with other rows. An empty text is an empty cell.
    #[must_use]
    pub fn with_rows<'t>(mut self, rows: impl IntoIterator<Item = Vec<&'t str>>) -> Self {
        let rows = (0..).zip(rows).map(|(id, row)| types::Row { id, cells: cells(&row) });
        self.rows = rows.collect();
        self
    }

    /// How many rows it has.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// How many issues a validator tells.
    ///
    /// # Errors
    ///
    /// Why the rule could not be made.
    pub fn validate<P: Validator>(&self) -> Result<usize, Failure> {
        glue::validate::<P>(&self.schema, &self.context, &self.rows).map(|issues| issues.len())
    }

    /// How many changes a normaliser tells.
    ///
    /// # Errors
    ///
    /// Why the rule could not be made.
    pub fn normalise<P: Normaliser>(&self) -> Result<usize, Failure> {
        glue::normalise::<P>(&self.schema, &self.context, &self.rows).map(|changes| changes.len())
    }

    /// How many labels a classifier tells.
    ///
    /// # Errors
    ///
    /// Why the rule could not be made.
    pub fn classify<P: Classifier>(&self) -> Result<usize, Failure> {
        glue::classify::<P>(&self.schema, &self.context, &self.rows).map(|labels| labels.len())
    }
}

fn kind(name: &str) -> types::Kind {
    match name {
        "integer" => types::Kind::Integer,
        "decimal" => types::Kind::Decimal,
        "date" => types::Kind::Date,
        "flag" => types::Kind::Flag,
        _ => types::Kind::Text,
    }
}

fn cell(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn cells<T: AsRef<str>>(texts: &[T]) -> Vec<Option<String>> {
    texts.iter().map(|text| cell(text.as_ref())).collect()
}
