//! What a mail's author wrote now, and what is another's or an earlier mail.
//!
//! In come the passages of a text. Out goes what each of them is. Where a mail program marks quotes (`>`, `blockquote`,
//! its own elements), the marks decide. Where it only introduces another mail, all to the end is that mail. Text that
//! follows a marked quote at once, without a blank line between, may be a quoted line that lost its mark: it is
//! [`Standing::Unclear`].

use crate::codec::mime::{Content, Mark, Passage};

use super::Text;
use super::phrases::{Introduction, header_line, introduction, is_joined_header, may_begin_introduction};

/// How many lines an introduction may be broken over.
const INTRODUCTION_LINES_MAX: usize = 4;
/// Within how many lines the further lines of a quoted mail's header stand.
const HEADER_LINES_MAX: usize = 10;

/// Whose a passage is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// The author's, written now.
    Own,
    /// Right behind a quote: the author's, or a part of the quote that lost its mark.
    Unclear,
    /// Another mail's, or what introduces it.
    Quote,
    /// A signature, by the page's own marks.
    Signature,
}

/// What each passage is, and where a forwarded mail begins.
#[derive(Debug)]
pub(super) struct Authorship {
    /// One for each passage.
    pub(super) standings: Vec<Standing>,
    /// The passages of the first forwarded mail that was put into the text, without its header.
    pub(super) forwarded: Option<std::ops::Range<usize>>,
}

/// Says whose each passage is. `is_forward`: the subject says that the mail is forwarded.
pub(super) fn authorship(text: &Text, is_forward: bool) -> Authorship {
    let Text { passages, is_page } = text;
    let mut standings = Vec::with_capacity(passages.len());
    let mut forwarded = None;
    let mut all_quoted = false;
    let mut after_quote = false;
    let mut at = 0;
    while let Some(passage) = passages.get(at) {
        let found = if all_quoted { None } else { introduced(passages, at) };
        if let Some((kind, count)) = found {
            let is_marked = passages.get(at + count..).is_some_and(next_is_quote);
            if forwarded.is_none()
                && (kind == Introduction::Forwarded || (is_forward && kind == Introduction::Original))
            {
                forwarded = Some(forwarded_text(passages, at + count));
            }
            all_quoted = kind != Introduction::Wrote || !is_marked;
            standings.extend(std::iter::repeat_n(Standing::Quote, count));
            after_quote = true;
            at += count;
            continue;
        }
        let standing = match passage.mark {
            _ if all_quoted => Standing::Quote,
            Mark::Quote => Standing::Quote,
            Mark::Signature => Standing::Signature,
            Mark::None if after_quote && !is_blank(passage) => Standing::Unclear,
            Mark::None => Standing::Own,
        };
        // A blank line parts the author's own text from the quote before it. Pages part them by their elements.
        after_quote = match standing {
            Standing::Quote => !is_page && passage.mark == Mark::Quote && is_prefixed(passages, at),
            Standing::Unclear => true,
            Standing::Own | Standing::Signature => false,
        };
        standings.push(standing);
        at += 1;
    }
    Authorship { standings, forwarded }
}

/// Whether the quote runs straight into the next line of plain text: its mark may have been lost by wrapping.
fn is_prefixed(passages: &[Passage], at: usize) -> bool {
    matches!(passages.get(at).map(|passage| &passage.content), Some(Content::Line(line)) if !line.is_empty())
}

fn is_blank(passage: &Passage) -> bool {
    matches!(&passage.content, Content::Line(line) if line.trim().is_empty())
}

fn line(passages: &[Passage], at: usize) -> Option<&str> {
    match &passages.get(at)?.content {
        Content::Line(line) => Some(line),
        Content::Grid(_) => None,
    }
}

/// Whether the next passage that is not blank is marked as a quote.
fn next_is_quote(passages: &[Passage]) -> bool {
    passages.iter().find(|passage| !is_blank(passage)).is_some_and(|passage| passage.mark == Mark::Quote)
}

/// What introduces another mail here, and over how many lines.
fn introduced(passages: &[Passage], at: usize) -> Option<(Introduction, usize)> {
    let first = line(passages, at)?;
    if let Some(kind) = introduction(first) {
        return Some((kind, 1));
    }
    if is_header(passages, at) {
        return Some((Introduction::Original, 1));
    }
    if !may_begin_introduction(first) {
        return None;
    }
    let mut whole = first.to_owned();
    for count in 2..=INTRODUCTION_LINES_MAX {
        let next = line(passages, at + count - 1)?;
        if next.trim().is_empty() {
            return None;
        }
        whole.push(' ');
        whole.push_str(next.trim_start_matches(['>', ' ']));
        if introduction(&whole) == Some(Introduction::Wrote) {
            return Some((Introduction::Wrote, count));
        }
    }
    None
}

