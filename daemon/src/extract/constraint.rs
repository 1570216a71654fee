//! What a value must keep to beyond its type: format, enum, pattern, bounds, length.
//!
//! `required` and `unique` are not checked here: they are about rows and the store, not about a cell.

use std::cmp::Ordering;

use compact_str::{CompactString, ToCompactString};
use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::model::compare::folded;
use crate::model::schema::Bound;
use crate::model::{Field, Value};

use super::fault::{Fault, nearest, quoted, quoted_list};
use super::{format, value};

/// Gives the value back as it is to be kept: an entry of the enum in the enum's own spelling.
pub(super) fn check(value: Value, field: &Field) -> Result<Value, Fault> {
    if let Some(wanted) = field.format {
        for text in texts(&value) {
            format::check(text, wanted, field)?;
        }
    }
    let rules = &field.constraints;
    let value = if rules.allowed.is_empty() { value } else { allowed(value, field)? };
    if let Some(pattern) = &rules.pattern {
        let matches = |text: &str| pattern.find(text).is_some_and(|found| found.len() == text.len());
        let follows = match &value {
            Value::Text(text) => matches(text),
            Value::List(items) => items.iter().all(|item| matches(item)),
            other => matches(&other.to_compact_string()),
        };
        if !follows {
            return Err(Fault::with("pattern", "does not have the form that is asked for", form_hint(field)));
        }
    }
    within_bounds(&value, field)?;
    within_length(&value, field)?;
    Ok(value)
}

/// The texts of a value: itself, or a list's items.
fn texts(value: &Value) -> &[CompactString] {
    match value {
        Value::Text(text) => std::slice::from_ref(text),
        Value::List(items) => items,
        _ => &[],
    }
}

fn form_hint(field: &Field) -> String {
    match (&field.generate, &field.constraints.pattern) {
        (Some(generator), _) => format!("Write it like {}.", quoted(&generator.format(42))),
        (None, Some(pattern)) => {
            // The configuration anchors the pattern; show it as the office wrote it.
            let anchored = pattern.as_str();
            let written = anchored.strip_prefix("^(?:").and_then(|rest| rest.strip_suffix(")$")).unwrap_or(anchored);
            format!("The form is {}.", quoted(written))
        }
        (None, None) => String::new(),
    }
}

/// Replaces texts by the enum's spelling of them; refuses what the enum does not have.
fn allowed(value: Value, field: &Field) -> Result<Value, Fault> {
    match value {
        Value::Text(text) => spelled(text, field).map(Value::Text),
        Value::List(items) => {
            let mut items = items.into_iter().map(|item| spelled(item, field)).collect::<Result<Vec<_>, _>>()?;
            items.sort_unstable();
            items.dedup();
            Ok(Value::List(items.into()))
        }
        other => {
            let listed = |entry: &CompactString| {
                value::from_text(entry.clone(), field, false).is_ok_and(|entry| entry.as_ref() == Some(&other))
            };
            let found = field.constraints.allowed.iter().any(listed);
            if found { Ok(other) } else { Err(not_allowed(&other.to_compact_string(), field)) }
        }
    }
}

/// The enum's spelling of a text: exactly, else the only entry that differs in width, case or white space.
fn spelled(text: CompactString, field: &Field) -> Result<CompactString, Fault> {
    let entries = &field.constraints.allowed;
    if entries.contains(&text) {
        return Ok(text);
    }
    let form = folded(&text);
    let mut alike = entries.iter().filter(|entry| folded(entry) == form);
    match (alike.next(), alike.next()) {
        (Some(entry), None) => Ok(entry.clone()),
        _ => Err(not_allowed(&text, field)),
    }
}

fn not_allowed(text: &str, field: &Field) -> Fault {
    let entries = &field.constraints.allowed;
    let forms: Vec<CompactString> = entries.iter().map(|entry| folded(entry)).collect();
    let near =
        nearest(&folded(text), forms.iter().map(CompactString::as_str).zip(entries.iter().map(CompactString::as_str)));
    let list = quoted_list(entries.iter().map(CompactString::as_str));
    // What is near tells what was typed, so it is told of quotable content only.
    let hint = match near {
        Some(near) if field.class == "basic" => format!("Did you mean {}? Allowed: {list}.", quoted(near)),
        _ => format!("Allowed: {list}."),
    };
    Fault::with("not-allowed-value", "is not one of the values allowed here", hint)
}

fn within_bounds(value: &Value, field: &Field) -> Result<(), Fault> {
    let rules = &field.constraints;
    if let Some(bound) = rules.minimum
        && against(value, bound) == Some(Ordering::Less)
    {
        return Err(match bound {
            Bound::Number(least) => Fault::with("too-small", format!("is less than {least}"), least_hint(&least)),
            Bound::Date(least) => Fault::with("too-early", format!("is before {least}"), "Check the date."),
        });
    }
    if let Some(bound) = rules.maximum
        && against(value, bound) == Some(Ordering::Greater)
    {
        return Err(match bound {
            Bound::Number(most) => Fault::with("too-large", format!("is more than {most}"), most_hint(&most)),
            Bound::Date(most) => Fault::with("too-late", format!("is after {most}"), "Check the date."),
        });
    }
    Ok(())
}

fn least_hint(least: &Decimal) -> String {
    format!("Write {least} or more.")
}

fn most_hint(most: &Decimal) -> String {
    format!("Write {most} or less.")
}

