//! `daybook outbox list|retry`: mails that wait to be sent, and those that wait for a person.

use std::path::Path;

use serde_json::{Value as Json, json};

use super::args::OutboxCommand;
use super::open::{Make, open};
use super::output::{Out, plural};
use super::{Failure, Outcome};
use crate::error::Words;
use crate::pipeline::{Pipeline, by_prefix};
use crate::store::QueuedMail;

pub(crate) fn run(config: Option<&Path>, command: &OutboxCommand, out: &mut Out) -> Outcome {
    let mut pipeline = open(config, Make::No)?;
    match command {
        OutboxCommand::List => list(&mut pipeline, out),
        OutboxCommand::Retry { id } => retry(&mut pipeline, id, out),
    }
}

fn list(pipeline: &mut Pipeline, out: &mut Out) -> Outcome {
    let mails = pipeline.store().mails()?;
    for mail in &mails {
        let line = line(pipeline, mail);
        if out.json {
            out.value(&line);
            continue;
        }
        let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
        out.line(format!(
            "{}  {:<7}  {}  to {}  queued {}",
            text("id"),
            text("state"),
            text("kind"),
            text("to"),
            text("created_at")
        ));
        if let Some(error) = &mail.error {
            out.line(format!("    {error}"));
        }
    }
    if !out.json {
        let parked = mails.iter().filter(|mail| mail.parked).count();
        out.message(format!(
            "{} mail{} wait{}, {parked} of them parked",
            mails.len(),
            plural(mails.len()),
            if mails.len() == 1 { "s" } else { "" }
        ));
        if parked > 0 {
            out.message("hint: a parked one is tried again with `daybook outbox retry ID`.");
        }
    }
    Ok(())
}

fn retry(pipeline: &mut Pipeline, id: &str, out: &mut Out) -> Outcome {
    let mails = pipeline.store().mails()?;
    let mail = by_prefix("mail in the outbox", id, mails.iter().map(|mail| (mail.id.to_string(), mail.clone())))?;
    let now = pipeline.now();
    if !pipeline.store().retry_mail(mail.id, now)? {
        let what = format!("the mail {} waits no longer: it was sent meanwhile", mail.id);
        return Err(Failure::Failed(Words::new(what, "")));
    }
    let found = pipeline.store().mails()?.into_iter().find(|found| found.id == mail.id).unwrap_or(mail);
    if out.json {
        let line = line(pipeline, &found);
        out.value(&line);
    } else {
        out.line(format!(
            "the {} to {} is sent with the next pass of `daybook run` or `daybook sync`",
            found.kind, found.to
        ));
    }
    Ok(())
}

fn line(pipeline: &Pipeline, mail: &QueuedMail) -> Json {
    let zone = &pipeline.config().office.timezone;
    json!({
        "id": mail.id.to_string(),
        "kind": mail.kind,
        "to": mail.to.as_str(),
        "message_id": mail.message_id.to_string(),
        "answers": mail.answers.map(|arrival| arrival.to_string()),
        "state": if mail.parked { "parked" } else { "pending" },
        "attempts": mail.attempts,
        "created_at": mail.created_at.to_rfc3339(zone),
        "next_at": (!mail.parked).then(|| mail.next_at.to_rfc3339(zone)),
        "error": mail.error,
    })
}
