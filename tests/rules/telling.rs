//! What people are told of rows that were taken.

use super::*;

const TWO_WAY: &str = "sync = \"two-way\"";

/// A name that looks odd, and a remark on every row.
fn doubts(seen: &Seen<'_>) -> Vec<Found> {
    let odd = (Severity::Warning, Some("name"), "odd", "it looks odd.".to_owned());
    let known = (Severity::Info, None, "known", "we have met".to_owned());
    let is_odd = seen.get("name") == "odd";
    is_odd.then_some(odd).into_iter().chain((seen.get("name") == "Bronze").then_some(known)).collect()
}

fn doubting(section: &str) -> Office {
    Office::with(section, TWO_WAY, Rules { validate: Some(doubts), ..Rules::default() })
}

#[test]
fn an_author_is_told_in_her_row_what_plugins_found_that_does_not_stop_it() {
    let mut office = doubting("reads = [\"name\"]");
    let report =
        office.take("staff", &["id|name|phone|mail|Daybook", "C-1|odd|1||", "C-2|Bronze|2||", "C-3|Copper|3||"]);
    assert_eq!(codes(&report), ["plugin-warning"], "of a mere remark the steward hears nothing: {report:?}");
    let lines = office.lines("staff");
    assert_eq!(lines[1], "C-1|odd|1||Saved; name: it looks odd");
    assert_eq!(lines[2], "C-2|Bronze|2||Saved; we have met");
    assert_eq!(lines[3], "C-3|Copper|3||Saved");
    office.is_quiet();
    assert_eq!(office.lines("staff"), lines, "it stands");
    // Beside something that was not taken it is told, too.
    office.take("staff", &[&lines[0], "C-1|odd|2|nowhere|Saved", &lines[2], &lines[3]]);
    let answer = "Not saved: mail: not an e-mail address; name: it looks odd";
    assert_eq!(office.lines("staff")[1], format!("C-1|odd|2|nowhere|{answer}"));
    office.is_quiet();
    // When somebody changes the record, it is no answer any more.
    office.set("C-2", "phone", "5", &Actor::Steward).expect("it is set");
    office.sync();
    assert_eq!(office.lines("staff")[2], "C-2|Bronze|5||Saved");
    office.is_quiet();
}

#[test]
fn who_may_not_see_all_that_a_plugin_saw_is_not_told_its_words() {
    let mut office = doubting("reads = [\"name\", \"phone\"]");
    office.take("sales", &["id|name|owner|Daybook", "C-1|odd|li.lei@example.com|", "C-2|Bronze|li.lei@example.com|"]);
    let lines = office.lines("sales");
    assert_eq!(lines[1], "C-1|odd|li.lei@example.com|Saved; name: a rule of the office asks to look at this again");
    assert_eq!(lines[2], "C-2|Bronze|li.lei@example.com|Saved");
    office.is_quiet();
}

#[test]
fn an_author_is_told_why_what_she_typed_was_replaced() {
    let trim = |seen: &Seen<'_>| {
        let phone = seen.get("phone");
        let is_long = phone.starts_with("00");
        (phone != "7")
            .then(|| ("phone", phone.trim_start_matches('0').to_owned()))
            .filter(|_| is_long || phone == "1")
            .into_iter()
            .collect()
    };
    let rules = Rules { normalise: Some(trim), because: "without zeros", ..Rules::default() };
    let mut office = Office::with("reads = [\"phone\"]\nwrites = [\"phone\"]", TWO_WAY, rules);
    office.take("staff", &["id|phone|Daybook", "C-1|005|", "C-2|7|", "C-3|1|"]);
    let lines = office.lines("staff");
    assert_eq!(lines[1..], ["C-1|5|Saved; phone: without zeros", "C-2|7|Saved", "C-3|1|Saved"]);
    office.is_quiet();

    let rules =
        Rules { resolve: Some(|_| Some(PluginVerdict::Stored)), because: "the first counts", ..Rules::default() };
    let mut office = Office::with("reads = [\"segment\"]\nwrites = [\"segment\"]", TWO_WAY, rules);
    for book in ["staff", "other"] {
        office.save(book, &["id|segment|Daybook", "C-1|a|"]);
    }
    office.sync();
    for (book, segment) in [("staff", "b"), ("other", "c")] {
        office.save(book, &["id|segment|Daybook", &format!("C-1|{segment}|Saved")]);
    }
    office.sync();
    assert_eq!(office.lines("staff")[1], "C-1|b|Saved");
    assert_eq!(office.lines("other")[1], "C-1|b|Saved; segment: the first counts");
    office.is_quiet();
}

/// She would not know why her cell shows something else.
#[test]
fn an_author_is_told_that_what_she_typed_was_replaced_also_by_a_plugin_that_gives_no_reason() {
    let rules = Rules { normalise: Some(|_| vec![("phone", "5".to_owned())]), because: "", ..Rules::default() };
    for reads in ["reads = [\"phone\"]", "reads = [\"phone\", \"name\"]"] {
        let mut office = Office::with(&format!("{reads}\nwrites = [\"phone\"]"), TWO_WAY, rules.clone());
        office.take("staff", &["id|phone|Daybook", "C-1|005|", "C-2|5|"]);
        assert_eq!(office.lines("staff")[1..], ["C-1|5|Saved; phone: changed by a rule of the office", "C-2|5|Saved"]);
        office.is_quiet();
    }
    // Nor are words of the plugin's own for who may not see all that it saw, and something has become of her cell all the same.
    let rules = Rules {
        normalise: Some(|_| vec![("name", "Amber".to_owned())]),
        because: "as with 13800138000",
        ..Rules::default()
    };
    let section = "reads = [\"name\", \"phone\"]\nwrites = [\"name\"]";
    let mut office = Office::with(section, TWO_WAY, rules);
    office.take("sales", &["id|name|owner|Daybook", "C-1|amber|li.lei@example.com|"]);
    let answer = "C-1|Amber|li.lei@example.com|Saved; name: changed by a rule of the office";
    assert_eq!(office.lines("sales")[1], answer);
    office.is_quiet();
}
