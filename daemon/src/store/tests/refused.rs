//! Mails that were refused: kept for the steward, sealed, and not without end.

use super::*;
use crate::model::Problem;
use crate::model::problem::Code;

const DAY: i64 = 24 * 3600 * 1000;

/// A mail of mailbox `capture` with these bytes, refused for `code` or taken.
fn mail(id: u32, bytes: &str, code: Option<&'static str>, has_bytes: bool) -> TakenMail {
    let refusal = code.map(|code| Refusal {
        problem: Problem::new(Code(code), "INBOX/1", "a secret reason", "a hint").in_source("capture"),
        from: "secret@example.com".to_owned(),
        subject: "secret".to_owned(),
        bytes: has_bytes.then(|| bytes.as_bytes().into()),
    });
    let mut sha256 = [0; 32];
    sha256[..bytes.len().min(32)].copy_from_slice(&bytes.as_bytes()[..bytes.len().min(32)]);
    let id = id.to_be_bytes().to_vec();
    TakenMail { mailbox: "capture".into(), id, sha256: Some(sha256), refusal, arrival: None }
}

/// When the steward looks, unless a test says otherwise.
const NOW: Timestamp = Timestamp(DAY);

fn ids(store: &Store, now: Timestamp) -> Vec<(String, i64)> {
    store.refused_mails(now).unwrap().into_iter().map(|mail| (mail.problem.code, mail.at.0)).collect()
}

#[test]
fn a_refused_mail_is_kept_sealed_until_it_is_taken_or_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = on_disk(&folder);
    store.note_taken(&mail(1, "secret one", Some("mail-put-aside"), true), &[], Timestamp(1)).unwrap();
    store.note_taken(&mail(2, "secret two", Some("mail-refused"), false), &[], Timestamp(2)).unwrap();
    let raw: Vec<(Vec<u8>, Option<Vec<u8>>)> = {
        let mut all = store.conn.prepare("SELECT head, body FROM refused_mail").unwrap();
        all.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
    };
    let in_clear = |bytes: &[u8]| bytes.windows(6).any(|piece| piece == b"secret");
    assert!(raw.iter().all(|(head, body)| !in_clear(head) && !body.as_deref().is_some_and(in_clear)), "sealed");
    drop(store);
    let mut store = reopen(&folder).unwrap();
    store.rebuild().unwrap();
    let [one, two] = store.refused_mails(NOW).unwrap().try_into().unwrap();
    assert_eq!((one.from.as_str(), one.subject.as_str(), one.has_bytes), ("secret@example.com", "secret", true));
    let problem = Problem::new(Code("mail-put-aside"), "INBOX/1", "a secret reason", "a hint").in_source("capture");
    assert_eq!((one.mailbox.as_str(), one.at, one.problem), ("capture", Timestamp(1), problem));
    assert_eq!(store.refused_bytes(one.id).unwrap().unwrap().as_slice(), b"secret one");
    assert_eq!((two.has_bytes, store.refused_bytes(two.id).unwrap()), (false, None));
    // Moved back it has another id; its bytes tell that it is the same.
    store.note_taken(&mail(3, "secret one", None, false), &[], Timestamp(3)).unwrap();
    assert_eq!(ids(&store, NOW), [("mail-refused".to_owned(), 2)]);
    // Refused again it stands there once.
    store.note_taken(&mail(4, "secret two", Some("mail-refused"), false), &[], Timestamp(4)).unwrap();
    assert_eq!(ids(&store, NOW), [("mail-refused".to_owned(), 4)]);
    assert_eq!(store.refused_count(NOW).unwrap(), 1);
    let last = store.refused_mails(NOW).unwrap().remove(0).id;
    assert!(store.forget_refused(last).unwrap());
    assert!(!store.forget_refused(last).unwrap() && store.refused_mails(NOW).unwrap().is_empty());
}

#[test]
fn refused_mails_end_by_age_and_number_and_a_flood_of_one_kind_pushes_out_no_other() {
    let mut store = in_memory();
    store.note_taken(&mail(0, "first", Some("mail-put-aside"), true), &[], Timestamp(0)).unwrap();
    let most = crate::store::refused::MAILS_MAX;
    for number in 1..=most + 3 {
        let at = Timestamp(i64::from(number));
        store.note_taken(&mail(number, &format!("{number}"), Some("mail-refused"), false), &[], at).unwrap();
    }
    let kept = ids(&store, NOW);
    assert_eq!(kept.len(), 1 + most as usize);
    assert_eq!(kept[0], ("mail-put-aside".to_owned(), 0), "a flood of strangers' mails does not push it out");
    assert_eq!(kept[1].1, 4, "the oldest three are gone");
    let later = Timestamp(91 * DAY);
    assert!(
        ids(&store, later).is_empty() && store.refused_count(later).unwrap() == 0,
        "those of long ago are not shown"
    );
    store.note_taken(&mail(most + 9, "late", Some("mail-refused"), false), &[], Timestamp(100 * DAY)).unwrap();
    assert_eq!(ids(&store, NOW), [("mail-refused".to_owned(), 100 * DAY)], "and gone with the next one");
}

#[test]
fn of_the_mails_themselves_the_newest_are_kept() {
    let mut store = in_memory();
    for (number, text) in (1..).zip(["one", "two", "six"]) {
        let at = Timestamp(i64::from(number));
        store.note_taken(&mail(number, text, Some("mail-put-aside"), true), &[], at).unwrap();
    }
    crate::store::refused::bound_bodies(&store.conn, 2 * (3 + seal::SEAL_BYTES as u64)).unwrap();
    let kept: Vec<bool> = store.refused_mails(NOW).unwrap().iter().map(|mail| mail.has_bytes).collect();
    assert_eq!(kept, [false, true, true]);
}
