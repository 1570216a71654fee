//! What a row is answered in the column that its office keeps for it.
//!
//! A row says that it is saved, that something in it waits for a decision, or what of it was refused: as long as that stands
//! there, and at least until its author could see it.

use compact_str::CompactString;

use super::super::error::PipelineError;
use super::super::layout::LaidRow;
use super::super::recall::{Last, Recalled};
use super::{Background, PlannedRow, Planner, Scene, text_cell};
use crate::merge::contest::same;
use crate::model::row::cell_of;
use crate::model::{ArrivalId, Cell, FieldId, RecordId, RowHash};
use crate::publish::answer::{self, Answer, Remark};

impl Planner<'_> {
    /// The answer that a row is to show; `None` if it shows the right one.
    pub(super) fn answer(
        &self,
        scene: &Scene<'_>,
        changes: bool,
        is_suspect: bool,
        background: &mut Background,
        recalled: &mut Option<Recalled>,
    ) -> Result<Option<CompactString>, PipelineError> {
        let LaidRow { record, number, is_read, .. } = *scene.row;
        let shown = match (is_read, cell_of(scene.shown, FieldId::ANSWER)) {
            (true, _) => self.layout.answers.get(&number).cloned().unwrap_or_default(),
            (false, Some(cell)) => CompactString::from(cell.to_string()),
            (false, None) => CompactString::default(),
        };
        let remarks = self.layout.remarks.get(&number).map_or(&[][..], Vec::as_slice);
        let is_open = shown.is_empty() || answer::is_waiting(&shown, self.texts);
        let is_news = background.is_touched(record) || changes || !remarks.is_empty();
        let refused = match (is_news || is_open, is_suspect || background.refused) {
            (false, _) => None,
            (true, false) => Some(remarks.to_vec()),
            (true, true) => {
                let since = background.since;
                let recalled = self.recall(record, background, recalled)?;
                recalled.map(|recalled| self.refusals(scene, remarks, recalled, since))
            }
        };
        let say = |answer: &Answer| answer::text(answer, self.table, self.texts);
        let text = match (background.waits_for(record), refused) {
            (Some(fields), Some(refused)) => say(&Answer::Waiting(fields, refused)),
            (Some(fields), None) => {
                let waiting = say(&Answer::Waiting(fields, Vec::new()));
                // What was refused beside it stands there already.
                if answer::begins_with(&shown, &waiting, self.texts) {
                    return Ok(None);
                }
                waiting
            }
            (None, Some(refused)) if refused.is_empty() => say(&Answer::Saved),
            (None, Some(refused)) => say(&Answer::Refused(refused)),
            (None, None) => return Ok(None),
        };
        let text = answer::with_remarks(&text, self.told_of(scene, background), self.table, self.texts);
        Ok((text != shown).then_some(text))
    }

    /// What plugins said of a row that was taken, unless somebody has changed its record since.
    fn told_of(&self, scene: &Scene<'_>, background: &Background) -> &[Remark] {
        let is_older = |last: ArrivalId| scene.stored.cells.iter().all(|(_, cell)| cell.stamp.arrival <= last);
        let told = self.layout.told.get(&scene.row.number).filter(|_| background.last_save.is_some_and(is_older));
        told.map_or(&[], Vec::as_slice)
    }

    /// What of a row was refused and stands there still, or was refused since Daybook last wrote what the file is made of.
    fn refusals(
        &self,
        scene: &Scene<'_>,
        remarks: &[Remark],
        recalled: &Recalled,
        since: Option<ArrivalId>,
    ) -> Vec<Remark> {
        let mut refused = remarks.to_vec();
        for (id, last, rule) in recalled.refused() {
            let shown = cell_of(scene.shown, id).unwrap_or(&Cell::Blank);
            let stands = self.table.field(id).is_some_and(|field| same(field, &last.seen, shown));
            let is_untold = since.is_none_or(|since| last.arrival > since);
            if (stands || is_untold) && refused.iter().all(|remark| remark.field != Some(id)) {
                refused.push(Remark { field: Some(id), reason: answer::of_rule(rule, &self.policy.rules) });
            }
        }
        refused
    }

    /// The answer in a row that is no record's; `None` if it shows the right one.
    pub(super) fn nobodys(&self, number: u32, hash: RowHash) -> Option<PlannedRow> {
        let remarks = self.layout.remarks.get(&number).cloned().unwrap_or_default();
        self.answered(number, hash, &Answer::Refused(remarks))
    }

    /// The answer in a row that waits for a person, or that she has decided not to take.
    pub(super) fn withheld_answer(&self, number: u32) -> Answer {
        let remarks = self.layout.remarks.get(&number).cloned().unwrap_or_default();
        if self.layout.denied.contains(&number) {
            Answer::Refused(remarks)
        } else {
            Answer::Waiting(Vec::new(), remarks)
        }
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
        let mut recalled = None;
        let Some(recalled) = self.recall(record, background, &mut recalled)? else { return Ok(Answer::Saved) };
        let remark = |(field, _, rule): (FieldId, &Last, &CompactString)| Remark {
            field: Some(field),
            reason: answer::of_rule(rule, &self.policy.rules),
        };
        let remarks: Vec<Remark> = recalled.refused().map(remark).collect();
        Ok(if remarks.is_empty() { Answer::Saved } else { Answer::Refused(remarks) })
    }
}
