//! What can be wrong with a cell, and the words for it.

use std::borrow::Cow;

use crate::model::{Code, Field};

/// Longest quotation in a message, in characters.
const QUOTED_CHARS_MAX: usize = 60;
/// The class whose content may stand in a message.
const QUOTABLE_CLASS: &str = "basic";

/// Why a typed text is no value of its field, in words for the person who typed it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ValueError {
    /// A stable kebab-case name of the kind of problem.
    pub code: Code,
    /// What is wrong, as a sentence. It quotes the typed text only if the field's class is `basic`.
    pub message: String,
    /// What to do, as a sentence.
    pub hint: String,
}

impl ValueError {
    /// Words a fault of a typed text.
    pub(super) fn new(fault: &Fault, typed: &str, field: &Field) -> Self {
        let subject = if field.class == QUOTABLE_CLASS {
            quoted(typed)
        } else {
            format!("What was typed for {}", quoted(field.title()))
        };
        Self {
            code: Code(fault.code),
            message: format!("{subject} {}.", fault.says),
            hint: fault.hint.clone().into_owned(),
        }
    }
}

/// A fault before it is worded for its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// A stable kebab-case name.
    pub(super) code: &'static str,
    /// What the typed text does, to follow it in a sentence: `is not a date`.
    pub(super) says: Cow<'static, str>,
    /// What to do, as a sentence.
    pub(super) hint: Cow<'static, str>,
}

impl Fault {
    pub(super) const fn new(code: &'static str, says: &'static str, hint: &'static str) -> Self {
        Self { code, says: Cow::Borrowed(says), hint: Cow::Borrowed(hint) }
    }

    pub(super) fn with(code: &'static str, says: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, says: Cow::Owned(says.into()), hint: Cow::Owned(hint.into()) }
    }
}

/// A text in backquotes, on one line and not longer than a reader wants.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len().min(4 * QUOTED_CHARS_MAX) + 2);
    quoted.push('`');
    let mut chars = text.chars();
    quoted.extend(chars.by_ref().take(QUOTED_CHARS_MAX).map(|c| if c.is_control() { ' ' } else { c }));
    if chars.next().is_some() {
        quoted.push('…');
    }
    quoted.push('`');
    quoted
}

/// A few of several texts, quoted: `a`, `b` and 3 more.
pub(super) fn quoted_list<'a>(texts: impl ExactSizeIterator<Item = &'a str>) -> String {
    const SHOWN_MAX: usize = 8;
    let count = texts.len();
    let shown: Vec<String> = texts.take(SHOWN_MAX).map(quoted).collect();
    let list = shown.join(", ");
    if count > SHOWN_MAX { format!("{list} and {} more", count - SHOWN_MAX) } else { list }
}

/// The nearest of several texts, if one is so near that it was probably meant: at most a third of it is wrong.
pub(super) fn nearest<'a>(text: &str, among: impl Iterator<Item = (&'a str, &'a str)>) -> Option<&'a str> {
    let length = text.chars().count();
    if length > QUOTED_CHARS_MAX {
        return None;
    }
    among
        .filter_map(|(compared, written)| {
            let longer = length.max(compared.chars().count());
            if longer.abs_diff(length.min(compared.chars().count())) * 3 > longer {
                return None;
            }
            let distance = strsim::osa_distance(text, compared);
            (distance * 3 <= longer).then_some((distance, written))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, written)| written)
}
