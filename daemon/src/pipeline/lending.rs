//! Lending the plugins out while the rest of the pipeline works.
//!
//! A posting asks them while it has the whole pipeline to itself, so they are taken out of it and put back. A panic on the way must not leave the pipeline
//! without them: whoever catches it goes on with the same pipeline, and every row would pass.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::Pipeline;
use crate::plugin::{Plugins, Unavailable};

/// The plugins while they are lent.
pub(super) type Lent = RefCell<Box<dyn Plugins>>;

impl Pipeline {
    /// Does some work with the plugins at hand. They are back when it ends, however it does.
    pub(super) fn lending<T>(&mut self, work: impl FnOnce(&mut Self, &Lent) -> T) -> T {
        // Whoever asks the pipeline's own meanwhile gets no answer, which lets nothing pass.
        let nobody = Unavailable { why: "the plugins are at work elsewhere.".to_owned() };
        let plugins = RefCell::new(std::mem::replace(&mut self.parts.plugins, Box::new(nobody)));
        let done = catch_unwind(AssertUnwindSafe(|| work(self, &plugins)));
        self.parts.plugins = plugins.into_inner();
        done.unwrap_or_else(|panic| resume_unwind(panic))
    }
}
