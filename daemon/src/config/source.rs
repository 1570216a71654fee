//! `[[workbook]]` and `[[view]]`: the files that Daybook reads and writes.

use std::path::{Path, PathBuf};

use compact_str::CompactString;
use toml::de::DeValue;

use super::constraint::canonical_text;
use super::defaults;
use super::paths::{extension_of, is_pattern, matches, plain, resolve, resolve_pattern};
use super::people::{Roster, add_duplicate, check_name};
use super::problem::ProblemKind;
use super::reader::{Item, Located, Reader, Report, listed};
use super::table::{field_named, table_named, type_name};
use crate::model::{Actor, Field, FieldId, SourceName, Table, TableName};

/// The extensions of workbooks that can be read.
const EXTENSIONS: [&str; 8] = ["xlsx", "xlsm", "xls", "xlsb", "ods", "csv", "tsv", "txt"];
/// Those of them that are text and have no sheets.
const TEXT_EXTENSIONS: [&str; 3] = ["csv", "tsv", "txt"];
/// The only source's name that is not the configuration's to give: commands and decisions arrive under it.
const RESERVED_SOURCE: &str = "console";
/// The last row of a sheet.
const HEADER_ROW_MAX: u32 = 1 << 20;

/// A workbook that people keep.
#[derive(Clone, Debug)]
pub struct WorkbookConfig {
    /// Its name. A pattern makes one source a file: `name:relative/path`.
    pub name: SourceName,
    /// The file, or the pattern if [`is_pattern`](Self::is_pattern); relative paths are joined to the directory of
    /// the configuration.
    pub path: PathBuf,
    /// Whether `path` is a pattern (`*`, `?`, `[`).
    pub is_pattern: bool,
    /// The sheet; `None` for the first.
    pub sheet: Option<String>,
    /// The row of the titles, from 1.
    pub header_row: u32,
    /// The table that its rows are records of.
    pub table: TableName,
    /// Whose rights its edits have.
    pub actor: Actor,
    /// How its edits are taken.
    pub taking: Taking,
    /// What is written into it (`sync = "two-way"`); `None`: it is only read.
    pub writing: Option<Writing>,
}

/// What Daybook writes into a workbook that people keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writing {
    /// Whether records that have no row are appended (`rows = "all"`); otherwise only rows that are there are kept up.
    pub appends: bool,
    /// Which records are appended: all conditions hold.
    pub conditions: Vec<Condition>,
    /// The title of the column that gets each row's answer, if the sheet has such a column.
    pub status_header: String,
}

/// How the edits of a source are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taking {
    /// What a row that has gone means.
    pub missing_rows: MissingRows,
    /// What a cell that was emptied means.
    pub blank_cells: BlankCells,
    /// For the rule `source-order`: the higher wins.
    pub rank: i32,
}

/// What a row that has gone from a sheet means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingRows {
    /// Nothing: the record stays.
    Keep,
    /// The record is archived.
    Archive,
    /// A person decides.
    Review,
}

/// What a cell that was emptied means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlankCells {
    /// The value is cleared.
    Clear,
    /// Nothing.
    Ignore,
}

/// A workbook that Daybook makes.
#[derive(Clone, Debug)]
pub struct ViewConfig {
    /// Its name.
    pub name: SourceName,
    /// The file, `.xlsx`.
    pub path: PathBuf,
    /// The table whose records it shows.
    pub table: TableName,
    /// Who reads it: it shows what that actor may see.
    pub reader: Actor,
    /// The columns in their order; `None` for all that the reader may see.
    pub fields: Option<Vec<FieldId>>,
    /// Which records: all conditions hold.
    pub conditions: Vec<Condition>,
    /// Whether its edits come back as a source.
    pub editable: bool,
    /// How its edits are taken.
    pub taking: Taking,
}

/// `where = { field = [values] }`: the field's value is one of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The field.
    pub field: FieldId,
    /// The values, each as `Value`'s `Display` writes it; at least one. For a list: one of its items.
    pub values: Vec<CompactString>,
}

