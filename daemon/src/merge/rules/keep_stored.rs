//! `keep-stored`: what is stored stays.
//!
//! It compares nothing, so the value that was posted first wins, whenever it was edited. A cleared value stays
//! cleared. An edit that was made knowing the stored value is no contest and is applied.

use super::{Contest, Resolution};

/// Keeps what is stored.
pub(super) fn resolve(_contest: &Contest<'_>) -> Resolution {
    Resolution::Stored
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merge::contest::tests::{settle, text, text_field};

    #[test]
    fn a_cleared_value_stays_cleared() {
        assert_eq!(settle(resolve, &text_field(), (&text(""), 1), (&text("a"), 2)), Resolution::Stored);
    }
}
