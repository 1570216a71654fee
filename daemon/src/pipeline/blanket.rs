//! Why nothing of an arrival is taken, whatever its rows say: told once for all of it, or for each of its cells.

use crate::model::problem::Code;

/// A held save that a person has rejected.
pub(super) const REJECTED: Code = Code("rejected");
const READ_ONLY_HINT: &str =
    "Change the value in the workbook of the department that keeps it, or ask for an editable view.";

/// Why nothing of an arrival is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blanket {
    /// It comes from a view that is not editable.
    ReadOnly,
    /// It was held, and a person has rejected it.
    Rejected,
}

impl Blanket {
    /// The code of the problem, which is the rule in the history too.
    pub(super) fn code(self) -> Code {
        match self {
            Self::ReadOnly => Code("read-only"),
            Self::Rejected => REJECTED,
        }
    }

    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::ReadOnly => "this workbook is for reading",
            Self::Rejected => "the save was rejected",
        }
    }

    pub(super) fn hint(self) -> &'static str {
        match self {
            Self::ReadOnly => READ_ONLY_HINT,
            // It is told of as a whole.
            Self::Rejected => "",
        }
    }
}
