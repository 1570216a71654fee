//! What Daybook writes for people: views, cells of the workbooks that people keep, mails, and the workbooks that go with them.

pub mod answer;
pub mod mail;
pub mod order;
pub mod receipt;
pub mod returned;
pub mod template;
pub mod view;
pub mod workbook;

pub use view::{Shown, View, ViewRecord, ViewSpec, view};
