//! How alike a row is to what a record's row showed before.

use std::cmp::Ordering;

use crate::model::row::cell_of;
use crate::model::{Cell, FieldId};

/// How alike a row and a baseline are: `equal` of `compared` cells. The greater share is the more alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Likeness {
    pub(super) equal: u32,
    pub(super) compared: u32,
}

impl Likeness {
    /// Compares the cells that the row has a column for and that are filled on either side; a formula is no evidence.
    /// `same` is asked with the row's cell and then the baseline's.
    pub(super) fn of(
        row: &[(FieldId, Cell)],
        baseline: &[(FieldId, Cell)],
        same: impl Fn(FieldId, &Cell, &Cell) -> bool,
    ) -> Self {
        let mut likeness = Self { equal: 0, compared: 0 };
        for (field, seen) in row {
            let before = cell_of(baseline, *field).unwrap_or(&Cell::Blank);
            let computed = matches!(seen, Cell::Formula(_)) || matches!(before, Cell::Formula(_));
            if !computed && (*seen != Cell::Blank || *before != Cell::Blank) {
                likeness.compared += 1;
                likeness.equal += u32::from(same(*field, seen, before));
            }
        }
        likeness
    }

    /// Whether at least half of the cells are equal.
    pub(super) fn is_enough(self) -> bool {
        self.equal > 0 && self.equal * 2 >= self.compared
    }

    /// Whether no cell differs.
    pub(super) fn is_exact(self) -> bool {
        self.equal == self.compared
    }
}

impl Ord for Likeness {
    fn cmp(&self, other: &Self) -> Ordering {
        let (a, b) =
            (u64::from(self.equal) * u64::from(other.compared), u64::from(other.equal) * u64::from(self.compared));
        a.cmp(&b)
    }
}

impl PartialOrd for Likeness {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
