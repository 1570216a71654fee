//! Compiled plugins on disk, so that a start does not compile them anew.
//!
//! Machine code is run as it is, so an entry is believed only with a MAC under a key of Daybook's own, over the component's hash, the
//! engine's version and settings, and the code. The bytes that were checked are those that are loaded: nothing is read twice. What is
//! damaged, foreign or tampered with is logged and compiled anew. The cache is no truth: it can be deleted at any time.

use std::ffi::OsString;
use std::hash::{Hash, Hasher};
use std::io;
use std::path::PathBuf;

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use super::compile::{self, CompileError};
use super::limits::{ARTEFACT_BYTES_MAX, CACHE_ENTRIES_MAX, CompileLimits};
use super::words::hex;
use crate::io::{Program, Snapshot, private};

/// What stands before an entry: its form, then the MAC.
const MAGIC: &[u8; 8] = b"DBPLUG01";
/// How long a MAC is.
const MAC_BYTES: usize = 32;
const HEAD_BYTES: usize = MAGIC.len() + MAC_BYTES;

/// Compiled plugins.
pub(super) struct Cache {
    folder: PathBuf,
    mac: Hmac<Sha256>,
    program: Program,
    compile_limits: CompileLimits,
    metered: bool,
}

impl Cache {
    /// Makes the cache; the folder comes into being with the first entry.
    pub(super) fn new(
        folder: PathBuf,
        key: &[u8; 32],
        program: Program,
        compile_limits: CompileLimits,
        metered: bool,
    ) -> Self {
        let mut derived = [0; 32];
        Hkdf::<Sha256>::new(None, key)
            .expand(b"daybook plugin cache", &mut derived)
            .expect("invariant: 32 bytes can be expanded");
        let mac = Hmac::new_from_slice(&derived).expect("invariant: HMAC takes a key of any length");
        Self { folder, mac, program, compile_limits, metered }
    }

    /// The component of a file: from the cache, or compiled and put there.
    pub(super) fn component(&self, engine: &Engine, file: Snapshot) -> Result<Component, CompileError> {
        let (digest, compatibility) = (file.digest, compatibility(engine));
        if let Some(entry) = self.entry(&digest, &compatibility) {
            match compile::load(engine, entry.get(HEAD_BYTES..).unwrap_or_default()) {
                Ok(component) => return Ok(component),
                Err(error) => tracing::warn!(%error, "a compiled plugin could not be loaded; it is compiled anew"),
            }
        }
        let artefact = compile::compile(&self.program, file, self.compile_limits, self.metered)?;
        let component = compile::load(engine, &artefact).map_err(|error| {
            let why = error.to_string();
            // wasmtime has no type for it.
            let has_no_place = why.contains("pooling allocator");
            CompileError::Invalid(if has_no_place { "it wants more than any plugin gets".to_owned() } else { why })
        })?;
        if let Err(error) = self.keep(&digest, &compatibility, &artefact) {
            tracing::warn!(%error, folder = %self.folder.display(), "a compiled plugin could not be kept; the next start compiles it anew");
        }
        Ok(component)
    }

    /// Removes entries that none of these files use, once there are many.
    pub(super) fn tidy(&self, engine: &Engine, used: &[[u8; 32]]) {
        let compatibility = compatibility(engine);
        let keep: Vec<OsString> = used.iter().map(|digest| name(digest, &compatibility)).collect();
        let names = private::list(&self.folder).unwrap_or_default();
        let spare = names.len().saturating_sub(CACHE_ENTRIES_MAX);
        for name in names.iter().filter(|name| !keep.contains(name)).take(spare) {
            if let Err(error) = private::remove(&self.folder.join(name)) {
                tracing::debug!(%error, "an old compiled plugin could not be removed");
            }
        }
    }

    /// A whole entry that was checked.
    fn entry(&self, digest: &[u8; 32], compatibility: &[u8; 32]) -> Option<Vec<u8>> {
        let path = self.folder.join(name(digest, compatibility));
        let bytes = match private::read(&path, ARTEFACT_BYTES_MAX + HEAD_BYTES as u64) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(%error, file = %path.display(), "a compiled plugin could not be read; it is compiled anew");
                return None;
            }
        };
        let mac = bytes.strip_prefix(MAGIC).and_then(|rest| rest.split_at_checked(MAC_BYTES));
        let genuine =
            mac.is_some_and(|(mac, artefact)| self.mac_of(digest, compatibility, artefact).verify_slice(mac).is_ok());
        if !genuine {
            tracing::warn!(file = %path.display(), "a compiled plugin is not as Daybook wrote it; it is compiled anew");
        }
        genuine.then_some(bytes)
    }

    fn keep(&self, digest: &[u8; 32], compatibility: &[u8; 32], artefact: &[u8]) -> io::Result<()> {
        private::create_folder(&self.folder)?;
        let path = self.folder.join(name(digest, compatibility));
        let mut bytes = Vec::with_capacity(HEAD_BYTES + artefact.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&self.mac_of(digest, compatibility, artefact).finalize().into_bytes());
        bytes.extend_from_slice(artefact);
        private::remove(&path)?;
        match private::write_new(&path, &bytes) {
            // Another Daybook was faster, and wrote the same.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            written => written,
        }
    }

    fn mac_of(&self, digest: &[u8; 32], compatibility: &[u8; 32], artefact: &[u8]) -> Hmac<Sha256> {
        // The first two have a fixed length, so no two entries have the same text.
        let mut mac = self.mac.clone();
        mac.update(digest);
        mac.update(compatibility);
        mac.update(artefact);
        mac
    }
}

fn name(digest: &[u8; 32], compatibility: &[u8; 32]) -> OsString {
    format!("{}-{}.cwasm", hex(digest), hex(compatibility.get(..8).unwrap_or_default())).into()
}

/// Stands for the engine's version and settings, and for the machine's instruction set.
fn compatibility(engine: &Engine) -> [u8; 32] {
    struct Sha(Sha256);
    impl Hasher for Sha {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            0
        }
    }
    let mut hash = Sha(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hash);
    hash.0.finalize().into()
}
