//! Judges what Daybook writes into the workbook that the service department keeps.
//!
//! In come the bytes before and after each patch, and the file as it lies there when all is quiet. What the workbook has to
//! show is told from the naive log and from the replayed records; nothing here asks Daybook what it meant to write.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Read};

use daybook::model::entry::Posting;
use daybook::model::{Outcome, RecordId, Review, ReviewKind};

use super::super::disk::Written;
use super::super::people::{FIELDS, Log, OWN, SOURCES, Save, Spot};
use super::super::sheet::{ANSWER, NOTE, Sheet, Text};
use super::{Oracle, Replayed, text};

/// The parts of a file that a patch may touch. (The sheet and the document's properties are looked at by themselves.)
const TOUCHED: [&str; 4] = ["xl/worksheets/sheet1.xml", "docProps/custom.xml", "[Content_Types].xml", "_rels/.rels"];

/// What is known when all is quiet.
pub(in super::super) struct Rest<'a> {
    /// The workbook as it lies there.
    pub(in super::super) bytes: &'a [u8],
    /// What somebody saved last.
    pub(in super::super) last: &'a Save,
    /// Records that are in no row get one.
    pub(in super::super) appends: bool,
    /// The open questions.
    pub(in super::super) open: &'a [Review],
}

impl Oracle {
    /// Notes what became of the rows of a save, for the answers that they are to have.
    pub(super) fn note_answers(&mut self, posting: &Posting) {
        if posting.arrival.source.as_str() != SOURCES[OWN] {
            return;
        }
        for entry in &posting.records {
            let outcomes: BTreeSet<&str> = entry.cells.iter().map(|cell| kind(cell.outcome)).collect();
            if outcomes.contains("refused") {
                self.refused.insert(entry.record);
            } else if outcomes.contains("posted") {
                self.refused.remove(&entry.record);
            }
        }
    }

    /// Notes which refusals the workbook tells as it lies there.
    pub(in super::super) fn note_told(&mut self, bytes: &[u8]) {
        let Some(sheet) = Sheet::open(bytes) else { return };
        let Some(column) = sheet.column(ANSWER) else { return };
        let told = |row: &usize| sheet.rows[*row][column].as_ref().is_some_and(|text| text.contains("Not saved"));
        let told: BTreeSet<&str> = (0..sheet.rows.len()).filter(told).filter_map(|row| sheet.key(row)).collect();
        let records = &self.records;
        self.refused.retain(|record| records.get(record).is_none_or(|record| !told.contains(record.key.as_str())));
    }

    /// A patch changed nothing but cells, and those to something that is known. `waiting` are the cells that wait for a
    /// decision all the while.
    pub(in super::super) fn patched(&mut self, written: &Written, log: &Log, waiting: &BTreeSet<Spot>) {
        self.met.patched += 1;
        if written.while_open {
            self.violations.push("patched: somebody had the workbook open".to_owned());
        }
        let Some(before) = &written.before else {
            self.violations.push("patched: a workbook was made that nobody had".to_owned());
            return;
        };
        self.parts(before, &written.after);
        let (Some(old), Some(new)) = (Sheet::open(before), Sheet::open(&written.after)) else {
            self.violations.push("patched: the workbook can't be read".to_owned());
            return;
        };
        if old.columns != new.columns || new.rows.len() < old.rows.len() {
            self.violations.push(format!("patched: {:?} became {:?}", old.columns, new.columns));
            return;
        }
        self.met.appended += new.rows.len() - old.rows.len();
        for (row, (before, after)) in old.rows.iter().zip(&new.rows).enumerate() {
            for (title, (before, after)) in old.columns.iter().zip(before.iter().zip(after)) {
                if before == after || title == ANSWER {
                    continue;
                }
                let field = FIELDS.iter().find(|field| *field == title).filter(|field| **field != "id");
                let (Some(key), Some(field)) = (old.key(row), field) else {
                    self.violations.push(format!("patched: {title} of row {row}, {before:?} became {after:?}"));
                    continue;
                };
                let spot = (key.to_owned(), *field);
                if waiting.contains(&spot) {
                    self.violations
                        .push(format!("patched: {spot:?} waits for a decision, {before:?} became {after:?}"));
                }
                let shown = log.shown.get(&(OWN, spot.clone())).is_some_and(|shown| shown.contains(after));
                let stood = after.is_none() || shown || self.stored.contains(&(spot.clone(), after.clone()));
                if !stood {
                    self.violations.push(format!("patched: {spot:?} shows {after:?}, which nobody ever stored"));
                }
            }
        }
    }

