//! `daybook record list|show|history|search|set`.

use std::ops::ControlFlow;
use std::path::Path;

use serde_json::{Map, Value as Json};

use super::args::{Reader, RecordCommand, RecordKey};
use super::open::{Make, actor, open, table, time};
use super::output::Out;
use super::{Failure, Outcome, not_yet};
use crate::access::Rights;
use crate::error::Words;
use crate::extract;
use crate::model::entry::KeyIndex;
use crate::model::{Actor, RecordId, StoredRecord, Table, TableName, Timestamp};
use crate::pipeline::reading::{HistoryLine, VisibleRecord};
use crate::pipeline::{Look, Pipeline, Reading, key_cells, past};

pub(crate) fn run(config: Option<&Path>, command: RecordCommand, out: &mut Out) -> Outcome {
    match command {
        RecordCommand::Other(words) => {
            Err(not_yet(&format!("daybook record {}", words.first().map_or("", String::as_str))))
        }
        RecordCommand::Set { key, values, person, dry_run } => {
            set(config, &key, &values, person.as_deref(), dry_run, out)
        }
        RecordCommand::List { table: name, reader, archived } => {
            let mut session = Session::open(config, name.as_deref(), &reader)?;
            session.list(archived, None, out)
        }
        RecordCommand::Search { text, table: name, reader } => {
            let mut pipeline = open(config, Make::No)?;
            let tables: Vec<TableName> = match name {
                Some(name) => vec![table(pipeline.config(), Some(&name))?],
                None => pipeline.config().tables.iter().map(|table| table.name.clone()).collect(),
            };
            let who = actor(pipeline.config(), reader.person.as_deref())?;
            let at = reader.at.as_deref().map(|text| time(pipeline.config(), text)).transpose()?;
            for table in tables {
                let mut session = Session { pipeline, table, who: who.clone(), at };
                session.list(false, Some(&text.to_lowercase()), out)?;
                pipeline = session.pipeline;
            }
            Ok(())
        }
        RecordCommand::Show { key, reader } => {
            let mut session = Session::open(config, key.table.as_deref(), &reader)?;
            session.show(&key, out)
        }
        RecordCommand::History { key, reader } => {
            let mut session = Session::open(config, key.table.as_deref(), &reader)?;
            session.history(&key, out)
        }
    }
}

/// One look at a table as somebody, at some time.
struct Session {
    pipeline: Pipeline,
    table: TableName,
    who: Actor,
    at: Option<Timestamp>,
}

impl Session {
    fn open(config: Option<&Path>, name: Option<&str>, reader: &Reader) -> Result<Self, Failure> {
        let pipeline = open(config, Make::No)?;
        let table = table(pipeline.config(), name)?;
        let who = actor(pipeline.config(), reader.person.as_deref())?;
        let at = reader.at.as_deref().map(|text| time(pipeline.config(), text)).transpose()?;
        Ok(Self { pipeline, table, who, at })
    }

    fn list(&mut self, archived: bool, wanted: Option<&str>, out: &mut Out) -> Outcome {
        let at = self.at;
        let table = self.pipeline.table(&self.table)?.clone();
        let look = self.pipeline.look()?;
        let reading = look.reading(&self.who);
        let mut found: Vec<VisibleRecord> = Vec::new();
        // Rights are those on the record as it stands now, whatever state of it is shown.
        let mut take = |rights: &Rights, shown: &StoredRecord| {
            let fits = wanted.is_none_or(|text| Reading::contains(&table, rights, shown, text));
            if fits && (archived || !shown.archived) {
                found.extend(reading.record(&table, rights, shown));
            }
        };
        // A record's past is read from the journal: that can't be done while the ledger is being walked through.
        let mut ids = Vec::new();
        look.snapshot.for_each_record(&self.table, |record| {
            if at.is_some() {
                ids.push(record.id);
            } else {
                take(&reading.rights(&table, &record), &record);
            }
            ControlFlow::Continue(())
        })?;
        for id in ids {
            let Some(record) = look.snapshot.record(&table.name, id)? else { continue };
            let rights = reading.rights(&table, &record);
            if rights.any()
                && let Some(then) = as_of(&look, &table, record, at)?
            {
                take(&rights, &then);
            }
        }
        for record in &found {
            if out.json {
                out.value(record);
            } else {
                out.line(one_line(&table, record));
            }
        }
        if !out.json {
            out.message(format!("{} record{}", found.len(), super::output::plural(found.len() as u64)));
        }
        Ok(())
    }

    fn show(&mut self, key: &RecordKey, out: &mut Out) -> Outcome {
        let table = self.pipeline.table(&self.table)?.clone();
        let at = self.at;
        let look = self.pipeline.look()?;
        let reading = look.reading(&self.who);
        let Some(record) = find(&look, &table, &key.key)? else { return Err(nothing(&key.key)) };
        let rights = reading.rights(&table, &record);
        let shown = as_of(&look, &table, record, at)?;
        let visible = shown.and_then(|shown| reading.record(&table, &rights, &shown));
        let Some(visible) = visible else { return Err(nothing(&key.key)) };
        if out.json {
            out.value(&visible);
            return Ok(());
        }
        let archived = if visible.archived { "  archived" } else { "" };
        out.line(format!("{}  version {}  {}{archived}", visible.table, visible.version, visible.updated_at));
        for field in &table.fields {
            if let Some(value) = visible.fields.get(field.name.as_str()) {
                let mask =
                    if visible.masked.iter().any(|name| name == field.name.as_str()) { "  (masked)" } else { "" };
                out.line(format!("  {:<16} {}{mask}", field.name, plain(value)));
            }
        }
        Ok(())
    }

