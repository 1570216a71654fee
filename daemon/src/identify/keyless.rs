//! Rows without a key, in tables whose keys Daybook hands out.
//!
//! Such a row comes again and again until its number stands in the sheet. It must not become a new record each time,
//! also if somebody moved or corrected it meanwhile. In come the keyless rows and what the source's earlier keyless
//! rows were last seen to show; out goes, for each row, the record that it surely is. A row that could be more than
//! one is none of them: the caller makes a new record of it, and the missing rows are looked at as ever.

use std::cmp::{Ordering, Reverse};
use std::collections::{HashMap, VecDeque};

use super::likeness::Likeness;
use crate::model::{Cell, FieldId, RecordId, Row};

/// A value that more baselines share says nothing of which one a row is: pairs that have only such values in common
/// are not looked at. It keeps a sheet of 200,000 keyless rows from being compared with itself.
const SHARED_BY_MAX: usize = 512;

/// What a record's row in the source was last seen to show. It had no key in the file.
#[derive(Clone, Copy, Debug)]
pub struct Baseline<'a> {
    /// The record that was made of it.
    pub record: RecordId,
    /// Its row, from 1, if it is known.
    pub row: Option<u32>,
    /// Its cells as they were seen, ascending by field.
    pub cells: &'a [(FieldId, Cell)],
}

/// Says for each keyless row which record it is; `None` for a new one. No record is given twice.
///
/// First, rows and baselines with exactly the same cells are paired, those at the same row number first and the rest in
/// order: which of several identical rows is which makes no difference. Then the best remaining pairs are taken, from
/// the most alike down, if at least half of their cells are equal and neither side has another partner as good.
/// A side that has is left alone.
pub fn match_rows(rows: &[&Row], baselines: &[Baseline<'_>]) -> Vec<Option<RecordId>> {
    let mut matching =
        Matching { rows, baselines, of_row: vec![None; rows.len()], taken: vec![false; baselines.len()] };
    matching.pair_equals();
    matching.pair_alike();
    matching.of_row.iter().map(|found| found.map(|index| baselines[index].record)).collect()
}

struct Matching<'a> {
    rows: &'a [&'a Row],
    baselines: &'a [Baseline<'a>],
    /// The baseline that each row was given.
    of_row: Vec<Option<usize>>,
    /// Whether a baseline was given, or is wanted equally by several rows.
    taken: Vec<bool>,
}

