//! Judges what Daybook did by the naive log of what people did.
//!
//! It reads the journal's postings and the ledger through the store's queries, and replays them in the most naive way. It
//! shares no code with merge, access or pipeline.

mod own;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io::{Cursor, Read};
use std::ops::ControlFlow;
use std::sync::Arc;

use daybook::model::entry::{Before, Posting, ReviewChange};
use daybook::model::{
    ArrivalId, ArrivalKind, Cell, CellEntry, FieldId, Life, Outcome, RecordEntry, RecordId, ReviewId, ReviewKind,
    Revision,
};
use daybook::pipeline::Decision;
use daybook::store::ArrivalFilter;

use super::office::Office;
use super::people::{Edit, FIELDS, Log, SOURCES, Save, Spot, may_write};
use super::sheet::{Sheet, Text};
pub(super) use own::Rest;

/// How many cells of a workbook that Daybook never wrote may go back and still be taken for edits: ARCHITECTURE.md.
const REVERTS_MAX: usize = 2;

/// How violations begin that nobody could have avoided if nothing tells two states apart.
const UNSEEN: &str = "unseen";

/// A record as the oracle replays it.
#[derive(Debug, Default)]
struct Replayed {
    key: String,
    archived: bool,
    cells: BTreeMap<FieldId, Cell>,
}

/// What the steward did, noted before Daybook was asked.
#[derive(Default)]
pub(super) struct Deeds {
    pub(super) decisions: Vec<(ReviewId, Decision)>,
    pub(super) sets: BTreeSet<(Spot, Text)>,
    pub(super) reverts: Vec<ArrivalId>,
}

/// How often what was met: a simulation that never meets a case proves nothing about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Met {
    pub(super) edits: usize,
    pub(super) applied: usize,
    pub(super) superseded: usize,
    pub(super) refused: usize,
    pub(super) conflicts: usize,
    pub(super) held: usize,
    pub(super) same: usize,
    pub(super) ambiguous: usize,
    pub(super) indistinct: usize,
    pub(super) tolerated: usize,
    pub(super) archived: usize,
    pub(super) restored: usize,
    pub(super) kills: usize,
    pub(super) overtaken: usize,
    pub(super) decisions: usize,
    pub(super) reverts: usize,
    pub(super) published: usize,
    pub(super) patched: usize,
    pub(super) appended: usize,
    pub(super) locked: usize,
    pub(super) rested: usize,
    pub(super) settled: usize,
}

impl Met {
    pub(super) fn add(&mut self, other: &Self) {
        let Self {
            edits,
            applied,
            superseded,
            refused,
            conflicts,
            held,
            same,
            ambiguous,
            indistinct,
            tolerated,
            archived,
            restored,
            kills,
            overtaken,
            decisions,
            reverts,
            published,
            patched,
            appended,
            locked,
            rested,
            settled,
        } = other;
        self.edits += edits;
        self.applied += applied;
        self.superseded += superseded;
        self.refused += refused;
        self.conflicts += conflicts;
        self.held += held;
        self.same += same;
        self.ambiguous += ambiguous;
        self.indistinct += indistinct;
        self.tolerated += tolerated;
        self.archived += archived;
        self.restored += restored;
        self.kills += kills;
        self.overtaken += overtaken;
        self.decisions += decisions;
        self.reverts += reverts;
        self.published += published;
        self.patched += patched;
        self.appended += appended;
        self.locked += locked;
        self.rested += rested;
        self.settled += settled;
    }
}

