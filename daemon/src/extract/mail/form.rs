//! One text of a mail, item by item: which lines say something of which record, and what all the others are.
//!
//! A record begins at a label of the key, and goes on over blank lines. Behind other text only a label of the key is
//! believed: `王芳 / 电话：…` at the end of a mail is a signature, be there a sign-off or not.

use unicode_width::UnicodeWidthStr;

use crate::codec::mime::Mail;
use crate::model::compare::folded;
use crate::model::{FieldId, Problem};

use super::author::{self, Authorship, Standing};
use super::command::{self, Command};
use super::decide;
use super::items::{self, Item, ItemContent};
use super::labels::{Labelled, Labels, Parsed, is_free_text};
use super::phrases::{self, SignOff};
use super::wrapped::Last;
use super::{Class, Line, Refusal, Spot, Text, choose, words};

/// The most lines and rows of a text that are not quoted.
const LINES_MAX: usize = 20_000;
/// How many unknown labels are told with what was probably meant.
const LOOKED_UP_MAX: usize = 200;

/// What one text says.
#[derive(Debug, Default)]
pub(super) struct Form {
    /// What it asks for.
    pub(super) command: Option<Command>,
    /// Whether a forwarded mail stands in the text.
    pub(super) has_forwarded: bool,
    /// The records, in order.
    pub(super) drafts: Vec<Draft>,
    /// The lines, in order; those of drafts are updates until the drafts are typed.
    pub(super) lines: Vec<Line>,
    /// Problems that are not a line's.
    pub(super) problems: Vec<Problem>,
    /// All that is not quoted, folded: the other form of the text has to hold what this one says.
    pub(super) said: String,
}

/// A record before its values are typed.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) cells: Vec<DraftCell>,
    /// Whether what stands above it lets it be a new record, should it have no key.
    pub(super) is_announced: bool,
}

/// A value as it is written.
#[derive(Clone, Debug)]
pub(super) struct DraftCell {
    pub(super) field: FieldId,
    pub(super) typed: String,
    pub(super) spot: Spot,
    /// The lines that it stands in, by their position in the form.
    pub(super) lines: Vec<usize>,
    /// Why it can't be taken, if it can't.
    pub(super) refused: Option<Problem>,
}

impl Draft {
    pub(super) fn has(&self, field: FieldId) -> bool {
        self.cells.iter().any(|cell| cell.field == field)
    }
}

/// Reads one text.
pub(super) fn read(text: &Text, mail: &Mail, labels: &Labels<'_>, is_inner: bool) -> Result<Form, Refusal> {
    let Authorship { mut standings, forwarded } = author::authorship(text, choose::says_forwarded(&mail.subject));
    let passages = &text.passages;
    let mut reader = Reader::new(labels);
    let is_quoting = standings.contains(&Standing::Quote) || !mail.in_reply_to.is_empty();
    reader.is_announced = !is_quoting && phrases::announces(&mail.subject);
    // A word answers only what is asked in the mail that it replies to, and stands in the text.
    let of_subject = command::read(&mail.subject, labels.table)
        .filter(|command| !is_inner && !matches!(command, Command::Choose(_) | Command::Decide(_)));
    let plain_items = items::of(passages, &standings, None, labels, is_inner);
    let of_line = first_command(&plain_items, labels)
        .filter(|(_, command)| !is_inner && (!matches!(command, Command::Choose(_)) || !mail.in_reply_to.is_empty()));
    reader.form.has_forwarded = forwarded.is_some();
    reader.form.command = of_line.as_ref().map(|(_, command)| command.clone()).or(of_subject);
    // Beside a question, an answer or a file, labels without more are a signature.
    let has_file = mail.attachments.iter().any(|one| !one.inline);
    reader.may_begin = is_inner || !(is_quoting || has_file || reader.form.command.is_some());
    reader.command_at = of_line.map(|(spots, _)| spots).unwrap_or_default();
    let items = match (&reader.form.command, forwarded) {
        (Some(Command::Forwarded), Some(range)) => {
            let begins = range.start;
            for standing in standings.get_mut(range).into_iter().flatten() {
                *standing = Standing::Own;
            }
            items::of(passages, &standings, Some(begins), labels, is_inner)
        }
        _ => plain_items,
    };
    let count = |item: &Item| if let ItemContent::Table(table) = &item.content { table.rows.len() } else { 1 };
    if items.iter().filter(|item| item.standing != Standing::Quote).map(count).sum::<usize>() > LINES_MAX {
        return Err(words::too_long());
    }
    if reader.form.command == Some(Command::Undo) && mail.in_reply_to.is_empty() {
        reader.form.command = None;
        reader.form.problems.push(words::undo_of_nothing());
    }
    for item in &items {
        reader.item(item);
    }
    Ok(reader.form)
}

