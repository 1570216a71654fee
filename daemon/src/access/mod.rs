//! Who may see and change what.
//!
//! In: the office's policy, an actor, and of a record its owner and its department. Out: [`Rights`], and with
//! them [`Permitted`] edits, which are the only ones that `merge` takes: holding one is the proof that the rules
//! allow it. [`Decider::rights`] is the one function that decides; explaining and permitting only read its answer.
//!
//! Never here: I/O, a clock, a value of a record beyond its owner and department. Whatever the rules don't name
//! is not allowed: an unknown person, role, table, class or field has no rights, and that is no error here.

mod decider;
mod explain;
mod mask;
mod permit;
mod rights;

pub use decider::{Decider, Subject, Viewpoint};
pub use explain::{Effect, Step, Why};
pub use mask::mask;
pub use permit::{Archival, NewRecord, Permitted};
pub use rights::{Refusal, Rights, RuleId, Sight};
