//! What rows mean: keys, numbers that Daybook hands out, blanks, rows that go and come back, masses of changes.

use serde_json::{Value as Json, json};

use super::office::{Office, STAFF, VIEW, problems, text};
use super::workbook::{Cell, Sheet, rows};

const TITLES: &str = "Customer ID|Name|Phone|Since|E-mail";

fn codes(report: &Json) -> Vec<String> {
    problems(report).into_iter().map(|(code, _)| code).collect()
}

/// An office of the usual customers with one workbook that has more settings.
fn office_with(settings: &str) -> Office {
    Office::with(&format!("{STAFF}{settings}\n{VIEW}"))
}

#[test]
fn a_bad_value_is_told_once_and_taken_when_it_is_corrected() {
    let office = office_with("");
    office.save(
        "share/staff.xlsx",
        &rows(&[
            TITLES,
            "C-1|Amber|13800138000|2026-03-01|a@example.com",
            "C-2|Beryl|13900139000|31/31/26|b@example.com",
        ]),
    );
    let report = office.sync();
    assert_eq!(report["problems"].as_array().map(Vec::len), Some(1), "{report}");
    let problem = &report["problems"][0];
    assert_eq!(problem["place"], "staff.xlsx!Sheet1!D3");
    assert_eq!(problem["source"], "staff");
    assert!(text(&problem["message"]).contains("31/31/26"), "a basic value is quoted: {problem}");
    assert_eq!(report["applied"], 9, "the rest of the row is posted");
    assert_eq!(office.value("C-2", "since"), Json::Null);
    office.sync_idly();
    // Another edit does not tell it again.
    office.open("share/staff.xlsx").set("C-2", "Name", "Citrine").save();
    office.sync_quietly();
    // Another bad value does; it is of a class whose values are not quoted.
    office.open("share/staff.xlsx").set("C-2", "E-mail", "citrine at home").save();
    let report = office.sync();
    assert_eq!(problems(&report), [(text(&report["problems"][0]["code"]), "staff.xlsx!Sheet1!E3".to_owned())]);
    assert!(!report.to_string().contains("at home"), "{report}");
    assert_eq!(office.value("C-2", "email"), "b@example.com", "what is stored stays");
    office.open("share/staff.xlsx").set("C-2", "Since", "2026-03-31").set("C-2", "E-mail", "c@example.com").save();
    let report = office.sync_quietly();
    assert_eq!(report["applied"], 2, "{report}");
    assert_eq!(office.value("C-2", "since"), "2026-03-31");
    office.sync_idly();
    let history = office.list(&["record", "history", "--key", "C-2"]);
    assert!(history.iter().any(|line| line["outcome"] == "refused"), "{history:?}");
}

