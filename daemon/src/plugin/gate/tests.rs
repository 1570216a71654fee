//! Tests of the gate: what a plugin is shown, and that of any answer nothing passes that it may not say.
#![expect(clippy::unwrap_used, reason = "a failed test may panic")]

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::extract::parse_text;
use crate::model::TableName;
use crate::model::plugin::{OnFailure, PluginLimits};
use crate::model::schema::{ConflictRule, Constraints, Title};

const TYPES: [FieldType; 7] = [
    FieldType::String,
    FieldType::Integer,
    FieldType::Number,
    FieldType::Boolean,
    FieldType::Date,
    FieldType::DateTime,
    FieldType::List,
];

/// Fields 0 to 6 have the types above; 7 is an enum, 8 is secret.
fn table() -> Table {
    let field = |(id, field_type): (u16, FieldType)| Field {
        id: FieldId(id),
        name: format!("f{id}").into(),
        field_type,
        format: None,
        region: "CN".into(),
        headers: Vec::new(),
        generate: None,
        constraints: Constraints::default(),
        class: "basic".into(),
        conflict: ConflictRule::Review,
        group: None,
    };
    let kinds = TYPES.into_iter().chain([FieldType::String, FieldType::String]);
    let mut fields: Vec<Field> = (0..).zip(kinds).map(field).collect();
    fields[7].constraints.allowed = vec!["gold".into(), "silver".into()];
    let name = TableName::new("customers");
    Table { name, title: Title::default(), primary_key: vec![FieldId(0)], owner: None, department: None, fields }
}

/// Reads 0 to 2, writes 1 to 7.
fn setup() -> PluginSetup {
    PluginSetup {
        name: "p".into(),
        path: "p.wasm".into(),
        sha256: None,
        table: TableName::new("customers"),
        reads: (0..3).map(FieldId).collect(),
        writes: (1..8).map(FieldId).collect(),
        jobs: None,
        resolves: Vec::new(),
        on_failure: OnFailure::Hold,
        settings: "{}".into(),
        limits: PluginLimits { memory_bytes_max: 1 << 20, time_max: Duration::from_secs(1) },
        disabled: false,
    }
}

fn with_gate<T>(test: impl FnOnce(&Gate<'_>) -> T) -> T {
    let (setup, table) = (setup(), table());
    let read: ReadValue = Arc::new(|text, field| parse_text(text, field).map_err(|error| error.code));
    test(&Gate::new(&setup, &table, &read).unwrap())
}

fn change(row: u32, column: u32, value: Option<&str>) -> types::Change {
    types::Change { row, column, value: value.map(str::to_owned), reason: "because".to_owned() }
}

fn issue(row: u32, column: Option<u32>) -> types::Issue {
    let (code, message) = ("a-rule".to_owned(), "wrong".to_owned());
    types::Issue { row, column, severity: types::Severity::Error, code, message }
}

/// What became of one value: as text, or the reason.
fn set(column: u32, value: &str) -> String {
    with_gate(|gate| match gate.changes(vec![change(0, column, Some(value))], 1) {
        Ok(changes) => changes[0].value.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string),
        Err(fault) => fault.to_string(),
    })
}

#[test]
fn a_plugin_is_shown_what_it_reads_and_nothing_else() {
    with_gate(|gate| {
        let schema = gate.schema();
        let names: Vec<&str> = schema.columns.iter().map(|column| column.name).collect();
        assert_eq!(names, ["f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7"]);
        let cells = (0..9).map(|id| (FieldId(id), Cell::Value(Value::Text("secret".into())))).collect();
        let rows = [PluginRow { cells }];
        let cells = gate.cells(rows.iter());
        let borrowed = cells.borrowed();
        let wire = cells.rows(&borrowed);
        let shown = [Some("secret"), Some("secret"), Some("secret"), None, None, None, None, None];
        assert_eq!(wire[0].cells, shown);
    });
}

