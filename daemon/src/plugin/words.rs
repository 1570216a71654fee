//! Texts that a plugin wrote, made fit for a message, a log or a cell.

use crate::model::compare::is_invisible;

/// The text on one line, without characters that control a terminal or turn the direction of writing, and cut after
/// `chars_max` characters.
pub(super) fn line(text: &str, chars_max: usize) -> String {
    let mut line = String::with_capacity(text.len().min(4 * chars_max));
    let (mut count, mut blank) = (0, false);
    for c in text.chars() {
        if c.is_whitespace() || c.is_control() {
            blank = count > 0;
            continue;
        }
        if is_unseen(c) {
            continue;
        }
        let needed = if blank { 2 } else { 1 };
        if count + needed > chars_max {
            line.push('…');
            break;
        }
        if blank {
            line.push(' ');
        }
        blank = false;
        line.push(c);
        count += needed;
    }
    line
}

/// The text of a cell without characters that nobody sees; line ends stay.
pub(super) fn cell(text: &str) -> String {
    text.chars().filter(|c| *c == '\n' || *c == ' ' || c.is_whitespace() && !c.is_control() || !is_unseen(*c)).collect()
}

/// A text in backquotes, short.
pub(super) fn quoted(text: &str) -> String {
    format!("`{}`", line(text, 60))
}

/// Bytes as lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing into a `String` can't fail.
        let _ok = write!(text, "{byte:02x}");
        text
    })
}

/// Whether a character has no shape of its own: controls, directions, tags, marks of annotations.
fn is_unseen(c: char) -> bool {
    is_invisible(c)
        || matches!(c, '\u{61c}' | '\u{2028}' | '\u{2029}' | '\u{206a}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_keeps_what_can_be_seen() {
        assert_eq!(line("  税号\t错了\r\n\u{1b}[31m第二行 ", 99), "税号 错了 [31m第二行");
        assert_eq!(line("a\u{202e}b\u{2066}c\u{200b}d\u{feff}\u{e0041}", 99), "abcd");
        assert_eq!(line("一二三四", 3), "一二三…");
        assert_eq!(line("一 二 三", 4), "一 二…");
        assert_eq!(line("\u{0}\u{7f}\u{9b}", 9), "");
    }

    #[test]
    fn a_cell_keeps_its_lines() {
        assert_eq!(cell("a\nb\u{7}\u{202e}c　d"), "a\nbc　d");
    }
}
