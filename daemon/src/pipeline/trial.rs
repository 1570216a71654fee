//! What a plugin would do with what is stored today: a preview before it is let in. Nothing is posted.

use std::ops::ControlFlow;

use serde::Serialize;

use super::consult::{Case, Consultant, Remarked, Said};
use super::{Pipeline, PipelineError, table_of};
use crate::model::plugin::PluginSetup;
use crate::model::{FieldId, Problem, StoredRecord, Table};

/// How many records are put to the plugin at a time.
const CHUNK_ROWS: usize = 4096;

/// What a plugin would do.
#[derive(Debug, Default, Serialize)]
pub struct Trial {
    /// The records that it was shown.
    pub rows: u64,
    /// The cells that it would set to something else.
    pub changes: u64,
    /// What it would hold rows for.
    pub errors: u64,
    /// What it would tell of.
    pub warnings: u64,
    /// The records for which it had no answer.
    pub failed: u64,
    /// Some of all that.
    pub sample: Vec<Finding>,
    /// What is wrong with the plugin itself.
    pub problems: Vec<Problem>,
}

/// One thing that a plugin would do.
#[derive(Debug, Serialize)]
pub struct Finding {
    /// `change`, `error`, `warning` or `failed`.
    pub kind: &'static str,
    /// The record's key.
    pub record: String,
    /// The field's name, if it is about one.
    pub field: Option<String>,
    /// What is stored there.
    pub stored: Option<String>,
    /// What it would set instead.
    pub value: Option<String>,
    /// Which of its rules.
    pub code: Option<String>,
    /// In its own words.
    pub message: Option<String>,
}

impl Pipeline {
    /// Shows a plugin all records of its table and gathers what it says; up to `sample_max` things of it are kept in full.
    ///
    /// It is asked though it may be disabled. Conflicts can't be tried: there are none in what is stored.
    pub fn try_plugin(&mut self, name: &str, sample_max: usize) -> Result<Trial, PipelineError> {
        let setup = self.config.plugins.iter().find(|setup| setup.name == name).cloned();
        let Some(setup) = setup else {
            return Err(PipelineError::Unknown { what: "plugin", name: name.to_owned() });
        };
        let setups = [PluginSetup { disabled: false, ..setup.clone() }];
        let world = self.world(true);
        let table = table_of(&self.config, &setup.table)?;
        let mut records: Vec<StoredRecord> = Vec::new();
        let mut trial = Trial::default();
        let snapshot = self.store.snapshot()?;
        let plugins = self.parts.plugins.as_mut();
        let mut consultant = Consultant { plugins, setups: &setups, table, context: &world };
        let mut ask = |records: &mut Vec<StoredRecord>| {
            let cases: Vec<Case<'_>> = records.iter().map(Case::stored).collect();
            let (said, problems) = consultant.consult(&cases);
            trial.problems.extend(problems);
            for (stored, said) in records.iter().zip(&said) {
                trial.note(table, stored, said, sample_max);
            }
            records.clear();
        };
        snapshot.for_each_record(&table.name, |record| {
            if !record.archived {
                records.push(record);
                if records.len() == CHUNK_ROWS {
                    ask(&mut records);
                }
            }
            ControlFlow::Continue(())
        })?;
        ask(&mut records);
        Ok(trial)
    }
}

impl Trial {
    fn note(&mut self, table: &Table, stored: &StoredRecord, said: &Said, sample_max: usize) {
        self.rows += 1;
        let name = |field: FieldId| table.field(field).map(|field| field.name.to_string());
        let text = |field: FieldId| stored.value(field).map(ToString::to_string);
        for (id, cell, _) in &said.set {
            let there = stored.cell(*id).map(|stored| &stored.cell);
            let is_there = match (table.field(*id), there) {
                (Some(field), Some(there)) => field.says_same(there, cell),
                _ => cell.value().is_none(),
            };
            if !is_there {
                self.changes += 1;
                let value = cell.value().map(ToString::to_string);
                let finding =
                    Finding { field: name(*id), stored: text(*id), value, ..Finding::of("change", table, stored) };
                self.keep(finding, sample_max);
            }
        }
        let remarks = said.errors.iter().map(|found| ("error", found));
        for (kind, found) in remarks.chain(said.warnings.iter().map(|found| ("warning", found))) {
            let kind = if found.code == "plugin-failed" { "failed" } else { kind };
            match kind {
                "failed" => self.failed += 1,
                "error" => self.errors += 1,
                _ => self.warnings += 1,
            }
            let Remarked { field, code, message, .. } = found;
            let (code, message) = (Some(code.to_string()), Some(message.clone()));
            let (field, stored_text) = (field.and_then(name), field.and_then(text));
            let finding = Finding { field, stored: stored_text, code, message, ..Finding::of(kind, table, stored) };
            self.keep(finding, sample_max);
        }
    }

    fn keep(&mut self, finding: Finding, sample_max: usize) {
        if self.sample.len() < sample_max {
            self.sample.push(finding);
        }
    }
}

impl Finding {
    fn of(kind: &'static str, table: &Table, stored: &StoredRecord) -> Self {
        let key = table.primary_key.iter().filter_map(|field| stored.value(*field)).map(ToString::to_string);
        let record = key.collect::<Vec<_>>().join(",");
        Self { kind, record, field: None, stored: None, value: None, code: None, message: None }
    }
}
