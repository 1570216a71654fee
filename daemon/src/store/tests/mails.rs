//! Mails to be sent: queued with what they answer or not at all, the same bytes each time, once.

use super::*;
use crate::model::{MailAddress, MessageId};

const LI_LEI: &str = "li.lei@example.com";
const SECRET: &str = "13800138000";

fn mail(number: u8, to: &str, answers: Option<u64>) -> OutgoingMail {
    let id = MessageId::of([number; 16], "example.com").unwrap();
    let bytes = format!("Message-ID: {id}\r\nTo: {to}\r\n\r\n电话 {SECRET}\r\n").into_bytes();
    let answers = answers.map(|number| ArrivalId::from_bytes(super::bytes(2, number)));
    OutgoingMail::new("receipt", MailAddress::parse(to).unwrap(), id, bytes, answers).unwrap()
}

fn commit_with(store: &mut Store, number: u64, mails: &[OutgoingMail]) -> Result<Revision, CommitError> {
    let seen = store.snapshot().unwrap().revision();
    store.commit_along(seen, &posting(number), Along { mails, ..Along::default() })
}

const LATER: Timestamp = Timestamp(2_000_000_000_000);

#[test]
fn a_mail_is_queued_with_its_posting_and_comes_out_as_it_was() {
    let mut store = in_memory();
    let queued = mail(1, LI_LEI, Some(1));
    commit_with(&mut store, 1, std::slice::from_ref(&queued)).unwrap();
    let due = store.mails_due(LATER, 9).unwrap();
    let [found] = due.as_slice() else { panic!("{due:?}") };
    assert_eq!((&found.to, &found.message_id, found.answers), (queued.to(), queued.message_id(), queued.answers()));
    assert_eq!((found.kind.as_str(), found.attempts, found.parked, &found.error), ("receipt", 0, false, &None));
    assert_eq!(found.created_at, posting(1).arrival.at);
    assert_eq!(store.mail_bytes(found.id).unwrap().unwrap().as_slice(), queued.bytes());
    assert!(store.mails_due(Timestamp(found.next_at.0 - 1), 9).unwrap().is_empty());
}

#[test]
fn a_crash_before_the_commit_queues_nothing_and_after_it_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = on_disk(&folder);
    for point in [FaultPoint::KeysMade, FaultPoint::BeforeCommit, FaultPoint::AfterCommit] {
        store.set_fault_hook(Some(Box::new(move |at| if at == point { Err(Killed) } else { Ok(()) })));
        commit_with(&mut store, 1, &[mail(1, LI_LEI, Some(1))]).unwrap_err();
        drop(store);
        store = reopen(&folder).unwrap();
        assert_eq!(store.mails().unwrap().len(), usize::from(point == FaultPoint::AfterCommit), "{point:?}");
    }
    assert!(matches!(commit_with(&mut store, 1, &[mail(2, LI_LEI, Some(1))]), Err(CommitError::AlreadyDone)));
    assert_eq!(store.mails().unwrap().len(), 1);
}

#[test]
fn a_crash_between_sending_and_noting_it_sends_the_very_same_mail_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = on_disk(&folder);
    commit_with(&mut store, 1, &[mail(1, LI_LEI, Some(1))]).unwrap();
    let due = store.mails_due(LATER, 9).unwrap().remove(0);
    let bytes = store.mail_bytes(due.id).unwrap().unwrap();
    store.set_fault_hook(Some(Box::new(|at| if at == FaultPoint::MailSent { Err(Killed) } else { Ok(()) })));
    assert!(matches!(store.mail_sent(due.id, LATER), Err(CommitError::Killed(FaultPoint::MailSent))));
    drop(store);
    let mut store = reopen(&folder).unwrap();
    assert_eq!(store.mails_due(LATER, 9).unwrap(), std::slice::from_ref(&due));
    assert_eq!(store.mail_bytes(due.id).unwrap().unwrap(), bytes);
    store.mail_sent(due.id, LATER).unwrap();
    assert!(store.mails().unwrap().is_empty() && store.mail_bytes(due.id).unwrap().is_none());
}

