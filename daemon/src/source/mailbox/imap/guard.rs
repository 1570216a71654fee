//! What stands between the server and the `imap` crate: what the crate would hang at, panic at or take whole into memory, fails
//! here instead, and what it can't read and nobody needs is left out.
//!
//! The crate (3.0.0-alpha.15) waits for ever if IDLE is answered by an untagged line, by `NO` or by nothing; panics if it is answered
//! `OK`, and at an untagged `NO` while a folder is opened; takes BYE in IDLE for news, and any line that its parser doesn't
//! know for a BYE; its parser recurses at each parenthesis. So the guard reads the server's answer line by line, literals by their
//! announced length, and hands on whole lines only. Mails are kept here: the crate would parse an answer anew at each line's end in it,
//! and hold three copies. It gets a short word in the mail's place. Once the guard has failed it fails at once, so that nothing that the crate does
//! on its way out waits again.

use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::io::transport::Transport;

use super::answer::{self, Part};

/// Bytes that are read at a time.
const CHUNK_BYTES: usize = 16 << 10;
/// Parentheses inside each other. What we ask for has two.
const DEPTH_MAX: u32 = 16;
/// How long the end of IDLE and the goodbye may take.
const DONE_MAX: Duration = Duration::from_secs(30);
/// Literals of one answer: a mail is one.
const LITERALS_MAX: usize = 16;
/// What the crate gets in the place of a literal; its number follows.
const STAND_IN: &str = "daybook-literal-";
/// Bytes of what comes during IDLE.
const IDLE_BYTES_MAX: u64 = 1 << 20;

/// What the connection is used for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Command,
    /// IDLE was sent and not yet answered.
    IdleBegins,
    Idling,
}

/// Why a connection is of no more use.
#[derive(Clone, Debug)]
pub(super) struct Broken {
    /// In words.
    pub(super) reason: String,
    /// Whether the server said something that makes no sense, or too much; otherwise it just stopped.
    pub(super) is_nonsense: bool,
    /// Whether it was IDLE that the server didn't take.
    pub(super) is_idle_refused: bool,
}

struct Orders {
    phase: Phase,
    until: Instant,
    bytes_left: u64,
    bye: Option<String>,
    /// Whether something arrived since this was last asked.
    has_news: bool,
    /// What the server said at the end of the last answer.
    words: String,
    /// The literals of the answer.
    literals: Vec<Vec<u8>>,
    broken: Option<Broken>,
}

/// What a session tells the guard below the crate, and learns from it.
#[derive(Clone)]
pub(super) struct Control(Arc<Mutex<Orders>>);

impl Control {
    fn new(long: Duration, bytes_max: u64) -> Self {
        let until = Instant::now() + long;
        let orders = Orders {
            phase: Phase::Command,
            until,
            bytes_left: bytes_max,
            bye: None,
            has_news: false,
            words: String::new(),
            literals: Vec::new(),
            broken: None,
        };
        Self(Arc::new(Mutex::new(orders)))
    }

    fn orders(&self) -> MutexGuard<'_, Orders> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next command and its answer may take so long and be so large.
    pub(super) fn begin(&self, long: Duration, bytes_max: u64) {
        let mut orders = self.orders();
        orders.phase = Phase::Command;
        orders.until = Instant::now() + long;
        orders.bytes_left = bytes_max;
        orders.literals = Vec::new();
    }

    /// The bytes that the crate's word stands for; the word itself if it stands for none.
    pub(super) fn literal(&self, word: &[u8]) -> Vec<u8> {
        let number = std::str::from_utf8(word).ok().and_then(|word| word.strip_prefix(STAND_IN)?.parse::<usize>().ok());
        let mut orders = self.orders();
        let literal = number.and_then(|number| orders.literals.get_mut(number)).map(std::mem::take);
        literal.unwrap_or_else(|| word.to_vec())
    }

    /// The next command is IDLE; its first answer may take so long.
    pub(super) fn begin_idle(&self, long: Duration) {
        self.begin(long, IDLE_BYTES_MAX);
        self.orders().phase = Phase::IdleBegins;
    }

    /// Whether the server told that something arrived, in whatever answer, since this was last asked. The crate drops the news
    /// in some answers.
    pub(super) fn take_news(&self) -> bool {
        std::mem::take(&mut self.orders().has_news)
    }

    /// The same, without taking note.
    pub(super) fn has_news(&self) -> bool {
        self.orders().has_news
    }

    /// What the server said at the end of the last answer, as it said it.
    pub(super) fn words(&self) -> String {
        self.orders().words.clone()
    }

