//! The oracle can fail: a day on which all is well, and each defect that it is there for, planted by hand.

use std::collections::BTreeMap;

use super::books;
use super::oracle::{Edit, KEY, Log, Met};
use super::world::{Line, Question, World};

fn edit(book: &'static str, key: &str, field: &'static str, value: &str) -> Edit {
    Edit {
        book,
        key: key.to_owned(),
        field,
        value: value.to_owned(),
        is_forbidden: book == "desk" && field == "credit",
        spell: 0,
    }
}

fn line(edit: &Edit, outcome: &str) -> Line {
    Line {
        key: edit.key.clone(),
        field: edit.field.to_owned(),
        value: edit.value.clone(),
        source: edit.book.to_owned(),
        outcome: outcome.to_owned(),
    }
}

/// Two records; an edit that was applied, one that was refused, one that is asked about, and a row without a key.
fn day() -> (Log, World) {
    let start = books::start(2);
    let mut world = World::default();
    for (key, fields) in &start {
        for (field, value) in fields {
            world.history.push(line(&edit("office", key, field, value), "applied"));
        }
        let fields = fields.iter().map(|(field, value)| ((*field).to_owned(), value.clone()));
        world.records.insert(key.clone(), fields.collect());
    }
    let applied = edit("office", "C-1", "name", "Name 50");
    let refused = edit("desk", "C-2", "credit", "1060");
    let asked = edit("till", "C-1", "name", "Name 70");
    let keyless = edit("desk", "Name 80", "name", "Name 80");
    world.history.push(line(&applied, "applied"));
    world.history.push(line(&refused, "refused"));
    world.history.push(line(&asked, "conflict"));
    world.history.push(line(&Edit { key: "C-3".to_owned(), ..keyless.clone() }, "applied"));
    record(&mut world, "C-1").insert("name".to_owned(), "Name 50".to_owned());
    let new = [(KEY, "C-3"), ("name", "Name 80")].map(|(field, value)| (field.to_owned(), value.to_owned()));
    world.records.insert("C-3".to_owned(), new.into());
    world.questions.push(Question {
        id: "q".to_owned(),
        kind: "conflict".to_owned(),
        key: "C-1".to_owned(),
        field: "name".to_owned(),
        stored: "Name 50".to_owned(),
        incoming: "Name 70".to_owned(),
        source: "till".to_owned(),
    });
    for book in &books::BOOKS {
        let shown = world.records.values().filter(|record| book.name != "till" || record[KEY] != "C-3");
        let row = |record: &BTreeMap<String, String>| {
            let cell = |field: &str| (field.to_owned(), record.get(field).cloned().unwrap_or_default());
            book.fields().map(cell).collect()
        };
        world.books.insert(book.name, shown.map(row).collect());
    }
    // What waits for a decision stays as typed.
    book(&mut world, "till")[0].insert("name".to_owned(), "Name 70".to_owned());
    world.growing.insert("office");
    let edits = vec![applied, refused, asked, keyless];
    (Log { start, edits, keyless: [("Name 80".to_owned(), "desk")].into(), ..Log::default() }, world)
}

fn book<'w>(world: &'w mut World, name: &str) -> &'w mut Vec<BTreeMap<String, String>> {
    world.books.get_mut(name).expect("a workbook")
}

fn record<'w>(world: &'w mut World, key: &str) -> &'w mut BTreeMap<String, String> {
    world.records.get_mut(key).expect("a record")
}

#[test]
fn a_day_without_defects_is_fine() {
    let (log, world) = day();
    let met = Met { applied: 2, superseded: 0, conflicts: 1, refused: 1, typed_over: 0 };
    assert_eq!(log.judge(&world), (Vec::new(), met));
}

/// Plants a defect and holds that the oracle finds it.
#[track_caller]
fn finds(what: &str, plant: impl FnOnce(&mut Log, &mut World)) {
    let (mut log, mut world) = day();
    plant(&mut log, &mut world);
    let (violations, _) = log.judge(&world);
    assert!(violations.iter().any(|violation| violation.contains(what)), "`{what}` is not in {violations:#?}");
}

#[test]
fn lost_and_phantom_edits_are_found() {
    finds("was taken 0 times", |_, world| world.history.retain(|line| line.value != "Name 50"));
    finds("was taken 2 times", |_, world| {
        let twice = world.history.iter().find(|line| line.value == "Name 50").cloned();
        world.history.extend(twice);
    });
    finds("nobody typed this", |log, _| {
        log.edits.remove(0);
    });
    finds("nobody typed this", |_, world| {
        // An old value may be asked about in a text file only, and never be taken.
        let old = edit("till", "C-1", "name", "Name 50");
        world.history.push(line(&old, "applied"));
    });
    finds("nobody typed this", |_, world| {
        world.history.push(line(&edit("desk", "C-1", "name", "Name 50"), "conflict"));
    });
    finds("came out as `refused`", |log, _| log.edits[1].is_forbidden = false);
    finds("came out as `applied`", |log, _| log.edits[0].is_forbidden = true);
    finds("`Name 50` was applied last", |_, world| {
        record(world, "C-1").insert("name".to_owned(), "Name 1".to_owned());
    });
}

#[test]
fn needless_and_forgotten_questions_are_found() {
    finds("is a conflict that nobody is asked about", |_, world| world.questions.clear());
    finds("came out as `conflict`", |log, _| {
        log.edits.remove(0);
    });
    finds("nothing asked for this question", |_, world| world.questions[0].incoming = "Name 71".to_owned());
    finds("nothing asked for this question", |_, world| world.questions[0].kind = "ambiguous".to_owned());
    finds("was decided for, and it is not there", |log, _| {
        log.decided.push(("C-1".to_owned(), "name".to_owned(), "Name 70".to_owned()));
    });
}

#[test]
fn lost_and_doubled_records_are_found() {
    finds("the record C-2 is lost", |_, world| {
        world.records.remove("C-2");
    });
    finds("nobody made the record C-9", |_, world| {
        world.records.insert("C-9".to_owned(), BTreeMap::new());
    });
    finds("C-2 and C-1 both have the note", |_, world| {
        let note = world.records["C-1"]["note"].clone();
        record(world, "C-2").insert("note".to_owned(), note);
    });
    finds("without a key in desk became", |_, world| {
        let again = world.history.last().cloned().expect("a line");
        world.history.push(Line { key: "C-4".to_owned(), ..again });
    });
}

#[test]
fn what_a_workbook_shows_wrongly_is_found() {
    finds("it shows `Name 1`, and `Name 50` is stored", |_, world| {
        book(world, "desk")[0].insert("name".to_owned(), "Name 1".to_owned());
    });
    finds("it shows `1060`, and `1002` is stored", |_, world| {
        book(world, "desk")[1].insert("credit".to_owned(), "1060".to_owned());
    });
    finds("desk has lost its row `C-2`", |_, world| {
        book(world, "desk").remove(1);
    });
    finds("office has lost its row `C-3`", |_, world| {
        book(world, "office").pop();
    });
    finds("desk has two rows of `C-1`", |_, world| {
        let rows = book(world, "desk");
        rows.push(rows[0].clone());
    });
    finds("that is no record", |_, world| {
        book(world, "desk")[2].insert(KEY.to_owned(), String::new());
    });
}
