//! Open questions: whether one still is, and what becomes of a source's conflicts when it says something new.
//!
//! A question may be about several cells of a group. If the source takes one of them back, the others are asked on;
//! only when none is left is the question withdrawn.

use std::collections::HashMap;

use compact_str::CompactString;

use super::error::PipelineError;
use crate::model::entry::ReviewChange;
use crate::model::{Cell, Edit, FieldId, RecordId, Review, ReviewId, ReviewKind, SourceName, Table};
use crate::store::Snapshot;

/// A question as it is asked now. An error if it is none any more, or if the workbook has been saved again since somebody looked at it:
/// then it is another one, under the same id.
pub(super) fn still_open(snapshot: &Snapshot<'_>, looked_at: &Review) -> Result<Review, PipelineError> {
    let Some(kept) = snapshot.review(looked_at.id)?.filter(|kept| kept.closed.is_none()) else {
        return Err(PipelineError::Refused("this has been decided already, or withdrawn".to_owned()));
    };
    if kept.review.arrival != looked_at.arrival {
        let why = "the workbook was saved again since you looked; look at the question again";
        return Err(PipelineError::Refused(why.to_owned()));
    }
    Ok(kept.review)
}

/// The open conflicts of one source.
pub(super) struct Questions<'a> {
    table: &'a Table,
    open: HashMap<RecordId, Vec<Question<'a>>>,
}

/// An open conflict with the cells that it is still about.
struct Question<'a> {
    review: &'a Review,
    /// Each cell with what arrived for it.
    cells: Vec<(FieldId, Cell)>,
    /// The source has said something else of a cell.
    touched: bool,
}

impl<'a> Questions<'a> {
    /// Takes the conflicts of `source` out of the open reviews.
    pub(super) fn new(table: &'a Table, source: &SourceName, open: &'a [Review]) -> Self {
        let mut questions: HashMap<RecordId, Vec<Question<'a>>> = HashMap::new();
        for review in open.iter().filter(|review| review.kind == ReviewKind::Conflict && review.source == *source) {
            let (Some(record), Some(field)) = (review.record, review.field) else { continue };
            let mut cells = vec![(field, review.incoming.clone().unwrap_or(Cell::Blank))];
            cells.extend(review.group.iter().cloned());
            questions.entry(record).or_default().push(Question { review, cells, touched: false });
        }
        Self { table, open: questions }
    }

    /// Notes that the source says something else of a cell now.
    pub(super) fn touch(&mut self, record: RecordId, field: FieldId) {
        for question in self.open.get_mut(&record).into_iter().flatten() {
            let before = question.cells.len();
            question.cells.retain(|(id, _)| *id != field);
            question.touched |= question.cells.len() < before;
        }
    }

    /// Puts the conflicts of a record: one question for each group of fields. `review` words a question from its first
    /// cell; `id` makes a new one's id.
    pub(super) fn put(
        &mut self,
        record: RecordId,
        mut asked: Vec<Edit>,
        review: impl Fn(ReviewId, &Edit) -> Review,
        mut id: impl FnMut() -> ReviewId,
    ) -> Vec<ReviewChange> {
        for edit in &asked {
            self.touch(record, edit.field);
        }
        let mut open = self.open.remove(&record).unwrap_or_default();
        let mut changes = Vec::new();
        while !asked.is_empty() {
            let first = asked.remove(0);
            let (along, others): (Vec<Edit>, Vec<Edit>) =
                asked.into_iter().partition(|other| self.are_together(first.field, other.field));
            asked = others;
            let mut group: Vec<(FieldId, Cell)> = along.into_iter().map(|edit| (edit.field, edit.incoming)).collect();
            let earlier = open.iter().position(|question| {
                question.review.field.is_some_and(|field| field == first.field || self.are_together(first.field, field))
            });
            let id = match earlier.map(|position| open.swap_remove(position)) {
                Some(question) => {
                    group.extend(question.cells);
                    question.review.id
                }
                None => id(),
            };
            changes.push(ReviewChange::Open(Box::new(Review { group, ..review(id, &first) })));
        }
        for question in open.into_iter().filter(|question| question.touched) {
            changes.push(question.rest());
        }
        changes
    }

    /// Whether two fields win together.
    fn are_together(&self, a: FieldId, b: FieldId) -> bool {
        let group = |id: FieldId| self.table.field(id).and_then(|field| field.group.as_ref());
        group(a).is_some() && group(a) == group(b)
    }
}

impl Question<'_> {
    /// What is left of a question of which cells were taken back.
    fn rest(mut self) -> ReviewChange {
        if self.cells.is_empty() {
            return ReviewChange::Close { id: self.review.id, how: CompactString::const_new("withdrawn") };
        }
        let (field, incoming) = self.cells.remove(0);
        let same = self.review.field == Some(field);
        ReviewChange::Open(Box::new(Review {
            field: Some(field),
            incoming: Some(incoming),
            group: self.cells,
            base: if same { self.review.base.clone() } else { None },
            stored: if same { self.review.stored.clone() } else { None },
            ..self.review.clone()
        }))
    }
}
