//! `daybook check`: validates the configuration, opens every source, shows what each column means. Changes nothing.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::open::{load_config, read_key};
use super::output::{Out, plural};
use super::plugins::look;
use super::{Failure, Outcome};
use crate::codec::read::{FileKind, ReadRequest};
use crate::config::{Config, MailboxConfig};
use crate::error::Words;
use crate::extract::{Columns, Heading};
use crate::io::{OsEntropy, Program, RealDisk, SystemClock};
use crate::model::plugin::PluginSetup;
use crate::model::problem::Code;
use crate::model::{Place, Problem};
use crate::pipeline::{SourceSpec, file_name, flow};
use crate::source::mailbox::{self, Stop, Surroundings};
use crate::source::workbook::{ChildReader, FetchLimits, Listing, SourceFile, WorkbookSource, fetch, file_kind, list};
use crate::store::{Options, Store, StoreError};

/// How many problems of one file are shown.
const PROBLEMS_MAX: usize = 100;

pub(crate) fn run(path: Option<&Path>, out: &mut Out) -> Outcome {
    let config = load_config(path)?;
    let mut problems: Vec<Problem> = Vec::new();
    problems.extend(key_problem(&config));
    let reader = ChildReader {
        program: Program::current()?,
        memory_bytes_max: config.limits.child_memory_bytes_max,
        deadline: Duration::from_secs(config.limits.read_seconds_max.into()),
    };
    let mut sources = Vec::new();
    for spec in SourceSpec::all(&config) {
        let source = WorkbookSource {
            name: spec.name.to_string(),
            pattern: spec.path.clone(),
            except: Vec::new(),
            seen: BTreeSet::new(),
        };
        match list(&RealDisk, &source) {
            Listing::Offline { root, error } => {
                let place = root.display().to_string();
                let message = format!("{place} can't be listed: {error}.");
                let problem = Problem::new(Code("offline"), place, message, "Look whether the share is connected.");
                problems.push(problem.in_source(&source.name));
            }
            Listing::Files(files) => {
                for file in files {
                    if spec.view.is_some() && !file.path.exists() {
                        if !out.json {
                            out.line(format!("{}: {} is written at the first sync", file.name, file.path.display()));
                        }
                        continue;
                    }
                    sources.push(one(&config, &spec, &file, &reader, &mut problems, out));
                }
            }
        }
    }
    for mailbox in &config.mailboxes {
        match mailbox_problem(mailbox) {
            Some(problem) => problems.push(problem),
            None if !out.json => out.line(format!("{}: {} can be read", mailbox.name, mailbox.address)),
            None => {}
        }
    }
    let plugins = plugins(&config, &mut problems)?;
    if !out.json {
        for line in &plugins {
            tell_plugin(line, out);
        }
    }
    // A column that a person keeps for herself is told, but nothing is wrong with it; nor with what an office knows of its plugins.
    let is_notice = |problem: &&Problem| problem.code == "unknown-column" || problem.code == flow::FLOW.0;
    let notices = problems.iter().filter(is_notice).count();
    let count = problems.len() - notices;
    if out.json {
        out.value(&json!({ "sources": sources, "plugins": plugins, "problems": problems }));
    } else {
        for problem in &problems {
            out.problem(problem);
        }
        let noticed = if notices > 0 { format!("; {notices} notice{}", plural(notices)) } else { String::new() };
        if count == 0 {
            out.line(format!("everything is in order{noticed}"));
        } else {
            out.message(format!("{count} problem{}{noticed}", plural(count)));
        }
    }
    if count == 0 { Ok(()) } else { Err(Failure::Wrong) }
}

/// What is wrong with the key: it can't be used, or it is not that of the store that is there.
fn key_problem(config: &Config) -> Option<Problem> {
    let wrong = |code: &'static str, words: Words| {
        let place = config.store.path.display().to_string();
        let hint = if words.hint.is_empty() { "See `key_file` in the configuration.".to_owned() } else { words.hint };
        Problem::new(Code(code), place, words.what, hint).in_source("store")
    };
    let key = match read_key(config) {
        Ok(key) => key,
        Err(Failure::Failed(words)) => return Some(wrong("key", words)),
        Err(_) => return None,
    };
    if !config.store.path.exists() {
        return None;
    }
    match Store::open(&config.store.path, &key, Box::new(OsEntropy), Options::default()) {
        Ok(_) => None,
        Err(error @ StoreError::WrongKey { .. }) => Some(wrong("key", Words::from(&error))),
        Err(error) => Some(wrong("store", Words::from(&error))),
    }
}

/// What is wrong with a mailbox, if it can't be read. Nothing in it is changed.
fn mailbox_problem(config: &MailboxConfig) -> Option<Problem> {
    let surroundings =
        Surroundings { clock: Arc::new(SystemClock), entropy: Box::new(OsEntropy), stop: Stop::default() };
    let listed = mailbox::open(config, None, surroundings).list(&|_| false, 1);
    listed.err().map(|failure| failure.problem.in_source(config.name.as_str()))
}

