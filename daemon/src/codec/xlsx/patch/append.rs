//! Rows below the data: whether there is room for them, and what grows with them.

use std::ops::Range;

use super::super::super::patch::{CellRefusal, PatchRequest};
use super::super::reference::{Area, ROWS_MAX};
use super::edits::Edit;
use super::sheet::Sheet;
use super::table::Table;

/// The rows that are to be appended.
#[derive(Clone, Copy)]
pub(super) struct Growth {
    /// The row of the titles.
    pub(super) titles: u32,
    /// The last row before.
    pub(super) last: u32,
    /// The last row afterwards.
    pub(super) new_last: u32,
}

impl Growth {
    /// What is asked for; `None` if no rows are, or if they don't fit a sheet.
    pub(super) fn asked(request: &PatchRequest) -> Option<Result<Self, CellRefusal>> {
        if request.appended.is_empty() {
            return None;
        }
        let (titles, last) = (request.read.header_row, request.last_row);
        let new_last = u32::try_from(request.appended.len()).ok().and_then(|count| last.checked_add(count));
        let new_last = new_last.filter(|new_last| *new_last <= ROWS_MAX && last >= titles);
        Some(new_last.map(|new_last| Self { titles, last, new_last }).ok_or(CellRefusal::NoRoom))
    }

    /// The numbers of the new rows.
    pub(super) fn rows(self) -> Range<u32> {
        self.last + 1..self.new_last + 1
    }

    /// Why the rows can't be appended.
    pub(super) fn refusal(self, sheet: &Sheet<'_>, tables: &[Table], rows_max: u32) -> Option<CellRefusal> {
        let mine = |table: &&Table| table.holds_titles(self.titles);
        let others = tables.iter().filter(|table| !table.holds_titles(self.titles)).map(|table| table.area);
        let covered = sheet.areas.iter().map(|(area, _)| *area);
        if sheet.is_protected {
            Some(CellRefusal::Protected)
        } else if tables.iter().filter(mine).any(|table| table.has_totals) {
            Some(CellRefusal::TotalsRow)
        } else if sheet.last_filled > self.last {
            Some(CellRefusal::RowsBelow)
        } else if covered.chain(others).any(|area| self.meets(area)) || self.passes(sheet, rows_max) {
            Some(CellRefusal::NoRoom)
        } else {
            None
        }
    }

    fn meets(self, area: Area) -> bool {
        area.first.row <= self.new_last && area.last.row > self.last
    }

    fn passes(self, sheet: &Sheet<'_>, rows_max: u32) -> bool {
        // The title row is no row to the reader, but it may be one of those that are filled.
        let rows = sheet.rows_filled.saturating_sub(1).saturating_add(self.new_last - self.last);
        rows > rows_max
    }

    /// Whether a table grows, and up to which row: one that ends where the data ends, or within the new rows. A table may
    /// have room for them already, and one that ended above the last row never held it.
    pub(super) fn of_table(self, table: &Table) -> Option<u32> {
        let ends_within = (self.last..self.new_last).contains(&table.area.last.row);
        (table.holds_titles(self.titles) && ends_within).then_some(self.new_last)
    }

    /// Whether the sheet's own filter grows.
    pub(super) fn grows_filter(self, sheet: &Sheet<'_>) -> bool {
        sheet.filter.as_ref().is_some_and(|(_, area)| self.is_filter(*area))
    }

    fn is_filter(self, area: Area) -> bool {
        area.last.row == self.last && area.first.row <= self.titles
    }

    /// Edits that let the sheet's filter, conditional formats and validations hold for the new rows.
    pub(super) fn edits(self, sheet: &Sheet<'_>) -> Vec<Edit> {
        let mut edits = Vec::new();
        if let Some((place, area)) = &sheet.filter
            && self.is_filter(*area)
        {
            edits.push(Edit::replace(place.clone(), self.grown(*area)));
        }
        for place in &sheet.rules {
            let areas = sheet.xml.get(place.clone()).unwrap_or_default();
            edits.extend(self.grown_areas(areas).map(|areas| Edit::replace(place.clone(), areas)));
        }
        edits
    }

    fn grown(self, mut area: Area) -> String {
        area.last.row = self.new_last;
        area.to_string()
    }

    /// The areas with those longer that end in the last row; `None` if none does.
    fn grown_areas(self, areas: &[u8]) -> Option<String> {
        let mut is_grown = false;
        let mut grown = Vec::new();
        for word in areas.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()) {
            let area = Area::parse(word).filter(|area| self.is_column_area(*area));
            is_grown |= area.is_some();
            grown.push(match area {
                Some(area) => self.grown(area),
                None => str::from_utf8(word).ok()?.to_owned(),
            });
        }
        is_grown.then(|| grown.join(" "))
    }

    /// Whether an area goes down the data to its end; the last row alone may have been singled out.
    fn is_column_area(self, area: Area) -> bool {
        let is_only_row = self.last == self.titles + 1;
        self.last > self.titles && area.last.row == self.last && (area.first.row < self.last || is_only_row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_that_end_with_the_data_grow() {
        let growth = Growth { titles: 1, last: 9, new_last: 12 };
        for (before, after) in [
            ("A2:A9", Some("A2:A12")),
            ("A2:A9 C1:D9 E2:E8 F:F", Some("A2:A12 C1:D12 E2:E8 F:F")),
            ("A9", None),
            ("A2:A10", None),
            ("", None),
        ] {
            assert_eq!(growth.grown_areas(before.as_bytes()).as_deref(), after, "{before}");
        }
        let single = Growth { titles: 1, last: 2, new_last: 3 };
        assert_eq!(single.grown_areas(b"B2").as_deref(), Some("B2:B3"));
        let none = Growth { titles: 1, last: 1, new_last: 3 };
        assert_eq!(none.grown_areas(b"B1:C1"), None);
    }
}
