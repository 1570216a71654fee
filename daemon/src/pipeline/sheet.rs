//! A save of a workbook, from typed rows to a posting.
//!
//! In come the rows of a sheet and one snapshot of the store; out goes a [`Posting`] or nothing. What the save is
//! compared with is settled first (`merge::descent`), then each row goes through the [`Composer`], then the rows
//! that are gone, then the guard. It writes nothing.

use std::collections::{HashMap, HashSet};

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::ancestry::{Ancestry, Known};
use super::columns::{ColumnNews, Telltale};
use super::compose::{Came, Composed, Composer, Creator, Incoming, Settings, Supplied};
use super::consult::{Case, Consultant, Said};
use super::error::PipelineError;
use super::held::{self, DecidedRows, RejectedRows};
use super::hindrance::{Blanket, Remembered};
use super::identity;
use super::layout::Layout;
use super::moved;
use super::numbers::{Numbers, generated, has_no_key};
use super::placing::{Placed, Why};
use super::recognised::Recognised;
use super::report::Report;
use super::spec::SourceSpec;
use super::telling::Telling;
use crate::access::Decider;
use crate::config::{BlankCells, Guard};
use crate::extract::CellProblem;
use crate::io::{Entropy, uuid_v7};
use crate::merge::guard;
use crate::model::entry::{KeyIndex, Posting, ReviewChange, StateAdvance};
use crate::model::plugin::PluginSetup;
use crate::model::problem::Code;
use crate::model::review::Extent;
use crate::model::{
    Arrival, Cell, FieldId, HeldReason, Life, Outcome, Presence, Problem, RecordEntry, RecordId, Review, ReviewId,
    ReviewKind, Row, RowHash, SourceName, StoredRecord, Table, Value,
};
use crate::plugin::{Context as World, FAILED, Plugins, STOPPED};
use crate::store::Snapshot;

/// What is remembered of a row that would have been a new record and was refused.
const REFUSED_ROW: &str = "refused-row";

/// A sheet as it was read: what does not change when the posting is made again on a newer snapshot.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Sheet {
    /// The arrival.
    pub arrival: Arrival,
    /// The rows that were read in full.
    pub rows: Vec<Row>,
    /// The rows whose hash the store knows: number and hash.
    pub known: Vec<(u32, RowHash)>,
    /// What `extract` could not read.
    pub cell_problems: Vec<CellProblem>,
    /// What is wrong with the sheet as a whole.
    pub problems: Vec<Problem>,
    /// What is new about its columns.
    pub news: ColumnNews,
    /// The name that the source had before its file was moved, if that has just been found out.
    pub moved_from: Option<SourceName>,
    /// How many rows there are.
    pub rows_total: u32,
    /// The key is counted by formulas.
    pub counted_keys: bool,
}

/// What the posting is made with, beside the snapshot.
pub(super) struct Context<'a> {
    /// The table.
    pub table: &'a Table,
    /// The access rules.
    pub decider: &'a Decider,
    /// The source.
    pub spec: &'a SourceSpec,
    /// The guard's limits.
    pub guard: &'a Guard,
    /// The office's plugins.
    pub setups: &'a [PluginSetup],
    /// What they may know of the world.
    pub world: &'a World,
    /// Who is responsible for a record that the source adds without saying so.
    pub creator: Creator,
    /// What a person has decided about the arrival, if it was held.
    pub decided: Option<Decided>,
    /// That was to take what plugins hold of it.
    pub takes_held: bool,
    /// Earlier versions of workbooks are kept.
    pub versions_kept: bool,
}

impl Context<'_> {
    /// Whether a person has decided that nothing of the arrival is taken.
    pub(super) fn is_rejected(&self) -> bool {
        matches!(self.decided, Some(Decided::Rejected(_)))
    }
}

/// What a person has decided about an arrival that was held: by which review, and whether it is posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decided {
    /// It is posted; the guard lets it pass.
    Accepted(ReviewId),
    /// All that it changes is refused.
    Rejected(ReviewId),
}

impl Decided {
    fn close(self) -> ReviewChange {
        let (id, how) = match self {
            Self::Accepted(id) => (id, "accept"),
            Self::Rejected(id) => (id, "reject"),
        };
        ReviewChange::Close { id, how: CompactString::const_new(how) }
    }
}

