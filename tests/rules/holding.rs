//! Rows that are held, and what becomes of them.

use daybook::model::{Actor, ReviewKind};

use super::*;

const NAMES: &str = "reads = [\"name\"]";

fn checker() -> Rules {
    Rules { validate: Some(not_bad), ..Rules::default() }
}

/// The staff's workbook is written into and answered.
const TWO_WAY: &str = "sync = \"two-way\"";

#[test]
fn a_new_row_is_held_whole_and_a_corrected_one_is_taken() {
    let mut office = Office::with(NAMES, TWO_WAY, checker());
    let report = office.take("staff", &["id|name|phone|Daybook", "C-1|bad|1|", "C-2|Bronze|2|"]);
    assert_eq!((codes(&report), report.held), (vec!["plugin-held"], 3), "{report:?}");
    assert!(office.record("C-1").is_none());
    let answers = [
        "id|name|phone|Daybook",
        "C-1|bad|1|Waiting for a decision; Not saved: name: so nobody is called",
        "C-2|Bronze|2|Saved",
    ];
    assert_eq!(office.lines("staff"), answers);
    office.is_quiet();
    office.take("staff", &["id|name|phone|Daybook", "C-1|bad|1|", "C-2|Brass|2|"]);
    assert_eq!(office.reviews().len(), 1, "another row's change asks nothing anew");
    office.take("staff", &["id|name|phone|Daybook", "C-1|good|1|", "C-2|Brass|2|"]);
    assert_eq!((office.value("C-1", "name"), office.reviews().len()), ("good".into(), 0));
    office.is_quiet();
}

#[test]
fn a_rejected_row_is_not_asked_about_again_and_an_accepted_one_is_stored() {
    for (decision, stored) in [(Decision::Accept, true), (Decision::Reject, false)] {
        let mut office = Office::new(NAMES, checker());
        office.take("staff", &["id|name", "C-1|bad", "C-2|Bronze"]);
        office.decide(&decision).expect("it is decided");
        assert_eq!(office.record("C-1").is_some(), stored);
        office.sync();
        assert!(office.reviews().is_empty());
        office.is_quiet();
        let report = office.take("staff", &["id|name", "C-1|bad", "C-2|Brass"]);
        assert_eq!((report.changes, office.reviews().len()), (1, 0), "{report:?}");
        office.is_quiet();
    }
}

#[test]
fn what_others_do_meanwhile_decides_nothing() {
    let mut office = Office::new(NAMES, checker());
    office.take("staff", &["id|name|phone", "C-1|Amber|1"]);
    office.take("staff", &["id|name|phone", "C-1|bad|2"]);
    let asked = office.reviews();
    assert_eq!((asked.len(), asked[0].kind, asked[0].group.len()), (1, ReviewKind::Plugin, 2));
    // Another says the same of the phone: less of the row is news.
    office.set("C-1", "phone", "2", &Actor::Steward).expect("it is set");
    office.sync();
    office.take("staff", &["id|name|phone", "C-1|bad|2", "C-2|Bronze|"]);
    let open = office.reviews();
    assert_eq!((open.len(), open[0].group.len()), (1, 1), "it is asked on about what is left: {open:?}");
    assert_eq!(open[0].id, asked[0].id);
    office.is_quiet();
    // Another does all that the row says: there is nothing left to ask.
    office.replace(Rules { normalise: Some(|_| Vec::new()), ..Rules::default() });
    office.set("C-1", "name", "bad", &Actor::Steward).expect("it is set");
    office.replace(checker());
    office.take("staff", &["id|name|phone", "C-1|bad|2", "C-2|Brass|"]);
    assert!(office.reviews().is_empty());
    office.is_quiet();
}

#[test]
fn a_mass_change_is_held_as_one_also_where_a_plugin_would_hold_each_row() {
    let mut office = Office::new(NAMES, checker());
    let rows = |name: &str| {
        let rows = (1..=30).map(|number| {
            format!("C-{number}|{name}{}", if name == "bad" { String::new() } else { number.to_string() })
        });
        std::iter::once("id|name".to_owned()).chain(rows).collect::<Vec<_>>()
    };
    let save = |office: &mut Office, name: &str| {
        let rows = rows(name);
        office.take("staff", &rows.iter().map(String::as_str).collect::<Vec<_>>())
    };
    save(&mut office, "n");
    let report = save(&mut office, "bad");
    assert_eq!(codes(&report), ["mass-change"], "{report:?}");
    assert_eq!(office.reviews().len(), 1);
    // Accepted, it is put to the plugin.
    office.decide(&Decision::Accept).expect("it is accepted");
    assert_eq!(office.reviews().len(), 30);
    assert!(office.reviews().iter().all(|review| review.kind == ReviewKind::Plugin));
    assert_eq!(office.value("C-7", "name"), "n7");
    office.sync();
    assert_eq!(office.reviews().len(), 30, "what waits already is no new mass change");
}

