//! The office of the demo: its folder, its configuration, its key and the workbooks that its people keep.
//!
//! In comes an empty folder; out goes an office in which the daemon could start. Nothing that is there is overwritten.

use std::path::{Path, PathBuf};

use compact_str::CompactString;
use encoding_rs::GB18030;

use super::super::Failure;
use super::super::init::write_key;
use super::super::open::{Make, load_config, open_with};
use super::super::plugins::{hex, sha256};
use super::book::column;
use super::customers::{self, Customer};
use super::mail::{MAILDIR, RECEIPTS};
use crate::codec::xlsx::write::{self, CellOut, Content, Refusal, Script, SheetOut};
use crate::error::Words;
use crate::io::replace;
use crate::model::Table;
use crate::pipeline::Pipeline;
use crate::text::Texts;

const CONFIG: &str = include_str!("office.toml");
/// The part of the configuration that names the plugin.
const PLUGIN_CONFIG: &str = include_str!("plugin.toml");
/// The columns of the sales workbook.
const SALES_FIELDS: [&str; 10] =
    ["customer_id", "name", "tax_id", "address", "phone", "email", "stage", "next_visit", "owner", "note"];
/// The name of the sheet that sales keep.
const SALES_SHEET: &str = "客户";

/// Where everything is.
pub(super) struct Office {
    pub(super) directory: PathBuf,
    pub(super) config: PathBuf,
    /// The workbook that sales keep.
    pub(super) sales: PathBuf,
    /// What the old program writes.
    pub(super) bookkeeping: PathBuf,
    /// Finance's view; its edits come back.
    pub(super) finance: PathBuf,
    /// Management's view, for reading.
    pub(super) management: PathBuf,
    /// The office's own rule; it is there if it could be built.
    pub(super) plugin: PathBuf,
}

impl Office {
    /// Chooses the folder: the named one, which must be empty, or a fresh one.
    pub(super) fn choose(named: Option<&Path>, texts: &Texts) -> Result<Self, Failure> {
        let directory = match named {
            Some(path) => {
                let path = std::path::absolute(path)?;
                let is_used = path.is_file() || path.read_dir().is_ok_and(|mut entries| entries.next().is_some());
                if is_used {
                    let what = texts.format("demo-folder-used", &[("folder", path.display().to_string().into())]);
                    return Err(Failure::Usage(Words::new(what, texts.get("demo-folder-used-hint"))));
                }
                std::fs::create_dir_all(&path)?;
                path
            }
            None => tempfile::Builder::new().prefix("daybook-demo-").tempdir()?.keep(),
        };
        let directory = directory.canonicalize()?;
        let share = directory.join("share");
        Ok(Self {
            config: directory.join("daybook.toml"),
            sales: share.join("sales").join("客户.xlsx"),
            bookkeeping: share.join("bookkeeping").join("export.csv"),
            finance: share.join("finance").join("customers.xlsx"),
            management: share.join("management").join("overview.xlsx"),
            plugin: directory.join("plugins").join("uscc.wasm"),
            directory,
        })
    }

    /// Makes the office, and opens it.
    pub(super) fn make(&self, texts: &Texts) -> Result<Pipeline, Failure> {
        for file in [&self.sales, &self.bookkeeping, &self.finance, &self.management, &self.plugin] {
            if let Some(folder) = file.parent() {
                std::fs::create_dir_all(folder)?;
            }
        }
        for folder in ["new", "cur", "tmp"] {
            std::fs::create_dir_all(self.directory.join(MAILDIR).join(folder))?;
        }
        std::fs::create_dir_all(self.directory.join(RECEIPTS))?;
        let mut settings = config(texts);
        if let Ok(component) = plugin() {
            replace::write_new(&self.plugin, component)?;
            settings.push_str(&PLUGIN_CONFIG.replace("@sha256@", &hex(&sha256(component))));
        }
        replace::write_new(&self.config, settings.as_bytes())?;
        let key = write_key(&self.directory.join("keys").join("daybook.key"))?;
        let config = load_config(Some(&self.config))?;
        let customers = customers::all();
        if let Some(table) = config.tables.first() {
            let editor = texts.get("demo-sales");
            let bytes = write::write(&sales_sheet(table, &customers, &editor))
                .map_err(|error| Failure::Failed(Words::new(error.to_string(), "")))?;
            replace::write_new(&self.sales, &bytes)?;
        }
        let export = export(&customers);
        let (bytes, _, _) = GB18030.encode(&export);
        replace::write_new(&self.bookkeeping, &bytes)?;
        open_with(config, &key, Make::Yes)
    }
}

/// The plugin's component; else why it could not be built when this program was.
pub(super) fn plugin() -> Result<&'static [u8], String> {
    example_plugins::component("uscc")
}

/// The configuration with its words put in.
fn config(texts: &Texts) -> String {
    let words = [
        ("@office@", texts.get("demo-office")),
        ("@language@", texts.language().tag().to_owned()),
        ("@sales@", texts.get("demo-sales")),
        ("@finance@", texts.get("demo-finance")),
        ("@sales_reason@", texts.get("demo-reason-sales")),
        ("@finance_reason@", texts.get("demo-reason-finance")),
        ("@bookkeeping_reason@", texts.get("demo-reason-bookkeeping")),
        ("@management_reason@", texts.get("demo-reason-management")),
    ];
    words.iter().fold(CONFIG.to_owned(), |text, (mark, word)| text.replace(mark, word))
}

/// The column in which Daybook answers, in the workbook of the sales department.
pub(super) const ANSWERS: &str = "Daybook";

/// The workbook of the sales department, with titles in Chinese.
fn sales_sheet(table: &Table, customers: &[Customer], editor: &str) -> SheetOut {
    let fields: Vec<_> = SALES_FIELDS.iter().filter_map(|name| table.field_named(name)).collect();
    let cell = |content| CellOut { content, locked: false };
    let text =
        |text: &str| cell(if text.is_empty() { Content::Blank } else { Content::Text(CompactString::from(text)) });
    let rows = customers.iter().map(|customer| {
        vec![
            text(&customer.id),
            text(&customer.name),
            text(""),
            text(&customer.address),
            text(&customer.phone),
            text(&customer.email),
            text(customer.stage),
            cell(Content::Date(customer.next_visit)),
            text(customer.owner),
            text(customer.note),
            text(""),
        ]
    });
    SheetOut {
        name: SALES_SHEET.to_owned(),
        title: SALES_SHEET.to_owned(),
        comment: String::new(),
        author: editor.to_owned(),
        script: Script::Chinese,
        properties: Vec::new(),
        columns: fields
            .iter()
            .map(|field| column(field.title(), Some(field), true))
            .chain([column(ANSWERS, None, true)])
            .collect(),
        frozen_columns: 1,
        rows: rows.collect(),
        new_rows: 0,
        refusal: Refusal::default(),
    }
}

/// What the old program exports: credit limit and days for payment of those who buy.
fn export(customers: &[Customer]) -> String {
    let mut lines = vec!["CUSTOMER ID,NAME,CREDIT LIMIT,PAYMENT DAYS".to_owned()];
    for customer in customers {
        if let Some((limit, days)) = customer.terms {
            lines.push(format!("{},{},{limit}.00,{days}", customer.id, customer.name));
        }
    }
    lines.push(String::new());
    lines.join("\r\n")
}
