//! Mails from a real server to the store, and receipts out of it.
//!
//! Two figures. How many plain update mails a second get from Dovecot's inbox into durable commits, each with its receipt queued and the mail moved:
//! the whole `daybook sync` over a full inbox, against the same without one. And how long it takes an idle daemon from the end of a mail's delivery to
//! the receipt's being handed to the SMTP server. Mails are delivered by LMTP, fetched over TLS, and proved by `Authentication-Results`.

#[path = "../../servers/dovecot.rs"]
#[expect(dead_code, reason = "the tests want more of it")]
#[expect(clippy::disallowed_methods, reason = "a mail server is started, with files of its own")]
mod dovecot;
#[path = "../../servers/mock_smtp.rs"]
#[expect(dead_code, reason = "the tests want more of it")]
mod mock_smtp;

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{Context, Result, bail, ensure};
use daybook::config::{Credential, ImapConfig, MailTls};

use self::dovecot::Dovecot;
use self::mock_smtp::{MockSmtp, Reaction};
use super::memory::memory;
use super::office::Office;
use super::spread;

/// The name by which it is asked for.
pub(crate) const NAME: &str = "mails into the store";
/// Mails a second, at least.
const RATE_MIN: f64 = 100.0;
/// From a mail's delivery to its receipt's.
const ANSWER_MAX: Duration = Duration::from_secs(2);
const MAILS: u32 = 2_000;
const MAILS_TRIED: u32 = 4;
/// So many are delivered one by one to the idle daemon.
const ANSWERS: u32 = 20;
const ANSWERS_TRIED: u32 = 1;
const LOOK_EVERY: Duration = Duration::from_millis(1);
const DEADLINE: Duration = Duration::from_mins(1);
/// Between two mails: long enough that nothing of the one before goes on.
const REST: Duration = Duration::from_millis(1_500);

