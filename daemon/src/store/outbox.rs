//! The outbox: what has to be done outside once a posting is durable, such as writing a view.
//!
//! A task is written in the posting's own transaction and taken out when it is done, so it is done at least once;
//! whoever does it must be able to do it twice. It is no part of the journal: what has to be published follows from
//! the ledger at any time.

use compact_str::CompactString;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::model::{Revision, Timestamp};

use super::error::StoreError;
use super::journal::number;

/// After so many failures a task is parked: a person has to look.
pub const ATTEMPTS_MAX: u32 = 12;

/// Something to do. While one is pending, another of the same kind and target is the same one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Task {
    /// What to do: `publish` …
    pub kind: CompactString,
    /// To what: a view's name …
    pub target: String,
}

/// A task as it waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingTask {
    /// Its number.
    pub id: i64,
    /// What to do.
    pub task: Task,
    /// The newest revision that asked for it. If it was asked for again meanwhile, it is not done.
    pub revision: Revision,
    /// How often it failed.
    pub attempts: u32,
    /// Not before this.
    pub next_at: Timestamp,
    /// It failed too often and waits for a person, or for the next posting that asks for it.
    pub parked: bool,
    /// What went wrong last.
    pub error: Option<String>,
}

/// Adds tasks, or wakes them up.
pub(super) fn add(conn: &Connection, tasks: &[Task], revision: Revision, now: Timestamp) -> Result<(), StoreError> {
    let mut insert = conn.prepare_cached(
        "INSERT INTO outbox (kind, target, revision, attempts, next_at, parked) VALUES (?1, ?2, ?3, 0, ?4, 0)
         ON CONFLICT (kind, target) DO UPDATE SET
             revision = excluded.revision, attempts = 0, next_at = min(next_at, excluded.next_at), parked = 0",
    )?;
    for task in tasks {
        insert.execute(params![task.kind.as_str(), task.target, number(revision), now.0])?;
    }
    Ok(())
}

const COLUMNS: &str = "SELECT id, kind, target, revision, attempts, next_at, parked, error FROM outbox";

fn read_row(row: &Row<'_>) -> rusqlite::Result<PendingTask> {
    Ok(PendingTask {
        id: row.get(0)?,
        task: Task { kind: row.get_ref(1)?.as_str()?.into(), target: row.get(2)? },
        revision: Revision(row.get(3)?),
        attempts: row.get(4)?,
        next_at: Timestamp(row.get(5)?),
        parked: row.get(6)?,
        error: row.get(7)?,
    })
}

/// The tasks to do now, in the order in which they were asked for.
pub(super) fn due(conn: &Connection, now: Timestamp) -> Result<Vec<PendingTask>, StoreError> {
    let mut statement =
        conn.prepare_cached(&format!("{COLUMNS} WHERE parked = 0 AND next_at <= ?1 ORDER BY revision, id"))?;
    let rows = statement.query_map([now.0], read_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// All tasks that wait, parked ones too.
pub(super) fn all(conn: &Connection) -> Result<Vec<PendingTask>, StoreError> {
    let mut statement = conn.prepare_cached(&format!("{COLUMNS} ORDER BY revision, id"))?;
    let rows = statement.query_map([], read_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Takes a task out. False if it was asked for again since it was taken up: then it stays.
pub(super) fn done(conn: &Connection, task: &PendingTask) -> Result<bool, StoreError> {
    let gone = conn
        .prepare_cached("DELETE FROM outbox WHERE id = ?1 AND revision = ?2")?
        .execute(params![task.id, number(task.revision)])?;
    Ok(gone > 0)
}

/// Puts a task off, which is no failure: what it writes is in use.
pub(super) fn deferred(conn: &Connection, task: &PendingTask, why: &str, next_at: Timestamp) -> Result<(), StoreError> {
    conn.prepare_cached("UPDATE outbox SET error = ?3, next_at = ?4 WHERE id = ?1 AND revision = ?2")?
        .execute(params![task.id, number(task.revision), why, next_at.0])?;
    Ok(())
}

/// Makes tasks due that were put off. One that failed waits its time: what went wrong is not over because a file is closed.
pub(super) fn wake(conn: &Connection, now: Timestamp) -> Result<usize, StoreError> {
    let woken = conn
        .prepare_cached("UPDATE outbox SET next_at = ?1 WHERE parked = 0 AND attempts = 0 AND next_at > ?1")?
        .execute([now.0])?;
    Ok(woken)
}

/// Notes a failure and when to try again. True if the task is parked now.
pub(super) fn failed(
    conn: &Connection,
    task: &PendingTask,
    error: &str,
    next_at: Timestamp,
) -> Result<bool, StoreError> {
    let parked = conn
        .prepare_cached(
            "UPDATE outbox SET attempts = attempts + 1, error = ?3, next_at = ?4, parked = (attempts + 1 >= ?5)
             WHERE id = ?1 AND revision = ?2 RETURNING parked",
        )?
        .query_row(params![task.id, number(task.revision), error, next_at.0, ATTEMPTS_MAX], |row| row.get(0))
        .optional()?;
    Ok(parked.unwrap_or(false))
}
