//! The people who edit, and the naive log of what they did. Nothing here knows how Daybook merges.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::dice::Dice;
use super::sheet::{NOTE, Sheet, Text};

/// The fields, their key first.
pub(super) const FIELDS: [&str; 6] = ["id", "name", "phone", "memo", "limit", "credit"];
/// The sources: the sales department's workbook, finance's view, and the service department's workbook, into which is written.
pub(super) const SOURCES: [&str; 3] = ["sales", "finance", "service"];
/// The one into which is written.
pub(super) const OWN: usize = 2;
/// Who edits them.
pub(super) const EDITORS: [&str; 3] = ["Ann", "Bob", "Cai"];

/// Whether the rights of a source's department let it write the field: what the configuration says, said again.
pub(super) fn may_write(source: usize, field: &str) -> bool {
    match field {
        "id" | "name" | "limit" => true,
        "phone" => source == 0,
        "memo" => source != 1,
        "credit" => source == 1,
        _ => false,
    }
}

/// A cell of a record: its key, and the field.
pub(super) type Spot = (String, &'static str);

/// One thing that an editor typed.
#[derive(Clone, Debug)]
pub(super) struct Edit {
    pub(super) id: usize,
    pub(super) source: usize,
    pub(super) editor: usize,
    pub(super) spot: Spot,
    pub(super) typed: Text,
    pub(super) allowed: bool,
    /// The source had shown this value in this cell before: nobody can tell for sure that it was typed.
    pub(super) again: bool,
}

/// Writes who typed what where, for a message.
impl std::fmt::Display for Edit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (key, field) = &self.spot;
        let right = if self.allowed { "" } else { ", without the right to" };
        let (who, source) = (EDITORS[self.editor], SOURCES[self.source]);
        write!(f, "{who} typed {:?} into {key}.{field} of {source}{right}", self.typed)
    }
}

/// What a file's content has been through since Daybook wrote it, or since it was new.
#[derive(Clone, Debug, Default)]
pub(super) struct Lineage {
    /// The last edit of each cell.
    pub(super) edits: BTreeMap<Spot, Arc<Edit>>,
    /// All that whoever worked on it had before her in that cell.
    pub(super) displayed: BTreeMap<Spot, BTreeSet<Text>>,
    /// Rows that somebody added, with the number of that deed.
    pub(super) inserted: BTreeMap<String, usize>,
    /// Rows that somebody deleted.
    pub(super) deleted: BTreeSet<String>,
}

impl Lineage {
    /// Notes all that stands in the sheet as displayed.
    fn look(&mut self, sheet: &Sheet) {
        for (row, cells) in sheet.rows.iter().enumerate() {
            let Some(key) = sheet.key(row) else { continue };
            for (title, cell) in sheet.columns.iter().zip(cells) {
                let Some(field) = FIELDS.iter().find(|field| *field == title) else { continue };
                self.displayed.entry((key.to_owned(), field)).or_default().insert(cell.clone());
            }
        }
    }

    /// Whether whoever worked on it saw this value there.
    pub(super) fn saw(&self, spot: &Spot, value: &Text) -> bool {
        self.displayed.get(spot).is_some_and(|values| values.contains(value))
    }
}

/// A save of a file.
#[derive(Debug)]
pub(super) struct Save {
    pub(super) source: usize,
    pub(super) editor: usize,
    /// The name that the file gives.
    pub(super) claimed: Option<&'static str>,
    pub(super) sheet: Sheet,
    pub(super) lineage: Lineage,
}

/// A workbook that somebody has open.
#[derive(Debug)]
pub(super) struct Copy {
    pub(super) source: usize,
    pub(super) sheet: Sheet,
    pub(super) lineage: Lineage,
    /// Something was done since it was saved last.
    pub(super) touched: bool,
}

impl Copy {
    /// A workbook that is new.
    pub(super) fn new(source: usize, sheet: Sheet) -> Self {
        Self { source, sheet, lineage: Lineage::default(), touched: false }
    }

