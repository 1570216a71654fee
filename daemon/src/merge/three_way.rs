//! The three-way merge of one record's cells.

use compact_str::CompactString;

use crate::access::{Permitted, mask};
use crate::model::row::cell_of;
use crate::model::schema::ConflictRule;
use crate::model::{Cell, Edit, Field, FieldId, StoredCell, StoredRecord, Table};

use super::contest::{Contender, Contest, Resolution, Side, same};
use super::{because, groups, rules};

/// What became of an edit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It says nothing new.
    Unchanged,
    /// The cell is posted.
    Apply(Cell),
    /// A rule preferred what is stored.
    Superseded,
    /// A person has to choose.
    Conflict,
}

/// An edit with its verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// The edit.
    pub edit: Edit,
    /// What became of it.
    pub verdict: Verdict,
    /// What settled it: a conflict rule's name, or one of [`because`].
    pub rule: CompactString,
    /// It could be a revert or an older copy; then the verdict is a conflict, unless it says nothing new.
    pub doubtful: bool,
    /// Its author did not touch it: it follows its group, or would follow it.
    pub along: bool,
}

/// What a source proposes for one record.
#[derive(Clone, Debug, Default)]
pub struct Proposal<'a> {
    /// The permitted edits, and the permitted [`companions`](super::companions).
    pub edits: Vec<Permitted<Edit>>,
    /// The whole row as the source showed it before; `None` at a first sync. Groups need it: another's change of a
    /// cell that this author left alone may contest the cells that she did change.
    pub base: Option<&'a [(FieldId, Cell)]>,
    /// The fields whose edit could be a revert or an older copy, as [`super::descent`] found them.
    pub doubtful: &'a [FieldId],
    /// The save descends from the newest state of its source. Then nobody came between an unreadable text in that
    /// source and its correction there. Never set it for a save that was merged before: it is a state itself by then.
    pub current: bool,
    /// What plugins decided about fields whose conflicts are theirs, each with its rule for the history. A conflict of such
    /// a field that is not among them is put to a person.
    pub resolved: &'a [(FieldId, Resolution, CompactString)],
}

impl Proposal<'_> {
    /// Proposes edits of which no more is known.
    pub fn new(edits: Vec<Permitted<Edit>>) -> Self {
        Self { edits, ..Self::default() }
    }
}

/// Finds the cells of a row that were changed against what the source showed before.
///
/// `base` and `seen` are ascending by field. Another way of writing the same value is no edit. An unreadable text,
/// a mask or a formula never becomes one. A blank is an edit (the value was cleared) only where something is known to have
/// stood: with no base it says nothing. Where blanks are to be ignored, hand in `seen` without them.
pub fn edits(table: &Table, base: Option<&[(FieldId, Cell)]>, seen: &[(FieldId, Cell)]) -> Vec<Edit> {
    let changed = |(id, incoming): &(FieldId, Cell)| {
        let field = table.field(*id)?;
        let base = base.and_then(|base| cell_of(base, *id));
        let is_edit = match (base, incoming) {
            (_, Cell::Raw(_) | Cell::Masked(_) | Cell::Formula(_)) | (None, Cell::Blank) => false,
            (None, Cell::Value(_)) => true,
            (Some(base), _) => !same(field, base, incoming),
        };
        is_edit.then(|| Edit { field: *id, base: base.cloned(), incoming: incoming.clone() })
    };
    // With no base nearly every cell is an edit.
    let mut edits = Vec::with_capacity(if base.is_none() { seen.len() } else { 0 });
    edits.extend(seen.iter().filter_map(changed));
    edits
}

