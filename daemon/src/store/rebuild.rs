//! Replays the journal: into the store's own ledger, or beside it to compare.

use std::collections::HashMap;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Rows, TransactionBehavior};

use crate::model::{FieldId, RecordId, TableName};

use super::baseline;
use super::error::StoreError;
use super::format::{ReviewFrame, decode};
use super::journal;
use super::ledger;
use super::names;
use super::review;
use super::schema::{self, DERIVED, Options, Which};
use super::vault::Vault;

/// More differences than this are counted and not listed.
const LISTED_MAX: usize = 100;

/// What a comparison of the ledger with the journal found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Arrivals that were replayed.
    pub arrivals: u64,
    /// Rows that were compared.
    pub rows: u64,
    /// What differs, in words without any value; at most the first hundred.
    pub differences: Vec<String>,
    /// How many rows differ.
    pub differing: u64,
}

/// Empties the ledger and replays the whole journal into it, in one transaction. Returns the number of arrivals.
pub(super) fn rebuild(conn: &mut Connection, vault: &mut Vault) -> Result<u64, StoreError> {
    let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for table in DERIVED {
        transaction.execute_batch(&format!("DELETE FROM {table}"))?;
    }
    let count = replay(&transaction, &transaction, vault)?;
    transaction.commit()?;
    Ok(count)
}

/// Applies every posting of the journal in `from` to the ledger in `to`.
fn replay(from: &Connection, to: &Connection, vault: &mut Vault) -> Result<u64, StoreError> {
    let mut count = 0;
    for seq in journal::seqs(from)? {
        let (posting, placed) = journal::read(from, vault, seq)?;
        ledger::apply(to, vault, &posting, placed)?;
        count += 1;
    }
    Ok(count)
}

/// The greatest number that a template gave or met, over the whole journal.
pub(super) fn recount(
    conn: &Connection,
    vault: &mut Vault,
    table: &TableName,
    field: FieldId,
) -> Result<(), StoreError> {
    let id = names::table_id(conn, table)?;
    conn.prepare_cached("DELETE FROM number WHERE table_id = ?1 AND field = ?2")?
        .execute(rusqlite::params![id, field.0])?;
    let templates: HashMap<_, _> = names::templates(conn, id)?.into_iter().filter(|(id, _)| *id == field).collect();
    if templates.is_empty() {
        return Ok(());
    }
    let mut last = None;
    for seq in journal::seqs(conn)? {
        let (head, _) = journal::head(conn, seq)?;
        if head.arrival.table == *table {
            let (posting, _) = journal::read(conn, vault, seq)?;
            let cells = posting.records.iter().flat_map(|entry| &entry.cells);
            let numbers = cells.filter_map(|cell| ledger::number_in(&templates, field, ledger::posted(cell)?));
            last = numbers.chain(last).max();
        }
    }
    match last {
        Some(last) => ledger::keep_number(conn, id, field, last),
        None => Ok(()),
    }
}

/// Replays the journal beside the ledger and compares the two, values opened.
pub(super) fn check(conn: &mut Connection, vault: &mut Vault) -> Result<CheckReport, StoreError> {
    let live = conn.transaction()?;
    let mut fresh = schema::open_in_memory(Which::Main, Options::default())?;
    let fresh = fresh.transaction()?;
    names::copy(&live, &fresh)?;
    let mut report = CheckReport { arrivals: replay(&live, &fresh, vault)?, ..CheckReport::default() };
    for compared in COMPARED {
        compare(&live, &fresh, vault, compared, &mut report)?;
    }
    Ok(report)
}

/// A table with the key that it is compared by, and what of it is sealed.
struct Compared {
    name: &'static str,
    /// Columns in the order of the key; the number of those comes first.
    keys: usize,
    columns: &'static str,
    sealed: Option<Sealed>,
}

/// How the last column of a table is opened.
#[derive(Clone, Copy)]
enum Sealed {
    Record,
    Baseline,
    Review,
}

const COMPARED: &[Compared] = &[
    Compared {
        name: "record",
        keys: 2,
        columns: "table_id, id, version, archived, updated_at, revision, keys, history, body",
        sealed: Some(Sealed::Record),
    },
    Compared { name: "key_index", keys: 3, columns: "table_id, index_no, digest, record", sealed: None },
    Compared { name: "baseline_rows", keys: 3, columns: "source, first, since, rows", sealed: None },
    Compared {
        name: "baseline_cells",
        keys: 3,
        columns: "source, first, since, cells",
        sealed: Some(Sealed::Baseline),
    },
    Compared { name: "source_state", keys: 2, columns: "source, no, written, at, arrival, mark", sealed: None },
    Compared { name: "source", keys: 1, columns: "source, last_at, last_arrival, told", sealed: None },
    Compared {
        name: "review",
        keys: 1,
        columns: "id, at, frame, closed_how, closed_at, closed_by, cells",
        sealed: Some(Sealed::Review),
    },
    Compared { name: "number", keys: 2, columns: "table_id, field, last", sealed: None },
];

