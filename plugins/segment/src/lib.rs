//! Classifies customers by rules in its settings: the first rule whose conditions all hold gives the class.
//!
//! ```toml
//! settings = { rules = [
//!     { label = "重点", when = [{ field = "revenue", at_least = 1000000 }, { field = "stage", one_of = ["signed"] }] },
//!     { label = "沉睡", when = [{ field = "last_order", days_ago_at_least = 365 }] },
//! ], otherwise = "普通" }
//! ```
//!
//! A condition names a field and one test: `at_least`, `below` (numbers), `one_of`, `contains` (texts), `days_ago_at_least`,
//! `days_ago_below` (dates, counted to today), `empty` (`true` or `false`). An empty cell passes no test but `empty = true`. Without
//! `otherwise`, a row that no rule fits keeps its class.

use daybook_plugin_sdk::prelude::*;
use serde::Deserialize;

/// What stands in `settings`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    rules: Vec<Written>,
    otherwise: Option<String>,
}

/// A rule as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    label: String,
    when: Vec<Condition>,
}

/// A condition as it is written: of the tests there is one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Condition {
    field: String,
    at_least: Option<Decimal>,
    below: Option<Decimal>,
    one_of: Option<Vec<String>>,
    contains: Option<String>,
    days_ago_at_least: Option<i32>,
    days_ago_below: Option<i32>,
    empty: Option<bool>,
}

#[derive(Debug)]
enum Test {
    AtLeast(Decimal),
    Below(Decimal),
    OneOf(Vec<String>),
    Contains(String),
    DaysAgoAtLeast(i32),
    DaysAgoBelow(i32),
    Empty(bool),
}

/// The rule.
#[derive(Debug)]
pub struct Segment {
    rules: Vec<(String, Vec<(Column, Test)>)>,
    otherwise: Option<String>,
    today: Date,
}

impl Condition {
    /// The one test that it has; `None` if it has none or several.
    fn test(&self) -> Option<Test> {
        let tests = [
            self.at_least.map(Test::AtLeast),
            self.below.map(Test::Below),
            self.one_of.clone().map(Test::OneOf),
            self.contains.clone().map(Test::Contains),
            self.days_ago_at_least.map(Test::DaysAgoAtLeast),
            self.days_ago_below.map(Test::DaysAgoBelow),
            self.empty.map(Test::Empty),
        ];
        let mut tests = tests.into_iter().flatten();
        tests.next().filter(|_| tests.next().is_none())
    }
}

impl Test {
    /// The kind of column that it needs; any if it says nothing.
    const fn kind(&self) -> Option<Kind> {
        match self {
            Self::AtLeast(_) | Self::Below(_) => Some(Kind::Decimal),
            Self::DaysAgoAtLeast(_) | Self::DaysAgoBelow(_) => Some(Kind::Date),
            Self::OneOf(_) | Self::Contains(_) | Self::Empty(_) => None,
        }
    }

    fn holds(&self, cell: Cell<'_>, today: Date) -> bool {
        let days_ago = || cell.date().map(|date| date.days_until(today));
        match self {
            Self::AtLeast(limit) => cell.decimal().is_some_and(|number| number >= *limit),
            Self::Below(limit) => cell.decimal().is_some_and(|number| number < *limit),
            Self::OneOf(texts) => cell.text().is_some_and(|text| texts.iter().any(|own| own == text)),
            Self::Contains(part) => cell.text().is_some_and(|text| text.contains(part.as_str())),
            Self::DaysAgoAtLeast(limit) => days_ago().is_some_and(|days| days >= *limit),
            Self::DaysAgoBelow(limit) => days_ago().is_some_and(|days| days < *limit),
            Self::Empty(empty) => cell.is_empty() == *empty,
        }
    }
}

impl Plugin for Segment {
    type Settings = Settings;
    const MANIFEST: Manifest = manifest!().writes(&["segment"]).settings_schema(
        r#"{"type":"object","required":["rules"],"properties":{"otherwise":{"type":"string"},"rules":{"type":"array","items":{"type":"object","required":["label","when"]}}}}"#,
    );

    fn new(settings: Settings, schema: Schema<'_>, context: Context) -> Result<Self, Failure> {
        let mut rules = Vec::new();
        for Written { label, when } in settings.rules {
            let mut tests = Vec::new();
            for condition in when {
                let test = condition
                    .test()
                    .ok_or_else(|| Failure::BadSettings(format!("a condition of `{label}` needs one test")))?;
                let column = match test.kind() {
                    Some(kind) => schema.column_of(&condition.field, kind)?,
                    None => schema.column(&condition.field)?,
                };
                tests.push((column, test));
            }
            rules.push((label, tests));
        }
        Ok(Self { rules, otherwise: settings.otherwise, today: context.as_of() })
    }

    fn check(settings: &Settings) -> Result<(), String> {
        for Written { label, when } in &settings.rules {
            if let Some(condition) = when.iter().find(|condition| condition.test().is_none()) {
                return Err(format!(
                    "the condition on `{}` of `{label}` needs one test, and only one",
                    condition.field
                ));
            }
            if when.is_empty() {
                return Err(format!("`{label}` has no condition; use `otherwise` for what no rule fits"));
            }
        }
        Ok(())
    }
}

impl Classifier for Segment {
    fn classify(&self, row: Row<'_>, labels: &mut Labels) {
        let fits =
            |tests: &[(Column, Test)]| tests.iter().all(|(column, test)| test.holds(row.cell(*column), self.today));
        let found = self.rules.iter().find(|(_, tests)| fits(tests)).map(|(label, _)| label);
        if let Some(label) = found.or(self.otherwise.as_ref()) {
            labels.add(label);
        }
    }
}

daybook_plugin_sdk::classifier!(Segment);

#[cfg(test)]
mod tests {
    daybook_plugin_sdk::fixtures!(super::Segment: classify);
}
