//! `daybook workbook versions|restore`: people's own workbooks as they were before Daybook wrote into them.
//!
//! A version is written to a new file only. Putting it in the workbook's place is left to a person, who can see whether
//! somebody has the workbook open, and whether it is the right version.

use std::io::ErrorKind;
use std::path::Path;

use serde_json::{Value as Json, json};

use super::args::WorkbookCommand;
use super::open::{Make, open, time};
use super::output::{Out, plural};
use super::{Failure, Outcome};
use crate::config::Config;
use crate::error::Words;
use crate::io::private;
use crate::model::SourceName;
use crate::pipeline::Pipeline;
use crate::store::Version;

pub(crate) fn run(config: Option<&Path>, command: WorkbookCommand, out: &mut Out) -> Outcome {
    match command {
        WorkbookCommand::Versions { name } => versions(config, name.as_deref(), out),
        WorkbookCommand::Restore { name, at, to } => restore(config, &name, &at, &to, out),
    }
}

fn versions(config: Option<&Path>, name: Option<&str>, out: &mut Out) -> Outcome {
    let mut pipeline = open(config, Make::No)?;
    let versions = match name {
        Some(name) => of_workbook(&mut pipeline, name)?,
        None => pipeline.store().versions(None)?,
    };
    for version in &versions {
        let line = line(pipeline.config(), version);
        if out.json {
            out.value(&line);
        } else {
            let at = line["at"].as_str().unwrap_or_default();
            out.line(format!("{at}  {:>10}  {}  ({})", version.bytes, version.source, version.file_name));
        }
    }
    if !out.json {
        out.message(format!("{} earlier version{}", versions.len(), plural(versions.len())));
    }
    Ok(())
}

fn restore(config: Option<&Path>, name: &str, at: &str, to: &Path, out: &mut Out) -> Outcome {
    let mut pipeline = open(config, Make::No)?;
    let until = time(pipeline.config(), at)?;
    let versions = of_workbook(&mut pipeline, name)?;
    let version = versions.iter().find(|version| version.at <= until).ok_or_else(|| {
        let what = format!("no version of `{name}` from {at} or before is kept");
        Failure::Failed(Words::new(what, format!("`daybook workbook versions {name}` lists them.")))
    })?;
    let bytes = pipeline.store().version(&version.source, version.at)?;
    // Others see the workbook only after a person has put it in its place.
    private::write_new(to, &bytes).map_err(|error| not_written(to, &error))?;
    let mut line = line(pipeline.config(), version);
    if out.json {
        line["to"] = json!(to);
        out.value(&line);
        return Ok(());
    }
    let at = line["at"].as_str().unwrap_or_default();
    out.line(format!("wrote `{}`: {} as it was before Daybook replaced it at {at}", to.display(), version.file_name));
    out.line("Next: look whether it is the right one. Then let everybody close the workbook, and copy this file in its place.");
    out.line("Daybook takes it as an older copy: values that others have changed since stay, or are asked about.");
    Ok(())
}

/// The versions of one workbook, newest first; an error if there is no such workbook.
fn of_workbook(pipeline: &mut Pipeline, name: &str) -> Result<Vec<Version>, Failure> {
    let versions = pipeline.store().versions(Some(&SourceName::new(name)))?;
    // A workbook that is configured no longer may still have versions; a pattern's files are named `NAME:FILE`.
    let configured = name.split(':').next().unwrap_or(name);
    let books = &pipeline.config().workbooks;
    if versions.is_empty() && !books.iter().any(|book| book.name.as_str() == configured) {
        let names: Vec<&str> = books.iter().map(|book| book.name.as_str()).collect();
        let hint =
            if names.is_empty() { "There are none.".to_owned() } else { format!("There are: {}.", names.join(", ")) };
        return Err(Failure::Usage(Words::new(format!("there is no workbook `{name}`"), hint)));
    }
    Ok(versions)
}

fn line(config: &Config, version: &Version) -> Json {
    json!({
        "source": version.source,
        "at": version.at.to_rfc3339(&config.office.timezone),
        "file_name": version.file_name,
        "bytes": version.bytes,
    })
}

/// Why nothing was written for a person, in words.
pub(super) fn not_written(to: &Path, error: &std::io::Error) -> Failure {
    let to = to.display();
    Failure::Failed(match error.kind() {
        ErrorKind::AlreadyExists => {
            let what = format!("`{to}` is there already; nothing was written");
            Words::new(what, "Give a new file: `--to FILE`.")
        }
        _ => Words::new(format!("`{to}` could not be written: {error}"), "Look whether its folder is there."),
    })
}
