//! Which column means which field.
//!
//! A title means a field if it is one of the field's headers or its name. Width, case and white space never matter.
//! A title that stands for nothing so may still do with its decoration taken off: `Phone *`, `客户编号：`, and then
//! with bracketed remarks taken off: `客户编号（必填）`. A better match beats a worse one. Two equally good columns
//! for one field are both left unread: which of them people keep up is not ours to guess. Last comes what is remembered of
//! the source: a title that was changed over a column whose content was a field's.

use std::collections::HashMap;

use compact_str::CompactString;

use crate::codec::sheet::SheetHead;
use crate::model::compare::folded;
use crate::model::{CellRef, Code, Field, FieldId, Place, Problem, Table};

use super::fault::{nearest, quoted, quoted_list};

const UNKNOWN_COLUMN: Code = Code("unknown-column");
const AMBIGUOUS_COLUMN: Code = Code("ambiguous-column");
const DUPLICATE_COLUMN: Code = Code("duplicate-column");
const MISSING_KEY_COLUMN: Code = Code("missing-key-column");

/// What a sheet's columns mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    /// Which column (from 0) means which field, ascending by field.
    pub mapped: Vec<(FieldId, u32)>,
    /// Whether its rows can be identified: each field of the primary key has a column. `generate` excuses an empty
    /// cell, not a column that is missing: with its title misspelt, each row would become a new record.
    pub keyed: bool,
    /// The column of answers that Daybook fills, if the sheet has one.
    pub answer: Option<u32>,
    /// The columns whose titles mean nothing, with these.
    pub unknown: Vec<(u32, String)>,
}

/// Where titles stand, and which of them are no one's business.
#[derive(Clone, Copy, Debug)]
pub struct Heading<'a> {
    /// The file and sheet.
    pub place: &'a Place,
    /// The row of the titles, from 1.
    pub row: u32,
    /// Titles of columns that Daybook writes itself, such as the `status_header`: they are passed over.
    pub own: &'a [&'a str],
    /// Titles that are known to mean a field in this source though no header says so, folded.
    pub remembered: &'a [(CompactString, FieldId)],
}

/// How well a title fits; the better the smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// It is a header or the field's name.
    Exact,
    /// It is one but for decoration around it.
    Undecorated,
    /// It is one but for bracketed remarks.
    Remarked,
    /// It was found out to mean the field.
    Remembered,
}

/// A column with a title, and what it may mean.
struct Candidate<'a> {
    column: u32,
    title: &'a str,
    /// The fields that it fits, all equally well.
    fields: Vec<FieldId>,
    fit: Fit,
}

impl Candidate<'_> {
    /// Takes a title that fits nothing for what it is remembered to mean.
    fn or_remembered(mut self, remembered: &[(CompactString, FieldId)]) -> Self {
        if self.fields.is_empty() && !remembered.is_empty() {
            let form = folded(self.title);
            self.fields = remembered.iter().filter(|(title, _)| *title == form).map(|(_, field)| *field).collect();
            self.fit = Fit::Remembered;
        }
        self
    }
}

