//! The splice of the sheet: which cells are written, which rows are appended, what is said of the sheet's extent.

use std::io::{Read, Seek};

use super::super::super::package::Package;
use super::super::super::patch::{NewCell, PatchRequest};
use super::super::super::read::ReadFailure;
use super::super::super::sheet::FormulaRun;
use super::super::lexer::Broken;
use super::super::parts::Parts;
use super::super::reference::Area;
use super::Plan;
use super::append::Growth;
use super::archive::Changes;
use super::cover::covered;
use super::edits::Edit;
use super::refusal::not_understood;
use super::row::Writer;
use super::sheet::{Search, Sheet};
use super::styles::Styles;
use super::table::Table;
use super::workbook::Workbook;

/// What a sheet's splice needs to know.
pub(super) struct Splice<'s, R> {
    pub(super) package: &'s mut Package<R>,
    pub(super) parts: &'s Parts,
    pub(super) workbook: &'s Workbook,
    pub(super) part: &'s str,
    pub(super) request: &'s PatchRequest,
}

/// A sheet's edits, and what they mean for the rest.
pub(super) struct SplicedSheet {
    pub(super) plan: Plan,
    pub(super) edits: Vec<Edit>,
    pub(super) formulas: Vec<FormulaRun>,
    pub(super) has_formula: bool,
    /// The row in which the sheet's own filter ended and the one in which it ends, if it grows.
    pub(super) filter: Option<(u32, u32)>,
}

impl<R: Read + Seek> Splice<'_, R> {
    /// Splices the sheet and its tables; the tables go into the changes.
    pub(super) fn of_sheet(self, xml: &[u8], changes: &mut Changes) -> Result<SplicedSheet, ReadFailure> {
        let request = self.request;
        let (growth, mut refused_growth) = match Growth::asked(request) {
            Some(Ok(growth)) => (Some(growth), None),
            Some(Err(why)) => (None, Some(why)),
            None => (None, None),
        };
        let mut targets: Vec<u32> = request.rows.iter().map(|row| row.number).collect();
        targets.extend(growth.iter().flat_map(|growth| growth.last..=growth.new_last));
        targets.sort_unstable();
        targets.dedup();
        let search =
            Search { targets: &targets, header_row: request.read.header_row, columns_max: request.read.columns_max };
        let sheet = Sheet::scan(xml, &search).map_err(|Broken| not_understood("the sheet"))?;
        let tables = if growth.is_some() { Table::of_sheet(self.package, self.part)? } else { Vec::new() };
        let refusal = growth.as_ref().and_then(|growth| growth.refusal(&sheet, &tables, request.read.rows_max));
        refused_growth = refused_growth.or(refusal);
        let growth = growth.filter(|_| refusal.is_none());
        let styles = match self.parts.related("styles") {
            Some(part) => Styles::read(self.package, part, request.read.unpacked_bytes_max)?,
            None => Styles::default(),
        };
        let mut spliced = self.write(&sheet, &styles, growth.as_ref()).map_err(|Broken| not_understood("the sheet"))?;
        spliced.plan.append_refused = refused_growth;
        if let Some(growth) = growth {
            spliced.filter = growth.grows_filter(&sheet).then_some((growth.last, growth.new_last));
            for table in tables {
                let Some(last) = growth.of_table(&table) else { continue };
                let part = table.part.clone();
                let grown = table.grown_to(last).ok_or_else(|| not_understood("a table"))?;
                changes.splice(self.package, &part, grown)?;
            }
        }
        Ok(spliced)
    }

    fn write(&self, sheet: &Sheet<'_>, styles: &Styles, growth: Option<&Growth>) -> Result<SplicedSheet, Broken> {
        let request = self.request;
        let asked: Vec<(u32, &[(u32, NewCell)])> =
            request.rows.iter().map(|row| (row.number, row.cells.as_slice())).collect();
        let mut writer = Writer {
            sheet,
            styles,
            is_1904: self.workbook.is_1904,
            text_bytes_max: request.read.cell_bytes_max as usize,
            columns_max: request.read.columns_max,
            words: &request.words,
            covered: covered(&sheet.areas, &asked)?,
            edits: Vec::new(),
            refused: Vec::new(),
            parsed: [None, None],
            extent: None,
        };
        let mut plan = Plan::default();
        for (number, cells) in asked {
            let target = sheet.targets.get(&number).ok_or(Broken)?;
            let written = writer.write_row(number, target, cells)?;
            if !written.is_empty() {
                plan.changed.push(number);
            }
        }
        if let Some(growth) = growth {
            append(&mut writer, growth, &request.appended, &mut plan)?;
            writer.edits.extend(growth.edits(sheet));
        }
        writer.edits.extend(new_dimension(sheet, &writer));
        plan.refused = writer.refused;
        Ok(SplicedSheet {
            plan,
            edits: writer.edits,
            formulas: sheet.formulas.clone(),
            has_formula: sheet.has_formula,
            filter: None,
        })
    }
}

/// Writes the rows below the data: into rows that the sheet has for looks, else as new ones.
fn append(
    writer: &mut Writer<'_, '_>,
    growth: &Growth,
    rows: &[Vec<(u32, NewCell)>],
    plan: &mut Plan,
) -> Result<(), Broken> {
    let sheet = writer.sheet;
    let last = sheet.targets.get(&growth.last).and_then(|target| target.row);
    let model = last.filter(|_| growth.last > growth.titles);
    let model_row = model.map(|span| writer.parsed(span)).transpose()?;
    for (number, cells) in growth.rows().zip(rows) {
        let mut target = *sheet.targets.get(&number).ok_or(Broken)?;
        target.above = model;
        match target.row {
            Some(_) => writer.write_row(number, &target, cells)?,
            None => writer.append_row(number, target.at, model_row.as_deref(), cells)?,
        };
        plan.appended.push(number);
    }
    Ok(())
}

/// Widens what the sheet says of its extent, if it says it.
fn new_dimension(sheet: &Sheet<'_>, writer: &Writer<'_, '_>) -> Option<Edit> {
    let (place, area) = sheet.dimension.clone()?;
    let (first, last) = writer.extent?;
    let wider: Area = area.with(first).with(last);
    (wider != area).then(|| Edit::replace(place, wider.to_string()))
}
