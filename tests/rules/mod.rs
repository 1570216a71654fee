//! What the pipeline makes of what plugins say: an office in this process, with rules that are closures.
//!
//! The host between pipeline and component is tested in `plugins/`, and both together in `contract/plugins.rs`.

mod access;
mod deciding;
mod holding;
mod jobs;
mod rejecting;
mod setting;
mod telling;

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use daybook::app;
use daybook::config;
use daybook::io::{OsEntropy, RealDisk, SeededEntropy, SystemClock};
use daybook::model::entry::KeyIndex;
use daybook::model::plugin::{
    Dispute, Issue, PluginChange, PluginJob, PluginMail, PluginName, PluginReading, PluginVerdict, PluginVersion,
    Resolution, Severity,
};
use daybook::model::{Actor, Cell, Outcome, RecordId, Review, TableName, Value};
use daybook::pipeline::{Decision, Parts, Pipeline, PipelineError, Report, joined_key, key_cells};
use daybook::plugin::{Answered, FailedRow, Plugins, Request, Unavailable};
use daybook::source::workbook::{InProcessPatcher, InProcessReader};
use daybook::store::{MasterKey, Store};

/// The table that all tests have.
const OFFICE: &str = r#"
office = { language = "en", country = "CN", timezone = "Asia/Shanghai" }
store = { path = "data/daybook.db", key_file = "keys/k" }
[[person]]
email = "li.lei@example.com"
roles = ["sales"]
[[table]]
name = "customers"
primary_key = ["id"]
owner_field = "owner"
[[table.field]]
name = "id"
[[table.field]]
name = "name"
[[table.field]]
name = "phone"
class = "sensitive"
[[table.field]]
name = "code"
constraints = { unique = true }
[[table.field]]
name = "mail"
format = "email"
[[table.field]]
name = "segment"
class = "service"
conflict = "CONFLICT"
[[table.field]]
name = "owner"
[[access]]
id = "staff-all"
role = "staff"
table = "customers"
relation = "all"
read = ["basic", "service", "sensitive"]
write = ["basic", "service", "sensitive"]
create = true
[[access]]
id = "clerk-phones"
role = "clerk"
table = "customers"
relation = "all"
read = ["basic", "service"]
write = ["sensitive"]
[[access]]
id = "sales-names"
role = "sales"
table = "customers"
relation = "all"
read = ["basic", "service"]
write = ["basic"]
create = true
"#;

/// The workbooks: of the staff, of others with the same rights, and of those with fewer.
const BOOKS: [(&str, &str); 4] =
    [("staff", "role:staff"), ("other", "role:staff"), ("clerk", "role:clerk"), ("sales", "li.lei@example.com")];

/// A row as a rule sees it.
struct Seen<'a>(&'a Request<'a>, usize);

impl Seen<'_> {
    /// The content of a field that the rule may see; empty if there is none.
    fn get(&self, field: &str) -> String {
        let field = self.0.table.field_named(field).expect("a field of the table");
        assert!(self.0.setup.reads.contains(&field.id), "the host withholds what is not in `reads`");
        let cells = &self.0.rows[self.1].cells;
        assert!(cells.is_sorted_by_key(|(id, _)| *id), "cells ascend by field");
        let cell = cells.iter().find(|(id, _)| *id == field.id).map(|(_, cell)| cell);
        cell.map_or_else(String::new, ToString::to_string)
    }
}

