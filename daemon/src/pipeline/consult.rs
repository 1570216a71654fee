//! What the office's plugins say of the rows of an arrival, before anything of them is posted.
//!
//! In come the rows that say something new, each with the record as it is stored ([`Case`]); out goes what is to be heeded of each ([`Said`]). The
//! order is: all that normalise, then all that validate, then all that classify, each in the order of the configuration, and each
//! sees what those before it have set. Disputes about fields whose conflicts a plugin decides are put to it at last.
//!
//! A plugin is shown the record as it would be stored: what is stored, with what its author changes and may change. What her sheet
//! still shows of cells that she left alone is no word of hers: it may be older than what is stored. What she may not change
//! reaches no plugin: it would have an effect by what the plugin makes of it.
//! What a plugin may see of a row, and whether what it says makes sense, is the host's business. Nothing is written here.

use compact_str::CompactString;

use super::compose::Incoming;
use super::edits;
use crate::access::Decider;
use crate::merge::Resolution;
use crate::merge::contest::same;
use crate::model::plugin::{
    Dispute, Issue, OnFailure, PluginChange, PluginJob, PluginName, PluginRow, PluginSetup, PluginVerdict,
    PluginVersion, Severity,
};
use crate::model::row::cell_of;
use crate::model::schema::ConflictRule;
use crate::model::{Arrival, Cell, Edit, FieldId, HeldReason, Problem, StoredRecord, Table};
use crate::plugin::{Answered, Context, FAILED, Plugins, Request};

/// A row that says something new.
pub(super) struct Case<'a> {
    /// The record as stored; `None` if it would be new.
    stored: Option<&'a StoredRecord>,
    /// What its author changes and may change, ascending by field.
    edits: Vec<Edit>,
    /// Texts that she typed and that can't be read: a plugin may mend them.
    unread: Vec<(FieldId, Cell)>,
}

impl<'a> Case<'a> {
    /// The case of a row; `None` if nothing of it may be taken, or if it says what is stored already.
    pub(super) fn of(
        table: &Table,
        decider: &Decider,
        arrival: &Arrival,
        ignore_blanks: bool,
        mut incoming: Incoming<'a>,
    ) -> Option<Self> {
        let mut edits = edits::of(table, arrival, ignore_blanks, &mut incoming);
        let rights = edits::rights(decider, table, arrival, &incoming, &edits);
        let stored = incoming.stored;
        if stored.is_none() && rights.may_create().is_err() {
            return None;
        }
        let may_write = |id: FieldId| table.field(id).is_some_and(|field| rights.may_write(&field.class).is_ok());
        edits.retain(|edit| may_write(edit.field));
        let is_new = |field: FieldId, cell: &Cell| {
            let before = incoming.base.and_then(|base| cell_of(base, field));
            !before.is_some_and(|before| before.is_same_as(cell))
        };
        let unread = incoming
            .cells
            .iter()
            .filter(|(field, cell)| matches!(cell, Cell::Raw(_)) && is_new(*field, cell) && may_write(*field));
        let case = Self { stored, unread: unread.cloned().collect(), edits };
        case.says_something(table).then_some(case)
    }

    /// A record as it is stored, in which nothing changes.
    pub(super) fn stored(stored: &'a StoredRecord) -> Self {
        Self { stored: Some(stored), edits: Vec::new(), unread: Vec::new() }
    }

    fn says_something(&self, table: &Table) -> bool {
        let Some(stored) = self.stored else { return true };
        let is_news = |edit: &Edit| {
            let there = stored.cell(edit.field).map(|stored| &stored.cell);
            match (table.field(edit.field), there) {
                (Some(field), Some(there)) => !same(field, there, &edit.incoming),
                _ => edit.incoming != Cell::Blank,
            }
        };
        !self.unread.is_empty() || self.edits.iter().any(is_news)
    }

    /// Whether the author typed something in a field, that she may change.
    fn is_typed(&self, field: FieldId) -> bool {
        self.edits.iter().any(|edit| edit.field == field) || self.unread.iter().any(|(id, _)| *id == field)
    }

    /// Whether this plugin may set a field beside what was typed: it is blank, or it was this plugin that set it. What a person has typed, now or
    /// before, is nothing that a plugin takes back.
    fn is_open_to(&self, plugin: &PluginName, field: FieldId) -> bool {
        let there = self.stored.and_then(|record| record.cell(field)).filter(|there| there.cell != Cell::Blank);
        there.is_none_or(|there| there.stamp.plugin.as_ref() == Some(plugin))
    }

