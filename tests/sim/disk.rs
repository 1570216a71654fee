//! A disk in memory on which people save at the worst moment, and a power cut that stops everything.

use std::collections::BTreeMap;
use std::io::{self, Cursor};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use daybook::io::{Clock, Disk, Fingerprint, Replaced, Snapshot};

/// What ends the run of the program at a moment; the driver catches it. Unlike an error, nobody handles it.
pub(super) struct PowerCut;

/// A clock that moves on by itself, so that nothing happens twice in one millisecond.
pub(super) struct SimClock {
    now_ms: AtomicI64,
    step_ms: i64,
}

impl SimClock {
    /// A clock that moves on by `step_ms` whenever it is read. With 0, much happens in one millisecond.
    pub(super) fn new(step_ms: i64) -> Self {
        Self { now_ms: AtomicI64::new(1_780_000_000_000), step_ms }
    }

    /// Moves it on, or back.
    pub(super) fn advance(&self, ms: i64) {
        self.now_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for SimClock {
    fn now_ms(&self) -> i64 {
        self.now_ms.fetch_add(self.step_ms, Ordering::SeqCst)
    }
}

/// Where the power may be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// A replacement has not begun.
    BeforeReplace,
    /// The new bytes lie beside the file.
    Written,
    /// The two were exchanged, and the replaced file still lies there.
    Exchanged,
    /// The file has the new bytes; nobody has heard of it.
    AfterReplace,
    /// A leftover was taken and not yet removed.
    BeforeRemoval,
    /// A save that came between lies beside the file, which has the new bytes.
    BeforeGivingBack,
    /// It is back in its place, and the new bytes lie beside it.
    GivenBack,
}

impl Moment {
    pub(super) const ALL: [Self; 7] = [
        Self::BeforeReplace,
        Self::Written,
        Self::Exchanged,
        Self::AfterReplace,
        Self::BeforeRemoval,
        Self::BeforeGivingBack,
        Self::GivenBack,
    ];
}

/// Something that the program wrote.
pub(super) struct Written {
    pub(super) path: PathBuf,
    /// What it took for the file's content.
    pub(super) before: Option<Arc<Vec<u8>>>,
    pub(super) after: Arc<Vec<u8>>,
    /// Somebody's program said that it has the file open.
    pub(super) while_open: bool,
}

/// One file.
#[derive(Clone)]
struct SimFile {
    bytes: Arc<Vec<u8>>,
    fingerprint: Fingerprint,
}

#[derive(Default)]
struct Inner {
    files: BTreeMap<PathBuf, SimFile>,
    count: u64,
    cut: Option<Moment>,
    overtaking: Option<(PathBuf, Arc<Vec<u8>>)>,
    overtook: bool,
    published: Vec<Written>,
    careless: bool,
}

/// The disk.
pub(super) struct SimDisk {
    inner: Mutex<Inner>,
    clock: Arc<SimClock>,
}

impl SimDisk {
    pub(super) fn new(clock: Arc<SimClock>) -> Self {
        Self { inner: Mutex::new(Inner::default()), clock }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Cuts the power at the next such moment.
    pub(super) fn cut_at(&self, moment: Option<Moment>) {
        self.inner().cut = moment;
    }

    /// Somebody saves these bytes between the check and the exchange of the next replacement of the file.
    pub(super) fn overtake(&self, path: &Path, bytes: Arc<Vec<u8>>) {
        let mut inner = self.inner();
        inner.overtaking = Some((path.to_owned(), bytes));
        inner.overtook = false;
    }

    /// Whether that happened; if not, it will not any more.
    pub(super) fn overtook(&self) -> bool {
        let mut inner = self.inner();
        inner.overtaking = None;
        inner.overtook
    }

    /// What the program wrote since this was asked last.
    pub(super) fn take_published(&self) -> Vec<Written> {
        std::mem::take(&mut self.inner().published)
    }

    /// From now on no replacement looks whether the file is the expected one: a planted defect.
    pub(super) fn be_careless(&self) {
        self.inner().careless = true;
    }

    /// Says beside a file that somebody has it open, or no longer.
    pub(super) fn lock(&self, path: &Path, is_open: bool) {
        let now = self.clock.now_ms();
        let mut inner = self.inner();
        let lock = lock_of(path);
        if is_open {
            inner.put(&lock, Arc::new(b",ann,pc,01.03.2026 09:00,file:///x;".to_vec()), false, now);
        } else {
            inner.files.remove(&lock);
        }
    }

    /// The bytes of a file.
    pub(super) fn bytes(&self, path: &Path) -> Option<Arc<Vec<u8>>> {
        self.inner().files.get(path).map(|file| file.bytes.clone())
    }

    /// Saves a file as people do: by a temporary file and a rename, or into the same file.
    pub(super) fn save(&self, path: &Path, bytes: Arc<Vec<u8>>, in_place: bool) {
        let now = self.clock.now_ms();
        self.inner().put(path, bytes, in_place, now);
    }

    /// Names and sizes of all files, for the trace.
    pub(super) fn listing(&self) -> String {
        let inner = self.inner();
        let line = |(path, file): (&PathBuf, &SimFile)| format!("{}={}", path.display(), file.bytes.len());
        inner.files.iter().map(line).collect::<Vec<_>>().join(" ")
    }
}

/// The file that `LibreOffice` keeps beside one that it has open.
fn lock_of(path: &Path) -> PathBuf {
    path.with_file_name(format!(".~lock.{}#", path.file_name().unwrap_or_default().to_string_lossy()))
}

impl Inner {
    fn put(&mut self, path: &Path, bytes: Arc<Vec<u8>>, in_place: bool, now_ms: i64) -> Fingerprint {
        self.count += 1;
        let number = match self.files.get(path) {
            Some(file) if in_place => file.fingerprint.file,
            _ => self.count,
        };
        let at = i128::from(now_ms) * 1_000_000;
        let fingerprint = Fingerprint {
            bytes: bytes.len() as u64,
            modified_ns: at,
            changed_ns: at + i128::from(self.count),
            device: 1,
            file: number,
        };
        self.files.insert(path.to_owned(), SimFile { bytes, fingerprint });
        fingerprint
    }

