//! Decides conflicts of texts. Two spellings that differ in blanks and in the width of letters only are one; of two texts the one that contains the
//! other stands; in fields of notes both are kept, line by line. Everything else is for a person.
//!
//! Settings: `notes`, the fields whose lines are joined; none if it isn't given.

use daybook_plugin_sdk::prelude::*;
use serde::Deserialize;

/// The most characters of joined notes: what a cell of Excel holds.
const NOTES_CHARS_MAX: usize = 32_767;

/// What stands in `settings`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    #[serde(default)]
    notes: Vec<String>,
}

/// The rule.
#[derive(Debug)]
pub struct FullerText {
    notes: Vec<Column>,
    context: Context,
}

impl Plugin for FullerText {
    type Settings = Settings;
    const MANIFEST: Manifest = manifest!().reads(&["address", "note"]).writes(&["address", "note"]).settings_schema(
        r#"{"type":"object","properties":{"notes":{"type":"array","items":{"type":"string"},"default":[]}}}"#,
    );

    fn new(settings: Settings, schema: Schema<'_>, context: Context) -> Result<Self, Failure> {
        let notes = settings.notes.iter().map(|field| schema.column_of(field, Kind::Text));
        Ok(Self { notes: notes.collect::<Result<_, _>>()?, context })
    }
}

impl Merger for FullerText {
    fn resolve(&self, dispute: Dispute<'_>) -> Verdict {
        let say = |chinese: &'static str, english: &'static str| self.context.say(chinese, english);
        let (Some(stored), Some(incoming)) = (dispute.stored().text(), dispute.incoming().text()) else {
            return Verdict::ask(say("一方清空了内容。", "One of the two emptied the cell."));
        };
        let (short, long) = (spelt(stored), spelt(incoming));
        if short == long {
            return Verdict::stored(say("两处写法相同。", "Both say the same."));
        }
        if self.notes.contains(&dispute.column()) {
            let joined = joined(dispute.base().text().unwrap_or_default(), stored, incoming);
            if joined.chars().count() > NOTES_CHARS_MAX {
                return Verdict::ask(say("合并后的备注太长。", "The notes of both are too long for one cell."));
            }
            return Verdict::value(joined, say("保留双方的备注。", "The notes of both are kept."));
        }
        if short.contains(&long) {
            Verdict::stored(say("已有内容更完整。", "What is stored says more."))
        } else if long.contains(&short) {
            Verdict::incoming(say("新内容更完整。", "What came in says more."))
        } else {
            Verdict::ask(say("两处内容不同。", "The two say different things."))
        }
    }
}

/// A text without blanks, with letters and signs of single width, in small letters: what two spellings are compared by.
fn spelt(text: &str) -> String {
    let single = |letter: char| match letter {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(letter) - 0xfee0).unwrap_or(letter),
        _ => letter,
    };
    text.chars().filter(|letter| !letter.is_whitespace()).map(single).flat_map(char::to_lowercase).collect()
}

/// The lines of both: a line that one of the two removed is gone, one that either added is kept.
fn joined(base: &str, stored: &str, incoming: &str) -> String {
    let has = |text: &str, line: &str| text.lines().any(|own| own == line);
    let kept = stored.lines().filter(|line| has(incoming, line) || !has(base, line));
    let added = incoming.lines().filter(|line| !has(stored, line) && !has(base, line));
    kept.chain(added).collect::<Vec<_>>().join("\n")
}

daybook_plugin_sdk::merger!(FullerText);

#[cfg(test)]
mod tests {
    daybook_plugin_sdk::fixtures!(super::FullerText: merge);
}
