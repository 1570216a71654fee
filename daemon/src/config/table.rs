//! `[[table]]` and `[[table.field]]`: what is kept.

use std::collections::HashMap;

use compact_str::CompactString;
use unicode_normalization::UnicodeNormalization;

use super::constraint::read_constraints;
use super::defaults;
use super::people::{Roster, add_duplicate, check_name};
use super::problem::ProblemKind;
use super::reader::{Item, Located, Reader, Report, Spot, listed};
use crate::model::schema::{ConflictRule, Generator, Title};
use crate::model::{Field, FieldId, FieldType, Format, Table, TableName};

/// The fields of a table. Their numbers are kept in sixteen bits, and no sheet of people's has so many columns.
const FIELDS_MAX: usize = 1024;

/// The words for types.
const TYPES: [(&str, FieldType); 7] = [
    ("string", FieldType::String),
    ("integer", FieldType::Integer),
    ("number", FieldType::Number),
    ("boolean", FieldType::Boolean),
    ("date", FieldType::Date),
    ("datetime", FieldType::DateTime),
    ("list", FieldType::List),
];

/// The words for formats.
const FORMATS: [(&str, Format); 6] = [
    ("email", Format::Email),
    ("phone", Format::Phone),
    ("uri", Format::Uri),
    ("uuid", Format::Uuid),
    ("uscc", Format::Uscc),
    ("cn-id", Format::CnId),
];

/// The words for conflict rules, in the order of the documentation.
pub const CONFLICT_RULES: [(&str, ConflictRule); 11] = [
    ("review", ConflictRule::Review),
    ("latest", ConflictRule::Latest),
    ("first", ConflictRule::First),
    ("source-order", ConflictRule::SourceOrder),
    ("keep-stored", ConflictRule::KeepStored),
    ("most-complete", ConflictRule::MostComplete),
    ("longest", ConflictRule::Longest),
    ("minimum", ConflictRule::Minimum),
    ("maximum", ConflictRule::Maximum),
    ("union", ConflictRule::Union),
    ("furthest", ConflictRule::Furthest),
];

/// A field whose conflicts a plugin is to decide.
pub(super) struct Claim {
    pub(super) table: TableName,
    pub(super) field: CompactString,
    pub(super) plugin: Located<String>,
}

/// The word for a type.
pub(super) fn type_name(field_type: FieldType) -> &'static str {
    TYPES.iter().find(|(_, known)| *known == field_type).map_or("", |(name, _)| name)
}

fn rule_name(rule: ConflictRule) -> &'static str {
    CONFLICT_RULES.iter().find(|(_, known)| *known == rule).map_or("plugin:NAME", |(name, _)| name)
}

/// The table with a name; `None` and a problem if there is none.
pub(super) fn table_named<'t>(report: &Report, tables: &'t [Table], name: &Located<String>) -> Option<&'t Table> {
    let found = tables.iter().find(|table| table.name.as_str() == name.value);
    if found.is_none() {
        let names = tables.iter().map(|table| table.name.as_str());
        report.add_unknown(name, "table", names, "declare it with `[[table]]`");
    }
    found
}

/// The field with a name; `None` and a problem if there is none.
pub(super) fn field_named<'t>(report: &Report, fields: &'t [Field], name: &Located<String>) -> Option<&'t Field> {
    let found = fields.iter().find(|field| field.name == name.value);
    if found.is_none() {
        let names = fields.iter().map(|field| field.name.as_str());
        let hint = format!("the table has {}", listed(names.clone()));
        report.add_unknown(name, "field", names, &hint);
    }
    found
}

/// Reads `[[table]]`. A table with a problem is still there by its name, so that the problem is told once.
pub(super) fn read_tables(root: &mut Reader<'_>, people: &Roster, region: &CompactString) -> (Vec<Table>, Vec<Claim>) {
    let mut tables: Vec<Table> = Vec::new();
    let mut claims = Vec::new();
    for mut reader in root.sections("table") {
        let report = reader.report;
        let name = reader.need("name").and_then(Item::text).filter(|name| check_name(report, name));
        if let Some(name) = &name
            && tables.iter().any(|table| table.name.as_str() == name.value)
        {
            add_duplicate(report, name, "table");
        }
        let table = read_table(reader, name.as_ref().map_or("", |name| &name.value), people, region, &mut claims);
        if name.is_some() {
            tables.push(table);
        }
    }
    (tables, claims)
}

