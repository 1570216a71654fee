//! Workbooks as other programs write them.

#![expect(clippy::unwrap_used, reason = "a failed test may panic")]

use std::io::Cursor;

use jiff::civil::date;
use rust_xlsxwriter::{Format, Workbook};

use super::super::super::patch::{NewCell, patch};
use super::super::super::read::FileKind;
use super::super::super::sheet::RawCell;
use super::super::super::trial::{minimal_xlsx, outcome, request, zipped};
use super::tests::asked;

#[test]
fn dates_are_dates_beside_checkboxes() {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    let day = Format::new().set_num_format("yyyy-mm-dd");
    for (column, title) in (0..).zip(["Done", "Since"]) {
        sheet.write(0, column, title).unwrap();
    }
    sheet.insert_checkbox(1, 0, true).unwrap();
    sheet.write_with_format(1, 1, 46_000, &day).unwrap();
    let bytes = workbook.save_to_buffer().unwrap();
    let new = date(2026, 3, 1);
    let asked = asked(&bytes, &[(2, 0, NewCell::Boolean(false)), (2, 1, NewCell::Date(new))]);
    let (patched, bytes) = patch(Cursor::new(bytes), &asked).unwrap();
    assert_eq!(patched.refused, []);
    let expected = [(0, RawCell::Boolean(false)), (1, RawCell::DateTime(new.at(0, 0, 0, 0)))];
    assert_eq!(outcome(bytes, &request(FileKind::Xlsx)).cells(), [expected]);
}

/// A compound file of two sectors, with one empty stream of this name.
fn compound(stream: &str) -> Vec<u8> {
    const END: [u8; 4] = 0xFFFF_FFFE_u32.to_le_bytes();
    let entry = |name: &str| {
        let mut entry: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let length = u16::try_from(entry.len() + 2).unwrap();
        entry.resize(128, 0);
        entry[64..66].copy_from_slice(&length.to_le_bytes());
        entry[116..120].copy_from_slice(&END);
        entry
    };
    let mut head = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1".to_vec();
    head.resize(512, 0xFF);
    head[30..32].copy_from_slice(&9_u16.to_le_bytes());
    head[48..52].copy_from_slice(&1_u32.to_le_bytes());
    head[76..80].copy_from_slice(&0_u32.to_le_bytes());
    let mut table = [0xFFFF_FFFD_u32.to_le_bytes(), END].concat();
    table.resize(512, 0xFF);
    let mut directory = [entry("Root Entry"), entry(stream)].concat();
    directory.resize(512, 0);
    [head, table, directory].concat()
}

#[test]
fn formats_that_are_only_read_are_not_patched() {
    let xlsb = || zipped(&[("[Content_Types].xml", "<Types/>"), ("xl/workbook.bin", "")]);
    let ods = || zipped(&[("mimetype", ""), ("content.xml", "<x/>")]);
    for (what, bytes, code, kind) in [
        ("xls", compound("Workbook"), "not-patchable", FileKind::Xls),
        ("an xls with another name", compound("Workbook"), "not-patchable", FileKind::Xlsx),
        ("xlsb", xlsb(), "not-patchable", FileKind::Xlsb),
        ("an xlsb with another name", xlsb(), "not-patchable", FileKind::Xlsx),
        ("ods", ods(), "not-patchable", FileKind::Ods),
        ("an encrypted xlsx", compound("EncryptedPackage"), "encrypted", FileKind::Xlsx),
    ] {
        let mut asked = asked(&minimal_xlsx("<row><c t=\"str\"><v>A</v></c></row>", ""), &[(2, 0, NewCell::Blank)]);
        asked.read.kind = kind;
        assert_eq!(patch(Cursor::new(bytes), &asked).unwrap_err().code, code, "{what}");
    }
}
