//! Account with its id, its API token, and requests that are repeated as far as they may be.

use std::time::Duration;

use secrecy::SecretString;

use super::api::types::{AccountId, ApiError, Uid};
use super::api::{Client, ClientBuilder};
use super::error::AccountError;
use super::operation::Operation;
use crate::env::{self, ACCOUNT_ID, FromEnvError};
use crate::retry::RetryPolicy;
use crate::runtime::error::{InvalidRequest, OperationError};
use crate::runtime::setup::ConfigError;
use crate::verdict::{Kind, Verdict};

/// Variable with the API token.
const API_TOKEN: &str = "CLOUDFLARE_API_TOKEN";
/// Variable with another base URL.
const BASE_URL: &str = "CLOUDFLARE_BASE_URL";

/// Account of Cloudflare, with an API token that may read its apps and TURN keys (Calls
/// Read) or change them as well (Calls Write).
///
/// A clone shares the connections of the original and costs no more than a few
/// reference counts. The API token is sent as a bearer token with every request and
/// never shown.
#[derive(Clone, Debug)]
pub struct Account {
    client: Client,
    retry: RetryPolicy,
}

impl Account {
    /// Creates an account with the default base URL, time-outs and HTTP client.
    ///
    /// # Errors
    /// [`ConfigError::Secret`] or [`ConfigError::Http`].
    pub fn new(account: AccountId, api_token: SecretString) -> Result<Self, ConfigError> {
        Self::builder(account, api_token).build()
    }

    /// Begins an account whose defaults can be changed.
    pub fn builder(account: AccountId, api_token: SecretString) -> AccountBuilder {
        let client = Client::builder(account, api_token);
        AccountBuilder { client, retry: RetryPolicy::default() }
    }

    /// Creates the account of `CLOUDFLARE_ACCOUNT_ID` with the API token in
    /// `CLOUDFLARE_API_TOKEN`, at `CLOUDFLARE_BASE_URL` if that is set.
    ///
    /// # Errors
    /// The variable that is missing or wrong, or the setting that cannot be used.
    pub fn from_env() -> Result<Self, FromEnvError> {
        AccountBuilder::from_env()?.build().map_err(FromEnvError::Config)
    }

    /// Returns the account's id.
    pub fn id(&self) -> &AccountId {
        self.client.account_id()
    }

    /// Returns the generated client, for all other requests.
    pub fn api(&self) -> &Client {
        &self.client
    }

    /// Makes a request as often as the table of [`RetryPolicy`] allows. Also returns whether
    /// the reply to an earlier try was lost.
    pub(super) async fn ask<'a, T, F>(
        &'a self,
        operation: &Operation,
        mut call: impl FnMut(&'a Client) -> F,
    ) -> (Result<T, AccountError>, bool)
    where
        F: Future<Output = Result<T, OperationError<ApiError>>>,
    {
        // No code of this API is known to ask for another try.
        let kind = |_: &OperationError<ApiError>| Kind::Other;
        let (result, was_lost) =
            self.retry.start().ask(operation.repeat, kind, || call(&self.client)).await;
        (result.map_err(|(source, verdict)| AccountError::new(source, verdict)), was_lost)
    }
}

/// Returns an id as a segment of the paths of `operation`.
pub(super) fn segment(operation: &Operation, id: &str) -> Result<Uid, AccountError> {
    Uid::new(id).map_err(|reason| {
        let source = InvalidRequest::PathParameter { operation: operation.name, reason };
        let verdict = Verdict { is_retryable: false, outcome_unknown: false };
        AccountError::new(source.into(), verdict)
    })
}

/// Settings of an [`Account`] to be built.
#[derive(Clone, Debug)]
pub struct AccountBuilder {
    client: ClientBuilder,
    retry: RetryPolicy,
}

impl AccountBuilder {
    /// Reads the settings of [`Account::from_env`], to be changed.
    ///
    /// # Errors
    /// The variable that is missing or wrong.
    pub fn from_env() -> Result<Self, FromEnvError> {
        Self::from_variables(env::variable)
    }

