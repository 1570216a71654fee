//! `daybook plugin …`: for those who write the office's rules, and for those who install them.

pub(crate) mod host;

mod edit;
mod file;
pub(crate) mod look;
mod new;
mod office;
mod test;

use std::path::Path;

pub(crate) use self::file::{hex, sha256};

use super::Outcome;
use super::args::PluginCommand;
use super::output::Out;

pub(crate) fn run(config: Option<&Path>, command: PluginCommand, out: &mut Out) -> Outcome {
    match command {
        PluginCommand::Enable { name } => office::enable(config, &name, true, out),
        PluginCommand::Disable { name } => office::enable(config, &name, false, out),
        PluginCommand::List => look::list(config, out),
        PluginCommand::Inspect { file, limits } => look::inspect(&file, look::limits(limits), out),
        PluginCommand::Try { name, dry_run: _, sample } => look::trial(config, &name, sample, out),
        PluginCommand::Pack { module, to } => file::pack_to(&module, to.as_deref(), out),
        PluginCommand::Install { file, name, replace: true, .. } => {
            office::replace(config, &file, name.as_deref(), out)
        }
        PluginCommand::Install { file, name, table, reads, writes, settings, disabled, limits, replace: false } => {
            let wanted = office::Install {
                file: &file,
                name: name.as_deref(),
                table: table.as_deref(),
                reads: &reads,
                writes: &writes,
                settings: settings.as_deref(),
                disabled,
                limits,
            };
            office::install(config, &wanted, out)
        }
        PluginCommand::Pin { name } => office::pin(config, &name, out),
        PluginCommand::Test { file, fixtures, limits } => {
            test::run(&file, fixtures.as_deref(), look::limits(limits), out)
        }
        PluginCommand::New { name, lang, dir, sdk } => {
            let within = dir.as_deref().unwrap_or(Path::new("."));
            new::run(&new::New { name: &name, lang, within, sdk: sdk.as_deref() }, out)
        }
    }
}
