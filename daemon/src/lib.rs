//! Daybook merges what people write in shared workbooks into one encrypted ledger of customer records,
//! and gives every department its workbook back.
//!
//! The modules stand in reading order. `pipeline` is the one way through; see ARCHITECTURE.md.

pub mod model;

pub mod codec;
pub mod io;
pub mod text;

pub mod config;

pub mod source;

pub mod extract;

pub mod plugin;

pub mod identify;

pub mod access;

pub mod merge;

pub mod store;

pub mod publish;

pub mod pipeline;

pub mod error;

pub mod app;

pub mod cli;
