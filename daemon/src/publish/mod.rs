//! What Daybook writes for people: views, and cells of the workbooks that people keep.

pub mod answer;
pub mod order;
pub mod view;
pub mod workbook;

pub use view::{Shown, View, ViewRecord, ViewSpec, view};
