//! Why a mail's sender was not believed, in a closed list: each reason has a stable code and words for the steward.
//!
//! The words name nothing that stands in the mail: who forges a sender also writes what is in it.

use std::fmt;

/// Makes [`Reason`] with its codes and words from one table.
macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident $code:literal $words:literal)*) => {
        /// Why a mail gives nobody's rights.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason {
            $($(#[$doc])* $name,)*
        }

        impl Reason {
            /// All reasons.
            pub const ALL: &[Reason] = &[$(Reason::$name,)*];

            /// Its code, which stays as it is.
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// What it means, for the steward.
            pub fn words(self) -> &'static str {
                match self { $(Self::$name => $words,)* }
            }
        }
    };
}

reasons! {
    /// The header block breaks a limit.
    HeaderTooLarge "header-too-large" "the mail's header is larger than any honest one"
    /// The header block has a line that can be read in two ways.
    HeaderMalformed "header-malformed" "a line of the mail's header can be read in two ways"
    /// A header that may stand once stands twice.
    HeaderRepeated "header-repeated" "a header that may stand only once stands there twice"
    /// There is no From.
    FromMissing "from-missing" "the mail has no From"
    /// There are several From headers.
    FromRepeated "from-repeated" "the mail has several From headers"
    /// The From names several mailboxes or a group.
    FromSeveral "from-several" "the mail's From names several addresses, or a group"
    /// The From has a comment.
    FromComment "from-comment" "the mail's From has a comment in parentheses, which hides where the address ends"
    /// The From's address is spelled in a way that is not taken.
    FromMalformed "from-malformed" "the mail's From is no plain address"
    /// The From's address is nobody's.
    UnknownSender "unknown-sender" "the address is nobody's in this office"
    /// No line of the border server was found where it must stand.
    BorderMissing "border-missing" "the topmost Received line is not the receiving server's, so nothing in the mail is known to be its word; check `authserv_id`"
    /// A trace line above the border can't be read.
    BorderMalformed "border-malformed" "a Received line that the office's own servers should have written can't be read"
    /// The border server said nothing.
    ResultsMissing "results-missing" "the receiving server wrote no Authentication-Results above its Received line"
    /// What stands in the border server's name can't be read.
    ResultsMalformed "results-malformed" "an Authentication-Results line in the receiving server's name can't be read"
    /// The border server found a failure.
    ResultsFailed "results-failed" "the receiving server found that the sender's domain did not send this"
    /// The border server found nothing that proves the From.
    ResultsInsufficient "results-insufficient" "the receiving server found no proof (dkim or dmarc) for the domain of the From"
    /// There is no DKIM signature.
    DkimMissing "dkim-missing" "the mail is not signed"
    /// There are too many signatures.
    DkimTooMany "dkim-too-many" "the mail has more signatures than any honest one"
    /// No signature is of the From's domain.
    DkimNotAligned "dkim-not-aligned" "no signature is of the domain of the From"
    /// The signature can't be read.
    DkimMalformed "dkim-malformed" "the signature can't be read"
    /// The signature covers part of the body only.
    DkimBodyLength "dkim-body-length" "the signature leaves the end of the body open (l=)"
    /// The signature leaves out a header that matters.
    DkimHeaderUnsigned "dkim-header-unsigned" "the signature leaves out the From, the subject or the date"
    /// The signature has expired, or is of the future.
    DkimExpired "dkim-expired" "the signature has expired, or is dated in the future"
    /// The algorithm is not safe.
    DkimAlgorithm "dkim-algorithm" "the signature's algorithm is not safe or not known"
    /// The domain has no such key, or it was revoked.
    DkimKeyMissing "dkim-key-missing" "the sender's domain has no such key, or has revoked it"
    /// The key record can't be read or is not for mail.
    DkimKeyMalformed "dkim-key-malformed" "the key of the sender's domain can't be read, or is not for this use"
    /// The key is too short.
    DkimKeyWeak "dkim-key-weak" "the key of the sender's domain is too short"
    /// The domain only tests its key.
    DkimKeyTesting "dkim-key-testing" "the sender's domain says that it only tests this key (t=y)"
    /// The signature does not fit.
    DkimFailed "dkim-failed" "the signature does not fit the mail"
    /// The name service could not be asked.
    DnsUnavailable "dns-unavailable" "the key of the sender's domain could not be looked up; it is tried again"
    /// The name service could not be asked for days.
    DnsGivenUp "dns-given-up" "the key of the sender's domain could not be looked up for three days"
}

/// Writes the words.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}
