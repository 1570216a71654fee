//! Answers to mails as time goes by and the power is cut: decisions that end, digests of what was not answered. The pipeline runs in this process, on a
//! clock that the test sets.

use std::path::Path;
use std::sync::Arc;

use daybook::app;
use daybook::config::Config;
use daybook::io::{Clock as _, ManualClock, SeededEntropy};
use daybook::model::{Actor, Cell, MailAddress, TableName, Value};
use daybook::pipeline::{Pipeline, PipelineError};
use daybook::plugin::NoPlugins;
use daybook::source::mailbox::RawMail;
use daybook::source::mailbox::sender::Authenticator;
use daybook::store::{FaultPoint, Killed, MasterKey, Store};

use crate::mailed;

const HOUR_MS: i64 = 3_600_000;
const LIMITS: &str = "[limits]\nreceipts_max = 2\nreceipts_hours = 1\ndecision_days = 3\n";

struct Office {
    clock: Arc<ManualClock>,
    config: Config,
    pipeline: Option<Pipeline>,
    mails: u8,
}

impl Office {
    fn new() -> Self {
        Self::beside(Path::new("/office/daybook.toml"))
    }

    fn beside(configuration: &Path) -> Self {
        let clock = Arc::new(ManualClock::new(1_780_000_000_000));
        let config = mailed::configuration(configuration, LIMITS);
        let key = MasterKey::generate(&mut SeededEntropy::new(1));
        let store = Store::in_memory(&key, Box::new(SeededEntropy::new(2))).expect("a store in memory");
        let mut office = Self { clock, config, pipeline: None, mails: 0 };
        office.start(store);
        office
    }

    fn start(&mut self, store: Store) {
        let entropy = Box::new(SeededEntropy::new(u64::from(self.mails) + 3));
        let (config, clock) = (self.config.clone(), self.clock.clone());
        self.pipeline = Some(mailed::pipeline(config, store, clock, entropy, Box::new(NoPlugins)));
    }

    /// What a crash leaves is opened anew.
    fn restart(&mut self) {
        let mut store = self.pipeline.take().expect("it runs").into_store();
        store.set_fault_hook(None);
        self.start(store);
    }

    fn pipeline(&mut self) -> &mut Pipeline {
        self.pipeline.as_mut().expect("it runs")
    }

    /// A mail of Li Lei, that was written `age_ms` before now.
    fn mail(&mut self, head: &str, text: &str, age_ms: i64) -> RawMail {
        self.mails += 1;
        mailed::mail(&self.mails.to_string(), head, text, Some(self.clock.now_ms() - age_ms))
    }

    fn try_take(&mut self, mail: &RawMail) -> Result<(), PipelineError> {
        let mailbox = self.config.mailboxes[0].clone();
        let sent = Authenticator::new(&mailbox.authentication, &self.config.policy.people).authenticate(mail, 0);
        self.pipeline().take_mail(&mailbox, mail, sent).map(|_| ())
    }

    fn take(&mut self, text: &str) {
        let mail = self.mail("", text, 0);
        self.try_take(&mail).expect("it is taken");
    }

    /// All mails that wait: the kind and the plain text, oldest first.
    fn waiting(&mut self) -> Vec<(String, String)> {
        self.pipeline().queue_digests().expect("the store can be used");
        let store = self.pipeline().store();
        let mails = store.mails().expect("they can be listed");
        let mut all = Vec::new();
        for mail in mails {
            let bytes = store.mail_bytes(mail.id).expect("it opens").expect("it waits");
            let parsed = mail_parser::MessageParser::default().parse(bytes.as_slice()).expect("it is a mail");
            all.push((mail.kind.to_string(), parsed.body_text(0).expect("it has a text").into_owned()));
        }
        all
    }

    fn count(&mut self, kind: &str) -> usize {
        self.waiting().iter().filter(|(is, _)| is == kind).count()
    }

    /// The last receipt's text.
    fn last(&mut self) -> String {
        self.waiting().pop().expect("there is one").1
    }

    /// Sets C-1's name as the steward.
    fn set(&mut self, name: &str) {
        self.set_of("C-1", name);
    }

    fn set_of(&mut self, key: &str, name: &str) {
        let table = TableName::new("customers");
        let field = self.pipeline().table(&table).expect("it is there").field_named("name").expect("it has one").id;
        let value = Cell::Value(Value::Text(name.into()));
        let key = [key.to_owned()];
        self.pipeline().set(&table, &key, &[(field, value)], &Actor::Steward, false).expect("it is set");
    }

    fn name(&mut self) -> String {
        let table = TableName::new("customers");
        let look = self.pipeline().look().expect("the store can be read");
        let field = look.config.table("customers").and_then(|table| table.field_named("name")).expect("it is there").id;
        let mut name = String::new();
        look.snapshot
            .for_each_record(&table, |record| {
                name = record.value(field).map(ToString::to_string).unwrap_or_default();
                std::ops::ControlFlow::Break(())
            })
            .expect("it can be read");
        name
    }

