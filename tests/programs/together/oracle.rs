//! Judges by a naive log whether every edit is accounted for. It shares no code with merging.
//!
//! In come the [`Log`] of who typed what where, and the [`World`] as the store, the queue of questions and the three workbooks show it
//! once all is quiet; out go violations. That works because all that is typed is unlike anything else that is ever typed: a value
//! says which edit it came from.

use std::collections::{BTreeMap, BTreeSet};

use super::books::BOOKS;
use super::world::{Line, Question, World};

/// The field by which records are named.
pub(super) const KEY: &str = "customer_id";

/// Something that somebody typed and saved.
#[derive(Clone, Debug)]
pub(super) struct Edit {
    /// The workbook's name.
    pub(super) book: &'static str,
    /// The record's key; for a row without a key the name that stands in it.
    pub(super) key: String,
    pub(super) field: &'static str,
    pub(super) value: String,
    /// Whether the workbook's people may not do that.
    pub(super) is_forbidden: bool,
    /// Which time of quiet it was typed before.
    pub(super) spell: usize,
}

/// All that happened.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// What the records were at the start, by key and field.
    pub(super) start: BTreeMap<String, BTreeMap<&'static str, String>>,
    /// In the order of saving.
    pub(super) edits: Vec<Edit>,
    /// Rows that were typed without a key, by their name, with the workbook.
    pub(super) keyless: BTreeMap<String, &'static str>,
    /// Rows that were deleted: workbook and key.
    pub(super) deleted: BTreeSet<(&'static str, String)>,
    /// Conflicts that were decided: key, field and the value that was decided for.
    pub(super) decided: Vec<(String, String, String)>,
    /// What was asked about and is decided: key, field and the value that had arrived.
    pub(super) asked: BTreeSet<(String, String, String)>,
}

/// What became of the edits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Met {
    pub(super) applied: usize,
    pub(super) superseded: usize,
    pub(super) conflicts: usize,
    pub(super) refused: usize,
    /// Typed over in the same workbook before Daybook read it.
    pub(super) typed_over: usize,
}

impl Log {
    /// Everything that is wrong with a world, and what became of the edits.
    pub(super) fn judge(&self, world: &World) -> (Vec<String>, Met) {
        let mut found = Vec::new();
        let names = self.names(world, &mut found);
        let edits: Vec<Edit> = self.edits.iter().map(|edit| named(edit, &names)).collect();
        let met = self.edits_are_accounted_for(&edits, world, &mut found);
        self.nothing_came_from_nowhere(&edits, world, &mut found);
        values_follow_from_history(world, &mut found);
        self.records_are_whole(&edits, world, &mut found);
        self.questions_have_a_cause(&edits, world, &mut found);
        self.decisions_hold(world, &mut found);
        for (book, shown) in &world.books {
            self.book_shows_the_store(book, shown, world, &mut found);
        }
        (found, met)
    }

    /// The keys that rows typed without one got, by the name typed.
    fn names(&self, world: &World, found: &mut Vec<String>) -> BTreeMap<String, String> {
        let mut names = BTreeMap::new();
        for (name, book) in &self.keyless {
            let is_it = |line: &&Line| line.field == "name" && line.value == *name && line.source == *book;
            let keys: BTreeSet<&String> = world.history.iter().filter(is_it).map(|line| &line.key).collect();
            match keys.into_iter().collect::<Vec<_>>().as_slice() {
                [key] => {
                    names.insert(name.clone(), (*key).clone());
                }
                keys => found.push(format!("the row `{name}` without a key in {book} became {keys:?}")),
            }
        }
        names
    }

