//! Baselines: each state as it was, however the pages lie.

use super::*;

fn missing(number: u64) -> RecordEntry {
    RecordEntry { presence: Presence::Missing, ..entry(number, Life::Unchanged, Vec::new()) }
}

fn shown(store: &mut Store, state: u32, number: u64) -> Option<Vec<String>> {
    let snapshot = store.snapshot().unwrap();
    let found = snapshot.baseline(&table_name(), &"sales".into(), StateNo(state), &[record(number)]).unwrap();
    found.get(&record(number)).map(|cells| cells.iter().map(|(_, cell)| cell.to_string()).collect())
}

fn index_of(store: &mut Store, state: u32) -> Vec<IndexRow> {
    let snapshot = store.snapshot().unwrap();
    let index = snapshot.state_index(&"sales".into(), StateNo(state)).unwrap();
    // Asked for one by one, the rows are the same.
    let mut records: Vec<RecordId> = index.iter().map(|row| row.record).collect();
    records.push(record(9_999_999));
    assert_eq!(snapshot.state_rows(&"sales".into(), StateNo(state), &records).unwrap(), index);
    index
}

fn changes(store: &mut Store, from: u32, to: u32) -> Vec<RecordId> {
    store.snapshot().unwrap().state_changes(&"sales".into(), StateNo(from), StateNo(to)).unwrap()
}

fn publication(number: u64, after: u32, records: Vec<RecordEntry>) -> Posting {
    let arrival = arrival(number, ArrivalKind::Publication, "sales");
    Posting { arrival, ..sheet(number, Some(after), records) }
}

#[test]
fn an_older_state_stays_as_it_was() {
    let mut store = in_memory();
    commit(&mut store, &sheet(1, None, (0..300).map(|number| created(number * 2, "a")).collect()));
    commit(&mut store, &sheet(2, Some(1), vec![renamed(10, "b")]));
    // Rows between the others split pages.
    commit(&mut store, &sheet(3, Some(2), (0..100).map(|number| created(number * 2 + 1, "new")).collect()));
    assert_eq!(shown(&mut store, 1, 10).unwrap(), ["C-000010", "a"]);
    assert_eq!(shown(&mut store, 2, 10).unwrap(), ["C-000010", "b"]);
    assert_eq!(shown(&mut store, 3, 10).unwrap(), ["C-000010", "b"]);
    assert_eq!(shown(&mut store, 2, 11), None);
    assert_eq!(shown(&mut store, 3, 11).unwrap(), ["C-000011", "new"]);
    for (state, count) in [(1, 300), (2, 300), (3, 400)] {
        let rows = index_of(&mut store, state);
        assert_eq!(rows.len(), count);
        assert!(rows.is_sorted_by(|a, b| a.record < b.record));
    }
    assert_eq!(changes(&mut store, 1, 2), [record(10)]);
    assert_eq!(changes(&mut store, 2, 1), [record(10)]);
    assert_eq!(changes(&mut store, 2, 3).len(), 100);
    let snapshot = store.snapshot().unwrap();
    let all: Vec<RecordId> = (0..600).map(record).collect();
    let found = snapshot.baseline(&table_name(), &"sales".into(), StateNo(3), &all).unwrap();
    assert_eq!(found.len(), 400);
    drop(snapshot);
    assert_sound(&mut store);
}

#[test]
fn a_new_hash_alone_is_no_change() {
    let mut store = in_memory();
    commit(&mut store, &sheet(1, None, vec![created(1, "a"), created(2, "b")]));
    let rehashed = RecordEntry { hash: RowHash(77), ..entry(2, Life::Unchanged, Vec::new()) };
    commit(&mut store, &sheet(2, Some(1), vec![rehashed]));
    assert_eq!(index_of(&mut store, 2)[1].hash, RowHash(77));
    assert_eq!(index_of(&mut store, 1)[1].hash, RowHash(3));
    assert!(changes(&mut store, 1, 2).is_empty());
    assert_eq!(shown(&mut store, 2, 2).unwrap(), ["C-000002", "b"]);
    let pages: i64 = store.conn.query_row("SELECT count(*) FROM baseline_cells", [], |row| row.get(0)).unwrap();
    assert_eq!(pages, 1, "the cells were not written again");
}

#[test]
fn a_row_that_is_gone_keeps_what_it_showed_for_when_it_comes_back() {
    let mut store = in_memory();
    commit(&mut store, &sheet(1, None, vec![created(1, "a"), created(2, "b")]));
    commit(&mut store, &sheet(2, Some(1), vec![missing(1)]));
    let row = index_of(&mut store, 2)[0];
    assert_eq!((row.missing, row.hash), (true, RowHash::UNKNOWN));
    assert_eq!(shown(&mut store, 2, 1).unwrap(), ["C-000001", "a"]);
    assert_eq!(changes(&mut store, 1, 2), [record(1)]);
    commit(&mut store, &sheet(3, Some(2), vec![renamed(1, "c")]));
    let row = index_of(&mut store, 3)[0];
    assert_eq!((row.missing, row.hash), (false, RowHash(2)));
    assert_eq!(shown(&mut store, 3, 1).unwrap(), ["C-000001", "c"]);
}

