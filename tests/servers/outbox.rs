//! Mails that wait in the store, sent by the built program: into a folder, to a server, by one pass and by the daemon, and after
//! somebody pulled the plug.

use std::time::Instant;

use daybook::io::OsEntropy;
use daybook::model::{MailAddress, MessageId, OutgoingMail, Timestamp};
use daybook::store::{MasterKey, Options, Store};
use rustix::process::Signal;
use serde_json::{Value as Json, json};

use super::mock_smtp::{MockSmtp, Reaction};
use crate::contract::office::{DEADLINE, Office, STAFF, wait_until};
use crate::contract::workbook::rows;

const INTO_A_FOLDER: &str = "[smtp]\ndirectory = \"data/outbox\"\nfrom = \"capture@example.com\"\n";

fn office(smtp: &str) -> Office {
    let office = Office::with(&format!("{STAFF}{smtp}"));
    office.save("share/staff.xlsx", &rows(&["Customer ID|Name", "C-1|Amber"]));
    office.program(&["sync"]).ends(0);
    office
}

fn to_server(port: u16) -> String {
    format!("[smtp]\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\nfrom = \"capture@example.com\"\n")
}

fn mail(number: u8) -> OutgoingMail {
    let id = MessageId::of([number; 16], "example.com").expect("an id");
    let bytes = format!("Message-ID: {id}\r\nSubject: receipt {number}\r\n\r\n.\r\n电话\r\n").into_bytes();
    let to = MailAddress::parse("li.lei@example.com").expect("an address");
    OutgoingMail::new("receipt", to, id, bytes, None).expect("a mail")
}

/// Queues mails as another program beside would.
fn queue(office: &Office, numbers: impl IntoIterator<Item = u8>) {
    let key = String::from_utf8(office.read("keys/daybook.key")).expect("UTF-8");
    let key = MasterKey::parse(&key).expect("a key");
    let path = office.path("data/daybook.db");
    let mut store = Store::open(&path, &key, Box::new(OsEntropy), Options::default()).expect("it opens");
    for number in numbers {
        assert!(store.queue_mail(&mail(number), Timestamp(i64::from(number))).expect("it is queued"));
    }
}

fn counts(office: &Office) -> (Json, Json) {
    let outbox = office.json(&["status"])["outbox"].clone();
    (outbox["pending"].clone(), outbox["parked"].clone())
}

fn written(office: &Office, number: u8) -> Option<Vec<u8>> {
    let name = format!("data/outbox/{}.eml", mail(number).message_id().as_str());
    office.path(&name).exists().then(|| office.read(&name))
}

#[test]
fn a_pass_writes_mails_into_a_folder_once() {
    let office = office(INTO_A_FOLDER);
    queue(&office, [1, 2]);
    assert_eq!(counts(&office), (json!(2), json!(0)));
    office.program(&["sync", "--dry-run"]).ends(0);
    assert!(!office.path("data/outbox").exists());
    assert_eq!(office.sync_quietly()["sent"], 2);
    for number in [1, 2] {
        assert_eq!(written(&office, number).as_deref(), Some(mail(number).bytes()));
    }
    assert_eq!(counts(&office), (json!(0), json!(0)));
    office.sync_idly();
    office.store_is_sound();
}

#[test]
fn who_only_observes_sends_nothing_and_without_smtp_mails_wait() {
    let office = office("");
    queue(&office, [1]);
    assert_eq!(office.sync_quietly()["sent"], 0);
    office.program(&["status"]).ends(0).says("1 mail to send, 0 parked").says("there is no `[smtp]`");
    office.configure(&format!("{}{STAFF}{INTO_A_FOLDER}", crate::contract::office::CUSTOMERS));
    let configuration = String::from_utf8(office.read("daybook.toml")).expect("UTF-8");
    let observing = configuration.replace("[office]", "[office]\nobserve_only = true");
    office.write("daybook.toml", observing.as_bytes());
    assert_eq!(office.sync_quietly()["sent"], 0);
    let daemon = office.start(&["run"]);
    std::thread::sleep(std::time::Duration::from_secs(2));
    daemon.signal(Signal::TERM);
    daemon.ended("the daemon").ends(0);
    assert!(!office.path("data/outbox").exists());
    office.write("daybook.toml", configuration.as_bytes());
    assert_eq!(office.sync_quietly()["sent"], 1);
}

