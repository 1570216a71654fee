//! Pages to lines and tables.
//!
//! A tokenizer gives tags and texts; this keeps a stack of the elements that are open, which is all that lines, tables and
//! the elements of mail programs need. Comments, Office's own markup and what nobody sees are no text. What is struck
//! out is none either: its author took it back.

use html5gum::emitters::default::DefaultEmitter;
use html5gum::{StartTag, Token, Tokenizer};

use super::fault::MimeFault;
use super::grid::{Flow, OpenTable};
use super::style::{Begins, Said, said_by};
use super::{Mark, MimeLimits, Passage};

/// How many elements may be open at once.
const ELEMENTS_MAX: usize = 400;
/// How many tables may lie in each other.
const TABLES_MAX: usize = 40;
/// The most columns or rows that a cell is believed to span.
const SPAN_MAX: u32 = 1000;

/// Elements without an end.
const VOID: [&str; 14] =
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"];

/// Elements that begin and end a line.
const BLOCKS: [&str; 35] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "body",
    "caption",
    "center",
    "dd",
    "div",
    "dl",
    "dt",
    "fieldset",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "html",
    "li",
    "main",
    "nav",
    "ol",
    "p",
    "pre",
    "section",
    "table",
    "tbody",
    "td",
    "th",
    "tr",
    "ul",
];

/// Reads a page.
///
/// # Errors
/// `too-deep`, `too-large`; `undecodable-text` if a letter of it is the replacement character.
pub(super) fn passages(page: &str, limits: &MimeLimits) -> Result<Vec<Passage>, MimeFault> {
    let mut reader = Page {
        open: Vec::new(),
        tables: Vec::new(),
        root: Flow::default(),
        depths: Depths::default(),
        own_text_ended: false,
        passages_left: limits.passages_max,
    };
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    for token in Tokenizer::new_with_emitter(page, emitter) {
        let Ok(token) = token;
        match token {
            Token::StartTag(tag) => reader.start(&tag)?,
            Token::EndTag(tag) => reader.end(&String::from_utf8_lossy(&tag.name)),
            Token::String(text) => reader.text(&String::from_utf8_lossy(&text))?,
            Token::Comment(_) | Token::Doctype(_) | Token::Error(_) => {}
        }
    }
    reader.close_down_to(0);
    let mark = reader.mark();
    reader.root.end_block(mark);
    Ok(reader.root.passages)
}

/// An element that is open.
struct Open {
    name: String,
    said: Said,
}

/// How many open elements say what.
#[derive(Default)]
struct Depths {
    quotes: usize,
    signatures: usize,
    hidden: usize,
    preformatted: usize,
}

impl Depths {
    fn count(&mut self, said: Said, step: fn(&mut usize)) {
        match said.mark {
            Some(Mark::Quote) => step(&mut self.quotes),
            Some(Mark::Signature) => step(&mut self.signatures),
            Some(Mark::None) | None => {}
        }
        if said.is_hidden {
            step(&mut self.hidden);
        }
        if said.is_preformatted {
            step(&mut self.preformatted);
        }
    }
}

struct Page {
    open: Vec<Open>,
    tables: Vec<OpenTable>,
    root: Flow,
    depths: Depths,
    /// Whether an element was met after which all is another mail.
    own_text_ended: bool,
    passages_left: usize,
}

impl Page {
    fn mark(&self) -> Mark {
        if self.own_text_ended || self.depths.quotes > 0 {
            Mark::Quote
        } else if self.depths.signatures > 0 {
            Mark::Signature
        } else {
            Mark::None
        }
    }

    /// The text that what comes now belongs to: the innermost open cell's, else the page's.
    fn flow(&mut self) -> &mut Flow {
        self.tables.iter_mut().rev().find_map(OpenTable::flow).unwrap_or(&mut self.root)
    }

    fn end_block(&mut self) {
        let mark = self.mark();
        self.flow().end_block(mark);
    }

    /// Counts a line or cell against the limit.
    fn spend(&mut self) -> Result<(), MimeFault> {
        self.passages_left = self.passages_left.checked_sub(1).ok_or(MimeFault::TooLarge)?;
        Ok(())
    }

