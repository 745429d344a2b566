//! Short-lived credentials for Cloudflare's TURN service. It is not in the
//! OpenAPI document; the facts are those of Cloudflare's documentation of TURN.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::IceServers;
use crate::error::text;
use crate::generated::DEFAULT_BASE_URL;
use crate::generated::types::ApiError;
use crate::invalid::{Invalid, Problem, lifetime};
use crate::runtime::error::OperationError;
use crate::runtime::id::{InvalidId, check_id};
use crate::runtime::setup::{ConfigError, Core, Setup};

/// Longest lifetime of TURN credentials: 48 hours, by Cloudflare's documentation.
pub const MAX_TTL: Duration = Duration::from_secs(48 * 60 * 60);

/// Id of a TURN key of the Cloudflare account. It is not the key's API token.
///
/// The id is opaque, but safe to be part of a path: see [`InvalidId`] for the rule.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct TurnKeyId(String);

impl TurnKeyId {
    /// Creates an id from a safe string.
    ///
    /// # Errors
    /// [`InvalidId`] with the rule that the string breaks.
    pub fn new(id: impl Into<String>) -> Result<Self, InvalidId> {
        let id = id.into();
        check_id(&id)?;
        Ok(Self(id))
    }

    /// Returns the id as the API spells it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for TurnKeyId {
    type Err = InvalidId;

    fn from_str(id: &str) -> Result<Self, Self::Err> {
        Self::new(id)
    }
}

impl TryFrom<String> for TurnKeyId {
    type Error = InvalidId;

    fn try_from(id: String) -> Result<Self, Self::Error> {
        Self::new(id)
    }
}

impl fmt::Display for TurnKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Client of the TURN credentials API, for the backend only.
///
/// A clone shares the connections of the original and costs no more than a
/// reference count. The API token is sent as a bearer token with every request
/// and never shown.
///
/// ```no_run
/// use std::time::Duration;
///
/// use cloudflare_calls::SecretString;
/// use cloudflare_calls::ice::{IceServer, TurnClient, TurnKeyId};
///
/// # async fn example(api_token: SecretString) -> Result<(), Box<dyn std::error::Error>> {
/// let turn = TurnClient::new(TurnKeyId::new("2a95132c15732412d22c1476fa83f27a")?, api_token)?;
///
/// let servers = turn.generate(Duration::from_secs(2 * 60 * 60)).custom_identifier("room 7").send().await?;
/// let for_the_agent = serde_json::to_string(&servers.clone().for_browsers())?;
///
/// // The agent was thrown out: its credentials end before their time.
/// if let Some(username) = servers.iter().find_map(IceServer::username) {
///     turn.revoke(username).send().await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TurnClient {
    shared: Arc<Shared>,
}

struct Shared {
    core: Core,
    key_id: TurnKeyId,
    base_url: String,
}

impl TurnClient {
    /// Creates a client with the default base URL, time-outs and HTTP client.
    ///
    /// # Errors
    /// [`ConfigError::Secret`] or [`ConfigError::Http`].
    pub fn new(key_id: TurnKeyId, api_token: SecretString) -> Result<Self, ConfigError> {
        Self::builder(key_id, api_token).build()
    }

    /// Returns a builder, whose defaults can be changed.
    pub fn builder(key_id: TurnKeyId, api_token: SecretString) -> TurnClientBuilder {
        TurnClientBuilder { key_id, api_token, setup: Setup::new(DEFAULT_BASE_URL) }
    }

    /// Returns the key that all credentials of this client belong to.
    pub fn key_id(&self) -> &TurnKeyId {
        &self.shared.key_id
    }

    /// Returns the base URL of requests, as it was set.
    pub fn base_url(&self) -> &str {
        &self.shared.base_url
    }

