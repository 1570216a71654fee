//! The tables, and how a database is opened.
//!
//! Each database carries its format's number in `user_version`; a list of steps brings an older one up to date, one
//! transaction a step. A newer one is refused. All tables are `STRICT`; ids are ours, times are integers in
//! milliseconds UTC.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use zeroize::Zeroizing;

use super::error::StoreError;

/// `DAYB`, so that `file` and a curious person can tell what a decrypted copy is.
const APPLICATION_ID: i64 = 0x4441_5942;
/// Bytes of a page. Measured with 4096, 8192 and 16384: see `Options`.
const PAGE_BYTES: u32 = 8192;
/// How long a statement waits for another program's transaction.
const BUSY_WAIT: Duration = Duration::from_secs(30);
/// The write-ahead log is folded into the database when it has this many pages (32 MB) …
pub(super) const CHECKPOINT_PAGES: u32 = 4096;
/// … and cut to this many bytes afterwards.
const LOG_BYTES_KEPT: u32 = 64 << 20;

/// The steps of the database that holds the journal and the ledger.
pub(super) const MAIN_STEPS: &[&str] = &[FIRST_MAIN, UNREAD, MAILS, TAKEN, ANSWERING, REFUSED, ANSWERING_BY_AGE];

/// Mails that were refused or put aside: neither journal nor ledger.
const REFUSED: &str = "CREATE TABLE refused_mail (
        id BLOB NOT NULL PRIMARY KEY, mailbox TEXT NOT NULL, sha256 BLOB, at INTEGER NOT NULL, code TEXT NOT NULL,
        head BLOB NOT NULL, body BLOB
    ) STRICT;
    CREATE INDEX refused_mail_bytes ON refused_mail (mailbox, sha256);
    CREATE INDEX refused_mail_at ON refused_mail (at);
    CREATE INDEX refused_mail_code ON refused_mail (code, at);";

