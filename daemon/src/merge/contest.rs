//! Contests: two values of one cell, and what is known of the two sides.

use std::cmp::Ordering;

use crate::model::entry::Stamp;
use crate::model::{Cell, Field, SourceName, Timestamp, Value};

/// Where a value comes from, as far as conflict rules look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Side<'a> {
    /// The source.
    pub source: &'a SourceName,
    /// The source's rank; higher wins in `source-order`.
    pub rank: i32,
    /// When it was edited.
    pub edited_at: Timestamp,
    /// Filled cells of the row that the value came with.
    pub filled: u16,
}

impl<'a> Side<'a> {
    /// The side that a stored value speaks for.
    pub fn of(stamp: &'a Stamp) -> Self {
        Self { source: &stamp.source, rank: stamp.rank, edited_at: stamp.edited_at, filled: stamp.filled }
    }
}

/// One of the two values.
#[derive(Clone, Copy, Debug)]
pub struct Contender<'a> {
    /// Who says so.
    pub side: Side<'a>,
    /// [`Cell::Value`], or [`Cell::Blank`] for a value that was cleared.
    pub cell: &'a Cell,
}

impl Contender<'_> {
    /// Whether there is a value.
    pub fn is_filled(&self) -> bool {
        self.cell.value().is_some()
    }

    /// Orders two contenders by the time of the edit, then rank, then the source's name, then the value.
    ///
    /// It is a total order up to equal values, so that the greater one is the same in whichever order the two came.
    /// Every rule breaks its ties with it.
    pub fn by_recency(&self, other: &Contender<'_>) -> Ordering {
        let key = |contender: &Contender<'_>| (contender.side.edited_at, contender.side.rank);
        key(self)
            .cmp(&key(other))
            .then_with(|| self.side.source.cmp(other.side.source))
            .then_with(|| order(self.cell, other.cell))
    }
}

/// Two values of one cell, neither of which was made knowing the other.
#[derive(Clone, Copy, Debug)]
pub struct Contest<'a> {
    /// The field.
    pub field: &'a Field,
    /// What both sides started from, as far as it is known.
    pub base: Option<&'a Cell>,
    /// What is stored.
    pub stored: Contender<'a>,
    /// What arrived.
    pub incoming: Contender<'a>,
}

impl Contest<'_> {
    /// Gives the contest to the greater contender; to the stored one if they are equal.
    pub fn prefer(&self, order: impl FnOnce(&Contender<'_>, &Contender<'_>) -> Ordering) -> Resolution {
        match order(&self.stored, &self.incoming) {
            Ordering::Less => Resolution::Incoming,
            Ordering::Equal | Ordering::Greater => Resolution::Stored,
        }
    }
}

/// How a rule settles a contest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// What is stored stays.
    Stored,
    /// What arrived is posted.
    Incoming,
    /// A value made of both is posted.
    Posted(Cell),
    /// A person decides.
    Ask,
}

/// Whether two cells of a field say the same. A formula says what its result does, and the same as any other formula.
pub fn same(field: &Field, a: &Cell, b: &Cell) -> bool {
    field.says_same(a, b)
}

/// Orders cells totally: what is no value first, then by type, then by value.
///
/// Only for tie-breaks: between types the order means nothing but is always the same.
pub fn order(a: &Cell, b: &Cell) -> Ordering {
    match (a, b) {
        (Cell::Value(a), Cell::Value(b)) => a.compare(b).unwrap_or_else(|| type_number(a).cmp(&type_number(b))),
        _ => cell_number(a).cmp(&cell_number(b)).then_with(|| a.to_string().cmp(&b.to_string())),
    }
}

fn type_number(value: &Value) -> u8 {
    match value {
        Value::Text(_) => 0,
        Value::Integer(_) => 1,
        Value::Number(_) => 2,
        Value::Boolean(_) => 3,
        Value::Date(_) => 4,
        Value::DateTime(_) => 5,
        Value::List(_) => 6,
    }
}

fn cell_number(cell: &Cell) -> u8 {
    match cell {
        Cell::Blank => 0,
        Cell::Raw(_) => 1,
        Cell::Masked(_) => 2,
        Cell::Formula(_) => 3,
        Cell::Value(_) => 4,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::FieldId;
    use crate::model::schema::{ConflictRule, Constraints, FieldType};

    /// A text field without constraints.
    pub(in crate::merge) fn text_field() -> Field {
        Field {
            id: FieldId(0),
            name: "note".into(),
            field_type: FieldType::String,
            format: None,
            headers: Vec::new(),
            generate: None,
            constraints: Constraints::default(),
            class: "basic".into(),
            conflict: ConflictRule::Review,
            group: None,
            region: "CN".into(),
        }
    }

    /// A text cell; the empty text is a blank.
    pub(in crate::merge) fn text(text: &str) -> Cell {
        if text.is_empty() { Cell::Blank } else { Cell::Value(Value::Text(text.into())) }
    }

    /// Settles two texts that were edited at two times in sources `a` (stored) and `b`, rank and filled being 0.
    pub(in crate::merge) fn settle(
        rule: fn(&Contest<'_>) -> Resolution,
        field: &Field,
        stored: (&Cell, i64),
        incoming: (&Cell, i64),
    ) -> Resolution {
        let (a, b) = (SourceName::new("a"), SourceName::new("b"));
        let side = |source, at| Side { source, rank: 0, edited_at: Timestamp(at), filled: 0 };
        rule(&Contest {
            field,
            base: None,
            stored: Contender { side: side(&a, stored.1), cell: stored.0 },
            incoming: Contender { side: side(&b, incoming.1), cell: incoming.0 },
        })
    }

    #[test]
    fn the_order_of_cells_is_total() {
        let cells = [
            Cell::Blank,
            Cell::Raw("x".into()),
            Cell::Masked("*".into()),
            text("a"),
            text("b"),
            Cell::Value(Value::Integer(1)),
            Cell::Value(Value::Boolean(true)),
        ];
        for (i, a) in cells.iter().enumerate() {
            for (j, b) in cells.iter().enumerate() {
                assert_eq!(order(a, b), i.cmp(&j), "{a:?} {b:?}");
            }
        }
    }
}