    fn history(&mut self, key: &RecordKey, out: &mut Out) -> Outcome {
        let table = self.pipeline.table(&self.table)?.clone();
        let at = self.at;
        let look = self.pipeline.look()?;
        let Some(record) = find(&look, &table, &key.key)? else { return Err(nothing(&key.key)) };
        let reading = look.reading(&self.who);
        let rights = reading.rights(&table, &record);
        if !rights.any() {
            return Err(nothing(&key.key));
        }
        for item in look.snapshot.history(record.id)? {
            if at.is_some_and(|at| item.arrival.at > at) {
                break;
            }
            for line in reading.history(&table, &rights, &item.arrival, &item.rules, &item.entry) {
                if out.json {
                    out.value(&line);
                } else {
                    out.line(history_line(&line));
                }
            }
        }
        Ok(())
    }
}

/// The record as it was known at a time; as it is, if no time is asked for.
fn as_of(
    look: &Look<'_>,
    table: &Table,
    record: StoredRecord,
    at: Option<Timestamp>,
) -> Result<Option<StoredRecord>, Failure> {
    match at {
        None => Ok(Some(record)),
        Some(at) => Ok(past::record_at(table, record.id, &look.snapshot.history(record.id)?, at)),
    }
}

/// Finds a record by the key that a person typed.
fn find(look: &Look<'_>, table: &Table, key: &str) -> Result<Option<StoredRecord>, Failure> {
    if let Ok(id) = key.parse::<RecordId>() {
        return Ok(look.snapshot.record(&table.name, id)?);
    }
    let cells = key_cells(table, &split_key(table, key))?;
    let Some(parts) = table.key_of(&cells) else { return Ok(None) };
    let text = crate::pipeline::joined_key(&parts);
    let found =
        look.snapshot.records_by_key(&table.name, KeyIndex::Primary, std::slice::from_ref(&text))?.remove(&text);
    match found {
        Some(id) => Ok(look.snapshot.record(&table.name, id)?),
        None => Ok(None),
    }
}

/// The parts of a key: commas separate them where there are several.
fn split_key(table: &Table, key: &str) -> Vec<String> {
    if table.primary_key.len() == 1 {
        return vec![key.to_owned()];
    }
    key.split(',').map(|part| part.trim().to_owned()).collect()
}

/// The same words for a record that is not there and for one that may not be seen.
fn nothing(key: &str) -> Failure {
    Failure::Failed(Words::new(
        format!("there is no record `{key}` that may be seen"),
        "`daybook record list` shows all that may be.",
    ))
}

fn set(
    config: Option<&Path>,
    key: &RecordKey,
    values: &[String],
    person: Option<&str>,
    dry: bool,
    out: &mut Out,
) -> Outcome {
    let mut pipeline = open(config, if dry { Make::InMemory } else { Make::Yes })?;
    let name = table(pipeline.config(), key.table.as_deref())?;
    let who = actor(pipeline.config(), person)?;
    let table = pipeline.table(&name)?.clone();
    let mut cells = Vec::with_capacity(values.len());
    for value in values {
        let Some((field, text)) = value.split_once('=') else {
            return Err(Failure::Usage(Words::new(format!("`{value}` is not FIELD=VALUE"), "")));
        };
        let Some(field) = table.field_named(field.trim()) else {
            let names: Vec<&str> = table.fields.iter().map(|field| field.name.as_str()).collect();
            let what = format!("table `{name}` has no field `{}`", field.trim());
            return Err(Failure::Usage(Words::new(what, format!("There are: {}.", names.join(", ")))));
        };
        let cell = extract::parse_text(text, field)
            .map_err(|error| Failure::Failed(Words::new(format!("{}: {}", field.name, error.message), error.hint)))?;
        cells.push((field.id, cell));
    }
    let report = pipeline.set(&name, &split_key(&table, &key.key), &cells, &who, dry)?;
    out.changed(&report, dry);
    if report.refused > 0 { Err(Failure::Wrong) } else { Ok(()) }
}

fn one_line(table: &Table, record: &VisibleRecord) -> String {
    let key: Vec<&str> =
        table.primary_key.iter().filter_map(|id| table.field(*id)).map(|field| field.name.as_str()).collect();
    let value = |name: &str| record.fields.get(name).map(plain).unwrap_or_default();
    let keys = key.iter().map(|name| value(name)).collect::<Vec<_>>().join(",");
    let others = table.fields.iter().map(|field| field.name.as_str()).filter(|name| !key.contains(name));
    let rest: Vec<String> = others.map(value).filter(|text| !text.is_empty()).collect();
    format!("{keys}\t{}", rest.join("\t"))
}

fn history_line(line: &HistoryLine) -> String {
    format!(
        "{}  {:<10} {:<14} {} -> {}  ({}, {}, {})",
        line.at,
        line.outcome,
        line.field,
        plain(&line.previous),
        plain(&line.value),
        line.place,
        line.actor,
        line.rule
    )
}

/// A JSON value as a person reads it.
pub(crate) fn plain(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        Json::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join("; "),
        other => other.to_string(),
    }
}

/// An object without the entries that are `null`.
pub(crate) fn without_nulls(value: Json) -> Json {
    match value {
        Json::Object(map) => Json::Object(map.into_iter().filter(|(_, value)| !value.is_null()).collect::<Map<_, _>>()),
        other => other,
    }
}
