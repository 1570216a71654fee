//! Rows below the data: whether there is room for them, and what grows with them.

use std::collections::BTreeSet;
use std::ops::Range;

use super::super::super::patch::{CellRefusal, PatchRequest};
use super::super::reference::{Area, COLUMNS_MAX, ROWS_MAX};
use super::edits::Edit;
use super::sheet::Sheet;
use super::table::Table;

/// The rows that are to be appended.
pub(super) struct Growth {
    /// The row of the titles.
    pub(super) titles: u32,
    /// The last row before.
    pub(super) last: u32,
    /// The last row afterwards.
    pub(super) new_last: u32,
    /// The columns that are written: what stands in others is no part of the list.
    columns: BTreeSet<u32>,
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
        let columns = request.appended.iter().flatten().map(|(column, _)| *column).collect();
        Some(new_last.map(|new_last| Self { titles, last, new_last, columns }).ok_or(CellRefusal::NoRoom))
    }

    /// The numbers of the new rows.
    pub(super) fn rows(&self) -> Range<u32> {
        self.last + 1..self.new_last + 1
    }

    /// Why the rows can't be appended.
    pub(super) fn refusal(&self, sheet: &Sheet<'_>, tables: &[Table], rows_max: u32) -> Option<CellRefusal> {
        let mine = |table: &&Table| table.holds_titles(self.titles) && self.is_written(table.area);
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

    fn meets(&self, area: Area) -> bool {
        area.first.row <= self.new_last && area.last.row > self.last
    }

    fn passes(&self, sheet: &Sheet<'_>, rows_max: u32) -> bool {
        // The title row is no row to the reader, but it may be one of those that are filled.
        let rows = sheet.rows_filled.saturating_sub(1).saturating_add(self.new_last - self.last);
        rows > rows_max
    }

    /// Whether any of an area's columns is written.
    fn is_written(&self, area: Area) -> bool {
        self.columns.range(area.first.column..=area.last.column).next().is_some()
    }

    /// Whether a table grows, and up to which row: one that holds the list and ends where the data ends, or within the new
    /// rows. A table may have room for them already, and one that ended above the last row never held it.
    pub(super) fn of_table(&self, table: &Table) -> Option<u32> {
        let ends_within = (self.last..self.new_last).contains(&table.area.last.row);
        (table.holds_titles(self.titles) && self.is_written(table.area) && ends_within).then_some(self.new_last)
    }

    /// Whether the sheet's own filter grows.
    pub(super) fn grows_filter(&self, sheet: &Sheet<'_>) -> bool {
        sheet.filter.as_ref().is_some_and(|(_, area)| self.is_filter(*area))
    }

    fn is_filter(&self, area: Area) -> bool {
        area.last.row == self.last && area.first.row <= self.titles && self.is_written(area)
    }

    /// Edits that let the sheet's filter, conditional formats and validations hold for the new rows.
    pub(super) fn edits(&self, sheet: &Sheet<'_>) -> Vec<Edit> {
        let mut edits = Vec::new();
        if let Some((place, area)) = &sheet.filter
            && self.is_filter(*area)
        {
            edits.push(Edit::replace(place.clone(), self.grown(*area)));
        }
        for rules in [&sheet.formats, &sheet.validations] {
            let said = || rules.iter().map(|place| (place, sheet.xml.get(place.clone()).unwrap_or_default()));
            let taken = Taken::by(said().flat_map(|(_, areas)| words(areas)).filter_map(Area::parse), self);
            for (place, areas) in said() {
                edits.extend(self.grown_areas(areas, &taken).map(|areas| Edit::replace(place.clone(), areas)));
            }
        }
        edits
    }

    fn grown(&self, mut area: Area) -> String {
        area.last.row = self.new_last;
        area.to_string()
    }

    /// The areas with those longer that end in the last row and have room below; `None` if none does.
    fn grown_areas(&self, areas: &[u8], taken: &Taken) -> Option<String> {
        let mut is_grown = false;
        let mut grown = Vec::new();
        for word in words(areas) {
            let area = Area::parse(word).filter(|area| self.is_column_area(*area) && !taken.meets(*area));
            is_grown |= area.is_some();
            grown.push(match area {
                Some(area) => self.grown(area),
                None => str::from_utf8(word).ok()?.to_owned(),
            });
        }
        is_grown.then(|| grown.join(" "))
    }

    /// Whether an area goes down the data to its end; the last row alone may have been singled out.
    fn is_column_area(&self, area: Area) -> bool {
        let is_only_row = self.last == self.titles + 1;
        let goes_down = self.last > self.titles && (area.first.row < self.last || is_only_row);
        goes_down && area.last.row == self.last && self.is_written(area)
    }
}

