//! One connection to a server that sends mails: greeting, encryption, login, and mails one after the other.
//!
//! The commands' forms are `lettre`'s, the stream below is ours: `lettre`'s own connection knows a deadline for each read and
//! none for the whole, can't be stopped, looks names up for as long as the system likes and reads answers without bound.

use std::fmt::Display;
use std::io::{self, Write};

use lettre::Address;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::commands::{Auth, Data, Ehlo, Mail, Quit, Rcpt, Rset, Starttls};
use lettre::transport::smtp::extension::{ClientId, MailBodyParameter, MailParameter};
use zeroize::Zeroizing;

use super::{Account, Delivery, Login, Proof, Tls};
use crate::io::private;
use crate::io::transport::{Encryption, Patience, Stop, TlsTrust, Transport, quoted, read_line};

/// A password's or token's file.
const SECRET_BYTES_MAX: u64 = 64 << 10;
/// A line of an answer (RFC 5321, 4.5.3.1.5 says 512), and all its lines.
const LINE_BYTES_MAX: usize = 8 << 10;
const LINES_MAX: usize = 200;
/// A mail gets a second more for so many bytes: the slowest line that is waited for.
const BYTES_A_SECOND: u64 = 20_000;

/// A server's answer.
struct Reply {
    code: u16,
    lines: Vec<String>,
}

impl Reply {
    fn words(&self, secrets: &[Zeroizing<String>]) -> String {
        let mut text = format!("{} {}", self.code, self.lines.join(" "));
        for secret in secrets {
            text = text.replace(secret.as_str(), "…");
        }
        quoted(&text, None)
    }
}

/// What a server says that it can do.
#[derive(Debug, Default, PartialEq, Eq)]
struct Offers {
    starttls: bool,
    eight_bit: bool,
    utf8: bool,
    /// The largest mail, 0 for any (RFC 1870); `None` if it does not want to know the size.
    size: Option<usize>,
    mechanisms: Vec<String>,
}

impl Offers {
    fn read(reply: &Reply) -> Self {
        let mut offers = Self::default();
        for line in reply.lines.iter().skip(1) {
            let upper = line.to_ascii_uppercase();
            let mut words = upper.split(|letter: char| letter.is_ascii_whitespace() || letter == '=');
            match words.next() {
                Some("STARTTLS") => offers.starttls = true,
                Some("8BITMIME") => offers.eight_bit = true,
                Some("SMTPUTF8") => offers.utf8 = true,
                Some("SIZE") => offers.size = Some(words.next().and_then(|size| size.parse().ok()).unwrap_or(0)),
                Some("AUTH") => offers.mechanisms.extend(words.map(str::to_owned)),
                _ => {}
            }
        }
        offers
    }

    fn has(&self, mechanism: Mechanism) -> bool {
        self.mechanisms.iter().any(|offered| *offered == mechanism.to_string())
    }
}

/// Why a mail was not sent.
pub(super) enum Failed {
    /// The connection broke before the server could have had the whole mail, or the server ends it.
    Lost(String),
    /// What the server said of this mail, and the connection may go on.
    Said(Delivery),
    /// The mail was given to the server whole, and no answer came.
    Unknown(String),
}

/// A connection on which mails can be sent.
pub(super) struct Session {
    transport: Transport,
    read: Vec<u8>,
    offers: Offers,
    place: String,
    /// What must not be repeated, longest first.
    secrets: Vec<Zeroizing<String>>,
    patience: Patience,
}

