//! Forms and tables of a text, row by row: whose cells say what of which record.
//!
//! A row with merged cells, or of another width than its titles, is told of and not taken: which column its cells belong to would be a guess.

use crate::codec::mime::GridCell;
use crate::codec::sheet::{Properties, SheetHead};
use crate::model::{CellRef, FieldId, Place, Problem};

use super::super::columns::{Columns, Heading};
use super::author::Standing;
use super::form::{Draft, DraftCell, Reader};
use super::items::TableItem;
use super::labels::Labelled;
use super::phrases::SignOff;
use super::{Class, Spot, words};

impl Reader<'_> {
    /// Reads a row of labels and values.
    pub(super) fn pairs(&mut self, spot: Spot, pairs: &[(String, String)], standing: Standing) {
        let text = pairs.iter().map(|(label, value)| format!("{label}：{value}")).collect::<Vec<_>>().join(" | ");
        let names_key = pairs.iter().any(|(label, _)| self.labels.one(label).is_some_and(|id| self.labels.is_key(id)));
        if self.stands_apart(spot, &text, standing, names_key) {
            return;
        }
        let mut found = Vec::new();
        let mut unknown = Vec::new();
        for (label, value) in pairs {
            match self.labels.one(label) {
                Some(field) => found.push(Labelled { field, value: value.clone() }),
                None => unknown.push(words::unknown_label(spot, label, self.labels.titles.nearest(label))),
            }
        }
        if found.is_empty() {
            if let Some(problem) = unknown.pop() {
                self.refuse(spot, &text, problem);
            }
            return;
        }
        self.form.problems.extend(unknown);
        self.labelled(spot, &text, found);
        self.last = None;
    }

    /// Whether a form or table is no update because of where it stands.
    fn stands_apart(&mut self, spot: Spot, text: &str, standing: Standing, names_key: bool) -> bool {
        self.last = None;
        let class = match standing {
            Standing::Quote => Class::Quote,
            Standing::Unclear => Class::NotUnderstood(words::after_quote(spot)),
            Standing::Own if self.signed.is_none() => return false,
            Standing::Own if self.signed == Some(SignOff::Weak) && names_key => {
                self.signed = None;
                return false;
            }
            _ if names_key => Class::NotUnderstood(words::below_signature(spot)),
            Standing::Own | Standing::Signature => Class::Signature,
        };
        self.push(spot, text, class);
        true
    }

    /// Reads a table.
    pub(super) fn table(&mut self, table: &TableItem, standing: Standing) {
        let texts = |cells: &[GridCell]| cells.iter().map(|cell| cell.text.as_str()).collect::<Vec<_>>().join(" | ");
        let titles = texts(&table.titles);
        if self.stands_apart(table.titles_spot, &titles, standing, true) {
            for (spot, cells) in &table.rows {
                self.stands_apart(*spot, &texts(cells), standing, true);
            }
            return;
        }
        let mut beside = table.beside.iter().peekable();
        while let Some((spot, text)) = beside.next_if(|(spot, _)| spot.line < table.titles_spot.line) {
            self.push(*spot, text, Class::Title);
        }
        self.push(table.titles_spot, &titles, Class::Title);
        let (columns, refused) = self.columns(table);
        // A cell that spans rows covers a cell of each further one.
        let mut covered = 0_u32;
        for (spot, cells) in &table.rows {
            while let Some((drawn, text)) = beside.next_if(|(drawn, _)| drawn.line < spot.line) {
                self.push(*drawn, text, Class::Title);
            }
            if cells.iter().all(|cell| cell.text.trim().is_empty()) && covered == 0 {
                continue;
            }
            let spans = cells.iter().map(|cell| cell.rows.saturating_sub(1)).max().unwrap_or(0);
            let is_merged = covered > 0 || spans > 0 || cells.iter().any(|cell| cell.columns > 1);
            covered = covered.saturating_sub(1).max(spans);
            let (is_short, is_long) = (cells.len() < table.titles.len(), cells.len() > table.titles.len());
            let problem = match &refused {
                Some(problem) => Some(problem.clone()),
                None if is_merged => Some(words::merged_cells(*spot)),
                None if is_long || (is_short && !table.may_end_early) => Some(words::wrong_width(*spot)),
                None => None,
            };
            match problem {
                Some(problem) => self.refuse(*spot, &texts(cells), problem),
                None => self.row(*spot, &texts(cells), cells, &columns),
            }
        }
        for (drawn, text) in beside {
            self.push(*drawn, text, Class::Title);
        }
        (self.is_open, self.had_text, self.had_blank) = (false, true, false);
    }

    /// Which column means which field, or why no row can be read.
    fn columns(&mut self, table: &TableItem) -> (Vec<(FieldId, u32)>, Option<Problem>) {
        let spot = table.titles_spot;
        if table.titles.iter().any(|cell| cell.columns > 1 || cell.rows > 1) {
            return (Vec::new(), Some(words::merged_cells(spot)));
        }
        let columns = (0..).zip(&table.titles).filter(|(_, cell)| !cell.text.trim().is_empty());
        let columns: Vec<(u32, String)> = columns.map(|(column, cell)| (column, cell.text.clone())).collect();
        let head = SheetHead { sheet: None, visible_sheets: 0, columns, properties: Properties::default() };
        let place = Place { file: spot.to_string(), sheet: None };
        let heading = Heading { place: &place, row: spot.line, own: &[], remembered: &[] };
        let (columns, problems) = Columns::map(&head, self.labels.table, &heading);
        if columns.keyed {
            for problem in problems {
                let is_there = |(column, _): &&(u32, String)| {
                    place.cell(CellRef { row: spot.line, column: *column }) == problem.place
                };
                // With its title it is told which column is meant.
                match head.columns.iter().find(is_there) {
                    Some((_, title)) => {
                        self.push(spot, title, Class::NotUnderstood(problem));
                    }
                    None => self.form.problems.push(problem),
                }
            }
            (columns.mapped, None)
        } else {
            (Vec::new(), problems.into_iter().next())
        }
    }

    /// Takes a row of a table.
    fn row(&mut self, spot: Spot, text: &str, cells: &[GridCell], columns: &[(FieldId, u32)]) {
        let line = self.push(spot, text, Class::Update);
        let mut draft = Draft { cells: Vec::new(), is_announced: true };
        for &(field, column) in columns {
            let typed = usize::try_from(column).ok().and_then(|at| cells.get(at)).map_or("", |cell| cell.text.as_str());
            // An empty cell says nothing: what people paste is seldom whole.
            if !typed.trim().is_empty() {
                draft.cells.push(DraftCell { field, typed: typed.to_owned(), spot, lines: vec![line], refused: None });
            }
        }
        self.form.drafts.push(draft);
    }
}
