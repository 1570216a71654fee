//! Reads TOML into checked values and gathers what is wrong on the way.
//!
//! In: a parsed table whose values know where they stand. Out: values, and in the [`Report`] every problem with its
//! line. A [`Reader`] is asked for each key that a section may have, whether the key is there or not, and at
//! [`Reader::finish`] reports the keys that nobody asked for. It never stops at a problem: a value that can't be read is
//! `None`, and the problem is in the report.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::{Range, RangeInclusive};
use std::path::PathBuf;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{ConfigProblem, ProblemKind};

/// Where something stands: its place in the text and the path of its key.
#[derive(Clone, Debug)]
pub(super) struct Spot {
    start: usize,
    key: String,
}

impl Spot {
    /// The beginning of the file.
    pub(super) fn top() -> Self {
        Self { start: 0, key: String::new() }
    }

    /// The path of a key below this one.
    fn below(&self, key: &str) -> String {
        if self.key.is_empty() { key.to_owned() } else { format!("{}.{key}", self.key) }
    }

    /// The same place, said of a key below.
    pub(super) fn at_key(&self, key: &str) -> Self {
        Self { start: self.start, key: self.below(key) }
    }
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Located<T> {
    pub(super) value: T,
    pub(super) spot: Spot,
}

/// Gathers the problems of one file, and the keys that were asked for.
pub(super) struct Report {
    file: PathBuf,
    /// Where each line begins.
    lines: Vec<usize>,
    text: String,
    problems: RefCell<Vec<(usize, ConfigProblem)>>,
    keys: RefCell<BTreeSet<String>>,
    /// Inside a section that is refused as a whole, only unknown keys are told.
    keys_only: Cell<bool>,
}

impl Report {
    /// Starts an empty report about a file with this text.
    pub(super) fn new(file: PathBuf, text: &str) -> Self {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(index, _)| index + 1)).collect();
        Self {
            file,
            lines,
            text: text.to_owned(),
            problems: RefCell::default(),
            keys: RefCell::default(),
            keys_only: Cell::new(false),
        }
    }

    /// Adds a problem.
    pub(super) fn add(&self, spot: &Spot, kind: ProblemKind, message: impl Into<String>, hint: impl Into<String>) {
        if self.keys_only.get() && kind != ProblemKind::UnknownKey {
            return;
        }
        let hint: String = hint.into();
        let line = self.lines.partition_point(|start| *start <= spot.start).max(1);
        let line_start = self.lines.get(line - 1).copied().unwrap_or(0);
        let before = self.text.get(line_start..spot.start).unwrap_or_default();
        let problem = ConfigProblem {
            file: self.file.clone(),
            line,
            column: before.chars().count() + 1,
            key: spot.key.clone(),
            kind,
            message: message.into(),
            hint: if hint.is_empty() { kind.hint().to_owned() } else { hint },
        };
        self.problems.borrow_mut().push((spot.start, problem));
    }

    /// Adds the problem that a text is not TOML.
    pub(super) fn add_syntax(&self, error: &toml::de::Error) {
        let start = error.span().unwrap_or(Range { start: 0, end: 0 }).start;
        self.add(&Spot { start, key: String::new() }, ProblemKind::Syntax, error.message(), "");
    }

    /// Adds that a name is borne by nothing, with the nearest of the names that are.
    pub(super) fn add_unknown<'n>(
        &self,
        name: &Located<String>,
        what: &str,
        known: impl IntoIterator<Item = &'n str>,
        else_hint: &str,
    ) {
        let hint = match nearest(&name.value, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => else_hint.to_owned(),
        };
        self.add(&name.spot, ProblemKind::UnknownName, format!("there is no {what} `{}`", name.value), hint);
    }

    /// The value that a word stands for; `None` and a problem if it is none of the words.
    pub(super) fn choose<T: Copy>(&self, word: &Located<String>, words: &[(&str, T)]) -> Option<T> {
        let found = words.iter().find(|(name, _)| *name == word.value).map(|(_, value)| *value);
        if found.is_none() {
            let allowed = listed(words.iter().map(|(name, _)| *name));
            let hint = match nearest(&word.value, words.iter().map(|(name, _)| *name)) {
                Some(near) => format!("did you mean `{near}`? Allowed are {allowed}"),
                None => format!("allowed are {allowed}"),
            };
            self.add(&word.spot, ProblemKind::WrongValue, format!("`{}` is not allowed here", word.value), hint);
        }
        found
    }

    /// The problems in the order of the file, and the paths of all keys that were asked for.
    pub(super) fn into_parts(self) -> (Vec<ConfigProblem>, BTreeSet<String>) {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|(start, _)| *start);
        (problems.into_iter().map(|(_, problem)| problem).collect(), self.keys.into_inner())
    }
}

/// Reads the keys of one table.
pub(super) struct Reader<'a> {
    pub(super) report: &'a Report,
    /// `None`: the section is not there, and every key of it is absent.
    table: Option<&'a DeTable<'a>>,
    pub(super) spot: Spot,
    asked: Vec<&'static str>,
}

