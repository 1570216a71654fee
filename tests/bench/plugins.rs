//! The office's own rules as a plugin, against the same rules natively: 100,000 rows of twelve columns, with all limits on.
//!
//! The rules are those of the example `office-rules`: what must be filled in, forms of addresses and numbers, a code with two check digits, the order of
//! dates, limits of amounts. Natively they run over batches that lie ready as texts. The plugin's time is the host's whole work: cells to texts, a fresh
//! instance for each batch, the call, and the answers checked. What counts is the ratio to the mean of the native runs directly before and after it,
//! or the rows for each second of processor time, which says the same on a machine that others use too.
//!
//! Two figures more: what a batch costs by itself, as a request of 257 rows has one batch more than one of 256; and what loading costs when the compiled
//! code lies in the cache.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use daybook::extract::parse_text;
use daybook::io::{Program, RealDisk, SystemClock};
use daybook::model::plugin::{OnFailure, PluginLimits, PluginRow, PluginSetup};
use daybook::model::schema::{ConflictRule, Constraints, Title};
use daybook::model::{Cell, Field, FieldId, FieldType, Table, TableName};
use daybook::plugin::limits::CompileLimits;
use daybook::plugin::{Context, Host, HostParts, Plugins, Request};
use daybook_plugin_sdk::testing::{Batch, Fixture};
use office_rules::OfficeRules;

use super::office::DAYBOOK;
use super::{Spent, spread};

/// The name by which it is asked for.
pub(crate) const NAME: &str = "plugins against native rules";
/// Whichever is reached: a multiple of the native time, or rows a second.
const RATIO_MAX: f64 = 3.5;
const ROWS_A_SECOND_MIN: f64 = 300_000.0;
/// For a batch by itself.
const BATCH_MAX: Duration = Duration::from_micros(50);
/// For loading, with the compiled code in the cache.
const LOAD_MAX: Duration = Duration::from_millis(1);
/// Rows in a batch, as the host makes them.
const BATCH: usize = 256;
const ROWS: usize = 100_000;
const ROWS_TRIED: usize = 1_000;
const RUNS: usize = 15;
const RUNS_OF_ONE: usize = 400;

/// The columns, with what they hold.
const COLUMNS: [(&str, FieldType); 12] = [
    ("customer_id", FieldType::String),
    ("name", FieldType::String),
    ("contact", FieldType::String),
    ("email", FieldType::String),
    ("phone", FieldType::String),
    ("tax_id", FieldType::String),
    ("city", FieldType::String),
    ("stage", FieldType::String),
    ("amount", FieldType::Number),
    ("discount", FieldType::Number),
    ("signed", FieldType::Date),
    ("expires", FieldType::Date),
];

/// A row as it is typed. About one in fifty has something wrong.
fn texts(number: usize) -> [String; 12] {
    let wrong = number % 50 == 7;
    let codes = ["91110101MA0000015M", "91440300MA0000023W", "92310000MA00000A92", "52330100MJ0000018P"];
    let (month, day) = (1 + number % 12, 1 + number % 28);
    [
        format!("C-{number:06}"),
        format!("示例{number}贸易有限公司"),
        ["王示例", "Sample Person", "李样例"][number % 3].to_owned(),
        if wrong { format!("office{number}@example") } else { format!("office{number}@example.com") },
        format!("190 0000 {:04}", number % 10_000),
        codes[number % 4].to_owned(),
        ["上海", "深圳", "Sampletown"][number % 3].to_owned(),
        ["lead", "offer", "signed", "lost"][number % 4].to_owned(),
        format!("{}.5", 1_000 + number),
        (number % 40).to_string(),
        format!("2025-{month:02}-{day:02}"),
        if number % 100 == 7 { format!("2024-{month:02}-{day:02}") } else { format!("2026-{month:02}-{day:02}") },
    ]
}

/// The same batches natively: how many issues there are.
struct Native(Vec<Batch>);