#[test]
fn what_is_refused_is_parked_shown_and_tried_again_by_hand() {
    let server = MockSmtp::start(|given, seen| match given {
        _ if given.starts_with("RCPT") && seen.connections == 1 => Reaction::Say("550 5.1.1 no such user\r\n"),
        _ => Reaction::Usual,
    });
    let office = office(&to_server(server.port));
    queue(&office, [1]);
    let report = office.sync();
    assert_eq!((&report["sent"], &report["problems"][0]["code"]), (&json!(0), &json!("mail-parked")), "{report}");
    assert_eq!(report["problems"][0]["place"], mail(1).message_id().to_string());
    assert_eq!(counts(&office), (json!(0), json!(1)));
    office.program(&["status"]).ends(0).says("0 mails to send, 1 parked").says("550 5.1.1 no such user");
    assert_eq!(office.sync_quietly()["sent"], 0, "it is told once, and not tried by itself");
    let listed = office.list(&["outbox", "list"]);
    assert_eq!(
        (listed.len(), &listed[0]["state"], &listed[0]["to"]),
        (1, &json!("parked"), &json!("li.lei@example.com"))
    );
    let id = listed[0]["id"].as_str().expect("an id");
    office.program(&["outbox", "list"]).ends(0).says(id).says("no such user");
    office.program(&["outbox", "retry", "ffff"]).ends(1);
    office.program(&["outbox", "retry", &id.chars().take(8).collect::<String>()]).ends(0).says("li.lei@example.com");
    assert_eq!(counts(&office), (json!(1), json!(0)));
    assert_eq!(office.sync_quietly()["sent"], 1);
    assert_eq!(server.seen().mails, [mail(1).bytes()]);
    assert!(office.list(&["outbox", "list"]).is_empty());
}

#[test]
fn a_server_that_is_away_is_told_of_once_and_loses_nothing() {
    let away = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    let office = office(&to_server(away));
    queue(&office, [1, 2, 3]);
    let report = office.sync();
    assert_eq!(report["problems"].as_array().map(Vec::len), Some(1), "{report}");
    assert_eq!(report["problems"][0]["code"], "mails-not-sent");
    assert_eq!(counts(&office), (json!(3), json!(0)));
    office.program(&["status"]).ends(0).says("3 mails to send").says("can't be reached");
    assert_eq!(office.sync_quietly()["sent"], 0, "they wait their time");
    let server = MockSmtp::usual();
    office.configure(&format!("{}{STAFF}{}", crate::contract::office::CUSTOMERS, to_server(server.port)));
    for mail in office.list(&["outbox", "list"]) {
        let is_first = mail["attempts"] == 1;
        assert_eq!(mail["attempts"].as_u64(), Some(u64::from(is_first)));
        if is_first {
            office.program(&["outbox", "retry", mail["id"].as_str().expect("an id")]).ends(0);
        }
    }
    assert_eq!(office.sync_quietly()["sent"], 3, "one that gets through wakes the others");
    assert_eq!(server.seen().mails.len(), 3);
}

#[test]
fn the_daemon_sends_what_is_queued_while_it_runs() {
    let office = office(INTO_A_FOLDER);
    let daemon = office.start(&["run"]);
    queue(&office, 1..=40);
    wait_until("the mails are written", || (1..=40).all(|number| written(&office, number).is_some()));
    wait_until("that is noted", || counts(&office) == (json!(0), json!(0)));
    daemon.signal(Signal::TERM);
    let ran = daemon.ended("the daemon").ends(0);
    assert!(!ran.err.contains("电话"), "{}", ran.err);
}

#[test]
fn a_daemon_that_is_killed_after_sending_sends_the_same_bytes_again() {
    let server = MockSmtp::start(|given, seen| match given {
        "END" if seen.mails.is_empty() => Reaction::TakeAndHang,
        _ => Reaction::Usual,
    });
    let office = office(&to_server(server.port));
    queue(&office, [1]);
    let daemon = office.start(&["run"]);
    wait_until("the server has the mail", || server.seen().mails.len() == 1);
    // Whoever sends is not disturbed by another pass.
    assert_eq!(office.sync_quietly()["sent"], 0);
    daemon.signal(Signal::KILL);
    drop(daemon);
    assert_eq!(office.sync_quietly()["sent"], 1, "nothing has to be waited for");
    assert_eq!(server.seen().mails, [mail(1).bytes(), mail(1).bytes()]);
    office.sync_idly();
}

#[test]
fn a_daemon_that_is_to_end_notes_the_mail_that_is_on_its_way_and_waits_for_no_dead_server() {
    let server = MockSmtp::start(|given, _| if given == "END" { Reaction::TakeAndHang } else { Reaction::Usual });
    let office = office(&to_server(server.port));
    queue(&office, [1, 2, 3]);
    let daemon = office.start(&["run"]);
    wait_until("the server has the mail", || server.seen().mails.len() == 1);
    let begin = Instant::now();
    daemon.signal(Signal::TERM);
    daemon.ended("the daemon").ends(0);
    assert!(begin.elapsed() < DEADLINE, "{:?}", begin.elapsed());
    assert_eq!(counts(&office), (json!(3), json!(0)));
    assert_eq!(server.seen().mails.len(), 1, "no other is begun");
}
