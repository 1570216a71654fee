//! `table.field.constraints`: what a value must keep to, checked against the field's type.

use compact_str::{CompactString, ToCompactString};
use jiff::civil;
use regex::{Regex, RegexBuilder};
use rust_decimal::Decimal;
use toml::de::DeValue;

use super::problem::ProblemKind;
use super::reader::{Item, Located, Reader, Spot};
use crate::model::FieldType;
use crate::model::schema::{Bound, Constraints};

/// What a compiled pattern may take. An office's patterns take a few kilobytes.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// Reads the section. Without a type (it was wrong) nothing is checked against it.
pub(super) fn read_constraints(mut reader: Reader<'_>, field_type: Option<FieldType>) -> Constraints {
    let required = reader.item("required").and_then(Item::boolean).unwrap_or(false);
    let unique = reader.item("unique").and_then(Item::boolean).unwrap_or(false);
    let pattern = read_pattern(&mut reader, field_type);
    let allowed = read_enum(&mut reader, field_type);
    let minimum = read_bound(&mut reader, "minimum", field_type);
    let maximum = read_bound(&mut reader, "maximum", field_type);
    let min_length = read_length(&mut reader, "min_length", field_type);
    let max_length = read_length(&mut reader, "max_length", field_type);
    if let (Some(minimum), Some(maximum)) = (&minimum, &maximum) {
        check_order(&reader, is_above(minimum.value, maximum.value), &maximum.spot, "minimum");
    }
    if let (Some(minimum), Some(maximum)) = (&min_length, &max_length) {
        check_order(&reader, minimum.value > maximum.value, &maximum.spot, "min_length");
    }
    reader.finish();
    Constraints {
        required,
        unique,
        pattern,
        allowed,
        minimum: minimum.map(|bound| bound.value),
        maximum: maximum.map(|bound| bound.value),
        min_length: min_length.map(|length| length.value),
        max_length: max_length.map(|length| length.value),
    }
}

/// Reports a constraint that fields of this type don't have; whether they do.
fn check_type(reader: &Reader<'_>, spot: &Spot, field_type: Option<FieldType>, fitting: &[FieldType]) -> bool {
    let Some(field_type) = field_type else { return false };
    let fits = fitting.contains(&field_type);
    if !fits {
        let message = format!("is not for fields of type `{}`", super::table::type_name(field_type));
        let names: Vec<&str> = fitting.iter().map(|fitting| super::table::type_name(*fitting)).collect();
        let hint = format!("only for {}", super::reader::listed(names));
        reader.report.add(spot, ProblemKind::Contradiction, message, hint);
    }
    fits
}

fn check_order(reader: &Reader<'_>, is_wrong: bool, spot: &Spot, lower: &str) {
    if is_wrong {
        reader.report.add(spot, ProblemKind::Contradiction, format!("lies below `{lower}`"), "no value could be both");
    }
}

fn is_above(minimum: Bound, maximum: Bound) -> bool {
    match (minimum, maximum) {
        (Bound::Number(minimum), Bound::Number(maximum)) => minimum > maximum,
        (Bound::Date(minimum), Bound::Date(maximum)) => minimum > maximum,
        _ => false,
    }
}

fn read_pattern(reader: &mut Reader<'_>, field_type: Option<FieldType>) -> Option<Regex> {
    let item = reader.item("pattern")?;
    check_type(reader, &item.spot, field_type, &[FieldType::String]);
    let pattern = item.text()?;
    // Alone first: `a)(b` is no pattern, though `^(?:a)(b)$` is one.
    let compile = |text: &str| RegexBuilder::new(text).size_limit(PATTERN_BYTES_MAX).build();
    match compile(&pattern.value).and_then(|_| compile(&format!("^(?:{})$", pattern.value))) {
        Ok(regex) => Some(regex),
        Err(error) => {
            // The library's message draws the place over several lines; the last one says what it is.
            let text = error.to_string();
            let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
            let message = format!("`{}` is not a regular expression: {reason}", pattern.value);
            let hint = "the whole text must match; the syntax is that of Rust's `regex`";
            reader.report.add(&pattern.spot, ProblemKind::WrongValue, message, hint);
            None
        }
    }
}