/// How a value stands to a bound; `None` if the bound is not for its type.
fn against(value: &Value, bound: Bound) -> Option<Ordering> {
    let date = |date: Date, bound: Bound| match bound {
        Bound::Date(bound) => Some(date.cmp(&bound)),
        Bound::Number(_) => None,
    };
    let number = |number: Decimal, bound: Bound| match bound {
        Bound::Number(bound) => Some(number.cmp(&bound)),
        Bound::Date(_) => None,
    };
    match value {
        Value::Integer(typed) => number(Decimal::from(*typed), bound),
        Value::Number(typed) => number(*typed, bound),
        Value::Date(typed) => date(*typed, bound),
        Value::DateTime(typed) => date(typed.date(), bound),
        Value::Text(_) | Value::Boolean(_) | Value::List(_) => None,
    }
}

/// Characters of a text, items of a list.
fn within_length(value: &Value, field: &Field) -> Result<(), Fault> {
    let (least, most) = (field.constraints.min_length, field.constraints.max_length);
    if least.is_none() && most.is_none() {
        return Ok(());
    }
    let (length, unit) = match value {
        Value::Text(text) => (text.chars().count(), "characters"),
        Value::List(items) => (items.len(), "items"),
        _ => return Ok(()),
    };
    if let Some(least) = least.filter(|least| length < *least) {
        let says = format!("has {length} {unit}, fewer than {least}");
        return Err(Fault::with("too-short", says, format!("Write at least {least} {unit}.")));
    }
    if let Some(most) = most.filter(|most| length > *most) {
        let says = format!("has {length} {unit}, more than {most}");
        return Err(Fault::with("too-long", says, format!("Write at most {most} {unit}.")));
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use crate::extract::parse_text;
    use crate::extract::sample::{check, with};
    use crate::model::FieldType;
    use jiff::civil::date;

    fn one_of(kind: FieldType, allowed: &[&str]) -> Field {
        let allowed = allowed.iter().map(|entry| CompactString::from(*entry)).collect();
        with(kind, crate::model::schema::Constraints { allowed, ..Default::default() })
    }

    #[test]
    fn the_enum_has_one_spelling() {
        let stage = one_of(FieldType::String, &["Lead", "Signed", "已签约", "a b", "A B"]);
        check(
            &stage,
            &[
                ("Signed", "Signed"),
                ("ｓｉｇｎｅｄ", "Signed"),
                ("已 签约", "已签约"),
                ("a b", "a b"),
                // Two entries are as near: neither is taken.
                ("A b", "!not-allowed-value"),
                ("Lost", "!not-allowed-value"),
            ],
        );
        check(
            &one_of(FieldType::List, &["Red", "Blue"]),
            &[("blue; RED; Red", "Blue; Red"), ("green", "!not-allowed-value")],
        );
        check(&one_of(FieldType::Number, &["1.50"]), &[("1.5", "1.5"), ("2", "!not-allowed-value")]);
    }

    #[test]
    fn the_nearest_entry_is_named_only_where_content_may_be() {
        let mut stage = one_of(FieldType::String, &["Signed", "Lead"]);
        let hint = |field: &Field| parse_text("Singed", field).unwrap_err().hint;
        assert_eq!(hint(&stage), "Did you mean `Signed`? Allowed: `Signed`, `Lead`.");
        stage.class = "sensitive".into();
        assert_eq!(hint(&stage), "Allowed: `Signed`, `Lead`.");
    }

    #[test]
    fn the_whole_text_matches_the_pattern() {
        for pattern in ["C-[0-9]+", "^(?:C-[0-9]+)$"] {
            let pattern = Some(regex::Regex::new(pattern).unwrap());
            let field = with(FieldType::String, crate::model::schema::Constraints { pattern, ..Default::default() });
            check(&field, &[(" C-12 ", "C-12"), ("C-12x", "!pattern"), ("xC-12", "!pattern"), ("c-12", "!pattern")]);
            assert_eq!(parse_text("x", &field).unwrap_err().hint, "The form is `C-[0-9]+`.");
        }
    }

    #[test]
    fn bounds_and_lengths_include_their_ends() {
        let rules = |minimum, maximum| crate::model::schema::Constraints { minimum, maximum, ..Default::default() };
        let number = |number: i64| Some(Bound::Number(Decimal::from(number)));
        for kind in [FieldType::Integer, FieldType::Number] {
            let field = with(kind, rules(number(1), number(5)));
            check(&field, &[("1", "1"), ("5", "5"), ("0", "!too-small"), ("6", "!too-large")]);
        }
        let days = rules(Some(Bound::Date(date(2025, 1, 1))), Some(Bound::Date(date(2025, 12, 31))));
        check(
            &with(FieldType::DateTime, days),
            &[
                ("2025-12-31 23:59", "2025-12-31T23:59:00"),
                ("2026-01-01", "!too-late"),
                ("2024-12-31 23:59", "!too-early"),
            ],
        );
        let lengths =
            crate::model::schema::Constraints { min_length: Some(2), max_length: Some(3), ..Default::default() };
        check(
            &with(FieldType::String, lengths.clone()),
            &[("上海", "上海"), ("上", "!too-short"), ("上海贸易", "!too-long"), ("", "-")],
        );
        check(&with(FieldType::List, lengths), &[("long item; b", "b; long item"), ("a", "!too-short")]);
    }
}
