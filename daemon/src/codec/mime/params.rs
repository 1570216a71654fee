//! A header value with parameters: `text/plain; charset="utf-8"`, `attachment; filename*=UTF-8''%E5%AE%A2.xlsx`.
//!
//! Written for itself, because mail-parser joins `filename` with the pieces of `filename*0*`: what goes by two names
//! has to be seen as such.

use super::charset;
use super::entity::hex;
use super::words;

/// The most parameters of one header; further ones are passed over.
const PARAMS_MAX: usize = 64;

/// A value with its parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Params {
    /// The value, in lower case: `text/plain`.
    pub(super) value: String,
    /// Names in lower case with decoded texts; `None` for a text that can't be decoded. A name that is given twice, or in
    /// plain and in extended form, stands here twice.
    pub(super) given: Vec<(String, Option<String>)>,
}

/// A parameter as it is written.
struct Written {
    name: String,
    /// The number of a piece of an extended parameter.
    piece: Option<u16>,
    /// Whether it is in extended form (`name*=`).
    extended: bool,
    value: Vec<u8>,
}

impl Params {
    /// Reads a raw header value.
    pub(super) fn parse(raw: &[u8]) -> Self {
        let mut rest = raw;
        let value = until(&mut rest, b";(");
        skip_comment(&mut rest);
        let value = String::from_utf8_lossy(value).split_whitespace().collect::<String>().to_ascii_lowercase();
        let mut written: Vec<Written> = Vec::new();
        while let Some((_, after)) = memchr::memchr(b';', rest).and_then(|at| rest.split_at_checked(at)) {
            rest = after.get(1..).unwrap_or_default();
            if written.len() >= PARAMS_MAX {
                break;
            }
            written.extend(parameter(&mut rest));
        }
        Self { value, given: joined(written) }
    }

    /// The first text of that name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.given.iter().find(|(own, _)| own == name).and_then(|(_, text)| text.as_deref())
    }

    /// All texts of that name.
    pub(super) fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = Option<&'s str>> + 's {
        self.given.iter().filter(move |(own, _)| own == name).map(|(_, text)| text.as_deref())
    }
}

/// Takes what stands before any of some bytes.
fn until<'a>(rest: &mut &'a [u8], ends: &[u8]) -> &'a [u8] {
    let end = rest.iter().position(|b| ends.contains(b)).unwrap_or(rest.len());
    let (taken, after) = rest.split_at(end);
    *rest = after;
    taken
}

/// Passes over a comment in brackets, up to the next `;`.
fn skip_comment(rest: &mut &[u8]) {
    if rest.first() == Some(&b'(') {
        until(rest, b")");
    }
}

/// Reads `name=value` and leaves what follows it.
fn parameter(rest: &mut &[u8]) -> Option<Written> {
    let name = until(rest, b"=;");
    if rest.first() != Some(&b'=') {
        return None;
    }
    *rest = rest.get(1..).unwrap_or_default().trim_ascii_start();
    let mut value = Vec::new();
    if rest.first() == Some(&b'"') {
        let mut bytes = rest.get(1..).unwrap_or_default();
        while let Some((first, after)) = bytes.split_first() {
            bytes = after;
            match first {
                b'"' => break,
                b'\\' => {
                    // GBK letters may end in a backslash, and Windows paths have them: only `\"` and `\\` are escapes.
                    match after.split_first() {
                        Some((escaped @ (b'"' | b'\\'), after)) => {
                            value.push(*escaped);
                            bytes = after;
                        }
                        _ => value.push(b'\\'),
                    }
                }
                b'\r' | b'\n' => {}
                other => value.push(*other),
            }
        }
        *rest = bytes;
    } else {
        value.extend_from_slice(until(rest, b";").trim_ascii());
    }
    let name = String::from_utf8_lossy(name.trim_ascii()).to_ascii_lowercase();
    let extended = name.ends_with('*');
    let bare = name.strip_suffix('*').unwrap_or(&name);
    let (bare, piece) = match bare.split_once('*') {
        Some((bare, number)) => (bare, Some(number.parse().ok()?)),
        None => (bare, None),
    };
    (!bare.is_empty()).then(|| Written { name: bare.to_owned(), piece, extended, value })
}

