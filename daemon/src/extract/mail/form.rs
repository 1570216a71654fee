//! One text of a mail, item by item: which lines say something of which record, and what all the others are.
//!
//! A record begins at a label of the key, and goes on over blank lines. Behind other text only a label of the key is
//! believed: `王芳 / 电话：…` at the end of a mail is a signature, be there a sign-off or not.

use unicode_width::UnicodeWidthStr;

use crate::codec::mime::{GridCell, Mail, Passage};
use crate::codec::sheet::{Properties, SheetHead};
use crate::model::compare::folded;
use crate::model::{FieldId, Place, Problem};

use super::super::columns::{Columns, Heading};
use super::author::{self, Authorship, Standing};
use super::command::{self, Command};
use super::items::{self, Item, ItemContent, TableItem};
use super::labels::{Labelled, Labels, Parsed, cleaned, is_free_text};
use super::phrases::{self, SignOff};
use super::{Class, Line, Refusal, Spot, choose, words};

/// The most lines and rows of a text that are not quoted.
const LINES_MAX: usize = 20_000;
/// How many unknown labels are told with what was probably meant.
const LOOKED_UP_MAX: usize = 200;
/// A line this wide that could not take the next word was broken by a mail program.
const WRAPPED_WIDTH: usize = 72;

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
pub(super) fn read(passages: &[Passage], mail: &Mail, labels: &Labels<'_>, is_inner: bool) -> Result<Form, Refusal> {
    let Authorship { mut standings, forwarded } = author::authorship(passages, choose::says_forwarded(&mail.subject));
    let mut reader = Reader::new(labels);
    let of_subject = if is_inner { None } else { command::read(&mail.subject, labels.table) };
    let plain_items = items::of(passages, &standings, None, labels, is_inner);
    let of_line = if is_inner { None } else { first_command(&plain_items, labels) };
    reader.form.has_forwarded = forwarded.is_some();
    reader.form.command = of_line.as_ref().map(|(_, command)| command.clone()).or(of_subject);
    reader.command_at = of_line.map(|(spot, _)| spot);
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
fn first_command(items: &[Item], labels: &Labels<'_>) -> Option<(Spot, Command)> {
    let mut lines = items.iter().filter_map(|item| match (&item.content, item.standing) {
        (ItemContent::Line(spot, line), Standing::Own) if !line.trim().is_empty() => Some((*spot, line)),
        _ => None,
    });
    let (spot, line) = lines.find(|(_, line)| !phrases::is_greeting(line))?;
    command::read(line, labels.table).map(|command| (spot, command))
}

/// The value that the next line may go on with.
struct Last {
    cell: usize,
    /// Whether further lines belong to it without being indented.
    is_open: bool,
    is_free: bool,
    /// How wide its last line is.
    width: usize,
}

struct Reader<'a> {
    labels: &'a Labels<'a>,
    form: Form,
    command_at: Option<Spot>,
    /// What was signed off with.
    signed: Option<SignOff>,
    /// Whether a record is open, to which labels belong.
    is_open: bool,
    /// Whether other text was met since the last label.
    had_text: bool,
    /// Whether a blank line was met since the last label.
    had_blank: bool,
    last: Option<Last>,
    looked_up: usize,
}

impl<'a> Reader<'a> {
    fn new(labels: &'a Labels<'a>) -> Self {
        Self {
            labels,
            form: Form::default(),
            command_at: None,
            signed: None,
            is_open: false,
            had_text: false,
            had_blank: false,
            last: None,
            looked_up: 0,
        }
    }

