//! The built program between real servers: mails from Dovecot over IMAP, receipts through its submission service.

use std::time::Instant;

use daybook::config::{Credential, ImapConfig, MailTls};
use mail_auth::common::crypto::{RsaKey, Sha256};
use mail_auth::common::headers::HeaderWriter;
use mail_auth::dkim::DkimSigner;
use rustix::process::Signal;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;

use super::dovecot::{Dovecot, PASSWORD};
use super::mock_imap::{MockImap, Reaction as ImapReaction};
use super::mock_smtp::MockSmtp;
use super::postfix::{self as border, Border};
use crate::contract::office::{DEADLINE, Office, problems, wait_until};

const SENDER: &str = "chief@example.com";

/// A mail as the border server hands it on: with who has signed it.
pub(super) fn proved(name: &str, from: &str, text: &str) -> Vec<u8> {
    let (_, domain) = from.rsplit_once('@').expect("an address");
    let mail = format!(
        "Authentication-Results: mx.example.com; dkim=pass header.d={domain}; dmarc=pass header.from={domain}\n\
         Received: from out.example.com (out.example.com [192.0.2.1])\n\tby mx.example.com with ESMTPS id 1;\n\tSat, 01 Mar 2025 09:00:00 +0800\n\
         From: {from}\nTo: capture@test.local\nSubject: update\nMessage-ID: <{name}@example.com>\n\
         MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n{text}\n"
    );
    mail.replace('\n', "\r\n").into_bytes()
}

/// The section of a mailbox on a server.
pub(super) fn mailbox(account: &ImapConfig, more: &str) -> String {
    let ImapConfig { host, port, tls, user, credential, ca_file } = account;
    let tls = match tls {
        MailTls::Implicit => "implicit",
        MailTls::StartTls => "starttls",
        MailTls::None => "none",
    };
    let Credential::PasswordFile(password) = credential else { panic!("an account with a password") };
    let ca_file = ca_file.as_ref().map_or_else(String::new, |path| format!(", ca_file = \"{}\"", path.display()));
    let password = password.display();
    format!(
        "[[mailbox]]\nname = \"capture\"\naddress = \"capture@test.local\"\ntable = \"customers\"\nsince = 2020-01-01\n\
         imap = {{ host = \"{host}\", port = {port}, tls = \"{tls}\", user = \"{user}\", password_file = \"{password}\"{ca_file} }}\n\
         authserv_id = \"mx.example.com\"\ninner_hosts = [\"test.local\"]\n{more}"
    )
}

/// Receipts go through Dovecot's submission service.
pub(super) fn submission(dovecot: &Dovecot) -> String {
    let (port, at) = (dovecot.submission_port, dovecot.path("cert.pem"));
    format!(
        "[smtp]\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"starttls\"\nuser = \"capture\"\npassword_file = \"keys/smtp\"\n\
         ca_file = \"{}\"\nfrom = \"capture@test.local\"\n",
        at.display()
    )
}

/// An office whose mails come from Dovecot and whose receipts go out through it.
fn office(dovecot: &Dovecot) -> Office {
    let office = Office::with(&format!("{}{}", mailbox(&dovecot.account(MailTls::Implicit), ""), submission(dovecot)));
    secret(&office, "keys/smtp");
    office
}

/// A file with the password, as strict as the program wants it.
fn secret(office: &Office, name: &str) {
    daybook::io::private::write_new(&office.path(name), PASSWORD.as_bytes()).expect("it can be written");
}

fn outcome(mail: &[u8]) -> String {
    let text = String::from_utf8_lossy(mail);
    let line = text.lines().find_map(|line| line.strip_prefix("X-Daybook-Outcome: "));
    line.unwrap_or_else(|| panic!("no receipt: {text}")).trim().to_owned()
}

