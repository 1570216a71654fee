//! What an actor may see of records, history and reviews, in the shapes of the contract's `--json`.
//!
//! Every value that leaves the store for a person goes through here or through a publication; both ask
//! [`Decider::rights`] and nothing else.

use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::{Map, Value as Json, json};

use super::heed::HELD;
use crate::access::{self, Decider, Rights, Sight, Subject};
use crate::model::{
    Actor, Arrival, Cell, Field, FieldId, HeldReason, Outcome, RecordEntry, Review, ReviewKind, StoredRecord, Table,
    Value,
};
use crate::plugin::FAILED;

/// Shows records to one actor.
pub struct Reading<'a> {
    decider: &'a Decider,
    actor: &'a Actor,
    zone: &'a TimeZone,
}

/// A record as an actor may see it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VisibleRecord {
    /// The record's id.
    pub id: String,
    /// Its table.
    pub table: String,
    /// How many postings changed it.
    pub version: u64,
    /// Readable fields by name; an empty one is `null`, one that may not be read is absent.
    pub fields: Map<String, Json>,
    /// The fields whose value is a mask.
    pub masked: Vec<String>,
    /// When it last changed, RFC 3339.
    pub updated_at: String,
    /// Whether it was archived; absent if not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub archived: bool,
}

/// One change of one cell.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HistoryLine {
    /// The record's id.
    pub record: String,
    /// The field's name.
    pub field: String,
    /// What the arrival said (or, if it was applied, what is posted).
    pub value: Json,
    /// What was stored before.
    pub previous: Json,
    /// The source.
    pub source: String,
    /// `客户.xlsx!客户!C14`.
    pub place: String,
    /// In whose name.
    pub actor: String,
    /// The rule that decided.
    pub rule: String,
    /// The arrival's id.
    pub arrival: String,
    /// When, RFC 3339.
    pub at: String,
    /// What became of it.
    pub outcome: &'static str,
    /// The editor that the file claims; absent if it claims none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claimed_editor: Option<String>,
}

/// A question of the steward's queue.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReviewLine {
    /// Its id.
    pub id: String,
    /// Its kind.
    pub kind: &'static str,
    /// The table.
    pub table: String,
    /// The record, if it is about one.
    pub record: Option<String>,
    /// The record's primary key, for people.
    pub key: Option<String>,
    /// The field, if it is about one.
    pub field: Option<String>,
    /// What the edit was made against.
    pub base: Json,
    /// What is stored; of a decided question, what was stored when it was asked.
    pub stored: Json,
    /// What arrived.
    pub incoming: Json,
    /// Held rows: all that would be posted, by field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<Map<String, Json>>,
    /// Held rows: what plugins found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub why: Vec<WhyLine>,
    /// The source.
    pub source: String,
    /// The place.
    pub place: String,
    /// In whose name.
    pub actor: String,
    /// When, RFC 3339.
    pub at: String,
    /// Held arrivals: how much would change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extent: Option<Json>,
    /// How it was decided; absent while it is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided: Option<String>,
}

/// Why a plugin holds something.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WhyLine {
    /// Its name.
    pub plugin: String,
    /// Its version; `None` if it could not be loaded.
    pub version: Option<String>,
    /// The field's name; `None` for the row as a whole.
    pub field: Option<String>,
    /// Which of its rules, for who may see all that it saw; `plugin-failed` if it had no answer, `plugin-held` for others.
    pub code: String,
    /// In its own words; `None` for who may not see all that it saw.
    pub message: Option<String>,
}

impl<'a> Reading<'a> {
    /// Reads as `actor`, with times in `zone`.
    pub fn new(decider: &'a Decider, actor: &'a Actor, zone: &'a TimeZone) -> Self {
        Self { decider, actor, zone }
    }

    /// What the actor may do with a record.
    pub fn rights(&self, table: &Table, record: &StoredRecord) -> Rights {
        let subject = Subject::of(table, |field| record.value(field));
        self.decider.rights(self.actor, table, &subject)
    }

    /// The record, or `None` if the actor may see nothing of it.
    ///
    /// `rights` are those on the record as it stands now, also where `record` is an earlier state of it: who has lost a
    /// record has lost its past too.
    pub fn record(&self, table: &Table, rights: &Rights, record: &StoredRecord) -> Option<VisibleRecord> {
        if !rights.any() {
            return None;
        }
        let mut fields = Map::new();
        let mut masked = Vec::new();
        for field in &table.fields {
            let value = record.value(field.id);
            match rights.sight(&field.class) {
                Sight::Hidden => {}
                Sight::Clear => {
                    fields.insert(field.name.to_string(), value.map_or(Json::Null, |value| self.json(value)));
                }
                Sight::Masked => {
                    let text = value.map_or(Json::Null, |value| Json::String(access::mask(field, value).into()));
                    fields.insert(field.name.to_string(), text);
                    masked.push(field.name.to_string());
                }
            }
        }
        Some(VisibleRecord {
            id: record.id.to_string(),
            table: record.table.to_string(),
            version: record.version,
            fields,
            masked,
            updated_at: record.updated_at.to_rfc3339(self.zone),
            archived: record.archived,
        })
    }

