//! What a fixture says.

use std::fmt;

use serde::Deserialize;

/// Rows, and what a plugin should say of them. The authors' guide describes the file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Fixture {
    /// Today: `2026-03-01` unless the file says otherwise.
    #[serde(default = "as_of")]
    pub as_of: String,
    /// The office's language: `zh-CN` unless the file says otherwise.
    #[serde(default = "locale")]
    pub locale: String,
    /// The table's name: `customers` unless the file says otherwise.
    #[serde(default = "table")]
    pub table: String,
    /// The plugin's settings.
    #[serde(default)]
    pub settings: toml::Table,
    /// The columns.
    #[serde(rename = "column")]
    pub columns: Vec<FixtureColumn>,
    /// The rows.
    #[serde(default, rename = "row")]
    pub rows: Vec<FixtureRow>,
    /// Disputed cells, for a plugin that merges.
    #[serde(default, rename = "dispute")]
    pub disputes: Vec<FixtureDispute>,
    /// A mail, for a plugin that reads mails.
    pub mail: Option<FixtureMail>,
    /// The failure that the whole batch should end with; then nothing is expected of its rows.
    pub failure: Option<Expected>,
}

fn as_of() -> String {
    "2026-03-01".to_owned()
}

fn locale() -> String {
    "zh-CN".to_owned()
}

fn table() -> String {
    "customers".to_owned()
}

const fn yes() -> bool {
    true
}

/// A column of a fixture.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "the file has them side by side")]
pub struct FixtureColumn {
    /// The field's name.
    pub name: String,
    /// `text` unless the file says otherwise; or `integer`, `decimal`, `date`, `flag`.
    #[serde(default = "text")]
    pub kind: String,
    /// A record must have it.
    #[serde(default)]
    pub required: bool,
    /// It says which record a row is: a reader of mails may name it without `writes`.
    #[serde(default)]
    pub key: bool,
    /// The office lists it in `reads`: so unless the file says otherwise.
    #[serde(default = "yes")]
    pub reads: bool,
    /// The office lists it in `writes`.
    #[serde(default)]
    pub writes: bool,
}

fn text() -> String {
    "text".to_owned()
}

/// A row of a fixture, and what is expected of it. What isn't named must not be said.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FixtureRow {
    /// Its cells, by the columns; an empty text is an empty cell.
    pub cells: Vec<String>,
    /// What a validator says is wrong, in any order.
    #[serde(default)]
    pub issues: Vec<ExpectedIssue>,
    /// What a normaliser says should be different, in any order.
    #[serde(default)]
    pub changes: Vec<ExpectedChange>,
    /// The class that a classifier finds most certain.
    pub label: Option<String>,
}

/// An expected issue.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedIssue {
    /// The column's name; none for the row as a whole.
    pub column: Option<String>,
    /// `error` unless the file says otherwise; or `warning`, `info`.
    #[serde(default = "error")]
    pub severity: String,
    /// The code.
    pub code: String,
    /// A part of the message.
    pub says: Option<String>,
}

fn error() -> String {
    "error".to_owned()
}

/// An expected change.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedChange {
    /// The column's name.
    pub column: String,
    /// The value; an empty text empties the cell.
    pub value: String,
    /// A part of the reason.
    pub says: Option<String>,
}

/// A disputed cell of a fixture.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FixtureDispute {
    /// The position of its row, from 0.
    #[serde(default)]
    pub row: u32,
    /// The column's name.
    pub column: String,
    /// What both people saw; an empty text is an empty cell, here and below.
    #[serde(default)]
    pub base: String,
    /// What is stored.
    #[serde(default)]
    pub stored: String,
    /// What came in.
    #[serde(default)]
    pub incoming: String,
    /// What should become of it.
    pub verdict: ExpectedVerdict,
    /// The value, where the verdict is `value`.
    pub value: Option<String>,
    /// A part of the reason.
    pub says: Option<String>,
}

/// An expected verdict.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum ExpectedVerdict {
    /// What is stored stays.
    Stored,
    /// What came in takes its place.
    Incoming,
    /// The value in `value` takes its place.
    Value,
    /// A person decides, or there is no resolution.
    Ask,
}

/// A mail of a fixture.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FixtureMail {
    /// The sender's address.
    pub sender: String,
    /// The subject.
    #[serde(default)]
    pub subject: String,
    /// When it was sent.
    #[serde(default = "sent_at")]
    pub sent_at: String,
    /// What the sender wrote.
    pub text: String,
    /// The rows that it should be read as, in this order.
    #[serde(default, rename = "reading")]
    pub readings: Vec<FixtureReading>,
}

