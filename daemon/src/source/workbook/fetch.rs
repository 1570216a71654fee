//! Takes the rows of one workbook: a private copy, then a reader.
//!
//! The file is looked at before and after the copy is made; only if it is the same both times is the copy one that somebody
//! saved whole. The reader works on the copy in a child process ([`ChildReader`]) that can be killed, or within this process
//! ([`InProcessReader`]) for simulations. What comes from the child is checked: it has read a stranger's file.

use std::ffi::OsString;
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Duration;

use crate::codec::child::write_request;
use crate::codec::frame::read_frame;
use crate::codec::read::{ReadFailure, ReadRequest, read};
use crate::codec::sheet::{FormulaRun, Frame, ReadRow, SheetHead};
use crate::io::{ChildFailure, ChildSpec, Disk, Fingerprint, Program, Snapshot, run_child};
use crate::model::problem::Code;
use crate::model::{CellRef, Place, Problem};

use super::files::SourceFile;

/// The file is being changed; it is tried again.
pub const CHANGING: Code = Code("changing");
/// The file is not there.
pub const MISSING: Code = Code("missing-file");
/// The file can't be opened or copied.
pub const NOT_READABLE: Code = Code("file-not-readable");
/// The file has no bytes.
pub const EMPTY: Code = Code("empty-file");
/// The file, or what it unpacks to, is larger than the limits.
pub const TOO_LARGE: Code = Code("too-large");
/// The workbook's zip has no directory: it is the first part of a save, or what is left of a failed one.
pub const TRUNCATED: Code = Code("truncated");
/// The reader took too long.
pub const TIMED_OUT: Code = Code("timed-out");
/// The reader ended in the middle, or gave an answer without sense.
pub const UNREADABLE: Code = Code("unreadable");
/// The reader could not be started.
pub const READER_FAILED: Code = Code("reader-failed");
/// More is wrong with the sheet than is told.
pub const MORE_PROBLEMS: Code = Code("more-problems");

/// The most runs of formulas that a reader may tell of: one for each second row of a full sheet.
const FORMULA_RUNS_MAX: usize = 1 << 20;

/// Reads a sheet from a private copy of a workbook.
pub trait SheetReader: Send + Sync {
    /// Bytes that the copy must have in front of the workbook, so that the reader needs no second copy.
    fn prefix(&self, request: &ReadRequest) -> io::Result<Vec<u8>>;

    /// Hands on the frames of the sheet, but not `Failed`, which becomes the error. An error of `on_frame` ends the reading.
    fn read(
        &self,
        snapshot: Snapshot,
        request: &ReadRequest,
        on_frame: &mut dyn FnMut(Frame) -> io::Result<()>,
    ) -> Result<(), ReadFailure>;
}

/// Reads in a child process with limited memory and time.
#[derive(Clone, Debug)]
pub struct ChildReader {
    /// The program: Daybook itself.
    pub program: Program,
    /// The most memory that the child may have.
    pub memory_bytes_max: u64,
    /// How long it may take.
    pub deadline: Duration,
}

impl ChildReader {
    /// The hidden command that the child runs.
    pub const COMMAND: &str = "read-sheet";
}

impl SheetReader for ChildReader {
    fn prefix(&self, request: &ReadRequest) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        write_request(&mut bytes, request)?;
        Ok(bytes)
    }

    fn read(
        &self,
        snapshot: Snapshot,
        _request: &ReadRequest,
        on_frame: &mut dyn FnMut(Frame) -> io::Result<()>,
    ) -> Result<(), ReadFailure> {
        let spec = ChildSpec {
            args: vec![OsString::from(Self::COMMAND)],
            stdin: snapshot.file,
            memory_bytes_max: self.memory_bytes_max,
            deadline: self.deadline,
        };
        let mut failed = None;
        let mut answered = false;
        let result = run_child(&self.program, spec, &mut |stdout| {
            answered = true;
            failed = take_frames(stdout, on_frame)?;
            Ok(())
        });
        // What the child could say itself is better than how it ended.
        if let Some(failure) = failed {
            return Err(failure);
        }
        result.map_err(|failure| {
            let stderr = match &failure {
                ChildFailure::OutOfMemory { stderr } | ChildFailure::Crashed { stderr, .. } => stderr.trim_end(),
                ChildFailure::TimedOut { .. } | ChildFailure::Io(_) => "",
            };
            tracing::warn!(%failure, stderr, "the reader of a workbook gave no answer; the workbook waits");
            self.explain(&failure, answered)
        })
    }
}