/// A path that is taken, for the checks between sources.
struct Taken {
    name: String,
    path: PathBuf,
    is_pattern: bool,
}

/// Reads `[[workbook]]` and then `[[view]]`; learns the roles that they name, and notes their own names.
pub(super) fn read_sources(
    root: &mut Reader<'_>,
    directory: &Path,
    people: &mut Roster,
    tables: &[Table],
    names: &mut Vec<String>,
) -> (Vec<WorkbookConfig>, Vec<ViewConfig>) {
    let mut taken: Vec<Taken> = Vec::new();
    let mut workbooks = Vec::new();
    for mut reader in root.sections("workbook") {
        let name = read_name(&mut reader, names);
        workbooks.extend(read_workbook(reader, name, directory, people, tables, &mut taken));
    }
    let mut views = Vec::new();
    for mut reader in root.sections("view") {
        let name = read_name(&mut reader, names);
        views.extend(read_view(reader, name, directory, people, tables, &mut taken));
    }
    (workbooks, views)
}

/// Reads the name of a source, which no other source may have.
pub(super) fn read_name(reader: &mut Reader<'_>, names: &mut Vec<String>) -> Option<String> {
    let report = reader.report;
    let name = reader.need("name").and_then(Item::text).filter(|name| check_name(report, name))?;
    if name.value == RESERVED_SOURCE {
        let message = format!("`{RESERVED_SOURCE}` is Daybook's own name for commands and decisions");
        report.add(&name.spot, ProblemKind::WrongValue, message, "give it another name");
    }
    if names.contains(&name.value) {
        add_duplicate(report, &name, "source");
    }
    names.push(name.value.clone());
    Some(name.value)
}

fn read_workbook(
    mut reader: Reader<'_>,
    name: Option<String>,
    directory: &Path,
    people: &mut Roster,
    tables: &[Table],
    taken: &mut Vec<Taken>,
) -> Option<WorkbookConfig> {
    let report = reader.report;
    let path = reader.need("path").and_then(Item::text);
    let sheet = reader.item("sheet").and_then(Item::text);
    let header_row = reader.item("header_row").and_then(|item| item.whole(&(1..=HEADER_ROW_MAX)));
    let table = reader.need("table").and_then(Item::text);
    let actor = reader.need("acts_as").and_then(Item::text);
    let sync = reader.item("sync").and_then(|item| item.one_of(&[("in", false), ("two-way", true)]));
    let rows = reader.item("rows").and_then(|item| item.one_of(&[("existing", false), ("all", true)]));
    let status_header = reader.item("status_header").and_then(Item::text);
    let table = table.and_then(|name| table_named(report, tables, &name));
    let conditions = reader.item("where").and_then(Item::entries).unwrap_or_default();
    let taking = read_taking(&mut reader);
    reader.finish();
    let two_way = sync.is_some_and(|sync| sync.value);
    let appends = rows.as_ref().is_some_and(|rows| rows.value);
    if let Some(rows) = rows.filter(|rows| rows.value && !two_way) {
        let message = "rows can be appended only to a workbook that is written into";
        report.add(&rows.spot, ProblemKind::Contradiction, message, "set `sync = \"two-way\"`");
    }
    let conditions = table.map(|table| read_conditions(report, table, conditions)).unwrap_or_default();
    let writing = two_way.then(|| Writing {
        appends,
        conditions,
        status_header: status_header.map_or_else(|| defaults::STATUS_HEADER.to_owned(), |title| title.value),
    });

    let actor = actor.and_then(|text| people.actor(report, text));
    let path = path?;
    let is_pattern = is_pattern(&path.value);
    let resolved = if is_pattern { resolve_pattern(directory, &path.value) } else { resolve(directory, &path.value) };
    check_workbook_path(report, &path, is_pattern, sheet.as_ref());
    take(report, &path, name.as_deref(), resolved.clone(), is_pattern, taken);
    Some(WorkbookConfig {
        name: SourceName::new(&name?),
        path: resolved,
        is_pattern,
        sheet: sheet.map(|sheet| sheet.value),
        header_row: header_row.map_or(defaults::HEADER_ROW, |row| row.value),
        table: table?.name.clone(),
        actor: actor?,
        taking,
        writing,
    })
}

