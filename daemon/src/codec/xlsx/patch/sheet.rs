//! What a worksheet's part says, as far as a patch needs to know, with the places where it says so.
//!
//! The whole part is walked once. Of the rows only those that are to be changed, and those whose styles are copied, are
//! remembered. What is not understood refuses the file: a patch that guesses would harm it.

use std::collections::BTreeMap;
use std::ops::Range;

use super::super::super::formula_runs::FormulaRuns;
use super::super::super::patch::CellRefusal;
use super::super::super::sheet::FormulaRun;
use super::super::formulas::{add, array, row_number};
use super::super::lexer::{Broken, Kind, Lexer, Tag};
use super::super::plain_rows::PlainRows;
use super::super::reference::{Area, COLUMNS_MAX, Place};

/// The most areas (merged cells, arrays) that are remembered.
const AREAS_MAX: usize = 1 << 20;

/// A worksheet's part.
pub(super) struct Sheet<'a> {
    pub(super) xml: &'a [u8],
    /// What stands before the names of the sheet's own elements: nothing, or as `x:`.
    pub(super) prefix: &'a str,
    /// The area that the sheet says it fills, and where it says so.
    pub(super) dimension: Option<(Range<usize>, Area)>,
    /// First column, last column and style of columns that have one.
    pub(super) columns: Vec<(u32, u32, u32)>,
    /// The rows that were asked for.
    pub(super) targets: BTreeMap<u32, Target<'a>>,
    /// Cells that belong to another cell, and what they are then.
    pub(super) areas: Vec<(Area, CellRefusal)>,
    pub(super) is_protected: bool,
    /// The sheet's own filter, and where its area is said.
    pub(super) filter: Option<(Range<usize>, Area)>,
    /// Where conditional formats say the areas that they hold for.
    pub(super) formats: Vec<Range<usize>>,
    /// Where validations do.
    pub(super) validations: Vec<Range<usize>>,
    /// The last row with anything in it.
    pub(super) last_filled: u32,
    /// How many rows have anything in them.
    pub(super) rows_filled: u32,
    pub(super) formulas: Vec<FormulaRun>,
    pub(super) has_formula: bool,
}

/// A row that was asked for.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    /// The row; `None` if the sheet leaves it out.
    pub(super) row: Option<RowSpan<'a>>,
    /// The row above it in the sheet, if it stands below the titles.
    pub(super) above: Option<RowSpan<'a>>,
    /// Where the row stands or would stand.
    pub(super) at: usize,
}

/// Where a row stands.
#[derive(Clone, Copy)]
pub(super) struct RowSpan<'a> {
    /// From 1.
    pub(super) number: u32,
    /// The tag with which it begins.
    pub(super) tag: Tag<'a>,
}

/// What is to be found in a sheet.
pub(super) struct Search<'a> {
    /// The rows to remember, ascending.
    pub(super) targets: &'a [u32],
    pub(super) header_row: u32,
    pub(super) columns_max: u32,
}

impl<'a> Sheet<'a> {
    /// Walks over a worksheet's part.
    pub(super) fn scan(xml: &'a [u8], search: &Search<'_>) -> Result<Self, Broken> {
        let mut lexer = Lexer::new(xml, 0);
        let root = lexer.tag()?;
        if root.local_name() != b"worksheet" || !root.is_open() {
            return Err(Broken);
        }
        let prefix_length = root.name.len() - root.local_name().len();
        let prefix = root.name.get(..prefix_length).and_then(|prefix| str::from_utf8(prefix).ok()).ok_or(Broken)?;
        let mut sheet = Self::empty(xml, prefix);
        let mut has_data = false;
        loop {
            let tag = lexer.tag()?;
            if tag.kind == Kind::Close {
                return if tag.name == root.name && has_data { Ok(sheet) } else { Err(Broken) };
            }
            match tag.name.strip_prefix(prefix.as_bytes()) {
                Some(b"sheetData") if has_data => return Err(Broken),
                Some(b"sheetData") => {
                    has_data = true;
                    let rows = RowScan::new(&mut sheet, search);
                    rows.walk(&mut lexer, &tag)?;
                }
                Some(name) => sheet.take_part(name, &mut lexer, &tag)?,
                None => {
                    lexer.pass(&tag)?;
                }
            }
        }
    }

