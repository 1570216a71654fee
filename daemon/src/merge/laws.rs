//! The laws of the merge, over every rule of the table and over whole records.

#![expect(clippy::unwrap_used, reason = "a failed test may panic")]

use std::sync::Arc;

use proptest::prelude::*;
use uuid::Uuid;

use super::contest::tests::{text, text_field};
use super::contest::{Contender, Contest, Resolution, Side, order, same};
use super::rules::{self, RULES, RuleRow};
use super::{Merged, Proposal, Verdict, because, companions, edits, merge_record};
use crate::access::{Decider, Permitted, Subject};
use crate::model::entry::Stamp;
use crate::model::policy::Policy;
use crate::model::row::cell_of;
use crate::model::schema::{ConflictRule, Title};
use crate::model::{
    Actor, ArrivalId, Cell, Edit, Field, FieldId, FieldType, RecordId, SourceName, StoredCell, StoredRecord, Table,
    Timestamp, Value,
};

/// Cells of a row.
pub(super) type Cells = Vec<(FieldId, Cell)>;

/// A list of one-letter items; the empty text is a blank.
fn list(letters: &str) -> Cell {
    if letters.is_empty() {
        return Cell::Blank;
    }
    Cell::Value(Value::List(letters.chars().map(|letter| std::iter::once(letter).collect()).collect()))
}

/// A field with a rule, of the type that the rule is for.
fn field(id: u16, rule: ConflictRule) -> Field {
    let mut field = Field { id: FieldId(id), conflict: rule, ..text_field() };
    field.field_type = if rule == ConflictRule::Union { FieldType::List } else { FieldType::String };
    field.constraints.allowed = ["b", "a", "ab"].map(Into::into).to_vec();
    field
}

/// A cell of the small alphabet of a field.
fn cell(field_type: FieldType) -> BoxedStrategy<Cell> {
    match field_type {
        FieldType::List => prop::sample::select(vec!["", "a", "b", "ab", "abc", "c"]).prop_map(list).boxed(),
        _ => prop::sample::select(vec!["", "a", "b", "ab", "ba"]).prop_map(text).boxed(),
    }
}

pub(super) fn stamp(source: &str, rank: i32, edited_at: i64, filled: u16) -> Arc<Stamp> {
    Arc::new(Stamp {
        arrival: ArrivalId::new(Uuid::from_u128(1)),
        source: source.into(),
        rank,
        edited_at: Timestamp(edited_at),
        filled,
        plugin: None,
    })
}

/// A stamp of the small alphabet, of one of these sources.
fn any_stamp(sources: &'static [&'static str]) -> impl Strategy<Value = Arc<Stamp>> {
    (prop::sample::select(sources), 0..3_i32, 0..4_i64, 0..3_u16)
        .prop_map(|(source, rank, at, filled)| stamp(source, rank, at, filled))
}

