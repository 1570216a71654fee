//! Answers: what became of a row, in the words of the office's language, for the column that people keep for it.
//!
//! In: what is known of the row ([`Answer`]). Out: one short text. It never holds a value, so that it tells nobody more than
//! the titles of the row's own fields.

use compact_str::CompactString;

use crate::model::policy::AccessRule;
use crate::model::schema::Bound;
use crate::model::{Field, FieldId, Table};
use crate::text::Texts;

/// What became of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// All that it says is stored, or was set aside by a rule.
    Saved,
    /// Something in it waits for a person's decision (the fields, if it is about single cells), and something else was perhaps
    /// not taken.
    Waiting(Vec<FieldId>, Vec<Remark>),
    /// Something in it was not taken.
    Refused(Vec<Remark>),
}

/// Something about a row that its author has to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// Which field; `None` if it is about the whole row.
    pub field: Option<FieldId>,
    /// Why, or what.
    pub reason: Reason,
}

/// What an author is told of something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A problem's code, for which there are words here.
    Code(CompactString),
    /// Words of the office's own, as an access rule or a plugin has.
    Words(CompactString),
}

impl Reason {
    /// A code that is known here.
    pub const fn code(code: &'static str) -> Self {
        Self::Code(CompactString::const_new(code))
    }
}

/// The most characters of an answer: it stands in a narrow column.
const ANSWER_CHARS_MAX: usize = 250;

/// The text of an answer.
pub fn text(answer: &Answer, table: &Table, texts: &Texts) -> CompactString {
    let between = texts.get("answer-between");
    let refused =
        |remarks: &[Remark]| texts.format("answer-refused", &[("reasons", reasons(remarks, table, texts).into())]);
    let text = match answer {
        Answer::Saved => texts.get("answer-saved"),
        Answer::Waiting(fields, remarks) => {
            let fields = fields.iter().map(|field| title(*field, table, texts)).collect::<Vec<_>>().join(&between);
            let waiting = if fields.is_empty() {
                texts.get("answer-waiting")
            } else {
                texts.format("answer-waiting-for", &[("fields", fields.into())])
            };
            if remarks.is_empty() {
                waiting
            } else {
                format!("{waiting}{}{}", texts.get("answer-and"), refused(remarks))
            }
        }
        Answer::Refused(remarks) => refused(remarks),
    };
    text.chars().take(ANSWER_CHARS_MAX).collect()
}

/// An answer, and what its author is told beside: of what was taken.
pub fn with_remarks(answer: &str, told: &[Remark], table: &Table, texts: &Texts) -> CompactString {
    if told.is_empty() {
        return answer.into();
    }
    let text = format!("{answer}{}{}", texts.get("answer-and"), reasons(told, table, texts));
    text.chars().take(ANSWER_CHARS_MAX).collect()
}

/// Remarks in words, with the titles of their fields.
fn reasons(remarks: &[Remark], table: &Table, texts: &Texts) -> String {
    let reasons = remarks.iter().map(|remark| {
        let reason = reason(&remark.reason, texts);
        match remark.field {
            Some(field) => {
                let args = [("field", title(field, table, texts).into()), ("reason", reason.into())];
                texts.format("answer-field", &args)
            }
            None => reason,
        }
    });
    reasons.collect::<Vec<_>>().join(&texts.get("answer-between"))
}

fn title(field: FieldId, table: &Table, texts: &Texts) -> String {
    table.field(field).map_or_else(String::new, |field| super::view::header(field, texts.language()).to_owned())
}

/// Whether a text is an answer that something waits for a decision.
pub fn is_waiting(text: &str, texts: &Texts) -> bool {
    text.starts_with(texts.get("answer-waiting").as_str())
}

/// Whether a text is that answer, perhaps with what was not taken beside what waits.
pub fn begins_with(text: &str, answer: &str, texts: &Texts) -> bool {
    let rest = text.strip_prefix(answer);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(texts.get("answer-and").as_str()))
}

/// A reason in words.
pub fn reason(reason: &Reason, texts: &Texts) -> String {
    match reason {
        Reason::Words(words) => words.to_string(),
        Reason::Code(code) => {
            let known = REASONS.iter().find(|(known, _)| known == code);
            texts.get(known.map_or("answer-other", |(_, key)| key))
        }
    }
}

