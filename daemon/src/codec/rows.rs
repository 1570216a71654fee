//! What all formats share: rows in, frames out.
//!
//! A format hands over each row that it finds, in the sheet's order. Here the titles are taken, the row is hashed in one
//! reused buffer, and cells are made only for rows whose hash is not known. Limits are held here too, so that every
//! format has the same.

use std::io;

use siphasher::sip128::SipHasher13;

use super::canonical::{Canonical, Raw};
use super::read::{ChosenSheet, ReadFailure, ReadRequest, folded};
use super::sheet::{FormulaRun, Frame, Properties, RawCell, RawRow, ReadRow, SheetHead};

/// How many rows, and about how many bytes of them, one frame holds.
const BATCH_ROWS: usize = 1024;
const BATCH_BYTES: usize = 1 << 18;
/// The most bytes that the contents of one row may have; it must fit a frame.
const ROW_BYTES_MAX: usize = 16 << 20;
/// After so many cells with problems the file is not worth reading on.
const PROBLEMS_MAX: u32 = 1000;

/// Why reading ended early.
pub(super) enum Stop {
    /// The workbook is at fault; the reason becomes [`Frame::Failed`].
    Failed(ReadFailure),
    /// Whoever takes the frames is gone.
    Sink(io::Error),
}

impl From<ReadFailure> for Stop {
    fn from(failure: ReadFailure) -> Self {
        Self::Failed(failure)
    }
}

/// Takes rows in order and sends frames.
pub(super) struct Rows<'a> {
    request: &'a ReadRequest,
    sink: &'a mut dyn FnMut(Frame) -> io::Result<()>,
    hasher: SipHasher13,
    telling: Telling<'a>,
    has_told_in_full: bool,
    sheet: Option<String>,
    visible_sheets: u32,
    properties: Properties,
    has_head: bool,
    /// The column of answers, if the sheet has one.
    answers: Option<u32>,
    last_number: u32,
    sent: u32,
    problems: u32,
    has_stray: bool,
    batch: Vec<ReadRow>,
    batch_bytes: usize,
    row_bytes: Vec<u8>,
}

impl<'a> Rows<'a> {
    /// Sends in full the rows that the request does not know.
    pub(super) fn new(request: &'a ReadRequest, sink: &'a mut dyn FnMut(Frame) -> io::Result<()>) -> Self {
        Self::with(request, Telling::Unknown(Known::new(&request.known)), sink)
    }

    /// Sends in full the rows with these numbers, ascending, and adds up in `beside` what neither they nor the hashes of
    /// the others tell: the rows down to the titles, answers, and cells beyond a limit.
    pub(super) fn telling(
        request: &'a ReadRequest,
        numbers: &'a [u32],
        beside: &'a mut Beside,
        sink: &'a mut dyn FnMut(Frame) -> io::Result<()>,
    ) -> Self {
        Self::with(request, Telling::Numbers(numbers, beside), sink)
    }

    fn with(request: &'a ReadRequest, telling: Telling<'a>, sink: &'a mut dyn FnMut(Frame) -> io::Result<()>) -> Self {
        Self {
            request,
            sink,
            hasher: SipHasher13::new_with_key(&request.hash_key),
            telling,
            has_told_in_full: false,
            sheet: None,
            visible_sheets: 0,
            properties: Properties::default(),
            has_head: false,
            answers: None,
            last_number: 0,
            sent: 0,
            problems: 0,
            has_stray: false,
            batch: Vec::new(),
            batch_bytes: 0,
            row_bytes: Vec::new(),
        }
    }

