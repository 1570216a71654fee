//! An IMAP server with one folder, in plain text, that behaves well until a test tells it not to.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use daybook::io::{Entropy, SeededEntropy};

/// What the server holds and has seen.
#[derive(Default)]
pub(super) struct World {
    pub(super) mails: BTreeMap<u32, Vec<u8>>,
    pub(super) uid_validity: u32,
    pub(super) uid_next: u32,
    pub(super) capabilities: &'static str,
    pub(super) greeting: &'static str,
    /// Mails that were moved, and where to.
    pub(super) moved: Vec<(u32, String)>,
    /// Commands without their tags.
    pub(super) commands: Vec<String>,
    /// What was answered while logging in, in base64.
    pub(super) answers: Vec<String>,
    pub(super) connections: usize,
    folders: Vec<String>,
}

impl World {
    pub(super) fn deliver(&mut self, mail: Vec<u8>) -> u32 {
        let uid = self.uid_next;
        self.uid_next += 1;
        self.mails.insert(uid, mail);
        uid
    }

    /// How often a command was given.
    pub(super) fn count(&self, command: &str) -> usize {
        self.commands.iter().filter(|given| given.starts_with(command)).count()
    }
}

/// What the server does at a command.
pub(super) enum Reaction {
    /// What a server does.
    Usual,
    /// It says this instead; `TAG` is the command's tag.
    Say(&'static str),
    /// It says this first, and then does what a server does.
    Before(&'static str),
    /// It says this, and then nothing any more.
    Hang(&'static str),
    /// It says this, and then one byte of `x` from time to time.
    Trickle(&'static str),
    /// It says this without end.
    Flood(&'static str, &'static str),
    /// It does what a server does, and what it says is garbled on the way; the seed says how.
    Garbled(u64),
    /// It asks for what proves who we are, then tells this in base64, then refuses.
    Challenge(&'static str),
    /// It says this and ends the connection.
    Close(&'static str),
}

type Script = Arc<dyn Fn(&str, &mut World) -> Reaction + Send + Sync>;

/// A running server. It ends with the test.
pub(super) struct MockImap {
    pub(super) port: u16,
    world: Arc<Mutex<World>>,
    is_over: Arc<AtomicBool>,
}

impl MockImap {
    /// Starts one with a reaction for each command.
    pub(super) fn start(script: impl Fn(&str, &mut World) -> Reaction + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it has an address").port();
        let world = World {
            uid_validity: 7,
            uid_next: 1,
            capabilities: "IMAP4rev1 IDLE MOVE UIDPLUS AUTH=PLAIN",
            greeting: "* OK ready\r\n",
            ..World::default()
        };
        let server = Self { port, world: Arc::new(Mutex::new(world)), is_over: Arc::default() };
        let (world, is_over, script): (_, _, Script) = (server.world.clone(), server.is_over.clone(), Arc::new(script));
        thread::spawn(move || {
            for socket in listener.incoming() {
                if is_over.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(socket) = socket else { continue };
                let (world, is_over, script) = (world.clone(), is_over.clone(), script.clone());
                thread::spawn(move || {
                    // An error is the client's leaving.
                    let served = Peer::new(socket, world, is_over).and_then(|mut peer| peer.serve(&script));
                    drop(served);
                });
            }
        });
        server
    }

    /// Starts one that behaves.
    pub(super) fn usual() -> Self {
        Self::start(|_, _| Reaction::Usual)
    }

    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().expect("the mock has not panicked")
    }
}

impl Drop for MockImap {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for connections.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

struct Peer {
    reader: BufReader<TcpStream>,
    writer: TcpStream,
    world: Arc<Mutex<World>>,
    is_over: Arc<AtomicBool>,
}

impl Peer {
    fn new(socket: TcpStream, world: Arc<Mutex<World>>, is_over: Arc<AtomicBool>) -> std::io::Result<Self> {
        Ok(Self { writer: socket.try_clone()?, reader: BufReader::new(socket), world, is_over })
    }

    fn say(&mut self, text: &str) -> std::io::Result<()> {
        self.writer.write_all(text.as_bytes())
    }

    fn line(&mut self) -> std::io::Result<String> {
        let mut line = String::new();
        if self.reader.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }

    fn login_answer(&mut self) -> std::io::Result<()> {
        let line = self.line()?;
        self.world.lock().expect("not poisoned").answers.push(line);
        Ok(())
    }

    /// Says nothing until the test is over.
    fn hang(&self) -> std::io::Result<()> {
        while !self.is_over.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(20));
        }
        Err(std::io::ErrorKind::UnexpectedEof.into())
    }

    fn serve(&mut self, script: &Script) -> std::io::Result<()> {
        let greeting = {
            let mut world = self.world.lock().expect("not poisoned");
            world.connections += 1;
            world.greeting
        };
        if greeting.is_empty() {
            return self.hang();
        }
        self.say(greeting)?;
        let mut idle_tag = String::new();
        loop {
            let line = self.line()?;
            if line == "DONE" {
                self.say(&format!("{idle_tag} OK done\r\n"))?;
                continue;
            }
            let (tag, command) = line.split_once(' ').unwrap_or((&line, ""));
            tag.clone_into(&mut idle_tag);
            let reaction = {
                let mut world = self.world.lock().expect("not poisoned");
                world.commands.push(command.to_owned());
                script(command, &mut world)
            };
            let told = |text: &str| text.replace("TAG", tag);
            match reaction {
                Reaction::Usual => self.usual(tag, command)?,
                Reaction::Say(text) => self.say(&told(text))?,
                Reaction::Before(text) => {
                    self.say(&told(text))?;
                    self.usual(tag, command)?;
                }
                Reaction::Hang(text) => {
                    self.say(&told(text))?;
                    return self.hang();
                }
                Reaction::Trickle(text) => {
                    self.say(&told(text))?;
                    while !self.is_over.load(Ordering::SeqCst) {
                        self.say("x")?;
                        thread::sleep(Duration::from_millis(50));
                    }
                }
                Reaction::Flood(first, text) => {
                    self.say(first)?;
                    let much = text.repeat(1 + (1 << 16) / text.len());
                    while !self.is_over.load(Ordering::SeqCst) {
                        self.say(&much)?;
                    }
                }
                Reaction::Garbled(seed) => {
                    let words: Vec<&str> = command.split(' ').collect();
                    let answer = answer(&mut self.world.lock().expect("not poisoned"), tag, &words);
                    self.writer.write_all(&garbled(answer, seed))?;
                }
                Reaction::Challenge(text) => {
                    self.say("+ \r\n")?;
                    self.login_answer()?;
                    self.say(&format!("+ {text}\r\n"))?;
                    self.login_answer()?;
                    self.say(&told("TAG NO [AUTHENTICATIONFAILED] no\r\n"))?;
                }
                Reaction::Close(text) => return self.say(&told(text)),
            }
        }
    }

    fn usual(&mut self, tag: &str, command: &str) -> std::io::Result<()> {
        let words: Vec<&str> = command.split(' ').collect();
        match words.as_slice() {
            ["AUTHENTICATE", ..] => {
                self.say("+ \r\n")?;
                self.login_answer()?;
                self.say(&format!("{tag} OK in\r\n"))
            }
            ["IDLE"] => {
                self.say("+ idling\r\n")?;
                while self.line()? != "DONE" {}
                self.say(&format!("{tag} OK done\r\n"))
            }
            _ => {
                let answer = {
                    let mut world = self.world.lock().expect("not poisoned");
                    answer(&mut world, tag, &words)
                };
                self.writer.write_all(&answer)
            }
        }
    }
}

/// Replaces, removes and doubles some bytes.
fn garbled(mut bytes: Vec<u8>, seed: u64) -> Vec<u8> {
    let mut entropy = SeededEntropy::new(seed);
    let mut random = |below: usize| {
        let mut eight = [0; 8];
        entropy.fill(&mut eight);
        usize::try_from(u64::from_le_bytes(eight) >> 1).expect("64 bits") % below
    };
    for _ in 0..=random(3) {
        let at = random(bytes.len().max(1));
        match random(4) {
            _ if bytes.is_empty() => {}
            0 => drop(bytes.remove(at)),
            1 => bytes.insert(at, b"(){}[]\"*+ \r\n9"[random(12)]),
            2 => bytes[at] = u8::try_from(random(256)).expect("a byte"),
            _ => {
                let end = (at + 1 + random(9)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
    bytes
}

fn answer(world: &mut World, tag: &str, words: &[&str]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut end = format!("{tag} OK done\r\n");
    match words {
        ["CAPABILITY"] => text = format!("* CAPABILITY {}\r\n", world.capabilities).into_bytes(),
        ["LOGIN" | "SUBSCRIBE", ..] | ["NOOP"] | ["UID", "EXPUNGE", _] => {}
        ["LIST", ..] => text = b"* LIST (\\Noselect) \".\" \"\"\r\n".to_vec(),
        ["SELECT", ..] => {
            text = format!(
                "* FLAGS (\\Deleted)\r\n* {} EXISTS\r\n* 0 RECENT\r\n* OK [UIDVALIDITY {}] x\r\n* OK [UIDNEXT {}] x\r\n",
                world.mails.len(),
                world.uid_validity,
                world.uid_next
            )
            .into_bytes();
            end = format!("{tag} OK [READ-WRITE] done\r\n");
        }
        ["CREATE", name] => world.folders.push((*name).to_owned()),
        ["UID", "SEARCH", query @ ..] => {
            let some = match query {
                ["UID", set, ..] if !set.contains(':') => Some(numbers(set)),
                _ => None,
            };
            let mut line = "* SEARCH".to_owned();
            for uid in world.mails.keys().filter(|uid| some.as_ref().is_none_or(|some| some.contains(uid))) {
                write!(line, " {uid}").expect("a text takes it");
            }
            text = format!("{line}\r\n").into_bytes();
        }
        ["UID", "FETCH", set, query @ ..] => {
            let wants_body = query.iter().any(|word| word.contains("BODY"));
            for uid in numbers(set) {
                let Some(mail) = world.mails.get(&uid) else { continue };
                let bytes = mail.len();
                let head = if wants_body {
                    format!("* {uid} FETCH (UID {uid} BODY[] {{{bytes}}}\r\n")
                } else {
                    let date = "01-Mar-2026 00:00:00 +0000";
                    format!("* {uid} FETCH (UID {uid} RFC822.SIZE {bytes} INTERNALDATE \"{date}\")\r\n")
                };
                text.extend(head.into_bytes());
                if wants_body {
                    text.extend(mail);
                    text.extend(b")\r\n");
                }
            }
        }
        ["UID", "MOVE" | "COPY", set, name] => {
            let name = name.trim_matches('"').to_owned();
            if world.folders.iter().all(|folder| folder.trim_matches('"') != name) {
                end = format!("{tag} NO [TRYCREATE] there is no such folder\r\n");
            } else {
                for uid in numbers(set) {
                    world.moved.push((uid, name.clone()));
                    if words[1] == "MOVE" {
                        world.mails.remove(&uid);
                    }
                }
            }
        }
        ["UID", "STORE", set, "+FLAGS.SILENT", "(\\Deleted)"] => {
            // A search leaves it out from now on.
            for uid in numbers(set) {
                world.mails.remove(&uid);
            }
        }
        _ => end = format!("{tag} BAD what is that\r\n"),
    }
    text.extend(end.into_bytes());
    text
}

/// The mails of a set like `3,5,8`.
fn numbers(set: &str) -> Vec<u32> {
    set.split(',').filter_map(|uid| uid.parse().ok()).collect()
}