/// The oracle.
#[derive(Default)]
pub(super) struct Oracle {
    pub(super) violations: Vec<String>,
    pub(super) met: Met,
    /// What was acknowledged: the journal may only grow.
    journal: Vec<ArrivalId>,
    judged: usize,
    fields: BTreeMap<FieldId, &'static str>,
    records: HashMap<RecordId, Replayed>,
    /// Edits that have an outcome, with the arrival that gave it first.
    answered: BTreeMap<usize, ArrivalId>,
    /// Edits of saves that were held for a person.
    held: BTreeSet<usize>,
    /// Edits without an outcome whose value was stored already when they arrived.
    current: BTreeSet<usize>,
    /// Deeds of adding a row that arrived.
    arrived_rows: BTreeSet<usize>,
    /// The digests of saves that arrived, as the journal has them, by source.
    arrivals: Vec<(usize, [u8; 32], Option<Revision>)>,
    /// What Daybook can have seen of each source: the values in each cell of what arrived and of what it wrote.
    seen: BTreeSet<(usize, Spot, Text)>,
    /// Which question came from which save.
    questions: HashMap<ReviewId, ([u8; 32], Option<RecordId>)>,
    /// Saves that were held for a person, as files.
    held_files: HashMap<[u8; 32], ReviewId>,
    /// The arrival that is being judged is a held save which the steward has rejected.
    rejecting: bool,
    /// Keys of rows that such a save added: they are no records as long as they stand there as they are.
    rejected_keys: BTreeSet<String>,
    /// Every value that was ever stored in a cell.
    stored: BTreeSet<(Spot, Text)>,
    /// Records of whose row something was refused when the workbook that is written into last said something of them, and
    /// whose answer does not say so yet.
    refused: BTreeSet<RecordId>,
    /// Row and revision numbers that were acknowledged to somebody.
    acknowledged: Revision,
}

impl Oracle {
    /// Judges what is new in the journal. `due` are saves that must have been taken by now.
    pub(super) fn judge(&mut self, office: &mut Office, log: &Log, deeds: &Deeds, due: &[[u8; 32]]) {
        if self.fields.is_empty() {
            self.fields = office.fields();
        }
        self.journal_grows(office);
        for posting in self.new_postings(office) {
            self.posting(&posting, log, deeds);
        }
        self.ledger(office);
        let digests: HashSet<[u8; 32]> =
            due.iter().copied().chain(self.arrivals.iter().map(|(_, digest, _)| *digest)).collect();
        if !self.violations.is_empty() {
            return;
        }
        let mut saves: Vec<&Arc<Save>> = digests.iter().filter_map(|digest| log.saves.get(digest)).collect();
        saves.sort_by_key(|save| save.lineage.edits.values().map(|edit| edit.id).max());
        let mut silent = BTreeSet::new();
        for save in saves {
            for edit in save.lineage.edits.values() {
                let is_known = self.held.contains(&edit.id) || self.current.contains(&edit.id);
                if self.answered.contains_key(&edit.id) || is_known {
                    continue;
                }
                // A colleague may have typed the same: then it is what is stored, and nothing is said of it.
                if self.is_current(edit) {
                    self.current.insert(edit.id);
                    continue;
                }
                if silent.insert(edit.id) && !edit.again {
                    self.violations.push(format!("lost: {edit}, and it has no outcome"));
                }
            }
        }
        self.met.ambiguous = self.met.ambiguous.max(silent.len());
    }

    /// Whether what was typed is what is stored.
    fn is_current(&self, edit: &Edit) -> bool {
        let (key, field) = &edit.spot;
        let id = self.fields.iter().find(|(_, name)| *name == field).map(|(id, _)| *id);
        let record = self.records.values().find(|record| record.key == *key);
        let stored = record.zip(id).and_then(|(record, id)| record.cells.get(&id)).and_then(text);
        edit.typed.is_some() && stored == edit.typed
    }

    /// Notes that what is durable now was acknowledged.
    pub(super) fn acknowledge(&mut self, office: &mut Office) {
        let snapshot = office.pipeline().store().snapshot().expect("the store can be read");
        self.acknowledged = snapshot.revision();
    }

