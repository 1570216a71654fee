//! A text file's encoding found out, and its text decoded piece by piece.
//!
//! Bytes that no encoding explains refuse the file: a replacement character would be posted as somebody's name.

use std::io::{self, Read, Seek, SeekFrom};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{BIG5, Decoder, DecoderResult, Encoding, GB18030, UTF_8};

use super::super::read::{ReadFailure, broken_input};
use super::super::shared::Shared;

/// How many bytes are read at a time.
pub(super) const CHUNK_BYTES: usize = 64 << 10;
/// How many bytes with Chinese in them are judged to tell the two encodings of Chinese apart.
const JUDGED_BYTES: usize = 1 << 20;

/// Finds the encoding under which the whole file is valid.
///
/// # Errors
/// `encoding-unknown` if there is none, `not-a-workbook` for binary content.
pub(super) fn detect<R: Read + Seek>(input: &mut Shared<R>) -> Result<&'static Encoding, ReadFailure> {
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
                if encoding != UTF_8 && piece.chars().any(is_for_private_use) {
                    return Ok(false);
                }
            }
            Ok(None) => return Ok(true),
            Err(failure) if failure.code == "encoding-unknown" => return Ok(false),
            Err(failure) => return Err(failure),
        }
    }
}

/// Whether a character means that a file is not in the encoding of Chinese under which it looks valid.
pub(super) fn is_for_private_use(character: char) -> bool {
    matches!(character, '\u{E000}'..='\u{F8FF}')
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
pub(super) struct Text<'a, R> {
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
    pub(super) fn new(input: &'a mut Shared<R>, encoding: &'static Encoding) -> Result<Self, ReadFailure> {
        input.seek(SeekFrom::Start(0)).map_err(|error| broken_input(&error))?;
        let decoder = encoding.new_decoder_with_bom_removal();
        Ok(Self { input, decoder, chunk: vec![0; CHUNK_BYTES], at: 0, decoded: String::new(), is_done: false })
    }

    /// The next piece; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<&str>, ReadFailure> {
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
pub(super) fn sample<R: Read + Seek>(text: &mut Text<'_, R>) -> Result<String, ReadFailure> {
    let mut sample = String::new();
    while sample.len() < CHUNK_BYTES {
        match text.next()? {
            Some(piece) => sample.push_str(piece),
            None => break,
        }
    }
    Ok(sample)
}