fn sent_at() -> String {
    "2026-03-01T08:30:00+08:00".to_owned()
}

/// An expected row of a mail.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct FixtureReading {
    /// Its cells, by the columns; of a cell with an empty text nothing is said.
    pub cells: Vec<String>,
    /// Its line, from 1.
    pub line: u32,
}

/// An expected failure.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// `bad-settings` (also what the check of settings says), `bad-input`, `unsupported` or `internal`.
    pub kind: String,
    /// A part of its text.
    pub says: Option<String>,
}

/// Why a file is no fixture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixtureError(String);

impl FixtureError {
    pub(super) fn new(what: &str) -> Self {
        Self(what.to_owned())
    }
}

impl fmt::Display for FixtureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for FixtureError {}

impl Fixture {
    /// Reads a fixture.
    ///
    /// # Errors
    ///
    /// The text is no TOML, has other keys, or contradicts itself.
    pub fn parse(toml: &str) -> Result<Self, FixtureError> {
        let fixture: Self = toml::from_str(toml).map_err(|error| FixtureError(error.to_string()))?;
        fixture.contradiction().map_or(Ok(fixture), |what| Err(FixtureError(what)))
    }

    /// The settings as JSON, as the contract sends them.
    ///
    /// # Panics
    ///
    /// Never: TOML's values are JSON's, but for dates, which become texts.
    pub fn settings_json(&self) -> String {
        let settings = json(toml::Value::Table(self.settings.clone()));
        settings.to_string()
    }

    fn contradiction(&self) -> Option<String> {
        let known = |name: &str| self.columns.iter().any(|column| column.name == name);
        let kinds = ["text", "integer", "decimal", "date", "flag"];
        if let Some(column) = self.columns.iter().find(|column| !kinds.contains(&column.kind.as_str())) {
            return Some(format!(
                "column `{}`: `{}` is no kind; use one of {}",
                column.name,
                column.kind,
                kinds.join(", ")
            ));
        }
        if self.columns.iter().skip_while(|column| column.reads).any(|column| column.reads) {
            return Some("columns with `reads = false` come after all others: so they are sent".to_owned());
        }
        if let Some(column) = self.columns.iter().find(|column| !column.reads && !column.writes) {
            return Some(format!("column `{}` is neither read nor written, so it is never sent", column.name));
        }
        for (at, row) in self.rows.iter().enumerate() {
            if row.cells.len() != self.columns.len() {
                let count = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
                let (cells, columns) = (count(row.cells.len(), "cell"), count(self.columns.len(), "column"));
                let are = if self.columns.len() == 1 { "is" } else { "are" };
                return Some(format!("row {at} has {cells}, and there {are} {columns}"));
            }
            let withheld = self.columns.iter().zip(&row.cells).find(|(column, cell)| !column.reads && !cell.is_empty());
            if let Some((column, _)) = withheld {
                return Some(format!(
                    "row {at}: the cell of `{}`, which isn't read, is never sent: leave it empty",
                    column.name
                ));
            }
            let named = row.issues.iter().filter_map(|issue| issue.column.as_deref());
            let mut named = named.chain(row.changes.iter().map(|change| change.column.as_str()));
            if let Some(name) = named.find(|name| !known(name)) {
                return Some(format!("row {at} expects something of `{name}`, which is no column"));
            }
        }
        for (at, dispute) in self.disputes.iter().enumerate() {
            if !known(&dispute.column) || dispute.row as usize >= self.rows.len() {
                return Some(format!("dispute {at} is of a row or column that isn't there"));
            }
            if dispute.value.is_some() != (dispute.verdict == ExpectedVerdict::Value) {
                return Some(format!("dispute {at}: `value` goes with the verdict `value`, and only with it"));
            }
        }
        let readings = self.mail.iter().flat_map(|mail| &mail.readings);
        readings
            .into_iter()
            .any(|reading| reading.cells.len() != self.columns.len())
            .then(|| format!("a reading has another number of cells than the {} columns", self.columns.len()))
    }
}

fn json(value: toml::Value) -> serde_json::Value {
    match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(flag) => flag.into(),
        toml::Value::Datetime(time) => time.to_string().into(),
        toml::Value::Array(values) => values.into_iter().map(json).collect(),
        toml::Value::Table(table) => table.into_iter().map(|(key, value)| (key, json(value))).collect(),
    }
}