/// The plugins with the jobs that they are asked for, and what is wrong with them. Compiled code is kept only as long as this
/// command runs.
fn plugins(config: &Config, problems: &mut Vec<Problem>) -> Result<Vec<Json>, Failure> {
    if config.plugins.iter().all(|setup| setup.disabled) {
        return Ok(Vec::new());
    }
    let cache = tempfile::tempdir()?;
    let mut host = look::host(cache.path(), false, &config.tables)?;
    problems.extend(host.load(&config.plugins).into_iter().map(|problem| problem.in_source("plugins")));
    let flows = config.plugins.iter().filter(|setup| !setup.disabled).flat_map(|setup| flow::flows(config, setup));
    problems.extend(flows.map(|problem| problem.in_source("plugins")));
    let statuses = host.status();
    let line = |setup: &PluginSetup| {
        let status = statuses.iter().find(|status| status.name == setup.name);
        json!({ "name": setup.name, "table": setup.table.as_str(), "jobs": look::asked_jobs(setup, status) })
    };
    Ok(config.plugins.iter().filter(|setup| !setup.disabled).map(line).collect())
}

fn tell_plugin(line: &Json, out: &mut Out) {
    let jobs: Option<Vec<&str>> = line["jobs"].as_array().map(|jobs| jobs.iter().filter_map(Json::as_str).collect());
    let jobs = match jobs {
        Some(jobs) if jobs.is_empty() => "asked for no job".to_owned(),
        Some(jobs) => format!("asked for {}", jobs.join(", ")),
        None => "not loaded".to_owned(),
    };
    out.line(format!("{}: {jobs}", line["name"].as_str().unwrap_or_default()));
}

/// A workbook is to be written into, and its format can only be read.
fn only_read(place: &Place) -> Problem {
    let file = &place.file;
    let message = format!("{file}: files of this format are only read, so others' changes can't be put into it.");
    let hint = "Save it as an xlsx workbook, or set `sync = \"in\"`.";
    Problem::new(Code("not-patchable"), file.clone(), message, hint)
}

/// Opens one file and shows its mapping.
fn one(
    config: &Config,
    spec: &SourceSpec,
    file: &SourceFile,
    reader: &ChildReader,
    problems: &mut Vec<Problem>,
    out: &mut Out,
) -> serde_json::Value {
    let limits = &config.limits;
    let request = ReadRequest {
        sheet: spec.sheet.clone(),
        header_row: spec.header_row,
        rows_max: limits.rows_max,
        columns_max: limits.columns_max,
        cell_bytes_max: limits.cell_bytes_max,
        unpacked_bytes_max: limits.unpacked_bytes_max,
        ..ReadRequest::new(file_kind(&file.path).unwrap_or(FileKind::Xlsx), [0; 16])
    };
    let fetch_limits = FetchLimits { workbook_bytes_max: limits.workbook_bytes_max, problems_max: PROBLEMS_MAX };
    let fetched = match fetch(&RealDisk, reader, file, &request, &fetch_limits) {
        Ok(fetched) => fetched,
        Err(failure) => {
            problems.push(*failure.problem);
            return json!({ "name": file.name.as_str(), "path": file.path, "headers": [], "mapping": [] });
        }
    };
    let Some(table) = config.table(spec.table.as_str()) else { return json!({ "name": file.name.as_str() }) };
    let place = Place { file: file_name(&file.path), sheet: fetched.head.sheet.clone() };
    let answers = spec.writing.as_ref().map(|writing| writing.status_header.as_str());
    let heading = Heading { place: &place, row: spec.header_row, own: answers.as_slice(), remembered: &[] };
    let (columns, mapping_problems) = Columns::map(&fetched.head, table, &heading);
    let mapping: Vec<(String, String)> = fetched
        .head
        .columns
        .iter()
        .map(|(column, title)| {
            let field = columns.mapped.iter().find(|(_, mapped)| mapped == column).and_then(|(id, _)| table.field(*id));
            let answers = if columns.answer == Some(*column) { "(answers)" } else { "" };
            (title.clone(), field.map_or_else(|| answers.to_owned(), |field| field.name.to_string()))
        })
        .collect();
    problems.extend(fetched.problems);
    if spec.writing.is_some() && matches!(request.kind, FileKind::Xls | FileKind::Xlsb | FileKind::Ods) {
        problems.push(only_read(&place).in_source(file.name.as_str()));
    }
    problems.extend(mapping_problems.into_iter().map(|problem| problem.in_source(file.name.as_str())));
    if !out.json {
        out.line(format!("{}: {} ({} rows)", file.name, place.whole(), fetched.rows_total));
        for (title, field) in &mapping {
            let field = if field.is_empty() { "(not taken)" } else { field.as_str() };
            out.line(format!("  {title} -> {field}"));
        }
    }
    json!({
        "name": file.name.as_str(),
        "path": file.path,
        "sheet": fetched.head.sheet,
        "rows": fetched.rows_total,
        "headers": fetched.head.columns.iter().map(|(_, title)| title).collect::<Vec<_>>(),
        "mapping": mapping.iter().map(|(title, field)| json!({
            "title": title,
            "field": if field.is_empty() { serde_json::Value::Null } else { json!(field) },
        })).collect::<Vec<_>>(),
    })
}
