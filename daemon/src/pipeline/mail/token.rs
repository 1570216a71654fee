//! Tokens: what a person sends to decide a question by mail.
//!
//! A token says which question, which answer, until when and of which state of the record, and a tag over all that and the person proves that Daybook
//! made it for her. It holds no value and no name. It is written as `DB1-` and 64 letters and digits (base32, RFC 4648, without padding): small and capital
//! letters mean the same, and white space or `-` in between, where a program has broken the line, counts for nothing.

use crate::model::{Review, ReviewId, Timestamp};
use crate::publish::receipt::Choice;
use crate::store::{Snapshot, TAG_BYTES};

/// What a token begins with: it says of which form the rest is.
pub(super) const PREFIX: &str = "DB1-";
const CLAIMS_BYTES: usize = 24;
pub(super) const TOKEN_BYTES: usize = CLAIMS_BYTES + TAG_BYTES;
const STATE_BYTES: usize = 5;
const HOUR_MS: i64 = 3_600_000;
/// Twenty bits: until the year 2089.
const HOURS_MAX: i64 = (1 << 20) - 1;
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// What a token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claims {
    /// The question.
    pub(super) review: ReviewId,
    /// The answer.
    pub(super) choice: Choice,
    /// The hour, since 1970, in which it is good no more.
    pub(super) ends_hour: u32,
    /// What the question was about, see [`state`].
    pub(super) state: [u8; STATE_BYTES],
}

/// A token as it is written: not yet proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    claims: Claims,
    tag: [u8; TAG_BYTES],
}

/// What a question is about, as a keyed digest: the arrival that raised it, what it asks, and the record's version. A question from which its
/// author has taken something back is another one.
pub(super) fn state(snapshot: &Snapshot<'_>, review: &Review, version: u64) -> [u8; STATE_BYTES] {
    let mut message = b"state".to_vec();
    message.extend_from_slice(review.arrival.as_bytes());
    message.extend_from_slice(&version.to_be_bytes());
    let asked = (review.kind, review.field, &review.incoming, &review.group);
    // Numbers, texts and lists of them can always be written.
    message.extend(postcard::to_stdvec(&asked).unwrap_or_default());
    let tag = snapshot.decision_tag(&message);
    let mut state = [0; STATE_BYTES];
    state.copy_from_slice(&tag[..STATE_BYTES]);
    state
}

/// The hour in which a token is good no more that is made now and is good for so many days.
pub(super) fn ends_hour(now: Timestamp, days: u32) -> u32 {
    let ends = now.0.saturating_add(i64::from(days) * 24 * HOUR_MS);
    let hour = ends.div_euclid(HOUR_MS).saturating_add(1).clamp(0, HOURS_MAX);
    u32::try_from(hour).unwrap_or_default()
}

impl Claims {
    /// Whether it is good no more.
    pub(super) fn has_ended(&self, now: Timestamp) -> bool {
        now.0.div_euclid(HOUR_MS) >= i64::from(self.ends_hour)
    }

    /// Makes the token of a person.
    pub(super) fn token(self, snapshot: &Snapshot<'_>, person: &str) -> Token {
        Token { claims: self, tag: snapshot.decision_tag(&self.message(person)) }
    }

    fn bytes(&self) -> [u8; CLAIMS_BYTES] {
        let mut bytes = [0; CLAIMS_BYTES];
        bytes[..16].copy_from_slice(self.review.as_bytes());
        let word = (u32::from(number(self.choice)) << 20) | self.ends_hour;
        bytes[16..19].copy_from_slice(&word.to_be_bytes()[1..]);
        bytes[19..].copy_from_slice(&self.state);
        bytes
    }

    fn of(bytes: &[u8; CLAIMS_BYTES]) -> Option<Self> {
        let (review, rest) = bytes.split_first_chunk::<16>()?;
        let (word, rest) = rest.split_first_chunk::<3>()?;
        let word = u32::from_be_bytes([0, word[0], word[1], word[2]]);
        let choice = Choice::ALL.into_iter().find(|choice| u32::from(number(*choice)) == word >> 20)?;
        let state = *rest.first_chunk()?;
        Some(Self { review: ReviewId::from_bytes(*review), choice, ends_hour: word & 0xF_FFFF, state })
    }

    /// What the tag is over: the form, the claims, whose it is. The claims have a fixed length, so no two messages are alike.
    fn message(&self, person: &str) -> Vec<u8> {
        [b"token 1".as_slice(), &self.bytes(), person.as_bytes()].concat()
    }
}

/// The answer's number in a token; four bits, and for ever.
fn number(choice: Choice) -> u8 {
    match choice {
        Choice::Incoming => 1,
        Choice::Stored => 2,
        Choice::Accept => 3,
        Choice::Reject => 4,
    }
}

impl Token {
    /// Reads a token as it was sent, or lies in an offer.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; TOKEN_BYTES];
        let mut letters = text.chars().filter(|letter| !letter.is_whitespace());
        for expected in PREFIX.chars() {
            letters.next().filter(|letter| letter.eq_ignore_ascii_case(&expected))?;
        }
        let mut letters = letters.filter(|letter| *letter != '-');
        for five in bytes.chunks_exact_mut(5) {
            let mut word = 0_u64;
            for _ in 0..8 {
                word = (word << 5) | u64::from(value(letters.next()?)?);
            }
            five.copy_from_slice(&word.to_be_bytes()[3..]);
        }
        if letters.next().is_some() {
            return None;
        }
        Self::from_bytes(&bytes)
    }

    /// Reads its bytes.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; TOKEN_BYTES] = bytes.try_into().ok()?;
        let (claims, tag) = bytes.split_first_chunk::<CLAIMS_BYTES>()?;
        Some(Self { claims: Claims::of(claims)?, tag: *tag.first_chunk()? })
    }

    /// Its bytes.
    pub(super) fn bytes(&self) -> [u8; TOKEN_BYTES] {
        let mut bytes = [0; TOKEN_BYTES];
        bytes[..CLAIMS_BYTES].copy_from_slice(&self.claims.bytes());
        bytes[CLAIMS_BYTES..].copy_from_slice(&self.tag);
        bytes
    }

    /// What it says, if it was made for this person.
    pub(super) fn proved(&self, snapshot: &Snapshot<'_>, person: &str) -> Option<Claims> {
        snapshot.is_decision_tag(&self.claims.message(person), &self.tag).then_some(self.claims)
    }

    /// The answer that it gives.
    pub(super) fn choice(&self) -> Choice {
        self.claims.choice
    }

    /// What tells it from every other one.
    pub(super) fn tag(&self) -> [u8; TAG_BYTES] {
        self.tag
    }
}

