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
                    let part = expected.says.iter().map(|part| [", saying “", part, "”"].concat()).collect::<String>();
                    return Err(format!("it failed with {kind}: {text}; expected was {}{part}", expected.kind));
                }
                return Ok(());
            }
        }
        for (at, (expected, said)) in self.rows.iter().zip(&outcome.rows).enumerate() {
            said.issues.iter().try_for_each(coded).map_err(|what| format!("row {at}: {what}"))?;
            same(&expected.issues, &said.issues, issue_fits).map_err(|what| format!("row {at}, issues: {what}"))?;
            self.permitted(&said.changes).map_err(|what| format!("row {at}: {what}"))?;
            same(&expected.changes, &said.changes, change_fits).map_err(|what| format!("row {at}, changes: {what}"))?;
            if expected.label != said.label {
                let (said, expected) = (shown(said.label.as_deref()), shown(expected.label.as_deref()));
                return Err(format!("row {at}: its label is {said}, expected was {expected}"));
            }
        }
        for (at, (expected, said)) in self.disputes.iter().zip(&outcome.resolutions).enumerate() {
            let (verdict, value, reason) = said.clone().unwrap_or((ExpectedVerdict::Ask, None, String::new()));
            if (verdict, &value) != (expected.verdict, &expected.value) || !says(expected.says.as_ref(), &reason) {
                let said = resolved(verdict, value.as_deref(), Some(&reason));
                let expected = resolved(expected.verdict, expected.value.as_deref(), expected.says.as_deref());
                return Err(format!("dispute {at} was resolved by {said}; expected was {expected}"));
            }
        }
        let readings = self.mail.as_ref().map_or(&[][..], |mail| &mail.readings);
        if readings != outcome.readings {
            let rows = |readings: &[FixtureReading]| {
                listed(readings.iter().map(|one| format!("line {}: {}", one.line, one.cells.join(" | "))))
            };
            return Err(format!("the mail was read as {}; expected was {}", rows(&outcome.readings), rows(readings)));
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

/// The longest code, in bytes, and the most digits in one: Daybook's own limits.
const CODE_BYTES_MAX: usize = 64;
const CODE_DIGITS_MAX: usize = 3;

/// Daybook refuses what is no code, and the whole answer with it.
fn coded(issue: &SaidIssue) -> Result<(), String> {
    let code = &issue.code;
    let is_one = (1..=CODE_BYTES_MAX).contains(&code.len())
        && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && code.bytes().filter(u8::is_ascii_digit).count() <= CODE_DIGITS_MAX
        && !code.starts_with("plugin-");
    if is_one {
        return Ok(());
    }
    Err(format!(
        "Daybook refuses the code `{code}`, and the whole answer with it: a code has small letters, `-`, at most {CODE_DIGITS_MAX} digits and {CODE_BYTES_MAX} \
         bytes, and does not begin with `plugin-`"
    ))
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
fn same<E: fmt::Display, S: fmt::Display>(expected: &[E], said: &[S], fits: fn(&E, &S) -> bool) -> Result<(), String> {
    let mut left: Vec<&S> = said.iter().collect();
    for one in expected {
        let found = left
            .iter()
            .position(|said| fits(one, said))
            .ok_or_else(|| format!("{one} is missing; it said {}", listed(said.iter())))?;
        left.remove(found);
    }
    if left.is_empty() { Ok(()) } else { Err(format!("{} was not expected", listed(left.into_iter()))) }
}

fn listed<S: fmt::Display>(said: impl Iterator<Item = S>) -> String {
    let said: Vec<String> = said.map(|one| one.to_string()).collect();
    if said.is_empty() { "nothing".to_owned() } else { said.join("; ") }
}

/// Writes what is expected as it is said: `too-short` (error) in `name`, saying “太短”.
impl fmt::Display for ExpectedIssue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        issue(f, &self.code, &self.severity, self.column.as_deref())?;
        self.says.iter().try_for_each(|part| write!(f, ", saying “{part}”"))
    }
}

impl fmt::Display for SaidIssue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        issue(f, &self.code, &self.severity, self.column.as_deref())?;
        write!(f, ", “{}”", self.message)
    }
}

fn issue(f: &mut fmt::Formatter<'_>, code: &str, severity: &str, column: Option<&str>) -> fmt::Result {
    write!(f, "`{code}` ({severity}) ")?;
    match column {
        Some(column) => write!(f, "in `{column}`"),
        None => f.write_str("of the whole row"),
    }
}

impl fmt::Display for ExpectedChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` becoming “{}”", self.column, self.value)?;
        self.says.iter().try_for_each(|part| write!(f, ", saying “{part}”"))
    }
}

impl fmt::Display for SaidChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` becoming “{}”, “{}”", self.column, self.value.as_deref().unwrap_or_default(), self.reason)
    }
}

fn shown(text: Option<&str>) -> String {
    text.map_or_else(|| "none".to_owned(), |text| format!("“{text}”"))
}

fn resolved(verdict: ExpectedVerdict, value: Option<&str>, reason: Option<&str>) -> String {
    let verdict = match verdict {
        ExpectedVerdict::Stored => "stored",
        ExpectedVerdict::Incoming => "incoming",
        ExpectedVerdict::Ask => "ask",
        ExpectedVerdict::Value => "value",
    };
    let value = value.map_or_else(String::new, |value| format!(" “{value}”"));
    let reason = reason.map_or_else(String::new, |reason| format!(", saying “{reason}”"));
    format!("`{verdict}`{value}{reason}")
}