    /// Creates credentials for one agent, together with the URLs of the servers
    /// that take them.
    ///
    /// `ttl` is their lifetime, from 1 s to [`MAX_TTL`]; fractions of a second are left out. Choose
    /// it longer than a call: a relayed connection may end with them. Repeating the request creates
    /// further credentials.
    ///
    /// `POST /turn/keys/{keyId}/credentials/generate-ice-servers`
    pub fn generate(&self, ttl: Duration) -> GenerateIceServers<'_> {
        GenerateIceServers { client: self, ttl, custom_identifier: None }
    }

    /// Ends the validity of credentials before their time; `username` is the one
    /// that [`generate`](Self::generate) returned with them.
    ///
    /// `POST /turn/keys/{keyId}/credentials/{username}/revoke`
    pub fn revoke(&self, username: impl Into<String>) -> RevokeCredentials<'_> {
        RevokeCredentials { client: self, username: username.into() }
    }
}

impl fmt::Debug for TurnClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TurnClient")
            .field("key_id", &self.shared.key_id)
            .field("base_url", &self.shared.base_url)
            .finish_non_exhaustive()
    }
}

/// Settings of a [`TurnClient`].
#[derive(Clone, Debug)]
pub struct TurnClientBuilder {
    key_id: TurnKeyId,
    api_token: SecretString,
    setup: Setup,
}

impl TurnClientBuilder {
    /// Sends requests elsewhere than to [`DEFAULT_BASE_URL`]: an absolute `https`
    /// URL, with a path if the API is not at the root, or an `http` URL of this
    /// machine.
    pub fn base_url(mut self, base_url: impl Into<String>) -> Self {
        self.setup.base_url = base_url.into();
        self
    }

    /// Permits an `http` URL of another machine, and a proxy for `http` URLs: the
    /// API token crosses the network in plain text then.
    pub fn allow_plaintext(mut self) -> Self {
        self.setup.allows_plaintext = true;
        self
    }

    /// Sets the time that a request may take; the default is
    /// [`DEFAULT_TIMEOUT`](crate::DEFAULT_TIMEOUT). Without effect on an HTTP client
    /// of your own.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.setup.timeout = timeout;
        self
    }

    /// Uses an HTTP client of your own, with its time-outs, proxies and redirections
    /// as you set them.
    pub fn http_client(mut self, http: reqwest::Client) -> Self {
        self.setup.http = Some(http);
        self
    }

    /// Builds the client.
    ///
    /// # Errors
    /// [`ConfigError`] with the setting that cannot be used.
    pub fn build(self) -> Result<TurnClient, ConfigError> {
        let base_url = self.setup.base_url.clone();
        let core = Core::new(self.setup, &self.api_token)?;
        let shared = Shared { core, key_id: self.key_id, base_url };
        Ok(TurnClient { shared: Arc::new(shared) })
    }
}

/// Request of [`TurnClient::generate`].
#[derive(Clone, Debug)]
#[must_use = "nothing happens before `send`"]
pub struct GenerateIceServers<'a> {
    client: &'a TurnClient,
    ttl: Duration,
    custom_identifier: Option<String>,
}

impl GenerateIceServers<'_> {
    /// Marks the credentials with a name of your own, such as that of a user or a
    /// room, by which Cloudflare's analytics can tell traffic apart.
    pub fn custom_identifier(mut self, custom_identifier: impl Into<String>) -> Self {
        self.custom_identifier = Some(custom_identifier.into());
        self
    }

    /// Sends the request.
    ///
    /// The servers are those that the API names, including URLs on port 53: see
    /// [`IceServers::for_browsers`].
    ///
    /// # Errors
    /// [`TurnError::Invalid`] for a `ttl` out of range: then nothing is sent. Otherwise see
    /// [`OperationError`].
    pub async fn send(self) -> Result<IceServers, TurnError> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Body {
            ttl: u64,
            #[serde(skip_serializing_if = "Option::is_none")]
            custom_identifier: Option<String>,
        }

        let Shared { core, key_id, .. } = &*self.client.shared;
        let ttl = lifetime(self.ttl, MAX_TTL)?;
        let body = Body { ttl, custom_identifier: self.custom_identifier };
        let path = ["turn", "keys", key_id.as_str(), "credentials", "generate-ice-servers"];
        let mut request = core.request("turn_generate", reqwest::Method::POST, &path);
        request.json(&body).map_err(OperationError::from)?;
        let reply = request.send().await?;
        match reply.status() {
            200..=299 => Ok(reply.decode()?),
            _ => Err(conceal(reply.refuse(std::convert::identity), None).into()),
        }
    }
}