#[test]
fn every_constraint_is_held() {
    let body = r#"
[[person]]
email = "a@example.com"
roles = ["staff"]
[[table]]
name = "things"
primary_key = ["id"]
[[table.field]]
name = "id"
[[table.field]]
name = "code"
constraints = { pattern = "[A-Z]{2}", unique = true }
[[table.field]]
name = "stage"
constraints = { enum = ["lead", "signed"] }
[[table.field]]
name = "count"
type = "integer"
constraints = { minimum = 1, maximum = 9 }
[[table.field]]
name = "word"
constraints = { min_length = 2, max_length = 3 }
[[table.field]]
name = "flag"
type = "boolean"
[[table.field]]
name = "at"
type = "datetime"
[[table.field]]
name = "uscc"
format = "uscc"
[[table.field]]
name = "link"
format = "uri"
[[table.field]]
name = "must"
constraints = { required = true }
[[access]]
id = "all"
role = "staff"
table = "things"
relation = "all"
read = ["basic"]
write = ["basic"]
create = true
reason = "all"
[[workbook]]
name = "things"
path = "share/things.csv"
table = "things"
acts_as = "role:staff"
"#;
    let titles = "id,code,stage,count,word,flag,at,uscc,link,must\n";
    let good = "1,AB,lead,5,客户,yes,2026-03-01 09:30:00,91350100M000100Y43,https://a.example,x\n";
    let office = Office::new(body);
    office.write("share/things.csv", format!("{titles}{good}").as_bytes());
    office.sync_quietly();
    let record = office.record("1");
    assert_eq!((&record["count"], &record["flag"]), (&json!(5), &json!(true)), "{record}");
    assert_eq!((&record["at"], &record["word"]), (&json!("2026-03-01T09:30:00+08:00"), &json!("客户")), "{record}");
    let mut saves = 0;
    for (field, bad) in [
        (1, "ABC"),
        (2, "won"),
        (3, "0"),
        (3, "10"),
        (3, "5.5"),
        (3, "many"),
        (4, "x"),
        (4, "long word"),
        (5, "perhaps"),
        (6, "yesterday"),
        (7, "91350100M000100Y44"),
        (8, "no link"),
        (9, ""),
    ] {
        let mut cells: Vec<&str> = good.trim_end().split(',').collect();
        cells[field] = bad;
        office.write("share/things.csv", format!("{titles}{}\n", cells.join(",")).as_bytes());
        let report = office.sync();
        let place = format!("things.csv!{}2", char::from(b"ABCDEFGHIJ"[field]));
        assert_eq!(problems(&report).len(), 1, "{bad}: {report}");
        assert_eq!(problems(&report)[0].1, place, "{bad}: {report}");
        assert_eq!((&report["applied"], &report["refused"]), (&json!(0), &json!(1)), "{bad}: {report}");
        // Put right again; an empty line more, because a text file with the same bytes as before may be an old copy.
        saves += 1;
        office.write("share/things.csv", format!("{titles}{good}{}", "\n".repeat(saves)).as_bytes());
        assert_eq!(office.sync_quietly()["changes"], 0, "{bad}: it is back as it was");
    }
    // Two records may not share what is unique, whether they come together or one after the other.
    office.write("share/things.csv", format!("{titles}{good}{}", good.replacen('1', "2", 1)).as_bytes());
    let report = office.sync();
    assert_eq!(problems(&report), [("not-unique".to_owned(), "things.csv!B3".to_owned())], "{report}");
    assert_eq!(office.value("2", "code"), Json::Null);
    office.write("share/things.csv", format!("{titles}{good}2,CD,,,,,,,,x\n3,EF,,,,,,,,x\n4,EF,,,,,,,,x\n").as_bytes());
    let report = office.sync();
    assert_eq!(problems(&report), [("not-unique".to_owned(), "things.csv!B5".to_owned())], "{report}");
    office.program(&["record", "set", "--key", "3", "code=AB"]).ends(1);
    // A new row without what is required is refused as a whole, told once, and taken when it is filled in.
    let now = format!("{titles}{good}2,CD,,,,,,,,x\n3,EF,,,,,,,,x\n4,EF,,,,,,,,x\n5,GH,lead,,,,,,,");
    office.write("share/things.csv", format!("{now}\n").as_bytes());
    assert_eq!(problems(&office.sync()), [("required".to_owned(), "things.csv!6".to_owned())]);
    office.program(&["record", "show", "--key", "5"]).ends(1);
    office.sync_idly();
    office.write("share/things.csv", format!("{now}x\n").as_bytes());
    assert_eq!(office.sync_quietly()["applied"], 4);
    office.store_is_sound();
}

#[test]
fn a_text_file_with_the_bytes_of_an_older_one_is_asked_about() {
    let office = Office::with(&STAFF.replace("xlsx", "csv"));
    let first = "Customer ID,Name\nC-1,Amber\nC-2,Beryl\n";
    office.write("share/staff.csv", first.as_bytes());
    office.sync_quietly();
    office.write("share/staff.csv", first.replace("Amber", "Agate").as_bytes());
    assert_eq!(office.sync_quietly()["applied"], 1);
    office.write("share/staff.csv", first.as_bytes());
    let report = office.sync();
    assert_eq!(report["conflicts"], 1, "taken back, or an old copy? {report}");
    assert_eq!(office.value("C-1", "name"), "Agate");
    office.program(&["review", "decide", &office.review(), "incoming"]).ends(0);
    assert_eq!(office.value("C-1", "name"), "Amber");
    office.sync_idly();
}

