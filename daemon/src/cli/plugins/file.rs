//! A plugin's file: reading it within its limit, its hash, and making a component of what a compiler gives.

use std::path::Path;

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::cli::output::Out;
use crate::cli::{Failure, Outcome};
use crate::error::Words;
use crate::io::{Disk, RealDisk};
use crate::plugin::limits::PLUGIN_BYTES_MAX;

/// Reads a plugin's file.
pub(super) fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>, Failure> {
    let failed = |error: &std::io::Error| {
        let hint = match error.kind() {
            std::io::ErrorKind::NotFound => "Look whether the name is right; a plugin is built before it is looked at.",
            std::io::ErrorKind::FileTooLarge => "Build it for release, without debug information.",
            _ => "",
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

/// Writes the plugin that a compiler's module is.
pub(super) fn pack_to(module: &Path, to: Option<&Path>, out: &mut Out) -> Outcome {
    let packed = pack(module, &read(module, PLUGIN_BYTES_MAX)?)?;
    let to = to.map_or_else(|| module.with_extension("plugin.wasm"), Path::to_owned);
    // A plugin is built again and again.
    let there = RealDisk.fingerprint(&to)?;
    RealDisk.replace(&to, &packed, there)?;
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

/// Whether these bytes begin a component: the magic number, then version 13 in layer 1 (Component Model, binary format).
pub(super) fn is_component(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\0asm\x0d\0\x01\0")
}
