//! Writing: views, and into people's own workbooks. What waits, what failed, when it is tried again.
//!
//! `pipeline` decides what is written and writes it; here its answers become waits and problems, and what has to be taken
//! before it can go on is taken.

use std::path::Path;

use super::leftovers::{remove_leftover, secure, take_bytes};
use super::pass::{Rows, take_file, workbook_sources};
use crate::model::problem::Code;
use crate::model::{Problem, Timestamp};
use crate::pipeline::publication::Published;
use crate::pipeline::{PUBLISH, Pipeline, PipelineError, REREAD, Report, is_of};
use crate::source::workbook::{Listing, SourceFile, is_being_replaced, list, open_elsewhere};
use crate::store::PendingTask;

/// How long an open file waits before it is tried again.
const OPEN_RETRY_MS: i64 = 5_000;
/// How long a file that is just being saved waits.
const UNQUIET_RETRY_MS: i64 = 500;
/// How long a view that can't be read, and so is not written over, waits before it is tried again.
const UNREADABLE_RETRY_MS: i64 = 60_000;
/// How long a view that could not be written waits, times the number of failures.
const WRITE_RETRY_MS: i64 = 15_000;
/// How often views are written in one pass, when what they take in changes them again.
const ROUNDS_MAX: u32 = 10;

/// Writes every view, and into every workbook, that does not show what it should, whether somebody asked for it or not.
pub fn publish_everything(pipeline: &mut Pipeline) -> Result<Report, PipelineError> {
    let mut report = publish_due(pipeline)?;
    if pipeline.config().office.observe_only {
        return Ok(report);
    }
    for spec in 0..pipeline.specs().len() {
        let name = pipeline.specs()[spec].name.clone();
        let own = |task: &PendingTask| task.task.kind == PUBLISH && task.task.target == name.as_str();
        // What is asked for from here on is asked for anew.
        let mut tasks = pipeline.store().tasks()?;
        tasks.retain(own);
        match attempt(pipeline, spec, &mut report)? {
            Attempt::Done => {
                for task in &tasks {
                    pipeline.store().task_done(task)?;
                }
            }
            Attempt::Failed(problem, _) if !report.problems.contains(&problem) => report.problems.push(*problem),
            Attempt::Wait { .. } if tasks.is_empty() => pipeline.ask_to_publish(spec)?,
            Attempt::Failed(..) | Attempt::Wait { .. } => {}
        }
    }
    report.add(publish_due(pipeline)?);
    Ok(report)
}

/// Does the outbox's tasks that are due.
pub fn publish_due(pipeline: &mut Pipeline) -> Result<Report, PipelineError> {
    let mut report = Report::default();
    let observe_only = pipeline.config().office.observe_only;
    for _ in 0..ROUNDS_MAX {
        let now = pipeline.now();
        let (reread, others): (Vec<_>, Vec<_>) =
            pipeline.store().tasks_due(now)?.into_iter().partition(|task| task.task.kind == REREAD);
        let others = if observe_only { Vec::new() } else { others };
        if reread.is_empty() && others.is_empty() {
            break;
        }
        for task in reread {
            read_again(pipeline, &task, &mut report)?;
        }
        for task in others {
            one_task(pipeline, &task, &mut report)?;
        }
    }
    Ok(report)
}

/// Reads a source's file in full, because a person has decided what something in it means.
fn read_again(pipeline: &mut Pipeline, task: &PendingTask, report: &mut Report) -> Result<(), PipelineError> {
    let now = pipeline.now();
    let disk = pipeline.parts().disk.clone();
    let mut files = Vec::new();
    let mut offline = None;
    for (spec, source) in workbook_sources(pipeline).iter().enumerate() {
        let is_its = |file: &SourceFile| file.name.as_str() == task.task.target;
        match list(disk.as_ref(), source) {
            Listing::Files(found) => files.extend(found.into_iter().filter(is_its).map(|file| (spec, file))),
            Listing::Offline { root, error } if is_of(&source.name, &task.task.target) => {
                offline = Some(format!("{} can't be listed: {error}", root.display()));
            }
            Listing::Offline { .. } => {}
        }
    }
    if let (true, Some(why)) = (files.is_empty(), offline) {
        return Ok(pipeline.store().task_deferred(task, &why, Timestamp(now.0 + UNREADABLE_RETRY_MS))?);
    }
    for (spec, file) in files {
        let took = take_file(pipeline, spec, &file, Rows::All, false)?;
        if !took.taken {
            let why = format!("{} can't be read; it is tried again", file.path.display());
            return Ok(pipeline.store().task_deferred(task, &why, Timestamp(now.0 + UNREADABLE_RETRY_MS))?);
        }
        report.add(took.report);
    }
    pipeline.store().task_done(task)?;
    Ok(())
}

