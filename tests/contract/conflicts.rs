//! Two people change the same value: reviews, decisions, and every rule of the contract.

use serde_json::{Value as Json, json};

use super::office::{Office, STAFF, VIEW, text};
use super::workbook::{Workbook, rows};

const SECOND: &str = r#"
[[workbook]]
name = "second"
path = "share/second.xlsx"
table = "customers"
acts_as = "role:staff"
"#;

/// An office with two workbooks that show `C-1` and `C-2` alike.
fn two_workbooks() -> Office {
    let office = Office::with(&format!("{STAFF}{SECOND}{VIEW}"));
    let sheet = rows(&["Customer ID|Name|Phone", "C-1|Amber|13800138000", "C-2|Coral|13900139000"]);
    office.save("share/staff.xlsx", &sheet);
    office.save("share/second.xlsx", &sheet);
    let report = office.sync_quietly();
    assert_eq!((&report["applied"], &report["unchanged"]), (&json!(6), &json!(6)), "identical inserts are one");
    assert_eq!(office.list(&["record", "list"]).len(), 2);
    office
}

/// The office, with a conflict of `Beryl` (stored) and `Cobalt` (incoming).
fn with_a_conflict() -> Office {
    let office = two_workbooks();
    office.open("share/staff.xlsx").set("C-1", "Name", "Beryl").save();
    office.open("share/second.xlsx").set("C-1", "Name", "Cobalt").set("C-2", "Name", "Citrine").save();
    let report = office.sync_quietly();
    assert_eq!((&report["applied"], &report["conflicts"]), (&json!(2), &json!(1)), "{report}");
    assert_eq!(office.value("C-1", "name"), "Beryl", "what is stored stays until somebody decides");
    assert_eq!(office.value("C-2", "name"), "Citrine", "the rest is posted");
    office
}

#[test]
fn an_edit_in_one_workbook_reaches_the_view() {
    let office = two_workbooks();
    office.sync_idly();
    office.open("share/staff.xlsx").set("C-1", "Name", "Beryl").save();
    let report = office.sync_quietly();
    assert_eq!((&report["arrivals"], &report["changes"], &report["applied"]), (&json!(1), &json!(1), &json!(1)));
    assert_eq!(report["published"], 1);
    let mut view = office.open("share/all.xlsx");
    assert_eq!(view.value("C-1", "Name"), "Beryl");
    assert_eq!(view.value("C-1", "Phone"), "13800138000", "a phone is a text");
    office.sync_idly();
    // And back: an edit of the view reaches the store.
    view.set("C-1", "Name", "Cobalt").save();
    assert_eq!(office.sync_quietly()["applied"], 1);
    assert_eq!(office.value("C-1", "name"), "Cobalt");
    office.sync_idly();
    // The second workbook still shows what it showed at first: that is no edit.
    office.open("share/second.xlsx").set("C-2", "Phone", "13700137000").save();
    let report = office.sync_quietly();
    assert_eq!((&report["applied"], &report["conflicts"]), (&json!(1), &json!(0)));
    assert_eq!(office.value("C-1", "name"), "Cobalt");
    office.store_is_sound();
}

#[test]
fn a_conflict_waits_for_a_person() {
    let office = with_a_conflict();
    office.sync_idly();
    let reviews = office.reviews();
    assert_eq!(reviews.len(), 1);
    let review = &reviews[0];
    assert_eq!(
        (&review["kind"], &review["table"], &review["field"]),
        (&json!("conflict"), &json!("customers"), &json!("name"))
    );
    assert_eq!(
        (&review["base"], &review["stored"], &review["incoming"]),
        (&json!("Amber"), &json!("Beryl"), &json!("Cobalt"))
    );
    assert_eq!((&review["source"], &review["place"]), (&json!("second"), &json!("second.xlsx!Sheet1!B2")));
    assert_eq!(review["actor"], "role:staff");
    assert!(text(&review["at"]).ends_with("+08:00"));
    let id = text(&review["id"]);
    assert_eq!(&office.json(&["review", "show", &id]), review);
    office.program(&["review", "show", &id]).ends(0).says("Beryl").says("Cobalt").says("Amber");
    assert_eq!(office.json(&["status"])["reviews"], 1);
    let history = office.list(&["record", "history", "--key", "C-1"]);
    let line = history.iter().find(|line| line["outcome"] == "conflict").expect("the conflict is in the history");
    assert_eq!((&line["value"], &line["previous"]), (&json!("Cobalt"), &json!("Beryl")));
    // Whoever may not see the field is not told.
    let seen = office.list(&["review", "list", "--as", "li.lei@example.com"]);
    assert!(seen.is_empty(), "not her customer: {seen:?}");
}

