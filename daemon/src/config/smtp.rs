//! `[smtp]`: how mails are sent, or into which folder they are written.
//!
//! As for mailboxes, passwords and tokens stand in files of their own.

use std::path::{Path, PathBuf};

use super::defaults;
use super::mailbox::{Credential, MailTls, TLS_WORDS, check_plain_text, read_credential};
use super::paths::resolve;
use super::problem::ProblemKind;
use super::reader::{Item, Located, Reader};
use crate::model::MailAddress;

/// How mails are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmtpConfig {
    /// The address that they come from, and that answers go to.
    pub from: MailAddress,
    /// Where they go.
    pub exit: MailExit,
}

/// Where mails go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailExit {
    /// To a server that sends them.
    Server(SmtpServer),
    /// Into a folder, as `.eml` files.
    Directory(PathBuf),
}

/// A server that sends mails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmtpServer {
    /// The server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is encrypted.
    pub tls: MailTls,
    /// Who we are to it; `None` where it asks nobody.
    pub login: Option<SmtpLogin>,
    /// Certificates (PEM) that are trusted beside the system's: an office's own authority.
    pub ca_file: Option<PathBuf>,
}

/// An account on a server that sends mails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmtpLogin {
    /// Its name.
    pub user: String,
    /// What proves that it is ours.
    pub credential: Credential,
}

/// Reads `[smtp]`. `None` if it is not there, or something in it is wrong.
pub(super) fn read_smtp(root: &mut Reader<'_>, directory: &Path) -> Option<SmtpConfig> {
    let mut reader = root.section("smtp");
    let report = reader.report;
    let is_there = reader.is_present();
    let spot = reader.spot.clone();
    let host = reader.item("host");
    let folder = reader.item("directory");
    let from = if is_there { reader.need("from") } else { reader.item("from") };
    let from = from.and_then(read_from);
    let exit = match (host, folder) {
        (Some(host), None) => read_server(&mut reader, host, directory).map(MailExit::Server),
        (host, folder) => {
            // What belongs to a server is checked all the same; without a host it has no meaning.
            let keys = server_keys(&mut reader);
            match (host, folder) {
                (Some(_), Some(folder)) => {
                    let message = "there is `host` already, and mails go to one place";
                    report.add(&folder.spot, ProblemKind::Contradiction, message, "leave one");
                    None
                }
                (None, Some(folder)) => {
                    if let Some((key, spot)) = keys {
                        let message = format!("`{key}` is of a server, and there is `directory`");
                        report.add(&spot, ProblemKind::Contradiction, message, "leave one");
                    }
                    folder.text().map(|path| MailExit::Directory(resolve(directory, &path.value)))
                }
                (_, None) => {
                    if is_there {
                        let hint = "add `host = …`, or `directory = …` for a folder of .eml files";
                        report.add(
                            &spot.at_key("host"),
                            ProblemKind::MissingKey,
                            "it is not said where mails go",
                            hint,
                        );
                    }
                    None
                }
            }
        }
    };
    reader.finish();
    Some(SmtpConfig { from: from?, exit: exit? })
}

fn read_from(item: Item<'_>) -> Option<MailAddress> {
    let report = item.report();
    let text = item.text()?;
    let parsed = MailAddress::parse(&text.value);
    if parsed.is_err() {
        let message = format!("`{}` is not one plain e-mail address", text.value);
        report.add(&text.spot, ProblemKind::WrongValue, message, "as `capture@example.com`, without a name");
    }
    let from = parsed.ok()?;
    if !from.domain().bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte)) {
        let message = format!("`{}` has letters in its domain that a Message-ID can't have", text.value);
        report.add(&text.spot, ProblemKind::WrongValue, message, "write the domain in its ASCII form, `xn--…`");
        return None;
    }
    Some(from)
}

/// The keys of a server: the first that is there. All count as known.
fn server_keys(reader: &mut Reader<'_>) -> Option<(&'static str, super::reader::Spot)> {
    let keys = ["port", "tls", "user", "password_file", "token_file", "ca_file"];
    let found: Vec<_> = keys.iter().map(|key| (*key, reader.item(key).map(|item| item.spot))).collect();
    found.into_iter().find_map(|(key, spot)| Some((key, spot?)))
}

