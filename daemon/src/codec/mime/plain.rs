//! Plain text to lines: `format=flowed`, `>` before quoted lines, and the armour of PGP.

use super::fault::MimeFault;
use super::{Content, Mark, MimeLimits, Passage};

const PGP_MESSAGE: &str = "-----BEGIN PGP MESSAGE-----";
const PGP_SIGNED: &str = "-----BEGIN PGP SIGNED MESSAGE-----";
const PGP_SIGNATURE: &str = "-----BEGIN PGP SIGNATURE-----";
const PGP_SIGNATURE_END: &str = "-----END PGP SIGNATURE-----";

/// Reads a text. `flowed`: it is `format=flowed`, with the flag `delsp`.
///
/// # Errors
/// `encrypted` if PGP encrypted it, `too-many-parts` if it has too many lines.
pub(super) fn passages(text: &str, flowed: Option<bool>, limits: &MimeLimits) -> Result<Vec<Passage>, MimeFault> {
    let mut passages = Vec::new();
    for line in unsigned(lines(text))? {
        let (is_quote, content) = unquoted(line);
        let joined = match (flowed, passages.last_mut()) {
            (Some(deletes_space), Some(Passage { mark, content: Content::Line(before) })) => {
                let same = (*mark == Mark::Quote) == is_quote;
                same && flow(before, content, deletes_space)
            }
            _ => false,
        };
        if joined {
            continue;
        }
        if passages.len() >= limits.passages_max {
            return Err(MimeFault::TooLarge);
        }
        // A leading space of flowed text was put there so that the line is not taken for a quote.
        let content = if flowed.is_some() { content.strip_prefix(' ').unwrap_or(content) } else { content };
        let mark = if is_quote { Mark::Quote } else { Mark::None };
        passages.push(Passage { mark, content: Content::Line(content.to_owned()) });
    }
    for passage in &mut passages {
        if let Content::Line(line) = &mut passage.content {
            *line = printable(line);
        }
    }
    Ok(passages)
}

/// Splits at every kind of line end there is.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.split('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line))
        .flat_map(|line| line.split(['\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}']))
}

/// Takes off the armour of a text that PGP signed.
fn unsigned<'a>(lines: impl Iterator<Item = &'a str>) -> Result<Vec<&'a str>, MimeFault> {
    let mut kept = Vec::new();
    let mut in_armour = false;
    let mut in_signature = false;
    let mut is_signed = false;
    for line in lines {
        match line.trim_end() {
            PGP_MESSAGE => return Err(MimeFault::Encrypted),
            PGP_SIGNED if !is_signed => (is_signed, in_armour) = (true, true),
            PGP_SIGNATURE if is_signed => in_signature = true,
            PGP_SIGNATURE_END if in_signature => (is_signed, in_signature) = (false, false),
            _ if in_signature => {}
            // `Hash: SHA512`, up to the first blank line.
            content if in_armour => in_armour = !content.is_empty(),
            _ if is_signed => kept.push(line.strip_prefix("- ").unwrap_or(line)),
            _ => kept.push(line),
        }
    }
    Ok(kept)
}

/// Takes the marks of a quote off a line.
fn unquoted(line: &str) -> (bool, &str) {
    let mut rest = line;
    while let Some(inner) = rest.strip_prefix('>') {
        rest = inner.strip_prefix(' ').unwrap_or(inner);
    }
    (rest.len() < line.len(), rest)
}

/// Joins a line to the one before it, if that one flows on (RFC 3676).
fn flow(before: &mut String, line: &str, deletes_space: bool) -> bool {
    let is_signature_mark = before == "-- " || line == "-- ";
    if !before.ends_with(' ') || is_signature_mark {
        return false;
    }
    if deletes_space {
        before.pop();
    }
    before.push_str(line.strip_prefix(' ').unwrap_or(line));
    true
}

/// Without control characters but tabs, and without white space at the end, but for the mark of a signature.
fn printable(line: &str) -> String {
    let text: String = line.chars().filter(|c| *c == '\t' || !c.is_control()).collect();
    if text == "-- " { text } else { text.trim_end().to_owned() }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    fn read(text: &str, flowed: Option<bool>) -> Vec<String> {
        let show = |passage: Passage| match (passage.mark, passage.content) {
            (Mark::Quote, Content::Line(line)) => format!("> {line}"),
            (_, Content::Line(line)) => line,
            (_, Content::Grid(_)) => String::new(),
        };
        passages(text, flowed, &MimeLimits::default()).unwrap().into_iter().map(show).collect()
    }

    #[test]
    fn lines_and_quotes() {
        assert_eq!(read("a\r\n> b\n>> c\n\u{1}d \n", None), ["a", "> b", "> c", "d"]);
        assert_eq!(read("-- \nx", None), ["-- ", "x"]);
    }

    #[test]
    fn flowed_text_is_joined() {
        assert_eq!(
            read("Address: 1 Long \nRoad\n> old \n> text\n-- \nme", Some(false)),
            ["Address: 1 Long Road", "> old text", "-- ", "me"]
        );
        assert_eq!(read("地址：上海市 \n示例路", Some(true)), ["地址：上海市示例路"]);
    }

    #[test]
    fn pgp_is_taken_off_or_refused() {
        let signed = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nPhone: 1\n- -- \n-----BEGIN PGP SIGNATURE-----\nabc\n-----END PGP SIGNATURE-----\n";
        assert_eq!(read(signed, None), ["Phone: 1", "-- "]);
        let encrypted = "hi\n-----BEGIN PGP MESSAGE-----\nabc\n";
        assert_eq!(passages(encrypted, None, &MimeLimits::default()), Err(MimeFault::Encrypted));
    }
}
