//! A LibreOffice that runs for one test, with a profile of its own, and does what it is told.
//!
//! A script in LibreOffice's Python (`libreoffice.py`) starts the program and speaks to it; the test speaks to the script in lines of
//! JSON. Script and program are a process group: when the script's input ends, because the test is over, has panicked or was killed,
//! the script ends the program; what is left then is killed by the group's id.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use super::{python_with, soffice};

/// How long a start may take; a cold one on a busy machine takes half a minute.
const START_DEADLINE: Duration = Duration::from_secs(100);
/// How long any order may take.
const ORDER_DEADLINE: Duration = Duration::from_mins(1);
/// How long it may take to end by itself.
const END_DEADLINE: Duration = Duration::from_secs(15);

/// A running LibreOffice. It is ended when it is dropped.
pub(crate) struct LibreOffice {
    script: Child,
    orders: Option<ChildStdin>,
    answers: Receiver<String>,
    /// Removed when the program has ended.
    _profile: TempDir,
}

/// How a text file is opened: LibreOffice's numbers for delimiter, quote and encoding, and all columns as text.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Csv {
    Utf8,
    Gb18030,
}

impl Csv {
    /// <https://help.libreoffice.org/latest/en-US/text/shared/guide/csv_params.html>
    fn options(self) -> String {
        let encoding = match self {
            Self::Utf8 => 76,
            Self::Gb18030 => 85,
        };
        let columns: Vec<String> = (1..=30).map(|column| format!("{column}/2")).collect();
        format!("44,34,{encoding},1,{},0,false,false", columns.join("/"))
    }
}

impl LibreOffice {
    /// Starts one; `None` where LibreOffice or its Python is absent.
    pub(crate) fn start() -> Option<Self> {
        soffice()?;
        let python = python_with("uno", "DAYBOOK_UNO_PYTHON", "/usr/bin/python3")?;
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/programs/libreoffice.py");
        let profile = tempfile::tempdir().expect("a folder");
        let mut script = Command::new(python)
            .arg(script)
            .arg(profile.path())
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the script can be started");
        let orders = script.stdin.take();
        let said = BufReader::new(script.stdout.take().expect("its output is piped"));
        let (sender, answers) = channel();
        // It ends with the script, or when nobody listens any more.
        thread::spawn(move || said.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let program = Self { script, orders, answers, _profile: profile };
        let ready = program.answers.recv_timeout(START_DEADLINE).expect("LibreOffice starts");
        assert_eq!(ready, r#"{"ready": true}"#);
        Some(program)
    }

    /// The process group of the script and the program.
    pub(super) fn group(&self) -> Pid {
        Pid::from_child(&self.script)
    }

    #[track_caller]
    fn order(&mut self, order: &Json) -> Json {
        let orders = self.orders.as_mut().expect("it was not ended");
        writeln!(orders, "{order}").expect("the script listens");
        let answer = self.answers.recv_timeout(ORDER_DEADLINE);
        let answer = answer.unwrap_or_else(|error| panic!("LibreOffice does not answer {order}: {error}"));
        let answer: Json = serde_json::from_str(&answer).expect("the script speaks JSON");
        answer.get("done").unwrap_or_else(|| panic!("{order}: {answer}")).clone()
    }

    /// Opens a workbook; whether it is open and may be edited. It is not if somebody else has it open.
    #[track_caller]
    pub(crate) fn open(&mut self, path: &Path) -> bool {
        self.order(&json!({ "do": "open", "path": path })) == true
    }

    /// Opens a text file; whether it is open and may be edited.
    #[track_caller]
    pub(crate) fn open_csv(&mut self, path: &Path, csv: Csv) -> bool {
        self.order(&json!({ "do": "open", "path": path, "csv": csv.options() })) == true
    }

    /// All cells as they are shown.
    #[track_caller]
    pub(crate) fn show(&mut self, path: &Path) -> Vec<Vec<String>> {
        let shown = self.order(&json!({ "do": "show", "path": path }));
        serde_json::from_value(shown).expect("rows of texts")
    }

    /// Types into a cell, by row and column from 0: a text, a number, `{"date": …}`, `{"formula": …}` or null.
    #[track_caller]
    pub(crate) fn set(&mut self, path: &Path, (row, column): (usize, usize), value: impl Into<Json>) {
        self.order(&json!({ "do": "set", "path": path, "row": row, "column": column, "value": value.into() }));
    }

    /// Inserts an empty row before the row, from 0.
    #[track_caller]
    pub(crate) fn insert_row(&mut self, path: &Path, row: usize) {
        self.order(&json!({ "do": "insert_rows", "path": path, "row": row, "count": 1 }));
    }

    /// Deletes a row, from 0.
    #[track_caller]
    pub(crate) fn delete_row(&mut self, path: &Path, row: usize) {
        self.order(&json!({ "do": "delete_rows", "path": path, "row": row, "count": 1 }));
    }

    /// Sorts the rows below the first by a column, downwards.
    #[track_caller]
    pub(crate) fn sort_down(&mut self, path: &Path, column: usize) {
        self.order(&json!({ "do": "sort", "path": path, "column": column, "ascending": false }));
    }

    /// The custom document properties.
    #[track_caller]
    pub(crate) fn properties(&mut self, path: &Path) -> Json {
        self.order(&json!({ "do": "custom_properties", "path": path }))
    }

    /// Saves in place, in the file's own format.
    #[track_caller]
    pub(crate) fn save(&mut self, path: &Path) {
        self.order(&json!({ "do": "save", "path": path }));
    }

    /// Closes a workbook without saving.
    #[track_caller]
    pub(crate) fn close(&mut self, path: &Path) {
        self.order(&json!({ "do": "close", "path": path }));
    }
}

impl Drop for LibreOffice {
    fn drop(&mut self) {
        self.orders.take();
        let begin = Instant::now();
        while begin.elapsed() < END_DEADLINE {
            // A script that has ended has ended its program.
            if matches!(self.script.try_wait(), Ok(Some(_))) {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        // The leader was not waited for, so the group's id is still this group's.
        kill_process_group(self.group(), Signal::KILL).ok();
        self.script.wait().ok();
    }
}

/// The file that LibreOffice lays beside a workbook that it has open.
pub(crate) fn lock_of(path: &Path) -> PathBuf {
    let name = path.file_name().expect("a file's name").to_string_lossy();
    path.with_file_name(format!(".~lock.{name}#"))
}
