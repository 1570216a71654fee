//! What a bad server does must end: each wait, each answer, each mail.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::Instant;

use super::mock_imap::{MockImap, Reaction, World};
use super::*;
use daybook::source::mailbox::{Destination, Fetched, Filed, MAILBOX_OFFLINE, MailState, Woken};

/// A mailbox on the mock, and what holds its password.
struct Client {
    mailbox: ImapMailbox,
    _keys: tempfile::TempDir,
}

fn client_with(server: &MockImap, since: Since, times: ImapTimes, progress: Option<Progress>) -> Client {
    let keys = tempfile::tempdir().expect("a folder");
    let file = keys.path().join("imap");
    daybook::io::private::write_new(&file, b"capture-pw\n").expect("it can be written");
    let imap = account(server.port, MailTls::None, Credential::PasswordFile(file), None);
    Client { mailbox: open(imap, since, times, progress), _keys: keys }
}

fn client(server: &MockImap) -> Client {
    client_with(server, Since::At(0), short(), None)
}

impl Client {
    fn list(&mut self) -> Vec<u32> {
        self.try_list().expect("it can be listed")
    }

    fn try_list(&mut self) -> Result<Vec<u32>, MailFailure> {
        Ok(self.mailbox.list(&|_| false, 100)?.mails.into_iter().map(|mail| uid(&mail.id)).collect())
    }

    /// Lists as soon as the server can be reached again.
    #[track_caller]
    fn list_again(&mut self) -> Vec<u32> {
        until_done("the mailbox is listed", || self.try_list().ok())
    }
}

fn uid(id: &MailId) -> u32 {
    match id {
        MailId::Imap { uid, .. } => *uid,
        MailId::Maildir { .. } => panic!("a mail on a server"),
    }
}

/// Checks that the test has not waited as if for ever.
#[track_caller]
fn in_time<T>(work: impl FnOnce() -> T) -> T {
    let begin = Instant::now();
    let value = work();
    assert!(begin.elapsed() < LONG / 2, "{:?}", begin.elapsed());
    value
}

/// A server that reacts so to one command, and behaves otherwise.
fn at(command: &'static str, reaction: fn(&mut World) -> Reaction) -> MockImap {
    MockImap::start(move |given, world| if given.starts_with(command) { reaction(world) } else { Reaction::Usual })
}

#[test]
fn a_command_that_is_never_answered_ends() {
    for command in ["", "CAPABILITY", "AUTHENTICATE", "LIST", "SELECT", "UID SEARCH", "UID FETCH"] {
        let server = at(if command.is_empty() { "none" } else { command }, |_| Reaction::Hang(""));
        if command.is_empty() {
            server.world().greeting = "";
        }
        server.world().deliver(mail("one"));
        let mut client = client(&server);
        let failure = in_time(|| client.try_list()).expect_err(command);
        assert!(failure.is_offline && failure.problem.code == MAILBOX_OFFLINE.0, "{command}: {failure:?}");
        assert!(matches!(client.mailbox.state(), MailState::Offline { .. }));
    }
}

#[test]
fn a_move_that_is_never_answered_ends_and_is_repeated() {
    let server = MockImap::start(|given, world| {
        if given.starts_with("UID MOVE") && world.count("UID MOVE") == 2 { Reaction::Hang("") } else { Reaction::Usual }
    });
    server.world().deliver(mail("one"));
    let (mut client, mut ledger) = (client(&server), Ledger::default());
    in_time(|| ledger.round(&mut client.mailbox)).expect_err("the second MOVE hangs");
    assert_eq!(ledger.taken, ["one"]);
    until_done("it is moved", || ledger.round(&mut client.mailbox).ok());
    assert_eq!(server.world().moved, [(1, "Daybook.Done".to_owned())]);
    assert_eq!((ledger.taken.len(), ledger.again), (1, 0), "it is known, and only moved");
}

#[test]
fn an_untagged_line_before_idle_is_answered_is_news() {
    let server = at("IDLE", |_| Reaction::Say("* 1 EXISTS\r\n* OK Still here\r\n+ idling\r\n"));
    let mut client = client(&server);
    assert!(client.list().is_empty());
    server.world().deliver(mail("one"));
    assert_eq!(in_time(|| client.mailbox.wait(LONG)), Woken::Hint);
    assert_eq!(client.list(), [1]);
    assert_eq!(server.world().connections, 1);
}

