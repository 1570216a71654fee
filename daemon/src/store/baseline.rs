//! Baselines: what each source showed, state by state, and the hashes of its rows.
//!
//! Rows lie in pages of up to 64 records, ascending by record; a page covers the records from its `first` up to the
//! next page's. A state that changes a row writes the row's page anew, with the state's number in `since`; all other
//! pages are shared with the states before. State `k` is, for each `first`, the page with the greatest `since` up to
//! `k`. Ids and hashes lie apart from the sealed cells, so that finding the unchanged rows of a sheet decrypts nothing.

use std::collections::HashMap;
use std::ops::{ControlFlow, Range};

use rusqlite::{Connection, OptionalExtension, params};

use crate::model::entry::{Posting, Presence, RecordEntry};
use crate::model::{ArrivalId, ArrivalKind, Cell, FieldId, Mark, RecordId, RowHash, SourceName, StateNo, Timestamp};

use super::error::StoreError;
use super::format::{Cells, decode, encode, pack, unpack};
use super::journal::{Placed, have};
use super::lanes::staged;
use super::seal::{Context, DataKey, Nonce, Part, Subject, seal, unseal};
use super::vault::Vault;

/// Records of a page. A changed row rewrites its page: about 2 KB of ids and hashes and 12 KB of cells.
const PAGE_ROWS: usize = 64;
/// Entries that are worked on together where they fall into one page's range, as at a first sync.
const PIECE_ENTRIES: usize = 512;
/// States of each kind that are always kept: copies that people had open and save late descend from them.
const STATES_KEPT: usize = 16;
/// Younger states are kept too …
const STATES_KEPT_MS: i64 = 30 * 24 * 60 * 60 * 1000;
/// … up to so many in all.
const STATES_MAX: usize = 64;

const ROW_BYTES: usize = 16 + 16 + 1 + 4;
const FIRST: Subject = [0; 16];

/// A row of a state: whose it is and what hash it had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexRow {
    /// Whose.
    pub record: RecordId,
    /// The row's hash; unknown for a row that Daybook wrote, and for one that is missing.
    pub hash: RowHash,
    /// The row was there once and is gone; its last cells are kept, in case it comes back.
    pub missing: bool,
}

/// A state of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceState {
    /// Its number.
    pub no: StateNo,
    /// Daybook wrote it; otherwise it was seen.
    pub written: bool,
    /// When.
    pub at: Timestamp,
    /// The arrival that made it.
    pub arrival: ArrivalId,
    /// What the file said of itself. For a written state `mark.revision` is the revision at which it was written.
    pub mark: Mark,
}

/// A row with the state that last changed its cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct KeptRow {
    record: Subject,
    hash: u128,
    missing: bool,
    changed: u32,
}

impl KeptRow {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.record);
        out.extend_from_slice(&self.hash.to_le_bytes());
        out.push(u8::from(self.missing));
        out.extend_from_slice(&self.changed.to_le_bytes());
    }

    fn read(bytes: &[u8; ROW_BYTES]) -> Self {
        let (record, rest) = bytes.split_first_chunk::<16>().expect("invariant: 37 bytes");
        let (hash, rest) = rest.split_first_chunk::<16>().expect("invariant: 21 bytes");
        let changed = rest.last_chunk::<4>().expect("invariant: 5 bytes");
        Self {
            record: *record,
            hash: u128::from_le_bytes(*hash),
            missing: rest[0] != 0,
            changed: u32::from_le_bytes(*changed),
        }
    }

    fn index_row(self) -> IndexRow {
        IndexRow { record: RecordId::from_bytes(self.record), hash: RowHash(self.hash), missing: self.missing }
    }
}

fn read_rows(bytes: &[u8]) -> Vec<KeptRow> {
    bytes.as_chunks::<ROW_BYTES>().0.iter().map(KeptRow::read).collect()
}

// ---- writing ------------------------------------------------------------------------------------------------------