#[test]
fn an_arrival_is_answered_once_to_each_person_also_after_it_was_sent() {
    let mut store = in_memory();
    let first = [mail(1, LI_LEI, Some(1)), mail(2, "chief@example.com", Some(1)), mail(3, LI_LEI, Some(1))];
    commit_with(&mut store, 1, &first).unwrap();
    assert_eq!(store.mails().unwrap().len(), 2, "the third is the first again, under another Message-ID");
    for due in store.mails_due(LATER, 9).unwrap() {
        store.mail_sent(due.id, LATER).unwrap();
    }
    assert!(!store.queue_mail(&mail(4, LI_LEI, Some(1)), LATER).unwrap());
    assert!(!store.queue_mail(&mail(1, LI_LEI, None), LATER).unwrap(), "a Message-ID is used once");
    assert!(store.queue_mail(&mail(5, LI_LEI, None), LATER).unwrap());
    assert!(store.queue_mail(&mail(6, LI_LEI, None), LATER).unwrap(), "what answers nothing is no answer again");
    assert_eq!(store.mail_counts().unwrap(), MailCounts { pending: 2, parked: 0 });
}

#[test]
fn failures_put_off_then_park_and_a_person_can_try_again() {
    let mut store = in_memory();
    store.queue_mail(&mail(1, LI_LEI, None), Timestamp(0)).unwrap();
    let id = store.mails().unwrap()[0].id;
    for attempt in 1..MAIL_ATTEMPTS_MAX {
        let next = Timestamp(i64::from(attempt) * 1000);
        assert!(!store.mail_failed(id, "busy", next, false).unwrap());
        assert!(store.mails_due(Timestamp(next.0 - 1), 9).unwrap().is_empty());
        assert_eq!(store.mails_due(next, 9).unwrap()[0].attempts, attempt);
    }
    assert!(store.mail_failed(id, "still busy", LATER, false).unwrap());
    assert_eq!(store.mail_counts().unwrap(), MailCounts { pending: 0, parked: 1 });
    assert!(store.mails_due(LATER, 9).unwrap().is_empty());
    let parked = store.mails().unwrap().remove(0);
    assert_eq!((parked.parked, parked.error.as_deref()), (true, Some("still busy")));
    assert!(!store.mail_failed(id, "late", LATER, false).unwrap(), "a parked one is left alone");
    assert!(store.retry_mail(id, Timestamp(5)).unwrap());
    let again = store.mails_due(Timestamp(5), 9).unwrap().remove(0);
    assert_eq!((again.attempts, again.message_id), (0, mail(1, LI_LEI, None).message_id().clone()));
    assert!(store.mail_failed(id, "550 no such user", LATER, true).unwrap(), "what is final is parked at once");
    store.mail_sent(id, LATER).unwrap();
    assert!(!store.retry_mail(id, LATER).unwrap(), "a mail that was sent is not sent again");
}

#[test]
fn what_was_put_off_without_a_try_is_woken_and_what_failed_waits_and_comes_last() {
    let mut store = in_memory();
    for number in 1..=3 {
        store.queue_mail(&mail(number, LI_LEI, None), Timestamp(i64::from(number))).unwrap();
    }
    let ids: Vec<_> = store.mails().unwrap().iter().map(|mail| mail.id).collect();
    store.mail_failed(ids[0], "gone", Timestamp(500), false).unwrap();
    store.mail_deferred(ids[1], "gone", Timestamp(1000)).unwrap();
    store.mail_deferred(ids[2], "gone", Timestamp(1000)).unwrap();
    let due = |store: &Store, at: i64| -> Vec<_> {
        store.mails_due(Timestamp(at), 9).unwrap().iter().map(|mail| mail.id).collect()
    };
    assert!(due(&store, 499).is_empty());
    assert_eq!(due(&store, 1000), [ids[1], ids[2], ids[0]]);
    assert_eq!(store.wake_mails(Timestamp(10)).unwrap(), 2);
    assert_eq!(due(&store, 10), [ids[1], ids[2]]);
    assert_eq!(store.mails_due(LATER, 1).unwrap().len(), 1);
}