    /// All but the sheet's rows is byte for byte what it was.
    fn parts(&mut self, before: &[u8], after: &[u8]) {
        let (old, new) = (unzip(before), unzip(after));
        for (name, content) in &old {
            if !TOUCHED.contains(&name.as_str()) && new.get(name) != Some(content) {
                self.violations.push(format!("patched: the part {name} was changed"));
            }
        }
        let added: Vec<&String> =
            new.keys().filter(|name| !old.contains_key(*name) && !TOUCHED.contains(&name.as_str())).collect();
        let sheet = |parts: &BTreeMap<String, Vec<u8>>| {
            let bytes = parts.get(TOUCHED[0]).map(Vec::as_slice).unwrap_or_default();
            String::from_utf8_lossy(bytes).into_owned()
        };
        let (old, new) = (sheet(&old), sheet(&new));
        if !added.is_empty() || frame(&old) != frame(&new) {
            self.violations.push(format!("patched: the sheet's frame was changed, or {added:?} added"));
        }
        let styled = styles(&new);
        for (cell, style) in styles(&old) {
            if styled.get(&cell) != Some(&style) {
                self.violations.push(format!("patched: {cell} had the style {style}, and has {:?}", styled.get(&cell)));
            }
        }
    }

    /// The workbook shows what is stored, wherever nothing is asked about it; and nothing of the last save is gone.
    pub(in super::super) fn own_at_rest(&mut self, rest: &Rest<'_>, log: &Log) {
        if rest.open.iter().any(|review| is_about(review, ReviewKind::MassChange)) {
            // A save that is held stays as it is before its author's eyes.
            return;
        }
        let Some(sheet) = Sheet::open(rest.bytes) else {
            self.violations.push("own: the workbook can't be read".to_owned());
            return;
        };
        self.met.rested += 1;
        self.rows_at_rest(&sheet, rest);
        let by_key: BTreeMap<String, (RecordId, bool)> =
            self.records.iter().map(|(id, record)| (record.key.clone(), (*id, record.archived))).collect();
        for row in 0..sheet.rows.len() {
            let Some(key) = sheet.key(row).map(str::to_owned) else { continue };
            let Some((record, archived)) = by_key.get(&key).copied() else {
                let is_asked = rest.open.iter().any(|review| is_about(review, ReviewKind::Ambiguous));
                if !is_asked && !self.rejected_keys.contains(&key) {
                    self.violations.push(format!("own: {key} is no record"));
                }
                continue;
            };
            if !archived {
                self.cells_at_rest(&sheet, row, &key, record, rest, log);
            }
            self.answer_at_rest(&sheet, row, &key, record, rest.open);
        }
    }

    /// The rows of the last save stand where they stood, each with what is noted beside it; what was appended stands below.
    fn rows_at_rest(&mut self, sheet: &Sheet, rest: &Rest<'_>) {
        let beside = |sheet: &Sheet| -> Vec<(Text, Text)> {
            let at = |row: &Vec<Text>, title| sheet.column(title).and_then(|column| row[column].clone());
            sheet.rows.iter().map(|row| (at(row, "id"), at(row, NOTE))).collect()
        };
        let (saved, there) = (beside(&rest.last.sheet), beside(sheet));
        if !there.starts_with(&saved) {
            self.violations.push(format!("own: {saved:?} was saved, and there is {there:?}"));
            return;
        }
        let appended = &there[saved.len()..];
        let keys: BTreeSet<&Text> = there.iter().map(|(key, _)| key).collect();
        if keys.len() != there.len() || appended.iter().any(|(_, note)| note.is_some()) {
            self.violations.push(format!("own: rows are doubled: {there:?}"));
        }
        if !rest.appends && !appended.is_empty() {
            self.violations.push(format!("own: {appended:?} were appended, and nobody wanted them"));
        }
        let asked = |record: RecordId| {
            rest.open.iter().any(|review| {
                review.source.as_str() == SOURCES[OWN]
                    && review.record == Some(record)
                    && review.kind != ReviewKind::Conflict
            })
        };
        let lacking = self.records.iter().filter(|(id, record)| !record.archived && !asked(**id));
        let lacking: Vec<&str> = lacking
            .map(|(_, record)| record.key.as_str())
            .filter(|key| !keys.contains(&Some((*key).to_owned())))
            .collect();
        if rest.appends && !lacking.is_empty() {
            self.violations.push(format!("own: {lacking:?} have no row"));
        }
    }

