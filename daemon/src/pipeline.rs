//! The one way through: the only place that knows the order of the stages.
//!
//! Whatever arrives is made into a `Posting` on one snapshot of the store and committed on condition that the store is
//! still at that snapshot's revision; if others committed meanwhile, it is made again. The stages are functions over values; the
//! [`Pipeline`] holds the store and what the outside is reached through. It runs in one thread; reading a workbook, the slow
//! part, can be done elsewhere between [`Pipeline::ask`] and [`Pipeline::take`].

mod again;
mod ancestry;
mod columns;
mod command;
mod compose;
mod consult;
mod edits;
pub mod error;
pub mod flow;
mod formulas;
mod gone;
mod heed;
mod held;
mod hindrance;
mod identity;
mod ids;
mod layout;
mod lending;
pub mod mail;
pub mod mailing;
mod moved;
mod numbers;
pub mod past;
pub mod patching;
mod placing;
mod plan;
pub mod publication;
mod questions;
pub mod reading;
mod recall;
mod recognised;
pub mod report;
mod sheet;
pub mod spec;
mod telling;
pub mod trial;
mod typed;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use compact_str::CompactString;

pub use self::command::{Decision, by_prefix, key_cells};
pub use self::error::PipelineError;
pub use self::reading::Reading;
pub use self::report::Report;
pub use self::spec::SourceSpec;
pub use self::typed::Typed;

pub use self::columns::PastColumns;

use self::columns::{ColumnNews, Judged};
use self::compose::Creator;
use self::consult::{Case, Consultant};
use self::layout::Layout;
use self::moved::Origin;
use self::patching::WrittenFile;
use self::sheet::{Context, Decided, Made, Sheet};
use crate::access::Decider;
use crate::codec::xlsx::write::AUTHOR;
use crate::config::Config;

use crate::io::{Clock, Disk, Entropy, Fingerprint, uuid_v7};
use crate::model::problem::Code;
use crate::model::{
    Actor, Arrival, ArrivalId, ArrivalKind, Cell, FieldId, Mark, Place, Problem, Review, ReviewKind, Revision, RowHash,
    SourceName, Table, TableName, Timestamp,
};
use crate::plugin::{Context as World, Plugins};
use crate::source::workbook::{Fetched, SheetPatcher, SheetReader};
use crate::store::{Along, ArrivalFilter, CommitError, HeldPayload, Snapshot, Store, Task};
use crate::text::{Language, Texts};

/// The source name of commands and decisions.
pub const CONSOLE: &str = "console";
/// The outbox task that writes a view, or into a workbook. Its target is the name of the configured source.
pub const PUBLISH: &str = "publish";
/// The outbox task that reads a source's file in full, though it has not changed: a person has decided what it means.
pub const REREAD: &str = "reread";
/// How often a posting is made anew because others committed first.
const TRIES_MAX: u32 = 50;
/// How many of a source's arrivals are looked through for the one that made its newest state.
const RECENT_ARRIVALS: u32 = 20;

/// What the outside is reached through.
pub struct Parts {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness for ids.
    pub entropy: Box<dyn Entropy>,
    /// The files.
    pub disk: Arc<dyn Disk>,
    /// What reads workbooks.
    pub reader: Arc<dyn SheetReader>,
    /// What changes cells of workbooks.
    pub patcher: Arc<dyn SheetPatcher>,
    /// What runs the office's plugins.
    pub plugins: Box<dyn Plugins>,
}

/// The store with all that works on it.
pub struct Pipeline {
    config: Config,
    specs: Vec<SourceSpec>,
    decider: Decider,
    texts: Texts,
    store: Store,
    parts: Parts,
    /// What files were when their content was last taken or written.
    settled: HashMap<PathBuf, (Fingerprint, Shows)>,
    /// There is time to wait until files are quiet.
    patient: bool,
    /// What is known of the files that are written into.
    written: HashMap<PathBuf, WrittenFile>,
    /// Titles, folded, that were found out to mean a field, by source: the file is read again with them.
    concluded: HashMap<SourceName, Vec<(CompactString, FieldId)>>,
    /// Sources that took over another one's states and have not been posted since, with that one's name.
    moved: HashMap<SourceName, SourceName>,
}

