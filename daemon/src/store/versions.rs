//! Earlier versions of workbooks that people keep, sealed, in a folder beside the store.
//!
//! In come the bytes that Daybook is about to replace; out come the lists of what is kept, and one version as it was. A
//! version is a file of its own: the length of the sealed head, the head (source, time, file name, size), the sealed
//! bytes. The file's name holds a keyed digest of the source and the time, so that it names nobody, and both parts are
//! bound to that name. What is kept is no part of the journal, and nothing follows from it.
//!
//! The key is one for all versions, derived from the master key: erasing a record does not reach into them. They go when
//! `backups_kept` newer ones have come.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::io::private;
use crate::model::{SourceName, Timestamp};

use super::Store;
use super::error::StoreError;
use super::keys::{Secrets, hex};
use super::seal::{Context, DataKey, Nonce, Part, SEAL_BYTES, seal, seal_into, unseal};

/// What stands at the end of a version's file name.
const SUFFIX: &str = ".sealed";
/// Bytes of the number in front: the length of the sealed head.
const LENGTH_BYTES: usize = 4;
/// The longest head: a name of a source and one of a file are far shorter.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// What is read of a file to list it.
const START_BYTES_MAX: u64 = (LENGTH_BYTES + HEAD_BYTES_MAX) as u64;

/// A workbook as it was before Daybook replaced it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Version {
    /// Whose workbook it is.
    pub source: SourceName,
    /// When it was replaced. No two versions of a source have the same time.
    pub at: Timestamp,
    /// The workbook's file name, without folders.
    pub file_name: String,
    /// Its size.
    pub bytes: u64,
}

/// Keeps versions, lists them, gives them back.
impl Store {
    /// Keeps the bytes of a person's workbook that are about to be replaced, and lets go of the oldest of that source
    /// beyond `keep`. With 0 nothing is kept.
    ///
    /// Bytes that are the newest version already are not kept twice: a write that is tried again pushes out no older
    /// version. If the source has a version of this very millisecond already, the next free one is taken: nothing is lost. The
    /// version is durable when this returns. One too many that can't be removed is no error.
    pub fn keep_version(
        &mut self,
        source: &SourceName,
        at: Timestamp,
        file_name: &str,
        bytes: &[u8],
        keep: u32,
    ) -> Result<(), StoreError> {
        let secrets = Arc::clone(self.vault.get_mut().secrets());
        let mut label = Label { source: secrets.version_label(source), at };
        if keep == 0 {
            return self.versions.prune(&label, 0);
        }
        if let Some(newest) = self.is_newest(source, bytes)? {
            return self.versions.prune(&Label { at: newest, ..label }, keep as usize);
        }
        let vault = self.vault.get_mut();
        let key = secrets.version_key();
        let size = bytes.len() as u64;
        let mut version = Version { source: source.clone(), at, file_name: file_name.to_owned(), bytes: size };
        loop {
            let sealed = seal_version(&key, &secrets, &label, &version, [vault.nonce(), vault.nonce()], bytes);
            if self.versions.write(&label.file_name(), sealed)? {
                break;
            }
            label.at = Timestamp(label.at.0.wrapping_add(1));
            version.at = label.at;
        }
        self.versions.prune(&label, keep as usize)
    }

    /// When a source's newest version was kept, if it has these bytes. One that does not open is another one.
    fn is_newest(&self, source: &SourceName, bytes: &[u8]) -> Result<Option<Timestamp>, StoreError> {
        let Some(newest) = self.versions(Some(source))?.into_iter().next() else { return Ok(None) };
        let same = newest.bytes == bytes.len() as u64
            && self.version(source, newest.at).is_ok_and(|kept| kept.as_slice() == bytes);
        Ok(same.then_some(newest.at))
    }

    /// The versions that are kept, of one source or of all: by source, newest first.
    ///
    /// A file that does not open hides no other: it is left out, and told in the log.
    pub fn versions(&self, source: Option<&SourceName>) -> Result<Vec<Version>, StoreError> {
        let vault = self.vault.borrow();
        let (secrets, key) = (vault.secrets(), vault.secrets().version_key());
        let wanted = source.map(|source| secrets.version_label(source));
        let mut found = Vec::new();
        for label in self.versions.labels()? {
            if wanted.is_some_and(|wanted| wanted != label.source) {
                continue;
            }
            let start = self.versions.start(&label.file_name())?;
            if let Some((head, _)) = unseal_head(&key, secrets, &label, &start) {
                found.push(head);
            } else {
                tracing::error!(file = label.file_name(), "an earlier version of a workbook does not open");
            }
        }
        found.sort_unstable_by(|a, b| a.source.cmp(&b.source).then(b.at.cmp(&a.at)));
        Ok(found)
    }

    /// The bytes of a version, wiped when they are dropped.
    pub fn version(&self, source: &SourceName, at: Timestamp) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let vault = self.vault.borrow();
        let (secrets, key) = (vault.secrets(), vault.secrets().version_key());
        let label = Label { source: secrets.version_label(source), at };
        if !self.versions.labels()?.contains(&label) {
            return Err(StoreError::UnknownVersion { source_name: source.to_string(), at: at.0 });
        }
        let name = label.file_name();
        let unreadable = || StoreError::Unreadable(format!("the version `{name}` of workbook `{source}`"));
        let (head, before) = unseal_head(&key, secrets, &label, &self.versions.start(&name)?).ok_or_else(unreadable)?;
        let whole = head.bytes.saturating_add((before + SEAL_BYTES) as u64);
        let sealed = self.versions.read(&name, whole)?;
        let body = sealed.get(before..).ok_or_else(unreadable)?;
        unseal(&key, &context(secrets, &label, Part::VersionBody(at.0)), body).map_err(|_| unreadable())
    }
}

