//! Where arrivals come from: watching and fetching.
//!
//! A source says when something is there to be taken, and takes a private copy of it. It posts nothing and concludes
//! nothing from what is missing.

pub mod mailbox;
pub mod workbook;
