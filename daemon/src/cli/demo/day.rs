//! The day itself, step by step, through the same parts that the daemon runs on.

use std::collections::HashMap;
use std::ops::ControlFlow;

use jiff::civil;
use serde_json::{Value as Json, json};

use super::super::Failure;
use super::customers::{COUNT, STAGES, all, key};
use super::scene::{Scene, shown, text};
use crate::codec::sheet::RawCell;
use crate::model::{Actor, FieldId, ReviewKind, Timestamp};
use crate::pipeline::{Decision, Report, file_name};
use crate::store::ArrivalFilter;

/// The day's figures, as they are told at its end.
#[derive(Default)]
struct Figures {
    arrivals: u64,
    applied: u64,
    superseded: u64,
    refused: u64,
    conflicts: u64,
    questions: usize,
    open: u64,
}

impl Scene<'_, '_> {
    /// Tells the whole day. Gives its figures for `--json`.
    pub(super) fn day(&mut self) -> Result<Json, Failure> {
        self.morning()?;
        self.an_edit_that_spreads()?;
        self.a_conflict()?;
        self.a_forbidden_edit()?;
        self.a_bad_value()?;
        self.a_rule_of_its_own()?;
        self.a_mail()?;
        self.a_vanished_row()?;
        self.a_change_that_is_reverted()?;
        self.evening()
    }

    fn morning(&mut self) -> Result<(), Failure> {
        let texts = self.texts;
        self.teller.step(&texts.get("demo-morning"));
        self.teller.say(&texts.get("demo-morning-begin"));
        let report = self.look()?;
        self.tell_problems(&report);
        self.expect("problems", &report.problems, &Vec::new())?;
        let (sales, export) = (self.open(&self.office.sales)?, self.open(&self.office.bookkeeping)?);
        let (finance, management) = (self.open(&self.office.finance)?, self.open(&self.office.management)?);
        let rows = |count: usize| texts.format("demo-rows", &[("count", count.into())]);
        let read = texts.get("demo-read");
        let written = texts.get("demo-written");
        let files = [
            (&read, &self.office.sales, sales.rows(), texts.get("demo-file-sales")),
            (&read, &self.office.bookkeeping, export.rows(), texts.get("demo-file-bookkeeping")),
            (&written, &self.office.finance, finance.rows(), texts.get("demo-file-finance")),
            (&written, &self.office.management, management.rows(), texts.get("demo-file-management")),
        ];
        for (what, path, count, note) in files {
            self.teller.file(what, &file_name(path), &rows(count), &note);
        }

        let records = self.pipeline.look()?.snapshot.count(&self.table.name)?;
        let wanted = usize::try_from(COUNT).unwrap_or_default();
        let counts = [("records", records.into()), ("changes", report.applied.into())];
        let is_whole = records == u64::from(COUNT) && finance.rows() == wanted && report.published == 3;
        self.check(&texts.format("demo-morning-counts", &counts), is_whole)?;
        let someone = key(103);
        let (name, limit) = (self.stored(&someone, "name")?, self.stored(&someone, "credit_limit")?);
        let same = export.text(&self.table, &someone, "name").as_ref() == Some(&name)
            && finance.text(&self.table, &someone, "credit_limit").as_ref() == Some(&limit);
        let joined = [("name", name.into()), ("limit", limit.into())];
        self.check(&texts.format("demo-morning-joined", &joined), same)?;
        let phones = management.texts_of(&self.table, "phone");
        let example = phones.first().cloned().unwrap_or_default();
        let masked = !phones.is_empty() && phones.iter().all(|phone| phone.contains('*'));
        self.check(&texts.format("demo-morning-masked", &[("phone", example.into())]), masked)?;
        let again = self.look()?;
        self.expect("second look", &again, &Report { rows: again.rows, ..Report::default() })?;
        self.check(&texts.get("demo-morning-again"), true)
    }

