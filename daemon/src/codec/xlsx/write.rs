//! Plain structures to a workbook that office people can work in.
//!
//! In: a [`SheetOut`]: columns, rows of typed cells, which of them are locked. Out: the bytes of an `.xlsx` file,
//! the same bytes for the same input, on any day and machine. It never writes a formula, whatever a text looks
//! like, and it knows nothing of records or rights: what may not be read must not be in its input.
//!
//! Rows are held in memory until the file is done. The library's "constant memory" mode would put them into
//! temporary files in the clear, and there it loses a table's titles.

use std::collections::HashSet;

use compact_str::{CompactString, ToCompactString};
use jiff::civil;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use rust_xlsxwriter::{
    Color, DataValidation, DocProperties, ExcelDateTime, Format, FormatAlign, FormatBorder, Formula, IgnoreError, Note,
    ProtectionOptions, Table, TableColumn, TableStyle, Workbook, Worksheet, XlsxError,
};
use unicode_width::UnicodeWidthStr;

/// The author that Daybook names in the files it writes. Programs that keep the properties repeat it, so it says nothing of who edited.
pub const AUTHOR: &str = "Daybook";
/// The most characters (UTF-16 units) that a cell holds; Excel's limit.
pub const CELL_CHARS_MAX: usize = 32_767;
/// The most rows of a sheet, the title row included; Excel's limit.
pub const SHEET_ROWS_MAX: usize = 1_048_576;
/// The most columns of a sheet; Excel's limit.
pub const SHEET_COLUMNS_MAX: usize = 16_384;
/// Counts up when the same input is to look otherwise, so that files that are up to date are written again.
pub const LOOK: u32 = 1;

/// The most characters of a sheet's name; Excel's limit.
const SHEET_NAME_CHARS_MAX: usize = 31;
/// The most characters of a table column's title; Excel's limit.
const TITLE_CHARS_MAX: usize = 255;
/// The most characters of a drop-down's values, joined by commas; Excel's limit.
const INLINE_OPTIONS_CHARS_MAX: usize = 255;
/// The most digits that Excel keeps in a number.
const NUMBER_DIGITS_MAX: u32 = 15;
/// The least width of a column, in digits.
const WIDTH_MIN: usize = 8;
/// The widest line that a column gives room to, in digits; longer ones wrap.
const WIDTH_MAX: usize = 42;
/// What a cell needs beside its text: the margins and the indent.
const WIDTH_OF_MARGINS: usize = 3;
/// The most lines of a text that a row shows.
const LINES_MAX: u32 = 6;
/// What a title needs beside its text for the filter's button.
const WIDTH_OF_FILTER: usize = 3;
/// The time that every file says it was modified at, so that equal sheets give equal bytes: 2020-01-01T00:00:00Z.
pub const MODIFIED_MS: i64 = 1_577_836_800_000;
/// The hidden sheet that holds the values of long drop-downs.
const OPTIONS_SHEET: &str = "_options";
/// The first day that Excel, WPS and Calc number alike: Excel counts a 29 February 1900.
const FIRST_DATE: civil::Date = civil::date(1900, 3, 1);
/// The day that serial numbers count from, for days from [`FIRST_DATE`] on.
const DATE_ZERO: civil::Date = civil::date(1899, 12, 30);

/// A workbook with one sheet that holds one table.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SheetOut {
    /// The sheet's name; made valid by [`sheet_name`].
    pub name: String,
    /// The document's title.
    pub title: String,
    /// The document's comment, shown among the file's properties.
    pub comment: String,
    /// Who made the document, and saved it last, as its properties say.
    pub author: String,
    /// Chooses the typeface.
    pub script: Script,
    /// The document's custom properties, in order.
    pub properties: Vec<(String, String)>,
    /// The columns, from the left.
    pub columns: Vec<ColumnOut>,
    /// How many columns at the left stay in sight.
    pub frozen_columns: u16,
    /// The rows, from the top; a row may be shorter than the columns are.
    pub rows: Vec<Vec<CellOut>>,
    /// How many blank rows below the table may be typed into, in the editable columns.
    pub new_rows: u32,
    /// What a drop-down says to another value.
    pub refusal: Refusal,
}

/// What kind of writing the sheet is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Script {
    /// Latin letters.
    Latin,
    /// Simplified Chinese characters.
    Chinese,
}

/// The message that a drop-down shows when something else is typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Refusal {
    /// At most 32 characters.
    pub title: String,
    /// At most 255 characters.
    pub message: String,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ColumnOut {
    /// The title; written with a number behind it if an earlier column has the same.
    pub title: String,
    /// What its cells hold.
    pub kind: Kind,
    /// The width in digits; `None`: from the content.
    pub width: Option<u16>,
    /// The values of the drop-down; empty: none.
    pub options: Vec<CompactString>,
    /// Whether new rows may have a value here.
    pub editable: bool,
    /// Whether the column is out of sight. It is in the file all the same.
    pub hidden: bool,
    /// A note on the title.
    pub note: Option<String>,
}

