//! When two values mean the same: the forms that are compared, never written.
//!
//! In comes a value in canonical form with its field; out goes a text that is equal for two values if and only if
//! they mean the same. So "means the same" is an equivalence by construction. Nothing here changes what is stored.
//!
//! There are two forms. [`Field::comparison_text`] decides whether a change of a cell is an edit; for plain text it
//! is strict, because a person may want to correct capitals or full-width letters. [`Field::key_text`] finds a record
//! again; it is lenient, because `c-001` and `Ｃ-001` are the same customer in every office.

use std::borrow::Cow;

use compact_str::{CompactString, ToCompactString};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick, is_nfkc_quick};

use super::{Cell, Field, FieldId, Format, Table, Value};

pub mod phone;

impl Field {
    /// The form of a value in which it is compared: two values of this field mean the same if and only if
    /// their forms are equal.
    ///
    /// Plain text: trimmed, line ends as `\n`, Unicode NFC (not NFKC: the width of a letter may be corrected).
    /// E-mail: NFKC in lower case. Phone: E.164 with extension where it can be dialled. UUID, USCC, citizen's number:
    /// NFKC without white space, in one case. Anything else as it is displayed.
    pub fn comparison_text(&self, value: &Value) -> CompactString {
        match value {
            Value::Text(text) => self.text_form(text),
            Value::Number(number) => number.normalize().to_compact_string(),
            Value::List(items) => {
                let mut forms: Vec<CompactString> = items.iter().map(|item| self.text_form(item)).collect();
                forms.sort_unstable();
                forms.dedup();
                CompactString::from(forms.join(";")) // `;` separates items when they are read: none holds it
            }
            Value::Integer(_) | Value::Boolean(_) | Value::Date(_) | Value::DateTime(_) => value.to_compact_string(),
        }
    }

    /// Whether two values mean the same, so that a change from one to the other is no edit.
    pub fn means_same(&self, a: &Value, b: &Value) -> bool {
        a == b || self.comparison_text(a) == self.comparison_text(b)
    }

    /// Whether two cells say the same: values that mean the same, or the same text or mask. A formula says what its
    /// result does, and the same as any other formula.
    pub fn says_same(&self, a: &Cell, b: &Cell) -> bool {
        match (a, b) {
            (Cell::Value(a), Cell::Value(b)) => self.means_same(a, b),
            (Cell::Formula(Some(result)), Cell::Value(value)) | (Cell::Value(value), Cell::Formula(Some(result))) => {
                self.means_same(result, value)
            }
            (Cell::Formula(None), Cell::Blank) | (Cell::Blank, Cell::Formula(None)) => true,
            _ => a.is_same_as(b),
        }
    }

    /// The form of a value in which a record is found by it: the primary key, or a field with `unique`.
    ///
    /// It is the comparison form, folded: NFKC, without case, white space and control characters. (A URI keeps its
    /// case: paths differ by it.) `None` if nothing is left.
    pub fn key_text(&self, value: &Value) -> Option<CompactString> {
        let form = self.comparison_text(value);
        let key = if self.format == Some(Format::Uri) {
            form.chars().filter(|c| !is_invisible(*c)).collect()
        } else {
            folded(&form)
        };
        (!key.is_empty()).then_some(key)
    }

    fn text_form(&self, text: &str) -> CompactString {
        match self.format {
            None | Some(Format::Uri) => plain(text),
            Some(Format::Email) => lower(&compatible(trimmed(text))),
            Some(Format::Phone) => phone::dialled(text, &self.region).unwrap_or_else(|| plain(text)),
            Some(Format::Uuid) => match uuid::Uuid::try_parse(&folded(text)) {
                Ok(uuid) => uuid.hyphenated().to_compact_string(),
                Err(_) => plain(text),
            },
            Some(Format::Uscc | Format::CnId) => {
                let mut form = folded(text);
                form.make_ascii_uppercase();
                form
            }
        }
    }
}

impl Table {
    /// The primary key of a row or record in its form for comparison, one part a field.
    ///
    /// `cells` is sorted by field. `None` if a part is missing, blank, unreadable or masked.
    pub fn key_of(&self, cells: &[(FieldId, Cell)]) -> Option<Vec<CompactString>> {
        self.primary_key
            .iter()
            .map(|id| {
                let value = super::row::cell_of(cells, *id)?.value()?;
                self.field(*id)?.key_text(value)
            })
            .collect()
    }
}