impl Columns {
    /// Finds out which column means which field, with a problem for each title that can't be used.
    ///
    /// Problems come in the order of the columns. If a column of the key is missing, no row is read, and only that is
    /// told, in the order of the key.
    pub fn map(head: &SheetHead, table: &Table, heading: &Heading<'_>) -> (Self, Vec<Problem>) {
        let titles = Titles::of(table);
        let own: Vec<CompactString> = heading.own.iter().map(|title| folded(title)).collect();
        let candidates: Vec<Candidate<'_>> = head
            .columns
            .iter()
            .filter(|(_, title)| {
                let form = folded(title);
                !form.is_empty() && !own.contains(&form)
            })
            .map(|(column, title)| titles.candidate(*column, title).or_remembered(heading.remembered))
            .collect();

        let mut chosen: HashMap<FieldId, Vec<&Candidate<'_>>> = HashMap::new();
        for candidate in &candidates {
            let [field] = candidate.fields[..] else { continue };
            let rivals = chosen.entry(field).or_default();
            match rivals.first().map(|rival| rival.fit.cmp(&candidate.fit)) {
                None | Some(std::cmp::Ordering::Equal) => rivals.push(candidate),
                Some(std::cmp::Ordering::Greater) => *rivals = vec![candidate],
                Some(std::cmp::Ordering::Less) => {}
            }
        }

        let mut mapped: Vec<(FieldId, u32)> = chosen
            .iter()
            .filter_map(|(field, rivals)| match rivals[..] {
                [candidate] => Some((*field, candidate.column)),
                _ => None,
            })
            .collect();
        mapped.sort_unstable();

        let missing: Vec<&Field> = table
            .primary_key
            .iter()
            .filter(|id| mapped.binary_search_by_key(*id, |(field, _)| *field).is_err())
            .filter_map(|id| table.field(*id))
            .collect();
        let words = Words { table, heading, titles: &titles, candidates: &candidates, chosen: &chosen };
        let problems = if missing.is_empty() {
            candidates.iter().filter_map(|candidate| words.problem(candidate)).collect()
        } else {
            missing.iter().map(|field| words.missing(field)).collect()
        };
        let answer = head.columns.iter().find(|(_, title)| own.contains(&folded(title))).map(|(column, _)| *column);
        let unknown = candidates.iter().filter(|candidate| candidate.fields.is_empty());
        let unknown = unknown.map(|candidate| (candidate.column, candidate.title.to_owned())).collect();
        (Self { mapped, keyed: missing.is_empty(), answer, unknown }, problems)
    }

    /// The column of a field.
    pub fn of(&self, field: FieldId) -> Option<u32> {
        self.mapped.binary_search_by_key(&field, |(id, _)| *id).ok().map(|index| self.mapped[index].1)
    }
}

/// The titles that a table's fields go by.
pub(super) struct Titles<'a> {
    exact: HashMap<CompactString, Vec<FieldId>>,
    undecorated: HashMap<CompactString, Vec<FieldId>>,
    /// Each title in folded form and as it is written.
    all: Vec<(CompactString, &'a str, FieldId)>,
}

impl<'a> Titles<'a> {
    pub(super) fn of(table: &'a Table) -> Self {
        let mut titles = Self { exact: HashMap::new(), undecorated: HashMap::new(), all: Vec::new() };
        for field in &table.fields {
            for written in field.headers.iter().map(String::as_str).chain([field.name.as_str()]) {
                let form = folded(written);
                add(&mut titles.undecorated, undecorated(&form).into(), field.id);
                add(&mut titles.exact, form.clone(), field.id);
                titles.all.push((form, written, field.id));
            }
        }
        titles
    }

    /// The fields that a title fits, all equally well.
    pub(super) fn meant(&self, title: &str) -> Vec<FieldId> {
        if folded(title).is_empty() { Vec::new() } else { self.candidate(0, title).fields }
    }

    /// The title that was probably meant by one that fits nothing.
    pub(super) fn nearest(&self, title: &str) -> Option<&str> {
        nearest(&folded(title), self.all.iter().map(|(form, written, _)| (form.as_str(), *written)))
    }

    fn candidate<'t>(&self, column: u32, title: &'t str) -> Candidate<'t> {
        let form = folded(title);
        let bare = undecorated(&form);
        let unremarked = without_remarks(&form);
        let unremarked = undecorated(&unremarked);
        let (fields, fit) = if let Some(fields) = self.exact.get(&form) {
            (fields.clone(), Fit::Exact)
        } else if let Some(fields) = self.undecorated.get(bare).filter(|_| !bare.is_empty()) {
            (fields.clone(), Fit::Undecorated)
        } else if let Some(fields) = self.undecorated.get(unremarked).filter(|_| !unremarked.is_empty()) {
            (fields.clone(), Fit::Remarked)
        } else {
            (Vec::new(), Fit::Remarked)
        };
        Candidate { column, title, fields, fit }
    }
}

