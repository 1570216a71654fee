//! What becomes of a record whose row is gone from a sheet.
//!
//! A row that vanished may be a deletion, a filter that was saved, or a slip. The workbook's `missing_rows` says
//! which it is taken for; but a record that somebody else has edited meanwhile is never archived unasked.

use crate::model::{FieldId, StoredCell, StoredRecord};

use super::because;

/// The workbook's setting `missing_rows`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MissingRows {
    /// The record stays; the row was only put away.
    Keep,
    /// The record is archived.
    Archive,
    /// A person decides.
    Review,
}

/// What becomes of the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fate {
    /// Nothing.
    Keep,
    /// It is archived.
    Archive,
    /// A person decides, because of this: one of [`because`].
    Review(&'static str),
}

/// Decides about a record that a source no longer shows.
///
/// `unseen` says whether whoever deleted the row had not seen a stored cell: somebody changed it meanwhile, in this
/// source or elsewhere. `doubtful` says that the save may be an older copy, from before the record was there
/// ([`super::descent`]).
pub fn fate(
    policy: MissingRows,
    stored: &StoredRecord,
    unseen: impl Fn(FieldId, &StoredCell) -> bool,
    doubtful: bool,
) -> Fate {
    if policy == MissingRows::Keep || stored.archived {
        return Fate::Keep;
    }
    if doubtful {
        return Fate::Review(because::REVERT_OR_OLD_COPY);
    }
    let edited = stored.cells.iter().any(|(field, cell)| unseen(*field, cell));
    match policy {
        _ if edited => Fate::Review(because::DELETE_AGAINST_EDIT),
        MissingRows::Review => Fate::Review(because::MISSING_ROW),
        MissingRows::Archive => Fate::Archive,
        MissingRows::Keep => Fate::Keep,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use uuid::Uuid;

    use super::*;
    use crate::model::entry::Stamp;
    use crate::model::{ArrivalId, Cell, RecordId, Timestamp};

    /// A record with one cell for each source and time of its last edit.
    fn record(archived: bool, edits: &[(&str, i64)]) -> StoredRecord {
        let cell = |(number, (source, at)): (u16, &(&str, i64))| {
            let stamp = Stamp {
                arrival: ArrivalId::new(Uuid::from_u128(1)),
                source: (*source).into(),
                rank: 0,
                edited_at: Timestamp(*at),
                filled: 0,
                plugin: None,
            };
            (FieldId(number), StoredCell { cell: Cell::Blank, stamp: Arc::new(stamp) })
        };
        StoredRecord {
            id: RecordId::new(Uuid::from_u128(1)),
            table: "customers".into(),
            version: 1,
            archived,
            updated_at: Timestamp(0),
            cells: (0..).zip(edits).map(cell).collect(),
        }
    }

    #[test]
    fn a_record_that_another_edited_since_is_not_archived_unasked() {
        let decide =
            |policy, record: &StoredRecord| fate(policy, record, |_, cell| cell.stamp.edited_at > Timestamp(5), false);
        let untouched = record(false, &[("mine", 4), ("other", 5)]);
        let edited = record(false, &[("mine", 1), ("other", 6)]);
        let archived = record(true, &[("other", 6)]);
        let asked = Fate::Review(because::DELETE_AGAINST_EDIT);
        let cases = [
            (MissingRows::Keep, Fate::Keep, Fate::Keep),
            (MissingRows::Archive, Fate::Archive, asked),
            (MissingRows::Review, Fate::Review(because::MISSING_ROW), asked),
        ];
        for (policy, of_untouched, of_edited) in cases {
            assert_eq!(decide(policy, &untouched), of_untouched, "{policy:?}");
            assert_eq!(decide(policy, &edited), of_edited, "{policy:?}");
            assert_eq!(decide(policy, &archived), Fate::Keep, "{policy:?}");
        }
    }

    /// Two people have the same workbook open: one edits a row, the other deletes it from her older copy.
    #[test]
    fn an_edit_of_the_same_source_that_the_deleter_had_not_seen_is_asked_about() {
        let edited = record(false, &[("mine", 9)]);
        let unseen = |_: FieldId, cell: &StoredCell| cell.stamp.edited_at > Timestamp(5);
        assert_eq!(fate(MissingRows::Archive, &edited, unseen, false), Fate::Review(because::DELETE_AGAINST_EDIT));
    }

    #[test]
    fn an_older_copy_archives_nothing() {
        let untouched = record(false, &[("mine", 1)]);
        let doubtful = |policy| fate(policy, &untouched, |_, _| false, true);
        assert_eq!(doubtful(MissingRows::Archive), Fate::Review(because::REVERT_OR_OLD_COPY));
        assert_eq!(doubtful(MissingRows::Keep), Fate::Keep);
    }
}
