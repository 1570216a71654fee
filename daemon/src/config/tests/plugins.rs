//! What `[[plugin]]` says, and what is refused of it.

use super::*;
use crate::model::plugin::{OnFailure, PluginJob};

/// A table with a field whose conflicts the plugin of [`plugin`] decides.
const TABLE: &str = r#"[[table]]
name = "t"
primary_key = ["id"]
owner_field = "owner"
[[table.field]]
name = "id"
[[table.field]]
name = "owner"
[[table.field]]
name = "tax"
conflict = "plugin:p"
[[table.field]]
name = "stage"
"#;

fn plugin(more: &str) -> String {
    format!("{TABLE}[[plugin]]\nname = \"p\"\npath = \"p.wasm\"\ntable = \"t\"\n{more}\n")
}

#[test]
fn a_plugin_is_read_with_what_it_may_see_and_set() {
    let right = plugin(
        "reads = [\"id\", \"tax\"]\nwrites = [\"tax\", \"stage\"]\nsettings = { n = 1, at = 2026-03-01, list = [1.5, true] }\nenabled = false",
    );
    let config =
        load_text(&format!("[store]\nkey_file = \"keys/k\"\n{right}")).unwrap_or_else(|told| panic!("{told:?}"));
    let read = &config.plugins[0];
    assert_eq!((read.name.as_str(), read.path.as_path()), ("p", Path::new("/srv/office/p.wasm")));
    assert_eq!((read.reads.len(), read.writes.len(), read.resolves.as_slice()), (2, 2, &read.writes[..1]));
    assert_eq!(read.settings, r#"{"at":"2026-03-01","list":[1.5,true],"n":1}"#);
    assert_eq!((read.on_failure, read.disabled, read.sha256), (OnFailure::Hold, true, None));
    assert_eq!((read.limits.memory_bytes_max, read.limits.time_max.as_millis()), (64 << 20, 1000));

    check(
        &plugin(
            "reads = [\"id\", \"taks\"]\nwrites = [\"id\", \"owner\"]\nsha256 = \"0g\"\non_failure = \"stop\"\nsettings = { x = inf }",
        ),
        &[
            "18 plugin.reads: there is no field `taks`; the table has",
            "19 plugin.writes: `id` identifies the record, so no plugin may set it",
            "19 plugin.writes: `owner` decides who may see the record, so no plugin may set it",
            "20 plugin.sha256: must be a SHA-256: 64 hexadecimal digits",
            "21 plugin.on_failure: `stop` is not allowed here",
            "22 plugin.settings: holds a number that JSON has not",
        ],
    );
    check(
        &plugin("reads = [\"tax\"]\nwrites = [\"stage\"]"),
        &["11 table.field.conflict: the plugin `p` may not decide about `tax`; its `table` has to be `t`"],
    );
    check(
        &format!("{}[[plugin]]\nname = \"p\"\nsettings = 3\n", plugin("reads = [\"tax\"]\nwrites = [\"tax\"]")),
        &[
            "20 plugin.path: missing",
            "20 plugin.table: missing",
            "20 plugin.reads: missing",
            "21 plugin.name: `p` is taken by another plugin",
            "22 plugin.settings: must be a table, is a whole number",
        ],
    );
}

/// Which jobs a plugin is asked for is the office's to say; to read mails it has to be named.
#[test]
fn the_jobs_of_a_plugin_are_those_that_are_named() {
    const ALL: [PluginJob; 5] =
        [PluginJob::Normalise, PluginJob::Validate, PluginJob::Classify, PluginJob::Merge, PluginJob::Mail];
    let asked = |jobs: &str| -> Vec<PluginJob> {
        let text = plugin(&format!("reads = [\"tax\"]\nwrites = [\"tax\"]\n{jobs}"));
        let config =
            load_text(&format!("[store]\nkey_file = \"keys/k\"\n{text}")).unwrap_or_else(|told| panic!("{told:?}"));
        ALL.into_iter().filter(|job| config.plugins[0].lets(*job)).collect()
    };
    assert_eq!(asked(""), ALL[..4], "all but the reading of mails");
    assert_eq!(asked("jobs = [\"merge\", \"mail\"]"), ALL[3..]);
    assert_eq!(asked("jobs = [\"mail\", \"classify\", \"merge\", \"validate\", \"normalise\"]"), ALL);

    let refused = |jobs: &str, expected: &[&str]| {
        check(&plugin(&format!("reads = [\"tax\"]\nwrites = [\"tax\"]\njobs = {jobs}")), expected);
    };
    refused(
        "[\"merge\", \"check\"]",
        &["20 plugin.jobs: `check` is not allowed here; allowed are `normalise`, `validate`, `classify`, `merge`"],
    );
    refused("[\"merge\", \"mail\", \"merge\"]", &["20 plugin.jobs: `merge` is there twice"]);
    refused("[]", &["20 plugin.jobs: names no job"]);
    refused(
        "[\"validate\"]",
        &["11 table.field.conflict: the plugin `p` may not decide about `tax`; its `jobs` have to name `merge`"],
    );
}
