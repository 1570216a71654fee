//! Collects where formulas stand, as runs of cells one below the other.

use super::sheet::FormulaRun;

/// After so many runs no more are kept.
const RUNS_MAX: usize = 1 << 20;

/// The formulas below the titles of a sheet, in columns below a limit.
pub(super) struct FormulaRuns {
    header_row: u32,
    columns_max: u32,
    done: Vec<FormulaRun>,
    /// The run that may go on, by column.
    open: Vec<Option<FormulaRun>>,
}

impl FormulaRuns {
    /// Keeps formulas below the titles in columns below a limit.
    pub(super) fn new(header_row: u32, columns_max: u32) -> Self {
        Self { header_row, columns_max, done: Vec::new(), open: Vec::new() }
    }

    /// Whether no more are kept.
    pub(super) fn is_full(&self) -> bool {
        self.done.len() >= RUNS_MAX
    }

    /// Keeps formulas in one column. What follows directly on the column's last run is one with it.
    pub(super) fn add(&mut self, run: FormulaRun) {
        if run.last <= self.header_row || run.column >= self.columns_max {
            return;
        }
        let index = run.column as usize;
        if self.open.len() <= index {
            self.open.resize(index + 1, None);
        }
        match self.open.get_mut(index) {
            Some(Some(before)) if before.last.checked_add(1) == Some(run.first) => before.last = run.last,
            Some(slot) => {
                if let Some(before) = slot.replace(run) {
                    self.keep(before);
                }
            }
            None => {}
        }
    }

    /// Keeps an area that one formula fills, by its first and last column.
    pub(super) fn add_area(&mut self, first_column: u32, last_column: u32, rows: (u32, u32)) {
        let end = last_column.min(self.columns_max.saturating_sub(1));
        for column in first_column..=end {
            if self.is_full() {
                return;
            }
            self.keep(FormulaRun { column, first: rows.0, last: rows.1 });
        }
    }

    fn keep(&mut self, run: FormulaRun) {
        if run.last > self.header_row && !self.is_full() {
            self.done.push(FormulaRun { first: run.first.max(self.header_row + 1), ..run });
        }
    }

    /// The runs by column and row, without overlaps.
    pub(super) fn into_runs(mut self) -> Vec<FormulaRun> {
        for run in std::mem::take(&mut self.open).into_iter().flatten() {
            self.keep(run);
        }
        self.done.sort_unstable_by_key(|run| (run.column, run.first));
        self.done.dedup_by(|next, run| {
            let goes_on = next.column == run.column && next.first <= run.last.saturating_add(1);
            if goes_on {
                run.last = run.last.max(next.last);
            }
            goes_on
        });
        self.done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_grow_meet_and_are_cut_at_the_titles() {
        let mut runs = FormulaRuns::new(2, 3);
        let run = |column, first, last| FormulaRun { column, first, last };
        for added in [run(0, 1, 3), run(1, 3, 3), run(0, 4, 4), run(0, 9, 9), run(3, 4, 4), run(1, 2, 2)] {
            runs.add(added);
        }
        runs.add_area(1, 9, (3, 5));
        assert_eq!(runs.into_runs(), [run(0, 3, 4), run(0, 9, 9), run(1, 3, 5), run(2, 3, 5)]);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut runs = FormulaRuns::new(1, u32::MAX);
        runs.add_area(0, u32::MAX, (2, 2));
        assert!(runs.is_full());
        assert_eq!(runs.into_runs().len(), RUNS_MAX);
    }
}