/// Entries that fall into the range of one page.
struct Unit {
    /// The page that covers them; `None` if the source has none yet.
    page: Option<Subject>,
    /// The first id of the range that this unit rewrites: the page's own, or where a piece of many entries begins.
    start: Subject,
    /// Where the range ends.
    end: Option<Subject>,
    /// Which entries, in the order of ids.
    entries: Range<usize>,
    /// The page's range is cut into several units, so all of its cells move.
    cut: bool,
}

/// A unit with all that is needed to work on it.
struct Loaded<'a> {
    unit: Unit,
    rows: Vec<KeptRow>,
    /// The sealed cells of each row; `None` if only hashes change.
    cells: Option<Vec<Vec<u8>>>,
    entries: Vec<(usize, &'a RecordEntry)>,
    keys: Vec<Option<DataKey>>,
    nonces: Vec<Nonce>,
}

/// Filled cells by the entry's place in the posting.
type Counts = Vec<(usize, u16)>;

/// A page as it is to be written.
struct NewPage {
    first: Subject,
    rows: Vec<u8>,
    cells: Option<Vec<u8>>,
}

/// Makes the source's next state from a posting. Fills in, for each entry, how many filled cells its row has now.
pub(super) fn advance(
    conn: &Connection,
    vault: &mut Vault,
    posting: &Posting,
    placed: Placed,
    filled: &mut [u16],
) -> Result<(), StoreError> {
    let Some(advance) = &posting.state else { return Ok(()) };
    let newest = newest(conn, placed.source)?;
    if advance.after.map(|no| no.0) != newest {
        return Err(StoreError::Posting(format!(
            "its baselines follow state {:?} of the source, whose newest is {newest:?}",
            advance.after.map(|no| no.0)
        )));
    }
    let state = newest.unwrap_or(0) + 1;
    let mut entries: Vec<(usize, &RecordEntry)> =
        posting.records.iter().enumerate().filter(|(_, entry)| entry.presence != Presence::Elsewhere).collect();
    entries.sort_unstable_by_key(|(_, entry)| entry.record);
    write_pages(conn, vault, placed, state, &entries, filled)?;
    conn.prepare_cached("INSERT INTO source_state VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?.execute(params![
        placed.source,
        state,
        posting.arrival.kind == ArrivalKind::Publication,
        posting.arrival.at.0,
        posting.arrival.id.as_bytes(),
        encode(&posting.arrival.mark).as_slice()
    ])?;
    prune(conn, placed.source, posting.arrival.at)
}

fn write_pages(
    conn: &Connection,
    vault: &mut Vault,
    placed: Placed,
    state: u32,
    entries: &[(usize, &RecordEntry)],
    filled: &mut [u16],
) -> Result<(), StoreError> {
    let mut units = plan(conn, placed.source, entries)?.into_iter();
    let mut insert_rows =
        conn.prepare_cached("INSERT INTO baseline_rows (source, first, since, rows) VALUES (?1, ?2, ?3, ?4)")?;
    let mut insert_cells =
        conn.prepare_cached("INSERT INTO baseline_cells (source, first, since, cells) VALUES (?1, ?2, ?3, ?4)")?;
    staged(
        || units.next().map(|unit| load(conn, vault, placed.source, unit, entries)).transpose(),
        |loaded| work(loaded, placed, state),
        |(pages, counts)| {
            for page in pages {
                insert_rows.execute(params![placed.source, page.first, state, page.rows])?;
                if let Some(cells) = page.cells {
                    insert_cells.execute(params![placed.source, page.first, state, cells])?;
                }
            }
            for (index, count) in counts {
                filled[index] = count;
            }
            Ok(ControlFlow::Continue(()))
        },
    )
}

