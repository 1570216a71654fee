//! Takes the rows of a workbook whose bytes are here already: one that came with a mail.
//!
//! It is read as a file is: by a reader that works on a private copy within the limits, and whose answer is checked. No file is
//! opened: the attachment's name is only said.

use std::io;

use super::fetch::{Collector, FetchLimits, Refusal, SheetReader, damaged};
use super::files::SourceFile;
use crate::codec::read::ReadRequest;
use crate::codec::sheet::{ReadRow, SheetHead};
use crate::io::Snapshot;
use crate::model::{Problem, SourceName};

/// The rows of an attached workbook.
#[derive(Clone, Debug)]
pub struct ReadAttachment<T> {
    /// The titles and what the file says of itself.
    pub head: SheetHead,
    /// The rows, in the sheet's order.
    pub rows: T,
    /// What was wrong at single places.
    pub problems: Vec<Problem>,
}

/// Reads the bytes of an attachment. `name` is what it is called in problems, `source` the mailbox that it came to. `begin` makes
/// of the titles what takes the rows.
///
/// # Errors
/// What is wrong with the workbook, or with the reading of it; nothing was taken then.
pub fn read_attachment<T: Extend<ReadRow>>(
    reader: &dyn SheetReader,
    (source, name): (&SourceName, &str),
    bytes: &[u8],
    request: &ReadRequest,
    limits: &FetchLimits,
    begin: impl FnOnce(&SheetHead) -> T,
) -> Result<ReadAttachment<T>, Box<Problem>> {
    let file = SourceFile { name: source.clone(), path: name.into() };
    let refusal = Refusal { file: &file, request };
    let failed = |error: &io::Error| match error.kind() {
        io::ErrorKind::FileTooLarge => refusal.too_large(None, limits).problem,
        _ => refusal.reader_failed(None, error).problem,
    };
    let prefix = reader.prefix(request).map_err(|error| failed(&error))?;
    let snapshot = Snapshot::copy(&prefix, &mut &*bytes, limits.workbook_bytes_max).map_err(|error| failed(&error))?;
    drop(prefix);
    let mut collector = Collector::new(&refusal, limits.problems_max, begin);
    let result = reader.read(snapshot, request, &mut |frame| collector.take(frame));
    let nonsense = collector.nonsense;
    result.map_err(|failure| refusal.refused(None, failure).problem)?;
    match (collector.sheet, collector.rows_total) {
        (Some((head, rows)), Some(_)) if !nonsense => Ok(ReadAttachment { head, rows, problems: collector.problems }),
        _ => Err(refusal.refused(None, damaged()).problem),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::read::FileKind;
    use crate::source::workbook::InProcessReader;

    fn read(name: &str, kind: FileKind, bytes: &[u8]) -> Result<(usize, Vec<String>), (String, String)> {
        let limits = FetchLimits { workbook_bytes_max: 1 << 20, problems_max: 10 };
        let request = ReadRequest::new(kind, [0; 16]);
        let source = SourceName::new("capture");
        let read = read_attachment(&InProcessReader, (&source, name), bytes, &request, &limits, |_| Vec::new());
        match read {
            Ok(read) => Ok((read.rows.len(), read.head.columns.into_iter().map(|(_, title)| title).collect())),
            Err(problem) => Err((problem.code.clone(), problem.place.clone())),
        }
    }

    #[test]
    fn bytes_are_read_as_a_file_is() {
        let read_csv = |text: &str| read("客户.csv", FileKind::Csv, text.as_bytes());
        assert_eq!(read_csv("编号,电话\r\nC-1,1\r\nC-2,2\r\n"), Ok((2, vec!["编号".into(), "电话".into()])));
        assert_eq!(read_csv(""), Err(("empty-file".into(), "客户.csv".into())));
        assert_eq!(read("a.xlsx", FileKind::Xlsx, b"%PDF-1.4"), Err(("not-a-workbook".into(), "a.xlsx".into())));
        assert_eq!(read("a.xlsx", FileKind::Xlsx, &vec![b' '; 2 << 20]), Err(("too-large".into(), "a.xlsx".into())));
    }
}