    /// Why the connection is of no more use, if it is.
    pub(super) fn broken(&self) -> Option<Broken> {
        self.orders().broken.clone()
    }

    /// Notes that the connection is of no more use; the first reason stays.
    pub(super) fn break_with(&self, reason: String, is_nonsense: bool) {
        self.note(Broken { reason, is_nonsense, is_idle_refused: false });
    }

    fn note(&self, broken: Broken) {
        self.orders().broken.get_or_insert(broken);
    }
}

/// The stream that the crate reads from and writes to.
pub(super) struct Guard {
    transport: Transport,
    control: Control,
    /// What came and was not looked at yet.
    raw: Vec<u8>,
    /// What the crate may read, and how far it did.
    out: Vec<u8>,
    given: usize,
    /// Lines that came before IDLE was answered.
    held: Vec<u8>,
    /// Bytes of a literal that are yet to come.
    literal_left: u64,
    /// Whether the next line goes on with the response that a literal interrupted.
    goes_on: bool,
    /// Whether the response is left out.
    is_dropped: bool,
    depth: u32,
}

impl Guard {
    /// Takes a connection of which something may have been read already.
    pub(super) fn new(transport: Transport, read: Vec<u8>, bytes_max: u64) -> (Self, Control) {
        let control = Control::new(transport.patience().command, bytes_max);
        let guard = Self {
            transport,
            control: control.clone(),
            raw: read,
            out: Vec::new(),
            given: 0,
            held: Vec::new(),
            literal_left: 0,
            goes_on: false,
            is_dropped: false,
            depth: 0,
        };
        (guard, control)
    }

