//! `daybook plugin list|inspect|try`: what a plugin is, and what it would do. Nothing is posted here.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::file::hex;
use super::host::host_parts;
use crate::app::plugin_source;
use crate::cli::args::Limits;
use crate::cli::open::{Make, load_config, open, open_with, read_key};
use crate::cli::output::{Out, plural};
use crate::cli::{Failure, Outcome};
use crate::error::Words;
use crate::io::{Disk, Entropy, OsEntropy, RealDisk};
use crate::model::plugin::{PluginJob, PluginLimits, PluginSetup};
use crate::model::{Problem, Table};
use crate::pipeline::Pipeline;
use crate::pipeline::trial::Finding;
use crate::plugin::{Host, HostParts, Inspection, NO_ENGINE, PluginState, STOPPED, Status};

/// How many digits of a hash are shown to people: as many as the history has.
const HASH_SHOWN: usize = 16;
/// From how many bytes on a file takes so long to compile that it is said.
const LONG_BYTES: u64 = 1 << 20;

/// The plugins of the configuration.
pub(super) fn list(config: Option<&Path>, out: &mut Out) -> Outcome {
    let mut pipeline = open(config, Make::InMemory)?;
    let lines = lines(&mut pipeline)?;
    for line in &lines {
        if out.json {
            out.value(line);
        } else {
            tell(line, out);
        }
    }
    if !out.json {
        out.message(format!("{} plugin{}", lines.len(), plural(lines.len())));
    }
    let is_well = |line: &Json| line["state"] == "loaded" || line["state"] == "disabled";
    if lines.iter().all(is_well) { Ok(()) } else { Err(Failure::Wrong) }
}

/// How each plugin of the configuration is: as it can be loaded now, and whether the daemon has stopped it or refused its file.
pub(crate) fn lines(pipeline: &mut Pipeline) -> Result<Vec<Json>, Failure> {
    let setups = pipeline.config().plugins.clone();
    if setups.is_empty() {
        return Ok(Vec::new());
    }
    let statuses = pipeline.plugins().status();
    let noted = pipeline.store().unread()?;
    let line = |setup: &PluginSetup| {
        let status = statuses.iter().find(|status| status.name == setup.name);
        let mut line = status_line(status);
        line["jobs"] = json!(asked_jobs(setup, status));
        line["name"] = json!(setup.name);
        line["table"] = json!(setup.table.as_str());
        line["path"] = json!(setup.path);
        line["pinned"] = json!(setup.sha256.is_some());
        let source = plugin_source(&setup.name);
        if let Some(noted) = noted.iter().find(|noted| noted.problem.source == source.as_str()) {
            line["state"] = json!(if noted.problem.code == STOPPED.0 { "stopped" } else { "refused" });
            line["error"] = json!(noted.problem.message);
        }
        if setup.disabled {
            line["state"] = json!("disabled");
        }
        line
    };
    Ok(setups.iter().map(line).collect())
}

/// The jobs that a plugin is asked for; of one that is not loaded those that the configuration names, if it does.
pub(crate) fn asked_jobs(setup: &PluginSetup, status: Option<&Status>) -> Option<Vec<&'static str>> {
    let manifest = status.and_then(|status| status.manifest.as_ref());
    let offered = manifest.map(|manifest| &manifest.jobs).or(setup.jobs.as_ref());
    offered.map(|offered| setup.asked(offered))
}

/// Writes how a plugin is.
pub(crate) fn tell(line: &Json, out: &mut Out) {
    let text = |key: &str| line[key].as_str().unwrap_or("-").to_owned();
    let jobs = line["jobs"].as_array().map(|jobs| jobs.iter().filter_map(Json::as_str).collect::<Vec<_>>());
    let jobs = jobs.unwrap_or_default().join(", ");
    let hash = text("sha256");
    let hash = hash.get(..HASH_SHOWN).unwrap_or(&hash);
    out.line(format!("{}  {}  {}  {}  {hash}  {jobs}", text("name"), text("version"), text("state"), text("table")));
    if let Some(error) = line["error"].as_str() {
        out.line(format!("  {error}"));
    }
}

/// What `status` and `list` say of a plugin.
fn status_line(status: Option<&Status>) -> Json {
    let Some(status) = status else { return json!({ "state": "refused" }) };
    let manifest = status.manifest.as_ref();
    json!({
        "name": status.name,
        "state": match status.state {
            PluginState::Loaded => "loaded",
            PluginState::Refused => "refused",
            PluginState::Stopped => "stopped",
        },
        "version": manifest.map(|manifest| &manifest.version),
        "summary": manifest.map(|manifest| &manifest.summary),
        "sha256": status.sha256.map(|hash| hex(&hash)),
        "error": status.last_error,
    })
}

