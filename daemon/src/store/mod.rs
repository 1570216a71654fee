//! The journal, the ledger, the keys, the outbox. The only SQL, the only keys.
//!
//! In comes a [`Posting`]: the journal keeps it, the ledger, the baselines and the steward's queue follow from it, in
//! one transaction that is conditional on the revision the posting was worked out against. Out comes what a stage may
//! read, through a [`Snapshot`]: one state of the whole store, whatever others commit meanwhile.
//!
//! Two database files, both `SQLCipher`: the journal with the ledger, and the data keys. Every record's values are
//! sealed under the record's own key above that. The store never reads a clock, decides no access and merges nothing.

mod error;
mod files;
mod format;
mod keys;
mod lanes;
mod names;
mod schema;
mod seal;
mod vault;

mod journal;

mod baseline;
mod ledger;
mod review;

mod decisions;
mod mails;
mod outbox;
mod refused;
mod taken;
mod unread;
mod untold;

mod versions;

mod history;
mod query;
mod rebuild;

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use compact_str::CompactString;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

pub use self::baseline::{IndexRow, SourceState};
pub use self::decisions::{Offer, TAG_BYTES};
pub use self::error::{CommitError, StoreError};
pub use self::history::{ArrivalFilter, ArrivalLine, HistoryItem};
pub use self::journal::Tally;
pub use self::keys::{KeyError, MasterKey};
pub use self::mails::{MAIL_ATTEMPTS_MAX, MailCounts, QueuedMail};
pub use self::outbox::{ATTEMPTS_MAX, PendingTask, Task};
pub use self::rebuild::CheckReport;
pub use self::refused::{Refusal, RefusedId, RefusedMail};
pub use self::review::{Closed, KeptReview, WantedReviews};
pub use self::schema::Options;
pub use self::taken::TakenMail;
pub use self::unread::Unread;
pub use self::untold::Untold;
pub use self::versions::Version;

use self::files::{Checked, Files};
use self::keys::Secrets;
use self::schema::Which;
use self::seal::{Context, Part, Subject};
use self::vault::Vault;
use self::versions::Shelf;

use crate::io::Entropy;
use crate::model::entry::{KeyIndex, Posting, ReviewChange};
use crate::model::{
    Arrival, ArrivalId, Cell, FieldId, OutgoingMail, RecordId, Review, ReviewId, ReviewKind, Revision, SourceName,
    StateNo, StoredRecord, Table, TableName, Timestamp,
};

/// A posting with more entries than this leaves the folding of the log for later, see [`Store::checkpoint`].
const LARGE_POSTING: usize = 10_000;

/// Where a test may stop a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultPoint {
    /// New data keys are durable, the transaction has not begun.
    KeysMade,
    /// All is written, nothing is committed.
    BeforeCommit,
    /// It is committed, and the caller has not heard of it.
    AfterCommit,
    /// A server has a mail, and the store has not heard of it.
    MailSent,
}

/// What a simulated crash returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Killed;

/// Called at each [`FaultPoint`]; says whether the program dies there.
pub type FaultHook = Box<dyn FnMut(FaultPoint) -> Result<(), Killed> + Send>;

/// The decoded rows of an arrival that is held, so that accepting it can post them. The store does not look inside.
#[derive(Clone, Copy, Debug)]
pub struct HeldPayload<'a> {
    /// The review that holds it.
    pub review: ReviewId,
    /// What the pipeline will want back.
    pub rows: &'a [u8],
}

/// What is committed along with a posting and is no part of the journal.
#[derive(Clone, Copy, Debug, Default)]
pub struct Along<'a> {
    /// What is to be done then.
    pub tasks: &'a [Task],
    /// The rows of an arrival that is held, until its review is closed.
    pub held: Option<HeldPayload<'a>>,
    /// Mails that are to be sent then. The same answer to the same person is queued once.
    pub mails: &'a [OutgoingMail],
    /// The mail that the posting was made of.
    pub taken: Option<&'a TakenMail>,
    /// What is kept beside its answer.
    pub answering: Option<&'a Answering>,
}

/// What is kept beside the answer to a mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answering {
    /// The tag of the token that it used.
    pub used: Option<[u8; TAG_BYTES]>,
    /// What the receipt offers.
    pub offer: Option<Offer>,
    /// That there is no receipt, and when that is to be told.
    pub untold: Option<(Untold, Timestamp)>,
}

