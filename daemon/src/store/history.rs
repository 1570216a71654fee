//! What happened: the history of a record, and the list of arrivals.

use compact_str::CompactString;
use rusqlite::{Connection, OptionalExtension, params};

use crate::model::entry::RecordEntry;
use crate::model::{Arrival, ArrivalId, RecordId, Revision, SourceName};

use super::error::StoreError;
use super::format::{Head, decode, take_number};
use super::journal::{self, Tally};
use super::ledger;
use super::names;
use super::vault::Vault;

/// What one arrival said of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryItem {
    /// The arrival.
    pub arrival: Arrival,
    /// The revision that it made.
    pub revision: Revision,
    /// The names of the rules that the entry's cells point at.
    pub rules: Vec<CompactString>,
    /// What it said.
    pub entry: RecordEntry,
}

/// An arrival in the list of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArrivalLine {
    /// The arrival.
    pub arrival: Arrival,
    /// The revision that it made.
    pub revision: Revision,
    /// What became of its cells.
    pub tally: Tally,
}

/// Which arrivals to list.
#[derive(Clone, Debug, Default)]
pub struct ArrivalFilter {
    /// Only this source's.
    pub source: Option<SourceName>,
    /// Only those before this revision: where the page before ended.
    pub before: Option<Revision>,
    /// At most so many; `None`: all.
    pub limit: Option<u32>,
}

/// The entries that say something of a record, oldest first; empty if there is no such record.
pub(super) fn of_record(
    conn: &Connection,
    vault: &mut Vault,
    record: RecordId,
) -> Result<Vec<HistoryItem>, StoreError> {
    let mut items = Vec::new();
    for (table, _) in names::tables(conn)? {
        let Some(row) = ledger::find(conn, table, record.as_bytes())? else { continue };
        let mut places = row.history.as_slice();
        while !places.is_empty() {
            let (seq, block) = take_number(&mut places)
                .zip(take_number(&mut places))
                .ok_or_else(|| StoreError::Unreadable(format!("the history of record {record}")))?;
            let seq =
                i64::try_from(seq).map_err(|_| StoreError::Unreadable(format!("the history of record {record}")))?;
            let (head, placed) = journal::head(conn, seq)?;
            if let Some(entry) = journal::entry(conn, vault, (placed, head.arrival.id), block, record)? {
                items.push(HistoryItem { arrival: head.arrival, revision: placed.revision, rules: head.rules, entry });
            }
        }
    }
    Ok(items)
}

/// Arrivals, newest first.
pub(super) fn arrivals(conn: &Connection, filter: &ArrivalFilter) -> Result<Vec<ArrivalLine>, StoreError> {
    let source = match &filter.source {
        Some(name) => match names::source_id(conn, name)? {
            Some(id) => Some(id),
            None => return Ok(Vec::new()),
        },
        None => None,
    };
    // With the source alone the index finds the newest ones; a source that has few must not cost a look at all others.
    let condition = if source.is_some() { "source = ?1" } else { "?1 IS NULL" };
    let mut statement = conn.prepare_cached(&format!(
        "SELECT revision, tally, head FROM arrival WHERE {condition} AND revision < ?2 ORDER BY seq DESC LIMIT ?3",
    ))?;
    let before = filter.before.map_or(i64::MAX, journal::number);
    let mut rows = statement.query(params![source, before, filter.limit.map_or(-1, i64::from)])?;
    let mut lines = Vec::new();
    while let Some(row) = rows.next()? {
        let head = Head::decode(row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?)?;
        lines.push(ArrivalLine {
            arrival: head.arrival,
            revision: Revision(row.get(0)?),
            tally: decode(row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?, "an arrival")?,
        });
    }
    Ok(lines)
}

/// One arrival.
pub(super) fn arrival(conn: &Connection, id: ArrivalId) -> Result<Option<Arrival>, StoreError> {
    let head: Option<Vec<u8>> = conn
        .prepare_cached("SELECT head FROM arrival WHERE id = ?1")?
        .query_row([id.as_bytes()], |row| row.get(0))
        .optional()?;
    head.map(|head| Ok(Head::decode(&head)?.arrival)).transpose()
}
