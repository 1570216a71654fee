//! The ledger: the current state of every record, as it follows from the journal.
//!
//! [`apply`] is the only function that changes it. A commit and a replay both call it with the same posting, so a
//! rebuilt ledger is the same by construction. It never asks a clock, and what it decides it decides from the posting
//! and from what is there.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use compact_str::CompactString;
use rusqlite::{Connection, OptionalExtension, Statement, params};

use crate::model::entry::{KeyIndex, Life, Outcome, Posting, Presence, RecordEntry, Stamp, StoredCell, StoredRecord};
use crate::model::plugin::plugin_of_rule;
use crate::model::schema::Generator;
use crate::model::{Arrival, Cell, CellEntry, FieldId, RecordId, TableName, Timestamp, Value};

use super::baseline;
use super::error::StoreError;
use super::format::{LedgerBody, push_number};
use super::journal::{BLOCK_ENTRIES, Placed, have};
use super::keys::Secrets;
use super::lanes::staged;
use super::names;
use super::review;
use super::seal::{Context, DataKey, Nonce, Part, Subject, seal, unseal};
use super::vault::Vault;

/// Records that are worked on together.
const PIECE_RECORDS: usize = 256;
/// A number above this was typed, not generated: to go on from it would soon leave the numbers there are.
const NUMBER_MAX: u64 = 1_000_000_000_000_000;
/// A digest with its index, as a record keeps those that it has.
const KEY_BYTES: usize = 4 + 16;

/// Applies a posting to the ledger, the baselines and the steward's queue.
pub(super) fn apply(conn: &Connection, vault: &mut Vault, posting: &Posting, placed: Placed) -> Result<(), StoreError> {
    let mut filled: Vec<u16> = posting
        .records
        .iter()
        .map(|entry| entry.cells.iter().filter(|cell| cell.seen != Cell::Blank).count())
        .map(|count| u16::try_from(count).unwrap_or(u16::MAX))
        .collect();
    baseline::advance(conn, vault, posting, placed, &mut filled)?;
    let changes = apply_records(conn, vault, posting, placed, &filled)?;
    apply_keys(conn, posting, placed, changes.keys)?;
    apply_numbers(conn, placed, changes.numbers)?;
    review::apply(conn, vault, posting)?;
    apply_source(conn, posting, placed)
}

/// Whether an entry belongs into the record's history. A row that only showed again what is known does not: a view
/// that is published to ten people would write ten lines into each record's history.
fn tells(entry: &RecordEntry) -> bool {
    entry.life != Life::Unchanged
        || entry.presence == Presence::Missing
        || !entry.keys.is_empty()
        || entry.cells.iter().any(|cell| cell.outcome != Outcome::Unchanged)
}

/// A row of the table `record`.
pub(super) struct RecordRow {
    pub(super) id: Subject,
    pub(super) version: u64,
    pub(super) archived: bool,
    pub(super) updated_at: i64,
    pub(super) revision: u64,
    pub(super) keys: Vec<u8>,
    pub(super) history: Vec<u8>,
    pub(super) body: Vec<u8>,
}

/// What a posting does to the indexes.
#[derive(Default)]
struct IndexChanges {
    keys: KeyChanges,
    numbers: HashMap<FieldId, u64>,
}

#[derive(Default)]
struct KeyChanges {
    removed: Vec<(u32, [u8; 16])>,
    added: Vec<(u32, [u8; 16], Subject)>,
}

struct Piece<'a> {
    entries: Vec<(usize, &'a RecordEntry)>,
    rows: Vec<Option<RecordRow>>,
    keys: Vec<Option<DataKey>>,
    nonces: Vec<Nonce>,
}

/// What the work on a piece needs to know of the posting.
struct Frame<'a> {
    arrival: &'a Arrival,
    rules: &'a [CompactString],
    placed: Placed,
    filled: &'a [u16],
    templates: HashMap<FieldId, Generator>,
    secrets: Arc<Secrets>,
}