/// A rule, what three sides started from, and the three.
type Triangle = (&'static RuleRow, Option<Cell>, [(Cell, Arc<Stamp>); 3]);

/// Every rule that is picked, with every three sides.
fn any_contest(pick: fn(&RuleRow) -> bool) -> impl Strategy<Value = Triangle> {
    let rows: Vec<&RuleRow> = RULES.iter().filter(|row| pick(row)).collect();
    prop::sample::select(rows).prop_flat_map(|row| {
        let of = field(0, row.rule).field_type;
        let side = || (cell(of), any_stamp(&["a", "b", "c"]));
        (Just(row), prop::option::of(cell(of)), [side(), side(), side()])
    })
}

/// The winner with its stamp; what is stored stays while a person is asked.
fn winner(
    row: &RuleRow,
    base: Option<&Cell>,
    stored: &(Cell, Arc<Stamp>),
    incoming: &(Cell, Arc<Stamp>),
) -> (Cell, Arc<Stamp>) {
    let resolution = (row.resolve)(&Contest {
        field: &field(0, row.rule),
        base,
        stored: Contender { side: Side::of(&stored.1), cell: &stored.0 },
        incoming: Contender { side: Side::of(&incoming.1), cell: &incoming.0 },
    });
    match resolution {
        Resolution::Stored | Resolution::Ask => stored.clone(),
        Resolution::Incoming => incoming.clone(),
        Resolution::Posted(cell) => (cell, Arc::clone(&incoming.1)),
    }
}

/// The six orders of three.
const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

proptest! {
    // Eleven rules share the cases, and each costs next to nothing.
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn a_value_against_itself_stays((row, base, [side, ..]) in any_contest(|_| true)) {
        let base = if row.rule == ConflictRule::Union { None } else { base };
        prop_assert_eq!(winner(row, base.as_ref(), &side, &side).0, side.0);
    }

    #[test]
    fn sides_may_be_swapped((row, base, [a, b, _]) in any_contest(|row| row.commutative)) {
        let there = winner(row, base.as_ref(), &a, &b).0;
        prop_assert_eq!(winner(row, base.as_ref(), &b, &a).0, there, "{}", row.name);
    }

    #[test]
    fn three_values_may_come_in_any_order((row, base, sides) in any_contest(|row| row.commutative)) {
        let fold = |[i, j, k]: [usize; 3]| {
            let two = winner(row, base.as_ref(), &sides[i], &sides[j]);
            winner(row, base.as_ref(), &two, &sides[k]).0
        };
        let first = fold(ORDERS[0]);
        for order in ORDERS {
            prop_assert_eq!(fold(order), first.clone(), "{} {:?}", row.name, order);
        }
    }

    #[test]
    fn every_rule_but_union_gives_one_of_the_sides((row, base, [a, b, _]) in any_contest(|row| row.rule != ConflictRule::Union)) {
        let won = winner(row, base.as_ref(), &a, &b).0;
        prop_assert!(won == a.0 || won == b.0);
    }
}

/// One field a rule, numbered as in the table of rules, and two groups of three.
pub(super) fn table() -> Table {
    let mut fields: Vec<Field> = (0..).zip(RULES).map(|(id, row)| field(id, row.rule)).collect();
    for (group, rule) in [("latest", ConflictRule::Latest), ("review", ConflictRule::Review)] {
        for _ in 0..3 {
            let id = u16::try_from(fields.len()).unwrap();
            fields.push(Field { group: Some(group.into()), ..field(id, rule) });
        }
    }
    Table {
        name: "customers".into(),
        title: Title::default(),
        primary_key: vec![FieldId(0)],
        owner: None,
        department: None,
        fields,
    }
}

/// Permits edits in the steward's name.
pub(super) fn permitted(table: &Table, edits: Vec<Edit>) -> Vec<Permitted<Edit>> {
    let decider = Decider::compile(&Policy::default(), &[]);
    let rights = decider.rights(&Actor::Steward, table, &Subject::default());
    edits.into_iter().map(|edit| decider.permit(&rights, table, edit).unwrap()).collect()
}

/// A save of a row by one source.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) base: Option<Cells>,
    pub(super) seen: Cells,
    pub(super) stamp: Arc<Stamp>,
    pub(super) doubtful: Vec<FieldId>,
    pub(super) current: bool,
}

impl Row {
    /// Merges the row as the pipeline does: edits, companions, permission, verdicts.
    pub(super) fn merge(&self, table: &Table, stored: Option<&StoredRecord>) -> Vec<Merged> {
        let changed = edits(table, self.base.as_deref(), &self.seen);
        let along = companions(table, stored, self.base.as_deref(), &self.seen, &changed);
        let proposal = Proposal {
            edits: permitted(table, changed.into_iter().chain(along).collect()),
            base: self.base.as_deref(),
            doubtful: &self.doubtful,
            current: self.current,
            resolved: &[],
        };
        merge_record(table, stored, proposal, &Side::of(&self.stamp))
    }