/// Settles what a source proposes for a record; `stored` is `None` for a new one.
///
/// Every edit ends as exactly one [`Merged`], ascending by field. Nothing is posted silently over a value that its
/// author had not seen: then the field's rule decides, or a person.
///
/// - The stored value is the incoming one: unchanged. The stored value keeps its stamp; a value that is said again
///   by somebody else does not become newer or stronger by it.
/// - Nothing is stored, or what is stored is the base: applied.
/// - Otherwise the field's rule decides. A cleared value counts: with no base, a [`Cell::Blank`] that is stored
///   contends against the incoming value, so that only a rule, never chance, brings a cleared value back. `review`,
///   `keep-stored`, `latest`, `first` and `source-order` treat the blank like a value; the others compare values
///   and prefer the filled side.
/// - An edit of an archived record that the author had seen is a conflict, whatever the field's rule.
/// - Fields of a group are settled together; see [`super::companions`].
pub fn merge_record(
    table: &Table,
    stored: Option<&StoredRecord>,
    proposal: Proposal<'_>,
    side: &Side<'_>,
) -> Vec<Merged> {
    let Proposal { edits, base, doubtful, current, resolved } = proposal;
    let scene = Scene { table, stored, base, doubtful, current, resolved, side: *side };
    let mut merged = Vec::with_capacity(edits.len());
    let mut grouped: Vec<(&str, Vec<Edit>)> = Vec::new();
    for edit in edits.into_iter().map(Permitted::into_inner) {
        match table.field(edit.field).and_then(|field| field.group.as_deref()) {
            None => merged.push(scene.settle(edit)),
            Some(group) => match grouped.iter_mut().find(|(name, _)| *name == group) {
                Some((_, edits)) => edits.push(edit),
                None => grouped.push((group, vec![edit])),
            },
        }
    }
    for (group, edits) in grouped {
        groups::settle(&scene, group, edits, &mut merged);
    }
    merged.sort_by_key(|merged| merged.edit.field);
    merged
}

/// All that a verdict depends on.
pub(super) struct Scene<'a> {
    pub(super) table: &'a Table,
    pub(super) stored: Option<&'a StoredRecord>,
    pub(super) base: Option<&'a [(FieldId, Cell)]>,
    doubtful: &'a [FieldId],
    current: bool,
    resolved: &'a [(FieldId, Resolution, CompactString)],
    pub(super) side: Side<'a>,
}

impl Scene<'_> {
    /// What is stored of a field.
    pub(super) fn stored(&self, field: FieldId) -> Option<&StoredCell> {
        self.stored.and_then(|stored| stored.cell(field))
    }

    /// Settles an edit for itself.
    pub(super) fn settle(&self, edit: Edit) -> Merged {
        let (verdict, rule) = self.verdict(&edit);
        self.merged(edit, verdict, rule)
    }

    /// Gives an edit its verdict.
    pub(super) fn merged(&self, edit: Edit, verdict: Verdict, rule: &str) -> Merged {
        let along = self.table.field(edit.field).is_some_and(|field| is_companion(field, &edit));
        let doubtful = self.doubtful.contains(&edit.field);
        Merged { edit, verdict, rule: rule.into(), doubtful, along }
    }

    fn verdict(&self, edit: &Edit) -> (Verdict, &str) {
        // A permitted edit's field is in the table that it was permitted for. Of another table we ask.
        let Some(field) = self.table.field(edit.field) else { return (Verdict::Conflict, rules::REVIEW) };
        let stored = self.stored(edit.field);
        if says_nothing_new(field, stored, &edit.incoming) {
            return (Verdict::Unchanged, because::SAME);
        }
        if is_companion(field, edit) {
            return (Verdict::Unchanged, because::UNTOUCHED);
        }
        if let Some(question) = self.question(edit) {
            return (Verdict::Conflict, question);
        }
        match stored {
            Some(stored) if !self.is_clean(field, stored, edit.base.as_ref()) => {
                let (resolution, rule) = self.resolution(field, stored, edit);
                let verdict = match resolution {
                    Resolution::Stored => Verdict::Superseded,
                    Resolution::Incoming => Verdict::Apply(edit.incoming.clone()),
                    Resolution::Posted(cell) if same(field, &cell, &stored.cell) => Verdict::Superseded,
                    Resolution::Posted(cell) => Verdict::Apply(cell),
                    Resolution::Ask => Verdict::Conflict,
                };
                (verdict, rule)
            }
            _ => (Verdict::Apply(edit.incoming.clone()), because::CLEAN),
        }
    }

    /// What the field's rule says of a contest, and the rule's name.
    fn resolution(&self, field: &Field, stored: &StoredCell, edit: &Edit) -> (Resolution, &str) {
        if field.conflict == ConflictRule::Plugin {
            let decided = self.resolved.iter().find(|(id, _, _)| *id == field.id);
            return decided
                .map_or((Resolution::Ask, rules::REVIEW), |(_, resolution, rule)| (resolution.clone(), rule));
        }
        let row = rules::row(field.conflict);
        let resolution = (row.resolve)(&Contest {
            field,
            base: edit.base.as_ref(),
            stored: Contender { side: Side::of(&stored.stamp), cell: &stored.cell },
            incoming: Contender { side: self.side, cell: &edit.incoming },
        });
        (resolution, row.name)
    }

    /// What makes an edit a question for a person, whatever the field's rule.
    pub(super) fn question(&self, edit: &Edit) -> Option<&'static str> {
        let archived = self.stored.is_some_and(|stored| stored.archived);
        if archived && (edit.base.is_some() || self.base.is_some()) {
            return Some(because::DELETE_AGAINST_EDIT);
        }
        self.doubtful.contains(&edit.field).then_some(because::REVERT_OR_OLD_COPY)
    }

    /// Whether what is stored is what the author had before her.
    ///
    /// A mask stands for every value that it is the mask of. An unreadable text was never posted: if the stored
    /// value is this source's own, and the save descends from the source's newest state, then it was there before
    /// that text, and the correction follows it.
    pub(super) fn is_clean(&self, field: &Field, stored: &StoredCell, base: Option<&Cell>) -> bool {
        match (base, &stored.cell) {
            (None, _) => false,
            (Some(Cell::Masked(shown)), Cell::Value(value)) => mask(field, value) == *shown,
            (Some(Cell::Raw(_)), _) => self.current && stored.stamp.source == *self.side.source,
            (Some(base), cell) => same(field, base, cell),
        }
    }
}

