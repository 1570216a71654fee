//! Rows whose key no record has, beside records whose row is gone: is it the same row with a corrected key?
//!
//! In come those rows, what the gone rows were last seen to show, and a sample of what the other rows show. Out goes which
//! row surely is which record, and which pairs a person has to decide. A row that has nothing telling in common with a
//! gone one is in no pair: it is a new record, and the gone row is missing, as ever.
//!
//! A value is *telling* if hardly another row has it: a name is, a stage is not. It is what finds the pairs, so that the
//! cost is that of the cells, however many rows there are.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::likeness::Likeness;
use crate::model::row::cell_of;
use crate::model::{Cell, FieldId, RecordId, Row, Table};

/// So many filled cells have to be as they were before a key counts as corrected without asking.
const EQUAL_MIN: u32 = 2;
/// A value that is found in more than one of so many other rows tells nothing.
const TELLING_ONE_IN: usize = 50;
/// Nor does one that so many other rows have, however many rows there are. It bounds the pairs that are looked at.
const SHARED_BY_MAX: usize = 7;

/// A record whose row is gone, with what it was last seen to show.
#[derive(Clone, Copy, Debug)]
pub struct Gone<'a> {
    /// The record.
    pub record: RecordId,
    /// Its cells as they were seen, ascending by field.
    pub cells: &'a [(FieldId, Cell)],
}

/// A row and a gone record, by their positions in what was handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pair {
    /// The row.
    pub row: usize,
    /// The gone record.
    pub gone: usize,
}

/// What the rows and the gone records are to each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pairs {
    /// The row is the record, ascending by row. No row and no record is in two of them.
    pub corrected: Vec<Pair>,
    /// The row may be the record: a person decides. No row and no record is in two of them.
    pub asked: Vec<Pair>,
    /// Rows that wait for such a decision, ascending: those of `asked`, and rivals of theirs.
    pub waiting_rows: Vec<usize>,
    /// Gone records that wait for one, ascending.
    pub waiting_gone: Vec<usize>,
}

