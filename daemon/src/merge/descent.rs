//! Which state of its source a save descends from.
//!
//! A save says what a person had on the screen, not what she changed. The revision that Daybook wrote into the file
//! tells what the file was when it was opened, not what has been seen of it since. So the candidates are all states
//! that carry the same revision, and the save descends from the one that it differs from least, judged **only** on
//! the cells in which the candidates differ from each other. Where the evidence is split, the cells concerned are
//! *doubtful*: if they are edits, a person decides about them, and the rest of the save is posted.
//!
//! What is weighed, in this order:
//!
//! 1. The file is, byte for byte, a state: it is that state, and says nothing new. A text file that is an older state may
//!    as well be one in which somebody took an edit back, because it holds no time of saving: a person decides.
//! 2. Every telling cell agrees with the newest state: it descends from that.
//! 3. Some cells agree with an older state instead. Was that reverted, or is this an older copy that was saved late?
//!    - The file was modified before the newest state that was seen: it can't come from that. Older copy. Not so if it
//!      has the very time of a state: then a program wrote it that never moves the time.
//!    - Both editors are known. Another person than who saved the newest state, and every telling cell agrees with
//!      the older one: older copy. The same person: she has taken something back, unless Daybook wrote into the file
//!      since the older state: then she need not have seen what stands there.
//!    - Not known. A file with a revision, or one that Daybook wrote into since, that agrees with the older state in
//!      every telling cell is an older copy if it shows work of its own (edits elsewhere) or agrees in more than
//!      [`REVERTS_MAX`] cells; else those cells are doubtful. In another file without a revision, up to [`REVERTS_MAX`]
//!      such cells are edits, more are doubtful.
//!    - Mixed, some cells agreeing with one only and some with the other only: the nearer one, the newest if both
//!      are as near, and the cells that agree with another only are doubtful. So are cells that agree with none, if
//!      the candidates differ in them: nobody can tell what its author typed over.
//!
//! A mistaken choice is never silent loss of what another source stored: the edits that follow from the choice are
//! merged like all others. The claimed editor is evidence here and nowhere else; access never looks at it.
//!
//! In: marks, and the rows in which the candidates differ. The cost is that of those rows' cells times the
//! candidates, whatever the size of the sheet.

use crate::model::row::cell_of;
use crate::model::{Cell, Edit, Field, FieldId, Mark, RecordId, StateNo, Table};

use super::contest::same;

/// How many cells may agree with an older state and still be taken for reverts.
///
/// A person takes back a cell or two on purpose; an older copy shows as many as were edited meanwhile.
pub const REVERTS_MAX: usize = 2;

/// How many states are weighed; of more, the oldest are left out.
pub const CANDIDATES_MAX: usize = 64;

/// How a state came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StateKind {
    /// A save that was read.
    Seen,
    /// What Daybook wrote.
    Written,
}

/// A state that the save may descend from.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Its number.
    pub no: StateNo,
    /// How it came about.
    pub kind: StateKind,
    /// What the file said of itself then.
    pub mark: &'a Mark,
}

/// A row in which the candidates differ, by its record.
#[derive(Clone, Debug)]
pub struct DifferingRow<'a> {
    /// The record.
    pub record: RecordId,
    /// Its cells in each candidate, in the candidates' order, ascending by field; `None` where it had no such row.
    pub states: Vec<Option<&'a [(FieldId, Cell)]>>,
    /// Its cells in the save; `None` if the save has no such row.
    pub incoming: Option<&'a [(FieldId, Cell)]>,
}

/// A save, and what it may descend from.
#[derive(Clone, Copy, Debug)]
pub struct Save<'a> {
    /// What the file says of itself.
    pub mark: &'a Mark,
    /// The candidates, newest first; see [`candidates`].
    pub candidates: &'a [Candidate<'a>],
    /// The rows in which they differ.
    pub rows: &'a [DifferingRow<'a>],
    /// Whether the save has changes in rows in which the candidates do not differ.
    pub edited_elsewhere: bool,
}

