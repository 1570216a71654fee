//! Reads a mail's header block, and nothing else of it, such that no other reader can see another block.
//!
//! Bytes come in, fields come out in their order, or a reason. What two programs may read differently is refused: a name with a blank
//! before its colon, a line without a name, a lone CR or LF among CRLFs, NUL, a continuation of nothing but blanks. It decodes nothing.

use super::reason::Reason;

/// The most bytes of a header block.
pub const HEADER_BYTES_MAX: usize = 256 * 1024;
/// The most fields of a header block.
pub const FIELDS_MAX: usize = 500;
/// The most bytes of one line. RFC 5322 has 998; programs that don't fold write more.
pub const LINE_BYTES_MAX: usize = 8 * 1024;

/// Fields that stand once at most (RFC 5322, 3.6, and RFC 2045), beside `From`, which has a reason of its own. A reader that takes
/// the first and one that takes the last would see two mails, of which only one was signed.
const ONCE: [&str; 13] = [
    "sender",
    "reply-to",
    "to",
    "cc",
    "bcc",
    "message-id",
    "in-reply-to",
    "references",
    "subject",
    "date",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
];

/// A field of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its name as written: printable ASCII.
    pub name: &'a str,
    /// What stands behind the colon, unfolded (line ends removed, blanks kept), and trimmed.
    pub value: Vec<u8>,
}

impl Field<'_> {
    /// Whether it has this name.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// Its value, if it is ASCII without control characters but tabs.
    pub fn ascii(&self) -> Option<&str> {
        let is_plain = self.value.iter().all(|byte| *byte == b'\t' || (b' '..=b'~').contains(byte));
        std::str::from_utf8(&self.value).ok().filter(|_| is_plain)
    }
}

/// A mail's header block, in the order of its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// The fields, topmost first.
    pub fields: Vec<Field<'a>>,
    /// Whether its lines end with LF alone, as in a maildir.
    pub is_lf: bool,
}

impl<'a> Header<'a> {
    /// Reads the block at the begin of a mail.
    pub fn read(mail: &'a [u8]) -> Result<Self, Reason> {
        let mut header = Header { fields: Vec::new(), is_lf: false };
        let (mut rest, mut used, mut lines) = (mail, 0_usize, 0_usize);
        while !rest.is_empty() {
            let Some(end) = memchr::memchr(b'\n', rest.get(..LINE_BYTES_MAX.min(rest.len())).unwrap_or(rest)) else {
                // A mail that ends within its header was cut.
                return Err(if rest.len() >= LINE_BYTES_MAX {
                    Reason::HeaderTooLarge
                } else {
                    Reason::HeaderMalformed
                });
            };
            let (line, after) = rest.split_at(end);
            rest = after.get(1..).unwrap_or_default();
            used += end + 1;
            if used > HEADER_BYTES_MAX {
                return Err(Reason::HeaderTooLarge);
            }
            let (line, is_lf) = line.strip_suffix(b"\r").map_or((line, true), |line| (line, false));
            if lines > 0 && is_lf != header.is_lf || line.iter().any(|byte| matches!(byte, 0 | b'\r')) {
                return Err(Reason::HeaderMalformed);
            }
            header.is_lf = is_lf;
            lines += 1;
            if line.is_empty() {
                break;
            }
            header.take(line)?;
        }
        header.check_once()?;
        for field in &mut header.fields {
            field.value = field.value.trim_ascii().to_vec();
        }
        Ok(header)
    }

    /// Takes a line that is not empty.
    fn take(&mut self, line: &'a [u8]) -> Result<(), Reason> {
        if matches!(line.first(), Some(b' ' | b'\t')) {
            let Some(field) = self.fields.last_mut().filter(|_| !line.trim_ascii().is_empty()) else {
                return Err(Reason::HeaderMalformed);
            };
            field.value.extend_from_slice(line);
            return Ok(());
        }
        let colon = memchr::memchr(b':', line).ok_or(Reason::HeaderMalformed)?;
        let (name, value) = line.split_at(colon);
        let name = std::str::from_utf8(name)
            .ok()
            .filter(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic()));
        if self.fields.len() == FIELDS_MAX {
            return Err(Reason::HeaderTooLarge);
        }
        let value = value.get(1..).unwrap_or_default().to_vec();
        self.fields.push(Field { name: name.ok_or(Reason::HeaderMalformed)?, value });
        Ok(())
    }

    fn check_once(&self) -> Result<(), Reason> {
        let repeated = ONCE.iter().any(|name| self.all(name).count() > 1);
        if repeated { Err(Reason::HeaderRepeated) } else { Ok(()) }
    }

    /// The fields with this name, topmost first.
    pub fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s Field<'a>> {
        self.fields.iter().filter(move |field| field.is(name))
    }

    /// Whether there is a field with this name.
    pub fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }
}