/// What a file shows whose content was taken or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shows {
    /// What the newest state of its source says.
    Newest,
    /// What Daybook wrote, which is not the newest state any more.
    Own,
    /// Something else: a save that is held or was rejected.
    Other,
}

/// What has to be known of the store to read a source's file.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The key of the source's row hashes.
    pub hash_key: [u8; 16],
    /// Hashes of rows that need not be decoded, ascending.
    pub known: Vec<u128>,
    /// SHA-256 of the file that was seen last: if it is the same, there is nothing to read.
    pub digest: Option<[u8; 32]>,
    /// What is known of its columns.
    pub past: PastColumns,
}

/// What became of a fetched sheet.
#[derive(Debug)]
pub enum Taken {
    /// It was posted, or said nothing new.
    Done(Report),
    /// Nothing of it could be taken; the file stays as it is.
    Refused(Vec<Problem>),
    /// The store moved on while the file was read: read it again, with every row in full.
    ReadAgain,
}

/// What became of a sheet.
struct Posted {
    taken: Taken,
    shows: Shows,
    /// How the file is laid out, if it is written into and was taken.
    layout: Option<Layout>,
}

impl Pipeline {
    /// Brings configuration and store together.
    pub fn new(mut config: Config, mut store: Store, parts: Parts) -> Result<Self, PipelineError> {
        adopt(&mut config, &mut store)?;
        let language = Language::from_tag(config.office.language.tag()).unwrap_or(Language::En);
        Ok(Self {
            specs: SourceSpec::all(&config),
            decider: Decider::compile(&config.policy, &config.tables),
            texts: Texts::new(language),
            config,
            store,
            parts,
            settled: HashMap::new(),
            patient: false,
            written: HashMap::new(),
            concluded: HashMap::new(),
            moved: HashMap::new(),
        })
    }

    /// The configuration, its fields numbered as the store numbers them.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The sources.
    pub fn specs(&self) -> &[SourceSpec] {
        &self.specs
    }

    /// Words for people, in the office's language.
    pub fn texts(&self) -> &Texts {
        &self.texts
    }

    /// The one that decides who may see and change what.
    pub fn decider(&self) -> &Decider {
        &self.decider
    }

    /// What the outside is reached through.
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// The office's plugins.
    pub fn plugins(&mut self) -> &mut dyn Plugins {
        self.parts.plugins.as_mut()
    }

    /// The store, for queries.
    pub fn store(&mut self) -> &mut Store {
        &mut self.store
    }

    /// Ends the pipeline and gives the store back: what a crash leaves.
    pub fn into_store(self) -> Store {
        self.store
    }

