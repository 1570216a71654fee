//! Whether a plugin gets along with the office: with what the configuration lets it do, and with the fields of its table.
//!
//! It is asked before it takes its place, without any row, so that it is refused for a field that it misses, and no row is held for it.

use super::asking::Asking;
use super::fault::Fault;
use super::gate::{Gate, ReadValue};
use super::loaded::Loaded;
use super::{Context, Request};
use crate::model::plugin::{PluginJob, PluginMail, PluginSetup};
use crate::model::{Code, Problem, Table};

/// The plugin and the configuration's `reads`, `writes` or `conflict` don't go together.
pub const COLUMNS: Code = Code("plugin-columns");

/// The plugin can't do a job that the configuration names in `jobs`.
pub const JOBS: Code = Code("plugin-jobs");
/// The plugin can do nothing that the configuration lets it do.
pub const IDLE: Code = Code("plugin-idle");

/// Says of a plugin that is loaded that it will never be asked: it reads mails, and the office does not say that it may.
pub(super) fn idle(loaded: &Loaded, setup: &PluginSetup) -> Option<Problem> {
    if loaded.manifest.jobs.iter().any(|job| setup.lets(*job)) {
        return None;
    }
    let message =
        format!("{} reads mails, and `daybook.toml` does not say that it may. It is not asked.", loaded.title());
    let hint = format!(
        "If it may be shown mails, write `jobs = [\"mail\"]` into the section of `{0}`; if not, `daybook plugin disable {0}`.",
        setup.name
    );
    Some(Problem::new(IDLE, setup.name.as_str(), message, hint))
}

/// Refuses a plugin that could not do its jobs. `now_ms` is in milliseconds since 1970.
pub(super) fn check(
    loaded: &Loaded,
    setup: &PluginSetup,
    table: Option<&Table>,
    read_value: &ReadValue,
    now_ms: i64,
) -> Result<(), Problem> {
    check_jobs(loaded, setup)?;
    let Some(table) = table else { return Ok(()) };
    let does = |job| setup.lets(job) && loaded.manifest.jobs.contains(&job);
    let refused = |what: String, hint: String| {
        let message = format!("{} {what}. It was not loaded.", loaded.title());
        Problem::new(COLUMNS, setup.name.as_str(), message, hint)
    };
    if does(PluginJob::Classify) && setup.writes.is_empty() {
        let what = "says which class a row belongs to, and has no field to write it into".to_owned();
        return Err(refused(what, "Name the field for the class in `writes`.".to_owned()));
    }
    if !setup.resolves.is_empty() && !does(PluginJob::Merge) {
        let what = format!("decides no conflicts, and a field has `conflict = \"plugin:{}\"`", setup.name);
        return Err(refused(what, "Give the field another `conflict`, or name a plugin that can merge.".to_owned()));
    }
    let as_of = jiff::Timestamp::from_millisecond(now_ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let as_of = as_of.to_zoned(jiff::tz::TimeZone::UTC).date().to_string();
    let context = Context { as_of, locale: "en".to_owned(), read_only: true };
    let request = Request { setup, table, rows: &[], context: &context };
    let asked = Gate::new(setup, table, read_value).and_then(|gate| {
        let asking = Asking::new(loaded, &gate, &request);
        loaded.manifest.jobs.iter().filter(|job| setup.lets(**job)).try_for_each(|job| match job {
            PluginJob::Normalise => asking.normalise(0..0).0.map(drop),
            PluginJob::Validate => asking.validate(0..0).0.map(drop),
            PluginJob::Classify => asking.classify(0..0).0.map(drop),
            PluginJob::Merge => asking.resolve(0..0, &[], &[]).0.map(drop),
            PluginJob::Mail => asking.read(&PluginMail::default()).0.map(drop),
        })
    });
    match asked {
        // It has seen no cell, so it may say in its own words what it misses.
        Err(fault @ (Fault::Declined { always: true, .. } | Fault::NotStarted(_))) => {
            let hint =
                "Compare `reads`, `writes` and `settings` with what the plugin wants: `daybook plugin inspect FILE`.";
            Err(refused(fault.to_string(), hint.to_owned()))
        }
        // Whatever else becomes of no rows at all says nothing of what becomes of some.
        _ => Ok(()),
    }
}

/// Refuses a plugin that can't do what the office counts on it to do.
fn check_jobs(loaded: &Loaded, setup: &PluginSetup) -> Result<(), Problem> {
    let offered = &loaded.manifest.jobs;
    let named = |has: &dyn Fn(PluginJob) -> bool| -> Vec<&str> {
        PluginJob::NAMED.into_iter().filter(|(_, job)| has(*job)).map(|(name, _)| name).collect()
    };
    let wanted = setup.jobs.as_deref().unwrap_or_default();
    let missing = named(&|job| wanted.contains(&job) && !offered.contains(&job));
    if missing.is_empty() {
        return Ok(());
    }
    let message =
        format!("{} can't do what its `jobs` name: `{}`. It was not loaded.", loaded.title(), missing.join("`, `"));
    let hint = format!(
        "It offers {}: name of these in `jobs`, or have it built with the other.",
        named(&|job| offered.contains(&job)).join(", ")
    );
    Err(Problem::new(JOBS, setup.name.as_str(), message, hint))
}
