//! A server that sends mails, with a connection that is kept from one mail to the next.

use std::time::{Duration, Instant};

use lettre::Address;

use super::session::{Failed, Session};
use super::{Account, Courier, Delivery, Letter};
use crate::io::transport::{Patience, Stop};

/// A connection that lay idle for so long is not used again: the server may have ended it.
const IDLE_MAX: Duration = Duration::from_secs(20);

/// Hands mails to a server.
pub struct SmtpCourier {
    account: Account,
    patience: Patience,
    stop: Stop,
    session: Option<(Session, Instant)>,
}

impl SmtpCourier {
    /// Nothing is connected yet. A `stop` ends all waits.
    pub fn new(account: Account, patience: Patience, stop: Stop) -> Self {
        Self { account, patience, stop, session: None }
    }

    fn attempt(&mut self, mut session: Session, to: &Address, bytes: &[u8]) -> Result<(), Failed> {
        let sent = session.send(to, bytes);
        let goes_on = match &sent {
            Ok(()) => true,
            Err(Failed::Said(_)) => session.start_over(),
            Err(Failed::Lost(_) | Failed::Unknown(_)) => false,
        };
        if goes_on {
            self.session = Some((session, Instant::now()));
        }
        sent
    }
}

impl Courier for SmtpCourier {
    fn deliver(&mut self, letter: &Letter<'_>) -> Delivery {
        let Ok(to) = letter.to.as_str().parse::<Address>() else {
            return Delivery::Never { why: format!("`{}` is not an address that a mail can be sent to", letter.to) };
        };
        let kept = self.session.take().filter(|(_, used)| used.elapsed() < IDLE_MAX);
        if let Some((session, _)) = kept {
            match self.attempt(session, &to, letter.bytes) {
                // The server has ended a connection that was kept. It can't have the mail, so a new one is fair.
                Err(Failed::Lost(why)) => tracing::debug!(why, "a connection that was kept is gone"),
                other => return outcome(other),
            }
        }
        match Session::open(&self.account, self.patience, &self.stop) {
            Ok(session) => outcome(self.attempt(session, &to, letter.bytes)),
            Err(why) => Delivery::Offline { why },
        }
    }

    fn rest(&mut self) {
        if let Some((session, _)) = self.session.take() {
            session.close();
        }
    }
}

fn outcome(sent: Result<(), Failed>) -> Delivery {
    match sent {
        Ok(()) => Delivery::Sent,
        Err(Failed::Said(delivery)) => delivery,
        Err(Failed::Lost(why)) => Delivery::Offline { why },
        Err(Failed::Unknown(why)) => Delivery::Later { why: format!("{why}. The same mail is sent again") },
    }
}
