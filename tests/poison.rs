//! Mails that break what works on them, and a store that can't be written: a mail costs itself at most, and is never put aside for what is not its fault.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use daybook::io::{OsEntropy, SeededEntropy, SystemClock};
use daybook::model::plugin::{
    Dispute, Issue, PluginChange, PluginJob, PluginMail, PluginName, PluginReading, Resolution,
};
use daybook::model::{Actor, Cell, Value};
use daybook::pipeline::mail::TookMail;
use daybook::pipeline::{Pipeline, PipelineError};
use daybook::plugin::{Answered, Plugins, Request};
use daybook::source::mailbox::Verdict;
use daybook::source::mailbox::sender::Authenticator;
use daybook::store::{Killed, MasterKey, Store};

use crate::mailed;

/// A plugin that sees the names, and the mails.
const PLUGIN: &str = r#"
[[plugin]]
name = "own"
path = "own.wasm"
table = "customers"
reads = ["name"]
writes = ["name"]
jobs = ["validate", "mail"]
"#;

/// Breaks over rows that say `poison`, and has nothing against others.
struct Fragile(Arc<AtomicU32>);

impl Plugins for Fragile {
    fn jobs(&mut self, _name: &PluginName) -> Vec<PluginJob> {
        vec![PluginJob::Validate, PluginJob::Mail]
    }

    fn normalise(&mut self, _request: &Request<'_>) -> Answered<PluginChange> {
        unreachable!("it has no such job")
    }

    fn validate(&mut self, request: &Request<'_>) -> Answered<Issue> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let cells = request.rows.iter().flat_map(|row| &row.cells);
        assert!(cells.into_iter().all(|(_, cell)| *cell != Cell::Value(Value::Text("poison".into()))), "it breaks");
        Answered { version: None, answers: Vec::new(), failed: Vec::new(), problems: Vec::new() }
    }

    fn classify(&mut self, _request: &Request<'_>) -> Answered<PluginChange> {
        unreachable!("it has no such job")
    }

    fn resolve(&mut self, _request: &Request<'_>, _disputes: &[Dispute]) -> Answered<Resolution> {
        unreachable!("it has no such job")
    }

    fn read_mail(&mut self, _request: &Request<'_>, mail: &PluginMail) -> Answered<PluginReading> {
        assert!(!mail.lines.iter().any(|line| line.contains("toxic")), "it breaks");
        Answered { version: None, answers: Vec::new(), failed: Vec::new(), problems: Vec::new() }
    }
}

fn office() -> (Pipeline, Arc<AtomicU32>) {
    let config = mailed::configuration(Path::new("/nowhere/daybook.toml"), PLUGIN);
    let key = MasterKey::generate(&mut SeededEntropy::new(1));
    let store = Store::in_memory(&key, Box::new(OsEntropy)).expect("a store can be made in memory");
    let asked = Arc::new(AtomicU32::new(0));
    let plugins = Box::new(Fragile(asked.clone()));
    (mailed::pipeline(config, store, Arc::new(SystemClock), Box::new(OsEntropy), plugins), asked)
}

fn take(pipeline: &mut Pipeline, name: &str, text: &str) -> Result<TookMail, PipelineError> {
    let mailbox = pipeline.config().mailboxes[0].clone();
    let mail = mailed::mail(name, "", text, None);
    let people = &pipeline.config().policy.people;
    let sent = Authenticator::new(&mailbox.authentication, people).authenticate(&mail, 0);
    pipeline.take_mail(&mailbox, &mail, sent)
}

fn known(pipeline: &Pipeline, name: &str) -> Option<Verdict> {
    pipeline.mail_known(&pipeline.config().mailboxes[0].name, &mailed::id(name)).expect("the store can be read")
}

/// The receipts that wait to be sent.
fn receipts(pipeline: &mut Pipeline) -> Vec<String> {
    let store = pipeline.store();
    let waiting = store.mails().expect("the store can be read");
    let bytes = waiting.iter().filter_map(|mail| store.mail_bytes(mail.id).expect("the store can be read"));
    bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect()
}