/// When a source was last heard of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastSeen {
    /// The source.
    pub source: SourceName,
    /// When its last arrival was taken.
    pub at: Timestamp,
    /// That arrival.
    pub arrival: ArrivalId,
}

/// An open store. One thread uses it; another thread or program opens it a second time.
pub struct Store {
    conn: Connection,
    vault: RefCell<Vault>,
    versions: Shelf,
    fault: Option<FaultHook>,
}

// ---- opening ------------------------------------------------------------------------------------------------------

impl Store {
    /// Makes a new store at `path` with its key database and check file beside it, and opens it.
    pub fn create(
        path: &Path,
        key: &MasterKey,
        entropy: Box<dyn Entropy>,
        options: Options,
    ) -> Result<Self, StoreError> {
        let files = Files::of(path);
        let secrets = Secrets::derive(key);
        files.make(&secrets)?;
        let main = schema::open(&files.main, Which::Main, &secrets.database(), true, true, options)?;
        let keys = schema::open(&files.keys, Which::Keys, &secrets.key_database(), true, true, options)?;
        Ok(Self::of(main, keys, secrets, entropy, Shelf::beside(path)))
    }

    /// Opens the store at `path`. One whose making was interrupted, so that it never held anything, is finished.
    pub fn open(path: &Path, key: &MasterKey, entropy: Box<dyn Entropy>, options: Options) -> Result<Self, StoreError> {
        let files = Files::of(path);
        if !files.main.exists() {
            return Err(StoreError::Missing(files.main));
        }
        let secrets = Secrets::derive(key);
        // The database of data keys is made last: without it nothing was ever committed, unless it was lost.
        let begun = files::is_empty(&files.keys);
        if begun && files::is_empty(&files.main) {
            files.finish(&secrets)?;
        }
        let right = match files.check(&secrets)? {
            Checked::Right => true,
            Checked::Unknown => false,
            Checked::Wrong(expected) => {
                let found = keys::hex(&secrets.key_id).to_string();
                return Err(StoreError::WrongKey { path: files.main, expected, found });
            }
        };
        let main = schema::open(&files.main, Which::Main, &secrets.database(), begun, right, options)?;
        let unused = revision_of(&main)? == Revision(0);
        if unused && !files.keys.exists() {
            files.make_keys()?;
        }
        if !files.keys.exists() {
            let what = "the database of data keys beside it is gone".to_owned();
            return Err(StoreError::Damaged { path: files.keys, what });
        }
        let keys = schema::open(&files.keys, Which::Keys, &secrets.key_database(), unused, true, options)?;
        if !right && !files.check.exists() {
            // The database opened, so the key is right and only the check file was lost.
            files.write_check(&secrets)?;
        }
        let mut store = Self::of(main, keys, secrets, entropy, Shelf::beside(path));
        store.destroy_doomed()?;
        Ok(store)
    }

    /// Makes a store in memory: the same code without files, for simulation and tests.
    pub fn in_memory(key: &MasterKey, entropy: Box<dyn Entropy>) -> Result<Self, StoreError> {
        let main = schema::open_in_memory(Which::Main, Options::default())?;
        let keys = schema::open_in_memory(Which::Keys, Options::default())?;
        Ok(Self::of(main, keys, Secrets::derive(key), entropy, Shelf::Memory(BTreeMap::new())))
    }

    fn of(main: Connection, keys: Connection, secrets: Secrets, entropy: Box<dyn Entropy>, versions: Shelf) -> Self {
        let vault = RefCell::new(Vault::new(keys, Arc::new(secrets), entropy));
        Self { conn: main, vault, versions, fault: None }
    }