    /// Whether a value of the record that may be read contains `text`, which is in lower case. `rights` as for
    /// [`record`](Self::record).
    pub fn contains(table: &Table, rights: &Rights, record: &StoredRecord, text: &str) -> bool {
        table.fields.iter().filter(|field| rights.sight(&field.class) == Sight::Clear).any(|field| {
            record.value(field.id).is_some_and(|value| {
                value.to_string().to_lowercase().contains(text)
                    || field.comparison_text(value).to_lowercase().contains(text)
            })
        })
    }

    /// The lines of one arrival's entry that the actor may see.
    pub fn history(
        &self,
        table: &Table,
        rights: &Rights,
        arrival: &Arrival,
        rules: &[compact_str::CompactString],
        entry: &RecordEntry,
    ) -> Vec<HistoryLine> {
        let mut lines = Vec::new();
        for cell in &entry.cells {
            let Some(field) = table.field(cell.field) else { continue };
            if rights.sight(&field.class) == Sight::Hidden || cell.outcome == Outcome::Unchanged {
                continue;
            }
            let value = if cell.outcome == Outcome::Applied { cell.posted() } else { &cell.seen };
            let previous = cell.before.as_ref().and_then(|before| before.stored.as_ref());
            lines.push(HistoryLine {
                record: entry.record.to_string(),
                field: field.name.to_string(),
                value: self.cell(field, rights, Some(value)),
                previous: self.cell(field, rights, previous),
                source: arrival.source.to_string(),
                place: arrival.place_of(entry.row, cell.field),
                actor: arrival.actor.to_string(),
                rule: rules.get(usize::from(cell.rule)).map_or_else(String::new, ToString::to_string),
                arrival: arrival.id.to_string(),
                at: arrival.at.to_rfc3339(self.zone),
                outcome: cell.outcome.name(),
                claimed_editor: arrival.mark.editor.clone(),
            });
        }
        lines
    }

    /// A review, or `None` if the actor may see nothing of what it is about.
    ///
    /// A review without a record (a held arrival) is for stewards only.
    pub fn review(
        &self,
        table: &Table,
        record: Option<&StoredRecord>,
        review: &Review,
        decided: Option<&str>,
    ) -> Option<ReviewLine> {
        let everything = *self.actor == Actor::Steward;
        let rights = record.map(|record| self.rights(table, record));
        if !everything && !rights.as_ref().is_some_and(Rights::any) {
            return None;
        }
        let field = review.field.and_then(|id| table.field(id));
        let hidden = |field: &Field| rights.as_ref().is_some_and(|rights| rights.sight(&field.class) == Sight::Hidden);
        if field.is_some_and(hidden) {
            return None;
        }
        let shown = |cell: Option<&Cell>| match (field, &rights) {
            (Some(field), Some(rights)) => self.cell(field, rights, cell),
            (Some(field), None) => cell.map_or(Json::Null, |cell| self.plain(field, cell)),
            (None, _) => Json::Null,
        };
        // Of a decided question the value that stands now is the decision, not what it was about.
        let stored = match (record, review.field) {
            (Some(record), Some(field)) if decided.is_none() => record.cell(field).map(|stored| &stored.cell),
            _ => review.stored.as_ref(),
        };
        Some(ReviewLine {
            id: review.id.to_string(),
            kind: review.kind.name(),
            table: review.table.to_string(),
            record: review.record.map(|id| id.to_string()),
            key: record.and_then(|record| self.key(table, record)),
            field: field.map(|field| field.name.to_string()),
            base: shown(review.base.as_ref()),
            stored: shown(stored),
            incoming: shown(review.incoming.as_ref()),
            why: review.held.iter().map(|reason| Self::why(table, rights.as_ref(), reason)).collect(),
            row: (review.kind == ReviewKind::Plugin).then(|| self.row(table, rights.as_ref(), &review.group)),
            source: review.source.to_string(),
            place: review.place.clone(),
            actor: review.actor.to_string(),
            at: review.at.to_rfc3339(self.zone),
            extent: review.extent.map(|extent| {
                json!({
                    "changed_cells": extent.changed_cells,
                    "known_cells": extent.known_cells,
                    "missing_rows": extent.missing_rows,
                    "known_rows": extent.known_rows,
                })
            }),
            decided: decided.map(str::to_owned),
        })
    }

