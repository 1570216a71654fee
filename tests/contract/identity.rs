//! A row stays its record: corrected keys, copied rows, sorted and moved rows. What is not certain a person decides.

use serde_json::{Value as Json, json};

use super::office::{Office, STAFF, VIEW, problems, text};
use super::workbook::{Cell, Sheet, rows};

const SHEET: &str = "share/staff.xlsx";
const TITLES: &str = "Customer ID|Name|Phone|Since";
const AMBER: &str = "C-1|Amber|13800138000|2026-03-01";
const BERYL: &str = "C-2|Beryl|13900139000|2026-03-02";
const CORAL: &str = "C-3|Coral|13700137000|2026-03-03";

fn codes(report: &Json) -> Vec<String> {
    problems(report).into_iter().map(|(code, _)| code).collect()
}

/// An office of three customers in one workbook that has more settings.
fn office_with(settings: &str) -> Office {
    let office = Office::with(&format!("{STAFF}{settings}\n{VIEW}"));
    save(&office, &[AMBER, BERYL, CORAL]);
    office.sync_quietly();
    office
}

fn save(office: &Office, lines: &[&str]) {
    let lines: Vec<&str> = std::iter::once(TITLES).chain(lines.iter().copied()).collect();
    office.save(SHEET, &rows(&lines));
}

fn id(office: &Office, key: &str) -> String {
    text(&office.json(&["record", "show", "--key", key])["id"])
}

fn count(office: &Office) -> usize {
    office.list(&["record", "list"]).len()
}

#[test]
fn a_corrected_key_is_the_same_record() {
    for settings in ["", "missing_rows = \"archive\"", "missing_rows = \"keep\""] {
        let office = office_with(settings);
        let amber = id(&office, "C-1");
        // Somebody else changes another cell of it meanwhile, and the rows are sorted.
        office.program(&["record", "set", "--key", "C-1", "phone=13600136000"]).ends(0);
        save(&office, &[CORAL, "C-11|Amber|13800138000|2026-03-01", BERYL]);
        let report = office.sync();
        assert_eq!(codes(&report), ["key-corrected"], "{report}");
        assert_eq!(report["problems"][0]["place"], "staff.xlsx!Sheet1!A3");
        assert!(text(&report["problems"][0]["message"]).contains("from `C-1` to `C-11`"), "{report}");
        assert_eq!((&report["applied"], count(&office)), (&json!(1), 3), "{settings}: {report}");
        assert_eq!(id(&office, "C-11"), amber, "{settings}: one record");
        assert_eq!(office.value("C-11", "phone"), "13600136000", "{settings}: the other's edit stays");
        office.program(&["record", "show", "--key", "C-1"]).ends(1);
        assert!(office.reviews().is_empty(), "{settings}");
        assert_eq!(office.open("share/all.xlsx").value("C-11", "Name"), "Amber");
        let history = office.list(&["record", "history", "--key", "C-11"]);
        assert!(history.iter().any(|line| line["field"] == "customer_id" && line["previous"] == "C-1"), "{history:?}");
        office.sync_idly();
        // It is an edit like any other from now on.
        office.open(SHEET).set("C-11", "Name", "Agate").save();
        assert_eq!(office.sync_quietly()["applied"], 1, "{settings}");
        let correction = office.list(&["change", "list", "--source", "staff"]);
        let correction = text(&correction[1]["id"]);
        office.program(&["change", "revert", &correction]).ends(0);
        assert_eq!(id(&office, "C-1"), amber, "{settings}: it can be taken back");
        office.store_is_sound();
    }
}

