//! One pass over all sources, and the parts of it that the daemon uses too.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use super::leftovers::take_leftovers;
use super::mailboxes::read_mailboxes;
use super::mailing::send_mails;
use super::publishing::publish_everything;
use crate::codec::read::ReadRequest;
use crate::codec::sheet::SheetHead;
use crate::io::Disk;
use crate::model::problem::Code;
use crate::model::{Problem, SourceName, Table};
use crate::pipeline::{PastColumns, Pipeline, PipelineError, Report, Shows, Taken, Typed, file_name};
use crate::plugin::{PluginState, STOPPED};
use crate::source::workbook::fetch::{CHANGING, MISSING};
use crate::source::workbook::{
    FetchFailure, FetchLimits, Fetched, Listing, SheetReader, SourceFile, WorkbookSource, fetch_if_changed, list,
};

/// How many problems of one file are told at a time.
const PROBLEMS_MAX: usize = 1_000;

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
    pub(super) disk: Arc<dyn Disk>,
    reader: Arc<dyn SheetReader>,
    pub(super) file: SourceFile,
    table: Table,
    request: ReadRequest,
    limits: FetchLimits,
    pub(super) digest: Option<[u8; 32]>,
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

/// One pass: every source is read and taken, then the views are written and mails sent. With `dry`, nothing is changed.
pub fn sync(pipeline: &mut Pipeline, dry: bool) -> Result<Report, PipelineError> {
    let mut report = Report { problems: pipeline.plugins().refresh(), ..Report::default() };
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
        report.add(read_mailboxes(pipeline)?);
        report.add(publish_everything(pipeline)?);
        report.add(send_mails(pipeline)?);
        note_plugins(pipeline);
    }
    Ok(report)
}

/// What became of one file.
pub(super) struct Took {
    pub(super) report: Report,
    /// Its content was taken; otherwise the file is the only place where it is.
    pub(super) taken: bool,
}

impl Took {
    pub(super) fn not(problems: Vec<Problem>) -> Self {
        Self { report: Report { problems, ..Report::default() }, taken: false }
    }
}

/// Remembers which plugins have been stopped, and for which a file lies there that was refused, for those who ask how things are: they load
/// the files anew, and can't know what goes on here.
pub(super) fn note_plugins(pipeline: &mut Pipeline) {
    if pipeline.config().plugins.is_empty() {
        return;
    }
    for status in pipeline.plugins().status() {
        let source = plugin_source(&status.name);
        let now = pipeline.now();
        let problem = if status.state == PluginState::Stopped {
            Some(Problem::new(STOPPED, status.name.as_str(), status.last_error.unwrap_or_default(), ""))
        } else {
            status.refused
        };
        let noted = match problem {
            Some(problem) => pipeline.store().note_unread(&source, now, &problem.in_source(source.as_str())),
            None => pipeline.store().note_read(&source),
        };
        if let Err(error) = noted {
            tracing::warn!(%error, "`daybook status` may say something else of a plugin than the log");
        }
    }
}

/// Forgets which files the daemon has refused: with it the versions before end, and whoever looks at the files then finds what is wrong with them.
pub(super) fn forget_refused(pipeline: &mut Pipeline) {
    for status in pipeline.plugins().status() {
        if status.state != PluginState::Stopped
            && status.refused.is_some()
            && let Err(error) = pipeline.store().note_read(&plugin_source(&status.name))
        {
            tracing::warn!(%error, "`daybook status` may say that an earlier version of a plugin goes on");
        }
    }
}

/// The name under which a plugin's trouble is remembered beside that of the sources, whose names have no colon.
pub fn plugin_source(name: &str) -> SourceName {
    SourceName::new(&format!("plugin:{name}"))
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
pub(super) enum Rows {
    /// Those that are not known by their hash; none if the file is byte for byte what was seen last.
    New,
    /// Those that are not known by their hash, even if the file is byte for byte what was seen last.
    Anew,
    /// All.
    All,
}

/// Reads and takes one file.
pub(super) fn take_file(
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