    /// Deletes a row.
    pub(super) fn delete(&mut self, row: usize) -> Option<String> {
        let key = self.sheet.key(row)?.to_owned();
        self.sheet.rows.remove(row);
        self.lineage.edits.retain(|(other, _), _| *other != key);
        self.lineage.inserted.remove(&key);
        self.lineage.deleted.insert(key.clone());
        self.touched = true;
        Some(format!("delete {key}"))
    }

    /// Empties a column as if nobody had ever written into it.
    pub(super) fn forget(&mut self, field: &str) {
        if let Some(column) = self.sheet.column(field) {
            self.sheet.rows.iter_mut().for_each(|row| row[column] = None);
        }
        self.lineage.edits.retain(|(_, other), _| *other != field);
        self.lineage.displayed.retain(|(_, other), _| *other != field);
    }
}

/// All that people did.
#[derive(Default)]
pub(super) struct Log {
    pub(super) edits: Vec<Arc<Edit>>,
    pub(super) saves: HashMap<[u8; 32], Arc<Save>>,
    /// Every value that a source ever showed in a cell, whoever put it there.
    pub(super) shown: BTreeMap<(usize, Spot), BTreeSet<Text>>,
    values: usize,
    rows: usize,
}

/// SHA-256 of a file.
pub(super) fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

impl Log {
    /// A value that nobody ever typed.
    pub(super) fn fresh(&mut self, field: &str) -> String {
        self.values += 1;
        format!("{field}-{:04}", self.values)
    }

    /// Opens a file. What was saved into it and not by Daybook comes along.
    pub(super) fn open(&mut self, source: usize, bytes: &[u8]) -> Option<Copy> {
        let sheet = Sheet::open(bytes)?;
        let mut lineage = match self.saves.get(&digest(bytes)) {
            Some(save) => save.lineage.clone(),
            None => Lineage::default(),
        };
        lineage.look(&sheet);
        self.note_shown(source, &sheet);
        Some(Copy { source, sheet, lineage, touched: false })
    }

    fn note_shown(&mut self, source: usize, sheet: &Sheet) {
        let mut lineage = Lineage::default();
        lineage.look(sheet);
        for (spot, values) in lineage.displayed {
            self.shown.entry((source, spot)).or_default().extend(values);
        }
    }

    /// Writes the bytes of a save, and remembers it.
    pub(super) fn save(&mut self, copy: &mut Copy, editor: usize, named: bool, modified_ms: i64) -> Arc<Vec<u8>> {
        let claimed = named.then_some(EDITORS[editor]);
        let bytes = Arc::new(copy.sheet.save(claimed, modified_ms));
        self.note_shown(copy.source, &copy.sheet);
        copy.touched = false;
        let save =
            Save { source: copy.source, editor, claimed, sheet: copy.sheet.clone(), lineage: copy.lineage.clone() };
        self.saves.entry(digest(&bytes)).or_insert_with(|| Arc::new(save));
        bytes
    }

    /// Types a value into a cell.
    pub(super) fn type_in(
        &mut self,
        copy: &mut Copy,
        editor: usize,
        row: usize,
        field: &'static str,
        typed: Text,
    ) -> Option<String> {
        let column = copy.sheet.column(field)?;
        let key = copy.sheet.key(row)?.to_owned();
        let cell = copy.sheet.rows.get_mut(row)?.get_mut(column)?;
        if *cell == typed {
            return None;
        }
        let said = format!("{key}.{field} {cell:?} -> {typed:?}");
        let stood = std::mem::replace(cell, typed.clone());
        let spot = (key, field);
        let displayed = copy.lineage.displayed.entry(spot.clone()).or_default();
        displayed.insert(stood);
        let again = !displayed.insert(typed.clone());
        let again = again || self.shown.get(&(copy.source, spot.clone())).is_some_and(|shown| shown.contains(&typed));
        let edit = Arc::new(Edit {
            id: self.edits.len(),
            source: copy.source,
            editor,
            spot: spot.clone(),
            typed,
            allowed: may_write(copy.source, field),
            again,
        });
        self.edits.push(edit.clone());
        copy.lineage.edits.insert(spot, edit);
        copy.touched = true;
        Some(said)
    }

