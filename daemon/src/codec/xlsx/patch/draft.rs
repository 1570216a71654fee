//! The new file, made but not yet checked: the sheet spliced, and what must go with it.

use std::collections::BTreeMap;
use std::io::{Cursor, Read, Seek};

use super::super::super::package::Package;
use super::super::super::patch::PatchRequest;
use super::super::super::read::{ReadFailure, broken_input, choose_sheet};
use super::super::super::shared::Shared;
use super::super::super::sheet::FormulaRun;
use super::super::formulas;
use super::super::lexer::Broken;
use super::super::parts::Parts;
use super::Plan;
use super::archive::{self, Changes};
use super::edits::Edit;
use super::marks;
use super::refusal::{not_understood, refuse_encodings, refuse_kinds};
use super::splice::Splice;
use super::workbook::Workbook;

/// A new file, before it is checked.
pub(super) struct Draft {
    pub(super) plan: Plan,
    /// Empty if nothing is to be written.
    pub(super) bytes: Vec<u8>,
    pub(super) sheet: String,
    pub(super) part: String,
    pub(super) formulas: Vec<FormulaRun>,
    /// By the part's place among the zip's members.
    pub(super) edited: BTreeMap<usize, Vec<Edit>>,
    pub(super) added: usize,
}

impl Draft {
    /// Makes the new file.
    pub(super) fn make(original: &[u8], request: &PatchRequest) -> Result<Self, ReadFailure> {
        let input = Shared::new(Cursor::new(original)).map_err(|error| broken_input(&error))?;
        let mut package = Package::open(input, request.read.unpacked_bytes_max)?;
        let parts = Parts::find(&mut package)?;
        refuse_kinds(&package, &parts)?;
        let sheets: Vec<calamine::Sheet> = parts.sheets.iter().map(|sheet| sheet.sheet.clone()).collect();
        let name = choose_sheet(&sheets, &request.read)?.name;
        let missing = || ReadFailure::damaged("The sheet's part of the workbook is missing.");
        let part = parts.part_of(&name).ok_or_else(missing)?.to_owned();
        let xml = package.bytes(&part, request.read.unpacked_bytes_max)?.ok_or_else(missing)?;
        refuse_encodings(&xml)?;
        let book = package.small_bytes(&parts.workbook)?.ok_or_else(missing)?;
        let workbook = Workbook::scan(&book).map_err(|Broken| not_understood("the list of its sheets"))?;
        let mut changes = Changes::default();
        let position = parts.sheets.iter().position(|sheet| sheet.sheet.name == name).unwrap_or(0);
        let splice = Splice { package: &mut package, parts: &parts, workbook: &workbook, part: &part, request };
        let spliced = splice.of_sheet(&xml, &mut changes)?;
        let mut draft = Self {
            plan: spliced.plan,
            bytes: Vec::new(),
            sheet: name,
            formulas: spliced.formulas,
            edited: BTreeMap::new(),
            added: 0,
            part,
        };
        if spliced.edits.is_empty() {
            return Ok(draft);
        }
        changes.edit(&mut package, &draft.part, xml, spliced.edits)?;
        let mut edits = Vec::new();
        if spliced.has_formula || has_formulas(&mut package, &parts, &draft.part) {
            edits.push(workbook.calculate());
        }
        if let Some((last, new_last)) = spliced.filter {
            let sheet = u32::try_from(position).unwrap_or(u32::MAX);
            edits.extend(workbook.grow_filter(sheet, last, new_last));
        }
        changes.edit(&mut package, &parts.workbook, book, edits)?;
        if let Some(revision) = request.revision {
            marks::mark(&mut package, &parts, &request.source, revision, &mut changes)?;
        }
        draft.added = changes.added();
        (draft.bytes, draft.edited) = archive::write(package.zip(), changes, original.len() + original.len() / 16)?;
        Ok(draft)
    }
}

/// Whether any cell of the workbook holds a formula. Programs that keep a chain of calculation have one where there are formulas.
fn has_formulas<R: Read + Seek>(package: &mut Package<R>, parts: &Parts, but: &str) -> bool {
    parts.related("calcChain").is_some_and(|part| package.place(part).is_some())
        || parts
            .sheets
            .iter()
            .any(|sheet| sheet.part != but && package.stream(&sheet.part).is_some_and(formulas::has_any))
}
