//! `[[mailbox]]`: where mails come from.
//!
//! Passwords and tokens stand in files of their own; only their paths are here, so a configuration can be shown to anybody.

use std::path::{Path, PathBuf};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use toml::de::DeValue;

use super::defaults;
use super::paths::{plain, resolve};
use super::people::checked_email;
use super::problem::ProblemKind;
use super::reader::{Item, Located, Reader, Report, Spot};
use super::source::read_name;
use super::table::table_named;
use crate::model::email::is_host;
use crate::model::{SourceName, Table, TableName};

/// A mailbox to which staff send what is to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailboxConfig {
    /// Its name.
    pub name: SourceName,
    /// The address that staff write to, in lower case.
    pub address: String,
    /// The table that its mails are about.
    pub table: TableName,
    /// Where its mails are.
    pub place: MailPlace,
    /// The folders.
    pub folders: MailFolders,
    /// How far back the first connection reads.
    pub since: Since,
    /// How a mail's sender is proved.
    pub authentication: Authentication,
}

/// Where mails are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailPlace {
    /// On a server.
    Imap(ImapConfig),
    /// In a maildir on this machine.
    Maildir(PathBuf),
}

/// An account on an IMAP server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImapConfig {
    /// The server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is encrypted.
    pub tls: MailTls,
    /// The account.
    pub user: String,
    /// What proves that it is ours.
    pub credential: Credential,
    /// Certificates (PEM) that are trusted beside the system's: an office's own authority.
    pub ca_file: Option<PathBuf>,
}

/// A file with what proves that an account is ours. It is read at every connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A password.
    PasswordFile(PathBuf),
    /// An `OAuth2` access token, which some other program keeps fresh (XOAUTH2).
    TokenFile(PathBuf),
}

/// How a connection to a mail server is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailTls {
    /// From the first byte.
    Implicit,
    /// After the server was asked to, before anything else is said.
    StartTls,
    /// Not at all; to this machine only.
    None,
}

/// The words for it.
pub(super) const TLS_WORDS: [(&str, MailTls); 3] =
    [("implicit", MailTls::Implicit), ("starttls", MailTls::StartTls), ("none", MailTls::None)];

/// The folders of a mailbox. `/` stands between a folder and one inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailFolders {
    /// Where mails arrive; a maildir's is the maildir itself.
    pub inbox: String,
    /// Where mails go that were taken.
    pub done: String,
    /// Where mails go that can't be.
    pub refused: String,
}

/// How far back the first connection reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// What arrives after it.
    Now,
    /// What arrived after this instant, in milliseconds since 1970: the begin of a day in the office's time zone.
    At(i64),
}

/// How a mail's sender is proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// By the `Authentication-Results` of the office's own receiving server, which calls itself so.
    Results {
        /// Its authserv-id (RFC 8601).
        authserv_id: String,
        /// What it calls itself in the Received lines that it writes; the authserv-id, unless the configuration says otherwise.
        border_host: String,
        /// The servers behind it through which a mail comes to the mailbox, as they call themselves in theirs.
        inner_hosts: Vec<String>,
    },
    /// By DKIM signatures, which Daybook verifies itself.
    Dkim,
    /// Not at all: a maildir into which nobody else can deliver, and the demo.
    None,
}

/// Which of the words of `authentication` stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Means {
    Results,
    Dkim,
    None,
}

/// Reads `[[mailbox]]`.
pub(super) fn read_mailboxes(
    root: &mut Reader<'_>,
    directory: &Path,
    timezone: &TimeZone,
    names: &mut Vec<String>,
    tables: &[Table],
) -> Vec<MailboxConfig> {
    let mut mailboxes: Vec<MailboxConfig> = Vec::new();
    let sections = root.sections("mailbox");
    for mut reader in sections {
        let report = reader.report;
        let spot = reader.spot.clone();
        let name = read_name(&mut reader, names);
        let (mailbox, rest) = read_mailbox(reader, name, directory, timezone, tables);
        if let Some(mailbox) = mailbox {
            check_others(report, &spot, &mailbox, &mailboxes);
            mailboxes.push(mailbox);
        }
        rest.finish();
    }
    mailboxes
}

