//! DKIM (RFC 6376, RFC 8463): whether a signature of the From's domain fits the mail.
//!
//! mail-auth does the cryptography and the canonical forms. What it lets pass and we don't is checked here first, on the very text of
//! the signature and of the key: `l=`, a From, subject or date that is not signed, `x=`, `t=` in the future, SHA-1, short keys, keys that are
//! only tested, several keys under one name. Then its answer must be about the same domain, selector and headers as ours.
//!
//! Names are asked for through the [`Resolver`] that is handed in, never by mail-auth itself: it finds each key in a cache that knows all.

use std::borrow::{Borrow, Cow};
use std::hash::Hash;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use mail_auth::common::crypto::Algorithm;
use mail_auth::common::parse::TxtRecordParser;
use mail_auth::common::verify::DomainKey;
use mail_auth::hickory_resolver::config::{ResolverConfig, ResolverOpts};
use mail_auth::{
    AuthenticatedMessage, DkimOutput, DkimResult, Error, MessageAuthenticator, Parameters, ResolverCache, Txt,
};

use super::address::is_aligned;
use super::header::Header;
use super::reason::Reason;
use super::tags::{Tags, base64, rsa_bits};
use crate::io::{DnsFailure, Resolver};
use crate::model::email::{Email, is_domain};

/// The most signatures of a mail.
pub const SIGNATURES_MAX: usize = 5;
/// The shortest RSA key, in bits (RFC 8301, 3.2).
pub const RSA_BITS_MIN: usize = 1024;
/// How many look-ups of a mail may go unanswered: each takes as long as the resolver's patience.
const UNANSWERED_MAX: usize = 2;
/// How far another machine's clock may be ahead, in seconds.
const CLOCK_SKEW_S: u64 = 15 * 60;
/// Headers that a signature must cover where they stand in the mail.
const SIGNED: [&str; 3] = ["from", "subject", "date"];
/// The name of the field.
const FIELD: &str = "dkim-signature";

/// What a signature says of itself, as far as it decides.
struct Claim<'a> {
    domain: &'a str,
    selector: &'a str,
    is_ed25519: bool,
    now_s: u64,
}

/// Whether a signature of the From's domain fits. `now_s` is in seconds since 1970.
///
/// One that fits is enough. If none does and a key could not be looked up, the answer is [`Reason::DnsUnavailable`], which is for now only.
pub(super) fn check(
    mail: &[u8],
    header: &Header<'_>,
    from: &Email,
    now_s: u64,
    resolver: &dyn Resolver,
) -> Result<(), Reason> {
    let fields: Vec<_> = header.all(FIELD).collect();
    match fields.len() {
        0 => return Err(Reason::DkimMissing),
        1..=SIGNATURES_MAX => {}
        _ => return Err(Reason::DkimTooMany),
    }
    let (mut reason, mut unanswered) = (None, 0);
    for field in fields {
        let tags = field.ascii().and_then(Tags::parse);
        let Some(tags) = tags else {
            reason.get_or_insert(Reason::DkimMalformed);
            continue;
        };
        if !tags.get("d").is_some_and(|domain| is_aligned(domain, from.domain())) {
            reason.get_or_insert(Reason::DkimNotAligned);
            continue;
        }
        let checked = check_claim(&tags, header, now_s)
            .and_then(|claim| Ok((look_up(&claim, resolver)?, claim)))
            .and_then(|(key, claim)| verify(mail, header, &claim, key));
        match checked {
            Ok(()) => return Ok(()),
            Err(Reason::DnsUnavailable) => {
                reason = Some(Reason::DnsUnavailable);
                unanswered += 1;
                if unanswered == UNANSWERED_MAX {
                    break;
                }
            }
            // What may yet turn out well comes before all that has not; and what is wrong with the domain's own signature before the rest.
            Err(found) if reason != Some(Reason::DnsUnavailable) => reason = Some(found),
            Err(_) => {}
        }
    }
    Err(reason.unwrap_or(Reason::DkimMissing))
}

