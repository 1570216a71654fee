//! What a pass did, in numbers and problems.

use serde::Serialize;

use crate::model::{Outcome, Problem};

/// The sum of what arrivals brought and what became of it. Cells are counted, except where it says otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Arrivals that said something new.
    pub arrivals: u64,
    /// Rows that were read.
    pub rows: u64,
    /// Cells that somebody changed: the sum of `applied`, `superseded`, `refused`, `conflicts` and `held`.
    pub changes: u64,
    /// Changes that are current now.
    pub applied: u64,
    /// Cells that arrived anew and say what is stored already.
    pub unchanged: u64,
    /// Changes for which a rule preferred another value.
    pub superseded: u64,
    /// Changes that were not allowed.
    pub refused: u64,
    /// Changes that a person has to decide.
    pub conflicts: u64,
    /// Changes that wait as part of a held arrival.
    pub held: u64,
    /// Workbooks that Daybook wrote.
    pub published: u64,
    /// Mails that Daybook sent.
    pub sent: u64,
    /// What is wrong and was not told before.
    pub problems: Vec<Problem>,
}

impl Report {
    /// Counts one cell.
    pub fn count(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Unchanged => self.unchanged += 1,
            Outcome::Applied => self.applied += 1,
            Outcome::Superseded => self.superseded += 1,
            Outcome::Refused => self.refused += 1,
            Outcome::Conflict => self.conflicts += 1,
            Outcome::Held => self.held += 1,
        }
        if outcome != Outcome::Unchanged {
            self.changes += 1;
        }
    }

    /// Adds what another arrival did.
    pub fn add(&mut self, other: Self) {
        self.arrivals += other.arrivals;
        self.rows += other.rows;
        self.changes += other.changes;
        self.applied += other.applied;
        self.unchanged += other.unchanged;
        self.superseded += other.superseded;
        self.refused += other.refused;
        self.conflicts += other.conflicts;
        self.held += other.held;
        self.published += other.published;
        self.sent += other.sent;
        self.problems.extend(other.problems);
    }
}
