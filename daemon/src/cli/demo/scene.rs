//! What the steps of the day are made of: somebody types and saves, Daybook looks, and what came of it is looked up.
//!
//! Nothing is told that was not read back from the store or from a workbook; what is not so ends the demo.

use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use super::super::Failure;
use super::super::records::plain;
use super::book::Book;
use super::office::Office;
use super::teller::Teller;
use crate::app;
use crate::codec::sheet::RawCell;
use crate::error::Words;
use crate::model::entry::KeyIndex;
use crate::model::{Actor, ArrivalId, ArrivalKind, Review, ReviewKind, StoredRecord, Table};
use crate::pipeline::reading::HistoryLine;
use crate::pipeline::{Decision, Pipeline, Report, joined_key, key_cells};
use crate::store::ArrivalFilter;
use crate::text::Texts;

/// A day while it is being told.
pub(super) struct Scene<'a, 'o> {
    pub(super) pipeline: &'a mut Pipeline,
    pub(super) teller: &'a mut Teller<'o>,
    pub(super) texts: &'a Texts,
    pub(super) office: &'a Office,
    pub(super) table: Table,
    /// How much has been looked up and found so.
    pub(super) checks: u32,
    /// What has become of the day's edits, for `--json`.
    pub(super) changes: Vec<Json>,
}

/// Somebody of the office at her desk.
pub(super) struct Desk {
    /// What a spreadsheet program writes as the editor's name.
    pub(super) name: String,
    /// Whose rights her workbook has.
    pub(super) actor: Actor,
    /// Her workbook.
    pub(super) path: PathBuf,
}

/// A cell that somebody typed into.
pub(super) struct Typed {
    pub(super) key: String,
    pub(super) field: &'static str,
    pub(super) place: String,
    pub(super) title: String,
    pub(super) old: String,
    pub(super) new: String,
}

impl Scene<'_, '_> {
    /// The desk in the sales department.
    pub(super) fn sales(&self) -> Desk {
        let actor = Actor::Person("li.lei@example.com".to_owned());
        Desk { name: self.texts.get("demo-sales"), actor, path: self.office.sales.clone() }
    }

    /// The desk in the finance department.
    pub(super) fn finance(&self) -> Desk {
        let actor = Actor::Person("han.meimei@example.com".to_owned());
        Desk { name: self.texts.get("demo-finance"), actor, path: self.office.finance.clone() }
    }

    /// Opens a workbook.
    pub(super) fn open(&self, path: &Path) -> Result<Book, Failure> {
        Book::open(self.pipeline, path)
    }