    /// Nothing that was durable or acknowledged is gone.
    pub(super) fn journal_grows(&mut self, office: &mut Office) {
        let snapshot = office.pipeline().store().snapshot().expect("the store can be read");
        if snapshot.revision() < self.acknowledged {
            self.violations.push(format!("acknowledged {:?} is gone", self.acknowledged));
        }
        let lines = snapshot.arrivals(&ArrivalFilter::default()).expect("the journal can be read");
        let journal: Vec<ArrivalId> = lines.iter().rev().map(|line| line.arrival.id).collect();
        if !journal.starts_with(&self.journal) {
            self.violations.push("the journal lost arrivals".to_owned());
        }
        if journal.iter().collect::<HashSet<_>>().len() != journal.len() {
            self.violations.push("an arrival is in the journal twice".to_owned());
        }
        self.journal = journal;
    }

    fn new_postings(&mut self, office: &mut Office) -> Vec<Posting> {
        let snapshot = office.pipeline().store().snapshot().expect("the store can be read");
        let new = &self.journal[self.judged.min(self.journal.len())..];
        self.judged = self.journal.len();
        let read = |id: &ArrivalId| snapshot.posting(*id).expect("the journal can be read").expect("it is there");
        new.iter().map(read).collect()
    }

    fn posting(&mut self, posting: &Posting, log: &Log, deeds: &Deeds) {
        match &posting.arrival.kind {
            ArrivalKind::Workbook => {
                self.rejecting = self.is_rejection(posting, deeds);
                self.save(posting, log);
                self.note_answers(posting);
            }
            ArrivalKind::Edit => self.command(posting, deeds),
            ArrivalKind::Decision(review) => self.decision(posting, *review, log, deeds),
            ArrivalKind::Revert(reverted) => {
                if !deeds.reverts.contains(reverted) {
                    self.violations.push(format!("{reverted} was reverted by nobody"));
                }
                self.met.reverts += 1;
            }
            ArrivalKind::Mail => self.violations.push("nobody in this office sends mails".to_owned()),
            ArrivalKind::Publication => {
                if posting.records.iter().any(|entry| has_applied(entry) || entry.life != Life::Unchanged) {
                    self.violations.push("a publication changed the ledger".to_owned());
                }
            }
        }
        for change in &posting.reviews {
            if let ReviewChange::Open(review) = change {
                self.questions.insert(review.id, (posting.arrival.mark.digest, review.record));
                if review.kind == ReviewKind::MassChange {
                    self.held_files.insert(posting.arrival.mark.digest, review.id);
                }
            }
        }
        for entry in &posting.records {
            self.replay(entry);
        }
    }

    /// Whether a posting is a held save that the steward has rejected: all that it changes is refused then.
    fn is_rejection(&self, posting: &Posting, deeds: &Deeds) -> bool {
        posting.reviews.iter().any(|change| match change {
            ReviewChange::Close { id, how } => {
                how == "reject"
                    && self.held_files.get(&posting.arrival.mark.digest) == Some(id)
                    && deeds.decisions.contains(&(*id, Decision::Reject))
            }
            ReviewChange::Open(_) => false,
        })
    }

    fn replay(&mut self, entry: &RecordEntry) {
        if entry.life == Life::Created {
            let key = self.key_in(entry).unwrap_or_default();
            if let Some((other, _)) = self.records.iter().find(|(_, record)| record.key == key) {
                self.violations.push(format!("{key} is two records: {other} and {}", entry.record));
            }
            self.records.insert(entry.record, Replayed { key, ..Replayed::default() });
        }
        let applied = entry.cells.iter().filter(|cell| cell.outcome == Outcome::Applied);
        let cells: Vec<(FieldId, Cell)> = applied.map(|cell| (cell.field, cell.posted().clone())).collect();
        let Some(record) = self.records.get_mut(&entry.record) else {
            if !cells.is_empty() {
                self.violations.push(format!("{} was changed and never made", entry.record));
            }
            return;
        };
        for (field, cell) in &cells {
            if let Some(field) = self.fields.get(field) {
                self.stored.insert(((record.key.clone(), *field), text(cell)));
            }
        }
        record.cells.extend(cells);
        match entry.life {
            Life::Archived => record.archived = true,
            Life::Restored => record.archived = false,
            Life::Created | Life::Unchanged => {}
        }
    }

