//! What became of a mail, as its author may see it: the content of a receipt.
//!
//! In come the mail as it was read, the posting that was made of it and the author's rights; out goes an [`Account`]. Every value of the store
//! in it has passed [`Rights::sight`]; what she wrote herself she knows.

use std::cell::OnceCell;
use std::collections::HashMap;

use compact_str::CompactString;

use super::attached::Attached;
use super::gather::{Fate, Gathered, says_something};
use super::rows::{Became, Taken};
use crate::access::{self, Decider, Rights, Sight as Permitted, Subject};
use crate::extract::CellProblem;
use crate::extract::mail::{Class, MailReading, Spot};
use crate::model::entry::{CellEntry, Posting};
use crate::model::policy::Policy;
use crate::model::{Actor, Cell, Field, FieldId, Life, Outcome, RecordEntry, RecordId, Row, StoredRecord, Table};
use crate::publish::answer;
use crate::publish::receipt::{
    Account, AttachmentAccount, CellAccount, CellOutcome, FileOutcome, LineAccount, LinePlace, Reason, RecordAccount,
    RowRemark, Shown, Sight,
};
use crate::publish::view::{header, table_title};
use crate::text::{Language, Texts};

/// What values and titles are told with.
pub(super) struct Telling<'a> {
    pub(super) table: &'a Table,
    pub(super) decider: &'a Decider,
    pub(super) policy: &'a Policy,
    pub(super) actor: &'a Actor,
    pub(super) language: Language,
    /// Made when they are needed: a catalogue is read for it.
    texts: OnceCell<Texts>,
}

impl<'a> Telling<'a> {
    pub(super) fn new(
        table: &'a Table,
        decider: &'a Decider,
        policy: &'a Policy,
        actor: &'a Actor,
        language: Language,
    ) -> Self {
        Self { table, decider, policy, actor, language, texts: OnceCell::new() }
    }
}

/// Tells of the lines that changed nothing, and of the mail as a whole.
pub(super) fn of_lines(reading: &MailReading, account: &mut Account) {
    for line in &reading.lines {
        match &line.class {
            Class::NotUnderstood(problem) => account.lines.push(LineAccount {
                place: place(line.spot),
                text: line.text.clone(),
                code: problem.code.clone(),
            }),
            Class::Quote => account.rest.quoted += 1,
            Class::Signature => account.rest.signature += 1,
            Class::Prose => account.rest.prose += 1,
            Class::Update | Class::Title | Class::Command => {}
        }
    }
    let whole = reading.problems.iter().filter(|problem| problem.row == 0 && problem.field.is_none());
    account.remarks.extend(whole.map(|problem| problem.problem.code.clone()));
}

/// Tells of the workbooks: what was read of each, and what was not.
pub(super) fn of_workbooks(attached: &Attached, account: &mut Account) {
    account.attachments.extend(attached.sheets.iter().map(|read| {
        let columns = read.columns.iter().map(|(problem, title)| (title.clone(), problem.code.clone()));
        AttachmentAccount {
            name: read.sheet.place.file.clone(),
            sheet: read.sheet.place.sheet.clone(),
            outcome: FileOutcome::Read(read.rows.len() as u64),
            columns: columns.collect(),
        }
    }));
    account.attachments.extend(attached.unread.iter().map(|(name, problem)| AttachmentAccount {
        name: name.clone(),
        sheet: None,
        outcome: FileOutcome::Unread(problem.code.clone()),
        columns: Vec::new(),
    }));
}

fn place(spot: Spot) -> LinePlace {
    match spot.table {
        0 => LinePlace::Line(spot.line),
        table => LinePlace::Row { table, row: spot.line },
    }
}

