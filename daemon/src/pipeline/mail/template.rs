//! The answer to `template`: the blank workbook of a table, with the fields that its reader may fill.

use super::super::{Pipeline, PipelineError, Report};
use super::{Asked, account, nothing};
use crate::extract::mail::MailReading;
use crate::model::{FieldId, TableName};
use crate::publish::receipt::{Attached, Sent};
use crate::publish::template::template;
use crate::publish::view::table_title;
use crate::text::Texts;

impl Pipeline {
    /// Answers with the blank workbook of a table.
    pub(super) fn send_template(
        &mut self,
        asked: &Asked<'_>,
        table: &TableName,
        reading: &MailReading,
    ) -> Result<Report, PipelineError> {
        let texts = Texts::new(self.texts.language());
        self.post_mail(asked, table, |_, table, decider, arrival, _| {
            let viewpoint = decider.viewpoint(&arrival.actor, table);
            let fields = table.fields.iter().filter(|field| viewpoint.may_ever_write(&field.class));
            let fillable: Vec<FieldId> = fields.map(|field| field.id).collect();
            let mut made = nothing(table, decider, arrival);
            if fillable.is_empty() {
                made.2.remarks.push("template-none".to_owned());
            } else {
                let bytes =
                    template(table, &fillable, &texts).map_err(|error| PipelineError::Unsendable(error.to_string()))?;
                let title = table_title(table, texts.language());
                let name = format!("{}.xlsx", texts.format("template-file", &[("name", title.into())]));
                made.2.attached.push(Attached { name, bytes });
                made.2.sent = Some(Sent::Template);
            }
            account::of_lines(reading, &mut made.2);
            Ok(made)
        })
    }
}