    fn an_edit_that_spreads(&mut self) -> Result<(), Failure> {
        let texts = self.texts;
        self.teller.step(&texts.get("demo-spread"));
        self.teller.say(&texts.get("demo-spread-begin"));
        let (who, number) = (key(21), "190 0000 2021");
        let before = self.open(&self.office.finance)?.text(&self.table, &who, "phone").unwrap_or_default();
        let typed = self.types(&self.sales(), vec![(who.clone(), "phone", text(number), number)])?;
        self.tell(&typed[0]);
        let report = self.look()?;
        let line = self.tell_outcome(&typed[0])?;
        self.expect("outcome", &line.outcome, &"applied")?;
        self.expect("place", &line.place, &typed[0].place)?;
        self.expect("applied", &report.applied, &1)?;
        self.teller.say(&texts.get("demo-spread-seen"));
        let finance = self.open(&self.office.finance)?;
        let after = finance.text(&self.table, &who, "phone").unwrap_or_default();
        let (place, title) = (finance.place(&self.table, &who, "phone"), finance.title(&self.table, "phone"));
        self.teller.change(&place, &title, &before, &after);
        let holds = after == number && self.stored(&who, "phone")? == number;
        self.check(&texts.get("demo-spread-checked"), holds)
    }

    fn a_conflict(&mut self) -> Result<(), Failure> {
        let texts = self.texts;
        self.teller.step(&texts.get("demo-conflict"));
        self.teller.say(&texts.get("demo-conflict-begin"));
        let (who, theirs, ours) = (key(40), "+44 20 7946 0340", "+44 20 7946 0940");
        let first = self.types(&self.sales(), vec![(who.clone(), "phone", text(theirs), theirs)])?;
        let second = self.types(&self.finance(), vec![(who.clone(), "phone", text(ours), ours)])?;
        let report = self.look()?;
        let line = self.tell_whole(&first[0])?;
        self.expect("outcome", &line.outcome, &"applied")?;
        let line = self.tell_whole(&second[0])?;
        self.expect("outcome", &line.outcome, &"conflict")?;
        self.expect("conflicts", &report.conflicts, &1)?;
        let review = self.question(ReviewKind::Conflict, &who)?;
        let asked = review.is_some();
        self.teller.say(&texts.get("demo-conflict-asked"));
        let Some(review) = review else { return self.check(&texts.get("demo-conflict-checked"), asked) };
        let stored = self.stored(&who, "phone")?;
        self.teller.item(&texts.get("demo-base"), &shown(review.base.as_ref()));
        self.teller.item(&texts.get("demo-stored"), &stored);
        let incoming = shown(review.incoming.as_ref());
        let from = texts.format("demo-incoming-from", &[("place", review.place.clone().into())]);
        self.teller.item(&texts.get("demo-incoming"), &format!("{incoming}  {from}"));
        self.expect("stored", &stored.as_str(), &theirs)?;
        self.expect("incoming", &incoming.as_str(), &ours)?;

        self.teller.say(&texts.get("demo-conflict-decided"));
        let id = review.id.to_string();
        self.teller.command(&format!("daybook review decide {id} incoming"));
        self.decide(&review, &Decision::Incoming)?;
        if let Some(line) = self.last_change(&who, "phone")? {
            let values = (super::super::records::plain(&line.previous), super::super::records::plain(&line.value));
            self.teller.change(&line.place, "", &values.0, &values.1);
            let by = [("who", self.name_of(&line.actor).into()), ("rule", line.rule.clone().into())];
            self.teller.detail(&texts.format("demo-decided-by", &by));
            self.note(&line);
        }
        let finance = self.open(&self.office.finance)?.text(&self.table, &who, "phone");
        let sales = self.open(&self.office.sales)?.text(&self.table, &who, "phone");
        let holds = self.stored(&who, "phone")? == ours && finance.as_deref() == Some(ours);
        self.check(&texts.get("demo-conflict-checked"), holds)?;
        let quiet = self.look()?;
        let holds = sales.as_deref() == Some(ours) && quiet.changes == 0 && quiet.published == 0;
        self.check(&texts.get("demo-conflict-sales"), holds)
    }

    fn a_forbidden_edit(&mut self) -> Result<(), Failure> {
        let texts = self.texts;
        self.teller.step(&texts.get("demo-forbidden"));
        self.teller.say(&texts.get("demo-forbidden-begin"));
        let (who, wrong) = (key(58), "Example Renamed Ltd");
        let name = self.stored(&who, "name")?;
        let typed = self.types(&self.finance(), vec![(who.clone(), "name", text(wrong), wrong)])?;
        self.tell(&typed[0]);
        let report = self.look()?;
        let line = self.tell_outcome(&typed[0])?;
        self.expect("outcome", &line.outcome, &"refused")?;
        self.expect("refused", &report.refused, &1)?;
        self.expect("problems", &report.problems.len(), &1)?;
        self.teller.say(&texts.get("demo-told"));
        self.tell_problems(&report);
        let finance = self.open(&self.office.finance)?;
        let back = finance.text(&self.table, &who, "name").unwrap_or_default();
        self.teller.say(&texts.get("demo-forbidden-back"));
        self.teller.change(&typed[0].place, &typed[0].title, wrong, &back);
        let holds = back == name && self.stored(&who, "name")? == name;
        self.check(&texts.get("demo-forbidden-checked"), holds)
    }

