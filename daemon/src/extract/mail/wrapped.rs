//! Values that go on in the next line: where an address or a remark ends.
//!
//! Only what can be told for certain is joined: indented lines, lines below a label with nothing behind it, and lines that a mail program
//! broke because they were full. Any other line right below a free text makes its value uncertain, and neither is taken.

use unicode_width::UnicodeWidthStr;

use crate::model::compare::folded;

use super::form::{DraftCell, Reader};
use super::labels::{cleaned, is_ending};
use super::{Class, Spot, phrases, words};

/// A line this wide that could not take the next word was broken by a mail program.
const WRAPPED_WIDTH: usize = 72;

/// The value that the next line may go on with.
pub(super) struct Last {
    pub(super) cell: usize,
    /// Whether further lines belong to it without being indented.
    pub(super) is_open: bool,
    pub(super) is_free: bool,
    /// How wide its last line is.
    pub(super) width: usize,
}

impl Reader<'_> {
    /// Takes a line as the rest of the value above, if it is that. A line of which this isn't certain spoils the value.
    pub(super) fn goes_on(&mut self, spot: Spot, text: &str) -> bool {
        let Some(Last { cell, is_open, is_free, width }) = self.last.take() else { return false };
        let is_empty = self.cell(cell).is_none_or(|cell| cell.typed.is_empty());
        if is_empty && (is_request(text) || phrases::is_greeting(text)) {
            return false;
        }
        // A drawn line parts, whatever it parts.
        if text.trim().chars().count() >= 3 && text.trim().chars().all(|c| "-—_=*─－".contains(c)) {
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
                // A name below a remark begins a signature as well as one below a blank line.
                self.had_text = true;
                return true;
            }
            _ => return false,
        };
        // Taken off where the line ended, it stands within the value now.
        let before = self.form.lines.last().map(|line| ending(&line.text)).unwrap_or_default().to_owned();
        let line = self.push(spot, text, Class::Update);
        if let Some(cell) = self.cell(cell) {
            if !cell.typed.is_empty() {
                cell.typed.push_str(&before);
            }
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
}

/// The commas and semicolons that a line ends with.
fn ending(text: &str) -> &str {
    let text = text.trim_end();
    let rest = text.trim_end_matches(|c: char| is_ending(c) || c.is_whitespace());
    text.strip_prefix(rest).unwrap_or_default().trim_start()
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
