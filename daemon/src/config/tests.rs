//! What the configuration refuses, with its line and its hint; what it takes; and the example.

use std::collections::BTreeSet;
use std::path::Path;

use proptest::prelude::*;
use toml::de::{DeTable, DeValue};

use super::*;
use crate::model::schema::{Bound, ConflictRule};
use crate::model::{Actor, FieldId, FieldType, Format};

mod plugins;

const EXAMPLE: &str = include_str!("../../../config.example.toml");

/// What the snippets of [`check`] are appended to: a small configuration in which nothing is wrong.
const BASE: &str = r#"
store.key_file = "keys/daybook.key"
office.country = "sg"
[[department]]
name = "sales/east"
[[person]]
email = "Li.Lei@Example.com"
roles = ["sales"]
department = "sales/east"
[[table]]
name = "customers"
primary_key = ["id"]
owner_field = "owner"
[[table.field]]
name = "id"
[[table.field]]
name = "owner"
[[table.field]]
name = "stage"
constraints.enum = ["lead", "signed"]
[[table.field]]
name = "amount"
type = "number"
"#;

fn load_text(text: &str) -> Result<Config, Vec<ConfigProblem>> {
    load(Path::new("/srv/office/daybook.toml"), text)
}

/// Checks that a text has exactly these problems, each given by the beginning of `LINE KEY: MESSAGE; HINT`.
#[track_caller]
fn check_whole(text: &str, expected: &[&str]) {
    let problems = load_text(text).err().unwrap_or_default();
    let found: Vec<String> = problems
        .iter()
        .map(|problem| problem.to_string().replacen("/srv/office/daybook.toml:", "", 1).replacen(": ", " ", 1))
        .collect();
    let same =
        found.len() == expected.len() && found.iter().zip(expected).all(|(found, start)| found.starts_with(start));
    assert!(same, "found:\n{}\nexpected:\n{}", found.join("\n"), expected.join("\n"));
}

/// The same for what follows [`BASE`]; lines count from the snippet's first.
#[track_caller]
fn check(snippet: &str, expected: &[&str]) {
    let offset = BASE.lines().count();
    let shifted: Vec<String> = expected
        .iter()
        .map(|problem| {
            let (line, rest) = problem.split_once(' ').expect("a line and a message");
            format!("{} {rest}", line.parse::<usize>().expect("a line") + offset)
        })
        .collect();
    check_whole(&format!("{BASE}{snippet}"), &shifted.iter().map(String::as_str).collect::<Vec<_>>());
}

/// A field of the base's table, of which the snippet is the body.
#[track_caller]
fn check_field(body: &str, expected: &[&str]) {
    check(&format!("[[table.field]]\nname = \"x\"\n{body}"), expected);
}

#[test]
fn the_base_is_taken() {
    check("", &[]);
}

#[test]
fn many_problems_are_told_at_once_in_the_order_of_the_file() {
    check_whole(
        r#"
[office]
langage = "zh-CN"
country = "CHN"
timezone = "Asia/Shanghia"
observe_only = "no"
[guard]
rows_min = -1
missing_rows_max_percent = 101
[[workbook]]
pathh = "a.xlsx"
name = "a"
header_row = 0
[nonsense]
"#,
        &[
            "1 store.key_file: missing; make a key with `daybook key new FILE`",
            "3 office.langage: unknown key; did you mean `language`?",
            "4 office.country: `CHN` is not a country's two letters",
            "5 office.timezone: there is no time zone `Asia/Shanghia`",
            "6 office.observe_only: must be `true` or `false`, is a text",
            "8 guard.rows_min: must lie between 0 and 4294967295",
            "9 guard.missing_rows_max_percent: must lie between 0 and 100",
            "10 workbook.path: missing; add `path = …`",
            "10 workbook.table: missing",
            "10 workbook.acts_as: missing",
            "11 workbook.pathh: unknown key; did you mean `path`?",
            "13 workbook.header_row: must lie between 1 and 1048576",
            "14 nonsense: unknown key; known here are `office`",
        ],
    );
}

