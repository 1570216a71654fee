//! Which record a row means.
//!
//! In come typed rows with their keys, the keys of the rows that were not decoded, and a look-up in the store's index
//! of keys. Out goes one [`Identity`] a row. Nothing is guessed: two rows with one key mean no record at all, a row
//! without a key is left to [`keyless`], and a row whose key no record has to [`corrected`], which ask for more evidence. [`columns`] does the same for
//! columns whose titles were changed.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;

use compact_str::CompactString;

use crate::model::{Cell, FieldId, RecordId, Row, Table};

mod likeness;

pub mod columns;
pub mod corrected;
pub mod keyless;

/// A primary key in its form for comparison, one part a field.
pub type Key = Vec<CompactString>;

/// What a row means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Identity {
    /// A record that is there.
    Known(RecordId),
    /// A record that is not there yet.
    New,
    /// It has no key, or one that can't be read.
    Keyless,
    /// Another row of the sheet has the same key: neither is taken.
    Duplicate,
}

/// Says which record each row means, in the order of the rows.
///
/// `present` has the keys of the sheet's rows that were not decoded: a decoded row with such a key is a duplicate.
/// `lookup` finds a record by its key; it is asked once a row with a key of its own.
pub fn identify<S: BuildHasher>(
    rows: &[Row],
    present: &HashSet<Key, S>,
    lookup: &dyn Fn(&Key) -> Option<RecordId>,
) -> Vec<Identity> {
    let mut counts: HashMap<&Key, u32> = HashMap::with_capacity(rows.len());
    for key in rows.iter().filter_map(|row| row.key.as_ref()) {
        *counts.entry(key).or_default() += 1;
    }
    let identity = |row: &Row| match &row.key {
        None => Identity::Keyless,
        Some(key) if counts.get(key).is_some_and(|count| *count > 1) || present.contains(key) => Identity::Duplicate,
        Some(key) => lookup(key).map_or(Identity::New, Identity::Known),
    };
    rows.iter().map(identity).collect()
}

/// The primary key of a row or record in its form for comparison; `None` if a part is missing or can't be read.
///
/// `cells` is sorted by field.
pub fn key_of(table: &Table, cells: &[(FieldId, Cell)]) -> Option<Key> {
    table.key_of(cells)
}

/// The key as one text, for the store's index: its parts joined by U+001F, which no part holds.
pub fn joined(key: &[CompactString]) -> CompactString {
    CompactString::from(key.join("\u{1f}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::Identity::{Duplicate, Keyless, Known, New};
    use super::*;
    use crate::model::RowHash;

    fn row(key: Option<&str>) -> Row {
        Row { number: 1, hash: RowHash::UNKNOWN, cells: Vec::new(), key: key.map(|key| vec![key.into()]) }
    }

    fn record(key: &Key) -> RecordId {
        RecordId::new(Uuid::from_u128(u128::from(key[0].as_bytes()[0])))
    }

    #[test]
    fn each_row_means_one_thing() {
        let keys = [Some("a"), None, Some("b"), Some("c"), Some("b"), Some("d"), None];
        let rows: Vec<Row> = keys.into_iter().map(row).collect();
        let present = HashSet::from([vec!["d".into()], vec!["e".into()]]);
        let found = identify(&rows, &present, &|key| (key[0] != "c").then(|| record(key)));
        let a = record(&vec!["a".into()]);
        assert_eq!(found, [Known(a), Keyless, Duplicate, New, Duplicate, Duplicate, Keyless]);
    }

    #[test]
    fn joined_keys_are_told_apart() {
        assert_eq!(joined(&["a".into(), "b".into()]), "a\u{1f}b");
        assert_ne!(joined(&["ab".into(), "c".into()]), joined(&["a".into(), "bc".into()]));
    }

    proptest! {
        #[test]
        fn no_record_is_given_twice(keys in prop::collection::vec(prop::option::of("[a-f]"), 0..12), present in prop::collection::hash_set("[a-f]", 0..3)) {
            let rows: Vec<Row> = keys.iter().map(|key| row(key.as_deref())).collect();
            let present: HashSet<Key> = present.into_iter().map(|key| vec![key.into()]).collect();
            let found = identify(&rows, &present, &|key| Some(record(key)));
            prop_assert_eq!(found.len(), rows.len());
            let mut given = HashSet::new();
            for (row, identity) in rows.iter().zip(found) {
                prop_assert_eq!(row.key.is_none(), identity == Identity::Keyless);
                if let Identity::Known(record) = identity {
                    prop_assert!(given.insert(record));
                    prop_assert!(!row.key.as_ref().is_some_and(|key| present.contains(key)));
                }
            }
        }
    }
}
