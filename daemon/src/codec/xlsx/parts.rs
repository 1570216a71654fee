//! The parts that a workbook's relationships lead to.

use std::io::{Read, Seek};

use calamine::{Sheet, SheetType, SheetVisible};

use super::super::package::{Package, Relation, attribute, elements};
use super::super::read::ReadFailure;

/// Where the parts of a workbook stand.
pub(super) struct Parts {
    /// The package's own relationships.
    pub(super) package: Vec<Relation>,
    /// The part with the list of sheets.
    pub(super) workbook: String,
    /// Its folder, with a `/` behind it unless it is the root.
    pub(super) folder: String,
    /// Its relationships.
    pub(super) relations: Vec<Relation>,
    /// The sheets, in the workbook's order.
    pub(super) sheets: Vec<SheetPart>,
}

/// A sheet and its part.
pub(super) struct SheetPart {
    pub(super) sheet: Sheet,
    pub(super) part: String,
}

impl Parts {
    /// Follows the relationships from the package to the sheets.
    ///
    /// # Errors
    /// `not-a-workbook` if there is no list of sheets.
    pub(super) fn find<R: Read + Seek>(package: &mut Package<R>) -> Result<Self, ReadFailure> {
        let own = package.relations("");
        let workbook = own.iter().find(|relation| relation.kind == "officeDocument");
        let workbook = workbook.map_or_else(|| "xl/workbook.xml".to_owned(), |relation| relation.target.clone());
        let folder = workbook.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
        let relations = package.relations(&workbook);
        let mut sheets = Vec::new();
        let missing = || ReadFailure::not_a_workbook("The file is an Office document, but no workbook.");
        elements(&mut package.small_part(&workbook).ok_or_else(missing)?, |element| {
            if element.local_name().as_ref() == "sheet"
                && let (Some(name), Some(id)) = (attribute(element, "name"), attribute(element, "id"))
                && let Some(relation) = relations.iter().find(|relation| relation.id == id)
            {
                let typ = match relation.kind.as_str() {
                    "worksheet" => SheetType::WorkSheet,
                    "chartsheet" => SheetType::ChartSheet,
                    _ => SheetType::DialogSheet,
                };
                let visible = match attribute(element, "state").as_deref() {
                    None | Some("visible") => SheetVisible::Visible,
                    Some(_) => SheetVisible::Hidden,
                };
                sheets.push(SheetPart { sheet: Sheet { name, typ, visible }, part: relation.target.clone() });
            }
            true
        });
        Ok(Self { package: own, workbook, folder, relations, sheets })
    }

    /// The part of the sheet with this name.
    pub(super) fn part_of(&self, name: &str) -> Option<&str> {
        self.sheets.iter().find(|sheet| sheet.sheet.name == name).map(|sheet| sheet.part.as_str())
    }

    /// The part that the workbook has for a purpose, as the relationships say.
    pub(super) fn related(&self, kind: &str) -> Option<&str> {
        self.relations.iter().find(|relation| relation.kind == kind).map(|relation| relation.target.as_str())
    }
}
