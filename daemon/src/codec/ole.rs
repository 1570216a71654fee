//! OLE compound files: what is in them, and whether an `xls` in them fits memory.
//!
//! The parser for `xls` lays out every sheet as a full rectangle and believes the size that a sheet declares, so two
//! cells in opposite corners cost hundreds of megabytes and a made-up size ends the process. This walks the records
//! first, without decoding them, and refuses such files. It also tells encrypted files, whatever they are encrypted with.

use std::collections::HashMap;
use std::io::{Read, Seek, SeekFrom};

use super::read::{ReadFailure, broken_input};
use super::shared::Shared;

/// The most cells that all sheets of an `xls` may span together.
const CELLS_MAX: u64 = 8_000_000;
/// The most sheets of an `xls`; Excel's own limit is memory.
const SHEETS_MAX: usize = 1_000;
/// Sector numbers from here on mean something else than a sector.
const SECTOR_SPECIAL: u32 = 0xFFFF_FFFA;
/// Streams below this size live in the mini stream.
const MINI_CUTOFF: u64 = 4096;
const MINI_SECTOR_BYTES: usize = 64;

/// Checks an OLE file before the parser sees it.
///
/// # Errors
/// `encrypted`, `not-a-workbook`, `truncated`, `too-large`.
pub(super) fn check<R: Read + Seek>(input: Shared<R>) -> Result<(), ReadFailure> {
    let mut file = Compound::open(input)?;
    if file.entry("EncryptedPackage").is_some() {
        return Err(ReadFailure::encrypted());
    }
    let Some(entry) = file.entry("Workbook").or_else(|| file.entry("Book")) else {
        return Err(ReadFailure::not_a_workbook("The file is an Office 97 document, but no workbook."));
    };
    let stream = file.stream(&entry)?;
    // The parser reads these even if the workbook is not in them.
    file.mini()?;
    check_records(&stream)
}

#[derive(Clone)]
struct Entry {
    name: String,
    start: u32,
    bytes: u64,
}

/// A compound file's tables.
struct Compound<R> {
    input: Shared<R>,
    sector_bytes: usize,
    next: Vec<u32>,
    entries: Vec<Entry>,
    mini_start: u32,
}

impl<R: Read + Seek> Compound<R> {
    fn open(mut input: Shared<R>) -> Result<Self, ReadFailure> {
        let mut head = [0; 512];
        input.read_exact(&mut head).map_err(|_| ReadFailure::truncated())?;
        let sector_bytes = if u16_at(&head, 30) == Some(12) { 4096 } else { 512 };
        let number = |at| u32_at(&head, at).unwrap_or(u32::MAX);
        let mut file = Self { input, sector_bytes, next: Vec::new(), entries: Vec::new(), mini_start: number(60) };
        let mut tables: Vec<u32> = (0..109).map(|index| number(76 + 4 * index)).collect();
        // Each list is bounded by the file's own size: a chain that runs in a circle ends there.
        let sectors_max = usize::try_from(file.input.length()).unwrap_or(usize::MAX) / sector_bytes + 1;
        let mut more = number(68);
        for _ in 0..sectors_max {
            if more >= SECTOR_SPECIAL {
                break;
            }
            let mut list = words(&file.sector(more)?);
            more = list.pop().unwrap_or(u32::MAX);
            tables.extend(list);
        }
        for table in tables.into_iter().filter(|sector| *sector < SECTOR_SPECIAL).take(sectors_max) {
            let words = words(&file.sector(table)?);
            file.next.extend(words);
        }
        let directory = file.chain(number(48), u64::MAX)?;
        file.entries = directory.chunks_exact(128).filter_map(entry).collect();
        Ok(file)
    }

    fn entry(&self, name: &str) -> Option<Entry> {
        self.entries.iter().find(|entry| entry.name.eq_ignore_ascii_case(name)).cloned()
    }

    fn sector(&mut self, sector: u32) -> Result<Vec<u8>, ReadFailure> {
        let at = (u64::from(sector) + 1) * self.sector_bytes as u64;
        self.input.seek(SeekFrom::Start(at)).map_err(|error| broken_input(&error))?;
        let mut bytes = Vec::with_capacity(self.sector_bytes);
        let read = self.input.by_ref().take(self.sector_bytes as u64).read_to_end(&mut bytes);
        // The last sector of some files is short.
        match read.map_err(|error| broken_input(&error))? {
            0 => Err(ReadFailure::truncated()),
            _ => Ok(bytes),
        }
    }

