//! Workbooks as openpyxl reads them.

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
        let dump = Self::of_all(&[path.to_owned()])?.swap_remove(0);
        Some(dump.unwrap_or_else(|why| panic!("openpyxl can't read {}: {why}", path.display())))
    }

    /// Reads workbooks, or says why one can't be loaded; `None` where openpyxl is absent.
    #[track_caller]
    pub(super) fn of_all(paths: &[PathBuf]) -> Option<Vec<Result<Self, String>>> {
        let python = python_with("openpyxl", "DAYBOOK_OPENPYXL", "python3")?;
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/programs/openpyxl_dump.py");
        let output =
            Command::new(python).arg(script).args(paths).stdin(Stdio::null()).output().expect("it can be started");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "the script ends with {}: {told}", output.status);
        let text = String::from_utf8(output.stdout).expect("JSON is UTF-8");
        let dumps: Vec<_> = text.lines().map(Self::from_line).collect();
        assert_eq!(dumps.len(), paths.len(), "one line for each workbook: {told}");
        Some(dumps)
    }

    fn from_line(line: &str) -> Result<Self, String> {
        let dump: Json = serde_json::from_str(line).expect("the script prints one object a line");
        dump["failed"].as_str().map_or(Ok(()), |why| Err(why.to_owned()))?;
        Ok(Self(dump))
    }

    /// All that was found, but for the properties: the mark of what was written stands there.
    pub(super) fn content(mut self) -> Json {
        self.0.as_object_mut().expect("a workbook is an object").remove("properties");
        self.0
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

/// A place as openpyxl names it, by row and column from 0: `AB12`.
pub(super) fn place(row: usize, mut column: usize) -> String {
    let mut letters = String::new();
    loop {
        let letter = u8::try_from(column % 26).expect("invariant: below 26");
        letters.insert(0, char::from(b'A' + letter));
        match (column / 26).checked_sub(1) {
            Some(rest) => column = rest,
            None => return format!("{letters}{}", row + 1),
        }
    }
}