    /// Gives the fields of the configuration's tables the numbers that the store has kept for their names, and all
    /// that points at fields with them. Whoever uses tables with this store adopts them first.
    pub fn adopt(&mut self, tables: &mut [Table]) -> Result<(), StoreError> {
        let transaction = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for (table, field) in names::adopt(&transaction, tables)? {
            rebuild::recount(&transaction, self.vault.get_mut(), &table, field)?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// Sets what is called at the points where a test may stop a commit.
    pub fn set_fault_hook(&mut self, hook: Option<FaultHook>) {
        self.fault = hook;
    }
}

// ---- committing ---------------------------------------------------------------------------------------------------

impl Store {
    /// Commits a posting that was worked out against revision `seen`: journal, ledger, queue and tasks in one durable
    /// transaction. Returns the new revision.
    ///
    /// A posting whose arrival was committed before changes nothing ([`CommitError::AlreadyDone`]); so does one whose
    /// snapshot is no longer the newest ([`CommitError::Moved`]).
    pub fn commit(&mut self, seen: Revision, posting: &Posting, tasks: &[Task]) -> Result<Revision, CommitError> {
        self.commit_along(seen, posting, Along { tasks, ..Along::default() })
    }

    /// Commits a posting with all that goes along with it, in the same transaction.
    pub fn commit_along(
        &mut self,
        seen: Revision,
        posting: &Posting,
        Along { tasks, held, mails, taken, answering }: Along<'_>,
    ) -> Result<Revision, CommitError> {
        well_formed(posting)?;
        may_commit(&self.conn, seen, posting)?;
        let vault = self.vault.get_mut();
        vault.refresh()?;
        vault.ensure(&subjects(posting, held))?;
        stop_at(&mut self.fault, FaultPoint::KeysMade)?;
        let large = posting.records.len() > LARGE_POSTING;
        set_checkpoint(&self.conn, if large { 0 } else { schema::CHECKPOINT_PAGES })?;
        let transaction = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        may_commit(&transaction, seen, posting)?;
        vault.refresh()?;
        let revision = Revision(seen.0 + 1);
        let placed = journal::append(&transaction, vault, posting, revision)?;
        ledger::apply(&transaction, vault, posting, placed)?;
        let doomed = keep_held(&transaction, vault, posting, placed.table, held)?;
        outbox::add(&transaction, tasks, revision, posting.arrival.at)?;
        mails::queue(&transaction, vault, mails, posting.arrival.at)?;
        if let Some(taken) = taken {
            taken::note(&transaction, vault, taken, posting.arrival.at)?;
        }
        if let Some(answering) = answering {
            keep_answering(&transaction, vault, answering, posting.arrival.at)?;
        }
        transaction
            .prepare_cached("UPDATE counter SET value = ?1 WHERE name = 'revision'")?
            .execute([journal::number(revision)])?;
        stop_at(&mut self.fault, FaultPoint::BeforeCommit)?;
        transaction.commit()?;
        stop_at(&mut self.fault, FaultPoint::AfterCommit)?;
        if doomed && let Err(error) = self.destroy_doomed() {
            // The posting is durable; the keys are destroyed at the next start.
            tracing::warn!(%error, "keys of closed reviews could not be destroyed yet");
        }
        Ok(revision)
    }

    /// Gives a source another name, with all that it showed; false if there is none of the old name, or one of the new
    /// name already. What was decided of it and who set which value keep the name of their time.
    pub fn rename_source(&mut self, old: &SourceName, new: &SourceName) -> Result<bool, StoreError> {
        let transaction = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let renamed = names::rename_source(&transaction, old, new)?;
        transaction.commit()?;
        Ok(renamed)
    }

    /// Folds the write-ahead log into the database: for a quiet moment. After a large posting this takes about as
    /// long as the posting did; a commit that finds the log long does it too.
    pub fn checkpoint(&mut self) -> Result<(), StoreError> {
        self.conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
        Ok(())
    }

    /// Destroys the keys of reviews that were closed.
    fn destroy_doomed(&mut self) -> Result<(), StoreError> {
        if !self.conn.prepare_cached("SELECT 1 FROM doomed_key")?.exists([])? {
            return Ok(());
        }
        let transaction = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let doomed: Vec<Subject> = {
            let mut statement = transaction.prepare_cached("SELECT subject FROM doomed_key")?;
            let rows = statement.query_map([], |row| row.get(0))?;
            rows.collect::<Result<_, _>>()?
        };
        self.vault.get_mut().destroy(&doomed)?;
        transaction.execute("DELETE FROM doomed_key", [])?;
        transaction.commit()?;
        Ok(())
    }

    /// Empties the ledger and replays the journal into it. Returns the number of arrivals.
    pub fn rebuild(&mut self) -> Result<u64, StoreError> {
        self.vault.get_mut().refresh()?;
        rebuild::rebuild(&mut self.conn, self.vault.get_mut())
    }

    /// Reads every page, replays the journal beside the ledger and says where the two differ. Changes nothing.
    pub fn check(&mut self) -> Result<CheckReport, StoreError> {
        pages_are_whole(&self.conn)?;
        self.vault.get_mut().pages_are_whole()?;
        self.vault.get_mut().refresh()?;
        rebuild::check(&mut self.conn, self.vault.get_mut())
    }
}

/// Fails if a page of the database can't be read, also one that the replay would not look at.
fn pages_are_whole(conn: &Connection) -> Result<(), StoreError> {
    let path = conn.path().unwrap_or_default().to_owned();
    let found: Result<String, _> = conn.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0));
    match found {
        Ok(word) if word == "ok" => Ok(()),
        Ok(what) => Err(StoreError::Damaged { path: path.into(), what }),
        Err(error) => Err(StoreError::opening(Path::new(&path), true, error)),
    }
}