    fn open_reviews(&mut self) -> u64 {
        self.pipeline().store().snapshot().and_then(|snapshot| snapshot.open_reviews()).expect("they can be counted")
    }

    /// Puts a mail of Li Lei's in conflict with what is stored; returns the lines that decide it.
    fn conflict(&mut self) -> Vec<String> {
        self.set("Amber");
        self.clock.advance(HOUR_MS);
        let mail = self.mail("", "Customer ID: C-1\r\nName: Agate\r\n", 2 * HOUR_MS);
        self.try_take(&mail).expect("it is taken");
        let asked = self.last();
        let lines: Vec<String> =
            asked.lines().map(str::trim).filter(|line| line.starts_with("decide DB1-")).map(str::to_owned).collect();
        assert_eq!(lines.len(), 2, "{asked}");
        lines
    }
}

#[test]
fn a_decision_can_be_sent_until_its_last_day() {
    for (hours, is_good) in [(72, true), (74, false)] {
        let mut office = Office::new();
        let lines = office.conflict();
        office.clock.advance(hours * HOUR_MS);
        office.take(&lines[0]);
        let told = office.last();
        assert_eq!(told.contains("Decided:"), is_good, "{told}");
        assert_eq!(told.contains("The time for this decision is over."), !is_good, "{told}");
        assert_eq!(office.name(), if is_good { "Agate" } else { "Amber" });
        assert_eq!(office.open_reviews(), u64::from(!is_good));
    }
}

#[test]
fn reviews_come_in_pages_that_tell_of_the_next_one() {
    let mut office = Office::new();
    let keys: Vec<String> = (101..=145).map(|number| format!("C-{number}")).collect();
    for key in &keys {
        office.set_of(key, "Amber");
    }
    office.clock.advance(HOUR_MS);
    let rows: Vec<String> = keys.iter().map(|key| format!("Customer ID: {key}\r\nName: Agate\r\n\r\n")).collect();
    let mail = office.mail("", &rows.concat(), 2 * HOUR_MS);
    office.try_take(&mail).expect("it is taken");
    assert_eq!(office.open_reviews(), 45);
    let asked = |told: &str| -> Vec<String> {
        let keys = told.lines().filter(|line| line.contains("two different values"));
        keys.filter_map(|line| Some(line.split(" C-").nth(1)?.split(':').next()?.to_owned())).collect()
    };
    let told = office.last();
    assert!(asked(&told).len() == 20 && told.contains("send “reviews”"), "{told}");
    let mut seen = Vec::new();
    for (page, command, next) in
        [(1, "reviews", "“reviews 2”"), (2, "Reviews 2", "“reviews 3”"), (3, "待定 3", ""), (4, "reviews 4", "")]
    {
        office.clock.advance(HOUR_MS);
        office.take(&format!("{command}\r\n"));
        let told = office.last();
        assert_eq!(told.contains(&format!("next ones, send {next}")), page < 3, "{command}: {told}");
        assert_eq!(told.contains("There is no such page"), page == 4, "{told}");
        assert!(!told.contains("There is nothing open"), "{told}");
        assert_eq!(asked(&told).len(), [20, 20, 5, 0][page - 1], "{told}");
        seen.extend(asked(&told));
    }
    seen.sort();
    let all: Vec<String> = (101..=145).map(|number: u32| number.to_string()).collect();
    assert_eq!(seen, all, "each once");
}

#[test]
fn a_power_cut_leaves_a_decision_undone_or_done_once() {
    for point in [FaultPoint::KeysMade, FaultPoint::BeforeCommit, FaultPoint::AfterCommit] {
        let mut office = Office::new();
        let lines = office.conflict();
        let before = office.waiting().len();
        let mail = office.mail("", &lines[0], 0);
        let hook = move |at| if at == point { Err(Killed) } else { Ok(()) };
        office.pipeline().store().set_fault_hook(Some(Box::new(hook)));
        office.try_take(&mail).expect_err("the power was cut");
        office.restart();
        let is_done = point == FaultPoint::AfterCommit;
        assert_eq!(office.name(), if is_done { "Agate" } else { "Amber" }, "{point:?}");
        office.try_take(&mail).expect("it is taken, or was");
        assert_eq!((office.name().as_str(), office.open_reviews()), ("Agate", 0), "{point:?}");
        assert_eq!(office.waiting().len(), before + 1, "one receipt for it: {point:?}");
        // The same bytes under another id change nothing; the same token in another mail does not count.
        let again = RawMail { id: mailed::id("again"), ..mail };
        office.try_take(&again).expect("it was taken");
        assert_eq!(office.waiting().len(), before + 1);
        office.set("Beryl");
        office.clock.advance(2 * HOUR_MS);
        office.take(&lines[0]);
        assert!(office.last().contains("was sent before, and counts once"), "{}", office.last());
        assert_eq!(office.name(), "Beryl");
    }
}

