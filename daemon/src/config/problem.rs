//! What is wrong with a configuration: one entry for each thing that a person has to put right.

use std::fmt;
use std::path::PathBuf;

/// One thing that is wrong with the configuration, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigProblem {
    /// The file, as it was named to [`super::load`].
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The key's path, `table.field.class`; empty if the text is not TOML at all.
    pub key: String,
    /// What kind of problem it is.
    pub kind: ProblemKind,
    /// What is wrong.
    pub message: String,
    /// What to do about it; may be empty.
    pub hint: String,
}

/// Writes ``daybook.toml:14: workbook.pathh: unknown key; did you mean `path`?``
impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.file.display(), self.line)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)?;
        if !self.hint.is_empty() {
            write!(f, "; {}", self.hint)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigProblem {}

/// The kinds of problem. Their [`code`](Self::code)s are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProblemKind {
    /// The text is not TOML.
    Syntax,
    /// A key that Daybook does not know.
    UnknownKey,
    /// A key that has to be there is not.
    MissingKey,
    /// A value of another type than the key takes.
    WrongType,
    /// A value of the right type that is not allowed.
    WrongValue,
    /// The same name, path or key a second time.
    Duplicate,
    /// A name that nothing in the configuration bears.
    UnknownName,
    /// Two settings that can't both hold.
    Contradiction,
    /// A setting whose feature is not built yet.
    NotSupportedYet,
}

impl ProblemKind {
    /// Its stable, kebab-case name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Syntax => "config-syntax",
            Self::UnknownKey => "unknown-key",
            Self::MissingKey => "missing-key",
            Self::WrongType => "wrong-type",
            Self::WrongValue => "wrong-value",
            Self::Duplicate => "duplicate",
            Self::UnknownName => "unknown-name",
            Self::Contradiction => "contradiction",
            Self::NotSupportedYet => "not-supported-yet",
        }
    }

    /// What can be done about a problem of this kind of which nothing better is known.
    pub(super) const fn hint(self) -> &'static str {
        match self {
            Self::Syntax => "put this right first; what else is wrong is seen then",
            Self::Duplicate => "leave one",
            Self::NotSupportedYet => "remove it for now",
            Self::Contradiction => "change one of the two",
            Self::UnknownKey | Self::MissingKey | Self::WrongType | Self::WrongValue | Self::UnknownName => {
                "config.example.toml explains every setting"
            }
        }
    }
}
