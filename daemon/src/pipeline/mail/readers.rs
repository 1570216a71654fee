//! Plugins that read mails: what a proved sender wrote herself is put to them, and what they read joins what Daybook itself has read.
//!
//! Rows that come of it go the ordinary way: typed, permitted by the sender's rights, validated, merged. The history names the plugin for each cell.

use compact_str::CompactString;

use crate::extract::CellProblem;
use crate::extract::mail::{self as extract, AddedCell, AddedRow, Command, MailReading, Spot};
use crate::model::plugin::{OnFailure, PluginJob, PluginMail, PluginRow, PluginSetup};
use crate::model::problem::Code;
use crate::model::{FieldId, Problem, Table};
use crate::plugin::{Context, Plugins, Request};

/// A plugin that reads mails had no answer.
const NO_ANSWER: Code = Code("reader-no-answer");

/// The mail as it is told to plugins.
pub(super) struct Told<'a> {
    /// The proved sender, by the address that the office knows her by.
    pub(super) sender: &'a str,
    pub(super) subject: &'a str,
    /// When it was sent: RFC 3339.
    pub(super) sent_at: String,
}

/// A cell that a plugin has read.
#[derive(Clone)]
pub(super) struct ReadCell {
    /// The row's number in the reading.
    pub(super) row: u32,
    pub(super) field: FieldId,
    /// The plugin's rule for the history.
    pub(super) rule: CompactString,
}

/// Puts a mail to the plugins that read mails of its table, one after the other. Gives the cells that the reading has only by
/// them, and what IT should know.
pub(super) fn read(
    reading: &mut MailReading,
    table: &Table,
    told: &Told<'_>,
    plugins: &mut dyn Plugins,
    setups: &[PluginSetup],
    context: &Context,
) -> (Vec<ReadCell>, Vec<Problem>) {
    let (mut by, mut problems) = (Vec::new(), Vec::new());
    // Of a forwarded mail, chosen or not, no line is the sender's own.
    if !matches!(reading.command, None | Some(Command::Attachment(_))) {
        return (Vec::new(), problems);
    }
    for setup in setups.iter().filter(|setup| setup.table == table.name && !setup.disabled) {
        // One of which the office says so, and which isn't there, has no answer: that is told.
        let offered = plugins.jobs(&setup.name);
        if !setup.lets(PluginJob::Mail) || !(offered.is_empty() || offered.contains(&PluginJob::Mail)) {
            continue;
        }
        let lines = extract::own_lines(reading, table, |field| setup.reads.contains(&field));
        if lines.iter().all(|line| line.text.is_empty()) {
            continue;
        }
        let mail = PluginMail {
            sender: told.sender.to_owned(),
            subject: extract::own_subject(told.subject, table, |field| setup.reads.contains(&field)),
            sent_at: told.sent_at.clone(),
            lines: lines.iter().map(|line| line.text.clone()).collect(),
        };
        let rows = [PluginRow { cells: Vec::new() }];
        let answered = plugins.read_mail(&Request { setup, table, rows: &rows, context }, &mail);
        problems.extend(answered.problems);
        if !answered.failed.is_empty() && setup.on_failure == OnFailure::Hold {
            let message = format!("`{}` reads mails here and had no answer.", setup.name);
            let hint = "What it alone would have understood was not taken over; see the receipt's other lines.";
            let problem = Problem::new(NO_ANSWER, "", message, hint);
            reading.problems.push(CellProblem { row: 0, field: None, problem });
        }
        let added = answered.answers.into_iter().filter_map(|read| {
            let at = lines.get(read.line)?.at;
            Some(AddedRow { at, cells: read.cells.into_iter().map(|(id, value)| (id, value.to_string())).collect() })
        });
        let rule = answered.version.map(|version| version.rule()).unwrap_or_default();
        let added = extract::add(reading, table, added.collect());
        by.extend(added.into_iter().map(|cell| (cell, rule.clone())));
    }
    // Only now are the rows those that are posted.
    let cells = reading.rows.iter().flat_map(|row| {
        let read = |(field, spot): &(FieldId, Spot)| {
            let cell = AddedCell { key: row.row.key.clone(), field: *field, spot: *spot };
            let rule =
                by.iter().find(|(added, _)| *added == cell).map(|(_, rule): &(_, CompactString)| rule.clone())?;
            Some(ReadCell { row: row.row.number, field: *field, rule })
        };
        row.spots.iter().filter_map(read).collect::<Vec<_>>()
    });
    (cells.collect(), problems)
}
