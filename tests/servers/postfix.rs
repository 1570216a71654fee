//! Postfix as the server that takes mails from outside, with `OpenDKIM` beside it that says who has signed them, in a folder of their own and on
//! free ports of this machine. Both hand on to Dovecot.
//!
//! Postfix starts its parts as root. An ordinary account that may become root without a password does so for it.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::until_done;
use crate::programs::absent;

/// What the server calls itself, in `Received` and in `Authentication-Results`.
pub(super) const NAME: &str = "mx.test.local";

/// The two running servers.
pub(super) struct Border {
    folder: tempfile::TempDir,
    milter: Child,
    port: u16,
}

impl Border {
    /// Starts them; `None` where they are absent. `key` is the record of the domain's key in the name service (RFC 6376), under the selector `s1`.
    pub(super) fn start(lmtp_port: u16, domain: &str, key: &str) -> Option<Self> {
        let (postfix, opendkim) = (Path::new("/usr/sbin/postfix"), Path::new("/usr/sbin/opendkim"));
        if !postfix.is_file() || !opendkim.is_file() {
            return absent("Postfix or OpenDKIM (postfix, opendkim)");
        }
        if !is_root() && !as_root("true").status().is_ok_and(|status| status.success()) {
            return absent("an account that may start Postfix");
        }
        let folder = tempfile::Builder::new().prefix("postfix").tempdir().expect("a folder");
        // Its parts run under accounts of their own.
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).expect("ours");
        let [port, milter_port] = free_ports();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("it can be written");
        for name in ["etc", "data", "queue"] {
            std::fs::create_dir(folder.path().join(name)).expect("a folder can be made");
        }
        let at = folder.path().display();
        write("keys", &format!("s1._domainkey.{domain} {key}\n"));
        // Mails of these it would sign instead of looking who has.
        write("own", "192.0.2.254\n");
        write(
            "opendkim.conf",
            &format!(
                "Mode v\nSocket inet:{milter_port}@127.0.0.1\nAuthservID {NAME}\nTestDNSData file:{at}/keys\n\
                 InternalHosts {at}/own\nSyslog no\nBackground no\nRequireSafeKeys no\n"
            ),
        );
        let log = std::fs::File::create(folder.path().join("opendkim.log")).expect("a log");
        let mut command = Command::new(opendkim);
        command.args(["-f", "-x"]).arg(folder.path().join("opendkim.conf"));
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a log")).stderr(log);
        let milter = command.spawn().expect("OpenDKIM can be started");
        write("etc/main.cf", &main(&folder.path().display().to_string(), milter_port, lmtp_port));
        write("etc/master.cf", &master(port));
        let mut border = Self { folder, milter, port };
        if is_root() {
            let owner = String::from_utf8(Command::new("id").args(["-u", "postfix"]).output().expect("it runs").stdout);
            let owner = owner.expect("a number").trim().parse().expect("Postfix has an account");
            std::os::unix::fs::chown(border.path("data"), Some(owner), None).expect("root may");
        } else {
            as_root("chown").args(["-R", "root"]).arg(border.path("etc")).status().expect("it may");
            as_root("chown").arg("postfix").arg(border.path("data")).status().expect("it may");
        }
        border.control("start");
        until_done("OpenDKIM and Postfix answer", || {
            if let Ok(Some(status)) = border.milter.try_wait() {
                panic!("OpenDKIM ends with {status}:\n{}", border.log());
            }
            TcpStream::connect(("127.0.0.1", milter_port)).ok()?;
            let socket = TcpStream::connect(("127.0.0.1", port)).ok()?;
            socket.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
            let mut line = String::new();
            BufReader::new(socket).read_line(&mut line).ok()?;
            line.starts_with("220").then_some(())
        });
        Some(border)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn log(&self) -> String {
        ["opendkim.log", "postfix.log"]
            .map(|name| std::fs::read_to_string(self.path(name)).unwrap_or_default())
            .join("\n")
    }

