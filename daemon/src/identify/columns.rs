//! Columns whose title means nothing, beside fields that have lost their column: was the title changed?
//!
//! In comes how far each such column agrees with what each such field was last seen to show; out goes which column surely
//! holds which field, and which a person has to decide. A value in common tells little here, because a column of stages
//! looks like another one of stages; so the agreement has to be nearly complete, in several different values, and without a
//! rival on either side.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::model::FieldId;

/// So many cells have to be equal before a column is taken for a field's without asking.
const EQUAL_MIN: u32 = 3;
/// So many different values have to be among them.
const DISTINCT_MIN: usize = 2;
/// So many of a hundred filled cells have to be equal: a few may have been edited along with the title.
const EQUAL_MIN_PERCENT: u32 = 90;

/// How far two columns agree, row by row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agreement {
    equal: u32,
    compared: u32,
    /// Digests of different equal values; more than [`DISTINCT_MIN`] are not counted.
    distinct: HashSet<u64>,
}

impl Agreement {
    /// Counts a row in which at least one of the two is filled. `value` is what an equal one shows.
    pub fn count(&mut self, equal: bool, value: &str) {
        self.compared += 1;
        if equal {
            self.equal += 1;
            if self.distinct.len() < DISTINCT_MIN {
                let mut hasher = DefaultHasher::new();
                value.hash(&mut hasher);
                self.distinct.insert(hasher.finish());
            }
        }
    }

    /// Whether it can be no chance.
    pub fn is_certain(&self) -> bool {
        self.equal >= EQUAL_MIN
            && self.distinct.len() >= DISTINCT_MIN
            && u64::from(self.equal) * 100 >= u64::from(self.compared) * u64::from(EQUAL_MIN_PERCENT)
    }

    /// Whether it may be none: at least half of the cells are equal.
    pub fn is_likely(&self) -> bool {
        self.equal > 0 && u64::from(self.equal) * 2 >= u64::from(self.compared)
    }

    /// Parts of a million that are equal.
    fn share(&self) -> u64 {
        u64::from(self.equal) * 1_000_000 / u64::from(self.compared.max(1))
    }
}

/// A column that may hold a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The field.
    pub field: FieldId,
    /// The column, from 0.
    pub column: u32,
    /// How far the column agrees with what the field showed.
    pub agreement: Agreement,
}

/// Which columns hold which fields. No field and no column is named twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Renamed {
    /// Surely.
    pub certain: Vec<(FieldId, u32)>,
    /// A person decides.
    pub unclear: Vec<(FieldId, u32)>,
}

/// Settles the claims.
pub fn renamed(claims: &[Claim]) -> Renamed {
    let mut likely: Vec<&Claim> = claims.iter().filter(|claim| claim.agreement.is_likely()).collect();
    likely.sort_by_key(|claim| (Reverse(claim.agreement.share()), claim.field, claim.column));
    let rivals = |claim: &Claim| {
        likely.iter().filter(|other| other.field == claim.field || other.column == claim.column).count()
    };
    let mut renamed = Renamed::default();
    for claim in likely.iter().filter(|claim| claim.agreement.is_certain() && rivals(claim) == 1) {
        renamed.certain.push((claim.field, claim.column));
    }
    for claim in likely {
        let mut named = renamed.certain.iter().chain(&renamed.unclear);
        if named.all(|(field, column)| *field != claim.field && *column != claim.column) {
            renamed.unclear.push((claim.field, claim.column));
        }
    }
    renamed
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The agreement of two columns, a letter a cell; a space is a blank.
    fn agreement(a: &str, b: &str) -> Agreement {
        let mut agreement = Agreement::default();
        for (a, b) in a.chars().zip(b.chars()).filter(|(a, b)| *a != ' ' || *b != ' ') {
            agreement.count(a == b, &a.to_string());
        }
        agreement
    }

    /// Settles fields (a number) and columns (a letter) with what they show: `1=b` is certain, `1?b` unclear.
    fn check(fields: &[&str], columns: &[&str]) -> String {
        let claim = |(field, before): (u16, &&str), (column, now): (u32, &&str)| Claim {
            field: FieldId(field),
            column,
            agreement: agreement(before, now),
        };
        let claims: Vec<Claim> =
            (1..).zip(fields).flat_map(|field| (0..).zip(columns).map(move |column| claim(field, column))).collect();
        let renamed = renamed(&claims);
        let letter = |column: u32| char::from_u32(u32::from('a') + column).unwrap_or('?');
        let certain = renamed.certain.iter().map(|(field, column)| format!("{}={}", field.0, letter(*column)));
        let unclear = renamed.unclear.iter().map(|(field, column)| format!("{}?{}", field.0, letter(*column)));
        certain.chain(unclear).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_column_with_the_same_content_is_the_field() {
        assert_eq!(check(&["xyz"], &["xyz"]), "1=a");
        assert_eq!(check(&["xyz", "uvw"], &["uvw", "xyz"]), "1=b 2=a");
        assert_eq!(check(&["xyz uvwxyz"], &["xyz uvwxyq"]), "1?a", "eight of nine are not enough");
        assert_eq!(check(&["xyzruvwxyz"], &["xyzruvwxyq"]), "1=a", "nine of ten are");
        assert_eq!(check(&["xyz"], &["rst"]), "");
        assert_eq!(check(&["   "], &["   "]), "");
    }

    #[test]
    fn little_evidence_is_asked_about() {
        assert_eq!(check(&["xy"], &["xy"]), "1?a", "two rows");
        assert_eq!(check(&["xxxxxx"], &["xxxxxx"]), "1?a", "always the same value");
        assert_eq!(check(&["xyzuvw"], &["xyzrst"]), "1?a", "half of it");
        assert_eq!(check(&["xyzuvw"], &["xyrstq"]), "", "a third of it");
    }

    #[test]
    fn rivals_are_asked_about() {
        assert_eq!(check(&["xyz"], &["xyz", "xyz"]), "1?a");
        assert_eq!(check(&["xyz", "xyz"], &["xyz"]), "1?a");
        assert_eq!(check(&["xyzuv"], &["xyzrr", "xyzuv"]), "1?b", "the more alike is asked about");
        assert_eq!(check(&["xyz", "uvw"], &["xyz", "xyz", "uvw"]), "2=c 1?a");
    }
}
