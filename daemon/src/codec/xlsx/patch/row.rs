//! One row: its cells where they stand, and the edits that put new contents into them.

use std::collections::{BTreeMap, HashMap};
use std::io::Write as _;
use std::ops::Range;
use std::rc::Rc;

use compact_str::CompactString;

use super::super::super::patch::{CellRefusal, NewCell, RefusedCell};
use super::super::lexer::{Broken, Kind, Lexer, Tag};
use super::super::reference::{COLUMNS_MAX, Place};
use super::content::{Content, write_style};
use super::edits::Edit;
use super::sheet::{RowSpan, Sheet, Target, cell_place, number};
use super::styles::{Format, Styles};

/// A cell's attributes that belong to its old content: its type, and what refers to metadata of a rich value or array.
const DROPPED: [&[u8]; 4] = [b"t", b"cm", b"vm", b"ph"];

/// What a row holds.
pub(super) struct Row<'a> {
    span: RowSpan<'a>,
    cells: Vec<Cell<'a>>,
    /// Behind the last cell.
    cells_end: usize,
}

struct Cell<'a> {
    column: u32,
    tag: Tag<'a>,
    place: Range<usize>,
    has_formula: bool,
    /// Whether anything stands in it that is no value and no formula.
    has_extension: bool,
}

impl<'a> Row<'a> {
    /// Looks at a row's cells.
    pub(super) fn parse(sheet: &Sheet<'a>, span: RowSpan<'a>) -> Result<Self, Broken> {
        let mut row = Self { span, cells: Vec::new(), cells_end: span.tag.end };
        let mut lexer = Lexer::new(sheet.xml, span.tag.end);
        let mut next_column = 0;
        while span.tag.is_open() {
            let tag = lexer.tag()?;
            if tag.kind == Kind::Close {
                break;
            }
            if tag.name.strip_prefix(sheet.prefix.as_bytes()) != Some(b"c") {
                lexer.pass(&tag)?;
                continue;
            }
            let column = cell_place(&tag, span.number, next_column)?.column;
            next_column = column + 1;
            let mut inside = lexer.clone();
            let place = lexer.pass(&tag)?.whole;
            let mut cell = Cell { column, tag, place, has_formula: false, has_extension: false };
            while tag.is_open() {
                let child = inside.tag()?;
                match (child.kind, child.local_name()) {
                    (Kind::Close, _) => break,
                    (_, b"f") => cell.has_formula = true,
                    (_, b"v" | b"is") => {}
                    _ => cell.has_extension = true,
                }
                inside.pass(&child)?;
            }
            row.cells_end = cell.place.end;
            row.cells.push(cell);
        }
        Ok(row)
    }

    fn cell(&self, column: u32) -> Option<&Cell<'a>> {
        self.cells.binary_search_by_key(&column, |cell| cell.column).ok().and_then(|index| self.cells.get(index))
    }

    /// The style of the cell in a column, if there is one.
    fn cell_style(&self, column: u32) -> Result<Option<u32>, Broken> {
        self.cell(column).map(|cell| style_of(&cell.tag)).transpose()
    }

    /// Where the first cell behind a column stands, or would.
    fn place_before(&self, column: u32) -> usize {
        let index = self.cells.partition_point(|cell| cell.column < column);
        self.cells.get(index).map_or(self.cells_end, |cell| cell.place.start)
    }

    /// The columns and styles of all cells.
    pub(super) fn styles(&self) -> impl Iterator<Item = Result<(u32, u32), Broken>> {
        self.cells.iter().map(|cell| Ok((cell.column, style_of(&cell.tag)?)))
    }
}

/// A cell's style; what is no number is the usual one, as for the reader.
fn style_of(tag: &Tag<'_>) -> Result<u32, Broken> {
    let style = tag.value(b"s")?.and_then(|style| str::from_utf8(style).ok());
    Ok(style.and_then(|style| style.parse().ok()).unwrap_or(0))
}

/// The style that a row gives to cells that have none.
fn row_style(span: &RowSpan<'_>) -> Result<Option<u32>, Broken> {
    let is_custom = matches!(span.tag.value(b"customFormat")?, Some(b"1" | b"true"));
    if is_custom { number(&span.tag, b"s") } else { Ok(None) }
}