fn read_taking(reader: &mut Reader<'_>) -> Taking {
    let missing = [("keep", MissingRows::Keep), ("archive", MissingRows::Archive), ("review", MissingRows::Review)];
    let blank = [("clear", BlankCells::Clear), ("ignore", BlankCells::Ignore)];
    let missing_rows = reader.item("missing_rows").and_then(|item| item.one_of(&missing));
    let blank_cells = reader.item("blank_cells").and_then(|item| item.one_of(&blank));
    let rank = reader.item("rank").and_then(|item| item.whole(&(i32::MIN..=i32::MAX)));
    Taking {
        missing_rows: missing_rows.map_or(defaults::MISSING_ROWS, |found| found.value),
        blank_cells: blank_cells.map_or(defaults::BLANK_CELLS, |found| found.value),
        rank: rank.map_or(defaults::RANK, |found| found.value),
    }
}

fn check_workbook_path(report: &Report, path: &Located<String>, is_pattern: bool, sheet: Option<&Located<String>>) {
    if is_pattern && let Err(error) = glob::Pattern::new(&path.value) {
        let message = format!("`{}` is not a pattern: {}", path.value, error.msg);
        report.add(&path.spot, ProblemKind::WrongValue, message, "`*`, `?`, `**` and `[a-z]`; `[[]` is a bracket");
        return;
    }
    let extension = extension_of(&path.value).unwrap_or_default();
    let fits = |known: &&str| {
        extension == **known || (is_pattern && glob::Pattern::new(&extension).is_ok_and(|wild| wild.matches(known)))
    };
    let fitting: Vec<&str> = EXTENSIONS.iter().copied().filter(|known| fits(known)).collect();
    if fitting.is_empty() {
        let message = format!("`{}` does not end as a workbook does", path.value);
        report.add(&path.spot, ProblemKind::WrongValue, message, format!("one of {}", listed(EXTENSIONS)));
    } else if let Some(sheet) = sheet
        && fitting.iter().all(|fitting| TEXT_EXTENSIONS.contains(fitting))
    {
        let message = format!("a .{extension} file has no sheets");
        report.add(&sheet.spot, ProblemKind::Contradiction, message, "remove `sheet`");
    }
}

/// Reports a path that another source has, and takes it.
fn take(
    report: &Report,
    path: &Located<String>,
    name: Option<&str>,
    resolved: PathBuf,
    is_pattern: bool,
    taken: &mut Vec<Taken>,
) {
    let clash = taken.iter().find(|other| {
        plain(&other.path) == plain(&resolved)
            || (other.is_pattern && !is_pattern && matches(&other.path, &resolved))
            || (is_pattern && !other.is_pattern && matches(&resolved, &other.path))
    });
    if let Some(other) = clash {
        let message = format!("`{}` has this file already", other.name);
        report.add(&path.spot, ProblemKind::Duplicate, message, "a file belongs to one workbook or view");
    }
    taken.push(Taken { name: name.unwrap_or("another source").to_owned(), path: resolved, is_pattern });
}

