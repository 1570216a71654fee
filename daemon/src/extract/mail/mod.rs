//! Mails to typed rows: what a mail's author wrote now, as labels with values and as tables.
//!
//! In come a [`Mail`] as `codec` read it, the tables of the office and the mailbox that it came to. Out goes a
//! [`MailReading`]: rows whose cells are typed as a workbook's are, a command, which attachments are to be read as workbooks,
//! and what became of every line that is not blank. Nothing is dropped in silence: a line is part of an update, greets or
//! tells, belongs to another mail, is a signature, or was not understood, with the reason.
//!
//! It is conservative. Quotes, forwarded mails, signatures and disclaimers are never changes. Where it isn't certain
//! whether a line is an update, or where a value ends, nothing is taken and the line is reported. An empty value says
//! nothing: half-filled forms are sent back. A page and a plain text that say different things refuse the mail.
//!
//! Not decided here: who the author is, what that person may change, whether the record exists.

use std::fmt;

use compact_str::CompactString;

use crate::codec::mime::{self, AttachmentKind, Content, Mail, MimeFault, MimeLimits, Passage};
use crate::model::{Cell, Code, FieldId, Problem, Row, Table, TableName};

use super::CellProblem;

mod added;
mod agree;
mod author;
mod choose;
mod command;
mod decide;
mod form;
mod items;
mod labels;
mod phrases;
mod records;
mod rows;
mod words;
mod wrapped;

#[cfg(test)]
mod sample;
#[cfg(test)]
mod trial;

pub use added::{AddedCell, AddedRow, OwnLine, add, own_lines, own_subject};
pub use choose::ChosenBy;
pub use command::Command;
pub use decide::Chosen as ChosenAnswer;
pub use labels::is_cleared;

/// The mailbox that a mail came to.
#[derive(Clone, Copy, Debug)]
pub struct Mailbox<'a> {
    /// Its address, without a plus part: `capture@example.com`.
    pub address: &'a str,
    /// The table that its mails are about, unless they say otherwise.
    pub table: &'a TableName,
}

/// What a mail says.
#[derive(Clone, Debug)]
pub struct MailReading {
    /// The table that it is about.
    pub table: TableName,
    /// What chose the table.
    pub chosen_by: ChosenBy,
    /// The rows, in order; [`Row::number`] counts them from 1.
    pub rows: Vec<MailRow>,
    /// What the mail asks for, if it does not only tell.
    pub command: Option<Command>,
    /// Which attachments are to be read as workbooks, in order.
    pub attachments: Vec<Chosen>,
    /// The attached mail that was chosen to be read, for its attachments.
    pub forwarded: Option<Box<Mail>>,
    /// What became of every line that is not blank, in order.
    pub lines: Vec<Line>,
    /// What is wrong with single cells, and with the mail as a whole.
    pub problems: Vec<CellProblem>,
    /// The cells of which the mail says different things, by the record's key: none of that is in [`MailReading::rows`].
    pub contested: Vec<(Vec<CompactString>, FieldId)>,
}

impl MailReading {
    /// The lines that were not understood, each with the problem.
    pub fn not_understood(&self) -> impl Iterator<Item = (&Line, &Problem)> {
        self.lines.iter().filter_map(|line| match &line.class {
            Class::NotUnderstood(problem) => Some((line, problem)),
            _ => None,
        })
    }
}

/// One row of a mail.
#[derive(Clone, Debug)]
pub struct MailRow {
    /// The row. It has a cell for each field that the mail says something of.
    pub row: Row,
    /// Where each cell stands, in the order of the row's cells.
    pub spots: Vec<(FieldId, Spot)>,
}

/// An attachment that is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// The mail's own, by its position.
    Own(usize),
    /// The chosen forwarded mail's, by its position.
    Forwarded(usize),
}

/// A place in a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Spot {
    /// Whether it is in the attached mail that was chosen.
    pub forwarded: bool,
    /// The table in the mail, from 1; 0 for a line of text.
    pub table: u32,
    /// The line of the text, or the row of the table, from 1.
    pub line: u32,
}

/// Writes the place as a person says it: `line 5`, `table 1, row 3`.
impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.forwarded {
            f.write_str("forwarded mail, ")?;
        }
        match self.table {
            0 => write!(f, "line {}", self.line),
            table => write!(f, "table {table}, row {}", self.line),
        }
    }
}

/// A line of text or a row of a table, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Where it stands.
    pub spot: Spot,
    /// What stands there; a row's cells are parted by ` | `. It may be of any class: it is for the author's eyes only.
    pub text: String,
    /// What became of it.
    pub class: Class,
    /// Whether the author certainly wrote it now: no quote, nothing that may be one, nothing below a sign-off. Where the mail has a page and a plain
    /// text, both say it.
    pub is_own: bool,
    /// The fields of whose values it is a part, whether those were taken or not.
    pub fields: Vec<FieldId>,
}

