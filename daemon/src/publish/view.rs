//! View workbooks: the records that a reader may see, as a workbook of the reader's own.
//!
//! In: what access has already decided for each cell ([`Shown`]). Out: a [`View`]: the sheet, what a read of the
//! file will give for each record (the source's next baseline), and a digest that tells whether the file has to be
//! written again. It decides nothing about rights: what comes as [`Shown::Hidden`] has no value here, and the
//! titles of fields that the reader sees nowhere are left out.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use compact_str::CompactString;
use sha2::{Digest, Sha256};

use crate::codec::xlsx::write::{
    self, CELL_CHARS_MAX, CellOut, ColumnOut, Content, Kind, LOOK, Refusal, Script, SheetOut, WriteError,
};
use crate::model::problem::Code;
use crate::model::row::cell_of;
use crate::model::schema::Title;
use crate::model::{Cell, CellRef, Field, FieldId, FieldType, Place, Problem, RecordId, Revision, Table, Value};
use crate::publish::order;
use crate::text::{Language, Texts};

/// The custom property that names the source of a workbook.
pub const SOURCE_PROPERTY: &str = "Daybook.Source";
/// The custom property that holds the revision at which a workbook was written.
pub const REVISION_PROPERTY: &str = "Daybook.Revision";
/// Who a view says that it is made by.
pub(super) const AUTHOR: &str = "Daybook";

/// What stands between the items of a list in one cell.
const LIST_SEPARATOR: &str = "; ";

/// How many blank rows below the table may be typed into.
pub(super) const NEW_ROWS: u32 = 200;

/// What a view is to contain.
#[derive(Clone, Debug)]
pub struct ViewSpec {
    /// The view's name as a source; written into the file.
    pub source: String,
    /// The file's name without folders, to say where a problem is.
    pub file: String,
    /// What people call the view; `None`: the table's title.
    pub title: Option<Title>,
    /// The columns, from the left.
    pub fields: Vec<FieldId>,
    /// The fields that the reader may see of no record: they get no column, whatever `fields` says.
    pub hidden: Vec<FieldId>,
    /// The fields that a new row may fill, if the reader may add records; empty: no new rows.
    pub fillable: Vec<FieldId>,
    /// Whether edits in the file are read back. If not, every cell is locked.
    pub editable: bool,
    /// The revision of the ledger that the records were read at.
    pub revision: Revision,
}

/// One record as the reader may see it: a cell for each field of the view; a field left out counts as hidden.
#[derive(Clone, Debug)]
pub struct ViewRecord {
    /// Which record.
    pub id: RecordId,
    /// Its cells, in any order.
    pub cells: Vec<(FieldId, Shown)>,
}

/// What the reader may see of a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Nothing: the cell is blank and locked.
    Hidden,
    /// A mask in place of the value; locked.
    Masked(CompactString),
    /// The cell as it is, and whether the reader may change it.
    Value(Cell, bool),
}

/// A view, ready to be written.
#[derive(Clone, Debug)]
pub struct View {
    /// What goes into the file.
    pub sheet: SheetOut,
    /// Which column (from 0) is which field, in ascending order of the field.
    pub columns: Vec<(FieldId, u32)>,
    /// What a read of the file gives for each record, in the order of the rows; cells in ascending order of the
    /// field. This is the baseline of the source.
    pub shown: Vec<(RecordId, Vec<(FieldId, Cell)>)>,
    /// Tells two views apart in everything but the revision: while it stays the same, the file need not be written.
    pub digest: [u8; 32],
    /// Cells that the file can't hold whole.
    pub problems: Vec<Problem>,
}

impl View {
    /// Makes the file; equal views give equal bytes.
    pub fn bytes(&self) -> Result<Vec<u8>, WriteError> {
        write::write(&self.sheet)
    }
}

