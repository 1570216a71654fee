//! Identifiers. Each is a type of its own, so that a record can't be looked up by an arrival's id.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Declares a newtype over a version 7 UUID that prints and parses as the hyphenated form.
macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(Uuid);

        impl $name {
            /// Makes an id from a UUID that the caller generated (version 7: time, then randomness).
            pub const fn new(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The sixteen bytes, big-endian, as the store keeps them.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// Reads the sixteen bytes that [`Self::as_bytes`] gave.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::from_str(text).map(Self)
            }
        }
    };
}

uuid_id! {
    /// One record, for ever: it survives corrected keys, renamed columns and moved rows.
    RecordId
}
uuid_id! {
    /// One arrival: a save of a workbook, a command, a decision, a publication.
    ArrivalId
}
uuid_id! {
    /// One question put to a steward.
    ReviewId
}

/// Declares a newtype over a shared name taken from the configuration.
macro_rules! name_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps a name.
            pub fn new(name: &str) -> Self {
                Self(name.into())
            }

            /// The name as it is written in the configuration.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self::new(name)
            }
        }
    };
}

name_id! {
    /// A source's name: a workbook, a view, a mailbox. A glob makes one name a file: `name:relative/path`.
    SourceName
}
name_id! {
    /// A table's name.
    TableName
}

/// A field within its table. The store hands the numbers out once and keeps them, so that a
/// configuration whose fields were put in another order still reads what was written before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FieldId(pub u16);

impl FieldId {
    /// The column of answers in a person's own workbook (`status_header`): no table has this field, and nothing but the
    /// baseline of such a workbook holds a cell of it.
    pub const ANSWER: Self = Self(u16::MAX);
}

/// How many transactions the store has committed: the version of the whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Revision(pub u64);

/// The number of a source's state: what it showed, or was given to show, at one moment. Counts from 1 in each source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StateNo(pub u32);

/// A keyed hash of a row's cells as the file holds them, so that an unchanged row need not be decoded.
///
/// Zero means "not known": a row that Daybook wrote and has not read back yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RowHash(pub u128);

impl RowHash {
    /// No hash: the row has to be decoded.
    pub const UNKNOWN: Self = Self(0);
}
