//! What a mail's sender may not see she does not learn by asking or guessing: not a value, and not that a record is there.

use super::mail::{deliver, last, office_with};
use super::office::Office;

const LI: &str = "li.lei@example.com";

/// What a person is answered, with the record's key left out.
fn answer(office: &Office, from: &str, name: &str, text: &str, key: &str) -> (String, String) {
    deliver(office, name, from, "", &text.replace("KEY", key));
    office.sync();
    let (outcome, text) = last(office);
    (outcome, text.replace(key, "KEY"))
}

#[test]
fn a_record_that_may_not_be_seen_is_answered_as_one_that_is_not_there() {
    let office = office_with("en", "");
    office
        .program(&["record", "set", "--key", "C-2", "name=Bronze", "credit=7", "stage=lead", "owner=chief@example.com"])
        .ends(0);
    let texts = [
        "show KEY",
        "Customer ID: KEY",
        "Customer ID: KEY\r\nName: Bronze",
        "Customer ID: KEY\r\nName: Copper\r\nCredit: 7",
        "Customer ID: KEY\r\nCredit: plenty",
        "Customer ID: KEY\r\nName: (clear)\r\nCredit: (clear)",
        "Customer ID: KEY\r\nName: Bronze\r\n\r\nCustomer ID: KEY\r\nName: Copper",
        "Customer ID | Name | Stage\r\nKEY | Bronze | lead\r\n",
        "Customer ID: KEY\r\nOwner: li.lei@example.com",
    ];
    for (number, text) in texts.iter().enumerate() {
        let is = answer(&office, LI, &format!("{number}-is"), text, "C-2");
        let is_not = answer(&office, LI, &format!("{number}-not"), text, "C-9");
        assert_eq!(is, is_not, "{text}");
        assert!(is.0.starts_with("applied=0 unchanged=0 "), "{text}: {is:?}");
    }
    assert_eq!((office.value("C-2", "name"), office.value("C-2", "credit")), ("Bronze".into(), 7.into()));
    // Whoever keeps the list sees who tried.
    let history = office.list(&["record", "history", "--key", "C-2"]);
    let tried = |line: &&serde_json::Value| line["actor"] == LI && line["outcome"] == "refused";
    assert!(history.iter().any(|line| tried(&line)), "{history:?}");
    office.store_is_sound();
}

#[test]
fn a_guess_at_a_value_is_answered_alike_whether_it_is_right_or_wrong() {
    let answered = |phone: &str, credit: &str| {
        let office = office_with("en", "");
        let values = ["name=Amber", "phone=13800138000", "credit=5000", "owner=li.lei@example.com"];
        office.program(&[["record", "set", "--key", "C-1"].as_slice(), &values].concat()).ends(0);
        let text = format!("Customer ID: KEY\r\nName: Amber\r\nPhone: {phone}\r\nCredit: {credit}");
        let (outcome, text) = answer(&office, LI, "1", &text, "C-1");
        assert_eq!((office.value("C-1", "phone"), office.value("C-1", "credit")), ("13800138000".into(), 5000.into()));
        office.store_is_sound();
        (outcome, text.replace(phone, "PHONE").replace(credit, "CREDIT"))
    };
    let (right, wrong) = (answered("13800138000", "5000"), answered("13900139000", "6000"));
    assert_eq!(right, wrong);
    assert!(right.0.starts_with("applied=0 unchanged=1 refused=2 "), "{right:?}");
}
