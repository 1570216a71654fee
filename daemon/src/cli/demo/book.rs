//! A workbook as somebody at a desk sees it: opened, changed in a cell, saved whole under its name.
//!
//! It is read as the daemon reads it, in a child process. It is saved as spreadsheet programs save: a new file beside the
//! old one takes its place, with the document's own properties kept.

use std::path::{Path, PathBuf};

use compact_str::CompactString;
use rust_decimal::Decimal;

use super::super::Failure;
use super::office::ANSWERS;
use crate::codec::read::{FileKind, ReadRequest};
use crate::codec::sheet::{Properties, RawCell, RawRow, ReadRow};
use crate::codec::xlsx::properties::{REVISION, SOURCE};
use crate::codec::xlsx::write::{self, CellOut, ColumnOut, Content, Kind, Refusal, Script, SheetOut};
use crate::error::Words;
use crate::io::{Fingerprint, Replaced};
use crate::model::{Actor, CellRef, Field, FieldType, Place, Table};
use crate::pipeline::{Pipeline, file_name};
use crate::source::workbook::{FetchLimits, SourceFile, fetch, file_kind};

/// Much more than the demo's workbooks have.
const LIMITS: FetchLimits = FetchLimits { workbook_bytes_max: 64 << 20, problems_max: 100 };

/// An open workbook.
pub(super) struct Book {
    path: PathBuf,
    sheet: Option<String>,
    columns: Vec<(u32, String)>,
    rows: Vec<RawRow>,
    properties: Properties,
    fingerprint: Fingerprint,
}

impl Book {
    /// Opens a workbook.
    pub(super) fn open(pipeline: &Pipeline, path: &Path) -> Result<Self, Failure> {
        let kind = file_kind(path).unwrap_or(FileKind::Xlsx);
        let request = ReadRequest::new(kind, [0; 16]);
        let file = SourceFile { name: "demo".into(), path: path.to_owned() };
        let parts = pipeline.parts();
        let fetched = fetch(parts.disk.as_ref(), parts.reader.as_ref(), &file, &request, &LIMITS)
            .map_err(|failure| Failure::Failed(Words::new(failure.problem.message, failure.problem.hint)))?;
        let rows = fetched.rows.into_iter().filter_map(|row| match row {
            ReadRow::Read(row) => Some(row),
            ReadRow::Known { .. } => None,
        });
        Ok(Self {
            path: path.to_owned(),
            sheet: fetched.head.sheet,
            columns: fetched.head.columns,
            rows: rows.collect(),
            properties: fetched.head.properties,
            fingerprint: fetched.fingerprint,
        })
    }

    /// How many rows there are below the titles.
    pub(super) fn rows(&self) -> usize {
        self.rows.len()
    }

    /// What stands in a record's cell of a field, as text; `None` if there is no such row or column.
    pub(super) fn text(&self, table: &Table, key: &str, field: &str) -> Option<String> {
        let (row, column) = (self.row(table, key)?, self.column(table, field)?);
        Some(text_of(&self.rows[row], column))
    }

    /// What Daybook has answered in a record's row.
    pub(super) fn answer(&self, table: &Table, key: &str) -> Option<String> {
        let (column, _) = self.columns.iter().find(|(_, title)| title == ANSWERS)?;
        Some(text_of(&self.rows[self.row(table, key)?], *column))
    }

    /// Whether some row has this record.
    pub(super) fn has(&self, table: &Table, key: &str) -> bool {
        self.row(table, key).is_some()
    }

    /// The texts of a column, from the top.
    pub(super) fn texts_of(&self, table: &Table, field: &str) -> Vec<String> {
        let Some(column) = self.column(table, field) else { return Vec::new() };
        self.rows.iter().map(|row| text_of(row, column)).collect()
    }

    /// `客户.xlsx!客户!D18`; the file's name if there is no such cell.
    pub(super) fn place(&self, table: &Table, key: &str, field: &str) -> String {
        let place = Place { file: file_name(&self.path), sheet: self.sheet.clone() };
        match (self.row(table, key), self.column(table, field)) {
            (Some(row), Some(column)) => place.cell(CellRef { row: self.rows[row].number, column }),
            _ => place.file,
        }
    }

    /// The title over a field's column.
    pub(super) fn title(&self, table: &Table, field: &str) -> String {
        let column = self.column(table, field);
        let title = self.columns.iter().find(|(number, _)| Some(*number) == column);
        title.map_or_else(|| field.to_owned(), |(_, title)| title.clone())
    }

    /// Types something into a cell; says what stood there, or `None` if there is no such cell.
    pub(super) fn set(&mut self, table: &Table, key: &str, field: &str, cell: RawCell) -> Option<String> {
        let (row, column) = (self.row(table, key)?, self.column(table, field)?);
        let before = text_of(&self.rows[row], column);
        let cells = &mut self.rows[row].cells;
        cells.retain(|(number, _)| *number != column);
        if cell != RawCell::Empty {
            cells.push((column, cell));
            cells.sort_by_key(|(number, _)| *number);
        }
        Some(before)
    }

    /// Deletes a record's row: those below move up. Gives its old number.
    pub(super) fn remove(&mut self, table: &Table, key: &str) -> Option<u32> {
        let row = self.row(table, key)?;
        let number = self.rows.remove(row).number;
        self.rows.iter_mut().skip(row).for_each(|row| row.number -= 1);
        Some(number)
    }

