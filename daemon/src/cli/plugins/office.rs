//! `daybook plugin install|pin|enable|disable`: what the office's configuration says of plugins.
//!
//! The new text of `daybook.toml` is checked as a whole before it takes the old one's place, and the old one must still be what was read.
//! A plugin that can't be loaded is not installed.

use std::path::{Path, PathBuf};

use serde_json::json;
use toml_edit::InlineTable;

use super::edit::{self, EditError, Section};
use super::file::{self, hex};
use super::look::{failed, host, job_name, look_at};
use crate::cli::open::{read_config, table};
use crate::cli::output::Out;
use crate::cli::{Failure, Outcome};
use crate::config::{self, Config};
use crate::error::Words;
use crate::io::{Disk, RealDisk, Replaced, replace};
use crate::model::plugin::{PluginJob, PluginSetup};
use crate::pipeline::flow;
use crate::plugin::limits::PLUGIN_BYTES_MAX;

/// The folder beside the configuration into which plugins are installed.
const FOLDER: &str = "plugins";

/// The configuration's file while it is being changed.
struct Office {
    path: PathBuf,
    text: String,
    expected: Option<crate::io::Fingerprint>,
}

impl Office {
    fn open(named: Option<&Path>) -> Result<Self, Failure> {
        // The fingerprint is taken first: a change while the text is read is noticed.
        let (path, _) = read_config(named)?;
        let expected = RealDisk.fingerprint(&path)?;
        let (path, text) = read_config(named)?;
        Ok(Self { path, text, expected })
    }

    fn failed(&self, error: &EditError) -> Failure {
        let path = self.path.display();
        let hint = match error {
            EditError::NotToml(_) => "`daybook check` says where.",
            EditError::Missing(_) => "`daybook plugin list` names those that are there.",
            EditError::There(_) => "Give another name, or take the section out first.",
            EditError::Inline => "Change it by hand.",
        };
        Failure::Usage(Words::new(format!("`{path}` was not changed: {error}"), hint))
    }

    /// Checks the new text and puts it in the place of the old one.
    fn write(&self, text: &str) -> Outcome {
        config::load(&self.path, text).map_err(Failure::Config)?;
        match RealDisk.replace(&self.path, text.as_bytes(), self.expected)? {
            Replaced::Done(_) => Ok(()),
            Replaced::Moved => Err(self.overtaken("Nothing was written; do it again.".to_owned())),
            Replaced::Overtaken { now, kept, .. } => {
                RealDisk.give_back(&self.path, &kept, now)?;
                Err(self.overtaken("Theirs stands; look at it and do it again.".to_owned()))
            }
        }
    }

    fn overtaken(&self, hint: String) -> Failure {
        let what = format!("`{}` was changed by somebody else at this moment", self.path.display());
        Failure::Failed(Words::new(what, hint))
    }

    /// Gives a key of a plugin's section a value.
    fn set(&self, name: &str, key: &str, to: impl Into<toml_edit::Value>) -> Outcome {
        let text = edit::set(&self.text, name, key, to).map_err(|error| self.failed(&error))?;
        self.write(&text)
    }
}

/// Runs a plugin from now on, or no longer.
pub(super) fn enable(named: Option<&Path>, name: &str, enabled: bool, out: &mut Out) -> Outcome {
    Office::open(named)?.set(name, "enabled", enabled)?;
    if out.json {
        out.value(&json!({ "name": name, "enabled": enabled }));
    } else if enabled {
        out.line(format!(
            "`{name}` is run again. `daybook plugin try {name}` says what it would change in what is stored."
        ));
    } else {
        out.line(format!(
            "`{name}` is not run any more; what it has set stays. A running daemon has to be started anew."
        ));
    }
    Ok(())
}

/// What is installed.
pub(super) struct Install<'a> {
    pub(super) file: &'a Path,
    pub(super) name: Option<&'a str>,
    pub(super) table: Option<&'a str>,
    pub(super) reads: &'a [String],
    pub(super) writes: &'a [String],
    /// Keys and values as TOML, separated by commas.
    pub(super) settings: Option<&'a str>,
    /// It is not taken into use yet.
    pub(super) disabled: bool,
}