#[test]
fn duplicate_keys_stop_their_rows_only() {
    let office = office_with("");
    let sheet = [TITLES, "C-1|Amber||||", "C-2|Beryl||||", "C-2|Beryl again||||", "C-3|Coral||||", "|Nobody||||"];
    office.save("share/staff.xlsx", &rows(&sheet));
    let report = office.sync();
    let mut found = problems(&report);
    found.sort();
    let wanted = [
        ("duplicate-key", "staff.xlsx!Sheet1!3"),
        ("duplicate-key", "staff.xlsx!Sheet1!4"),
        ("no-key", "staff.xlsx!Sheet1!6"),
    ];
    assert_eq!(found, wanted.map(|(code, place)| (code.to_owned(), place.to_owned())), "{report}");
    let listed = office.list(&["record", "list"]);
    assert_eq!(listed.len(), 2, "{listed:?}");
    office.sync_idly();
    office
        .save("share/staff.xlsx", &rows(&[TITLES, "C-1|Amber||||", "C-2|Beryl||||", "C-4|Agate||||", "C-3|Coral||||"]));
    office.sync_quietly();
    assert_eq!(office.list(&["record", "list"]).len(), 4);
    // A duplicate of a row that is known takes nothing from it.
    office.save(
        "share/staff.xlsx",
        &rows(&[TITLES, "C-1|Amber||||", "C-1|Other||||", "C-2|Beryl||||", "C-4|Agate||||", "C-3|Coral||||"]),
    );
    let report = office.sync();
    assert!(codes(&report).iter().all(|code| code == "duplicate-key"), "{report}");
    assert_eq!(report["applied"], 0);
    assert_eq!(office.value("C-1", "name"), "Amber");
    assert!(office.reviews().is_empty(), "the row is there, so nothing is missing");
}

#[test]
fn rows_may_be_sorted_and_columns_moved() {
    let office = office_with("");
    office.save(
        "share/staff.xlsx",
        &rows(&["Customer ID|Name|Phone", "C-1|Amber|13800138000", "C-2|Beryl|", "C-3|Coral|"]),
    );
    office.sync_quietly();
    for sheet in [
        &["Customer ID|Name|Phone", "C-3|Coral|", "C-1|Amber|13800138000", "C-2|Beryl|"][..],
        &["Phone|Customer ID|Name", "|C-3|Coral", "13800138000|C-1|Amber", "|C-2|Beryl"],
        &["电话|客户编号|客户名称", "|C-3|Coral", "13800138000|C-1|Amber", "|C-2|Beryl"],
        &["  PHONE |Ｃustomer ID|name", "|C-3|Coral", "13800138000|C-1|Amber", "|C-2|Beryl"],
    ] {
        office.save("share/staff.xlsx", &rows(sheet));
        let report = office.sync_quietly();
        assert_eq!(report["changes"], 0, "{sheet:?}: {report}");
    }
    office.save("share/staff.xlsx", &rows(&["Customer ID|Name", "C-3|Coral", "C-1|Amber", "C-2|Beryl"]));
    let report = office.sync();
    assert_eq!((codes(&report), &report["changes"]), (vec!["column-dropped".to_owned()], &json!(0)), "{report}");
    assert_eq!(office.value("C-1", "phone"), "13800138000", "a column that is not there clears nothing");
}

#[test]
fn columns_that_are_not_clear_are_told() {
    let office = office_with("");
    office
        .save("share/staff.xlsx", &rows(&["Customer ID|Name|客户名称|Tea|Since", "C-1|Amber|Beryl|green|2026-03-01"]));
    let report = office.sync();
    let mut found = problems(&report);
    found.sort();
    let places: Vec<&str> = found.iter().map(|(_, place)| place.as_str()).collect();
    assert!(places.contains(&"staff.xlsx!Sheet1!D1"), "{found:?}");
    assert!(found.iter().any(|(code, _)| code == "duplicate-column"), "{found:?}");
    assert_eq!(office.value("C-1", "since"), "2026-03-01", "what is clear is taken");
    assert_eq!(office.value("C-1", "name"), Json::Null, "what is not is not guessed");
    office.sync_idly();
    office.save("share/staff.xlsx", &rows(&["Name|Since", "Amber|2026-03-01"]));
    assert_eq!(codes(&office.sync()), ["missing-key-column"]);
    assert_eq!(office.value("C-1", "since"), "2026-03-01");
}