fn apply_records(
    conn: &Connection,
    vault: &mut Vault,
    posting: &Posting,
    placed: Placed,
    filled: &[u16],
) -> Result<IndexChanges, StoreError> {
    let mut entries: Vec<(usize, &RecordEntry)> =
        posting.records.iter().enumerate().filter(|(_, entry)| tells(entry)).collect();
    entries.sort_unstable_by_key(|(_, entry)| entry.record);
    let frame = Frame {
        arrival: &posting.arrival,
        rules: &posting.rules,
        placed,
        filled,
        templates: names::templates(conn, placed.table)?,
        secrets: Arc::clone(vault.secrets()),
    };
    let mut pieces = entries.chunks(PIECE_RECORDS);
    let mut write = Writer::new(conn)?;
    let mut all = IndexChanges::default();
    staged(
        || pieces.next().map(|piece| load(conn, vault, placed.table, piece)).transpose(),
        |piece| work(&frame, piece),
        |(rows, changes)| {
            for (row, new) in rows {
                write.row(placed.table, &row, new)?;
            }
            all.keys.removed.extend(changes.keys.removed);
            all.keys.added.extend(changes.keys.added);
            for (field, number) in changes.numbers {
                let last = all.numbers.entry(field).or_default();
                *last = number.max(*last);
            }
            Ok(ControlFlow::Continue(()))
        },
    )?;
    Ok(all)
}

fn load<'a>(
    conn: &Connection,
    vault: &mut Vault,
    table: u32,
    entries: &[(usize, &'a RecordEntry)],
) -> Result<Piece<'a>, StoreError> {
    let mut rows = Vec::with_capacity(entries.len());
    for (_, entry) in entries {
        let row = if entry.life == Life::Created { None } else { Some(row(conn, table, entry.record)?) };
        rows.push(row);
    }
    let records: Vec<Subject> = entries.iter().map(|(_, entry)| *entry.record.as_bytes()).collect();
    let keys = vault.keys(&records)?;
    Ok(Piece { entries: entries.to_vec(), rows, keys, nonces: vault.nonces(entries.len()) })
}

fn work(frame: &Frame<'_>, piece: Piece<'_>) -> Result<(Vec<(RecordRow, bool)>, IndexChanges), StoreError> {
    let mut out = Vec::with_capacity(piece.entries.len());
    let mut indexes = IndexChanges::default();
    let entries = piece.entries.iter().zip(piece.rows).zip(&piece.keys).zip(&piece.nonces);
    for (((&(index, entry), row), key), nonce) in entries {
        let new = row.is_none();
        let mut row = row.unwrap_or_else(|| RecordRow {
            id: *entry.record.as_bytes(),
            version: 0,
            archived: false,
            updated_at: 0,
            revision: 0,
            keys: Vec::new(),
            history: Vec::new(),
            body: Vec::new(),
        });
        push_number(&mut row.history, u64::try_from(frame.placed.seq).unwrap_or(0));
        push_number(&mut row.history, (index / BLOCK_ENTRIES) as u64);
        if entry.changes_record() {
            change(frame, &mut row, (index, entry), have(key.as_ref())?, nonce, &mut indexes)?;
        }
        out.push((row, new));
    }
    Ok((out, indexes))
}

/// Changes one record as its entry says.
fn change(
    frame: &Frame<'_>,
    row: &mut RecordRow,
    (index, entry): (usize, &RecordEntry),
    key: &DataKey,
    nonce: &Nonce,
    indexes: &mut IndexChanges,
) -> Result<(), StoreError> {
    let table = frame.placed.table;
    let body = if row.body.is_empty() { LedgerBody::default() } else { open(key, table, row)? };
    let body = with_applied(frame, body, (index, entry), &mut indexes.numbers)?;
    row.version += 1;
    row.updated_at = frame.arrival.at.0;
    row.revision = frame.placed.revision.0;
    match entry.life {
        Life::Archived => row.archived = true,
        Life::Restored | Life::Created => row.archived = false,
        Life::Unchanged => {}
    }
    row.body = seal(key, nonce, &context(table, &row.id, row.version), &body.encode());
    change_keys(frame, row, entry, &mut indexes.keys);
    Ok(())
}

