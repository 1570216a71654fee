//! What the columns of a sheet are where their titles do not say, or say something else than before.
//!
//! `identify::columns` decides by how far the columns agree with what the fields were last seen to show; this gathers that,
//! and words what came of it. A title that was found out to mean a field is remembered with what has been told of the
//! source, and a person's answer with the question that she answered.

use std::collections::{HashMap, HashSet};

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::compose::Composer;
use super::error::PipelineError;
use super::recognised::Cells;
use super::telling::Telling;
use super::typed::{Typed, Unsure};
use crate::extract;
use crate::identify;
use crate::identify::columns::{self, Agreement, Claim, Renamed};
use crate::io::{Entropy, uuid_v7};
use crate::model::compare::folded;
use crate::model::entry::{KeyIndex, ReviewChange};
use crate::model::problem::Code;
use crate::model::row::cell_of;
use crate::model::{
    ArrivalId, Cell, CellRef, Field, FieldId, Outcome, Place, Problem, RecordId, Review, ReviewId, ReviewKind,
    SourceName, Table, Value,
};
use crate::store::{ArrivalFilter, Snapshot};

/// How many of a source's arrivals say which fields it has had a column for.
const RECENT_ARRIVALS: u32 = 20;
/// So many rows are compared.
pub(super) const SAMPLE_ROWS: usize = 2_000;

/// What is known of a source's columns before it is read.
#[derive(Clone, Debug, Default)]
pub struct PastColumns {
    /// The fields that it had a column for, lately.
    pub(super) before: Vec<FieldId>,
    /// Which column meant which field in its newest state, if that is known.
    pub(super) newest: Option<Vec<(FieldId, u32)>>,
    /// What has been told of it.
    told: HashSet<u64>,
    /// Titles that were found out a moment ago to mean a field, folded.
    concluded: Vec<(CompactString, FieldId)>,
}

impl PastColumns {
    /// Reads it.
    pub(super) fn load(
        snapshot: &Snapshot<'_>,
        (source, newest): (&SourceName, ArrivalId),
        concluded: Vec<(CompactString, FieldId)>,
    ) -> Result<Self, PipelineError> {
        let filter = ArrivalFilter { source: Some(source.clone()), before: None, limit: Some(RECENT_ARRIVALS) };
        let lately = snapshot.arrivals(&filter)?;
        let mut before: Vec<FieldId> =
            lately.iter().flat_map(|line| &line.arrival.columns).map(|(field, _)| *field).collect();
        before.sort_unstable();
        before.dedup();
        let newest = lately.into_iter().find(|line| line.arrival.id == newest).map(|line| line.arrival.columns);
        Ok(Self { before, newest, told: snapshot.told(source)?.into_iter().collect(), concluded })
    }

    /// Whether a title, folded, is known to mean a field.
    pub(super) fn means(&self, title: &CompactString, field: FieldId) -> bool {
        self.concluded.iter().any(|(own, id)| own == title && *id == field)
            || self.told.contains(&renamed_digest(field, title))
    }
}

/// What a title that was found out is remembered by.
fn renamed_digest(field: FieldId, title: &str) -> u64 {
    Telling::digest(RENAMED.0, &[&field.0.to_le_bytes(), title.as_bytes()])
}

const RENAMED: Code = Code("column-renamed");

/// A column with the field that it holds, or may hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Titled {
    pub(super) field: FieldId,
    /// From 0.
    pub(super) column: u32,
    pub(super) title: String,
}

/// What is new about the columns of a sheet.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct ColumnNews {
    /// Columns that hold a field under another title.
    renamed: Vec<Titled>,
    /// Columns that may hold a field; `None` if that was not looked at, because not every row was read.
    asked: Option<Vec<Titled>>,
    /// Fields that have lost their column.
    dropped: Vec<FieldId>,
    /// Fields whose column shows what another field's showed.
    exchanged: Vec<(FieldId, FieldId)>,
}

/// What the columns come to.
pub(super) enum Judged {
    /// They mean what they were read as.
    AsRead(ColumnNews),
    /// These titles, folded, mean these fields: the sheet is to be read again.
    Renamed(Vec<(CompactString, FieldId)>),
    /// That can't be told without every row.
    Incomplete,
}

