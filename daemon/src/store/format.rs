//! How postings lie in the database: postcard after one byte that says which format it is.
//!
//! The journal is kept for ever: a format that has been written is never changed. A new one gets a new number and
//! a branch where the old one is read. Tests freeze the bytes.

use compact_str::CompactString;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::model::arrival::Arrival;
use crate::model::entry::{KeyEntry, ReviewChange, Stamp, StateAdvance};
use crate::model::plugin::PluginName;
use crate::model::review::Extent;
use crate::model::{
    Actor, ArrivalId, AttachedSheet, Cell, CellEntry, FieldId, HeldReason, Life, Presence, Problem, RecordEntry,
    RecordId, Review, ReviewId, ReviewKind, RowHash, SourceName, TableName, Timestamp,
};

use super::error::StoreError;

/// The format that is written.
const FORMAT: u8 = 1;

/// Encodes a value after the format's byte. The bytes are wiped when dropped: most of them are values to be sealed.
pub(super) fn encode<T: Serialize + ?Sized>(value: &T) -> Zeroizing<Vec<u8>> {
    let mut start = Vec::with_capacity(512);
    start.push(FORMAT);
    Zeroizing::new(postcard::to_extend(value, start).expect("invariant: a Vec takes any number of bytes"))
}

/// Decodes what [`encode`] gave; `what` names it in the error.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, StoreError> {
    match bytes.split_first() {
        Some((&FORMAT, rest)) => postcard::from_bytes(rest).map_err(|_| StoreError::Unreadable(what.to_owned())),
        Some((format, _)) => Err(StoreError::Unreadable(format!("{what} has format {format}, which is newer"))),
        None => Err(StoreError::Unreadable(format!("{what} is empty"))),
    }
}

/// A [`RecordEntry`] without its record, whose id stands beside it.
#[derive(Serialize)]
struct EntryRef<'a> {
    row: Option<u32>,
    hash: RowHash,
    presence: Presence,
    life: Life,
    cells: &'a [CellEntry],
    keys: &'a [KeyEntry],
}

#[derive(Deserialize)]
struct EntryOwned {
    row: Option<u32>,
    hash: RowHash,
    presence: Presence,
    life: Life,
    cells: Vec<CellEntry>,
    keys: Vec<KeyEntry>,
}

/// Encodes an entry as the journal keeps it.
pub(super) fn encode_entry(entry: &RecordEntry) -> Zeroizing<Vec<u8>> {
    encode(&EntryRef {
        row: entry.row,
        hash: entry.hash,
        presence: entry.presence,
        life: entry.life,
        cells: &entry.cells,
        keys: &entry.keys,
    })
}

/// Decodes an entry of this record.
pub(super) fn decode_entry(record: RecordId, bytes: &[u8]) -> Result<RecordEntry, StoreError> {
    let entry: EntryOwned = decode(bytes, "a journal entry")?;
    Ok(RecordEntry {
        record,
        row: entry.row,
        hash: entry.hash,
        presence: entry.presence,
        life: entry.life,
        cells: entry.cells,
        keys: entry.keys,
    })
}

/// What a source shows of a record: cells ascending by field.
pub(super) type Cells = Vec<(FieldId, Cell)>;

/// A record's cells in the ledger. Cells of one arrival share its stamp.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LedgerBody {
    pub(super) stamps: Vec<Stamp>,
    /// Ascending by field; the number is the stamp's.
    pub(super) cells: Vec<(FieldId, Cell, u16)>,
}

/// The format of a record's cells of which plugins have set some. Without, they lie as they did before that was kept.
const WITH_PLUGINS: u8 = 2;

impl LedgerBody {
    pub(super) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let named = |(number, stamp): (u16, &Stamp)| Some((number, stamp.plugin.clone()?));
        let plugins: Vec<(u16, PluginName)> = (0..).zip(&self.stamps).filter_map(named).collect();
        if plugins.is_empty() {
            return encode(self);
        }
        let bytes = postcard::to_extend(&(self, &plugins), vec![WITH_PLUGINS]);
        Zeroizing::new(bytes.expect("invariant: a Vec takes any number of bytes"))
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let Some((&WITH_PLUGINS, rest)) = bytes.split_first() else { return decode(bytes, "a record") };
        let unreadable = || StoreError::Unreadable("a record".to_owned());
        let read: Result<(Self, Vec<(u16, PluginName)>), _> = postcard::from_bytes(rest);
        let (mut body, plugins) = read.map_err(|_| unreadable())?;
        for (number, plugin) in plugins {
            body.stamps.get_mut(usize::from(number)).ok_or_else(unreadable)?.plugin = Some(plugin);
        }
        Ok(body)
    }
}

