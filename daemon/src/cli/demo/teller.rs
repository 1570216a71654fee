//! How the demo's day is told: short paragraphs, changes set apart, a tick where something was looked up and found so.
//!
//! Coloured on a terminal only, and not where `NO_COLOR` is set (no-color.org). With `--json` it says nothing.

use std::io::IsTerminal;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::super::output::Out;

/// Paragraphs are broken here, in columns of a terminal.
const WIDTH: usize = 84;
/// Everything below a title stands so far in.
const INDENT: &str = "   ";

/// Tells.
pub(super) struct Teller<'o> {
    out: &'o mut Out,
    coloured: bool,
    steps: u32,
}

/// What a piece of text is, and so how it looks.
#[derive(Clone, Copy)]
enum Look {
    Title,
    Quiet,
    Old,
    New,
    Good,
    Warning,
}

impl<'o> Teller<'o> {
    pub(super) fn new(out: &'o mut Out) -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let coloured = wanted && !out.json && std::io::stdout().is_terminal();
        Self { out, coloured, steps: 0 }
    }

    /// Where a result goes that is no story.
    pub(super) fn out(&mut self) -> &mut Out {
        self.out
    }

    /// The title of the whole.
    pub(super) fn headline(&mut self, text: &str) {
        let rule = "─".repeat(WIDTH);
        let text = self.painted(Look::Title, text);
        self.line(&text);
        let rule = self.painted(Look::Quiet, &rule);
        self.line(&rule);
    }

    /// The title of a part.
    pub(super) fn heading(&mut self, text: &str) {
        self.blank();
        let text = self.painted(Look::Title, text);
        self.line(&text);
    }

    /// The title of the next step of the day.
    pub(super) fn step(&mut self, text: &str) {
        self.steps += 1;
        let text = format!("{}  {text}", self.steps);
        self.heading(&text);
    }

    /// A paragraph.
    pub(super) fn say(&mut self, text: &str) {
        for line in wrapped(text, WIDTH - INDENT.len()) {
            self.line(&format!("{INDENT}{line}"));
        }
    }

    /// What Daybook itself said of something.
    pub(super) fn quote(&mut self, text: &str) {
        for line in wrapped(text, WIDTH - INDENT.len() - 4) {
            let bar = self.painted(Look::Warning, "│");
            self.line(&format!("{INDENT}  {bar} {line}"));
        }
    }

    /// A change of a cell.
    pub(super) fn change(&mut self, place: &str, title: &str, old: &str, new: &str) {
        let quoted = |text: &str| if text.is_empty() { "–".to_owned() } else { text.to_owned() };
        let (old, new) = (self.painted(Look::Old, &quoted(old)), self.painted(Look::New, &quoted(new)));
        let title = if title.is_empty() { String::new() } else { format!("{title}: ") };
        let place = padded(place, 30);
        self.line(&format!("{INDENT}  {place}  {title}{old} → {new}"));
    }

    /// What belongs to the change above.
    pub(super) fn detail(&mut self, text: &str) {
        let text = self.painted(Look::Quiet, text);
        self.line(&format!("{INDENT}  {}  {text}", " ".repeat(30)));
    }

    /// A workbook that was read or written.
    pub(super) fn file(&mut self, what: &str, name: &str, rows: &str, note: &str) {
        let (what, name, rows) = (padded(what, 8), padded(name, 15), padded(rows, 8));
        let note = self.painted(Look::Quiet, note);
        self.line(&format!("{INDENT}  {what}  {name}  {rows}  {note}"));
    }

    /// Something with a name in front of it.
    pub(super) fn item(&mut self, name: &str, text: &str) {
        let name = padded(name, 12);
        self.line(&format!("{INDENT}  {name}  {text}"));
    }

    /// Something to type or to open.
    pub(super) fn command(&mut self, text: &str) {
        let text = self.painted(Look::New, text);
        self.line(&format!("{INDENT}  {text}"));
    }

    /// Something was looked up and found so.
    pub(super) fn good(&mut self, text: &str) {
        let tick = self.painted(Look::Good, "✓");
        for (number, line) in wrapped(text, WIDTH - INDENT.len() - 2).iter().enumerate() {
            let mark = if number == 0 { &tick } else { " " };
            self.line(&format!("{INDENT}{mark} {line}"));
        }
    }

    /// An empty line.
    pub(super) fn blank(&mut self) {
        self.line("");
    }

    fn line(&mut self, text: &str) {
        if !self.out.json {
            self.out.line(text);
        }
    }

    fn painted(&self, look: Look, text: &str) -> String {
        let code = match look {
            Look::Title => "1;36",
            Look::Quiet => "2",
            Look::Old => "31",
            Look::New => "32",
            Look::Good => "1;32",
            Look::Warning => "33",
        };
        if self.coloured { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Text with spaces behind it up to a width in columns.
fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

/// Breaks a text at spaces, and between Chinese characters, which need none.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let (mut line, mut used) = (String::new(), 0);
        for piece in pieces(paragraph) {
            let wide = piece.trim_end().width();
            if used + wide > width && !line.is_empty() {
                lines.push(line.trim_end().to_owned());
                (line, used) = (String::new(), 0);
            }
            used += piece.width();
            line.push_str(&piece);
        }
        lines.push(line.trim_end().to_owned());
    }
    lines
}

/// What must not be broken: a word with the space behind it, or a Chinese character with the punctuation behind it.
fn pieces(text: &str) -> Vec<String> {
    let is_wide = |char: char| char.width() == Some(2);
    let stays_behind = |char: char| "，。、；：！？）》”’」…".contains(char);
    let mut pieces: Vec<String> = Vec::new();
    for char in text.chars() {
        let breaks = match pieces.last().and_then(|piece| piece.chars().last()) {
            None => true,
            Some(_) if stays_behind(char) || char == ' ' => false,
            Some(last) => last == ' ' || is_wide(char) || (is_wide(last) && !"（《“‘「".contains(last)),
        };
        match pieces.last_mut() {
            Some(piece) if !breaks => piece.push(char),
            _ => pieces.push(char.to_string()),
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_no_wider_than_asked_and_lose_nothing() {
        let text = "Sales corrects 电话号码，并保存。Then everybody sees it，没有人要做什么。";
        for width in [8, 12, 30, 200] {
            let lines = wrapped(text, width);
            let joined: String = lines.concat().split_whitespace().collect();
            assert_eq!(joined, text.split_whitespace().collect::<String>());
            // A word, or a character with its punctuation, may be wider than a very narrow line.
            assert!(lines.iter().all(|line| line.width() <= width.max(10)), "{lines:?}");
            assert!(!lines.iter().any(|line| line.starts_with(['，', '。'])), "{lines:?}");
        }
    }
}
