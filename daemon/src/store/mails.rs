//! Mails to be sent: queued in the transaction of what they answer, kept until a server has them.
//!
//! A mail's bytes and its Message-ID are frozen when it is queued, so that trying again sends the very same mail. What is in
//! it is sealed under one key for all mails, derived from the master key: erasing a record does not reach into a mail that
//! waits. When it was sent, recipient and bytes are let go; that it was sent is kept for a while, as keyed digests, so that no
//! arrival is answered twice, a reply finds what it replies to, and a person is not flooded. All this is no part of the
//! journal: a rebuild leaves it alone.

use compact_str::CompactString;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::model::{ArrivalId, MailAddress, MessageId, OutgoingId, OutgoingMail, Timestamp};

use super::error::{CommitError, StoreError};
use super::keys::Secrets;
use super::seal::{Context, Part, seal, unseal};
use super::vault::Vault;
use super::{FaultPoint, Store, format, stop_at};

/// After so many failures that could have passed a mail is parked. With waits that double from half a minute to four hours
/// that is after four days: what RFC 5321 (4.5.4.1) asks for.
pub const MAIL_ATTEMPTS_MAX: u32 = 32;
/// How long it is kept that a mail was sent. A reply to an older one is not known as one.
const SENT_KEPT_MS: i64 = 400 * 24 * 3600 * 1000;

const PENDING: u8 = 0;
const PARKED: u8 = 1;
const SENT: u8 = 2;

/// A mail that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedMail {
    /// Which one.
    pub id: OutgoingId,
    /// What it is: `receipt` …
    pub kind: CompactString,
    /// Whom it is for.
    pub to: MailAddress,
    /// Its name for ever.
    pub message_id: MessageId,
    /// The arrival that it answers.
    pub answers: Option<ArrivalId>,
    /// When it was queued.
    pub created_at: Timestamp,
    /// How often it could not be sent.
    pub attempts: u32,
    /// Not before this.
    pub next_at: Timestamp,
    /// It waits for a person.
    pub parked: bool,
    /// Why it was not sent, in words.
    pub error: Option<String>,
}

/// How many mails wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MailCounts {
    /// They are sent when it is time.
    pub pending: u64,
    /// They wait for a person.
    pub parked: u64,
}

/// What is sealed of a mail beside its bytes.
#[derive(Serialize, Deserialize)]
struct Head {
    to: MailAddress,
    message_id: MessageId,
}

/// Queues mails. One that was queued before, or the same answer to the same person, is left as it is.
pub(super) fn queue(
    conn: &Connection,
    vault: &mut Vault,
    mails: &[OutgoingMail],
    now: Timestamp,
) -> Result<usize, StoreError> {
    let mut queued = 0;
    let mut insert = conn.prepare_cached(
        "INSERT INTO mail (id, kind, recipient, answers, created_at, attempts, next_at, state, head, body)
         VALUES (?1, ?2, ?3, ?4, ?5, 0, ?5, 0, ?6, ?7) ON CONFLICT DO NOTHING",
    )?;
    for mail in mails {
        let id = label_of(vault.secrets(), mail.message_id());
        let recipient = recipient_of(vault.secrets(), mail.to());
        let head = format::encode(&Head { to: mail.to().clone(), message_id: mail.message_id().clone() });
        let head = sealed(vault, &id, Part::MailHead, &head);
        let body = sealed(vault, &id, Part::MailBody, mail.bytes());
        let answers = mail.answers().map(|arrival| *arrival.as_bytes());
        queued += insert.execute(params![id, mail.kind(), recipient, answers, now.0, head, body])?;
    }
    Ok(queued)
}

/// Queues mails outside of a posting, hands out those that are due, and notes what became of them.
impl Store {
    /// Queues a mail that answers no arrival of its own: a digest. False if it, or the same answer, is queued already or was
    /// sent.
    pub fn queue_mail(&mut self, mail: &OutgoingMail, now: Timestamp) -> Result<bool, StoreError> {
        Ok(queue(&self.conn, self.vault.get_mut(), std::slice::from_ref(mail), now)? > 0)
    }

    /// The mails to send now, at most `max`; parked ones are not among them. One that failed comes after all that did not: it
    /// may be the reason why the server is gone whenever it is tried.
    pub fn mails_due(&self, now: Timestamp, max: usize) -> Result<Vec<QueuedMail>, StoreError> {
        let max = i64::try_from(max).unwrap_or(i64::MAX);
        self.list_mails(
            "state = 0 AND next_at <= ?1 ORDER BY attempts, next_at, created_at, id LIMIT ?2",
            params![now.0, max],
        )
    }

