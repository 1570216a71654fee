//! Commits: once, whole or not at all, seen by all; and what hangs on them.

use super::*;

/// Dies at this point of each commit.
fn dying_at(point: FaultPoint) -> FaultHook {
    Box::new(move |at| if at == point { Err(Killed) } else { Ok(()) })
}

fn publish(target: &str) -> Task {
    Task { kind: "publish".into(), target: target.to_owned() }
}

#[test]
fn a_posting_reads_back_as_it_was_committed() {
    let mut store = in_memory();
    let mut whole = sheet(1, None, (0..150).map(|number| created(number, "a")).collect());
    whole.reviews = vec![open_review(review(1, Some(3))), open_review(review(2, None))];
    whole.problems = vec![crate::model::Problem::new(crate::model::Code("unknown-column"), "客户.xlsx", "what", "do")];
    commit(&mut store, &whole);
    let snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.posting(whole.arrival.id).unwrap(), Some(whole));
    assert_eq!(snapshot.posting(ArrivalId::from_bytes([0; 16])).unwrap(), None);
}

#[test]
fn a_posting_against_an_old_revision_changes_nothing() {
    let mut store = in_memory();
    commit(&mut store, &sheet(1, None, vec![created(1, "a")]));
    let late = sheet(2, Some(1), vec![renamed(1, "late")]);
    assert!(matches!(store.commit(Revision(0), &late, &[]), Err(CommitError::Moved { seen: 0, now: 1 })));
    assert_eq!(name_of(&mut store, 1), Some("a".to_owned()));
    assert_eq!(store.commit(Revision(1), &late, &[]).unwrap(), Revision(2));
    assert_eq!(name_of(&mut store, 1), Some("late".to_owned()));
}

#[test]
fn an_arrival_is_posted_once() {
    let mut store = in_memory();
    let first = sheet(1, None, vec![created(1, "a")]);
    commit(&mut store, &first);
    for seen in [Revision(0), Revision(1)] {
        assert!(matches!(store.commit(seen, &first, &[]), Err(CommitError::AlreadyDone)));
    }
    assert_eq!(store.snapshot().unwrap().revision(), Revision(1));
}

#[test]
fn a_crash_before_the_commit_leaves_nothing_and_after_it_everything() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = on_disk(&folder);
    let first = sheet(1, None, vec![created(1, "a")]);
    for point in [FaultPoint::KeysMade, FaultPoint::BeforeCommit, FaultPoint::AfterCommit] {
        store.set_fault_hook(Some(dying_at(point)));
        let died = store.commit(Revision(0), &first, &[publish("finance")]);
        assert!(matches!(died, Err(CommitError::Killed(at)) if at == point));
        drop(store);
        store = reopen(&folder).unwrap();
        let durable = point == FaultPoint::AfterCommit;
        assert_eq!(name_of(&mut store, 1), durable.then(|| "a".to_owned()));
        assert_eq!(store.tasks().unwrap().len(), usize::from(durable));
    }
    // The caller who did not hear of it asks again, with the keys of the first attempt.
    assert!(matches!(store.commit(Revision(0), &first, &[]), Err(CommitError::AlreadyDone)));
    assert_sound(&mut store);
}

#[test]
fn two_programs_see_what_the_other_commits() {
    let folder = tempfile::tempdir().unwrap();
    let mut daemon = on_disk(&folder);
    let mut console = reopen(&folder).unwrap();
    commit(&mut daemon, &sheet(1, None, vec![created(1, "a")]));
    assert_eq!(name_of(&mut console, 1), Some("a".to_owned()));
    let before = daemon.snapshot().unwrap();
    let change =
        Posting { records: vec![RecordEntry { presence: Presence::Elsewhere, ..renamed(1, "b") }], ..posting(2) };
    console.commit(Revision(1), &change, &[publish("finance")]).unwrap();
    let held_still = before.record(&table_name(), record(1)).unwrap().unwrap();
    assert_eq!(held_still.value(FieldId(1)), text("a").value(), "a snapshot does not move");
    drop(before);
    assert_eq!(name_of(&mut daemon, 1), Some("b".to_owned()));
    assert_eq!(daemon.tasks().unwrap().len(), 1);
    let late = sheet(3, Some(1), vec![renamed(1, "late")]);
    assert!(matches!(daemon.commit(Revision(1), &late, &[]), Err(CommitError::Moved { .. })));
}

