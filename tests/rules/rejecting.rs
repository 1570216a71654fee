//! Whole saves that are held, and what becomes of them and of what stood open before when a person has decided.

use daybook::model::{Actor, ReviewId, ReviewKind};

use super::*;

/// The staff's workbook is written into and answered.
const TWO_WAY: &str = "sync = \"two-way\"";
const PLUGIN: &str = "reads = [\"name\"]\n[guard]\nchanged_cells_max_percent = 20";
const TITLES: &str = "id|name|phone|mail|Daybook";
/// What rows of a rejected save are answered that were added in it.
const REJECTED: &str = "Not saved: the save was rejected";

/// A plugin that finds nothing wrong.
fn content() -> Rules {
    Rules { validate: Some(|_| Vec::new()), ..Rules::default() }
}

/// A plugin that wants nobody to be called `bad`.
fn checker() -> Rules {
    Rules { validate: Some(not_bad), ..Rules::default() }
}

/// Thirty customers, of whom the first so many have a new name.
fn thirty(renamed: usize) -> Vec<String> {
    let customer = |number| {
        let name = if number <= renamed { "renamed" } else { "as it was" };
        format!("C-{number}|{name} {number}|1|a{number}@example.com|")
    };
    std::iter::once(TITLES.to_owned()).chain((1..=30).map(customer)).collect()
}

/// The lines with one row in the place of the one that has its key.
fn with_row(mut lines: Vec<String>, row: &str) -> Vec<String> {
    let is_its = |line: &String| line.split('|').next() == row.split('|').next();
    match lines.iter().position(is_its) {
        Some(position) => row.clone_into(&mut lines[position]),
        None => lines.push(row.to_owned()),
    }
    lines
}

impl Office {
    /// An office whose staff keeps thirty customers.
    fn of_thirty(rules: Rules) -> Self {
        let mut office = Self::with(PLUGIN, TWO_WAY, rules);
        office.take_lines(&thirty(0));
        assert_eq!(office.row("C-30"), "C-30|as it was 30|1|a30@example.com|Saved");
        office
    }