    fn pass(&mut self, moment: Moment) -> bool {
        if self.cut == Some(moment) {
            self.cut = None;
            return true;
        }
        false
    }
}

impl Disk for SimDisk {
    fn fingerprint(&self, path: &Path) -> io::Result<Option<Fingerprint>> {
        Ok(self.inner().files.get(path).map(|file| file.fingerprint))
    }

    fn list(&self, pattern: &Path) -> io::Result<Vec<PathBuf>> {
        Ok(self.inner().files.keys().filter(|path| *path == pattern).cloned().collect())
    }

    fn snapshot_after(&self, prefix: &[u8], path: &Path, bytes_max: u64) -> io::Result<Snapshot> {
        let bytes = self.bytes(path).ok_or(io::ErrorKind::NotFound)?;
        Snapshot::copy(prefix, &mut Cursor::new(bytes.as_slice()), bytes_max)
    }

    fn replace(&self, path: &Path, bytes: &[u8], expected: Option<Fingerprint>) -> io::Result<Replaced> {
        let now = self.clock.now_ms();
        let mut inner = self.inner();
        let cut = |inner: MutexGuard<'_, Inner>| -> ! {
            drop(inner);
            resume_unwind(Box::new(PowerCut))
        };
        if inner.pass(Moment::BeforeReplace) {
            cut(inner);
        }
        let careless = inner.careless;
        if inner.files.get(path).map(|file| file.fingerprint) != expected && !careless {
            return Ok(Replaced::Moved);
        }
        let bytes = Arc::new(bytes.to_vec());
        let before = inner.files.get(path).map(|file| file.bytes.clone());
        let while_open = inner.files.contains_key(&lock_of(path));
        inner.published.push(Written { path: path.to_owned(), before, after: bytes.clone(), while_open });
        let prefix = daybook::io::replace::leftover_prefix(path);
        let beside = path.with_file_name(format!("{prefix}{:04}.tmp", inner.count));
        if inner.pass(Moment::Written) {
            inner.put(&beside, bytes, false, now);
            cut(inner);
        }
        if let Some((_, saved)) = inner.overtaking.take_if(|(overtaken, _)| overtaken == path) {
            inner.put(path, saved, false, now);
            inner.overtook = true;
        }
        let replaced = inner.files.remove(path);
        let fingerprint = inner.put(path, bytes, false, now);
        let is_expected = careless || replaced.as_ref().map(|file| file.fingerprint) == expected;
        if let Some(replaced) = replaced {
            inner.files.insert(beside.clone(), replaced.clone());
            if inner.pass(Moment::Exchanged) {
                cut(inner);
            }
            if !is_expected {
                return Ok(Replaced::Overtaken { now: fingerprint, lost: replaced.bytes.to_vec(), kept: beside });
            }
            inner.files.remove(&beside);
        }
        if inner.pass(Moment::AfterReplace) {
            cut(inner);
        }
        Ok(Replaced::Done(fingerprint))
    }

    fn leftovers(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let is_leftover = |path: &&PathBuf| {
            path.parent() == Some(folder) && path.file_name().is_some_and(daybook::io::replace::is_leftover)
        };
        Ok(self.inner().files.keys().filter(is_leftover).cloned().collect())
    }

    fn give_back(&self, path: &Path, kept: &Path, ours: Fingerprint) -> io::Result<()> {
        let mut inner = self.inner();
        if inner.pass(Moment::BeforeGivingBack) {
            drop(inner);
            resume_unwind(Box::new(PowerCut))
        }
        if inner.files.get(path).map(|file| file.fingerprint) == Some(ours)
            && let Some(file) = inner.files.remove(kept)
            && let Some(ours) = inner.files.insert(path.to_owned(), file)
        {
            inner.files.insert(kept.to_owned(), ours);
            if inner.pass(Moment::GivenBack) {
                drop(inner);
                resume_unwind(Box::new(PowerCut))
            }
            inner.files.remove(kept);
        }
        Ok(())
    }

    fn remove_leftover(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.inner();
        if inner.pass(Moment::BeforeRemoval) {
            drop(inner);
            resume_unwind(Box::new(PowerCut));
        }
        inner.files.remove(path);
        Ok(())
    }
}