impl ChildReader {
    fn explain(&self, failure: &ChildFailure, answered: bool) -> ReadFailure {
        match failure {
            ChildFailure::TimedOut { after } => read_failure(
                TIMED_OUT,
                format!("Reading took longer than {} s and was stopped.", after.as_secs_f32()),
                "It is tried again later. If that doesn't help, delete unused rows, columns and sheets, and save the \
                 workbook anew.",
            ),
            ChildFailure::OutOfMemory { .. } => read_failure(
                TOO_LARGE,
                format!("Reading needs more than the {} MB of memory that it may have.", self.memory_bytes_max >> 20),
                "Delete unused rows, columns and sheets, and save the workbook anew.",
            ),
            ChildFailure::Io(error) if !answered || error.kind() != io::ErrorKind::InvalidData => read_failure(
                READER_FAILED,
                format!("The program that reads workbooks could not do its work: {error}."),
                "It is tried again later. If it stays so, the machine may lack memory or processes; see the log.",
            ),
            ChildFailure::Crashed { .. } | ChildFailure::Io(_) => damaged(),
        }
    }
}

/// Hands on frames until the last one; what the reader gave up for, if it did.
fn take_frames(
    stdout: &mut dyn Read,
    on_frame: &mut dyn FnMut(Frame) -> io::Result<()>,
) -> io::Result<Option<ReadFailure>> {
    loop {
        // No last frame: how the child ended says why.
        match read_frame(stdout)?.ok_or(io::ErrorKind::UnexpectedEof)? {
            Frame::Failed(failure) => return Ok(Some(failure)),
            frame @ Frame::End { .. } => {
                on_frame(frame)?;
                return Ok(None);
            }
            frame => on_frame(frame)?,
        }
    }
}

/// Reads within this process: for simulations and tests. A hostile workbook can bring the process down.
#[derive(Clone, Copy, Debug, Default)]
pub struct InProcessReader;

impl SheetReader for InProcessReader {
    fn prefix(&self, _request: &ReadRequest) -> io::Result<Vec<u8>> {
        Ok(Vec::new())
    }

    fn read(
        &self,
        snapshot: Snapshot,
        request: &ReadRequest,
        on_frame: &mut dyn FnMut(Frame) -> io::Result<()>,
    ) -> Result<(), ReadFailure> {
        let mut failed = None;
        let mut sink = |frame| match frame {
            Frame::Failed(failure) => {
                failed = Some(failure);
                Ok(())
            }
            frame => on_frame(frame),
        };
        let reading = AssertUnwindSafe(|| snapshot.reader().and_then(|input| read(input, request, &mut sink)));
        let result = catch_unwind(reading);
        match (failed, result) {
            (Some(failure), _) => Err(failure),
            (None, Ok(Ok(()))) => Ok(()),
            (None, _) => Err(damaged()),
        }
    }
}

/// What may be taken from one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchLimits {
    /// The largest file.
    pub workbook_bytes_max: u64,
    /// How many problems are told of one file.
    pub problems_max: usize,
}

/// The rows of one save, as they were read or as what was made of them on the way.
#[derive(Clone, Debug)]
pub struct Fetched<T = Vec<ReadRow>> {
    /// The titles and what the file says of itself.
    pub head: SheetHead,
    /// The rows, in the sheet's order.
    pub rows: T,
    /// What was wrong at single places.
    pub problems: Vec<Problem>,
    /// The file as it was copied.
    pub fingerprint: Fingerprint,
    /// SHA-256 of the file.
    pub digest: [u8; 32],
    /// How many rows the reader says that it found.
    pub rows_total: u32,
    /// Where formulas stand, at least in the rows that were read in full.
    pub formulas: Vec<FormulaRun>,
}

