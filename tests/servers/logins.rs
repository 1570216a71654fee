//! Who gets the password: only a server that proves its name, by a way that the server offers, and never a log.

use daybook::source::mailbox::{MAILBOX_LOGIN, MAILBOX_UNTRUSTED};

use super::mock_imap::{MockImap, Reaction};
use super::*;

/// What listing fails with, if it does, with this secret.
fn list(server: &MockImap, tls: MailTls, token: bool, secret: &str) -> Result<(), MailFailure> {
    let keys = tempfile::tempdir().expect("a folder");
    let file = keys.path().join("secret");
    daybook::io::private::write_new(&file, secret.as_bytes()).expect("it can be written");
    let credential = if token { Credential::TokenFile(file) } else { Credential::PasswordFile(file) };
    // A certificate is needed, though none of these servers ever shows one.
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    let ca_file = keys.path().join("ca.pem");
    std::fs::write(&ca_file, made.cert.pem()).expect("it can be written");
    let imap = account(server.port, tls, credential, Some(&ca_file));
    let mut mailbox = open(imap, Since::At(0), short(), None);
    mailbox.list(&|_| false, 9).map(drop)
}

/// What was sent to the server, in the order of the lines.
fn sent(server: &MockImap) -> String {
    server.world().commands.join("\n")
}

#[test]
fn a_password_goes_the_way_that_the_server_offers() {
    let server = MockImap::usual();
    list(&server, MailTls::None, false, "p\"w\n").expect("PLAIN works");
    assert!(sent(&server).contains("AUTHENTICATE PLAIN"));
    let server = MockImap::usual();
    server.world().capabilities = "IMAP4rev1";
    list(&server, MailTls::None, false, "p\"w\n").expect("LOGIN works");
    assert!(sent(&server).contains("LOGIN \"capture\" \"p\\\"w\""), "{}", sent(&server));
    let server = MockImap::usual();
    server.world().capabilities = "IMAP4rev1 LOGINDISABLED";
    let failure = list(&server, MailTls::None, false, "hunter2").expect_err("there is no way in");
    assert_eq!(failure.problem.code, MAILBOX_LOGIN.0);
    assert!(!sent(&server).contains("LOGIN "), "{}", sent(&server));
}

#[test]
fn a_token_goes_by_xoauth2() {
    let server = MockImap::usual();
    server.world().capabilities = "IMAP4rev1 AUTH=XOAUTH2";
    list(&server, MailTls::None, true, "token\n").expect("XOAUTH2 works");
    // user=capture^Aauth=Bearer token^A^A
    let answers = server.world().answers.clone();
    assert_eq!(answers, ["dXNlcj1jYXB0dXJlAWF1dGg9QmVhcmVyIHRva2VuAQE="]);
    let server = MockImap::usual();
    let failure = list(&server, MailTls::None, true, "token").expect_err("it is not offered");
    assert!(failure.problem.message.contains("XOAUTH2"), "{failure:?}");
}

#[test]
fn a_token_that_is_refused_with_a_challenge_is_answered_and_told() {
    let server = MockImap::start(|given, _| {
        if given.starts_with("AUTHENTICATE") {
            Reaction::Challenge("eyJzdGF0dXMiOiI0MDEifQ==")
        } else {
            Reaction::Usual
        }
    });
    server.world().capabilities = "IMAP4rev1 AUTH=XOAUTH2";
    let failure = list(&server, MailTls::None, true, "stale-token").expect_err("it is stale");
    assert_eq!(failure.problem.code, MAILBOX_LOGIN.0, "{failure:?}");
    assert_eq!(server.world().answers.last().map(String::as_str), Some(""), "the challenge got an empty answer");
}

#[test]
fn a_secret_that_the_server_repeats_is_not_told() {
    let server = MockImap::start(|given, _| {
        if given.starts_with("LOGIN") {
            Reaction::Say("TAG NO hunter2 is wrong for capture\r\n")
        } else {
            Reaction::Usual
        }
    });
    server.world().capabilities = "IMAP4rev1";
    let failure = list(&server, MailTls::None, false, "hunter2").expect_err("it is wrong");
    assert!(failure.problem.message.contains("… is wrong for capture"), "{failure:?}");
    assert!(!format!("{failure:?}").contains("hunter2"));
}

#[test]
fn a_server_that_does_not_encrypt_gets_nothing() {
    let injected = "TAG OK begin\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n";
    for answer in ["TAG NO not today\r\n", "TAG BAD what\r\n", injected, "TAG OK begin\r\n"] {
        let server =
            MockImap::start(move |given, _| if given == "STARTTLS" { Reaction::Say(answer) } else { Reaction::Usual });
        let failure = list(&server, MailTls::StartTls, false, "hunter2").expect_err("it does not encrypt");
        let told = &failure.problem;
        if answer == "TAG OK begin\r\n" {
            assert!(failure.is_offline, "{failure:?}");
        } else {
            assert_eq!(told.code, MAILBOX_UNTRUSTED.0, "{answer}: {failure:?}");
        }
        assert_eq!(told.message.contains("somebody may be in between"), answer == injected, "{failure:?}");
        let sent = sent(&server);
        assert!(!sent.contains("AUTHENTICATE") && !sent.contains("LOGIN"), "{sent}");
    }
}

#[test]
fn a_server_that_calls_us_logged_in_before_tls_is_left() {
    let server = MockImap::usual();
    server.world().greeting = "* PREAUTH welcome\r\n";
    list(&server, MailTls::StartTls, false, "hunter2").expect_err("nobody has logged in");
    assert_eq!(sent(&server), "");
}

#[test]
fn plain_text_does_not_leave_this_machine() {
    let keys = tempfile::tempdir().expect("a folder");
    let file = keys.path().join("secret");
    daybook::io::private::write_new(&file, b"hunter2").expect("it can be written");
    let mut imap = account(143, MailTls::None, Credential::PasswordFile(file), None);
    imap.host = "203.0.113.1".to_owned();
    let failure = open(imap, Since::At(0), short(), None).list(&|_| false, 9).expect_err("it is elsewhere");
    assert!(failure.problem.message.contains("another machine"), "{failure:?}");
}