#[test]
fn masks_are_never_shown_and_unreadable_texts_only_as_text() {
    with_gate(|gate| {
        let show = |cell: Cell, id: u16| {
            let rows = [PluginRow { cells: vec![(FieldId(id), cell)] }];
            gate.cells(rows.iter()).borrowed()[usize::from(id)].map(str::to_owned)
        };
        assert_eq!(show(Cell::Masked("138****".into()), 0), None);
        assert_eq!(show(Cell::Raw(" 1380 ".into()), 0).as_deref(), Some("1380"));
        assert_eq!(show(Cell::Raw("12a".into()), 1), None);
        assert_eq!(show(Cell::Formula(Some(Box::new(Value::Integer(-4)))), 1).as_deref(), Some("-4"));
        assert_eq!(show(Cell::Value(Value::Number("1234.5".parse().unwrap())), 2).as_deref(), Some("1234.5"));
        assert_eq!(show(Cell::Value(Value::Text("e\u{301}".into())), 0).as_deref(), Some("\u{e9}"));
    });
}

#[test]
fn values_have_the_form_of_their_field_and_keep_to_its_constraints() {
    assert_eq!(set(1, " -12 "), "-12");
    assert_eq!(set(2, "1234.50"), "1234.5");
    assert_eq!(set(3, "true"), "true");
    assert_eq!(set(4, "2026-03-01"), "2026-03-01");
    assert_eq!(set(5, "2026-03-01T08:30:00"), "2026-03-01T08:30:00");
    assert_eq!(set(6, "b; a"), "a; b");
    assert_eq!(set(7, "gold\u{202e}\u{7}"), "gold");
    for (column, value) in [
        (1, "1.5"),
        (1, "1万"),
        (1, "99999999999999999999"),
        (2, "1e5"),
        (2, "1,000"),
        (2, "NaN"),
        (3, "yes"),
        (4, "2026-02-30"),
        (4, "1.3.2026"),
        (5, "2026-04-02"),
        (7, "bronze"),
    ] {
        let what = set(column, value);
        assert!(what.contains(&format!("`f{column}`")), "{value}: {what}");
        assert!(!what.contains(value), "the value stands in no message: {what}");
    }
    assert!(set(6, &"字".repeat(VALUE_CHARS_MAX + 1)).contains("longer than a cell"));
}

#[test]
fn a_column_that_is_not_in_writes_is_not_set() {
    assert!(set(0, "X").contains("not in its `writes`"));
    assert!(set(8, "X").contains("a column that is not there: there are 8"));
}

#[test]
fn what_each_record_must_have_is_not_emptied() {
    let (setup, mut table) = (setup(), table());
    table.fields[1].constraints.required = true;
    let read: ReadValue = Arc::new(|text, field| parse_text(text, field).map_err(|error| error.code));
    let gate = Gate::new(&setup, &table, &read).unwrap();
    for empty in [None, Some(""), Some(" \u{200b}")] {
        assert!(gate.changes(vec![change(0, 1, empty)], 1).is_err());
        assert_eq!(gate.changes(vec![change(0, 2, empty)], 1).unwrap()[0].value, None);
    }
}

#[test]
fn two_changes_of_one_cell_are_refused() {
    with_gate(|gate| {
        let twice = vec![change(0, 1, Some("1")), change(1, 1, Some("1")), change(0, 1, Some("2"))];
        assert!(gate.changes(twice, 2).unwrap_err().to_string().contains("twice"));
    });
}

#[test]
fn labels_are_certain_from_0_to_1_and_the_most_certain_first_one_counts() {
    let (mut setup, table) = (setup(), table());
    setup.writes = vec![FieldId(7)];
    let read: ReadValue = Arc::new(|text, field| parse_text(text, field).map_err(|error| error.code));
    let gate = Gate::new(&setup, &table, &read).unwrap();
    let label = |name: &str, confidence| types::Label { row: 0, name: name.to_owned(), confidence };
    for confidence in [f32::NAN, f32::INFINITY, -0.1, 1.1] {
        assert!(gate.labels(vec![label("gold", confidence)], 1).is_err(), "{confidence}");
    }
    assert!(gate.labels(vec![label("", 1.0)], 1).is_err());
    assert!(gate.labels(vec![label("gold", 0.9), label("bronze", 0.1)], 1).is_err());
    let changes = gate.labels(vec![label("silver", 0.5), label("gold", 0.5)], 1).unwrap();
    assert_eq!(changes[0].value, Some(Value::Text("silver".into())));
}

/// What became of one row that was read in a mail of two lines: its cells as texts, or the reason.
fn read(line: u32, cells: &[(usize, &str)]) -> String {
    let mut all = vec![None; 8];
    for (column, text) in cells {
        all[*column] = Some((*text).to_owned());
    }
    told(vec![mail::Reading { cells: all, line }])
}

