//! One question to one plugin: some rows by way of the gate, and the answer back through it.

use std::ops::Range;

use wasmtime::Store;
use wasmtime::component::Instance;

use super::fault::Fault;
use super::gate::Gate;
use super::guest::{Bounds, Guest, Reply, ask};
use super::loaded::{Loaded, no_job};
use super::wire::{mail as mails, types};
use super::{Context, Request};
use crate::model::plugin::{Dispute, Issue, PluginChange, PluginJob, PluginMail, PluginReading, PluginRow, Resolution};

/// The class of which anything may stand in a log or a message.
const OPEN_CLASS: &str = "basic";

/// What a question is put with.
pub(super) struct Asking<'a> {
    loaded: &'a Loaded,
    gate: &'a Gate<'a>,
    request: &'a Request<'a>,
    pub(super) bounds: Bounds,
}

impl<'a> Asking<'a> {
    /// Whether a plugin's own words may be told depends on what this request shows it.
    pub(super) fn new(loaded: &'a Loaded, gate: &'a Gate<'a>, request: &'a Request<'a>) -> Self {
        let class = |field| request.table.field(field).map(|field| field.class.as_str());
        let is_discreet = request.setup.reads.iter().any(|field| class(*field) != Some(OPEN_CLASS));
        Self { loaded, gate, request, bounds: Bounds { is_discreet, ..loaded.bounds.clone() } }
    }

    pub(super) fn normalise(&self, range: Range<usize>) -> Reply<Vec<PluginChange>> {
        let Some(indices) = &self.loaded.functions.normalise else {
            return (Err(no_job(PluginJob::Normalise)), 0);
        };
        let rows = &self.request.rows[range.clone()];
        let (answer, used) = self.put(
            rows,
            |store, instance, schema, context, rows| {
                indices.load(&mut *store, instance)?.call_normalise(store, schema, context, rows)
            },
            |changes| self.gate.changes(changes, rows.len()),
        );
        (moved(answer, |change| change.row += range.start), used)
    }

    pub(super) fn validate(&self, range: Range<usize>) -> Reply<Vec<Issue>> {
        let Some(indices) = &self.loaded.functions.validate else {
            return (Err(no_job(PluginJob::Validate)), 0);
        };
        let rows = &self.request.rows[range.clone()];
        let (answer, used) = self.put(
            rows,
            |store, instance, schema, context, rows| {
                indices.load(&mut *store, instance)?.call_validate(store, schema, context, rows)
            },
            |issues| self.gate.issues(issues, rows.len()),
        );
        (moved(answer, |issue| issue.row += range.start), used)
    }

    pub(super) fn classify(&self, range: Range<usize>) -> Reply<Vec<PluginChange>> {
        let Some(indices) = &self.loaded.functions.classify else {
            return (Err(no_job(PluginJob::Classify)), 0);
        };
        let rows = &self.request.rows[range.clone()];
        let (answer, used) = self.put(
            rows,
            |store, instance, schema, context, rows| {
                indices.load(&mut *store, instance)?.call_classify(store, schema, context, rows)
            },
            |labels| self.gate.labels(labels, rows.len()),
        );
        (moved(answer, |change| change.row += range.start), used)
    }

    /// Resolves the disputes of some rows; `order` are their positions in the request.
    pub(super) fn resolve(&self, range: Range<usize>, disputes: &[Dispute], order: &[usize]) -> Reply<Vec<Resolution>> {
        let Some(indices) = &self.loaded.functions.merge else { return (Err(no_job(PluginJob::Merge)), 0) };
        if order.is_empty() && !range.is_empty() {
            return (Ok(Vec::new()), 0);
        }
        let sent: Vec<&Dispute> = order.iter().map(|index| &disputes[*index]).collect();
        let texts = match sent.iter().map(|dispute| self.gate.dispute(dispute)).collect::<Result<Vec<_>, _>>() {
            Ok(texts) => texts,
            Err(fault) => return (Err(fault), 0),
        };
        let wire: Vec<_> =
            texts.iter().zip(&sent).map(|(text, dispute)| text.wire(dispute.row - range.start)).collect();
        let (answer, used) = self.put(
            &self.request.rows[range],
            |store, instance, schema, context, rows| {
                indices.load(&mut *store, instance)?.call_resolve(store, schema, context, rows, &wire)
            },
            |resolutions| self.gate.resolutions(resolutions, &sent),
        );
        (moved(answer, |resolution| resolution.dispute = order[resolution.dispute]), used)
    }

    /// Reads a mail. Whatever the plugin may see of rows, a mail may hold anything: its words are told nobody.
    pub(super) fn read(&self, mail: &PluginMail) -> Reply<Vec<PluginReading>> {
        let Some(indices) = &self.loaded.functions.mail else { return (Err(no_job(PluginJob::Mail)), 0) };
        let text = mail.lines.join("\n");
        let PluginMail { sender, subject, sent_at, lines } = mail;
        let message = mails::Message { sender, subject, sent_at, text: &text };
        let bounds = Bounds { is_discreet: true, ..self.bounds.clone() };
        let (said, used) = ask(&self.loaded.pre, &bounds, |store, instance| {
            indices.load(&mut *store, instance)?.call_parse(store, self.gate.schema(), self.context(), message)
        });
        let answer = said.and_then(|answer| self.gate.readings(answer?, lines.len()));
        (answer.map_err(Fault::without_words), used)
    }

    fn context(&self) -> types::Context<'_> {
        let Context { as_of, locale, read_only } = self.request.context;
        types::Context { as_of, locale, settings_json: &self.request.setup.settings, read_only: *read_only }
    }

    /// Asks for some rows; answers mean rows of the batch until the caller moves them.
    fn put<W, T>(
        &self,
        rows: &[PluginRow],
        call: impl FnOnce(
            &mut Store<Guest>,
            &Instance,
            types::Schema<'_>,
            types::Context<'_>,
            &[types::Row<'_>],
        ) -> wasmtime::Result<Result<W, types::Failure>>,
        check: impl FnOnce(W) -> Result<Vec<T>, Fault>,
    ) -> Reply<Vec<T>> {
        let cells = self.gate.cells(rows.iter());
        let borrowed = cells.borrowed();
        let wire = cells.rows(&borrowed);
        let (said, used) = ask(&self.loaded.pre, &self.bounds, |store, instance| {
            call(store, instance, self.gate.schema(), self.context(), &wire)
        });
        (said.and_then(|answer| check(answer?)), used)
    }
}

/// Makes positions in a batch positions in the request.
fn moved<T>(answer: Result<Vec<T>, Fault>, to_request: impl Fn(&mut T)) -> Result<Vec<T>, Fault> {
    answer.map(|mut items| {
        items.iter_mut().for_each(to_request);
        items
    })
}