/// When another try makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// After a while: [`super::FilePoll::failed`].
    Later,
    /// When the file has changed: [`super::FilePoll::taken`].
    WhenChanged,
}

/// Why nothing was taken from a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchFailure {
    /// What to tell. Nobody needs to be told of [`CHANGING`] unless it lasts.
    pub problem: Box<Problem>,
    /// When another try makes sense.
    pub again: Again,
    /// The file that it is about, if it was there.
    pub fingerprint: Option<Fingerprint>,
}

/// Copies a workbook and reads the copy.
pub fn fetch(
    disk: &dyn Disk,
    reader: &dyn SheetReader,
    file: &SourceFile,
    request: &ReadRequest,
    limits: &FetchLimits,
) -> Result<Fetched, FetchFailure> {
    let fetched = fetch_if_changed(disk, reader, file, request, limits, None, |_| Vec::new())?;
    // Without a digest to compare, every file is read.
    fetched.ok_or_else(|| Refusal { file, request }.refused(None, damaged()))
}

/// Copies a workbook and reads the copy. `None` if the file's SHA-256 is `digest`: then there is nothing to read.
///
/// `begin` makes of the titles what takes the rows. It gets them while the reader is still at work, so that both cores
/// of a small machine are used and no raw row is kept; all of it is dropped if the file turns out to be unreadable.
pub fn fetch_if_changed<T: Extend<ReadRow>>(
    disk: &dyn Disk,
    reader: &dyn SheetReader,
    file: &SourceFile,
    request: &ReadRequest,
    limits: &FetchLimits,
    digest: Option<&[u8; 32]>,
    begin: impl FnOnce(&SheetHead) -> T,
) -> Result<Option<Fetched<T>>, FetchFailure> {
    let refusal = Refusal { file, request };
    let look = || disk.fingerprint(&file.path).map_err(|error| refusal.not_readable(&error));
    let Some(fingerprint) = look()? else { return Err(refusal.missing()) };
    let at = Some(fingerprint);
    if fingerprint.bytes == 0 {
        return Err(refusal.empty(fingerprint));
    }
    if fingerprint.bytes > limits.workbook_bytes_max {
        return Err(refusal.too_large(at, limits));
    }
    let prefix = reader.prefix(request).map_err(|error| refusal.reader_failed(at, &error))?;
    let snapshot = match disk.snapshot_after(&prefix, &file.path, limits.workbook_bytes_max) {
        Ok(snapshot) => snapshot,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(refusal.changing(at)),
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => return Err(refusal.changing(at)),
        Err(error) => return Err(refusal.not_readable(&error)),
    };
    drop(prefix);
    if look()? != at || snapshot.bytes != fingerprint.bytes {
        return Err(refusal.changing(at));
    }

    if digest == Some(&snapshot.digest) {
        return Ok(None);
    }
    let digest = snapshot.digest;
    let mut collector = Collector::new(&refusal, limits.problems_max, begin);
    let result = reader.read(snapshot, request, &mut |frame| collector.take(frame));
    let nonsense = collector.nonsense;
    result.map_err(|failure| refusal.refused(at, failure))?;
    match (collector.sheet, collector.rows_total) {
        (Some((head, rows)), Some(rows_total)) if !nonsense => {
            let (problems, formulas) = (collector.problems, collector.formulas);
            Ok(Some(Fetched { head, rows, problems, fingerprint, digest, rows_total, formulas }))
        }
        _ => Err(refusal.refused(at, damaged())),
    }
}

/// Hands rows on, and refuses frames that don't keep to the order or the limits.
pub(super) struct Collector<'a, T, B> {
    refusal: &'a Refusal<'a>,
    problems_max: usize,
    begin: Option<B>,
    /// The titles, and what takes the rows below them.
    pub(super) sheet: Option<(SheetHead, T)>,
    rows: usize,
    pub(super) problems: Vec<Problem>,
    pub(super) rows_total: Option<u32>,
    formulas: Vec<FormulaRun>,
    pub(super) nonsense: bool,
}

