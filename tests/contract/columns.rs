//! A column stays its field: moved, under another title, dropped, exchanged. What is not certain a person decides.

use serde_json::{Value as Json, json};

use super::office::{Office, STAFF, VIEW, problems, text};
use super::workbook::{Cell, Sheet};

const SHEET: &str = "share/staff.xlsx";
const TITLES: [&str; 5] = ["Customer ID", "Name", "Phone", "E-mail", "Stage"];

fn codes(report: &Json) -> Vec<String> {
    let mut codes: Vec<String> = problems(report).into_iter().map(|(code, _)| code).collect();
    codes.sort();
    codes
}

/// A sheet of so many customers with these titles above the columns of `TITLES`.
fn sheet(titles: [&str; 5], count: usize) -> Sheet {
    let row = |number: usize| -> Vec<Cell> {
        let texts = [
            format!("C-{number}"),
            format!("Name {number}"),
            format!("138001380{number:02}"),
            format!("c{number}@example.com"),
            ["lead", "offer", "signed"][number % 3].to_owned(),
        ];
        texts.iter().map(|text| text.as_str().into()).collect()
    };
    let titles = titles.iter().map(|title| (*title).into()).collect();
    Sheet(std::iter::once(titles).chain((1..=count).map(row)).collect())
}

fn office(count: usize) -> Office {
    let office = Office::with(&format!("{STAFF}{VIEW}"));
    office.save(SHEET, &sheet(TITLES, count));
    office.sync_quietly();
    office
}

/// The sheet with its columns in another order.
fn ordered(mut sheet: Sheet, order: [usize; 5]) -> Sheet {
    for row in &mut sheet.0 {
        *row = order.iter().map(|column| row[*column].clone()).collect();
    }
    sheet
}

#[test]
fn a_column_under_another_title_is_still_the_field() {
    let office = office(12);
    // Another title, another place, and one number corrected, all in one save.
    let mut renamed = sheet(["Customer ID", "Name", "Contact no.", "E-mail", "Stage"], 12);
    renamed.0[3][2] = "13600136000".into();
    office.save(SHEET, &ordered(renamed, [2, 0, 1, 3, 4]));
    let report = office.sync();
    assert_eq!(problems(&report), [("column-renamed".to_owned(), "staff.xlsx!Sheet1!A1".to_owned())], "{report}");
    assert!(text(&report["problems"][0]["hint"]).contains("`Contact no.`"), "{report}");
    assert_eq!((&report["applied"], office.value("C-3", "phone")), (&json!(1), json!("13600136000")), "{report}");
    office.sync_idly();
    // It is remembered, also if most of the column changes later.
    for number in 1..=6 {
        let place = format!("A{}", number + 1);
        office.open(SHEET).set_at(&place, format!("137001370{number:02}").as_str()).save();
        assert_eq!(office.sync_quietly()["applied"], 1, "{number}");
    }
    assert_eq!(office.value("C-6", "phone"), "13700137006");
    office.sync_idly();
    // The old title again: nothing is lost, and nothing told.
    let mut back = sheet(TITLES, 12);
    for number in 1..=6 {
        back.0[number][2] = format!("137001370{number:02}").as_str().into();
    }
    office.save(SHEET, &back);
    assert_eq!(office.sync_quietly()["changes"], 0);
    office.store_is_sound();
}

#[test]
fn the_column_of_the_key_may_have_another_title() {
    let office = office(12);
    let mut renamed = sheet(["Our number", "Name", "Phone", "E-mail", "Stage"], 12);
    renamed.0[3][1] = "Jade".into();
    office.save(SHEET, &renamed);
    let report = office.sync();
    assert_eq!(codes(&report), ["column-renamed"], "{report}");
    assert_eq!((&report["applied"], office.value("C-3", "name")), (&json!(1), json!("Jade")));
    office.sync_idly();
    renamed.0[4][1] = "Opal".into();
    office.save(SHEET, &renamed);
    assert_eq!(office.sync_quietly()["applied"], 1);
    assert_eq!(office.list(&["record", "list"]).len(), 12);
    // Another column instead of it is not taken for it.
    office.save(SHEET, &sheet(["Name", "Nonsense", "Phone", "E-mail", "Stage"], 12));
    assert_eq!(codes(&office.sync()), ["missing-key-column"]);
    office.store_is_sound();
}