/// Says which rows are gone records with another key.
///
/// A row is a record with a corrected key if at least `EQUAL_MIN` cells are filled, all are as they were but for the
/// key, one of them is telling, and neither side has another partner of whom that is so. Rows that are only alike (at
/// least half of the cells equal, one of them telling) or have rivals are asked about, the most alike first.
///
/// `others` are rows of the same source that are neither: against them a value's rarity is measured. `is_settled` says of
/// a pair that a person has said no to it.
pub fn pair(
    table: &Table,
    rows: &[&Row],
    gone: &[Gone<'_>],
    others: &[&[(FieldId, Cell)]],
    is_settled: &dyn Fn(Pair) -> bool,
) -> Pairs {
    let mut alike = likely_pairs(table, rows, gone, others);
    alike.retain(|(_, pair)| !is_settled(*pair));
    let exact: Vec<Pair> = alike.iter().filter(|(likeness, _)| is_certain(*likeness)).map(|(_, pair)| *pair).collect();
    let (of_rows, of_gone) = (counted(exact.iter().map(|pair| pair.row)), counted(exact.iter().map(|pair| pair.gone)));
    let is_only = |pair: &Pair| of_rows.get(&pair.row) == Some(&1) && of_gone.get(&pair.gone) == Some(&1);
    let mut corrected: Vec<Pair> = exact.into_iter().filter(is_only).collect();
    corrected.sort_unstable();

    let mut rows: HashSet<usize> = corrected.iter().map(|pair| pair.row).collect();
    let mut gone: HashSet<usize> = corrected.iter().map(|pair| pair.gone).collect();
    alike.retain(|(_, pair)| !rows.contains(&pair.row) && !gone.contains(&pair.gone));
    let waiting_rows = ascending(alike.iter().map(|(_, pair)| pair.row));
    let waiting_gone = ascending(alike.iter().map(|(_, pair)| pair.gone));
    alike.sort_by_key(|(likeness, pair)| (Reverse(*likeness), *pair));
    let mut asked: Vec<Pair> = Vec::new();
    for (_, pair) in alike {
        if !rows.contains(&pair.row) && !gone.contains(&pair.gone) {
            rows.insert(pair.row);
            gone.insert(pair.gone);
            asked.push(pair);
        }
    }
    asked.sort_unstable();
    Pairs { corrected, asked, waiting_rows, waiting_gone }
}

fn is_certain(likeness: Likeness) -> bool {
    likeness.is_exact() && likeness.equal >= EQUAL_MIN
}

fn counted(positions: impl Iterator<Item = usize>) -> HashMap<usize, u32> {
    let mut counts = HashMap::new();
    for position in positions {
        *counts.entry(position).or_default() += 1;
    }
    counts
}

fn ascending(positions: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut positions: Vec<usize> = positions.collect();
    positions.sort_unstable();
    positions.dedup();
    positions
}

/// The pairs that are alike enough and have something telling in common.
fn likely_pairs(
    table: &Table,
    rows: &[&Row],
    gone: &[Gone<'_>],
    others: &[&[(FieldId, Cell)]],
) -> Vec<(Likeness, Pair)> {
    let telling = Telling::of(table, gone.iter().map(|gone| gone.cells).chain(others.iter().copied()));
    let mut having: HashMap<u64, Vec<usize>> = HashMap::new();
    for (index, gone) in gone.iter().enumerate() {
        for mark in marks(table, gone.cells).filter(|mark| telling.is(*mark)) {
            having.entry(mark).or_default().push(index);
        }
    }
    let mut pairs = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        let partners = marks(table, &row.cells).filter_map(|mark| having.get(&mark)).flatten().copied();
        for partner in ascending(partners) {
            let likeness = likeness(table, &row.cells, gone[partner].cells);
            if likeness.is_enough() {
                pairs.push((likeness, Pair { row: index, gone: partner }));
            }
        }
    }
    pairs
}

/// Whether a row is like what a record showed in at least half of its cells, apart from the parts of the key that differ.
pub fn resembles(table: &Table, row: &[(FieldId, Cell)], shown: &[(FieldId, Cell)]) -> bool {
    likeness(table, row, shown).is_enough()
}

/// How alike a row and a gone one are, apart from the parts of the key that differ.
fn likeness(table: &Table, row: &[(FieldId, Cell)], gone: &[(FieldId, Cell)]) -> Likeness {
    let same = |field: FieldId, a: &Cell, b: &Cell| table.field(field).is_some_and(|field| field.says_same(a, b));
    let mut likeness = Likeness::of(row, gone, same);
    for id in &table.primary_key {
        // A row with a key has all of its parts, so each was compared.
        let Some(now) = cell_of(row, *id) else { continue };
        let before = cell_of(gone, *id).unwrap_or(&Cell::Blank);
        likeness.compared -= u32::from(!same(*id, now, before));
    }
    likeness
}

/// Which values are telling.
struct Telling {
    counts: HashMap<u64, usize>,
    most: usize,
}

impl Telling {
    fn of<'a>(table: &Table, all: impl Iterator<Item = &'a [(FieldId, Cell)]>) -> Self {
        let (mut counts, mut population) = (HashMap::new(), 0);
        for cells in all {
            population += 1;
            for mark in marks(table, cells) {
                *counts.entry(mark).or_default() += 1;
            }
        }
        Self { counts, most: 1 + (population / TELLING_ONE_IN).min(SHARED_BY_MAX) }
    }

    fn is(&self, mark: u64) -> bool {
        self.counts.get(&mark).is_some_and(|count| *count <= self.most)
    }
}

/// A digest of each filled cell that is no part of the key. What it finds is compared cell by cell afterwards.
fn marks<'a>(table: &'a Table, cells: &'a [(FieldId, Cell)]) -> impl Iterator<Item = u64> {
    cells.iter().filter(|(id, _)| !table.primary_key.contains(id)).filter_map(|(id, cell)| {
        let field = table.field(*id)?;
        let mut hasher = DefaultHasher::new();
        id.hash(&mut hasher);
        match cell {
            Cell::Blank | Cell::Formula(_) => return None,
            Cell::Value(value) => field.comparison_text(value).hash(&mut hasher),
            Cell::Raw(text) | Cell::Masked(text) => text.hash(&mut hasher),
        }
        Some(hasher.finish())
    })
}

