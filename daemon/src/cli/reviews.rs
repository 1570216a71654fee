//! `daybook review list|show|decide` and `daybook change list|show|revert`.

use std::path::Path;

use serde_json::json;

use super::args::{ChangeCommand, Choice, ReviewCommand};
use super::open::{Make, actor, open};
use super::output::Out;
use super::records::{plain, without_nulls};
use super::{Failure, Outcome};
use crate::access::{Rights, Sight};
use crate::error::Words;
use crate::model::{self, Actor, ArrivalId, ArrivalKind, CellEntry, Life, RecordEntry, ReviewId, StoredRecord, Table};
use crate::pipeline::reading::{ReviewLine, WhyLine};
use crate::pipeline::{Decision, Look, PipelineError, by_prefix};
use crate::plugin::FAILED;
use crate::store::{ArrivalFilter, ArrivalLine, KeptReview, Tally};

pub(crate) fn review(config: Option<&Path>, command: ReviewCommand, out: &mut Out) -> Outcome {
    match command {
        ReviewCommand::List { person, all } => list(config, person.as_deref(), all, out),
        ReviewCommand::Show { id, person } => show(config, &id, person.as_deref(), out),
        ReviewCommand::Decide { id, choice, value, person } => {
            decide(config, &id, choice, value, person.as_deref(), out)
        }
    }
}

fn list(config: Option<&Path>, person: Option<&str>, all: bool, out: &mut Out) -> Outcome {
    let mut pipeline = open(config, Make::No)?;
    let who = actor(pipeline.config(), person)?;
    let look = pipeline.look()?;
    let mut count = 0_u64;
    for kept in look.snapshot.reviews(!all)? {
        if let Some(line) = line(&look, &who, &kept)? {
            count += 1;
            if out.json { out.value(&line) } else { out.line(one_line(&line)) }
        }
    }
    if !out.json {
        out.message(format!("{count} question{}", super::output::plural(count)));
    }
    Ok(())
}

/// A review as somebody may see it.
fn line(look: &Look<'_>, who: &Actor, kept: &KeptReview) -> Result<Option<ReviewLine>, Failure> {
    let review = &kept.review;
    let Some(table) = look.config.table(review.table.as_str()) else { return Ok(None) };
    let record: Option<StoredRecord> = match review.record {
        Some(id) => look.snapshot.record(&table.name, id)?,
        None => None,
    };
    let decided = kept.closed.as_ref().map(|closed| closed.how.as_str());
    Ok(look.reading(who).review(table, record.as_ref(), review, decided))
}

fn one_line(line: &ReviewLine) -> String {
    let what = match &line.field {
        Some(field) => format!(
            "{}.{field}: stored `{}`, incoming `{}` (was `{}`)",
            line.key.as_deref().unwrap_or("?"),
            plain(&line.stored),
            plain(&line.incoming),
            plain(&line.base)
        ),
        None => line.key.clone().unwrap_or_default(),
    };
    let decided = line.decided.as_deref().map(|how| format!("  decided: {how}")).unwrap_or_default();
    let why = line.why.first().map(|why| format!(": {}", because(why))).unwrap_or_default();
    let what = format!("{what}{why}");
    format!("{}  {:<11} {what}  from {} ({}, {}){decided}", line.id, line.kind, line.place, line.actor, line.at)
}

/// What a plugin found, in one line.
fn because(why: &WhyLine) -> String {
    let version = why.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
    let field = why.field.as_ref().map(|field| format!(" in `{field}`")).unwrap_or_default();
    let message = why.message.as_ref().map(|message| format!(": {message}")).unwrap_or_default();
    if why.code == FAILED.0 {
        // It has found nothing: it could not look.
        return format!("the plugin `{}`{version} had no answer{message}", why.plugin);
    }
    format!("the plugin `{}`{version} found `{}`{field}{message}", why.plugin, why.code)
}

