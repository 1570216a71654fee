//! Tables and fields for tests.

use super::schema::{ConflictRule, Constraints, Title};
use super::{Field, FieldId, FieldType, Table, TableName};

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
