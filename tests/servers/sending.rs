//! Handing mails over: to a server that does what it must not, and to Dovecot's, which wants encryption and a login.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use daybook::io::transport::{Patience, Stop};
use daybook::model::{MailAddress, MessageId};
use daybook::publish::mail::{Account, Courier, Delivery, Letter, Login, Proof, SmtpCourier, Tls};

use super::dovecot::Dovecot;
use super::mock_smtp::{MockSmtp, Reaction};
use super::{LONG, until_done};

/// Short waits, and long enough for a machine with much to do.
const SHORT: Patience =
    Patience { connect: Duration::from_secs(3), silence: Duration::from_secs(2), command: Duration::from_secs(6) };
/// For a server that is not to be given up.
const PATIENT: Patience = Patience { connect: LONG, silence: LONG, command: LONG };

const BODY: &[u8] = b"Message-ID: <one@b>\r\nSubject: x\r\n\r\n.\r\n..two\r\n\xE7\x94\xB5\xE8\xAF\x9D\r\n";

fn account(port: u16) -> Account {
    Account { host: "127.0.0.1".into(), port, tls: Tls::None, login: None, ca_file: None }
}

fn courier(account: Account, patience: Patience) -> SmtpCourier {
    SmtpCourier::new(account, patience, Stop::default())
}

fn deliver_to(courier: &mut dyn Courier, to: &str, bytes: &[u8]) -> Delivery {
    let (to, message_id) = (MailAddress::parse(to).expect("an address"), MessageId::parse("one@b").expect("an id"));
    courier.deliver(&Letter { to: &to, message_id: &message_id, bytes })
}

fn deliver(courier: &mut dyn Courier) -> Delivery {
    deliver_to(courier, "li.lei@example.com", BODY)
}

/// Delivers one mail to a server that reacts to one command in its way.
fn with(command: &'static str, reaction: fn() -> Reaction) -> (MockSmtp, Delivery) {
    let server = MockSmtp::start(move |given, _| if given.starts_with(command) { reaction() } else { Reaction::Usual });
    let begin = Instant::now();
    let delivery = deliver(&mut courier(account(server.port), SHORT));
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    (server, delivery)
}

#[track_caller]
fn says(delivery: &Delivery, words: &str) {
    let (Delivery::Later { why } | Delivery::Offline { why } | Delivery::Never { why }) = delivery else {
        panic!("it was sent");
    };
    assert!(why.contains(words) && !why.contains(['\r', '\n']), "{why}");
}

#[test]
fn a_mail_arrives_byte_for_byte_without_a_sender_and_the_connection_is_kept() {
    let server = MockSmtp::usual();
    let mut courier = courier(account(server.port), SHORT);
    for _ in 0..3 {
        assert_eq!(deliver(&mut courier), Delivery::Sent);
    }
    courier.rest();
    let seen = server.seen();
    assert_eq!(seen.mails, [BODY, BODY, BODY]);
    assert_eq!(seen.connections, 1);
    assert_eq!(seen.commands[1], format!("MAIL FROM:<> SIZE={} BODY=8BITMIME", BODY.len()));
    assert_eq!(seen.commands[2], "RCPT TO:<li.lei@example.com>");
}

#[test]
fn what_passes_is_told_from_what_does_not() {
    for command in ["MAIL", "RCPT", "DATA", "END"] {
        let (server, later) = with(command, || Reaction::Say("451 4.7.1 greylisted,\u{7} try later\r\n"));
        assert!(matches!(later, Delivery::Later { .. }), "{command}: {later:?}");
        says(&later, "451 4.7.1 greylisted");
        let (_, never) = with(command, || Reaction::Say("550-5.1.1 no such\r\n550 5.1.1 user\r\n"));
        assert!(matches!(never, Delivery::Never { .. }), "{command}: {never:?}");
        says(&never, "550 5.1.1 no such 5.1.1 user");
        // What is refused is forgotten before the next one.
        assert_eq!(server.seen().commands.last().map(String::as_str), Some("RSET"));
        assert!(server.seen().mails.is_empty());
    }
}