/// What the cells of a column hold, and so how they look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Text, kept as typed: ids, phone numbers and dates do not turn into numbers.
    Text,
    /// Whole numbers.
    Integer,
    /// Decimal numbers.
    Number,
    /// True or false.
    Boolean,
    /// Dates.
    Date,
    /// Dates with a time.
    DateTime,
    /// Several texts, joined.
    List,
}

/// One cell.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CellOut {
    /// What it holds.
    pub content: Content,
    /// Whether it is kept from being typed over.
    pub locked: bool,
}

/// What a cell holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Content {
    /// Nothing.
    Blank,
    /// Text; the caller has put it through [`clean`] and [`cut`], else the writer does.
    Text(CompactString),
    /// A whole number; more than 15 digits are written as text.
    Integer(i64),
    /// A decimal number; more than 15 significant digits are written as text.
    Number(Decimal),
    /// True or false. Calc makes a formula of it when it saves; a text in the office's language stays.
    Boolean(bool),
    /// A date; one before March 1900 is written as text.
    Date(civil::Date),
    /// A date and time, to the second; one before March 1900 is written as text.
    DateTime(civil::DateTime),
}

/// Why a workbook can't be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// More rows than a sheet holds.
    #[error("{rows} rows are more than the {SHEET_ROWS_MAX} that a sheet holds, the title row included")]
    TooManyRows {
        /// How many there are.
        rows: usize,
    },
    /// No column, or more than a sheet holds.
    #[error("a sheet has 1 to {SHEET_COLUMNS_MAX} columns, not {columns}")]
    Columns {
        /// How many there are.
        columns: usize,
    },
    /// The library refused.
    #[error("the workbook could not be written: {0}")]
    Library(#[from] XlsxError),
}

/// Makes the file. Equal sheets give equal bytes.
pub fn write(sheet: &SheetOut) -> Result<Vec<u8>, WriteError> {
    let layout = Layout::of(sheet)?;
    let mut workbook = Workbook::new();
    workbook.set_default_format(&layout.style.base(), layout.style.row_pixels(), 64)?;
    workbook.set_properties(&properties(sheet)?);
    let mut options = Vec::new();
    let worksheet = workbook.add_worksheet();
    worksheet.set_name(sheet_name(&sheet.name))?;
    write_table(worksheet, sheet, &layout)?;
    write_rows(worksheet, sheet, &layout)?;
    write_options(worksheet, sheet, &layout, &mut options)?;
    arrange(worksheet, sheet, &layout)?;
    if !options.is_empty() {
        write_options_sheet(workbook.add_worksheet(), &options)?;
    }
    Ok(workbook.save_to_buffer()?)
}

/// A name that a sheet may have: forbidden characters replaced, at most 31 characters.
pub fn sheet_name(text: &str) -> String {
    let replaced: String = text
        .chars()
        .map(|char| if "[]:*?/\\".contains(char) || !is_writable(char) { '_' } else { char })
        .map(|char| if char.is_whitespace() { ' ' } else { char })
        .collect();
    let name = first_chars(replaced.trim().trim_matches('\''), SHEET_NAME_CHARS_MAX).trim_end_matches(['\'', ' ']);
    // Excel keeps the name "History" for itself.
    if name.is_empty() || name.eq_ignore_ascii_case("history") { format!("{name}_") } else { name.to_owned() }
}

/// The text without the characters that a workbook can't hold; `None` if there are none of them.
pub fn clean(text: &str) -> Option<CompactString> {
    text.chars().any(|char| !is_writable(char)).then(|| text.chars().filter(|char| is_writable(*char)).collect())
}

/// The beginning of a text that is too long for a cell, with `mark` at its end; `None` if it fits.
pub fn cut(text: &str, mark: &str) -> Option<CompactString> {
    // Bytes are never fewer than UTF-16 units: most texts need no count.
    if text.len() <= CELL_CHARS_MAX || utf16_len(text) <= CELL_CHARS_MAX {
        return None;
    }
    let mut short = CompactString::from(first_chars(text, CELL_CHARS_MAX.saturating_sub(utf16_len(mark))));
    short.push_str(mark);
    Some(short)
}

/// What the sheet's parts need to know of each other.
struct Layout {
    style: Style,
    /// The titles as they are written: unique, of valid characters.
    titles: Vec<String>,
    formats: Vec<ColumnFormats>,
    last_column: u16,
    /// The table's last row, from 0; at least 1, as a table has a row.
    last_table_row: u32,
    /// The last row that may be typed into, from 0.
    last_row: u32,
    protected: bool,
}

