//! A plugin that was found fit to be asked: compiled, linked, its manifest read and its settings accepted.
//!
//! What a manifest says is believed only where it agrees with what the component exports.

use std::sync::Arc;

use wasmtime::Store;
use wasmtime::component::{Component, Instance, InstancePre};

use super::fault::Fault;
use super::guest::{Bounds, Guest, ask};
use super::inspect::{Surface, interface};
use super::limits::MESSAGE_CHARS_MAX;
use super::wire::{classify, mail, merge, meta, normalise, validate};
use super::words;
use crate::model::plugin::{PluginJob, PluginLimits, PluginVersion};
use crate::model::{Code, Problem};

/// The component's own description, its functions or its start are wrong.
pub const MANIFEST: Code = Code("plugin-manifest");
/// The plugin refuses its settings.
pub const SETTINGS: Code = Code("plugin-settings");

/// The longest id, version or name of a column, in bytes.
const NAME_BYTES_MAX: usize = 64;
/// The most names of columns in a manifest.
const NAMES_MAX: usize = 64;
/// The longest JSON Schema of a plugin's settings, in bytes.
const SCHEMA_BYTES_MAX: usize = 64 << 10;

/// What a plugin says of itself, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Its author's name for it.
    pub id: String,
    /// Its version.
    pub version: String,
    /// What it does: one line.
    pub summary: String,
    /// Its jobs, ascending; its component exports each of them.
    pub jobs: Vec<PluginJob>,
    /// Kinds of columns that it needs.
    pub reads: Vec<String>,
    /// Kinds of columns that it sets.
    pub writes: Vec<String>,
    /// A JSON Schema of its settings, or nothing.
    pub settings_schema: String,
}

impl Manifest {
    /// Says why this is no newer version of a plugin: it calls itself otherwise, or does less. The error follows the plugin's name.
    ///
    /// Whoever copies a wrong file over a plugin's would otherwise lose the rule without a word.
    pub fn succeeds(&self, before: &Self) -> Result<(), String> {
        if self.id != before.id {
            return Err(format!(
                "is another plugin than before: it calls itself {}, and the one before {}",
                words::quoted(&self.id),
                words::quoted(&before.id)
            ));
        }
        match before.jobs.iter().find(|job| !self.jobs.contains(job)) {
            Some(job) => Err(format!("does no longer `{}`, as version {} did", interface(*job), before.version)),
            None => Ok(()),
        }
    }
}

/// Where the functions of its jobs are.
#[derive(Default)]
pub(super) struct Functions {
    pub(super) normalise: Option<normalise::GuestIndices>,
    pub(super) validate: Option<validate::GuestIndices>,
    pub(super) classify: Option<classify::GuestIndices>,
    pub(super) merge: Option<merge::GuestIndices>,
    pub(super) mail: Option<mail::GuestIndices>,
}

/// A plugin that can be asked.
pub(super) struct Loaded {
    pub(super) pre: InstancePre<Guest>,
    pub(super) functions: Functions,
    pub(super) manifest: Manifest,
    pub(super) version: PluginVersion,
    pub(super) bounds: Bounds,
}

/// What a component is loaded with.
pub(super) struct Loading<'a> {
    /// Its name in the configuration.
    pub(super) name: &'a str,
    /// Its settings; `None` asks only what it is.
    pub(super) settings: Option<&'a str>,
    /// What it may use.
    pub(super) limits: PluginLimits,
    /// Fuel is counted.
    pub(super) metered: bool,
}