#[test]
fn a_conflict_is_decided_each_way() {
    for (choice, value) in [
        (&["incoming"][..], "Cobalt"),
        (&["stored"], "Beryl"),
        (&["base"], "Amber"),
        (&["value", "Citrine"], "Citrine"),
    ] {
        let office = with_a_conflict();
        let id = office.review();
        office.program(&["review", "decide", &id, "accept"]).ends(1);
        let decided = [&["review", "decide", &id][..], choice].concat();
        office.program(&decided).ends(0);
        assert_eq!(office.value("C-1", "name"), value, "{choice:?}");
        assert!(office.reviews().is_empty());
        office.program(&decided).ends(1).says("decided");
        let all = office.list(&["review", "list", "--all"]);
        assert_eq!(all[0]["decided"], choice[0]);
        assert_eq!(all[0]["stored"], "Beryl", "what was stored when it was asked");
        office.sync_quietly();
        assert_eq!(office.open("share/all.xlsx").value("C-1", "Name"), value);
        office.sync_idly();
        let changes = office.list(&["change", "list"]);
        assert!(changes.iter().any(|change| change["kind"] == "decision" && change["of"] == json!(id)), "{changes:?}");
        // The old values in both workbooks are no edits, and don't come back with another edit.
        office.open("share/second.xlsx").set("C-2", "Phone", "13700137000").save();
        office.open("share/staff.xlsx").set("C-2", "Phone", "13700137000").save();
        assert_eq!(office.sync_quietly()["conflicts"], 0);
        assert_eq!(office.value("C-1", "name"), value, "{choice:?}");
        office.store_is_sound();
    }
}

#[test]
fn a_decision_needs_the_right_to_write() {
    let office = with_a_conflict();
    let id = office.review();
    let ran = office.program(&["review", "decide", &id, "incoming", "--as", "han.meimei@example.com"]).ends(1);
    assert!(!ran.err.is_empty());
    assert_eq!(office.value("C-1", "name"), "Beryl");
    office.program(&["review", "decide", &id, "incoming", "--as", "chief@example.com"]).ends(0);
    let history = office.list(&["record", "history", "--key", "C-1"]);
    assert_eq!(history.last().expect("a line")["actor"], "chief@example.com");
}

#[test]
fn a_conflict_that_its_author_takes_back_is_closed() {
    let office = with_a_conflict();
    office.open("share/second.xlsx").set("C-1", "Name", "Beryl").save();
    office.sync_quietly();
    assert!(office.reviews().is_empty(), "both say the same now");
    assert_eq!(office.value("C-1", "name"), "Beryl");
}

/// A field, its rule, and what becomes of it: base, what `first` and `second` change it to, and the value in the end if
/// the second workbook was saved later, and if it was saved earlier.
const RULES: &[(&str, &str, [&str; 5])] = &[
    ("latest", "conflict = \"latest\"", ["a", "b", "c", "c", "b"]),
    ("first", "conflict = \"first\"", ["a", "b", "c", "b", "c"]),
    ("source_order", "conflict = \"source-order\"", ["a", "b", "c", "c", "c"]),
    ("keep_stored", "conflict = \"keep-stored\"", ["a", "b", "c", "b", "b"]),
    ("longest", "conflict = \"longest\"", ["a", "bbb", "cc", "bbb", "bbb"]),
    ("smallest", "type = \"integer\"\nconflict = \"minimum\"", ["10", "12", "11", "11", "11"]),
    ("largest", "type = \"integer\"\nconflict = \"maximum\"", ["10", "12", "11", "12", "12"]),
    (
        "earliest",
        "type = \"date\"\nconflict = \"minimum\"",
        ["2026-03-05", "2026-03-01", "2026-03-03", "2026-03-01", "2026-03-01"],
    ),
    ("tags", "type = \"list\"\nconflict = \"union\"", ["a", "a;b", "a;c", "a,b,c", "a,b,c"]),
    (
        "stage",
        "constraints = { enum = [\"lead\", \"offer\", \"signed\"] }\nconflict = \"furthest\"",
        ["lead", "signed", "offer", "signed", "signed"],
    ),
    (
        "street",
        "conflict = \"latest\"\ngroup = \"address\"",
        ["a street", "b street", "a street", "a street", "b street"],
    ),
    ("postcode", "conflict = \"latest\"\ngroup = \"address\"", ["1", "1", "3", "3", "1"]),
    ("complete", "conflict = \"most-complete\"", ["a", "b", "c", "c", "c"]),
    ("asked", "conflict = \"review\"", ["a", "b", "c", "b", "b"]),
    ("usual", "", ["a", "b", "c", "b", "b"]),
];

fn shown(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Array(items) => {
            let mut items: Vec<String> = items.iter().map(shown).collect();
            items.sort();
            items.join(",")
        }
        other => other.to_string(),
    }
}

