//! Laws of patching text files: a model of a file written piece by piece, of which every byte of the patched file is
//! foretold, and bytes that no program wrote.

use std::io::Cursor;

use encoding_rs::{BIG5, Encoding, GB18030, UTF_8, UTF_16BE, UTF_16LE};
use proptest::prelude::*;

use super::super::patch::{CellRefusal, NewCell, PatchRequest, Patched, RefusedCell, RowPatch, patch};
use super::super::read::{FileKind, ReadFailure};
use super::super::sheet::RawCell;
use super::super::trial::{Outcome, outcome, request};
use super::spans::encoded;

/// One field: its text, and whether it stands in quotes.
type Field = (String, bool);

/// A file in pieces. The first row is the header.
#[derive(Clone, Debug)]
struct Model {
    encoding: &'static Encoding,
    has_mark: bool,
    is_stated: bool,
    delimiter: char,
    rows: Vec<(Vec<Field>, &'static str)>,
}

impl Model {
    fn bytes(&self) -> Vec<u8> {
        let mut text = if self.is_stated { format!("sep={}\r\n", self.delimiter) } else { String::new() };
        for (fields, end) in &self.rows {
            let fields: Vec<String> = fields.iter().map(|field| self.written(field)).collect();
            text += &fields.join(&self.delimiter.to_string());
            text += end;
        }
        let mark = if self.has_mark { "\u{FEFF}" } else { "" };
        encoded(&format!("{mark}{text}"), self.encoding).expect("the letters are those of the encoding")
    }

    /// Says of each field that stands in quotes that it does, also where they are needed.
    fn note_quotes(&mut self) {
        let noted = |(fields, end): &(Vec<Field>, &'static str)| {
            let fields = fields.iter().map(|field| (field.0.clone(), self.written(field).starts_with('"')));
            (fields.collect(), *end)
        };
        self.rows = self.rows.iter().map(noted).collect();
    }

    fn written(&self, (text, is_quoted): &Field) -> String {
        let is_special = |letter| matches!(letter, '"' | '\n' | ',' | ';' | '\t') || letter == self.delimiter;
        let is_needed =
            if self.is_stated { text.contains(['"', '\n', self.delimiter]) } else { text.chars().any(is_special) };
        if *is_quoted || is_needed { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.clone() }
    }

    /// The rows that hold something below the header: number and cells.
    fn cells(&self) -> Vec<(u32, Vec<(u32, RawCell)>)> {
        let cells = |fields: &Vec<Field>| -> Vec<(u32, RawCell)> {
            let cells = (0..).zip(fields).filter(|(_, (text, _))| !text.is_empty());
            cells.map(|(column, (text, _))| (column, RawCell::Text(text.as_str().into()))).collect()
        };
        let rows = (1..).zip(&self.rows).skip(1).map(|(number, (fields, _))| (number, cells(fields)));
        rows.filter(|(_, cells)| !cells.is_empty()).collect()
    }

    fn set(&mut self, row: u32, column: u32, text: &str) {
        let fields = &mut self.rows[row as usize - 1].0;
        if fields.get(column as usize).is_none_or(|(own, _)| own.is_empty()) && text.is_empty() {
            return;
        }
        if fields.len() == 1 && text.is_empty() {
            fields[0].1 = true;
        }
        while fields.len() <= column as usize {
            fields.push((String::new(), false));
        }
        fields[column as usize].0 = text.to_owned();
    }