impl<'a, T: Extend<ReadRow>, B: FnOnce(&SheetHead) -> T> Collector<'a, T, B> {
    pub(super) fn new(refusal: &'a Refusal<'a>, problems_max: usize, begin: B) -> Self {
        let (begin, problems, formulas) = (Some(begin), Vec::new(), Vec::new());
        Self {
            refusal,
            problems_max,
            begin,
            sheet: None,
            rows: 0,
            problems,
            rows_total: None,
            formulas,
            nonsense: false,
        }
    }

    pub(super) fn take(&mut self, frame: Frame) -> io::Result<()> {
        if self.rows_total.is_none() && self.makes_sense(frame) {
            return Ok(());
        }
        self.nonsense = true;
        Err(io::Error::new(io::ErrorKind::InvalidData, "the reader's answer makes no sense"))
    }

    fn makes_sense(&mut self, frame: Frame) -> bool {
        match frame {
            Frame::Head(head) => match self.begin.take() {
                Some(begin) => {
                    let rows = begin(&head);
                    self.sheet = Some((head, rows));
                    true
                }
                None => false,
            },
            Frame::Rows(rows) => {
                let room = self.refusal.request.rows_max as usize - self.rows;
                match &mut self.sheet {
                    Some((_, taker)) if rows.len() <= room => {
                        self.rows += rows.len();
                        taker.extend(rows);
                        true
                    }
                    _ => false,
                }
            }
            Frame::Problem { code, row, column, message, hint } => {
                self.note(code, row, column, &message, hint);
                true
            }
            Frame::Formulas(runs) => {
                let room = FORMULA_RUNS_MAX - self.formulas.len();
                let fits = self.sheet.is_some() && runs.len() <= room;
                if fits {
                    self.formulas.extend(runs);
                }
                fits
            }
            Frame::End { rows } => {
                self.rows_total = Some(rows);
                self.sheet.is_some() && rows as usize == self.rows
            }
            Frame::Failed(_) => false,
        }
    }

    fn note(&mut self, code: String, row: Option<u32>, column: Option<u32>, message: &str, hint: String) {
        let place = self.refusal.place(self.sheet.as_ref().map(|(head, _)| head));
        let source = self.refusal.file.name.to_string();
        if self.problems.len() < self.problems_max {
            let place = match (row, column) {
                (Some(row), Some(column)) => place.cell(CellRef { row, column: column.min(COLUMN_MAX) }),
                (Some(row), None) => place.row(row),
                (None, _) => place.whole(),
            };
            let message = format!("{place}: {message}");
            self.problems.push(Problem { source, place, code, message, hint });
        } else if self.problems.len() == self.problems_max {
            let message = format!("{}: more is wrong than is told here.", place.whole());
            let hint = "Correct what was told first; the rest is told at the next save.";
            self.problems.push(Problem::new(MORE_PROBLEMS, place.whole(), message, hint).in_source(&source));
        }
    }
}

/// No format has columns beyond it, and a column's letters can be made for it.
const COLUMN_MAX: u32 = 1 << 24;

fn read_failure(code: Code, message: impl Into<String>, hint: &str) -> ReadFailure {
    ReadFailure { code: code.0.to_owned(), message: message.into(), hint: hint.to_owned() }
}

pub(super) fn damaged() -> ReadFailure {
    let hint = "Open it in a spreadsheet program and save it as an xlsx workbook.";
    read_failure(UNREADABLE, "The workbook is damaged, or made in a way that can't be read.", hint)
}

/// Words why nothing was taken from a file.
pub(super) struct Refusal<'a> {
    pub(super) file: &'a SourceFile,
    pub(super) request: &'a ReadRequest,
}

