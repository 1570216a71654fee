//! Files of a pattern that were moved or renamed: the file at the new path is the source that it was at the old one.
//!
//! Each file of a pattern is a source of its own, named by its path. If a file appears that nothing is known of, while a
//! source's file is gone whose content or mark it has, it takes that source's states over: nothing of it is new, and what
//! is saved in it next is compared with what its people saw. A copy, whose original is still there, takes nothing over.

use super::error::PipelineError;
use super::spec::SourceSpec;
use super::{Pipeline, is_of};
use crate::model::problem::Code;
use crate::model::review::Review;
use crate::model::{Problem, SourceName};
use crate::source::workbook::{Listing, WorkbookSource, list};

/// What a file says of where it comes from.
pub(super) struct Origin {
    /// SHA-256 of the file.
    pub(super) digest: [u8; 32],
    /// The property `Daybook.Source`.
    pub(super) made_for: Option<String>,
}

impl Pipeline {
    /// Lets a source of which nothing is known take over that of a file which is gone and which it surely is. True if it did.
    pub(super) fn take_over(
        &mut self,
        spec: usize,
        source: &SourceName,
        origin: &Origin,
    ) -> Result<bool, PipelineError> {
        if !self.specs[spec].is_pattern {
            return Ok(false);
        }
        let snapshot = self.store.snapshot()?;
        if !snapshot.states(source)?.is_empty() {
            return Ok(false);
        }
        let own = |name: &SourceName| name != source && is_of(self.specs[spec].name.as_str(), name.as_str());
        let others: Vec<SourceName> =
            snapshot.sources_last_seen()?.into_iter().map(|seen| seen.source).filter(own).collect();
        let mut fitting = Vec::new();
        for other in &others {
            let newest = snapshot.states(other)?.into_iter().next();
            let same = newest.is_some_and(|state| state.mark.digest == origin.digest);
            if same || origin.made_for.as_deref() == Some(other.as_str()) {
                fitting.push(other.clone());
            }
        }
        drop(snapshot);
        if fitting.is_empty() {
            return Ok(false);
        }
        let Listing::Files(there) = list(self.parts.disk.as_ref(), &whole(&self.specs[spec], others)) else {
            return Ok(false);
        };
        fitting.retain(|name| there.iter().all(|file| file.name != *name));
        let [gone] = &fitting[..] else { return Ok(false) };
        if !self.store.rename_source(gone, source)? {
            return Ok(false);
        }
        tracing::info!(from = gone.as_str(), to = source.as_str(), "a workbook was moved");
        self.moved.insert(source.clone(), gone.clone());
        Ok(true)
    }
}

/// All files of a pattern, those too that are sources of their own by now.
fn whole(spec: &SourceSpec, seen: Vec<SourceName>) -> WorkbookSource {
    let (name, pattern) = (spec.name.to_string(), spec.path.clone());
    WorkbookSource { name, pattern, except: Vec::new(), seen: seen.into_iter().collect() }
}

/// Tells that a file was moved.
pub(super) fn told(from: &SourceName, to: &SourceName, place: &str) -> Problem {
    Problem::new(
        Code("file-moved"),
        place,
        format!(
            "{place}: this is the workbook that was `{from}`, at another path or under another name. It is `{to}` from now on."
        ),
        "Nothing has to be done.",
    )
}

/// The open reviews of a source as they are under its new name.
pub(super) fn renamed(open: Vec<Review>, source: &SourceName) -> Vec<Review> {
    open.into_iter().map(|review| Review { source: source.clone(), ..review }).collect()
}
