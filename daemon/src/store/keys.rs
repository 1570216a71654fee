//! The master key and what is derived from it.
//!
//! In comes the text of a key file; out come sub-keys, one for each purpose (HKDF-SHA256, RFC 5869), so that a key
//! used for one thing says nothing of another. It never reads a file and never prints a key.

use std::fmt::Write as _;

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::io::Entropy;
use crate::model::SourceName;

use super::seal::DataKey;

/// What a key file's line begins with: it says what the rest is, and of which version.
const KEY_PREFIX: &str = "daybook-key-1:";

/// What is wrong with the text of a key file. It never quotes the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Nothing there.
    #[error("the key file is empty; `daybook key new FILE` makes a key")]
    Empty,
    /// Something else.
    #[error("this is not a Daybook key: it should be one line that begins with `daybook-key-1:`")]
    NotAKey,
    /// The right beginning, and then not 64 hexadecimal digits.
    #[error("the key is not whole: `daybook-key-1:` should be followed by 64 hexadecimal digits")]
    NotWhole,
}

/// The key of a store: 32 random bytes, kept in a file that is not beside the store. Wiped when dropped.
#[derive(Clone)]
pub struct MasterKey(DataKey);

impl MasterKey {
    /// Makes a new key.
    pub fn generate(entropy: &mut dyn Entropy) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        entropy.fill(bytes.as_mut_slice());
        Self(DataKey::new(*bytes))
    }

    /// Reads the text of a key file: `daybook-key-1:` and 64 hexadecimal digits; white space around it does not count.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(KeyError::Empty);
        }
        let digits = text.strip_prefix(KEY_PREFIX).ok_or(KeyError::NotAKey)?.as_bytes();
        if digits.len() != 64 {
            return Err(KeyError::NotWhole);
        }
        let mut bytes = Zeroizing::new([0u8; 32]);
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            for digit in pair {
                let value = char::from(*digit).to_digit(16).ok_or(KeyError::NotWhole)?;
                *byte = (*byte << 4) | u8::try_from(value).map_err(|_| KeyError::NotWhole)?;
            }
        }
        Ok(Self(DataKey::new(*bytes)))
    }

    /// The key that tells compiled plugins of Daybook's own from any others. It says nothing of the master key.
    pub fn plugin_cache_key(&self) -> [u8; 32] {
        expanded(&Hkdf::<Sha256>::new(None, self.0.bytes()), &[b"daybook plugin cache"])
    }

    /// The text for a key file, with a line end.
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{KEY_PREFIX}{}\n", hex(self.0.bytes()).as_str()))
    }
}

/// Never shows the key.
impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey")
    }
}

/// The keys that follow from the master key.
pub(super) struct Secrets {
    hkdf: Hkdf<Sha256>,
    /// Wraps data keys.
    pub(super) wrapping: DataKey,
    /// A name for the wrapping key: says nothing of it, and tells two keys apart.
    pub(super) key_id: [u8; 16],
    index: Hmac<Sha256>,
}

impl Secrets {
    pub(super) fn derive(master: &MasterKey) -> Self {
        let hkdf = Hkdf::<Sha256>::new(None, master.0.bytes());
        let mut key_id = [0; 16];
        expand(&hkdf, &[b"daybook key id"], &mut key_id);
        let wrapping = DataKey::new(expanded(&hkdf, &[b"daybook wrapping"]));
        let index_key = Zeroizing::new(expanded(&hkdf, &[b"daybook index"]));
        let index = Hmac::new_from_slice(index_key.as_slice()).expect("invariant: HMAC takes a key of any length");
        Self { hkdf, wrapping, key_id, index }
    }

    /// The raw key of the journal's and ledger's database, as `SQLCipher` wants it: `x'…'`.
    pub(super) fn database(&self) -> Zeroizing<String> {
        self.pragma(b"daybook database")
    }

