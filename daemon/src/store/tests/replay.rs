//! A replay of the journal gives the ledger that is there, and both are what the postings said.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// One arrival, as numbers that the world turns into a posting that a pipeline could have made.
#[derive(Clone, Debug)]
enum Step {
    /// A sheet of source 0 or 1: new records, changed ones, missing ones, rows of which only the hash changed.
    Sheet { source: u8, written: bool, new: u8, changed: Vec<(u16, u8)>, missing: Vec<u16>, rehashed: Vec<u16> },
    /// A record set on the console; may archive it or bring it back, or give it a new key.
    Edit { record: u16, value: u8, rekey: bool, archive: bool },
    /// A review is put or closed.
    Review { number: u8, about: Option<u16>, close: bool },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (
            0..2u8,
            any::<bool>(),
            prop_oneof![Just(0u8), 0..150u8],
            prop::collection::vec((any::<u16>(), 0..5u8), 0..6),
            prop::collection::vec(any::<u16>(), 0..3),
            prop::collection::vec(any::<u16>(), 0..3),
        )
            .prop_map(|(source, written, new, changed, missing, rehashed)| Step::Sheet {
                source,
                written,
                new,
                changed,
                missing,
                rehashed
            }),
        (any::<u16>(), 0..5u8, any::<bool>(), any::<bool>()).prop_map(|(record, value, rekey, archive)| Step::Edit {
            record,
            value,
            rekey,
            archive
        }),
        (0..3u8, prop::option::of(any::<u16>()), any::<bool>()).prop_map(|(number, about, close)| Step::Review {
            number,
            about,
            close
        }),
    ]
}

type Row = BTreeMap<u16, Cell>;
type State = BTreeMap<RecordId, (Row, RowHash, bool)>;

/// What the store should hold, kept in the simplest way.
#[derive(Default)]
struct World {
    steps: u64,
    records: BTreeMap<RecordId, (Row, bool, u64)>,
    keys: BTreeMap<String, RecordId>,
    /// By source, each state: what each record showed, its hash, and whether it was missing.
    states: BTreeMap<String, Vec<State>>,
    reviews: BTreeMap<u8, bool>,
}

const SOURCES: [&str; 2] = ["sales", "service"];

fn cell_of(value: u8) -> Cell {
    match value {
        0 => Cell::Blank,
        1 => Value::Integer(-7).into(),
        2 => Value::List(Box::new(["甲".into(), "乙".into()])).into(),
        3 => Value::Number("-12.5".parse().unwrap()).into(),
        _ => text(&format!("value {value}")),
    }
}

impl World {
    fn pick(&self, number: u16) -> Option<RecordId> {
        let count = self.records.len().max(1);
        self.records.keys().nth(usize::from(number) % count).copied()
    }

    /// Makes the posting of a step and foresees what follows from it.
    fn posting(&mut self, step: &Step) -> Posting {
        self.steps += 1;
        match step {
            Step::Sheet { source, .. } => self.sheet(step, SOURCES[usize::from(*source)]),
            Step::Edit { record, value, rekey, archive } => self.edit((*record, *value), *rekey, *archive),
            Step::Review { number, about, close } => self.review(*number, *about, *close),
        }
    }

