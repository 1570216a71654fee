//! The data keys: one for each record, wrapped by the master key, in a database of their own.
//!
//! In come subjects (record ids, review ids), out come their keys. Destroying a subject's key here makes all that was
//! ever sealed under it unreadable, in the ledger, in the journal and in every backup of them; that is why the keys
//! are not in the same file. New keys are durable before the transaction that uses them: a key that nothing uses is
//! harmless, a value whose key is lost is not.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use zeroize::Zeroizing;

use crate::io::Entropy;

use super::error::StoreError;
use super::keys::Secrets;
use super::lanes::staged;
use super::seal::{Context, DataKey, NONCE_BYTES, Nonce, Part, SEAL_BYTES, Subject, seal, unseal};

/// Keys that are kept open in memory: about 20 MB. Beyond it all are dropped and read again.
const CACHED_MAX: usize = 1 << 18;
/// Keys of a page: with 76 bytes each a page of them fits one of the database's.
const PAGE_KEYS: usize = 96;
const WRAPPED_BYTES: usize = 32 + SEAL_BYTES;
const SLOT_BYTES: usize = 16 + WRAPPED_BYTES;
/// The first page begins here, so that every subject has a page.
const FIRST: Subject = [0; 16];

/// The key store with the keys that were used lately, and the entropy that keys and nonces come from.
pub(super) struct Vault {
    conn: Connection,
    secrets: Arc<Secrets>,
    cache: HashMap<Subject, DataKey>,
    data_version: i64,
    entropy: Box<dyn Entropy>,
}

/// A page of wrapped keys: which subjects it covers, and its slots ascending by subject.
struct Page {
    first: Subject,
    end: Option<Subject>,
    slots: Vec<[u8; SLOT_BYTES]>,
}

impl Vault {
    /// Fails if a page of the key database can't be read.
    pub(super) fn pages_are_whole(&self) -> Result<(), StoreError> {
        super::pages_are_whole(&self.conn)
    }

    pub(super) fn new(conn: Connection, secrets: Arc<Secrets>, entropy: Box<dyn Entropy>) -> Self {
        Self { conn, secrets, cache: HashMap::new(), data_version: 0, entropy }
    }

    pub(super) fn secrets(&self) -> &Arc<Secrets> {
        &self.secrets
    }

    /// Draws nonces.
    pub(super) fn nonces(&mut self, count: usize) -> Vec<Nonce> {
        let mut bytes = vec![0; count * NONCE_BYTES];
        self.entropy.fill(&mut bytes);
        bytes.as_chunks::<NONCE_BYTES>().0.to_vec()
    }

    /// Draws one nonce.
    pub(super) fn nonce(&mut self) -> Nonce {
        let mut nonce = [0; NONCE_BYTES];
        self.entropy.fill(&mut nonce);
        nonce
    }

    /// Drops the keys in memory if another program changed the key store: it may have destroyed some.
    pub(super) fn refresh(&mut self) -> Result<(), StoreError> {
        let version = self.conn.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?;
        if version != self.data_version {
            self.cache.clear();
            self.data_version = version;
        }
        Ok(())
    }

    /// The keys of these subjects; `None` for one that has none, or none any more.
    pub(super) fn keys(&mut self, subjects: &[Subject]) -> Result<Vec<Option<DataKey>>, StoreError> {
        let known: Vec<_> = subjects.iter().map_while(|subject| self.cache.get(subject).cloned().map(Some)).collect();
        if known.len() == subjects.len() {
            return Ok(known);
        }
        let missing = self.not_cached(subjects);
        let mut read = self.load(&missing)?;
        let keys =
            subjects.iter().map(|subject| read.get(subject).or_else(|| self.cache.get(subject)).cloned()).collect();
        self.remember(read.drain());
        Ok(keys)
    }

    /// The key of one subject.
    pub(super) fn key(&mut self, subject: &Subject) -> Result<Option<DataKey>, StoreError> {
        Ok(self.keys(std::slice::from_ref(subject))?.pop().flatten())
    }

    /// Makes keys for those subjects that have none, durably.
    pub(super) fn ensure(&mut self, subjects: &[Subject]) -> Result<(), StoreError> {
        loop {
            let mut missing = self.not_cached(subjects);
            let read = self.load(&missing)?;
            missing.retain(|subject| !read.contains_key(subject));
            self.remember(read.into_iter());
            if missing.is_empty() {
                return Ok(());
            }
            let made = self.make(&missing)?;
            if self.store(&made)? {
                self.remember(made.into_iter().map(|(subject, key, _)| (subject, key)));
                return Ok(());
            }
        }
    }

    /// Destroys the keys of these subjects, in the log too.
    pub(super) fn destroy(&mut self, subjects: &[Subject]) -> Result<(), StoreError> {
        let transaction = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for subject in subjects {
            self.cache.remove(subject);
            let Some(mut page) = page_of(&transaction, subject)? else { continue };
            if let Ok(index) = find(&page.slots, subject) {
                page.slots.remove(index);
                transaction
                    .prepare_cached("UPDATE key_page SET keys = ?2 WHERE first = ?1")?
                    .execute(params![page.first, page.slots.as_flattened()])?;
            }
        }
        transaction.commit()?;
        // Frames of the log hold the page as it was.
        self.conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }

    /// Ascending, each once.
    fn not_cached(&self, subjects: &[Subject]) -> Vec<Subject> {
        let mut missing: Vec<Subject> =
            subjects.iter().filter(|subject| !self.cache.contains_key(*subject)).copied().collect();
        missing.sort_unstable();
        missing.dedup();
        missing
    }

    fn remember(&mut self, keys: impl ExactSizeIterator<Item = (Subject, DataKey)>) {
        if self.cache.len() + keys.len() > CACHED_MAX {
            self.cache.clear();
        }
        self.cache.extend(keys.take(CACHED_MAX));
    }

