//! What a patch reads from and writes into the workbook's own part, the one with the list of sheets.

use std::ops::Range;

use super::super::lexer::{Attribute, Broken, Kind, Lexer, Tag};
use super::super::reference::Area;
use super::edits::Edit;
use super::sheet::number;

/// What stands before `calcPr` (ECMA-376, 18.2.27).
const BEFORE_CALCULATION: [&[u8]; 9] = [
    b"fileVersion",
    b"fileSharing",
    b"workbookPr",
    b"workbookProtection",
    b"bookViews",
    b"sheets",
    b"functionGroups",
    b"externalReferences",
    b"definedNames",
];
/// The hidden name that spreadsheet programs keep for the area of a sheet's filter.
const FILTER_NAME: &[u8] = b"_xlnm._FilterDatabase";

/// The workbook's part, as far as a patch needs to know it.
pub(super) struct Workbook {
    prefix: String,
    /// Whether days count from 1904.
    pub(super) is_1904: bool,
    calculation: Calculation,
    /// The sheets' filters: the sheet's position, the area, and where the area's last row is written.
    filters: Vec<(u32, Area, Range<usize>)>,
}

/// Where the workbook says how it is calculated.
enum Calculation {
    /// It doesn't; this is where it would.
    Missing(usize),
    /// It does. Here is what it says of calculating when it is opened.
    Said { full: Option<Range<usize>>, attributes_end: usize },
}

impl Workbook {
    /// Walks over the part.
    pub(super) fn scan(xml: &[u8]) -> Result<Self, Broken> {
        let mut lexer = Lexer::new(xml, 0);
        let root = lexer.tag()?;
        if root.local_name() != b"workbook" || !root.is_open() {
            return Err(Broken);
        }
        let prefix = root.name.get(..root.name.len() - root.local_name().len()).ok_or(Broken)?;
        let mut workbook = Self {
            prefix: str::from_utf8(prefix).map_err(|_| Broken)?.to_owned(),
            is_1904: false,
            calculation: Calculation::Missing(root.end),
            filters: Vec::new(),
        };
        loop {
            let tag = lexer.tag()?;
            if tag.kind == Kind::Close {
                return if tag.name == root.name { Ok(workbook) } else { Err(Broken) };
            }
            let name = tag.name.strip_prefix(prefix).unwrap_or_default();
            let names = lexer.clone();
            let element = lexer.pass(&tag)?;
            match name {
                b"workbookPr" => workbook.is_1904 = matches!(tag.value(b"date1904")?, Some(b"1" | b"true")),
                b"definedNames" => workbook.take_names(xml, names, &tag)?,
                b"calcPr" => {
                    let full = tag.attribute(b"fullCalcOnLoad")?.map(|full: Attribute<'_>| full.place);
                    workbook.calculation = Calculation::Said { full, attributes_end: tag.attributes_end() };
                }
                _ => {}
            }
            if BEFORE_CALCULATION.contains(&name)
                && let Calculation::Missing(at) = &mut workbook.calculation
            {
                *at = element.whole.end;
            }
        }
    }

    fn take_names(&mut self, xml: &[u8], mut lexer: Lexer<'_>, begun: &Tag<'_>) -> Result<(), Broken> {
        while begun.is_open() {
            let tag = lexer.tag()?;
            if tag.kind == Kind::Close {
                break;
            }
            let inside = lexer.pass(&tag)?.inside;
            let is_filter = tag.value(b"name")? == Some(FILTER_NAME);
            if is_filter && let Some(sheet) = number(&tag, b"localSheetId")? {
                let text = xml.get(inside.clone()).ok_or(Broken)?;
                let bang = memchr::memrchr(b'!', text).map_or(0, |at| at + 1);
                let digits = text.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
                if let Some(area) = text.get(bang..).and_then(Area::parse) {
                    self.filters.push((sheet, area, inside.end - digits..inside.end));
                }
            }
        }
        Ok(())
    }

    /// Has everything calculated when the workbook is opened.
    pub(super) fn calculate(&self) -> Edit {
        match &self.calculation {
            Calculation::Missing(at) => Edit::insert(*at, format!("<{}calcPr fullCalcOnLoad=\"1\"/>", self.prefix)),
            Calculation::Said { full: Some(value), .. } => Edit::replace(value.clone(), "1"),
            Calculation::Said { full: None, attributes_end } => Edit::insert(*attributes_end, " fullCalcOnLoad=\"1\""),
        }
    }

    /// Lets the filter of a sheet that ends at a row end at a later one.
    pub(super) fn grow_filter(&self, sheet: u32, last_row: u32, new_last_row: u32) -> Option<Edit> {
        let ends_there = |(of, area, _): &&(u32, Area, Range<usize>)| *of == sheet && area.last.row == last_row;
        let (_, _, digits) = self.filters.iter().find(ends_there)?;
        Some(Edit::replace(digits.clone(), new_last_row.to_string()))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::super::edits::Spliced;
    use super::*;

    fn with(xml: &str, edit: Edit) -> String {
        let mut out = Vec::new();
        Spliced::new(xml.as_bytes().to_vec(), vec![edit]).unwrap().write_to(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn calculation_is_said_where_it_belongs() {
        for (before, after) in [
            (
                "<workbook><sheets/><extLst/></workbook>",
                "<workbook><sheets/><calcPr fullCalcOnLoad=\"1\"/><extLst/></workbook>",
            ),
            (
                "<x:workbook><x:sheets><x:sheet/></x:sheets><x:definedNames/><x:pivotCaches/></x:workbook>",
                "<x:workbook><x:sheets><x:sheet/></x:sheets><x:definedNames/><x:calcPr fullCalcOnLoad=\"1\"/><x:pivotCaches/></x:workbook>",
            ),
            (
                "<workbook><calcPr calcId=\"1\" /></workbook>",
                "<workbook><calcPr calcId=\"1\" fullCalcOnLoad=\"1\" /></workbook>",
            ),
            ("<workbook><calcPr fullCalcOnLoad='0'/></workbook>", "<workbook><calcPr fullCalcOnLoad='1'/></workbook>"),
        ] {
            assert_eq!(with(before, Workbook::scan(before.as_bytes()).unwrap().calculate()), after);
        }
    }

    #[test]
    fn the_filter_of_the_sheet_grows() {
        let xml = "<workbook><workbookPr date1904=\"1\"/><definedNames><definedName name=\"a\">x!$A$1:$C$9</definedName>\
            <definedName name=\"_xlnm._FilterDatabase\" localSheetId=\"0\" hidden=\"1\">x!$A$1:$C$9</definedName>\
            <definedName name=\"_xlnm._FilterDatabase\" localSheetId=\"1\" hidden=\"1\">'a!b'!$A$1:$C$9</definedName></definedNames></workbook>";
        let workbook = Workbook::scan(xml.as_bytes()).unwrap();
        assert!(workbook.is_1904);
        assert_eq!(with(xml, workbook.grow_filter(1, 9, 12).unwrap()), xml.replace("'!$A$1:$C$9", "'!$A$1:$C$12"));
        assert!(workbook.grow_filter(1, 8, 12).is_none() && workbook.grow_filter(2, 9, 12).is_none());
    }
}