#[test]
fn what_is_not_a_sheet_leaves_the_baselines_alone() {
    let mut store = in_memory();
    commit(&mut store, &sheet(1, None, vec![created(1, "a")]));
    let edit = RecordEntry { presence: Presence::Elsewhere, ..renamed(1, "b") };
    commit(&mut store, &Posting { records: vec![edit], ..posting(2) });
    assert_eq!(shown(&mut store, 1, 1).unwrap(), ["C-000001", "a"]);
    let snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.states(&"sales".into()).unwrap().len(), 1);
    assert!(snapshot.states(&"console".into()).unwrap().is_empty());
    assert!(snapshot.states(&"nobody".into()).unwrap().is_empty());
    assert!(matches!(
        snapshot.state_index(&"sales".into(), StateNo(2)),
        Err(StoreError::UnknownState { state: 2, .. })
    ));
    assert_eq!(snapshot.told(&"sales".into()).unwrap(), [1]);
    assert!(snapshot.told(&"nobody".into()).unwrap().is_empty());
}

#[test]
fn old_states_are_dropped_and_their_pages_with_them() {
    let mut store = in_memory();
    commit(&mut store, &sheet(1, None, (0..200).map(|number| created(number, "n1")).collect()));
    for state in 2..=120u64 {
        let name = format!("n{state}");
        // One row changes each time; every tenth state all rows do; every fourth state Daybook wrote.
        let records: Vec<_> = if state % 10 == 0 {
            (0..200).map(|number| renamed(number, &name)).collect()
        } else {
            vec![renamed(7, &name)]
        };
        let after = u32::try_from(state - 1).unwrap();
        let mut next =
            if state % 4 == 0 { publication(state, after, records) } else { sheet(state, Some(after), records) };
        // A day each, so that age drops states too.
        next.arrival.at = Timestamp(1_700_000_000_000 + i64::try_from(state).unwrap() * 24 * 60 * 60 * 1000);
        commit(&mut store, &next);
    }
    let states = store.snapshot().unwrap().states(&"sales".into()).unwrap();
    assert!(states.is_sorted_by(|a, b| a.no > b.no));
    assert_eq!(states.iter().filter(|state| state.written).count(), 16);
    let seen: Vec<_> = states.iter().filter(|state| !state.written).map(|state| state.no.0).collect();
    assert!(seen.contains(&119) && seen.contains(&91) && !seen.contains(&89), "thirty days: {seen:?}");
    for state in &states {
        let no = u64::from(state.no.0);
        assert_eq!(shown(&mut store, state.no.0, 7).unwrap()[1], format!("n{no}"));
        assert_eq!(shown(&mut store, state.no.0, 150).unwrap()[1], format!("n{}", (no / 10 * 10).max(1)));
        assert_eq!(index_of(&mut store, state.no.0).len(), 200);
    }
    // Each page that is kept is one that a kept state shows.
    for table in ["baseline_rows", "baseline_cells"] {
        let unused: i64 = store
            .conn
            .query_row(
                &format!(
                    "SELECT count(*) FROM {table} p WHERE NOT EXISTS (
                         SELECT 1 FROM source_state s WHERE s.source = p.source AND s.no >= p.since AND NOT EXISTS (
                             SELECT 1 FROM {table} q WHERE q.source = p.source AND q.first = p.first
                                 AND q.since > p.since AND q.since <= s.no))"
                ),
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(unused, 0, "{table}");
    }
    assert_sound(&mut store);
}

#[test]
fn many_states_in_a_day_are_kept_up_to_the_cap() {
    let mut store = in_memory();
    commit(&mut store, &sheet(1, None, vec![created(1, "a")]));
    for state in 2..=90 {
        commit(&mut store, &sheet(u64::from(state), Some(state - 1), vec![renamed(1, &format!("n{state}"))]));
    }
    let states = store.snapshot().unwrap().states(&"sales".into()).unwrap();
    assert_eq!((states.len(), states[0].no, states[63].no), (64, StateNo(90), StateNo(27)));
}

#[test]
fn a_ledger_whose_old_states_were_dropped_is_sound() {
    let mut store = in_memory();
    commit(&mut store, &sheet(1, None, vec![created(1, "a")]));
    for state in 2..=90 {
        // Cells change in every third state and only hashes in the others, so that a page of cells outlives the state that
        // wrote it and the hashes beside it.
        let mut entry = renamed(1, &format!("n{state}"));
        entry.hash = RowHash(u128::from(state));
        if state % 3 != 0 {
            entry.cells.clear();
        }
        commit(&mut store, &sheet(u64::from(state), Some(state - 1), vec![entry]));
        assert_sound(&mut store);
    }
}
