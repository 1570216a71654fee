//! Letters out of bytes: by the label where it can be true, by what the bytes show where it can't, and else not at all.
//!
//! Chinese mail programs label GBK as `gb2312`, `us-ascii` or `utf-8`, or not at all. A label is believed if the bytes
//! can be decoded by it without a fault, unless they can only be UTF-8. Then come the page's own `<meta charset>`, a
//! statistical guess and GB18030. A text that comes out with a replacement character, or with letters that nobody
//! types, is refused: a wrong letter in a customer's name is worse than a mail that has to be sent again.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, GB18030, ISO_2022_JP, UTF_8, WINDOWS_1252};

/// Labels that `encoding_rs` does not know, with those that it does.
const FURTHER_LABELS: [(&str, &str); 8] = [
    ("cp936", "gbk"),
    ("ms936", "gbk"),
    ("windows-936", "gbk"),
    ("gb2312-80", "gbk"),
    ("gb_18030", "gb18030"),
    ("cp950", "big5"),
    ("utf8mb4", "utf-8"),
    ("646", "us-ascii"),
];

/// How far into a page its `<meta charset>` is looked for, in bytes.
const META_BYTES_MAX: usize = 4096;

/// Decodes a text. `None` if it can't be told for certain, or has a replacement character in it.
pub(super) fn text(bytes: &[u8], label: Option<&str>, is_html: bool) -> Option<String> {
    if let Some((encoding, mark_bytes)) = Encoding::for_bom(bytes) {
        return strict(bytes.get(mark_bytes..)?, encoding);
    }
    let label = label.map(|label| label.trim_matches(['"', '\'', ' ']).to_ascii_lowercase());
    let named = label.as_deref().filter(|label| !label.is_empty()).map(encoding_of);
    match named {
        Some(Some(encoding)) if encoding.is_ascii_compatible() && bytes.is_ascii() => plain_ascii(bytes),
        Some(Some(encoding)) => by_label(bytes, encoding).or_else(|| rescued(bytes, is_html)),
        Some(None) => {
            by_further_decoder(bytes, label.as_deref().unwrap_or_default()).or_else(|| rescued(bytes, is_html))
        }
        None if bytes.is_ascii() && !bytes.contains(&0x1B) => plain_ascii(bytes),
        None => rescued(bytes, is_html),
    }
}

fn encoding_of(label: &str) -> Option<&'static Encoding> {
    let label = FURTHER_LABELS.iter().find(|(own, _)| *own == label).map_or(label, |(_, known)| known);
    Encoding::for_label(label.as_bytes()).filter(|encoding| *encoding != encoding_rs::REPLACEMENT)
}

fn plain_ascii(bytes: &[u8]) -> Option<String> {
    String::from_utf8(bytes.to_vec()).ok()
}

/// Decodes without a single replacement; a text that holds the replacement character itself is refused, too.
fn strict(bytes: &[u8], encoding: &'static Encoding) -> Option<String> {
    let text = encoding.decode_without_bom_handling_and_without_replacement(bytes)?;
    (!text.contains('\u{FFFD}')).then(|| text.into_owned())
}

/// Decodes by a label, if what the bytes show does not speak against it.
fn by_label(bytes: &[u8], encoding: &'static Encoding) -> Option<String> {
    if encoding != UTF_8 && encoding.is_ascii_compatible() && is_surely_utf8(bytes) {
        return strict(bytes, UTF_8);
    }
    // `us-ascii` and `iso-8859-1` are what programs write that did not ask; every byte is a letter of theirs.
    if encoding == WINDOWS_1252 {
        let guess = guessed(bytes);
        if guess != encoding && !guess.is_single_byte() {
            return strict(bytes, guess).filter(|text| is_plausible(text));
        }
    }
    strict(bytes, if encoding == encoding_rs::GBK { GB18030 } else { encoding })
}

/// Decodes by labels that only mail knows, such as UTF-7.
fn by_further_decoder(bytes: &[u8], label: &str) -> Option<String> {
    let decode = mail_parser::decoders::charsets::map::charset_decoder(label.as_bytes())?;
    Some(decode(bytes)).filter(|text| !text.contains('\u{FFFD}'))
}

/// Decodes what no label helps with.
fn rescued(bytes: &[u8], is_html: bool) -> Option<String> {
    let meta = if is_html { meta_charset(bytes) } else { None };
    let meta = meta.filter(|encoding| encoding.is_ascii_compatible()).and_then(|encoding| by_label(bytes, encoding));
    let escaped = || bytes.contains(&0x1B).then(|| strict(bytes, ISO_2022_JP)).flatten();
    let hidden = bytes.is_ascii() && (bytes.contains(&0x1B) || memchr::memmem::find(bytes, b"~{").is_some());
    meta.or_else(escaped).or_else(|| if hidden { None } else { strict(bytes, UTF_8) }).or_else(|| {
        if bytes.is_ascii() || is_damaged_utf8(bytes) {
            return None;
        }
        let plausible = |text: &String| is_plausible(text);
        let guess = Some(guessed(bytes)).filter(|guess| !guess.is_single_byte() || is_western(bytes, guess));
        guess
            .and_then(|guess| strict(bytes, guess))
            .filter(plausible)
            .or_else(|| strict(bytes, GB18030).filter(plausible))
    })
}

