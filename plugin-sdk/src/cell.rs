//! A cell, and what it holds.

use crate::{Date, Decimal};

/// A cell of a row: text in the contract's one form, or nothing. It borrows; reading it copies nothing.
///
/// What is empty, or not of the form that is asked for, is `None`. Look a column up by its kind
/// ([`Schema::column_of`](crate::Schema::column_of)) and only an empty cell is.
///
/// ```
/// use daybook_plugin_sdk::{Cell, Date};
///
/// let cell = Cell::new(Some("2026-03-01"));
/// assert_eq!(cell.date(), Date::new(2026, 3, 1));
/// assert_eq!(cell.text(), Some("2026-03-01"));
/// assert_eq!(cell.integer(), None);
/// assert!(Cell::new(None).is_empty());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell<'r>(Option<&'r str>);

impl<'r> Cell<'r> {
    /// A cell with this text; an empty text is an empty cell.
    pub fn new(text: Option<&'r str>) -> Self {
        Self(text.filter(|text| !text.is_empty()))
    }

    /// Whether nothing is in it.
    pub const fn is_empty(self) -> bool {
        self.0.is_none()
    }

    /// What is in it, whatever the column's kind.
    pub const fn text(self) -> Option<&'r str> {
        self.0
    }

    /// The whole number in it.
    pub fn integer(self) -> Option<i64> {
        self.0?.parse().ok()
    }

    /// The number in it, whole or not.
    pub fn decimal(self) -> Option<Decimal> {
        Decimal::parse(self.0?)
    }

    /// The day in it.
    pub fn date(self) -> Option<Date> {
        Date::parse(self.0?)
    }

    /// The answer in it: yes or no.
    pub fn flag(self) -> Option<bool> {
        match self.0? {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }
}
