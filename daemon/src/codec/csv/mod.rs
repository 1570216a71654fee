//! CSV text: its encoding and its delimiter found out, its rows numbered as a spreadsheet program numbers them.
//!
//! A blank line is a row, a quoted field with line breaks is one row, and a first line `sep=;` is none. That is why the
//! fields are split here: readers that skip blank lines lose the numbers. All cells are text. Bytes that no encoding
//! explains refuse the file: a replacement character would be posted as somebody's name.

use std::io::{Read, Seek};

use super::read::ReadFailure;
use super::rows::{Rows, Stop};
use super::shared::Shared;
use super::sheet::Properties;
use layout::Layout;
pub(super) use patch::patch;
use split::Splitter;
use text::Text;

mod patch;

mod check;
mod layout;
mod spans;
mod spelling;
mod split;
mod text;

/// The most bytes of one row; a quote that is never closed would collect the whole file.
const ROW_BYTES_MAX: usize = 4 << 20;

/// Reads the whole file as one sheet.
pub(super) fn read<R: Read + Seek>(mut input: Shared<R>, mut rows: Rows<'_>) -> Result<(), Stop> {
    if rows.request().position > 0 {
        return Err(ReadFailure::no_further_sheet().into());
    }
    let layout = Layout::find(&mut input)?;
    rows.describe(None, Properties::default());
    let mut text = Text::new(&mut input, layout.encoding)?;
    let mut splitter = Splitter::new(layout.delimiter);
    let mut number = 0;
    let mut skip = layout.is_stated;
    while let Some(piece) = text.next()? {
        let mut rest = piece.as_bytes();
        while !rest.is_empty() {
            let (taken, is_row) = splitter.take(rest);
            rest = rest.get(taken..).unwrap_or_default();
            if splitter.length() > ROW_BYTES_MAX {
                let message =
                    format!("Row {} is longer than {ROW_BYTES_MAX} bytes; a quote may be missing.", number + 1);
                return Err(ReadFailure::damaged(message).into());
            }
            if is_row {
                send(&mut splitter, &mut skip, &mut number, &mut rows)?;
            }
        }
    }
    if splitter.is_quoted() {
        return Err(ReadFailure::damaged("The file ends inside a quoted field.").into());
    }
    if splitter.finish() {
        send(&mut splitter, &mut skip, &mut number, &mut rows)?;
    }
    rows.end()
}

fn send(splitter: &mut Splitter, skip: &mut bool, number: &mut u32, rows: &mut Rows<'_>) -> Result<(), Stop> {
    if !std::mem::take(skip) {
        *number += 1;
        rows.push(*number, &splitter.fields())?;
    }
    splitter.clear();
    Ok(())
}

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests {
    use super::super::read::FileKind;
    use super::super::sheet::RawCell;
    use super::super::trial::{Outcome, outcome, request};
    use super::text::CHUNK_BYTES;
    use encoding_rs::{BIG5, GB18030};

    fn read(bytes: &[u8]) -> Outcome {
        outcome(bytes.to_vec(), &request(FileKind::Csv))
    }

    /// The texts of each row's cells.
    fn texts(seen: &Outcome) -> Vec<Vec<String>> {
        let text = |cell: &RawCell| if let RawCell::Text(text) = cell { text.to_string() } else { String::new() };
        seen.cells().iter().map(|row| row.iter().map(|(_, cell)| text(cell)).collect()).collect()
    }

    #[test]
    fn every_encoding_gives_the_same_rows() {
        let written = "姓名,電話,城市\n李雷,13800000000,台北市\n韓梅梅,13900000000,臺中市信義區\n";
        let utf16 = |to_bytes: fn(u16) -> [u8; 2]| {
            std::iter::once(0xFEFF).chain(written.encode_utf16()).flat_map(to_bytes).collect::<Vec<u8>>()
        };
        let plain = read(written.as_bytes());
        assert_eq!(texts(&plain)[1], ["韓梅梅", "13900000000", "臺中市信義區"]);
        let encoded = [
            [b"\xEF\xBB\xBF", written.as_bytes()].concat(),
            GB18030.encode(written).0.into_owned(),
            BIG5.encode(written).0.into_owned(),
            utf16(u16::to_le_bytes),
            utf16(u16::to_be_bytes),
        ];
        for bytes in encoded {
            let seen = read(&bytes);
            assert_eq!(seen.titles(), plain.titles());
            assert_eq!(seen.hashes(), plain.hashes());
        }
    }

    #[test]
    fn chinese_far_behind_ascii_is_found() {
        let mut bytes = b"name,city\n".to_vec();
        bytes.extend(b"li,x\n".repeat(CHUNK_BYTES));
        bytes.extend_from_slice(&GB18030.encode("李雷,上海\n").0);
        let seen = read(&bytes);
        assert_eq!(texts(&seen).last().map(Vec::as_slice), Some(["李雷".to_owned(), "上海".to_owned()].as_slice()));
    }

    #[test]
    fn what_no_encoding_explains_is_refused() {
        assert_eq!(read(b"caf\xE9,x\n").failure.as_deref(), Some("encoding-unknown"));
        assert_eq!(read(b"a,b\n\x00\x01,2\n").failure.as_deref(), Some("not-a-workbook"));
        assert_eq!(read(b"\xFF\xFEa\x00\x00\xD8").failure.as_deref(), Some("encoding-unknown"));
    }

    #[test]
    fn the_delimiter_is_found() {
        for (written, width) in [
            ("a;b;c\n1,5;2,5;x\n", 3),
            ("a\tb\n1,2\t3\n", 2),
            ("a,b\n\"x;y;z\",2\n", 2),
            ("\"a;b\",c,d\n1,2,3\n", 3),
            ("sep=|\na|b\n1|2\n", 2),
            ("alone\nx\n", 1),
        ] {
            let seen = read(written.as_bytes());
            assert_eq!((seen.titles().len(), texts(&seen)[0].len()), (width, width), "{written}");
        }
    }

    #[test]
    fn rows_are_numbered_as_a_spreadsheet_shows_them() {
        for end in ["\n", "\r\n", "\r"] {
            let written = ["a,b", "1,\"x", "y\"", "", "2,\"say \"\"hi\"\"\"", ",", "3"].join(end);
            let seen = read(written.as_bytes());
            assert_eq!(seen.numbers(), [2, 4, 6], "{end:?}");
            assert_eq!(texts(&seen), [vec!["1", "x\ny"], vec!["2", "say \"hi\""], vec!["3"]], "{end:?}");
        }
        assert_eq!(read(b"sep=;\na;b\n1;2\n").numbers(), [2]);
    }

    #[test]
    fn a_quote_that_is_never_closed_is_damage() {
        assert_eq!(read(b"a,b\n1,\"x\n2,y\n").failure.as_deref(), Some("damaged"));
    }
}