/// The record's cells with those that the entry applied, each with where it came from.
fn with_applied(
    frame: &Frame<'_>,
    body: LedgerBody,
    (index, entry): (usize, &RecordEntry),
    numbers: &mut HashMap<FieldId, u64>,
) -> Result<LedgerBody, StoreError> {
    let mut cells: Vec<(FieldId, Cell, By)> =
        body.cells.into_iter().map(|(field, cell, stamp)| (field, cell, By::Before(stamp))).collect();
    for cell in &entry.cells {
        let Some(posted) = posted(cell) else { continue };
        if matches!(posted, Cell::Raw(_) | Cell::Masked(_) | Cell::Formula(_)) {
            return Err(StoreError::Posting("it applies a cell that is neither a value nor blank".to_owned()));
        }
        note_number(frame, cell.field, posted, numbers);
        let by = By::Now(frame.rules.get(usize::from(cell.rule)).and_then(|rule| plugin_of_rule(rule)));
        match cells.binary_search_by_key(&cell.field, |(field, ..)| *field) {
            Ok(at) => cells[at] = (cell.field, posted.clone(), by),
            Err(at) => cells.insert(at, (cell.field, posted.clone(), by)),
        }
    }
    let filled = match entry.presence {
        Presence::Elsewhere => cells.iter().filter(|(_, cell, _)| *cell != Cell::Blank).count(),
        Presence::Seen | Presence::Missing => usize::from(frame.filled[index]),
    };
    let stamp = Stamp {
        arrival: frame.arrival.id,
        source: frame.arrival.source.clone(),
        rank: frame.arrival.rank,
        edited_at: frame.arrival.edited_at,
        filled: u16::try_from(filled).unwrap_or(u16::MAX),
        plugin: None,
    };
    Ok(stamped(cells, &body.stamps, &stamp))
}

/// Who has set a cell.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By<'a> {
    /// As it was: the number of its stamp before.
    Before(u16),
    /// This posting; the plugin, if one did.
    Now(Option<&'a str>),
}

