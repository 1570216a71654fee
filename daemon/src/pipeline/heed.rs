//! Heeding what plugins said of a row: cells that they set, rows that are held, warnings.
//!
//! A row in which a plugin found an error is held whole: nothing of it is posted, and its source's state stays as it was, so the next
//! read brings it all again. Until it is corrected or decided it is one question. A decision to accept posts what the row
//! changed; then the row says nothing new, and no plugin is asked about it.

use compact_str::CompactString;

use super::compose::{Composed, Composer, Incoming};
use super::consult::{Remarked, Resolved};
use super::hindrance::{REJECTED, Remembered};
use crate::access::{Rights, Sight};
use crate::io::{Entropy, uuid_v7};
use crate::merge::Resolution;
use crate::model::entry::ReviewChange;
use crate::model::problem::Code;
use crate::model::row::cell_of;
use crate::model::{
    Cell, CellEntry, Edit, Field, FieldId, Life, Outcome, Presence, Problem, RecordEntry, RecordId, Review, ReviewId,
    ReviewKind, RowHash,
};
use crate::plugin::FAILED;
use crate::publish::answer::{Reason, Remark};

/// A plugin found an error in a row, or had no answer for it: the row is held.
pub(super) const HELD: Code = Code("plugin-held");
/// A plugin found something in a row that does not stop it.
const WARNING: Code = Code("plugin-warning");
/// A plugin had no answer for a row, and the office takes such rows.
const SKIPPED: Code = Code("plugin-skipped");
/// A plugin put something else in the place of what was typed.
const REPLACED: Code = Code("plugin-replaced");
/// The class whose cells may be quoted where the office's IT looks.
const OPEN_CLASS: &str = "basic";

/// A row that is held.
#[derive(Debug)]
pub(super) struct HeldRow {
    /// Its number.
    pub(super) row: u32,
    /// What its author is told of it.
    pub(super) remarks: Vec<Remark>,
    /// A person has decided that it is not taken.
    pub(super) denied: bool,
}

impl<'a> Composer<'a> {
    /// Holds a row if a plugin found an error in what may be changed in it, or if a person has decided so whatever plugins say by now;
    /// `None` if there is nothing to hold.
    pub(super) fn hold(
        &mut self,
        incoming: &Incoming<'_>,
        edits: &[Edit],
        rights: &Rights,
        entropy: &mut dyn Entropy,
    ) -> Option<Composed> {
        if incoming.remembered == Remembered::Denied {
            return self.deny(incoming, edits, rights);
        }
        if incoming.said.errors.is_empty() || incoming.remembered == Remembered::Accepted {
            return None;
        }
        let changes = self.changes(incoming, edits, rights)?;
        let mut group: Vec<(FieldId, Cell)> = changes.iter().map(|edit| (edit.field, edit.incoming.clone())).collect();
        group.sort_unstable_by_key(|(field, _)| *field);
        let record = incoming.stored.map(|_| incoming.record);
        let held_before = incoming.remembered == Remembered::Held;
        let open = self.asked_before(record, &group).filter(|open| held_before || open.group == group);
        self.held_still.extend(open.map(|open| open.id));
        self.held_rows.extend(incoming.row.map(|row| HeldRow {
            row,
            remarks: self.remarks(incoming, rights),
            denied: false,
        }));
        let asked = match open {
            Some(open) if open.group == group && is_for(open, &incoming.said.errors) => open.id,
            open => {
                let mut review = self.question(incoming, record, &changes, group, entropy);
                // Others have said some of it meanwhile, or another version of the plugin holds it; it is still asked.
                review.id = open.map_or(review.id, |open| open.id);
                let id = review.id;
                self.review(ReviewChange::Open(Box::new(review)));
                id
            }
        };
        // Who types a command has no row in which she is answered.
        if held_before || (open.is_some() && incoming.row.is_some()) {
            return Some(Composed::Held { changed: 0, asked: Some(asked) });
        }
        self.held_anew += 1;
        for error in &incoming.said.errors {
            let problem = self.told(incoming, error, HELD);
            self.problem(problem);
            let reason = error.reason();
            if !self.held_reasons.iter().any(|held| held.is_like(&reason)) {
                self.held_reasons.push(reason);
            }
        }
        let is_change = |edit: &&Edit| edit.base.as_ref().is_some_and(|base| *base != Cell::Blank);
        let changed = changes.iter().filter(is_change).count() as u64;
        self.note_held(incoming, changes);
        Some(Composed::Held { changed, asked: Some(asked) })
    }

