//! Words for office people, in the office's language, from Fluent catalogues.
//!
//! In: a key and its arguments. Out: text. The catalogues stand in `locales/` and are built into the program, so
//! that an office has them wherever it runs. A missing key shows itself in the text; nothing here panics on it,
//! reads the environment or guesses a language.

use std::borrow::Cow;
use std::fmt;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use unic_langid::LanguageIdentifier;

/// A value put into a text: a text as it is, or a number by which plural forms are chosen.
///
/// Made with `.into()` from `&str`, `String` or a number.
pub use fluent_bundle::FluentValue as Argument;

/// A language that an office may work in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Language {
    /// Simplified Chinese.
    ZhCn,
    /// English.
    En,
}

impl Language {
    /// Every language, in no order of merit.
    pub const ALL: [Self; 2] = [Self::ZhCn, Self::En];

    /// The tag that the configuration uses: `zh-CN` or `en`.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::ZhCn => "zh-CN",
            Self::En => "en",
        }
    }

    /// The language of a tag of the configuration.
    pub fn from_tag(tag: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.tag() == tag)
    }

    /// The language by which plural forms are chosen.
    fn identifier(self) -> LanguageIdentifier {
        self.tag().parse().unwrap_or_default()
    }

    const fn catalogues(self) -> [&'static str; 4] {
        match self {
            Self::ZhCn => [
                include_str!("../../locales/zh-CN/views.ftl"),
                include_str!("../../locales/zh-CN/answers.ftl"),
                include_str!("../../locales/zh-CN/receipts.ftl"),
                include_str!("../../locales/zh-CN/demo.ftl"),
            ],
            Self::En => [
                include_str!("../../locales/en/views.ftl"),
                include_str!("../../locales/en/answers.ftl"),
                include_str!("../../locales/en/receipts.ftl"),
                include_str!("../../locales/en/demo.ftl"),
            ],
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tag())
    }
}

/// The words of one language.
pub struct Texts {
    language: Language,
    bundle: FluentBundle<FluentResource>,
}

impl Texts {
    /// Opens the catalogues of a language.
    ///
    /// A message that can't be parsed is left out and shows as a missing key; a test keeps such catalogues out of
    /// the program.
    pub fn new(language: Language) -> Self {
        let mut bundle = FluentBundle::new_concurrent(vec![language.identifier()]);
        // The marks around arguments are for mixed writing directions; in a cell or a subject line they are dirt.
        bundle.set_use_isolating(false);
        for catalogue in language.catalogues() {
            let resource = match FluentResource::try_new(catalogue.to_owned()) {
                Ok(resource) | Err((resource, _)) => resource,
            };
            // Of two messages with one key the first stays: the program still has words for it.
            if let Err(errors) = bundle.add_resource(resource) {
                tracing::warn!(language = language.tag(), errors = errors.len(), "a text is defined twice");
            }
        }
        Self { language, bundle }
    }

    /// The language that these texts are in.
    pub const fn language(&self) -> Language {
        self.language
    }

    /// Whether there is a text of this key.
    pub fn has(&self, key: &str) -> bool {
        self.bundle.has_message(key)
    }

    /// The text of a key that takes no arguments; `⟦key⟧` if there is none.
    pub fn get(&self, key: &str) -> String {
        self.format(key, &[])
    }

