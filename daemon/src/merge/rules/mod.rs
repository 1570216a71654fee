//! The conflict rules, one file each: pure functions of a [`Contest`].
//!
//! [`RULES`] is the one table of them. It feeds the configuration's names and the documentation, and the laws that
//! all rules obey run over each of its rows (`merge/laws.rs`):
//!
//! - *Idempotent*: a value against itself stays that value.
//! - *Commutative*: whichever side is the stored one, the same value comes out. Not so `review` and `keep-stored`,
//!   which prefer what came first and say so.
//! - *Associative*: three independent edits give the same value in whichever order they come, as the winner's
//!   stamp travels with its value. A value of `union` that is made of two carries the stamp of the later arrival,
//!   which `union` does not look at.

mod first;
mod furthest;
mod keep_stored;
mod latest;
mod longest;
mod maximum;
mod minimum;
mod most_complete;
mod review;
mod source_order;
mod union;

use crate::model::schema::ConflictRule;

use super::contest::{Contest, Resolution};

/// The name of the rule that asks.
pub const REVIEW: &str = "review";

/// A conflict rule with its name and what it is good for.
#[derive(Clone, Copy, Debug)]
pub struct RuleRow {
    /// The rule, as a field's definition holds it.
    pub rule: ConflictRule,
    /// Its name in the configuration and in the history.
    pub name: &'static str,
    /// What it does, in one line.
    pub doc: &'static str,
    /// The rule itself.
    pub resolve: fn(&Contest<'_>) -> Resolution,
    /// Whether fields of a group may have it: it decides between the sides and not between values.
    pub in_groups: bool,
    /// Whether the same value comes out whichever side is the stored one.
    pub commutative: bool,
}

/// All conflict rules, in the order of the documentation; the first is the default.
pub const RULES: &[RuleRow] = &[
    RuleRow {
        rule: ConflictRule::Review,
        name: REVIEW,
        doc: "A person decides; what is stored stays until then.",
        resolve: review::resolve,
        in_groups: true,
        commutative: false,
    },
    RuleRow {
        rule: ConflictRule::Latest,
        name: "latest",
        doc: "The later edit wins.",
        resolve: latest::resolve,
        in_groups: true,
        commutative: true,
    },
    RuleRow {
        rule: ConflictRule::First,
        name: "first",
        doc: "The earlier edit wins.",
        resolve: first::resolve,
        in_groups: true,
        commutative: true,
    },
    RuleRow {
        rule: ConflictRule::SourceOrder,
        name: "source-order",
        doc: "The source with the higher rank wins.",
        resolve: source_order::resolve,
        in_groups: true,
        commutative: true,
    },
    RuleRow {
        rule: ConflictRule::KeepStored,
        name: "keep-stored",
        doc: "What is stored stays.",
        resolve: keep_stored::resolve,
        in_groups: true,
        commutative: false,
    },
    RuleRow {
        rule: ConflictRule::MostComplete,
        name: "most-complete",
        doc: "The side whose row has more filled cells wins.",
        resolve: most_complete::resolve,
        in_groups: true,
        commutative: true,
    },
    RuleRow {
        rule: ConflictRule::Longest,
        name: "longest",
        doc: "The longer text wins.",
        resolve: longest::resolve,
        in_groups: true,
        commutative: true,
    },
    RuleRow {
        rule: ConflictRule::Minimum,
        name: "minimum",
        doc: "The smaller value wins.",
        resolve: minimum::resolve,
        in_groups: false,
        commutative: true,
    },
    RuleRow {
        rule: ConflictRule::Maximum,
        name: "maximum",
        doc: "The larger value wins.",
        resolve: maximum::resolve,
        in_groups: false,
        commutative: true,
    },
    RuleRow {
        rule: ConflictRule::Union,
        name: "union",
        doc: "A list keeps the items of both sides, without those that either removed.",
        resolve: union::resolve,
        in_groups: false,
        commutative: true,
    },
    RuleRow {
        rule: ConflictRule::Furthest,
        name: "furthest",
        doc: "The value that stands further along the enum wins.",
        resolve: furthest::resolve,
        in_groups: false,
        commutative: true,
    },
];

/// The row of a rule.
pub fn row(rule: ConflictRule) -> &'static RuleRow {
    // A test holds that every rule has its row; the first row asks a person, which is never wrong.
    RULES.iter().find(|row| row.rule == rule).unwrap_or(&RULES[0])
}

/// The row of a name in the configuration; `None` if there is no such rule.
pub fn by_name(name: &str) -> Option<&'static RuleRow> {
    RULES.iter().find(|row| row.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new rule doesn't compile here until it is listed, and fails until it has its row.
    #[test]
    fn every_rule_has_one_row_with_a_name_of_its_own() {
        use ConflictRule as R;
        let next = |rule| match rule {
            R::Review => Some(R::Latest),
            R::Latest => Some(R::First),
            R::First => Some(R::SourceOrder),
            R::SourceOrder => Some(R::KeepStored),
            R::KeepStored => Some(R::MostComplete),
            R::MostComplete => Some(R::Longest),
            R::Longest => Some(R::Minimum),
            R::Minimum => Some(R::Maximum),
            R::Maximum => Some(R::Union),
            R::Union => Some(R::Furthest),
            // A plugin's rule is no function here: what it decided comes with the proposal.
            R::Furthest | R::Plugin => None,
        };
        let rules: Vec<R> = std::iter::successors(Some(R::Review), |rule| next(*rule)).collect();
        assert_eq!(RULES.len(), rules.len());
        for rule in rules {
            assert_eq!(row(rule).rule, rule);
            assert_eq!(by_name(row(rule).name).map(|row| row.rule), Some(rule));
        }
        assert!(by_name("plugin:uscc").is_none());
    }

    #[test]
    fn the_readme_has_the_same_table() {
        let readme = include_str!("../../../../README.md");
        for rule in RULES {
            let (begin, end) = (format!("| `{}`", rule.name), format!("| {} |", rule.doc));
            let row = readme.lines().find(|line| line.starts_with(&begin));
            assert!(row.is_some_and(|row| row.ends_with(&end)), "{begin} … {end}");
        }
    }
}