#[test]
fn a_mail_is_taken_from_the_server_answered_through_it_and_moved() {
    let smtp = MockSmtp::usual();
    let Some(dovecot) = Dovecot::start_with_submission(smtp.port) else { return };
    let office = office(&dovecot);
    office.program(&["check"]).ends(0);
    dovecot.deliver(&proved("1", SENDER, "Customer ID: C-1\nName: Amber Trading"));
    dovecot.deliver(&proved("2", "stranger@example.org", "Customer ID: C-2\nName: Evil"));
    // An address alone proves nothing: this one says nothing of who signed it.
    let bare = String::from_utf8(proved("3", SENDER, "Customer ID: C-3\nName: Evil")).expect("UTF-8");
    let bare = bare.split_once("Received: ").map(|(_, rest)| format!("Received: {rest}")).expect("it has one");
    dovecot.deliver(bare.as_bytes());
    let report = office.sync();
    let codes: Vec<String> = problems(&report).into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes, ["mail-refused", "mail-refused"], "{report}");
    assert_eq!((&report["arrivals"], &report["sent"]), (&1.into(), &1.into()), "{report}");
    assert_eq!(office.value("C-1", "name"), "Amber Trading");
    assert_eq!(office.list(&["record", "list"]).len(), 1);
    let counts = ["INBOX", "Daybook.Done", "Daybook.Refused"].map(|folder| dovecot.count(folder));
    assert_eq!(counts, [0, 1, 2]);
    let mails = smtp.seen().mails.clone();
    let [receipt] = mails.as_slice() else { panic!("{} mails", mails.len()) };
    assert!(outcome(receipt).starts_with("applied=1 "), "{}", outcome(receipt));
    assert!(String::from_utf8_lossy(receipt).contains("In-Reply-To: <1@example.com>"));

    // Somebody moves it back: its bytes are known, whatever its number is now.
    dovecot.admin(&["move", "-u", "capture", "INBOX", "mailbox", "Daybook.Done", "all"]);
    let revision = office.revision();
    office.sync_quietly();
    assert_eq!((office.revision(), dovecot.count("INBOX"), dovecot.count("Daybook.Done")), (revision, 0, 1));
    dovecot.admin(&["mailbox", "update", "-u", "capture", "--uid-validity", "777777", "INBOX"]);
    dovecot.deliver(&proved("4", SENDER, "Customer ID: C-1\nStage: lead"));
    office.sync();
    assert_eq!(office.value("C-1", "stage"), "lead");
    assert_eq!(smtp.seen().mails.len(), 2, "one receipt for each mail");
    office.store_is_sound();
}

#[test]
fn the_daemon_answers_a_mail_while_it_waits_and_comes_back_when_the_server_was_away() {
    let smtp = MockSmtp::usual();
    let Some(mut dovecot) = Dovecot::start_with_submission(smtp.port) else { return };
    let office = office(&dovecot);
    let daemon = office.start(&["run"]);
    dovecot.deliver(&proved("5", SENDER, "Customer ID: C-5\nName: Amber"));
    wait_until("it is answered", || smtp.seen().mails.len() == 1);
    assert_eq!(office.value("C-5", "name"), "Amber");
    dovecot.stop();
    wait_until("it is told", || {
        let status = office.json(&["status"]);
        status["sources"].as_array().is_some_and(|all| all.iter().any(|source| !source["error"].is_null()))
    });
    dovecot.start_again();
    dovecot.deliver(&proved("6", SENDER, "Customer ID: C-5\nStage: lead"));
    wait_until("it is answered too", || smtp.seen().mails.len() == 2);
    daemon.signal(Signal::TERM);
    daemon.ended("the daemon").ends(0);
    assert_eq!(dovecot.count("INBOX"), 0);
    office.store_is_sound();
}

#[test]
fn a_mail_whose_move_was_cut_off_by_kill_is_neither_lost_nor_taken_twice() {
    let smtp = MockSmtp::usual();
    let moves = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let may_move = moves.clone();
    let imap = MockImap::start(move |command, _| {
        let is_move = command.to_ascii_uppercase().contains("UID MOVE");
        if is_move && !may_move.load(std::sync::atomic::Ordering::SeqCst) {
            ImapReaction::Hang("")
        } else {
            ImapReaction::Usual
        }
    });
    let office = Office::bare();
    let account = super::account(imap.port, MailTls::None, Credential::PasswordFile(office.path("keys/imap")), None);
    let smtp_section =
        format!("[smtp]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\nfrom = \"capture@test.local\"\n", smtp.port);
    office.program(&["init"]).ends(0);
    secret(&office, "keys/imap");
    office.configure(&format!("{}{}{smtp_section}", crate::contract::office::CUSTOMERS, mailbox(&account, "")));
    let mail = proved("7", SENDER, "Customer ID: C-7\nName: Amber");
    // As the last server adds it.
    let mail = [
        b"Received: from mx.example.com by test.local with LMTP id 1; Sat, 01 Mar 2025 09:00:01 +0800\r\n".as_slice(),
        &mail,
    ]
    .concat();
    imap.world().deliver(mail);
    let daemon = office.start(&["run"]);
    let begin = Instant::now();
    wait_until("it is committed and about to be moved", || imap.world().count("UID MOVE") > 0);
    assert!(begin.elapsed() < DEADLINE);
    daemon.signal(Signal::KILL);
    daemon.ended("the daemon");
    assert_eq!(office.value("C-7", "name"), "Amber");
    let revision = office.revision();
    moves.store(true, std::sync::atomic::Ordering::SeqCst);
    office.sync();
    assert_eq!(imap.world().moved.len(), 1);
    assert_eq!(office.revision(), revision, "nothing new was said");
    assert_eq!(smtp.seen().mails.len(), 1, "one receipt");
    office.sync();
    assert_eq!(smtp.seen().mails.len(), 1, "and no other");
    office.store_is_sound();
}

