//! Why a mail is not read, in words for the person who sent it.

/// Why a mail is refused as a whole. Nothing of it may be posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.message())]
pub enum MimeFault {
    /// The mail has more bytes than `mail_bytes_max`, a text or an attachment more than its own limit.
    TooLarge,
    /// More parts than `parts_max`, or more attachments than `attachments_max`.
    TooManyParts,
    /// Parts or elements of its HTML lie deeper in each other than is allowed.
    TooDeep,
    /// More header lines than `headers_max`, or more bytes in them than `header_bytes_max`.
    TooManyHeaders,
    /// More addresses in one header than `addresses_max`.
    TooManyAddresses,
    /// Two `From` headers, or several addresses in the one.
    SeveralFrom,
    /// No `From` header, or no address in it.
    NoFrom,
    /// A text whose letters can't be told for certain.
    UndecodableText,
    /// An attachment that goes by two different names.
    NamesDiffer,
    /// The content is encrypted.
    Encrypted,
    /// The mail's structure makes no sense.
    Malformed,
}

impl MimeFault {
    /// Every fault there is.
    pub const ALL: [Self; 11] = [
        Self::TooLarge,
        Self::TooManyParts,
        Self::TooDeep,
        Self::TooManyHeaders,
        Self::TooManyAddresses,
        Self::SeveralFrom,
        Self::NoFrom,
        Self::UndecodableText,
        Self::NamesDiffer,
        Self::Encrypted,
        Self::Malformed,
    ];

    /// A stable kebab-case name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLarge => "too-large",
            Self::TooManyParts => "too-many-parts",
            Self::TooDeep => "too-deep",
            Self::TooManyHeaders => "too-many-headers",
            Self::TooManyAddresses => "too-many-addresses",
            Self::SeveralFrom => "several-from",
            Self::NoFrom => "no-from",
            Self::UndecodableText => "undecodable-text",
            Self::NamesDiffer => "names-differ",
            Self::Encrypted => "encrypted",
            Self::Malformed => "malformed",
        }
    }

    /// What is wrong and what was done about it, as sentences. It quotes nothing of the mail.
    pub const fn message(self) -> &'static str {
        match self {
            Self::TooLarge => "The mail, or something in it, is too large. Nothing of it was taken over.",
            Self::TooManyParts => "The mail has too many parts or attachments. Nothing of it was taken over.",
            Self::TooDeep => "The mail's parts lie too deep in each other. Nothing of it was taken over.",
            Self::TooManyHeaders => "The mail has too many headers. Nothing of it was taken over.",
            Self::TooManyAddresses => "The mail has too many addresses. Nothing of it was taken over.",
            Self::SeveralFrom => "The mail names more than one sender. Nothing of it was taken over.",
            Self::NoFrom => "The mail names no sender. Nothing of it was taken over.",
            Self::UndecodableText => {
                "It can't be told for certain which letters the mail's text is made of. Nothing of it was taken over."
            }
            Self::NamesDiffer => "An attachment goes by two different names. Nothing of the mail was taken over.",
            Self::Encrypted => "The mail is encrypted, and can't be read here. Nothing of it was taken over.",
            Self::Malformed => "The mail is damaged: its structure makes no sense. Nothing of it was taken over.",
        }
    }

    /// What a person can do now, as a sentence.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::TooLarge => "Send less in one mail: only the workbook, and without pictures.",
            Self::TooManyParts => "Send it in several mails.",
            Self::TooDeep => "Write a new mail, without the mails that it answers.",
            Self::TooManyHeaders | Self::SeveralFrom | Self::NoFrom | Self::Malformed => {
                "Write a new mail and send it from your own mail program."
            }
            Self::TooManyAddresses => "Send it to this address alone.",
            Self::UndecodableText => "Set your mail program to send in Unicode (UTF-8), and send the mail again.",
            Self::NamesDiffer => "Rename the file, with plain letters and digits, and attach it to a new mail.",
            Self::Encrypted => "Send it again without encryption; a signature is fine.",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::MimeFault;

    #[test]
    fn every_fault_has_a_code_of_its_own_and_words() {
        let codes: HashSet<&str> = MimeFault::ALL.into_iter().map(MimeFault::code).collect();
        assert_eq!(codes.len(), MimeFault::ALL.len());
        for fault in MimeFault::ALL {
            assert!(fault.code().bytes().all(|b| b.is_ascii_lowercase() || b == b'-'));
            assert!(fault.message().ends_with('.') && fault.hint().ends_with('.'), "{fault:?}");
        }
    }
}
