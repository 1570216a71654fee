//! `[[access]]`: the rules, with every name in them checked.

use super::people::{Roster, add_duplicate, check_name};
use super::problem::ProblemKind;
use super::reader::{Item, Located, Reader, Report};
use super::table::table_named;
use crate::model::Table;
use crate::model::policy::{AccessRule, Relation};

/// The words for relations.
const RELATIONS: [(&str, Relation); 4] = [
    ("own", Relation::Own),
    ("department", Relation::Department),
    ("department-tree", Relation::DepartmentTree),
    ("all", Relation::All),
];

/// Reads `[[access]]`. Comes after all that names roles.
pub(super) fn read_rules(root: &mut Reader<'_>, people: &Roster, tables: &[Table]) -> Vec<AccessRule> {
    let mut ids: Vec<String> = Vec::new();
    root.sections("access").into_iter().filter_map(|reader| read_rule(reader, people, tables, &mut ids)).collect()
}

fn read_rule(mut reader: Reader<'_>, people: &Roster, tables: &[Table], ids: &mut Vec<String>) -> Option<AccessRule> {
    let report = reader.report;
    let id = reader.need("id").and_then(Item::text).filter(|id| check_name(report, id));
    let role = reader.need("role").and_then(Item::text);
    let table = reader.need("table").and_then(Item::text);
    let relation = reader.need("relation").and_then(|item| item.one_of(&RELATIONS));
    let mut classes = |key| {
        let named: Vec<Located<String>> = reader.item(key).and_then(Item::distinct_texts).unwrap_or_default();
        named.into_iter().filter(|class| people.check_class(report, class)).collect::<Vec<_>>()
    };
    let (read, mask, write, deny) = (classes("read"), classes("mask"), classes("write"), classes("deny"));
    let create = reader.item("create").and_then(Item::boolean).unwrap_or(false);
    let reason = reader.item("reason").and_then(Item::text).map_or_else(String::new, |reason| reason.value);
    reader.finish();
    check_masked(report, &mask, &write);

    if let Some(id) = &id {
        if ids.contains(&id.value) {
            add_duplicate(report, id, "access rule");
        }
        ids.push(id.value.clone());
    }
    if let Some(role) = role.as_ref().filter(|role| !people.roles.contains(&role.value)) {
        let names = people.roles.iter().map(String::as_str);
        report.add_unknown(role, "role", names, "give it to a person, or name it in `acts_as` or `for`");
    }
    let table = table.and_then(|name| table_named(report, tables, &name));
    if let (Some(table), Some(relation)) = (table, &relation) {
        let lacking = match relation.value {
            Relation::Own if table.owner.is_none() => Some("owner_field"),
            Relation::Department | Relation::DepartmentTree if table.department.is_none() => Some("department_field"),
            _ => None,
        };
        if let Some(lacking) = lacking {
            let message = format!("can't hold: the table `{}` has no `{lacking}`", table.name);
            let hint = format!("add `{lacking}` to the table, or use `relation = \"all\"`");
            report.add(&relation.spot, ProblemKind::Contradiction, message, hint);
        }
    }
    Some(AccessRule {
        id: id?.value,
        role: role?.value,
        table: table?.name.clone(),
        relation: relation?.value,
        read: values(read),
        mask: values(mask),
        write: values(write),
        deny: values(deny),
        create,
        reason,
    })
}

/// Reports classes that are to be shown masked and to be changed: whoever changes a value reads it in clear.
fn check_masked(report: &Report, mask: &[Located<String>], write: &[Located<String>]) {
    for class in mask.iter().filter(|class| write.iter().any(|other| other.value == class.value)) {
        let message =
            format!("`{}` stands in `write` too, and write implies read: nothing would be masked", class.value);
        let hint = "take it out of `mask`, or out of `write`";
        report.add(&class.spot, ProblemKind::Contradiction, message, hint);
    }
}

fn values(texts: Vec<Located<String>>) -> Vec<String> {
    texts.into_iter().map(|text| text.value).collect()
}