/// Puts the pieces of extended parameters together and decodes all texts.
fn joined(written: Vec<Written>) -> Vec<(String, Option<String>)> {
    let (mut pieces, whole): (Vec<Written>, Vec<Written>) = written.into_iter().partition(|one| one.piece.is_some());
    let mut given: Vec<(String, Option<String>)> = Vec::new();
    for one in whole {
        let text = if one.extended { extended_text(&[one.value], &[true]) } else { words::decoded(&one.value) };
        given.push((one.name, text));
    }
    pieces.sort_by(|a, b| (&a.name, a.piece).cmp(&(&b.name, b.piece)));
    let mut rest = pieces.as_slice();
    while let Some(first) = rest.first() {
        let count = rest.iter().take_while(|piece| piece.name == first.name).count();
        let (own, after) = rest.split_at(count);
        rest = after;
        let in_order = own.iter().zip(0..).all(|(piece, number)| piece.piece == Some(number));
        let values: Vec<Vec<u8>> = own.iter().map(|piece| piece.value.clone()).collect();
        let extended: Vec<bool> = own.iter().map(|piece| piece.extended).collect();
        let text = if !in_order {
            None
        } else if extended.contains(&true) {
            extended_text(&values, &extended)
        } else {
            words::decoded(&values.concat())
        };
        given.push((first.name.clone(), text));
    }
    given
}

/// Decodes `charset'language'percent-encoded`, in one piece or several.
fn extended_text(values: &[Vec<u8>], extended: &[bool]) -> Option<String> {
    let mut label = String::new();
    let mut bytes = Vec::new();
    for (index, (value, is_extended)) in values.iter().zip(extended).enumerate() {
        let mut value = value.as_slice();
        if index == 0 && *is_extended {
            let mut parts = value.splitn(3, |b| *b == b'\'');
            let (charset, _, text) = (parts.next()?, parts.next()?, parts.next()?);
            label = String::from_utf8_lossy(charset).into_owned();
            value = text;
        }
        if *is_extended { percent_decoded(value, &mut bytes) } else { bytes.extend_from_slice(value) }
    }
    charset::text(&bytes, Some(label.as_str()).filter(|label| !label.is_empty()), false)
}

fn percent_decoded(value: &[u8], bytes: &mut Vec<u8>) {
    let mut rest = value;
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|pair| Some((hex(pair[0])?, hex(pair[1])?)));
        match digits {
            Some((high, low)) if *first == b'%' => {
                bytes.push(high << 4 | low);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(raw: &str, expected: &[Option<&str>]) {
        assert_eq!(Params::parse(raw.as_bytes()).all("filename").collect::<Vec<_>>(), expected, "{raw}");
    }

    #[test]
    fn values_and_plain_parameters() {
        let params = Params::parse(b" Text/Plain (hello);\r\n\tCharset=\"GB2312\"; format=flowed ; x");
        assert_eq!(params.value, "text/plain");
        assert_eq!(params.get("charset"), Some("GB2312"));
        assert_eq!(params.get("format"), Some("flowed"));
        assert_eq!(Params::parse(b"").value, "");
    }

    #[test]
    fn names_in_every_form() {
        check("attachment; filename=\"a \\\"b\\\".xlsx\"", &[Some("a \"b\".xlsx")]);
        check("attachment; filename*=UTF-8''%E5%AE%A2%E6%88%B7.xlsx", &[Some("客户.xlsx")]);
        check("attachment; filename*=gb2312''%BF%CD%BB%A7.xlsx", &[Some("客户.xlsx")]);
        check("a; filename*0*=UTF-8''%E5%AE%A2; filename*1*=%E6%88%B7; filename*2=.xlsx", &[Some("客户.xlsx")]);
        check("a; filename=\"=?UTF-8?B?5a6i5oi3Lnhsc3g=?=\"", &[Some("客户.xlsx")]);
        check("a; filename*0=\"long\"; filename*1=\" name.csv\"", &[Some("long name.csv")]);
        check("a; filename*1=\"lost\"", &[None]);
        check("a; filename=b.pdf; filename*=UTF-8''c.xlsx", &[Some("b.pdf"), Some("c.xlsx")]);
        let raw = [b"a; filename=\"".as_slice(), b"\xBF\xCD\xBB\xA7\xD7\xCA\xC1\xCF\xB1\xED.xlsx", b"\""].concat();
        assert_eq!(Params::parse(&raw).get("filename"), Some("客户资料表.xlsx"));
    }
}
