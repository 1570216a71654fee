//! `daybook plugin test`: a plugin's fixtures through its real component, within the limits that an office has.
//!
//! The work that each took is told in fuel, wasmtime's count of instructions: the same on every machine and at every time, so that a rule that has become
//! dearer shows.

use std::path::{Path, PathBuf};

use daybook_plugin_sdk::testing::{
    ExpectedVerdict, Fixture, FixtureDispute, FixtureReading, Outcome as Said, SaidChange, SaidIssue, fixtures,
};
use serde_json::json;

use super::file::read;
use super::look::{failed, host, say_if_long};
use crate::cli::output::{Out, plural};
use crate::cli::{Failure, Outcome};
use crate::error::Words;
use crate::extract::parse_text;
use crate::model::plugin::{
    Dispute, OnFailure, PluginJob, PluginLimits, PluginMail, PluginName, PluginRow, PluginSetup, PluginVerdict,
    Severity,
};
use crate::model::schema::{ConflictRule, Constraints, Title};
use crate::model::{Cell, Field, FieldId, FieldType, Table, TableName, Value};
use crate::plugin::limits::PLUGIN_BYTES_MAX;
use crate::plugin::{Context, FailedRow, Host, IDLE, Plugins, Request, SETTINGS};

/// Runs the fixtures and tells of each.
pub(super) fn run(file: &Path, folder: Option<&Path>, limits: PluginLimits, out: &mut Out) -> Outcome {
    let folder: PathBuf = match folder {
        Some(folder) => folder.to_owned(),
        None => file.parent().unwrap_or(Path::new(".")).join("fixtures"),
    };
    read(file, PLUGIN_BYTES_MAX)?;
    let cases = fixtures(&folder).map_err(|error| {
        let hint = "A fixture is a TOML file; the authors' guide (plugin-sdk/README.md) describes it. `--fixtures PATH` names it or its folder.";
        Failure::Failed(Words::new(error.to_string(), hint))
    })?;
    let cache = tempfile::tempdir()?;
    let mut host = host(cache.path(), true, &[])?;
    say_if_long(file, out);
    // It is called by its own name: that is what its author knows.
    let manifest = host.inspect(file, limits).and_then(|inspected| inspected.manifest).map_err(failed)?;
    let name_of_plugin = PluginName::from(manifest.id.as_str());
    let mut wrong = 0;
    for (name, fixture) in &cases {
        let (difference, fuel) = match Asked::new(fixture, &name_of_plugin, file, limits) {
            Ok(asked) => {
                let said = asked.run(&mut host)?;
                let fuel = host.measured(&name_of_plugin).map(|measured| measured.fuel_per_row());
                (fixture.check(&said).err(), fuel)
            }
            Err(why) => (Some(why), None),
        };
        wrong += usize::from(difference.is_some());
        if out.json {
            let (rows, holds) = (fixture.rows.len(), difference.is_none());
            out.value(&json!({ "fixture": name, "rows": rows, "holds": holds, "difference": difference, "fuel_per_row": fuel }));
        } else {
            let fuel = fuel.map_or_else(String::new, |fuel| format!("  {fuel} fuel a row"));
            match difference {
                None => {
                    let rows = fixture.rows.len();
                    out.line(format!("{name}: {rows} row{}, right{fuel}", plural(rows)));
                }
                Some(difference) => out.line(format!("{name}: {difference}")),
            }
        }
    }
    if wrong == 0 {
        return Ok(());
    }
    if !out.json {
        out.message(format!("{wrong} of {} fixture{} not as expected", cases.len(), plural(cases.len())));
    }
    Err(Failure::Wrong)
}

/// A fixture as the host knows it.
struct Asked<'f> {
    fixture: &'f Fixture,
    setup: PluginSetup,
    table: Table,
    context: Context,
    rows: Vec<PluginRow>,
    disputes: Vec<Dispute>,
}

