//! What a file is before anything of it runs: its kind, what it wants and what it offers.
//!
//! Errors are worded for IT: what the file is, and what would be right.

use std::fmt::Write as _;
use std::io::Read;
use std::path::Path;

use wasmtime::Engine;
use wasmtime::component::Component;

use super::cache::Cache;
use super::compile::CompileError;
use super::limits::PLUGIN_BYTES_MAX;
use super::words::{hex, quoted};
use crate::io::{Disk, Snapshot};
use crate::model::plugin::PluginJob;
use crate::model::{Code, Problem};

/// The file is not there or can't be read.
pub const NOT_READABLE: Code = Code("plugin-not-readable");
/// The file is larger than [`PLUGIN_BYTES_MAX`].
pub const TOO_LARGE: Code = Code("plugin-too-large");
/// The file is not the one that the configuration names by its hash. Daybook must not start.
pub const PIN: Code = Code("plugin-hash");
/// The file is no component, or a broken one.
pub const NOT_A_COMPONENT: Code = Code("plugin-not-a-component");
/// The component could not be compiled within its limits.
pub const NOT_COMPILED: Code = Code("plugin-not-compiled");
/// The component wants something that no plugin gets.
pub const IMPORT: Code = Code("plugin-import");
/// The component was made for another version of the contract.
pub const VERSION: Code = Code("plugin-version");

/// What all names of the contract begin with.
const PACKAGE: &str = "daybook:plugin/";
/// The version of the contract.
const CONTRACT: &str = "1.0.0";

/// What a file offers and wants, as far as its bytes say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surface {
    /// The size in bytes.
    pub bytes: u64,
    /// The SHA-256.
    pub sha256: [u8; 32],
    /// What it wants, like `daybook:plugin/host@1.0.0`.
    pub imports: Vec<String>,
    /// What it offers.
    pub exports: Vec<String>,
}

impl Surface {
    pub(super) fn of(component: &Component, engine: &Engine, bytes: u64, sha256: [u8; 32]) -> Self {
        let kind = component.component_type();
        let imports = kind.imports(engine).map(|(name, _)| name.to_owned()).collect();
        let exports = kind.exports(engine).map(|(name, _)| name.to_owned()).collect();
        Self { bytes, sha256, imports, exports }
    }

    /// The jobs whose interfaces it offers, in this version of the contract.
    pub fn jobs(&self) -> Vec<PluginJob> {
        const ALL: [PluginJob; 5] =
            [PluginJob::Normalise, PluginJob::Validate, PluginJob::Classify, PluginJob::Merge, PluginJob::Mail];
        ALL.into_iter().filter(|job| self.offers(interface(*job))).collect()
    }

    /// The worlds of the contract that it is made for, by its jobs.
    pub fn worlds(&self) -> Vec<&'static str> {
        let world = |job| match job {
            PluginJob::Normalise => "normaliser",
            PluginJob::Validate => "validator",
            PluginJob::Classify => "classifier",
            PluginJob::Merge => "merger",
            PluginJob::Mail => "mail-reader",
        };
        self.jobs().into_iter().map(world).collect()
    }

    fn offers(&self, interface: &str) -> bool {
        self.exports.iter().any(|name| ours(name).is_some_and(|(own, version)| own == interface && fits(version)))
    }

    /// Refuses what no plugin gets, and what was made for another version.
    pub(super) fn check(&self, name: &str) -> Result<(), Problem> {
        let mut others = self.imports.iter().chain(&self.exports).filter_map(|item| ours(item));
        if let Some((interface, version)) = others.find(|(_, version)| !fits(version)) {
            return Err(Problem::new(
                VERSION,
                name,
                format!(
                    "`{name}` was made for version {} of Daybook's plugins (`{interface}`); this Daybook has {CONTRACT}. \
                     It was not loaded.",
                    if version.is_empty() { "no" } else { version }
                ),
                "Install the plugin's release for this Daybook, or build it again with this Daybook's `plugin-sdk`.",
            ));
        }
        let allowed = |item: &str| ours(item).is_some_and(|(interface, _)| matches!(interface, "host" | "types"));
        if let Some(item) = self.imports.iter().find(|item| !allowed(item)) {
            let mut hint = "A plugin may import `daybook:plugin/host` and nothing else.".to_owned();
            if item.starts_with("wasi:") {
                hint.push_str(
                    " Rust: build for `wasm32-unknown-unknown`; JavaScript and Python: build with the stubs for WASI.",
                );
            }
            let message = format!("`{name}` wants {}, which no plugin gets. It was not loaded.", quoted(item));
            return Err(Problem::new(IMPORT, name, message, hint));
        }
        if !self.offers("meta") {
            let mut message =
                format!("`{name}` does not export `{PACKAGE}meta@{CONTRACT}`, so it is no plugin of Daybook's.");
            if let Some(first) = self.exports.first() {
                // Writing into a `String` can't fail.
                let _ok = write!(message, " It exports {}.", quoted(first));
            }
            message.push_str(" It was not loaded.");
            return Err(Problem::new(NOT_A_COMPONENT, name, message, "Give the path of a plugin in `path`."));
        }
        Ok(())
    }
}

/// The interface of a job.
pub(super) fn interface(job: PluginJob) -> &'static str {
    match job {
        PluginJob::Normalise => "normalise",
        PluginJob::Validate => "validate",
        PluginJob::Classify => "classify",
        PluginJob::Merge => "merge",
        PluginJob::Mail => "mail",
    }
}