/// Which tokens were used, what receipts offered, and which mails were not answered: neither journal nor ledger.
const ANSWERING: &str = "CREATE TABLE used_token (tag BLOB NOT NULL PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE offer (
        mail BLOB NOT NULL PRIMARY KEY, recipient BLOB NOT NULL, at INTEGER NOT NULL, tokens BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE untold (
        recipient BLOB NOT NULL, arrival BLOB NOT NULL, at INTEGER NOT NULL, due_at INTEGER NOT NULL, head BLOB NOT NULL,
        PRIMARY KEY (recipient, arrival)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX untold_due ON untold (due_at);";

/// What is let go of by its age is found by it.
const ANSWERING_BY_AGE: &str = "CREATE INDEX used_token_age ON used_token (at); CREATE INDEX offer_age ON offer (at);";

/// Which mails were taken, and where reading began: neither journal nor ledger.
const TAKEN: &str = "CREATE TABLE mailbox (name TEXT NOT NULL PRIMARY KEY, progress BLOB NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE taken_mail (
        mailbox TEXT NOT NULL, id BLOB NOT NULL, sha256 BLOB, at INTEGER NOT NULL, refused INTEGER NOT NULL, arrival BLOB,
        PRIMARY KEY (mailbox, id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX taken_mail_bytes ON taken_mail (mailbox, sha256);";

/// What could not be read when it was last tried: neither journal nor ledger.
const UNREAD: &str = "CREATE TABLE unread (
        source TEXT NOT NULL PRIMARY KEY, at INTEGER NOT NULL, place TEXT NOT NULL, code TEXT NOT NULL,
        message TEXT NOT NULL, hint TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;";

/// Mails to be sent, and which were: neither journal nor ledger. `state` is 0 for one that waits, 1 for one that waits for a
/// person, 2 for one that was sent; of that, only that it was is kept.
const MAILS: &str = "CREATE TABLE mail (
        id BLOB NOT NULL PRIMARY KEY, kind TEXT NOT NULL, recipient BLOB NOT NULL, answers BLOB,
        created_at INTEGER NOT NULL, attempts INTEGER NOT NULL, next_at INTEGER NOT NULL, state INTEGER NOT NULL,
        head BLOB, body BLOB, error BLOB, UNIQUE (answers, kind, recipient)
    ) STRICT;
    CREATE INDEX mail_waiting ON mail (state, next_at);
    CREATE INDEX mail_recipient ON mail (recipient, created_at);";

const FIRST_MAIN: &str = concat!(
    // Truth. Names are handed out once and for ever: the journal says field 3, and means what is written here.
    "CREATE TABLE counter (name TEXT NOT NULL PRIMARY KEY, value INTEGER NOT NULL) STRICT;",
    "INSERT INTO counter VALUES ('revision', 0);",
    "CREATE TABLE name (
        kind INTEGER NOT NULL, parent INTEGER NOT NULL, id INTEGER NOT NULL, name TEXT NOT NULL,
        PRIMARY KEY (kind, parent, id), UNIQUE (kind, parent, name)
    ) STRICT, WITHOUT ROWID;",
    "CREATE TABLE generator (
        table_id INTEGER NOT NULL, field INTEGER NOT NULL,
        prefix TEXT NOT NULL, width INTEGER NOT NULL, suffix TEXT NOT NULL,
        PRIMARY KEY (table_id, field)
    ) STRICT, WITHOUT ROWID;",
    "CREATE TABLE arrival (
        seq INTEGER NOT NULL PRIMARY KEY, id BLOB NOT NULL UNIQUE, revision INTEGER NOT NULL,
        source INTEGER NOT NULL, at INTEGER NOT NULL, tally BLOB NOT NULL, head BLOB NOT NULL
    ) STRICT;",
    "CREATE INDEX arrival_source ON arrival (source, seq);",
    "CREATE TABLE entry_block (
        seq INTEGER NOT NULL, block INTEGER NOT NULL, records BLOB NOT NULL, entries BLOB NOT NULL,
        PRIMARY KEY (seq, block)
    ) STRICT;",
    "CREATE TABLE held (review BLOB NOT NULL PRIMARY KEY, rows BLOB NOT NULL) STRICT;",
    // Work that is under way: neither journal nor ledger.
    "CREATE TABLE doomed_key (subject BLOB NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID;",
    "CREATE TABLE outbox (
        id INTEGER NOT NULL PRIMARY KEY, kind TEXT NOT NULL, target TEXT NOT NULL, revision INTEGER NOT NULL,
        attempts INTEGER NOT NULL, next_at INTEGER NOT NULL, parked INTEGER NOT NULL, error TEXT,
        UNIQUE (kind, target)
    ) STRICT;",
    // Derived: `rebuild` empties these and replays the journal.
    "CREATE TABLE record (
        table_id INTEGER NOT NULL, id BLOB NOT NULL, version INTEGER NOT NULL, archived INTEGER NOT NULL,
        updated_at INTEGER NOT NULL, revision INTEGER NOT NULL,
        keys BLOB NOT NULL, history BLOB NOT NULL, body BLOB NOT NULL,
        PRIMARY KEY (table_id, id)
    ) STRICT, WITHOUT ROWID;",
    "CREATE TABLE key_index (
        table_id INTEGER NOT NULL, index_no INTEGER NOT NULL, digest BLOB NOT NULL, record BLOB NOT NULL,
        PRIMARY KEY (table_id, index_no, digest)
    ) STRICT, WITHOUT ROWID;",
    "CREATE TABLE baseline_rows (
        source INTEGER NOT NULL, first BLOB NOT NULL, since INTEGER NOT NULL, rows BLOB NOT NULL
    ) STRICT;",
    "CREATE UNIQUE INDEX baseline_rows_first ON baseline_rows (source, first, since);",
    "CREATE INDEX baseline_rows_since ON baseline_rows (source, since, first);",
    "CREATE TABLE baseline_cells (
        source INTEGER NOT NULL, first BLOB NOT NULL, since INTEGER NOT NULL, cells BLOB NOT NULL
    ) STRICT;",
    "CREATE UNIQUE INDEX baseline_cells_first ON baseline_cells (source, first, since);",
    "CREATE INDEX baseline_cells_since ON baseline_cells (source, since, first);",
    "CREATE TABLE source_state (
        source INTEGER NOT NULL, no INTEGER NOT NULL, written INTEGER NOT NULL, at INTEGER NOT NULL,
        arrival BLOB NOT NULL, mark BLOB NOT NULL,
        PRIMARY KEY (source, no)
    ) STRICT, WITHOUT ROWID;",
    "CREATE TABLE source (
        source INTEGER NOT NULL PRIMARY KEY, last_at INTEGER NOT NULL, last_arrival BLOB NOT NULL, told BLOB NOT NULL
    ) STRICT;",
    "CREATE TABLE review (
        id BLOB NOT NULL PRIMARY KEY, at INTEGER NOT NULL, frame BLOB NOT NULL, cells BLOB,
        closed_how TEXT, closed_at INTEGER, closed_by BLOB
    ) STRICT, WITHOUT ROWID;",
    "CREATE INDEX review_open ON review (at, id) WHERE closed_how IS NULL;",
    "CREATE TABLE number (
        table_id INTEGER NOT NULL, field INTEGER NOT NULL, last INTEGER NOT NULL,
        PRIMARY KEY (table_id, field)
    ) STRICT, WITHOUT ROWID;",
);