/// Whether a quoted mail's header begins here: its sender, and at least two further lines of it near by.
fn is_header(passages: &[Passage], at: usize) -> bool {
    let Some(first) = line(passages, at) else { return false };
    let Some(is_sender) = header_line(first) else { return false };
    if is_joined_header(first) {
        return true;
    }
    // Some programs write a label and what it says on lines of their own.
    let mut between = 0;
    let following: Vec<bool> = (at + 1..at + HEADER_LINES_MAX)
        .map_while(|next| line(passages, next))
        .filter(|next| !next.trim().is_empty())
        .map_while(|next| {
            let found = header_line(next);
            between = if found.is_some() { 0 } else { between + 1 };
            (found.is_some() || (is_sender && between < 2)).then_some(found)
        })
        .flatten()
        .collect();
    // Some programs put the date or the subject first.
    if is_sender { following.len() >= 2 } else { following.len() >= 2 && following.contains(&true) }
}

/// The text of a forwarded mail whose introduction ends here: behind its header, up to what it quotes itself.
fn forwarded_text(passages: &[Passage], after: usize) -> std::ops::Range<usize> {
    let mut begin = after;
    while let Some(text) = line(passages, begin) {
        // A header's value may be broken over two lines; the blank line behind it ends it.
        if text.trim().is_empty()
            && begin > after
            && line(passages, begin - 1).is_some_and(|before| !before.trim().is_empty())
        {
            begin += 1;
            break;
        }
        if !text.trim().is_empty()
            && header_line(text).is_none()
            && begin > after
            && header_line_near(passages, begin).is_none()
        {
            break;
        }
        begin += 1;
    }
    let end = (begin..passages.len()).find(|at| introduced(passages, *at).is_some()).unwrap_or(passages.len());
    begin.min(end)..end
}

/// Whether a header line follows within two lines: then what stands here belongs to the header.
fn header_line_near(passages: &[Passage], at: usize) -> Option<()> {
    (at + 1..=at + 2).find_map(|next| line(passages, next).and_then(header_line)).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(text: &str) -> String {
        let passages: Vec<Passage> = text
            .lines()
            .map(|line| match line.strip_prefix("> ") {
                Some(quoted) => Passage { mark: Mark::Quote, content: Content::Line(quoted.to_owned()) },
                None => Passage { mark: Mark::None, content: Content::Line(line.to_owned()) },
            })
            .collect();
        let sign = |standing: &Standing| match standing {
            Standing::Own => 'o',
            Standing::Unclear => 'u',
            Standing::Quote => 'q',
            Standing::Signature => 's',
        };
        authorship(&Text { passages, is_page: false }, false).standings.iter().map(sign).collect()
    }

    #[test]
    fn replies_above_and_below_a_quote() {
        assert_eq!(standing("new\n\nOn Nov 28, 2026, at 9:00, Wang wrote:\n> old\n> more"), "ooqqq");
        assert_eq!(standing("On Nov 28, 2026, at 9:00, Wang wrote:\n> old\n\nnew"), "qqoo");
        assert_eq!(standing("On Nov 28, 2026, at 9:00, Wang wrote:\n> old\nlost\nlost"), "qquu");
        assert_eq!(standing("new\nOn Nov 28, 2026, at 9:00,\nWang <w@example.com> wrote:\nold\n\nold"), "oqqqqq");
        assert_eq!(standing("new\n-----Original Message-----\nold"), "oqq");
        assert_eq!(standing("新\n发件人: 王芳\n发送时间: 2026\n收件人: x\n主题: y\n\n旧"), "oqqqqqq");
        assert_eq!(standing("主题：a\n日期：b\n电话：c"), "ooo");
    }

    #[test]
    fn a_forwarded_mail_is_found() {
        let text = "see\n---------- Forwarded message ---------\nFrom: a <a@example.com>\nDate: x\nSubject: y\nTo: z\n\nPhone: 1\nName: 2\n\nOn Nov 1, 2026, b wrote:\nold";
        let passages: Vec<Passage> =
            text.lines().map(|line| Passage { mark: Mark::None, content: Content::Line(line.to_owned()) }).collect();
        let text = Text { passages, is_page: false };
        assert_eq!(authorship(&text, false).forwarded, Some(7..10));
    }
}
