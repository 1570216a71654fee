//! Who may see and change what: in views, in workbooks, on the command line.

use serde_json::{Value as Json, json};

use super::office::{Office, STAFF, problems, text};
use super::workbook::{Cell, rows};

/// Finance's view: it reads and writes the credit, sees phones masked, and neither stage nor e-mail.
const FINANCE: &str = r#"
[[view]]
name = "finance"
path = "share/finance.xlsx"
table = "customers"
for = "role:finance"
editable = true
"#;

/// Li Lei's view: her own customers.
const OWN: &str = r#"
[[view]]
name = "own"
path = "share/own.xlsx"
table = "customers"
for = "li.lei@example.com"
editable = true
"#;

/// A view for reading, with conditions.
const SIGNED: &str = r#"
[[view]]
name = "signed"
path = "share/signed.xlsx"
table = "customers"
for = "role:staff"
fields = ["name", "customer_id", "stage"]
where = { stage = ["signed", "offer"] }
"#;

const PHONE: &str = "13812345678";

fn office() -> Office {
    let office = Office::with(&format!("{STAFF}{FINANCE}{OWN}{SIGNED}"));
    office.save(
        "share/staff.xlsx",
        &rows(&[
            "Customer ID|Name|Phone|Stage|Credit|E-mail|Owner",
            &format!("C-1|Amber|{PHONE}|signed|73519|amber.mail@example.com|li.lei@example.com"),
            "C-2|Beryl|13900139000|lead|2000|beryl.mail@example.com|chief@example.com",
        ]),
    );
    office.sync_quietly();
    office
}

/// Whether a text stands in any part of a workbook.
fn anywhere(office: &Office, name: &str, text: &str) -> Vec<String> {
    let within = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    let workbook = office.open(name);
    let parts = workbook.parts().iter();
    parts.filter(|(part, bytes)| within(bytes) || within(part.as_bytes())).map(|(part, _)| part.clone()).collect()
}

#[test]
fn a_view_holds_nothing_that_its_reader_may_not_see() {
    let office = office();
    let finance = office.open("share/finance.xlsx");
    assert_eq!(finance.value("C-1", "Phone"), "138****5678");
    assert_eq!(finance.value("C-1", "Credit"), "73519");
    for hidden in [PHONE, "12345678", "1234", "amber.mail", "signed", "lead", "13900139000"] {
        assert_eq!(anywhere(&office, "share/finance.xlsx", hidden), Vec::<String>::new(), "{hidden}");
    }
    assert!(!finance.rows()[0].contains(&"Stage".to_owned()), "{:?}", finance.rows()[0]);
    let own = office.open("share/own.xlsx");
    assert!(own.has("C-1") && !own.has("C-2"));
    for hidden in ["C-2", "Beryl", "73519", "chief@example.com", PHONE] {
        assert_eq!(anywhere(&office, "share/own.xlsx", hidden), Vec::<String>::new(), "{hidden}");
    }
    // Fields in their order, records that meet the condition.
    let signed = office.open("share/signed.xlsx");
    assert_eq!(signed.rows()[0], ["Name", "Customer ID", "Stage"]);
    assert_eq!(signed.rows()[1], ["Amber", "C-1", "signed"]);
    assert_eq!(signed.rows().len(), 2);
    // A record that no longer meets it is gone from the view, and no trace of it stays.
    office.open("share/staff.xlsx").set("C-1", "Stage", "lead").set("C-2", "Stage", "offer").save();
    office.sync_quietly();
    assert_eq!(office.open("share/signed.xlsx").rows()[1], ["Beryl", "C-2", "offer"]);
    assert_eq!(anywhere(&office, "share/signed.xlsx", "Amber"), Vec::<String>::new());
    // A customer who changes hands leaves the view, and that is no deletion.
    office
        .open("share/staff.xlsx")
        .set("C-1", "Owner", "chief@example.com")
        .set("C-2", "Owner", "li.lei@example.com")
        .save();
    office.sync_quietly();
    let own = office.open("share/own.xlsx");
    assert!(own.has("C-2") && !own.has("C-1"), "{:?}", own.rows());
    office.sync_idly();
    assert_eq!(office.list(&["record", "list"]).len(), 2);
}