    fn a_bad_value(&mut self) -> Result<(), Failure> {
        let texts = self.texts;
        self.teller.step(&texts.get("demo-bad"));
        self.teller.say(&texts.get("demo-bad-begin"));
        let (bad, good) = (key(33), key(34));
        let (wrong, note) = ("31/31/26", texts.get("demo-bad-note"));
        let before = self.stored(&bad, "next_visit")?;
        let edits =
            vec![(bad.clone(), "next_visit", text(wrong), wrong), (good.clone(), "note", text(&note), note.as_str())];
        let typed = self.types(&self.sales(), edits)?;
        self.tell(&typed[0]);
        self.tell(&typed[1]);
        let report = self.look()?;
        self.tell_outcome(&typed[1])?;
        self.expect("applied, refused", &(report.applied, report.refused), &(1, 1))?;
        self.expect("problems", &report.problems.len(), &1)?;
        self.teller.say(&texts.get("demo-told"));
        self.tell_problems(&report);
        let sales = self.open(&self.office.sales)?;
        let kept = sales.text(&self.table, &bad, "next_visit");
        let holds = self.stored(&bad, "next_visit")? == before
            && self.stored(&good, "note")? == note
            && kept.as_deref() == Some(wrong);
        self.check(&texts.format("demo-bad-checked", &[("date", before.into())]), holds)?;
        self.teller.say(&texts.get("demo-bad-answer"));
        self.teller.detail(&sales.answer(&self.table, &bad).unwrap_or_default());
        let quiet = self.look()?;
        self.check(&texts.get("demo-bad-once"), quiet.problems.is_empty() && quiet.changes == 0)?;

        self.teller.say(&texts.get("demo-bad-corrected"));
        let date = civil::date(2026, 3, 31);
        let right = date.to_string();
        let cell = RawCell::DateTime(date.to_datetime(civil::Time::midnight()));
        let typed = self.types(&self.sales(), vec![(bad.clone(), "next_visit", cell, right.as_str())])?;
        self.tell(&typed[0]);
        let report = self.look()?;
        let line = self.tell_outcome(&typed[0])?;
        self.expect("outcome", &line.outcome, &"applied")?;
        let answer = self.open(&self.office.sales)?.answer(&self.table, &bad).unwrap_or_default();
        let holds = report.problems.is_empty()
            && self.stored(&bad, "next_visit")? == right
            && answer == texts.get("answer-saved");
        self.check(&texts.format("demo-bad-right", &[("answer", answer.into())]), holds)
    }

    fn a_rule_of_its_own(&mut self) -> Result<(), Failure> {
        let texts = self.texts;
        self.teller.step(&texts.get("demo-plugin"));
        if let Err(why) = super::office::plugin() {
            // The first sentence says it; what the build said stands below it.
            let why = why.lines().next().unwrap_or_default().to_owned();
            self.teller.say(&texts.format("demo-plugin-none", &[("why", why.into())]));
            return Ok(());
        }
        self.teller.say(&texts.get("demo-plugin-begin"));
        let (good, bad) = (key(91), key(93));
        // Of entities that don't exist: their organisation codes are runs of zeros. In the second, two neighbours changed places.
        let (right, wrong, meant) = ("91110101MA0000015M", "91440300AM0000023W", "91440300MA0000023W");
        let edits = vec![(good.clone(), "tax_id", text(right), right), (bad.clone(), "tax_id", text(wrong), wrong)];
        let typed = self.types(&self.sales(), edits)?;
        let report = self.look()?;
        let line = self.tell_whole(&typed[0])?;
        self.expect("outcome", &line.outcome, &"applied")?;
        let line = self.tell_whole(&typed[1])?;
        self.expect("outcome", &line.outcome, &"held")?;
        self.expect("applied, held", &(report.applied, report.held), &(1, 1))?;
        self.teller.say(&texts.get("demo-told"));
        self.tell_problems(&report);
        let asked = self.question(ReviewKind::Plugin, &bad)?.is_some();
        let holds = asked && self.stored(&good, "tax_id")? == right && self.stored(&bad, "tax_id")?.is_empty();
        self.check(&texts.get("demo-plugin-held"), holds)?;
        self.teller.say(&texts.get("demo-bad-answer"));
        self.teller.detail(&self.open(&self.office.sales)?.answer(&self.table, &bad).unwrap_or_default());

        self.teller.say(&texts.get("demo-plugin-corrected"));
        let typed = self.types(&self.sales(), vec![(bad.clone(), "tax_id", text(meant), meant)])?;
        let report = self.look()?;
        let line = self.tell_whole(&typed[0])?;
        self.expect("outcome", &line.outcome, &"applied")?;
        let holds = report.problems.is_empty()
            && self.stored(&bad, "tax_id")? == meant
            && self.question(ReviewKind::Plugin, &bad)?.is_none();
        self.check(&texts.get("demo-plugin-checked"), holds)
    }

