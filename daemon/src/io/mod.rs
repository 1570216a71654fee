//! Everything that depends on the platform: clock, randomness, disk, children, connections.
//!
//! The rest of Daybook takes a [`Clock`], an [`Entropy`] and a [`Disk`] as arguments, so that a simulation can hand in
//! its own. What differs between Linux, other Unixes and the rest stands behind one function each, with a plain body
//! for the platforms that lack the better way. Nothing here knows records, tables or configuration.

pub mod child;
pub mod clock;
pub mod disk;
pub mod dns;
pub mod entropy;
mod list;
pub mod lock;
pub mod private;
pub mod replace;
pub mod snapshot;
pub mod spool;
pub mod transport;

pub use child::{ChildFailure, ChildSpec, Program, run_child};
pub use clock::{Clock, ManualClock, SystemClock};
pub use disk::{Disk, Fingerprint, RealDisk, Replaced};
pub use dns::{DnsFailure, NameService, Resolver};
pub use entropy::{Entropy, OsEntropy, Pooled, SeededEntropy, uuid_v7};
pub use list::{glob_root, is_glob};
pub use lock::{LockFailure, StoreLock};
pub use snapshot::{Snapshot, SnapshotReader};