impl Loaded {
    /// Looks a component through. Its own code runs here for the first time, within its limits.
    pub(super) fn new(
        linker: &wasmtime::component::Linker<Guest>,
        component: &Component,
        surface: &Surface,
        loading: &Loading<'_>,
    ) -> Result<Self, Problem> {
        let name = loading.name;
        surface.check(name)?;
        let wrong = |what: String| wrong(name, &what);
        let pre = linker.instantiate_pre(component).map_err(|error| {
            wrong(format!("can't be linked: {}", words::line(&format!("{error:#}"), MESSAGE_CHARS_MAX)))
        })?;
        let bounds =
            Bounds { plugin: Arc::from(name), limits: loading.limits, metered: loading.metered, is_discreet: false };
        let meta = meta::GuestIndices::new(&pre).map_err(|error| wrong(mistyped("meta", &error)))?;
        // Kept outside: if the instance fails over its settings afterwards, what it said of itself stands.
        let mut described = None;
        let describe = |store: &mut Store<Guest>, instance: &Instance| {
            let meta = meta.load(&mut *store, instance)?;
            let said = meta.call_describe(&mut *store)?;
            let found = check(said, surface).and_then(|manifest| Ok((functions(&pre, &manifest)?, manifest)));
            // Types are checked against an instance.
            if let Ok((functions, _)) = &found {
                functions.check(store, instance)?;
            }
            let settings = loading.settings.filter(|_| found.is_ok());
            described = Some(found);
            settings.map_or(Ok(Ok(())), |settings| meta.call_check_settings(store, settings))
        };
        let (checked, _) = ask(&pre, &bounds, describe);
        let (functions, manifest) = match (described, &checked) {
            (Some(found), _) => found.map_err(wrong)?,
            (None, Err(fault)) => return Err(raised(wrong(fault.to_string()), fault)),
            (None, Ok(_)) => return Err(wrong("has not described itself".to_owned())),
        };
        let what = match &checked {
            Ok(Ok(())) => None,
            Ok(Err(why)) => Some(format!("refuses its settings: {}", words::line(why, MESSAGE_CHARS_MAX))),
            Err(fault) => Some(format!("{fault} when it was asked to check its settings")),
        };
        if let Some(what) = what {
            let message = format!("`{name}` {} {what}. It was not loaded.", manifest.version);
            let hint = format!("Correct `settings` of `{name}` in `daybook.toml`.");
            let problem = Problem::new(SETTINGS, name, message, hint);
            return Err(checked.err().map_or(problem.clone(), |fault| raised(problem, &fault)));
        }
        let version =
            PluginVersion { name: name.into(), version: manifest.version.as_str().into(), sha256: surface.sha256 };
        Ok(Self { pre, functions, manifest, version, bounds })
    }

    /// How it is called in messages: name and version.
    pub(super) fn title(&self) -> String {
        format!("`{}` {}", self.version.name, self.version.version)
    }
}

fn wrong(name: &str, what: &str) -> Problem {
    Problem::new(
        MANIFEST,
        name,
        format!("`{name}` {what}. It was not loaded."),
        "Have the plugin's author correct it; `daybook plugin inspect FILE` shows what it exports.",
    )
}

/// The same problem, with the key of the limit that was reached: IT can do something about that, without the author.
fn raised(problem: Problem, fault: &Fault) -> Problem {
    let (key, option) = match fault {
        Fault::OutOfMemory(_) => ("memory_bytes_max", "--memory-bytes-max"),
        Fault::TimedOut(_) => ("time_ms_max", "--time-ms-max"),
        _ => return problem,
    };
    let hint = format!(
        "If it needs that much, give it more: `{key}` in its section of `daybook.toml`, `{option}` with a command that takes a file."
    );
    Problem { hint, ..problem }
}

fn mistyped(what: &str, error: &wasmtime::Error) -> String {
    format!("has functions of other types in `{what}`: {}", words::line(&format!("{error:#}"), MESSAGE_CHARS_MAX))
}