/// Looks at the columns of a sheet that was read.
pub(super) fn judge(
    snapshot: &Snapshot<'_>,
    table: &Table,
    source: &SourceName,
    typed: &Typed,
) -> Result<Judged, PipelineError> {
    let (renamed, dropped) = (typed.renamed.clone(), typed.lacking.clone());
    let mut news = ColumnNews { renamed, asked: None, dropped, exchanged: Vec::new() };
    let Some(unsure) = &typed.unsure else {
        news.asked = Some(Vec::new());
        if typed.known.is_empty() && typed.columns.keyed && typed.moved {
            news.exchanged = Scene::load(snapshot, table, source, typed)?.exchanged();
        }
        return Ok(Judged::AsRead(news));
    };
    if !typed.known.is_empty() && !typed.columns.keyed {
        return Ok(Judged::Incomplete);
    }
    if !typed.known.is_empty() {
        return Ok(Judged::AsRead(news));
    }
    let scene = Scene::load(snapshot, table, source, typed)?;
    let answers = Answers::load(snapshot, source)?;
    let renamed = if typed.columns.keyed { scene.renamed(unsure, &answers) } else { scene.renamed_key(unsure)? };
    if !renamed.certain.is_empty() {
        let title = |(field, column): &(FieldId, u32)| Some((folded(unsure.title(*column)?), *field));
        return Ok(Judged::Renamed(renamed.certain.iter().filter_map(title).collect()));
    }
    let asked = renamed.unclear.iter().filter_map(|(field, column)| {
        Some(Titled { field: *field, column: *column, title: unsure.title(*column)?.to_owned() })
    });
    let asked: Vec<Titled> = asked.collect();
    let is_asked = |field: &FieldId| asked.iter().any(|titled| titled.field == *field);
    news.dropped.retain(|field| !is_asked(field));
    news.asked = Some(asked);
    if typed.moved {
        news.exchanged = scene.exchanged();
    }
    Ok(Judged::AsRead(news))
}

/// What a person has said of columns.
struct Answers {
    /// Whether a title, folded, means a field.
    said: HashMap<(FieldId, CompactString), bool>,
}

impl Answers {
    fn load(snapshot: &Snapshot<'_>, source: &SourceName) -> Result<Self, PipelineError> {
        let mut said = HashMap::new();
        for kept in snapshot.reviews(false)? {
            let review = kept.review;
            let (Some(closed), Some(field), None) = (kept.closed, review.field, review.record) else { continue };
            if review.kind == ReviewKind::Ambiguous && review.source == *source && closed.how != "withdrawn" {
                said.insert((field, folded(&title_of(&review))), closed.how == "accept");
            }
        }
        Ok(Self { said })
    }

    fn of(&self, field: FieldId, title: &str) -> Option<bool> {
        self.said.get(&(field, folded(title))).copied()
    }
}

/// The title that a question is about.
fn title_of(review: &Review) -> String {
    review.incoming.as_ref().map_or_else(String::new, ToString::to_string)
}

/// The rows that are compared, with what their records were last seen to show.
struct Scene<'a> {
    snapshot: &'a Snapshot<'a>,
    table: &'a Table,
    source: &'a SourceName,
    typed: &'a Typed,
    /// What a row's record showed, by the row's position.
    shown: HashMap<usize, Cells>,
}

impl<'a> Scene<'a> {
    fn load(
        snapshot: &'a Snapshot<'a>,
        table: &'a Table,
        source: &'a SourceName,
        typed: &'a Typed,
    ) -> Result<Self, PipelineError> {
        let mut scene = Self { snapshot, table, source, typed, shown: HashMap::new() };
        let Some(newest) = snapshot.states(source)?.into_iter().next() else { return Ok(scene) };
        let keys: Vec<(usize, CompactString)> = typed
            .rows
            .iter()
            .take(SAMPLE_ROWS)
            .enumerate()
            .filter_map(|(position, row)| Some((position, identify::joined(row.key.as_deref()?))))
            .collect();
        let texts: Vec<CompactString> = keys.iter().map(|(_, text)| text.clone()).collect();
        let found = snapshot.records_by_key(&table.name, KeyIndex::Primary, &texts)?;
        let records: Vec<RecordId> = found.values().copied().collect();
        let mut shown = snapshot.baseline(&table.name, source, newest.no, &records)?;
        for (position, text) in keys {
            // Of rows that share a key, the first will do.
            if let Some(cells) = found.get(&text).and_then(|record| shown.remove(record)) {
                scene.shown.insert(position, cells);
            }
        }
        Ok(scene)
    }