/// An RSA key as the name service has it (RFC 5280, 4.1.2.7), made of the bare one (RFC 8017, A.1.1).
fn subject_public_key_info(bare: &[u8]) -> Vec<u8> {
    const RSA_ENCRYPTION: [u8; 15] = [0x30, 0x0d, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
    let holds = |tag: u8, content: &[u8]| {
        let length = u16::try_from(content.len()).expect("it is short").to_be_bytes();
        [&[tag, 0x82, length[0], length[1]], content].concat()
    };
    holds(0x30, &[RSA_ENCRYPTION.as_slice(), &holds(3, &[&[0], bare].concat())].concat())
}

/// A mail that example.com has signed, and the record of its key.
fn signed(name: &str, from: &str, text: &str) -> (String, String) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/forgery");
    let pem = std::fs::read(folder.join("rsa-key-of-nobody.pem")).expect("it is there");
    let der = PrivateKeyDer::from_pem_slice(&pem).expect("it is PEM");
    let key = RsaKey::<Sha256>::from_key_der(der).expect("it is a key");
    let record =
        format!("v=DKIM1; k=rsa; p={}", super::dovecot::base64(&subject_public_key_info(&key.public_key()), false));
    let mail = format!(
        "From: {from}\r\nTo: capture@test.local\r\nSubject: update\r\nDate: Sat, 01 Mar 2025 09:00:00 +0800\r\n\
         Message-ID: <{name}@example.com>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
    );
    let signer = DkimSigner::from_key(key).domain("example.com").selector("s1");
    let signature = signer.headers(["From", "To", "Subject", "Date"]).sign(mail.as_bytes()).expect("it can be signed");
    (format!("{}{mail}", signature.to_header()), record)
}

#[test]
fn a_signed_mail_comes_in_through_postfix_and_opendkim_and_a_forged_one_does_not() {
    let smtp = MockSmtp::usual();
    let Some(dovecot) = Dovecot::start_with_submission(smtp.port) else { return };
    let (mail, record) = signed("8", SENDER, "Customer ID: C-8\r\nName: Amber");
    let Some(border) = Border::start(dovecot.lmtp_port, "example.com", &record) else { return };
    let proof = mailbox(&dovecot.account(MailTls::StartTls), "").replace("mx.example.com", border::NAME);
    let office = Office::with(&format!("{proof}{}", submission(&dovecot)));
    secret(&office, "keys/smtp");
    border.deliver(SENDER, mail.as_bytes());
    border.deliver(SENDER, mail.replace("Amber", "Evil").replace("C-8", "C-9").as_bytes());
    // Results that the sender wrote: with the border's name, and as if another mail followed.
    let claim = format!(
        "Authentication-Results: {}; dkim=pass header.d=example.com; dmarc=pass header.from=example.com\r\n",
        border::NAME
    );
    let (_, bare) = mail.split_once("\r\nFrom: ").expect("it is signed");
    for forged in
        [format!("{claim}From: {bare}"), format!("From: {bare}").replacen("\r\n\r\n", &format!("\r\n{claim}\r\n"), 1)]
    {
        border.deliver(SENDER, forged.replace("Amber", "Evil").replace("C-8", "C-9").as_bytes());
    }
    wait_until("they are delivered", || dovecot.count("INBOX") == 4);
    let report = office.sync();
    assert_eq!(office.list(&["record", "list"]).len(), 1, "{report}");
    assert_eq!(office.value("C-8", "name"), "Amber");
    assert_eq!([dovecot.count("Daybook.Done"), dovecot.count("Daybook.Refused")], [1, 3]);
    assert_eq!(smtp.seen().mails.len(), 1, "who is not proved is not answered");
    // What Daybook sends is no mail for it.
    let own = smtp.seen().mails[0].clone();
    dovecot.deliver(&own);
    office.sync();
    assert_eq!(smtp.seen().mails.len(), 1);
    office.store_is_sound();
}
