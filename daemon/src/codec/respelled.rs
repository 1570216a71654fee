//! Saving again is no edit: what programs write differently, though nobody has changed it, has the same row's hash.

use super::read::FileKind;
use super::trial::{Outcome, minimal_parts, outcome, request, zipped};

/// A workbook whose second row holds one cell, spelled in one way.
#[derive(Clone, Copy, Default)]
struct Spelling {
    cell: &'static str,
    strings: &'static str,
    is_1904: bool,
}

impl Spelling {
    const fn of(cell: &'static str) -> Self {
        Self { cell, strings: "", is_1904: false }
    }

    const fn shared(strings: &'static str) -> Self {
        Self { cell: r#"<c r="B2" t="s"><v>1</v></c>"#, strings, is_1904: false }
    }

    const fn in_1904(cell: &'static str) -> Self {
        Self { cell, strings: "", is_1904: true }
    }

    fn read(&self) -> Outcome {
        let title = r#"<row r="1"><c r="A1" t="inlineStr"><is><t>Name</t></is></c></row>"#;
        let strings = format!("<sst><si><t>unused</t></si>{}</sst>", self.strings);
        let mut parts = minimal_parts(&format!(r#"{title}<row r="2">{}</row>"#, self.cell), &strings);
        for (name, text) in &mut parts {
            if *name == "xl/workbook.xml" && self.is_1904 {
                *text = text.replace("<sheets>", r#"<workbookPr date1904="1"/><sheets>"#);
            }
            if *name == "xl/_rels/workbook.xml.rels" {
                let styles = r#"<Relationship Id="rId3" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/></Relationships>"#;
                *text = text.replace("</Relationships>", styles);
            }
        }
        parts.push(("xl/styles.xml", STYLES.to_owned()));
        let parts: Vec<(&str, &str)> = parts.iter().map(|(name, text)| (*name, text.as_str())).collect();
        outcome(zipped(&parts), &request(FileKind::Xlsx))
    }
}

/// Style 1 is a built-in date, 2 to 4 are dates as offices format them, 5 is a date with time, 6 is money, 7 is text.
const STYLES: &str = r#"<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">
<numFmts count="5"><numFmt numFmtId="164" formatCode="yyyy\-mm\-dd;@"/><numFmt numFmtId="165" formatCode="[$-804]yyyy&quot;年&quot;m&quot;月&quot;d&quot;日&quot;"/>
<numFmt numFmtId="166" formatCode="YYYY/M/D"/><numFmt numFmtId="167" formatCode="yyyy-mm-dd hh:mm:ss"/><numFmt numFmtId="168" formatCode="&quot;¥&quot;#,##0.00;[Red]\-#,##0.00"/></numFmts>
<cellXfs count="8"><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/><xf numFmtId="165"/><xf numFmtId="166"/><xf numFmtId="167"/><xf numFmtId="168"/><xf numFmtId="49"/></cellXfs></styleSheet>"#;

/// Holds that all spellings are read without a problem, as one row with one hash and one cell.
#[track_caller]
fn same(what: &str, spellings: &[Spelling]) {
    let read: Vec<Outcome> = spellings.iter().map(Spelling::read).collect();
    for (spelling, seen) in spellings.iter().zip(&read) {
        let shown = format!("{what}: {}{}", spelling.cell, spelling.strings);
        assert_eq!((seen.failure.as_deref(), seen.problems.len(), seen.rows.len()), (None, 0, 1), "{shown}");
        assert_eq!(seen.cells(), read[0].cells(), "{shown}");
        assert_eq!(seen.hashes(), read[0].hashes(), "{shown}");
    }
}

#[test]
fn texts() {
    let inline = Spelling::of;
    same(
        "shared, inline, a formula's",
        &[
            inline(r#"<c r="B2" t="inlineStr"><is><t>示例 贸易</t></is></c>"#),
            inline(r#"<c r="B2" s="7" t="str"><v>示例 贸易</v></c>"#),
            inline(r#"<c t="inlineStr" r="B2"><is><t xml:space="preserve">示例 贸易</t></is></c>"#),
            Spelling::shared("<si><t>示例 贸易</t></si>"),
            Spelling::shared("<si>\n  <t>示例 贸易</t>\n</si>"),
        ],
    );
    same(
        "rich text",
        &[
            inline(r#"<c r="B2" t="inlineStr"><is><t>Li Lei (boss)</t></is></c>"#),
            inline(
                r#"<c r="B2" t="inlineStr"><is><r><t xml:space="preserve">Li </t></r><r><rPr><b/></rPr><t>Lei (boss)</t></r></is></c>"#,
            ),
            Spelling::shared(
                r#"<si><r><rPr><b/><sz val="11"/></rPr><t>Li</t></r><r><t xml:space="preserve"> Lei </t></r><r><rPr><i/></rPr><t>(boss)</t></r></si>"#,
            ),
        ],
    );
    same(
        "phonetics",
        &[
            inline(r#"<c r="B2" t="inlineStr"><is><t>東京本社</t></is></c>"#),
            Spelling::shared(
                r#"<si><t>東京本社</t><rPh sb="0" eb="2"><t>トウキョウ</t></rPh><rPh sb="2" eb="4"><t>ホンシャ</t></rPh><phoneticPr fontId="1"/></si>"#,
            ),
            Spelling::shared(
                r#"<si><r><t>東京</t></r><r><t>本社</t></r><rPh sb="0" eb="2"><t>トウキョウ</t></rPh><phoneticPr fontId="1" type="noConversion"/></si>"#,
            ),
            inline(
                r#"<c r="B2" t="inlineStr" ph="1"><is><t>東京本社</t><rPh sb="0" eb="4"><t>ホンシャ</t></rPh><phoneticPr fontId="1"/></is></c>"#,
            ),
        ],
    );
    same(
        "outer spaces that are kept",
        &[
            inline(r#"<c r="B2" t="inlineStr"><is><t xml:space="preserve"> a  b </t></is></c>"#),
            Spelling::shared(r#"<si><t xml:space="preserve"> a  b </t></si>"#),
            Spelling::shared(
                r#"<si><r><t xml:space="preserve"> a </t></r><r><t xml:space="preserve"> b </t></r></si>"#,
            ),
        ],
    );
    same(
        "line ends",
        &[
            Spelling::shared("<si><t>one&#10;two</t></si>"),
            Spelling::shared("<si><t xml:space=\"preserve\">one\ntwo</t></si>"),
            Spelling::shared("<si><t>one&#13;&#10;two</t></si>"),
            Spelling::shared("<si><t>one_x000D_&#10;two</t></si>"),
            Spelling::shared("<si><t>one_x000d_\ntwo</t></si>"),
            inline(r#"<c r="B2" t="inlineStr"><is><t>one_x000A_two</t></is></c>"#),
        ],
    );
    same(
        "escapes and entities",
        &[
            Spelling::shared("<si><t>a&amp;b &lt;_x005F_x0041_&gt; &quot;c&quot;</t></si>"),
            Spelling::shared("<si><t>a&#38;b &#x3C;_x005f_x0041_> \"c\"</t></si>"),
            inline(r#"<c r="B2" t="inlineStr"><is><t><![CDATA[a&b <_x005F_x0041_> "c"]]></t></is></c>"#),
        ],
    );
    same(
        "long numbers that are texts",
        &[
            inline(r#"<c r="B2" t="inlineStr"><is><t>110101199003077578</t></is></c>"#),
            inline(r#"<c r="B2" s="7" t="str"><v>110101199003077578</v></c>"#),
            Spelling::shared("<si><t>110101199003077578</t></si>"),
        ],
    );
}

#[test]
fn numbers() {
    let cell = Spelling::of;
    same(
        "a number",
        &[
            cell(r#"<c r="B2"><v>1234.5</v></c>"#),
            cell(r#"<c r="B2" t="n" s="6"><v>1234.50</v></c>"#),
            cell(r#"<c r="B2" s="0"><v>1.2345E3</v></c>"#),
            cell(r#"<c r="B2"><v>1.2345e+03</v></c>"#),
            cell(r#"<c r="B2"><v>1234.4999999999999999</v></c>"#),
            cell(r#"<c r="B2"><f>1000+234.5</f><v>1234.5</v></c>"#),
        ],
    );
    same(
        "a telephone number that is a number",
        &[
            cell(r#"<c r="B2"><v>13800138000</v></c>"#),
            cell(r#"<c r="B2"><v>1.3800138E+10</v></c>"#),
            cell(r#"<c r="B2"><v>13800138000.0</v></c>"#),
        ],
    );
    same("nothing", &[cell(r#"<c r="B2"><v>0</v></c>"#), cell(r#"<c r="B2"><v>-0</v></c>"#)]);
    same("yes", &[cell(r#"<c r="B2" t="b"><v>1</v></c>"#), cell(r#"<c r="B2" t="b" s="1"><v>1</v></c>"#)]);
    same(
        "an error",
        &[cell(r#"<c r="B2" t="e"><v>#N/A</v></c>"#), cell(r#"<c r="B2" t="e" s="2"><f>NA()</f><v>#N/A</v></c>"#)],
    );
}

#[test]
fn dates() {
    let cell = Spelling::of;
    same(
        "a day",
        &[
            cell(r#"<c r="B2" s="1"><v>46082</v></c>"#),
            cell(r#"<c r="B2" s="2"><v>46082.0</v></c>"#),
            cell(r#"<c r="B2" s="3"><v>46082</v></c>"#),
            cell(r#"<c r="B2" s="4" t="n"><v>4.6082E4</v></c>"#),
            cell(r#"<c r="B2" s="1" t="d"><v>2026-03-01</v></c>"#),
            cell(r#"<c r="B2" t="d"><v>2026-03-01T00:00:00</v></c>"#),
            cell(r#"<c r="B2" t="d"><v>2026-03-01T00:00:00.000Z</v></c>"#),
            Spelling::in_1904(r#"<c r="B2" s="1"><v>44620</v></c>"#),
            Spelling::in_1904(r#"<c r="B2" s="3"><v>44620</v></c>"#),
            Spelling::in_1904(r#"<c r="B2" t="d"><v>2026-03-01</v></c>"#),
        ],
    );
    same(
        "a moment, also with the digits that fifteen leave",
        &[
            cell(r#"<c r="B2" s="5"><v>46082.395949074074</v></c>"#),
            cell(r#"<c r="B2" s="5"><v>46082.3959490741</v></c>"#),
            cell(r#"<c r="B2" s="5" t="d"><v>2026-03-01T09:30:10</v></c>"#),
            Spelling::in_1904(r#"<c r="B2" s="5"><v>44620.3959490741</v></c>"#),
        ],
    );
}

#[test]
fn cells_that_hold_nothing_are_no_part_of_a_row() {
    let name = r#"<c r="A2" t="inlineStr"><is><t>Li</t></is></c>"#;
    let with = |cell: &str| {
        let cells: &'static str = format!("{name}{cell}").leak();
        Spelling { cell: cells, strings: "<si><t/></si>", is_1904: false }
    };
    same(
        "an empty cell",
        &[
            with(""),
            with(r#"<c r="B2"/>"#),
            with(r#"<c r="B2" s="3"/>"#),
            with(r#"<c r="B2"><v></v></c>"#),
            with(r#"<c r="B2" t="s"><v>1</v></c>"#),
            with(r#"<c r="B2" t="str"><v></v></c>"#),
            with(r#"<c r="B2" t="inlineStr"><is><t></t></is></c>"#),
            with(r#"<c r="B2" t="inlineStr"><is/></c>"#),
        ],
    );
}
