//! Workbooks as other programs write them.

#![expect(clippy::unwrap_used, reason = "a failed test may panic")]

use std::io::Cursor;

use jiff::civil::date;
use rust_xlsxwriter::{Format, Workbook};

use super::super::super::patch::{NewCell, patch};
use super::super::super::read::FileKind;
use super::super::super::sheet::RawCell;
use super::super::super::trial::{outcome, request};
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