fn set_checkpoint(conn: &Connection, pages: u32) -> Result<(), StoreError> {
    conn.query_row(&format!("PRAGMA wal_autocheckpoint = {pages}"), [], |_| Ok(()))?;
    Ok(())
}

fn stop_at(fault: &mut Option<FaultHook>, point: FaultPoint) -> Result<(), CommitError> {
    match fault {
        Some(hook) => hook(point).map_err(|Killed| CommitError::Killed(point)),
        None => Ok(()),
    }
}

fn revision_of(conn: &Connection) -> Result<Revision, StoreError> {
    Ok(conn
        .prepare_cached("SELECT value FROM counter WHERE name = 'revision'")?
        .query_row([], |row| row.get(0))
        .map(Revision)?)
}

fn may_commit(conn: &Connection, seen: Revision, posting: &Posting) -> Result<(), CommitError> {
    if journal::holds(conn, posting.arrival.id)? {
        return Err(CommitError::AlreadyDone);
    }
    let now = revision_of(conn)?;
    if now != seen {
        return Err(CommitError::Moved { seen: seen.0, now: now.0 });
    }
    Ok(())
}

/// Checks what the store relies on: a record at most once, cells ascending by field, rules that are there.
fn well_formed(posting: &Posting) -> Result<(), StoreError> {
    let mut records: Vec<RecordId> = posting.records.iter().map(|entry| entry.record).collect();
    records.sort_unstable();
    if records.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(StoreError::Posting("it has two entries of one record".to_owned()));
    }
    for entry in &posting.records {
        if !entry.cells.is_sorted_by(|a, b| a.field < b.field) {
            return Err(StoreError::Posting("the cells of an entry do not ascend by field".to_owned()));
        }
        if entry.cells.iter().any(|cell| usize::from(cell.rule) >= posting.rules.len()) {
            return Err(StoreError::Posting("a cell points at a rule that is not there".to_owned()));
        }
    }
    Ok(())
}

/// Whose keys a posting needs.
fn subjects(posting: &Posting, held: Option<HeldPayload<'_>>) -> Vec<Subject> {
    let mut subjects: Vec<Subject> = posting.records.iter().map(|entry| *entry.record.as_bytes()).collect();
    for change in &posting.reviews {
        if let ReviewChange::Open(review) = change {
            subjects.extend(review::subject(review));
        }
    }
    subjects.extend(held.map(|held| *held.review.as_bytes()));
    subjects
}

/// Keeps a held arrival's rows; lets go of those whose review is closed, and dooms their keys. True if it doomed any.
///
/// This is not the ledger's part: a replay passes here long after, and must not let go of what is held now.
fn keep_held(
    transaction: &Transaction<'_>,
    vault: &mut Vault,
    posting: &Posting,
    table: u32,
    held: Option<HeldPayload<'_>>,
) -> Result<bool, StoreError> {
    let mut doomed = false;
    for change in &posting.reviews {
        match change {
            ReviewChange::Open(review) => {
                transaction
                    .prepare_cached("DELETE FROM doomed_key WHERE subject = ?1")?
                    .execute([review.id.as_bytes()])?;
            }
            ReviewChange::Close { id, .. } => {
                transaction.prepare_cached("DELETE FROM held WHERE review = ?1")?.execute([id.as_bytes()])?;
                if review::has_own_key(transaction, *id)? {
                    doomed = true;
                    transaction
                        .prepare_cached("INSERT INTO doomed_key VALUES (?1) ON CONFLICT DO NOTHING")?
                        .execute([id.as_bytes()])?;
                }
            }
        }
    }
    if let Some(held) = held {
        let subject = held.review.as_bytes();
        let key = vault.key(subject)?;
        let sealed = seal::seal(journal::have(key.as_ref())?, &vault.nonce(), &held_context(table, subject), held.rows);
        transaction
            .prepare_cached("INSERT INTO held VALUES (?1, ?2) ON CONFLICT (review) DO UPDATE SET rows = excluded.rows")?
            .execute(params![subject, sealed])?;
    }
    Ok(doomed)
}