/// Numbers the stamps anew: only those that a cell still has, in the order of the fields.
fn stamped(cells: Vec<(FieldId, Cell, By<'_>)>, old: &[Stamp], new: &Stamp) -> LedgerBody {
    let mut stamps = Vec::with_capacity(old.len() + 1);
    let mut numbers: Vec<(By<'_>, u16)> = Vec::with_capacity(old.len() + 1);
    let cells = cells
        .into_iter()
        .map(|(field, cell, stamp)| {
            let known = numbers.iter().find(|(before, _)| *before == stamp).map(|(_, number)| *number);
            let number = known.unwrap_or_else(|| {
                // A record has at most 65,536 fields, and a stamp at least one of them.
                let number = u16::try_from(stamps.len()).unwrap_or(u16::MAX);
                stamps.push(match stamp {
                    By::Before(before) => old[usize::from(before)].clone(),
                    By::Now(plugin) => Stamp { plugin: plugin.map(Into::into), ..new.clone() },
                });
                numbers.push((stamp, number));
                number
            });
            (field, cell, number)
        })
        .collect();
    LedgerBody { stamps, cells }
}

/// What an entry puts into the ledger; `None` if it was not applied.
pub(super) fn posted(cell: &CellEntry) -> Option<&Cell> {
    let posted = cell.before.as_ref().and_then(|before| before.posted.as_ref());
    (cell.outcome == Outcome::Applied).then(|| posted.unwrap_or(&cell.seen))
}

fn note_number(frame: &Frame<'_>, field: FieldId, cell: &Cell, numbers: &mut HashMap<FieldId, u64>) {
    let Some(number) = number_in(&frame.templates, field, cell) else { return };
    let last = numbers.entry(field).or_default();
    *last = number.max(*last);
}

/// The number that a cell's text could have been generated from.
pub(super) fn number_in(templates: &HashMap<FieldId, Generator>, field: FieldId, cell: &Cell) -> Option<u64> {
    let template = templates.get(&field)?;
    let number = match cell.value()? {
        Value::Text(text) => template.number_of(text)?,
        Value::Integer(number) => template.number_of(&number.to_string())?,
        _ => return None,
    };
    (number <= NUMBER_MAX).then_some(number)
}

fn change_keys(frame: &Frame<'_>, row: &mut RecordRow, entry: &RecordEntry, changes: &mut KeyChanges) {
    if entry.keys.is_empty() {
        return;
    }
    let mut keys: Vec<(u32, [u8; 16])> = read_keys(&row.keys);
    for key in &entry.keys {
        let index = index_number(key.index);
        keys.retain(|(known, digest)| {
            if *known == index {
                changes.removed.push((index, *digest));
            }
            *known != index
        });
        if let Some(text) = &key.text {
            let digest = frame.secrets.digest(frame.placed.table, index, text);
            changes.added.push((index, digest, row.id));
            keys.push((index, digest));
        }
    }
    keys.sort_unstable();
    row.keys.clear();
    for (index, digest) in keys {
        row.keys.extend_from_slice(&index.to_le_bytes());
        row.keys.extend_from_slice(&digest);
    }
}

/// The number of an index: the primary key's is 0.
pub(super) fn index_number(index: KeyIndex) -> u32 {
    match index {
        KeyIndex::Primary => 0,
        KeyIndex::Unique(field) => u32::from(field.0) + 1,
    }
}

fn read_keys(bytes: &[u8]) -> Vec<(u32, [u8; 16])> {
    let read = |key: &[u8; KEY_BYTES]| {
        let (index, digest) = key.split_first_chunk::<4>().expect("invariant: 20 bytes");
        (u32::from_le_bytes(*index), *digest.first_chunk().expect("invariant: 16 bytes"))
    };
    bytes.as_chunks::<KEY_BYTES>().0.iter().map(read).collect()
}

/// Old keys go before new ones come, so that two records can swap theirs. Sorted, a large posting walks the index
/// once instead of jumping about in it.
fn apply_keys(conn: &Connection, posting: &Posting, placed: Placed, mut changes: KeyChanges) -> Result<(), StoreError> {
    changes.removed.sort_unstable();
    changes.added.sort_unstable();
    let mut delete =
        conn.prepare_cached("DELETE FROM key_index WHERE table_id = ?1 AND index_no = ?2 AND digest = ?3")?;
    for (index, digest) in &changes.removed {
        delete.execute(params![placed.table, index, digest])?;
    }
    let mut insert = conn.prepare_cached("INSERT INTO key_index VALUES (?1, ?2, ?3, ?4)")?;
    for (index, digest, record) in &changes.added {
        insert.execute(params![placed.table, index, digest, record]).map_err(|error| {
            match error.sqlite_error_code() {
                Some(rusqlite::ErrorCode::ConstraintViolation) => {
                    StoreError::KeyTaken { table: posting.arrival.table.to_string(), index: *index }
                }
                _ => error.into(),
            }
        })?;
    }
    Ok(())
}

fn apply_numbers(conn: &Connection, placed: Placed, numbers: HashMap<FieldId, u64>) -> Result<(), StoreError> {
    for (field, last) in numbers {
        keep_number(conn, placed.table, field, last)?;
    }
    Ok(())
}

/// Raises the last number of a field.
pub(super) fn keep_number(conn: &Connection, table: u32, field: FieldId, last: u64) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO number VALUES (?1, ?2, ?3)
         ON CONFLICT (table_id, field) DO UPDATE SET last = max(last, excluded.last)",
    )?
    .execute(params![table, field.0, last.min(NUMBER_MAX)])?;
    Ok(())
}

fn apply_source(conn: &Connection, posting: &Posting, placed: Placed) -> Result<(), StoreError> {
    let told: Option<Vec<u8>> =
        posting.state.as_ref().map(|state| state.told.iter().flat_map(|digest| digest.to_le_bytes()).collect());
    conn.prepare_cached(
        "INSERT INTO source VALUES (?1, ?2, ?3, coalesce(?4, x''))
         ON CONFLICT (source) DO UPDATE SET
             last_at = excluded.last_at, last_arrival = excluded.last_arrival, told = coalesce(?4, told)",
    )?
    .execute(params![placed.source, posting.arrival.at.0, posting.arrival.id.as_bytes(), told])?;
    Ok(())
}

