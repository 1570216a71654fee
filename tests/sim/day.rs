//! A day in the office: everything that one seed makes happen, with the oracle looking on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use daybook::extract;
use daybook::io::{Clock, Disk};
use daybook::model::{Actor, ArrivalKind, Cell, FieldId, Review, ReviewKind};
use daybook::pipeline::{Decision, Report};
use daybook::store::{ArrivalFilter, FaultPoint};

use super::dice::Dice;
use super::disk::{Moment, Written};
use super::office::{Cut, Ended, FOLDER, Office, Setting};
use super::oracle::{Deeds, Met, Oracle, Rest};
use super::people::{Copy, EDITORS, FIELDS, Log, OWN, SOURCES, Save, digest, may_write};
use super::sheet::{ANSWER, NOTE, Sheet};

/// A defect that is planted, so that the oracle can be seen to catch it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sabotage {
    /// None.
    Nothing,
    /// A row that is gone archives its record, whatever others did.
    DeletesWin,
    /// What a source shows is committed before what follows from it.
    BaselineFirst,
    /// Of several cells of a row, the first is not written.
    Forgetful,
    /// A file is replaced whatever was saved into it meanwhile.
    Careless,
}

/// How a day ended.
pub(super) struct Ending {
    pub(super) violations: Vec<String>,
    pub(super) trace: Vec<String>,
    pub(super) met: Met,
}

/// A save into the file itself that has written its first half.
struct Halfway {
    source: usize,
    bytes: Arc<Vec<u8>>,
}

struct Day {
    office: Office,
    log: Log,
    deeds: Deeds,
    oracle: Oracle,
    dice: Dice,
    copies: BTreeMap<(usize, usize), Copy>,
    halfway: Option<Halfway>,
    /// What was saved last into the workbook that is written into.
    own: Option<Arc<Save>>,
    /// Whose programs say that they have it open.
    locking: BTreeSet<usize>,
    setting: Setting,
    /// Cai's program never moves the time in the document's properties.
    old_program: bool,
    sabotage: Sabotage,
    trace: Vec<String>,
}

/// Lets one seed's day happen.
pub(super) fn day(seed: u64, sabotage: Sabotage) -> Ending {
    let mut dice = Dice::new(seed, 1);
    let setting = Setting {
        missing_rows: dice.pick(&["archive", "archive", "review", "keep"]).copied().unwrap_or("archive"),
        guarded: dice.chance(15),
        clock_step_ms: i64::from(dice.chance(80)),
        rows: dice.pick(&["existing", "all"]).copied().unwrap_or("existing"),
        gone: dice.pick(&["archive", "review", "keep"]).copied().unwrap_or("keep"),
    };
    let old_program = dice.chance(25);
    let mut day = Day {
        office: Office::new(seed, setting),
        log: Log::default(),
        deeds: Deeds::default(),
        oracle: Oracle::default(),
        dice,
        copies: BTreeMap::new(),
        halfway: None,
        own: None,
        locking: BTreeSet::new(),
        setting,
        old_program,
        sabotage,
        trace: vec![format!("seed {seed} {setting:?}")],
    };
    day.plant();
    day.begin();
    let steps = 30 + day.dice.below(40);
    for _ in 0..steps {
        day.step();
        if !day.oracle.violations.is_empty() {
            break;
        }
    }
    if day.oracle.violations.is_empty() {
        day.settle();
    }
    day.end();
    Ending { violations: day.oracle.violations, trace: day.trace, met: day.oracle.met }
}

impl Day {
    fn say(&mut self, what: impl Into<String>) {
        self.trace.push(what.into());
    }

    /// Plants the defects that are there from the beginning.
    fn plant(&mut self) {
        match self.sabotage {
            Sabotage::Forgetful => self.office.write_with(Arc::new(super::sabotage::Forgetful)),
            Sabotage::Careless => self.office.disk.be_careless(),
            Sabotage::Nothing | Sabotage::DeletesWin | Sabotage::BaselineFirst => {}
        }
    }

    /// The sales department has a workbook; Daybook takes it, and makes finance's view.
    fn begin(&mut self) {
        let columns = FIELDS.iter().map(|field| (*field).to_owned()).collect();
        let mut copy = Copy::new(0, Sheet { columns, ..Sheet::default() });
        for number in 1..=3 {
            self.log.insert_as(&mut copy, 0, &format!("C-{number}"), &mut self.dice);
        }
        for _ in 0..=self.dice.below(7) {
            self.log.insert(&mut copy, 0, &mut self.dice);
        }
        // What the department may not write has never been in its workbook.
        copy.forget("credit");
        let now = self.office.clock.now_ms();
        let bytes = self.log.save(&mut copy, 0, false, now);
        self.office.disk.save(&Office::path(0), bytes, false);
        self.begin_own();
        self.settle();
    }

