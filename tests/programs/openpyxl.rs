//! A workbook as openpyxl reads it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value as Json;

use super::python_with;

/// What openpyxl finds in a workbook.
pub(super) struct Dump(Json);

impl Dump {
    /// Reads a workbook; `None` where openpyxl is absent.
    #[track_caller]
    pub(super) fn of(path: &Path) -> Option<Self> {
        let python = python_with("openpyxl", "DAYBOOK_OPENPYXL", "python3")?;
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/programs/openpyxl_dump.py");
        let output =
            Command::new(python).arg(script).arg(path).stdin(Stdio::null()).output().expect("it can be started");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openpyxl can't read {}: {told}", path.display());
        Some(Self(serde_json::from_slice(&output.stdout).expect("the script prints one object")))
    }

    /// The content of a cell of the first sheet, by its place: `B2`.
    pub(super) fn cell(&self, place: &str) -> &Json {
        &self.0["sheets"][0]["cells"][place]
    }

    /// How many cells of the first sheet hold a formula.
    pub(super) fn formulas(&self) -> usize {
        let cells = self.0["sheets"][0]["cells"].as_object().expect("a sheet has cells");
        cells.values().filter(|cell| cell.as_str().is_some_and(|text| text.starts_with('='))).count()
    }

    /// A custom document property.
    pub(super) fn property(&self, name: &str) -> &Json {
        &self.0["properties"][name]
    }

    /// Another finding of the first sheet: `merges`, `tables`, `filter`, `conditional_formats`, `validations`.
    pub(super) fn found(&self, what: &str) -> &Json {
        &self.0["sheets"][0][what]
    }
}