    /// The record as it would be stored, of the fields that any plugin sees (ascending).
    fn shown(&self, fields: &[FieldId]) -> PluginRow {
        let mut row = PluginRow { cells: Vec::with_capacity(fields.len()) };
        for field in fields {
            let edited = self.edits.iter().find(|edit| edit.field == *field).map(|edit| &edit.incoming);
            let typed = edited.or_else(|| cell_of(&self.unread, *field));
            let there = || self.stored.and_then(|stored| stored.cell(*field)).map(|stored| &stored.cell);
            row.cells.extend(typed.or_else(there).map(|cell| (*field, cell.clone())));
        }
        row
    }
}

/// A cell that a plugin has set, with its rule for the history.
pub(super) type PluginCell = (FieldId, Cell, CompactString);

/// What is to be heeded of what plugins said of a row.
#[derive(Clone, Debug, Default)]
pub(super) struct Said {
    /// In the place of what was typed.
    pub(super) normalised: Vec<PluginCell>,
    /// Beside what was typed.
    pub(super) set: Vec<PluginCell>,
    /// Why the row is to be held.
    pub(super) errors: Vec<Remarked>,
    /// What its author and the steward are to be told.
    pub(super) warnings: Vec<Remarked>,
    /// What its author is to be told.
    pub(super) infos: Vec<Remarked>,
    /// Why something that was typed is replaced.
    pub(super) replaced: Vec<Remarked>,
    /// How its conflicts end.
    pub(super) resolved: Vec<Resolved>,
    /// The fields whose new values the plugins were shown, if they set something.
    pub(super) typed: Vec<FieldId>,
}

/// How a conflict of a field ends, with the plugin's rule for the history.
pub(super) type Resolved = (FieldId, Resolution, CompactString);

impl Said {
    /// The values that may come to be stored by it, with their fields.
    pub(super) fn values(&self) -> impl Iterator<Item = (FieldId, &Cell)> {
        let posted = self.resolved.iter().filter_map(|(field, resolution, _)| match resolution {
            Resolution::Posted(cell) => Some((*field, cell)),
            Resolution::Stored | Resolution::Incoming | Resolution::Ask => None,
        });
        self.normalised.iter().chain(&self.set).map(|(field, cell, _)| (*field, cell)).chain(posted)
    }
}

/// What a plugin found in a row.
#[derive(Clone, Debug)]
pub(super) struct Remarked {
    /// The plugin's rule for the history.
    pub(super) rule: CompactString,
    /// Its name and version, for people.
    pub(super) title: String,
    /// The field; `None` for the row as a whole.
    pub(super) field: Option<FieldId>,
    /// Which of its rules: a code.
    pub(super) code: CompactString,
    /// In its own words, which may quote what it saw.
    pub(super) message: String,
    /// The fields that it saw: its words are for those who may see them all.
    pub(super) reads: Vec<FieldId>,
}

impl Remarked {
    /// What is kept of it with the question about the row.
    pub(super) fn reason(&self) -> HeldReason {
        let Self { rule, field, code, message, reads, .. } = self.clone();
        HeldReason { rule, field, code, message, reads }
    }
}

/// Asks the plugins of one table.
pub(super) struct Consultant<'a> {
    pub(super) plugins: &'a mut dyn Plugins,
    /// All that the office has.
    pub(super) setups: &'a [PluginSetup],
    pub(super) table: &'a Table,
    pub(super) context: &'a Context,
}