/// The command in the first line of the author's own that is more than a greeting.
fn first_command(items: &[Item], labels: &Labels<'_>) -> Option<(Vec<Spot>, Command)> {
    let lines = items.iter().filter_map(|item| match (&item.content, item.standing) {
        (ItemContent::Line(spot, line), Standing::Own) if !line.trim().is_empty() => Some((*spot, line.as_str())),
        _ => None,
    });
    let mut lines = lines.skip_while(|(_, line)| phrases::is_greeting(line));
    let (spot, line) = lines.next()?;
    if let Some((command, count)) = decide::wrapped(std::iter::once(line).chain(lines.clone().map(|(_, line)| line))) {
        let further = lines.take(count - 1).map(|(spot, _)| spot);
        return Some((std::iter::once(spot).chain(further).collect(), command));
    }
    command::read(line, labels.table).map(|command| (vec![spot], command))
}

/// Reads a text's items one after the other. `rows.rs` reads forms and tables for it, `wrapped.rs` values of several lines.
#[expect(clippy::struct_excessive_bools, reason = "what was met so far: each goes on and off by itself")]
pub(super) struct Reader<'a> {
    pub(super) labels: &'a Labels<'a>,
    pub(super) form: Form,
    command_at: Vec<Spot>,
    /// Whether the author wrote what is read.
    is_own: bool,
    /// What was signed off with.
    pub(super) signed: Option<SignOff>,
    /// Whether a record is open, to which labels belong.
    pub(super) is_open: bool,
    /// Whether other text was met since the last label.
    pub(super) had_text: bool,
    /// Whether a blank line was met since the last label.
    pub(super) had_blank: bool,
    /// How many blank lines stand between a record's first labels: its pace. `None` before the second.
    pace: Option<usize>,
    /// How many blank lines in a row were met since the last label.
    blanks: usize,
    pub(super) last: Option<Last>,
    /// Whether nothing but greetings stands above.
    is_alone: bool,
    /// Whether the mail tells of its own accord. Of another one, labels without more may be a signature.
    may_begin: bool,
    /// Whether its subject, or a line above that no record has followed yet, says that it is about a new one.
    is_announced: bool,
    looked_up: usize,
}

impl<'a> Reader<'a> {
    fn new(labels: &'a Labels<'a>) -> Self {
        Self {
            labels,
            form: Form::default(),
            command_at: Vec::new(),
            is_own: false,
            signed: None,
            is_open: false,
            had_text: false,
            had_blank: false,
            pace: None,
            blanks: 0,
            last: None,
            is_alone: true,
            may_begin: false,
            is_announced: false,
            looked_up: 0,
        }
    }

