//! Three-way merge: what a source changed, against what is stored, settled cell by cell.
//!
//! In: what the source showed before (its *base*), what it shows now, and the stored record. Out: for each edit
//! exactly one [`Verdict`], with the rule that gave it. Beside it stand the three questions that are asked of a
//! save as a whole: which state it [descends](descent) from, whether it changes [too much](guard), and what becomes
//! of records that it [no longer has](missing).
//!
//! The order of use: [`descent::descend`] picks the base; [`edits`] finds the changed cells of a row and
//! [`companions`] the cells of its groups that may have to follow; `access` permits them; [`merge_record`] gives the
//! verdicts.
//!
//! Never here: I/O, a clock, an id that is made up. An edit that nobody permitted cannot be merged, since
//! [`merge_record`] takes only [`Permitted`](crate::access::Permitted) ones.
//!
//! What may be posted without asking is what some order of the edits, made one after the other, could give.

pub mod contest;
pub mod rules;

mod groups;
mod three_way;

pub mod descent;
pub mod guard;
pub mod missing;

#[cfg(test)]
mod laws;

pub use contest::{Contender, Contest, Resolution, Side};
pub use groups::companions;
pub use three_way::{Merged, Proposal, Verdict, edits, merge_record};

/// Names of what settles an edit beside the conflict rules, as they stand in the history.
pub mod because {
    /// It says what is stored already.
    pub const SAME: &str = "same";
    /// Nobody else changed the value since the author saw it.
    pub const CLEAN: &str = "clean";
    /// It is no edit: it was brought along in case its group moves, and the group did not.
    pub const UNTOUCHED: &str = "untouched";
    /// The record was archived while the author still had it.
    pub const DELETE_AGAINST_EDIT: &str = "delete-against-edit";
    /// The cell shows an earlier value: taken back on purpose, or an older copy that was saved late.
    pub const REVERT_OR_OLD_COPY: &str = "revert-or-old-copy";
    /// The group would go to the author, but a cell of it is unreadable or may not be changed by her.
    pub const INCOMPLETE_GROUP: &str = "incomplete-group";
    /// A row is gone from its sheet.
    pub const MISSING_ROW: &str = "missing-row";
}