    /// Follows a chain of sectors.
    ///
    /// # Errors
    /// `damaged` if it runs in a circle: the parser would follow it until memory ends.
    fn chain(&mut self, start: u32, bytes_max: u64) -> Result<Vec<u8>, ReadFailure> {
        let mut bytes = Vec::new();
        let mut sector = start;
        for _ in 0..=self.next.len() {
            if sector >= SECTOR_SPECIAL || bytes.len() as u64 >= bytes_max {
                bytes.truncate(usize::try_from(bytes_max).unwrap_or(usize::MAX));
                return Ok(bytes);
            }
            bytes.extend(self.sector(sector)?);
            sector = self.next.get(sector as usize).copied().unwrap_or(u32::MAX);
        }
        Err(ReadFailure::damaged("The file's parts run in a circle."))
    }

    /// The mini stream, and which of its sectors follows which.
    fn mini(&mut self) -> Result<(Vec<u8>, Vec<u32>), ReadFailure> {
        let root = self.entries.first().cloned().ok_or_else(ReadFailure::truncated)?;
        let mini = self.chain(root.start, root.bytes)?;
        let next = words(&self.chain(self.mini_start, u64::MAX)?);
        Ok((mini, next))
    }

    fn stream(&mut self, entry: &Entry) -> Result<Vec<u8>, ReadFailure> {
        if entry.bytes >= MINI_CUTOFF {
            return self.chain(entry.start, entry.bytes);
        }
        let (mini, next) = self.mini()?;
        let mut bytes = Vec::new();
        let mut sector = entry.start;
        while sector < SECTOR_SPECIAL && (bytes.len() as u64) < entry.bytes {
            let start = sector as usize * MINI_SECTOR_BYTES;
            let Some(piece) = mini.get(start..mini.len().min(start + MINI_SECTOR_BYTES)) else { break };
            bytes.extend_from_slice(piece);
            sector = next.get(sector as usize).copied().unwrap_or(u32::MAX);
        }
        Ok(bytes)
    }
}

fn entry(bytes: &[u8]) -> Option<Entry> {
    let letters = usize::from(u16_at(bytes, 64)?).checked_sub(2)? / 2;
    let name = bytes.get(..64)?.chunks_exact(2).take(letters).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let name = char::decode_utf16(name).map(|letter| letter.unwrap_or('\u{FFFD}')).collect();
    Some(Entry { name, start: u32_at(bytes, 116)?, bytes: u64::from(u32_at(bytes, 120)?) })
}

/// A record of the workbook's stream: its type and its content.
fn records(stream: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = stream;
    std::iter::from_fn(move || {
        let kind = u16_at(rest, 0)?;
        let length = usize::from(u16_at(rest, 2)?);
        let content = rest.get(4..4 + length)?;
        rest = rest.get(4 + length..)?;
        Some((kind, content))
    })
}

fn check_records(stream: &[u8]) -> Result<(), ReadFailure> {
    let mut sheets = Vec::new();
    for (kind, content) in records(stream) {
        match kind {
            0x2F => return Err(ReadFailure::encrypted()),
            0x85 => sheets.extend(u32_at(content, 0)),
            0x0A => break,
            _ => {}
        }
    }
    if sheets.len() > SHEETS_MAX {
        return Err(ReadFailure::too_large(format!("The workbook has more than {SHEETS_MAX} sheets.")));
    }
    let mut seen = HashMap::new();
    let mut cells = 0_u64;
    for sheet in sheets {
        let sheet_stream = stream.get(sheet as usize..).ok_or_else(ReadFailure::truncated)?;
        cells = cells.saturating_add(*seen.entry(sheet).or_insert_with(|| spanned(sheet_stream)));
    }
    if cells > CELLS_MAX {
        return Err(ReadFailure::new(
            "too-large",
            format!("The sheets span more than {CELLS_MAX} cells."),
            "Clear cells far away from the table, or save the file as an xlsx workbook.",
        ));
    }
    Ok(())
}

