//! What the simulation has found, told once more as short days. Each is named after the defect.

use std::ops::ControlFlow;

use daybook::model::{Actor, ReviewKind};
use daybook::pipeline::Decision;

use super::dice::Dice;
use super::office::{Ended, Office, Setting};
use super::people::{Copy, FIELDS, Log, OWN};
use super::sheet::{ANSWER, NOTE, Sheet};

/// An office whose sales department keeps `C-1` to `C-4`, each with a name, a phone and a limit.
struct Story {
    office: Office,
    log: Log,
}

impl Story {
    fn begin(missing_rows: &'static str, guarded: bool) -> Self {
        Self::begin_with(Setting { missing_rows, guarded, ..Setting::default() })
    }

    fn begin_with(setting: Setting) -> Self {
        let office = Office::new(1, setting);
        let mut story = Self { office, log: Log::default() };
        let columns = FIELDS.iter().map(|field| (*field).to_owned()).collect();
        let mut copy = Copy::new(0, Sheet { columns, ..Sheet::default() });
        for number in 1..=4 {
            let mut row = vec![None; FIELDS.len()];
            row[0] = Some(format!("C-{number}"));
            for (column, field) in [(1, "name"), (2, "phone"), (4, "limit")] {
                row[column] = Some(format!("{field}-{number}"));
            }
            copy.sheet.rows.push(row);
        }
        story.save(&mut copy);
        story
    }

    /// The service department has a workbook with answers too. Of two customers it has only the keys.
    fn with_own(rows: &'static str) -> Self {
        let mut story = Self::begin_with(Setting { rows, ..Setting::default() });
        let titles = FIELDS.iter().chain([&NOTE, &ANSWER]);
        let mut copy =
            Copy::new(OWN, Sheet { columns: titles.map(|title| (*title).to_owned()).collect(), ..Sheet::default() });
        for key in ["C-1", "C-2"] {
            story.log.add(&mut copy, key).expect("it is a new row");
        }
        story.save(&mut copy);
        story
    }

    /// What a cell of the service department's workbook shows.
    fn shows(&mut self, key: &str, title: &str) -> String {
        let copy = self.open(OWN);
        let column = copy.sheet.column(title).expect("the column is there");
        copy.sheet.rows[row_of(&copy, key)][column].clone().unwrap_or_default()
    }

    fn open(&mut self, source: usize) -> Copy {
        let bytes = self.office.disk.bytes(&Office::path(source)).expect("the file is there");
        self.log.open(source, &bytes).expect("the file can be read")
    }

    /// Saves without a name, and lets Daybook do all there is to do.
    fn save(&mut self, copy: &mut Copy) {
        self.office.clock.advance(60_000);
        let bytes = self.log.save(copy, 0, false, 1_700_000_000_000);
        self.office.disk.save(&Office::path(copy.source), bytes, false);
        self.pass();
    }

    fn pass(&mut self) {
        for _ in 0..2 {
            assert!(matches!(self.office.pass(None), Ended::Done(_)));
        }
    }

    fn type_in(&mut self, copy: &mut Copy, key: &str, field: &'static str, value: &str) {
        let row = row_of(copy, key);
        self.log.type_in(copy, 0, row, field, Some(value.to_owned())).expect("it is another value");
    }

    /// What the ledger has of a record's field; whether it is archived.
    fn stored(&mut self, key: &str, field: &str) -> (String, bool) {
        let fields = self.office.fields();
        let number = |name: &str| *fields.iter().find(|(_, field)| **field == name).expect("a field").0;
        let (id, field) = (number("id"), number(field));
        let table = self.office.pipeline().config().tables[0].name.clone();
        let snapshot = self.office.pipeline().store().snapshot().expect("the store can be read");
        let mut found = None;
        let search = |record: daybook::model::StoredRecord| {
            if record.value(id).is_some_and(|value| value.to_string() == key) {
                found = Some((record.value(field).map(ToString::to_string).unwrap_or_default(), record.archived));
            }
            ControlFlow::Continue(())
        };
        snapshot.for_each_record(&table, search).expect("the ledger can be read");
        found.expect("the record is there")
    }