#[test]
fn a_mail_that_breaks_something_is_put_aside_and_told_of_and_the_next_one_is_taken() {
    let (mut pipeline, asked) = office();
    for (number, poison) in
        ["Customer ID: C-1\r\nName: poison", "toxic words\r\n\r\nCustomer ID: C-1\r\nName: Amber"].iter().enumerate()
    {
        let name = format!("bad-{number}");
        let took = take(&mut pipeline, &name, poison).expect("something becomes of it");
        assert_eq!(took.verdict, Verdict::Refused);
        let [problem] = took.report.problems.as_slice() else { panic!("{:?}", took.report) };
        assert_eq!(problem.code, "mail-put-aside");
        assert!(problem.message.contains("defect") && !problem.message.contains("oison"), "{}", problem.message);
        assert_eq!(known(&pipeline, &name), Some(Verdict::Refused), "it does not come again");
        let now = pipeline.now();
        let kept =
            pipeline.store().refused_mails(now).expect("the store can be read").pop().expect("it is kept in mind");
        assert_eq!((kept.from.as_str(), kept.problem.code.as_str()), ("li.lei@example.com", "mail-put-aside"));
        let bytes = pipeline.store().refused_bytes(kept.id).expect("the store can be read").expect("it is kept whole");
        assert!(String::from_utf8_lossy(&bytes).ends_with(&format!("{poison}\r\n")), "as it came");
        let receipts = receipts(&mut pipeline);
        assert_eq!(receipts.len(), number + 1);
        assert!(receipts.iter().all(|receipt| receipt.contains("could not be processed")), "{receipts:?}");
        assert!(receipts.iter().all(|receipt| receipt.contains("not-understood=1")), "{receipts:?}");
    }
    let before = asked.load(Ordering::SeqCst);
    let took = take(&mut pipeline, "good", "Customer ID: C-1\r\nName: Amber").expect("it can be taken");
    assert_eq!((took.verdict, took.report.applied), (Verdict::Done, 2), "{:?}", took.report);
    assert!(asked.load(Ordering::SeqCst) > before, "the plugins are still asked");
}

#[test]
fn a_store_that_can_t_be_written_puts_no_mail_aside() {
    let (mut pipeline, _) = office();
    pipeline.store().set_fault_hook(Some(Box::new(|_| Err(Killed))));
    for _ in 0..5 {
        take(&mut pipeline, "1", "Customer ID: C-1\r\nName: Amber").expect_err("nothing can be written");
        assert_eq!(known(&pipeline, "1"), None);
    }
    pipeline.store().set_fault_hook(None);
    let took = take(&mut pipeline, "1", "Customer ID: C-1\r\nName: Amber").expect("it can be taken");
    assert_eq!((took.verdict, took.report.applied), (Verdict::Done, 2));
    assert_eq!(receipts(&mut pipeline).len(), 1);
}

/// Whoever catches the panic further out goes on with this pipeline: no row may pass it unchecked.
#[test]
fn a_panic_in_a_command_switches_no_rule_off() {
    let (mut pipeline, asked) = office();
    let table = pipeline.config().tables[0].clone();
    let set = |pipeline: &mut Pipeline, name: &str| {
        let cells = [(table.field_named("name").expect("a field").id, Cell::Value(Value::Text(name.into())))];
        pipeline.set(&table.name, &["C-1".to_owned()], &cells, &Actor::Steward, false)
    };
    set(&mut pipeline, "Amber").expect("it is set");
    let before = asked.load(Ordering::SeqCst);
    let broken = catch_unwind(AssertUnwindSafe(|| set(&mut pipeline, "poison")));
    assert!(broken.is_err() && asked.load(Ordering::SeqCst) > before, "the plugin breaks");
    let before = asked.load(Ordering::SeqCst);
    set(&mut pipeline, "Amethyst").expect("it is set");
    assert!(asked.load(Ordering::SeqCst) > before, "the plugins are still asked");
}