fn told(readings: Vec<mail::Reading>) -> String {
    with_gate(|gate| match gate.readings(readings, 2) {
        Ok(readings) => {
            let row = |reading: PluginReading| {
                let cells = reading.cells.iter().map(|(id, value)| format!("{}={value}", id.0));
                format!("{}: {}", reading.line, cells.collect::<Vec<_>>().join(" "))
            };
            readings.into_iter().map(row).collect::<Vec<_>>().join("; ")
        }
        Err(fault) => fault.to_string(),
    })
}

#[test]
fn what_is_read_in_a_mail_is_of_columns_that_may_be_set_and_of_lines_that_are_there() {
    assert_eq!(read(1, &[(0, "C-1"), (1, "12"), (7, "gold")]), "0: 0=C-1 1=12 7=gold");
    assert_eq!(read(2, &[(0, "C-1"), (3, " "), (4, "2026-03-01")]), "1: 0=C-1 4=2026-03-01");
    for (line, cells, part) in [
        (0, &[(0, "C-1")][..], "a line that was not sent: there are 2, from 1"),
        (3, &[(0, "C-1")], "a line that was not sent: there are 2, from 1"),
        (1, &[(1, "twelve")], "has not the form of a whole number"),
        (1, &[(7, "brass")], "was refused"),
    ] {
        let said = read(line, cells);
        assert!(said.contains(part), "{said}");
    }
    let narrow = vec![mail::Reading { cells: vec![None; 7], line: 1 }];
    assert!(told(narrow).contains("has another number of cells than there are columns (8)"));
    let many = (0..9).map(|_| mail::Reading { cells: vec![None; 8], line: 1 }).collect();
    assert!(told(many).contains("has more items than the 8 that it may have"));
    // The field is shown, it is no key, and the office has not listed it in `writes`.
    let (setup, table) = (PluginSetup { writes: vec![FieldId(1)], ..setup() }, table());
    let value: ReadValue = Arc::new(|text, field| parse_text(text, field).map_err(|error| error.code));
    let gate = Gate::new(&setup, &table, &value).unwrap();
    let reading = mail::Reading { cells: vec![None, None, Some("1.5".to_owned())], line: 1 };
    assert!(gate.readings(vec![reading], 1).unwrap_err().to_string().contains("`f2`, which is not in its `writes`"));
}

#[test]
fn messages_are_cleaned_and_cut_and_codes_are_codes() {
    with_gate(|gate| {
        let message = format!("a\u{1b}[31m\nb\u{202e}{}", "字".repeat(9999));
        let issues = gate.issues(vec![types::Issue { message, ..issue(0, None) }], 1).unwrap();
        assert!(issues[0].message.starts_with("a [31m b字"), "{}", issues[0].message);
        assert_eq!(issues[0].message.chars().count(), MESSAGE_CHARS_MAX + 1);
        for code in ["", "No", "a b", "\u{1b}", &"a".repeat(65)] {
            assert!(gate.issues(vec![types::Issue { code: code.to_owned(), ..issue(0, None) }], 1).is_err());
        }
        assert!(gate.issues(vec![types::Issue { message: "\u{200b}\n".to_owned(), ..issue(0, None) }], 1).is_err());
        assert!(gate.issues(vec![issue(0, None); ANSWERS_PER_ROW_MAX + 1], 1).is_err());
    });
}

#[test]
fn a_code_holds_no_cell_and_is_none_of_daybooks_own() {
    with_gate(|gate| {
        let says = |code: &str| gate.issues(vec![types::Issue { code: code.to_owned(), ..issue(0, None) }], 1);
        for code in ["check-digit", "iso8601"] {
            // Four digits are more than a code needs.
            assert_eq!(says(code).is_ok(), code == "check-digit", "{code}");
        }
        for code in ["p13800138000", "plugin-failed", "plugin-held", "", "Check", "a b", "税号"] {
            let fault = says(code).expect_err(code).to_string();
            assert!(code.is_empty() || !fault.contains(code), "{fault}");
        }
    });
}

