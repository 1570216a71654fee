//! The day's mail: somebody who has no workbook at hand writes to the capture address, and is answered line by line.

use std::path::PathBuf;

use super::super::Failure;
use super::customers::key;
use super::scene::Scene;
use crate::codec::mime::{self, Content, Mail, MimeLimits};
use crate::io::replace;

/// The folder into which a mail server of the office would deliver.
pub(super) const MAILDIR: &str = "mail/capture";
/// Where the answers lie, as the files that a mail server would be handed.
pub(super) const RECEIPTS: &str = "mail/receipts";
/// Who writes.
const SENDER: &str = "li.lei@example.com";
/// The customer whom it is about.
const NUMBER: u32 = 150;
const PHONE: &str = "+44 20 7946 0950";

impl Scene<'_, '_> {
    /// Li Lei writes a mail from the road. One line of it is not hers to change.
    pub(super) fn a_mail(&mut self) -> Result<(), Failure> {
        let texts = self.texts;
        self.teller.step(&texts.get("demo-mail"));
        self.teller.say(&texts.get("demo-mail-begin"));
        let who = key(NUMBER);
        let said = [("key", who.clone().into()), ("phone", PHONE.into())];
        let letter = texts.format("demo-mail-text", &said);
        self.teller.quote(&letter);
        let (phone, limit) = (self.stored(&who, "phone")?, self.stored(&who, "credit_limit")?);
        let mail = format!(
            "From: {SENDER}\nTo: capture@example.com\nSubject: {who}\nMessage-ID: <demo@mail.example.com>\nMIME-Version: 1.0\n\
             Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{letter}\n"
        );
        let inbox = self.office.directory.join(MAILDIR).join("new");
        replace::write_new(&inbox.join("demo.mail"), mail.replace('\n', "\r\n").as_bytes())?;
        let report = self.look()?;
        self.expect("applied, refused, sent", &(report.applied, report.refused, report.sent), &(1, 1, 1))?;
        self.teller.say(&texts.get("demo-mail-answered"));
        let Some((path, receipt)) = self.receipt()? else { return self.expect("receipt", &false, &true) };
        let lines = receipt.bodies.iter().flat_map(|body| body.plain.iter().flatten());
        let lines = lines.filter_map(|passage| match &passage.content {
            Content::Line(line) => Some(line.as_str()),
            Content::Grid(_) => None,
        });
        let text = lines.collect::<Vec<_>>().join("\n");
        self.teller.quote(text.trim());
        self.teller.say(&texts.get("demo-mail-lies"));
        self.teller.command(&path.display().to_string());
        let finance = self.open(&self.office.finance)?.text(&self.table, &who, "phone");
        let holds = self.stored(&who, "phone")? == PHONE
            && phone != PHONE
            && self.stored(&who, "credit_limit")? == limit
            && finance.as_deref() == Some(PHONE)
            && text.contains(PHONE);
        self.check(&texts.get("demo-mail-checked"), holds)
    }

    /// The only receipt, and where it lies.
    fn receipt(&mut self) -> Result<Option<(PathBuf, Mail)>, Failure> {
        let mut found = Vec::new();
        for entry in self.office.directory.join(RECEIPTS).read_dir()? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "eml") {
                found.push(path);
            }
        }
        self.expect("receipts", &found.len(), &1)?;
        let Some(path) = found.pop() else { return Ok(None) };
        let bytes = std::fs::read(&path)?;
        Ok(mime::read(&bytes, &MimeLimits::default()).ok().map(|mail| (path, mail)))
    }
}
