//! One pass over all sources, and the parts of it that the daemon uses too.

use std::collections::BTreeSet;
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use crate::codec::read::ReadRequest;
use crate::codec::sheet::SheetHead;
use crate::io::{Disk, Fingerprint, Snapshot};
use crate::model::problem::Code;
use crate::model::{Problem, SourceName, Table, Timestamp};
use crate::pipeline::publication::Published;
use crate::pipeline::{
    PUBLISH, PastColumns, Pipeline, PipelineError, REREAD, Report, Shows, Taken, Typed, file_name, is_of,
};
use crate::source::workbook::fetch::{CHANGING, MISSING};
use crate::source::workbook::{
    FetchFailure, FetchLimits, Fetched, Listing, SheetReader, SourceFile, WorkbookSource, fetch_if_changed,
    is_being_replaced, list,
};
use crate::store::PendingTask;

/// How many problems of one file are told at a time.
const PROBLEMS_MAX: usize = 1_000;
/// How long an open file waits before it is tried again.
const OPEN_RETRY_MS: i64 = 5_000;
/// How long a view that can't be read, and so is not written over, waits before it is tried again.
const UNREADABLE_RETRY_MS: i64 = 60_000;
/// How long a view that could not be written waits, times the number of failures.
const WRITE_RETRY_MS: i64 = 15_000;
/// How often views are written in one pass, when what they take in changes them again.
const ROUNDS_MAX: u32 = 10;

/// The sources of the configuration as `source` wants them, in the order of the pipeline's specs.
pub fn workbook_sources(pipeline: &mut Pipeline) -> Vec<WorkbookSource> {
    let seen = sources_seen(pipeline);
    let specs = pipeline.specs();
    let plain = |own: usize| {
        let others = specs.iter().enumerate().filter(move |(index, spec)| *index != own && !spec.is_pattern);
        others.map(|(_, spec)| spec.path.clone()).collect()
    };
    specs
        .iter()
        .enumerate()
        .map(|(index, spec)| WorkbookSource {
            name: spec.name.to_string(),
            pattern: spec.path.clone(),
            except: if spec.is_pattern { plain(index) } else { Vec::new() },
            seen: if spec.is_pattern { of_pattern(&spec.name, &seen) } else { BTreeSet::new() },
        })
        .collect()
}

/// The sources that the store has heard of. Without them a glob's files are only looked at less well.
fn sources_seen(pipeline: &mut Pipeline) -> Vec<SourceName> {
    let seen = pipeline.store().snapshot().and_then(|snapshot| snapshot.sources_last_seen());
    match seen {
        Ok(seen) => seen.into_iter().map(|seen| seen.source).collect(),
        Err(error) => {
            tracing::error!(%error, "the store can't say which files it knows");
            Vec::new()
        }
    }
}

/// Those that are files of a glob.
fn of_pattern(glob: &SourceName, seen: &[SourceName]) -> BTreeSet<SourceName> {
    let is_of =
        |name: &&SourceName| name.as_str().strip_prefix(glob.as_str()).is_some_and(|rest| rest.starts_with(':'));
    seen.iter().filter(is_of).cloned().collect()
}

/// A file that can be read without the pipeline, in another thread.
pub struct Reading {
    disk: Arc<dyn Disk>,
    reader: Arc<dyn SheetReader>,
    file: SourceFile,
    table: Table,
    request: ReadRequest,
    limits: FetchLimits,
    digest: Option<[u8; 32]>,
    past: PastColumns,
}

/// What was read; `None` if it is byte for byte what was seen last.
pub type Readied = Result<Option<Fetched<Typed>>, FetchFailure>;

impl Reading {
    /// Asks the pipeline what is known of the file. With `everything`, each row is decoded.
    pub fn prepare(
        pipeline: &mut Pipeline,
        spec: usize,
        file: &SourceFile,
        everything: bool,
    ) -> Result<Self, PipelineError> {
        let ask = pipeline.ask(&file.name, everything)?;
        let limits = pipeline.config().limits;
        let spec = &pipeline.specs()[spec];
        let table = pipeline.table(&spec.table)?.clone();
        let request = pipeline.read_request(spec, &file.path, ask.hash_key, ask.known);
        Ok(Self {
            disk: pipeline.parts().disk.clone(),
            reader: pipeline.parts().reader.clone(),
            file: file.clone(),
            table,
            request,
            limits: FetchLimits { workbook_bytes_max: limits.workbook_bytes_max, problems_max: PROBLEMS_MAX },
            digest: ask.digest,
            past: ask.past,
        })
    }