    fn control(&self, what: &str) {
        let mut command = as_root("/usr/sbin/postfix");
        let output = command.arg("-c").arg(self.path("etc")).arg(what).stdin(Stdio::null()).output();
        let output = output.expect("Postfix can be told");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "postfix {what}: {told}\n{}", self.log());
    }

    /// Hands in a mail as a server outside does (SMTP).
    #[track_caller]
    pub(super) fn deliver(&self, sender: &str, mail: &[u8]) {
        let socket = TcpStream::connect(("127.0.0.1", self.port)).expect("SMTP answers");
        let mut reader = BufReader::new(socket.try_clone().expect("a socket"));
        let mut writer = socket;
        let mut step = |text: &[u8], expected: &str| {
            writer.write_all(text).expect("it takes it");
            let mut line = String::new();
            while line.is_empty() || line.as_bytes().get(3) == Some(&b'-') {
                line.clear();
                reader.read_line(&mut line).expect("it answers");
            }
            assert!(line.starts_with(expected), "{line}\n{}", self.log());
        };
        step(b"", "220");
        step(b"EHLO out.example.com\r\n", "250");
        step(format!("MAIL FROM:<{sender}>\r\n").as_bytes(), "250");
        step(b"RCPT TO:<capture@test.local>\r\n", "250");
        step(b"DATA\r\n", "354");
        step(&[mail, b".\r\n"].concat(), "250");
        step(b"QUIT\r\n", "221");
    }
}

impl Drop for Border {
    fn drop(&mut self) {
        // A panic here would hide the one that ended the test.
        drop(as_root("/usr/sbin/postfix").arg("-c").arg(self.path("etc")).arg("stop").output());
        // It is ours, and may have ended by itself.
        drop(self.milter.kill());
        drop(self.milter.wait());
        if !is_root() {
            // What its parts wrote is root's.
            drop(as_root("rm").arg("-rf").arg(self.folder.path()).status());
        }
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A program that runs as root.
fn as_root(program: &str) -> Command {
    if is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.args(["-n", program]);
    command
}

fn free_ports() -> [u16; 2] {
    // Held at once, so that they differ.
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    listeners.map(|listener| listener.local_addr().expect("it has an address").port())
}

fn main(at: &str, milter_port: u16, lmtp_port: u16) -> String {
    format!(
        "compatibility_level = 3.6\nmyhostname = {NAME}\nmydestination =\ninet_interfaces = 127.0.0.1\ninet_protocols = ipv4\n\
         queue_directory = {at}/queue\ndata_directory = {at}/data\nmaillog_file_prefixes = {at}\nmaillog_file = {at}/postfix.log\n\
         alias_maps =\nalias_database =\nlocal_recipient_maps =\nvirtual_mailbox_domains = test.local\n\
         virtual_transport = lmtp:inet:127.0.0.1:{lmtp_port}\ndisable_dns_lookups = yes\nmynetworks =\n\
         smtpd_relay_restrictions = reject_unauth_destination\nsmtpd_recipient_restrictions =\nsmtpd_peername_lookup = no\n\
         smtpd_milters = inet:127.0.0.1:{milter_port}\nmilter_default_action = tempfail\nmilter_protocol = 6\n"
    )
}

fn master(port: u16) -> String {
    let mut services = format!("127.0.0.1:{port} inet n - n - - smtpd\n");
    for (name, kind, is_private, wakeup, processes, program) in [
        ("pickup", "unix", "n", "60", "1", "pickup"),
        ("cleanup", "unix", "n", "-", "0", "cleanup"),
        ("qmgr", "unix", "n", "300", "1", "qmgr"),
        ("rewrite", "unix", "-", "-", "-", "trivial-rewrite"),
        ("bounce", "unix", "-", "-", "0", "bounce"),
        ("defer", "unix", "-", "-", "0", "bounce"),
        ("trace", "unix", "-", "-", "0", "bounce"),
        ("verify", "unix", "-", "-", "1", "verify"),
        ("flush", "unix", "n", "1000?", "0", "flush"),
        ("proxymap", "unix", "-", "-", "-", "proxymap"),
        ("error", "unix", "-", "-", "-", "error"),
        ("retry", "unix", "-", "-", "-", "error"),
        ("lmtp", "unix", "-", "-", "-", "lmtp"),
        ("anvil", "unix", "-", "-", "1", "anvil"),
        ("scache", "unix", "-", "-", "1", "scache"),
        ("postlog", "unix-dgram", "n", "-", "1", "postlogd"),
    ] {
        writeln!(services, "{name} {kind} {is_private} - n {wakeup} {processes} {program}").expect("a text takes more");
    }
    services
}