    /// All mails that wait, parked ones too, oldest first.
    pub fn mails(&self) -> Result<Vec<QueuedMail>, StoreError> {
        self.list_mails("state < 2 ORDER BY created_at, id", params![])
    }

    /// How many mails wait.
    pub fn mail_counts(&self) -> Result<MailCounts, StoreError> {
        let count = |state: u8| -> rusqlite::Result<u64> {
            self.conn.prepare_cached("SELECT count(*) FROM mail WHERE state = ?1")?.query_row([state], |row| row.get(0))
        };
        Ok(MailCounts { pending: count(PENDING)?, parked: count(PARKED)? })
    }

    /// The bytes of a mail that waits, wiped when they are dropped; `None` if it waits no longer.
    pub fn mail_bytes(&self, id: OutgoingId) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        let body: Option<Option<Vec<u8>>> = self
            .conn
            .prepare_cached("SELECT body FROM mail WHERE id = ?1 AND state < 2")?
            .query_row([id.0], |row| row.get(0))
            .optional()?;
        let Some(body) = body.flatten() else { return Ok(None) };
        opened(self.vault.borrow().secrets(), &id.0, Part::MailBody, &body).map(Some)
    }

    /// Notes that a mail was sent, lets go of what was in it, and forgets those that were sent long ago.
    pub fn mail_sent(&mut self, id: OutgoingId, now: Timestamp) -> Result<(), CommitError> {
        stop_at(&mut self.fault, FaultPoint::MailSent)?;
        let transaction = self.conn.transaction()?;
        transaction
            .prepare_cached(
                "UPDATE mail SET state = 2, next_at = ?2, head = NULL, body = NULL, error = NULL WHERE id = ?1 AND state < 2",
            )?
            .execute(params![id.0, now.0])?;
        transaction
            .prepare_cached("DELETE FROM mail WHERE state = ?1 AND next_at < ?2")?
            .execute(params![SENT, now.0.saturating_sub(SENT_KEPT_MS)])?;
        Ok(transaction.commit()?)
    }

    /// Notes that a mail could not be sent and when to try again; `is_final` if trying again is in vain. True if it is parked
    /// now.
    pub fn mail_failed(
        &mut self,
        id: OutgoingId,
        error: &str,
        next_at: Timestamp,
        is_final: bool,
    ) -> Result<bool, StoreError> {
        let error = sealed(self.vault.get_mut(), &id.0, Part::MailError, error.as_bytes());
        let parked = self
            .conn
            .prepare_cached(
                "UPDATE mail SET attempts = attempts + 1, error = ?2, next_at = ?3,
                     state = CASE WHEN ?4 OR attempts + 1 >= ?5 THEN 1 ELSE 0 END
                 WHERE id = ?1 AND state = 0 RETURNING state",
            )?
            .query_row(params![id.0, error, next_at.0, is_final, MAIL_ATTEMPTS_MAX], |row| row.get::<_, u8>(0))
            .optional()?;
        Ok(parked == Some(PARKED))
    }

    /// Puts a mail off that was not tried, because the server can't be reached: no failure of this mail.
    pub fn mail_deferred(&mut self, id: OutgoingId, why: &str, next_at: Timestamp) -> Result<(), StoreError> {
        let error = sealed(self.vault.get_mut(), &id.0, Part::MailError, why.as_bytes());
        self.conn
            .prepare_cached("UPDATE mail SET error = ?2, next_at = ?3 WHERE id = ?1 AND state = 0")?
            .execute(params![id.0, error, next_at.0])?;
        Ok(())
    }

    /// Makes mails due that were put off without having failed: the server can be reached again. Returns how many.
    pub fn wake_mails(&mut self, now: Timestamp) -> Result<usize, StoreError> {
        let woken = self
            .conn
            .prepare_cached("UPDATE mail SET next_at = ?1 WHERE state = 0 AND attempts = 0 AND next_at > ?1")?
            .execute([now.0])?;
        Ok(woken)
    }

    /// Makes a mail due, also one that was parked: a person wants it tried again. False if it waits no longer.
    pub fn retry_mail(&mut self, id: OutgoingId, now: Timestamp) -> Result<bool, StoreError> {
        let changed = self
            .conn
            .prepare_cached("UPDATE mail SET state = 0, attempts = 0, next_at = ?2 WHERE id = ?1 AND state < 2")?
            .execute(params![id.0, now.0])?;
        Ok(changed > 0)
    }

    /// How many mails of a kind were queued for a person since then, sent ones too.
    pub fn mails_queued_since(&self, to: &MailAddress, kind: &str, since: Timestamp) -> Result<u64, StoreError> {
        let recipient = recipient_of(self.vault.borrow().secrets(), to);
        let mut count = self
            .conn
            .prepare_cached("SELECT count(*) FROM mail WHERE recipient = ?1 AND created_at >= ?2 AND kind = ?3")?;
        Ok(count.query_row(params![recipient, since.0, kind], |row| row.get(0))?)
    }

    /// The arrival that a mail of ours answered; `None` if there was none, it went to somebody else, or that was long ago.
    pub fn answered_by(&self, message_id: &MessageId, to: &MailAddress) -> Result<Option<ArrivalId>, StoreError> {
        let (id, recipient) = {
            let vault = self.vault.borrow();
            (label_of(vault.secrets(), message_id), recipient_of(vault.secrets(), to))
        };
        let arrival: Option<Option<[u8; 16]>> = self
            .conn
            .prepare_cached("SELECT answers FROM mail WHERE id = ?1 AND recipient = ?2")?
            .query_row(params![id, recipient], |row| row.get(0))
            .optional()?;
        Ok(arrival.flatten().map(ArrivalId::from_bytes))
    }

    fn list_mails(&self, which: &str, params: impl rusqlite::Params) -> Result<Vec<QueuedMail>, StoreError> {
        let vault = self.vault.borrow();
        let mut statement = self.conn.prepare_cached(&format!(
            "SELECT id, kind, answers, created_at, attempts, next_at, state, head, error FROM mail WHERE {which}"
        ))?;
        let mut rows = statement.query(params)?;
        let mut mails = Vec::new();
        while let Some(row) = rows.next()? {
            mails.push(read_row(vault.secrets(), row)?);
        }
        Ok(mails)
    }
}