    /// Each edit is in the history once, and what it says there is so.
    fn edits_are_accounted_for(&self, edits: &[Edit], world: &World, found: &mut Vec<String>) -> Met {
        let mut met = Met::default();
        for (index, edit) in edits.iter().enumerate() {
            let later =
                edits.iter().skip(index + 1).filter(|later| (&later.key, later.field) == (&edit.key, edit.field));
            let mut lines: Vec<&Line> = world.history.iter().filter(|line| is_of(edit, line)).collect();
            // She who saves once more what was put back behind her back is told once more.
            lines.dedup_by(|one, other| edit.is_forbidden && one.outcome == other.outcome);
            let [line] = lines.as_slice() else {
                let is_typed_over = later.clone().any(|later| (later.book, later.spell) == (edit.book, edit.spell));
                if lines.is_empty() && is_typed_over {
                    met.typed_over += 1;
                } else {
                    found.push(format!("{edit:?} was taken {} times: {lines:?}", lines.len()));
                }
                continue;
            };
            // Somebody else's edit of the same cell, without which there is nothing to be asked about or to lose to.
            let has_rival = edits.iter().any(|other| {
                (&other.key, other.field) == (&edit.key, edit.field)
                    && other.book != edit.book
                    && other.value != edit.value
            });
            match line.outcome.as_str() {
                "applied" if !edit.is_forbidden => met.applied += 1,
                "refused" if edit.is_forbidden => met.refused += 1,
                "superseded" if has_rival => met.superseded += 1,
                "conflict" if has_rival => {
                    met.conflicts += 1;
                    let is_open = world.questions.iter().any(|question| asks(question, edit));
                    if !is_open && !self.was_asked(edit) && later.count() == 0 {
                        found.push(format!("{edit:?} is a conflict that nobody is asked about"));
                    }
                }
                outcome => found.push(format!("{edit:?} came out as `{outcome}`: {line:?}")),
            }
        }
        met
    }

    fn was_asked(&self, edit: &Edit) -> bool {
        let is_it = |(key, field, value): &(String, String, String)| {
            (key, field.as_str(), value) == (&edit.key, edit.field, &edit.value)
        };
        self.asked.iter().any(is_it)
    }

    /// Whether a value may be asked about though nobody typed it there: a text file has no mark, so where somebody opened it
    /// in the very moment in which Daybook wrote, an older value may be an edit of hers or not. It must be an older value.
    fn is_doubt(&self, edits: &[Edit], book: &str, key: &str, field: &str, value: &str) -> bool {
        let is_text = BOOKS.iter().any(|own| own.name == book && own.is_text);
        let was_typed =
            edits.iter().any(|edit| (edit.key.as_str(), edit.field, edit.value.as_str()) == (key, field, value));
        let was_start = self.start.get(key).and_then(|fields| fields.get(field)).is_some_and(|own| own == value);
        is_text && (was_typed || was_start)
    }

    /// Each line of the history that came from a workbook is an edit that somebody made, or part of the first reading.
    fn nothing_came_from_nowhere(&self, edits: &[Edit], world: &World, found: &mut Vec<String>) {
        for line in world.history.iter().filter(|line| world.books.contains_key(line.source.as_str())) {
            let is_start =
                self.start.get(&line.key).and_then(|fields| fields.get(line.field.as_str())) == Some(&line.value);
            let is_typed = edits.iter().any(|edit| is_of(edit, line));
            let is_number = line.field == KEY && line.value == line.key;
            let is_asked = line.outcome == "conflict";
            let is_asked = is_asked && self.is_doubt(edits, &line.source, &line.key, &line.field, &line.value);
            if !(is_start || is_typed || is_number || is_asked) {
                found.push(format!("nobody typed this: {line:?}"));
            }
        }
    }

    fn records_are_whole(&self, edits: &[Edit], world: &World, found: &mut Vec<String>) {
        let expected: BTreeSet<&String> = self.start.keys().chain(edits.iter().map(|edit| &edit.key)).collect();
        let there: BTreeSet<&String> = world.records.keys().collect();
        for key in expected.difference(&there) {
            found.push(format!("the record {key} is lost"));
        }
        for key in there.difference(&expected) {
            found.push(format!("nobody made the record {key}: {:?}", world.records[*key]));
        }
        let mut seen = BTreeMap::new();
        for (key, fields) in &world.records {
            // What is unlike anything else can't stand in two records.
            for (field, value) in fields.iter().filter(|(field, value)| *field != KEY && !value.is_empty()) {
                if let Some(other) = seen.insert((field, value), key) {
                    found.push(format!("{key} and {other} both have the {field} `{value}`"));
                }
            }
        }
    }

