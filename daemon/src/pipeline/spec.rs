//! The sources of the configuration in the form in which the pipeline uses them: a workbook and a view alike.

use std::path::PathBuf;

use crate::config::{BlankCells, Config, MissingRows, Writing};
use crate::model::{Actor, SourceName, TableName};

/// A workbook that people keep, or a view that comes back.
#[derive(Clone, Debug)]
pub struct SourceSpec {
    /// Its name; for a glob the name of the whole, to which each file adds its path.
    pub name: SourceName,
    /// A file, or a glob.
    pub path: PathBuf,
    /// Whether the path is a glob.
    pub is_pattern: bool,
    /// Its table.
    pub table: TableName,
    /// Whose rights its edits have.
    pub actor: Actor,
    /// The sheet; the first one if it is not said.
    pub sheet: Option<String>,
    /// The row of the titles, from 1.
    pub header_row: u32,
    /// What a vanished row means.
    pub missing_rows: MissingRows,
    /// What an emptied cell means.
    pub blank_cells: BlankCells,
    /// For the rule `source-order`: higher wins.
    pub rank: i32,
    /// Position of the view in the configuration, if Daybook makes this workbook.
    pub view: Option<usize>,
    /// Nothing that is changed in it is taken.
    pub read_only: bool,
    /// What is written into it, if people keep it and others' changes are to reach it.
    pub writing: Option<Writing>,
}

impl SourceSpec {
    /// Whether Daybook writes it or into it.
    pub fn is_written(&self) -> bool {
        self.view.is_some() || self.writing.is_some()
    }

    /// All sources of a configuration: the workbooks in its order, then the views.
    pub fn all(config: &Config) -> Vec<Self> {
        let workbooks = config.workbooks.iter().map(|workbook| Self {
            name: workbook.name.clone(),
            path: workbook.path.clone(),
            is_pattern: workbook.is_pattern,
            table: workbook.table.clone(),
            actor: workbook.actor.clone(),
            sheet: workbook.sheet.clone(),
            header_row: workbook.header_row,
            missing_rows: workbook.taking.missing_rows,
            blank_cells: workbook.taking.blank_cells,
            rank: workbook.taking.rank,
            view: None,
            read_only: false,
            writing: workbook.writing.clone(),
        });
        let views = config.views.iter().enumerate().map(|(index, view)| Self {
            name: view.name.clone(),
            path: view.path.clone(),
            is_pattern: false,
            table: view.table.clone(),
            actor: view.reader.clone(),
            sheet: None,
            header_row: 1,
            missing_rows: view.taking.missing_rows,
            blank_cells: view.taking.blank_cells,
            rank: view.taking.rank,
            view: Some(index),
            read_only: !view.editable,
            writing: None,
        });
        workbooks.chain(views).collect()
    }
}