    /// Which columns hold which fields that have no column.
    fn renamed(&self, unsure: &Unsure, answers: &Answers) -> Renamed {
        let mut claims = Vec::new();
        let mut accepted = Vec::new();
        for field in unsure.lacking.iter().filter_map(|id| self.table.field(*id)) {
            for (index, (column, title)) in unsure.columns.iter().enumerate() {
                match answers.of(field.id, title) {
                    Some(true) => accepted.push((field.id, *column)),
                    Some(false) => {}
                    None => claims.push(Claim {
                        field: field.id,
                        column: *column,
                        agreement: self.agreement(unsure, field, index),
                    }),
                }
            }
        }
        let is_free =
            |claim: &Claim| accepted.iter().all(|(field, column)| *field != claim.field && *column != claim.column);
        claims.retain(is_free);
        let mut renamed = columns::renamed(&claims);
        renamed.certain.extend(accepted);
        renamed
    }

    /// How far a column without a field agrees with what a field without a column showed.
    fn agreement(&self, unsure: &Unsure, field: &Field, index: usize) -> Agreement {
        let mut agreement = Agreement::default();
        for (position, cells) in &unsure.sample {
            let Some(shown) = position.and_then(|position| self.shown.get(&position)) else { continue };
            let before = cell_of(shown, field.id).unwrap_or(&Cell::Blank);
            let now = extract::cell(&cells[index], field);
            if now != Cell::Blank || *before != Cell::Blank {
                agreement.count(field.says_same(before, &now), &now.to_string());
            }
        }
        agreement
    }

    /// Which column holds the key, if its column is the one that is lacking: the one whose values are the keys of the
    /// source's records.
    fn renamed_key(&self, unsure: &Unsure) -> Result<Renamed, PipelineError> {
        let [key] = self.table.primary_key[..] else { return Ok(Renamed::default()) };
        let (true, Some(field)) = (unsure.lacking.contains(&key), self.table.field(key)) else {
            return Ok(Renamed::default());
        };
        let Some(newest) = self.snapshot.states(self.source)?.into_iter().next() else { return Ok(Renamed::default()) };
        let index = self.snapshot.state_index(self.source, newest.no)?;
        let there: HashSet<RecordId> = index.iter().filter(|row| !row.missing).map(|row| row.record).collect();
        let mut claims = Vec::new();
        for (index, (column, _)) in unsure.columns.iter().enumerate() {
            let cells: Vec<Cell> = unsure.sample.iter().map(|(_, cells)| extract::cell(&cells[index], field)).collect();
            let filled = || cells.iter().filter(|cell| **cell != Cell::Blank);
            let key = |cell: &Cell| field.key_text(cell.value()?).map(|text| identify::joined(&[text]));
            let texts: Vec<CompactString> = filled().filter_map(key).collect();
            let found = self.snapshot.records_by_key(&self.table.name, KeyIndex::Primary, &texts)?;
            let mut agreement = Agreement::default();
            for cell in filled() {
                let record = key(cell).and_then(|text| found.get(&text).copied());
                agreement.count(record.is_some_and(|record| there.contains(&record)), &cell.to_string());
            }
            claims.push(Claim { field: field.id, column: *column, agreement });
        }
        // Without a key no row can be taken, so there is nothing to ask about: its title is asked for.
        Ok(Renamed { unclear: Vec::new(), ..columns::renamed(&claims) })
    }

