//! A mailbox on Dovecot: what arrives is taken once, whatever happens to the connection, the server or us.

use std::thread;

use daybook::config::{MailTls, Since};
use daybook::source::mailbox::{
    Destination, Fetched, Filed, MAILBOX_LOGIN, MAILBOX_UNTRUSTED, MailId, MailState, Mailbox, PutAside, Woken,
};

use super::dovecot::{Dovecot, PASSWORD};
use super::*;

fn mailbox(server: &Dovecot, since: Since) -> ImapMailbox {
    open(server.account(MailTls::Implicit), since, patient(), None)
}

/// The ids that are listed.
fn ids(mailbox: &mut ImapMailbox) -> Vec<MailId> {
    mailbox.list(&|_| false, 100).expect("it is listed").mails.into_iter().map(|mail| mail.id).collect()
}

#[test]
fn a_mail_is_taken_and_moved() {
    let Some(server) = Dovecot::start() else { return };
    for tls in [MailTls::Implicit, MailTls::StartTls] {
        let mut mailbox = open(server.account(tls), Since::At(0), patient(), None);
        let mut ledger = Ledger::default();
        server.deliver(&mail("客户 one"));
        let done = ledger.round(&mut mailbox).expect("it works");
        assert_eq!((done.taken, done.moved, ledger.taken.as_slice()), (1, 1, &["客户 one".to_owned()][..]), "{tls:?}");
    }
    // The folders were made, and the one whose name is not ASCII is found under it.
    assert_eq!((server.count("INBOX"), server.count("Daybook.Done")), (0, 2));
    server.deliver(&mail("two"));
    let mut mailbox = mailbox(&server, Since::At(0));
    let id = ids(&mut mailbox).remove(0);
    assert_eq!(mailbox.file(&id, Destination::Refused), Ok(Filed::Moved));
    assert_eq!(mailbox.file(&id, Destination::Refused), Ok(Filed::Gone));
    assert_eq!(mailbox.fetch(&id, BYTES_MAX), Ok(Fetched::Gone));
    assert_eq!(server.count("Daybook.已拒绝"), 1);
}

#[test]
fn a_fetched_mail_is_what_was_delivered_and_stays_unread() {
    let Some(server) = Dovecot::start() else { return };
    let sent = mail("one");
    server.deliver(&sent);
    let mut mailbox = mailbox(&server, Since::At(0));
    let id = ids(&mut mailbox).remove(0);
    let Ok(Fetched::Mail(got)) = mailbox.fetch(&id, BYTES_MAX) else { panic!("it is there") };
    assert!(got.bytes.ends_with(&sent), "the server puts its own lines above");
    assert!(got.arrived_ms.is_some());
    assert_eq!(server.admin(&["search", "-u", "capture", "mailbox", "INBOX", "seen"]), "");
}

#[test]
fn from_now_on_leaves_earlier_mails_alone() {
    let Some(server) = Dovecot::start() else { return };
    server.deliver(&mail("before"));
    let mut first = mailbox(&server, Since::Now);
    let mut ledger = Ledger::default();
    assert_eq!(ledger.round(&mut first).expect("it works").taken, 0);
    server.deliver(&mail("while it was away"));
    // Made anew with what was kept, it does not begin anew.
    let mut second = open(server.account(MailTls::Implicit), Since::Now, patient(), ledger.progress);
    ledger.until_taken(&mut second, 1);
    assert_eq!(ledger.taken, ["while it was away"]);
    assert_eq!(server.count("INBOX"), 1);
}

#[test]
fn idle_wakes_up() {
    let Some(server) = Dovecot::start() else { return };
    let mut mailbox = mailbox(&server, Since::At(0));
    assert!(ids(&mut mailbox).is_empty());
    let woken = thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(300));
            server.deliver(&mail("one"));
        });
        let begin = Instant::now();
        let woken = mailbox.wait(LONG);
        assert!(begin.elapsed() < LONG / 2, "{:?}", begin.elapsed());
        woken
    });
    assert_eq!(woken, Woken::Hint);
    assert_eq!(ids(&mut mailbox).len(), 1);
}

#[test]
fn a_crash_between_commit_and_move_takes_no_mail_twice() {
    let Some(server) = Dovecot::start() else { return };
    server.deliver(&mail("one"));
    let mut ledger = Ledger::default();
    let mut first = mailbox(&server, Since::At(0));
    let id = ids(&mut first).remove(0);
    let Ok(Fetched::Mail(got)) = first.fetch(&id, BYTES_MAX) else { panic!("it is there") };
    assert_eq!(ledger.take(*got), Verdict::Done);
    drop(first);
    let mut second = mailbox(&server, Since::At(0));
    let done = ledger.round(&mut second).expect("it works");
    assert_eq!((done.taken, done.moved, ledger.taken.len()), (0, 1, 1));
    assert_eq!((server.count("INBOX"), server.count("Daybook.Done")), (0, 1));
}