    fn start(&mut self, tag: &StartTag<()>) -> Result<(), MimeFault> {
        let name = String::from_utf8_lossy(&tag.name).into_owned();
        let attribute = |wanted: &str| {
            tag.attributes.get(wanted.as_bytes()).map(|value| String::from_utf8_lossy(value).into_owned())
        };
        let said = said_by(&name, &attribute);
        if VOID.contains(&name.as_str()) {
            return self.void(&name, said);
        }
        if self.open.len() >= ELEMENTS_MAX || self.tables.len() >= TABLES_MAX {
            return Err(MimeFault::TooDeep);
        }
        self.close_implied(&name);
        if BLOCKS.contains(&name.as_str()) || said.mark.is_some() {
            self.spend()?;
            self.end_block();
        }
        self.own_text_ended |= said.begins == Some(Begins::AnotherMail) && self.depths.hidden == 0;
        let mark = self.mark();
        let span = |wanted: &str| {
            let number = attribute(wanted).and_then(|text| text.trim().parse().ok()).unwrap_or(1);
            if number == 0 { SPAN_MAX } else { SPAN_MAX.min(number) }
        };
        match (name.as_str(), self.tables.last_mut()) {
            ("table", _) => self.tables.push(OpenTable::new(mark)),
            ("tr", Some(table)) => table.begin_row(mark),
            ("td" | "th", Some(table)) => table.begin_cell(span("colspan"), span("rowspan"), mark),
            _ => {}
        }
        self.depths.count(said, |depth| *depth += 1);
        self.open.push(Open { name, said });
        Ok(())
    }