#[test]
fn an_idle_that_is_never_answered_ends() {
    let server = at("IDLE", |_| Reaction::Hang(""));
    let mut client = client(&server);
    assert!(client.list().is_empty());
    assert_eq!(in_time(|| client.mailbox.wait(LONG)), Woken::Elapsed);
    assert!(matches!(client.mailbox.state(), MailState::Offline { .. }));
    server.world().deliver(mail("one"));
    assert_eq!(client.list_again(), [1]);
}

#[test]
fn a_server_that_does_not_take_idle_is_polled() {
    for answer in ["TAG NO not here\r\n", "TAG BAD what\r\n", "TAG OK done already\r\n"] {
        let server =
            MockImap::start(move |given, _| if given == "IDLE" { Reaction::Say(answer) } else { Reaction::Usual });
        let mut client = client(&server);
        assert!(client.list().is_empty());
        assert_eq!(in_time(|| client.mailbox.wait(LONG)), Woken::Elapsed);
        assert!(client.list_again().is_empty());
        for _ in 0..3 {
            assert_eq!(in_time(|| client.mailbox.wait(LONG)), Woken::Elapsed);
        }
        server.world().deliver(mail("one"));
        assert_eq!(client.list(), [1], "{answer}");
        let world = server.world();
        assert_eq!((world.count("IDLE"), world.connections), (1, 2), "{answer}");
    }
}

#[test]
fn news_that_a_poll_brings_are_a_hint() {
    let server = at("NOOP", |_| Reaction::Before("* 1 EXISTS\r\n"));
    server.world().capabilities = "IMAP4rev1 AUTH=PLAIN";
    let mut client = client(&server);
    client.list();
    assert_eq!(in_time(|| client.mailbox.wait(LONG)), Woken::Hint);
}

#[test]
fn a_server_that_is_dead_at_the_end_of_idle_is_left() {
    for answer in ["+ idling\r\n", "+ idling\r\n* 1 EXISTS\r\n"] {
        let server =
            MockImap::start(move |given, _| if given == "IDLE" { Reaction::Hang(answer) } else { Reaction::Usual });
        let mut client = client(&server);
        client.list();
        assert_eq!(in_time(|| client.mailbox.wait(LONG)), Woken::Elapsed);
        server.world().deliver(mail("one"));
        assert_eq!(client.list_again(), [1]);
        assert_eq!(server.world().connections, 2);
    }
}

#[test]
fn idle_has_an_end_though_the_server_says_that_it_is_still_here() {
    let server = at("IDLE", |_| Reaction::Flood("+ idling\r\n", "* OK Still here\r\n"));
    let mut client = client(&server);
    client.list();
    assert_ne!(in_time(|| client.mailbox.wait(LONG)), Woken::Stopped);
    client.list_again();
}

#[test]
fn a_goodbye_in_idle_is_no_news() {
    for answer in ["+ idling\r\n* BYE Autologout; idle for too long\r\n", "* BYE closing\r\n"] {
        let server = MockImap::start(move |given, world| {
            if given == "IDLE" && world.connections == 1 { Reaction::Close(answer) } else { Reaction::Usual }
        });
        let mut client = client(&server);
        client.list();
        assert_eq!(in_time(|| client.mailbox.wait(LONG)), Woken::Elapsed);
        let MailState::Offline { problem, .. } = client.mailbox.state() else { panic!("it has ended") };
        assert!(problem.message.contains("said goodbye"), "{}", problem.message);
        server.world().deliver(mail("one"));
        assert_eq!(client.list_again(), [1]);
    }
}

#[test]
fn news_in_another_commands_answer_are_not_lost() {
    let server = MockImap::start(|given, world| match given {
        "UID FETCH 1 (UID RFC822.SIZE INTERNALDATE)" if world.mails.len() == 1 => {
            world.deliver(mail("two"));
            Reaction::Before("* 2 EXISTS\r\n")
        }
        _ => Reaction::Usual,
    });
    server.world().deliver(mail("one"));
    let mut client = client(&server);
    assert_eq!(client.list(), [1]);
    assert_eq!(in_time(|| client.mailbox.wait(LONG)), Woken::Hint);
    assert_eq!(server.world().count("IDLE"), 0, "there is no need to wait");
    assert_eq!(client.list(), [1, 2]);
}