    /// The text of a key with its arguments put in; `⟦key⟧` if there is none.
    ///
    /// An argument that the text wants and does not get stands as `{$name}`.
    pub fn format(&self, key: &str, arguments: &[(&str, Argument<'_>)]) -> String {
        let Some(pattern) = self.bundle.get_message(key).and_then(|message| message.value()) else {
            return format!("⟦{key}⟧");
        };
        let values: FluentArgs<'_> =
            arguments.iter().map(|(name, value)| (Cow::Borrowed(*name), value.clone())).collect();
        // What goes wrong here is a missing argument, and that is visible in the text.
        let mut errors = Vec::new();
        self.bundle.format_pattern(pattern, Some(&values), &mut errors).into_owned()
    }
}

impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Texts").field("language", &self.language).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::fs;
    use std::path::Path;

    use regex::Regex;

    use super::*;

    /// The keys of a catalogue and the variables that each message names.
    fn messages(catalogue: &str) -> BTreeMap<String, BTreeSet<String>> {
        let head = Regex::new(r"^([a-zA-Z][a-zA-Z0-9_-]*)\s*=").unwrap();
        let variable = Regex::new(r"\$([a-zA-Z][a-zA-Z0-9_-]*)").unwrap();
        let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut current = None;
        for line in catalogue.lines().filter(|line| !line.starts_with('#')) {
            if let Some(captures) = head.captures(line) {
                let key = captures[1].to_owned();
                assert!(found.insert(key.clone(), BTreeSet::new()).is_none(), "`{key}` is defined twice");
                current = Some(key);
            }
            if let Some(key) = &current {
                let names = variable.captures_iter(line).map(|captures| captures[1].to_owned());
                found.get_mut(key).unwrap().extend(names);
            }
        }
        found
    }

    #[test]
    fn catalogues_parse() {
        for language in Language::ALL {
            for catalogue in language.catalogues() {
                if let Err((_, errors)) = FluentResource::try_new(catalogue.to_owned()) {
                    panic!("{language}: {errors:?}");
                }
            }
        }
    }

    #[test]
    fn languages_have_the_same_keys_and_variables() {
        for (zh, en) in Language::ZhCn.catalogues().into_iter().zip(Language::En.catalogues()) {
            assert_eq!(messages(zh), messages(en));
            assert!(!messages(zh).is_empty());
        }
    }

    /// Gathers the Rust files below a folder.
    fn sources(folder: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(fs::read_to_string(&path).unwrap());
            }
        }
    }

    #[test]
    fn every_key_used_in_the_code_exists() {
        let known: BTreeSet<String> =
            Language::En.catalogues().into_iter().flat_map(|catalogue| messages(catalogue).into_keys()).collect();
        let call = Regex::new(r#"texts\s*\.\s*(?:get|format)\(\s*"([^"]+)""#).unwrap();
        let mut files = Vec::new();
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
        let used: BTreeSet<String> =
            files.iter().flat_map(|text| call.captures_iter(text)).map(|captures| captures[1].to_owned()).collect();
        let missing: Vec<&String> = used.difference(&known).collect();
        assert!(missing.is_empty(), "no text for {missing:?}");
        assert!(!used.is_empty(), "the pattern finds no use at all");
    }

    #[test]
    fn every_key_is_used_in_the_code() {
        let mut files = Vec::new();
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
        // A key may be passed on before it is looked up, so any quoted text counts.
        let quoted = Regex::new(r#""([a-zA-Z][a-zA-Z0-9_-]*)""#).unwrap();
        let quoted: BTreeSet<&str> = files
            .iter()
            .flat_map(|text| quoted.captures_iter(text))
            .map(|captures| captures.get(1).unwrap().as_str())
            .collect();
        let known = Language::En.catalogues().into_iter().flat_map(|catalogue| messages(catalogue).into_keys());
        // A receipt looks its words up by a code.
        let code = |key: &str| key.strip_prefix("mail-").map(|key| key.strip_suffix("-do").unwrap_or(key).to_owned());
        let is_used = |key: &str| quoted.contains(key) || code(key).is_some_and(|code| quoted.contains(code.as_str()));
        let unused: Vec<String> = known.filter(|key| !is_used(key)).collect();
        assert!(unused.is_empty(), "nothing uses {unused:?}");
    }

    #[test]
    fn a_missing_key_is_visible() {
        let words = Texts::new(Language::En);
        assert_eq!(words.get("no-such-key"), "⟦no-such-key⟧");
    }

    #[test]
    fn arguments_stand_without_isolating_marks() {
        for language in Language::ALL {
            let text = Texts::new(language).format("view-comment", &[("revision", "42".into())]);
            assert!(text.contains("42"), "{text}");
            assert!(!text.contains(['\u{2068}', '\u{2069}', '{']), "{text:?}");
        }
    }

    #[test]
    fn tags_round_trip() {
        for language in Language::ALL {
            assert_eq!(Language::from_tag(language.tag()), Some(language));
        }
        assert_eq!(Language::from_tag("fr"), None);
    }
}