    fn empty(xml: &'a [u8], prefix: &'a str) -> Self {
        Self {
            xml,
            prefix,
            dimension: None,
            columns: Vec::new(),
            targets: BTreeMap::new(),
            areas: Vec::new(),
            is_protected: false,
            filter: None,
            formats: Vec::new(),
            validations: Vec::new(),
            last_filled: 0,
            rows_filled: 0,
            formulas: Vec::new(),
            has_formula: false,
        }
    }

    /// Takes what stands beside the rows.
    fn take_part(&mut self, name: &[u8], lexer: &mut Lexer<'a>, tag: &Tag<'a>) -> Result<(), Broken> {
        let prefix = self.prefix;
        match name {
            b"dimension" => self.dimension = area(tag)?,
            b"autoFilter" => self.filter = area(tag)?,
            b"sheetProtection" => self.is_protected = matches!(tag.value(b"sheet")?, Some(b"1" | b"true")),
            b"conditionalFormatting" => self.formats.extend(tag.attribute(b"sqref")?.map(|sqref| sqref.place)),
            b"cols" => {
                return children(lexer, tag, prefix, b"col", |column, _| {
                    let (first, last, style) =
                        (number(column, b"min")?, number(column, b"max")?, number(column, b"style")?);
                    if self.columns.len() >= COLUMNS_MAX as usize {
                        return Err(Broken);
                    }
                    if let (Some(first @ 1..), Some(last @ 1..), Some(style)) = (first, last, style) {
                        self.columns.push((first - 1, last - 1, style));
                    }
                    Ok(())
                });
            }
            b"mergeCells" => {
                return children(lexer, tag, prefix, b"mergeCell", |merged, _| {
                    let (_, area) = area(merged)?.ok_or(Broken)?;
                    self.add_area(area, CellRefusal::Merged)
                });
            }
            b"dataValidations" => {
                return children(lexer, tag, prefix, b"dataValidation", |validation, _| {
                    self.validations.extend(validation.attribute(b"sqref")?.map(|sqref| sqref.place));
                    Ok(())
                });
            }
            _ => {}
        }
        lexer.pass(tag).map(drop)
    }

    fn add_area(&mut self, area: Area, why: CellRefusal) -> Result<(), Broken> {
        if self.areas.len() >= AREAS_MAX {
            return Err(Broken);
        }
        self.areas.push((area, why));
        Ok(())
    }

    /// The style that a column gives to cells that have none.
    pub(super) fn column_style(&self, column: u32) -> Option<u32> {
        let covering = |(first, last, _): &&(u32, u32, u32)| (*first..=*last).contains(&column);
        self.columns.iter().find(covering).map(|(_, _, style)| *style)
    }
}

/// The area that an element's `ref` says, if it says one.
fn area(tag: &Tag<'_>) -> Result<Option<(Range<usize>, Area)>, Broken> {
    let Some(attribute) = tag.attribute(b"ref")? else { return Ok(None) };
    let area = Area::parse(attribute.value).ok_or(Broken)?;
    Ok(Some((attribute.place, area)))
}

/// A number in an attribute.
pub(super) fn number(tag: &Tag<'_>, name: &[u8]) -> Result<Option<u32>, Broken> {
    let Some(value) = tag.value(name)? else { return Ok(None) };
    str::from_utf8(value).ok().and_then(|value| value.trim().parse().ok()).map(Some).ok_or(Broken)
}

/// Calls `take` with each child of this name, and what stands behind its tag, and goes behind the element.
pub(super) fn children<'a>(
    lexer: &mut Lexer<'a>,
    begun: &Tag<'a>,
    prefix: &str,
    name: &[u8],
    mut take: impl FnMut(&Tag<'a>, Lexer<'a>) -> Result<(), Broken>,
) -> Result<(), Broken> {
    if !begun.is_open() {
        return Ok(());
    }
    loop {
        let tag = lexer.tag()?;
        if tag.kind == Kind::Close {
            return if tag.name == begun.name { Ok(()) } else { Err(Broken) };
        }
        if tag.name.strip_prefix(prefix.as_bytes()) == Some(name) {
            take(&tag, lexer.clone())?;
        }
        lexer.pass(&tag)?;
    }
}

