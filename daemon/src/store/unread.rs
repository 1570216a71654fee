//! Which sources could not be read when they were last tried, and why.
//!
//! Nothing follows from it: it is for people who ask how things are while the daemon runs. It is no part of the journal,
//! and a file that has been read again is in it no longer.

use rusqlite::{Connection, params};

use crate::model::{Problem, SourceName, Timestamp};

use super::Store;
use super::error::StoreError;

/// A source that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// When that was found first.
    pub at: Timestamp,
    /// What is wrong.
    pub problem: Problem,
}

/// Remembers what can't be read.
impl Store {
    /// Notes that a source's file could not be read. The same problem again changes nothing.
    pub fn note_unread(&mut self, source: &SourceName, at: Timestamp, problem: &Problem) -> Result<(), StoreError> {
        self.conn
            .prepare_cached(
                "INSERT INTO unread (source, at, place, code, message, hint) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (source) DO UPDATE SET
                     at = excluded.at, place = excluded.place, code = excluded.code,
                     message = excluded.message, hint = excluded.hint
                 WHERE code <> excluded.code OR message <> excluded.message",
            )?
            .execute(params![source.as_str(), at.0, problem.place, problem.code, problem.message, problem.hint])?;
        Ok(())
    }

    /// Notes that a source's file has been read.
    pub fn note_read(&mut self, source: &SourceName) -> Result<(), StoreError> {
        // A look first: almost always there is nothing to write.
        if self.conn.prepare_cached("SELECT 1 FROM unread WHERE source = ?1")?.exists([source.as_str()])? {
            self.conn.prepare_cached("DELETE FROM unread WHERE source = ?1")?.execute([source.as_str()])?;
        }
        Ok(())
    }

    /// What could not be read, by source.
    pub fn unread(&self) -> Result<Vec<Unread>, StoreError> {
        all(&self.conn)
    }
}

fn all(conn: &Connection) -> Result<Vec<Unread>, StoreError> {
    let mut statement =
        conn.prepare_cached("SELECT source, at, place, code, message, hint FROM unread ORDER BY source")?;
    let rows = statement.query_map([], |row| {
        let (source, place, code) = (row.get(0)?, row.get(2)?, row.get(3)?);
        let problem = Problem { source, place, code, message: row.get(4)?, hint: row.get(5)? };
        Ok(Unread { at: Timestamp(row.get(1)?), problem })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
