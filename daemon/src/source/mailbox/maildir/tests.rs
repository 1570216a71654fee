use super::super::round::{Desk, PutAside, Verdict, round};
use super::*;
use crate::io::{ManualClock, SeededEntropy, SystemClock};
use crate::model::Problem;
use std::collections::HashMap;
use std::fs;
use std::sync::Arc;

struct Maildir {
    folder: tempfile::TempDir,
    since: Since,
}

impl Maildir {
    fn new(since: Since) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), since }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("capture").join(name)
    }

    fn deliver(&self, name: &str, bytes: &[u8]) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), bytes).unwrap();
    }

    fn open(&self) -> MaildirMailbox {
        let surroundings = Surroundings {
            clock: Arc::new(SystemClock),
            entropy: Box::new(SeededEntropy::new(1)),
            stop: crate::io::transport::Stop::default(),
        };
        MaildirMailbox::new(self.path(""), folders(), self.since, None, surroundings)
    }

    fn there(&self, name: &str) -> Vec<String> {
        let names = spool::names(&self.path(name)).unwrap_or_default();
        let mut names: Vec<String> = names.into_iter().map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn folders() -> MailFolders {
    MailFolders { inbox: "INBOX".into(), done: "Daybook/Done".into(), refused: "Daybook/已拒绝".into() }
}

fn names(listing: &Listing) -> Vec<String> {
    let name = |id: &MailId| match id {
        MailId::Maildir { name, .. } => name.clone(),
        MailId::Imap { .. } => panic!("a mail of a maildir"),
    };
    listing.mails.iter().map(|mail| name(&mail.id)).collect()
}

/// Knows what it took, by id and by hash, as the store does.
#[derive(Default)]
struct Ledger {
    known: HashMap<MailId, Verdict>,
    taken: Vec<Vec<u8>>,
    aside: Vec<PutAside>,
}

impl Desk for Ledger {
    fn keep(&mut self, _progress: Progress) -> Result<(), Problem> {
        Ok(())
    }

    fn known(&self, id: &MailId) -> Option<Verdict> {
        self.known.get(id).copied()
    }

    fn take(&mut self, mail: RawMail) -> Verdict {
        self.known.insert(mail.id, Verdict::Done);
        self.taken.push(mail.bytes);
        Verdict::Done
    }

    fn put_aside(&mut self, id: &MailId, why: PutAside) -> Verdict {
        self.known.insert(id.clone(), Verdict::Refused);
        self.aside.push(why);
        Verdict::Refused
    }
}

#[test]
fn complete_deliveries_are_listed_and_nothing_else() {
    let maildir = Maildir::new(Since::At(0));
    maildir.deliver("new/1.a.host", b"one");
    maildir.deliver("cur/2.b.host:2,S", b"two");
    maildir.deliver("cur/3.c.host:2,ST", b"deleted");
    maildir.deliver("tmp/4.d.host", b"half");
    maildir.deliver("new/.hidden", b"x");
    maildir.deliver("new/folder/5", b"x");
    std::os::unix::fs::symlink(maildir.path("new/1.a.host"), maildir.path("new/6.link")).unwrap();
    let mut mailbox = maildir.open();
    let listing = mailbox.list(&|_| false, 10).unwrap();
    assert_eq!(names(&listing), ["1.a.host", "2.b.host"]);
    assert_eq!(listing.mails[0].bytes, 3);
    let listing = mailbox.list(&|_| false, 1).unwrap();
    assert!(listing.has_more && listing.mails.len() == 1);
    let first = listing.mails[0].id.clone();
    assert_eq!(names(&mailbox.list(&|id| *id == first, 10).unwrap()), ["2.b.host"]);
    // A name that leads elsewhere is no mail, whoever asks for it.
    let outside = mailbox.id("../tmp/4.d.host");
    assert_eq!(mailbox.fetch(&outside, 10).unwrap(), Fetched::Gone);
    let link = mailbox.id("6.link");
    assert_eq!(mailbox.fetch(&link, 10).unwrap(), Fetched::Gone);
}

#[test]
fn a_mail_is_fetched_and_moved_wherever_a_reader_put_it() {
    let maildir = Maildir::new(Since::At(0));
    maildir.deliver("new/1.a.host", b"one");
    let mut mailbox = maildir.open();
    let id = mailbox.list(&|_| false, 10).unwrap().mails.remove(0).id;
    assert_eq!(mailbox.fetch(&id, 2).unwrap(), Fetched::TooLarge { bytes: 3 });
    spool::move_to(&maildir.path("new/1.a.host"), &maildir.path("cur/1.a.host:2,F")).unwrap();
    let Fetched::Mail(mail) = mailbox.fetch(&id, 3).unwrap() else { panic!("it is there") };
    assert_eq!((mail.bytes.as_slice(), mail.sha256), (b"one".as_slice(), Sha256::digest(b"one").into()));
    assert!(!format!("{mail:?}").contains("one"));
    assert_eq!(mailbox.file(&id, Destination::Done).unwrap(), Filed::Moved);
    assert_eq!(maildir.there(".Daybook.Done/cur"), ["1.a.host:2,S"]);
    assert_eq!(maildir.there(".Daybook.Done"), ["cur", "maildirfolder", "new", "tmp"]);
    assert_eq!(mailbox.file(&id, Destination::Done).unwrap(), Filed::Gone);
    assert_eq!(mailbox.fetch(&id, 3).unwrap(), Fetched::Gone);
    // Another mail of the same name loses nobody's.
    maildir.deliver("new/1.a.host", b"other");
    assert_eq!(mailbox.file(&id, Destination::Done).unwrap(), Filed::Moved);
    assert_eq!(maildir.there(".Daybook.Done/cur"), ["1.a.host,daybook=1:2,S", "1.a.host:2,S"]);
    maildir.deliver("new/2.b", b"no");
    let id = mailbox.id("2.b");
    assert_eq!(mailbox.file(&id, Destination::Refused).unwrap(), Filed::Moved);
    assert_eq!(maildir.there(".Daybook.&XfJi0n7d-/cur"), ["2.b:2,S"]);
}

#[test]
fn a_move_that_was_interrupted_is_ended() {
    let maildir = Maildir::new(Since::At(0));
    maildir.deliver("new/1.a", b"one");
    maildir.deliver(".Daybook.Done/cur/0", b"");
    fs::hard_link(maildir.path("new/1.a"), maildir.path(".Daybook.Done/cur/1.a:2,S")).unwrap();
    let mut mailbox = maildir.open();
    let id = mailbox.id("1.a");
    assert_eq!(mailbox.file(&id, Destination::Done).unwrap(), Filed::Moved);
    assert_eq!(maildir.there("new"), Vec::<String>::new());
    assert_eq!(maildir.there(".Daybook.Done/cur"), ["0", "1.a:2,S"]);
}

#[test]
fn what_was_there_before_is_left_alone() {
    let maildir = Maildir::new(Since::Now);
    maildir.deliver("new/1.old", b"old");
    let long_ago = std::time::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    fs::File::options().write(true).open(maildir.path("new/1.old")).unwrap().set_modified(long_ago).unwrap();
    let mut mailbox = maildir.open();
    assert_eq!(names(&mailbox.list(&|_| false, 10).unwrap()), Vec::<String>::new());
    maildir.deliver("new/2.new", b"new");
    assert_eq!(names(&mailbox.list(&|_| false, 10).unwrap()), ["2.new"]);
    // The same after a start, with what was kept; not with a beginning of its own.
    let kept = mailbox.progress;
    let mut again = maildir.open();
    again.progress = kept;
    again.surroundings.clock = Arc::new(ManualClock::new(i64::MAX / 2));
    assert_eq!(names(&again.list(&|_| false, 10).unwrap()), ["2.new"]);
}

#[test]
fn a_delivery_wakes_and_a_stop_ends_the_wait() {
    let maildir = Maildir::new(Since::At(0));
    let mut mailbox = maildir.open();
    assert_eq!(mailbox.list(&|_| false, 10).unwrap().mails, []);
    maildir.deliver("new/1", b"one");
    assert_eq!(mailbox.wait(Duration::from_mins(1)), Woken::Hint);
    mailbox.surroundings.stop.stop();
    assert_eq!(mailbox.wait(Duration::from_mins(1)), Woken::Stopped);
}

#[test]
fn a_maildir_that_is_away_is_told_and_comes_back() {
    let maildir = Maildir::new(Since::At(0));
    let mut mailbox = maildir.open();
    fs::write(maildir.folder.path().join("capture"), "a file").unwrap();
    let failure = mailbox.list(&|_| false, 10).unwrap_err();
    assert!(failure.is_offline && failure.problem.code == MAILBOX_SETUP.0, "{failure:?}");
    assert!(matches!(mailbox.state(), MailState::Offline { .. }));
    fs::remove_file(maildir.folder.path().join("capture")).unwrap();
    maildir.deliver("new/1", b"one");
    assert_eq!(names(&mailbox.list(&|_| false, 10).unwrap()), ["1"]);
    assert!(matches!(mailbox.state(), MailState::Connected { .. }));
}

#[test]
fn a_round_takes_each_mail_once_and_puts_the_large_one_aside() {
    let maildir = Maildir::new(Since::At(0));
    for (name, bytes) in [("1", "one"), ("2", "much too large"), ("3", "three")] {
        maildir.deliver(&format!("new/{name}"), bytes.as_bytes());
    }
    let mut desk = Ledger::default();
    // A crash came between the commit and the move of the first.
    desk.known.insert(maildir.open().id("1"), Verdict::Done);
    let mut mailbox = maildir.open();
    let done = round(&mut mailbox, &mut desk, 5).unwrap();
    assert_eq!((done.taken, done.moved, done.left, done.has_more), (2, 3, 0, false));
    assert_eq!(desk.taken, [b"three"]);
    assert_eq!(desk.aside, [PutAside::TooLarge { bytes: 14, bytes_max: 5 }]);
    assert_eq!(maildir.there(".Daybook.Done/cur"), ["1:2,S", "3:2,S"]);
    assert_eq!(maildir.there(".Daybook.&XfJi0n7d-/cur"), ["2:2,S"]);
    assert_eq!(round(&mut mailbox, &mut desk, 5).unwrap(), super::super::Round::default());
}