/// Makes the view of the records: a row each, sorted by primary key.
pub fn view(spec: &ViewSpec, table: &Table, records: impl Iterator<Item = ViewRecord>, texts: &Texts) -> View {
    let fields = columns(spec, table);
    let name = title(spec, table, texts.language());
    let mut maker = Maker {
        place: Place { file: spec.file.clone(), sheet: Some(write::sheet_name(&name)) },
        mark: texts.get("view-cut-mark"),
        words: [texts.get("view-no").into(), texts.get("view-yes").into()],
        texts,
        editable: spec.editable,
        masked: vec![false; fields.len()],
        problems: Vec::new(),
    };
    let mut rows: Vec<MadeRow> = records.map(|record| maker.row(&fields, record)).collect();
    rows.sort_by(|a, b| by_key(table, &a.shown, &b.shown).then_with(|| a.id.cmp(&b.id)));
    for (row, number) in rows.iter().zip(2..) {
        for column in &row.cut {
            maker.report(CellRef { row: number, column: *column });
        }
    }

    let mut shown = Vec::with_capacity(rows.len());
    let mut cells = Vec::with_capacity(rows.len());
    for row in rows {
        shown.push((row.id, row.shown));
        cells.push(row.cells);
    }
    let mut sheet = SheetOut {
        name: name.clone(),
        title: name,
        comment: String::new(),
        author: AUTHOR.to_owned(),
        script: script(texts.language()),
        properties: vec![(SOURCE_PROPERTY.to_owned(), spec.source.clone())],
        columns: fields.iter().zip(&maker.masked).map(|(field, masked)| column(spec, field, *masked, texts)).collect(),
        frozen_columns: u16::from(fields.first().is_some_and(|field| table.primary_key.contains(&field.id))),
        rows: cells,
        new_rows: if spec.editable && !spec.fillable.is_empty() { NEW_ROWS } else { 0 },
        refusal: refusal(texts),
    };
    let digest = digest(&sheet, &shown);
    let revision = spec.revision.0.to_string();
    sheet.comment = texts.format("view-comment", &[("revision", revision.as_str().into())]);
    sheet.properties.push((REVISION_PROPERTY.to_owned(), revision));
    let mut columns: Vec<(FieldId, u32)> = fields.iter().map(|field| field.id).zip(0..).collect();
    columns.sort_unstable();
    View { sheet, columns, shown, digest, problems: maker.problems }
}

/// The title that Daybook writes above a column of the field: the first of the field's titles in the language.
pub fn header(field: &Field, language: Language) -> &str {
    let wanted = language == Language::ZhCn;
    let fitting = field.headers.iter().find(|header| header.chars().any(is_chinese) == wanted);
    fitting.map_or_else(|| field.title(), String::as_str)
}

/// The fields that get a column, each once.
fn columns<'a>(spec: &ViewSpec, table: &'a Table) -> Vec<&'a Field> {
    let mut fields: Vec<&Field> = Vec::with_capacity(spec.fields.len());
    for field in spec.fields.iter().filter(|id| !spec.hidden.contains(id)).filter_map(|id| table.field(*id)) {
        if fields.iter().all(|earlier| earlier.id != field.id) {
            fields.push(field);
        }
    }
    fields
}

/// A row while the view is being made.
struct MadeRow {
    id: RecordId,
    shown: Vec<(FieldId, Cell)>,
    cells: Vec<CellOut>,
    /// The columns whose text was cut.
    cut: Vec<u32>,
}

/// Makes the cells of a view, and gathers what there is to say about them.
struct Maker<'a> {
    place: Place,
    mark: String,
    /// False and true in the office's language.
    words: [CompactString; 2],
    texts: &'a Texts,
    editable: bool,
    /// Which columns have a masked cell.
    masked: Vec<bool>,
    problems: Vec<Problem>,
}