    fn sheet(&mut self, step: &Step, source: &str) -> Posting {
        let Step::Sheet { written, new, changed, missing, rehashed, .. } = step else { unreachable!() };
        let mut entries: BTreeMap<RecordId, RecordEntry> = BTreeMap::new();
        let hash = RowHash(u128::from(self.steps) << 100);
        let mut put = |id: RecordId, cells: Vec<CellEntry>, presence, life, keys| {
            let made = RecordEntry { record: id, hash, presence, life, cells, keys, row: None };
            entries.entry(id).or_insert(made);
        };
        for number in 0..u64::from(*new) {
            // Ids that fall between those that are there, as those of other sources do.
            let number = number * 1000 + self.steps;
            let key = format!("C-{number:06}");
            let cells = vec![cell(0, Outcome::Applied, text(&key)), cell(2, Outcome::Superseded, text("x"))];
            let keys = vec![KeyEntry { index: KeyIndex::Primary, text: Some(key.clone().into()) }];
            put(record(number), cells, Presence::Seen, Life::Created, keys);
            self.keys.insert(key, record(number));
        }
        for (number, value) in changed {
            let Some(id) = self.pick(*number) else { continue };
            let outcome = if *value == 4 { Outcome::Conflict } else { Outcome::Applied };
            put(id, vec![cell(1, outcome, cell_of(*value))], Presence::Seen, Life::Unchanged, Vec::new());
        }
        let past = self.states.entry(source.to_owned()).or_default();
        let mut state = past.last().cloned().unwrap_or_default();
        for (numbers, presence) in [(missing, Presence::Missing), (rehashed, Presence::Seen)] {
            for number in numbers {
                if let Some(id) = state.keys().nth(usize::from(*number) % state.len().max(1)) {
                    put(*id, Vec::new(), presence, Life::Unchanged, Vec::new());
                }
            }
        }
        for entry in entries.values() {
            let row = state.entry(entry.record).or_default();
            row.0.extend(entry.cells.iter().map(|cell| (cell.field.0, cell.seen.clone())));
            row.2 = entry.presence == Presence::Missing;
            row.1 = if row.2 { RowHash::UNKNOWN } else { hash };
            Self::apply(&mut self.records, entry);
        }
        let after = u32::try_from(past.len()).unwrap();
        past.push(state);
        let kind = if *written { ArrivalKind::Publication } else { ArrivalKind::Workbook };
        Posting {
            arrival: arrival(self.steps, kind, source),
            ..super::sheet(self.steps, (after > 0).then_some(after), entries.into_values().collect())
        }
    }

    fn apply(records: &mut BTreeMap<RecordId, (Row, bool, u64)>, entry: &RecordEntry) {
        let record = records.entry(entry.record).or_default();
        let applied = entry.cells.iter().filter(|cell| cell.outcome == Outcome::Applied);
        let applied: Row = applied.map(|cell| (cell.field.0, cell.seen.clone())).collect();
        if !applied.is_empty() || entry.life != Life::Unchanged || !entry.keys.is_empty() {
            record.2 += 1;
        }
        record.0.extend(applied);
        record.1 = (record.1 || entry.life == Life::Archived) && entry.life != Life::Restored;
    }

    fn edit(&mut self, (number, value): (u16, u8), rekey: bool, archive: bool) -> Posting {
        let mut edit = posting(self.steps);
        let Some(id) = self.pick(number) else { return edit };
        let mut cells = vec![cell(2, Outcome::Applied, cell_of(value))];
        let mut keys = Vec::new();
        if rekey {
            let key = format!("C-{:06}", 900_000 + self.steps);
            cells.insert(0, cell(0, Outcome::Applied, text(&key)));
            keys.push(KeyEntry { index: KeyIndex::Primary, text: Some(key.clone().into()) });
            self.keys.retain(|_, owner| *owner != id);
            self.keys.insert(key, id);
        }
        let life = match (archive, self.records[&id].1) {
            (false, _) => Life::Unchanged,
            (true, false) => Life::Archived,
            (true, true) => Life::Restored,
        };
        let entry = RecordEntry { record: id, presence: Presence::Elsewhere, keys, ..entry(0, life, cells) };
        Self::apply(&mut self.records, &entry);
        edit.records.push(entry);
        edit
    }

    fn review(&mut self, number: u8, about: Option<u16>, close: bool) -> Posting {
        let mut change = posting(self.steps);
        let id = u64::from(number);
        if close {
            if let Some(open) = self.reviews.get_mut(&number) {
                *open = false;
                change.reviews.push(close_review(id));
            }
        } else {
            let about = about.and_then(|number| self.pick(number));
            let asked = Review { record: about, ..review(id, None) };
            change.reviews.push(open_review(asked));
            self.reviews.insert(number, true);
        }
        change
    }

