//! Permitted changes: holding one is the proof that the rules allow it.

use crate::model::{Edit, RecordId, StoredRecord, Table};

use super::decider::Decider;
use super::rights::{Refusal, Rights};

/// A change that the access rules allow. Only this module makes one.
///
/// Others may ask for one:
///
/// ```
/// use daybook::access::Permitted;
/// use daybook::model::{Cell, Edit, FieldId};
///
/// fn field_of(edit: &Permitted<Edit>) -> FieldId {
///     edit.get().field
/// }
/// let edit = Edit { field: FieldId(0), base: None, incoming: Cell::Blank };
/// ```
///
/// and can't make one up:
///
/// ```compile_fail
/// use daybook::access::Permitted;
/// use daybook::model::{Cell, Edit, FieldId};
///
/// let edit = Edit { field: FieldId(0), base: None, incoming: Cell::Blank };
/// let forged = Permitted(edit); // the field is private
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permitted<C>(C);

impl<C> Permitted<C> {
    /// Shows the change.
    pub fn get(&self) -> &C {
        &self.0
    }

    /// Takes the change out; the proof ends here.
    pub fn into_inner(self) -> C {
        self.0
    }
}

/// A record that may be added, with the cells that may be set and those that may not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRecord {
    /// Cells that may be set.
    pub edits: Vec<Permitted<Edit>>,
    /// Cells that are left out, each with why; the author is told.
    pub refused: Vec<(Edit, Refusal)>,
}

/// The putting away of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Archival {
    /// Which record.
    pub record: RecordId,
}

impl Decider {
    /// Allows an edit of a record, or says why not and gives the edit back.
    ///
    /// `rights` are those over the record **as it is stored**. So whoever gives a record away, by its owner or its
    /// department, needs to hold it, and nobody takes a record by writing her own name into it.
    pub fn permit(&self, rights: &Rights, table: &Table, edit: Edit) -> Result<Permitted<Edit>, (Edit, Refusal)> {
        debug_assert!(rights.are_of(self), "rights of another policy");
        let Some(field) = table.field(edit.field) else {
            let reason = format!("the table `{}` has no such field", table.name);
            return Err((edit, Refusal { rule: None, reason }));
        };
        match rights.may_write(&field.class) {
            Ok(_) => Ok(Permitted(edit)),
            Err(refusal) => Err((edit, refusal)),
        }
    }

    /// Allows a new record, or says why not and gives its cells back.
    ///
    /// `rights` are those over the new row: its own owner and department. A cell that may not be set is left out,
    /// unless it is part of the primary key: without its key the record would be another one.
    pub fn permit_create(
        &self,
        rights: &Rights,
        table: &Table,
        edits: Vec<Edit>,
    ) -> Result<Permitted<NewRecord>, (Vec<Edit>, Refusal)> {
        if let Err(refusal) = rights.may_create() {
            return Err((edits, refusal));
        }
        let mut record = NewRecord { edits: Vec::with_capacity(edits.len()), refused: Vec::new() };
        for edit in edits {
            match self.permit(rights, table, edit) {
                Ok(edit) => record.edits.push(edit),
                Err(refused) => record.refused.push(refused),
            }
        }
        let of_key = |(edit, _): &(Edit, Refusal)| table.primary_key.contains(&edit.field);
        if let Some((_, refusal)) = record.refused.iter().find(|refused| of_key(refused)).cloned() {
            let mut edits: Vec<Edit> = record.edits.into_iter().map(Permitted::into_inner).collect();
            edits.extend(record.refused.into_iter().map(|(edit, _)| edit));
            edits.sort_by_key(|edit| edit.field);
            return Err((edits, refusal));
        }
        Ok(Permitted(record))
    }