/// What a save descends from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descent {
    /// The state.
    pub state: StateNo,
    /// It is the newest candidate.
    pub newest: bool,
    /// Cells whose edit a person has to decide, ascending.
    pub doubtful_cells: Vec<(RecordId, FieldId)>,
    /// Records whose coming or going a person has to decide, ascending.
    pub doubtful_rows: Vec<RecordId>,
}

impl Descent {
    /// Which of a record's edits are doubtful: all, if the row as such is.
    pub fn doubtful_in(&self, record: RecordId, edits: &[Edit]) -> Vec<FieldId> {
        let row = self.is_row_doubtful(record);
        let is_doubtful = |field: FieldId| row || self.doubtful_cells.binary_search(&(record, field)).is_ok();
        edits.iter().map(|edit| edit.field).filter(|field| is_doubtful(*field)).collect()
    }

    /// Whether it is doubtful that the record came or went.
    pub fn is_row_doubtful(&self, record: RecordId) -> bool {
        self.doubtful_rows.binary_search(&record).is_ok()
    }
}

/// Picks the candidates out of a source's states, which come newest first.
///
/// Of a file with a revision, the states with the same one: none, if Daybook no longer keeps them. Of a file without,
/// all: it was opened before Daybook first wrote into it, or a program dropped the property, or it is a text file, which
/// has none.
pub fn candidates<'a>(mark: &Mark, states: impl IntoIterator<Item = Candidate<'a>>) -> Vec<Candidate<'a>> {
    let mut states: Vec<Candidate<'a>> = states.into_iter().collect();
    if let Some(revision) = mark.revision {
        states.retain(|state| state.mark.revision == Some(revision));
    }
    states.truncate(CANDIDATES_MAX);
    states
}

/// Finds the state that a save descends from; `None` if there are no candidates.
pub fn descend(table: &Table, save: &Save<'_>) -> Option<Descent> {
    let candidates = save.candidates.get(..CANDIDATES_MAX).unwrap_or(save.candidates);
    let newest = candidates.first()?;
    let own = save.mark;
    let evidence = Evidence::gather(table, save, candidates.len());
    if own.digest != [0; 32]
        && let Some(index) = candidates.iter().position(|state| state.mark.digest == own.digest)
    {
        let telling = own.revision.is_some() || own.editor.is_some() || own.modified.is_some();
        let choice = if telling || index == 0 { Choice { index, doubtful: Vec::new() } } else { evidence.split(0) };
        return Some(choice.made(candidates));
    }
    let seen = candidates.iter().find(|state| state.kind == StateKind::Seen).unwrap_or(newest);
    Some(evidence.weigh(save, seen, candidates).made(candidates))
}

/// A choice, before it is written out.
struct Choice<'c> {
    index: usize,
    doubtful: Vec<&'c Clue>,
}

impl Choice<'_> {
    fn made(self, candidates: &[Candidate<'_>]) -> Descent {
        let (mut doubtful_cells, mut doubtful_rows) = (Vec::new(), Vec::new());
        for clue in self.doubtful {
            match clue.field {
                Some(field) => doubtful_cells.push((clue.record, field)),
                None => doubtful_rows.push(clue.record),
            }
        }
        doubtful_cells.sort_unstable();
        doubtful_rows.sort_unstable();
        Descent { state: candidates[self.index].no, newest: self.index == 0, doubtful_cells, doubtful_rows }
    }
}

/// A set of candidates, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct States(u64);

impl States {
    fn contains(self, index: usize) -> bool {
        self.0 >> index & 1 != 0
    }
}

impl FromIterator<bool> for States {
    fn from_iter<I: IntoIterator<Item = bool>>(flags: I) -> Self {
        Self(flags.into_iter().enumerate().fold(0, |bits, (index, flag)| bits | u64::from(flag) << index))
    }
}

/// A telling cell, or the presence of a row: the candidates differ in it, and the save agrees with some of them.
#[derive(Debug)]
struct Clue {
    record: RecordId,
    /// `None`: the presence of the row.
    field: Option<FieldId>,
    agrees: States,
}

