//! CSV text: its encoding and its delimiter found out, its rows numbered as a spreadsheet program numbers them.
//!
//! A blank line is a row, a quoted field with line breaks is one row, and a first line `sep=;` is none. That is why the
//! fields are split here: readers that skip blank lines lose the numbers. All cells are text. Bytes that no encoding
//! explains refuse the file: a replacement character would be posted as somebody's name.

use std::io::{self, Read, Seek, SeekFrom};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{BIG5, Decoder, DecoderResult, Encoding, GB18030, UTF_8};

use super::read::{ReadFailure, broken_input};
use super::rows::{Rows, Stop};
use super::shared::Shared;
use super::sheet::Properties;

/// How many bytes are read at a time.
const CHUNK_BYTES: usize = 64 << 10;
/// How many bytes with Chinese in them are judged to tell the two encodings of Chinese apart.
const JUDGED_BYTES: usize = 1 << 20;
/// How many rows are looked at to find the delimiter.
const JUDGED_ROWS: usize = 50;
/// The most bytes of one row; a quote that is never closed would collect the whole file.
const ROW_BYTES_MAX: usize = 4 << 20;
const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];

/// Reads the whole file as one sheet.
pub(super) fn read<R: Read + Seek>(mut input: Shared<R>, mut rows: Rows<'_>) -> Result<(), Stop> {
    let encoding = detect(&mut input)?;
    let sample = sample(&mut Text::new(&mut input, encoding)?)?;
    let (delimiter, stated_line) = delimiter(&sample);
    rows.describe(None, Properties::default());
    let mut text = Text::new(&mut input, encoding)?;
    let mut splitter = Splitter::new(delimiter);
    let mut number = 0;
    let mut skip = stated_line;
    while let Some(piece) = text.next()? {
        let mut rest = piece.as_bytes();
        while !rest.is_empty() {
            let (taken, is_row) = splitter.take(rest);
            rest = rest.get(taken..).unwrap_or_default();
            if splitter.bytes.len() > ROW_BYTES_MAX {
                let message =
                    format!("Row {} is longer than {ROW_BYTES_MAX} bytes; a quote may be missing.", number + 1);
                return Err(ReadFailure::damaged(message).into());
            }
            if is_row {
                send(&mut splitter, &mut skip, &mut number, &mut rows)?;
            }
        }
    }
    if splitter.state == State::Quoted {
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

/// Finds the encoding under which the whole file is valid.
///
/// # Errors
/// `encoding-unknown` if there is none, `not-a-workbook` for binary content.
fn detect<R: Read + Seek>(input: &mut Shared<R>) -> Result<&'static Encoding, ReadFailure> {
    let mut head = [0; 3];
    let count = read_chunk(input, 0, &mut head)?;
    if let Some((encoding, _)) = Encoding::for_bom(&head[..count]) {
        return Ok(encoding);
    }
    if is_valid(input, UTF_8)? {
        return Ok(UTF_8);
    }
    match (is_valid(input, GB18030)?, is_valid(input, BIG5)?) {
        (true, false) => Ok(GB18030),
        (false, true) => Ok(BIG5),
        (true, true) => judge(input),
        (false, false) => Err(ReadFailure::new(
            "encoding-unknown",
            "The text is neither UTF-8 nor UTF-16 with a mark, nor GB18030, nor Big5.",
            "Save it as an xlsx workbook, or as `CSV UTF-8`.",
        )),
    }
}

/// Whether the whole file decodes without an error, without NUL and without characters for private use: a wrong guess
/// between the encodings of Chinese often gives those.
fn is_valid<R: Read + Seek>(input: &mut Shared<R>, encoding: &'static Encoding) -> Result<bool, ReadFailure> {
    let mut text = Text::new(input, encoding)?;
    loop {
        match text.next() {
            Ok(Some(piece)) => {
                if encoding != UTF_8 && piece.chars().any(|character| matches!(character, '\u{E000}'..='\u{F8FF}')) {
                    return Ok(false);
                }
            }
            Ok(None) => return Ok(true),
            Err(failure) if failure.code == "encoding-unknown" => return Ok(false),
            Err(failure) => return Err(failure),
        }
    }
}

/// Tells GB18030 from Big5 where both would be valid.
fn judge<R: Read + Seek>(input: &mut Shared<R>) -> Result<&'static Encoding, ReadFailure> {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut judged = 0;
    let mut at = 0;
    loop {
        let count = read_chunk(input, at, &mut chunk)?;
        let bytes = &chunk[..count];
        at += count as u64;
        let is_last = count == 0 || judged >= JUDGED_BYTES;
        detector.feed(bytes, is_last);
        if is_last {
            break;
        }
        if !bytes.is_ascii() {
            judged += count;
        }
    }
    // Of all that it knows, only these two are possible here; whatever else it guesses is the likelier one of them.
    Ok(if detector.guess(None, Utf8Detection::Deny) == BIG5 { BIG5 } else { GB18030 })
}