#[test]
fn a_server_that_can_not_be_used_is_no_fault_of_the_mail() {
    for (command, reaction, words) in [
        ("GREETING", (|| Reaction::Say("554 go away\r\n")) as fn() -> Reaction, "554 go away"),
        ("GREETING", || Reaction::Say("HTTP/1.1 400 Bad Request\r\n"), "does not speak"),
        ("GREETING", || Reaction::Close(""), "ended the connection"),
        ("GREETING", || Reaction::Hang, "can't be reached"),
        ("GREETING", || Reaction::Flood("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"), "no end"),
        ("GREETING", || Reaction::Flood("220-and so on\r\n"), "no end"),
        ("EHLO", || Reaction::Say("502 what?\r\n"), "502 what?"),
        ("MAIL", || Reaction::Close("421 too busy\r\n"), "421 too busy"),
        ("MAIL", || Reaction::Say("530 5.7.0 Authentication required\r\n"), "530"),
        ("RCPT", || Reaction::Hang, "can't be reached"),
        ("DATA", || Reaction::Close(""), "ended the connection"),
        ("RCPT", || Reaction::Say("250 fine\r\n250 and more\r\n"), "without being asked"),
        ("RCPT", || Reaction::Say("999 fine\r\n"), "does not speak"),
    ] {
        let (server, offline) = with(command, reaction);
        assert!(matches!(offline, Delivery::Offline { .. }), "{command} {words}: {offline:?}");
        says(&offline, words);
        assert!(server.seen().mails.is_empty());
    }
    let nobody =
        { std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port() };
    let refused = deliver(&mut courier(account(nobody), SHORT));
    assert!(matches!(refused, Delivery::Offline { .. }), "{refused:?}");
}

#[test]
fn where_no_answer_comes_the_very_same_bytes_are_sent_again() {
    for reaction in [(|| Reaction::TakeAndHang) as fn() -> Reaction, || Reaction::TakeAndClose] {
        let server =
            MockSmtp::start(
                move |given, seen| {
                    if given == "END" && seen.mails.is_empty() { reaction() } else { Reaction::Usual }
                },
            );
        let mut courier = courier(account(server.port), SHORT);
        let unknown = deliver(&mut courier);
        assert!(matches!(unknown, Delivery::Later { .. }), "{unknown:?}");
        says(&unknown, "did not say whether it has the mail");
        assert_eq!(deliver(&mut courier), Delivery::Sent);
        assert_eq!(server.seen().mails, [BODY, BODY]);
    }
}

#[test]
fn a_connection_that_was_kept_and_is_gone_costs_no_try() {
    let server = MockSmtp::start(|given, seen| match given {
        _ if given.starts_with("MAIL") && seen.mails.len() == 1 && seen.connections == 1 => Reaction::Close(""),
        _ => Reaction::Usual,
    });
    let mut courier = courier(account(server.port), SHORT);
    assert_eq!(deliver(&mut courier), Delivery::Sent);
    assert_eq!(deliver(&mut courier), Delivery::Sent);
    let seen = server.seen();
    assert_eq!((seen.mails.len(), seen.connections), (2, 2));
}

#[test]
fn what_the_server_can_not_take_is_not_offered_to_it() {
    let server = MockSmtp::usual();
    let mut courier = courier(account(server.port), SHORT);
    says(&deliver_to(&mut courier, "李雷@example.com", BODY), "beyond ASCII");
    says(&deliver_to(&mut courier, "a@b.c", &vec![b'x'; 200_000]), "up to 100000 bytes");
    assert!(server.seen().commands.iter().all(|command| !command.starts_with("MAIL")));
    assert_eq!(deliver(&mut courier), Delivery::Sent);
}

#[test]
fn a_stop_ends_every_wait() {
    let server = MockSmtp::start(|given, _| if given == "END" { Reaction::Hang } else { Reaction::Usual });
    let stop = Stop::default();
    let mut courier = SmtpCourier::new(account(server.port), PATIENT, stop.clone());
    let begin = Instant::now();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(200));
        stop.stop();
    });
    says(&deliver(&mut courier), "ending");
    assert!(begin.elapsed() < LONG / 2);
}

/// A login with a secret in a file that goes with the folder.
fn login(folder: &tempfile::TempDir, secret: &str, proof: fn(PathBuf) -> Proof) -> Login {
    let path = folder.path().join(format!("secret-{secret}"));
    daybook::io::private::write_new(&path, secret.as_bytes()).expect("it can be written");
    Login { user: "capture".into(), proof: proof(path) }
}

