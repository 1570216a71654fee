//! Daybook's mark in a workbook: two custom properties, in a part that may have to be added.
//!
//! Other properties stay as they are. A part that is added needs a relationship and a content type.

use std::io::{Read, Seek};

use super::super::super::package::Package;
use super::super::super::read::ReadFailure;
use super::super::lexer::{Broken, Kind, Lexer, Tag};
use super::super::parts::Parts;
use super::super::properties::{REVISION, SOURCE};
use super::archive::Changes;
use super::content::escape_plain;
use super::edits::Edit;
use super::refusal::not_understood;
use super::sheet::number;

const USUAL_PART: &str = "docProps/custom.xml";
const CONTENT_TYPES: &str = "[Content_Types].xml";
const RELATIONS: &str = "_rels/.rels";
const CONTENT_TYPE: &str = "application/vnd.openxmlformats-officedocument.custom-properties+xml";
/// The set of properties that people and programs may add to.
const USER_DEFINED: &str = "{D5CDD505-2E9C-101B-9397-08002B2CF9AE}";
/// The least number that a property may have.
const PROPERTY_NUMBER_MIN: u32 = 2;

/// The names that the strict and the usual variant of the format have for the same things.
struct Names {
    properties: &'static str,
    types: &'static str,
    relation: &'static str,
}

const USUAL: Names = Names {
    properties: "http://schemas.openxmlformats.org/officeDocument/2006/custom-properties",
    types: "http://schemas.openxmlformats.org/officeDocument/2006/docPropsVTypes",
    relation: "http://schemas.openxmlformats.org/officeDocument/2006/relationships/custom-properties",
};
const STRICT: Names = Names {
    properties: "http://purl.oclc.org/ooxml/officeDocument/customProperties",
    types: "http://purl.oclc.org/ooxml/officeDocument/docPropsVTypes",
    relation: "http://purl.oclc.org/ooxml/officeDocument/relationships/customProperties",
};

/// Writes the mark into the changes.
pub(super) fn mark<R: Read + Seek>(
    package: &mut Package<R>,
    parts: &Parts,
    source: &str,
    revision: u64,
    changes: &mut Changes,
) -> Result<(), ReadFailure> {
    let is_strict = parts.package.iter().any(|relation| relation.kind == "officeDocument" && relation.is_strict);
    let names = if is_strict { &STRICT } else { &USUAL };
    let related = parts.package.iter().find(|relation| super::super::properties::is_custom(&relation.kind));
    let part = related.map_or(USUAL_PART, |relation| relation.target.as_str());
    let values = [(SOURCE, source.to_owned()), (REVISION, revision.to_string())];
    match package.small_bytes(part)? {
        Some(xml) => {
            let edits = set(&xml, names, &values).map_err(|Broken| not_understood("the document's properties"))?;
            changes.edit(package, part, xml, edits)?;
        }
        None => changes.add(part, new_part(names, &values)),
    }
    if related.is_none() {
        change(package, changes, RELATIONS, |xml| relate(xml, names, part))?;
    }
    change(package, changes, CONTENT_TYPES, |xml| declare(xml, part))
}

fn change<R: Read + Seek>(
    package: &mut Package<R>,
    changes: &mut Changes,
    part: &str,
    edits: impl FnOnce(&[u8]) -> Result<Vec<Edit>, Broken>,
) -> Result<(), ReadFailure> {
    let xml = package.small_bytes(part)?.ok_or_else(|| not_understood("the list of its parts"))?;
    let edits = edits(&xml).map_err(|Broken| not_understood("the list of its parts"))?;
    changes.edit(package, part, xml, edits)
}

fn new_part(names: &Names, values: &[(&str, String)]) -> Vec<u8> {
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<Properties xmlns=\"{}\" xmlns:vt=\"{}\">",
        names.properties, names.types
    );
    for (number, (name, value)) in (PROPERTY_NUMBER_MIN..).zip(values) {
        xml.push_str(&property("", number, name, &text_value("vt:", None, value)));
    }
    xml.push_str("</Properties>");
    xml.into_bytes()
}

