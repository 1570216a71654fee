//! Field groups: cells that make sense only together, such as an address, win together.
//!
//! A group is *contested* if its author changed a cell of it while another changed a cell of it, be it a different
//! one. (Two who made the same change have not contested it.) Then one side wins the whole group. If it is the
//! author's, the cells that she left alone go along, as she saw them: the other's street must not stay beside her
//! city. Those cells are no edits, and nothing of them may be posted without permission; so [`companions`] names
//! them beforehand, the caller has them permitted like edits, and hands in those that were. If one is lacking that
//! the group needs, the author's side is not whole, and a person decides.
//!
//! A group that is not contested is settled cell by cell: every edit of it is clean.

use compact_str::CompactString;

use crate::model::row::cell_of;
use crate::model::schema::ConflictRule;
use crate::model::{Cell, Edit, Field, FieldId, StoredCell, StoredRecord, Table, Value};

use super::contest::{Contender, Contest, Resolution, Side, same};
use super::three_way::{Merged, Scene, Verdict, is_companion, says_nothing_new};
use super::{because, rules};

/// Finds the cells that have to go along if their group is contested and won: cells that the author left alone
/// and that another has changed.
///
/// `base` is the row as the source showed it before, `seen` as it shows it now, `edits` what [`super::edits`] made
/// of the two. The answer is empty unless a group was edited and its stored cells moved, so it is nearly always
/// empty. A cell that is unreadable in the sheet can't go along and is not named. At a first sync, a blank beside
/// an edited cell goes along: a new street without a postcode must not keep the old one.
pub fn companions(
    table: &Table,
    stored: Option<&StoredRecord>,
    base: Option<&[(FieldId, Cell)]>,
    seen: &[(FieldId, Cell)],
    edits: &[Edit],
) -> Vec<Edit> {
    let Some(stored) = stored else { return Vec::new() };
    let is_edited = |field: &Field| edits.iter().any(|edit| edit.field == field.id);
    let touched: Vec<&str> =
        table.fields.iter().filter(|field| is_edited(field)).filter_map(|field| field.group.as_deref()).collect();
    if touched.is_empty() {
        return Vec::new();
    }
    let along = |field: &Field| {
        if is_edited(field) || !field.group.as_deref().is_some_and(|group| touched.contains(&group)) {
            return None;
        }
        let base = base.and_then(|base| cell_of(base, field.id));
        let incoming = match (base, cell_of(seen, field.id)?) {
            (Some(Cell::Raw(_) | Cell::Masked(_) | Cell::Formula(_)), _)
            | (_, Cell::Formula(_))
            | (None, Cell::Value(_) | Cell::Raw(_) | Cell::Masked(_)) => None,
            (Some(base), seen) => same(field, base, seen).then_some(base),
            (None, Cell::Blank) => Some(&Cell::Blank),
        }?;
        (!says_nothing_new(field, stored.cell(field.id), incoming)).then(|| Edit {
            field: field.id,
            base: base.cloned(),
            incoming: incoming.clone(),
        })
    };
    let mut companions: Vec<Edit> = table.fields.iter().filter_map(along).collect();
    companions.sort_by_key(|edit| edit.field);
    companions
}