fn read_chunk<R: Read + Seek>(input: &mut Shared<R>, at: u64, bytes: &mut [u8]) -> Result<usize, ReadFailure> {
    let mut fill = || -> io::Result<usize> {
        input.seek(SeekFrom::Start(at))?;
        let mut count = 0;
        while count < bytes.len() {
            match input.read(&mut bytes[count..])? {
                0 => break,
                more => count += more,
            }
        }
        Ok(count)
    };
    fill().map_err(|error| broken_input(&error))
}

/// The file's text, decoded piece by piece. Never a replacement character.
struct Text<'a, R> {
    input: &'a mut Shared<R>,
    decoder: Decoder,
    chunk: Vec<u8>,
    at: u64,
    decoded: String,
    is_done: bool,
}

impl<'a, R: Read + Seek> Text<'a, R> {
    /// # Errors
    /// If the input can't be sought.
    fn new(input: &'a mut Shared<R>, encoding: &'static Encoding) -> Result<Self, ReadFailure> {
        input.seek(SeekFrom::Start(0)).map_err(|error| broken_input(&error))?;
        let decoder = encoding.new_decoder_with_bom_removal();
        Ok(Self { input, decoder, chunk: vec![0; CHUNK_BYTES], at: 0, decoded: String::new(), is_done: false })
    }

    /// The next piece; `None` at the end.
    fn next(&mut self) -> Result<Option<&str>, ReadFailure> {
        if self.is_done {
            return Ok(None);
        }
        let count = read_chunk(self.input, self.at, &mut self.chunk)?;
        self.at += count as u64;
        self.is_done = count == 0;
        let bytes = &self.chunk[..count];
        self.decoded.clear();
        let room = self.decoder.max_utf8_buffer_length_without_replacement(count).unwrap_or(CHUNK_BYTES * 4);
        self.decoded.reserve(room);
        let (result, _) = self.decoder.decode_to_string_without_replacement(bytes, &mut self.decoded, self.is_done);
        match result {
            DecoderResult::InputEmpty => {}
            DecoderResult::OutputFull | DecoderResult::Malformed(..) => {
                let name = self.decoder.encoding().name();
                return Err(ReadFailure::new(
                    "encoding-unknown",
                    format!("The text is not valid {name} all through."),
                    "Save it as an xlsx workbook, or as `CSV UTF-8`.",
                ));
            }
        }
        if self.decoded.contains('\0') {
            return Err(ReadFailure::not_a_workbook("The file is no text: it holds NUL characters."));
        }
        Ok(Some(&self.decoded))
    }
}

/// The text's beginning.
fn sample<R: Read + Seek>(text: &mut Text<'_, R>) -> Result<String, ReadFailure> {
    let mut sample = String::new();
    while sample.len() < CHUNK_BYTES {
        match text.next()? {
            Some(piece) => sample.push_str(piece),
            None => break,
        }
    }
    Ok(sample)
}