/// The references in a list of them.
fn words(areas: &[u8]) -> impl Iterator<Item = &[u8]> {
    areas.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

/// The columns in which rules of one kind hold for some of the new rows already.
struct Taken {
    /// For each column, and behind the last, how many of those before it are taken.
    before: Vec<u32>,
}

impl Taken {
    /// Takes all areas of the kind; each costs the same however wide it is.
    fn by(areas: impl Iterator<Item = Area>, growth: &Growth) -> Self {
        let mut changes = vec![0_i64; COLUMNS_MAX as usize + 1];
        for area in areas.filter(|area| growth.meets(*area)) {
            changes[area.first.column as usize] += 1;
            changes[area.last.column as usize + 1] -= 1;
        }
        let (mut covering, mut taken) = (0, 0);
        let counted = changes.into_iter().map(|change| {
            let before = taken;
            covering += change;
            taken += u32::from(covering > 0);
            before
        });
        Self { before: counted.collect() }
    }

    fn meets(&self, area: Area) -> bool {
        let before = |column: u32| self.before.get(column as usize).copied().unwrap_or_default();
        before(area.last.column + 1) > before(area.first.column)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    fn growth(titles: u32, last: u32, new_last: u32) -> Growth {
        Growth { titles, last, new_last, columns: (0..5).collect() }
    }

    /// Lets areas grow beside others of their kind.
    fn grown(growth: &Growth, areas: &str, others: &str) -> Option<String> {
        let all = words(areas.as_bytes()).chain(words(others.as_bytes())).filter_map(Area::parse);
        growth.grown_areas(areas.as_bytes(), &Taken::by(all, growth))
    }

    #[test]
    fn areas_that_end_with_the_data_grow() {
        let nine = growth(1, 9, 12);
        for (before, others, after) in [
            ("A2:A9", "", Some("A2:A12")),
            ("A2:A9 C1:D9 E2:E8 F:F", "", Some("A2:A12 C1:D12 E2:E8 F:F")),
            ("A9", "", None),
            ("A2:A10", "", None),
            ("", "", None),
            // A list beside the records.
            ("F2:G9", "", None),
            ("E2:G9", "", Some("E2:G12")),
            // What stands in the way, and what does not.
            ("B2:C9", "A11:B11", None),
            ("B2:C9", "A11 D9:D20 B13:C20", Some("B2:C12")),
            ("B2:C9 D2:D9 C10", "", Some("B2:C9 D2:D12 C10")),
            ("XFD2:XFD9 B2:B9", "A10:XFD10", None),
        ] {
            assert_eq!(grown(&nine, before, others).as_deref(), after, "{before}, {others}");
        }
        assert_eq!(grown(&growth(1, 2, 3), "B2", "").as_deref(), Some("B2:B3"));
        assert_eq!(grown(&growth(1, 1, 3), "B1:C1", ""), None);
    }

    #[test]
    fn taken_columns_are_counted_to_the_last_one() {
        let growth = growth(1, 9, 12);
        let area = |text: &str| Area::parse(text.as_bytes()).unwrap();
        let taken = Taken::by([area("C10:E10"), area("D12"), area("XFD10"), area("A13")].into_iter(), &growth);
        for (columns, is_taken) in [("A1:B1", false), ("B1:C1", true), ("E1", true), ("F1:XFC1", false), ("XFD1", true)]
        {
            assert_eq!(taken.meets(area(columns)), is_taken, "{columns}");
        }
    }
}
