//! An office in a temporary folder: writes its configuration and its people's workbooks, runs the built program there
//! and reads what it prints. Knows the program by the contract only.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value as Json;
use tempfile::TempDir;

use super::workbook::{Sheet, Workbook};

/// How long anything may take that is waited for.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// The head of every configuration.
const HEAD: &str = r#"
[office]
name = "Test office"
language = "en"
country = "CN"
timezone = "Asia/Shanghai"

[store]
path = "data/daybook.db"
key_file = "keys/daybook.key"

[watch]
quiet_ms = 50
poll_seconds = 1
"#;

/// The people and the table that most tests use.
pub(crate) const CUSTOMERS: &str = r#"
[[class]]
name = "contract"
[[department]]
name = "sales/east"
[[department]]
name = "sales/west"
[[person]]
email = "li.lei@example.com"
name = "李雷"
roles = ["sales"]
department = "sales/east"
[[person]]
email = "han.meimei@example.com"
name = "韩梅梅"
roles = ["finance"]
[[person]]
email = "chief@example.com"
roles = ["staff"]

[[table]]
name = "customers"
title = { zh-CN = "客户", en = "Customers" }
primary_key = ["customer_id"]
owner_field = "owner"
department_field = "department"
[[table.field]]
name = "customer_id"
headers = ["Customer ID", "客户编号"]
constraints = { required = true, pattern = "C-[0-9]+" }
[[table.field]]
name = "name"
headers = ["Name", "客户名称"]
[[table.field]]
name = "phone"
format = "phone"
headers = ["Phone", "电话", "手机"]
class = "sensitive"
[[table.field]]
name = "stage"
headers = ["Stage", "阶段"]
class = "transaction"
constraints = { enum = ["lead", "offer", "signed"] }
[[table.field]]
name = "credit"
type = "number"
headers = ["Credit", "信用额度"]
class = "contract"
constraints = { minimum = 0, maximum = 1000000 }
[[table.field]]
name = "since"
type = "date"
headers = ["Since", "日期"]
[[table.field]]
name = "email"
format = "email"
headers = ["E-mail", "邮箱"]
class = "service"
[[table.field]]
name = "owner"
format = "email"
headers = ["Owner", "负责人"]
[[table.field]]
name = "department"
headers = ["Department", "部门"]

[[access]]
id = "staff-all"
role = "staff"
table = "customers"
relation = "all"
read = ["basic", "transaction", "service", "sensitive", "contract"]
write = ["basic", "transaction", "service", "sensitive", "contract"]
create = true
reason = "Staff keep the list"
[[access]]
id = "sales-own"
role = "sales"
table = "customers"
relation = "own"
read = ["basic", "transaction", "service"]
mask = ["sensitive"]
write = ["basic", "service"]
reason = "Sales keep their own customers"
[[access]]
id = "finance-all"
role = "finance"
table = "customers"
relation = "all"
read = ["basic", "contract"]
mask = ["sensitive"]
write = ["contract"]
reason = "Finance looks after the credit"
"#;

/// A workbook of the staff.
pub(crate) const STAFF: &str = r#"
[[workbook]]
name = "staff"
path = "share/staff.xlsx"
table = "customers"
acts_as = "role:staff"
"#;

/// An editable view of everything.
pub(crate) const VIEW: &str = r#"
[[view]]
name = "all"
path = "share/all.xlsx"
table = "customers"
for = "role:staff"
editable = true
"#;

/// One office.
pub(crate) struct Office {
    folder: TempDir,
}

/// What a run of the program came to.
#[derive(Debug)]
pub(crate) struct Ran {
    /// The exit code; -1 if it was killed.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
    what: String,
}

impl Ran {
    fn new(what: String, output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).expect("the output is UTF-8"),
            err: String::from_utf8(output.stderr).expect("the messages are UTF-8"),
            what,
        }
    }

    /// Holds the exit code.
    #[track_caller]
    pub(crate) fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n--- out\n{}\n--- err\n{}", self.what, self.out, self.err);
        self
    }

    /// Holds that it says something, wherever.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        let all = format!("{}\n{}", self.out, self.err);
        assert!(all.contains(text), "{} does not say `{text}`:\n{all}", self.what);
        self
    }

    /// The output as one JSON object.
    #[track_caller]
    pub(crate) fn json(&self) -> Json {
        assert_eq!(
            self.out.trim_end().lines().count(),
            1,
            "{} prints one object: {}\n{}",
            self.what,
            self.out,
            self.err
        );
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{}: {error}: {}", self.what, self.out))
    }

    /// The output as JSON Lines.
    #[track_caller]
    pub(crate) fn lines(&self) -> Vec<Json> {
        let read = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{}: {error}: {line}", self.what));
        self.out.lines().map(read).collect()
    }
}

impl Office {
    /// An office whose configuration is the usual head and `body`.
    pub(crate) fn new(body: &str) -> Self {
        let office = Self::bare();
        office.program(&["init", "."]).ends(0);
        office.configure(body);
        office
    }

    /// The usual customers, with `sources`.
    pub(crate) fn with(sources: &str) -> Self {
        Self::new(&format!("{CUSTOMERS}{sources}"))
    }