/// How many cells the parser would lay out for the sheet that begins here.
fn spanned(stream: &[u8]) -> u64 {
    let mut declared = 0;
    let mut values = Span::default();
    let mut formulas = Span::default();
    let mut depth = 0;
    for (kind, content) in records(stream) {
        match kind {
            0x0809 => depth += 1,
            0x0A if depth <= 1 => break,
            0x0A => depth -= 1,
            0x0200 => declared = declared_cells(content).max(declared),
            0x0203 | 0x0204 | 0x00D6 | 0x0205 | 0x027E | 0x00FD => values.add(content, None),
            0x00BD => values.add(content, content.len().checked_sub(2).and_then(|at| u16_at(content, at))),
            0x0006 => {
                values.add(content, None);
                formulas.add(content, None);
            }
            _ => {}
        }
    }
    values.cells().saturating_add(formulas.cells()).max(declared)
}

/// What the record of a sheet's dimensions claims; all there is if it makes no sense.
fn declared_cells(content: &[u8]) -> u64 {
    let short = |at| u16_at(content, at).map(u32::from);
    let sides = if content.len() == 10 {
        (short(0), short(2), short(4), short(6))
    } else {
        (u32_at(content, 0), u32_at(content, 4), short(8), short(10))
    };
    let (Some(first_row), Some(end_row), Some(first_column), Some(end_column)) = sides else { return u64::MAX };
    match (end_row.checked_sub(first_row), end_column.checked_sub(first_column)) {
        (Some(rows), Some(columns)) => u64::from(rows) * u64::from(columns),
        // An empty sheet declares an end of 0 whatever its start.
        _ if end_row == 0 || end_column == 0 => 0,
        _ => u64::MAX,
    }
}

/// The rectangle around some cells.
#[derive(Default)]
struct Span {
    rows: Option<(u16, u16)>,
    columns: Option<(u16, u16)>,
}

impl Span {
    fn add(&mut self, content: &[u8], last_column: Option<u16>) {
        let (Some(row), Some(column)) = (u16_at(content, 0), u16_at(content, 2)) else { return };
        let widen = |span: Option<(u16, u16)>, first: u16, last: u16| {
            let (low, high) = span.unwrap_or((first, last));
            Some((low.min(first), high.max(last)))
        };
        self.rows = widen(self.rows, row, row);
        self.columns = widen(self.columns, column, last_column.unwrap_or(column).max(column));
    }

    fn cells(&self) -> u64 {
        let side = |span: Option<(u16, u16)>| span.map_or(0, |(low, high)| u64::from(high - low) + 1);
        side(self.rows) * side(self.columns)
    }
}

fn words(bytes: &[u8]) -> Vec<u32> {
    bytes.chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]])).collect()
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    fn record(kind: u16, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap();
        [&kind.to_le_bytes(), &length.to_le_bytes(), content].concat()
    }

    fn number(row: u16, column: u16) -> Vec<u8> {
        let mut content = [row.to_le_bytes(), column.to_le_bytes()].concat();
        content.resize(14, 0);
        record(0x0203, &content)
    }

    /// A workbook stream of one sheet with these records.
    fn checked(globals: &[Vec<u8>], sheet: &[Vec<u8>]) -> Result<(), ReadFailure> {
        let start = record(0x0809, &[0; 4]).len() + globals.concat().len() + record(0x85, &[0; 8]).len() + 4;
        let mut bound = u32::try_from(start).unwrap().to_le_bytes().to_vec();
        bound.resize(8, 0);
        let parts = [record(0x0809, &[0; 4]), globals.concat(), record(0x85, &bound), record(0x0A, &[])];
        let sheet = [record(0x0809, &[0; 4]), sheet.concat(), record(0x0A, &[])].concat();
        check_records(&[parts.concat(), sheet].concat())
    }

    #[test]
    fn corners_and_made_up_sizes_are_refused() {
        assert_eq!(checked(&[], &[number(0, 0), number(5000, 255)]), Ok(()));
        assert_eq!(checked(&[], &[number(0, 0), number(65535, 255)]).unwrap_err().code, "too-large");
        let backwards = [9_u32.to_le_bytes(), 1_u32.to_le_bytes(), [0, 0, 3, 0], [0; 4]].concat();
        assert_eq!(checked(&[], &[record(0x0200, &backwards)]).unwrap_err().code, "too-large");
    }

    #[test]
    fn any_file_pass_means_encrypted() {
        assert_eq!(checked(&[record(0x2F, &[0; 6])], &[]).unwrap_err().code, "encrypted");
    }
}