#[test]
fn mails_to_a_person_are_counted_and_a_reply_finds_what_it_replies_to() {
    let mut store = in_memory();
    commit_with(&mut store, 1, &[mail(1, LI_LEI, Some(1))]).unwrap();
    let at = posting(1).arrival.at;
    store.queue_mail(&mail(2, "Li.Lei@Example.com", None), Timestamp(at.0 + 10)).unwrap();
    store.queue_mail(&mail(3, "chief@example.com", None), at).unwrap();
    let li_lei = MailAddress::parse(LI_LEI).unwrap();
    let first = mail(1, LI_LEI, Some(1));
    let sent = store.mails().unwrap().into_iter().find(|mail| mail.message_id == *first.message_id()).unwrap().id;
    store.mail_sent(sent, Timestamp(at.0 + 20)).unwrap();
    let since = |at: i64| store.mails_queued_since(&li_lei, "receipt", Timestamp(at)).unwrap();
    assert_eq!((since(at.0), since(at.0 + 1), since(at.0 + 11)), (2, 1, 0));
    assert_eq!(store.mails_queued_since(&li_lei, "digest", Timestamp(0)).unwrap(), 0);
    assert_eq!(store.answered_by(first.message_id(), &li_lei).unwrap(), first.answers());
    let chief = MailAddress::parse("chief@example.com").unwrap();
    assert_eq!(store.answered_by(first.message_id(), &chief).unwrap(), None, "it went to somebody else");
    assert_eq!(store.answered_by(&MessageId::parse("a@b").unwrap(), &li_lei).unwrap(), None);
    // Long after, nothing is known of it any more.
    let other = store.mails().unwrap()[0].id;
    store.mail_sent(other, Timestamp(at.0 + 401 * 24 * 3600 * 1000)).unwrap();
    assert_eq!(store.answered_by(first.message_id(), &li_lei).unwrap(), None);
}

#[test]
fn a_rebuild_leaves_mails_alone() {
    let mut store = in_memory();
    commit_with(&mut store, 1, &[mail(1, LI_LEI, Some(1)), mail(2, "chief@example.com", Some(1))]).unwrap();
    store.mail_failed(store.mails().unwrap()[0].id, "no", LATER, true).unwrap();
    let before = store.mails().unwrap();
    store.rebuild().unwrap();
    assert_eq!(store.mails().unwrap(), before);
    assert_sound(&mut store);
}

#[test]
fn what_is_in_a_mail_is_sealed_and_bound_to_it() {
    let mut store = in_memory();
    store.queue_mail(&mail(1, LI_LEI, None), Timestamp(0)).unwrap();
    store.queue_mail(&mail(2, LI_LEI, None), Timestamp(1)).unwrap();
    let ids: Vec<_> = store.mails().unwrap().iter().map(|mail| mail.id).collect();
    store.mail_failed(ids[0], &format!("554 {SECRET} looks like spam"), LATER, true).unwrap();
    for column in ["head", "body", "error"] {
        let sql = format!("SELECT {column} FROM mail WHERE {column} IS NOT NULL");
        let mut statement = store.conn.prepare(&sql).unwrap();
        let all: Vec<Vec<u8>> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        for sealed in all {
            let text = String::from_utf8_lossy(&sealed).into_owned();
            assert!(!text.contains(SECRET) && !text.contains(LI_LEI) && !text.contains("example"), "{column}");
        }
    }
    store.conn.execute("UPDATE mail SET body = (SELECT body FROM mail WHERE id = ?1)", [ids[0].0]).unwrap();
    assert!(store.mail_bytes(ids[0]).unwrap().is_some());
    assert!(store.mail_bytes(ids[1]).is_err(), "another mail's bytes don't open here");
}