#[test]
fn a_view_carries_its_marks_and_is_written_only_on_change() {
    let office = office();
    let finance = office.open("share/finance.xlsx");
    assert_eq!(finance.property("Daybook.Source").as_deref(), Some("finance"));
    let revision: u64 = finance.property("Daybook.Revision").expect("a revision").parse().expect("a number");
    assert!(revision > 0 && revision <= office.revision());
    assert!(!finance.parts().iter().any(|(name, _)| name.contains("externalLink") || name.contains("vba")));
    let before = office.read("share/finance.xlsx");
    office.sync_idly();
    // A change that finance may not see does not touch its file.
    office.open("share/staff.xlsx").set("C-1", "E-mail", "new@example.com").save();
    let report = office.sync_quietly();
    assert_eq!(report["published"], 1, "Li Lei's only: {report}");
    assert_eq!(office.read("share/finance.xlsx"), before);
    assert!(office.path("share").read_dir().expect("a folder").count() == 4, "no temporary files stay");
}

#[test]
fn masked_values_never_come_back_as_edits() {
    let office = office();
    office.open("share/finance.xlsx").set("C-1", "Credit", 1500.0).save();
    let report = office.sync_quietly();
    assert_eq!((&report["changes"], &report["applied"]), (&json!(1), &json!(1)), "{report}");
    assert_eq!(office.value("C-1", "phone"), PHONE);
    assert_eq!(office.value("C-1", "credit"), 1500);
    // Typing a whole number over the mask is refused: finance may not write phones.
    office.open("share/finance.xlsx").set("C-1", "Phone", "13800000000").save();
    let report = office.sync();
    assert_eq!(problems(&report), [("forbidden".to_owned(), "finance.xlsx!Customers!C2".to_owned())], "{report}");
    assert!(!report.to_string().contains("13800000000") && !report.to_string().contains(PHONE), "{report}");
    assert_eq!(office.value("C-1", "phone"), PHONE);
    office.sync_quietly();
    assert_eq!(office.open("share/finance.xlsx").value("C-1", "Phone"), "138****5678", "the mask is put back");
    office.sync_idly();
    // One record's mask over another's says nothing that can be taken.
    office.open("share/finance.xlsx").set("C-2", "Phone", "138****5678").save();
    let report = office.sync();
    assert_eq!(report["applied"], 0, "{report}");
    assert_eq!(office.value("C-2", "phone"), "13900139000");
    // A mask that was cleared clears nothing.
    office.open("share/finance.xlsx").set("C-1", "Phone", "").save();
    assert_eq!(office.sync()["applied"], 0);
    assert_eq!(office.value("C-1", "phone"), PHONE);
    office.sync_quietly();
    assert_eq!(office.open("share/finance.xlsx").value("C-1", "Phone"), "138****5678");
    office.store_is_sound();
}

#[test]
fn a_forbidden_edit_is_refused_told_once_and_put_back() {
    let office = office();
    let place = office.open("share/finance.xlsx").place("C-1", "Name");
    office.open("share/finance.xlsx").set("C-1", "Name", "Agate").set("C-1", "Credit", 1500.0).save();
    let report = office.sync();
    assert_eq!((&report["refused"], &report["applied"]), (&json!(1), &json!(1)), "{report}");
    assert_eq!(problems(&report), [("forbidden".to_owned(), format!("finance.xlsx!Customers!{place}"))]);
    let problem = &report["problems"][0];
    assert!(
        text(&problem["message"]).contains("Finance looks after the credit"),
        "the rule's reason is told: {problem}"
    );
    assert_eq!(office.value("C-1", "name"), "Amber");
    assert_eq!(office.value("C-1", "credit"), 1500);
    assert_eq!(office.open("share/finance.xlsx").value("C-1", "Name"), "Amber", "put back in the same pass");
    office.sync_idly();
    let history = office.list(&["record", "history", "--key", "C-1"]);
    let line = history.iter().find(|line| line["outcome"] == "refused").expect("it is in the history");
    assert_eq!(
        (&line["value"], &line["previous"], &line["actor"]),
        (&json!("Agate"), &json!("Amber"), &json!("role:finance"))
    );
    // In a workbook that people keep the edit stays where it was typed, and is told once.
    office.configure(&format!("{}{}{FINANCE}", super::office::CUSTOMERS, STAFF.replace("role:staff", "role:finance")));
    office.open("share/staff.xlsx").set("C-1", "Name", "Jade").save();
    assert_eq!(problems(&office.sync()), [("forbidden".to_owned(), "staff.xlsx!Sheet1!B2".to_owned())]);
    office.sync_idly();
    assert_eq!(office.open("share/staff.xlsx").value("C-1", "Name"), "Jade");
    assert_eq!(office.value("C-1", "name"), "Amber");
}