#[test]
fn postings_that_break_the_rules_are_refused_whole() {
    let mut store = in_memory();
    commit(&mut store, &sheet(1, None, vec![created(1, "a"), created(2, "b")]));
    let masked = entry(1, Life::Unchanged, vec![cell(1, Outcome::Applied, Cell::Masked("x".into()))]);
    let unordered =
        entry(1, Life::Unchanged, vec![cell(1, Outcome::Applied, text("x")), cell(0, Outcome::Applied, text("x"))]);
    let no_rule = entry(1, Life::Unchanged, vec![CellEntry { rule: 2, ..cell(1, Outcome::Applied, text("x")) }]);
    let taken = RecordEntry { record: record(3), ..created(1, "c") };
    let bad = [
        vec![renamed(1, "x"), renamed(1, "y")],
        vec![renamed(9, "x")],
        vec![created(1, "x")],
        vec![masked],
        vec![unordered],
        vec![no_rule],
        vec![taken],
    ];
    for records in bad {
        let refused = store.commit(Revision(1), &sheet(2, Some(1), records), &[]);
        assert!(matches!(refused, Err(CommitError::Store(_))), "{refused:?}");
    }
    let wrong_state = store.commit(Revision(1), &sheet(2, None, vec![renamed(1, "x")]), &[]);
    assert!(matches!(wrong_state, Err(CommitError::Store(StoreError::Posting(_)))));
    let closing_nothing = Posting { reviews: vec![close_review(1)], ..posting(2) };
    assert!(store.commit(Revision(1), &closing_nothing, &[]).is_err());
    assert_eq!(name_of(&mut store, 1), Some("a".to_owned()));
    assert_eq!(store.snapshot().unwrap().revision(), Revision(1));
    assert_sound(&mut store);
}

#[test]
fn two_records_can_swap_their_keys_in_one_posting() {
    let mut store = in_memory();
    commit(&mut store, &sheet(1, None, vec![created(1, "a"), created(2, "b")]));
    let key = |number: u64, text: &str| RecordEntry {
        keys: vec![KeyEntry { index: KeyIndex::Primary, text: Some(text.into()) }],
        ..entry(number, Life::Unchanged, vec![cell(0, Outcome::Applied, super::text(text))])
    };
    commit(&mut store, &sheet(2, Some(1), vec![key(1, "C-000002"), key(2, "C-000001")]));
    let keys = ["C-000001".into(), "C-000002".into(), "C-000003".into()];
    let found = store.snapshot().unwrap().records_by_key(&table_name(), KeyIndex::Primary, &keys).unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!((found["C-000001"], found["C-000002"]), (record(2), record(1)));
    assert_sound(&mut store);
}

#[test]
fn many_keys_are_found_as_few_are() {
    let mut store = in_memory();
    commit(&mut store, &sheet(1, None, (0..3000).map(|number| created(number, "a")).collect()));
    let snapshot = store.snapshot().unwrap();
    let find = |keys: &[CompactString]| snapshot.records_by_key(&table_name(), KeyIndex::Primary, keys).unwrap();
    let mut keys: Vec<CompactString> = (0..3100).map(|number| format!("C-{number:06}").into()).collect();
    keys.push(keys[5].clone());
    let many = find(&keys);
    assert_eq!(many.len(), 3000);
    for piece in keys.chunks(100) {
        assert!(find(piece).iter().all(|(key, id)| many[key] == *id));
    }
}

