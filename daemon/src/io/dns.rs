//! Asks the name service for texts, with an end to every wait.
//!
//! What comes out is one of three: the texts, the certainty that there are none, or that it can't be said now. Nothing is believed
//! about what the texts mean.

use std::net::SocketAddr;
use std::time::Duration;

use mail_auth::hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts};
use mail_auth::hickory_resolver::net::runtime::TokioRuntimeProvider;
use mail_auth::hickory_resolver::net::{DnsError, NetError};
use mail_auth::hickory_resolver::proto::op::ResponseCode;
use mail_auth::hickory_resolver::proto::rr::{Name, RData};
use mail_auth::hickory_resolver::{TokioResolver, system_conf};

/// How long all attempts for one name may take together.
const LOOKUP_MAX: Duration = Duration::from_secs(10);
/// How long one attempt may take.
const ATTEMPT_MAX: Duration = Duration::from_secs(3);
/// The most texts that are taken for one name.
const TEXTS_MAX: usize = 16;
/// The most bytes of one text.
const TEXT_BYTES_MAX: usize = 8 * 1024;

/// Why no texts are there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DnsFailure {
    /// The name, or texts of it, don't exist.
    #[error("there is no such name")]
    Missing,
    /// It can't be said now.
    #[error("the name service gave no answer: {0}")]
    Unavailable(String),
}

/// Looks up texts.
pub trait Resolver {
    /// The TXT records of a name, each joined from its strings.
    fn texts(&self, name: &str) -> Result<Vec<Vec<u8>>, DnsFailure>;
}

/// The name service, by way of the system's servers or of one that is named.
pub struct NameService {
    runtime: tokio::runtime::Runtime,
    resolver: TokioResolver,
    lookup_max: Duration,
}

impl NameService {
    /// Asks the servers that the system names.
    pub fn system() -> Result<Self, DnsFailure> {
        let (config, options) = system_conf::read_system_conf().map_err(|error| unavailable(&error))?;
        Self::new(config, options, LOOKUP_MAX)
    }

    /// Asks one server, at most for `lookup_max` for each name.
    pub fn at(server: SocketAddr, lookup_max: Duration) -> Result<Self, DnsFailure> {
        let mut connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
        for connection in &mut connections {
            connection.port = server.port();
        }
        let server = NameServerConfig::new(server.ip(), true, connections.into());
        Self::new(ResolverConfig::from_parts(None, Vec::new(), vec![server]), ResolverOpts::default(), lookup_max)
    }

    fn new(config: ResolverConfig, mut options: ResolverOpts, lookup_max: Duration) -> Result<Self, DnsFailure> {
        options.timeout = ATTEMPT_MAX.min(lookup_max);
        // A key that was revoked is revoked now, and an outage ends when it ends.
        options.cache_size = 0;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| unavailable(&error))?;
        let builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        let resolver = {
            let _inside = runtime.enter();
            builder.with_options(options).build().map_err(|error| unavailable(&error))?
        };
        Ok(Self { runtime, resolver, lookup_max })
    }
}

impl Resolver for NameService {
    fn texts(&self, name: &str) -> Result<Vec<Vec<u8>>, DnsFailure> {
        // With the dot at its end no search list of the system's can turn it into another name.
        let name = Name::from_ascii(format!("{}.", name.trim_end_matches('.'))).map_err(|_| DnsFailure::Missing)?;
        let lookup = async { tokio::time::timeout(self.lookup_max, self.resolver.txt_lookup(name)).await };
        let lookup = self.runtime.block_on(lookup).map_err(|error| unavailable(&error))?;
        let lookup = lookup.map_err(|error| match &error {
            NetError::Dns(DnsError::NoRecordsFound(none))
                if matches!(none.response_code, ResponseCode::NoError | ResponseCode::NXDomain) =>
            {
                DnsFailure::Missing
            }
            _ => unavailable(&error),
        })?;
        let texts = lookup.answers().iter().filter_map(|record| match &record.data {
            RData::TXT(text) => {
                Some(text.txt_data.iter().flat_map(|part| part.iter().copied()).take(TEXT_BYTES_MAX).collect())
            }
            _ => None,
        });
        let texts: Vec<Vec<u8>> = texts.take(TEXTS_MAX).collect();
        if texts.is_empty() { Err(DnsFailure::Missing) } else { Ok(texts) }
    }
}

fn unavailable(error: &dyn std::fmt::Display) -> DnsFailure {
    DnsFailure::Unavailable(error.to_string())
}
