//! Lines of labels: `电话：13800138000`, and what else a line can be.
//!
//! A label is what a column's title would be; it is known by the same forms. Several labels may stand in one line. Where
//! one label's value is free text, a second label behind it may as well be a part of that text: such a line is unclear.

use crate::model::compare::folded;
use crate::model::{Field, FieldId, FieldType, Table};

use super::super::columns::Titles;

/// The longest label, in characters.
const LABEL_CHARS_MAX: usize = 40;
/// The longest text before a colon that is reported as an unknown label, in characters.
const UNKNOWN_LABEL_CHARS_MAX: usize = 16;
/// The most labels of one line.
const LABELS_MAX: usize = 32;
/// The longest line that is searched for labels, in bytes; a longer one is no line of a form.
const LINE_BYTES_MAX: usize = 8_000;
/// The most colons of a line that are looked at.
const COLONS_MAX: usize = 64;
/// The longest part of a value that is told to become another one, in characters.
const TRANSITION_CHARS_MAX: usize = 12;
/// So many digits in a row are a telephone number, an id or an amount.
const TELLING_DIGITS: usize = 7;

/// What an author writes for a value that is to be cleared, folded. An empty value says nothing: forms are sent back half filled in.
const CLEARED: [&str; 6] = ["(清空)", "(清除)", "(删除)", "(clear)", "(cleared)", "(empty)"];

/// A label with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Labelled {
    pub(super) field: FieldId,
    /// The value as it is typed, trimmed; empty if nothing stands there.
    pub(super) value: String,
}

/// What a line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    /// Labels with their values.
    Labels(Vec<Labelled>),
    /// A label that fits several fields.
    Ambiguous(String),
    /// Labels of which it is not certain where one's value ends.
    Unclear,
    /// Something before a colon that is no field's label, and the label that was probably meant.
    Unknown(String, Option<String>),
    /// A text that could say a change in words: it holds a long number or an address, or a field's title and `改为`.
    Telling,
    /// Any other text.
    Text,
}

/// Reads lines by a table's labels.
pub(super) struct Labels<'a> {
    pub(super) table: &'a Table,
    pub(super) titles: Titles<'a>,
    /// Folded titles that are long enough to be found within a sentence.
    telling: Vec<String>,
}

impl<'a> Labels<'a> {
    pub(super) fn of(table: &'a Table) -> Self {
        let written = table.fields.iter().flat_map(|field| field.headers.iter());
        let telling = written.map(|title| folded(title).to_string()).filter(|form| form.len() >= 4).collect();
        Self { table, titles: Titles::of(table), telling }
    }

    /// Whether a field is a part of the primary key.
    pub(super) fn is_key(&self, field: FieldId) -> bool {
        self.table.primary_key.contains(&field)
    }

    /// The one field that a text is the label or title of.
    pub(super) fn one(&self, text: &str) -> Option<FieldId> {
        match self.titles.meant(text)[..] {
            [field] => Some(field),
            _ => None,
        }
    }

    /// Whether a line has a label of the primary key, or names its title.
    pub(super) fn names_key(&self, line: &str) -> bool {
        matches!(self.parse(line), Parsed::Labels(found) if found.iter().any(|one| self.is_key(one.field)))
    }

    /// Reads a line.
    pub(super) fn parse(&self, line: &str) -> Parsed {
        let line = without_bullet(line);
        if line.len() > LINE_BYTES_MAX {
            let label = at_colon(line).map(|(label, _)| label).filter(|label| label.len() < LINE_BYTES_MAX / 8);
            return if label.is_some_and(|label| self.one(label).is_some()) { Parsed::Unclear } else { Parsed::Text };
        }
        let Some((label, rest)) = at_colon(line) else { return self.unlabelled(line) };
        if label.chars().count() > LABEL_CHARS_MAX {
            return self.unlabelled(line);
        }
        let label = label.trim();
        match self.titles.meant(label)[..] {
            [field] => {
                // Bold in a page is `*…*` in the plain text that is made of it, be it the label's or the line's.
                let rest = if label.starts_with('*') { rest.trim().trim_matches('*') } else { rest };
                self.values(field, rest)
            }
            [] => self.unknown(line, label, rest),
            _ => Parsed::Ambiguous(label.to_owned()),
        }
    }

