//! A digest: what became of mails that were not answered one by one.

use super::Outcomes;
use crate::text::Texts;

/// The most mails that are told one by one.
const LINES_MAX: usize = 100;

/// Mails that were taken and not answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Digest {
    /// They, oldest first.
    pub mails: Vec<DigestLine>,
}

/// One of them. It names nothing that stood in the mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestLine {
    /// When it was taken, as its reader's clock shows it.
    pub at: String,
    /// What became of it.
    pub outcomes: Outcomes,
    /// The arrival's id.
    pub arrival: String,
}

impl Digest {
    /// How often each outcome came in all of them.
    pub(super) fn outcomes(&self) -> Outcomes {
        self.mails.iter().fold(Outcomes::default(), |sum, line| sum.plus(&line.outcomes))
    }
}

/// The sentence above the mails.
pub(super) fn heading(digest: &Digest, texts: &Texts) -> String {
    texts.format("receipt-digest", &[("count", digest.mails.len().into())])
}

/// What became of a mail or of several: each outcome that came, with how often.
pub(super) fn counts(outcomes: &Outcomes, texts: &Texts) -> String {
    let Outcomes { applied, unchanged, refused, conflicts, held, not_understood } = *outcomes;
    let all = [
        ("receipt-count-applied", applied),
        ("receipt-count-unchanged", unchanged),
        ("receipt-count-refused", refused),
        ("receipt-count-waiting", conflicts + held),
        ("receipt-count-unclear", not_understood),
    ];
    let came = all.into_iter().filter(|(_, count)| *count > 0);
    let came: Vec<String> = came.map(|(key, count)| texts.format(key, &[("count", count.into())])).collect();
    if came.is_empty() { texts.get("receipt-count-none") } else { came.join(&texts.get("receipt-count-between")) }
}

/// How to see what waits, if something does: the digest itself asks nothing.
pub(super) fn waiting(digest: &Digest, texts: &Texts) -> Option<String> {
    let Outcomes { conflicts, held, .. } = digest.outcomes();
    (conflicts + held > 0).then(|| texts.get("receipt-digest-waiting"))
}

/// The lines of the mails, and of how many there is none.
pub(super) fn lines(digest: &Digest, texts: &Texts) -> Vec<String> {
    let shown = digest.mails.iter().take(LINES_MAX).map(|line| {
        let parts = [
            ("at", line.at.as_str().into()),
            ("counts", counts(&line.outcomes, texts).into()),
            ("arrival", line.arrival.as_str().into()),
        ];
        texts.format("receipt-digest-line", &parts)
    });
    let rest = digest.mails.len().saturating_sub(LINES_MAX);
    let more = (rest > 0).then(|| texts.format("receipt-digest-more", &[("count", rest.into())]));
    shown.chain(more).collect()
}