#[test]
fn news_in_the_answer_to_a_move_are_not_lost() {
    let server = MockImap::start(|given, world| match given {
        "UID MOVE 1 \"Daybook.Done\"" if world.mails.len() == 1 && world.count("CREATE") == 1 => {
            world.deliver(mail("two"));
            Reaction::Before("* 2 EXISTS\r\n")
        }
        _ => Reaction::Usual,
    });
    server.world().deliver(mail("one"));
    let (mut client, mut ledger) = (client(&server), Ledger::default());
    assert_eq!(ledger.round(&mut client.mailbox).expect("it works").moved, 1);
    assert_eq!(in_time(|| client.mailbox.wait(LONG)), Woken::Hint);
    assert_eq!(server.world().count("IDLE"), 0, "there is no need to wait");
}

#[test]
fn a_hint_that_was_lost_costs_one_idle() {
    // The mail comes before IDLE, and the server never tells.
    let server = MockImap::usual();
    let mut client = client(&server);
    assert!(client.list().is_empty());
    server.world().deliver(mail("one"));
    assert_eq!(in_time(|| client.mailbox.wait(LONG)), Woken::Elapsed);
    assert_eq!(client.list(), [1]);
    assert_eq!(server.world().connections, 1, "an IDLE that ended well costs no connection");
}

#[test]
fn an_answer_that_is_too_large_or_never_ends_is_left() {
    let reactions: [fn(&mut World) -> Reaction; 6] = [
        |_| Reaction::Say("* 1 FETCH (UID 1 BODY[] {4000000000}\r\nx"),
        |_| Reaction::Trickle("* 1 FETCH (UID 1 BODY[] {4000}\r\n"),
        |_| Reaction::Flood("", "x"),
        |_| Reaction::Flood("* 1 FETCH (UID 1 BODY[] {10}\r\n", "0123456789 {10}\r\n"),
        |_| Reaction::Flood("* 1 FETCH (UID 1 BODYSTRUCTURE ", "("),
        |_| Reaction::Flood("", "* OK nothing\r\n"),
    ];
    for (at_reaction, reaction) in reactions.into_iter().enumerate() {
        let server =
            MockImap::start(
                move |given, world| {
                    if given == "UID FETCH 1 (UID BODY.PEEK[])" { reaction(world) } else { Reaction::Usual }
                },
            );
        server.world().deliver(mail("poison"));
        server.world().deliver(mail("good"));
        let mut client = client(&server);
        let id = client.mailbox.list(&|_| false, 9).expect("it is listed").mails.remove(0).id;
        let failure = in_time(|| client.mailbox.fetch(&id, BYTES_MAX)).expect_err("it is no mail");
        assert!(failure.is_offline, "{at_reaction}: {failure:?}");
        assert_eq!(client.list_again(), [2, 1], "{at_reaction}: what failed comes last");
    }
}

#[test]
fn parentheses_without_end_cost_no_stack() {
    let deep: &'static str =
        Box::leak(format!("* 1 FETCH (BODYSTRUCTURE {}\r\nTAG OK x\r\n", "(".repeat(500_000)).into_boxed_str());
    let server = MockImap::start(
        move |given, _| {
            if given.starts_with("UID FETCH") { Reaction::Say(deep) } else { Reaction::Usual }
        },
    );
    server.world().deliver(mail("one"));
    let failure = in_time(|| client(&server).try_list()).expect_err("it is nonsense");
    assert!(failure.problem.message.contains("parentheses"), "{failure:?}");
}

#[test]
fn lines_that_nobody_needs_are_passed_over() {
    let noise = "* NO the disk is nearly full\r\n* OK [NOTICE x] be aware\r\n* VANISHED (EARLIER) 1:3\r\n* STATUS {5}\r\nINBOX (X 1)\r\n";
    let server = MockImap::start(move |given, _| match given {
        "IDLE" => Reaction::Usual,
        _ if given.starts_with("AUTHENTICATE") => Reaction::Usual,
        _ => Reaction::Before(noise),
    });
    server.world().deliver(mail("one"));
    let (mut client, mut ledger) = (client(&server), Ledger::default());
    let done = ledger.round(&mut client.mailbox).expect("it works");
    assert_eq!((done.taken, done.moved), (1, 1));
    assert_eq!(server.world().connections, 1);
}

