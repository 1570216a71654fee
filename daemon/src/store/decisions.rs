//! Decisions by mail: the proof of a token, which tokens were used, and which receipt offered which.
//!
//! A token is proved by a tag under a key of its own, derived from the master key; what a tag is about is the pipeline's to say. That one was used is
//! written in the transaction of the decision, and there once. None of it is part of the journal: a rebuild leaves it alone.

use rusqlite::{Connection, OptionalExtension, params};

use crate::model::{MailAddress, MessageId, Timestamp};

use super::error::StoreError;
use super::keys::Secrets;
use super::{Snapshot, Store};

/// The bytes of a tag: half of SHA-256's, as RFC 2104 (5) wants it at least.
pub const TAG_BYTES: usize = 16;
/// How long it is kept that a token was used or offered: far longer than one is good for.
const KEPT_MS: i64 = 400 * 24 * 3600 * 1000;

/// A receipt that asked its reader something which a word can answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The receipt.
    pub mail: MessageId,
    /// Whom it was for.
    pub to: MailAddress,
    /// A token for each way to answer, in the receipt's order; none if it asked several things.
    pub tokens: Vec<Vec<u8>>,
}

/// Notes that a token is used. An error if it was before.
pub(super) fn note_used(conn: &Connection, tag: &[u8; TAG_BYTES], now: Timestamp) -> Result<(), StoreError> {
    conn.prepare_cached("INSERT INTO used_token (tag, at) VALUES (?1, ?2)")?.execute(params![tag, now.0])?;
    conn.prepare_cached("DELETE FROM used_token WHERE at < ?1")?.execute([now.0.saturating_sub(KEPT_MS)])?;
    Ok(())
}

/// Keeps what a receipt offers.
pub(super) fn note_offer(
    conn: &Connection,
    secrets: &Secrets,
    offer: &Offer,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mail = secrets.mail_label("id", offer.mail.as_str());
    let recipient = secrets.mail_label("to", offer.to.as_str());
    let tokens = super::format::encode(&offer.tokens);
    conn.prepare_cached(
        "INSERT INTO offer (mail, recipient, at, tokens) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
    )?
    .execute(params![mail, recipient, now.0, tokens.as_slice()])?;
    conn.prepare_cached("DELETE FROM offer WHERE at < ?1")?.execute([now.0.saturating_sub(KEPT_MS)])?;
    Ok(())
}

impl Store {
    /// What a receipt offered: a token for each way to answer, none if it asked several things. `None` if it asked nothing, or was for somebody else.
    pub fn offered_by(&self, mail: &MessageId, to: &MailAddress) -> Result<Option<Vec<Vec<u8>>>, StoreError> {
        let (mail, recipient) = {
            let vault = self.vault.borrow();
            let secrets = vault.secrets();
            (secrets.mail_label("id", mail.as_str()), secrets.mail_label("to", to.as_str()))
        };
        let tokens: Option<Vec<u8>> = self
            .conn
            .prepare_cached("SELECT tokens FROM offer WHERE mail = ?1 AND recipient = ?2")?
            .query_row(params![mail, recipient], |row| row.get(0))
            .optional()?;
        tokens.map(|tokens| super::format::decode(&tokens, "an offer")).transpose()
    }
}

impl Snapshot<'_> {
    /// The tag that proves a message about a decision.
    pub fn decision_tag(&self, message: &[u8]) -> [u8; TAG_BYTES] {
        self.vault.borrow().secrets().decision_tag(message)
    }

    /// Whether a tag proves a message, in a time that says nothing of where it is wrong.
    pub fn is_decision_tag(&self, message: &[u8], tag: &[u8; TAG_BYTES]) -> bool {
        self.vault.borrow().secrets().is_decision_tag(message, tag)
    }

    /// Whether a token with this tag was used.
    pub fn is_token_used(&self, tag: &[u8; TAG_BYTES]) -> Result<bool, StoreError> {
        let mut find = self.conn.prepare_cached("SELECT 1 FROM used_token WHERE tag = ?1")?;
        Ok(find.query_row(params![tag], |_| Ok(())).optional()?.is_some())
    }
}
