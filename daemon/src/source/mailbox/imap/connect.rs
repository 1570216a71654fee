//! From nothing to a session: connect, encrypt, log in.

use std::cell::Cell;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use imap::{Authenticator, Client};
use zeroize::Zeroizing;

use super::guard::{Control, Guard};
use super::session::{ANSWER_BYTES_MAX, guarded};
use crate::config::{Credential, ImapConfig, MailTls};
use crate::io::private;
use crate::io::transport::{Encryption, Patience, Stop, TlsTrust, Transport, read_line};
use crate::source::mailbox::MailFailure;
use crate::source::mailbox::failure::{MAILBOX_LOGIN, MAILBOX_OFFLINE, MAILBOX_SETUP, MAILBOX_UNTRUSTED, quoted};

/// A password's or token's file.
const SECRET_BYTES_MAX: u64 = 64 << 10;
/// What each step of logging in may take; some servers are slow on purpose after a wrong password.
const LOGIN_MAX: Duration = Duration::from_secs(90);
/// The server's first words, and its consent to encrypt.
const LINE_BYTES_MAX: usize = 8 << 10;

/// A session of the crate, and what steers the guard below it.
pub(super) type Opened = (imap::Session<Guard>, Control);

/// Connects to an account, which the failure calls `place`.
pub(super) fn open(imap: &ImapConfig, place: &str, patience: Patience, stop: &Stop) -> Result<Opened, MailFailure> {
    let secret = read_secret(imap, place)?;
    let (transport, read) = open_transport(imap, place, patience, stop)?;
    let (guard, control) = Guard::new(transport, read, ANSWER_BYTES_MAX);
    let session = log_in(imap, place, Client::new(guard), &control, &secret, patience.command.min(LOGIN_MAX))?;
    Ok((session, control))
}

fn read_secret(imap: &ImapConfig, place: &str) -> Result<Zeroizing<String>, MailFailure> {
    let (path, what) = match &imap.credential {
        Credential::PasswordFile(path) => (path, "password"),
        Credential::TokenFile(path) => (path, "token"),
    };
    private::read_line(path, SECRET_BYTES_MAX).map_err(|error| setup(place, path, what, &error.to_string()))
}

fn setup(place: &str, path: &Path, what: &str, why: &str) -> MailFailure {
    let message = format!("The {what} of {place} can't be read: `{}`: {why}. No mails are fetched.", path.display());
    MailFailure::offline(MAILBOX_SETUP, place, message, "Put it right; it is read anew at the next try.")
}

/// Connects and encrypts. What was read behind the greeting goes along.
fn open_transport(
    imap: &ImapConfig,
    place: &str,
    patience: Patience,
    stop: &Stop,
) -> Result<(Transport, Vec<u8>), MailFailure> {
    let trust = || {
        TlsTrust::load(imap.ca_file.as_deref()).map_err(|error| {
            let message = format!("{place} can't be reached: {error}. No mails are fetched.");
            let hint = "Install the package `ca-certificates`, or name the office's own authority: `ca_file = …`.";
            MailFailure::offline(MAILBOX_SETUP, place, message, hint)
        })
    };
    let encryption = match imap.tls {
        MailTls::Implicit => Encryption::Implicit(trust()?),
        MailTls::StartTls => Encryption::Later(trust()?),
        MailTls::None => Encryption::None,
    };
    let failed = |error: io::Error| unreachable(place, &error);
    let mut transport = Transport::connect(&imap.host, imap.port, &encryption, patience, stop).map_err(failed)?;
    let mut read = Vec::new();
    transport.allow(patience.connect);
    let greeting = read_line(&mut transport, &mut read, LINE_BYTES_MAX).map_err(failed)?;
    if !greeting.to_ascii_uppercase().starts_with("* OK") {
        let message = format!("{place} does not let anybody in now: {}. It is tried again.", quoted(&greeting, None));
        return Err(MailFailure::offline(MAILBOX_OFFLINE, place, message, "Is it an IMAP server, and in order?"));
    }
    if imap.tls == MailTls::StartTls {
        transport.write_all(b"a0 STARTTLS\r\n").and_then(|()| transport.flush()).map_err(failed)?;
        let consent = read_line(&mut transport, &mut read, LINE_BYTES_MAX).map_err(failed)?;
        if !consent.to_ascii_uppercase().starts_with("A0 OK") {
            let message = format!("{place} does not encrypt: {}. Nothing was sent to it.", quoted(&consent, None));
            let hint = "Try `tls = \"implicit\"`. If it worked before, somebody may be in between.";
            return Err(MailFailure::offline(MAILBOX_UNTRUSTED, place, message, hint));
        }
        transport.encrypt(&read).map_err(failed)?;
        read.clear();
    }
    Ok((transport, read))
}

