//! What a sheet is made of, before anyone knows what its columns mean.
//!
//! These are the shapes that cross from the reading child to its parent. They carry no format: a date is a date whether
//! it came from a serial number, from ISO text or from an attribute.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::read::ReadFailure;

/// One cell as the workbook holds it; formulas appear as their last result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum RawCell {
    /// Nothing. Rows leave such cells out.
    Empty,
    /// Text with `\n` line ends, without control characters, never empty. Outer white space is kept.
    Text(CompactString),
    /// A number without a date format.
    Number(f64),
    /// True or false.
    Boolean(bool),
    /// A local date and time, rounded to the second.
    DateTime(#[serde(with = "super::civil_serde::datetime")] jiff::civil::DateTime),
    /// A time of day or a span, as `HH:MM:SS`; hours may pass 24 and a span may begin with `-`.
    Duration(CompactString),
    /// An error value such as `#N/A`, or a cell that could not be read (then a [`Frame::Problem`] says why).
    Error(CompactString),
}

/// One row that is not known from an earlier read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RawRow {
    /// The row's number in the sheet, from 1.
    pub number: u32,
    /// The keyed hash of the row's cells; it does not depend on the row's number.
    pub hash: u128,
    /// The cells that hold something, by ascending column from 0.
    pub cells: Vec<(u32, RawCell)>,
}

/// What stands above the rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SheetHead {
    /// The sheet's name; `None` for CSV.
    pub sheet: Option<String>,
    /// How many sheets of the workbook can be seen; 0 for CSV.
    pub visible_sheets: u32,
    /// The titles that are not empty, trimmed, by ascending column from 0.
    pub columns: Vec<(u32, String)>,
    /// What the file says of itself.
    pub properties: Properties,
}

/// What a workbook says of itself. Evidence, never authority: anyone can write it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Properties {
    /// The custom property `Daybook.Source`.
    pub source: Option<String>,
    /// The custom property `Daybook.Revision`.
    pub revision: Option<u64>,
    /// `lastModifiedBy`.
    pub editor: Option<String>,
    /// `modified`, in milliseconds since 1970 UTC.
    pub modified_ms: Option<i64>,
}

/// A row of the sheet, in the sheet's order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ReadRow {
    /// Its hash was in the request's `known`, and no earlier row of this read used it.
    Known {
        /// The row's number in the sheet, from 1.
        number: u32,
        /// The hash.
        hash: u128,
    },
    /// Any other row that holds something.
    Read(RawRow),
}

/// Cells one below the other that hold formulas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormulaRun {
    /// The column, from 0.
    pub column: u32,
    /// The first row, from 1.
    pub first: u32,
    /// The last row, from 1.
    pub last: u32,
}

/// One message from the reading child. `Head` comes before any `Rows`; `End` or `Failed` comes last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Frame {
    /// The titles.
    Head(SheetHead),
    /// Some rows, in order.
    Rows(Vec<ReadRow>),
    /// Something is wrong at a place; the rest was read.
    Problem {
        /// A stable kebab-case name.
        code: String,
        /// The row, from 1.
        row: Option<u32>,
        /// The column, from 0.
        column: Option<u32>,
        /// What happened. Never a cell's content.
        message: String,
        /// What a person can do.
        hint: String,
    },
    /// Cells that hold formulas or that an array formula fills, as runs in one column each, by column and row. It comes
    /// after the rows, and only if some row was sent in full; it tells at least of all rows that were. In an `xls`
    /// formulas are not told apart from values, and a sheet with more than a million runs tells of the first ones.
    Formulas(Vec<FormulaRun>),
    /// Everything was read.
    End {
        /// How many rows were sent.
        rows: u32,
    },
    /// The workbook could not be read to its end; rows that were sent before must not be posted.
    Failed(ReadFailure),
}
