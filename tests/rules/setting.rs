//! Normalised values, and values that plugins set beside what was typed.

use daybook::model::{Actor, Outcome};

use super::*;

/// Telephone numbers are their digits.
fn digits(seen: &Seen<'_>) -> Vec<Set> {
    let phone = seen.get("phone");
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    if digits == phone { Vec::new() } else { vec![("phone", digits)] }
}

/// The segment is the name's first letter.
fn initial(seen: &Seen<'_>) -> Vec<Set> {
    seen.get("name").chars().next().map(|first| ("segment", first.to_string())).into_iter().collect()
}

const PHONES: &str = "reads = [\"phone\"]\nwrites = [\"phone\"]";
const SEGMENTS: &str = "reads = [\"name\"]\nwrites = [\"segment\"]";

fn normaliser() -> Rules {
    Rules { normalise: Some(digits), ..Rules::default() }
}

fn classifier() -> Rules {
    Rules { classify: Some(initial), ..Rules::default() }
}

#[test]
fn what_is_stored_is_normalised_and_what_was_typed_is_no_news_again() {
    let mut office = Office::new(PHONES, normaliser());
    office.take("staff", &["id|name|phone", "C-1|Amber|138-1"]);
    assert_eq!(
        (office.value("C-1", "phone"), office.last("C-1", "phone")),
        ("1381".into(), (Outcome::Applied, RULE.into()))
    );
    assert_eq!(office.last("C-1", "name").1, "clean");
    office.asked();
    office.is_quiet();
    // Saved anew, with another cell changed: the phone is no edit.
    let report = office.take("staff", &["id|name|phone", "C-1|Ambra|138-1"]);
    assert_eq!((report.applied, report.changes), (1, 1), "{report:?}");
    // Typed in another spelling: it says what is stored.
    let report = office.take("staff", &["id|name|phone", "C-1|Ambra|13 81"]);
    assert_eq!((report.applied, report.changes), (0, 0), "{report:?}");
    // And its author goes on from her own word.
    let report = office.take("staff", &["id|name|phone", "C-1|Ambra|13 82"]);
    assert_eq!((report.applied, report.conflicts), (1, 0), "{report:?}");
    assert_eq!(office.value("C-1", "phone"), "1382");
    office.is_quiet();
}

#[test]
fn what_a_workbook_still_shows_is_not_brought_back_by_a_plugin() {
    let mut office = Office::new(PHONES, normaliser());
    office.take("staff", &["id|name|phone", "C-1|Amber|138-1"]);
    office.set("C-1", "phone", "99", &Actor::Steward).expect("it is set");
    // The workbook shows the older number, which nobody has touched.
    let report = office.take("staff", &["id|name|phone", "C-1|Ambra|138-1"]);
    assert_eq!((report.applied, report.changes), (1, 1), "{report:?}");
    assert_eq!(office.value("C-1", "phone"), "99");
    office.is_quiet();
}

#[test]
fn a_plugin_sees_the_record_as_it_would_be_stored() {
    let mut office = Office::new(
        "reads = [\"name\", \"phone\", \"owner\"]\nwrites = [\"segment\"]",
        Rules {
            classify: Some(|seen| {
                vec![("segment", [seen.get("name"), seen.get("phone"), seen.get("owner")].join("/"))]
            }),
            ..Rules::default()
        },
    );
    office.take("sales", &["id|name", "C-1|Amber"]);
    assert_eq!(office.value("C-1", "segment"), "Amber//li.lei@example.com", "with what Daybook fills in");
    office.take("staff", &["id|name|phone", "C-1|Amber|1"]);
    assert_eq!(office.value("C-1", "segment"), "Amber/1/li.lei@example.com");
    office.set("C-1", "phone", "2", &Actor::Steward).expect("it is set");
    assert_eq!(office.value("C-1", "segment"), "Amber/2/li.lei@example.com");
    // The workbook shows the older phone.
    office.take("staff", &["id|name|phone", "C-1|Ambra|1"]);
    assert_eq!(office.value("C-1", "segment"), "Ambra/2/li.lei@example.com");
    office.is_quiet();
}

#[test]
fn only_rows_that_change_something_are_asked_about() {
    let mut office = Office::new(SEGMENTS, classifier());
    let rows = ["id|name", "C-1|Amber", "C-2|Bronze", "C-3|Copper"];
    office.take("staff", &rows);
    assert_eq!(office.asked(), [(PluginJob::Classify, false, 3)]);
    office.take("other", &rows);
    assert_eq!(office.asked(), [], "they say what is stored");
    office.save("staff", &["id|name", "C-1|Amber", "C-2|Bronzer", "C-3|Copper"]);
    office.dry();
    assert_eq!(office.asked(), [(PluginJob::Classify, true, 1)], "it is told that it is a trial");
    assert_eq!(office.value("C-2", "segment"), "B");
    office.sync();
    assert_eq!(office.asked(), [(PluginJob::Classify, false, 1)]);
    office.is_quiet();
    assert_eq!(office.asked(), []);
}

#[test]
fn what_a_person_types_stands_also_when_the_row_is_changed_again() {
    let mut office = Office::new(SEGMENTS, classifier());
    office.take("staff", &["id|name|segment", "C-1|Amber|", "C-2|Bronze|own"]);
    assert_eq!((office.value("C-1", "segment"), office.value("C-2", "segment")), ("A".into(), "own".into()));
    assert_eq!(office.last("C-1", "segment"), (Outcome::Applied, RULE.into()));
    assert_eq!(office.last("C-2", "segment").1, "clean");
    office.take("staff", &["id|name|segment", "C-1|Amber|mine", "C-2|Bronze|own"]);
    assert_eq!(office.value("C-1", "segment"), "mine");
    office.is_quiet();
    office.take("staff", &["id|name|segment", "C-1|Camber|mine", "C-2|Bronze|own"]);
    assert_eq!(office.value("C-1", "segment"), "mine");
    office.is_quiet();
}

