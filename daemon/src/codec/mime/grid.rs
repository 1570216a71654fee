//! Tables of a page, put together cell by cell.
//!
//! Many tables of a mail only lay it out: a table with a table in it, or with a single column, is given as what stands in
//! its cells. What is left is a [`Grid`], and whoever knows the fields says whether it is data.

use super::{Content, Grid, GridCell, Mark, Passage};

/// Text that runs from line to line.
#[derive(Debug, Default)]
pub(super) struct Flow {
    /// What is finished.
    pub(super) passages: Vec<Passage>,
    line: String,
}

impl Flow {
    /// Adds text, with its white space run together.
    pub(super) fn push(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                ' ' | '\t' | '\n' | '\r' | '\u{c}' => {
                    if !self.line.is_empty() && !self.line.ends_with(' ') {
                        self.line.push(' ');
                    }
                }
                '\u{a0}' | '\u{2028}' | '\u{2029}' => self.line.push(' '),
                c if c.is_control() => {}
                c => self.line.push(c),
            }
        }
    }

    /// Adds text as it is typed, but for line ends, of which the caller takes care.
    pub(super) fn push_as_typed(&mut self, text: &str) {
        self.line.extend(
            text.chars().map(|c| if c == '\u{a0}' { ' ' } else { c }).filter(|c| *c == '\t' || !c.is_control()),
        );
    }

    /// Ends the line, be it blank.
    pub(super) fn end_line(&mut self, mark: Mark) {
        let line = std::mem::take(&mut self.line);
        let line = if line == "-- " { line } else { line.trim_end().to_owned() };
        self.passages.push(Passage { mark, content: Content::Line(line) });
    }

    /// Ends the line, if there is one.
    pub(super) fn end_block(&mut self, mark: Mark) {
        if !self.line.is_empty() {
            if self.line == " " && self.passages.is_empty() {
                self.line.clear();
                return;
            }
            self.end_line(mark);
        }
    }

    /// Adds a finished line.
    pub(super) fn push_line(&mut self, line: &str, mark: Mark) {
        self.passages.push(Passage { mark, content: Content::Line(line.to_owned()) });
    }
}

/// A table that is open.
#[derive(Debug)]
pub(super) struct OpenTable {
    mark: Mark,
    rows: Vec<Vec<OpenCell>>,
    /// The cell that is open, if one is.
    cell: Option<OpenCell>,
    /// Whether a row is open.
    has_row: bool,
}

/// A cell of an open table.
#[derive(Debug, Default)]
pub(super) struct OpenCell {
    pub(super) flow: Flow,
    columns: u32,
    rows: u32,
}

impl OpenTable {
    pub(super) fn new(mark: Mark) -> Self {
        Self { mark, rows: Vec::new(), cell: None, has_row: false }
    }

    /// The text of the cell that is open.
    pub(super) fn flow(&mut self) -> Option<&mut Flow> {
        self.cell.as_mut().map(|cell| &mut cell.flow)
    }

    pub(super) fn begin_row(&mut self, mark: Mark) {
        self.end_row(mark);
        self.rows.push(Vec::new());
        self.has_row = true;
    }

    pub(super) fn end_row(&mut self, mark: Mark) {
        self.end_cell(mark);
        self.has_row = false;
    }

    /// Begins a cell that spans so many columns and rows.
    pub(super) fn begin_cell(&mut self, columns: u32, rows: u32, mark: Mark) {
        self.end_cell(mark);
        if !self.has_row {
            self.begin_row(mark);
        }
        self.cell = Some(OpenCell { flow: Flow::default(), columns, rows });
    }

    pub(super) fn end_cell(&mut self, mark: Mark) {
        if let (Some(mut cell), Some(row)) = (self.cell.take(), self.rows.last_mut()) {
            cell.flow.end_block(mark);
            row.push(cell);
        }
    }

    /// What the table is: one grid, or what stands in its cells.
    pub(super) fn finished(mut self, mark: Mark) -> Vec<Passage> {
        self.end_row(mark);
        let lays_out = |cell: &OpenCell| {
            cell.flow.passages.iter().any(|one| one.mark != self.mark || matches!(one.content, Content::Grid(_)))
        };
        let is_layout = self.rows.iter().all(|row| row.len() <= 1) || self.rows.iter().flatten().any(lays_out);
        if is_layout {
            return self.rows.into_iter().flatten().flat_map(|cell| cell.flow.passages).collect();
        }
        let rows = self.rows.iter().map(|row| row.iter().map(closed).collect()).collect();
        vec![Passage { mark: self.mark, content: Content::Grid(Grid { rows }) }]
    }
}

fn closed(cell: &OpenCell) -> GridCell {
    let mut text = String::new();
    for passage in &cell.flow.passages {
        if let Content::Line(line) = &passage.content {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(line.trim());
        }
    }
    GridCell { text: text.trim().to_owned(), columns: cell.columns, rows: cell.rows }
}
