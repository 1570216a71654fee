//! What this plugin is for, in one sentence. The rule below is there to be replaced: it wants texts of a field to have a length.
//!
//! Settings: `field`, the field that is looked at; `at_least`, how many letters it has to have, 2 if it isn't given.

use daybook_plugin_sdk::prelude::*;
use serde::Deserialize;

/// What the office may write into `settings` in its `daybook.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    field: String,
    #[serde(default = "two")]
    at_least: usize,
}

fn two() -> usize {
    2
}

/// The rule, made anew for each batch of rows.
#[derive(Debug)]
pub struct Rule {
    column: Column,
    at_least: usize,
    context: Context,
}

impl Plugin for Rule {
    type Settings = Settings;
    const MANIFEST: Manifest = manifest!().settings_schema(
        r#"{"type":"object","required":["field"],"properties":{"field":{"type":"string"},"at_least":{"type":"integer","default":2}}}"#,
    );

    fn new(settings: Settings, schema: Schema<'_>, context: Context) -> Result<Self, Failure> {
        // Fails with a message to IT if the office does not list the field in `reads`.
        let column = schema.column_of(&settings.field, Kind::Text)?;
        Ok(Self { column, at_least: settings.at_least, context })
    }
}

impl Validator for Rule {
    fn validate(&self, row: Row<'_>, issues: &mut Issues) {
        // An empty cell is not this rule's business: the office says `required = true` of a field that must be filled.
        let Some(text) = row.cell(self.column).text() else { return };
        if text.chars().count() < self.at_least {
            // `error` holds the row until somebody has answered; `warning` takes it and tells. Say what to do, and don't repeat the cell.
            let words = self.context.say("内容太短，请填写完整。", "This is too short. Write it out.");
            issues.error(self.column, "too-short", words);
        }
    }
}

daybook_plugin_sdk::validator!(Rule);

#[cfg(test)]
mod tests {
    use super::Rule;

    // Runs each file in `fixtures/` over the rule; `daybook plugin test` runs them through the built plugin.
    daybook_plugin_sdk::fixtures!(Rule: validate);
}