/// Walks over the rows.
struct RowScan<'s, 'a> {
    sheet: &'s mut Sheet<'a>,
    /// The targets that were not met yet.
    targets: &'s [u32],
    header_row: u32,
    formulas: FormulaRuns,
    plain: PlainRows,
    /// The row before.
    before: Option<RowSpan<'a>>,
}

impl<'s, 'a> RowScan<'s, 'a> {
    fn new(sheet: &'s mut Sheet<'a>, search: &Search<'s>) -> Self {
        let formulas = FormulaRuns::new(search.header_row, search.columns_max);
        let plain = PlainRows::new(format!("{}row", sheet.prefix).as_bytes());
        Self { sheet, targets: search.targets, header_row: search.header_row, formulas, plain, before: None }
    }

    fn walk(mut self, lexer: &mut Lexer<'a>, begun: &Tag<'a>) -> Result<(), Broken> {
        // A sheet without rows has no titles; it is refused by the reader.
        if !begun.is_open() {
            return Err(Broken);
        }
        loop {
            let tag = lexer.tag()?;
            match (tag.kind, tag.name.strip_prefix(self.sheet.prefix.as_bytes())) {
                (Kind::Close, Some(b"sheetData")) => {
                    self.meet(u32::MAX, None, tag.start);
                    self.sheet.formulas = self.formulas.into_runs();
                    return Ok(());
                }
                (Kind::Open | Kind::Empty, Some(b"row")) => self.row(lexer, &tag)?,
                _ => return Err(Broken),
            }
        }
    }

    fn row(&mut self, lexer: &mut Lexer<'a>, tag: &Tag<'a>) -> Result<(), Broken> {
        let last = self.before.map_or(0, |row| row.number);
        let number = match tag.value(b"r")? {
            Some(number) => row_number(number).filter(|number| *number > last).ok_or(Broken)?,
            None => last + 1,
        };
        let (mut next_column, mut is_filled) = (0, false);
        if let Some(plain) = self.plain.pass(self.sheet.xml, tag) {
            // That its cells belong to it is told by the first; the others are looked at when they are changed.
            let first = lexer.tag()?;
            if first.kind != Kind::Close {
                cell_place(&first, number, 0)?;
            }
            *lexer = Lexer::new(self.sheet.xml, plain.end);
            is_filled = plain.is_filled;
        }
        while tag.is_open() {
            let child = lexer.tag()?;
            if child.kind == Kind::Close {
                if child.name != tag.name {
                    return Err(Broken);
                }
                break;
            }
            if child.name.strip_prefix(self.sheet.prefix.as_bytes()) == Some(b"c") {
                let place = cell_place(&child, number, next_column)?;
                next_column = place.column + 1;
                is_filled |= self.cell(lexer, &child, place)?;
            } else {
                lexer.pass(&child)?;
            }
        }
        if is_filled {
            self.sheet.last_filled = number;
            self.sheet.rows_filled += 1;
        }
        let row = RowSpan { number, tag: *tag };
        self.meet(number, Some(row), tag.start);
        self.before = Some(row);
        Ok(())
    }

    /// Walks over a cell and tells whether anything stands in it.
    fn cell(&mut self, lexer: &mut Lexer<'a>, begun: &Tag<'a>, place: Place) -> Result<bool, Broken> {
        let mut is_filled = false;
        while begun.is_open() {
            let child = lexer.tag()?;
            if child.kind == Kind::Close {
                return if child.name == begun.name { Ok(is_filled) } else { Err(Broken) };
            }
            is_filled = true;
            if child.local_name() == b"f" {
                self.sheet.has_formula = true;
                let array = array(&child)?;
                add(&mut self.formulas, place, array);
                if let Some(array) = array {
                    self.sheet.add_area(array, CellRefusal::Array)?;
                }
            }
            lexer.pass(&child)?;
        }
        Ok(is_filled)
    }

    /// Remembers the targets up to a row: this one, and those before it that are not in the sheet.
    fn meet(&mut self, number: u32, row: Option<RowSpan<'a>>, at: usize) {
        while let [target, rest @ ..] = self.targets
            && *target <= number
        {
            self.targets = rest;
            let above = self.before.filter(|row| row.number > self.header_row);
            let row = row.filter(|row| row.number == *target);
            self.sheet.targets.insert(*target, Target { row, above, at });
        }
    }
}