    /// The request that is served.
    pub(super) fn request(&self) -> &'a ReadRequest {
        self.request
    }

    /// Says what the head will tell of the sheet; called before the first row.
    pub(super) fn describe(&mut self, sheet: Option<ChosenSheet>, properties: Properties) {
        (self.sheet, self.visible_sheets) = sheet.map_or((None, 0), |sheet| (Some(sheet.name), sheet.visible));
        self.properties = properties;
    }

    /// Takes one row: cells by ascending column from 0, empty ones left out or not.
    ///
    /// # Errors
    /// `damaged` if rows or columns don't ascend: what such a file means is a guess, and a wrong one moves values.
    pub(super) fn push<C: Raw>(&mut self, number: u32, cells: &[(u32, C)]) -> Result<(), Stop> {
        if number <= self.last_number {
            return Err(misplaced(number));
        }
        self.last_number = number;
        if number <= self.request.header_row {
            for (column, cell) in cells {
                self.telling.set_aside(number, *column, cell.canonical().as_ref());
            }
        }
        if number < self.request.header_row {
            return Ok(());
        }
        if number == self.request.header_row {
            return self.send_head(cells);
        }
        if !self.has_head {
            return Err(self.header_missing().into());
        }
        self.hash_row(number, cells)
    }

    /// Reports a problem at a cell; the row is read on.
    pub(super) fn problem(&mut self, code: &str, row: u32, column: u32, message: &str, hint: &str) -> Result<(), Stop> {
        self.problems += 1;
        if self.problems > PROBLEMS_MAX {
            return Err(ReadFailure::new(
                "too-many-problems",
                format!("More than {PROBLEMS_MAX} cells can't be read."),
                "Open the file, check that it looks right, and save it again.",
            )
            .into());
        }
        self.send(Frame::Problem {
            code: code.to_owned(),
            row: Some(row),
            column: Some(column),
            message: message.to_owned(),
            hint: hint.to_owned(),
        })
    }

    /// Whether to look for formulas: some row was sent in full to somebody who does not know the rows already.
    pub(super) fn wants_formulas(&self) -> bool {
        self.has_told_in_full && matches!(self.telling, Telling::Unknown(_))
    }

    /// Tells where formulas stand; called after the last row.
    pub(super) fn formulas(&mut self, runs: Vec<FormulaRun>) -> Result<(), Stop> {
        self.flush()?;
        if runs.is_empty() { Ok(()) } else { self.send(Frame::Formulas(runs)) }
    }

    /// Ends the sheet.
    pub(super) fn end(mut self) -> Result<(), Stop> {
        if !self.has_head {
            return Err(self.header_missing().into());
        }
        self.flush()?;
        let rows = self.sent;
        self.send(Frame::End { rows })
    }

    fn header_missing(&self) -> ReadFailure {
        let sheet = self.sheet.as_ref().map_or_else(String::new, |name| format!(" of sheet `{name}`"));
        ReadFailure::new(
            "header-missing",
            format!("Row {}{sheet} holds no titles.", self.request.header_row),
            "Write the column titles there, or set `header_row` to the row that has them.",
        )
    }

    fn send_head<C: Raw>(&mut self, cells: &[(u32, C)]) -> Result<(), Stop> {
        let mut columns = Vec::new();
        if !cells.is_sorted_by(|(a, _), (b, _)| a < b) {
            return Err(misplaced(self.request.header_row));
        }
        for (column, cell) in cells {
            let Some(title) = cell.canonical().map(|cell| cell.to_title()) else { continue };
            if title.len() > self.request.cell_bytes_max as usize {
                return Err(self.header_missing().into());
            }
            if !title.is_empty() {
                columns.push((*column, title.into_string()));
            }
        }
        let Some((last, _)) = columns.last() else { return Err(self.header_missing().into()) };
        if *last >= self.request.columns_max {
            return Err(ReadFailure::new(
                "too-many-columns",
                format!("The titles reach column {}; the limit is {}.", last + 1, self.request.columns_max),
                "Remove the titles that are not needed, or raise the limit `columns_max`.",
            )
            .into());
        }
        self.has_head = true;
        let own = self.request.answer_header.as_deref().map(folded);
        self.answers = columns.iter().find(|(_, title)| Some(folded(title)) == own).map(|(column, _)| *column);
        let (sheet, visible_sheets) = (self.sheet.clone(), self.visible_sheets);
        let head = SheetHead { sheet, visible_sheets, columns, properties: self.properties.clone() };
        self.send(Frame::Head(head))
    }

    fn hash_row<C: Raw>(&mut self, number: u32, cells: &[(u32, C)]) -> Result<(), Stop> {
        let mut bytes = std::mem::take(&mut self.row_bytes);
        bytes.clear();
        let mut next_column = 0;
        let is_told = self.telling.is_surely_told(number);
        for (column, cell) in cells {
            if *column < next_column {
                return Err(misplaced(number));
            }
            next_column = column.saturating_add(1);
            let Some(cell) = cell.canonical() else { continue };
            if self.answers == Some(*column) {
                if !is_told {
                    self.telling.set_aside(number, *column, Some(&cell));
                }
                continue;
            }
            if self.is_within(*column, &cell) {
                cell.append(*column, &mut bytes);
                continue;
            }
            if !is_told || *column >= self.request.columns_max {
                self.telling.set_aside(number, *column, Some(&cell));
            }
            if let Some(cell) = self.report_beyond(number, *column)? {
                cell.append(*column, &mut bytes);
            }
            if bytes.len() > ROW_BYTES_MAX {
                return Err(ReadFailure::too_large(format!("Row {number} alone passes {ROW_BYTES_MAX} bytes.")).into());
            }
        }
        let size = bytes.len();
        let hash = u128::from(self.hasher.hash(&bytes));
        self.row_bytes = bytes;
        if size == 0 {
            return Ok(());
        }
        self.sent += 1;
        if self.sent > self.request.rows_max {
            return Err(ReadFailure::new(
                "too-many-rows",
                format!("The sheet has more than {} rows.", self.request.rows_max),
                "Remove the rows that are not needed, or raise the limit `rows_max`.",
            )
            .into());
        }
        if !self.telling.is_wanted(number, hash) {
            return self.add(ReadRow::Known { number, hash }, 24);
        }
        self.has_told_in_full = true;
        let mut kept: Vec<(u32, RawCell)> = Vec::with_capacity(cells.len());
        for (column, cell) in cells {
            let Some(cell) = cell.canonical() else { continue };
            if self.is_within(*column, &cell) {
                kept.push((*column, cell.to_cell()));
            } else if let Some(cell) = self.in_place_of(*column) {
                kept.push((*column, cell.to_cell()));
            }
        }
        self.add(ReadRow::Read(RawRow { number, hash, cells: kept }), size)
    }

    #[inline]
    fn is_within(&self, column: u32, cell: &Canonical<'_>) -> bool {
        column < self.request.columns_max && cell.text_bytes() <= self.request.cell_bytes_max as usize
    }

    /// What stands for a cell beyond a limit: nothing for one beyond the last column, an error for a text too long.
    fn in_place_of(&self, column: u32) -> Option<Canonical<'static>> {
        (column < self.request.columns_max).then_some(Canonical::Error("#TOO-LONG!".into()))
    }

    #[cold]
    fn report_beyond(&mut self, row: u32, column: u32) -> Result<Option<Canonical<'static>>, Stop> {
        let instead = self.in_place_of(column);
        if instead.is_some() {
            let message = format!("The text is longer than {} bytes and was left out.", self.request.cell_bytes_max);
            self.problem("cell-too-long", row, column, &message, "Shorten the text.")?;
        } else if !std::mem::replace(&mut self.has_stray, true) {
            let message = format!("A cell beyond column {} was left out.", self.request.columns_max);
            self.problem("stray-cell", row, column, &message, "Clear the cells far to the right of the table.")?;
        }
        Ok(instead)
    }

    fn add(&mut self, row: ReadRow, bytes: usize) -> Result<(), Stop> {
        // A row that is large by itself goes alone, so that no frame passes its limit.
        if self.batch_bytes + bytes > BATCH_BYTES {
            self.flush()?;
        }
        self.batch.push(row);
        self.batch_bytes += bytes;
        if self.batch.len() >= BATCH_ROWS {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Stop> {
        if self.batch.is_empty() {
            return Ok(());
        }
        self.batch_bytes = 0;
        let batch = std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH_ROWS));
        self.send(Frame::Rows(batch))
    }

    fn send(&mut self, frame: Frame) -> Result<(), Stop> {
        (self.sink)(frame).map_err(Stop::Sink)
    }
}