    fn a_vanished_row(&mut self) -> Result<(), Failure> {
        let texts = self.texts;
        self.teller.step(&texts.get("demo-vanished"));
        self.teller.say(&texts.get("demo-vanished-begin"));
        let (who, desk) = (key(77), self.sales());
        let name = self.stored(&who, "name")?;
        let mut book = self.open(&desk.path)?;
        let place = book.place(&self.table, &who, "customer_id");
        let row = book.remove(&self.table, &who).unwrap_or_default();
        book.save(self.pipeline, &self.table, &desk.name, &desk.actor)?;
        let gone = texts.format("demo-vanished-row", &[("row", row.to_string().into())]);
        self.teller.change(&place, "", &format!("{who} {name}"), &gone);
        let report = self.look()?;
        self.expect("applied", &report.applied, &0)?;
        let review = self.question(ReviewKind::MissingRow, &who)?;
        let finance = self.open(&self.office.finance)?.has(&self.table, &who);
        self.check(&texts.get("demo-vanished-asked"), review.is_some() && finance)?;
        let Some(review) = review else { return Ok(()) };
        self.teller.say(&texts.get("demo-vanished-decided"));
        self.teller.command(&format!("daybook review decide {} reject", review.id));
        self.decide(&review, &Decision::Reject)?;
        let quiet = self.look()?;
        let stays = self.record(&who)?.is_some_and(|record| !record.archived)
            && self.open(&self.office.finance)?.has(&self.table, &who)
            && quiet.changes == 0
            && self.question(ReviewKind::MissingRow, &who)?.is_none();
        self.check(&texts.get("demo-vanished-checked"), stays)
    }

    fn a_change_that_is_reverted(&mut self) -> Result<(), Failure> {
        const TOLD: usize = 2;
        let texts = self.texts;
        self.teller.step(&texts.get("demo-revert"));
        self.teller.say(&texts.get("demo-revert-begin"));
        let keys: Vec<String> = (102..=107).map(key).collect();
        let mut before = HashMap::new();
        for key in &keys {
            before.insert(key.clone(), self.stored(key, "credit_limit")?);
        }
        let edits = keys.iter().map(|key| (key.clone(), "credit_limit", RawCell::Number(5.0), "5")).collect();
        let typed = self.types(&self.finance(), edits)?;
        let report = self.look()?;
        for typed in &typed[..TOLD] {
            self.tell_whole(typed)?;
        }
        let more = typed.len() - TOLD;
        self.teller.detail(&texts.format("demo-revert-more", &[("count", more.into())]));
        self.expect("applied", &report.applied, &u64::try_from(keys.len()).unwrap_or_default())?;
        let Some(arrival) = self.newest_save("finance")? else { return self.expect("arrival", &false, &true) };
        self.teller.say(&texts.get("demo-revert-decided"));
        self.teller.command(&format!("daybook change revert {arrival}"));
        let mut undone = self.pipeline.revert(arrival, &Actor::Steward, false)?;
        undone.add(crate::app::publish_due(self.pipeline)?);
        let finance = self.open(&self.office.finance)?;
        let mut holds = undone.applied == report.applied;
        for (at, key) in keys.iter().enumerate() {
            let (now, was) = (self.stored(key, "credit_limit")?, before.get(key).cloned().unwrap_or_default());
            let shown = finance.text(&self.table, key, "credit_limit").unwrap_or_default();
            if at < TOLD {
                self.teller.change(&typed[at].place, &typed[at].title, "5", &shown);
                if let Some(line) = self.last_change(key, "credit_limit")? {
                    self.tell_line(&line);
                }
            }
            holds = holds && now == was && shown == was;
        }
        self.teller.detail(&texts.format("demo-revert-more", &[("count", more.into())]));
        self.check(&texts.get("demo-revert-checked"), holds)
    }

