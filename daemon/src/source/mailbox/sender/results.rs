//! `Authentication-Results` (RFC 8601): read strictly, and believed only where nobody but the office's own servers can have written.
//!
//! Headers are added on top. The *border* is the server that takes mail from outside: what stands above the Received line that it
//! wrote was written by it, or by servers behind it; what stands below may be anybody's. So the lines are walked from the top:
//!
//! - a Received line of a server behind the border (`Border::inner`), or the border's own local delivery (`with LMTP`), is passed;
//! - the next Received line must be the border's (`by` is its name); there the walk ends. Any other name, a line that can't be read, or none:
//!   refused. So a forged line in the border's name can't move the border down, nor stand in for one that the border did not write;
//! - what calls itself ours on the way must be well-formed, and all of it must agree. What stands below is not looked at.
//!
//! A server that writes its results *below* its own Received line can't be believed in this way; DKIM can.
//!
//! `dkim=pass` with an aligned `header.d`, or `dmarc=pass` with the very `header.from`, is proof. SPF alone is none: it is about the envelope.

use super::address::is_aligned;
use super::header::Header;
use super::reason::Reason;
use super::token::{Token, tokens};
use crate::config::Authentication;
use crate::model::email::Email;

/// The name of the field.
const FIELD: &str = "authentication-results";
/// The most results in one field.
const RESULTS_MAX: usize = 64;

/// Whose word is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Border {
    /// What the border server calls itself in Authentication-Results.
    pub authserv_id: String,
    /// What it calls itself in its Received lines.
    pub host: String,
    /// The servers behind it, as they call themselves in theirs. They must take mail from the border only: one that a stranger can speak to
    /// would let him write all that stands below its line.
    pub inner: Vec<String>,
}

impl Border {
    /// A border that goes by one name, with nothing behind it.
    pub fn new(authserv_id: &str) -> Self {
        Self { authserv_id: authserv_id.to_owned(), host: authserv_id.to_owned(), inner: Vec::new() }
    }

    /// The border that a mailbox is configured with; `None` if its senders are proved in another way.
    pub fn of(authentication: &Authentication) -> Option<Self> {
        match authentication {
            Authentication::Results { authserv_id, border_host, inner_hosts } => {
                Some(Self { authserv_id: authserv_id.clone(), host: border_host.clone(), inner: inner_hosts.clone() })
            }
            Authentication::Dkim | Authentication::None => None,
        }
    }
}

/// One result: `dkim=pass header.d=example.com`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MethodResult {
    method: String,
    result: String,
    properties: Vec<(String, String)>,
}