/// Keeps what goes with the answer to a mail.
fn keep_answering(
    transaction: &Transaction<'_>,
    vault: &mut Vault,
    Answering { used, offer, untold }: &Answering,
    now: Timestamp,
) -> Result<(), StoreError> {
    if let Some(tag) = used {
        decisions::note_used(transaction, tag, now)?;
    }
    if let Some(offer) = offer {
        decisions::note_offer(transaction, vault.secrets(), offer, now)?;
    }
    if let Some((untold, due_at)) = untold {
        untold::note(transaction, vault, untold, *due_at)?;
    }
    Ok(())
}

fn held_context(table: u32, review: &Subject) -> Context<'_> {
    Context { table, record: review, part: Part::Held, key: review }
}

// ---- the outbox ---------------------------------------------------------------------------------------------------

impl Store {
    /// The tasks to do now, in the order in which they were asked for; parked ones are not among them.
    pub fn tasks_due(&self, now: Timestamp) -> Result<Vec<PendingTask>, StoreError> {
        outbox::due(&self.conn, now)
    }

    /// All tasks that wait, parked ones too.
    pub fn tasks(&self) -> Result<Vec<PendingTask>, StoreError> {
        outbox::all(&self.conn)
    }

    /// Takes a task out. False if it was asked for again since it was taken up: then it stays, and is due again.
    pub fn task_done(&mut self, task: &PendingTask) -> Result<bool, StoreError> {
        outbox::done(&self.conn, task)
    }

    /// Puts a task off, which is no failure, and says why it waits.
    pub fn task_deferred(&mut self, task: &PendingTask, why: &str, next_at: Timestamp) -> Result<(), StoreError> {
        outbox::deferred(&self.conn, task, why, next_at)
    }

    /// Asks for something outside of a posting.
    pub fn add_task(&mut self, task: &Task, now: Timestamp) -> Result<(), StoreError> {
        let revision = revision_of(&self.conn)?;
        outbox::add(&self.conn, std::slice::from_ref(task), revision, now)
    }

    /// Makes tasks due that were put off without having failed: what they wait for may be over. Returns how many.
    pub fn wake_tasks(&mut self, now: Timestamp) -> Result<usize, StoreError> {
        outbox::wake(&self.conn, now)
    }

    /// Notes that a task failed and when to try again. True if it failed for the last time and is parked.
    pub fn task_failed(&mut self, task: &PendingTask, error: &str, next_at: Timestamp) -> Result<bool, StoreError> {
        outbox::failed(&self.conn, task, error, next_at)
    }
}

// ---- reading ------------------------------------------------------------------------------------------------------

/// One state of the store. What others commit meanwhile is not in it.
pub struct Snapshot<'s> {
    // Ends the read transaction when the snapshot is dropped.
    conn: Transaction<'s>,
    vault: &'s RefCell<Vault>,
    revision: Revision,
}

impl Store {
    /// Takes a snapshot. There is one at a time for each open store, and no commit while it lives.
    pub fn snapshot(&mut self) -> Result<Snapshot<'_>, StoreError> {
        self.vault.get_mut().refresh()?;
        let conn = self.conn.transaction_with_behavior(TransactionBehavior::Deferred)?;
        // The first read fixes what the transaction sees.
        let revision = revision_of(&conn)?;
        Ok(Snapshot { conn, vault: &self.vault, revision })
    }
}