type Set = (&'static str, String);
type Found = (Severity, Option<&'static str>, &'static str, String);

/// What the plugin of an office does.
#[derive(Clone, Default)]
struct Rules {
    normalise: Option<fn(&Seen<'_>) -> Vec<Set>>,
    validate: Option<fn(&Seen<'_>) -> Vec<Found>>,
    classify: Option<fn(&Seen<'_>) -> Vec<Set>>,
    resolve: Option<fn(&Dispute) -> Option<PluginVerdict>>,
    fails: Option<fn(&Seen<'_>) -> bool>,
    /// Why it changes and decides what it does.
    because: &'static str,
    /// It says so of each request.
    complains: bool,
    /// It could not be loaded.
    gone: bool,
}

/// What was asked: the job, whether it was a trial, and how many rows there were.
type Asked = (PluginJob, bool, usize);

struct Closures {
    rules: Arc<Mutex<Rules>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Closures {
    fn rules(&self) -> Rules {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn answered<T>(
        &self,
        job: PluginJob,
        request: &Request<'_>,
        mut each: impl FnMut(&Seen<'_>) -> Vec<T>,
    ) -> Answered<T> {
        let rules = self.rules();
        let rows = request.rows.len();
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push((job, request.context.read_only, rows));
        let (mut answers, mut failed) = (Vec::new(), Vec::new());
        for row in 0..rows {
            let seen = Seen(request, row);
            if rules.fails.is_some_and(|fails| fails(&seen)) {
                failed.push(FailedRow { row, why: "it stopped".to_owned() });
            } else {
                answers.extend(each(&seen));
            }
        }
        let problem = |code| daybook::model::Problem::new(daybook::model::Code(code), "own", "It groans.", "");
        let problems = rules.complains.then(|| problem("plugin-groans")).into_iter().collect();
        let version = PluginVersion { name: "own".into(), version: "1.2.0".into(), sha256: [0xab; 32] };
        Answered { version: Some(version), answers, failed, problems }
    }

    /// Has no answer to anything, if it could not be loaded.
    fn gone(&self) -> Option<Unavailable> {
        self.rules().gone.then(|| Unavailable { why: "`own` is not loaded.".to_owned() })
    }

    fn changes(
        &self,
        job: PluginJob,
        request: &Request<'_>,
        rule: Option<fn(&Seen<'_>) -> Vec<Set>>,
    ) -> Answered<PluginChange> {
        let rule = rule.expect("it is asked for its jobs only");
        let because = self.rules().because;
        let change = |row: usize, (field, value): Set| {
            let field = request.table.field_named(field).expect("a field of the table").id;
            assert!(request.setup.writes.contains(&field), "the host refuses what is not in `writes`");
            let value = (!value.is_empty()).then(|| Value::Text(value.as_str().into()));
            PluginChange { row, field, value, reason: because.to_owned() }
        };
        self.answered(job, request, |seen| rule(seen).into_iter().map(|set| change(seen.1, set)).collect())
    }
}

impl Plugins for Closures {
    fn jobs(&mut self, _name: &PluginName) -> Vec<PluginJob> {
        let rules = self.rules();
        let mut jobs = Vec::new();
        if rules.gone {
            return jobs;
        }
        jobs.extend(rules.normalise.map(|_| PluginJob::Normalise));
        jobs.extend(rules.validate.map(|_| PluginJob::Validate));
        jobs.extend(rules.classify.map(|_| PluginJob::Classify));
        jobs.extend(rules.resolve.map(|_| PluginJob::Merge));
        jobs
    }

    fn normalise(&mut self, request: &Request<'_>) -> Answered<PluginChange> {
        if let Some(mut gone) = self.gone() {
            return gone.normalise(request);
        }
        self.changes(PluginJob::Normalise, request, self.rules().normalise)
    }

    fn validate(&mut self, request: &Request<'_>) -> Answered<Issue> {
        if let Some(mut gone) = self.gone() {
            return gone.validate(request);
        }
        let rule = self.rules().validate.expect("it is asked for its jobs only");
        let issue = |row: usize, (severity, field, code, message): Found| {
            let field = field.map(|field| request.table.field_named(field).expect("a field of the table").id);
            Issue { row, field, severity, code: code.into(), message }
        };
        self.answered(PluginJob::Validate, request, |seen| {
            rule(seen).into_iter().map(|found| issue(seen.1, found)).collect()
        })
    }

    fn classify(&mut self, request: &Request<'_>) -> Answered<PluginChange> {
        if let Some(mut gone) = self.gone() {
            return gone.classify(request);
        }
        self.changes(PluginJob::Classify, request, self.rules().classify)
    }

    fn resolve(&mut self, request: &Request<'_>, disputes: &[Dispute]) -> Answered<Resolution> {
        let rule = self.rules().resolve.expect("it is asked for its jobs only");
        let because = self.rules().because;
        self.answered(PluginJob::Merge, request, |seen| {
            let own = disputes.iter().enumerate().filter(|(_, dispute)| dispute.row == seen.1);
            let verdict = |(index, dispute)| {
                rule(dispute).map(|verdict| Resolution { dispute: index, verdict, reason: because.to_owned() })
            };
            own.filter_map(verdict).collect()
        })
    }

    fn read_mail(&mut self, _request: &Request<'_>, _mail: &PluginMail) -> Answered<PluginReading> {
        unreachable!("it has no such job")
    }
}

/// An office with one plugin.
struct Office {
    folder: tempfile::TempDir,
    pipeline: Pipeline,
    rules: Arc<Mutex<Rules>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Office {
    /// `section` are the plugin's `reads`, `writes` and more.
    fn new(section: &str, rules: Rules) -> Self {
        Self::with(section, "", rules)
    }

    /// The same with more settings for all its workbooks.
    fn with(section: &str, book: &str, rules: Rules) -> Self {
        Self::of(OFFICE, section, book, rules)
    }

    /// The same with another table.
    fn of(office: &str, section: &str, book: &str, rules: Rules) -> Self {
        let folder = tempfile::tempdir().expect("there is a folder for temporary files");
        fs::create_dir(folder.path().join("share")).expect("it is empty");
        let conflict = if rules.resolve.is_some() { "plugin:own" } else { "review" };
        let head = office.replace("CONFLICT", conflict);
        let books = BOOKS.map(|(name, actor)| {
            let head = format!("[[workbook]]\nname = \"{name}\"\npath = \"share/{name}.csv\"\ntable = \"customers\"");
            format!("{head}\nacts_as = \"{actor}\"\n{book}\n")
        });
        let plugin = "[[plugin]]\nname = \"own\"\npath = \"own.wasm\"\ntable = \"customers\"";
        let text = format!("{head}{}{plugin}\n{section}\n", books.concat());
        let config = config::load(&folder.path().join("daybook.toml"), &text).expect("the configuration is right");
        let key = MasterKey::generate(&mut SeededEntropy::new(1));
        let store = Store::in_memory(&key, Box::new(OsEntropy)).expect("a store can be made in memory");
        let (rules, asked) = (Arc::new(Mutex::new(rules)), Arc::new(Mutex::new(Vec::new())));
        let parts = Parts {
            clock: Arc::new(SystemClock),
            entropy: Box::new(OsEntropy),
            disk: Arc::new(RealDisk),
            reader: Arc::new(InProcessReader),
            patcher: Arc::new(InProcessPatcher),
            plugins: Box::new(Closures { rules: rules.clone(), asked: asked.clone() }),
        };
        let pipeline = Pipeline::new(config, store, parts).expect("the store fits the configuration");
        Self { folder, pipeline, rules, asked }
    }

    /// From now on the plugin does something else.
    fn replace(&self, rules: Rules) {
        *self.rules.lock().unwrap_or_else(PoisonError::into_inner) = rules;
    }

    /// What was asked since this was last looked at.
    fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Saves a workbook: its lines, with `|` between the cells.
    #[expect(clippy::disallowed_methods, reason = "a person's program writes the file")]
    fn save(&self, book: &str, lines: &[&str]) {
        let text: String = lines.iter().map(|line| line.replace('|', ",") + "\n").collect();
        fs::write(self.path(book), text).expect("it can be written");
    }

    fn path(&self, book: &str) -> std::path::PathBuf {
        Path::new(self.folder.path()).join("share").join(format!("{book}.csv"))
    }

    /// The lines of a workbook as they are now.
    fn lines(&self, book: &str) -> Vec<String> {
        let text = fs::read_to_string(self.path(book)).expect("it can be read");
        text.lines().map(|line| line.replace(',', "|").replace('"', "")).collect()
    }

    /// A pass over those workbooks that are there.
    fn sync(&mut self) -> Report {
        let mut report = app::sync(&mut self.pipeline, false).expect("a pass comes to its end");
        report.problems.retain(|problem| problem.code != "missing-file");
        report
    }

    fn dry(&mut self) -> Report {
        app::sync(&mut self.pipeline, true).expect("a trial comes to its end")
    }

    /// Saves a workbook and takes it; gives what was told.
    fn take(&mut self, book: &str, lines: &[&str]) -> Report {
        self.save(book, lines);
        self.sync()
    }

    /// `record set`.
    fn set(&mut self, key: &str, field: &str, value: &str, actor: &Actor) -> Result<Report, PipelineError> {
        let table = TableName::new("customers");
        let field = self.pipeline.table(&table)?.field_named(field).expect("a field of the table").clone();
        let cell = if value.is_empty() { Cell::Blank } else { Cell::Value(Value::Text(value.into())) };
        self.pipeline.set(&table, &[key.to_owned()], &[(field.id, cell)], actor, false)
    }

    fn decide(&mut self, decision: &Decision) -> Result<Report, PipelineError> {
        let review = self.reviews().into_iter().next().expect("a question is open");
        self.pipeline.decide(&review, decision, &Actor::Steward)
    }

    fn record(&mut self, key: &str) -> Option<RecordId> {
        let name = TableName::new("customers");
        let table = self.pipeline.table(&name).expect("the table is there").clone();
        let cells = key_cells(&table, &[key.to_owned()]).expect("a key");
        let key = joined_key(&table.key_of(&cells).expect("a whole key"));
        let snapshot = self.pipeline.store().snapshot().expect("the store can be read");
        let found = snapshot.records_by_key(&name, KeyIndex::Primary, &[key]).expect("the store can be read");
        found.into_values().next()
    }

    /// What is stored of a field; empty if nothing is.
    #[track_caller]
    fn value(&mut self, key: &str, field: &str) -> String {
        let id = self.record(key).expect("the record is there");
        let table = TableName::new("customers");
        let field = self.pipeline.table(&table).expect("the table is there").field_named(field).expect("a field").id;
        let snapshot = self.pipeline.store().snapshot().expect("the store can be read");
        let record = snapshot.record(&table, id).expect("the store can be read").expect("the record is there");
        record.value(field).map_or_else(String::new, ToString::to_string)
    }

    /// The last outcome of a field with its rule.
    #[track_caller]
    fn last(&mut self, key: &str, field: &str) -> (Outcome, String) {
        let id = self.record(key).expect("the record is there");
        let table = TableName::new("customers");
        let field = self.pipeline.table(&table).expect("the table is there").field_named(field).expect("a field").id;
        let history = self.pipeline.store().snapshot().and_then(|snapshot| snapshot.history(id));
        let of = |item: daybook::store::HistoryItem| {
            let cell = item.entry.cells.iter().find(|cell| cell.field == field)?.clone();
            Some((cell.outcome, item.rules[usize::from(cell.rule)].to_string()))
        };
        history.expect("the store can be read").into_iter().filter_map(of).last().expect("the field has a history")
    }

    fn reviews(&mut self) -> Vec<Review> {
        let snapshot = self.pipeline.store().snapshot().expect("the store can be read");
        snapshot.reviews(true).expect("the store can be read").into_iter().map(|kept| kept.review).collect()
    }

    /// Nothing is left to do, and the journal gives the same ledger.
    #[track_caller]
    fn is_quiet(&mut self) {
        let report = self.sync();
        assert_eq!((report.changes, report.arrivals, report.problems.len()), (0, 0, 0), "{report:?}");
        let checked = self.pipeline.store().check().expect("the store can be read");
        assert_eq!(checked.differing, 0, "{checked:?}");
    }
}

/// The plugin's rule in the history.
const RULE: &str = "plugin:own@1.2.0#abababababababab";

fn codes(report: &Report) -> Vec<&str> {
    report.problems.iter().map(|problem| problem.code.as_str()).collect()
}

/// The row has an error if its name is `bad`.
fn not_bad(seen: &Seen<'_>) -> Vec<Found> {
    let is_bad = seen.get("name") == "bad";
    is_bad.then(|| (Severity::Error, Some("name"), "bad-name", "so nobody is called".to_owned())).into_iter().collect()
}