    fn item(&mut self, item: &Item) {
        if item.begins_text {
            (self.signed, self.is_open, self.had_text, self.last) = (None, false, false, None);
        }
        let is_quote = item.standing == Standing::Quote;
        match &item.content {
            ItemContent::Line(_, text) if text.trim().is_empty() => {
                self.had_blank = true;
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

    fn push(&mut self, spot: Spot, text: &str, class: Class) -> usize {
        self.form.lines.push(Line { spot, text: text.to_owned(), class });
        self.form.lines.len() - 1
    }

    fn refuse(&mut self, spot: Spot, text: &str, problem: Problem) {
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
            Standing::Own if self.command_at == Some(spot) => {
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
    fn labelled(&mut self, spot: Spot, text: &str, found: Vec<Labelled>) {
        let names_key = found.iter().any(|one| self.labels.is_key(one.field));
        if self.had_text && !self.form.drafts.is_empty() && !names_key {
            self.refuse(spot, text, words::after_text(spot));
            return;
        }
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
            self.form.drafts.push(Draft::default());
            self.is_open = true;
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

    /// Takes a line as the rest of the value above, if it is that. A line of which this isn't certain spoils the value.
    fn goes_on(&mut self, spot: Spot, text: &str) -> bool {
        let Some(Last { cell, is_open, is_free, width }) = self.last.take() else { return false };
        let is_empty = self.cell(cell).is_none_or(|cell| cell.typed.is_empty());
        if is_empty && (is_request(text) || phrases::is_greeting(text)) {
            return false;
        }
        let is_indented = text.starts_with(['\t', '\u{3000}']) || text.starts_with("  ");
        let first_word = text.trim_start().split(' ').next().unwrap_or_default();
        let could_not_fit = width + 1 + first_word.width().min(WRAPPED_WIDTH / 2) > WRAPPED_WIDTH;
        let is_wrapped = could_not_fit && width <= 2 * WRAPPED_WIDTH;
        let joint = match (is_empty, is_open && is_free, is_indented, is_wrapped && is_free) {
            (true, ..) => "",
            (_, true, ..) | (_, _, true, _) => "\n",
            (_, _, _, true) => " ",
            _ if is_free && !is_request(text) => {
                let line = self.push(spot, text, Class::NotUnderstood(words::unclear_end(spot)));
                if let Some(cell) = self.cell(cell) {
                    cell.lines.push(line);
                    cell.refused = Some(words::unclear_end(cell.spot));
                }
                return true;
            }
            _ => return false,
        };
        let line = self.push(spot, text, Class::Update);
        if let Some(cell) = self.cell(cell) {
            let is_latin = |c: Option<char>| c.is_some_and(|c| c.is_ascii());
            let needs_space = is_latin(cell.typed.chars().last()) || is_latin(text.trim_start().chars().next());
            cell.typed.push_str(if joint == " " && !needs_space { "" } else { joint });
            cell.typed.push_str(&cleaned(text));
            cell.lines.push(line);
        }
        let next = Last { cell, is_open, is_free, width: text.trim_end().width() };
        self.last = (is_free || is_indented).then_some(next);
        true
    }

    /// A cell of the record that is open.
    fn cell(&mut self, index: usize) -> Option<&mut DraftCell> {
        self.form.drafts.last_mut()?.cells.get_mut(index)
    }

    /// Reads a row of labels and values.
    fn pairs(&mut self, spot: Spot, pairs: &[(String, String)], standing: Standing) {
        let text = pairs.iter().map(|(label, value)| format!("{label}：{value}")).collect::<Vec<_>>().join(" | ");
        let names_key = pairs.iter().any(|(label, _)| self.labels.one(label).is_some_and(|id| self.labels.is_key(id)));
        if self.stands_apart(spot, &text, standing, names_key) {
            return;
        }
        let mut found = Vec::new();
        let mut unknown = Vec::new();
        for (label, value) in pairs {
            match self.labels.one(label) {
                Some(field) => found.push(Labelled { field, value: value.clone() }),
                None => unknown.push(words::unknown_label(spot, label, self.labels.titles.nearest(label))),
            }
        }
        if found.is_empty() {
            if let Some(problem) = unknown.pop() {
                self.refuse(spot, &text, problem);
            }
            return;
        }
        self.form.problems.extend(unknown);
        self.labelled(spot, &text, found);
        self.last = None;
    }

    /// Whether a form or table is no update because of where it stands.
    fn stands_apart(&mut self, spot: Spot, text: &str, standing: Standing, names_key: bool) -> bool {
        self.last = None;
        let class = match standing {
            Standing::Quote => Class::Quote,
            Standing::Unclear => Class::NotUnderstood(words::after_quote(spot)),
            Standing::Own if self.signed.is_none() => return false,
            Standing::Own if self.signed == Some(SignOff::Weak) && names_key => {
                self.signed = None;
                return false;
            }
            _ if names_key => Class::NotUnderstood(words::below_signature(spot)),
            Standing::Own | Standing::Signature => Class::Signature,
        };
        self.push(spot, text, class);
        true
    }

    /// Reads a table.
    fn table(&mut self, table: &TableItem, standing: Standing) {
        let texts = |cells: &[GridCell]| cells.iter().map(|cell| cell.text.as_str()).collect::<Vec<_>>().join(" | ");
        let titles = texts(&table.titles);
        if self.stands_apart(table.titles_spot, &titles, standing, true) {
            for (spot, cells) in &table.rows {
                self.stands_apart(*spot, &texts(cells), standing, true);
            }
            return;
        }
        for (spot, text) in &table.beside {
            self.push(*spot, text, Class::Title);
        }
        self.push(table.titles_spot, &titles, Class::Title);
        let (columns, refused) = self.columns(table);
        // A cell that spans rows covers a cell of each further one.
        let mut covered = 0_u32;
        for (spot, cells) in &table.rows {
            if cells.iter().all(|cell| cell.text.trim().is_empty()) && covered == 0 {
                continue;
            }
            let spans = cells.iter().map(|cell| cell.rows.saturating_sub(1)).max().unwrap_or(0);
            let is_merged = covered > 0 || spans > 0 || cells.iter().any(|cell| cell.columns > 1);
            covered = covered.saturating_sub(1).max(spans);
            let (is_short, is_long) = (cells.len() < table.titles.len(), cells.len() > table.titles.len());
            let problem = match &refused {
                Some(problem) => Some(problem.clone()),
                None if is_merged => Some(words::merged_cells(*spot)),
                None if is_long || (is_short && !table.may_end_early) => Some(words::wrong_width(*spot)),
                None => None,
            };
            match problem {
                Some(problem) => self.refuse(*spot, &texts(cells), problem),
                None => self.row(*spot, &texts(cells), cells, &columns),
            }
        }
        (self.is_open, self.had_text, self.had_blank) = (false, true, false);
    }

    /// Which column means which field, or why no row can be read.
    fn columns(&mut self, table: &TableItem) -> (Vec<(FieldId, u32)>, Option<Problem>) {
        let spot = table.titles_spot;
        if table.titles.iter().any(|cell| cell.columns > 1 || cell.rows > 1) {
            return (Vec::new(), Some(words::merged_cells(spot)));
        }
        let columns = (0..).zip(&table.titles).filter(|(_, cell)| !cell.text.trim().is_empty());
        let columns = columns.map(|(column, cell)| (column, cell.text.clone())).collect();
        let head = SheetHead { sheet: None, columns, properties: Properties::default() };
        let place = Place { file: spot.to_string(), sheet: None };
        let heading = Heading { place: &place, row: spot.line, own: &[], remembered: &[] };
        let (columns, problems) = Columns::map(&head, self.labels.table, &heading);
        if columns.keyed {
            self.form.problems.extend(problems);
            (columns.mapped, None)
        } else {
            (Vec::new(), problems.into_iter().next())
        }
    }

    /// Takes a row of a table.
    fn row(&mut self, spot: Spot, text: &str, cells: &[GridCell], columns: &[(FieldId, u32)]) {
        let line = self.push(spot, text, Class::Update);
        let mut draft = Draft::default();
        for &(field, column) in columns {
            let typed = usize::try_from(column).ok().and_then(|at| cells.get(at)).map_or("", |cell| cell.text.as_str());
            // An empty cell says nothing: what people paste is seldom whole.
            if !typed.trim().is_empty() {
                draft.cells.push(DraftCell { field, typed: typed.to_owned(), spot, lines: vec![line], refused: None });
            }
        }
        self.form.drafts.push(draft);
    }
}

/// Whether a line asks for the update, and so is no part of a value.
fn is_request(text: &str) -> bool {
    const BEGINS: [&str; 12] =
        ["请", "麻烦", "烦请", "谢谢", "辛苦", "劳烦", "以上", "please", "kindly", "thank", "pls", "regards"];
    const ASKS: [&str; 14] = [
        "更新", "处理", "修改", "录入", "登记", "变更", "谢谢", "查收", "update", "process", "change", "thank",
        "record", "enter",
    ];
    let form = folded(text);
    BEGINS.iter().any(|word| form.starts_with(word)) && ASKS.iter().any(|word| form.contains(word))
}