fn add(titles: &mut HashMap<CompactString, Vec<FieldId>>, form: CompactString, field: FieldId) {
    let fields = titles.entry(form).or_default();
    if !fields.contains(&field) {
        fields.push(field);
    }
}

/// Takes decoration off a folded title: what forms put around it to say "required", "fill in here".
fn undecorated(form: &str) -> &str {
    form.trim_matches(|c: char| {
        matches!(c, '*' | ':' | '.' | ',' | ';' | '?' | '!' | '#' | '、' | '。' | '·' | '※' | '★' | '☆' | '▲' | '▼')
    })
}

/// Takes bracketed remarks off a folded title (NFKC has made full-width brackets plain). An open bracket stays.
fn without_remarks(form: &str) -> String {
    const BRACKETS: [(char, char); 6] = [('(', ')'), ('[', ']'), ('{', '}'), ('<', '>'), ('【', '】'), ('〔', '〕')];
    let mut kept = String::with_capacity(form.len());
    let mut rest = form.chars();
    while let Some(c) = rest.next() {
        let closing = BRACKETS.iter().find(|(open, _)| *open == c).map(|(_, close)| *close);
        match closing.and_then(|close| rest.as_str().split_once(close)) {
            Some((_, after)) => rest = after.chars(),
            None => kept.push(c),
        }
    }
    kept
}

/// What is needed to word a problem of the title row.
struct Words<'a> {
    table: &'a Table,
    heading: &'a Heading<'a>,
    titles: &'a Titles<'a>,
    candidates: &'a [Candidate<'a>],
    chosen: &'a HashMap<FieldId, Vec<&'a Candidate<'a>>>,
}