    /// Merges the row and posts what is to be applied, as the store does.
    pub(super) fn post(&self, table: &Table, stored: &mut StoredRecord) -> Vec<Merged> {
        let merged = self.merge(table, Some(stored));
        for Merged { edit, verdict, .. } in &merged {
            if let Verdict::Apply(cell) = verdict {
                let posted = StoredCell { cell: cell.clone(), stamp: Arc::clone(&self.stamp) };
                match stored.cells.binary_search_by_key(&edit.field, |(id, _)| *id) {
                    Ok(index) => stored.cells[index].1 = posted,
                    Err(index) => stored.cells.insert(index, (edit.field, posted)),
                }
            }
        }
        merged
    }
}

/// A record with these cells.
pub(super) fn record(cells: Vec<(FieldId, StoredCell)>) -> StoredRecord {
    StoredRecord {
        id: RecordId::new(Uuid::from_u128(1)),
        table: "customers".into(),
        version: 1,
        archived: false,
        updated_at: Timestamp(0),
        cells,
    }
}

fn values(stored: &StoredRecord) -> Cells {
    stored.cells.iter().map(|(id, stored)| (*id, stored.cell.clone())).collect()
}

/// Some cells of a row: a field may be lacking.
fn any_cells(table: &Table) -> impl Strategy<Value = Cells> + use<> {
    let cells: Vec<_> = table.fields.iter().map(|field| prop::option::of(cell(field.field_type))).collect();
    cells.prop_map(|cells| (0..).zip(cells).filter_map(|(id, cell)| Some((FieldId(id), cell?))).collect())
}

/// A row with a cell in every column.
fn whole_row(table: &Table) -> impl Strategy<Value = Cells> + use<> {
    let cells: Vec<_> = table.fields.iter().map(|field| cell(field.field_type)).collect();
    cells.prop_map(|cells| (0..).zip(cells).map(|(id, cell)| (FieldId(id), cell)).collect())
}

/// A stored record whose cells come from several sources.
fn any_record(table: &Table) -> impl Strategy<Value = StoredRecord> + use<> {
    let stamps = prop::collection::vec(any_stamp(&["a", "b"]), table.fields.len());
    (any_cells(table), stamps, prop::bool::weighted(0.1)).prop_map(|(cells, stamps, archived)| {
        let cells = cells.into_iter().zip(stamps).map(|((id, cell), stamp)| (id, StoredCell { cell, stamp }));
        StoredRecord { archived, ..record(cells.collect()) }
    })
}

/// A save that may know any base and show anything, unreadable texts included.
fn any_row(table: &Table) -> impl Strategy<Value = Row> + use<> {
    let unreadable = prop::collection::vec(prop::bool::weighted(0.1), 2 * table.fields.len());
    let known = prop::option::weighted(0.8, any_cells(table));
    let doubtful = prop::collection::vec(prop::bool::weighted(0.1), table.fields.len());
    (known, whole_row(table), unreadable, any_stamp(&["b", "c"]), doubtful, any::<bool>()).prop_map(
        |(mut base, mut seen, unreadable, stamp, doubtful, current)| {
            let shown = base.iter_mut().flatten().chain(&mut seen);
            for ((_, cell), _) in shown.zip(unreadable).filter(|(_, unreadable)| *unreadable) {
                *cell = Cell::Raw("?".into());
            }
            let doubtful = (0..).zip(doubtful).filter(|(_, flag)| *flag).map(|(id, _)| FieldId(id)).collect();
            Row { base, seen, stamp, doubtful, current }
        },
    )
}