fn read_server(reader: &mut Reader<'_>, host: Item<'_>, directory: &Path) -> Option<SmtpServer> {
    let report = reader.report;
    let section = reader.spot.clone();
    let host = host.text();
    let port = reader.item("port").and_then(|item| item.whole(&(1..=u16::MAX)));
    let tls = reader.item("tls").map_or(Some(None), |item| item.one_of(&TLS_WORDS).map(Some));
    let user = reader.item("user");
    let (password, token) = (reader.item("password_file"), reader.item("token_file"));
    let ca_file = reader.item("ca_file").and_then(Item::text).map(|path| resolve(directory, &path.value));
    if let (Some(host), Some(Some(tls))) = (&host, &tls) {
        check_plain_text(report, &host.value, tls);
    }
    let proof_spot = password.as_ref().or(token.as_ref()).map(|item| item.spot.clone());
    let user_is_there = user.is_some();
    let credential = read_credential(report, directory, password, token);
    let user = user.and_then(Item::text);
    let login = match (user_is_there, proof_spot) {
        (false, None) => Some(None),
        (true, None) => {
            let hint = "write the password into a file (mode 0600) and name it: `password_file = \"keys/smtp\"`";
            report.add(&section.at_key("password_file"), ProblemKind::MissingKey, "missing", hint);
            None
        }
        (false, Some(_)) => {
            let message = "missing: it is not said whose the password or token is";
            report.add(&section.at_key("user"), ProblemKind::MissingKey, message, "add `user = …`");
            None
        }
        (true, Some(_)) => {
            user.zip(credential).map(|(user, credential)| Some(SmtpLogin { user: user.value, credential }))
        }
    };
    let tls = tls?.map_or(MailTls::Implicit, |tls: Located<MailTls>| tls.value);
    let usual = if tls == MailTls::Implicit { defaults::SUBMISSIONS_PORT } else { defaults::SUBMISSION_PORT };
    Some(SmtpServer { host: host?.value, port: port.map_or(usual, |port| port.value), tls, login: login?, ca_file })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use crate::config::load;

    fn read(smtp: &str) -> Result<Option<SmtpConfig>, Vec<String>> {
        let text = format!("[store]\nkey_file = \"keys/k\"\n{smtp}");
        match load(Path::new("/etc/daybook.toml"), &text) {
            Ok(config) => Ok(config.smtp),
            Err(problems) => {
                Err(problems.iter().map(|problem| format!("{}: {}", problem.key, problem.message)).collect())
            }
        }
    }

    #[track_caller]
    fn wrong(smtp: &str, expected: &[&str]) {
        let found = read(smtp).unwrap_err();
        let all =
            found.len() == expected.len() && expected.iter().all(|part| found.iter().any(|told| told.contains(part)));
        assert!(all, "{smtp}\n{found:#?}");
    }

    #[test]
    fn a_server_with_its_defaults() {
        assert_eq!(read(""), Ok(None));
        let config = read("[smtp]\nhost = \"mail.example.com\"\nfrom = \"Capture@Example.com\"").unwrap().unwrap();
        let server = SmtpServer {
            host: "mail.example.com".into(),
            port: 465,
            tls: MailTls::Implicit,
            login: None,
            ca_file: None,
        };
        assert_eq!(config.from.as_str(), "capture@example.com");
        assert_eq!(config.exit, MailExit::Server(server));
    }

    #[test]
    fn a_server_with_all_its_settings() {
        let smtp = "[smtp]\nhost = \"mail.example.com\"\nport = 25\ntls = \"starttls\"\nuser = \"capture\"\n\
                    token_file = \"keys/token\"\nca_file = \"keys/ca.pem\"\nfrom = \"a@b\"";
        let Some(SmtpConfig { exit: MailExit::Server(server), .. }) = read(smtp).unwrap() else { panic!("a server") };
        let credential = Credential::TokenFile("/etc/keys/token".into());
        assert_eq!(server.login, Some(SmtpLogin { user: "capture".into(), credential }));
        assert_eq!((server.port, server.tls), (25, MailTls::StartTls));
        assert_eq!(server.ca_file, Some("/etc/keys/ca.pem".into()));
        let plain = read("[smtp]\nhost = \"127.0.0.1\"\ntls = \"none\"\nfrom = \"a@b\"").unwrap().unwrap();
        assert!(matches!(plain.exit, MailExit::Server(SmtpServer { port: 587, tls: MailTls::None, .. })));
    }

    #[test]
    fn a_folder() {
        let config = read("[smtp]\ndirectory = \"data/outbox\"\nfrom = \"a@b\"").unwrap().unwrap();
        assert_eq!(config.exit, MailExit::Directory("/etc/data/outbox".into()));
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        wrong("[smtp]", &["smtp.from: missing", "smtp.host: it is not said where"]);
        wrong("[smtp]\nhost = \"a\"\ndirectory = \"b\"\nfrom = \"a@b\"", &["smtp.directory: there is `host`"]);
        wrong("[smtp]\ndirectory = \"b\"\nport = 25\nfrom = \"a@b\"", &["smtp.port: `port` is of a server"]);
        wrong(
            "[smtp]\nhost = \"mail.example.com\"\ntls = \"none\"\nport = 0\nuser = \"a\"\nfrom = \"Li <a@b>\"\nuserr = 1",
            &[
                "another machine",
                "smtp.port: must lie",
                "smtp.password_file: missing",
                "plain e-mail",
                "userr: unknown",
            ],
        );
        wrong("[smtp]\nhost = \"a\"\nfrom = \"a@b\"\npassword_file = \"x\"", &["smtp.user: missing"]);
        wrong(
            "[smtp]\nhost = \"a\"\nfrom = \"a@例子.公司\"\nuser = \"u\"\npassword_file = \"x\"\ntoken_file = \"y\"",
            &["there is `password_file` already", "letters in its domain"],
        );
        wrong("[smtp]\nhost = \"a\"\ntls = \"ssl\"\nfrom = 1", &["`ssl` is not allowed", "must be a text"]);
    }
}