impl Matching<'_> {
    /// Pairs rows and baselines with exactly the same filled cells: those at the same row number, then the rest in order.
    fn pair_equals(&mut self) {
        let at_row: HashMap<u32, usize> =
            self.baselines.iter().enumerate().filter_map(|(index, baseline)| Some((baseline.row?, index))).collect();
        for (index, row) in self.rows.iter().enumerate() {
            if let Some(&baseline) = at_row.get(&row.number)
                && !self.taken[baseline]
                && filled(self.baselines[baseline].cells) == filled(&row.cells)
            {
                self.give(index, baseline);
            }
        }
        let mut same: HashMap<Vec<&(FieldId, Cell)>, VecDeque<usize>> = HashMap::new();
        for (index, baseline) in self.baselines.iter().enumerate().filter(|(index, _)| !self.taken[*index]) {
            same.entry(filled(baseline.cells)).or_default().push_back(index);
        }
        for (index, row) in self.rows.iter().enumerate() {
            if self.of_row[index].is_none()
                && let Some(baseline) = same.get_mut(&filled(&row.cells)).and_then(VecDeque::pop_front)
            {
                self.give(index, baseline);
            }
        }
    }

    fn give(&mut self, row: usize, baseline: usize) {
        self.of_row[row] = Some(baseline);
        self.taken[baseline] = true;
    }

    /// Pairs what is left from the most alike down, where both sides have no other partner as good.
    fn pair_alike(&mut self) {
        let mut pairs = self.likely_pairs();
        pairs.sort_by_key(|(likeness, row, baseline)| (Reverse(*likeness), *row, *baseline));
        let mut settled: Vec<bool> = self.of_row.iter().map(Option::is_some).collect();
        for group in pairs.chunk_by(|a, b| a.0.cmp(&b.0) == Ordering::Equal) {
            let free: Vec<(usize, usize)> = group
                .iter()
                .map(|(_, row, baseline)| (*row, *baseline))
                .filter(|(row, baseline)| !settled[*row] && !self.taken[*baseline])
                .collect();
            let mut partners: (HashMap<usize, u32>, HashMap<usize, u32>) = Default::default();
            for (row, baseline) in &free {
                *partners.0.entry(*row).or_default() += 1;
                *partners.1.entry(*baseline).or_default() += 1;
            }
            for (row, baseline) in free {
                if partners.0.get(&row) == Some(&1) && partners.1.get(&baseline) == Some(&1) {
                    self.of_row[row] = Some(baseline);
                }
                settled[row] = true;
                self.taken[baseline] = true;
            }
        }
    }

    /// The pairs of free rows and baselines that are alike enough and share a value that few others have.
    fn likely_pairs(&self) -> Vec<(Likeness, usize, usize)> {
        let mut having: HashMap<&(FieldId, Cell), Vec<usize>> = HashMap::new();
        for (index, baseline) in self.baselines.iter().enumerate().filter(|(index, _)| !self.taken[*index]) {
            for cell in filled(baseline.cells) {
                having.entry(cell).or_default().push(index);
            }
        }
        let mut pairs = Vec::new();
        for (index, row) in self.rows.iter().enumerate().filter(|(index, _)| self.of_row[*index].is_none()) {
            let mut partners: Vec<usize> = filled(&row.cells)
                .into_iter()
                .filter_map(|cell| having.get(cell))
                .filter(|sharing| sharing.len() <= SHARED_BY_MAX)
                .flatten()
                .copied()
                .collect();
            partners.sort_unstable();
            partners.dedup();
            for partner in partners {
                let likeness =
                    Likeness::of(&row.cells, self.baselines[partner].cells, |_, seen, before| before.is_same_as(seen));
                if likeness.is_enough() {
                    pairs.push((likeness, index, partner));
                }
            }
        }
        pairs
    }
}