/// The delimiter, and whether the first line only states it.
///
/// It is the one that gives most rows the same number of fields, above one; of equal ones the one with more fields.
fn delimiter(sample: &str) -> (u8, bool) {
    let first = sample.lines().next().unwrap_or_default();
    if let [b's' | b'S', b'e' | b'E', b'p' | b'P', b'=', delimiter @ (b',' | b';' | b'\t' | b'|')] = first.as_bytes() {
        return (*delimiter, true);
    }
    let mut best = (0, 0);
    let mut chosen = b',';
    for delimiter in DELIMITERS {
        let widths = widths(sample, delimiter);
        let Some(width) = widths.iter().copied().find(|width| *width > 1) else { continue };
        let score = (widths.iter().filter(|other| **other == width).count(), width);
        if score > best {
            best = score;
            chosen = delimiter;
        }
    }
    (chosen, false)
}

/// The numbers of fields of the first rows that are not blank; the last row of the sample may be cut and does not count
/// unless it is the only one.
fn widths(sample: &str, delimiter: u8) -> Vec<usize> {
    let mut splitter = Splitter::new(delimiter);
    let mut widths = Vec::new();
    let mut rest = sample.as_bytes();
    while !rest.is_empty() && widths.len() < JUDGED_ROWS {
        let (taken, is_row) = splitter.take(rest);
        rest = rest.get(taken..).unwrap_or_default();
        if is_row {
            if !splitter.is_blank() {
                widths.push(splitter.ends.len());
            }
            splitter.clear();
        }
    }
    if widths.is_empty() && splitter.finish() {
        widths.push(splitter.ends.len());
    }
    widths
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// At the start of a field.
    Start,
    /// In a field without quotes.
    Bare,
    /// Between quotes.
    Quoted,
    /// After a quote inside quotes: the end, or the first of two.
    Quote,
}

/// Splits text into rows of fields, with quotes as in RFC 4180.
///
/// It works on bytes: all that it looks for is ASCII, which is never a part of another character in UTF-8.
struct Splitter {
    delimiter: u8,
    state: State,
    /// Whether the last byte was a carriage return that ended a row.
    after_return: bool,
    /// The row's fields one after the other, and where each ends.
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Splitter {
    fn new(delimiter: u8) -> Self {
        Self { delimiter, state: State::Start, after_return: false, bytes: Vec::new(), ends: Vec::new() }
    }

    /// Takes bytes up to the end of a row: how many, and whether the row is complete.
    fn take(&mut self, bytes: &[u8]) -> (usize, bool) {
        for (index, &byte) in bytes.iter().enumerate() {
            let was_return = std::mem::take(&mut self.after_return);
            if byte == b'\n' && was_return {
                continue;
            }
            let is_end = matches!(byte, b'\r' | b'\n');
            match (self.state, byte) {
                (State::Quoted, b'"') => self.state = State::Quote,
                (State::Quoted, _) => self.bytes.push(byte),
                (State::Start, b'"') => self.state = State::Quoted,
                (State::Quote, b'"') => {
                    self.bytes.push(b'"');
                    self.state = State::Quoted;
                }
                (_, byte) if byte == self.delimiter => {
                    self.ends.push(self.bytes.len());
                    self.state = State::Start;
                }
                _ if is_end => {
                    self.ends.push(self.bytes.len());
                    self.state = State::Start;
                    self.after_return = byte == b'\r';
                    return (index + 1, true);
                }
                (_, byte) => {
                    self.bytes.push(byte);
                    self.state = State::Bare;
                }
            }
        }
        (bytes.len(), false)
    }

    /// Ends the last row; whether there is one.
    fn finish(&mut self) -> bool {
        if self.state == State::Start && self.bytes.is_empty() && self.ends.is_empty() {
            return false;
        }
        self.ends.push(self.bytes.len());
        true
    }

    fn is_blank(&self) -> bool {
        self.bytes.is_empty() && self.ends.len() <= 1
    }

    /// The row's fields by column from 0.
    fn fields(&self) -> Vec<(u32, &str)> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        (0..)
            .zip(starts.zip(&self.ends))
            .filter_map(|(column, (start, end))| {
                Some((column, std::str::from_utf8(self.bytes.get(start..*end)?).ok()?))
            })
            .filter(|(_, field)| !field.is_empty())
            .collect()
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.state = State::Start;
    }
}

#[cfg(test)]
mod tests {
    use super::super::read::FileKind;
    use super::super::sheet::RawCell;
    use super::super::trial::{Outcome, outcome, request};
    use super::*;

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