/// Finds the pages that entries, ascending by record, fall into.
fn plan(conn: &Connection, source: u32, entries: &[(usize, &RecordEntry)]) -> Result<Vec<Unit>, StoreError> {
    let mut page_of = conn.prepare_cached(
        "SELECT first FROM baseline_rows WHERE source = ?1 AND first <= ?2 ORDER BY first DESC LIMIT 1",
    )?;
    let mut page_after =
        conn.prepare_cached("SELECT min(first) FROM baseline_rows WHERE source = ?1 AND first > ?2")?;
    let mut units = Vec::new();
    let mut at = 0;
    while let Some((_, entry)) = entries.get(at) {
        let id = entry.record.as_bytes();
        let page: Option<Subject> = page_of.query_row(params![source, id], |row| row.get(0)).optional()?;
        let end: Option<Subject> = page_after.query_row(params![source, id], |row| row.get(0))?;
        let count = entries[at..].partition_point(|(_, entry)| end.is_none_or(|end| *entry.record.as_bytes() < end));
        let cut = count > PIECE_ENTRIES;
        for from in (at..at + count).step_by(PIECE_ENTRIES) {
            let to = (from + PIECE_ENTRIES).min(at + count);
            units.push(Unit {
                page,
                start: if from == at { page.unwrap_or(FIRST) } else { *entries[from].1.record.as_bytes() },
                end: if to == at + count { end } else { Some(*entries[to].1.record.as_bytes()) },
                entries: from..to,
                cut,
            });
        }
        at += count;
    }
    Ok(units)
}

fn load<'a>(
    conn: &Connection,
    vault: &mut Vault,
    source: u32,
    unit: Unit,
    entries: &[(usize, &'a RecordEntry)],
) -> Result<Loaded<'a>, StoreError> {
    let entries = entries[unit.entries.clone()].to_vec();
    let inside = |record: &Subject| *record >= unit.start && unit.end.is_none_or(|end| *record < end);
    let mut rows = Vec::new();
    let mut cells = Some(Vec::new());
    if let Some(first) = unit.page {
        let all = read_rows(&page(conn, Half::Rows, source, first, u32::MAX)?);
        rows.extend(all.iter().filter(|row| inside(&row.record)).copied());
        let known = |id: &Subject| rows.binary_search_by_key(id, |row| row.record).is_ok();
        let only_hashes =
            !unit.cut && entries.iter().all(|(_, entry)| entry.cells.is_empty() && known(entry.record.as_bytes()));
        cells = if only_hashes {
            None
        } else {
            let packed = page(conn, Half::Cells, source, first, u32::MAX)?;
            let parts = cell_parts(&packed, all.len())?;
            let moved = all.iter().zip(parts).filter(|(row, _)| inside(&row.record));
            Some(moved.map(|(_, part)| part.to_vec()).collect())
        };
    }
    let records: Vec<Subject> = entries.iter().map(|(_, entry)| *entry.record.as_bytes()).collect();
    let keys = vault.keys(&records)?;
    let nonces = vault.nonces(entries.len());
    Ok(Loaded { unit, rows, cells, entries, keys, nonces })
}

/// Merges the entries into the rows, and cuts the result into pages.
fn work(mut loaded: Loaded<'_>, placed: Placed, state: u32) -> Result<(Vec<NewPage>, Counts), StoreError> {
    let mut counts = Vec::with_capacity(loaded.entries.len());
    let mut rows = Vec::with_capacity(loaded.rows.len() + loaded.entries.len());
    let mut cells = Vec::with_capacity(rows.capacity());
    let mut old = 0;
    let with_cells = loaded.cells.is_some();
    let mut old_cells = loaded.cells.take().unwrap_or_default();
    for ((&(index, entry), key), nonce) in loaded.entries.iter().zip(&loaded.keys).zip(&loaded.nonces) {
        let id = *entry.record.as_bytes();
        while old < loaded.rows.len() && loaded.rows[old].record < id {
            rows.push(loaded.rows[old]);
            cells.extend(old_cells.get_mut(old).map(std::mem::take));
            old += 1;
        }
        let known = loaded.rows.get(old).filter(|row| row.record == id).copied();
        let sealed = known.and_then(|_| old_cells.get_mut(old).map(std::mem::take));
        old += usize::from(known.is_some());
        rows.push(next_row(entry, known, state));
        if !with_cells {
            continue;
        }
        let sealed = match sealed {
            Some(sealed) if entry.cells.is_empty() => sealed,
            sealed => {
                let key = have(key.as_ref())?;
                let merged = merged(key, placed, entry, sealed.as_deref())?;
                let is_filled = |(field, cell): &&(FieldId, Cell)| *cell != Cell::Blank && *field != FieldId::ANSWER;
                let count = merged.iter().filter(is_filled).count();
                counts.push((index, u16::try_from(count).unwrap_or(u16::MAX)));
                seal(key, nonce, &context(placed.table, placed.source, &id), &encode(&merged))
            }
        };
        cells.push(sealed);
    }
    rows.extend_from_slice(&loaded.rows[old..]);
    cells.extend(old_cells.drain(..).skip(old));
    Ok((cut(loaded.unit.start, &rows, with_cells.then_some(&cells)), counts))
}

