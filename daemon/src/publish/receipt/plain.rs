//! A receipt as plain text.

use super::{Account, Digest, Listed, TROUBLES_LISTED_MAX, digest, questions, summary, words};
use crate::text::Texts;

/// Writes it. Lines end with `\n`.
pub(super) fn write(account: &Account, texts: &Texts) -> String {
    let mut out = Text(String::new());
    out.paragraph(&summary(account, texts));
    for code in &account.remarks {
        let (what, act) = words::meaning(code, texts);
        out.paragraph(&joined(&what, &act));
    }
    if let Some(at) = &account.undone {
        out.paragraph(&texts.format("receipt-undone", &[("at", at.as_str().into())]));
    }
    if let Some(decided) = &account.decided {
        out.paragraph(&questions::decided(decided, texts));
    }
    if let Some(all) = &account.digest {
        digest_of(all, texts, &mut out);
    }
    if let Some(sent) = words::sent(account.sent, texts) {
        out.paragraph(&sent);
    }
    for file in &account.attachments {
        let said = words::attachment(file, texts);
        for (at, text) in said.iter().enumerate() {
            if at == 0 { out.line(text) } else { out.indented(text) }
        }
        out.blank();
    }
    let listed = Listed::of(account);
    for record in &listed.records {
        out.line(&words::record(record, texts));
        if let Some(remark) = &record.remark {
            out.indented(&words::remark(remark, texts));
        }
        for cell in &record.cells {
            let (change, outcome) = (words::change(cell, texts), words::outcome(&cell.outcome, texts));
            out.indented(&format!("{}: {change}  [{outcome}]", cell.title));
        }
        out.blank();
    }
    for text in words::unlisted(&listed, texts) {
        out.paragraph(&text);
    }
    questions_of(account, texts, &mut out);
    for shown in &account.shown {
        out.line(&format!("{} {}", shown.title, shown.key));
        for (title, value) in &shown.fields {
            out.indented(&format!("{title}: {}", words::sight(value, texts)));
        }
        out.blank();
    }
    if !account.lines.is_empty() {
        out.line(&texts.get("receipt-lines"));
        for line in account.lines.iter().take(TROUBLES_LISTED_MAX) {
            out.indented(&words::line(line, texts));
            let (what, act) = words::meaning(&line.code, texts);
            out.indented(&format!("  {}", joined(&what, &act)));
        }
        if let Some(more) = words::more_lines(account.lines.len(), texts) {
            out.indented(&more);
        }
        out.blank();
    }
    if let Some(rest) = words::rest(&account.rest, texts) {
        out.paragraph(&rest);
    }
    out.line("-- ");
    out.line(&texts.get(super::end(account)));
    out.0
}

/// Mails that were not answered one by one.
fn digest_of(all: &Digest, texts: &Texts, out: &mut Text) {
    out.paragraph(&digest::heading(all, texts));
    for line in digest::lines(all, texts) {
        out.indented(&line);
    }
    out.blank();
    out.paragraph(&digest::waiting(all, texts).unwrap_or_default());
}

/// What its reader may decide.
fn questions_of(account: &Account, texts: &Texts, out: &mut Text) {
    if account.questions.is_empty() {
        return;
    }
    out.line(&questions::heading(account, texts));
    out.paragraph(&questions::how(account, texts));
    for question in &account.questions {
        out.indented(&questions::question(question, texts));
        for (number, answer) in question.options.iter().enumerate() {
            out.indented(&format!("{}. {}", number + 1, questions::option(question, answer, texts)));
            out.indented(&format!("   {}", questions::line(answer, texts)));
            out.indented(&format!("   {}", questions::link(answer, texts)));
        }
        out.blank();
    }
    out.paragraph(&questions::more(account, texts).unwrap_or_default());
}

fn joined(what: &str, act: &str) -> String {
    if act.is_empty() { what.to_owned() } else { format!("{what} {act}") }
}

/// A text that grows by lines. No line of it can end before it is meant to: breaks inside a value become blanks.
struct Text(String);

impl Text {
    fn line(&mut self, text: &str) {
        self.0.extend(text.chars().map(|char| if char.is_control() { ' ' } else { char }));
        self.0.push('\n');
    }

    fn indented(&mut self, text: &str) {
        self.line(&format!("  {text}"));
    }

    fn blank(&mut self) {
        self.0.push('\n');
    }

    fn paragraph(&mut self, text: &str) {
        if !text.is_empty() {
            self.line(text);
            self.blank();
        }
    }
}
