//! Which table a mail is about: its address's plus part, its subject, else the mailbox's own.

use compact_str::CompactString;

use crate::codec::mime::{Address, Mail};
use crate::model::Table;
use crate::model::compare::folded;

use super::{Mailbox, Refusal, words};

/// What chose a mail's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChosenBy {
    /// `capture+complaints@…`.
    Address,
    /// `[complaints] …`, `【投诉】…`, or the whole subject.
    Subject,
    /// The mailbox's setting.
    Mailbox,
}

/// Chooses the table.
///
/// # Errors
/// `unknown-table` if the address names one that is not kept (a subject may begin with any brackets), `several-tables` if
/// two are named.
pub(super) fn table<'t>(
    mail: &Mail,
    tables: &'t [Table],
    mailbox: &Mailbox<'_>,
) -> Result<(&'t Table, ChosenBy), Refusal> {
    let mut chosen: Option<(&Table, ChosenBy)> = None;
    for detail in mail.delivered_to.iter().chain(&mail.to).chain(&mail.cc).filter_map(|one| detail(one, mailbox)) {
        let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
        let named = named(&detail, tables).ok_or_else(|| words::unknown_table(&detail, &names))?;
        chosen = Some(agreeing(chosen, named, ChosenBy::Address)?);
    }
    if let Some(named) = subject_tags(&mail.subject).find_map(|tag| self::named(tag, tables)) {
        chosen = Some(agreeing(chosen, named, ChosenBy::Subject)?);
    }
    if let Some(found) = chosen {
        return Ok(found);
    }
    let own = tables.iter().find(|table| table.name == *mailbox.table);
    let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    own.map(|table| (table, ChosenBy::Mailbox)).ok_or_else(|| words::unknown_table(mailbox.table.as_str(), &names))
}

fn agreeing<'t>(
    chosen: Option<(&'t Table, ChosenBy)>,
    named: &'t Table,
    by: ChosenBy,
) -> Result<(&'t Table, ChosenBy), Refusal> {
    match chosen {
        Some((before, _)) if before.name != named.name => {
            Err(words::several_tables(before.name.as_str(), named.name.as_str()))
        }
        Some(before) => Ok(before),
        None => Ok((named, by)),
    }
}

/// The plus part of an address of the mailbox.
fn detail(address: &Address, mailbox: &Mailbox<'_>) -> Option<String> {
    let (own_local, own_domain) = mailbox.address.rsplit_once('@')?;
    let (local, domain) = address.address.rsplit_once('@')?;
    let (base, detail) = local.split_once('+')?;
    let is_own = base.eq_ignore_ascii_case(own_local) && domain.eq_ignore_ascii_case(own_domain);
    (is_own && !detail.is_empty()).then(|| detail.to_owned())
}

/// The table of a name or title, in either language.
fn named<'t>(text: &str, tables: &'t [Table]) -> Option<&'t Table> {
    let form = form(text);
    let is_named = |table: &&Table| {
        let titles = [&table.title.zh_cn, &table.title.en];
        self::form(table.name.as_str()) == form || titles.into_iter().flatten().any(|title| self::form(title) == form)
    };
    let mut found = tables.iter().filter(is_named);
    match (found.next(), found.next()) {
        (Some(table), None) if !form.is_empty() => Some(table),
        _ => None,
    }
}

/// Folded, with the signs that addresses have for a space taken off.
fn form(text: &str) -> CompactString {
    folded(text).chars().filter(|c| !matches!(c, '-' | '_')).collect()
}

/// What in a subject may name a table: bracketed words at its beginning, and the whole of it.
fn subject_tags(subject: &str) -> impl Iterator<Item = &str> {
    let mut rest = without_prefixes(subject);
    let whole = rest;
    let mut tags = Vec::new();
    while let Some(open) = rest.chars().next() {
        let close = match open {
            '[' => ']',
            '［' => '］',
            '【' => '】',
            '〔' => '〕',
            _ => break,
        };
        let Some((tag, after)) = rest.get(open.len_utf8()..).and_then(|inner| inner.split_once(close)) else { break };
        tags.push(tag);
        rest = without_prefixes(after);
    }
    tags.into_iter().chain([whole, rest])
}

/// A subject without `Re:`, `回复：`, `Fwd:`, `转发：`.
pub(super) fn without_prefixes(subject: &str) -> &str {
    let mut rest = subject.trim();
    while let Some((prefix, after)) = rest.split_once([':', '：']) {
        if !is_reply(prefix) && !is_forward(prefix) {
            break;
        }
        rest = after.trim();
    }
    rest
}

fn is_reply(prefix: &str) -> bool {
    matches!(folded(prefix).as_str(), "re" | "回复" | "答复" | "回覆" | "aw" | "sv")
}

fn is_forward(prefix: &str) -> bool {
    matches!(folded(prefix).as_str(), "fw" | "fwd" | "转发" | "轉寄" | "轉發" | "wg" | "tr")
}

/// Whether a subject says that the mail is forwarded.
pub(super) fn says_forwarded(subject: &str) -> bool {
    let mut rest = subject.trim();
    while let Some((prefix, after)) = rest.split_once([':', '：']) {
        if is_forward(prefix) {
            return true;
        }
        if !is_reply(prefix) {
            return false;
        }
        rest = after.trim();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::model::TableName;

    fn chosen(to: &str, subject: &str) -> String {
        let tables = [sample::customers(), sample::complaints()];
        let to = vec![Address { name: String::new(), address: to.to_owned() }];
        let mail = Mail { to, subject: subject.to_owned(), ..Mail::default() };
        let own = TableName::new("customers");
        match table(&mail, &tables, &Mailbox { address: "capture@example.com", table: &own }) {
            Ok((table, by)) => format!("{} {by:?}", table.name),
            Err(refusal) => refusal.problem.code,
        }
    }

    #[test]
    fn address_then_subject_then_mailbox() {
        for (to, subject, expected) in [
            ("capture@example.com", "客户电话更新", "customers Mailbox"),
            ("capture+complaints@example.com", "x", "complaints Address"),
            ("Capture+Complaints@EXAMPLE.com", "x", "complaints Address"),
            ("capture+投诉@example.com", "x", "complaints Address"),
            ("capture+orders@example.com", "x", "unknown-table"),
            ("other+orders@example.com", "x", "customers Mailbox"),
            ("capture@example.com", "回复：【投诉】新的", "complaints Subject"),
            ("capture@example.com", "[External] [complaints] new", "complaints Subject"),
            ("capture@example.com", "Complaints", "complaints Subject"),
            ("capture@example.com", "[External] news", "customers Mailbox"),
            ("capture+customers@example.com", "[complaints] x", "several-tables"),
        ] {
            assert_eq!(chosen(to, subject), expected, "{to} {subject}");
        }
        assert!(says_forwarded("回复：转发：x") && !says_forwarded("转发给客户"));
    }
}
