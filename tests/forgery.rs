//! Forged senders: none gets in; and honest mails, all of which do.
//!
//! `tests/golden/forgery/` holds a mail for each way that is known, and `expected.txt` what it must come to. Signed mails are made here, because
//! signatures are over time and keys: mail-auth signs them with fresh keys.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::time::Duration;

use daybook::codec::mime::{self, MimeLimits};
use daybook::config::Authentication;
use daybook::io::{Clock, DnsFailure, NameService, Resolver, SystemClock};
use daybook::model::policy::Person;
use daybook::source::mailbox::sender::{
    Border, Email, Header, People, Proof, Reason, Silence, Verdict, WAIT_MAX_S, authenticate, is_automatic_subject,
    may_answer,
};
use mail_auth::common::crypto::{Ed25519Key, RsaKey, Sha256};
use mail_auth::common::headers::HeaderWriter;
use mail_auth::dkim::{DkimSigner, Done};
use proptest::prelude::*;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;

const LI: &str = "li.lei@example.com";

fn people() -> People {
    let mut people = People::default();
    assert!(
        people.add(LI, LI)
            && people.add(LI, "lilei@home.example")
            && people.add("boss@example.com", "boss@example.com")
    );
    assert!(!people.add("boss@example.com", LI), "an address is one person's");
    people
}

fn border() -> Border {
    Border { inner: vec!["imap.example.com".to_owned()], ..Border::new("mx.example.com") }
}

/// A verdict in one word.
fn word(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Person { identity, .. } => format!("person {identity}"),
        Verdict::Refused(reason) => reason.code().to_owned(),
        Verdict::Wait(reason) => format!("wait {}", reason.code()),
    }
}

#[test]
fn every_golden_mail_comes_to_what_is_expected() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/forgery");
    let expected = fs::read_to_string(folder.join("expected.txt")).expect("it is there");
    let expected: BTreeMap<&str, &str> = expected
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_once(": ").expect("a line is `case: outcome`"))
        .collect();
    let (border, people) = (border(), people());
    let mut seen = BTreeSet::new();
    let mut wrong = Vec::new();
    for entry in fs::read_dir(&folder).expect("it is there") {
        let path = entry.expect("it can be listed").path();
        if path.extension().is_none_or(|end| end != "eml") {
            continue;
        }
        let name = path.file_stem().and_then(|name| name.to_str()).expect("it has a name").to_owned();
        let found = word(&authenticate(&fs::read(&path).expect("it can be read"), &Proof::Results(&border), &people));
        match expected.get(name.as_str()) {
            Some(wanted) if *wanted == found => {}
            wanted => wrong.push(format!("{name}: {found}, expected {wanted:?}")),
        }
        seen.insert(name);
    }
    wrong.extend(expected.keys().filter(|name| !seen.contains(**name)).map(|name| format!("{name}: no such mail")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let honest = expected.values().filter(|outcome| outcome.starts_with("person")).count();
    assert!(honest >= 10 && expected.len() - honest >= 40, "{honest} of {}", expected.len());
}

/// Sender and content are read by two readers: they must not see two senders.
fn is_one_sender(mail: &[u8]) -> bool {
    let Verdict::Person { from, .. } = authenticate(mail, &Proof::None, &people()) else { return true };
    let Ok(read) = mime::read(mail, &MimeLimits::default()) else { return true };
    read.from.address.eq_ignore_ascii_case(from.as_str())
}

#[test]
fn both_readers_of_a_mail_see_the_same_sender() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden");
    let mut count = 0;
    for entry in ["forgery", "mail"].iter().flat_map(|folder| fs::read_dir(golden.join(folder)).expect("it is there")) {
        let path = entry.expect("it can be listed").path();
        if path.extension().is_some_and(|end| end == "eml") {
            assert!(is_one_sender(&fs::read(&path).expect("it can be read")), "{}", path.display());
            count += 1;
        }
    }
    assert!(count >= 200, "{count}");
}