#[test]
fn an_emptied_cell_clears_or_says_nothing() {
    for (settings, value) in
        [("", Json::Null), ("blank_cells = \"clear\"", Json::Null), ("blank_cells = \"ignore\"", json!("Amber"))]
    {
        let office = office_with(settings);
        office.save("share/staff.xlsx", &rows(&["Customer ID|Name", "C-1|Amber", "C-2|Beryl"]));
        office.sync_quietly();
        office.open("share/staff.xlsx").set("C-1", "Name", "").save();
        office.sync_quietly();
        assert_eq!(office.value("C-1", "name"), value, "{settings}");
        office.sync_idly();
        office.open("share/staff.xlsx").set("C-1", "Name", "Agate").save();
        assert_eq!(office.sync_quietly()["applied"], 1);
        assert_eq!(office.value("C-1", "name"), "Agate");
    }
    // The key can't be cleared: the row has lost its name, and is not taken for another.
    let office = office_with("");
    office.save("share/staff.xlsx", &rows(&["Customer ID|Name", "C-1|Amber", "C-2|Beryl"]));
    office.sync_quietly();
    office.open("share/staff.xlsx").set("C-1", "Customer ID", "").save();
    assert!(codes(&office.sync()).contains(&"no-key".to_owned()));
    assert_eq!(office.value("C-1", "name"), "Amber");
}

#[test]
fn a_missing_row_means_what_the_office_says() {
    for policy in ["keep", "archive", "review"] {
        let office = office_with(&format!("missing_rows = \"{policy}\""));
        office.save("share/staff.xlsx", &rows(&["Customer ID|Name", "C-1|Amber", "C-2|Beryl"]));
        office.sync_quietly();
        office.open("share/staff.xlsx").remove("C-1").save();
        office.sync_quietly();
        let there = |office: &Office| {
            let listed = office.list(&["record", "list"]);
            listed.iter().any(|record| record["fields"]["customer_id"] == "C-1")
        };
        assert_eq!(there(&office), policy != "archive", "{policy}");
        assert_eq!(office.open("share/all.xlsx").has("C-1"), policy != "archive", "{policy}");
        assert_eq!(office.reviews().len(), usize::from(policy == "review"), "{policy}");
        office.sync_idly();
        if policy == "archive" {
            let all = office.list(&["record", "list", "--archived"]);
            assert!(all.iter().any(|record| record["archived"] == true), "{all:?}");
        }
        // The row comes back.
        office.save("share/staff.xlsx", &rows(&["Customer ID|Name", "C-1|Amber", "C-2|Beryl"]));
        office.sync_quietly();
        assert!(there(&office), "{policy}");
        assert!(office.reviews().is_empty(), "{policy}: the question answered itself");
        assert!(office.open("share/all.xlsx").has("C-1"), "{policy}");
        assert_eq!(office.list(&["record", "list", "--archived"]).len(), 2, "{policy}: it is the same record");
        office.store_is_sound();
    }
}

#[test]
fn a_person_decides_about_a_missing_row() {
    for (decision, stays) in [("accept", false), ("reject", true)] {
        let office = office_with("missing_rows = \"review\"");
        office.save("share/staff.xlsx", &rows(&["Customer ID|Name", "C-1|Amber", "C-2|Beryl"]));
        office.sync_quietly();
        office.open("share/staff.xlsx").remove("C-1").save();
        office.sync_quietly();
        let reviews = office.reviews();
        assert_eq!(reviews[0]["kind"], "missing-row");
        assert!(office.open("share/all.xlsx").has("C-1"));
        let id = office.review();
        office.program(&["review", "decide", &id, "incoming"]).ends(1);
        office.program(&["review", "decide", &id, decision]).ends(0);
        office.sync_quietly();
        assert_eq!(office.open("share/all.xlsx").has("C-1"), stays, "{decision}");
        assert!(office.reviews().is_empty());
        office.sync_idly();
    }
}