fn read_enum(reader: &mut Reader<'_>, field_type: Option<FieldType>) -> Vec<CompactString> {
    let Some(item) = reader.item("enum") else { return Vec::new() };
    let fitting = [
        FieldType::String,
        FieldType::List,
        FieldType::Integer,
        FieldType::Number,
        FieldType::Date,
        FieldType::DateTime,
    ];
    if !check_type(reader, &item.spot, field_type, &fitting) {
        return Vec::new();
    }
    let spot = item.spot.clone();
    let Some(items) = item.items("a list of values") else { return Vec::new() };
    if items.is_empty() {
        reader.report.add(&spot, ProblemKind::WrongValue, "must not be empty", "without `enum` every value is allowed");
    }
    let mut allowed: Vec<CompactString> = Vec::with_capacity(items.len());
    for item in items {
        let Some(text) = enum_text(item, field_type) else { continue };
        let canonical = canonical_text(&text.value, field_type);
        match canonical {
            Some(value) if allowed.contains(&value) => {
                let message = format!("`{}` is there twice", text.value);
                reader.report.add(&text.spot, ProblemKind::Duplicate, message, "");
            }
            Some(value) => allowed.push(value),
            None => {
                let type_name = field_type.map_or("", super::table::type_name);
                let message = format!("`{}` is not a value of type `{type_name}`", text.value);
                reader.report.add(&text.spot, ProblemKind::WrongValue, message, "");
            }
        }
    }
    allowed
}

/// A value of an enum as it is written; numbers may stand without quotes.
fn enum_text(item: Item<'_>, field_type: Option<FieldType>) -> Option<Located<String>> {
    match (item.raw(), field_type) {
        (DeValue::Integer(number), Some(FieldType::Integer | FieldType::Number)) if number.radix() == 10 => {
            Some(Located { value: number.as_str().to_owned(), spot: item.spot })
        }
        (DeValue::Float(number), Some(FieldType::Number)) => {
            Some(Located { value: number.as_str().to_owned(), spot: item.spot })
        }
        (DeValue::Datetime(at), Some(FieldType::Date | FieldType::DateTime)) => {
            Some(Located { value: at.to_string(), spot: item.spot })
        }
        _ => item.text(),
    }
}

/// A value in the form that values of the type have when they are written; `None` if it is no such value.
pub(super) fn canonical_text(text: &str, field_type: Option<FieldType>) -> Option<CompactString> {
    match field_type {
        Some(FieldType::Integer) => text.parse::<i64>().ok().map(|number| number.to_compact_string()),
        Some(FieldType::Number) => decimal(text).map(|number| number.normalize().to_compact_string()),
        Some(FieldType::Date) => text.parse::<civil::Date>().ok().map(|date| date.to_compact_string()),
        Some(FieldType::DateTime) => {
            let at = text.parse::<civil::DateTime>().ok()?;
            Some(at.strftime("%Y-%m-%dT%H:%M:%S").to_compact_string())
        }
        Some(FieldType::Boolean) => text.parse::<bool>().ok().map(|flag| flag.to_compact_string()),
        Some(FieldType::String | FieldType::List) | None => Some(text.into()),
    }
}

fn read_bound(reader: &mut Reader<'_>, key: &'static str, field_type: Option<FieldType>) -> Option<Located<Bound>> {
    let item = reader.item(key)?;
    let ordered = [FieldType::Integer, FieldType::Number, FieldType::Date, FieldType::DateTime];
    if !check_type(reader, &item.spot, field_type, &ordered) {
        return None;
    }
    let spot = item.spot.clone();
    let bound = match (field_type?, item.raw()) {
        (FieldType::Integer | FieldType::Number, DeValue::Integer(number)) => {
            i64::from_str_radix(number.as_str(), number.radix()).ok().map(|number| Bound::Number(number.into()))
        }
        (FieldType::Number, DeValue::Float(number)) => decimal(number.as_str()).map(Bound::Number),
        (FieldType::Date | FieldType::DateTime, DeValue::Datetime(at)) if at.time.is_none() => {
            at.to_string().parse().ok().map(Bound::Date)
        }
        (FieldType::Date | FieldType::DateTime, DeValue::String(text)) => text.parse().ok().map(Bound::Date),
        (FieldType::Integer, _) => {
            item.wrong_type("a whole number", "");
            return None;
        }
        (FieldType::Number, _) => {
            item.wrong_type("a number", "");
            return None;
        }
        _ => {
            item.wrong_type("a date", "as `2026-03-01`");
            return None;
        }
    };
    if bound.is_none() {
        let hint = "numbers have up to 28 digits, dates are written as `2026-03-01`";
        reader.report.add(&spot, ProblemKind::WrongValue, "can't be read as a bound", hint);
    }
    Some(Located { value: bound?, spot })
}

fn read_length(reader: &mut Reader<'_>, key: &'static str, field_type: Option<FieldType>) -> Option<Located<usize>> {
    let item = reader.item(key)?;
    check_type(reader, &item.spot, field_type, &[FieldType::String]);
    item.whole(&(0..=1_000_000))
}

/// A decimal number as TOML writes it, exactly.
fn decimal(text: &str) -> Option<Decimal> {
    let text = text.strip_prefix('+').unwrap_or(text);
    Decimal::from_str_exact(text).or_else(|_| Decimal::from_scientific(text)).ok()
}