#[test]
fn mails_beyond_the_cap_are_told_of_once_when_its_time_is_over() {
    let mut office = Office::new();
    for number in 1..=5 {
        office.take(&format!("Customer ID: C-{number}\r\nName: Amber\r\n"));
        office.clock.advance(60_000);
    }
    office.take("Customer ID: C-6\r\nColour: vermilion\r\n");
    assert_eq!((office.count("receipt"), office.count("receipts-paused"), office.count("receipts-digest")), (2, 1, 0));
    office.restart();
    // An hour after the first that was not answered.
    office.clock.advance(56 * 60_000);
    assert_eq!(office.count("receipts-digest"), 0);
    office.clock.advance(60_000);
    assert_eq!(office.count("receipts-digest"), 1);
    let told = office.last();
    assert!(told.contains("4 mails of yours were taken and not answered one by one"), "{told}");
    assert!(told.starts_with("3 saved, 1 not understood."), "{told}");
    assert_eq!(told.matches(": 1 saved (").count(), 3, "{told}");
    assert!(told.contains("04:31: 1 not understood ("), "{told}");
    assert!(!told.contains("Amber") && !told.contains("vermilion"), "{told}");
    office.restart();
    office.clock.advance(24 * HOUR_MS);
    assert_eq!(office.count("receipts-digest"), 1, "once, also after a restart");
    office.take("Customer ID: C-7\r\nName: Amber\r\n");
    assert_eq!(office.count("receipt"), 3);
    // The same again the next day, with a digest of its own.
    office.take("Customer ID: C-7\r\nName: Agate\r\n");
    office.take("Customer ID: C-7\r\nName: Beryl\r\n");
    office.clock.advance(HOUR_MS);
    assert_eq!((office.count("receipts-paused"), office.count("receipts-digest")), (2, 2));
    assert!(office.last().contains("One mail of yours was taken"), "{}", office.last());
}

#[test]
fn a_mail_that_is_not_answered_is_noted_with_its_posting_or_not_at_all() {
    for point in [FaultPoint::BeforeCommit, FaultPoint::AfterCommit] {
        let mut office = Office::new();
        for number in 1..=3 {
            office.take(&format!("Customer ID: C-{number}\r\nName: Amber\r\n"));
        }
        let mail = office.mail("", "Customer ID: C-4\r\nName: Amber\r\n", 0);
        let hook = move |at| if at == point { Err(Killed) } else { Ok(()) };
        office.pipeline().store().set_fault_hook(Some(Box::new(hook)));
        office.try_take(&mail).expect_err("the power was cut");
        office.restart();
        office.try_take(&mail).expect("it is taken, or was");
        office.clock.advance(HOUR_MS);
        assert_eq!(office.count("receipts-digest"), 1);
        assert!(office.last().contains("2 mails of yours"), "{point:?}: {}", office.last());
    }
}

#[test]
fn a_pass_sends_the_digest_that_is_due() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("data")).expect("a folder in it");
    let mut office = Office::beside(&folder.path().join("daybook.toml"));
    for number in 1..=4 {
        office.take(&format!("Customer ID: C-{number}\r\nName: Amber\r\n"));
    }
    let sent = |office: &mut Office| app::send_mails(office.pipeline()).expect("they are sent").sent;
    assert_eq!(sent(&mut office), 3, "two receipts, and that there are no more");
    office.clock.advance(HOUR_MS - 1);
    assert_eq!(sent(&mut office), 0);
    office.clock.advance(1);
    assert_eq!(sent(&mut office), 1, "the digest");
    office.clock.advance(HOUR_MS);
    assert_eq!(sent(&mut office), 0);
}

#[test]
fn a_digest_of_what_waits_says_how_to_see_it() {
    for waits in [false, true] {
        let mut office = Office::new();
        office.set("Amber");
        office.clock.advance(HOUR_MS);
        for number in 2..=4 {
            office.take(&format!("Customer ID: C-{number}\r\nName: Amber\r\n"));
        }
        if waits {
            let mail = office.mail("", "Customer ID: C-1\r\nName: Agate\r\n", 2 * HOUR_MS);
            office.try_take(&mail).expect("it is taken");
        }
        office.clock.advance(HOUR_MS);
        assert_eq!(office.count("receipts-digest"), 1);
        let told = office.last();
        assert_eq!(told.contains("waiting for a decision"), waits, "{told}");
        assert_eq!(told.contains("send “reviews”"), waits, "{told}");
    }
}

#[test]
fn a_digest_that_cannot_be_made_holds_up_no_other_mail() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("data")).expect("a folder in it");
    let mut office = Office::beside(&folder.path().join("daybook.toml"));
    for number in 1..=4 {
        office.take(&format!("Customer ID: C-{number}\r\nName: Amber\r\n"));
    }
    // No Message-ID can be made in such a domain.
    let smtp = office.config.smtp.as_mut().expect("it has one");
    smtp.from = MailAddress::parse("capture@例子.公司").expect("an address");
    office.restart();
    office.clock.advance(HOUR_MS);
    office.pipeline().queue_digests().expect_err("it can't be made");
    assert_eq!(app::send_mails(office.pipeline()).expect("they are sent").sent, 3);
}