    /// Reads keys of subjects that ascend.
    fn load(&self, subjects: &[Subject]) -> Result<HashMap<Subject, DataKey>, StoreError> {
        let mut found = HashMap::new();
        let mut rest = subjects;
        while let Some(subject) = rest.first() {
            let Some(page) = page_of(&self.conn, subject)? else { break };
            let (here, further) = rest.split_at(page.covered(rest));
            rest = further;
            for subject in here {
                if let Ok(index) = find(&page.slots, subject) {
                    found.insert(*subject, self.unwrap(&page.slots[index])?);
                }
            }
        }
        Ok(found)
    }

    /// Draws and wraps new keys.
    fn make(&mut self, subjects: &[Subject]) -> Result<Vec<(Subject, DataKey, Vec<u8>)>, StoreError> {
        let secrets = Arc::clone(&self.secrets);
        let entropy = &mut self.entropy;
        let mut made = Vec::with_capacity(subjects.len());
        let mut pieces = subjects.chunks(1024);
        staged(
            || {
                Ok(pieces.next().map(|piece| {
                    let mut random = Zeroizing::new(vec![0; piece.len() * (32 + NONCE_BYTES)]);
                    entropy.fill(&mut random);
                    (piece, random)
                }))
            },
            |(piece, random)| {
                let random = random.as_chunks::<{ 32 + NONCE_BYTES }>().0;
                Ok(piece
                    .iter()
                    .zip(random)
                    .map(|(subject, random)| {
                        let (key, nonce) = random.split_first_chunk::<32>().expect("invariant: 44 bytes");
                        let nonce = nonce.first_chunk().expect("invariant: 12 bytes");
                        let wrapped = seal(&secrets.wrapping, nonce, &context(&secrets, subject), key);
                        (*subject, DataKey::new(*key), wrapped)
                    })
                    .collect::<Vec<_>>())
            },
            |keys| {
                made.extend(keys);
                Ok(ControlFlow::Continue(()))
            },
        )?;
        Ok(made)
    }

    /// Writes new keys, ascending by subject, into their pages. False, and nothing written, if another program has
    /// made one of them meanwhile: then that one counts.
    fn store(&mut self, made: &[(Subject, DataKey, Vec<u8>)]) -> Result<bool, StoreError> {
        let transaction = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut rest = made;
        while let Some((subject, ..)) = rest.first() {
            let page = page_of(&transaction, subject)?.unwrap_or(Page { first: FIRST, end: None, slots: Vec::new() });
            let covered = rest.partition_point(|(subject, ..)| page.end.is_none_or(|end| *subject < end));
            let (here, further) = rest.split_at(covered);
            rest = further;
            let mut slots = page.slots;
            if here.iter().any(|(subject, ..)| find(&slots, subject).is_ok()) {
                return Ok(false);
            }
            slots.extend(here.iter().map(|(subject, _, wrapped)| {
                let mut slot = [0; SLOT_BYTES];
                slot[..16].copy_from_slice(subject);
                slot[16..].copy_from_slice(wrapped);
                slot
            }));
            slots.sort_unstable();
            for (number, slots) in slots.chunks(PAGE_KEYS).enumerate() {
                let first = if number == 0 { page.first } else { subject_of(&slots[0]) };
                transaction
                    .prepare_cached(
                        "INSERT INTO key_page VALUES (?1, ?2) ON CONFLICT (first) DO UPDATE SET keys = excluded.keys",
                    )?
                    .execute(params![first, slots.as_flattened()])?;
            }
        }
        transaction.commit()?;
        Ok(true)
    }

    fn unwrap(&self, slot: &[u8; SLOT_BYTES]) -> Result<DataKey, StoreError> {
        let subject = subject_of(slot);
        let plain = unseal(&self.secrets.wrapping, &context(&self.secrets, &subject), &slot[16..])
            .map_err(|_| StoreError::Unreadable("a data key".to_owned()))?;
        let key = plain.first_chunk().ok_or_else(|| StoreError::Unreadable("a data key".to_owned()))?;
        Ok(DataKey::new(*key))
    }
}

impl Page {
    /// How many of these ascending subjects the page covers.
    fn covered(&self, subjects: &[Subject]) -> usize {
        subjects.partition_point(|subject| self.end.is_none_or(|end| *subject < end))
    }
}

fn context<'a>(secrets: &'a Secrets, subject: &'a Subject) -> Context<'a> {
    Context { table: 0, record: subject, part: Part::Key, key: &secrets.key_id }
}

fn subject_of(slot: &[u8; SLOT_BYTES]) -> Subject {
    *slot.first_chunk().expect("invariant: a slot begins with its subject")
}

fn find(slots: &[[u8; SLOT_BYTES]], subject: &Subject) -> Result<usize, usize> {
    slots.binary_search_by(|slot| slot[..16].cmp(subject))
}

/// The page that covers a subject; `None` if there is no page at all.
fn page_of(conn: &Connection, subject: &Subject) -> Result<Option<Page>, StoreError> {
    let found = conn
        .prepare_cached("SELECT first, keys FROM key_page WHERE first <= ?1 ORDER BY first DESC LIMIT 1")?
        .query_row([subject], |row| {
            let keys = row.get_ref(1)?.as_blob()?;
            Ok((row.get::<_, Subject>(0)?, keys.as_chunks::<SLOT_BYTES>().0.to_vec()))
        })
        .optional()?;
    let Some((first, slots)) = found else { return Ok(None) };
    let end = conn
        .prepare_cached("SELECT min(first) FROM key_page WHERE first > ?1")?
        .query_row([first], |row| row.get(0))?;
    Ok(Some(Page { first, end, slots }))
}
