//! What a plugin says of itself.

/// What a plugin says of itself, for whoever installs it. [`manifest!`](crate::manifest) makes it from `Cargo.toml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manifest {
    pub(crate) id: &'static str,
    pub(crate) version: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) reads: &'static [&'static str],
    pub(crate) writes: &'static [&'static str],
    pub(crate) settings_schema: &'static str,
}

impl Manifest {
    /// The id names the plugin among all of its author's: lower case with hyphens. The version stands in the history of each cell
    /// that the plugin set or refused. The summary is one sentence.
    pub const fn new(id: &'static str, version: &'static str, summary: &'static str) -> Self {
        Self { id, version, summary, reads: &[], writes: &[], settings_schema: "" }
    }

    /// The kinds of columns that it needs, by names of the author's own.
    #[must_use]
    pub const fn reads(self, reads: &'static [&'static str]) -> Self {
        Self { reads, ..self }
    }

    /// The kinds of columns that it sets.
    #[must_use]
    pub const fn writes(self, writes: &'static [&'static str]) -> Self {
        Self { writes, ..self }
    }

    /// A JSON Schema of its settings.
    #[must_use]
    pub const fn settings_schema(self, schema: &'static str) -> Self {
        Self { settings_schema: schema, ..self }
    }
}

/// Makes a [`Manifest`] of what stands in `Cargo.toml`: the package's name, version and description.
#[macro_export]
macro_rules! manifest {
    () => {
        $crate::Manifest::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"), env!("CARGO_PKG_DESCRIPTION"))
    };
}