fn read_mailbox<'a>(
    mut reader: Reader<'a>,
    name: Option<String>,
    directory: &Path,
    timezone: &TimeZone,
    tables: &[Table],
) -> (Option<MailboxConfig>, Reader<'a>) {
    let report = reader.report;
    let address = reader.need("address").and_then(Item::text).and_then(|address| checked_email(report, address));
    let table = reader.need("table").and_then(Item::text).and_then(|name| table_named(report, tables, &name));
    let imap = read_imap(&mut reader, directory);
    let maildir = reader.item("maildir");
    let maildir_spot = maildir.as_ref().map(|item| item.spot.clone());
    let maildir = maildir.and_then(Item::text).map(|path| MailPlace::Maildir(resolve(directory, &path.value)));
    let folders = read_folders(&mut reader);
    let since = reader.item("since").map_or(Some(Since::Now), |item| read_since(item, timezone));
    let place = match (imap, maildir_spot) {
        (ReadImap::Wrong | ReadImap::Is(_), Some(spot)) => {
            let message = "there is `imap` already, and a mailbox is in one place";
            report.add(&spot, ProblemKind::Contradiction, message, "leave one");
            None
        }
        (ReadImap::Is(imap), None) => Some(MailPlace::Imap(imap)),
        (ReadImap::Wrong, None) => None,
        (ReadImap::Absent, Some(_)) => maildir,
        (ReadImap::Absent, None) => {
            let hint = "add `imap = { host = …, user = …, password_file = … }` or `maildir = …`";
            report.add(
                &reader.spot.at_key("imap"),
                ProblemKind::MissingKey,
                "it is not said where its mails are",
                hint,
            );
            None
        }
    };
    let is_imap = matches!(place, Some(MailPlace::Imap(_)));
    let authentication = read_authentication(&mut reader, is_imap);
    let mailbox = || {
        Some(MailboxConfig {
            name: SourceName::new(&name?),
            address: address?.value,
            table: table?.name.clone(),
            place: place?,
            folders: folders?,
            since: since?,
            authentication: authentication?,
        })
    };
    (mailbox(), reader)
}

/// What `imap = { … }` says.
enum ReadImap {
    Absent,
    Wrong,
    Is(ImapConfig),
}

fn read_imap(mailbox: &mut Reader<'_>, directory: &Path) -> ReadImap {
    let mut reader = mailbox.section("imap");
    let report = reader.report;
    let is_there = reader.is_present();
    let spot = reader.spot.clone();
    // An absent section is asked for its keys all the same, and misses none.
    let host = if is_there { reader.need("host") } else { reader.item("host") }.and_then(Item::text);
    let user = if is_there { reader.need("user") } else { reader.item("user") }.and_then(Item::text);
    let port = reader.item("port").and_then(|item| item.whole(&(1..=u16::MAX)));
    let tls = reader.item("tls").map_or(Some(None), |item| item.one_of(&TLS_WORDS).map(Some));
    let password = reader.item("password_file");
    let token = reader.item("token_file");
    let ca_file = reader.item("ca_file").and_then(Item::text).map(|path| resolve(directory, &path.value));
    reader.finish();
    if !is_there {
        return ReadImap::Absent;
    }
    if let (Some(host), Some(Some(tls))) = (&host, &tls) {
        check_plain_text(report, &host.value, tls);
    }
    let no_credential = password.is_none() && token.is_none();
    if no_credential {
        let hint = "write the password into a file (mode 0600) and name it: `password_file = \"keys/imap\"`";
        report.add(&spot.at_key("password_file"), ProblemKind::MissingKey, "missing", hint);
    }
    let credential = read_credential(report, directory, password, token);
    let made = || {
        let tls = tls?.map_or(MailTls::Implicit, |tls| tls.value);
        let usual = if tls == MailTls::Implicit { defaults::IMAPS_PORT } else { defaults::IMAP_PORT };
        Some(ImapConfig {
            host: host?.value,
            port: port.map_or(usual, |port| port.value),
            tls,
            user: user?.value,
            credential: credential?,
            ca_file,
        })
    };
    made().map_or(ReadImap::Wrong, ReadImap::Is)
}

