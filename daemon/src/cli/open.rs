//! From the command line to an open pipeline: configuration, key, store.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::Failure;
use super::plugins::host::OfficePlugins;
use crate::config::{self, Config, KeySource};
use crate::error::Words;
use crate::io::{OsEntropy, Program, RealDisk, SystemClock, private};
use crate::model::{Actor, TableName};
use crate::pipeline::{Parts, Pipeline};
use crate::plugin::{NoPlugins, Plugins};
use crate::source::workbook::{ChildPatcher, ChildReader};
use crate::store::{MasterKey, Options, Store};

/// A key file has one line.
const KEY_FILE_BYTES_MAX: u64 = 4096;
/// No sensible configuration is larger.
const CONFIG_BYTES_MAX: u64 = 16 << 20;

/// Whether a store that is not there is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Make {
    /// It is made.
    Yes,
    /// It is an error.
    No,
    /// One in memory stands in for it: nothing is to be changed.
    InMemory,
}

/// Finds, reads and checks the configuration.
pub(crate) fn load_config(named: Option<&Path>) -> Result<Config, Failure> {
    let (path, text) = read_config(named)?;
    config::load(&path, &text).map_err(Failure::Config)
}

/// Finds and reads the configuration: its absolute path and its text.
pub(crate) fn read_config(named: Option<&Path>) -> Result<(PathBuf, String), Failure> {
    let path = match named {
        Some(path) => path.to_owned(),
        None => [PathBuf::from("daybook.toml"), PathBuf::from("/etc/daybook/daybook.toml")]
            .into_iter()
            .find(|path| path.exists())
            .ok_or_else(|| {
                let hint = "`daybook init` writes one here; `--config FILE` names another.";
                Failure::Usage(Words::new("there is no daybook.toml here and none in /etc/daybook", hint))
            })?,
    };
    let path = std::path::absolute(&path)?;
    let unreadable =
        |error: std::io::Error| Failure::Usage(Words::new(format!("`{}` can't be read: {error}", path.display()), ""));
    if std::fs::metadata(&path).map_err(unreadable)?.len() > CONFIG_BYTES_MAX {
        return Err(Failure::Usage(Words::new(format!("`{}` is far too large", path.display()), "")));
    }
    let text = std::fs::read_to_string(&path).map_err(unreadable)?;
    Ok((path, text))
}

/// Reads the master key.
pub(crate) fn read_key(config: &Config) -> Result<MasterKey, Failure> {
    let failed = |path: &Path, what: &str, hint: &str| {
        Failure::Failed(Words::new(format!("the key file `{}` {what}", path.display()), hint))
    };
    let path = match &config.store.key {
        KeySource::File(path) => {
            private::check_private(path).map_err(|error| {
                let missing = error.kind() == std::io::ErrorKind::NotFound;
                let hint =
                    if missing { "`daybook init` makes one." } else { "`chmod 600` it, and see who could read it." };
                failed(path, &format!("can't be used: {error}"), hint)
            })?;
            path.clone()
        }
        KeySource::Credential(name) => {
            let directory = std::env::var_os("CREDENTIALS_DIRECTORY").ok_or_else(|| {
                let what = format!("the credential `{name}` is not there: systemd gave this process none");
                Failure::Failed(Words::new(what, "Start the service with `LoadCredential=`, or set `key_file`."))
            })?;
            PathBuf::from(directory).join(name)
        }
    };
    let bytes = private::read(&path, KEY_FILE_BYTES_MAX)
        .map_err(|error| failed(&path, &format!("can't be read: {error}"), ""))?;
    let text = String::from_utf8(bytes).map_err(|_| failed(&path, "is not a Daybook key", ""))?;
    MasterKey::parse(&text).map_err(|error| failed(&path, &format!("can't be used: {error}"), ""))
}

/// Opens everything that a command works with.
pub(crate) fn open(named: Option<&Path>, make: Make) -> Result<Pipeline, Failure> {
    let config = load_config(named)?;
    let key = read_key(&config)?;
    open_with(config, &key, make)
}

/// Opens the store of a configuration.
pub(crate) fn open_with(config: Config, key: &MasterKey, make: Make) -> Result<Pipeline, Failure> {
    let path = config.store.path.clone();
    let entropy = Box::new(OsEntropy);
    let store = match (path.exists(), make) {
        (true, _) | (false, Make::No) => Store::open(&path, key, entropy, Options::default())?,
        (false, Make::Yes) => {
            if let Some(folder) = path.parent() {
                private::create_folder(folder)?;
            }
            Store::create(&path, key, entropy, Options::default())?
        }
        (false, Make::InMemory) => Store::in_memory(key, entropy)?,
    };
    let reader = ChildReader {
        program: Program::current()?,
        memory_bytes_max: config.limits.child_memory_bytes_max,
        deadline: Duration::from_secs(config.limits.read_seconds_max.into()),
    };
    let patcher = ChildPatcher {
        program: reader.program.clone(),
        memory_bytes_max: reader.memory_bytes_max,
        deadline: reader.deadline,
        workbook_bytes_max: config.limits.workbook_bytes_max,
    };
    let plugins: Box<dyn Plugins> =
        if config.plugins.is_empty() { Box::new(NoPlugins) } else { Box::new(OfficePlugins::new(&config, key)?) };
    let parts = Parts {
        clock: Arc::new(SystemClock),
        entropy: Box::new(OsEntropy),
        disk: Arc::new(RealDisk),
        reader: Arc::new(reader),
        patcher: Arc::new(patcher),
        plugins,
    };
    Ok(Pipeline::new(config, store, parts)?)
}

