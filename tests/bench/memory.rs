//! Memory of the daemon and its reading child, watched from outside while a sync runs.
//!
//! The kernel keeps the peak of each process's resident memory. The two peaks are added, though they need not fall into
//! the same moment, and pages of the program that both share are counted twice: the sum is an upper bound. The private
//! copy of the workbook lies in memory that is neither's; it is added too.

use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use super::{Figure, Stage};

/// How often the processes are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// The limit, in megabytes of 10^6 bytes.
const LIMIT_MB: u64 = 400;

/// Runs one sync and tells how much memory it took.
#[expect(clippy::print_stdout, reason = "a benchmark talks to the terminal")]
pub(crate) fn tell(stage: &mut Stage, figure: Figure) -> Result<()> {
    stage.prepare(figure)?;
    let mut daemon = stage.office.command(&["--json", "sync"]).stdout(Stdio::piped()).spawn()?;
    let (mut own, mut childs) = (0, 0);
    while daemon.try_wait()?.is_none() {
        own = peak(daemon.id()).unwrap_or(0).max(own);
        for child in children(daemon.id()) {
            childs = peak(child).unwrap_or(0).max(childs);
        }
        thread::sleep(LOOK_EVERY);
    }
    let (applied, rows) = stage.expected(figure);
    crate::Office::check(&daemon.wait_with_output()?.stdout, applied, rows)?;
    let copy = fs::metadata(stage.office.workbook()).context("the workbook is gone")?.len();
    let mb = |bytes: u64| bytes / 1_000_000;
    println!(
        "  memory: limit {LIMIT_MB} MB  reached {} MB: daemon {}, child {}, copy of the workbook {}",
        mb(own + childs + copy),
        mb(own),
        mb(childs),
        mb(copy)
    );
    Ok(())
}

/// The peak of a process's resident memory, in bytes.
fn peak(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// The processes that a process started, by whichever of its threads.
fn children(process: u32) -> Vec<u32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else { return Vec::new() };
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>()).collect()
}