/// Whether people write words in a column, as the cell or the one above it shows: `是` rather than `TRUE`.
fn holds_words(old: Option<&Cell<'_>>, above: Option<&Row<'_>>, column: u32) -> bool {
    let model = old.filter(|old| old.tag.is_open()).or_else(|| above?.cell(column));
    let kind = model.and_then(|model| model.tag.value(b"t").ok().flatten());
    matches!(kind, Some(b"s" | b"str" | b"inlineStr"))
}

/// What decides how cells are written.
pub(super) struct Writer<'s, 'a> {
    pub(super) sheet: &'s Sheet<'a>,
    pub(super) styles: &'s Styles,
    /// Whether days count from 1904.
    pub(super) is_1904: bool,
    /// The most bytes of a text that the reader takes.
    pub(super) text_bytes_max: usize,
    /// The columns that the reader looks at.
    pub(super) columns_max: u32,
    /// The words for false and true.
    pub(super) words: &'s [CompactString; 2],
    /// Cells that belong to another cell.
    pub(super) covered: HashMap<Place, CellRefusal>,
    /// What was done so far.
    pub(super) edits: Vec<Edit>,
    pub(super) refused: Vec<RefusedCell>,
    /// The rows that were looked at last, the latest first.
    pub(super) parsed: [Option<Rc<Row<'a>>>; 2],
    /// The smallest area that holds all new contents.
    pub(super) extent: Option<(Place, Place)>,
}

/// The columns of the cells that hold what was asked for; those that were refused are left out.
pub(super) type Written = Vec<u32>;

impl<'a> Writer<'_, 'a> {
    /// Puts new contents into a row, which is made if the sheet has none with this number.
    pub(super) fn write_row(
        &mut self,
        number: u32,
        target: &Target<'a>,
        cells: &[(u32, NewCell)],
    ) -> Result<Written, Broken> {
        let above = target.above.map(|span| self.parsed(span)).transpose()?;
        let above = above.as_deref();
        let Some(span) = target.row else {
            let mut text = Vec::new();
            let written = self.write_cells(number, None, above, cells, &mut |_, cell| text.extend(cell))?;
            if !text.is_empty() {
                let prefix = self.sheet.prefix;
                let mut row = format!("<{prefix}row r=\"{number}\">").into_bytes();
                row.extend(text);
                row.extend(format!("</{prefix}row>").into_bytes());
                self.edits.push(Edit::insert(target.at, row));
            }
            return Ok(written);
        };
        let row = self.parsed(span)?;
        let mut edits = Vec::new();
        let written =
            self.write_cells(number, Some(&row), above, cells, &mut |place, cell| edits.push((place, cell)))?;
        if !edits.is_empty() {
            self.edit_spans(&span, &written)?;
        }
        if span.tag.kind == Kind::Empty {
            let text: Vec<u8> = edits.into_iter().flat_map(|(_, cell)| cell).collect();
            self.open_empty(&span, text);
        } else {
            self.edits.extend(edits.into_iter().map(|(place, cell)| Edit::replace(place, cell)));
        }
        Ok(written)
    }