/// Reports that plain text would go to another machine.
pub(super) fn check_plain_text(report: &Report, host: &str, tls: &Located<MailTls>) {
    if tls.value == MailTls::None && !is_this_machine(host) {
        let message = format!("`{host}` is another machine: password and mails would go there in plain text");
        report.add(&tls.spot, ProblemKind::Contradiction, message, "`implicit`, or `starttls`");
    }
}

/// Which of the two files there is, and not both. `None` if there is none, or something is wrong with it.
pub(super) fn read_credential(
    report: &Report,
    directory: &Path,
    password: Option<Item<'_>>,
    token: Option<Item<'_>>,
) -> Option<Credential> {
    let file = |item: Item<'_>| item.text().map(|path| resolve(directory, &path.value));
    match (password, token) {
        (Some(_), Some(token)) => {
            report.add(&token.spot, ProblemKind::Contradiction, "there is `password_file` already", "leave one");
            None
        }
        (Some(password), None) => file(password).map(Credential::PasswordFile),
        (None, Some(token)) => file(token).map(Credential::TokenFile),
        (None, None) => None,
    }
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn read_folders(mailbox: &mut Reader<'_>) -> Option<MailFolders> {
    let mut reader = mailbox.section("folders");
    let report = reader.report;
    let spot = reader.spot.clone();
    let mut name = |key: &'static str, usual: &str| match reader.item(key) {
        Some(item) => item.text().filter(|name| check_folder(report, name)).map(|name| name.value),
        None => Some(usual.to_owned()),
    };
    let folders = (name("inbox", defaults::INBOX), name("done", defaults::DONE), name("refused", defaults::REFUSED));
    reader.finish();
    let (Some(inbox), Some(done), Some(refused)) = folders else { return None };
    let same =
        |one: &str, other: &str| one == other || (one.eq_ignore_ascii_case(other) && one.eq_ignore_ascii_case("inbox"));
    if same(&inbox, &done) || same(&inbox, &refused) || same(&done, &refused) {
        let message = "`inbox`, `done` and `refused` are three folders";
        report.add(&spot, ProblemKind::Contradiction, message, "a mail must leave the one that it was taken from");
        return None;
    }
    Some(MailFolders { inbox, done, refused })
}

fn check_folder(report: &Report, name: &Located<String>) -> bool {
    let part_is_good = |part: &str| !part.is_empty() && part != "." && part != ".." && part.trim().len() == part.len();
    let good = name.value.split('/').all(part_is_good) && !name.value.contains(['*', '%', '"', '\\']);
    if !good {
        let message = format!("`{}` can't be a folder's name", name.value);
        report.add(
            &name.spot,
            ProblemKind::WrongValue,
            message,
            "names joined by `/`, without `*`, `%`, `\"` and `\\`",
        );
    }
    good
}

fn read_since(item: Item<'_>, timezone: &TimeZone) -> Option<Since> {
    let report = item.report();
    let text = match item.raw() {
        DeValue::Datetime(date) => Located { value: date.to_string(), spot: item.spot },
        _ => item.text()?,
    };
    if text.value == "now" {
        return Some(Since::Now);
    }
    let begin = text.value.parse::<Date>().ok().and_then(|date| date.to_zoned(timezone.clone()).ok());
    if begin.is_none() {
        let message = format!("`{}` is neither `now` nor a date", text.value);
        report.add(&text.spot, ProblemKind::WrongValue, message, "`since = 2026-03-01`");
    }
    Some(Since::At(begin?.timestamp().as_millisecond()))
}

