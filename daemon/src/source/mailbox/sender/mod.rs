//! Who sent a mail: the one address of the one From, proved, and that of a person in the office.
//!
//! In come the mail's bytes, how the mailbox proves senders, and the people; out goes a [`Verdict`]. The body is not read but by the
//! signature's check, and of the header nothing else says who: not Reply-To, not Sender, not a display name, and nothing quoted, forwarded or attached.
//! Whatever can be read in two ways is refused: another program on the mail's way may have read it the other way.
//!
//! It answers nobody. [`may_answer`] says whether anybody may.

mod address;
mod authenticator;
mod dkim;
mod header;
mod loops;
mod reason;
mod results;
mod tags;
mod token;

use std::collections::BTreeMap;

pub use self::address::{FROM_BYTES_MAX, from_address};
pub use self::authenticator::{Authenticator, Defect};
pub use self::dkim::{RSA_BITS_MIN, SIGNATURES_MAX};
pub use self::header::{FIELDS_MAX, Field, HEADER_BYTES_MAX, Header, LINE_BYTES_MAX};
pub use self::loops::{Silence, is_automatic_answer, is_automatic_subject, may_answer};
pub use self::reason::Reason;
pub use self::results::Border;
use crate::io::Resolver;
pub use crate::model::Email;
use crate::model::policy::Person;

/// How long a mail waits for the name service, in seconds: as long as servers try to deliver one (RFC 5321, 4.5.4.1: four to five days),
/// less a day in which the steward can look at it.
pub const WAIT_MAX_S: u64 = 3 * 24 * 3600;

/// Whose rights a mail has.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// A person's.
    Person {
        /// The address that she is known by: her `email` in the configuration.
        identity: String,
        /// The address that she wrote from: the same, or another one of hers.
        from: Email,
    },
    /// Nobody's. Nothing is said to the sender; the steward is shown it.
    Refused(Reason),
    /// It can't be said now, and is to be asked again later: after [`WAIT_MAX_S`] it is refused.
    Wait(Reason),
}

/// How a mailbox's senders are proved.
pub enum Proof<'a> {
    /// By what the border server writes.
    Results(&'a Border),
    /// By DKIM signatures.
    Dkim {
        /// Looks keys up.
        resolver: &'a dyn Resolver,
        /// The time, in seconds since 1970.
        now_s: u64,
        /// When this mail was first asked about, in seconds since 1970; now, if this is the first time.
        first_asked_s: u64,
    },
    /// Not at all: a maildir into which nobody else can deliver, and the demo.
    None,
}

/// The addresses of the office's people.
#[derive(Clone, Debug, Default)]
pub struct People(BTreeMap<Email, String>);

impl People {
    /// The addresses of the configuration's people. A person whose `email` is no plain address can't be believed by it, but by her other ones.
    pub fn of(persons: &[Person]) -> Self {
        let mut people = Self::default();
        for person in persons {
            let own = Email::parse(&person.email);
            for address in own.iter().chain(&person.addresses) {
                // The configuration has seen to it that nobody else has it.
                people.0.entry(address.clone()).or_insert_with(|| person.email.clone());
            }
        }
        people
    }

    /// Adds a person's address: `identity` is the one that she is known by, `address` that one or another one of hers. Whether it was taken: an
    /// address that is not plain, or is somebody else's already, is not.
    #[must_use]
    pub fn add(&mut self, identity: &str, address: &str) -> bool {
        let Some(address) = Email::parse(address) else { return false };
        let known = self.0.entry(address).or_insert_with(|| identity.to_owned());
        *known == identity
    }

    /// Whose address it is. Equality and nothing near it.
    pub fn identity(&self, address: &Email) -> Option<&str> {
        self.0.get(address).map(String::as_str)
    }
}

/// Says whose rights a mail has.
pub fn authenticate(mail: &[u8], proof: &Proof<'_>, people: &People) -> Verdict {
    let header = match Header::read(mail) {
        Ok(header) => header,
        Err(reason) => return Verdict::Refused(reason),
    };
    match prove(mail, &header, proof, people) {
        Ok((identity, from)) => Verdict::Person { identity, from },
        Err(reason @ Reason::DnsUnavailable) if may_wait(proof) => Verdict::Wait(reason),
        Err(Reason::DnsUnavailable) => Verdict::Refused(Reason::DnsGivenUp),
        Err(reason) => Verdict::Refused(reason),
    }
}

/// Whether the mail may wait on. A clock that was set back doesn't make the wait longer than it was meant to be: the caller keeps the first time.
fn may_wait(proof: &Proof<'_>) -> bool {
    match proof {
        Proof::Dkim { now_s, first_asked_s, .. } => now_s.saturating_sub(*first_asked_s) < WAIT_MAX_S,
        Proof::Results(_) | Proof::None => false,
    }
}

fn prove(mail: &[u8], header: &Header<'_>, proof: &Proof<'_>, people: &People) -> Result<(String, Email), Reason> {
    let from = from_address(header)?;
    // First, so that nobody can make us look names up in the name of a stranger.
    let identity = people.identity(&from).map(str::to_owned).ok_or(Reason::UnknownSender)?;
    match proof {
        Proof::Results(border) => results::check(header, border, &from)?,
        Proof::Dkim { resolver, now_s, .. } => dkim::check(mail, header, &from, *now_s, *resolver)?,
        Proof::None => {}
    }
    Ok((identity, from))
}
