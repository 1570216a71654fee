//! Changes cells of a private copy of a workbook: in a child process that can be killed, or within this process.
//!
//! In come a copy and a [`PatchRequest`]; out go the new file's bytes, or why there are none. Putting them in the file's place is
//! for whoever asked.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::codec::patch::{PatchRequest, Patched, patch};
use crate::codec::read::ReadFailure;
use crate::io::Snapshot;

/// Patches a private copy of a workbook.
pub trait SheetPatcher: Send + Sync {
    /// Bytes that the copy must have in front of the workbook, so that the patcher needs no second copy.
    fn prefix(&self, request: &PatchRequest) -> io::Result<Vec<u8>>;

    /// What was done, and the new file's bytes; no bytes if no cell could be changed.
    fn patch(&self, snapshot: Snapshot, request: &PatchRequest) -> Result<(Patched, Vec<u8>), ReadFailure>;
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
            Ok(Err(_)) | Err(_) => Err(failure("patch-failed", "The workbook could not be written into.")),
        }
    }
}

fn failure(code: &str, message: impl Into<String>) -> ReadFailure {
    let hint = "The workbook is as it was. Open it in a spreadsheet program and save it as an xlsx workbook.";
    ReadFailure { code: code.to_owned(), message: message.into(), hint: hint.to_owned() }
}
