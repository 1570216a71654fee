//! What plugins may carry from one class into another: a field that somebody sees may come of one that she does not.
//!
//! It is no defect: a class of customers that is made of their turnover is just that. The office has to know it, so it is told.

use crate::access::Decider;
use crate::config::Config;
use crate::model::plugin::PluginSetup;
use crate::model::problem::Code;
use crate::model::{Field, Problem};

/// A plugin reads a field of one class and sets one of another, which others may see.
pub const FLOW: Code = Code("plugin-flow");

/// What a plugin may tell of fields to those who may not see them: one problem for each two classes.
pub fn flows(config: &Config, setup: &PluginSetup) -> Vec<Problem> {
    let Some(table) = config.tables.iter().find(|table| table.name == setup.table) else { return Vec::new() };
    let decider = Decider::compile(&config.policy, &config.tables);
    let mut told: Vec<(&str, &str)> = Vec::new();
    let mut problems = Vec::new();
    for read in setup.reads.iter().filter_map(|field| table.field(*field)) {
        for set in setup.writes.iter().filter_map(|field| table.field(*field)) {
            let classes = (read.class.as_str(), set.class.as_str());
            if !told.contains(&classes) && decider.tells_more(table, classes.1, classes.0) {
                told.push(classes);
                problems.push(flow(setup, read, set));
            }
        }
    }
    problems
}

fn flow(setup: &PluginSetup, read: &Field, set: &Field) -> Problem {
    let message = format!(
        "`{}` reads `{}` (class {}) and sets `{}` (class {}): whoever may see `{3}` may learn something of `{1}`.",
        setup.name, read.name, read.class, set.name, set.class
    );
    let hint =
        format!("If that is not meant so, take `{}` out of its `reads`, or let it set another field.", read.name);
    Problem::new(FLOW, setup.name.as_str(), message, hint)
}