    /// What a plugin found, as far as the actor may see it; without rights the steward looks.
    fn why(table: &Table, rights: Option<&Rights>, reason: &HeldReason) -> WhyLine {
        let sight = |id: FieldId| match (table.field(id), rights) {
            (Some(field), Some(rights)) => rights.sight(&field.class),
            (Some(_), None) => Sight::Clear,
            (None, _) => Sight::Hidden,
        };
        // A code is a word of the plugin's own: whatever it saw can stand in one.
        let sees_all = reason.reads.iter().all(|id| sight(*id) == Sight::Clear);
        let (plugin, version) = reason.plugin();
        let field = reason.field.filter(|id| sight(*id) != Sight::Hidden).and_then(|id| table.field(id));
        WhyLine {
            plugin: plugin.to_owned(),
            version: version.map(str::to_owned),
            field: field.map(|field| field.name.to_string()),
            code: if sees_all || reason.code == FAILED.0 { reason.code.to_string() } else { HELD.0.to_owned() },
            message: sees_all.then(|| reason.message.clone()),
        }
    }

    /// The cells of a held row that the actor may see; without rights the steward looks.
    fn row(&self, table: &Table, rights: Option<&Rights>, cells: &[(FieldId, Cell)]) -> Map<String, Json> {
        let visible = cells.iter().filter_map(|(id, cell)| Some((table.field(*id)?, cell)));
        let visible =
            visible.filter(|(field, _)| rights.is_none_or(|rights| rights.sight(&field.class) != Sight::Hidden));
        let shown = visible.map(|(field, cell)| {
            let json = rights.map_or_else(|| self.plain(field, cell), |rights| self.cell(field, rights, Some(cell)));
            (field.name.to_string(), json)
        });
        shown.collect()
    }

    /// The primary key as a person writes it, if the actor may read all of it.
    pub fn key(&self, table: &Table, record: &StoredRecord) -> Option<String> {
        let rights = self.rights(table, record);
        let mut parts = Vec::new();
        for id in &table.primary_key {
            let field = table.field(*id)?;
            if rights.sight(&field.class) != Sight::Clear {
                return None;
            }
            parts.push(record.value(*id)?.to_string());
        }
        Some(parts.join(","))
    }

    /// A cell under the actor's rights.
    fn cell(&self, field: &Field, rights: &Rights, cell: Option<&Cell>) -> Json {
        match (rights.sight(&field.class), cell) {
            (Sight::Hidden, _) | (_, None) | (Sight::Masked, Some(Cell::Blank)) => Json::Null,
            (Sight::Clear, Some(cell)) => self.plain(field, cell),
            (Sight::Masked, Some(Cell::Value(value))) => Json::String(access::mask(field, value).into()),
            (Sight::Masked, Some(Cell::Masked(text))) => Json::String(text.to_string()),
            (Sight::Masked, Some(Cell::Raw(_) | Cell::Formula(_))) => Json::String("***".to_owned()),
        }
    }

    /// A cell without masks.
    fn plain(&self, _field: &Field, cell: &Cell) -> Json {
        match cell {
            Cell::Blank => Json::Null,
            Cell::Value(value) => self.json(value),
            Cell::Raw(text) | Cell::Masked(text) => Json::String(text.to_string()),
            Cell::Formula(result) => result.as_ref().map_or(Json::Null, |value| self.json(value)),
        }
    }

    /// A value as the contract writes it.
    pub fn json(&self, value: &Value) -> Json {
        match value {
            Value::Text(text) => Json::String(text.to_string()),
            Value::Integer(number) if number.unsigned_abs() < 1_000_000_000_000_000 => json!(number),
            Value::Integer(number) => Json::String(number.to_string()),
            Value::Number(number) => json_number(&number.to_string()),
            Value::Boolean(flag) => json!(flag),
            Value::Date(date) => Json::String(date.to_string()),
            Value::DateTime(at) => match at.to_zoned(self.zone.clone()) {
                Ok(zoned) => Json::String(zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()),
                Err(_) => Json::String(value.to_string()),
            },
            Value::List(items) => Json::Array(items.iter().map(|item| Json::String(item.to_string())).collect()),
        }
    }

    /// The field of a table by id, for callers that hold only the id.
    pub fn field_name(table: &Table, id: FieldId) -> String {
        table.field(id).map_or_else(|| format!("field-{}", id.0), |field| field.name.to_string())
    }
}

/// A decimal as a JSON number, or as text if it has more than 15 digits.
fn json_number(text: &str) -> Json {
    // Zeros in front are no digits that a reader could lose.
    let digits = text.bytes().filter(u8::is_ascii_digit).skip_while(|digit| *digit == b'0').count();
    if digits > 15 {
        return Json::String(text.to_owned());
    }
    text.parse().map_or_else(|_| Json::String(text.to_owned()), Json::Number)
}