    fn item(&mut self, item: &Item) {
        self.is_own = item.standing == Standing::Own;
        if item.begins_text {
            (self.signed, self.is_open, self.had_text, self.last) = (None, false, false, None);
            // It was chosen by its reader.
            (self.is_alone, self.may_begin) = (true, true);
        }
        let is_quote = item.standing == Standing::Quote;
        match &item.content {
            ItemContent::Line(_, text) if text.trim().is_empty() => {
                self.had_blank = true;
                self.blanks += 1;
                self.last = None;
            }
            ItemContent::Line(spot, text) => {
                if !is_quote {
                    self.say(text);
                }
                self.line(*spot, text, item.standing);
            }
            ItemContent::Pairs(spot, pairs) => {
                for text in pairs.iter().flat_map(|(label, value)| [label, value]).filter(|_| !is_quote) {
                    self.say(text);
                }
                self.pairs(*spot, pairs, item.standing);
            }
            ItemContent::Table(table) => {
                let cells = table.titles.iter().chain(table.rows.iter().flat_map(|(_, cells)| cells));
                for cell in cells.filter(|_| !is_quote) {
                    self.say(&cell.text);
                }
                self.table(table, item.standing);
            }
        }
    }

    /// Keeps what stands there for the comparison with the text's other form.
    fn say(&mut self, text: &str) {
        self.form.said.push_str(&folded(text));
        self.form.said.push('\n');
    }

    pub(super) fn push(&mut self, spot: Spot, text: &str, class: Class) -> usize {
        let is_own = self.is_own && self.signed.is_none();
        if self.is_own && !matches!(class, Class::Update | Class::Command) {
            self.is_alone &= phrases::is_greeting(text);
            self.is_announced |= phrases::announces(text);
        }
        self.form.lines.push(Line { spot, text: text.to_owned(), class, is_own, fields: Vec::new() });
        self.form.lines.len() - 1
    }

    pub(super) fn refuse(&mut self, spot: Spot, text: &str, problem: Problem) {
        self.last = None;
        self.push(spot, text, Class::NotUnderstood(problem));
    }

    /// Reads a line that is not blank.
    fn line(&mut self, spot: Spot, text: &str, standing: Standing) {
        match standing {
            Standing::Quote => {
                self.push(spot, text, Class::Quote);
            }
            Standing::Signature => {
                self.had_text = true;
                self.below_signature(spot, text);
            }
            Standing::Unclear => {
                let is_prose = matches!(self.labels.parse(text), Parsed::Text | Parsed::Unknown(_, None));
                let class = if is_prose { Class::Prose } else { Class::NotUnderstood(words::after_quote(spot)) };
                self.had_text = true;
                self.push(spot, text, class);
            }
            Standing::Own if self.command_at.contains(&spot) => {
                self.push(spot, text, Class::Command);
            }
            Standing::Own => {
                if !self.is_signed(spot, text) {
                    let parsed = self.labels.parse(text);
                    self.parsed(spot, text, parsed);
                }
            }
        }
    }

    /// Whether a line signs off or stands below a sign-off, and is thereby done with.
    fn is_signed(&mut self, spot: Spot, text: &str) -> bool {
        match (self.signed, phrases::sign_off(text)) {
            (Some(SignOff::Strong), _) | (Some(SignOff::Weak), Some(SignOff::Strong)) => {
                self.signed = Some(SignOff::Strong);
                self.below_signature(spot, text);
                true
            }
            (Some(SignOff::Weak), _) => {
                // Somebody thanked in the middle, and goes on with the next record.
                if self.labels.names_key(text) {
                    self.signed = None;
                    return false;
                }
                self.below_signature(spot, text);
                true
            }
            (None, Some(sign_off)) => {
                self.signed = Some(sign_off);
                self.last = None;
                self.had_text = true;
                let class = if sign_off == SignOff::Strong { Class::Signature } else { Class::Prose };
                self.push(spot, text, class);
                true
            }
            (None, None) => false,
        }
    }

    /// A line below a signature: only one that names a record may have been meant for more.
    fn below_signature(&mut self, spot: Spot, text: &str) {
        self.last = None;
        let class = if self.labels.names_key(text) {
            Class::NotUnderstood(words::below_signature(spot))
        } else {
            Class::Signature
        };
        self.push(spot, text, class);
    }

