//! Receipts: what became of a mail, told to its author in the office's language.
//!
//! In comes an [`Account`]: what became of every line and row, with the values that its reader may see and no others.
//! Out goes a mail's text in two forms (`plain`, `html`), and the mail of them ([`write()`]). Nothing here decides what may be shown.

mod digest;
mod html;
mod plain;
mod questions;
mod reply;
mod words;

pub use self::digest::{Digest, DigestLine};
pub use self::questions::{Answer, Asks, Choice, Decided, Question};
pub use self::reply::{Attached, LOOP_HEADER, Reply, ReplyError, Thread, write};

use super::answer;
pub use super::answer::Reason;
use crate::model::Value;
use crate::text::Texts;

/// What became of a mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// What was said of which record.
    pub records: Vec<RecordAccount>,
    /// What was not understood.
    pub lines: Vec<LineAccount>,
    /// What is to be said of the mail as a whole: codes with words in the catalogue, as `mail-CODE`.
    pub remarks: Vec<String>,
    /// It tells of Daybook and not of what a mail said: nothing is counted.
    pub is_notice: bool,
    /// Lines that were read and are no changes.
    pub rest: Rest,
    /// Records that were asked for.
    pub shown: Vec<Shown>,
    /// When the changes were made that were taken back.
    pub undone: Option<String>,
    /// What was decided.
    pub decided: Option<Decided>,
    /// What its reader may decide.
    pub questions: Vec<Question>,
    /// There are more questions that she may decide: the page of `reviews` that begins with them, or 1 if they stand among all others.
    pub more_on_page: Option<u32>,
    /// Mails that were not answered one by one.
    pub digest: Option<Digest>,
    /// What became of the workbooks that came with it.
    pub attachments: Vec<AttachmentAccount>,
    /// The workbooks that go with the receipt.
    pub attached: Vec<Attached>,
    /// What `attached` holds, if anything.
    pub sent: Option<Sent>,
}

/// What workbooks go with a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The rows that were not taken, with the reasons.
    Rows,
    /// A table's blank workbook.
    Template,
}

/// What became of a workbook as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileOutcome {
    /// So many rows were read.
    Read(u64),
    /// So many rows were read, and wait for a person.
    Held(u64),
    /// It was not read, or is not taken: a code with words in the catalogue, as `file-CODE`.
    Unread(String),
}

/// What became of a workbook that came with a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachmentAccount {
    /// Its name.
    pub name: String,
    /// The sheet that was read; `None` for CSV.
    pub sheet: Option<String>,
    /// What became of it as a whole.
    pub outcome: FileOutcome,
    /// Columns that were not read: the title, if it has one, and a code as for a workbook.
    pub columns: Vec<(String, String)>,
}

/// What was said of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordAccount {
    /// The table's title.
    pub title: String,
    /// The record's key, as its author wrote it or as Daybook numbered it.
    pub key: String,
    /// The row of an attached workbook in which it stands: `客户.xlsx!客户!14`.
    pub place: Option<String>,
    /// It is new.
    pub is_new: bool,
    /// What became of it as a whole, if there is something to say.
    pub remark: Option<RowRemark>,
    /// What became of each cell.
    pub cells: Vec<CellAccount>,
}

/// What became of a row as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowRemark {
    /// Nothing of it was saved, for this reason.
    Refused(Reason),
    /// It waits for a person: with the title of the field that it is about, if it is about one.
    Held(Vec<(Option<String>, Reason)>),
    /// It says nothing of its own, for this reason: another row says it, or it names a record and no more.
    Unchanged(Reason),
}

/// What became of a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellAccount {
    /// The field's title.
    pub title: String,
    /// What was stored.
    pub old: Sight,
    /// What was said, or is stored now.
    pub new: Sight,
    /// What became of it.
    pub outcome: CellOutcome,
}

/// A value as its reader may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    /// There is none.
    Empty,
    /// She may not see it.
    Hidden,
    /// Yes or no.
    Flag(bool),
    /// This.
    Text(String),
}