/// A posting without its entries.
#[derive(Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) arrival: Arrival,
    pub(super) rules: Vec<CompactString>,
    pub(super) reviews: Vec<HeadReview>,
    pub(super) state: Option<StateAdvance>,
    pub(super) problems: Vec<Problem>,
}

/// The format of a head with the sheets that came with a mail. Without, it lies as it did before attachments were read.
const WITH_SHEETS: u8 = 2;

impl Head {
    pub(super) fn encode(&self) -> Zeroizing<Vec<u8>> {
        if self.arrival.sheets.is_empty() {
            return encode(self);
        }
        let bytes = postcard::to_extend(&(self, &self.arrival.sheets), vec![WITH_SHEETS]);
        Zeroizing::new(bytes.expect("invariant: a Vec takes any number of bytes"))
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let Some((&WITH_SHEETS, rest)) = bytes.split_first() else { return decode(bytes, "an arrival") };
        let read: Result<(Self, Vec<AttachedSheet>), _> = postcard::from_bytes(rest);
        let (mut head, sheets) = read.map_err(|_| StoreError::Unreadable("an arrival".to_owned()))?;
        head.arrival.sheets = sheets;
        Ok(head)
    }
}

/// A [`ReviewChange`] whose cells are sealed.
#[derive(Serialize, Deserialize)]
pub(super) enum HeadReview {
    Open(Box<ReviewFrame>, Option<Vec<u8>>),
    Close { id: ReviewId, how: CompactString },
}

impl HeadReview {
    /// Takes the cells out of a change, for sealing.
    pub(super) fn of(change: &ReviewChange, sealed: Option<Vec<u8>>) -> Self {
        match change {
            ReviewChange::Open(review) => Self::Open(Box::new(ReviewFrame::of(review)), sealed),
            ReviewChange::Close { id, how } => Self::Close { id: *id, how: how.clone() },
        }
    }
}

/// A review without its cells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ReviewFrame {
    pub(super) id: ReviewId,
    pub(super) kind: ReviewKind,
    pub(super) table: TableName,
    pub(super) record: Option<RecordId>,
    field: Option<FieldId>,
    pub(super) source: SourceName,
    place: String,
    pub(super) actor: Actor,
    pub(super) arrival: ArrivalId,
    at: Timestamp,
    extent: Option<Extent>,
}

impl ReviewFrame {
    pub(super) fn of(review: &Review) -> Self {
        Self {
            id: review.id,
            kind: review.kind,
            table: review.table.clone(),
            record: review.record,
            field: review.field,
            source: review.source.clone(),
            place: review.place.clone(),
            actor: review.actor.clone(),
            arrival: review.arrival,
            at: review.at,
            extent: review.extent,
        }
    }

    /// The whole review again.
    pub(super) fn with(self, cells: ReviewCells) -> Review {
        Review {
            id: self.id,
            kind: self.kind,
            table: self.table,
            record: self.record,
            field: self.field,
            group: cells.group,
            base: cells.base,
            stored: cells.stored,
            incoming: cells.incoming,
            source: self.source,
            place: self.place,
            actor: self.actor,
            arrival: self.arrival,
            at: self.at,
            extent: self.extent,
            held: cells.held,
        }
    }
}

/// The cells of a review: what is sealed of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ReviewCells {
    pub(super) group: Vec<(FieldId, Cell)>,
    pub(super) base: Option<Cell>,
    pub(super) stored: Option<Cell>,
    pub(super) incoming: Option<Cell>,
    /// Only in the format that has it.
    #[serde(skip)]
    pub(super) held: Vec<HeldReason>,
}

/// The format of a review's cells with what plugins said of them. Without, they lie as they did before there were plugins.
const REASONED: u8 = 2;

impl ReviewCells {
    pub(super) fn of(review: &Review) -> Self {
        Self {
            group: review.group.clone(),
            base: review.base.clone(),
            stored: review.stored.clone(),
            incoming: review.incoming.clone(),
            held: review.held.clone(),
        }
    }

