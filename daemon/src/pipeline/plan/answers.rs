//! What a row of a person's own workbook is answered.
//!
//! In come a record's row, what waits and what was refused; out goes the text for the column of answers, if it is to be another
//! one than stands there. An answer is never taken back because time has passed, only by news of the row.

use compact_str::CompactString;

use super::{Background, Last, PlannedRow, Planner, Recalled, Scene, text_cell};
use crate::model::row::cell_of;
use crate::model::{Cell, FieldId, RecordId, RowHash};
use crate::pipeline::error::PipelineError;
use crate::pipeline::layout::LaidRow;
use crate::publish::answer::{self, Answer, Remark};

impl Planner<'_> {
    /// The answer that a row is to show; `None` if it shows the right one.
    pub(super) fn answer(
        &self,
        scene: &Scene<'_>,
        changes: bool,
        background: &mut Background,
        recalled: &mut Option<Recalled>,
    ) -> Result<Option<CompactString>, PipelineError> {
        let LaidRow { record, number, is_read, .. } = *scene.row;
        let shown = match (is_read, cell_of(scene.shown, FieldId::ANSWER)) {
            (true, _) => self.layout.answers.get(&number).cloned().unwrap_or_default(),
            (false, Some(cell)) => CompactString::from(cell.to_string()),
            (false, None) => CompactString::default(),
        };
        let is_open = shown.is_empty() || answer::is_waiting(&shown, self.texts);
        let unreadable = scene.shown.iter().any(|(_, cell)| matches!(cell, Cell::Raw(_)));
        // What others change in the row takes nothing back that its author has been told.
        let is_news = background.is_touched(record) || changes && is_open;
        let remarks = match self.layout.remarks.get(&number) {
            Some(remarks) => Some(remarks.clone()),
            None if unreadable && !is_open || !is_news => None,
            None if !background.refused => Some(Vec::new()),
            None => self.recall(record, background, recalled)?.map(|recalled| self.refusals(recalled)),
        };
        let say = |answer: &Answer| answer::text(answer, self.table, self.texts);
        let text = match (background.waits_for(record), remarks) {
            (Some(fields), Some(remarks)) => say(&Answer::Waiting(fields, remarks)),
            (Some(fields), None) => {
                let waiting = say(&Answer::Waiting(fields, Vec::new()));
                // What was refused beside it stands there already.
                if answer::begins_with(&shown, &waiting, self.texts) {
                    return Ok(None);
                }
                waiting
            }
            (None, Some(remarks)) if remarks.is_empty() => say(&Answer::Saved),
            (None, Some(remarks)) => say(&Answer::Refused(remarks)),
            (None, None) if is_open && !is_news => say(&Answer::Saved),
            (None, None) => return Ok(None),
        };
        Ok((text != shown).then_some(text))
    }

    /// What of the source's last word about a record was refused.
    fn refusals(&self, recalled: &Recalled) -> Vec<Remark> {
        let newest = recalled.0.iter().map(|(_, last)| last.arrival).max();
        let refused = recalled.0.iter().filter(|(_, last)| Some(last.arrival) == newest);
        let remark = |(field, last): &(FieldId, Last)| {
            let rule = last.refused_by.as_ref()?;
            Some(Remark { field: Some(*field), reason: self.reason(rule) })
        };
        refused.filter_map(remark).collect()
    }

    /// What to say of a rule that refused: an access rule's own reason, or a code.
    fn reason(&self, rule: &CompactString) -> CompactString {
        if let Some(access) = self.policy.rules.iter().find(|access| access.id == rule.as_str()) {
            let reason = access.reason.trim_end_matches(['.', '。']);
            return if reason.is_empty() { CompactString::const_new("forbidden") } else { reason.into() };
        }
        match rule.as_str() {
            "no-rule" => CompactString::const_new("forbidden"),
            "unique" => CompactString::const_new("not-unique"),
            _ => rule.clone(),
        }
    }

    /// The answer in a row that is no record's; `None` if it shows the right one.
    pub(super) fn nobodys(&self, number: u32, hash: RowHash) -> Option<PlannedRow> {
        let remarks = self.layout.remarks.get(&number).cloned().unwrap_or_default();
        self.answered(number, hash, &Answer::Refused(remarks))
    }

    /// An answer in a row that is no record's.
    pub(super) fn answered(&self, number: u32, hash: RowHash, answer: &Answer) -> Option<PlannedRow> {
        let text = answer::text(answer, self.table, self.texts);
        let is_shown = self.layout.answers.get(&number).is_some_and(|shown| *shown == text);
        let cells = vec![(FieldId::ANSWER, text_cell(text))];
        (!is_shown).then_some(PlannedRow { number, hash, record: None, cells })
    }

    /// The answer in a row that is appended. Its author may have typed it before, in a save that an older copy has replaced.
    pub(super) fn answer_below(&self, record: RecordId, background: &mut Background) -> Result<Answer, PipelineError> {
        if !background.refused {
            return Ok(Answer::Saved);
        }
        let mut recalled = None;
        let recalled = self.recall(record, background, &mut recalled)?;
        let remarks = recalled.map(|recalled| self.refusals(recalled)).unwrap_or_default();
        Ok(if remarks.is_empty() { Answer::Saved } else { Answer::Refused(remarks) })
    }
}
