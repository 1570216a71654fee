//! After the day: the daemon stays on, says what to try, and tells what it takes and writes.

use std::path::Path;

use super::super::Failure;
use super::super::runs::{lock, run_until_signalled};
use super::office::Office;
use super::teller::Teller;
use crate::app::Observer;
use crate::model::Problem;
use crate::pipeline::{Pipeline, Report, file_name};
use crate::text::Texts;

/// Says what to open and what to change.
pub(super) fn what_to_try(teller: &mut Teller<'_>, texts: &Texts, office: &Office, stays: bool) {
    let program = std::env::current_exe().map_or_else(|_| "daybook".to_owned(), |path| shell(&path));
    let command = |rest: &str| format!("{program} --config {} {rest}", shell(&office.config));
    if stays {
        teller.heading(&texts.get("demo-try"));
        teller.say(&texts.get("demo-try-sales"));
        teller.command(&office.sales.display().to_string());
        teller.say(&texts.get("demo-try-finance"));
        teller.command(&office.finance.display().to_string());
        teller.say(&texts.get("demo-try-management"));
        teller.command(&office.management.display().to_string());
        teller.say(&texts.get("demo-try-mail"));
        teller.command(&office.directory.join(super::mail::MAILDIR).join("new").display().to_string());
        teller.blank();
        teller.say(&texts.get("demo-look-elsewhere"));
    } else {
        teller.heading(&texts.get("demo-look"));
        teller.say(&texts.get("demo-look-commands"));
    }
    teller.command(&command("record history --key C-000021"));
    teller.command(&command("record show --key C-000021 --as role:management@management"));
    teller.command(&command("review list --all"));
    teller.command(&command("change list"));
    if !stays {
        teller.command(&command("run"));
    }
    teller.blank();
    teller.say(&texts.format("demo-kept", &[("folder", office.directory.display().to_string().into())]));
}

/// Runs the daemon until Ctrl-C.
pub(super) fn stay_on(pipeline: &mut Pipeline, teller: &mut Teller<'_>, texts: &Texts) -> Result<(), Failure> {
    let _lock = lock(pipeline)?;
    teller.heading(&texts.get("demo-waiting"));
    let mut friendly = Friendly { teller, texts };
    run_until_signalled(pipeline, &mut friendly)?;
    teller.blank();
    teller.say(&texts.get("demo-ended"));
    Ok(())
}

/// A path as a shell takes it.
fn shell(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |char: char| char.is_alphanumeric() || "/._-+=:@%".contains(char);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// Tells what the daemon does in the demo's voice.
struct Friendly<'t, 'o> {
    teller: &'t mut Teller<'o>,
    texts: &'t Texts,
}

impl Observer for Friendly<'_, '_> {
    fn took(&mut self, path: &Path, report: &Report) {
        let texts = self.texts;
        let file = file_name(path);
        if report.changes == 0 && report.problems.is_empty() {
            self.teller.say(&texts.format("demo-took-nothing", &[("file", file.into())]));
            return;
        }
        let parts = [
            (report.applied, texts.get("demo-outcome-applied")),
            (report.superseded, texts.get("demo-outcome-superseded")),
            (report.refused, texts.get("demo-outcome-refused")),
            (report.conflicts, texts.get("demo-outcome-conflict")),
            (report.held, texts.get("demo-outcome-held")),
        ];
        let parts: Vec<String> =
            parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
        let parts = if parts.is_empty() { texts.get("demo-took-none") } else { parts.join(" · ") };
        self.teller.say(&texts.format("demo-took", &[("file", file.into()), ("outcomes", parts.into())]));
        report.problems.iter().for_each(|problem| self.problem(problem));
        if report.conflicts + report.held > 0 {
            self.teller.say(&texts.get("demo-took-questions"));
        }
    }

    fn problem(&mut self, problem: &Problem) {
        self.teller.quote(&problem.message);
        if !problem.hint.is_empty() {
            self.teller.quote(&format!("→ {}", problem.hint));
        }
    }

    fn published(&mut self, count: u64) {
        let texts = self.texts;
        self.teller.say(&texts.format("demo-published", &[("count", count.into())]));
    }

    fn sent(&mut self, count: u64) {
        let texts = self.texts;
        self.teller.say(&texts.format("demo-sent", &[("count", count.into())]));
    }
}