/// Whether a cell says what is stored already; a blank does where nothing ever was.
pub(super) fn says_nothing_new(field: &Field, stored: Option<&StoredCell>, incoming: &Cell) -> bool {
    match stored {
        Some(stored) => same(field, &stored.cell, incoming),
        None => *incoming == Cell::Blank,
    }
}

/// Whether an edit changes nothing against its base: it was brought along for its group.
pub(super) fn is_companion(field: &Field, edit: &Edit) -> bool {
    match &edit.base {
        Some(base) => same(field, base, &edit.incoming),
        None => edit.incoming == Cell::Blank,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merge::contest::tests::text;
    use crate::merge::laws::{Row, record, stamp, table};
    use crate::model::Format;

    /// What is stored: a cell, and the source that set it at time 5.
    type Held<'a> = Option<(Cell, &'a str)>;

    /// Merges one cell of a field with a rule, saved at time 6 by `mine`; tells the verdict and what settled it.
    fn check(rule: ConflictRule, held: &Held<'_>, base: Option<Cell>, seen: Cell, current: bool) -> (Verdict, String) {
        let mut table = table();
        table.fields[0].conflict = rule;
        table.fields[0].format = Some(Format::Phone);
        let id = FieldId(0);
        let stored =
            held.clone().map(|(cell, source)| record(vec![(id, StoredCell { cell, stamp: stamp(source, 0, 5, 1) })]));
        let row = Row {
            base: base.map(|base| vec![(id, base)]),
            seen: vec![(id, seen)],
            stamp: stamp("mine", 0, 6, 1),
            doubtful: Vec::new(),
            current,
        };
        let merged = row.merge(&table, stored.as_ref());
        assert_eq!(merged.len(), 1);
        (merged[0].verdict.clone(), merged[0].rule.to_string())
    }

    fn review(held: &Held<'_>, base: Option<Cell>, seen: Cell) -> (Verdict, String) {
        check(ConflictRule::Review, held, base, seen, true)
    }

    fn by(rule: &str, verdict: Verdict) -> (Verdict, String) {
        (verdict, rule.to_owned())
    }

    #[test]
    fn what_nobody_else_changed_is_clean() {
        let held = Some((text("a"), "other"));
        assert_eq!(review(&held, Some(text("a")), text("b")), by("clean", Verdict::Apply(text("b"))));
        assert_eq!(review(&held, Some(text("a")), Cell::Blank), by("clean", Verdict::Apply(Cell::Blank)));
        assert_eq!(review(&None, None, text("b")), by("clean", Verdict::Apply(text("b"))));
        assert_eq!(review(&None, Some(Cell::Blank), text("b")), by("clean", Verdict::Apply(text("b"))));
        // Shown before, never stored (refused then): nothing is lost.
        assert_eq!(review(&None, Some(text("a")), text("b")), by("clean", Verdict::Apply(text("b"))));
        assert_eq!(review(&None, Some(text("a")), Cell::Blank), by("same", Verdict::Unchanged));
    }

    #[test]
    fn the_same_change_on_both_sides_is_none() {
        let held = Some((text("b"), "other"));
        assert_eq!(review(&held, Some(text("a")), text("b")), by("same", Verdict::Unchanged));
        assert_eq!(review(&held, None, text("b")), by("same", Verdict::Unchanged));
    }

    #[test]
    fn what_another_changed_is_asked_about() {
        let held = Some((text("b"), "other"));
        assert_eq!(review(&held, Some(text("a")), text("c")), by("review", Verdict::Conflict));
        assert_eq!(review(&held, Some(text("a")), Cell::Blank), by("review", Verdict::Conflict));
        assert_eq!(review(&held, None, text("c")), by("review", Verdict::Conflict));
        // Blanked against edited, the other way round.
        let cleared = Some((Cell::Blank, "other"));
        assert_eq!(review(&cleared, Some(text("a")), text("c")), by("review", Verdict::Conflict));
    }

    #[test]
    fn a_cleared_value_comes_back_by_a_rule_only() {
        let cleared = Some((Cell::Blank, "other"));
        let first_sync = |rule| check(rule, &cleared, None, text("a"), true);
        assert_eq!(first_sync(ConflictRule::Review), by("review", Verdict::Conflict));
        assert_eq!(first_sync(ConflictRule::KeepStored), by("keep-stored", Verdict::Superseded));
        assert_eq!(first_sync(ConflictRule::First), by("first", Verdict::Superseded));
        assert_eq!(first_sync(ConflictRule::Longest), by("longest", Verdict::Apply(text("a"))));
    }

    #[test]
    fn a_correction_of_an_unreadable_text_follows_what_its_source_had_stored() {
        let typo = || Some(Cell::Raw("13/13".into()));
        let own = Some((text("a"), "mine"));
        let applied = by("clean", Verdict::Apply(text("b")));
        assert_eq!(check(ConflictRule::Review, &own, typo(), text("b"), true), applied);
        let asked = by("review", Verdict::Conflict);
        assert_eq!(check(ConflictRule::Review, &own, typo(), text("b"), false), asked, "an older copy");
        let others = Some((text("a"), "other"));
        assert_eq!(check(ConflictRule::Review, &others, typo(), text("b"), true), asked);
    }

    #[test]
    fn a_mask_stands_for_the_value_that_it_hides() {
        let shown = || Some(Cell::Masked("138****5678".into()));
        let held = Some((text("13812345678"), "other"));
        assert_eq!(review(&held, shown(), text("139")), by("clean", Verdict::Apply(text("139"))));
        let moved = Some((text("13912345678"), "other"));
        assert_eq!(review(&moved, shown(), text("139")), by("review", Verdict::Conflict));
    }

    #[test]
    fn an_archived_record_is_asked_about_and_a_doubtful_cell_too() {
        let mut table = table();
        table.fields[0].conflict = ConflictRule::Latest;
        let held = StoredCell { cell: text("a"), stamp: stamp("other", 0, 5, 1) };
        let mut stored = record(vec![(FieldId(0), held)]);
        let mut row = Row {
            base: Some(vec![(FieldId(0), text("a"))]),
            seen: vec![(FieldId(0), text("b"))],
            stamp: stamp("mine", 0, 6, 1),
            doubtful: vec![FieldId(0)],
            current: true,
        };
        let merged = row.merge(&table, Some(&stored));
        assert_eq!((&merged[0].verdict, merged[0].rule.as_str()), (&Verdict::Conflict, because::REVERT_OR_OLD_COPY));
        assert!(merged[0].doubtful);
        stored.archived = true;
        row.doubtful.clear();
        let merged = row.merge(&table, Some(&stored));
        assert_eq!((&merged[0].verdict, merged[0].rule.as_str()), (&Verdict::Conflict, because::DELETE_AGAINST_EDIT));
        row.base = None;
        assert_eq!(row.merge(&table, Some(&stored))[0].verdict, Verdict::Apply(text("b")), "its author never had it");
    }

    #[test]
    fn only_changed_cells_are_edits() {
        let mut table = table();
        table.fields[0].format = Some(Format::Phone);
        let cell = |id: u16, cell: Cell| (FieldId(id), cell);
        let base = [
            cell(0, Cell::Masked("138****5678".into())),
            cell(1, text("a")),
            cell(2, text("a")),
            cell(3, Cell::Raw("13/13".into())),
            cell(4, text("a")),
        ];
        let seen = [
            cell(0, text("138****5678")),
            cell(1, text("a")),
            cell(2, Cell::Blank),
            cell(3, Cell::Raw("14/14".into())),
            cell(4, text("b")),
            cell(5, Cell::Blank),
            cell(6, text("new")),
            cell(99, text("of no field")),
        ];
        let changed: Vec<u16> = edits(&table, Some(&base), &seen).iter().map(|edit| edit.field.0).collect();
        assert_eq!(changed, [2, 4, 6]);
        let first: Vec<u16> = edits(&table, None, &seen).iter().map(|edit| edit.field.0).collect();
        assert_eq!(first, [0, 1, 4, 6]);
    }
}
