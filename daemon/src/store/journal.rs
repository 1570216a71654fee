//! The journal: every posting as it was committed, appended and never changed. It is the truth; the ledger follows.
//!
//! A posting lies as one row of `arrival` (all but its entries) and blocks of sealed entries. What names a person's
//! data is sealed under the record's key; names of files, rules and problems are not, the database's own encryption
//! covers them.

use std::ops::ControlFlow;

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use crate::model::entry::{Outcome, Posting, RecordEntry, ReviewChange};
use crate::model::{Arrival, ArrivalId, RecordId, Revision};

use super::error::StoreError;
use super::format::{Head, HeadReview, ReviewCells, decode_entry, encode, encode_entry, pack, unpack};
use super::lanes::staged;
use super::names;
use super::review;
use super::seal::{Context, DataKey, Part, seal, unseal};
use super::vault::Vault;

/// Entries of a block. A history reads one block for each of its entries, so a block is small; a large posting is
/// written block by block, so it is not too small.
pub(super) const BLOCK_ENTRIES: usize = 64;

/// Where a posting stands.
#[derive(Clone, Copy)]
pub(super) struct Placed {
    pub(super) seq: i64,
    pub(super) revision: Revision,
    pub(super) table: u32,
    pub(super) source: u32,
}

/// How many entries and cells an arrival had, by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Records that it said something of.
    pub records: u64,
    /// Cells that say what is known.
    pub unchanged: u64,
    /// Cells that are current now.
    pub applied: u64,
    /// Cells that a rule passed over.
    pub superseded: u64,
    /// Cells that were not allowed.
    pub refused: u64,
    /// Cells that wait for a choice.
    pub conflicts: u64,
    /// Cells that wait as part of a held row.
    pub held: u64,
}

impl Tally {
    fn of(posting: &Posting) -> Self {
        let mut tally = Self { records: posting.records.len() as u64, ..Self::default() };
        for cell in posting.records.iter().flat_map(|entry| &entry.cells) {
            *match cell.outcome {
                Outcome::Unchanged => &mut tally.unchanged,
                Outcome::Applied => &mut tally.applied,
                Outcome::Superseded => &mut tally.superseded,
                Outcome::Refused => &mut tally.refused,
                Outcome::Conflict => &mut tally.conflicts,
                Outcome::Held => &mut tally.held,
            } += 1;
        }
        tally
    }
}

/// Appends a posting. All its subjects have keys.
pub(super) fn append(
    conn: &Connection,
    vault: &mut Vault,
    posting: &Posting,
    revision: Revision,
) -> Result<Placed, StoreError> {
    let table = names::table_id(conn, &posting.arrival.table)?;
    let source = names::make_source_id(conn, &posting.arrival.source)?;
    let arrival = &posting.arrival;
    let head = head_of(conn, vault, posting)?;
    conn.prepare_cached("INSERT INTO arrival (id, revision, source, at, tally, head) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![
            arrival.id.as_bytes(),
            number(revision),
            source,
            arrival.at.0,
            encode(&Tally::of(posting)).as_slice(),
            head.encode().as_slice()
        ])?;
    let placed = Placed { seq: conn.last_insert_rowid(), revision, table, source };
    append_entries(conn, vault, posting, placed)?;
    Ok(placed)
}

/// A revision as `SQLite` keeps it.
pub(super) fn number(revision: Revision) -> i64 {
    i64::try_from(revision.0).expect("invariant: revisions count transactions")
}

fn head_of(conn: &Connection, vault: &mut Vault, posting: &Posting) -> Result<Head, StoreError> {
    let mut reviews = Vec::with_capacity(posting.reviews.len());
    for change in &posting.reviews {
        let sealed = match change {
            ReviewChange::Open(review) => review::seal_cells(conn, vault, review)?,
            ReviewChange::Close { .. } => None,
        };
        reviews.push(HeadReview::of(change, sealed));
    }
    Ok(Head {
        arrival: posting.arrival.clone(),
        rules: posting.rules.clone(),
        reviews,
        state: posting.state.clone(),
        problems: posting.problems.clone(),
    })
}

fn append_entries(conn: &Connection, vault: &mut Vault, posting: &Posting, placed: Placed) -> Result<(), StoreError> {
    let arrival = posting.arrival.id.as_bytes();
    let mut blocks = posting.records.chunks(BLOCK_ENTRIES);
    let mut insert = conn.prepare_cached("INSERT INTO entry_block VALUES (?1, ?2, ?3, ?4)")?;
    let mut block = 0u32;
    staged(
        || {
            let Some(entries) = blocks.next() else { return Ok(None) };
            let records: Vec<[u8; 16]> = entries.iter().map(|entry| *entry.record.as_bytes()).collect();
            let keys = vault.keys(&records)?;
            Ok(Some((entries, records, keys, vault.nonces(entries.len()))))
        },
        |(entries, records, keys, nonces)| {
            let mut sealed = Vec::with_capacity(entries.len());
            for ((entry, key), nonce) in entries.iter().zip(&keys).zip(&nonces) {
                let context = context(placed.table, &entry.record, arrival);
                sealed.push(seal(have(key.as_ref())?, nonce, &context, &encode_entry(entry)));
            }
            Ok((records, pack(sealed.iter().map(Vec::as_slice))))
        },
        |(records, entries)| {
            insert.execute(params![placed.seq, block, records.as_flattened(), entries])?;
            block += 1;
            Ok(ControlFlow::Continue(()))
        },
    )
}

fn context<'a>(table: u32, record: &'a RecordId, arrival: &'a [u8; 16]) -> Context<'a> {
    Context { table, record: record.as_bytes(), part: Part::Entry(arrival), key: record.as_bytes() }
}

