//! Results to standard output, messages to standard error; text for people or JSON.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use serde_json::json;

use crate::config::ConfigProblem;
use crate::error::Words;
use crate::model::Problem;
use crate::pipeline::Report;

/// Where results and messages go.
pub(crate) struct Out {
    /// Results are JSON.
    pub(crate) json: bool,
    results: io::Stdout,
    messages: io::Stderr,
}

impl Out {
    pub(crate) fn new(json: bool) -> Self {
        Self { json, results: io::stdout(), messages: io::stderr() }
    }

    /// Writes a line of a result.
    pub(crate) fn line(&mut self, text: impl AsRef<str>) {
        written(&writeln!(self.results, "{}", text.as_ref()));
    }

    /// Writes a result as one line of JSON.
    pub(crate) fn value(&mut self, value: &impl Serialize) {
        match serde_json::to_string(value) {
            Ok(text) => self.line(text),
            Err(error) => self.message(format!("the result can't be written as JSON: {error}")),
        }
    }

    /// Writes a message.
    pub(crate) fn message(&mut self, text: impl AsRef<str>) {
        written(&writeln!(self.messages, "{}", text.as_ref()));
    }

    /// Writes why a command failed.
    pub(crate) fn failure(&mut self, words: &Words) {
        self.message(format!("daybook: {words}"));
    }

    /// Writes a problem for a person.
    pub(crate) fn problem(&mut self, problem: &Problem) {
        self.message(&problem.message);
        if !problem.hint.is_empty() {
            self.message(format!("  hint: {}", problem.hint));
        }
    }

    /// Writes what is wrong with the configuration; with `--json` as an object too.
    pub(crate) fn config_problems(&mut self, problems: &[ConfigProblem]) {
        if self.json {
            let problems: Vec<_> = problems
                .iter()
                .map(|problem| {
                    json!({
                        "source": "configuration",
                        "place": format!("{}:{}", problem.file.display(), problem.line),
                        "code": problem.kind.code(),
                        "message": format!("{}: {}", problem.key, problem.message),
                        "hint": problem.hint,
                    })
                })
                .collect();
            self.value(&json!({ "problems": problems }));
        }
        for problem in problems {
            self.message(problem.to_string());
        }
        let count = problems.len();
        self.message(format!("daybook: the configuration has {count} problem{}; nothing was done", plural(count)));
    }

    /// Writes what a pass did. A trial writes no views, so it can't tell how many there would be.
    pub(crate) fn report(&mut self, report: &Report, dry: bool) {
        let Some(changes) = self.changes(report, dry) else { return };
        let views = report.published;
        let written = if dry { String::new() } else { format!("; {views} view{} written", plural(views)) };
        let sent =
            if report.sent > 0 { format!("; {} mail{} sent", report.sent, plural(report.sent)) } else { String::new() };
        self.line(format!("{} row{} read; {changes}{written}{sent}", report.rows, plural(report.rows)));
    }

    /// Writes what a command changed.
    pub(crate) fn changed(&mut self, report: &Report, dry: bool) {
        if let Some(changes) = self.changes(report, dry) {
            self.line(changes);
        }
    }

    /// Writes the problems of a report and words its changes; with `--json` all is written already.
    fn changes(&mut self, report: &Report, dry: bool) -> Option<String> {
        if self.json {
            self.value(report);
            return None;
        }
        for problem in &report.problems {
            self.problem(problem);
        }
        let would = if dry { "would be " } else { "" };
        let parts = [
            (report.applied, "applied"),
            (report.superseded, "superseded"),
            (report.refused, "refused"),
            (report.conflicts, "in conflict"),
            (report.held, "held"),
        ];
        let parts: Vec<String> = parts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {would}{what}"))
            .collect();
        Some(if parts.is_empty() { "no changes".to_owned() } else { parts.join(", ") })
    }

    /// Turns while something long goes on, on a terminal only.
    pub(crate) fn spinner(&self, what: &str) -> Spinner {
        if self.json || !io::stderr().is_terminal() {
            return Spinner(None);
        }
        let bar = ProgressBar::new_spinner().with_message(what.to_owned());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        Spinner(Some(bar))
    }
}

/// A sign of life; it goes away when it is dropped.
pub(crate) struct Spinner(Option<ProgressBar>);

impl Drop for Spinner {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

pub(crate) fn plural<T: PartialEq + From<u8> + Copy>(count: T) -> &'static str {
    if count == T::from(1) { "" } else { "s" }
}

/// A reader that went away (`daybook record list | head`) ends the program quietly.
fn written(result: &io::Result<()>) {
    if result.is_err() {
        std::process::exit(1);
    }
}
