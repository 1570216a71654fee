//! Attachments: their names, what they are, and whether an attached zip is a bomb.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use unicode_normalization::UnicodeNormalization;

use super::entity::Entity;
use super::fault::MimeFault;
use super::{Attachment, AttachmentKind, MimeLimits};
use crate::codec::read::FileKind;

/// The longest name that is kept, in characters.
const NAME_CHARS_MAX: usize = 200;

/// Makes an attachment of an entity, within the limits.
pub(super) fn of_entity(entity: &Entity<'_>, bytes: Vec<u8>, limits: &MimeLimits) -> Result<Attachment, MimeFault> {
    let name = name(entity)?;
    let content_type = entity.content_type();
    let kind = if content_type.value == "message/rfc822" || content_type.value == "message/global" {
        AttachmentKind::Mail
    } else {
        kind(&name, &content_type.value)
    };
    let inline = entity.disposition().value == "inline" || entity.first("content-id").is_some();
    made(name, kind, inline, bytes, limits)
}

/// Makes an attachment of its name and bytes.
pub(super) fn named(name: &str, bytes: Vec<u8>, limits: &MimeLimits) -> Result<Attachment, MimeFault> {
    let name = cleaned(name);
    let kind = kind(&name, "");
    made(name, kind, false, bytes, limits)
}

fn made(
    name: String,
    kind: AttachmentKind,
    inline: bool,
    bytes: Vec<u8>,
    limits: &MimeLimits,
) -> Result<Attachment, MimeFault> {
    if bytes.len() > limits.attachment_bytes_max {
        return Err(MimeFault::TooLarge);
    }
    Ok(Attachment { name, kind, inline, bytes })
}

/// The one name of an entity; empty if it has none.
///
/// # Errors
/// `names-differ` if two of them are not the same, `undecodable-text` if one can't be told.
pub(super) fn name(entity: &Entity<'_>) -> Result<String, MimeFault> {
    let (disposition, content_type) = (entity.disposition(), entity.content_type());
    let mut names: Vec<String> = Vec::new();
    for given in disposition.all("filename").chain(content_type.all("name")) {
        let name = cleaned(given.ok_or(MimeFault::UndecodableText)?);
        if !name.is_empty() {
            names.push(name);
        }
    }
    let Some(first) = names.iter().find(|name| !is_stand_in(name)).or(names.first()).cloned() else {
        return Ok(String::new());
    };
    let differs = |other: &String| *other != first && !stands_in(other, &first);
    if names.iter().any(differs) { Err(MimeFault::NamesDiffer) } else { Ok(first) }
}

/// Whether a name has placeholders where an old program could not write a letter.
fn is_stand_in(name: &str) -> bool {
    name.is_ascii() && name.contains(['?', '_'])
}

/// Whether a name is the plain-letter stand-in of another: the same ending, and placeholders for all that is not ASCII.
fn stands_in(name: &str, whole: &str) -> bool {
    let same_ending = name.rsplit_once('.').map(|(_, end)| end) == whole.rsplit_once('.').map(|(_, end)| end);
    let masked = |placeholder: char| whole.chars().map(move |c| if c.is_ascii() { c } else { placeholder });
    is_stand_in(name) && same_ending && ['?', '_'].into_iter().any(|sign| masked(sign).eq(name.chars()))
}

/// A name without folders, invisible and control characters, in NFC.
fn cleaned(name: &str) -> String {
    let base = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let visible = base.nfc().filter(|c| !is_hidden(*c));
    visible.take(NAME_CHARS_MAX).collect::<String>().trim().to_owned()
}

/// Characters that make a name look like another.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// What a file is, by its name's ending, or by its type if the name has none.
fn kind(name: &str, content_type: &str) -> AttachmentKind {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    let sheet = match ending.as_deref() {
        Some("xlsx" | "xlsm") => Some(FileKind::Xlsx),
        Some("xls") => Some(FileKind::Xls),
        Some("xlsb") => Some(FileKind::Xlsb),
        Some("ods") => Some(FileKind::Ods),
        Some("csv" | "tsv") => Some(FileKind::Csv),
        Some("eml") => return AttachmentKind::Mail,
        Some(_) => None,
        None => match content_type {
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" => Some(FileKind::Xlsx),
            "application/vnd.ms-excel" => Some(FileKind::Xls),
            "application/vnd.oasis.opendocument.spreadsheet" => Some(FileKind::Ods),
            "text/csv" => Some(FileKind::Csv),
            _ => None,
        },
    };
    sheet.map_or(AttachmentKind::Other, AttachmentKind::Sheet)
}

