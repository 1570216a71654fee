//! The `daybook` command: parse, load, run.

use std::process::ExitCode;

fn main() -> ExitCode {
    daybook::cli::run()
}
