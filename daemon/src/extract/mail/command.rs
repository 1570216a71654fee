//! What a mail asks for: a word or two as its subject, or as the first line that is more than a greeting.

use compact_str::CompactString;

use crate::codec::sheet::RawCell;
use crate::model::compare::folded;
use crate::model::{Cell, Table};

use super::super::value;
use super::decide::{self, Chosen};

/// The longest text that can be a command, in characters.
const COMMAND_CHARS_MAX: usize = 120;

/// What a mail asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `template`, `模板`: send a blank workbook of the table.
    Template,
    /// `show KEY`, `查看 KEY`: send the record as its author may see it. One part for each field of the key.
    Show(Vec<CompactString>),
    /// `undo`, `撤销`, in reply to a receipt: take back what that mail changed.
    Undo,
    /// `forwarded`, `转发内容`: read the forwarded mail as if the author had written it.
    Forwarded,
    /// `attachment NAME`, `附件 NAME`: read this attachment and no other.
    Attachment(String),
    /// `decide TOKEN`, `决定 TOKEN`: answer the question that the token is of. In small letters, without white space.
    Decide(String),
    /// One word in reply to a receipt that asks one thing: answer it so. Nothing stands beside it: `1.` begins a list.
    Choose(Chosen),
    /// `reviews`, `待定`, with a number behind it for a further page: send what the author may decide. Pages count from 1.
    Reviews(u32),
}

/// Reads a line or subject as a command.
pub(super) fn read(text: &str, table: &Table) -> Option<Command> {
    if let Some(chosen) = decide::chosen(text.trim()) {
        return Some(Command::Choose(chosen));
    }
    let text = text.trim().trim_end_matches(['.', '。', '!', '！', ':', '：']).trim();
    if text.is_empty() || text.chars().count() > COMMAND_CHARS_MAX {
        return None;
    }
    match folded(text).as_str() {
        "template" | "模板" | "模版" | "空白模板" => return Some(Command::Template),
        "undo" | "撤销" | "撤消" => return Some(Command::Undo),
        "forwarded" | "转发内容" | "处理转发" | "处理转发内容" => return Some(Command::Forwarded),
        _ => {}
    }
    if let Some(command) = decide::read(text) {
        return Some(command);
    }
    let (word, rest) = first_word(text)?;
    match folded(word).as_str() {
        "show" | "查看" | "查询" | "查" => key(rest, table).map(Command::Show),
        "attachment" | "附件" if rest.contains('.') => Some(Command::Attachment(rest.to_owned())),
        _ => None,
    }
}

/// Splits a command's word from what follows it, by white space or a colon; in Chinese a key may follow at once: `查看C-17`.
fn first_word(text: &str) -> Option<(&str, &str)> {
    for word in ["查看", "查询"] {
        if let Some(rest) = text.strip_prefix(word).filter(|rest| rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
        {
            return Some((word, rest));
        }
    }
    let (word, rest) = text.split_once(|c: char| c.is_whitespace() || matches!(c, ':' | '：'))?;
    let rest = rest.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, ':' | '：')).trim();
    (!rest.is_empty()).then_some((word, rest))
}

/// A record's key, if the text can be one: `show me` is none.
fn key(text: &str, table: &Table) -> Option<Vec<CompactString>> {
    let parts: Vec<&str> = if table.primary_key.len() == 1 { vec![text] } else { text.split_whitespace().collect() };
    if parts.len() != table.primary_key.len() {
        return None;
    }
    let readable = parts.iter().zip(&table.primary_key).all(|(part, id)| {
        let Some(field) = table.field(*id) else { return false };
        let raw = RawCell::Text(CompactString::from(*part));
        let is_typed = field.constraints.pattern.is_some() || field.format.is_some();
        matches!(value::read(&raw, field, true), Ok(Cell::Value(_)))
            && (is_typed || part.chars().any(|c| c.is_ascii_digit()) || !part.contains(char::is_whitespace))
    });
    readable.then(|| parts.into_iter().map(CompactString::from).collect())
}

/// Whether a text names an attachment: width, case and white space don't matter.
pub(super) fn names(text: &str, name: &str) -> bool {
    folded(text) == folded(name)
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn words_in_both_languages() {
        let table = sample::customers();
        let show = || Some(Command::Show(vec!["C-000017".into()]));
        for (text, expected) in [
            ("template", Some(Command::Template)),
            ("  模板。", Some(Command::Template)),
            ("Undo", Some(Command::Undo)),
            ("撤销", Some(Command::Undo)),
            ("show C-000017", show()),
            ("查看：C-000017", show()),
            ("查看　C-000017", show()),
            ("查看C-000017", show()),
            ("转发内容", Some(Command::Forwarded)),
            ("附件 客户.xlsx", Some(Command::Attachment("客户.xlsx".into()))),
            ("show me the money", None),
            ("请发模板", None),
            ("附件 请查收", None),
            ("待定。", Some(Command::Reviews(1))),
            ("待定 2。", Some(Command::Reviews(2))),
            (" 1 ", Some(Command::Choose(Chosen::First))),
            ("接受", Some(Command::Choose(Chosen::Accept))),
            ("1.", None),
            ("2。", None),
            ("1：", None),
            ("接受。", None),
            ("Accept!", None),
            ("", None),
        ] {
            assert_eq!(read(text, &table), expected, "{text}");
        }
    }
}
