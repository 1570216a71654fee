//! Changes single cells of a workbook or a CSV file, and leaves everything else as it is.
//!
//! In come a file's bytes and a [`PatchRequest`]; out go the bytes of the patched file and what was done, or a reason
//! why nothing was. The file's own bytes are spliced, never written anew: what nobody asked for stays as it is, byte for
//! byte. Before the result is given out it is read back with the ordinary reader and compared with the file: exactly the
//! intended cells differ, or there is no result. Like reading, this runs in a child process: the file is a stranger's.

use std::io::{Read, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};

use compact_str::CompactString;
use jiff::civil;
use serde::{Deserialize, Serialize};

use super::read::{FileKind, ReadFailure, ReadRequest, Told, broken_input, told};
use super::shared::Shared;
use super::{csv, xlsx};

/// What to change in which sheet.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PatchRequest {
    /// How the sheet is found and read: its kind, sheet, header row, hash key and limits. `known` is empty.
    pub read: ReadRequest,
    /// The rows to change, ascending by number, each below the header row.
    pub rows: Vec<RowPatch>,
    /// Rows to append below the last row that holds data, in this order.
    pub appended: Vec<Vec<(u32, NewCell)>>,
    /// The last row, from 1, that holds a record; the header row if there is none. If anything stands below it, rows are
    /// not appended.
    pub last_row: u32,
    /// The document property `Daybook.Source`. CSV has no properties.
    pub source: String,
    /// The document property `Daybook.Revision`; `None` leaves both properties as they are.
    pub revision: Option<u64>,
    /// The words for false and true, for columns of a workbook in which people write such words.
    pub words: [CompactString; 2],
}

/// What to change in one row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RowPatch {
    /// The row's number, from 1.
    pub number: u32,
    /// The row's hash as it was read: if the row has another one, the file is not the one that is meant.
    pub hash: u128,
    /// The new cells, ascending by column from 0.
    pub cells: Vec<(u32, NewCell)>,
}

/// What a cell is to hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum NewCell {
    /// Nothing; its style stays.
    Blank,
    /// A text with `\n` line ends, not empty.
    Text(CompactString),
    /// A number, as decimal digits with an optional sign and point: `-12500.5`.
    Number(CompactString),
    /// True or false.
    Boolean(bool),
    /// A date.
    Date(#[serde(with = "super::civil_serde::date")] civil::Date),
    /// A local date and time, to the second.
    DateTime(#[serde(with = "super::civil_serde::datetime")] civil::DateTime),
}

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Patched {
    /// For each row of the request that was changed, its number and its new hash, ascending. A row none of whose cells
    /// could be changed is not in it.
    pub rows: Vec<(u32, u128)>,
    /// The numbers and hashes of the appended rows, in the request's order; empty if they were refused.
    pub appended: Vec<(u32, u128)>,
    /// The cells that were left as they are, and why. All others hold what was asked for.
    pub refused: Vec<RefusedCell>,
    /// Why rows were not appended, if any were to be.
    pub append_refused: Option<CellRefusal>,
}

/// A cell that was left as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedCell {
    /// The row, from 1.
    pub row: u32,
    /// The column, from 0.
    pub column: u32,
    /// Why.
    pub why: CellRefusal,
}

/// Why a cell, or appended rows, were not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CellRefusal {
    /// The cell holds a formula.
    Formula,
    /// The cell belongs to an array formula or to the area that one spills into.
    Array,
    /// Something stands in the cell beside its value, which a change would have to drop or to contradict.
    Extended,
    /// The cell is hidden below a merged cell whose upper left corner is another.
    Merged,
    /// The sheet is protected and the cell is locked.
    Locked,
    /// The text is longer than a cell may hold (32,767 characters in a workbook).
    TooLong,
    /// The text has a character that the file's encoding does not have.
    NotEncodable,
    /// In a text file, a spreadsheet program would take the text for a formula.
    FormulaLike,
    /// Rows: something that is no record stands below the last one (totals, notes, another table).
    RowsBelow,
    /// Rows: the table ends in a totals row.
    TotalsRow,
    /// Rows: the sheet is full or the rows don't fit.
    NoRoom,
    /// Rows: the sheet is protected.
    Protected,
}

impl CellRefusal {
    /// Why, as a part of a sentence.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Formula => "it holds a formula",
            Self::Array => "it belongs to an array formula, or to the cells that one spills into",
            Self::Extended => "it holds something beside its value that is not understood here",
            Self::Merged => "it is hidden below a merged cell",
            Self::Locked => "the sheet is protected and the cell is locked",
            Self::TooLong => "the text is longer than a cell may hold",
            Self::NotEncodable => "the file's encoding lacks a character of the text",
            Self::FormulaLike => "in a text file, a spreadsheet program would take the text for a formula",
            Self::RowsBelow => "something that is no record stands below the last row",
            Self::TotalsRow => "the table ends in a row of totals",
            Self::NoRoom => "there is no room for them below the last row",
            Self::Protected => "the sheet is protected",
        }
    }

    /// What a person can do.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Formula | Self::Array => "Type the value in the place of the formula, or leave it as it is.",
            Self::Extended => "Type the value into a new cell in this one's place, or leave it as it is.",
            Self::Merged => "Unmerge the cells, so that each row has its own.",
            Self::Locked | Self::Protected => "Unlock the cells of this column, or take the protection off the sheet.",
            Self::TooLong => "Shorten the text where it is kept.",
            Self::NotEncodable => "Save the file as `CSV UTF-8`, or as an xlsx workbook.",
            Self::FormulaLike => "Save the file as an xlsx workbook, where such texts are safe.",
            Self::RowsBelow => "Move what stands below the last row to another sheet, or above the titles.",
            Self::TotalsRow => "Switch the table's row of totals off.",
            Self::NoRoom => "Clear what is in the way below the last row (merged cells, array formulas).",
        }
    }
}

/// Patches a file: what was done, and the new file's bytes (empty if no cell could be changed).
///
/// # Errors
/// Why nothing was written: what reading says of the file or would say of the new one, `not-patchable` for a format that is only read (`xls`, `xlsb`, `ods`) and for what is
/// written in a way that a splice would harm, `signed`, `shared-workbook`, `moved` if a row is not as it was read,
/// `text-ambiguous` if a text file with the new texts in it would look like one in another encoding or with another
/// delimiter, `patch-check-failed` if the new file is not what was meant.
pub fn patch(input: impl Read + Seek, request: &PatchRequest) -> Result<(Patched, Vec<u8>), ReadFailure> {
    catch_unwind(AssertUnwindSafe(|| patch_as_what_it_is(input, request)))
        .unwrap_or_else(|_| Err(ReadFailure::no_sense()))
}

fn patch_as_what_it_is(input: impl Read + Seek, request: &PatchRequest) -> Result<(Patched, Vec<u8>), ReadFailure> {
    let input = Shared::new(input).map_err(|error| broken_input(&error))?;
    match told(&input, &request.read)? {
        Told::Package(_, FileKind::Xlsb) => Err(only_read("xlsb")),
        Told::Package(_, FileKind::Ods) => Err(only_read("ods")),
        Told::Package(_, FileKind::Xlsx | FileKind::Xls | FileKind::Csv) => xlsx::patch::patch(&input, request),
        Told::Ole => Err(only_read("xls")),
        Told::Text => csv::patch(input.rewound(), request),
    }
}

fn only_read(format: &str) -> ReadFailure {
    let message = format!("Workbooks of the format {format} are only read.");
    ReadFailure::new("not-patchable", message, "Save it as an xlsx workbook.")
}
