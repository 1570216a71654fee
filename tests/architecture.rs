//! Holds the sources to ARCHITECTURE.md: which module may name which, in which order they are read, and a few invariants
//! that the text of the sources can show.
//!
//! The table "What may name what" is read from the page itself, so page and sources can't part. A file's module is the
//! folder or file directly below `daemon/src/`. A name counts wherever it is written: in `use`, also in groups and
//! re-exports, in a path inside code, and as `super::…` that climbs out of the module. Comments and texts don't count.
//!
//! Modules behind `#[cfg(test)]` are held to the order of `lib.rs` only: a test may set a stage up with what stands
//! before it (a codec's bytes, a store in memory), but never with what is built on top of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

/// The most lines a file has without its tests, unless it says at its top why it has more.
const LINES_MAX: usize = 800;

/// One piece of the text: a word, or a sign. Numbers, texts and comments are gone.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Word(String),
    Sign(char),
}

impl Piece {
    fn is(&self, word: &str) -> bool {
        matches!(self, Self::Word(own) if own == word)
    }

    fn sign(&self, sign: char) -> bool {
        *self == Self::Sign(sign)
    }
}

/// A piece with its line, from 1.
type Placed = (usize, Piece);

/// Cuts Rust into words and signs, leaving comments and texts out.
fn pieces(text: &str) -> Vec<Placed> {
    let letters: Vec<char> = text.chars().collect();
    let (mut at, mut line) = (0, 1);
    let mut found = Vec::new();
    let letter = |at: usize| letters.get(at).copied().unwrap_or('\0');
    while at < letters.len() {
        let begin = at;
        match letters[at] {
            '/' if letter(at + 1) == '/' => {
                while at < letters.len() && letters[at] != '\n' {
                    at += 1;
                }
            }
            '/' if letter(at + 1) == '*' => {
                let mut depth = 0;
                loop {
                    if letter(at) == '/' && letter(at + 1) == '*' {
                        depth += 1;
                        at += 2;
                    } else if letter(at) == '*' && letter(at + 1) == '/' {
                        depth -= 1;
                        at += 2;
                    } else {
                        at += 1;
                    }
                    if depth == 0 || at >= letters.len() {
                        break;
                    }
                }
            }
            '"' => at = after_text(&letters, at),
            '\'' if letter(at + 1) == '\\' => {
                at += 3;
                while at < letters.len() && letters[at] != '\'' {
                    at += 1;
                }
                at += 1;
            }
            '\'' if letter(at + 2) == '\'' => at += 3,
            first if first.is_alphabetic() || first == '_' => {
                while letter(at).is_alphanumeric() || letter(at) == '_' {
                    at += 1;
                }
                let word: String = letters[begin..at].iter().collect();
                let raw = matches!(word.as_str(), "r" | "br" | "cr");
                let hashes = letters[at..].iter().take_while(|letter| **letter == '#').count();
                if raw && letter(at + hashes) == '"' {
                    at = after_raw_text(&letters, at + hashes, hashes);
                } else {
                    found.push((line, Piece::Word(word)));
                }
            }
            first if first.is_numeric() => {
                while letter(at).is_alphanumeric() || letter(at) == '_' {
                    at += 1;
                }
            }
            first => {
                if !first.is_whitespace() {
                    found.push((line, Piece::Sign(first)));
                }
                at += 1;
            }
        }
        line += letters[begin..at.min(letters.len())].iter().filter(|letter| **letter == '\n').count();
    }
    found
}