/// Whether a character leaves no mark on paper: white space, zero-width and direction marks, control characters.
///
/// Copying from a contact card or a file's properties brings such characters along.
pub fn is_invisible(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c, '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// The text without invisible characters at its ends.
pub fn trimmed(text: &str) -> &str {
    text.trim_matches(is_invisible)
}

/// The text in NFKC: full-width letters and digits become the plain ones. ASCII is returned as it is.
pub fn compatible(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || is_nfkc_quick(text.chars()) == IsNormalized::Yes {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.nfkc().collect())
    }
}

/// The text in the most lenient form: NFKC, no capitals, nothing invisible.
pub fn folded(text: &str) -> CompactString {
    if text.is_ascii() {
        return text.chars().filter(|c| !is_invisible(*c)).map(|c| c.to_ascii_lowercase()).collect();
    }
    compatible(text).chars().filter(|c| !is_invisible(*c)).flat_map(char::to_lowercase).nfkc().collect()
}

/// Plain text for comparison: trimmed, line ends as `\n`, NFC.
fn plain(text: &str) -> CompactString {
    let text = trimmed(text);
    let text = if text.contains('\r') {
        Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))
    } else {
        Cow::Borrowed(text)
    };
    if text.is_ascii() || is_nfc_quick(text.chars()) == IsNormalized::Yes {
        CompactString::from(text)
    } else {
        text.nfc().collect()
    }
}

