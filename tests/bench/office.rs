//! A generated office: one workbook of made-up customers, a configuration with its key, and `daybook sync` over them.
//!
//! The same row number gives the same row, so that every run measures the same work.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use rust_xlsxwriter::{DocProperties, Format, Workbook};

/// The program under measurement, built with the benchmark's own profile.
pub(crate) const DAYBOOK: &str = env!("CARGO_BIN_EXE_daybook");

const SURNAMES: [&str; 12] = ["王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "徐", "孙"];
const GIVEN: [&str; 10] = ["伟", "芳", "娜", "秀英", "敏", "静", "丽", "强", "磊", "洋"];
const PLACES: [&str; 8] = ["上海", "北京", "广州", "深圳", "杭州", "成都", "南京", "武汉"];
const TRADES: [&str; 6] = ["贸易", "电子", "食品", "纺织", "物流", "咨询"];
const FIRST: [&str; 10] = ["Wei", "Fang", "Anna", "Tom", "Min", "Jing", "Li", "Peter", "Lei", "Maria"];
const LAST: [&str; 8] = ["Wang", "Smith", "Zhang", "Müller", "Chen", "Yang", "Zhao", "García"];
const STAGES: [&str; 4] = ["lead", "offer", "signed", "lost"];
const TITLES: [&str; 10] =
    ["客户编号", "客户名称", "联系人", "Latin name", "电话", "邮箱", "阶段", "首次联系", "信用额度", "备注"];

/// A folder with everything that one run of Daybook needs.
pub(crate) struct Office {
    folder: PathBuf,
    rows: u32,
}

impl Office {
    /// Makes the configuration and the key, no workbook yet.
    pub(crate) fn make(folder: PathBuf, rows: u32) -> Result<Self> {
        fs::create_dir_all(&folder)?;
        let office = Self { folder, rows };
        office.run(&["init"])?;
        write(&office.config(), include_bytes!("daybook.toml"))?;
        Ok(office)
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder.join("daybook.toml")
    }

    pub(crate) fn workbook(&self) -> PathBuf {
        self.folder.join("customers.xlsx")
    }

    /// Writes the configuration anew.
    pub(crate) fn configure(&self, text: &str) -> Result<()> {
        write(&self.config(), text.as_bytes())
    }

    /// One pass, whatever it finds.
    pub(crate) fn sync_all(&self) -> Result<()> {
        self.run(&["sync"]).map(drop)
    }

    /// What the program says of itself.
    pub(crate) fn status(&self) -> Result<serde_json::Value> {
        Ok(serde_json::from_slice(&self.run(&["--json", "status"])?.stdout)?)
    }

    /// A file of the office.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Adds a second workbook; both are written into from now on.
    pub(crate) fn keep_both_ways(&self, second: &str) -> Result<()> {
        let text = fs::read_to_string(self.config())?;
        let (rest, first) = text.split_once("[[workbook]]").context("the configuration has no workbook")?;
        let first = format!("[[workbook]]{first}sync = \"two-way\"\n");
        let other = first.replace("name = \"customers\"", "name = \"second\"").replace("customers.xlsx", second);
        write(&self.config(), format!("{rest}{first}{other}").as_bytes())
    }

    /// Whether every source has been taken and nothing waits to be written.
    pub(crate) fn has_both(&self) -> bool {
        if !self.store().exists() {
            return false;
        }
        // While the store is being made there is no answer.
        let status = self.status().unwrap_or_default();
        let sources = status["sources"].as_array().cloned().unwrap_or_default();
        let seen = sources.iter().all(|source| source["last_seen_at"].is_string());
        sources.len() == 2 && seen && status["outbox"]["pending"] == 0
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.folder.join("keys/daybook.key")
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.folder.join("data/daybook.db")
    }

    /// Takes the store away.
    pub(crate) fn forget(&self) -> Result<()> {
        let data = self.folder.join("data");
        if data.exists() {
            fs::remove_dir_all(data)?;
        }
        Ok(())
    }

    /// Saves the workbook as `editor`, with the amounts of the first so many of [`changed_row`]'s rows raised.
    pub(crate) fn save(&self, editor: &str, changes: u32) -> Result<()> {
        let mut workbook = Workbook::new();
        workbook.set_properties(
            &DocProperties::new()
                .set_author(editor)
                .set_creation_datetime(&rust_xlsxwriter::ExcelDateTime::from_ymd(2026, 3, 1)?),
        );
        let date = Format::new().set_num_format("yyyy-mm-dd");
        let sheet = workbook.add_worksheet();
        sheet.set_name("客户")?;
        sheet.write_row(0, 0, TITLES)?;
        let changed: Vec<u32> = (0..changes).map(|change| changed_row(change, self.rows)).collect();
        for number in 0..self.rows {
            let row = number + 1;
            let [id, company, contact, latin, phone, mail, stage, note] = texts(number);
            for (column, text) in [(0, id), (1, company), (2, contact), (3, latin), (4, phone), (5, mail), (6, stage)] {
                sheet.write_string(row, column, text)?;
            }
            sheet.write_number_with_format(row, 7, 40_000 + number % 5_000, &date)?;
            let raised = u32::from(changed.contains(&number));
            sheet.write_number(row, 8, f64::from(number % 90_000 + raised) + 0.25)?;
            sheet.write_string(row, 9, note)?;
        }
        let bytes = workbook.save_to_buffer()?;
        write(&self.workbook(), &bytes)
    }

    /// Runs `daybook sync`, and makes sure that it did what is measured.
    pub(crate) fn sync(&self, applied: u64, rows: u64) -> Result<()> {
        let output = self.run(&["--json", "sync"])?;
        Self::check(&output.stdout, applied, rows)
    }

    /// Makes sure that a report says so many cells were applied and so many rows read.
    pub(crate) fn check(report: &[u8], applied: u64, rows: u64) -> Result<()> {
        let report: serde_json::Value = serde_json::from_slice(report).context("the report is no JSON")?;
        ensure!(report["applied"] == applied && report["rows"] == rows, "it did something else: {report}");
        Ok(())
    }

    fn run(&self, arguments: &[&str]) -> Result<Output> {
        let output = self.command(arguments).output()?;
        ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(output)
    }

    #[expect(clippy::disallowed_methods, reason = "the benchmark starts the program as a person does")]
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(DAYBOOK);
        command.args(arguments).current_dir(&self.folder);
        command
    }
}

