//! What a mail decides: a token behind a word, or one word in reply to a receipt; and how a person asks what there is to decide.

use crate::model::compare::folded;

use super::command::Command;

/// What a token begins with, in small letters.
const TOKEN_PREFIX: &str = "db1-";
/// Letters of a whole token, its prefix included: lines are joined until there are so many.
const TOKEN_CHARS: usize = 68;
/// The most lines that a token may have been broken into.
const LINES_MAX: usize = 4;

/// The most digits of a page's number.
const PAGE_DIGITS_MAX: usize = 4;

/// What one word in reply to a receipt chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// `1`: the first way to answer.
    First,
    /// `2`: the second one.
    Second,
    /// `incoming`, `采用来信`.
    Incoming,
    /// `stored`, `保留原值`.
    Stored,
    /// `accept`, `接受`.
    Accept,
    /// `reject`, `拒绝`.
    Reject,
}

/// Reads a line that is one word and nothing else. `1.` and `①` number what is below them.
pub(super) fn chosen(text: &str) -> Option<Chosen> {
    match text {
        "1" | "１" => return Some(Chosen::First),
        "2" | "２" => return Some(Chosen::Second),
        _ => {}
    }
    match folded(text).as_str() {
        "incoming" | "采用来信" | "接受来信" | "采用来信的值" => Some(Chosen::Incoming),
        "stored" | "保留原值" | "保留原有的值" => Some(Chosen::Stored),
        "accept" | "接受" => Some(Chosen::Accept),
        "reject" | "拒绝" => Some(Chosen::Reject),
        _ => None,
    }
}

/// Reads a line or subject that may be more than a word, without the full stop behind it.
pub(super) fn read(text: &str) -> Option<Command> {
    page(text).map(Command::Reviews).or_else(|| token_of(text).map(Command::Decide))
}

/// The page of a line such as `reviews 2`; the first one where there is no number.
fn page(text: &str) -> Option<u32> {
    let whole = folded(text);
    let rest = ["reviews", "待定事项", "待定"].into_iter().find_map(|word| whole.strip_prefix(word))?.trim();
    let is_number = rest.len() <= PAGE_DIGITS_MAX && rest.bytes().all(|byte| byte.is_ascii_digit());
    let page = if rest.is_empty() { 1 } else { rest.parse().ok().filter(|_| is_number)? };
    (page > 0).then_some(page)
}

/// The token of a line such as `decide DB1-…`, with nothing else in it.
fn token_of(text: &str) -> Option<String> {
    let whole: String = text.chars().filter(|letter| !letter.is_whitespace()).flat_map(char::to_lowercase).collect();
    let rest = ["decide", "决定"].into_iter().find_map(|word| whole.strip_prefix(word))?;
    let rest = rest.trim_start_matches([':', '：']);
    let is_plain = rest.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
    (rest.starts_with(TOKEN_PREFIX) && is_plain).then(|| rest.to_owned())
}

/// Whether a line can be the beginning of a token's: the word alone, or with a part of the token.
fn begins(text: &str) -> bool {
    let only = folded(text);
    token_of(text).is_some() || matches!(only.as_str(), "decide" | "决定")
}

/// Reads a token that a mail program has broken into several lines: the token, and of how many lines it is.
pub(super) fn wrapped<'a>(lines: impl IntoIterator<Item = &'a str>) -> Option<(Command, usize)> {
    let mut lines = lines.into_iter();
    let first = lines.next().filter(|line| begins(line))?;
    let mut joined = first.to_owned();
    let mut count = 1;
    while token_of(&joined).is_none_or(|token| token.len() < TOKEN_CHARS) && count < LINES_MAX {
        let is_part = |line: &str| {
            let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter.is_whitespace();
            !line.trim().is_empty() && line.chars().all(plain)
        };
        let Some(line) = lines.next().filter(|line| is_part(line)) else { break };
        let longer = format!("{joined}{line}");
        // More than a token: the line is none of it.
        if token_of(&longer).is_none_or(|token| token.len() > TOKEN_CHARS) {
            break;
        }
        joined = longer;
        count += 1;
    }
    token_of(&joined).map(|token| (Command::Decide(token), count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_tokens_of_both_languages() {
        let token = || Some(Command::Decide("db1-abcd2345".to_owned()));
        for (text, expected) in [
            ("decide DB1-ABCD2345", token()),
            ("决定 DB1-ABCD2345", token()),
            ("决定：db1-abcd 2345", token()),
            ("Decide:DB1-ABCD2345", token()),
            ("decide", None),
            ("decide DB1-ABCD2345 please", Some(Command::Decide("db1-abcd2345please".to_owned()))),
            ("decide DB1-ABCD=2345", None),
            ("please decide DB1-ABCD2345", None),
            ("DB1-ABCD2345", None),
            ("待定", Some(Command::Reviews(1))),
            ("Reviews", Some(Command::Reviews(1))),
            ("reviews 12", Some(Command::Reviews(12))),
            ("待定　２", Some(Command::Reviews(2))),
            ("待定事项 3", Some(Command::Reviews(3))),
            ("reviews 0", None),
            ("reviews -1", None),
            ("reviews 12345", None),
            ("reviews of last week", None),
            ("1", None),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
        for (text, expected) in [
            ("1", Some(Chosen::First)),
            ("２", Some(Chosen::Second)),
            ("接受来信", Some(Chosen::Incoming)),
            ("Accept", Some(Chosen::Accept)),
            ("3", None),
            ("①", None),
            ("1)", None),
            ("接受。", None),
        ] {
            assert_eq!(chosen(text), expected, "{text}");
        }
    }

    #[test]
    fn a_token_in_several_lines_is_put_together_and_takes_no_other_line() {
        let token = format!("DB1-{}", "A".repeat(64));
        let whole = Command::Decide(token.to_lowercase());
        let (first, second) = token.split_at(50);
        let begun = format!("decide {first}");
        for lines in [vec!["decide", &token, "Thanks"], vec![&begun, second, "Thanks"], vec![&begun, second, "ABC"]] {
            assert_eq!(wrapped(lines.clone()), Some((whole.clone(), 2)), "{lines:?}");
        }
        assert_eq!(wrapped([begun.as_str(), "", second]), Some((Command::Decide(first.to_lowercase()), 1)));
        assert_eq!(wrapped(["decide", "about it"]), None);
        assert_eq!(wrapped([]), None);
    }
}