impl Native {
    fn new(rows: &[[String; 12]]) -> Result<Self> {
        let kind = |field_type| match field_type {
            FieldType::Number => "decimal",
            FieldType::Date => "date",
            _ => "text",
        };
        let columns = COLUMNS
            .iter()
            .map(|(name, field_type)| format!("[[column]]\nname = \"{name}\"\nkind = \"{}\"\n", kind(*field_type)));
        let fixture = Fixture::parse(&columns.collect::<String>()).map_err(|error| anyhow!("{error}"))?;
        let head = Batch::of(&fixture);
        let batch = |rows: &[[String; 12]]| {
            head.clone().with_rows(rows.iter().map(|row| row.iter().map(String::as_str).collect()))
        };
        Ok(Self(rows.chunks(BATCH).map(batch).collect()))
    }

    fn run(&self) -> Result<usize> {
        let issues = self.0.iter().map(Batch::validate::<OfficeRules>);
        issues.sum::<Result<usize, _>>().map_err(|failure| anyhow!("{failure:?}"))
    }
}

/// The rules as a plugin in its host.
struct Plugin {
    host: Host,
    setup: PluginSetup,
    table: Table,
    context: Context,
    rows: Vec<PluginRow>,
}

impl Plugin {
    fn new(folder: &Path, rows: &[[String; 12]]) -> Result<Self> {
        let component = example_plugins::component("office-rules").map_err(|why| anyhow!(why))?;
        let path = folder.join("office-rules.wasm");
        write(&path, component)?;
        let table = table();
        let read = |text: &String, field: &Field| {
            let cell = parse_text(text, field).map_err(|error| anyhow!("`{text}`: {}", error.message))?;
            Ok((field.id, cell))
        };
        let row = |texts: &[String; 12]| {
            let cells = texts.iter().zip(&table.fields).map(|(text, field)| read(text, field));
            Ok(PluginRow { cells: cells.collect::<Result<Vec<(FieldId, Cell)>>>()? })
        };
        let rows = rows.iter().map(row).collect::<Result<_>>()?;
        let setup = PluginSetup {
            name: "office-rules".into(),
            path,
            sha256: None,
            table: table.name.clone(),
            reads: table.fields.iter().map(|field| field.id).collect(),
            writes: Vec::new(),
            jobs: None,
            resolves: Vec::new(),
            on_failure: OnFailure::Hold,
            settings: "{}".into(),
            // What an office has that says nothing else.
            limits: PluginLimits { memory_bytes_max: 64 << 20, time_max: Duration::from_secs(1) },
            disabled: false,
        };
        let context = Context { as_of: "2026-03-01".into(), locale: "zh-CN".into(), read_only: false };
        Ok(Self { host: host(folder)?, setup, table, context, rows })
    }

    /// Loads it, and takes the time.
    fn load(&mut self) -> Result<Duration> {
        let begin = Instant::now();
        let problems = self.host.load(std::slice::from_ref(&self.setup));
        let took = begin.elapsed();
        ensure!(problems.is_empty(), "{problems:?}");
        Ok(took)
    }

    /// Asks about the first rows: how many issues there are.
    fn run(&mut self, rows: usize) -> Result<usize> {
        let (rows, table, context) = (&self.rows[..rows], &self.table, &self.context);
        let answered = self.host.validate(&Request { setup: &self.setup, table, rows, context });
        ensure!(answered.failed.is_empty() && answered.problems.is_empty(), "{:?}", answered.problems);
        Ok(answered.answers.len())
    }
}

fn host(folder: &Path) -> Result<Host> {
    let parts = HostParts {
        compiler: Program::new(DAYBOOK, [""; 0]),
        compile_limits: CompileLimits::default(),
        cache_folder: folder.join("plugin-cache"),
        cache_key: [7; 32],
        clock: Arc::new(SystemClock),
        disk: Arc::new(RealDisk),
        read_value: Arc::new(|text, field| parse_text(text, field).map_err(|error| error.code)),
        tables: Vec::new(),
        metered: false,
    };
    Host::new(parts).map_err(|problem| anyhow!(problem.message))
}