    fn from_variables(get: impl Fn(&str) -> Option<String>) -> Result<Self, FromEnvError> {
        let account = env::needed(&get, ACCOUNT_ID)?;
        let account = AccountId::new(account).map_err(FromEnvError::AccountId)?;
        let builder = Account::builder(account, env::needed(&get, API_TOKEN)?.into());
        Ok(match get(BASE_URL) {
            Some(base_url) => builder.base_url(base_url),
            None => builder,
        })
    }

    /// Sets the base URL, as [`ClientBuilder::base_url`](crate::ClientBuilder::base_url). The
    /// default is [`api::DEFAULT_BASE_URL`](super::api::DEFAULT_BASE_URL).
    pub fn base_url(self, base_url: impl Into<String>) -> Self {
        self.with(|client| client.base_url(base_url))
    }

    /// Allows plain text, as
    /// [`ClientBuilder::allow_plaintext`](crate::ClientBuilder::allow_plaintext). Secrets in
    /// replies cross the network in plain text, too.
    pub fn allow_plaintext(self) -> Self {
        self.with(ClientBuilder::allow_plaintext)
    }

    /// Sets the time-out, as [`ClientBuilder::timeout`](crate::ClientBuilder::timeout).
    pub fn timeout(self, timeout: Duration) -> Self {
        self.with(|client| client.timeout(timeout))
    }

    /// Sets the `User-Agent`, as [`ClientBuilder::user_agent`](crate::ClientBuilder::user_agent).
    pub fn user_agent(self, name: impl Into<String>) -> Self {
        self.with(|client| client.user_agent(name))
    }

    /// Sets the HTTP client, as
    /// [`ClientBuilder::http_client`](crate::ClientBuilder::http_client).
    pub fn http_client(self, http: reqwest::Client) -> Self {
        self.with(|client| client.http_client(http))
    }

    /// Sets the rules by which requests are repeated. Reading is a read of the table,
    /// renaming and deleting are a close, because repeating them does no harm, and
    /// creating is a creation.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// Builds the account.
    ///
    /// # Errors
    /// The setting that cannot be used.
    pub fn build(self) -> Result<Account, ConfigError> {
        Ok(Account { client: self.client.build()?, retry: self.retry })
    }

    fn with(self, change: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Self {
        Self { client: change(self.client), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::id::InvalidId;

    #[test]
    fn the_environment_has_account_token_and_base_url() {
        let from = |variables: &[(&str, &str)]| {
            let get = |name: &str| {
                let found = variables.iter().find(|(variable, _)| *variable == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            AccountBuilder::from_variables(get)?.build().map_err(FromEnvError::Config)
        };
        let (id, token) = ((ACCOUNT_ID, "a1"), (API_TOKEN, "t0ken"));
        let account = from(&[id, token]).unwrap();
        assert_eq!(account.id().as_str(), "a1");
        assert_eq!(account.api().base_url(), super::super::api::DEFAULT_BASE_URL);
        assert!(!format!("{account:?}").contains("t0ken"));
        let account = from(&[id, token, (BASE_URL, "http://localhost:1/client/v4")]).unwrap();
        assert_eq!(account.api().base_url(), "http://localhost:1/client/v4");

        assert_eq!(from(&[id]).unwrap_err().to_string(), "CLOUDFLARE_API_TOKEN is not set");
        assert_eq!(from(&[token]).unwrap_err().to_string(), "CLOUDFLARE_ACCOUNT_ID is not set");
        let error = from(&[(ACCOUNT_ID, "a/b"), token]).unwrap_err();
        assert_eq!(error, FromEnvError::AccountId(InvalidId::Character));
        let error = from(&[id, token, (BASE_URL, "http://api.example")]).unwrap_err();
        assert_eq!(error, FromEnvError::Config(ConfigError::Plaintext));
    }
}
