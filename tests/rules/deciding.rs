//! Conflicts that a plugin decides.

use daybook::model::plugin::PluginVerdict;
use daybook::model::{Outcome, ReviewKind};

use super::*;

const SECTION: &str = "reads = [\"segment\"]\nwrites = [\"segment\"]";

/// Two who change the segment from `a`, the first to `b` and the second to `c`.
fn contest(rule: fn(&Dispute) -> Option<PluginVerdict>) -> (Office, Report) {
    let mut office = Office::new(SECTION, Rules { resolve: Some(rule), ..Rules::default() });
    for book in ["staff", "other"] {
        office.take(book, &["id|segment", "C-1|a"]);
    }
    office.take("staff", &["id|segment", "C-1|b"]);
    assert_eq!(office.asked(), [], "nothing is disputed");
    let report = office.take("other", &["id|segment", "C-1|c"]);
    assert_eq!(office.asked(), [(PluginJob::Merge, false, 1)]);
    (office, report)
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

#[test]
fn each_verdict_does_what_it_says() {
    type Rule = fn(&Dispute) -> Option<PluginVerdict>;
    let asked: Rule = |dispute| {
        let sides = (dispute.base.clone(), dispute.stored.clone(), dispute.incoming.clone());
        assert_eq!(sides, (Some(text("a")), Some(text("b")), Some(text("c"))));
        Some(PluginVerdict::Stored)
    };
    let cases: [(Rule, &str, Outcome, &str); 7] = [
        (asked, "b", Outcome::Superseded, RULE),
        (|_| Some(PluginVerdict::Incoming), "c", Outcome::Applied, RULE),
        (|_| Some(PluginVerdict::Value(Some(text("bc")))), "bc", Outcome::Applied, RULE),
        (|_| Some(PluginVerdict::Value(Some(text("b")))), "b", Outcome::Superseded, RULE),
        (|_| Some(PluginVerdict::Value(None)), "", Outcome::Applied, RULE),
        (|_| Some(PluginVerdict::Ask), "b", Outcome::Conflict, RULE),
        (|_| None, "b", Outcome::Conflict, "review"),
    ];
    for (rule, stored, outcome, by) in cases {
        let (mut office, report) = contest(rule);
        assert_eq!(office.value("C-1", "segment"), stored, "{report:?}");
        assert_eq!(office.last("C-1", "segment"), (outcome, by.to_owned()), "{report:?}");
        let open: Vec<ReviewKind> = office.reviews().iter().map(|review| review.kind).collect();
        assert_eq!(open.len(), usize::from(outcome == Outcome::Conflict), "{open:?}");
        office.is_quiet();
    }
}

#[test]
fn a_plugin_that_has_no_answer_decides_nothing() {
    for on_failure in ["hold", "skip"] {
        let rules = Rules { resolve: Some(|_| Some(PluginVerdict::Incoming)), ..Rules::default() };
        let mut office = Office::new(&format!("{SECTION}\non_failure = \"{on_failure}\""), rules.clone());
        for book in ["staff", "other"] {
            office.take(book, &["id|segment", "C-1|a"]);
        }
        office.take("staff", &["id|segment", "C-1|b"]);
        office.replace(Rules { fails: Some(|_| true), ..rules });
        let report = office.take("other", &["id|segment", "C-1|c"]);
        assert_eq!((report.conflicts, report.held), (1, 0), "{report:?}");
        assert_eq!(office.value("C-1", "segment"), "b");
        office.is_quiet();
    }
}