    /// The raw key of the database that holds the wrapped data keys.
    pub(super) fn key_database(&self) -> Zeroizing<String> {
        self.pragma(b"daybook key database")
    }

    fn pragma(&self, purpose: &[u8]) -> Zeroizing<String> {
        let key = Zeroizing::new(expanded(&self.hkdf, &[purpose]));
        Zeroizing::new(format!("x'{}'", hex(key.as_slice()).as_str()))
    }

    /// A value that proves the key and gives nothing away.
    pub(super) fn check(&self) -> [u8; 16] {
        let mut check = [0; 16];
        expand(&self.hkdf, &[b"daybook key check"], &mut check);
        check
    }

    /// The key of a source's row hashes: each source has one, so that rows of two sources can't be compared.
    pub(super) fn row_hash_key(&self, source: &SourceName) -> [u8; 16] {
        let mut key = [0; 16];
        expand(&self.hkdf, &[b"daybook rows ", source.as_str().as_bytes()], &mut key);
        key
    }

    /// The key under which earlier versions of workbooks are sealed.
    pub(super) fn version_key(&self) -> DataKey {
        DataKey::new(expanded(&self.hkdf, &[b"daybook workbook versions"]))
    }

    /// What stands for a source in the file names of its workbook's versions. Without the key it says nothing.
    pub(super) fn version_label(&self, source: &SourceName) -> [u8; 16] {
        let mut label = [0; 16];
        expand(&self.hkdf, &[b"daybook workbook label ", source.as_str().as_bytes()], &mut label);
        label
    }

    /// The key under which mails that wait to be sent are sealed.
    pub(super) fn mail_key(&self) -> DataKey {
        DataKey::new(expanded(&self.hkdf, &[b"daybook outgoing mail"]))
    }

    /// What stands for a Message-ID or a recipient of a mail, by the purpose. Without the key it says nothing.
    pub(super) fn mail_label(&self, purpose: &str, text: &str) -> [u8; 16] {
        let mut label = [0; 16];
        expand(&self.hkdf, &[b"daybook mail ", purpose.as_bytes(), b" ", text.as_bytes()], &mut label);
        label
    }

    /// The key that seals mails that were refused.
    pub(super) fn refused_key(&self) -> DataKey {
        DataKey::new(expanded(&self.hkdf, &[b"daybook refused mail"]))
    }

    /// What stands for a mail that was refused: its mailbox, and its id there.
    pub(super) fn refused_label(&self, mailbox: &str, id: &[u8]) -> [u8; 16] {
        let mut label = [0; 16];
        // No name of a mailbox has such a byte.
        expand(&self.hkdf, &[b"daybook refused ", mailbox.as_bytes(), b"\0", id], &mut label);
        label
    }

    /// The tag that proves a message about a decision by mail.
    pub(super) fn decision_tag(&self, message: &[u8]) -> [u8; 16] {
        let whole = self.decision_mac(message).finalize().into_bytes();
        let mut tag = [0; 16];
        tag.copy_from_slice(&whole[..16]);
        tag
    }

    /// Whether a tag proves a message; compared in constant time.
    pub(super) fn is_decision_tag(&self, message: &[u8], tag: &[u8; 16]) -> bool {
        self.decision_mac(message).verify_truncated_left(tag).is_ok()
    }

    fn decision_mac(&self, message: &[u8]) -> Hmac<Sha256> {
        let key = Zeroizing::new(expanded(&self.hkdf, &[b"daybook decisions"]));
        let mut mac = Hmac::new_from_slice(key.as_slice()).expect("invariant: HMAC takes a key of any length");
        mac.update(message);
        mac
    }

    /// The blind index of a key's text. Table and index are part of it, so that two columns can't be compared.
    pub(super) fn digest(&self, table: u32, index: u32, text: &str) -> [u8; 16] {
        let mut mac = self.index.clone();
        mac.update(&table.to_le_bytes());
        mac.update(&index.to_le_bytes());
        mac.update(text.as_bytes());
        let whole = mac.finalize().into_bytes();
        let mut digest = [0; 16];
        digest.copy_from_slice(&whole[..16]);
        digest
    }
}