impl Layout {
    fn of(sheet: &SheetOut) -> Result<Self, WriteError> {
        let count = sheet.columns.len();
        let last_column = u16::try_from(count)
            .ok()
            .filter(|_| (1..=SHEET_COLUMNS_MAX).contains(&count))
            .map(|count| count - 1)
            .ok_or(WriteError::Columns { columns: count })?;
        let rows = u32::try_from(sheet.rows.len())
            .ok()
            .filter(|_| sheet.rows.len() < SHEET_ROWS_MAX)
            .ok_or(WriteError::TooManyRows { rows: sheet.rows.len() })?;
        let last_table_row = rows.max(1);
        let room = u32::try_from(SHEET_ROWS_MAX - 1).unwrap_or(u32::MAX);
        let last_row = last_table_row.saturating_add(sheet.new_rows).min(room);

        let cells = || sheet.rows.iter().flat_map(|row| (0..count).map(move |column| row.get(column)));
        let new_rows_possible = sheet.new_rows > 0 && sheet.columns.iter().any(|column| column.editable);
        let protected = cells().any(|cell| cell.is_none_or(|cell| cell.locked))
            || (sheet.rows.is_empty() || sheet.new_rows > 0) && sheet.columns.iter().any(|column| !column.editable);
        // Grey tells locked cells from others. Where every cell is locked it would only make reading harder.
        let grey = protected && (new_rows_possible || cells().any(|cell| cell.is_some_and(|cell| !cell.locked)));
        let style = Style { script: sheet.script, grey };
        let formats = (0..count).map(|column| ColumnFormats::of(sheet, column, style)).collect();
        Ok(Self {
            style,
            titles: unique_titles(&sheet.columns),
            formats,
            last_column,
            last_table_row,
            last_row,
            protected,
        })
    }

    /// The columns with their number, titles and formats.
    fn columns<'a, 's: 'a>(
        &'a self,
        sheet: &'s SheetOut,
    ) -> impl Iterator<Item = (u16, &'s ColumnOut, &'a str, &'a ColumnFormats)> {
        (0..=self.last_column)
            .zip(&sheet.columns)
            .zip(&self.titles)
            .zip(&self.formats)
            .map(|(((number, column), title), formats)| (number, column, title.as_str(), formats))
    }
}

/// The look of the sheet.
#[derive(Clone, Copy)]
struct Style {
    script: Script,
    grey: bool,
}

impl Style {
    /// The typeface. The Chinese one comes with Windows, and with Excel elsewhere.
    fn base(self) -> Format {
        let (name, size) = match self.script {
            Script::Latin => ("Calibri", 11),
            Script::Chinese => ("微软雅黑", 10),
        };
        Format::new().set_font_name(name).set_font_size(size).set_align(FormatAlign::VerticalCenter)
    }

    const fn row_pixels(self) -> u32 {
        match self.script {
            Script::Latin => 20,
            Script::Chinese => 22,
        }
    }

    fn title(self) -> Format {
        self.base()
            .set_bold()
            .set_align(FormatAlign::Left)
            .set_indent(1)
            .set_font_color(Color::White)
            .set_background_color(Color::RGB(0x1F_4E_79))
            .set_border_bottom(FormatBorder::Thin)
            .set_border_bottom_color(Color::RGB(0x1F_4E_79))
    }

    /// The lines that stand in for the table's bands in programs that don't draw them.
    fn cell(self) -> Format {
        self.base().set_border_bottom(FormatBorder::Thin).set_border_bottom_color(Color::RGB(0xD6_DC_E4))
    }

    fn lock(self, format: &Format, locked: bool) -> Format {
        match (locked, self.grey) {
            (false, _) => format.clone().set_unlocked(),
            (true, false) => format.clone(),
            (true, true) => {
                format.clone().set_background_color(Color::RGB(0xF0_F0_F0)).set_font_color(Color::RGB(0x59_59_59))
            }
        }
    }
}

/// The formats of a column's cells: open and locked, of its own kind and as text.
struct ColumnFormats {
    own: [Format; 2],
    text: [Format; 2],
}

impl ColumnFormats {
    fn of(sheet: &SheetOut, index: usize, style: Style) -> Self {
        let contents = || sheet.rows.iter().filter_map(move |row| row.get(index)).map(|cell| &cell.content);
        let wraps = contents().any(|content| lines(content) > 1);
        let cell = if wraps { style.cell().set_text_wrap() } else { style.cell() };
        // The indent keeps a text off the number to its left.
        let left = cell.clone().set_align(FormatAlign::Left).set_indent(1);
        let text = left.clone().set_num_format("@");
        let own = match sheet.columns[index].kind {
            Kind::Text | Kind::List => text.clone(),
            Kind::Integer => cell.set_num_format("0").set_align(FormatAlign::Right).set_indent(1),
            Kind::Number => {
                let scale = contents().map(scale_of).max().unwrap_or(0);
                cell.set_num_format(decimal_format(scale)).set_align(FormatAlign::Right).set_indent(1)
            }
            Kind::Boolean => left,
            Kind::Date => left.set_num_format("yyyy-mm-dd"),
            Kind::DateTime => left.set_num_format("yyyy-mm-dd hh:mm:ss"),
        };
        Self {
            own: [style.lock(&own, false), style.lock(&own, true)],
            text: [style.lock(&text, false), style.lock(&text, true)],
        }
    }

    fn own(&self, locked: bool) -> &Format {
        &self.own[usize::from(locked)]
    }

    fn text(&self, locked: bool) -> &Format {
        &self.text[usize::from(locked)]
    }
}

fn properties(sheet: &SheetOut) -> Result<DocProperties, XlsxError> {
    let mut properties = DocProperties::new()
        .set_title(&sheet.title)
        .set_author(AUTHOR)
        .set_comment(&sheet.comment)
        // Any fixed day: with the real one equal views would be different files.
        .set_creation_datetime(&ExcelDateTime::from_ymd(2020, 1, 1)?);
    for (name, value) in &sheet.properties {
        properties = properties.set_custom_property(name, value.as_str());
    }
    Ok(properties)
}

