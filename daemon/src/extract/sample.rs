//! Tables and fields for the tests of this stage.

use compact_str::CompactString;

use crate::codec::sheet::{RawCell, RawRow};
use crate::model::schema::{ConflictRule, Constraints, Title};
use crate::model::{Cell, Field, FieldId, FieldType, Format, Place, Table, TableName};

use super::value;

/// A field of the class `basic` without constraints.
pub(crate) fn field(id: u16, name: &str, field_type: FieldType, headers: &[&str]) -> Field {
    Field {
        id: FieldId(id),
        name: name.into(),
        field_type,
        format: None,
        region: "CN".into(),
        headers: headers.iter().map(|header| (*header).to_owned()).collect(),
        generate: None,
        constraints: Constraints::default(),
        class: "basic".into(),
        conflict: ConflictRule::Review,
        group: None,
    }
}

pub(crate) fn typed(field_type: FieldType) -> Field {
    field(0, "f", field_type, &["字段"])
}

pub(crate) fn formatted(format: Format) -> Field {
    Field { format: Some(format), ..typed(FieldType::String) }
}

pub(crate) fn with(field_type: FieldType, constraints: Constraints) -> Field {
    Field { constraints, ..typed(field_type) }
}

/// A table whose first field is its key.
pub(crate) fn table(fields: Vec<Field>) -> Table {
    Table {
        name: TableName::new("customers"),
        title: Title::default(),
        primary_key: vec![fields[0].id],
        owner: None,
        department: None,
        fields,
    }
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
