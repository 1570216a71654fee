//! Tests of the whole store. Each part's own laws stand in its file.
#![expect(clippy::unwrap_used, reason = "a failed test may panic")]

mod answering;
mod committing;
mod mails;
mod opening;
mod refused;
mod replay;
mod states;
mod versions;
mod waiting;

use super::*;

use crate::io::SeededEntropy;
use crate::model::arrival::{Actor, Arrival, ArrivalKind, Mark};
use crate::model::entry::{CellEntry, KeyEntry, Life, Outcome, Presence, RecordEntry, StateAdvance};
use crate::model::review::{Review, ReviewKind};
use crate::model::schema::{ConflictRule, Constraints, Field, FieldType, Generator, Title};
use crate::model::{Place, RowHash, Value};

const KEY_TEXT: &str = "daybook-key-1:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

fn master() -> MasterKey {
    MasterKey::parse(KEY_TEXT).unwrap()
}

fn entropy() -> Box<dyn Entropy> {
    Box::new(SeededEntropy::new(7))
}

fn in_memory() -> Store {
    let mut store = Store::in_memory(&master(), entropy()).unwrap();
    store.adopt(&mut [customers()]).unwrap();
    store
}

/// A store in a folder that goes with the test.
fn on_disk(folder: &tempfile::TempDir) -> Store {
    let mut store = Store::create(&path(folder), &master(), entropy(), Options::default()).unwrap();
    store.adopt(&mut [customers()]).unwrap();
    store
}

fn path(folder: &tempfile::TempDir) -> std::path::PathBuf {
    folder.path().join("data/daybook.db")
}

fn reopen(folder: &tempfile::TempDir) -> Result<Store, StoreError> {
    Store::open(&path(folder), &master(), Box::new(SeededEntropy::new(8)), Options::default())
}

fn table_name() -> TableName {
    "customers".into()
}

fn field(id: u16, name: &str) -> Field {
    Field {
        id: FieldId(id),
        name: name.into(),
        field_type: FieldType::String,
        format: None,
        headers: Vec::new(),
        generate: None,
        constraints: Constraints::default(),
        class: "basic".into(),
        conflict: ConflictRule::Review,
        group: None,
        region: "CN".into(),
    }
}

fn customers() -> Table {
    let mut id = field(0, "customer_id");
    id.generate = Some(Generator { prefix: "C-".to_owned(), width: 6, suffix: String::new() });
    Table {
        name: table_name(),
        title: Title::default(),
        primary_key: vec![FieldId(0)],
        owner: Some(FieldId(2)),
        department: None,
        fields: vec![id, field(1, "name"), field(2, "owner")],
    }
}

/// An id that sorts by its number, as version 7 UUIDs sort by time.
fn bytes(kind: u8, number: u64) -> [u8; 16] {
    let mut bytes = [kind; 16];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    bytes
}

fn record(number: u64) -> RecordId {
    RecordId::from_bytes(bytes(1, number))
}

fn review_id(number: u64) -> ReviewId {
    ReviewId::from_bytes(bytes(3, number))
}

fn text(text: &str) -> Cell {
    Value::Text(text.into()).into()
}

fn arrival(number: u64, kind: ArrivalKind, source: &str) -> Arrival {
    Arrival {
        id: ArrivalId::from_bytes(bytes(2, number)),
        at: Timestamp(1_700_000_000_000 + i64::try_from(number).unwrap() * 60_000),
        edited_at: Timestamp(1_700_000_000_000),
        kind,
        source: source.into(),
        rank: 10,
        actor: Actor::Person("li.lei@example.com".to_owned()),
        table: table_name(),
        place: Some(Place { file: "客户.xlsx".to_owned(), sheet: Some("客户".to_owned()) }),
        columns: vec![(FieldId(0), 0), (FieldId(1), 1)],
        mark: Mark { digest: [9; 32], revision: Some(Revision(3)), editor: Some("李雷".to_owned()), modified: None },
        sheets: Vec::new(),
    }
}

/// A posting of a source that is not a sheet, without entries.
fn posting(number: u64) -> Posting {
    Posting {
        arrival: arrival(number, ArrivalKind::Edit, "console"),
        rules: vec!["clean".into(), "latest".into()],
        records: Vec::new(),
        reviews: Vec::new(),
        state: None,
        problems: Vec::new(),
    }
}

/// A posting of a sheet after state `after`.
fn sheet(number: u64, after: Option<u32>, records: Vec<RecordEntry>) -> Posting {
    Posting {
        arrival: arrival(number, ArrivalKind::Workbook, "sales"),
        records,
        state: Some(StateAdvance { after: after.map(StateNo), told: vec![number] }),
        ..posting(number)
    }
}

fn cell(field: u16, outcome: Outcome, seen: Cell) -> CellEntry {
    CellEntry { field: FieldId(field), outcome, rule: 0, seen, before: None }
}

fn entry(number: u64, life: Life, cells: Vec<CellEntry>) -> RecordEntry {
    RecordEntry {
        record: record(number),
        row: Some(u32::try_from(number).unwrap() + 2),
        hash: RowHash(u128::from(number) + 1),
        presence: Presence::Seen,
        life,
        cells,
        keys: Vec::new(),
    }
}

/// An entry that creates a record with a key and a name.
fn created(number: u64, name: &str) -> RecordEntry {
    let key = format!("C-{number:06}");
    let cells = vec![cell(0, Outcome::Applied, text(&key)), cell(1, Outcome::Applied, text(name))];
    let keys = vec![KeyEntry { index: KeyIndex::Primary, text: Some(key.into()) }];
    RecordEntry { keys, ..entry(number, Life::Created, cells) }
}

/// An entry that changes a name.
fn renamed(number: u64, name: &str) -> RecordEntry {
    entry(number, Life::Unchanged, vec![cell(1, Outcome::Applied, text(name))])
}

fn review(number: u64, about: Option<u64>) -> Review {
    Review {
        id: review_id(number),
        kind: if about.is_some() { ReviewKind::Conflict } else { ReviewKind::MassChange },
        table: table_name(),
        record: about.map(record),
        field: about.map(|_| FieldId(1)),
        group: Vec::new(),
        base: None,
        stored: about.map(|_| text("stored")),
        incoming: Some(text("incoming")),
        source: "sales".into(),
        place: "客户.xlsx!客户!B3".to_owned(),
        actor: Actor::Steward,
        arrival: ArrivalId::from_bytes(bytes(2, number)),
        at: Timestamp(i64::try_from(number).unwrap()),
        extent: None,
        held: Vec::new(),
    }
}

fn open_review(review: Review) -> ReviewChange {
    ReviewChange::Open(Box::new(review))
}

fn close_review(number: u64) -> ReviewChange {
    ReviewChange::Close { id: review_id(number), how: "incoming".into() }
}

/// Commits against the newest revision.
fn commit(store: &mut Store, posting: &Posting) -> Revision {
    let seen = store.snapshot().unwrap().revision();
    store.commit(seen, posting, &[]).unwrap()
}

fn name_of(store: &mut Store, number: u64) -> Option<String> {
    let snapshot = store.snapshot().unwrap();
    let found = snapshot.record(&table_name(), record(number)).unwrap()?;
    Some(found.value(FieldId(1))?.to_string())
}

fn assert_sound(store: &mut Store) {
    let report = store.check().unwrap();
    assert_eq!((report.differing, report.differences), (0, Vec::new()));
}