/// Interface and version of a name of the contract.
fn ours(name: &str) -> Option<(&str, &str)> {
    let rest = name.strip_prefix(PACKAGE)?;
    Some(rest.split_once('@').unwrap_or((rest, "")))
}

/// All of 1.x go together: interfaces are frozen, and new ones are added beside them.
fn fits(version: &str) -> bool {
    version.split('.').next() == CONTRACT.split('.').next()
}

/// Takes a private copy of a plugin's file: what is hashed is what is compiled.
pub(super) fn take(disk: &dyn Disk, name: &str, path: &Path, pin: Option<&[u8; 32]>) -> Result<Snapshot, Problem> {
    let file = disk.snapshot(path, PLUGIN_BYTES_MAX).map_err(|error| {
        if error.kind() == std::io::ErrorKind::FileTooLarge {
            let message = format!(
                "`{name}`: `{}` is larger than {} MiB. It was not loaded.",
                path.display(),
                PLUGIN_BYTES_MAX >> 20
            );
            return Problem::new(TOO_LARGE, name, message, "Build the plugin for release, without debug information.");
        }
        let message = format!("`{name}`: `{}` can't be read: {error}. It was not loaded.", path.display());
        Problem::new(NOT_READABLE, name, message, "Check `path`, and that Daybook's account may read the file.")
    })?;
    if let Some(pin) = pin
        && *pin != file.digest
    {
        let message = format!(
            "`{name}`: `{}` is not the file that `sha256` names: it has {}, expected was {}. It was not loaded.",
            path.display(),
            hex(&file.digest),
            hex(pin)
        );
        let hint = format!(
            "If you have replaced the plugin, `daybook plugin pin {name}` names the new file; if not, find out who has."
        );
        return Err(Problem::new(PIN, name, message, hint));
    }
    check_head(name, path, &file)?;
    Ok(file)
}

/// Tells a component from what is often taken for one.
fn check_head(name: &str, path: &Path, file: &Snapshot) -> Result<(), Problem> {
    let mut head = Vec::new();
    let read = file.reader().and_then(|reader| reader.take(8).read_to_end(&mut head));
    let what = match (read, head.as_slice()) {
        (Ok(_), [0, b'a', b's', b'm', 0x0d, 0, 1, 0]) => return Ok(()),
        (Ok(_), [0, b'a', b's', b'm', 1, 0, 0, 0]) => "is a core WebAssembly module, not a component",
        (Ok(_), [0, b'a', b's', b'm', ..]) => "is WebAssembly of a version that Daybook does not know",
        (Ok(_), []) => "is empty",
        _ => "is not WebAssembly",
    };
    let message = format!("`{name}`: `{}` {what}. It was not loaded.", path.display());
    let hint = "`daybook plugin pack` makes a component of a module; `daybook plugin new` makes a folder with all that is needed to build one.";
    Err(Problem::new(NOT_A_COMPONENT, name, message, hint))
}

/// Compiles, or takes what was compiled before.
pub(super) fn compile(cache: &Cache, engine: &Engine, name: &str, file: Snapshot) -> Result<Component, Problem> {
    cache.component(engine, file).map_err(|error| match error {
        CompileError::Invalid(_) => Problem::new(
            NOT_A_COMPONENT,
            name,
            format!("`{name}`: {error}. It was not loaded."),
            "Build the plugin again; the file may be damaged, or use features that Daybook leaves out.",
        ),
        CompileError::Child(_) => Problem::new(
            NOT_COMPILED,
            name,
            format!("`{name}`: {error}. It was not loaded."),
            "If the plugin is very large, make it smaller. If the machine was short of memory or time, save the file again \
             or restart Daybook.",
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(imports: &[&str], exports: &[&str]) -> Option<String> {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let surface = Surface { bytes: 0, sha256: [0; 32], imports: owned(imports), exports: owned(exports) };
        surface.check("p").err().map(|problem| problem.code)
    }

    #[test]
    fn what_a_component_names_decides_whether_it_is_loaded() {
        let meta = "daybook:plugin/meta@1.0.0";
        assert_eq!(check(&["daybook:plugin/host@1.0.0"], &[meta]), None);
        assert_eq!(check(&["daybook:plugin/host@1.3.1", "daybook:plugin/types@1.0.7"], &[meta]), None);
        assert_eq!(check(&[], &["daybook:plugin/meta@1.4.0"]), None);
        assert_eq!(check(&["daybook:plugin/host@0.1.0"], &[meta]).as_deref(), Some("plugin-version"));
        assert_eq!(check(&[], &["daybook:plugin/meta@2.0.0"]).as_deref(), Some("plugin-version"));
        assert_eq!(check(&[], &[meta, "daybook:plugin/validate@10.0.0"]).as_deref(), Some("plugin-version"));
        assert_eq!(check(&["daybook:plugin/host"], &[meta]).as_deref(), Some("plugin-version"));
        assert_eq!(check(&["daybook:plugin/secrets@1.0.0"], &[meta]).as_deref(), Some("plugin-import"));
        assert_eq!(check(&["wasi:cli/environment@0.2.3"], &[meta]).as_deref(), Some("plugin-import"));
        assert_eq!(check(&["daybook:plugins/host@1.0.0"], &[meta]).as_deref(), Some("plugin-import"));
        assert_eq!(check(&[], &["run"]).as_deref(), Some("plugin-not-a-component"));
        assert_eq!(check(&[], &[]).as_deref(), Some("plugin-not-a-component"));
    }
}