fn read_view(
    mut reader: Reader<'_>,
    name: Option<String>,
    directory: &Path,
    people: &mut Roster,
    tables: &[Table],
    taken: &mut Vec<Taken>,
) -> Option<ViewConfig> {
    let report = reader.report;
    let path = reader.need("path").and_then(Item::text);
    let table = reader.need("table").and_then(Item::text);
    let actor = reader.need("for").and_then(Item::text);
    let fields = reader.item("fields").map(|item| (item.spot.clone(), item.distinct_texts().unwrap_or_default()));
    let conditions = reader.item("where").and_then(Item::entries).unwrap_or_default();
    let editable = reader.item("editable").and_then(Item::boolean).unwrap_or(false);
    let taking = read_taking(&mut reader);
    reader.finish();

    let actor = actor.and_then(|text| people.actor(report, text));
    if let Some(path) = &path {
        check_view_path(report, path);
        take(report, path, name.as_deref(), resolve(directory, &path.value), false, taken);
    }
    let table = table.and_then(|name| table_named(report, tables, &name))?;
    let conditions = read_conditions(report, table, conditions);
    let fields = fields.map(|(spot, names)| {
        let known = names.iter().filter_map(|name| field_named(report, &table.fields, name)).map(|field| field.id);
        let known: Vec<FieldId> = known.collect();
        if names.is_empty() {
            report.add(&spot, ProblemKind::WrongValue, "must not be empty", "without `fields` the view shows all");
        } else if editable && known.len() == names.len() {
            let lacking =
                table.primary_key.iter().filter(|key| !known.contains(key)).filter_map(|key| table.field(*key));
            let lacking: Vec<&str> = lacking.map(|field| field.name.as_str()).collect();
            if !lacking.is_empty() {
                let message = format!("lacks {}, by which edits find their record", listed(lacking));
                report.add(&spot, ProblemKind::Contradiction, message, "add the primary key, or remove `editable`");
            }
        }
        known
    });
    Some(ViewConfig {
        name: SourceName::new(&name?),
        path: resolve(directory, &path?.value),
        table: table.name.clone(),
        reader: actor?,
        fields,
        conditions,
        editable,
        taking,
    })
}

fn check_view_path(report: &Report, path: &Located<String>) {
    if is_pattern(&path.value) {
        let message = format!("`{}` is a pattern, and a view is one file", path.value);
        report.add(&path.spot, ProblemKind::WrongValue, message, "`*`, `?` and `[` can't be in a view's path");
    } else if extension_of(&path.value).as_deref() != Some("xlsx") {
        let message = format!("`{}` does not end in `.xlsx`", path.value);
        report.add(&path.spot, ProblemKind::WrongValue, message, "views are written as .xlsx files");
    }
}

/// Reads `where = { field = …, field = … }`.
fn read_conditions(report: &Report, table: &Table, entries: Vec<(Located<String>, Item<'_>)>) -> Vec<Condition> {
    entries.into_iter().filter_map(|(name, item)| read_condition(report, table, &name, item)).collect()
}

/// Reads `field = "a"` or `field = ["a", "b"]`.
fn read_condition(report: &Report, table: &Table, name: &Located<String>, item: Item<'_>) -> Option<Condition> {
    let field = field_named(report, &table.fields, name)?;
    let spot = item.spot.clone();
    let items = match item.raw() {
        DeValue::Array(_) => item.items("a list of values")?,
        _ => vec![item],
    };
    if items.is_empty() {
        report.add(&spot, ProblemKind::WrongValue, "must not be empty", "name the values that are shown");
    }
    let mut values: Vec<CompactString> = Vec::with_capacity(items.len());
    for item in items {
        let Some(value) = condition_text(item) else { continue };
        values.extend(checked_value(report, field, &value));
    }
    Some(Condition { field: field.id, values })
}

/// A value of a condition as text; numbers, dates and `true` may stand without quotes.
fn condition_text(item: Item<'_>) -> Option<Located<String>> {
    let value = match item.raw() {
        DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Datetime(at) => at.to_string(),
        _ => return item.text(),
    };
    Some(Located { value, spot: item.spot })
}

/// The value in the form that values of the field have when they are written.
fn checked_value(report: &Report, field: &Field, value: &Located<String>) -> Option<CompactString> {
    let Some(canonical) = canonical_text(&value.value, Some(field.field_type)) else {
        let message = format!("`{}` is not a value of type `{}`", value.value, type_name(field.field_type));
        report.add(&value.spot, ProblemKind::WrongValue, message, "");
        return None;
    };
    let allowed = &field.constraints.allowed;
    if !allowed.is_empty() && !allowed.contains(&canonical) {
        let names = allowed.iter().map(CompactString::as_str);
        let hint = format!("`{}` may be {}", field.name, listed(names.clone()));
        report.add_unknown(value, "such value", names, &hint);
        return None;
    }
    Some(canonical)
}
