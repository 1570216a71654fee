//! The plugin host: runs the office's own rules, which IT writes as Wasm components, within limits.
//!
//! In come rows as the stages know them and what the office allows a plugin ([`PluginSetup`]); out go what the plugin said of them, checked,
//! and the rows for which it had no answer. A plugin sees nothing but the cells that it is allowed to see, and nothing that it
//! says is believed before it has been checked against what it may say. No plugin is handed a file, a clock, a
//! network or chance.

mod host;

mod asking;
mod fit;

mod slot;

mod batch;
mod breaker;

mod gate;

mod inspect;
mod loaded;

mod cache;
pub mod compile;

mod guest;

mod fault;
pub mod limits;
mod wire;
mod words;

pub use self::fit::{COLUMNS, IDLE, JOBS};
pub use self::gate::ReadValue;
pub use self::host::{
    FAILED, Host, HostParts, Inspection, Measured, NO_ENGINE, PluginState, STOPPED, Status, forbids_start,
};
pub use self::inspect::{IMPORT, NOT_A_COMPONENT, NOT_COMPILED, NOT_READABLE, PIN, Surface, TOO_LARGE, VERSION};
pub use self::loaded::{MANIFEST, Manifest, SETTINGS};
pub use self::slot::{OTHER, RESTART, other};

use crate::model::plugin::{
    Dispute, Issue, PluginChange, PluginJob, PluginMail, PluginName, PluginReading, PluginRow, PluginSetup,
    PluginVersion, Resolution,
};
use crate::model::{Problem, Table};

/// What is asked of a plugin.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The plugin.
    pub setup: &'a PluginSetup,
    /// The table of the rows.
    pub table: &'a Table,
    /// The rows: as many as there are. They go to the plugin in batches.
    pub rows: &'a [PluginRow],
    /// What it may know of the world.
    pub context: &'a Context,
}

/// What a plugin may know of the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// Today in the office's time zone, like `2026-03-01`.
    pub as_of: String,
    /// The office's language: `zh-CN` or `en`.
    pub locale: String,
    /// Nothing will be stored.
    pub read_only: bool,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered<T> {
    /// Which plugin answered; `None` if none could be loaded.
    pub version: Option<PluginVersion>,
    /// What it said, in the order of the rows.
    pub answers: Vec<T>,
    /// The rows for which it had no answer, with the reason.
    pub failed: Vec<FailedRow>,
    /// What IT or the steward should know.
    pub problems: Vec<Problem>,
}

/// A row for which a plugin had no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedRow {
    /// The position of the row in the request.
    pub row: usize,
    /// Why, for the steward: one sentence.
    pub why: String,
}

/// Runs plugins.
pub trait Plugins: Send {
    /// Makes sure that they may be asked; the problem is one with which Daybook must not start.
    fn start(&mut self) -> Result<(), Problem> {
        Ok(())
    }

    /// Looks between arrivals whether plugins have been replaced; tells what is wrong with them and was not told yet.
    fn refresh(&mut self) -> Vec<Problem> {
        Vec::new()
    }

    /// Those that have been replaced since this was last asked, or have rested: what they had no answer for may be put to them again.
    fn renewed(&mut self) -> Vec<PluginName> {
        Vec::new()
    }

    /// How they are, in the order of the configuration.
    fn status(&mut self) -> Vec<Status> {
        Vec::new()
    }

    /// The jobs of a plugin, by its name in the configuration; empty if it isn't loaded.
    fn jobs(&mut self, name: &PluginName) -> Vec<PluginJob>;

    /// Which cells should be different. Never two changes of one cell.
    fn normalise(&mut self, request: &Request<'_>) -> Answered<PluginChange>;

    /// What is wrong with the rows.
    fn validate(&mut self, request: &Request<'_>) -> Answered<Issue>;

    /// Which class the rows belong to, as changes of the first field that the plugin may set.
    fn classify(&mut self, request: &Request<'_>) -> Answered<PluginChange>;

    /// What becomes of disputed cells. At most one resolution for each; a dispute of a failed row has none.
    fn resolve(&mut self, request: &Request<'_>, disputes: &[Dispute]) -> Answered<Resolution>;

    /// What a mail says that Daybook itself did not understand. The request has one empty row, which stands for the mail.
    fn read_mail(&mut self, request: &Request<'_>, mail: &PluginMail) -> Answered<PluginReading>;
}

/// Plugins that can't be run at all: no row gets an answer, so that none passes unchecked.
#[derive(Clone, Debug)]
pub struct Unavailable {
    /// Why, for the steward: one sentence.
    pub why: String,
}

impl Unavailable {
    fn nothing<T>(&self, request: &Request<'_>) -> Answered<T> {
        let failed = (0..request.rows.len()).map(|row| FailedRow { row, why: self.why.clone() });
        Answered { version: None, answers: Vec::new(), failed: failed.collect(), problems: Vec::new() }
    }
}

impl Plugins for Unavailable {
    fn jobs(&mut self, _name: &PluginName) -> Vec<PluginJob> {
        Vec::new()
    }

    fn normalise(&mut self, request: &Request<'_>) -> Answered<PluginChange> {
        self.nothing(request)
    }

    fn validate(&mut self, request: &Request<'_>) -> Answered<Issue> {
        self.nothing(request)
    }

    fn classify(&mut self, request: &Request<'_>) -> Answered<PluginChange> {
        self.nothing(request)
    }

    fn resolve(&mut self, request: &Request<'_>, _disputes: &[Dispute]) -> Answered<Resolution> {
        self.nothing(request)
    }

    fn read_mail(&mut self, request: &Request<'_>, _mail: &PluginMail) -> Answered<PluginReading> {
        self.nothing(request)
    }
}

/// An office without plugins.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPlugins;

impl NoPlugins {
    fn nothing<T>() -> Answered<T> {
        Answered { version: None, answers: Vec::new(), failed: Vec::new(), problems: Vec::new() }
    }
}

impl Plugins for NoPlugins {
    fn jobs(&mut self, _name: &PluginName) -> Vec<PluginJob> {
        Vec::new()
    }

    fn normalise(&mut self, _request: &Request<'_>) -> Answered<PluginChange> {
        Self::nothing()
    }

    fn validate(&mut self, _request: &Request<'_>) -> Answered<Issue> {
        Self::nothing()
    }

    fn classify(&mut self, _request: &Request<'_>) -> Answered<PluginChange> {
        Self::nothing()
    }

    fn resolve(&mut self, _request: &Request<'_>, _disputes: &[Dispute]) -> Answered<Resolution> {
        Self::nothing()
    }

    fn read_mail(&mut self, _request: &Request<'_>, _mail: &PluginMail) -> Answered<PluginReading> {
        Self::nothing()
    }
}