    /// Splits what follows a label into its value and further labels with theirs.
    fn values(&self, field: FieldId, rest: &str) -> Parsed {
        let mut found: Vec<Labelled> = Vec::new();
        let mut current = field;
        let mut rest = rest;
        while let Some(next) = self.next_label(rest) {
            let is_free = self.is_free(current);
            // What parts it from the next label is no part of it.
            let value = ended(next.value.trim_end().trim_end_matches('/'), is_free);
            if value.is_empty() || (is_free && !next.is_apart) || found.len() >= LABELS_MAX {
                return Parsed::Unclear;
            }
            found.push(Labelled { field: current, value });
            current = next.field;
            rest = next.rest;
        }
        found.push(Labelled { field: current, value: ended(rest, self.is_free(current)) });
        Parsed::Labels(found)
    }

    fn is_free(&self, field: FieldId) -> bool {
        self.table.field(field).is_some_and(|field| is_free_text(field, self.table))
    }

    /// Finds the next known label in a line's rest.
    fn next_label<'t>(&self, rest: &'t str) -> Option<NextLabel<'t>> {
        let mut from = 0;
        for _ in 0..COLONS_MAX {
            let (before, after) = rest.get(from..).and_then(at_colon)?;
            let colon = from + before.len();
            let whole = rest.get(..colon)?;
            // The longest label first, of those short enough.
            let near = whole.char_indices().rev().take(LABEL_CHARS_MAX);
            let mut starts: Vec<usize> =
                near.filter(|(_, c)| is_separator(*c)).map(|(at, c)| at + c.len_utf8()).collect();
            // A label right behind the last one's colon: that one has no value.
            starts.extend((whole.chars().count() <= LABEL_CHARS_MAX).then_some(0));
            starts.reverse();
            for start in starts {
                let label = whole.get(start..)?;
                if label.trim().is_empty() {
                    continue;
                }
                if let Some(field) = self.one(label) {
                    let value = rest.get(..start)?;
                    return Some(NextLabel { value, field, rest: after, is_apart: ends_apart(value) });
                }
            }
            from = rest.len() - after.len();
        }
        None
    }

    /// A line with a colon whose first part is no label.
    fn unknown(&self, line: &str, label: &str, rest: &str) -> Parsed {
        let is_time_or_link = label.ends_with(|c: char| c.is_ascii_digit())
            && rest.starts_with(|c: char| c.is_ascii_digit())
            || rest.starts_with("//");
        let is_sentence = label.chars().any(|c| matches!(c, '，' | '。' | '！' | '？' | '!' | '?' | '"' | '“' | '@'));
        let words = label.split_whitespace().count();
        if is_time_or_link || is_sentence || words > 4 || rest.trim().is_empty() && self.titles.nearest(label).is_none()
        {
            return self.unlabelled(line);
        }
        let near = self.titles.nearest(label).map(str::to_owned);
        if near.is_none() && label.chars().count() > UNKNOWN_LABEL_CHARS_MAX {
            return self.unlabelled(line);
        }
        Parsed::Unknown(label.to_owned(), near)
    }

    /// Whether a line begins with a field's title, set apart from what follows, or is nothing else: somebody meant a label.
    fn begins_with_title(&self, line: &str) -> bool {
        let line = line.trim_start_matches(['【', '[', '〖', '「', '*', ' ']).trim_end();
        let ends = line.char_indices().take(LABEL_CHARS_MAX).skip(1).filter(|(at, c)| {
            let rest = line.get(*at..).unwrap_or_default();
            let is_parted = PARTS.contains(c) || PARTING_WORDS.iter().any(|word| rest.starts_with(word));
            is_parted || (*c == ' ' && is_bare_value(rest.trim()))
        });
        let whole = (line.chars().count() <= LABEL_CHARS_MAX).then_some(line.len());
        ends.map(|(at, _)| at).chain(whole).any(|end| line.get(..end).is_some_and(|title| self.one(title).is_some()))
    }

    /// A line without a label: text, or something that its author may have meant for a change.
    fn unlabelled(&self, line: &str) -> Parsed {
        const SAYS_CHANGE: [&str; 14] = [
            "改为",
            "改成",
            "变更为",
            "更新为",
            "换成",
            "更改为",
            "修改为",
            "变为",
            "改到",
            "->",
            "→",
            "changedto",
            "isnow",
            "updateto",
        ];
        let form = folded(line);
        let mut run = 0;
        let has_number = form.chars().filter(|c| !matches!(c, '-' | '.')).any(|c| {
            run = if c.is_ascii_digit() { run + 1 } else { 0 };
            run >= TELLING_DIGITS
        });
        if self.begins_with_title(line) {
            return Parsed::Telling;
        }
        let names_field = || self.telling.iter().any(|title| form.contains(title.as_str()));
        let says_change = SAYS_CHANGE.iter().any(|word| form.contains(word));
        if has_number || (says_change && names_field()) { Parsed::Telling } else { Parsed::Text }
    }
}

