//! The macros that make a plugin of a rule.

/// Exports a rule with several jobs: `plugin!(Rule: validate, normalise);`.
///
/// The jobs are `normalise`, `validate`, `classify`, `merge` and `mail`. The macro stands once in a plugin's `lib.rs`. When not built for
/// WebAssembly, it only checks that the rule has the jobs' traits, so that a rule's own tests run natively.
#[macro_export]
macro_rules! plugin {
    ($rule:ty : $($job:ident),+ $(,)?) => {
        const _: () = { $($crate::__job!(check $job $rule);)+ };

        #[cfg(target_family = "wasm")]
        #[allow(unsafe_code, unused_imports, clippy::all, clippy::pedantic, reason = "what it has is made by wit-bindgen")]
        mod __daybook_plugin {
            use super::*;
            use $crate::bindings;

            struct Exports;

            impl bindings::base::exports::daybook::plugin::meta::Guest for Exports {
                fn describe() -> bindings::base::exports::daybook::plugin::meta::Manifest {
                    $crate::glue::describe::<$rule>(&[$($crate::__job!(name $job)),+])
                }

                fn check_settings(settings_json: ::std::string::String) -> ::std::result::Result<(), ::std::string::String> {
                    $crate::log::panics();
                    $crate::glue::check_settings::<$rule>(&settings_json)
                }
            }
            bindings::base::export_base!(Exports with_types_in $crate::bindings::base);

            $($crate::__job!(export $job $rule);)+
        }
    };
}

/// Exports a rule that validates.
#[macro_export]
macro_rules! validator {
    ($rule:ty) => { $crate::plugin!($rule: validate); };
}

/// Exports a rule that normalises.
#[macro_export]
macro_rules! normaliser {
    ($rule:ty) => { $crate::plugin!($rule: normalise); };
}

/// Exports a rule that classifies.
#[macro_export]
macro_rules! classifier {
    ($rule:ty) => { $crate::plugin!($rule: classify); };
}

/// Exports a rule that decides conflicts.
#[macro_export]
macro_rules! merger {
    ($rule:ty) => { $crate::plugin!($rule: merge); };
}

/// Exports a rule that reads mails.
#[macro_export]
macro_rules! mail_reader {
    ($rule:ty) => { $crate::plugin!($rule: mail); };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __job {
    (check normalise $rule:ty) => { { const fn has<R: $crate::Normaliser>() {} has::<$rule>(); } };
    (check validate $rule:ty) => { { const fn has<R: $crate::Validator>() {} has::<$rule>(); } };
    (check classify $rule:ty) => { { const fn has<R: $crate::Classifier>() {} has::<$rule>(); } };
    (check merge $rule:ty) => { { const fn has<R: $crate::Merger>() {} has::<$rule>(); } };
    (check mail $rule:ty) => { { const fn has<R: $crate::MailReader>() {} has::<$rule>(); } };

    (name normalise) => { $crate::glue::Job::Normalise };
    (name validate) => { $crate::glue::Job::Validate };
    (name classify) => { $crate::glue::Job::Classify };
    (name merge) => { $crate::glue::Job::Merge };
    (name mail) => { $crate::glue::Job::Mail };

    (export normalise $rule:ty) => {
        $crate::__rows!(normalise export_normalise Change $rule);
    };
    (export validate $rule:ty) => {
        $crate::__rows!(validate export_validate Issue $rule);
    };
    (export classify $rule:ty) => {
        $crate::__rows!(classify export_classify Label $rule);
    };
    (export merge $rule:ty) => {
        const _: () = {
            use $crate::bindings::base::daybook::plugin::types;
            use $crate::bindings::merge::exports::daybook::plugin::merge;

            impl merge::Guest for Exports {
                fn resolve(
                    schema: types::Schema,
                    context: types::Context,
                    rows: ::std::vec::Vec<types::Row>,
                    disputes: ::std::vec::Vec<merge::Dispute>,
                ) -> ::std::result::Result<::std::vec::Vec<merge::Resolution>, types::Failure> {
                    $crate::log::panics();
                    $crate::glue::resolve::<$rule>(&schema, &context, &rows, &disputes)
                }
            }
            bindings::merge::export_merge!(Exports with_types_in $crate::bindings::merge);
        };
    };
    (export mail $rule:ty) => {
        const _: () = {
            use $crate::bindings::base::daybook::plugin::types;
            use $crate::bindings::mail::exports::daybook::plugin::mail;

            impl mail::Guest for Exports {
                fn parse(
                    schema: types::Schema,
                    context: types::Context,
                    message: mail::Message,
                ) -> ::std::result::Result<::std::vec::Vec<mail::Reading>, types::Failure> {
                    $crate::log::panics();
                    $crate::glue::parse::<$rule>(&schema, &context, &message)
                }
            }
            bindings::mail::export_mail!(Exports with_types_in $crate::bindings::mail);
        };
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __rows {
    ($job:ident $export:ident $answer:ident $rule:ty) => {
        const _: () = {
            use $crate::bindings::base::daybook::plugin::types;

            impl bindings::$job::exports::daybook::plugin::$job::Guest for Exports {
                fn $job(
                    schema: types::Schema,
                    context: types::Context,
                    rows: ::std::vec::Vec<types::Row>,
                ) -> ::std::result::Result<::std::vec::Vec<types::$answer>, types::Failure> {
                    $crate::log::panics();
                    $crate::glue::$job::<$rule>(&schema, &context, &rows)
                }
            }
    bindings::$job::$export!(Exports with_types_in $crate::bindings::$job);
        };
    };
}