impl Telling<'_> {
    /// Tells of the rows, in their order. `taken` are those that were posted.
    pub(super) fn rows(&self, gathered: &Gathered, taken: &[Taken], posting: &Posting) -> Vec<RecordAccount> {
        let entries: HashMap<RecordId, &RecordEntry> =
            posting.records.iter().map(|entry| (entry.record, entry)).collect();
        let of_cells = gathered.problems.iter().filter_map(|problem| Some(((problem.row, problem.field?), problem)));
        let wrong: HashMap<(u32, FieldId), &CellProblem> = of_cells.collect();
        let mut taken = taken.iter();
        let told = gathered.rows.iter().zip(&gathered.fates).map(|(row, fate)| {
            let place = posting.arrival.sheets.first().filter(|sheet| row.number > sheet.rows_above);
            let place = place.map(|_| posting.arrival.place_of_row(Some(row.number)));
            let whole = |remark| RecordAccount {
                title: table_title(self.table, self.language),
                key: key_of(self.table, row, None),
                place: place.clone(),
                is_new: false,
                cells: Vec::new(),
                remark: Some(remark),
            };
            match (fate, if *fate == Fate::Post { taken.next() } else { None }) {
                (Fate::Refused(code), _) => match self.unreadable_key(row) {
                    Some(cell) => RecordAccount {
                        cells: vec![CellAccount { outcome: CellOutcome::Refused(Reason::Code(code.clone())), ..cell }],
                        remark: None,
                        ..whole(RowRemark::Refused(Reason::code("no-key")))
                    },
                    None => whole(RowRemark::Refused(Reason::Code(code.clone()))),
                },
                (Fate::Post, Some(taken))
                    if taken.became != Became::Nothing || says_something(self.table, &row.cells) =>
                {
                    let entry = entries.get(&taken.record).copied();
                    RecordAccount { place, ..self.row(row, &wrong, taken, entry, &posting.rules) }
                }
                (Fate::Post, _) => whole(RowRemark::Unchanged(Reason::code("key-alone"))),
                (Fate::Repeated, _) => whole(RowRemark::Unchanged(Reason::code("repeated"))),
            }
        });
        told.collect()
    }

    /// The part of a row's key that can't be read.
    fn unreadable_key(&self, row: &Row) -> Option<CellAccount> {
        let (field, cell) = self.table.primary_key.iter().find_map(|id| {
            let cell = row.cell(*id).filter(|cell| matches!(cell, Cell::Raw(_)))?;
            Some((self.table.field(*id)?, cell))
        })?;
        let title = header(field, self.language).to_owned();
        Some(CellAccount { title, old: Sight::Empty, new: own(cell), outcome: CellOutcome::Unchanged })
    }

    fn row(
        &self,
        row: &Row,
        problems: &HashMap<(u32, FieldId), &CellProblem>,
        taken: &Taken,
        entry: Option<&RecordEntry>,
        rules: &[CompactString],
    ) -> RecordAccount {
        let rights = self.rights(taken.stored.as_ref(), entry);
        let remark = match &taken.became {
            Became::Refused(code) if code == "required" && taken.stored.is_none() => {
                let is_there =
                    |field: &Field| row.cells.iter().any(|(id, cell)| *id == field.id && *cell != Cell::Blank);
                let is_lacking =
                    |field: &&Field| field.constraints.required && field.generate.is_none() && !is_there(field);
                let lacking: Vec<&Field> = self.table.fields.iter().filter(is_lacking).collect();
                Some(RowRemark::Refused(answer::of_required(&lacking, self.texts())))
            }
            Became::Refused(code) => Some(RowRemark::Refused(Reason::Code(code.clone()))),
            Became::Held(why) => {
                let title = |id| self.table.field(id).map(|field| header(field, self.language).to_owned());
                let why = why.iter().map(|remark| (remark.field.and_then(title), remark.reason.clone()));
                Some(RowRemark::Held(why.collect()))
            }
            Became::Posted | Became::Nothing => None,
        };
        let is_said = remark.is_none();
        let fields = row.cells.iter().filter(|(field, _)| !self.table.primary_key.contains(field));
        let cells = fields.filter_map(|(id, cell)| {
            let field = self.table.field(*id)?;
            let wrong = problems.get(&(row.number, *id)).copied();
            let said = entry.and_then(|entry| entry.cells.iter().find(|cell| cell.field == *id));
            Some(self.cell(field, cell, said, wrong, &rights, rules))
        });
        RecordAccount {
            title: table_title(self.table, self.language),
            key: key_of(self.table, row, entry),
            place: None,
            is_new: entry.is_some_and(|entry| entry.life == Life::Created),
            cells: if is_said { cells.collect() } else { Vec::new() },
            remark,
        }
    }

    fn cell(
        &self,
        field: &Field,
        typed: &Cell,
        said: Option<&CellEntry>,
        wrong: Option<&CellProblem>,
        rights: &Rights,
        rules: &[CompactString],
    ) -> CellAccount {
        let own = own(typed);
        let title = header(field, self.language).to_owned();
        let why = |wrong: &CellProblem| match rights.sight(&field.class) {
            Permitted::Clear => answer::of_value(&wrong.problem.code, field, self.texts()),
            Permitted::Masked | Permitted::Hidden => Reason::Code(wrong.problem.code.as_str().into()),
        };
        let Some(said) = said else {
            let outcome = match wrong {
                Some(wrong) => CellOutcome::Refused(why(wrong)),
                None => CellOutcome::Unchanged,
            };
            return CellAccount { title, old: Sight::Empty, new: own, outcome };
        };
        let before = said.before.as_ref().and_then(|before| before.stored.as_ref());
        let new = match said.outcome {
            // Normalised, or joined with what was there.
            Outcome::Applied if said.posted() != &said.seen => shown(field, rights, Some(said.posted())),
            _ => own,
        };
        let outcome = match said.outcome {
            Outcome::Unchanged => CellOutcome::Unchanged,
            Outcome::Applied => CellOutcome::Applied,
            Outcome::Superseded => CellOutcome::Superseded,
            Outcome::Refused => {
                let rule = rules.get(usize::from(said.rule)).cloned().unwrap_or_default();
                CellOutcome::Refused(wrong.map_or_else(|| answer::of_rule(&rule, &self.policy.rules), why))
            }
            Outcome::Conflict => CellOutcome::Conflict,
            Outcome::Held => CellOutcome::Held,
        };
        CellAccount { title, old: shown(field, rights, before), new, outcome }
    }

    /// A record that was asked for; `None` if its reader may see nothing of it.
    pub(super) fn show(&self, record: &StoredRecord) -> Option<Shown> {
        let rights = self.rights(Some(record), None);
        if !rights.any() {
            return None;
        }
        let is_visible = |field: &&Field| rights.sight(&field.class) != Permitted::Hidden;
        let fields = self.table.fields.iter().filter(is_visible).map(|field| {
            let value = record.cell(field.id).map(|stored| &stored.cell);
            (header(field, self.language).to_owned(), shown(field, &rights, value))
        });
        let key = self.table.primary_key.iter().filter_map(|id| {
            let field = self.table.field(*id)?;
            (rights.sight(&field.class) == Permitted::Clear).then(|| record.value(*id).map(ToString::to_string))?
        });
        Some(Shown {
            title: table_title(self.table, self.language),
            key: key.collect::<Vec<_>>().join(" "),
            fields: fields.collect(),
        })
    }

    fn texts(&self) -> &Texts {
        self.texts.get_or_init(|| Texts::new(self.language))
    }

    /// What the author may do with a record; one that is new is judged as it was added.
    fn rights(&self, stored: Option<&StoredRecord>, entry: Option<&RecordEntry>) -> Rights {
        let subject = match (stored, entry) {
            (Some(stored), _) => Subject::of(self.table, |field| stored.value(field)),
            (None, Some(entry)) => Subject::of(self.table, |field| {
                let cell = entry.cells.iter().find(|cell| cell.field == field && cell.outcome == Outcome::Applied);
                cell.and_then(|cell| cell.posted().value())
            }),
            (None, None) => Subject { owner: None, department: None },
        };
        self.decider.rights(self.actor, self.table, &subject)
    }
}