fn find(look: &Look<'_>, id: &str) -> Result<KeptReview, Failure> {
    if let Ok(id) = id.parse::<ReviewId>()
        && let Some(kept) = look.snapshot.review(id)?
    {
        return Ok(kept);
    }
    let all = look.snapshot.reviews(false)?;
    Ok(by_prefix("review", id, all.into_iter().map(|kept| (kept.review.id.to_string(), kept)))?)
}

fn show(config: Option<&Path>, id: &str, person: Option<&str>, out: &mut Out) -> Outcome {
    let mut pipeline = open(config, Make::No)?;
    let who = actor(pipeline.config(), person)?;
    let look = pipeline.look()?;
    let kept = find(&look, id)?;
    let Some(line) = line(&look, &who, &kept)? else {
        return Err(Failure::Failed(Words::new(format!("there is no review `{id}` that may be seen"), "")));
    };
    if out.json {
        out.value(&line);
        return Ok(());
    }
    let table = look.config.table(&line.table);
    let title = line.field.as_ref().and_then(|name| Some(table?.field_named(name)?.title().to_owned()));
    out.line(format!("{}  {}  {}", line.kind, line.at, line.id));
    out.line(format!("  from      {} ({}, {})", line.place, line.source, line.actor));
    if let Some(key) = &line.key {
        out.line(format!("  record    {key}"));
    }
    if let Some(title) = title {
        out.line(format!("  field     {title}"));
        out.line(format!("  base      {}", plain(&line.base)));
        out.line(format!("  stored    {}", plain(&line.stored)));
        out.line(format!("  incoming  {}", plain(&line.incoming)));
    }
    for (name, value) in line.row.iter().flatten() {
        out.line(format!("  changes   {name}: {}", plain(value)));
    }
    for why in &line.why {
        out.line(format!("  because   {}", because(why)));
    }
    if let Some(extent) = &line.extent {
        out.line(format!(
            "  changes   {} of {} known cells; {} of {} known rows are gone or have another key",
            extent["changed_cells"], extent["known_cells"], extent["missing_rows"], extent["known_rows"]
        ));
    }
    match (&line.decided, line.kind) {
        (Some(how), _) => out.line(format!("  decided   {how}")),
        (None, "conflict") => {
            out.line(format!("decide it: daybook review decide {} incoming|stored|base|value TEXT", line.id));
        }
        (None, "ambiguous") if line.record.is_some() => {
            out.line("is it the same record, its key corrected (accept), or a new one (reject)?");
            out.line(format!("decide it: daybook review decide {} accept|reject", line.id));
        }
        (None, "ambiguous") => {
            out.line("does the column of this title hold the field (accept), or something else (reject)?");
            out.line(format!("decide it: daybook review decide {} accept|reject", line.id));
        }
        (None, _) => out.line(format!("decide it: daybook review decide {} accept|reject", line.id)),
    }
    Ok(())
}

fn decide(
    config: Option<&Path>,
    id: &str,
    choice: Choice,
    value: Option<String>,
    person: Option<&str>,
    out: &mut Out,
) -> Outcome {
    let decision = match (choice, value) {
        (Choice::Value, Some(text)) => Decision::Value(text),
        (Choice::Value, None) => {
            return Err(Failure::Usage(Words::new("which value?", "`daybook review decide ID value TEXT`")));
        }
        (_, Some(text)) => {
            let what = format!("`{text}` is one word too many");
            return Err(Failure::Usage(Words::new(what, "Only `value` takes a text.")));
        }
        (Choice::Incoming, None) => Decision::Incoming,
        (Choice::Stored, None) => Decision::Stored,
        (Choice::Base, None) => Decision::Base,
        (Choice::Accept, None) => Decision::Accept,
        (Choice::Reject, None) => Decision::Reject,
    };
    let mut pipeline = open(config, Make::No)?;
    let who = actor(pipeline.config(), person)?;
    let kept = {
        let look = pipeline.look()?;
        let kept = find(&look, id)?;
        // Who may not see a question learns nothing of it by deciding it.
        if line(&look, &who, &kept)?.is_none() {
            return Err(Failure::Failed(Words::new(format!("there is no review `{id}` that may be seen"), "")));
        }
        kept
    };
    if let Some(closed) = &kept.closed {
        let what = format!("this has been decided already: {}", closed.how);
        return Err(Failure::Failed(Words::new(what, "`daybook change revert` undoes a decision.")));
    }
    let report = pipeline.decide(&kept.review, &decision, &who)?;
    out.changed(&report, false);
    Ok(())
}

