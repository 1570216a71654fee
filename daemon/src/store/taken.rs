//! Which mails were taken, and where reading of each mailbox began: what makes a mail count once.
//!
//! A mail is known by its id, which its server gives to no other, and by the hash of its bytes. That it was taken is written in the transaction of its
//! arrival. It is no part of the journal: a rebuild leaves it alone.

use rusqlite::{Connection, OptionalExtension, params};

use crate::model::{ArrivalId, OutgoingMail, SourceName, Timestamp};

use super::error::StoreError;
use super::refused::{self, Refusal};
use super::vault::Vault;
use super::{Store, mails};

/// A mail of which something has become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenMail {
    /// The mailbox.
    pub mailbox: SourceName,
    /// Its id, as the source writes it.
    pub id: Vec<u8>,
    /// SHA-256 of its bytes; `None` if it was put aside without having been read.
    pub sha256: Option<[u8; 32]>,
    /// Why it can't be taken, or is nobody's: it is put aside.
    pub refusal: Option<Refusal>,
    /// The arrival that it made.
    pub arrival: Option<ArrivalId>,
}

/// Notes a mail. One that is known stays as it was noted first.
pub(super) fn note(conn: &Connection, vault: &mut Vault, mail: &TakenMail, now: Timestamp) -> Result<(), StoreError> {
    let arrival = mail.arrival.map(|arrival| *arrival.as_bytes());
    conn.prepare_cached(
        "INSERT INTO taken_mail (mailbox, id, sha256, at, refused, arrival) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT DO NOTHING",
    )?
    .execute(params![mail.mailbox.as_str(), mail.id, mail.sha256, now.0, mail.refusal.is_some(), arrival])?;
    refused::note(conn, vault, mail, now)
}

/// What became of mails, and where reading began.
impl Store {
    /// Notes a mail that made no arrival, and queues what is to be answered, in one transaction.
    pub fn note_taken(&mut self, mail: &TakenMail, answers: &[OutgoingMail], now: Timestamp) -> Result<(), StoreError> {
        let transaction = self.conn.transaction()?;
        let vault = self.vault.get_mut();
        note(&transaction, vault, mail, now)?;
        mails::queue(&transaction, vault, answers, now)?;
        transaction.commit()?;
        Ok(())
    }

    /// What became of a mail by its id: whether it was refused; `None` if it is not known.
    pub fn taken_by_id(&self, mailbox: &SourceName, id: &[u8]) -> Result<Option<bool>, StoreError> {
        let mut find = self.conn.prepare_cached("SELECT refused FROM taken_mail WHERE mailbox = ?1 AND id = ?2")?;
        Ok(find.query_row(params![mailbox.as_str(), id], |row| row.get(0)).optional()?)
    }

    /// Whether a mail with these bytes was taken. One that was only refused was not: it may be judged anew.
    pub fn is_taken(&self, mailbox: &SourceName, sha256: &[u8; 32]) -> Result<bool, StoreError> {
        let mut find = self.conn.prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM taken_mail WHERE mailbox = ?1 AND sha256 = ?2 AND refused = 0)",
        )?;
        Ok(find.query_row(params![mailbox.as_str(), sha256], |row| row.get(0))?)
    }

    /// Where reading of a mailbox began, as the source wrote it.
    pub fn mailbox_progress(&self, mailbox: &SourceName) -> Result<Option<Vec<u8>>, StoreError> {
        let mut find = self.conn.prepare_cached("SELECT progress FROM mailbox WHERE name = ?1")?;
        Ok(find.query_row([mailbox.as_str()], |row| row.get(0)).optional()?)
    }

    /// Keeps where reading of a mailbox began.
    pub fn keep_mailbox_progress(&mut self, mailbox: &SourceName, progress: &[u8]) -> Result<(), StoreError> {
        self.conn
            .prepare_cached(
                "INSERT INTO mailbox (name, progress) VALUES (?1, ?2)
                 ON CONFLICT (name) DO UPDATE SET progress = excluded.progress WHERE progress <> excluded.progress",
            )?
            .execute(params![mailbox.as_str(), progress])?;
        Ok(())
    }
}