/// Settles the edits of one group, companions included.
pub(super) fn settle(scene: &Scene<'_>, name: &str, edits: Vec<Edit>, merged: &mut Vec<Merged>) {
    let fields = scene.table.fields.iter().filter(|field| field.group.as_deref() == Some(name));
    let cells: Vec<GroupCell<'_>> = fields.map(|field| GroupCell::of(scene, field, &edits)).collect();

    let question = cells.iter().filter(|cell| cell.is_news()).find_map(|cell| scene.question(cell.edit?));
    let ruling = match question {
        Some(rule) => Some((Resolution::Ask, rule)),
        None if cells.iter().any(|cell| cell.is_contested(scene)) && cells.iter().any(GroupCell::is_news) => {
            Some(decide(scene, &cells))
        }
        None => None,
    };
    let Some((resolution, rule)) = ruling else {
        merged.extend(edits.into_iter().map(|edit| scene.settle(edit)));
        return;
    };
    for edit in edits {
        let Some(field) = scene.table.field(edit.field) else { continue };
        let along = is_companion(field, &edit);
        let (verdict, rule) = match &resolution {
            _ if says_nothing_new(field, scene.stored(edit.field), &edit.incoming) => {
                (Verdict::Unchanged, because::SAME)
            }
            Resolution::Stored if along => (Verdict::Unchanged, because::UNTOUCHED),
            Resolution::Stored => (Verdict::Superseded, rule),
            Resolution::Incoming => (Verdict::Apply(edit.incoming.clone()), rule),
            Resolution::Posted(_) | Resolution::Ask => (Verdict::Conflict, rule),
        };
        merged.push(scene.merged(edit, verdict, rule));
    }
}

/// One cell of a group on both sides.
struct GroupCell<'a> {
    field: &'a Field,
    base: Option<&'a Cell>,
    stored: Option<&'a StoredCell>,
    edit: Option<&'a Edit>,
}

impl<'a> GroupCell<'a> {
    fn of(scene: &'a Scene<'_>, field: &'a Field, edits: &'a [Edit]) -> Self {
        let edit = edits.iter().find(|edit| edit.field == field.id);
        let base = match edit {
            Some(edit) => edit.base.as_ref(),
            None => scene.base.and_then(|base| cell_of(base, field.id)),
        };
        Self { field, base, stored: scene.stored(field.id), edit }
    }

    /// What the author has before her now.
    fn incoming(&self) -> Option<&'a Cell> {
        self.edit.map_or(self.base, |edit| Some(&edit.incoming))
    }

    /// Whether the author changed it, to something that is not stored.
    fn is_news(&self) -> bool {
        self.edit.is_some_and(|edit| {
            !is_companion(self.field, edit) && !says_nothing_new(self.field, self.stored, &edit.incoming)
        })
    }

    /// Whether another changed it too, to something else than the author has. An unreadable text says nothing.
    fn is_contested(&self, scene: &Scene<'_>) -> bool {
        let (Some(stored), Some(incoming)) = (self.stored, self.incoming()) else { return false };
        if matches!(incoming, Cell::Raw(_) | Cell::Formula(_)) || (self.base.is_none() && *incoming == Cell::Blank) {
            return false;
        }
        !same(self.field, &stored.cell, incoming) && self.is_anothers(scene)
    }

    /// Whether another changed it since the author saw it, or may have.
    fn is_anothers(&self, scene: &Scene<'_>) -> bool {
        match (self.stored, self.incoming()) {
            (Some(stored), Some(_)) => !scene.is_clean(self.field, stored, self.base),
            _ => false,
        }
    }

    /// Whether the author's side lacks it: it would have to go along, and nobody permitted that.
    fn is_lacking(&self, scene: &Scene<'_>) -> bool {
        match (self.edit, self.base, self.stored) {
            (None, Some(base), Some(stored)) => !scene.is_clean(self.field, stored, Some(base)),
            _ => false,
        }
    }
}

