//! Whether a mail may ever be answered: never one that a program wrote, never our own, never one whose sender is not proved.
//!
//! Two programs that answer each other fill both mailboxes. So any one sign is enough to be silent (RFC 3834, RFC 2919, RFC 3464, and what
//! Exchange and older list programs write).

use super::Verdict;
use super::address::from_address;
use super::header::Header;
use crate::model::email::Email;

/// A field that every mail of ours carries.
pub const OWN_FIELD: &str = "X-Daybook-Arrival";

/// Why a mail is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Silence {
    /// Its sender is not proved.
    Unproved,
    /// Daybook wrote it, or it comes from the address that answers would go out from.
    Own,
    /// A program wrote it.
    Automatic,
    /// It came by way of a list, or to many.
    List,
    /// It is about a delivery.
    Delivery,
}

/// Whether a mail may be answered; `own` is the address that answers are sent from.
pub fn may_answer(header: &Header<'_>, verdict: &Verdict, own: &str) -> Result<(), Silence> {
    if !matches!(verdict, Verdict::Person { .. }) {
        return Err(Silence::Unproved);
    }
    let from = from_address(header).ok();
    let is_own_address = from.as_ref().is_some_and(|from| from.as_str().eq_ignore_ascii_case(own));
    if header.has(OWN_FIELD) || header.has("x-daybook-outcome") || is_own_address {
        return Err(Silence::Own);
    }
    if is_delivery(header, from.as_ref()) {
        return Err(Silence::Delivery);
    }
    let is_list_field = |name: &str| name.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("list-"));
    let is_list = header.fields.iter().any(|field| is_list_field(field.name))
        || ["mailing-list", "x-mailing-list", "x-loop", "feedback-id"].iter().any(|name| header.has(name))
        || any_word(header, "precedence", &["bulk", "junk", "list"]);
    if is_list {
        return Err(Silence::List);
    }
    // `no` is the one word that means a person; with anything else, and with several fields, it is not said.
    let is_automatic = header.all("auto-submitted").any(|field| first_word(&field.value) != "no")
        || header.all("x-auto-response-suppress").any(|field| first_word(&field.value) != "none")
        || ["x-autoreply", "x-autorespond", "x-auto-response"].iter().any(|name| header.has(name));
    if is_automatic { Err(Silence::Automatic) } else { Ok(()) }
}

fn is_delivery(header: &Header<'_>, from: Option<&Email>) -> bool {
    let is_null = header
        .all("return-path")
        .any(|field| field.value.iter().filter(|byte| !byte.is_ascii_whitespace()).eq(b"<>".iter()));
    let is_daemon = from.is_some_and(|from| {
        ["mailer-daemon", "postmaster"].contains(&from.local())
            || ["noreply", "no-reply", "do-not-reply"].contains(&from.local())
    });
    let is_report = header.all("content-type").any(|field| first_word(&field.value) == "multipart/report");
    is_null || is_daemon || is_report || header.has("x-failed-recipients")
}

fn any_word(header: &Header<'_>, name: &str, words: &[&str]) -> bool {
    header.all(name).any(|field| words.contains(&first_word(&field.value).as_str()))
}

/// What stands before the first blank, comma, semicolon or comment, in lower case.
fn first_word(value: &[u8]) -> String {
    let end = value.iter().position(|byte| b" \t,;(".contains(byte)).unwrap_or(value.len());
    String::from_utf8_lossy(value.get(..end).unwrap_or_default()).to_ascii_lowercase()
}
