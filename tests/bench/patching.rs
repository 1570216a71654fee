//! One cell patched in the large workbook, against inflating that sheet's part and deflating it once.
//!
//! The patch is all that the daemon does for the new bytes: a private copy, the child with its limits, the answer taken back.
//! Directly before and after it this process inflates the sheet and deflates it with the same settings; what counts is the
//! ratio to the mean of the two. The child's memory is looked at from outside while it works.

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{BufReader, Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use daybook::codec::patch::{NewCell, PatchRequest, RowPatch};
use daybook::codec::read::{FileKind, ReadRequest, read};
use daybook::codec::sheet::{Frame, RawRow, ReadRow};
use daybook::io::{Disk, Program, RealDisk};
use daybook::source::workbook::{ChildPatcher, SheetPatcher};
use zip::{ZipArchive, ZipWriter};

use super::office::{DAYBOOK, Office};
use super::{Spent, memory};

/// The name by which it is asked for.
pub(crate) const NAME: &str = "one cell patched";
/// The limit, as a multiple of inflating and deflating the sheet.
const LIMIT: f64 = 2.5;
/// The limit of the child's memory beyond the sheet's XML, in megabytes of 10^6 bytes.
const MEMORY_LIMIT_MB: u64 = 64;
const TIMES: usize = 10;
const SHEET: &str = "xl/worksheets/sheet1.xml";
/// The column of the credit limit.
const COLUMN: u32 = 8;
const WORKBOOK_BYTES_MAX: u64 = 100 << 20;

/// Measures it and tells.
#[expect(clippy::print_stdout, reason = "a benchmark talks to the terminal")]
pub(crate) fn tell(office: &Office, rows: u32) -> Result<()> {
    let path = office.workbook();
    let bench = Bench { patcher: patcher(), request: request(&path, rows / 2)?, path };
    let sheet = bench.sheet_bytes()?;
    let (mut ratios, mut works, mut times, mut bare, mut peak) = (vec![], vec![], vec![], vec![], 0);
    for _ in 0..TIMES {
        let before = Spent::by(|| bench.inflate_and_deflate())?;
        let (patched, memory) = watched(|| Spent::by(|| bench.patch()))?;
        let after = Spent::by(|| bench.inflate_and_deflate())?;
        let mean = |of: fn(&Spent) -> Duration| f64::midpoint(of(&before).as_secs_f64(), of(&after).as_secs_f64());
        ratios.push(patched.elapsed.as_secs_f64() / mean(|spent| spent.elapsed));
        works.push(patched.processor.as_secs_f64() / mean(|spent| spent.processor));
        times.push(patched.elapsed.as_secs_f64());
        bare.push(mean(|spent| spent.elapsed));
        peak = memory.max(peak);
    }
    let [(ratio, least, most), (work, less, more), (time, ..), (bare, ..)] =
        [ratios, works, times, bare].map(super::spread);
    println!("\n{NAME}: limit {LIMIT:.1}x, reached {ratio:.2}x ({least:.2} to {most:.2}, {TIMES} pairs)");
    println!("  elapsed: {time:.2} s against {bare:.2} s; processor time: {work:.2}x ({less:.2} to {more:.2})");
    let mb = |bytes: u64| bytes / 1_000_000;
    println!(
        "  memory: limit {MEMORY_LIMIT_MB} MB above the sheet's XML, reached {} MB: child {} MB, sheet {} MB",
        mb(peak.saturating_sub(sheet)),
        mb(peak),
        mb(sheet)
    );
    Ok(())
}

struct Bench {
    patcher: ChildPatcher,
    request: PatchRequest,
    path: PathBuf,
}

impl Bench {
    /// What the daemon does for a patch's bytes.
    fn patch(&self) -> Result<()> {
        let prefix = self.patcher.prefix(&self.request)?;
        let copy = RealDisk.snapshot_after(&prefix, &self.path, WORKBOOK_BYTES_MAX)?;
        let (patched, bytes) = self.patcher.patch(copy, &self.request).map_err(|failure| anyhow!(failure.message))?;
        ensure!(patched.rows.len() == 1 && patched.refused.is_empty(), "it did something else");
        ensure!(!bytes.is_empty(), "nothing was patched");
        black_box(bytes);
        Ok(())
    }

    /// The yardstick: the sheet's part unpacked and packed once, as it was packed.
    fn inflate_and_deflate(&self) -> Result<()> {
        let mut zip = ZipArchive::new(BufReader::new(File::open(&self.path)?))?;
        let mut part = zip.by_name(SHEET)?;
        let options = part.options();
        let mut xml = Vec::with_capacity(usize::try_from(part.size())?);
        part.read_to_end(&mut xml)?;
        let mut out = ZipWriter::new(Cursor::new(Vec::new()));
        out.start_file(SHEET, options)?;
        out.write_all(&xml)?;
        black_box(out.finish()?);
        Ok(())
    }

    fn sheet_bytes(&self) -> Result<u64> {
        Ok(ZipArchive::new(BufReader::new(File::open(&self.path)?))?.by_name(SHEET)?.size())
    }
}

fn patcher() -> ChildPatcher {
    ChildPatcher {
        program: Program::new(DAYBOOK, [""; 0]),
        memory_bytes_max: 1 << 30,
        deadline: Duration::from_mins(2),
        workbook_bytes_max: WORKBOOK_BYTES_MAX,
    }
}

/// A request that raises the amount in one row.
fn request(path: &Path, number: u32) -> Result<PatchRequest> {
    let request = ReadRequest { unpacked_bytes_max: 2 << 30, ..ReadRequest::new(FileKind::Xlsx, [7; 16]) };
    let (mut hash, mut last_row) = (None, 1);
    read(File::open(path)?, &request, &mut |frame| {
        if let Frame::Rows(rows) = frame {
            for row in rows {
                if let ReadRow::Read(RawRow { number: own, hash: found, .. }) = row {
                    last_row = own;
                    hash = hash.or((own == number).then_some(found));
                }
            }
        }
        Ok(())
    })?;
    let hash = hash.context("the workbook has no such row")?;
    let cells = vec![(COLUMN, NewCell::Number("123456.75".into()))];
    Ok(PatchRequest {
        read: request,
        rows: vec![RowPatch { number, hash, cells }],
        appended: Vec::new(),
        last_row,
        source: "customers".to_owned(),
        revision: Some(2),
        words: ["no".into(), "yes".into()],
    })
}

/// Does some work, and tells the peak of the memory of the greatest child that it had.
fn watched<T>(work: impl FnOnce() -> Result<T>) -> Result<(T, u64)> {
    let (is_done, peak) = (AtomicBool::new(false), AtomicU64::new(0));
    let result = thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                let patching = memory::children(std::process::id()).into_iter().filter(|child| is_patcher(*child));
                for (_, child) in patching.filter_map(memory::memory) {
                    peak.fetch_max(child, Ordering::Relaxed);
                }
                thread::sleep(memory::LOOK_EVERY);
            }
        });
        let result = work();
        is_done.store(true, Ordering::Relaxed);
        result
    });
    Ok((result?, peak.into_inner()))
}

/// Whether a process is the patching child already: before it becomes that, it has the memory of the process that it left.
fn is_patcher(process: u32) -> bool {
    let command = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    command.split(|byte| *byte == 0).any(|word| word == ChildPatcher::COMMAND.as_bytes())
}