fn next_row(entry: &RecordEntry, known: Option<KeptRow>, state: u32) -> KeptRow {
    let missing = entry.presence == Presence::Missing;
    let same = known.filter(|row| entry.cells.is_empty() && row.missing == missing);
    KeptRow {
        record: *entry.record.as_bytes(),
        // A row that is gone can't be recognised by its hash: if it comes back, it is read.
        hash: if missing { 0 } else { entry.hash.0 },
        missing,
        changed: same.map_or(state, |row| row.changed),
    }
}

/// The cells that the source was known to show, with what the entry says it shows now.
fn merged(key: &DataKey, placed: Placed, entry: &RecordEntry, sealed: Option<&[u8]>) -> Result<Cells, StoreError> {
    let known = match sealed {
        Some(sealed) => open(key, placed.table, placed.source, entry.record.as_bytes(), sealed)?,
        None => Vec::new(),
    };
    if known.is_empty() {
        return Ok(entry.cells.iter().map(|cell| (cell.field, cell.seen.clone())).collect());
    }
    let mut merged: Cells = Vec::with_capacity(known.len() + entry.cells.len());
    let mut known = known.into_iter().peekable();
    for cell in &entry.cells {
        while let Some(before) = known.next_if(|(field, _)| *field < cell.field) {
            merged.push(before);
        }
        known.next_if(|(field, _)| *field == cell.field);
        merged.push((cell.field, cell.seen.clone()));
    }
    merged.extend(known);
    Ok(merged)
}

fn cut(start: Subject, rows: &[KeptRow], cells: Option<&Vec<Vec<u8>>>) -> Vec<NewPage> {
    let mut pages = Vec::with_capacity(rows.len() / PAGE_ROWS + 1);
    for (number, page) in rows.chunks(PAGE_ROWS).enumerate() {
        let from = number * PAGE_ROWS;
        let mut bytes = Vec::with_capacity(page.len() * ROW_BYTES);
        for row in page {
            row.write(&mut bytes);
        }
        pages.push(NewPage {
            first: if number == 0 { start } else { page[0].record },
            rows: bytes,
            cells: cells.map(|cells| pack(cells[from..from + page.len()].iter().map(Vec::as_slice))),
        });
    }
    pages
}

fn context(table: u32, source: u32, record: &Subject) -> Context<'_> {
    Context { table, record, part: Part::Baseline(source), key: record }
}

fn open(key: &DataKey, table: u32, source: u32, record: &Subject, sealed: &[u8]) -> Result<Cells, StoreError> {
    let plain = unseal(key, &context(table, source, record), sealed)
        .map_err(|_| StoreError::Unreadable(format!("a baseline of record {}", RecordId::from_bytes(*record))))?;
    decode(&plain, "a baseline")
}

fn cell_parts(packed: &[u8], count: usize) -> Result<Vec<&[u8]>, StoreError> {
    unpack(packed)
        .filter(|parts| parts.len() == count)
        .ok_or_else(|| StoreError::Unreadable("a page of baselines".to_owned()))
}

// ---- states -------------------------------------------------------------------------------------------------------

fn newest(conn: &Connection, source: u32) -> Result<Option<u32>, StoreError> {
    Ok(conn
        .prepare_cached("SELECT max(no) FROM source_state WHERE source = ?1")?
        .query_row([source], |row| row.get(0))?)
}

