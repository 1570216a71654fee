//! The command line: arguments in, results to standard output, messages to standard error, an exit code.
//!
//! The only part that reads the environment and writes to a terminal, with the demo.

mod args;
mod check;
mod demo;
mod init;
mod open;
mod outbox;
mod output;
mod plugins;
mod records;
mod refused;
mod reviews;
mod runs;
mod stores;
mod workbooks;

use std::fs::File;
use std::process::ExitCode;

use clap::Parser;

use self::args::{Arguments, Command, NOT_YET};
use self::output::Out;
use crate::config::ConfigProblem;
use crate::error::Words;
use crate::pipeline::PipelineError;
use crate::store::StoreError;

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It failed: exit code 1.
    Failed(Words),
    /// Something is wrong, and it has been said already: exit code 1.
    Wrong,
    /// The command line is wrong: exit code 2.
    Usage(Words),
    /// The configuration is wrong: exit code 2.
    Config(Vec<ConfigProblem>),
}

impl From<PipelineError> for Failure {
    fn from(error: PipelineError) -> Self {
        Self::Failed(Words::from(&error))
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Failed(Words::from(&error))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(Words::new(error.to_string(), ""))
    }
}

/// What a command comes to.
pub(crate) type Outcome = Result<(), Failure>;

/// Runs the program with the process's arguments.
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let code = if error.use_stderr() { 2 } else { 0 };
            if error.print().is_err() {
                return ExitCode::from(1);
            }
            return ExitCode::from(code);
        }
    };
    match arguments.command {
        Command::ReadSheet => return serve(crate::codec::child::serve),
        Command::PatchSheet => return serve(crate::codec::child::serve_patch),
        Command::CompilePlugin { fuel: false } => return serve(crate::plugin::compile::serve),
        Command::CompilePlugin { fuel: true } => return serve(crate::plugin::compile::serve_metered),
        _ => {}
    }
    start_log(&arguments.command);
    tell_defects_without_words();
    let mut out = Out::new(arguments.json);
    match dispatch(arguments, &mut out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Wrong) => ExitCode::from(1),
        Err(Failure::Failed(words)) => {
            out.failure(&words);
            ExitCode::from(1)
        }
        Err(Failure::Usage(words)) => {
            out.failure(&words);
            ExitCode::from(2)
        }
        Err(Failure::Config(problems)) => {
            out.config_problems(&problems);
            ExitCode::from(2)
        }
    }
}

/// Tells where the program failed and not in which words: they may quote a record, and end up in a log.
fn tell_defects_without_words() {
    std::panic::set_hook(Box::new(|defect| {
        let place = defect.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a defect of the program; please report it");
    }));
}

fn dispatch(arguments: Arguments, out: &mut Out) -> Outcome {
    let config = arguments.config.as_deref();
    match arguments.command {
        Command::Demo(arguments) => demo::run(&arguments, out),
        Command::Init { directory } => init::run(directory.as_deref(), out),
        Command::Check => check::run(config, out),
        Command::Sync { dry_run } => runs::sync(config, dry_run, out),
        Command::Run => runs::run(config, out),
        Command::Status => runs::status(config, out),
        Command::Record(command) => records::run(config, command, out),
        Command::Review(command) => reviews::review(config, command, out),
        Command::Change(command) => reviews::change(config, command, out),
        Command::Workbook(command) => workbooks::run(config, command, out),
        Command::Outbox(command) => outbox::run(config, &command, out),
        Command::Refused(command) => refused::run(config, &command, out),
        Command::Store(command) => stores::run(config, &command, out),
        Command::Plugin(command) => plugins::run(config, command, out),
        Command::Other(words) => Err(other(&words)),
        Command::ReadSheet | Command::PatchSheet | Command::CompilePlugin { .. } => Ok(()),
    }
}

/// A command that this version does not have.
fn other(words: &[String]) -> Failure {
    let name = words.first().map_or("", String::as_str);
    if NOT_YET.contains(&name) {
        return not_yet(&format!("daybook {name}"));
    }
    Failure::Usage(Words::new(format!("there is no command `{name}`"), "`daybook --help` lists them."))
}

/// What the contract names and this version does not have.
pub(crate) fn not_yet(what: &str) -> Failure {
    Failure::Usage(Words::new(
        format!("`{what}`: not supported yet"),
        "A later version will have it; nothing was done.",
    ))
}

/// Serves the daemon as a child that reads, patches or compiles: one request from standard input.
fn serve(work: fn(File) -> std::io::Result<()>) -> ExitCode {
    let served = crate::io::child::confine_this_process().and_then(|()| {
        let stdin = std::os::fd::AsFd::as_fd(&std::io::stdin()).try_clone_to_owned()?;
        work(stdin.into())
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(1),
    }
}

/// Messages of the program's inside go to standard error; `DAYBOOK_LOG` sets how many.
fn start_log(command: &Command) {
    let usual = if matches!(command, Command::Run) { tracing::Level::INFO } else { tracing::Level::ERROR };
    let level = std::env::var("DAYBOOK_LOG").ok().and_then(|text| text.parse().ok()).unwrap_or(usual);
    let coloured = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let log = tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr);
    log.with_target(false).with_ansi(coloured).init();
}
