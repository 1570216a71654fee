//! The numbers of tables, fields and sources: handed out once, by name, and kept for ever.
//!
//! The journal writes numbers. A configuration whose tables or fields were put in another order, or some of them
//! taken out for a year, still reads what was written before. A source whose file was moved keeps its number under
//! another name; its earlier arrivals still say by which name they came.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};

use crate::model::schema::Generator;
use crate::model::{FieldId, SourceName, Table, TableName};

use super::error::StoreError;

const TABLES: u32 = 0;
const FIELDS: u32 = 1;
const SOURCES: u32 = 2;

/// The number of a table.
pub(super) fn table_id(conn: &Connection, table: &TableName) -> Result<u32, StoreError> {
    find(conn, TABLES, 0, table.as_str())?.ok_or_else(|| StoreError::UnknownTable(table.to_string()))
}

/// The names of all tables, by number.
pub(super) fn tables(conn: &Connection) -> Result<Vec<(u32, TableName)>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT id, name FROM name WHERE kind = ?1 AND parent = 0 ORDER BY id")?;
    let rows = statement.query_map([TABLES], |row| Ok((row.get(0)?, TableName::new(row.get_ref(1)?.as_str()?))))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The number of a source; `None` if nothing of it was ever committed.
pub(super) fn source_id(conn: &Connection, source: &SourceName) -> Result<Option<u32>, StoreError> {
    find(conn, SOURCES, 0, source.as_str())
}

/// The number of a source, a new one if need be.
pub(super) fn make_source_id(conn: &Connection, source: &SourceName) -> Result<u32, StoreError> {
    make(conn, SOURCES, 0, source.as_str())
}

/// Gives a source another name; false if there is none of the old name, or one of the new name already.
pub(super) fn rename_source(conn: &Connection, old: &SourceName, new: &SourceName) -> Result<bool, StoreError> {
    if source_id(conn, new)?.is_some() {
        return Ok(false);
    }
    let renamed = conn
        .prepare_cached("UPDATE name SET name = ?3 WHERE kind = ?1 AND parent = 0 AND name = ?2")?
        .execute(params![SOURCES, old.as_str(), new.as_str()])?;
    Ok(renamed > 0)
}

/// The name of a source.
pub(super) fn source_name(conn: &Connection, id: u32) -> Result<SourceName, StoreError> {
    let name = conn
        .prepare_cached("SELECT name FROM name WHERE kind = ?1 AND parent = 0 AND id = ?2")?
        .query_row([SOURCES, id], |row| Ok(SourceName::new(row.get_ref(0)?.as_str()?)))?;
    Ok(name)
}

/// Gives the tables' fields their kept numbers, and all that points at fields with them.
///
/// Returns the fields whose template for generated numbers is new or has changed.
pub(super) fn adopt(conn: &Connection, tables: &mut [Table]) -> Result<Vec<(TableName, FieldId)>, StoreError> {
    let mut changed = Vec::new();
    for table in tables {
        let id = make(conn, TABLES, 0, table.name.as_str())?;
        let mut kept = HashMap::new();
        for field in &mut table.fields {
            let number = make(conn, FIELDS, id + 1, &field.name)?;
            let number = FieldId(u16::try_from(number).map_err(|_| StoreError::TooManyFields(table.name.to_string()))?);
            kept.insert(field.id, number);
            field.id = number;
            if keep_template(conn, id, number, field.generate.as_ref())? {
                changed.push((table.name.clone(), number));
            }
        }
        let fields = table.primary_key.iter_mut().chain(&mut table.owner).chain(&mut table.department);
        for field in fields {
            *field = *kept.get(field).ok_or_else(|| {
                StoreError::Posting(format!("table `{}` points at a field that it does not have", table.name))
            })?;
        }
    }
    Ok(changed)
}

/// The templates of a table's generated numbers.
pub(super) fn templates(conn: &Connection, table: u32) -> Result<HashMap<FieldId, Generator>, StoreError> {
    let mut statement =
        conn.prepare_cached("SELECT field, prefix, width, suffix FROM generator WHERE table_id = ?1")?;
    let rows = statement.query_map([table], |row| {
        let generator = Generator { prefix: row.get(1)?, width: row.get(2)?, suffix: row.get(3)? };
        Ok((FieldId(row.get(0)?), generator))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Copies all names and templates into another database, for a replay beside the store.
pub(super) fn copy(from: &Connection, to: &Connection) -> Result<(), StoreError> {
    let mut names = from.prepare("SELECT kind, parent, id, name FROM name")?;
    let mut rows = names.query([])?;
    while let Some(row) = rows.next()? {
        let name: (u32, u32, u32, String) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        to.prepare_cached("INSERT INTO name VALUES (?1, ?2, ?3, ?4)")?.execute(name)?;
    }
    for (table, _) in tables(from)? {
        for (field, generator) in templates(from, table)? {
            keep_template(to, table, field, Some(&generator))?;
        }
    }
    Ok(())
}

fn find(conn: &Connection, kind: u32, parent: u32, name: &str) -> Result<Option<u32>, StoreError> {
    Ok(conn
        .prepare_cached("SELECT id FROM name WHERE kind = ?1 AND parent = ?2 AND name = ?3")?
        .query_row(params![kind, parent, name], |row| row.get(0))
        .optional()?)
}

fn make(conn: &Connection, kind: u32, parent: u32, name: &str) -> Result<u32, StoreError> {
    if let Some(id) = find(conn, kind, parent, name)? {
        return Ok(id);
    }
    // Field numbers begin at 0, as positions do: a fresh store keeps the configuration's own numbers.
    let id: u32 = conn
        .prepare_cached("SELECT coalesce(max(id) + 1, 0) FROM name WHERE kind = ?1 AND parent = ?2")?
        .query_row([kind, parent], |row| row.get(0))?;
    conn.prepare_cached("INSERT INTO name VALUES (?1, ?2, ?3, ?4)")?.execute(params![kind, parent, id, name])?;
    Ok(id)
}

/// Remembers a field's template; true if it is not the one that was known.
fn keep_template(
    conn: &Connection,
    table: u32,
    field: FieldId,
    template: Option<&Generator>,
) -> Result<bool, StoreError> {
    let Some(template) = template else {
        let gone = conn.prepare_cached("DELETE FROM generator WHERE table_id = ?1 AND field = ?2")?;
        return Ok({ gone }.execute(params![table, field.0])? > 0);
    };
    let written = conn
        .prepare_cached(
            "INSERT INTO generator VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (table_id, field) DO UPDATE
             SET prefix = excluded.prefix, width = excluded.width, suffix = excluded.suffix
             WHERE prefix <> excluded.prefix OR width <> excluded.width OR suffix <> excluded.suffix",
        )?
        .execute(params![table, field.0, template.prefix, template.width, template.suffix])?;
    Ok(written > 0)
}