/// What a sheet comes to.
pub(super) enum Made {
    /// It says nothing new.
    Nothing(Report),
    /// It is to be held, and the same content was held before.
    HeldBefore(Report),
    /// It is to be committed.
    Posting {
        /// What to commit.
        posting: Box<Posting>,
        /// What it did.
        report: Report,
        /// The question under which the sheet is kept, if it waits for a person.
        held: Option<ReviewId>,
        /// Views may show something else from now on.
        changed: bool,
    },
    /// The child was told hashes that the store no longer knows: the sheet has to be read anew.
    Outdated,
}

/// Makes the posting of a sheet on a snapshot. If the file is written into, also says how it is laid out.
pub(super) fn make(
    snapshot: &Snapshot<'_>,
    sheet: &Sheet,
    context: &Context<'_>,
    entropy: &mut dyn Entropy,
    plugins: &mut dyn Plugins,
) -> Result<(Made, Option<Layout>), PipelineError> {
    let known = Known::load(snapshot, sheet)?;
    let Some(mut placed) = Placed::of(snapshot, sheet, context, &known, entropy)? else {
        return Ok((Made::Outdated, None));
    };
    let told: HashSet<u64> = snapshot.told(&sheet.arrival.source)?.into_iter().collect();
    let rejected = RejectedRows::of(&told, context.decided);
    let hashes = sheet.rows.iter().map(|row| row.hash).chain(sheet.known.iter().map(|(_, hash)| *hash));
    let decided_rows = DecidedRows::load(snapshot, &told, hashes)?;
    let (ancestry, recognised) = identity::recognise(snapshot, sheet, context, (&known, &rejected), &mut placed)?;
    let work = Work {
        snapshot,
        sheet,
        context,
        known: &known,
        placed: &placed,
        ancestry: &ancestry,
        recognised: &recognised,
        rejected: &rejected,
        decided_rows,
        told,
    };
    let mut layout = if context.spec.writing.is_some() { Layout::of(sheet, &placed) } else { None };
    let said = work.consult(plugins)?;
    let made = work.run(layout.as_mut(), said, entropy)?;
    Ok((made, layout))
}

/// What plugins said of the rows.
#[derive(Default)]
struct Consulted {
    said: HashMap<RecordId, Said>,
    problems: Vec<Problem>,
}

/// One run over a sheet.
pub(super) struct Work<'a> {
    pub(super) snapshot: &'a Snapshot<'a>,
    pub(super) sheet: &'a Sheet,
    pub(super) context: &'a Context<'a>,
    pub(super) known: &'a Known,
    pub(super) placed: &'a Placed,
    pub(super) ancestry: &'a Ancestry,
    recognised: &'a Recognised,
    rejected: &'a RejectedRows,
    decided_rows: DecidedRows,
    told: HashSet<u64>,
}