fn one_task(pipeline: &mut Pipeline, task: &PendingTask, report: &mut Report) -> Result<(), PipelineError> {
    let spec = pipeline.specs().iter().position(|spec| spec.name.as_str() == task.task.target);
    let (true, Some(spec)) = (task.task.kind == PUBLISH, spec) else {
        // The source is no longer configured: there is nothing to write.
        pipeline.store().task_done(task)?;
        return Ok(());
    };
    let now = pipeline.now();
    match attempt(pipeline, spec, report)? {
        Attempt::Done => {
            pipeline.store().task_done(task)?;
        }
        Attempt::Wait { why, ms } => pipeline.store().task_deferred(task, &why, Timestamp(now.0 + ms))?,
        Attempt::Failed(problem, error) => {
            let wait = WRITE_RETRY_MS * i64::from(task.attempts + 1);
            pipeline.store().task_failed(task, &error, Timestamp(now.0 + wait))?;
            report.problems.push(*problem);
        }
    }
    Ok(())
}

/// How an attempt to write a view or into a workbook ended.
enum Attempt {
    /// It shows what it should.
    Done,
    /// It can't be written now, which is no failure.
    Wait {
        /// Why.
        why: String,
        /// For how long.
        ms: i64,
    },
    /// It could not be written: the problem, and the error in short.
    Failed(Box<Problem>, String),
}

/// Writes one view, or into the files of one workbook source; takes first what was saved in them meanwhile.
fn attempt(pipeline: &mut Pipeline, spec: usize, report: &mut Report) -> Result<Attempt, PipelineError> {
    match (pipeline.specs()[spec].view, &pipeline.specs()[spec].writing) {
        (Some(view), _) => {
            let made = publish_one(pipeline, spec, view, report);
            or_failed(pipeline, spec, made)
        }
        (None, Some(_)) => write_into_all(pipeline, spec, report),
        (None, None) => Ok(Attempt::Done),
    }
}

/// Tells that a file could not be written; every other error is the store's.
fn or_failed(pipeline: &Pipeline, spec: usize, made: Result<Attempt, PipelineError>) -> Result<Attempt, PipelineError> {
    match made {
        Err(PipelineError::Write { path, error }) => {
            let message = format!("{path} could not be written: {error}. What it should show is safe in the store.");
            let hint = "Look whether Daybook's account may write there and the disk has room; it is tried again, and at each change.";
            let code = if pipeline.specs()[spec].view.is_some() { "view-not-written" } else { "workbook-not-written" };
            let name = pipeline.specs()[spec].name.clone();
            let problem = Problem::new(Code(code), path, message, hint).in_source(name.as_str());
            Ok(Attempt::Failed(Box::new(problem), error))
        }
        other => other,
    }
}

/// Writes into each file of a workbook source. One that can't be written now doesn't keep the others back.
fn write_into_all(pipeline: &mut Pipeline, spec: usize, report: &mut Report) -> Result<Attempt, PipelineError> {
    let source = workbook_sources(pipeline).swap_remove(spec);
    let disk = pipeline.parts().disk.clone();
    let files = match list(disk.as_ref(), &source) {
        Listing::Files(files) => files,
        // It is told of where it is looked at.
        Listing::Offline { root, .. } => {
            return Ok(Attempt::Wait { why: format!("{} is offline", root.display()), ms: UNREADABLE_RETRY_MS });
        }
    };
    let mut whole = Attempt::Done;
    for file in files {
        let made = write_into(pipeline, spec, &file, report);
        report.problems.extend(pipeline.take_untold(&file.path));
        match (or_failed(pipeline, spec, made)?, &whole) {
            // Of several, a failure counts.
            (Attempt::Done, _) | (Attempt::Wait { .. }, Attempt::Failed(..)) => {}
            (waits, _) => whole = waits,
        }
    }
    Ok(whole)
}

