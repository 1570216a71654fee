//! How a text file is laid out: its encoding, its delimiter, and whether its first line states the delimiter.

use std::io::{Read, Seek};

use encoding_rs::Encoding;

use super::super::read::ReadFailure;
use super::super::shared::Shared;
use super::split::Splitter;
use super::text::{Text, detect, sample};

/// How many rows are looked at to find the delimiter.
const JUDGED_ROWS: usize = 50;
/// What is looked for in a file that doesn't state its delimiter.
pub(super) const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];

/// What has to be known of a file before its rows can be told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) encoding: &'static Encoding,
    pub(super) delimiter: u8,
    /// Whether the first line is `sep=;` or the like, and no row.
    pub(super) is_stated: bool,
}

impl Layout {
    /// Finds it out.
    ///
    /// # Errors
    /// `encoding-unknown` or `not-a-workbook`.
    pub(super) fn find<R: Read + Seek>(input: &mut Shared<R>) -> Result<Self, ReadFailure> {
        let encoding = detect(input)?;
        let sample = sample(&mut Text::new(input, encoding)?)?;
        let (delimiter, is_stated) = delimiter(&sample);
        Ok(Self { encoding, delimiter, is_stated })
    }
}

/// The delimiter, and whether the first line only states it.
///
/// It is the one that gives most rows the same number of fields, above one; of equal ones the one with more fields.
fn delimiter(sample: &str) -> (u8, bool) {
    let first = sample.lines().next().unwrap_or_default();
    if let [b's' | b'S', b'e' | b'E', b'p' | b'P', b'=', delimiter @ (b',' | b';' | b'\t' | b'|')] = first.as_bytes() {
        return (*delimiter, true);
    }
    let mut best = (0, 0);
    let mut chosen = b',';
    for delimiter in DELIMITERS {
        let widths = widths(sample, delimiter);
        let Some(width) = widths.iter().copied().find(|width| *width > 1) else { continue };
        let score = (widths.iter().filter(|other| **other == width).count(), width);
        if score > best {
            best = score;
            chosen = delimiter;
        }
    }
    (chosen, false)
}

/// The numbers of fields of the first rows that are not blank; the last row of the sample may be cut and does not count
/// unless it is the only one.
fn widths(sample: &str, delimiter: u8) -> Vec<usize> {
    let mut splitter = Splitter::new(delimiter);
    let mut widths = Vec::new();
    let mut rest = sample.as_bytes();
    while !rest.is_empty() && widths.len() < JUDGED_ROWS {
        let (taken, is_row) = splitter.take(rest);
        rest = rest.get(taken..).unwrap_or_default();
        if is_row {
            if !splitter.is_blank() {
                widths.push(splitter.width());
            }
            splitter.clear();
        }
    }
    if widths.is_empty() && splitter.finish() {
        widths.push(splitter.width());
    }
    widths
}
