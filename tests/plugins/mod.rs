//! The plugin host as it is built: real components, the real child that compiles, a real folder for the cache.

mod cache;
mod examples;
pub(crate) mod fixture;
mod good;
mod hostile;
mod new;
mod swap;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use daybook::extract::parse_text;
use daybook::io::{Disk, ManualClock, Program, RealDisk};
use daybook::model::plugin::{OnFailure, PluginLimits, PluginRow, PluginSetup};
use daybook::model::schema::{ConflictRule, Constraints, Title};
use daybook::model::{Cell, Field, FieldId, FieldType, Problem, Table, TableName, Value};
use daybook::plugin::limits::CompileLimits;
use daybook::plugin::{Context, Host, HostParts};

use self::fixture::Fixture;

/// Enough for any test plugin, and soon over for one that loops.
const TIME_MAX: Duration = Duration::from_millis(250);
const MEMORY_BYTES_MAX: u64 = 16 << 20;

/// A folder with plugins, and a host over it.
struct Bench {
    folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
    host: Host,
    table: Table,
    context: Context,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("there is a folder for temporary files");
        let clock = Arc::new(ManualClock::new(1_000_000_000));
        let host = host(&folder.path().join("cache"), &clock, false);
        let context = Context { as_of: "2026-03-01".into(), locale: "zh-CN".into(), read_only: false };
        Self { folder, clock, host, table: table(), context }
    }

    /// Writes a plugin's file.
    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(format!("{name}.wasm"));
        let made = self.folder.path().join("new");
        write(&made, bytes);
        rename(&made, &path);
        path
    }

    /// Writes a plugin and gives what the configuration would say of it.
    fn setup(&self, name: &str, plugin: &Fixture) -> PluginSetup {
        setup(name, self.write(name, &plugin.component()))
    }

    fn load(&mut self, setups: &[PluginSetup]) -> Vec<Problem> {
        self.host.load(setups)
    }
}

/// Asks a bench's host: the request borrows the rest of the bench.
macro_rules! ask {
    ($bench:expr, $job:ident, $setup:expr, $rows:expr $(, $more:expr)?) => {{
        let bench = &mut $bench;
        let request = daybook::plugin::Request { setup: $setup, table: &bench.table, rows: $rows, context: &bench.context };
        daybook::plugin::Plugins::$job(&mut bench.host, &request $(, $more)?)
    }};
}
use ask;

fn host(cache: &Path, clock: &Arc<ManualClock>, metered: bool) -> Host {
    limited_host(cache, clock, CompileLimits::default(), metered)
}

/// A host whose compiling child has limits of its own.
fn limited_host(cache: &Path, clock: &Arc<ManualClock>, compile_limits: CompileLimits, metered: bool) -> Host {
    Host::new(HostParts { compile_limits, metered, ..parts(cache, clock) }).expect("the engine starts")
}

/// A host that reads plugins from a disk of a test's own.
fn on_disk(cache: &Path, clock: &Arc<ManualClock>, disk: Arc<dyn Disk>) -> Host {
    Host::new(HostParts { disk, ..parts(cache, clock) }).expect("the engine starts")
}

fn parts(cache: &Path, clock: &Arc<ManualClock>) -> HostParts {
    HostParts {
        compiler: Program::new(env!("CARGO_BIN_EXE_daybook"), [""; 0]),
        compile_limits: CompileLimits::default(),
        cache_folder: cache.to_owned(),
        cache_key: [7; 32],
        clock: clock.clone(),
        disk: Arc::new(RealDisk),
        read_value: Arc::new(|text, field| parse_text(text, field).map_err(|error| error.code)),
        tables: Vec::new(),
        metered: false,
    }
}

fn setup(name: &str, path: PathBuf) -> PluginSetup {
    PluginSetup {
        name: name.into(),
        path,
        sha256: None,
        table: TableName::new("customers"),
        reads: vec![FieldId(1), FieldId(2)],
        writes: vec![FieldId(1), FieldId(3)],
        jobs: None,
        resolves: Vec::new(),
        on_failure: OnFailure::Hold,
        settings: "{}".into(),
        limits: PluginLimits { memory_bytes_max: MEMORY_BYTES_MAX, time_max: TIME_MAX },
        disabled: false,
    }
}

/// `id`, `name`, `amount`, `segment` and `secret`; a plugin sees `name`, `amount` and the title of `segment`.
fn table() -> Table {
    let field = |id: u16, name: &str, field_type| Field {
        id: FieldId(id),
        name: name.into(),
        field_type,
        format: None,
        region: "CN".into(),
        headers: vec![name.to_owned()],
        generate: None,
        constraints: Constraints::default(),
        class: "basic".into(),
        conflict: ConflictRule::Review,
        group: None,
    };
    let fields = vec![
        field(0, "id", FieldType::String),
        field(1, "name", FieldType::String),
        field(2, "amount", FieldType::Number),
        field(3, "segment", FieldType::String),
        field(4, "secret", FieldType::String),
    ];
    let name = TableName::new("customers");
    Table { name, title: Title::default(), primary_key: vec![FieldId(0)], owner: None, department: None, fields }
}

/// A row for each name; an empty one is a blank.
fn rows(names: &[&str]) -> Vec<PluginRow> {
    names.iter().map(|name| row(name)).collect()
}

fn row(name: &str) -> PluginRow {
    let text = |text: &str| if text.is_empty() { Cell::Blank } else { Cell::Value(Value::Text(text.into())) };
    PluginRow { cells: vec![(FieldId(0), text("C-1")), (FieldId(1), text(name)), (FieldId(4), text("13800138000"))] }
}

fn good() -> Fixture {
    Fixture::new(include_str!("good.wat"))
}

#[expect(clippy::disallowed_methods, reason = "a test plays IT, who copies a file")]
fn write(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).expect("the file can be written");
}

#[expect(clippy::disallowed_methods, reason = "a test plays IT, who replaces a file")]
fn rename(from: &Path, to: &Path) {
    std::fs::rename(from, to).expect("the file can be renamed");
}
