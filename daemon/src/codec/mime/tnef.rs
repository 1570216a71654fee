//! `winmail.dat` (TNEF): the attachments and the text that Outlook wraps for other Outlooks.
//!
//! After [MS-OXTNEF]: a signature, a key, then attributes one after another, each with a level, an id, a length, its bytes
//! and a checksum. Of the MAPI properties within only text and names are read. All is bounded by the bytes there are.

use super::MimeLimits;
use super::fault::MimeFault;

const SIGNATURE: u32 = 0x223E_9F78;

// Attributes.
const ATT_BODY: u32 = 0x0002_800C;
const ATT_OEM_CODE_PAGE: u32 = 0x0006_9007;
const ATT_MESSAGE_PROPERTIES: u32 = 0x0006_9003;
const ATT_ATTACH_START: u32 = 0x0006_9002;
const ATT_ATTACH_TITLE: u32 = 0x0001_8010;
const ATT_ATTACH_DATA: u32 = 0x0006_800F;
const ATT_ATTACH_PROPERTIES: u32 = 0x0006_9005;

// MAPI properties.
const PR_BODY: u16 = 0x1000;
const PR_RTF_COMPRESSED: u16 = 0x1009;
const PR_BODY_HTML: u16 = 0x1013;
const PR_INTERNET_CODE_PAGE: u16 = 0x3FDE;
const PR_ATTACH_LONG_FILENAME: u16 = 0x3707;
/// Properties from here on have a name instead of a number.
const NAMED_PROPERTIES: u16 = 0x8000;

/// The most values of one property.
const VALUES_MAX: usize = 10_000;

/// What a `winmail.dat` holds.
#[derive(Debug, Default)]
pub(super) struct Winmail {
    /// The plain text.
    pub(super) text: Option<Text>,
    /// The page, and the label of its encoding.
    pub(super) html: Option<(Vec<u8>, Option<String>)>,
    /// The label of the encoding of texts that are not Unicode.
    pub(super) code_page: Option<String>,
    /// Whether there is a text in RTF.
    pub(super) has_rich_text: bool,
    /// Names and contents.
    pub(super) attachments: Vec<(String, Vec<u8>)>,
    /// Whether it ends too early or makes no sense.
    pub(super) is_damaged: bool,
}

/// A text as it is kept.
#[derive(Debug)]
pub(super) enum Text {
    Unicode(String),
    Bytes(Vec<u8>),
}

/// An attachment of which all is not yet known.
#[derive(Default)]
struct Pending {
    title: Option<Vec<u8>>,
    long_name: Option<String>,
    bytes: Option<Vec<u8>>,
}

/// Reads a `winmail.dat`, as far as it goes.
pub(super) fn read(bytes: &[u8], limits: &MimeLimits) -> Result<Winmail, MimeFault> {
    let mut found = Winmail::default();
    let mut input = Input(bytes);
    if input.u32() != Some(SIGNATURE) || input.u16().is_none() {
        found.is_damaged = true;
        return Ok(found);
    }
    let mut pending: Vec<Pending> = Vec::new();
    while !input.0.is_empty() {
        let Some((id, content)) = attribute(&mut input) else {
            found.is_damaged = true;
            break;
        };
        if id == ATT_ATTACH_START {
            pending.push(Pending::default());
            if pending.len() > limits.attachments_max {
                return Err(MimeFault::TooManyParts);
            }
        }
        take(id, content, &mut found, pending.last_mut());
    }
    for one in pending {
        let Some(content) = one.bytes else { continue };
        let title = || {
            let title = one.title.as_deref().unwrap_or_default();
            super::charset::text(until_nul(title), found.code_page.as_deref(), false)
        };
        let name = one.long_name.clone().or_else(title).ok_or(MimeFault::UndecodableText)?;
        found.attachments.push((name, content));
    }
    Ok(found)
}

/// Takes what one attribute says.
fn take(id: u32, content: &[u8], found: &mut Winmail, attachment: Option<&mut Pending>) {
    match (id, attachment) {
        (ATT_OEM_CODE_PAGE, _) => {
            found.code_page = Input(content).u32().map(|number| format!("windows-{number}"));
        }
        (ATT_BODY, _) => {
            found.text.get_or_insert_with(|| Text::Bytes(until_nul(content).to_vec()));
        }
        (ATT_MESSAGE_PROPERTIES, _) => {
            let finished = properties(content, &mut |property, kind, value| match property {
                PR_BODY if kind == 0x1F => found.text = Some(Text::Unicode(utf16(value))),
                PR_BODY => {
                    found.text.get_or_insert_with(|| Text::Bytes(until_nul(value).to_vec()));
                }
                PR_BODY_HTML if kind == 0x1F => found.html = Some((utf16(value).into_bytes(), Some("utf-8".into()))),
                PR_BODY_HTML => found.html = Some((until_nul(value).to_vec(), None)),
                PR_INTERNET_CODE_PAGE => {
                    if let (Some(number), Some((_, label @ None))) = (Input(value).u32(), &mut found.html) {
                        *label = Some(if number == 65001 { "utf-8".into() } else { format!("windows-{number}") });
                    }
                }
                PR_RTF_COMPRESSED => found.has_rich_text = true,
                _ => {}
            });
            found.is_damaged |= finished.is_none();
        }
        (ATT_ATTACH_TITLE, Some(one)) => one.title = Some(content.to_vec()),
        (ATT_ATTACH_DATA, Some(one)) => one.bytes = Some(content.to_vec()),
        (ATT_ATTACH_PROPERTIES, Some(one)) => {
            let finished = properties(content, &mut |property, kind, value| {
                if property == PR_ATTACH_LONG_FILENAME && kind == 0x1F {
                    one.long_name = Some(utf16(value));
                }
            });
            found.is_damaged |= finished.is_none();
        }
        _ => {}
    }
}

