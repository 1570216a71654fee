//! The words of a receipt that both of its forms say.

use super::{
    AttachmentAccount, CellAccount, CellOutcome, FileOutcome, LineAccount, LinePlace, Listed, Reason, RecordAccount,
    Rest, RowRemark, Sent, Sight, TROUBLES_LISTED_MAX,
};
use crate::publish::answer;
use crate::text::Texts;

/// The most characters of a value or line in a list.
const SHOWN_CHARS_MAX: usize = 300;

/// The line above a record.
pub(super) fn record(record: &RecordAccount, texts: &Texts) -> String {
    let names = [("title", record.title.as_str().into()), ("key", record.key.as_str().into())];
    let name = if record.key.is_empty() {
        texts.format("receipt-record-unknown", &names)
    } else if record.is_new {
        texts.format("receipt-record-new", &names)
    } else {
        texts.format("receipt-record", &names)
    };
    match &record.place {
        Some(place) => texts.format("receipt-record-at", &[("record", name.into()), ("place", place.as_str().into())]),
        None => name,
    }
}

/// How many records are not listed; nothing if all are.
pub(super) fn unlisted(listed: &Listed<'_>, texts: &Texts) -> Vec<String> {
    let count = |key: &str, count: usize| (count > 0).then(|| texts.format(key, &[("count", count.into())]));
    [count("receipt-records-fine", listed.fine), count("receipt-records-more", listed.more)]
        .into_iter()
        .flatten()
        .collect()
}

/// What became of a workbook: whether it was read, and then the columns that were not.
pub(super) fn attachment(file: &AttachmentAccount, texts: &Texts) -> Vec<String> {
    let name = || ("name", file.name.as_str().into());
    let first = match (&file.outcome, &file.sheet) {
        (FileOutcome::Read(rows), Some(sheet)) => {
            texts.format("receipt-file-sheet", &[name(), ("sheet", sheet.as_str().into()), ("rows", (*rows).into())])
        }
        (FileOutcome::Read(rows), None) => texts.format("receipt-file", &[name(), ("rows", (*rows).into())]),
        (FileOutcome::Held(rows), _) => texts.format("receipt-file-held", &[name(), ("rows", (*rows).into())]),
        (FileOutcome::Unread(code), _) => {
            texts.format("receipt-file-unread", &[name(), ("reason", of_file(code, texts).into())])
        }
    };
    let columns = file.columns.iter().map(|(title, code)| {
        let reason = of_file(code, texts);
        let key = if title.is_empty() { "receipt-file-problem" } else { "receipt-file-column" };
        texts.format(key, &[("title", title.as_str().into()), ("reason", reason.into())])
    });
    [first].into_iter().chain(columns).collect()
}

/// What is wrong with a workbook or a column of it, and what to do.
fn of_file(code: &str, texts: &Texts) -> String {
    texts.get(file_key(code).unwrap_or("file-other"))
}

/// The words' key for a problem of a workbook.
fn file_key(code: &str) -> Option<&'static str> {
    FILE_REASONS.into_iter().find(|key| key.strip_prefix("file-") == Some(code))
}

/// The problems of workbooks that have words: `file-` and the problem's code.
pub(super) const FILE_REASONS: [&str; 25] = [
    "file-encrypted",
    "file-not-a-workbook",
    "file-empty-file",
    "file-truncated",
    "file-damaged",
    "file-unreadable",
    "file-encoding-unknown",
    "file-sheet-missing",
    "file-other-sheet",
    "file-forward-not-read",
    "file-header-missing",
    "file-missing-key-column",
    "file-too-large",
    "file-too-many-rows",
    "file-too-many-columns",
    "file-too-many-problems",
    "file-zip-ratio",
    "file-too-many-workbooks",
    "file-timed-out",
    "file-reader-failed",
    "file-rejected",
    "file-unknown-column",
    "file-ambiguous-column",
    "file-duplicate-column",
    "file-more-problems",
];

/// What goes with the receipt; nothing if nothing does.
pub(super) fn sent(sent: Option<Sent>, texts: &Texts) -> Option<String> {
    sent.map(|sent| match sent {
        Sent::Rows => texts.get("receipt-sent-rows"),
        Sent::Template => texts.get("receipt-sent-template"),
    })
}