/// The key is corrected elsewhere while somebody has the workbook, with the old key, before her.
#[test]
fn a_row_with_a_key_that_was_corrected_elsewhere_is_still_the_record() {
    let office = office_with("missing_rows = \"archive\"");
    let (amber, beryl) = (id(&office, "C-1"), id(&office, "C-2"));
    office.program(&["record", "set", "--key", "C-1", "customer_id=C-11"]).ends(0);
    office.open(SHEET).set("C-1", "Name", "Agate").save();
    assert_eq!(office.sync_quietly()["applied"], 1);
    assert_eq!((id(&office, "C-11"), office.value("C-11", "name"), count(&office)), (amber.clone(), json!("Agate"), 3));
    office.sync_idly();
    // A copy under the new key is one, and so are two that share the old one.
    let original = "C-1|Agate|13800138000|2026-03-01";
    for (original, copy) in [
        (original, "C-11|Copy|13600136000|2026-03-01"),
        ("C-1|Jade|13800138000|2026-03-01", "C-1|Copy|13600136000|2026-03-01"),
        ("C-1|Jade|13800138000|2026-03-01", "C-11|Copy|13600136000|2026-03-01"),
    ] {
        save(&office, &[original, BERYL, CORAL, copy]);
        let report = office.sync();
        assert!(codes(&report).contains(&"duplicate-key".to_owned()), "{copy}: {report}");
        assert_eq!(count(&office), 3, "{copy}: {report}");
        assert_eq!(office.list(&["record", "list", "--archived"]).len(), 3, "{copy}");
        save(&office, &["C-1|Agate|13800138000|2026-03-01", BERYL, CORAL]);
        office.sync();
    }
    office.sync_idly();
    // By now the old key is another record's: the file still means the first one by it.
    office.program(&["record", "set", "--key", "C-2", "customer_id=C-1"]).ends(0);
    save(&office, &["C-1|Agate|13600136000|2026-03-01", "C-2|Citrine|13900139000|2026-03-02", CORAL]);
    assert_eq!(office.sync_quietly()["applied"], 2);
    assert_eq!((office.value("C-11", "phone"), office.value("C-1", "name")), (json!("13600136000"), json!("Citrine")));
    assert_eq!((id(&office, "C-11"), id(&office, "C-1"), count(&office)), (amber, beryl, 3));
    // A reader's view has the new keys.
    assert_eq!(office.open("share/all.xlsx").value("C-1", "Name"), "Citrine");
    office.sync_idly();
    office.store_is_sound();
}

/// Wang had opened the workbook before Li corrected a key in it, and saves after her.
#[test]
fn an_older_copy_does_not_bring_a_corrected_key_back() {
    let office = office_with("missing_rows = \"archive\"");
    let amber = id(&office, "C-1");
    let opened = office.read(SHEET);
    office.open(SHEET).set("C-2", "Name", "Citrine").save();
    let wangs = office.read(SHEET);
    office.write(SHEET, &opened);
    office.open(SHEET).set("C-1", "Customer ID", "C-11").save();
    assert_eq!(codes(&office.sync()), ["key-corrected"]);
    office.write(SHEET, &wangs);
    let report = office.sync();
    assert_eq!((codes(&report), &report["applied"]), (vec!["older-copy".to_owned()], &json!(1)), "{report}");
    assert_eq!((id(&office, "C-11"), office.value("C-2", "name")), (amber, json!("Citrine")));
    assert_eq!((count(&office), office.list(&["record", "list", "--archived"]).len()), (3, 3));
    assert!(office.reviews().is_empty());
    office.sync_idly();
    office.store_is_sound();
}

#[test]
fn a_key_that_may_not_be_quoted_is_not() {
    let body = super::office::CUSTOMERS.replacen("constraints = {", "class = \"sensitive\"\nconstraints = {", 1);
    let office = Office::new(&format!("{body}{STAFF}"));
    save(&office, &[AMBER, BERYL, CORAL]);
    office.sync_quietly();
    save(&office, &["C-11|Amber|13800138000|2026-03-01", BERYL, CORAL]);
    let report = office.sync();
    assert_eq!(codes(&report), ["key-corrected"]);
    assert!(!report.to_string().contains("C-11"), "{report}");
}