fn misplaced(row: u32) -> Stop {
    ReadFailure::damaged(format!("Row {row}, or a cell in it, stands there twice or in the wrong place.")).into()
}

/// The hash of a row that holds nothing; such rows are not sent.
pub(super) fn empty_row_hash(key: &[u8; 16]) -> u128 {
    u128::from(SipHasher13::new_with_key(key).hash(&[]))
}

/// Which rows are sent in full.
enum Telling<'a> {
    /// Those that are not known.
    Unknown(Known),
    /// Those with these numbers, ascending; and what is told of nowhere else.
    Numbers(&'a [u32], &'a mut Beside),
}

/// A sum over cells that are no part of a row as it is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Beside(u128);

impl Beside {
    fn add(&mut self, number: u32, column: u32, cell: &Canonical<'_>) {
        let mut bytes = [self.0.to_le_bytes().as_slice(), &number.to_le_bytes()].concat();
        cell.append(column, &mut bytes);
        self.0 = u128::from(SipHasher13::new().hash(&bytes));
    }
}

impl Telling<'_> {
    fn is_wanted(&mut self, number: u32, hash: u128) -> bool {
        match self {
            Self::Unknown(known) => !known.take(hash),
            Self::Numbers(numbers, _) => numbers.binary_search(&number).is_ok(),
        }
    }

    /// Whether a row is sent in full whatever its hash is.
    fn is_surely_told(&self, number: u32) -> bool {
        matches!(self, Self::Numbers(numbers, _) if numbers.binary_search(&number).is_ok())
    }

    fn set_aside(&mut self, number: u32, column: u32, cell: Option<&Canonical<'_>>) {
        if let (Self::Numbers(_, beside), Some(cell)) = (self, cell) {
            beside.add(number, column, cell);
        }
    }
}