/// The states of a source that are kept, newest first.
pub(super) fn states(conn: &Connection, source: u32) -> Result<Vec<SourceState>, StoreError> {
    let mut statement = conn
        .prepare_cached("SELECT no, written, at, arrival, mark FROM source_state WHERE source = ?1 ORDER BY no DESC")?;
    let mut rows = statement.query([source])?;
    let mut states = Vec::new();
    while let Some(row) = rows.next()? {
        states.push(SourceState {
            no: StateNo(row.get(0)?),
            written: row.get(1)?,
            at: Timestamp(row.get(2)?),
            arrival: ArrivalId::from_bytes(row.get(3)?),
            mark: decode(row.get_ref(4)?.as_blob().map_err(rusqlite::Error::from)?, "a source's state")?,
        });
    }
    Ok(states)
}

/// Drops the states that are too many, and the pages that only they used. `now` is the posting's time and not the
/// clock's, so that a replay drops the same.
fn prune(conn: &Connection, source: u32, now: Timestamp) -> Result<(), StoreError> {
    let mut statement =
        conn.prepare_cached("SELECT no, written, at FROM source_state WHERE source = ?1 ORDER BY no DESC")?;
    let rows = statement.query_map([source], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let states: Vec<(u32, bool, i64)> = rows.collect::<Result<_, _>>()?;
    let mut of_kind = [0; 2];
    let mut kept = 0;
    for (no, written, at) in states {
        let count = &mut of_kind[usize::from(written)];
        *count += 1;
        let young = at >= now.0.saturating_sub(STATES_KEPT_MS) && kept < STATES_MAX;
        if *count <= STATES_KEPT || young {
            kept += 1;
        } else {
            drop_state(conn, source, no)?;
        }
    }
    Ok(())
}

fn drop_state(conn: &Connection, source: u32, no: u32) -> Result<(), StoreError> {
    conn.prepare_cached("DELETE FROM source_state WHERE source = ?1 AND no = ?2")?.execute([source, no])?;
    let (before, after): (Option<u32>, u32) = conn
        .prepare_cached(
            "SELECT (SELECT max(no) FROM source_state WHERE source = ?1 AND no < ?2),
                    (SELECT min(no) FROM source_state WHERE source = ?1 AND no > ?2)",
        )?
        .query_row([source, no], |row| Ok((row.get(0)?, row.get(1)?)))?;
    // A page that a later one replaced by the next kept state, and that came after the kept state before, is unused.
    // Looking from the replacements touches no page that is shared.
    for half in [Half::Rows, Half::Cells] {
        let table = half.table();
        conn.prepare_cached(&format!(
            "DELETE FROM {table} WHERE rowid IN (
                 SELECT (SELECT old.rowid FROM {table} old
                         WHERE old.source = new.source AND old.first = new.first AND old.since < new.since
                               AND old.since > ?4
                         ORDER BY old.since DESC LIMIT 1)
                 FROM {table} new WHERE new.source = ?1 AND new.since > ?2 AND new.since <= ?3)"
        ))?
        .execute(params![source, no, after, before.unwrap_or(0)])?;
    }
    Ok(())
}

// ---- reading ------------------------------------------------------------------------------------------------------

/// The two halves of a page.
#[derive(Clone, Copy)]
enum Half {
    Rows,
    Cells,
}

impl Half {
    fn table(self) -> &'static str {
        match self {
            Self::Rows => "baseline_rows",
            Self::Cells => "baseline_cells",
        }
    }

    fn column(self) -> &'static str {
        match self {
            Self::Rows => "rows",
            Self::Cells => "cells",
        }
    }
}

/// Half of the page with this `first`, as it was at a state.
fn page(conn: &Connection, half: Half, source: u32, first: Subject, state: u32) -> Result<Vec<u8>, StoreError> {
    let (table, column) = (half.table(), half.column());
    conn.prepare_cached(&format!(
        "SELECT {column} FROM {table} WHERE source = ?1 AND first = ?2 AND since <= ?3 ORDER BY since DESC LIMIT 1"
    ))?
    .query_row(params![source, first, state], |row| row.get(0))
    .optional()?
    .ok_or_else(|| StoreError::Unreadable("a page of baselines".to_owned()))
}