    /// Fails, now and from now on.
    fn fail<T>(&self, reason: &str, is_nonsense: bool) -> io::Result<T> {
        let bye = self.control.orders().bye.clone();
        let reason = bye.map_or_else(|| reason.to_owned(), |bye| format!("{reason}; its last words were: {bye}"));
        self.control.break_with(reason, is_nonsense);
        self.check()?;
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn check(&self) -> io::Result<()> {
        match &self.control.orders().broken {
            Some(broken) => Err(io::Error::new(io::ErrorKind::BrokenPipe, broken.reason.clone())),
            None => Ok(()),
        }
    }

    /// Sets the transport's deadlines as the phase wants them.
    fn arm(&mut self) {
        let (until, phase) = {
            let orders = self.control.orders();
            (orders.until, orders.phase)
        };
        let patience = self.transport.patience().silence;
        // While nothing arrives, a server in IDLE may be silent.
        let left = until.saturating_duration_since(Instant::now());
        self.transport.allow_silence(if phase == Phase::Idling { left } else { patience });
        self.transport.allow_until(until);
    }

    /// Reads more from the server. Only the end of an idle wait is no failure of the connection.
    fn fill(&mut self) -> io::Result<()> {
        self.arm();
        let begin = self.raw.len();
        self.raw.resize(begin + CHUNK_BYTES, 0);
        let read = self.transport.read(&mut self.raw[begin..]);
        self.raw.truncate(begin + read.as_ref().copied().unwrap_or(0));
        match read {
            Ok(0) => self.fail("the server ended the connection", false),
            Ok(count) => {
                let left = self.control.orders().bytes_left.checked_sub(count as u64);
                match left {
                    Some(left) => self.control.orders().bytes_left = left,
                    None => return self.fail("its answer is larger than what was asked for can be", true),
                }
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::TimedOut && self.control.orders().phase == Phase::Idling => {
                Err(error)
            }
            Err(error) => self.fail(&error.to_string(), false),
        }
    }

    /// Looks at what came, until there is something that the crate may read.
    fn advance(&mut self) -> io::Result<()> {
        while self.given == self.out.len() {
            self.check()?;
            if self.literal_left > 0 && !self.raw.is_empty() {
                self.take_literal();
            } else if let Some(end) = (self.literal_left == 0).then(|| memchr::memchr(b'\n', &self.raw)).flatten() {
                let line: Vec<u8> = self.raw.drain(..=end).collect();
                self.take_line(line)?;
            } else {
                self.fill()?;
            }
        }
        Ok(())
    }

    /// Keeps what came of a literal, unless its response is left out.
    fn take_literal(&mut self) {
        let count = self.raw.len().min(usize::try_from(self.literal_left).unwrap_or(usize::MAX));
        self.literal_left -= count as u64;
        let taken = self.raw.drain(..count);
        if !self.is_dropped
            && let Some(literal) = self.control.orders().literals.last_mut()
        {
            literal.extend(taken);
        }
    }

    fn take_line(&mut self, line: Vec<u8>) -> io::Result<()> {
        if self.goes_on {
            return self.take_part(line);
        }
        self.depth = 0;
        self.is_dropped = false;
        let phase = self.control.orders().phase;
        self.take_first_line(line, phase)
    }

    /// Hands on a line of a response that may have literals, unless the response is left out.
    fn take_part(&mut self, mut line: Vec<u8>) -> io::Result<()> {
        match answer::depth_after(&line, self.depth, DEPTH_MAX) {
            Some(depth) => self.depth = depth,
            None => return self.fail("it sent parentheses inside parentheses without end", true),
        }
        let literal = answer::literal_at_end(&line);
        self.goes_on = literal.is_some();
        self.literal_left = literal.unwrap_or(0);
        let left = self.control.orders().bytes_left.saturating_add(self.raw.len() as u64);
        if self.literal_left > left {
            return self.fail("it announced more than what was asked for can be", true);
        }
        if self.is_dropped {
            return Ok(());
        }
        if self.goes_on {
            let number = self.control.orders().literals.len();
            if number == LITERALS_MAX {
                return self.fail("its answer consists of too many pieces", true);
            }
            self.control.orders().literals.push(Vec::new());
            let word = format!("{STAND_IN}{number}");
            line.truncate(line.iter().rposition(|byte| *byte == b'{').unwrap_or(0));
            line.extend_from_slice(format!("{{{}}}\r\n{word}", word.len()).as_bytes());
        }
        self.give(&line);
        Ok(())
    }

    fn take_first_line(&mut self, line: Vec<u8>, phase: Phase) -> io::Result<()> {
        let part = answer::part(&line);
        match (part, phase) {
            (Part::Bye(words), _) => {
                self.control.orders().bye = Some(words);
                if phase != Phase::Command {
                    return self.fail("the server said goodbye", false);
                }
            }
            (Part::Continue, Phase::IdleBegins) => {
                self.control.orders().phase = Phase::Idling;
                let held = std::mem::take(&mut self.held);
                self.give(b"+ idling\r\n");
                self.out.extend(held);
            }
            (Part::Tagged(words), Phase::IdleBegins) => {
                let reason = format!("it does not take IDLE: {words}");
                self.control.note(Broken { reason, is_nonsense: false, is_idle_refused: true });
                self.check()?;
            }
            (Part::Tagged(_), Phase::Idling) => return self.fail("the server ended IDLE on its own", false),
            (Part::Tagged(words), Phase::Command) => {
                self.control.orders().words = words;
                self.give(&answer::without_code(&line));
            }
            (Part::News, Phase::IdleBegins) => self.held.extend(line),
            (Part::News, _) => {
                self.control.orders().has_news = true;
                self.give(&line);
            }
            (Part::Continue, Phase::Command) => self.give(&line),
            (Part::Words, _) => {}
            (Part::Data, Phase::Command) => self.give(&answer::ascii(&line)),
            (Part::WithLiterals, Phase::Command) => return self.take_part(line),
            (Part::Continue, Phase::Idling) | (Part::Ignored | Part::Data | Part::WithLiterals, _) => {
                self.is_dropped = true;
                return self.take_part(line);
            }
            (Part::Nonsense, _) => return self.fail("it sent something that is not IMAP", true),
        }
        Ok(())
    }

    fn give(&mut self, line: &[u8]) {
        self.out.clear();
        self.given = 0;
        self.out.extend_from_slice(line);
    }
}

impl Read for Guard {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.advance()?;
        let waiting = &self.out[self.given..];
        let count = waiting.len().min(buffer.len());
        buffer[..count].copy_from_slice(&waiting[..count]);
        self.given += count;
        Ok(count)
    }
}

impl Write for Guard {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.check()?;
        self.arm();
        self.transport.write(bytes).or_else(|error| self.fail(&error.to_string(), false))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.check()?;
        self.arm();
        self.transport.flush().or_else(|error| self.fail(&error.to_string(), false))
    }
}

/// The crate sets the time of an idle wait so, and ends it with `None`: what follows is `DONE` and its answer.
impl imap::extensions::idle::SetReadTimeout for Guard {
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> imap::Result<()> {
        let done = self.transport.patience().command.min(DONE_MAX);
        let mut orders = self.control.orders();
        orders.until = Instant::now() + timeout.unwrap_or(done);
        if timeout.is_none() {
            orders.phase = Phase::Command;
        }
        Ok(())
    }
}
