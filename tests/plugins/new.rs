//! `plugin new`, as its reader goes on from there: what it makes is built by its own script, and answers its own cases.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::contract::office::Office;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package is a folder of the repository").to_owned()
}

/// Runs a program in a folder, with the built `daybook` in reach; it has to succeed.
#[expect(clippy::disallowed_methods, reason = "the test plays the author, who starts her tools")]
fn runs(folder: &Path, program: &str, arguments: &[&str], settings: &[(&str, &OsStr)]) -> String {
    let daybook = Path::new(env!("CARGO_BIN_EXE_daybook"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let own = daybook.parent().map(Path::to_owned);
    let path =
        std::env::join_paths(own.into_iter().chain(std::env::split_paths(&path))).expect("the folders can be joined");
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).env("PATH", path).envs(settings.iter().copied());
    let output = command.output().unwrap_or_else(|error| panic!("{program} can't be started: {error}"));
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
    said
}

#[test]
fn a_plugin_in_rust_is_built_and_tested_from_there() {
    // The toolchain has to be there: this says what to install.
    example_plugins::component("uscc").unwrap_or_else(|why| panic!("{why}"));
    let office = Office::bare();
    office.program(&["plugin", "new", "tax-number"]).ends(0).says("bash build.sh");
    office.program(&["plugin", "new", "tax-number"]).ends(1).says("Nothing there was touched");
    office.program(&["plugin", "new", "Tax"]).ends(2).says("tax-number");
    let folder = office.path("tax-number");
    // The libraries that the example plugins were built with, so that nothing is built twice and nothing is newer than what was tried.
    let (root, lock) = (repository(), "Cargo.lock");
    fs::copy(root.join("plugins").join(lock), folder.join(lock)).expect("the lock can be copied");
    let built = root.join("target/plugins-wasm");
    let said = runs(&folder, "bash", &["build.sh"], &[("CARGO_TARGET_DIR", built.as_os_str())]);
    assert!(said.contains("first.toml: 3 rows, right") && said.contains("settings.toml: 0 rows, right"), "{said}");

    let native = root.join("target/plugins-native");
    let said = runs(&folder, "cargo", &["test"], &[("CARGO_TARGET_DIR", native.as_os_str())]);
    assert!(said.contains("test tests::fixtures ... ok"), "{said}");

    // A case that isn't so is found.
    office.write(
        "tax-number/fixtures/wrong.toml",
        "settings = { field = \"name\" }\n[[column]]\nname = \"name\"\n[[row]]\ncells = [\"a\"]\n".as_bytes(),
    );
    office.program(&["plugin", "test", "tax-number/tax-number.wasm"]).ends(1).says("too-short");
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that is left out says so")]
fn a_plugin_in_javascript_is_built_and_tested_from_there() {
    let tools = repository().join("plugins/js/postcode/node_modules");
    if !tools.is_dir() {
        assert!(std::env::var_os("DAYBOOK_REQUIRE_PROGRAMS").is_none(), "`bash plugins/build-others` installs jco");
        eprintln!("skipped: jco is not there; `bash plugins/build-others` installs it");
        return;
    }
    let office = Office::bare();
    office.program(&["plugin", "new", "short-names", "--lang", "js", "--dir", "plugins"]).ends(0).says("npm");
    let folder = office.path("plugins/short-names");
    std::os::unix::fs::symlink(tools, folder.join("node_modules")).expect("the tools can be linked");
    runs(&folder, "npm", &["run", "build"], &[]);
    let said = runs(&folder, "npm", &["test"], &[]);
    assert!(said.contains("first.toml: 3 rows, right") && said.contains("settings.toml: 0 rows, right"), "{said}");
    let inspected = office.json(&["plugin", "inspect", "plugins/short-names/short-names.wasm"]);
    assert_eq!(inspected["worlds"], serde_json::json!(["validator"]));
    assert_eq!(inspected["manifest"]["id"], "short-names");
}