/// Where a cell stands: where it says, else behind the one before it.
pub(super) fn cell_place(tag: &Tag<'_>, row: u32, next_column: u32) -> Result<Place, Broken> {
    let place = match tag.value(b"r")? {
        Some(reference) => Place::parse(reference).ok_or(Broken)?,
        None => Place { row, column: next_column },
    };
    if place.row == row && place.column >= next_column { Ok(place) } else { Err(Broken) }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    fn scan<'a>(xml: &'a str, targets: &[u32]) -> Result<Sheet<'a>, Broken> {
        Sheet::scan(xml.as_bytes(), &Search { targets, header_row: 1, columns_max: 16 })
    }

    #[test]
    fn a_sheet_is_scanned_with_its_places() {
        let xml = r#"<?xml version="1.0"?><x:worksheet xmlns:x="u"><x:dimension ref="A1:C9"/><x:cols><x:col min="2" max="3" style="4"/></x:cols>
            <x:sheetData><x:row r="1"><x:c r="A1"><x:v>1</x:v></x:c></x:row><x:row r="3"><x:c r="C3"><x:f t="array" ref="C3:C4">1</x:f></x:c></x:row>
            <x:row><x:c r="A4" s="1"/><x:extLst/></x:row></x:sheetData><x:sheetProtection sheet="1"/><x:autoFilter ref="A1:C3"><x:filterColumn/></x:autoFilter>
            <x:mergeCells><x:mergeCell ref="A5:B6"/></x:mergeCells><mc:AlternateContent xmlns:mc="m"><x:mergeCells><x:mergeCell ref="A1:B2"/></x:mergeCells></mc:AlternateContent>
            <x:conditionalFormatting sqref="A2:A3"/><x:dataValidations><x:dataValidation sqref="B2:B3"/></x:dataValidations></x:worksheet>"#;
        let sheet = scan(xml, &[2, 3, 9]).unwrap();
        assert_eq!((sheet.prefix, sheet.is_protected, sheet.has_formula), ("x:", true, true));
        assert_eq!((sheet.last_filled, sheet.rows_filled), (3, 2));
        assert_eq!((sheet.column_style(0), sheet.column_style(2)), (None, Some(4)));
        let areas: Vec<_> = sheet.areas.iter().map(|(area, why)| (area.to_string(), *why)).collect();
        assert_eq!(areas, [("C3:C4".to_owned(), CellRefusal::Array), ("A5:B6".to_owned(), CellRefusal::Merged)]);
        let said = |places: &[Range<usize>]| -> Vec<&[u8]> {
            places.iter().map(|place| &xml.as_bytes()[place.clone()]).collect()
        };
        assert_eq!(
            (said(&sheet.formats), said(&sheet.validations)),
            (vec![b"A2:A3".as_slice()], vec![b"B2:B3".as_slice()])
        );
        assert_eq!(sheet.formulas, [FormulaRun { column: 2, first: 3, last: 4 }]);
        let targets: Vec<_> = sheet
            .targets
            .iter()
            .map(|(number, target)| (*number, target.row.is_some(), target.above.map(|row| row.number)))
            .collect();
        assert_eq!(targets, [(2, false, None), (3, true, None), (9, false, Some(4))]);
        assert!(xml.as_bytes()[sheet.targets[&2].at..].starts_with(b"<x:row r=\"3\">"));
        assert!(xml.as_bytes()[sheet.targets[&9].at..].starts_with(b"</x:sheetData>"));
    }

    #[test]
    fn what_stands_in_the_wrong_place_is_refused() {
        for rows in [
            r#"<row r="2"/><row r="2"/>"#,
            r#"<row r="3"/><row r="2"/>"#,
            r#"<row r="2"><c r="A3"/></row>"#,
            r#"<row r="0"/>"#,
            r#"<row r="1048577"/>"#,
            r"<c/>",
            r"<row></c>",
        ] {
            assert!(scan(&format!("<worksheet><sheetData>{rows}</sheetData></worksheet>"), &[2]).is_err(), "{rows}");
        }
    }
}
