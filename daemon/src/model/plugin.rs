//! Plugins as the stages know them: what the office allows each, and what one said of rows.

use std::path::PathBuf;
use std::time::Duration;

use compact_str::CompactString;

use super::{Cell, FieldId, TableName, Value};

/// A plugin's name in the configuration.
pub type PluginName = CompactString;

/// A plugin as the office has configured it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginSetup {
    /// Its name.
    pub name: PluginName,
    /// The component's file.
    pub path: PathBuf,
    /// What the file's SHA-256 has to be.
    pub sha256: Option<[u8; 32]>,
    /// The table whose rows it is given.
    pub table: TableName,
    /// The fields that it sees, in the order of its columns.
    pub reads: Vec<FieldId>,
    /// The fields that it may set.
    pub writes: Vec<FieldId>,
    /// The jobs that it is asked for; `None` for all that it offers but the reading of mails. See [`lets`](Self::lets).
    pub jobs: Option<Vec<PluginJob>>,
    /// The fields whose conflicts it decides: each is one that it sees and may set.
    pub resolves: Vec<FieldId>,
    /// What becomes of rows for which it has no answer.
    pub on_failure: OnFailure,
    /// Its settings: a JSON object.
    pub settings: String,
    /// What it may use.
    pub limits: PluginLimits,
    /// It is configured and not run.
    pub disabled: bool,
}

impl PluginSetup {
    /// Whether the office lets the plugin do a job. Mails are read only by a plugin of which the office says so: what a mail holds
    /// is nowhere in `reads`.
    pub fn lets(&self, job: PluginJob) -> bool {
        self.jobs.as_ref().map_or(job != PluginJob::Mail, |jobs| jobs.contains(&job))
    }

    /// The names of the jobs that the plugin is asked for, if it offers these.
    pub fn asked(&self, offered: &[PluginJob]) -> Vec<&'static str> {
        let asked = PluginJob::NAMED.into_iter().filter(|(_, job)| self.lets(*job) && offered.contains(job));
        asked.map(|(name, _)| name).collect()
    }
}

/// What becomes of rows for which a plugin has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// They are held until a person decides.
    Hold,
    /// They are taken as if there were no plugin, and that is told.
    Skip,
}

/// What a plugin may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PluginLimits {
    /// The most linear memory that an instance may have.
    pub memory_bytes_max: u64,
    /// How long a batch may take, the instance's start included.
    pub time_max: Duration,
}

/// What a plugin does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PluginJob {
    /// Brings cells into one form.
    Normalise,
    /// Says what is wrong with rows.
    Validate,
    /// Says to which class rows belong.
    Classify,
    /// Decides conflicts.
    Merge,
    /// Reads rows out of mails.
    Mail,
}

impl PluginJob {
    /// All jobs, by their names in the contract and in the configuration.
    pub const NAMED: [(&str, Self); 5] = [
        ("normalise", Self::Normalise),
        ("validate", Self::Validate),
        ("classify", Self::Classify),
        ("merge", Self::Merge),
        ("mail", Self::Mail),
    ];
}

/// Which plugin said something: stands in the history of each cell that it set or refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginVersion {
    /// Its name in the configuration.
    pub name: PluginName,
    /// The version that it says it is.
    pub version: CompactString,
    /// SHA-256 of its file.
    pub sha256: [u8; 32],
}

/// The plugin that a rule of the history names; `None` if it is another kind of rule.
pub fn plugin_of_rule(rule: &str) -> Option<&str> {
    let rest = rule.strip_prefix("plugin:")?;
    Some(rest.split_once('@').map_or(rest, |(name, _)| name))
}

impl PluginVersion {
    /// The rule's name in the history, like `plugin:uscc@1.2.0#9f86d081884c7d65`.
    pub fn rule(&self) -> CompactString {
        use std::fmt::Write as _;
        let mut rule = format!("plugin:{}@{}#", self.name, self.version);
        for byte in self.sha256.iter().take(8) {
            // Writing into a `String` can't fail.
            let _ok = write!(rule, "{byte:02x}");
        }
        rule.into()
    }
}

/// A row for a plugin: all of it that is known. What the office does not let the plugin see is withheld in `plugin`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginRow {
    /// Its cells, ascending by field.
    pub cells: Vec<(FieldId, Cell)>,
}

/// A cell that two people changed differently, for a plugin that decides conflicts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dispute {
    /// The position of its row in the request.
    pub row: usize,
    /// The field.
    pub field: FieldId,
    /// What both of them saw.
    pub base: Option<Value>,
    /// What is stored.
    pub stored: Option<Value>,
    /// What came in.
    pub incoming: Option<Value>,
}

/// How bad an issue is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Is told and changes nothing.
    Info,
    /// The row is taken, and its author is told.
    Warning,
    /// The row is held.
    Error,
}

/// Something that a plugin says is wrong with a row. Texts are one line without control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// The position of the row in the request.
    pub row: usize,
    /// The field; `None` for the row as a whole.
    pub field: Option<FieldId>,
    /// How bad it is.
    pub severity: Severity,
    /// Which of the plugin's rules.
    pub code: CompactString,
    /// For office people.
    pub message: String,
}

/// What a plugin says a cell should hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginChange {
    /// The position of the row in the request.
    pub row: usize,
    /// The field: one that the office lets the plugin set.
    pub field: FieldId,
    /// The value, of the field's type; `None` empties the cell.
    pub value: Option<Value>,
    /// For office people.
    pub reason: String,
}

/// A mail of a proved sender, for a plugin that reads mails.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PluginMail {
    /// The address that it came from.
    pub sender: String,
    /// Its subject.
    pub subject: String,
    /// When it was sent: RFC 3339, in the office's time zone.
    pub sent_at: String,
    /// The lines that its author wrote, from the first. What the plugin may not see is an empty line.
    pub lines: Vec<String>,
}

/// A row that a plugin has read in a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginReading {
    /// The position of the line in [`PluginMail::lines`].
    pub line: usize,
    /// What it says of which field, ascending: fields that the plugin may set, and those that say which record it is.
    pub cells: Vec<(FieldId, Value)>,
}

/// What a plugin says becomes of a disputed cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// The position of the dispute in the request.
    pub dispute: usize,
    /// What becomes of the cell.
    pub verdict: PluginVerdict,
    /// For office people.
    pub reason: String,
}

/// What becomes of a disputed cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PluginVerdict {
    /// What is stored stays.
    Stored,
    /// What came in takes its place.
    Incoming,
    /// This takes its place; `None` empties the cell.
    Value(Option<Value>),
    /// A person decides.
    Ask,
}