    /// Leaves a row that a person has decided not to take as it stands; `None` if it says nothing that could be taken.
    fn deny(&mut self, incoming: &Incoming<'_>, edits: &[Edit], rights: &Rights) -> Option<Composed> {
        self.changes(incoming, edits, rights)?;
        self.held_rows.extend(incoming.row.map(|row| HeldRow { row, remarks: vec![rejected()], denied: true }));
        Some(Composed::Held { changed: 0, asked: None })
    }

    /// The open question about a row: that of its record, or of a row that would be a record with the same key.
    fn asked_before(&self, record: Option<RecordId>, group: &[(FieldId, Cell)]) -> Option<&'a Review> {
        let key = self.table().key_of(group);
        let is_same = |review: &&&Review| match record {
            Some(record) => review.record == Some(record),
            None if key.is_some() => review.record.is_none() && self.table().key_of(&review.group) == key,
            None => review.record.is_none() && review.group == group,
        };
        self.held_before.iter().find(is_same).copied()
    }

    /// What the row would change and its author may change; `None` if that is nothing, or if the row is refused anyway.
    fn changes(&self, incoming: &Incoming<'_>, edits: &[Edit], rights: &Rights) -> Option<Vec<Edit>> {
        if incoming.stored.is_none() {
            let record = self.decider().permit_create(rights, self.table(), edits.to_vec()).ok()?.into_inner();
            let edits: Vec<Edit> = record.edits.into_iter().map(crate::access::Permitted::into_inner).collect();
            // The number that Daybook would give it is not in the sheet: by it the row would not be found again.
            let is_given = |edit: &Edit| {
                self.table().primary_key.contains(&edit.field)
                    && incoming.supplied.iter().any(|(field, _)| *field == edit.field)
            };
            return Some(edits.into_iter().filter(|edit| !is_given(edit)).collect());
        }
        let stored = |field: FieldId| incoming.stored.and_then(|record| record.cell(field)).map(|stored| &stored.cell);
        let is_news = |edit: &&Edit| match (self.table().field(edit.field), stored(edit.field)) {
            (Some(field), Some(there)) => !field.says_same(there, &edit.incoming),
            _ => edit.incoming != Cell::Blank,
        };
        let permitted = edits
            .iter()
            .filter(is_news)
            .filter(|edit| self.decider().permit(rights, self.table(), (*edit).clone()).is_ok());
        let changes: Vec<Edit> = permitted.cloned().collect();
        (!changes.is_empty()).then_some(changes)
    }

    /// The question about a held row.
    fn question(
        &self,
        incoming: &Incoming<'_>,
        record: Option<RecordId>,
        changes: &[Edit],
        group: Vec<(FieldId, Cell)>,
        entropy: &mut dyn Entropy,
    ) -> Review {
        let arrival = self.arrival();
        let named = incoming.said.errors.iter().find_map(|error| error.field);
        let about = changes.iter().find(|edit| Some(edit.field) == named).or_else(|| changes.first());
        let stored = about.and_then(|edit| incoming.stored?.cell(edit.field)).map(|stored| stored.cell.clone());
        let field = about.map(|edit| edit.field);
        Review {
            id: ReviewId::new(uuid_v7(arrival.at.0, entropy)),
            kind: ReviewKind::Plugin,
            table: arrival.table.clone(),
            record,
            field,
            group,
            base: about.and_then(|edit| edit.base.clone()),
            stored,
            incoming: about.map(|edit| edit.incoming.clone()),
            source: arrival.source.clone(),
            place: field.map_or_else(|| self.place_of_row(incoming.row), |field| arrival.place_of(incoming.row, field)),
            actor: arrival.actor.clone(),
            arrival: arrival.id,
            at: arrival.at,
            extent: None,
            held: incoming.said.errors.iter().map(Remarked::reason).collect(),
        }
    }

    /// Notes in the record's history what was held, and by which plugin. It is no part of the source's state.
    fn note_held(&mut self, incoming: &Incoming<'_>, changes: Vec<Edit>) {
        let by = |error: &Remarked| error.rule.clone();
        let first = incoming.said.errors.first().map(by).unwrap_or_default();
        let mut cells: Vec<CellEntry> = Vec::with_capacity(changes.len());
        for edit in changes {
            let own = incoming.said.errors.iter().find(|error| error.field == Some(edit.field)).map(by);
            cells.push(self.cell_entry(incoming, edit, Outcome::Held, &own.unwrap_or_else(|| first.clone()), None));
        }
        if incoming.stored.is_some() {
            cells.sort_unstable_by_key(|cell| cell.field);
            self.push(RecordEntry {
                record: incoming.record,
                row: incoming.row,
                hash: RowHash::UNKNOWN,
                presence: Presence::Elsewhere,
                life: Life::Unchanged,
                cells,
                keys: Vec::new(),
            });
        }
    }

    /// Withdraws the questions about rows that are not held any more: they were corrected, or are gone. What a person has
    /// rejected corrects nothing.
    pub(super) fn withdraw_held_rows(&mut self) {
        if self.is_rejected() {
            return;
        }
        let gone: Vec<ReviewId> =
            self.held_before.iter().map(|review| review.id).filter(|id| !self.held_still.contains(id)).collect();
        for id in gone {
            self.review(ReviewChange::Close { id, how: CompactString::const_new("withdrawn") });
        }
    }

    /// Posts what plugins set beside what was typed. That is by the office's leave to them (`writes`), not by the author's rights.
    ///
    /// It was made of the record as they were shown it, so nothing is set if some of what was typed was not taken, or if nothing was.
    pub(super) fn set_by_plugins(&mut self, incoming: &Incoming<'_>, cells: &mut Vec<CellEntry>) {
        let said = &incoming.said;
        if said.set.is_empty() || !is_as_shown(incoming, cells) {
            return;
        }
        for (field, cell, rule) in &said.set {
            let stored = incoming.stored.and_then(|record| record.cell(*field)).map(|stored| stored.cell.clone());
            let is_there = match (&stored, self.table().field(*field)) {
                (Some(stored), Some(definition)) => definition.says_same(stored, cell),
                (None, Some(_)) => *cell == Cell::Blank,
                (_, None) => true,
            };
            if is_there || cells.iter().any(|entry| entry.field == *field && entry.outcome != Outcome::Unchanged) {
                continue;
            }
            cells.retain(|entry| entry.field != *field);
            let edit = Edit { field: *field, base: stored, incoming: cell.clone() };
            let entry = match self.clash(incoming, &edit) {
                Some(hindrance) => self.hinder(incoming, edit, hindrance),
                None => self.cell_entry(incoming, edit, Outcome::Applied, rule, None),
            };
            cells.push(entry);
        }
        cells.sort_by_key(|cell| cell.field);
    }

    /// How plugins have decided the row's conflicts, without values that another record has already: of those a person decides.
    pub(super) fn resolved(&mut self, incoming: &Incoming<'_>) -> Vec<Resolved> {
        let mut resolved = incoming.said.resolved.clone();
        for (field, resolution, _) in &mut resolved {
            if let Resolution::Posted(cell) = resolution {
                let edit = Edit { field: *field, base: None, incoming: cell.clone() };
                if self.clash(incoming, &edit).is_some() {
                    *resolution = Resolution::Ask;
                }
            }
        }
        resolved
    }

    /// Tells what plugins found that does not stop the row, and why they replaced what was typed and taken of it.
    pub(super) fn warn(&mut self, incoming: &Incoming<'_>, cells: &[CellEntry], rights: &Rights) {
        let said = &incoming.said;
        for warning in &said.warnings {
            let code = if warning.code == FAILED.0 { SKIPPED } else { WARNING };
            let problem = self.told(incoming, warning, code);
            self.problem(problem);
        }
        let is_settled = |found: &&Remarked| {
            let outcome = cells.iter().find(|cell| Some(cell.field) == found.field).map(|cell| cell.outcome);
            matches!(outcome, Some(Outcome::Applied | Outcome::Unchanged | Outcome::Superseded))
        };
        let warnings = said.warnings.iter().map(|warning| {
            let code = if warning.code == FAILED.0 { SKIPPED } else { WARNING };
            let words = self.words(warning, rights).map_or(Reason::code(code.0), Reason::Words);
            Remark { field: warning.field, reason: words }
        });
        let infos = said
            .infos
            .iter()
            .filter_map(|found| Some(Remark { field: found.field, reason: Reason::Words(self.words(found, rights)?) }));
        // That another value stands there than the one that she typed she is told in any case.
        let replaced = said.replaced.iter().filter(is_settled).map(|found| {
            let words = self.words(found, rights).filter(|words| !words.is_empty());
            Remark { field: found.field, reason: words.map_or(Reason::code(REPLACED.0), Reason::Words) }
        });
        let told: Vec<Remark> = warnings.chain(infos).chain(replaced).collect();
        if let Some(row) = incoming.row.filter(|_| !told.is_empty()) {
            self.told_rows.push((row, told));
        }
    }

    /// The words for what a plugin found. Its own are in them only if all that it saw may be quoted: they go into the log. A code is a word
    /// of its own, too.
    fn told(&self, incoming: &Incoming<'_>, found: &Remarked, code: Code) -> Problem {
        let place = match found.field {
            Some(field) => self.arrival().place_of(incoming.row, field),
            None => self.place_of_row(incoming.row),
        };
        let is_open = |id: &FieldId| self.table().field(*id).is_some_and(|field| field.class == OPEN_CLASS);
        let words = if found.code == FAILED.0 {
            format!("{} has no answer: {}", found.title, found.message)
        } else if found.reads.iter().all(is_open) {
            format!("{} found `{}`: {}", found.title, found.code, found.message)
        } else {
            format!("{} found something, which only those are told who may see all that it saw", found.title)
        };
        let about = found.field.and_then(|id| self.table().field(id)).map(Field::title);
        let about = about.map_or_else(String::new, |title| format!("`{title}`: "));
        let words = words.trim_end_matches(['.', '。']);
        let (became, hint) = match code {
            HELD if found.code == FAILED.0 => (
                "The row was held; nothing of it was taken over.",
                "It is put to the plugin again when that is well: see `daybook plugin list`. Or decide it: `daybook review list`.",
            ),
            HELD => (
                "The row was held; nothing of it was taken over.",
                "Correct the row and save again, or decide it: `daybook review list`.",
            ),
            SKIPPED => ("The row was taken all the same.", "See `daybook plugin list`, and tell who wrote the plugin."),
            _ => ("It was taken all the same.", "Look whether it is meant so."),
        };
        Problem::new(code, place.clone(), format!("{place}: {about}{words}. {became}"), hint)
    }

    /// What the author of a row that is held is told of it in her workbook.
    pub(super) fn remarks(&self, incoming: &Incoming<'_>, rights: &Rights) -> Vec<Remark> {
        let remark = |error: &Remarked| {
            let code = if error.code == FAILED.0 { FAILED } else { HELD };
            let reason = self.words(error, rights).map_or(Reason::code(code.0), Reason::Words);
            Remark { field: error.field, reason }
        };
        incoming.said.errors.iter().map(remark).collect()
    }

    /// A plugin's own words, for an author who may see all that it saw.
    fn words(&self, found: &Remarked, rights: &Rights) -> Option<CompactString> {
        let sees =
            |id: &FieldId| self.table().field(*id).is_some_and(|field| rights.sight(&field.class) == Sight::Clear);
        let may_be_told = found.code != FAILED.0 && found.reads.iter().all(sees);
        may_be_told.then(|| found.message.trim_end_matches(['.', '。']).into())
    }
}