/// Fails if the state is not kept.
pub(super) fn check_state(
    conn: &Connection,
    name: &SourceName,
    source: Option<u32>,
    state: StateNo,
) -> Result<u32, StoreError> {
    let unknown = || StoreError::UnknownState { name: name.to_string(), state: state.0 };
    let source = source.ok_or_else(unknown)?;
    let there = conn
        .prepare_cached("SELECT 1 FROM source_state WHERE source = ?1 AND no = ?2")?
        .exists(params![source, state.0])?;
    if there { Ok(source) } else { Err(unknown()) }
}

/// Calls `each` with the rows of every page of a state that was written after state `since`.
///
/// All pages come in the order of records; of a few, the index by state finds them without walking over the others.
fn for_each_page(
    conn: &Connection,
    source: u32,
    since: u32,
    state: u32,
    mut each: impl FnMut(&[u8]),
) -> Result<(), StoreError> {
    let (index, order) = if since == 0 { ("first", "ORDER BY first") } else { ("since", "") };
    let mut statement = conn.prepare_cached(&format!(
        "SELECT rows FROM baseline_rows here INDEXED BY baseline_rows_{index}
         WHERE source = ?1 AND since <= ?2 AND since > ?3 AND NOT EXISTS (
             SELECT 1 FROM baseline_rows later
             WHERE later.source = here.source AND later.first = here.first
                   AND later.since > here.since AND later.since <= ?2) {order}"
    ))?;
    let mut rows = statement.query(params![source, state, since])?;
    while let Some(row) = rows.next()? {
        each(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?);
    }
    Ok(())
}

/// All rows of a state, missing ones too, ascending by record.
pub(super) fn index(conn: &Connection, source: u32, state: StateNo) -> Result<Vec<IndexRow>, StoreError> {
    let mut all = Vec::new();
    for_each_page(conn, source, 0, state.0, |bytes| {
        all.extend(bytes.as_chunks::<ROW_BYTES>().0.iter().map(|row| KeptRow::read(row).index_row()));
    })?;
    Ok(all)
}

/// The records whose cells or presence changed after state `from` and up to state `to`.
pub(super) fn changes(conn: &Connection, source: u32, from: StateNo, to: StateNo) -> Result<Vec<RecordId>, StoreError> {
    let (from, to) = (from.min(to), from.max(to));
    let mut changed = Vec::new();
    for_each_page(conn, source, from.0, to.0, |bytes| {
        let rows = bytes.as_chunks::<ROW_BYTES>().0.iter().map(KeptRow::read);
        changed.extend(rows.filter(|row| row.changed > from.0).map(|row| RecordId::from_bytes(row.record)));
    })?;
    changed.sort_unstable();
    Ok(changed)
}

/// The rows of these records at a state, ascending by record; nothing for a record that it did not have.
pub(super) fn rows_of(
    conn: &Connection,
    source: u32,
    state: StateNo,
    records: &[RecordId],
) -> Result<Vec<IndexRow>, StoreError> {
    let mut wanted: Vec<Subject> = records.iter().map(|record| *record.as_bytes()).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let mut rest = wanted.as_slice();
    let mut found = Vec::with_capacity(wanted.len());
    while let Some(record) = rest.first() {
        let Some((first, end)) = page_at(conn, source, record, state)? else {
            rest = &rest[1..];
            continue;
        };
        let (here, further) = rest.split_at(rest.partition_point(|id| end.is_none_or(|end| *id < end)));
        rest = further;
        let rows = read_rows(&page(conn, Half::Rows, source, first, state.0)?);
        let row = |record: &Subject| rows.binary_search_by_key(record, |row| row.record).ok().map(|at| rows[at]);
        found.extend(here.iter().filter_map(row).map(KeptRow::index_row));
    }
    Ok(found)
}

