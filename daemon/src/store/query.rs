//! What can be read of the ledger: records, by id, by key, or all of them.

use std::collections::HashMap;
use std::ops::ControlFlow;

use compact_str::CompactString;
use rusqlite::{Connection, OptionalExtension, params};

use crate::model::entry::KeyIndex;
use crate::model::{FieldId, RecordId, StoredRecord, TableName};

use super::error::StoreError;
use super::lanes::staged;
use super::ledger::{self, ROW_COLUMNS, RecordRow, index_number, read_row};
use super::names;
use super::seal::Subject;
use super::vault::Vault;

/// Records that are opened together.
const PIECE_RECORDS: usize = 512;
/// From so many keys on, and if they are at least a tenth of all, the index is read in one go.
const KEYS_BULK: usize = 2000;

/// Finds records by their keys.
pub(super) fn records_by_key(
    conn: &Connection,
    vault: &Vault,
    table: &TableName,
    index: KeyIndex,
    texts: &[CompactString],
) -> Result<HashMap<CompactString, RecordId>, StoreError> {
    let table = names::table_id(conn, table)?;
    let index = index_number(index);
    let mut wanted: Vec<([u8; 16], &CompactString)> = digests(vault, table, index, texts)?;
    wanted.sort_unstable();
    let mut found = HashMap::with_capacity(wanted.len());
    if wanted.len() >= KEYS_BULK && wanted.len() as u64 >= count(conn, table)? / 10 {
        let mut all = conn.prepare_cached(
            "SELECT digest, record FROM key_index WHERE table_id = ?1 AND index_no = ?2 ORDER BY digest",
        )?;
        let mut rows = all.query([table, index])?;
        let mut at = 0;
        while let Some(row) = rows.next()? {
            let digest = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
            while wanted.get(at).is_some_and(|(other, _)| other.as_slice() < digest) {
                at += 1;
            }
            while let Some((_, text)) = wanted.get(at).filter(|(other, _)| other.as_slice() == digest) {
                found.insert((*text).clone(), RecordId::from_bytes(row.get(1)?));
                at += 1;
            }
        }
    } else {
        let mut one =
            conn.prepare_cached("SELECT record FROM key_index WHERE table_id = ?1 AND index_no = ?2 AND digest = ?3")?;
        for (digest, text) in wanted {
            let record: Option<Subject> = one.query_row(params![table, index, digest], |row| row.get(0)).optional()?;
            found.extend(record.map(|record| (text.clone(), RecordId::from_bytes(record))));
        }
    }
    Ok(found)
}

fn digests<'t>(
    vault: &Vault,
    table: u32,
    index: u32,
    texts: &'t [CompactString],
) -> Result<Vec<([u8; 16], &'t CompactString)>, StoreError> {
    let secrets = vault.secrets();
    let mut pieces = texts.chunks(4096);
    let mut all = Vec::with_capacity(texts.len());
    staged(
        || Ok(pieces.next()),
        |piece| Ok(piece.iter().map(|text| (secrets.digest(table, index, text), text)).collect::<Vec<_>>()),
        |digests| {
            all.extend(digests);
            Ok(ControlFlow::Continue(()))
        },
    )?;
    Ok(all)
}

/// Reads records by id; those that are not there are not in the answer.
pub(super) fn records(
    conn: &Connection,
    vault: &mut Vault,
    name: &TableName,
    ids: &[RecordId],
) -> Result<HashMap<RecordId, StoredRecord>, StoreError> {
    let table = names::table_id(conn, name)?;
    let mut wanted: Vec<Subject> = ids.iter().map(|id| *id.as_bytes()).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let mut pieces = wanted.chunks(PIECE_RECORDS);
    let mut found = HashMap::with_capacity(wanted.len());
    open_all(
        vault,
        (name, table),
        || {
            let Some(piece) = pieces.next() else { return Ok(None) };
            let mut rows = Vec::with_capacity(piece.len());
            for id in piece {
                rows.extend(ledger::find(conn, table, id)?);
            }
            Ok(Some(rows))
        },
        |record| {
            found.insert(record.id, record);
            ControlFlow::Continue(())
        },
    )?;
    Ok(found)
}

/// Calls `each` with every record of a table, archived ones too, in the order of ids.
pub(super) fn for_each_record(
    conn: &Connection,
    vault: &mut Vault,
    name: &TableName,
    each: impl FnMut(StoredRecord) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    let table = names::table_id(conn, name)?;
    let mut statement = conn.prepare_cached(&format!("{ROW_COLUMNS} WHERE table_id = ?1 ORDER BY id"))?;
    let mut rows = statement.query([table])?;
    open_all(
        vault,
        (name, table),
        || {
            let mut piece = Vec::with_capacity(PIECE_RECORDS);
            while piece.len() < PIECE_RECORDS {
                let Some(row) = rows.next()? else { break };
                piece.push(read_row(row)?);
            }
            Ok((!piece.is_empty()).then_some(piece))
        },
        each,
    )
}

/// Opens rows piece by piece on several threads. A row whose key was destroyed is passed over.
fn open_all(
    vault: &mut Vault,
    (name, table): (&TableName, u32),
    mut next: impl FnMut() -> Result<Option<Vec<RecordRow>>, StoreError>,
    mut each: impl FnMut(StoredRecord) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    staged(
        || {
            let Some(rows) = next()? else { return Ok(None) };
            let subjects: Vec<Subject> = rows.iter().map(|row| row.id).collect();
            Ok(Some((vault.keys(&subjects)?, rows)))
        },
        |(keys, rows)| {
            let mut records = Vec::with_capacity(rows.len());
            for (row, key) in rows.iter().zip(keys) {
                if let Some(key) = key {
                    records.push(ledger::stored(name, row, ledger::open(&key, table, row)?));
                }
            }
            Ok(records)
        },
        |records| Ok(records.into_iter().try_for_each(&mut each)),
    )
}

/// How many records a table has, archived ones too.
pub(super) fn count(conn: &Connection, table: u32) -> Result<u64, StoreError> {
    Ok(conn.prepare_cached("SELECT count(*) FROM record WHERE table_id = ?1")?.query_row([table], |row| row.get(0))?)
}

/// The greatest number that a field's template gave or met; `None` if none.
pub(super) fn last_number(conn: &Connection, table: u32, field: FieldId) -> Result<Option<u64>, StoreError> {
    Ok(conn
        .prepare_cached("SELECT last FROM number WHERE table_id = ?1 AND field = ?2")?
        .query_row(params![table, field.0], |row| row.get(0))
        .optional()?)
}
