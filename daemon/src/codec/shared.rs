//! One input that several readers read, each at its own position.
//!
//! A workbook is opened by our own checks, by the parser and, after an unreadable cell, by a second pass beside the
//! parser. They take turns; the input is sought only when the turn really changed.

use std::cell::RefCell;
use std::io::{self, Read, Seek, SeekFrom};
use std::rc::Rc;

/// A reader's own view of the input. A clone starts at the same position and moves alone.
pub(crate) struct Shared<R> {
    inner: Rc<RefCell<Inner<R>>>,
    at: u64,
}

struct Inner<R> {
    input: R,
    /// Where the input really stands.
    at: u64,
    length: u64,
}

impl<R: Read + Seek> Shared<R> {
    /// Takes an input; positions count from its start.
    pub(crate) fn new(mut input: R) -> io::Result<Self> {
        let length = input.seek(SeekFrom::End(0))?;
        Ok(Self { inner: Rc::new(RefCell::new(Inner { input, at: length, length })), at: 0 })
    }

    /// How many bytes the input has.
    pub(crate) fn length(&self) -> u64 {
        self.inner.borrow().length
    }

    /// A view of the same input from its start.
    pub(crate) fn rewound(&self) -> Self {
        Self { inner: Rc::clone(&self.inner), at: 0 }
    }
}

impl<R> Clone for Shared<R> {
    fn clone(&self) -> Self {
        Self { inner: Rc::clone(&self.inner), at: self.at }
    }
}

impl<R: Read + Seek> Read for Shared<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut inner = self.inner.borrow_mut();
        if inner.at != self.at {
            inner.at = inner.input.seek(SeekFrom::Start(self.at))?;
        }
        let count = inner.input.read(bytes)?;
        inner.at += count as u64;
        self.at = inner.at;
        Ok(count)
    }
}

impl<R: Read + Seek> Seek for Shared<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(offset) => self.length().checked_add_signed(offset),
            SeekFrom::Current(offset) => self.at.checked_add_signed(offset),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    #[test]
    fn two_readers_do_not_disturb_each_other() {
        let mut one = Shared::new(io::Cursor::new(b"0123456789".to_vec())).unwrap();
        let mut two = one.clone();
        let mut bytes = [0; 3];
        one.read_exact(&mut bytes).unwrap();
        two.seek(SeekFrom::End(-3)).unwrap();
        two.read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"789");
        one.read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"345");
        assert!(one.seek(SeekFrom::Current(-7)).is_err());
    }
}