#[test]
fn one_poison_mail_is_put_aside_and_blocks_nothing() {
    // Its size is a lie, and each time that it is fetched the connection breaks.
    let server = MockImap::start(|given, _| match given {
        "UID FETCH 2 (UID BODY.PEEK[])" => Reaction::Close("* 2 FETCH (UID 2 BODY[] {900000}\r\nxx"),
        _ => Reaction::Usual,
    });
    for subject in ["one", "poison", "three"] {
        server.world().deliver(mail(subject));
    }
    let (mut client, mut ledger) = (client(&server), Ledger::default());
    in_time(|| ledger.until_taken(&mut client.mailbox, 2));
    assert_eq!(ledger.taken, ["one", "three"]);
    until_done("the poison is put aside", || {
        drop(ledger.round(&mut client.mailbox));
        server.world().mails.is_empty().then_some(())
    });
    assert!(matches!(ledger.aside.as_slice(), [PutAside::Unreadable { .. }]), "{:?}", ledger.aside);
    let moved = server.world().moved.clone();
    assert_eq!(moved.last(), Some(&(2, "Daybook.&XfJi0n7d-".to_owned())));
    assert_eq!(server.world().count("UID FETCH 2 (UID BODY.PEEK[])"), 3);
}

#[test]
fn a_mail_that_a_weak_line_breaks_off_gets_more_tries() {
    let server = MockImap::start(|given, world| match given {
        "UID FETCH 1 (UID BODY.PEEK[])" if world.count("UID FETCH 1 (UID BODY.PEEK[])") < 8 => {
            Reaction::Close("* 1 FETCH (UID 1 BODY[] {900}\r\nxx")
        }
        _ => Reaction::Usual,
    });
    server.world().deliver(mail("one"));
    let (mut client, mut ledger) = (client(&server), Ledger::default());
    ledger.until_taken(&mut client.mailbox, 1);
    assert_eq!(ledger.aside, []);
}

#[test]
fn a_large_mail_is_not_fetched() {
    let server = MockImap::usual();
    server.world().deliver(vec![b'x'; 200_000]);
    let mut client = client(&server);
    let id = client.mailbox.list(&|_| false, 9).expect("it is listed").mails.remove(0).id;
    assert_eq!(client.mailbox.fetch(&id, BYTES_MAX), Ok(Fetched::TooLarge { bytes: 200_000 }));
    assert_eq!(server.world().count("UID FETCH 1 (UID BODY"), 0);
}

#[test]
fn without_move_a_mail_is_copied_and_deleted_by_its_number() {
    for (capabilities, expunges) in [("IMAP4rev1 IDLE UIDPLUS AUTH=PLAIN", 1), ("IMAP4rev1 IDLE AUTH=PLAIN", 0)] {
        let server = MockImap::usual();
        server.world().capabilities = capabilities;
        server.world().deliver(mail("one"));
        let mut client = client(&server);
        let id = client.mailbox.list(&|_| false, 9).expect("it is listed").mails.remove(0).id;
        assert_eq!(client.mailbox.file(&id, Destination::Done), Ok(Filed::Moved));
        assert_eq!(client.mailbox.file(&id, Destination::Done), Ok(Filed::Gone));
        let world = server.world();
        assert_eq!(world.moved, [(1, "Daybook.Done".to_owned())]);
        assert_eq!((world.count("UID EXPUNGE 1"), world.count("EXPUNGE")), (expunges, 0), "never others' mails");
    }
}

#[test]
fn a_move_that_did_nothing_is_told_and_the_others_go_on() {
    let server = at("UID MOVE 1", |_| Reaction::Say("TAG OK moved\r\n"));
    server.world().deliver(mail("one"));
    server.world().deliver(mail("two"));
    let (mut client, mut ledger) = (client(&server), Ledger::default());
    let done = ledger.round(&mut client.mailbox).expect("the mailbox works");
    assert_eq!((done.taken, done.moved, done.problems.len()), (2, 1, 1), "{done:?}");
    assert_eq!((ledger.taken.len(), server.world().connections), (2, 1));
}

#[test]
fn numbers_are_taken_as_they_come() {
    let server = at("UID SEARCH UID 4:*", |_| Reaction::Say("* SEARCH 900 3\r\n* SEARCH 5 5 1\r\nTAG OK x\r\n"));
    for uid in [5, 900, 3, 1] {
        server.world().mails.insert(uid, mail("x"));
    }
    let numbering = daybook::source::mailbox::Numbering { uid_validity: 7, uid_from: Some(4) };
    let progress = Progress { since_ms: i64::MAX / 2, numbering: Some(numbering) };
    let mut client = client_with(&server, Since::Now, short(), Some(progress));
    assert_eq!(client.list(), [5, 900]);
}

#[test]
fn from_now_on_means_what_arrives_later() {
    let server = MockImap::usual();
    server.world().deliver(mail("before"));
    let mut client = client_with(&server, Since::Now, short(), None);
    assert!(client.list().is_empty());
    server.world().deliver(mail("after"));
    assert_eq!(client.list(), [2]);
}

