//! A rule that is run over fixtures.

use super::batch::Batch;
use super::check::{Outcome, SaidChange, SaidIssue};
use super::fixture::{ExpectedVerdict, Fixture, FixtureReading};
use crate::bindings::base::daybook::plugin::types;
use crate::bindings::mail::exports::daybook::plugin::mail;
use crate::bindings::merge::exports::daybook::plugin::merge;
use crate::{Classifier, Failure, MailReader, Merger, Normaliser, Plugin, Validator, glue};

type Rows<T> = fn(&types::Schema, &types::Context, &[types::Row]) -> Result<Vec<T>, Failure>;
type Resolve =
    fn(&types::Schema, &types::Context, &[types::Row], &[merge::Dispute]) -> Result<Vec<merge::Resolution>, Failure>;
type Parse = fn(&types::Schema, &types::Context, &mail::Message) -> Result<Vec<mail::Reading>, Failure>;

/// A rule with the jobs that it is to do: `Rule::<R>::new().validate()`.
#[derive(Debug)]
pub struct Rule<P> {
    check_settings: fn(&str) -> Result<(), String>,
    normalise: Option<Rows<types::Change>>,
    validate: Option<Rows<types::Issue>>,
    classify: Option<Rows<types::Label>>,
    resolve: Option<Resolve>,
    parse: Option<Parse>,
    of: std::marker::PhantomData<P>,
}

impl<P: Plugin> Default for Rule<P> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: Plugin> Rule<P> {
    /// A rule without a job yet.
    pub fn new() -> Self {
        Self {
            check_settings: glue::check_settings::<P>,
            normalise: None,
            validate: None,
            classify: None,
            resolve: None,
            parse: None,
            of: std::marker::PhantomData,
        }
    }

    /// It normalises.
    #[must_use]
    pub fn normalise(self) -> Self
    where
        P: Normaliser,
    {
        Self { normalise: Some(glue::normalise::<P>), ..self }
    }

    /// It validates.
    #[must_use]
    pub fn validate(self) -> Self
    where
        P: Validator,
    {
        Self { validate: Some(glue::validate::<P>), ..self }
    }

    /// It classifies.
    #[must_use]
    pub fn classify(self) -> Self
    where
        P: Classifier,
    {
        Self { classify: Some(glue::classify::<P>), ..self }
    }

    /// It decides conflicts.
    #[must_use]
    pub fn merge(self) -> Self
    where
        P: Merger,
    {
        Self { resolve: Some(glue::resolve::<P>), ..self }
    }

    /// It reads mails.
    #[must_use]
    pub fn mail(self) -> Self
    where
        P: MailReader,
    {
        Self { parse: Some(glue::parse::<P>), ..self }
    }
}

impl Fixture {
    /// Runs a rule over the fixture, job by job, all of them over the rows as they stand there.
    pub fn run<P>(&self, rule: &Rule<P>) -> Outcome {
        let mut outcome = Outcome::new(self);
        if let Err(failure) = self.answers(rule, &mut outcome) {
            let (kind, text) = match failure {
                Failure::BadSettings(text) => ("bad-settings", text),
                Failure::BadInput(text) => ("bad-input", text),
                Failure::Unsupported(text) => ("unsupported", text),
                Failure::Internal(text) => ("internal", text),
            };
            outcome.failure = Some((kind.to_owned(), text));
        }
        outcome
    }

    fn answers<P>(&self, rule: &Rule<P>, outcome: &mut Outcome) -> Result<(), Failure> {
        let batch = Batch::of(self);
        let Batch { schema, context, rows, disputes, message } = &batch;
        (rule.check_settings)(&context.settings_json).map_err(Failure::BadSettings)?;
        let name =
            |at: u32| self.columns.get(at as usize).map_or_else(|| format!("column {at}"), |own| own.name.clone());
        for change in rule.normalise.map_or_else(|| Ok(Vec::new()), |normalise| normalise(schema, context, rows))? {
            let said = SaidChange { column: name(change.column), value: change.value, reason: change.reason };
            outcome.rows[change.row as usize].changes.push(said);
        }
        for issue in rule.validate.map_or_else(|| Ok(Vec::new()), |validate| validate(schema, context, rows))? {
            let severity = match issue.severity {
                types::Severity::Info => "info",
                types::Severity::Warning => "warning",
                types::Severity::Error => "error",
            };
            let said = SaidIssue {
                column: issue.column.map(name),
                severity: severity.to_owned(),
                code: issue.code,
                message: issue.message,
            };
            outcome.rows[issue.row as usize].issues.push(said);
        }
        let labels = rule.classify.map_or_else(|| Ok(Vec::new()), |classify| classify(schema, context, rows))?;
        for (at, row) in (0..).zip(&mut outcome.rows) {
            let own = labels.iter().filter(|label| label.row == at);
            // Of equally certain ones the first.
            let best = own.reduce(|best, label| if label.confidence > best.confidence { label } else { best });
            row.label = best.map(|label| label.name.clone());
        }
        if let Some(resolve) = rule.resolve {
            for resolution in resolve(schema, context, rows, disputes)? {
                let verdict = match resolution.verdict {
                    merge::Verdict::Stored => (ExpectedVerdict::Stored, None),
                    merge::Verdict::Incoming => (ExpectedVerdict::Incoming, None),
                    merge::Verdict::Value(value) => (ExpectedVerdict::Value, Some(value.unwrap_or_default())),
                    merge::Verdict::Ask => (ExpectedVerdict::Ask, None),
                };
                outcome.resolutions[resolution.dispute as usize] = Some((verdict.0, verdict.1, resolution.reason));
            }
        }
        if let (Some(parse), Some(message)) = (rule.parse, message) {
            let text = |cell: Option<String>| cell.unwrap_or_default();
            let reading = |reading: mail::Reading| FixtureReading {
                cells: reading.cells.into_iter().map(text).collect(),
                line: reading.line,
            };
            outcome.readings = parse(schema, context, message)?.into_iter().map(reading).collect();
        }
        Ok(())
    }
}
