//! The SDK and the contract, as they are given to an author: the very files of `plugin-sdk`, of which this program was built too.

use std::path::PathBuf;

use regex::Regex;
use toml_edit::{DocumentMut, value};

use super::File;

macro_rules! files {
    ($($path:literal),+ $(,)?) => {
        [$(($path, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../plugin-sdk/", $path)))),+]
    };
}

const CONTRACT: [(&str, &str); 2] = files!["wit/jobs.wit", "wit/types.wit"];
const GUIDE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../plugin-sdk/README.md"));
const SOURCES: [(&str, &str); 20] = files![
    "src/answers.rs",
    "src/bindings.rs",
    "src/cell.rs",
    "src/context.rs",
    "src/date.rs",
    "src/decimal.rs",
    "src/export.rs",
    "src/glue.rs",
    "src/jobs.rs",
    "src/lib.rs",
    "src/log.rs",
    "src/manifest.rs",
    "src/memory.rs",
    "src/row.rs",
    "src/schema.rs",
    "src/testing/batch.rs",
    "src/testing/check.rs",
    "src/testing/fixture.rs",
    "src/testing/mod.rs",
    "src/testing/rule.rs",
];
/// The edition of Daybook's workspace.
const EDITION: &str = "2024";
const MANIFEST: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../plugin-sdk/Cargo.toml"));

/// The files of the contract.
pub(super) fn contract() -> impl Iterator<Item = (&'static str, &'static str)> {
    CONTRACT.into_iter()
}

/// The files of the SDK as a package that stands alone.
pub(super) fn package() -> Vec<File> {
    let sources = SOURCES.iter().chain(&CONTRACT).map(|(path, text)| (PathBuf::from(path), (*text).to_owned()));
    let own = [(PathBuf::from("Cargo.toml"), manifest()), (PathBuf::from("README.md"), guide())];
    own.into_iter().chain(sources).collect()
}

/// The authors' guide. What it points to in Daybook's own tree is not there for them.
pub(super) fn guide() -> String {
    let link = Regex::new(r"\[([^\]]+)\]\(\.\./[^)]*\)").expect("invariant: the pattern is one");
    link.replace_all(GUIDE, "$1 (in Daybook's sources)").into_owned()
}

/// The SDK's manifest without what it has from Daybook's workspace: this program is of the same one, so its values are the same.
fn manifest() -> String {
    let mut manifest: DocumentMut = MANIFEST.parse().expect("invariant: cargo has read this manifest");
    let inherited = [
        ("version", env!("CARGO_PKG_VERSION")),
        ("edition", EDITION),
        ("rust-version", env!("CARGO_PKG_RUST_VERSION")),
        ("license", env!("CARGO_PKG_LICENSE")),
    ];
    for (name, own) in inherited {
        manifest["package"][name] = value(own);
    }
    // Its tests stay with Daybook, and so do the lints of the workspace.
    manifest.remove("test");
    manifest.remove("lints");
    manifest.to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// All files below a folder, by their paths from `root`.
    fn walk(root: &Path, folder: &str, found: &mut BTreeSet<String>) {
        for entry in root.join(folder).read_dir().expect("the folder is there") {
            let entry = entry.expect("the folder can be read");
            let path = format!("{folder}/{}", entry.file_name().to_str().expect("the name is UTF-8"));
            if entry.file_type().expect("it has a type").is_dir() {
                walk(root, &path, found);
            } else {
                found.insert(path);
            }
        }
    }

    #[test]
    fn an_author_gets_every_file_of_the_sdk() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugin-sdk");
        let mut there = BTreeSet::from(["Cargo.toml".to_owned(), "README.md".to_owned()]);
        walk(&root, "src", &mut there);
        walk(&root, "wit", &mut there);
        let given =
            package().into_iter().map(|(path, _)| path.to_str().expect("the path is UTF-8").to_owned()).collect();
        assert_eq!(there, given);
    }

    #[test]
    fn the_guide_points_to_nothing_that_is_not_there() {
        assert!(GUIDE.contains("](../plugins/"));
        let guide = guide();
        assert!(guide.contains("plugins/ (in Daybook's sources)"), "{guide}");
        assert!(!guide.contains("](../") && guide.contains("](wit/types.wit)"), "{guide}");
    }

    #[test]
    fn its_manifest_inherits_nothing() {
        let workspace = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"));
        assert!(workspace.contains(&format!("edition = \"{EDITION}\"")));
        let manifest = manifest();
        assert!(!manifest.contains("workspace") && manifest.contains("wit-bindgen"), "{manifest}");
    }
}
