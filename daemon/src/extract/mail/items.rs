//! Passages to items: lines, pairs of label and value, and tables, whether typed or pasted.
//!
//! A pasted grid is a table if one of its first rows is mostly titles of fields; a form if its cells are labels and values
//! in turn; else it only lays text out, and is read line by line. Lines with tabs, bars or wide gaps between their parts
//! are a table if the first of them is mostly titles.

use crate::codec::mime::{Content, Grid, GridCell, Passage};

use super::Spot;
use super::author::Standing;
use super::labels::Labels;

/// Within how many rows of a grid its titles stand.
const TITLES_WITHIN_ROWS: usize = 5;
/// The most columns of a table.
const COLUMNS_MAX: usize = 512;
/// The longest line that may be the titles of a typed table, in bytes.
const TITLES_BYTES_MAX: usize = 8_000;

/// A part of a text.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) standing: Standing,
    pub(super) content: ItemContent,
    /// Whether another text begins here: a forwarded mail that is read.
    pub(super) begins_text: bool,
}

/// What an item is.
#[derive(Clone, Debug)]
pub(super) enum ItemContent {
    /// A line; blank lines too.
    Line(Spot, String),
    /// Labels and values from one row of a form.
    Pairs(Spot, Vec<(String, String)>),
    /// A table.
    Table(TableItem),
}

/// A table with its titles.
#[derive(Clone, Debug)]
pub(super) struct TableItem {
    /// Rows above the titles, and lines drawn between rows.
    pub(super) beside: Vec<(Spot, String)>,
    /// Where the titles stand.
    pub(super) titles_spot: Spot,
    /// The titles, one a column.
    pub(super) titles: Vec<GridCell>,
    /// The rows below.
    pub(super) rows: Vec<(Spot, Vec<GridCell>)>,
    /// Whether a row may end early: empty cells at its end are lost when a table is typed or pasted with tabs.
    pub(super) may_end_early: bool,
}

/// How the parts of a typed line are set apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Delimiter {
    Bar,
    Tab,
    Gap,
}

/// Makes items of passages. `standings` has one for each; at `begins_at` another text begins.
pub(super) fn of(
    passages: &[Passage],
    standings: &[Standing],
    begins_at: Option<usize>,
    labels: &Labels<'_>,
    is_inner: bool,
) -> Vec<Item> {
    let mut items = Vec::with_capacity(passages.len());
    let (mut lines, mut tables) = (0, 0);
    for (at, (passage, standing)) in passages.iter().zip(standings).enumerate() {
        let mut push = |content, index: usize| {
            let begins_text = index == 0 && begins_at == Some(at);
            items.push(Item { standing: *standing, content, begins_text });
        };
        match &passage.content {
            Content::Line(line) => {
                lines += 1;
                push(ItemContent::Line(Spot { forwarded: is_inner, table: 0, line: lines }, line.clone()), 0);
            }
            Content::Grid(grid) => {
                tables += 1;
                let spot = |row: usize| Spot {
                    forwarded: is_inner,
                    table: tables,
                    line: u32::try_from(row + 1).unwrap_or(u32::MAX),
                };
                let contents =
                    if *standing == Standing::Quote { as_lines(grid, &spot) } else { of_grid(grid, &spot, labels) };
                for (index, content) in contents.into_iter().enumerate() {
                    push(content, index);
                }
            }
        }
    }
    with_typed_tables(&items, labels)
}

/// What a pasted grid is.
fn of_grid(grid: &Grid, spot: &dyn Fn(usize) -> Spot, labels: &Labels<'_>) -> Vec<ItemContent> {
    if let Some(pairs) = form(grid, spot, labels) {
        return pairs;
    }
    let first = grid.rows.iter().take(TITLES_WITHIN_ROWS);
    let titles_at = first.map(|row| is_titles(row.iter().map(|cell| cell.text.as_str()), labels)).position(|is| is);
    match titles_at {
        Some(at) if grid.rows.len() > at + 1 => {
            let text = |row: &[GridCell]| row.iter().map(|cell| cell.text.as_str()).collect::<Vec<_>>().join(" | ");
            let rows = grid.rows.iter().enumerate();
            let (above, below): (Vec<_>, Vec<_>) = rows.filter(|(row, _)| *row != at).partition(|(row, _)| *row < at);
            vec![ItemContent::Table(TableItem {
                beside: above.into_iter().map(|(row, cells)| (spot(row), text(cells))).collect(),
                titles_spot: spot(at),
                titles: grid.rows.get(at).cloned().unwrap_or_default(),
                rows: below.into_iter().map(|(row, cells)| (spot(row), cells.clone())).collect(),
                may_end_early: false,
            })]
        }
        _ => as_lines(grid, spot),
    }
}

/// A grid of labels and values in turn; `None` if it is none.
fn form(grid: &Grid, spot: &dyn Fn(usize) -> Spot, labels: &Labels<'_>) -> Option<Vec<ItemContent>> {
    let mut found = Vec::new();
    let mut labelled = 0;
    for (row, cells) in grid.rows.iter().enumerate() {
        let texts: Vec<&str> = cells.iter().map(|cell| cell.text.as_str()).collect();
        if texts.iter().all(|text| text.is_empty()) {
            continue;
        }
        if let [only] = cells.as_slice() {
            found.push(ItemContent::Line(spot(row), only.text.clone()));
            continue;
        }
        let is_label = |text: &str| labels.one(text).is_some();
        let in_turn = texts
            .chunks(2)
            .all(|pair| matches!(pair, [label, value] if !is_label(value) && !label.contains(['\n', '，', '。'])));
        // A row of which no cell is a label, such as `C-000001 | 13800138000`, makes it a table.
        let has_label = texts.chunks(2).any(|pair| pair.first().is_some_and(|label| is_label(label)));
        if !in_turn || !has_label || cells.iter().any(|cell| cell.rows > 1) {
            return None;
        }
        labelled += 1;
        let pairs = texts.chunks(2).filter_map(|pair| match pair {
            [label, value] if !(label.is_empty() && value.is_empty()) => {
                Some(((*label).to_owned(), (*value).to_owned()))
            }
            _ => None,
        });
        found.push(ItemContent::Pairs(spot(row), pairs.collect()));
    }
    (labelled > 0).then_some(found)
}