/// Puts what plugins made of it in the place of what was typed. A text that could not be read becomes an edit by it.
pub(super) fn normalise(incoming: &Incoming<'_>, edits: &mut Vec<Edit>) {
    for (field, cell, _) in &incoming.said.normalised {
        if let Some(edit) = edits.iter_mut().find(|edit| edit.field == *field) {
            edit.incoming = cell.clone();
        } else {
            let base = incoming.base.and_then(|base| cell_of(base, *field)).cloned();
            edits.push(Edit { field: *field, base, incoming: cell.clone() });
        }
    }
    edits.sort_by_key(|edit| edit.field);
}

/// Whether the record became what the plugins were shown of it.
fn is_as_shown(incoming: &Incoming<'_>, cells: &[CellEntry]) -> bool {
    let is_taken = |cell: &CellEntry| matches!(cell.outcome, Outcome::Applied | Outcome::Unchanged);
    let is_shown = |cell: &&CellEntry| incoming.said.typed.contains(&cell.field);
    let changes = incoming.stored.is_none() || cells.iter().any(|cell| cell.outcome == Outcome::Applied);
    changes && cells.iter().filter(is_shown).all(is_taken)
}

/// Whether a question tells of these errors.
fn is_for(open: &Review, errors: &[Remarked]) -> bool {
    open.held.len() == errors.len() && open.held.iter().zip(errors).all(|(held, error)| held.is_like(&error.reason()))
}

fn rejected() -> Remark {
    Remark { field: None, reason: Reason::code(REJECTED.0) }
}