pub(crate) fn change(config: Option<&Path>, command: ChangeCommand, out: &mut Out) -> Outcome {
    match command {
        ChangeCommand::List { limit, source } => {
            let mut pipeline = open(config, Make::No)?;
            let look = pipeline.look()?;
            let filter = ArrivalFilter {
                source: source.as_deref().map(Into::into),
                before: None,
                limit: Some(u32::try_from(limit).unwrap_or(u32::MAX)),
            };
            for line in look.snapshot.arrivals(&filter)? {
                let value = change_line(&look, &line);
                if out.json { out.value(&value) } else { out.line(change_text(&look, &line)) }
            }
            Ok(())
        }
        ChangeCommand::Show { id, person } => show_change(config, &id, person.as_deref(), out),
        ChangeCommand::Revert { id, person, dry_run } => {
            let mut pipeline = open(config, Make::No)?;
            let who = actor(pipeline.config(), person.as_deref())?;
            let arrival = find_arrival(&pipeline.look()?, &id)?.arrival.id;
            let report = pipeline.revert(arrival, &who, dry_run)?;
            out.changed(&report, dry_run);
            if report.refused > 0 { Err(Failure::Wrong) } else { Ok(()) }
        }
    }
}

fn find_arrival(look: &Look<'_>, id: &str) -> Result<ArrivalLine, PipelineError> {
    let all = look.snapshot.arrivals(&ArrivalFilter::default())?;
    by_prefix("arrival", id, all.into_iter().map(|line| (line.arrival.id.to_string(), line)))
}

/// The same words for an arrival that is not there and for one of which nothing may be seen.
fn no_arrival(id: &str) -> Failure {
    let what = format!("there is no arrival `{id}` that may be seen");
    Failure::Failed(Words::new(what, "`daybook change list` shows the newest."))
}

/// Counts an entry as far as its reader may see it: how many cells she does not see would tell of them.
fn count_visible(tally: &mut Tally, table: &Table, rights: &Rights, entry: &RecordEntry) {
    let visible =
        |cell: &&CellEntry| table.field(cell.field).is_some_and(|field| rights.sight(&field.class) != Sight::Hidden);
    let mut seen = entry.life != Life::Unchanged && rights.any();
    for cell in entry.cells.iter().filter(visible) {
        seen = true;
        *match cell.outcome {
            model::Outcome::Unchanged => &mut tally.unchanged,
            model::Outcome::Applied => &mut tally.applied,
            model::Outcome::Superseded => &mut tally.superseded,
            model::Outcome::Refused => &mut tally.refused,
            model::Outcome::Conflict => &mut tally.conflicts,
            model::Outcome::Held => &mut tally.held,
        } += 1;
    }
    tally.records += u64::from(seen);
}