impl Words<'_> {
    /// The problem of a column that is not read. Columns that are there twice are told of at the first of them.
    fn problem(&self, candidate: &Candidate<'_>) -> Option<Problem> {
        let title = quoted(candidate.title);
        match candidate.fields[..] {
            [] => Some(self.at(
                candidate,
                UNKNOWN_COLUMN,
                &format!("The title {title} is not known. The column was not read; the others were."),
                self.hint_for(candidate.title),
            )),
            [id] => {
                let rivals = self.chosen.get(&id)?;
                let field = quoted(self.title_of(id));
                if !rivals.iter().any(|rival| rival.column == candidate.column) {
                    let better = rivals.first().map_or("", |rival| rival.title);
                    let message = format!(
                        "The title {title} fits {field} less well than {}. The column was not read.",
                        quoted(better)
                    );
                    return Some(self.at(
                        candidate,
                        UNKNOWN_COLUMN,
                        &message,
                        "Give the column a title of its own.".into(),
                    ));
                }
                if rivals.len() < 2 || rivals[0].column != candidate.column {
                    return None;
                }
                let places: Vec<String> = rivals.iter().map(|rival| self.cell(rival.column)).collect();
                let message =
                    format!("The titles in {} all mean {field}. None of these columns was read.", places.join(", "));
                Some(self.at(
                    candidate,
                    DUPLICATE_COLUMN,
                    &message,
                    "Keep one of the columns, or give the others another title.".into(),
                ))
            }
            _ => {
                let fields = quoted_list(candidate.fields.iter().map(|id| self.title_of(*id)));
                let message =
                    format!("The title {title} could mean {fields}. The column was not read; the others were.");
                Some(self.at(
                    candidate,
                    AMBIGUOUS_COLUMN,
                    &message,
                    "Give the fields different headers in the configuration.".into(),
                ))
            }
        }
    }

    /// The problem of a field of the key that no column, or more than one, means.
    fn missing(&self, field: &Field) -> Problem {
        let title = quoted(field.title());
        let (cause, hint) = if let Some(rivals) = self.chosen.get(&field.id) {
            let places: Vec<String> = rivals.iter().map(|rival| self.cell(rival.column)).collect();
            let cause = format!("The titles in {} all mean {title}, by which rows are found.", places.join(", "));
            (cause, "Keep one of the columns, or give the others another title.".to_owned())
        } else if let Some(candidate) = self.candidates.iter().find(|candidate| candidate.fields.contains(&field.id)) {
            let fields = quoted_list(candidate.fields.iter().map(|id| self.title_of(*id)));
            let written = quoted(candidate.title);
            let cause = format!("The title {written} could mean {fields}; rows are found by {title}.");
            (cause, "Give the fields different headers in the configuration.".to_owned())
        } else {
            (format!("No column means {title}, by which rows are found."), self.hint_for_missing(field))
        };
        let unknown: Vec<&str> = self.unknown().map(|candidate| candidate.title).collect();
        let unknown = match unknown.len() {
            0 => String::new(),
            1 => format!(" The title {} is not known.", quoted(unknown[0])),
            _ => format!(" The titles {} are not known.", quoted_list(unknown.into_iter())),
        };
        let message = format!("{}: {cause} No row was read.{unknown}", self.heading.place.whole());
        Problem::new(MISSING_KEY_COLUMN, self.heading.place.row(self.heading.row), message, hint)
    }

    /// Names the unknown title that was probably meant for a field without a column.
    fn hint_for_missing(&self, field: &Field) -> String {
        let meant = self.unknown().find_map(|candidate| {
            let of_field = self.titles.all.iter().filter(|(_, _, id)| *id == field.id);
            let near = nearest(&folded(candidate.title), of_field.map(|(form, written, _)| (form.as_str(), *written)));
            near.map(|near| (candidate, near))
        });
        match meant {
            Some((candidate, near)) => format!(
                "Did you mean {} by {} in {}? Correct the title, or add it to the field's `headers`.",
                quoted(near),
                quoted(candidate.title),
                self.cell(candidate.column)
            ),
            None => format!(
                "Add a column titled {}. If there is one under another title, add that title to the field's `headers`.",
                quoted(field.title())
            ),
        }
    }

    /// The columns whose titles mean nothing.
    fn unknown(&self) -> impl Iterator<Item = &Candidate<'_>> {
        self.candidates.iter().filter(|candidate| candidate.fields.is_empty())
    }

    /// Names the nearest title of a field that has no column yet.
    fn hint_for(&self, title: &str) -> String {
        let free = self.titles.all.iter().filter(|(_, _, id)| !self.chosen.contains_key(id));
        match nearest(&folded(title), free.map(|(form, written, _)| (form.as_str(), *written))) {
            Some(near) => {
                format!("Did you mean {}? Correct the title, or add it to the field's `headers`.", quoted(near))
            }
            None => "If it means a field, add the title to that field's `headers`.".to_owned(),
        }
    }

    fn title_of(&self, id: FieldId) -> &str {
        self.table.field(id).map_or("", Field::title)
    }

    fn cell(&self, column: u32) -> String {
        CellRef { row: self.heading.row, column }.to_string()
    }

    fn at(&self, candidate: &Candidate<'_>, code: Code, message: &str, hint: String) -> Problem {
        let cell = CellRef { row: self.heading.row, column: candidate.column };
        let message = format!("{}: {message}", self.heading.place.whole());
        Problem::new(code, self.heading.place.cell(cell), message, hint)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::extract::sample::{field, place, table};
    use crate::model::FieldType;

    fn customers() -> Table {
        table(vec![
            field(0, "customer_id", FieldType::String, &["客户编号", "Customer ID"]),
            field(1, "phone", FieldType::String, &["电话", "Phone"]),
            field(2, "amount", FieldType::Number, &["金额", "Amount (CNY)"]),
        ])
    }

    fn head(titles: &[&str]) -> SheetHead {
        SheetHead {
            sheet: Some("客户".into()),
            visible_sheets: 1,
            columns: (0..).zip(titles.iter().map(|title| (*title).to_owned())).collect(),
            properties: crate::codec::sheet::Properties::default(),
        }
    }

    fn map(table: &Table, titles: &[&str]) -> (Columns, Vec<Problem>) {
        Columns::map(&head(titles), table, &Heading { place: &place(), row: 1, own: &["Daybook"], remembered: &[] })
    }

    /// Checks which column means which field, as `field=column`, and the problems, as `place code`.
    #[track_caller]
    fn check(titles: &[&str], mapped: &str, problems: &[&str]) {
        let (columns, told) = map(&customers(), titles);
        let shown: Vec<String> = columns.mapped.iter().map(|(id, column)| format!("{}={column}", id.0)).collect();
        assert_eq!(shown.join(" "), mapped);
        let told: Vec<String> = told
            .iter()
            .map(|problem| format!("{} {}", problem.place.trim_start_matches("客户.xlsx!客户!"), problem.code))
            .collect();
        assert_eq!(told, problems);
        assert_eq!(columns.keyed, !problems.iter().any(|problem| problem.ends_with("missing-key-column")));
    }

    #[test]
    fn a_title_means_a_field_in_any_order_width_and_spacing() {
        check(&["电话", "客户编号", "金额"], "0=1 1=0 2=2", &[]);
        check(&[" 客户\n编号 ", "ＰＨＯＮＥ", "AMOUNT(cny)"], "0=0 1=1 2=2", &[]);
        check(&["CustomerID", "phone", "amount"], "0=0 1=1 2=2", &[]);
        check(&["customer_id", "电\u{200b}话\u{3000}"], "0=0 1=1", &[]);
    }

    #[test]
    fn decoration_and_remarks_don_t_matter() {
        check(&["客户编号（必填）", "Phone *", "金额："], "0=0 1=1 2=2", &[]);
        check(&["【必填】客户编号", "＊电话", "金额 [元] *"], "0=0 1=1 2=2", &[]);
        check(&["客户编号", "电话（"], "0=0", &["B1 unknown-column"]);
    }

    #[test]
    fn a_better_match_wins_and_two_equal_ones_lose() {
        check(&["客户编号", "电话（备用）", "电话"], "0=0 1=2", &["B1 unknown-column"]);
        check(&["客户编号", "电话*", "电话（备用）"], "0=0 1=1", &["C1 unknown-column"]);
        check(&["客户编号", "电话", "Phone", "金额"], "0=0 2=3", &["B1 duplicate-column"]);
        check(&["客户编号", "Customer ID", "电话"], "1=2", &["1 missing-key-column"]);
    }

    #[test]
    fn unknown_titles_are_told_with_the_nearest_free_header() {
        check(&["客户编号", "备注", "Daybook", " daybook "], "0=0", &["B1 unknown-column"]);
        let hints =
            |titles: &[&str]| map(&customers(), titles).1.into_iter().map(|problem| problem.hint).collect::<Vec<_>>();
        assert!(hints(&["客户编号", "Phnoe"])[0].contains("`Phone`"));
        // Taken already: it can't have been meant.
        assert!(!hints(&["客户编号", "电话", "Phnoe"])[0].contains("`Phone`"));
        assert_eq!(hints(&["客户编号", "电邮"]), ["If it means a field, add the title to that field's `headers`."]);
    }

    #[test]
    fn a_key_column_must_be_there_also_if_daybook_numbers_the_rows() {
        check(&["电话"], "1=0", &["1 missing-key-column"]);
        let mut table = customers();
        table.fields[0].generate =
            Some(crate::model::schema::Generator { prefix: "C-".into(), width: 6, suffix: String::new() });
        for titles in [&["电话"][..], &["客户编码", "电话"], &["客户编号", "Customer ID"]] {
            let (columns, problems) = map(&table, titles);
            assert!(!columns.keyed && problems.len() == 1, "{titles:?}: {problems:?}");
        }
        assert!(map(&table, &["客户编号", "电话"]).0.keyed);
    }

    #[test]
    fn a_missing_key_column_is_told_alone_with_the_titles_that_mean_nothing() {
        let told = |table: &Table, titles: &[&str]| {
            let (_, problems) = map(table, titles);
            assert!(problems.len() == 1 && problems[0].code == "missing-key-column", "{titles:?}: {problems:?}");
            (problems[0].message.clone(), problems[0].hint.clone())
        };
        let table = customers();
        let (message, hint) = told(&table, &["备注", "客户编码", "电话"]);
        assert_eq!(
            message,
            "客户.xlsx!客户: No column means `客户编号`, by which rows are found. No row was read. \
             The titles `备注`, `客户编码` are not known."
        );
        assert!(hint.starts_with("Did you mean `客户编号` by `客户编码` in B1?"), "{hint}");
        let many: Vec<String> = (0..100).map(|number| format!("{}{number}", "备注".repeat(100))).collect();
        let (message, hint) = told(&table, &many.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(message.ends_with(" and 92 more are not known.") && message.chars().count() < 800, "{message}");
        assert!(hint.starts_with("Add a column titled `客户编号`."), "{hint}");
        assert!(told(&table, &["客户编号", "电话", "Customer ID"]).0.contains("The titles in A1, C1 all mean"));
        let mut table = customers();
        table.fields[2].headers.push("客户编号".into());
        assert!(told(&table, &["客户编号", "电话"]).0.contains("`客户编号` could mean `客户编号`, `金额`"));
    }

    #[test]
    fn messages_name_the_file_and_the_sheet() {
        let mut table = customers();
        table.fields[2].headers.push("电话".into());
        for titles in [
            &["客户编号", "备注"][..],
            &["客户编号", "电话"],
            &["客户编号", "Phone", "phone"],
            &["客户编号", "Phone", "Phone（2）"],
            &["Phone"],
        ] {
            let (_, problems) = map(&table, titles);
            assert_eq!(problems.len(), 1, "{titles:?}");
            assert!(problems[0].message.starts_with("客户.xlsx!客户: "), "{problems:?}");
        }
    }

    #[test]
    fn a_title_of_two_fields_is_neither() {
        let mut table = customers();
        table.fields[2].headers.push("电话".into());
        let (columns, problems) = map(&table, &["客户编号", "电话"]);
        assert_eq!(columns.mapped, [(FieldId(0), 0)]);
        assert_eq!(problems[0].code, "ambiguous-column");
    }

    proptest! {
        #[test]
        fn the_order_of_columns_changes_nothing(
            titles in prop::collection::vec(
                prop::sample::select(vec!["客户编号", "customer_id", "电话", "Phone *", "金额（元）", "金额", "备注", "(", "*"]), 0..8,
            ),
            seed in any::<prop::sample::Index>(),
        ) {
            let table = customers();
            let means = |titles: &[&str]| -> Vec<(FieldId, String)> {
                map(&table, titles).0.mapped.iter().map(|(id, column)| (*id, titles[*column as usize].to_owned())).collect()
            };
            let mut turned = titles.clone();
            if !turned.is_empty() {
                let by = seed.index(turned.len());
                turned.rotate_left(by);
            }
            prop_assert_eq!(means(&titles), means(&turned));
            let (columns, problems) = map(&table, &titles);
            // Each column is read or part of a problem; places are in order.
            prop_assert!(columns.mapped.len() + problems.len() >= usize::from(!titles.is_empty()));
            prop_assert_eq!(columns.keyed, problems.iter().all(|problem| problem.code != "missing-key-column"));
            prop_assert!(columns.mapped.is_sorted_by_key(|(id, _)| *id));
        }
    }
}
