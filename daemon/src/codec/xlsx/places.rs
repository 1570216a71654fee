//! Where the cells of a worksheet stand: a second pass beside the parser.
//!
//! The parser reports an unreadable cell without its place, and places cells without a reference wrongly after one. So
//! from the first such cell on this walks the same part and counts the same cells.

use std::io::{Read, Seek};

use quick_xml::events::{BytesStart, Event};

use super::super::package::{Xml, attribute};
use super::super::read::ReadFailure;

/// Walks over the cells of a worksheet, in the part's order.
pub(super) struct Places<'a, R: Read + Seek> {
    xml: Xml<'a, R>,
    buffer: Vec<u8>,
    row: u32,
    column: u32,
}

/// A cell's place, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CellPlace {
    pub(super) row: u32,
    pub(super) column: u32,
    /// Whether the cell says where it stands.
    pub(super) is_stated: bool,
}

impl<'a, R: Read + Seek> Places<'a, R> {
    pub(super) fn new(xml: Xml<'a, R>) -> Self {
        Self { xml, buffer: Vec::new(), row: 0, column: 0 }
    }

    /// Passes over so many cells.
    pub(super) fn skip(&mut self, count: usize) -> Result<(), ReadFailure> {
        for _ in 0..count {
            self.next()?;
        }
        Ok(())
    }

    /// The next cell's place; `None` at the end of the cells.
    pub(super) fn next(&mut self) -> Result<Option<CellPlace>, ReadFailure> {
        loop {
            self.buffer.clear();
            match self.xml.read_event_into(&mut self.buffer) {
                Ok(Event::Start(element)) if element.local_name().as_ref() == "row" => {
                    if let Some(reference) = attribute(&element, "r") {
                        self.row = parse(&reference).ok_or_else(misplaced)?.0;
                    }
                }
                Ok(Event::End(element)) if element.local_name().as_ref() == "row" => {
                    self.row += 1;
                    self.column = 0;
                }
                Ok(Event::Start(element)) if element.local_name().as_ref() == "c" => {
                    let place = place(&element, self.row, self.column)?;
                    self.column = place.column + 1;
                    self.skip_cell()?;
                    return Ok(Some(place));
                }
                Ok(Event::End(element)) if element.local_name().as_ref() == "sheetData" => return Ok(None),
                Ok(Event::Eof) | Err(_) => return Err(misplaced()),
                Ok(_) => {}
            }
        }
    }

    fn skip_cell(&mut self) -> Result<(), ReadFailure> {
        loop {
            self.buffer.clear();
            match self.xml.read_event_into(&mut self.buffer) {
                Ok(Event::End(element)) if element.local_name().as_ref() == "c" => return Ok(()),
                Ok(Event::Eof) | Err(_) => return Err(misplaced()),
                Ok(_) => {}
            }
        }
    }
}

fn place(element: &BytesStart<'_>, row: u32, column: u32) -> Result<CellPlace, ReadFailure> {
    let Some(reference) = attribute(element, "r") else { return Ok(CellPlace { row, column, is_stated: false }) };
    match parse(&reference) {
        Some((row, Some(column))) => Ok(CellPlace { row, column, is_stated: true }),
        _ => Err(misplaced()),
    }
}

pub(super) fn misplaced() -> ReadFailure {
    ReadFailure::damaged("The places of some cells can't be told.")
}

/// Reads `C14`, or `14`, as row and column from 0.
fn parse(reference: &str) -> Option<(u32, Option<u32>)> {
    let mut column = 0_u32;
    let mut row = 0_u32;
    for byte in reference.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' if row == 0 => {
                let letter = u32::from(byte.to_ascii_uppercase() - b'A') + 1;
                column = column.checked_mul(26)?.checked_add(letter)?;
            }
            b'0'..=b'9' => row = row.checked_mul(10)?.checked_add(u32::from(byte - b'0'))?,
            _ => return None,
        }
    }
    Some((row.checked_sub(1)?, column.checked_sub(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read() {
        assert_eq!(parse("A1"), Some((0, Some(0))));
        assert_eq!(parse("xfd1048576"), Some((1_048_575, Some(16_383))));
        assert_eq!(parse("14"), Some((13, None)));
        for wrong in ["", "A", "A0", "1A", "$A$1", "A99999999999", "AAAAAAAAAA1"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
