//! The steward's queue: questions as they are open now, and how the others ended.
//!
//! A review's cells are sealed under its record's key; a review that is about no record has a key of its own, which
//! is destroyed when it is closed, unless it is about a column: its title is remembered.

use compact_str::{CompactString, ToCompactString};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::model::entry::{Posting, ReviewChange};
use crate::model::{Actor, ArrivalId, RecordId, Review, ReviewId, ReviewKind, SourceName, Timestamp};

use super::error::StoreError;
use super::format::{ReviewCells, ReviewFrame, decode, encode};
use super::names;
use super::seal::{Context, Part, Subject, seal, unseal};
use super::vault::Vault;

/// A review with how it ended, if it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptReview {
    /// The question.
    pub review: Review,
    /// `None` while it is open.
    pub closed: Option<Closed>,
}

/// How a review ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// `incoming`, `stored`, `base`, `value`, `accept`, `reject` or `withdrawn`.
    pub how: CompactString,
    /// When.
    pub at: Timestamp,
    /// The arrival that closed it.
    pub by: ArrivalId,
}

/// Which open reviews are looked for, by what stands beside their cells.
#[derive(Clone, Copy)]
pub struct WantedReviews<'a> {
    /// Raised by this source; by any if there is none.
    pub source: Option<&'a SourceName>,
    /// In this name; in any if there is none.
    pub actor: Option<&'a Actor>,
    /// Of these kinds.
    pub kinds: &'a [ReviewKind],
    /// About a record, of which this holds.
    pub is_about: &'a dyn Fn(RecordId) -> bool,
}

impl WantedReviews<'_> {
    fn fits(&self, frame: &ReviewFrame) -> bool {
        self.kinds.contains(&frame.kind)
            && self.source.is_none_or(|source| *source == frame.source)
            && self.actor.is_none_or(|actor| *actor == frame.actor)
            && frame.record.is_some_and(self.is_about)
    }
}

/// Whose key seals the cells of a review; `None` if there are none to be sealed.
pub(super) fn subject(review: &Review) -> Option<Subject> {
    let cells = [&review.base, &review.stored, &review.incoming];
    let has_cells = !review.group.is_empty() || !review.held.is_empty() || cells.iter().any(|cell| cell.is_some());
    has_cells.then(|| review.record.map_or(*review.id.as_bytes(), |record| *record.as_bytes()))
}

/// Seals the cells of a review.
pub(super) fn seal_cells(conn: &Connection, vault: &mut Vault, review: &Review) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(subject) = subject(review) else { return Ok(None) };
    let table = names::table_id(conn, &review.table)?;
    let key = vault.key(&subject)?;
    let context = context(table, &subject, &review.id);
    let plain = ReviewCells::of(review).encode();
    Ok(Some(seal(super::journal::have(key.as_ref())?, &vault.nonce(), &context, &plain)))
}

/// Opens the cells of a review; none where the key was destroyed.
pub(super) fn unseal_cells(
    conn: &Connection,
    vault: &mut Vault,
    frame: &ReviewFrame,
    sealed: &[u8],
) -> Result<ReviewCells, StoreError> {
    let subject = frame.record.map_or(*frame.id.as_bytes(), |record| *record.as_bytes());
    let Some(key) = vault.key(&subject)? else { return Ok(ReviewCells::default()) };
    let table = names::table_id(conn, &frame.table)?;
    match unseal(&key, &context(table, &subject, &frame.id), sealed) {
        Ok(plain) => ReviewCells::decode(&plain),
        // A review of no record that was closed and put anew has a new key; what it held before is gone.
        Err(_) if frame.record.is_none() => Ok(ReviewCells::default()),
        Err(_) => Err(StoreError::Unreadable(format!("review {}", frame.id))),
    }
}

fn context<'a>(table: u32, subject: &'a Subject, review: &'a ReviewId) -> Context<'a> {
    Context { table, record: subject, part: Part::Review(review.as_bytes()), key: subject }
}

/// Applies a posting's changes to the queue.
pub(super) fn apply(conn: &Connection, vault: &mut Vault, posting: &Posting) -> Result<(), StoreError> {
    for change in &posting.reviews {
        match change {
            ReviewChange::Open(review) => {
                let sealed = seal_cells(conn, vault, review)?;
                let frame = encode(&ReviewFrame::of(review));
                conn.prepare_cached(
                    "INSERT INTO review (id, at, frame, cells) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (id) DO UPDATE SET at = excluded.at, frame = excluded.frame, cells = excluded.cells,
                         closed_how = NULL, closed_at = NULL, closed_by = NULL",
                )?
                .execute(params![review.id.as_bytes(), review.at.0, frame.as_slice(), sealed])?;
            }
            ReviewChange::Close { id, how } => close(conn, posting, *id, how)?,
        }
    }
    Ok(())
}

fn close(conn: &Connection, posting: &Posting, id: ReviewId, how: &str) -> Result<(), StoreError> {
    let Some(kept) = row(conn, id)? else {
        return Err(StoreError::Posting(format!("it closes review {id}, which there is not")));
    };
    let frame: ReviewFrame = decode(&kept.frame, "a review")?;
    conn.prepare_cached(
        "UPDATE review SET closed_how = ?2, closed_at = ?3, closed_by = ?4, cells = iif(?5, cells, NULL) WHERE id = ?1",
    )?
    .execute(params![
        id.as_bytes(),
        how,
        posting.arrival.at.0,
        posting.arrival.id.as_bytes(),
        keeps_cells(&frame)
    ])?;
    Ok(())
}