fn write_table(worksheet: &mut Worksheet, sheet: &SheetOut, layout: &Layout) -> Result<(), XlsxError> {
    let title_format = layout.style.title();
    let columns: Vec<TableColumn> = layout
        .titles
        .iter()
        .map(|title| TableColumn::new().set_header(title).set_header_format(&title_format))
        .collect();
    let table = Table::new().set_name("Records").set_style(TableStyle::Light15).set_columns(&columns);
    worksheet.add_table(0, 0, layout.last_table_row, layout.last_column, &table)?;
    for (number, column, title, _) in layout.columns(sheet) {
        worksheet.set_column_width(number, width(sheet, column, number, title))?;
        if column.hidden {
            worksheet.set_column_hidden(number)?;
        }
        if let Some(text) = &column.note {
            let note = Note::new(text).set_author(AUTHOR).add_author_prefix(false).set_width(240).set_height(90);
            worksheet.insert_note(0, number, &note)?;
        }
    }
    Ok(())
}

fn write_rows(worksheet: &mut Worksheet, sheet: &SheetOut, layout: &Layout) -> Result<(), XlsxError> {
    for (number, row) in (1..).zip(&sheet.rows) {
        let lines = row.iter().map(|cell| lines(&cell.content)).max().unwrap_or(1);
        if lines > 1 {
            worksheet.set_row_height_pixels(number, layout.style.row_pixels().saturating_mul(lines))?;
        }
        for (column, _, _, formats) in layout.columns(sheet) {
            match row.get(usize::from(column)) {
                Some(cell) => write_cell(worksheet, number, column, cell, formats)?,
                None => {
                    worksheet.write_blank(number, column, formats.own(true))?;
                }
            }
        }
    }
    let written = u32::try_from(sheet.rows.len()).unwrap_or(u32::MAX);
    for number in written.saturating_add(1)..=layout.last_row {
        for (column, meaning, _, formats) in layout.columns(sheet) {
            worksheet.write_blank(number, column, formats.own(!(meaning.editable && sheet.new_rows > 0)))?;
        }
    }
    Ok(())
}

fn write_cell(
    worksheet: &mut Worksheet,
    row: u32,
    column: u16,
    cell: &CellOut,
    formats: &ColumnFormats,
) -> Result<(), XlsxError> {
    let own = formats.own(cell.locked);
    match (&cell.content, serial(&cell.content)) {
        (Content::Blank, _) => worksheet.write_blank(row, column, own)?,
        (Content::Boolean(flag), _) => worksheet.write_boolean_with_format(row, column, *flag, own)?,
        (_, Some(number)) => worksheet.write_number_with_format(row, column, number, own)?,
        (content, None) => {
            let text = display(content);
            let text = clean(&text).unwrap_or(text);
            match cut(&text, "…") {
                Some(short) => worksheet.write_string_with_format(row, column, short, formats.text(true))?,
                None => worksheet.write_string_with_format(row, column, text, formats.text(cell.locked))?,
            }
        }
    };
    Ok(())
}

/// Adds the drop-downs. The values of long ones are left in `long`, a column each, for the hidden sheet.
fn write_options<'a>(
    worksheet: &mut Worksheet,
    sheet: &'a SheetOut,
    layout: &Layout,
    long: &mut Vec<&'a [CompactString]>,
) -> Result<(), XlsxError> {
    for (number, column, _, _) in layout.columns(sheet) {
        let index = usize::from(number);
        let open = column.editable && sheet.new_rows > 0
            || sheet.rows.iter().any(|row| row.get(index).is_some_and(|cell| !cell.locked));
        if column.options.is_empty() || !open {
            continue;
        }
        let rule = DataValidation::new()
            .set_error_title(first_chars(&sheet.refusal.title, 32))?
            .set_error_message(first_chars(&sheet.refusal.message, 255))?;
        let rule = if fits_inline(&column.options) {
            rule.allow_list_strings(&column.options)?
        } else {
            let letters = column_letters(long.len());
            let range = format!("={OPTIONS_SHEET}!${letters}$1:${letters}${}", column.options.len());
            long.push(&column.options);
            rule.allow_list_formula(Formula::new(range))
        };
        worksheet.add_data_validation(1, number, layout.last_row, number, &rule)?;
    }
    Ok(())
}

fn write_options_sheet(worksheet: &mut Worksheet, lists: &[&[CompactString]]) -> Result<(), XlsxError> {
    worksheet.set_name(OPTIONS_SHEET)?.set_very_hidden(true);
    for (column, list) in (0..).zip(lists) {
        for (row, option) in (0..).zip(*list) {
            worksheet.write_string(row, column, clean(option).as_ref().unwrap_or(option).as_str())?;
        }
    }
    Ok(())
}