#[test]
fn composite_keys_identify() {
    let body = r#"
[[person]]
email = "a@example.com"
roles = ["staff"]
[[table]]
name = "visits"
primary_key = ["shop", "day"]
[[table.field]]
name = "day"
type = "date"
[[table.field]]
name = "note"
[[table.field]]
name = "shop"
[[access]]
id = "all"
role = "staff"
table = "visits"
relation = "all"
read = ["basic"]
write = ["basic"]
create = true
reason = "all"
[[workbook]]
name = "visits"
path = "share/visits.xlsx"
table = "visits"
acts_as = "role:staff"
"#;
    let office = Office::new(body);
    let line = |day: u8, note: &str, shop: &str| vec![Cell::Date(2026, 3, day), note.into(), shop.into()];
    let titles = vec!["day".into(), "note".into(), "shop".into()];
    office.save(
        "share/visits.xlsx",
        &Sheet(vec![titles.clone(), line(1, "a", "East"), line(2, "b", "East"), line(1, "c", "West")]),
    );
    assert_eq!(office.sync_quietly()["applied"], 9);
    assert_eq!(office.value("East,2026-03-02", "note"), "b");
    office.save(
        "share/visits.xlsx",
        &Sheet(vec![titles.clone(), line(1, "c", "WEST "), line(2, "b", "East"), line(1, "d", "East")]),
    );
    let report = office.sync_quietly();
    assert_eq!(office.value("East,2026-03-01", "note"), "d", "{report}");
    assert_eq!(office.list(&["record", "list"]).len(), 3);
    office.program(&["record", "set", "--key", "East,2026-03-02", "note=e"]).ends(0);
    office.program(&["record", "show", "--key", "East"]).ends(1).says("shop");
    office.save(
        "share/visits.xlsx",
        &Sheet(vec![
            titles,
            vec![Cell::Blank, "x".into(), "East".into()],
            line(1, "c", "West"),
            line(2, "b", "East"),
            line(1, "d", "East"),
        ]),
    );
    assert_eq!(codes(&office.sync()), ["no-key"]);
    assert_eq!(office.value("East,2026-03-02", "note"), "e");
}

#[test]
fn daybook_numbers_what_comes_without_a_number() {
    let body = super::office::CUSTOMERS
        .replace("constraints = { required = true, pattern = \"C-[0-9]+\" }", "generate = \"C-{:06}\"")
        + STAFF
        + VIEW;
    let office = Office::new(&body);
    let sheet = ["Customer ID|Name|Phone", "C-000002|Amber|", "|Beryl|13800138000", "|Coral|13900139000"];
    office.save("share/staff.xlsx", &rows(&sheet));
    office.sync_quietly();
    let keys = || {
        let mut keys: Vec<String> = office
            .list(&["record", "list"])
            .iter()
            .map(|record| format!("{} {}", text(&record["fields"]["customer_id"]), text(&record["fields"]["name"])))
            .collect();
        keys.sort();
        keys
    };
    let numbered = keys();
    assert_eq!(numbered, ["C-000001 Beryl", "C-000002 Amber", "C-000003 Coral"], "a number that is taken is left out");
    let view = office.open("share/all.xlsx");
    assert_eq!(view.value("C-000003", "Name"), "Coral");
    office.sync_idly();
    // The workbook still has no numbers; the rows are known again, also when they change and move.
    office.save(
        "share/staff.xlsx",
        &rows(&["Customer ID|Name|Phone", "|Coral|13900139999", "C-000002|Amber|", "|Beryl|13800138000"]),
    );
    office.sync_quietly();
    assert_eq!(keys(), numbered);
    assert_eq!(office.value("C-000003", "phone"), "13900139999");
    office.open("share/staff.xlsx").append(&[Cell::Blank, "Agate".into(), Cell::Blank]).save();
    office.sync_quietly();
    assert_eq!(keys().len(), 4);
    assert_eq!(office.value("C-000004", "name"), "Agate");
    // A new row in the view gets its number there.
    office.open("share/all.xlsx").append(&[Cell::Blank, "Jade".into()]).save();
    office.sync_quietly();
    let view = office.open("share/all.xlsx");
    assert_eq!(view.value("C-000005", "Name"), "Jade", "{:?}", view.rows());
    assert_eq!(view.rows().iter().filter(|row| !row[1].is_empty()).count(), 6, "{:?}", view.rows());
    office.sync_idly();
    assert_eq!(keys().len(), 5);
    office.store_is_sound();
}

