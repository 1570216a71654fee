//! The tables of a sheet, and how one grows when rows are appended to it.

use std::io::{Read, Seek};
use std::ops::Range;

use super::super::super::package::Package;
use super::super::super::read::ReadFailure;
use super::super::lexer::{Broken, Kind, Lexer, Tag};
use super::super::reference::Area;
use super::edits::{Edit, Spliced};
use super::refusal::not_understood;
use super::sheet::number;

/// The most tables of one sheet.
const TABLES_MAX: usize = 1000;

/// A table's part.
pub(super) struct Table {
    pub(super) part: String,
    /// Where the table stands, its titles and totals included.
    pub(super) area: Area,
    pub(super) has_totals: bool,
    has_titles: bool,
    xml: Vec<u8>,
    area_place: Range<usize>,
    filter: Option<(Range<usize>, Area)>,
}

impl Table {
    /// The tables of a sheet.
    pub(super) fn of_sheet<R: Read + Seek>(package: &mut Package<R>, sheet: &str) -> Result<Vec<Self>, ReadFailure> {
        let relations = package.relations(sheet);
        let tables = relations.into_iter().filter(|relation| relation.kind == "table").take(TABLES_MAX);
        let mut found = Vec::new();
        for table in tables {
            if let Some(xml) = package.small_bytes(&table.target)? {
                found.push(Self::scan(table.target, xml).map_err(|Broken| not_understood("a table"))?);
            }
        }
        Ok(found)
    }

    fn scan(part: String, xml: Vec<u8>) -> Result<Self, Broken> {
        let mut lexer = Lexer::new(&xml, 0);
        let root = lexer.tag()?;
        if root.local_name() != b"table" {
            return Err(Broken);
        }
        let (area_place, area) = reference(&root)?.ok_or(Broken)?;
        let totals = number(&root, b"totalsRowCount")?.unwrap_or(0);
        let titles = number(&root, b"headerRowCount")?.unwrap_or(1);
        let mut filter = None;
        while root.is_open() {
            let tag = lexer.tag()?;
            if tag.kind == Kind::Close {
                break;
            }
            if tag.local_name() == b"autoFilter" {
                filter = reference(&tag)?;
            }
            lexer.pass(&tag)?;
        }
        Ok(Self { part, area, has_totals: totals > 0, has_titles: titles > 0, area_place, filter, xml })
    }

    /// Whether the titles of the records are those of the table.
    pub(super) fn holds_titles(&self, header_row: u32) -> bool {
        self.has_titles && self.area.first.row == header_row
    }

    /// The part of the table with its end in this row.
    pub(super) fn grown_to(self, last_row: u32) -> Option<Spliced> {
        let grown = |mut area: Area| {
            area.last.row = last_row;
            area.to_string()
        };
        let mut edits = vec![Edit::replace(self.area_place, grown(self.area))];
        if let Some((place, filter)) = self.filter
            && filter.last.row == self.area.last.row
        {
            edits.push(Edit::replace(place, grown(filter)));
        }
        Spliced::new(self.xml, edits)
    }
}

fn reference(tag: &Tag<'_>) -> Result<Option<(Range<usize>, Area)>, Broken> {
    let Some(attribute) = tag.attribute(b"ref")? else { return Ok(None) };
    Ok(Some((attribute.place, Area::parse(attribute.value).ok_or(Broken)?)))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    #[test]
    fn a_table_grows_with_its_filter() {
        let xml = r#"<table name="t" ref="B2:C9" totalsRowShown="0"><autoFilter ref="B2:C9"/><tableColumns><tableColumn id="1"/></tableColumns></table>"#;
        let table = Table::scan(String::new(), xml.as_bytes().to_vec()).unwrap();
        assert!(table.holds_titles(2) && !table.holds_titles(1) && !table.has_totals);
        let mut out = Vec::new();
        table.grown_to(12).unwrap().write_to(&mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), xml.replace("B2:C9", "B2:C12"));
    }

    #[test]
    fn totals_and_missing_titles_are_seen() {
        let scan = |attributes: &str| {
            let xml = format!("<x:table ref=\"A1:B3\" {attributes}/>");
            Table::scan(String::new(), xml.into_bytes()).unwrap()
        };
        assert!(scan("totalsRowCount='1'").has_totals);
        assert!(!scan("headerRowCount='0'").holds_titles(1));
    }
}
