//! `[[plugin]]`: the office's own rules, what each may see and set, and which conflicts it decides.
//!
//! The component's file is not opened here: whether it can be loaded is for the plugin host to find out.

use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Number, Value as Json};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::defaults;
use super::paths::resolve;
use super::people::{add_duplicate, check_name};
use super::problem::ProblemKind;
use super::reader::{Item, Located, Reader, Report};
use super::table::{Claim, field_named, table_named};
use crate::model::plugin::{OnFailure, PluginJob, PluginLimits, PluginSetup};
use crate::model::{FieldId, Table};

/// What `memory_bytes_max` may be: one page of Wasm memory, and all that 32-bit Wasm can address.
const MEMORY_BYTES: std::ops::RangeInclusive<u64> = 65_536..=4_294_967_296;
/// What `time_ms_max` may be. A plugin runs in the pipeline's thread: while it does, no save is taken.
const TIME_MS: std::ops::RangeInclusive<u64> = 1..=60_000;

/// Reads `[[plugin]]`; `claims` are the fields whose conflicts a plugin decides.
pub(super) fn read_plugins(
    root: &mut Reader<'_>,
    directory: &Path,
    tables: &[Table],
    claims: &[Claim],
) -> Vec<PluginSetup> {
    let mut names: Vec<String> = Vec::new();
    let mut plugins: Vec<PluginSetup> = Vec::new();
    let report = root.report;
    for reader in root.sections("plugin") {
        plugins.extend(read_plugin(reader, directory, tables, &mut names));
    }
    for claim in claims {
        settle_claim(report, claim, tables, &names, &mut plugins);
    }
    plugins
}

fn read_plugin(
    mut reader: Reader<'_>,
    directory: &Path,
    tables: &[Table],
    names: &mut Vec<String>,
) -> Option<PluginSetup> {
    let report = reader.report;
    let name = reader.need("name").and_then(Item::text).filter(|name| check_name(report, name));
    let path = reader.need("path").and_then(Item::text);
    let sha256 = reader.item("sha256").and_then(Item::text);
    let table = reader.need("table").and_then(Item::text);
    let reads = reader.need("reads").and_then(Item::distinct_texts);
    let writes = reader.item("writes").and_then(Item::distinct_texts).unwrap_or_default();
    let jobs = reader.item("jobs").map(|item| read_jobs(report, item));
    let on_failure =
        reader.item("on_failure").and_then(|item| item.one_of(&[("hold", OnFailure::Hold), ("skip", OnFailure::Skip)]));
    let settings = reader.item("settings").map_or_else(|| Some("{}".to_owned()), |item| read_settings(report, &item));
    let memory_bytes_max = reader.item("memory_bytes_max").and_then(|item| item.whole(&MEMORY_BYTES));
    let time_ms_max = reader.item("time_ms_max").and_then(|item| item.whole(&TIME_MS));
    let enabled = reader.item("enabled").and_then(Item::boolean);
    reader.finish();

    if let Some(name) = &name {
        if names.contains(&name.value) {
            add_duplicate(report, name, "plugin");
        }
        names.push(name.value.clone());
    }
    let sha256 = sha256.and_then(|text| read_hash(report, &text));
    let table = table.and_then(|name| table_named(report, tables, &name))?;
    let fields = |names: Vec<Located<String>>| -> Vec<(FieldId, Located<String>)> {
        names.into_iter().filter_map(|name| Some((field_named(report, &table.fields, &name)?.id, name))).collect()
    };
    let (reads, writes) = (fields(reads?), fields(writes));
    check_writes(report, table, &writes);
    let only = |fields: Vec<(FieldId, Located<String>)>| fields.into_iter().map(|(field, _)| field).collect();
    Some(PluginSetup {
        name: name?.value.into(),
        path: resolve(directory, &path?.value),
        sha256,
        table: table.name.clone(),
        reads: only(reads),
        writes: only(writes),
        jobs: jobs.flatten(),
        resolves: Vec::new(),
        on_failure: on_failure.map_or(defaults::ON_FAILURE, |word| word.value),
        settings: settings?,
        limits: PluginLimits {
            memory_bytes_max: memory_bytes_max.map_or(defaults::PLUGIN_MEMORY_BYTES_MAX, |bytes| bytes.value),
            time_max: Duration::from_millis(time_ms_max.map_or(defaults::PLUGIN_TIME_MS_MAX, |time| time.value)),
        },
        disabled: enabled == Some(false),
    })
}