/// The hashes of the rows that the parent still has, each good for one row of this read.
///
/// Two rows with the same content would both point at one row of the baseline; the second is read instead, and its
/// duplicate key is found where keys are understood.
struct Known {
    /// A table with open addressing: the leading bits of a hash, which is evenly spread, say where to look. Filled in
    /// ascending order, so that memory is walked once, and looked up with one cache miss.
    slots: Vec<u128>,
    shift: u32,
}

/// A slot that holds nothing, and one whose hash was taken. A row whose hash is one of these two is never known, which
/// only means that it is read.
const SLOT_EMPTY: u128 = 0;
const SLOT_TAKEN: u128 = u128::MAX;

impl Known {
    fn new(hashes: &[u128]) -> Self {
        let sorted = if hashes.is_sorted() { hashes } else { &sorted(hashes) };
        let size = (sorted.len() * 2).next_power_of_two().max(2);
        let mut known = Self { slots: vec![SLOT_EMPTY; size], shift: u128::BITS - size.trailing_zeros() };
        let mut before = SLOT_EMPTY;
        for hash in sorted.iter().copied().filter(|hash| *hash != SLOT_TAKEN) {
            // Equal hashes stand side by side.
            if hash != before
                && let Some(slot) = known.find(hash, SLOT_EMPTY)
            {
                known.slots[slot] = hash;
            }
            before = hash;
        }
        known
    }

    /// Whether the hash is known and was not taken before.
    fn take(&mut self, hash: u128) -> bool {
        if hash == SLOT_EMPTY || hash == SLOT_TAKEN {
            return false;
        }
        match self.find(hash, hash) {
            Some(slot) => {
                self.slots[slot] = SLOT_TAKEN;
                true
            }
            None => false,
        }
    }

    /// The first slot with this content on the way of a hash; `None` if an empty slot comes first.
    fn find(&self, hash: u128, content: u128) -> Option<usize> {
        let start = usize::try_from(hash >> self.shift).unwrap_or(0);
        // Half of the slots are empty, so the way is short.
        let way = (start..self.slots.len()).chain(0..start);
        for slot in way {
            if self.slots[slot] == content {
                return Some(slot);
            }
            if self.slots[slot] == SLOT_EMPTY {
                return None;
            }
        }
        None
    }
}

fn sorted(hashes: &[u128]) -> Vec<u128> {
    let mut sorted = hashes.to_vec();
    sorted.sort_unstable();
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_hash_is_good_once() {
        // Many with the same leading bits, some at the table's end, one twice, and not sorted.
        let hashes = [5, 9, 9, u128::MAX - 1, u128::MAX - 2, 1 << 127, 1];
        let mut known = Known::new(&hashes);
        for hash in [1, 5, 9, 1 << 127, u128::MAX - 1, u128::MAX - 2] {
            assert!(known.take(hash), "{hash}");
            assert!(!known.take(hash), "{hash}");
        }
        for hash in [0, 6, u128::MAX] {
            assert!(!known.take(hash), "{hash}");
            assert!(!Known::new(&[]).take(hash), "{hash}");
        }
        assert!(!Known::new(&[0, u128::MAX]).take(u128::MAX));
    }
}