impl Session {
    /// Connects, encrypts and logs in. The error is in words.
    pub(super) fn open(account: &Account, patience: Patience, stop: &Stop) -> Result<Self, String> {
        let place = format!("{}:{}", account.host, account.port);
        let secret = account.login.as_ref().map(|login| read_secret(login, &place)).transpose()?;
        let trust =
            || TlsTrust::load(account.ca_file.as_deref()).map_err(|error| format!("{place} can't be reached: {error}"));
        let encryption = match account.tls {
            Tls::Implicit => Encryption::Implicit(trust()?),
            Tls::StartTls => Encryption::Later(trust()?),
            Tls::None => Encryption::None,
        };
        let transport = Transport::connect(&account.host, account.port, &encryption, patience, stop)
            .map_err(|error| unreachable(&place, &error))?;
        let mut session =
            Self { transport, read: Vec::new(), offers: Offers::default(), place, secrets: Vec::new(), patience };
        session.transport.allow(patience.connect);
        let greeting = session.reply().map_err(|error| unreachable(&session.place, &error))?;
        if greeting.code != 220 {
            return Err(format!("{} takes no mails now: {}", session.place, greeting.words(&[])));
        }
        session.greet()?;
        if account.tls == Tls::StartTls {
            session.encrypt()?;
        }
        if let (Some(login), Some(secret)) = (&account.login, secret) {
            session.transport.allow(patience.command);
            session.log_in(login, secret)?;
        }
        Ok(session)
    }

    fn greet(&mut self) -> Result<(), String> {
        let hello = Ehlo::new(ClientId::default());
        let reply = self.say(&hello).map_err(|error| unreachable(&self.place, &error))?;
        if reply.code != 250 {
            return Err(format!("{} does not speak with us: {}", self.place, reply.words(&[])));
        }
        self.offers = Offers::read(&reply);
        Ok(())
    }

    fn encrypt(&mut self) -> Result<(), String> {
        if !self.offers.starttls {
            return Err(format!(
                "{} does not encrypt, so nothing was sent to it; try `tls = \"implicit\"`",
                self.place
            ));
        }
        let reply = self.say(&Starttls).map_err(|error| unreachable(&self.place, &error))?;
        if reply.code != 220 {
            return Err(format!("{} does not encrypt, so nothing was sent to it: {}", self.place, reply.words(&[])));
        }
        let unread = std::mem::take(&mut self.read);
        self.transport.encrypt(&unread).map_err(|error| unreachable(&self.place, &error))?;
        self.transport.allow(self.patience.connect);
        // What was said before may have come from somebody in between.
        self.greet()
    }

    fn log_in(&mut self, login: &Login, secret: Zeroizing<String>) -> Result<(), String> {
        let mechanisms: &[Mechanism] = match login.proof {
            Proof::Password(_) => &[Mechanism::Plain, Mechanism::Login],
            Proof::Token(_) => &[Mechanism::Xoauth2],
        };
        let Some(mechanism) = mechanisms.iter().copied().find(|mechanism| self.offers.has(*mechanism)) else {
            let (what, wanted) = match login.proof {
                Proof::Password(_) => ("password", "PLAIN or LOGIN"),
                Proof::Token(_) => ("token", "XOAUTH2"),
            };
            return Err(format!("{} takes no {what}: it does not offer {wanted}", self.place));
        };
        let credentials = Credentials::new(login.user.clone(), secret.to_string());
        let form = |challenge: Option<&str>| {
            let command = Auth::new(mechanism, credentials.clone(), challenge.map(str::to_owned));
            command
                .map(|command| Zeroizing::new(command.to_string()))
                .map_err(|_| "the login can't be worded".to_owned())
        };
        let mut commands = vec![form(None)?];
        if mechanism == Mechanism::Login {
            commands.extend([form(Some("Username"))?, form(Some("Password"))?]);
        }
        // A server may repeat what it was sent.
        let coded = commands.iter().filter_map(|command| command.split_whitespace().next_back());
        self.secrets = coded
            .skip(usize::from(mechanism == Mechanism::Login))
            .map(|word| Zeroizing::new(word.to_owned()))
            .collect();
        self.secrets.push(secret);
        self.secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        let mut reply = None;
        for command in commands {
            let said = self.say_text(&command).map_err(|error| unreachable(&self.place, &error))?;
            let goes_on = said.code == 334;
            reply = Some(said);
            if !goes_on {
                break;
            }
        }
        let mut reply = reply.ok_or("the login has no words")?;
        if reply.code == 334 && mechanism == Mechanism::Xoauth2 {
            // It tells why it failed, and wants an empty answer.
            reply = self.say_text("\r\n").map_err(|error| unreachable(&self.place, &error))?;
        }
        if reply.code == 235 {
            return Ok(());
        }
        let words = reply.words(&self.secrets);
        Err(format!("{} does not let `{}` in: {words}. Is the password or token still good?", self.place, login.user))
    }