#[test]
fn what_only_resembles_is_asked_about() {
    for decision in ["accept", "reject"] {
        let office = office_with("missing_rows = \"archive\"");
        let amber = id(&office, "C-1");
        // Another key and another telephone: a correction of both, or another customer of that name?
        save(&office, &["C-11|Amber|13600136000|2026-03-01", "C-2|Citrine|13900139000|2026-03-02", CORAL]);
        let report = office.sync();
        assert_eq!(codes(&report), ["key-unclear"], "{report}");
        assert_eq!((&report["applied"], &report["held"]), (&json!(1), &json!(1)), "the rest is posted: {report}");
        assert_eq!(office.value("C-2", "name"), "Citrine");
        assert_eq!((count(&office), office.value("C-1", "phone")), (3, json!("13800138000")));
        office.program(&["record", "show", "--key", "C-11"]).ends(1);
        let review = &office.reviews()[0];
        assert_eq!(review["kind"], "ambiguous");
        assert_eq!((&review["record"], &review["key"]), (&json!(amber), &json!("C-1")), "{review}");
        assert_eq!(
            (&review["incoming"], &review["place"]),
            (&json!("C-11"), &json!("staff.xlsx!Sheet1!A2")),
            "{review}"
        );
        let question = office.review();
        office.sync_idly();
        // Another save leaves the question as it is; nothing of the row is taken.
        office.open(SHEET).set("C-3", "Name", "Jade").save();
        assert_eq!(office.sync_quietly()["applied"], 1);
        assert_eq!(office.review(), question);
        assert!(office.open("share/all.xlsx").has("C-1"), "it is not missing");

        office.program(&["review", "decide", &question, "value", "x"]).ends(1);
        office.program(&["review", "show", &question]).ends(0).says("accept|reject");
        office.program(&["review", "decide", &question, decision]).ends(0);
        let report = office.sync_quietly();
        assert!(office.reviews().is_empty(), "{decision}");
        assert_eq!(office.value("C-11", "phone"), "13600136000", "{decision}: {report}");
        assert_eq!(count(&office), 3, "{decision}");
        assert_eq!(id(&office, "C-11") == amber, decision == "accept");
        let archived = office.list(&["record", "list", "--archived"]);
        assert_eq!(archived.len(), if decision == "accept" { 3 } else { 4 }, "{decision}: {archived:?}");
        let view = office.open("share/all.xlsx");
        assert!(view.has("C-11") && !view.has("C-1"), "{decision}: {:?}", view.rows());
        office.sync_idly();
        office.store_is_sound();
    }
}

#[test]
fn a_question_that_answers_itself_is_withdrawn() {
    let office = office_with("missing_rows = \"archive\"");
    save(&office, &["C-11|Amber|13600136000|2026-03-01", BERYL, CORAL]);
    assert_eq!(codes(&office.sync()), ["key-unclear"]);
    save(&office, &[AMBER, BERYL, CORAL]);
    office.sync_quietly();
    assert!(office.reviews().is_empty());
    assert_eq!(count(&office), 3);
    // Now the rest of the row is put right: it is certain.
    save(&office, &["C-11|Amber|13600136000|2026-03-01", BERYL, CORAL]);
    assert_eq!(codes(&office.sync()), ["key-unclear"]);
    save(&office, &["C-11|Amber|13800138000|2026-03-01", BERYL, CORAL]);
    assert_eq!(codes(&office.sync()), ["key-corrected"]);
    assert!(office.reviews().is_empty());
    office.sync_idly();
}

#[test]
fn two_rows_that_could_be_one_record_wait_for_a_person() {
    let office = office_with("");
    let (first, second) = ("C-11|Amber|13800138000|2026-03-01", "C-12|Amber|13800138000|2026-03-01");
    save(&office, &[first, second, BERYL, CORAL]);
    assert_eq!(codes(&office.sync()), ["key-unclear"]);
    assert_eq!(count(&office), 3, "neither is a record yet");
    // Not the first; so it is the second, without a rival.
    office.program(&["review", "decide", &office.review(), "reject"]).ends(0);
    assert_eq!(codes(&office.sync()), ["key-corrected"]);
    assert_eq!(count(&office), 4);
    assert!(office.reviews().is_empty());
    office.sync_idly();
    office.store_is_sound();
}

#[test]
fn a_row_that_has_nothing_telling_in_common_is_new() {
    let office = office_with("missing_rows = \"archive\"");
    save(&office, &["C-11|Jade|13600136000|2026-03-02", BERYL, CORAL]);
    office.sync_quietly();
    assert_eq!((count(&office), office.list(&["record", "list", "--archived"]).len()), (3, 4));
    assert!(office.reviews().is_empty());
}

