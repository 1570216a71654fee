//! Memory of the daemon and its reading child, watched from outside while a sync runs.
//!
//! What both have at one moment is sampled; a peak between two looks can be missed. The kernel keeps each process's own
//! peak: the sum of both is an upper bound, because they need not fall into the same moment. In either, pages of the
//! program that both share are counted twice, and the private copy of the workbook, which is neither's, is added.

use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use super::{Figure, Stage};

/// How often the processes are looked at.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(1);
/// The limit, in megabytes of 10^6 bytes.
const LIMIT_MB: u64 = 400;

/// Runs one sync and tells how much memory it took.
#[expect(clippy::print_stdout, reason = "a benchmark talks to the terminal")]
pub(crate) fn tell(stage: &mut Stage, figure: Figure) -> Result<()> {
    stage.prepare(figure)?;
    let mut daemon = stage.office.command(&["--json", "sync"]).stdout(Stdio::piped()).spawn()?;
    let (mut own, mut childs, mut together) = (0, 0, 0);
    while daemon.try_wait()?.is_none() {
        let (mut now, peak) = memory(daemon.id()).unwrap_or_default();
        own = peak.max(own);
        for (resident, peak) in children(daemon.id()).into_iter().filter_map(memory) {
            childs = peak.max(childs);
            now += resident;
        }
        together = now.max(together);
        thread::sleep(LOOK_EVERY);
    }
    let (applied, rows) = stage.expected(figure);
    crate::Office::check(&daemon.wait_with_output()?.stdout, applied, rows)?;
    let copy = fs::metadata(stage.office.workbook()).context("the workbook is gone")?.len();
    let mb = |bytes: u64| bytes / 1_000_000;
    println!(
        "  memory: limit {LIMIT_MB:.0} MB, reached {:.0} MB, at most {:.0} MB: daemon {:.0}, child {:.0}, copy {:.0}",
        mb(together + copy),
        mb(own + childs + copy),
        mb(own),
        mb(childs),
        mb(copy)
    );
    Ok(())
}

/// A process's resident memory now, and its peak, in bytes.
pub(crate) fn memory(process: u32) -> Option<(u64, u64)> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let bytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
    };
    Some((bytes("VmRSS:")?, bytes("VmHWM:")?))
}

/// The processes that a process started, by whichever of its threads.
pub(crate) fn children(process: u32) -> Vec<u32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else { return Vec::new() };
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>()).collect()
}
