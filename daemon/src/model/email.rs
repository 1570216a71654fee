//! E-mail addresses that can be held against each other.
//!
//! A person's name in the configuration is whatever the office gives her; what is compared with a mail's From is an [`Email`].

use std::fmt;

/// The most bytes of a local part (RFC 5321, 4.5.3.1.1).
const LOCAL_BYTES_MAX: usize = 64;
/// The most bytes of a domain's name (RFC 1035, 2.3.4, as text).
const DOMAIN_BYTES_MAX: usize = 253;
/// The most bytes of a label.
const LABEL_BYTES_MAX: usize = 63;

/// A checked e-mail address: ASCII, in lower case. Its domain is of letters, digits and hyphens; a name in another script stands as `xn--…`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Email(String);

impl Email {
    /// Reads an address; upper and lower case are the same, in the local part too.
    pub fn parse(text: &str) -> Option<Self> {
        let (local, domain) = text.split_once('@')?;
        let is_local = local.len() <= LOCAL_BYTES_MAX
            && local.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(is_atom))
            && !local.contains("=?");
        (is_local && is_domain(domain)).then(|| Self(text.to_ascii_lowercase()))
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the `@`.
    pub fn local(&self) -> &str {
        self.0.split_once('@').map_or("", |(local, _)| local)
    }

    /// What stands behind the `@`.
    pub fn domain(&self) -> &str {
        self.0.split_once('@').map_or("", |(_, domain)| domain)
    }
}

/// Writes the address.
impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a byte may stand in an atom (RFC 5322, 3.2.3).
fn is_atom(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte)
}

/// Whether it is a name of a domain below another one: no IP address, no trailing dot.
pub fn is_domain(text: &str) -> bool {
    let top = text.rsplit('.').next().unwrap_or_default();
    is_host(text) && text.contains('.') && !top.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether it is what a machine can be called: labels of letters, digits and hyphens, parted by dots.
pub fn is_host(text: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= LABEL_BYTES_MAX
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    text.len() <= DOMAIN_BYTES_MAX && text.split('.').all(is_label)
}