    /// A snapshot with what is needed to show it to somebody.
    pub fn look(&mut self) -> Result<Look<'_>, PipelineError> {
        Ok(Look { snapshot: self.store.snapshot()?, config: &self.config, decider: &self.decider })
    }

    /// The table of a name.
    pub fn table(&self, name: &TableName) -> Result<&Table, PipelineError> {
        table_of(&self.config, name)
    }

    /// Says that there is time to wait until files are quiet: this is no single pass.
    pub fn be_patient(&mut self) {
        self.patient = true;
    }

    /// Whether there is time to wait until files are quiet.
    pub fn is_patient(&self) -> bool {
        self.patient
    }

    /// What plugins may know of the world.
    fn world(&self, dry: bool) -> World {
        let zone = self.config.office.timezone.clone();
        let today = jiff::Timestamp::from_millisecond(self.now().0).map(|now| now.to_zoned(zone).date().to_string());
        let locale = self.config.office.language.tag().to_owned();
        World { as_of: today.unwrap_or_default(), locale, read_only: dry }
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        Timestamp(self.parts.clock.now_ms())
    }

    /// What the reader of a source's file has to be told. With `everything`, each row is decoded.
    pub fn ask(&mut self, source: &SourceName, everything: bool) -> Result<Ask, PipelineError> {
        let snapshot = self.store.snapshot()?;
        let hash_key = snapshot.row_hash_key(source);
        let newest = snapshot.states(source)?.into_iter().next();
        let Some(newest) = newest else {
            return Ok(Ask { hash_key, known: Vec::new(), digest: None, past: PastColumns::default() });
        };
        let past = PastColumns::load(
            &snapshot,
            (source, newest.arrival),
            self.concluded.get(source).cloned().unwrap_or_default(),
        )?;
        let mut known = Vec::new();
        if !everything {
            let index = snapshot.state_index(source, newest.no)?;
            known =
                index.iter().filter(|row| !row.missing && row.hash != RowHash::UNKNOWN).map(|row| row.hash.0).collect();
            known.sort_unstable();
        }
        // A view's digest is that of what it shows, every other state's that of the file.
        let is_view = self.specs.iter().any(|spec| spec.view.is_some() && spec.name == *source);
        // What stands where a save was held is read in any case: if it is what was seen before that, the question is withdrawn.
        let is_held = held::has_held_save(&snapshot, source)? || again::has_held_rows(&snapshot, source)?;
        let digest = (!(everything || is_held || newest.written && is_view)).then_some(newest.mark.digest);
        Ok(Ask { hash_key, known, digest, past })
    }

    /// Takes what was read from a source's file. With `dry`, says what would happen and changes nothing.
    pub fn take(
        &mut self,
        spec: usize,
        source: &SourceName,
        path: &Path,
        fetched: Fetched<Typed>,
        dry: bool,
    ) -> Result<Taken, PipelineError> {
        let fingerprint = fetched.fingerprint;
        let origin = Origin { digest: fetched.digest, made_for: fetched.head.properties.source.clone() };
        if !dry && self.take_over(spec, source, &origin)? {
            return Ok(Taken::ReadAgain);
        }
        let (answer, answers) = (fetched.rows.columns.answer, fetched.rows.answers.clone());
        let table = table_of(&self.config, &self.specs[spec].table)?;
        let news = match columns::judge(&self.store.snapshot()?, table, source, &fetched.rows)? {
            Judged::AsRead(news) => news,
            Judged::Incomplete => return Ok(Taken::ReadAgain),
            Judged::Renamed(titles) => {
                let concluded = self.concluded.entry(source.clone()).or_default();
                let before = concluded.len();
                concluded.extend(titles);
                concluded.sort_unstable();
                concluded.dedup();
                // With nothing new in it, reading again would come to the same.
                if concluded.len() > before {
                    return Ok(Taken::ReadAgain);
                }
                ColumnNews::default()
            }
        };
        let sheet = match self.sheet(spec, source, fetched, news) {
            Ok(sheet) => sheet,
            // Nothing of it was taken, so it is not settled: a view is not written over it.
            Err(problems) => return Ok(Taken::Refused(problems)),
        };
        if answer.is_some() && !sheet.known.is_empty() && !self.knows_answers(source, &sheet.arrival.mark)? {
            return Ok(Taken::ReadAgain);
        }
        let spec = self.specs[spec].clone();
        let Posted { taken, shows, layout } = self.post_sheet(&spec, &sheet, None, dry)?;
        if matches!(taken, Taken::Done(_)) && !dry {
            self.moved.remove(source);
            self.settle(path, fingerprint, shows);
            self.written.remove(path);
            if let Some(layout) = layout {
                let layout = Layout { answer, answers, ..layout };
                let state = self.store.snapshot()?.states(source)?.first().map(|state| state.no);
                self.written.insert(path.to_owned(), WrittenFile::new(fingerprint, layout, state));
            }
        }
        Ok(taken)
    }

    /// Remembers that a file's content as it is now has been taken or written.
    pub fn settle(&mut self, path: &Path, fingerprint: Fingerprint, shows: Shows) {
        self.settled.insert(path.to_owned(), (fingerprint, shows));
    }

    /// Forgets what was taken of a file or written to it: it is looked at anew.
    pub fn unsettle(&mut self, path: &Path) {
        self.settled.remove(path);
    }

    /// A file as it was when its content was last taken or written.
    pub fn settled(&self, path: &Path) -> Option<(Fingerprint, Shows)> {
        self.settled.get(path).copied()
    }

    /// What a file shows, if it is as it was when it was last taken or written.
    pub fn shows(&self, path: &Path, fingerprint: &Fingerprint) -> Option<Shows> {
        self.settled.get(path).filter(|(settled, _)| settled == fingerprint).map(|(_, shows)| *shows)
    }

    /// Makes a sheet of a fetched file. The error is what is wrong with it as a whole.
    fn sheet(
        &mut self,
        spec: usize,
        source: &SourceName,
        fetched: Fetched<Typed>,
        news: ColumnNews,
    ) -> Result<Sheet, Vec<Problem>> {
        let spec = &self.specs[spec];
        let Typed { columns, place, mut problems, mut rows, known, mut cell_problems, table, .. } = fetched.rows;
        let counted_keys = formulas::are_in_key(&columns, &table, &fetched.formulas);
        formulas::mark(&mut rows, &mut cell_problems, &columns, &table, &fetched.formulas);
        // A cell that the reader can't make out comes as an error value too: `extract` tells of it, once and in its row.
        problems.extend(fetched.problems.into_iter().filter(|problem| problem.code != "cell-unreadable"));
        let moved_from = self.moved.get(source).cloned();
        problems.extend(moved_from.as_ref().map(|from| moved::told(from, source, &place.whole())));
        if !columns.keyed {
            return Err(problems.into_iter().map(|problem| problem.in_source(source.as_str())).collect());
        }
        let now = self.parts.clock.now_ms();
        let edited = i64::try_from(fetched.fingerprint.modified_ns / 1_000_000).unwrap_or(now).min(now);
        let properties = fetched.head.properties;
        let made_for = properties.source.as_deref().filter(|made_for| *made_for != source.as_str());
        if let Some(other) = made_for
            && spec.view.is_some()
            && self.specs.iter().any(|spec| spec.view.is_some() && spec.name.as_str() == other)
        {
            return Err(vec![other_views_file(source, &place, other)]);
        }
        let arrival = Arrival {
            id: ArrivalId::new(uuid_v7(now, self.parts.entropy.as_mut())),
            at: Timestamp(now),
            edited_at: Timestamp(edited),
            kind: ArrivalKind::Workbook,
            source: source.clone(),
            rank: spec.rank,
            actor: spec.actor.clone(),
            table: spec.table.clone(),
            place: Some(place),
            columns: columns.mapped,
            mark: Mark {
                digest: fetched.digest,
                revision: properties.revision.filter(|_| made_for.is_none()).map(Revision),
                editor: properties.editor.filter(|editor| editor != AUTHOR),
                modified: properties.modified_ms.map(Timestamp),
            },
            sheets: Vec::new(),
        };
        let rows_total = fetched.rows_total;
        Ok(Sheet { arrival, rows, known, cell_problems, problems, news, moved_from, rows_total, counted_keys })
    }

    /// Posts a sheet, anew if others committed meanwhile.
    fn post_sheet(
        &mut self,
        spec: &SourceSpec,
        sheet: &Sheet,
        decided: Option<(Decided, &Review)>,
        dry: bool,
    ) -> Result<Posted, PipelineError> {
        let posted = |taken, shows, layout| Ok(Posted { taken, shows, layout });
        let world = self.world(dry);
        let table = table_of(&self.config, &spec.table)?;
        for _ in 0..TRIES_MAX {
            let snapshot = self.store.snapshot()?;
            let seen = snapshot.revision();
            if let Some((_, review)) = decided {
                questions::still_open(&snapshot, review)?;
            }
            if !sheet.known.is_empty() && !columns_are_as_before(&snapshot, &sheet.arrival)? {
                return posted(Taken::ReadAgain, Shows::Other, None);
            }
            let context = Context {
                table,
                decider: &self.decider,
                spec,
                guard: &self.config.guard,
                setups: &self.config.plugins,
                world: &world,
                creator: creator(&self.config, &spec.actor),
                decided: decided.map(|(decided, _)| decided),
                takes_held: matches!(decided, Some((Decided::Accepted(_), review)) if !review.held.is_empty()),
                versions_kept: self.config.store.backups_kept > 0,
            };
            let (made, layout) = {
                let (entropy, plugins) = (self.parts.entropy.as_mut(), self.parts.plugins.as_mut());
                sheet::make(&snapshot, sheet, &context, entropy, plugins)?
            };
            drop(snapshot);
            let (posting, report, held, changed) = match made {
                Made::Outdated => return posted(Taken::ReadAgain, Shows::Other, None),
                Made::Nothing(report) => return posted(Taken::Done(report), Shows::Newest, layout),
                Made::HeldBefore(report) => return posted(Taken::Done(report), Shows::Other, layout),
                Made::Posting { posting, report, held, changed } => (posting, report, held, changed),
            };
            if held.is_some() && !sheet.known.is_empty() {
                // What is kept for a decision must stand alone, whatever the store knows by then.
                return posted(Taken::ReadAgain, Shows::Other, None);
            }
            if dry {
                return posted(Taken::Done(report), Shows::Other, None);
            }
            let mut tasks = if changed { publish_tasks(&self.specs, &spec.table) } else { Vec::new() };
            if spec.is_written() && held.is_none() {
                tasks.push(publish_task(&spec.name));
            }
            let rows = match held {
                Some(_) => postcard::to_stdvec(sheet).map_err(|error| PipelineError::Held(error.to_string()))?,
                None => Vec::new(),
            };
            let shows = if held.is_some() { Shows::Other } else { Shows::Newest };
            let held = held.map(|review| HeldPayload { review, rows: &rows });
            match self.store.commit_along(seen, &posting, Along { tasks: &tasks, held, ..Along::default() }) {
                Ok(_) => return posted(Taken::Done(report), shows, layout),
                Err(CommitError::AlreadyDone) => return posted(Taken::Done(Report::default()), shows, layout),
                Err(CommitError::Moved { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(PipelineError::Busy(TRIES_MAX))
    }

    /// Changes fields of one record, or adds it.
    pub fn set(
        &mut self,
        table: &TableName,
        key: &[String],
        values: &[(FieldId, Cell)],
        actor: &Actor,
        dry: bool,
    ) -> Result<Report, PipelineError> {
        let creator = creator(&self.config, actor);
        let about = About { table, actor, kind: ArrivalKind::Edit, reread: None };
        self.post_asking(about, dry, |consult, snapshot, table, decider, arrival, entropy| {
            let wanted = command::Wanted { key, values, creator: &creator, consult };
            command::set(snapshot, table, decider, arrival, &wanted, entropy)
        })
    }

    /// Answers a review.
    pub fn decide(&mut self, review: &Review, decision: &Decision, actor: &Actor) -> Result<Report, PipelineError> {
        if review.kind == ReviewKind::Plugin && *actor != Actor::Steward {
            return Err(PipelineError::Refused("a row that a plugin holds is decided by the steward".to_owned()));
        }
        if review.kind == ReviewKind::MassChange {
            if *actor != Actor::Steward {
                return Err(PipelineError::Refused("a held save is decided by the steward".to_owned()));
            }
            match decision {
                Decision::Accept | Decision::Reject if self.is_mailbox(&review.source) => {
                    return self.settle_held_mail(review, *decision == Decision::Accept);
                }
                Decision::Accept => return self.settle_held(review, Decided::Accepted(review.id)),
                Decision::Reject if self.is_written_into(&review.source) => {
                    return self.settle_held(review, Decided::Rejected(review.id));
                }
                _ => {}
            }
        }
        let kind = ArrivalKind::Decision(review.id);
        let is_read_again = matches!(review.kind, ReviewKind::Ambiguous | ReviewKind::Plugin);
        let reread = (is_read_again && review.source.as_str() != CONSOLE).then(|| reread_task(&review.source));
        let about = About { table: &review.table, actor, kind, reread };
        self.post_asking(about, false, |consult, snapshot, table, decider, arrival, entropy| {
            let review = questions::still_open(snapshot, review)?;
            let answered = command::Answered { review: &review, decision, consult };
            command::decide(snapshot, table, decider, arrival, answered, entropy)
        })
    }

    /// Whether a source is a workbook that people keep and that is written into.
    fn is_written_into(&self, source: &SourceName) -> bool {
        self.specs.iter().any(|spec| spec.writing.is_some() && is_of(spec.name.as_str(), source.as_str()))
    }

    /// Posts a held arrival: what it says, or that all of it was refused, so that its file is put right.
    fn settle_held(&mut self, review: &Review, decided: Decided) -> Result<Report, PipelineError> {
        let held = {
            let snapshot = self.store.snapshot()?;
            questions::still_open(&snapshot, review)?;
            snapshot.held(review.id)?
        };
        let Some(held) = held else {
            return Err(PipelineError::Refused("what was held is no longer there".to_owned()));
        };
        let mut sheet: Sheet = postcard::from_bytes(&held).map_err(|error| PipelineError::Held(error.to_string()))?;
        let now = self.now();
        sheet.arrival.id = ArrivalId::new(uuid_v7(now.0, self.parts.entropy.as_mut()));
        sheet.arrival.at = now;
        // The file may have been moved since.
        sheet.arrival.source = review.source.clone();
        let spec = self.specs.iter().find(|spec| is_of(spec.name.as_str(), sheet.arrival.source.as_str())).cloned();
        let Some(spec) = spec else {
            return Err(PipelineError::Unknown { what: "source", name: sheet.arrival.source.to_string() });
        };
        match self.post_sheet(&spec, &sheet, Some((decided, review)), false)?.taken {
            Taken::Done(report) => Ok(report),
            Taken::Refused(_) | Taken::ReadAgain => Err(PipelineError::Refused(
                "the workbook was saved again since; run `daybook sync` and look at the newer review".to_owned(),
            )),
        }
    }

    /// Posts the opposite of an arrival.
    pub fn revert(&mut self, arrival: ArrivalId, actor: &Actor, dry: bool) -> Result<Report, PipelineError> {
        let reverted = self.store.snapshot()?.posting(arrival)?;
        let Some(reverted) = reverted else {
            return Err(PipelineError::Unknown { what: "arrival", name: arrival.to_string() });
        };
        let table = reverted.arrival.table.clone();
        let about = About { table: &table, actor, kind: ArrivalKind::Revert(arrival), reread: None };
        self.post(about, dry, |snapshot, table, decider, arrival, entropy| {
            command::revert(snapshot, table, decider, arrival, &reverted, entropy)
        })
    }

    /// The same as [`post`](Self::post), with the office's plugins at hand.
    fn post_asking(
        &mut self,
        about: About<'_>,
        dry: bool,
        make: impl Fn(command::Consult<'_>, &Snapshot<'_>, &Table, &Decider, Arrival, &mut dyn Entropy) -> Composition,
    ) -> Result<Report, PipelineError> {
        let (world, setups) = (self.world(dry), self.config.plugins.clone());
        let asked = table_of(&self.config, about.table)?.clone();
        self.lending(|pipeline, plugins| {
            let consult = |case: &Case<'_>| {
                let mut plugins = plugins.borrow_mut();
                let (plugins, setups, context) = (plugins.as_mut(), setups.as_slice(), &world);
                let mut consultant = Consultant { plugins, setups, table: &asked, context };
                let (said, problems) = consultant.consult(std::slice::from_ref(case));
                (said.into_iter().next().unwrap_or_default(), problems)
            };
            pipeline.post(about, dry, |snapshot, table, decider, arrival, entropy| {
                make(&consult, snapshot, table, decider, arrival, entropy)
            })
        })
    }

    /// Makes and commits the posting of something that is not a sheet, anew if others committed meanwhile.
    fn post(
        &mut self,
        About { table, actor, kind, reread }: About<'_>,
        dry: bool,
        make: impl Fn(&Snapshot<'_>, &Table, &Decider, Arrival, &mut dyn Entropy) -> Composition,
    ) -> Result<Report, PipelineError> {
        let table = table_of(&self.config, table)?;
        let now = self.parts.clock.now_ms();
        let arrival = Arrival {
            id: ArrivalId::new(uuid_v7(now, self.parts.entropy.as_mut())),
            at: Timestamp(now),
            edited_at: Timestamp(now),
            kind,
            source: SourceName::new(CONSOLE),
            rank: 0,
            actor: actor.clone(),
            table: table.name.clone(),
            place: None,
            columns: Vec::new(),
            mark: Mark::default(),
            sheets: Vec::new(),
        };
        for _ in 0..TRIES_MAX {
            let snapshot = self.store.snapshot()?;
            let seen = snapshot.revision();
            let (posting, report) =
                make(&snapshot, table, &self.decider, arrival.clone(), self.parts.entropy.as_mut())?;
            drop(snapshot);
            if posting.arrival.kind == ArrivalKind::Edit && says_nothing_new(&posting) {
                return Ok(Report { arrivals: 0, ..report });
            }
            if dry {
                return Ok(report);
            }
            // What a decision lets in comes before anything is written.
            let tasks: Vec<Task> = reread.iter().cloned().chain(publish_tasks(&self.specs, &table.name)).collect();
            match self.store.commit(seen, &posting, &tasks) {
                Ok(_) => return Ok(report),
                Err(CommitError::AlreadyDone) => return Ok(Report::default()),
                Err(CommitError::Moved { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(PipelineError::Busy(TRIES_MAX))
    }
}

/// A posting that was made, with what it does.
type Composition = Result<(crate::model::Posting, Report), PipelineError>;

/// What an arrival that is not a sheet is about.
struct About<'a> {
    table: &'a TableName,
    actor: &'a Actor,
    kind: ArrivalKind,
    /// What is to be done once it is posted, before the views are written.
    reread: Option<Task>,
}

/// A snapshot with what is needed to show it to somebody.
pub struct Look<'a> {
    /// The snapshot.
    pub snapshot: Snapshot<'a>,
    /// The configuration.
    pub config: &'a Config,
    /// The access rules.
    pub decider: &'a Decider,
}

impl<'a> Look<'a> {
    /// Shows it to an actor.
    pub fn reading(&self, actor: &'a Actor) -> Reading<'a> {
        Reading::new(self.decider, actor, &self.config.office.timezone)
    }
}

/// Whether a posting only says what is stored already.
fn says_nothing_new(posting: &crate::model::Posting) -> bool {
    let same = |entry: &crate::model::RecordEntry| {
        entry.life == crate::model::Life::Unchanged
            && entry.cells.iter().all(|cell| cell.outcome == crate::model::Outcome::Unchanged)
    };
    posting.reviews.is_empty() && posting.problems.is_empty() && posting.records.iter().all(same)
}

/// Gives the fields of the configuration the store's numbers, also where the views name them.
fn adopt(config: &mut Config, store: &mut Store) -> Result<(), PipelineError> {
    let before: Vec<Vec<FieldId>> =
        config.tables.iter().map(|table| table.fields.iter().map(|field| field.id).collect()).collect();
    store.adopt(&mut config.tables)?;
    let mut numbers: HashMap<(TableName, FieldId), FieldId> = HashMap::new();
    for (table, before) in config.tables.iter().zip(before) {
        for (field, old) in table.fields.iter().zip(before) {
            numbers.insert((table.name.clone(), old), field.id);
        }
    }
    for view in &mut config.views {
        let renumber = |field: &mut FieldId| {
            if let Some(number) = numbers.get(&(view.table.clone(), *field)) {
                *field = *number;
            }
        };
        view.fields.iter_mut().flatten().for_each(renumber);
        view.conditions.iter_mut().for_each(|condition| renumber(&mut condition.field));
    }
    for plugin in &mut config.plugins {
        let fields = plugin.reads.iter_mut().chain(&mut plugin.writes).chain(&mut plugin.resolves);
        for field in fields {
            if let Some(number) = numbers.get(&(plugin.table.clone(), *field)) {
                *field = *number;
            }
        }
    }
    for workbook in &mut config.workbooks {
        let table = workbook.table.clone();
        for condition in workbook.writing.iter_mut().flat_map(|writing| &mut writing.conditions) {
            if let Some(number) = numbers.get(&(table.clone(), condition.field)) {
                condition.field = *number;
            }
        }
    }
    Ok(())
}

fn table_of<'a>(config: &'a Config, name: &TableName) -> Result<&'a Table, PipelineError> {
    config.table(name.as_str()).ok_or_else(|| PipelineError::Unknown { what: "table", name: name.to_string() })
}

/// Who is responsible for what the source adds.
fn creator(config: &Config, actor: &Actor) -> Creator {
    match actor {
        Actor::Person(email) => {
            let person = config.policy.people.iter().find(|person| person.email == *email);
            Creator { owner: Some(email.clone()), department: person.and_then(|person| person.department.clone()) }
        }
        Actor::Role { department, .. } => Creator { owner: None, department: department.clone() },
        Actor::Steward | Actor::Daybook => Creator::default(),
    }
}

/// Whether the columns mean what they meant when the source's newest state was taken: only then does an unchanged row
/// say nothing new.
fn columns_are_as_before(snapshot: &Snapshot<'_>, arrival: &Arrival) -> Result<bool, PipelineError> {
    let Some(newest) = snapshot.states(&arrival.source)?.into_iter().next() else { return Ok(false) };
    let filter = ArrivalFilter { source: Some(arrival.source.clone()), before: None, limit: Some(RECENT_ARRIVALS) };
    let made = snapshot.arrivals(&filter)?.into_iter().find(|line| line.arrival.id == newest.arrival);
    Ok(made.is_some_and(|line| line.arrival.columns == arrival.columns))
}

/// A view was saved over another one.
fn other_views_file(source: &SourceName, place: &Place, other: &str) -> Problem {
    let file = &place.file;
    let message = format!(
        "{file}: this is the workbook of `{other}`, saved in the place of `{source}`. Nothing of it was taken over."
    );
    let hint = "Move it away; the right one is written then.";
    Problem::new(Code("other-views-file"), file.clone(), message, hint).in_source(source.as_str())
}

/// Whether a source's name is a configured one, or one that its glob makes.
pub fn is_of(configured: &str, name: &str) -> bool {
    let rest = name.strip_prefix(configured);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
}

fn publish_task(source: &SourceName) -> Task {
    Task { kind: CompactString::const_new(PUBLISH), target: source.to_string() }
}

fn reread_task(source: &SourceName) -> Task {
    Task { kind: CompactString::const_new(REREAD), target: source.to_string() }
}

/// The tasks that write all views of a table, and into all workbooks of it that are written into.
fn publish_tasks(specs: &[SourceSpec], table: &TableName) -> Vec<Task> {
    let written = specs.iter().filter(|spec| spec.table == *table && spec.is_written());
    written.map(|spec| publish_task(&spec.name)).collect()
}

/// A primary key as the store's index holds it.
pub fn joined_key(key: &[CompactString]) -> CompactString {
    crate::identify::joined(key)
}

/// A file's name without its folders.
pub fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}