pub(super) fn job_name(job: PluginJob) -> &'static str {
    match job {
        PluginJob::Normalise => "normalise",
        PluginJob::Validate => "validate",
        PluginJob::Classify => "classify",
        PluginJob::Merge => "merge",
        PluginJob::Mail => "mail",
    }
}

/// Says what a plugin's file is; without a configuration.
pub(super) fn inspect(file: &Path, limits: PluginLimits, out: &mut Out) -> Outcome {
    let Inspection { surface, manifest } = Bench::new(&[])?.look_at(file, limits, out)?;
    let line = json!({
        "file": file,
        "bytes": surface.bytes,
        "sha256": hex(&surface.sha256),
        "worlds": surface.worlds(),
        "imports": surface.imports,
        "exports": surface.exports,
        "manifest": manifest.as_ref().ok().map(|manifest| json!({
            "id": manifest.id,
            "version": manifest.version,
            "summary": manifest.summary,
            "jobs": manifest.jobs.iter().map(|job| job_name(*job)).collect::<Vec<_>>(),
            "reads": manifest.reads,
            "writes": manifest.writes,
            "settings_schema": manifest.settings_schema,
        })),
        "problem": manifest.as_ref().err(),
    });
    if out.json {
        out.value(&line);
    } else {
        describe(&line, out);
    }
    match manifest {
        Ok(_) => Ok(()),
        Err(problem) => Err(failed(problem)),
    }
}

fn describe(line: &Json, out: &mut Out) {
    let list = |value: &Json| {
        let items = value.as_array().map(|items| items.iter().filter_map(Json::as_str).collect::<Vec<_>>());
        let items = items.unwrap_or_default();
        if items.is_empty() { "(none)".to_owned() } else { items.join(", ") }
    };
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let manifest = &line["manifest"];
    if manifest.is_object() {
        out.line(format!("{} {}: {}", text(&manifest["id"]), text(&manifest["version"]), text(&manifest["summary"])));
        out.line(format!("  jobs     {}", list(&manifest["jobs"])));
        out.line(format!("  reads    {}", list(&manifest["reads"])));
        out.line(format!("  writes   {}", list(&manifest["writes"])));
        let settings = settings(&text(&manifest["settings_schema"]));
        out.line(format!("  settings {}", settings.first().map_or("(none)", String::as_str)));
        settings.iter().skip(1).for_each(|setting| out.line(format!("           {setting}")));
    }
    out.line(format!("  worlds   {}", list(&line["worlds"])));
    out.line(format!("  imports  {}", list(&line["imports"])));
    out.line(format!("  exports  {}", list(&line["exports"])));
    out.line(format!("  bytes    {}", line["bytes"]));
    out.line(format!("  sha256   {}", text(&line["sha256"])));
}

/// The settings that a JSON Schema describes, one a line: name, type, what it is without a word, what it is for.
fn settings(schema: &str) -> Vec<String> {
    let schema: Json = serde_json::from_str(schema).unwrap_or_default();
    let required = |name: &str| schema["required"].as_array().is_some_and(|names| names.iter().any(|one| one == name));
    let line = |(name, about): (&String, &Json)| {
        let kind = about["type"].as_str().map(|kind| format!(" ({kind})")).unwrap_or_default();
        let usual = about.get("default").map(|usual| format!(" = {usual}")).unwrap_or_default();
        let needed = if required(name) { ", required" } else { "" };
        let purpose = about["description"].as_str().map(|purpose| format!(": {purpose}")).unwrap_or_default();
        format!("{name}{kind}{usual}{needed}{purpose}")
    };
    schema["properties"].as_object().map(|properties| properties.iter().map(line).collect()).unwrap_or_default()
}

/// Where files are looked at apart from any office: what is compiled is kept as long as this command runs, so that it is compiled once.
pub(super) struct Bench {
    host: Host,
    _cache: tempfile::TempDir,
}

impl Bench {
    /// Makes one for plugins of these tables.
    pub(super) fn new(tables: &[Table]) -> Result<Self, Failure> {
        let cache = tempfile::tempdir()?;
        Ok(Self { host: host(cache.path(), false, tables)?, _cache: cache })
    }

    /// Says what a file is.
    pub(super) fn look_at(&self, file: &Path, limits: PluginLimits, out: &mut Out) -> Result<Inspection, Failure> {
        say_if_long(file, out);
        self.host.inspect(file, limits).map_err(failed)
    }

    /// Loads a plugin as the configuration says, and gives what is wrong with it.
    pub(super) fn load(&mut self, setup: PluginSetup) -> Option<Problem> {
        self.host.load(&[PluginSetup { disabled: false, ..setup }]).into_iter().next()
    }
}

