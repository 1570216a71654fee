//! The sheet that an editor has on her screen: read from a file's bytes, written as a spreadsheet program would.

use std::io::Cursor;

use daybook::codec::read::{FileKind, ReadRequest, read};
use daybook::codec::sheet::{Frame, RawCell, ReadRow};
use rust_xlsxwriter::{
    ConditionalFormatText, ConditionalFormatTextRule, DocProperties, ExcelDateTime, Format, Workbook, Worksheet,
};

/// A column of the office's own that is no field: nobody but people writes into it.
pub(super) const NOTE: &str = "note";
/// The column that people keep for answers.
pub(super) const ANSWER: &str = "Daybook";

/// A cell; `None` is blank.
pub(super) type Text = Option<String>;

/// A sheet with titles that are the fields' names.
#[derive(Clone, Debug, Default)]
pub(super) struct Sheet {
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Vec<Text>>,
    /// What Daybook wrote into the file's properties.
    pub(super) source: Option<String>,
    pub(super) revision: Option<u64>,
    /// When it was modified, as the file says.
    pub(super) modified_ms: Option<i64>,
}

impl Sheet {
    /// Reads a file; `None` if it can't be read.
    pub(super) fn open(bytes: &[u8]) -> Option<Self> {
        let mut sheet = Self::default();
        let mut places = Vec::new();
        let mut ended = false;
        let request = ReadRequest::new(FileKind::Xlsx, [0; 16]);
        let done = read(Cursor::new(bytes), &request, &mut |frame| {
            match frame {
                Frame::Head(head) => {
                    (sheet.source, sheet.revision) = (head.properties.source, head.properties.revision);
                    sheet.modified_ms = head.properties.modified_ms;
                    (places, sheet.columns) = head.columns.into_iter().unzip();
                }
                Frame::Rows(rows) => {
                    for row in rows {
                        if let ReadRow::Read(row) = row {
                            let cell = |place: &u32| row.cells.iter().find(|(column, _)| column == place).map(text);
                            sheet.rows.push(places.iter().map(cell).collect());
                        }
                    }
                }
                Frame::End { .. } => ended = true,
                Frame::Problem { .. } | Frame::Formulas(_) | Frame::Failed(_) => {}
            }
            Ok(())
        });
        (done.is_ok() && ended).then_some(sheet)
    }

    /// Writes the file; `editor` becomes `lastModifiedBy`.
    pub(super) fn save(&self, editor: Option<&str>, modified_ms: i64) -> Vec<u8> {
        let mut workbook = Workbook::new();
        let at = ExcelDateTime::from_timestamp(modified_ms / 1000).expect("the clock shows a year that Excel knows");
        let mut properties = DocProperties::new().set_creation_datetime(&at);
        if let Some(editor) = editor {
            properties = properties.set_author(editor);
        }
        if let Some(source) = &self.source {
            properties = properties.set_custom_property("Daybook.Source", source.as_str());
        }
        if let Some(revision) = self.revision {
            properties = properties.set_custom_property("Daybook.Revision", revision.to_string().as_str());
        }
        workbook.set_properties(&properties);
        let worksheet = workbook.add_worksheet();
        for (column, title) in (0..).zip(&self.columns) {
            worksheet.write_string(0, column, title).expect("it fits");
        }
        for (number, row) in (1..).zip(&self.rows) {
            for (column, cell) in (0..).zip(row) {
                if let Some(text) = cell {
                    worksheet.write_string(number, column, text).expect("it fits");
                }
            }
        }
        if self.column(NOTE).is_some() {
            self.dress(worksheet);
            let counting = workbook.add_worksheet().set_name("counts").expect("a name that is allowed");
            counting.write_formula(0, 0, "=COUNTA(Sheet1!B:B)").expect("it fits");
        }
        workbook.save_to_buffer().expect("a small workbook can be written")
    }

    /// Gives the sheet what people like to look at: all of it has to stay.
    fn dress(&self, worksheet: &mut Worksheet) {
        let title = Format::new().set_bold().set_background_color(0x00DD_EEFF);
        let names = Format::new().set_italic().set_text_wrap();
        worksheet.set_row_format(0, &title).expect("there is such a row");
        worksheet.set_freeze_panes(1, 1).expect("there is such a cell");
        for (number, row) in (1..).zip(&self.rows) {
            if let Some(Some(name)) = row.get(1) {
                worksheet.write_string_with_format(number, 1, name, &names).expect("it fits");
            } else {
                worksheet.write_blank(number, 1, &names).expect("it fits");
            }
        }
        worksheet.set_column_width(2, 24).expect("there is such a column");
        let rule = ConditionalFormatText::new()
            .set_rule(ConditionalFormatTextRule::Contains("1".to_owned()))
            .set_format(Format::new().set_bold());
        worksheet.add_conditional_format(1, 2, 30, 4, &rule).expect("the range is right");
        worksheet.set_landscape().set_header("&CService");
    }

    /// The position of a column.
    pub(super) fn column(&self, field: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == field)
    }

    /// The key of a row.
    pub(super) fn key(&self, row: usize) -> Option<&str> {
        self.rows.get(row)?.get(self.column("id")?)?.as_deref()
    }
}

fn text((_, cell): &(u32, RawCell)) -> String {
    match cell {
        RawCell::Text(text) => text.to_string(),
        RawCell::Number(number) => number.to_string(),
        other => format!("{other:?}"),
    }
}