fn record_and_row() -> impl Strategy<Value = (Table, StoredRecord, Row)> {
    let table = table();
    (any_record(&table), any_row(&table)).prop_map(move |(stored, row)| (table.clone(), stored, row))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn every_edit_ends_in_exactly_one_verdict((table, stored, row) in record_and_row()) {
        let changed = edits(&table, row.base.as_deref(), &row.seen);
        for stored in [None, Some(&stored)] {
            let merged = row.merge(&table, stored);
            prop_assert!(merged.windows(2).all(|two| two[0].edit.field < two[1].edit.field));
            let own: Vec<&Edit> = merged.iter().filter(|merged| !merged.along).map(|merged| &merged.edit).collect();
            prop_assert_eq!(own, changed.iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn merging_again_changes_nothing((table, mut stored, row) in record_and_row()) {
        let first = row.post(&table, &mut stored);
        let once = stored.clone();
        // The source's newest state is this save by now, so that what it was compared with is an older one.
        let second = Row { current: false, ..row }.post(&table, &mut stored);
        prop_assert_eq!(values(&stored), values(&once));
        for merged in first {
            if merged.verdict == Verdict::Apply(merged.edit.incoming.clone()) && !merged.along {
                let again = second.iter().find(|again| again.edit.field == merged.edit.field).unwrap();
                prop_assert_eq!(&again.verdict, &Verdict::Unchanged);
            }
        }
    }

    #[test]
    fn nothing_is_silently_posted_over_what_the_author_had_not_seen((table, stored, row) in record_and_row()) {
        for merged in row.merge(&table, Some(&stored)) {
            let field = table.field(merged.edit.field).unwrap();
            let Some(held) = stored.cell(field.id) else { continue };
            let Verdict::Apply(posted) = &merged.verdict else { continue };
            prop_assert!(!same(field, posted, &held.cell), "posted what is stored");
            let base = merged.edit.base.as_ref();
            let is_known = base.is_some_and(|base| same(field, base, &held.cell) || matches!(base, Cell::Raw(_)));
            if merged.rule == because::CLEAN {
                prop_assert!(is_known);
            } else {
                prop_assert!(rules::by_name(&merged.rule).is_some_and(|row| row.rule != ConflictRule::KeepStored));
            }
            // In a group of this rule as in a field of its own: only a person decides.
            prop_assert!(field.conflict != ConflictRule::Review || is_known);
        }
    }

    #[test]
    fn an_archived_record_is_not_edited_by_who_had_seen_it((table, mut stored, mut row) in record_and_row()) {
        row.base.get_or_insert_default();
        stored.archived = true;
        for merged in row.merge(&table, Some(&stored)) {
            prop_assert!(matches!(merged.verdict, Verdict::Unchanged | Verdict::Conflict), "{merged:?}");
        }
    }

    #[test]
    fn doubt_is_never_posted((table, stored, row) in record_and_row()) {
        for merged in row.merge(&table, Some(&stored)).iter().filter(|merged| merged.doubtful && !merged.along) {
            prop_assert!(matches!(merged.verdict, Verdict::Unchanged | Verdict::Conflict), "{merged:?}");
        }
    }

    #[test]
    fn a_new_record_takes_what_is_filled((table, _, row) in record_and_row()) {
        let row = Row { doubtful: Vec::new(), ..row };
        for merged in row.merge(&table, None) {
            let expected = match merged.edit.incoming.clone() {
                Cell::Blank => Verdict::Unchanged,
                filled => Verdict::Apply(filled),
            };
            prop_assert_eq!(merged.verdict, expected);
        }
    }

    /// Both had the same row before them, and the ledger still has it.
    #[test]
    fn two_saves_of_one_row_may_come_in_any_order(
        (table, before, rows) in saves(2)
    ) {
        let post = |order: [usize; 2]| {
            let mut stored = before.clone();
            for index in order {
                rows[index].post(&table, &mut stored);
            }
            values(&stored)
        };
        let (there, back) = (post([0, 1]), post([1, 0]));
        for field in table.fields.iter().filter(|field| rules::row(field.conflict).commutative) {
            prop_assert_eq!(cell_of(&there, field.id), cell_of(&back, field.id), "{:?}", field.conflict);
        }
        // With any rule: what only one of them edited is as she left it.
        for field in table.fields.iter().filter(|field| field.group.is_none()) {
            let start = cell_of(rows[0].base.as_ref().unwrap(), field.id).unwrap();
            let shown = |row: &Row| cell_of(&row.seen, field.id).unwrap().clone();
            let edited: Vec<Cell> = rows.iter().map(shown).filter(|shown| shown != start).collect();
            if let [only] = edited.as_slice() {
                prop_assert_eq!(cell_of(&there, field.id), Some(only));
                prop_assert_eq!(cell_of(&back, field.id), Some(only));
            }
        }
    }

    /// A value that two of them brought keeps the stamp of the first, so three different ones are asked for.
    #[test]
    fn three_saves_of_different_values_may_come_in_any_order((table, before, rows) in saves(3)) {
        let fold = |order: [usize; 3]| {
            let mut stored = before.clone();
            for index in order {
                rows[index].post(&table, &mut stored);
            }
            values(&stored)
        };
        let first = fold(ORDERS[0]);
        for order in ORDERS {
            let folded = fold(order);
            let ungrouped = table.fields.iter().filter(|field| field.group.is_none());
            for field in ungrouped.filter(|field| rules::row(field.conflict).commutative) {
                let shown: Vec<&Cell> = rows.iter().map(|row| cell_of(&row.seen, field.id).unwrap()).collect();
                if shown[0] != shown[1] && shown[1] != shown[2] && shown[0] != shown[2] {
                    prop_assert_eq!(cell_of(&folded, field.id), cell_of(&first, field.id), "{:?}", field.conflict);
                }
            }
        }
    }

    /// Another's street never stands beside one's own city, unless one of them saw both.
    #[test]
    fn a_contested_group_is_never_mixed((table, mut before, rows) in saves(2)) {
        rows[0].post(&table, &mut before);
        let halfway = values(&before);
        rows[1].post(&table, &mut before);
        let end = values(&before);
        let of = |cells: &Cells, group: &[FieldId]| -> Vec<Cell> {
            group.iter().map(|id| cell_of(cells, *id).unwrap().clone()).collect()
        };
        for name in ["latest", "review"] {
            let group: Vec<FieldId> = table
                .fields
                .iter()
                .filter(|field| field.group.as_deref() == Some(name))
                .map(|field| field.id)
                .collect();
            let (start, first) = (of(rows[0].base.as_ref().unwrap(), &group), of(&halfway, &group));
            let (second, last) = (of(&rows[1].seen, &group), of(&end, &group));
            let fought = (0..group.len()).any(|cell| first[cell] != start[cell] && first[cell] != second[cell]);
            if fought {
                prop_assert!(last == first || last == second, "{:?} {:?} {:?} {:?}", start, first, second, last);
            }
        }
    }

    #[test]
    fn the_order_of_cells_is_antisymmetric(a in cell(FieldType::String), b in cell(FieldType::List)) {
        prop_assert_eq!(order(&a, &b), order(&b, &a).reverse());
    }
}

/// Saves by different sources of the row that the ledger holds, each made without knowing the others.
fn saves(count: usize) -> impl Strategy<Value = (Table, StoredRecord, Vec<Row>)> {
    let table = table();
    let stamps = prop::collection::vec(any_stamp(&["z"]), table.fields.len());
    let saves = prop::collection::vec((whole_row(&table), any_stamp(&["a"])), count);
    (whole_row(&table), stamps, saves).prop_map(move |(base, stamps, saves)| {
        let stored = base.iter().zip(stamps).map(|((id, cell), stamp)| (*id, StoredCell { cell: cell.clone(), stamp }));
        let stored = record(stored.collect());
        let rows = ["a", "b", "c"].iter().zip(saves).map(|(source, (seen, stamp))| Row {
            base: Some(base.clone()),
            seen,
            stamp: Arc::new(Stamp { source: SourceName::new(source), ..(*stamp).clone() }),
            doubtful: Vec::new(),
            current: true,
        });
        (table.clone(), stored, rows.collect())
    })
}
