//! The built program by its contract: the command line is driven as a person or another program would, and nothing
//! of the inside is used.

#![expect(
    clippy::disallowed_methods,
    clippy::string_slice,
    reason = "these tests play the people and programs around Daybook: they write files, take the time and start it"
)]

pub(crate) mod office;
pub(crate) mod workbook;

mod access;
mod attachments;
mod authors;
mod columns;
mod command_line;
mod conflicts;
mod daemon;
mod decisions;
mod held;
mod identity;
mod installing;
mod libreoffice;
mod mail;
mod plugins;
mod readers;
mod records;
mod replacing;
mod resaves;
mod rows;
mod said_anew;
mod shares;
mod sheets;
mod store;
mod two_way;
mod unseen;
mod versions;
