//! The figures of a large workbook: 200,000 rows of ten columns, against calamine's streaming read of the same file.
//!
//! Each measurement of Daybook is the whole `daybook sync`, from the start of the process to its end, with the reading
//! child, the transaction and the closing of the store. Directly before and after it the same file is read by calamine
//! alone; what counts is the ratio to the mean of the two, because machines are noisy and change their speed. Criterion
//! shows the times; the table at the end shows the ratios, the memory and what the time is made of.
//!
//! The limits are about elapsed time on a machine with two cores to spare. Where others use them, processor time says
//! more: it counts all threads and the child, as if one core had to do everything, so its ratio is the greater one.
//!
//! More figures have limits of their own: a patch of one cell of that workbook, the time until a save in one workbook
//! is visible in another, rules as a plugin against the same rules natively, and mails from a server to the store.
//!
//! `cargo bench --bench sync`, or `cargo bench --bench sync -- unchanged` for some of it.

mod mails;
mod memory;
mod office;
mod patching;
mod phases;
mod plugins;
mod programs;
mod visible;

use std::cell::RefCell;
use std::fs::File;
use std::hint::black_box;
use std::io::BufReader;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use calamine::{Reader, Xlsx, open_workbook};
use criterion::{Criterion, SamplingMode};

use self::office::Office;

/// Rows of the workbook; few when the benchmark is only tried, as `cargo test --benches` does.
const ROWS: u32 = 200_000;
const ROWS_TRIED: u32 = 500;
/// The two who save the workbook in turn.
const EDITORS: [&str; 2] = ["Li Lei", "Han Meimei"];

/// What is measured, with its limit as a multiple of calamine's read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Figure {
    First,
    Unchanged,
    Touched,
    OneCell,
}

impl Figure {
    const ALL: [Self; 4] = [Self::First, Self::Unchanged, Self::Touched, Self::OneCell];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::First => "first sync",
            Self::Unchanged => "unchanged save, other bytes",
            Self::Touched => "unchanged save, same bytes",
            Self::OneCell => "one changed cell, committed",
        }
    }

    fn limit(self) -> f64 {
        match self {
            Self::First => 4.0,
            Self::Unchanged | Self::Touched => 1.1,
            Self::OneCell => 1.3,
        }
    }
}

/// Brings the office into the state before a measured sync, again and again.
pub(crate) struct Stage {
    pub(crate) office: Office,
    rows: u32,
    changes: u32,
    /// The figure that the office was last made ready for.
    ready: Option<Figure>,
}

impl Stage {
    fn new(folder: &Path, rows: u32) -> Result<Self> {
        let office = Office::make(folder.join("office"), rows)?;
        office.save(EDITORS[0], 0)?;
        Ok(Self { office, rows, changes: 0, ready: None })
    }

    /// Makes the office ready: what is measured next is one sync.
    pub(crate) fn prepare(&mut self, figure: Figure) -> Result<()> {
        if self.ready == Some(figure) && matches!(figure, Figure::Unchanged | Figure::Touched) {
            return Ok(());
        }
        match figure {
            Figure::First => self.office.forget()?,
            Figure::Unchanged => {
                self.settle()?;
                self.office.save(EDITORS[1], self.changes)?;
            }
            Figure::Touched => self.settle()?,
            Figure::OneCell => {
                if !self.office.store().exists() {
                    self.settle()?;
                }
                self.changes += 1;
                self.office.save(EDITORS[0], self.changes)?;
            }
        }
        self.ready = Some(figure);
        Ok(())
    }

    /// A fresh store that has seen the workbook as it lies there.
    fn settle(&self) -> Result<()> {
        self.office.forget()?;
        self.office.save(EDITORS[0], self.changes)?;
        self.measured(Figure::First)
    }

    /// The sync that is measured.
    fn measured(&self, figure: Figure) -> Result<()> {
        let (applied, rows) = self.expected(figure);
        self.office.sync(applied, rows)
    }

    /// How many cells a sync applies and how many rows it reads.
    pub(crate) fn expected(&self, figure: Figure) -> (u64, u64) {
        let rows = u64::from(self.rows);
        match figure {
            Figure::First => (rows * 9 + rows - u64::from(self.rows.div_ceil(3)), rows),
            Figure::Unchanged => (0, rows),
            Figure::Touched => (0, 0),
            Figure::OneCell => (1, rows),
        }
    }
}

/// The yardstick: every cell of the sheet, streamed, and nothing done with it.
fn calamine_reads(path: &Path) -> Result<()> {
    let mut workbook: Xlsx<BufReader<File>> = open_workbook(path)?;
    let name = workbook.sheet_names().first().cloned().context("the workbook has no sheet")?;
    let mut reader = workbook.worksheet_cells_reader(&name)?;
    while let Some(cell) = reader.next_cell()? {
        black_box(cell);
    }
    Ok(())
}

