//! Changes `[[plugin]]` sections of `daybook.toml` without touching anything else in it.
//!
//! In comes the file's text; out goes the new text. Comments, order, blanks and line ends of everything that is not changed stay as they are. Whoever
//! asks checks the new text as a configuration before writing it.

use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, Value, value};

/// Why the text was not changed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum EditError {
    /// It is no TOML.
    #[error("it is not TOML: {0}")]
    NotToml(String),
    /// There is no such section.
    #[error("it has no `[[plugin]]` with the name `{0}`")]
    Missing(String),
    /// There is such a section already.
    #[error("it has a `[[plugin]]` with the name `{0}` already")]
    There(String),
    /// The sections are written in a way that is not changed by programs.
    #[error("its plugins are not written as `[[plugin]]` sections")]
    Inline,
}

/// A section to be added.
#[derive(Debug, Clone, Default)]
pub(super) struct Section {
    pub name: String,
    pub path: String,
    pub sha256: String,
    pub table: String,
    pub reads: Vec<String>,
    pub writes: Vec<String>,
    /// The jobs that it is asked for; none: the configuration does not say.
    pub jobs: Vec<&'static str>,
    /// Settings as TOML, like `{ field = "tax_id" }`.
    pub settings: Option<toml_edit::InlineTable>,
    /// What it may use, where that is not the usual.
    pub memory_bytes_max: Option<i64>,
    pub time_ms_max: Option<i64>,
    /// It is not in use yet.
    pub disabled: bool,
}

/// Adds a section after the last one.
pub(super) fn add(text: &str, section: &Section) -> Result<String, EditError> {
    change(text, |plugins| {
        if plugins.iter().any(|table| is_named(table, &section.name)) {
            return Err(EditError::There(section.name.clone()));
        }
        let mut table = Table::new();
        table.insert("name", value(&section.name));
        table.insert("path", value(&section.path));
        table.insert("sha256", value(&section.sha256));
        table.insert("table", value(&section.table));
        table.insert("reads", value(section.reads.iter().collect::<Array>()));
        table.insert("writes", value(section.writes.iter().collect::<Array>()));
        if !section.jobs.is_empty() {
            table.insert("jobs", value(section.jobs.iter().copied().collect::<Array>()));
        }
        if let Some(settings) = &section.settings {
            table.insert("settings", value(settings.clone()));
        }
        for (key, limit) in [("memory_bytes_max", section.memory_bytes_max), ("time_ms_max", section.time_ms_max)] {
            if let Some(limit) = limit {
                table.insert(key, value(limit));
            }
        }
        if section.disabled {
            table.insert("enabled", value(false));
        }
        plugins.push(table);
        Ok(())
    })
}

/// Gives a key of the section of this name a value.
pub(super) fn set(text: &str, name: &str, key: &str, to: impl Into<Value>) -> Result<String, EditError> {
    change(text, |plugins| {
        let table = plugins.iter_mut().find(|table| is_named(table, name));
        let table = table.ok_or_else(|| EditError::Missing(name.to_owned()))?;
        let mut to = to.into();
        match table.get_mut(key).and_then(Item::as_value_mut) {
            Some(there) => {
                // What stands around the value, a comment behind it above all, stays.
                *to.decor_mut() = there.decor().clone();
                *there = to;
            }
            None => {
                table.insert(key, Item::Value(to));
            }
        }
        Ok(())
    })
}

fn change(text: &str, apply: impl FnOnce(&mut ArrayOfTables) -> Result<(), EditError>) -> Result<String, EditError> {
    let has_crlf = text.contains("\r\n");
    let mut document: DocumentMut =
        text.parse().map_err(|error: toml_edit::TomlError| EditError::NotToml(error.message().to_owned()))?;
    let item = document.entry("plugin").or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
    apply(item.as_array_of_tables_mut().ok_or(EditError::Inline)?)?;
    let text = document.to_string();
    // What is added has `\n` only.
    Ok(if has_crlf { text.replace("\r\n", "\n").replace('\n', "\r\n") } else { text })
}

fn is_named(table: &Table, name: &str) -> bool {
    table.get("name").and_then(Item::as_str) == Some(name)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    const OFFICE: &str = "# Our office\n[office]\nname = \"示例\"   # keep\n\n[[plugin]]\nname = \"a\"  # first\n\
                          sha256 = \"00\" # pinned by IT\n\n# trailing\n";

    fn section() -> Section {
        Section {
            name: "uscc".to_owned(),
            path: "plugins/uscc.wasm".to_owned(),
            sha256: "ab".to_owned(),
            table: "customers".to_owned(),
            reads: vec!["name".to_owned(), "tax_id".to_owned()],
            ..Section::default()
        }
    }

    #[test]
    fn a_section_is_added_and_the_rest_stays() {
        let changed = add(OFFICE, &section()).unwrap();
        let (before, _) = OFFICE.split_once("\n# trailing").unwrap();
        assert!(changed.starts_with(before), "{changed}");
        let added = "[[plugin]]\nname = \"uscc\"\npath = \"plugins/uscc.wasm\"\nsha256 = \"ab\"\ntable = \"customers\"\n\
                     reads = [\"name\", \"tax_id\"]\nwrites = []\n";
        assert!(changed.contains(added), "{changed}");
        assert!(changed.contains("# trailing"), "{changed}");
    }

    #[test]
    fn a_section_is_added_to_a_file_without_any() {
        let changed = add("[office]\nname = \"x\"\n", &section()).unwrap();
        assert!(changed.starts_with("[office]\nname = \"x\"\n\n[[plugin]]\nname = \"uscc\"\n"), "{changed}");
    }

    #[test]
    fn a_value_is_changed_in_its_place() {
        let changed = set(OFFICE, "a", "sha256", "11").unwrap();
        assert_eq!(changed, OFFICE.replace("\"00\"", "\"11\""));
        let changed = set(OFFICE, "a", "enabled", false).unwrap();
        assert_eq!(changed, OFFICE.replace("# pinned by IT\n", "# pinned by IT\nenabled = false\n"));
    }

    #[test]
    fn line_ends_of_windows_stay() {
        let windows = OFFICE.replace('\n', "\r\n");
        let changed = set(&windows, "a", "enabled", false).unwrap();
        assert_eq!(changed, OFFICE.replace("by IT\n", "by IT\nenabled = false\n").replace('\n', "\r\n"));
    }

    #[test]
    fn what_can_not_be_changed_is_told() {
        assert_eq!(set(OFFICE, "b", "enabled", false), Err(EditError::Missing("b".to_owned())));
        let named = Section { name: "a".to_owned(), ..section() };
        assert_eq!(add(OFFICE, &named), Err(EditError::There("a".to_owned())));
        assert_eq!(add("plugin = [{ name = \"a\" }]\n", &section()), Err(EditError::Inline));
        assert!(matches!(add("[office\n", &section()), Err(EditError::NotToml(_))));
    }
}
