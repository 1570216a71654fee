//! For plugins of Daybook: an office's own rules over the rows of its workbooks.
//!
//! A plugin is a WebAssembly component that Daybook asks about rows: what is wrong with them, what their cells should be, which class they belong
//! to, what becomes of a conflict. This crate turns a Rust type into one. The authors' guide, with the limits, the fixtures and how to
//! install a plugin, is the `README.md` beside this crate.
//!
//! # A validator
//!
//! The rule: a number of a membership card has eight digits. This is the whole plugin.
//!
//! ```
//! use daybook_plugin_sdk::prelude::*;
//!
//! struct CardNumber {
//!     card: Column,
//!     context: Context,
//! }
//!
//! impl Plugin for CardNumber {
//!     type Settings = NoSettings;
//!     const MANIFEST: Manifest = manifest!().reads(&["card"]);
//!
//!     fn new(_: NoSettings, schema: Schema<'_>, context: Context) -> Result<Self, Failure> {
//!         Ok(Self { card: schema.column("card")?, context })
//!     }
//! }
//!
//! impl Validator for CardNumber {
//!     fn validate(&self, row: Row<'_>, issues: &mut Issues) {
//!         let Some(card) = row.cell(self.card).text() else { return };
//!         if card.len() != 8 || !card.bytes().all(|byte| byte.is_ascii_digit()) {
//!             issues.error(self.card, "card-number", self.context.say("卡号应为 8 位数字。", "A card number has 8 digits."));
//!         }
//!     }
//! }
//!
//! daybook_plugin_sdk::validator!(CardNumber);
//! # fn main() {}
//! ```
//!
//! What happens: for each batch of rows Daybook starts the plugin anew and asks it. The macro reads the settings, makes the rule with
//! [`Plugin::new`] and calls [`Validator::validate`] for each row. `schema.column` fails with a message to IT if the office did not list `card` in `reads`.
//!
//! # Testing it
//!
//! A rule is a type like any other, so its tests are too. Cases stand in fixtures, TOML files that are run through the built component
//! as well; with the feature `testing` the crate runs them natively:
//!
//! ```
//! # use daybook_plugin_sdk::prelude::*;
//! # struct CardNumber { card: Column, context: Context }
//! # impl Plugin for CardNumber {
//! #     type Settings = NoSettings;
//! #     const MANIFEST: Manifest = manifest!().reads(&["card"]);
//! #     fn new(_: NoSettings, schema: Schema<'_>, context: Context) -> Result<Self, Failure> {
//! #         Ok(Self { card: schema.column("card")?, context })
//! #     }
//! # }
//! # impl Validator for CardNumber {
//! #     fn validate(&self, row: Row<'_>, issues: &mut Issues) {
//! #         let Some(card) = row.cell(self.card).text() else { return };
//! #         if card.len() != 8 || !card.bytes().all(|byte| byte.is_ascii_digit()) {
//! #             issues.error(self.card, "card-number", self.context.say("卡号应为 8 位数字。", "A card number has 8 digits."));
//! #         }
//! #     }
//! # }
//! # #[cfg(feature = "testing")] {
//! use daybook_plugin_sdk::testing::{Fixture, Rule};
//!
//! let fixture = Fixture::parse(r#"
//!     [[column]]
//!     name = "card"
//!
//!     [[row]]
//!     cells = ["20260301"]
//!
//!     [[row]]
//!     cells = ["2026-301"]
//!     issues = [{ column = "card", code = "card-number", says = "8 位" }]
//! "#).unwrap();
//! let said = fixture.run(&Rule::<CardNumber>::new().validate());
//! fixture.check(&said).unwrap();
//! # }
//! ```
//!
//! # Settings
//!
//! A rule that several offices should use takes what differs from `settings` in `daybook.toml`, read by serde. [`Plugin::check`] says what types can't.
//!
//! ```
//! use daybook_plugin_sdk::prelude::*;
//! use serde::Deserialize;
//!
//! #[derive(Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct Limit {
//!     field: String,
//!     at_most: Decimal,
//! }
//!
//! struct AtMost {
//!     amount: Column,
//!     at_most: Decimal,
//! }
//!
//! impl Plugin for AtMost {
//!     type Settings = Limit;
//!     const MANIFEST: Manifest = manifest!().reads(&["amount"]);
//!
//!     fn new(limit: Limit, schema: Schema<'_>, _: Context) -> Result<Self, Failure> {
//!         Ok(Self { amount: schema.column_of(&limit.field, Kind::Decimal)?, at_most: limit.at_most })
//!     }
//!
//!     fn check(limit: &Limit) -> Result<(), String> {
//!         if limit.at_most.is_negative() { Err("`at_most` is below zero".into()) } else { Ok(()) }
//!     }
//! }
//!
//! impl Validator for AtMost {
//!     fn validate(&self, row: Row<'_>, issues: &mut Issues) {
//!         if row.cell(self.amount).decimal().is_some_and(|amount| amount > self.at_most) {
//!             issues.warning(self.amount, "at-most", format!("More than {} is unusual here.", self.at_most));
//!         }
//!     }
//! }
//!
//! daybook_plugin_sdk::validator!(AtMost);
//! # fn main() {}
//! ```
//!
//! # Other jobs
//!
//! | trait | macro | the rule |
//! | --- | --- | --- |
//! | [`Validator`] | [`validator!`] | says what is wrong with a row |
//! | [`Normaliser`] | [`normaliser!`] | says what a row's cells should be |
//! | [`Classifier`] | [`classifier!`] | says which class a row belongs to |
//! | [`Merger`] | [`merger!`] | decides a conflict |
//! | [`MailReader`] | [`mail_reader!`] | reads rows out of a mail |
//!
//! [`plugin!`] exports several jobs of one rule:
//!
//! ```
//! use daybook_plugin_sdk::prelude::*;
//!
//! struct Grade(Column);
//!
//! impl Plugin for Grade {
//!     type Settings = NoSettings;
//!     const MANIFEST: Manifest = manifest!().reads(&["grade"]).writes(&["grade"]);
//!
//!     fn new(_: NoSettings, schema: Schema<'_>, _: Context) -> Result<Self, Failure> {
//!         Ok(Self(schema.column("grade")?))
//!     }
//! }
//!
//! impl Normaliser for Grade {
//!     fn normalise(&self, row: Row<'_>, changes: &mut Changes<'_>) {
//!         if let Some(grade) = row.cell(self.0).text() {
//!             changes.set(self.0, grade.to_uppercase(), "Grades are written in capitals.");
//!         }
//!     }
//! }
//!
//! impl Merger for Grade {
//!     fn resolve(&self, dispute: Dispute<'_>) -> Verdict {
//!         match (dispute.stored().text(), dispute.incoming().text()) {
//!             (Some(stored), Some(incoming)) if incoming < stored => Verdict::incoming("The better grade stands."),
//!             (Some(_), Some(_)) => Verdict::stored("The better grade stands."),
//!             _ => Verdict::ask("One of the two took the grade away."),
//!         }
//!     }
//! }
//!
//! daybook_plugin_sdk::plugin!(Grade: normalise, merge);
//! # fn main() {}
//! ```
//!
//! # Speed
//!
//! Rows and cells borrow from the batch; [`Cell::text`] copies nothing. Memory comes from a small allocator ([`memory`], feature
//! `allocator`, on by default), because an instance lives for one batch only. What is expensive (a table, a parsed list) belongs into
//! [`Plugin::new`], which is called once for each batch, or into a `const`.

