//! `daybook plugin …`: for those who write the office's rules, and for those who install them.

pub(crate) mod host;

mod edit;
mod file;
mod office;

use std::path::Path;

use super::Outcome;
use super::args::PluginCommand;
use super::output::Out;

pub(crate) fn run(config: Option<&Path>, command: PluginCommand, out: &mut Out) -> Outcome {
    match command {
        PluginCommand::Enable { name } => office::enable(config, &name, true, out),
        PluginCommand::Disable { name } => office::enable(config, &name, false, out),
        _ => Err(super::not_yet("daybook plugin")),
    }
}
