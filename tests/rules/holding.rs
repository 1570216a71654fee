//! Rows that are held, and what becomes of them.

use daybook::model::Actor;

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