impl Maker<'_> {
    fn row(&mut self, fields: &[&Field], record: ViewRecord) -> MadeRow {
        let mut given = record.cells;
        let mut row = MadeRow {
            id: record.id,
            shown: Vec::with_capacity(fields.len()),
            cells: Vec::with_capacity(fields.len()),
            cut: Vec::new(),
        };
        for (field, column) in fields.iter().zip(0_u32..) {
            let found = given.iter_mut().find(|(id, _)| *id == field.id);
            let what = found.map_or(Shown::Hidden, |(_, what)| std::mem::replace(what, Shown::Hidden));
            let (cell, locked) = match what {
                Shown::Hidden => (Cell::Blank, true),
                Shown::Masked(mask) => {
                    self.masked[row.cells.len()] = true;
                    (Cell::Masked(mask), true)
                }
                Shown::Value(cell, writable) => (cell, !(writable && self.editable)),
            };
            let (cell, was_cut) = self.fitted(cell);
            if was_cut {
                row.cut.push(column);
            }
            row.cells.push(CellOut { content: self.content(&cell), locked: locked || was_cut });
            row.shown.push((field.id, cell));
        }
        row.shown.sort_by_key(|(id, _)| *id);
        row
    }

    /// The cell as the file can hold it, and whether its text was cut.
    fn fitted(&self, cell: Cell) -> (Cell, bool) {
        match cell {
            Cell::Value(Value::Text(text)) => self.fitted_text(text, |text| Cell::Value(Value::Text(text))),
            Cell::Raw(text) => self.fitted_text(text, Cell::Raw),
            Cell::Masked(text) => self.fitted_text(text, Cell::Masked),
            Cell::Value(Value::List(items)) => self.fitted_list(&items),
            Cell::Blank | Cell::Value(_) | Cell::Formula(_) => (cell, false),
        }
    }

    fn fitted_text(&self, text: CompactString, remake: fn(CompactString) -> Cell) -> (Cell, bool) {
        let text = match write::clean(&text) {
            Some(cleaned) => CompactString::from(cleaned.trim()),
            None => text,
        };
        match write::cut(&text, &self.mark) {
            Some(short) => (remake(short), true),
            None if text.is_empty() => (Cell::Blank, false),
            None => (remake(text), false),
        }
    }

    /// A list is cut between its items, and the mark is an item too: so a read gives the very list that is shown.
    fn fitted_list(&self, items: &[CompactString]) -> (Cell, bool) {
        let mut fitting: Vec<CompactString> = items
            .iter()
            .map(|item| write::clean(item).map_or_else(|| item.clone(), |item| item.trim().into()))
            .filter(|item| !item.is_empty())
            .collect();
        let was_cut = write::cut(&list_text(&fitting), &self.mark).is_some();
        if was_cut {
            let mut room = CELL_CHARS_MAX.saturating_sub(self.mark.len());
            fitting.retain(|item| {
                let fits = item.len() + LIST_SEPARATOR.len() <= room;
                room = if fits { room - item.len() - LIST_SEPARATOR.len() } else { 0 };
                fits
            });
            fitting.push(self.mark.as_str().into());
        }
        fitting.sort();
        fitting.dedup();
        let cell = if fitting.is_empty() { Cell::Blank } else { Cell::Value(Value::List(fitting.into())) };
        (cell, was_cut)
    }

    /// The content of a cell as the workbook's writer knows it.
    fn content(&self, cell: &Cell) -> Content {
        match cell {
            // A view is made of what is stored, and that is never a formula.
            Cell::Blank | Cell::Formula(_) => Content::Blank,
            Cell::Raw(text) | Cell::Masked(text) | Cell::Value(Value::Text(text)) => Content::Text(text.clone()),
            Cell::Value(Value::Integer(number)) => Content::Integer(*number),
            Cell::Value(Value::Number(number)) => Content::Number(*number),
            // A word that is read back as the same; LibreOffice would make a formula of a true boolean.
            Cell::Value(Value::Boolean(flag)) => Content::Text(self.words[usize::from(*flag)].clone()),
            Cell::Value(Value::Date(date)) => Content::Date(*date),
            Cell::Value(Value::DateTime(at)) => Content::DateTime(*at),
            Cell::Value(Value::List(items)) => Content::Text(list_text(items)),
        }
    }

    fn report(&mut self, cell: CellRef) {
        let message = self.texts.format("view-cut-message", &[("limit", CELL_CHARS_MAX.into())]);
        let hint = self.texts.get("view-cut-hint");
        self.problems.push(Problem::new(Code("text-too-long"), self.place.cell(cell), message, hint));
    }
}

fn list_text(items: &[CompactString]) -> CompactString {
    CompactString::from(items.join(LIST_SEPARATOR))
}

