//! `daybook plugin new`: a folder in which an author can begin at once, with a rule, its cases, and how to build it.
//!
//! In comes a name and a language; out goes the folder. It holds all it needs of Daybook, the SDK or the contract, so that an author has to have
//! nothing but this program and the tools of her language. What is there is never overwritten.

mod sdk;

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::cli::args::Lang;
use crate::cli::output::Out;
use crate::cli::{Failure, Outcome};
use crate::error::Words;
use crate::io::replace;

/// Names that cargo or the language keeps for itself, of those that look like a plugin's.
const TAKEN: [&str; 9] = ["alloc", "core", "daybook-plugin-sdk", "proc-macro", "serde", "std", "test", "build", "deps"];

/// What is asked for.
pub(super) struct New<'a> {
    pub(super) name: &'a str,
    pub(super) lang: Lang,
    /// In which folder the plugin's own is made.
    pub(super) within: &'a Path,
    /// The SDK to use; a copy comes with the plugin if none is named.
    pub(super) sdk: Option<&'a Path>,
}

/// A file of the new folder: where, and what stands in it.
type File = (PathBuf, String);

/// Makes the folder.
pub(super) fn run(new: &New<'_>, out: &mut Out) -> Outcome {
    check_name(new.name)?;
    let folder = new.within.join(new.name);
    let files = match new.lang {
        Lang::Rust => in_rust(new)?,
        Lang::Js => in_javascript(new),
    };
    std::fs::create_dir_all(new.within)?;
    std::fs::create_dir(&folder).map_err(|error| {
        let hint = match error.kind() {
            std::io::ErrorKind::AlreadyExists => {
                "Nothing there was touched. Choose another name, or another folder with `--dir`."
            }
            _ => "Look whether you may write there.",
        };
        Failure::Failed(Words::new(format!("`{}` can't be made: {error}", folder.display()), hint))
    })?;
    for (path, text) in &files {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        replace::write_new(&path, text.as_bytes())?;
    }
    tell(new, &folder, &files, out);
    Ok(())
}

fn tell(new: &New<'_>, folder: &Path, files: &[File], out: &mut Out) {
    if out.json {
        let files: Vec<_> = files.iter().map(|(path, _)| path).collect();
        out.value(&json!({ "directory": folder, "files": files }));
        return;
    }
    let (rule, build) = match new.lang {
        Lang::Rust => ("src/lib.rs", "bash build.sh"),
        Lang::Js => ("plugin.js", "npm install && npm run build && npm test"),
    };
    out.line(format!("made {}", folder.display()));
    out.line(format!(
        "Next: write the rule in `{rule}` and its cases in `fixtures/`, then `{build}`. README.md has the whole way."
    ));
}

/// A name is a package's in cargo and npm, and a plugin's in `daybook.toml`.
fn check_name(name: &str) -> Outcome {
    let is_well_formed = name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.ends_with(|last: char| last.is_ascii_lowercase() || last.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !name.contains("--")
        && name.len() <= 64;
    if is_well_formed && !TAKEN.contains(&name) {
        return Ok(());
    }
    let what = format!("`{name}` can't be the name of a plugin");
    let hint = if is_well_formed {
        "The language or its tools keep that name for themselves."
    } else {
        "A name has small letters and digits, in words joined by `-`, like `tax-number`; at most 64 of them."
    };
    Err(Failure::Usage(Words::new(what, hint)))
}

/// The files of a plugin in Rust.
fn in_rust(new: &New<'_>) -> Result<Vec<File>, Failure> {
    const OWN: &str = "sdk";
    let (place, guide) = match new.sdk {
        Some(sdk) => {
            if !sdk.join("Cargo.toml").is_file() {
                let what = format!("`{}` is not the SDK: there is no `Cargo.toml` in it", sdk.display());
                return Err(Failure::Usage(Words::new(what, "Without `--sdk` the plugin gets a copy of its own.")));
            }
            let place = std::path::absolute(sdk)?.display().to_string();
            let guide = format!("`{place}/README.md`");
            (place, guide)
        }
        None => (OWN.to_owned(), format!("[{OWN}/README.md]({OWN}/README.md)")),
    };
    let place = toml_edit::value(place).to_string();
    let fill = |text: &str| filled(text, new.name).replace("@sdk@", place.trim()).replace("@guide@", &guide);
    let mut files = vec![
        ("Cargo.toml".into(), fill(include_str!("rust/plugin.toml"))),
        ("README.md".into(), fill(include_str!("rust/README.md"))),
        ("build.sh".into(), fill(include_str!("rust/build.sh"))),
        ("src/lib.rs".into(), fill(include_str!("rust/lib.rs"))),
        (".gitignore".into(), "/target/\n".to_owned()),
    ];
    files.extend(fixtures());
    if new.sdk.is_none() {
        files.extend(sdk::package().into_iter().map(|(path, text)| (Path::new(OWN).join(path), text)));
    }
    Ok(files)
}

/// The files of a plugin in JavaScript.
fn in_javascript(new: &New<'_>) -> Vec<File> {
    let mut files = vec![
        ("package.json".into(), filled(include_str!("js/package.json"), new.name)),
        ("README.md".into(), filled(include_str!("js/README.md"), new.name)),
        ("plugin.js".into(), filled(include_str!("js/plugin.js"), new.name)),
        (".gitignore".into(), "/node_modules/\n".to_owned()),
    ];
    files.extend(fixtures());
    files.push(("GUIDE.md".into(), sdk::guide()));
    files.extend(sdk::contract().map(|(path, text)| (path.into(), text.to_owned())));
    files
}

/// Cases of the rule that both begin with.
fn fixtures() -> [File; 2] {
    [
        ("fixtures/first.toml".into(), include_str!("first.toml").to_owned()),
        ("fixtures/settings.toml".into(), include_str!("settings.toml").to_owned()),
    ]
}

/// A template with the plugin's name put in.
fn filled(text: &str, name: &str) -> String {
    text.replace("@name@", name).replace("@crate@", &name.replace('-', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_that_cargo_and_npm_take_too() {
        for name in ["tax-number", "a", "uscc2"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        let long = "a".repeat(65);
        for name in ["", "-a", "a-", "a--b", "2a", "Tax", "税号", "a b", "../a", "a/b", "std", "test", long.as_str()]
        {
            assert!(check_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn every_mark_is_filled_in() {
        for lang in [Lang::Rust, Lang::Js] {
            let new = New { name: "tax-number", lang, within: Path::new("."), sdk: None };
            let files = match lang {
                Lang::Rust => in_rust(&new).expect("the SDK is there"),
                Lang::Js => in_javascript(&new),
            };
            for (path, text) in files.iter().filter(|(path, _)| !path.starts_with("sdk")) {
                let left: Vec<_> =
                    ["@name@", "@crate@", "@sdk@", "@guide@"].into_iter().filter(|mark| text.contains(mark)).collect();
                assert!(left.is_empty(), "{}: {left:?}", path.display());
            }
        }
    }
}