    /// A row's cells. Those of the last two rows are kept: a row is looked at again for the one below it, and the one above the
    /// new rows for each of them.
    pub(super) fn parsed(&mut self, span: RowSpan<'a>) -> Result<Rc<Row<'a>>, Broken> {
        let is_it = |row: &Option<Rc<Row<'a>>>| row.as_ref().is_some_and(|row| row.span.number == span.number);
        if !self.parsed.first().is_some_and(is_it) {
            self.parsed.reverse();
        }
        match &self.parsed {
            [Some(row), _] if row.span.number == span.number => Ok(Rc::clone(row)),
            _ => {
                let row = Rc::new(Row::parse(self.sheet, span)?);
                self.parsed[0] = Some(Rc::clone(&row));
                Ok(row)
            }
        }
    }

    /// Gives an inside to a row that has none: `<row r="5"/>`.
    fn open_empty(&mut self, span: &RowSpan<'_>, cells: Vec<u8>) {
        if cells.is_empty() {
            return;
        }
        let mut text = b">".to_vec();
        text.extend(cells);
        text.extend(b"</");
        text.extend(span.tag.name);
        text.extend(b">");
        self.edits.push(Edit::replace(span.tag.attributes_end()..span.tag.end, text));
    }

    /// Gives each cell's new XML to `take`, with the place where it belongs.
    fn write_cells(
        &mut self,
        number: u32,
        row: Option<&Row<'a>>,
        above: Option<&Row<'a>>,
        cells: &[(u32, NewCell)],
        take: &mut dyn FnMut(Range<usize>, Vec<u8>),
    ) -> Result<Written, Broken> {
        let mut written = Vec::with_capacity(cells.len());
        for (column, new) in cells {
            let place = Place { row: number, column: *column };
            let old = row.and_then(|row| row.cell(*column));
            let styles = CellStyles::of(self.sheet, row, above, *column)?;
            let word = match new {
                NewCell::Boolean(flag) if holds_words(old, above, *column) => {
                    Some(NewCell::Text(self.words[usize::from(*flag)].clone()))
                }
                _ => None,
            };
            let is_locked = self.sheet.is_protected && self.styles.get(styles.before)?.is_locked;
            let format = self.styles.get(styles.own)?.format;
            let why_not = self.why_not(place, old, is_locked);
            let content = why_not.map_or_else(|| self.content(word.as_ref().unwrap_or(new), format), Err);
            let content = match content {
                Ok(content) => content,
                Err(why) => {
                    self.refused.push(RefusedCell { row: number, column: *column, why });
                    continue;
                }
            };
            match old {
                Some(old) if content == Content::Blank && !old.tag.is_open() => {}
                Some(old) => take(old.place.clone(), self.changed_cell(&old.tag, &content)?),
                None if content == Content::Blank => {}
                None => {
                    let at = row.map_or(0, |row| row.place_before(*column));
                    take(at..at, self.new_cell(place, styles.own, &content));
                }
            }
            if content != Content::Blank {
                let (first, last) = self.extent.unwrap_or((place, place));
                let (rows, columns) = (first.row.min(number), first.column.min(*column));
                let last = Place { row: last.row.max(number), column: last.column.max(*column) };
                self.extent = Some((Place { row: rows, column: columns }, last));
            }
            written.push(*column);
        }
        Ok(written)
    }

    /// Why nothing may be written into a cell, whatever it is.
    fn why_not(&self, place: Place, old: Option<&Cell<'_>>, is_locked: bool) -> Option<CellRefusal> {
        if place.column >= self.columns_max.min(COLUMNS_MAX) {
            return Some(CellRefusal::NoRoom);
        }
        if old.is_some_and(|old| old.has_formula) {
            return Some(CellRefusal::Formula);
        }
        if old.is_some_and(|old| old.has_extension) {
            return Some(CellRefusal::Extended);
        }
        let covered = self.covered.get(&place).copied();
        covered.or_else(|| is_locked.then_some(CellRefusal::Locked))
    }

    /// What is to stand in a cell.
    fn content(&self, new: &NewCell, format: Format) -> Result<Content, CellRefusal> {
        Content::of(new, format, self.is_1904, self.text_bytes_max).ok_or(CellRefusal::TooLong)
    }

    /// A cell that is there, with another content: its style and what else is said of it stay.
    fn changed_cell(&self, tag: &Tag<'_>, content: &Content) -> Result<Vec<u8>, Broken> {
        let mut out = b"<".to_vec();
        out.extend(tag.name);
        for attribute in tag.attributes() {
            let attribute = attribute?;
            if !DROPPED.contains(&attribute.name) {
                let quote: &[u8] = if attribute.value.contains(&b'"') { b"'" } else { b"\"" };
                for piece in [b" ", attribute.name, b"=", quote, attribute.value, quote] {
                    out.extend(piece);
                }
            }
        }
        self.end_cell(content, &mut out);
        Ok(out)
    }

    /// A cell that was not there.
    fn new_cell(&self, place: Place, style: u32, content: &Content) -> Vec<u8> {
        let mut out = format!("<{}c r=\"{place}\"", self.sheet.prefix).into_bytes();
        write_style(style, &mut out);
        self.end_cell(content, &mut out);
        out
    }

    fn end_cell(&self, content: &Content, out: &mut Vec<u8>) {
        let prefix = self.sheet.prefix;
        if let Some(kind) = content.kind() {
            out.extend(format!(" t=\"{kind}\"").into_bytes());
        }
        if *content == Content::Blank {
            out.extend(b"/>");
        } else {
            out.push(b'>');
            content.write(prefix, out);
            out.extend(format!("</{prefix}c>").into_bytes());
        }
    }

    /// Widens what a row says of its first and last column.
    fn edit_spans(&mut self, span: &RowSpan<'_>, written: &[u32]) -> Result<(), Broken> {
        let Some(spans) = span.tag.attribute(b"spans")? else { return Ok(()) };
        let text = str::from_utf8(spans.value).map_err(|_| Broken)?;
        // More than one span is a hint that nobody needs; the union of all is as true.
        let mut bounds = text.split([' ', ':']).filter(|bound| !bound.is_empty()).map(str::parse::<u32>);
        let columns = written.iter().map(|column| Ok(column + 1));
        let all: Result<Vec<u32>, _> = bounds.by_ref().chain(columns).collect();
        let all = all.map_err(|_| Broken)?;
        let (Some(first), Some(last)) = (all.iter().min(), all.iter().max()) else { return Ok(()) };
        let is_within = text.split_once(':').is_some_and(|(low, high)| {
            low.parse().is_ok_and(|low: u32| low <= *first) && high.parse().is_ok_and(|high: u32| high >= *last)
        });
        if !is_within {
            self.edits.push(Edit::replace(spans.place, format!("{first}:{last}")));
        }
        Ok(())
    }

    /// A new row below the data, in the look of the last one: its height and the styles of its cells.
    pub(super) fn append_row(
        &mut self,
        number: u32,
        at: usize,
        model: Option<&Row<'a>>,
        cells: &[(u32, NewCell)],
    ) -> Result<Written, Broken> {
        let mut texts: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
        let mut written = Vec::with_capacity(cells.len());
        for cell in cells {
            // The cells have no places yet: one at a time tells whose text it is.
            let one = std::slice::from_ref(cell);
            let texts = &mut texts;
            written
                .extend(self.write_cells(number, None, model, one, &mut |_, text| drop(texts.insert(cell.0, text)))?);
        }
        for style in model.into_iter().flat_map(Row::styles) {
            let (column, style) = style?;
            if style != 0 {
                let place = Place { row: number, column };
                texts.entry(column).or_insert_with(|| self.new_cell(place, style, &Content::Blank));
            }
        }
        let prefix = self.sheet.prefix;
        let mut row = format!("<{prefix}row r=\"{number}\"").into_bytes();
        if let Some(model) = model {
            copy_look(&model.span.tag, &mut row)?;
        }
        row.push(b'>');
        row.extend(texts.into_values().flatten());
        write!(row, "</{prefix}row>").map_err(|_| Broken)?;
        self.edits.push(Edit::insert(at, row));
        Ok(written)
    }
}

/// Copies what a row's tag says of its look.
fn copy_look(tag: &Tag<'_>, out: &mut Vec<u8>) -> Result<(), Broken> {
    for attribute in tag.attributes() {
        let attribute = attribute?;
        let is_look =
            matches!(attribute.name, b"ht" | b"customHeight" | b"s" | b"customFormat" | b"thickBot" | b"thickTop")
                || attribute.name.ends_with(b":dyDescent");
        if is_look && !attribute.value.contains(&b'"') {
            for piece in [b" ", attribute.name, b"=\"", attribute.value, b"\""] {
                out.extend(piece);
            }
        }
    }
    Ok(())
}

/// The styles that matter to a cell.
struct CellStyles {
    /// What the cell looks like before: its own style, or what its row or column gives to empty cells.
    before: u32,
    /// What the new content gets.
    own: u32,
}

impl CellStyles {
    fn of(sheet: &Sheet<'_>, row: Option<&Row<'_>>, above: Option<&Row<'_>>, column: u32) -> Result<Self, Broken> {
        if let Some(style) = row.map(|row| row.cell_style(column)).transpose()?.flatten() {
            return Ok(Self { before: style, own: style });
        }
        let of_row = row.map(|row| row_style(&row.span)).transpose()?.flatten();
        let before = of_row.or_else(|| sheet.column_style(column)).unwrap_or(0);
        let mut of_above = above.map(|row| row.cell_style(column)).transpose()?.flatten();
        if row.is_none() && of_above.is_none() {
            of_above = above.map(|row| row_style(&row.span)).transpose()?.flatten();
        }
        Ok(Self { before, own: of_above.unwrap_or(before) })
    }
}