/// How people part a label from its value where they write no colon, and the words that do it.
const PARTS: [char; 12] = ['=', '＝', '-', '—', '－', '】', ']', '〗', '」', '\t', '\u{3000}', '|'];
const PARTING_WORDS: [&str; 5] = ["为", "变成", "变为", "改为", "改成"];

/// Whether a text behind a title and a space is a value and no sentence that goes on: `电话 021-5555`, not `Phone him on Monday`.
fn is_bare_value(text: &str) -> bool {
    let is_number = text.starts_with(|c: char| c.is_ascii_digit() || c == '+');
    let is_word = text.split_whitespace().count() == 1 && !text.contains(['。', '，', '.', ',', '！', '？']);
    is_number || (is_word && text.chars().count() <= 12)
}

/// The next label within a line.
struct NextLabel<'t> {
    /// What stands before it.
    value: &'t str,
    field: FieldId,
    /// What follows its colon.
    rest: &'t str,
    /// Whether it is set apart by a tab, a bar or a wide gap.
    is_apart: bool,
}

/// What stands before a line's first colon, without a list's number.
pub(super) fn label(line: &str) -> Option<&str> {
    at_colon(without_bullet(line)).map(|(label, _)| label.trim()).filter(|label| !label.is_empty())
}

/// Splits at the first colon of any width.
fn at_colon(text: &str) -> Option<(&str, &str)> {
    text.split_once([':', '：', '﹕', '︰', '∶', '꞉'])
}

fn is_separator(c: char) -> bool {
    c.is_whitespace() || matches!(c, ',' | '，' | ';' | '；' | '、' | '|' | '｜' | '/' | '。')
}

/// Whether a text ends with a gap that nobody types within a sentence.
fn ends_apart(text: &str) -> bool {
    let gap: String = text.chars().rev().take_while(|c| c.is_whitespace() || matches!(c, '|' | '｜')).collect();
    gap.contains(['\t', '|', '｜', '\u{3000}']) || gap.chars().count() >= 2
}

/// Whether anything at all may stand in a field, further labels included.
pub(super) fn is_free_text(field: &Field, table: &Table) -> bool {
    matches!(field.field_type, FieldType::String | FieldType::List)
        && field.format.is_none()
        && field.constraints.pattern.is_none()
        && field.constraints.allowed.is_empty()
        && !table.primary_key.contains(&field.id)
}

/// Whether it parts a value from what follows, and belongs to neither.
pub(super) fn is_ending(c: char) -> bool {
    matches!(c, ',' | '，' | ';' | '；' | '、')
}

/// Whether a value says that what is stored is to be cleared.
pub fn is_cleared(value: &str) -> bool {
    let form = folded(value);
    CLEARED.contains(&form.as_str())
}

/// A value without what mail programs put around it.
pub(super) fn cleaned(value: &str) -> String {
    let value = value.trim_matches(|c: char| c.is_whitespace() || matches!(c, '|' | '｜'));
    let value = value.trim_end_matches(|c: char| c.is_whitespace() || is_ending(c));
    without_link(value).trim().to_owned()
}

/// Whether a value tells what is to become of what: `王一 → 陈新`. Which part of it is the value is a guess.
pub(super) fn is_transition(value: &str) -> bool {
    const ARROWS: [&str; 4] = ["→", "->", "=>", "⇒"];
    // A sentence tells something else.
    if value.contains(['，', '。', '；', ',', ';']) {
        return false;
    }
    let is_short = |part: &str| !part.trim().is_empty() && part.chars().count() <= TRANSITION_CHARS_MAX;
    ARROWS.iter().any(|arrow| value.split_once(arrow).is_some_and(|(old, new)| is_short(old) && is_short(new)))
}

/// Whether a value is a bare word for clearing: whether that is the value or what is to be done with it is a guess.
pub(super) fn is_clearing_word(value: &str) -> bool {
    const WORDS: [&str; 7] = ["清空", "清除", "删除", "删掉", "clear", "empty", "delete"];
    WORDS.contains(&folded(value).as_str())
}

