//! Rows of an attached workbook that were not taken, sent back to be corrected.
//!
//! In come the rows as they were typed, under the titles that stood above them, each with why it was not taken. Out go the bytes of a
//! workbook that can be corrected and sent again: the column of reasons is passed over then. Nothing that is stored stands in it, and
//! no text of it becomes a formula.

use std::collections::HashSet;

use compact_str::CompactString;
use rust_decimal::Decimal;

use crate::codec::sheet::RawCell;
use crate::codec::xlsx::write::{self, CellOut, ColumnOut, Content, Kind, SheetOut, WriteError};
use crate::model::compare::folded;
use crate::model::{FieldId, Table};
use crate::publish::template::width;
use crate::publish::view::{AUTHOR, column_of, refusal, script, table_title};
use crate::text::Texts;

/// The largest workbook that is sent back, in bytes: with its encoding for mails it has to fit into one.
pub const RETURNED_BYTES_MAX: usize = 8 << 20;
/// The widest column of reasons, in digits.
const REASON_WIDTH: u16 = 42;

/// Rows that go back.
#[derive(Clone, Debug)]
pub struct Returned<'a> {
    /// The attachment's name.
    pub file: &'a str,
    /// Its sheet's name; `None` for CSV.
    pub sheet: Option<&'a str>,
    /// Its titles, by column from 0, ascending.
    pub titles: &'a [(u32, String)],
    /// Which column meant which field.
    pub columns: &'a [(FieldId, u32)],
    /// The rows as they were typed, cells ascending by column, each with the reason.
    pub rows: Vec<(&'a [(u32, RawCell)], String)>,
}

/// Makes the workbook.
///
/// # Errors
/// If it would have more rows or columns than a sheet.
pub fn returned(what: &Returned<'_>, table: &Table, texts: &Texts) -> Result<Vec<u8>, WriteError> {
    let reasons = reason_title(table, texts);
    let own = folded(&reasons);
    let titles: Vec<&(u32, String)> = what.titles.iter().filter(|(_, title)| folded(title) != own).collect();
    let mut columns: Vec<ColumnOut> = titles
        .iter()
        .map(|(column, title)| {
            let field = what.columns.iter().find(|(_, own)| own == column).and_then(|(id, _)| table.field(*id));
            let like = field.map(|field| column_of(field, texts));
            let (kind, options) = like.map_or((Kind::Text, Vec::new()), |like| (like.kind, like.options));
            let column = ColumnOut {
                title: title.clone(),
                kind,
                width: None,
                options,
                editable: true,
                hidden: false,
                note: None,
            };
            // What stands there may be no date yet; the right one needs room.
            let width = matches!(kind, Kind::Date | Kind::DateTime).then(|| width(&column));
            ColumnOut { width, ..column }
        })
        .collect();
    columns.push(ColumnOut {
        title: reasons,
        kind: Kind::Text,
        width: Some(REASON_WIDTH),
        options: Vec::new(),
        editable: true,
        hidden: false,
        note: None,
    });
    let words = [CompactString::from(texts.get("view-no")), texts.get("view-yes").into()];
    let open = |content| CellOut { content, locked: false };
    let rows = what.rows.iter().map(|(cells, reason)| {
        let cell = |column: u32| match cells.binary_search_by_key(&column, |(own, _)| *own) {
            Ok(at) => open(content(&cells[at].1, &words)),
            Err(_) => open(Content::Blank),
        };
        let reason = open(Content::Text(reason.as_str().into()));
        titles.iter().map(|(column, _)| cell(*column)).chain([reason]).collect()
    });
    let name = what.sheet.map_or_else(|| table_title(table, texts.language()), str::to_owned);
    write::write(&SheetOut {
        name,
        title: file_name(what.file, texts),
        comment: String::new(),
        author: AUTHOR.to_owned(),
        script: script(texts.language()),
        properties: Vec::new(),
        frozen_columns: 0,
        rows: rows.collect(),
        columns,
        new_rows: 0,
        refusal: refusal(texts),
    })
}

/// The name of the workbook: that of the attachment, marked once.
pub fn file_name(attachment: &str, texts: &Texts) -> String {
    let marked = |stem: &str| texts.format("returned-file", &[("name", stem.into())]);
    let stem = attachment.rsplit_once('.').map_or(attachment, |(stem, _)| stem);
    let stem = stem.strip_prefix(marked("").trim_end()).map_or(stem, str::trim_start).trim();
    let stem: String =
        stem.chars().filter(|letter| !letter.is_control() && !"/\\:*?\"<>|".contains(*letter)).take(80).collect();
    format!("{}.xlsx", marked(if stem.is_empty() { "1" } else { &stem }))
}