    /// Reads the file.
    pub fn read(&self) -> Readied {
        let (disk, reader) = (self.disk.as_ref(), self.reader.as_ref());
        let begin = |head: &SheetHead| {
            let answer = self.request.answer_header.as_deref();
            let file = file_name(&self.file.path);
            Typed::begin(self.table.clone(), file, self.request.header_row, answer, &self.past, head)
        };
        fetch_if_changed(disk, reader, &self.file, &self.request, &self.limits, self.digest.as_ref(), begin)
    }
}

/// One pass: every source is read and taken, then the views are written. With `dry`, nothing is changed.
pub fn sync(pipeline: &mut Pipeline, dry: bool) -> Result<Report, PipelineError> {
    let mut report = Report::default();
    if !dry {
        report.add(take_leftovers(pipeline)?);
    }
    let disk = pipeline.parts().disk.clone();
    for (spec, source) in workbook_sources(pipeline).iter().enumerate() {
        match list(disk.as_ref(), source) {
            Listing::Files(files) => {
                for file in files {
                    let took = take_file(pipeline, spec, &file, Rows::New, dry)?;
                    if !dry {
                        note_reading(pipeline, &file.name, took.report.problems.first().filter(|_| !took.taken));
                    }
                    report.add(took.report);
                }
            }
            Listing::Offline { root, error } => {
                report.problems.push(offline(&source.name, &root, &error));
            }
        }
    }
    if !dry {
        report.add(publish_everything(pipeline)?);
    }
    Ok(report)
}

/// What became of one file.
struct Took {
    report: Report,
    /// Its content was taken; otherwise the file is the only place where it is.
    taken: bool,
}

impl Took {
    fn not(problems: Vec<Problem>) -> Self {
        Self { report: Report { problems, ..Report::default() }, taken: false }
    }
}

/// Remembers whether a source's file could be read, for those who ask how things are. That a file is not there, or is
/// being saved, shows without it.
pub(super) fn note_reading(pipeline: &mut Pipeline, source: &SourceName, wrong: Option<&Problem>) {
    let noted = match wrong {
        Some(problem) if [MISSING.0, CHANGING.0].contains(&problem.code.as_str()) => return,
        Some(problem) => {
            let now = pipeline.now();
            pipeline.store().note_unread(source, now, problem)
        }
        None => pipeline.store().note_read(source),
    };
    if let Err(error) = noted {
        tracing::warn!(%error, "`daybook status` may say something else of a source than the log");
    }
}

/// Which rows of a file are decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rows {
    /// Those that are not known by their hash; none if the file is byte for byte what was seen last.
    New,
    /// Those that are not known by their hash, even if the file is byte for byte what was seen last.
    Anew,
    /// All.
    All,
}

/// Reads and takes one file.
fn take_file(
    pipeline: &mut Pipeline,
    spec: usize,
    file: &SourceFile,
    rows: Rows,
    dry: bool,
) -> Result<Took, PipelineError> {
    let is_view = pipeline.specs()[spec].view.is_some();
    if is_view && matches!(pipeline.fingerprint(&file.path), Ok(None)) {
        return Ok(Took { report: Report::default(), taken: true });
    }
    for everything in [rows == Rows::All, true, true] {
        let mut reading = Reading::prepare(pipeline, spec, file, everything)?;
        if rows == Rows::Anew {
            reading.digest = None;
        }
        match reading.read() {
            Ok(None) => {
                if let Ok(Some(fingerprint)) = pipeline.fingerprint(&file.path) {
                    pipeline.settle(&file.path, fingerprint, Shows::Newest);
                }
                return Ok(Took { report: Report::default(), taken: true });
            }
            Ok(Some(fetched)) => match pipeline.take(spec, &file.name, &file.path, fetched, dry) {
                Ok(Taken::Done(report)) => return Ok(Took { report, taken: true }),
                Ok(Taken::Refused(problems)) => return Ok(Took::not(problems)),
                Ok(Taken::ReadAgain) => {}
                Err(error) => return Ok(Took::not(vec![not_taken(file, &error)])),
            },
            Err(failure) => return Ok(Took::not(vec![*failure.problem])),
        }
    }
    Ok(Took::not(Vec::new()))
}