    fn take_lines(&mut self, lines: &[String]) -> Report {
        self.take("staff", &lines.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Saves the staff's workbook as it is now, with one row in the place of the one that has its key.
    fn take_with(&mut self, row: &str) -> Report {
        let lines = with_row(self.lines("staff"), row);
        self.take_lines(&lines)
    }

    /// The row of a key in the staff's workbook.
    #[track_caller]
    fn row(&self, key: &str) -> String {
        let lines = self.lines("staff");
        lines.into_iter().find(|line| line.split('|').next() == Some(key)).expect("the row is there")
    }

    fn held_save(&mut self) -> Option<Review> {
        self.reviews().into_iter().find(|review| review.kind == ReviewKind::MassChange)
    }

    /// Decides about the held save; gives what was told of that, and when the workbook was put right.
    #[track_caller]
    fn settle(&mut self, decision: &Decision) -> Report {
        let review = self.held_save().expect("a save is held");
        let mut report = self.pipeline.decide(&review, decision, &Actor::Steward).expect("it is decided");
        report.add(self.sync());
        report
    }

    /// The open questions but for held saves.
    fn asked_of_rows(&mut self) -> Vec<ReviewId> {
        let reviews = self.reviews().into_iter().filter(|review| review.kind != ReviewKind::MassChange);
        reviews.map(|review| review.id).collect()
    }
}

#[test]
fn an_added_row_that_was_rejected_stays_refused_when_its_key_is_used_elsewhere() {
    let mut office = Office::of_thirty(content());
    office.take_lines(&with_row(thirty(29), "C-31|new|3||"));
    office.settle(&Decision::Reject);
    assert_eq!(office.row("C-31"), format!("C-31|new|3||{REJECTED}"));
    office.set("C-31", "name", "another", &Actor::Steward).expect("it is set");
    office.sync();
    let report = office.take_with("C-5|edited|1|a5@example.com|");
    assert_eq!((report.applied, report.conflicts, report.held), (1, 0, 0), "{report:?}");
    assert_eq!((office.value("C-31", "name"), office.value("C-31", "phone")), ("another".into(), String::new()));
    assert_eq!(office.last("C-31", "phone"), (Outcome::Refused, "rejected".to_owned()));
    assert!(office.row("C-31").starts_with("C-31|another|3||Not saved"), "{}", office.row("C-31"));
    office.is_quiet();
    // What is typed in it now is an edit like any other.
    office.take_with("C-31|another|4||");
    assert_eq!(office.value("C-31", "phone"), "4");
    office.is_quiet();
}

#[test]
fn rows_that_were_rejected_are_put_to_no_plugin() {
    let mut office = Office::of_thirty(content());
    office.take_lines(&with_row(thirty(29), "C-31|bad|3||"));
    office.settle(&Decision::Reject);
    office.replace(checker());
    let report = office.take_with("C-5|edited|1|a5@example.com|");
    assert_eq!((codes(&report), office.reviews().len()), (Vec::new(), 0), "{report:?}");
    assert_eq!(office.row("C-31"), format!("C-31|bad|3||{REJECTED}"));
    office.is_quiet();
}

#[test]
fn a_newer_save_that_an_interrupted_answer_left_beside_the_workbook_is_given_back() {
    let mut office = Office::of_thirty(content());
    office.take_lines(&thirty(29));
    assert_eq!(office.row("C-1"), "C-1|renamed 1|1|a1@example.com|Waiting for a decision");
    // She had saved in between, and the program died before that could be put back.
    office.leave_beside(&with_row(thirty(0), "C-30|newest|1|a30@example.com|"));
    office.sync();
    assert_eq!(office.row("C-30"), "C-30|newest|1|a30@example.com|Saved");
    assert_eq!(office.row("C-1"), "C-1|as it was 1|1|a1@example.com|Saved");
    assert_eq!((office.value("C-30", "name"), office.reviews().len()), ("newest".into(), 0));
    office.is_quiet();
}

#[test]
fn what_an_interrupted_answer_replaced_is_known() {
    let mut office = Office::of_thirty(content());
    office.take_lines(&thirty(29));
    let (answered, review) = (office.lines("staff"), office.held_save());
    office.leave_beside(&thirty(29));
    office.sync();
    assert_eq!((office.lines("staff"), office.held_save()), (answered, review));
    let left = fs::read_dir(office.folder.path().join("share")).expect("the folder is there");
    assert_eq!(left.count(), 1, "nothing is left beside the workbook");
    office.settle(&Decision::Reject);
    office.is_quiet();
}

impl Office {
    /// Leaves a file beside the staff's workbook as an interrupted replacement does.
    #[expect(clippy::disallowed_methods, reason = "a person's program has written the file")]
    fn leave_beside(&self, lines: &[String]) {
        let text: String = lines.iter().map(|line| line.replace('|', ",") + "\n").collect();
        let path = self.path("staff");
        let name = format!("{}0.tmp", daybook::io::replace::leftover_prefix(&path));
        fs::write(path.with_file_name(name), text).expect("it can be written");
    }
}

#[test]
fn rows_with_unclear_keys_are_rejected_with_the_save_and_not_asked_about() {
    let mut office = Office::of_thirty(content());
    // All but the last have another key, and a cell that makes it unclear whether each is the same customer.
    let rekeyed = |line: String| match line.split('|').next() {
        Some("id" | "C-30") => line,
        _ => line.replace("C-", "D-").replace("|1|", "|2|"),
    };
    let report = office.take_lines(&thirty(0).into_iter().map(rekeyed).collect::<Vec<_>>());
    assert_eq!(codes(&report), ["mass-change"], "{report:?}");
    office.settle(&Decision::Reject);
    assert_eq!(office.row("D-7"), format!("D-7|as it was 7|2|a7@example.com|{REJECTED}"));
    assert!(office.reviews().is_empty());
    let report = office.take_with("C-30|edited|1|a30@example.com|");
    assert_eq!((report.applied, report.held, codes(&report)), (1, 0, Vec::new()), "{report:?}");
    assert_eq!((office.record("D-7"), office.reviews().len()), (None, 0));
    assert_eq!((office.value("C-7", "name"), office.value("C-7", "phone")), ("as it was 7".into(), "1".into()));
    assert_eq!(office.row("D-7"), format!("D-7|as it was 7|2|a7@example.com|{REJECTED}"));
    office.is_quiet();
    // As it was before, it is her customer again.
    let lines = office.lines("staff").into_iter().map(|line| line.replace("D-7|as it was 7|2", "C-7|as it was 7|1"));
    let report = office.take_lines(&lines.collect::<Vec<_>>());
    assert_eq!((report.refused, codes(&report), office.reviews().len()), (0, Vec::new(), 0), "{report:?}");
    assert_eq!(office.row("C-7"), "C-7|as it was 7|1|a7@example.com|Saved");
    office.is_quiet();
}

#[test]
fn an_accepted_save_takes_rows_that_were_rejected_before() {
    let mut office = Office::of_thirty(content());
    office.take_lines(&with_row(thirty(29), "C-31|new|3||"));
    office.settle(&Decision::Reject);
    // She changes them all anew, and adds one row more.
    let lines = office.lines("staff").into_iter().map(|line| line.replace("as it was", "changed")).collect();
    office.take_lines(&with_row(lines, "C-32|newer|4||"));
    assert!(office.record("C-31").is_none());
    office.settle(&Decision::Accept);
    assert_eq!((office.value("C-31", "name"), office.value("C-32", "name")), ("new".into(), "newer".into()));
    assert_eq!(office.row("C-31"), "C-31|new|3||Saved");
    office.is_quiet();
}

#[test]
fn a_rejection_leaves_the_questions_that_were_open_before() {
    let mut office = Office::of_thirty(checker());
    office.set("C-1", "name", "another", &Actor::Steward).expect("it is set");
    office.take_lines(&with_row(with_row(thirty(0), "C-1|mine|1|a1@example.com|"), "C-2|bad|1|a2@example.com|"));
    let waits = "C-2|bad|1|a2@example.com|Waiting for a decision; Not saved: name: so nobody is called";
    let asked = office.asked_of_rows();
    assert_eq!((asked.len(), office.row("C-2")), (2, waits.to_owned()));
    office.take_lines(&with_row(thirty(29), "C-2|bad|1|a2@example.com|"));
    office.settle(&Decision::Reject);
    assert_eq!(office.asked_of_rows(), asked);
    assert_eq!(office.row("C-2"), waits, "what is asked about stays as typed");
    assert_eq!(office.row("C-3"), "C-3|as it was 3|1|a3@example.com|Not saved: name: the save was rejected");
    let report = office.take_with("C-5|edited|1|a5@example.com|");
    assert_eq!((codes(&report), office.asked_of_rows()), (Vec::new(), asked), "{report:?}");
    office.is_quiet();
}

#[test]
fn a_rejection_leaves_the_question_whose_row_it_is() {
    let mut office = Office::of_thirty(content());
    let report = office.take_lines(
        &thirty(0)
            .into_iter()
            .map(|line| line.replace("C-30|as it was 30|1", "D-30|as it was 30|2"))
            .collect::<Vec<_>>(),
    );
    assert_eq!(codes(&report), ["key-unclear"], "{report:?}");
    let asked = office.asked_of_rows();
    office.take_lines(
        &thirty(29)
            .into_iter()
            .map(|line| line.replace("C-30|as it was 30|1", "D-30|as it was 30|2"))
            .collect::<Vec<_>>(),
    );
    office.settle(&Decision::Reject);
    assert_eq!(office.asked_of_rows(), asked);
    assert_eq!(office.row("D-30"), "D-30|as it was 30|2|a30@example.com|Waiting for a decision");
    let report = office.take_with("C-5|edited|1|a5@example.com|");
    assert_eq!((codes(&report), office.asked_of_rows()), (Vec::new(), asked), "{report:?}");
    office.decide(&Decision::Accept).expect("it is the same customer");
    office.sync();
    assert_eq!(office.value("D-30", "phone"), "2");
    office.is_quiet();
}

#[test]
fn what_was_told_before_a_rejection_is_not_told_again() {
    let mut office = Office::of_thirty(content());
    let narrow = |renamed| {
        let short = |line: String| {
            let cells: Vec<&str> = line.split('|').collect();
            [cells[0], cells[1], cells[2], cells[4]].join("|")
        };
        thirty(renamed).into_iter().map(short).collect::<Vec<_>>()
    };
    let report = office.take_lines(&narrow(0));
    assert_eq!(codes(&report), ["column-dropped"], "{report:?}");
    office.take_lines(&narrow(29));
    let report = office.settle(&Decision::Reject);
    assert_eq!(codes(&report), ["rejected"], "{report:?}");
    let report = office.take_with("C-5|edited|1|");
    assert_eq!((report.applied, codes(&report)), (1, Vec::new()), "{report:?}");
    office.is_quiet();
}

#[test]
fn a_decision_counts_for_the_save_that_was_looked_at() {
    for decision in [Decision::Accept, Decision::Reject] {
        let mut office = Office::of_thirty(content());
        office.take_lines(&thirty(28));
        let looked_at = office.held_save().expect("a save is held");
        office.take_lines(&thirty(29));
        let newer = office.held_save().expect("a save is held");
        assert_eq!(newer.id, looked_at.id, "it is the same question, about a later save");
        let decided = office.pipeline.decide(&looked_at, &decision, &Actor::Steward);
        assert!(matches!(decided, Err(PipelineError::Refused(_))), "{decided:?}");
        assert_eq!((office.held_save(), office.value("C-29", "name")), (Some(newer), "as it was 29".into()));
        office.settle(&decision);
        let decided = office.pipeline.decide(&looked_at, &decision, &Actor::Steward);
        assert!(matches!(decided, Err(PipelineError::Refused(_))), "{decided:?}");
    }
}

#[test]
fn a_held_save_is_withdrawn_when_the_file_is_again_the_one_before() {
    let mut office = Office::of_thirty(content());
    let before = office.lines("staff");
    let bytes = fs::read(office.path("staff")).expect("it can be read");
    office.take_lines(&thirty(29));
    assert!(office.held_save().is_some());
    office.restore(&bytes);
    let report = office.sync();
    assert_eq!((office.held_save(), codes(&report)), (None, Vec::new()), "{report:?}");
    assert_eq!(office.lines("staff"), before);
    office.is_quiet();
}

impl Office {
    /// Puts an older version of the staff's workbook in its place.
    #[expect(clippy::disallowed_methods, reason = "a person's program writes the file")]
    fn restore(&self, bytes: &[u8]) {
        fs::write(self.path("staff"), bytes).expect("it can be written");
    }
}
