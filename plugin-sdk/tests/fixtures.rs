//! Fixtures find what is wrong: each difference between what is expected and what a rule says, and each contradiction in themselves.

use daybook_plugin_sdk::prelude::*;
use daybook_plugin_sdk::testing::{Batch, Fixture, Rule};

/// Does every job, in the simplest way that can be told apart.
struct Every {
    name: Column,
    class: Column,
}

impl Plugin for Every {
    type Settings = NoSettings;
    const MANIFEST: Manifest = manifest!();

    fn new(_: NoSettings, schema: Schema<'_>, _: Context) -> Result<Self, Failure> {
        Ok(Self { name: schema.column("name")?, class: schema.column("class")? })
    }
}

impl Validator for Every {
    fn validate(&self, row: Row<'_>, issues: &mut Issues) {
        if row.cell(self.name).is_empty() {
            issues.error(self.name, "empty", "The name is empty.");
            issues.tell(None, Severity::Info, "row", "The row has no name.");
        }
    }
}

impl Normaliser for Every {
    fn normalise(&self, row: Row<'_>, changes: &mut Changes<'_>) {
        match row.cell(self.name).text() {
            Some("none") => changes.clear(self.name, "That is no name."),
            Some(name) => {
                changes.set(self.name, "replaced below", "");
                changes.set(self.name, name.to_uppercase(), "In capitals.");
            }
            None => {}
        }
    }
}

impl Classifier for Every {
    fn classify(&self, row: Row<'_>, labels: &mut Labels) {
        if !row.cell(self.name).is_empty() {
            labels.add_with("perhaps", 0.4);
            labels.add_with("likely", 0.9);
            labels.add_with("as likely", 0.9);
        }
    }
}

impl Merger for Every {
    fn resolve(&self, dispute: Dispute<'_>) -> Verdict {
        assert_eq!(dispute.row().cell(self.name).text(), Some("A"));
        match (dispute.base().text(), dispute.stored().text(), dispute.incoming().text()) {
            (None, Some(stored), Some(incoming)) => Verdict::value(format!("{stored}{incoming}"), "Both."),
            (_, None, _) => Verdict::empty("Gone."),
            (_, _, None) => Verdict::ask("Which?"),
            _ if dispute.column() == self.class => Verdict::stored("The class stays."),
            _ => Verdict::incoming("The newer."),
        }
    }
}

impl MailReader for Every {
    fn read(&self, mail: Mail<'_>, readings: &mut Readings) -> Result<(), Failure> {
        if mail.subject().is_empty() {
            return Err(Failure::BadInput("no subject".to_owned()));
        }
        for (line, text) in mail.lines() {
            if let Some(name) = text.strip_prefix("name:") {
                readings.add(line, [(self.name, name.trim())]);
            }
        }
        Ok(())
    }
}

daybook_plugin_sdk::plugin!(Every: normalise, validate, classify, merge, mail);

const COLUMNS: &str = r#"
column = [{ name = "name", writes = true }, { name = "class", reads = false, writes = true }]
"#;

/// What comes of a fixture with these lines after the columns.
fn outcome(lines: &str, rule: &Rule<Every>) -> Result<(), String> {
    let fixture = Fixture::parse(&format!("{COLUMNS}{lines}")).expect("the test's own fixture");
    fixture.check(&fixture.run(rule))
}

#[track_caller]
fn differs(lines: &str, rule: &Rule<Every>, what: &str) {
    let difference = outcome(lines, rule).expect_err("it differs");
    assert!(difference.contains(what), "{difference}");
}