    fn key_in(&self, entry: &RecordEntry) -> Option<String> {
        let cell = entry.cells.iter().find(|cell| self.fields.get(&cell.field) == Some(&"id"))?;
        text(cell.posted())
    }

    /// A save of a workbook or of a view.
    fn save(&mut self, posting: &Posting, log: &Log) {
        let arrival = &posting.arrival;
        let digest = arrival.mark.digest;
        let Some(source) = SOURCES.iter().position(|source| *source == arrival.source.as_str()) else {
            self.violations.push(format!("{} is no source", arrival.source));
            return;
        };
        let Some(save) = log.saves.get(&digest).cloned() else {
            if posting.records.iter().any(|entry| has_applied(entry) || entry.life != Life::Unchanged) {
                self.violations.push(format!("{source}: changes out of a file that nobody saved"));
            }
            return;
        };
        let marked = arrival.mark.revision;
        let before = self.arrivals.iter().rev().find(|(other, _, revision)| *other == source && *revision == marked);
        let last = before.map(|(_, digest, _)| *digest);
        let same_editor = last
            .and_then(|digest| log.saves.get(&digest))
            .is_some_and(|before| before.claimed.is_some() && before.claimed == save.claimed);
        let told = self.violations.len();
        let mut phantoms = Vec::new();
        for entry in &posting.records {
            let Some(key) =
                self.records.get(&entry.record).map(|record| record.key.clone()).or_else(|| self.key_in(entry))
            else {
                continue;
            };
            match entry.life {
                // A row that the author never had is gone from her old copy.
                Life::Archived if !save.lineage.deleted.contains(&key) => phantoms.push(format!("row {key} gone")),
                Life::Archived => self.archived(&save, &key, entry.record, "a save"),
                Life::Restored => {
                    self.met.restored += 1;
                    let deed = save.lineage.inserted.get(&key);
                    if deed.is_none_or(|deed| self.arrived_rows.contains(deed)) {
                        phantoms.push(format!("row {key}"));
                    }
                }
                Life::Created | Life::Unchanged => {}
            }
            for cell in &entry.cells {
                let rule = posting.rules.get(usize::from(cell.rule)).map_or("", |rule| rule.as_str());
                // A record that is added anew starts with what is typed and with what is left empty.
                let anew = entry.life == Life::Restored;
                let phantom = self.cell(&save, (&key, anew), cell, rule, arrival.id);
                // A value that no state of the source had is none that an old copy could bring back.
                // Nor is what stays empty in a row that a colleague added and that arrived with more in it.
                let left_empty = cell.seen == Cell::Blank && save.lineage.inserted.contains_key(&key);
                if phantom.is_some() && (left_empty || !self.has_seen(source, &key, cell)) {
                    self.met.indistinct += 1;
                } else {
                    phantoms.extend(phantom);
                }
            }
        }
        let is_unmarked = marked.is_none();
        let may_have_seen = |arrived: &(usize, [u8; 32], Option<Revision>)| {
            let earlier = log.saves.get(&arrived.1).filter(|_| arrived.0 == source && arrived.2 == marked);
            earlier
                .map(|earlier| clues(&save, earlier))
                .is_some_and(|clues| clues == 0 || (is_unmarked && Some(arrived.1) == last && clues <= REVERTS_MAX))
        };
        if self.violations.len() > told && self.arrivals.iter().any(may_have_seen) {
            // Where only what she did differs from what a colleague saved before, she may have seen that.
            self.met.indistinct += 1;
            self.violations.retain(|violation| !violation.starts_with(UNSEEN));
        }
        self.note_seen(source, &save.sheet);
        if self.rejecting {
            let is_record = |key: &&str| self.records.values().any(|record| record.key == **key);
            let keys = (0..save.sheet.rows.len()).filter_map(|row| save.sheet.key(row));
            let added: Vec<String> = keys.filter(|key| !is_record(key)).map(str::to_owned).collect();
            self.rejected_keys.extend(added);
            if posting.records.iter().any(|entry| has_applied(entry) || entry.life != Life::Unchanged) {
                self.violations.push(format!("{}: something of a rejected save was taken", SOURCES[source]));
            }
        }
        let is_documented = same_editor || (marked.is_none() && phantoms.len() <= REVERTS_MAX);
        if is_documented {
            self.met.tolerated += phantoms.len();
        } else if !phantoms.is_empty() {
            let who = super::people::EDITORS[save.editor];
            self.violations.push(format!("resurrected by an old copy of {} by {who}: {phantoms:?}", SOURCES[source]));
        }
        for change in &posting.reviews {
            if let ReviewChange::Open(review) = change
                && review.kind == ReviewKind::MassChange
            {
                self.met.held += 1;
                self.held.extend(save.lineage.edits.values().map(|edit| edit.id));
            }
        }
        self.arrived_rows.extend(save.lineage.inserted.values());
        self.arrivals.push((source, digest, marked));
    }

