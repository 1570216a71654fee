//! Laws of reading a cell, for every kind of cell and every type of field.

#![expect(clippy::unwrap_used, reason = "a failed test may panic")]

use compact_str::{CompactString, ToCompactString};
use jiff::civil::{Date, DateTime, Time};
use proptest::prelude::*;
use rust_decimal::Decimal;

use super::sample::{field, formatted, place, raw_row, table, text, typed, with};
use super::{Columns, parse_text, row, value};
use crate::codec::sheet::RawCell;
use crate::model::schema::{Bound, Constraints};
use crate::model::{Cell, Field, FieldId, FieldType, Format, Value};

const TYPES: [FieldType; 7] = [
    FieldType::String,
    FieldType::Integer,
    FieldType::Number,
    FieldType::Boolean,
    FieldType::Date,
    FieldType::DateTime,
    FieldType::List,
];
const FORMATS: [Format; 6] = [Format::Email, Format::Phone, Format::Uri, Format::Uuid, Format::Uscc, Format::CnId];

/// Fields of every type and format, with and without constraints, of classes that may and may not be quoted.
fn fields() -> impl Strategy<Value = Field> {
    let constrained = Constraints {
        pattern: Some(regex::Regex::new("^(?:[A-Z]-[0-9]+|.{0,3})$").unwrap()),
        allowed: ["A-1", "已签约", "2025-03-01", "1.5"].map(CompactString::from).to_vec(),
        minimum: Some(Bound::Number(Decimal::ONE)),
        maximum: Some(Bound::Number(Decimal::ONE_THOUSAND)),
        min_length: Some(1),
        max_length: Some(4),
        ..Constraints::default()
    };
    let plain = prop::sample::select(TYPES.to_vec()).prop_map(typed);
    let formatted = prop::sample::select(FORMATS.to_vec()).prop_map(formatted);
    let constrained = prop::sample::select(TYPES.to_vec()).prop_map(move |kind| with(kind, constrained.clone()));
    (prop_oneof![3 => plain, 2 => formatted, 1 => constrained], prop::sample::select(vec!["basic", "sensitive"]))
        .prop_map(|(field, class)| Field { class: class.into(), ..field })
}

/// Texts that look like values, or nearly.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[-+(]?[¥￥$]?[0-9０-９,.，]{1,20}[%万亿元)eE]{0,3}",
        "[0-9０-９]{1,4}[-/.年 ][0-9A-Za-z月]{1,9}[-/.月, ][0-9]{1,4}日?[ T]?(上午|下午)?[0-9:时分]{0,8}(Z|\\+08:00| pm)?",
        "[ +(0-9)转x#-]{0,24}",
        "[a-zA-Z0-9.@_：:/ \u{3000}\u{200b}-]{0,30}",
        "[a甲;；、,|\n #N/A]{0,12}",
        "(#N/A|####|_x000D_|TRUE|是|1\\.38E\\+10|\r\n| ){0,4}",
    ]
}

fn moments() -> impl Strategy<Value = DateTime> {
    (-9999_i16..=9999, 1_i8..=12, 1_i8..=28, 0_i8..24, 0_i8..60, 0_i8..60, 0_i32..1_000_000_000)
        .prop_map(|(y, mo, d, h, mi, s, n)| DateTime::new(y, mo, d, h, mi, s, n).unwrap())
}

fn cells() -> impl Strategy<Value = RawCell> {
    prop_oneof![
        Just(RawCell::Empty),
        texts().prop_map(|written| RawCell::Text(written.into())),
        any::<f64>().prop_map(RawCell::Number),
        (-200_000_i32..200_000).prop_map(|number| RawCell::Number(f64::from(number) / 4.0)),
        (0_i64..20_000_000_000).prop_map(|number| RawCell::Number(number.to_string().parse().unwrap())),
        any::<bool>().prop_map(RawCell::Boolean),
        moments().prop_map(RawCell::DateTime),
        texts().prop_map(|written| RawCell::Duration(written.into())),
        texts().prop_map(|written| RawCell::Error(written.into())),
    ]
}