/// The cells that are not blank: a column that was added and is empty makes no difference, nor does what Daybook answered.
fn filled(cells: &[(FieldId, Cell)]) -> Vec<&(FieldId, Cell)> {
    cells.iter().filter(|(field, cell)| *cell != Cell::Blank && *field != FieldId::ANSWER).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::model::{RowHash, Value};

    /// Cells of words; `-` is a blank.
    fn cells(words: &str) -> Vec<(FieldId, Cell)> {
        let cell = |word: &str| if word == "-" { Cell::Blank } else { Cell::Value(Value::Text(word.into())) };
        (0..).map(FieldId).zip(words.split_whitespace().map(cell)).collect()
    }

    fn record(number: usize) -> RecordId {
        RecordId::new(Uuid::from_u128(number as u128))
    }

    /// Matches rows (from row 2 on) with baselines, and says each row's baseline by its position, `n` for new.
    fn matched(rows: &[&str], baselines: &[(u32, &str)]) -> String {
        let rows: Vec<Row> = (2..)
            .zip(rows)
            .map(|(number, words)| Row { number, hash: RowHash::UNKNOWN, cells: cells(words), key: None })
            .collect();
        let seen: Vec<(u32, Vec<(FieldId, Cell)>)> =
            baselines.iter().map(|(row, words)| (*row, cells(words))).collect();
        let baselines: Vec<Baseline<'_>> = seen
            .iter()
            .enumerate()
            .map(|(index, (row, cells))| Baseline { record: record(index), row: Some(*row), cells })
            .collect();
        match_rows(&rows.iter().collect::<Vec<_>>(), &baselines)
            .iter()
            .map(|found| match found {
                Some(id) => (0..baselines.len())
                    .find(|index| record(*index) == *id)
                    .map_or("?".into(), |index| index.to_string()),
                None => "n".into(),
            })
            .collect::<Vec<String>>()
            .join(" ")
    }

    #[test]
    fn the_same_cells_are_the_same_record_wherever_they_stand() {
        assert_eq!(matched(&["li 1 x", "wang 2 x"], &[(2, "wang 2 x"), (3, "li 1 x")]), "1 0");
        // A column that was added and is empty makes no difference.
        assert_eq!(matched(&["li 1 -"], &[(9, "li 1")]), "0");
        // Identical rows: those that did not move keep their records, one too many is new.
        assert_eq!(matched(&["a b", "a b", "a b"], &[(3, "a b"), (4, "a b")]), "n 0 1");
        assert_eq!(matched(&["a b"], &[(8, "a b"), (9, "a b")]), "0");
    }

    #[test]
    fn a_corrected_row_is_its_best_partner() {
        assert_eq!(matched(&["li 1 y", "wang 2 x"], &[(2, "li 1 x"), (3, "wang 2 x")]), "0 1");
        assert_eq!(matched(&["li 3 y"], &[(2, "li 1 x")]), "n");
        assert_eq!(matched(&["li 1 y z"], &[(2, "li 1 x w")]), "0");
        // A cell that was cleared differs; one that was filled, too.
        assert_eq!(matched(&["li - x"], &[(2, "li 1 x")]), "0");
        assert_eq!(matched(&["li - -"], &[(2, "li 1 x")]), "n");
    }

    #[test]
    fn what_could_be_two_records_is_none() {
        assert_eq!(matched(&["li 1 z"], &[(2, "li 1 x"), (3, "li 1 y")]), "n");
        assert_eq!(matched(&["li 1 x", "li 1 y"], &[(2, "li 1 z")]), "n n");
        // The better partner goes first, and the other row has none left.
        assert_eq!(matched(&["li 1 x q", "li 1 x y z"], &[(2, "li 1 x y w")]), "n 0");
        // A baseline that two rows want equally is not given to a third that fits less.
        assert_eq!(matched(&["a b c x", "a b c y", "a b p q"], &[(2, "a b c d")]), "n n n");
    }

    #[test]
    fn a_mask_that_was_left_alone_is_equal() {
        let mut seen = cells("li 1 x");
        seen[1].1 = Cell::Masked("1**".into());
        let row = Row { number: 2, hash: RowHash::UNKNOWN, cells: cells("li 1** y"), key: None };
        let baseline = Baseline { record: record(1), row: None, cells: &seen };
        assert_eq!(match_rows(&[&row], &[baseline]), [Some(record(1))]);
    }

    proptest! {
        #[test]
        fn no_record_is_given_twice_and_equal_rows_are_found(
            baselines in prop::collection::vec("[ab] [ab] [abc]", 0..8),
            rows in prop::collection::vec("[ab] [ab] [abc]", 0..8),
        ) {
            let seen: Vec<(u32, &str)> = (2..).zip(baselines.iter().map(String::as_str)).collect();
            let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
            let found = matched(&rows, &seen);
            let given: Vec<&str> = found.split_whitespace().filter(|found| *found != "n").collect();
            prop_assert_eq!(given.iter().collect::<HashSet<_>>().len(), given.len());
            for words in &rows {
                let wanted = rows.iter().filter(|row| row == &words).count().min(seen.iter().filter(|(_, seen)| seen == words).count());
                let exact = rows.iter().zip(found.split_whitespace())
                    .filter(|(row, found)| row == &words && found.parse::<usize>().is_ok_and(|index| seen[index].1 == *words))
                    .count();
                prop_assert_eq!(exact, wanted);
            }
        }

        #[test]
        fn the_order_of_rows_does_not_decide(
            baselines in prop::collection::btree_set("[abc] [abc] [abc] [abc]", 0..6),
            rows in prop::collection::btree_set("[abc] [abc] [abc] [abc]", 0..6),
        ) {
            // Distinct rows at other row numbers: whoever comes first, the answer is the same.
            let seen: Vec<(u32, &str)> = (100..).zip(baselines.iter().map(String::as_str)).collect();
            let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
            let turned: Vec<&str> = rows.iter().rev().copied().collect();
            let there = matched(&rows, &seen);
            let back = matched(&turned, &seen);
            prop_assert_eq!(there.split_whitespace().collect::<Vec<_>>(), back.split_whitespace().rev().collect::<Vec<_>>());
        }
    }
}
