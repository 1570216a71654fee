//! What a rule is: a type that is made for each batch, and does one job or several.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::{Changes, Context, Dispute, Failure, Issues, Labels, Mail, Manifest, Readings, Row, Schema, Verdict};

/// A rule: what every plugin is, whatever its jobs.
///
/// It is made anew for each batch of rows, and nothing is remembered from one batch to the next: what it has is looked
/// up once in `new`, and then asked of each row.
pub trait Plugin: Sized {
    /// What stands in `settings` of the plugin in `daybook.toml`. [`NoSettings`] if there is nothing to set. A field of type
    /// `Option` may be absent; `#[serde(deny_unknown_fields)]` tells IT of a misspelt one.
    type Settings: DeserializeOwned;

    /// What it says of itself.
    const MANIFEST: Manifest;

    /// Makes the rule for a batch: finds its columns.
    ///
    /// # Errors
    ///
    /// Why it can't be made, for IT. [`Schema::column`] gives such errors.
    fn new(settings: Self::Settings, schema: Schema<'_>, context: Context) -> Result<Self, Failure>;

    /// Checks what the settings' types can't say, like a limit that has to be above another. It is asked when Daybook loads the
    /// plugin, before there are rows.
    ///
    /// # Errors
    ///
    /// What is wrong, for IT: it is shown beside the plugin's section in `daybook.toml`.
    fn check(settings: &Self::Settings) -> Result<(), String> {
        let _: &Self::Settings = settings;
        Ok(())
    }
}

/// Says what is wrong with rows.
pub trait Validator: Plugin {
    /// Tells what is wrong with a row. A row of which nothing is told is right.
    fn validate(&self, row: Row<'_>, issues: &mut Issues);
}

/// Brings cells into one form before anything else looks at them.
pub trait Normaliser: Plugin {
    /// Tells which cells of a row should be different.
    fn normalise(&self, row: Row<'_>, changes: &mut Changes<'_>);
}

/// Says to which class rows belong.
pub trait Classifier: Plugin {
    /// Tells to which classes a row belongs. A row of which nothing is told keeps what it has.
    fn classify(&self, row: Row<'_>, labels: &mut Labels);
}

/// Decides conflicts: the rule of a field with `conflict = "plugin:NAME"`.
pub trait Merger: Plugin {
    /// Says what becomes of a cell that two people changed differently.
    fn resolve(&self, dispute: Dispute<'_>) -> Verdict;
}

/// Reads rows out of mails.
pub trait MailReader: Plugin {
    /// Tells the rows that a mail speaks of.
    ///
    /// # Errors
    ///
    /// Why it can't be read.
    fn read(&self, mail: Mail<'_>, readings: &mut Readings) -> Result<(), Failure>;
}

/// The settings of a rule that has none.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoSettings {}
