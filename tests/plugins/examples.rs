//! The example plugins as components in the real host: each answers its own fixtures, which its native tests run too.

use std::path::{Path, PathBuf};

use daybook::extract::parse_text;
use daybook::io::ManualClock;
use daybook::model::plugin::{
    Dispute, OnFailure, PluginJob, PluginLimits, PluginRow, PluginSetup, PluginVerdict, Severity,
};
use daybook::model::schema::{ConflictRule, Constraints, Title};
use daybook::model::{Cell, Field, FieldId, FieldType, Table, TableName, Value};
use daybook::plugin::{Context, Host, Plugins, Request};
use daybook_plugin_sdk::testing::{ExpectedVerdict, Fixture, FixtureDispute, Outcome, SaidChange, SaidIssue, fixtures};

use super::{host, write};

/// Enough for Python on a busy machine.
const LIMITS: PluginLimits = PluginLimits { memory_bytes_max: 128 << 20, time_max: std::time::Duration::from_secs(10) };

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package is a folder of the repository").to_owned()
}

/// Runs the fixtures of a folder through a component.
fn check(name: &str, component: &[u8], folder: &Path) {
    let cases = fixtures(&folder.join("fixtures")).unwrap_or_else(|error| panic!("{name}: {error}"));
    let files = tempfile::tempdir().expect("there is a folder for temporary files");
    let path = files.path().join(format!("{name}.wasm"));
    write(&path, component);
    let mut host = host(&files.path().join("cache"), &std::sync::Arc::new(ManualClock::new(0)), false);
    let inspected = host.inspect(&path, LIMITS).unwrap_or_else(|problem| panic!("{problem:?}"));
    let only_contract = |name: &String| name == "daybook:plugin/host@1.0.0" || name == "daybook:plugin/types@1.0.0";
    assert!(inspected.surface.imports.iter().all(only_contract), "{name} imports {:?}", inspected.surface.imports);
    for (file, fixture) in cases {
        let outcome = Asked::new(&fixture, name, &path).run(&mut host);
        if let Err(difference) = fixture.check(&outcome) {
            panic!("{name}/fixtures/{file}, as a component: {difference}");
        }
    }
}

/// A fixture as the host knows it.
struct Asked<'f> {
    fixture: &'f Fixture,
    setup: PluginSetup,
    table: Table,
    context: Context,
    rows: Vec<PluginRow>,
}

impl<'f> Asked<'f> {
    fn new(fixture: &'f Fixture, name: &str, path: &Path) -> Self {
        let fields: Vec<Field> = (0..)
            .zip(&fixture.columns)
            .map(|(id, column)| field(id, &column.name, &column.kind, column.required))
            .collect();
        let chosen = |wanted: &dyn Fn(usize) -> bool| {
            (0..).zip(0..fixture.columns.len()).filter(|(_, at)| wanted(*at)).map(|(id, _)| FieldId(id)).collect()
        };
        let setup = PluginSetup {
            name: name.into(),
            path: path.to_owned(),
            sha256: None,
            table: TableName::new(&fixture.table),
            reads: chosen(&|at| fixture.columns[at].reads),
            writes: chosen(&|at| fixture.columns[at].writes),
            resolves: Vec::new(),
            on_failure: OnFailure::Hold,
            settings: fixture.settings_json(),
            limits: LIMITS,
            disabled: false,
        };
        let rows = fixture.rows.iter().map(|row| PluginRow {
            cells: fields
                .iter()
                .zip(&row.cells)
                .map(|(field, text)| (field.id, value(text, field).map_or(Cell::Blank, Cell::Value)))
                .collect(),
        });
        let rows = rows.collect();
        let name = TableName::new(&fixture.table);
        let table =
            Table { name, title: Title::default(), primary_key: Vec::new(), owner: None, department: None, fields };
        let context = Context { as_of: fixture.as_of.clone(), locale: fixture.locale.clone(), read_only: false };
        Self { fixture, setup, table, context, rows }
    }

    fn name(&self, id: FieldId) -> String {
        self.table.fields[usize::from(id.0)].name.to_string()
    }