#[test]
fn a_column_that_only_resembles_is_asked_about() {
    for decision in ["accept", "reject"] {
        let office = office(12);
        let mut renamed = sheet(["Customer ID", "Name", "Contact no.", "E-mail", "Stage"], 12);
        for number in 1..=4 {
            renamed.0[number][2] = format!("137001370{number:02}").as_str().into();
        }
        office.save(SHEET, &renamed);
        let report = office.sync();
        assert_eq!(codes(&report), ["column-unclear", "unknown-column"], "{report}");
        assert_eq!((&report["applied"], &report["held"]), (&json!(0), &json!(1)), "{report}");
        let review = &office.reviews()[0];
        assert_eq!((&review["kind"], &review["field"]), (&json!("ambiguous"), &json!("phone")), "{review}");
        assert_eq!((&review["incoming"], &review["record"]), (&json!("Contact no."), &Json::Null), "{review}");
        assert_eq!(review["place"], "staff.xlsx!Sheet1!C1");
        office.sync_idly();
        // The rest of the sheet goes on, and the question stays.
        let question = office.review();
        office.open(SHEET).set("C-9", "Name", "Jade").save();
        assert_eq!(office.sync_quietly()["applied"], 1);
        assert_eq!(office.review(), question);

        office.program(&["review", "show", &question]).ends(0).says("accept|reject");
        office.program(&["review", "decide", &question, decision, "--as", "chief@example.com"]).ends(1);
        office.program(&["review", "decide", &question, decision]).ends(0);
        let report = office.sync();
        assert!(office.reviews().is_empty(), "{decision}");
        let (told, phone) = match decision {
            "accept" => ("column-renamed", "13700137001"),
            _ => ("column-dropped", "13800138001"),
        };
        assert_eq!(codes(&report), [told], "{report}");
        assert_eq!(office.value("C-1", "phone"), phone, "{decision}");
        assert_eq!(office.open("share/all.xlsx").value("C-1", "Phone"), phone, "{decision}");
        office.sync_idly();
        office.open(SHEET).set("C-2", "Contact no.", "13600136000").save();
        let report = office.sync_quietly();
        assert_eq!(report["applied"], u64::from(decision == "accept"), "{decision}: {report}");
        assert!(office.reviews().is_empty(), "{decision}: it is not asked about again");
        office.sync_idly();
        office.store_is_sound();
    }
}

#[test]
fn a_question_about_a_column_is_withdrawn_when_its_title_is_back() {
    let office = office(2);
    office.save(SHEET, &sheet(["Customer ID", "Name", "Contact no.", "E-mail", "Stage"], 2));
    assert_eq!(codes(&office.sync()), ["column-unclear", "unknown-column"], "two rows say little");
    office.save(SHEET, &sheet(TITLES, 2));
    office.sync_quietly();
    assert!(office.reviews().is_empty());
    office.sync_idly();
}

#[test]
fn a_dropped_column_clears_nothing() {
    let office = office(12);
    let mut dropped = sheet(TITLES, 12);
    for row in &mut dropped.0 {
        row.remove(2);
    }
    office.program(&["record", "set", "--key", "C-2", "phone=13600136000"]).ends(0);
    office.save(SHEET, &dropped);
    let report = office.sync();
    assert_eq!(codes(&report), ["column-dropped"], "{report}");
    assert_eq!(report["changes"], 0);
    assert_eq!(
        (office.value("C-1", "phone"), office.value("C-2", "phone")),
        (json!("13800138001"), json!("13600136000"))
    );
    office.sync_idly();
    dropped.0[1][1] = "Jade".into();
    office.save(SHEET, &dropped);
    assert_eq!(office.sync_quietly()["applied"], 1, "it is told once");
    // It comes back with what it was: somebody else's change stays.
    let mut back = sheet(TITLES, 12);
    back.0[1][1] = "Jade".into();
    office.save(SHEET, &back);
    assert_eq!(office.sync_quietly()["changes"], 0);
    assert_eq!(office.value("C-2", "phone"), "13600136000");
    // A column of another content takes its place: it is none of ours.
    let mut other = sheet(["Customer ID", "Name", "Tea", "E-mail", "Stage"], 12);
    for row in &mut other.0[1..] {
        row[2] = "green".into();
    }
    office.save(SHEET, &other);
    assert!(codes(&office.sync()).contains(&"unknown-column".to_owned()));
    assert!(office.reviews().is_empty());
    office.store_is_sound();
}

#[test]
fn titles_that_change_places_swap_no_values_unasked() {
    for count in [4, 30] {
        for decision in ["accept", "reject"] {
            let office = office(count);
            // The titles of name and e-mail change places; what stands below does not.
            office.save(SHEET, &sheet(["Customer ID", "E-mail", "Phone", "Name", "Stage"], count));
            let report = office.sync();
            let told = codes(&report);
            assert!(
                told.contains(&"columns-exchanged".to_owned()) && told.contains(&"mass-change".to_owned()),
                "{report}"
            );
            assert_eq!((&report["applied"], office.value("C-1", "name")), (&json!(0), json!("Name 1")));
            office.sync_idly();
            // An edit more does not let it in.
            office.open(SHEET).set("C-2", "Phone", "13600136000").save();
            assert!(codes(&office.sync()).contains(&"mass-change".to_owned()));
            assert_eq!(office.value("C-2", "phone"), "13800138002");
            office.program(&["review", "decide", &office.review(), decision]).ends(0);
            let name = if decision == "accept" { "c1@example.com" } else { "Name 1" };
            assert_eq!(office.value("C-1", "name"), name, "{decision}");
            office.sync();
            office.store_is_sound();
        }
    }
    // One title is put over another column.
    let office = office(12);
    office.save(SHEET, &sheet(["Customer ID", "", "Phone", "Name", "Stage"], 12));
    let report = office.sync();
    assert!(codes(&report).contains(&"columns-exchanged".to_owned()), "{report}");
    assert_eq!(office.value("C-1", "name"), "Name 1");
}
