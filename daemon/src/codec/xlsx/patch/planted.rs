//! Defects planted into a new file: the check finds each of them, and no file is given out.

#![expect(clippy::unwrap_used, reason = "a failed test may panic")]

use std::io::{Cursor, Read, Write};

use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use super::super::super::patch::{NewCell, PatchRequest};
use super::super::super::trial::{minimal_parts, zipped};
use super::checked;
use super::draft::Draft;
use super::tests::{SHEET, asked};

/// Three rows below a heading, with answers in column D, a formula in C3 and a cell beyond the limit of columns.
fn office() -> (Vec<u8>, PatchRequest) {
    let text = |place: &str, text: &str| format!("<c r=\"{place}\" t=\"str\"><v>{text}</v></c>");
    let titles =
        ["A", "B", "C", "Answer"].iter().zip(["A2", "B2", "C2", "D2"]).map(|(title, place)| text(place, title));
    let titles: String = titles.collect();
    let rows = format!(
        "<row r=\"1\">{}</row><row r=\"2\">{titles}</row><row r=\"3\">{}<c r=\"C3\"><f>1+1</f><v>2</v></c>{}</row>\
         <row r=\"4\">{}{}{}</row>",
        text("A1", "heading"),
        text("A3", "one"),
        text("D3", "told"),
        text("A4", "two"),
        text("D4", "told"),
        text("ZZ4", "far"),
    );
    let parts = minimal_parts(&rows, "");
    let parts: Vec<(&str, &str)> = parts.iter().map(|(name, part)| (*name, part.as_str())).collect();
    let bytes = zipped(&parts);
    let mut request = asked(&bytes, &[]);
    request.read.header_row = 2;
    request.read.answer_header = Some("Answer".into());
    (bytes, request)
}

fn with(request: &PatchRequest, bytes: &[u8], cells: &[(u32, u32, NewCell)]) -> PatchRequest {
    let mut request = request.clone();
    let numbers: Vec<u32> = cells.iter().map(|(number, ..)| *number).collect();
    let reading = super::check::Reading::of(bytes, &request.read, &numbers).unwrap();
    request.rows = asked(bytes, cells).rows;
    for row in &mut request.rows {
        row.hash = reading.hash(row.number, &request.read);
    }
    request
}

fn text(text: &str) -> NewCell {
    NewCell::Text(text.into())
}

/// The zip with one member's text replaced and all others as they are packed.
fn tampered(bytes: &[u8], member: &str, from: &str, to: &str) -> Vec<u8> {
    let mut zip = ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut out = ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..zip.len() {
        let name = zip.by_index_raw(index).unwrap().name().unwrap().into_owned();
        if name != member {
            out.raw_copy_file(zip.by_index_raw(index).unwrap()).unwrap();
            continue;
        }
        let mut text = String::new();
        zip.by_index(index).unwrap().read_to_string(&mut text).unwrap();
        assert!(text.contains(from), "{text}");
        out.start_file(name, SimpleFileOptions::default()).unwrap();
        out.write_all(text.replace(from, to).as_bytes()).unwrap();
    }
    out.finish().unwrap().into_inner()
}

/// Holds that what was made for one request does not pass for another.
#[track_caller]
fn rejects(made_for: &[(u32, u32, NewCell)], asked_for: &[(u32, u32, NewCell)], why: &str) {
    let (original, request) = office();
    let draft = Draft::make(&original, &with(&request, &original, made_for)).unwrap();
    let failure = checked(&original, &draft.bytes, &draft, &with(&request, &original, asked_for)).unwrap_err();
    assert_eq!(failure.code, "patch-check-failed");
    assert!(failure.message.contains(why), "{}", failure.message);
}

#[test]
fn what_was_asked_for_passes() {
    let (original, request) = office();
    let cells = [(3, 0, text("x")), (3, 2, text("x")), (4, 3, text("answer"))];
    let request = with(&request, &original, &cells);
    let draft = Draft::make(&original, &request).unwrap();
    let patched = checked(&original, &draft.bytes, &draft, &request).unwrap();
    assert_eq!((patched.rows.len(), patched.refused.len()), (2, 1));
}

#[test]
fn a_wrong_value_is_found() {
    let row = "row 3 does not hold what was to be written";
    rejects(&[(3, 0, text("x"))], &[(3, 0, text("y"))], row);
    rejects(&[(3, 0, text("1"))], &[(3, 0, NewCell::Boolean(true))], row);
    rejects(&[(3, 0, NewCell::Number("1".into()))], &[(3, 0, text("1"))], row);
    rejects(&[(3, 0, text("x"))], &[(3, 0, NewCell::Blank)], row);
}

#[test]
fn a_wrong_cell_is_found() {
    let row = "row 3 does not hold what was to be written";
    rejects(&[(3, 1, text("x"))], &[(3, 0, text("x"))], row);
    rejects(&[(3, 0, text("x")), (3, 1, text("z"))], &[(3, 0, text("x"))], row);
    rejects(&[(3, 0, text("x")), (3, 3, text("z"))], &[(3, 0, text("x"))], row);
    rejects(&[(3, 0, text("x")), (4, 0, text("z"))], &[(3, 0, text("x"))], "another row differs");
    rejects(&[(3, 0, text("x")), (5, 0, text("z"))], &[(3, 0, text("x"))], "another row differs");
    rejects(&[(3, 0, text("x")), (4, 3, text("z"))], &[(3, 0, text("x"))], "an answer");
    rejects(&[(1, 0, text("z")), (3, 0, text("x"))], &[(3, 0, text("x"))], "an answer, a title");
    rejects(&[(2, 6, text("z")), (3, 0, text("x"))], &[(3, 0, text("x"))], "titles are others");
    rejects(&[(3, 0, text("x")), (3, 2, text("x"))], &[(3, 0, text("x"))], "nobody asked for");
}

#[test]
fn bytes_that_nobody_edited_are_found() {
    let (original, request) = office();
    let request = with(&request, &original, &[(3, 0, text("x"))]);
    let draft = Draft::make(&original, &request).unwrap();
    for (member, from, to, why) in [
        // What the reader does not look at.
        (SHEET, "<row r=\"4\">", "<row r=\"4\" ht=\"9\">", "differs where nothing was edited"),
        (SHEET, "far", "fat", "differs where nothing was edited"),
        ("xl/sharedStrings.xml", "<sst/>", "<sst></sst>", "a part that nobody edited differs"),
        (SHEET, "<f>1+1</f>", "", "a formula is gone"),
        ("docProps/custom.xml", ">7<", ">8<", "it does not carry the right mark"),
    ] {
        let result = tampered(&draft.bytes, member, from, to);
        let failure = checked(&original, &result, &draft, &request).unwrap_err();
        assert_eq!(failure.code, "patch-check-failed");
        assert!(failure.message.contains(why), "{why}: {}", failure.message);
    }
}