    /// Appends a row below the last, which ends the file and looked like this before anything was changed.
    fn append(&mut self, cells: &[(u32, String)], style: &[Field]) {
        let width = self.rows[0].0.len().max(cells.last().map_or(0, |(column, _)| *column as usize + 1));
        let is_quoted = |column: usize| style.get(column).is_some_and(|(_, is_quoted)| *is_quoted);
        let mut row: Vec<Field> = (0..width).map(|column| (String::new(), is_quoted(column))).collect();
        for (column, text) in cells {
            row[*column as usize].0.clone_from(text);
        }
        let index = self.rows.len() - 1;
        let above = self.rows.iter().rev().find(|(_, end)| !end.is_empty()).map_or("\r\n", |(_, end)| *end);
        let end = self.rows[index].1;
        self.rows[index].1 = above;
        self.rows.push((row, if end.is_empty() { "" } else { above }));
    }
}

fn seen(bytes: &[u8]) -> Outcome {
    outcome(bytes.to_vec(), &request(FileKind::Csv))
}

fn cells_of(seen: &Outcome) -> Vec<(u32, Vec<(u32, RawCell)>)> {
    seen.numbers().into_iter().zip(seen.cells()).collect()
}

fn encodings() -> impl Strategy<Value = (&'static Encoding, bool, &'static str, &'static str)> {
    // With letters, and a title, that leave no doubt of the encoding.
    prop_oneof![
        Just((UTF_8, false, "李雷é😀", "编号")),
        Just((UTF_8, true, "李雷é😀", "编号")),
        Just((UTF_16LE, true, "李雷簍😀", "编号")),
        Just((UTF_16BE, true, "李雷簍😀", "编号")),
        Just((GB18030, false, "李雷寍亅€😀", "编号😀")),
        Just((BIG5, false, "台北功許育一", "一，編號")),
    ]
}

fn texts(letters: &'static str) -> impl Strategy<Value = String> {
    let letters: Vec<char> = letters.chars().chain("abc 1\",;|\t\n-".chars()).collect();
    proptest::collection::vec(proptest::sample::select(letters), 0..6).prop_map(String::from_iter)
}

fn models() -> impl Strategy<Value = (Model, &'static str)> {
    let delimiters =
        proptest::sample::select(vec![(',', false), (';', false), ('\t', false), ('|', true), (';', true)]);
    (encodings(), delimiters).prop_flat_map(|((encoding, has_mark, letters, title), (delimiter, is_stated))| {
        let ends = proptest::sample::select(vec!["\n", "\r\n", "\r"]);
        let fields = proptest::collection::vec((texts(letters), any::<bool>()), 0..5);
        let row = (fields, ends).prop_map(|(mut fields, end)| {
            // A row is a line at least.
            if fields.is_empty() {
                fields.push((String::new(), false));
            }
            (fields, end)
        });
        (proptest::collection::vec(row, 1..8), any::<bool>()).prop_map(move |(mut rows, ends_open)| {
            let titles = [title, "b", "c", "d"].map(|title| (title.to_owned(), false)).to_vec();
            rows.insert(0, (titles, "\r\n"));
            // A line feed behind a lone return would be one line end, and that is no model of it.
            for index in 1..rows.len() {
                if rows[index - 1].1 == "\r" && rows[index].0.len() == 1 && rows[index].0[0].0.is_empty() {
                    rows[index - 1].1 = "\n";
                }
            }
            let last = rows.last_mut().expect("the header");
            last.0[0].0.push('z');
            if ends_open {
                last.1 = "";
            }
            let mut model = Model { encoding, has_mark, is_stated, delimiter, rows };
            model.note_quotes();
            (model, letters)
        })
    })
}

fn changes(letters: &'static str) -> impl Strategy<Value = Vec<(prop::sample::Index, u32, String)>> {
    proptest::collection::vec((any::<prop::sample::Index>(), 0..6_u32, texts(letters)), 0..6)
}

fn cell(text: &str) -> NewCell {
    if text.is_empty() { NewCell::Blank } else { NewCell::Text(text.into()) }
}

fn asked(seen: &Outcome, rows: Vec<RowPatch>, appended: Vec<Vec<(u32, NewCell)>>) -> PatchRequest {
    let last_row = seen.numbers().last().copied().unwrap_or(1);
    PatchRequest {
        read: request(FileKind::Csv),
        rows,
        appended,
        last_row,
        source: "s".to_owned(),
        revision: Some(7),
        words: ["否".into(), "是".into()],
    }
}

fn ask(bytes: &[u8], request: &PatchRequest) -> Result<(Patched, Vec<u8>), ReadFailure> {
    patch(Cursor::new(bytes), request)
}

/// Of the letters here only a minus begins a formula, and white space at the very beginning is taken for one.
fn is_formula(text: &str) -> bool {
    let text = text.trim_start_matches(' ');
    let is_sum = |piece: &str, harmless: &str| piece.starts_with('-') && !piece.chars().all(|c| harmless.contains(c));
    let mut behind = text.split([',', ';', '\t', '|', '\n']).skip(1);
    text.starts_with(['\t', '\n'])
        || is_sum(text, " -1,")
        || behind.any(|piece| is_sum(piece.trim_start_matches([' ', '"']), " -1"))
}

/// Sets the texts in the model and gives the request for it, with the cells that must be refused.
fn plan(
    model: &mut Model,
    before: &Outcome,
    changes: &[(prop::sample::Index, u32, String)],
) -> (Vec<RowPatch>, Vec<RefusedCell>) {
    let mut rows: Vec<RowPatch> = Vec::new();
    let mut refused = Vec::new();
    let (numbers, hashes) = (before.numbers(), before.hashes());
    let mut changes: Vec<_> = changes.iter().collect();
    changes.sort_by_key(|(_, column, _)| *column);
    for (index, column, text) in changes {
        let at = index.index(numbers.len());
        let (number, hash) = (numbers[at], hashes[at]);
        let at = rows.iter().position(|row| row.number == number).unwrap_or(rows.len());
        if at == rows.len() {
            rows.push(RowPatch { number, hash, cells: Vec::new() });
        }
        let row = &mut rows[at];
        if row.cells.iter().any(|(own, _)| own == column) {
            continue;
        }
        row.cells.push((*column, cell(text)));
        let own = model.rows[number as usize - 1].0.get(*column as usize).map_or("", |(own, _)| own);
        if is_formula(text) && own != text {
            refused.push(RefusedCell { row: number, column: *column, why: CellRefusal::FormulaLike });
        } else if own != text {
            model.set(number, *column, text);
        }
    }
    rows.sort_by_key(|row| row.number);
    refused.sort_by_key(|cell| (cell.row, cell.column));
    (rows, refused)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_patched_file_is_foretold_byte_by_byte(
        ((mut model, changes), new_text) in models()
            .prop_flat_map(|(model, letters)| (Just(model), changes(letters)))
            .prop_flat_map(|pair| (Just(pair), proptest::option::of("[a-c,;\"]{1,4}"))),
    ) {
        let bytes = model.bytes();
        let style = model.rows.last().expect("a row").0.clone();
        let before = seen(&bytes);
        // Random fields can make another delimiter the likelier one; then the model is no model of the file.
        prop_assume!(cells_of(&before) == model.cells() && before.titles().len() == 4);
        let (rows, refused) = plan(&mut model, &before, &changes);
        let appended: Vec<Vec<(u32, String)>> = new_text.iter().map(|text| vec![(1, text.clone())]).collect();
        let new_rows = appended.iter().map(|row| row.iter().map(|(column, text)| (*column, cell(text))).collect());
        let request = asked(&before, rows, new_rows.collect());
        for row in &appended {
            model.append(row, &style);
        }
        match ask(&bytes, &request) {
            Ok((done, patched)) => {
                let expected = model.bytes();
                prop_assert_eq!(&done.refused, &refused);
                if patched.is_empty() {
                    prop_assert_eq!(expected, bytes);
                    return Ok(());
                }
                prop_assert!(patched == expected, "\n{:?}\n{:?}", String::from_utf8_lossy(&patched), String::from_utf8_lossy(&expected));
                let after = seen(&patched);
                prop_assert_eq!(cells_of(&after), model.cells());
                let hash = |number| after.numbers().iter().position(|own| *own == number).map(|at| after.hashes()[at]);
                for (number, own) in done.rows.iter().chain(&done.appended) {
                    prop_assert_eq!(hash(*number), Some(*own));
                }
                prop_assert_eq!(done.appended.len(), appended.len());
                // Again it has nothing to do, once it is told of the new hashes.
                let mut again = request.clone();
                again.appended.clear();
                again.rows.retain_mut(|row| hash(row.number).map(|hash| row.hash = hash).is_some());
                again.last_row = after.numbers().last().copied().unwrap_or(1);
                let (_, bytes) = ask(&patched, &again).expect("it was just patched");
                prop_assert!(bytes.is_empty());
            }
            Err(failure) => {
                // The patched file would be read with another delimiter.
                prop_assert_eq!(failure.code, "text-ambiguous");
                prop_assert!(cells_of(&seen(&model.bytes())) != model.cells());
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic(
        bytes in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..200),
            proptest::collection::vec(proptest::sample::select(b"a1,;\"\r\n\t|=\x81\x30\xA4\x40\xEF\xBB\xBF\xFE\xFF\0".to_vec()), 0..60),
        ],
        row in 0..5_u32, last_row in 0..5_u32, column in 0..600_u32, text in ".{0,5}",
    ) {
        let before = seen(&bytes);
        let index = before.numbers().iter().position(|number| *number == row);
        let hash = index.map_or(0, |index| before.hashes()[index]);
        let rows = vec![RowPatch { number: row, hash, cells: vec![(column, cell(&text)), (column / 2, NewCell::Boolean(true))] }];
        let mut request = asked(&before, rows, vec![vec![(column, cell(&text))]]);
        request.last_row = last_row;
        if let Err(failure) = ask(&bytes, &request) {
            // Cells out of order are no request; the check finds what comes of them.
            prop_assert!(before.failure.is_some() || ["moved", "text-ambiguous", "patch-check-failed"].contains(&failure.code.as_str()), "{failure:?}");
        }
    }
}