#[test]
fn reasons_have_codes_of_their_own() {
    let codes: BTreeSet<&str> = Reason::ALL.iter().map(|reason| reason.code()).collect();
    assert_eq!(codes.len(), Reason::ALL.len());
    for reason in Reason::ALL {
        assert!(reason.code().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{reason:?}");
    }
}

/// A name service that knows what it is told, counts what it is asked, and may be out of order.
#[derive(Default)]
struct Zone {
    texts: BTreeMap<String, Vec<String>>,
    is_down: bool,
    asked: Cell<usize>,
}

impl Resolver for Zone {
    fn texts(&self, name: &str) -> Result<Vec<Vec<u8>>, DnsFailure> {
        self.asked.set(self.asked.get() + 1);
        if self.is_down {
            return Err(DnsFailure::Unavailable("it is down".to_owned()));
        }
        let texts = self.texts.get(name).ok_or(DnsFailure::Missing)?;
        Ok(texts.iter().map(|text| text.clone().into_bytes()).collect())
    }
}

/// The base64 of a key record.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let six = (word >> (18 - 6 * place) & 63) as usize;
            text.push(if place <= chunk.len() { char::from(LETTERS[six]) } else { '=' });
        }
    }
    text
}

struct Signer {
    pkcs8: Vec<u8>,
    record: String,
}

impl Signer {
    fn new() -> Self {
        let pkcs8 = Ed25519Key::generate_pkcs8().expect("keys can be made");
        let key = Ed25519Key::from_pkcs8_der(&pkcs8).expect("it was just made");
        let record = format!("v=DKIM1; k=ed25519; p={}", base64(&key.public_key()));
        Self { pkcs8, record }
    }

    fn zone(&self) -> Zone {
        let texts = [("s1._domainkey.example.com".to_owned(), vec![self.record.clone()])];
        Zone { texts: texts.into(), ..Zone::default() }
    }

    fn sign(
        &self,
        mail: &str,
        domain: &str,
        headers: &[&str],
        with: impl Fn(DkimSigner<Ed25519Key, Done>) -> DkimSigner<Ed25519Key, Done>,
    ) -> String {
        let key = Ed25519Key::from_pkcs8_der(&self.pkcs8).expect("it was made before");
        let signer = DkimSigner::from_key(key).domain(domain).selector("s1").headers(headers.iter().copied());
        let signature = with(signer).sign(mail.as_bytes()).expect("it can be signed");
        format!("{}{mail}", signature.to_header())
    }

    fn signed(&self) -> String {
        self.sign(MAIL, "example.com", &["From", "To", "Subject", "Date"], |signer| signer)
    }
}

const MAIL: &str = "From: Li Lei <li.lei@example.com>\r\nTo: capture@example.com\r\nSubject: C-000001\r\nDate: Sat, 1 Mar 2026 09:00:00 +0800\r\n\r\nPhone: 13800000000\r\n";

fn now_s() -> u64 {
    u64::try_from(SystemClock.now_ms() / 1000).expect("it is after 1970")
}

fn ask(mail: &str, zone: &dyn Resolver, now_s: u64) -> String {
    word(&authenticate(mail.as_bytes(), &Proof::Dkim { resolver: zone, now_s, first_asked_s: now_s }, &people()))
}

#[track_caller]
fn check(mail: &str, zone: &dyn Resolver, expected: &str) {
    assert_eq!(ask(mail, zone, now_s()), expected, "{mail}");
}

const PERSON: &str = "person li.lei@example.com";

#[test]
fn an_honest_signature_gets_in() {
    let signer = Signer::new();
    let zone = signer.zone();
    check(&signer.signed(), &zone, PERSON);
    // A maildir's line ends, blanks that relaxed forms don't count, headers on top, a list's signature beside.
    check(&signer.signed().replace("\r\n", "\n"), &zone, PERSON);
    let other = signer.sign(MAIL, "example.org", &["From", "Subject", "Date"], |signer| signer);
    let both = format!("Received: x\r\n{}", other.replace(MAIL, &signer.signed()));
    check(&both, &zone, PERSON);
    // The zone above vouches for names below it.
    let below = MAIL.replace("li.lei@example.com", "lilei@home.example");
    let above = signer.sign(&below, "home.example", &["From", "Subject", "Date"], |signer| signer);
    let texts = [("s1._domainkey.home.example".to_owned(), vec![signer.record.clone()])];
    check(&above, &Zone { texts: texts.into(), ..Zone::default() }, PERSON);
}