impl<'a> Reader<'a> {
    /// Reads a whole document.
    pub(super) fn root(report: &'a Report, table: &'a DeTable<'a>) -> Self {
        Self { report, table: Some(table), spot: Spot::top(), asked: Vec::new() }
    }

    /// Whether the section is there at all.
    pub(super) fn is_present(&self) -> bool {
        self.table.is_some()
    }

    /// The value of a key that may be absent.
    pub(super) fn item(&mut self, key: &'static str) -> Option<Item<'a>> {
        let path = self.spot.below(key);
        self.report.keys.borrow_mut().insert(path.clone());
        self.asked.push(key);
        let value = self.table?.get(key)?;
        Some(Item { report: self.report, value: value.get_ref(), spot: Spot { start: value.span().start, key: path } })
    }

    /// The value of a key that has to be there.
    pub(super) fn need(&mut self, key: &'static str) -> Option<Item<'a>> {
        let item = self.item(key);
        if item.is_none() {
            self.report.add(&self.spot.at_key(key), ProblemKind::MissingKey, "missing", format!("add `{key} = …`"));
        }
        item
    }

    /// A table of its own, `[key]` or `key = { … }`; an absent one reads as one without keys.
    pub(super) fn section(&mut self, key: &'static str) -> Self {
        let item = self.item(key);
        let spot = item.as_ref().map_or_else(|| self.spot.at_key(key), |item| item.spot.clone());
        let table = item.and_then(Item::table);
        Self { report: self.report, table, spot, asked: Vec::new() }
    }

    /// The tables of a list, `[[key]]`.
    pub(super) fn sections(&mut self, key: &'static str) -> Vec<Self> {
        let Some(item) = self.item(key) else { return Vec::new() };
        let DeValue::Array(array) = item.value else {
            let path = &item.spot.key;
            item.wrong_type("a list of tables", &format!("write `[[{path}]]` above each"));
            return Vec::new();
        };
        let mut readers = Vec::with_capacity(array.len());
        for value in array {
            let item = item.within(value);
            let spot = item.spot.clone();
            if let Some(table) = item.table() {
                readers.push(Self { report: self.report, table: Some(table), spot, asked: Vec::new() });
            }
        }
        readers
    }

    /// Reports the keys that nobody asked for.
    pub(super) fn finish(self) {
        let Some(table) = self.table else { return };
        for key in table.keys() {
            let name: &str = key.get_ref();
            if self.asked.contains(&name) {
                continue;
            }
            let hint = match nearest(name, self.asked.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known here are {}", listed(self.asked.iter().copied())),
            };
            let spot = Spot { start: key.span().start, key: self.spot.below(name) };
            self.report.add(&spot, ProblemKind::UnknownKey, "unknown key", hint);
        }
    }

    /// Refuses the section, because its feature is not built yet. From here on only unknown keys are told of it,
    /// until [`Reader::finish_refused`].
    pub(super) fn refuse(&self) {
        not_supported_yet(self.report, &self.spot);
        self.report.keys_only.set(true);
    }

    /// Ends a section that was refused.
    pub(super) fn finish_refused(self) {
        let report = self.report;
        self.finish();
        report.keys_only.set(false);
    }
}

/// Reports that something is named in the contract and not built yet.
pub(super) fn not_supported_yet(report: &Report, spot: &Spot) {
    report.add(spot, ProblemKind::NotSupportedYet, "not supported yet", "remove it or comment it out");
}

/// One value, to be read as a type.
pub(super) struct Item<'a> {
    report: &'a Report,
    value: &'a DeValue<'a>,
    pub(super) spot: Spot,
}

impl<'a> Item<'a> {
    /// The raw value, for those who take more than one type.
    pub(super) fn raw(&self) -> &'a DeValue<'a> {
        self.value
    }

    /// Where problems of it are told.
    pub(super) fn report(&self) -> &'a Report {
        self.report
    }

    /// Reports that the value has the wrong type.
    pub(super) fn wrong_type(&self, wanted: &str, hint: &str) {
        let message = format!("must be {wanted}, is {}", with_article(self.value.type_str()));
        self.report.add(&self.spot, ProblemKind::WrongType, message, hint);
    }

    /// A text. It is not empty and has no white space around it.
    pub(super) fn text(self) -> Option<Located<String>> {
        let DeValue::String(text) = self.value else {
            self.wrong_type("a text", "write it in quotes");
            return None;
        };
        if text.trim().is_empty() {
            self.report.add(&self.spot, ProblemKind::WrongValue, "must not be empty", "");
            return None;
        }
        if text.trim().len() != text.len() || text.chars().any(char::is_control) {
            let message = "must have no white space around it and no control characters in it";
            self.report.add(&self.spot, ProblemKind::WrongValue, message, "");
            return None;
        }
        Some(Located { value: text.clone().into_owned(), spot: self.spot })
    }

