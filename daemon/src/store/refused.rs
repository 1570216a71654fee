//! Mails that were refused or put aside, for the steward: what each said of itself, why nothing was taken of it, and its sealed bytes where it was put aside.
//!
//! Each is noted in the transaction that notes it as taken, so none is moved away without a trace. It is let go when the same mail is taken after all,
//! when a person has done with it, or by age and number. What it says of itself is nobody's word: that it is refused means that nothing is proved.
//! None of it is part of the journal: a rebuild leaves it alone.

use std::fmt;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::model::{Problem, SourceName, Timestamp};

use super::Store;
use super::error::StoreError;
use super::format::{decode, encode};
use super::keys::Secrets;
use super::seal::{Context, Part, seal, unseal};
use super::taken::TakenMail;
use super::vault::Vault;

/// How long a refused mail is kept in mind.
const KEPT_MS: i64 = 90 * 24 * 3600 * 1000;
/// The most refused mails that are kept in mind for one reason, the newest: a flood of strangers' mails pushes out none that was put aside.
pub(super) const MAILS_MAX: u32 = 5_000;
/// The most bytes of mails that are kept, the newest. The mails themselves lie in the folder of refused ones.
const BYTES_MAX: u64 = 256 << 20;

/// What is kept of a mail that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What the steward is told.
    pub problem: Problem,
    /// Whom it says that it is from.
    pub from: String,
    /// What it says that it is about.
    pub subject: String,
    /// The mail, if it is to be kept.
    pub bytes: Option<Arc<[u8]>>,
}

/// Which refused mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RefusedId([u8; 16]);

/// Writes it in hexadecimal digits.
impl fmt::Display for RefusedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A mail that was refused, without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedMail {
    /// Which one.
    pub id: RefusedId,
    /// The mailbox that it came to.
    pub mailbox: SourceName,
    /// When it was refused.
    pub at: Timestamp,
    /// Why, and what to do.
    pub problem: Problem,
    /// Whom it says that it is from; unproved.
    pub from: String,
    /// What it says that it is about.
    pub subject: String,
    /// Whether its bytes are kept.
    pub has_bytes: bool,
}

/// What is sealed of it beside its bytes.
#[derive(Serialize, Deserialize)]
struct Head {
    place: String,
    message: String,
    hint: String,
    from: String,
    subject: String,
}

/// Notes what a mail's refusal is; for one that was taken, that it is refused no longer.
pub(super) fn note(conn: &Connection, vault: &mut Vault, mail: &TakenMail, now: Timestamp) -> Result<(), StoreError> {
    let mailbox = mail.mailbox.as_str();
    // The same mail may have come before under another id.
    if let Some(sha256) = &mail.sha256 {
        conn.prepare_cached("DELETE FROM refused_mail WHERE mailbox = ?1 AND sha256 = ?2")?
            .execute(params![mailbox, sha256])?;
    }
    let Some(refusal) = &mail.refusal else { return Ok(()) };
    let (head_nonce, body_nonce) = (vault.nonce(), vault.nonce());
    let secrets = vault.secrets();
    let id = secrets.refused_label(mailbox, &mail.id);
    let Problem { place, code, message, hint, .. } = refusal.problem.clone();
    let Refusal { from, subject, .. } = refusal.clone();
    let head = encode(&Head { place, message, hint, from, subject });
    let key = secrets.refused_key();
    let head = seal(&key, &head_nonce, &context(secrets, &id, Part::RefusedHead), &head);
    let body = refusal.bytes.as_deref();
    let body = body.map(|bytes| seal(&key, &body_nonce, &context(secrets, &id, Part::RefusedBody), bytes));
    conn.prepare_cached(
        "INSERT INTO refused_mail (id, mailbox, sha256, at, code, head, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT DO NOTHING",
    )?
    .execute(params![id, mailbox, mail.sha256, now.0, code, head, body])?;
    bound(conn, &code, body.is_some(), now)
}