#[test]
fn a_signature_that_was_bent_does_not() {
    let signer = Signer::new();
    let zone = signer.zone();
    let good = signer.signed();
    let all = ["From", "To", "Subject", "Date"];
    check(MAIL, &zone, "dkim-missing");
    check(&good.replace("13800000000", "13900000000"), &zone, "dkim-failed");
    check(&good.replace("Subject: C-000001", "Subject: C-000002"), &zone, "dkim-failed");
    check(&good.replace("Li Lei <", "Boss <"), &zone, "dkim-failed");
    check(&good.replace("li.lei@", "boss@"), &zone, "dkim-failed");
    check(&format!("From: boss@example.com\r\n{good}"), &zone, "from-repeated");
    check(&format!("Subject: other\r\n{good}"), &zone, "header-repeated");
    check(&good.replace("d=example.com", "d=example.org"), &zone, "dkim-not-aligned");
    check(&good.replace("d=example.com", "d=com"), &zone, "dkim-not-aligned");
    check(&good.replace("d=example.com", "d=example.org; d=example.com"), &zone, "dkim-malformed");
    check(&good.replace("d=example.com", "d=example.org; D=example.com"), &zone, "dkim-malformed");
    check(&good.replace("d=example.com", "d=mail.example.com"), &zone, "dkim-not-aligned");
    check(&good.replace("v=1", "v=2"), &zone, "dkim-malformed");
    check(&good.replace("a=ed25519-sha256", "a=rsa-sha1"), &zone, "dkim-algorithm");
    check(&good.replace("a=ed25519-sha256", "a=rsa-sha256"), &zone, "dkim-key-malformed");
    check(&good.replace("v=1;", "v=1; atps=example.com;"), &zone, "dkim-malformed");
    check(&good.replace("v=1;", "v=1; i=@example.org;"), &zone, "dkim-malformed");
    check(&format!("X: y\r\n{good}"), &zone, PERSON);
    check(&format!("{}{good}", "DKIM-Signature: v=1\r\n".repeat(5)), &zone, "dkim-too-many");
    check(&signer.sign(MAIL, "example.com", &all, |signer| signer.body_length(true)), &zone, "dkim-body-length");
    check(
        &signer.sign(MAIL, "example.com", &["To", "Subject", "Date"], |signer| signer),
        &zone,
        "dkim-header-unsigned",
    );
    check(&signer.sign(MAIL, "example.com", &["From"], |signer| signer), &zone, "dkim-header-unsigned");
    // A narrow signature of the same key that fits, behind a wide one that doesn't.
    let narrow = signer.sign(MAIL, "example.com", &["From"], |signer| signer);
    let wide = good.replace(MAIL, &narrow).replacen("bh=", "bh=A", 1);
    let wide = wide.replace("Subject: C-000001", "Subject: C-000002");
    check(&wide, &zone, "dkim-header-unsigned");
    let (wide, _) = good.split_once("From:").expect("it has one");
    let wide =
        format!("{}{narrow}", wide.replacen("; b=", "; b=AAAA", 1)).replace("Subject: C-000001", "Subject: C-000002");
    check(&wide, &zone, "dkim-header-unsigned");
    let expiring = signer.sign(MAIL, "example.com", &all, |signer| signer.expiration(60));
    check(&expiring, &zone, PERSON);
    assert_eq!(ask(&expiring, &zone, now_s() + 120), "dkim-expired");
    assert_eq!(ask(&good, &zone, now_s() - 86_400), "dkim-expired", "a signature of the future");
    // A stranger who is nobody here has no name looked up.
    let before = zone.asked.get();
    check(&MAIL.replace("li.lei@", "evil@"), &zone, "unknown-sender");
    assert_eq!(zone.asked.get(), before);
}