/// The title of the column of reasons: one that is no field's of the table.
pub fn reason_title(table: &Table, texts: &Texts) -> String {
    let titles =
        table.fields.iter().flat_map(|field| field.headers.iter().map(String::as_str).chain([field.name.as_str()]));
    let taken: HashSet<CompactString> = titles.map(folded).collect();
    let usual = texts.get("returned-reason");
    if taken.contains(&folded(&usual)) { texts.get("returned-reason-other") } else { usual }
}

/// What was typed, as a workbook holds it.
fn content(cell: &RawCell, words: &[CompactString; 2]) -> Content {
    match cell {
        // What stands for an error says nothing; as a text it would be a value.
        RawCell::Empty | RawCell::Error(_) => Content::Blank,
        RawCell::Text(text) | RawCell::Duration(text) => Content::Text(text.clone()),
        RawCell::Number(number) => number_content(*number),
        RawCell::Boolean(flag) => Content::Text(words[usize::from(*flag)].clone()),
        RawCell::DateTime(at) if at.time() == jiff::civil::Time::midnight() => Content::Date(at.date()),
        RawCell::DateTime(at) => Content::DateTime(*at),
    }
}

/// A number by its shortest digits; one that is beyond decimals as text.
fn number_content(number: f64) -> Content {
    let text = number.to_string();
    match text.parse::<Decimal>() {
        Ok(decimal) => Content::Number(decimal),
        Err(_) => Content::Text(text.into()),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use std::io::Cursor;

    use calamine::{Data, Reader, Xlsx};

    use super::*;
    use crate::model::FieldType;
    use crate::model::sample::{self, field};
    use crate::text::Language;

    fn table(headers: &[&str]) -> Table {
        sample::table(vec![field(0, "id", FieldType::String, &["编号"]), field(1, "since", FieldType::Date, headers)])
    }

    #[test]
    fn rows_go_back_as_they_were_typed_with_the_reason_behind() {
        let table = table(&["日期"]);
        let texts = Texts::new(Language::ZhCn);
        let titles = [(0, "编 号".to_owned()), (2, "日期".to_owned()), (3, "原因".to_owned()), (4, "备注".to_owned())];
        let date = jiff::civil::date(2026, 3, 1).at(0, 0, 0, 0);
        let first = [
            (0, RawCell::Text("=1+1".into())),
            (1, RawCell::Text("no title".into())),
            (2, RawCell::Text("31/31/26".into())),
            (3, RawCell::Text("an old reason".into())),
        ];
        let second = [(0, RawCell::Number(0.1)), (2, RawCell::DateTime(date)), (4, RawCell::Error("#N/A".into()))];
        let what = Returned {
            file: "客户.csv",
            sheet: None,
            titles: &titles,
            columns: &[(FieldId(0), 0), (FieldId(1), 2)],
            rows: vec![(&first, "日期：不是日期".to_owned()), (&second, "x".to_owned())],
        };
        let bytes = returned(&what, &table, &texts).unwrap();
        let mut book: Xlsx<_> = Xlsx::new(Cursor::new(&bytes)).unwrap();
        let range = book.worksheet_range_at(0).unwrap().unwrap();
        let row = |row: usize| range.rows().nth(row).unwrap().iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(row(0), ["编 号", "日期", "备注", "原因"]);
        assert_eq!(row(1), ["=1+1", "31/31/26", "", "日期：不是日期"]);
        assert_eq!(row(2)[2..], ["", "x"]);
        assert!(matches!(range.get((2, 0)), Some(Data::Float(number)) if number.to_bits() == 0.1_f64.to_bits()));
        assert!(matches!(range.get((2, 1)), Some(Data::DateTime(_))));
        let formulas = book.worksheet_formula(&book.sheet_names()[0].clone()).unwrap();
        assert!(formulas.is_empty(), "a text is no formula: {formulas:?}");
    }

    #[test]
    fn the_reasons_have_a_title_that_is_no_fields() {
        for (language, usual, other) in
            [(Language::ZhCn, "原因", "Daybook 原因"), (Language::En, "Reason", "Daybook reason")]
        {
            let texts = Texts::new(language);
            assert_eq!(reason_title(&table(&["日期"]), &texts), usual);
            assert_eq!(reason_title(&table(&[" reason", "原因"]), &texts), other);
        }
    }

    #[test]
    fn a_name_is_marked_once_and_holds_nothing_odd() {
        let texts = Texts::new(Language::En);
        for (name, expected) in [
            ("客户.csv", "not saved - 客户.xlsx"),
            ("not saved - 客户.xlsx", "not saved - 客户.xlsx"),
            ("a\r\nb:c?.xlsx", "not saved - abc.xlsx"),
            (".csv", "not saved - 1.xlsx"),
        ] {
            assert_eq!(file_name(name, &texts), expected);
        }
    }
}