    /// Fields whose column shows what another field was seen to show: titles that were exchanged, or put over another
    /// column.
    fn exchanged(&self) -> Vec<(FieldId, FieldId)> {
        let is_key = |field: &FieldId| self.table.primary_key.contains(field);
        let fields: Vec<FieldId> = self.typed.columns.mapped.iter().map(|(field, _)| *field).collect();
        let others: Vec<FieldId> = fields.iter().chain(&self.typed.lacking).filter(|id| !is_key(id)).copied().collect();
        let mut exchanged = Vec::new();
        for field in fields.iter().filter(|id| !is_key(id)) {
            let own = self.likeness(*field, *field);
            if own.is_likely() {
                continue;
            }
            let other = others.iter().find(|other| *other != field && self.likeness(*field, **other).is_certain());
            exchanged.extend(other.map(|other| (*field, *other)));
        }
        exchanged
    }

    /// How far what stands under a field's title agrees with what a field showed. Texts are compared: the types may differ.
    fn likeness(&self, field: FieldId, shown: FieldId) -> Agreement {
        let mut agreement = Agreement::default();
        for (position, cells) in &self.shown {
            let now = self.typed.rows[*position].cell(field).unwrap_or(&Cell::Blank);
            let before = cell_of(cells, shown).unwrap_or(&Cell::Blank);
            let computed = matches!(now, Cell::Formula(_)) || matches!(before, Cell::Formula(_));
            if !computed && (*now != Cell::Blank || *before != Cell::Blank) {
                let text = now.to_string();
                agreement.count(text == before.to_string(), &text);
            }
        }
        agreement
    }
}

/// What telling of columns needs to know.
pub(super) struct Telltale<'a> {
    pub(super) table: &'a Table,
    /// The row of the titles, from 1.
    pub(super) header_row: u32,
    /// Daybook makes the workbook: it writes the titles anew.
    pub(super) is_view: bool,
    /// The open reviews of the source.
    pub(super) open: &'a [Review],
    /// A person has rejected the save: nothing of it is asked.
    pub(super) rejected: bool,
}

impl ColumnNews {
    /// Whether values would change places with their titles.
    pub(super) fn is_exchanged(&self) -> bool {
        !self.exchanged.is_empty()
    }

    /// Tells of columns that were found again, lost or exchanged; puts and withdraws the questions.
    pub(super) fn tell(
        &self,
        composer: &mut Composer<'_>,
        telling: &mut Telling,
        telltale: &Telltale<'_>,
        entropy: &mut dyn Entropy,
    ) {
        for titled in &self.renamed {
            let is_new = telling.is_new(RENAMED.0, &[&titled.field.0.to_le_bytes(), folded(&titled.title).as_bytes()]);
            if is_new {
                composer.problem(titled.renamed(composer, telltale));
            }
        }
        for field in self.dropped.iter().filter(|_| !telltale.is_view) {
            let Some(field) = telltale.table.field(*field) else { continue };
            let digest = Telling::digest("column-dropped", &[&field.id.0.to_le_bytes()]);
            let is_told = telling.before.contains(&digest);
            // Without having looked whether another column is it, nothing new is told.
            if is_told || self.asked.is_some() {
                telling.now.push(digest);
            }
            if !is_told && self.asked.is_some() {
                let place = place_of(composer);
                composer.problem(Problem::new(
                    Code("column-dropped"),
                    place.clone(),
                    format!("{place}: the column `{}` is gone. Its values stay as they are stored.", field.title()),
                    "If it was given another title, add that to the field's `headers`. Otherwise nothing has to be done.",
                ));
            }
        }
        let Some(asked) = &self.asked else {
            // The questions stand, so what was told of them does.
            telling
                .now
                .extend(open_columns(telltale.open).map(|review| unclear_digest(review.field, &title_of(review))));
            return;
        };
        for titled in asked {
            let digest = unclear_digest(Some(titled.field), &titled.title);
            if telltale.rejected && !telling.before.contains(&digest) {
                continue;
            }
            telling.now.push(digest);
            if !telling.before.contains(&digest) {
                composer.problem(titled.unclear(composer, telltale));
            }
        }
        if !telltale.rejected {
            Self::ask(composer, asked, telltale, entropy);
        }
    }