/// What became of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Class {
    /// It is in [`MailReading::rows`].
    Update,
    /// It is the title row of a table, or drawn above or below one.
    Title,
    /// It is the command.
    Command,
    /// It greets, thanks or tells.
    Prose,
    /// It belongs to another mail.
    Quote,
    /// It belongs to a signature or disclaimer.
    Signature,
    /// It was not taken over, and its author is told why.
    NotUnderstood(Problem),
}

/// Why nothing of a mail is taken over though it could be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", problem.message)]
pub struct Refusal {
    /// What is wrong.
    pub problem: Problem,
}

impl Refusal {
    fn new(code: Code, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { problem: Problem::new(code, "", message, hint) }
    }

    /// Words why an attached mail that was chosen can't be read.
    fn of_forwarded(fault: MimeFault) -> Self {
        Self::new(Code(fault.code()), format!("The forwarded mail can't be read. {}", fault.message()), fault.hint())
    }
}

/// Reads a mail. `limits` are for an attached mail that the author chose to be read; `answers_question` says whether it replies to a mail that asked its
/// author something.
pub fn read(
    mail: &Mail,
    tables: &[Table],
    mailbox: &Mailbox<'_>,
    answers_question: bool,
    limits: &MimeLimits,
) -> Result<MailReading, Refusal> {
    let (table, chosen_by) = choose::table(mail, tables, mailbox)?;
    let labels = labels::Labels::of(table);
    let form = read_text(mail, &labels, false)?;
    let mut reading = MailReading {
        table: table.name.clone(),
        chosen_by,
        rows: Vec::new(),
        command: form.command.clone(),
        attachments: Vec::new(),
        forwarded: None,
        lines: Vec::new(),
        problems: Vec::new(),
        contested: Vec::new(),
    };
    let mut forms = vec![form];
    if reading.command == Some(Command::Forwarded) && !forms[0].has_forwarded {
        let inner = attached_mail(mail, limits)?;
        forms.push(read_text(&inner, &labels, true)?);
        reading.forwarded = Some(Box::new(inner));
    }
    let has_forwarded = forms[0].has_forwarded;
    records::finish(forms, &labels, &mut reading);
    name_other_tables(&mut reading, tables);
    if !answers_question {
        leave_word(mail, &mut reading);
    }
    choose_attachments(mail, has_forwarded, &mut reading);
    settle(&mut reading, has_forwarded);
    Ok(reading)
}

/// Says of labels that are another table's that they are: how to choose it is another thing to know than that a label is wrong.
fn name_other_tables(reading: &mut MailReading, tables: &[Table]) {
    let own = &reading.table;
    let others: Vec<labels::Labels<'_>> =
        tables.iter().filter(|table| table.name != *own).map(labels::Labels::of).collect();
    if others.is_empty() {
        return;
    }
    for line in &mut reading.lines {
        let Class::NotUnderstood(problem) = &line.class else { continue };
        let Some(label) = labels::label(&line.text).filter(|_| problem.code == words::UNKNOWN_LABEL) else { continue };
        if let Some(other) = others.iter().find(|labels| labels.one(label).is_some()) {
            line.class = Class::NotUnderstood(words::label_of_other_table(line.spot, label, &other.table.name));
        }
    }
}

/// Reads a mail's text in each form that it has, and refuses it if they say different things.
fn read_text(mail: &Mail, labels: &labels::Labels<'_>, is_inner: bool) -> Result<form::Form, Refusal> {
    let has = |pick: fn(&mime::Body) -> &Option<Vec<Passage>>| mail.bodies.iter().any(|body| pick(body).is_some());
    let (has_plain, has_html) = (has(|body| &body.plain), has(|body| &body.html));
    // A page's elements end where they end; of plain text, and of both together, marks may be lost.
    let is_page = mail.bodies.iter().all(|body| body.html.is_some());
    let html = has_html.then(|| Text { passages: passages(mail, true), is_page });
    let plain = has_plain.then(|| Text { passages: passages(mail, false), is_page: false });
    let (main, other) = match (html, plain) {
        (Some(html), Some(plain)) if !is_blank(&html) => (html, Some(plain)),
        (Some(html), Some(plain)) => (plain, Some(html)),
        (Some(only), None) | (None, Some(only)) => (only, None),
        (None, None) => (Text::default(), None),
    };
    let mut main = form::read(&main, mail, labels, is_inner)?;
    if let Some(other) = other.filter(|other| !is_blank(other)) {
        let other = form::read(&other, mail, labels, is_inner)?;
        agree::check(&main, &other, labels)?;
        agree::own_in_both(&mut main, &other);
    }
    Ok(main)
}

/// A mail's text in one form.
#[derive(Debug, Default)]
struct Text {
    passages: Vec<Passage>,
    /// Whether all of it is of pages.
    is_page: bool,
}