    /// Does something in an open workbook; says what.
    pub(super) fn work(&mut self, copy: &mut Copy, editor: usize, dice: &mut Dice) -> Option<String> {
        let rows = copy.sheet.rows.len();
        // Everybody works on the same few customers.
        let first: Vec<usize> =
            (0..rows).filter(|row| matches!(copy.sheet.key(*row), Some("C-1" | "C-2" | "C-3"))).collect();
        let hot = if dice.chance(60) { dice.pick(&first).copied() } else { None };
        let row = hot.unwrap_or_else(|| dice.below(rows));
        let field =
            if dice.chance(40) { FIELDS[[1, 4][dice.below(2)]] } else { FIELDS[1 + dice.below(FIELDS.len() - 1)] };
        if copy.sheet.column(NOTE).is_some() && dice.chance(10) {
            return self.note(copy, row);
        }
        match dice.below(20) {
            0..=9 => {
                let value = self.fresh(field);
                self.type_in(copy, editor, row, field, Some(value))
            }
            10 | 11 => self.type_in(copy, editor, row, field, None),
            12..=14 => {
                // Something that stood there before.
                let key = copy.sheet.key(row)?.to_owned();
                let earlier: Vec<Text> = self
                    .shown
                    .get(&(copy.source, (key, field)))?
                    .iter()
                    .filter(|text| text.is_some())
                    .cloned()
                    .collect();
                let value = dice.pick(&earlier)?.clone();
                self.type_in(copy, editor, row, field, value)
            }
            15 => {
                dice.shuffle(&mut copy.sheet.rows);
                copy.touched = true;
                Some("sort".to_owned())
            }
            16 | 17 if rows < 12 => self.insert(copy, editor, dice),
            18 | 19 if rows > 2 => copy.delete(row),
            _ => None,
        }
    }

    /// Writes something beside a row that is nobody's business.
    fn note(&mut self, copy: &mut Copy, row: usize) -> Option<String> {
        let column = copy.sheet.column(NOTE)?;
        let value = self.fresh(NOTE);
        let cell = copy.sheet.rows.get_mut(row)?.get_mut(column)?;
        let said = format!("notes {value}");
        *cell = Some(value);
        copy.touched = true;
        Some(said)
    }

    /// Adds a row.
    pub(super) fn insert(&mut self, copy: &mut Copy, editor: usize, dice: &mut Dice) -> Option<String> {
        let key = format!("C-{}", 1 + dice.below(14));
        self.insert_as(copy, editor, &key, dice)
    }

    /// Adds a row with this key.
    pub(super) fn insert_as(&mut self, copy: &mut Copy, editor: usize, key: &str, dice: &mut Dice) -> Option<String> {
        let row = self.add(copy, key)?;
        let mut said = format!("insert {key}");
        for field in FIELDS.iter().skip(1) {
            if dice.chance(60) {
                let value = self.fresh(field);
                if let Some(typed) = self.type_in(copy, editor, row, field, Some(value)) {
                    said = format!("{said}, {typed}");
                }
            }
        }
        Some(said)
    }

    /// Adds a row that has nothing but its key.
    pub(super) fn add(&mut self, copy: &mut Copy, key: &str) -> Option<usize> {
        let id = copy.sheet.column("id")?;
        // (A row that was deleted and typed anew in one sitting is an edit of the row.)
        let is_there = copy.sheet.rows.iter().any(|row| row[id].as_deref() == Some(key));
        if is_there || copy.lineage.deleted.contains(key) {
            return None;
        }
        let mut cells = vec![None; copy.sheet.columns.len()];
        cells[id] = Some(key.to_owned());
        copy.sheet.rows.push(cells);
        self.rows += 1;
        copy.lineage.inserted.insert(key.to_owned(), self.rows);
        copy.touched = true;
        Some(copy.sheet.rows.len() - 1)
    }
}