/// Without thanks that stand in the line behind it: `陈新，谢谢！`
fn without_thanks(value: &str) -> &str {
    const THANKS: [&str; 6] = ["谢谢您", "谢谢", "多谢", "thank you", "thanks", "thx"];
    let bare = value.trim_end_matches(|c: char| c.is_whitespace() || matches!(c, '!' | '！' | '。' | '.' | '~' | '～'));
    let ends = |word: &&str| {
        bare.len() > word.len() && bare.get(bare.len() - word.len()..).is_some_and(|end| end.eq_ignore_ascii_case(word))
    };
    let Some(before) = THANKS.iter().find(|word| ends(word)).and_then(|word| bare.get(..bare.len() - word.len()))
    else {
        return value;
    };
    // Behind a mark only: `to say thank you` is said of somebody.
    let before = before.trim_end();
    let kept = before.trim_end_matches(|c: char| is_ending(c) || matches!(c, '。' | '.' | '!' | '！')).trim_end();
    if kept.is_empty() || kept == before { value } else { kept }
}

/// A value as it ends in its line: a sentence's full stop belongs to it in free text only.
fn ended(value: &str, is_free: bool) -> String {
    let value = cleaned(without_thanks(value));
    if is_free { value } else { value.trim_end_matches('。').trim_end().to_owned() }
}

/// Without the link that Outlook writes behind a text: `a@example.com<mailto:a@example.com>`.
fn without_link(value: &str) -> &str {
    let Some((before, link)) = value.strip_suffix('>').and_then(|value| value.rsplit_once('<')) else { return value };
    let is_link = ["mailto:", "http://", "https://", "tel:"].iter().any(|scheme| link.starts_with(scheme));
    if is_link && !before.trim().is_empty() { before.trim_end() } else { value }
}

/// Without a list's bullet or number.
fn without_bullet(line: &str) -> &str {
    let line = line.trim();
    if let Some(rest) = line.strip_prefix(['-', '•', '·', '●', '○', '■', '◆', '▪', '–', '—', '*', '＊', '➢', '✓'])
    {
        let rest = rest.trim_start_matches(['*', ' ', '\t', '\u{3000}']);
        if !rest.is_empty() && !line.starts_with("--") && !line.starts_with('*') {
            return rest;
        }
        return line;
    }
    let digits = line.trim_start_matches(['(', '（']).chars().take_while(char::is_ascii_digit).count();
    if !(1..=2).contains(&digits) {
        return line;
    }
    let rest = line.trim_start_matches(['(', '（']).trim_start_matches(|c: char| c.is_ascii_digit());
    rest.strip_prefix(['.', '、', ')', '）', '．']).map_or(line, str::trim_start)
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn parse(line: &str) -> String {
        let table = sample::customers();
        let labels = Labels::of(&table);
        match labels.parse(line) {
            Parsed::Labels(found) => {
                let one = |one: &Labelled| {
                    format!("{}={}", table.field(one.field).map_or("", |field| field.name.as_str()), one.value)
                };
                found.iter().map(one).collect::<Vec<_>>().join(" ")
            }
            Parsed::Unknown(label, near) => {
                format!("?{label}{}", near.map_or(String::new(), |near| format!("~{near}")))
            }
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn labels_in_either_language_and_width() {
        for (line, expected) in [
            ("电话：13800138000", "phone=13800138000"),
            ("  电 话 : 138 0013 8000 ", "phone=138 0013 8000"),
            ("Phone:13800138000", "phone=13800138000"),
            ("- 电话：13800138000", "phone=13800138000"),
            ("2、客户编号（必填）：C-000001", "customer_id=C-000001"),
            ("*电话：* 13800138000", "phone=13800138000"),
            ("*电话：13800138000*", "phone=13800138000"),
            ("阶段：签约。", "stage=签约"),
            ("备注：年底前签约。", "remark=年底前签约。"),
            ("邮箱：a@example.com<mailto:a@example.com>", "email=a@example.com"),
            ("电话：", "phone="),
            ("客户编号：C-000001，电话：13800138000", "customer_id=C-000001 phone=13800138000"),
            ("客户编号：C-000001 电话：13800138000 备注：好", "customer_id=C-000001 phone=13800138000 remark=好"),
            ("地址：示例路1号\t电话：13800138000", "address=示例路1号 phone=13800138000"),
            ("备注：请联系王经理，电话：13900139000", "Unclear"),
            ("客户编号：电话：1", "Unclear"),
        ] {
            assert_eq!(parse(line), expected, "{line}");
        }
    }

    #[test]
    fn what_is_no_label() {
        for (line, expected) in [
            ("联系电活：13800138000", "?联系电活~联系电话"),
            ("注意：明天放假", "?注意"),
            ("请看 https://example.com/a", "Text"),
            ("会议 10:30", "Text"),
            ("各位同事：", "Text"),
            ("张三的手机号是13900139000", "Telling"),
            ("地址改为示例路2号", "Telling"),
            ("请更新以下客户的资料", "Text"),
        ] {
            assert_eq!(parse(line), expected, "{line}");
        }
    }
}