#[test]
fn issues_are_compared() {
    let rule = Rule::<Every>::new().validate();
    let both = r#"[{ column = "name", code = "empty", says = "empty" }, { severity = "info", code = "row" }]"#;
    assert_eq!(
        outcome(&format!("row = [{{ cells = [\"\", \"\"], issues = {both} }}, {{ cells = [\"a\", \"\"] }}]"), &rule),
        Ok(())
    );
    for issues in [
        r#"[{ column = "name", code = "empty" }]"#,
        r#"[{ column = "name", code = "empty" }, { severity = "info", code = "row" }, { severity = "info", code = "row" }]"#,
        r#"[{ column = "name", code = "empty" }, { code = "row" }]"#,
        r#"[{ column = "class", code = "empty" }, { severity = "info", code = "row" }]"#,
        r#"[{ column = "name", code = "full" }, { severity = "info", code = "row" }]"#,
        r#"[{ column = "name", code = "empty", says = "full" }, { severity = "info", code = "row" }]"#,
    ] {
        differs(&format!("row = [{{ cells = [\"\", \"\"], issues = {issues} }}]"), &rule, "row 0, issues");
    }
    differs(r#"row = [{ cells = ["a", ""] }, { cells = ["", ""] }]"#, &rule, "row 1, issues");
}

#[test]
fn changes_are_compared_and_need_writes() {
    let rule = Rule::<Every>::new().normalise();
    let row = |cell: &str, changes: &str| format!("row = [{{ cells = [\"{cell}\", \"\"], changes = {changes} }}]");
    assert_eq!(outcome(&row("a", r#"[{ column = "name", value = "A", says = "capitals" }]"#), &rule), Ok(()));
    assert_eq!(outcome(&row("A", "[]"), &rule), Ok(()), "what is so already is no change");
    assert_eq!(outcome(&row("none", r#"[{ column = "name", value = "" }]"#), &rule), Ok(()));
    differs(&row("a", "[]"), &rule, "not expected");
    differs(&row("a", r#"[{ column = "name", value = "B" }]"#), &rule, "is missing");
    differs(&row("a", r#"[{ column = "name", value = "A", says = "small" }]"#), &rule, "is missing");
    let reads = r#"
        column = [{ name = "name" }, { name = "class", reads = false, writes = true }]
        row = [{ cells = ["a", ""], changes = [{ column = "name", value = "A" }] }]
    "#;
    let fixture = Fixture::parse(reads).expect("the test's own fixture");
    let difference = fixture.check(&fixture.run(&rule)).expect_err("the office doesn't let it");
    assert!(difference.contains("`writes = true`"), "{difference}");
}

#[test]
fn the_first_of_the_most_certain_labels_counts() {
    let rule = Rule::<Every>::new().classify();
    assert_eq!(outcome(r#"row = [{ cells = ["a", ""], label = "likely" }, { cells = ["", ""] }]"#, &rule), Ok(()));
    differs(r#"row = [{ cells = ["a", ""], label = "as likely" }]"#, &rule, "label");
    differs(r#"row = [{ cells = ["", ""], label = "likely" }]"#, &rule, "label");
}

#[test]
fn verdicts_are_compared() {
    let rule = Rule::<Every>::new().merge();
    let case = |dispute: &str| format!("row = [{{ cells = [\"A\", \"\"] }}]\n[[dispute]]\n{dispute}");
    for dispute in [
        "column = 'name'\nstored = 'a'\nincoming = 'b'\nverdict = 'value'\nvalue = 'ab'\nsays = 'Both'",
        "column = 'name'\nbase = 'x'\nincoming = 'b'\nverdict = 'value'\nvalue = ''",
        "column = 'name'\nbase = 'x'\nstored = 'a'\nverdict = 'ask'",
        "column = 'name'\nbase = 'x'\nstored = 'a'\nincoming = 'b'\nverdict = 'incoming'",
        "column = 'class'\nbase = 'x'\nstored = 'a'\nincoming = 'b'\nverdict = 'stored'",
    ] {
        assert_eq!(outcome(&case(dispute), &rule), Ok(()));
    }
    for dispute in [
        "column = 'name'\nstored = 'a'\nincoming = 'b'\nverdict = 'value'\nvalue = 'ba'",
        "column = 'name'\nstored = 'a'\nincoming = 'b'\nverdict = 'ask'",
        "column = 'name'\nbase = 'x'\nstored = 'a'\nincoming = 'b'\nverdict = 'incoming'\nsays = 'older'",
    ] {
        differs(&case(dispute), &rule, "dispute 0");
    }
}

#[test]
fn mails_are_read() {
    let rule = Rule::<Every>::new().mail();
    let mail = |more: &str| format!("[mail]\nsender = 'li.lei@example.com'\ntext = '''hello\nname: A'''\n{more}");
    let right = "subject = 's'\n[[mail.reading]]\ncells = ['A', '']\nline = 2";
    assert_eq!(outcome(&mail(right), &rule), Ok(()));
    differs(&mail("subject = 's'"), &rule, "the mail was read as");
    differs(&mail(&right.replace("line = 2", "line = 1")), &rule, "the mail was read as");
    differs(&mail(""), &rule, "bad-input: no subject");
    let failure = |kind: &str| format!("failure = {{ kind = '{kind}', says = 'subject' }}\n{}", mail(""));
    assert_eq!(outcome(&failure("bad-input"), &rule), Ok(()));
    differs(&failure("bad-settings"), &rule, "expected was");
}

#[test]
fn settings_are_checked_first() {
    let rule = Rule::<Every>::new().validate();
    let wrong = "settings = { colour = 'red' }\n";
    differs(wrong, &rule, "bad-settings: unknown field `colour`");
    assert_eq!(outcome(&format!("failure = {{ kind = 'bad-settings', says = 'colour' }}\n{wrong}"), &rule), Ok(()));
    differs("failure = { kind = 'bad-settings' }", &rule, "did not fail");
}

#[test]
fn a_fixture_that_contradicts_itself_is_none() {
    for (lines, what) in [
        ("row = [{ cells = ['a'] }]", "row 0 has 1 cell, and there are 2 columns"),
        ("row = [{ cells = ['a', 'b'] }]", "`class`, which isn't read"),
        ("row = [{ cells = ['a', ''], changes = [{ column = 'other', value = '' }] }]", "`other`, which is no column"),
        ("row = [{ cells = ['a', ''], isues = [] }]", "isues"),
        ("dispute = [{ column = 'name', verdict = 'ask' }]", "dispute 0"),
        ("row = [{ cells = ['a', ''] }]\ndispute = [{ column = 'name', verdict = 'value' }]", "goes with the verdict"),
        ("mail = { sender = '', text = '', reading = [{ cells = [], line = 1 }] }", "a reading"),
    ] {
        let error = Fixture::parse(&format!("{COLUMNS}{lines}")).expect_err(lines).to_string();
        assert!(error.contains(what), "{error}");
    }
    for (columns, what) in [
        ("column = [{ name = 'a', kind = 'number' }]", "is no kind"),
        ("column = [{ name = 'a', reads = false, writes = true }, { name = 'b' }]", "come after"),
        ("column = [{ name = 'a', reads = false }]", "neither read nor written"),
    ] {
        let error = Fixture::parse(columns).expect_err(columns).to_string();
        assert!(error.contains(what), "{error}");
    }
}

#[test]
fn a_batch_can_have_other_rows() {
    let fixture = Fixture::parse(COLUMNS).expect("the test's own fixture");
    let batch = Batch::of(&fixture).with_rows([vec!["a", ""], vec!["", ""]]);
    assert_eq!(batch.rows(), 2);
    assert_eq!(batch.validate::<Every>().ok(), Some(2));
    assert_eq!(batch.normalise::<Every>().ok(), Some(1));
    assert_eq!(batch.classify::<Every>().ok(), Some(3));
}

/// Says of each row what stands in it, as a code.
struct Coded(Column);

impl Plugin for Coded {
    type Settings = NoSettings;
    const MANIFEST: Manifest = manifest!();

    fn new(_: NoSettings, schema: Schema<'_>, _: Context) -> Result<Self, Failure> {
        Ok(Self(schema.column("name")?))
    }
}

impl Validator for Coded {
    fn validate(&self, row: Row<'_>, issues: &mut Issues) {
        issues.error(self.0, row.cell(self.0).text().unwrap_or_default(), "It is wrong.");
    }
}

/// Daybook would take the whole answer for wrong, and its author would not know why.
#[test]
fn a_code_that_daybook_would_refuse_is_told() {
    let rule = Rule::<Coded>::new().validate();
    let run = |code: &str| {
        let lines =
            format!("row = [{{ cells = [\"{code}\", \"\"], issues = [{{ column = \"name\", code = \"{code}\" }}] }}]");
        let fixture = Fixture::parse(&format!("{COLUMNS}{lines}")).expect("the test's own fixture");
        fixture.check(&fixture.run(&rule))
    };
    let longest = "a".repeat(64);
    for code in ["check-digit", "rule-123", "3", "plugin", longest.as_str()] {
        assert_eq!(run(code), Ok(()), "{code}");
    }
    let too_long = "a".repeat(65);
    for code in ["iso8601", "rule-1-2-3-4", "plugin-held", "Check", "a b", "a_b", "税号", "", too_long.as_str()] {
        let told = run(code).expect_err("Daybook refuses it");
        assert!(told.contains(&format!("row 0: Daybook refuses the code `{code}`")), "{told}");
        assert!(told.contains("3 digits") && told.contains("`plugin-`") && told.contains("64"), "{told}");
    }
}