/// Measures it and tells.
#[expect(clippy::print_stdout, reason = "a benchmark talks to the terminal")]
pub(crate) fn tell(folder: &Path, is_trial: bool) -> Result<()> {
    let (count, answers) = if is_trial { (MAILS_TRIED, ANSWERS_TRIED) } else { (MAILS, ANSWERS) };
    let Some(dovecot) = Dovecot::start() else { return Ok(()) };
    let office = Office::make(folder.join("mails"), count)?;
    // For the first figure receipts stay in the queue: the server is not there for them.
    let away = MockSmtp::start(|_, _| Reaction::Close("421 not now\r\n"));
    connect(&office, &dovecot, away.port)?;
    office.save("Li Lei", 0)?;
    office.sync_all()?;
    let empty = timed(&office)?;
    for number in 0..count {
        dovecot.deliver(&update(number));
    }
    let full = timed(&office)?;
    ensure!(dovecot.count("INBOX") == 0, "mails are left");
    let pending = &office.status()?["outbox"]["pending"];
    ensure!(*pending == count, "{pending} receipts wait, not {count}");
    let took = full.elapsed.saturating_sub(empty.elapsed).as_secs_f64();
    println!(
        "\n{NAME}: limit {RATE_MIN:.0} mails a second, reached {:.0} ({count} mails in {took:.1} s)",
        f64::from(count) / took
    );
    println!("  memory: {} MB at most, {} MB with an empty inbox", full.peak / 1_000_000, empty.peak / 1_000_000);

    let smtp = MockSmtp::usual();
    office.forget()?;
    connect(&office, &dovecot, smtp.port)?;
    office.sync_all()?;
    let daemon = Daemon(office.command(&["run"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?);
    let mut times = Vec::new();
    for number in 0..=answers {
        thread::sleep(REST);
        let before = smtp.seen().mails.len();
        dovecot.deliver(&update(number));
        let begin = Instant::now();
        while smtp.seen().mails.len() == before {
            if begin.elapsed() > DEADLINE {
                bail!("mail {number} was never answered");
            }
            thread::sleep(LOOK_EVERY);
        }
        // The first one may find the daemon starting.
        if number > 0 {
            times.push(begin.elapsed().as_secs_f64());
        }
    }
    drop(daemon);
    let (median, least, most) = spread(times);
    println!(
        "  from delivery to the receipt at the server: limit {:.1} s, reached {median:.2} s ({least:.2} to {most:.2}, {answers} mails)",
        ANSWER_MAX.as_secs_f64()
    );
    Ok(())
}

/// What a sync took.
struct Took {
    elapsed: Duration,
    /// The most resident memory, in bytes.
    peak: u64,
}

fn timed(office: &Office) -> Result<Took> {
    let begin = Instant::now();
    let mut sync = office.command(&["sync"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let mut peak = 0;
    while sync.try_wait()?.is_none() {
        peak = peak.max(memory(sync.id()).map_or(0, |(_, peak)| peak));
        thread::sleep(LOOK_EVERY);
    }
    Ok(Took { elapsed: begin.elapsed(), peak })
}

/// Puts mailbox and server of receipts into the configuration.
fn connect(office: &Office, dovecot: &Dovecot, smtp_port: u16) -> Result<()> {
    let ImapConfig { host, port, user, credential, ca_file, .. } = dovecot.account(MailTls::Implicit);
    let Credential::PasswordFile(password) = credential else { bail!("an account with a password") };
    let ca_file = ca_file.context("the server's authority is known")?;
    let (password, ca_file) = (password.display(), ca_file.display());
    let section = format!(
        "\n[[person]]\nemail = \"li.lei@example.com\"\nroles = [\"staff\"]\n\
         [[mailbox]]\nname = \"capture\"\naddress = \"capture@test.local\"\ntable = \"customers\"\nsince = 2020-01-01\n\
         imap = {{ host = \"{host}\", port = {port}, tls = \"implicit\", user = \"{user}\", password_file = \"{password}\", ca_file = \"{ca_file}\" }}\n\
         authserv_id = \"mx.example.com\"\ninner_hosts = [\"test.local\"]\n\
         [smtp]\nhost = \"127.0.0.1\"\nport = {smtp_port}\ntls = \"none\"\nfrom = \"capture@test.local\"\n\
         [limits]\nreceipts_max = 10000\n"
    );
    let text = fs::read_to_string(office.config())?;
    let base = text.split("\n[[person]]").next().unwrap_or_default();
    office.configure(&format!("{base}{section}"))
}

/// A mail of a person who is proved, about one record.
fn update(number: u32) -> Vec<u8> {
    let key = number + 1;
    let now = jiff::Zoned::now().strftime("%a, %d %b %Y %H:%M:%S %z");
    let mail = format!(
        "Authentication-Results: mx.example.com; dkim=pass header.d=example.com; dmarc=pass header.from=example.com\n\
         Received: from pc.example.com (pc.example.com [192.0.2.1])\n\tby mx.example.com with ESMTPSA id {number};\n\t{now}\n\
         From: =?utf-8?B?5p2O6Zu3?= <li.lei@example.com>\nTo: capture@test.local\nSubject: update {number}\n\
         Date: {now}\nMessage-ID: <update-{number}-{}@example.com>\nMIME-Version: 1.0\n\
         Content-Type: text/plain; charset=utf-8\n\n您好：\n\n客户编号：C-{key:06}\n备注：第 {number} 次来信，请电话联系\n信用额度：{key}\n\n谢谢！\n\
         -- \n李雷\n电话：13800138000\n",
        std::process::id()
    );
    mail.replace('\n', "\r\n").into_bytes()
}

/// The daemon; it is killed in the end.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself, and then the measurement has failed already.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// An account on this machine.
fn account(port: u16, tls: MailTls, credential: Credential, ca_file: Option<&Path>) -> ImapConfig {
    let ca_file = ca_file.map(Path::to_owned);
    ImapConfig { host: "127.0.0.1".into(), port, tls, user: "capture".into(), credential, ca_file }
}

/// Does something until it succeeds.
fn until_done<T>(what: &str, mut work: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(value) = work() {
            return value;
        }
        assert!(begin.elapsed() < DEADLINE, "{what}: not in {DEADLINE:?}");
        thread::sleep(LOOK_EVERY);
    }
}