impl Snapshot<'_> {
    /// The revision that it shows.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// Finds records by keys in their form for comparison, archived ones too. Made for a whole sheet at once.
    pub fn records_by_key(
        &self,
        table: &TableName,
        index: KeyIndex,
        texts: &[CompactString],
    ) -> Result<HashMap<CompactString, RecordId>, StoreError> {
        query::records_by_key(&self.conn, &self.vault.borrow(), table, index, texts)
    }

    /// Reads records; those that are not there are not in the answer.
    pub fn records(&self, table: &TableName, ids: &[RecordId]) -> Result<HashMap<RecordId, StoredRecord>, StoreError> {
        query::records(&self.conn, &mut self.vault.borrow_mut(), table, ids)
    }

    /// Reads one record.
    pub fn record(&self, table: &TableName, id: RecordId) -> Result<Option<StoredRecord>, StoreError> {
        Ok(self.records(table, &[id])?.remove(&id))
    }

    /// Calls `each` with every record of a table, archived ones too, oldest first, until it breaks.
    pub fn for_each_record(
        &self,
        table: &TableName,
        each: impl FnMut(StoredRecord) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        query::for_each_record(&self.conn, &mut self.vault.borrow_mut(), table, each)
    }

    /// How many records a table has, archived ones too.
    pub fn count(&self, table: &TableName) -> Result<u64, StoreError> {
        query::count(&self.conn, names::table_id(&self.conn, table)?)
    }

    /// The greatest number that the template of a field gave or met; `None` if none. The next is one more.
    pub fn last_number(&self, table: &TableName, field: FieldId) -> Result<Option<u64>, StoreError> {
        query::last_number(&self.conn, names::table_id(&self.conn, table)?, field)
    }

    /// The states of a source that are kept, newest first; empty for a source that was never seen.
    pub fn states(&self, source: &SourceName) -> Result<Vec<SourceState>, StoreError> {
        match names::source_id(&self.conn, source)? {
            Some(id) => baseline::states(&self.conn, id),
            None => Ok(Vec::new()),
        }
    }

    /// The rows of a state with their hashes, ascending by record, missing ones too.
    pub fn state_index(&self, source: &SourceName, state: StateNo) -> Result<Vec<IndexRow>, StoreError> {
        let id = self.state_source(source, state)?;
        baseline::index(&self.conn, id, state)
    }

    /// The rows of some records at a state, ascending by record; a record that the source did not have then is not in
    /// the answer.
    pub fn state_rows(
        &self,
        source: &SourceName,
        state: StateNo,
        records: &[RecordId],
    ) -> Result<Vec<IndexRow>, StoreError> {
        let id = self.state_source(source, state)?;
        baseline::rows_of(&self.conn, id, state, records)
    }

    /// The records whose baseline changed between two states, ascending. One that changed and changed back is among
    /// them; one of which only the hash changed is not.
    pub fn state_changes(&self, source: &SourceName, from: StateNo, to: StateNo) -> Result<Vec<RecordId>, StoreError> {
        self.state_source(source, from)?;
        let id = self.state_source(source, to)?;
        baseline::changes(&self.conn, id, from, to)
    }

    /// What a source showed of these records of `table` at a state, cells ascending by field. A record that it did
    /// not have then is not in the answer; one that was missing is, with what it showed last.
    pub fn baseline(
        &self,
        table: &TableName,
        source: &SourceName,
        state: StateNo,
        records: &[RecordId],
    ) -> Result<HashMap<RecordId, Vec<(FieldId, Cell)>>, StoreError> {
        let id = self.state_source(source, state)?;
        let table = names::table_id(&self.conn, table)?;
        baseline::cells(&self.conn, &mut self.vault.borrow_mut(), (table, id), state, records)
    }

    fn state_source(&self, source: &SourceName, state: StateNo) -> Result<u32, StoreError> {
        let id = names::source_id(&self.conn, source)?;
        baseline::check_state(&self.conn, source, id, state)
    }

    /// What has been told of a source and need not be told again.
    pub fn told(&self, source: &SourceName) -> Result<Vec<u64>, StoreError> {
        let Some(id) = names::source_id(&self.conn, source)? else { return Ok(Vec::new()) };
        let bytes: Option<Vec<u8>> = self
            .conn
            .prepare_cached("SELECT told FROM source WHERE source = ?1")?
            .query_row([id], |row| row.get(0))
            .optional()?;
        let bytes = bytes.unwrap_or_default();
        Ok(bytes.as_chunks::<8>().0.iter().map(|digest| u64::from_le_bytes(*digest)).collect())
    }

    /// The key of a source's row hashes.
    pub fn row_hash_key(&self, source: &SourceName) -> [u8; 16] {
        self.vault.borrow().secrets().row_hash_key(source)
    }

    /// When each source was last heard of, by name.
    pub fn sources_last_seen(&self) -> Result<Vec<LastSeen>, StoreError> {
        let mut statement = self.conn.prepare_cached("SELECT source, last_at, last_arrival FROM source")?;
        let mut rows = statement.query([])?;
        let mut sources = Vec::new();
        while let Some(row) = rows.next()? {
            sources.push(LastSeen {
                source: names::source_name(&self.conn, row.get(0)?)?,
                at: Timestamp(row.get(1)?),
                arrival: ArrivalId::from_bytes(row.get(2)?),
            });
        }
        sources.sort_unstable_by(|a, b| a.source.cmp(&b.source));
        Ok(sources)
    }

    /// What was said of a record, oldest first. Rows that only showed again what was known are not in it.
    pub fn history(&self, record: RecordId) -> Result<Vec<HistoryItem>, StoreError> {
        history::of_record(&self.conn, &mut self.vault.borrow_mut(), record)
    }

    /// Arrivals, newest first.
    pub fn arrivals(&self, filter: &ArrivalFilter) -> Result<Vec<ArrivalLine>, StoreError> {
        history::arrivals(&self.conn, filter)
    }

    /// An arrival without what it says; `None` if there is no such one.
    pub fn arrival(&self, arrival: ArrivalId) -> Result<Option<Arrival>, StoreError> {
        history::arrival(&self.conn, arrival)
    }

    /// A whole posting as it was committed; `None` if there is no such arrival.
    pub fn posting(&self, arrival: ArrivalId) -> Result<Option<Posting>, StoreError> {
        match journal::seq_of(&self.conn, arrival)? {
            Some(seq) => Ok(Some(journal::read(&self.conn, &mut self.vault.borrow_mut(), seq)?.0)),
            None => Ok(None),
        }
    }

    /// The open reviews, or all of them, oldest first.
    pub fn reviews(&self, open_only: bool) -> Result<Vec<KeptReview>, StoreError> {
        review::list(&self.conn, &mut self.vault.borrow_mut(), open_only)
    }

    /// The open reviews that a source raised, of one kind or of all, oldest first.
    pub fn open_reviews_of(&self, source: &SourceName, kind: Option<ReviewKind>) -> Result<Vec<Review>, StoreError> {
        review::open_of(&self.conn, &mut self.vault.borrow_mut(), source, kind)
    }

    /// The open reviews that are wanted, oldest first.
    pub fn open_reviews_wanted(&self, wanted: &WantedReviews<'_>) -> Result<Vec<ReviewId>, StoreError> {
        review::wanted(&self.conn, wanted)
    }

    /// The saves of a source that were held and rejected.
    pub fn rejected_saves(&self, source: &SourceName) -> Result<Vec<ArrivalId>, StoreError> {
        review::rejected_saves(&self.conn, source)
    }

    /// One review, open or closed.
    pub fn review(&self, id: ReviewId) -> Result<Option<KeptReview>, StoreError> {
        review::get(&self.conn, &mut self.vault.borrow_mut(), id)
    }

    /// How many reviews are open.
    pub fn open_reviews(&self) -> Result<u64, StoreError> {
        review::open_count(&self.conn)
    }

    /// The rows of the arrival that a review holds; `None` if it holds none, or no longer.
    pub fn held(&self, review: ReviewId) -> Result<Option<zeroize::Zeroizing<Vec<u8>>>, StoreError> {
        let sealed: Option<Vec<u8>> = self
            .conn
            .prepare_cached("SELECT rows FROM held WHERE review = ?1")?
            .query_row([review.as_bytes()], |row| row.get(0))
            .optional()?;
        let Some(sealed) = sealed else { return Ok(None) };
        let mut vault = self.vault.borrow_mut();
        let unreadable = || StoreError::Unreadable(format!("the rows that review {review} holds"));
        let kept = review::get(&self.conn, &mut vault, review)?.ok_or_else(unreadable)?;
        let table = names::table_id(&self.conn, &kept.review.table)?;
        let Some(key) = vault.key(review.as_bytes())? else { return Ok(None) };
        seal::unseal(&key, &held_context(table, review.as_bytes()), &sealed).map(Some).map_err(|_| unreadable())
    }
}
