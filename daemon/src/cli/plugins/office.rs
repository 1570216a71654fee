//! `daybook plugin install|pin|enable|disable`: what the office's configuration says of plugins.
//!
//! The new text of `daybook.toml` is checked as a whole before it takes the old one's place, and the old one must still be what was read.
//! A plugin that can't be loaded is not installed.

use std::path::{Path, PathBuf};

use serde_json::json;
use toml_edit::InlineTable;

use super::edit::{self, EditError, Section};
use super::file::{self, hex};
use super::look::{Bench, failed, job_name, limits, say_if_long};
use crate::cli::args::Limits;
use crate::cli::open::{read_config, table};
use crate::cli::output::Out;
use crate::cli::{Failure, Outcome};
use crate::config::{self, Config};
use crate::error::Words;
use crate::io::{Disk, RealDisk, Replaced};
use crate::model::Problem;
use crate::model::plugin::{PluginJob, PluginLimits, PluginSetup};
use crate::pipeline::flow;
use crate::plugin::limits::PLUGIN_BYTES_MAX;
use crate::plugin::{SETTINGS, other};

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
        let written = RealDisk.replace(&self.path, text.as_bytes(), self.expected);
        match written.map_err(|error| file::unwritable(&self.path, &error))? {
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

    /// The text with a value for a key of a plugin's section.
    fn set(&self, text: &str, name: &str, key: &str, to: impl Into<toml_edit::Value>) -> Result<String, Failure> {
        edit::set(text, name, key, to).map_err(|error| self.failed(&error))
    }

    /// Checks a text as this configuration, and finds a plugin in it.
    fn find(&self, text: &str, name: &str) -> Result<(Config, PluginSetup), Failure> {
        let config = config::load(&self.path, text).map_err(Failure::Config)?;
        let setup = config.plugins.iter().find(|setup| setup.name == name).cloned();
        let setup = setup.ok_or_else(|| self.failed(&EditError::Missing(name.to_owned())))?;
        Ok((config, setup))
    }
}

/// What is to be said where the daemon sees a change by itself.
const TAKEN: &str = "A running daemon takes it within seconds; `daybook plugin list` says if it does not.";