#[test]
fn a_secret_that_a_server_repeats_is_told_nowhere() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = MockSmtp::start(|given, _| match given.split(' ').nth(1) {
        Some("PLAIN") => Reaction::Say("535 AGNhcHR1cmUAaHVudGVyMg== is user capture with hunter2\r\n"),
        Some("XOAUTH2") => Reaction::Say("334 eyJzdGF0dXMiOiI0MDEifQ==\r\n"),
        _ if given.is_empty() => Reaction::Say("535 token-t no longer good\r\n"),
        _ => Reaction::Usual,
    });
    for (secret, proof) in [("hunter2", Proof::Password as fn(PathBuf) -> Proof), ("token-t", Proof::Token)] {
        let account = Account { login: Some(login(&folder, secret, proof)), ..account(server.port) };
        let refused = deliver(&mut courier(account, SHORT));
        assert!(matches!(refused, Delivery::Offline { .. }));
        says(&refused, "does not let `capture` in: 535");
        let told = format!("{refused:?}");
        assert!(!told.contains(secret) && !told.contains("aHVudGVyMg"), "{told}");
    }
}

#[test]
fn the_older_login_works_and_a_secret_that_others_may_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let server = MockSmtp::start(|given, _| match given {
        _ if given.starts_with("EHLO") => Reaction::Say("250-mock\r\n250 AUTH LOGIN\r\n"),
        "AUTH LOGIN" => Reaction::Say("334 VXNlcm5hbWU6\r\n"),
        "Y2FwdHVyZQ==" => Reaction::Say("334 UGFzc3dvcmQ6\r\n"),
        "aHVudGVyMg==" => Reaction::Say("235 in\r\n"),
        _ => Reaction::Usual,
    });
    let login = Some(login(&folder, "hunter2", Proof::Password));
    let account = Account { login, ..account(server.port) };
    let bytes = b"Message-ID: <one@b>\r\n\r\nplain\r\n";
    assert_eq!(deliver_to(&mut courier(account.clone(), SHORT), "a@b", bytes), Delivery::Sent);
    let path = folder.path().join("secret-hunter2");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).expect("ours");
    says(&deliver(&mut courier(account, SHORT)), "others may use it");
}

/// Dovecot's submission service, with a mock behind it that it hands mails on to.
fn submission() -> Option<(Dovecot, MockSmtp)> {
    let relay = MockSmtp::usual();
    Some((Dovecot::start_with_submission(relay.port)?, relay))
}

fn at_dovecot(server: &Dovecot, tls: Tls) -> Account {
    let port = if tls == Tls::Implicit { server.submissions_port } else { server.submission_port };
    let login = Some(Login { user: "capture".into(), proof: Proof::Password(server.path("password")) });
    Account { tls, login, ca_file: Some(server.path("cert.pem")), ..account(port) }
}

#[test]
fn dovecot_takes_mails_over_tls_and_with_a_login() {
    let Some((server, relay)) = submission() else { return };
    for tls in [Tls::Implicit, Tls::StartTls] {
        let mut courier = courier(at_dovecot(&server, tls), PATIENT);
        for _ in 0..2 {
            assert_eq!(deliver(&mut courier), Delivery::Sent, "{tls:?}");
        }
        courier.rest();
    }
    let mails =
        until_done("the mails are handed on", || Some(relay.seen().mails.clone()).filter(|mails| mails.len() == 4));
    assert!(mails.iter().all(|mail| mail.ends_with(BODY)), "as they were");
    let seen = relay.seen();
    assert!(
        seen.commands.iter().filter(|command| command.starts_with("MAIL")).all(|mail| mail.starts_with("MAIL FROM:<>"))
    );
}

#[test]
fn dovecot_lets_nobody_in_with_a_wrong_password_or_in_plain_text() {
    let Some((server, relay)) = submission() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let right = at_dovecot(&server, Tls::Implicit);
    let wrong = Account { login: Some(login(&folder, "not-it", Proof::Password)), ..right.clone() };
    says(&deliver(&mut courier(wrong, PATIENT)), "does not let `capture` in: 535");
    let unknown = Account { ca_file: None, ..right.clone() };
    says(&deliver(&mut courier(unknown, PATIENT)), "can't be trusted");
    let misnamed = Account { host: "127.0.0.2".into(), ..right };
    assert!(matches!(deliver(&mut courier(misnamed, SHORT)), Delivery::Offline { .. }));
    assert!(relay.seen().mails.is_empty());
}
