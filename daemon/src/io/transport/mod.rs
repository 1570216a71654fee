//! Connections to other machines, on which nothing waits for ever.
//!
//! In: a host, its port, how it is encrypted, and [`Patience`]. Out: a [`Transport`] that reads and writes until the instant that
//! [`Transport::allow`] named last. Every wait has an end: looking up the name, connecting, each read and write, the
//! silence between two reads, and the whole of a command, so that an answer that trickles byte by byte ends too.
//! A [`Stop`] ends every wait within [`SLICE`].
//!
//! It knows no protocol. Plain text leaves this machine never: [`Encryption::None`] connects to loopback addresses only.

mod socket;
mod tls;
mod words;

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use rustls::{ClientConnection, StreamOwned};

use self::socket::TimedSocket;
pub use self::tls::{TlsTrust, TrustFailure};
pub use self::words::{quoted, read_line};

/// The longest that a wait goes on after a [`Stop`].
pub const SLICE: Duration = Duration::from_millis(200);

/// Addresses of one name that are tried.
const ADDRESSES_MAX: usize = 8;

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Looking up the name, connecting and the TLS handshake, each.
    pub connect: Duration,
    /// The silence between two pieces that the other side sends or takes.
    pub silence: Duration,
    /// A command with its whole answer.
    pub command: Duration,
}

impl Default for Patience {
    /// A mail of 25 MB over a line of 1 Mbit/s takes 210 s.
    fn default() -> Self {
        Self { connect: Duration::from_secs(20), silence: Duration::from_mins(1), command: Duration::from_mins(10) }
    }
}

/// Ends what waits on a connection, from another thread.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Ends all waits, now and later.
    pub fn stop(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether all is to end.
    pub fn is_stopped(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Sleeps; false if it was ended early.
    pub fn sleep(&self, long: Duration) -> bool {
        let until = Instant::now() + long;
        while !self.is_stopped() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            thread::sleep(left.min(SLICE));
        }
        false
    }
}

/// How a connection is encrypted.
#[derive(Clone, Debug)]
pub enum Encryption {
    /// TLS from the first byte.
    Implicit(TlsTrust),
    /// Plain text until [`Transport::encrypt`]: the caller asks the server for it first (STARTTLS).
    Later(TlsTrust),
    /// None at all, to an address of this machine only.
    None,
}

/// A connection whose waits end.
pub struct Transport {
    channel: Channel,
    patience: Patience,
    upgrade: Option<(TlsTrust, String)>,
}

enum Channel {
    Plain(TimedSocket),
    Tls(Box<StreamOwned<ClientConnection, TimedSocket>>),
    /// Between plain and TLS; left so by a handshake that failed.
    Closed,
}

impl Transport {
    /// Connects, and shakes hands if TLS is implicit.
    ///
    /// Fails with [`io::ErrorKind::TimedOut`] after `patience`; with [`io::ErrorKind::InvalidData`] if the server's certificate is
    /// not good; with [`io::ErrorKind::PermissionDenied`] if plain text would leave this machine.
    pub fn connect(
        host: &str,
        port: u16,
        encryption: &Encryption,
        patience: Patience,
        stop: &Stop,
    ) -> io::Result<Self> {
        let addresses = look_up(host, port, patience.connect, stop)?;
        if matches!(encryption, Encryption::None) && !addresses.iter().all(|address| address.ip().is_loopback()) {
            let text =
                format!("`{host}` is another machine, and passwords and mails don't go there without encryption");
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
        }
        let socket =
            TimedSocket::new(connect_any(&addresses, patience.connect, stop)?, patience.silence, stop.clone())?;
        let mut transport = Self { channel: Channel::Plain(socket), patience, upgrade: None };
        match encryption {
            Encryption::Implicit(trust) => transport.shake_hands(trust, host)?,
            Encryption::Later(trust) => transport.upgrade = Some((trust.clone(), host.to_owned())),
            Encryption::None => {}
        }
        transport.allow(patience.command);
        Ok(transport)
    }

    /// Encrypts a connection that was made with [`Encryption::Later`], after the server has agreed to it.
    ///
    /// `unread` is what was read behind the server's consent: nothing may be, because it came in plain text, perhaps from
    /// somebody in between, and would be taken for an encrypted answer.
    pub fn encrypt(&mut self, unread: &[u8]) -> io::Result<()> {
        if !unread.is_empty() {
            self.channel = Channel::Closed;
            let text = "plain text came in behind the server's consent to encrypt; somebody may be in between";
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        let Some((trust, host)) = self.upgrade.take() else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the connection is not one to be encrypted later"));
        };
        self.shake_hands(&trust, &host)
    }

