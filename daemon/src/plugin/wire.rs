//! The contract of `plugin-sdk/wit` as Rust types: made from the WIT itself, so that the two can't part.
//!
//! One world holds the interface of every job. No plugin has to export all of them: the host looks for each that a manifest
//! names by itself. What goes to a plugin borrows from the rows; what comes back is owned.

wasmtime::component::bindgen!({
    path: "../plugin-sdk/wit",
    inline: "
        package daybook:daemon;
        world every {
            import daybook:plugin/host@1.0.0;
            export daybook:plugin/meta@1.0.0;
            export daybook:plugin/normalise@1.0.0;
            export daybook:plugin/validate@1.0.0;
            export daybook:plugin/classify@1.0.0;
            export daybook:plugin/merge@1.0.0;
            export daybook:plugin/mail@1.0.0;
        }",
    world: "daybook:daemon/every",
    ownership: Borrowing { duplicate_if_necessary: false },
});

pub(super) use self::daybook::plugin::{host, types};
pub(super) use self::exports::daybook::plugin::{classify, mail, merge, meta, normalise, validate};
