//! Dovecot as an ordinary process: in a folder of its own, on free ports of this machine, and ended with the test.
//!
//! Its login processes refuse to be root, so it runs as `nobody` where the tests run as root.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use daybook::config::{Credential, ImapConfig, MailTls};

use super::{account, until_done};
use crate::programs::absent;

/// The account's password.
pub(super) const PASSWORD: &str = "capture-pw";

/// A running server with one account, `capture`.
pub(super) struct Dovecot {
    folder: tempfile::TempDir,
    child: Option<Child>,
    pub(super) imap_port: u16,
    pub(super) imaps_port: u16,
    pub(super) lmtp_port: u16,
    pub(super) submission_port: u16,
    pub(super) submissions_port: u16,
    /// Where mails that are sent go on to.
    relay_port: Option<u16>,
}

impl Dovecot {
    /// Starts it; `None` where it is absent.
    pub(super) fn start() -> Option<Self> {
        Self::start_as(None)
    }

    /// Starts it as a server that sends mails too: it hands them on to another one on this machine.
    pub(super) fn start_with_submission(relay_port: u16) -> Option<Self> {
        if !Path::new("/usr/lib/dovecot/submission").is_file() {
            return absent("Dovecot's submission service (dovecot-submissiond)");
        }
        Self::start_as(Some(relay_port))
    }

    fn start_as(relay_port: Option<u16>) -> Option<Self> {
        let program = program("dovecot")?;
        let told = Command::new(&program).arg("--version").stdin(Stdio::null()).output().expect("it can be started");
        if !told.stdout.starts_with(b"2.3.") {
            // 2.4 has a configuration of another form.
            return absent("Dovecot 2.3");
        }
        let folder = tempfile::Builder::new().prefix("dovecot").tempdir().expect("a folder");
        let [imap_port, imaps_port, lmtp_port, submission_port, submissions_port] = free_ports();
        let child = None;
        let mut server =
            Self { folder, child, imap_port, imaps_port, lmtp_port, submission_port, submissions_port, relay_port };
        server.prepare();
        server.run(&program);
        Some(server)
    }

    /// A file of the server's folder.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The account, with the right password and the server's own authority.
    pub(super) fn account(&self, tls: MailTls) -> ImapConfig {
        let port = if tls == MailTls::Implicit { self.imaps_port } else { self.imap_port };
        let credential = Credential::PasswordFile(self.path("password"));
        account(port, tls, credential, Some(&self.path("cert.pem")))
    }

    /// The same, with a token that the server believes until it expires.
    pub(super) fn account_with_token(&self, expires_at_s: i64) -> ImapConfig {
        let file = self.path(&format!("token-{expires_at_s}"));
        daybook::io::private::write_new(&file, token(expires_at_s).as_bytes()).expect("it can be written");
        ImapConfig { credential: Credential::TokenFile(file), ..self.account(MailTls::Implicit) }
    }

