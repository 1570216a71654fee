//! A folder in which each mail becomes an `.eml` file: for the demo, for trying out, and for a program that takes them from there.

use std::io;
use std::path::PathBuf;

use super::{Courier, Delivery, Letter};
use crate::io::private;

/// Writes mails into a folder.
#[derive(Debug)]
pub struct DirectoryCourier {
    folder: PathBuf,
}

impl DirectoryCourier {
    /// Writes into this folder, which is made if it is missing.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }
}

impl Courier for DirectoryCourier {
    /// Writes the file whole or not at all. Its name follows from the Message-ID, so that the second time it is there already.
    fn deliver(&mut self, letter: &Letter<'_>) -> Delivery {
        let path = self.folder.join(format!("{}.eml", letter.message_id.as_str()));
        let written = private::create_folder(&self.folder).and_then(|()| private::write_new(&path, letter.bytes));
        match written {
            Ok(()) => Delivery::Sent,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_file() => Delivery::Sent,
            Err(error) => {
                Delivery::Offline { why: format!("{} can't be written into: {error}", self.folder.display()) }
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use crate::model::{MailAddress, MessageId};

    #[test]
    fn a_mail_that_is_written_twice_is_there_once() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("data/outbox");
        let (to, message_id) = (MailAddress::parse("a@b").unwrap(), MessageId::parse("one@b").unwrap());
        let letter = Letter { to: &to, message_id: &message_id, bytes: b"Subject: x\r\n\r\n" };
        let mut courier = DirectoryCourier::new(folder.clone());
        assert_eq!(courier.deliver(&letter), Delivery::Sent);
        assert_eq!(courier.deliver(&letter), Delivery::Sent);
        assert_eq!(private::list(&folder).unwrap(), ["one@b.eml"]);
        assert_eq!(std::fs::read(folder.join("one@b.eml")).unwrap(), letter.bytes);
        let blocked = DirectoryCourier::new(folder.join("one@b.eml")).deliver(&letter);
        assert!(matches!(blocked, Delivery::Offline { .. }), "{blocked:?}");
    }
}
