//! A plugin's file: reading it within its limit, its hash, and making a component of what a compiler gives.

use std::path::Path;

use serde_json::json;
use sha2::{Digest, Sha256};
use wit_component::DecodedWasm;

use crate::cli::output::Out;
use crate::cli::{Failure, Outcome};
use crate::error::Words;
use crate::io::{Disk, RealDisk, Replaced, private, replace};
use crate::plugin::limits::PLUGIN_BYTES_MAX;

/// What all WebAssembly begins with.
const MAGIC: &[u8] = b"\0asm";

/// Reads a plugin's file.
pub(super) fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>, Failure> {
    let failed = |error: &std::io::Error| {
        let hint = match error.kind() {
            std::io::ErrorKind::NotFound => "Look whether the name is right; a plugin is built before it is looked at.",
            std::io::ErrorKind::FileTooLarge => "Build it for release, without debug information.",
            _ => "Look whether the name is right, and whether this account may read it.",
        };
        Failure::Failed(Words::new(format!("`{}` can't be read: {error}", path.display()), hint))
    };
    let snapshot = RealDisk.snapshot(path, bytes_max).map_err(|error| failed(&error))?;
    snapshot.to_vec().map_err(|error| failed(&error))
}

/// The SHA-256 of a file's bytes.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// A hash as the configuration writes it.
pub(crate) fn hex(hash: &[u8]) -> String {
    use std::fmt::Write as _;
    hash.iter().fold(String::new(), |mut text, byte| {
        // Writing into a `String` can't fail.
        let _ok = write!(text, "{byte:02x}");
        text
    })
}

/// Words why a file can't be written: whoever asked for it knows neither Daybook's temporary files nor numbers of errors.
pub(super) fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    let what = format!("`{}` can't be written: {}", path.display(), error.kind());
    let hint = "Nothing was changed. Look whether this account may write into that folder, and whether there is room.";
    Failure::Failed(Words::new(what, hint))
}

/// A plugin's file that lies where it was wanted.
pub(super) struct Put<'a> {
    path: &'a Path,
    /// It was not there before.
    is_new: bool,
}

impl Put<'_> {
    /// Removes it again, if it was not there before.
    pub(super) fn take_back(&self) {
        if self.is_new
            && let Err(error) = private::remove(self.path)
        {
            tracing::warn!(%error, file = %self.path.display(), "a plugin's file that is not used could not be removed");
        }
    }
}

/// Puts a plugin's file into a folder. What is there is never overwritten; if it is the very same, that is all the better.
pub(super) fn put<'a>(path: &'a Path, bytes: &[u8]) -> Result<Put<'a>, Failure> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
    }
    if RealDisk.fingerprint(path).map_err(|error| unwritable(path, &error))?.is_none() {
        replace::write_new(path, bytes).map_err(|error| unwritable(path, &error))?;
        return Ok(Put { path, is_new: true });
    }
    if read(path, PLUGIN_BYTES_MAX).is_ok_and(|there| there == bytes) {
        return Ok(Put { path, is_new: false });
    }
    let what = format!("`{}` is there already and is another plugin", path.display());
    Err(Failure::Failed(Words::new(what, "Give another name (`--name NAME`), or move that file away.")))
}

/// Writes the plugin that a compiler's module is.
pub(super) fn pack_to(module: &Path, to: Option<&Path>, out: &mut Out) -> Outcome {
    let packed = pack(module, &read(module, PLUGIN_BYTES_MAX)?)?;
    let to = to.map_or_else(|| module.with_extension("plugin.wasm"), Path::to_owned);
    check_exports(module, &packed, &to)?;
    let no_file = |error: &std::io::Error| {
        let what = format!("`{}` can't be written: {error}", to.display());
        Failure::Failed(Words::new(what, "`--to` names the plugin's file, like `--to my-rule.wasm`."))
    };
    let there = RealDisk.fingerprint(&to).map_err(|error| no_file(&error))?;
    // A plugin is built again and again; anything else is not what was meant.
    if there.is_some() && !read(&to, PLUGIN_BYTES_MAX)?.starts_with(MAGIC) {
        let what = format!("`{}` is there and is no WebAssembly. It was not overwritten", to.display());
        return Err(Failure::Failed(Words::new(what, "`--to` names the plugin's file, like `--to my-rule.wasm`.")));
    }
    let replaced = RealDisk.replace(&to, &packed, there).map_err(|error| unwritable(&to, &error))?;
    if !matches!(replaced, Replaced::Done(_)) {
        let what = format!("`{}` was changed by somebody else at this moment", to.display());
        return Err(Failure::Failed(Words::new(what, "Look at it and do it again.")));
    }
    if out.json {
        out.value(&json!({ "file": to, "bytes": packed.len(), "sha256": hex(&sha256(&packed)) }));
    } else {
        out.line(format!("wrote {} ({} bytes)", to.display(), packed.len()));
        out.line(format!("Next: `daybook plugin test {}`.", to.display()));
    }
    Ok(())
}

/// Makes a component of a core module that was built with the WIT bindings; a component stays as it is.
pub(super) fn pack(path: &Path, bytes: &[u8]) -> Result<Vec<u8>, Failure> {
    if is_component(bytes) {
        return Ok(bytes.to_vec());
    }
    let encoded = wit_component::ComponentEncoder::default()
        .validate(true)
        .module(bytes)
        .and_then(|mut encoder| encoder.encode());
    encoded.map_err(|error| {
        let what = format!("`{}` can't be made a plugin: {error:#}", path.display());
        let hint = "It has to be a module for wasm32-unknown-unknown that was built with the Daybook SDK or with the files in `wit`.";
        Failure::Failed(Words::new(what, hint))
    })
}

/// Refuses what is no plugin: something that has nothing to do with Daybook can be made a component, too.
fn check_exports(module: &Path, packed: &[u8], to: &Path) -> Outcome {
    let is_meta = |name: &str| name.starts_with("daybook:plugin/meta@");
    let has_meta = match wit_component::decode(packed) {
        Ok(DecodedWasm::Component(resolve, world)) => resolve
            .worlds
            .get(world)
            .is_some_and(|world| world.exports.keys().any(|key| is_meta(&resolve.name_world_key(key)))),
        _ => false,
    };
    if has_meta {
        return Ok(());
    }
    let (module, to) = (module.display(), to.display());
    let what = format!("`{module}` does not export `daybook:plugin/meta`, so it is no plugin. `{to}` was not written");
    let hint = "A plugin in Rust ends with a macro of the SDK such as `validator!`; `daybook plugin new` makes a folder in which all that is done.";
    Err(Failure::Failed(Words::new(what, hint)))
}

/// Whether these bytes begin a component: the magic number, then version 13 in layer 1 (Component Model, binary format).
pub(super) fn is_component(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\0asm\x0d\0\x01\0")
}
