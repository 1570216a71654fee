//! A socket of which every read and write ends at an instant.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::{SLICE, Stop};

/// A socket with an end to each wait.
#[derive(Debug)]
pub(super) struct TimedSocket {
    socket: TcpStream,
    /// When all ends.
    pub(super) until: Instant,
    /// The longest silence.
    pub(super) silence: Duration,
    stop: Stop,
}

impl TimedSocket {
    /// Takes a connected socket. Until told otherwise, all of it may last as long as one silence.
    pub(super) fn new(socket: TcpStream, silence: Duration, stop: Stop) -> io::Result<Self> {
        socket.set_nodelay(true)?;
        Ok(Self { socket, until: Instant::now() + silence, silence, stop })
    }

    /// Does one operation in slices. What it waits for never takes longer than the silence, the deadline or a stop allow.
    fn wait(
        &mut self,
        what: &str,
        set: fn(&TcpStream, Option<Duration>) -> io::Result<()>,
        mut once: impl FnMut(&mut TcpStream) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let begin = Instant::now();
        loop {
            if self.stop.is_stopped() {
                return Err(stopped());
            }
            let now = Instant::now();
            let left = self.until.saturating_duration_since(now);
            let quiet = self.silence.saturating_sub(now.duration_since(begin));
            if left.is_zero() || quiet.is_zero() {
                let text = format!("{what} for {:.1} s", now.duration_since(begin).as_secs_f32());
                return Err(io::Error::new(io::ErrorKind::TimedOut, text));
            }
            // The system takes a timeout of zero for none at all.
            set(&self.socket, Some(left.min(quiet).min(SLICE).max(Duration::from_millis(1))))?;
            match once(&mut self.socket) {
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
                    ) => {}
                result => return result,
            }
        }
    }
}

impl Read for TimedSocket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.wait("nothing came", TcpStream::set_read_timeout, |socket| socket.read(buffer))
    }
}

impl Write for TimedSocket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.wait("nothing was taken", TcpStream::set_write_timeout, |socket| socket.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

/// What a wait fails with that was ended from elsewhere.
pub(super) fn stopped() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "Daybook is ending")
}
