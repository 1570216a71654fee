//! Which of the cells that are to be changed belong to another cell: merged into it, or filled by its array.

use std::collections::HashMap;

use super::super::super::patch::{CellRefusal, NewCell};
use super::super::lexer::Broken;
use super::super::reference::{Area, Place};

/// The most rows and cells that are looked at. Areas don't overlap in a sound file, so each cell is looked at about once.
const LOOKS_MAX: usize = 1 << 26;

/// The cells that belong to another, and what they are then. The rows ascend, and so do the cells of each.
pub(super) fn covered(
    areas: &[(Area, CellRefusal)],
    rows: &[(u32, &[(u32, NewCell)])],
) -> Result<HashMap<Place, CellRefusal>, Broken> {
    let mut covered = HashMap::new();
    let mut looks = areas.len();
    for (area, why) in areas {
        let first = rows.partition_point(|(number, _)| *number < area.first.row);
        let rows = rows.get(first..).unwrap_or_default();
        for (row, cells) in rows.iter().take_while(|(number, _)| *number <= area.last.row) {
            looks += 1;
            let first = cells.partition_point(|(column, _)| *column < area.first.column);
            let cells = cells.get(first..).unwrap_or_default();
            for (column, _) in cells.iter().take_while(|(column, _)| *column <= area.last.column) {
                looks += 1;
                let place = Place { row: *row, column: *column };
                // A merged area is its first cell.
                if place != area.first || *why != CellRefusal::Merged {
                    covered.insert(place, *why);
                }
            }
            if looks > LOOKS_MAX {
                return Err(Broken);
            }
        }
    }
    Ok(covered)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    #[test]
    fn only_what_belongs_to_another_cell_is_covered() {
        let cells: Vec<(u32, NewCell)> = (0..4).map(|column| (column, NewCell::Blank)).collect();
        let rows = [(2, cells.as_slice()), (3, &cells), (9, &cells)];
        let area = |text: &str| Area::parse(text.as_bytes()).unwrap();
        let areas = [(area("B2:C3"), CellRefusal::Merged), (area("D3:D8"), CellRefusal::Array)];
        let mut covered: Vec<String> =
            covered(&areas, &rows).unwrap().iter().map(|(place, why)| format!("{place} {why:?}")).collect();
        covered.sort();
        assert_eq!(covered, ["B3 Merged", "C2 Merged", "C3 Merged", "D3 Array"]);
    }

    #[test]
    fn areas_that_overlap_without_end_are_refused() {
        let cells = [(0, NewCell::Blank)];
        let rows: Vec<(u32, &[(u32, NewCell)])> = (1..=20_000).map(|number| (number, cells.as_slice())).collect();
        let areas = vec![(Area::parse(b"A1:XFD1048576").unwrap(), CellRefusal::Merged); 20_000];
        assert!(covered(&areas, &rows).is_err());
    }
}