#[test]
fn a_mailbox_that_is_numbered_anew_is_compared_by_hash() {
    let Some(server) = Dovecot::start() else { return };
    server.deliver(&mail("before"));
    let mut first = mailbox(&server, Since::Now);
    let mut ledger = Ledger::default();
    ledger.round(&mut first).expect("it works");
    server.deliver(&mail("known"));
    server.deliver(&mail("unknown"));
    let id = ids(&mut first).remove(0);
    let Ok(Fetched::Mail(got)) = first.fetch(&id, BYTES_MAX) else { panic!("it is there") };
    assert_eq!(ledger.take(*got), Verdict::Done);
    drop(first);
    server.admin(&["mailbox", "update", "-u", "capture", "--uid-validity", "4242", "INBOX"]);
    let mut second = open(server.account(MailTls::Implicit), Since::Now, patient(), ledger.progress);
    assert_eq!(second.file(&id, Destination::Done), Ok(Filed::Gone), "its number means nothing any more");
    let listing = second.list(&|_| false, 9).expect("it is listed");
    assert!(listing.is_renumbered);
    assert!(listing.mails.iter().all(|mail| matches!(mail.id, MailId::Imap { uid_validity: 4242, .. })));
    ledger.until_taken(&mut second, 2 + usize::from(listing.mails.len() == 3));
    assert_eq!(ledger.again, 1, "what is known by its hash is not taken again: {:?}", ledger.taken);
    assert!(!second.list(&|_| false, 9).expect("it is listed").is_renumbered);
}

#[test]
fn a_mailbox_that_is_numbered_anew_while_it_is_open_goes_on() {
    let Some(server) = Dovecot::start() else { return };
    let mut mailbox = mailbox(&server, Since::At(0));
    let mut ledger = Ledger::default();
    server.deliver(&mail("one"));
    ledger.until_taken(&mut mailbox, 1);
    server.admin(&["mailbox", "update", "-u", "capture", "--uid-validity", "4242", "INBOX"]);
    server.deliver(&mail("two"));
    ledger.until_taken(&mut mailbox, 2);
    assert_eq!(ledger.taken, ["one", "two"]);
}

#[test]
fn a_kicked_connection_is_made_anew() {
    let Some(server) = Dovecot::start() else { return };
    let mut mailbox = mailbox(&server, Since::At(0));
    let mut ledger = Ledger::default();
    ledger.round(&mut mailbox).expect("it works");
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(200));
            server.admin(&["kick", "capture"]);
            server.deliver(&mail("one"));
        });
        assert_ne!(mailbox.wait(LONG), Woken::Stopped);
    });
    assert!(matches!(mailbox.state(), MailState::Offline { .. }), "{:?}", mailbox.state());
    ledger.until_taken(&mut mailbox, 1);
    assert!(matches!(mailbox.state(), MailState::Connected { .. }));
}

#[test]
fn a_server_that_was_away_is_found_again() {
    let Some(mut server) = Dovecot::start() else { return };
    let mut mailbox = mailbox(&server, Since::At(0));
    let mut ledger = Ledger::default();
    server.deliver(&mail("one"));
    ledger.until_taken(&mut mailbox, 1);
    server.stop();
    until_done("that it is away is told", || ledger.round(&mut mailbox).err());
    let failure = until_done("it can't be reached", || {
        mailbox.list(&|_| false, 9).err().filter(|failure| failure.problem.message.contains("can't be reached"))
    });
    assert!(failure.is_offline && !failure.problem.hint.is_empty(), "{failure:?}");
    server.start_again();
    server.deliver(&mail("two"));
    ledger.until_taken(&mut mailbox, 2);
    assert_eq!(server.count("Daybook.Done"), 2);
}

#[test]
fn a_large_mail_is_put_aside_unread_and_blocks_nothing() {
    let Some(server) = Dovecot::start() else { return };
    let mut large = mail("large");
    large.extend("很长\r\n".repeat(50_000).bytes());
    server.deliver(&large);
    server.deliver(&mail("small"));
    let mut mailbox = mailbox(&server, Since::At(0));
    let mut ledger = Ledger::default();
    let done = ledger.round(&mut mailbox).expect("it works");
    assert_eq!((done.taken, done.moved), (2, 2));
    assert_eq!(ledger.taken, ["small"]);
    assert!(matches!(ledger.aside.as_slice(), [PutAside::TooLarge { bytes_max: BYTES_MAX, .. }]));
    assert_eq!((server.count("INBOX"), server.count("Daybook.已拒绝"), server.count("Daybook.Done")), (0, 1, 1));
}

#[test]
fn many_mails_are_taken_in_several_listings() {
    let Some(server) = Dovecot::start() else { return };
    for number in 0..7 {
        server.deliver(&mail(&format!("{number}")));
    }
    let mut mailbox = mailbox(&server, Since::At(0));
    let listing = mailbox.list(&|_| false, 3).expect("it is listed");
    assert!(listing.has_more && listing.mails.len() == 3);
    let first = listing.mails[0].id.clone();
    let rest = mailbox.list(&|id| *id == first, 100).expect("it is listed");
    assert!(!rest.has_more && rest.mails.len() == 6);
    let mut ledger = Ledger::default();
    ledger.until_taken(&mut mailbox, 7);
    assert_eq!(ledger.taken, ["0", "1", "2", "3", "4", "5", "6"]);
}

