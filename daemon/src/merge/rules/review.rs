//! `review`: a person decides.
//!
//! It compares nothing. What is stored stays until the decision, so the outcome depends on which value came first;
//! the person who decides sees both.

use super::{Contest, Resolution};

/// Asks.
pub(super) fn resolve(_contest: &Contest<'_>) -> Resolution {
    Resolution::Ask
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merge::contest::tests::{settle, text, text_field};

    #[test]
    fn it_asks_even_if_one_side_is_blank() {
        assert_eq!(settle(resolve, &text_field(), (&text("a"), 1), (&text(""), 2)), Resolution::Ask);
        assert_eq!(settle(resolve, &text_field(), (&text(""), 2), (&text("a"), 1)), Resolution::Ask);
    }
}
