//! What fails with a mailbox, in words for the person who runs it.

pub(super) use crate::io::transport::quoted;
use crate::model::Problem;
use crate::model::problem::Code;

/// The mailbox can't be reached, or stopped answering. It is tried again.
pub const MAILBOX_OFFLINE: Code = Code("mailbox-offline");
/// The server doesn't take what is to prove that the account is ours. It is tried again, seldom.
pub const MAILBOX_LOGIN: Code = Code("mailbox-login");
/// The server can't be trusted: its certificate, or that it doesn't encrypt.
pub const MAILBOX_UNTRUSTED: Code = Code("mailbox-untrusted");
/// The password or token, the certificates or the maildir can't be read.
pub const MAILBOX_SETUP: Code = Code("mailbox-setup");
/// A folder can't be opened or made, or a mail can't be moved.
pub const MAILBOX_FOLDER: Code = Code("mailbox-folder");

/// Why a mailbox can't be used now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .problem.message)]
pub struct MailFailure {
    /// What is wrong and what to do.
    pub problem: Box<Problem>,
    /// Whether the connection is of no more use. Otherwise only this one thing failed.
    pub is_offline: bool,
}

impl MailFailure {
    /// The mailbox as a whole can't be used.
    pub(super) fn offline(code: Code, place: &str, message: String, hint: &str) -> Self {
        Self { problem: Box::new(Problem::new(code, place, message, hint)), is_offline: true }
    }

    /// One thing failed.
    pub(super) fn one(code: Code, place: &str, message: String, hint: &str) -> Self {
        Self { problem: Box::new(Problem::new(code, place, message, hint)), is_offline: false }
    }
}
