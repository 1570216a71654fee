//! Workbooks in shared folders.
//!
//! [`files`] says which files a source means, [`poll`] when one of them is ready, [`fetch()`] takes its rows, and [`attached`] those of a workbook that a mail brought. [`watch`]
//! only gives hints to look sooner, and [`locks`] says who has a file open. Nothing here writes to a shared folder.

pub mod attached;
pub mod fetch;
pub mod files;
pub mod locks;
pub mod patcher;
pub mod poll;
pub mod watch;

pub use attached::{ReadAttachment, read_attachment};
pub use fetch::{
    Again, ChildReader, FetchFailure, FetchLimits, Fetched, InProcessReader, SheetReader, fetch, fetch_if_changed,
};
pub use files::{KEPT, Listing, Looked, SourceFile, WatchedFolder, WorkbookSource, file_kind, list, look};
pub use locks::{LockedBy, is_being_replaced, is_owner_file, open_elsewhere};
pub use patcher::{ChildPatcher, InProcessPatcher, PATCH_HINDERED, SheetPatcher};
pub use poll::{FilePoll, PollTimes, Sight, Step};
pub use watch::Watch;
