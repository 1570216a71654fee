//! How a file that was taken is laid out: which row is whose, so that the same file can be written into.
//!
//! A state of a source says what it showed of which record, and not where: rows are sorted, moved and inserted without that
//! being news. So what is needed for writing is kept, in memory, from the moment in which the file was read, together with
//! the file's fingerprint. If it is lost, the file is read again.

use std::collections::{HashMap, HashSet};

use compact_str::CompactString;

use super::heed::HeldRow;
use super::ids::IdSet;
use super::placing::{Placed, Why};
use super::sheet::Sheet;
use crate::model::{FieldId, Mark, Place, RecordId, RowHash};
use crate::publish::answer::{Reason, Remark};

/// The code of rows that share a key.
const DUPLICATE: Reason = Reason::code("duplicate-key");

/// What is known of a file's rows.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    /// The file and sheet.
    pub(super) place: Place,
    /// Which column (from 0) means which field, ascending by field.
    pub(super) columns: Vec<(FieldId, u32)>,
    /// The column of answers, if there is one.
    pub(super) answer: Option<u32>,
    /// The rows of records, ascending by record.
    pub(super) rows: Vec<LaidRow>,
    /// Rows that no record was made of.
    pub(super) orphans: Vec<(u32, RowHash)>,
    /// Rows of which a person has to decide whose they are.
    pub(super) withheld: Vec<(u32, RowHash)>,
    /// Those of them that a person has decided not to take.
    pub(super) denied: HashSet<u32>,
    /// Records that are in the sheet, whatever became of their rows.
    pub(super) present: IdSet<RecordId>,
    /// What stands in the column of answers, as far as rows were read in full.
    pub(super) answers: HashMap<u32, CompactString>,
    /// The rows in which the save says something new, whatever became of it.
    pub(super) news: HashSet<u32>,
    /// What was wrong with a row, and with which field of it, by the row's number: codes of problems.
    pub(super) remarks: HashMap<u32, Vec<Remark>>,
    /// What plugins said of rows that were taken.
    pub(super) told: HashMap<u32, Vec<Remark>>,
    /// What the file says of itself.
    pub(super) mark: Mark,
}

/// Where a record's row stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LaidRow {
    pub(super) record: RecordId,
    /// The row's number, from 1.
    pub(super) number: u32,
    pub(super) hash: RowHash,
    /// The row was read in full, so that what stands in its column of answers is known.
    pub(super) is_read: bool,
}

impl Layout {
    /// Notes where the rows of a sheet stand.
    pub(super) fn of(sheet: &Sheet, placed: &Placed) -> Option<Self> {
        let place = sheet.arrival.place.clone()?;
        let hashes: HashMap<u32, RowHash> = sheet.known.iter().copied().collect();
        let untouched = placed.untouched.iter().map(|(record, number)| {
            let hash = hashes.get(number).copied().unwrap_or(RowHash::UNKNOWN);
            LaidRow { record: *record, number: *number, hash, is_read: false }
        });
        let read = placed.read.iter().map(|(position, record, _)| {
            let row = &sheet.rows[*position];
            LaidRow { record: *record, number: row.number, hash: row.hash, is_read: true }
        });
        let mut rows: Vec<LaidRow> = untouched.chain(read).collect();
        rows.sort_unstable_by_key(|row| row.record);
        let mut remarks: HashMap<u32, Vec<Remark>> = HashMap::new();
        for problem in &sheet.cell_problems {
            let remark = Remark { field: problem.field, reason: Reason::Code(problem.problem.code.as_str().into()) };
            remarks.entry(problem.row).or_default().push(remark);
        }
        let mut orphans = Vec::with_capacity(placed.orphans.len());
        for orphan in &placed.orphans {
            orphans.push((orphan.number, orphan.hash));
            let reason = match orphan.why {
                Why::NoKey => Reason::code("no-key"),
                Why::Duplicate | Why::Copy => DUPLICATE,
            };
            remarks.entry(orphan.number).or_default().push(Remark { field: None, reason });
        }
        let settled: HashSet<u32> =
            rows.iter().map(|row| row.number).chain(orphans.iter().map(|(number, _)| *number)).collect();
        let withheld: Vec<(u32, RowHash)> =
            sheet.rows.iter().filter(|row| !settled.contains(&row.number)).map(|row| (row.number, row.hash)).collect();
        // Records that this very save makes are in the sheet too.
        let mut present = placed.present.clone();
        present.extend(rows.iter().map(|row| row.record));
        Some(Self {
            place,
            columns: sheet.arrival.columns.clone(),
            answer: None,
            rows,
            orphans,
            withheld,
            denied: HashSet::new(),
            present,
            answers: HashMap::new(),
            news: HashSet::new(),
            remarks,
            told: HashMap::new(),
            mark: sheet.arrival.mark.clone(),
        })
    }

    /// Notes rows that plugins hold: until they are decided or corrected they stay as typed.
    pub(super) fn hold(&mut self, held: Vec<HeldRow>) {
        for HeldRow { row, remarks, denied } in held {
            let hash = self.rows.iter().find(|laid| laid.number == row).map(|laid| laid.hash);
            self.rows.retain(|laid| laid.number != row);
            self.withheld.extend(hash.map(|hash| (row, hash)));
            self.remarks.entry(row).or_default().extend(remarks);
            if denied {
                self.denied.insert(row);
            }
        }
    }

    /// Notes rows that would have been new records and were refused.
    pub(super) fn refuse(&mut self, rows: Vec<(u32, CompactString)>) {
        for (number, reason) in rows {
            self.remarks.entry(number).or_default().push(Remark { field: None, reason: Reason::Code(reason) });
        }
    }

    /// The last row that has something of a record, or the titles' row. A row without a key is not counted: it may be a total.
    pub(super) fn last_row(&self, header_row: u32) -> u32 {
        let is_copy = |number: &u32| {
            self.remarks.get(number).is_some_and(|remarks| remarks.iter().any(|remark| remark.reason == DUPLICATE))
        };
        let copies = self.orphans.iter().map(|(number, _)| *number).filter(is_copy);
        let withheld = self.withheld.iter().map(|(number, _)| *number);
        self.rows.iter().map(|row| row.number).chain(copies).chain(withheld).fold(header_row, u32::max)
    }
}