/// What the rows tell.
struct Evidence {
    clues: Vec<Clue>,
    /// Cells in which the save differs from every candidate.
    fresh: usize,
    /// Those of them in which the candidates differ too: one of them, and not the other, is what was typed over. And
    /// rows that are gone and in which the candidates differ: one of them, and not the other, is what was deleted.
    contested: Vec<Clue>,
}

impl Evidence {
    /// Looks through the rows in which the candidates differ.
    fn gather(table: &Table, save: &Save<'_>, count: usize) -> Self {
        let mut evidence = Self { clues: Vec::new(), fresh: 0, contested: Vec::new() };
        for row in save.rows {
            let states = row.states.get(..count).unwrap_or(&row.states);
            let is_here = row.incoming.is_some();
            if states.iter().any(|state| state.is_some() != states[0].is_some()) {
                let agrees = states.iter().map(|state| state.is_some() == is_here).collect();
                evidence.clues.push(Clue { record: row.record, field: None, agrees });
            }
            for (id, incoming) in row.incoming.unwrap_or_default() {
                if let Some(field) = table.field(*id) {
                    evidence.weigh_cell(row.record, field, states, incoming);
                }
            }
            if !is_here && states.iter().all(Option::is_some) {
                evidence.contested.push(Clue { record: row.record, field: None, agrees: States::default() });
            }
        }
        evidence
    }

    /// Takes one cell of the save as a clue, or as an edit. States without the row say nothing of it: that they
    /// have no such row is one clue already.
    fn weigh_cell(&mut self, record: RecordId, field: &Field, states: &[Option<&[(FieldId, Cell)]>], incoming: &Cell) {
        let cells = || states.iter().filter_map(|state| state.map(|cells| cell_of(cells, field.id)));
        let Some(first) = cells().next() else { return };
        if cells().all(|cell| !says_as(field, cell, Some(incoming))) {
            self.fresh += 1;
            if cells().any(|cell| !says_as(field, first, cell)) {
                self.contested.push(Clue { record, field: Some(field.id), agrees: States::default() });
            }
        } else if cells().any(|cell| !says_as(field, first, cell)) {
            let agrees = states
                .iter()
                .map(|state| state.is_none_or(|cells| says_as(field, cell_of(cells, field.id), Some(incoming))))
                .collect();
            self.clues.push(Clue { record, field: Some(field.id), agrees });
        }
    }

    /// The clues that speak against a candidate.
    fn but(&self, index: usize) -> Vec<&Clue> {
        self.clues.iter().filter(|clue| !clue.agrees.contains(index)).collect()
    }