#[test]
fn a_wrong_password_is_told_without_it() {
    let Some(server) = Dovecot::start() else { return };
    let mut imap = server.account(MailTls::Implicit);
    let wrong = server.path("wrong");
    daybook::io::private::write_new(&wrong, b"hunter2-wrong").expect("it can be written");
    imap.credential = Credential::PasswordFile(wrong);
    let mut mailbox = open(imap, Since::At(0), patient(), None);
    let failure = mailbox.list(&|_| false, 9).expect_err("it is wrong");
    assert_eq!(failure.problem.code, MAILBOX_LOGIN.0, "{failure:?}");
    assert!(!format!("{failure:?}{:?}", mailbox.state()).contains("hunter2"));
    // A password file that others may read is not used at all.
    let open_to_all = server.path("open");
    std::fs::write(&open_to_all, PASSWORD).expect("it can be written");
    let mut imap = server.account(MailTls::Implicit);
    imap.credential = Credential::PasswordFile(open_to_all);
    let failure = open(imap, Since::At(0), patient(), None).list(&|_| false, 9).expect_err("others may read it");
    assert!(failure.problem.message.contains("chmod 600"), "{failure:?}");
}

#[test]
fn a_wrong_certificate_gets_no_password() {
    let Some(server) = Dovecot::start() else { return };
    for tls in [MailTls::Implicit, MailTls::StartTls] {
        // The office's authority is another one; or none is named, and the system knows none of ours.
        let other = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
        let path = server.path("other.pem");
        std::fs::write(&path, other.cert.pem()).expect("it can be written");
        let mut imap = server.account(tls);
        imap.ca_file = Some(path);
        let failure = open(imap, Since::At(0), patient(), None).list(&|_| false, 9).expect_err("it is not trusted");
        assert_eq!(failure.problem.code, MAILBOX_UNTRUSTED.0, "{failure:?}");
        // The right authority and another name.
        let mut imap = server.account(tls);
        imap.host = "127.0.0.2".to_owned();
        let failure = open(imap, Since::At(0), patient(), None).list(&|_| false, 9).expect_err("the name is wrong");
        // Dovecot listens on one address only, so this may be no certificate's fault.
        assert!(failure.is_offline, "{failure:?}");
    }
}

#[test]
fn a_token_lets_in_until_it_expires() {
    let Some(server) = Dovecot::start() else { return };
    server.deliver(&mail("one"));
    let mut fresh = open(server.account_with_token(4_000_000_000), Since::At(0), patient(), None);
    let mut ledger = Ledger::default();
    ledger.until_taken(&mut fresh, 1);
    let stale = server.account_with_token(1_700_000_100);
    let Credential::TokenFile(file) = stale.credential.clone() else { panic!("it is a token") };
    let mut mailbox = open(stale, Since::At(0), patient(), None);
    let failure = mailbox.list(&|_| false, 9).expect_err("it is stale");
    assert_eq!(failure.problem.code, MAILBOX_LOGIN.0, "{failure:?}");
    let token = std::fs::read_to_string(&file).expect("it can be read");
    assert!(!format!("{failure:?}").contains(&token));
    // Another program puts a fresh one into the file, which is read anew.
    let Credential::TokenFile(fresh) = server.account_with_token(4_000_000_001).credential else { panic!("a token") };
    std::fs::rename(fresh, file).expect("it can be replaced");
    until_done("it is let in", || mailbox.list(&|_| false, 9).ok());
}

/// A whole day in short: mails come while the server is up, kicks us, is away and comes back, and each is taken once.
#[test]
fn served_round_after_round_nothing_is_lost() {
    let Some(mut server) = Dovecot::start() else { return };
    let (imap, surroundings) = (server.account(MailTls::Implicit), surroundings());
    let stop = surroundings.stop.clone();
    let mut mailbox = ImapMailbox::new(imap, folders(), Since::At(0), patient(), None, surroundings);
    let serving = {
        let stop = stop.clone();
        thread::spawn(move || {
            let mut ledger = Ledger::default();
            daybook::source::mailbox::serve(&mut mailbox, &mut ledger, BYTES_MAX, &stop);
            ledger
        })
    };
    let mut sent = Vec::new();
    for number in 0..12 {
        let subject = format!("mail {number}");
        server.deliver(&mail(&subject));
        sent.push(subject);
        match number {
            3 => drop(server.admin(&["kick", "capture"])),
            6 => {
                server.stop();
                server.start_again();
            }
            9 => drop(server.admin(&["mailbox", "update", "-u", "capture", "--uid-validity", "4242", "INBOX"])),
            _ => thread::sleep(Duration::from_millis(50)),
        }
    }
    until_done("all is moved", || (server.count("INBOX") == 0).then_some(()));
    let begin = Instant::now();
    stop.stop();
    let mut ledger = serving.join().expect("it has not panicked");
    assert!(begin.elapsed() < LONG / 3, "{:?}", begin.elapsed());
    ledger.taken.sort();
    sent.sort();
    assert_eq!(ledger.taken, sent);
    assert_eq!(server.count("Daybook.Done"), sent.len());
    assert!(ledger.notes > 0);
}