fn read_table(
    mut reader: Reader<'_>,
    name: &str,
    people: &Roster,
    region: &CompactString,
    claims: &mut Vec<Claim>,
) -> Table {
    let report = reader.report;
    let title = read_title(reader.section("title"));
    let key = reader.need("primary_key").and_then(|item| {
        let spot = item.spot.clone();
        item.distinct_texts().map(|names| (names, spot))
    });
    let owner = reader.item("owner_field").and_then(Item::text);
    let department = reader.item("department_field").and_then(Item::text);
    let sections = reader.sections("field");
    if sections.is_empty() {
        let hint = "add `[[table.field]]` with `name` and `type`";
        report.add(&reader.spot.at_key("field"), ProblemKind::MissingKey, "the table has no fields", hint);
    }
    reader.finish();

    let mut drafts: Vec<Draft> = Vec::with_capacity(sections.len());
    for section in sections {
        let spot = section.spot.clone();
        let Some(draft) = read_field(section, people, region) else { continue };
        if drafts.iter().any(|other| other.field.name == draft.field.name) {
            add_duplicate(report, &draft.name, "field");
            continue;
        }
        if drafts.len() == FIELDS_MAX {
            report.add(&spot, ProblemKind::WrongValue, format!("a table has at most {FIELDS_MAX} fields"), "");
            break;
        }
        drafts.push(draft);
    }
    claims.extend(drafts.iter_mut().filter_map(|draft| {
        let (table, field) = (TableName::new(name), draft.field.name.clone());
        Some(Claim { table, field, plugin: draft.plugin.take()? })
    }));
    for (position, draft) in drafts.iter_mut().enumerate() {
        draft.field.id = FieldId(u16::try_from(position).unwrap_or(u16::MAX));
    }
    check_headers(report, &drafts);
    check_groups(report, &drafts);

    let primary_key = key.map_or_else(Vec::new, |(names, spot)| read_key(report, &mut drafts, &names, &spot));
    for draft in &drafts {
        check_generator(report, draft, &primary_key);
    }
    let fields: Vec<Field> = drafts.into_iter().map(|draft| draft.field).collect();
    let text_field = |name: Option<Located<String>>, holds: &str| {
        let name = name?;
        // A name that is wrong has been told; as if it had been right, access rules don't tell it again.
        let Some(field) = field_named(report, &fields, &name) else { return Some(FieldId(u16::MAX)) };
        if field.field_type != FieldType::String {
            let message = format!("`{}` is of type `{}`", field.name, type_name(field.field_type));
            report.add(&name.spot, ProblemKind::Contradiction, message, format!("it holds {holds}, a `string`"));
        }
        Some(field.id)
    };
    let owner = text_field(owner, "e-mail addresses");
    let department = text_field(department, "departments");
    Table { name: TableName::new(name), title, primary_key, owner, department, fields }
}

fn read_title(mut reader: Reader<'_>) -> Title {
    let zh_cn = reader.item("zh-CN").and_then(Item::text).map(|title| title.value);
    let en = reader.item("en").and_then(Item::text).map(|title| title.value);
    reader.finish();
    Title { zh_cn, en }
}

/// A field, and where its parts stand for the checks between fields.
struct Draft {
    field: Field,
    name: Located<String>,
    headers: Vec<Located<String>>,
    generate: Option<Spot>,
    /// `None`: there is one and it could not be read, which has been told.
    rule: Option<ConflictRule>,
    /// The plugin that decides conflicts, if the rule says so.
    plugin: Option<Located<String>>,
    conflict: Option<Spot>,
    group: Option<Spot>,
}