/// Writes it as it is sent.
impl std::fmt::Display for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(PREFIX)?;
        for five in self.bytes().chunks_exact(5) {
            let word = five.iter().fold(0_u64, |word, byte| (word << 8) | u64::from(*byte));
            for place in (0..8).rev() {
                let letter = ALPHABET[usize::try_from((word >> (place * 5)) & 31).unwrap_or_default()];
                write!(f, "{}", char::from(letter))?;
            }
        }
        Ok(())
    }
}

/// What a letter stands for.
fn value(letter: char) -> Option<u8> {
    let at = ALPHABET.iter().position(|known| char::from(*known) == letter.to_ascii_uppercase())?;
    u8::try_from(at).ok()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::io::SeededEntropy;
    use crate::store::{MasterKey, Store};

    const LI_LEI: &str = "li.lei@example.com";

    fn store(seed: u64) -> Store {
        let key = MasterKey::generate(&mut SeededEntropy::new(seed));
        Store::in_memory(&key, Box::new(SeededEntropy::new(seed))).unwrap()
    }

    fn claims(review: [u8; 16], choice: Choice) -> Claims {
        Claims { review: ReviewId::from_bytes(review), choice, ends_hour: 0x7_1234, state: [1, 2, 3, 4, 5] }
    }

    #[test]
    fn a_token_is_good_for_whom_it_was_made_for_and_nobody_else() {
        let (mut own, mut other) = (store(1), store(2));
        let claims = claims([7; 16], Choice::Stored);
        let token = claims.token(&own.snapshot().unwrap(), LI_LEI);
        let text = token.to_string();
        assert!(text.len() == 68 && text.starts_with("DB1-"), "{text}");
        let read = Token::parse(&text).unwrap();
        assert_eq!(read.proved(&own.snapshot().unwrap(), LI_LEI), Some(claims));
        assert_eq!(read.proved(&own.snapshot().unwrap(), "han.meimei@example.com"), None);
        assert_eq!(read.proved(&own.snapshot().unwrap(), ""), None);
        assert_eq!(read.proved(&other.snapshot().unwrap(), LI_LEI), None, "another store's key");
    }

    #[test]
    fn a_token_survives_what_mail_programs_do_to_it() {
        let mut store = store(1);
        let snapshot = store.snapshot().unwrap();
        let token = claims([0xA5; 16], Choice::Accept).token(&snapshot, LI_LEI);
        let text = token.to_string();
        let (first, second) = text.split_at(40);
        for sent in
            [text.to_lowercase(), format!("{first}\r\n{second}"), format!(" {first}-\n {second} "), text.clone()]
        {
            assert_eq!(Token::parse(&sent), Some(token), "{sent}");
        }
        for bad in [
            "",
            "DB1-",
            "DB2-",
            "DB1",
            text.get(..67).unwrap(),
            &format!("{text}A"),
            text.get(4..).unwrap(),
            &text.replace("DB1", "DB9"),
        ] {
            assert_eq!(Token::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_token_ends_with_its_last_day() {
        let now = Timestamp(1_780_000_000_000);
        let claims = Claims { ends_hour: ends_hour(now, 14), ..claims([1; 16], Choice::Incoming) };
        let day = 24 * HOUR_MS;
        assert!(!claims.has_ended(now) && !claims.has_ended(Timestamp(now.0 + 14 * day)));
        assert!(claims.has_ended(Timestamp(now.0 + 14 * day + HOUR_MS)));
        assert!(claims.has_ended(Timestamp(i64::MAX)) && !claims.has_ended(Timestamp(i64::MIN)));
        assert_eq!(i64::from(ends_hour(Timestamp(i64::MAX), u32::MAX)), HOURS_MAX);
    }

    proptest! {
        #[test]
        fn with_any_one_bit_another_it_is_no_token(review: [u8; 16], person in "[a-z]{1,9}@b", bit in 0..TOKEN_BYTES * 8) {
            let mut store = store(3);
            let snapshot = store.snapshot().unwrap();
            let token = claims(review, Choice::Reject).token(&snapshot, &person);
            let mut bytes = token.bytes();
            prop_assert_eq!(Token::from_bytes(&bytes), Some(token));
            bytes[bit / 8] ^= 1 << (bit % 8);
            let proved = Token::from_bytes(&bytes).and_then(|token| token.proved(&snapshot, &person));
            prop_assert_eq!(proved, None);
        }

        #[test]
        fn any_text_is_read_or_refused(text: String) {
            prop_assert_eq!(Token::parse(&text), None);
        }

        #[test]
        fn what_nearly_is_a_token_is_read_or_refused(text in "(?i)db1-[a-z2-7 \n-]{0,90}") {
            if let Some(token) = Token::parse(&text) {
                prop_assert_eq!(Token::parse(&token.to_string()), Some(token));
            }
        }
    }
}
