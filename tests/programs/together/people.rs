//! The people: each has a LibreOffice, opens one workbook after the other, types, saves and closes or leaves it open.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::{Value as Json, json};

use super::books::{BOOKS, Book, value};
use super::oracle::{Edit, KEY, Log};
use super::world::rows;
use crate::contract::office::Office;
use crate::programs::LibreOffice;
use crate::programs::libreoffice::lock_of;
use crate::sim::dice::Dice;

/// The most rows that are deleted in all.
const DELETIONS_MAX: usize = 4;

/// Somebody who edits.
pub(super) struct Person {
    pub(super) program: LibreOffice,
    /// What she has open.
    open: Option<&'static Book>,
    /// How many edits there were when she opened it.
    since: usize,
}

/// What all of them share.
pub(super) struct Desk<'a> {
    pub(super) office: &'a Office,
    pub(super) dice: Dice,
    pub(super) log: Log,
    /// The number of the next thing that is typed.
    pub(super) next: usize,
    /// Which time of quiet comes next.
    pub(super) spell: usize,
    /// What happened, to be shown if something is wrong.
    pub(super) trace: Vec<String>,
}

/// Cells as they stand in an open workbook.
struct Sheet {
    columns: Vec<(&'static str, usize)>,
    /// The number of a row from 0, and its cells by field.
    rows: Vec<(usize, BTreeMap<String, String>)>,
    /// The first row below all others.
    end: usize,
}

impl Person {
    pub(super) fn new(program: LibreOffice) -> Self {
        Self { program, open: None, since: 0 }
    }

    /// What she has open.
    pub(super) fn has_open(&self) -> Option<&'static str> {
        self.open.map(|book| book.name)
    }

    /// One round: something is typed and saved. `taken` is what the other one has open. Whether anything was saved.
    pub(super) fn round(&mut self, desk: &mut Desk<'_>, taken: Option<&'static str>) -> bool {
        let Some(book) = self.opened(desk, taken) else { return false };
        let path = desk.office.path(book.file);
        let sheet = self.sheet(desk, book);
        let edits = match desk.dice.below(100) {
            0..10 => self.append(desk, book, &sheet, true),
            10..16 => self.append(desk, book, &sheet, false),
            16..19 if desk.log.deleted.len() < DELETIONS_MAX => {
                self.delete(desk, book, &sheet);
                Vec::new()
            }
            19..24 => {
                self.program.sort_down(&path, sheet.column(KEY));
                Vec::new()
            }
            _ => (0..=desk.dice.below(2)).filter_map(|_| self.edit(desk, book, &sheet)).collect(),
        };
        self.program.save(&path);
        for edit in edits {
            desk.trace.push(format!("{} {} {} = {}", edit.book, edit.key, edit.field, edit.value));
            desk.log.edits.push(edit);
        }
        if desk.dice.chance(30) {
            self.close(desk.office);
        }
        true
    }

    /// Closes what she has open.
    pub(super) fn close(&mut self, office: &Office) {
        if let Some(book) = self.open.take() {
            self.program.close(&office.path(book.file));
        }
    }