/// What became of a row as a whole.
pub(super) fn remark(remark: &RowRemark, texts: &Texts) -> String {
    match remark {
        RowRemark::Refused(why) => texts.format("receipt-row-refused", &[("reason", reason(why, texts).into())]),
        RowRemark::Unchanged(why) => texts.format("receipt-row-unchanged", &[("reason", reason(why, texts).into())]),
        RowRemark::Held(why) => {
            let why = why.iter().map(|(field, why)| match field {
                Some(field) => {
                    let parts = [("field", field.as_str().into()), ("reason", reason(why, texts).into())];
                    texts.format("answer-field", &parts)
                }
                None => reason(why, texts),
            });
            let why = why.collect::<Vec<_>>().join(&texts.get("answer-between"));
            texts.format("receipt-row-held", &[("reason", why.into())])
        }
    }
}

/// What changed in a cell: old and new, or the value alone.
pub(super) fn change(cell: &CellAccount, texts: &Texts) -> String {
    let (old, new) = (short(&sight(&cell.old, texts)), short(&sight(&cell.new, texts)));
    // An arrow says that something changes, or may.
    let changes = !matches!(cell.outcome, CellOutcome::Unchanged | CellOutcome::Refused(_));
    if !changes || cell.old == cell.new {
        return new;
    }
    texts.format("receipt-change", &[("old", old.into()), ("new", new.into())])
}

/// What became of a cell.
pub(super) fn outcome(outcome: &CellOutcome, texts: &Texts) -> String {
    match outcome {
        CellOutcome::Applied => texts.get("receipt-cell-applied"),
        CellOutcome::Unchanged => texts.get("receipt-cell-unchanged"),
        CellOutcome::Superseded => texts.get("receipt-cell-superseded"),
        CellOutcome::Refused(why) => texts.format("receipt-cell-refused", &[("reason", reason(why, texts).into())]),
        CellOutcome::Conflict => texts.get("receipt-cell-conflict"),
        CellOutcome::Held => texts.get("receipt-cell-held"),
    }
}

/// A value.
pub(super) fn sight(sight: &Sight, texts: &Texts) -> String {
    match sight {
        Sight::Empty => texts.get("receipt-empty"),
        Sight::Hidden => texts.get("receipt-hidden"),
        Sight::Flag(flag) => texts.get(if *flag { "view-yes" } else { "view-no" }),
        Sight::Text(text) => text.clone(),
    }
}

/// The beginning of a long text: enough to know it by, and so little that a receipt stays one that can be sent.
fn short(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Where a line stands, and what stands there.
pub(super) fn line(line: &LineAccount, texts: &Texts) -> String {
    let place = match &line.place {
        LinePlace::Line(line) => texts.format("receipt-place-line", &[("line", (*line).into())]),
        LinePlace::Row { table, row } => {
            texts.format("receipt-place-row", &[("table", (*table).into()), ("line", (*row).into())])
        }
    };
    texts.format("receipt-line", &[("place", place.into()), ("text", short(&line.text).into())])
}

/// How many lines are not listed; nothing if all are.
pub(super) fn more_lines(lines: usize, texts: &Texts) -> Option<String> {
    let more = lines.saturating_sub(TROUBLES_LISTED_MAX);
    (more > 0).then(|| texts.format("receipt-lines-more", &[("count", more.into())]))
}

/// What a code means, and what to do about it.
pub(super) fn meaning(code: &str, texts: &Texts) -> (String, String) {
    let known = |key: &str| texts.has(key).then(|| texts.get(key));
    let (what, act) = (format!("mail-{code}"), format!("mail-{code}-do"));
    match (known(&what), known(&act)) {
        (Some(what), Some(act)) => (what, act),
        // A table in the text is read as a workbook is.
        _ if file_key(code).is_some() => (of_file(code, texts), String::new()),
        _ => (
            texts.format("receipt-cell-refused", &[("reason", reason(&Reason::Code(code.into()), texts).into())]),
            String::new(),
        ),
    }
}

/// How many lines were left alone; nothing if there were none.
pub(super) fn rest(rest: &Rest, texts: &Texts) -> Option<String> {
    let Rest { quoted, signature, prose } = *rest;
    (quoted + signature + prose > 0).then(|| {
        let counts = [("quoted", quoted.into()), ("signature", signature.into()), ("prose", prose.into())];
        texts.format("receipt-rest", &counts)
    })
}

fn reason(why: &Reason, texts: &Texts) -> String {
    answer::reason(why, texts)
}