    /// Somebody types into cells of her workbook and saves it.
    pub(super) fn types(
        &mut self,
        desk: &Desk,
        edits: Vec<(String, &'static str, RawCell, &str)>,
    ) -> Result<Vec<Typed>, Failure> {
        let mut book = self.open(&desk.path)?;
        let mut typed = Vec::with_capacity(edits.len());
        for (key, field, cell, new) in edits {
            let place = book.place(&self.table, &key, field);
            let title = book.title(&self.table, field);
            let Some(old) = book.set(&self.table, &key, field, cell) else {
                return Err(self.not_so(&format!("{place}: {key}.{field}")));
            };
            typed.push(Typed { key, field, place, title, old, new: new.to_owned() });
        }
        book.save(self.pipeline, &self.table, &desk.name, &desk.actor)?;
        Ok(typed)
    }

    /// Tells what somebody typed.
    pub(super) fn tell(&mut self, typed: &Typed) {
        self.teller.change(&typed.place, &typed.title, &typed.old, &typed.new);
    }

    /// Tells what somebody typed, and what became of it.
    pub(super) fn tell_whole(&mut self, typed: &Typed) -> Result<HistoryLine, Failure> {
        self.tell(typed);
        self.tell_outcome(typed)
    }

    /// Tells what became of what somebody typed, as its history has it.
    pub(super) fn tell_outcome(&mut self, typed: &Typed) -> Result<HistoryLine, Failure> {
        let lines = self.changes_of(&typed.key, typed.field)?;
        let Some(line) = lines.into_iter().rfind(|line| line.place == typed.place) else {
            return Err(self.not_so(&format!("{}: no history", typed.place)));
        };
        self.tell_line(&line);
        Ok(line)
    }

    /// Tells who decided a change, and by which rule.
    pub(super) fn tell_line(&mut self, line: &HistoryLine) {
        let outcome = self.outcome(line.outcome);
        let arguments = [
            ("outcome", outcome.into()),
            ("who", self.name_of(&line.actor).into()),
            ("rule", line.rule.clone().into()),
        ];
        self.teller.detail(&self.texts.format("demo-outcome", &arguments));
        self.note(line);
    }

    /// An actor as a person reads it.
    pub(super) fn name_of(&self, actor: &str) -> String {
        if actor == Actor::Steward.to_string() { self.texts.get("demo-steward") } else { actor.to_owned() }
    }

    /// Keeps a change for `--json`.
    pub(super) fn note(&mut self, line: &HistoryLine) {
        self.changes.push(json!({
            "place": line.place, "field": line.field, "previous": line.previous, "value": line.value,
            "actor": line.actor, "rule": line.rule, "outcome": line.outcome,
        }));
    }

    fn outcome(&self, name: &str) -> String {
        let texts = self.texts;
        match name {
            "applied" => texts.get("demo-outcome-applied"),
            "superseded" => texts.get("demo-outcome-superseded"),
            "refused" => texts.get("demo-outcome-refused"),
            "conflict" => texts.get("demo-outcome-conflict"),
            "held" => texts.get("demo-outcome-held"),
            other => other.to_owned(),
        }
    }

    /// Daybook looks at every workbook, and writes what has to be written.
    pub(super) fn look(&mut self) -> Result<Report, Failure> {
        Ok(app::sync(self.pipeline, false)?)
    }

    /// A record by its key.
    pub(super) fn record(&mut self, key: &str) -> Result<Option<StoredRecord>, Failure> {
        let cells = key_cells(&self.table, &[key.to_owned()])?;
        let Some(parts) = self.table.key_of(&cells) else { return Ok(None) };
        let text = joined_key(&parts);
        let look = self.pipeline.look()?;
        let keys = std::slice::from_ref(&text);
        let found = look.snapshot.records_by_key(&self.table.name, KeyIndex::Primary, keys)?.remove(&text);
        Ok(match found {
            Some(id) => look.snapshot.record(&self.table.name, id)?,
            None => None,
        })
    }

    /// What the ledger holds in a field of a record, as text.
    pub(super) fn stored(&mut self, key: &str, field: &str) -> Result<String, Failure> {
        let Some(field) = self.table.field_named(field).map(|field| field.id) else { return Ok(String::new()) };
        let record = self.record(key)?;
        Ok(record.and_then(|record| record.value(field).map(ToString::to_string)).unwrap_or_default())
    }

    /// The newest change of a field of a record, as the steward sees it.
    pub(super) fn last_change(&mut self, key: &str, field: &str) -> Result<Option<HistoryLine>, Failure> {
        Ok(self.changes_of(key, field)?.pop())
    }

    /// All changes of a field of a record, oldest first, as the steward sees them.
    fn changes_of(&mut self, key: &str, field: &str) -> Result<Vec<HistoryLine>, Failure> {
        let Some(record) = self.record(key)? else { return Ok(Vec::new()) };
        let look = self.pipeline.look()?;
        let reading = look.reading(&Actor::Steward);
        let rights = reading.rights(&self.table, &record);
        let mut lines = Vec::new();
        for item in look.snapshot.history(record.id)? {
            lines.extend(reading.history(&self.table, &rights, &item.arrival, &item.rules, &item.entry));
        }
        lines.retain(|line| line.field == field);
        Ok(lines)
    }

    /// The open question of a kind about a record.
    pub(super) fn question(&mut self, kind: ReviewKind, key: &str) -> Result<Option<Review>, Failure> {
        let Some(record) = self.record(key)?.map(|record| record.id) else { return Ok(None) };
        let open = self.pipeline.look()?.snapshot.reviews(true)?;
        Ok(open.into_iter().map(|kept| kept.review).find(|review| review.kind == kind && review.record == Some(record)))
    }

    /// The steward decides; the views follow.
    pub(super) fn decide(&mut self, review: &Review, decision: &Decision) -> Result<Report, Failure> {
        let mut report = self.pipeline.decide(review, decision, &Actor::Steward)?;
        report.add(app::publish_due(self.pipeline)?);
        Ok(report)
    }

    /// The newest save that came from a source.
    pub(super) fn newest_save(&mut self, source: &str) -> Result<Option<ArrivalId>, Failure> {
        let filter = ArrivalFilter { source: Some(source.into()), before: None, limit: None };
        let lines = self.pipeline.look()?.snapshot.arrivals(&filter)?;
        let saves = lines.iter().map(|line| &line.arrival).filter(|arrival| arrival.kind == ArrivalKind::Workbook);
        Ok(saves.max_by_key(|arrival| (arrival.at, arrival.id)).map(|arrival| arrival.id))
    }

    /// Ticks off what was looked up, or ends the demo.
    pub(super) fn check(&mut self, what: &str, holds: bool) -> Result<(), Failure> {
        if !holds {
            return Err(self.not_so(what));
        }
        self.checks += 1;
        self.teller.good(what);
        Ok(())
    }

    /// Looks without a word, or ends the demo.
    pub(super) fn expect<T: PartialEq + std::fmt::Debug>(
        &mut self,
        what: &str,
        found: &T,
        wanted: &T,
    ) -> Result<(), Failure> {
        if found != wanted {
            return Err(self.not_so(&format!("{what}: {found:?}, not {wanted:?}")));
        }
        self.checks += 1;
        Ok(())
    }

    /// Something is not as it was told.
    fn not_so(&self, what: &str) -> Failure {
        let folder = self.office.directory.display().to_string();
        let hint = self.texts.format("demo-not-so-hint", &[("folder", folder.into())]);
        Failure::Failed(Words::new(self.texts.format("demo-not-so", &[("what", what.into())]), hint))
    }

    /// Tells what Daybook said of what is wrong.
    pub(super) fn tell_problems(&mut self, report: &Report) {
        for problem in &report.problems {
            self.teller.quote(&problem.message);
            if !problem.hint.is_empty() {
                self.teller.quote(&format!("→ {}", problem.hint));
            }
        }
    }
}

/// A text cell.
pub(super) fn text(text: &str) -> RawCell {
    RawCell::Text(text.into())
}

/// A cell of a review as a person reads it.
pub(super) fn shown(cell: Option<&crate::model::Cell>) -> String {
    cell.map_or_else(|| plain(&Json::Null), ToString::to_string)
}