fn expand(hkdf: &Hkdf<Sha256>, purpose: &[&[u8]], out: &mut [u8]) {
    hkdf.expand_multi_info(purpose, out).expect("invariant: HKDF gives up to 8160 bytes");
}

fn expanded(hkdf: &Hkdf<Sha256>, purpose: &[&[u8]]) -> [u8; 32] {
    let mut out = [0; 32];
    expand(hkdf, purpose, &mut out);
    out
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(bytes.len() * 2));
    for byte in bytes {
        write!(text, "{byte:02x}").expect("invariant: a String takes any text");
    }
    text
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use crate::io::SeededEntropy;

    #[test]
    fn a_key_survives_its_text() {
        let key = MasterKey::generate(&mut SeededEntropy::new(1));
        let read = MasterKey::parse(&key.to_text()).unwrap();
        assert_eq!(read.0.bytes(), key.0.bytes());
        assert_eq!(format!("{key:?}"), "MasterKey");
    }

    #[test]
    fn what_is_not_a_key_is_refused() {
        let digits = "0".repeat(64);
        assert_eq!(MasterKey::parse(" \n").unwrap_err(), KeyError::Empty);
        assert_eq!(MasterKey::parse(&digits).unwrap_err(), KeyError::NotAKey);
        assert_eq!(MasterKey::parse("daybook-key-1:00").unwrap_err(), KeyError::NotWhole);
        assert_eq!(MasterKey::parse(&format!("daybook-key-1:{}g", &"0".repeat(63))).unwrap_err(), KeyError::NotWhole);
        assert_eq!(MasterKey::parse(&format!("daybook-key-1:{}", "中".repeat(32))).unwrap_err(), KeyError::NotWhole);
        assert!(MasterKey::parse(&format!("\u{feff}daybook-key-1:{digits}")).is_err());
        assert!(MasterKey::parse(&format!("daybook-key-1:{digits}\r\n")).is_ok());
    }

    #[test]
    fn each_purpose_has_its_key() {
        let secrets = Secrets::derive(&MasterKey::parse(&format!("daybook-key-1:{}", "0".repeat(64))).unwrap());
        assert_ne!(secrets.database(), secrets.key_database());
        assert_ne!(secrets.row_hash_key(&"a".into()), secrets.row_hash_key(&"b".into()));
        assert_ne!(secrets.version_label(&"a".into()), secrets.version_label(&"b".into()));
        assert_ne!(secrets.version_label(&"a".into()), secrets.row_hash_key(&"a".into()));
        assert_ne!(secrets.version_key().bytes(), secrets.wrapping.bytes());
        assert_ne!(secrets.mail_key().bytes(), secrets.version_key().bytes());
        assert_ne!(secrets.mail_key().bytes(), secrets.refused_key().bytes());
        assert_ne!(secrets.mail_label("to", "a@b"), secrets.mail_label("id", "a@b"));
        assert_ne!(secrets.decision_tag(b"x"), secrets.decision_tag(b"y"));
        assert!(secrets.is_decision_tag(b"x", &secrets.decision_tag(b"x")));
        assert!(!secrets.is_decision_tag(b"x", &secrets.decision_tag(b"y")));
        assert_ne!(secrets.digest(1, 0, "x"), secrets.digest(1, 1, "x"));
        assert_ne!(secrets.digest(1, 0, "x"), secrets.digest(2, 0, "x"));
        // Changing a derivation would lock every store that is there. Worked out apart, with another HKDF.
        assert_eq!(hex(&secrets.key_id).as_str(), "1213c190203421237fe05638e78679de");
        assert_eq!(hex(&secrets.digest(1, 0, "C-000001")).as_str(), "713530260021a4891803333829fb32cc");
    }
}
