//! The whole work of a child that reads or patches: take a request and a workbook from one file, give an answer.
//!
//! The file that the parent hands over as standard input holds a length (u32, little endian), that many bytes of a
//! postcard [`ReadRequest`] or [`PatchRequest`], then the workbook. The answer to the first is frames; to the second one message,
//! then the new file's bytes. The child never opens a file itself and never writes anything but its answer.

use std::cmp::Ordering;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};

use serde::de::DeserializeOwned;

use super::frame::{read_message, write_frame, write_message};
use super::patch::{PatchRequest, Patched, patch};
use super::read::{ReadFailure, ReadRequest, read};

/// The most bytes that a request may have: a million known rows take 19 MB.
pub const REQUEST_BYTES_MAX: u32 = 256 << 20;

/// Writes a request as the child reads it; the workbook's bytes follow directly.
pub fn write_request(out: &mut dyn Write, request: &ReadRequest) -> io::Result<()> {
    write_message(out, request, REQUEST_BYTES_MAX)
}

/// The most bytes that the message before a patched file may have: a million rows take 19 MB, as many refused cells 13 MB.
pub const PATCHED_BYTES_MAX: u32 = 256 << 20;

/// Writes a request as the patching child reads it; the workbook's bytes follow directly.
pub fn write_patch_request(out: &mut dyn Write, request: &PatchRequest) -> io::Result<()> {
    write_message(out, request, REQUEST_BYTES_MAX)
}

/// Reads what the patching child answers: what was done and the new file (empty if nothing was changed), or why nothing was.
///
/// # Errors
/// `UnexpectedEof` if the answer ends early; `InvalidData` if it means nothing or the file has more than `bytes_max` bytes.
pub fn read_patch_answer(stdout: &mut dyn Read, bytes_max: u64) -> io::Result<Result<(Patched, Vec<u8>), ReadFailure>> {
    let answer: Result<(Patched, u64), ReadFailure> =
        read_message(stdout, PATCHED_BYTES_MAX)?.ok_or(io::ErrorKind::UnexpectedEof)?;
    let (patched, length) = match answer {
        Ok(done) => done,
        Err(failure) => return Ok(Err(failure)),
    };
    if length > bytes_max {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the patched file passes its limit"));
    }
    let mut bytes = Vec::new();
    // One byte more tells whether the child said too little.
    stdout.take(length + 1).read_to_end(&mut bytes)?;
    match (bytes.len() as u64).cmp(&length) {
        Ordering::Equal => Ok(Ok((patched, bytes))),
        Ordering::Less => Err(io::ErrorKind::UnexpectedEof.into()),
        Ordering::Greater => Err(io::Error::new(io::ErrorKind::InvalidData, "the patched file is longer than told")),
    }
}

/// Serves one patch request from the file, with the answer on standard output.
///
/// # Errors
/// If the request can't be read or the parent is gone. Why the workbook was not patched is an answer and no error.
pub fn serve_patch(stdin: File) -> io::Result<()> {
    std::panic::set_hook(Box::new(|_| {}));
    serve_patch_to(stdin, io::stdout().lock())
}

fn serve_patch_to(mut input: impl Read + Seek, out: impl Write) -> io::Result<()> {
    let (request, base) = request::<PatchRequest>(&mut input)?;
    let mut out = BufWriter::new(out);
    match patch(Window { input, base }, &request) {
        Ok((patched, bytes)) => {
            let answer: Result<_, ReadFailure> = Ok((patched, bytes.len() as u64));
            write_message(&mut out, &answer, PATCHED_BYTES_MAX)?;
            out.write_all(&bytes)?;
        }
        Err(failure) => {
            let answer: Result<(Patched, u64), _> = Err(failure);
            write_message(&mut out, &answer, PATCHED_BYTES_MAX)?;
        }
    }
    out.flush()
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
    let (request, base) = request::<ReadRequest>(&mut input)?;
    let mut out = BufWriter::new(out);
    read(Window { input, base }, &request, &mut |frame| write_frame(&mut out, &frame))?;
    out.flush()
}

/// The request at a file's start, and where the workbook begins.
fn request<T: DeserializeOwned>(input: &mut (impl Read + Seek)) -> io::Result<(T, u64)> {
    input.seek(SeekFrom::Start(0))?;
    let request = read_message(input, REQUEST_BYTES_MAX)?.ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok((request, input.stream_position()?))
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

    /// A workbook with one row, and a request to change it.
    fn patching() -> (Vec<u8>, PatchRequest) {
        let workbook = super::super::trial::minimal_xlsx(
            r#"<row r="1"><c r="A1" t="str"><v>Name</v></c></row><row r="2"><c r="A2"><v>1</v></c></row>"#,
            "",
        );
        let read = ReadRequest::new(FileKind::Xlsx, [1; 16]);
        let hash = super::super::trial::outcome(workbook.clone(), &read).hashes()[0];
        let cells = vec![(0, super::super::patch::NewCell::Text("x".into()))];
        let rows = vec![super::super::patch::RowPatch { number: 2, hash, cells }];
        (
            workbook,
            PatchRequest {
                read,
                rows,
                appended: Vec::new(),
                last_row: 2,
                source: "s".into(),
                revision: Some(1),
                words: ["否".into(), "是".into()],
            },
        )
    }

    fn answer(request: &PatchRequest, workbook: &[u8]) -> Vec<u8> {
        let mut file = Vec::new();
        write_patch_request(&mut file, request).unwrap();
        file.extend(workbook);
        let mut out = Vec::new();
        serve_patch_to(io::Cursor::new(file), &mut out).unwrap();
        out
    }

    #[test]
    fn a_patch_is_served_as_it_is_made() {
        let (workbook, mut request) = patching();
        let made = patch(io::Cursor::new(&workbook), &request).unwrap();
        assert!(!made.1.is_empty());
        let out = answer(&request, &workbook);
        assert_eq!(read_patch_answer(&mut out.as_slice(), made.1.len() as u64).unwrap().unwrap(), made);
        request.rows[0].hash = 0;
        let failure = read_patch_answer(&mut answer(&request, &workbook).as_slice(), 0).unwrap().unwrap_err();
        assert_eq!(failure.code, "moved");
    }

    #[test]
    fn an_answer_that_is_cut_or_too_long_is_an_error() {
        let (workbook, request) = patching();
        let mut out = answer(&request, &workbook);
        let kind = |bytes: &[u8], bytes_max| read_patch_answer(&mut &*bytes, bytes_max).unwrap_err().kind();
        for length in [0, 3, 10, 60, out.len() - 1] {
            assert_eq!(kind(&out[..length], 1 << 20), io::ErrorKind::UnexpectedEof, "{length}");
        }
        assert_eq!(kind(&out, 100), io::ErrorKind::InvalidData);
        out.push(0);
        assert_eq!(kind(&out, 1 << 20), io::ErrorKind::InvalidData);
    }

    #[test]
    fn a_file_without_a_request_is_an_error() {
        assert!(serve_to(io::Cursor::new(Vec::new()), io::sink()).is_err());
    }
}