fn after_text(letters: &[char], begin: usize) -> usize {
    let mut at = begin + 1;
    while at < letters.len() && letters[at] != '"' {
        at += if letters[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

fn after_raw_text(letters: &[char], quote: usize, hashes: usize) -> usize {
    let mut at = quote + 1;
    while at < letters.len() {
        let closing = letters[at + 1..].iter().take(hashes).filter(|letter| **letter == '#').count();
        if letters[at] == '"' && closing == hashes {
            return at + 1 + hashes;
        }
        at += 1;
    }
    at
}

/// The text of one file, apart from its tests, and the tests.
struct Source {
    /// The modules from the crate's root to the file: `["merge", "rules", "union"]`.
    module: Vec<String>,
    /// Where it is, for messages.
    name: String,
    /// What is built.
    code: Vec<Placed>,
    /// What is built for tests only.
    tests: Vec<Placed>,
    /// Lines that are not in test modules.
    lines: usize,
    /// The comment at the top.
    head: String,
}

/// A place where a module names another.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Naming {
    line: usize,
    module: String,
}

/// Something that must not be.
#[derive(Debug)]
struct Fault(String);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Source {
    fn new(name: &str, module: &[&str], text: &str) -> Self {
        let (code, tests, in_tests) = without_tests(&pieces(text));
        Self {
            module: module.iter().map(ToString::to_string).collect(),
            name: name.to_owned(),
            code,
            tests,
            lines: text.lines().count() - in_tests,
            head: text.lines().take_while(|line| line.starts_with("//!")).collect::<Vec<_>>().join("\n"),
        }
    }

    fn read(root: &Path, path: &Path) -> Self {
        let inner = path.strip_prefix(root).expect("the file is below the root");
        let mut module: Vec<String> = inner.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        let last = module.pop().expect("a file has a name");
        let last = last.trim_end_matches(".rs");
        if last != "mod" {
            module.push(last.to_owned());
        }
        let text = std::fs::read_to_string(path).expect("the sources can be read");
        let module: Vec<&str> = module.iter().map(String::as_str).collect();
        Self::new(&inner.display().to_string(), &module, &text)
    }

    /// The module directly below the root: what the table speaks of.
    fn top(&self) -> &str {
        self.module.first().map_or("", String::as_str)
    }

    /// The modules that it names in its code, or in its tests.
    fn namings(&self, pieces: &[Placed]) -> Vec<Naming> {
        let mut found = Vec::new();
        // Modules inside the file that are open, with the depth of their braces.
        let mut inside: Vec<usize> = Vec::new();
        let mut depth = 0;
        let mut at = 0;
        while at < pieces.len() {
            let (line, piece) = &pieces[at];
            match piece {
                Piece::Sign('{') => depth += 1,
                Piece::Sign('}') => {
                    depth -= 1;
                    inside.retain(|open| *open <= depth);
                }
                Piece::Word(word) if word == "mod" && is_sign(pieces, at + 2, '{') => {
                    inside.push(depth + 1);
                }
                Piece::Word(word) if (word == "crate" || word == "super") && is_path(pieces, at + 1) => {
                    let mut climbed = 0;
                    let mut end = at;
                    while end < pieces.len() && pieces[end].1.is("super") && is_path(pieces, end + 1) {
                        climbed += 1;
                        end += 3;
                    }
                    if word == "crate" {
                        end = at + 3;
                    }
                    // `super` from a file's own items leads to the file's parent.
                    let leaves = word == "crate" || climbed >= self.module.len() + inside.len();
                    if leaves {
                        let names = names_at(pieces, end);
                        found.extend(names.into_iter().map(|module| Naming { line: *line, module }));
                    }
                    at = end;
                    continue;
                }
                _ => {}
            }
            at += 1;
        }
        found
    }
}

fn is_sign(pieces: &[Placed], at: usize, sign: char) -> bool {
    pieces.get(at).is_some_and(|(_, piece)| piece.sign(sign))
}

fn is_path(pieces: &[Placed], at: usize) -> bool {
    is_sign(pieces, at, ':') && is_sign(pieces, at + 1, ':')
}

/// The first words of the path, or of each path in the group, that begins here.
fn names_at(pieces: &[Placed], at: usize) -> Vec<String> {
    match pieces.get(at) {
        Some((_, Piece::Word(word))) => vec![word.clone()],
        Some((_, Piece::Sign('*'))) => vec!["*".to_owned()],
        Some((_, Piece::Sign('{'))) => {
            let (mut names, mut depth, mut fresh) = (Vec::new(), 0, false);
            for (_, piece) in &pieces[at..] {
                match piece {
                    Piece::Sign('{') => {
                        depth += 1;
                        fresh = depth == 1;
                    }
                    Piece::Sign('}') => {
                        depth -= 1;
                        if depth == 0 {
                            break;
                        }
                    }
                    Piece::Sign(',') => fresh = depth == 1,
                    Piece::Word(word) if fresh => {
                        names.push(word.clone());
                        fresh = false;
                    }
                    _ => fresh = false,
                }
            }
            names
        }
        _ => Vec::new(),
    }
}

/// Parts what is built from what is built for tests; says how many lines the latter has.
fn without_tests(pieces: &[Placed]) -> (Vec<Placed>, Vec<Placed>, usize) {
    let (mut code, mut tests, mut lines) = (Vec::new(), Vec::new(), 0);
    let mut at = 0;
    while at < pieces.len() {
        if !is_cfg_test(pieces, at) {
            code.push(pieces[at].clone());
            at += 1;
            continue;
        }
        let end = after_item(pieces, at);
        tests.extend(pieces[at..end].iter().cloned());
        lines += pieces[end - 1].0 - pieces[at].0 + 1;
        at = end;
    }
    (code, tests, lines)
}

/// Whether `#[cfg(test)]` begins here, or another condition that asks for `test`.
fn is_cfg_test(pieces: &[Placed], at: usize) -> bool {
    let begins = is_sign(pieces, at, '#')
        && is_sign(pieces, at + 1, '[')
        && pieces.get(at + 2).is_some_and(|(_, piece)| piece.is("cfg"));
    let mut condition = pieces.iter().skip(at + 3).map(|(_, piece)| piece).take_while(|piece| !piece.sign(']'));
    begins && !condition.clone().any(|piece| piece.is("not")) && condition.any(|piece| piece.is("test"))
}

/// The piece after the item whose attributes begin here.
fn after_item(pieces: &[Placed], begin: usize) -> usize {
    let mut depth = 0_i32;
    for (at, (_, piece)) in pieces.iter().enumerate().skip(begin) {
        match piece {
            Piece::Sign('{' | '(' | '[') => depth += 1,
            Piece::Sign(')' | ']') => depth -= 1,
            Piece::Sign('}') => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            Piece::Sign(';') if depth == 0 => return at + 1,
            _ => {}
        }
    }
    pieces.len()
}

/// The table "What may name what".
#[derive(Debug)]
struct Table(BTreeMap<String, BTreeSet<String>>);

impl Table {
    fn parse(page: &str) -> Self {
        let section = page.split("## What may name what").nth(1).expect("ARCHITECTURE.md has the section");
        let section = section.split("\n## ").next().unwrap_or(section);
        let rows = section.lines().filter_map(|line| line.trim().strip_prefix('|')?.strip_suffix('|'));
        let rows = rows.filter_map(|row| row.split_once('|')).map(|(module, may)| (module.trim(), may));
        let rows = rows.filter(|(module, _)| *module != "module" && !module.starts_with("---"));
        let names =
            |may: &str| may.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
        Self(rows.map(|(module, may)| (module.to_owned(), names(may))).collect())
    }

    /// What a file names and may not.
    fn faults(&self, source: &Source) -> Vec<Fault> {
        let own = source.top();
        let Some(allowed) = self.0.get(own) else {
            return vec![Fault(format!("{}: the module `{own}` is not in the table", source.name))];
        };
        let namings = source.namings(&source.code).into_iter();
        let wrong = namings.filter(|naming| naming.module != own && !allowed.contains(&naming.module));
        wrong
            .map(|naming| Fault(format!("{}:{}: `{own}` may not name `{}`", source.name, naming.line, naming.module)))
            .collect()
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package is a folder of the repository").to_owned()
}

fn page() -> String {
    std::fs::read_to_string(repository().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md can be read")
}

/// All sources; files that a parent declares for tests only have their code among the tests.
fn sources() -> Vec<Source> {
    let root = repository().join("daemon").join("src");
    let pattern = root.join("**").join("*.rs");
    let paths = glob::glob(&pattern.to_string_lossy()).expect("the pattern is one");
    let mut found: Vec<Source> = paths.map(|path| Source::read(&root, &path.expect("a listed file"))).collect();
    let mut only_tests: BTreeSet<Vec<String>> = BTreeSet::new();
    for source in &found {
        for (at, (_, piece)) in source.tests.iter().enumerate() {
            if let (true, Some((_, Piece::Word(name)))) = (piece.is("mod"), source.tests.get(at + 1))
                && is_sign(&source.tests, at + 2, ';')
            {
                let mut module = source.module.clone();
                module.push(name.clone());
                only_tests.insert(module);
            }
        }
    }
    for source in &mut found {
        if only_tests.iter().any(|module| source.module.starts_with(module)) {
            let code = std::mem::take(&mut source.code);
            source.tests.extend(code);
            source.lines = 0;
        }
    }
    assert!(found.len() > 50, "the sources were found");
    found
}

/// The modules of lib.rs in its order.
fn reading_order() -> Vec<String> {
    let lib = std::fs::read_to_string(repository().join("daemon/src/lib.rs")).expect("lib.rs can be read");
    let lib = pieces(&lib);
    let names = lib.iter().enumerate().filter(|(_, (_, piece))| piece.is("mod")).map(|(at, _)| names_at(&lib, at + 1));
    names.flatten().collect()
}

/// The files that are no module of the table: the crate's roots.
fn is_root(source: &Source) -> bool {
    matches!(source.name.as_str(), "lib.rs" | "main.rs")
}

#[track_caller]
fn none(faults: &[Fault]) {
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), lines.join("\n"));
}

#[test]
fn modules_name_only_what_the_table_allows() {
    let table = Table::parse(&page());
    none(
        &sources().iter().filter(|source| !is_root(source)).flat_map(|source| table.faults(source)).collect::<Vec<_>>(),
    );
}

#[test]
fn the_table_has_the_modules_that_there_are() {
    let table = Table::parse(&page());
    let modules: BTreeSet<String> = reading_order().into_iter().collect();
    assert_eq!(table.0.keys().cloned().collect::<BTreeSet<_>>(), modules);
    let named: BTreeSet<String> = table.0.values().flatten().cloned().collect();
    assert!(named.is_subset(&modules), "the table names modules that are not there: {named:?}");
}

#[test]
fn no_module_names_a_later_one() {
    let order = reading_order();
    let place = |module: &str| order.iter().position(|own| own == module);
    let mut faults = Vec::new();
    for source in sources().iter().filter(|source| !is_root(source)) {
        let own = place(source.top());
        for naming in source.namings(&source.code).into_iter().chain(source.namings(&source.tests)) {
            if naming.module == "*" || place(&naming.module) > own {
                let Naming { line, module } = naming;
                faults.push(Fault(format!("{}:{line}: `{module}` is read later", source.name)));
            }
        }
    }
    none(&faults);
}

#[test]
fn what_has_no_side_effects_names_none() {
    // Invariant 6. `std::io::Error` and `std::io::Read` are I/O too: there is none of it in these modules.
    let pure = ["model", "extract", "identify", "access", "merge"];
    let effects = ["fs", "net", "process", "thread", "env", "io", "SystemTime", "Instant"];
    let words = ["async", "getrandom", "rusqlite", "SystemTime", "Instant"];
    let mut faults = Vec::new();
    for source in sources().iter().filter(|source| pure.contains(&source.top())) {
        for (at, (line, piece)) in source.code.iter().enumerate() {
            let from_std = piece.is("std") && is_path(&source.code, at + 1);
            let named = if from_std { names_at(&source.code, at + 3) } else { Vec::new() };
            let wrong = named.iter().any(|name| effects.contains(&name.as_str()));
            if wrong || words.iter().any(|word| piece.is(word)) {
                faults.push(Fault(format!("{}:{line}: `{}` has an effect", source.name, source.top())));
            }
        }
    }
    none(&faults);
}

#[test]
fn only_the_store_speaks_sql() {
    let named = |source: &Source| source.code.iter().any(|(_, piece)| piece.is("rusqlite"));
    let found: BTreeSet<String> =
        sources().iter().filter(|source| named(source)).map(|source| source.top().to_owned()).collect();
    assert_eq!(found, BTreeSet::from(["store".to_owned()]));
}

#[test]
fn nothing_gives_up_on_outside_input() {
    let mut faults = Vec::new();
    for source in sources() {
        for (at, (line, piece)) in source.code.iter().enumerate() {
            let called = is_sign(&source.code, at + 1, '(') && is_sign(&source.code, at + 2, ')');
            let unwraps = piece.is("unwrap") && called && at > 0 && source.code[at - 1].1.sign('.');
            let stub =
                ["todo", "unimplemented"].iter().any(|word| piece.is(word)) && is_sign(&source.code, at + 1, '!');
            if unwraps || stub {
                faults.push(Fault(format!("{}:{line}", source.name)));
            }
        }
    }
    none(&faults);
}

#[test]
fn a_long_file_says_why() {
    let reason = |head: &str| head.lines().any(|line| line.contains("lines because") || line.contains("long because"));
    let long = |source: &&Source| source.lines > LINES_MAX && !reason(&source.head);
    let sources = sources();
    let faults = sources.iter().filter(long);
    none(&faults.map(|source| Fault(format!("{}: {} lines", source.name, source.lines))).collect::<Vec<_>>());
}

#[test]
fn every_file_opens_with_what_it_is_for() {
    let sources = sources();
    let bare = sources.iter().filter(|source| source.head.is_empty() && !source.code.is_empty());
    none(&bare.map(|source| Fault(source.name.clone())).collect::<Vec<_>>());
}

// What follows shows that the checks above can fail.

const PAGE: &str = "# A page\n\n## What may name what\n\n| module | may name |\n| --- | --- |\n| model | |\n| merge | model, access |\n\n## Next\n\n| access | store |\n";

#[track_caller]
fn planted(text: &str, expected: &[&str]) {
    let source = Source::new("merge/rules/planted.rs", &["merge", "rules", "planted"], text);
    let faults: Vec<String> = Table::parse(PAGE).faults(&source).iter().map(ToString::to_string).collect();
    let expected: Vec<String> = expected.iter().map(|fault| format!("merge/rules/planted.rs:{fault}")).collect();
    assert_eq!(faults, expected);
}

#[test]
fn a_planted_fault_is_found() {
    planted("use crate::model::Cell;\nuse crate::merge::rules;\n", &[]);
    planted("use crate::store::Store;\n", &["1: `merge` may not name `store`"]);
    planted(
        "\n\npub(crate) use crate::{model::{Cell, store}, io::{Clock, Disk}, access, text};",
        &["3: `merge` may not name `io`", "3: `merge` may not name `text`"],
    );
    planted("fn now() -> i64 { <crate::io::SystemClock as Clock>::now() }", &["1: `merge` may not name `io`"]);
    planted("use super::super::super::config::Config;", &["1: `merge` may not name `config`"]);
    planted("use super::super::{groups, store};", &[]);
    planted(
        "mod inner {\n    use super::super::super::super::app::App;\n}\nuse super::app;",
        &["2: `merge` may not name `app`"],
    );
    planted("mod inner { fn f() { super::super::super::app::run() } }", &[]);
    planted("use crate::*;", &["1: `merge` may not name `*`"]);
}

#[test]
fn what_is_no_code_is_no_fault() {
    planted(
        "//! use crate::store;\n/* use crate::io; /* crate::app */ crate::cli */ fn f<'a>(c: &'a char) { *c == '\"'; }",
        &[],
    );
    planted("const A: &str = \"crate::store \\\" crate::io\";\nconst B: &str = r#\"a\" crate::app\"#;", &[]);
    planted(
        "#[cfg(test)]\nmod tests {\n    use crate::app::App;\n}\nuse crate::cli;",
        &["5: `merge` may not name `cli`"],
    );
    planted("#[cfg(test)]\nmod laws;\n#[cfg(test)]\nuse crate::io::Clock;\npub(crate) fn f() {}", &[]);
}

#[test]
fn a_module_that_is_not_in_the_table_is_a_fault() {
    let source = Source::new("helpers.rs", &["helpers"], "");
    assert_eq!(Table::parse(PAGE).faults(&source).len(), 1);
    assert_eq!(Table::parse(PAGE).0.len(), 2, "the table ends with its section");
}