    fn cells_at_rest(&mut self, sheet: &Sheet, row: usize, key: &str, record: RecordId, rest: &Rest<'_>, log: &Log) {
        let Some(Replayed { cells, .. }) = self.records.get(&record) else { return };
        for (id, field) in &self.fields {
            let Some(column) = sheet.column(field) else { continue };
            let spot = (key.to_owned(), *field);
            let shown = &sheet.rows[row][column];
            let stored = cells.get(id);
            let is_open = rest.open.iter().any(|review| {
                is_about(review, ReviewKind::Conflict) && review.record == Some(record) && review.field == Some(*id)
            });
            // What was never stored nobody else has: there is nothing that could be put in its place.
            let typed = || log.edits.iter().any(|edit| edit.source == OWN && edit.spot == spot && edit.typed == *shown);
            let is_right = match stored {
                _ if is_open => true,
                _ if *field == "phone" => shown.is_none() || typed(),
                None => shown.is_none() || (*field == "credit" && typed()),
                Some(stored) => text(stored) == *shown,
            };
            if !is_right {
                self.violations.push(format!("own: {spot:?} shows {shown:?}, and {stored:?} is stored"));
            }
        }
    }

    fn answer_at_rest(&mut self, sheet: &Sheet, row: usize, key: &str, record: RecordId, open: &[Review]) {
        let Some(column) = sheet.column(ANSWER) else { return };
        let answer = sheet.rows[row][column].as_deref().unwrap_or_default();
        let is_waiting =
            open.iter().any(|review| review.source.as_str() == SOURCES[OWN] && review.record == Some(record));
        let refused = self.refused.contains(&record);
        let is_right = if is_waiting {
            answer.starts_with("Waiting")
        } else {
            // What was told once may be gone when somebody else has changed the row.
            answer.starts_with("Not saved") || (!refused && answer.starts_with("Saved"))
        };
        if !is_right {
            self.violations.push(format!(
                "own: {key} is answered {answer:?}; a question is open: {is_waiting}, something was refused: {refused}"
            ));
        }
    }

    /// The cells of the workbook about which a question is open.
    pub(in super::super) fn waiting(&self, open: &[Review]) -> BTreeSet<Spot> {
        let conflicts = open.iter().filter(|review| is_about(review, ReviewKind::Conflict));
        let spot = |review: &Review| {
            let key = self.records.get(&review.record?)?.key.clone();
            Some((key, *self.fields.get(&review.field?)?))
        };
        conflicts.filter_map(spot).collect()
    }
}

fn is_about(review: &Review, kind: ReviewKind) -> bool {
    review.source.as_str() == SOURCES[OWN] && review.kind == kind
}

fn kind(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Refused => "refused",
        Outcome::Unchanged => "same",
        Outcome::Applied | Outcome::Superseded | Outcome::Conflict | Outcome::Held => "posted",
    }
}

fn unzip(bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).expect("it is a whole file");
    let mut parts = BTreeMap::new();
    for index in 0..archive.len() {
        let mut part = archive.by_index(index).expect("a part");
        let mut content = Vec::new();
        part.read_to_end(&mut content).expect("a part can be read");
        parts.insert(part.name().expect("it has a name").into_owned(), content);
    }
    parts
}

/// What stands before and after the rows, without the extent.
fn frame(sheet: &str) -> (String, String) {
    let (before, rest) = sheet.split_once("<sheetData").unwrap_or_default();
    let after = rest.rsplit_once("</sheetData>").map(|(_, after)| after).unwrap_or_default();
    let (head, tail) = before.split_once("<dimension").unwrap_or((before, ""));
    let tail = tail.split_once("/>").map(|(_, tail)| tail).unwrap_or_default();
    (format!("{head}{tail}"), after.to_owned())
}

/// The styles of the cells that have one.
fn styles(sheet: &str) -> BTreeMap<String, String> {
    let mut styles = BTreeMap::new();
    for cell in sheet.split("<c ").skip(1) {
        let tag = cell.split('>').next().unwrap_or_default();
        let value = |name: &str| {
            let (_, rest) = tag.split_once(&format!("{name}=\""))?;
            Some(rest.split('"').next()?.to_owned())
        };
        if let (Some(at), Some(style)) = (value("r"), value("s")) {
            styles.insert(at, style);
        }
    }
    styles
}