/// Sets what concerns the sheet as a whole: panes, protection, paper.
fn arrange(worksheet: &mut Worksheet, sheet: &SheetOut, layout: &Layout) -> Result<(), XlsxError> {
    worksheet.set_freeze_panes(1, sheet.frozen_columns.min(layout.last_column))?;
    worksheet.set_row_height_pixels(0, layout.style.row_pixels() + 8)?;
    // Ids and phone numbers are text on purpose: no green corners.
    worksheet.ignore_error_range(1, 0, layout.last_row, layout.last_column, IgnoreError::NumberStoredAsText)?;
    if layout.protected {
        worksheet.protect_with_options(&ProtectionOptions {
            sort: true,
            use_autofilter: true,
            format_columns: true,
            format_rows: true,
            ..ProtectionOptions::new()
        });
    } else {
        // Rows typed anywhere below the table keep ids as text.
        for (number, _, _, formats) in layout.columns(sheet) {
            worksheet.set_column_format(number, formats.own(false))?;
        }
    }
    worksheet.set_landscape().set_paper_size(9).set_print_fit_to_pages(1, 0).set_margins(0.4, 0.4, 0.5, 0.6, 0.3, 0.3);
    worksheet.set_repeat_rows(0, 0)?.set_print_area(0, 0, layout.last_table_row, layout.last_column)?;
    worksheet.set_footer("&L&A&R&P / &N");
    Ok(())
}

/// The number that a cell holds; `None` if the content is no number, or would not survive as one.
fn serial(content: &Content) -> Option<f64> {
    match content {
        Content::Blank | Content::Text(_) | Content::Boolean(_) => None,
        Content::Integer(number) => decimal_as_number(Decimal::from(*number)),
        Content::Number(number) => decimal_as_number(*number),
        Content::Date(date) => day_number(*date),
        Content::DateTime(at) => {
            let seconds = i32::from(at.hour()) * 3600 + i32::from(at.minute()) * 60 + i32::from(at.second());
            Some(day_number(at.date())? + f64::from(seconds) / 86_400.0)
        }
    }
}

fn decimal_as_number(number: Decimal) -> Option<f64> {
    let digits = number.normalize().mantissa().unsigned_abs().checked_ilog10().map_or(1, |log| log + 1);
    // Through text, because that conversion is correctly rounded.
    if digits <= NUMBER_DIGITS_MAX { number.to_string().parse().ok() } else { None }
}

fn day_number(date: civil::Date) -> Option<f64> {
    if date < FIRST_DATE {
        return None;
    }
    (date - DATE_ZERO).get_days().to_f64()
}

/// The text of a content that is written as text, and by which widths are measured.
fn display(content: &Content) -> CompactString {
    match content {
        Content::Blank => CompactString::const_new(""),
        Content::Text(text) => text.clone(),
        Content::Integer(number) => number.to_compact_string(),
        Content::Number(number) => number.normalize().to_compact_string(),
        Content::Boolean(flag) => CompactString::const_new(if *flag { "TRUE" } else { "FALSE" }),
        Content::Date(date) => date.to_compact_string(),
        Content::DateTime(at) => at.strftime("%Y-%m-%d %H:%M:%S").to_compact_string(),
    }
}

fn scale_of(content: &Content) -> u32 {
    match content {
        Content::Number(number) => number.normalize().scale(),
        _ => 0,
    }
}

/// Shows as many decimals as the column has, and more if they are typed.
fn decimal_format(scale: u32) -> String {
    let mut format = String::from("General");
    if (1..=6).contains(&scale) {
        format.clear();
        format.push_str("#,##0.");
        (0..scale).for_each(|_| format.push('0'));
        format.push_str("####");
    }
    format
}

/// A column's width in digits: its own wish, or that of its title and content; a Chinese character counts two.
fn width(sheet: &SheetOut, column: &ColumnOut, number: u16, title: &str) -> f64 {
    if let Some(width) = column.width {
        return f64::from(width);
    }
    let widest = sheet
        .rows
        .iter()
        .filter_map(|row| row.get(usize::from(number)))
        .map(|cell| match &cell.content {
            Content::Text(text) => line_width(text),
            // Thousands are separated.
            Content::Number(_) | Content::Integer(_) => {
                let digits = display(&cell.content).len();
                digits + digits / 3
            }
            Content::Boolean(_) => 6,
            Content::Date(_) => 11,
            Content::DateTime(_) => 19,
            Content::Blank => 0,
        })
        .max()
        .unwrap_or(0);
    let wanted = widest.max(title.width() + WIDTH_OF_FILTER).clamp(WIDTH_MIN, WIDTH_MAX);
    (wanted + WIDTH_OF_MARGINS).to_f64().unwrap_or(20.0)
}

/// How many lines a content takes in the widest column, as far as a row shows them.
///
/// Heights are written because not every program measures wrapped rows when it opens a file.
fn lines(content: &Content) -> u32 {
    let Content::Text(text) = content else { return 1 };
    let mut lines = 0;
    for line in text.lines() {
        lines += 1;
        let mut width = 0;
        for char in line.chars() {
            width += unicode_width::UnicodeWidthChar::width(char).unwrap_or(0);
            if width > WIDTH_MAX {
                lines += 1;
                width = 2;
            }
            if lines >= LINES_MAX {
                return LINES_MAX;
            }
        }
    }
    lines.max(1)
}