impl Sight {
    /// A value as people write it.
    pub fn of(value: &Value) -> Self {
        match value {
            Value::Boolean(flag) => Self::Flag(*flag),
            Value::DateTime(at) if at.second() == 0 => Self::Text(at.strftime("%Y-%m-%d %H:%M").to_string()),
            Value::DateTime(at) => Self::Text(at.strftime("%Y-%m-%d %H:%M:%S").to_string()),
            other => Self::Text(other.to_string()),
        }
    }
}

/// What became of a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CellOutcome {
    /// It is stored now.
    Applied,
    /// It was stored already.
    Unchanged,
    /// A rule prefers what is stored.
    Superseded,
    /// It was not taken, for this reason.
    Refused(Reason),
    /// A person has to choose.
    Conflict,
    /// It waits for a person.
    Held,
}

/// A line or row that was not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineAccount {
    /// Where it stands.
    pub place: LinePlace,
    /// What stands there.
    pub text: String,
    /// Why: a code with words in the catalogue.
    pub code: String,
}

/// A place in a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinePlace {
    /// A line of its text, from 1.
    Line(u32),
    /// A row of a table in it, both from 1.
    Row {
        /// The table.
        table: u32,
        /// The row.
        row: u32,
    },
}

/// How many lines were read and are no changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rest {
    /// Lines of other mails.
    pub quoted: u64,
    /// Lines of a signature or disclaimer.
    pub signature: u64,
    /// Other text.
    pub prose: u64,
}

/// A record that was asked for, as its reader may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The table's title.
    pub title: String,
    /// The record's key.
    pub key: String,
    /// The titles and values of its fields.
    pub fields: Vec<(String, Sight)>,
}

/// How often each outcome came, for the header `X-Daybook-Outcome` and the first sentence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// Cells that are stored now.
    pub applied: u64,
    /// Cells that were stored already.
    pub unchanged: u64,
    /// Cells and rows that were not taken; those count among them for which a rule prefers what is stored.
    pub refused: u64,
    /// Cells that a person has to choose.
    pub conflicts: u64,
    /// Cells and rows that wait for a person.
    pub held: u64,
    /// Lines and rows that were not understood, and what is wrong with the mail as a whole.
    pub not_understood: u64,
}

impl Account {
    /// Counts what became of it.
    pub fn outcomes(&self) -> Outcomes {
        if self.is_notice {
            return Outcomes::default();
        }
        let of_file =
            |file: &AttachmentAccount| usize::from(matches!(file.outcome, FileOutcome::Unread(_))) + file.columns.len();
        let unclear = self.lines.len() + self.remarks.len() + self.attachments.iter().map(of_file).sum::<usize>();
        let held = self.attachments.iter().map(|file| match file.outcome {
            FileOutcome::Held(rows) => rows,
            FileOutcome::Read(_) | FileOutcome::Unread(_) => 0,
        });
        let mut outcomes = Outcomes { not_understood: unclear as u64, held: held.sum(), ..Outcomes::default() };
        outcomes = self.digest.as_ref().map_or(outcomes, |digest| outcomes.plus(&digest.outcomes()));
        for record in &self.records {
            match &record.remark {
                Some(RowRemark::Refused(_)) if record.cells.is_empty() => outcomes.refused += 1,
                Some(RowRemark::Held(_)) if record.cells.is_empty() => outcomes.held += 1,
                Some(RowRemark::Unchanged(_)) if record.cells.is_empty() => outcomes.unchanged += 1,
                _ => {}
            }
            for cell in &record.cells {
                let count = match cell.outcome {
                    CellOutcome::Applied => &mut outcomes.applied,
                    CellOutcome::Unchanged => &mut outcomes.unchanged,
                    CellOutcome::Superseded | CellOutcome::Refused(_) => &mut outcomes.refused,
                    CellOutcome::Conflict => &mut outcomes.conflicts,
                    CellOutcome::Held => &mut outcomes.held,
                };
                *count += 1;
            }
        }
        outcomes
    }
}