#[test]
fn rows_that_may_not_be_added_or_removed_are_refused() {
    let office = office();
    office.open("share/finance.xlsx").append(&["C-9".into(), "Opal".into()]).save();
    let report = office.sync();
    let codes: Vec<String> = problems(&report).into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes, ["forbidden", "copy-kept"], "{report}");
    office.program(&["record", "show", "--key", "C-9"]).ends(1);
    // What was typed is not lost: the file as it was saved lies beside the view.
    assert!(!office.open("share/finance.xlsx").has("C-9"));
    let kept = super::office::files_below(&office.path("share")).into_iter();
    let kept: Vec<String> =
        kept.map(|path| path.display().to_string()).filter(|path| path.contains("daybook-kept")).collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!(super::workbook::Workbook::open(kept[0].as_ref()).value("C-9", "Name"), "Opal");
    office.sync_idly();
    office.open("share/own.xlsx").remove("C-1").save();
    office.sync();
    assert_eq!(office.list(&["record", "list"]).len(), 2, "nothing is deleted unasked");
    // A view that is not editable takes nothing.
    let title = "Stage";
    office.open("share/signed.xlsx").set_at("C2", "lead").save();
    let report = office.sync();
    assert_eq!(problems(&report).iter().map(|(code, _)| code.as_str()).collect::<Vec<_>>(), ["read-only"], "{report}");
    assert_eq!(office.value("C-1", "stage"), "signed");
    assert_eq!(office.open("share/signed.xlsx").rows()[1][2], "signed", "{title} is put back");
}

#[test]
fn what_may_not_be_read_is_absent_and_what_is_masked_is_named() {
    let office = office();
    let as_finance = |key: &str| office.json(&["record", "show", "--key", key, "--as", "han.meimei@example.com"]);
    let record = as_finance("C-1");
    assert_eq!(record["fields"]["phone"], "138****5678");
    assert_eq!(record["masked"], json!(["phone"]));
    assert!(record["fields"].get("stage").is_none() && record["fields"].get("email").is_none(), "{record}");
    assert_eq!(record["fields"]["credit"], 73519);
    // Li Lei sees her own customer; another's is as if it were not there.
    let lei = ["--as", "li.lei@example.com"];
    let listed = office.list(&[&["record", "list"][..], &lei].concat());
    assert_eq!(listed.len(), 1);
    assert!(listed[0]["fields"].get("credit").is_none());
    let hidden = office.program(&[&["record", "show", "--key", "C-2"][..], &lei].concat()).ends(1);
    let absent = office.program(&[&["record", "show", "--key", "C-7"][..], &lei].concat()).ends(1);
    assert_eq!(hidden.err.replace("C-2", "C-7"), absent.err, "the same words");
    office.program(&[&["record", "history", "--key", "C-2"][..], &lei].concat()).ends(1);
    // History masks as records do.
    let history = office.list(&["record", "history", "--key", "C-1", "--as", "han.meimei@example.com"]);
    assert!(history.iter().all(|line| line["field"] != "email" && line["field"] != "stage"), "{history:?}");
    let all: String = history.iter().map(Json::to_string).collect();
    assert!(!all.contains(PHONE), "{all}");
    // A search finds by what the searcher may read, and not by what is masked.
    let found = |text: &str, person: &str| office.list(&["record", "search", text, "--as", person]).len();
    assert_eq!(found("amber", "han.meimei@example.com"), 1);
    for hidden in ["12345678", "amber.mail", "signed"] {
        assert_eq!(found(hidden, "han.meimei@example.com"), 0, "{hidden}");
    }
    assert_eq!(found("beryl", "li.lei@example.com"), 0);
    assert_eq!(office.list(&["record", "search", "12345678"]).len(), 1, "the steward finds it");
    // And an arrival shows of its changes what the person may see.
    let changes = office.list(&["change", "list", "--source", "staff"]);
    let id = text(&changes[0]["id"]);
    let shown = office.json(&["change", "show", &id, "--as", "li.lei@example.com"]).to_string();
    assert!(shown.contains("Amber") && !shown.contains("Beryl") && !shown.contains(PHONE), "{shown}");
    // Its counts are of these alone; of an arrival about others' records she hears nothing.
    let counts = office.json(&["change", "show", &id, "--as", "li.lei@example.com"]);
    assert_eq!((&counts["records"], &counts["applied"]), (&json!(1), &json!(6)), "{counts}");
    office.program(&["change", "show", &id, "--at", "2026-03-01"]).ends(2);
    office.program(&["record", "set", "--key", "C-2", "name=Citrine"]).ends(0);
    let other = text(&office.list(&["change", "list"])[0]["id"]);
    assert_eq!(office.json(&["change", "show", &other])["applied"], 1);
    let show = |id: &str| office.program(&["change", "show", id, "--as", "li.lei@example.com"]).ends(1).err;
    assert_eq!(show(&other).replace(&other, "0000"), show("0000"), "the same words");
}

