//! Whether a mail's page and its plain text say the same.
//!
//! What people see is the page; a program that makes the plain text of it loses tables and breaks lines. So the page's
//! records count, if each of their values stands somewhere in the plain text too, and if no record of the plain text
//! says otherwise.

use compact_str::CompactString;

use crate::codec::sheet::RawCell;
use crate::model::compare::folded;
use crate::model::{Cell, FieldId};

use super::super::value;
use super::form::{Draft, Form};
use super::labels::{Labels, is_cleared};
use super::{Refusal, words};

/// The longest plain text, in folded bytes, that may merely say that the mail is a page.
const STAND_IN_BYTES_MAX: usize = 400;

/// A record's key and one of its values, for comparison.
type Said = (Vec<CompactString>, FieldId, CompactString);

/// Compares the form that counts with the other.
///
/// # Errors
/// `text-and-html-disagree`.
pub(super) fn check(main: &Form, other: &Form, labels: &Labels<'_>) -> Result<(), Refusal> {
    if is_stand_in(&other.said) && other.drafts.is_empty() {
        return Ok(());
    }
    let text: String = other.said.chars().filter(|c| *c != '\n').collect();
    let mut values = main.drafts.iter().flat_map(|draft| &draft.cells);
    let is_there = |typed: &str| text.contains(folded(typed).as_str());
    if !values.all(|cell| is_there(&cell.typed)) || main.command != other.command {
        return Err(words::disagree());
    }
    let (own, others) = (said(&main.drafts, labels), said(&other.drafts, labels));
    if others.iter().any(|one| !own.contains(one)) { Err(words::disagree()) } else { Ok(()) }
}

/// Leaves as the author's own only what the other form says as well. Where that is a stand-in, the page counts alone.
pub(super) fn own_in_both(main: &mut Form, other: &Form) {
    if is_stand_in(&other.said) && other.drafts.is_empty() {
        return;
    }
    let text: String = other.said.chars().filter(|c| *c != '\n').collect();
    for line in &mut main.lines {
        line.is_own = line.is_own && text.contains(folded(&line.text).as_str());
    }
}

/// Whether a plain text only says that the mail has to be looked at in another program.
fn is_stand_in(said: &str) -> bool {
    said.len() <= STAND_IN_BYTES_MAX && said.contains("html")
}

/// What records say, as far as it can be read.
fn said(drafts: &[Draft], labels: &Labels<'_>) -> Vec<Said> {
    let mut all = Vec::new();
    for draft in drafts {
        let mut cells: Vec<(FieldId, Cell)> = Vec::new();
        for cell in draft.cells.iter().filter(|cell| cell.refused.is_none() && !cell.typed.is_empty()) {
            let Some(field) = labels.table.field(cell.field) else { continue };
            let raw = RawCell::Text(CompactString::from(cell.typed.as_str()));
            let typed = if is_cleared(&cell.typed) {
                Cell::Blank
            } else {
                value::read(&raw, field, true).unwrap_or(Cell::Blank)
            };
            cells.push((cell.field, typed));
        }
        cells.sort_by_key(|(field, _)| *field);
        let Some(key) = labels.table.key_of(&cells) else { continue };
        for (id, cell) in cells {
            let (Some(field), Some(value)) = (labels.table.field(id), cell.value()) else { continue };
            if !labels.is_key(id) {
                all.push((key.clone(), id, folded(&field.comparison_text(value))));
            }
        }
    }
    all
}