/// The row whose amount the change with this number raises; no row twice.
fn changed_row(change: u32, rows: u32) -> u32 {
    change.wrapping_mul(7_919).wrapping_add(4_711) % rows
}

/// The texts of a row: id, company, contact, contact in Latin letters, phone, mail, stage, note.
fn texts(number: u32) -> [String; 8] {
    let of = |words: &'static [&'static str], step: u32| words[(number / step) as usize % words.len()];
    let (place, trade) = (of(&PLACES, 1), of(&TRADES, 8));
    let (first, last) = (of(&FIRST, 3), of(&LAST, 30));
    [
        format!("C-{:06}", number + 1),
        format!("{place}{}{trade}有限公司", of(&GIVEN, 7).repeat(1 + number as usize % 2)),
        format!("{}{}", of(&SURNAMES, 5), of(&GIVEN, 11)),
        format!("{first} {last}"),
        format!("13{}{:08}", number % 10, number.wrapping_mul(31_337) % 100_000_000),
        format!("{}.{}@example.com", first.to_lowercase(), number + 1),
        of(&STAGES, 2).to_owned(),
        if number.is_multiple_of(3) { String::new() } else { format!("第 {} 次回访, call again", number % 40) },
    ]
}

#[expect(clippy::disallowed_methods, reason = "these are the benchmark's own files")]
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    Ok(fs::write(path, bytes)?)
}