impl Refusal<'_> {
    fn place(&self, head: Option<&SheetHead>) -> Place {
        let file = Path::new(&self.file.path).file_name().unwrap_or_default().to_string_lossy().into_owned();
        let sheet = head.map_or_else(|| self.request.sheet.clone(), |head| head.sheet.clone());
        Place { file, sheet }
    }

    fn refuse(
        &self,
        fingerprint: Option<Fingerprint>,
        again: Again,
        code: &str,
        message: &str,
        hint: impl Into<String>,
    ) -> FetchFailure {
        let place = self.place(None).file;
        let message = format!("{place}: {message} Nothing was taken from it.");
        let source = self.file.name.to_string();
        let problem = Problem { source, place, code: code.to_owned(), message, hint: hint.into() };
        FetchFailure { problem: Box::new(problem), again, fingerprint }
    }

    pub(super) fn refused(&self, fingerprint: Option<Fingerprint>, failure: ReadFailure) -> FetchFailure {
        let later = [TIMED_OUT.0, READER_FAILED.0, TRUNCATED.0].contains(&failure.code.as_str());
        let again = if later { Again::Later } else { Again::WhenChanged };
        self.refuse(fingerprint, again, &failure.code, &failure.message, failure.hint)
    }

    fn missing(&self) -> FetchFailure {
        let hint = "If it was moved, change its path in the configuration. Its records stay as they are.";
        self.refuse(None, Again::Later, MISSING.0, "The file is not there.", hint)
    }

    fn changing(&self, fingerprint: Option<Fingerprint>) -> FetchFailure {
        let hint = "It is tried again in a moment.";
        self.refuse(fingerprint, Again::Later, CHANGING.0, "The file is being saved.", hint)
    }

    fn empty(&self, fingerprint: Fingerprint) -> FetchFailure {
        let hint = "A save may have failed. Save the workbook again, or take an earlier version of it.";
        self.refuse(Some(fingerprint), Again::WhenChanged, EMPTY.0, "The file is empty.", hint)
    }

    pub(super) fn too_large(&self, fingerprint: Option<Fingerprint>, limits: &FetchLimits) -> FetchFailure {
        let message = format!("The file is larger than {} MB.", limits.workbook_bytes_max >> 20);
        let hint =
            "Delete what isn't needed (pictures, unused sheets), or raise `workbook_bytes_max` under `[limits]`.";
        self.refuse(fingerprint, Again::WhenChanged, TOO_LARGE.0, &message, hint)
    }

    fn not_readable(&self, error: &io::Error) -> FetchFailure {
        let message = format!("The file can't be read: {error}.");
        let hint = "Look whether the share is there, and whether Daybook's account may read the file. It is tried again later.";
        self.refuse(None, Again::Later, NOT_READABLE.0, &message, hint)
    }

    pub(super) fn reader_failed(&self, fingerprint: Option<Fingerprint>, error: &io::Error) -> FetchFailure {
        let message = format!("The reading could not be prepared: {error}.");
        let hint = "It is tried again later; see the log.";
        self.refuse(fingerprint, Again::Later, READER_FAILED.0, &message, hint)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use crate::codec::frame::write_frame;
    use crate::codec::read::FileKind;
    use crate::codec::sheet::{Properties, RawCell, RawRow};
    use crate::io::Replaced;
    use crate::model::SourceName;
    use std::path::PathBuf;
    use std::sync::Mutex;

    const LIMITS: FetchLimits = FetchLimits { workbook_bytes_max: 1 << 20, problems_max: 2 };
    const LONG: Duration = Duration::from_mins(5);

    /// A disk with one file, that somebody else may be saving: each look takes the next fingerprint.
    struct ScriptedDisk {
        looks: Mutex<Vec<Option<Fingerprint>>>,
        content: Vec<u8>,
    }

    impl ScriptedDisk {
        fn new(content: &[u8], looks: &[Option<Fingerprint>]) -> Self {
            Self { looks: Mutex::new(looks.to_vec()), content: content.to_vec() }
        }

        fn steady(content: &[u8]) -> Self {
            let print = Some(print(content.len() as u64));
            Self::new(content, &[print, print])
        }
    }

    fn print(bytes: u64) -> Fingerprint {
        Fingerprint { bytes, modified_ns: 1, changed_ns: 1, device: 1, file: 1 }
    }

    impl Disk for ScriptedDisk {
        fn fingerprint(&self, _path: &Path) -> io::Result<Option<Fingerprint>> {
            Ok(self.looks.lock().unwrap().remove(0))
        }

        fn list(&self, _pattern: &Path) -> io::Result<Vec<PathBuf>> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn snapshot_after(&self, prefix: &[u8], _path: &Path, bytes_max: u64) -> io::Result<Snapshot> {
            Snapshot::copy(prefix, &mut self.content.as_slice(), bytes_max)
        }

        fn replace(&self, _path: &Path, _bytes: &[u8], _expected: Option<Fingerprint>) -> io::Result<Replaced> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn give_back(&self, _path: &Path, _kept: &Path, _ours: Fingerprint) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn remove_leftover(&self, _path: &Path) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }
    }

    /// Says what it was told to say.
    struct ScriptedReader(Vec<Frame>);

    impl SheetReader for ScriptedReader {
        fn prefix(&self, _request: &ReadRequest) -> io::Result<Vec<u8>> {
            Ok(b"prefix".to_vec())
        }

        fn read(
            &self,
            snapshot: Snapshot,
            _request: &ReadRequest,
            on_frame: &mut dyn FnMut(Frame) -> io::Result<()>,
        ) -> Result<(), ReadFailure> {
            assert_eq!(snapshot.start, 6);
            for frame in &self.0 {
                match frame.clone() {
                    Frame::Failed(failure) => return Err(failure),
                    frame => on_frame(frame).map_err(|_| damaged())?,
                }
            }
            Ok(())
        }
    }

    fn request() -> ReadRequest {
        ReadRequest {
            kind: FileKind::Xlsx,
            sheet: Some("客户".to_owned()),
            position: 0,
            header_row: 1,
            hash_key: [1; 16],
            answer_header: None,
            known: vec![7, 8],
            rows_max: 3,
            columns_max: 100,
            cell_bytes_max: 1000,
            unpacked_bytes_max: 1 << 20,
        }
    }

    fn file() -> SourceFile {
        SourceFile { name: SourceName::new("sales"), path: "/share/客户.xlsx".into() }
    }

    fn head() -> Frame {
        let sheet = Some("客户".to_owned());
        let columns = vec![(0, "编号".to_owned())];
        Frame::Head(SheetHead { sheet, visible_sheets: 1, columns, properties: Properties::default() })
    }

    fn row(number: u32) -> ReadRow {
        ReadRow::Read(RawRow { number, hash: 9, cells: vec![(0, RawCell::Number(1.5))] })
    }

    fn known(number: u32) -> ReadRow {
        ReadRow::Known { number, hash: 7 }
    }

    fn problem() -> Frame {
        let text = |text: &str| text.to_owned();
        let (code, message, hint) = (text("cell-too-long"), text("The text is too long."), text("Shorten it."));
        Frame::Problem { code, row: Some(14), column: Some(2), message, hint }
    }

    fn fetch_frames(frames: Vec<Frame>) -> Result<Fetched, FetchFailure> {
        let disk = ScriptedDisk::steady(b"workbook");
        fetch(&disk, &ScriptedReader(frames), &file(), &request(), &LIMITS)
    }

    fn outcome(result: Result<Fetched, FetchFailure>) -> (String, Again) {
        let failure = result.unwrap_err();
        assert!(failure.problem.message.contains("客户.xlsx"), "{}", failure.problem.message);
        assert_eq!(failure.problem.source, "sales");
        (failure.problem.code, failure.again)
    }

    #[test]
    fn a_sheet_is_put_together_and_its_digest_is_that_of_the_file() {
        let frames = vec![
            head(),
            problem(),
            Frame::Rows(vec![known(2)]),
            Frame::Rows(vec![row(3)]),
            problem(),
            problem(),
            problem(),
            Frame::End { rows: 2 },
        ];
        let fetched = fetch_frames(frames).unwrap();
        assert_eq!((fetched.rows, fetched.rows_total), (vec![known(2), row(3)], 2));
        assert_eq!(fetched.fingerprint, print(8));
        let expected = Snapshot::copy(&[], &mut &b"workbook"[..], 8).unwrap().digest;
        assert_eq!(fetched.digest, expected);
        let codes: Vec<&str> = fetched.problems.iter().map(|problem| problem.code.as_str()).collect();
        assert_eq!(codes, ["cell-too-long", "cell-too-long", MORE_PROBLEMS.0]);
        assert_eq!(fetched.problems[0].place, "客户.xlsx!客户!C14");
        assert_eq!(fetched.problems[0].message, "客户.xlsx!客户!C14: The text is too long.");
    }

    #[test]
    fn an_answer_without_sense_is_no_sheet() {
        let end = |rows| Frame::End { rows };
        for frames in [
            vec![],
            vec![head()],
            vec![head(), Frame::Rows(vec![row(2)])],
            vec![end(0)],
            vec![head(), end(1)],
            vec![head(), head(), end(0)],
            vec![Frame::Rows(vec![row(2)]), head(), end(1)],
            vec![head(), end(0), Frame::Rows(vec![row(2)])],
            vec![head(), Frame::Rows(vec![row(2), row(3)]), Frame::Rows(vec![row(4), row(5)]), end(4)],
        ] {
            let text = format!("{frames:?}");
            assert_eq!(outcome(fetch_frames(frames)), (UNREADABLE.0.to_owned(), Again::WhenChanged), "{text}");
        }
    }

    #[test]
    fn what_the_reader_refuses_is_told_with_the_files_name() {
        let failure = read_failure(Code("encrypted"), "The workbook is encrypted.", "Save it without a password.");
        let failure = fetch_frames(vec![head(), Frame::Failed(failure)]).unwrap_err();
        assert_eq!(failure.problem.message, "客户.xlsx: The workbook is encrypted. Nothing was taken from it.");
        assert_eq!((failure.problem.code.as_str(), failure.again), ("encrypted", Again::WhenChanged));
        assert_eq!(failure.fingerprint, Some(print(8)));
    }

    #[test]
    fn only_a_copy_of_a_file_that_stood_still_is_read() {
        let good = || ScriptedReader(vec![head(), Frame::End { rows: 0 }]);
        let changing = (CHANGING.0.to_owned(), Again::Later);
        let empty = (EMPTY.0.to_owned(), Again::WhenChanged);
        let too_large = (TOO_LARGE.0.to_owned(), Again::WhenChanged);
        let missing = (MISSING.0.to_owned(), Again::Later);
        let other = Fingerprint { changed_ns: 2, ..print(8) };
        for (looks, expected) in [
            (vec![Some(print(8)), Some(other)], changing.clone()),
            (vec![Some(print(8)), None], changing.clone()),
            (vec![Some(print(9)), Some(print(9))], changing),
            (vec![Some(print(0))], empty),
            (vec![Some(print((1 << 20) + 1))], too_large),
            (vec![None], missing),
        ] {
            let disk = ScriptedDisk::new(b"workbook", &looks);
            assert_eq!(outcome(fetch(&disk, &good(), &file(), &request(), &LIMITS)), expected, "{looks:?}");
        }
        // A file that grows over the limit between look and copy may be a save half way.
        let disk = ScriptedDisk::new(&vec![0; (1 << 20) + 1], &[Some(print(8))]);
        assert_eq!(outcome(fetch(&disk, &good(), &file(), &request(), &LIMITS)).0, CHANGING.0);
    }

    #[cfg(unix)]
    mod child {
        use super::*;

        /// A child that runs a script instead of Daybook; `frames` are in the file `$0`.
        fn fetch_by(script: &str, frames: &[Frame], deadline: Duration) -> Result<Fetched, FetchFailure> {
            use std::io::Write;
            let mut bytes = Vec::new();
            for frame in frames {
                write_frame(&mut bytes, frame).unwrap();
            }
            let mut answer = tempfile::NamedTempFile::new().unwrap();
            answer.write_all(&bytes).unwrap();
            let program = Program::new("/bin/sh", ["-c".as_ref(), script.as_ref(), answer.path().as_os_str()]);
            let reader = ChildReader { program, memory_bytes_max: 1 << 30, deadline };
            fetch(&ScriptedDisk::steady(b"workbook"), &reader, &file(), &request(), &LIMITS)
        }

        #[test]
        fn the_child_gets_request_and_workbook_and_its_frames_are_taken() {
            let mut expected =
                ChildReader { program: Program::current().unwrap(), memory_bytes_max: 0, deadline: LONG }
                    .prefix(&request())
                    .unwrap();
            expected.extend(b"workbook");
            let length = expected.len();
            // `wc` counts what the child was given; another number of bytes ends it with an error.
            let script = format!("[ \"$1\" = read-sheet ] && [ $(wc -c) -eq {length} ] && cat \"$0\"");
            let frames = [head(), Frame::Rows(vec![known(2), row(3)]), Frame::End { rows: 2 }];
            let fetched = fetch_by(&script, &frames, LONG).unwrap();
            assert_eq!(fetched.rows, [known(2), row(3)]);
        }

        #[test]
        fn how_a_child_fails_is_told_apart() {
            let all = [head(), Frame::End { rows: 0 }];
            let failed = [head(), Frame::Failed(read_failure(Code("encrypted"), "", ""))];
            let twice = [head(), head(), Frame::End { rows: 0 }];
            let oom = "echo 'memory allocation of 9 bytes failed' >&2; kill -ABRT $$";
            for (script, frames, code, again) in [
                ("cat \"$0\"; kill -SEGV $$", &all[..1], UNREADABLE, Again::WhenChanged),
                ("head -c 6 \"$0\"", &all, UNREADABLE, Again::WhenChanged),
                ("cat \"$0\"", &[], UNREADABLE, Again::WhenChanged),
                ("cat \"$0\"", &twice, UNREADABLE, Again::WhenChanged),
                ("echo rubbish that is no frame at all", &[], UNREADABLE, Again::WhenChanged),
                (oom, &[], TOO_LARGE, Again::WhenChanged),
                ("cat \"$0\"; exit 1", &failed, Code("encrypted"), Again::WhenChanged),
            ] {
                assert_eq!(outcome(fetch_by(script, frames, LONG)), (code.0.to_owned(), again), "for {script}");
            }
            let slow = fetch_by("exec sleep 600", &[], Duration::from_millis(200));
            assert_eq!(outcome(slow), (TIMED_OUT.0.to_owned(), Again::Later));
        }

        #[test]
        fn a_program_that_is_not_there_says_nothing_about_the_workbook() {
            let program = Program::new("/none/daybook", [""; 0]);
            let reader = ChildReader { program, memory_bytes_max: 1 << 30, deadline: LONG };
            let disk = ScriptedDisk::steady(b"workbook");
            let result = fetch(&disk, &reader, &file(), &request(), &LIMITS);
            assert_eq!(outcome(result), (READER_FAILED.0.to_owned(), Again::Later));
        }
    }

    #[test]
    fn half_a_zip_may_be_the_beginning_of_a_save() {
        let disk = ScriptedDisk::steady(b"PK\x03\x04 and no more");
        assert_eq!(
            outcome(fetch(&disk, &InProcessReader, &file(), &request(), &LIMITS)),
            (TRUNCATED.0.to_owned(), Again::Later)
        );
    }

    #[test]
    fn what_is_no_workbook_is_refused_in_this_process_too() {
        let disk = ScriptedDisk::steady(b"this is no workbook");
        let (_, again) = outcome(fetch(&disk, &InProcessReader, &file(), &request(), &LIMITS));
        assert_eq!(again, Again::WhenChanged);
    }
}