    fn prepare(&self) {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned(), "localhost".to_owned()]);
        let made = made.expect("a certificate can be made");
        self.write("cert.pem", &made.cert.pem());
        self.write("key.pem", &made.signing_key.serialize_pem());
        self.write("users", &format!("capture:{{PLAIN}}{PASSWORD}::::::\n"));
        self.write("config", &self.config());
        let at = self.folder.path().display();
        self.write(
            "oauth2",
            &format!("introspection_mode = local\nlocal_validation_key_dict = fs:posix:prefix={at}/keys/\nusername_attribute = email\n"),
        );
        std::fs::create_dir_all(self.path("keys/default/HS256")).expect("a folder can be made");
        self.write("keys/default/HS256/default", &base64(TOKEN_KEY, false));
        for name in ["run", "state", "mail", "home"] {
            std::fs::create_dir(self.path(name)).expect("a folder can be made");
        }
        daybook::io::private::write_new(&self.path("password"), format!("{PASSWORD}\n").as_bytes()).expect("written");
        if rustix::process::geteuid().is_root() {
            std::fs::set_permissions(self.folder.path(), PermissionsExt::from_mode(0o755)).expect("ours");
            let (user, group) = ids();
            for name in ["mail", "home"] {
                std::os::unix::fs::chown(self.path(name), Some(user), Some(group)).expect("root may");
            }
        }
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("it can be written");
    }

    fn config(&self) -> String {
        let at = self.folder.path().display();
        let (user, group) = names();
        let (uid, gid) = ids();
        let Self { imap_port, imaps_port, lmtp_port, .. } = self;
        let unchrooted = ["imap-login", "lmtp", "anvil", "stats", "auth", "imap"]
            .map(|service| format!("service {service} {{\n  chroot =\n}}\n"))
            .concat();
        let (protocols, submission) = match self.relay_port {
            None => ("imap lmtp", String::new()),
            Some(relay) => ("imap lmtp submission", self.submission(relay)),
        };
        format!(
            "base_dir = {at}/run\nstate_dir = {at}/state\nlog_path = {at}/dovecot.log\n\
             default_internal_user = {user}\ndefault_internal_group = {group}\ndefault_login_user = {user}\n\
             hostname = test.local\nfirst_valid_uid = 1\nmail_uid = {uid}\nmail_gid = {gid}\nlisten = 127.0.0.1\n\
             protocols = {protocols}\nssl = yes\nssl_cert = <{at}/cert.pem\nssl_key = <{at}/key.pem\n\
             disable_plaintext_auth = yes\nauth_mechanisms = plain login xoauth2\nmail_fsync = never\n\
             mail_location = maildir:{at}/mail/%n\nauth_username_format = %Ln\nrecipient_delimiter = +\n\
             passdb {{\n  driver = oauth2\n  mechanisms = xoauth2\n  args = {at}/oauth2\n}}\n\
             passdb {{\n  driver = passwd-file\n  mechanisms = plain login none\n  args = scheme=PLAIN username_format=%n {at}/users\n}}\n\
             userdb {{\n  driver = static\n  args = uid={uid} gid={gid} home={at}/home/%n allow_all_users=no\n}}\n\
             {unchrooted}{submission}\
             service imap-login {{\n  inet_listener imap {{\n    port = {imap_port}\n  }}\n  \
             inet_listener imaps {{\n    port = {imaps_port}\n    ssl = yes\n  }}\n}}\n\
             service lmtp {{\n  inet_listener lmtp {{\n    address = 127.0.0.1\n    port = {lmtp_port}\n  }}\n}}\n"
        )
    }

    /// The part for sending mails.
    fn submission(&self, relay: u16) -> String {
        let Self { submission_port, submissions_port, .. } = self;
        format!(
            "submission_relay_host = 127.0.0.1\nsubmission_relay_port = {relay}\nsubmission_relay_ssl = no\n\
             service submission {{\n  chroot =\n}}\n\
             service submission-login {{\n  chroot =\n  inet_listener submission {{\n    port = {submission_port}\n  }}\n  \
             inet_listener submissions {{\n    port = {submissions_port}\n    ssl = yes\n  }}\n}}\n"
        )
    }

    /// Starts the program. Where something else has one of the ports for a moment, it is started again.
    fn run(&mut self, program: &Path) {
        until_done("Dovecot has its ports", || self.has_started(program).then_some(()));
    }

    /// False if one of its ports is in use.
    fn has_started(&mut self, program: &Path) -> bool {
        let mut command = Command::new(program);
        command.arg("-F").arg("-c").arg(self.path("config"));
        let log = std::fs::File::create(self.path("started.log")).expect("a log");
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a log")).stderr(log);
        command.process_group(0);
        self.child = Some(command.spawn().expect("it can be started"));
        until_done("Dovecot answers", || {
            let child = self.child.as_mut().expect("it was started");
            if let Ok(Some(status)) = child.try_wait() {
                let started = std::fs::read_to_string(self.path("started.log")).unwrap_or_default();
                assert!(started.contains("already in use"), "Dovecot ends with {status}:\n{}", self.log());
                self.child = None;
                return Some(false);
            }
            let greets = |port: u16| {
                let socket = TcpStream::connect(("127.0.0.1", port)).ok()?;
                socket.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
                let mut line = String::new();
                BufReader::new(socket).read_line(&mut line).ok()?;
                (!line.is_empty()).then_some(())
            };
            greets(self.imap_port).and_then(|()| greets(self.lmtp_port))?;
            if self.relay_port.is_some() {
                greets(self.submission_port)?;
            }
            Some(true)
        })
    }

    fn log(&self) -> String {
        ["started.log", "dovecot.log"]
            .map(|name| std::fs::read_to_string(self.path(name)).unwrap_or_default())
            .join("\n")
    }

    /// Ends the server and all that it started.
    pub(super) fn stop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        let id = rustix::process::Pid::from_child(&child);
        // It may have ended by itself, which a test tells of elsewhere.
        if child.try_wait().is_ok_and(|ended| ended.is_none()) {
            rustix::process::kill_process(id, rustix::process::Signal::TERM).ok();
        }
        child.wait().ok();
        // Those who serve a connection go on for half a minute. They are of the master's group, which nobody else is in.
        if let Err(error) = rustix::process::kill_process_group(id, rustix::process::Signal::KILL) {
            assert_eq!(error, rustix::io::Errno::SRCH, "nobody is left");
        }
    }

    /// Starts it again, with all its mails.
    pub(super) fn start_again(&mut self) {
        let program = program("dovecot").expect("it was there");
        self.run(&program);
    }

    /// Runs `doveadm`.
    #[track_caller]
    pub(super) fn admin(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("doveadm");
        command.arg("-c").arg(self.path("config")).args(arguments).stdin(Stdio::null());
        let output = command.output().expect("doveadm can be started");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "doveadm {arguments:?}: {told}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// How many mails a folder holds.
    pub(super) fn count(&self, folder: &str) -> usize {
        let told = self.admin(&["-f", "flow", "mailbox", "status", "-u", "capture", "messages", folder]);
        told.rsplit('=').next().and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("{told}"))
    }

    /// Delivers a mail as a receiving server does (LMTP).
    #[track_caller]
    pub(super) fn deliver(&self, mail: &[u8]) {
        let socket = TcpStream::connect(("127.0.0.1", self.lmtp_port)).expect("LMTP answers");
        let mut reader = BufReader::new(socket.try_clone().expect("a socket"));
        let mut writer = socket;
        let mut step = |text: &[u8], expected: &str| {
            writer.write_all(text).expect("it takes it");
            let mut line = String::new();
            while line.is_empty() || line.as_bytes().get(3) == Some(&b'-') {
                line.clear();
                reader.read_line(&mut line).expect("it answers");
            }
            assert!(line.starts_with(expected), "{line}");
        };
        step(b"", "220");
        step(b"LHLO localhost\r\n", "250");
        step(b"MAIL FROM:<li.lei@example.com>\r\n", "250");
        step(b"RCPT TO:<capture@test.local>\r\n", "250");
        step(b"DATA\r\n", "354");
        let mut data = mail.to_vec();
        assert!(mail.ends_with(b"\r\n"), "a mail ends with a line");
        data.extend_from_slice(b".\r\n");
        step(&data, "250");
        step(b"QUIT\r\n", "221");
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What the server signs tokens with.
const TOKEN_KEY: &[u8] = b"the key of the token server, for the tests only";

/// A token (JWT, RFC 7519) for the account.
fn token(expires_at_s: i64) -> String {
    let head = base64(br#"{"alg":"HS256","typ":"JWT"}"#, true);
    let body = format!(r#"{{"email":"capture","sub":"capture","iat":1700000000,"exp":{expires_at_s}}}"#);
    let text = format!("{head}.{}", base64(body.as_bytes(), true));
    let mut mac = Hmac::<Sha256>::new_from_slice(TOKEN_KEY).expect("a key of any length");
    mac.update(text.as_bytes());
    format!("{text}.{}", base64(&mac.finalize().into_bytes(), true))
}

/// Base64; for a token the form that fits into an address, without the end.
pub(super) fn base64(bytes: &[u8], is_for_token: bool) -> String {
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let last = if is_for_token { b"-_" } else { b"+/" };
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = (0..3).fold(0_usize, |bits, at| (bits << 8) | usize::from(three.get(at).copied().unwrap_or(0)));
        for at in 0..4 {
            match (bits >> (18 - 6 * at)) & 63 {
                _ if at > three.len() && is_for_token => {}
                _ if at > three.len() => text.push('='),
                index => text.push(char::from(*letters.iter().chain(last).nth(index).expect("64 letters"))),
            }
        }
    }
    text
}

/// A program of the system's, if it is there.
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    // Daemons stand where an ordinary account's path doesn't lead.
    folders.extend(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    let found = folders.into_iter().map(|folder| folder.join(name)).find(|program| program.is_file());
    found.or_else(|| absent(&format!("`{name}` (dovecot-imapd, dovecot-lmtpd)")))
}

/// Ports that nobody listens on.
fn free_ports() -> [u16; 5] {
    // Held all at once, so that they differ.
    let held = [(); 5].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    held.map(|listener| listener.local_addr().expect("it has an address").port())
}

/// The account that the server runs as, and its group.
fn names() -> (String, String) {
    if rustix::process::geteuid().is_root() {
        return ("nobody".to_owned(), "nogroup".to_owned());
    }
    let name = |option: &str| {
        let output = Command::new("id").arg(option).output().expect("`id` can be started");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    (name("-un"), name("-gn"))
}

/// The same as numbers.
fn ids() -> (u32, u32) {
    if rustix::process::geteuid().is_root() {
        (65534, 65534)
    } else {
        (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw())
    }
}