    /// Whether what is sent is encrypted.
    pub fn is_encrypted(&self) -> bool {
        matches!(self.channel, Channel::Tls(_))
    }

    /// Lets what follows take so long; then reads and writes fail with [`io::ErrorKind::TimedOut`].
    pub fn allow(&mut self, long: Duration) {
        self.allow_until(Instant::now() + long);
    }

    /// The same, until an instant.
    pub fn allow_until(&mut self, until: Instant) {
        if let Some(socket) = self.socket() {
            socket.until = until;
        }
    }

    /// The longest silence from now on.
    pub fn allow_silence(&mut self, long: Duration) {
        if let Some(socket) = self.socket() {
            socket.silence = long;
        }
    }

    /// What was agreed on how long things may take.
    pub fn patience(&self) -> Patience {
        self.patience
    }

    fn socket(&mut self) -> Option<&mut TimedSocket> {
        match &mut self.channel {
            Channel::Plain(socket) => Some(socket),
            Channel::Tls(stream) => Some(&mut stream.sock),
            Channel::Closed => None,
        }
    }

    fn shake_hands(&mut self, trust: &TlsTrust, host: &str) -> io::Result<()> {
        self.allow(self.patience.connect);
        let Channel::Plain(socket) = std::mem::replace(&mut self.channel, Channel::Closed) else {
            return Err(closed());
        };
        let mut stream = StreamOwned::new(trust.connection(host)?, socket);
        while stream.conn.is_handshaking() {
            let (read, written) = stream.conn.complete_io(&mut stream.sock)?;
            if read == 0 && written == 0 {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "the connection ended during the TLS handshake",
                ));
            }
        }
        self.channel = Channel::Tls(Box::new(stream));
        Ok(())
    }
}

impl Read for Transport {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.channel {
            Channel::Plain(socket) => socket.read(buffer),
            Channel::Tls(stream) => stream.read(buffer),
            Channel::Closed => Err(closed()),
        }
    }
}

impl Write for Transport {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.channel {
            Channel::Plain(socket) => socket.write(bytes),
            Channel::Tls(stream) => stream.write(bytes),
            Channel::Closed => Err(closed()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.channel {
            Channel::Plain(socket) => socket.flush(),
            Channel::Tls(stream) => stream.flush(),
            Channel::Closed => Err(closed()),
        }
    }
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transport").field("is_encrypted", &self.is_encrypted()).finish_non_exhaustive()
    }
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "the connection is closed")
}

/// Whether a host's name means this machine whatever a name server says.
pub fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Looks a name up. The system's resolver has no deadline, so it works in a thread that is left behind if it takes too long.
fn look_up(host: &str, port: u16, patience: Duration, stop: &Stop) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let (sender, receiver) = mpsc::sync_channel(1);
    let name = host.to_owned();
    thread::Builder::new().name("look up a host".to_owned()).spawn(move || {
        let found: io::Result<Vec<SocketAddr>> =
            (name.as_str(), port).to_socket_addrs().map(|found| found.take(ADDRESSES_MAX).collect());
        if sender.send(found).is_err() {
            tracing::debug!(host = name, "the name was found too late");
        }
    })?;
    let until = Instant::now() + patience;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        match receiver.recv_timeout(left.min(SLICE)) {
            Ok(Ok(found)) if found.is_empty() => {
                return Err(io::Error::new(io::ErrorKind::NotFound, format!("`{host}` has no address")));
            }
            Ok(Ok(found)) => return Ok(found),
            Ok(Err(error)) => {
                return Err(io::Error::new(error.kind(), format!("`{host}` can't be looked up: {error}")));
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => return Err(io::Error::other("the resolver died")),
            Err(mpsc::RecvTimeoutError::Timeout) if stop.is_stopped() => return Err(socket::stopped()),
            Err(mpsc::RecvTimeoutError::Timeout) if left <= SLICE => {
                let text = format!("looking `{host}` up took longer than {} s", patience.as_secs_f32());
                return Err(io::Error::new(io::ErrorKind::TimedOut, text));
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {}
        }
    }
}