fn read_authentication(mailbox: &mut Reader<'_>, is_imap: bool) -> Option<Authentication> {
    let words = [("authentication-results", Means::Results), ("dkim", Means::Dkim), ("none", Means::None)];
    let report = mailbox.report;
    let spot = mailbox.spot.clone();
    let means = match mailbox.item("authentication") {
        Some(item) => item.one_of(&words)?,
        None => Located { value: Means::Results, spot: spot.at_key("authentication") },
    };
    let authserv_id = mailbox.item("authserv_id");
    let border_host = mailbox.item("border_host").map(|item| (item.spot.clone(), item.text()));
    let inner_hosts = mailbox.item("inner_hosts").map(|item| (item.spot.clone(), item.distinct_texts()));
    if means.value != Means::Results {
        let given = [border_host.as_ref().map(|(spot, _)| spot), inner_hosts.as_ref().map(|(spot, _)| spot)];
        for spot in given.iter().flatten() {
            let message = "only `authentication-results` looks at who received a mail";
            report.add(spot, ProblemKind::Contradiction, message, "leave it out");
        }
        if given.iter().any(Option::is_some) {
            return None;
        }
    }
    match means.value {
        Means::Results => {
            let Some(item) = authserv_id else {
                let hint = "add the name that your receiving server gives itself in `Authentication-Results`: \
                            `authserv_id = \"mx.example.com\"`; or set `authentication = \"dkim\"`";
                report.add(&spot.at_key("authserv_id"), ProblemKind::MissingKey, "missing", hint);
                return None;
            };
            let authserv_id = item.text().and_then(|id| checked_host(report, &id));
            let border_host = match border_host {
                Some((_, host)) => host.and_then(|host| checked_host(report, &host)),
                None => authserv_id.clone(),
            };
            let inner_hosts = inner_hosts.map_or(Some(Vec::new()), |(_, hosts)| hosts)?;
            let count = inner_hosts.len();
            let mut inner = Vec::new();
            for host in inner_hosts {
                let Some(name) = checked_host(report, &host) else { continue };
                if border_host.as_ref() == Some(&name) {
                    // Passed over as an inner one, a line that a stranger wrote in the border's name would end the walk.
                    let message = format!("`{name}` is the border, which takes mail from outside");
                    report.add(
                        &host.spot,
                        ProblemKind::Contradiction,
                        message,
                        "`inner_hosts` are the servers behind it",
                    );
                    continue;
                }
                inner.push(name);
            }
            (inner.len() == count).then_some(())?;
            Some(Authentication::Results { authserv_id: authserv_id?, border_host: border_host?, inner_hosts: inner })
        }
        Means::Dkim => Some(Authentication::Dkim),
        Means::None if is_imap => {
            let message = "anybody could write in anybody's name into a mailbox on a server";
            let hint = "`authentication-results` or `dkim`; `none` is for a maildir that nobody else can deliver into";
            report.add(&means.spot, ProblemKind::Contradiction, message, hint);
            None
        }
        Means::None => Some(Authentication::None),
    }
}

/// A name that a server gives itself, in lower case.
fn checked_host(report: &Report, name: &Located<String>) -> Option<String> {
    if !is_host(&name.value) {
        let message = format!("`{}` is not what a server calls itself", name.value);
        report.add(&name.spot, ProblemKind::WrongValue, message, "letters, digits, `-` and `.`: `mx.example.com`");
        return None;
    }
    Some(name.value.to_ascii_lowercase())
}

