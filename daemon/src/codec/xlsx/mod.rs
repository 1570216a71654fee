//! Office Open XML workbooks: `xlsx` and `xlsm`.

pub(super) mod patch;
pub mod properties;
pub mod write;

mod cells;
mod formulas;
mod lexer;
mod parts;
mod places;
mod plain_rows;
mod reference;

pub(super) use cells::read;