#[test]
fn a_server_that_can_not_be_reached_is_not_asked_again_at_once() {
    let server = MockImap::usual();
    let times = ImapTimes { retry_ms: (600_000, 600_000), ..short() };
    let mut client = client_with(&server, Since::At(0), times, None);
    server.world().greeting = "* BYE too many connections\r\n";
    let first = client.try_list().expect_err("it lets nobody in");
    assert!(first.problem.message.contains("too many connections"), "{first:?}");
    assert_eq!(client.try_list().expect_err("too early"), first);
    assert_eq!(server.world().connections, 1);
    assert_eq!(in_time(|| client.mailbox.wait(Duration::from_millis(50))), Woken::Elapsed);
}

#[test]
fn a_server_without_the_next_number_is_asked_for_the_last() {
    let server = at("SELECT", |_| Reaction::Say("* 1 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\nTAG OK x\r\n"));
    server.world().deliver(mail("before"));
    let mut client = client_with(&server, Since::Now, short(), None);
    assert!(client.list().is_empty());
    server.world().deliver(mail("after"));
    assert_eq!(client.list(), [2]);
}

/// Whatever comes out of a garbled answer, each round ends, no mail is taken twice, and a good line heals it.
#[test]
fn garbled_answers_end_and_heal() {
    let patience = Patience { silence: Duration::from_millis(150), ..short().patience };
    let times = ImapTimes { patience, ..short() };
    thread::scope(|scope| {
        for group in 0..4 {
            scope.spawn(move || {
                for seed in (0..24).map(|seed| seed * 4 + group) {
                    let garbling = Arc::new(std::sync::atomic::AtomicU64::new(seed + 1));
                    let next = garbling.clone();
                    let server = MockImap::start(move |given, _| {
                        let usual = given == "IDLE" || given.starts_with("AUTHENTICATE");
                        let seed = next.load(Ordering::SeqCst);
                        if usual || seed == 0 {
                            return Reaction::Usual;
                        }
                        next.store(seed.wrapping_mul(6_364_136_223_846_793_005) | 1, Ordering::SeqCst);
                        if (seed >> 40).is_multiple_of(4) { Reaction::Garbled(seed) } else { Reaction::Usual }
                    });
                    server.world().deliver(mail("one"));
                    server.world().deliver(mail("two"));
                    let (mut client, mut ledger) = (client_with(&server, Since::At(0), times, None), Blind::default());
                    for _ in 0..4 {
                        drop(in_time(|| round(&mut client.mailbox, &mut ledger, BYTES_MAX)));
                        thread::sleep(Duration::from_millis(20));
                    }
                    garbling.store(0, Ordering::SeqCst);
                    until_done("all is taken", || {
                        drop(round(&mut client.mailbox, &mut ledger, BYTES_MAX));
                        server.world().mails.is_empty().then_some(())
                    });
                }
            });
        }
    });
}

/// A desk that takes whatever bytes come.
#[derive(Default)]
struct Blind(HashSet<MailId>);

impl Desk for Blind {
    fn keep(&mut self, _progress: Progress) -> Result<(), Problem> {
        Ok(())
    }

    fn known(&self, id: &MailId) -> Option<Verdict> {
        self.0.contains(id).then_some(Verdict::Done)
    }

    fn take(&mut self, mail: RawMail) -> Verdict {
        assert!(self.0.insert(mail.id), "once");
        Verdict::Done
    }

    fn put_aside(&mut self, id: &MailId, _why: PutAside) -> Verdict {
        assert!(self.0.insert(id.clone()), "once");
        Verdict::Refused
    }
}

#[test]
fn a_stop_ends_idle_at_once() {
    let server = MockImap::usual();
    let keys = tempfile::tempdir().expect("a folder");
    let file = keys.path().join("imap");
    daybook::io::private::write_new(&file, b"capture-pw\n").expect("it can be written");
    let imap = account(server.port, MailTls::None, Credential::PasswordFile(file), None);
    let surroundings = surroundings();
    let stop = surroundings.stop.clone();
    let mut mailbox = ImapMailbox::new(imap, folders(), Since::At(0), patient(), None, surroundings);
    mailbox.list(&|_| false, 9).expect("it is listed");
    thread::spawn(move || {
        thread::sleep(Duration::from_millis(300));
        stop.stop();
    });
    assert_eq!(in_time(|| mailbox.wait(LONG)), Woken::Stopped);
}
