//! References to cells and areas, as `C14` and `A1:C14`.

use std::fmt;

/// The most columns of a sheet; Excel's limit.
pub(in super::super) const COLUMNS_MAX: u32 = 16_384;
/// The most rows of a sheet; Excel's limit.
pub(in super::super) const ROWS_MAX: u32 = 1_048_576;

/// Where a cell stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in super::super) struct Place {
    /// From 1.
    pub(in super::super) row: u32,
    /// From 0.
    pub(in super::super) column: u32,
}

/// A rectangle of cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Area {
    /// The upper left corner.
    pub(in super::super) first: Place,
    /// The lower right corner.
    pub(in super::super) last: Place,
}

impl Place {
    /// Reads `C14`; `$` may stand before each part.
    pub(in super::super) fn parse(reference: &[u8]) -> Option<Self> {
        let (mut row, mut column, mut digits) = (0_u32, 0_u32, 0_usize);
        for byte in reference {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' if digits == 0 => {
                    column = column.checked_mul(26)? + u32::from(byte.to_ascii_uppercase() - b'A') + 1;
                }
                b'0'..=b'9' => {
                    row = row.checked_mul(10)?.checked_add(u32::from(byte - b'0'))?;
                    digits += 1;
                }
                b'$' => {}
                _ => return None,
            }
            if column > COLUMNS_MAX || row > ROWS_MAX {
                return None;
            }
        }
        Some(Self { row: Some(row).filter(|row| *row > 0)?, column: column.checked_sub(1)? })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}", letters(self.column), self.row)
    }
}

/// A column's letters.
pub(in super::super) fn letters(column: u32) -> String {
    let mut letters = Vec::new();
    let mut rest = column + 1;
    while rest > 0 {
        let letter = u8::try_from((rest - 1) % 26).unwrap_or_default();
        letters.push(char::from(b'A' + letter));
        rest = (rest - 1) / 26;
    }
    letters.iter().rev().collect()
}

impl Area {
    /// Reads `A1:C14`, or `A1` for one cell. Whole columns and rows, as `A:A`, are not areas of this kind.
    pub(in super::super) fn parse(reference: &[u8]) -> Option<Self> {
        let mut corners = reference.split(|byte| *byte == b':').map(Place::parse);
        let one = corners.next()??;
        let other = corners.next().unwrap_or(Some(one))?;
        let first = Place { row: one.row.min(other.row), column: one.column.min(other.column) };
        let last = Place { row: one.row.max(other.row), column: one.column.max(other.column) };
        corners.next().is_none().then_some(Self { first, last })
    }

    /// Whether it is but one cell.
    pub(in super::super) fn is_single(&self) -> bool {
        self.first == self.last
    }

    /// The smallest area with both in it.
    pub(in super::super) fn with(&self, place: Place) -> Self {
        Self {
            first: Place { row: self.first.row.min(place.row), column: self.first.column.min(place.column) },
            last: Place { row: self.last.row.max(place.row), column: self.last.column.max(place.column) },
        }
    }
}

impl fmt::Display for Area {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_single() { self.first.fmt(formatter) } else { write!(formatter, "{}:{}", self.first, self.last) }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_as_they_are_written() {
        for text in ["A1", "Z9", "AA10", "AZ1", "BA1", "ZZ1", "AAA1", "XFD1048576"] {
            assert_eq!(Place::parse(text.as_bytes()).unwrap().to_string(), text);
        }
        assert_eq!(Place::parse(b"$c$14"), Some(Place { row: 14, column: 2 }));
        for wrong in ["", "A", "1", "A0", "1A", "XFE1", "A1048577", "A1 ", "A99999999999", "ZZZZZZZZZZ1"] {
            assert_eq!(Place::parse(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn areas_are_read_from_any_two_corners() {
        assert_eq!(Area::parse(b"C14:A1").unwrap().to_string(), "A1:C14");
        assert_eq!(Area::parse(b"B2").unwrap().to_string(), "B2");
        for wrong in ["A:A", "1:2", "A1:", "A1:B2:C3", "A1:#REF!"] {
            assert_eq!(Area::parse(wrong.as_bytes()), None, "{wrong}");
        }
        let area = Area::parse(b"B2:C3").unwrap();
        assert_eq!(area.with(Place { row: 9, column: 0 }).to_string(), "A2:C9");
    }
}
