//! Tables and fields for the tests of this stage.

use compact_str::CompactString;

use crate::codec::sheet::{RawCell, RawRow};
use crate::model::schema::Constraints;
use crate::model::{Cell, Field, FieldType, Format, Place};

use super::value;

pub(crate) use crate::model::sample::{field, table};

pub(crate) fn typed(field_type: FieldType) -> Field {
    field(0, "f", field_type, &["字段"])
}

pub(crate) fn formatted(format: Format) -> Field {
    Field { format: Some(format), ..typed(FieldType::String) }
}

pub(crate) fn with(field_type: FieldType, constraints: Constraints) -> Field {
    Field { constraints, ..typed(field_type) }
}

pub(crate) fn place() -> Place {
    Place { file: "客户.xlsx".into(), sheet: Some("客户".into()) }
}

pub(crate) fn raw_row(number: u32, cells: &[(u32, RawCell)]) -> RawRow {
    RawRow { number, hash: 7, cells: cells.to_vec() }
}

pub(crate) fn text(text: &str) -> RawCell {
    RawCell::Text(CompactString::from(text))
}

/// What a cell is read as: the value as it is displayed, `-` for a blank, `!code` for a problem.
pub(crate) fn read(raw: &RawCell, field: &Field) -> String {
    match value::read(raw, field, false) {
        Ok(Cell::Blank) => "-".to_owned(),
        Ok(cell) => cell.to_string(),
        Err(error) => format!("!{}", error.code.0),
    }
}

/// Checks what texts are read as.
#[track_caller]
pub(crate) fn check(field: &Field, cases: &[(&str, &str)]) {
    for (written, expected) in cases {
        assert_eq!(read(&text(written), field), *expected, "{written:?}");
    }
}