/// Decides a contested group once for all its cells.
///
/// The sides contend as one text made of their cells. The stored side is as new and as strong as the newest and the
/// strongest of the cells that another changed; what both started from speaks for neither. The rule is the one that all fields of the group have; if they differ, or it can't be used for
/// groups, a person decides.
fn decide(scene: &Scene<'_>, cells: &[GroupCell<'_>]) -> (Resolution, &'static str) {
    let mut conflicts = cells.iter().map(|cell| cell.field.conflict);
    let first = conflicts.next().unwrap_or(ConflictRule::Review);
    let row = rules::row(if conflicts.all(|rule| rule == first) { first } else { ConflictRule::Review });
    let others = || cells.iter().filter(|cell| cell.is_anothers(scene)).filter_map(|cell| cell.stored);
    let newest = others()
        .map(|stored| Side::of(&stored.stamp))
        .max_by(|a, b| (a.edited_at, a.rank).cmp(&(b.edited_at, b.rank)).then_with(|| a.source.cmp(b.source)));
    let (true, Some(newest), Some(head)) = (row.in_groups, newest, cells.first()) else {
        return (Resolution::Ask, rules::REVIEW);
    };
    let strongest = others().map(|stored| stored.stamp.rank).max();
    let (stored, stored_filled) = joined(cells.iter().map(|cell| cell.stored.map(|stored| &stored.cell)));
    let (incoming, incoming_filled) = joined(cells.iter().map(GroupCell::incoming));
    let resolution = (row.resolve)(&Contest {
        field: head.field,
        base: None,
        stored: Contender {
            side: Side { rank: strongest.unwrap_or(newest.rank), filled: stored_filled, ..newest },
            cell: &stored,
        },
        incoming: Contender { side: Side { filled: incoming_filled, ..scene.side }, cell: &incoming },
    });
    match resolution {
        Resolution::Incoming if cells.iter().any(|cell| cell.is_lacking(scene)) => {
            (Resolution::Ask, because::INCOMPLETE_GROUP)
        }
        resolution => (resolution, row.name),
    }
}

/// The cells of one side as one text, and how many of them are filled.
fn joined<'a>(cells: impl Iterator<Item = Option<&'a Cell>>) -> (Cell, u16) {
    let mut text = CompactString::default();
    let mut filled = 0;
    for cell in cells {
        if let Some(value) = cell.and_then(Cell::value) {
            filled += 1;
            text.push_str(&value.to_string());
        }
        text.push('\u{1f}');
    }
    (if filled == 0 { Cell::Blank } else { Cell::Value(Value::Text(text)) }, filled)
}

#[cfg(test)]
mod tests {
    use crate::merge::laws::{Row, record, stamp, table};
    use crate::merge::{Merged, Verdict, because};
    use crate::model::row::cell_of;
    use crate::model::{Cell, FieldId, StoredCell, StoredRecord, Table};

    /// Street, city and postcode are the fields 20, 21, 22, all with this rule.
    fn addresses(rule: &str) -> Table {
        let mut table = table();
        let row = crate::merge::rules::by_name(rule);
        for id in 20..23 {
            let mut field = table.fields[0].clone();
            (field.id, field.group) = (FieldId(id), Some("address".into()));
            field.conflict = row.map_or(field.conflict, |row| row.rule);
            table.fields.push(field);
        }
        table
    }

    /// Words for street, city, postcode; `-` is a blank, `?` unreadable, and nothing a missing column.
    fn cells(words: &str) -> Vec<(FieldId, Cell)> {
        let cell = |word: &str| match word {
            "-" => Cell::Blank,
            "?" => Cell::Raw("?".into()),
            _ => crate::merge::contest::tests::text(word),
        };
        (20..).zip(words.split(' ')).map(|(id, word)| (FieldId(id), cell(word))).collect()
    }

    /// The stored address: set at time 9, but the words marked with `*` by another at time 5; `~` was never filled.
    fn stored(words: &str) -> StoredRecord {
        let plain = cells(&words.replace('*', ""));
        let cells = plain.into_iter().zip(words.split(' ')).map(|((id, cell), word)| {
            let at = if word.ends_with('*') { 5 } else { 9 };
            (id, StoredCell { cell, stamp: stamp("other", 0, at, 3) })
        });
        record(cells.filter(|(_, held)| held.cell.to_string() != "~").collect())
    }

    /// The address after a save at a time, and each verdict's rule, `!` before a conflict's.
    fn save(rule: &str, held: &str, base: Option<&str>, seen: &str, at: i64) -> (String, Vec<String>) {
        let mut stored = stored(held);
        let row = Row {
            base: base.map(cells),
            seen: cells(seen),
            stamp: stamp("mine", 0, at, 3),
            doubtful: Vec::new(),
            current: true,
        };
        let merged = row.post(&addresses(rule), &mut stored);
        let told = |merged: &Merged| match merged.verdict {
            Verdict::Conflict => format!("!{}", merged.rule),
            _ => merged.rule.to_string(),
        };
        let word = |id: u16| {
            let cells: Vec<_> = stored.cells.iter().map(|(id, stored)| (*id, stored.cell.clone())).collect();
            cell_of(&cells, FieldId(id)).filter(|cell| **cell != Cell::Blank).map_or("-".into(), Cell::to_string)
        };
        ([20, 21, 22].map(word).join(" "), merged.iter().map(told).collect())
    }