    fn evening(&mut self) -> Result<Json, Failure> {
        let texts = self.texts;
        self.teller.heading(&texts.get("demo-evening"));
        let records = self.pipeline.look()?.snapshot.count(&self.table.name)?;
        let figures = self.figures()?;
        let counts = [
            ("records", records.into()),
            ("arrivals", figures.arrivals.into()),
            ("applied", figures.applied.into()),
            ("refused", figures.refused.into()),
            ("questions", figures.questions.into()),
        ];
        self.teller.say(&texts.format("demo-evening-counts", &counts));
        let answered = records == u64::from(COUNT) && figures.open == 0;
        self.check(&texts.get("demo-evening-open"), answered)?;
        let differing = self.differing_cells()?;
        self.check(&texts.get("demo-evening-finance"), differing == 0)?;
        let management = self.open(&self.office.management)?;
        let shown = all().iter().filter(|customer| customer.stage != STAGES[0]).count();
        let hidden = management.texts_of(&self.table, "phone").iter().all(|phone| phone.contains('*'));
        let rows = [("count", management.rows().into())];
        self.check(&texts.format("demo-evening-management", &rows), management.rows() == shown && hidden)?;
        let replayed = self.pipeline.store().check()?;
        let same = replayed.differing == 0 && replayed.arrivals > 0;
        self.check(&texts.format("demo-evening-replayed", &[("arrivals", replayed.arrivals.into())]), same)?;
        let now: Timestamp = self.pipeline.now();
        let zone = self.pipeline.config().office.timezone.clone();
        Ok(json!({
            "directory": self.office.directory,
            "config": self.office.config,
            "language": texts.language().tag(),
            "at": now.to_rfc3339(&zone),
            "records": records,
            "arrivals": figures.arrivals,
            "applied": figures.applied,
            "superseded": figures.superseded,
            "refused": figures.refused,
            "conflicts": figures.conflicts,
            "reviews": { "decided": figures.questions, "open": figures.open },
            "replayed": replayed.arrivals,
            "checks": self.checks,
            "changes": std::mem::take(&mut self.changes),
        }))
    }

    /// Adds up what the store has of the day.
    fn figures(&mut self) -> Result<Figures, Failure> {
        let look = self.pipeline.look()?;
        let mut figures = Figures { open: look.snapshot.open_reviews()?, ..Figures::default() };
        for line in look.snapshot.arrivals(&ArrivalFilter::default())? {
            figures.arrivals += 1;
            figures.applied += line.tally.applied;
            figures.superseded += line.tally.superseded;
            figures.refused += line.tally.refused;
            figures.conflicts += line.tally.conflicts;
        }
        figures.questions = look.snapshot.reviews(false)?.iter().filter(|kept| kept.closed.is_some()).count();
        Ok(figures)
    }

    /// Compares what finance's workbook shows with the ledger, cell by cell: how many differ.
    fn differing_cells(&mut self) -> Result<usize, Failure> {
        let finance = self.open(&self.office.finance)?;
        let fields = ["customer_id", "name", "address", "phone", "email", "credit_limit", "payment_days"];
        let ids: Vec<(&str, FieldId)> =
            fields.iter().filter_map(|name| Some((*name, self.table.field_named(name)?.id))).collect();
        let key = self.table.primary_key.first().copied().unwrap_or(FieldId(0));
        let (table, mut differing, mut compared) = (&self.table, 0, 0);
        self.pipeline.look()?.snapshot.for_each_record(&table.name, |record| {
            let number = record.value(key).map(ToString::to_string).unwrap_or_default();
            for (name, id) in &ids {
                let stored = record.value(*id).map(ToString::to_string).unwrap_or_default();
                compared += 1;
                differing += usize::from(finance.text(table, &number, name).as_ref() != Some(&stored));
            }
            ControlFlow::Continue(())
        })?;
        let wanted = usize::try_from(COUNT).unwrap_or_default() * fields.len();
        Ok(differing + wanted.abs_diff(compared))
    }
}
