//! What a line of a server's answer is, told from its first words.

/// Status codes that the crate has to see; others are taken for words.
const CODES: [&str; 10] = [
    "UIDVALIDITY",
    "UIDNEXT",
    "UNSEEN",
    "PERMANENTFLAGS",
    "READ-ONLY",
    "READ-WRITE",
    "TRYCREATE",
    "HIGHESTMODSEQ",
    "ALERT",
    "PARSE",
];

/// The first line of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// `+`: the server waits for more.
    Continue,
    /// The end of a command's answer, with the server's words.
    Tagged(String),
    /// `EXISTS`: something may have arrived.
    News,
    /// Data that the crate reads and that has no literals.
    Data,
    /// Data that the crate reads and that may have some.
    WithLiterals,
    /// The server is about to end the connection, with its words.
    Bye(String),
    /// Words that nobody needs.
    Words,
    /// Data that nobody needs, perhaps with literals.
    Ignored,
    /// No response at all.
    Nonsense,
}

/// Tells what a line is. It has its end of line.
pub(super) fn part(line: &[u8]) -> Part {
    if line.starts_with(b"+") {
        return Part::Continue;
    }
    let text = String::from_utf8_lossy(line);
    let Some(rest) = text.strip_prefix("* ") else {
        let tag = text.split(' ').next().unwrap_or_default();
        let is_tag = tag.strip_prefix('a').is_some_and(|number| number.parse::<u32>().is_ok());
        let words = text.get(tag.len()..).unwrap_or_default().trim();
        return if is_tag && !words.is_empty() { Part::Tagged(words.to_owned()) } else { Part::Nonsense };
    };
    let mut words = rest.split_ascii_whitespace();
    let first = words.next().unwrap_or_default().to_ascii_uppercase();
    if first.parse::<u32>().is_ok() {
        let kind = words.next().unwrap_or_default().to_ascii_uppercase();
        return match kind.as_str() {
            "EXISTS" => Part::News,
            "EXPUNGE" | "RECENT" => Part::Data,
            "FETCH" => Part::WithLiterals,
            _ => Part::Ignored,
        };
    }
    match first.as_str() {
        "BYE" => Part::Bye(rest.get(first.len()..).unwrap_or_default().trim().to_owned()),
        "OK" if code(rest.get(2..).unwrap_or_default()).is_some() => Part::Data,
        "CAPABILITY" | "SEARCH" | "FLAGS" => Part::Data,
        "LIST" => Part::WithLiterals,
        "OK" | "NO" | "BAD" | "PREAUTH" => Part::Words,
        _ => Part::Ignored,
    }
}

/// The status code that follows, if it is one that the crate has to see.
fn code(text: &str) -> Option<&'static str> {
    let inside = text.trim_start().strip_prefix('[')?.split([']', ' ']).next()?;
    CODES.into_iter().find(|code| inside.eq_ignore_ascii_case(code))
}

/// A tagged line whose status code, if it is one that the crate doesn't know, is taken for words.
pub(super) fn without_code(line: &[u8]) -> Vec<u8> {
    let line = ascii(line);
    let text = String::from_utf8_lossy(&line);
    let mut parts = text.splitn(3, ' ');
    let (tag, status, rest) = (parts.next(), parts.next(), parts.next());
    match (tag, status, rest) {
        (Some(tag), Some(status), Some(rest)) if rest.starts_with('[') && code(rest).is_none() => {
            let words = rest.replacen('[', "(", 1).replacen(']', ")", 1);
            format!("{tag} {status} {words}").into_bytes()
        }
        (Some(tag), Some(status), None) => format!("{tag} {} -\r\n", status.trim_end()).into_bytes(),
        _ => text.into_owned().into_bytes(),
    }
}

/// A line in which what is not ASCII is replaced: the crate reads no other words.
pub(super) fn ascii(line: &[u8]) -> Vec<u8> {
    line.iter().map(|byte| if byte.is_ascii() { *byte } else { b'?' }).collect()
}

