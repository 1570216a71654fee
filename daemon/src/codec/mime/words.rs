//! Encoded words in header values: `=?GBK?B?v827p7Ht?=` (RFC 2047).
//!
//! Adjacent words of one charset are decoded together, because many programs cut a letter in two between them.

use super::charset;
use super::entity::{base64, hex};

/// A word's charset and bytes.
struct Word {
    label: String,
    bytes: Vec<u8>,
}

/// Decodes an unfolded or folded header value; raw letters beyond ASCII are decoded as a text without a label is.
/// `None` if some of it can't be decoded.
pub(super) fn decoded(raw: &[u8]) -> Option<String> {
    let mut out = String::new();
    let mut plain: Vec<u8> = Vec::new();
    let mut pending: Option<Word> = None;
    let mut rest = raw;
    while let Some((first, after)) = rest.split_first() {
        if *first == b'='
            && let Some((word, left)) = word(rest)
        {
            let only_space = plain.iter().all(u8::is_ascii_whitespace);
            match &mut pending {
                Some(before) if only_space && before.label == word.label => before.bytes.extend(word.bytes),
                _ => {
                    let between_words = pending.is_some() && only_space;
                    flush(&mut pending, &mut out)?;
                    if !between_words {
                        push_plain(&plain, &mut out)?;
                    }
                    pending = Some(word);
                }
            }
            plain.clear();
            rest = left;
        } else {
            // A fold is a line end before white space: the line end goes, the white space stays.
            if !matches!(first, b'\r' | b'\n') {
                plain.push(*first);
            }
            rest = after;
        }
    }
    flush(&mut pending, &mut out)?;
    push_plain(&plain, &mut out)?;
    Some(out.trim().to_owned())
}

fn push_plain(plain: &[u8], out: &mut String) -> Option<()> {
    out.push_str(&charset::text(plain, None, false)?);
    Some(())
}

fn flush(pending: &mut Option<Word>, out: &mut String) -> Option<()> {
    if let Some(word) = pending.take() {
        out.push_str(&charset::text(&word.bytes, Some(&word.label), false)?);
    }
    Some(())
}

/// Reads one encoded word, and gives what follows it.
fn word(raw: &[u8]) -> Option<(Word, &[u8])> {
    let rest = raw.strip_prefix(b"=?")?;
    let (label, rest) = rest.split_at_checked(memchr::memchr(b'?', rest)?)?;
    let (encoding, rest) = match rest {
        [b'?', encoding, b'?', rest @ ..] => (*encoding, rest),
        _ => return None,
    };
    let end = memchr::memmem::find(rest, b"?=")?;
    let (content, rest) = rest.split_at_checked(end)?;
    if label.is_empty() || !label.iter().all(u8::is_ascii_graphic) || content.contains(&b'\n') {
        return None;
    }
    let bytes = match encoding {
        b'B' | b'b' => base64(content).ok()?,
        b'Q' | b'q' => q_decoded(content),
        _ => return None,
    };
    // A language may follow the charset: `utf-8*zh`.
    let label = String::from_utf8_lossy(label).split('*').next().unwrap_or_default().to_ascii_lowercase();
    Some((Word { label, bytes }, rest.get(2..)?))
}

fn q_decoded(content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(content.len());
    let mut rest = content;
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|pair| Some((hex(pair[0])?, hex(pair[1])?)));
        rest = after;
        match (first, digits) {
            (b'=', Some((high, low))) => {
                bytes.push(high << 4 | low);
                rest = after.get(2..).unwrap_or_default();
            }
            (b'_', _) => bytes.push(b' '),
            (other, _) => bytes.push(*other),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(raw: &[u8], expected: Option<&str>) {
        assert_eq!(decoded(raw).as_deref(), expected);
    }

    #[test]
    fn words_and_plain_text() {
        check(b" Re: =?UTF-8?B?5a6i5oi3?=\r\n =?utf-8?b?57yW5Y+3?= of C-1", Some("Re: 客户编号 of C-1"));
        check(b"=?gb2312?Q?=BF=CD=BB=A7_x?=", Some("客户 x"));
        check("客户".as_bytes(), Some("客户"));
        check(b"=?x?=, 2 =? 3", Some("=?x?=, 2 =? 3"));
    }

    #[test]
    fn a_letter_cut_between_two_words_is_whole_again() {
        // 客户: E5 AE A2 E6 88 B7, cut after E5.
        check(b"=?UTF-8?Q?=E5?=\r\n =?UTF-8?Q?=AE=A2=E6=88=B7?=", Some("客户"));
    }

    #[test]
    fn what_cant_be_decoded_is_not_guessed() {
        check(b"=?UTF-8?Q?=E5=AE?=", None);
    }
}