#[test]
fn the_history_of_a_record_tells_what_was_said_and_not_what_was_only_shown() {
    let mut store = in_memory();
    commit(&mut store, &sheet(1, None, (0..100).map(|number| created(number, "a")).collect()));
    let shown = entry(70, Life::Unchanged, vec![cell(1, Outcome::Unchanged, text("a"))]);
    commit(&mut store, &sheet(2, Some(1), vec![shown]));
    let refused = entry(70, Life::Unchanged, vec![CellEntry { rule: 1, ..cell(1, Outcome::Refused, text("b")) }]);
    commit(&mut store, &sheet(3, Some(2), vec![refused.clone()]));
    let snapshot = store.snapshot().unwrap();
    let history = snapshot.history(record(70)).unwrap();
    assert_eq!(history.len(), 2);
    assert_eq!((history[0].revision, &history[0].entry), (Revision(1), &created(70, "a")));
    assert_eq!((history[1].revision, &history[1].entry), (Revision(3), &refused));
    assert_eq!(history[1].rules[usize::from(refused.cells[0].rule)], "latest");
    assert!(snapshot.history(record(999)).unwrap().is_empty());
    let stored = snapshot.record(&table_name(), record(70)).unwrap().unwrap();
    assert_eq!((stored.version, stored.updated_at), (1, history[0].arrival.at));
}

#[test]
fn arrivals_are_listed_newest_first_page_by_page() {
    let mut store = in_memory();
    commit(&mut store, &sheet(1, None, vec![created(1, "a")]));
    commit(&mut store, &posting(2));
    commit(&mut store, &sheet(3, Some(1), vec![renamed(1, "b")]));
    let snapshot = store.snapshot().unwrap();
    let list = |filter: ArrivalFilter| -> Vec<u64> {
        snapshot.arrivals(&filter).unwrap().iter().map(|line| line.revision.0).collect()
    };
    assert_eq!(list(ArrivalFilter::default()), [3, 2, 1]);
    assert_eq!(list(ArrivalFilter { limit: Some(2), ..ArrivalFilter::default() }), [3, 2]);
    assert_eq!(list(ArrivalFilter { before: Some(Revision(2)), ..ArrivalFilter::default() }), [1]);
    assert_eq!(list(ArrivalFilter { source: Some("sales".into()), ..ArrivalFilter::default() }), [3, 1]);
    assert!(list(ArrivalFilter { source: Some("nobody".into()), ..ArrivalFilter::default() }).is_empty());
    let tally = snapshot.arrivals(&ArrivalFilter::default()).unwrap()[2].tally;
    assert_eq!(tally, Tally { records: 1, applied: 2, ..Tally::default() });
    let seen: Vec<_> = snapshot.sources_last_seen().unwrap().into_iter().map(|seen| seen.source).collect();
    assert_eq!(seen, ["console".into(), "sales".into()]);
}

#[test]
fn a_stored_value_knows_where_it_comes_from() {
    let mut store = in_memory();
    commit(&mut store, &sheet(1, None, vec![created(1, "a")]));
    commit(&mut store, &sheet(2, Some(1), vec![renamed(1, "b")]));
    let union = CellEntry {
        before: Some(Box::new(crate::model::entry::Before { posted: Some(text("posted")), ..Default::default() })),
        ..cell(2, Outcome::Applied, text("seen"))
    };
    let edit = RecordEntry { presence: Presence::Elsewhere, ..entry(1, Life::Archived, vec![union]) };
    commit(&mut store, &Posting { records: vec![edit], ..posting(3) });
    let found = store.snapshot().unwrap().record(&table_name(), record(1)).unwrap().unwrap();
    let by = |field: u16| found.cell(FieldId(field)).unwrap().stamp.arrival;
    assert_eq!([by(0), by(1), by(2)], [1, 2, 3].map(|number| ArrivalId::from_bytes(bytes(2, number))));
    let filled = |field: u16| found.cell(FieldId(field)).unwrap().stamp.filled;
    assert_eq!([filled(0), filled(1), filled(2)], [2, 2, 3], "the row's cells, also those that were seen before");
    assert_eq!(found.value(FieldId(2)), text("posted").value());
    assert!(found.archived && found.version == 3);
}

#[test]
fn tasks_wait_once_and_are_not_lost_when_asked_for_meanwhile() {
    let mut store = in_memory();
    let now = arrival(9, ArrivalKind::Edit, "console").at;
    store.commit(Revision(0), &posting(1), &[publish("finance"), publish("service"), publish("finance")]).unwrap();
    let due = store.tasks_due(now).unwrap();
    assert_eq!(due.iter().map(|task| task.task.target.as_str()).collect::<Vec<_>>(), ["finance", "service"]);
    store.commit(Revision(1), &posting(2), &[publish("finance")]).unwrap();
    assert!(!store.task_done(&due[0]).unwrap(), "it was asked for again");
    assert!(store.task_done(&due[1]).unwrap());
    let left = store.tasks().unwrap();
    assert_eq!((left.len(), left[0].revision), (1, Revision(2)));
    assert!(store.task_done(&left[0]).unwrap() && store.tasks().unwrap().is_empty());
}

