//! A mailbox's own way to prove senders, with what it needs for that kept from mail to mail.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{Border, People, Proof, Reason, Verdict, authenticate};
use crate::config::Authentication;
use crate::io::{NameService, Resolver};
use crate::model::policy::Person;
use crate::source::mailbox::RawMail;

/// The program itself failed over a mail's sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its sender could not be looked for: a defect of Daybook")]
pub struct Defect;

/// Proves the senders of one mailbox's mails. It may wait for name servers, and for as long as a forger wants: it belongs where waiting hinders nobody else.
pub struct Authenticator {
    people: People,
    method: Method,
}

enum Method {
    Results(Border),
    /// With the name service, once it was needed and as long as it answers.
    Dkim(RefCell<Option<Box<NameService>>>),
    None,
}

impl Authenticator {
    /// One for a mailbox of these people.
    pub fn new(authentication: &Authentication, persons: &[Person]) -> Self {
        let method = match (authentication, Border::of(authentication)) {
            (Authentication::None, _) => Method::None,
            (_, Some(border)) => Method::Results(border),
            (Authentication::Dkim | Authentication::Results { .. }, None) => Method::Dkim(RefCell::default()),
        };
        Self { people: People::of(persons), method }
    }

    /// Says whose rights a mail has. `now_ms` is the time.
    pub fn authenticate(&self, mail: &RawMail, now_ms: i64) -> Result<Verdict, Defect> {
        // What a panic says may be words of the mail: it is left out.
        catch_unwind(AssertUnwindSafe(|| self.judge(mail, now_ms))).map_err(|_| Defect)
    }

    fn judge(&self, mail: &RawMail, now_ms: i64) -> Verdict {
        let by = |proof: &Proof<'_>| authenticate(&mail.bytes, proof, &self.people);
        let kept = match &self.method {
            Method::Results(border) => return by(&Proof::Results(border)),
            Method::None => return by(&Proof::None),
            Method::Dkim(kept) => kept,
        };
        let Ok(service) = kept.take().map_or_else(|| NameService::system().map(Box::new), Ok) else {
            return Verdict::Wait(Reason::DnsUnavailable);
        };
        let seconds = |ms: i64| u64::try_from(ms / 1000).unwrap_or_default();
        let first_asked_s = seconds(mail.arrived_ms.unwrap_or(now_ms));
        let resolver: &dyn Resolver = service.as_ref();
        let verdict = by(&Proof::Dkim { resolver, now_s: seconds(now_ms), first_asked_s });
        // The system may name other servers by now: after a failure they are looked up anew.
        if !matches!(verdict, Verdict::Wait(_) | Verdict::Refused(Reason::DnsGivenUp)) {
            kept.replace(Some(service));
        }
        verdict
    }
}

#[cfg(test)]
mod tests {
    use super::super::Email;
    use super::*;
    use crate::source::mailbox::MailId;

    fn person(email: &str) -> Person {
        Person {
            email: email.to_owned(),
            name: String::new(),
            roles: Vec::new(),
            department: None,
            addresses: Vec::new(),
        }
    }

    /// What each way to prove senders says of a mail that proves nothing.
    fn judged(from: &str, authentication: &Authentication) -> Verdict {
        let bytes = format!("From: {from}\r\nTo: capture@example.com\r\nSubject: x\r\n\r\nx\r\n").into_bytes();
        let id = MailId::Maildir { folder: "mail".to_owned(), name: "1".to_owned() };
        let mail = RawMail { id, bytes, sha256: [0; 32], arrived_ms: None };
        let authenticator = Authenticator::new(authentication, &[person("li.lei@example.com")]);
        authenticator.authenticate(&mail, 0).unwrap_or(Verdict::Wait(Reason::DnsUnavailable))
    }

    #[test]
    fn a_mailbox_that_proves_senders_believes_no_bare_address() {
        let results = Authentication::Results {
            authserv_id: "mx.example.com".to_owned(),
            border_host: "mx.example.com".to_owned(),
            inner_hosts: Vec::new(),
        };
        let li = || Verdict::Person {
            identity: "li.lei@example.com".to_owned(),
            from: Email::parse("li.lei@example.com").unwrap_or_else(|| unreachable!("it is an address")),
        };
        assert_eq!(judged("li.lei@example.com", &Authentication::None), li());
        for proving in [&results, &Authentication::Dkim] {
            let verdict = judged("li.lei@example.com", proving);
            assert!(matches!(verdict, Verdict::Refused(_)), "{verdict:?}");
            // A stranger's mail makes nobody ask a name server.
            assert_eq!(judged("a@example.org", proving), Verdict::Refused(Reason::UnknownSender));
        }
    }
}