#[test]
fn a_text_that_is_not_toml_has_one_problem_with_its_line() {
    check_whole("[office]\nname = \n[store]\nx = = 1\n", &["2 string values must be quoted"]);
    check_whole("[office]\nname = \"a\"\nname = \"b\"\n", &["3 duplicate key"]);
    check_whole("[store]\n[store]\n", &["2 duplicate key"]);
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_taken() {
    check_whole(&format!("\u{feff}{}", BASE.replace('\n', "\r\n")), &[]);
}

#[test]
fn a_problem_says_where_in_the_line() {
    let problems = load_text("[store]\nkey_file = \"k/k\"\n[office]\nname = \"公司\"  \nlanguage = 1").unwrap_err();
    assert_eq!((problems[0].line, problems[0].column), (5, 12));
    assert_eq!(problems[0].kind.code(), "wrong-type");
}

#[test]
fn sections_of_the_wrong_shape_are_told() {
    check_whole(
        "office = 3\n[store]\nkey_file = \"k/k\"\n[table]\nname = \"customers\"\n[[guard]]\nrows_min = 3\n",
        &[
            "1 office: must be a table, is a whole number; write `[office]` and its keys below",
            "4 table: must be a list of tables, is a table; write `[[table]]` above each",
            "6 guard: must be a table, is a list; write `[guard]` once",
        ],
    );
}

#[test]
fn the_key_lies_outside_the_directory_of_the_store() {
    let store = |path: &str, key: &str| format!("[store]\npath = \"{path}\"\nkey_file = \"{key}\"\n");
    let inside = &["3 store.key_file: the key may not lie in the store's directory, `/srv/office/data`"];
    check_whole(&store("data/daybook.db", "data/daybook.key"), inside);
    check_whole(&store("./data/daybook.db", "keys/../data/keys/daybook.key"), inside);
    check_whole(&store("data/daybook.db", "/srv/office/data/k"), inside);
    check_whole(
        &store("daybook.db", "keys/k"),
        &["3 store.key_file: the key may not lie in the store's directory, `/srv/office`"],
    );
    check_whole(&store("data/daybook.db", "data-keys/k"), &[]);
    check_whole(
        "[store]\nkey_file = \"keys/k\"\nkey_credential = \"k\"\n",
        &["3 store.key_credential: the key comes from `key_file` or from `key_credential`, not from both"],
    );
    check_whole("[store]\nkey_credential = \"../k\"\n", &["2 store.key_credential: must be a name, is a path"]);
    let config = load_text("[store]\nkey_credential = \"daybook-key\"\n").unwrap();
    assert_eq!(config.store.key, KeySource::Credential("daybook-key".to_owned()));
    assert_eq!(config.store.path, Path::new("/srv/office/data/daybook.db"));
}

#[test]
fn people_are_checked() {
    check(
        r#"[[class]]
name = "sensitive"
[[class]]
name = "sensitive"
[[department]]
name = "sales//east"
[[department]]
name = "sales/east"
[[person]]
email = "LI.LEI@example.com"
[[person]]
email = "nobody"
roles = ["a role", "sales", "sales"]
department = "sales/esat"
[[person]]
email = "wang@example.com"
department = "sales"
[[person]]
email = "zhao@example.com"
department = "sal"
"#,
        &[
            "4 class.name: `sensitive` is taken by another class",
            "6 department.name: `sales//east` is not a path of departments",
            "8 department.name: `sales/east` is taken by another department",
            "10 person.email: `li.lei@example.com` is taken by another person",
            "12 person.email: `nobody` is not an e-mail address",
            "13 person.roles: `a role` can't be a name",
            "13 person.roles: `sales` is there twice",
            "14 person.department: there is no department `sales/esat`; did you mean `sales/east`?",
            "20 person.department: there is no department `sal`; declare it with `[[department]]`",
        ],
    );
}

#[test]
fn an_address_belongs_to_one_person() {
    let text = r#"[[person]]
email = "zhang.san@example.com"
addresses = ["ZhangSan@home.example.com", "zhangsan@home.example.com", "zhang.san@example.com", "boss@example.com"]
[[person]]
email = "boss@example.com"
addresses = ["张三@example.com", "boss@localhost", "a@example.com, b@example.com", "zhang.san@example.com"]
"#;
    check(
        text,
        &[
            "3 person.addresses: `zhangsan@home.example.com` is hers already",
            "3 person.addresses: `zhang.san@example.com` is hers already",
            "3 person.addresses: `boss@example.com` is taken by another person",
            "6 person.addresses: `张三@example.com` is not a plain e-mail address; letters",
            "6 person.addresses: `boss@localhost` is not a plain",
            "6 person.addresses: `a@example.com, b@example.com` is not a plain",
            "6 person.addresses: `zhang.san@example.com` is taken by another person",
        ],
    );
}

#[test]
fn tables_are_checked() {
    check(
        r#"[[table]]
name = "customers"
primary_key = ["id", "id", "nmae", "tags"]
owner_field = "amount"
department_field = "nowhere"
title = { zh-CN = "客户", zh = "x" }
[[table.field]]
name = "id"
headers = ["编号", "ID"]
[[table.field]]
name = "id"
[[table.field]]
name = "name"
headers = ["Ｉd", "Name"]
clas = "basic"
[[table.field]]
name = "amount"
type = "integer"
headers = []
[[table.field]]
name = "tags"
type = "list"
[[table]]
name = "a b"
[[table]]
name = "empty"
primary_key = []
"#,
        &[
            "2 table.name: `customers` is taken by another table",
            "3 table.primary_key: `id` is there twice",
            "3 table.primary_key: there is no field `nmae`; did you mean `name`?",
            "3 table.primary_key: `tags` is a list, which can't identify a record",
            "4 table.owner_field: `amount` is of type `integer`; it holds e-mail addresses",
            "5 table.department_field: there is no field `nowhere`; the table has `id`, `name`, `amount`, `tags`",
            "6 table.title.zh: unknown key; known here are `zh-CN`, `en`",
            "11 table.field.name: `id` is taken by another field",
            "14 table.field.headers: the title `Ｉd` means the field `id` already",
            "15 table.field.clas: unknown key; did you mean `class`?",
            "19 table.field.headers: must not be empty",
            "23 table.primary_key: missing",
            "23 table.field: the table has no fields",
            "24 table.name: `a b` can't be a name",
            "25 table.field: the table has no fields",
            "27 table.primary_key: must not be empty",
        ],
    );
}

#[test]
fn a_wrong_owner_field_is_told_once_and_not_again_by_the_rules_that_need_it() {
    let rule = "[[access]]\nid = \"a\"\nrole = \"sales\"\ntable = \"customers\"\nrelation = \"own\"\n";
    let text = format!("{BASE}{rule}").replace("owner_field = \"owner\"", "owner_field = \"onwer\"");
    check_whole(&text, &["13 table.owner_field: there is no field `onwer`; did you mean `owner`?"]);
    let text = format!("{BASE}{rule}").replace("owner_field = \"owner\"", "");
    check_whole(&text, &["28 access.relation: can't hold: the table `customers` has no `owner_field`"]);
}

#[test]
fn fields_are_checked() {
    check_field(r#"type = "strng""#, &["3 table.field.type: `strng` is not allowed here; did you mean `string`?"]);
    check_field(
        "type = \"date\"\nformat = \"phone\"",
        &["4 table.field.format: is not for fields of type `date`; a format narrows `type = \"string\"`"],
    );
    check_field(r#"format = "cnid""#, &["3 table.field.format: `cnid` is not allowed here; did you mean `cn-id`?"]);
    check_field(
        r#"class = "sensitiv""#,
        &["3 table.field.class: there is no class `sensitiv`; did you mean `sensitive`?"],
    );
    check_field(
        r#"class = "secret""#,
        &["3 table.field.class: there is no class `secret`; known are `basic`, `transaction`, `service`, `sensitive`"],
    );
    check_field("class = \"secret\"\n[[class]]\nname = \"secret\"", &[]);
    check_field(r#"group = "a b""#, &["3 table.field.group: `a b` can't be a name"]);
}

#[test]
fn constraints_are_checked_against_the_type() {
    let rows: &[(&str, &str, &str)] = &[
        ("string", "requird = true", ".requird: unknown key; did you mean `required`?"),
        ("string", r#"pattern = "(""#, ".pattern: `(` is not a regular expression: unclosed group"),
        ("string", r#"pattern = "a)(b""#, ".pattern: `a)(b` is not a regular expression: unopened group"),
        ("string", r#"pattern = "(a{1000}){1000}""#, ".pattern: `(a{1000}){1000}` is not a regular expression"),
        ("integer", r#"pattern = "[0-9]""#, ".pattern: is not for fields of type `integer`; only for `string`"),
        ("string", "enum = []", ".enum: must not be empty"),
        ("string", r#"enum = ["a", "b", "a"]"#, ".enum: `a` is there twice"),
        ("string", "enum = [1]", ".enum: must be a text, is a whole number"),
        ("number", "enum = [1, 1.0]", ".enum: `1.0` is there twice"),
        ("integer", r#"enum = ["one"]"#, ".enum: `one` is not a value of type `integer`"),
        ("date", r#"enum = ["2026-13-01"]"#, ".enum: `2026-13-01` is not a value of type `date`"),
        ("boolean", r#"enum = ["a"]"#, ".enum: is not for fields of type `boolean`"),
        ("string", "minimum = 1", ".minimum: is not for fields of type `string`; only for `integer`, `number`, `date`"),
        ("integer", "minimum = 1.5", ".minimum: must be a whole number, is a decimal number"),
        ("integer", r#"maximum = "9""#, ".maximum: must be a whole number, is a text"),
        ("number", "maximum = inf", ".maximum: can't be read as a bound"),
        ("date", "minimum = 1", ".minimum: must be a date, is a whole number; as `2026-03-01`"),
        ("date", r#"minimum = "soon""#, ".minimum: can't be read as a bound"),
        ("date", "minimum = 2026-03-01T00:00:00", ".minimum: must be a date, is a date or time"),
        ("number", "minimum = 2, maximum = 1.5", ".maximum: lies below `minimum`"),
        ("date", "minimum = 2026-03-02, maximum = 2026-03-01", ".maximum: lies below `minimum`"),
        ("string", "min_length = 3, max_length = 2", ".max_length: lies below `min_length`"),
        ("string", "min_length = -1", ".min_length: must lie between 0 and 1000000"),
        ("list", "max_length = 2", ".max_length: is not for fields of type `list`"),
    ];
    for (field_type, constraint, expected) in rows {
        let body = format!("type = \"{field_type}\"\nconstraints = {{ {constraint} }}");
        check_field(&body, &[&format!("4 table.field.constraints{expected}")]);
    }
}

#[test]
fn a_wrong_type_is_told_once_and_not_again_by_what_depends_on_it() {
    check_field(
        "type = \"datum\"\nconflict = \"minimum\"\nconstraints = { minimum = 2026-03-01, pattern = \"a\" }",
        &["3 table.field.type: `datum` is not allowed here; allowed are `string`"],
    );
}

#[test]
fn conflict_rules_are_checked_against_the_field() {
    for (name, rule) in CONFLICT_RULES {
        let body = match rule {
            ConflictRule::Union => "type = \"list\"",
            ConflictRule::Minimum | ConflictRule::Maximum => "type = \"datetime\"",
            ConflictRule::Furthest => "constraints.enum = [\"a\"]",
            _ => "type = \"string\"",
        };
        check_field(&format!("{body}\nconflict = \"{name}\""), &[]);
    }
    check_field(r#"conflict = "union""#, &["3 table.field.conflict: `union` needs `type = \"list\"`"]);
    check_field(r#"conflict = "maximum""#, &["3 table.field.conflict: `maximum` needs a field of type `integer`"]);
    check_field(r#"conflict = "furthest""#, &["3 table.field.conflict: `furthest` needs `constraints.enum`"]);
    check_field(
        "type = \"number\"\nconflict = \"longest\"",
        &["4 table.field.conflict: `longest` needs `type = \"string\"`"],
    );
    check_field(
        r#"conflict = "lastest""#,
        &[
            "3 table.field.conflict: `lastest` is not allowed here; did you mean `latest`? Allowed are `review`, `latest`",
        ],
    );
    check_field(
        r#"conflict = "plugin:uscc""#,
        &["3 table.field.conflict: there is no plugin `uscc`; declare it with `[[plugin]]`"],
    );
}

#[test]
fn fields_of_a_group_share_one_rule_that_can_decide_for_all() {
    let group = |first: &str, second: &str| {
        format!("{first}\ngroup = \"g\"\n[[table.field]]\nname = \"y\"\n{second}\ngroup = \"g\"\n")
    };
    check_field(&group("conflict = \"latest\"", "conflict = \"latest\""), &[]);
    check_field(
        &group("conflict = \"latest\"", "conflict = \"first\""),
        &["7 table.field.conflict: the group `g` has the rule `latest` at `x` and `first` here"],
    );
    check_field(
        &group("conflict = \"latest\"", "type = \"string\""),
        &["8 table.field.group: the group `g` has the rule `latest` at `x` and `review` here"],
    );
    let list = "type = \"list\"\nconflict = \"union\"";
    check_field(
        &group(list, list),
        &[
            "4 table.field.conflict: `union` decides each field by itself, not the group `g`",
            "9 table.field.conflict: `union` decides each field by itself",
        ],
    );
}

#[test]
fn generated_keys_are_checked() {
    let key = |template: &str, more: &str| {
        format!(
            "[[table]]\nname = \"t\"\nprimary_key = [\"k\"]\n[[table.field]]\nname = \"k\"\ngenerate = \"{template}\"\n{more}"
        )
    };
    for good in ["C-{:06}", "{}", "{:020}号", "C-{:01}-X"] {
        check(&key(good, ""), &[]);
    }
    for bad in ["C-", "C-{", "{}{}", "{:6}", "{:0}", "{:021}", "{{}}", "}{", "{:0x}", "{a}"] {
        check(&key(bad, ""), &[&format!("6 table.field.generate: `{bad}` is not a template with exactly one number")]);
    }
    check(
        &key("C-{}", "type = \"integer\""),
        &["6 table.field.generate: is only for a `string` field of the `primary_key`"],
    );
    check(
        &key("C-{:03}", "constraints.pattern = \"D-[0-9]+\""),
        &["6 table.field.generate: makes `C-001`, which `constraints.pattern` does not allow"],
    );
    check_field("generate = \"C-{}\"", &["3 table.field.generate: is only for a `string` field of the `primary_key`"]);
}

#[test]
fn access_rules_name_what_there_is() {
    check(
        r#"[[access]]
id = "a"
role = "sale"
table = "customer"
relation = "tree"
read = ["basic", "basci"]
[[access]]
id = "a"
role = "sales"
table = "customers"
relation = "department-tree"
creat = true
[[access]]
id = "b"
role = "auditor"
table = "customers"
relation = "own"
write = "basic"
[[view]]
name = "audit"
path = "a.xlsx"
table = "customers"
for = "role:auditor"
"#,
        &[
            "3 access.role: there is no role `sale`; did you mean `sales`?",
            "4 access.table: there is no table `customer`; did you mean `customers`?",
            "5 access.relation: `tree` is not allowed here; allowed are `own`",
            "6 access.read: there is no class `basci`; did you mean `basic`?",
            "8 access.id: `a` is taken by another access rule",
            "11 access.relation: can't hold: the table `customers` has no `department_field`",
            "12 access.creat: unknown key; did you mean `create`?",
            "18 access.write: must be a list of texts, is a text",
        ],
    );
}

#[test]
fn a_class_is_not_both_masked_and_changed() {
    let rule = |more: &str| {
        format!("[[access]]\nid = \"a\"\nrole = \"sales\"\ntable = \"customers\"\nrelation = \"all\"\n{more}\n")
    };
    check(
        &rule("mask = [\"service\", \"basic\"]\nwrite = [\"basic\"]"),
        &["6 access.mask: `basic` stands in `write` too, and write implies read: nothing would be masked; take it out"],
    );
    check(&rule("mask = [\"sensitive\"]\nread = [\"basic\"]\nwrite = [\"basic\"]"), &[]);
    // Two rules may differ: the one that allows more wins.
    let other = rule("write = [\"basic\"]").replace("\"a\"", "\"b\"");
    check(&format!("{}{other}", rule("mask = [\"basic\"]")), &[]);
}

#[test]
fn there_are_not_more_classes_than_can_be_told_apart() {
    let standard = super::defaults::CLASSES.len();
    let classes = |count: usize| -> String {
        let one = |number: usize| format!("[[class]]\nname = \"c{number}\"");
        (standard..count).map(one).chain([String::new()]).collect::<Vec<_>>().join("\n")
    };
    check(&classes(64), &[]);
    let line = 2 * (64 - standard) + 2;
    check(
        &classes(66),
        &[&format!("{line} class.name: `c64` is one class too many: at most 64 can be told apart; the")],
    );
    // A standard class that is declared is no new one.
    check(&format!("{}[[class]]\nname = \"basic\"\n", classes(64)), &[]);
}

/// A workbook of the base's table with some of its keys replaced or added.
fn workbook(name: &str, path: &str, more: &str) -> String {
    format!(
        "[[workbook]]\nname = \"{name}\"\npath = \"{path}\"\ntable = \"customers\"\nacts_as = \"li.lei@example.com\"\n{more}\n"
    )
}

fn view(name: &str, path: &str, more: &str) -> String {
    format!(
        "[[view]]\nname = \"{name}\"\npath = \"{path}\"\ntable = \"customers\"\nfor = \"role:sales@sales/east\"\n{more}\n"
    )
}

#[test]
fn workbooks_are_checked() {
    for path in ["a.xlsx", "a.XLSM", "a.xls", "a.xlsb", "a.ods", "a.csv", "a.tsv", "a.txt", "s/*.xlsx", "**/*.xls?"] {
        check(&workbook("w", path, ""), &[]);
    }
    for path in ["a", "a.doc", "share/*", "a.xlsx/", "a.pdf*"] {
        let expected = format!("3 workbook.path: `{path}` does not end as a workbook does");
        check(&workbook("w", path, ""), &[&expected]);
    }
    check(&workbook("w", "a[.xlsx", ""), &["3 workbook.path: `a[.xlsx` is not a pattern"]);
    check(&workbook("console", "a.xlsx", ""), &["2 workbook.name: `console` is Daybook's own name"]);
    check(&workbook("a:b", "a.xlsx", ""), &["2 workbook.name: `a:b` can't be a name"]);
    check(&workbook("w", "a.csv", "sheet = \"1\""), &["6 workbook.sheet: a .csv file has no sheets"]);
    check(&workbook("w", "*.xls*", "sheet = \"1\""), &[]);
    check(
        &workbook("w", "a.xlsx", "missing_rows = \"kep\"\nblank_cells = true\nrank = 1.5"),
        &[
            "6 workbook.missing_rows: `kep` is not allowed here; did you mean `keep`?",
            "7 workbook.blank_cells: must be a text, is true or false",
            "8 workbook.rank: must be a whole number, is a decimal number",
        ],
    );
}

#[test]
fn a_file_belongs_to_one_source() {
    let two = |first: String, second: String| first + &second;
    check(
        &two(workbook("a", "share/a.xlsx", ""), workbook("a", "./share/x/../a.xlsx", "")),
        &[
            "8 workbook.name: `a` is taken by another source",
            "9 workbook.path: `a` has this file already; a file belongs to one workbook or view",
        ],
    );
    check(
        &two(workbook("a", "share/*.xlsx", ""), workbook("b", "/srv/office/share/b.xlsx", "")),
        &["9 workbook.path: `a` has this file already"],
    );
    check(
        &two(workbook("a", "share/b.xlsx", ""), workbook("b", "share/*.xlsx", "")),
        &["9 workbook.path: `a` has this file already"],
    );
    check(
        &two(workbook("a", "share/**/*.xlsx", ""), view("b", "share/b/c.xlsx", "")),
        &["9 view.path: `a` has this file already"],
    );
    check(&two(view("a", "a.xlsx", ""), view("b", "a.xlsx", "")), &["9 view.path: `a` has this file already"]);
    check(&two(workbook("a", "share/*.xlsx", ""), view("b", "share/b/c.xlsx", "")), &[]);
}

#[test]
fn actors_are_checked() {
    let acting = |actor: &str| workbook("w", "a.xlsx", "").replace("li.lei@example.com", actor);
    for good in ["LI.LEI@EXAMPLE.COM", "role:sales", "role:clerk@sales/east", "role:clerk@sales"] {
        check(&acting(good), &[]);
    }
    check(
        &acting("lilei@example.com"),
        &["5 workbook.acts_as: there is no person `lilei@example.com`; did you mean `li.lei@example.com`?"],
    );
    check(
        &acting("sales"),
        &["5 workbook.acts_as: there is no person `sales`; a person's e-mail, or `role:NAME@DEPARTMENT`"],
    );
    check(&acting("role:@sales"), &["5 workbook.acts_as: `` can't be a name"]);
    check(
        &acting("role:sales@sales/west"),
        &["5 workbook.acts_as: there is no department `sales/west`; did you mean `sales/east`?"],
    );
}

#[test]
fn views_are_checked() {
    check(&view("v", "*.xlsx", ""), &["3 view.path: `*.xlsx` is a pattern, and a view is one file"]);
    check(&view("v", "a.csv", ""), &["3 view.path: `a.csv` does not end in `.xlsx`"]);
    check(
        &view("v", "a.xlsx", "fields = [\"id\", \"stgae\", \"id\"]\nwhere = { stage = [\"sined\"], amont = 1 }"),
        &[
            "6 view.fields: there is no field `stgae`; did you mean `stage`?",
            "6 view.fields: `id` is there twice",
            "7 view.where.stage: there is no such value `sined`; did you mean `signed`?",
            "7 view.where.amont: there is no field `amont`; did you mean `amount`?",
        ],
    );
    check(
        &view("v", "a.xlsx", "where = { amount = [1, \"much\"] }"),
        &["6 view.where.amount: `much` is not a value of type `number`"],
    );
    check(&view("v", "a.xlsx", "fields = []"), &["6 view.fields: must not be empty"]);
    check(&view("v", "a.xlsx", "where = { stage = [] }"), &["6 view.where.stage: must not be empty"]);
    check(
        &view("v", "a.xlsx", "fields = [\"stage\"]\neditable = true"),
        &["6 view.fields: lacks `id`, by which edits find their record"],
    );
    check(&view("v", "a.xlsx", "sheet = \"1\""), &["6 view.sheet: unknown key"]);
}

#[test]
fn a_workbook_says_what_is_written_into_it() {
    let two_way =
        "sync = \"two-way\"\nrows = \"all\"\nstatus_header = \"回复\"\nwhere = { stage = [\"led\"], colour = \"red\" }";
    check(
        &workbook("w", "a.xlsx", two_way),
        &[
            "9 workbook.where.stage: there is no such value `led`; did you mean `lead`?",
            "9 workbook.where.colour: there is no field `colour`",
        ],
    );
    check(&workbook("w", "a.xlsx", "sync = \"in\"\nrows = \"existing\""), &[]);
    check(&workbook("w", "a.xlsx", "sync = \"out\""), &["6 workbook.sync: `out` is not allowed here"]);
    check(
        &workbook("w", "a.xlsx", "rows = \"all\""),
        &["6 workbook.rows: rows can be appended only to a workbook that is written into"],
    );
}

#[test]
fn what_is_not_built_yet_is_refused_and_still_checked_for_typing_errors() {
    check(
        r#"[backup]
every_hour = 24
[audit]
checkpoint_path = "/mnt/x"
"#,
        &[
            "1 backup: not supported yet; remove it or comment it out",
            "2 backup.every_hour: unknown key; did you mean `every_hours`?",
            "3 audit: not supported yet",
        ],
    );
}

#[test]
fn defaults_stand_where_nothing_is_said() {
    let config = load_text("[store]\nkey_file = \"keys/k\"\n").unwrap();
    assert_eq!(config.directory, Path::new("/srv/office"));
    assert_eq!(config.office.language, Language::ZhCn);
    assert_eq!(config.office.country, "CN");
    assert_eq!(config.office.timezone.iana_name(), Some("Asia/Shanghai"));
    assert!(!config.office.observe_only);
    assert_eq!(config.guard, Guard { changed_cells_max_percent: 30, missing_rows_max_percent: 10, rows_min: 20 });
    assert_eq!(config.limits.workbook_bytes_max, 104_857_600);
    assert_eq!(config.limits.mail_bytes_max, 26_214_400);
    assert_eq!((config.limits.receipts_max, config.limits.receipts_hours), (20, 2));
    assert_eq!(config.limits.decision_days, 14);
    assert_eq!((config.limits.rows_max, config.limits.columns_max), (1_048_576, 1024));
    assert_eq!(config.watch, Watch { events: true, quiet_ms: 300, poll_seconds: 5 });
}

#[test]
fn the_example_is_taken_as_it_stands() {
    let config = load_text(EXAMPLE).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let table = config.table("customers").unwrap();
    assert_eq!(table.primary_key, [FieldId(0)]);
    assert_eq!((table.owner, table.department), (Some(FieldId(9)), Some(FieldId(10))));
    assert!(table.fields.iter().enumerate().all(|(position, field)| usize::from(field.id.0) == position));
    let phone = table.field_named("phone").unwrap();
    assert_eq!((phone.format, phone.region.as_str(), phone.class.as_str()), (Some(Format::Phone), "CN", "sensitive"));
    let limit = table.field_named("credit_limit").unwrap();
    assert_eq!((limit.field_type, limit.conflict), (FieldType::Number, ConflictRule::Minimum));
    assert_eq!(limit.constraints.maximum, Some(Bound::Number(5_000_000.into())));

    assert_eq!(config.policy.classes, ["basic", "transaction", "service", "sensitive", "contract"]);
    let workbook = &config.workbooks[0];
    assert_eq!(workbook.path, Path::new("/srv/office/share/sales/客户.xlsx"));
    assert_eq!(workbook.actor, Actor::Person("li.lei@example.com".to_owned()));
    assert_eq!(workbook.taking.rank, 10);
    let view = &config.views[0];
    assert_eq!(view.reader, Actor::Role { role: "finance".to_owned(), department: Some("finance".to_owned()) });
    assert_eq!(view.conditions, [Condition { field: FieldId(6), values: vec!["offer".into(), "signed".into()] }]);
    assert!(view.editable);
}

#[test]
fn a_pattern_must_match_the_whole_text_and_key_fields_are_required() {
    let text = format!("{BASE}[[table.field]]\nname = \"x\"\nconstraints.pattern = \"a|bc\"\n");
    let config = load_text(&text).unwrap();
    let table = config.table("customers").unwrap();
    let pattern = table.field_named("x").unwrap().constraints.pattern.clone().unwrap();
    assert!(pattern.is_match("a") && pattern.is_match("bc"));
    assert!(!pattern.is_match("ac") && !pattern.is_match("abc") && !pattern.is_match("a\n"));
    assert!(table.field_named("id").unwrap().constraints.required);
    assert!(!table.field_named("owner").unwrap().constraints.required);
    assert_eq!(table.field_named("x").unwrap().region, "SG");
    assert_eq!(config.policy.people[0].email, "li.lei@example.com");
}

/// The example with everything in it that is switched off.
fn example_in_full() -> String {
    let lines = EXAMPLE.lines().map(|line| match line.strip_prefix('#') {
        Some(setting) if !setting.is_empty() && !setting.starts_with(' ') => setting,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn what_the_example_switches_off_is_known_too() {
    let problems = load_text(&example_in_full()).unwrap_err();
    for problem in &problems {
        let is_alternative = ["store.key_credential", "smtp.directory"].contains(&problem.key.as_str())
            && problem.kind == ProblemKind::Contradiction;
        assert!(is_alternative || problem.kind == ProblemKind::NotSupportedYet, "{problem}");
    }
    assert_eq!(problems.len(), 4, "{problems:#?}");
}

/// The paths of all keys in a document.
fn collect_paths(table: &DeTable<'_>, above: &str, paths: &mut BTreeSet<String>) {
    for (key, value) in table {
        let path = if above.is_empty() { key.get_ref().to_string() } else { format!("{above}.{}", key.get_ref()) };
        match value.get_ref() {
            DeValue::Table(table) => collect_paths(table, &path, paths),
            DeValue::Array(array) => {
                for item in array {
                    if let DeValue::Table(table) = item.get_ref() {
                        collect_paths(table, &path, paths);
                    }
                }
            }
            _ => {}
        }
        paths.insert(path);
    }
}

#[test]
fn the_example_has_every_key_that_the_reader_knows() {
    // One of each section, so that the reader is asked for all their keys.
    let skeleton = "[[class]]\n[[department]]\n[[person]]\n[[table]]\n[[table.field]]\n[[access]]\n[[workbook]]\n[[view]]\n\
                    [[mailbox]]\n[[plugin]]\n";
    let (_, _, known) = read(Path::new("daybook.toml"), skeleton);
    assert!(known.contains("table.field.constraints.max_length") && known.contains("mailbox.imap.password_file"));
    let example = example_in_full();
    let mut shown = BTreeSet::new();
    collect_paths(DeTable::parse(&example).unwrap().get_ref(), "", &mut shown);
    let missing: Vec<&String> = known.difference(&shown).collect();
    assert!(missing.is_empty(), "not in config.example.toml: {missing:?}");
    // And a section that a key opens has been visited: each of the example's keys is known.
    let free = ["workbook.where.", "view.where.", "plugin.settings."];
    let unknown: Vec<&String> =
        shown.difference(&known).filter(|path| !free.iter().any(|free| path.starts_with(free))).collect();
    assert!(unknown.is_empty(), "not asked for: {unknown:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn arbitrary_text_never_panics(text in "\\PC*") {
        let loaded = load_text(&text);
        prop_assert!(loaded.is_err(), "no such text names a key");
    }

    /// Pieces of real settings in any order and number: mostly TOML, mostly wrong.
    #[test]
    fn shuffled_settings_never_panic(
        lines in prop::collection::vec((0..EXAMPLE.lines().count(), 0..EXAMPLE.lines().count()), 0..40),
    ) {
        let example = example_in_full();
        let all: Vec<&str> = example.lines().collect();
        let mut text = String::new();
        for (key_line, value_line) in lines {
            let key = all[key_line].split_once(" = ").map_or(all[key_line], |(key, _)| key);
            let value = all[value_line].split_once(" = ").map_or("[]", |(_, value)| value);
            let line = if all[key_line].contains(" = ") { format!("{key} = {value}\n") } else { format!("{key}\n") };
            // Only lines that keep the text TOML, or nothing behind the syntax would be reached.
            if DeTable::parse(&format!("{text}{line}")).is_ok() {
                text.push_str(&line);
            }
        }
        if let Err(problems) = load_text(&text) {
            prop_assert!(!problems.is_empty());
            let count = text.lines().count().max(1);
            prop_assert!(problems.iter().all(|problem| (1..=count).contains(&problem.line)));
            prop_assert!(problems.iter().all(|problem| problem.kind != ProblemKind::Syntax));
        }
    }
}