    /// The service department has a workbook with columns of its own. Of some customers it has only the keys.
    fn begin_own(&mut self) {
        let mut columns: Vec<String> = FIELDS.iter().map(|field| (*field).to_owned()).collect();
        columns.insert(3, NOTE.to_owned());
        if self.dice.chance(60) {
            columns.push(ANSWER.to_owned());
        }
        let mut copy = Copy::new(OWN, Sheet { columns, ..Sheet::default() });
        for number in 1..=3 {
            self.log.add(&mut copy, &format!("C-{number}"));
        }
        for _ in 0..self.dice.below(3) {
            self.log.insert(&mut copy, 0, &mut self.dice);
        }
        for field in ["phone", "credit"] {
            copy.forget(field);
        }
        let now = self.office.clock.now_ms();
        let bytes = self.log.save(&mut copy, 0, false, now);
        self.put(OWN, bytes, false);
    }

    /// Somebody's save lies in its place.
    fn put(&mut self, source: usize, bytes: Arc<Vec<u8>>, in_place: bool) {
        if source == OWN {
            self.own = self.log.saves.get(&digest(&bytes)).cloned();
        }
        self.office.disk.save(&Office::path(source), bytes, in_place);
    }

    /// A program says that it has the workbook open, or no longer.
    fn lock(&mut self, editor: usize, is_open: bool) {
        let changed = if is_open { self.locking.insert(editor) } else { self.locking.remove(&editor) };
        if changed {
            self.office.disk.lock(&Office::path(OWN), !self.locking.is_empty());
        }
    }

    /// One thing happens.
    fn step(&mut self) {
        self.office.clock.advance(1 + i64::try_from(self.dice.below(90_000)).unwrap_or(0));
        match self.dice.below(100) {
            0..=13 => self.open(),
            14..=38 => self.work(),
            39..=65 => self.save(),
            66..=69 => self.finish_saving(),
            70..=86 => self.pass(),
            87..=93 => self.steward(),
            94..=96 => self.set(),
            97 => self.revert(),
            _ => self.settle(),
        }
    }

    fn open(&mut self) {
        let (editor, source) = (self.dice.below(EDITORS.len()), self.dice.below(SOURCES.len()));
        let Some(bytes) = self.office.disk.bytes(&Office::path(source)) else { return };
        if let Some(copy) = self.log.open(source, &bytes) {
            self.say(format!("{} opens {}", EDITORS[editor], SOURCES[source]));
            self.copies.insert((editor, source), copy);
            if source == OWN {
                let locks = self.dice.chance(30);
                self.oracle.met.locked += usize::from(locks);
                self.lock(editor, locks);
            }
        }
    }

    fn work(&mut self) {
        let open: Vec<(usize, usize)> = self.copies.keys().copied().collect();
        let Some((editor, source)) = self.dice.pick(&open).copied() else { return self.open() };
        let Some(copy) = self.copies.get_mut(&(editor, source)) else { return };
        let mut said = Vec::new();
        for _ in 0..=self.dice.below(3) {
            said.extend(self.log.work(copy, editor, &mut self.dice));
        }
        self.say(format!("{} in {}: {}", EDITORS[editor], SOURCES[source], said.join("; ")));
    }

    /// Makes the bytes of somebody's save.
    fn saving(&mut self, of: Option<usize>) -> Option<(usize, usize, Arc<Vec<u8>>)> {
        let touched =
            |((_, source), copy): &(&(usize, usize), &Copy)| copy.touched && of.is_none_or(|of| of == *source);
        let open: Vec<(usize, usize)> = self.copies.iter().filter(touched).map(|(at, _)| *at).collect();
        let (editor, source) = self.dice.pick(&open).copied()?;
        let named = self.dice.chance(60);
        let now = self.office.clock.now_ms();
        let copy = self.copies.get_mut(&(editor, source))?;
        let kept = copy.sheet.modified_ms.filter(|_| self.old_program && editor == 2);
        let modified = kept.unwrap_or(now);
        let bytes = self.log.save(copy, editor, named, modified);
        let name = if named { ", by name" } else { "" };
        self.say(format!("{} saves {}{name}: {:02x?}", EDITORS[editor], SOURCES[source], &digest(&bytes)[..4]));
        if self.dice.chance(25) {
            self.copies.remove(&(editor, source));
            if source == OWN {
                self.lock(editor, false);
            }
        }
        Some((editor, source, bytes))
    }