/// How deep a line ends inside parentheses, if it began at a depth. `None` if it goes deeper than allowed on the way.
pub(super) fn depth_after(line: &[u8], begin: u32, depth_max: u32) -> Option<u32> {
    let (mut depth, mut in_quotes, mut is_escaped) = (begin, false, false);
    for byte in line {
        match (byte, in_quotes) {
            (_, true) if is_escaped => is_escaped = false,
            (b'\\', true) => is_escaped = true,
            (b'"', _) => in_quotes = !in_quotes,
            (b'(', false) if depth == depth_max => return None,
            (b'(', false) => depth += 1,
            (b')', false) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Some(depth)
}

/// The length of the literal that a line announces at its end: `{n}`.
pub(super) fn literal_at_end(line: &[u8]) -> Option<u64> {
    let text = line.strip_suffix(b"\n")?;
    let text = text.strip_suffix(b"\r").unwrap_or(text).strip_suffix(b"}")?;
    let begin = text.iter().rposition(|byte| *byte == b'{')?;
    let digits = text.get(begin + 1..)?;
    let digits = digits.strip_suffix(b"+").unwrap_or(digits);
    std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_apart() {
        for (line, expected) in [
            ("+ idling\r\n", Part::Continue),
            ("+\r\n", Part::Continue),
            ("a12 OK done\r\n", Part::Tagged("OK done".to_owned())),
            ("a12 NO [LIMIT] x\r\n", Part::Tagged("NO [LIMIT] x".to_owned())),
            ("* 3 EXISTS\r\n", Part::News),
            ("* 3 exists\r\n", Part::News),
            ("* 3 FETCH (UID 4 BODY[] {3}\r\n", Part::WithLiterals),
            ("* OK [UIDVALIDITY 3] fine\r\n", Part::Data),
            ("* OK Still here {5}\r\n", Part::Words),
            ("* OK [NOMODSEQ] x\r\n", Part::Words),
            ("* NO the disk is nearly full\r\n", Part::Words),
            ("* BYE Autologout\r\n", Part::Bye("Autologout".to_owned())),
            ("* SEARCH 1 2\r\n", Part::Data),
            ("* VANISHED 3\r\n", Part::Ignored),
            ("HTTP/1.1 400 Bad Request\r\n", Part::Nonsense),
            ("a12\r\n", Part::Nonsense),
            ("\r\n", Part::Nonsense),
        ] {
            assert_eq!(part(line.as_bytes()), expected, "{line}");
        }
    }

    #[test]
    fn unknown_codes_become_words() {
        for (line, expected) in [
            ("a1 NO [OVERQUOTA] full\r\n", "a1 NO (OVERQUOTA) full\r\n"),
            ("a1 NO [TRYCREATE] none\r\n", "a1 NO [TRYCREATE] none\r\n"),
            ("a1 OK [COPYUID 1 2 3] moved\r\n", "a1 OK (COPYUID 1 2 3) moved\r\n"),
            ("a1 OK\r\n", "a1 OK -\r\n"),
            ("a1 NO 无\r\n", "a1 NO ???\r\n"),
            ("a1 OK done\r\n", "a1 OK done\r\n"),
        ] {
            assert_eq!(String::from_utf8(without_code(line.as_bytes())).expect("UTF-8"), expected);
        }
    }

    #[test]
    fn literals_and_depths_are_found() {
        for (line, expected) in [
            ("x {310}\r\n", Some(310)),
            ("x ~{5+}\n", Some(5)),
            ("x {}\r\n", None),
            ("x {-1}\r\n", None),
            ("x {99999999999999999999}\r\n", None),
            ("x {3} \r\n", None),
            ("x }\r\n", None),
        ] {
            assert_eq!(literal_at_end(line.as_bytes()), expected, "{line}");
        }
        assert_eq!(depth_after(b"(a (b) \"((\\\"(\" c", 0, 2), Some(1));
        assert_eq!(depth_after(b"(()", 1, 2), None);
        assert_eq!(depth_after(b")", 0, 2), Some(0));
    }
}
