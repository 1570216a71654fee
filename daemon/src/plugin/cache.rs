//! Compiled plugins on disk, so that a start does not compile them anew.
//!
//! Machine code is run as it is, so an entry is believed only with a tag under a key of Daybook's own, which belongs to this component
//! and this version and settings of the engine alone. The bytes that were checked are those that are loaded: nothing is read twice. What
//! is damaged, foreign or tampered with is logged and compiled anew. The cache is no truth: it can be deleted at any time.
//!
//! The tag is that of AES-256-GCM-SIV (RFC 8452) over the code as associated data, with nothing to encrypt: it takes 0.3 of the time of an
//! HMAC-SHA-256, which was a quarter of loading. A key has one text only, what the compiler makes of the component, so the nonce is
//! fixed; should the compiler ever make two, this cipher stands a repeated nonce.

use std::ffi::OsString;
use std::hash::{Hash, Hasher};
use std::io;
use std::path::PathBuf;

use aes_gcm_siv::aead::AeadInOut;
use aes_gcm_siv::{Aes256GcmSiv, KeyInit, Nonce, Tag};
use hkdf::Hkdf;
use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use super::compile::{self, CompileError};
use super::limits::{ARTEFACT_BYTES_MAX, CACHE_ENTRIES_MAX, CompileLimits};
use super::words::hex;
use crate::io::{Program, Snapshot, private};

/// What stands before an entry: its form, then the tag.
const MAGIC: &[u8; 8] = b"DBPLUG02";
/// How long a tag is.
const TAG_BYTES: usize = 16;
const HEAD_BYTES: usize = MAGIC.len() + TAG_BYTES;

/// Compiled plugins.
pub(super) struct Cache {
    folder: PathBuf,
    key: Hkdf<Sha256>,
    program: Program,
    compile_limits: CompileLimits,
    metered: bool,
    /// See [`compatibility`].
    compatibility: [u8; 32],
}

impl Cache {
    /// Makes the cache of an engine; the folder comes into being with the first entry.
    pub(super) fn new(
        engine: &Engine,
        folder: PathBuf,
        key: &[u8; 32],
        program: Program,
        compile_limits: CompileLimits,
        metered: bool,
    ) -> Self {
        let key = Hkdf::new(None, key);
        Self { folder, key, program, compile_limits, metered, compatibility: compatibility(engine) }
    }

    /// The component of a file: from the cache, or compiled and put there.
    pub(super) fn component(&self, engine: &Engine, file: Snapshot) -> Result<Component, CompileError> {
        let digest = file.digest;
        if let Some(entry) = self.entry(&digest) {
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
        if let Err(error) = self.keep(&digest, &artefact) {
            tracing::warn!(%error, folder = %self.folder.display(), "a compiled plugin could not be kept; the next start compiles it anew");
        }
        Ok(component)
    }

    /// Removes entries that none of these files use, once there are many.
    pub(super) fn tidy(&self, used: &[[u8; 32]]) {
        let keep: Vec<OsString> = used.iter().map(|digest| self.name(digest)).collect();
        let names = private::list(&self.folder).unwrap_or_default();
        let spare = names.len().saturating_sub(CACHE_ENTRIES_MAX);
        for name in names.iter().filter(|name| !keep.contains(name)).take(spare) {
            if let Err(error) = private::remove(&self.folder.join(name)) {
                tracing::debug!(%error, "an old compiled plugin could not be removed");
            }
        }
    }

    /// A whole entry that was checked.
    fn entry(&self, digest: &[u8; 32]) -> Option<Vec<u8>> {
        let path = self.folder.join(self.name(digest));
        let bytes = match private::read(&path, ARTEFACT_BYTES_MAX + HEAD_BYTES as u64) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(%error, file = %path.display(), "a compiled plugin could not be read; it is compiled anew");
                return None;
            }
        };
        let genuine = bytes.strip_prefix(MAGIC).and_then(|rest| rest.split_first_chunk()).is_some_and(
            |(tag, artefact): (&[u8; TAG_BYTES], _)| {
                let nothing = (&mut [][..]).into();
                let tag = Tag::from(*tag);
                self.cipher(digest).decrypt_inout_detached(&Nonce::default(), artefact, nothing, &tag).is_ok()
            },
        );
        if !genuine {
            tracing::warn!(file = %path.display(), "a compiled plugin is not as Daybook wrote it; it is compiled anew");
        }
        genuine.then_some(bytes)
    }

    fn keep(&self, digest: &[u8; 32], artefact: &[u8]) -> io::Result<()> {
        private::create_folder(&self.folder)?;
        let path = self.folder.join(self.name(digest));
        let nothing = (&mut [][..]).into();
        let tag = self.cipher(digest).encrypt_inout_detached(&Nonce::default(), artefact, nothing);
        let tag = tag.map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
        let mut bytes = Vec::with_capacity(HEAD_BYTES + artefact.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&tag);
        bytes.extend_from_slice(artefact);
        private::remove(&path)?;
        match private::write_new(&path, &bytes) {
            // Another Daybook was faster, and wrote the same.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            written => written,
        }
    }

    /// With the key of one component's code for this engine.
    fn cipher(&self, digest: &[u8; 32]) -> Aes256GcmSiv {
        let mut key = [0; 32];
        let of = [b"daybook plugin cache".as_slice(), digest, &self.compatibility];
        self.key.expand_multi_info(&of, &mut key).expect("invariant: 32 bytes can be expanded");
        Aes256GcmSiv::new(&key.into())
    }

    fn name(&self, digest: &[u8; 32]) -> OsString {
        format!("{}-{}.cwasm", hex(digest), hex(self.compatibility.get(..8).unwrap_or_default())).into()
    }
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
