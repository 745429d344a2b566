//! Part of a client that all its operations share: the settings, and the HTTP client and
//! headers that they become.

use std::fmt;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

/// Reason why a client could not be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// The base URL is not an absolute `http` or `https` URL, or has a query,
    /// a fragment or credentials.
    BaseUrl,
    /// The base URL is `http` and its host is not this machine, so that the
    /// secret would cross the network in plain text. A builder's
    /// `allow_plaintext` permits it.
    Plaintext,
    /// The secret is empty or has a character that a header cannot carry.
    Secret,
    /// The name for the `User-Agent` has a character that a header cannot
    /// carry.
    UserAgent,
    /// The HTTP client could not be set up, for example because the system's
    /// root certificates cannot be read.
    Http,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BaseUrl => {
                "the base URL is not an absolute http(s) URL without query, fragment and credentials"
            }
            Self::Plaintext => {
                "the base URL is not https, and the secret would be sent in plain text"
            }
            Self::Secret => "the secret is empty or cannot be sent in a header",
            Self::UserAgent => "the user agent cannot be sent in a header",
            Self::Http => "the HTTP client could not be set up",
        })
    }
}

impl std::error::Error for ConfigError {}

/// Longest time to make a connection. A connection takes a few round trips; one that takes
/// longer will not come.
pub const CONNECT_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);

/// Longest time of an operation by default, from connecting to the end of the reply. The
/// API waits up to 5 s for a session's transport, and its `empty_track_error` has been seen
/// to take 8.3 s: a shorter time-out would lose that answer.
pub const DEFAULT_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(15);

/// `User-Agent` of a client that has no other: name and version of the crate.
const USER_AGENT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

/// Settings that every client has.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) base_url: String,
    pub(crate) timeout: std::time::Duration,
    pub(crate) http: Option<reqwest::Client>,
    pub(crate) user_agent: Option<String>,
    pub(crate) allows_plaintext: bool,
    pub(crate) attached: Attached,
}

impl Setup {
    pub(crate) fn new(base_url: &str) -> Self {
        Self {
            base_url: base_url.to_owned(),
            timeout: DEFAULT_TIMEOUT,
            http: None,
            user_agent: None,
            allows_plaintext: false,
            attached: Attached(None),
        }
    }

    /// Checks a URL that requests are to be sent to.
    pub(super) fn url(&self, url: &str) -> Result<reqwest::Url, ConfigError> {
        let url = reqwest::Url::parse(url).map_err(|_| ConfigError::BaseUrl)?;
        let plain = url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if !plain || !["https", "http"].contains(&url.scheme()) {
            return Err(ConfigError::BaseUrl);
        }
        if url.scheme() == "http" && !self.allows_plaintext && !is_loopback(&url) {
            return Err(ConfigError::Plaintext);
        }
        Ok(url)
    }
}

/// Value that a layer above the client keeps with it.
#[derive(Clone)]
pub(crate) struct Attached(pub(crate) Option<Arc<dyn std::any::Any + Send + Sync>>);

impl fmt::Debug for Attached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Attached").field(&self.0.is_some()).finish()
    }
}

/// Part of a client that all its operations share.
pub(crate) struct Core {
    pub(super) http: reqwest::Client,
    pub(crate) base: reqwest::Url,
    /// Header with the secret, marked as sensitive, so that no HTTP library shows it.
    pub(crate) authorization: reqwest::header::HeaderValue,
    /// Name that is sent. None for an HTTP client of the caller, which may have its own.
    pub(super) user_agent: Option<reqwest::header::HeaderValue>,
    #[allow(dead_code)] // Not every client has a layer above it.
    pub(crate) attached: Attached,
}

impl Core {
    pub(crate) fn new(setup: Setup, secret: &SecretString) -> Result<Self, ConfigError> {
        let base = setup.url(&setup.base_url)?;
        let secret = secret.expose_secret();
        if secret.is_empty() {
            return Err(ConfigError::Secret);
        }
        let mut authorization = reqwest::header::HeaderValue::try_from(format!("Bearer {secret}"))
            .map_err(|_| ConfigError::Secret)?;
        authorization.set_sensitive(true);
        let user_agent = match (setup.user_agent, &setup.http) {
            (Some(name), _) => Some(name.try_into().map_err(|_| ConfigError::UserAgent)?),
            (None, Some(_)) => None,
            (None, None) => Some(reqwest::header::HeaderValue::from_static(USER_AGENT)),
        };
        let http = match setup.http {
            Some(http) => http,
            None => {
                let mut http = reqwest::Client::builder()
                    .connect_timeout(CONNECT_TIMEOUT)
                    .timeout(setup.timeout)
                    // The API never redirects, and a POST that is redirected would become a GET.
                    .redirect(reqwest::redirect::Policy::none());
                if base.scheme() == "http" && !setup.allows_plaintext {
                    // A proxy would get the secret in plain text.
                    http = http.no_proxy();
                }
                http.build().map_err(|_| ConfigError::Http)?
            }
        };
        Ok(Self { http, base, authorization, user_agent, attached: setup.attached })
    }
}

/// Returns whether a URL's host is this machine: `localhost`, a name below it, or a
/// loopback or unspecified address.
pub(crate) fn is_loopback(url: &reqwest::Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    match address.map(|address| address.to_canonical()) {
        Ok(address) => address.is_loopback() || address.is_unspecified(),
        Err(_) => {
            let name = host.to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        }
    }
}