/// Request of [`TurnClient::revoke`].
#[derive(Clone)]
#[must_use = "nothing happens before `send`"]
pub struct RevokeCredentials<'a> {
    client: &'a TurnClient,
    username: String,
}

impl RevokeCredentials<'_> {
    /// Sends the request.
    ///
    /// # Errors
    /// [`TurnError::Invalid`] for a username that breaks the rule of [`InvalidId`] and so could
    /// lead to another path: then nothing is sent. Otherwise see [`OperationError`]. Credentials
    /// that the API does not know are an error of the API (status 404), not a success.
    pub async fn send(self) -> Result<(), TurnError> {
        let Shared { core, key_id, .. } = &*self.client.shared;
        let username = self.username.as_str();
        check_id(username).map_err(invalid_username)?;
        let path = ["turn", "keys", key_id.as_str(), "credentials", username, "revoke"];
        let reply = core.request("turn_revoke", reqwest::Method::POST, &path).send().await?;
        match reply.status() {
            200..=299 => Ok(()),
            _ => Err(conceal(reply.refuse(std::convert::identity), Some(username)).into()),
        }
    }
}

impl fmt::Debug for RevokeCredentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevokeCredentials").field("client", self.client).finish_non_exhaustive()
    }
}

/// Reason for which TURN credentials could not be created or revoked.
///
/// Messages and `Debug` output contain neither the API token nor credentials.
#[derive(Debug)]
#[non_exhaustive]
pub enum TurnError {
    /// The request was refused before anything was sent.
    Invalid(Invalid),
    /// The request failed. The body of TURN's own errors is not documented. If it is not that of
    /// the Calls API, this is [`OperationError::Unexpected`].
    Request(OperationError<ApiError>),
}

impl TurnError {
    /// Returns the status of the reply, if there was one.
    pub fn status(&self) -> Option<reqwest::StatusCode> {
        match self {
            Self::Invalid(_) => None,
            Self::Request(error) => error.status(),
        }
    }
}

impl fmt::Display for TurnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(invalid) => invalid.fmt(f),
            Self::Request(error) => f.write_str(&text::of(error)),
        }
    }
}

impl std::error::Error for TurnError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Invalid(_) => None,
            Self::Request(error) => error.source(),
        }
    }
}

impl From<Invalid> for TurnError {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}

impl From<OperationError<ApiError>> for TurnError {
    fn from(error: OperationError<ApiError>) -> Self {
        Self::Request(error)
    }
}

fn invalid_username(reason: InvalidId) -> Invalid {
    let problem = match reason {
        InvalidId::Empty => Problem::Empty,
        _ => Problem::Malformed,
    };
    Invalid::new("username", problem)
}

/// Removes credentials from an error reply, in case it repeats them.
fn conceal(error: OperationError<ApiError>, username: Option<&str>) -> OperationError<ApiError> {
    let clean = |mut text: String| {
        if let Some(username) = username {
            text = text.replace(username, "[username]");
        }
        let marks = ["\"credential\"", "\"username\""];
        if let Some(at) = marks.iter().filter_map(|mark| text.find(mark)).min() {
            text.truncate(at);
            text.push_str("[credentials removed]");
        }
        text
    };
    match error {
        OperationError::Refused { operation, reply, mut body } => {
            body.error_description = body.error_description.map(|text| clean(text.into()).into());
            OperationError::Refused { operation, reply, body }
        }
        OperationError::Unexpected { operation, reply, excerpt } => {
            OperationError::Unexpected { operation, reply, excerpt: clean(excerpt) }
        }
        other => other,
    }
}