impl<'f> Asked<'f> {
    /// Makes rows of a fixture; the error says which of its cells makes no sense.
    fn new(fixture: &'f Fixture, name: &PluginName, file: &Path, limits: PluginLimits) -> Result<Self, String> {
        let columns = fixture.columns.iter();
        let fields: Vec<Field> =
            (0..).zip(columns).map(|(id, column)| field(id, &column.name, &column.kind, column.required)).collect();
        let chosen = |wanted: fn(&daybook_plugin_sdk::testing::FixtureColumn) -> bool| {
            fields
                .iter()
                .zip(&fixture.columns)
                .filter(|(_, column)| wanted(column))
                .map(|(field, _)| field.id)
                .collect()
        };
        let setup = PluginSetup {
            name: name.clone(),
            path: file.to_owned(),
            sha256: None,
            table: TableName::new(&fixture.table),
            reads: chosen(|column| column.reads),
            writes: chosen(|column| column.writes),
            jobs: None,
            resolves: Vec::new(),
            on_failure: OnFailure::Hold,
            settings: fixture.settings_json(),
            limits,
            disabled: false,
        };
        let mut rows = Vec::with_capacity(fixture.rows.len());
        for row in &fixture.rows {
            let cells = fields.iter().zip(&row.cells);
            let cells = cells.map(|(field, text)| Ok((field.id, value(text, field)?.map_or(Cell::Blank, Cell::Value))));
            rows.push(PluginRow { cells: cells.collect::<Result<_, String>>()? });
        }
        let disputes =
            fixture.disputes.iter().map(|dispute| self::dispute(dispute, &fields)).collect::<Result<_, _>>()?;
        let context = Context { as_of: fixture.as_of.clone(), locale: fixture.locale.clone(), read_only: false };
        let name = TableName::new(&fixture.table);
        let primary_key = chosen(|column| column.key);
        let table = Table { name, title: Title::default(), primary_key, owner: None, department: None, fields };
        Ok(Self { fixture, setup, table, context, rows, disputes })
    }

    /// Asks for all that the plugin does.
    fn run(&self, host: &mut Host) -> Result<Said, Failure> {
        let mut said = Said::new(self.fixture);
        // Here it is asked for all that it can do, whatever an office would let it do.
        let problems = host.load(std::slice::from_ref(&self.setup));
        if let Some(problem) = problems.into_iter().find(|problem| problem.code != IDLE.0) {
            if problem.code != SETTINGS.0 {
                return Err(failed(problem));
            }
            said.failure = Some(("bad-settings".to_owned(), problem.message));
            return Ok(said);
        }
        for job in host.jobs(&self.setup.name) {
            let failed = match job {
                PluginJob::Normalise => self.normalise(host, &mut said),
                PluginJob::Validate => self.validate(host, &mut said),
                PluginJob::Classify => self.classify(host, &mut said),
                PluginJob::Merge => self.resolve(host, &mut said),
                PluginJob::Mail => self.read_mail(host, &mut said),
            };
            if let Some(first) = failed.first() {
                let why = if failed.len() < self.rows.len() { of_rows(&failed) } else { first.why.clone() };
                said.failure = Some((kind_of(&first.why).to_owned(), why));
            }
        }
        Ok(said)
    }