    fn save(&mut self) {
        let Some((_, source, bytes)) = self.saving(None) else { return };
        if self.halfway.as_ref().is_some_and(|halfway| halfway.source == source) {
            self.halfway = None;
        }
        let in_place = self.dice.chance(35);
        if in_place && self.dice.chance(60) {
            self.finish_saving();
            self.say("... and has written half of it");
            let half = Arc::new(bytes[..bytes.len() / 2].to_vec());
            self.office.disk.save(&Office::path(source), half, true);
            self.halfway = Some(Halfway { source, bytes });
        } else {
            self.put(source, bytes, in_place);
        }
    }

    fn finish_saving(&mut self) {
        if let Some(Halfway { source, bytes }) = self.halfway.take() {
            self.say(format!("the save of {} ends", SOURCES[source]));
            self.put(source, bytes, true);
        }
    }

    fn cut(&mut self) -> Option<Cut> {
        if self.dice.chance(45) {
            return None;
        }
        if self.dice.chance(40) {
            return self.dice.pick(&Moment::ALL).map(|moment| Cut::Disk(*moment));
        }
        let points = [FaultPoint::KeysMade, FaultPoint::BeforeCommit, FaultPoint::AfterCommit];
        let after = u32::try_from(self.dice.below(4)).unwrap_or(0);
        self.dice.pick(&points).map(|point| Cut::Commit(*point, after))
    }

    /// A pass of Daybook, perhaps with a power cut, perhaps with somebody who saves meanwhile what it is about to write.
    fn pass(&mut self) {
        let overtaken = 1 + self.dice.below(2);
        let overtaking = if self.dice.chance(35) { self.saving(Some(overtaken)) } else { None };
        let cut = self.cut();
        self.pass_with(cut, overtaking.map(|(_, source, bytes)| (source, bytes)));
    }

    fn pass_with(&mut self, cut: Option<Cut>, overtaking: Option<(usize, Arc<Vec<u8>>)>) -> Option<Report> {
        self.sabotage();
        let mut due = self.lying();
        if let Some((source, bytes)) = &overtaking {
            self.office.disk.overtake(&Office::path(*source), bytes.clone());
        }
        let waiting = self.waiting();
        let ended = self.office.pass(cut);
        let overtook = self.office.disk.overtook();
        match overtaking {
            Some((source, bytes)) if overtook => {
                self.oracle.met.overtaken += 1;
                due.push(digest(&bytes));
                if source == OWN {
                    self.own = self.log.saves.get(&digest(&bytes)).cloned();
                }
            }
            Some((source, bytes)) => {
                if self.halfway.as_ref().is_some_and(|halfway| halfway.source == source) {
                    self.halfway = None;
                }
                self.put(source, bytes, false);
            }
            None => {}
        }
        let report = match ended {
            Ended::Done(report) => Some(report),
            Ended::Refused(why) => panic!("a pass was refused: {why}"),
            Ended::Killed => {
                self.oracle.met.kills += 1;
                due.clear();
                None
            }
        };
        self.say(format!("pass, {cut:?}, overtaken {overtook}: {}", told(report.as_ref())));
        let written = self.office.disk.take_published();
        let of = |source: usize| {
            let path = Office::path(source);
            written.iter().filter(move |written| written.path == path)
        };
        for source in 1..SOURCES.len() {
            of(source).for_each(|written| self.oracle.note_written(source, &written.after));
        }
        self.oracle.published(&of(1).map(|written| written.after.clone()).collect::<Vec<_>>());
        self.oracle.judge(&mut self.office, &self.log, &self.deeds, &due);
        let waiting = waiting.intersection(&self.waiting()).cloned().collect();
        if let Some(bytes) = self.office.disk.bytes(&Office::path(OWN)) {
            self.oracle.note_told(&bytes);
        }
        for patch in of(OWN) {
            self.trace.push(format!("... {}", changes(patch)));
            self.oracle.patched(patch, &self.log, &waiting);
        }
        if report.is_some() {
            self.oracle.acknowledge(&mut self.office);
        }
        report
    }

    fn waiting(&mut self) -> BTreeSet<super::people::Spot> {
        let open = self.reviews();
        self.oracle.waiting(&open)
    }

    /// The saves that lie on the disk.
    fn lying(&self) -> Vec<[u8; 32]> {
        let share = Office::path(0);
        let leftovers = share.parent().and_then(|folder| self.office.disk.leftovers(folder).ok()).unwrap_or_default();
        let paths = leftovers.into_iter().chain((0..SOURCES.len()).map(Office::path));
        let digests = paths.filter_map(|path| self.office.disk.bytes(&path)).map(|bytes| digest(&bytes));
        digests.filter(|digest| self.log.saves.contains_key(digest)).collect()
    }