/// A grid that only lays text out.
fn as_lines(grid: &Grid, spot: &dyn Fn(usize) -> Spot) -> Vec<ItemContent> {
    let mut lines = Vec::new();
    for (row, cells) in grid.rows.iter().enumerate() {
        for cell in cells {
            lines.extend(cell.text.split('\n').map(|line| ItemContent::Line(spot(row), line.to_owned())));
        }
    }
    lines
}

/// Whether texts of a row are titles of fields: at least two, and most of all or the key's among them.
fn is_titles<'t>(texts: impl Iterator<Item = &'t str>, labels: &Labels<'_>) -> bool {
    let (mut titles, mut filled, mut has_key, mut in_turn) = (0, 0, false, true);
    for text in texts.filter(|text| !text.trim().is_empty()).take(COLUMNS_MAX + 1) {
        let field = labels.one(text);
        // `编号 T-9 状态 处理中` is a form of labels and values.
        in_turn &= field.is_some() == (filled % 2 == 0);
        filled += 1;
        titles += usize::from(field.is_some());
        has_key |= field.is_some_and(|field| labels.is_key(field));
    }
    titles >= 2 && ((has_key && !in_turn) || titles * 2 > filled) && filled <= COLUMNS_MAX
}

/// Finds tables among the lines.
fn with_typed_tables(items: &[Item], labels: &Labels<'_>) -> Vec<Item> {
    let mut found: Vec<Item> = Vec::with_capacity(items.len());
    let mut rest = items;
    while let Some((first, after)) = rest.split_first() {
        if let Some((table, count)) = typed_table(rest, labels) {
            let content = ItemContent::Table(table);
            found.push(Item { standing: first.standing, content, begins_text: first.begins_text });
            rest = rest.get(count..).unwrap_or_default();
        } else {
            found.push(first.clone());
            rest = after;
        }
    }
    found
}

/// The table that begins with this line, and how many lines it takes.
fn typed_table(items: &[Item], labels: &Labels<'_>) -> Option<(TableItem, usize)> {
    let first = items.first()?;
    let ItemContent::Line(titles_spot, titles) = &first.content else { return None };
    let is_own = matches!(first.standing, Standing::Own | Standing::Unclear);
    if !is_own || titles.len() > TITLES_BYTES_MAX {
        return None;
    }
    let delimiters = [Delimiter::Bar, Delimiter::Tab, Delimiter::Gap].into_iter();
    let (delimiter, titles) = delimiters
        .filter_map(|delimiter| split(titles, delimiter).map(|cells| (delimiter, cells)))
        .find(|(_, cells)| is_titles(cells.iter().map(String::as_str), labels))?;
    let (mut rows, mut beside) = (Vec::new(), Vec::new());
    let mut count = 1;
    let is_drawn = |c: char| matches!(c, '-' | ':' | '|' | '+' | '=' | ' ' | '\t' | '─' | '—');
    for item in items.iter().skip(1) {
        let ItemContent::Line(spot, line) = &item.content else { break };
        if item.standing != first.standing || item.begins_text {
            break;
        }
        if !line.trim().is_empty() && line.chars().all(is_drawn) {
            beside.push((*spot, line.clone()));
        } else if let Some(cells) = split(line, delimiter) {
            rows.push((*spot, cells.into_iter().map(cell).collect()));
        } else if delimiter == Delimiter::Bar && line.trim_start().starts_with(['|', '｜']) {
            // A row of one cell: told as too short, not passed over.
            rows.push((*spot, vec![cell(line.trim_matches([' ', '|', '｜']).to_owned())]));
        } else {
            break;
        }
        count += 1;
    }
    let titles = titles.into_iter().map(cell).collect();
    let may_end_early = delimiter == Delimiter::Tab;
    (!rows.is_empty()).then_some((TableItem { beside, titles_spot: *titles_spot, titles, rows, may_end_early }, count))
}

fn cell(text: String) -> GridCell {
    GridCell { text, columns: 1, rows: 1 }
}

/// Splits a typed line into at least two parts.
fn split(line: &str, delimiter: Delimiter) -> Option<Vec<String>> {
    let trimmed = |part: &str| part.trim().to_owned();
    let parts: Vec<String> = match delimiter {
        Delimiter::Bar => {
            let line = line.trim();
            let inner = line.strip_prefix(['|', '｜']).unwrap_or(line);
            let inner = inner.strip_suffix(['|', '｜']).unwrap_or(inner);
            inner.split(['|', '｜']).map(trimmed).collect()
        }
        Delimiter::Tab => line.trim_end().split('\t').map(trimmed).collect(),
        Delimiter::Gap => gaps(line.trim()).into_iter().map(str::to_owned).collect(),
    };
    (parts.len() >= 2).then_some(parts)
}

/// Splits at gaps of two spaces or an ideographic one.
fn gaps(line: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = line;
    while let Some(at) = rest.find("  ").into_iter().chain(rest.find('\u{3000}')).min() {
        let (part, after) = rest.split_at(at);
        parts.push(part.trim());
        rest = after.trim_start();
    }
    parts.push(rest);
    parts
}