    pub(super) fn encode(&self) -> Zeroizing<Vec<u8>> {
        if self.held.is_empty() {
            return encode(self);
        }
        let start = vec![REASONED];
        let bytes = postcard::to_extend(&(self, &self.held), start);
        Zeroizing::new(bytes.expect("invariant: a Vec takes any number of bytes"))
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let Some((&REASONED, rest)) = bytes.split_first() else { return decode(bytes, "a review") };
        let read: Result<(Self, Vec<HeldReason>), _> = postcard::from_bytes(rest);
        let (cells, held) = read.map_err(|_| StoreError::Unreadable("a review".to_owned()))?;
        Ok(Self { held, ..cells })
    }
}

/// Appends a number in seven-bit groups.
pub(super) fn push_number(out: &mut Vec<u8>, mut number: u64) {
    loop {
        let low = number.to_le_bytes()[0];
        number >>= 7;
        if number == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

/// Takes a number that [`push_number`] appended from the front.
pub(super) fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// Packs several byte strings into one: their count, their lengths, then all of them.
pub(super) fn pack<'a>(parts: impl ExactSizeIterator<Item = &'a [u8]> + Clone) -> Vec<u8> {
    let total: usize = parts.clone().map(<[u8]>::len).sum();
    let mut out = Vec::with_capacity(total + 3 * parts.len() + 3);
    push_number(&mut out, parts.len() as u64);
    for part in parts.clone() {
        push_number(&mut out, part.len() as u64);
    }
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

/// Finds the byte strings that [`pack`] packed.
pub(super) fn unpack(mut bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let count = usize::try_from(take_number(&mut bytes)?).ok()?;
    let mut lengths = Vec::with_capacity(count.min(bytes.len()));
    for _ in 0..count {
        lengths.push(usize::try_from(take_number(&mut bytes)?).ok()?);
    }
    let mut parts = Vec::with_capacity(lengths.len());
    for length in lengths {
        let (part, rest) = bytes.split_at_checked(length)?;
        bytes = rest;
        parts.push(part);
    }
    bytes.is_empty().then_some(parts)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;
    use crate::model::arrival::{ArrivalKind, Mark};
    use crate::model::entry::{Before, KeyIndex, Outcome};
    use crate::model::{Place, Revision, StateNo, Value};

    fn hex(bytes: &[u8]) -> String {
        super::super::keys::hex(bytes).to_string()
    }

    fn cells() -> Vec<Cell> {
        vec![
            Cell::Blank,
            Value::Text("甲".into()).into(),
            Value::Integer(-7).into(),
            Value::Number("12.50".parse().unwrap()).into(),
            Value::Boolean(true).into(),
            Value::Date(date(2026, 3, 1)).into(),
            Value::DateTime(date(2026, 3, 1).at(9, 30, 5, 0)).into(),
            Value::List(Box::new(["a".into(), "b".into()])).into(),
            Cell::Raw("31/31/26".into()),
            Cell::Masked("138****5678".into()),
        ]
    }

    fn sample() -> RecordEntry {
        let outcomes = [
            Outcome::Unchanged,
            Outcome::Applied,
            Outcome::Superseded,
            Outcome::Refused,
            Outcome::Conflict,
            Outcome::Held,
        ];
        let cells = cells().into_iter().zip(outcomes.into_iter().cycle()).zip(0u16..);
        let entry = |((seen, outcome), number)| CellEntry {
            field: FieldId(number),
            outcome,
            rule: number * 100,
            seen,
            before: (number == 1).then(|| {
                Box::new(Before { base: Some(Cell::Blank), stored: None, posted: Some(Value::Integer(300).into()) })
            }),
        };
        RecordEntry {
            record: RecordId::from_bytes([1; 16]),
            row: Some(14),
            hash: RowHash(1 << 127),
            presence: Presence::Missing,
            life: Life::Restored,
            cells: cells.map(entry).collect(),
            keys: vec![
                KeyEntry { index: KeyIndex::Primary, text: Some("c-1".into()) },
                KeyEntry { index: KeyIndex::Unique(FieldId(4)), text: None },
            ],
        }
    }

    fn head() -> Head {
        let arrival = Arrival {
            id: ArrivalId::from_bytes([2; 16]),
            at: Timestamp(1_700_000_000_000),
            edited_at: Timestamp(-1),
            kind: ArrivalKind::Decision(ReviewId::from_bytes([3; 16])),
            source: "sales".into(),
            rank: -10,
            actor: Actor::Role { role: "sales".to_owned(), department: Some("sales/east".to_owned()) },
            table: "customers".into(),
            place: Some(Place { file: "a.xlsx".to_owned(), sheet: None }),
            columns: vec![(FieldId(1), 300)],
            mark: Mark { digest: [4; 32], revision: Some(Revision(5)), editor: None, modified: Some(Timestamp(6)) },
            sheets: Vec::new(),
        };
        let review = Review {
            id: ReviewId::from_bytes([7; 16]),
            kind: ReviewKind::MassChange,
            table: "customers".into(),
            record: None,
            field: Some(FieldId(8)),
            group: Vec::new(),
            base: None,
            stored: None,
            incoming: None,
            source: "sales".into(),
            place: "B2".to_owned(),
            actor: Actor::Daybook,
            arrival: ArrivalId::from_bytes([2; 16]),
            at: Timestamp(9),
            extent: Some(Extent { changed_cells: 1, known_cells: 2, missing_rows: 3, known_rows: 4 }),
            held: Vec::new(),
        };
        let opened = ReviewChange::Open(Box::new(review));
        let closed = ReviewChange::Close { id: ReviewId::from_bytes([7; 16]), how: "stored".into() };
        Head {
            arrival,
            rules: vec!["clean".into()],
            reviews: vec![HeadReview::of(&opened, Some(vec![255])), HeadReview::of(&closed, None)],
            state: Some(StateAdvance { after: Some(StateNo(10)), told: vec![u64::MAX] }),
            problems: vec![Problem {
                source: "s".to_owned(),
                place: "p".to_owned(),
                code: "c".to_owned(),
                message: "m".to_owned(),
                hint: "h".to_owned(),
            }],
        }
    }

    // Stores that are there hold these bytes. If a test below fails, the types of the model have changed: give the new
    // form a new format number and keep reading the old one.

    #[test]
    fn an_entry_lies_as_it_always_has() {
        let bytes = encode_entry(&sample());
        assert_eq!(
            hex(&bytes),
            concat!(
                "01010e8080808080808080808080808080808080800201030a0000000000010164010003e794b201010000010101d8040202",
                "c80101010d000303ac020102c413020004049003010301000505f4030104d41f0301000600d8040105d41f0301091e050007",
                "01bc0501060201610162000802a006020833312f33312f32360009038407030b3133382a2a2a2a353637380002000103632d",
                "31010400"
            )
        );
        assert_eq!(decode_entry(RecordId::from_bytes([1; 16]), &bytes).unwrap(), sample());
    }

    #[test]
    fn the_cells_of_a_review_lie_as_they_always_have() {
        let plain = ReviewCells { base: Some(Cell::Blank), ..ReviewCells::default() };
        assert_eq!(hex(&plain.encode()), "010001000000");
        assert_eq!(ReviewCells::decode(&plain.encode()).unwrap(), plain);
        let reason = HeldReason {
            rule: "plugin:a@1#b".into(),
            field: Some(FieldId(3)),
            code: "c".into(),
            message: "m".to_owned(),
            reads: vec![FieldId(4)],
        };
        let reasoned = ReviewCells { held: vec![reason], ..plain };
        assert_eq!(hex(&reasoned.encode()), "020001000000010c706c7567696e3a614031236201030163016d0104");
        assert_eq!(ReviewCells::decode(&reasoned.encode()).unwrap(), reasoned);
    }

    #[test]
    fn an_arrival_lies_as_it_always_has() {
        let bytes = head().encode();
        assert_eq!(
            hex(&bytes),
            concat!(
                "01100202020202020202020202020202020280a0abfef962010210030303030303030303030303030303030573616c657313",
                "010573616c6573010a73616c65732f6561737409637573746f6d6572730106612e786c7378000101ac020404040404040404",
                "040404040404040404040404040404040404040404040404010500010c0105636c65616e0200100707070707070707070707",
                "07070707070209637573746f6d6572730001080573616c657302423203100202020202020202020202020202020212010102",
                "03040101ff0110070707070707070707070707070707070673746f72656401010a01ffffffffffffffffff01010173017001",
                "63016d0168"
            )
        );
        let read = Head::decode(&bytes).unwrap();
        assert_eq!((read.arrival, read.state), (head().arrival, head().state));
        assert_eq!(encode(&Head { arrival: head().arrival, state: head().state, ..read }), bytes);
    }

    #[test]
    fn the_sheets_of_a_mail_lie_behind_its_arrival() {
        let mut with_sheets = head();
        let place = Place { file: "b.csv".to_owned(), sheet: None };
        with_sheets.arrival.sheets = vec![AttachedSheet { place, columns: vec![(FieldId(1), 300)], rows_above: 7 }];
        let (plain, bytes) = (head().encode(), with_sheets.encode());
        assert_eq!(bytes[0], 2);
        assert_eq!(bytes[1..plain.len()], plain[1..]);
        assert_eq!(hex(&bytes[plain.len()..]), "0105622e637376000101ac0207");
        assert_eq!(Head::decode(&bytes).unwrap().arrival, with_sheets.arrival);
        assert!(Head::decode(&bytes[..bytes.len() - 1]).is_err());
    }

    fn stamp() -> Stamp {
        Stamp {
            arrival: ArrivalId::from_bytes([2; 16]),
            source: "sales".into(),
            rank: 10,
            edited_at: Timestamp(1_700_000_000_000),
            filled: 9,
            plugin: None,
        }
    }

    #[test]
    fn the_cells_of_a_record_lie_as_they_always_have() {
        let stamp = stamp();
        let cells = vec![(FieldId(0), Cell::Blank, 0), (FieldId(300), Value::Integer(1).into(), 0)];
        let body = LedgerBody { stamps: vec![stamp], cells };
        let bytes = encode(&body);
        assert_eq!(
            hex(&bytes),
            "010110020202020202020202020202020202020573616c65731480a0abfef9620902000000ac0201010200"
        );
        assert_eq!(LedgerBody::decode(&bytes).unwrap(), body);
        assert_eq!(body.encode(), bytes);
    }

    #[test]
    fn the_plugins_that_set_cells_lie_behind_them() {
        let stamp = stamp();
        let by_plugin = Stamp { plugin: Some("uscc".into()), ..stamp.clone() };
        let cells = vec![(FieldId(0), Cell::Blank, 0), (FieldId(1), Value::Integer(1).into(), 1)];
        let body = LedgerBody { stamps: vec![stamp, by_plugin], cells };
        let (plain, bytes) = (encode(&body), body.encode());
        assert_eq!((bytes[0], &bytes[1..plain.len()]), (2, &plain[1..]));
        assert_eq!(hex(&bytes[plain.len()..]), "01010475736363");
        assert_eq!(LedgerBody::decode(&bytes).unwrap(), body);
        let mut wrong = bytes.to_vec();
        wrong[plain.len() + 1] = 7;
        assert!(LedgerBody::decode(&wrong).is_err(), "there is no such stamp");
    }

    #[test]
    fn a_format_that_is_not_known_is_refused() {
        let mut bytes = encode(&cells()).to_vec();
        bytes[0] = FORMAT + 1;
        assert!(decode::<Vec<Cell>>(&bytes, "cells").is_err());
        assert!(decode::<Vec<Cell>>(&[], "cells").is_err());
        assert!(decode::<Vec<Cell>>(&[FORMAT], "cells").is_err());
    }

    proptest! {
        #[test]
        fn numbers_come_back(numbers in prop::collection::vec(any::<u64>(), 0..9)) {
            let mut bytes = Vec::new();
            for number in &numbers {
                push_number(&mut bytes, *number);
            }
            let mut rest = bytes.as_slice();
            for number in numbers {
                prop_assert_eq!(take_number(&mut rest), Some(number));
            }
            prop_assert_eq!(take_number(&mut rest), None);
        }

        #[test]
        fn parts_come_back(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..9)) {
            let packed = pack(parts.iter().map(Vec::as_slice));
            let expected: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
            prop_assert_eq!(unpack(&packed), Some(expected));
            prop_assert_eq!(unpack(&packed[..packed.len() - 1]), None);
        }

        #[test]
        fn unpacking_anything_does_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Some(parts) = unpack(&bytes) {
                prop_assert!(parts.iter().map(|part| part.len()).sum::<usize>() < bytes.len());
            }
        }
    }
}