    fn questions(&mut self) -> Vec<daybook::model::Review> {
        let snapshot = self.office.pipeline().store().snapshot().expect("the store can be read");
        snapshot.reviews(true).expect("the queue can be read").into_iter().map(|kept| kept.review).collect()
    }
}

fn row_of(copy: &Copy, key: &str) -> usize {
    (0..copy.sheet.rows.len()).find(|row| copy.sheet.key(*row) == Some(key)).expect("the row is there")
}

#[test]
fn an_old_copy_brings_no_deleted_row_back() {
    let mut story = Story::begin("archive", false);
    let mut old = story.open(1);
    let mut sales = story.open(0);
    sales.delete(row_of(&sales, "C-3"));
    story.save(&mut sales);
    assert!(story.stored("C-3", "name").1);
    Dice::new(1, 1).shuffle(&mut old.sheet.rows);
    story.save(&mut old);
    assert!(story.stored("C-3", "name").1, "it was only sorted");
    let view = story.open(1);
    assert_eq!(view.sheet.rows.len(), 3);
}

#[test]
fn a_row_that_a_colleague_edited_meanwhile_is_not_archived_by_an_old_copy() {
    let mut story = Story::begin("archive", false);
    let (mut old, mut new) = (story.open(0), story.open(0));
    for (key, value) in [("C-1", "a"), ("C-2", "b"), ("C-3", "c"), ("C-4", "d")] {
        story.type_in(&mut new, key, "name", value);
    }
    story.save(&mut new);
    old.delete(row_of(&old, "C-1"));
    story.type_in(&mut old, "C-2", "phone", "e");
    story.save(&mut old);
    assert_eq!(story.stored("C-1", "name"), ("a".to_owned(), false));
    assert!(story.questions().iter().any(|review| review.kind == ReviewKind::MissingRow));
}

/// The workbook never showed what finance had changed, so whoever deletes the row has not seen it, however long ago that was.
#[test]
fn a_row_is_not_archived_whose_value_the_workbook_never_showed() {
    let mut story = Story::begin("archive", false);
    let mut view = story.open(1);
    story.type_in(&mut view, "C-1", "name", "a");
    story.save(&mut view);
    let mut sales = story.open(0);
    story.type_in(&mut sales, "C-2", "name", "b");
    story.save(&mut sales);
    sales.delete(row_of(&sales, "C-1"));
    story.save(&mut sales);
    assert_eq!(story.stored("C-1", "name"), ("a".to_owned(), false));
    assert_eq!(story.questions().iter().map(|review| review.kind).collect::<Vec<_>>(), [ReviewKind::MissingRow]);
}

#[test]
fn a_row_that_is_added_again_clears_nothing_that_it_leaves_empty() {
    let mut story = Story::begin("keep", false);
    let mut sales = story.open(0);
    sales.delete(row_of(&sales, "C-3"));
    story.save(&mut sales);
    let mut row = vec![None; sales.sheet.columns.len()];
    row[0] = Some("C-3".to_owned());
    sales.sheet.rows.push(row);
    story.type_in(&mut sales, "C-3", "name", "other");
    story.save(&mut sales);
    assert_eq!(story.stored("C-3", "phone"), ("phone-3".to_owned(), false));
    // She had not seen the name that is stored either.
    assert_eq!(story.stored("C-3", "name"), ("name-3".to_owned(), false));
    assert_eq!(story.questions().iter().map(|review| review.kind).collect::<Vec<_>>(), [ReviewKind::Conflict]);
}

#[test]
fn a_view_is_written_anew_when_its_held_save_is_refused() {
    let mut story = Story::begin("archive", true);
    let mut view = story.open(1);
    for key in ["C-1", "C-2", "C-3", "C-4"] {
        for field in ["name", "limit"] {
            let value = format!("{field} of {key}");
            story.type_in(&mut view, key, field, &value);
        }
    }
    for key in ["C-1", "C-2"] {
        view.delete(row_of(&view, key));
    }
    story.save(&mut view);
    let held = story.questions().pop().expect("the save is held");
    assert_eq!(held.kind, ReviewKind::MassChange);
    let ended = story.office.run(None, |pipeline| pipeline.decide(&held, &Decision::Reject, &Actor::Steward));
    assert!(matches!(ended, Ended::Done(_)));
    story.pass();
    let view = story.open(1);
    let names: Vec<_> = view.sheet.rows.iter().map(|row| row[1].clone().unwrap_or_default()).collect();
    assert_eq!(names, ["name-1", "name-2", "name-3", "name-4"]);
}