    /// Sends one mail with the envelope sender `<>`: nothing is ever answered to it.
    pub(super) fn send(&mut self, to: &Address, bytes: &[u8]) -> Result<(), Failed> {
        let more = std::time::Duration::from_secs(bytes.len() as u64 / BYTES_A_SECOND);
        self.transport.allow(self.patience.command + more);
        let parameters = self.parameters(to, bytes)?;
        self.ask(&Mail::new(None, parameters), &[250], "it")?;
        self.ask(&Rcpt::new(to.clone(), Vec::new()), &[250, 251, 252], &format!("mails to {to}"))?;
        self.ask(&Data, &[354], "it")?;
        let given = self.transport.write_all(&stuffed(bytes)).and_then(|()| self.transport.flush());
        given.map_err(|error| Failed::Lost(unreachable(&self.place, &error)))?;
        let end = self.transport.write_all(b".\r\n").and_then(|()| self.transport.flush());
        let answer = end.and_then(|()| self.reply());
        let answer = answer.map_err(|error| {
            let words = quoted(&error.to_string(), None);
            Failed::Unknown(format!("{} did not say whether it has the mail: {words}", self.place))
        })?;
        self.judge(&answer, &[250], "it")
    }

    fn parameters(&self, to: &Address, bytes: &[u8]) -> Result<Vec<MailParameter>, Failed> {
        let never = |why: String| Err(Failed::Said(Delivery::Never { why }));
        let mut parameters = Vec::new();
        if let Some(size) = self.offers.size.filter(|size| *size > 0 && *size < bytes.len()) {
            return never(format!("{} takes mails of up to {size} bytes, this one has {}", self.place, bytes.len()));
        }
        if self.offers.size.is_some() {
            parameters.push(MailParameter::Size(bytes.len()));
        }
        if !AsRef::<str>::as_ref(to).is_ascii() {
            if !self.offers.utf8 {
                return never(format!("{} takes no addresses with letters beyond ASCII, such as {to}", self.place));
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        if !bytes.is_ascii() {
            if !self.offers.eight_bit {
                return never(format!("{} takes no letters beyond ASCII that are not encoded", self.place));
            }
            parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        Ok(parameters)
    }

    /// Forgets a mail that was begun; false if the connection is of no more use.
    pub(super) fn start_over(&mut self) -> bool {
        self.transport.allow(self.patience.connect);
        self.say(&Rset).is_ok_and(|reply| reply.code == 250)
    }

    /// Says goodbye; nobody waits for long for the answer.
    pub(super) fn close(mut self) {
        self.transport.allow(self.patience.connect.min(std::time::Duration::from_secs(2)));
        if let Err(error) = self.say(&Quit) {
            tracing::debug!(%error, "the server's goodbye did not come");
        }
    }

    fn ask(&mut self, command: &impl Display, good: &[u16], what: &str) -> Result<(), Failed> {
        let reply = self.say(command).map_err(|error| Failed::Lost(unreachable(&self.place, &error)))?;
        self.judge(&reply, good, what)
    }

    fn judge(&self, reply: &Reply, good: &[u16], what: &str) -> Result<(), Failed> {
        let words = || reply.words(&self.secrets);
        match reply.code {
            code if good.contains(&code) => Ok(()),
            // It ends the connection, for whatever reason: RFC 5321, 3.8.
            421 => Err(Failed::Lost(format!("{} takes no mails now: {}", self.place, words()))),
            // It wants a login first, or encryption: that is not this mail's matter.
            530 | 538 => Err(Failed::Lost(format!("{} takes no mails from us: {}", self.place, words()))),
            400..=499 => Err(Failed::Said(Delivery::Later {
                why: format!("{} does not take {what} now: {}", self.place, words()),
            })),
            500..=599 => {
                Err(Failed::Said(Delivery::Never { why: format!("{} does not take {what}: {}", self.place, words()) }))
            }
            _ => Err(Failed::Lost(format!("{} answers what makes no sense: {}", self.place, words()))),
        }
    }

    fn say(&mut self, command: &impl Display) -> io::Result<Reply> {
        self.say_text(&command.to_string())
    }

    fn say_text(&mut self, text: &str) -> io::Result<Reply> {
        // An answer to what was not asked yet would be taken for this one's.
        if !self.read.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it speaks without being asked"));
        }
        self.transport.write_all(text.as_bytes())?;
        self.transport.flush()?;
        self.reply()
    }

    fn reply(&mut self) -> io::Result<Reply> {
        let mut lines = Vec::new();
        loop {
            let line = read_line(&mut self.transport, &mut self.read, LINE_BYTES_MAX)?;
            let nonsense = || io::Error::new(io::ErrorKind::InvalidData, "it does not speak as a mail server does");
            let (digits, rest) = line.split_at_checked(3).ok_or_else(nonsense)?;
            let code = digits.parse().ok().filter(|code| (200..600).contains(code)).ok_or_else(nonsense)?;
            let is_last = match rest.as_bytes().first() {
                None | Some(b' ') => true,
                Some(b'-') => false,
                Some(_) => return Err(nonsense()),
            };
            lines.push(rest.get(1..).unwrap_or_default().to_owned());
            if is_last {
                return Ok(Reply { code, lines });
            }
            if lines.len() >= LINES_MAX {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "its answer has no end"));
            }
        }
    }
}