/// The length of the sealed head, the sealed head, the sealed bytes.
fn seal_version(
    key: &DataKey,
    secrets: &Secrets,
    label: &Label,
    version: &Version,
    nonces: [Nonce; 2],
    bytes: &[u8],
) -> Vec<u8> {
    let plain = postcard::to_stdvec(version).expect("invariant: a vector takes any version");
    let head = seal(key, &nonces[0], &context(secrets, label, Part::VersionHead(label.at.0)), &plain);
    let length = u32::try_from(head.len()).expect("invariant: two names are shorter than 4 GB");
    let mut out = Vec::with_capacity(LENGTH_BYTES + head.len() + SEAL_BYTES + bytes.len());
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&head);
    seal_into(&mut out, key, &nonces[1], &context(secrets, label, Part::VersionBody(label.at.0)), bytes);
    out
}

/// The head in the first bytes of a file, and how many bytes stand before the sealed workbook.
fn unseal_head(key: &DataKey, secrets: &Secrets, label: &Label, start: &[u8]) -> Option<(Version, usize)> {
    let (length, rest) = start.split_first_chunk::<LENGTH_BYTES>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let plain = unseal(key, &context(secrets, label, Part::VersionHead(label.at.0)), rest.get(..length)?).ok()?;
    Some((postcard::from_bytes(&plain).ok()?, LENGTH_BYTES + length))
}

fn context<'a>(secrets: &'a Secrets, label: &'a Label, part: Part<'a>) -> Context<'a> {
    Context { table: 0, record: &label.source, part, key: &secrets.key_id }
}

/// What the name of a version's file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Label {
    /// A keyed digest of the source's name.
    source: [u8; 16],
    at: Timestamp,
}

impl Label {
    fn file_name(&self) -> String {
        format!("{}.{}{SUFFIX}", hex(&self.source).as_str(), self.at.0)
    }

    /// Reads a file's name; `None` for one that is no version's.
    fn parse(name: &str) -> Option<Self> {
        let (digits, at) = name.strip_suffix(SUFFIX)?.split_once('.')?;
        let source = u128::from_str_radix(digits, 16).ok()?.to_be_bytes();
        let label = Self { source, at: Timestamp(at.parse().ok()?) };
        // Any other spelling of it is not ours.
        (label.file_name() == name).then_some(label)
    }
}

/// Where the sealed versions lie.
pub(super) enum Shelf {
    /// In a folder, which is made with the first version.
    Folder(PathBuf),
    /// In memory, with a store that is there.
    Memory(BTreeMap<String, Vec<u8>>),
}

impl Shelf {
    /// The folder beside the store at `main`.
    pub(super) fn beside(main: &Path) -> Self {
        let mut folder = main.as_os_str().to_owned();
        folder.push(".workbooks");
        Self::Folder(folder.into())
    }

    /// All versions, ascending by source's digest and time.
    fn labels(&self) -> Result<Vec<Label>, StoreError> {
        let mut labels: Vec<Label> = match self {
            Self::Folder(folder) => {
                let names = private::list(folder).map_err(StoreError::file(folder))?;
                names.iter().filter_map(|name| Label::parse(name.to_str()?)).collect()
            }
            Self::Memory(files) => files.keys().filter_map(|name| Label::parse(name)).collect(),
        };
        labels.sort_unstable();
        Ok(labels)
    }

    /// Writes a file, durably; false if there is one of that name.
    fn write(&mut self, name: &str, bytes: Vec<u8>) -> Result<bool, StoreError> {
        match self {
            Self::Folder(folder) => {
                private::create_folder(folder).map_err(StoreError::file(folder))?;
                let path = folder.join(name);
                match private::write_new(&path, &bytes) {
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
                    written => written.map(|()| true).map_err(StoreError::file(&path)),
                }
            }
            Self::Memory(files) if files.contains_key(name) => Ok(false),
            Self::Memory(files) => Ok(files.insert(name.to_owned(), bytes).is_none()),
        }
    }

    /// The first bytes of a file, as many as a head can have.
    fn start(&self, name: &str) -> Result<Vec<u8>, StoreError> {
        match self {
            Self::Folder(folder) => {
                let path = folder.join(name);
                private::read_start(&path, START_BYTES_MAX).map_err(StoreError::file(&path))
            }
            Self::Memory(files) => Ok(files.get(name).cloned().unwrap_or_default()),
        }
    }

    /// A whole file.
    fn read(&self, name: &str, bytes_max: u64) -> Result<Vec<u8>, StoreError> {
        match self {
            Self::Folder(folder) => {
                let path = folder.join(name);
                private::read(&path, bytes_max).map_err(StoreError::file(&path))
            }
            Self::Memory(files) => Ok(files.get(name).cloned().unwrap_or_default()),
        }
    }

    /// Lets go of the oldest versions of a source, so that `keep` are left. The one that was just written stays, also
    /// if the clock was set back and it looks old.
    fn prune(&mut self, written: &Label, keep: usize) -> Result<(), StoreError> {
        let mut kept = self.labels()?;
        kept.retain(|label| label.source == written.source && (label != written || keep == 0));
        let too_many = kept.len().saturating_sub(keep.saturating_sub(1));
        for label in kept.iter().take(too_many) {
            let name = label.file_name();
            match self {
                Self::Folder(folder) => {
                    if let Err(error) = private::remove(&folder.join(&name)) {
                        tracing::warn!(%error, file = name, "an old version of a workbook could not be removed");
                    }
                }
                Self::Memory(files) => {
                    files.remove(&name);
                }
            }
        }
        Ok(())
    }
}