/// What the source showed of these records at a state; nothing for a record that it did not have.
pub(super) fn cells(
    conn: &Connection,
    vault: &mut Vault,
    (table, source): (u32, u32),
    state: StateNo,
    records: &[RecordId],
) -> Result<HashMap<RecordId, Vec<(FieldId, Cell)>>, StoreError> {
    let mut wanted: Vec<Subject> = records.iter().map(|record| *record.as_bytes()).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let mut rest = wanted.as_slice();
    let mut found = HashMap::with_capacity(wanted.len());
    staged(
        || {
            while let Some(record) = rest.first() {
                let Some((first, end)) = page_at(conn, source, record, state)? else {
                    rest = &rest[1..];
                    continue;
                };
                let count = rest.partition_point(|id| end.is_none_or(|end| *id < end));
                let (here, further) = rest.split_at(count);
                rest = further;
                let rows = read_rows(&page(conn, Half::Rows, source, first, state.0)?);
                let packed = page(conn, Half::Cells, source, first, state.0)?;
                let keys = vault.keys(here)?;
                return Ok(Some((here, rows, packed, keys)));
            }
            Ok(None)
        },
        |(here, rows, packed, keys)| {
            let parts = cell_parts(&packed, rows.len())?;
            let mut opened = Vec::with_capacity(here.len());
            for (record, key) in here.iter().zip(keys) {
                let Ok(index) = rows.binary_search_by_key(record, |row| row.record) else { continue };
                let Some(key) = key else { continue };
                opened.push((RecordId::from_bytes(*record), open(&key, table, source, record, parts[index])?));
            }
            Ok(opened)
        },
        |opened| {
            found.extend(opened);
            Ok(ControlFlow::Continue(()))
        },
    )?;
    Ok(found)
}

/// The page that covered a record at a state, and where its range ended then.
fn page_at(
    conn: &Connection,
    source: u32,
    record: &Subject,
    state: StateNo,
) -> Result<Option<(Subject, Option<Subject>)>, StoreError> {
    let first: Option<Subject> = conn
        .prepare_cached(
            "SELECT first FROM baseline_rows WHERE source = ?1 AND first <= ?2 AND since <= ?3
             ORDER BY first DESC LIMIT 1",
        )?
        .query_row(params![source, record, state.0], |row| row.get(0))
        .optional()?;
    let Some(first) = first else { return Ok(None) };
    let end = conn
        .prepare_cached(
            "SELECT first FROM baseline_rows WHERE source = ?1 AND first > ?2 AND since <= ?3 ORDER BY first LIMIT 1",
        )?
        .query_row(params![source, record, state.0], |row| row.get(0))
        .optional()?;
    Ok(Some((first, end)))
}

/// Opens all cells of a page, into bytes that are equal if the cells are. For a comparison of two ledgers.
pub(super) fn open_page(
    conn: &Connection,
    vault: &mut Vault,
    source: u64,
    (first, since): (&[u8], u64),
    packed: &[u8],
) -> Result<Vec<u8>, StoreError> {
    let unreadable = || StoreError::Unreadable("a page of baselines".to_owned());
    let source = u32::try_from(source).map_err(|_| unreadable())?;
    let since = u32::try_from(since).map_err(|_| unreadable())?;
    // The rows that were written with these cells may have been dropped together with their state. All that stood beside
    // them since, until cells were written anew, are of the same records.
    let rows: Vec<u8> = conn
        .prepare_cached(
            "SELECT rows FROM baseline_rows WHERE source = ?1 AND first = ?2 AND since < coalesce(
                 (SELECT min(since) FROM baseline_cells WHERE source = ?1 AND first = ?2 AND since > ?3), ?4)
             ORDER BY since DESC LIMIT 1",
        )?
        .query_row(params![source, first, since, u32::MAX], |row| row.get(0))
        .optional()?
        .ok_or_else(unreadable)?;
    let rows = read_rows(&rows);
    let arrival: Subject = conn
        .prepare_cached("SELECT last_arrival FROM source WHERE source = ?1")?
        .query_row([source], |row| row.get(0))?;
    let seq = super::journal::seq_of(conn, ArrivalId::from_bytes(arrival))?.ok_or_else(unreadable)?;
    let table = super::journal::head(conn, seq)?.1.table;
    let mut all = Vec::new();
    for (row, part) in rows.iter().zip(cell_parts(packed, rows.len())?) {
        if let Some(key) = vault.key(&row.record)? {
            all.extend_from_slice(&encode(&open(&key, table, source, &row.record, part)?));
        }
    }
    Ok(all)
}
