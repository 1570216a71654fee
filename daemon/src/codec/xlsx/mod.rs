//! Office Open XML workbooks: `xlsx` and `xlsm`.

pub mod properties;
pub mod write;

mod cells;
mod places;

pub(super) use cells::read;