    /// A list of texts. Items that are none are reported and left out.
    pub(super) fn texts(self) -> Option<Vec<Located<String>>> {
        Some(self.items("a list of texts")?.into_iter().filter_map(Item::text).collect())
    }

    /// A list of texts of which each is there once.
    pub(super) fn distinct_texts(self) -> Option<Vec<Located<String>>> {
        let report = self.report;
        let mut texts: Vec<Located<String>> = Vec::new();
        for text in self.texts()? {
            if texts.iter().any(|other| other.value == text.value) {
                report.add(&text.spot, ProblemKind::Duplicate, format!("`{}` is there twice", text.value), "");
            } else {
                texts.push(text);
            }
        }
        Some(texts)
    }

    /// The items of a list.
    pub(super) fn items(self, wanted: &str) -> Option<Vec<Self>> {
        let DeValue::Array(array) = self.value else {
            self.wrong_type(wanted, "write it in `[` and `]`");
            return None;
        };
        Some(array.iter().map(|value| self.within(value)).collect())
    }

    /// The keys and values of a table whose keys are not ours to know.
    pub(super) fn entries(self) -> Option<Vec<(Located<String>, Self)>> {
        let table = self.table_ref()?;
        let entries = table.iter().map(|(key, value)| {
            let path = self.spot.below(key.get_ref());
            let name = key.get_ref().clone().into_owned();
            let key = Located { value: name, spot: Spot { start: key.span().start, key: path.clone() } };
            let item = Item {
                report: self.report,
                value: value.get_ref(),
                spot: Spot { start: value.span().start, key: path },
            };
            (key, item)
        });
        Some(entries.collect())
    }

    /// Yes or no.
    pub(super) fn boolean(self) -> Option<bool> {
        let DeValue::Boolean(value) = self.value else {
            self.wrong_type("`true` or `false`", "");
            return None;
        };
        Some(*value)
    }

    /// A whole number within a range.
    pub(super) fn whole<T>(self, range: &RangeInclusive<T>) -> Option<Located<T>>
    where
        T: TryFrom<i64> + PartialOrd + Display,
    {
        let DeValue::Integer(number) = self.value else {
            self.wrong_type("a whole number", "");
            return None;
        };
        let read =
            i64::from_str_radix(number.as_str(), number.radix()).ok().and_then(|number| T::try_from(number).ok());
        let Some(value) = read.filter(|value| range.contains(value)) else {
            let message = format!("must lie between {} and {}", range.start(), range.end());
            self.report.add(&self.spot, ProblemKind::WrongValue, message, "");
            return None;
        };
        Some(Located { value, spot: self.spot })
    }

    /// One of some words.
    pub(super) fn one_of<T: Copy>(self, words: &[(&str, T)]) -> Option<Located<T>> {
        let report = self.report;
        let word = self.text()?;
        let value = report.choose(&word, words)?;
        Some(Located { value, spot: word.spot })
    }

    fn table(self) -> Option<&'a DeTable<'a>> {
        self.table_ref()
    }

    fn table_ref(&self) -> Option<&'a DeTable<'a>> {
        let DeValue::Table(table) = self.value else {
            let hint = match self.value {
                DeValue::Array(_) => format!("write `[{}]` once", self.spot.key),
                _ => format!("write `[{}]` and its keys below", self.spot.key),
            };
            self.wrong_type("a table", &hint);
            return None;
        };
        Some(table)
    }

    /// A value inside this one, under the same key.
    fn within(&self, value: &'a Spanned<DeValue<'a>>) -> Self {
        let spot = Spot { start: value.span().start, key: self.spot.key.clone() };
        Self { report: self.report, value: value.get_ref(), spot }
    }
}

fn with_article(type_name: &str) -> String {
    match type_name {
        "string" => "a text".to_owned(),
        "integer" => "a whole number".to_owned(),
        "float" => "a decimal number".to_owned(),
        "boolean" => "true or false".to_owned(),
        "datetime" => "a date or time".to_owned(),
        "array" => "a list".to_owned(),
        other => format!("a {other}"),
    }
}

/// Names as a person reads them in a row: `` `a`, `b` ``.
pub(super) fn listed<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let quoted: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// The name that was probably meant: at most a third of its characters differ.
pub(super) fn nearest<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let name = name.to_lowercase();
    let allowed = (name.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|other| (strsim::damerau_levenshtein(&name, &other.to_lowercase()), other))
        .filter(|(distance, other)| *distance <= allowed && *distance < other.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, other)| other)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn the_nearest_name_is_near() {
        let known = ["path", "header_row", "department-tree", "id"];
        for (name, expected) in [
            ("pathh", Some("path")),
            ("PATH", Some("path")),
            ("header-row", Some("header_row")),
            ("headerrow", Some("header_row")),
            ("haeder_ro", Some("header_row")),
            ("departement_tree", Some("department-tree")),
            ("di", Some("id")),
            ("x", None),
            ("", None),
            ("sheet", None),
        ] {
            assert_eq!(nearest(name, known), expected, "{name}");
        }
    }
}