/// One measurement: a sync between two of calamine's reads.
fn pair(stage: &mut Stage, figure: Figure) -> Result<Pair> {
    stage.prepare(figure)?;
    let workbook = stage.office.workbook();
    let before = Spent::by(|| calamine_reads(&workbook))?;
    let sync = Spent::by(|| stage.measured(figure))?;
    let after = Spent::by(|| calamine_reads(&workbook))?;
    let calamine =
        Spent { elapsed: (before.elapsed + after.elapsed) / 2, processor: (before.processor + after.processor) / 2 };
    Ok(Pair { sync, calamine })
}

/// A sync's time, and the mean of calamine's before and after it.
struct Pair {
    sync: Spent,
    calamine: Spent,
}

/// Time that something took.
struct Spent {
    elapsed: Duration,
    /// Of this process and of the children that it waited for, with theirs.
    processor: Duration,
}

impl Spent {
    fn by(work: impl FnOnce() -> Result<()>) -> Result<Self> {
        let (start, used) = (Instant::now(), processor_time()?);
        work()?;
        Ok(Self { elapsed: start.elapsed(), processor: processor_time()?.saturating_sub(used) })
    }
}

/// Processor time so far, to a hundredth of a second: `utime`, `stime`, `cutime` and `cstime` of proc(5).
fn processor_time() -> Result<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').context("proc(5) has changed")?;
    let ticks: u64 = fields.split_whitespace().skip(11).take(4).filter_map(|field| field.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(10 * ticks))
}

fn main() -> Result<()> {
    let is_trial = std::env::args().any(|argument| argument == "--test");
    let rows = if is_trial { ROWS_TRIED } else { ROWS };
    let folder = tempfile::tempdir()?;
    let stage = RefCell::new(Stage::new(folder.path(), rows)?);
    let mut criterion =
        Criterion::default().sample_size(10).warm_up_time(Duration::from_millis(1)).configure_from_args();
    let mut group = criterion.benchmark_group(format!("{rows} rows"));
    group.sampling_mode(SamplingMode::Flat).measurement_time(Duration::from_secs(1));
    let mut table = Vec::new();
    for figure in Figure::ALL {
        let mut pairs = Vec::new();
        group.bench_function(figure.name(), |bencher| {
            bencher.iter_custom(|count| {
                let measured = (0..count).map(|_| {
                    let pair = pair(&mut stage.borrow_mut(), figure).expect("the office can be synced");
                    let time = pair.sync.elapsed;
                    pairs.push(pair);
                    time
                });
                measured.sum()
            });
        });
        table.push((figure, pairs));
    }
    group.finish();
    criterion.final_summary();
    let mut stage = stage.into_inner();
    for (figure, pairs) in table.iter().filter(|(_, pairs)| !pairs.is_empty()) {
        tell(*figure, pairs);
        memory::tell(&mut stage, *figure)?;
        phases::tell(&mut stage, *figure)?;
    }
    if is_wanted(patching::NAME) {
        patching::tell(&stage.office, rows)?;
    }
    if is_wanted(plugins::NAME) {
        plugins::tell(folder.path(), is_trial)?;
    }
    if is_wanted(mails::NAME) {
        mails::tell(folder.path(), is_trial)?;
    }
    if is_wanted(visible::NAME) {
        visible::tell(folder.path(), is_trial)?;
    }
    Ok(())
}

/// Whether a figure was asked for, by a part of its name; all are if none was.
fn is_wanted(name: &str) -> bool {
    let mut asked = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).peekable();
    asked.peek().is_none() || asked.any(|part| name.contains(&part))
}

/// The median, the least and the greatest.
fn spread(mut values: Vec<f64>) -> (f64, f64, f64) {
    values.sort_by(f64::total_cmp);
    (values[values.len() / 2], values[0], values[values.len() - 1])
}

/// One figure of the table.
#[expect(clippy::print_stdout, reason = "a benchmark talks to the terminal")]
fn tell(figure: Figure, pairs: &[Pair]) {
    let of = |value: fn(&Pair) -> f64| spread(pairs.iter().map(value).collect());
    let (ratio, least, most) = of(|pair| pair.sync.elapsed.as_secs_f64() / pair.calamine.elapsed.as_secs_f64());
    let (work, less, more) = of(|pair| pair.sync.processor.as_secs_f64() / pair.calamine.processor.as_secs_f64());
    let (time, ..) = of(|pair| pair.sync.elapsed.as_secs_f64());
    let (calamine, ..) = of(|pair| pair.calamine.elapsed.as_secs_f64());
    println!(
        "\n{}: limit {:.1}x, reached {ratio:.2}x ({least:.2} to {most:.2}, {} pairs)",
        figure.name(),
        figure.limit(),
        pairs.len()
    );
    println!("  elapsed: {time:.2} s against {calamine:.2} s; processor time: {work:.2}x ({less:.2} to {more:.2})");
}
