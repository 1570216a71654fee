//! What Daybook writes for people: views.

pub mod order;
pub mod view;

pub use view::{Shown, View, ViewRecord, ViewSpec, view};