/// Says that a large file is being compiled: that may take half a minute.
pub(super) fn say_if_long(file: &Path, out: &mut Out) {
    let is_long = RealDisk.fingerprint(file).ok().flatten().is_some_and(|there| there.bytes >= LONG_BYTES);
    if is_long && !out.json {
        out.message(format!("compiling {} …", file.display()));
    }
}

/// What a plugin may use, as it was typed or as it is without a word.
pub(super) fn limits(typed: Limits) -> PluginLimits {
    let or = |typed: Option<i64>, usual: u64| typed.and_then(|typed| u64::try_from(typed).ok()).unwrap_or(usual);
    PluginLimits {
        memory_bytes_max: or(typed.memory_bytes_max, 64 << 20),
        time_max: Duration::from_millis(or(typed.time_ms_max, 1_000)),
    }
}

/// A host apart from any office, for plugins of these tables.
pub(crate) fn host(cache: &Path, metered: bool, tables: &[Table]) -> Result<Host, Failure> {
    let mut key = [0; 32];
    OsEntropy.fill(&mut key);
    let parts = HostParts { tables: tables.to_vec(), ..host_parts(cache, key, metered)? };
    Host::new(parts).map_err(failed)
}

pub(super) fn failed(problem: Problem) -> Failure {
    Failure::Failed(Words::new(problem.message, problem.hint))
}

/// Says what a plugin would do with what is stored.
pub(super) fn trial(config: Option<&Path>, name: &str, sample_max: usize, out: &mut Out) -> Outcome {
    let mut config = load_config(config)?;
    let key = read_key(&config)?;
    // Whether it is a good one is asked before it is taken into use.
    config.plugins.iter_mut().filter(|setup| setup.name == name).for_each(|setup| setup.disabled = false);
    let mut pipeline = open_with(config, &key, Make::No)?;
    pipeline.plugins().start().map_err(failed)?;
    check_triable(&mut pipeline, name)?;
    let mut trial = pipeline.try_plugin(name, sample_max)?;
    trial.problems.extend(pipeline.plugins().refresh());
    let is_asked = trial.problems.is_empty() && (trial.failed == 0 || trial.failed < trial.rows);
    if out.json {
        out.value(&trial);
    } else {
        for finding in &trial.sample {
            out.line(finding_line(finding));
        }
        for problem in &trial.problems {
            out.problem(problem);
        }
        let (rows, changes) = (trial.rows, trial.changes);
        out.line(format!(
            "{rows} record{}: {changes} cell{} would be set, {} held for an error, {} warning{}, {} without an answer; nothing was posted",
            plural(rows),
            plural(changes),
            trial.errors,
            trial.warnings,
            plural(trial.warnings),
            trial.failed,
        ));
    }
    if is_asked { Ok(()) } else { Err(Failure::Wrong) }
}

/// Says why a plugin can't be tried, once and not for each record.
fn check_triable(pipeline: &mut Pipeline, name: &str) -> Outcome {
    let Some(setup) = pipeline.config().plugins.iter().find(|setup| setup.name == name).cloned() else { return Ok(()) };
    let problems = pipeline.plugins().refresh();
    let own = |problem: &Problem| problem.place == name || problem.code == NO_ENGINE.0;
    if let Some(problem) = problems.into_iter().find(own) {
        return Err(failed(problem));
    }
    let jobs = pipeline.plugins().jobs(&setup.name);
    let is_triable = |job: &PluginJob| !matches!(job, PluginJob::Merge | PluginJob::Mail);
    if jobs.is_empty() || jobs.iter().any(is_triable) {
        return Ok(());
    }
    let what = match jobs.as_slice() {
        [PluginJob::Merge] => "decides conflicts, and there are none in what is stored",
        [PluginJob::Mail] => "reads mails, and there are none in what is stored",
        _ => "decides conflicts and reads mails, and there are none in what is stored",
    };
    let hint = "`daybook plugin test FILE` runs its fixtures.";
    Err(Failure::Failed(Words::new(format!("`{name}` can't be tried: it {what}"), hint)))
}

fn finding_line(finding: &Finding) -> String {
    let field = finding.field.as_deref().map_or_else(String::new, |field| format!(" {field}"));
    let shown = |text: &Option<String>| text.clone().unwrap_or_else(|| "(empty)".to_owned());
    match finding.kind {
        "change" => {
            format!("{}{field}: {} -> {}", finding.record, shown(&finding.stored), shown(&finding.value))
        }
        kind => {
            let (code, message) = (shown(&finding.code), shown(&finding.message));
            format!("{}{field}: {kind} `{code}`: {message}", finding.record)
        }
    }
}
