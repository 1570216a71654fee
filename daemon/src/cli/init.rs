//! `daybook init`: a first configuration and a fresh key.

use std::path::Path;

use serde_json::json;

use super::output::Out;
use super::{Failure, Outcome};
use crate::error::Words;
use crate::io::{OsEntropy, private, replace};
use crate::store::MasterKey;

const TEMPLATE: &str = include_str!("init.toml");

/// Writes `daybook.toml` and `keys/daybook.key`; never overwrites.
pub(crate) fn run(directory: Option<&Path>, out: &mut Out) -> Outcome {
    let directory = directory.unwrap_or(Path::new("."));
    let (config, key) = (directory.join("daybook.toml"), directory.join("keys").join("daybook.key"));
    for path in [&config, &key] {
        if path.exists() {
            let what = format!("`{}` is there already; nothing was written", path.display());
            return Err(Failure::Failed(Words::new(what, "Give another folder: `daybook init DIR`.")));
        }
    }
    std::fs::create_dir_all(directory)?;
    write_key(&key)?;
    replace::write_new(&config, TEMPLATE.as_bytes())?;
    if out.json {
        out.value(&json!({ "config": config, "key": key }));
    } else {
        out.line(format!("wrote {} and {}", config.display(), key.display()));
        out.line(
            "Next: name your tables and workbooks in daybook.toml, then `daybook check`. It is set to observe only:",
        );
        out.line("it reads and reports, and writes nothing until you take `observe_only` out.");
        out.line("Keep a copy of the key in another safe place: without it the store can't be read by anybody.");
    }
    Ok(())
}

/// Writes a fresh key, for its owner only.
pub(crate) fn write_key(path: &Path) -> Result<MasterKey, Failure> {
    if let Some(folder) = path.parent() {
        private::create_folder(folder)?;
    }
    let key = MasterKey::generate(&mut OsEntropy);
    private::write_new(path, key.to_text().as_bytes())?;
    Ok(key)
}
