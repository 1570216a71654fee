//! From a save in one workbook to the change in another: `daybook run` on two workbooks that are kept both ways.
//!
//! Each save is done as programs do it, by a file beside and a rename. The clock runs from the rename to the moment at which
//! the other file is another one; then that file is read, and has to show the change. The quiet period is the default.

use std::fs;
use std::io::{Cursor, Read, Write};
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use daybook::io::{Disk, Fingerprint, RealDisk};
use regex::{NoExpand, Regex};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use super::office::Office;

/// The name by which it is asked for.
pub(crate) const NAME: &str = "a save visible in another workbook";
/// The limit of the median.
const LIMIT: Duration = Duration::from_secs(1);
/// Rows of each workbook, and how many saves are measured.
const ROWS: u32 = 2_000;
const SAVES: u32 = 20;
const ROWS_TRIED: u32 = 50;
const SAVES_TRIED: u32 = 2;
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// Between two saves nothing may have changed for so long.
const REST: Duration = Duration::from_millis(1_500);
const DEADLINE: Duration = Duration::from_mins(1);
const BOOKS: [&str; 2] = ["customers.xlsx", "second.xlsx"];
const SHEET: &str = "xl/worksheets/sheet1.xml";

/// Measures it and tells.
#[expect(clippy::print_stdout, reason = "a benchmark talks to the terminal")]
pub(crate) fn tell(folder: &Path, is_trial: bool) -> Result<()> {
    let (rows, saves) = if is_trial { (ROWS_TRIED, SAVES_TRIED) } else { (ROWS, SAVES) };
    let office = Office::make(folder.join("two-way"), rows)?;
    office.keep_both_ways(BOOKS[1])?;
    office.save("Li Lei", 0)?;
    let books = BOOKS.map(|name| office.path(name));
    fs::copy(&books[0], &books[1])?;
    let daemon = Daemon(office.command(&["run"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?);
    let taken = Instant::now();
    while !office.has_both() {
        if taken.elapsed() > DEADLINE {
            bail!("the daemon took nothing");
        }
        thread::sleep(REST);
    }
    let mut times = Vec::new();
    for save in 0..saves {
        rest(&books)?;
        let (from, to) = (&books[save as usize % 2], &books[(save as usize + 1) % 2]);
        let amount = format!("{}.5", 900_000 + save);
        times.push(visible_after(from, to, 2 + save % rows, &amount)?.as_secs_f64());
    }
    drop(daemon);
    let (median, least, most) = super::spread(times);
    println!(
        "\n{NAME}: limit {:.2} s, reached {median:.2} s ({least:.2} to {most:.2}, {saves} saves, {rows} rows each)",
        LIMIT.as_secs_f64()
    );
    Ok(())
}

/// The daemon; it is killed in the end.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself, and then the measurement has failed already.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Saves an amount in one workbook, and tells how long it takes until the other one shows it.
fn visible_after(from: &Path, to: &Path, row: u32, amount: &str) -> Result<Duration> {
    let saved = with_amount(&fs::read(from)?, row, amount)?;
    let beside = from.with_extension("saving");
    write(&beside, &saved)?;
    let mut before = print(to)?;
    replace(&beside, from)?;
    let start = Instant::now();
    loop {
        let now = print(to)?;
        if now != before {
            let time = start.elapsed();
            if sheet(&fs::read(to)?)?.contains(&format!("<v>{amount}</v>")) {
                return Ok(time);
            }
            before = now;
        }
        if start.elapsed() > DEADLINE {
            bail!("{} never showed {amount}", to.display());
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// Waits until no workbook has changed for a while.
fn rest(books: &[std::path::PathBuf]) -> Result<()> {
    let prints = || books.iter().map(|path| print(path)).collect::<Result<Vec<_>>>();
    let (mut last, mut since, start) = (prints()?, Instant::now(), Instant::now());
    while since.elapsed() < REST {
        let now = prints()?;
        if now != last {
            (last, since) = (now, Instant::now());
        }
        if start.elapsed() > DEADLINE {
            bail!("the workbooks change without end");
        }
        thread::sleep(LOOK_EVERY);
    }
    Ok(())
}

fn print(path: &Path) -> Result<Option<Fingerprint>> {
    Ok(RealDisk.fingerprint(path)?)
}

/// The workbook with another credit limit in a row.
fn with_amount(workbook: &[u8], row: u32, amount: &str) -> Result<Vec<u8>> {
    let mut zip = ZipArchive::new(Cursor::new(workbook))?;
    let mut out = ZipWriter::new(Cursor::new(Vec::new()));
    let cell = Regex::new(&format!(r#"(?s)(<c r="I{row}"[^>]*>).*?</c>"#))?;
    for index in 0..zip.len() {
        let mut part = zip.by_index(index)?;
        let name = part.name()?.into_owned();
        let mut bytes = Vec::new();
        part.read_to_end(&mut bytes)?;
        if name == SHEET {
            let text = String::from_utf8(bytes)?;
            let start = cell.captures(&text).context("there is no such cell")?[1].to_owned();
            bytes = cell.replace(&text, NoExpand(&format!("{start}<v>{amount}</v></c>"))).into_owned().into_bytes();
        }
        out.start_file(name, SimpleFileOptions::default())?;
        out.write_all(&bytes)?;
    }
    Ok(out.finish()?.into_inner())
}

fn sheet(workbook: &[u8]) -> Result<String> {
    let mut text = String::new();
    ZipArchive::new(Cursor::new(workbook))?.by_name(SHEET)?.read_to_string(&mut text)?;
    Ok(text)
}

#[expect(clippy::disallowed_methods, reason = "the benchmark saves as a spreadsheet program does")]
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    Ok(fs::write(path, bytes)?)
}

#[expect(clippy::disallowed_methods, reason = "the benchmark saves as a spreadsheet program does")]
fn replace(from: &Path, to: &Path) -> Result<()> {
    Ok(fs::rename(from, to)?)
}