fn read_field(mut reader: Reader<'_>, people: &Roster, region: &CompactString) -> Option<Draft> {
    let report = reader.report;
    let name = reader.need("name").and_then(Item::text).filter(|name| check_name(report, name));
    let written_type = reader.item("type").map(|item| item.one_of(&TYPES));
    let field_type = match written_type {
        None => Some(FieldType::String),
        Some(found) => found.map(|found| found.value),
    };
    let format = reader.item("format").and_then(|item| item.one_of(&FORMATS));
    let headers = reader.item("headers").map(|item| (item.spot.clone(), item.texts().unwrap_or_default()));
    let generate = reader.item("generate").and_then(Item::text);
    let constraints = read_constraints(reader.section("constraints"), field_type);
    let class = reader.item("class").and_then(Item::text).filter(|class| people.check_class(report, class));
    let written_rule = reader.item("conflict").map(|item| read_rule(report, item));
    let group = reader.item("group").and_then(Item::text).filter(|group| check_name(report, group));
    reader.finish();
    let rule = match &written_rule {
        None => Some(ConflictRule::Review),
        Some(found) => found.as_ref().map(|(rule, _)| rule.value),
    };
    let (conflict, plugin) = written_rule.flatten().unzip();

    if let (Some(format), Some(field_type)) = (&format, field_type)
        && field_type != FieldType::String
    {
        let message = format!("is not for fields of type `{}`", type_name(field_type));
        report.add(&format.spot, ProblemKind::Contradiction, message, "a format narrows `type = \"string\"`");
    }
    if let (Some(conflict), Some(field_type)) = (&conflict, field_type) {
        check_rule(report, conflict, field_type, !constraints.allowed.is_empty());
    }
    let headers = headers.map(|(spot, headers)| {
        if headers.is_empty() {
            report.add(
                &spot,
                ProblemKind::WrongValue,
                "must not be empty",
                "without `headers` the field's name is used",
            );
        }
        headers
    });
    let name = name?;
    let headers = headers.unwrap_or_else(|| vec![name.clone()]);
    let generator = generate.as_ref().and_then(|template| read_generator(report, template));
    let field = Field {
        id: FieldId(0),
        name: name.value.as_str().into(),
        field_type: field_type.unwrap_or(FieldType::String),
        format: format.map(|format| format.value),
        region: region.clone(),
        headers: headers.iter().map(|header| header.value.clone()).collect(),
        generate: generator,
        constraints,
        class: class.map_or_else(|| CompactString::const_new(defaults::CLASS), |class| class.value.into()),
        conflict: rule.unwrap_or(ConflictRule::Review),
        group: group.as_ref().map(|group| group.value.as_str().into()),
    };
    Some(Draft {
        field,
        name,
        headers,
        generate: generate.map(|template| template.spot),
        rule,
        plugin: plugin.flatten(),
        conflict: conflict.map(|conflict| conflict.spot),
        group: group.map(|group| group.spot),
    })
}

/// Reads a rule, and the plugin's name if it is `plugin:NAME`.
fn read_rule(report: &Report, item: Item<'_>) -> Option<(Located<ConflictRule>, Option<Located<String>>)> {
    let word = item.text()?;
    if let Some(name) = word.value.strip_prefix("plugin:") {
        let plugin = Located { value: name.to_owned(), spot: word.spot.clone() };
        return Some((Located { value: ConflictRule::Plugin, spot: word.spot }, Some(plugin)));
    }
    let value = report.choose(&word, &CONFLICT_RULES)?;
    Some((Located { value, spot: word.spot }, None))
}

/// Reports a rule that can't work on such a field.
fn check_rule(report: &Report, rule: &Located<ConflictRule>, field_type: FieldType, has_enum: bool) {
    let is_ordered =
        matches!(field_type, FieldType::Integer | FieldType::Number | FieldType::Date | FieldType::DateTime);
    let needs = match rule.value {
        ConflictRule::Union if field_type != FieldType::List => "`type = \"list\"`",
        ConflictRule::Minimum | ConflictRule::Maximum if !is_ordered => {
            "a field of type `integer`, `number`, `date` or `datetime`"
        }
        ConflictRule::Longest if field_type != FieldType::String => "`type = \"string\"`",
        ConflictRule::Furthest if field_type == FieldType::List => "a field of one value",
        ConflictRule::Furthest if !has_enum => "`constraints.enum`, in whose order values advance",
        _ => return,
    };
    let message = format!("`{}` needs {needs}", rule_name(rule.value));
    report.add(&rule.spot, ProblemKind::Contradiction, message, "");
}

/// Reads a template such as `C-{:06}`.
fn read_generator(report: &Report, template: &Located<String>) -> Option<Generator> {
    let generator = parse_template(&template.value);
    if generator.is_none() {
        let message = format!("`{}` is not a template with exactly one number", template.value);
        let hint = "one `{}`, or `{:06}` for six digits; no other braces";
        report.add(&template.spot, ProblemKind::WrongValue, message, hint);
    }
    generator
}

