//! The planted defect "baseline advanced before the commit": what a source shows becomes durable in a transaction of its
//! own, and the power is cut before what follows from it is posted. And a patcher that leaves cells out.

use daybook::codec::patch::{PatchRequest, Patched};
use daybook::codec::read::ReadFailure;
use daybook::io::Clock;
use daybook::io::{SeededEntropy, Snapshot, uuid_v7};
use daybook::model::entry::{KeyIndex, Posting, StateAdvance};
use daybook::model::{
    Actor, Arrival, ArrivalId, ArrivalKind, Cell, CellEntry, FieldId, Life, Mark, Outcome, Presence, RecordEntry,
    Revision, RowHash, SourceName, Table, Timestamp, Value,
};

use daybook::source::workbook::{InProcessPatcher, SheetPatcher};

use super::dice::Dice;
use super::office::Office;
use super::people::{SOURCES, digest};
use super::sheet::{Sheet, Text};

/// Advances the baseline of a source whose file was saved, and does nothing else.
pub(super) fn advance_baseline(office: &mut Office, dice: &mut Dice) {
    let source = dice.below(SOURCES.len());
    let Some(bytes) = office.disk.bytes(&Office::path(source)) else { return };
    let Some(sheet) = Sheet::open(&bytes) else { return };
    let now = office.clock.now_ms();
    let name = SourceName::new(SOURCES[source]);
    let table = office.pipeline().config().tables[0].clone();
    let columns: Vec<(FieldId, u32)> = columns(&table, &sheet);
    let mut entropy = SeededEntropy::new(now.unsigned_abs());
    let snapshot = office.pipeline().store().snapshot().expect("the store can be read");
    let seen = snapshot.revision();
    let states = snapshot.states(&name).expect("the states can be read");
    let Some(newest) = states.first().filter(|newest| newest.mark.digest != digest(&bytes)) else { return };
    let key_field = table.fields.first().expect("there are fields");
    let mut records = Vec::new();
    for (row, cells) in sheet.rows.iter().enumerate() {
        let text = sheet.key(row).and_then(|key| key_field.key_text(&Value::Text(key.into())));
        let Some(text) = text else { continue };
        let found = snapshot.records_by_key(&table.name, KeyIndex::Primary, std::slice::from_ref(&text));
        let Some(record) = found.expect("the keys can be read").remove(&text) else { continue };
        let cells = columns.iter().map(|(field, column)| shown(*field, &cells[*column as usize])).collect();
        records.push(RecordEntry {
            record,
            row: None,
            hash: RowHash::UNKNOWN,
            presence: Presence::Seen,
            life: Life::Unchanged,
            cells,
            keys: Vec::new(),
        });
    }
    let arrival = Arrival {
        id: ArrivalId::new(uuid_v7(now, &mut entropy)),
        at: Timestamp(now),
        edited_at: Timestamp(now),
        kind: ArrivalKind::Workbook,
        source: name,
        rank: 0,
        actor: Actor::Steward,
        table: table.name.clone(),
        place: None,
        columns,
        mark: Mark { digest: digest(&bytes), revision: sheet.revision.map(Revision), editor: None, modified: None },
        sheets: Vec::new(),
    };
    let state = Some(StateAdvance { after: Some(newest.no), told: Vec::new() });
    drop(snapshot);
    let posting =
        Posting { arrival, rules: vec!["seen".into()], records, reviews: Vec::new(), state, problems: Vec::new() };
    office.pipeline().store().commit(seen, &posting, &[]).expect("nobody else commits");
    office.restart_now();
}

/// Which column of the sheet is which field.
fn columns(table: &Table, sheet: &Sheet) -> Vec<(FieldId, u32)> {
    let place = |name: &str| sheet.column(name).and_then(|column| u32::try_from(column).ok());
    table.fields.iter().filter_map(|field| Some((field.id, place(field.name.as_str())?))).collect()
}

fn shown(field: FieldId, cell: &Text) -> CellEntry {
    let seen = cell.as_ref().map_or(Cell::Blank, |text| Cell::Value(Value::Text(text.as_str().into())));
    CellEntry { field, outcome: Outcome::Unchanged, rule: 0, seen, before: None }
}

/// Writes all that is asked for but the first of several cells of a row, and says nothing of that.
pub(super) struct Forgetful;

impl SheetPatcher for Forgetful {
    fn prefix(&self, request: &PatchRequest) -> std::io::Result<Vec<u8>> {
        InProcessPatcher.prefix(request)
    }

    fn patch(&self, snapshot: Snapshot, request: &PatchRequest) -> Result<(Patched, Vec<u8>), ReadFailure> {
        let mut request = request.clone();
        for row in request.rows.iter_mut().filter(|row| row.cells.len() > 1) {
            row.cells.remove(0);
        }
        InProcessPatcher.patch(snapshot, &request)
    }
}