/// Who `--as` names; the steward if it names nobody.
pub(crate) fn actor(config: &Config, person: Option<&str>) -> Result<Actor, Failure> {
    let Some(person) = person else { return Ok(Actor::Steward) };
    if let Some(post) = person.strip_prefix("role:") {
        let (role, department) = match post.split_once('@') {
            Some((role, department)) => (role, Some(department.to_owned())),
            None => (post, None),
        };
        check_post(config, role, department.as_deref())?;
        return Ok(Actor::Role { role: role.to_owned(), department });
    }
    let email = person.to_lowercase();
    if config.policy.people.iter().any(|known| known.email == email) {
        return Ok(Actor::Person(email));
    }
    let what = format!("nobody in the configuration has the e-mail `{person}`");
    Err(Failure::Usage(Words::new(what, "`--as` takes the e-mail of a `[[person]]`, or `role:NAME@DEPARTMENT`.")))
}

/// Refuses a role or a department that the configuration does not know.
fn check_post(config: &Config, role: &str, department: Option<&str>) -> Result<(), Failure> {
    let policy = &config.policy;
    let held = policy.people.iter().flat_map(|person| person.roles.iter().map(String::as_str));
    let ruled = policy.rules.iter().map(|rule| rule.role.as_str());
    let actors = config.workbooks.iter().map(|book| &book.actor).chain(config.views.iter().map(|view| &view.reader));
    let named = actors.filter_map(|actor| match actor {
        Actor::Role { role, .. } => Some(role.as_str()),
        Actor::Person(_) | Actor::Steward | Actor::Daybook => None,
    });
    let roles: BTreeSet<&str> = held.chain(ruled).chain(named).collect();
    if !roles.contains(role) {
        let what = format!("nothing in the configuration names the role `{role}`");
        return Err(Failure::Usage(Words::new(what, there_are(roles))));
    }
    let Some(department) = department else { return Ok(()) };
    let at_or_above =
        |known: &String| known.strip_prefix(department).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if policy.departments.iter().any(at_or_above) {
        return Ok(());
    }
    let what = format!("there is no department `{department}`");
    Err(Failure::Usage(Words::new(what, there_are(policy.departments.iter().map(String::as_str)))))
}

fn there_are<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    if names.is_empty() { "There are none.".to_owned() } else { format!("There are: {}.", names.join(", ")) }
}

/// The table that a command is about.
pub(crate) fn table(config: &Config, name: Option<&str>) -> Result<TableName, Failure> {
    match (name, config.tables.as_slice()) {
        (Some(name), _) => config.table(name).map(|table| table.name.clone()).ok_or_else(|| {
            let names: Vec<&str> = config.tables.iter().map(|table| table.name.as_str()).collect();
            Failure::Usage(Words::new(
                format!("there is no table `{name}`"),
                format!("There are: {}.", names.join(", ")),
            ))
        }),
        (None, [only]) => Ok(only.name.clone()),
        (None, []) => Err(Failure::Usage(Words::new("the configuration has no table", "Add a `[[table]]`."))),
        (None, tables) => {
            let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
            Err(Failure::Usage(Words::new("which table?", format!("Give `--table`: {}.", names.join(", ")))))
        }
    }
}

/// A point in time as people type it: a date (its end), or RFC 3339. Milliseconds since 1970.
pub(crate) fn time(config: &Config, text: &str) -> Result<crate::model::Timestamp, Failure> {
    let zone = config.office.timezone.clone();
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(crate::model::Timestamp(at.as_millisecond()));
    }
    let local = text
        .parse::<jiff::civil::Date>()
        .ok()
        .and_then(|date| date.tomorrow().ok())
        .map(|date| (date.to_datetime(jiff::civil::Time::midnight()), 1));
    let local = local.or_else(|| text.parse::<jiff::civil::DateTime>().ok().map(|at| (at, 0)));
    let zoned = local.and_then(|(at, before)| at.to_zoned(zone).ok().map(|at| (at, before)));
    if let Some((at, before)) = zoned {
        Ok(crate::model::Timestamp(at.timestamp().as_millisecond() - before))
    } else {
        let what = format!("`{text}` is not a time");
        Err(Failure::Usage(Words::new(what, "Write 2026-03-01, or 2026-03-01T09:30:00+08:00.")))
    }
}