/// A telephone number fits into each of them, and faults go into the log.
#[test]
fn numbers_that_a_plugin_chooses_are_repeated_in_no_fault() {
    const NUMBER: u32 = 1_380_013_800;
    with_gate(|gate| {
        let label = |confidence| types::Label { row: 0, name: "1".to_owned(), confidence };
        let dispute = Dispute { row: 0, field: FieldId(1), base: None, stored: None, incoming: None };
        let verdict = |dispute| merge::Resolution { dispute, verdict: merge::Verdict::Ask, reason: String::new() };
        let reading = |line, cells: usize| mail::Reading { cells: vec![None; cells], line };
        let twice = vec![change(137, 1, Some("1")), change(137, 1, Some("2"))];
        let disputes = [&dispute, &dispute, &dispute, &dispute];
        let faults = [
            ("1380013800", gate.issues(vec![issue(NUMBER, None)], 1).err()),
            ("1380013800", gate.issues(vec![issue(0, Some(NUMBER))], 1).err()),
            ("1380013800", gate.changes(vec![change(0, NUMBER, None)], 1).err()),
            ("1380013", gate.labels(vec![label(1_380_013.0)], 1).err()),
            ("1380013800", gate.resolutions(vec![verdict(NUMBER)], &disputes).err()),
            ("3", gate.resolutions(vec![verdict(3), verdict(3)], &disputes).err()),
            ("1380013800", gate.readings(vec![reading(NUMBER, 8)], 2).err()),
            ("1380013799", gate.readings(vec![reading(NUMBER, 8)], 2).err()),
            ("137", gate.readings(vec![reading(1, 137)], 2).err()),
            ("137", gate.issues(vec![issue(0, None); 137], 1).err()),
            ("138", gate.changes(twice, 200).err()),
        ];
        for (at, (number, fault)) in faults.into_iter().enumerate() {
            let told = fault.unwrap_or_else(|| panic!("case {at} is no answer")).to_string();
            assert!(!told.contains(number), "case {at}: {told}");
        }
    });
}

#[test]
fn a_dispute_of_a_field_that_the_plugin_may_not_see_or_set_is_not_sent() {
    with_gate(|gate| {
        for (field, sent) in [(0, false), (1, true), (2, true), (3, false), (8, false)] {
            let dispute = Dispute { row: 0, field: FieldId(field), base: None, stored: None, incoming: None };
            assert_eq!(gate.dispute(&dispute).is_ok(), sent, "{field}");
        }
    });
}

proptest! {
    #[test]
    fn no_position_beyond_the_batch_passes(row in any::<u32>(), column in any::<Option<u32>>(), rows in 0_usize..300) {
        with_gate(|gate| {
            let inside = (row as usize) < rows && column.is_none_or(|column| column < 8);
            prop_assert_eq!(gate.issues(vec![issue(row, column)], rows).is_ok(), inside);
            if let Some(column) = column {
                // Empty is a value of every field but the key, which is column 0 and not in `writes`.
                let allowed = (row as usize) < rows && (1..8).contains(&column);
                prop_assert_eq!(gate.changes(vec![change(row, column, None)], rows).is_ok(), allowed);
            }
            Ok(())
        })?;
    }

    #[test]
    fn a_value_that_passes_is_of_the_fields_type_and_reads_back_as_itself(column in 1_u32..7, value in "\\PC{0,12}|-?[0-9]{1,9}(\\.[0-9]{1,4})?|20[0-9]{2}-[01][0-9]-[0-3][0-9](T[0-2][0-9]:30:00)?|true|false") {
        with_gate(|gate| {
            let Ok(changes) = gate.changes(vec![change(0, column, Some(&value))], 1) else { return Ok(()) };
            let Some(value) = &changes[0].value else { return Ok(()) };
            let fits = matches!(
                (TYPES[column as usize], value),
                (FieldType::Integer, Value::Integer(_)) | (FieldType::Number, Value::Number(_))
                    | (FieldType::Boolean, Value::Boolean(_)) | (FieldType::Date, Value::Date(_))
                    | (FieldType::DateTime, Value::DateTime(_)) | (FieldType::List, Value::List(_))
            );
            prop_assert!(fits, "{:?}", value);
            let again = gate.changes(vec![change(0, column, Some(&wire_text(value)))], 1);
            let again = again.ok().and_then(|changes| changes[0].value.clone());
            prop_assert_eq!(again.as_ref(), Some(value));
            Ok(())
        })?;
    }
}
