//! Reads a text file before and after a patch and holds that it differs in the intended cells only.

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read, Seek};
use std::ops::Range;

use super::super::read::{ReadFailure, ReadRequest, broken_input, read};
use super::super::shared::Shared;
use super::super::sheet::{Frame, RawCell, ReadRow};
use super::layout::Layout;

/// The cells that a row is to hold: `None` for a blank one.
pub(super) type Changes = Vec<(u32, Option<String>)>;

/// New bytes for a range of the file.
pub(super) type Splice = (Range<usize>, Vec<u8>);

/// What the ordinary reader says of a file.
#[derive(Debug, Default)]
pub(super) struct Reading {
    titles: Vec<(u32, String)>,
    /// The numbers and hashes of the rows that hold something, ascending.
    rows: Vec<(u32, u128)>,
    /// The cells of those rows that were asked for.
    cells: BTreeMap<u32, Vec<(u32, RawCell)>>,
}

impl Reading {
    /// Reads a file in full and keeps the cells of the rows that `is_wanted`.
    ///
    /// # Errors
    /// What reading says.
    pub(super) fn of(
        input: impl Read + Seek,
        request: &ReadRequest,
        is_wanted: impl Fn(u32) -> bool,
    ) -> Result<Self, ReadFailure> {
        let mut reading = Self::default();
        let mut failure = None;
        let mut take = |frame| {
            match frame {
                Frame::Head(head) => reading.titles = head.columns,
                Frame::Rows(rows) => rows.into_iter().for_each(|row| reading.add(row, &is_wanted)),
                Frame::Failed(why) => failure = Some(why),
                Frame::Problem { .. } | Frame::Formulas(_) | Frame::End { .. } => {}
            }
            io::Result::Ok(())
        };
        let request = ReadRequest { known: Vec::new(), ..request.clone() };
        read(input, &request, &mut take).map_err(|error| broken_input(&error))?;
        failure.map_or(Ok(reading), Err)
    }

    fn add(&mut self, row: ReadRow, is_wanted: &impl Fn(u32) -> bool) {
        match row {
            ReadRow::Known { number, hash } => self.rows.push((number, hash)),
            ReadRow::Read(row) => {
                self.rows.push((row.number, row.hash));
                if is_wanted(row.number) {
                    self.cells.insert(row.number, row.cells);
                }
            }
        }
    }

    /// How many rows hold something.
    pub(super) fn length(&self) -> usize {
        self.rows.len()
    }

    /// The last row that holds something.
    pub(super) fn last(&self) -> Option<u32> {
        self.rows.last().map(|(number, _)| *number)
    }

    /// The hash of a row that holds something.
    pub(super) fn hash(&self, number: u32) -> Option<u128> {
        let index = self.rows.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        self.rows.get(index).map(|(_, hash)| *hash)
    }

    /// The text of a cell in a row that was asked for; `None` if it is blank.
    pub(super) fn cell(&self, number: u32, column: u32) -> Option<&RawCell> {
        let cells = self.cells.get(&number)?;
        cells.iter().find(|(own, _)| *own == column).map(|(_, cell)| cell)
    }

    /// Whether a reading of the patched file is this one with the changes, and nothing else.
    pub(super) fn becomes(&self, after: &Self, changes: &BTreeMap<u32, Changes>) -> bool {
        let mut expected: BTreeMap<u32, Vec<(u32, RawCell)>> = BTreeMap::new();
        for (number, changes) in changes {
            let cells = changed(self.cells.get(number).map_or(&[], Vec::as_slice), changes);
            // A row that holds nothing any more is none.
            if !cells.is_empty() {
                expected.insert(*number, cells);
            }
        }
        let others = |reading: &Self| -> Vec<(u32, u128)> {
            reading.rows.iter().filter(|(number, _)| !changes.contains_key(number)).copied().collect()
        };
        let are_changed = after.cells.iter().filter(|(number, _)| changes.contains_key(number)).eq(expected.iter());
        self.titles == after.titles && are_changed && others(self) == others(after)
    }
}