/// The most options of a field that are named.
const OPTIONS_MAX: usize = 12;

/// What is wrong with a value of a field, with what the field takes where a few words say it. For somebody who may see the field.
pub fn of_value(code: &str, field: &Field, texts: &Texts) -> Reason {
    let bound = |bound: Bound| match bound {
        Bound::Number(number) => number.normalize().to_string(),
        Bound::Date(date) => date.to_string(),
    };
    let such_as = |example: &str| texts.format("answer-such-as", &[("example", example.into())]);
    let limits = &field.constraints;
    let takes = match code {
        "not-allowed-value" if !limits.allowed.is_empty() && limits.allowed.len() <= OPTIONS_MAX => {
            Some(limits.allowed.join(&texts.get("answer-between")))
        }
        "too-large" | "too-late" => limits.maximum.map(|most| format!("≤ {}", bound(most))),
        "too-small" | "too-early" => limits.minimum.map(|least| format!("≥ {}", bound(least))),
        "too-long" => limits.max_length.map(|most| format!("≤ {most}")),
        "too-short" => limits.min_length.map(|least| format!("≥ {least}")),
        "not-a-date" | "ambiguous-date" => Some(such_as("2026-03-01")),
        "not-a-datetime" => Some(such_as("2026-03-01 15:30")),
        _ => None,
    };
    match takes {
        Some(takes) => {
            let args = [("reason", reason(&Reason::Code(code.into()), texts).into()), ("takes", takes.into())];
            Reason::Words(texts.format("answer-takes", &args).into())
        }
        None => Reason::Code(code.into()),
    }
}

/// That a new record lacks values that it needs, with their titles.
pub fn of_required(lacking: &[&Field], texts: &Texts) -> Reason {
    if lacking.is_empty() {
        return Reason::code("required");
    }
    let titles = lacking.iter().map(|field| super::view::header(field, texts.language()));
    let titles = titles.collect::<Vec<_>>().join(&texts.get("answer-between"));
    let args = [("reason", texts.get("answer-required").into()), ("takes", titles.into())];
    Reason::Words(texts.format("answer-takes", &args).into())
}

/// What to say of a rule that refused: an access rule's own reason, or a code.
pub fn of_rule(rule: &CompactString, rules: &[AccessRule]) -> Reason {
    if let Some(access) = rules.iter().find(|access| access.id == rule.as_str()) {
        let reason = access.reason.trim_end_matches(['.', '。']);
        return if reason.is_empty() { Reason::code("forbidden") } else { Reason::Words(reason.into()) };
    }
    match rule.as_str() {
        "no-rule" => Reason::code("forbidden"),
        "unique" => Reason::code("not-unique"),
        _ => Reason::Code(rule.clone()),
    }
}

