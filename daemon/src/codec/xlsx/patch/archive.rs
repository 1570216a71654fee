//! The new file's zip: what nobody changed is copied packed as it is, in the same order.

use std::collections::BTreeMap;
use std::io::{Cursor, Read, Seek, Write};

use zip::result::{ZipError, ZipResult};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use super::super::super::package::Package;
use super::super::super::read::ReadFailure;
use super::edits::{Edit, Spliced};
use super::refusal::{not_patchable, not_understood};

/// What becomes of a workbook's parts.
#[derive(Default)]
pub(super) struct Changes {
    /// By the part's place among the zip's members.
    edited: BTreeMap<usize, Spliced>,
    /// Name and content.
    added: Vec<(String, Vec<u8>)>,
}

impl Changes {
    /// Edits a part; the bytes are the part's own.
    pub(super) fn edit<R: Read + Seek>(
        &mut self,
        package: &mut Package<R>,
        part: &str,
        bytes: Vec<u8>,
        edits: Vec<Edit>,
    ) -> Result<(), ReadFailure> {
        let spliced = Spliced::new(bytes, edits).ok_or_else(|| not_understood("a part"))?;
        self.splice(package, part, spliced)
    }

    /// Takes an edited part.
    pub(super) fn splice<R: Read + Seek>(
        &mut self,
        package: &mut Package<R>,
        part: &str,
        spliced: Spliced,
    ) -> Result<(), ReadFailure> {
        let place = package.place(part).ok_or_else(|| not_understood("a part"))?;
        if spliced.is_edited() && self.edited.insert(place, spliced).is_some() {
            return Err(not_understood("a part that serves two purposes"));
        }
        Ok(())
    }

    /// Adds a part.
    pub(super) fn add(&mut self, part: &str, bytes: Vec<u8>) {
        self.added.push((part.to_owned(), bytes));
    }

    /// How many parts are added.
    pub(super) fn added(&self) -> usize {
        self.added.len()
    }
}

/// A zip's bytes, and the edits of its members by their places.
type Written = (Vec<u8>, BTreeMap<usize, Vec<Edit>>);

/// Makes the new file, and gives the edits that were carried out.
pub(super) fn write<R: Read + Seek>(
    zip: &mut ZipArchive<R>,
    changes: Changes,
    bytes_expected: usize,
) -> Result<Written, ReadFailure> {
    try_write(zip, changes, bytes_expected).map_err(|error| match error {
        ZipError::Io(_) => ReadFailure::truncated(),
        _ => not_patchable("The workbook is packed in a way that can't be kept."),
    })
}

fn try_write<R: Read + Seek>(
    zip: &mut ZipArchive<R>,
    mut changes: Changes,
    bytes_expected: usize,
) -> ZipResult<Written> {
    let mut out = ZipWriter::new(Cursor::new(Vec::with_capacity(bytes_expected)));
    let mut edited = BTreeMap::new();
    for index in 0..zip.len() {
        let member = zip.by_index_raw(index)?;
        let Some(spliced) = changes.edited.remove(&index) else {
            out.raw_copy_file(member)?;
            continue;
        };
        let (name, options) = (member.name()?.into_owned(), member.options());
        if !name.is_ascii() {
            return Err(ZipError::InvalidArchive("an edited part has a name that can't be kept".into()));
        }
        drop(member);
        out.start_file(name, options)?;
        // Pieces are as small as the edits are; the packer likes larger ones.
        let mut buffered = std::io::BufWriter::with_capacity(1 << 16, &mut out);
        spliced.write_to(&mut buffered)?;
        buffered.flush()?;
        drop(buffered);
        edited.insert(index, spliced.into_edits());
    }
    for (name, bytes) in &changes.added {
        out.start_file(name.as_str(), SimpleFileOptions::default())?;
        out.write_all(bytes)?;
    }
    out.set_raw_comment(zip.comment().into())?;
    Ok((out.finish()?.into_inner(), edited))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use zip::CompressionMethod;

    use super::super::super::super::shared::Shared;
    use super::*;

    #[test]
    fn members_are_kept_as_they_are_packed() {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        writer.add_directory("xl/", stored).unwrap();
        for (name, options) in [("xl/b", stored), ("A", SimpleFileOptions::default()), ("图.png", stored)] {
            writer.start_file(name, options).unwrap();
            writer.write_all(&[b'x'; 1000]).unwrap();
        }
        writer.set_comment("a comment").unwrap();
        let bytes = writer.finish().unwrap().into_inner();
        let mut package = Package::open(Shared::new(Cursor::new(bytes.as_slice())).unwrap(), 1 << 20).unwrap();
        let mut changes = Changes::default();
        changes.edit(&mut package, "XL\\B", vec![b'x'; 1000], vec![Edit::replace(0..999, "yy")]).unwrap();
        changes.add("new", b"1".to_vec());
        let mut new = ZipArchive::new(Cursor::new(write(package.zip(), changes, 0).unwrap().0)).unwrap();
        let mut seen = Vec::new();
        for index in 0..new.len() {
            let member = new.by_index(index).unwrap();
            let (name, size, method) = (member.name().unwrap().into_owned(), member.size(), member.compression());
            seen.push((name, size, method == CompressionMethod::Stored));
        }
        let expected =
            [("xl/", 0, true), ("xl/b", 3, true), ("A", 1000, false), ("图.png", 1000, true), ("new", 1, false)];
        assert_eq!(seen, expected.map(|(name, size, is_stored)| (name.to_owned(), size, is_stored)));
        assert_eq!(new.comment(), b"a comment");
    }
}
