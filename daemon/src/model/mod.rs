//! The types that cross stages: ids, values, tables, rows, entries, reviews.
//!
//! Nothing here does I/O, reads a clock or draws a random number: whoever makes an id or a time hands it in.
//! Every other module may name `model`; `model` names none of ours.

pub mod arrival;
pub mod change;
pub mod compare;
pub mod email;
pub mod entry;
pub mod id;
pub mod mail;
pub mod plugin;
pub mod policy;
pub mod problem;
pub mod review;
pub mod row;
#[cfg(test)]
pub(crate) mod sample;
pub mod schema;
pub mod time;
pub mod value;

pub use arrival::{Actor, Arrival, ArrivalKind, AttachedSheet, Mark};
pub use change::Edit;
pub use email::Email;
pub use entry::{CellEntry, Life, Outcome, Posting, Presence, RecordEntry, StoredCell, StoredRecord};
pub use id::{ArrivalId, FieldId, RecordId, ReviewId, Revision, RowHash, SourceName, StateNo, TableName};
pub use mail::{BadMail, MailAddress, MessageId, OutgoingId, OutgoingMail};
pub use problem::{Code, Problem};
pub use review::{HeldReason, Review, ReviewKind};
pub use row::{CellRef, Place, Row};
pub use schema::{Field, FieldType, Format, Table};
pub use time::Timestamp;
pub use value::{Cell, Value};