fn property(prefix: &str, number: u32, name: &str, value: &str) -> String {
    format!("<{prefix}property fmtid=\"{USER_DEFINED}\" pid=\"{number}\" name=\"{name}\">{value}</{prefix}property>")
}

fn text_value(prefix: &str, declared: Option<&str>, value: &str) -> String {
    let declaration = declared.map_or_else(String::new, |types| format!(" xmlns:vt=\"{types}\""));
    format!("<{prefix}lpwstr{declaration}>{}</{prefix}lpwstr>", escape_plain(value))
}

/// Edits that give the properties these values.
fn set(xml: &[u8], names: &Names, values: &[(&str, String)]) -> Result<Vec<Edit>, Broken> {
    let root = Root::of(xml, b"Properties")?;
    let types = root.tag.attributes().find_map(|attribute| {
        let attribute = attribute.ok()?;
        let prefix = str::from_utf8(attribute.name.strip_prefix(b"xmlns:")?).ok()?;
        attribute.value.ends_with(b"docPropsVTypes").then(|| format!("{prefix}:"))
    });
    let text = |value: &str| match &types {
        Some(prefix) => text_value(prefix, None, value),
        None => text_value("vt:", Some(names.types), value),
    };
    let mut edits = Vec::new();
    let mut missing: Vec<&(&str, String)> = values.iter().collect();
    let mut number_max = PROPERTY_NUMBER_MIN - 1;
    let mut lexer = Lexer::new(xml, root.tag.end);
    while root.tag.is_open() {
        let tag = lexer.tag()?;
        if tag.kind == Kind::Close {
            break;
        }
        let inside = lexer.pass(&tag)?.inside;
        number_max = number_max.max(number(&tag, b"pid")?.unwrap_or(0));
        let name = tag.value(b"name")?.unwrap_or_default();
        let Some((wanted, value)) = values.iter().find(|(wanted, _)| wanted.as_bytes() == name) else { continue };
        missing.retain(|(missing, _)| missing != wanted);
        edits.push(inner(&tag, inside, &text(value))?);
    }
    let mut added = String::new();
    for (name, value) in missing {
        number_max = number_max.checked_add(1).ok_or(Broken)?;
        added.push_str(&property(&root.prefix, number_max, name, &text(value)));
    }
    if !added.is_empty() {
        edits.push(root.append(&added)?);
    }
    Ok(edits)
}

/// Another inside for an element.
fn inner(tag: &Tag<'_>, inside: std::ops::Range<usize>, text: &str) -> Result<Edit, Broken> {
    if tag.is_open() {
        return Ok(Edit::replace(inside, text));
    }
    let name = str::from_utf8(tag.name).map_err(|_| Broken)?;
    Ok(Edit::replace(tag.attributes_end()..tag.end, format!(">{text}</{name}>")))
}

/// Edits that add a relationship from the package to the part.
fn relate(xml: &[u8], names: &Names, part: &str) -> Result<Vec<Edit>, Broken> {
    let root = Root::of(xml, b"Relationships")?;
    let mut id = String::from("rIdDaybook");
    while memchr::memmem::find(xml, format!("\"{id}\"").as_bytes()).is_some() {
        id.push('1');
    }
    let relation = format!(
        "<{}Relationship Id=\"{id}\" Type=\"{}\" Target=\"{}\"/>",
        root.prefix,
        names.relation,
        escape_plain(part)
    );
    Ok(vec![root.append(&relation)?])
}

/// Edits that say what the part is; none if it is said.
fn declare(xml: &[u8], part: &str) -> Result<Vec<Edit>, Broken> {
    let root = Root::of(xml, b"Types")?;
    let mut lexer = Lexer::new(xml, root.tag.end);
    while root.tag.is_open() {
        let tag = lexer.tag()?;
        if tag.kind == Kind::Close {
            break;
        }
        let named = tag.value(b"PartName")?.unwrap_or_default();
        if named.strip_prefix(b"/").is_some_and(|named| named.eq_ignore_ascii_case(part.as_bytes())) {
            return Ok(Vec::new());
        }
        lexer.pass(&tag)?;
    }
    let declaration =
        format!("<{}Override PartName=\"/{}\" ContentType=\"{CONTENT_TYPE}\"/>", root.prefix, escape_plain(part));
    Ok(vec![root.append(&declaration)?])
}