// ---- rows ---------------------------------------------------------------------------------------------------------

struct Writer<'c> {
    insert: rusqlite::CachedStatement<'c>,
    update: rusqlite::CachedStatement<'c>,
}

impl<'c> Writer<'c> {
    fn new(conn: &'c Connection) -> Result<Self, StoreError> {
        Ok(Self {
            insert: conn.prepare_cached("INSERT INTO record VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?,
            update: conn.prepare_cached(
                "UPDATE record SET version = ?3, archived = ?4, updated_at = ?5, revision = ?6, keys = ?7,
                     history = ?8, body = ?9 WHERE table_id = ?1 AND id = ?2",
            )?,
        })
    }

    fn row(&mut self, table: u32, row: &RecordRow, new: bool) -> Result<(), StoreError> {
        let statement: &mut Statement<'_> = if new { &mut self.insert } else { &mut self.update };
        let written = statement.execute(params![
            table,
            row.id,
            row.version,
            row.archived,
            row.updated_at,
            row.revision,
            row.keys,
            row.history,
            row.body
        ]);
        match written {
            Ok(_) => Ok(()),
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation) => {
                Err(StoreError::Posting(format!("it creates record {}, which is there", RecordId::from_bytes(row.id))))
            }
            Err(error) => Err(error.into()),
        }
    }
}

pub(super) const ROW_COLUMNS: &str =
    "SELECT id, version, archived, updated_at, revision, keys, history, body FROM record";

pub(super) fn read_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<RecordRow> {
    Ok(RecordRow {
        id: row.get(0)?,
        version: row.get(1)?,
        archived: row.get(2)?,
        updated_at: row.get(3)?,
        revision: row.get(4)?,
        keys: row.get(5)?,
        history: row.get(6)?,
        body: row.get(7)?,
    })
}

/// The row of a record; `None` if it is not there.
pub(super) fn find(conn: &Connection, table: u32, record: &Subject) -> Result<Option<RecordRow>, StoreError> {
    Ok(conn
        .prepare_cached(&format!("{ROW_COLUMNS} WHERE table_id = ?1 AND id = ?2"))?
        .query_row(params![table, record], read_row)
        .optional()?)
}

fn row(conn: &Connection, table: u32, record: RecordId) -> Result<RecordRow, StoreError> {
    find(conn, table, record.as_bytes())?.ok_or_else(|| StoreError::UnknownRecord(record.to_string()))
}

fn context(table: u32, record: &Subject, version: u64) -> Context<'_> {
    Context { table, record, part: Part::Ledger(version), key: record }
}

/// Opens the cells of a row.
pub(super) fn open(key: &DataKey, table: u32, row: &RecordRow) -> Result<LedgerBody, StoreError> {
    let unreadable = || StoreError::Unreadable(format!("record {}", RecordId::from_bytes(row.id)));
    let plain = unseal(key, &context(table, &row.id, row.version), &row.body).map_err(|_| unreadable())?;
    let body = LedgerBody::decode(&plain)?;
    let sound = body.cells.iter().all(|(.., stamp)| usize::from(*stamp) < body.stamps.len());
    if sound { Ok(body) } else { Err(unreadable()) }
}

/// A row as the other modules know it.
pub(super) fn stored(name: &TableName, row: &RecordRow, body: LedgerBody) -> StoredRecord {
    let stamps: Vec<Arc<Stamp>> = body.stamps.into_iter().map(Arc::new).collect();
    let cells = body
        .cells
        .into_iter()
        .map(|(field, cell, stamp)| (field, StoredCell { cell, stamp: Arc::clone(&stamps[usize::from(stamp)]) }))
        .collect();
    StoredRecord {
        id: RecordId::from_bytes(row.id),
        table: name.clone(),
        version: row.version,
        archived: row.archived,
        updated_at: Timestamp(row.updated_at),
        cells,
    }
}