impl Outcomes {
    /// All of both.
    fn plus(self, other: &Self) -> Self {
        Self {
            applied: self.applied + other.applied,
            unchanged: self.unchanged + other.unchanged,
            refused: self.refused + other.refused,
            conflicts: self.conflicts + other.conflicts,
            held: self.held + other.held,
            not_understood: self.not_understood + other.not_understood,
        }
    }
}

/// Writes the value of the header `X-Daybook-Outcome`.
impl std::fmt::Display for Outcomes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { applied, unchanged, refused, conflicts, held, not_understood } = self;
        write!(
            f,
            "applied={applied} unchanged={unchanged} refused={refused} conflicts={conflicts} held={held} \
             not-understood={not_understood}"
        )
    }
}

/// Why a record, or some of its cells, was not taken, in words; `None` if that is not so.
pub fn why_refused(record: &RecordAccount, texts: &Texts) -> Option<String> {
    if let Some(RowRemark::Refused(why)) = &record.remark {
        return Some(answer::reason(why, texts));
    }
    let reasons = record.cells.iter().filter_map(|cell| match &cell.outcome {
        CellOutcome::Refused(why) => {
            let parts = [("field", cell.title.as_str().into()), ("reason", answer::reason(why, texts).into())];
            Some(texts.format("answer-field", &parts))
        }
        _ => None,
    });
    let reasons: Vec<String> = reasons.collect();
    (!reasons.is_empty()).then(|| reasons.join(&texts.get("answer-between")))
}

/// The first sentence: how it went, in one line.
fn summary(account: &Account, texts: &Texts) -> String {
    let outcomes = account.outcomes();
    let Outcomes { applied, refused, conflicts, held, not_understood, .. } = outcomes;
    if refused + conflicts + held + not_understood == 0 && applied > 0 {
        return texts.get("receipt-saved");
    }
    if outcomes == Outcomes::default() {
        if account.is_notice {
            return String::new();
        }
        let says_more = account.sent.is_some() || account.decided.is_some() || !account.questions.is_empty();
        return if account.shown.is_empty() && account.undone.is_none() && !says_more {
            texts.get("receipt-nothing")
        } else {
            String::new()
        };
    }
    texts.format("receipt-counts", &[("counts", digest::counts(&outcomes, texts).into())])
}

/// If there are more records than so many, those of which all was taken are only counted.
const RECORDS_LISTED_MAX: usize = 30;
/// So many records that need attention, and so many lines, are listed; the others are counted.
const TROUBLES_LISTED_MAX: usize = 100;

/// What is listed of the records, and how many others there are.
struct Listed<'a> {
    records: Vec<&'a RecordAccount>,
    /// All of them was taken, or was so already.
    fine: usize,
    /// They need attention, too.
    more: usize,
}

impl<'a> Listed<'a> {
    fn of(account: &'a Account) -> Self {
        let is_taken = |cell: &CellAccount| matches!(cell.outcome, CellOutcome::Applied | CellOutcome::Unchanged);
        let is_fine = |record: &&RecordAccount| {
            matches!(record.remark, None | Some(RowRemark::Unchanged(_))) && record.cells.iter().all(is_taken)
        };
        let all: Vec<&RecordAccount> = account.records.iter().collect();
        if all.len() <= RECORDS_LISTED_MAX {
            return Self { records: all, fine: 0, more: 0 };
        }
        let (fine, mut records): (Vec<&RecordAccount>, Vec<&RecordAccount>) = all.into_iter().partition(is_fine);
        let more = records.len().saturating_sub(TROUBLES_LISTED_MAX);
        records.truncate(TROUBLES_LISTED_MAX);
        Self { records, fine: fine.len(), more }
    }
}

/// The key of the last sentence: what was saved can be taken back by an answer.
fn end(account: &Account) -> &'static str {
    let has_changed =
        account.outcomes().applied > 0 || account.decided.as_ref().is_some_and(|decided| decided.has_changed);
    if has_changed && account.digest.is_none() { "receipt-end" } else { "receipt-end-plain" }
}

#[cfg(test)]
mod tests;
