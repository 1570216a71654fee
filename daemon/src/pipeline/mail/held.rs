//! Workbooks of a mail that wait for a person, because they would change unexpectedly much: what is kept of them, and what becomes of
//! them.
//!
//! The question is the one that a held save raises, and is answered by `accept` or `reject`. What was read is kept, sealed, until then: the mail is
//! not read again. Their sender is told at once that they wait, and by a second receipt what became of them. All of them are posted, or
//! none.

use std::cell::RefCell;

use serde::{Deserialize, Serialize};

use super::super::consult::{Case, Consultant};
use super::super::held::mass_change;
use super::super::{Pipeline, PipelineError, Report, creator, questions, table_of};
use super::account::{self, Telling};
use super::attached::{Attached, ReadSheet};
use super::posting::{Said, send_back, told};
use super::{Asked, Author, nothing, rows};
use crate::codec::mime::Mail;
use crate::io::{Entropy, uuid_v7};
use crate::model::entry::{Posting, ReviewChange};
use crate::model::review::Extent;
use crate::model::{Arrival, ArrivalId, MailAddress, Review, ReviewId, ReviewKind, SourceName};
use crate::publish::receipt::{Account, AttachmentAccount, FileOutcome};
use crate::text::Texts;

/// What is kept of the workbooks until they are decided.
#[derive(Serialize, Deserialize)]
struct HeldMail {
    arrival: Arrival,
    sheets: Vec<ReadSheet>,
    answer_to: Option<MailAddress>,
    subject: String,
    /// The mail's id, to which the second receipt is an answer.
    message_id: Option<String>,
}

/// Puts the workbooks to a person, and tells their sender. Gives the question's id and what is to be kept with it.
pub(super) fn hold(
    asked: &Asked<'_>,
    sheets: &[ReadSheet],
    extent: &Extent,
    (posting, report, account): (&mut Posting, &mut Report, &mut Account),
    entropy: &mut dyn Entropy,
) -> Result<(ReviewId, Vec<u8>), PipelineError> {
    let arrival = &posting.arrival;
    let places: Vec<String> = sheets.iter().map(|read| read.sheet.place.whole()).collect();
    let review = Review {
        id: ReviewId::new(uuid_v7(arrival.at.0, entropy)),
        kind: ReviewKind::MassChange,
        table: arrival.table.clone(),
        record: None,
        field: None,
        group: Vec::new(),
        base: None,
        stored: None,
        incoming: None,
        source: arrival.source.clone(),
        place: places.join(", "),
        actor: arrival.actor.clone(),
        arrival: arrival.id,
        at: arrival.at,
        extent: Some(*extent),
        held: Vec::new(),
    };
    let rows = sheets.iter().map(|read| read.rows.len() as u64).sum();
    let problem = mass_change(&review, extent, 0, rows).in_source(arrival.source.as_str());
    let kept = HeldMail {
        arrival: arrival.clone(),
        sheets: sheets.to_vec(),
        answer_to: asked.author.answer_to.clone(),
        subject: asked.mail.subject.clone(),
        message_id: asked.mail.message_id.as_ref().map(|id| id.as_str().to_owned()),
    };
    let bytes = postcard::to_stdvec(&kept).map_err(|error| PipelineError::Held(error.to_string()))?;
    account.attachments.extend(sheets.iter().map(|read| outcome(read, FileOutcome::Held(read.rows.len() as u64))));
    report.held += extent.changed_cells.max(1);
    report.changes += extent.changed_cells.max(1);
    report.problems.push(problem.clone());
    posting.problems.push(problem);
    let id = review.id;
    posting.reviews.push(ReviewChange::Open(Box::new(review)));
    Ok((id, bytes))
}

fn outcome(read: &ReadSheet, outcome: FileOutcome) -> AttachmentAccount {
    let place = &read.sheet.place;
    AttachmentAccount { name: place.file.clone(), sheet: place.sheet.clone(), outcome, columns: Vec::new() }
}

