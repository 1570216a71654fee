//! What came between, and what an interrupted replacement left: saves of people that lie in memory or beside their file.

use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use super::pass::{Reading, Took, not_taken, workbook_sources};
use crate::io::{Disk, Fingerprint, Snapshot};
use crate::model::Problem;
use crate::model::problem::Code;
use crate::pipeline::{Pipeline, PipelineError, Report, Shows, Taken};
use crate::source::workbook::{Listing, SourceFile, list};

/// Keeps a save beside the view if not all of it was taken: Daybook is about to let go of the only copy.
pub(super) fn secure(
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

pub(super) fn remove_leftover(pipeline: &Pipeline, path: &Path) {
    if let Err(error) = pipeline.parts().disk.remove_leftover(path) {
        tracing::warn!(%error, path = %path.display(), "a leftover of a replacement stays in the folder");
    }
}

/// Takes a save that lies in memory: one that a replacement overtook, or that an interrupted one left behind.
pub(super) fn take_bytes(
    pipeline: &mut Pipeline,
    spec: usize,
    file: &SourceFile,
    bytes: &[u8],
) -> Result<Took, PipelineError> {
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
    if pipeline.config().office.observe_only {
        return Ok(report);
    }
    let disk = pipeline.parts().disk.clone();
    let bytes_max = pipeline.config().limits.workbook_bytes_max;
    let views: Vec<usize> = (0..pipeline.specs().len()).filter(|spec| pipeline.specs()[*spec].view.is_some()).collect();
    for spec in views {
        let (name, path) = (pipeline.specs()[spec].name.clone(), pipeline.specs()[spec].path.clone());
        let Some(folder) = path.parent() else { continue };
        let Ok(mut leftovers) = disk.leftovers(folder) else { continue };
        // A view may be a link into another folder.
        leftovers.extend(disk.leftovers_of(&path).unwrap_or_default());
        leftovers.sort();
        leftovers.dedup();
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
    if pipeline.is_known(&file.name, &copy.digest)? {
        remove_leftover(pipeline, leftover);
        return Ok(());
    }
    let Ok(there) = disk.fingerprint(&file.path) else { return Ok(()) };
    let stands = there.and_then(|_| disk.snapshot(&file.path, bytes_max).ok()).map(|copy| copy.digest);
    let is_whole = {
        // What kind of file it is, the workbook's own name says.
        let mut reading = Reading::prepare(pipeline, spec, file, true)?;
        leftover.clone_into(&mut reading.file.path);
        reading.digest = None;
        matches!(reading.read(), Ok(Some(_)))
    };
    match (is_whole, there, stands) {
        // What stands there is what Daybook was writing, and nobody has saved since: the save that came between is later.
        (true, Some(there), Some(digest)) if pipeline.is_last_written(&file.name, &digest)? => {
            pipeline.unsettle(&file.path);
            if let Err(error) = disk.give_back(&file.path, leftover, there) {
                tracing::warn!(%error, path = %file.path.display(), "a save could not be put back in its place; it is tried again");
            }
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
