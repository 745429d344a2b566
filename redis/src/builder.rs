//! Settings of a store, checked before anything is sent.

use std::fmt;
use std::time::Duration;

use cloudflare_calls::store::StoreError;
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::io::tcp::TcpSettings;
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion, TlsMode};

use crate::RedisStore;
use crate::keys::Keys;
use crate::link::Source;

/// Default prefix of all keys.
const PREFIX: &str = "calls";

/// Default limit of one reply.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Retries of a cluster's connection, with waits of 20 to 300 ms: an operation follows its slot to
/// another node. The limit of the operation ends them.
const RETRIES: u32 = 10;

/// Settings of a store. Its `Debug` output has no URL.
#[must_use = "the store is there after `connect`"]
pub struct Builder {
    topology: Result<Topology, ConnectError>,
    prefix: String,
    timeout: Duration,
    #[cfg(feature = "rustls")]
    root: Option<Vec<u8>>,
}

/// Reason for which there is no store. No message has a URL or a password.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectError {
    /// No URL is given.
    NoUrl,
    /// The URL at this place, counted from 0, names no server.
    Url(usize),
    /// The URL at this place, counted from 0, needs TLS, and neither the feature
    /// `rustls` nor `native-tls` is on.
    Tls(usize),
    /// The name of the master is empty, or its URL is invalid.
    Master,
    /// The URLs differ in a part that has to be the same for all, or do not fit a cluster.
    Nodes,
    /// The prefix is empty, or it has braces or control characters.
    Prefix,
    /// The time limit is zero.
    Timeout,
    /// The root certificate is not PEM.
    Certificate,
    /// The servers are not reachable or refuse.
    Store(StoreError),
}

/// Servers of a store.
pub(crate) enum Topology {
    Standalone(ConnectionInfo),
    Sentinel { master: ConnectionInfo, name: String, sentinels: Vec<ConnectionInfo> },
    Cluster(Vec<ConnectionInfo>),
}

impl Builder {
    pub(crate) fn new(topology: Result<Topology, ConnectError>) -> Self {
        Self {
            topology,
            prefix: PREFIX.into(),
            timeout: TIMEOUT,
            #[cfg(feature = "rustls")]
            root: None,
        }
    }

    /// Sets the prefix of all keys and channels, by default `calls`. Stores with different prefixes
    /// share nothing.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Sets the time limit for a connection and for a reply, by default 2 s. An operation ends
    /// within twice that time.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the certificates, as PEM, of the authorities that sign the servers' certificates, in
    /// place of the system's.
    #[cfg(feature = "rustls")]
    pub fn root_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root = Some(pem.into());
        self
    }

    /// Connects to the servers, and returns the store.
    ///
    /// # Errors
    /// [`ConnectError`]: an invalid setting, or the reason for which the servers cannot be used.
    pub async fn connect(self) -> Result<RedisStore, ConnectError> {
        let is_bad = |c: char| matches!(c, '{' | '}') || c.is_control();
        if self.prefix.is_empty() || self.prefix.contains(is_bad) {
            return Err(ConnectError::Prefix);
        }
        if self.timeout.is_zero() {
            return Err(ConnectError::Timeout);
        }
        let (prefix, limit) = (self.prefix.clone(), self.timeout);
        let (name, source) = self.source()?;
        RedisStore::connect(name, source, Keys::new(prefix), limit)
            .await
            .map_err(ConnectError::Store)
    }

    fn source(self) -> Result<(&'static str, Source), ConnectError> {
        #[cfg(feature = "rustls")]
        let certificates = self
            .root
            .map(|root| redis::TlsCertificates { client_tls: None, root_cert: Some(root) });
        Ok(match self.topology? {
            Topology::Standalone(info) => {
                #[cfg(feature = "rustls")]
                let client = match certificates {
                    Some(certificates) => Client::build_with_tls(info, certificates)
                        .map_err(|_| ConnectError::Certificate)?,
                    None => Client::open(info).map_err(|_| ConnectError::Url(0))?,
                };
                #[cfg(not(feature = "rustls"))]
                let client = Client::open(info).map_err(|_| ConnectError::Url(0))?;
                ("standalone", Source::Server(Box::new(client)))
            }
            Topology::Sentinel { master, name, sentinels } => {
                let builder = sentinel(&master, &name, &sentinels)?;
                #[cfg(feature = "rustls")]
                let builder = match certificates {
                    Some(certificates) => builder
                        .set_client_to_sentinel_certificates(certificates.clone())
                        .set_client_to_redis_certificates(certificates),
                    None => builder,
                };
                let client: SentinelClient = builder.build().map_err(|_| ConnectError::Nodes)?;
                ("sentinel", Source::Sentinel(Box::new(client)))
            }
            Topology::Cluster(nodes) => {
                let limit = self.timeout;
                let builder = move || {
                    let builder = cluster(nodes.clone(), limit);
                    #[cfg(feature = "rustls")]
                    let builder = match certificates.clone() {
                        Some(certificates) => builder.certs(certificates),
                        None => builder,
                    };
                    builder
                };
                // This sends nothing.
                builder().build().map_err(|_| ConnectError::Nodes)?;
                ("cluster", Source::Cluster(Box::new(builder)))
            }
        })
    }
}

impl Topology {
    pub(crate) fn standalone(url: &str) -> Result<Self, ConnectError> {
        info(0, url).map(Self::Standalone)
    }