    /// Saves it in somebody's name, who may change what `writer` may.
    pub(super) fn save(&self, pipeline: &Pipeline, table: &Table, editor: &str, writer: &Actor) -> Result<(), Failure> {
        let bytes = write::write(&self.sheet(pipeline, table, editor, writer))
            .map_err(|error| Failure::Failed(Words::new(error.to_string(), "")))?;
        match pipeline.parts().disk.replace(&self.path, &bytes, Some(self.fingerprint))? {
            Replaced::Done(_) => Ok(()),
            Replaced::Moved | Replaced::Overtaken { .. } => {
                let what = format!("somebody else saved `{}` while the demo was running", self.path.display());
                Err(Failure::Failed(Words::new(what, "Let the demo's day end before you change its workbooks.")))
            }
        }
    }

    /// The workbook as it is written. Cells that the writer may not change stay locked, as they were.
    fn sheet(&self, pipeline: &Pipeline, table: &Table, editor: &str, writer: &Actor) -> SheetOut {
        let viewpoint = pipeline.decider().viewpoint(writer, table);
        let fields: Vec<Option<&Field>> = self.columns.iter().map(|(_, title)| field_of(table, title)).collect();
        let open: Vec<bool> =
            fields.iter().map(|field| field.is_none_or(|field| viewpoint.may_ever_write(&field.class))).collect();
        let columns = self.columns.iter().zip(&fields).zip(&open);
        let columns = columns.map(|(((_, title), field), open)| column(title, *field, *open)).collect();
        let rows = self.rows.iter().map(|row| {
            let cells = self.columns.iter().zip(&fields).zip(&open);
            cells
                .map(|(((number, _), field), open)| {
                    let cell = row.cells.iter().find(|(at, _)| at == number).map(|(_, cell)| cell);
                    CellOut { content: content(cell, *field), locked: !open }
                })
                .collect()
        });
        let mut properties = Vec::new();
        properties.extend(self.properties.source.clone().map(|source| (SOURCE.to_owned(), source)));
        properties.extend(self.properties.revision.map(|revision| (REVISION.to_owned(), revision.to_string())));
        let name = self.sheet.clone().unwrap_or_default();
        let chinese = self.columns.iter().any(|(_, title)| !title.is_ascii());
        SheetOut {
            title: name.clone(),
            name,
            comment: String::new(),
            author: editor.to_owned(),
            script: if chinese { Script::Chinese } else { Script::Latin },
            properties,
            columns,
            frozen_columns: 1,
            rows: rows.collect(),
            new_rows: 0,
            refusal: Refusal::default(),
        }
    }

    fn column(&self, table: &Table, field: &str) -> Option<u32> {
        let field = table.field_named(field)?;
        self.columns.iter().find(|(_, title)| is_title_of(field, title)).map(|(number, _)| *number)
    }

    fn row(&self, table: &Table, key: &str) -> Option<usize> {
        let id = *table.primary_key.first()?;
        let column = self.column(table, &table.field(id)?.name)?;
        self.rows.iter().position(|row| text_of(row, column) == key)
    }
}

/// A column as the demo's workbooks have it.
pub(super) fn column(title: &str, field: Option<&Field>, editable: bool) -> ColumnOut {
    let kind = match field.map(|field| field.field_type) {
        None | Some(FieldType::String | FieldType::Boolean) => Kind::Text,
        Some(FieldType::List) => Kind::List,
        Some(FieldType::Integer) => Kind::Integer,
        Some(FieldType::Number) => Kind::Number,
        Some(FieldType::Date) => Kind::Date,
        Some(FieldType::DateTime) => Kind::DateTime,
    };
    ColumnOut {
        title: title.to_owned(),
        kind,
        width: None,
        options: field.map(|field| field.constraints.allowed.clone()).unwrap_or_default(),
        editable,
        hidden: false,
        note: None,
    }
}

fn field_of<'a>(table: &'a Table, title: &str) -> Option<&'a Field> {
    table.fields.iter().find(|field| is_title_of(field, title))
}

fn is_title_of(field: &Field, title: &str) -> bool {
    field.headers.iter().any(|header| header.eq_ignore_ascii_case(title.trim()))
}

fn text_of(row: &RawRow, column: u32) -> String {
    let cell = row.cells.iter().find(|(number, _)| *number == column);
    match cell.map(|(_, cell)| cell) {
        None | Some(RawCell::Empty) => String::new(),
        Some(RawCell::Text(text) | RawCell::Duration(text) | RawCell::Error(text)) => text.to_string(),
        Some(RawCell::Number(number)) => number.to_string(),
        Some(RawCell::Boolean(flag)) => flag.to_string(),
        Some(RawCell::DateTime(at)) => at.date().to_string(),
    }
}

fn content(cell: Option<&RawCell>, field: Option<&Field>) -> Content {
    match cell {
        None | Some(RawCell::Empty) => Content::Blank,
        Some(RawCell::Text(text) | RawCell::Duration(text) | RawCell::Error(text)) => Content::Text(text.clone()),
        Some(RawCell::Number(number)) => match number.to_string().parse::<Decimal>() {
            Ok(number) => Content::Number(number),
            Err(_) => Content::Text(CompactString::from(number.to_string())),
        },
        Some(RawCell::Boolean(flag)) => Content::Boolean(*flag),
        Some(RawCell::DateTime(at)) if field.is_some_and(|field| field.field_type == FieldType::DateTime) => {
            Content::DateTime(*at)
        }
        Some(RawCell::DateTime(at)) => Content::Date(at.date()),
    }
}
