//! The columns of a batch, by name.

use crate::Failure;
use crate::bindings::base::daybook::plugin::types;

pub use crate::bindings::base::daybook::plugin::types::Kind;

/// The columns that a plugin is sent: those that the office lists in `reads`, then those of `writes` that it doesn't read.
#[derive(Clone, Copy, Debug)]
pub struct Schema<'s>(&'s types::Schema);

/// A column of a batch: its position in each row. It comes from [`Schema::column`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Column(u32);

impl<'s> Schema<'s> {
    pub(crate) const fn new(schema: &'s types::Schema) -> Self {
        Self(schema)
    }

    /// The table's name in `daybook.toml`.
    pub fn table(self) -> &'s str {
        &self.0.table
    }

    /// The column of a field, whatever its kind.
    ///
    /// # Errors
    ///
    /// [`Failure::BadSettings`] if there is none: the office has to list the field, or the settings name the wrong one. IT is shown what
    /// the plugin wants and what it is sent.
    pub fn column(self, field: &str) -> Result<Column, Failure> {
        self.find(field).map(|(column, _)| column).ok_or_else(|| {
            let sent: Vec<String> = self.0.columns.iter().map(|column| format!("`{}`", column.name)).collect();
            Failure::BadSettings(format!(
                "the plugin wants the field `{field}` and is not sent it; list it in `reads`, or name another in `settings`. \
                 It is sent {}",
                if sent.is_empty() { "none".to_owned() } else { sent.join(", ") }
            ))
        })
    }

    /// The column of a field of this kind. Whole numbers pass for decimals.
    ///
    /// # Errors
    ///
    /// [`Failure::BadSettings`] if there is none, or it is of another kind.
    pub fn column_of(self, field: &str, kind: Kind) -> Result<Column, Failure> {
        let column = self.column(field)?;
        let own = self.0.columns[column.index()].kind;
        if own == kind || (own, kind) == (Kind::Integer, Kind::Decimal) {
            return Ok(column);
        }
        Err(Failure::BadSettings(format!(
            "the plugin wants {} in the field `{field}`, which holds {}",
            words(kind),
            words(own)
        )))
    }

    /// The column of a field that the plugin can do without.
    pub fn optional(self, field: &str) -> Option<Column> {
        self.find(field).map(|(column, _)| column)
    }

    /// The name of a column's field.
    pub fn name(self, column: Column) -> &'s str {
        self.0.columns.get(column.index()).map_or("", |column| &column.name)
    }

    /// Whether a record must have the field.
    pub fn is_required(self, column: Column) -> bool {
        self.0.columns.get(column.index()).is_some_and(|column| column.required)
    }

    /// All columns, with their field's name and kind.
    pub fn columns(self) -> impl Iterator<Item = (Column, &'s str, Kind)> {
        (0..).zip(&self.0.columns).map(|(at, column)| (Column(at), column.name.as_str(), column.kind))
    }

    fn find(self, field: &str) -> Option<(Column, Kind)> {
        self.columns().find(|(_, name, _)| *name == field).map(|(column, _, kind)| (column, kind))
    }
}

impl Column {
    pub(crate) const fn at(position: u32) -> Self {
        Self(position)
    }

    /// Its position in the schema, from 0.
    pub const fn position(self) -> u32 {
        self.0
    }

    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

fn words(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "texts",
        Kind::Integer => "whole numbers",
        Kind::Decimal => "numbers",
        Kind::Date => "dates",
        Kind::Flag => "yes or no",
    }
}
