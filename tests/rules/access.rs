//! A plugin is no way around the access rules, and nobody learns from one what she may not see.

use daybook::model::Outcome;

use super::*;

fn echo(seen: &Seen<'_>) -> Vec<Set> {
    vec![("segment", seen.get("name"))]
}

#[test]
fn what_its_author_may_not_change_reaches_no_plugin() {
    let rules = Rules { classify: Some(echo), validate: Some(not_bad), ..Rules::default() };
    let mut office = Office::new("reads = [\"name\"]\nwrites = [\"segment\"]", rules);
    office.take("staff", &["id|name|phone", "C-1|Amber|1"]);
    office.take("clerk", &["id|name|phone", "C-1|Amber|1"]);
    office.asked();
    // The clerk may change phones only.
    let report = office.take("clerk", &["id|name|phone", "C-1|mine|1"]);
    assert_eq!(codes(&report), ["forbidden"], "{report:?}");
    assert_eq!((office.asked(), office.value("C-1", "segment")), (Vec::new(), "Amber".into()));
    // What she may change is judged without what she may not.
    let report = office.take("clerk", &["id|name|phone", "C-1|bad|2"]);
    assert_eq!((codes(&report), office.value("C-1", "phone")), (vec!["forbidden"], "2".into()), "{report:?}");
    assert_eq!(office.value("C-1", "segment"), "Amber");
    office.is_quiet();
}

#[test]
fn a_normalised_value_is_judged_by_its_authors_rights_and_a_set_one_by_the_plugins() {
    let rules = Rules {
        normalise: Some(|seen| vec![("phone", "5".to_owned()), ("segment", seen.get("name"))]),
        ..Rules::default()
    };
    let mut office = Office::new("reads = [\"name\"]\nwrites = [\"phone\", \"segment\"]", rules);
    office.take("staff", &["id|name|phone", "C-1|Amber|1"]);
    office.replace(Rules { normalise: Some(|_| vec![("phone", "6".to_owned())]), ..Rules::default() });
    office.take("sales", &["id|name|phone", "C-1|Amber|1"]);
    // Sales may not change phones: what she typed there is refused, and the plugin's own change of it goes with that.
    let report = office.take("sales", &["id|name|phone", "C-1|Amber|2"]);
    assert_eq!(codes(&report), ["forbidden"], "{report:?}");
    assert_eq!(office.value("C-1", "phone"), "5");
    // Beside a change of hers the plugin may do what the office lets it do.
    office.take("sales", &["id|name|phone", "C-1|Ambra|2"]);
    assert_eq!(office.value("C-1", "phone"), "6");
    assert_eq!(office.last("C-1", "phone"), (Outcome::Applied, RULE.into()));
}

/// It quotes a phone.
fn telltale(seen: &Seen<'_>) -> Vec<Found> {
    vec![(Severity::Warning, Some("name"), "doubtful", format!("{} answers {}", seen.get("name"), seen.get("phone")))]
}

#[test]
fn words_that_may_quote_more_than_the_basics_stay_out_of_problems() {
    let open = |seen: &Seen<'_>| {
        vec![(Severity::Warning, Some("name"), "doubtful", format!("`{}` is short", seen.get("name")))]
    };
    let mut office = Office::new("reads = [\"name\"]", Rules { validate: Some(open), ..Rules::default() });
    let report = office.take("staff", &["id|name", "C-1|Al"]);
    assert_eq!(codes(&report), ["plugin-warning"]);
    let problem = &report.problems[0];
    assert_eq!((problem.place.as_str(), problem.source.as_str()), ("staff.csv!B2", "staff"));
    let words =
        "staff.csv!B2: `name`: the plugin `own` 1.2.0 found `doubtful`: `Al` is short. It was taken all the same.";
    assert_eq!(problem.message, words);
    office.is_quiet();

    let mut office =
        Office::new("reads = [\"name\", \"phone\"]", Rules { validate: Some(telltale), ..Rules::default() });
    let report = office.take("staff", &["id|name|phone", "C-1|Al|13800"]);
    let words = "staff.csv!B2: `name`: the plugin `own` 1.2.0 found something, which only those are told who may see all that it saw. \
                 It was taken all the same.";
    assert_eq!(report.problems[0].message, words);
    // A code is a word of the plugin's own, and can be one that it saw.
    assert!(!format!("{report:?}").contains("13800") && !format!("{report:?}").contains("doubtful"), "{report:?}");
}

#[test]
fn all_that_a_held_row_would_change_is_shown_by_the_readers_rights() {
    let mut office = Office::new("reads = [\"name\"]", Rules { validate: Some(not_bad), ..Rules::default() });
    office.take("staff", &["id|name|phone", "C-1|Amber|1"]);
    office.take("staff", &["id|name|phone", "C-1|bad|2", "C-2|bad|3"]);
    let reviews = office.reviews();
    let record = office.record("C-1").expect("the record is there");
    let look = office.pipeline.look().expect("the store can be read");
    let table = look.config.table("customers").expect("the table is there");
    let stored = look.snapshot.record(&table.name, record).expect("the store can be read");
    let shown = |actor: &Actor, review: &Review| {
        let stored = stored.as_ref().filter(|_| review.record.is_some());
        let line = look.reading(actor).review(table, stored, review, None)?;
        Some(serde_json::Value::from(line.row.expect("a row is held")).to_string())
    };
    let li = Actor::Person("li.lei@example.com".into());
    let (there, new) = match reviews.as_slice() {
        [there, new] if there.record.is_some() => (there, new),
        [new, there] => (there, new),
        other => panic!("two rows are held: {other:?}"),
    };
    assert_eq!(shown(&Actor::Steward, there).as_deref(), Some(r#"{"name":"bad","phone":"2"}"#));
    assert_eq!(shown(&li, there).as_deref(), Some(r#"{"name":"bad"}"#));
    assert_eq!(shown(&Actor::Steward, new).as_deref(), Some(r#"{"id":"C-2","name":"bad","phone":"3"}"#));
    assert_eq!(shown(&li, new), None, "what is no record yet is the steward's");
}

#[test]
fn a_plugins_words_in_a_question_are_for_those_who_may_see_what_it_saw() {
    let quotes = |seen: &Seen<'_>| {
        let message = format!("{} has {}", seen.get("name"), seen.get("phone"));
        (seen.get("name") == "bad").then_some((Severity::Error, Some("phone"), "no", message)).into_iter().collect()
    };
    let rules = Rules { validate: Some(quotes), ..Rules::default() };
    let mut office = Office::new("reads = [\"name\", \"phone\"]", rules);
    office.take("staff", &["id|name|phone", "C-1|Amber|1"]);
    office.take("staff", &["id|name|phone", "C-1|bad|1"]);
    let review = office.reviews().remove(0);
    let record = office.record("C-1").expect("the record is there");
    let look = office.pipeline.look().expect("the store can be read");
    let table = look.config.table("customers").expect("the table is there");
    let stored = look.snapshot.record(&table.name, record).expect("the store can be read");
    let shown = |actor: &Actor| {
        let line = look.reading(actor).review(table, stored.as_ref(), &review, None).expect("it may be seen");
        let why = line.why.into_iter().next().expect("a plugin holds it");
        assert_eq!((why.plugin.as_str(), why.version.as_deref()), ("own", Some("1.2.0")));
        (why.field, why.code, why.message)
    };
    let whole = (Some("phone".to_owned()), "no".to_owned(), Some("bad has 1".to_owned()));
    assert_eq!(shown(&Actor::Steward), whole);
    assert_eq!(shown(&Actor::Person("li.lei@example.com".into())), (None, "plugin-held".to_owned(), None));
}