/// Whether the cells of a review outlive it: those that are a record's, and titles, which are remembered with the decision.
fn keeps_cells(frame: &ReviewFrame) -> bool {
    frame.record.is_some() || frame.kind == ReviewKind::Ambiguous
}

/// Whether a review is about no record, so that its key ends with it.
pub(super) fn has_own_key(conn: &Connection, id: ReviewId) -> Result<bool, StoreError> {
    let Some(kept) = row(conn, id)? else { return Ok(false) };
    Ok(!keeps_cells(&decode(&kept.frame, "a review")?))
}

struct KeptRow {
    frame: Vec<u8>,
    cells: Option<Vec<u8>>,
    closed: Option<Closed>,
}

const COLUMNS: &str = "SELECT frame, cells, closed_how, closed_at, closed_by FROM review";

fn read_row(row: &Row<'_>) -> rusqlite::Result<KeptRow> {
    let closed = match row.get_ref(2)?.as_str_or_null()? {
        None => None,
        Some(how) => Some(Closed {
            how: how.to_compact_string(),
            at: Timestamp(row.get(3)?),
            by: ArrivalId::from_bytes(row.get(4)?),
        }),
    };
    Ok(KeptRow { frame: row.get(0)?, cells: row.get(1)?, closed })
}

fn row(conn: &Connection, id: ReviewId) -> Result<Option<KeptRow>, StoreError> {
    let sql = format!("{COLUMNS} WHERE id = ?1");
    Ok(conn.prepare_cached(&sql)?.query_row([id.as_bytes()], read_row).optional()?)
}

fn opened(conn: &Connection, vault: &mut Vault, row: KeptRow) -> Result<KeptReview, StoreError> {
    let frame: ReviewFrame = decode(&row.frame, "a review")?;
    let cells = match &row.cells {
        Some(sealed) => unseal_cells(conn, vault, &frame, sealed)?,
        None => ReviewCells::default(),
    };
    Ok(KeptReview { review: frame.with(cells), closed: row.closed })
}

/// One review.
pub(super) fn get(conn: &Connection, vault: &mut Vault, id: ReviewId) -> Result<Option<KeptReview>, StoreError> {
    row(conn, id)?.map(|row| opened(conn, vault, row)).transpose()
}

/// All reviews, or the open ones, oldest first.
pub(super) fn list(conn: &Connection, vault: &mut Vault, open_only: bool) -> Result<Vec<KeptReview>, StoreError> {
    let condition = if open_only { "WHERE closed_how IS NULL" } else { "" };
    let mut statement = conn.prepare_cached(&format!("{COLUMNS} {condition} ORDER BY at, id"))?;
    let mut rows = statement.query([])?;
    let mut reviews = Vec::new();
    while let Some(row) = rows.next()? {
        reviews.push(opened(conn, vault, read_row(row)?)?);
    }
    Ok(reviews)
}

/// The open reviews that a source raised, of one kind or of all, oldest first. Those of others are not unsealed.
pub(super) fn open_of(
    conn: &Connection,
    vault: &mut Vault,
    source: &SourceName,
    kind: Option<ReviewKind>,
) -> Result<Vec<Review>, StoreError> {
    let mut reviews = Vec::new();
    let fits = |frame: &ReviewFrame| frame.source == *source && kind.is_none_or(|kind| kind == frame.kind);
    each_open(conn, fits, |_, row| {
        reviews.push(opened(conn, vault, read_row(row)?)?.review);
        Ok(())
    })?;
    Ok(reviews)
}

/// The open reviews that are wanted, oldest first. None is unsealed.
pub(super) fn wanted(conn: &Connection, wanted: &WantedReviews<'_>) -> Result<Vec<ReviewId>, StoreError> {
    let mut ids = Vec::new();
    each_open(
        conn,
        |frame| wanted.fits(frame),
        |frame, _| {
            ids.push(frame.id);
            Ok(())
        },
    )?;
    Ok(ids)
}

/// Looks at what stands beside the cells of each open review, oldest first, and hands on those that fit, with their rows.
fn each_open(
    conn: &Connection,
    fits: impl Fn(&ReviewFrame) -> bool,
    mut take: impl FnMut(&ReviewFrame, &Row<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut statement = conn.prepare_cached(&format!("{COLUMNS} WHERE closed_how IS NULL ORDER BY at, id"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let frame: ReviewFrame = decode(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?, "a review")?;
        if fits(&frame) {
            take(&frame, row)?;
        }
    }
    Ok(())
}

/// The arrivals of a source that were held whole and rejected.
pub(super) fn rejected_saves(conn: &Connection, source: &SourceName) -> Result<Vec<ArrivalId>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT frame FROM review WHERE closed_how = 'reject'")?;
    let mut rows = statement.query([])?;
    let mut arrivals = Vec::new();
    while let Some(row) = rows.next()? {
        let frame: ReviewFrame = decode(&row.get::<_, Vec<u8>>(0)?, "a review")?;
        if frame.kind == ReviewKind::MassChange && frame.source == *source {
            arrivals.push(frame.arrival);
        }
    }
    Ok(arrivals)
}

/// How many reviews are open.
pub(super) fn open_count(conn: &Connection) -> Result<u64, StoreError> {
    Ok(conn.prepare_cached("SELECT count(*) FROM review WHERE closed_how IS NULL")?.query_row([], |row| row.get(0))?)
}
