//! A receipt as HTML: plain tables with their style beside them, as mail programs show nothing else alike.

use super::{
    Account, CellOutcome, FileOutcome, Listed, RowRemark, TROUBLES_LISTED_MAX, digest, questions, summary, words,
};
use crate::text::Texts;

/// Writes the whole page.
pub(super) fn write(account: &Account, texts: &Texts) -> String {
    let mut out = Page(String::new());
    out.raw("<!DOCTYPE html>\n<html lang=\"");
    out.text(texts.language().tag());
    out.raw(
        "\"><head><meta charset=\"utf-8\"></head>\n<body style=\"font-family:sans-serif;font-size:14px;color:#222\">\n",
    );
    out.paragraph("font-weight:bold", &summary(account, texts));
    for code in &account.remarks {
        let (what, act) = words::meaning(code, texts);
        out.paragraph("color:#a40000", &what);
        out.paragraph("", &act);
    }
    if let Some(at) = &account.undone {
        out.paragraph("", &texts.format("receipt-undone", &[("at", at.as_str().into())]));
    }
    if let Some(decided) = &account.decided {
        out.paragraph("", &questions::decided(decided, texts));
    }
    if let Some(all) = &account.digest {
        out.paragraph("", &digest::heading(all, texts));
        out.table(&[], |out| digest::lines(all, texts).iter().for_each(|line| out.row(&[("", line)])));
        out.paragraph("", &digest::waiting(all, texts).unwrap_or_default());
    }
    if let Some(sent) = words::sent(account.sent, texts) {
        out.paragraph("", &sent);
    }
    for file in &account.attachments {
        for (at, text) in words::attachment(file, texts).iter().enumerate() {
            let colour = match file.outcome {
                FileOutcome::Read(_) if at == 0 => "",
                FileOutcome::Held(_) if at == 0 => "color:#8a5a00",
                _ => "color:#a40000",
            };
            out.paragraph(colour, text);
        }
    }
    let listed = Listed::of(account);
    if !listed.records.is_empty() {
        records(&listed, texts, &mut out);
    }
    for text in words::unlisted(&listed, texts) {
        out.paragraph("color:#666", &text);
    }
    questions_of(account, texts, &mut out);
    for shown in &account.shown {
        out.paragraph("font-weight:bold", &format!("{} {}", shown.title, shown.key));
        out.table(&[], |out| {
            for (title, value) in &shown.fields {
                out.row(&[("", title), ("", &words::sight(value, texts))]);
            }
        });
    }
    if !account.lines.is_empty() {
        out.paragraph("font-weight:bold", &texts.get("receipt-lines"));
        out.table(&[], |out| {
            for line in account.lines.iter().take(TROUBLES_LISTED_MAX) {
                let (what, act) = words::meaning(&line.code, texts);
                out.row(&[("", &words::line(line, texts)), ("color:#a40000", &format!("{what} {act}"))]);
            }
        });
        out.paragraph("color:#666", &words::more_lines(account.lines.len(), texts).unwrap_or_default());
    }
    if let Some(rest) = words::rest(&account.rest, texts) {
        out.paragraph("color:#666", &rest);
    }
    out.paragraph("color:#666;border-top:1px solid #ccc;padding-top:8px", &texts.get(super::end(account)));
    out.raw("</body></html>\n");
    out.0
}

fn records(listed: &Listed<'_>, texts: &Texts, out: &mut Page) {
    let titles = ["receipt-title-record", "receipt-title-field", "receipt-title-change", "receipt-title-outcome"];
    let titles: Vec<String> = titles.iter().map(|key| texts.get(key)).collect();
    out.table(&titles, |out| {
        for record in &listed.records {
            let mut name = words::record(record, texts);
            if let Some(remark) = &record.remark {
                let colour = if matches!(remark, RowRemark::Unchanged(_)) { "color:#666" } else { "color:#a40000" };
                let remark = words::remark(remark, texts);
                out.row(&[("font-weight:bold", &name), ("", ""), ("", ""), (colour, &remark)]);
                name.clear();
            }
            for cell in &record.cells {
                let colour = match cell.outcome {
                    CellOutcome::Applied => "color:#006400",
                    CellOutcome::Unchanged => "color:#666",
                    CellOutcome::Conflict | CellOutcome::Held => "color:#8a5a00",
                    CellOutcome::Superseded | CellOutcome::Refused(_) => "color:#a40000",
                };
                let change = words::change(cell, texts);
                let outcome = words::outcome(&cell.outcome, texts);
                out.row(&[("font-weight:bold", &name), ("", &cell.title), ("", &change), (colour, &outcome)]);
                name.clear();
            }
        }
    });
}

/// What its reader may decide.
fn questions_of(account: &Account, texts: &Texts, out: &mut Page) {
    if account.questions.is_empty() {
        return;
    }
    out.paragraph("font-weight:bold", &questions::heading(account, texts));
    out.paragraph("", &questions::how(account, texts));
    for question in &account.questions {
        out.paragraph("", &questions::question(question, texts));
        for (number, answer) in question.options.iter().enumerate() {
            let what = format!("{}. {}", number + 1, questions::option(question, answer, texts));
            out.link(&questions::link(answer, texts), &what);
            out.paragraph("color:#666;font-size:11px;margin:0 0 8px 16px", &questions::line(answer, texts));
        }
    }
    out.paragraph("color:#666", &questions::more(account, texts).unwrap_or_default());
}

/// A page that grows. Whatever is not the page's own is escaped.
struct Page(String);

impl Page {
    fn raw(&mut self, html: &'static str) {
        self.0.push_str(html);
    }

    fn text(&mut self, text: &str) {
        for char in text.chars() {
            match char {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                char if char.is_control() => self.0.push(' '),
                char => self.0.push(char),
            }
        }
    }

    fn paragraph(&mut self, style: &'static str, text: &str) {
        if text.is_empty() {
            return;
        }
        self.raw("<p style=\"");
        self.raw(style);
        self.raw("\">");
        self.text(text);
        self.raw("</p>\n");
    }

    fn link(&mut self, to: &str, text: &str) {
        self.raw("<p style=\"margin:4px 0 0 16px\"><a href=\"");
        self.text(to);
        self.raw("\">");
        self.text(text);
        self.raw("</a></p>\n");
    }

    fn table(&mut self, titles: &[String], rows: impl FnOnce(&mut Self)) {
        self.raw("<table style=\"border-collapse:collapse\">\n");
        if !titles.is_empty() {
            self.raw("<tr>");
            for title in titles {
                self.raw("<th style=\"text-align:left;padding:4px 12px 4px 0;border-bottom:2px solid #ccc\">");
                self.text(title);
                self.raw("</th>");
            }
            self.raw("</tr>\n");
        }
        rows(self);
        self.raw("</table>\n");
    }

    fn row(&mut self, cells: &[(&'static str, &str)]) {
        self.raw("<tr>");
        for (style, text) in cells {
            self.raw("<td style=\"vertical-align:top;padding:4px 12px 4px 0;border-bottom:1px solid #eee;");
            self.raw(style);
            self.raw("\">");
            self.text(text);
            self.raw("</td>");
        }
        self.raw("</tr>\n");
    }
}