#[test]
fn what_a_plugin_sets_must_be_unique_where_the_field_is() {
    let mut office = Office::new(
        "reads = [\"code\"]\nwrites = [\"code\"]",
        Rules { normalise: Some(|seen| vec![("code", seen.get("code").to_uppercase())]), ..Rules::default() },
    );
    office.take("staff", &["id|name|code", "C-1|Amber|X1"]);
    let report = office.take("other", &["id|name|code", "C-2|Bronze|x-1", "C-3|Copper|x1", "C-4|Dust|x1"]);
    assert_eq!(codes(&report), ["not-unique", "not-unique"], "{report:?}");
    assert_eq!((office.value("C-2", "code"), office.value("C-3", "code")), ("X-1".into(), String::new()));

    let mut office = Office::new(
        "reads = [\"name\"]\nwrites = [\"code\"]",
        Rules { classify: Some(|_| vec![("code", "one".to_owned())]), ..Rules::default() },
    );
    let report = office.take("staff", &["id|name", "C-1|Amber", "C-2|Bronze"]);
    assert_eq!((office.value("C-1", "code"), office.value("C-2", "code")), ("one".into(), String::new()), "{report:?}");
    assert_eq!(codes(&report), ["not-unique"]);
    let report = office.set("C-2", "name", "Brass", &Actor::Steward).expect("the name is set");
    assert_eq!((office.value("C-2", "name"), codes(&report)), ("Brass".into(), vec!["not-unique"]));
    office.is_quiet();
}

#[test]
fn a_command_goes_the_same_way() {
    let mut office = Office::new(SEGMENTS, classifier());
    office.take("staff", &["id|name", "C-1|Amber"]);
    office.set("C-9", "name", "Zinc", &Actor::Steward).expect("it is added");
    assert_eq!(office.value("C-9", "segment"), "Z");
    assert_eq!(office.last("C-9", "segment"), (Outcome::Applied, RULE.into()));
}

#[test]
fn nothing_is_set_from_what_was_not_taken() {
    let mut office = Office::new(SEGMENTS, classifier());
    office.take("staff", &["id|name", "C-1|Amber"]);
    office.take("other", &["id|name", "C-1|Amber"]);
    office.take("staff", &["id|name", "C-1|Bronze"]);
    let report = office.take("other", &["id|name", "C-1|Copper"]);
    assert_eq!(report.conflicts, 1, "{report:?}");
    assert_eq!((office.value("C-1", "name"), office.value("C-1", "segment")), ("Bronze".into(), "B".into()));
}

#[test]
fn a_text_that_cannot_be_read_may_be_mended() {
    let mend: fn(&Seen<'_>) -> Vec<Set> = |seen| vec![("mail", seen.get("mail").replace(" at ", "@"))];
    let mender = Rules { normalise: Some(mend), ..Rules::default() };
    let mut office = Office::new("reads = [\"mail\"]\nwrites = [\"mail\"]", mender);
    let report = office.take("staff", &["id|name|mail", "C-1|Amber|a at example.com"]);
    assert_eq!((office.value("C-1", "mail"), codes(&report)), ("a@example.com".into(), Vec::new()), "{report:?}");
    assert_eq!(office.last("C-1", "mail"), (Outcome::Applied, RULE.into()));
    office.is_quiet();
    let report = office.take("staff", &["id|name|mail", "C-1|Amber|b at example.com"]);
    assert_eq!((report.applied, office.value("C-1", "mail")), (1, "b@example.com".into()), "{report:?}");
    // Who may not change it can't have it changed by what she types.
    office.take("clerk", &["id|name|mail", "C-1|Amber|c at example.com"]);
    assert_eq!(office.value("C-1", "mail"), "b@example.com");
    office.asked();
    office.is_quiet();
}

#[test]
fn what_a_person_has_typed_is_nothing_that_a_plugin_takes_back() {
    let named = |seen: &Seen<'_>| vec![("segment", seen.get("name")), ("phone", String::new())];
    for rules in
        [Rules { classify: Some(named), ..Rules::default() }, Rules { normalise: Some(named), ..Rules::default() }]
    {
        let section = "reads = [\"name\"]\nwrites = [\"segment\", \"phone\"]";
        let mut office = Office::new(section, rules.clone());
        let take = |office: &mut Office, row: &str| office.take("staff", &["id|name|phone|segment", row]);
        take(&mut office, "C-1|Amber||");
        assert_eq!((office.value("C-1", "segment"), office.value("C-1", "phone")), ("Amber".into(), String::new()));
        office.replace(Rules { validate: Some(not_bad), ..Rules::default() });
        take(&mut office, "C-1|Amber|138|by hand");
        office.replace(rules.clone());
        take(&mut office, "C-1|Agate|138|by hand");
        let now = (office.value("C-1", "segment"), office.value("C-1", "phone"));
        assert_eq!(now, ("by hand".into(), "138".into()), "typed before");
        // It is the plugin's again when it is cleared, and what the plugin set it may set anew.
        office.replace(Rules { validate: Some(not_bad), ..Rules::default() });
        take(&mut office, "C-1|Agate|138|");
        office.replace(rules);
        for name in ["Onyx", "Opal"] {
            take(&mut office, &format!("C-1|{name}|138|"));
            assert_eq!(office.value("C-1", "segment"), name);
            assert_eq!(office.last("C-1", "segment"), (Outcome::Applied, RULE.into()));
        }
    }
}
