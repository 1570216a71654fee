//! Frames on a pipe: a length (u32, little endian), then that many bytes of postcard.
//!
//! Both ends hold the same limit: the writer so that it fails where the reason is known, the reader because the child
//! is not trusted, it has parsed a stranger's file.

use std::io::{self, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::sheet::Frame;

/// The most bytes that one frame may have. Rows are sent in batches far below it; a single huge row is refused before
/// it gets here.
pub const FRAME_BYTES_MAX: u32 = 32 << 20;

/// Writes one frame.
///
/// # Errors
/// `InvalidData` if the frame passes [`FRAME_BYTES_MAX`]; what the writer says.
pub fn write_frame(out: &mut dyn Write, frame: &Frame) -> io::Result<()> {
    write_message(out, frame, FRAME_BYTES_MAX)
}

/// Reads one frame; `None` at the end of the stream between two frames.
///
/// # Errors
/// `UnexpectedEof` in the middle of a frame; `InvalidData` for a frame that passes [`FRAME_BYTES_MAX`] or means nothing.
pub fn read_frame(input: &mut dyn Read) -> io::Result<Option<Frame>> {
    read_message(input, FRAME_BYTES_MAX)
}

/// Writes any message with its length before it.
pub(crate) fn write_message<T: Serialize>(out: &mut dyn Write, message: &T, bytes_max: u32) -> io::Result<()> {
    let bytes = postcard::to_stdvec(message).map_err(invalid)?;
    let length = u32::try_from(bytes.len()).ok().filter(|length| *length <= bytes_max);
    let length = length.ok_or_else(|| invalid(format!("a message of {} bytes passes its limit", bytes.len())))?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(&bytes)
}

/// Reads any message with its length before it.
pub(crate) fn read_message<T: DeserializeOwned>(input: &mut dyn Read, bytes_max: u32) -> io::Result<Option<T>> {
    let mut head = [0; 4];
    let mut filled = 0;
    while filled < head.len() {
        match input.read(&mut head[filled..]) {
            Ok(0) if filled == 0 => return Ok(None),
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let length = u32::from_le_bytes(head);
    if length > bytes_max {
        return Err(invalid(format!("a message of {length} bytes passes its limit")));
    }
    // `take` and not `with_capacity(length)`: the memory grows with what really comes.
    let mut bytes = Vec::new();
    if input.take(u64::from(length)).read_to_end(&mut bytes)? < length as usize {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    postcard::from_bytes(&bytes).map(Some).map_err(invalid)
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::super::sheet::{RawCell, RawRow, ReadRow};
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let frames = [
            Frame::Rows(vec![
                ReadRow::Known { number: 2, hash: u128::MAX },
                ReadRow::Read(RawRow {
                    number: 3,
                    hash: 7,
                    cells: vec![
                        (0, RawCell::Text("客户".into())),
                        (2, RawCell::DateTime(jiff::civil::date(2026, 3, 1).at(8, 30, 5, 0))),
                    ],
                }),
            ]),
            Frame::End { rows: 2 },
        ];
        let mut bytes = Vec::new();
        for frame in &frames {
            write_frame(&mut bytes, frame).unwrap();
        }
        let mut input = bytes.as_slice();
        for frame in &frames {
            assert_eq!(read_frame(&mut input).unwrap().as_ref(), Some(frame));
        }
        assert_eq!(read_frame(&mut input).unwrap(), None);
    }

    #[test]
    fn a_frame_cut_anywhere_is_an_error() {
        let mut bytes = Vec::new();
        write_frame(&mut bytes, &Frame::End { rows: 300 }).unwrap();
        for length in 1..bytes.len() {
            let mut cut = bytes.get(..length).unwrap();
            assert_eq!(read_frame(&mut cut).unwrap_err().kind(), io::ErrorKind::UnexpectedEof, "{length}");
        }
    }

    #[test]
    fn the_limit_holds_both_ways() {
        let text = "x".repeat(100);
        assert_eq!(write_message(&mut Vec::new(), &text, 100).unwrap_err().kind(), io::ErrorKind::InvalidData);
        let mut bytes = Vec::new();
        write_message(&mut bytes, &text, 101).unwrap();
        let mut input = bytes.as_slice();
        assert_eq!(read_message::<String>(&mut input, 100).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
