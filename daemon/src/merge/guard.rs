//! The guard: an arrival that would change unexpectedly much is held for a person, whole.
//!
//! A sheet whose columns were shifted, or of which half was deleted, is made of edits that are each in order. Only
//! their number tells.

use crate::model::review::Extent;

/// The settings of `[guard]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How much of the known cells may change, in percent.
    pub changed_cells_max_percent: u32,
    /// How much of the known rows may be gone, in percent.
    pub missing_rows_max_percent: u32,
    /// Smaller sheets are not guarded.
    pub rows_min: u32,
}

/// How far an arrival is beyond the limits, rounded down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Excess {
    /// Changed cells in percent of the known ones, if they are too many.
    pub changed_cells_percent: Option<u64>,
    /// Missing rows in percent of the known ones, if they are too many.
    pub missing_rows_percent: Option<u64>,
}

/// Says whether an arrival is to be held, and why; `None` if it is within the limits.
///
/// `rows` is how many rows the sheet has now. A sheet is small if neither the rows known before nor those that it
/// has now reach `rows_min`: one that shrank to nothing is guarded by what it was.
///
/// At a first sync no row is known, and none can be missing. Then `extent.known_cells` counts the **stored** values
/// that the sheet's rows meet and `extent.changed_cells` those that would be changed: a sheet of new records is
/// not held, one that would overwrite what others keep is.
pub fn excess(extent: &Extent, rows: u64, limits: &Limits) -> Option<Excess> {
    if extent.known_rows.max(rows) < u64::from(limits.rows_min) {
        return None;
    }
    let excess = Excess {
        changed_cells_percent: beyond(extent.changed_cells, extent.known_cells, limits.changed_cells_max_percent),
        missing_rows_percent: beyond(extent.missing_rows, extent.known_rows, limits.missing_rows_max_percent),
    };
    (excess.changed_cells_percent.is_some() || excess.missing_rows_percent.is_some()).then_some(excess)
}

/// Whether plugins hold so many of a sheet's rows that they are one question, not one each.
pub fn holds_too_many(held_rows: u64, rows: u64, limits: &Limits) -> bool {
    rows >= u64::from(limits.rows_min) && beyond(held_rows, rows, limits.changed_cells_max_percent).is_some()
}

/// The share in percent, if it is above the limit; there is no share of nothing.
fn beyond(part: u64, whole: u64, percent_max: u32) -> Option<u64> {
    let (part, whole) = (u128::from(part), u128::from(whole));
    (whole > 0 && part * 100 > whole * u128::from(percent_max))
        .then(|| u64::try_from(part * 100 / whole).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { changed_cells_max_percent: 30, missing_rows_max_percent: 10, rows_min: 20 };

    fn held(changed_cells: u64, known_cells: u64, missing_rows: u64, known_rows: u64, rows: u64) -> Option<Excess> {
        excess(&Extent { changed_cells, known_cells, missing_rows, known_rows }, rows, &LIMITS)
    }

    #[test]
    fn a_limit_holds_what_is_above_it() {
        assert_eq!(held(30, 100, 2, 20, 18), None);
        assert_eq!(
            held(31, 100, 0, 20, 20),
            Some(Excess { changed_cells_percent: Some(31), missing_rows_percent: None })
        );
        assert_eq!(
            held(0, 100, 3, 20, 17),
            Some(Excess { changed_cells_percent: None, missing_rows_percent: Some(15) })
        );
    }

    #[test]
    fn a_small_sheet_is_not_guarded_and_one_that_vanished_is() {
        assert_eq!(held(10, 10, 9, 19, 10), None);
        assert!(held(0, 100, 20, 20, 0).is_some());
        assert!(held(100, 100, 0, 19, 20).is_some());
    }

    #[test]
    fn a_first_sync_is_held_only_for_what_it_would_overwrite() {
        assert_eq!(held(0, 0, 0, 0, 500), None);
        assert_eq!(held(10, 100, 0, 0, 500), None);
        assert!(held(80, 100, 0, 0, 500).is_some());
    }

    #[test]
    fn a_limit_of_a_hundred_percent_holds_nothing() {
        let limits = Limits { changed_cells_max_percent: 100, missing_rows_max_percent: 100, rows_min: 0 };
        let all = Extent { changed_cells: u64::MAX, known_cells: u64::MAX, missing_rows: 9, known_rows: 9 };
        assert_eq!(excess(&all, 0, &limits), None);
    }
}