fn table() -> Table {
    let field = |(id, (name, field_type)): (u16, &(&str, FieldType))| Field {
        id: FieldId(id),
        name: (*name).into(),
        field_type: *field_type,
        format: None,
        region: "CN".into(),
        headers: vec![(*name).to_owned()],
        generate: None,
        constraints: Constraints::default(),
        class: "basic".into(),
        conflict: ConflictRule::Review,
        group: None,
    };
    let fields = (0..).zip(&COLUMNS).map(field).collect();
    let name = TableName::new("customers");
    Table { name, title: Title::default(), primary_key: vec![FieldId(0)], owner: None, department: None, fields }
}

#[expect(clippy::disallowed_methods, reason = "the benchmark plays IT, who copies a file")]
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).with_context(|| path.display().to_string())
}

/// What something takes that finds so many issues.
fn spent(work: impl FnOnce() -> Result<usize>, wanted: usize) -> Result<Spent> {
    Spent::by(|| {
        let found = work()?;
        ensure!(found == wanted, "{found} issues, not {wanted}");
        Ok(())
    })
}

/// Measures it and tells.
#[expect(clippy::print_stdout, reason = "a benchmark talks to the terminal")]
#[expect(clippy::cast_precision_loss, reason = "a number of rows is far below 2^52")]
pub(crate) fn tell(folder: &Path, is_trial: bool) -> Result<()> {
    let (count, runs, runs_of_one) = if is_trial { (ROWS_TRIED, 1, 2) } else { (ROWS, RUNS, RUNS_OF_ONE) };
    let rows: Vec<_> = (0..count).map(texts).collect();
    let native = Native::new(&rows)?;
    let mut plugin = Plugin::new(folder, &rows)?;
    plugin.load()?;
    let wanted = native.run()?;
    ensure!(wanted > 0 && plugin.run(count)? == wanted, "both find the same");

    let (mut ratios, mut works, mut rates) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..runs {
        let before = spent(|| native.run(), wanted)?;
        let took = spent(|| plugin.run(count), wanted)?;
        let after = spent(|| native.run(), wanted)?;
        let ratio = |of: fn(&Spent) -> Duration| {
            of(&took).as_secs_f64() / f64::midpoint(of(&before).as_secs_f64(), of(&after).as_secs_f64())
        };
        ratios.push(ratio(|spent| spent.elapsed));
        works.push(ratio(|spent| spent.processor));
        rates.push(count as f64 / took.processor.as_secs_f64());
    }
    let ((ratio, least, most), (work, less, more), (rate, ..)) = (spread(ratios), spread(works), spread(rates));
    println!("\n{NAME}: limit {RATIO_MAX:.1}x or {ROWS_A_SECOND_MIN:.0} rows a second of a core");
    println!("  reached {rate:.0} rows a second of a core ({runs} runs of {count} rows)");
    println!("  elapsed: {ratio:.2}x ({least:.2} to {most:.2}); processor time: {work:.2}x ({less:.2} to {more:.2})");

    let mut batches = Vec::new();
    for _ in 0..runs_of_one {
        let begin = Instant::now();
        plugin.run(BATCH)?;
        let one = begin.elapsed().as_secs_f64();
        let begin = Instant::now();
        plugin.run(BATCH + 1)?;
        batches.push((begin.elapsed().as_secs_f64() - one) * 1e6);
    }
    println!("  a batch by itself: limit {} µs, reached {:.0} µs", BATCH_MAX.as_micros(), spread(batches).0);

    let mut loads = Vec::new();
    for _ in 0..runs_of_one {
        // The cache is asked, and the code is taken from the file; nothing is left of the plugin that was loaded before.
        plugin.host = host(folder)?;
        loads.push(plugin.load()?.as_secs_f64() * 1e3);
    }
    println!("  loading, compiled before: limit {} ms, reached {:.2} ms", LOAD_MAX.as_millis(), spread(loads).0);
    Ok(())
}