#[test]
fn a_task_that_fails_too_often_is_parked_until_it_is_asked_for_again() {
    let mut store = in_memory();
    store.commit(Revision(0), &posting(1), &[publish("finance")]).unwrap();
    for attempt in 1..=ATTEMPTS_MAX {
        let task = store.tasks().unwrap().remove(0);
        let later = Timestamp(task.next_at.0 + 1000);
        assert_eq!(store.task_failed(&task, "the share is offline", later).unwrap(), attempt == ATTEMPTS_MAX);
        assert!(store.tasks_due(task.next_at).unwrap().is_empty());
        assert_eq!(store.tasks_due(later).unwrap().len(), usize::from(attempt < ATTEMPTS_MAX));
    }
    store.commit(Revision(1), &posting(2), &[publish("finance")]).unwrap();
    let task = store.tasks_due(Timestamp(i64::MAX)).unwrap().remove(0);
    assert_eq!((task.attempts, task.parked), (0, false));
}

#[test]
fn reviews_open_are_put_anew_and_close() {
    let mut store = in_memory();
    let first = Posting {
        reviews: vec![open_review(review(1, Some(1))), open_review(review(2, None))],
        ..sheet(1, None, vec![created(1, "a")])
    };
    commit(&mut store, &first);
    let anew = Review { incoming: Some(text("newer")), ..review(1, Some(1)) };
    commit(&mut store, &Posting { reviews: vec![open_review(anew.clone())], ..posting(2) });
    let open = store.snapshot().unwrap().reviews(true).unwrap();
    assert_eq!(open.iter().map(|kept| kept.review.clone()).collect::<Vec<_>>(), [anew.clone(), review(2, None)]);
    commit(&mut store, &Posting { reviews: vec![close_review(1), close_review(2)], ..posting(3) });
    let snapshot = store.snapshot().unwrap();
    assert_eq!((snapshot.open_reviews().unwrap(), snapshot.reviews(true).unwrap()), (0, Vec::new()));
    let closed = snapshot.review(review_id(1)).unwrap().unwrap();
    assert_eq!((closed.review, closed.closed.unwrap().how.as_str()), (anew, "incoming"));
    let unsealed = snapshot.review(review_id(2)).unwrap().unwrap().review;
    assert_eq!(unsealed.incoming, None, "the cells of a review of no record end with it");
    drop(snapshot);
    assert_sound(&mut store);
}

#[test]
fn wanted_reviews_are_found_without_a_look_at_their_cells() {
    let mut store = in_memory();
    let li_lei = || Actor::Person("li.lei@example.com".to_owned());
    let reviews = [
        Review { actor: li_lei(), ..review(1, Some(1)) },
        review(2, Some(1)),
        review(3, None),
        Review { kind: ReviewKind::MissingRow, actor: li_lei(), source: "other".into(), ..review(4, Some(2)) },
        Review { kind: ReviewKind::Plugin, ..review(5, Some(2)) },
        review(6, Some(2)),
    ];
    let records = vec![created(1, "a"), created(2, "b")];
    let reviews = reviews.into_iter().map(open_review).collect();
    let first = Posting { reviews, ..sheet(1, None, records) };
    commit(&mut store, &first);
    commit(&mut store, &Posting { reviews: vec![close_review(6)], ..posting(2) });
    store.conn.execute("UPDATE review SET cells = x'00'", []).unwrap();
    let snapshot = store.snapshot().unwrap();
    snapshot.review(review_id(1)).unwrap_err();
    let of_both = [ReviewKind::Conflict, ReviewKind::MissingRow];
    let (sales, li_lei) = ("sales".into(), li_lei());
    let all = WantedReviews { source: None, actor: None, kinds: &of_both, is_about: &|_| true };
    for (wanted, expected) in [
        (all, vec![1, 2, 4]),
        (WantedReviews { source: Some(&sales), ..all }, vec![1, 2]),
        (WantedReviews { actor: Some(&li_lei), ..all }, vec![1, 4]),
        (WantedReviews { kinds: &of_both[1..], ..all }, vec![4]),
        (WantedReviews { is_about: &|about| about == record(1), ..all }, vec![1, 2]),
    ] {
        let expected: Vec<ReviewId> = expected.into_iter().map(review_id).collect();
        assert_eq!(snapshot.open_reviews_wanted(&wanted).unwrap(), expected);
    }
    assert_eq!(snapshot.arrival(first.arrival.id).unwrap(), Some(first.arrival));
    assert_eq!(snapshot.arrival(ArrivalId::from_bytes([9; 16])).unwrap(), None);
}