/// The passages of a mail's text in one form; a body that lacks it stands in the other.
fn passages(mail: &Mail, is_html: bool) -> Vec<Passage> {
    let mut all = Vec::new();
    for body in &mail.bodies {
        let (first, second) = if is_html { (&body.html, &body.plain) } else { (&body.plain, &body.html) };
        all.extend(first.as_ref().or(second.as_ref()).into_iter().flatten().cloned());
    }
    all
}

fn is_blank(text: &Text) -> bool {
    text.passages.iter().all(|passage| matches!(&passage.content, Content::Line(line) if line.trim().is_empty()))
}

/// Reads the one attached mail.
fn attached_mail(mail: &Mail, limits: &MimeLimits) -> Result<Mail, Refusal> {
    let mut mails = mail.attachments.iter().filter(|one| one.kind == AttachmentKind::Mail);
    match (mails.next(), mails.next()) {
        (Some(one), None) => mime::read(&one.bytes, limits).map_err(Refusal::of_forwarded),
        (None, _) => Err(words::forward_missing()),
        (Some(_), Some(_)) => Err(words::several_forwards()),
    }
}

/// Says which attachments are to be read: the mail's own workbooks, but those of a forwarded mail only if that was chosen.
fn choose_attachments(mail: &Mail, has_forwarded: bool, reading: &mut MailReading) {
    let sheets = |mail: &Mail| -> Vec<usize> {
        let is_sheet = |one: &mime::Attachment| matches!(one.kind, AttachmentKind::Sheet(_));
        mail.attachments.iter().enumerate().filter(|(_, one)| is_sheet(one)).map(|(at, _)| at).collect()
    };
    let own = sheets(mail);
    match &reading.command {
        Some(Command::Attachment(name)) => {
            let wanted = |at: &usize| mail.attachments.get(*at).is_some_and(|one| command::names(name, &one.name));
            let found: Vec<usize> = own.into_iter().filter(wanted).collect();
            if let [one] = found[..] {
                reading.attachments.push(Chosen::Own(one));
            } else {
                reading.problems.push(words::of_mail(words::attachment_missing(name)));
            }
        }
        Some(Command::Forwarded) => {
            let inner = reading.forwarded.as_deref().map(sheets).unwrap_or_default();
            reading.attachments.extend(own.into_iter().map(Chosen::Own));
            reading.attachments.extend(inner.into_iter().map(Chosen::Forwarded));
        }
        // Settled below: a mail that asks and tells at once does neither.
        Some(command) if asks(command) => {
            if !has_forwarded {
                reading.attachments.extend(own.into_iter().map(Chosen::Own));
            }
        }
        _ if has_forwarded && !own.is_empty() => {
            reading.problems.push(words::of_mail(words::forwarded_attachment()));
        }
        _ => reading.attachments.extend(own.into_iter().map(Chosen::Own)),
    }
}

/// Whether a command asks for something, so that the mail tells of no records beside it.
fn asks(command: &Command) -> bool {
    match command {
        Command::Template
        | Command::Show(_)
        | Command::Undo
        | Command::Decide(_)
        | Command::Choose(_)
        | Command::Reviews(_) => true,
        Command::Forwarded | Command::Attachment(_) => false,
    }
}

/// Lets a word that can be no answer give way to what else the mail says: it may head a list.
fn leave_word(mail: &Mail, reading: &mut MailReading) {
    let has_sheet = mail.attachments.iter().any(|one| matches!(one.kind, AttachmentKind::Sheet(_)));
    if matches!(reading.command, Some(Command::Choose(_))) && (has_sheet || !reading.rows.is_empty()) {
        reading.command = None;
        for line in reading.lines.iter_mut().filter(|line| line.class == Class::Command) {
            line.class = Class::NotUnderstood(words::word_answers_nothing(line.spot));
        }
    }
}

/// Puts command and rows in order: a mail that asks and tells at once does neither.
fn settle(reading: &mut MailReading, has_forwarded: bool) {
    if reading.command.as_ref().is_some_and(asks) && !(reading.rows.is_empty() && reading.attachments.is_empty()) {
        reading.command = None;
        reading.attachments.clear();
        reading.rows.clear();
        reading.problems.push(words::of_mail(words::command_and_changes()));
        for line in &mut reading.lines {
            if matches!(line.class, Class::Update | Class::Command) {
                line.class = Class::NotUnderstood(words::command_and_changes());
            }
        }
    }
    let says_something = !reading.rows.is_empty() || reading.command.is_some() || !reading.attachments.is_empty();
    if !says_something && reading.problems.is_empty() && reading.not_understood().next().is_none() {
        let why = if has_forwarded { words::forward_not_read() } else { words::nothing_found() };
        reading.problems.push(words::of_mail(why));
    }
}

/// Whether a cell holds a value or clears one: what a record can be found by, or changed to.
fn is_readable(cell: &Cell) -> bool {
    matches!(cell, Cell::Value(_) | Cell::Blank)
}