fn read_row(secrets: &Secrets, row: &Row<'_>) -> Result<QueuedMail, StoreError> {
    let id: [u8; 16] = row.get(0)?;
    let head: Vec<u8> = row.get(7)?;
    let Head { to, message_id } = format::decode(&opened(secrets, &id, Part::MailHead, &head)?, "a mail's recipient")?;
    let error: Option<Vec<u8>> = row.get(8)?;
    let error = error.map(|error| opened(secrets, &id, Part::MailError, &error)).transpose()?;
    let answers: Option<[u8; 16]> = row.get(2)?;
    Ok(QueuedMail {
        id: OutgoingId(id),
        kind: row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?.into(),
        to,
        message_id,
        answers: answers.map(ArrivalId::from_bytes),
        created_at: Timestamp(row.get(3)?),
        attempts: row.get(4)?,
        next_at: Timestamp(row.get(5)?),
        parked: row.get::<_, u8>(6)? == PARKED,
        error: error.map(|error| String::from_utf8_lossy(&error).into_owned()),
    })
}

fn label_of(secrets: &Secrets, message_id: &MessageId) -> [u8; 16] {
    secrets.mail_label("id", message_id.as_str())
}

fn recipient_of(secrets: &Secrets, to: &MailAddress) -> [u8; 16] {
    secrets.mail_label("to", to.as_str())
}

fn sealed(vault: &mut Vault, id: &[u8; 16], part: Part<'_>, plain: &[u8]) -> Vec<u8> {
    let nonce = vault.nonce();
    let secrets = vault.secrets();
    seal(&secrets.mail_key(), &nonce, &context(secrets, id, part), plain)
}

fn opened(secrets: &Secrets, id: &[u8; 16], part: Part<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    unseal(&secrets.mail_key(), &context(secrets, id, part), sealed)
        .map_err(|_| StoreError::Unreadable("a mail that waits to be sent".to_owned()))
}

fn context<'a>(secrets: &'a Secrets, id: &'a [u8; 16], part: Part<'a>) -> Context<'a> {
    Context { table: 0, record: id, part, key: &secrets.key_id }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    #[test]
    fn a_mails_head_lies_as_it_always_has() {
        let head = Head { to: MailAddress::parse("a@b").unwrap(), message_id: MessageId::parse("<c@d>").unwrap() };
        let bytes = format::encode(&head);
        assert_eq!(bytes.as_slice(), b"\x01\x03a@b\x03c@d");
        let read: Head = format::decode(&bytes, "a head").unwrap();
        assert_eq!((read.to, read.message_id), (head.to, head.message_id));
        assert!(format::decode::<Head>(b"\x01\x03a@\n\x03c@d", "a head").is_err(), "what is read is checked again");
    }
}