#[test]
fn held_rows_are_kept_until_their_review_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = on_disk(&folder);
    let rows = vec![5; 100_000];
    let holding = Posting { reviews: vec![open_review(review(1, None))], ..posting(1) };
    let held = HeldPayload { review: review_id(1), rows: &rows };
    store.commit_along(Revision(0), &holding, Along { held: Some(held), ..Along::default() }).unwrap();
    store.rebuild().unwrap();
    drop(store);
    let mut store = reopen(&folder).unwrap();
    assert_eq!(store.snapshot().unwrap().held(review_id(1)).unwrap().unwrap().as_slice(), rows);
    assert!(store.vault.get_mut().key(review_id(1).as_bytes()).unwrap().is_some());
    store.set_fault_hook(Some(dying_at(FaultPoint::AfterCommit)));
    let closing = Posting { reviews: vec![close_review(1)], ..posting(2) };
    assert!(store.commit(Revision(1), &closing, &[]).is_err());
    drop(store);
    // The crash came before the key was destroyed; the next start does it.
    let mut store = reopen(&folder).unwrap();
    assert!(store.snapshot().unwrap().held(review_id(1)).unwrap().is_none());
    assert!(store.vault.get_mut().key(review_id(1).as_bytes()).unwrap().is_none());
    assert_sound(&mut store);
}

#[test]
fn fields_keep_their_numbers_when_the_configuration_is_put_in_another_order() {
    let mut store = in_memory();
    let mut table = customers();
    table.fields.reverse();
    for (position, field) in table.fields.iter_mut().enumerate() {
        field.id = FieldId(u16::try_from(position).unwrap());
    }
    (table.primary_key, table.owner) = (vec![FieldId(2)], Some(FieldId(0)));
    table.fields.insert(1, field(9, "phone"));
    let mut tables = [table];
    store.adopt(&mut tables).unwrap();
    let numbers: Vec<_> = tables[0].fields.iter().map(|field| (field.name.as_str(), field.id.0)).collect();
    assert_eq!(numbers, [("owner", 2), ("phone", 3), ("name", 1), ("customer_id", 0)]);
    assert_eq!((&tables[0].primary_key, tables[0].owner), (&vec![FieldId(0)], Some(FieldId(2))));
}

#[test]
fn the_last_number_is_remembered_and_recounted_for_a_new_template() {
    let mut store = in_memory();
    let mut odd = created(5, "a");
    odd.cells[0].seen = text("C-99999999999999999");
    commit(&mut store, &sheet(1, None, vec![created(41, "a"), odd]));
    let last = |store: &mut Store| store.snapshot().unwrap().last_number(&table_name(), FieldId(0)).unwrap();
    assert_eq!(last(&mut store), Some(41), "a typed number far out of the way does not count");
    let changed = entry(41, Life::Unchanged, vec![cell(0, Outcome::Applied, text("K7"))]);
    commit(&mut store, &sheet(2, Some(1), vec![changed]));
    assert_eq!(last(&mut store), Some(41), "a number that was given is not given again");
    let mut table = customers();
    table.fields[0].generate = Some(Generator { prefix: "K".to_owned(), width: 1, suffix: String::new() });
    store.adopt(&mut [table]).unwrap();
    assert_eq!(last(&mut store), Some(7));
    assert_sound(&mut store);
    store.adopt(&mut [customers()]).unwrap();
    assert_eq!(last(&mut store), Some(41), "from the whole journal, not from what is there now");
    assert_sound(&mut store);
}