/// The codes of problems that have words here, with the words' keys.
const REASONS: [(&str, &str); 40] = [
    ("ambiguous-date", "answer-ambiguous-date"),
    ("cell-error", "answer-cell-error"),
    ("not-a-boolean", "answer-not-a-boolean"),
    ("not-a-date", "answer-not-a-date"),
    ("not-a-datetime", "answer-not-a-datetime"),
    ("not-a-number", "answer-not-a-number"),
    ("not-an-integer", "answer-not-an-integer"),
    ("not-an-email", "answer-not-an-email"),
    ("not-a-phone", "answer-not-a-phone"),
    ("not-a-uri", "answer-not-a-uri"),
    ("not-a-uuid", "answer-not-a-uuid"),
    ("not-a-uscc", "answer-not-a-uscc"),
    ("not-a-cn-id", "answer-not-a-cn-id"),
    ("number-lost-digits", "answer-number-lost-digits"),
    ("scientific-notation", "answer-scientific-notation"),
    ("number-out-of-range", "answer-number-out-of-range"),
    ("time-zone-offset", "answer-time-zone-offset"),
    ("not-allowed-value", "answer-not-allowed-value"),
    ("pattern", "answer-pattern"),
    ("too-early", "answer-too-early"),
    ("too-late", "answer-too-late"),
    ("too-large", "answer-too-large"),
    ("too-small", "answer-too-small"),
    ("too-long", "answer-too-long"),
    ("too-short", "answer-too-short"),
    ("no-key", "answer-no-key"),
    ("duplicate-key", "answer-duplicate-key"),
    ("said-twice", "answer-said-twice"),
    ("repeated", "answer-repeated"),
    ("key-alone", "answer-key-alone"),
    ("required", "answer-required"),
    ("not-unique", "answer-not-unique"),
    ("read-only", "answer-read-only"),
    ("forbidden", "answer-forbidden"),
    ("rejected", "answer-rejected"),
    ("plugin-held", "answer-plugin-held"),
    ("plugin-failed", "answer-plugin-failed"),
    ("plugin-warning", "answer-plugin-warning"),
    ("plugin-skipped", "answer-plugin-skipped"),
    ("plugin-replaced", "answer-plugin-replaced"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::FieldType;
    use crate::model::sample::{self, field};
    use crate::text::Language;

    fn table() -> Table {
        sample::table(vec![
            field(0, "phone", FieldType::String, &["电话", "Phone"]),
            field(1, "signed", FieldType::String, &["签约日期", "Signed"]),
        ])
    }

    #[test]
    fn answers_are_in_the_offices_language() {
        let remark = |field: Option<u16>, code| Remark { field: field.map(FieldId), reason: Reason::code(code) };
        let rule = Remark { reason: Reason::Words("销售只维护自己的客户".into()), ..remark(Some(0), "") };
        let refused = Answer::Refused(vec![remark(Some(1), "not-a-date"), rule]);
        let waiting = Answer::Waiting(vec![FieldId(0), FieldId(1)], Vec::new());
        let both = Answer::Waiting(vec![FieldId(0)], vec![remark(Some(1), "not-a-date")]);
        for (language, answer, expected) in [
            (Language::ZhCn, Answer::Saved, "已保存"),
            (Language::En, Answer::Saved, "Saved"),
            (Language::ZhCn, refused.clone(), "未保存：签约日期：不是日期、电话：销售只维护自己的客户"),
            (Language::En, refused, "Not saved: Signed: not a date, Phone: 销售只维护自己的客户"),
            (Language::ZhCn, waiting.clone(), "等待决定：电话、签约日期"),
            (Language::En, waiting, "Waiting for a decision: Phone, Signed"),
            (Language::En, Answer::Waiting(Vec::new(), Vec::new()), "Waiting for a decision"),
            (Language::ZhCn, both.clone(), "等待决定：电话；未保存：签约日期：不是日期"),
            (Language::En, both, "Waiting for a decision: Phone; Not saved: Signed: not a date"),
            (Language::En, Answer::Refused(vec![remark(None, "archived-record")]), "Not saved: it was not accepted"),
        ] {
            let texts = Texts::new(language);
            let said = text(&answer, &table(), &texts);
            assert_eq!(said, expected);
            assert_eq!(is_waiting(&said, &texts), matches!(answer, Answer::Waiting(..)));
        }
    }

    #[test]
    fn a_plugins_words_are_never_taken_for_a_code() {
        let told = [Remark { field: Some(FieldId(0)), reason: Reason::Words("required".into()) }];
        for (language, expected) in
            [(Language::En, "Saved; Phone: required"), (Language::ZhCn, "已保存；电话：required")]
        {
            let texts = Texts::new(language);
            let saved = text(&Answer::Saved, &table(), &texts);
            assert_eq!(with_remarks(&saved, &told, &table(), &texts), expected);
            assert_eq!(with_remarks(&saved, &[], &table(), &texts), saved);
        }
    }

    #[test]
    fn an_answer_with_more_behind_it_is_told_from_another() {
        let texts = Texts::new(Language::En);
        let waiting = |fields: &[u16], remarks| {
            text(&Answer::Waiting(fields.iter().copied().map(FieldId).collect(), remarks), &table(), &texts)
        };
        let remark = Remark { field: Some(FieldId(1)), reason: Reason::code("not-a-date") };
        let one = waiting(&[0], Vec::new());
        assert!(begins_with(&one, &one, &texts));
        assert!(begins_with(&waiting(&[0], vec![remark]), &one, &texts));
        assert!(!begins_with(&waiting(&[0, 1], Vec::new()), &one, &texts));
        assert!(!begins_with("Saved", &one, &texts));
    }
}
