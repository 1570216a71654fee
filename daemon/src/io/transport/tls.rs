//! Whose certificates are trusted, and connections that hold servers to them.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

/// The size of a file of certificates.
const CA_FILE_BYTES_MAX: u64 = 4 << 20;

/// Which certificates are trusted.
#[derive(Clone, Debug)]
pub struct TlsTrust(Arc<ClientConfig>);

/// Why no certificate can be trusted.
#[derive(Debug, thiserror::Error)]
pub enum TrustFailure {
    /// The office's own file of certificates can't be read.
    #[error("`{path}` can't be read: {error}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// It holds none, or something that is none.
    #[error("`{path}` holds no usable certificate: {reason}")]
    NoCertificate {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The system has none, and no file of the office's own is named.
    #[error("this machine has no list of trusted certificates")]
    NoneAtAll,
    /// TLS can't be set up.
    #[error("TLS can't be set up: {0}")]
    Setup(#[from] rustls::Error),
}

impl TlsTrust {
    /// Trusts what the system trusts and, if a file (PEM) is named, what is in it: an office's own authority.
    pub fn load(ca_file: Option<&Path>) -> Result<Self, TrustFailure> {
        let mut roots = RootCertStore::empty();
        // Single entries of the system's list that can't be read are passed over, as every program does.
        let system = rustls_native_certs::load_native_certs();
        let (added, ignored) = roots.add_parsable_certificates(system.certs);
        tracing::debug!(added, ignored, errors = system.errors.len(), "the system's certificates");
        if let Some(path) = ca_file {
            let certificates = read_certificates(path)?;
            for certificate in certificates {
                let no = |error: rustls::Error| TrustFailure::NoCertificate {
                    path: path.to_owned(),
                    reason: error.to_string(),
                };
                roots.add(certificate).map_err(no)?;
            }
        }
        if roots.is_empty() {
            return Err(TrustFailure::NoneAtAll);
        }
        Self::of(roots)
    }

    fn of(roots: RootCertStore) -> Result<Self, TrustFailure> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        Ok(Self(Arc::new(config.with_root_certificates(roots).with_no_client_auth())))
    }

    /// Trusts one certificate (PEM) and nothing else.
    #[cfg(test)]
    pub(super) fn only(pem: &str) -> Result<Self, TrustFailure> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()).flatten() {
            roots.add(certificate)?;
        }
        Self::of(roots)
    }

    /// Begins a connection to a host that has to prove this name.
    pub(super) fn connection(&self, host: &str) -> io::Result<ClientConnection> {
        let invalid = |error: &dyn fmt::Display| io::Error::new(io::ErrorKind::InvalidInput, error.to_string());
        let name = ServerName::try_from(host.to_owned()).map_err(|error| invalid(&error))?;
        ClientConnection::new(Arc::clone(&self.0), name).map_err(|error| invalid(&error))
    }
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TrustFailure> {
    let unreadable = |error| TrustFailure::Unreadable { path: path.to_owned(), error };
    if std::fs::metadata(path).map_err(unreadable)?.len() > CA_FILE_BYTES_MAX {
        return Err(unreadable(io::ErrorKind::FileTooLarge.into()));
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    let no = |reason: String| TrustFailure::NoCertificate { path: path.to_owned(), reason };
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let found = found.map_err(|error| no(error.to_string()))?;
    if found.is_empty() { Err(no("there is no `BEGIN CERTIFICATE` in it".to_owned())) } else { Ok(found) }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
#[expect(clippy::disallowed_methods, reason = "the test makes the files that people make")]
pub(super) mod tests {
    use super::*;

    /// A key and a certificate for 127.0.0.1, both PEM.
    pub(in super::super) fn own_certificate() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        (made.signing_key.serialize_pem(), made.cert.pem())
    }

    #[test]
    fn a_file_of_certificates_is_checked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let told = |path: &Path| TlsTrust::load(Some(path)).unwrap_err().to_string();
        assert!(told(&path).contains("can't be read"));
        std::fs::write(&path, "nothing").unwrap();
        assert!(told(&path).contains("BEGIN CERTIFICATE"));
        std::fs::write(&path, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
        assert!(told(&path).contains("holds no usable certificate"));
        std::fs::write(&path, own_certificate().1).unwrap();
        TlsTrust::load(Some(&path)).unwrap();
    }
}