impl Work<'_> {
    fn run(
        &self,
        layout: Option<&mut Layout>,
        mut consulted: Consulted,
        entropy: &mut dyn Entropy,
    ) -> Result<Made, PipelineError> {
        let source = &self.sheet.arrival.source;
        let table = self.context.table;
        let mut open = open_reviews(self.snapshot, source)?;
        let taken_over = match &self.sheet.moved_from {
            Some(before) => moved::renamed(open_reviews(self.snapshot, before)?, source),
            None => Vec::new(),
        };
        open.extend(taken_over.iter().cloned());
        let settings = Settings {
            ignore_blanks: self.context.spec.blank_cells == BlankCells::Ignore,
            refused: self.blanket(),
            decided: false,
        };
        let taken = self.taken_keys(&consulted)?;
        let mut composer =
            Composer::new(table, self.context.decider, self.sheet.arrival.clone(), settings, &open, taken);
        composer.report.rows = u64::from(self.sheet.rows_total);
        for review in taken_over {
            composer.review(ReviewChange::Open(Box::new(review)));
        }
        let mut telling = Telling { before: self.told.clone(), now: Vec::new() };
        self.tell_sheet(&mut composer, &mut telling);
        self.tell_older_copy(&mut composer, &mut telling);
        let mut extent = Extent::default();
        for problem in std::mem::take(&mut consulted.problems) {
            if telling.is_new(&problem.code, &[problem.place.as_bytes(), problem.message.as_bytes()]) {
                composer.problem(problem);
            }
        }
        self.rows(&mut composer, &mut telling, &mut extent, &mut consulted, entropy)?;
        composer.withdraw_held_rows();
        self.missing(&mut composer, &open, &mut extent, entropy)?;
        extent.missing_rows += self.recognised.moved();
        if let Some(layout) = layout {
            layout.news = composer.rows_with_news();
            layout.refuse(std::mem::take(&mut composer.refused_rows));
            layout.hold(std::mem::take(&mut composer.held_rows));
            layout.told.extend(std::mem::take(&mut composer.told_rows));
        }
        if self.context.is_rejected() {
            held::tell_rejected(&mut composer, self.context.versions_kept);
            self.recognised.keep_told(&mut telling);
        } else {
            self.recognised.tell(&mut composer, &mut telling, table, &open, entropy);
        }
        let telltale = Telltale {
            table,
            header_row: self.context.spec.header_row,
            is_view: self.context.spec.view.is_some(),
            open: &open,
            rejected: self.context.is_rejected(),
        };
        self.sheet.news.tell(&mut composer, &mut telling, &telltale, entropy);
        self.finish(composer, telling, extent, &open, entropy)
    }

    /// Asks the plugins about the rows that say something new.
    fn consult(&self, plugins: &mut dyn Plugins) -> Result<Consulted, PipelineError> {
        let table = self.context.table;
        let is_asked = |setup: &PluginSetup| setup.table == table.name && !setup.disabled;
        if self.blanket() == Some(Blanket::ReadOnly) || !self.context.setups.iter().any(is_asked) {
            return Ok(Consulted::default());
        }
        let reread = self.ancestry.reread(&self.placed.untouched);
        let read = self.placed.read.iter().map(|(position, record, _)| {
            let row = &self.sheet.rows[*position];
            (*record, Some(row), row.cells.as_slice())
        });
        let again = reread.iter().filter_map(|record| Some((*record, None, self.ancestry.newest(*record)?)));
        let mut shown: Vec<_> = read.chain(again).collect();
        // What a person has decided not to take is put to nobody as long as it stands.
        let is_denied = |row: &Row| self.decided_rows.remembered(row.hash, &self.told) == Remembered::Denied;
        shown.retain(|(_, row, _)| !row.is_some_and(is_denied));
        if self.context.is_rejected() {
            // Only what waited before the save was held still waits for what they say.
            let was_held = |row: &Row| self.told.contains(&DecidedRows::held(row.hash));
            shown.retain(|(_, row, _)| row.is_some_and(was_held));
        }
        let ids: Vec<RecordId> = shown.iter().map(|(record, ..)| *record).collect();
        let stored = self.snapshot.records(&table.name, &ids)?;
        let ignore_blanks = self.context.spec.blank_cells == BlankCells::Ignore;
        let (mut whose, mut cases) = (Vec::new(), Vec::new());
        for (record, row, cells) in shown {
            let stored = stored.get(&record);
            let supplied = if stored.is_none() { self.context.creator.supplies(table, cells) } else { Vec::new() };
            let came = if row.is_some() { self.ancestry.came(self.known, record) } else { Came::AsBefore };
            let incoming =
                Incoming { row: row.map(|row| row.number), supplied, came, ..self.incoming(record, cells, stored) };
            let case = Case::of(table, self.context.decider, &self.sheet.arrival, ignore_blanks, incoming);
            if let Some(case) = case {
                whose.push(record);
                cases.push(case);
            }
        }
        let mut consultant = Consultant { plugins, setups: self.context.setups, table, context: self.context.world };
        let (said, problems) = consultant.consult(&cases);
        Ok(Consulted { said: whose.into_iter().zip(said).collect(), problems })
    }

    /// Why nothing of the sheet may be taken, if so it is.
    pub(super) fn blanket(&self) -> Option<Blanket> {
        if self.context.is_rejected() {
            return Some(Blanket::Rejected);
        }
        self.context.spec.read_only.then_some(Blanket::ReadOnly)
    }

    /// The unique keys that the rows use, or get from plugins, and some record has.
    fn taken_keys(&self, consulted: &Consulted) -> Result<HashMap<(KeyIndex, CompactString), RecordId>, PipelineError> {
        let table = self.context.table;
        let mut taken = HashMap::new();
        for field in table.fields.iter().filter(|field| field.constraints.unique && table.primary_key != [field.id]) {
            let typed = self.sheet.rows.iter().filter_map(|row| row.cell(field.id)?.value());
            let said = consulted.said.values().flat_map(Said::values).filter(|(id, _)| *id == field.id);
            let values = typed.chain(said.filter_map(|(_, cell)| cell.value()));
            let texts: Vec<CompactString> = values.filter_map(|value| field.key_text(value)).collect();
            let index = KeyIndex::Unique(field.id);
            let found = self.snapshot.records_by_key(&table.name, index, &texts)?;
            taken.extend(found.into_iter().map(|(text, record)| ((index, text), record)));
        }
        Ok(taken)
    }

    /// What is wrong with the sheet as a whole, and with rows that belong to no record.
    fn tell_sheet(&self, composer: &mut Composer<'_>, telling: &mut Telling) {
        for problem in &self.sheet.problems {
            if telling.is_new(&problem.code, &[problem.place.as_bytes(), problem.message.as_bytes()]) {
                composer.problem(problem.clone());
            }
        }
        let key = self.context.table.primary_key.iter().filter_map(|id| self.context.table.field(*id));
        let title = key.map(|field| field.title().to_owned()).collect::<Vec<_>>().join(" + ");
        for orphan in &self.placed.orphans {
            let place = composer.arrival().place.as_ref().map_or_else(String::new, |place| place.row(orphan.number));
            let (code, message, hint) = match orphan.why {
                Why::NoKey => (
                    Code("no-key"),
                    format!(
                        "{place}: the row has no readable `{title}`, so it is not known whose it is. It was not taken over."
                    ),
                    format!("Fill in `{title}` and save again."),
                ),
                Why::Duplicate => (
                    Code("duplicate-key"),
                    format!("{place}: another row of the sheet has the same `{title}`. Neither was taken over."),
                    format!("Leave one row for each `{title}` and save again."),
                ),
                Why::Copy => (
                    Code("duplicate-key"),
                    format!(
                        "{place}: another row of the sheet has the same `{title}` and is as it was. This one was not taken over."
                    ),
                    format!("Give the row a `{title}` of its own, or delete it, and save again."),
                ),
            };
            if telling.is_new(code.0, &[&orphan.hash.0.to_le_bytes()]) {
                composer.problem(Problem::new(code, place, message, hint));
            }
        }
    }

    /// Tells that the save was taken for an older copy, where nothing but its content says so.
    fn tell_older_copy(&self, composer: &mut Composer<'_>, telling: &mut Telling) {
        if self.ancestry.is_current() || self.sheet.arrival.mark.revision.is_some() {
            return;
        }
        if telling.is_new("older-copy", &[&self.sheet.arrival.mark.digest]) {
            let place = composer.arrival().place.as_ref().map_or_else(String::new, crate::model::Place::whole);
            composer.problem(Problem::new(
                Code("older-copy"),
                place.clone(),
                format!("{place}: this looks like an older copy. What others have changed since stays as it is stored; only what is new in the copy was taken over."),
                "If older values are meant to come back, type them again, or use `daybook change revert`.",
            ));
        }
    }

    /// Composes each row that says something.
    fn rows(
        &self,
        composer: &mut Composer<'_>,
        telling: &mut Telling,
        extent: &mut Extent,
        consulted: &mut Consulted,
        entropy: &mut dyn Entropy,
    ) -> Result<(), PipelineError> {
        let table = self.context.table;
        let reread: Vec<RecordId> = self.ancestry.reread(&self.placed.untouched);
        let mut ids: Vec<RecordId> = self.placed.read.iter().filter(|(_, _, new)| !new).map(|(_, id, _)| *id).collect();
        ids.extend(&reread);
        let stored = self.snapshot.records(&table.name, &ids)?;
        let mut problems = self.problems_by_row();
        let mut numbers = Numbers::new(self.snapshot, table, &self.sheet.rows)?;
        for (position, record, _) in &self.placed.read {
            let row = &self.sheet.rows[*position];
            let stored = stored.get(record);
            let doubtful = self.ancestry.doubtful(*record, &row.cells);
            let incoming = Incoming {
                row: Some(row.number),
                hash: row.hash,
                doubtful: &doubtful,
                supplied: if stored.is_none() { self.supplied(row, &mut numbers)? } else { Vec::new() },
                problems: problems.remove(&row.number).unwrap_or_default(),
                came: self.ancestry.came(self.known, *record),
                said: consulted.said.remove(record).unwrap_or_default(),
                ..self.incoming(*record, &row.cells, stored)
            };
            self.one(composer, telling, extent, incoming, entropy);
        }
        for record in reread {
            let Some(cells) = self.ancestry.newest(record) else { continue };
            let doubtful = self.ancestry.doubtful(record, cells);
            let incoming = Incoming {
                row: self.placed.untouched.get(&record).copied(),
                hash: self.known.row(record).map_or(RowHash::UNKNOWN, |row| row.hash),
                doubtful: &doubtful,
                said: consulted.said.remove(&record).unwrap_or_default(),
                ..self.incoming(record, cells, stored.get(&record))
            };
            self.one(composer, telling, extent, incoming, entropy);
        }
        Ok(())
    }

    /// What a row shows of a record, with what its source showed of it before.
    fn incoming<'r>(
        &'r self,
        record: RecordId,
        cells: &'r [(FieldId, Cell)],
        stored: Option<&'r StoredRecord>,
    ) -> Incoming<'r> {
        Incoming {
            record,
            row: None,
            hash: RowHash::UNKNOWN,
            cells,
            base: self.ancestry.base(record),
            newest: self.ancestry.newest(record),
            stored,
            doubtful: &[],
            current: self.ancestry.is_current(),
            supplied: Vec::new(),
            problems: Vec::new(),
            came: Came::AsBefore,
            remembered: Remembered::Nothing,
            said: Said::default(),
        }
    }

    /// Composes one row.
    fn one(
        &self,
        composer: &mut Composer<'_>,
        telling: &mut Telling,
        extent: &mut Extent,
        mut incoming: Incoming<'_>,
        entropy: &mut dyn Entropy,
    ) {
        let (record, row, hash) = (incoming.record, incoming.row, incoming.hash);
        let shown_before = incoming.base.is_some();
        let digest = |code: &str| Telling::digest(code, &[&hash.0.to_le_bytes()]);
        let is_told = |code: &str| telling.before.contains(&digest(code));
        let is_new = incoming.stored.is_none();
        // As long as the row is in no state of its source and stands there as it did, the rejection is about it, also if somebody
        // else has used its key since.
        let was_rejected = !shown_before && self.rejected.contain(hash);
        // What a plugin held before the rejected save was made waits on.
        let decided = self.decided_rows.remembered(hash, &telling.before);
        let waits = match decided {
            Remembered::Held => !incoming.said.errors.is_empty(),
            decided => decided == Remembered::Denied,
        };
        let is_rejected = self.context.is_rejected() && !waits;
        if was_rejected || is_rejected {
            incoming.said = Said::default();
        } else if self.context.takes_held {
            incoming.said.errors.clear();
        }
        let rejected = was_rejected || is_new && is_rejected;
        incoming.remembered = if rejected {
            Remembered::Rejected
        } else if decided != Remembered::Nothing {
            decided
        } else if is_new && is_told(REFUSED_ROW) {
            Remembered::Refused
        } else {
            Remembered::Nothing
        };
        let is_denied = incoming.remembered == Remembered::Denied;
        match composer.row(incoming, entropy) {
            // What a person has decided already is not put to her again.
            Composed::Entry(entry) if rejected => composer.push(entry),
            Composed::Entry(entry) => {
                extent.changed_cells += changed_cells(&entry);
                if !shown_before {
                    extent.known_cells += stored_cells(&entry);
                }
                composer.push(entry);
            }
            Composed::Held { changed, asked } => {
                extent.changed_cells += changed;
                telling.now.extend(DecidedRows::told(hash, asked));
            }
            Composed::Refused => {
                telling.now.extend(is_denied.then(|| DecidedRows::told(hash, None)).into_iter().flatten());
                // As long as the row stands there as it is, it is not told or asked about again.
                telling.now.extend(rejected.then(|| RejectedRows::digest(hash)));
                telling.now.push(digest(REFUSED_ROW));
            }
            Composed::Nothing => {
                if self.known.row(record).is_some_and(|known| known.hash != hash) {
                    composer.push(RecordEntry {
                        record,
                        row,
                        hash,
                        presence: Presence::Seen,
                        life: Life::Unchanged,
                        cells: Vec::new(),
                        keys: Vec::new(),
                    });
                }
            }
        }
    }

    fn problems_by_row(&self) -> HashMap<u32, Vec<CellProblem>> {
        let mut problems: HashMap<u32, Vec<CellProblem>> = HashMap::new();
        for problem in &self.sheet.cell_problems {
            problems.entry(problem.row).or_default().push(problem.clone());
        }
        problems
    }

    /// What Daybook fills in for a new record: its number, its owner, its department.
    fn supplied(&self, row: &Row, numbers: &mut Numbers<'_>) -> Result<Vec<Supplied>, PipelineError> {
        let table = self.context.table;
        let mut supplied = self.context.creator.supplies(table, &row.cells);
        if let Some((field, _)) = generated(table)
            && has_no_key(table, row)
        {
            supplied.push((field, Value::Text(numbers.next()?)));
        }
        Ok(supplied)
    }

    /// A question about a row or about the whole arrival.
    pub(super) fn question(
        composer: &Composer<'_>,
        kind: ReviewKind,
        record: Option<RecordId>,
        entropy: &mut dyn Entropy,
    ) -> Review {
        let arrival = composer.arrival();
        Review {
            id: ReviewId::new(uuid_v7(arrival.at.0, entropy)),
            kind,
            table: arrival.table.clone(),
            record,
            field: None,
            group: Vec::new(),
            base: None,
            stored: None,
            incoming: None,
            source: arrival.source.clone(),
            place: arrival.place.as_ref().map_or_else(String::new, crate::model::Place::whole),
            actor: arrival.actor.clone(),
            arrival: arrival.id,
            at: arrival.at,
            extent: None,
            held: Vec::new(),
        }
    }

    /// Lets the guard look, and ends the arrival.
    fn finish(
        &self,
        mut composer: Composer<'_>,
        telling: Telling,
        mut extent: Extent,
        open: &[Review],
        entropy: &mut dyn Entropy,
    ) -> Result<Made, PipelineError> {
        extent.known_rows = self.known.count();
        extent.known_cells += extent.known_rows * self.sheet.arrival.columns.len() as u64;
        let limits = guard::Limits {
            changed_cells_max_percent: self.context.guard.changed_cells_max_percent.into(),
            missing_rows_max_percent: self.context.guard.missing_rows_max_percent.into(),
            rows_min: self.context.guard.rows_min,
        };
        let waiting = open.iter().find(|review| review.kind == ReviewKind::MassChange);
        // Rows of an earlier save that was rejected are no rows of anything.
        let rejected = self.sheet.rows.iter().filter(|row| self.rejected.contain(row.hash)).count() as u64;
        let excess =
            guard::excess(&extent, u64::from(self.sheet.rows_total).saturating_sub(rejected), &limits).is_some();
        // Keys that are counted by formulas move with their rows, and the records don't.
        let have_moved = self.sheet.counted_keys && self.recognised.exchanged > 1;
        let is_odd = excess || have_moved || self.sheet.news.is_exchanged();
        let holds_too_many = guard::holds_too_many(composer.held_anew, u64::from(self.sheet.rows_total), &limits);
        if self.context.decided.is_none() && (is_odd || holds_too_many) {
            let reasons = if is_odd { Vec::new() } else { std::mem::take(&mut composer.held_reasons) };
            return self.hold(&composer, extent, (waiting, reasons), entropy);
        }
        // What Daybook wrote and nobody changed is no arrival, though its rows are read for the first time.
        let own = self.known.states.first().is_some_and(|state| state.written);
        let was_there = |record| self.known.row(record).is_some_and(|row| !row.missing);
        let is_bare = composer.is_bare(was_there);
        let nothing_new = composer.is_empty() || (own && is_bare);
        if nothing_new && waiting.is_none() && !telling.has_changed() && self.known.newest.is_some() {
            return Ok(Made::Nothing(composer.report));
        }
        let digest = &self.sheet.arrival.mark.digest;
        match (self.context.decided, waiting) {
            (Some(decided), _) => composer.review(decided.close()),
            (None, Some(review)) => {
                // A plugin that held most of a save may be another one by now, and take it.
                let is_it = nothing_new || held::was_held(self.snapshot, &self.sheet.arrival.source, digest)?;
                held::withdraw(&mut composer, review, is_it);
            }
            (None, None) if self.context.spec.writing.is_none() && !nothing_new => {
                if held::was_rejected(self.snapshot, &self.sheet.arrival.source, digest)? {
                    return Ok(Made::HeldBefore(Report { rows: composer.report.rows, ..Report::default() }));
                }
            }
            (None, None) => {}
        }
        let state = StateAdvance { after: self.known.newest, told: telling.now };
        let (posting, mut report) = composer.finish(Some(state));
        if is_bare && self.known.newest.is_some() {
            report.arrivals = 0;
        }
        let changed = posting.records.iter().any(|entry| {
            entry.life != Life::Unchanged || entry.cells.iter().any(|cell| cell.outcome == Outcome::Applied)
        });
        Ok(Made::Posting { posting: Box::new(posting), report, held: None, changed })
    }

    /// Puts the whole arrival to a person; for these reasons, if it is because of what plugins hold of it.
    fn hold(
        &self,
        composer: &Composer<'_>,
        extent: Extent,
        (waiting, reasons): (Option<&Review>, Vec<HeldReason>),
        entropy: &mut dyn Entropy,
    ) -> Result<Made, PipelineError> {
        let digest = self.sheet.arrival.mark.digest;
        let mut report = Report { rows: u64::from(self.sheet.rows_total), ..Report::default() };
        if held::was_held(self.snapshot, &self.sheet.arrival.source, &digest)? {
            return Ok(Made::HeldBefore(report));
        }
        let mut review = Self::question(composer, ReviewKind::MassChange, None, entropy);
        if let Some(waiting) = waiting {
            review.id = waiting.id;
        }
        review.extent = Some(extent);
        review.held = reasons;
        report.held = composer.report.changes.max(1);
        report.changes = report.held;
        report.arrivals = 1;
        let source = self.sheet.arrival.source.as_str();
        let exchange = self.sheet.news.exchange(&review.place, self.context.table);
        report.problems.extend(exchange.map(|problem| problem.in_source(source)));
        report.problems.extend(composer.report.problems.iter().filter(|problem| is_of_a_host(problem)).cloned());
        let told = held::mass_change(&review, &extent, composer.held_anew, report.rows);
        report.problems.push(told.in_source(source));
        let id = review.id;
        let posting = Posting {
            arrival: self.sheet.arrival.clone(),
            rules: Vec::new(),
            records: Vec::new(),
            reviews: vec![ReviewChange::Open(Box::new(review))],
            state: None,
            problems: report.problems.clone(),
        };
        Ok(Made::Posting { posting: Box::new(posting), report, held: Some(id), changed: false })
    }
}

/// Whether a problem is a plugin's own, and none of a row.
fn is_of_a_host(problem: &Problem) -> bool {
    [FAILED.0, STOPPED.0].contains(&problem.code.as_str())
}

/// The open reviews that a source raised.
pub(super) fn open_reviews(snapshot: &Snapshot<'_>, source: &SourceName) -> Result<Vec<Review>, PipelineError> {
    Ok(snapshot.open_reviews_of(source, None)?)
}

/// Cells of an entry that change a value which was there.
fn changed_cells(entry: &RecordEntry) -> u64 {
    let changed = entry.cells.iter().filter(|cell| {
        let before = cell.before.as_deref();
        let had = |cell: &Option<Cell>| cell.as_ref().is_some_and(|cell| *cell != Cell::Blank);
        cell.outcome != Outcome::Unchanged && before.is_some_and(|before| had(&before.base) || had(&before.stored))
    });
    changed.count() as u64
}

/// Cells of an entry that meet a stored value: what a first sync is measured by.
fn stored_cells(entry: &RecordEntry) -> u64 {
    let met = entry.cells.iter().filter(|cell| cell.before.as_deref().is_some_and(|before| before.stored.is_some()));
    met.count() as u64
}