#[test]
fn every_rule_settles_as_the_contract_says() {
    let field = |(name, rule, _): &(&str, &str, _)| format!("[[table.field]]\nname = \"{name}\"\n{rule}\n");
    let fields = RULES.iter().map(field).collect::<Vec<_>>().concat();
    let workbook = |name: &str, rank: i32| {
        format!(
            "[[workbook]]\nname = \"{name}\"\npath = \"share/{name}.xlsx\"\ntable = \"things\"\nacts_as = \"role:staff\"\nrank = {rank}\n"
        )
    };
    let body = format!(
        "[[person]]\nemail = \"a@example.com\"\nroles = [\"staff\"]\n[[table]]\nname = \"things\"\nprimary_key = [\"id\"]\n\
         [[table.field]]\nname = \"id\"\n{fields}[[table.field]]\nname = \"extra\"\n[[access]]\nid = \"all\"\nrole = \"staff\"\n\
         table = \"things\"\nrelation = \"all\"\nread = [\"basic\"]\nwrite = [\"basic\"]\ncreate = true\nreason = \"all\"\n{}{}",
        workbook("one", 1),
        workbook("two", 2)
    );
    for (later, ending) in [(true, 3), (false, 4)] {
        let office = Office::new(&body);
        let titles = format!("id|extra|{}", RULES.iter().map(|(name, ..)| *name).collect::<Vec<_>>().join("|"));
        let line = |state: usize, extra: &str| {
            format!("1|{extra}|{}", RULES.iter().map(|(.., values)| values[state]).collect::<Vec<_>>().join("|"))
        };
        for name in ["one", "two"] {
            office.save(&format!("share/{name}.xlsx"), &rows(&[&titles, &line(0, "")]));
            office.saved_ago(&format!("share/{name}.xlsx"), 1000);
        }
        office.sync_quietly();
        office.save("share/one.xlsx", &rows(&[&titles, &line(1, "")]));
        office.saved_ago("share/one.xlsx", 500);
        // The second one's row has one filled cell more, so it is the most complete.
        office.save("share/two.xlsx", &rows(&[&titles, &line(2, "x")]));
        office.saved_ago("share/two.xlsx", if later { 100 } else { 900 });
        let report = office.sync_quietly();
        let record = office.record("1");
        for (name, rule, values) in RULES {
            assert_eq!(shown(&record[*name]), values[ending], "{name} ({rule}), second saved later: {later}");
        }
        let mut asked: Vec<String> = office.reviews().iter().map(|review| text(&review["field"])).collect();
        asked.sort();
        assert_eq!(asked, ["asked", "usual"], "{report}");
        let outcomes: Vec<String> =
            office.list(&["record", "history", "--key", "1"]).iter().map(|line| text(&line["outcome"])).collect();
        assert!(outcomes.iter().any(|outcome| outcome == "superseded"), "{outcomes:?}");
        office.sync_idly();
        office.store_is_sound();
    }
}

#[test]
fn a_delete_against_an_edit_is_a_conflict() {
    let office = two_workbooks();
    office.open("share/staff.xlsx").set("C-1", "Name", "Beryl").save();
    office.open("share/second.xlsx").remove("C-1").save();
    office.sync_quietly();
    assert_eq!(office.value("C-1", "name"), "Beryl", "the edit is not lost");
    let reviews = office.reviews();
    assert_eq!(reviews.len(), 1, "{reviews:?}");
    // A blank against an edit: the same.
    office.open("share/staff.xlsx").set("C-2", "Name", "Citrine").save();
    office.open("share/second.xlsx").set("C-2", "Name", "").save();
    let report = office.sync_quietly();
    assert_eq!(report["conflicts"], 1, "{report}");
    assert_eq!(office.value("C-2", "name"), "Citrine");
}

/// A view as a program saves it that drops custom properties.
fn without_mark(view: Workbook) -> Vec<u8> {
    view.with_parts(|name, text| match name {
        "docProps/custom.xml" => text.replace("Daybook.", "Nobodys."),
        _ => text.to_owned(),
    })
}

#[test]
fn a_save_whose_mark_was_dropped_is_compared_with_what_it_came_from() {
    let office = two_workbooks();
    let old = without_mark(office.open("share/all.xlsx"));
    // A reader's save, so that one was seen; then others change what she had before her.
    office.open("share/all.xlsx").set("C-2", "Name", "Citrine").save();
    office.sync_quietly();
    office.program(&["record", "set", "--key", "C-1", "name=Agate", "phone=13600136000", "since=2026-03-01"]).ends(0);
    office.sync_quietly();
    // What Daybook wrote comes back without its mark, with an edit: only that is one.
    let written = without_mark(office.open("share/all.xlsx"));
    office.write("share/all.xlsx", &written);
    office.open("share/all.xlsx").set("C-2", "Phone", "13700137000").save();
    let report = office.sync_quietly();
    assert_eq!((&report["changes"], &report["applied"]), (&json!(1), &json!(1)), "{report}");
    // So does a copy from the very beginning: nothing is brought back.
    office.write("share/all.xlsx", &old);
    office.open("share/all.xlsx").set("C-2", "E-mail", "c@example.com").save();
    let report = office.sync();
    assert_eq!((&report["applied"], &report["conflicts"]), (&json!(1), &json!(0)), "{report}");
    assert_eq!(office.value("C-1", "name"), "Agate");
    assert_eq!((office.value("C-2", "name"), office.value("C-2", "phone")), (json!("Citrine"), json!("13700137000")));
    assert_eq!(office.value("C-2", "email"), "c@example.com");
    assert_eq!(office.open("share/all.xlsx").value("C-1", "Name"), "Agate", "the view shows what is stored again");
    office.store_is_sound();
}