    /// Tells which titles were exchanged, if any: the save is held for that.
    pub(super) fn exchange(&self, place: &str, table: &Table) -> Option<Problem> {
        let title = |id: &FieldId| table.field(*id).map_or("", Field::title);
        let list: Vec<String> = self
            .exchanged
            .iter()
            .map(|(field, other)| format!("`{}` shows what `{}` showed", title(field), title(other)))
            .collect();
        (!list.is_empty()).then(|| {
            Problem::new(
                Code("columns-exchanged"),
                place,
                format!("{place}: titles stand over other columns than before: {}.", list.join(", ")),
                "Put the titles back over their columns and save again, or accept the save if the values are meant to change.",
            )
        })
    }

    fn ask(composer: &mut Composer<'_>, asked: &[Titled], telltale: &Telltale<'_>, entropy: &mut dyn Entropy) {
        let mut open: Vec<&Review> = open_columns(telltale.open).collect();
        for titled in asked {
            let is_its = |review: &&Review| review.field == Some(titled.field);
            let earlier = open.iter().position(is_its).map(|index| open.swap_remove(index));
            if earlier.is_some_and(|review| title_of(review) == titled.title) {
                continue;
            }
            let id =
                earlier.map_or_else(|| ReviewId::new(uuid_v7(composer.arrival().at.0, entropy)), |review| review.id);
            let review = titled.question(composer, telltale, id);
            composer.review(ReviewChange::Open(Box::new(review)));
            composer.report.count(Outcome::Held);
        }
        for review in open {
            composer.review(ReviewChange::Close { id: review.id, how: CompactString::const_new("withdrawn") });
        }
    }
}

/// The open questions about columns.
fn open_columns(open: &[Review]) -> impl Iterator<Item = &Review> {
    open.iter().filter(|review| review.kind == ReviewKind::Ambiguous && review.record.is_none())
}

fn unclear_digest(field: Option<FieldId>, title: &str) -> u64 {
    Telling::digest("column-unclear", &[&field.unwrap_or(FieldId(0)).0.to_le_bytes(), folded(title).as_bytes()])
}

fn place_of(composer: &Composer<'_>) -> String {
    composer.arrival().place.as_ref().map_or_else(String::new, Place::whole)
}

impl Titled {
    /// The cell of the title.
    fn place(&self, composer: &Composer<'_>, telltale: &Telltale<'_>) -> String {
        let cell = CellRef { row: telltale.header_row, column: self.column };
        composer.arrival().place.as_ref().map_or_else(String::new, |place| place.cell(cell))
    }

    fn renamed(&self, composer: &Composer<'_>, telltale: &Telltale<'_>) -> Problem {
        let place = self.place(composer, telltale);
        let field = telltale.table.field(self.field).map_or("", Field::title);
        let message = format!("{place}: the column `{}` shows what `{field}` showed, and is taken for it.", self.title);
        Problem::new(RENAMED, place, message, format!("Add `{}` to the `headers` of the field `{field}`.", self.title))
    }

    fn unclear(&self, composer: &Composer<'_>, telltale: &Telltale<'_>) -> Problem {
        let place = self.place(composer, telltale);
        let field = telltale.table.field(self.field).map_or("", Field::title);
        let message = format!(
            "{place}: the column `{field}` is gone, and `{}` may be it. The column was not read; the others were.",
            self.title
        );
        let hint = "Decide with `daybook review list` and `daybook review decide ID accept` (it is that field) or `reject`, or add the title to the field's `headers`.";
        Problem::new(Code("column-unclear"), place, message, hint)
    }

    fn question(&self, composer: &Composer<'_>, telltale: &Telltale<'_>, id: ReviewId) -> Review {
        let arrival = composer.arrival();
        Review {
            id,
            kind: ReviewKind::Ambiguous,
            table: arrival.table.clone(),
            record: None,
            field: Some(self.field),
            group: Vec::new(),
            base: None,
            stored: None,
            incoming: Some(Cell::Value(Value::Text(self.title.as_str().into()))),
            source: arrival.source.clone(),
            place: self.place(composer, telltale),
            actor: arrival.actor.clone(),
            arrival: arrival.id,
            at: arrival.at,
            extent: None,
        }
    }
}