// The macros and what wit-bindgen makes name this crate, also here.
extern crate self as daybook_plugin_sdk;

mod answers;
mod cell;
mod context;
mod date;
mod decimal;
mod jobs;
mod manifest;
mod row;
mod schema;

pub mod log;
pub mod memory;
#[cfg(feature = "testing")]
pub mod testing;

mod export;
#[doc(hidden)]
pub mod glue;

#[doc(hidden)]
pub mod bindings;

pub use self::answers::{Changes, Issues, Labels, Mail, Readings, Severity, Verdict};
pub use self::bindings::base::daybook::plugin::types::Failure;
pub use self::cell::Cell;
pub use self::context::{Context, Language};
pub use self::date::Date;
pub use self::decimal::Decimal;
pub use self::jobs::{Classifier, MailReader, Merger, NoSettings, Normaliser, Plugin, Validator};
pub use self::manifest::Manifest;
pub use self::row::{Dispute, Row};
pub use self::schema::{Column, Kind, Schema};

/// All that a rule usually names.
pub mod prelude {
    pub use crate::{
        Cell, Changes, Classifier, Column, Context, Date, Decimal, Dispute, Failure, Issues, Kind, Labels, Language,
        Mail, MailReader, Manifest, Merger, NoSettings, Normaliser, Plugin, Readings, Row, Schema, Severity, Validator,
        Verdict, log, manifest,
    };
}

#[cfg(all(target_family = "wasm", feature = "allocator"))]
#[global_allocator]
static MEMORY: memory::Memory = memory::Memory::new();