    fn request(&self) -> Request<'_> {
        Request { setup: &self.setup, table: &self.table, rows: &self.rows, context: &self.context }
    }

    fn name(&self, id: FieldId) -> String {
        self.table.field(id).map(|field| field.name.to_string()).unwrap_or_default()
    }

    fn normalise(&self, host: &mut Host, said: &mut Said) -> Vec<FailedRow> {
        let answered = host.normalise(&self.request());
        for change in answered.answers {
            let value = change.value.map(|value| value.to_string());
            let change = (change.row, SaidChange { column: self.name(change.field), value, reason: change.reason });
            said.rows[change.0].changes.push(change.1);
        }
        answered.failed
    }

    fn validate(&self, host: &mut Host, said: &mut Said) -> Vec<FailedRow> {
        let answered = host.validate(&self.request());
        for issue in answered.answers {
            let severity = match issue.severity {
                Severity::Info => "info",
                Severity::Warning => "warning",
                Severity::Error => "error",
            };
            let column = issue.field.map(|id| self.name(id));
            let (code, severity) = (issue.code.to_string(), severity.to_owned());
            said.rows[issue.row].issues.push(SaidIssue { column, severity, code, message: issue.message });
        }
        answered.failed
    }

    fn classify(&self, host: &mut Host, said: &mut Said) -> Vec<FailedRow> {
        let answered = host.classify(&self.request());
        for label in answered.answers {
            said.rows[label.row].label = label.value.map(|value| value.to_string());
        }
        answered.failed
    }

    fn read_mail(&self, host: &mut Host, said: &mut Said) -> Vec<FailedRow> {
        let Some(mail) = &self.fixture.mail else { return Vec::new() };
        let told = PluginMail {
            sender: mail.sender.clone(),
            subject: mail.subject.clone(),
            sent_at: mail.sent_at.clone(),
            lines: mail.text.lines().map(str::to_owned).collect(),
        };
        // The mail stands for one row.
        let rows = [PluginRow { cells: Vec::new() }];
        let answered = host.read_mail(&Request { rows: &rows, ..self.request() }, &told);
        for reading in answered.answers {
            let text = |field: &Field| {
                let cell = reading.cells.iter().find(|(id, _)| *id == field.id);
                cell.map_or_else(String::new, |(_, value)| value.to_string())
            };
            let cells = self.table.fields.iter().map(text).collect();
            said.readings.push(FixtureReading { cells, line: u32::try_from(reading.line + 1).unwrap_or(u32::MAX) });
        }
        answered.failed
    }

    fn resolve(&self, host: &mut Host, said: &mut Said) -> Vec<FailedRow> {
        let answered = host.resolve(&self.request(), &self.disputes);
        for resolution in answered.answers {
            let (verdict, value) = match resolution.verdict {
                PluginVerdict::Stored => (ExpectedVerdict::Stored, None),
                PluginVerdict::Incoming => (ExpectedVerdict::Incoming, None),
                PluginVerdict::Ask => (ExpectedVerdict::Ask, None),
                PluginVerdict::Value(value) => {
                    (ExpectedVerdict::Value, Some(value.map(|value| value.to_string()).unwrap_or_default()))
                }
            };
            said.resolutions[resolution.dispute] = Some((verdict, value, resolution.reason));
        }
        answered.failed
    }
}

/// The rows without an answer, and why the first of them has none.
fn of_rows(failed: &[FailedRow]) -> String {
    const SHOWN: usize = 10;
    let numbers: Vec<String> = failed.iter().take(SHOWN).map(|failed| failed.row.to_string()).collect();
    let more = if failed.len() > SHOWN { ", …" } else { "" };
    let why = failed.first().map(|first| first.why.as_str()).unwrap_or_default();
    format!("row{} {}{more}: {why}", plural(failed.len()), numbers.join(", "))
}

/// The kind of a failure, by the host's words for it.
fn kind_of(why: &str) -> &'static str {
    let kinds = [("its settings make no sense", "bad-settings"), ("it can't use what it was sent", "bad-input")];
    kinds.iter().find(|(words, _)| why.contains(words)).map_or("internal", |(_, kind)| kind)
}

fn field(id: u16, name: &str, kind: &str, required: bool) -> Field {
    Field {
        id: FieldId(id),
        name: name.into(),
        field_type: match kind {
            "integer" => FieldType::Integer,
            "decimal" => FieldType::Number,
            "date" => FieldType::Date,
            "flag" => FieldType::Boolean,
            _ => FieldType::String,
        },
        format: None,
        region: "CN".into(),
        headers: vec![name.to_owned()],
        generate: None,
        constraints: Constraints { required, ..Constraints::default() },
        class: "basic".into(),
        conflict: ConflictRule::Review,
        group: None,
    }
}

/// A cell of a fixture as it would be stored: texts as they stand, so that nothing is made better on the way.
fn value(text: &str, field: &Field) -> Result<Option<Value>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    if field.field_type == FieldType::String {
        return Ok(Some(Value::Text(text.into())));
    }
    match parse_text(text, field) {
        Ok(cell) => Ok(cell.value().cloned()),
        Err(error) => Err(format!("`{text}` can't stand in `{}`: {}", field.name, error.message)),
    }
}

fn dispute(dispute: &FixtureDispute, fields: &[Field]) -> Result<Dispute, String> {
    let field = fields.iter().find(|field| field.name == dispute.column);
    let field = field.ok_or_else(|| format!("there is no column `{}`", dispute.column))?;
    Ok(Dispute {
        row: usize::try_from(dispute.row).unwrap_or(usize::MAX),
        field: field.id,
        base: value(&dispute.base, field)?,
        stored: value(&dispute.stored, field)?,
        incoming: value(&dispute.incoming, field)?,
    })
}
