//! Formats: workbook and CSV bytes to and from plain structures. Nothing of the domain.
//!
//! Reading runs in a child process ([`child`]), because a hostile workbook can make a parser take all memory or never
//! end. What comes in is a [`read::ReadRequest`] and the workbook's bytes; what goes out is a stream of
//! [`sheet::Frame`]s that ends with `End` (everything was read) or `Failed` (nothing of it may be posted).
//! Nothing here knows a table, a field or a person, and nothing here opens or writes a file by its name.

pub mod child;
pub mod frame;
pub mod mime;
pub mod patch;
pub mod read;
pub mod sheet;

pub mod xlsx;

mod csv;
mod ods;
mod xls;
mod xlsb;

mod canonical;
mod civil_serde;
mod formula_runs;
mod ole;
mod package;
mod rows;
mod shared;

#[cfg(test)]
mod respelled;
#[cfg(test)]
mod trial;