#[test]
fn a_part_of_a_composite_key_may_be_corrected() {
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
path = "share/staff.xlsx"
table = "visits"
acts_as = "role:staff"
"#;
    let office = Office::new(body);
    let line = |day: u8, note: &str, shop: &str| vec![Cell::Date(2026, 3, day), note.into(), shop.into()];
    let titles = vec!["day".into(), "note".into(), "shop".into()];
    let sheet = |day: u8, shop: &str| {
        Sheet(vec![titles.clone(), line(day, "a", shop), line(2, "b", "East"), line(1, "c", "West")])
    };
    office.save(SHEET, &sheet(1, "East"));
    office.sync_quietly();
    let first = id(&office, "East,2026-03-01");
    office.save(SHEET, &sheet(9, "East"));
    assert_eq!(codes(&office.sync()), ["key-corrected"]);
    assert_eq!(id(&office, "East,2026-03-09"), first);
    // Both parts: only the note speaks for it.
    office.save(SHEET, &sheet(8, "North"));
    assert_eq!(codes(&office.sync()), ["key-unclear"]);
    office.program(&["review", "decide", &office.review(), "accept"]).ends(0);
    office.sync_quietly();
    assert_eq!(id(&office, "North,2026-03-08"), first);
    assert_eq!(count(&office), 3);
    office.sync_idly();
    office.store_is_sound();
}

