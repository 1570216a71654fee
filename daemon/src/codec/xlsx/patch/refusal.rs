//! Workbooks that are not patched, and why.

use std::io::{Read, Seek};

use super::super::super::package::Package;
use super::super::super::read::ReadFailure;
use super::super::parts::Parts;

/// Refuses workbooks that a patch would harm.
pub(super) fn refuse_kinds<R: Read + Seek>(package: &Package<R>, parts: &Parts) -> Result<(), ReadFailure> {
    let relations = || parts.package.iter().chain(&parts.relations);
    if relations().any(|relation| relation.kind == "origin")
        || package.names().any(|name| name.starts_with("_xmlsignatures/"))
    {
        return Err(ReadFailure::new(
            "signed",
            "The workbook is signed; a change would break the signature.",
            "Remove the signature, or change the workbook by hand and sign it again.",
        ));
    }
    let is_shared = relations().any(|relation| relation.kind == "revisionHeaders");
    if is_shared || package.names().any(|name| name.contains("/revisions/")) {
        return Err(ReadFailure::new(
            "shared-workbook",
            "The workbook keeps a record of changes for several editors (a shared workbook of the old kind).",
            "Stop sharing it in the spreadsheet program's review tools, and save it.",
        ));
    }
    if package.has_doubles() {
        return Err(not_patchable("Two parts of the workbook have the same name."));
    }
    Ok(())
}

/// Refuses XML in other encodings than UTF-8: its bytes can't be spliced.
pub(super) fn refuse_encodings(xml: &[u8]) -> Result<(), ReadFailure> {
    let declaration = xml.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(xml).strip_prefix(b"<?xml");
    let declared = declared_encoding(declaration.unwrap_or_default());
    let is_other =
        declared.is_some_and(|name| !name.eq_ignore_ascii_case(b"utf-8") && !name.eq_ignore_ascii_case(b"us-ascii"));
    if is_other
        || xml.starts_with(b"\xFF\xFE")
        || xml.starts_with(b"\xFE\xFF")
        || xml.get(..64).is_some_and(|head| head.contains(&0))
    {
        return Err(not_patchable("The sheet is written in an unusual encoding."));
    }
    Ok(())
}

fn declared_encoding(declaration: &[u8]) -> Option<&[u8]> {
    let end = memchr::memmem::find(declaration, b"?>")?;
    let declaration = declaration.get(..end)?;
    let at = memchr::memmem::find(declaration, b"encoding")?;
    declaration.get(at..)?.split(|byte| matches!(byte, b'"' | b'\'')).nth(1)
}

/// A workbook that is only read, and why.
pub(super) fn not_patchable(message: &str) -> ReadFailure {
    ReadFailure::new("not-patchable", message, "Open it in a spreadsheet program and save it as an xlsx workbook.")
}

/// A workbook in which something is written in a way that is not understood here.
pub(super) fn not_understood(what: &str) -> ReadFailure {
    not_patchable(&format!("The workbook can't be changed safely: {what} is written in an unusual way."))
}
