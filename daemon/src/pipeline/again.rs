//! Putting held rows to plugins again that are other ones by now, or well again.
//!
//! Nothing is decided here: the sources in which rows wait are read again, and each row is judged as any other.

use std::collections::HashSet;

use super::error::PipelineError;
use super::{CONSOLE, Pipeline, reread_task};
use crate::model::plugin::PluginName;
use crate::model::{Review, ReviewKind, SourceName, TableName};
use crate::store::Snapshot;

impl Pipeline {
    /// Asks for the sources to be read again in which plugins hold something that are other ones by now, or have rested.
    pub fn put_again(&mut self) -> Result<(), PipelineError> {
        let renewed: Vec<PluginName> = self.parts.plugins.renewed();
        if renewed.is_empty() {
            return Ok(());
        }
        let is_its = |table: &TableName| {
            self.config.plugins.iter().any(|setup| setup.table == *table && renewed.contains(&setup.name))
        };
        let open = self.store.snapshot()?.reviews(true)?.into_iter().map(|kept| kept.review);
        let sources: HashSet<SourceName> = open
            .filter(|review| is_plugins(review) && is_its(&review.table) && review.source.as_str() != CONSOLE)
            .map(|review| review.source)
            .collect();
        let now = self.now();
        for source in sources {
            self.store.add_task(&reread_task(&source), now)?;
        }
        Ok(())
    }
}

/// Whether plugins hold rows of a source. Then what stands there is read though it has not changed: they may be others by now.
pub(super) fn has_held_rows(snapshot: &Snapshot<'_>, source: &SourceName) -> Result<bool, PipelineError> {
    let open = super::sheet::open_reviews(snapshot, source)?;
    Ok(open.iter().any(is_plugins))
}

/// Whether a question is about what a plugin holds.
fn is_plugins(review: &Review) -> bool {
    review.kind == ReviewKind::Plugin || !review.held.is_empty()
}
