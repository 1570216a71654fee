//! What is kept beside answers: used tokens, offers, mails that were not answered.

use super::*;
use crate::model::{MailAddress, MessageId};

const LI_LEI: &str = "li.lei@example.com";
const HOUR: Timestamp = Timestamp(3_600_000);

fn commit_with(store: &mut Store, number: u64, answering: &Answering) -> Result<Revision, CommitError> {
    let seen = store.snapshot().unwrap().revision();
    store.commit_along(seen, &posting(number), Along { answering: Some(answering), ..Along::default() })
}

fn address(text: &str) -> MailAddress {
    MailAddress::parse(text).unwrap()
}

fn untold(number: u8, to: &str, at: i64) -> Untold {
    let arrival = ArrivalId::from_bytes([number; 16]);
    Untold { to: address(to), arrival, at: Timestamp(at), outcomes: [u64::from(number), 0, 0, 1, 0, 2] }
}

fn digest(number: u8, to: &str) -> OutgoingMail {
    let id = MessageId::of([number; 16], "example.com").unwrap();
    let bytes = format!("Message-ID: {id}\r\n\r\nall\r\n").into_bytes();
    OutgoingMail::new("receipts-digest", address(to), id, bytes, None).unwrap()
}

#[test]
fn a_token_is_used_once_and_with_its_decision_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = on_disk(&folder);
    let used = Answering { used: Some([7; TAG_BYTES]), ..Answering::default() };
    for point in [FaultPoint::BeforeCommit, FaultPoint::AfterCommit] {
        store.set_fault_hook(Some(Box::new(move |at| if at == point { Err(Killed) } else { Ok(()) })));
        commit_with(&mut store, 1, &used).unwrap_err();
        drop(store);
        store = reopen(&folder).unwrap();
        let is_used = store.snapshot().unwrap().is_token_used(&[7; TAG_BYTES]).unwrap();
        assert_eq!(is_used, point == FaultPoint::AfterCommit, "{point:?}");
    }
    let before = store.snapshot().unwrap().revision();
    commit_with(&mut store, 2, &used).unwrap_err();
    let snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.revision(), before, "what comes with a token that was used is not committed");
    assert!(!snapshot.is_token_used(&[8; TAG_BYTES]).unwrap());
    drop(snapshot);
    store.rebuild().unwrap();
    assert!(store.snapshot().unwrap().is_token_used(&[7; TAG_BYTES]).unwrap(), "a rebuild leaves it alone");
}

#[test]
fn an_offer_is_its_receivers_alone() {
    let mut store = in_memory();
    let mail = MessageId::of([3; 16], "example.com").unwrap();
    let offer = Offer { mail: mail.clone(), to: address(LI_LEI), tokens: vec![vec![1; 40], vec![2; 40]] };
    commit_with(&mut store, 1, &Answering { offer: Some(offer.clone()), ..Answering::default() }).unwrap();
    assert_eq!(store.offered_by(&mail, &address("Li.Lei@example.com")).unwrap(), Some(offer.tokens));
    assert_eq!(store.offered_by(&mail, &address("han.meimei@example.com")).unwrap(), None);
    let other = MessageId::of([4; 16], "example.com").unwrap();
    assert_eq!(store.offered_by(&other, &address(LI_LEI)).unwrap(), None);
}

#[test]
fn mails_that_were_not_answered_wait_for_their_persons_digest() {
    let mut store = in_memory();
    let note = |untold: &Untold, due: i64| Answering {
        untold: Some((untold.clone(), Timestamp(due))),
        ..Answering::default()
    };
    let all = [untold(1, LI_LEI, 10), untold(2, "han.meimei@example.com", 20), untold(3, LI_LEI, 30)];
    for (number, (untold, due)) in all.iter().zip([1000, 2000, 9000]).enumerate() {
        commit_with(&mut store, number as u64 + 1, &note(untold, due)).unwrap();
    }
    assert_eq!(store.digest_due(Timestamp(999)).unwrap(), None);
    assert_eq!(store.digest_due(Timestamp(1000)).unwrap(), Some(address(LI_LEI)));
    // The second of hers is told with the first.
    let hers = store.untold(&address(LI_LEI)).unwrap();
    assert_eq!(hers, [all[0].clone(), all[2].clone()]);
    let told: Vec<ArrivalId> = hers.iter().map(|untold| untold.arrival).collect();
    assert!(store.queue_digest(&digest(1, LI_LEI), &told, HOUR).unwrap());
    assert!(!store.queue_digest(&digest(2, LI_LEI), &told, HOUR).unwrap(), "told already");
    assert_eq!(store.mails().unwrap().len(), 1);
    assert!(store.untold(&address(LI_LEI)).unwrap().is_empty());
    assert_eq!(store.digest_due(HOUR).unwrap(), Some(address("han.meimei@example.com")));
}

#[test]
fn what_is_let_go_of_by_age_is_found_by_it() {
    let store = in_memory();
    for table in ["offer", "used_token"] {
        let sql = format!("EXPLAIN QUERY PLAN DELETE FROM {table} WHERE at < 1");
        let plan: String = store.conn.query_row(&sql, [], |row| row.get("detail")).unwrap();
        assert!(plan.starts_with(&format!("SEARCH {table} USING")), "{plan}");
    }
}
