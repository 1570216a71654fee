//! A workbook's zip, checked before a parser sees it, and its small parts.
//!
//! Parsers trust what a zip says of itself. Here the sizes are added up, the shared strings' declared count is compared
//! with what the part could hold, and parts are found the way that the relationships say.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Seek};

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use zip::ZipArchive;
use zip::result::ZipError;

use super::read::{FileKind, ReadFailure};
use super::shared::Shared;

/// The most parts of a package; workbooks with many pictures have some thousands.
const PARTS_MAX: usize = 50_000;
/// A part above this size must not be packed tighter than [`RATIO_MAX`]. Sheets of one repeated row reach about 100,
/// deflate ends at 1032.
const RATIO_FREE_BYTES: u64 = 16 << 20;
const RATIO_MAX: u64 = 400;
/// The most bytes of a small part: relationships, the list of sheets, properties.
const SMALL_PART_BYTES_MAX: u64 = 8 << 20;
/// The most bytes of one property's text.
const PROPERTY_BYTES_MAX: usize = 1024;

/// A readable part with the settings that the workbook parser uses too.
pub(super) type Xml<'a, R> = quick_xml::Reader<BufReader<std::io::Take<zip::read::ZipFile<'a, Shared<R>>>>>;

/// A checked zip.
pub(super) struct Package<R> {
    zip: ZipArchive<Shared<R>>,
    /// Where each part stands, by its name in lower case with `/`: writers disagree on both.
    places: HashMap<String, usize>,
}

/// A relationship: the part that it leads to and the last word of its type.
pub(super) struct Relation {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) target: String,
    /// Whether its type is one of the strict variant of the format.
    pub(super) is_strict: bool,
}

impl<R: Read + Seek> Package<R> {
    /// Opens a zip and checks its sizes.
    ///
    /// # Errors
    /// `truncated` without a readable directory, `encrypted`, `too-large`.
    pub(super) fn open(input: Shared<R>, unpacked_bytes_max: u64) -> Result<Self, ReadFailure> {
        let mut zip = ZipArchive::new(input).map_err(|_| ReadFailure::truncated())?;
        if zip.len() > PARTS_MAX {
            return Err(ReadFailure::too_large(format!("The workbook has more than {PARTS_MAX} parts.")));
        }
        let mut places = HashMap::with_capacity(zip.len());
        let mut unpacked = 0_u64;
        for index in 0..zip.len() {
            let part = zip.by_index_raw(index).map_err(|_| ReadFailure::truncated())?;
            if part.encrypted() {
                return Err(ReadFailure::encrypted());
            }
            let (size, packed) = (part.size(), part.compressed_size());
            unpacked = unpacked.saturating_add(size);
            if unpacked > unpacked_bytes_max {
                let message = format!("Unpacked, the workbook has more than {unpacked_bytes_max} bytes.");
                return Err(ReadFailure::too_large(message));
            }
            if size > RATIO_FREE_BYTES && size / packed.max(1) > RATIO_MAX {
                return Err(ReadFailure::too_large("A part of the workbook unpacks to hundreds of times its size."));
            }
            let name = part.name().map_err(|_| ReadFailure::damaged("A part of the workbook has no readable name."))?;
            places.insert(normal(&name), index);
        }
        Ok(Self { zip, places })
    }

    /// What the parts say that the file is.
    pub(super) fn kind(&mut self) -> Result<FileKind, ReadFailure> {
        if self.has("content.xml") {
            return Ok(FileKind::Ods);
        }
        if self.has("xl/workbook.bin") {
            return Ok(FileKind::Xlsb);
        }
        if self.has("[content_types].xml") && !self.has("word/document.xml") && !self.has("ppt/presentation.xml") {
            return Ok(FileKind::Xlsx);
        }
        Err(ReadFailure::not_a_workbook("The file is a zip that holds no workbook."))
    }

    fn has(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    /// The size of a part, unpacked, as the zip declares it; `None` if there is no such part.
    pub(super) fn size(&mut self, name: &str) -> Option<u64> {
        let index = *self.places.get(&normal(name))?;
        self.zip.by_index_raw(index).ok().map(|part| part.size())
    }

    /// A part, as XML; `None` if there is none or it can't be opened.
    pub(super) fn part(&mut self, name: &str) -> Option<Xml<'_, R>> {
        self.part_within(name, u64::MAX)
    }

    /// A part's bytes; `None` if there is none or it can't be opened.
    pub(super) fn stream(&mut self, name: &str) -> Option<impl Read> {
        let index = *self.places.get(&normal(name))?;
        self.zip.by_index(index).ok()
    }