fn column(spec: &ViewSpec, field: &Field, masked: bool, texts: &Texts) -> ColumnOut {
    ColumnOut {
        editable: spec.editable && spec.fillable.contains(&field.id),
        note: masked.then(|| texts.get("view-masked-note")),
        ..column_of(field, texts)
    }
}

/// A column of a field in any workbook that Daybook makes: its title, what its cells hold, its drop-down. It may be typed into.
pub(super) fn column_of(field: &Field, texts: &Texts) -> ColumnOut {
    ColumnOut {
        title: header(field, texts.language()).to_owned(),
        kind: match field.field_type {
            FieldType::String => Kind::Text,
            FieldType::Integer => Kind::Integer,
            FieldType::Number => Kind::Number,
            FieldType::Boolean => Kind::Boolean,
            FieldType::Date => Kind::Date,
            FieldType::DateTime => Kind::DateTime,
            FieldType::List => Kind::List,
        },
        width: None,
        options: match field.field_type {
            // A drop-down allows one value: it would refuse a list of several.
            FieldType::List => Vec::new(),
            FieldType::Boolean => vec![texts.get("view-yes").into(), texts.get("view-no").into()],
            _ => field.constraints.allowed.clone(),
        },
        editable: true,
        hidden: false,
        note: None,
    }
}

/// The message of a drop-down to another value.
pub(super) fn refusal(texts: &Texts) -> Refusal {
    Refusal { title: texts.get("view-choice-title"), message: texts.get("view-choice-message") }
}

/// Orders two rows by what they show of the primary key.
fn by_key(table: &Table, a: &[(FieldId, Cell)], b: &[(FieldId, Cell)]) -> Ordering {
    table
        .primary_key
        .iter()
        .filter_map(|id| Some(order::cells(cell_of(a, *id)?, cell_of(b, *id)?)))
        .find(|order| *order != Ordering::Equal)
        .unwrap_or(Ordering::Equal)
}

fn title(spec: &ViewSpec, table: &Table, language: Language) -> String {
    let own = spec.title.as_ref().and_then(|title| in_language(title, language));
    own.unwrap_or_else(|| table_title(table, language))
}

/// What people call a table.
pub fn table_title(table: &Table, language: Language) -> String {
    in_language(&table.title, language).unwrap_or_else(|| table.name.as_str().to_owned())
}

fn in_language(title: &Title, language: Language) -> Option<String> {
    match language {
        Language::ZhCn => title.zh_cn.clone().or_else(|| title.en.clone()),
        Language::En => title.en.clone().or_else(|| title.zh_cn.clone()),
    }
}

pub(super) const fn script(language: Language) -> Script {
    match language {
        Language::ZhCn => Script::Chinese,
        Language::En => Script::Latin,
    }
}