fn changed(cells: &[(u32, RawCell)], changes: &[(u32, Option<String>)]) -> Vec<(u32, RawCell)> {
    let mut columns: BTreeMap<u32, RawCell> = cells.iter().cloned().collect();
    for (column, text) in changes {
        match text {
            Some(text) => columns.insert(*column, RawCell::Text(text.as_str().into())),
            None => columns.remove(column),
        };
    }
    columns.into_iter().collect()
}

/// What a patch was meant to do to a file.
pub(super) struct Intent<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) before: &'a Reading,
    pub(super) layout: Layout,
    pub(super) splices: &'a [Splice],
    /// What each changed or appended row is to hold.
    pub(super) changes: &'a BTreeMap<u32, Changes>,
}

impl Intent<'_> {
    /// Holds that the patched file reads as intended and has all other bytes of the file that it was made from; gives
    /// what the reader says of it.
    ///
    /// # Errors
    /// `text-ambiguous` if the new texts make the file look like one in another encoding or with another delimiter;
    /// `patch-check-failed` for anything else, which is a defect here.
    pub(super) fn check(&self, patched: &[u8], request: &ReadRequest) -> Result<Reading, ReadFailure> {
        let after = Reading::of(Cursor::new(patched), request, |number| self.changes.contains_key(&number));
        match after {
            Ok(after) if self.before.becomes(&after, self.changes) && is_spliced(self.bytes, self.splices, patched) => {
                Ok(after)
            }
            // A limit that the old file kept is no defect.
            Err(failure) if matches!(failure.code.as_str(), "too-large" | "too-many-rows") => Err(failure),
            _ if !is_laid_out_as(self.layout, patched) => Err(ReadFailure::new(
                "text-ambiguous",
                "With the new texts in it, the file's encoding or delimiter can't be told any more. It was left as it is.",
                "Save it as an xlsx workbook, or as `CSV UTF-8`.",
            )),
            _ => Err(ReadFailure::new(
                "patch-check-failed",
                "The patched file does not read as it should. The file was left as it is.",
                "This is a defect of Daybook. Please report it.",
            )),
        }
    }
}

/// Whether a file has this layout. One of ASCII alone is the same in all encodings of one byte.
fn is_laid_out_as(layout: Layout, bytes: &[u8]) -> bool {
    let found = Shared::new(Cursor::new(bytes)).ok().and_then(|mut input| Layout::find(&mut input).ok());
    found.is_some_and(|found| {
        let same_encoding = found.encoding == layout.encoding || bytes.is_ascii();
        same_encoding && (found.delimiter, found.is_stated) == (layout.delimiter, layout.is_stated)
    })
}

/// Puts new bytes into a file; the splices ascend and don't overlap.
pub(super) fn spliced(bytes: &[u8], splices: &[Splice]) -> Vec<u8> {
    let added: usize = splices.iter().map(|(_, new)| new.len()).sum();
    let mut patched = Vec::with_capacity(bytes.len() + added);
    let mut at = 0;
    for (range, new) in splices {
        patched.extend_from_slice(bytes.get(at..range.start).unwrap_or_default());
        patched.extend_from_slice(new);
        at = range.end;
    }
    patched.extend_from_slice(bytes.get(at..).unwrap_or_default());
    patched
}

/// Whether a patched file is the file with these splices: walked from the patched file's side.
fn is_spliced(bytes: &[u8], splices: &[Splice], patched: &[u8]) -> bool {
    let (mut bytes_at, mut rest) = (0, patched);
    for (range, new) in splices {
        let Some(kept) = bytes.get(bytes_at..range.start) else { return false };
        let Some(behind) = rest.strip_prefix(kept).and_then(|rest| rest.strip_prefix(new.as_slice())) else {
            return false;
        };
        (bytes_at, rest) = (range.end, behind);
    }
    bytes.get(bytes_at..) == Some(rest)
}