/// Lets go of what is too old or too much.
fn bound(conn: &Connection, code: &str, has_body: bool, now: Timestamp) -> Result<(), StoreError> {
    conn.prepare_cached("DELETE FROM refused_mail WHERE at < ?1")?.execute([now.0.saturating_sub(KEPT_MS)])?;
    conn.prepare_cached(
        "DELETE FROM refused_mail WHERE id IN
             (SELECT id FROM refused_mail WHERE code = ?1 ORDER BY at DESC, id DESC LIMIT -1 OFFSET ?2)",
    )?
    .execute(params![code, MAILS_MAX])?;
    if has_body {
        bound_bodies(conn, BYTES_MAX)?;
    }
    Ok(())
}

/// Lets go of the oldest mails' bytes beyond so many.
pub(super) fn bound_bodies(conn: &Connection, bytes_max: u64) -> Result<(), StoreError> {
    conn.prepare_cached(
        "UPDATE refused_mail SET body = NULL WHERE id IN (
             SELECT id FROM (
                 SELECT id, sum(length(body)) OVER (ORDER BY at DESC, id DESC) AS bytes FROM refused_mail WHERE body IS NOT NULL
             ) WHERE bytes > ?1
         )",
    )?
    .execute([i64::try_from(bytes_max).unwrap_or(i64::MAX)])?;
    Ok(())
}

/// What the steward looks at.
impl Store {
    /// All refused mails that are kept in mind, oldest first. Those that are too old are let go when the next one is refused; they are not shown till then.
    pub fn refused_mails(&self, now: Timestamp) -> Result<Vec<RefusedMail>, StoreError> {
        let vault = self.vault.borrow();
        let mut statement = self.conn.prepare_cached(
            "SELECT id, mailbox, at, code, head, body IS NOT NULL FROM refused_mail WHERE at >= ?1 ORDER BY at, id",
        )?;
        let mut rows = statement.query([now.0.saturating_sub(KEPT_MS)])?;
        let mut mails = Vec::new();
        while let Some(row) = rows.next()? {
            let (id, mailbox, code) = (row.get(0)?, row.get::<_, String>(1)?, row.get(3)?);
            let head = opened(vault.secrets(), &id, Part::RefusedHead, &row.get::<_, Vec<u8>>(4)?)?;
            let Head { place, message, hint, from, subject } = decode(&head, WHAT)?;
            let problem = Problem { source: mailbox.clone(), place, code, message, hint };
            let (at, has_bytes) = (Timestamp(row.get(2)?), row.get(5)?);
            mails.push(RefusedMail {
                id: RefusedId(id),
                mailbox: mailbox.as_str().into(),
                at,
                problem,
                from,
                subject,
                has_bytes,
            });
        }
        Ok(mails)
    }

    /// How many refused mails are kept in mind.
    pub fn refused_count(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut count = self.conn.prepare_cached("SELECT count(*) FROM refused_mail WHERE at >= ?1")?;
        Ok(count.query_row([now.0.saturating_sub(KEPT_MS)], |row| row.get(0))?)
    }

    /// The bytes of a refused mail as they came; `None` if they are not kept.
    pub fn refused_bytes(&self, id: RefusedId) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        let mut find = self.conn.prepare_cached("SELECT body FROM refused_mail WHERE id = ?1")?;
        let body: Option<Option<Vec<u8>>> = find.query_row([id.0], |row| row.get(0)).optional()?;
        let Some(body) = body.flatten() else { return Ok(None) };
        opened(self.vault.borrow().secrets(), &id.0, Part::RefusedBody, &body).map(Some)
    }

    /// Lets go of a refused mail that a person has done with; false if it was gone.
    pub fn forget_refused(&mut self, id: RefusedId) -> Result<bool, StoreError> {
        Ok(self.conn.prepare_cached("DELETE FROM refused_mail WHERE id = ?1")?.execute([id.0])? > 0)
    }
}

const WHAT: &str = "a mail that was refused";

fn opened(secrets: &Secrets, id: &[u8; 16], part: Part<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    unseal(&secrets.refused_key(), &context(secrets, id, part), sealed)
        .map_err(|_| StoreError::Unreadable(WHAT.to_owned()))
}

fn context<'a>(secrets: &'a Secrets, id: &'a [u8; 16], part: Part<'a>) -> Context<'a> {
    Context { table: 0, record: id, part, key: &secrets.key_id }
}