#[test]
fn what_is_refused_is_told_beside_what_waits() {
    let mut story = Story::with_own("existing");
    let mut own = story.open(OWN);
    let mut sales = story.open(0);
    story.type_in(&mut sales, "C-1", "name", "theirs");
    story.save(&mut sales);
    story.type_in(&mut own, "C-1", "name", "ours");
    story.type_in(&mut own, "C-1", "credit", "a lot");
    story.save(&mut own);
    let both = "Waiting for a decision: name; Not saved: credit: you may not change this";
    assert_eq!(story.shows("C-1", ANSWER), both);
    story.pass();
    assert_eq!(story.shows("C-1", ANSWER), both, "it stays so until something happens");
    let question = story.questions().pop().expect("a conflict is open");
    let ended = story.office.run(None, |pipeline| pipeline.decide(&question, &Decision::Incoming, &Actor::Steward));
    assert!(matches!(ended, Ended::Done(_)));
    story.pass();
    // What was refused when the row was first seen stands there still.
    assert_eq!(story.shows("C-1", ANSWER), "Not saved: credit: you may not change this");
}

#[test]
fn what_was_refused_is_told_again_when_an_old_copy_repeats_it() {
    let mut story = Story::with_own("existing");
    let mut view = story.open(1);
    story.type_in(&mut view, "C-1", "credit", "little");
    story.save(&mut view);
    let mut own = story.open(OWN);
    story.type_in(&mut own, "C-1", "credit", "a lot");
    story.save(&mut own);
    let told = ("little".to_owned(), "Not saved: credit: you may not change this".to_owned());
    assert_eq!((story.shows("C-1", "credit"), story.shows("C-1", ANSWER)), told);
    // In the window that she still has open nothing of that is to be seen.
    story.type_in(&mut own, "C-2", "memo", "b");
    story.save(&mut own);
    assert_eq!((story.shows("C-1", "credit"), story.shows("C-1", ANSWER)), told);
    assert_eq!(story.shows("C-2", ANSWER), "Saved");
}

#[test]
fn an_answer_that_an_old_copy_lacks_is_written_again() {
    let mut story = Story::with_own("existing");
    let mut own = story.open(OWN);
    let row = story.log.add(&mut own, "C-9").expect("it is a new row");
    story.log.type_in(&mut own, 0, row, "name", Some("a".to_owned())).expect("it is another value");
    story.save(&mut own);
    assert_eq!(story.shows("C-9", ANSWER), "Saved");
    story.type_in(&mut own, "C-2", "memo", "b");
    story.save(&mut own);
    assert_eq!(story.shows("C-9", ANSWER), "Saved");
}

#[test]
fn what_was_refused_is_told_in_a_row_that_is_appended_anew() {
    let mut story = Story::with_own("all");
    let mut old = story.open(OWN);
    let mut own = story.open(OWN);
    let row = story.log.add(&mut own, "C-9").expect("it is a new row");
    story.log.type_in(&mut own, 0, row, "credit", Some("a lot".to_owned())).expect("it is another value");
    story.office.disk.lock(&Office::path(OWN), true);
    story.save(&mut own);
    assert_eq!(story.shows("C-9", ANSWER), "", "somebody has it open");
    story.office.disk.lock(&Office::path(OWN), false);
    story.type_in(&mut old, "C-2", "memo", "b");
    story.save(&mut old);
    assert_eq!(story.shows("C-9", ANSWER), "Not saved: credit: you may not change this");
}

#[test]
fn what_others_change_takes_no_refusal_back_that_was_told() {
    let mut story = Story::with_own("existing");
    let mut own = story.open(OWN);
    story.type_in(&mut own, "C-1", "credit", "a lot");
    story.save(&mut own);
    let mut view = story.open(1);
    story.type_in(&mut view, "C-1", "name", "b");
    story.save(&mut view);
    assert_eq!(story.shows("C-1", "name"), "b");
    assert_eq!(story.shows("C-1", ANSWER), "Not saved: credit: you may not change this");
}