fn show_change(config: Option<&Path>, id: &str, person: Option<&str>, out: &mut Out) -> Outcome {
    let mut pipeline = open(config, Make::No)?;
    let who = actor(pipeline.config(), person)?;
    let look = pipeline.look()?;
    let mut line = match find_arrival(&look, id) {
        Err(PipelineError::Unknown { .. }) => return Err(no_arrival(id)),
        found => found?,
    };
    let posting = look.snapshot.posting(line.arrival.id)?;
    let (Some(posting), Some(table)) = (posting, look.config.table(line.arrival.table.as_str())) else {
        return Err(no_arrival(id));
    };
    let reading = look.reading(&who);
    let ids: Vec<_> = posting.records.iter().map(|entry| entry.record).collect();
    let stored = look.snapshot.records(&table.name, &ids)?;
    let mut changes = Vec::new();
    let mut tally = Tally::default();
    for entry in &posting.records {
        let Some(record) = stored.get(&entry.record) else { continue };
        let rights = reading.rights(table, record);
        changes.extend(reading.history(table, &rights, &posting.arrival, &posting.rules, entry));
        count_visible(&mut tally, table, &rights, entry);
    }
    if who != Actor::Steward {
        if tally.records == 0 {
            return Err(no_arrival(id));
        }
        line.tally = tally;
    }
    if out.json {
        let mut value = change_line(&look, &line);
        value["changes"] = json!(changes);
        // A problem's text may tell of records that the person may not see.
        if who == Actor::Steward {
            value["problems"] = json!(posting.problems);
        }
        out.value(&value);
        return Ok(());
    }
    out.line(change_text(&look, &line));
    for change in &changes {
        out.line(format!(
            "  {:<10} {:<14} {} -> {}  ({}, {})",
            change.outcome,
            change.field,
            plain(&change.previous),
            plain(&change.value),
            change.place,
            change.rule
        ));
    }
    if who == Actor::Steward {
        posting.problems.iter().for_each(|problem| out.problem(problem));
    }
    Ok(())
}

fn kind(kind: &ArrivalKind) -> &'static str {
    match kind {
        ArrivalKind::Workbook => "workbook",
        ArrivalKind::Edit => "edit",
        ArrivalKind::Decision(_) => "decision",
        ArrivalKind::Revert(_) => "revert",
        ArrivalKind::Publication => "publication",
        ArrivalKind::Mail => "mail",
    }
}

fn subject(kind: &ArrivalKind) -> Option<String> {
    match kind {
        ArrivalKind::Decision(id) => Some(ReviewId::to_string(id)),
        ArrivalKind::Revert(id) => Some(ArrivalId::to_string(id)),
        ArrivalKind::Workbook | ArrivalKind::Edit | ArrivalKind::Publication | ArrivalKind::Mail => None,
    }
}

fn change_line(look: &Look<'_>, line: &ArrivalLine) -> serde_json::Value {
    let (arrival, tally) = (&line.arrival, &line.tally);
    without_nulls(json!({
        "id": arrival.id.to_string(),
        "kind": kind(&arrival.kind),
        "of": subject(&arrival.kind),
        "at": arrival.at.to_rfc3339(&look.config.office.timezone),
        "source": arrival.source.as_str(),
        "table": arrival.table.as_str(),
        "actor": arrival.actor.to_string(),
        "place": arrival.place.as_ref().map(crate::model::Place::whole),
        "claimed_editor": arrival.mark.editor,
        "revision": line.revision.0,
        "records": tally.records,
        "applied": tally.applied,
        "unchanged": tally.unchanged,
        "superseded": tally.superseded,
        "refused": tally.refused,
        "conflicts": tally.conflicts,
        "held": tally.held,
    }))
}

fn change_text(look: &Look<'_>, line: &ArrivalLine) -> String {
    let (arrival, tally) = (&line.arrival, &line.tally);
    let place = arrival.place.as_ref().map_or_else(|| arrival.source.to_string(), crate::model::Place::whole);
    let editor = arrival.mark.editor.as_ref().map(|editor| format!(", saved by `{editor}`")).unwrap_or_default();
    format!(
        "{}  {}  {:<11} {place} ({}{editor}): {} applied, {} refused, {} in conflict",
        arrival.id,
        arrival.at.to_rfc3339(&look.config.office.timezone),
        kind(&arrival.kind),
        arrival.actor,
        tally.applied,
        tally.refused,
        tally.conflicts
    )
}