/// Thirty customers, of whom the first `changed` have another name.
fn many(changed: usize) -> Sheet {
    let line = |number: usize| {
        let name = if number < changed { "changed" } else { "as it was" };
        format!("C-{}|{name} {number}|{}", number + 1, 13_800_138_000_u64 + number as u64)
    };
    let lines: Vec<String> = std::iter::once("Customer ID|Name|Phone".to_owned()).chain((0..30).map(line)).collect();
    rows(&lines.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn a_mass_of_changes_is_held_for_a_person() {
    for decision in ["accept", "reject", "withdrawn"] {
        let office = office_with("");
        office.save("share/staff.xlsx", &many(0));
        office.sync_quietly();
        office.save("share/staff.xlsx", &many(20));
        assert_eq!(office.sync_quietly()["applied"], 20, "20 of 90 cells are no mass");
        // Each name is another one: 30 of 90 cells.
        let mut sheet = many(0);
        for row in &mut sheet.0[1..] {
            row[1] = "all the same".into();
        }
        office.save("share/staff.xlsx", &sheet);
        let report = office.sync();
        assert_eq!(codes(&report), ["mass-change"], "{report}");
        assert_eq!((&report["applied"], &report["held"]), (&json!(0), &json!(30)), "{report}");
        assert_eq!(office.value("C-30", "name"), "as it was 29");
        office.sync_idly();
        let review = &office.reviews()[0];
        assert_eq!((&review["kind"], &review["source"]), (&json!("mass-change"), &json!("staff")));
        let id = office.review();
        office.program(&["review", "show", &id]).ends(0).says("30 of 90");
        office.program(&["review", "decide", &id, "value", "x"]).ends(1);
        if decision == "withdrawn" {
            // The workbook as it was.
            office.save("share/staff.xlsx", &many(20));
            office.sync_quietly();
        } else {
            office.program(&["review", "decide", &id, decision, "--as", "chief@example.com"]).ends(1);
            office.program(&["review", "decide", &id, decision]).ends(0);
        }
        let name = if decision == "accept" { "all the same" } else { "changed 0" };
        assert_eq!(office.value("C-1", "name"), name, "{decision}");
        assert!(office.reviews().is_empty(), "{decision}");
        office.sync_quietly();
        assert_eq!(office.open("share/all.xlsx").value("C-1", "Name"), name, "{decision}");
        office.sync_idly();
        if decision == "accept" {
            office.open("share/staff.xlsx").set("C-2", "Name", "Jade").save();
            assert_eq!(office.sync_quietly()["applied"], 1);
        }
        office.store_is_sound();
    }
}

#[test]
fn rows_that_vanish_in_mass_are_held() {
    let office = office_with("missing_rows = \"archive\"");
    office.save("share/staff.xlsx", &many(0));
    office.sync_quietly();
    let mut sheet = many(0);
    sheet.0.truncate(11);
    office.save("share/staff.xlsx", &sheet);
    let report = office.sync();
    assert_eq!(codes(&report), ["mass-change"], "{report}");
    assert_eq!(office.list(&["record", "list"]).len(), 30);
    // An empty sheet is the same, a sheet without rows below its titles too.
    sheet.0.truncate(1);
    office.save("share/staff.xlsx", &sheet);
    let report = office.sync();
    assert_eq!(codes(&report), ["mass-change"], "{report}");
    assert_eq!(office.list(&["record", "list"]).len(), 30);
    assert_eq!(office.reviews().len(), 1, "the newer one takes the older one's place");
    office.program(&["review", "decide", &office.review(), "accept"]).ends(0);
    assert_eq!(office.list(&["record", "list"]).len(), 0);
    assert_eq!(office.list(&["record", "list", "--archived"]).len(), 30);
    office.store_is_sound();
}