impl Consultant<'_> {
    /// Asks about rows. Gives one [`Said`] for each case, in their order, and what the steward should know.
    pub(super) fn consult(&mut self, cases: &[Case<'_>]) -> (Vec<Said>, Vec<Problem>) {
        let mut said = vec![Said::default(); cases.len()];
        let mut problems = Vec::new();
        let table = &self.table.name;
        let setups: Vec<&PluginSetup> =
            self.setups.iter().filter(|setup| setup.table == *table && !setup.disabled).collect();
        if setups.is_empty() || cases.is_empty() {
            return (said, problems);
        }
        let mut fields: Vec<FieldId> = setups.iter().flat_map(|setup| &setup.reads).copied().collect();
        fields.sort_unstable();
        fields.dedup();
        let mut rows: Vec<PluginRow> = cases.iter().map(|case| case.shown(&fields)).collect();
        for setup in &setups {
            self.normalise(setup, cases, &mut rows, &mut said, &mut problems);
        }
        for setup in &setups {
            self.validate(setup, &rows, &mut said, &mut problems);
        }
        for setup in &setups {
            self.classify(setup, cases, &mut rows, &mut said, &mut problems);
        }
        for setup in setups.iter().filter(|setup| !setup.resolves.is_empty()) {
            self.resolve(setup, cases, &mut said, &mut problems);
        }
        for (case, said) in cases.iter().zip(&mut said).filter(|(_, said)| !said.set.is_empty()) {
            said.typed =
                case.edits.iter().map(|edit| edit.field).chain(case.unread.iter().map(|(id, _)| *id)).collect();
        }
        (said, problems)
    }

    /// Whether a plugin is to be asked for a job. One that could not be loaded is asked for one of those that hold rows: they have
    /// failed then.
    fn does(&mut self, setup: &PluginSetup, job: PluginJob) -> bool {
        if !setup.lets(job) {
            return false;
        }
        let offered = self.plugins.jobs(&setup.name);
        if !offered.is_empty() {
            return offered.contains(&job);
        }
        // Of one whose jobs nobody has named it isn't known what it would have done: it stands for a check. Once is enough to hold.
        let holds = [PluginJob::Validate, PluginJob::Normalise, PluginJob::Classify];
        holds.into_iter().find(|job| setup.lets(*job)) == Some(job)
    }

    fn normalise(
        &mut self,
        setup: &PluginSetup,
        cases: &[Case<'_>],
        rows: &mut [PluginRow],
        said: &mut [Said],
        problems: &mut Vec<Problem>,
    ) {
        if !self.does(setup, PluginJob::Normalise) {
            return;
        }
        let request = Request { setup, table: self.table, rows, context: self.context };
        let answered = self.plugins.normalise(&request);
        let (rule, because) = (rule_of(&answered, setup), Because::of(&answered, setup));
        for PluginChange { row, field, value, reason } in &answered.answers {
            let cell = value.clone().map_or(Cell::Blank, Cell::Value);
            let is_typed = cases[*row].is_typed(*field);
            if !is_typed && !cases[*row].is_open_to(&setup.name, *field) {
                continue;
            }
            let is_other = cell_of(&rows[*row].cells, *field) != Some(&cell);
            if is_typed && is_other {
                said[*row].replaced.push(because.replaced(*field, reason));
            }
            put(&mut rows[*row], *field, cell.clone());
            let place = if is_typed { &mut said[*row].normalised } else { &mut said[*row].set };
            replace(place, (*field, cell, rule.clone()));
        }
        Self::note_failures(setup, answered.version.as_ref(), answered.failed, said);
        problems.extend(answered.problems);
    }

    fn validate(&mut self, setup: &PluginSetup, rows: &[PluginRow], said: &mut [Said], problems: &mut Vec<Problem>) {
        if !self.does(setup, PluginJob::Validate) {
            return;
        }
        let request = Request { setup, table: self.table, rows, context: self.context };
        let answered = self.plugins.validate(&request);
        let (rule, title) = (rule_of(&answered, setup), title_of(answered.version.as_ref(), setup));
        for Issue { row, field, severity, code, message } in answered.answers {
            let remarked =
                Remarked { rule: rule.clone(), title: title.clone(), field, code, message, reads: setup.reads.clone() };
            match severity {
                Severity::Error => said[row].errors.push(remarked),
                Severity::Warning => said[row].warnings.push(remarked),
                Severity::Info => said[row].infos.push(remarked),
            }
        }
        Self::note_failures(setup, answered.version.as_ref(), answered.failed, said);
        problems.extend(answered.problems);
    }

    fn classify(
        &mut self,
        setup: &PluginSetup,
        cases: &[Case<'_>],
        rows: &mut [PluginRow],
        said: &mut [Said],
        problems: &mut Vec<Problem>,
    ) {
        if !self.does(setup, PluginJob::Classify) {
            return;
        }
        let request = Request { setup, table: self.table, rows, context: self.context };
        let answered = self.plugins.classify(&request);
        let rule = rule_of(&answered, setup);
        for PluginChange { row, field, value, .. } in &answered.answers {
            if cases[*row].is_typed(*field) || !cases[*row].is_open_to(&setup.name, *field) {
                continue;
            }
            let cell = value.clone().map_or(Cell::Blank, Cell::Value);
            put(&mut rows[*row], *field, cell.clone());
            replace(&mut said[*row].set, (*field, cell, rule.clone()));
        }
        Self::note_failures(setup, answered.version.as_ref(), answered.failed, said);
        problems.extend(answered.problems);
    }

    /// Puts the disputes of a plugin's fields to it. It is shown the records as they are stored.
    fn resolve(&mut self, setup: &PluginSetup, cases: &[Case<'_>], said: &mut [Said], problems: &mut Vec<Problem>) {
        let (mut rows, mut whose, mut disputes) = (Vec::new(), Vec::new(), Vec::new());
        for (position, case) in cases.iter().enumerate() {
            let Some(stored) = case.stored else { continue };
            let disputed: Vec<Dispute> = case
                .edits
                .iter()
                .filter(|edit| setup.resolves.contains(&edit.field))
                .filter_map(|edit| self.dispute(edit, stored, &said[position], rows.len()))
                .collect();
            if disputed.is_empty() {
                continue;
            }
            let cells = stored.cells.iter().map(|(field, stored)| (*field, stored.cell.clone())).collect();
            rows.push(PluginRow { cells });
            whose.push(position);
            disputes.extend(disputed);
        }
        if disputes.is_empty() || !self.does(setup, PluginJob::Merge) {
            return;
        }
        let request = Request { setup, table: self.table, rows: &rows, context: self.context };
        let answered = self.plugins.resolve(&request, &disputes);
        let (rule, because) = (rule_of(&answered, setup), Because::of(&answered, setup));
        for resolution in answered.answers {
            let dispute = &disputes[resolution.dispute];
            let verdict = match resolution.verdict {
                PluginVerdict::Stored => Resolution::Stored,
                PluginVerdict::Incoming => Resolution::Incoming,
                PluginVerdict::Value(value) => Resolution::Posted(value.map_or(Cell::Blank, Cell::Value)),
                PluginVerdict::Ask => Resolution::Ask,
            };
            let stands = match &verdict {
                Resolution::Incoming | Resolution::Ask => true,
                Resolution::Stored => false,
                Resolution::Posted(cell) => cell.value() == dispute.incoming.as_ref(),
            };
            let said = &mut said[whose[dispute.row]];
            if !stands {
                said.replaced.push(because.replaced(dispute.field, &resolution.reason));
            }
            said.resolved.push((dispute.field, verdict, rule.clone()));
        }
        // A dispute without an answer is put to a person anyway.
        problems.extend(answered.problems);
    }

    /// A dispute, if what is stored is neither what the author saw nor what she typed.
    fn dispute(&self, edit: &Edit, stored: &StoredRecord, said: &Said, row: usize) -> Option<Dispute> {
        let field = self.table.field(edit.field).filter(|field| field.conflict == ConflictRule::Plugin)?;
        let there = &stored.cell(edit.field)?.cell;
        let normalised = said.normalised.iter().find(|(id, _, _)| *id == edit.field).map(|(_, cell, _)| cell);
        let incoming = normalised.unwrap_or(&edit.incoming);
        let is_clean = edit.base.as_ref().is_some_and(|base| same(field, base, there));
        (!is_clean && !same(field, there, incoming)).then(|| Dispute {
            row,
            field: edit.field,
            base: edit.base.as_ref().and_then(Cell::value).cloned(),
            stored: there.value().cloned(),
            incoming: incoming.value().cloned(),
        })
    }

    /// What becomes of rows without an answer: they are held, or their author is told.
    fn note_failures(
        setup: &PluginSetup,
        version: Option<&PluginVersion>,
        failed: Vec<crate::plugin::FailedRow>,
        said: &mut [Said],
    ) {
        for row in failed {
            let remarked = Remarked {
                rule: version.map_or_else(|| unloaded(setup), PluginVersion::rule),
                title: title_of(version, setup),
                field: None,
                code: CompactString::const_new(FAILED.0),
                message: row.why,
                reads: setup.reads.clone(),
            };
            match setup.on_failure {
                OnFailure::Hold => said[row.row].errors.push(remarked),
                OnFailure::Skip => said[row.row].warnings.push(remarked),
            }
        }
    }
}

/// What stands of a plugin in all that it gives a reason for.
struct Because<'a> {
    rule: CompactString,
    title: String,
    setup: &'a PluginSetup,
}

impl<'a> Because<'a> {
    fn of<T>(answered: &Answered<T>, setup: &'a PluginSetup) -> Self {
        Self { rule: rule_of(answered, setup), title: title_of(answered.version.as_ref(), setup), setup }
    }

    /// Why a value of a field was replaced: in no words at all, if it gives no reason.
    fn replaced(&self, field: FieldId, reason: &str) -> Remarked {
        Remarked {
            rule: self.rule.clone(),
            title: self.title.clone(),
            field: Some(field),
            code: CompactString::const_new("replaced"),
            message: reason.to_owned(),
            reads: self.setup.reads.clone(),
        }
    }
}

fn put(row: &mut PluginRow, field: FieldId, cell: Cell) {
    match row.cells.binary_search_by_key(&field, |(id, _)| *id) {
        Ok(position) => row.cells[position].1 = cell,
        Err(position) => row.cells.insert(position, (field, cell)),
    }
}

fn replace(cells: &mut Vec<PluginCell>, new: PluginCell) {
    cells.retain(|(field, _, _)| *field != new.0);
    cells.push(new);
}

fn rule_of<T>(answered: &Answered<T>, setup: &PluginSetup) -> CompactString {
    answered.version.as_ref().map_or_else(|| unloaded(setup), PluginVersion::rule)
}

fn unloaded(setup: &PluginSetup) -> CompactString {
    format!("plugin:{}", setup.name).into()
}

fn title_of(version: Option<&PluginVersion>, setup: &PluginSetup) -> String {
    match version {
        Some(version) => format!("the plugin `{}` {}", version.name, version.version),
        None => format!("the plugin `{}`", setup.name),
    }
}
