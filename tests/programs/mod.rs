//! The programs that office people use, driven as they use them: LibreOffice opens, edits and saves while Daybook is there, and
//! openpyxl gives a second opinion of what lies in a file.
//!
//! The programs are no part of a Rust toolchain. Where one is absent, its tests say so and pass; `DAYBOOK_REQUIRE_PROGRAMS` makes the
//! absence a failure. `.ci/run` installs them and sets it.

#![expect(clippy::disallowed_methods, reason = "these tests start the programs around Daybook and wait for them")]

pub(crate) mod libreoffice;
mod openpyxl;

mod corpus;
mod proof;
mod together;

use std::path::PathBuf;
use std::process::{Command, Stdio};

pub(crate) use libreoffice::LibreOffice;

/// Says that a program is absent: a failure where it is required.
#[expect(clippy::print_stderr, reason = "a test that is left out says so")]
pub(crate) fn absent<T>(what: &str) -> Option<T> {
    assert!(
        std::env::var_os("DAYBOOK_REQUIRE_PROGRAMS").is_none(),
        "DAYBOOK_REQUIRE_PROGRAMS is set, and {what} is absent"
    );
    eprintln!("skipped: {what} is absent");
    None
}

/// LibreOffice's program, if it is on the path.
pub(crate) fn soffice() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut programs = std::env::split_paths(&path).map(|folder| folder.join("soffice"));
    programs.find(|program| program.is_file()).or_else(|| absent("`soffice` (LibreOffice)"))
}

/// The Python that a variable names, else the usual one, if it has a module.
fn python_with(module: &str, variable: &str, usual: &str) -> Option<PathBuf> {
    let python = std::env::var_os(variable).map_or(PathBuf::from(usual), PathBuf::from);
    let has_module = Command::new(&python)
        .args(["-c", &format!("import {module}")])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if has_module {
        Some(python)
    } else {
        absent(&format!("Python's `{module}` ({variable} names a Python that has it)"))
    }
}
