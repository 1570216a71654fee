//! `daybook plugin install|pin|enable|disable`: what the office's configuration says of plugins.
//!
//! The new text of `daybook.toml` is checked as a whole before it takes the old one's place, and the old one must still be what was read.
//! A plugin that can't be loaded is not installed.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::edit::{self, EditError};
use crate::cli::open::read_config;
use crate::cli::output::Out;
use crate::cli::{Failure, Outcome};
use crate::config;
use crate::error::Words;
use crate::io::{Disk, RealDisk, Replaced};

/// The folder beside the configuration into which plugins are installed.
const FOLDER: &str = "plugins";

/// The configuration's file while it is being changed.
struct Office {
    path: PathBuf,
    text: String,
    expected: Option<crate::io::Fingerprint>,
}

impl Office {
    fn open(named: Option<&Path>) -> Result<Self, Failure> {
        // The fingerprint is taken first: a change while the text is read is noticed.
        let (path, _) = read_config(named)?;
        let expected = RealDisk.fingerprint(&path)?;
        let (path, text) = read_config(named)?;
        Ok(Self { path, text, expected })
    }

    fn failed(&self, error: &EditError) -> Failure {
        let path = self.path.display();
        let hint = match error {
            EditError::NotToml(_) => "`daybook check` says where.",
            EditError::Missing(_) => "`daybook plugin list` names those that are there.",
            EditError::There(_) => "Give another name, or take the section out first.",
            EditError::Inline => "Change it by hand.",
        };
        Failure::Usage(Words::new(format!("`{path}` was not changed: {error}"), hint))
    }

    /// Checks the new text and puts it in the place of the old one.
    fn write(&self, text: &str) -> Outcome {
        config::load(&self.path, text).map_err(Failure::Config)?;
        match RealDisk.replace(&self.path, text.as_bytes(), self.expected)? {
            Replaced::Done(_) => Ok(()),
            Replaced::Moved => Err(self.overtaken("Nothing was written; do it again.".to_owned())),
            Replaced::Overtaken { now, kept, .. } => {
                RealDisk.give_back(&self.path, &kept, now)?;
                Err(self.overtaken("Theirs stands; look at it and do it again.".to_owned()))
            }
        }
    }

    fn overtaken(&self, hint: String) -> Failure {
        let what = format!("`{}` was changed by somebody else at this moment", self.path.display());
        Failure::Failed(Words::new(what, hint))
    }

    /// Gives a key of a plugin's section a value.
    fn set(&self, name: &str, key: &str, to: impl Into<toml_edit::Value>) -> Outcome {
        let text = edit::set(&self.text, name, key, to).map_err(|error| self.failed(&error))?;
        self.write(&text)
    }
}

/// Runs a plugin from now on, or no longer.
pub(super) fn enable(named: Option<&Path>, name: &str, enabled: bool, out: &mut Out) -> Outcome {
    Office::open(named)?.set(name, "enabled", enabled)?;
    if out.json {
        out.value(&json!({ "name": name, "enabled": enabled }));
    } else if enabled {
        out.line(format!(
            "`{name}` is run again. `daybook plugin try {name}` says what it would change in what is stored."
        ));
    } else {
        out.line(format!(
            "`{name}` is not run any more; what it has set stays. A running daemon has to be started anew."
        ));
    }
    Ok(())
}