    fn opened(&mut self, desk: &mut Desk<'_>, taken: Option<&'static str>) -> Option<&'static Book> {
        if self.open.is_none() {
            let book = desk.dice.pick(&BOOKS).expect("three workbooks");
            let path = desk.office.path(book.file);
            if taken == Some(book.name) {
                // Of a workbook without a lock nothing says that somebody has it open; she would have been told by her.
                assert!(!lock_of(&path).exists() || !book.open(&mut self.program, &path), "{} is locked", book.name);
                return None;
            }
            assert!(book.open(&mut self.program, &path), "{} is free", book.name);
            self.open = Some(book);
            self.since = desk.log.edits.len();
            // A program or a share that keeps no locks: Daybook writes behind her back, and she saves over it. Only a
            // workbook has the mark that tells what she saw.
            let has_lock = book.is_text || !desk.dice.chance(15);
            if !has_lock {
                fs::remove_file(lock_of(&path)).expect("LibreOffice made a lock");
            }
            desk.trace.push(format!("opens {}{}", book.name, if has_lock { "" } else { " without a lock" }));
        }
        self.open
    }

    fn sheet(&mut self, desk: &Desk<'_>, book: &'static Book) -> Sheet {
        let shown = self.program.show(&desk.office.path(book.file));
        let columns = book.columns_in(&shown[0]);
        let is_filled = |cells: &Vec<String>| columns.iter().any(|(_, column)| !cells[*column].is_empty());
        let numbers = (0..shown.len()).skip(1).filter(|number| is_filled(&shown[*number]));
        let rows = numbers.zip(rows(&shown, book)).collect();
        Sheet { rows, end: shown.len(), columns }
    }

    /// Types into a cell of a record that is there.
    fn edit(&mut self, desk: &mut Desk<'_>, book: &'static Book, sheet: &Sheet) -> Option<Edit> {
        let rivals = self.rivals(desk, book, sheet);
        if desk.dice.chance(40)
            && let Some((row, key, field)) = desk.dice.pick(&rivals)
        {
            return Some(self.typed(desk, book, sheet, *row, (key, field)));
        }
        let fields: Vec<&'static str> = book.fields().filter(|field| *field != KEY).collect();
        let (row, cells) = sheet.keyed_row(desk, book)?;
        let field = *desk.dice.pick(&fields)?;
        Some(self.typed(desk, book, sheet, row, (&cells[KEY], field)))
    }

    /// Cells that somebody else typed into since she opened her workbook, which does not show it.
    fn rivals(&self, desk: &Desk<'_>, book: &Book, sheet: &Sheet) -> Vec<(usize, String, &'static str)> {
        let others = desk.log.edits[self.since..].iter().filter(|edit| edit.book != book.name && !edit.is_forbidden);
        let here = others.filter(|edit| edit.field != KEY && book.fields().any(|field| field == edit.field));
        let gone = |edit: &&Edit| desk.log.deleted.contains(&(book.name, edit.key.clone()));
        here.filter(|edit| !gone(edit))
            .filter_map(|edit| {
                let (row, _) = sheet.rows.iter().find(|(_, cells)| cells[KEY] == edit.key)?;
                Some((*row, edit.key.clone(), edit.field))
            })
            .collect()
    }

    /// Types a new row, with a key or without one.
    fn append(&mut self, desk: &mut Desk<'_>, book: &'static Book, sheet: &Sheet, has_key: bool) -> Vec<Edit> {
        let name = if has_key { value(KEY, desk.next) } else { value("name", desk.next) };
        if !has_key {
            desk.log.keyless.insert(name.clone(), book.name);
        }
        let fields: Vec<&'static str> = book.fields().filter(|field| !book.forbidden.contains(field)).collect();
        let fields = fields.into_iter().filter(|field| has_key || *field != KEY);
        // All cells of a row have one number, so that its key and its name can be foretold.
        let number = desk.next;
        let edits = fields.map(|field| {
            desk.next = number;
            self.typed(desk, book, sheet, sheet.end, (&name, field))
        });
        edits.collect()
    }

    fn delete(&mut self, desk: &mut Desk<'_>, book: &'static Book, sheet: &Sheet) {
        let Some((row, cells)) = sheet.keyed_row(desk, book) else { return };
        self.program.delete_row(&desk.office.path(book.file), row);
        desk.trace.push(format!("{} {} is deleted", book.name, cells[KEY]));
        desk.log.deleted.insert((book.name, cells[KEY].clone()));
    }

    fn typed(
        &mut self,
        desk: &mut Desk<'_>,
        book: &'static Book,
        sheet: &Sheet,
        row: usize,
        (key, field): (&str, &'static str),
    ) -> Edit {
        let text = value(field, desk.next);
        desk.next += 1;
        let typed: Json = match field {
            _ if book.is_text => json!(text),
            "credit" => json!(text.parse::<u32>().expect("a number")),
            "since" => json!({ "date": text }),
            _ => json!(text),
        };
        self.program.set(&desk.office.path(book.file), (row, sheet.column(field)), typed);
        Edit {
            book: book.name,
            key: key.to_owned(),
            field,
            value: text,
            is_forbidden: book.forbidden.contains(&field),
            spell: desk.spell,
        }
    }
}

impl Sheet {
    fn column(&self, field: &str) -> usize {
        self.columns.iter().find(|(own, _)| *own == field).expect("the field has a column").1
    }

    /// Some row that has a key, and was never deleted here.
    fn keyed_row(&self, desk: &mut Desk<'_>, book: &Book) -> Option<(usize, BTreeMap<String, String>)> {
        let gone: BTreeSet<&String> =
            desk.log.deleted.iter().filter(|(own, _)| *own == book.name).map(|(_, key)| key).collect();
        let keyed: Vec<_> =
            self.rows.iter().filter(|(_, cells)| !cells[KEY].is_empty() && !gone.contains(&cells[KEY])).collect();
        // Two people like the same few customers, so that they meet.
        let favourite = if desk.dice.chance(70) { 3 } else { keyed.len() };
        let index = desk.dice.below(favourite.min(keyed.len()));
        keyed.get(index).map(|row| (*row).clone())
    }
}