    pub(crate) fn sentinel<U: AsRef<str>>(
        master: &str,
        urls: impl IntoIterator<Item = U>,
    ) -> Result<Self, ConnectError> {
        let sentinels = infos(urls)?;
        let url = match master.contains("://") {
            true => master,
            false => "redis://master",
        };
        let info = info(0, url).map_err(|error| match error {
            ConnectError::Tls(_) => error,
            _ => ConnectError::Master,
        })?;
        let name = match info.addr() {
            _ if !master.contains("://") => master.to_owned(),
            ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => host.clone(),
            _ => String::new(),
        };
        match name.is_empty() {
            true => Err(ConnectError::Master),
            false => Ok(Self::Sentinel { master: info, name, sentinels }),
        }
    }

    pub(crate) fn cluster<U: AsRef<str>>(
        urls: impl IntoIterator<Item = U>,
    ) -> Result<Self, ConnectError> {
        infos(urls).map(Self::Cluster)
    }
}

fn sentinel(
    master: &ConnectionInfo,
    name: &str,
    sentinels: &[ConnectionInfo],
) -> Result<SentinelClientBuilder, ConnectError> {
    let addresses = sentinels.iter().map(|info| info.addr().clone());
    let mut builder = SentinelClientBuilder::new(addresses, name, SentinelServerType::Master)
        .map_err(|_| ConnectError::Nodes)?
        .set_client_to_redis_protocol(ProtocolVersion::RESP3)
        .set_client_to_redis_tcp_settings(tcp())
        .set_client_to_redis_db(master.redis_settings().db());
    if let Some(mode) = tls_mode(master) {
        builder = builder.set_client_to_redis_tls_mode(mode);
    }
    if let Some(username) = master.redis_settings().username() {
        builder = builder.set_client_to_redis_username(username);
    }
    if let Some(password) = master.redis_settings().password() {
        builder = builder.set_client_to_redis_password(password);
    }
    // `infos` has found one.
    let Some(first) = sentinels.first() else { return Err(ConnectError::NoUrl) };
    if let Some(mode) = tls_mode(first) {
        builder = builder.set_client_to_sentinel_tls_mode(mode);
    }
    if let Some(username) = first.redis_settings().username() {
        builder = builder.set_client_to_sentinel_username(username);
    }
    if let Some(password) = first.redis_settings().password() {
        builder = builder.set_client_to_sentinel_password(password);
    }
    Ok(builder)
}

fn cluster(nodes: Vec<ConnectionInfo>, limit: Duration) -> ClusterClientBuilder {
    ClusterClient::builder(nodes)
        .use_protocol(ProtocolVersion::RESP3)
        .tcp_settings(tcp())
        .connection_timeout(limit)
        .response_timeout(limit)
        .overall_response_timeout(Some(limit.saturating_mul(2)))
        .retries(RETRIES)
        .min_retry_wait(20)
        .max_retry_wait(300)
}

/// Returns the settings of sockets. nodelay: an operation is one small packet each way.
fn tcp() -> TcpSettings {
    TcpSettings::default().set_nodelay(true)
}

fn tls_mode(info: &ConnectionInfo) -> Option<TlsMode> {
    match info.addr() {
        ConnectionAddr::TcpTls { insecure: true, .. } => Some(TlsMode::Insecure),
        ConnectionAddr::TcpTls { .. } => Some(TlsMode::Secure),
        _ => None,
    }
}

fn infos<U: AsRef<str>>(
    urls: impl IntoIterator<Item = U>,
) -> Result<Vec<ConnectionInfo>, ConnectError> {
    let infos: Vec<ConnectionInfo> = urls
        .into_iter()
        .enumerate()
        .map(|(place, url)| info(place, url.as_ref()))
        .collect::<Result<_, _>>()?;
    let Some(first) = infos.first() else { return Err(ConnectError::NoUrl) };
    // All servers have one login and one kind of TLS.
    let login = |info: &ConnectionInfo| {
        let settings = info.redis_settings();
        (settings.username().map(str::to_owned), settings.password().map(str::to_owned))
    };
    let same =
        |info: &ConnectionInfo| login(info) == login(first) && tls_mode(info) == tls_mode(first);
    if infos.iter().all(same) { Ok(infos) } else { Err(ConnectError::Nodes) }
}

/// Returns the settings of a URL. RESP3: messages come over the connection of the commands.
fn info(place: usize, url: &str) -> Result<ConnectionInfo, ConnectError> {
    let with_tls = url.starts_with("rediss:") || url.starts_with("valkeys:");
    if with_tls && cfg!(not(any(feature = "rustls", feature = "native-tls"))) {
        return Err(ConnectError::Tls(place));
    }
    let info = url.into_connection_info().map_err(|_| ConnectError::Url(place))?;
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    Ok(info.set_redis_settings(settings).set_tcp_settings(tcp()))
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let topology = match &self.topology {
            Ok(Topology::Standalone(_)) => "standalone",
            Ok(Topology::Sentinel { .. }) => "sentinel",
            Ok(Topology::Cluster(_)) => "cluster",
            Err(_) => "invalid",
        };
        f.debug_struct("Builder")
            .field("topology", &topology)
            .field("prefix", &self.prefix)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoUrl => f.write_str("no server URL is given"),
            Self::Url(place) => {
                write!(f, "URL {place}, counted from 0, is not redis://, rediss:// or unix://")
            }
            Self::Tls(place) => {
                write!(f, "URL {place}, counted from 0, needs the feature rustls or native-tls")
            }
            Self::Master => f.write_str("the name of the master is not valid"),
            Self::Nodes => f.write_str("the URLs do not match each other or the topology"),
            Self::Prefix => f.write_str(
                "the prefix must have no braces or control characters, and not be empty",
            ),
            Self::Timeout => f.write_str("the time limit must not be zero"),
            Self::Certificate => f.write_str("the root certificate is not valid PEM"),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Store(error) => Some(error),
            _ => None,
        }
    }
}