/// Reads one attribute: its id and its bytes.
fn attribute<'a>(input: &mut Input<'a>) -> Option<(u32, &'a [u8])> {
    let _level = input.take(1)?;
    let id = input.u32()?;
    let length = usize::try_from(input.u32()?).ok()?;
    let content = input.take(length)?;
    let _checksum = input.u16()?;
    Some((id, content))
}

/// Tells each MAPI property's number, type and bytes. `None` if they make no sense to the end.
fn properties(content: &[u8], tell: &mut dyn FnMut(u16, u16, &[u8])) -> Option<()> {
    let mut input = Input(content);
    let count = input.u32()?;
    for _ in 0..count {
        let kind = input.u16()?;
        let property = input.u16()?;
        if property >= NAMED_PROPERTIES {
            named(&mut input)?;
        }
        let several = kind & 0x1000 != 0;
        let single = kind & !0x1000;
        let fixed = match single {
            0x02 | 0x0B | 0x03 | 0x04 | 0x0A => Some(4),
            0x05 | 0x06 | 0x07 | 0x14 | 0x40 => Some(8),
            0x48 => Some(16),
            0x0D | 0x1E | 0x1F | 0x102 => None,
            _ => return None,
        };
        let values = if several || fixed.is_none() { usize::try_from(input.u32()?).ok()? } else { 1 };
        if values > VALUES_MAX {
            return None;
        }
        for _ in 0..values {
            let length = match fixed {
                Some(length) => length,
                None => usize::try_from(input.u32()?).ok()?,
            };
            let value = input.take(length)?;
            if fixed.is_none() {
                input.take((4 - length % 4) % 4)?;
            }
            tell(property, single, value);
        }
    }
    Some(())
}

/// Passes over the name of a named property.
fn named(input: &mut Input<'_>) -> Option<()> {
    input.take(16)?;
    if input.u32()? == 0 {
        input.u32()?;
    } else {
        let length = usize::try_from(input.u32()?).ok()?;
        input.take(length)?;
        input.take((4 - length % 4) % 4)?;
    }
    Some(())
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    memchr::memchr(0, bytes).and_then(|end| bytes.get(..end)).unwrap_or(bytes)
}

/// UTF-16 up to its NUL. A broken pair becomes the replacement character, which refuses the mail later on.
fn utf16(bytes: &[u8]) -> String {
    let units = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).take_while(|unit| *unit != 0);
    char::decode_utf16(units).map(|letter| letter.unwrap_or('\u{FFFD}')).collect()
}

/// What is left to read.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    fn attribute(id: u32, content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(content.len()).unwrap();
        [&[1], &id.to_le_bytes()[..], &length.to_le_bytes(), content, &[0, 0]].concat()
    }

    fn unicode(property: u16, text: &str) -> Vec<u8> {
        let mut value: Vec<u8> = text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
        let length = u32::try_from(value.len()).unwrap();
        value.resize(value.len().next_multiple_of(4), 0);
        [&[0x1F, 0][..], &property.to_le_bytes(), &1_u32.to_le_bytes(), &length.to_le_bytes(), &value].concat()
    }

    fn sample() -> Vec<u8> {
        let properties = [&2_u32.to_le_bytes()[..], &[3, 0, 1, 0, 9, 0, 0, 0], &unicode(PR_BODY, "电话：1")].concat();
        let name = [&1_u32.to_le_bytes()[..], &unicode(PR_ATTACH_LONG_FILENAME, "客户.xlsx")].concat();
        [
            &SIGNATURE.to_le_bytes()[..],
            &[1, 0],
            &attribute(ATT_OEM_CODE_PAGE, &936_u64.to_le_bytes()),
            &attribute(ATT_MESSAGE_PROPERTIES, &properties),
            &attribute(ATT_ATTACH_START, &[0; 14]),
            &attribute(ATT_ATTACH_TITLE, b"\xBF\xCD.xls\0"),
            &attribute(ATT_ATTACH_DATA, b"bytes"),
            &attribute(ATT_ATTACH_PROPERTIES, &name),
            &attribute(ATT_ATTACH_START, &[0; 14]),
            &attribute(ATT_ATTACH_TITLE, b"\xBF\xCD.csv\0"),
            &attribute(ATT_ATTACH_DATA, b"more"),
        ]
        .concat()
    }

    #[test]
    fn text_and_attachments_are_found() {
        let found = read(&sample(), &MimeLimits::default()).unwrap();
        assert!(matches!(found.text, Some(Text::Unicode(text)) if text == "电话：1"));
        let attachments = [("客户.xlsx".to_owned(), b"bytes".to_vec()), ("客.csv".to_owned(), b"more".to_vec())];
        assert_eq!(found.attachments, attachments);
        assert!(!found.is_damaged);
    }

    #[test]
    fn damaged_ones_are_survived() {
        let whole = sample();
        for end in 0..whole.len() {
            assert!(read(&whole[..end], &MimeLimits::default()).is_ok());
        }
        assert!(read(b"no", &MimeLimits::default()).unwrap().is_damaged);
    }
}
