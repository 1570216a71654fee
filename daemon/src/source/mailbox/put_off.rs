//! Mails that could not be taken for now, and when each is tried again: later each time.
//!
//! They stay in the inbox, and are not fetched with every look at it: neither does one mail that fails cost a transfer in each round, nor do many of
//! them stand in the way of those behind. It is kept in memory only: after a start each is tried at once.

use std::collections::HashMap;
use std::sync::Arc;

use super::round::Verdict;
use super::{Backoff, MailId};
use crate::io::{Clock, Entropy};

/// The wait after the first failure, about.
const WAIT_MIN_MS: i64 = 10_000;
/// The longest wait, about.
const WAIT_MAX_MS: i64 = 15 * 60_000;
/// Mails that have not been tried for so long have left the inbox.
const FORGOTTEN_MS: i64 = 24 * 3_600_000;

/// The mails of one mailbox that were put off.
pub struct PutOff {
    clock: Arc<dyn Clock>,
    entropy: Box<dyn Entropy>,
    mails: HashMap<MailId, (Backoff, i64)>,
}

impl PutOff {
    /// None was put off yet.
    pub fn new(clock: Arc<dyn Clock>, entropy: Box<dyn Entropy>) -> Self {
        Self { clock, entropy, mails: HashMap::new() }
    }

    /// Notes what became of a mail.
    pub fn note(&mut self, id: &MailId, verdict: Verdict) {
        if verdict != Verdict::Later {
            self.mails.remove(id);
            return;
        }
        let now = self.clock.now_ms();
        self.mails.retain(|_, (_, until)| now.saturating_sub(*until) < FORGOTTEN_MS);
        let (backoff, until) =
            self.mails.entry(id.clone()).or_insert_with(|| (Backoff::new(WAIT_MIN_MS, WAIT_MAX_MS), now));
        *until = now.saturating_add(backoff.failed(self.entropy.as_mut()));
    }

    /// Whether a mail is left alone for now. A clock that was set back makes no wait longer than it was meant to be.
    pub fn is_put_off(&self, id: &MailId) -> bool {
        let left = |until: &i64| until.saturating_sub(self.clock.now_ms());
        self.mails.get(id).is_some_and(|(_, until)| (1..=WAIT_MAX_MS).contains(&left(until)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::{ManualClock, SeededEntropy};

    #[test]
    fn a_mail_waits_longer_each_time_until_it_is_taken() {
        let clock = Arc::new(ManualClock::new(1_000_000));
        let mut put_off = PutOff::new(clock.clone(), Box::new(SeededEntropy::new(1)));
        let id = |uid| MailId::Imap { account: "a".into(), folder: "INBOX".into(), uid_validity: 1, uid };
        assert!(!put_off.is_put_off(&id(1)));
        put_off.note(&id(1), Verdict::Later);
        assert!(put_off.is_put_off(&id(1)) && !put_off.is_put_off(&id(2)), "one is no other");
        clock.advance(WAIT_MIN_MS);
        assert!(!put_off.is_put_off(&id(1)));
        for _ in 0..20 {
            put_off.note(&id(1), Verdict::Later);
        }
        clock.advance(WAIT_MAX_MS / 2 - 1);
        assert!(put_off.is_put_off(&id(1)), "it has failed often");
        clock.advance(-2 * WAIT_MAX_MS);
        assert!(!put_off.is_put_off(&id(1)), "the clock was set back");
        put_off.note(&id(1), Verdict::Later);
        put_off.note(&id(1), Verdict::Done);
        assert!(!put_off.is_put_off(&id(1)) && put_off.mails.is_empty());
    }
}
