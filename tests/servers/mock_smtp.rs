//! An SMTP server in plain text that takes every mail until a test tells it not to.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

/// What the server has seen.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) commands: Vec<String>,
    /// The mails that it took, as they were meant: without the doubled dots.
    pub(super) mails: Vec<Vec<u8>>,
    pub(super) connections: usize,
}

/// What the server does at a command; `GREETING` and `END` (of a mail) are such, too.
pub(super) enum Reaction {
    /// What a server does.
    Usual,
    /// It says this instead.
    Say(&'static str),
    /// It takes the mail, and never says so.
    TakeAndHang,
    /// It takes the mail, and ends the connection without a word.
    TakeAndClose,
    /// It says nothing any more.
    Hang,
    /// It says this and ends the connection.
    Close(&'static str),
    /// It says this without end.
    Flood(&'static str),
}

type Script = Arc<dyn Fn(&str, &Seen) -> Reaction + Send + Sync>;

/// A running server. It ends with the test.
pub(super) struct MockSmtp {
    pub(super) port: u16,
    seen: Arc<Mutex<Seen>>,
    is_over: Arc<AtomicBool>,
}

impl MockSmtp {
    /// Starts one with a reaction for each command.
    pub(super) fn start(script: impl Fn(&str, &Seen) -> Reaction + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it has an address").port();
        let server = Self { port, seen: Arc::default(), is_over: Arc::default() };
        let (seen, is_over, script): (_, _, Script) = (server.seen.clone(), server.is_over.clone(), Arc::new(script));
        thread::spawn(move || {
            for socket in listener.incoming() {
                if is_over.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(socket) = socket else { continue };
                let peer = Peer { seen: seen.clone(), is_over: is_over.clone(), script: script.clone() };
                thread::spawn(move || {
                    // An error is the client's leaving.
                    drop(peer.serve(socket));
                });
            }
        });
        server
    }

    /// Starts one that behaves.
    pub(super) fn usual() -> Self {
        Self::start(|_, _| Reaction::Usual)
    }

    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("the mock has not panicked")
    }
}

impl Drop for MockSmtp {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for connections.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

struct Peer {
    seen: Arc<Mutex<Seen>>,
    is_over: Arc<AtomicBool>,
    script: Script,
}

impl Peer {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("nobody panicked")
    }

    fn serve(&self, socket: TcpStream) -> std::io::Result<()> {
        let mut writer = socket.try_clone()?;
        let mut reader = BufReader::new(socket);
        self.seen().connections += 1;
        if !self.react("GREETING", "220 mock ready\r\n", &[], &mut writer)? {
            return Ok(());
        }
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let command = line.trim_end().to_owned();
            self.seen().commands.push(command.clone());
            let verb = command.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            let usual = match verb.as_str() {
                "EHLO" => "250-mock\r\n250-SIZE 100000\r\n250-8BITMIME\r\n250 auth PLAIN LOGIN XOAUTH2\r\n",
                "AUTH" => "235 in\r\n",
                "DATA" => "354 go on\r\n",
                "QUIT" => "221 goodbye\r\n",
                _ => "250 fine\r\n",
            };
            if !self.react(&command, usual, &[], &mut writer)? || verb == "QUIT" {
                return Ok(());
            }
            if verb == "DATA" && matches!((self.script)(&command, &self.seen()), Reaction::Usual) {
                let mail = read_mail(&mut reader)?;
                if !self.react("END", "250 taken\r\n", &mail, &mut writer)? {
                    return Ok(());
                }
            }
        }
    }

    /// False if the connection is at its end. A mail is taken if it says so.
    fn react(&self, command: &str, usual: &str, mail: &[u8], writer: &mut TcpStream) -> std::io::Result<bool> {
        let reaction = (self.script)(command, &self.seen());
        let takes = matches!(reaction, Reaction::Usual | Reaction::TakeAndHang | Reaction::TakeAndClose);
        if command == "END" && takes {
            self.seen().mails.push(mail.to_vec());
        }
        match reaction {
            Reaction::Usual => writer.write_all(usual.as_bytes())?,
            Reaction::Say(text) => writer.write_all(text.as_bytes())?,
            Reaction::Close(text) => {
                writer.write_all(text.as_bytes())?;
                return Ok(false);
            }
            Reaction::TakeAndClose => return Ok(false),
            Reaction::TakeAndHang | Reaction::Hang => {
                while !self.is_over.load(Ordering::SeqCst) {
                    thread::sleep(Duration::from_millis(20));
                }
                return Ok(false);
            }
            Reaction::Flood(text) => {
                while !self.is_over.load(Ordering::SeqCst) {
                    writer.write_all(text.as_bytes())?;
                }
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn read_mail(reader: &mut impl BufRead) -> std::io::Result<Vec<u8>> {
    let mut mail = Vec::new();
    loop {
        let mut line = Vec::new();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if line == b".\r\n" {
            return Ok(mail);
        }
        mail.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
    }
}