    /// Everybody's saves end, and Daybook does all there is to do.
    fn settle(&mut self) {
        self.finish_saving();
        for editor in 0..EDITORS.len() {
            self.lock(editor, false);
        }
        self.say("settle");
        self.oracle.met.settled += 1;
        self.pass_with(None, None);
        if self.sabotage == Sabotage::BaselineFirst {
            return;
        }
        let mut revisions = vec![self.revision()];
        for _ in 0..2 {
            let again = self.pass_with(None, None).unwrap_or_default();
            let said_again = again.changes + again.applied + again.conflicts + again.problems.len() as u64;
            if said_again > 0 {
                self.oracle.violations.push(format!("doing it again was not nothing: {}", told(Some(&again))));
            }
            revisions.push(self.revision());
        }
        if revisions[1] != revisions[2] {
            self.oracle.violations.push(format!("it never comes to rest: {revisions:?}"));
        }
        let open = self.reviews();
        if let (Some(last), Some(bytes)) = (&self.own, self.office.disk.bytes(&Office::path(OWN))) {
            let rest = Rest { bytes: &bytes, last, appends: self.setting.rows == "all", open: &open };
            self.oracle.own_at_rest(&rest, &self.log);
        }
        if open.iter().any(|review| review.kind == ReviewKind::MassChange && review.source.as_str() == SOURCES[1]) {
            return; // What is held stays before its author's eyes until it is decided.
        }
        let view = self.office.disk.bytes(&Office::path(1));
        self.oracle.view(view.as_deref().map(Vec::as_slice));
    }

    fn revision(&mut self) -> u64 {
        self.office.pipeline().store().snapshot().expect("the store can be read").revision().0
    }

    fn reviews(&mut self) -> Vec<Review> {
        let snapshot = self.office.pipeline().store().snapshot().expect("the store can be read");
        snapshot.reviews(true).expect("the queue can be read").into_iter().map(|kept| kept.review).collect()
    }

    /// The steward decides one of the open questions.
    fn steward(&mut self) {
        let open = self.reviews();
        let Some(review) = self.dice.pick(&open).cloned() else { return };
        let decision = match review.kind {
            ReviewKind::Conflict => match self.dice.below(4) {
                0 => Decision::Incoming,
                1 => Decision::Stored,
                2 => Decision::Base,
                _ => {
                    let fields = self.office.fields();
                    let field = review.field.and_then(|field| fields.get(&field).copied()).unwrap_or("name");
                    Decision::Value(self.log.fresh(field))
                }
            },
            ReviewKind::MissingRow | ReviewKind::MassChange | ReviewKind::Ambiguous | ReviewKind::Plugin
                if self.dice.chance(50) =>
            {
                Decision::Accept
            }
            ReviewKind::MissingRow | ReviewKind::MassChange | ReviewKind::Ambiguous | ReviewKind::Plugin => {
                Decision::Reject
            }
        };
        self.deeds.decisions.push((review.id, decision.clone()));
        let cut = self.cut().filter(|cut| matches!(cut, Cut::Commit(_, 0)));
        let ended = self.office.run(cut, |pipeline| pipeline.decide(&review, &decision, &Actor::Steward));
        self.ended(&format!("the steward decides {:?} {:?} by {decision:?}", review.kind, review.incoming), ended);
    }

    /// Somebody changes a record by the command line.
    fn set(&mut self) {
        let key = format!("C-{}", 1 + self.dice.below(14));
        let who = self.dice.below(3);
        let actor = match who {
            2 => Actor::Steward,
            source => Actor::Role { role: SOURCES[source].to_owned(), department: Some(SOURCES[source].to_owned()) },
        };
        let mut values: Vec<(FieldId, Cell)> = Vec::new();
        let mut said = Vec::new();
        let fields = self.office.fields();
        for (id, field) in &fields {
            if *field == "id" || !self.dice.chance(30) {
                continue;
            }
            let value = self.log.fresh(field);
            let table = &self.office.pipeline().config().tables[0];
            let field_of = table.field(*id).expect("the field is there");
            values.push((*id, extract::parse_text(&value, field_of).expect("it is text")));
            said.push(value.clone());
            if who == 2 || may_write(who, field) {
                self.deeds.sets.insert(((key.clone(), field), Some(value)));
            }
        }
        let cut = self.cut().filter(|cut| matches!(cut, Cut::Commit(_, 0)));
        let table = self.office.pipeline().config().tables[0].name.clone();
        let keys = [key.clone()];
        let ended = self.office.run(cut, |pipeline| pipeline.set(&table, &keys, &values, &actor, false));
        self.ended(&format!("{actor} sets {key} to {said:?}"), ended);
    }