    fn assert_is(&self, store: &mut Store) {
        let snapshot = store.snapshot().unwrap();
        let mut found = BTreeMap::new();
        snapshot
            .for_each_record(&table_name(), |record| {
                let cells = record.cells.iter().map(|(field, stored)| (field.0, stored.cell.clone())).collect();
                found.insert(record.id, (cells, record.archived, record.version));
                ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!(found, self.records);
        let keys: Vec<CompactString> = self.keys.keys().map(CompactString::from).collect();
        let owners = snapshot.records_by_key(&table_name(), KeyIndex::Primary, &keys).unwrap();
        assert!(self.keys.iter().all(|(key, owner)| owners.get(key.as_str()) == Some(owner)));
        let all: Vec<RecordId> = self.records.keys().copied().collect();
        for (source, states) in &self.states {
            for (state, no) in states.iter().zip(1..) {
                let index = snapshot.state_index(&source.as_str().into(), StateNo(no)).unwrap();
                let index: Vec<_> = index.iter().map(|row| (row.record, row.hash, row.missing)).collect();
                let expected: Vec<_> = state.iter().map(|(id, row)| (*id, row.1, row.2)).collect();
                assert_eq!(index, expected);
                let shown = snapshot.baseline(&table_name(), &source.as_str().into(), StateNo(no), &all).unwrap();
                let shown: BTreeMap<_, Row> = shown
                    .into_iter()
                    .map(|(id, cells)| (id, cells.into_iter().map(|(field, cell)| (field.0, cell)).collect()))
                    .collect();
                assert_eq!(shown, state.iter().map(|(id, row)| (*id, row.0.clone())).collect());
            }
        }
        let open = self.reviews.values().filter(|open| **open).count();
        assert_eq!(snapshot.open_reviews().unwrap(), open as u64);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_rebuilt_ledger_is_the_one_that_was_there(steps in prop::collection::vec(step(), 1..14)) {
        let mut store = in_memory();
        let mut world = World::default();
        for step in &steps {
            commit(&mut store, &world.posting(step));
        }
        world.assert_is(&mut store);
        assert_sound(&mut store);
        let reviews = store.snapshot().unwrap().reviews(false).unwrap();
        prop_assert_eq!(store.rebuild().unwrap(), steps.len() as u64);
        world.assert_is(&mut store);
        assert_sound(&mut store);
        prop_assert_eq!(store.snapshot().unwrap().reviews(false).unwrap(), reviews);
    }
}

#[test]
fn a_check_finds_whatever_was_changed_behind_the_journal() {
    let tampered = [
        "UPDATE record SET archived = 1 WHERE version = 2",
        "UPDATE record SET body = zeroblob(60) WHERE version = 2",
        "DELETE FROM record WHERE version = 2",
        "DELETE FROM key_index",
        "UPDATE number SET last = 5",
        "UPDATE source SET told = x''",
        "UPDATE source_state SET written = 1 WHERE no = 1",
        "UPDATE baseline_cells SET cells = (SELECT cells FROM baseline_cells WHERE since = 1) WHERE since = 2",
        "UPDATE review SET closed_how = 'stored', closed_at = 0, closed_by = zeroblob(16)",
    ];
    for tampering in tampered {
        let mut store = in_memory();
        let first = Posting { reviews: vec![open_review(review(1, Some(1)))], ..sheet(1, None, vec![created(1, "a")]) };
        commit(&mut store, &first);
        commit(&mut store, &sheet(2, Some(1), vec![renamed(1, "b")]));
        assert_sound(&mut store);
        assert!(store.conn.execute(tampering, []).unwrap() > 0, "{tampering}");
        let report = store.check().unwrap();
        assert_eq!(report.differing, 1, "{tampering}");
        assert!(!report.differences[0].is_empty());
        store.rebuild().unwrap();
        assert_sound(&mut store);
    }
}

#[test]
fn a_value_sealed_for_one_place_does_not_open_in_another() {
    let mut store = in_memory();
    commit(&mut store, &sheet(1, None, vec![created(1, "a"), created(2, "b")]));
    store
        .conn
        .execute("UPDATE record SET body = (SELECT body FROM record WHERE id = ?1)", [record(1).as_bytes()])
        .unwrap();
    let snapshot = store.snapshot().unwrap();
    assert!(snapshot.record(&table_name(), record(1)).is_ok());
    assert!(matches!(snapshot.record(&table_name(), record(2)), Err(StoreError::Unreadable(_))));
}

#[test]
fn a_destroyed_key_takes_the_record_out_of_ledger_journal_and_baselines() {
    let mut store = in_memory();
    commit(&mut store, &sheet(1, None, vec![created(1, "a"), created(2, "b")]));
    store.vault.get_mut().destroy(&[*record(1).as_bytes()]).unwrap();
    let snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.record(&table_name(), record(1)).unwrap(), None);
    assert!(snapshot.record(&table_name(), record(2)).unwrap().is_some());
    assert!(snapshot.history(record(1)).unwrap().is_empty());
    let left = snapshot.posting(arrival(1, ArrivalKind::Workbook, "sales").id).unwrap().unwrap();
    assert_eq!(left.records, [created(2, "b")]);
    let both = [record(1), record(2)];
    assert_eq!(snapshot.baseline(&table_name(), &"sales".into(), StateNo(1), &both).unwrap().len(), 1);
}