    /// An empty folder.
    pub(crate) fn bare() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(folder.path().join("share")).expect("a folder");
        Self { folder }
    }

    /// Writes the configuration anew.
    pub(crate) fn configure(&self, body: &str) {
        self.write("daybook.toml", format!("{HEAD}{body}").as_bytes());
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).expect("a folder");
        }
        fs::write(path, bytes).expect("the file can be written");
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Writes a workbook with one sheet, named `Sheet1`.
    pub(crate) fn save(&self, name: &str, rows: &Sheet) {
        self.write(name, &rows.xlsx());
    }

    /// Opens a workbook to change cells in it.
    pub(crate) fn open(&self, name: &str) -> Workbook {
        Workbook::open(&self.path(name))
    }

    /// Says when a file was saved: so many seconds before now.
    pub(crate) fn saved_ago(&self, name: &str, seconds: u64) {
        let file = fs::File::options().append(true).open(self.path(name)).expect("the file is there");
        file.set_modified(SystemTime::now() - Duration::from_secs(seconds)).expect("the time can be set");
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_daybook"));
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        command.env_remove("DAYBOOK_LOG").env_remove("NOTIFY_SOCKET").env_remove("CREDENTIALS_DIRECTORY");
        command
    }

    /// Runs the program.
    #[track_caller]
    pub(crate) fn program(&self, arguments: &[&str]) -> Ran {
        let output = self.command(arguments).output().expect("the program can be started");
        let ran = Ran::new(format!("daybook {}", arguments.join(" ")), output);
        assert!(!ran.err.contains("panicked"), "{}: {}", ran.what, ran.err);
        ran
    }

    /// Starts the program and lets it run.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        let mut command = self.command(arguments);
        let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program can be started");
        Running { child: Some(child) }
    }

    /// Runs a command that succeeds and prints one object.
    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> Json {
        self.program(&[&["--json"], arguments].concat()).ends(0).json()
    }

    /// Runs a command that succeeds and prints a list.
    #[track_caller]
    pub(crate) fn list(&self, arguments: &[&str]) -> Vec<Json> {
        self.program(&[&["--json"], arguments].concat()).ends(0).lines()
    }

    /// One pass.
    #[track_caller]
    pub(crate) fn sync(&self) -> Json {
        self.json(&["sync"])
    }

    /// One pass that has nothing to tell.
    #[track_caller]
    pub(crate) fn sync_quietly(&self) -> Json {
        let report = self.sync();
        assert_eq!(report["problems"], Json::Array(Vec::new()), "{report}");
        report
    }

    /// One pass that changes nothing, writes nothing and tells nothing.
    #[track_caller]
    pub(crate) fn sync_idly(&self) {
        let before = self.revision();
        let report = self.sync_quietly();
        for count in ["arrivals", "changes", "applied", "refused", "conflicts", "held", "published", "sent"] {
            assert_eq!(report[count], 0, "{count}: {report}");
        }
        assert_eq!(self.revision(), before, "the revision moved: {report}");
    }

    /// The store's revision.
    #[track_caller]
    pub(crate) fn revision(&self) -> u64 {
        self.json(&["status"])["store"]["revision"].as_u64().expect("status tells the revision")
    }

    /// The fields of a record.
    #[track_caller]
    pub(crate) fn record(&self, key: &str) -> Json {
        self.json(&["record", "show", "--key", key])["fields"].clone()
    }

    /// One field of a record.
    #[track_caller]
    pub(crate) fn value(&self, key: &str, field: &str) -> Json {
        self.record(key)[field].clone()
    }

    /// The open reviews.
    #[track_caller]
    pub(crate) fn reviews(&self) -> Vec<Json> {
        self.list(&["review", "list"])
    }

    /// The only open review's id.
    #[track_caller]
    pub(crate) fn review(&self) -> String {
        let reviews = self.reviews();
        assert_eq!(reviews.len(), 1, "{reviews:?}");
        text(&reviews[0]["id"])
    }

    /// Whether the ledger is what the journal makes.
    #[track_caller]
    pub(crate) fn store_is_sound(&self) {
        assert_eq!(self.json(&["store", "check"])["differing"], 0);
    }
}

/// The codes and places of a report's problems, each of which has all that the contract says.
#[track_caller]
pub(crate) fn problems(report: &Json) -> Vec<(String, String)> {
    let problems = report["problems"].as_array().expect("a report has problems");
    for problem in problems {
        for key in ["source", "place", "code", "message", "hint"] {
            assert!(problem[key].as_str().is_some_and(|text| !text.is_empty()), "`{key}` of {problem}");
        }
        let code = text(&problem["code"]);
        assert!(code.chars().all(|letter| letter.is_ascii_lowercase() || letter == '-'), "{code}");
    }
    problems.iter().map(|problem| (text(&problem["code"]), text(&problem["place"]))).collect()
}

/// A JSON text.
#[track_caller]
pub(crate) fn text(value: &Json) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is a text")).to_owned()
}

/// Waits until something is so.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < DEADLINE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A program that runs; it is killed when it is dropped.
pub(crate) struct Running {
    child: Option<Child>,
}

impl Running {
    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let child = self.child.as_ref().expect("it runs");
        rustix::process::kill_process(rustix::process::Pid::from_child(child), signal).expect("it can be signalled");
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn ended(mut self, what: &str) -> Ran {
        let mut child = self.child.take().expect("it runs");
        let begin = Instant::now();
        while child.try_wait().expect("it can be waited for").is_none() {
            if begin.elapsed() > DEADLINE {
                child.kill().expect("it can be killed");
                panic!("{what} did not end");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ran::new(what.to_owned(), child.wait_with_output().expect("it has ended"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            child.kill().ok();
            child.wait().ok();
        }
    }
}

/// All files below a folder.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let pattern = folder.join("**").join("*");
    let paths = glob::glob(&pattern.to_string_lossy()).expect("the pattern is one");
    paths.filter_map(Result::ok).filter(|path| path.is_file()).collect()
}
