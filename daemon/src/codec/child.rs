//! The reading child's whole work: take a request and a workbook from one file, give frames.
//!
//! The file that the parent hands over as standard input holds a length (u32, little endian), that many bytes of a
//! postcard [`ReadRequest`], then the workbook. The child never opens a file itself and never writes anything but frames.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};

use super::frame::{read_message, write_frame, write_message};
use super::read::{ReadRequest, read};

/// The most bytes that a request may have: a million known rows take 19 MB.
pub const REQUEST_BYTES_MAX: u32 = 256 << 20;

/// Writes a request as the child reads it; the workbook's bytes follow directly.
pub fn write_request(out: &mut dyn Write, request: &ReadRequest) -> io::Result<()> {
    write_message(out, request, REQUEST_BYTES_MAX)
}

/// Serves one request from the file, with the frames on standard output.
///
/// # Errors
/// If the request can't be read or the parent is gone. What is wrong with the workbook is a frame and no error.
pub fn serve(stdin: File) -> io::Result<()> {
    // A parser's panic message may quote a cell. It would reach the daemon's log through standard error.
    std::panic::set_hook(Box::new(|_| {}));
    serve_to(stdin, io::stdout().lock())
}

/// Serves one request from a file that is sought to its start first.
fn serve_to(mut input: impl Read + Seek, out: impl Write) -> io::Result<()> {
    input.seek(SeekFrom::Start(0))?;
    let request: ReadRequest = read_message(&mut input, REQUEST_BYTES_MAX)?.ok_or(io::ErrorKind::UnexpectedEof)?;
    let base = input.stream_position()?;
    let mut out = BufWriter::new(out);
    read(Window { input, base }, &request, &mut |frame| write_frame(&mut out, &frame))?;
    out.flush()
}

/// The part of a file from `base` on, as if it were a file of its own.
struct Window<R> {
    input: R,
    base: u64,
}

impl<R: Read> Read for Window<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.input.read(bytes)
    }
}

impl<R: Seek> Seek for Window<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::Start(at) => SeekFrom::Start(self.base.checked_add(at).ok_or(io::ErrorKind::InvalidInput)?),
            relative => relative,
        };
        self.input.seek(to)?.checked_sub(self.base).ok_or_else(|| io::ErrorKind::InvalidInput.into())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::super::frame::read_frame;
    use super::super::read::FileKind;
    use super::super::sheet::Frame;
    use super::*;

    #[test]
    fn a_workbook_behind_its_request_is_read() {
        let mut workbook = rust_xlsxwriter::Workbook::new();
        let sheet = workbook.add_worksheet();
        sheet.write(0, 0, "Name").unwrap();
        sheet.write(1, 0, "Li Lei").unwrap();
        let mut file = Vec::new();
        write_request(&mut file, &ReadRequest::new(FileKind::Xlsx, [1; 16])).unwrap();
        file.extend(workbook.save_to_buffer().unwrap());
        let mut out = Vec::new();
        serve_to(io::Cursor::new(file), &mut out).unwrap();
        let mut frames = out.as_slice();
        assert!(matches!(read_frame(&mut frames).unwrap(), Some(Frame::Head(_))));
        assert!(matches!(read_frame(&mut frames).unwrap(), Some(Frame::Rows(rows)) if rows.len() == 1));
        assert_eq!(read_frame(&mut frames).unwrap(), Some(Frame::End { rows: 1 }));
        assert_eq!(read_frame(&mut frames).unwrap(), None);
    }

    #[test]
    fn a_file_without_a_request_is_an_error() {
        assert!(serve_to(io::Cursor::new(Vec::new()), io::sink()).is_err());
    }
}