fn parse_template(text: &str) -> Option<Generator> {
    let (prefix, rest) = text.split_once('{')?;
    let (number, suffix) = rest.split_once('}')?;
    if [prefix, number, suffix].iter().any(|part| part.contains(['{', '}'])) {
        return None;
    }
    let width = match number {
        "" => 0,
        // A u64 has twenty digits at most.
        _ => number.strip_prefix(":0")?.parse().ok().filter(|width| (1..=20).contains(width))?,
    };
    Some(Generator { prefix: prefix.to_owned(), width, suffix: suffix.to_owned() })
}

fn check_generator(report: &Report, draft: &Draft, primary_key: &[FieldId]) {
    let Some(spot) = &draft.generate else { return };
    if draft.field.field_type != FieldType::String || !primary_key.contains(&draft.field.id) {
        let message = "is only for a `string` field of the `primary_key`";
        report.add(spot, ProblemKind::Contradiction, message, "");
        return;
    }
    let (Some(generator), Some(pattern)) = (&draft.field.generate, &draft.field.constraints.pattern) else { return };
    let example = generator.format(1);
    if !pattern.is_match(&example) {
        let message = format!("makes `{example}`, which `constraints.pattern` does not allow");
        report.add(spot, ProblemKind::Contradiction, message, "");
    }
}

/// The fields of the primary key; from here on they are required.
fn read_key(report: &Report, drafts: &mut [Draft], names: &[Located<String>], spot: &Spot) -> Vec<FieldId> {
    if names.is_empty() {
        let hint = "name the fields that identify a record";
        report.add(spot, ProblemKind::WrongValue, "must not be empty", hint);
    }
    let fields: Vec<Field> = drafts.iter().map(|draft| draft.field.clone()).collect();
    let mut key = Vec::with_capacity(names.len());
    for name in names {
        let Some(field) = field_named(report, &fields, name) else { continue };
        if field.field_type == FieldType::List {
            let message = format!("`{}` is a list, which can't identify a record", field.name);
            report.add(&name.spot, ProblemKind::Contradiction, message, "");
        }
        key.push(field.id);
        if let Some(draft) = drafts.iter_mut().find(|draft| draft.field.id == field.id) {
            draft.field.constraints.required = true;
        }
    }
    key
}

/// Reports titles that would mean two fields, or one field twice.
fn check_headers(report: &Report, drafts: &[Draft]) {
    let mut taken: HashMap<String, &str> = HashMap::new();
    for draft in drafts {
        for header in &draft.headers {
            // As a person compares titles: full width or half width, capital or small.
            let form = header.value.nfkc().collect::<String>().to_lowercase();
            if let Some(owner) = taken.insert(form, &draft.name.value) {
                let message = format!("the title `{}` means the field `{owner}` already", header.value);
                report.add(&header.spot, ProblemKind::Duplicate, message, "a title means one field");
            }
        }
    }
}

/// Reports groups whose fields could not win together.
fn check_groups(report: &Report, drafts: &[Draft]) {
    let mut rules: HashMap<&str, (ConflictRule, &str)> = HashMap::new();
    for draft in drafts {
        let (Some(group), Some(group_spot), Some(rule)) = (&draft.field.group, &draft.group, draft.rule) else {
            continue;
        };
        let spot = draft.conflict.as_ref().unwrap_or(group_spot);
        let alone = [
            ConflictRule::Union,
            ConflictRule::Furthest,
            ConflictRule::Minimum,
            ConflictRule::Maximum,
            ConflictRule::Plugin,
        ];
        if alone.contains(&rule) {
            let message = format!("`{}` decides each field by itself, not the group `{group}`", rule_name(rule));
            report.add(spot, ProblemKind::Contradiction, message, "use another rule, or leave the group");
        }
        let (first, field) = *rules.entry(group).or_insert((rule, &draft.name.value));
        if first != rule {
            let message = format!(
                "the group `{group}` has the rule `{}` at `{field}` and `{}` here",
                rule_name(first),
                rule_name(rule)
            );
            report.add(spot, ProblemKind::Contradiction, message, "fields of a group win together: give them one rule");
        }
    }
}
