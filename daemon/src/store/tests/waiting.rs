//! What waits: tasks that were put off, sources that can't be read.

use super::*;
use crate::model::Problem;
use crate::model::problem::Code;

fn task(target: &str) -> Task {
    Task { kind: "publish".into(), target: target.to_owned() }
}

#[test]
fn tasks_that_were_put_off_can_be_woken_and_failed_ones_wait_on() {
    let mut store = in_memory();
    store.commit(Revision(0), &posting(1), &[task("open"), task("failing")]).unwrap();
    let now = posting(1).arrival.at;
    let later = Timestamp(now.0 + 60_000);
    let due = store.tasks_due(now).unwrap();
    store.task_deferred(&due[0], "is open", later).unwrap();
    store.task_failed(&due[1], "no room", later).unwrap();
    assert!(store.tasks_due(now).unwrap().is_empty());
    assert_eq!(store.wake_tasks(now).unwrap(), 1);
    let targets: Vec<String> = store.tasks_due(now).unwrap().into_iter().map(|task| task.task.target).collect();
    assert_eq!(targets, ["open"]);
    assert_eq!(store.wake_tasks(now).unwrap(), 0, "nothing sleeps");
}

#[test]
fn what_can_not_be_read_is_remembered_until_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = on_disk(&folder);
    let problem =
        |code: &'static str| Problem::new(Code(code), "客户.xlsx", "It is damaged.", "Save it.").in_source("sales");
    let source: SourceName = "sales".into();
    store.note_unread(&source, Timestamp(5), &problem("damaged")).unwrap();
    store.note_unread(&source, Timestamp(6), &problem("damaged")).unwrap();
    let mut store = reopen(&folder).unwrap();
    assert_eq!(store.unread().unwrap(), [Unread { at: Timestamp(5), problem: problem("damaged") }]);
    store.note_unread(&source, Timestamp(7), &problem("encrypted")).unwrap();
    assert_eq!(store.unread().unwrap(), [Unread { at: Timestamp(7), problem: problem("encrypted") }]);
    store.note_read(&"other".into()).unwrap();
    assert_eq!(store.unread().unwrap().len(), 1);
    store.note_read(&source).unwrap();
    assert_eq!(store.unread().unwrap(), []);
    assert_sound(&mut store);
}
