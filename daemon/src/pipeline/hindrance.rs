//! Why an edit, or a whole arrival, is not merged.

use compact_str::CompactString;

use crate::access::Refusal;
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

/// Why an edit is not merged.
pub(super) enum Hindrance {
    /// It says what its author may read and is stored already.
    Same,
    /// It is refused.
    Refuse { code: Code, reason: String, hint: String, rule: CompactString },
}

impl Hindrance {
    /// Refused by the access rules.
    pub(super) fn forbidden(refusal: &Refusal) -> Self {
        Self::Refuse {
            code: Code("forbidden"),
            reason: refusal.reason.clone(),
            hint: FORBIDDEN_HINT.to_owned(),
            rule: refusal
                .rule
                .as_ref()
                .map_or_else(|| CompactString::const_new("no-rule"), |rule| rule.as_str().into()),
        }
    }
}

pub(super) const FORBIDDEN_HINT: &str = "Ask the person who owns the record, or the data steward, to make the change.";

/// What is remembered of a row that is in no state of its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remembered {
    /// Nothing.
    Nothing,
    /// It was refused, and its author knows.
    Refused,
    /// So it was, because a person has rejected the whole save in which it was added.
    Rejected,
    /// A plugin's error holds it.
    Held,
    /// So it did, and a person has decided that the row is not taken as it stands.
    Denied,
    /// So it did, and a person has decided that the row is taken as it stands.
    Accepted,
}
