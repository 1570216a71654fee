//! A mail's changes to one posting and its account: its own lines and its workbooks together.
//!
//! In come the mail as it was read and the workbooks that came with it; out goes a posting, or the same without the workbooks if they would change
//! unexpectedly much: then they wait for a person (`held`). The workbooks have the guard that a save of a watched one has, measured by the table: what they
//! would change, of the cells that its records have in their columns.

use std::borrow::Cow;
use std::collections::HashSet;

use super::super::consult::{Case, Consultant};
use super::super::{Pipeline, PipelineError, Report, creator, table_of};
use super::account::{self, Telling};
use super::attached::{Attached, ReadSheet};
use super::gather::{self, Fate, Gathered};
use super::readers::ReadCell;
use super::rows::{self, Taken};
use super::{Asked, Made, held, poison};
use crate::codec::sheet::RawCell;
use crate::config::Guard;
use crate::extract::CellProblem;
use crate::extract::mail::MailReading;
use crate::merge::guard;
use crate::model::entry::Posting;
use crate::model::review::Extent;
use crate::model::{Arrival, Cell, FieldId, Outcome, Problem, RecordEntry, Row, Table, TableName};
use crate::publish::receipt::{Account, Attached as Sent, CellOutcome, RecordAccount, Sent as Holds, why_refused};
use crate::publish::returned::{self, RETURNED_BYTES_MAX, Returned};
use crate::store::Snapshot;
use crate::text::Texts;

/// All that a mail says.
pub(super) struct Said {
    pub(super) attached: Attached,
    pub(super) gathered: Gathered,
    pub(super) rows: Vec<Row>,
    /// What plugins have read in the mail.
    read: Vec<ReadCell>,
}

impl Said {
    /// Puts a mail's own rows and those of its workbooks together.
    pub(super) fn of(
        table: &Table,
        mut all: Vec<Row>,
        mut problems: Vec<CellProblem>,
        attached: Attached,
        read: &[ReadCell],
    ) -> Self {
        for read in &attached.sheets {
            all.extend(read.rows.iter().cloned());
            problems.extend(read.problems.iter().cloned());
        }
        let gathered = gather::gather(table, all, problems);
        let rows = gathered.posted();
        let read = read.iter().map(|cell| ReadCell { row: gathered.row_of(cell.row, cell.field), ..cell.clone() });
        let read = read.collect();
        Self { attached, gathered, rows, read }
    }
}

impl Pipeline {
    /// Posts what a mail says of records.
    pub(super) fn change(
        &mut self,
        asked: &Asked<'_>,
        table: &TableName,
        reading: &MailReading,
        read: &[ReadCell],
    ) -> Result<Report, PipelineError> {
        let creator = creator(&self.config, &asked.author.actor);
        let (world, setups) = (self.world(false), self.config.plugins.clone());
        let about = table_of(&self.config, table)?.clone();
        let source = &asked.arrival.source;
        let attached =
            poison::sound("its workbooks were read", || self.read_attached(source, asked.mail, reading, &about))?;
        let own: Vec<Row> = reading.rows.iter().map(|row| row.row.clone()).collect();
        let apart = Attached { sheets: Vec::new(), unread: attached.unread.clone() };
        let (without, whole) = poison::sound("its rows were put together", || {
            let without = Said::of(&about, own.clone(), reading.problems.clone(), apart, read);
            (without, Said::of(&about, own, reading.problems.clone(), attached, read))
        })?;
        let (policy, limits) = (self.config.policy.clone(), self.config.guard);
        let language = self.texts.language();
        self.lending(|pipeline, plugins| {
            let consult = |cases: &[Case<'_>]| {
                let mut plugins = plugins.borrow_mut();
                let (plugins, setups, context) = (plugins.as_mut(), setups.as_slice(), &world);
                Consultant { plugins, setups, table: &about, context }.consult(cases)
            };
            pipeline.post_mail(asked, table, |snapshot, table, decider, arrival, entropy| {
                let actor = arrival.actor.clone();
                let mut post = |said: &Said| -> Result<(Posting, Report, Vec<Taken>), PipelineError> {
                    let wanted = rows::Wanted {
                        rows: &said.rows,
                        problems: &said.gathered.problems,
                        written_at: arrival.edited_at,
                        creator: &creator,
                        consult: &consult,
                        read: &said.read,
                    };
                    let arrival = Arrival { sheets: said.attached.places(), ..arrival.clone() };
                    rows::post(snapshot, table, decider, arrival, &wanted, entropy)
                };
                asked.held.take();
                let made = post(&whole)?;
                let extent = mass_change(snapshot, table, limits, &whole.attached, &made.0)?;
                let (said, (mut posting, mut report, taken)) = match extent {
                    None => (&whole, made),
                    Some(_) => (&without, post(&without)?),
                };
                let telling = Telling::new(table, decider, &policy, &actor, language);
                let records = telling.rows(&said.gathered, &taken, &posting);
                let mut account = Account { records, ..Account::default() };
                account::of_workbooks(&said.attached, &mut account);
                account::of_lines(reading, &mut account);
                if let Some(extent) = extent {
                    let sheets = &whole.attached.sheets;
                    let kept = held::hold(asked, sheets, &extent, (&mut posting, &mut report, &mut account), entropy)?;
                    asked.held.replace(Some(kept));
                }
                send_back(said, table, &Texts::new(language), &mut account)?;
                let unclear = reading.not_understood().map(|(_, problem)| problem.clone()).collect();
                Ok(told(unclear, said, (posting, report, account)))
            })
        })
    }
}