fn read_secret(login: &Login, place: &str) -> Result<Zeroizing<String>, String> {
    let (path, what) = match &login.proof {
        Proof::Password(path) => (path, "password"),
        Proof::Token(path) => (path, "token"),
    };
    private::read_line(path, SECRET_BYTES_MAX)
        .map_err(|error| format!("the {what} of {place} can't be read: `{}`: {error}", path.display()))
}

fn unreachable(place: &str, error: &io::Error) -> String {
    let words = quoted(&error.to_string(), None);
    if error.kind() == io::ErrorKind::InvalidData {
        format!("{place} can't be trusted: {words}")
    } else {
        format!("{place} can't be reached: {words}")
    }
}

/// The bytes with a second dot before each line that begins with one (RFC 5321, 4.5.2).
fn stuffed(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 64);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if line.first() == Some(&b'.') {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_are_doubled_at_the_beginning_of_lines_only() {
        assert_eq!(stuffed(b".a\r\nb.\r\n.\r\n..c\r\n"), b"..a\r\nb.\r\n..\r\n...c\r\n");
        assert_eq!(stuffed(b""), b"");
    }

    #[test]
    fn what_a_server_offers_is_read_in_any_case() {
        let lines = ["mx.example.com", "size 1000", "auth=plain LOGIN", "StartTLS", "8BITMIME", "X-OTHER"];
        let offers = Offers::read(&Reply { code: 250, lines: lines.map(str::to_owned).to_vec() });
        assert!(offers.starttls && offers.eight_bit && !offers.utf8);
        assert_eq!(offers.size, Some(1000));
        assert!(offers.has(Mechanism::Plain) && offers.has(Mechanism::Login) && !offers.has(Mechanism::Xoauth2));
    }

    #[test]
    fn secrets_are_cut_out_of_a_servers_words() {
        let secrets = ["aHVudGVyMg==", "hunter2"].map(|secret| Zeroizing::new(secret.to_owned()));
        let reply = Reply { code: 535, lines: vec!["no: hunter2 aHVudGVyMg==".to_owned(), "\u{1b}[31m".to_owned()] };
        assert_eq!(reply.words(&secrets), "535 no: … …  [31m");
    }
}