/// Copies a plugin beside the configuration and adds its section, pinned.
pub(super) fn install(named: Option<&Path>, wanted: &Install<'_>, out: &mut Out) -> Outcome {
    let office = Office::open(named)?;
    let config = config::load(&office.path, &office.text).map_err(Failure::Config)?;
    let table = table(&config, wanted.table)?;
    let manifest = look_at(wanted.file)?.manifest.map_err(failed)?;
    let bytes = file::read(wanted.file, PLUGIN_BYTES_MAX)?;
    let name = wanted.name.unwrap_or(&manifest.id).to_owned();
    let relative = format!("{FOLDER}/{name}.wasm");
    let target = config.directory.join(&relative);
    let reads_mails = manifest.jobs.contains(&PluginJob::Mail);
    // Without the key mails would not be put to it. What it is asked for then is no more than what it says now.
    let jobs = if reads_mails { manifest.jobs.iter().map(|job| job_name(*job)).collect() } else { Vec::new() };
    let section = Section {
        name: name.clone(),
        path: relative,
        sha256: hex(&file::sha256(&bytes)),
        table: table.to_string(),
        reads: wanted.reads.to_vec(),
        writes: wanted.writes.to_vec(),
        jobs: jobs.clone(),
        settings: wanted.settings.map(read_settings).transpose()?,
        disabled: wanted.disabled,
    };
    let text = edit::add(&office.text, &section).map_err(|error| office.failed(&error))?;
    // What the section says is checked before anything is written: by the configuration, and by the plugin, which may refuse its settings.
    let checked = config::load(&office.path, &text).map_err(Failure::Config)?;
    fits(&checked, &name, wanted.file)?;
    if let Some(folder) = target.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let there = RealDisk.fingerprint(&target)?;
    let same = there.is_some() && file::read(&target, PLUGIN_BYTES_MAX).is_ok_and(|there| there == bytes);
    if there.is_some() && !same {
        let what = format!("`{}` is there already and is another plugin", target.display());
        return Err(Failure::Failed(Words::new(what, "Give another name: `--name NAME`.")));
    }
    if !same {
        replace::write_new(&target, &bytes)?;
    }
    office.write(&text)?;
    let flows: Vec<_> = checked
        .plugins
        .iter()
        .filter(|setup| setup.name == name)
        .flat_map(|setup| flow::flows(&checked, setup))
        .collect();
    if out.json {
        out.value(&json!({ "name": name, "path": target, "sha256": section.sha256, "version": manifest.version,
            "jobs": manifest.jobs.iter().map(|job| job_name(*job)).collect::<Vec<_>>(), "problems": flows }));
    } else {
        out.line(format!("installed `{name}` {} as {}, pinned to its hash", manifest.version, target.display()));
        if reads_mails {
            out.line("It reads mails: of each, the sender, subject and lines that name no hidden field.");
        }
        for problem in &flows {
            out.problem(problem);
        }
        let then = if wanted.disabled {
            format!("`daybook plugin enable {name}` takes it into use")
        } else {
            "it is in use from the next start".to_owned()
        };
        out.line(format!("Next: `daybook plugin try {name}` says what it would do; {then}."));
    }
    Ok(())
}

/// Puts a new version in the place of an installed plugin's file, and pins it.
pub(super) fn replace(named: Option<&Path>, file: &Path, name: Option<&str>, out: &mut Out) -> Outcome {
    let office = Office::open(named)?;
    let config = config::load(&office.path, &office.text).map_err(Failure::Config)?;
    let manifest = look_at(file)?.manifest.map_err(failed)?;
    let bytes = file::read(file, PLUGIN_BYTES_MAX)?;
    let name = name.unwrap_or(&manifest.id);
    let Some(setup) = config.plugins.iter().find(|setup| setup.name == name) else {
        return Err(office.failed(&EditError::Missing(name.to_owned())));
    };
    let hash = hex(&file::sha256(&bytes));
    let text = edit::set(&office.text, name, "sha256", hash.as_str()).map_err(|error| office.failed(&error))?;
    fits(&config::load(&office.path, &text).map_err(Failure::Config)?, name, file)?;
    let there = RealDisk.fingerprint(&setup.path)?;
    let Replaced::Done(_) = RealDisk.replace(&setup.path, &bytes, there)? else {
        let what = format!("`{}` was changed by somebody else at this moment", setup.path.display());
        return Err(Failure::Failed(Words::new(what, "Look at it and do it again.")));
    };
    office.write(&text)?;
    if out.json {
        out.value(&json!({ "name": name, "path": setup.path, "sha256": hash, "version": manifest.version }));
    } else {
        out.line(format!(
            "`{name}` is version {} now, pinned to its hash. A running daemon has to be started anew.",
            manifest.version
        ));
    }
    Ok(())
}

/// Pins a plugin to its file as it is now.
pub(super) fn pin(named: Option<&Path>, name: &str, out: &mut Out) -> Outcome {
    let office = Office::open(named)?;
    let config = config::load(&office.path, &office.text).map_err(Failure::Config)?;
    let Some(setup) = config.plugins.iter().find(|setup| setup.name == name) else {
        return Err(office.failed(&EditError::Missing(name.to_owned())));
    };
    let manifest = look_at(&setup.path)?.manifest.map_err(failed)?;
    let hash = hex(&file::sha256(&file::read(&setup.path, PLUGIN_BYTES_MAX)?));
    let text = edit::set(&office.text, name, "sha256", hash.as_str()).map_err(|error| office.failed(&error))?;
    // What can't be loaded is not worth a pin.
    fits(&config::load(&office.path, &text).map_err(Failure::Config)?, name, &setup.path)?;
    office.write(&text)?;
    if out.json {
        out.value(&json!({ "name": name, "sha256": hash, "version": manifest.version }));
    } else {
        out.line(format!("`{name}` is pinned to version {}: {hash}", manifest.version));
        out.line("A running daemon has to be started anew.");
    }
    Ok(())
}

/// Loads a plugin from a file as a configuration says: with its pin and its settings.
fn fits(config: &Config, name: &str, file: &Path) -> Outcome {
    let Some(setup) = config.plugins.iter().find(|setup| setup.name == name) else { return Ok(()) };
    let setup = PluginSetup { path: file.to_owned(), disabled: false, ..setup.clone() };
    let cache = tempfile::tempdir()?;
    let problem = host(cache.path(), false, &config.tables)?.load(&[setup]).into_iter().next();
    problem.map_or(Ok(()), |problem| Err(failed(problem)))
}

/// Settings as they are typed: keys and values of an inline table.
fn read_settings(text: &str) -> Result<InlineTable, Failure> {
    let parsed = format!("{{ {text} }}").parse::<toml_edit::Value>();
    let table = parsed.ok().and_then(|value| value.as_inline_table().cloned());
    table.ok_or_else(|| {
        let what = format!("`{text}` is not TOML");
        Failure::Usage(Words::new(what, "Write keys and values: `--settings 'field = \"tax_id\"'`."))
    })
}