#[test]
fn a_key_that_is_no_good_does_not() {
    let signer = Signer::new();
    let good = signer.signed();
    let with = |records: &[String]| Zone {
        texts: [("s1._domainkey.example.com".to_owned(), records.to_vec())].into(),
        ..Zone::default()
    };
    let record = &signer.record;
    check(&good, &Zone::default(), "dkim-key-missing");
    check(&good, &Zone { is_down: true, ..Zone::default() }, "wait dns-unavailable");
    check(&good, &with(&[record.replace("p=", "p=; x=")]), "dkim-key-missing");
    check(&good, &with(&[record.replace("p=", "t=y; p=")]), "dkim-key-testing");
    check(&good, &with(&[record.replace("p=", "h=sha1; p=")]), "dkim-key-malformed");
    check(&good, &with(&[record.replace("p=", "s=tlsrpt; p=")]), "dkim-key-malformed");
    check(&good, &with(&[record.replace("DKIM1", "DKIM2")]), "dkim-key-malformed");
    check(&good, &with(&[record.replace("p=", "p=!")]), "dkim-key-malformed");
    check(&good, &with(&[record.clone(), record.clone()]), "dkim-key-malformed");
    check(&good, &with(&[Signer::new().record]), "dkim-failed");
    // An RSA key of 512 bits, and one of 1024 that did not sign this.
    let rsa = good.replace("a=ed25519-sha256", "a=rsa-sha256");
    let spki = |bytes: usize| {
        let mut modulus = vec![
            0x02,
            0x82,
            u8::try_from((bytes + 1) >> 8).unwrap_or(0),
            u8::try_from((bytes + 1) & 255).unwrap_or(0),
            0,
        ];
        modulus.extend(std::iter::repeat_n(0xc3, bytes));
        modulus.extend([0x02, 0x03, 1, 0, 1]);
        let mut key = vec![
            0x30,
            0x82,
            u8::try_from(modulus.len() >> 8).unwrap_or(0),
            u8::try_from(modulus.len() & 255).unwrap_or(0),
        ];
        key.extend(modulus);
        format!("v=DKIM1; k=rsa; p={}", base64(&key))
    };
    check(&rsa, &with(&[spki(64)]), "dkim-key-weak");
    check(&rsa, &with(&[spki(127)]), "dkim-key-weak");
    assert_ne!(ask(&rsa, &with(&[spki(128)]), now_s()), "dkim-key-weak");
}

#[test]
fn an_rsa_signature_is_as_good() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/forgery");
    let pem = fs::read_to_string(folder.join("rsa-key-of-nobody.pem")).expect("it is there");
    let der = || PrivateKeyDer::from_pem_slice(pem.as_bytes()).expect("it is PEM");
    let key = || RsaKey::<Sha256>::from_key_der(der()).expect("it is a key");
    let record = format!("v=DKIM1; k=rsa; p={}", base64(&key().public_key()));
    let zone = |record: String| Zone {
        texts: [("s1._domainkey.example.com".to_owned(), vec![record])].into(),
        ..Zone::default()
    };
    let signer = DkimSigner::from_key(key()).domain("example.com").selector("s1");
    let signature = signer.headers(["From", "To", "Subject", "Date"]).sign(MAIL.as_bytes()).expect("it can be signed");
    let good = format!("{}{MAIL}", signature.to_header());
    assert!(good.contains("a=rsa-sha256"), "{good}");
    let known = zone(record.clone());
    check(&good, &known, PERSON);
    check(&good.replace("\r\n", "\n"), &known, PERSON);
    check(&good.replace("13800000000", "13900000000"), &known, "dkim-failed");
    check(&good.replace("li.lei@", "boss@"), &known, "dkim-failed");
    check(&good.replace("a=rsa-sha256", "a=rsa-sha1"), &known, "dkim-algorithm");
    check(&good.replace("a=rsa-sha256", "a=ed25519-sha256"), &known, "dkim-key-malformed");
    check(&format!("From: boss@example.com\r\n{good}"), &known, "from-repeated");
    // `k=rsa` is what is meant where nothing is said; and the key may stand in its bare form.
    check(&good, &zone(record.replace("k=rsa; ", "")), PERSON);
    check(&good, &zone(Signer::new().record), "dkim-key-malformed");
}