/// Whether a zip's directory claims to unpack to far more than it is. What it really unpacks to is bounded where it is read.
pub fn is_bomb(bytes: &[u8], limits: &MimeLimits) -> bool {
    if !bytes.starts_with(b"PK") {
        return false;
    }
    // A directory that a parser fails on is looked at again by the child that reads the workbook.
    let opened = catch_unwind(AssertUnwindSafe(|| zip::ZipArchive::new(Cursor::new(bytes))));
    let Ok(Ok(mut archive)) = opened else { return false };
    let mut unpacked = 0_u64;
    for index in 0..archive.len() {
        unpacked = unpacked.saturating_add(archive.by_index_raw(index).map_or(0, |file| file.size()));
    }
    let packed = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let bound = packed.saturating_mul(limits.zip_ratio_max).max(limits.zip_unpacked_bytes_free);
    unpacked > bound
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use std::io::Write;

    use super::*;

    fn named(headers: &str) -> Result<String, &'static str> {
        let raw = format!("{headers}\r\n\r\n");
        name(&Entity::split(raw.as_bytes(), &MimeLimits::default()).unwrap()).map_err(MimeFault::code)
    }

    #[test]
    fn two_names_that_differ_are_refused() {
        let both = |plain: &str, extended: &str| {
            named(&format!("Content-Disposition: attachment; filename=\"{plain}\"; filename*=UTF-8''{extended}"))
        };
        assert_eq!(both("a.pdf", "a.xlsx"), Err("names-differ"));
        assert_eq!(both("a.xlsx", "a.xlsx"), Ok("a.xlsx".into()));
        assert_eq!(both("=?UTF-8?B?5a6i5oi3Lnhsc3g=?=", "%E5%AE%A2%E6%88%B7.xlsx"), Ok("客户.xlsx".into()));
        assert_eq!(both("__.xlsx", "%E5%AE%A2%E6%88%B7.xlsx"), Ok("客户.xlsx".into()));
        assert_eq!(both("__.exe", "%E5%AE%A2%E6%88%B7.xlsx"), Err("names-differ"));
        let by_type = "Content-Type: application/pdf; name=a.pdf\r\nContent-Disposition: attachment; filename=a.xlsx";
        assert_eq!(named(by_type), Err("names-differ"));
    }

    #[test]
    fn names_are_cleaned() {
        let one = |name: &str| named(&format!("Content-Disposition: attachment; filename=\"{name}\"")).unwrap();
        assert_eq!(one("..\\..\\etc/客户\u{200b}\u{202e}.xlsx"), "客户.xlsx");
        assert_eq!(one("C:\\\\Users\\\\x\\\\list.csv"), "list.csv");
        assert_eq!(kind("a.XLSX", ""), AttachmentKind::Sheet(FileKind::Xlsx));
        assert_eq!(kind("a.xlsx.exe", "text/csv"), AttachmentKind::Other);
        assert_eq!(kind("", "text/csv"), AttachmentKind::Sheet(FileKind::Csv));
    }

    #[test]
    fn a_zip_that_unpacks_to_far_more_is_told() {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default();
        zip.start_file("a.xml", options).unwrap();
        zip.write_all(&vec![b' '; 40 << 20]).unwrap();
        let bytes = zip.finish().unwrap().into_inner();
        assert!(is_bomb(&bytes, &MimeLimits::default()));
        assert!(!is_bomb(&bytes, &MimeLimits { zip_unpacked_bytes_free: 64 << 20, ..MimeLimits::default() }));
        assert!(
            !is_bomb(&bytes[..bytes.len() / 2], &MimeLimits::default()) && !is_bomb(b"a,b", &MimeLimits::default())
        );
    }
}
