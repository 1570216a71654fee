//! `furthest`: the value that stands further along the field's enum wins.
//!
//! It compares positions in `constraints.enum`. A value that is not in the enum, as one from before the enum was
//! changed, stands before all that are; a blank before every value. Ties, of two values outside the enum, go to
//! the later edit, then as in `latest`.

use super::{Contest, Resolution};
use crate::merge::contest::Contender;
use crate::model::{Field, Value};

/// Prefers the value that stands further along.
pub(super) fn resolve(contest: &Contest<'_>) -> Resolution {
    // Blank: None; outside the enum: Some(0); then the positions from 1.
    let step =
        |side: &Contender<'_>| side.cell.value().map(|value| position(contest.field, value).map_or(0, |at| at + 1));
    contest.prefer(|a: &Contender<'_>, b: &Contender<'_>| step(a).cmp(&step(b)).then_with(|| a.by_recency(b)))
}

/// Where a value stands in the enum.
fn position(field: &Field, value: &Value) -> Option<usize> {
    let form = field.comparison_text(value);
    field.constraints.allowed.iter().position(|allowed| field.comparison_text(&Value::Text(allowed.clone())) == form)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merge::contest::tests::{settle, text, text_field};

    #[test]
    fn the_order_of_the_enum_decides() {
        let mut field = text_field();
        field.constraints.allowed = ["lead", "offer", "closed"].map(Into::into).to_vec();
        let check = |stored: &str, incoming: &str| settle(resolve, &field, (&text(stored), 2), (&text(incoming), 1));
        assert_eq!(check("offer", "lead"), Resolution::Stored);
        assert_eq!(check("lead", "closed"), Resolution::Incoming);
        assert_eq!(check("lead", ""), Resolution::Stored);
        assert_eq!(check("", "lead"), Resolution::Incoming);
        assert_eq!(check("retired", "lead"), Resolution::Incoming);
        assert_eq!(check("retired", "ancient"), Resolution::Stored, "the later edit");
        assert_eq!(check("", "ancient"), Resolution::Incoming);
    }
}
