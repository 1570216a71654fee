//! What a workbook says of itself: `docProps/core.xml` and `docProps/custom.xml`.
//!
//! Anyone can write these. They are evidence of where a save comes from and never decide what somebody may do. A part
//! that can't be read is as if it were not there.

use std::io::{Read, Seek};

use super::super::package::{Package, texts};
use super::super::sheet::Properties;

/// The custom property that names the source that Daybook wrote the file for.
pub const SOURCE: &str = "Daybook.Source";
/// The custom property with the revision at which Daybook wrote the file.
pub const REVISION: &str = "Daybook.Revision";

/// Reads the properties that Daybook knows.
pub(in super::super) fn read<R: Read + Seek>(package: &mut Package<R>) -> Properties {
    let mut properties = Properties::default();
    let relations = package.relations("");
    let part = |is_it: &dyn Fn(&str) -> bool, usual: &str| {
        relations
            .iter()
            .find(|relation| is_it(&relation.kind))
            .map_or(usual.to_owned(), |relation| relation.target.clone())
    };
    let core = part(&|kind| kind == "core-properties", "docProps/core.xml");
    if let Some(mut xml) = package.small_part(&core) {
        texts(&mut xml, |path, _, text| match path {
            "lastModifiedBy" => properties.editor = Some(text),
            "modified" => {
                properties.modified_ms = text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond);
            }
            _ => {}
        });
    }
    let custom = part(&is_custom, "docProps/custom.xml");
    if let Some(mut xml) = package.small_part(&custom) {
        texts(&mut xml, |_, property, text| match property {
            SOURCE => properties.source = Some(text),
            // Written as text or as a number, which some programs turn into `12.0`.
            REVISION => properties.revision = text.trim_end_matches(".0").parse().ok(),
            _ => {}
        });
    }
    properties
}

/// Whether a relationship of this kind leads to the custom properties; the strict variant of the format has its own name.
pub(super) fn is_custom(kind: &str) -> bool {
    matches!(kind, "custom-properties" | "customProperties")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::super::super::read::FileKind;
    use super::super::super::trial::{outcome, request};
    use super::*;

    #[test]
    fn the_mark_is_read_back() {
        let mut workbook = rust_xlsxwriter::Workbook::new();
        workbook.add_worksheet().write(0, 0, "Name").unwrap();
        let properties = rust_xlsxwriter::DocProperties::new()
            .set_author("Li & Söhne")
            .set_custom_property(SOURCE, "sales <east>")
            .set_custom_property(REVISION, 42);
        workbook.set_properties(&properties);
        let seen = outcome(workbook.save_to_buffer().unwrap(), &request(FileKind::Xlsx));
        let read = seen.head.unwrap().properties;
        assert_eq!(read.source.as_deref(), Some("sales <east>"));
        assert_eq!(read.revision, Some(42));
        assert_eq!(read.editor.as_deref(), Some("Li & Söhne"));
        assert!(read.modified_ms.unwrap() > 1_700_000_000_000);
    }

    #[test]
    fn a_workbook_without_properties_is_read() {
        let bytes = super::super::super::trial::minimal_xlsx(r"<row><c><v>1</v></c></row>", "");
        assert_eq!(outcome(bytes, &request(FileKind::Xlsx)).head.unwrap().properties, Properties::default());
    }
}
