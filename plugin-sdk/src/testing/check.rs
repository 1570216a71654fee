//! What a plugin said of a fixture, and how that differs from what was expected.

use std::fmt;

use super::fixture::{ExpectedChange, ExpectedIssue, ExpectedVerdict, Fixture, FixtureReading};

/// What a plugin said of a fixture, natively or as a component.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Kind and text of the failure, if the batch failed.
    pub failure: Option<(String, String)>,
    /// What it said of each row.
    pub rows: Vec<RowOutcome>,
    /// What it said of each dispute: the verdict, its value, and the reason.
    pub resolutions: Vec<Option<(ExpectedVerdict, Option<String>, String)>>,
    /// What it read in the mail.
    pub readings: Vec<FixtureReading>,
}

/// What a plugin said of a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowOutcome {
    /// What is wrong.
    pub issues: Vec<SaidIssue>,
    /// What should be different.
    pub changes: Vec<SaidChange>,
    /// Its class.
    pub label: Option<String>,
}

/// An issue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaidIssue {
    /// The column's name; none for the row as a whole.
    pub column: Option<String>,
    /// `info`, `warning` or `error`.
    pub severity: String,
    /// The code.
    pub code: String,
    /// The message.
    pub message: String,
}

/// A change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaidChange {
    /// The column's name.
    pub column: String,
    /// The value; none empties the cell.
    pub value: Option<String>,
    /// The reason.
    pub reason: String,
}

impl Outcome {
    /// Nothing was said of anything.
    pub fn new(fixture: &Fixture) -> Self {
        Self {
            failure: None,
            rows: vec![RowOutcome::default(); fixture.rows.len()],
            resolutions: vec![None; fixture.disputes.len()],
            readings: Vec::new(),
        }
    }
}

impl Fixture {
    /// Compares what was said with what is expected.
    ///
    /// # Errors
    ///
    /// The first difference, in words.
    pub fn check(&self, outcome: &Outcome) -> Result<(), String> {
        match (&self.failure, &outcome.failure) {
            (None, None) => {}
            (None, Some((kind, text))) => return Err(format!("it failed: {kind}: {text}")),
            (Some(expected), None) => return Err(format!("it did not fail, expected was {}", expected.kind)),
            (Some(expected), Some((kind, text))) => {
                if *kind != expected.kind || !says(expected.says.as_ref(), text) {
                    return Err(format!("it failed with {kind}: {text}; expected was {expected:?}"));
                }
                return Ok(());
            }
        }
        for (at, (expected, said)) in self.rows.iter().zip(&outcome.rows).enumerate() {
            same(&expected.issues, &said.issues, issue_fits).map_err(|what| format!("row {at}, issues: {what}"))?;
            self.permitted(&said.changes).map_err(|what| format!("row {at}: {what}"))?;
            same(&expected.changes, &said.changes, change_fits).map_err(|what| format!("row {at}, changes: {what}"))?;
            if expected.label != said.label {
                return Err(format!("row {at}: its label is {:?}, expected was {:?}", said.label, expected.label));
            }
        }
        for (at, (expected, said)) in self.disputes.iter().zip(&outcome.resolutions).enumerate() {
            let (verdict, value, reason) = said.clone().unwrap_or((ExpectedVerdict::Ask, None, String::new()));
            if (verdict, &value) != (expected.verdict, &expected.value) || !says(expected.says.as_ref(), &reason) {
                return Err(format!("dispute {at} was resolved by {said:?}, expected was {expected:?}"));
            }
        }
        let readings = self.mail.as_ref().map_or(&[][..], |mail| &mail.readings);
        if readings != outcome.readings {
            return Err(format!("the mail was read as {:?}, expected was {readings:?}", outcome.readings));
        }
        Ok(())
    }

    /// The host refuses a change of a column that is not in `writes`, and the whole answer with it.
    fn permitted(&self, changes: &[SaidChange]) -> Result<(), String> {
        let may = |name: &str| self.columns.iter().any(|column| column.name == *name && column.writes);
        let wrong = changes.iter().find(|change| !may(&change.column));
        wrong.map_or(Ok(()), |change| Err(format!("it changes `{}`, which has no `writes = true`", change.column)))
    }
}

fn says(part: Option<&String>, text: &str) -> bool {
    part.is_none_or(|part| text.contains(part.as_str()))
}

fn issue_fits(expected: &ExpectedIssue, said: &SaidIssue) -> bool {
    (&expected.column, &expected.severity, &expected.code) == (&said.column, &said.severity, &said.code)
        && says(expected.says.as_ref(), &said.message)
}

fn change_fits(expected: &ExpectedChange, said: &SaidChange) -> bool {
    expected.column == said.column
        && expected.value == said.value.as_deref().unwrap_or_default()
        && says(expected.says.as_ref(), &said.reason)
}

/// Each of the expected is among the said once, and nothing else is.
fn same<E: fmt::Debug, S: fmt::Debug>(expected: &[E], said: &[S], fits: fn(&E, &S) -> bool) -> Result<(), String> {
    let mut left: Vec<&S> = said.iter().collect();
    for one in expected {
        let found = left
            .iter()
            .position(|said| fits(one, said))
            .ok_or_else(|| format!("{one:?} is missing; said was {said:?}"))?;
        left.remove(found);
    }
    if left.is_empty() { Ok(()) } else { Err(format!("{left:?} was not expected")) }
}
