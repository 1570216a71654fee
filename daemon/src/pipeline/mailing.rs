//! Sending the mails of the outbox: which are due, and what follows from what became of them.
//!
//! Handing a mail over is slow, so it may happen elsewhere, between [`Pipeline::mails_due`] and [`Pipeline::mail_ended`]. If the program
//! dies in between, the mail is due again: the same bytes, with the same Message-ID. Nothing is decided here of what a mail says.

use zeroize::Zeroizing;

use super::{Pipeline, PipelineError, Report};
use crate::config::{Config, Credential, MailExit, MailTls, SmtpServer};
use crate::io::Entropy;
use crate::io::transport::{Patience, Stop};
use crate::model::problem::Code;
use crate::model::{Problem, Timestamp};
use crate::publish::mail::{Account, Courier, Delivery, DirectoryCourier, Letter, Login, Proof, SmtpCourier, Tls};
use crate::store::QueuedMail;

/// A mail won't be sent without a person.
pub const MAIL_PARKED: Code = Code("mail-parked");
/// No mails can be sent now.
pub const MAILS_NOT_SENT: Code = Code("mails-not-sent");
/// What problems of sending are about.
pub const SMTP: &str = "smtp";

/// The wait after the first failure; it doubles with each one …
const RETRY_MIN_MS: i64 = 30_000;
/// … up to this.
const RETRY_MAX_MS: i64 = 4 * 3600 * 1000;
/// The bytes of mails that are handed out at a time, unless a single one has more.
const BATCH_BYTES_MAX: usize = 8 << 20;

/// A mail that is due, with its bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct DueMail {
    /// What is known of it.
    pub mail: QueuedMail,
    /// What is sent.
    pub bytes: Zeroizing<Vec<u8>>,
}

impl DueMail {
    /// What a courier is handed.
    pub fn letter(&self) -> Letter<'_> {
        Letter { to: &self.mail.to, message_id: &self.mail.message_id, bytes: &self.bytes }
    }
}

/// Leaves the content out.
impl std::fmt::Debug for DueMail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DueMail").field("mail", &self.mail.id).field("bytes", &self.bytes.len()).finish()
    }
}

/// What sends mails as it is configured; `None` if nothing is to be sent.
pub fn courier(config: &Config, patience: Patience, stop: &Stop) -> Option<Box<dyn Courier>> {
    let smtp = config.smtp.as_ref().filter(|_| !config.office.observe_only)?;
    Some(match &smtp.exit {
        MailExit::Directory(folder) => Box::new(DirectoryCourier::new(folder.clone())),
        MailExit::Server(server) => Box::new(SmtpCourier::new(account(server), patience, stop.clone())),
    })
}

fn account(server: &SmtpServer) -> Account {
    let login = server.login.as_ref().map(|login| Login {
        user: login.user.clone(),
        proof: match &login.credential {
            Credential::PasswordFile(path) => Proof::Password(path.clone()),
            Credential::TokenFile(path) => Proof::Token(path.clone()),
        },
    });
    let tls = match server.tls {
        MailTls::Implicit => Tls::Implicit,
        MailTls::StartTls => Tls::StartTls,
        MailTls::None => Tls::None,
    };
    Account { host: server.host.clone(), port: server.port, tls, login, ca_file: server.ca_file.clone() }
}

impl Pipeline {
    /// The mails to hand over now, with their bytes: at most `max`, and of large ones fewer.
    pub fn mails_due(&mut self, max: usize) -> Result<Vec<DueMail>, PipelineError> {
        let now = self.now();
        let mut due = Vec::new();
        let mut size = 0;
        for mail in self.store.mails_due(now, max)? {
            let Some(bytes) = self.store.mail_bytes(mail.id)? else { continue };
            size += bytes.len();
            if size > BATCH_BYTES_MAX && !due.is_empty() {
                break;
            }
            due.push(DueMail { mail, bytes });
        }
        Ok(due)
    }

    /// Notes what became of a mail. What a person has to know of it is in the report.
    pub fn mail_ended(&mut self, mail: &QueuedMail, delivery: &Delivery) -> Result<Report, PipelineError> {
        let now = self.now();
        let mut report = Report::default();
        match delivery {
            Delivery::Sent => {
                self.store.mail_sent(mail.id, now)?;
                report.sent += 1;
            }
            Delivery::Later { why } | Delivery::Offline { why } => {
                let next = self.next_try(mail.attempts);
                if self.store.mail_failed(mail.id, why, next, false)? {
                    report.problems.push(parked(mail, why));
                } else if matches!(delivery, Delivery::Offline { .. }) {
                    report.problems.push(not_sent(why));
                }
            }
            Delivery::Never { why } => {
                if self.store.mail_failed(mail.id, why, now, true)? {
                    report.problems.push(parked(mail, why));
                }
            }
        }
        Ok(report)
    }

    /// Puts off mails that were not tried, because the server can't be used.
    pub fn mails_put_off(&mut self, mails: &[QueuedMail], why: &str) -> Result<(), PipelineError> {
        for mail in mails {
            let next = self.next_try(mail.attempts);
            self.store.mail_deferred(mail.id, why, next)?;
        }
        Ok(())
    }

    fn next_try(&mut self, attempts: u32) -> Timestamp {
        let now = self.now();
        Timestamp(now.0.saturating_add(wait_ms(attempts, self.parts.entropy.as_mut())))
    }
}

/// How long to wait after another failure: between half and all of a time that doubles, so that not all come at once.
fn wait_ms(attempts: u32, entropy: &mut dyn Entropy) -> i64 {
    let whole = RETRY_MIN_MS.saturating_mul(1_i64 << attempts.min(20)).min(RETRY_MAX_MS);
    let mut bytes = [0; 4];
    entropy.fill(&mut bytes);
    whole / 2 + i64::from(u32::from_le_bytes(bytes)) % (whole / 2 + 1)
}

fn parked(mail: &QueuedMail, why: &str) -> Problem {
    let message = format!("A {} to {} was not sent: {why}. It is not tried again by itself.", mail.kind, mail.to);
    let hint = format!("If that is put right: `daybook outbox retry {}`.", mail.id);
    Problem::new(MAIL_PARKED, mail.message_id.to_string(), message, hint).in_source(SMTP)
}

fn not_sent(why: &str) -> Problem {
    let message = format!("Mails can't be sent now: {why}. They wait and are tried again; none is lost.");
    let hint = "Look at `[smtp]`: are `host`, `port`, `tls` and the password right, and is the server up?";
    Problem::new(MAILS_NOT_SENT, "", message, hint).in_source(SMTP)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::SeededEntropy;
    use crate::store::MAIL_ATTEMPTS_MAX;

    #[test]
    fn waits_double_and_all_of_them_last_for_days() {
        let mut entropy = SeededEntropy::new(1);
        let waits: Vec<i64> = (0..MAIL_ATTEMPTS_MAX).map(|attempts| wait_ms(attempts, &mut entropy)).collect();
        assert!((15_000..=30_000).contains(&waits[0]) && (30_000..=60_000).contains(&waits[1]));
        assert!(waits.iter().all(|wait| *wait <= RETRY_MAX_MS));
        let days = waits.iter().sum::<i64>() / (24 * 3600 * 1000);
        assert!((2..=5).contains(&days), "{days}");
        assert!(wait_ms(u32::MAX, &mut entropy) >= RETRY_MAX_MS / 2);
    }
}
