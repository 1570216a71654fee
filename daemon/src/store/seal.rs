//! Seals values: AES-256-GCM-SIV under a data key, bound to the place where they stand.
//!
//! In comes plain bytes, a key, a nonce and a [`Context`]; out goes `nonce ‖ ciphertext ‖ tag`. The context is
//! authenticated, so that a sealed value moved to another record, part or table does not open.
//! It never draws the nonce itself: nonces are drawn in order by the thread that holds the entropy.

use aes_gcm_siv::aead::{AeadInOut, KeyInit};
use aes_gcm_siv::{Aes256GcmSiv, Tag};
use zeroize::Zeroizing;

/// Bytes of a nonce (RFC 8452).
pub(super) const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
/// What sealing adds to a plain text.
pub(super) const SEAL_BYTES: usize = NONCE_BYTES + TAG_BYTES;

/// A number used once: random, and a repeated one would only show that two plain texts are equal.
pub(super) type Nonce = [u8; NONCE_BYTES];

/// A 256-bit key, wiped when it is dropped.
#[derive(Clone)]
pub(super) struct DataKey(Zeroizing<[u8; 32]>);

impl DataKey {
    pub(super) fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Whose key it is: a record's id, the id of a review that is about no record, or the digest of a source's name.
pub(super) type Subject = [u8; 16];

/// Which part of a subject a sealed value is.
#[derive(Clone, Copy)]
pub(super) enum Part<'a> {
    /// Its entry in the journal, of this arrival.
    Entry(&'a [u8; 16]),
    /// Its cells in the ledger, at this version.
    Ledger(u64),
    /// What this source shows of it.
    Baseline(u32),
    /// The cells of this review.
    Review(&'a [u8; 16]),
    /// The rows of a held arrival.
    Held,
    /// Its data key, wrapped.
    Key,
    /// What is said of a source's workbook as it was replaced at this time.
    VersionHead(i64),
    /// That workbook.
    VersionBody(i64),
    /// To whom a mail goes that waits to be sent, and which one it is.
    MailHead,
    /// That mail.
    MailBody,
    /// Why it was not sent: the server's words.
    MailError,
    /// Who is to be told of a mail that was not answered, and what became of it.
    Untold,
    /// What is said of a mail that was refused.
    RefusedHead,
    /// That mail.
    RefusedBody,
}

/// Where a sealed value stands. All of it is authenticated.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) table: u32,
    pub(super) record: &'a Subject,
    pub(super) part: Part<'a>,
    /// Whose key seals: a subject, or the id of a wrapping key.
    pub(super) key: &'a [u8; 16],
}

impl Context<'_> {
    /// table ‖ record ‖ part ‖ key id, each of a fixed width, so that no two contexts share their bytes.
    fn bytes(&self) -> [u8; 53] {
        let mut bytes = [0; 53];
        bytes[..4].copy_from_slice(&self.table.to_le_bytes());
        bytes[4..20].copy_from_slice(self.record);
        let (tag, detail) = bytes[20..37].split_at_mut(1);
        tag[0] = match self.part {
            Part::Entry(arrival) => {
                detail.copy_from_slice(arrival);
                1
            }
            Part::Ledger(version) => {
                detail[..8].copy_from_slice(&version.to_le_bytes());
                2
            }
            Part::Baseline(source) => {
                detail[..4].copy_from_slice(&source.to_le_bytes());
                3
            }
            Part::Review(review) => {
                detail.copy_from_slice(review);
                4
            }
            Part::Held => 5,
            Part::Key => 6,
            Part::VersionHead(at) => {
                detail[..8].copy_from_slice(&at.to_le_bytes());
                7
            }
            Part::VersionBody(at) => {
                detail[..8].copy_from_slice(&at.to_le_bytes());
                8
            }
            Part::MailHead => 9,
            Part::MailBody => 10,
            Part::MailError => 11,
            Part::Untold => 12,
            Part::RefusedHead => 13,
            Part::RefusedBody => 14,
        };
        bytes[37..].copy_from_slice(self.key);
        bytes
    }
}

/// A sealed value did not open: it, its place or its key is not the one it was sealed with.
#[derive(Debug)]
pub(super) struct DoesNotOpen;

/// Appends the sealed form of `plain` to `out`.
pub(super) fn seal_into(out: &mut Vec<u8>, key: &DataKey, nonce: &Nonce, context: &Context<'_>, plain: &[u8]) {
    out.reserve(plain.len() + SEAL_BYTES);
    out.extend_from_slice(nonce);
    let start = out.len();
    out.extend_from_slice(plain);
    let tag = Aes256GcmSiv::new(key.bytes().into())
        .encrypt_inout_detached(nonce.into(), &context.bytes(), (&mut out[start..]).into())
        .expect("invariant: a value is far below the 64 GiB that one seal may hold");
    out.extend_from_slice(&tag);
}

/// The sealed form of `plain`.
pub(super) fn seal(key: &DataKey, nonce: &Nonce, context: &Context<'_>, plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    seal_into(&mut out, key, nonce, context, plain);
    out
}

/// Opens what [`seal`] made. The plain text is wiped when it is dropped.
pub(super) fn unseal(key: &DataKey, context: &Context<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, DoesNotOpen> {
    let (nonce, rest) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(DoesNotOpen)?;
    let (body, tag) = rest.split_last_chunk::<TAG_BYTES>().ok_or(DoesNotOpen)?;
    let mut plain = Zeroizing::new(body.to_vec());
    Aes256GcmSiv::new(key.bytes().into())
        .decrypt_inout_detached(nonce.into(), &context.bytes(), plain.as_mut_slice().into(), &Tag::from(*tag))
        .map_err(|_| DoesNotOpen)?;
    Ok(plain)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    fn context<'a>(record: &'a Subject, part: Part<'a>) -> Context<'a> {
        Context { table: 1, record, part, key: record }
    }

    #[test]
    fn opens_only_where_it_was_sealed() {
        let key = DataKey::new([7; 32]);
        let (here, there) = ([1; 16], [2; 16]);
        let sealed = seal(&key, &[9; 12], &context(&here, Part::Ledger(3)), b"secret");
        assert_eq!(unseal(&key, &context(&here, Part::Ledger(3)), &sealed).unwrap().as_slice(), b"secret");
        for elsewhere in [
            context(&there, Part::Ledger(3)),
            context(&here, Part::Ledger(4)),
            context(&here, Part::Baseline(3)),
            Context { table: 2, ..context(&here, Part::Ledger(3)) },
            Context { key: &there, ..context(&here, Part::Ledger(3)) },
        ] {
            assert!(unseal(&key, &elsewhere, &sealed).is_err());
        }
        assert!(unseal(&DataKey::new([8; 32]), &context(&here, Part::Ledger(3)), &sealed).is_err());
    }

    #[test]
    fn a_changed_or_cut_seal_does_not_open() {
        let key = DataKey::new([7; 32]);
        let here = [1; 16];
        let sealed = seal(&key, &[9; 12], &context(&here, Part::Held), b"secret");
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(unseal(&key, &context(&here, Part::Held), &changed).is_err(), "byte {at}");
            assert!(unseal(&key, &context(&here, Part::Held), &sealed[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn the_sealed_form_is_frozen() {
        let sealed = seal(&DataKey::new([7; 32]), &[9; 12], &context(&[1; 16], Part::Entry(&[5; 16])), b"secret");
        assert_eq!(
            super::super::keys::hex(&sealed).as_str(),
            "090909090909090909090909623916ff73339c37366968b13fa9760f5e868ff1d805"
        );
    }
}
