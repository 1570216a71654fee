//! The digest: told once of mails that were taken and not answered, because their sender had been sent enough receipts.

use super::super::{Pipeline, PipelineError};
use super::message_id;
use crate::model::{MailAddress, OutgoingMail, Timestamp};
use crate::publish::receipt::{self, Account, Digest, DigestLine, Outcomes, Reply, Thread};
use crate::store::Untold;

/// The kind of mail that tells of several.
const DIGEST: &str = "receipts-digest";

/// How often each outcome came, as the store keeps it.
pub(super) fn kept(outcomes: Outcomes) -> [u64; 6] {
    let Outcomes { applied, unchanged, refused, conflicts, held, not_understood } = outcomes;
    [applied, unchanged, refused, conflicts, held, not_understood]
}

fn outcomes([applied, unchanged, refused, conflicts, held, not_understood]: [u64; 6]) -> Outcomes {
    Outcomes { applied, unchanged, refused, conflicts, held, not_understood }
}

impl Pipeline {
    /// Queues the digests that are due. What they tell is let go of in the same transaction, so each comes once.
    pub fn queue_digests(&mut self) -> Result<(), PipelineError> {
        if self.config.smtp.is_none() || self.config.office.observe_only {
            return Ok(());
        }
        let now = self.now();
        while let Some(to) = self.store.digest_due(now)? {
            let untold = self.store.untold(&to)?;
            let Some(mail) = self.digest(&to, &untold, now)? else { return Ok(()) };
            let told: Vec<_> = untold.iter().map(|untold| untold.arrival).collect();
            if !self.store.queue_digest(&mail, &told, now)? {
                // Another program was faster.
                return Ok(());
            }
        }
        Ok(())
    }

    fn digest(
        &mut self,
        to: &MailAddress,
        untold: &[Untold],
        now: Timestamp,
    ) -> Result<Option<OutgoingMail>, PipelineError> {
        let zone = self.config.office.timezone.clone();
        let at = |at: Timestamp| {
            let at = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
            at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string()
        };
        let mails = untold.iter().map(|untold| DigestLine {
            at: at(untold.at),
            outcomes: outcomes(untold.outcomes),
            arrival: untold.arrival.to_string(),
        });
        let account = Account { digest: Some(Digest { mails: mails.collect() }), ..Account::default() };
        let mut random = [0; 16];
        self.parts.entropy.fill(&mut random);
        let Some(smtp) = &self.config.smtp else { return Ok(None) };
        let message_id = message_id(smtp, random)?;
        let reply = Reply {
            from: smtp.from.as_str(),
            to: to.as_str(),
            subject: "",
            message_id: message_id.as_str(),
            thread: &Thread::default(),
            arrival: None,
            at: now,
            attached: &[],
        };
        let unsendable = |what: String| PipelineError::Unsendable(what);
        let bytes = receipt::write(&reply, &account, &self.texts).map_err(|error| unsendable(error.to_string()))?;
        let mail = OutgoingMail::new(DIGEST, to.clone(), message_id, bytes, None);
        mail.map(Some).map_err(|error| unsendable(error.to_string()))
    }
}