/// Adds what is wrong with lines, workbooks and columns.
pub(super) fn told(unclear: Vec<Problem>, said: &Said, (mut posting, mut report, account): Made) -> Made {
    let source = posting.arrival.source.clone();
    let unclear = unclear.into_iter().chain(said.attached.problems().cloned());
    let refused = said.gathered.rows.iter().zip(&said.gathered.fates).filter_map(|(row, fate)| match fate {
        Fate::Refused(code) => Some(refused_row(&posting.arrival, row, code)),
        Fate::Post | Fate::Repeated => None,
    });
    let refused: Vec<Problem> = refused.collect();
    report.refused += refused.len() as u64;
    let unclear: Vec<Problem> = unclear.chain(refused).map(|problem| problem.in_source(source.as_str())).collect();
    posting.problems.extend(unclear.iter().cloned());
    report.problems.extend(unclear);
    report.rows = said.gathered.rows.len() as u64;
    (posting, report, account)
}

/// A row that was refused before anything was asked of the store.
fn refused_row(arrival: &Arrival, row: &Row, code: &str) -> Problem {
    let place = arrival.place_of_row(Some(row.number));
    let message = format!("{place}: the row was not taken over (`{code}`).");
    let hint = "Its sender was told, and has to send it corrected.".to_owned();
    Problem { source: String::new(), place, code: code.to_owned(), message, hint }
}

/// How much the workbooks of a mail would change of the table, if that is more than the guard allows.
fn mass_change(
    snapshot: &Snapshot<'_>,
    table: &Table,
    limits: Guard,
    attached: &Attached,
    posting: &Posting,
) -> Result<Option<Extent>, PipelineError> {
    if attached.sheets.is_empty() {
        return Ok(None);
    }
    let known_rows = snapshot.count(&table.name)?;
    let columns: HashSet<FieldId> =
        attached.sheets.iter().flat_map(|read| &read.sheet.columns).map(|(field, _)| *field).collect();
    let limits = guard::Limits {
        changed_cells_max_percent: limits.changed_cells_max_percent.into(),
        missing_rows_max_percent: limits.missing_rows_max_percent.into(),
        rows_min: limits.rows_min,
    };
    let extent = Extent {
        changed_cells: posting.records.iter().map(changed_cells).sum(),
        known_cells: known_rows.saturating_mul(columns.len() as u64),
        missing_rows: 0,
        known_rows,
    };
    Ok(guard::excess(&extent, known_rows, &limits).map(|_| extent))
}

/// How many values that are stored a row of a workbook would change.
fn changed_cells(entry: &RecordEntry) -> u64 {
    let is_changed = |cell: &&crate::model::CellEntry| {
        let stored = cell.before.as_ref().and_then(|before| before.stored.as_ref());
        matches!(cell.outcome, Outcome::Applied | Outcome::Conflict) && stored.is_some_and(|cell| *cell != Cell::Blank)
    };
    entry.row.map_or(0, |_| entry.cells.iter().filter(is_changed).count() as u64)
}

/// Attaches the rows of workbooks that were not taken, with the reasons.
pub(super) fn send_back(said: &Said, table: &Table, texts: &Texts, account: &mut Account) -> Result<(), PipelineError> {
    for read in &said.attached.sheets {
        let Some(bytes) = refused_rows(read, said, table, texts, account)? else { continue };
        let room: usize = account.attached.iter().map(|sent| sent.bytes.len()).sum();
        if room + bytes.len() > RETURNED_BYTES_MAX {
            account.remarks.push("returned-too-large".to_owned());
            return Ok(());
        }
        let name = returned::file_name(&read.sheet.place.file, texts);
        account.attached.push(Sent { name, bytes });
        account.sent = Some(Holds::Rows);
    }
    Ok(())
}

/// A row as it was typed, and with the number that Daybook has given it since: sent back without, it would be another record.
fn with_number<'a>(read: &'a ReadSheet, at: usize, table: &Table, record: &RecordAccount) -> Cow<'a, [(u32, RawCell)]> {
    let typed = read.raw[at].cells.as_slice();
    let saved = record.cells.iter().any(|cell| cell.outcome == CellOutcome::Applied);
    let ([key], true) = (table.primary_key.as_slice(), record.is_new && saved) else { return Cow::Borrowed(typed) };
    let column = read.sheet.columns.iter().find(|(field, _)| field == key).map(|(_, column)| *column);
    let Some(column) = column.filter(|column| !typed.iter().any(|(own, _)| own == column)) else {
        return Cow::Borrowed(typed);
    };
    let mut cells = typed.to_vec();
    let before = cells.partition_point(|(own, _)| *own < column);
    cells.insert(before, (column, RawCell::Text(record.key.as_str().into())));
    Cow::Owned(cells)
}

/// The workbook of a sheet's rows that were not taken; `None` if all were.
fn refused_rows(
    read: &ReadSheet,
    said: &Said,
    table: &Table,
    texts: &Texts,
    account: &Account,
) -> Result<Option<Vec<u8>>, PipelineError> {
    let rows = said.gathered.rows.iter().zip(&account.records).filter_map(|(row, record)| {
        let at = read.raw.binary_search_by_key(&row.number, |raw| raw.number).ok()?;
        Some((with_number(read, at, table, record), why_refused(record, texts)?))
    });
    let rows: Vec<_> = rows.collect();
    if rows.is_empty() {
        return Ok(None);
    }
    let rows = rows.iter().map(|(cells, reason)| (cells.as_ref(), reason.clone())).collect();
    let place = &read.sheet.place;
    let what = Returned {
        file: &place.file,
        sheet: place.sheet.as_deref(),
        titles: &read.titles,
        columns: &read.sheet.columns,
        rows,
    };
    let bytes =
        returned::returned(&what, table, texts).map_err(|error| PipelineError::Unsendable(error.to_string()))?;
    Ok(Some(bytes))
}