    fn run(&self, host: &mut Host) -> Outcome {
        let mut outcome = Outcome::new(self.fixture);
        if let Some(problem) = host.load(std::slice::from_ref(&self.setup)).first() {
            assert_eq!(problem.code, "plugin-settings", "{problem:?}");
            outcome.failure = Some(("bad-settings".to_owned(), problem.message.clone()));
            return outcome;
        }
        let jobs = host.jobs(&self.setup.name);
        let request = Request { setup: &self.setup, table: &self.table, rows: &self.rows, context: &self.context };
        for job in jobs {
            let failed = match job {
                PluginJob::Normalise => {
                    let answered = host.normalise(&request);
                    for change in answered.answers {
                        let column = self.name(change.field);
                        let value = change.value.map(|value| value.to_string());
                        outcome.rows[change.row].changes.push(SaidChange { column, value, reason: change.reason });
                    }
                    answered.failed
                }
                PluginJob::Validate => {
                    let answered = host.validate(&request);
                    for issue in answered.answers {
                        let severity = match issue.severity {
                            Severity::Info => "info",
                            Severity::Warning => "warning",
                            Severity::Error => "error",
                        };
                        outcome.rows[issue.row].issues.push(SaidIssue {
                            column: issue.field.map(|id| self.name(id)),
                            severity: severity.to_owned(),
                            code: issue.code.to_string(),
                            message: issue.message,
                        });
                    }
                    answered.failed
                }
                PluginJob::Classify => {
                    let answered = host.classify(&request);
                    for label in answered.answers {
                        outcome.rows[label.row].label = label.value.map(|value| value.to_string());
                    }
                    answered.failed
                }
                PluginJob::Merge => self.resolve(host, &request, &mut outcome),
                PluginJob::Mail => Vec::new(),
            };
            if let Some(failed) = failed.first() {
                let kind = if failed.why.contains("its settings make no sense") { "bad-settings" } else { "other" };
                outcome.failure = Some((kind.to_owned(), failed.why.clone()));
            }
        }
        outcome
    }

    fn resolve(
        &self,
        host: &mut Host,
        request: &Request<'_>,
        outcome: &mut Outcome,
    ) -> Vec<daybook::plugin::FailedRow> {
        let dispute = |dispute: &FixtureDispute| {
            let field =
                self.table.fields.iter().find(|field| field.name == dispute.column).expect("the fixture was checked");
            let value = |text: &str| value(text, field);
            Dispute {
                row: dispute.row as usize,
                field: field.id,
                base: value(&dispute.base),
                stored: value(&dispute.stored),
                incoming: value(&dispute.incoming),
            }
        };
        let disputes: Vec<Dispute> = self.fixture.disputes.iter().map(dispute).collect();
        let answered = host.resolve(request, &disputes);
        for resolution in answered.answers {
            let (verdict, value) = match resolution.verdict {
                PluginVerdict::Stored => (ExpectedVerdict::Stored, None),
                PluginVerdict::Incoming => (ExpectedVerdict::Incoming, None),
                PluginVerdict::Ask => (ExpectedVerdict::Ask, None),
                PluginVerdict::Value(value) => {
                    (ExpectedVerdict::Value, Some(value.map(|value| value.to_string()).unwrap_or_default()))
                }
            };
            outcome.resolutions[resolution.dispute] = Some((verdict, value, resolution.reason));
        }
        answered.failed
    }
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

/// A cell of a fixture as it is stored: texts as they stand, so that nothing is made better on the way.
fn value(text: &str, field: &Field) -> Option<Value> {
    if text.is_empty() {
        return None;
    }
    if field.field_type == FieldType::String {
        return Some(Value::Text(text.into()));
    }
    match parse_text(text, field) {
        Ok(Cell::Value(value)) => Some(value),
        other => panic!("`{text}` is nothing for `{}`: {other:?}", field.name),
    }
}

fn check_rust(name: &str) {
    let component = example_plugins::component(name).unwrap_or_else(|why| panic!("{why}"));
    check(name, component, &repository().join("plugins").join(name));
}

/// A plugin in another language, which its own tools have built: `.ci/run` installs and calls them.
#[expect(clippy::print_stderr, reason = "a test that is left out says so")]
fn check_built(name: &str, folder: &str) {
    let path = repository().join("target/plugins").join(format!("{name}.wasm"));
    let folder = repository().join("plugins").join(folder).join(name);
    match std::fs::read(&path) {
        Ok(component) => check(name, &component, &folder),
        Err(error) => {
            let how = format!("{} says how to build it", folder.join("README.md").display());
            let required = std::env::var_os("DAYBOOK_REQUIRE_PROGRAMS").is_some();
            assert!(!required, "DAYBOOK_REQUIRE_PROGRAMS is set, and {} can't be read: {error}; {how}", path.display());
            eprintln!("skipped: {} can't be read: {error}; {how}", path.display());
        }
    }
}

#[test]
fn uscc() {
    check_rust("uscc");
}

#[test]
fn cn_id() {
    check_rust("cn-id");
}

#[test]
fn cn_phone() {
    check_rust("cn-phone");
}

#[test]
fn segment() {
    check_rust("segment");
}

#[test]
fn fuller_text() {
    check_rust("fuller-text");
}

#[test]
fn office_rules() {
    check_rust("office-rules");
}

#[test]
fn postcode_in_javascript() {
    check_built("postcode", "js");
}

#[test]
fn name_spacing_in_python() {
    check_built("name-spacing", "py");
}
