//! `daybook refused list|save|forget`: mails that were refused or put aside, for whoever looks after the mailbox.
//!
//! What a mail says of its sender and subject is shown as the mail's own word. A mail is written to a new file only, which is private: it may be
//! anybody's, with anything in it.

use std::path::Path;

use serde_json::{Value as Json, json};

use super::args::RefusedCommand;
use super::open::{Make, open};
use super::output::{Out, plural};
use super::workbooks::not_written;
use super::{Failure, Outcome};
use crate::error::Words;
use crate::io::private;
use crate::pipeline::{Pipeline, by_prefix};
use crate::store::RefusedMail;

pub(crate) fn run(config: Option<&Path>, command: &RefusedCommand, out: &mut Out) -> Outcome {
    let mut pipeline = open(config, Make::No)?;
    match command {
        RefusedCommand::List => list(&mut pipeline, out),
        RefusedCommand::Save { id, to } => save(&mut pipeline, id, to, out),
        RefusedCommand::Forget { id } => forget(&mut pipeline, id, out),
    }
}

fn list(pipeline: &mut Pipeline, out: &mut Out) -> Outcome {
    let now = pipeline.now();
    let mails = pipeline.store().refused_mails(now)?;
    for mail in &mails {
        let line = line(pipeline, mail);
        if out.json {
            out.value(&line);
            continue;
        }
        let text = |key: &str| line[key].as_str().filter(|text| !text.is_empty()).unwrap_or("(nothing)").to_owned();
        out.line(format!(
            "{}  {}  {}  says it is from {}: {}",
            text("id"),
            text("at"),
            mail.mailbox,
            text("from"),
            text("subject")
        ));
        out.line(format!("    {}", mail.problem.message));
        out.line(format!("    hint: {}", mail.problem.hint));
    }
    if !out.json {
        let count = mails.len();
        out.message(format!("{count} mail{} refused or put aside", plural(count)));
        if count > 0 {
            out.message("hint: `daybook refused forget ID` takes one off this list when you have done with it.");
        }
    }
    Ok(())
}

fn save(pipeline: &mut Pipeline, id: &str, to: &Path, out: &mut Out) -> Outcome {
    let mail = find(pipeline, id)?;
    let Some(bytes) = pipeline.store().refused_bytes(mail.id)? else {
        let what = format!("the mail {} is not kept in the store", mail.id);
        let hint = format!("Look for it in the folder of refused mails: it was {}.", mail.problem.place);
        return Err(Failure::Failed(Words::new(what, hint)));
    };
    private::write_new(to, &bytes).map_err(|error| not_written(to, &error))?;
    if out.json {
        let mut line = line(pipeline, &mail);
        line["to"] = json!(to);
        out.value(&line);
        return Ok(());
    }
    out.line(format!("wrote `{}`: the mail as it came", to.display()));
    out.line("Mind that it may be anybody's: open it as a text, not in a mail program.");
    Ok(())
}

fn forget(pipeline: &mut Pipeline, id: &str, out: &mut Out) -> Outcome {
    let mail = find(pipeline, id)?;
    pipeline.store().forget_refused(mail.id)?;
    if out.json {
        let line = line(pipeline, &mail);
        out.value(&line);
    } else {
        out.line(format!("the mail {} is off the list; the mail itself stays where it lies", mail.id));
    }
    Ok(())
}

fn find(pipeline: &mut Pipeline, id: &str) -> Result<RefusedMail, Failure> {
    let now = pipeline.now();
    let mails = pipeline.store().refused_mails(now)?;
    Ok(by_prefix("refused mail", id, mails.into_iter().map(|mail| (mail.id.to_string(), mail)))?)
}

fn line(pipeline: &Pipeline, mail: &RefusedMail) -> Json {
    json!({
        "id": mail.id.to_string(),
        "mailbox": mail.mailbox.as_str(),
        "at": mail.at.to_rfc3339(&pipeline.config().office.timezone),
        "from": mail.from,
        "subject": mail.subject,
        "kept": mail.has_bytes,
        "problem": mail.problem,
    })
}