    /// Notes what Daybook wrote into a source's file: it knows what that shows.
    pub(super) fn note_written(&mut self, source: usize, bytes: &[u8]) {
        if let Some(sheet) = Sheet::open(bytes) {
            self.note_seen(source, &sheet);
        }
    }

    fn note_seen(&mut self, source: usize, sheet: &Sheet) {
        for (row, cells) in sheet.rows.iter().enumerate() {
            let Some(key) = sheet.key(row) else { continue };
            for (title, cell) in sheet.columns.iter().zip(cells) {
                let Some(field) = FIELDS.iter().find(|field| *field == title) else { continue };
                self.seen.insert((source, (key.to_owned(), field), cell.clone()));
            }
        }
    }

    fn has_seen(&self, source: usize, key: &str, cell: &CellEntry) -> bool {
        let Some(field) = self.fields.get(&cell.field) else { return false };
        self.seen.contains(&(source, (key.to_owned(), *field), text(&cell.seen)))
    }

    /// One cell of a save. Gives a value back that was posted and that nobody typed.
    fn cell(
        &mut self,
        save: &Save,
        (key, anew): (&str, bool),
        cell: &CellEntry,
        rule: &str,
        arrival: ArrivalId,
    ) -> Option<String> {
        let field = *self.fields.get(&cell.field)?;
        let spot = (key.to_owned(), field);
        if matches!(rule, "seen" | "untouched") && cell.outcome == Outcome::Unchanged {
            return None;
        }
        let typed = save.lineage.edits.get(&spot).filter(|edit| edit.typed == text(&cell.seen));
        let is_first = typed.is_some_and(|edit| !self.answered.contains_key(&edit.id));
        if let Some(edit) = typed.filter(|_| is_first) {
            self.met.edits += 1;
            self.answered.insert(edit.id, arrival);
            match cell.outcome {
                Outcome::Applied => self.met.applied += 1,
                Outcome::Superseded => self.met.superseded += 1,
                Outcome::Refused => self.met.refused += 1,
                Outcome::Conflict => self.met.conflicts += 1,
                Outcome::Held => self.met.held += 1,
                Outcome::Unchanged => self.met.same += 1,
            }
        }
        let allowed = may_write(save.source, field);
        match cell.outcome {
            Outcome::Applied | Outcome::Superseded | Outcome::Conflict | Outcome::Held if !allowed => {
                self.violations
                    .push(format!("{}: {spot:?} is not to be written there: {cell:?}", SOURCES[save.source]));
            }
            Outcome::Refused if allowed && !(self.rejecting && rule == "rejected") => {
                self.violations.push(format!("{}: {spot:?} was refused by {rule}: {cell:?}", SOURCES[save.source]));
            }
            Outcome::Superseded if field != "limit" => {
                self.violations.push(format!("{}: {spot:?} was superseded by {rule}", SOURCES[save.source]));
            }
            _ => {}
        }
        if cell.outcome != Outcome::Applied || field == "id" || anew {
            return None;
        }
        if !is_first {
            return Some(format!("{spot:?} = {:?} over {:?}", text(&cell.seen), cell.before));
        }
        let stored = cell.before.as_deref().and_then(|Before { stored, .. }| stored.as_ref());
        let by_rule = field == "limit" && rule == "latest";
        if let Some(stored) = stored
            && !by_rule
            && *stored != cell.seen
            && !save.lineage.saw(&spot, &text(stored))
        {
            self.violations.push(format!(
                "{UNSEEN} overwritten: {} put {:?} over {stored:?} in {spot:?}, which its author had not seen (rule {rule})",
                SOURCES[save.source], cell.seen
            ));
        }
        None
    }