/// The outermost element of a part.
struct Root<'a> {
    tag: Tag<'a>,
    prefix: String,
    inside_end: usize,
}

impl<'a> Root<'a> {
    fn of(xml: &'a [u8], name: &[u8]) -> Result<Self, Broken> {
        let mut lexer = Lexer::new(xml, 0);
        let tag = lexer.tag()?;
        let prefix = tag.name.strip_suffix(name).ok_or(Broken)?;
        let prefix = str::from_utf8(prefix).map_err(|_| Broken)?.to_owned();
        let inside_end = lexer.pass(&tag)?.inside.end;
        Ok(Self { tag, prefix, inside_end })
    }

    /// Writes behind the last child.
    fn append(&self, text: &str) -> Result<Edit, Broken> {
        inner(&self.tag, self.inside_end..self.inside_end, text)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::super::edits::Spliced;
    use super::*;

    fn values() -> [(&'static str, String); 2] {
        [(SOURCE, "sales <east>".to_owned()), (REVISION, "42".to_owned())]
    }

    fn edited(xml: &str, edits: Result<Vec<Edit>, Broken>) -> String {
        let mut out = Vec::new();
        Spliced::new(xml.as_bytes().to_vec(), edits.unwrap()).unwrap().write_to(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn other_properties_stay() {
        let xml = r#"<Properties xmlns="u" xmlns:v="http://x/docPropsVTypes"><property fmtid="{1}" pid="7" name="Client"><v:i4>1</v:i4></property><property fmtid="{1}" pid="3" name="Daybook.Revision"><v:i4>41</v:i4></property></Properties>"#;
        let expected = xml.replace("<v:i4>41</v:i4>", "<v:lpwstr>42</v:lpwstr>").replace(
            "</Properties>",
            &format!(r#"<property fmtid="{USER_DEFINED}" pid="8" name="Daybook.Source"><v:lpwstr>sales &lt;east&gt;</v:lpwstr></property></Properties>"#),
        );
        assert_eq!(edited(xml, set(xml.as_bytes(), &USUAL, &values())), expected);
    }

    #[test]
    fn a_mark_that_stands_twice_is_set_twice() {
        let xml = r#"<Properties xmlns:vt="docPropsVTypes"><property name="Daybook.Revision"/><property name="Daybook.Revision">1</property></Properties>"#;
        let set = edited(xml, set(xml.as_bytes(), &USUAL, &values()));
        assert_eq!(set.matches(r#"<property name="Daybook.Revision"><vt:lpwstr>42</vt:lpwstr></property>"#).count(), 2);
    }

    #[test]
    fn an_empty_list_is_opened() {
        let xml = r#"<p:Properties xmlns:p="u"/>"#;
        let set = edited(xml, set(xml.as_bytes(), &STRICT, &values()));
        assert!(
            set.starts_with(r#"<p:Properties xmlns:p="u"><p:property "#) && set.ends_with("</p:Properties>"),
            "{set}"
        );
        assert!(set.contains(&format!(r#"<vt:lpwstr xmlns:vt="{}">42</vt:lpwstr>"#, STRICT.types)), "{set}");
    }

    #[test]
    fn a_part_is_related_and_declared_once() {
        let xml = r#"<Relationships><Relationship Id="rIdDaybook" Target="x"/></Relationships>"#;
        let related = edited(xml, relate(xml.as_bytes(), &USUAL, USUAL_PART));
        assert!(related.contains("Id=\"rIdDaybook1\"") && related.contains(USUAL.relation), "{related}");
        let declared = edited("<Types/>", declare(b"<Types/>", USUAL_PART));
        assert!(declared.starts_with("<Types><Override PartName=\"/docProps/custom.xml\""), "{declared}");
        assert!(super::declare(declared.as_bytes(), USUAL_PART).unwrap().is_empty());
    }
}