#[test]
fn deny_wins_and_nothing_is_allowed_without_a_rule() {
    let deny = "deny = [\"contract\"]\ncreate = true\nreason = \"Staff keep the list\"";
    let body = super::office::CUSTOMERS.replacen("create = true\nreason = \"Staff keep the list\"", deny, 1);
    let office = Office::new(&format!("{body}{STAFF}"));
    office.save("share/staff.xlsx", &rows(&["Customer ID|Name|Credit", "C-1|Amber|1000"]));
    let report = office.sync();
    assert_eq!(problems(&report), [("forbidden".to_owned(), "staff.xlsx!Sheet1!C2".to_owned())], "{report}");
    assert_eq!(office.value("C-1", "credit"), Json::Null);
    let seen = office.json(&["record", "show", "--key", "C-1", "--as", "chief@example.com"]);
    assert!(seen["fields"].get("credit").is_none());
    office.program(&["record", "set", "--key", "C-1", "credit=5", "--as", "chief@example.com"]).ends(1);
    office.program(&["record", "set", "--key", "C-1", "name=Agate", "--as", "role:sales"]).ends(1);
    office.program(&["record", "show", "--key", "C-1", "--as", "role:sales@sales/west"]).ends(1);
    // A slip in `--as` is not the same as having no rights.
    office.program(&["record", "set", "--key", "C-1", "name=Agate", "--as", "role:nobody"]).ends(2).says("finance");
    office.program(&["record", "show", "--key", "C-1", "--as", "role:sales@north"]).ends(2).says("sales/east");
    office.program(&["record", "list", "--as", "role:sales@sales"]).ends(0);
    assert_eq!(office.value("C-1", "name"), "Amber");
}

#[test]
fn a_view_does_not_run_what_people_type() {
    let office = Office::with(&format!("{STAFF}{}", super::office::VIEW));
    let formula = "=HYPERLINK(\"http://example.com\",\"x\")";
    office.save(
        "share/staff.xlsx",
        &rows(&["Customer ID|Name", &format!("C-1|{formula}"), "C-2|@SUM(1)", "C-3|+1", "C-4|-1"]),
    );
    office.sync_quietly();
    let view = office.open("share/all.xlsx");
    assert_eq!(view.value("C-1", "Name"), formula);
    for (name, bytes) in view.parts().iter().filter(|(name, _)| name.starts_with("xl/worksheets/sheet")) {
        let sheet = String::from_utf8_lossy(bytes);
        assert!(!sheet.contains("<f>") && !sheet.contains("<hyperlink"), "{name}: a text is a text");
    }
    office.sync_idly();
    office.open("share/all.xlsx").append(&["C-5".into(), Cell::Text("=1+1".to_owned())]).save();
    office.sync_quietly();
    assert_eq!(office.value("C-5", "name"), "=1+1");
}