    /// The steward takes an arrival back.
    fn revert(&mut self) {
        let snapshot = self.office.pipeline().store().snapshot().expect("the store can be read");
        let lines = snapshot.arrivals(&ArrivalFilter::default()).expect("the journal can be read");
        drop(snapshot);
        let kept: Vec<_> = lines.iter().filter(|line| line.arrival.kind != ArrivalKind::Publication).collect();
        let Some(arrival) = self.dice.pick(&kept).map(|line| line.arrival.id) else { return };
        self.deeds.reverts.push(arrival);
        let cut = self.cut().filter(|cut| matches!(cut, Cut::Commit(_, 0)));
        let ended = self.office.run(cut, |pipeline| pipeline.revert(arrival, &Actor::Steward, false));
        self.ended(&format!("the steward reverts {arrival}"), ended);
    }

    fn ended(&mut self, what: &str, ended: Ended<Report>) {
        let done = matches!(ended, Ended::Done(_));
        let how = match ended {
            Ended::Done(report) => told(Some(&report)),
            Ended::Refused(why) => format!("refused: {why}"),
            Ended::Killed => {
                self.oracle.met.kills += 1;
                told(None)
            }
        };
        self.say(format!("{what}: {how}"));
        self.oracle.judge(&mut self.office, &self.log, &self.deeds, &[]);
        if done {
            self.oracle.acknowledge(&mut self.office);
        }
    }

    fn sabotage(&mut self) {
        match self.sabotage {
            Sabotage::DeletesWin => {
                for review in self.reviews().into_iter().filter(|review| review.kind == ReviewKind::MissingRow) {
                    self.office.run(None, |pipeline| pipeline.decide(&review, &Decision::Accept, &Actor::Steward));
                }
            }
            Sabotage::BaselineFirst if self.dice.chance(40) => {
                super::sabotage::advance_baseline(&mut self.office, &mut self.dice);
            }
            Sabotage::Nothing | Sabotage::BaselineFirst | Sabotage::Forgetful | Sabotage::Careless => {}
        }
    }

    /// The ledger is what the journal says; all of it goes into the trace.
    fn end(&mut self) {
        let report = self.office.pipeline().store().check().expect("the store can be checked");
        if report.differing > 0 {
            self.oracle.violations.push(format!("the ledger is no replay: {:?}", report.differences));
        }
        let snapshot = self.office.pipeline().store().snapshot().expect("the store can be read");
        let lines = snapshot.arrivals(&ArrivalFilter::default()).expect("the journal can be read");
        drop(snapshot);
        for line in lines.iter().rev() {
            let arrival = &line.arrival;
            self.trace.push(format!(
                "{:?} {} {} {:?} {:?}",
                line.revision, arrival.id, arrival.source, arrival.kind, line.tally
            ));
        }
        let files = self.office.disk.listing();
        self.say(files);
        self.say(format!("{FOLDER}: {} edits, {:?}", self.log.edits.len(), self.oracle.met));
    }
}

/// What a patch changed, for the trace.
fn changes(patch: &Written) -> String {
    let sheet = |bytes: &[u8]| Sheet::open(bytes).unwrap_or_default();
    let (old, new) = (patch.before.as_ref().map(|bytes| sheet(bytes)).unwrap_or_default(), sheet(&patch.after));
    let mut said = vec![format!("revision {:?} into", new.revision)];
    for (row, cells) in new.rows.iter().enumerate() {
        for (column, cell) in cells.iter().enumerate() {
            let stood = old.rows.get(row).and_then(|cells| cells[column].as_ref());
            if stood != cell.as_ref() {
                let (key, title) = (new.key(row).unwrap_or_default(), &new.columns[column]);
                said.push(format!("{key}.{title} {stood:?} -> {cell:?}"));
            }
        }
    }
    said.join("; ")
}

fn told(report: Option<&Report>) -> String {
    let Some(report) = report else { return "the power was cut".to_owned() };
    let problems: Vec<String> =
        report.problems.iter().map(|problem| format!("{}: {}", problem.code, problem.message)).collect();
    format!(
        "arrivals {} rows {} applied {} same {} superseded {} refused {} conflicts {} held {} published {} {problems:?}",
        report.arrivals,
        report.rows,
        report.applied,
        report.unchanged,
        report.superseded,
        report.refused,
        report.conflicts,
        report.held,
        report.published
    )
}