#[test]
fn a_mail_waits_for_the_name_service_for_days_and_not_for_ever() {
    let signer = Signer::new();
    let down = || Zone { is_down: true, ..Zone::default() };
    let after = |zone: &Zone, mail: &str, waited_s: u64| {
        let now_s = now_s();
        let proof = Proof::Dkim { resolver: zone, now_s, first_asked_s: now_s - waited_s };
        word(&authenticate(mail.as_bytes(), &proof, &people()))
    };
    assert_eq!(after(&down(), &signer.signed(), 0), "wait dns-unavailable");
    assert_eq!(after(&down(), &signer.signed(), WAIT_MAX_S - 1), "wait dns-unavailable");
    assert_eq!(after(&down(), &signer.signed(), WAIT_MAX_S), "dns-given-up");
    assert_eq!(after(&signer.zone(), &signer.signed(), WAIT_MAX_S), PERSON, "an answer at last counts");
    // However many signatures a mail has, few of its questions may go unanswered.
    let (header, _) =
        signer.signed().split_once("From:").map(|(top, rest)| (top.to_owned(), rest.to_owned())).expect("it has one");
    let many = format!("{}{MAIL}", (1..=5).map(|n| header.replace("s=s1", &format!("s=s{n}"))).collect::<String>());
    let zone = down();
    assert_eq!(after(&zone, &many, 0), "wait dns-unavailable");
    assert_eq!(zone.asked.get(), 2);
}

#[test]
fn people_are_the_configurations() {
    let person = |email: &str, addresses: &[&str]| Person {
        email: email.to_owned(),
        name: String::new(),
        roles: Vec::new(),
        department: None,
        addresses: addresses.iter().filter_map(|address| Email::parse(address)).collect(),
    };
    let people = People::of(&[person(LI, &["LiLei@Home.example"]), person("王芳@example.com", &["wang@example.com"])]);
    let identity =
        |address: &str| Email::parse(address).and_then(|address| people.identity(&address).map(str::to_owned));
    assert_eq!(identity("LI.LEI@example.com").as_deref(), Some(LI));
    assert_eq!(identity("lilei@home.example").as_deref(), Some(LI));
    assert_eq!(identity("wang@example.com").as_deref(), Some("王芳@example.com"));
    assert_eq!(identity("lei@example.com"), None);
    let authentication = Authentication::Results {
        authserv_id: "mx.example.com".to_owned(),
        border_host: "mx1.example.com".to_owned(),
        inner_hosts: vec!["store.example.com".to_owned()],
    };
    let border = Border::of(&authentication).expect("it has one");
    assert_eq!((border.host.as_str(), border.inner.len()), ("mx1.example.com", 1));
    assert_eq!(Border::of(&Authentication::Dkim), None);
}

/// Answers each question with one text, or with an error, or not at all.
fn serve(answer: impl Fn(&[u8]) -> Option<Vec<u8>> + Send + 'static) -> std::net::SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
    let address = socket.local_addr().expect("it has one");
    std::thread::spawn(move || {
        let mut question = [0_u8; 1500];
        while let Ok((length, from)) = socket.recv_from(&mut question) {
            if let Some(answer) = answer(&question[..length]) {
                drop(socket.send_to(&answer, from));
            }
        }
    });
    address
}

/// The answer to a question: its header and question as they are, with this result code and these strings of one TXT record.
fn reply(question: &[u8], code: u8, strings: &[&[u8]]) -> Vec<u8> {
    let end = 12 + question[12..].iter().position(|byte| *byte == 0).expect("a name ends") + 5;
    let mut answer = question[..end].to_vec();
    answer[2] = 0x85;
    answer[3] = 0x80 | code;
    answer[6..12].fill(0);
    if !strings.is_empty() {
        answer[7] = 1;
        let data: Vec<u8> = strings
            .iter()
            .flat_map(|text| std::iter::once(u8::try_from(text.len()).unwrap_or(0)).chain(text.iter().copied()))
            .collect();
        answer.extend([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60, 0, u8::try_from(data.len()).expect("it is short")]);
        answer.extend(data);
    }
    answer
}