/// Values in canonical form, with the type of their field.
fn canonical_values() -> impl Strategy<Value = (FieldType, Value)> {
    let date = (1000_i16..=9999, 1_i8..=12, 1_i8..=28).prop_map(|(y, m, d)| Date::new(y, m, d).unwrap());
    let time = (0_i8..24, 0_i8..60, 0_i8..60).prop_map(|(h, m, s)| Time::new(h, m, s, 0).unwrap());
    let decimal = (any::<i128>(), 0_u32..=28).prop_map(|(digits, scale)| {
        Decimal::from_i128_with_scale(digits % 79_228_162_514_264_337_593_543_950_335, scale).normalize()
    });
    prop_oneof![
        any::<i64>().prop_map(|number| (FieldType::Integer, Value::Integer(number))),
        decimal.prop_map(|number| (FieldType::Number, Value::Number(number))),
        any::<bool>().prop_map(|flag| (FieldType::Boolean, Value::Boolean(flag))),
        date.clone().prop_map(|date| (FieldType::Date, Value::Date(date))),
        (date, time).prop_map(|(date, time)| (FieldType::DateTime, Value::DateTime(date.to_datetime(time)))),
        "[a-z甲乙][a-z甲乙 \n]{0,10}[a-z甲乙]".prop_map(|text| (FieldType::String, Value::Text(text.into()))),
        prop::collection::btree_set("[a-z甲乙]{1,8}", 1..5)
            .prop_map(|items| (FieldType::List, Value::List(items.into_iter().map(CompactString::from).collect()))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn a_cell_is_read_or_told_of(raw in cells(), field in fields(), names_record: bool) {
        match value::read(&raw, &field, names_record) {
            Ok(Cell::Value(Value::Text(text))) => {
                prop_assert!(!text.is_empty());
                prop_assert_eq!(crate::model::compare::trimmed(&text), text.as_str());
            }
            Ok(Cell::Value(Value::List(items))) => {
                prop_assert!(!items.is_empty());
                prop_assert!(items.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", items);
            }
            Ok(cell) => prop_assert!(!matches!(cell, Cell::Raw(_) | Cell::Masked(_))),
            Err(error) => {
                prop_assert!(error.message.ends_with('.') && error.hint.ends_with('.'), "{:?}", error);
                prop_assert!(error.message.chars().count() < 200);
            }
        }
    }

    #[test]
    fn a_value_reads_back_as_itself(raw in cells(), field in fields()) {
        if let Ok(Cell::Value(read)) = value::read(&raw, &field, false) {
            let again = parse_text(&read.to_string(), &field);
            prop_assert_eq!(again, Ok(Cell::Value(read)), "{:?}", raw);
        }
    }

    #[test]
    fn a_canonical_value_reads_back_from_its_display((kind, value) in canonical_values()) {
        prop_assert_eq!(parse_text(&value.to_string(), &typed(kind)), Ok(Cell::Value(value)));
    }

    #[test]
    fn numbers_saved_as_text_are_the_same(number in -999_999_999_999_999_i64..=999_999_999_999_999, scale in 0_u32..6) {
        let digits = Decimal::new(number, scale).normalize().to_string();
        let raw = RawCell::Number(digits.parse().unwrap());
        for kind in [FieldType::String, FieldType::Integer, FieldType::Number] {
            let field = typed(kind);
            prop_assert_eq!(value::read(&raw, &field, true).ok(), value::read(&text(&digits), &field, true).ok());
        }
    }

    #[test]
    fn dates_saved_as_text_are_the_same(at in moments().prop_filter("a year that is kept", |at| at.year() > 1900)) {
        let at = super::date::to_second(at);
        let iso = Value::DateTime(at).to_compact_string();
        let spaced = iso.replace('T', " ");
        for kind in [FieldType::Date, FieldType::DateTime] {
            let expected = value::read(&RawCell::DateTime(at), &typed(kind), false);
            prop_assert!(expected.is_ok());
            prop_assert_eq!(&value::read(&text(&iso), &typed(kind), false), &expected);
            prop_assert_eq!(&value::read(&text(&spaced), &typed(kind), false), &expected);
        }
        let day = at.date().to_datetime(Time::midnight());
        let read = |raw: &RawCell| value::read(raw, &typed(FieldType::String), false);
        prop_assert_eq!(read(&RawCell::DateTime(day)), read(&text(&at.date().to_string())));
    }

    #[test]
    fn outer_white_space_is_none(written in texts(), field in fields(), space in "[ \t\n\u{3000}\u{a0}\u{200b}\u{feff}\u{202a}]{0,3}") {
        let spaced = format!("{space}{written}{space}");
        let (plain, spaced) = (value::read(&text(&written), &field, false), value::read(&text(&spaced), &field, false));
        prop_assert_eq!(plain.ok(), spaced.ok());
    }

    #[test]
    fn a_row_has_a_cell_for_each_column(raws in prop::collection::vec(cells(), 3), order in Just([0_u32, 1, 2]).prop_shuffle()) {
        let table = table(vec![
            field(0, "id", FieldType::String, &[]),
            field(1, "amount", FieldType::Number, &[]),
            field(2, "day", FieldType::Date, &[]),
        ]);
        let columns = Columns { mapped: (0..3).map(|id| (FieldId(id), order[usize::from(id)])).collect(), keyed: true, answer: None, unknown: Vec::new() };
        let cells: Vec<(u32, RawCell)> = (0_u32..).zip(raws).filter(|(_, raw)| *raw != RawCell::Empty).collect();
        let mut problems = Vec::new();
        if let Some(row) = row(&raw_row(5, &cells), &columns, &table, &place(), &mut problems) {
            prop_assert!(row.cells.is_sorted_by_key(|(id, _)| *id) && row.cells.len() == 3);
            prop_assert!(row.cells.iter().any(|(_, cell)| *cell != Cell::Blank));
            let raw = row.cells.iter().filter(|(_, cell)| matches!(cell, Cell::Raw(_))).count();
            prop_assert_eq!(raw, problems.len());
            prop_assert_eq!(row.key.is_some(), row.cells[0].1.value().is_some());
        } else {
            prop_assert!(problems.is_empty());
        }
    }
}

#[test]
fn only_basic_content_is_quoted() {
    let secret = text("31/31/26");
    let mut field = typed(FieldType::Date);
    assert!(value::read(&secret, &field, false).unwrap_err().message.contains("31/31/26"));
    for class in ["transaction", "service", "sensitive", "own"] {
        field.class = class.into();
        let error = value::read(&secret, &field, false).unwrap_err();
        assert!(!error.message.contains("31/31/26") && !error.hint.contains("31/31/26"), "{error:?}");
    }
}

#[test]
fn a_problem_says_what_happened_and_what_to_do() {
    let table = table(vec![field(0, "id", FieldType::String, &[]), field(1, "day", FieldType::Date, &[])]);
    let columns =
        Columns { mapped: vec![(FieldId(0), 0), (FieldId(1), 2)], keyed: true, answer: None, unknown: Vec::new() };
    let mut problems = Vec::new();
    let row = row(&raw_row(14, &[(0, text("C-1")), (2, text("31/31/26"))]), &columns, &table, &place(), &mut problems);
    assert_eq!(row.unwrap().cell(FieldId(1)), Some(&Cell::Raw("31/31/26".into())));
    let [problem] = &problems[..] else { panic!("{problems:?}") };
    assert_eq!(problem.field, Some(FieldId(1)));
    assert_eq!(problem.problem.place, "客户.xlsx!客户!C14");
    assert_eq!(
        problem.problem.message,
        "客户.xlsx!客户!C14: `31/31/26` is not a date. The cell was not taken over; the rest of the row was."
    );
    assert_eq!(problem.problem.hint, "Write the date as 2026-03-31.");
}

#[test]
fn a_row_of_blanks_is_no_row() {
    let table = table(vec![field(0, "id", FieldType::String, &[])]);
    let columns = Columns { mapped: vec![(FieldId(0), 0)], keyed: true, answer: None, unknown: Vec::new() };
    let mut problems = Vec::new();
    let raw = raw_row(3, &[(0, text(" \u{3000}")), (1, text("not ours"))]);
    assert!(row(&raw, &columns, &table, &place(), &mut problems).is_none());
    assert!(problems.is_empty());
}
