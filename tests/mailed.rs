//! An office of one table and one mailbox whose pipeline runs in this process: what tests of mails share that don't start the program.

use std::path::Path;
use std::sync::Arc;

use daybook::config::{self, Config};
use daybook::io::{Clock, Entropy, RealDisk};
use daybook::pipeline::{Parts, Pipeline};
use daybook::plugin::Plugins;
use daybook::source::mailbox::{MailId, RawMail};
use daybook::source::workbook::{InProcessPatcher, InProcessReader};
use daybook::store::Store;
use sha2::{Digest as _, Sha256};

/// Who writes the mails.
const SENDER: &str = "li.lei@example.com";

const OFFICE: &str = r#"
[office]
name = "Test office"
language = "en"
country = "CN"
timezone = "Asia/Shanghai"
[store]
path = "data/daybook.db"
key_file = "keys/daybook.key"
[[person]]
email = "li.lei@example.com"
roles = ["staff"]
[[table]]
name = "customers"
primary_key = ["customer_id"]
[[table.field]]
name = "customer_id"
headers = ["Customer ID"]
constraints = { required = true, pattern = "C-[0-9]+" }
[[table.field]]
name = "name"
headers = ["Name"]
[[access]]
id = "staff-all"
role = "staff"
table = "customers"
relation = "all"
write = ["basic"]
create = true
[[mailbox]]
name = "capture"
address = "capture@example.com"
table = "customers"
maildir = "data/mail"
authentication = "none"
[smtp]
directory = "data/outbox"
from = "capture@example.com"
"#;

/// The office's configuration, with more in it.
pub(crate) fn configuration(path: &Path, more: &str) -> Config {
    config::load(path, &format!("{OFFICE}{more}")).expect("it is right")
}

/// Its pipeline.
pub(crate) fn pipeline(
    config: Config,
    store: Store,
    clock: Arc<dyn Clock>,
    entropy: Box<dyn Entropy>,
    plugins: Box<dyn Plugins>,
) -> Pipeline {
    let (disk, reader, patcher) = (Arc::new(RealDisk), Arc::new(InProcessReader), Arc::new(InProcessPatcher));
    let parts = Parts { clock, entropy, disk, reader, patcher, plugins };
    Pipeline::new(config, store, parts).expect("the store fits the configuration")
}

/// The id of a mail in the mailbox.
pub(crate) fn id(name: &str) -> MailId {
    MailId::Maildir { folder: "new".to_owned(), name: name.to_owned() }
}

/// A mail of the staff's.
pub(crate) fn mail(name: &str, head: &str, text: &str, arrived_ms: Option<i64>) -> RawMail {
    let bytes = format!(
        "From: {SENDER}\r\nTo: capture@example.com\r\nSubject: update\r\nMessage-ID: <{name}@mail.example.com>\r\n\
         MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n{head}\r\n{text}\r\n"
    );
    let bytes = bytes.into_bytes();
    RawMail { id: id(name), sha256: Sha256::digest(&bytes).into(), bytes, arrived_ms }
}