fn functions(pre: &InstancePre<Guest>, manifest: &Manifest) -> Result<Functions, String> {
    let mut functions = Functions::default();
    for job in &manifest.jobs {
        let what = interface(*job);
        match job {
            PluginJob::Normalise => {
                functions.normalise = Some(normalise::GuestIndices::new(pre).map_err(|e| mistyped(what, &e))?);
            }
            PluginJob::Validate => {
                functions.validate = Some(validate::GuestIndices::new(pre).map_err(|e| mistyped(what, &e))?);
            }
            PluginJob::Classify => {
                functions.classify = Some(classify::GuestIndices::new(pre).map_err(|e| mistyped(what, &e))?);
            }
            PluginJob::Merge => {
                functions.merge = Some(merge::GuestIndices::new(pre).map_err(|e| mistyped(what, &e))?);
            }
            PluginJob::Mail => {
                functions.mail = Some(mail::GuestIndices::new(pre).map_err(|e| mistyped(what, &e))?);
            }
        }
    }
    Ok(functions)
}

impl Functions {
    fn check(&self, store: &mut Store<Guest>, instance: &Instance) -> wasmtime::Result<()> {
        if let Some(indices) = &self.normalise {
            indices.load(&mut *store, instance)?;
        }
        if let Some(indices) = &self.validate {
            indices.load(&mut *store, instance)?;
        }
        if let Some(indices) = &self.classify {
            indices.load(&mut *store, instance)?;
        }
        if let Some(indices) = &self.merge {
            indices.load(&mut *store, instance)?;
        }
        if let Some(indices) = &self.mail {
            indices.load(&mut *store, instance)?;
        }
        Ok(())
    }
}

/// Checks what a plugin says of itself; the error follows its name.
fn check(said: meta::Manifest, surface: &Surface) -> Result<Manifest, String> {
    let is_name = |text: &str| {
        !text.is_empty()
            && text.len() <= NAME_BYTES_MAX
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
    };
    let is_version = |text: &str| {
        text.len() <= NAME_BYTES_MAX
            && text.starts_with(|c: char| c.is_ascii_digit())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b".-+".contains(&b))
    };
    if !is_name(&said.id) {
        return Err(format!(
            "calls itself {}: an id has lower-case letters, digits and hyphens",
            words::quoted(&said.id)
        ));
    }
    if !is_version(&said.version) {
        return Err(format!("says that its version is {}, which is none", words::quoted(&said.version)));
    }
    let mut jobs: Vec<PluginJob> = said.jobs.into_iter().map(PluginJob::from).collect();
    let count = jobs.len();
    jobs.sort_unstable();
    jobs.dedup();
    if jobs.is_empty() || jobs.len() != count {
        return Err("names no job in its description, or one of them twice".to_owned());
    }
    let offered = surface.jobs();
    if let Some(job) = jobs.iter().find(|job| !offered.contains(job)) {
        let job = interface(*job);
        return Err(format!("says that its job is `{job}`, and does not export `daybook:plugin/{job}@1.0.0`"));
    }
    let names = [&said.reads, &said.writes];
    if names.iter().any(|names| names.len() > NAMES_MAX || names.iter().any(|name| !is_name(name))) {
        return Err("names kinds of columns that are no names, or too many".to_owned());
    }
    let schema_ok = said.settings_schema.is_empty()
        || said.settings_schema.len() <= SCHEMA_BYTES_MAX
            && serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&said.settings_schema).is_ok();
    if !schema_ok {
        return Err("describes its settings by something that is no JSON object".to_owned());
    }
    let summary = words::line(&said.summary, MESSAGE_CHARS_MAX);
    let (reads, writes) = (said.reads, said.writes);
    Ok(Manifest {
        id: said.id,
        version: said.version,
        summary,
        jobs,
        reads,
        writes,
        settings_schema: said.settings_schema,
    })
}

impl From<meta::Job> for PluginJob {
    fn from(job: meta::Job) -> Self {
        match job {
            meta::Job::Normalise => Self::Normalise,
            meta::Job::Validate => Self::Validate,
            meta::Job::Classify => Self::Classify,
            meta::Job::Merge => Self::Merge,
            meta::Job::Mail => Self::Mail,
        }
    }
}

/// A fault of a plugin that has no such job.
pub(super) fn no_job(job: PluginJob) -> Fault {
    Fault::NotStarted(format!("its description does not name the job `{}`", interface(job)))
}
