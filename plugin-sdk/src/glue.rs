//! From the contract's records to rules and back: what an export does, and what a native test does.

use crate::bindings::base::daybook::plugin::types;
use crate::bindings::base::exports::daybook::plugin::meta;
use crate::bindings::mail::exports::daybook::plugin::mail as mail_wire;
use crate::bindings::merge::exports::daybook::plugin::merge as merge_wire;
use crate::{
    Changes, Classifier, Context, Dispute, Failure, Issues, Labels, Mail, MailReader, Merger, Normaliser, Plugin,
    Readings, Row, Schema, Validator,
};

pub use self::meta::Job;

/// A plugin's description.
pub fn describe<P: Plugin>(jobs: &[Job]) -> meta::Manifest {
    let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let manifest = P::MANIFEST;
    meta::Manifest {
        id: manifest.id.to_owned(),
        version: manifest.version.to_owned(),
        summary: manifest.summary.to_owned(),
        jobs: jobs.to_vec(),
        reads: own(manifest.reads),
        writes: own(manifest.writes),
        settings_schema: manifest.settings_schema.to_owned(),
    }
}

/// Checks a plugin's settings.
///
/// # Errors
///
/// What is wrong with them.
pub fn check_settings<P: Plugin>(json: &str) -> Result<(), String> {
    P::check(&settings::<P>(json)?)
}

fn settings<P: Plugin>(json: &str) -> Result<P::Settings, String> {
    serde_json::from_str(json).map_err(|error| {
        // The settings were written as TOML: a place in the JSON means nothing to IT.
        let text = error.to_string();
        text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what).to_owned()
    })
}

fn start<P: Plugin>(schema: &types::Schema, context: &types::Context) -> Result<P, Failure> {
    let settings = settings::<P>(&context.settings_json).map_err(Failure::BadSettings)?;
    P::new(settings, Schema::new(schema), Context::new(context)?)
}

/// The rows with their positions.
fn placed(rows: &[types::Row]) -> impl Iterator<Item = Row<'_>> {
    (0..).zip(rows).map(|(position, row)| Row::new(position, row))
}

/// Does the job `validate`.
///
/// # Errors
///
/// Why the rule could not be made.
pub fn validate<P: Validator>(
    schema: &types::Schema,
    context: &types::Context,
    rows: &[types::Row],
) -> Result<Vec<types::Issue>, Failure> {
    let rule: P = start(schema, context)?;
    let mut issues = Issues::default();
    for row in placed(rows) {
        issues.row = row.position();
        rule.validate(row, &mut issues);
    }
    Ok(issues.told)
}

/// Does the job `normalise`.
///
/// # Errors
///
/// Why the rule could not be made.
pub fn normalise<P: Normaliser>(
    schema: &types::Schema,
    context: &types::Context,
    rows: &[types::Row],
) -> Result<Vec<types::Change>, Failure> {
    let rule: P = start(schema, context)?;
    let mut told = Vec::new();
    for row in placed(rows) {
        let mut changes = Changes { row, told };
        rule.normalise(row, &mut changes);
        told = changes.told;
    }
    Ok(told)
}

/// Does the job `classify`.
///
/// # Errors
///
/// Why the rule could not be made.
pub fn classify<P: Classifier>(
    schema: &types::Schema,
    context: &types::Context,
    rows: &[types::Row],
) -> Result<Vec<types::Label>, Failure> {
    let rule: P = start(schema, context)?;
    let mut labels = Labels::default();
    for row in placed(rows) {
        labels.row = row.position();
        rule.classify(row, &mut labels);
    }
    Ok(labels.told)
}

/// Does the job `merge`.
///
/// # Errors
///
/// Why the rule could not be made; or a dispute names a row that isn't there.
pub fn resolve<P: Merger>(
    schema: &types::Schema,
    context: &types::Context,
    rows: &[types::Row],
    disputes: &[merge_wire::Dispute],
) -> Result<Vec<merge_wire::Resolution>, Failure> {
    let rule: P = start(schema, context)?;
    let resolve = |(at, dispute): (u32, &merge_wire::Dispute)| {
        let row = rows.get(dispute.row as usize);
        let row =
            row.ok_or_else(|| Failure::BadInput(format!("dispute {at} names row {}, which isn't there", dispute.row)))?;
        let verdict = rule.resolve(Dispute::new(dispute, Row::new(dispute.row, row)));
        Ok(merge_wire::Resolution { dispute: at, verdict: verdict.verdict, reason: verdict.reason })
    };
    (0..).zip(disputes).map(resolve).collect()
}

/// Does the job `mail`.
///
/// # Errors
///
/// Why the rule could not be made, or the mail not be read.
pub fn parse<P: MailReader>(
    schema: &types::Schema,
    context: &types::Context,
    message: &mail_wire::Message,
) -> Result<Vec<mail_wire::Reading>, Failure> {
    let rule: P = start(schema, context)?;
    let mut readings = Readings { columns: schema.columns.len(), told: Vec::new() };
    rule.read(Mail(message), &mut readings)?;
    Ok(readings.told)
}