/// Whether the character is a Chinese one: a unified ideograph.
const fn is_chinese(char: char) -> bool {
    matches!(char, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// The digest of everything in the file, of which record stands in which row, and of how the writer makes it look.
///
/// Another compiler may hash the same values otherwise. All that does is to write each view once more.
fn digest(sheet: &SheetOut, shown: &[(RecordId, Vec<(FieldId, Cell)>)]) -> [u8; 32] {
    let mut hasher = DigestHasher(Sha256::new());
    LOOK.hash(&mut hasher);
    sheet.hash(&mut hasher);
    shown.hash(&mut hasher);
    hasher.0.finalize().into()
}

/// Gives what is hashed to SHA-256, as a 64-bit hash could meet itself again.
struct DigestHasher(Sha256);

impl Hasher for DigestHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest: [u8; 32] = self.0.clone().finalize().into();
        let (first, _) = digest.split_at(8);
        first.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use std::io::{Cursor, Read};

    use calamine::{Data, DataType, Reader, Xlsx};
    use jiff::civil;
    use rust_decimal::Decimal;
    use uuid::Uuid;

    use super::*;
    use crate::model::TableName;
    use crate::model::schema::{ConflictRule, Constraints};

    const ID: FieldId = FieldId(0);
    const NAME: FieldId = FieldId(1);
    const PHONE: FieldId = FieldId(2);
    const AMOUNT: FieldId = FieldId(3);
    const SIGNED: FieldId = FieldId(4);
    const STAGE: FieldId = FieldId(5);
    const TAGS: FieldId = FieldId(6);
    const SEEN: FieldId = FieldId(7);
    const ACTIVE: FieldId = FieldId(8);
    const COUNT: FieldId = FieldId(9);
    const SECRET: FieldId = FieldId(10);

    fn field(id: FieldId, name: &str, field_type: FieldType, headers: [&str; 2]) -> Field {
        Field {
            id,
            name: name.into(),
            field_type,
            format: None,
            headers: headers.map(str::to_owned).into(),
            generate: None,
            constraints: Constraints::default(),
            class: "basic".into(),
            conflict: ConflictRule::Review,
            group: None,
            region: "CN".into(),
        }
    }

    fn table() -> Table {
        let mut stage = field(STAGE, "stage", FieldType::String, ["阶段", "Stage"]);
        stage.constraints.allowed = ["潜在", "洽谈", "signed"].map(CompactString::from).into();
        Table {
            name: TableName::new("customers"),
            title: Title { zh_cn: Some("客户".into()), en: Some("Customers".into()) },
            primary_key: vec![ID],
            owner: None,
            department: None,
            fields: vec![
                field(ID, "customer_id", FieldType::String, ["客户编号", "Customer ID"]),
                field(NAME, "name", FieldType::String, ["Name", "名称"]),
                field(PHONE, "phone", FieldType::String, ["电话", "Phone"]),
                field(AMOUNT, "amount", FieldType::Number, ["金额", "Amount"]),
                field(SIGNED, "signed", FieldType::Date, ["签约日期", "Signed on"]),
                stage,
                field(TAGS, "tags", FieldType::List, ["标签", "Tags"]),
                field(SEEN, "seen", FieldType::DateTime, ["最近联系", "Last seen"]),
                field(ACTIVE, "active", FieldType::Boolean, ["有效", "Active"]),
                field(COUNT, "count", FieldType::Integer, ["次数", "Visits"]),
                field(SECRET, "secret", FieldType::String, ["秘密备注", "Secret note"]),
            ],
        }
    }

    fn spec() -> ViewSpec {
        ViewSpec {
            source: "sales".into(),
            file: "客户.xlsx".into(),
            title: None,
            fields: table().fields.iter().map(|field| field.id).collect(),
            hidden: vec![SECRET],
            fillable: vec![NAME, PHONE],
            editable: true,
            revision: Revision(41),
        }
    }

    fn text(text: &str) -> Cell {
        Cell::Value(Value::Text(text.into()))
    }

    fn record(number: u128, key: &str, name: &str) -> ViewRecord {
        let open = |cell| Shown::Value(cell, true);
        ViewRecord {
            id: RecordId::new(Uuid::from_u128(number)),
            cells: vec![
                (ID, Shown::Value(text(key), false)),
                (NAME, open(text(name))),
                (PHONE, Shown::Masked("138****5678".into())),
                (AMOUNT, open(Value::Number(Decimal::new(123_456, 2)).into())),
                (SIGNED, open(Value::Date(civil::date(2026, 3, 1)).into())),
                (STAGE, open(text("洽谈"))),
                (TAGS, open(Value::List(["a".into(), "b".into()].into()).into())),
                (SEEN, open(Value::DateTime(civil::date(2026, 3, 1).at(9, 30, 17, 0)).into())),
                (ACTIVE, open(Value::Boolean(true).into())),
                (COUNT, open(Value::Integer(7).into())),
                (SECRET, open(text("TOP-SECRET"))),
            ],
        }
    }

    fn make(spec: &ViewSpec, records: Vec<ViewRecord>) -> View {
        view(spec, &table(), records.into_iter(), &Texts::new(Language::ZhCn))
    }

    fn three() -> Vec<ViewRecord> {
        vec![record(1, "C-10", "=1+1"), record(2, "C-2", "@甲"), record(3, "007", "乙\u{1}公司")]
    }

    /// Every part of the file, one after the other.
    fn unzipped(bytes: &[u8]) -> String {
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let mut all = String::new();
        for index in 0..archive.len() {
            archive.by_index(index).unwrap().read_to_string(&mut all).unwrap();
        }
        all
    }

    fn cells(bytes: &[u8]) -> Vec<Vec<Data>> {
        let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).unwrap();
        let range = workbook.worksheet_range("客户").unwrap();
        range.rows().map(<[Data]>::to_vec).collect()
    }

    #[test]
    fn hidden_values_and_titles_are_not_in_the_file() {
        let mut records = three();
        records[0].cells[5].1 = Shown::Hidden;
        let made = make(&spec(), records);
        let all = unzipped(&made.bytes().unwrap());
        for hidden in ["TOP-SECRET", "秘密备注", "Secret note"] {
            assert!(!all.contains(hidden), "{hidden}");
        }
        assert!(all.contains("138****5678"));
        assert!(made.shown.iter().all(|(_, cells)| cell_of(cells, SECRET).is_none()));
        let hidden_stage = made.shown.iter().find(|(id, _)| *id == RecordId::new(Uuid::from_u128(1))).unwrap();
        assert_eq!(cell_of(&hidden_stage.1, STAGE), Some(&Cell::Blank));
    }

    #[test]
    fn a_field_that_is_not_given_is_locked_and_blank() {
        let mut records = three();
        for record in &mut records {
            record.cells.retain(|(id, _)| *id != NAME);
        }
        let made = make(&spec(), records);
        assert!(made.sheet.rows.iter().all(|row| row[1] == CellOut { content: Content::Blank, locked: true }));
    }

    #[test]
    fn nothing_becomes_a_formula() {
        let names = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "=HYPERLINK(\"http://x\")", "_x0041_", "http://x.example"];
        let records = names.iter().zip(1..).map(|(name, number)| record(number, &format!("C-{number}"), name));
        let bytes = make(&spec(), records.collect()).bytes().unwrap();
        let all = unzipped(&bytes);
        assert!(!all.contains("<f>") && !all.contains("<f ") && !all.contains("<hyperlink"));
        for (row, name) in cells(&bytes).iter().skip(1).zip(names) {
            assert_eq!(row[1], Data::String(name.into()));
        }
    }

    #[test]
    fn the_file_reads_back_as_shown() {
        let made = make(&spec(), three());
        let rows = cells(&made.bytes().unwrap());
        let titles: Vec<String> = rows[0].iter().map(ToString::to_string).collect();
        let expected = ["客户编号", "名称", "电话", "金额", "签约日期", "阶段", "标签", "最近联系", "有效", "次数"];
        assert_eq!(titles, expected);
        let keys: Vec<&str> = rows[1..4].iter().map(|row| row[0].get_string().unwrap()).collect();
        assert_eq!(keys, ["007", "C-2", "C-10"], "natural order, leading zeros kept");
        for (row, (_, shown)) in rows[1..4].iter().zip(&made.shown) {
            for (read, (_, cell)) in row.iter().zip(shown) {
                match (read, cell) {
                    (Data::String(read), Cell::Value(Value::Boolean(flag))) => {
                        assert_eq!(read, if *flag { "是" } else { "否" });
                    }
                    (Data::String(read), cell) => assert_eq!(*read, cell.to_string()),
                    (Data::Float(read), Cell::Value(Value::Number(number))) => {
                        assert_eq!(read.to_string(), number.to_string());
                    }
                    (Data::Float(read), Cell::Value(Value::Integer(number))) => {
                        assert_eq!(read.to_string(), number.to_string());
                    }
                    (Data::DateTime(read), cell) => {
                        let (year, month, day, hour, minute, second, _) = read.to_ymd_hms_milli();
                        let read = format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
                        assert!(read.starts_with(&cell.to_string()), "{read} {cell}");
                    }
                    (read, cell) => panic!("{read:?} {cell:?}"),
                }
            }
        }
        // What XML can't hold is gone from the baseline too, or the next read would find an edit.
        assert_eq!(cell_of(&made.shown[0].1, NAME), Some(&text("乙公司")));
    }

    #[test]
    fn the_digest_leaves_out_the_revision_only() {
        let made = make(&spec(), three());
        let later = make(&ViewSpec { revision: Revision(42), ..spec() }, three());
        assert_eq!(made.digest, later.digest);
        assert_ne!(made.bytes().unwrap(), later.bytes().unwrap());
        assert_eq!(made.bytes().unwrap(), make(&spec(), three()).bytes().unwrap());

        let mut other = three();
        other[1].cells[1].1 = Shown::Value(text("@甲"), false);
        assert_ne!(made.digest, make(&spec(), other).digest, "a lock is part of the view");
        let mut exchanged = three();
        exchanged[0].id = RecordId::new(Uuid::from_u128(9));
        assert_ne!(made.digest, make(&spec(), exchanged).digest, "so is which record a row is");
        assert_ne!(made.digest, make(&ViewSpec { source: "other".into(), ..spec() }, three()).digest);
    }

    #[test]
    fn the_order_of_the_records_does_not_matter() {
        let mut reversed = three();
        reversed.reverse();
        assert_eq!(make(&spec(), three()).shown, make(&spec(), reversed).shown);
    }

    #[test]
    fn a_read_only_view_is_locked_whole() {
        let made = make(&ViewSpec { editable: false, ..spec() }, three());
        assert!(made.sheet.rows.iter().flatten().all(|cell| cell.locked));
        assert_eq!(made.sheet.new_rows, 0);
        assert!(made.sheet.columns.iter().all(|column| !column.editable));
    }

    #[test]
    fn masks_are_locked_noted_and_remembered_as_masks() {
        let made = make(&spec(), three());
        assert!(made.sheet.rows.iter().all(|row| row[2].locked));
        assert_eq!(cell_of(&made.shown[0].1, PHONE), Some(&Cell::Masked("138****5678".into())));
        let noted: Vec<bool> = made.sheet.columns.iter().map(|column| column.note.is_some()).collect();
        assert_eq!(noted.iter().filter(|noted| **noted).count(), 1);
        assert!(noted[2]);
    }

    #[test]
    fn a_text_too_long_is_cut_locked_and_reported() {
        let long = "长".repeat(CELL_CHARS_MAX + 1);
        let mut records = three();
        records[0].cells[1].1 = Shown::Value(text(&long), true);
        let items: Box<[CompactString]> = (0..9000).map(|number| format!("item{number:05}").into()).collect();
        records[0].cells[6].1 = Shown::Value(Value::List(items).into(), true);
        let made = make(&spec(), records);
        let row = &made.sheet.rows[2];
        assert!(row[1].locked && row[6].locked && row[3] != row[1]);
        let places: Vec<&str> = made.problems.iter().map(|problem| problem.place.as_str()).collect();
        assert_eq!(places, ["客户.xlsx!客户!B4", "客户.xlsx!客户!G4"]);
        assert!(made.problems.iter().all(|problem| !problem.message.contains("长长")));
        let read = cells(&made.bytes().unwrap());
        for (column, id) in [(1, NAME), (6, TAGS)] {
            let shown = cell_of(&made.shown[2].1, id).unwrap().to_string();
            assert!(shown.encode_utf16().count() <= CELL_CHARS_MAX && shown.contains("已截断"));
            assert_eq!(read[3][column], Data::String(shown));
        }
    }

    #[test]
    fn titles_are_in_the_office_language() {
        let table = table();
        let name = table.field(NAME).unwrap();
        assert_eq!(header(name, Language::ZhCn), "名称");
        assert_eq!(header(name, Language::En), "Name");
        let only = Field { headers: vec!["电话".into()], ..name.clone() };
        assert_eq!(header(&only, Language::En), "电话");
        let none = Field { headers: Vec::new(), ..name.clone() };
        assert_eq!(header(&none, Language::ZhCn), "name");
    }

    #[test]
    fn no_records_make_a_view_too() {
        let made = make(&spec(), Vec::new());
        let bytes = made.bytes().unwrap();
        assert_eq!(made.shown, []);
        assert_eq!(cells(&bytes)[0].len(), 10);
        assert!(unzipped(&bytes).contains("<sheetProtection"));
    }
}