#[test]
fn a_real_name_service_is_asked() {
    let signer = Signer::new();
    let good = signer.signed();
    let record = signer.record.clone();
    let patience = Duration::from_secs(2);
    let at = |address| NameService::at(address, patience).expect("it can be made");
    let service = at(serve(move |question| {
        let (one, two) = record.as_bytes().split_at(20);
        Some(reply(question, 0, &[one, two]))
    }));
    check(&good, &service, PERSON);
    check(&good, &at(serve(|question| Some(reply(question, 3, &[])))), "dkim-key-missing");
    check(&good, &at(serve(|question| Some(reply(question, 0, &[])))), "dkim-key-missing");
    check(&good, &at(serve(|question| Some(reply(question, 2, &[])))), "wait dns-unavailable");
    check(&good, &at(serve(|_| None)), "wait dns-unavailable");
}

#[test]
fn only_what_a_person_wrote_is_answered() {
    let check = |more: &str, expected: Result<(), Silence>| {
        let mail = format!("{more}{MAIL}");
        let verdict = authenticate(mail.as_bytes(), &Proof::None, &people());
        let header = Header::read(mail.as_bytes()).expect("it is well-formed");
        assert_eq!(may_answer(&header, &verdict, &["capture@example.com"]), expected, "{more}");
    };
    check("", Ok(()));
    check(
        "Auto-Submitted: no\r\nX-Auto-Response-Suppress: None\r\nPrecedence: first-class\r\nReturn-Path: <li.lei@example.com>\r\n",
        Ok(()),
    );
    for (more, silence) in [
        ("Return-Path: <>\r\n", Silence::Delivery),
        ("Return-Path: < >\r\n", Silence::Delivery),
        ("Content-Type: multipart/report; report-type=delivery-status\r\n", Silence::Delivery),
        ("X-Failed-Recipients: a@example.com\r\n", Silence::Delivery),
        ("Auto-Submitted: auto-replied\r\n", Silence::Automatic),
        ("AUTO-SUBMITTED: Auto-Generated; x\r\n", Silence::Automatic),
        ("Auto-Submitted:\r\n", Silence::Automatic),
        ("Auto-Submitted: no\r\nAuto-Submitted: auto-replied\r\n", Silence::Automatic),
        ("X-Auto-Response-Suppress: OOF, AutoReply\r\n", Silence::Automatic),
        ("X-Autoreply: yes\r\n", Silence::Automatic),
        ("Precedence: bulk\r\n", Silence::List),
        ("Precedence: Junk\r\n", Silence::List),
        ("Precedence: list\r\n", Silence::List),
        ("List-Id: <staff.example.com>\r\n", Silence::List),
        ("LIST-UNSUBSCRIBE: <mailto:x@example.com>\r\n", Silence::List),
        ("X-Loop: x\r\n", Silence::List),
        ("X-Daybook-Arrival: 1\r\n", Silence::Own),
        ("x-daybook-outcome: applied=1\r\n", Silence::Own),
        ("X-Daybook-Loop: 1\r\n", Silence::Own),
        ("Precedence: auto_reply\r\n", Silence::Automatic),
        ("X-MS-Exchange-Generated-Message-Source: Mailbox Rules Agent\r\n", Silence::Automatic),
        ("X-MS-Exchange-Inbox-Rules-Loop: li.lei@example.com\r\n", Silence::Automatic),
        ("X-Mail-AutoReply: 1\r\n", Silence::Automatic),
    ] {
        check(more, Err(silence));
    }
    let header = Header::read(MAIL.as_bytes()).expect("it is well-formed");
    let person = authenticate(MAIL.as_bytes(), &Proof::None, &people());
    let own = ["capture@example.com", "Li.Lei@example.com"];
    assert_eq!(may_answer(&header, &person, &own), Err(Silence::Own), "any of its addresses");
    assert_eq!(
        may_answer(&header, &person, &["lei@example.com", "li.lei@example.org", "li.lei+x@example.com"]),
        Ok(())
    );
    for verdict in [Verdict::Refused(Reason::DkimFailed), Verdict::Wait(Reason::DnsUnavailable)] {
        assert_eq!(may_answer(&header, &verdict, &["capture@example.com"]), Err(Silence::Unproved));
    }
}