/// Reports an address or a place that another mailbox has.
fn check_others(report: &Report, spot: &Spot, mailbox: &MailboxConfig, others: &[MailboxConfig]) {
    for other in others {
        let same_place = match (&mailbox.place, &other.place) {
            (MailPlace::Maildir(one), MailPlace::Maildir(other)) => plain(one) == plain(other),
            (MailPlace::Imap(one), MailPlace::Imap(another)) => {
                one.host.eq_ignore_ascii_case(&another.host)
                    && one.user == another.user
                    && mailbox.folders.inbox == other.folders.inbox
            }
            _ => false,
        };
        if same_place {
            let message = format!("`{}` reads the same mails already", other.name);
            report.add(spot, ProblemKind::Duplicate, message, "a folder belongs to one mailbox");
        }
        if mailbox.address == other.address {
            let message = format!("`{}` has the address `{}` already", other.name, other.address);
            report.add(
                &spot.at_key("address"),
                ProblemKind::Duplicate,
                message,
                "give each mailbox an address of its own",
            );
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use crate::config::{people, table};
    use jiff::civil::date;
    use toml::de::DeTable;

    const BASE: &str = "[[table]]\nname = \"customers\"\nprimary_key = [\"id\"]\n[[table.field]]\nname = \"id\"\n";
    const SIGNED: &str = "authentication = \"dkim\"\n";

    /// Reads mailboxes.
    fn read(text: &str) -> (Vec<MailboxConfig>, Vec<String>) {
        let text = format!("{BASE}{text}");
        let report = Report::new("daybook.toml".into(), &text);
        let document = DeTable::parse(&text).unwrap();
        let mut root = Reader::root(&report, document.get_ref());
        let people = people::read_people(&mut root);
        let (tables, _) = table::read_tables(&mut root, &people, &"CN".into());
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        let mailboxes = read_mailboxes(&mut root, Path::new("/srv"), &zone, &mut vec!["taken".to_owned()], &tables);
        root.finish();
        let problems = report.into_parts().0.into_iter();
        (mailboxes, problems.map(|problem| format!("{}: {}; {}", problem.key, problem.message, problem.hint)).collect())
    }

    fn section(body: &str) -> String {
        format!("[[mailbox]]\nname = \"m\"\naddress = \"Capture@Example.com\"\ntable = \"customers\"\n{body}\n")
    }

    #[track_caller]
    fn check(body: &str, expected: &[&str]) {
        let (mailboxes, problems) = read(&section(body));
        let same = problems.len() == expected.len()
            && problems.iter().zip(expected).all(|(problem, start)| problem.starts_with(start));
        assert!(same, "found:\n{}\nexpected:\n{}", problems.join("\n"), expected.join("\n"));
        assert_eq!(mailboxes.len(), usize::from(expected.is_empty()), "what is wrong is not taken");
    }

    #[test]
    fn a_mailbox_is_read_with_its_defaults() {
        let imap = "imap = { host = \"mail.example.com\", user = \"capture\", password_file = \"keys/imap\" }";
        let (mut mailboxes, problems) = read(&section(&format!("{imap}\nauthserv_id = \"MX.example.com\"")));
        assert_eq!(problems, Vec::<String>::new());
        let mailbox = mailboxes.remove(0);
        assert_eq!(mailbox.address, "capture@example.com");
        assert_eq!(mailbox.since, Since::Now);
        let border = |host: &str, inner_hosts: &[&str]| Authentication::Results {
            authserv_id: "mx.example.com".to_owned(),
            border_host: host.to_owned(),
            inner_hosts: inner_hosts.iter().map(|host| (*host).to_owned()).collect(),
        };
        assert_eq!(mailbox.authentication, border("mx.example.com", &[]));
        let body = "maildir = \"m\"\nauthserv_id = \"mx.example.com\"\nborder_host = \"MX1\"\ninner_hosts = [\"Store.example.com\"]";
        let (mailboxes, problems) = read(&section(body));
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(mailboxes[0].authentication, border("mx1", &["store.example.com"]));
        assert_eq!(mailbox.folders.done, "Daybook/Done");
        let MailPlace::Imap(imap) = mailbox.place else { panic!("it is on a server") };
        assert_eq!((imap.port, imap.tls), (993, MailTls::Implicit));
        assert_eq!(imap.credential, Credential::PasswordFile("/srv/keys/imap".into()));
    }

    #[test]
    fn all_is_read() {
        let body = "imap = { host = \"localhost\", port = 1143, tls = \"none\", user = \"u\", token_file = \"/t\", ca_file = \"c\" }
            folders = { inbox = \"收件\", done = \"a/b\", refused = \"c\" }\nsince = 2026-03-01\nauthentication = \"dkim\"";
        let (mut mailboxes, problems) = read(&section(body));
        assert_eq!(problems, Vec::<String>::new());
        let mailbox = mailboxes.remove(0);
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        let begin = date(2026, 3, 1).to_zoned(zone).unwrap().timestamp().as_millisecond();
        assert_eq!(mailbox.since, Since::At(begin));
        assert_eq!(mailbox.folders.inbox, "收件");
        let MailPlace::Imap(imap) = mailbox.place else { panic!("it is on a server") };
        assert_eq!((imap.port, imap.tls, imap.ca_file), (1143, MailTls::None, Some("/srv/c".into())));
        assert_eq!(imap.credential, Credential::TokenFile("/t".into()));
        let (mailboxes, _) = read(&section("maildir = \"data/mail\"\nauthentication = \"none\"\nsince = \"now\""));
        assert_eq!(mailboxes[0].place, MailPlace::Maildir("/srv/data/mail".into()));
        assert_eq!(mailboxes[0].authentication, Authentication::None);
        let (mailboxes, _) = read(&section(
            "imap = { host = \"h\", user = \"u\", tls = \"starttls\", password_file = \"p\" }\nauthentication = \"dkim\"",
        ));
        assert!(matches!(&mailboxes[0].place, MailPlace::Imap(imap) if imap.port == 143));
    }

    #[test]
    fn what_is_wrong_is_told_at_once() {
        check(SIGNED, &["mailbox.imap: it is not said where its mails are; add `imap = "]);
        check(
            &format!("{SIGNED}imap = {{}}"),
            &[
                "mailbox.imap.host: missing",
                "mailbox.imap.user: missing",
                "mailbox.imap.password_file: missing; write the password into a file",
            ],
        );
        check("maildir = \"m\"", &["mailbox.authserv_id: missing; add the name that your receiving server"]);
        check(
            "imap = { host = \"h\", user = \"u\", password_file = \"p\", token_file = \"t\", tls = \"none\" }\nmaildir = \"m\"
             authentication = \"none\"\nsince = \"today\"\nfolders = { done = \"INBOX\" }",
            &[
                "mailbox.imap.token_file: there is `password_file` already",
                "mailbox.imap.tls: `h` is another machine",
                "mailbox.maildir: there is `imap` already",
                "mailbox.since: `today` is neither `now` nor a date",
                "mailbox.folders: `inbox`, `done` and `refused` are three folders",
            ],
        );
        check(
            "imap = { host = \"h\", user = \"u\", password_file = \"p\" }\nauthentication = \"none\"",
            &["mailbox.authentication: anybody could write in anybody's name"],
        );
        check(
            "maildir = \"m\"\nauthserv_id = \"mx example\"\nborder_host = \"mx.\"\ninner_hosts = [\"a\", \"a\"]",
            &[
                "mailbox.authserv_id: `mx example` is not what a server calls itself",
                "mailbox.border_host: `mx.` is not what",
                "mailbox.inner_hosts: `a` is there twice",
            ],
        );
        check(
            "maildir = \"m\"\nauthserv_id = \"mx.example.com\"\ninner_hosts = [\"MX.example.com\"]",
            &["mailbox.inner_hosts: `mx.example.com` is the border"],
        );
        check(
            &format!("{SIGNED}maildir = \"m\"\nborder_host = \"a\"\ninner_hosts = []"),
            &[
                "mailbox.border_host: only `authentication-results` looks",
                "mailbox.inner_hosts: only `authentication-results` looks",
            ],
        );
        check(
            &format!("{SIGNED}maildir = \"m\"\nfolders = {{ done = \"a//b\", refused = \"*\" }}"),
            &["mailbox.folders.done: `a//b` can't be a folder's name", "mailbox.folders.refused: `*` can't be"],
        );
        check(
            &format!("{SIGNED}maildir = 3\ntls = 4"),
            &["mailbox.maildir: must be a text", "mailbox.tls: unknown key"],
        );
    }

    #[test]
    fn two_mailboxes_do_not_read_the_same_mails() {
        let one = section("maildir = \"m\"\nauthentication = \"dkim\"");
        let other = one.replace("\"m\"\naddress", "\"taken\"\naddress");
        let (_, problems) = read(&format!("{one}{other}"));
        let starts = [
            "mailbox: `m` reads the same mails already",
            "mailbox.address: `m` has the address `capture@example.com` already",
            "mailbox.name: `taken` is taken by another source",
        ];
        assert!(problems.iter().zip(starts).all(|(problem, start)| problem.starts_with(start)), "{problems:#?}");
        assert_eq!(problems.len(), 3);
    }
}