/// Writes into one file of a workbook source.
fn write_into(
    pipeline: &mut Pipeline,
    spec: usize,
    file: &SourceFile,
    report: &mut Report,
) -> Result<Attempt, PipelineError> {
    let wait = |why: String, ms: i64| Ok(Attempt::Wait { why: format!("{} {why}", file.path.display()), ms });
    if let Some(why) = out_of_reach(pipeline, &file.path) {
        return wait(why, OPEN_RETRY_MS);
    }
    let mut looked_again = false;
    for _ in 0..ROUNDS_MAX {
        match pipeline.write_into(spec, file)? {
            Published::Unchanged => return Ok(Attempt::Done),
            Published::Missing => return wait("is not there".to_owned(), UNREADABLE_RETRY_MS),
            Published::Written(problems) => {
                report.published += 1;
                report.problems.extend(problems);
                return Ok(Attempt::Done);
            }
            Published::Refused { why } => return wait(format!("can't be written into: {why}"), UNREADABLE_RETRY_MS),
            Published::Open(person) => return wait(open_at(person), OPEN_RETRY_MS),
            Published::Held => return wait("has a save that waits for a decision".to_owned(), OPEN_RETRY_MS),
            Published::Strange if looked_again => {
                return wait(
                    "holds a save that was rejected; it is written when it is saved anew".to_owned(),
                    UNREADABLE_RETRY_MS,
                );
            }
            // A save that came between is put back where it was, and comes as `Saved`.
            Published::Moved | Published::Overtaken { .. } => {}
            Published::Answered => report.published += 1,
            Published::Saved if is_unquiet(pipeline, &file.path) => {
                return wait("is being saved; it is written after that".to_owned(), UNQUIET_RETRY_MS);
            }
            anew @ (Published::Saved | Published::Unread | Published::Strange) => {
                report.problems.extend(pipeline.take_untold(&file.path));
                looked_again |= matches!(anew, Published::Strange);
                let rows = if matches!(anew, Published::Unread) { Rows::Anew } else { Rows::New };
                let took = take_file(pipeline, spec, file, rows, false)?;
                // What is wrong with the file is told where the file is looked at.
                if !took.taken {
                    return wait("can't be read, so it is not written into".to_owned(), UNREADABLE_RETRY_MS);
                }
                report.add(took.report);
            }
        }
    }
    wait("is saved again and again".to_owned(), OPEN_RETRY_MS)
}

/// Whether a file may be in the middle of a save: somebody has it open, or it changed a moment ago. The daemon waits then; a
/// single pass takes what is there, as it does with every file.
fn is_unquiet(pipeline: &Pipeline, path: &Path) -> bool {
    if !pipeline.is_patient() {
        return false;
    }
    let now = pipeline.now();
    let quiet_ms = i128::from(pipeline.config().watch.quiet_ms);
    let disk = pipeline.parts().disk.as_ref();
    let changed = disk.fingerprint(path).ok().flatten().map(|found| found.modified_ns / 1_000_000);
    let is_fresh = changed.is_some_and(|changed| (0..quiet_ms).contains(&(i128::from(now.0) - changed)));
    is_fresh || open_elsewhere(disk, path, now.0).is_some()
}

fn open_at(person: Option<String>) -> String {
    let who = person.map_or_else(|| "somebody".to_owned(), |person| format!("`{person}`"));
    format!("is open at {who}; it is written when it is closed")
}

fn publish_one(
    pipeline: &mut Pipeline,
    spec: usize,
    view: usize,
    report: &mut Report,
) -> Result<Attempt, PipelineError> {
    let path = pipeline.specs()[spec].path.clone();
    let file = SourceFile { name: pipeline.specs()[spec].name.clone(), path: path.clone() };
    let wait = |why: String, ms: i64| Ok(Attempt::Wait { why: format!("{} {why}", path.display()), ms });
    if let Some(why) = out_of_reach(pipeline, &path) {
        return wait(why, OPEN_RETRY_MS);
    }
    for _ in 0..ROUNDS_MAX {
        match pipeline.publish(view)? {
            // People's own workbooks may be missing or refused; a view is made.
            Published::Unchanged | Published::Missing | Published::Refused { .. } => return Ok(Attempt::Done),
            Published::Written(problems) => {
                report.published += 1;
                report.problems.extend(problems);
                return Ok(Attempt::Done);
            }
            Published::Open(person) => return wait(open_at(person), OPEN_RETRY_MS),
            Published::Held => {
                return wait(
                    "has a save that waits for a decision; it is written after that".to_owned(),
                    OPEN_RETRY_MS,
                );
            }
            Published::Moved | Published::Answered => {}
            Published::Saved | Published::Unread | Published::Strange => {
                let took = take_file(pipeline, spec, &file, Rows::New, false)?;
                // What is wrong with the file is told where the file is looked at.
                if !took.taken {
                    return wait("can't be read, so it is not written over".to_owned(), UNREADABLE_RETRY_MS);
                }
                report.add(took.report);
            }
            Published::Overtaken { lost, kept } => {
                let took = take_bytes(pipeline, spec, &file, &lost)?;
                secure(pipeline, spec, &path, &lost, &took, report)?;
                report.add(took.report);
                remove_leftover(pipeline, &kept);
            }
        }
    }
    wait("is saved again and again".to_owned(), OPEN_RETRY_MS)
}

/// Why a file should not be written now, though it may look as if it were not there.
fn out_of_reach(pipeline: &Pipeline, path: &Path) -> Option<String> {
    let disk = pipeline.parts().disk.as_ref();
    if let Err(error) = disk.list(path) {
        return Some(format!("can't be reached: {error}; it is written when it can"));
    }
    let is_away = matches!(disk.fingerprint(path), Ok(None));
    let being_saved = is_away && is_being_replaced(disk, path, pipeline.now().0);
    being_saved.then(|| "is being saved; it is written after that".to_owned())
}
