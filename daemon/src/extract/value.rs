//! One cell: which reader a field's type asks for, and what all types share.

use compact_str::{CompactString, ToCompactString, format_compact};
use jiff::civil::{DateTime, Time};

use crate::codec::sheet::RawCell;
use crate::model::{Cell, Field, FieldType, Value};

use super::fault::{Fault, ValueError};
use super::{boolean, constraint, date, list, number, text};

/// Error values that a spreadsheet shows in place of a result; in a CSV file they arrive as text.
const ERROR_TEXTS: [&str; 15] = [
    "#N/A",
    "#REF!",
    "#VALUE!",
    "#DIV/0!",
    "#NAME?",
    "#NULL!",
    "#NUM!",
    "#SPILL!",
    "#CALC!",
    "#GETTING_DATA",
    "#BLOCKED!",
    "#FIELD!",
    "#CONNECT!",
    "#BUSY!",
    "#UNKNOWN!",
];

const CELL_ERROR: Fault =
    Fault::new("cell-error", "is a spreadsheet error, not a value", "Correct the formula, or type the value.");

/// Reads a cell as a value of its field and checks the constraints (not `required`, not `unique`).
///
/// `names_record`: records are found by this field, so a number that lost digits must not pass.
pub(super) fn read(typed: &RawCell, field: &Field, names_record: bool) -> Result<Cell, ValueError> {
    let outcome = match typed {
        RawCell::Empty => return Ok(Cell::Blank),
        RawCell::Text(written) => match text::canonical(written) {
            Some(written) => from_text(written, field, names_record),
            None => return Ok(Cell::Blank),
        },
        RawCell::Error(_) => Err(CELL_ERROR),
        RawCell::Number(number) => from_number(*number, field),
        RawCell::Boolean(flag) => from_boolean(*flag, field),
        RawCell::DateTime(at) => from_datetime(*at, field),
        RawCell::Duration(written) => match field.field_type {
            FieldType::String | FieldType::List => match text::canonical(written) {
                Some(written) => from_text(written, field, names_record),
                None => return Ok(Cell::Blank),
            },
            FieldType::Integer | FieldType::Number => Err(number::NOT_A_NUMBER),
            FieldType::Boolean => Err(boolean::NOT_A_BOOLEAN),
            FieldType::Date => Err(date::NOT_A_DATE),
            FieldType::DateTime => Err(date::NOT_A_DATETIME),
        },
    };
    let checked = outcome.and_then(|value| match value {
        Some(value) => constraint::check(value, field).map(Cell::Value),
        None => Ok(Cell::Blank),
    });
    checked.map_err(|fault| ValueError::new(&fault, &typed_text(typed), field))
}

/// Reads a text in canonical form as a value of a type, without constraints. `None` if it is a list without items.
pub(super) fn from_text(written: CompactString, field: &Field, names_record: bool) -> Result<Option<Value>, Fault> {
    if is_error(&written) {
        return Err(CELL_ERROR);
    }
    match field.field_type {
        FieldType::String if (names_record || field.format.is_some()) && text::is_scientific(&written) => {
            Err(text::SCIENTIFIC_NOTATION)
        }
        FieldType::String => Ok(Some(Value::Text(written))),
        FieldType::Integer => number::integer_of_text(&written).map(Some),
        FieldType::Number => number::number_of_text(&written).map(Some),
        FieldType::Boolean => boolean::of_text(&written).map(Some),
        FieldType::Date => date::date_of_text(&written).map(Some),
        FieldType::DateTime => date::datetime_of_text(&written).map(Some),
        FieldType::List => match list::of_text(&written) {
            // It would be an error once it stood alone in its cell.
            Some(Value::List(items)) if items.iter().any(|item| is_error(item)) => Err(CELL_ERROR),
            value => Ok(value),
        },
    }
}

fn from_number(typed: f64, field: &Field) -> Result<Option<Value>, Fault> {
    match field.field_type {
        FieldType::String => number::text_of(typed).map(|text| Some(Value::Text(text))),
        FieldType::Integer => number::integer_of(typed).map(Some),
        FieldType::Number => number::number_of(typed).map(Some),
        FieldType::Boolean => boolean::of_number(typed).map(Some),
        FieldType::Date => date::date_of_number(typed).map(Some),
        FieldType::DateTime => date::datetime_of_number(typed).map(Some),
        FieldType::List => number::text_of(typed).map(|text| Some(Value::List([text].into()))),
    }
}

fn from_boolean(flag: bool, field: &Field) -> Result<Option<Value>, Fault> {
    match field.field_type {
        FieldType::String => Ok(Some(Value::Text(text_of_boolean(flag)))),
        FieldType::List => Ok(Some(Value::List([text_of_boolean(flag)].into()))),
        FieldType::Boolean => Ok(Some(Value::Boolean(flag))),
        FieldType::Integer | FieldType::Number => Err(number::NOT_A_NUMBER),
        FieldType::Date => Err(date::NOT_A_DATE),
        FieldType::DateTime => Err(date::NOT_A_DATETIME),
    }
}

fn from_datetime(at: DateTime, field: &Field) -> Result<Option<Value>, Fault> {
    match field.field_type {
        FieldType::String => Ok(Some(Value::Text(text_of_datetime(at)))),
        FieldType::List => Ok(Some(Value::List([text_of_datetime(at)].into()))),
        FieldType::Date => date::date_of_datetime(at).map(Some),
        FieldType::DateTime => date::datetime_of_datetime(at).map(Some),
        FieldType::Integer | FieldType::Number => Err(number::NOT_A_NUMBER),
        FieldType::Boolean => Err(boolean::NOT_A_BOOLEAN),
    }
}

/// What stands in the cell, as text: it is remembered for a cell that can't be read, and may be quoted.
///
/// The same for a text and a number of the same digits, so that a re-save does not bring the problem up again.
pub(super) fn typed_text(typed: &RawCell) -> CompactString {
    match typed {
        RawCell::Empty => CompactString::default(),
        RawCell::Text(text) | RawCell::Duration(text) | RawCell::Error(text) => {
            text::canonical(text).unwrap_or_default()
        }
        RawCell::Number(number) => match number::decimal_of(*number) {
            Some(decimal) => decimal.to_compact_string(),
            None => format_compact!("{number:e}"),
        },
        RawCell::Boolean(flag) => text_of_boolean(*flag),
        RawCell::DateTime(at) => text_of_datetime(*at),
    }
}

/// As spreadsheets write it.
fn text_of_boolean(flag: bool) -> CompactString {
    CompactString::const_new(if flag { "TRUE" } else { "FALSE" })
}

/// ISO 8601: the date alone if the time is midnight, which is how a spreadsheet keeps a date.
fn text_of_datetime(at: DateTime) -> CompactString {
    let at = date::to_second(at);
    if at.time() == Time::midnight() { at.date().to_compact_string() } else { Value::DateTime(at).to_compact_string() }
}

/// Whether it is an error value; a row of `#` is what a CSV export writes for a column that was too narrow.
fn is_error(written: &str) -> bool {
    written.starts_with('#')
        && (ERROR_TEXTS.iter().any(|error| error.eq_ignore_ascii_case(written))
            || (written.len() >= 3 && written.bytes().all(|b| b == b'#')))
}