/// The jobs that a plugin is asked for.
fn read_jobs(report: &Report, item: Item<'_>) -> Option<Vec<PluginJob>> {
    let spot = item.spot.clone();
    let words = item.distinct_texts()?;
    if words.is_empty() {
        let hint = "name some, or take the key out; `enabled = false` keeps the plugin from being run";
        report.add(&spot, ProblemKind::WrongValue, "names no job", hint);
        return None;
    }
    let mut jobs: Vec<PluginJob> = words.iter().filter_map(|word| report.choose(word, &PluginJob::NAMED)).collect();
    jobs.sort_unstable();
    Some(jobs)
}

/// Whose record a record is, and by which key it is found, is not for a plugin to say.
fn check_writes(report: &Report, table: &Table, writes: &[(FieldId, Located<String>)]) {
    for (field, name) in writes {
        let what = if table.primary_key.contains(field) {
            "identifies the record"
        } else if table.owner == Some(*field) || table.department == Some(*field) {
            "decides who may see the record"
        } else {
            continue;
        };
        let message = format!("`{}` {what}, so no plugin may set it", name.value);
        report.add(&name.spot, ProblemKind::Contradiction, message, "take it out of `writes`");
    }
}

/// Gives a plugin the field whose conflicts it is to decide.
fn settle_claim(report: &Report, claim: &Claim, tables: &[Table], names: &[String], plugins: &mut [PluginSetup]) {
    let Some(table) = tables.iter().find(|table| table.name == claim.table) else { return };
    let Some(field) = table.fields.iter().find(|field| field.name == claim.field) else { return };
    let Some(plugin) = plugins.iter_mut().find(|plugin| plugin.name == claim.plugin.value) else {
        // One that is there and wrong has been told.
        if !names.contains(&claim.plugin.value) {
            let known = names.iter().map(String::as_str);
            report.add_unknown(&claim.plugin, "plugin", known, "declare it with `[[plugin]]`");
        }
        return;
    };
    let sees = plugin.table == claim.table && plugin.reads.contains(&field.id) && plugin.writes.contains(&field.id);
    if !sees {
        let message = format!("the plugin `{}` may not decide about `{}`", plugin.name, field.name);
        let hint =
            format!("its `table` has to be `{}`, and its `reads` and `writes` have to name the field", claim.table);
        report.add(&claim.plugin.spot, ProblemKind::Contradiction, message, hint);
        return;
    }
    if !plugin.lets(PluginJob::Merge) {
        let message = format!("the plugin `{}` may not decide about `{}`", plugin.name, field.name);
        report.add(&claim.plugin.spot, ProblemKind::Contradiction, message, "its `jobs` have to name `merge`");
        return;
    }
    plugin.resolves.push(field.id);
}

/// A SHA-256 in 64 hexadecimal digits.
fn read_hash(report: &Report, text: &Located<String>) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    let digits: Option<Vec<u8>> =
        text.value.chars().map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let Some(digits) = digits.filter(|digits| digits.len() == 64) else {
        let message = "must be a SHA-256: 64 hexadecimal digits";
        report.add(&text.spot, ProblemKind::WrongValue, message, "`daybook plugin pin NAME` writes it");
        return None;
    };
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = pair[0] << 4 | pair[1];
    }
    Some(hash)
}

/// The settings as a JSON object. Dates and times become texts.
fn read_settings(report: &Report, item: &Item<'_>) -> Option<String> {
    let DeValue::Table(table) = item.raw() else {
        item.wrong_type("a table", "write `settings = { … }`, or `[plugin.settings]` below the section");
        return None;
    };
    let Some(object) = json_object(table) else {
        let message = "holds a number that JSON has not, like `inf` or `nan`";
        report.add(&item.spot, ProblemKind::WrongValue, message, "write it as a text");
        return None;
    };
    Some(Json::Object(object).to_string())
}

fn json_object(table: &DeTable<'_>) -> Option<Map<String, Json>> {
    table.iter().map(|(key, value)| Some((key.get_ref().clone().into_owned(), json(value)?))).collect()
}

fn json(value: &Spanned<DeValue<'_>>) -> Option<Json> {
    Some(match value.get_ref() {
        DeValue::String(text) => Json::String(text.clone().into_owned()),
        DeValue::Integer(number) => Json::from(i64::from_str_radix(number.as_str(), number.radix()).ok()?),
        DeValue::Float(number) => Json::Number(Number::from_f64(number.as_str().parse().ok()?)?),
        DeValue::Boolean(value) => Json::Bool(*value),
        DeValue::Datetime(at) => Json::String(at.to_string()),
        DeValue::Array(items) => Json::Array(items.iter().map(json).collect::<Option<_>>()?),
        DeValue::Table(table) => Json::Object(json_object(table)?),
    })
}