#[test]
fn an_automatic_answer_is_known_by_its_subject_and_a_persons_answer_to_it_is_none() {
    for subject in [
        "自动回复:客户",
        "自动回复：休假中",
        "【自动回复】外出",
        "Automatic reply: customers",
        "Out of Office: x",
        "AutoReply x",
    ] {
        assert!(is_automatic_subject(subject), "{subject}");
    }
    for subject in
        ["", "客户", "Re: Automatic reply: customers", "转发：自动回复：客户", "回复：自动回复功能", "automatic gates"]
    {
        assert!(!is_automatic_subject(subject), "{subject}");
    }
}

/// Lines that a forger would put together.
fn lines() -> impl Strategy<Value = Vec<u8>> {
    let whole = [
        "From: li.lei@example.com",
        "From: <li.lei@example.com>",
        "from: boss@example.com",
        "Subject: x",
        " folded",
        "\t",
        "",
        "Received: from a by mx.example.com with ESMTP id 1; x",
        "Received: from a by mx.example.org with ESMTP id 1; x",
        "Received: from mx.example.com by imap.example.com with LMTP id 1; x",
        "Authentication-Results: mx.example.com; dmarc=pass header.from=example.com",
        "Authentication-Results: mx.example.com; dkim=pass header.d=example.com",
        "Authentication-Results: mx.example.com; dkim=fail header.d=example.com",
        "Authentication-Results: mx.example.com; dkim=pass (",
        "DKIM-Signature: v=1; d=example.com; s=s1; a=ed25519-sha256; h=from; b=AA==; bh=AA==",
    ];
    let line = prop_oneof![
        8 => proptest::sample::select(whole.to_vec()).prop_map(|line| line.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..40),
        1 => "[ -~]{0,60}".prop_map(String::into_bytes),
    ];
    proptest::collection::vec(line, 0..14)
        .prop_map(|lines| lines.into_iter().flat_map(|line| [line, b"\r\n".to_vec()].concat()).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Whatever a stranger sends, the border puts its own lines on top: then nobody gets in, and nothing panics.
    #[test]
    fn nothing_that_a_stranger_writes_gets_in(stranger in lines()) {
        let (border, people) = (border(), people());
        let top = "Authentication-Results: mx.example.com; dkim=none; spf=fail smtp.mailfrom=evil@example.org\r\nReceived: from evil (evil [192.0.2.9]) by mx.example.com with ESMTP id 9; x\r\n";
        let bare = "Received: from evil (evil [192.0.2.9]) by mx.example.com with ESMTP id 9; x\r\n";
        for top in [top, bare] {
            let mail = [top.as_bytes(), &stranger].concat();
            let is_refused = matches!(authenticate(&mail, &Proof::Results(&border), &people), Verdict::Refused(_));
            prop_assert!(is_refused);
        }
        let signer = Signer::new();
        let zone = signer.zone();
        let is_refused = matches!(authenticate(&stranger, &Proof::Dkim { resolver: &zone, now_s: 0, first_asked_s: 0 }, &people), Verdict::Refused(_));
        prop_assert!(is_refused);
        drop(word(&authenticate(&stranger, &Proof::Results(&border), &people)));
        prop_assert!(is_one_sender(&stranger));
    }

    /// A signed mail with anything put on top is the person's, or nobody's; never another one's.
    #[test]
    fn lines_on_top_of_a_signed_mail_make_nobody_else_of_it(top in lines()) {
        let signer = Signer::new();
        let mail = [top.as_slice(), signer.signed().as_bytes()].concat();
        let verdict = authenticate(&mail, &Proof::Dkim { resolver: &signer.zone(), now_s: now_s(), first_asked_s: now_s() }, &people());
        let is_nobody_else = match &verdict {
            Verdict::Person { identity, .. } => identity == LI,
            Verdict::Refused(_) | Verdict::Wait(_) => true,
        };
        prop_assert!(is_nobody_else);
    }
}
