//! The blank workbook of a table, for somebody who wants to send many records by mail.
//!
//! In come the fields that its reader may fill. Out go the bytes of a workbook with their titles, formats and drop-downs, and room
//! below. It is no source: it carries no mark of Daybook's and nothing of any record.

use unicode_width::UnicodeWidthStr;

use crate::codec::xlsx::write::{self, ColumnOut, Kind, SheetOut, WriteError};
use crate::model::{FieldId, Table};
use crate::publish::view::{AUTHOR, NEW_ROWS, column_of, refusal, script, table_title};
use crate::text::Texts;

/// The widest column, in digits.
const WIDTH_MAX: u16 = 42;

/// The fields of a template, from the left: the key, then those that may be filled, in the table's order.
fn fields(table: &Table, fillable: &[FieldId]) -> Vec<FieldId> {
    let rest =
        table.fields.iter().map(|field| field.id).filter(|id| !table.primary_key.contains(id) && fillable.contains(id));
    table.primary_key.iter().copied().chain(rest).collect()
}

/// The width of a column that is still to be filled, in digits: room for its title with the filter's button, and for what it is to hold.
pub(super) fn width(column: &ColumnOut) -> u16 {
    let typed = match column.kind {
        Kind::Date => 12,
        Kind::DateTime => 20,
        Kind::Integer | Kind::Number => 14,
        Kind::Boolean => 8,
        Kind::Text | Kind::List => 18,
    };
    let title = u16::try_from(column.title.width()).unwrap_or(u16::MAX).saturating_add(6);
    title.max(typed).min(WIDTH_MAX)
}

/// Makes the workbook.
///
/// # Errors
/// If the table has more fields than a sheet has columns.
pub fn template(table: &Table, fillable: &[FieldId], texts: &Texts) -> Result<Vec<u8>, WriteError> {
    let fields = fields(table, fillable).into_iter().filter_map(|id| table.field(id));
    let columns: Vec<ColumnOut> = fields
        .map(|field| {
            let is_key = table.primary_key.contains(&field.id);
            let note = match (is_key, field.generate.is_some()) {
                (true, true) => Some(texts.get("template-number-note")),
                (true, false) => Some(texts.get("template-key-note")),
                (false, _) => None,
            };
            let column = column_of(field, texts);
            ColumnOut { width: Some(width(&column)), note, ..column }
        })
        .collect();
    let name = table_title(table, texts.language());
    write::write(&SheetOut {
        name: name.clone(),
        title: name,
        comment: String::new(),
        author: AUTHOR.to_owned(),
        script: script(texts.language()),
        properties: Vec::new(),
        columns,
        frozen_columns: u16::try_from(table.primary_key.len()).unwrap_or(1),
        rows: Vec::new(),
        new_rows: NEW_ROWS,
        refusal: refusal(texts),
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use std::io::{Cursor, Read};

    use calamine::{Reader, Xlsx};

    use super::*;
    use crate::model::FieldType;
    use crate::model::sample::{self, field};
    use crate::model::schema::{Generator, Title};
    use crate::text::Language;

    fn table() -> Table {
        let mut fields = vec![
            field(0, "phone", FieldType::String, &["电话", "Phone"]),
            field(1, "number", FieldType::String, &["编号", "No."]),
            field(2, "stage", FieldType::String, &["阶段", "Stage"]),
            field(3, "since", FieldType::Date, &["日期", "Since"]),
            field(4, "credit", FieldType::Number, &["额度", "Credit"]),
        ];
        fields[1].generate = Some(Generator { prefix: "C-".into(), width: 6, suffix: String::new() });
        fields[2].constraints.allowed = vec!["报价".into(), "签约".into()];
        let title = Title { zh_cn: Some("客户".into()), en: Some("Customers".into()) };
        Table { title, primary_key: vec![FieldId(1)], ..sample::table(fields) }
    }

    fn part(bytes: &[u8], name: &str) -> String {
        let mut text = String::new();
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        archive.by_name(name).unwrap().read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn the_key_comes_first_and_what_may_not_be_filled_not_at_all() {
        for (language, sheet, titles) in [
            (Language::ZhCn, "客户", ["编号", "电话", "阶段", "日期"]),
            (Language::En, "Customers", ["No.", "Phone", "Stage", "Since"]),
        ] {
            let fillable = [FieldId(0), FieldId(2), FieldId(3)];
            let bytes = template(&table(), &fillable, &Texts::new(language)).unwrap();
            let mut book: Xlsx<_> = Xlsx::new(Cursor::new(&bytes)).unwrap();
            assert_eq!(book.sheet_names(), [sheet]);
            let range = book.worksheet_range_at(0).unwrap().unwrap();
            let rows: Vec<Vec<String>> =
                range.rows().map(|row| row.iter().map(ToString::to_string).collect()).collect();
            assert_eq!(rows[0], titles);
            assert!(rows[1..].iter().flatten().all(String::is_empty), "{rows:?}");
            let xml = part(&bytes, "xl/worksheets/sheet1.xml");
            for mark in ["\"报价,签约\"", "state=\"frozen\""] {
                assert!(xml.contains(mark), "{mark}: {xml}");
            }
            assert!(xml.contains("<col min=\"4\" max=\"4\" width=\"12."), "a date has room: {xml}");
            assert!(!xml.contains("sheetProtection"), "it is hers");
            let mut archive = zip::ZipArchive::new(Cursor::new(&bytes)).unwrap();
            assert!(archive.by_name("docProps/custom.xml").is_err(), "it is no source");
        }
    }
}