/// Lower case letter by letter, so that a letter's form does not depend on its neighbours.
fn lower(text: &str) -> CompactString {
    text.chars().flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use proptest::prelude::*;
    use rust_decimal::Decimal;

    use super::*;
    use crate::model::schema::{ConflictRule, Constraints, Title};
    use crate::model::{FieldType, TableName};

    fn field(format: Option<Format>) -> Field {
        Field {
            id: FieldId(0),
            name: "f".into(),
            field_type: FieldType::String,
            format,
            region: "CN".into(),
            headers: Vec::new(),
            generate: None,
            constraints: Constraints::default(),
            class: "basic".into(),
            conflict: ConflictRule::Review,
            group: None,
        }
    }

    fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    #[track_caller]
    fn check(format: Option<Format>, same: &[&str], different: &[&str]) {
        let field = field(format);
        for other in same {
            assert!(field.means_same(&text(same[0]), &text(other)), "{other}");
        }
        for other in different {
            assert!(!field.means_same(&text(same[0]), &text(other)), "{other}");
        }
    }

    #[test]
    fn plain_text_may_be_corrected() {
        check(
            None,
            &["Café A\nB", "Cafe\u{301} A\r\nB", " Café A\nB\u{3000}"],
            &["café A\nB", "Ｃafé A\nB", "Café  A\nB", "Café A B"],
        );
    }

    #[test]
    fn formats_know_their_notations() {
        check(
            Some(Format::Email),
            &["Li@Example.com", "li@example.COM", "ｌｉ@example.com"],
            &["li.@example.com", "l@example.com"],
        );
        check(
            Some(Format::Uuid),
            &[
                "0190b0a6-7c3e-7d5a-9d0a-1f2e3d4c5b6a",
                "{0190B0A6-7C3E-7D5A-9D0A-1F2E3D4C5B6A}",
                "0190b0a67c3e7d5a9d0a1f2e3d4c5b6a",
            ],
            &["0190b0a6-7c3e-7d5a-9d0a-1f2e3d4c5b6b", "x"],
        );
        check(
            Some(Format::Uscc),
            &["91350100M000100Y43", "91350100m000100y43", "９１35 0100 M000 100Y 43"],
            &["91350100M000100Y44"],
        );
        check(Some(Format::CnId), &["11010519491231002X", "11010519491231002x"], &["110105194912310021"]);
        check(Some(Format::Uri), &["https://a.cn/A", " https://a.cn/A"], &["https://a.cn/a"]);
    }

    #[test]
    fn lists_are_compared_item_by_item() {
        let list = |items: &[&str]| Value::List(items.iter().copied().map(CompactString::from).collect());
        let emails = field(Some(Format::Email));
        assert!(emails.means_same(&list(&["A@x.cn", "b@x.cn"]), &list(&["B@x.cn", "a@x.cn", "a@X.cn"])));
        assert!(!emails.means_same(&list(&["a@x.cn"]), &list(&["a@x.cn", "b@x.cn"])));
    }

    #[test]
    fn a_key_is_found_however_it_is_typed() {
        let key = |format, typed: &str| field(format).key_text(&text(typed));
        for typed in ["C-001", "c-001", "Ｃ－００１", " C- 001\u{200b}", "C-0\u{1f}01"] {
            assert_eq!(key(None, typed).as_deref(), Some("c-001"), "{typed:?}");
        }
        assert_ne!(key(None, "C-01"), key(None, "C-001"));
        assert_eq!(key(Some(Format::Phone), "138 0013 8000").as_deref(), Some("+8613800138000"));
        assert_eq!(key(Some(Format::Uri), "https://a.cn/A").as_deref(), Some("https://a.cn/A"));
        assert_eq!(key(None, "\u{200b}"), None);
    }

    #[test]
    fn a_key_has_all_its_parts() {
        let fields: Vec<Field> = (0..3).map(|id| Field { id: FieldId(id), ..field(None) }).collect();
        let table = Table {
            name: TableName::new("t"),
            title: Title::default(),
            primary_key: vec![FieldId(2), FieldId(0)],
            owner: None,
            department: None,
            fields,
        };
        let filled =
            |second: Cell| [(FieldId(0), Cell::Value(text("A"))), (FieldId(1), Cell::Blank), (FieldId(2), second)];
        assert_eq!(table.key_of(&filled(text("B 1").into())).unwrap(), ["b1", "a"]);
        for lacking in [Cell::Blank, Cell::Raw("x".into()), Cell::Masked("*".into())] {
            assert_eq!(table.key_of(&filled(lacking)), None);
        }
        assert_eq!(table.key_of(&filled(Cell::Blank)[..1]), None);
    }

    /// Texts that are notations of a few values, so that equal ones meet.
    fn notations() -> impl Strategy<Value = Value> {
        let texts = [
            "13800138000",
            "138 0013 8000",
            "+86 13800138000",
            "8613800138000",
            "13800138000x1",
            "13800138000 转1",
            "65529988",
            "6552-9988",
            "tel",
            "TEL",
            "ＴＥＬ",
            "é",
            "e\u{301}",
            "Li@x.cn",
            "li@x.cn",
            "91350100m000100y43",
            "91350100M000100Y43",
            "a\r\nb",
            "a\nb",
            "a b",
        ];
        let text = prop::sample::select(texts.to_vec());
        prop_oneof![
            text.clone().prop_map(|text| Value::Text(text.into())),
            prop::collection::vec(text, 1..3)
                .prop_map(|items| Value::List(items.into_iter().map(CompactString::from).collect())),
            (0_i64..3, 0_u32..3).prop_map(|(number, scale)| {
                let mut number = Decimal::from(number);
                number.rescale(scale);
                Value::Number(number)
            }),
            (0_i64..3).prop_map(Value::Integer),
        ]
    }

    proptest! {
        #[test]
        fn meaning_the_same_is_an_equivalence(
            a in notations(), b in notations(), c in notations(),
            format in prop::sample::select(vec![
                None, Some(Format::Email), Some(Format::Phone), Some(Format::Uri), Some(Format::Uuid), Some(Format::Uscc), Some(Format::CnId),
            ]),
        ) {
            let field = field(format);
            prop_assert!(field.means_same(&a, &a));
            prop_assert_eq!(field.means_same(&a, &b), field.means_same(&b, &a));
            if field.means_same(&a, &b) && field.means_same(&b, &c) {
                prop_assert!(field.means_same(&a, &c));
            }
            // What means the same is the same key, too.
            if field.means_same(&a, &b) {
                prop_assert_eq!(field.key_text(&a), field.key_text(&b));
            }
        }

        #[test]
        fn forms_are_stable(typed in any::<String>()) {
            let once = folded(&typed);
            prop_assert_eq!(folded(&once), once.clone(), "{:?}", typed);
            prop_assert!(!once.contains(char::is_control), "{:?}", typed);
            let form = plain(&typed);
            prop_assert_eq!(plain(&form), form);
        }
    }
}