    #[test]
    fn the_later_address_wins_whole() {
        let base = Some("s0 c0 z0");
        let (address, rules) = save("latest", "s1* c0 z0", base, "s0 c2 z0", 6);
        assert_eq!((address.as_str(), rules), ("s0 c2 z0", vec!["latest".into(), "latest".into()]));
        let (address, rules) = save("latest", "s1* c0 z0", base, "s0 c2 z0", 4);
        assert_eq!((address.as_str(), rules), ("s1 c0 z0", vec!["untouched".into(), "latest".into()]));
    }

    #[test]
    fn an_uncontested_address_is_clean() {
        let base = Some("s0 c0 z0");
        assert_eq!(save("review", "s0 c0 z0", base, "s0 c2 z2", 1).0, "s0 c2 z2");
        // Both moved to the same city: no contest about the street.
        let (address, rules) = save("review", "s0 c2* z0", base, "s2 c2 z0", 1);
        assert_eq!((address.as_str(), rules), ("s2 c2 z0", vec!["clean".into(), "same".into()]));
    }

    #[test]
    fn a_person_is_asked_about_the_whole_address() {
        let (address, rules) = save("review", "s1* c0 z0", Some("s0 c0 z0"), "s0 c2 z2", 6);
        assert_eq!(address, "s1 c0 z0");
        assert_eq!(rules, ["!review"; 3]);
    }

    #[test]
    fn an_address_that_is_not_whole_does_not_win() {
        let (address, rules) = save("latest", "s1* c0 z0", Some("s0 c0 z0"), "? c2 z0", 6);
        assert_eq!(address, "s1 c0 z0");
        assert_eq!(rules, [format!("!{}", because::INCOMPLETE_GROUP)]);
    }

    #[test]
    fn a_rule_that_compares_values_is_no_rule_for_groups() {
        let (address, rules) = save("maximum", "s1* c0 z0", Some("s0 c0 z0"), "s0 c2 z0", 6);
        assert_eq!(address, "s1 c0 z0");
        assert_eq!(rules, ["!review", "!review"]);
    }

    #[test]
    fn a_first_sync_brings_an_address_whole_or_not_at_all() {
        assert_eq!(save("latest", "s1* c1* z1*", None, "s2 c2 -", 6).0, "s2 c2 -");
        assert_eq!(save("latest", "s1* c1* z1*", None, "s2 c2 -", 4).0, "s1 c1 z1");
        assert_eq!(save("most-complete", "s1* c1* z1*", None, "s2 c2 -", 6).0, "s1 c1 z1");
        // Where there is nothing to fight about, a blank says nothing.
        assert_eq!(save("latest", "s1* ~ z1*", None, "s1 c2 -", 6).0, "s1 c2 z1");
        // A cleared city does fight, and was cleared later.
        assert_eq!(save("latest", "s1* - z1*", None, "s1 c2 -", 6).0, "s1 - z1");
        assert_eq!(save("latest", "s1*", None, "s1 c2 -", 6).0, "s1 c2 -");
        // A source without a column for the postcode leaves it.
        assert_eq!(save("latest", "s1* c1* z1*", None, "s2 c2", 6).0, "s2 c2 z1");
    }

    #[test]
    fn the_longer_address_wins_whole() {
        assert_eq!(save("longest", "street* c0 z0", Some("s0 c0 z0"), "s0 c22 z0", 6).0, "street c0 z0");
        assert_eq!(save("longest", "s1* c0 z0", Some("s0 c0 z0"), "s0 city z0", 4).0, "s0 city z0");
    }
}