#[test]
fn a_corrected_command_takes_its_question_back() {
    let mut office = Office::new(NAMES, checker());
    office.take("staff", &["id|name|phone", "C-1|Amber|1", "C-2|Bronze|1"]);
    let li = Actor::Person("li.lei@example.com".into());
    let report = office.set("C-1", "name", "bad", &li).expect("it is held");
    assert_eq!((report.held, codes(&report)), (1, vec!["plugin-held"]), "{report:?}");
    office.set("C-2", "name", "bad", &li).expect("it is held");
    office.set("C-1", "name", "bad", &Actor::Steward).expect("it is held, too");
    assert_eq!(office.reviews().len(), 3);
    office.set("C-1", "name", "bad", &li).expect("it is held");
    assert_eq!(office.reviews().len(), 3, "the same again is one question");
    office.set("C-1", "code", "x", &li).expect("it is taken");
    assert_eq!(office.reviews().len(), 3, "of the name that says nothing");
    office.set("C-1", "name", "Ambra", &li).expect("it is taken");
    assert_eq!(office.value("C-1", "name"), "Ambra");
    let open: Vec<(Actor, Option<RecordId>)> =
        office.reviews().into_iter().map(|review| (review.actor, review.record)).collect();
    let others = [(li, office.record("C-2")), (Actor::Steward, office.record("C-1"))];
    assert!(open.len() == 2 && others.iter().all(|other| open.contains(other)), "others' questions stand: {open:?}");
    office.is_quiet();
}

#[test]
fn rows_without_an_answer_are_held_or_taken_and_told_once() {
    let cases =
        [("hold", vec!["plugin-groans", "plugin-held"], 1), ("skip", vec!["plugin-groans", "plugin-skipped"], 2)];
    for (on_failure, told, taken) in cases {
        let rules = Rules { fails: Some(|seen| seen.get("name") == "trap"), complains: true, ..checker() };
        let mut office = Office::new(&format!("{NAMES}\non_failure = \"{on_failure}\""), rules);
        let report = office.take("staff", &["id|name", "C-1|trap", "C-2|Bronze"]);
        let mut found = codes(&report);
        found.sort_unstable();
        assert_eq!(found, told, "{report:?}");
        let stored = [office.record("C-1"), office.record("C-2")].into_iter().flatten().count();
        assert_eq!(stored, taken);
        let report = office.take("staff", &["id|name", "C-1|trap", "C-2|Brass"]);
        assert!(report.problems.is_empty(), "what was told is not told again: {report:?}");
        office.is_quiet();
    }
}

#[test]
fn decisions_and_reverts_are_the_stewards_own() {
    let mut office = Office::new(NAMES, checker());
    office.take("staff", &["id|name", "C-1|Amber"]);
    office.take("staff", &["id|name", "C-1|bad"]);
    office.decide(&Decision::Accept).expect("it is accepted");
    assert_eq!(office.value("C-1", "name"), "bad");
    office.sync();
    office.is_quiet();
    let changed = {
        let snapshot = office.pipeline.store().snapshot().expect("the store can be read");
        let lines = snapshot.arrivals(&daybook::store::ArrivalFilter::default()).expect("the store can be read");
        lines.into_iter().find(|line| line.tally.applied == 1).expect("the decision").arrival.id
    };
    office.asked();
    office.pipeline.revert(changed, &Actor::Steward, false).expect("it is reverted");
    assert_eq!((office.value("C-1", "name"), office.asked()), ("Amber".into(), Vec::new()));
    office.sync();
    office.is_quiet();
}