/// Writes every view, and into every workbook, that does not show what it should, whether somebody asked for it or not.
pub fn publish_everything(pipeline: &mut Pipeline) -> Result<Report, PipelineError> {
    let mut report = publish_due(pipeline)?;
    if pipeline.config().office.observe_only {
        return Ok(report);
    }
    for spec in 0..pipeline.specs().len() {
        match attempt(pipeline, spec, &mut report)? {
            Attempt::Done => settle_tasks(pipeline, spec)?,
            Attempt::Failed(problem, _) if !report.problems.contains(&problem) => report.problems.push(*problem),
            Attempt::Failed(..) | Attempt::Wait { .. } => {}
        }
    }
    report.add(publish_due(pipeline)?);
    Ok(report)
}

/// Takes out what was put off and is done by now.
fn settle_tasks(pipeline: &mut Pipeline, spec: usize) -> Result<(), PipelineError> {
    let name = pipeline.specs()[spec].name.clone();
    for task in pipeline.store().tasks()? {
        if task.task.kind == PUBLISH && task.task.target == name.as_str() {
            pipeline.store().task_done(&task)?;
        }
    }
    Ok(())
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
    let made = match (pipeline.specs()[spec].view, &pipeline.specs()[spec].writing) {
        (Some(view), _) => publish_one(pipeline, spec, view, report),
        (None, Some(_)) => write_into_all(pipeline, spec, report),
        (None, None) => Ok(Attempt::Done),
    };
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
        match write_into(pipeline, spec, &file, report)? {
            Attempt::Done => {}
            waits => whole = waits,
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
            Published::Kept(problems) => {
                report.problems.extend(problems);
                return Ok(Attempt::Done);
            }
            Published::Refused { why, problems } => {
                report.problems.extend(problems);
                return wait(format!("can't be written into: {why}"), UNREADABLE_RETRY_MS);
            }
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
            anew @ (Published::Saved | Published::Unread | Published::Strange) => {
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
            Published::Unchanged | Published::Missing => return Ok(Attempt::Done),
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
            Published::Moved => {}
            Published::Kept(problems) | Published::Refused { problems, .. } => {
                report.problems.extend(problems);
                return Ok(Attempt::Done);
            }
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

/// Keeps a save beside the view if not all of it was taken: Daybook is about to let go of the only copy.
fn secure(
    pipeline: &mut Pipeline,
    spec: usize,
    view: &Path,
    bytes: &[u8],
    took: &Took,
    report: &mut Report,
) -> Result<(), PipelineError> {
    let name = pipeline.specs()[spec].name.clone();
    let told = !pipeline.look()?.snapshot.told(&name)?.is_empty();
    if !took.taken || told || took.report.held > 0 {
        let now = pipeline.now();
        report.problems.extend(pipeline.keep(&name, view, bytes, now)?);
    }
    Ok(())
}

fn remove_leftover(pipeline: &Pipeline, path: &Path) {
    if let Err(error) = pipeline.parts().disk.remove_leftover(path) {
        tracing::warn!(%error, path = %path.display(), "a leftover of a replacement stays in the folder");
    }
}

/// Takes a save that lies in memory: one that a replacement overtook, or that an interrupted one left behind.
fn take_bytes(pipeline: &mut Pipeline, spec: usize, file: &SourceFile, bytes: &[u8]) -> Result<Took, PipelineError> {
    let overtaken = Arc::new(Overtaken { bytes: bytes.to_vec(), modified_ms: pipeline.now().0 });
    let mut reading = Reading::prepare(pipeline, spec, file, true)?;
    reading.disk = overtaken;
    reading.digest = None;
    let settled = pipeline.settled(&file.path);
    let took = match reading.read() {
        Ok(Some(fetched)) => match pipeline.take(spec, &file.name, &file.path, fetched, false) {
            Ok(Taken::Done(report)) => Took { report, taken: true },
            Ok(Taken::Refused(problems)) => Took::not(problems),
            Ok(Taken::ReadAgain) => Took::not(Vec::new()),
            Err(error) => Took::not(vec![not_taken(file, &error)]),
        },
        Ok(None) => Took { report: Report::default(), taken: true },
        Err(failure) => Took::not(vec![*failure.problem]),
    };
    // What was taken is not what lies at the view's place now.
    match settled {
        Some((fingerprint, Shows::Newest)) => pipeline.settle(&file.path, fingerprint, Shows::Own),
        Some((fingerprint, shows)) => pipeline.settle(&file.path, fingerprint, shows),
        None => pipeline.unsettle(&file.path),
    }
    Ok(took)
}

/// Takes what an interrupted replacement of a view left in its folder: it may be somebody's save.
pub fn take_leftovers(pipeline: &mut Pipeline) -> Result<Report, PipelineError> {
    let mut report = Report::default();
    let disk = pipeline.parts().disk.clone();
    let bytes_max = pipeline.config().limits.workbook_bytes_max;
    let views: Vec<usize> = (0..pipeline.specs().len()).filter(|spec| pipeline.specs()[*spec].view.is_some()).collect();
    for spec in views {
        let (name, path) = (pipeline.specs()[spec].name.clone(), pipeline.specs()[spec].path.clone());
        let Some(folder) = path.parent() else { continue };
        let Ok(leftovers) = disk.leftovers(folder) else { continue };
        for leftover in leftovers {
            let file = SourceFile { name: name.clone(), path: leftover.clone() };
            if !is_of_view(pipeline, spec, &file)? {
                continue;
            }
            let copied = disk.snapshot(&leftover, bytes_max).and_then(|copy| copy.to_vec());
            let Ok(bytes) = copied else { continue };
            let own = SourceFile { name: name.clone(), path: path.clone() };
            let took = take_bytes(pipeline, spec, &own, &bytes)?;
            secure(pipeline, spec, &path, &bytes, &took, &mut report)?;
            report.add(took.report);
            remove_leftover(pipeline, &leftover);
        }
    }
    for spec in 0..pipeline.specs().len() {
        if pipeline.specs()[spec].writing.is_some() {
            take_leftovers_of(pipeline, spec, &mut report)?;
        }
    }
    Ok(report)
}

/// Looks through what interrupted replacements of people's own workbooks left: what Daybook was writing, what it replaced, or
/// a save that came between.
fn take_leftovers_of(pipeline: &mut Pipeline, spec: usize, report: &mut Report) -> Result<(), PipelineError> {
    let source = workbook_sources(pipeline).swap_remove(spec);
    let disk = pipeline.parts().disk.clone();
    let Listing::Files(files) = list(disk.as_ref(), &source) else { return Ok(()) };
    for file in files {
        for leftover in disk.leftovers_of(&file.path).unwrap_or_default() {
            take_leftover(pipeline, spec, &file, &leftover, report)?;
        }
    }
    Ok(())
}

fn take_leftover(
    pipeline: &mut Pipeline,
    spec: usize,
    file: &SourceFile,
    leftover: &Path,
    report: &mut Report,
) -> Result<(), PipelineError> {
    let disk = pipeline.parts().disk.clone();
    let bytes_max = pipeline.config().limits.workbook_bytes_max;
    let Ok(copy) = disk.snapshot(leftover, bytes_max) else { return Ok(()) };
    if pipeline.is_state(&file.name, &copy.digest)? {
        remove_leftover(pipeline, leftover);
        return Ok(());
    }
    let there = pipeline.fingerprint(&file.path)?;
    let stands = there.and_then(|_| disk.snapshot(&file.path, bytes_max).ok()).map(|copy| copy.digest);
    let is_whole = {
        let mut reading =
            Reading::prepare(pipeline, spec, &SourceFile { path: leftover.to_owned(), ..file.clone() }, true)?;
        reading.digest = None;
        matches!(reading.read(), Ok(Some(_)))
    };
    match (is_whole, there, stands) {
        // What stands there is what Daybook was writing, or known: the save that came between is the later one.
        (true, Some(there), Some(digest)) if pipeline.is_state(&file.name, &digest)? => {
            pipeline.unsettle(&file.path);
            disk.give_back(&file.path, leftover, there).map_err(|error| PipelineError::Write {
                path: file.path.display().to_string(),
                error: error.to_string(),
            })?;
        }
        (true, ..) => {
            let bytes = copy.to_vec().unwrap_or_default();
            let took = take_bytes(pipeline, spec, file, &bytes)?;
            if took.taken {
                remove_leftover(pipeline, leftover);
            }
            report.add(took.report);
        }
        (false, ..) => report.problems.push(unreadable_leftover(file, leftover)),
    }
    Ok(())
}

/// Something lies beside a workbook that may be a piece of what Daybook wrote, or of somebody's save.
fn unreadable_leftover(file: &SourceFile, leftover: &Path) -> Problem {
    let place = leftover.display().to_string();
    let message = format!(
        "{place} was left when writing {} was interrupted, and can't be read. It was left there; the workbook itself is whole.",
        file.path.display()
    );
    let hint = "If nobody misses a save of that moment, delete it.";
    Problem::new(Code("leftover"), place, message, hint).in_source(file.name.as_str())
}

/// Whether a leftover is a workbook that Daybook wrote for this view, or somebody's save of it.
fn is_of_view(pipeline: &mut Pipeline, spec: usize, file: &SourceFile) -> Result<bool, PipelineError> {
    let mut reading = Reading::prepare(pipeline, spec, file, false)?;
    reading.digest = None;
    match reading.read() {
        Ok(Some(fetched)) => Ok(fetched.head.properties.source.as_deref() == Some(file.name.as_str())),
        Ok(None) | Err(_) => Ok(false),
    }
}

/// A disk with one file, in memory.
struct Overtaken {
    bytes: Vec<u8>,
    modified_ms: i64,
}

impl Disk for Overtaken {
    fn fingerprint(&self, _path: &Path) -> std::io::Result<Option<Fingerprint>> {
        Ok(Some(Fingerprint {
            bytes: self.bytes.len() as u64,
            modified_ns: i128::from(self.modified_ms) * 1_000_000,
            changed_ns: 0,
            device: 0,
            file: 0,
        }))
    }

    fn list(&self, pattern: &Path) -> std::io::Result<Vec<std::path::PathBuf>> {
        Ok(vec![pattern.to_owned()])
    }

    fn snapshot_after(&self, prefix: &[u8], _path: &Path, bytes_max: u64) -> std::io::Result<Snapshot> {
        Snapshot::copy(prefix, &mut Cursor::new(&self.bytes), bytes_max)
    }

    fn replace(
        &self,
        _path: &Path,
        _bytes: &[u8],
        _expected: Option<Fingerprint>,
    ) -> std::io::Result<crate::io::Replaced> {
        Err(std::io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn give_back(&self, _path: &Path, _kept: &Path, _ours: Fingerprint) -> std::io::Result<()> {
        Err(std::io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn remove_leftover(&self, _path: &Path) -> std::io::Result<()> {
        Err(std::io::ErrorKind::ReadOnlyFilesystem.into())
    }
}

/// A file was read and could not be taken, for a reason that lies with the store or with Daybook.
pub(super) fn not_taken(file: &SourceFile, error: &PipelineError) -> Problem {
    let path = file.path.display();
    let message = format!("{path} could not be taken: {error}. Nothing of it was saved; the file is as it was.");
    let hint = "It is tried again. If it stays so, run `daybook store check` and look at the log.";
    Problem::new(Code("not-taken"), path.to_string(), message, hint).in_source(file.name.as_str())
}

/// A source's folder can't be listed.
pub(super) fn offline(source: &str, root: &Path, error: &std::io::Error) -> Problem {
    let root = root.display();
    Problem::new(
        Code("offline"),
        root.to_string(),
        format!("{root} can't be listed: {error}. Nothing is concluded from that; its records stay as they are."),
        "Look whether the share is connected and the folder is there.",
    )
    .in_source(source)
}

/// A file is not there, or its folder can't be looked at.
pub(super) fn away(file: &SourceFile, code: &'static str) -> Problem {
    let path = file.path.display();
    let message = if code == "offline" {
        format!("{path} can't be looked at. Nothing is concluded from that; its records stay as they are.")
    } else {
        format!("{path} is not there. Its records stay as they are.")
    };
    let hint = if code == "offline" {
        "Look whether the share is connected."
    } else {
        "Look whether the share is connected. If the file was moved, change its path in the configuration."
    };
    Problem::new(Code(code), path.to_string(), message, hint).in_source(file.name.as_str())
}