impl Pipeline {
    /// Whether a source is a mailbox.
    pub(in crate::pipeline) fn is_mailbox(&self, source: &SourceName) -> bool {
        self.config.mailboxes.iter().any(|mailbox| mailbox.name == *source)
    }

    /// Posts the workbooks of a mail that were held, or nothing of them, and tells their sender.
    pub(in crate::pipeline) fn settle_held_mail(
        &mut self,
        review: &Review,
        is_accepted: bool,
    ) -> Result<Report, PipelineError> {
        let bytes = {
            let snapshot = self.store.snapshot()?;
            questions::still_open(&snapshot, review)?;
            snapshot.held(review.id)?
        };
        let Some(bytes) = bytes else {
            return Err(PipelineError::Refused("what was held is no longer there".to_owned()));
        };
        let kept: HeldMail = postcard::from_bytes(&bytes).map_err(|error| PipelineError::Held(error.to_string()))?;
        let now = self.now();
        let id = ArrivalId::new(uuid_v7(now.0, self.parts.entropy.as_mut()));
        let arrival = Arrival { id, at: now, ..kept.arrival };
        let mail = Mail { subject: kept.subject, ..Mail::default() };
        let author = Author { actor: arrival.actor.clone(), answer_to: kept.answer_to };
        let asked = Asked {
            mail: &mail,
            author: &author,
            answered: kept.message_id,
            arrival,
            taken: None,
            held: RefCell::default(),
            deciding: RefCell::default(),
        };
        let close = |how: &'static str| ReviewChange::Close { id: review.id, how: how.into() };
        if is_accepted {
            return self.post_held(&asked, review, kept.sheets, &close("accept"));
        }
        self.post_mail(&asked, &review.table, |snapshot, table, decider, arrival, _| {
            questions::still_open(snapshot, review)?;
            let mut made = nothing(table, decider, arrival);
            made.0.reviews.push(close("reject"));
            let rejected = |read| outcome(read, FileOutcome::Unread("rejected".to_owned()));
            made.2.attachments.extend(kept.sheets.iter().map(rejected));
            Ok(made)
        })
    }

    /// Posts workbooks that a person has accepted.
    fn post_held(
        &mut self,
        asked: &Asked<'_>,
        review: &Review,
        sheets: Vec<ReadSheet>,
        close: &ReviewChange,
    ) -> Result<Report, PipelineError> {
        let creator = creator(&self.config, &asked.author.actor);
        let (world, setups) = (self.world(false), self.config.plugins.clone());
        let about = table_of(&self.config, &review.table)?.clone();
        let said = Said::of(&about, Vec::new(), Vec::new(), Attached { sheets, unread: Vec::new() }, &[]);
        let (policy, language) = (self.config.policy.clone(), self.texts.language());
        self.lending(|pipeline, plugins| {
            let consult = |cases: &[Case<'_>]| {
                let mut plugins = plugins.borrow_mut();
                let (plugins, setups, context) = (plugins.as_mut(), setups.as_slice(), &world);
                Consultant { plugins, setups, table: &about, context }.consult(cases)
            };
            pipeline.post_mail(asked, &review.table, |snapshot, table, decider, arrival, entropy| {
                questions::still_open(snapshot, review)?;
                let wanted = rows::Wanted {
                    read: &[],
                    rows: &said.rows,
                    problems: &said.gathered.problems,
                    written_at: arrival.edited_at,
                    creator: &creator,
                    consult: &consult,
                };
                let actor = arrival.actor.clone();
                let arrival = Arrival { sheets: said.attached.places(), ..arrival };
                let (mut posting, report, taken) = rows::post(snapshot, table, decider, arrival, &wanted, entropy)?;
                posting.reviews.push(close.clone());
                let telling = Telling::new(table, decider, &policy, &actor, language);
                let records = telling.rows(&said.gathered, &taken, &posting);
                let mut account = Account { records, ..Account::default() };
                account::of_workbooks(&said.attached, &mut account);
                send_back(&said, table, &Texts::new(language), &mut account)?;
                Ok(told(Vec::new(), &said, (posting, report, account)))
            })
        })
    }
}
