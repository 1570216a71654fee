//! `daybook.toml`: raw TOML to a checked [`Config`], all problems at once.
//!
//! In: the file's path and text. Out: a [`Config`] in which every name has been looked up and every number lies in its
//! range, or all that is wrong, each with its line. After that no one checks again.
//!
//! The text is read with a reader of our own rather than with serde, because serde stops at the
//! first error. It never opens a file: whether a workbook is there is for `source` to find out.

mod defaults;
mod paths;
mod problem;
mod reader;

mod office;
mod people;

mod constraint;
mod table;

mod source;

mod mailbox;
mod smtp;

mod access;
mod later;
mod plugin;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

pub use self::mailbox::{
    Authentication, Credential, ImapConfig, MailFolders, MailPlace, MailTls, MailboxConfig, Since,
};
pub use self::office::{Guard, KeySource, Language, Limits, Office, StoreConfig, Watch};
pub use self::problem::{ConfigProblem, ProblemKind};
use self::reader::{Reader, Report};
pub use self::smtp::{MailExit, SmtpConfig, SmtpLogin, SmtpServer};
pub use self::source::{BlankCells, Condition, MissingRows, Taking, ViewConfig, WorkbookConfig, Writing};
pub use self::table::CONFLICT_RULES;
use crate::model::Table;
use crate::model::plugin::PluginSetup;
use crate::model::policy::Policy;

/// A configuration that has been checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file itself.
    pub file: PathBuf,
    /// The directory of the file, to which its relative paths have been joined.
    pub directory: PathBuf,
    /// The office.
    pub office: Office,
    /// The store and its key.
    pub store: StoreConfig,
    /// What is kept; a field's id is its position.
    pub tables: Vec<Table>,
    /// Who there is and who may do what.
    pub policy: Policy,
    /// The workbooks that people keep.
    pub workbooks: Vec<WorkbookConfig>,
    /// The workbooks that Daybook makes.
    pub views: Vec<ViewConfig>,
    /// The office's own rules, in the order in which they are asked.
    pub plugins: Vec<PluginSetup>,
    /// Where mails come from; none while they are not supported.
    pub mailboxes: Vec<MailboxConfig>,
    /// How mails are sent; `None` if they are not.
    pub smtp: Option<SmtpConfig>,
    /// What makes an arrival a mass change.
    pub guard: Guard,
    /// What something from outside may cost.
    pub limits: Limits,
    /// How files are watched.
    pub watch: Watch,
}

impl Config {
    /// The table with this name.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name.as_str() == name)
    }
}

/// Reads and checks a configuration. `path` is where `text` stands; relative paths are relative to its directory.
///
/// Fails with all that is wrong, in the order of the file. A text that is not TOML has one problem.
pub fn load(path: &Path, text: &str) -> Result<Config, Vec<ConfigProblem>> {
    let (config, problems, _) = read(path, text);
    match config {
        Some(config) if problems.is_empty() => Ok(config),
        _ => Err(problems),
    }
}

/// Reads a configuration; also tells which keys were asked for.
fn read(path: &Path, text: &str) -> (Option<Config>, Vec<ConfigProblem>, BTreeSet<String>) {
    let report = Report::new(path.to_path_buf(), text);
    let (document, errors) = DeTable::parse_recoverable(text);
    // The first in the text: those behind it may only follow from it.
    let error = errors.iter().min_by_key(|error| error.span().map_or(usize::MAX, |span| span.start));
    let config = match error {
        None => read_document(path, &report, document.get_ref()),
        Some(error) => {
            report.add_syntax(error);
            None
        }
    };
    let (problems, keys) = report.into_parts();
    (config, problems, keys)
}

/// Reads the sections in the order in which they name each other. `None` if the store has no key.
fn read_document(file: &Path, report: &Report, document: &DeTable<'_>) -> Option<Config> {
    let directory = paths::directory_of(file);
    let mut root = Reader::root(report, document);
    let office = office::read_office(&mut root);
    let store = office::read_store(&mut root, &directory);
    let mut people = people::read_people(&mut root);
    let (tables, claims) = table::read_tables(&mut root, &people, &office.country);
    let mut names = Vec::new();
    let (workbooks, views) = source::read_sources(&mut root, &directory, &mut people, &tables, &mut names);
    let zone = &office.timezone;
    let mailboxes = mailbox::read_mailboxes(&mut root, &directory, zone, &mut names, &tables);
    let smtp = smtp::read_smtp(&mut root, &directory);
    let rules = access::read_rules(&mut root, &people, &tables);
    let plugins = plugin::read_plugins(&mut root, &directory, &tables, &claims);
    let guard = office::read_guard(&mut root);
    let limits = office::read_limits(&mut root);
    let watch = office::read_watch(&mut root);
    later::refuse_later(&mut root);
    root.finish();
    let policy = Policy { classes: people.classes, departments: people.departments, people: people.people, rules };
    Some(Config {
        file: file.to_owned(),
        directory,
        office,
        store: store?,
        tables,
        policy,
        workbooks,
        views,
        plugins,
        mailboxes,
        smtp,
        guard,
        limits,
        watch,
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests;
