//! What a receipt asks its reader, with a way to answer each question: a link that opens a mail, the line that such a mail says, or a word in reply.

use super::{Account, Sight, words};
use crate::text::Texts;

/// What may be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// What arrived.
    Incoming,
    /// What is stored.
    Stored,
    /// It is so.
    Accept,
    /// It is not so.
    Reject,
}

impl Choice {
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::Incoming, Self::Stored, Self::Accept, Self::Reject];

    /// Whether it is for what arrived.
    fn is_yes(self) -> bool {
        matches!(self, Self::Incoming | Self::Accept)
    }
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// Which value is to stand.
    Value,
    /// Whether a record whose row is gone is to be put away.
    MissingRow,
    /// Whether a row is the record, with another key.
    OtherKey,
}

/// A question that the reader may decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What is asked.
    pub asks: Asks,
    /// The table's title.
    pub title: String,
    /// The record's key, as far as its reader may see it.
    pub key: String,
    /// Where it comes from, if that is a workbook.
    pub place: Option<String>,
    /// What it is about: a field's title, what is stored and what arrived.
    pub values: Vec<(String, Sight, Sight)>,
    /// The ways to answer, in order.
    pub options: Vec<Answer>,
}

/// One way to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The answer.
    pub choice: Choice,
    /// What proves it.
    pub token: String,
    /// Where it is sent.
    pub to: String,
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// What was asked.
    pub asks: Asks,
    /// What was answered.
    pub choice: Choice,
    /// The table's title.
    pub title: String,
    /// The record's key, as far as its reader may see it.
    pub key: String,
    /// Whether a record is another one by it: that can be taken back.
    pub has_changed: bool,
}

/// What was decided, in a sentence.
pub(super) fn decided(decided: &Decided, texts: &Texts) -> String {
    let names = [("title", decided.title.as_str().into()), ("key", decided.key.as_str().into())];
    let record = texts.format("receipt-record", &names);
    let key = match (decided.asks, decided.choice.is_yes()) {
        (Asks::Value, true) => "receipt-decided-value-incoming",
        (Asks::Value, false) => "receipt-decided-value-stored",
        (Asks::MissingRow, true) => "receipt-decided-missing-accept",
        (Asks::MissingRow, false) => "receipt-decided-missing-reject",
        (Asks::OtherKey, true) => "receipt-decided-key-accept",
        (Asks::OtherKey, false) => "receipt-decided-key-reject",
    };
    texts.format(key, &[("record", record.trim().into())])
}

/// The line above all questions.
pub(super) fn heading(account: &Account, texts: &Texts) -> String {
    texts.format("receipt-questions", &[("count", account.questions.len().into())])
}

/// How to see the questions that are not shown; nothing if there are none.
pub(super) fn more(account: &Account, texts: &Texts) -> Option<String> {
    account.more_on_page.map(|page| match page {
        0 | 1 => texts.get("receipt-questions-more"),
        page => texts.format("receipt-questions-next", &[("page", page.to_string().into())]),
    })
}

/// What is asked, in a sentence.
pub(super) fn question(question: &Question, texts: &Texts) -> String {
    let names = [("title", question.title.as_str().into()), ("key", question.key.as_str().into())];
    let record = texts.format("receipt-record", &names);
    let place = question
        .place
        .as_ref()
        .map(|place| texts.format("receipt-question-place", &[("place", place.as_str().into())]));
    let key = match question.asks {
        Asks::Value => "receipt-question-value",
        Asks::MissingRow => "receipt-question-missing",
        Asks::OtherKey => "receipt-question-key",
    };
    let asked = texts.format(key, &[("record", record.trim().into())]);
    asked + place.unwrap_or_default().as_str()
}

/// An answer, with what would stand then.
pub(super) fn option(question: &Question, answer: &Answer, texts: &Texts) -> String {
    let is_yes = answer.choice.is_yes();
    let what = texts.get(match (question.asks, is_yes) {
        (Asks::Value, true) => "receipt-option-value-incoming",
        (Asks::Value, false) => "receipt-option-value-stored",
        (Asks::MissingRow, true) => "receipt-option-missing-accept",
        (Asks::MissingRow, false) => "receipt-option-missing-reject",
        (Asks::OtherKey, true) => "receipt-option-key-accept",
        (Asks::OtherKey, false) => "receipt-option-key-reject",
    });
    let values: Vec<String> = question
        .values
        .iter()
        .map(|(title, stored, incoming)| {
            let value = if is_yes { incoming } else { stored };
            let parts = [("field", title.as_str().into()), ("value", words::sight(value, texts).into())];
            texts.format("receipt-option-value", &parts)
        })
        .collect();
    if question.asks == Asks::MissingRow || values.is_empty() {
        return what;
    }
    let parts = [("what", what.into()), ("values", values.join(&texts.get("receipt-option-between")).into())];
    texts.format("receipt-option", &parts)
}

/// The line that a mail says which gives this answer.
pub(super) fn line(answer: &Answer, texts: &Texts) -> String {
    format!("{} {}", texts.get("receipt-decide-word"), answer.token)
}

/// How to answer.
pub(super) fn how(account: &Account, texts: &Texts) -> String {
    let key = if account.questions.len() == 1 { "receipt-decide-how-one" } else { "receipt-decide-how" };
    texts.get(key)
}

/// The link that opens a mail which gives this answer (RFC 6068).
pub(super) fn link(answer: &Answer, texts: &Texts) -> String {
    let (subject, body) = (texts.get("receipt-decide-subject"), line(answer, texts));
    format!("mailto:{}?subject={}&body={}", encoded(&answer.to, "@"), encoded(&subject, ""), encoded(&body, ""))
}

/// A text as it stands in a link: all but unreserved characters (RFC 3986, 2.3) and those of `plain` as `%XX`.
fn encoded(text: &str, plain: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        let letter = char::from(byte);
        if byte.is_ascii_alphanumeric() || "-._~".contains(letter) || (letter.is_ascii() && plain.contains(letter)) {
            out.push(letter);
        } else {
            let digits = [byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16).unwrap_or('0'));
            out.push('%');
            out.extend(digits.map(|digit| digit.to_ascii_uppercase()));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Language;

    #[test]
    fn a_link_holds_nothing_that_a_program_could_take_for_another_part() {
        let answer =
            Answer { choice: Choice::Incoming, token: "DB1-AB".to_owned(), to: "a+b&c@example.com".to_owned() };
        let link = link(&answer, &Texts::new(Language::ZhCn));
        assert!(link.starts_with("mailto:a%2Bb%26c@example.com?subject=Daybook%20%E5%86%B3%E5%AE%9A&body="), "{link}");
        assert!(link.ends_with("&body=%E5%86%B3%E5%AE%9A%20DB1-AB"), "{link}");
    }
}
