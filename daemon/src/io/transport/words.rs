//! What servers of mail say: lines of a bounded length, and their words made fit for a log.

use std::io::{self, Read};

/// The most characters of a server's own words that are repeated.
const WORDS_MAX: usize = 200;

/// A server's words, fit for a log: one line, not too long, without a secret that it may repeat.
pub fn quoted(words: &str, secret: Option<&str>) -> String {
    let words = match secret {
        Some(secret) if !secret.is_empty() => words.replace(secret, "…"),
        _ => words.to_owned(),
    };
    let plain: String = words.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    let mut short: String = plain.trim().chars().take(WORDS_MAX).collect();
    if plain.trim().chars().count() > WORDS_MAX {
        short.push('…');
    }
    short
}

/// Reads one line, without its end; what came behind it stays in `read`.
pub fn read_line(stream: &mut impl Read, read: &mut Vec<u8>, bytes_max: usize) -> io::Result<String> {
    loop {
        if let Some(end) = memchr::memchr(b'\n', read) {
            let line: Vec<u8> = read.drain(..=end).collect();
            return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
        }
        if read.len() >= bytes_max {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "one of its lines has no end"));
        }
        let mut chunk = [0; 1024];
        match stream.read(&mut chunk)? {
            0 => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it ended the connection without a word")),
            count => read.extend_from_slice(&chunk[..count]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_words_are_made_harmless() {
        assert_eq!(quoted("NO  bad\r\npassword `hunter2`\u{1b}[31m", Some("hunter2")), "NO  bad  password `…` [31m");
        assert_eq!(quoted(&"长".repeat(300), None).chars().count(), WORDS_MAX + 1);
        assert_eq!(quoted("plain", Some("")), "plain");
    }
}
