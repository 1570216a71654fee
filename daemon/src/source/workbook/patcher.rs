//! Changes cells of a private copy of a workbook: in a child process that can be killed, or within this process.
//!
//! In come a copy and a [`PatchRequest`]; out go the new file's bytes, or why there are none. Putting them in the file's place is
//! for whoever asked.

use std::ffi::OsString;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::fetch::TOO_LARGE;
use crate::codec::child::{read_patch_answer, write_patch_request};
use crate::codec::patch::{PatchRequest, Patched, patch};
use crate::codec::read::ReadFailure;
use crate::io::{ChildFailure, ChildSpec, Program, Snapshot, run_child};
use crate::model::problem::Code;

/// The patcher gave no answer.
pub const PATCH_FAILED: Code = Code("patch-failed");
/// The patcher was hindered by what may pass: the same patch may succeed later.
pub const PATCH_HINDERED: Code = Code("patch-hindered");
/// A patched file is taken from the child up to so much above the largest that is read, to tell that it is too large.
const ROOM_BYTES: u64 = 16 << 20;

/// Patches a private copy of a workbook.
pub trait SheetPatcher: Send + Sync {
    /// Bytes that the copy must have in front of the workbook, so that the patcher needs no second copy.
    fn prefix(&self, request: &PatchRequest) -> io::Result<Vec<u8>>;

    /// What was done, and the new file's bytes; no bytes if no cell could be changed.
    fn patch(&self, snapshot: Snapshot, request: &PatchRequest) -> Result<(Patched, Vec<u8>), ReadFailure>;
}

/// Patches in a child process with limited memory and time.
#[derive(Clone, Debug)]
pub struct ChildPatcher {
    /// The program: Daybook itself.
    pub program: Program,
    /// The most memory that the child may have.
    pub memory_bytes_max: u64,
    /// How long it may take.
    pub deadline: Duration,
    /// The largest workbook.
    pub workbook_bytes_max: u64,
}

impl ChildPatcher {
    /// The hidden command that the child runs.
    pub const COMMAND: &str = "patch-sheet";

    fn explain(&self, failure: &ChildFailure) -> ReadFailure {
        match failure {
            ChildFailure::TimedOut { after } => {
                hindered(format!("Writing took longer than {} s and was stopped.", after.as_secs_f32()))
            }
            ChildFailure::OutOfMemory { .. } => failed(format!(
                "Writing needs more than the {} MB of memory that it may have.",
                self.memory_bytes_max >> 20
            )),
            // An answer that is none will be none again.
            ChildFailure::Io(error)
                if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) =>
            {
                failed(format!("The program that writes into workbooks gave no sensible answer: {error}."))
            }
            ChildFailure::Io(error) => {
                hindered(format!("The program that writes into workbooks could not do its work: {error}."))
            }
            ChildFailure::Crashed { .. } => failed("The program that writes into workbooks could not cope with it."),
        }
    }
}

impl SheetPatcher for ChildPatcher {
    fn prefix(&self, request: &PatchRequest) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        write_patch_request(&mut bytes, request)?;
        Ok(bytes)
    }

    fn patch(&self, snapshot: Snapshot, _request: &PatchRequest) -> Result<(Patched, Vec<u8>), ReadFailure> {
        let spec = ChildSpec {
            args: vec![OsString::from(Self::COMMAND)],
            stdin: snapshot.file,
            memory_bytes_max: self.memory_bytes_max,
            deadline: self.deadline,
        };
        let bytes_max = self.workbook_bytes_max.saturating_add(ROOM_BYTES);
        let mut answer = None;
        let result = run_child(&self.program, spec, &mut |stdout| {
            answer = Some(read_patch_answer(stdout, bytes_max)?);
            Ok(())
        });
        match (answer, result) {
            // A whole answer counts only from a child that ended well.
            (Some(Ok(done)), Ok(())) => fitting(done, self.workbook_bytes_max),
            (Some(Err(failure)), _) => Err(failure),
            (_, Err(failure)) => {
                tracing::warn!(%failure, "what writes into workbooks gave no answer; the workbook is as it was");
                Err(self.explain(&failure))
            }
            (None, Ok(())) => Err(failed("The program that writes into workbooks gave no answer.")),
        }
    }
}

/// Patches within this process: for simulations and tests. A hostile workbook can bring the process down.
#[derive(Clone, Copy, Debug, Default)]
pub struct InProcessPatcher;

impl SheetPatcher for InProcessPatcher {
    fn prefix(&self, _request: &PatchRequest) -> io::Result<Vec<u8>> {
        Ok(Vec::new())
    }

    fn patch(&self, snapshot: Snapshot, request: &PatchRequest) -> Result<(Patched, Vec<u8>), ReadFailure> {
        let work = AssertUnwindSafe(|| snapshot.reader().map(|input| patch(input, request)));
        match catch_unwind(work) {
            Ok(Ok(result)) => result,
            Ok(Err(_)) | Err(_) => Err(failed("The workbook could not be written into.")),
        }
    }
}

/// Refuses a new file that would not be read any more, though the old one was.
fn fitting(done: (Patched, Vec<u8>), bytes_max: u64) -> Result<(Patched, Vec<u8>), ReadFailure> {
    if done.1.len() as u64 <= bytes_max {
        return Ok(done);
    }
    let hint = "Delete what isn't needed (pictures, unused sheets), or raise `workbook_bytes_max` under `[limits]`.";
    let message =
        format!("With the changes in it, the file would be larger than {} MB. It was left alone.", bytes_max >> 20);
    Err(ReadFailure { code: TOO_LARGE.0.to_owned(), message, hint: hint.to_owned() })
}

fn failed(message: impl Into<String>) -> ReadFailure {
    let hint = "It is tried again when the workbook is saved. If that doesn't help, open it in a spreadsheet program and save it anew.";
    ReadFailure { code: PATCH_FAILED.0.to_owned(), message: message.into(), hint: hint.to_owned() }
}

fn hindered(message: impl Into<String>) -> ReadFailure {
    ReadFailure {
        code: PATCH_HINDERED.0.to_owned(),
        message: message.into(),
        hint: "It is tried again by itself.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_is_tried_again_by_itself() {
        let patcher = ChildPatcher {
            program: Program::new("patcher", [] as [&str; 0]),
            memory_bytes_max: 1 << 20,
            deadline: Duration::from_secs(1),
            workbook_bytes_max: 1 << 20,
        };
        let code = |failure: ChildFailure| patcher.explain(&failure).code;
        let passing = [
            ChildFailure::TimedOut { after: Duration::from_secs(1) },
            ChildFailure::Io(io::Error::from(io::ErrorKind::StorageFull)),
        ];
        for failure in passing {
            assert_eq!(code(failure), PATCH_HINDERED.0);
        }
        let lasting = [
            ChildFailure::Io(io::Error::from(io::ErrorKind::InvalidData)),
            ChildFailure::Io(io::Error::from(io::ErrorKind::UnexpectedEof)),
            ChildFailure::OutOfMemory { stderr: String::new() },
            ChildFailure::Crashed { status: "signal 6".to_owned(), stderr: String::new() },
        ];
        for failure in lasting {
            assert_eq!(code(failure), PATCH_FAILED.0);
        }
    }

    #[test]
    fn a_file_that_would_not_be_read_is_not_given_out() {
        let done = |length| (Patched::default(), vec![0; length]);
        assert_eq!(fitting(done(9), 9), Ok(done(9)));
        assert_eq!(fitting(done(10), 9).map_err(|failure| failure.code), Err("too-large".to_owned()));
    }
}
