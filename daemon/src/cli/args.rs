//! The command line as it is typed. What it means is in the commands' own files.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Merges shared workbooks into one encrypted ledger of customer records, and gives every department its workbook back.
#[derive(Debug, Parser)]
#[command(name = "daybook", version, propagate_version = true)]
pub(super) struct Arguments {
    /// The configuration [default: ./daybook.toml, else /etc/daybook/daybook.toml]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print JSON: one object, or one a line for lists
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a small bilingual office in a folder, run it through a day and tell what happened
    Demo(DemoArguments),
    /// Write `daybook.toml` and `keys/daybook.key`; never overwrites
    Init {
        /// Where [default: here]
        directory: Option<PathBuf>,
    },
    /// Validate the configuration, open every source, show headers and mapping; changes nothing
    Check,
    /// One pass over all sources, publishing and sending included
    Sync {
        /// Say what would change, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// The daemon: watch, merge, publish, send until it is told to stop
    Run,
    /// Sources, queues, last errors, versions
    Status,
    /// Look at records and change them
    #[command(subcommand)]
    Record(RecordCommand),
    /// The steward's queue
    #[command(subcommand)]
    Review(ReviewCommand),
    /// Arrivals, what they changed, and how to undo it
    #[command(subcommand)]
    Change(ChangeCommand),
    /// People's own workbooks as they were before Daybook wrote into them
    #[command(subcommand)]
    Workbook(WorkbookCommand),
    /// Mails that wait to be sent
    #[command(subcommand)]
    Outbox(OutboxCommand),
    /// Mails that were refused or put aside
    #[command(subcommand)]
    Refused(RefusedCommand),
    /// The store itself
    #[command(subcommand)]
    Store(StoreCommand),
    /// The office's own rules: make, look at, test, try and install them
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// Not supported yet
    #[command(external_subcommand)]
    Other(Vec<String>),
    /// Read one workbook on behalf of the daemon, within limits
    #[command(hide = true)]
    ReadSheet,
    /// Patch one workbook on behalf of the daemon, within limits
    #[command(hide = true)]
    PatchSheet,
    /// Compile one plugin on behalf of the daemon, within limits
    #[command(hide = true)]
    CompilePlugin {
        /// Make code that counts fuel
        #[arg(long)]
        fuel: bool,
    },
}

/// Commands of the contract that this version does not have.
pub(super) const NOT_YET: &[&str] = &["access", "audit", "backup", "key", "schema"];

/// `daybook demo`
#[derive(Debug, Args)]
pub(super) struct DemoArguments {
    /// Where to make the office; it must not exist or be empty [default: a temporary folder]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Stop after the scripted day
    #[arg(long)]
    pub exit: bool,
}

/// Which record, and as whom.
#[derive(Debug, Args)]
pub(super) struct RecordKey {
    /// The table [default: the only one]
    #[arg(long, value_name = "TABLE")]
    pub table: Option<String>,
    /// The primary key; the parts of a composite key are separated by commas
    #[arg(long, value_name = "KEY")]
    pub key: String,
}

/// In whose name and at which time.
#[derive(Debug, Args)]
pub(super) struct Reader {
    /// Show only what this person may see: an e-mail, or `role:NAME@DEPARTMENT`
    #[arg(long = "as", value_name = "PERSON")]
    pub person: Option<String>,
    /// Show what was known at this time: `2026-03-01`, or RFC 3339
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
}

/// `daybook record …`
#[derive(Debug, Subcommand)]
pub(super) enum RecordCommand {
    /// Every record that may be seen
    List {
        /// The table [default: the only one]
        #[arg(long, value_name = "TABLE")]
        table: Option<String>,
        /// As whom, and when
        #[command(flatten)]
        reader: Reader,
        /// Archived records too
        #[arg(long)]
        archived: bool,
    },
    /// One record
    Show {
        /// Which
        #[command(flatten)]
        key: RecordKey,
        /// As whom, and when
        #[command(flatten)]
        reader: Reader,
    },
    /// Every change of one record: who, where, when, by which rule
    History {
        /// Which
        #[command(flatten)]
        key: RecordKey,
        /// As whom, and when
        #[command(flatten)]
        reader: Reader,
    },
    /// Records in which a value that may be seen contains a text
    Search {
        /// What to look for
        text: String,
        /// The table [default: all]
        #[arg(long, value_name = "TABLE")]
        table: Option<String>,
        /// As whom, and when
        #[command(flatten)]
        reader: Reader,
    },
    /// Change fields of a record, or add it
    Set {
        /// Which
        #[command(flatten)]
        key: RecordKey,
        /// `FIELD=VALUE`; an empty value clears the field
        #[arg(required = true, value_name = "FIELD=VALUE")]
        values: Vec<String>,
        /// In whose name [default: the steward's]
        #[arg(long = "as", value_name = "PERSON")]
        person: Option<String>,
        /// Say what would change, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Not supported yet
    #[command(external_subcommand)]
    Other(Vec<String>),
}

/// `daybook review …`
#[derive(Debug, Subcommand)]
pub(super) enum ReviewCommand {
    /// What waits for a decision
    List {
        /// Show only what this person may see: an e-mail, or `role:NAME@DEPARTMENT`
        #[arg(long = "as", value_name = "PERSON")]
        person: Option<String>,
        /// Decided ones too
        #[arg(long)]
        all: bool,
    },
    /// One question with base, stored and incoming
    Show {
        /// Its id, or the beginning of it
        id: String,
        /// Show only what this person may see: an e-mail, or `role:NAME@DEPARTMENT`
        #[arg(long = "as", value_name = "PERSON")]
        person: Option<String>,
    },
    /// Decide one question
    Decide {
        /// Its id, or the beginning of it
        id: String,
        /// How
        choice: Choice,
        /// The text, for `value`
        value: Option<String>,
        /// In whose name [default: the steward's]
        #[arg(long = "as", value_name = "PERSON")]
        person: Option<String>,
    },
}

/// How a question is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Choice {
    /// What arrived
    Incoming,
    /// What is stored
    Stored,
    /// What both started from
    Base,
    /// Post the held arrival, archive the missing row
    Accept,
    /// Do not post the held arrival, keep the missing row
    Reject,
    /// Another value: `value TEXT`
    Value,
}

/// `daybook change …`
#[derive(Debug, Subcommand)]
pub(super) enum ChangeCommand {
    /// The newest arrivals
    List {
        /// How many
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// Only this source
        #[arg(long)]
        source: Option<String>,
    },
    /// One arrival and what it changed
    Show {
        /// Its id, or the beginning of it
        id: String,
        /// Show only what this person may see: an e-mail, or `role:NAME@DEPARTMENT`
        #[arg(long = "as", value_name = "PERSON")]
        person: Option<String>,
    },
    /// Post the opposite of an arrival as a new arrival
    Revert {
        /// Its id, or the beginning of it
        id: String,
        /// In whose name [default: the steward's]
        #[arg(long = "as", value_name = "PERSON")]
        person: Option<String>,
        /// Say what would change, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
}

/// `daybook workbook …`
#[derive(Debug, Subcommand)]
pub(super) enum WorkbookCommand {
    /// The earlier versions that are kept, newest first
    Versions {
        /// Only of this workbook; `NAME:FILE` for one of a pattern's files [default: all]
        name: Option<String>,
    },
    /// Write an earlier version to a new file
    Restore {
        /// The workbook; `NAME:FILE` for one of a pattern's files
        name: String,
        /// The newest version of this time or before: `2026-03-01`, or RFC 3339
        #[arg(long, value_name = "TIME")]
        at: String,
        /// The file to write; it must not be there
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
}

/// `daybook outbox …`
#[derive(Debug, Subcommand)]
pub(super) enum OutboxCommand {
    /// Those that wait, oldest first, with what went wrong
    List,
    /// Try one again, also one that was parked
    Retry {
        /// Its id, or the beginning of it
        id: String,
    },
}

/// `daybook refused …`
#[derive(Debug, Subcommand)]
pub(super) enum RefusedCommand {
    /// All that are kept in mind, oldest first: why, and what each says of itself
    List,
    /// Write one that was put aside to a new file, as it came
    Save {
        /// Its id, or the beginning of it
        id: String,
        /// The file to write; it must not be there
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Take one off the list
    Forget {
        /// Its id, or the beginning of it
        id: String,
    },
}

/// `daybook store …`
#[derive(Debug, Subcommand)]
pub(super) enum StoreCommand {
    /// Replay the journal into a new ledger
    Rebuild,
    /// Replay the journal and compare it with the ledger
    Check,
}

/// `daybook plugin …`
#[derive(Debug, Subcommand)]
pub(super) enum PluginCommand {
    /// The plugins of the configuration, with version, hash and what they do
    List,
    /// Make a folder with a plugin to start from: its rules, fixtures, and how to build it
    New {
        /// Its name: lower case with hyphens, like `tax-number`
        name: String,
        /// The language that it is written in
        #[arg(long, default_value = "rust")]
        lang: Lang,
        /// Where to make the folder [default: here]
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
        /// For Rust: the folder `plugin-sdk` of Daybook's sources [default: a copy in the plugin's folder]
        #[arg(long, value_name = "DIR")]
        sdk: Option<PathBuf>,
    },
    /// Make a plugin of the module that `cargo build --target wasm32-unknown-unknown` gives
    Pack {
        /// The module
        module: PathBuf,
        /// The plugin's file to write [default: beside the module, named `….plugin.wasm`]
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// Say what a plugin's file is: version, jobs, imports, columns, hash, size
    Inspect {
        /// The plugin's file
        file: PathBuf,
        #[command(flatten)]
        limits: Limits,
    },
    /// Run a plugin's fixtures through its real component, with a figure of its work for each row
    Test {
        /// The plugin's file
        file: PathBuf,
        /// Its fixtures: a file or a folder of them [default: the folder `fixtures` beside it]
        #[arg(long, value_name = "PATH")]
        fixtures: Option<PathBuf>,
        #[command(flatten)]
        limits: Limits,
    },
    /// Say what a plugin would change in what is stored today, and what it finds wrong; nothing is posted
    Try {
        /// Its name in the configuration
        name: String,
        /// It never posts anything, with or without this
        #[arg(long)]
        dry_run: bool,
        /// How many of the changes and issues are shown
        #[arg(long, default_value_t = 20, value_name = "COUNT")]
        sample: usize,
    },
    /// Copy a plugin's file beside the configuration and add a section for it, pinned to its hash
    Install {
        /// The plugin's file
        file: PathBuf,
        /// Its name in the configuration [default: the plugin's own]
        #[arg(long)]
        name: Option<String>,
        /// The table whose rows it is given [default: the only one]
        #[arg(long)]
        table: Option<String>,
        /// The fields that it sees, separated by commas
        #[arg(long, value_name = "FIELDS", value_delimiter = ',', required_unless_present = "replace")]
        reads: Vec<String>,
        /// The fields that it may set, separated by commas
        #[arg(long, value_name = "FIELDS", value_delimiter = ',')]
        writes: Vec<String>,
        /// Its settings, as TOML: `field = "tax_id"`
        #[arg(long, value_name = "TOML")]
        settings: Option<String>,
        /// Write it into the configuration as not in use yet, so that `plugin try` comes first
        #[arg(long)]
        disabled: bool,
        #[command(flatten)]
        limits: Limits,
        /// Take the file as a newer version of the installed plugin of this name, and pin it; all else of its section stays
        #[arg(long, conflicts_with_all = ["table", "reads", "writes", "settings", "disabled", "memory_bytes_max", "time_ms_max"])]
        replace: bool,
    },
    /// Pin a plugin to its file as it is now: another file is refused from then on
    Pin {
        /// Its name in the configuration
        name: String,
    },
    /// Run a plugin from the next start on
    Enable {
        /// Its name in the configuration
        name: String,
    },
    /// Run a plugin no longer, from the next start on
    Disable {
        /// Its name in the configuration
        name: String,
    },
}

/// What a plugin may use.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub(crate) struct Limits {
    /// The memory that it may have, as `memory_bytes_max` in the configuration [default: 67108864]
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(i64).range(65_536..=4_294_967_296))]
    pub(crate) memory_bytes_max: Option<i64>,
    /// The time that it may take for a batch, as `time_ms_max` in the configuration [default: 1000]
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(i64).range(1..=60_000))]
    pub(crate) time_ms_max: Option<i64>,
}

/// The language of a new plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Lang {
    /// Rust, with the SDK
    Rust,
    /// JavaScript
    Js,
}
