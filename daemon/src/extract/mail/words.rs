//! What can be wrong with a mail's lines, and the words for it. A message quotes labels, never values.

use crate::model::{Code, Problem, TableName};

use super::super::CellProblem;
use super::super::fault::{quoted, quoted_list};
use super::{Refusal, Spot};

/// A problem of the mail as a whole.
pub(super) fn of_mail(problem: Problem) -> CellProblem {
    CellProblem { row: 0, field: None, problem }
}

fn at(spot: Spot, code: &'static str, message: &str, hint: impl Into<String>) -> Problem {
    Problem::new(Code(code), spot.to_string(), format!("{spot}: {message}"), hint)
}

fn whole(code: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Problem {
    Problem::new(Code(code), "", message, hint)
}

/// The code of a label that no field has.
pub(super) const UNKNOWN_LABEL: &str = "unknown-label";

pub(super) fn label_of_other_table(spot: Spot, label: &str, table: &TableName) -> Problem {
    let message = format!("{} is a field of the table `{table}`. The line was not taken over.", quoted(label));
    at(
        spot,
        "label-of-other-table",
        &message,
        format!("Begin the subject with `[{table}]`, or with its title in brackets."),
    )
}

pub(super) fn unknown_label(spot: Spot, label: &str, near: Option<&str>) -> Problem {
    let hint = match near {
        Some(near) => format!("Did you mean {}? Correct the label and send the line again.", quoted(near)),
        None => "If it means a field, ask for that label to be added to the field's `headers`.".to_owned(),
    };
    at(spot, UNKNOWN_LABEL, &format!("{} is no label of a field. The line was not taken over.", quoted(label)), hint)
}

pub(super) fn ambiguous_label(spot: Spot, label: &str) -> Problem {
    let message = format!("{} could mean more than one field. The line was not taken over.", quoted(label));
    at(spot, "ambiguous-label", &message, "Write the full name of the field.")
}

pub(super) fn unclear_line(spot: Spot) -> Problem {
    let message = "It is not certain where one value ends and the next begins. The line was not taken over.";
    at(spot, "unclear-line", message, "Write each label on a line of its own.")
}

pub(super) fn unclear_end(spot: Spot) -> Problem {
    let message = "It is not certain whether the value goes on in the next line. The value was not taken over.";
    at(
        spot,
        "unclear-value",
        message,
        "Write the value in one line, or begin its further lines with spaces; leave a blank line after it.",
    )
}

pub(super) fn telling(spot: Spot) -> Problem {
    let message = "This may be a change in words. It was not taken over.";
    at(
        spot,
        "change-in-words",
        message,
        "Write it as a label and a value, such as `电话：13800138000`, under the record's key.",
    )
}

pub(super) fn after_text(spot: Spot) -> Problem {
    let message = "This stands behind other text and may belong to a signature. The line was not taken over.";
    at(spot, "label-after-text", message, "Write it right below the record's key.")
}

/// A new record that nothing announces: it has all that a signature has.
pub(super) fn not_announced(spot: Spot, key: &str) -> Problem {
    let message = "It is not said that this is a new record, and it may be a signature. It was not taken over.";
    at(spot, "not-announced", message, format!("Write {} above it; or `新增：` or `New:`, if it is new.", quoted(key)))
}

pub(super) fn apart(spot: Spot) -> Problem {
    let message = "This stands apart from the record above and may belong to a signature. The line was not taken over.";
    at(spot, "label-after-text", message, "Write it right below the record's key.")
}

pub(super) fn below_signature(spot: Spot) -> Problem {
    let message = "This stands below a signature. It was not taken over.";
    at(spot, "below-signature", message, "Write it above your signature.")
}

pub(super) fn after_quote(spot: Spot) -> Problem {
    let message = "This stands right behind a quoted mail and may belong to it. It was not taken over.";
    at(spot, "after-quote", message, "Write it at the top of the mail, or leave a blank line before it.")
}

pub(super) fn no_key(spot: Spot, key: &str) -> Problem {
    let message = "It is not said which record this is about. It was not taken over.";
    at(spot, "no-key", message, format!("Write {} above it.", quoted(key)))
}

pub(super) fn said_twice(spot: Spot, label: &str) -> Problem {
    let message =
        format!("The mail gives {} of this record twice, and differently. Neither was taken over.", quoted(label));
    at(spot, "said-twice", &message, "Send the one that is right.")
}

pub(super) fn clearing_word(spot: Spot) -> Problem {
    let message = "It is not certain whether that is the value, or the value is to be cleared. Nothing was changed.";
    at(spot, "clearing-word", message, "To clear what is stored, write `（清空）` or `(clear)`.")
}

pub(super) fn transition(spot: Spot) -> Problem {
    let message = "Old and new value stand in one. Nothing was changed.";
    at(spot, "two-values", message, "Write the new value alone behind the label.")
}

pub(super) fn nothing_said(spot: Spot) -> Problem {
    let message = "Nothing stands behind the label. Nothing was changed.";
    at(spot, "nothing-said", message, "Write the value; to clear what is stored, write `（清空）` or `(clear)`.")
}

pub(super) fn key_alone(spot: Spot) -> Problem {
    let message = "A record is named, but nothing is said of it. Nothing was changed.";
    at(
        spot,
        "nothing-said",
        message,
        "Write labels with values below it. To see the record, send `查看` or `show` with its key.",
    )
}

pub(super) fn merged_cells(spot: Spot) -> Problem {
    let message = "The row has merged cells. It was not taken over.";
    at(
        spot,
        "merged-cells",
        message,
        "Unmerge the cells, fill in each, and paste the table again; or attach the workbook.",
    )
}

pub(super) fn wrong_width(spot: Spot) -> Problem {
    let message = "The row does not have as many cells as the title row. It was not taken over.";
    at(spot, "wrong-width", message, "Paste the table again, or attach the workbook.")
}

pub(super) fn command_and_changes() -> Problem {
    whole(
        "command-and-changes",
        "The mail asks for something and changes something at once. Nothing was done.",
        "Send the command and the changes in two mails.",
    )
}

pub(super) fn word_answers_nothing(spot: Spot) -> Problem {
    let message = "The mail that this one answers asks nothing that this word could decide. The word was not heeded.";
    let hint = "To decide something, use the link in the receipt, or send `待定` or `reviews` to see what is open.";
    at(spot, "word-answers-nothing", message, hint)
}

pub(super) fn nothing_found() -> Problem {
    whole(
        "nothing-found",
        "The mail has nothing that could be taken over.",
        "Write labels and values, such as `电话：13800138000`, under the record's key; paste a table; or attach a workbook. For a blank form send `模板` or `template`.",
    )
}

pub(super) fn attachment_missing(name: &str) -> Problem {
    let message = format!("Not exactly one attachment is called {}. None was read.", quoted(name));
    whole("attachment-missing", message, "Check the name, and attach the workbook.")
}

pub(super) fn forward_not_read() -> Problem {
    whole(
        "forward-not-read",
        "What was forwarded was not read.",
        "If it is to be read, forward the mail again and write `转发内容` or `forwarded` in the first line.",
    )
}

pub(super) fn forwarded_attachment() -> Problem {
    whole(
        "forwarded-attachment",
        "The workbook came with a forwarded mail. It was not read.",
        "If it is to be read, forward the mail again and write `转发内容` or `forwarded` in the first line.",
    )
}

pub(super) fn undo_of_nothing() -> Problem {
    whole(
        "undo-of-nothing",
        "`undo` answers no mail. Nothing was done.",
        "Send `撤销` or `undo` as a reply to the receipt.",
    )
}

pub(super) fn forward_missing() -> Refusal {
    Refusal::new(
        Code("forward-missing"),
        "The mail says that a forwarded mail is to be read, but has none. Nothing was taken over.",
        "Forward the mail again, in the text or as an attachment.",
    )
}

pub(super) fn several_forwards() -> Refusal {
    Refusal::new(
        Code("several-forwards"),
        "More than one mail is attached, and it is not said which is to be read. Nothing was taken over.",
        "Forward each in a mail of its own.",
    )
}

pub(super) fn too_long() -> Refusal {
    Refusal::new(
        Code("too-long"),
        "The mail's text is too long. Nothing of it was taken over.",
        "Attach a workbook instead.",
    )
}

pub(super) fn disagree() -> Refusal {
    Refusal::new(
        Code("text-and-html-disagree"),
        "The mail's plain text and its formatted text say different things. Nothing of it was taken over.",
        "Write a new mail as plain text.",
    )
}

pub(super) fn unknown_table(name: &str, tables: &[&str]) -> Refusal {
    Refusal::new(
        Code("unknown-table"),
        format!("The address names a table {} that is not kept here. Nothing was taken over.", quoted(name)),
        format!("The tables are {}.", quoted_list(tables.iter().copied())),
    )
}

pub(super) fn several_tables(first: &str, second: &str) -> Refusal {
    Refusal::new(
        Code("several-tables"),
        format!("The mail names two tables, {} and {}. Nothing was taken over.", quoted(first), quoted(second)),
        "Send one mail for each table.",
    )
}