/// The width of the widest line, no further than the widest column: long texts are not measured to their end.
fn line_width(text: &str) -> usize {
    let mut widest = 0;
    for line in text.lines() {
        let mut width = 0;
        for char in line.chars() {
            width += unicode_width::UnicodeWidthChar::width(char).unwrap_or(0);
            if width > WIDTH_MAX {
                return width;
            }
        }
        widest = widest.max(width);
    }
    widest
}

/// Whether the values of a drop-down can stand in the rule itself. A comma there would part a value.
fn fits_inline(options: &[CompactString]) -> bool {
    let length: usize = options.iter().map(|option| utf16_len(option) + 1).sum();
    let plain = |option: &CompactString| {
        !option.contains([',', '"', '\n']) && option.trim().len() == option.len() && clean(option).is_none()
    };
    length <= INLINE_OPTIONS_CHARS_MAX + 1 && options.iter().all(plain) && !options[0].starts_with('=')
}

/// Titles as a table wants them: not empty, on one line, and no two the same but for case.
fn unique_titles(columns: &[ColumnOut]) -> Vec<String> {
    let mut taken = HashSet::new();
    let mut titles = Vec::with_capacity(columns.len());
    for (index, column) in columns.iter().enumerate() {
        let words: Vec<&str> = column.title.split(|char: char| char.is_whitespace() || !is_writable(char)).collect();
        let joined = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        // Room is kept for a number of its own.
        let joined = first_chars(&joined, TITLE_CHARS_MAX - 8);
        let base = if joined.is_empty() { column_letters(index) } else { joined.to_owned() };
        let mut title = base.clone();
        let mut count = 2;
        while !taken.insert(title.to_lowercase()) {
            title = format!("{base} ({count})");
            count += 1;
        }
        titles.push(title);
    }
    titles
}

