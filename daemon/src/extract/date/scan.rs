//! A cursor over the text of a date: numbers, words and separators, with white space between them.

use crate::model::compare::is_invisible;

/// Names of the months as they are written in full and short; `sept` too.
const MONTHS: [&[&str]; 12] = [
    &["january", "jan"],
    &["february", "feb"],
    &["march", "mar"],
    &["april", "apr"],
    &["may"],
    &["june", "jun"],
    &["july", "jul"],
    &["august", "aug"],
    &["september", "sept", "sep"],
    &["october", "oct"],
    &["november", "nov"],
    &["december", "dec"],
];

/// What is left to read of a text in NFKC and small letters. Each step skips the white space after it.
pub(super) struct Scan<'a> {
    rest: &'a str,
}

impl<'a> Scan<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text.trim_matches(is_invisible) }
    }

    pub(super) fn rest(&self) -> &'a str {
        self.rest
    }

    pub(super) fn is_done(&self) -> bool {
        self.rest.is_empty()
    }

    /// Runs `step`; if it finds nothing, nothing is read.
    pub(super) fn try_each<T>(&mut self, step: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let before = self.rest;
        let found = step(self);
        if found.is_none() {
            self.rest = before;
        }
        found
    }

    /// Reads a run of at most eight digits: its number and its length.
    pub(super) fn digits(&mut self) -> Option<(i64, usize)> {
        let length = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        if !(1..=8).contains(&length) {
            return None;
        }
        let (digits, rest) = self.rest.split_at_checked(length)?;
        self.continue_at(rest);
        Some((digits.parse().ok()?, length))
    }

    /// Reads one or two digits.
    pub(super) fn short_digits(&mut self) -> Option<(i64, usize)> {
        self.try_each(|scan| scan.digits().filter(|(_, length)| *length <= 2))
    }

    /// Skips one of these characters, and says which.
    pub(super) fn skip(&mut self, separators: &[char]) -> Option<char> {
        let first = self.rest.chars().next().filter(|c| separators.contains(c))?;
        let rest = self.rest.get(first.len_utf8()..)?;
        self.continue_at(rest);
        Some(first)
    }

    /// Skips the first of these words that stands here. A Latin word ends where its letters end.
    pub(super) fn skip_word(&mut self, words: &[&str]) -> bool {
        let found = words.iter().find_map(|word| self.after_word(word));
        if let Some(rest) = found {
            self.continue_at(rest);
        }
        found.is_some()
    }

    /// Whether one of these words stands here.
    pub(super) fn is_before_word(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.after_word(word).is_some())
    }

    /// Reads the name of a month.
    pub(super) fn month(&mut self) -> Option<i64> {
        let index = MONTHS.iter().position(|names| self.skip_word(names))?;
        self.skip(&['.']);
        i64::try_from(index + 1).ok()
    }

    fn after_word(&self, word: &str) -> Option<&'a str> {
        let rest = self.rest.strip_prefix(word)?;
        let goes_on = word.is_ascii() && rest.starts_with(|c: char| c.is_ascii_alphabetic());
        (!goes_on).then_some(rest)
    }

    fn continue_at(&mut self, rest: &'a str) {
        self.rest = rest.trim_start_matches(is_invisible);
    }
}
