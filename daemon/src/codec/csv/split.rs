//! Text split into rows of fields, with quotes as in RFC 4180.

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

/// What a byte is to the row that it stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Part of a field's text.
    Keep,
    /// A quote around or within a field, or the line feed after a carriage return.
    Drop,
    /// A delimiter.
    FieldEnd,
    /// The end of a row.
    RowEnd,
}

/// The rules of quotes, delimiters and line ends, a byte at a time.
///
/// All that it looks for is ASCII. Whatever is no ASCII is the same to it: a stand-in from 0x80 on will do.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    delimiter: u8,
    state: State,
    /// Whether the last byte was a carriage return that ended a row.
    after_return: bool,
}

impl Machine {
    pub(super) fn new(delimiter: u8) -> Self {
        Self { delimiter, state: State::Start, after_return: false }
    }

    /// Takes one byte.
    #[inline]
    pub(super) fn step(&mut self, byte: u8) -> Step {
        let was_return = std::mem::take(&mut self.after_return);
        if byte == b'\n' && was_return {
            return Step::Drop;
        }
        match (self.state, byte) {
            (State::Quoted, b'"') => {
                self.state = State::Quote;
                Step::Drop
            }
            (State::Quoted, _) => Step::Keep,
            (State::Start, b'"') => {
                self.state = State::Quoted;
                Step::Drop
            }
            (State::Quote, b'"') => {
                self.state = State::Quoted;
                Step::Keep
            }
            (_, byte) if byte == self.delimiter => {
                self.state = State::Start;
                Step::FieldEnd
            }
            (_, b'\r' | b'\n') => {
                self.state = State::Start;
                self.after_return = byte == b'\r';
                Step::RowEnd
            }
            _ => {
                self.state = State::Bare;
                Step::Keep
            }
        }
    }

    /// Whether a quote is open.
    pub(super) fn is_quoted(&self) -> bool {
        self.state == State::Quoted
    }
}

/// Splits decoded text into rows of fields.
///
/// It works on bytes: all that it looks for is ASCII, which is never a part of another character in UTF-8.
pub(super) struct Splitter {
    machine: Machine,
    /// The row's fields one after the other, and where each ends.
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Splitter {
    pub(super) fn new(delimiter: u8) -> Self {
        Self { machine: Machine::new(delimiter), bytes: Vec::new(), ends: Vec::new() }
    }

    /// Takes bytes up to the end of a row: how many, and whether the row is complete.
    pub(super) fn take(&mut self, bytes: &[u8]) -> (usize, bool) {
        for (index, &byte) in bytes.iter().enumerate() {
            match self.machine.step(byte) {
                Step::Keep => self.bytes.push(byte),
                Step::Drop => {}
                Step::FieldEnd => self.ends.push(self.bytes.len()),
                Step::RowEnd => {
                    self.ends.push(self.bytes.len());
                    return (index + 1, true);
                }
            }
        }
        (bytes.len(), false)
    }

    /// Ends the last row; whether there is one.
    pub(super) fn finish(&mut self) -> bool {
        if self.machine.state == State::Start && self.bytes.is_empty() && self.ends.is_empty() {
            return false;
        }
        self.ends.push(self.bytes.len());
        true
    }

    /// Whether a quote is open.
    pub(super) fn is_quoted(&self) -> bool {
        self.machine.is_quoted()
    }

    /// How many bytes the row has so far.
    pub(super) fn length(&self) -> usize {
        self.bytes.len()
    }

    /// How many fields have ended.
    pub(super) fn width(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn is_blank(&self) -> bool {
        self.bytes.is_empty() && self.ends.len() <= 1
    }

    /// The row's fields by column from 0, empty ones left out.
    pub(super) fn fields(&self) -> Vec<(u32, &str)> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        (0..)
            .zip(starts.zip(&self.ends))
            .filter_map(|(column, (start, end))| {
                Some((column, std::str::from_utf8(self.bytes.get(start..*end)?).ok()?))
            })
            .filter(|(_, field)| !field.is_empty())
            .collect()
    }

    /// Forgets the row.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.machine.state = State::Start;
    }
}