#[test]
fn a_rejected_row_stays_refused_when_the_plugin_finds_nothing_in_it_any_more() {
    // A new row, and a changed one; the plugin is corrected before or after the workbook is read again.
    for (changed, early) in [("C-1|bad|1|", true), ("C-2|bad|2|", true), ("C-1|bad|1|", false), ("C-2|bad|2|", false)] {
        let mut office = Office::with(NAMES, TWO_WAY, checker());
        office.take("staff", &["id|name|phone|Daybook", "C-2|Bronze|2|"]);
        let others = if changed.starts_with("C-1") { vec!["C-2|Bronze|2|"] } else { Vec::new() };
        let lines = [vec!["id|name|phone|Daybook", changed], others].concat();
        office.take("staff", &lines);
        office.decide(&Decision::Reject).expect("it is rejected");
        if early {
            office.replace(Rules { validate: Some(|_| Vec::new()), ..Rules::default() });
        }
        office.sync();
        office.replace(Rules { validate: Some(|_| Vec::new()), ..Rules::default() });
        let mut lines: Vec<String> = office.lines("staff");
        assert_eq!(lines[1], format!("{changed}Not saved: the save was rejected"));
        lines.push("C-3|Copper|3|".to_owned());
        let report = office.take("staff", &lines.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!((report.held, office.reviews().len()), (0, 0), "{report:?}");
        assert!(office.record("C-1").is_none());
        assert_eq!((office.value("C-2", "name"), office.value("C-3", "name")), ("Bronze".into(), "Copper".into()));
        assert_eq!(office.lines("staff")[1], format!("{changed}Not saved: the save was rejected"));
        office.is_quiet();
        // What its author changes is put to the plugin again.
        lines[1] = changed.replace("bad", "good");
        office.take("staff", &lines.iter().map(String::as_str).collect::<Vec<_>>());
        let key = changed.split('|').next().expect("a key");
        assert_eq!(office.value(key, "name"), "good");
        office.is_quiet();
    }
}

#[test]
fn a_row_that_was_accepted_is_not_rejected_by_what_others_change_before_it_is_read_again() {
    let mut office = Office::new(NAMES, checker());
    office.take("staff", &["id|name", "C-1|Amber"]);
    office.take("staff", &["id|name", "C-1|bad"]);
    office.decide(&Decision::Accept).expect("it is accepted");
    office.set("C-1", "name", "Ambra", &Actor::Steward).expect("it is set");
    office.sync();
    let open: Vec<ReviewKind> = office.reviews().iter().map(|review| review.kind).collect();
    assert_eq!((open, office.value("C-1", "name")), (vec![ReviewKind::Conflict], "Ambra".into()));
}

/// A plugin that breaks off at every row.
fn broken() -> Rules {
    Rules { fails: Some(|_| true), ..checker() }
}

#[test]
fn rows_that_a_plugin_had_no_answer_for_are_taken_when_it_is_well_again() {
    for book in ["", TWO_WAY] {
        let mut office = Office::with(NAMES, book, broken());
        let report = office.take("staff", &["id|name|Daybook", "C-1|Amber|", "C-2|Bronze|"]);
        let held: Vec<_> = report.problems.iter().filter(|problem| problem.code == "plugin-held").collect();
        assert_eq!(held.len(), 2, "{report:?}");
        let hint = &held[0].hint;
        assert!(hint.starts_with("It is put to the plugin again when that is well"), "{hint}");
        if book == TWO_WAY {
            let answer = "Waiting for a decision; Not saved: a check could not be run; IT has been told";
            assert_eq!(office.lines("staff")[1], format!("C-1|Amber|{answer}"));
        }
        office.is_quiet();
        office.replace(checker());
        office.sync();
        assert_eq!((office.value("C-1", "name"), office.reviews().len()), ("Amber".into(), 0), "{book}");
        office.is_quiet();
    }
}

/// Thirty new customers.
fn many() -> Vec<String> {
    let customers = (1..=30).map(|number| format!("C-{number}|n{number}"));
    std::iter::once("id|name".to_owned()).chain(customers).collect()
}

/// An office with one question, about a first save of thirty rows for none of which the plugin had an answer.
fn office_of_many() -> Office {
    let mut office = Office::new(NAMES, Rules { complains: true, ..broken() });
    let lines = many();
    let report = office.take("staff", &lines.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(codes(&report), ["mass-change"], "{report:?}");
    assert_eq!(
        report.problems[0].message,
        "staff.csv: plugins hold 30 of 30 rows: `own` found `plugin-failed`. The whole save is held; nothing of it was taken over."
    );
    let open = office.reviews();
    assert_eq!((open.len(), open[0].kind), (1, ReviewKind::MassChange));
    assert_eq!((open[0].held.len(), open[0].held[0].plugin()), (1, ("own", Some("1.2.0"))), "{open:?}");
    office.is_quiet();
    office
}

#[test]
fn a_mass_of_new_rows_that_are_held_is_one_question() {
    // The plugin is well again.
    let mut office = office_of_many();
    office.replace(checker());
    let report = office.sync();
    assert_eq!((codes(&report), office.reviews().len()), (Vec::new(), 0), "{report:?}");
    assert_eq!(office.value("C-30", "name"), "n30");
    office.is_quiet();
    // The steward takes the rows as they are.
    let mut office = office_of_many();
    office.decide(&Decision::Accept).expect("it is accepted");
    assert_eq!((office.value("C-30", "name"), office.reviews().len()), ("n30".into(), 0));
    office.is_quiet();
    // Or she takes none of them, and that stands.
    let mut office = office_of_many();
    office.decide(&Decision::Reject).expect("it is rejected");
    office.replace(checker());
    office.sync();
    assert_eq!((office.record("C-30"), office.reviews().len()), (None, 0));
    office.is_quiet();
}

#[test]
fn the_question_says_which_plugin_holds_the_row_and_why() {
    let mut office = Office::new(NAMES, checker());
    office.take("staff", &["id|name", "C-1|Amber"]);
    office.take("staff", &["id|name", "C-1|bad"]);
    let held = office.reviews().remove(0).held;
    assert_eq!(held.len(), 1);
    assert_eq!((held[0].plugin(), held[0].rule.as_str()), (("own", Some("1.2.0")), RULE));
    assert_eq!((held[0].code.as_str(), held[0].message.as_str()), ("bad-name", "so nobody is called"));
    // Another version finds something else.
    let otherwise = |seen: &Seen<'_>| {
        let found = (Severity::Error, None, "too-bad", "it is worse".to_owned());
        (seen.get("name") == "bad").then_some(found).into_iter().collect()
    };
    office.replace(Rules { validate: Some(otherwise), ..Rules::default() });
    office.sync();
    let open = office.reviews();
    assert_eq!((open.len(), open[0].held[0].code.as_str()), (1, "too-bad"), "{open:?}");
    office.is_quiet();
    office.decide(&Decision::Accept).expect("it is accepted");
    assert_eq!(office.last("C-1", "name"), (Outcome::Applied, format!("decision, {RULE}")));
}

#[test]
fn a_held_row_whose_number_daybook_hands_out_can_be_accepted_and_rejected() {
    for (decision, book) in [(Decision::Accept, ""), (Decision::Accept, TWO_WAY), (Decision::Reject, TWO_WAY)] {
        let numbered = OFFICE.replace("name = \"id\"\n", "name = \"id\"\ngenerate = \"C-{:03}\"\n");
        let mut office = Office::of(&numbered, NAMES, book, checker());
        office.take("staff", &["id|name|phone|Daybook", "|good|1|", "|bad|2|"]);
        assert_eq!((office.value("C-001", "name"), office.reviews().len()), ("good".into(), 1));
        office.decide(&decision).expect("it is decided");
        office.sync();
        assert!(office.reviews().is_empty());
        if decision == Decision::Accept {
            assert_eq!((office.value("C-002", "name"), office.value("C-002", "phone")), ("bad".into(), "2".into()));
        } else {
            assert_eq!(office.record("C-002"), None);
            assert_eq!(office.lines("staff")[2], "|bad|2|Not saved: the save was rejected");
        }
        if (&decision, book) == (&Decision::Accept, TWO_WAY) {
            assert_eq!(office.lines("staff")[2], "C-002|bad|2|Saved");
        }
        office.is_quiet();
    }
}

#[test]
fn an_accepted_row_gets_what_plugins_set_beside_it() {
    let rules = Rules { classify: Some(|seen| vec![("segment", format!("as {}", seen.get("name")))]), ..checker() };
    let mut office = Office::new("reads = [\"name\"]\nwrites = [\"segment\"]", rules);
    office.take("staff", &["id|name", "C-1|Amber"]);
    office.take("staff", &["id|name", "C-1|bad", "C-2|bad"]);
    for _ in 0..2 {
        office.decide(&Decision::Accept).expect("it is accepted");
    }
    for key in ["C-1", "C-2"] {
        assert_eq!((office.value(key, "name"), office.value(key, "segment")), ("bad".into(), "as bad".into()));
        assert_eq!(office.last(key, "segment"), (Outcome::Applied, RULE.to_owned()));
    }
    office.sync();
    office.is_quiet();
}