/// A row of a known record that changed.
#[derive(Clone, Copy, Debug)]
pub struct Changed<'a> {
    /// What it shows.
    pub now: &'a [(FieldId, Cell)],
    /// What it showed.
    pub before: &'a [(FieldId, Cell)],
}

/// Finds rows that now show what others of them showed before, as two that changed places or a whole ring.
///
/// The answer has the positions of rows whose cells, apart from the key, are exactly what exactly one other of them
/// showed, and no third shows them now. That is what a sort leaves behind that spared the column of the key.
pub fn exchanged(table: &Table, rows: &[Changed<'_>]) -> Vec<usize> {
    let mut before: HashMap<u64, Vec<usize>> = HashMap::new();
    let mut now: HashMap<u64, u32> = HashMap::new();
    for (index, row) in rows.iter().enumerate() {
        // Of columns that the sheet has lost, the rows show nothing.
        let shown: Vec<(FieldId, Cell)> =
            row.before.iter().filter(|(field, _)| cell_of(row.now, *field).is_some()).cloned().collect();
        if let Some(whole) = whole_mark(table, &shown) {
            before.entry(whole).or_default().push(index);
        }
        if let Some(whole) = whole_mark(table, row.now) {
            *now.entry(whole).or_default() += 1;
        }
    }
    let is_others = |(index, row): (usize, &Changed<'_>)| {
        let whole = whole_mark(table, row.now)?;
        let [other] = before.get(&whole)?[..] else { return None };
        (other != index && now.get(&whole) == Some(&1)).then_some(index)
    };
    rows.iter().enumerate().filter_map(is_others).collect()
}

/// A digest of all filled cells that are no part of the key; `None` if there are fewer than [`EQUAL_MIN`].
fn whole_mark(table: &Table, cells: &[(FieldId, Cell)]) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    let mut count = 0;
    for mark in marks(table, cells) {
        mark.hash(&mut hasher);
        count += 1;
    }
    (count >= EQUAL_MIN).then(|| hasher.finish())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::model::schema::{ConflictRule, Constraints, Title};
    use crate::model::{Field, FieldType, RowHash, Value};

    /// A table of texts; the first field is the key.
    fn table(keys: u16) -> Table {
        let field = |id| Field {
            id: FieldId(id),
            name: "field".into(),
            field_type: FieldType::String,
            format: None,
            region: "CN".into(),
            headers: Vec::new(),
            generate: None,
            constraints: Constraints::default(),
            class: "basic".into(),
            conflict: ConflictRule::Review,
            group: None,
        };
        Table {
            name: "customers".into(),
            title: Title::default(),
            primary_key: (0..keys).map(FieldId).collect(),
            owner: None,
            department: None,
            fields: (0..6).map(field).collect(),
        }
    }

    type Words = Vec<(FieldId, Cell)>;

    /// Cells of words; `-` is a blank.
    fn cells(words: &str) -> Words {
        let cell = |word: &str| if word == "-" { Cell::Blank } else { Cell::Value(Value::Text(word.into())) };
        (0..).map(FieldId).zip(words.split_whitespace().map(cell)).collect()
    }

    fn paired(table: &Table, rows: &[&str], gone: &[&str], others: &[&str], settled: &[(usize, usize)]) -> Pairs {
        let rows: Vec<Row> = rows
            .iter()
            .map(|words| Row { number: 1, hash: RowHash::UNKNOWN, cells: cells(words), key: None })
            .collect();
        let shown: Vec<_> = gone.iter().map(|words| cells(words)).collect();
        let gone: Vec<Gone<'_>> =
            (1..).zip(&shown).map(|(id, cells)| Gone { record: RecordId::new(Uuid::from_u128(id)), cells }).collect();
        let others: Vec<_> = others.iter().map(|words| cells(words)).collect();
        let others: Vec<&[(FieldId, Cell)]> = others.iter().map(Vec::as_slice).collect();
        pair(table, &rows.iter().collect::<Vec<_>>(), &gone, &others, &|pair| settled.contains(&(pair.row, pair.gone)))
    }

    /// The pairs of rows and gone records: `=` for a corrected key, `?` for a question.
    fn check(rows: &[&str], gone: &[&str], others: &[&str]) -> String {
        told(&paired(&table(1), rows, gone, others, &[]))
    }

    fn told(pairs: &Pairs) -> String {
        let word = |sign: char| move |pair: &Pair| format!("{}{sign}{}", pair.row, pair.gone);
        let words: Vec<String> =
            pairs.corrected.iter().map(word('=')).chain(pairs.asked.iter().map(word('?'))).collect();
        words.join(" ")
    }

    const OTHERS: &[&str] = &["k7 wang 7 lead", "k8 chen 8 lead", "k9 zhao 9 sold"];

    #[test]
    fn a_row_that_is_alike_but_for_its_key_is_the_record() {
        assert_eq!(check(&["n1 li 1 lead"], &["k1 li 1 lead"], OTHERS), "0=0");
        assert_eq!(check(&["n2 sun 2 lead", "n1 li 1 lead"], &["k1 li 1 lead", "k2 sun 2 lead"], OTHERS), "0=1 1=0");
        // A column that was added and is empty, or that is gone, makes no difference.
        assert_eq!(check(&["n1 li 1 lead -"], &["k1 li 1 lead"], OTHERS), "0=0");
        assert_eq!(check(&["n1 li 1"], &["k1 li 1 lead"], OTHERS), "0=0");
        // Another way of writing the same is none.
        let mut table = table(1);
        table.fields[1].format = Some(crate::model::Format::Email);
        let pairs = paired(&table, &["n1 Li@A.CN 1 lead"], &["k1 li@a.cn 1 lead"], OTHERS, &[]);
        assert_eq!(told(&pairs), "0=0");
    }

    #[test]
    fn a_row_that_only_resembles_is_asked_about() {
        assert_eq!(check(&["n1 li 1 sold"], &["k1 li 1 lead"], OTHERS), "0?0");
        assert_eq!(check(&["n1 li - -"], &["k1 li 1 lead"], OTHERS), "", "a third of it is not enough");
        assert_eq!(check(&["n1 li"], &["k1 li"], OTHERS), "0?0", "one cell is little evidence");
        assert_eq!(check(&["n1 sun 7 lead"], &["k1 li 7 lead"], OTHERS), "", "what others have too tells nothing");
        assert_eq!(check(&["n1 - - lead"], &["k1 - - lead"], OTHERS), "");
        assert_eq!(check(&["n1 - - -"], &["k1 - - -"], OTHERS), "");
    }

    #[test]
    fn where_several_could_be_meant_a_person_decides() {
        let pairs = paired(&table(1), &["n1 li 1 x", "n2 li 1 x"], &["k1 li 1 x"], OTHERS, &[]);
        assert_eq!((told(&pairs).as_str(), &pairs.waiting_rows[..]), ("0?0", &[0, 1][..]));
        let one_more = ["k1 li 1 x", "k2 li 1 x"];
        let fifty: Vec<String> = (0..50).map(|number| format!("o{number} o{number} p{number} q{number}")).collect();
        let fifty: Vec<&str> = fifty.iter().map(String::as_str).collect();
        let pairs = paired(&table(1), &["n1 li 1 x"], &one_more, &fifty, &[]);
        assert_eq!((told(&pairs).as_str(), &pairs.waiting_gone[..]), ("0?0", &[0, 1][..]));
        // A row that is the record in every cell leaves one that resembles it alone.
        assert_eq!(check(&["n1 li 1 y", "n2 li 1 x"], &["k1 li 1 x"], OTHERS), "1=0");
    }

    #[test]
    fn a_pair_that_was_denied_is_not_asked_about_again() {
        assert_eq!(paired(&table(1), &["n1 li 1 y"], &["k1 li 1 x"], OTHERS, &[(0, 0)]), Pairs::default());
        let pairs = paired(&table(1), &["n1 li 1 x", "n2 li 1 x"], &["k1 li 1 x"], OTHERS, &[(0, 0)]);
        assert_eq!(told(&pairs), "1=0", "the rival is the only one left");
    }

    #[test]
    fn a_part_of_a_key_may_be_corrected() {
        let others = &["east d7 a", "west d8 b"];
        assert_eq!(told(&paired(&table(2), &["east d2 note"], &["east d1 note"], others, &[])), "0=0");
        // The part that stayed is one of the two cells that it takes.
        assert_eq!(told(&paired(&table(2), &["west d2 note"], &["east d1 note"], others, &[])), "0?0");
    }

    #[test]
    fn rows_that_show_each_others_cells_are_found() {
        let row = |now: &str, before: &str| (cells(now), cells(before));
        let found = |rows: &[(Words, Words)]| {
            let rows: Vec<Changed<'_>> = rows.iter().map(|(now, before)| Changed { now, before }).collect();
            exchanged(&table(1), &rows)
        };
        let (a, b, c) = ("k1 li 1", "k2 sun 2", "k3 wu 3");
        assert_eq!(found(&[row("k1 sun 2", a), row("k2 li 1", b)]), [0, 1]);
        assert_eq!(found(&[row("k1 sun 2", a), row("k2 wu 3", b), row("k3 li 1", c)]), [0, 1, 2], "a ring");
        assert_eq!(found(&[row("k1 sun 2", a), row("k2 qian 2", b)]), [0]);
        assert_eq!(found(&[row("k1 li 2", a), row("k2 sun 1", b)]), [0_usize; 0]);
        assert_eq!(found(&[row("k1 wu 3", a), row("k2 wu 3", b), row("k3 x y", c)]), [0_usize; 0], "copied, not moved");
    }

    proptest! {
        #[test]
        fn no_record_and_no_row_is_given_twice(
            rows in prop::collection::vec("[n][0-9] [ab] [cd] [efg]", 0..8),
            gone in prop::collection::vec("[k][0-9] [ab] [cd] [efg]", 0..8),
        ) {
            let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
            let gone: Vec<&str> = gone.iter().map(String::as_str).collect();
            let pairs = paired(&table(1), &rows, &gone, &[], &[]);
            let all: Vec<Pair> = pairs.corrected.iter().chain(&pairs.asked).copied().collect();
            prop_assert_eq!(all.iter().map(|pair| pair.row).collect::<HashSet<_>>().len(), all.len());
            prop_assert_eq!(all.iter().map(|pair| pair.gone).collect::<HashSet<_>>().len(), all.len());
            for pair in &pairs.asked {
                prop_assert!(pairs.waiting_rows.contains(&pair.row) && pairs.waiting_gone.contains(&pair.gone));
            }
            for pair in &pairs.corrected {
                prop_assert!(!pairs.waiting_rows.contains(&pair.row) && !pairs.waiting_gone.contains(&pair.gone));
                prop_assert_eq!(&cells(rows[pair.row])[1..], &cells(gone[pair.gone])[1..]);
            }
        }

        /// Whatever the order of the rows, the same ones are certain and the same ones wait.
        #[test]
        fn the_order_of_rows_does_not_decide(
            rows in prop::collection::btree_set("[n][0-9] [ab] [cd] [efg]", 0..7),
            gone in prop::collection::btree_set("[k][0-9] [ab] [cd] [efg]", 0..7),
        ) {
            let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
            let gone: Vec<&str> = gone.iter().map(String::as_str).collect();
            let turned: Vec<&str> = rows.iter().rev().copied().collect();
            let (there, back) = (paired(&table(1), &rows, &gone, &[], &[]), paired(&table(1), &turned, &gone, &[], &[]));
            let mirrored = |row: &usize| rows.len() - 1 - row;
            let mut corrected: Vec<Pair> = back
                .corrected
                .iter()
                .map(|pair| Pair { row: mirrored(&pair.row), ..*pair })
                .collect();
            corrected.sort_unstable();
            prop_assert_eq!(&there.corrected, &corrected);
            prop_assert_eq!(ascending(back.waiting_rows.iter().map(mirrored)), there.waiting_rows);
            prop_assert_eq!(back.waiting_gone, there.waiting_gone);
        }
    }
}