/// Checks what the signature says of itself.
fn check_claim<'a>(tags: &Tags<'a>, header: &Header<'_>, now_s: u64) -> Result<Claim<'a>, Reason> {
    let need = |name: &str| tags.get(name).filter(|value| !value.is_empty()).ok_or(Reason::DkimMalformed);
    if need("v")? != "1" || tags.get("q").is_some_and(|query| query != "dns/txt") {
        return Err(Reason::DkimMalformed);
    }
    let is_ed25519 = match need("a")? {
        "rsa-sha256" => false,
        "ed25519-sha256" => true,
        _ => return Err(Reason::DkimAlgorithm),
    };
    if tags.get("l").is_some() {
        return Err(Reason::DkimBodyLength);
    }
    // Third-party signers and reports: not for identity, and they would ask for more names.
    if ["atps", "atpsh", "r"].iter().any(|name| tags.get(name).is_some()) {
        return Err(Reason::DkimMalformed);
    }
    if !covers(&need("h")?.split(':').map(str::trim).collect::<Vec<_>>(), header) {
        return Err(Reason::DkimHeaderUnsigned);
    }
    let (domain, selector) = (need("d")?, need("s")?);
    if !is_domain(&format!("{selector}.{domain}")) || !domain.is_ascii() {
        return Err(Reason::DkimMalformed);
    }
    if let Some(identity) = tags.get("i") {
        let is_below = identity.rsplit_once('@').is_some_and(|(_, host)| is_aligned(domain, host));
        if !is_below {
            return Err(Reason::DkimMalformed);
        }
    }
    let instant = |name: &str| tags.get(name).map(str::parse::<u64>).transpose().map_err(|_| Reason::DkimMalformed);
    if !is_in_time(instant("t")?, instant("x")?, now_s) {
        return Err(Reason::DkimExpired);
    }
    need("b").and(need("bh"))?;
    Ok(Claim { domain, selector, is_ed25519, now_s })
}

/// Looks the key up and checks what its record says.
fn look_up(claim: &Claim<'_>, resolver: &dyn Resolver) -> Result<Txt, Reason> {
    let name = format!("{}._domainkey.{}", claim.selector, claim.domain);
    let texts = resolver.texts(&name).map_err(|failure| match failure {
        DnsFailure::Missing => Reason::DkimKeyMissing,
        DnsFailure::Unavailable(_) => Reason::DnsUnavailable,
    })?;
    // Several records under one name: which one counts is not defined (RFC 6376, 3.6.2.2).
    let [text] = texts.as_slice() else { return Err(Reason::DkimKeyMalformed) };
    let tags = std::str::from_utf8(text).ok().and_then(Tags::parse).ok_or(Reason::DkimKeyMalformed)?;
    let has = |name: &str, wanted: &[&str]| {
        tags.get(name).is_none_or(|list| list.split(':').any(|item| wanted.contains(&item.trim())))
    };
    let flags: Vec<&str> = tags.get("t").map(|list| list.split(':').map(str::trim).collect()).unwrap_or_default();
    let kind = if claim.is_ed25519 { "ed25519" } else { "rsa" };
    if flags.contains(&"y") {
        return Err(Reason::DkimKeyTesting);
    }
    let is_for_this = tags.get("v").is_none_or(|version| version == "DKIM1")
        && tags.get("k").unwrap_or("rsa") == kind
        && has("h", &["sha256"])
        && has("s", &["*", "email"]);
    let key = base64(tags.get("p").ok_or(Reason::DkimKeyMalformed)?);
    let key = key.filter(|_| is_for_this).ok_or(Reason::DkimKeyMalformed)?;
    if key.is_empty() {
        return Err(Reason::DkimKeyMissing);
    }
    if !claim.is_ed25519 && rsa_bits(&key).ok_or(Reason::DkimKeyMalformed)? < RSA_BITS_MIN {
        return Err(Reason::DkimKeyWeak);
    }
    let key = DomainKey::parse(text).map_err(|_| Reason::DkimKeyMalformed)?;
    Ok(Txt::DomainKey(key.into()))
}

