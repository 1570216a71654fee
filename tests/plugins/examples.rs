//! The example plugins through the program: `plugin test` runs the fixtures of each, which its native tests run too.

use std::path::{Path, PathBuf};

use crate::contract::office::Office;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package is a folder of the repository").to_owned()
}

/// Runs the fixtures of a folder through a component.
fn check(name: &str, component: &[u8], folder: &Path, limits: &[&str]) {
    let office = Office::bare();
    let file = format!("{name}.wasm");
    office.write(&file, component);
    let inspected = office.json(&["plugin", "inspect", &file]);
    let wanted = ["daybook:plugin/host@1.0.0", "daybook:plugin/types@1.0.0"];
    let imports = inspected["imports"].as_array().expect("it has a list of imports");
    assert!(imports.iter().all(|name| wanted.iter().any(|wanted| name == wanted)), "{name} imports {imports:?}");
    assert_eq!(inspected["manifest"]["id"], name);

    let fixtures = folder.join("fixtures");
    let cases = fixtures.read_dir().expect("it has fixtures").count();
    let fixtures = fixtures.to_str().expect("the path is UTF-8");
    let test = ["--json", "plugin", "test", &file, "--fixtures", fixtures];
    let ran = office.program(&[test.as_slice(), limits].concat()).ends(0).lines();
    assert_eq!(ran.len(), cases, "{name}: {ran:?}");
    for case in ran {
        assert_eq!(case["holds"], true, "{name}: {case}");
    }
}

fn check_rust(name: &str) {
    let component = example_plugins::component(name).unwrap_or_else(|why| panic!("{why}"));
    check(name, component, &repository().join("plugins").join(name), &[]);
}

/// A plugin in another language, which its own tools have built: `.ci/run` installs and calls them.
#[expect(clippy::print_stderr, reason = "a test that is left out says so")]
fn check_built(name: &str, folder: &str) {
    let path = repository().join("target/plugins").join(format!("{name}.wasm"));
    let folder = repository().join("plugins").join(folder).join(name);
    match std::fs::read(&path) {
        // Enough for Python on a busy machine.
        Ok(component) => {
            check(name, &component, &folder, &["--time-ms-max", "10000", "--memory-bytes-max", "134217728"]);
        }
        Err(error) => {
            let how = format!("{} says how to build it", folder.join("README.md").display());
            let required = std::env::var_os("DAYBOOK_REQUIRE_PROGRAMS").is_some();
            assert!(!required, "DAYBOOK_REQUIRE_PROGRAMS is set, and {} can't be read: {error}; {how}", path.display());
            eprintln!("skipped: {} can't be read: {error}; {how}", path.display());
        }
    }
}

#[test]
fn uscc() {
    check_rust("uscc");
}

#[test]
fn cn_id() {
    check_rust("cn-id");
}

#[test]
fn cn_phone() {
    check_rust("cn-phone");
}

#[test]
fn segment() {
    check_rust("segment");
}

#[test]
fn status_words() {
    check_rust("status-words");
}

#[test]
fn fuller_text() {
    check_rust("fuller-text");
}

#[test]
fn office_rules() {
    check_rust("office-rules");
}

#[test]
fn postcode_in_javascript() {
    check_built("postcode", "js");
}

#[test]
fn name_spacing_in_python() {
    check_built("name-spacing", "py");
}