fn unreachable(place: &str, error: &io::Error) -> MailFailure {
    let words = quoted(&error.to_string(), None);
    if error.kind() == io::ErrorKind::InvalidData {
        let message = format!("{place} can't be trusted: {words}. Nothing was sent to it.");
        let hint = "If its certificate is from the office's own authority, name that: `ca_file = …`. `host` must be a name that \
                    the certificate has.";
        return MailFailure::offline(MAILBOX_UNTRUSTED, place, message, hint);
    }
    let message = format!("{place} can't be reached: {words}. It is tried again.");
    MailFailure::offline(MAILBOX_OFFLINE, place, message, "Are `host`, `port` and `tls` right, and is the server up?")
}

fn log_in(
    imap: &ImapConfig,
    place: &str,
    client: Client<Guard>,
    control: &Control,
    secret: &str,
    long: Duration,
) -> Result<imap::Session<Guard>, MailFailure> {
    let mut client = client;
    let offers =
        guarded(control, || client.capabilities()).map_err(|fault| fault.failure(place, "tell what it can do"))?;
    control.begin(long, ANSWER_BYTES_MAX);
    let result = match &imap.credential {
        Credential::TokenFile(_) if !offers.has_str("AUTH=XOAUTH2") => return Err(no_way_in(place, "XOAUTH2")),
        Credential::TokenFile(_) => {
            let token = Zeroizing::new(format!("user={}\x01auth=Bearer {secret}\x01\x01", imap.user));
            guarded(control, || client.authenticate("XOAUTH2", &Once::new(token)).map_err(|(error, _)| error))
        }
        Credential::PasswordFile(_) if offers.has_str("AUTH=PLAIN") => {
            let words = Zeroizing::new(format!("\0{}\0{secret}", imap.user));
            guarded(control, || client.authenticate("PLAIN", &Once::new(words)).map_err(|(error, _)| error))
        }
        Credential::PasswordFile(_) if offers.has_str("LOGINDISABLED") => return Err(no_way_in(place, "a password")),
        Credential::PasswordFile(_) => {
            guarded(control, || client.login(&imap.user, secret).map_err(|(error, _)| error))
        }
    };
    result.map_err(|fault| match fault.refusal() {
        Some(words) => {
            let words = quoted(words, Some(secret));
            let user = &imap.user;
            let message =
                format!("{place} does not let `{user}` in: {words}. No mails are fetched; it is tried again, seldom.");
            let hint = "Is the password or token still good? Its file is read anew at each try.";
            MailFailure::offline(MAILBOX_LOGIN, place, message, hint)
        }
        None => fault.failure(place, "log in"),
    })
}

fn no_way_in(place: &str, what: &str) -> MailFailure {
    let message = format!("{place} does not take {what}. No mails are fetched.");
    let hint = "With `password_file` it has to offer PLAIN or LOGIN, with `token_file` XOAUTH2.";
    MailFailure::offline(MAILBOX_LOGIN, place, message, hint)
}

/// Says one thing, and then nothing: a server that asks again tells why it failed, and wants an empty answer.
struct Once {
    words: Zeroizing<String>,
    is_said: Cell<bool>,
}

impl Once {
    fn new(words: Zeroizing<String>) -> Self {
        Self { words, is_said: Cell::new(false) }
    }
}

impl Authenticator for Once {
    type Response = Zeroizing<String>;

    fn process(&self, _challenge: &[u8]) -> Self::Response {
        if self.is_said.replace(true) { Zeroizing::default() } else { self.words.clone() }
    }
}