    /// A choice that the evidence is split about.
    fn split(&self, index: usize) -> Choice<'_> {
        Choice { index, doubtful: self.but(index).into_iter().chain(&self.contested).collect() }
    }

    /// Chooses among the candidates; `seen` is the newest one that was a save.
    fn weigh(&self, save: &Save<'_>, seen: &Candidate<'_>, candidates: &[Candidate<'_>]) -> Choice<'_> {
        let differs = |index: usize| self.clues.iter().filter(|clue| !clue.agrees.contains(index)).count();
        let off = self.but(0);
        let explains = |index: &usize| off.iter().any(|clue| clue.agrees.contains(*index));
        let sure = |index| Choice { index, doubtful: Vec::new() };
        // The nearest older state that explains what the newest does not; of several, the newest.
        let Some(older) = (1..candidates.len()).filter(explains).min_by_key(|index| differs(*index)) else {
            return sure(0);
        };
        let pure = differs(older) == 0;
        if was_modified_before(save.mark, seen.mark, candidates) {
            return sure(older);
        }
        // What Daybook wrote since, the editor of the older state need never have seen.
        let written_since = candidates[..older].iter().any(|state| state.kind == StateKind::Written);
        match same_editor(save.mark, seen.mark) {
            Some(true) if !written_since => return sure(0),
            Some(false) if pure => return sure(older),
            Some(_) | None => {}
        }
        let told_apart = save.mark.revision.is_some() || written_since;
        let own_work = self.fresh > 0 || save.edited_elsewhere;
        match (told_apart, pure) {
            (false, _) if off.len() <= REVERTS_MAX => sure(0),
            (true, true) if own_work || off.len() > REVERTS_MAX => sure(older),
            (_, false) if differs(older) < off.len() => self.split(older),
            _ => self.split(0),
        }
    }
}

/// Whether two cells say the same; no cell and a blank do.
fn says_as(field: &Field, a: Option<&Cell>, b: Option<&Cell>) -> bool {
    same(field, a.unwrap_or(&Cell::Blank), b.unwrap_or(&Cell::Blank))
}

/// Whether the file was modified before the newest save that was seen, so that it can't come from that.
///
/// Some programs never move the time: what they save has the time of the state that was opened, however old that is. So
/// a time that a state has says nothing.
fn was_modified_before(save: &Mark, seen: &Mark, candidates: &[Candidate<'_>]) -> bool {
    let kept = candidates.iter().any(|state| state.mark.modified == save.modified);
    !kept && matches!((save.modified, seen.modified), (Some(save), Some(seen)) if save < seen)
}

/// Whether the editors of two files are the same person; `None` if one is not known.
fn same_editor(a: &Mark, b: &Mark) -> Option<bool> {
    let name = |mark: &Mark| mark.editor.as_deref().map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned);
    Some(name(a)? == name(b)?)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test may panic")]

    use uuid::Uuid;

    use super::super::contest::tests::{text, text_field};
    use super::*;
    use crate::model::schema::Title;
    use crate::model::{Revision, Timestamp};

    fn table() -> Table {
        Table {
            name: "customers".into(),
            title: Title::default(),
            primary_key: vec![FieldId(0)],
            owner: None,
            department: None,
            fields: (0..6).map(|id| Field { id: FieldId(id), ..text_field() }).collect(),
        }
    }

    fn mark(revision: Option<u64>, editor: &str, modified: Option<i64>) -> Mark {
        Mark {
            digest: [0; 32],
            revision: revision.map(Revision),
            editor: (!editor.is_empty()).then(|| editor.to_owned()),
            modified: modified.map(Timestamp),
        }
    }

    /// One letter a cell; a space is a blank.
    fn row(letters: &str) -> Vec<(FieldId, Cell)> {
        (0..).zip(letters.chars()).map(|(id, letter)| (FieldId(id), text(letter.to_string().trim()))).collect()
    }

    /// A story: the states newest first, each a row and its editor and time, then the save.
    struct Story {
        marked: bool,
        states: &'static [(&'static str, &'static str, Option<i64>)],
        save: (&'static str, &'static str, Option<i64>),
        elsewhere: bool,
    }

    /// Tells which state (1 is the oldest) the save of a one-row sheet descends from, and the doubtful fields.
    /// The oldest state of a marked file is the one that Daybook wrote.
    fn tell(story: &Story) -> (u32, Vec<u16>) {
        let revision = story.marked.then_some(1);
        let count = u32::try_from(story.states.len()).unwrap();
        let marks: Vec<Mark> = story.states.iter().map(|(_, editor, at)| mark(revision, editor, *at)).collect();
        let rows: Vec<_> = story.states.iter().map(|(letters, ..)| row(letters)).collect();
        let states = (0..count).zip(&marks).map(|(index, mark)| {
            let kind = if story.marked && index + 1 == count { StateKind::Written } else { StateKind::Seen };
            Candidate { no: StateNo(count - index), kind, mark }
        });
        let saved = mark(revision, story.save.1, story.save.2);
        let candidates = candidates(&saved, states);
        let incoming = row(story.save.0);
        let differing = DifferingRow {
            record: RecordId::new(Uuid::from_u128(1)),
            states: rows.iter().map(|row| Some(row.as_slice())).collect(),
            incoming: Some(&incoming),
        };
        let save =
            Save { mark: &saved, candidates: &candidates, rows: &[differing], edited_elsewhere: story.elsewhere };
        let descent = descend(&table(), &save).unwrap();
        assert_eq!(descent.newest, descent.state == StateNo(count));
        (descent.state.0, descent.doubtful_cells.iter().map(|(_, field)| field.0).collect())
    }

    fn marked(
        states: &'static [(&'static str, &'static str, Option<i64>)],
        save: (&'static str, &'static str, Option<i64>),
    ) -> (u32, Vec<u16>) {
        tell(&Story { marked: true, states, save, elsewhere: false })
    }

    fn unmarked(
        states: &'static [(&'static str, &'static str, Option<i64>)],
        save: (&'static str, &'static str, Option<i64>),
    ) -> (u32, Vec<u16>) {
        tell(&Story { marked: false, states, save, elsewhere: false })
    }

    #[test]
    fn li_saves_twice_from_one_window() {
        // Daybook wrote `aaaa`; Li edited the phone (field 1) and saved, then edited field 2 in the same window.
        assert_eq!(marked(&[("aXaa", "Li", Some(10)), ("aaaa", "", None)], ("aXYa", "Li", Some(20))), (2, vec![]));
        // Nothing of the file's own properties is needed for that.
        assert_eq!(marked(&[("aXaa", "", None), ("aaaa", "", None)], ("aXYa", "", None)), (2, vec![]));
    }

    #[test]
    fn wang_had_opened_before_li_saved() {
        let states = &[("aXaa", "Li", Some(10)), ("aaaa", "", None)];
        assert_eq!(marked(states, ("aaYa", "Wang", Some(20))), (1, vec![]), "another editor");
        assert_eq!(marked(states, ("aaYa", "", None)), (1, vec![]), "work of his own");
        assert_eq!(marked(states, ("aaaa", "Wang", Some(20))), (1, vec![]), "saved without an edit");
        assert_eq!(marked(states, ("aaYa", "Li", Some(9))), (1, vec![]), "modified before");
    }

    /// Field 0 is as the newest state has it, field 1 as the older one: nobody can tell what `Z` was typed over.
    #[test]
    fn what_was_typed_over_a_cell_that_split_evidence_leaves_open_is_asked_about() {
        let states = &[("XYba", "", Some(10)), ("aaaa", "", None)];
        assert_eq!(marked(states, ("XaZa", "", Some(20))), (2, vec![1, 2]));
        assert_eq!(marked(states, ("XaaZ", "", Some(20))), (1, vec![0]), "the states agree in field 3");
    }

    #[test]
    fn li_takes_her_edit_back() {
        let states = &[("aXaa", "Li", Some(10)), ("aaaa", "", None)];
        assert_eq!(marked(states, ("aaaa", "Li", Some(20))), (2, vec![]));
        assert_eq!(marked(states, ("aaYa", " Li ", Some(20))), (2, vec![]));
    }

    #[test]
    fn a_revert_or_an_older_copy_of_nobody_known_is_asked_about() {
        let states = &[("aXaa", "", None), ("aaaa", "", None)];
        assert_eq!(marked(states, ("aaaa", "", None)), (2, vec![1]));
        // More cells than anybody takes back make it an older copy.
        assert_eq!(marked(&[("XXXa", "", None), ("aaaa", "", None)], ("aaaa", "", None)), (1, vec![]));
        assert_eq!(marked(&[("XXaa", "", None), ("aaaa", "", None)], ("aaaa", "", None)), (2, vec![0, 1]));
        // So does work elsewhere in the sheet.
        let elsewhere = Story { marked: true, states, save: ("aaaa", "", None), elsewhere: true };
        assert_eq!(tell(&elsewhere), (1, vec![]));
    }

    #[test]
    fn a_time_that_never_moves_says_nothing() {
        let frozen = &[("aXaa", "Li", Some(5)), ("aaaa", "", Some(5))];
        assert_eq!(marked(frozen, ("aaaa", "Li", Some(5))), (2, vec![]), "a revert, by the editor");
        // Li's program keeps the time of the file that it opened, Wang's does not.
        let mixed = &[("aXaa", "Wang", Some(7)), ("aaaa", "", Some(5))];
        assert_eq!(marked(mixed, ("aXaZ", "Li", Some(5))), (2, vec![]), "from Wang's");
        let mixed = &[("aXYa", "Li", Some(5)), ("aXaa", "Wang", Some(7)), ("aaaa", "", Some(5))];
        assert_eq!(marked(mixed, ("aXaZ", "Li", Some(5))), (3, vec![]), "a revert, by the editor");
    }

    #[test]
    fn split_evidence_is_asked_about_and_the_rest_is_judged_by_the_nearer_state() {
        let states = &[("XXXX", "Li", Some(10)), ("aaaa", "", None)];
        assert_eq!(marked(states, ("XXXa", "Wang", Some(20))), (2, vec![3]));
        assert_eq!(marked(states, ("Xaaa", "Wang", Some(20))), (1, vec![0]));
        assert_eq!(marked(states, ("XXaa", "", None)), (2, vec![2, 3]), "as near: the newest");
        assert_eq!(
            marked(states, ("XXYa", "", None)),
            (2, vec![2, 3]),
            "what is typed over a split cell is asked about too"
        );
        assert_eq!(marked(states, ("XXXa", "Li", Some(20))), (2, vec![]), "her own work taken back");
    }

    #[test]
    fn in_a_workbook_without_a_revision_a_cell_may_go_back() {
        let states = &[("aXaa", "", None), ("aaaa", "", None)];
        assert_eq!(unmarked(states, ("aaaa", "", None)), (2, vec![]));
        assert_eq!(unmarked(&[("XXXa", "", None), ("aaaa", "", None)], ("aaaa", "", None)), (2, vec![0, 1, 2]));
        // A stage that went there and back while other cells moved on.
        let history = &[("cXXX", "", None), ("bXXX", "", None), ("aaaa", "", None)];
        assert_eq!(unmarked(history, ("bXXX", "", None)), (3, vec![]));
        assert_eq!(unmarked(history, ("aXXX", "", None)), (3, vec![]));
        assert_eq!(unmarked(history, ("aaaa", "Wang", Some(1))), (3, vec![0, 1, 2, 3]));
    }

    /// A story of a person's own workbook that Daybook writes into, and of a save without the property. The states
    /// newest first: the row, and the editor of a save; `*` for what Daybook wrote.
    fn patched(states: &'static [(&'static str, &'static str)], save: (&'static str, &'static str)) -> (u32, Vec<u16>) {
        tell_patched(states, save, false)
    }

    fn tell_patched(
        states: &'static [(&'static str, &'static str)],
        save: (&'static str, &'static str),
        edited_elsewhere: bool,
    ) -> (u32, Vec<u16>) {
        let count = u32::try_from(states.len()).unwrap();
        let marks: Vec<Mark> = (0..)
            .zip(states)
            .map(|(at, (_, editor))| if *editor == "*" { mark(Some(at), "", None) } else { mark(None, editor, None) })
            .collect();
        let rows: Vec<_> = states.iter().map(|(letters, _)| row(letters)).collect();
        let kind = |editor: &str| if editor == "*" { StateKind::Written } else { StateKind::Seen };
        let all = (0..count).zip(states).zip(&marks).map(|((index, (_, editor)), mark)| Candidate {
            no: StateNo(count - index),
            kind: kind(editor),
            mark,
        });
        let saved = mark(None, save.1, None);
        let candidates = candidates(&saved, all);
        let incoming = row(save.0);
        let differing = DifferingRow {
            record: RecordId::new(Uuid::from_u128(1)),
            states: rows.iter().map(|row| Some(row.as_slice())).collect(),
            incoming: Some(&incoming),
        };
        let save = Save { mark: &saved, candidates: &candidates, rows: &[differing], edited_elsewhere };
        let descent = descend(&table(), &save).unwrap();
        (descent.state.0, descent.doubtful_cells.iter().map(|(_, field)| field.0).collect())
    }

    #[test]
    fn a_save_of_a_patched_file_whose_property_was_dropped_descends_from_the_patch() {
        let states = &[("aPaa", "*"), ("aaaa", "Li")];
        assert_eq!(patched(states, ("aPYa", "Li")), (2, vec![]), "what Daybook wrote is no edit of hers");
        assert_eq!(patched(states, ("aPaa", "")), (2, vec![]));
        // Her next save, though Daybook has written again meanwhile.
        let next = &[("aPYQ", "*"), ("aPYa", "Li"), ("aPaa", "*"), ("aaaa", "Li")];
        assert_eq!(patched(next, ("ZPYa", "Li")), (3, vec![]));
        assert_eq!(patched(next, ("ZPYQ", "Li")), (4, vec![]));
    }

    /// Li's window is from before the patch: her two saves, and Wang's, carry no mark, for there was none.
    #[test]
    fn a_window_from_before_the_first_patch_takes_nothing_back() {
        let states = &[("PaXa", "*"), ("aaXa", "Li"), ("aaaa", "")];
        assert_eq!(
            patched(states, ("aaXY", "Li")),
            (2, vec![]),
            "she has not seen the patch, though she is the editor"
        );
        assert_eq!(patched(states, ("aaaY", "Wang")), (1, vec![]), "he had opened before she saved");
        let written = &[("PPPa", "*"), ("aaaa", "")];
        assert_eq!(patched(written, ("aaaa", "")), (1, vec![]), "more cells than anybody takes back");
        let elsewhere = tell_patched(&[("Paaa", "*"), ("aaaa", "")], ("aaaa", ""), true);
        assert_eq!(elsewhere, (1, vec![]), "work elsewhere");
        // Nothing but one cell that went back: taken back on purpose, or saved without an edit?
        assert_eq!(patched(&[("Paaa", "*"), ("aaaa", "")], ("aaaa", "")), (2, vec![0]));
        // Where only people wrote since, a cell that went back is an edit, as ever.
        assert_eq!(patched(&[("PaX", ""), ("Paa", ""), ("Paa", "*"), ("aaa", "")], ("Paa", "")), (4, vec![]));
    }

    #[test]
    fn an_old_copy_without_a_mark_is_recognised_whatever_was_written_since() {
        let states = &[("QPXX", "*"), ("aPXX", "Li"), ("aPaa", "*"), ("aaaa", "Li")];
        assert_eq!(patched(states, ("aaaa", "Wang")), (1, vec![]), "the oldest, by content");
        assert_eq!(patched(states, ("aaaa", "Li")), (1, vec![]), "by the same editor, too");
        assert_eq!(patched(states, ("aPaa", "")), (2, vec![]), "a patched one that lost its property");
        assert_eq!(patched(states, ("aPaY", "")), (2, vec![]), "its own edit is one against what it showed");
        assert_eq!(patched(states, ("aPaX", "")), (3, vec![2]), "some of it as it is now: asked about");
    }

    #[test]
    fn of_many_states_the_nearest_is_chosen() {
        let states = &[("aXYZ", "C", Some(30)), ("aXYa", "B", Some(20)), ("aXaa", "A", Some(10)), ("aaaa", "", None)];
        assert_eq!(marked(states, ("QXYa", "D", Some(40))), (3, vec![]));
        assert_eq!(marked(states, ("QXaa", "D", Some(40))), (2, vec![]));
        assert_eq!(marked(states, ("Qaaa", "D", Some(40))), (1, vec![]));
        assert_eq!(marked(states, ("QXYZ", "D", Some(40))), (4, vec![]));
    }

    #[test]
    fn the_same_bytes_are_the_same_state() {
        let (mut first, mut second) = (mark(None, "", Some(1)), mark(None, "", None));
        (first.digest, second.digest) = ([1; 32], [2; 32]);
        let state = |no, mark| Candidate { no: StateNo(no), kind: StateKind::Seen, mark };
        let (new, old) = (row("b"), row("a"));
        let differing = DifferingRow {
            record: RecordId::new(Uuid::from_u128(1)),
            states: vec![Some(&new), Some(&old)],
            incoming: Some(&old),
        };
        let save = Save {
            mark: &first,
            candidates: &[state(2, &second), state(1, &first)],
            rows: &[differing],
            edited_elsewhere: false,
        };
        let found = |save: &Save<'_>| {
            let descent = descend(&table(), save).unwrap();
            (descent.state, descent.doubtful_cells.len())
        };
        assert_eq!(found(&save), (StateNo(1), 0));
        // A text file: the same bytes may be an edit that was taken back.
        let silent = Mark { modified: None, ..first.clone() };
        assert_eq!(found(&Save { mark: &silent, ..save }), (StateNo(2), 1));
        assert_eq!(found(&Save { mark: &second, ..save }), (StateNo(2), 0));
    }

    /// Li added a row (or deleted one), and Wang's copy is from before.
    #[test]
    fn the_presence_of_a_row_is_a_clue() {
        let (here, edited) = (row("aaaa"), row("aYaa"));
        let check = |newest: Option<&[(FieldId, Cell)]>, older, incoming, editor: &str| {
            let marks = [mark(Some(1), "Li", Some(10)), mark(Some(1), "", None)];
            let saved = mark(Some(1), editor, Some(20));
            let candidates = [
                Candidate { no: StateNo(2), kind: StateKind::Seen, mark: &marks[0] },
                Candidate { no: StateNo(1), kind: StateKind::Written, mark: &marks[1] },
            ];
            let record = RecordId::new(Uuid::from_u128(1));
            let rows = [DifferingRow { record, states: vec![newest, older], incoming }];
            let save = Save { mark: &saved, candidates: &candidates, rows: &rows, edited_elsewhere: false };
            let descent = descend(&table(), &save).unwrap();
            (descent.state.0, descent.is_row_doubtful(record))
        };
        assert_eq!(check(Some(&here), None, None, "Wang"), (1, false), "the row was not there yet");
        assert_eq!(check(Some(&here), None, None, "Li"), (2, false), "she took it out again");
        assert_eq!(check(Some(&here), None, None, ""), (2, true), "who knows");
        assert_eq!(check(Some(&here), None, Some(&here), ""), (2, false));
        assert_eq!(check(None, Some(&here), Some(&edited), ""), (1, false), "still there, and edited");
        assert_eq!(check(None, Some(&here), Some(&here), ""), (2, true));
    }

    #[test]
    fn only_states_of_the_same_revision_are_candidates() {
        let marks = [mark(Some(2), "", None), mark(None, "", None), mark(Some(1), "", None)];
        let kinds = [StateKind::Written, StateKind::Seen, StateKind::Seen];
        let states = || {
            (1..).zip(kinds.iter().zip(&marks)).map(|(no, (kind, mark))| Candidate {
                no: StateNo(no),
                kind: *kind,
                mark,
            })
        };
        let picked = |revision| {
            let saved = mark(revision, "", None);
            candidates(&saved, states()).iter().map(|state| state.no.0).collect::<Vec<_>>()
        };
        assert_eq!(picked(Some(1)), [3]);
        assert_eq!(picked(Some(9)), [0_u32; 0]);
        assert_eq!(picked(None), [1, 2, 3], "a program may have dropped the property");
        let saved = mark(Some(9), "", None);
        let save = Save { mark: &saved, candidates: &[], rows: &[], edited_elsewhere: false };
        assert_eq!(descend(&table(), &save), None);
    }

    #[test]
    fn a_doubtful_row_makes_all_its_edits_doubtful() {
        let record = RecordId::new(Uuid::from_u128(1));
        let other = RecordId::new(Uuid::from_u128(2));
        let descent = Descent {
            state: StateNo(1),
            newest: true,
            doubtful_cells: vec![(record, FieldId(3))],
            doubtful_rows: vec![other],
        };
        let edits: Vec<Edit> = [1, 3].map(|id| Edit { field: FieldId(id), base: None, incoming: Cell::Blank }).to_vec();
        assert_eq!(descent.doubtful_in(record, &edits), [FieldId(3)]);
        assert_eq!(descent.doubtful_in(other, &edits), [FieldId(1), FieldId(3)]);
    }
}