    fn questions_have_a_cause(&self, edits: &[Edit], world: &World, found: &mut Vec<String>) {
        for question in &world.questions {
            let has_cause = match question.kind.as_str() {
                "conflict" => {
                    let Question { source, key, field, incoming, .. } = question;
                    edits.iter().any(|edit| asks(question, edit)) || self.is_doubt(edits, source, key, field, incoming)
                }
                "missing-row" => {
                    self.deleted.iter().any(|(book, key)| *book == question.source && *key == question.key)
                }
                _ => false,
            };
            if !has_cause {
                found.push(format!("nothing asked for this question: {question:?}"));
            }
        }
    }

    fn decisions_hold(&self, world: &World, found: &mut Vec<String>) {
        for (key, field, value) in &self.decided {
            let is_kept = world.records.get(key).and_then(|fields| fields.get(field)) == Some(value);
            let is_later = world.history.iter().rev().filter(|line| line.key == *key && line.field == *field);
            let is_later = is_later.take_while(|line| line.value != *value).any(|line| line.outcome == "applied");
            if !is_kept && !is_later {
                found.push(format!("{key}, {field}: `{value}` was decided for, and it is not there"));
            }
        }
    }

    /// A workbook shows each record that it should, once, and each cell as it is stored unless it waits for a decision.
    fn book_shows_the_store(
        &self,
        book: &str,
        shown: &[BTreeMap<String, String>],
        world: &World,
        found: &mut Vec<String>,
    ) {
        let mut keys = BTreeSet::new();
        for row in shown {
            let key = row.get(KEY).cloned().unwrap_or_default();
            if !keys.insert(key.clone()) {
                found.push(format!("{book} has two rows of `{key}`"));
            }
            let Some(record) = world.records.get(&key) else {
                found.push(format!("{book} has a row `{key}` that is no record: {row:?}"));
                continue;
            };
            for (field, text) in row {
                let waits = world.questions.iter().any(|question| {
                    question.kind == "conflict"
                        && (&question.key, &question.field, question.source.as_str()) == (&key, field, book)
                });
                let stored = record.get(field).map_or("", String::as_str);
                // What is forbidden is put back to what stood there; where nothing ever stood it is left, and answered.
                let is_left = stored.is_empty()
                    && self.edits.iter().any(|edit| edit.is_forbidden && edit.book == book && edit.value == *text);
                if !waits && !is_left && text != stored {
                    found.push(format!("{book}, {key}, {field}: it shows `{text}`, and `{stored}` is stored"));
                }
            }
        }
        let is_deleted = |key: &String| self.deleted.iter().any(|(own, gone)| *own == book && gone == key);
        let was_there =
            self.start.keys().chain(self.edits.iter().filter(|edit| edit.book == book).map(|edit| &edit.key));
        let all = world.records.keys().filter(|_| world.growing.contains(book));
        for key in was_there.filter(|key| !self.keyless.contains_key(*key)).chain(all) {
            if !keys.contains(key) && !is_deleted(key) {
                found.push(format!("{book} has lost its row `{key}`"));
            }
        }
    }
}

/// An edit with the key that its row has got.
fn named(edit: &Edit, names: &BTreeMap<String, String>) -> Edit {
    Edit { key: names.get(&edit.key).unwrap_or(&edit.key).clone(), ..edit.clone() }
}

fn is_of(edit: &Edit, line: &Line) -> bool {
    edit.book == line.source && edit.key == line.key && edit.field == line.field && edit.value == line.value
}

fn asks(question: &Question, edit: &Edit) -> bool {
    edit.book == question.source
        && edit.key == question.key
        && edit.field == question.field
        && edit.value == question.incoming
}

/// What is stored is what was applied last.
fn values_follow_from_history(world: &World, found: &mut Vec<String>) {
    let mut last = BTreeMap::new();
    for line in world.history.iter().filter(|line| line.outcome == "applied") {
        last.insert((&line.key, &line.field), &line.value);
    }
    for ((key, field), value) in last {
        let stored = world.records.get(key).and_then(|fields| fields.get(field));
        if stored.map_or("", String::as_str) != value {
            found.push(format!("{key}, {field}: `{value}` was applied last, and {stored:?} is stored"));
        }
    }
}