impl MethodResult {
    fn property(&self, name: &str) -> Option<&str> {
        self.properties.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Whether the border server vouches for the address.
pub(super) fn check(header: &Header<'_>, border: &Border, from: &Email) -> Result<(), Reason> {
    let results = believed(header, border)?;
    let domain = from.domain();
    let mut is_proved = false;
    for result in &results {
        let is_about = match result.method.as_str() {
            "dkim" => result.property("header.d").is_some_and(|signer| is_aligned(signer, domain)),
            // A verdict on DMARC is about the one From, whatever it says of it.
            "dmarc" => true,
            _ => continue,
        };
        let is_exact = result.method == "dkim"
            || result.property("header.from").is_some_and(|name| name.eq_ignore_ascii_case(domain));
        match result.result.as_str() {
            "pass" if is_about && is_exact => is_proved = true,
            // A pass for another domain than that of the From: the border read another From than we do.
            "pass" if is_about && result.property("header.from").is_some() => return Err(Reason::ResultsFailed),
            "fail" | "policy" | "permerror" if is_about => return Err(Reason::ResultsFailed),
            _ => {}
        }
    }
    if is_proved { Ok(()) } else { Err(Reason::ResultsInsufficient) }
}

/// All results in the border's name above the border.
fn believed(header: &Header<'_>, border: &Border) -> Result<Vec<MethodResult>, Reason> {
    let mut results = Vec::new();
    let mut is_there = false;
    for field in &header.fields {
        if field.is("received") {
            let hop = field.ascii().and_then(Hop::parse).ok_or(Reason::BorderMalformed)?;
            let is_border = hop.by.eq_ignore_ascii_case(&border.host);
            let is_inner = border.inner.iter().any(|name| name.eq_ignore_ascii_case(&hop.by));
            if is_inner || is_border && hop.is_local_delivery() {
                continue;
            }
            return match (is_border, is_there) {
                (false, _) => Err(Reason::BorderMissing),
                (true, false) => Err(Reason::ResultsMissing),
                (true, true) => Ok(results),
            };
        }
        if !field.is(FIELD) {
            continue;
        }
        let read = field.ascii().and_then(parse);
        match read {
            Some((id, found)) if id.eq_ignore_ascii_case(&border.authserv_id) => {
                results.extend(found);
                is_there = true;
            }
            None if mentions(&field.value, &border.authserv_id) => return Err(Reason::ResultsMalformed),
            // Another server's word, which is not asked for.
            Some(_) | None => {}
        }
    }
    Err(Reason::BorderMissing)
}

/// Whether a name stands in a field that can't be read.
fn mentions(value: &[u8], name: &str) -> bool {
    value.to_ascii_lowercase().windows(name.len().max(1)).any(|part| part == name.to_ascii_lowercase().as_bytes())
}

/// What is needed of a Received line (RFC 5321, 4.4).
#[derive(Debug, PartialEq, Eq)]
struct Hop {
    by: String,
    with: Option<String>,
}

impl Hop {
    /// Reads `from A by B via C with D id E for F; date`. Each clause stands once at most and holds one word: the name that a stranger gives
    /// for himself may hold blanks, and would otherwise bring clauses of its own.
    fn parse(text: &str) -> Option<Self> {
        // `tls` where Exim writes it.
        const CLAUSES: [&str; 7] = ["from", "by", "via", "with", "tls", "id", "for"];
        let mut hop = Hop { by: String::new(), with: None };
        let mut last = None;
        let mut pieces = tokens(text, ";")?.into_iter();
        while let Some(piece) = pieces.next() {
            let Token::Word(word) = piece else {
                if piece == Token::Sign(';') {
                    break;
                }
                return None;
            };
            let place = CLAUSES.iter().position(|clause| word.eq_ignore_ascii_case(clause))?;
            let Some(Token::Word(value)) = pieces.next() else { return None };
            // In this order only.
            if last.is_some_and(|last| last >= place) {
                return None;
            }
            last = Some(place);
            match place {
                1 => hop.by = value,
                3 => hop.with = Some(value),
                _ => {}
            }
        }
        (!hop.by.is_empty()).then_some(hop)
    }

    /// Whether the line is of the delivery into the mailbox, which no stranger can speak to.
    fn is_local_delivery(&self) -> bool {
        self.with.as_deref().is_some_and(|with| {
            ["LMTP", "LMTPA", "LMTPS", "LMTPSA"].iter().any(|known| with.eq_ignore_ascii_case(known))
        })
    }
}

/// Reads a field: the authserv-id and the results. `None` if it is not exactly as RFC 8601 has it.
pub(super) fn parse(text: &str) -> Option<(String, Vec<MethodResult>)> {
    let all = tokens(text, ";=/")?;
    let mut sections = all.split(|token| *token == Token::Sign(';'));
    let id = match sections.next()? {
        [Token::Word(id) | Token::Quoted(id)] => id.clone(),
        [Token::Word(id) | Token::Quoted(id), Token::Word(version)] if version == "1" => id.clone(),
        _ => return None,
    };
    let mut sections: Vec<&[Token]> = sections.collect();
    // A semicolon at the very end, which some servers write, says nothing more.
    if sections.len() > 1 && sections.last().is_some_and(|section| section.is_empty()) {
        sections.pop();
    }
    if let [[Token::Word(none)]] = sections.as_slice()
        && none.eq_ignore_ascii_case("none")
    {
        return Some((id, Vec::new()));
    }
    if sections.is_empty() || sections.len() > RESULTS_MAX {
        return None;
    }
    let results: Option<Vec<MethodResult>> = sections.into_iter().map(parse_result).collect();
    Some((id, results?))
}

/// Reads `method[/1]=result [reason=text] (ptype.property=value)*`.
fn parse_result(section: &[Token]) -> Option<MethodResult> {
    let (method, mut rest) = match section {
        [Token::Word(method), Token::Sign('/'), Token::Word(version), rest @ ..] if version == "1" => (method, rest),
        [Token::Word(method), rest @ ..] => (method, rest),
        _ => return None,
    };
    let [Token::Sign('='), Token::Word(result), tail @ ..] = rest else { return None };
    rest = tail;
    let mut properties: Vec<(String, String)> = Vec::new();
    while let [Token::Word(name), Token::Sign('='), tail @ ..] = rest {
        let (value, tail) = property_value(tail)?;
        let name = name.to_ascii_lowercase();
        let is_known = match name.split_once('.') {
            Some((ptype, property)) => is_keyword(ptype) && is_keyword(property),
            None => name == "reason" && properties.is_empty(),
        };
        if !is_known || properties.iter().any(|(known, _)| *known == name) {
            return None;
        }
        properties.push((name, value));
        rest = tail;
    }
    let method = method.to_ascii_lowercase();
    let result = result.to_ascii_lowercase();
    (rest.is_empty() && is_keyword(&method) && is_keyword(&result)).then_some(MethodResult {
        method,
        result,
        properties,
    })
}

/// Reads a property's value. `/` and `=` are signs to the cutter but stand in values, too: they join what touches them.
fn property_value(tokens: &[Token]) -> Option<(String, &[Token])> {
    if let [Token::Quoted(text), rest @ ..] = tokens {
        return Some((text.clone(), rest));
    }
    let [Token::Word(text), rest @ ..] = tokens else { return None };
    let (mut text, mut rest) = (text.clone(), rest);
    // Base64 as in `header.b=ab/cd=`; never a name and `=` that begin the next property.
    while let [Token::Sign('/'), Token::Word(more), tail @ ..] = rest {
        text.push('/');
        text.push_str(more);
        rest = tail;
    }
    while let [Token::Sign('='), tail @ ..] = rest {
        text.push('=');
        rest = tail;
    }
    Some((text, rest))
}

fn is_keyword(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        && !text.starts_with('-')
        && !text.ends_with('-')
}