/// The letters of a column, from 0: `A`.
fn column_letters(index: usize) -> String {
    let mut letters = Vec::new();
    let mut rest = index + 1;
    while rest > 0 {
        letters.push(char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"[(rest - 1) % 26]));
        rest = (rest - 1) / 26;
    }
    letters.iter().rev().collect()
}

/// Whether XML 1.0 can hold the character, and a program that reads it keeps it: a lone carriage return it would not.
fn is_writable(char: char) -> bool {
    !matches!(char, '\0'..='\u{8}' | '\u{b}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

fn utf16_len(text: &str) -> usize {
    text.encode_utf16().count()
}

/// The longest beginning of a text that has at most `units_max` UTF-16 units.
fn first_chars(text: &str, units_max: usize) -> &str {
    let mut units = 0;
    for (at, char) in text.char_indices() {
        units += char.len_utf16();
        if units > units_max {
            return text.split_at(at).0;
        }
    }
    text
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use std::io::{Cursor, Read};

    use calamine::{Data, Reader, Xlsx};

    use super::*;

    fn column(title: &str, kind: Kind) -> ColumnOut {
        ColumnOut {
            title: title.into(),
            kind,
            width: None,
            options: Vec::new(),
            editable: true,
            hidden: false,
            note: None,
        }
    }

    fn open(content: Content) -> CellOut {
        CellOut { content, locked: false }
    }

    fn locked(text: &str) -> CellOut {
        CellOut { content: Content::Text(text.into()), locked: true }
    }

    fn sheet(columns: Vec<ColumnOut>, rows: Vec<Vec<CellOut>>) -> SheetOut {
        SheetOut {
            name: "Sheet".into(),
            title: "A title".into(),
            comment: "A comment".into(),
            author: "An author".into(),
            script: Script::Latin,
            properties: vec![("Daybook.Source".into(), "sales".into()), ("Daybook.Revision".into(), "41".into())],
            columns,
            frozen_columns: 1,
            rows,
            new_rows: 0,
            refusal: Refusal { title: "No".into(), message: "Not in the list".into() },
        }
    }

    fn two_columns() -> SheetOut {
        let rows = vec![vec![locked("0001"), open(Content::Text("13800005678".into()))]];
        sheet(vec![column("Id", Kind::Text), column("Phone", Kind::Text)], rows)
    }

    fn part(bytes: &[u8], name: &str) -> String {
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let mut text = String::new();
        archive.by_name(name).unwrap().read_to_string(&mut text).unwrap();
        text
    }

    fn first_sheet(bytes: &[u8]) -> String {
        part(bytes, "xl/worksheets/sheet1.xml")
    }

    fn first_row(bytes: &[u8]) -> Vec<Data> {
        let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).unwrap();
        let range = workbook.worksheet_range("Sheet").unwrap();
        range.rows().nth(1).unwrap().to_vec()
    }

    /// Whether the style that a cell of the first sheet has is locked.
    fn is_locked(bytes: &[u8], cell: &str) -> bool {
        let style: usize =
            regex::Regex::new(&format!(r#"<c r="{cell}" s="(\d+)""#)).unwrap().captures(&first_sheet(bytes)).unwrap()
                [1]
            .parse()
            .unwrap();
        let styles = part(bytes, "xl/styles.xml");
        let formats = styles.split_once("<cellXfs").unwrap().1.split_once("</cellXfs>").unwrap().0;
        !formats.split("<xf ").nth(style + 1).unwrap().contains(r#"<protection locked="0"/>"#)
    }

    #[test]
    fn equal_sheets_give_equal_bytes() {
        let mut big = two_columns();
        big.columns[1].note = Some("masked".into());
        big.columns[1].options = vec!["a".into(), "b,c".into()];
        big.rows = (0..300).map(|number| vec![locked(&number.to_string()), open(Content::Integer(number))]).collect();
        assert_eq!(write(&big).unwrap(), write(&big.clone()).unwrap());
    }

    #[test]
    fn has_a_table_a_filter_and_frozen_panes() {
        let bytes = write(&two_columns()).unwrap();
        let table = part(&bytes, "xl/tables/table1.xml");
        assert!(table.contains(r#"ref="A1:B2""#) && table.contains(r#"<autoFilter ref="A1:B2"/>"#), "{table}");
        assert!(table.contains(r#"showRowStripes="1""#));
        let xml = first_sheet(&bytes);
        assert!(xml.contains(r#"<pane xSplit="1" ySplit="1" topLeftCell="B2""#), "{xml}");
    }

    #[test]
    fn marks_stand_in_the_custom_properties() {
        let custom = part(&write(&two_columns()).unwrap(), "docProps/custom.xml");
        assert!(custom.contains(r#"name="Daybook.Source"><vt:lpwstr>sales</vt:lpwstr>"#), "{custom}");
        assert!(custom.contains(r#"name="Daybook.Revision"><vt:lpwstr>41</vt:lpwstr>"#), "{custom}");
    }

    #[test]
    fn locks_what_is_locked_and_opens_the_band() {
        let mut sheet = two_columns();
        sheet.columns[0].editable = false;
        sheet.new_rows = 3;
        let bytes = write(&sheet).unwrap();
        for (cell, expected) in [("A1", true), ("A2", true), ("B2", false), ("A3", true), ("B3", false), ("B5", false)]
        {
            assert_eq!(is_locked(&bytes, cell), expected, "{cell}");
        }
        let xml = first_sheet(&bytes);
        assert!(!xml.contains(r#"r="B6""#));
        let protection = xml.split_once("<sheetProtection").unwrap().1.split_once("/>").unwrap().0;
        for allowed in ["sort", "autoFilter", "formatColumns"] {
            assert!(protection.contains(&format!(r#"{allowed}="0""#)), "{protection}");
        }
        assert!(!protection.contains("password"));
    }

    #[test]
    fn protects_only_what_has_locked_cells() {
        let mut sheet = two_columns();
        sheet.rows[0][0].locked = false;
        assert!(!first_sheet(&write(&sheet).unwrap()).contains("sheetProtection"));
        // A row that is too short is locked where it ends.
        sheet.rows[0].pop();
        assert!(first_sheet(&write(&sheet).unwrap()).contains("sheetProtection"));
    }

    #[test]
    fn values_keep_their_types() {
        let kinds = [Kind::Text, Kind::Integer, Kind::Number, Kind::Boolean, Kind::Date, Kind::Number, Kind::Date];
        let columns = kinds.iter().map(|kind| column("x", *kind)).collect();
        let contents = [
            Content::Text("0012".into()),
            Content::Integer(1_234_567_890_123_456),
            Content::Number(Decimal::new(12_345, 2)),
            Content::Boolean(false),
            Content::Date(civil::date(2026, 3, 1)),
            Content::Number(Decimal::new(1_234_567_890_123_456_789, 3)),
            Content::Date(civil::date(1900, 2, 28)),
        ];
        let bytes = write(&sheet(columns, vec![contents.into_iter().map(open).collect()])).unwrap();
        let row = first_row(&bytes);
        assert_eq!(row[0], Data::String("0012".into()));
        assert_eq!(row[1], Data::String("1234567890123456".into()));
        assert_eq!(row[2], Data::Float(123.45));
        assert_eq!(row[3], Data::Bool(false));
        assert!(matches!(&row[4], Data::DateTime(at) if (at.as_f64() - 46_082.0).abs() < 1e-9), "{:?}", row[4]);
        assert_eq!(row[5], Data::String("1234567890123456.789".into()));
        assert_eq!(row[6], Data::String("1900-02-28".into()));
    }

    #[test]
    fn every_second_of_a_day_survives() {
        let midnight = civil::date(2026, 12, 31).at(0, 0, 0, 0);
        for second in (0..86_400).step_by(61) {
            let at = midnight + jiff::Span::new().seconds(second);
            let number = serial(&Content::DateTime(at)).unwrap();
            let back = calamine::ExcelDateTime::new(number, calamine::ExcelDateTimeType::DateTime, false);
            let (_, _, day, hour, minute, seconds, _) = back.to_ymd_hms_milli();
            assert_eq!(format!("{day} {hour} {minute} {seconds}"), at.strftime("%-d %-H %-M %-S").to_string());
        }
    }

    #[test]
    fn no_rows_make_a_valid_table() {
        let mut sheet = two_columns();
        sheet.rows.clear();
        let bytes = write(&sheet).unwrap();
        assert!(part(&bytes, "xl/tables/table1.xml").contains(r#"ref="A1:B2""#));
        sheet.columns.clear();
        assert!(matches!(write(&sheet), Err(WriteError::Columns { columns: 0 })));
    }

    #[test]
    fn short_lists_stand_in_the_rule_and_long_ones_on_a_hidden_sheet() {
        let mut sheet = two_columns();
        sheet.columns[1].options = vec!["潜在".into(), "signed".into()];
        let bytes = write(&sheet).unwrap();
        assert!(
            first_sheet(&bytes).contains(r"<formula1>&quot;潜在,signed&quot;</formula1>")
                || first_sheet(&bytes).contains("<formula1>\"潜在,signed\"</formula1>")
        );

        for options in [
            (0..60).map(|number| format!("value{number}").into()).collect::<Vec<CompactString>>(),
            vec!["a,b".into(), "c".into()],
        ] {
            let last = options.last().unwrap().to_string();
            sheet.columns[1].options.clone_from(&options);
            let bytes = write(&sheet).unwrap();
            let range = format!("<formula1>_options!$A$1:$A${}</formula1>", options.len());
            assert!(first_sheet(&bytes).contains(&range));
            assert!(part(&bytes, "xl/workbook.xml").contains(r#"state="veryHidden""#));
            let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes.as_slice())).unwrap();
            let list = workbook.worksheet_range(OPTIONS_SHEET).unwrap();
            assert_eq!(list.rows().next_back().unwrap()[0], Data::String(last));
        }

        // Where nothing can be chosen the values are not in the file either.
        sheet.columns[1].editable = false;
        sheet.rows[0][1].locked = true;
        assert!(!first_sheet(&write(&sheet).unwrap()).contains("dataValidation"));
    }

    #[test]
    fn a_list_of_exactly_the_limit_is_accepted() {
        for (length, inline) in [(127, true), (128, false)] {
            let options: Vec<CompactString> = vec!["a".repeat(127).into(), "b".repeat(length).into()];
            assert_eq!(fits_inline(&options), inline);
            let mut sheet = two_columns();
            sheet.columns[1].options = options;
            assert!(write(&sheet).is_ok());
        }
    }

    #[test]
    fn titles_become_unique_and_whole() {
        let titles = ["Name", "name", " NAME ", "", "a\nb", "Name (2)"];
        let columns: Vec<ColumnOut> = titles.iter().map(|title| column(title, Kind::Text)).collect();
        assert_eq!(unique_titles(&columns), ["Name", "name (2)", "NAME (3)", "D", "a b", "Name (2) (2)"]);
        assert!(write(&sheet(columns, Vec::new())).is_ok());
    }

    #[test]
    fn sheet_names_are_made_valid() {
        for (given, expected) in [
            ("客户", "客户"),
            ("a/b:c[d]?*\\", "a_b_c_d____"),
            ("'quoted'", "quoted"),
            ("History", "History_"),
            ("", "_"),
            ("\u{2}\n", "_"),
        ] {
            assert_eq!(sheet_name(given), expected);
        }
        let long = sheet_name(&"客😀".repeat(40));
        assert!(long.encode_utf16().count() <= 31);
        for name in ["'", "''", "History", "a'b'", "\t", &"x".repeat(50), &"客😀".repeat(40)] {
            let mut sheet = two_columns();
            sheet.name = name.into();
            assert!(write(&sheet).is_ok(), "{name}");
        }
    }

    #[test]
    fn texts_lose_only_what_a_cell_cannot_hold() {
        assert_eq!(clean("a\u{0}b\u{b}\u{ffff}c").as_deref(), Some("abc"));
        assert_eq!(clean("a\tb\nc😀"), None);
        let exact = "é".repeat(CELL_CHARS_MAX);
        assert_eq!(cut(&exact, "…"), None);
        let short = cut(&"😀".repeat(CELL_CHARS_MAX), "…").unwrap();
        assert!(utf16_len(&short) <= CELL_CHARS_MAX && short.ends_with("😀…"));
        let bytes = write(&sheet(
            vec![column("x", Kind::Text)],
            vec![vec![open(Content::Text(format!("{exact}\u{1}more").into()))]],
        ))
        .unwrap();
        assert!(matches!(&first_row(&bytes)[0], Data::String(text) if text.ends_with('…')));
        assert!(is_locked(&bytes, "A2"));
    }

    #[test]
    fn rows_are_as_high_as_their_lines() {
        let lines_of = |text: &str| lines(&Content::Text(text.into()));
        assert_eq!(
            [lines_of(""), lines_of("a"), lines_of(&"长".repeat(21)) + 1, lines_of(&"长".repeat(22))],
            [1, 1, 2, 2]
        );
        assert_eq!(lines_of(&"长".repeat(CELL_CHARS_MAX)), LINES_MAX);
        let mut sheet = two_columns();
        sheet.rows[0][1].content = Content::Text("a\nb\nc".into());
        assert!(first_sheet(&write(&sheet).unwrap()).contains(r#"<row r="2" spans="1:2" ht="45" customHeight="1">"#));
    }

    #[test]
    fn widths_count_chinese_twice() {
        assert_eq!(line_width("客户ab"), 6);
        assert_eq!(line_width("ab\nabcd\n"), 4);
        assert!(line_width(&"长".repeat(1000)) > WIDTH_MAX);
    }
}