    fn parsed(&mut self, spot: Spot, text: &str, parsed: Parsed) {
        match parsed {
            Parsed::Labels(found) => self.labelled(spot, text, found),
            Parsed::Ambiguous(label) => self.refuse(spot, text, words::ambiguous_label(spot, &label)),
            Parsed::Unclear => self.refuse(spot, text, words::unclear_line(spot)),
            Parsed::Unknown(label, near) => {
                if near.is_none() && self.goes_on(spot, text) {
                    return;
                }
                self.looked_up += 1;
                let near = near.filter(|_| self.looked_up <= LOOKED_UP_MAX);
                self.refuse(spot, text, words::unknown_label(spot, &label, near.as_deref()));
            }
            Parsed::Telling | Parsed::Text => {
                if self.goes_on(spot, text) {
                    return;
                }
                self.last = None;
                self.had_text = true;
                let class = if parsed == Parsed::Telling && !phrases::is_greeting(text) {
                    Class::NotUnderstood(words::telling(spot))
                } else {
                    Class::Prose
                };
                self.push(spot, text, class);
            }
        }
    }

    /// Takes labels with their values into the record that they belong to.
    pub(super) fn labelled(&mut self, spot: Spot, text: &str, found: Vec<Labelled>) {
        let names_key = found.iter().any(|one| self.labels.is_key(one.field));
        let begins_another = self.is_announced && self.had_text && !names_key;
        if begins_another {
            self.is_open = false;
        } else if self.had_text && !self.form.drafts.is_empty() && !names_key {
            self.refuse(spot, text, words::after_text(spot));
            return;
        }
        // Set apart from the record by more than an empty line, as signatures are. In a text of double pace an empty line is three.
        let apart_from = self.pace.map_or(1, |pace| 2 * pace + 1);
        if self.is_open && !names_key && self.blanks > apart_from {
            self.refuse(spot, text, words::apart(spot));
            return;
        }
        if self.is_open && self.pace.is_none() {
            self.pace = Some(self.blanks);
        }
        self.blanks = 0;
        let line = self.push(spot, text, Class::Update);
        let count = found.len();
        for (index, one) in found.into_iter().enumerate() {
            self.take(one, spot, line, text.trim_end().width(), index + 1 == count);
        }
        (self.had_text, self.had_blank) = (false, false);
    }

    /// Takes one label with its value.
    fn take(&mut self, one: Labelled, spot: Spot, line: usize, width: usize, is_last: bool) {
        let is_key = self.labels.is_key(one.field);
        let begins = match self.form.drafts.last() {
            Some(draft) if self.is_open && is_key => draft.has(one.field) || self.had_text,
            // A second record whose key was forgotten is told of as such.
            Some(draft) if self.is_open => self.had_blank && draft.has(one.field) && self.has_key(draft),
            _ => true,
        };
        if begins {
            let is_alone = self.is_alone && self.may_begin;
            let is_announced = is_alone || std::mem::take(&mut self.is_announced);
            self.form.drafts.push(Draft { cells: Vec::new(), is_announced });
            (self.is_open, self.pace) = (true, None);
            (self.had_text, self.had_blank) = (false, false);
        }
        let is_free = self.labels.table.field(one.field).is_some_and(|field| is_free_text(field, self.labels.table));
        let is_empty = one.value.is_empty();
        let Some(draft) = self.form.drafts.last_mut() else { return };
        draft.cells.push(DraftCell { field: one.field, typed: one.value, spot, lines: vec![line], refused: None });
        self.last = is_last.then_some(Last { cell: draft.cells.len() - 1, is_open: is_empty, is_free, width });
    }

    fn has_key(&self, draft: &Draft) -> bool {
        self.labels.table.primary_key.iter().any(|id| draft.has(*id))
    }
}