    /// An element without an end.
    fn void(&mut self, name: &str, said: Said) -> Result<(), MimeFault> {
        let mark = self.mark();
        if self.depths.hidden > 0 {
            return Ok(());
        }
        match name {
            "br" => {
                self.spend()?;
                self.flow().end_line(mark);
            }
            "hr" => {
                self.spend()?;
                self.flow().end_block(mark);
                self.flow().push_line(if said.begins == Some(Begins::Signature) { "-- " } else { "" }, mark);
            }
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, name: &str) {
        let is_of_table = is_of_table(name);
        for at in (0..self.open.len()).rev() {
            let own = self.open[at].name.as_str();
            if own == name {
                self.close_down_to(at);
                return;
            }
            // What was opened outside of a cell is not closed within it, nor a table's parts from within another.
            if own == "table" || (!is_of_table && matches!(own, "td" | "th")) {
                return;
            }
        }
        // `</p>` alone is an empty paragraph; other ends without a beginning mean nothing.
        if name == "p" {
            self.end_block();
        }
    }

    /// Closes what the beginning of an element ends without saying so.
    fn close_implied(&mut self, name: &str) {
        let ends: &[&str] = match name {
            "p" => &["p"],
            "li" => &["li"],
            "dd" | "dt" => &["dd", "dt"],
            "td" | "th" => &["td", "th"],
            "tr" => &["tr"],
            "tbody" | "thead" | "tfoot" => &["tbody", "thead", "tfoot", "tr"],
            _ => return,
        };
        let stops: &[&str] = match name {
            "p" => &["div", "td", "th", "table", "blockquote", "li"],
            "li" => &["ul", "ol", "td", "th", "table"],
            "dd" | "dt" => &["dl", "td", "th", "table"],
            _ => &["table"],
        };
        let mut found = None;
        for (at, open) in self.open.iter().enumerate().rev() {
            if stops.contains(&open.name.as_str()) {
                break;
            }
            if ends.contains(&open.name.as_str()) {
                found = Some(at);
            }
        }
        if let Some(at) = found {
            self.close_down_to(at);
        }
    }

    /// Closes elements until so many are open.
    fn close_down_to(&mut self, count: usize) {
        while self.open.len() > count {
            let Some(closed) = self.open.last() else { return };
            if BLOCKS.contains(&closed.name.as_str()) || closed.said.mark.is_some() {
                self.end_block();
            }
            let mark = self.mark();
            let Some(closed) = self.open.pop() else { return };
            match (closed.name.as_str(), self.tables.last_mut()) {
                ("td" | "th", Some(table)) => table.end_cell(mark),
                ("tr", Some(table)) => table.end_row(mark),
                ("table", Some(_)) => {
                    if let Some(table) = self.tables.pop() {
                        let passages = table.finished(mark);
                        self.flow().passages.extend(passages);
                    }
                }
                _ => {}
            }
            self.depths.count(closed.said, |depth| *depth -= 1);
        }
    }

    fn text(&mut self, text: &str) -> Result<(), MimeFault> {
        if self.depths.hidden > 0 {
            return Ok(());
        }
        if text.contains('\u{FFFD}') {
            return Err(MimeFault::UndecodableText);
        }
        if self.depths.preformatted == 0 {
            self.flow().push(text);
            return Ok(());
        }
        let mark = self.mark();
        for (index, line) in text.split('\n').enumerate() {
            if index > 0 {
                self.spend()?;
                self.flow().end_line(mark);
            }
            self.flow().push_as_typed(line);
        }
        Ok(())
    }
}

/// Whether an element is a part of a table.
fn is_of_table(name: &str) -> bool {
    matches!(name, "table" | "tbody" | "thead" | "tfoot" | "tr" | "td" | "th")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::super::Content;
    use super::*;

    fn read(page: &str) -> Vec<String> {
        let show = |passage: Passage| {
            let sign = match passage.mark {
                Mark::None => "",
                Mark::Quote => "> ",
                Mark::Signature => "-- ",
            };
            match passage.content {
                Content::Line(line) => format!("{sign}{line}"),
                Content::Grid(grid) => {
                    let cell = |cell: &super::super::GridCell| match (cell.columns, cell.rows) {
                        (1, 1) => cell.text.clone(),
                        (columns, rows) => format!("{}<{columns},{rows}>", cell.text),
                    };
                    let row = |row: &Vec<_>| row.iter().map(cell).collect::<Vec<_>>().join("|");
                    format!("{sign}{}", grid.rows.iter().map(row).collect::<Vec<_>>().join(" / "))
                }
            }
        };
        passages(page, &MimeLimits::default()).unwrap().into_iter().map(show).collect()
    }

    #[test]
    fn paragraphs_breaks_and_entities() {
        assert_eq!(
            read(
                "<html><head><style>p{a:b}</style></head><body><p class=MsoNormal>电话：<span>138&nbsp;0013</span><o:p></o:p></p>\n\n<p>b<br>c</p><div><br></div>d"
            ),
            ["电话：138 0013", "b", "c", "", "d"]
        );
        assert_eq!(read("<p>a<p>b<div>c</div>"), ["a", "b", "c"]);
        assert_eq!(read("a &lt;b&gt; &amp; &#x4e2d;"), ["a <b> & 中"]);
        assert_eq!(read("<pre>a\n  b</pre>"), ["a", "  b"]);
    }

    #[test]
    fn quotes_signatures_and_hidden_text() {
        assert_eq!(
            read(
                "new<div class=\"gmail_quote\"><div class=gmail_attr>On x wrote:<br></div><blockquote>old</blockquote></div>after"
            ),
            ["new", "> On x wrote:", "> old", "after"]
        );
        assert_eq!(read("a<div id=divRplyFwdMsg>From: b</div><div>old</div>"), ["a", "> From: b", "> old"]);
        assert_eq!(read("a<div class=gmail_signature>me</div>"), ["a", "-- me"]);
        assert_eq!(read("a<span style='display:none'>x<span>y</span>z</span>b<s>c</s>"), ["ab"]);
        assert_eq!(read("<!--[if gte mso 9]><p>x</p><![endif]-->y<script>z</script>"), ["y"]);
    }

    #[test]
    fn tables_become_grids_and_layouts_do_not() {
        let cells = "<tr><td><p>编号<o:p></o:p></p></td><td>电话</td></tr><tr><td>C-1<td>1<br>2";
        assert_eq!(read(&format!("<table>{cells}</table>x")), ["编号|电话 / C-1|1\n2", "x"]);
        assert_eq!(read(&format!("<table><tr><td><table>{cells}</table></td></tr></table>")), ["编号|电话 / C-1|1\n2"]);
        assert_eq!(read("<table><tr><td>a</td></tr><tr><td>b</td></tr></table>"), ["a", "b"]);
        assert_eq!(
            read("<table><tr><td colspan=2>a</td></tr><tr><td rowspan=\"2\">b</td><td>c</td></tr></table>"),
            ["a<2,1> / b<1,2>|c"]
        );
    }

    #[test]
    fn depth_is_bounded() {
        let limits = MimeLimits::default();
        assert_eq!(passages(&"<div>".repeat(100_000), &limits), Err(MimeFault::TooDeep));
        assert_eq!(passages(&"<table><tr><td>".repeat(100), &limits), Err(MimeFault::TooDeep));
        assert!(passages(&"<p>".repeat(100_000), &limits).is_ok());
        assert_eq!(passages("&#xFFFD;", &limits), Err(MimeFault::UndecodableText));
    }
}
