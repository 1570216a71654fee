//! Handing mails to the server that sends them, or writing them into a folder.
//!
//! In comes a mail whose bytes are frozen; out comes a [`Delivery`]: it was sent, it may be sent later, or never. A [`Courier`]
//! remembers nothing: that a mail is sent once is the store's business, and that one which came twice is seen to be one is
//! the fixed Message-ID's. Nothing waits for ever, and no password reaches an error's words.

mod directory;
mod session;
mod smtp;

use std::path::PathBuf;
use std::time::Duration;

pub use self::directory::DirectoryCourier;
pub use self::smtp::SmtpCourier;
use crate::io::transport::Patience;
use crate::model::{MailAddress, MessageId};

/// How long things may take when nobody waits for them. A server may look at a mail for minutes before it says that it has it;
/// who gives up earlier sends it twice (RFC 5321, 4.5.3.2.6).
pub const UNHURRIED: Patience =
    Patience { connect: Duration::from_secs(20), silence: Duration::from_mins(5), command: Duration::from_mins(6) };
/// How long things may take while a person waits.
pub const BRISK: Patience =
    Patience { connect: Duration::from_secs(10), silence: Duration::from_mins(1), command: Duration::from_mins(2) };

/// A mail to hand over.
#[derive(Clone, Copy)]
pub struct Letter<'a> {
    /// Whom it is for: the envelope's recipient.
    pub to: &'a MailAddress,
    /// Its name.
    pub message_id: &'a MessageId,
    /// All of it, with lines that end with CR LF.
    pub bytes: &'a [u8],
}

/// What became of a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The other side has it.
    Sent,
    /// It was not sent, or it is not known whether it was. The same bytes are sent again.
    Later {
        /// Why, in words.
        why: String,
    },
    /// The server can't be used now, for no mail: it can't be reached, or does not let us in.
    Offline {
        /// Why, in words.
        why: String,
    },
    /// This mail won't be taken, however often it is tried.
    Never {
        /// Why, in words.
        why: String,
    },
}

/// Hands mails over. Its calls block, each for a bounded time.
pub trait Courier: Send {
    /// Hands one mail over.
    fn deliver(&mut self, letter: &Letter<'_>) -> Delivery;

    /// Ends what was kept open for a next mail: there is none for now.
    fn rest(&mut self) {}
}

/// An account on a server that sends mails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is encrypted.
    pub tls: Tls,
    /// Who we are to it; `None` where it asks nobody.
    pub login: Option<Login>,
    /// Certificates (PEM) that are trusted beside the system's.
    pub ca_file: Option<PathBuf>,
}

/// How a connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// From the first byte.
    Implicit,
    /// After the server was asked to.
    StartTls,
    /// Not at all; to this machine only.
    None,
}

/// Who we are, and the file that proves it. The file is read at each connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The account's name.
    pub user: String,
    /// Where its proof is.
    pub proof: Proof,
}

/// A file with what proves that an account is ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// A password (PLAIN, LOGIN).
    Password(PathBuf),
    /// An `OAuth2` access token (XOAUTH2).
    Token(PathBuf),
}