    /// A record was archived because a save lacks its row.
    fn archived(&mut self, save: &Save, key: &str, record: RecordId, by: &str) {
        self.met.archived += 1;
        if !save.lineage.deleted.contains(key) {
            self.violations.push(format!("{key} was archived by {by} out of which nobody deleted it"));
            return;
        }
        let Some(replayed) = self.records.get(&record) else { return };
        for (field, cell) in &replayed.cells {
            let Some(field) = self.fields.get(field) else { continue };
            let spot = (key.to_owned(), *field);
            let value = text(cell);
            if value.is_some() && save.sheet.column(field).is_some() && !save.lineage.saw(&spot, &value) {
                self.violations.push(format!(
                    "{UNSEEN} deleted: {key} was archived by {by} of {}, whose author had not seen {field} = {value:?}",
                    SOURCES[save.source]
                ));
            }
        }
    }

    fn command(&mut self, posting: &Posting, deeds: &Deeds) {
        for entry in &posting.records {
            let key = self.records.get(&entry.record).map(|record| record.key.clone()).or_else(|| self.key_in(entry));
            for cell in entry.cells.iter().filter(|cell| cell.outcome == Outcome::Applied) {
                let Some(field) = self.fields.get(&cell.field).copied() else { continue };
                let spot = (key.clone().unwrap_or_default(), field);
                if field != "id" && !deeds.sets.contains(&(spot.clone(), text(cell.posted()))) {
                    self.violations.push(format!("{spot:?} was set to {:?} by nobody", cell.posted()));
                }
            }
        }
    }

    fn decision(&mut self, posting: &Posting, review: ReviewId, log: &Log, deeds: &Deeds) {
        self.met.decisions += 1;
        if deeds.decisions.iter().any(|(decided, _)| *decided == review) {
            return;
        }
        // Nobody decided that. So it is judged as if Daybook had done it by itself.
        let Some((digest, _)) = self.questions.get(&review) else { return };
        let Some(save) = log.saves.get(digest).cloned() else { return };
        for entry in posting.records.iter().filter(|entry| entry.life == Life::Archived) {
            let Some(key) = self.records.get(&entry.record).map(|record| record.key.clone()) else { continue };
            self.archived(&save, &key, entry.record, "an answer that nobody gave, to a save");
        }
    }

    /// The ledger is what the postings make.
    fn ledger(&mut self, office: &mut Office) {
        let table = office.pipeline().config().tables[0].name.clone();
        let snapshot = office.pipeline().store().snapshot().expect("the store can be read");
        let mut count = 0;
        let mut violations = Vec::new();
        snapshot
            .for_each_record(&table, |record| {
                count += 1;
                let cells: BTreeMap<FieldId, Cell> =
                    record.cells.iter().map(|(field, stored)| (*field, stored.cell.clone())).collect();
                match self.records.get(&record.id) {
                    Some(replayed) if replayed.cells == cells && replayed.archived == record.archived => {}
                    replayed => violations.push(format!("the ledger has {record:?}, the journal says {replayed:?}")),
                }
                ControlFlow::Continue(())
            })
            .expect("the ledger can be read");
        if count != self.records.len() {
            violations.push(format!("the ledger has {count} records, the journal {}", self.records.len()));
        }
        self.violations.extend(violations);
    }

