//! Mails that were taken and not answered because their sender had been sent enough receipts: what the digest tells.
//!
//! Each is noted in the transaction of its posting. A digest is queued in the transaction that lets go of what it tells, so it comes once, whatever happens
//! in between. None of it is part of the journal: a rebuild leaves it alone.

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::model::{ArrivalId, MailAddress, OutgoingMail, Timestamp};

use super::error::StoreError;
use super::keys::Secrets;
use super::seal::{Context, Part, seal, unseal};
use super::vault::Vault;
use super::{Store, mails};

/// A mail that was taken and not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Untold {
    /// Who is to be told.
    pub to: MailAddress,
    /// What it became.
    pub arrival: ArrivalId,
    /// When it was taken.
    pub at: Timestamp,
    /// How often each outcome came. The store does not look inside.
    pub outcomes: [u64; 6],
}

/// What is sealed of it.
#[derive(Serialize, Deserialize)]
struct Head {
    to: MailAddress,
    outcomes: [u64; 6],
}

/// Notes a mail that is not answered. It is told at `due_at`, or with those of the same person that are told earlier.
pub(super) fn note(conn: &Connection, vault: &mut Vault, untold: &Untold, due_at: Timestamp) -> Result<(), StoreError> {
    let nonce = vault.nonce();
    let secrets = vault.secrets();
    let recipient = secrets.mail_label("to", untold.to.as_str());
    let head = super::format::encode(&Head { to: untold.to.clone(), outcomes: untold.outcomes });
    let head = seal(&secrets.mail_key(), &nonce, &context(secrets, untold.arrival.as_bytes()), &head);
    conn.prepare_cached(
        "INSERT INTO untold (recipient, arrival, at, due_at, head)
         VALUES (?1, ?2, ?3, coalesce((SELECT min(due_at) FROM untold WHERE recipient = ?1), ?4), ?5) ON CONFLICT DO NOTHING",
    )?
    .execute(params![recipient, untold.arrival.as_bytes(), untold.at.0, due_at.0, head])?;
    Ok(())
}

impl Store {
    /// The person whose digest is due first; `None` if none is.
    pub fn digest_due(&self, now: Timestamp) -> Result<Option<MailAddress>, StoreError> {
        let found: Option<([u8; 16], Vec<u8>)> = self
            .conn
            .prepare_cached("SELECT arrival, head FROM untold WHERE due_at <= ?1 ORDER BY due_at, at, arrival LIMIT 1")?
            .query_row([now.0], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((arrival, head)) = found else { return Ok(None) };
        Ok(Some(opened(self.vault.borrow().secrets(), &arrival, &head)?.to))
    }

    /// The mails of a person that were not answered, oldest first.
    pub fn untold(&self, to: &MailAddress) -> Result<Vec<Untold>, StoreError> {
        let vault = self.vault.borrow();
        let secrets = vault.secrets();
        let recipient = secrets.mail_label("to", to.as_str());
        let mut find = self
            .conn
            .prepare_cached("SELECT arrival, at, head FROM untold WHERE recipient = ?1 ORDER BY at, arrival")?;
        let mut rows = find.query([recipient])?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            let arrival: [u8; 16] = row.get(0)?;
            let Head { to, outcomes } = opened(secrets, &arrival, &row.get::<_, Vec<u8>>(2)?)?;
            all.push(Untold { to, arrival: ArrivalId::from_bytes(arrival), at: Timestamp(row.get(1)?), outcomes });
        }
        Ok(all)
    }

    /// Queues the digest that tells of these mails, and lets go of them. False if another program has told of one of them meanwhile: then nothing is
    /// queued.
    pub fn queue_digest(
        &mut self,
        mail: &OutgoingMail,
        told: &[ArrivalId],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let recipient = self.vault.borrow().secrets().mail_label("to", mail.to().as_str());
        let transaction = self.conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        {
            let mut forget = transaction.prepare_cached("DELETE FROM untold WHERE recipient = ?1 AND arrival = ?2")?;
            for arrival in told {
                if forget.execute(params![recipient, arrival.as_bytes()])? == 0 {
                    return Ok(false);
                }
            }
        }
        mails::queue(&transaction, self.vault.get_mut(), std::slice::from_ref(mail), now)?;
        transaction.commit()?;
        Ok(true)
    }
}

fn opened(secrets: &Secrets, arrival: &[u8; 16], sealed: &[u8]) -> Result<Head, StoreError> {
    let plain: Zeroizing<Vec<u8>> = unseal(&secrets.mail_key(), &context(secrets, arrival), sealed)
        .map_err(|_| StoreError::Unreadable("a mail that was not answered".to_owned()))?;
    super::format::decode(&plain, "a mail that was not answered")
}

fn context<'a>(secrets: &'a Secrets, arrival: &'a [u8; 16]) -> Context<'a> {
    Context { table: 0, record: arrival, part: Part::Untold, key: &secrets.key_id }
}