/// A record's key as its author wrote it, or as Daybook numbered it.
fn key_of(table: &Table, row: &Row, entry: Option<&RecordEntry>) -> String {
    let part = |field: &FieldId| {
        let given = || entry?.cells.iter().find(|cell| cell.field == *field).map(CellEntry::posted);
        let cell = row.cell(*field).filter(|cell| **cell != Cell::Blank).or_else(given)?;
        Some(cell.to_string())
    };
    table.primary_key.iter().filter_map(part).collect::<Vec<_>>().join(" ")
}

/// What somebody wrote herself.
fn own(cell: &Cell) -> Sight {
    match cell {
        Cell::Blank => Sight::Empty,
        Cell::Value(value) => Sight::of(value),
        Cell::Raw(text) | Cell::Masked(text) => Sight::Text(text.to_string()),
        Cell::Formula(result) => result.as_ref().map_or(Sight::Empty, |value| Sight::of(value)),
    }
}

/// What is stored, as its reader may see it.
pub(super) fn shown(field: &Field, rights: &Rights, cell: Option<&Cell>) -> Sight {
    match (rights.sight(&field.class), cell.and_then(Cell::value)) {
        (Permitted::Hidden, _) => Sight::Hidden,
        (_, None) => Sight::Empty,
        (Permitted::Clear, Some(value)) => Sight::of(value),
        (Permitted::Masked, Some(value)) => Sight::Text(access::mask(field, value).to_string()),
    }
}
