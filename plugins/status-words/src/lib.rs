//! Reads mails: in a line with a record's number, words that the office uses become a value of one field.
//!
//! ```toml
//! settings = { key = "customer_id", prefix = "C-", field = "stage", words = { signed = ["签了", "signed"], lost = ["丢单", "lost"] } }
//! ```
//!
//! `C-1001 今天签了` then says that the stage of `C-1001` is `signed`. A line with several numbers, or with words of several values, is left for
//! people. So is one that denies, asks or looks ahead: a word of `unless` in it, by default 没, 如果, “not”, “if”, a question mark and the like.
//! Words in Latin letters count as whole words only.

use std::collections::BTreeMap;

use daybook_plugin_sdk::prelude::*;
use serde::Deserialize;

/// What makes a line no statement, unless the settings say otherwise.
const UNLESS: [&str; 19] = [
    "没", "未", "不", "吗", "如果", "若", "待", "将", "可能", "not", "never", "n't", "if", "may", "will", "to be",
    "soon", "?", "？",
];

/// What stands in `settings`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The field of the record's number.
    key: String,
    /// What each number begins with; digits follow.
    prefix: String,
    /// The field that is set.
    field: String,
    /// What the field then holds, and the words that say so.
    words: BTreeMap<String, Vec<String>>,
    unless: Option<Vec<String>>,
}

/// The rule.
#[derive(Debug)]
pub struct StatusWords {
    key: Column,
    prefix: String,
    field: Column,
    /// Words in small letters, with what they mean.
    words: Vec<(String, String)>,
    unless: Vec<String>,
}

impl Plugin for StatusWords {
    type Settings = Settings;
    const MANIFEST: Manifest = manifest!().reads(&["number"]).writes(&["status"]);

    fn new(settings: Settings, schema: Schema<'_>, _: Context) -> Result<Self, Failure> {
        let Settings { key, prefix, field, words, unless } = settings;
        let words = words
            .into_iter()
            .flat_map(|(value, words)| words.into_iter().map(move |word| (word.to_lowercase(), value.clone())));
        let words: Vec<_> = words.filter(|(word, _)| !word.trim().is_empty()).collect();
        if prefix.is_empty() || words.is_empty() {
            return Err(Failure::BadSettings("`prefix` and `words` must say something".to_owned()));
        }
        let unless = unless.unwrap_or_else(|| UNLESS.map(str::to_owned).into());
        Ok(Self {
            key: schema.column(&key)?,
            prefix,
            field: schema.column(&field)?,
            words,
            unless: unless.into_iter().map(|word| word.to_lowercase()).collect(),
        })
    }
}

impl MailReader for StatusWords {
    fn read(&self, mail: Mail<'_>, readings: &mut Readings) -> Result<(), Failure> {
        for (line, text) in mail.lines() {
            if let (Some(key), Some(value)) = (self.number(text), self.value(text)) {
                readings.add(line, [(self.key, key), (self.field, value.to_owned())]);
            }
        }
        Ok(())
    }
}

impl StatusWords {
    /// The one number in a line.
    fn number(&self, text: &str) -> Option<String> {
        let mut found = text.match_indices(&self.prefix).filter_map(|(at, prefix)| {
            let before = text.get(..at)?.chars().next_back();
            let rest = text.get(at + prefix.len()..)?;
            let digits =
                rest.split(|letter: char| !letter.is_ascii_digit()).next().filter(|digits| !digits.is_empty())?;
            // `ABC-1` is no `C-1`, nor are `C-1A` and `C-1-2`.
            let mut behind = rest.get(digits.len()..)?.chars();
            let goes_on = match behind.next() {
                Some('-') => behind.next().is_some_and(|letter| letter.is_ascii_alphanumeric()),
                letter => letter.is_some_and(|letter| letter.is_ascii_alphanumeric()),
            };
            let is_whole = !goes_on && !before.is_some_and(|letter| letter.is_ascii_alphanumeric());
            is_whole.then(|| [prefix, digits].concat())
        });
        found.next().filter(|_| found.next().is_none())
    }

    /// The one value that the words of a line mean.
    fn value(&self, text: &str) -> Option<&str> {
        let text = text.to_lowercase();
        if self.unless.iter().any(|word| has(&text, word)) {
            return None;
        }
        let mut meant = self.words.iter().filter(|(word, _)| has(&text, word)).map(|(_, value)| value.as_str());
        let first = meant.next()?;
        meant.all(|other| other == first).then_some(first)
    }
}

/// Whether a word stands in a text; one in Latin letters as a whole word.
fn has(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).and_then(|text| text.chars().next_back());
        let behind = text.get(at + word.len()..).and_then(|text| text.chars().next());
        let joins = |inner: Option<char>, outer: Option<char>| {
            inner.is_some_and(|letter| letter.is_ascii_alphabetic())
                && outer.is_some_and(|letter| letter.is_ascii_alphabetic())
        };
        // What begins with a sign, like `n't`, is the end of a word.
        let is_end = word == "n't";
        (is_end || !joins(word.chars().next(), before)) && !joins(word.chars().next_back(), behind)
    })
}

daybook_plugin_sdk::mail_reader!(StatusWords);

#[cfg(test)]
mod tests {
    daybook_plugin_sdk::fixtures!(super::StatusWords: mail);
}
