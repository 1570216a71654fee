//! The figures of a large workbook: 200,000 rows of ten columns, against calamine's streaming read of the same file.
//!
//! Each measurement of Daybook is the whole `daybook sync`, from the start of the process to its end, with the reading
//! child, the transaction and the closing of the store. Directly before and after it the same file is read by calamine
//! alone; what counts is the ratio to the mean of the two, because machines are noisy and change their speed. Criterion
//! shows the times; the table at the end shows the ratios, the memory and what the time is made of.
//!
//! `cargo bench --bench sync`, or `cargo bench --bench sync -- unchanged` for some of it.

mod memory;
mod office;
mod phases;

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
fn calamine_reads(path: &Path) -> Result<Duration> {
    let start = Instant::now();
    let mut workbook: Xlsx<BufReader<File>> = open_workbook(path)?;
    let name = workbook.sheet_names().first().cloned().context("the workbook has no sheet")?;
    let mut reader = workbook.worksheet_cells_reader(&name)?;
    while let Some(cell) = reader.next_cell()? {
        black_box(cell);
    }
    Ok(start.elapsed())
}

/// One measurement: the sync's time, and its ratio to calamine's.
fn pair(stage: &mut Stage, figure: Figure) -> Result<(Duration, Pair)> {
    stage.prepare(figure)?;
    let before = calamine_reads(&stage.office.workbook())?;
    let start = Instant::now();
    stage.measured(figure)?;
    let time = start.elapsed();
    let calamine = (before + calamine_reads(&stage.office.workbook())?) / 2;
    Ok((time, Pair { time, calamine }))
}

struct Pair {
    time: Duration,
    calamine: Duration,
}

impl Pair {
    fn ratio(&self) -> f64 {
        self.time.as_secs_f64() / self.calamine.as_secs_f64()
    }
}

fn main() -> Result<()> {
    let rows = if std::env::args().any(|argument| argument == "--test") { ROWS_TRIED } else { ROWS };
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
                    let (time, pair) = pair(&mut stage.borrow_mut(), figure).expect("the office can be synced");
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
    Ok(())
}

/// One figure of the table.
#[expect(clippy::print_stdout, reason = "a benchmark talks to the terminal")]
fn tell(figure: Figure, pairs: &[Pair]) {
    let mut ratios: Vec<f64> = pairs.iter().map(Pair::ratio).collect();
    ratios.sort_by(f64::total_cmp);
    let median = |mut times: Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2].as_secs_f64()
    };
    let (least, most, middle) = (ratios[0], ratios[ratios.len() - 1], ratios[ratios.len() / 2]);
    let time = median(pairs.iter().map(|pair| pair.time).collect());
    let calamine = median(pairs.iter().map(|pair| pair.calamine).collect());
    println!(
        "\n{:<28} limit {:.1}x  reached {middle:.2}x ({least:.2} to {most:.2}, {} pairs)  {time:.2} s against {calamine:.2} s",
        figure.name(),
        figure.limit(),
        ratios.len()
    );
}