fn guessed(bytes: &[u8]) -> &'static Encoding {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(bytes, true);
    // The top-level domain of an office in China: it decides only between what is equally likely.
    detector.guess(Some(b"cn"), Utf8Detection::Allow)
}

/// Whether the bytes are UTF-8 by more than chance: at least one letter of three or four bytes, as all Chinese ones are.
fn is_surely_utf8(bytes: &[u8]) -> bool {
    !bytes.is_ascii() && bytes.iter().any(|b| *b >= 0xE0) && std::str::from_utf8(bytes).is_ok()
}

/// Whether the bytes are UTF-8 of which something is missing: read as GBK they would give letters, but wrong ones.
fn is_damaged_utf8(bytes: &[u8]) -> bool {
    if std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none()) {
        return true;
    }
    let (mut good, mut bad) = (0_usize, 0_usize);
    for c in String::from_utf8_lossy(bytes).chars().filter(|c| !c.is_ascii()) {
        *(if c == '\u{FFFD}' { &mut bad } else { &mut good }) += 1;
    }
    good > bad
}

/// Whether a single-byte guess may stand: Western, with single accented letters among plain ones. Any bytes at all are
/// letters of every other alphabet.
fn is_western(bytes: &[u8], guess: &'static Encoding) -> bool {
    guess == WINDOWS_1252 && !bytes.windows(2).any(|pair| !pair[0].is_ascii() && !pair[1].is_ascii())
}

/// The encoding that a page names in its head.
fn meta_charset(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = bytes.get(..META_BYTES_MAX.min(bytes.len()))?.to_ascii_lowercase();
    let at = memchr::memmem::find(&head, b"charset=")? + b"charset=".len();
    let rest = head.get(at..)?.trim_ascii_start();
    let rest = rest.strip_prefix(b"\"").or_else(|| rest.strip_prefix(b"'")).unwrap_or(rest);
    let end = rest.iter().position(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))).unwrap_or(rest.len());
    encoding_of(std::str::from_utf8(rest.get(..end)?).ok()?)
}

/// Whether a guessed text has only letters that people type: no private ones, no leftover control codes.
fn is_plausible(text: &str) -> bool {
    !text.chars().any(|c| matches!(c, '\u{80}'..='\u{9F}' | '\u{E000}'..='\u{F8FF}' | '\u{F0000}'..))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENTENCE: &str = "客户编号：C-000017\n电话：13800138000\n地址：上海市浦东新区示例路一百号";

    fn gbk(text: &str) -> Vec<u8> {
        GB18030.encode(text).0.into_owned()
    }

    #[track_caller]
    fn check(bytes: &[u8], label: Option<&str>, expected: Option<&str>) {
        assert_eq!(text(bytes, label, false).as_deref(), expected, "{label:?}");
    }

    #[test]
    fn labels_that_are_true() {
        check(&gbk(SENTENCE), Some("gb2312"), Some(SENTENCE));
        check(&gbk("镕朱㐀"), Some("GB2312"), Some("镕朱㐀"));
        check(&gbk(SENTENCE), Some("\"cp936\""), Some(SENTENCE));
        check(SENTENCE.as_bytes(), Some("utf-8"), Some(SENTENCE));
        check(&encoding_rs::BIG5.encode("電話：02-23456789").0, Some("big5"), Some("電話：02-23456789"));
        check(b"\x1b$B$3$s\x1b(B", Some("iso-2022-jp"), Some("こん"));
        check(b"\xe9t\xe9", Some("iso-8859-1"), Some("été"));
        check(b"+ZeVnLIqe-", Some("utf-7"), Some("日本語"));
    }

    #[test]
    fn labels_that_are_wrong_or_missing() {
        for label in [None, Some("utf-8"), Some("us-ascii"), Some("iso-8859-1"), Some("x-unknown")] {
            check(&gbk(SENTENCE), label, Some(SENTENCE));
        }
        for label in [None, Some("gb2312"), Some("us-ascii"), Some("big5")] {
            check(SENTENCE.as_bytes(), label, Some(SENTENCE));
        }
        let page = gbk(&format!(
            "<html><head><meta http-equiv=\"Content-Type\" content=\"text/html; charset=gb2312\">{SENTENCE}"
        ));
        assert!(text(&page, None, true).is_some_and(|text| text.ends_with(SENTENCE)));
    }

    #[test]
    fn what_cant_be_told_is_refused() {
        check("电话：\u{FFFD}\u{FFFD}".as_bytes(), Some("utf-8"), None);
        check(b"\xff\xfe\xff\xff\xff", None, None);
        check(b"abc\x80\xff\xfe\x81", Some("utf-8"), None);
        check(b"~{<:Ky2;F=~}", Some("hz-gb-2312"), None);
        check(b"plain", Some("x-unknown"), Some("plain"));
        let damaged = [SENTENCE.as_bytes(), b"\xE5\xAE", SENTENCE.as_bytes()].concat();
        check(&damaged, Some("utf-8"), None);
        check(&damaged, None, None);
    }
}
