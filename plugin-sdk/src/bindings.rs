//! The contract in `wit/` as Rust types, made from the WIT itself so that the two can't part.
//!
//! Each job is a world of its own: a plugin exports [`base`] and those of its jobs, and `wit-component` puts their worlds
//! together. All of them share the types of [`base`].

#![allow(missing_docs, unsafe_code, unreachable_pub, clippy::all, clippy::pedantic, reason = "made by wit-bindgen")]

/// What every plugin has: types, log and description.
pub mod base {
    wit_bindgen::generate!({
        path: "wit",
        inline: "package daybook:sdk; world base {
            import daybook:plugin/types@1.0.0;
            import daybook:plugin/host@1.0.0;
            export daybook:plugin/meta@1.0.0;
        }",
        world: "daybook:sdk/base",
        pub_export_macro: true,
        export_macro_name: "export_base",
        default_bindings_module: "::daybook_plugin_sdk::bindings::base",
        generate_all,
    });
}

macro_rules! job {
    ($module:ident, $world:literal, $inline:literal, $export:literal) => {
        pub mod $module {
            wit_bindgen::generate!({
                path: "wit",
                inline: $inline,
                world: $world,
                pub_export_macro: true,
                export_macro_name: $export,
                default_bindings_module: "::daybook_plugin_sdk::bindings",
                with: { "daybook:plugin/types@1.0.0": super::base::daybook::plugin::types },
            });
        }
    };
}

job!(
    normalise,
    "daybook:sdk/normalising",
    "package daybook:sdk; world normalising { export daybook:plugin/normalise@1.0.0; }",
    "export_normalise"
);
job!(
    validate,
    "daybook:sdk/validating",
    "package daybook:sdk; world validating { export daybook:plugin/validate@1.0.0; }",
    "export_validate"
);
job!(
    classify,
    "daybook:sdk/classifying",
    "package daybook:sdk; world classifying { export daybook:plugin/classify@1.0.0; }",
    "export_classify"
);
job!(
    merge,
    "daybook:sdk/merging",
    "package daybook:sdk; world merging { export daybook:plugin/merge@1.0.0; }",
    "export_merge"
);
job!(
    mail,
    "daybook:sdk/mail-reading",
    "package daybook:sdk; world mail-reading { export daybook:plugin/mail@1.0.0; }",
    "export_mail"
);