/// Connects to the first address that answers; each gets its share of the time that is left.
fn connect_any(addresses: &[SocketAddr], patience: Duration, stop: &Stop) -> io::Result<TcpStream> {
    let until = Instant::now() + patience;
    let mut last = io::Error::new(io::ErrorKind::NotFound, "there is no address");
    for (at, address) in addresses.iter().enumerate() {
        if stop.is_stopped() {
            return Err(socket::stopped());
        }
        let others = u32::try_from(addresses.len() - at).unwrap_or(1);
        let share = until.saturating_duration_since(Instant::now()) / others;
        match TcpStream::connect_timeout(address, share.max(Duration::from_millis(1))) {
            Ok(socket) => return Ok(socket),
            Err(error) => last = io::Error::new(error.kind(), format!("{address}: {error}")),
        }
    }
    Err(last)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use std::net::TcpListener;

    const SHORT: Patience = Patience {
        connect: Duration::from_millis(300),
        silence: Duration::from_millis(300),
        command: Duration::from_millis(900),
    };
    /// Far longer than any wait of these tests may take.
    const LONG: Duration = Duration::from_secs(30);

    /// Connects in plain text to a peer that does this.
    fn to_peer(peer: impl FnOnce(TcpStream) + Send + 'static) -> Transport {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || peer(listener.accept().unwrap().0));
        Transport::connect("127.0.0.1", port, &Encryption::None, SHORT, &Stop::default()).unwrap()
    }

    #[track_caller]
    fn ends(kind: io::ErrorKind, from: Instant, at_least: Duration, result: io::Result<usize>) {
        assert_eq!(result.unwrap_err().kind(), kind);
        assert!(from.elapsed() >= at_least && from.elapsed() < LONG, "{:?}", from.elapsed());
    }

    #[test]
    fn silence_ends() {
        let mut transport = to_peer(|peer| {
            thread::sleep(LONG);
            drop(peer);
        });
        ends(io::ErrorKind::TimedOut, Instant::now(), SHORT.silence, transport.read(&mut [0; 9]));
    }

    #[test]
    fn an_answer_that_trickles_ends() {
        let mut transport = to_peer(|mut peer| {
            while peer.write_all(b"x").is_ok() {
                thread::sleep(Duration::from_millis(20));
            }
        });
        let mut all = Vec::new();
        ends(io::ErrorKind::TimedOut, Instant::now(), SHORT.command, transport.read_to_end(&mut all));
        assert!(all.len() > 5);
        transport.allow(LONG);
        assert_eq!(transport.read(&mut [0]).unwrap(), 1, "a new command has time of its own");
    }

    #[test]
    fn a_peer_that_takes_nothing_ends() {
        let mut transport = to_peer(|peer| {
            thread::sleep(LONG);
            drop(peer);
        });
        let bytes = vec![0; 64 << 20];
        ends(io::ErrorKind::TimedOut, Instant::now(), SHORT.silence, transport.write_all(&bytes).map(|()| 0));
    }

    #[test]
    fn a_stop_ends_a_wait() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stop = Stop::default();
        let patience = Patience { silence: LONG, command: LONG, ..SHORT };
        let port = listener.local_addr().unwrap().port();
        let mut transport = Transport::connect("127.0.0.1", port, &Encryption::None, patience, &stop).unwrap();
        let begin = Instant::now();
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            stop.stop();
        });
        assert!(transport.read(&mut [0]).is_err());
        assert!(begin.elapsed() < LONG / 3);
    }

    /// A listener whose queue is full: the system drops what asks to connect, as a black hole does.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_black_hole_ends() {
        use rustix::net::{AddressFamily, SocketType, bind, getsockname, listen, socket};
        let listener = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        bind(&listener, &SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        listen(&listener, 0).unwrap();
        let address: SocketAddr = getsockname(&listener).unwrap().try_into().unwrap();
        let connect = || TcpStream::connect_timeout(&address, SHORT.connect);
        let queued: Vec<TcpStream> = std::iter::from_fn(|| connect().ok()).take(64).collect();
        assert!(queued.len() < 64, "the queue is full");
        let begin = Instant::now();
        let error = connect_any(&[address, address], SHORT.connect, &Stop::default()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(begin.elapsed() < SHORT.connect * 3, "{:?}", begin.elapsed());
    }

    #[test]
    fn a_handshake_that_is_not_answered_ends() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (key, certificate) = tls::tests::own_certificate();
        drop(key);
        let trust = TlsTrust::only(&certificate).unwrap();
        let begin = Instant::now();
        let error = Transport::connect("127.0.0.1", port, &Encryption::Implicit(trust), SHORT, &Stop::default());
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(begin.elapsed() < LONG);
    }

    #[test]
    fn plain_text_stays_on_this_machine() {
        let error = Transport::connect("203.0.113.1", 143, &Encryption::None, SHORT, &Stop::default()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert!(is_loopback("localhost") && is_loopback("::1") && is_loopback("127.0.0.9"));
        assert!(!is_loopback("127.0.0.1.example.com") && !is_loopback("192.168.0.1"));
    }

    #[test]
    fn plain_text_behind_the_consent_is_refused() {
        let mut transport = to_peer(drop);
        assert_eq!(transport.encrypt(b"").unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(transport.encrypt(b"* OK").unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(transport.write(b"secret").unwrap_err().kind(), io::ErrorKind::NotConnected);
    }
}