/// The tables that follow from the journal.
pub(super) const DERIVED: &[&str] =
    &["record", "key_index", "baseline_rows", "baseline_cells", "source_state", "source", "review", "number"];

/// The steps of the database that holds the data keys.
pub(super) const KEY_STEPS: &[&str] =
    &["CREATE TABLE key_page (first BLOB NOT NULL PRIMARY KEY, keys BLOB NOT NULL) STRICT;"];

/// Settings of the store.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Memory for pages of the database. `SQLCipher` decrypts a page each time it is read from the file, and at
    /// `SQLite`'s own 2 MB point reads are four times slower.
    pub cache_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { cache_bytes: 64 << 20 }
    }
}

/// Which of the store's two databases.
#[derive(Clone, Copy)]
pub(super) enum Which {
    Main,
    Keys,
}

impl Which {
    fn steps(self) -> &'static [&'static str] {
        match self {
            Self::Main => MAIN_STEPS,
            Self::Keys => KEY_STEPS,
        }
    }
}

/// Opens a database file that is there. `new` says that it was just made, and is empty.
///
/// `key_is_right` says that the check file has proven the key: then what does not decrypt is damage.
pub(super) fn open(
    path: &Path,
    which: Which,
    key: &Zeroizing<String>,
    new: bool,
    key_is_right: bool,
    options: Options,
) -> Result<Connection, StoreError> {
    let opening = |error| StoreError::opening(path, key_is_right, error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut conn = Connection::open_with_flags(path, flags).map_err(opening)?;
    conn.busy_timeout(BUSY_WAIT).map_err(opening)?;
    // SQLCipher would write its own lines to standard error; what it finds comes back as an error as well.
    let unlock = Zeroizing::new(format!(
        "PRAGMA cipher_log_level = NONE; PRAGMA key = \"{}\";
         PRAGMA cipher_page_size = {PAGE_BYTES}; PRAGMA cipher_memory_security = OFF;",
        key.as_str()
    ));
    conn.execute_batch(&unlock).map_err(opening)?;
    let version = user_version(&conn).map_err(opening)?;
    if version == 0 && !new {
        // SQLite takes an empty file for a new database.
        return Err(if key_is_right {
            StoreError::Damaged { path: path.to_owned(), what: "it is empty".to_owned() }
        } else {
            StoreError::NotAStore(path.to_owned())
        });
    }
    settle(&conn, which, options).map_err(opening)?;
    migrate(&mut conn, which, path)?;
    Ok(conn)
}

/// Opens a database in memory.
pub(super) fn open_in_memory(which: Which, options: Options) -> Result<Connection, StoreError> {
    let mut conn = Connection::open_in_memory()?;
    settle(&conn, which, options)?;
    migrate(&mut conn, which, Path::new(":memory:"))?;
    Ok(conn)
}

fn user_version(conn: &Connection) -> rusqlite::Result<i64> {
    conn.query_row("PRAGMA user_version", [], |row| row.get(0))
}

fn settle(conn: &Connection, which: Which, options: Options) -> rusqlite::Result<()> {
    let cache_kib = match which {
        Which::Main => options.cache_bytes / 1024,
        // Data keys are cached by us.
        Which::Keys => 2048,
    };
    // A deleted value must not wait in a free page: secure_delete. Temporary tables would be written in the clear.
    conn.execute_batch(&format!(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;
         PRAGMA secure_delete = ON; PRAGMA cache_size = -{cache_kib}; PRAGMA journal_size_limit = {LOG_BYTES_KEPT};
         PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}; PRAGMA trusted_schema = OFF;"
    ))?;
    conn.set_prepared_statement_cache_capacity(96);
    Ok(())
}

/// Brings a database up to date, one transaction a step. Two programs may try at once: the second finds it done.
fn migrate(conn: &mut Connection, which: Which, path: &Path) -> Result<(), StoreError> {
    let steps = which.steps();
    let known = i64::try_from(steps.len()).expect("invariant: a handful of steps");
    loop {
        let found = user_version(conn)?;
        if found > known {
            return Err(StoreError::Newer { path: path.to_owned(), found, known });
        }
        if found == known {
            return Ok(());
        }
        let step = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if user_version(&step)? == found {
            let index = usize::try_from(found).map_err(|_| StoreError::NotAStore(path.to_owned()))?;
            step.execute_batch(steps[index])?;
            step.execute_batch(&format!(
                "PRAGMA user_version = {}; PRAGMA application_id = {APPLICATION_ID};",
                found + 1
            ))?;
        }
        step.commit()?;
    }
}