/// Runs a plugin from now on, or no longer.
pub(super) fn enable(named: Option<&Path>, name: &str, enabled: bool, out: &mut Out) -> Outcome {
    let office = Office::open(named)?;
    let text = office.set(&office.text, name, "enabled", enabled)?;
    if enabled {
        // With a file that can't be loaded, or is not the pinned one, the next start would be without it or none at all.
        let (config, setup) = office.find(&text, name)?;
        say_if_long(&setup.path, out);
        Bench::new(&config.tables)?.load(setup).map_or(Ok(()), |problem| Err(failed(problem)))?;
    }
    office.write(&text)?;
    if out.json {
        out.value(&json!({ "name": name, "enabled": enabled }));
    } else if enabled {
        out.line(format!(
            "`{name}` is run from the next start on: a running daemon has to be started anew. `daybook plugin try {name}` says what it would \
             change in what is stored."
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
    /// What it may use.
    pub(super) limits: Limits,
}

/// Copies a plugin beside the configuration and adds its section, pinned.
pub(super) fn install(named: Option<&Path>, wanted: &Install<'_>, out: &mut Out) -> Outcome {
    let office = Office::open(named)?;
    let config = config::load(&office.path, &office.text).map_err(Failure::Config)?;
    let table = table(&config, wanted.table)?;
    let mut bench = Bench::new(&config.tables)?;
    let manifest = bench.look_at(wanted.file, limits(wanted.limits), out)?.manifest.map_err(failed)?;
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
        memory_bytes_max: wanted.limits.memory_bytes_max,
        time_ms_max: wanted.limits.time_ms_max,
        disabled: wanted.disabled,
    };
    let text = edit::add(&office.text, &section).map_err(|error| office.failed(&error))?;
    // What the section says is checked before anything is written: by the configuration, and by the plugin, which may refuse its settings.
    let (checked, setup) = office.find(&text, &name)?;
    if let Some(problem) = bench.load(PluginSetup { path: wanted.file.to_owned(), ..setup.clone() }) {
        return Err(not_installed(problem, wanted.file));
    }
    let flows = flow::flows(&checked, &setup);
    let put = file::put(&target, &bytes)?;
    office.write(&text).inspect_err(|_| put.take_back())?;
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

/// Words why a plugin that is being installed can't be loaded. There is no section yet in which anything could be corrected.
fn not_installed(problem: Problem, file: &Path) -> Failure {
    if problem.code != SETTINGS.0 {
        return failed(problem);
    }
    let file = file.display();
    let hint = format!(
        "Give its settings by `--settings 'key = value, …'`; `daybook plugin inspect {file}` shows those that it knows."
    );
    Failure::Failed(Words::new(problem.message, hint))
}

/// Takes a file as a newer version of an installed plugin.
///
/// It is put beside the one before, under a name of its own, and one write of the configuration names it and its hash: whatever happens, the
/// configuration names a file and the hash of that very file.
pub(super) fn replace(named: Option<&Path>, file: &Path, name: Option<&str>, out: &mut Out) -> Outcome {
    let office = Office::open(named)?;
    let config = config::load(&office.path, &office.text).map_err(Failure::Config)?;
    let mut bench = Bench::new(&config.tables)?;
    let name = match name {
        Some(name) => name.to_owned(),
        None => own_name(file, &config, &bench, out)?,
    };
    let (_, setup) = office.find(&office.text, &name)?;
    let manifest = bench.look_at(file, setup.limits, out)?.manifest.map_err(failed)?;
    // One that is gone or broken can't say what it was.
    let before = bench.look_at(&setup.path, setup.limits, out).ok().and_then(|before| before.manifest.ok());
    if let Some(why) = before.and_then(|before| manifest.succeeds(&before).err()) {
        return Err(failed(other(&name, &why)));
    }
    let bytes = file::read(file, PLUGIN_BYTES_MAX)?;
    let hash = hex(&file::sha256(&bytes));
    let target = setup.path.with_file_name(format!("{name}-{}.wasm", hash.get(..8).unwrap_or_default()));
    let relative = target.strip_prefix(&config.directory).unwrap_or(&target);
    let Some(relative) = relative.to_str() else {
        let what = format!("`{}` is no UTF-8, so it can't stand in the configuration", relative.display());
        return Err(Failure::Failed(Words::new(what, "Have the plugins in a folder of another name.")));
    };
    let text = office.set(&office.text, &name, "path", relative)?;
    let text = office.set(&text, &name, "sha256", hash.as_str())?;
    let (_, wanted) = office.find(&text, &name)?;
    if let Some(problem) = bench.load(PluginSetup { path: file.to_owned(), ..wanted }) {
        return Err(failed(problem));
    }
    let put = file::put(&target, &bytes)?;
    office.write(&text).inspect_err(|_| put.take_back())?;
    let (version, before) = (&manifest.version, setup.path.display());
    if out.json {
        out.value(&json!({ "name": name, "path": target, "sha256": hash, "version": version }));
    } else {
        out.line(format!("`{name}` is version {version} now: {}, pinned to its hash. {TAKEN}", target.display()));
        if target != setup.path {
            out.line(format!("The one before stays as {before}; remove it once you are sure."));
        }
    }
    Ok(())
}

/// What a plugin calls itself. Which section's limits it has is not known before that is.
fn own_name(file: &Path, config: &Config, bench: &Bench, out: &mut Out) -> Result<String, Failure> {
    let most = config.plugins.iter().fold(limits(Limits::default()), |most, setup| PluginLimits {
        memory_bytes_max: most.memory_bytes_max.max(setup.limits.memory_bytes_max),
        time_max: most.time_max.max(setup.limits.time_max),
    });
    Ok(bench.look_at(file, most, out)?.manifest.map_err(failed)?.id)
}

/// Pins a plugin to its file as it is now.
pub(super) fn pin(named: Option<&Path>, name: &str, out: &mut Out) -> Outcome {
    let office = Office::open(named)?;
    // What stands there may be no hash at all: any other takes its place until the file has been read.
    let (config, setup) = office.find(&office.set(&office.text, name, "sha256", hex(&[0; 32]))?, name)?;
    let mut bench = Bench::new(&config.tables)?;
    let manifest = bench.look_at(&setup.path, setup.limits, out)?.manifest.map_err(failed)?;
    let digest = file::sha256(&file::read(&setup.path, PLUGIN_BYTES_MAX)?);
    // What can't be loaded is not worth a pin.
    if let Some(problem) = bench.load(PluginSetup { sha256: Some(digest), ..setup }) {
        return Err(failed(problem));
    }
    let hash = hex(&digest);
    office.write(&office.set(&office.text, name, "sha256", hash.as_str())?)?;
    if out.json {
        out.value(&json!({ "name": name, "sha256": hash, "version": manifest.version }));
    } else {
        out.line(format!("`{name}` is pinned to version {}: {hash}", manifest.version));
        out.line(TAKEN);
    }
    Ok(())
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