    /// Allows to archive a record, or says why not: it needs write on every class that the record has a value of.
    ///
    /// A value of a field that the configuration no longer has is of no class and stands in nobody's way: archiving
    /// destroys nothing.
    pub fn permit_archive(
        &self,
        rights: &Rights,
        table: &Table,
        record: &StoredRecord,
    ) -> Result<Permitted<Archival>, Refusal> {
        debug_assert!(rights.are_of(self), "rights of another policy");
        let filled = record.cells.iter().filter(|(_, stored)| stored.cell.value().is_some());
        for field in filled.filter_map(|(field, _)| table.field(*field)) {
            rights.may_write_of(&field.class, "one of its values")?;
        }
        // A record without any value still needs somebody who may write something: its key's class.
        for field in table.primary_key.iter().filter_map(|field| table.field(*field)) {
            rights.may_write_of(&field.class, "one of its values")?;
        }
        Ok(Permitted(Archival { record: record.id }))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test may panic")]

    use std::sync::Arc;

    use uuid::Uuid;

    use super::super::decider::tests::{customers, li, names, policy, rule};
    use super::super::{RuleId, Subject};
    use super::*;
    use crate::model::entry::Stamp;
    use crate::model::policy::Relation;
    use crate::model::{ArrivalId, Cell, FieldId, StoredCell, Timestamp, Value};

    fn text(text: &str) -> Cell {
        Cell::Value(Value::Text(text.into()))
    }

    fn edit(field: u16, incoming: &str) -> Edit {
        Edit { field: FieldId(field), base: None, incoming: text(incoming) }
    }

    /// Sales may change the basics of its own records and add records of its own; phones are masked.
    fn decider() -> Decider {
        let mut own = rule("own", Relation::Own);
        own.write = names(&["basic"]);
        own.mask = names(&["sensitive"]);
        own.create = true;
        Decider::compile(&policy(vec![own]), &[customers()])
    }

    fn record(cells: &[(u16, Cell)]) -> StoredRecord {
        let stamp = Arc::new(Stamp {
            arrival: ArrivalId::new(Uuid::from_u128(1)),
            source: "a".into(),
            rank: 0,
            edited_at: Timestamp(0),
            filled: 1,
            plugin: None,
        });
        StoredRecord {
            id: RecordId::new(Uuid::from_u128(7)),
            table: "customers".into(),
            version: 1,
            archived: false,
            updated_at: Timestamp(0),
            cells: cells
                .iter()
                .map(|(field, cell)| (FieldId(*field), StoredCell { cell: cell.clone(), stamp: Arc::clone(&stamp) }))
                .collect(),
        }
    }

    #[test]
    fn nobody_takes_a_record_by_writing_her_name_into_it() {
        let (decider, table) = (decider(), customers());
        let hans = record(&[(1, text("han@example.com"))]);
        let before = Subject::of(&table, |field| hans.value(field));
        let rights = decider.rights(&li(), &table, &before);
        let (given_back, refusal) = decider.permit(&rights, &table, edit(1, "li.lei@example.com")).unwrap_err();
        assert_eq!(given_back, edit(1, "li.lei@example.com"));
        assert_eq!(refusal.rule, None);

        let lis = record(&[(1, text("LI.LEI@example.com"))]);
        let rights = decider.rights(&li(), &table, &Subject::of(&table, |field| lis.value(field)));
        assert!(decider.permit(&rights, &table, edit(1, "han@example.com")).is_ok(), "giving away is allowed");
        assert!(decider.permit(&rights, &table, edit(99, "x")).is_err(), "no such field");
    }

    #[test]
    fn a_new_record_loses_the_cells_that_may_not_be_set() {
        let (decider, table) = (decider(), customers());
        let rights = decider.rights(&li(), &table, &Subject { owner: Some("li.lei@example.com"), department: None });
        let created =
            decider.permit_create(&rights, &table, vec![edit(0, "C-1"), edit(3, "138")]).unwrap().into_inner();
        assert_eq!(created.edits.iter().map(Permitted::get).collect::<Vec<_>>(), [&edit(0, "C-1")]);
        assert_eq!(created.refused[0].0, edit(3, "138"));
        assert_eq!(created.refused[0].1.rule, Some(RuleId::new("own")));

        let others = decider.rights(&li(), &table, &Subject { owner: Some("han@example.com"), department: None });
        let (edits, _) = decider.permit_create(&others, &table, vec![edit(0, "C-1")]).unwrap_err();
        assert_eq!(edits, [edit(0, "C-1")]);
    }

    #[test]
    fn a_new_record_needs_its_key() {
        let mut table = customers();
        table.primary_key = vec![FieldId(3)];
        let decider = decider();
        let rights = decider.rights(&li(), &table, &Subject { owner: Some("li.lei@example.com"), department: None });
        let (edits, refusal) =
            decider.permit_create(&rights, &table, vec![edit(0, "C-1"), edit(3, "138")]).unwrap_err();
        assert_eq!(edits, [edit(0, "C-1"), edit(3, "138")]);
        assert_eq!(refusal.rule, Some(RuleId::new("own")));
    }

    #[test]
    fn archiving_needs_every_class_that_has_a_value() {
        let (decider, table) = (decider(), customers());
        let rights = decider.rights(&li(), &table, &Subject { owner: Some("li.lei@example.com"), department: None });
        let archive = |cells: &[(u16, Cell)]| decider.permit_archive(&rights, &table, &record(cells));
        assert!(archive(&[(0, text("C-1")), (3, Cell::Blank)]).is_ok(), "a cleared phone is no value");
        assert!(archive(&[(0, text("C-1")), (3, text("138"))]).is_err());
        assert!(archive(&[(0, text("C-1")), (42, text("gone"))]).is_ok(), "a field that is no more");
        let none = decider.rights(&li(), &table, &Subject::default());
        assert!(decider.permit_archive(&none, &table, &record(&[])).is_err(), "a bare record is not free for all");
    }
}
