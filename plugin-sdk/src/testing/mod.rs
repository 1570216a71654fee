//! Fixtures, and rules run over them without WebAssembly: for a plugin's own tests.
//!
//! The form of a fixture is described in the authors' guide (`README.md`), and by [`Fixture`]. The same files are run through the
//! built component.
//!
//! ```
//! use daybook_plugin_sdk::prelude::*;
//! use daybook_plugin_sdk::testing::{Fixture, Rule};
//!
//! struct Capitals(Column);
//!
//! impl Plugin for Capitals {
//!     type Settings = NoSettings;
//!     const MANIFEST: Manifest = manifest!();
//!     fn new(_: NoSettings, schema: Schema<'_>, _: Context) -> Result<Self, Failure> {
//!         Ok(Self(schema.column("code")?))
//!     }
//! }
//!
//! impl Normaliser for Capitals {
//!     fn normalise(&self, row: Row<'_>, changes: &mut Changes<'_>) {
//!         if let Some(code) = row.cell(self.0).text() {
//!             changes.set(self.0, code.to_uppercase(), "Codes are written in capitals.");
//!         }
//!     }
//! }
//!
//! let fixture = Fixture::parse(r#"
//!     column = [{ name = "code", writes = true }]
//!     row = [
//!         { cells = ["a1"], changes = [{ column = "code", value = "A1" }] },
//!         { cells = ["A1"] },
//!         { cells = [""] },
//!     ]
//! "#).unwrap();
//! fixture.check(&fixture.run(&Rule::<Capitals>::new().normalise())).unwrap();
//! ```

mod batch;
mod check;
mod fixture;
mod rule;

pub use self::batch::Batch;
pub use self::check::{Outcome, RowOutcome, SaidChange, SaidIssue};
pub use self::fixture::{
    Expected, ExpectedChange, ExpectedIssue, ExpectedVerdict, Fixture, FixtureColumn, FixtureDispute, FixtureError,
    FixtureMail, FixtureReading, FixtureRow,
};
pub use self::rule::Rule;

use std::path::Path;

/// The fixtures of a folder, or of one file, with their files' names, in the order of these.
///
/// # Errors
///
/// The folder or a file can't be read, a file is no fixture, or there is none.
pub fn fixtures(folder: &Path) -> Result<Vec<(String, Fixture)>, FixtureError> {
    let unreadable = |path: &Path, error: &std::io::Error| FixtureError::new(&format!("{}: {error}", path.display()));
    let mut found = Vec::new();
    let mut paths = Vec::new();
    if folder.is_file() {
        paths.push(folder.to_owned());
    } else {
        for entry in std::fs::read_dir(folder).map_err(|error| unreadable(folder, &error))? {
            paths.push(entry.map_err(|error| unreadable(folder, &error))?.path());
        }
    }
    for path in paths {
        if path.extension().is_some_and(|extension| extension == "toml") {
            let text = std::fs::read_to_string(&path).map_err(|error| unreadable(&path, &error))?;
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let fixture = Fixture::parse(&text).map_err(|error| FixtureError::new(&format!("{name}: {error}")))?;
            found.push((name, fixture));
        }
    }
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    if found.is_empty() {
        return Err(FixtureError::new(&format!("{}: no fixture is there", folder.display())));
    }
    Ok(found)
}

/// Makes a test of all fixtures in the package's folder `fixtures`: `fixtures!(Rule: validate, normalise);`.
#[macro_export]
macro_rules! fixtures {
    ($rule:ty : $($job:ident),+ $(,)?) => {
        #[test]
        fn fixtures() {
            let rule = $crate::testing::Rule::<$rule>::new()$(.$job())+;
            let folder = ::std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
            for (name, fixture) in $crate::testing::fixtures(&folder).expect("the fixtures can be read") {
                if let Err(difference) = fixture.check(&fixture.run(&rule)) {
                    panic!("{name}: {difference}");
                }
            }
        }
    };
}