    /// A part that is read only so far.
    pub(super) fn part_within(&mut self, name: &str, bytes_max: u64) -> Option<Xml<'_, R>> {
        let index = *self.places.get(&normal(name))?;
        let part = self.zip.by_index(index).ok()?;
        let mut xml = quick_xml::Reader::from_reader(BufReader::new(part.take(bytes_max)));
        let config = xml.config_mut();
        config.check_end_names = false;
        config.check_comments = false;
        config.trim_text(false);
        config.expand_empty_elements = true;
        Some(xml)
    }

    /// A small part, as XML.
    pub(super) fn small_part(&mut self, name: &str) -> Option<Xml<'_, R>> {
        self.part_within(name, SMALL_PART_BYTES_MAX)
    }

    /// The names of all parts, in lower case with `/`.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.places.keys().map(String::as_str)
    }

    /// Where a part stands among the zip's members.
    pub(super) fn place(&self, name: &str) -> Option<usize> {
        self.places.get(&normal(name)).copied()
    }

    /// A whole part that is at most so large; `None` if there is none.
    ///
    /// # Errors
    /// `too-large`; `truncated` if it can't be unpacked.
    pub(super) fn bytes(&mut self, name: &str, bytes_max: u64) -> Result<Option<Vec<u8>>, ReadFailure> {
        let Some(index) = self.place(name) else { return Ok(None) };
        let part = self.zip.by_index(index).map_err(|error| zip_failure(&error))?;
        let size = part.size();
        if size > bytes_max {
            return Err(ReadFailure::too_large(format!("A part of the workbook has more than {bytes_max} bytes.")));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
        // A part may hold more than the zip says of it.
        part.take(size + 1).read_to_end(&mut bytes).map_err(|_| ReadFailure::truncated())?;
        if bytes.len() as u64 > size { Err(ReadFailure::truncated()) } else { Ok(Some(bytes)) }
    }

    /// A small part's bytes.
    pub(super) fn small_bytes(&mut self, name: &str) -> Result<Option<Vec<u8>>, ReadFailure> {
        self.bytes(name, SMALL_PART_BYTES_MAX)
    }

    /// The zip itself.
    pub(super) fn zip(&mut self) -> &mut ZipArchive<Shared<R>> {
        &mut self.zip
    }

    /// Whether two members have the same name but for case and slashes; which is meant is a guess then.
    pub(super) fn has_doubles(&self) -> bool {
        self.zip.has_duplicate_names() || self.places.len() != self.zip.len()
    }

    /// The relationships of a part (`""` for the package's own); empty if there are none.
    pub(super) fn relations(&mut self, of: &str) -> Vec<Relation> {
        let (folder, file) = of.rsplit_once('/').unwrap_or(("", of));
        let slash = if folder.is_empty() { "" } else { "/" };
        let mut relations = Vec::new();
        let Some(mut xml) = self.small_part(&format!("{folder}{slash}_rels/{file}.rels")) else { return relations };
        elements(&mut xml, |element| {
            if element.local_name().as_ref() != "Relationship" {
                return true;
            }
            let kind = attribute(element, "Type").unwrap_or_default();
            let target = attribute(element, "Target").unwrap_or_default();
            relations.push(Relation {
                id: attribute(element, "Id").unwrap_or_default(),
                kind: kind.rsplit('/').next().unwrap_or_default().to_owned(),
                target: match target.strip_prefix('/') {
                    Some(absolute) => absolute.to_owned(),
                    None => resolved(&format!("{folder}{slash}{target}")),
                },
                is_strict: kind.starts_with("http://purl.oclc.org/"),
            });
            true
        });
        relations
    }
}

/// Whether the error of a parser comes from the zip itself, and then which failure it is.
pub(super) fn zip_failure(error: &ZipError) -> ReadFailure {
    match error {
        ZipError::FileNotFound => ReadFailure::damaged("A part of the workbook is missing."),
        ZipError::InvalidPassword => ReadFailure::encrypted(),
        ZipError::CompressionMethodNotSupported(_) | ZipError::UnsupportedArchive(_) => {
            ReadFailure::unreadable("The workbook is packed in a way that is not read here.")
        }
        _ => ReadFailure::truncated(),
    }
}

/// Calls `take` with each element's start until it says `false`; ends silently at what is no XML.
pub(super) fn elements<B: BufRead>(xml: &mut quick_xml::Reader<B>, mut take: impl FnMut(&BytesStart<'_>) -> bool) {
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        match xml.read_event_into(&mut buffer) {
            Ok(Event::Start(element)) if take(&element) => {}
            Ok(Event::Start(_) | Event::Eof) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

/// An attribute's value by its local name.
pub(super) fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let mut attributes = element.attributes();
    attributes.with_checks(false);
    attributes.filter_map(Result::ok).find(|attribute| attribute.key.local_name().as_ref() == name).and_then(
        |attribute| attribute.normalized_value(XmlVersion::Implicit1_0).ok().map(std::borrow::Cow::into_owned),
    )
}

/// Calls `take` with each text that is not empty: the element that holds it, and the `name` of the `property` around it.
pub(super) fn texts<R: Read + Seek>(xml: &mut Xml<'_, R>, mut take: impl FnMut(&str, &str, String)) {
    let mut buffer = Vec::new();
    let (mut element, mut property, mut text) = (String::new(), String::new(), String::new());
    loop {
        buffer.clear();
        match xml.read_event_into(&mut buffer) {
            Ok(Event::Start(start)) => {
                start.local_name().as_ref().clone_into(&mut element);
                if element == "property" || element == "user-defined" {
                    property = attribute(&start, "name").unwrap_or_default();
                }
                text.clear();
            }
            Ok(Event::Text(piece)) if text.len() + piece.len() <= PROPERTY_BYTES_MAX => text.push_str(&piece),
            Ok(Event::GeneralRef(name)) if text.len() <= PROPERTY_BYTES_MAX => match name.resolve_char_ref() {
                Ok(Some(character)) => text.push(character),
                Ok(None) | Err(_) => {
                    text.push_str(quick_xml::escape::resolve_predefined_entity(&name).unwrap_or_default());
                }
            },
            Ok(Event::End(_)) => {
                if !text.trim().is_empty() {
                    take(&element, &property, text.trim().to_owned());
                }
                text.clear();
            }
            Ok(Event::Eof) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

/// A path without `.` and `..`.
fn resolved(path: &str) -> String {
    let mut steps = Vec::new();
    for step in path.split(['/', '\\']) {
        match step {
            "." => {}
            ".." => {
                steps.pop();
            }
            step => steps.push(step),
        }
    }
    steps.join("/")
}

fn normal(name: &str) -> String {
    name.replace('\\', "/").to_ascii_lowercase()
}