/// Walks both tables in the order of their keys.
fn compare(
    live: &Connection,
    fresh: &Connection,
    vault: &mut Vault,
    table: &Compared,
    report: &mut CheckReport,
) -> Result<(), StoreError> {
    let order: Vec<&str> = table.columns.split(", ").take(table.keys).collect();
    let sql = format!("SELECT {} FROM {} ORDER BY {}", table.columns, table.name, order.join(", "));
    let width = table.columns.split(", ").count();
    let mut live_statement = live.prepare(&sql)?;
    let mut fresh_statement = fresh.prepare(&sql)?;
    let (mut live_rows, mut fresh_rows) = (live_statement.query([])?, fresh_statement.query([])?);
    let (mut here, mut there) = (next(&mut live_rows, width)?, next(&mut fresh_rows, width)?);
    loop {
        let what = match (&here, &there) {
            (None, None) => return Ok(()),
            (Some(_), None) => Difference::Extra,
            (None, Some(_)) => Difference::Lacking,
            (Some(a), Some(b)) => match a.key(table).cmp(b.key(table)) {
                std::cmp::Ordering::Less => Difference::Extra,
                std::cmp::Ordering::Greater => Difference::Lacking,
                std::cmp::Ordering::Equal if same(live, vault, table, a, b)? => Difference::None,
                std::cmp::Ordering::Equal => Difference::Other,
            },
        };
        report.rows += 1;
        let row = if what == Difference::Lacking { &there } else { &here };
        report.note(table, row.as_ref(), what);
        if what != Difference::Lacking {
            here = next(&mut live_rows, width)?;
        }
        if what != Difference::Extra {
            there = next(&mut fresh_rows, width)?;
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Difference {
    None,
    Extra,
    Lacking,
    Other,
}

impl CheckReport {
    fn note(&mut self, table: &Compared, row: Option<&AnyRow>, what: Difference) {
        let words = match what {
            Difference::None => return,
            Difference::Extra => "is in the ledger and does not follow from the journal",
            Difference::Lacking => "follows from the journal and is not in the ledger",
            Difference::Other => "is not what follows from the journal",
        };
        self.differing += 1;
        if self.differences.len() < LISTED_MAX {
            let key =
                row.map_or(String::new(), |row| row.key(table).iter().map(Field::words).collect::<Vec<_>>().join(" "));
            self.differences.push(format!("{} {key} {words}", table.name));
        }
    }
}

/// A value of `SQLite`, ordered as `SQLite` orders it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Field {
    Null,
    Integer(i64),
    Text(Vec<u8>),
    Blob(Vec<u8>),
}

impl Field {
    fn words(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Integer(number) => number.to_string(),
            Self::Text(text) => String::from_utf8_lossy(text).into_owned(),
            Self::Blob(bytes) => match bytes.as_slice().try_into() {
                Ok(id) => RecordId::from_bytes(id).to_string(),
                Err(_) => format!("{} bytes", bytes.len()),
            },
        }
    }

    fn number(&self) -> u64 {
        if let Self::Integer(number) = self { u64::try_from(*number).unwrap_or(0) } else { 0 }
    }

    fn bytes(&self) -> &[u8] {
        if let Self::Blob(bytes) | Self::Text(bytes) = self { bytes } else { &[] }
    }
}

struct AnyRow(Vec<Field>);

impl AnyRow {
    fn key(&self, table: &Compared) -> &[Field] {
        &self.0[..table.keys]
    }
}

fn next(rows: &mut Rows<'_>, width: usize) -> Result<Option<AnyRow>, StoreError> {
    let Some(row) = rows.next()? else { return Ok(None) };
    let mut fields = Vec::with_capacity(width);
    for column in 0..width {
        fields.push(match row.get_ref(column)? {
            ValueRef::Null | ValueRef::Real(_) => Field::Null,
            ValueRef::Integer(number) => Field::Integer(number),
            ValueRef::Text(text) => Field::Text(text.to_vec()),
            ValueRef::Blob(bytes) => Field::Blob(bytes.to_vec()),
        });
    }
    Ok(Some(AnyRow(fields)))
}

/// Whether two rows with one key say the same. Sealed columns differ by their nonces and are opened.
fn same(conn: &Connection, vault: &mut Vault, table: &Compared, a: &AnyRow, b: &AnyRow) -> Result<bool, StoreError> {
    let Some(sealed) = table.sealed else { return Ok(a.0 == b.0) };
    let plain = a.0.len() - 1;
    if a.0[..plain] != b.0[..plain] {
        return Ok(false);
    }
    // What does not open in the live ledger is a difference; the replay was sealed a moment ago.
    let opened = |row: &AnyRow, vault: &mut Vault| match open(conn, vault, sealed, row) {
        Ok(opened) => Ok(Some(opened)),
        Err(StoreError::Unreadable(_)) => Ok(None),
        Err(error) => Err(error),
    };
    Ok(opened(a, vault)?.is_some_and(|a| matches!(opened(b, vault), Ok(Some(b)) if a == b)))
}

/// Opens the last column, into bytes that are equal if the values are.
fn open(conn: &Connection, vault: &mut Vault, sealed: Sealed, row: &AnyRow) -> Result<Vec<u8>, StoreError> {
    let fields = &row.0;
    let last = fields[fields.len() - 1].bytes();
    let unreadable = || StoreError::Unreadable("a row".to_owned());
    match sealed {
        Sealed::Record => {
            let id = fields[1].bytes().try_into().map_err(|_| unreadable())?;
            let table = u32::try_from(fields[0].number()).map_err(|_| unreadable())?;
            let Some(key) = vault.key(&id)? else { return Ok(Vec::new()) };
            let row = ledger::RecordRow {
                id,
                version: fields[2].number(),
                archived: false,
                updated_at: 0,
                revision: 0,
                keys: Vec::new(),
                history: Vec::new(),
                body: last.to_vec(),
            };
            Ok(super::format::encode(&ledger::open(&key, table, &row)?).to_vec())
        }
        Sealed::Review => {
            let frame: ReviewFrame = decode(fields[2].bytes(), "a review")?;
            if last.is_empty() {
                return Ok(Vec::new());
            }
            Ok(super::format::encode(&review::unseal_cells(conn, vault, &frame, last)?).to_vec())
        }
        Sealed::Baseline => {
            baseline::open_page(conn, vault, fields[0].number(), (fields[1].bytes(), fields[2].number()), last)
        }
    }
}