/// The key of a record that is being written: it was made before the transaction began.
pub(super) fn have(key: Option<&DataKey>) -> Result<&DataKey, StoreError> {
    key.ok_or_else(|| StoreError::Unreadable("a record whose data key is gone".to_owned()))
}

/// Whether an arrival was committed.
pub(super) fn holds(conn: &Connection, arrival: ArrivalId) -> Result<bool, StoreError> {
    Ok(conn.prepare_cached("SELECT 1 FROM arrival WHERE id = ?1")?.exists([arrival.as_bytes()])?)
}

/// The sequence number of an arrival.
pub(super) fn seq_of(conn: &Connection, arrival: ArrivalId) -> Result<Option<i64>, StoreError> {
    Ok(conn
        .prepare_cached("SELECT seq FROM arrival WHERE id = ?1")?
        .query_row([arrival.as_bytes()], |row| row.get(0))
        .optional()?)
}

/// All sequence numbers, in the order of commits.
pub(super) fn seqs(conn: &Connection) -> Result<Vec<i64>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT seq FROM arrival ORDER BY seq")?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A posting without its entries, and where it stands.
pub(super) fn head(conn: &Connection, seq: i64) -> Result<(Head, Placed), StoreError> {
    let (revision, source, bytes) =
        conn.prepare_cached("SELECT revision, source, head FROM arrival WHERE seq = ?1")?
            .query_row([seq], |row| Ok((row.get::<_, u64>(0)?, row.get(1)?, row.get::<_, Vec<u8>>(2)?)))?;
    let head = Head::decode(&bytes)?;
    let table = names::table_id(conn, &head.arrival.table)?;
    Ok((head, Placed { seq, revision: Revision(revision), table, source }))
}

/// Reads a whole posting. Entries of records whose key was destroyed are not in it.
pub(super) fn read(conn: &Connection, vault: &mut Vault, seq: i64) -> Result<(Posting, Placed), StoreError> {
    let (head, placed) = head(conn, seq)?;
    let mut reviews = Vec::with_capacity(head.reviews.len());
    for change in head.reviews {
        reviews.push(match change {
            HeadReview::Open(frame, sealed) => {
                let cells = match &sealed {
                    Some(sealed) => review::unseal_cells(conn, vault, &frame, sealed)?,
                    None => ReviewCells::default(),
                };
                ReviewChange::Open(Box::new(frame.with(cells)))
            }
            HeadReview::Close { id, how } => ReviewChange::Close { id, how },
        });
    }
    let records = read_entries(conn, vault, &head.arrival, placed)?;
    let posting = Posting {
        arrival: head.arrival,
        rules: head.rules,
        records,
        reviews,
        state: head.state,
        problems: head.problems,
    };
    Ok((posting, placed))
}

fn read_entries(
    conn: &Connection,
    vault: &mut Vault,
    arrival: &Arrival,
    placed: Placed,
) -> Result<Vec<RecordEntry>, StoreError> {
    let mut statement =
        conn.prepare_cached("SELECT records, entries FROM entry_block WHERE seq = ?1 ORDER BY block")?;
    let mut rows = statement.query([placed.seq])?;
    let mut all = Vec::new();
    staged(
        || {
            let Some(row) = rows.next()? else { return Ok(None) };
            let records = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?.as_chunks::<16>().0.to_vec();
            let keys = vault.keys(&records)?;
            Ok(Some((records, keys, row.get::<_, Vec<u8>>(1)?)))
        },
        |(records, keys, packed)| {
            let parts = parts(&packed, records.len())?;
            let mut entries = Vec::with_capacity(records.len());
            for ((record, key), sealed) in records.into_iter().zip(keys).zip(parts) {
                if let Some(key) = key {
                    entries.push(open_entry(placed.table, record, arrival.id, &key, sealed)?);
                }
            }
            Ok(entries)
        },
        |entries| {
            all.extend(entries);
            Ok(ControlFlow::Continue(()))
        },
    )?;
    Ok(all)
}

fn parts(packed: &[u8], count: usize) -> Result<Vec<&[u8]>, StoreError> {
    unpack(packed)
        .filter(|parts| parts.len() == count)
        .ok_or_else(|| StoreError::Unreadable("a block of journal entries".to_owned()))
}

fn open_entry(
    table: u32,
    record: [u8; 16],
    arrival: ArrivalId,
    key: &DataKey,
    sealed: &[u8],
) -> Result<RecordEntry, StoreError> {
    let record = RecordId::from_bytes(record);
    let plain = unseal(key, &context(table, &record, arrival.as_bytes()), sealed)
        .map_err(|_| StoreError::Unreadable(format!("a journal entry of record {record}")))?;
    decode_entry(record, &plain)
}

/// Reads the entry of one record in one block; `None` if its key was destroyed.
pub(super) fn entry(
    conn: &Connection,
    vault: &mut Vault,
    (placed, arrival): (Placed, ArrivalId),
    block: u64,
    record: RecordId,
) -> Result<Option<RecordEntry>, StoreError> {
    let Some(key) = vault.key(record.as_bytes())? else { return Ok(None) };
    let missing = || StoreError::Unreadable(format!("the journal, where record {record} should be"));
    let (records, packed) = conn
        .prepare_cached("SELECT records, entries FROM entry_block WHERE seq = ?1 AND block = ?2")?
        .query_row(params![placed.seq, block], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?)))
        .optional()?
        .ok_or_else(missing)?;
    let records = records.as_chunks::<16>().0;
    let index = records.iter().position(|id| id == record.as_bytes()).ok_or_else(missing)?;
    let parts = parts(&packed, records.len())?;
    open_entry(placed.table, records[index], arrival, &key, parts[index]).map(Some)
}