    /// What Daybook wrote shows nothing that its reader may not see.
    pub(super) fn published(&mut self, files: &[Arc<Vec<u8>>]) {
        for bytes in files {
            self.met.published += 1;
            let mut archive = zip::ZipArchive::new(Cursor::new(bytes.as_slice())).expect("Daybook writes whole files");
            for index in 0..archive.len() {
                let mut part = archive.by_index(index).expect("a part");
                let mut content = Vec::new();
                part.read_to_end(&mut content).expect("a part can be read");
                let content = String::from_utf8_lossy(&content);
                for secret in ["memo-", "phone-"] {
                    if content.contains(secret) {
                        self.violations.push(format!("the view has {secret} in part {index}"));
                    }
                }
            }
        }
    }

    /// The view shows the ledger as its reader may see it.
    pub(super) fn view(&mut self, bytes: Option<&[u8]>) {
        let Some(sheet) = bytes.and_then(Sheet::open) else {
            self.violations.push("there is no view".to_owned());
            return;
        };
        let mut shown: BTreeMap<String, &Vec<Text>> = BTreeMap::new();
        for (row, cells) in sheet.rows.iter().enumerate() {
            shown.insert(sheet.key(row).unwrap_or_default().to_owned(), cells);
        }
        let live: Vec<&Replayed> = self.records.values().filter(|record| !record.archived).collect();
        if live.len() != sheet.rows.len() {
            self.violations.push(format!("the view has {} rows of {} records", sheet.rows.len(), live.len()));
        }
        for record in live {
            let Some(row) = shown.get(&record.key) else {
                self.violations.push(format!("the view lacks {}", record.key));
                continue;
            };
            for (id, field) in &self.fields {
                let Some(column) = sheet.column(field) else { continue };
                let stored = record.cells.get(id).and_then(text);
                let expected = if *field == "phone" { stored.map(|_| "p***".to_owned()) } else { stored };
                if row.get(column).cloned().flatten() != expected {
                    self.violations.push(format!(
                        "the view shows {:?} for {}.{field} = {expected:?}",
                        row.get(column),
                        record.key
                    ));
                }
            }
        }
        if sheet.columns.iter().any(|column| column == "memo" || !FIELDS.contains(&column.as_str())) {
            self.violations.push(format!("the view has the columns {:?}", sheet.columns));
        }
    }
}

/// In how many cells and rows a save differs from an earlier one of the same source without its author's doing: what tells
/// whether she worked on that one or on one before it.
fn clues(save: &Save, earlier: &Save) -> usize {
    let lineage = &save.lineage;
    let rows = |save: &Save| -> BTreeMap<String, Vec<Text>> {
        let keyed = |row: usize| Some((save.sheet.key(row)?.to_owned(), save.sheet.rows[row].clone()));
        (0..save.sheet.rows.len()).filter_map(keyed).collect()
    };
    let (now, then) = (rows(save), rows(earlier));
    let edited =
        |key: &str, column: &str| lineage.edits.keys().any(|(edited, field)| edited == key && *field == column);
    let differing = |key: &String, row: &Vec<Text>| match now.get(key) {
        Some(now) => save
            .sheet
            .columns
            .iter()
            .zip(now.iter().zip(row))
            // What stays empty in a row that she added herself tells nothing: a colleague may have added the same.
            .filter(|(_, (now, _))| now.is_some() || !lineage.inserted.contains_key(key))
            .filter(|(column, (now, then))| now != then && !edited(key, column) && FIELDS.contains(&column.as_str()))
            .count(),
        None => usize::from(!lineage.deleted.contains(key)),
    };
    let added = now.keys().filter(|key| !then.contains_key(*key) && !lineage.inserted.contains_key(*key));
    then.iter().map(|(key, row)| differing(key, row)).sum::<usize>() + added.count()
}

fn has_applied(entry: &RecordEntry) -> bool {
    entry.cells.iter().any(|cell| cell.outcome == Outcome::Applied)
}

fn text(cell: &Cell) -> Text {
    match cell {
        Cell::Blank => None,
        other => Some(other.to_string()),
    }
}