/// Has mail-auth check the body's hash and the signature.
fn verify(mail: &[u8], header: &Header<'_>, claim: &Claim<'_>, key: Txt) -> Result<(), Reason> {
    // What was signed had CRLF; a maildir has LF.
    let mail = if header.is_lf { Cow::Owned(with_crlf(mail)) } else { Cow::Borrowed(mail) };
    let cache = Keys { name: format!("{}._domainkey.{}.", claim.selector, claim.domain), key };
    let passed = catch_unwind(AssertUnwindSafe(|| {
        let message = AuthenticatedMessage::parse(&mail)?;
        let none = ResolverConfig::from_parts(None, Vec::new(), Vec::new());
        let authenticator = MessageAuthenticator::new(none, ResolverOpts::default()).ok()?;
        let outputs = pin!(authenticator.verify_dkim(Parameters::new(&message).with_txt_cache(&cache)));
        let mut outputs = outputs;
        // With all names in the cache it has nothing to wait for.
        let Poll::Ready(outputs) = outputs.as_mut().poll(&mut Context::from_waker(Waker::noop())) else { return None };
        Some(outputs.iter().any(|output| is_pass(output, claim, header)))
    }));
    match passed {
        Ok(Some(true)) => Ok(()),
        _ => Err(Reason::DkimFailed),
    }
}

/// Whether it is a pass of a signature such as the claim: all that was checked is checked again on what mail-auth has read, because a mail may
/// hold another signature of the same domain and key that promises less.
fn is_pass(output: &DkimOutput<'_>, claim: &Claim<'_>, header: &Header<'_>) -> bool {
    let algorithm = if claim.is_ed25519 { Algorithm::Ed25519Sha256 } else { Algorithm::RsaSha256 };
    let given = |seconds: u64| (seconds > 0).then_some(seconds);
    *output.result() == DkimResult::Pass
        && output.signature().is_some_and(|signature| {
            signature.d.eq_ignore_ascii_case(claim.domain)
                && signature.s.eq_ignore_ascii_case(claim.selector)
                && signature.a == algorithm
                && signature.l == 0
                && signature.atps.is_none()
                && is_in_time(given(signature.t), given(signature.x), claim.now_s)
                && covers(&signature.h, header)
        })
}

/// Whether a list of signed headers has all that matter, as far as they stand in the mail.
fn covers(signed: &[impl AsRef<str>], header: &Header<'_>) -> bool {
    let is_signed = |name: &str| signed.iter().any(|known| known.as_ref().eq_ignore_ascii_case(name));
    SIGNED.iter().all(|name| !header.has(name) || is_signed(name))
}

/// Whether a signature made and expiring then counts now.
fn is_in_time(signed_s: Option<u64>, expires_s: Option<u64>, now_s: u64) -> bool {
    let is_future = signed_s.is_some_and(|signed_s| signed_s > now_s.saturating_add(CLOCK_SKEW_S));
    let is_over = expires_s.is_some_and(|expires_s| expires_s <= now_s || expires_s <= signed_s.unwrap_or(0));
    !is_future && !is_over
}

fn with_crlf(mail: &[u8]) -> Vec<u8> {
    let mut copy = Vec::with_capacity(mail.len() + mail.len() / 32);
    for (at, byte) in mail.iter().enumerate() {
        if *byte == b'\n' && (at == 0 || mail.get(at - 1) != Some(&b'\r')) {
            copy.push(b'\r');
        }
        copy.push(*byte);
    }
    copy
}

/// A cache that has the one key, and for every other name an error: so nothing is ever asked.
struct Keys {
    name: String,
    key: Txt,
}

impl ResolverCache<Box<str>, Txt> for Keys {
    fn get<Q>(&self, name: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let [exact, lower] = [self.name.as_str().into(), self.name.to_ascii_lowercase().into_boxed_str()];
        let is_it = <Box<str> as Borrow<Q>>::borrow(&exact) == name || <Box<str> as Borrow<Q>>::borrow(&lower) == name;
        Some(if is_it { self.key.clone() } else { Txt::Error(Error::NoHeadersFound) })
    }

    fn remove<Q>(&self, _name: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        None
    }

    fn insert(&self, _key: Box<str>, _value: Txt, _valid_until: Instant) {}
}