/// Thirty customers whose keys begin at `first`; the column of the key may stand still while the rest is turned by `turn`.
fn many(first: usize, turn: usize) -> Sheet {
    let line = |number: usize| {
        let rest = (number + turn) % 30;
        format!("C-{}|Name {rest}|{}|2026-03-01|{rest}@example.com", first + number, 13_800_138_000_u64 + rest as u64)
    };
    let titles = "Customer ID|Name|Phone|Since|E-mail".to_owned();
    let lines: Vec<String> = std::iter::once(titles).chain((0..30).map(line)).collect();
    rows(&lines.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn keys_that_are_all_numbered_anew_are_held() {
    let office = Office::with(&format!("{STAFF}{VIEW}"));
    office.save(SHEET, &many(1, 0));
    office.sync_quietly();
    let before = id(&office, "C-1");
    office.save(SHEET, &many(101, 0));
    let report = office.sync();
    assert_eq!(codes(&report), ["mass-change"], "{report}");
    assert_eq!(id(&office, "C-1"), before);
    assert_eq!(count(&office), 30);
    office.program(&["review", "decide", &office.review(), "accept"]).ends(0);
    assert_eq!((id(&office, "C-101"), count(&office)), (before, 30), "each record keeps its identity");
    office.sync_quietly();
    office.sync_idly();
    office.store_is_sound();
}

#[test]
fn a_sort_that_spares_the_keys_is_held_or_told() {
    let office = Office::with(&format!("{STAFF}{VIEW}"));
    office.save(SHEET, &many(1, 0));
    office.sync_quietly();
    office.save(SHEET, &many(1, 1));
    assert_eq!(codes(&office.sync()), ["mass-change"]);
    assert_eq!(office.value("C-1", "name"), "Name 0");
    // Two rows of a small sheet that exchange their keys: by its keys each is edited, and that is told.
    let office = office_with("");
    save(&office, &["C-2|Amber|13800138000|2026-03-01", "C-1|Beryl|13900139000|2026-03-02", CORAL]);
    let report = office.sync();
    assert_eq!(codes(&report), ["rows-exchanged"], "{report}");
    assert_eq!(office.value("C-2", "name"), "Amber");
    office.sync_idly();
}

/// Whatever rows are sorted, added, taken out and put back, and wherever columns stand: no row is taken for another.
#[test]
fn rows_that_are_sorted_added_and_taken_out_are_no_edits() {
    let office = Office::with(&format!("{STAFF}missing_rows = \"keep\"\n"));
    let line = |number: usize| -> Vec<Cell> {
        let texts = [format!("C-{number}"), format!("Name {}", number % 7), format!("1380013{number:04}")];
        texts.iter().map(|text| text.as_str().into()).collect()
    };
    // Knuth's generator: a fixed seed, so that the test is the same each time.
    let mut seed: u64 = 17;
    let mut dice = |below: usize| -> usize {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).expect("31 bits") % below
    };
    let mut there: Vec<usize> = (1..=18).collect();
    let mut records: std::collections::HashMap<usize, String> = std::collections::HashMap::new();
    let mut last = 18;
    for round in 0..12 {
        for _ in 0..dice(3) {
            there.swap_remove(dice(there.len()));
        }
        let new: Vec<usize> = (last + 1..=last + dice(3)).collect();
        last += new.len();
        there.extend(&new);
        for index in (1..there.len()).rev() {
            there.swap(index, dice(index + 1));
        }
        let turn = dice(3);
        let mut lines = vec![vec!["Customer ID".into(), "Name".into(), "Phone".into()]];
        lines.extend(there.iter().map(|number| line(*number)));
        for line in &mut lines {
            line.rotate_left(turn);
        }
        office.save(SHEET, &Sheet(lines));
        let report = office.sync_quietly();
        let added = if round == 0 { there.len() } else { new.len() };
        assert_eq!(report["changes"], 3 * added, "round {round}: {report}");
        for record in office.list(&["record", "list"]) {
            let number: usize = text(&record["fields"]["customer_id"])[2..].parse().expect("a number");
            let id = records.entry(number).or_insert_with(|| text(&record["id"]));
            assert_eq!(*id, text(&record["id"]), "round {round}, C-{number}");
            assert_eq!(record["fields"]["phone"], format!("1380013{number:04}"), "round {round}");
        }
    }
    assert!(office.reviews().is_empty());
    office.store_is_sound();
}

#[test]
fn of_copied_rows_the_one_that_is_as_before_is_the_record() {
    let office = office_with("missing_rows = \"archive\"");
    let copy = "C-1|Copy|13600136000|2026-03-01";
    for lines in [[AMBER, copy, BERYL, CORAL], [BERYL, copy, CORAL, AMBER]] {
        save(&office, &lines);
        let report = office.sync();
        let told = problems(&report);
        // The same copy is told once.
        if lines[0] == AMBER {
            assert_eq!(told, [("duplicate-key".to_owned(), "staff.xlsx!Sheet1!3".to_owned())], "{report}");
            assert!(text(&report["problems"][0]["message"]).contains("is as it was"), "{report}");
        } else {
            assert_eq!(told, [], "{report}");
        }
        assert_eq!(office.value("C-1", "name"), "Amber");
        office.sync_idly();
    }
    // The copy gets a key of its own: it is a new record, for the original is there.
    save(&office, &[AMBER, "C-4|Amber|13800138000|2026-03-01", BERYL, CORAL]);
    office.sync_quietly();
    assert_eq!(count(&office), 4);
    // Copies that are the same in every cell are one row and its copies.
    save(&office, &[AMBER, BERYL, "C-4|Amber|13800138000|2026-03-01", AMBER, CORAL]);
    assert_eq!(problems(&office.sync()), [("duplicate-key".to_owned(), "staff.xlsx!Sheet1!5".to_owned())]);
    office.sync_idly();
    // Both are changed: nobody can tell which is which.
    save(&office, &["C-1|Agate|13800138000|2026-03-01", BERYL, "C-4|Amber|13800138000|2026-03-01", copy, CORAL]);
    let report = office.sync();
    assert!(codes(&report).iter().all(|code| code == "duplicate-key"), "{report}");
    assert_eq!((&report["applied"], office.value("C-1", "name")), (&json!(0), json!("Amber")), "{report}");
    // One is taken out: the other is the record, and its edit comes.
    save(&office, &["C-1|Agate|13800138000|2026-03-01", BERYL, "C-4|Amber|13800138000|2026-03-01", CORAL]);
    office.sync_quietly();
    assert_eq!((office.value("C-1", "name"), count(&office)), (json!("Agate"), 4));
    assert!(office.reviews().is_empty());
    office.store_is_sound();
}
